//! A key/value store replicated by Raft, in files for the protocol, its messages, and what it keeps: the node of the lab in Rust,
//! with the whole command line of the testbed.
//!
//! `cargo run --release --example raft -- run --seeds 0..20 kv-everything` runs it. It does what `raft.py` beside it does, with the
//! same messages in the same order, byte for byte as long as nobody takes a snapshot: pre-votes (thesis 9.6), a leader that steps
//! down without a quorum (thesis 6.2), one append on its way to each follower, snapshots in one message, reads through the log.
//! Sections are those of the paper.

mod messages;
mod state;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::process::ExitCode;

use serde::Serialize;
use whitewater_scenarios::lab::{self, Answer, Hands, Init, Node, Request, Role, Settings};

use messages::{Appended, Message};
use state::{Command, Entry, Log, Snapshot, Store};

/// What a leader knows of a follower (Figure 2).
struct Progress {
    next: u64,
    matched: u64,
    /// Since when an append is on its way, if one is.
    sent_us: Option<u64>,
    heard_us: u64,
}

/// What a server is, and what it needs for that.
enum Standing {
    Follower,
    /// Asks whether it could win (thesis 9.6).
    PreCandidate {
        votes: BTreeSet<String>,
    },
    /// Its own vote counts once the save with this number is durable.
    Candidate {
        votes: BTreeSet<String>,
        own_vote: u64,
    },
    Leader {
        followers: BTreeMap<String, Progress>,
        own: Own,
    },
}

/// A leader's own copy of the log: it counts once it is durable.
struct Own {
    matched: u64,
    /// Saves that are not durable yet, with the index that each reaches.
    saves: VecDeque<(u64, u64)>,
}

/// A server in one life.
pub(crate) struct Server {
    me: String,
    peers: Vec<String>,
    settings: Settings,
    random: u64,
    term: u64,
    vote: Option<String>,
    log: Log,
    snapshot: Snapshot,
    store: Store,
    commit: u64,
    applied: u64,
    standing: Standing,
    leader: Option<String>,
    /// When it last heard from a leader.
    heard_us: Option<u64>,
    /// Since when, and for how long, it waits for one.
    waits_since_us: u64,
    patience_us: u64,
    /// For each client, its request that is to be answered.
    waiting: BTreeMap<String, u64>,
    /// How many turns saved something, and whether this one does.
    saves: u64,
    is_saving: bool,
}

impl Node for Server {
    type Message = Message;

    fn init(Init { me, nodes, seed, settings, saved }: Init, hands: &mut Hands) -> Server {
        let snapshot: Snapshot = saved.get("snapshot").unwrap_or_default();
        let (term, vote) = saved.get("vote").unwrap_or_default();
        let mut log = Log { base: snapshot.index, base_term: snapshot.term, entries: VecDeque::new() };
        while let Some(entry) = saved.get(&format!("log/{}", log.last() + 1)) {
            log.entries.push_back(entry);
        }
        let mut server = Server {
            peers: nodes.into_iter().filter(|name| *name != me).collect(),
            me,
            settings,
            random: seed | 1,
            term,
            vote,
            log,
            store: snapshot.store.clone(),
            commit: snapshot.index,
            applied: snapshot.index,
            snapshot,
            standing: Standing::Follower,
            leader: None,
            heard_us: None,
            waits_since_us: 0,
            patience_us: 0,
            waiting: BTreeMap::new(),
            saves: 0,
            is_saving: false,
        };
        if server.applied > 0 {
            hands.restored(server.applied, server.snapshot.term);
            hands.commit(server.applied);
        }
        hands.role(Role::Follower, term);
        server.await_leader(hands);
        server
    }

    fn message(&mut self, from: &str, message: Message, hands: &mut Hands) {
        match message {
            Message::PreVote { term, last, last_term } => self.on_pre_vote(from, term, (last_term, last), hands),
            Message::PreVoteReply { term, asked, granted } => {
                self.adopt(term, hands);
                if granted && asked == self.term + 1 {
                    self.count_vote(from, hands);
                }
            }
            Message::RequestVote { term, last, last_term } => {
                self.on_request_vote(from, term, (last_term, last), hands)
            }
            Message::VoteReply { term, granted } => {
                self.adopt(term, hands);
                if granted && term == self.term && matches!(self.standing, Standing::Candidate { .. }) {
                    self.count_vote(from, hands);
                }
            }
            Message::Append { term, previous, previous_term, entries, commit } => {
                let mut result = None;
                if self.follow(from, term, hands) {
                    let appended = self.accept(previous, previous_term, entries, hands);
                    if let Appended::Matched(matched) = appended {
                        self.commit_through(commit.min(matched), hands);
                    }
                    result = Some(appended);
                }
                promise(from, &Message::AppendReply { result, term: self.term }, hands);
            }
            Message::AppendReply { result, term } => self.on_append_reply(from, term, result, hands),
            Message::InstallSnapshot { term, snapshot } => {
                let mut result = None;
                if self.follow(from, term, hands) {
                    result = Some(Appended::Matched(snapshot.index));
                    if snapshot.index > self.commit {
                        self.install(snapshot, hands);
                    }
                }
                promise(from, &Message::AppendReply { result, term: self.term }, hands);
            }
        }
        self.end_turn();
    }

