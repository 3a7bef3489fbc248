//! A host and its library: the smallest consensus that gets through faults is hosted, and passes; broken in one place each, it is
//! caught.
//!
//! Server 0 is the primary for ever. It stands for election in a new term when it boots, and when it has heard of no majority for
//! a while; nobody stands against it, and it sends nothing before its disk has it: so the logs of the others are beginnings of its
//! own. While it is down, nobody leads.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use whitewater_raft::Command;
use whitewater_reports::model::{RunRecord, Verdict};
use whitewater_scenarios::catalog;
use whitewater_scenarios::run::{Options, Run, run_on};
use whitewater_scenarios::scenario::Scenario;
use whitewater_scenarios::search::lineage::Lineage;
use whitewater_scenarios::system::{Leaders, Program, Stage, System, looked_after};
use whitewater_scenarios::systems::hosted::{
    Consensus, Cut, Host, Hosted, Kept, Node, ReadName, Record, Settings, Standing,
};
use whitewater_sim::observe::{Observation, Promise, Role};
use whitewater_sim::{Check, Message, NodeId, Recording, ServerId};
use xxhash_rust::xxh3::xxh3_64;

const PRIMARY: NodeId = NodeId(0);

/// So many entries are sent at once.
const BATCH: usize = 64;

/// After so many ticks the primary looks whether it has heard of a majority.
const PATIENCE_TICKS: u32 = 16;

/// What is done wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Flaw {
    /// Messages do not wait for the disk.
    SendsBeforeSync,
    /// The primary's own disk is enough.
    CommitsAlone,
    /// Reads wait for nothing.
    ReadsTooEarly,
    /// The primary sends its last entry, whatever the other lacks.
    SendsLastOnly,
    /// The servers do not start.
    RefusesToStart,
}

#[derive(Clone, Debug)]
struct Letter {
    term: u64,
    word: Word,
}

#[derive(Clone, Debug)]
enum Word {
    /// The primary asks to lead.
    Stand,
    /// It may.
    Vote,
    /// Entries behind an index, and the index through which the log is committed.
    Append { after: u64, entries: Vec<Record>, committed: u64 },
    /// The state, for who is too far behind.
    Install(Cut),
    /// The log is on disk through this index.
    Acknowledge(u64),
}

impl fmt::Display for Letter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "t{} {:?}", self.term, self.word)
    }
}

impl Message for Letter {
    fn fingerprint(&self) -> u64 {
        xxh3_64(self.to_string().as_bytes())
    }
}

/// What waits for the disk.
enum Waiting {
    Send(NodeId, Letter),
    Written(u64),
}

struct Server {
    flaw: Option<Flaw>,
    servers: u32,
    term: u64,
    vote: Option<NodeId>,
    role: Role,
    votes: BTreeSet<NodeId>,
    /// Ticks since the primary looked whether a majority answers, and who has answered since.
    ticks: u32,
    heard: BTreeSet<NodeId>,
    /// Index and term of the last entry that is gone.
    base: (u64, u64),
    log: Vec<Record>,
    /// The last entry that was handed to the disk.
    written: u64,
    committed: u64,
    /// Through which index the disk of a server has the log, where that is known.
    matched: BTreeMap<NodeId, u64>,
    outbox: Vec<(NodeId, Word)>,
}

impl Consensus for Server {
    type Settings = Option<Flaw>;
    type Message = Letter;
    type Waiting = Waiting;

    fn boot(flaw: &Option<Flaw>, kept: Kept, host: &mut Host<'_, '_, Server>) -> Result<Server, String> {
        if *flaw == Some(Flaw::RefusesToStart) {
            return Err("it does not want to".to_owned());
        }
        let base = kept.snapshot.map_or((0, 0), |cut| (cut.index, cut.term));
        Ok(Server {
            flaw: *flaw,
            servers: host.settings().voters,
            term: kept.term,
            vote: kept.vote,
            role: Role::Follower,
            votes: BTreeSet::new(),
            ticks: 0,
            heard: BTreeSet::new(),
            base,
            written: base.0 + kept.entries.len() as u64,
            log: kept.entries,
            committed: base.0,
            matched: BTreeMap::new(),
            outbox: Vec::new(),
        })
    }

