//! Scripts: what a server might write, drawn from a seed, and a server that runs them on a disk.

use std::sync::Arc;

use whitewater_kv::storage::{Disk, Limits, RecoveryError, RecoveryReport, Storage, Ticket};
use whitewater_raft::configuration::Configuration;
use whitewater_raft::{
    Command, Entry, HardState, Index, NodeId, Payload, Recovered, Snapshot, Term, Write, WriteSequence,
};
use whitewater_sim::rng::{Purpose, RunKey, Stream};

use crate::model::Model;

/// One thing that a server does.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    Persist(Write),
    Save(Arc<Snapshot>),
}

/// A server without a protocol: it writes what it is told, and keeps the model.
pub(crate) struct Server {
    storage: Storage,
    pub(crate) model: Model,
}

impl Server {
    pub(crate) fn boot(
        disk: &mut impl Disk,
        limits: Limits,
    ) -> Result<(Server, Recovered, RecoveryReport), RecoveryError> {
        let (storage, recovered, report) = Storage::open(disk, limits)?;
        Ok((Server { storage, model: Model::recovered(&recovered) }, recovered, report))
    }

    pub(crate) fn step(&mut self, step: &Step, disk: &mut impl Disk) {
        match step {
            Step::Persist(write) => {
                self.model.persists(write);
                self.storage.persist(write, disk);
            }
            Step::Save(snapshot) => {
                self.model.saves(snapshot);
                self.storage.save_snapshot(snapshot.clone(), disk);
            }
        }
    }

    pub(crate) fn synced(&mut self, ticket: Ticket, disk: &mut impl Disk) {
        let progress = self.storage.synced(ticket, disk);
        if let Some(durable) = progress.durable {
            self.model.is_durable(durable);
        }
        if let Some(snapshot) = progress.saved {
            self.model.is_saved(&snapshot);
        }
        assert_eq!(self.storage.writes_under_way(), self.model.writes_open());
    }
}

/// Draws what a server does next. It keeps to what Raft allows: terms go up, and nothing committed is replaced.
pub(crate) struct Author {
    draws: Stream,
    sequence: u64,
    committed: Index,
    leader: Leader,
}

/// Whether anybody sends snapshots.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Leader {
    SendsSnapshots,
    SendsNone,
}

impl Author {
    pub(crate) fn new(seed: u64, place: u32, leader: Leader) -> Author {
        let draws = RunKey::new(seed).stream(Purpose::Workload, place);
        Author { draws, sequence: 0, committed: Index(0), leader }
    }

    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.draws.below(bound)
    }

    /// A new life begins, after what came back.
    pub(crate) fn restarts(&mut self, recovered: &Recovered) {
        self.sequence = 0;
        let covered = recovered.snapshot.as_ref().map_or(Index(0), |snapshot| snapshot.index);
        let last = recovered.entries.last().map_or(covered, |entry| entry.index);
        self.committed = self.committed.clamp(covered, last);
    }

    pub(crate) fn limits(&mut self) -> Limits {
        Limits { segment_bytes: 200 + self.below(2_000) as usize, batch_bytes: 200 + self.below(2_000) as usize }
    }

    pub(crate) fn next(&mut self, model: &Model) -> Step {
        let state = model.latest();
        let last = state.last().0;
        self.committed = self.committed.max(state.base().0);
        let commits = Index(self.committed.0 + self.below(last.0 - self.committed.0 + 1));
        self.committed = commits;
        if self.below(6) == 0 && commits > state.base().0 {
            let term = state.term_at(commits).expect("what is committed is in the log");
            return Step::Save(Arc::new(self.snapshot(commits, term)));
        }
        let HardState { term, voted_for } = state.hard_state;
        let hard_state = match self.below(4) {
            _ if term == Term(0) => Some(HardState { term: Term(1), voted_for: Some(NodeId(0)) }),
            0 => Some(HardState { term: Term(term.0 + 1 + self.below(2)), voted_for: None }),
            1 if voted_for.is_none() => Some(HardState { term, voted_for: Some(NodeId(self.below(5) as u32)) }),
            _ => None,
        };
        let term = hard_state.map_or(term, |hard_state| hard_state.term);
        let snapshot = (self.below(8) == 0 && self.leader == Leader::SendsSnapshots).then(|| {
            let index = Index(self.committed.0 + 1 + self.below(6));
            let matching = state.term_at(index).filter(|_| self.below(2) == 0);
            self.committed = index;
            Arc::new(self.snapshot(index, matching.unwrap_or(term)))
        });
        let mut after = state.clone();
        self.sequence += 1;
        let mut write =
            Write { sequence: WriteSequence(self.sequence), hard_state, snapshot, entries: Arc::from(vec![]) };
        after.apply(&write);
        let last = after.last().0;
        let first = match self.below(4) {
            0 => Index(self.committed.0 + 1 + self.below(last.0 - self.committed.0 + 1)),
            _ => last.next(),
        };
        let count = self.below(4);
        write.entries = (0..count).map(|more| self.entry(Index(first.0 + more), term)).collect();
        Step::Persist(write)
    }

    fn snapshot(&mut self, index: Index, term: Term) -> Snapshot {
        let configuration = Arc::new(Configuration::of_voters((0..=self.below(3) as u32).map(NodeId)));
        Snapshot { index, term, configuration, data: self.text() }
    }

    fn entry(&mut self, index: Index, term: Term) -> Entry {
        let payload = match self.below(5) {
            0 => Payload::Noop,
            1 => Payload::Configuration(Arc::new(Configuration::of_voters((0..=self.below(5) as u32).map(NodeId)))),
            _ => Payload::Command(self.text()),
        };
        Entry { term, index, payload }
    }

    /// Bytes of all lengths, some of which look like what the storage itself writes, and some like nothing at all.
    fn text(&mut self) -> Command {
        let len = match self.below(8) {
            0 => self.below(1_500),
            _ => self.below(40),
        };
        let fill = self.below(4);
        let text: Vec<u8> = match fill {
            0 => vec![0; len as usize],
            1 => b"wwba\x01\0\0\0".iter().copied().cycle().take(len as usize).collect(),
            _ => (0..len).map(|_| self.below(256) as u8).collect(),
        };
        text.into()
    }
}
