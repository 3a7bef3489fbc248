#!/usr/bin/env python3
"""A node. HANDOUT.md says what it is told, what it may do, and what it is to become in five stages.

As it is, it keeps to the protocol and refuses everybody.
"""

import json
import sys


class Node:
    """A server in one life: a crash takes all of this away, but not what it saved."""

    def __init__(self, init):
        self.me = init["node_id"]
        self.peers = [name for name in init["node_ids"] if name != self.me]
        self.saved = init["saved"]  # What earlier lives saved, by key.
        self.seed = init["seed"]  # For timeouts: use random.Random(self.seed), and no other randomness.
        self.now_us = 0  # Your clock. There is no other: a run has to be the same when it is made again.
        self.actions = []

    # What you can do ------------------------------------------------------------------------------------------------

    def send(self, dest, body, after_save=False):
        """Says something to a node or a client: at once, or when all that was saved so far is durable."""
        self.actions.append({"src": self.me, "dest": dest, "body": body, "after_save": after_save})

    def arm(self, name, after_us):
        """Arms a timer; if it is armed already, it starts anew."""
        self.send("sim", {"type": "timer", "name": name, "after_us": after_us})

    def save(self, key, value):
        """Replaces what the disk holds under this key. All saves of a turn become durable together."""
        self.send("sim", {"type": "save", "key": key, "value": value})

    def report(self, kind, **what):
        """Tells the grader what you do, as in report("role", role="leader", term=3): see HANDOUT.md."""
        self.send("sim", {"type": kind, **what})

    # What happens to you ----------------------------------------------------------------------------------------------

    def on_start(self):
        # Stage 1, election: begin as a follower. Draw a random timeout and arm a timer with it.
        # Stage 3, persistence: begin with the term, the vote and the log in self.saved.
        # Stage 4, snapshots: begin with the state in the snapshot.
        pass

    def on_timer(self, name):
        # Stage 1, election: nobody leads, so stand for a new term. A leader sends heartbeats from here.
        pass

    def on_saved(self, save):
        # Stage 3, persistence: everything through the save with this number is durable. A leader's own copy of an entry
        # counts from here on.
        pass

    def on_message(self, source, body):
        # Another node said something: body["type"] is yours to choose.
        # Stage 1, election: requests for votes, and votes.
        # Stage 2, replication: entries from the leader, and answers to them.
        # Stage 4, snapshots: a snapshot from the leader.
        pass

    def on_request(self, client, body):
        # Stage 2, replication: the leader puts the request into its log.
        # Stage 5, key/value service: when it is committed, apply it, once however often it was asked, and answer.
        self.send(
            client,
            {"type": "error", "in_reply_to": body["msg_id"], "code": 11, "text": "nobody leads yet"},
        )


def main():
    node = None
    for line in sys.stdin:
        event = json.loads(line)
        source, body = event["src"], event["body"]
        is_simulator = source == "sim"
        if is_simulator and body["type"] == "init":
            node = Node(body)
            node.now_us = event["now_us"]
            node.on_start()
        else:
            node.now_us = event["now_us"]
            if is_simulator and body["type"] == "timer":
                node.on_timer(body["name"])
            elif is_simulator and body["type"] == "saved":
                node.on_saved(body["save"])
            elif source in node.peers:
                node.on_message(source, body)
            else:
                node.on_request(source, body)
        node.send("sim", {"type": "done", "turn": event["turn"]})
        sys.stdout.write("".join(json.dumps(action) + "\n" for action in node.actions))
        sys.stdout.flush()
        node.actions = []


main()
