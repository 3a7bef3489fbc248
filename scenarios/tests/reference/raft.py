#!/usr/bin/env python3
"""A key/value store replicated by Raft: a node for `whitewater run SCENARIO --node 'python3 raft.py'`.

Sections are those of the paper (Ongaro and Ousterhout, extended version); "thesis" is Ongaro's dissertation. The node is told
one event at a time, answers with what it does, and keeps nothing that a crash may not take but what it saved. It uses no clock
beside the one that comes with events and no randomness beside the seed that it is given, so that a run can be made again.

| what | where |
|---|---|
| what it says in a turn, and what it saves | `Turn` |
| the log, without the part that a snapshot has replaced (7) | `Log` |
| values and sessions: what entries are applied to (8) | `Store` |
| elections, with pre-votes and a leader that steps down without a quorum (5.2, thesis 9.6, 6.2) | `Node`, first part |
| replication (5.3), commitment (5.4), snapshots (7) | `Node`, second part |
| clients (8) | `Node`, third part |

What it simplifies: reads are entries of the log like writes; a snapshot travels in one message; nobody joins or leaves.
"""

import json
import sys

ELECTION_TIMEOUT_US = (150_000, 300_000)
HEARTBEAT_US = 50_000
SNAPSHOT_EVERY = 30  # Entries that are applied between two snapshots.
ENTRIES_PER_APPEND = 64

FOLLOWER, PRE_CANDIDATE, CANDIDATE, LEADER = "follower", "pre_candidate", "candidate", "leader"

encode = json.JSONEncoder(separators=(",", ":")).encode


class Turn:
    """What the node does about one event: lines for the simulator, written together at the end."""

    def __init__(self, me):
        self.me = me
        self.lines = []
        self.saves = {}  # Of this turn: they become durable together.
        self.count = 0  # Of turns that saved something, in this life.

    def send(self, dest, body, after_save=False):
        """Says something. With `after_save` it leaves once everything that was saved by the end of this turn is durable."""
        if after_save:
            self.lines.append(encode({"src": self.me, "dest": dest, "after_save": True, "body": body}))
        else:
            self.lines.append(encode({"src": self.me, "dest": dest, "body": body}))

    def tell(self, body):
        """Tells the simulator something: a timer, or a report."""
        self.send("sim", body)

    def save(self, key, value):
        """Replaces what the disk holds under a key; `None` removes it."""
        self.saves[key] = value

    def number(self):
        """The number that the save of this turn has, or of the one before it if nothing is saved."""
        return self.count + 1 if self.saves else self.count

    def end(self, turn, output):
        for key, value in self.saves.items():
            self.tell({"type": "save", "key": key, "value": value})
        self.count = self.number()
        self.saves = {}
        self.tell({"type": "done", "turn": turn})
        output.write("\n".join(self.lines) + "\n")
        output.flush()
        self.lines = []


class Log:
    """Entries with their terms. Indexes begin with 1; everything through `base` is in the snapshot."""

    def __init__(self, base=0, base_term=0):
        self.base, self.base_term = base, base_term
        self.entries = []  # Pairs of a term and a command; the first one has the index `base` + 1.

    def last(self):
        return self.base + len(self.entries)

    def last_term(self):
        return self.entries[-1][0] if self.entries else self.base_term

    def term(self, index):
        return self.base_term if index == self.base else self.entries[index - self.base - 1][0]

    def get(self, index):
        return self.entries[index - self.base - 1]

    def slice(self, first, count):
        return self.entries[first - self.base - 1 : first - self.base - 1 + count]

    def truncate(self, first):
        """Forgets this entry and all behind it."""
        del self.entries[first - self.base - 1 :]

    def compact(self, index):
        """Forgets this entry and all before it."""
        self.base_term = self.term(index)
        del self.entries[: index - self.base]
        self.base = index


