//! Random interleavings: messages delivered, dropped, doubled and reordered, timers, slow disks, crashes with torn
//! writes, restarts. Safety is checked after every step (paper, Figure 3); then the faults end, and the cluster has to
//! elect a leader and commit.
//!
//! The checks see what the cluster does (roles announced, commits, messages that leave, bytes on disk), not what the
//! protocol believes.

use std::collections::BTreeMap;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{Config as RunnerConfig, TestRunner};
use whitewater_raft::message::{AppendReply, Body, VoteReply};
use whitewater_raft::{Effect, Entry, Index, Input, NodeId, Role, Term, Timer};

use crate::cluster::{Cluster, DiskSpeed, Envelope, Event};

/// One thing that the adversary does. Numbers pick among what there is.
#[derive(Clone, Debug)]
enum Action {
    Deliver(usize),
    /// The oldest messages to one server, in one step.
    DeliverTogether(u32),
    Drop(usize),
    Duplicate(usize),
    ElectionTimeout(u32),
    Heartbeat(u32),
    Propose(u32),
    ProposeTogether(u32),
    CompleteWrite(u32),
    Crash {
        server: u32,
        landed: usize,
        torn: Option<usize>,
    },
    Restart(u32),
}

fn action() -> impl Strategy<Value = Action> {
    let server = 0..60_u32;
    let message = 0..30_usize;
    prop_oneof![
        24 => Just(Action::Deliver(0)),
        12 => message.clone().prop_map(Action::Deliver),
        6 => server.clone().prop_map(Action::DeliverTogether),
        4 => message.clone().prop_map(Action::Drop),
        2 => message.prop_map(Action::Duplicate),
        2 => server.clone().prop_map(Action::ElectionTimeout),
        4 => server.clone().prop_map(Action::Heartbeat),
        6 => server.clone().prop_map(Action::Propose),
        2 => server.clone().prop_map(Action::ProposeTogether),
        30 => server.clone().prop_map(Action::CompleteWrite),
        1 => (server.clone(), 0..3_usize, proptest::option::of(0..3_usize))
            .prop_map(|(server, landed, torn)| Action::Crash { server, landed, torn }),
        2 => server.prop_map(Action::Restart),
    ]
}

/// What the interleavings have met: a check of situations that never come up checks nothing.
#[derive(Debug, Default)]
struct Coverage {
    elections: usize,
    committed: usize,
    recovered_commits: usize,
    replaced: usize,
    crashes_with_writes_under_way: usize,
    rejections: usize,
}

/// A cluster with what must be true of it.
struct Checked {
    cluster: Cluster,
    leaders: BTreeMap<Term, NodeId>,
    /// Every entry that anybody ever committed, with the term in which it was first seen committed.
    committed: Vec<(Term, Entry)>,
    coverage: Coverage,
}

impl Checked {
    fn new(servers: u32) -> Checked {
        let mut cluster = Cluster::new(servers, |config| {
            config.append_entries_max = 2;
            config.in_flight_max = 3;
        });
        cluster.servers.values_mut().for_each(|server| server.speed = DiskSpeed::Slow);
        Checked { cluster, leaders: BTreeMap::new(), committed: Vec::new(), coverage: Coverage::default() }
    }

    fn pick(&self, number: u32) -> NodeId {
        NodeId(number % u32::try_from(self.cluster.servers.len()).unwrap() + 1)
    }

    /// The leader of the highest term if there is one, so that proposals often find it; else any server.
    fn pick_leader(&self, number: u32) -> NodeId {
        let leaders = self.cluster.servers.iter().filter_map(|(&id, server)| {
            let replica = server.replica.as_ref()?;
            (replica.role() == Role::Leader).then_some((replica.term(), id))
        });
        if number.is_multiple_of(4) {
            self.pick(number / 4)
        } else {
            leaders.max().map_or(self.pick(number), |(_, id)| id)
        }
    }

    fn act(&mut self, action: &Action) {
        match *action {
            Action::Deliver(place) => {
                if let Some(envelope) = self.take_message(place) {
                    self.cluster.arrive(envelope);
                }
            }
            Action::DeliverTogether(server) => self.deliver_together(self.pick(server)),
            Action::Drop(place) => drop(self.take_message(place)),
            Action::Duplicate(place) => {
                let place = place % self.cluster.network.len().max(1);
                let copy = self.cluster.network.get(place).cloned();
                self.cluster.network.extend(copy);
            }
            Action::ElectionTimeout(server) => self.cluster.fire(self.pick(server), Timer::Election),
            Action::Heartbeat(server) => self.cluster.fire(self.pick_leader(server), Timer::Heartbeat),
            Action::Propose(server) => self.cluster.propose(self.pick_leader(server), &["x"]),
            Action::ProposeTogether(server) => self.cluster.propose(self.pick_leader(server), &["x", "y", "z"]),
            Action::CompleteWrite(server) => self.cluster.complete(self.pick(server)),
            Action::Crash { server, landed, torn } => {
                let id = self.pick(server);
                let under_way = &self.cluster.servers[&id].under_way;
                self.coverage.crashes_with_writes_under_way += usize::from(!under_way.is_empty());
                self.cluster.crash(id, landed, torn);
            }
            Action::Restart(server) => self.cluster.restart(self.pick(server)),
        }
        self.check();
    }