    fn standing(&self, host: &Host<'_, '_, Server>) -> Standing {
        let leader = (self.role == Role::Leader || host.context.node() != PRIMARY).then_some(PRIMARY);
        Standing { term: self.term, role: self.role, leader }
    }

    fn propose(&mut self, request: Command, _: &mut Host<'_, '_, Server>) -> Option<(u64, u64)> {
        let index = self.last() + 1;
        self.log.push(Record { index, term: self.term, data: request });
        Some((index, self.term))
    }

    fn read(&mut self, read: ReadName, host: &mut Host<'_, '_, Server>) {
        host.context.note(format_args!("is to serve {read:?}"));
        if self.role == Role::Leader {
            // What is said of the reads of another life is not taken for a word on this one's.
            host.pass(of_another_life(read), 0);
            // There is no other leader, so nothing is committed that is not in its log.
            host.pass(read, if self.flaw == Some(Flaw::ReadsTooEarly) { 0 } else { self.last() });
        }
    }

    fn message(&mut self, from: NodeId, Letter { term, word }: Letter, host: &mut Host<'_, '_, Server>) {
        if term < self.term {
            return;
        }
        if term > self.term {
            (self.term, self.vote) = (term, None);
        }
        match word {
            Word::Stand => {
                self.vote = Some(from);
                self.outbox.push((from, Word::Vote));
            }
            Word::Vote => {
                self.votes.insert(from);
            }
            Word::Append { after, entries, committed } => {
                let last = self.last();
                let news = entries.into_iter().filter(|entry| after <= last && entry.index > last);
                self.log.extend(news);
                self.committed = self.committed.max(committed.min(self.last()));
                self.outbox.push((from, Word::Acknowledge(self.last())));
            }
            Word::Install(cut) => {
                if cut.index > self.last() {
                    host.install((self.term, self.vote), &cut).expect("the primary has made it");
                    (self.base, self.log) = ((cut.index, cut.term), Vec::new());
                    (self.written, self.committed) = (cut.index, cut.index);
                }
                self.outbox.push((from, Word::Acknowledge(self.last())));
            }
            Word::Acknowledge(index) => {
                self.heard.insert(from);
                self.acknowledged(from, index);
            }
        }
    }

    fn tick(&mut self, host: &mut Host<'_, '_, Server>) {
        match self.role {
            Role::Follower if host.context.node() == PRIMARY => {
                (self.term, self.vote, self.role) = (self.term + 1, Some(PRIMARY), Role::Candidate);
                (self.votes, self.matched) = Default::default();
            }
            Role::Follower | Role::PreCandidate => {}
            Role::Candidate => {
                self.outbox.extend(self.peers().map(|peer| (peer, Word::Stand)));
                if host.journal().has_durable_vote(self.term) {
                    self.votes.insert(PRIMARY);
                }
                if self.votes.len() > self.servers as usize / 2 {
                    (self.role, self.ticks) = (Role::Leader, 0);
                    self.log.push(Record { index: self.last() + 1, term: self.term, data: Command::new() });
                }
            }
            Role::Leader => {
                for peer in self.peers() {
                    let word = self.next_word(peer, host);
                    self.outbox.push((peer, word));
                }
                self.ticks += 1;
                if self.ticks == PATIENCE_TICKS {
                    self.ticks = 0;
                    let others = std::mem::take(&mut self.heard).len();
                    if others < self.servers as usize / 2 {
                        self.role = Role::Follower;
                    }
                }
            }
        }
    }

    fn durable(&mut self, what: Waiting, host: &mut Host<'_, '_, Server>) {
        match what {
            Waiting::Send(to, letter) => send(to, letter, host),
            Waiting::Written(index) => self.acknowledged(host.context.node(), index),
        }
    }

    fn compact(&mut self, dispensable: u64, _: &mut Host<'_, '_, Server>) -> u64 {
        if dispensable > self.base.0 {
            let gone = (dispensable - self.base.0) as usize;
            self.base = (dispensable, self.log[gone - 1].term);
            self.log.drain(..gone);
        }
        self.base.0
    }