class Store:
    """Values by key, and for each client its last request with the answer, so that what it asks twice happens once (8)."""

    def __init__(self, state=None):
        state = state or {"values": {}, "sessions": {}}
        self.values, self.sessions = state["values"], state["sessions"]

    def state(self):
        return {"values": self.values, "sessions": self.sessions}

    def apply(self, command):
        """Applies a command, and returns the answer to it: `None` to one that is older than the client's last."""
        client, msg_id, request = command
        last, answer = self.sessions.get(client, (0, None))
        if msg_id <= last:
            return answer if msg_id == last else None
        answer = self.perform(request)
        self.sessions[client] = (msg_id, answer)
        return answer

    def perform(self, request):
        kind, key = request["type"], request["key"]
        if kind == "read":
            return {"type": "read_ok", "value": self.values.get(key)}
        if kind == "write":
            self.values[key] = request["value"]
        elif kind == "append":
            self.values[key] = self.values.get(key, "") + request["value"]
        elif kind == "delete":
            self.values.pop(key, None)
        elif kind == "cas":
            if key not in self.values and not request.get("create_if_not_exists"):
                return {"type": "error", "code": 20, "text": "the key does not exist"}
            if self.values.get(key, request["from"]) != request["from"]:
                return {"type": "error", "code": 22, "text": "the value is another one"}
            self.values[key] = request["to"]
        else:
            return {"type": "error", "code": 10, "text": "no such operation"}
        return {"type": kind + "_ok"}


