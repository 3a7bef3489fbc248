#!/usr/bin/env node
// A node. HANDOUT.md says what it is told, what it may do, and what it is to become in five stages.
//
// As it is, it keeps to the protocol and refuses everybody.
"use strict";

const readline = require("node:readline");

// A server in one life: a crash takes all of this away, but not what it saved.
class Node {
  constructor(init) {
    this.me = init.node_id;
    this.peers = init.node_ids.filter((name) => name !== this.me);
    this.saved = init.saved; // What earlier lives saved, by key.
    this.seed = init.seed; // For timeouts: write a generator that begins with it, and do not use Math.random().
    this.nowUs = 0; // Your clock. There is no other: a run has to be the same when it is made again.
    this.actions = [];
  }

  // What you can do --------------------------------------------------------------------------------------------------

  // Says something to a node or a client: at once, or when all that was saved so far is durable.
  send(dest, body, afterSave = false) {
    this.actions.push({ src: this.me, dest, body, after_save: afterSave });
  }

  // Arms a timer; if it is armed already, it starts anew.
  arm(name, afterUs) {
    this.send("sim", { type: "timer", name, after_us: afterUs });
  }

  // Replaces what the disk holds under this key. All saves of a turn become durable together.
  save(key, value) {
    this.send("sim", { type: "save", key, value });
  }

  // Tells the grader what you do, as in report("role", { role: "leader", term: 3 }): see HANDOUT.md.
  report(kind, what) {
    this.send("sim", { type: kind, ...what });
  }

  // What happens to you ----------------------------------------------------------------------------------------------

  onStart() {
    // Stage 1, election: begin as a follower. Draw a random timeout and arm a timer with it.
    // Stage 3, persistence: begin with the term, the vote and the log in this.saved.
    // Stage 4, snapshots: begin with the state in the snapshot.
  }

  onTimer(name) {
    // Stage 1, election: nobody leads, so stand for a new term. A leader sends heartbeats from here.
  }

  onSaved(save) {
    // Stage 3, persistence: everything through the save with this number is durable. A leader's own copy of an entry
    // counts from here on.
  }

  onMessage(source, body) {
    // Another node said something: body.type is yours to choose.
    // Stage 1, election: requests for votes, and votes.
    // Stage 2, replication: entries from the leader, and answers to them.
    // Stage 4, snapshots: a snapshot from the leader.
  }

  onRequest(client, body) {
    // Stage 2, replication: the leader puts the request into its log.
    // Stage 5, key/value service: when it is committed, apply it, once however often it was asked, and answer.
    this.send(client, { type: "error", in_reply_to: body.msg_id, code: 11, text: "nobody leads yet" });
  }
}

let node = null;

readline.createInterface({ input: process.stdin, crlfDelay: Infinity }).on("line", (line) => {
  const { src, body, now_us: nowUs, turn } = JSON.parse(line);
  const isSimulator = src === "sim";
  if (isSimulator && body.type === "init") {
    node = new Node(body);
    node.nowUs = nowUs;
    node.onStart();
  } else {
    node.nowUs = nowUs;
    if (isSimulator && body.type === "timer") node.onTimer(body.name);
    else if (isSimulator && body.type === "saved") node.onSaved(body.save);
    else if (node.peers.includes(src)) node.onMessage(src, body);
    else node.onRequest(src, body);
  }
  node.send("sim", { type: "done", turn });
  process.stdout.write(node.actions.map((action) => JSON.stringify(action) + "\n").join(""));
  node.actions = [];
});