    fn take_message(&mut self, place: usize) -> Option<Envelope> {
        let place = place % self.cluster.network.len().max(1);
        self.cluster.network.remove(place)
    }

    fn deliver_together(&mut self, to: NodeId) {
        let (arriving, rest): (Vec<_>, Vec<_>) = self.cluster.network.drain(..).partition(|envelope| envelope.to == to);
        self.cluster.network.extend(rest);
        let inputs = arriving.into_iter().map(|Envelope { from, message, .. }| Input::Message { from, message });
        self.cluster.step(to, inputs.collect());
    }

    fn check(&mut self) {
        for event in std::mem::take(&mut self.cluster.events) {
            match event {
                Event::Effect(id, Effect::Role(change)) if change.role == Role::Leader => {
                    self.check_election(id, change.term);
                }
                Event::Effect(id, Effect::Commit { through }) => self.check_commit(id, through),
                Event::Effect(from, Effect::Send(outbound)) => {
                    if let Body::AppendReply(AppendReply::Rejected { .. }) = outbound.message.body {
                        self.coverage.rejections += 1;
                    }
                    if outbound.after == whitewater_raft::After::Nothing {
                        self.check_promise(&Envelope { from, to: outbound.to, message: outbound.message });
                    }
                }
                Event::Effect(id, Effect::Persist(write)) => {
                    let disk = &self.cluster.servers[&id].disk;
                    let replaces = write.entries.first().is_some_and(|new| new.index.0 <= disk.entries.len() as u64);
                    self.coverage.replaced += usize::from(replaces);
                }
                Event::Left(envelope) => self.check_promise(&envelope),
                Event::Effect(..) | Event::Completed(..) | Event::Arrived(_) | Event::Lost(..) => {}
            }
        }
        self.check_logs();
        self.check_durability();
    }

    /// Election safety and leader completeness.
    fn check_election(&mut self, id: NodeId, term: Term) {
        let earlier = self.leaders.insert(term, id);
        assert!(earlier.is_none_or(|leader| leader == id), "election safety: {earlier:?} and {id} lead term {term}");
        self.coverage.elections += 1;
        let replica = self.cluster.replica(id).expect("who was just elected is up");
        for (committed_in, entry) in self.committed.iter().filter(|(committed_in, _)| *committed_in < term) {
            let own = replica.entry(entry.index);
            assert_eq!(own, Some(entry), "leader completeness: {id} leads {term}, committed in {committed_in}");
        }
    }

    /// State machine safety.
    fn check_commit(&mut self, id: NodeId, through: Index) {
        let server = &self.cluster.servers[&id];
        let term = server.replica.as_ref().expect("only a running server commits").term();
        assert!(server.applied.len() as u64 >= through.0);
        for (place, entry) in server.applied.iter().enumerate() {
            match self.committed.get(place) {
                Some((_, committed)) => assert_eq!(entry, committed, "state machine safety: {id} at {}", entry.index),
                None => {
                    self.coverage.committed += 1;
                    self.coverage.recovered_commits += usize::from(entry.term < term);
                    self.committed.push((term, entry.clone()));
                }
            }
        }
    }

    /// What a message says is on its sender's disk when it leaves.
    fn check_promise(&self, envelope: &Envelope) {
        let disk = &self.cluster.servers[&envelope.from].disk;
        let term = envelope.message.term;
        assert!(disk.hard_state.term >= term, "a message of {term} left before that term was on disk: {envelope:?}");
        match envelope.message.body {
            Body::VoteReply(VoteReply::Granted) if disk.hard_state.term == term => {
                assert_eq!(disk.hard_state.voted_for, Some(envelope.to), "a vote left before it was on disk");
            }
            Body::RequestVote(_) if disk.hard_state.term == term => {
                assert_eq!(disk.hard_state.voted_for, Some(envelope.from), "a candidate asked before its own vote");
            }
            Body::AppendReply(AppendReply::Accepted { matched }) if disk.hard_state.term == term => {
                assert!(
                    disk.entries.len() as u64 >= matched.0,
                    "an acknowledgement left before its entries were on disk"
                );
            }
            Body::RequestVote(_) | Body::VoteReply(_) | Body::Append(_) | Body::AppendReply(_) => {}
        }
    }