    fn request(&mut self, Request { client, msg_id, operation }: Request, hands: &mut Hands) {
        let latest = self.store.sessions.get(&client).filter(|(last, _)| msg_id <= *last);
        match latest {
            _ if !matches!(self.standing, Standing::Leader { .. }) => self.refuse(&client, msg_id, 11, hands),
            // It was applied, and its answer got lost; or it is an older one.
            Some((last, answer)) if msg_id == *last => hands.answer(&client, answer),
            Some(_) => {}
            None if self.waiting.get(&client) == Some(&msg_id) => {}
            None => {
                self.waiting.insert(client.clone(), msg_id);
                self.append(Some((client, msg_id, operation)), hands);
            }
        }
        self.end_turn();
    }

    fn timer(&mut self, name: &str, hands: &mut Hands) {
        match (name, &self.standing) {
            ("heartbeat", Standing::Leader { .. }) => self.on_heartbeat(hands),
            ("heartbeat", _) | (_, Standing::Leader { .. }) => {}
            _ => match passed_us(self.waits_since_us, hands) {
                Some(waited_us) if waited_us < self.patience_us => hands.arm("election", self.patience_us - waited_us),
                Some(_) | None => self.ask_whether_to_stand(hands),
            },
        }
        self.end_turn();
    }

    fn saved(&mut self, save: u64, hands: &mut Hands) {
        match &mut self.standing {
            Standing::Candidate { own_vote, .. } if save >= *own_vote => {
                let me = self.me.clone();
                self.count_vote(&me, hands);
            }
            Standing::Leader { own, .. } => {
                while let Some((_, index)) = own.saves.front().copied().filter(|(number, _)| *number <= save) {
                    own.saves.pop_front();
                    own.matched = index;
                }
                self.count_matches(hands);
            }
            Standing::Follower | Standing::PreCandidate { .. } | Standing::Candidate { .. } => {}
        }
        self.end_turn();
    }
}

/// Saves, and the numbers that they have.
impl Server {
    fn save(&mut self, key: &str, value: &impl Serialize, hands: &mut Hands) {
        self.is_saving = true;
        hands.save(key, value);
    }

    fn forget(&mut self, key: &str, hands: &mut Hands) {
        self.is_saving = true;
        hands.remove(key);
    }

    /// The number that the save of this turn has, or of the one before it if nothing is saved.
    fn save_number(&self) -> u64 {
        self.saves + u64::from(self.is_saving)
    }

    fn end_turn(&mut self) {
        self.saves = self.save_number();
        self.is_saving = false;
    }

    fn save_vote(&mut self, hands: &mut Hands) {
        let vote = (self.term, self.vote.clone());
        self.save("vote", &vote, hands);
    }
}

/// Terms and elections (5.1, 5.2).
impl Server {
    fn majority(&self) -> usize {
        self.peers.len().div_ceil(2) + 1
    }