    fn go_on(&mut self, host: &mut Host<'_, '_, Server>) -> bool {
        let news = self.log[(self.written - self.base.0) as usize..].to_vec();
        let is_written = host.write((self.term, self.vote), news);
        self.written = self.last();
        if is_written {
            host.after_writes(Waiting::Written(self.written));
        }
        for (to, word) in self.outbox.drain(..) {
            let letter = Letter { term: self.term, word };
            if self.flaw == Some(Flaw::SendsBeforeSync) {
                send(to, letter, host);
            } else {
                host.after_writes(Waiting::Send(to, letter));
            }
        }
        host.committed(self.committed);
        let next = host.store().applied() + 1;
        for Record { index, term, data } in &self.log[(next - 1 - self.base.0) as usize..] {
            if *index <= self.committed {
                host.apply((*index, *term), data);
            }
        }
        is_written || host.store().applied() >= next
    }
}

impl Server {
    fn last(&self) -> u64 {
        self.base.0 + self.log.len() as u64
    }

    fn peers(&self) -> impl Iterator<Item = NodeId> + use<> {
        (1..self.servers).map(NodeId)
    }

    fn term_of(&self, index: u64) -> u64 {
        if index == self.base.0 { self.base.1 } else { self.log[(index - self.base.0) as usize - 1].term }
    }

    /// What a server is to be sent next. One that has not said how long its log is gets the end of the log, which it answers.
    fn next_word(&self, peer: NodeId, host: &Host<'_, '_, Server>) -> Word {
        let after = match self.matched.get(&peer) {
            Some(_) if self.flaw == Some(Flaw::SendsLastOnly) => self.last().saturating_sub(1).max(self.base.0),
            Some(index) => *index,
            None => self.last(),
        };
        if after < self.base.0 {
            let (index, data) = host.journal().latest_snapshot().clone();
            return Word::Install(Cut { index, term: self.term_of(index), data });
        }
        let entries = self.log.iter().skip((after - self.base.0) as usize).take(BATCH).cloned().collect();
        Word::Append { after, entries, committed: self.committed }
    }

    fn acknowledged(&mut self, by: NodeId, index: u64) {
        self.matched.entry(by).and_modify(|matched| *matched = index.max(*matched)).or_insert(index);
        let mut matched: Vec<u64> = self.matched.values().copied().collect();
        matched.sort_unstable_by(|a, b| b.cmp(a));
        let enough = if self.flaw == Some(Flaw::CommitsAlone) { 0 } else { self.servers as usize / 2 };
        let everywhere = matched.get(enough).copied().unwrap_or(0);
        if self.role == Role::Leader && everywhere > self.committed && self.term_of(everywhere) == self.term {
            self.committed = everywhere;
        }
    }
}

/// A read with the same number.
fn of_another_life(read: ReadName) -> ReadName {
    let mut bytes = read.to_bytes();
    bytes[0] ^= 1;
    ReadName::from_bytes(&bytes).expect("it is as long as a name")
}

fn send(to: NodeId, letter: Letter, host: &mut Host<'_, '_, Server>) {
    let promise = match letter.word {
        Word::Stand => Promise::AskVote,
        Word::Vote => Promise::Vote { to: ServerId(u64::from(to.0)) },
        Word::Acknowledge(matched) => Promise::Ack { matched },
        Word::Append { .. } | Word::Install(_) => Promise::Other,
    };
    host.context.observe(Observation::Sent { term: letter.term, promise });
    host.send(to, letter);
}

/// The primary and the others, with a flaw or without.
struct Replicated(Option<Flaw>);

impl System for Replicated {
    type Node = Node<Hosted<Server>>;

    fn refusal(&self, scenario: &Scenario) -> Option<String> {
        looked_after(scenario).map(str::to_owned)
    }

    fn leaders(&self) -> Leaders {
        Leaders::Observed
    }

    fn program(&self, stage: &Stage<'_>) -> Program<Node<Hosted<Server>>> {
        Hosted::program(stage, Settings::of(stage), self.0)
    }
}

fn run(flaw: Option<Flaw>, scenario: &str, seed: u64, recording: Recording) -> Run {
    let scenario = catalog::find(scenario).expect("it is in the catalog");
    run_on(&Replicated(flaw), &scenario, &Lineage::of(seed), &Options { recording, ..Options::default() })
}

fn record(flaw: Option<Flaw>, scenario: &str, seed: u64) -> RunRecord {
    run(flaw, scenario, seed, Recording::Off).record
}