    /// Log matching: where two logs have an entry of the same index and term, they are equal up to there.
    fn check_logs(&self) {
        let logs: Vec<Vec<&Entry>> =
            self.cluster.servers.values().flat_map(|server| &server.replica).map(|r| r.entries(..).collect()).collect();
        for (place, log) in logs.iter().enumerate() {
            for other in &logs[place + 1..] {
                let meet = log.iter().zip(other).rposition(|(a, b)| a.term == b.term).map_or(0, |meet| meet + 1);
                assert_eq!(log[..meet], other[..meet], "log matching");
            }
        }
    }

    /// What a replica believes to be durable is on its disk, and what it has committed is in its log.
    fn check_durability(&self) {
        for (id, server) in &self.cluster.servers {
            let Some(replica) = &server.replica else { continue };
            assert!(replica.commit() <= replica.last_index());
            let durable = replica.entries(..=replica.durable_index());
            assert_eq!(durable.len() as u64, replica.durable_index().0);
            assert!(durable.eq(server.disk.entries.iter().take(durable_len(replica.durable_index()))), "{id} disk");
        }
    }

    /// The faults end: some server is elected within a few timeouts each, and everybody commits what it proposes.
    fn check_liveness(&mut self) {
        let ids: Vec<NodeId> = self.cluster.servers.keys().copied().collect();
        for &id in &ids {
            self.cluster.restart(id);
            while !self.cluster.servers[&id].under_way.is_empty() {
                self.cluster.complete(id);
            }
            self.cluster.servers.get_mut(&id).unwrap().speed = DiskSpeed::Prompt;
        }
        self.settle();
        let highest = ids.iter().map(|id| self.cluster.replica(*id).unwrap().term()).max();
        for &id in ids.iter().chain(&ids) {
            self.cluster.fire(id, Timer::Election);
            self.settle();
            let replica = self.cluster.replica(id).unwrap();
            if replica.role() == Role::Leader && Some(replica.term()) >= highest {
                self.cluster.propose(id, &["last"]);
                self.settle();
                // The first heartbeat finds out what was lost, the second one tells what was committed since.
                for _ in 0..2 {
                    self.cluster.fire(id, Timer::Heartbeat);
                    self.settle();
                }
                let last = self.cluster.replica(id).unwrap().last_index();
                let commits: Vec<_> = ids.iter().map(|id| self.cluster.replica(*id).unwrap().commit()).collect();
                assert!(commits.iter().all(|commit| *commit == last), "liveness: {commits:?} of {last}");
                return;
            }
        }
        panic!("liveness: nobody is elected");
    }

    fn settle(&mut self) {
        while let Some(envelope) = self.cluster.network.pop_front() {
            self.cluster.arrive(envelope);
            self.check();
        }
        self.check();
    }
}

fn durable_len(index: Index) -> usize {
    usize::try_from(index.0).unwrap()
}

/// Runs `cases` interleavings; always the same ones, so that a failure repeats. Returns what they met.
fn explore(servers: u32, cases: u32, length: usize) -> Coverage {
    let config = RunnerConfig { cases, failure_persistence: None, ..RunnerConfig::default() };
    let mut runner = TestRunner::new_with_rng(config, deterministic_rng());
    let total = std::cell::RefCell::new(Coverage::default());
    let outcome = runner.run(&vec(action(), length / 2..length), |actions| {
        let mut checked = Checked::new(servers);
        actions.iter().for_each(|action| checked.act(action));
        checked.check_liveness();
        total.borrow_mut().add(&checked.coverage);
        Ok(())
    });
    if let Err(failure) = outcome {
        panic!("{failure:?}");
    }
    total.into_inner()
}

fn deterministic_rng() -> proptest::test_runner::TestRng {
    proptest::test_runner::TestRng::deterministic_rng(proptest::test_runner::RngAlgorithm::ChaCha)
}

impl Coverage {
    fn add(&mut self, other: &Coverage) {
        self.elections += other.elections;
        self.committed += other.committed;
        self.recovered_commits += other.recovered_commits;
        self.replaced += other.replaced;
        self.crashes_with_writes_under_way += other.crashes_with_writes_under_way;
        self.rejections += other.rejections;
    }

    fn assert_met(&self, cases: usize) {
        assert!(self.elections > 2 * cases, "{self:?}");
        assert!(self.committed > 5 * cases, "{self:?}");
        assert!(self.recovered_commits > cases / 4, "{self:?}");
        assert!(self.replaced > cases / 4, "{self:?}");
        assert!(self.crashes_with_writes_under_way > cases / 4, "{self:?}");
        assert!(self.rejections > cases, "{self:?}");
    }
}

#[test]
fn three_servers_stay_safe_and_recover() {
    explore(3, 800, 500).assert_met(800);
}

#[test]
fn five_servers_stay_safe_and_recover() {
    explore(5, 400, 800).assert_met(400);
}