    /// A number that depends on the seed alone (xorshift).
    fn drawn(&mut self, [low, high]: [u64; 2]) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        low + self.random % (high - low + 1)
    }

    /// Waits for a new random while.
    fn await_leader(&mut self, hands: &mut Hands) {
        self.patience_us = self.drawn(self.settings.election_timeout_us);
        self.waits_since_us = hands.now_us();
        hands.arm("election", self.patience_us);
    }

    /// A higher term makes everybody a follower (5.1).
    fn adopt(&mut self, term: u64, hands: &mut Hands) {
        if term > self.term {
            (self.term, self.vote, self.leader) = (term, None, None);
            self.save_vote(hands);
            self.become_follower(hands);
        }
    }

    fn become_follower(&mut self, hands: &mut Hands) {
        if matches!(self.standing, Standing::Leader { .. }) {
            // Nobody can say any more what becomes of what it took on.
            for (client, msg_id) in std::mem::take(&mut self.waiting) {
                self.refuse(&client, msg_id, 13, hands);
            }
            self.await_leader(hands);
        }
        self.standing = Standing::Follower;
        hands.role(Role::Follower, self.term);
    }

    /// Only who could win raises the term (thesis 9.6).
    fn ask_whether_to_stand(&mut self, hands: &mut Hands) {
        self.leader = None;
        self.standing = Standing::PreCandidate { votes: BTreeSet::new() };
        hands.role(Role::PreCandidate, self.term);
        self.await_leader(hands);
        let question = Message::PreVote { term: self.term + 1, last: self.log.last(), last_term: self.log.last_term() };
        self.peers.iter().for_each(|peer| promise(peer, &question, hands));
        let me = self.me.clone();
        self.count_vote(&me, hands);
    }

    fn stand(&mut self, hands: &mut Hands) {
        (self.term, self.vote) = (self.term + 1, Some(self.me.clone()));
        self.save_vote(hands);
        hands.role(Role::Candidate, self.term);
        hands.vote(self.term, &self.me);
        self.standing = Standing::Candidate { votes: BTreeSet::new(), own_vote: self.save_number() };
        self.await_leader(hands);
        let question = Message::RequestVote { term: self.term, last: self.log.last(), last_term: self.log.last_term() };
        self.peers.iter().for_each(|peer| promise(peer, &question, hands));
    }

    /// Whether a log with this last term and index is as good as this one (5.4.1).
    fn is_up_to_date(&self, last: (u64, u64)) -> bool {
        last >= (self.log.last_term(), self.log.last())
    }

    /// Who hears from a leader wants no other one (thesis 4.2.3).
    fn on_pre_vote(&mut self, from: &str, asked: u64, last: (u64, u64), hands: &mut Hands) {
        let patience_us = self.settings.election_timeout_us[0];
        let is_led = matches!(self.standing, Standing::Leader { .. })
            || self.heard_us.is_some_and(|heard_us| is_within(patience_us, heard_us, hands));
        let granted = !is_led && asked > self.term && self.is_up_to_date(last);
        promise(from, &Message::PreVoteReply { term: self.term, asked, granted }, hands);
    }

    fn on_request_vote(&mut self, from: &str, term: u64, last: (u64, u64), hands: &mut Hands) {
        self.adopt(term, hands);
        let is_free = self.vote.as_deref().is_none_or(|vote| vote == from);
        let granted = term == self.term && is_free && self.is_up_to_date(last);
        if granted {
            if self.vote.is_none() {
                self.vote = Some(from.to_owned());
                self.save_vote(hands);
            }
            hands.vote(self.term, from);
            self.waits_since_us = hands.now_us();
        }
        promise(from, &Message::VoteReply { term: self.term, granted }, hands);
    }

    fn count_vote(&mut self, from: &str, hands: &mut Hands) {
        let majority = self.majority();
        match &mut self.standing {
            Standing::PreCandidate { votes } => {
                votes.insert(from.to_owned());
                if votes.len() >= majority {
                    self.stand(hands);
                }
            }
            Standing::Candidate { votes, .. } => {
                votes.insert(from.to_owned());
                if votes.len() >= majority {
                    self.lead(hands);
                }
            }
            Standing::Follower | Standing::Leader { .. } => {}
        }
    }
}

/// Replication and commitment (5.3, 5.4).
impl Server {
    fn lead(&mut self, hands: &mut Hands) {
        self.leader = Some(self.me.clone());
        hands.role(Role::Leader, self.term);
        let (next, heard_us) = (self.log.last() + 1, hands.now_us());
        let new = |peer: &String| (peer.clone(), Progress { next, matched: 0, sent_us: None, heard_us });
        let followers = self.peers.iter().map(new).collect();
        self.standing = Standing::Leader { followers, own: Own { matched: 0, saves: VecDeque::new() } };
        // With an entry of its own term, those of earlier terms are committed (5.4.2).
        self.append(None, hands);
        hands.arm("heartbeat", self.settings.heartbeat_us);
    }

