//! The log in the crate's words and in ours.
//!
//! The crate reads its own `MemStorage`, which holds what was handed to the disk; what of it is durable the server knows.
//! `MemStorage` takes its commit index for the end of the latest snapshot, and so that is what it is given. It keeps no
//! state with its snapshots: the server adds that when one leaves.

use raft::eraftpb::{ConfState, Entry, HardState, Snapshot};
use raft::storage::MemStorage;
use whitewater_raft::{Configuration, Index, NodeId, Payload, Recovered, Term};

/// The log that a disk kept, of a cluster of these voters.
pub(crate) fn log(voters: u32, recovered: &Recovered) -> MemStorage {
    let members = (1..=u64::from(voters)).collect::<Vec<u64>>();
    let log = MemStorage::new_with_conf_state((members.clone(), Vec::new()));
    let mut memory = log.wl();
    if let Some(ours) = &recovered.snapshot {
        let mut snapshot = Snapshot::default();
        let metadata = snapshot.mut_metadata();
        (metadata.index, metadata.term) = (ours.index.0, ours.term.0);
        metadata.set_conf_state(ConfState::from((members, Vec::new())));
        memory.apply_snapshot(snapshot).expect("there is nothing before it");
    }
    let entries: Vec<Entry> = recovered.entries.iter().map(theirs).collect();
    memory.append(&entries).expect("memory does not fail");
    let vote = recovered.hard_state.voted_for.map_or(0, |id| u64::from(id.0) + 1);
    let (term, commit) = (recovered.hard_state.term.0, memory.hard_state().commit);
    memory.set_hardstate(HardState { term, vote, commit, ..HardState::default() });
    drop(memory);
    log
}

fn theirs(ours: &whitewater_raft::Entry) -> Entry {
    Entry { term: ours.term.0, index: ours.index.0, data: bytes(ours).into(), ..Entry::default() }
}

/// What an entry carries.
pub(crate) fn bytes(entry: &whitewater_raft::Entry) -> Vec<u8> {
    match &entry.payload {
        Payload::Command(command) => command.to_vec(),
        Payload::Noop | Payload::Configuration(_) => Vec::new(),
    }
}

/// An entry in our words.
pub(crate) fn ours(theirs: &Entry) -> whitewater_raft::Entry {
    let payload = if theirs.data.is_empty() { Payload::Noop } else { Payload::Command(theirs.data.clone()) };
    whitewater_raft::Entry { term: Term(theirs.term), index: Index(theirs.index), payload }
}

/// A snapshot in our words.
pub(crate) fn our_snapshot(voters: u32, index: u64, term: u64, data: bytes::Bytes) -> whitewater_raft::Snapshot {
    let configuration = Configuration::of_voters((0..voters).map(NodeId)).into();
    whitewater_raft::Snapshot { index: Index(index), term: Term(term), configuration, data }
}