#[test]
fn a_hosted_consensus_passes() {
    for name in [
        "calm",
        "lossy",
        "leader-cut-off",
        "crash-restart",
        "power-loss",
        "quorum-reads",
        "laggard",
        "single",
        "snapshot-loss",
    ] {
        for seed in 0..6 {
            let record = record(None, name, seed);
            assert_eq!(record.verdict, Verdict::Pass, "{name} seed {seed}");
            assert!(record.returned > 100, "{name} seed {seed}: {} answers", record.returned);
        }
    }
}

#[test]
fn who_is_far_behind_gets_the_snapshot() {
    let Run { record, trace, .. } = run(None, "laggard", 0, Recording::On);
    assert_eq!(record.verdict, Verdict::Pass);
    let trace = trace.expect("it was recorded");
    let has = |what: &str| trace.lines().iter().any(|line| line.text.contains(what));
    assert!(has("Install(Cut") && has("forgets"), "logs were compacted, and a snapshot was sent");
    // That everything through its end is committed goes without saying.
    let ends = trace.lines().iter().filter_map(|line| {
        let (end, _) = line.text.strip_prefix("restores a snapshot of 1 to ")?.split_once(',')?;
        Some((line.event, format!("commits up to {end}")))
    });
    let said = |(event, text): (u64, String)| trace.lines().iter().any(|line| line.event == event && line.text == text);
    assert!(!ends.clone().any(said) && ends.count() > 0);
}

#[test]
fn clients_of_a_leader_that_resigns_are_told() {
    let Run { record, trace, .. } = run(None, "leader-cut-off", 0, Recording::On);
    assert_eq!(record.verdict, Verdict::Pass);
    let trace = trace.expect("it was recorded");
    assert!(trace.lines().iter().any(|line| line.text.contains("uncertain, no leader known")));
}

#[test]
fn no_two_reads_have_the_same_name() {
    let mut scenario = catalog::find("quorum-reads").expect("it is in the catalog");
    scenario.faults = catalog::find("power-loss").expect("it is in the catalog").faults;
    let options = Options { recording: Recording::On, ..Options::default() };
    let Run { record, trace, .. } = run_on(&Replicated(None), &scenario, &Lineage::of(0), &options);
    assert_eq!(record.verdict, Verdict::Pass);
    let trace = trace.expect("it was recorded");
    let names: Vec<&str> = trace.lines().iter().filter_map(|line| line.text.strip_prefix("is to serve ")).collect();
    let repeated_number = names.iter().filter(|name| name.ends_with("number: 0 }")).count();
    assert!(names.len() > 100 && repeated_number > 1, "{} reads, in {repeated_number} lives", names.len());
    assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len());
}

#[test]
fn what_is_hosted_is_a_function_of_the_seed() {
    for seed in 0..3 {
        let digest = || record(None, "power-loss", seed).digest;
        assert_eq!(digest(), digest());
    }
}

/// The checks that caught a flaw, in the first seeds of a scenario.
fn caught_by(flaw: Flaw, scenario: &str) -> BTreeSet<String> {
    let check = |seed| match record(Some(flaw), scenario, seed).verdict {
        Verdict::Violation { check, .. } => Some(check),
        Verdict::Pass | Verdict::Inconclusive { .. } | Verdict::Error { .. } => None,
    };
    (0..6).filter_map(check).collect()
}

#[test]
fn flaws_are_caught() {
    for (flaw, scenario, check) in [
        (Flaw::SendsBeforeSync, "calm", Check::MessageTerm),
        (Flaw::CommitsAlone, "calm", Check::CommitLegality),
        (Flaw::ReadsTooEarly, "quorum-reads", Check::ReadFloor),
        (Flaw::SendsLastOnly, "laggard", Check::Liveness),
    ] {
        assert_eq!(caught_by(flaw, scenario), BTreeSet::from([check.id().to_owned()]), "{flaw:?}");
    }
}

#[test]
fn a_server_that_refuses_to_start_says_why() {
    let Run { record, trace, .. } = run(Some(Flaw::RefusesToStart), "calm", 0, Recording::On);
    assert_ne!(record.verdict, Verdict::Pass);
    let trace = trace.expect("it was recorded");
    let notes = trace.lines().iter().filter(|line| line.text == "refuses to start: it does not want to").count();
    assert!(notes >= 3, "every server says so, whenever it is started again");
}