    /// Takes an entry on as the leader. It is sent before it is durable here (thesis 10.2.1), and counts here once it is.
    fn append(&mut self, command: Command, hands: &mut Hands) {
        let entry = (self.term, command);
        let index = self.log.last() + 1;
        self.save(&format!("log/{index}"), &entry, hands);
        self.log.entries.push_back(entry);
        let number = self.save_number();
        let Standing::Leader { followers, own } = &mut self.standing else { return };
        own.saves.push_back((number, index));
        let idle = followers.iter().filter(|(_, progress)| progress.sent_us.is_none());
        let idle: Vec<String> = idle.map(|(peer, _)| peer.clone()).collect();
        idle.iter().for_each(|peer| self.replicate(peer, hands));
    }

    /// To everybody who was not sent anything for as long. Without a quorum it cannot lead (thesis 6.2).
    fn on_heartbeat(&mut self, hands: &mut Hands) {
        let Standing::Leader { followers, .. } = &self.standing else { return };
        let patience_us = 2 * self.settings.election_timeout_us[1];
        let is_recent = |progress: &&Progress| is_within(patience_us, progress.heard_us, hands);
        if followers.values().filter(is_recent).count() + 1 < self.majority() {
            self.leader = None;
            return self.become_follower(hands);
        }
        let heartbeat_us = self.settings.heartbeat_us;
        let is_due =
            |progress: &Progress| progress.sent_us.is_none_or(|sent_us| !is_within(heartbeat_us, sent_us, hands));
        let due = followers.iter().filter(|(_, progress)| is_due(progress));
        let due: Vec<String> = due.map(|(peer, _)| peer.clone()).collect();
        due.iter().for_each(|peer| self.replicate(peer, hands));
        hands.arm("heartbeat", self.settings.heartbeat_us);
    }

    /// Sends what a follower is not known to have, as far as it fits: at most one such message is on its way.
    fn replicate(&mut self, peer: &str, hands: &mut Hands) {
        let Standing::Leader { followers, .. } = &mut self.standing else { return };
        let Some(progress) = followers.get_mut(peer) else { return };
        progress.sent_us = Some(hands.now_us());
        let (term, previous) = (self.term, progress.next - 1);
        if previous < self.log.base {
            return hands.send(peer, &Message::InstallSnapshot { term, snapshot: self.snapshot.clone() });
        }
        let (previous_term, entries) =
            (self.log.term(previous), self.log.from(progress.next, self.settings.entries_per_append));
        hands.send(peer, &Message::Append { term, previous, previous_term, entries, commit: self.commit });
    }

    /// Whether a message of a leader counts; if so, it leads.
    fn follow(&mut self, from: &str, term: u64, hands: &mut Hands) -> bool {
        self.adopt(term, hands);
        if term < self.term {
            return false;
        }
        if !matches!(self.standing, Standing::Follower) {
            self.become_follower(hands);
        }
        self.leader = Some(from.to_owned());
        self.heard_us = Some(hands.now_us());
        self.waits_since_us = hands.now_us();
        true
    }

    /// Takes entries on if the one before them is here (5.3).
    fn accept(&mut self, previous: u64, previous_term: u64, entries: Vec<Entry>, hands: &mut Hands) -> Appended {
        if previous > self.log.last() {
            return Appended::Retry(self.log.last() + 1);
        }
        if previous >= self.log.base && self.log.term(previous) != previous_term {
            return Appended::Retry(self.first_of_term(previous));
        }
        let mut matched = previous;
        for (index, entry) in (previous + 1..).zip(entries) {
            matched = index;
            // What a snapshot covers is committed, and the same everywhere.
            let is_here = index <= self.log.base || index <= self.log.last() && self.log.term(index) == entry.0;
            if !is_here {
                self.forget_from(index, hands);
                self.save(&format!("log/{index}"), &entry, hands);
                self.log.entries.push_back(entry);
            }
        }
        Appended::Matched(matched.max(self.log.base))
    }

    /// The first entry of the term of this one: one message is enough for a term (end of 5.3).
    fn first_of_term(&self, index: u64) -> u64 {
        let term = self.log.term(index);
        let is_other = |index: &u64| self.log.term(*index) != term;
        (self.log.base + 1..index).rev().find(is_other).map_or(self.log.base + 1, |other| other + 1)
    }

    fn forget_from(&mut self, first: u64, hands: &mut Hands) {
        for index in first..=self.log.last() {
            self.forget(&format!("log/{index}"), hands);
        }
        self.log.entries.truncate(self.log.place(first));
    }

