//! The log as the crate reads it: its own `MemStorage`, and the snapshots with the state that that one lacks.
//!
//! It holds what was handed to the disk; what of it is durable the server knows.

use std::cell::RefCell;
use std::rc::Rc;

use raft::eraftpb::{ConfState, Entry, HardState, Snapshot};
use raft::storage::MemStorage;
use raft::{Error, GetEntriesContext, RaftState, Result, Storage, StorageError};
use whitewater_raft::{Configuration, Payload, Recovered};

/// The log of a server. Copies are the same log.
#[derive(Clone)]
pub(crate) struct Log {
    memory: MemStorage,
    /// The latest durable snapshot.
    snapshot: Rc<RefCell<Snapshot>>,
}

impl Log {
    /// The log that a disk kept, of a cluster of these voters.
    pub(crate) fn new(voters: u32, recovered: &Recovered) -> Log {
        let members = ConfState::from(((1..=u64::from(voters)).collect::<Vec<u64>>(), Vec::new()));
        let log = Log { memory: MemStorage::new_with_conf_state(members), snapshot: Rc::default() };
        if let Some(snapshot) = &recovered.snapshot {
            log.restore(log.snapshot_of(snapshot));
        }
        let entries: Vec<Entry> = recovered.entries.iter().map(theirs).collect();
        log.append(&entries);
        let mut state = HardState { term: recovered.hard_state.term.0, ..HardState::default() };
        state.vote = recovered.hard_state.voted_for.map_or(0, |id| u64::from(id.0) + 1);
        state.commit = log.snapshot.borrow().get_metadata().index;
        log.memory.wl().set_hardstate(state);
        log
    }

    /// A snapshot in the crate's words.
    pub(crate) fn snapshot_of(&self, ours: &whitewater_raft::Snapshot) -> Snapshot {
        let mut theirs = Snapshot { data: ours.data.clone(), ..Snapshot::default() };
        let members = self.memory.initial_state().expect("memory does not fail").conf_state;
        let metadata = theirs.mut_metadata();
        (metadata.index, metadata.term) = (ours.index.0, ours.term.0);
        metadata.set_conf_state(members);
        theirs
    }

    pub(crate) fn append(&self, entries: &[Entry]) {
        self.memory.wl().append(entries).expect("memory does not fail");
    }

    /// Begins anew behind a snapshot.
    pub(crate) fn restore(&self, snapshot: Snapshot) {
        self.memory.wl().apply_snapshot(snapshot.clone()).expect("a snapshot that is taken over is news");
        *self.snapshot.borrow_mut() = snapshot;
    }

    /// Forgets what a durable snapshot covers, but for so many entries. Says through which index.
    pub(crate) fn compact(&self, snapshot: Snapshot, kept: u64) -> u64 {
        let through = snapshot.get_metadata().index.saturating_sub(kept.max(1));
        *self.snapshot.borrow_mut() = snapshot;
        self.memory.wl().compact(through + 1).expect("memory does not fail");
        self.memory.first_index().expect("memory does not fail") - 1
    }
}

impl Storage for Log {
    fn initial_state(&self) -> Result<RaftState> {
        self.memory.initial_state()
    }

    fn entries(
        &self,
        low: u64,
        high: u64,
        max_size: impl Into<Option<u64>>,
        context: GetEntriesContext,
    ) -> Result<Vec<Entry>> {
        self.memory.entries(low, high, max_size, context)
    }

    fn term(&self, index: u64) -> Result<u64> {
        self.memory.term(index)
    }

    fn first_index(&self) -> Result<u64> {
        self.memory.first_index()
    }

    fn last_index(&self) -> Result<u64> {
        self.memory.last_index()
    }

    fn snapshot(&self, request_index: u64, _: u64) -> Result<Snapshot> {
        let snapshot = self.snapshot.borrow();
        if snapshot.get_metadata().index < request_index.max(1) {
            return Err(Error::Store(StorageError::SnapshotTemporarilyUnavailable));
        }
        Ok(snapshot.clone())
    }
}

/// An entry in the crate's words.
fn theirs(ours: &whitewater_raft::Entry) -> Entry {
    let data = match &ours.payload {
        Payload::Command(command) => command.clone(),
        Payload::Noop | Payload::Configuration(_) => bytes::Bytes::new(),
    };
    Entry { term: ours.term.0, index: ours.index.0, data, ..Entry::default() }
}

/// An entry in our words.
pub(crate) fn ours(theirs: &Entry) -> whitewater_raft::Entry {
    let payload = if theirs.data.is_empty() { Payload::Noop } else { Payload::Command(theirs.data.clone()) };
    whitewater_raft::Entry {
        term: whitewater_raft::Term(theirs.term),
        index: whitewater_raft::Index(theirs.index),
        payload,
    }
}

/// The members of a cluster, in our words.
pub(crate) fn configuration(voters: u32) -> Configuration {
    Configuration::of_voters((0..voters).map(whitewater_raft::NodeId))
}
