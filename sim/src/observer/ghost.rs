//! What is known of one node: what it said, and what its disk holds whatever it says.

use std::collections::{BTreeMap, VecDeque};

use super::membership::Configured;
use super::terms::TermLog;
use crate::disk::Operation;
use crate::members::ServerId;
use crate::observe::Role;

/// The ghost of a node.
#[derive(Debug, Default)]
pub(super) struct Ghost {
    pub(super) id: ServerId,
    pub(super) life: Life,
    pub(super) term: u64,
    pub(super) role: Option<Role>,
    /// The term of its latest role.
    pub(super) role_term: u64,
    /// The highest term in a message that it sent, in any incarnation: a promise that a restart must keep.
    pub(super) term_sent: u64,
    /// The log in memory.
    pub(super) log: TermLog,
    /// The logs that snapshots replaced in memory, the latest last. What they held may still be written until such a snapshot
    /// is durable: its index comes first.
    pub(super) logs_replaced: VecDeque<(u64, TermLog)>,
    pub(super) configurations: VecDeque<Configured>,
    pub(super) commit: u64,
    pub(super) applied: u64,
    pub(super) state: u64,
    /// The index of its latest snapshot.
    pub(super) snapshot: u64,
    pub(super) disk: GhostDisk,
    /// Writes of the log and the hard state that a crash may undo, oldest first.
    pub(super) pending: VecDeque<Pending>,
    /// Snapshots that a crash may undo, oldest first. They are saved beside the log, and wait for nothing in it.
    pub(super) pending_snapshots: VecDeque<Pending>,
    /// What a restart must find.
    pub(super) promised: Promised,
    /// For each server that it leads, how much of its log is known to match.
    pub(super) matches: Vec<(ServerId, u64)>,
    /// For each read under way, what was committed when it began.
    pub(super) reads: BTreeMap<u64, u64>,
    /// The number of the next effect that it will execute, if it executes what others did.
    pub(super) next_effect: u64,
    /// Whether its disk was damaged, and it has not shown since that nothing is lost.
    pub(super) is_damaged: bool,
    /// Disks of this address that were erased, as they were then.
    pub(super) graves: Vec<(ServerId, TermLog)>,
}

/// What a node is doing as far as its disk is concerned.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Life {
    /// It never ran, or not since its disk was erased.
    #[default]
    New,
    /// It says what its disk kept.
    Booting,
    /// It runs.
    Running,
    /// It crashed.
    Down,
}

/// What a disk is certain to hold.
#[derive(Clone, Debug, Default)]
pub(super) struct GhostDisk {
    pub(super) term: u64,
    pub(super) vote: Option<ServerId>,
    pub(super) log: TermLog,
}

/// A write that a crash may undo.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pending {
    pub(super) operation: Operation,
    pub(super) wrote: Wrote,
}

/// What a write means.
#[derive(Clone, Copy, Debug)]
pub(super) enum Wrote {
    HardState { term: u64, vote: Option<ServerId> },
    Entries { index: u64, term: u64 },
    Snapshot { index: u64, term: u64 },
}

/// What a disk must give back after a crash, at least.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Promised {
    pub(super) term: u64,
    pub(super) vote: Option<ServerId>,
    /// The last entry, with its term, that no unsynced write can have replaced.
    pub(super) index: u64,
    pub(super) index_term: u64,
}

impl Ghost {
    /// The ghost of a node that never ran.
    pub(super) fn new(id: ServerId) -> Ghost {
        Ghost { id, ..Ghost::default() }
    }

    /// A new incarnation begins, with nothing in memory.
    pub(super) fn forget_memory(&mut self) {
        self.role = None;
        self.role_term = 0;
        self.log = TermLog::default();
        self.logs_replaced.clear();
        self.configurations.clear();
        (self.commit, self.applied, self.state, self.snapshot) = (0, 0, 0, 0);
        self.matches.clear();
        self.reads.clear();
        self.next_effect = 0;
        self.pending.clear();
        self.pending_snapshots.clear();
    }

    /// Whether the log goes on with this entry, and nothing about that could be wrong.
    #[inline]
    pub(super) fn goes_on_with(&self, index: u64, term: u64) -> bool {
        index == self.log.last() + 1 && index > self.commit && (self.log.last_term()..=self.term).contains(&term)
    }

    /// Takes a match index in place of the one before, which it returns.
    pub(super) fn replace_match(&mut self, peer: ServerId, matched: u64) -> Option<u64> {
        if let Some((_, before)) = self.matches.iter_mut().find(|(other, _)| *other == peer) {
            return Some(std::mem::replace(before, matched));
        }
        self.matches.push((peer, matched));
        None
    }

    /// The lowest index after which an entry may still be in memory or on disk.
    pub(super) fn base(&self) -> u64 {
        let on_disk = if self.disk.log.is_empty() { self.log.base() } else { self.disk.log.base() };
        match self.life {
            Life::Down => on_disk,
            Life::New | Life::Booting | Life::Running => self.log.base().min(on_disk),
        }
    }
}

/// The logs that a node has or had in memory, the latest last, as far as what they hold may still be written.
pub(super) fn memory<'g>(
    log: &'g TermLog,
    replaced: &'g VecDeque<(u64, TermLog)>,
) -> impl DoubleEndedIterator<Item = &'g TermLog> + Clone {
    replaced.iter().map(|(_, log)| log).chain([log])
}
