//! A node. HANDOUT.md says what it is told, what it may do, and what it is to become in five stages.
//!
//! As it is, it keeps to the protocol and refuses everybody.

use std::io::{self, BufRead, Write};

use serde_json::{Map, Value, json};

/// A server in one life: a crash takes all of this away, but not what it saved.
struct Node {
    me: String,
    peers: Vec<String>,
    /// What earlier lives saved, by key.
    saved: Map<String, Value>,
    /// For timeouts: write a small generator that begins with it, and use no other randomness.
    seed: u64,
    /// Your clock, in microseconds. There is no other: a run has to be the same when it is made again.
    now_us: u64,
    actions: Vec<Value>,
}

/// What you can do.
#[allow(dead_code)]
impl Node {
    /// Says something to a node or a client, at once.
    fn send(&mut self, dest: &str, body: Value) {
        self.actions.push(json!({ "src": self.me, "dest": dest, "body": body }));
    }

    /// Says something when all that was saved so far is durable.
    fn send_after_save(&mut self, dest: &str, body: Value) {
        self.actions.push(json!({ "src": self.me, "dest": dest, "body": body, "after_save": true }));
    }

    /// Arms a timer; if it is armed already, it starts anew.
    fn arm(&mut self, name: &str, after_us: u64) {
        self.send("sim", json!({ "type": "timer", "name": name, "after_us": after_us }));
    }

    /// Replaces what the disk holds under this key. All saves of a turn become durable together.
    fn save(&mut self, key: &str, value: Value) {
        self.send("sim", json!({ "type": "save", "key": key, "value": value }));
    }

    /// Tells the grader what you do, as in `report(json!({ "type": "role", "role": "leader", "term": 3 }))`: see HANDOUT.md.
    fn report(&mut self, what: Value) {
        self.send("sim", what);
    }
}

/// What happens to you.
impl Node {
    fn on_start(&mut self) {
        // Stage 1, election: begin as a follower. Draw a random timeout and arm a timer with it.
        // Stage 3, persistence: begin with the term, the vote and the log in self.saved.
        // Stage 4, snapshots: begin with the state in the snapshot.
        let _ = (&self.saved, self.seed);
    }

    fn on_timer(&mut self, _name: &str) {
        // Stage 1, election: nobody leads, so stand for a new term. A leader sends heartbeats from here.
        let _ = self.now_us;
    }

    fn on_saved(&mut self, _save: u64) {
        // Stage 3, persistence: everything through the save with this number is durable. A leader's own copy of an entry
        // counts from here on.
    }

    fn on_message(&mut self, _source: &str, _body: &Value) {
        // Another node said something: body["type"] is yours to choose.
        // Stage 1, election: requests for votes, and votes.
        // Stage 2, replication: entries from the leader, and answers to them.
        // Stage 4, snapshots: a snapshot from the leader.
    }

    fn on_request(&mut self, client: &str, body: &Value) {
        // Stage 2, replication: the leader puts the request into its log.
        // Stage 5, key/value service: when it is committed, apply it, once however often it was asked, and answer.
        let text = "nobody leads yet";
        self.send(client, json!({ "type": "error", "in_reply_to": body["msg_id"], "code": 11, "text": text }));
    }
}

/// The protocol.
impl Node {
    fn new(init: &Value) -> Node {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let me = text(&init["node_id"]);
        let names = init["node_ids"].as_array().into_iter().flatten().map(text);
        Node {
            peers: names.filter(|name| *name != me).collect(),
            me,
            saved: init["saved"].as_object().cloned().unwrap_or_default(),
            seed: init["seed"].as_u64().unwrap_or_default(),
            now_us: 0,
            actions: Vec::new(),
        }
    }

    fn turn(&mut self, source: &str, body: &Value) {
        match (source, body["type"].as_str().unwrap_or_default()) {
            ("sim", "init") => self.on_start(),
            ("sim", "timer") => self.on_timer(body["name"].as_str().unwrap_or_default()),
            ("sim", "saved") => self.on_saved(body["save"].as_u64().unwrap_or_default()),
            (peer, _) if self.peers.iter().any(|name| name == peer) => self.on_message(peer, body),
            (client, _) => self.on_request(client, body),
        }
    }
}

fn main() -> io::Result<()> {
    let mut node: Option<Node> = None;
    let mut output = io::BufWriter::new(io::stdout().lock());
    for line in io::stdin().lock().lines() {
        let event: Value = serde_json::from_str(&line?)?;
        let node = node.get_or_insert_with(|| Node::new(&event["body"]));
        node.now_us = event["now_us"].as_u64().unwrap_or_default();
        node.turn(event["src"].as_str().unwrap_or_default(), &event["body"]);
        node.send("sim", json!({ "type": "done", "turn": event["turn"] }));
        for action in node.actions.drain(..) {
            writeln!(output, "{action}")?;
        }
        output.flush()?;
    }
    Ok(())
}