class Node:
    def __init__(self, init, turn):
        self.me, self.turn = init["node_id"], turn
        self.peers = [name for name in init["node_ids"] if name != self.me]
        self.majority = len(init["node_ids"]) // 2 + 1
        self.random = init["seed"] | 1
        self.timeout_us = init.get("election_timeout_us") or ELECTION_TIMEOUT_US
        self.heartbeat_us = init.get("heartbeat_us") or HEARTBEAT_US
        self.snapshot_every = init.get("snapshot_every", SNAPSHOT_EVERY)
        self.entries_per_append = init.get("entries_per_append") or ENTRIES_PER_APPEND
        self.now = 0

        # On every server, durable (Figure 2).
        saved = init["saved"]
        self.term, self.vote = saved.get("vote", (0, None))
        snapshot = saved.get("snapshot") or {"index": 0, "term": 0, "state": None}
        self.log = Log(snapshot["index"], snapshot["term"])
        while (entry := saved.get(f"log/{self.log.last() + 1}")) is not None:
            self.log.entries.append(entry)
        self.snapshot = snapshot

        # On every server, volatile.
        self.role, self.leader = FOLLOWER, None
        self.store = Store(json.loads(encode(snapshot["state"])))
        self.commit = self.applied = snapshot["index"]
        self.heard_at = None  # When a leader was last heard of.
        self.votes, self.votes_at = set(), 0
        self.waiting = {}  # For each client, its request that is to be answered.

        # On leaders (Figure 2). An append is on its way, since when, until it is answered or a heartbeat is due.
        self.next, self.match, self.on_its_way, self.heard = {}, {}, {}, {}
        self.to_save = []  # Saves that are not durable yet, with the index that each reaches.

    def start(self):
        if self.snapshot["index"]:
            self.report("restored", index=self.snapshot["index"], term=self.snapshot["term"])
            self.report("commit", index=self.snapshot["index"])
        self.report("role", role=self.role, term=self.term)
        self.await_leader()

    def report(self, kind, **what):
        self.turn.tell({"type": kind, **what})

    def promise(self, dest, body):
        """Says what must not be forgotten: it leaves when all that it rests on is durable (5.6)."""
        self.turn.send(dest, body, after_save=True)

    # Terms and elections ---------------------------------------------------------------------------------------------

    def drawn(self, low, high):
        """A number that depends on the seed alone (xorshift)."""
        self.random ^= self.random << 13 & 0xFFFFFFFFFFFFFFFF
        self.random ^= self.random >> 7
        self.random ^= self.random << 17 & 0xFFFFFFFFFFFFFFFF
        return low + self.random % (high - low + 1)

    def await_leader(self):
        """Waits for a new random while. Instead of arming the timer at every message, it looks at the time when it runs out."""
        self.patience_us = self.drawn(*self.timeout_us)
        self.waits_since = self.now
        self.arm("election", self.patience_us)

    def arm(self, name, after_us):
        self.turn.tell({"type": "timer", "name": name, "after_us": after_us})

    def on_timer(self, body):
        if body["name"] == "heartbeat":
            if self.role == LEADER:
                self.on_heartbeat()
        elif self.role != LEADER:
            waited = self.now - self.waits_since
            if 0 <= waited < self.patience_us:
                self.arm("election", self.patience_us - waited)
            else:
                self.ask_whether_to_stand()

    def adopt(self, term):
        """A higher term makes everybody a follower (5.1)."""
        if term > self.term:
            self.term, self.vote = term, None
            self.save_vote()
            self.leader = None
            self.become_follower()

    def save_vote(self):
        self.turn.save("vote", (self.term, self.vote))

    def become_follower(self):
        if self.role == LEADER:
            self.give_up_requests()
            self.await_leader()
        self.role = FOLLOWER
        self.report("role", role=FOLLOWER, term=self.term)

    def ask_whether_to_stand(self):
        """Only who could win raises the term (thesis 9.6): else a server that was cut off would depose a leader on its return."""
        self.role, self.leader, self.votes = PRE_CANDIDATE, None, {self.me}
        self.report("role", role=PRE_CANDIDATE, term=self.term)
        self.await_leader()
        self.ask_for_votes("pre_vote", self.term + 1)
        self.count_votes()

    def stand(self):
        self.role, self.term, self.vote = CANDIDATE, self.term + 1, self.me
        self.save_vote()
        self.report("role", role=CANDIDATE, term=self.term)
        self.report("vote", term=self.term, **{"for": self.me})
        # Its own vote counts when it is durable.
        self.votes, self.votes_at = set(), self.turn.number()
        self.await_leader()
        self.ask_for_votes("request_vote", self.term)

    def ask_for_votes(self, kind, term):
        question = {"type": kind, "term": term, "last": self.log.last(), "last_term": self.log.last_term()}
        for peer in self.peers:
            self.promise(peer, question)

    def is_up_to_date(self, body):
        """Whether the log of who asks is as good as this one (5.4.1)."""
        return (body["last_term"], body["last"]) >= (self.log.last_term(), self.log.last())

    def on_pre_vote(self, source, body):
        """Who hears from a leader wants no other one (thesis 4.2.3, 6.2)."""
        is_led = self.role == LEADER or (
            self.heard_at is not None and 0 <= self.now - self.heard_at < self.timeout_us[0]
        )
        granted = not is_led and body["term"] > self.term and self.is_up_to_date(body)
        reply = {"type": "pre_vote_reply", "term": self.term, "for": body["term"], "granted": granted}
        self.promise(source, reply)

    def on_pre_vote_reply(self, source, body):
        self.adopt(body["term"])
        if self.role == PRE_CANDIDATE and body["granted"] and body["for"] == self.term + 1:
            self.votes.add(source)
            self.count_votes()

    def on_request_vote(self, source, body):
        self.adopt(body["term"])
        granted = body["term"] == self.term and self.vote in (None, source) and self.is_up_to_date(body)
        if granted:
            if self.vote is None:
                self.vote = source
                self.save_vote()
            self.report("vote", term=self.term, **{"for": source})
            self.waits_since = self.now
        self.promise(source, {"type": "vote_reply", "term": self.term, "granted": granted})

    def on_vote_reply(self, source, body):
        self.adopt(body["term"])
        if self.role == CANDIDATE and body["granted"] and body["term"] == self.term:
            self.votes.add(source)
            self.count_votes()

    def count_votes(self):
        if len(self.votes) >= self.majority:
            if self.role == PRE_CANDIDATE:
                self.stand()
            elif self.role == CANDIDATE:
                self.lead()

    # Leading: replication, commitment, snapshots ---------------------------------------------------------------------

    def lead(self):
        self.role, self.leader = LEADER, self.me
        self.report("role", role=LEADER, term=self.term)
        self.next = {peer: self.log.last() + 1 for peer in self.peers}
        self.match = {name: 0 for name in [self.me, *self.peers]}
        self.on_its_way = {peer: None for peer in self.peers}
        self.heard = {peer: self.now for peer in self.peers}
        self.to_save = []
        # An entry of its own term, with which those of earlier terms are committed (5.4.2).
        self.append(None)
        self.arm("heartbeat", self.heartbeat_us)

    def append(self, command):
        """Takes an entry on. It is sent before it is durable here (thesis 10.2.1), and counts here once it is."""
        self.log.entries.append((self.term, command))
        self.turn.save(f"log/{self.log.last()}", (self.term, command))
        self.to_save.append((self.turn.number(), self.log.last()))
        for peer in self.peers:
            if self.on_its_way[peer] is None:
                self.replicate(peer)

    def on_heartbeat(self):
        """To everybody who was not sent anything for as long. Without a quorum it cannot lead (thesis 6.2)."""
        recent = sum(0 <= self.now - heard < 2 * self.timeout_us[1] for heard in self.heard.values())
        if recent + 1 < self.majority:
            self.leader = None
            return self.become_follower()
        for peer, sent in self.on_its_way.items():
            if sent is None or not 0 <= self.now - sent < self.heartbeat_us:
                self.replicate(peer)
        self.arm("heartbeat", self.heartbeat_us)

    def replicate(self, peer):
        """Sends what a follower is not known to have, as far as it fits: at most one such message is on its way."""
        self.on_its_way[peer] = self.now
        previous = self.next[peer] - 1
        if previous < self.log.base:
            return self.turn.send(peer, {"type": "install_snapshot", "term": self.term, "snapshot": self.snapshot})
        entries = self.log.slice(self.next[peer], self.entries_per_append)
        self.turn.send(
            peer,
            {
                "type": "append",
                "term": self.term,
                "previous": previous,
                "previous_term": self.log.term(previous),
                "entries": entries,
                "commit": self.commit,
            },
        )

    def follow(self, source, term):
        """Whether a message of a leader counts; if so, it leads."""
        self.adopt(term)
        if term < self.term:
            return False
        if self.role != FOLLOWER:
            self.become_follower()
        self.leader, self.heard_at, self.waits_since = source, self.now, self.now
        return True

    def on_append(self, source, body):
        reply = {"type": "append_reply"}
        if self.follow(source, body["term"]):
            reply.update(self.accept(body))
        reply["term"] = self.term
        self.promise(source, reply)

    def accept(self, body):
        """Takes entries on if the one before them is here (5.3)."""
        previous, entries = body["previous"], body["entries"]
        if previous > self.log.last():
            return {"retry": self.log.last() + 1}
        if previous < self.log.base:
            # What a snapshot covers is committed, and the same everywhere.
            entries = entries[self.log.base - previous :]
            previous = self.log.base
        elif self.log.term(previous) != body["previous_term"]:
            return {"retry": self.first_of_term(previous)}
        for index, entry in enumerate(entries, previous + 1):
            if index <= self.log.last():
                if self.log.term(index) == entry[0]:
                    continue
                self.forget_from(index)
            self.log.entries.append(entry)
            self.turn.save(f"log/{index}", entry)
        matched = max(previous + len(entries), body["previous"])
        self.commit_through(min(body["commit"], matched))
        return {"matched": matched}

    def first_of_term(self, index):
        """The first entry of the term of this one: one message is enough for a term (end of 5.3)."""
        term = self.log.term(index)
        while index - 1 > self.log.base and self.log.term(index - 1) == term:
            index -= 1
        return index

    def forget_from(self, first):
        for index in range(first, self.log.last() + 1):
            self.turn.save(f"log/{index}", None)
        self.log.truncate(first)

    def on_append_reply(self, source, body):
        self.adopt(body["term"])
        if self.role != LEADER or body["term"] < self.term:
            return
        self.heard[source], self.on_its_way[source] = self.now, None
        if "retry" in body:
            self.next[source] = max(self.match[source] + 1, min(self.next[source], body["retry"]))
            self.replicate(source)
        elif "matched" in body:
            self.match[source] = max(self.match[source], body["matched"])
            self.next[source] = max(self.next[source], self.match[source] + 1)
            self.count_matches()
            if self.next[source] <= self.log.last():
                self.replicate(source)

    def on_saved(self, body):
        """Everything through this save is durable: of a candidate its own vote, of a leader its own entries."""
        if self.role == CANDIDATE and body["save"] >= self.votes_at:
            self.votes.add(self.me)
            self.count_votes()
        elif self.role == LEADER:
            while self.to_save and self.to_save[0][0] <= body["save"]:
                self.match[self.me] = self.to_save.pop(0)[1]
            self.count_matches()

    def count_matches(self):
        """What a majority has is committed, if it is of this term (5.4.2, Figure 8)."""
        index = sorted(self.match.values(), reverse=True)[self.majority - 1]
        if index > self.commit and self.log.term(index) == self.term:
            self.commit_through(index)

    def commit_through(self, index):
        if index <= self.commit:
            return
        self.commit = index
        self.report("commit", index=index)
        while self.applied < self.commit:
            self.applied += 1
            term, command = self.log.get(self.applied)
            self.report("apply", index=self.applied, term=term, value=command)
            if command is not None:
                self.answer(command, self.store.apply(command))
        if self.snapshot_every is not None and self.applied - self.snapshot["index"] >= self.snapshot_every:
            self.take_snapshot()

    def take_snapshot(self):
        """Replaces the log through what is applied by the state that it has led to (7)."""
        term = self.log.term(self.applied)
        state = json.loads(encode(self.store.state()))
        self.keep_snapshot({"index": self.applied, "term": term, "state": state})
        self.report("snapshot", index=self.applied, term=term)
        for index in range(self.log.base + 1, self.applied + 1):
            self.turn.save(f"log/{index}", None)
        self.log.compact(self.applied)

    def keep_snapshot(self, snapshot):
        self.snapshot = snapshot
        self.turn.save("snapshot", snapshot)

    def on_install_snapshot(self, source, body):
        reply = {"type": "append_reply"}
        if self.follow(source, body["term"]):
            if body["snapshot"]["index"] > self.commit:
                self.install(body["snapshot"])
            reply["matched"] = body["snapshot"]["index"]
        reply["term"] = self.term
        self.promise(source, reply)

    def install(self, snapshot):
        index, term = snapshot["index"], snapshot["term"]
        is_known = self.log.base < index <= self.log.last() and self.log.term(index) == term
        if is_known:
            # What follows it is still good.
            for covered in range(self.log.base + 1, index + 1):
                self.turn.save(f"log/{covered}", None)
            self.log.compact(index)
        else:
            self.forget_from(self.log.base + 1)
            self.log = Log(index, term)
        self.keep_snapshot(snapshot)
        self.store = Store(json.loads(encode(snapshot["state"])))
        self.commit = self.applied = index
        self.report("restored", index=index, term=term)
        self.report("commit", index=index)

    # Clients -----------------------------------------------------------------------------------------------------------

    def on_request(self, client, body):
        msg_id = body["msg_id"]
        if self.role != LEADER:
            return self.refuse(client, msg_id, 11, "not the leader")
        last, answer = self.store.sessions.get(client, (0, None))
        if msg_id == last:
            # It was applied, and its answer got lost.
            return self.turn.send(client, {**answer, "in_reply_to": msg_id})
        if msg_id > last and self.waiting.get(client) != msg_id:
            self.waiting[client] = msg_id
            request = {name: value for name, value in body.items() if name != "msg_id"}
            self.append((client, msg_id, request))

    def refuse(self, client, msg_id, code, text):
        body = {"type": "error", "in_reply_to": msg_id, "code": code, "text": text}
        if self.leader not in (None, self.me):
            body["leader"] = self.leader
        self.turn.send(client, body)

    def answer(self, command, answer):
        """Answers who waits for this command: on the server that took it on."""
        client, msg_id, _ = command
        if answer is not None and self.waiting.get(client) == msg_id:
            del self.waiting[client]
            self.turn.send(client, {**answer, "in_reply_to": msg_id})

    def give_up_requests(self):
        """Who does not lead any more cannot say what becomes of what it took on."""
        for client, msg_id in sorted(self.waiting.items()):
            self.refuse(client, msg_id, 13, "not the leader any more")
        self.waiting = {}


def main():
    turn = node = None
    for line in sys.stdin:
        event = json.loads(line)
        source, body = event["src"], event["body"]
        kind = body["type"]
        if kind == "init" and source == "sim":
            turn = Turn(body["node_id"])
            node = Node(body, turn)
            node.now = event["now_us"]
            node.start()
        else:
            node.now = event["now_us"]
            if source == "sim":
                getattr(node, "on_" + kind)(body)
            elif source.startswith("c"):
                node.on_request(source, body)
            else:
                getattr(node, "on_" + kind)(source, body)
        turn.end(event["turn"], sys.stdout)


main()