    fn on_append_reply(&mut self, from: &str, term: u64, result: Option<Appended>, hands: &mut Hands) {
        self.adopt(term, hands);
        let last = self.log.last();
        let Standing::Leader { followers, .. } = &mut self.standing else { return };
        let Some(progress) = followers.get_mut(from).filter(|_| term == self.term) else { return };
        progress.heard_us = hands.now_us();
        progress.sent_us = None;
        match result {
            None => {}
            Some(Appended::Retry(index)) => {
                progress.next = index.min(progress.next).max(progress.matched + 1);
                self.replicate(from, hands);
            }
            Some(Appended::Matched(index)) => {
                progress.matched = progress.matched.max(index);
                progress.next = progress.next.max(progress.matched + 1);
                let is_behind = progress.next <= last;
                self.count_matches(hands);
                if is_behind {
                    self.replicate(from, hands);
                }
            }
        }
    }

    /// What a majority has is committed, if it is of this term (5.4.2, Figure 8).
    fn count_matches(&mut self, hands: &mut Hands) {
        let majority = self.majority();
        let Standing::Leader { followers, own } = &self.standing else { return };
        let mut matched: Vec<u64> = followers.values().map(|progress| progress.matched).chain([own.matched]).collect();
        matched.sort_unstable_by(|one, other| other.cmp(one));
        let index = matched[majority - 1];
        if index > self.commit && self.log.term(index) == self.term {
            self.commit_through(index, hands);
        }
    }
}

/// The state machine, snapshots, and clients (7, 8).
impl Server {
    fn commit_through(&mut self, index: u64, hands: &mut Hands) {
        if index <= self.commit {
            return;
        }
        self.commit = index;
        hands.commit(index);
        while self.applied < self.commit {
            self.applied += 1;
            let (term, command) = self.log.get(self.applied).clone();
            hands.apply(self.applied, term, &command);
            let Some((client, msg_id, operation)) = command else { continue };
            let answer = self.store.apply(&client, msg_id, &operation);
            if let Some(answer) = answer.filter(|_| self.waiting.get(&client) == Some(&msg_id)) {
                self.waiting.remove(&client);
                hands.answer(&client, &answer);
            }
        }
        let is_due = |every: u32| self.applied - self.snapshot.index >= u64::from(every);
        if self.settings.snapshot_every.is_some_and(is_due) {
            self.take_snapshot(hands);
        }
    }

    fn take_snapshot(&mut self, hands: &mut Hands) {
        let (index, term) = (self.applied, self.log.term(self.applied));
        let snapshot = Snapshot { index, term, store: self.store.clone() };
        hands.snapshot(index, term);
        self.keep(snapshot, hands);
    }

    /// Keeps a snapshot, and the entries behind it.
    fn keep(&mut self, snapshot: Snapshot, hands: &mut Hands) {
        let covered = snapshot.index - self.log.base;
        for index in self.log.base + 1..=snapshot.index {
            self.forget(&format!("log/{index}"), hands);
        }
        self.log.entries.drain(..usize::try_from(covered).expect("a log fits into memory"));
        (self.log.base, self.log.base_term) = (snapshot.index, snapshot.term);
        self.save("snapshot", &snapshot, hands);
        self.snapshot = snapshot;
    }

    fn install(&mut self, snapshot: Snapshot, hands: &mut Hands) {
        let (index, term) = (snapshot.index, snapshot.term);
        hands.restored(index, term);
        hands.commit(index);
        (self.commit, self.applied, self.store) = (index, index, snapshot.store.clone());
        if index <= self.log.last() && self.log.term(index) == term {
            // What follows it is still good.
            return self.keep(snapshot, hands);
        }
        self.forget_from(self.log.base + 1, hands);
        self.log = Log { base: index, base_term: term, entries: VecDeque::new() };
        self.save("snapshot", &snapshot, hands);
        self.snapshot = snapshot;
    }

    fn refuse(&self, client: &str, in_reply_to: u64, code: u64, hands: &mut Hands) {
        let leader = self.leader.clone().filter(|leader| *leader != self.me);
        hands.answer(client, &Answer::Error { in_reply_to, code, leader });
    }
}

/// Says what must not be forgotten: it leaves when all that it rests on is durable (5.6).
fn promise(to: &str, message: &Message, hands: &mut Hands) {
    hands.send_after_save(to, message);
}

/// How long ago that was on the node's own clock, unless the clock was set back since.
fn passed_us(since_us: u64, hands: &Hands) -> Option<u64> {
    hands.now_us().checked_sub(since_us)
}

fn is_within(span_us: u64, since_us: u64, hands: &Hands) -> bool {
    passed_us(since_us, hands).is_some_and(|passed_us| passed_us < span_us)
}

fn main() -> ExitCode {
    lab::main::<Server>()
}
