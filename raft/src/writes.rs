//! Writes on their way to the disk: what each promises, and so what is durable when it completes (dissertation 10.2.1).
//!
//! A completion that truncation has overtaken proves nothing about what stands at those indexes now. So truncation
//! lowers the promise of every write under way: when it completes, it marks only what it still covers.
//!
//! A snapshot that was received is part of the next write, in front of the entries behind it.
//!
//! Simplification: the disk completes writes in order, and a write that fails does not complete: the server crashes.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::bugs::{self, Bug};
use crate::effect::{After, Write};
use crate::log::Log;
use crate::snapshot::Snapshot;
use crate::types::{HardState, Index, WriteSequence};

/// What was handed to the disk, and what of it is durable.
#[derive(Clone, Debug)]
pub(crate) struct Writes {
    issued: WriteSequence,
    completed: WriteSequence,
    under_way: VecDeque<Promise>,
    /// A received snapshot that no write has yet.
    received: Option<Arc<Snapshot>>,
    newest: Stored,
    durable: Stored,
}

/// What a write has made durable once it completes.
#[derive(Clone, Copy, Debug)]
struct Promise {
    sequence: WriteSequence,
    stored: Stored,
    /// Whether it once promised more than it does now.
    overtaken: bool,
}

/// What completed writes turned out to prove.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Completion {
    /// What they promised when they were issued.
    AsPromised,
    /// Less: some of their entries were replaced meanwhile.
    Overtaken,
}

/// A durable state: a hard state, and the log through an index.
#[derive(Clone, Copy, Debug)]
struct Stored {
    hard_state: HardState,
    through: Index,
}

impl Writes {
    /// No writes yet: what was recovered is durable.
    pub(crate) fn new(hard_state: HardState, last_index: Index) -> Writes {
        let recovered = Stored { hard_state, through: last_index };
        Writes {
            issued: WriteSequence(0),
            completed: WriteSequence(0),
            under_way: VecDeque::new(),
            received: None,
            newest: recovered,
            durable: recovered,
        }
    }

    /// The write that brings the disk up to this hard state and log; `None` if all of it was issued already.
    pub(crate) fn issue(&mut self, hard_state: HardState, log: &mut Log) -> Option<Write> {
        let changed = hard_state != self.newest.hard_state;
        let last_index = log.last_index();
        if !changed && last_index == self.newest.through && self.received.is_none() {
            return None;
        }
        let entries = log.slice(self.newest.through.next(), last_index);
        self.issued = WriteSequence(self.issued.0 + 1);
        self.newest = Stored { hard_state, through: last_index };
        self.under_way.push_back(Promise { sequence: self.issued, stored: self.newest, overtaken: false });
        let hard_state = changed.then_some(hard_state);
        Some(Write { sequence: self.issued, hard_state, snapshot: self.received.take(), entries })
    }

    /// A snapshot was received: the log begins behind it now. If the log does not continue there, it was cut before.
    pub(crate) fn install(&mut self, snapshot: &Arc<Snapshot>) {
        self.newest.through = self.newest.through.max(snapshot.index);
        self.received = Some(Arc::clone(snapshot));
    }

    /// Every write up to `sequence` has completed. Completions that bring nothing new are ignored.
    pub(crate) fn complete(&mut self, sequence: WriteSequence) -> Completion {
        assert!(sequence <= self.issued, "write {sequence} completed, but only {} were issued", self.issued);
        let mut completion = Completion::AsPromised;
        while let Some(promise) = self.under_way.front()
            && promise.sequence <= sequence
        {
            self.completed = promise.sequence;
            self.durable = promise.stored;
            if promise.overtaken {
                completion = Completion::Overtaken;
            }
            self.under_way.pop_front();
        }
        completion
    }

    /// The log was cut: it ends at `last_kept` now.
    pub(crate) fn truncate(&mut self, last_kept: Index) {
        for promise in self.under_way.iter_mut().filter(|promise| promise.stored.through > last_kept) {
            promise.stored.through = last_kept;
            promise.overtaken = true;
        }
        self.newest.through = self.newest.through.min(last_kept);
        self.durable.through = self.durable.through.min(last_kept);
    }

    /// What a message waits for that relies on everything issued so far.
    pub(crate) fn barrier(&self) -> After {
        if bugs::is_on(Bug::SupersededWriteCounts)
            && let Some(promise) = self.under_way.iter().find(|promise| promise.overtaken)
        {
            return After::Write(promise.sequence);
        }
        if self.completed == self.issued { After::Nothing } else { After::Write(self.issued) }
    }

    /// The last index through which the log, as it stands now, is durable.
    pub(crate) fn durable_through(&self) -> Index {
        self.durable.through
    }

    /// The hard state that a crash right now would leave.
    pub(crate) fn durable_hard_state(&self) -> HardState {
        self.durable.hard_state
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::Position;
    use crate::types::{Entry, NodeId, Payload, Term};

    const STATE: HardState = HardState { term: Term(2), voted_for: None };

    fn empty_log() -> Log {
        Log::new(Position::default(), Arc::default(), Vec::new())
    }

    fn push(log: &mut Log, count: u64, term: u64) {
        for _ in 0..count {
            log.push(Entry { term: Term(term), index: log.last_index().next(), payload: Payload::Noop });
        }
    }

    #[test]
    fn only_what_is_new_is_written() {
        let mut log = empty_log();
        let mut writes = Writes::new(STATE, Index(0));
        assert_eq!(writes.issue(STATE, &mut log), None);
        push(&mut log, 2, 2);
        let write = writes.issue(STATE, &mut log).expect("two entries are new");
        assert_eq!((write.sequence, write.hard_state, write.entries.len()), (WriteSequence(1), None, 2));
        assert_eq!(writes.issue(STATE, &mut log), None);
        let voted = HardState { voted_for: Some(NodeId(3)), ..STATE };
        let write = writes.issue(voted, &mut log).expect("the vote is new");
        assert_eq!((write.sequence, write.hard_state, write.entries.len()), (WriteSequence(2), Some(voted), 0));
    }

    #[test]
    fn a_completion_promises_all_earlier_writes() {
        let mut log = empty_log();
        let mut writes = Writes::new(STATE, Index(0));
        for _ in 0..3 {
            push(&mut log, 1, 2);
            writes.issue(STATE, &mut log);
        }
        assert_eq!((writes.durable_through(), writes.barrier()), (Index(0), After::Write(WriteSequence(3))));
        writes.complete(WriteSequence(2));
        assert_eq!((writes.durable_through(), writes.barrier()), (Index(2), After::Write(WriteSequence(3))));
        writes.complete(WriteSequence(1));
        assert_eq!(writes.durable_through(), Index(2), "an old completion brings nothing new");
        writes.complete(WriteSequence(3));
        assert_eq!((writes.durable_through(), writes.barrier()), (Index(3), After::Nothing));
    }

    #[test]
    fn a_completion_that_truncation_overtook_marks_nothing_beyond_it() {
        let mut log = empty_log();
        let mut writes = Writes::new(STATE, Index(0));
        push(&mut log, 3, 1);
        writes.issue(STATE, &mut log);
        log.truncate_from(Index(2));
        writes.truncate(Index(1));
        push(&mut log, 2, 2);
        let replacement = writes.issue(STATE, &mut log).expect("the replacement is new");
        assert_eq!(replacement.entries[0].index, Index(2));
        assert_eq!(writes.complete(WriteSequence(1)), Completion::Overtaken);
        assert_eq!(writes.durable_through(), Index(1), "index 2 and 3 hold other entries now");
        assert_eq!(writes.complete(WriteSequence(2)), Completion::AsPromised);
        assert_eq!(writes.durable_through(), Index(3));
    }

    #[test]
    fn truncation_takes_back_what_was_durable() {
        let mut log = empty_log();
        push(&mut log, 3, 1);
        let mut writes = Writes::new(STATE, Index(3));
        log.truncate_from(Index(2));
        writes.truncate(Index(1));
        assert_eq!(writes.durable_through(), Index(1));
    }

    fn snapshot(index: u64) -> Arc<Snapshot> {
        let configuration = Arc::default();
        Arc::new(Snapshot { index: Index(index), term: Term(2), configuration, data: "state".into() })
    }

    #[test]
    fn a_received_snapshot_goes_with_the_next_write_and_with_what_is_behind_it() {
        let mut log = empty_log();
        push(&mut log, 2, 1);
        let mut writes = Writes::new(STATE, Index(2));
        writes.truncate(Index(1));
        log.restart(Position { index: Index(7), term: Term(2) }, Arc::default());
        writes.install(&snapshot(7));
        push(&mut log, 1, 2);
        let write = writes.issue(STATE, &mut log).expect("the snapshot is new");
        assert_eq!(write.snapshot, Some(snapshot(7)));
        assert_eq!(write.entries.iter().map(|entry| entry.index.0).collect::<Vec<_>>(), [8]);
        assert_eq!(writes.durable_through(), Index(1), "what was committed before is what is left of the old log");
        assert_eq!(writes.issue(STATE, &mut log), None);
        writes.complete(WriteSequence(1));
        assert_eq!(writes.durable_through(), Index(8));
    }

    #[test]
    fn what_is_kept_behind_a_snapshot_is_not_written_again() {
        let mut log = empty_log();
        push(&mut log, 9, 2);
        let mut writes = Writes::new(STATE, Index(0));
        writes.issue(STATE, &mut log);
        log.compact(Index(7));
        writes.install(&snapshot(7));
        let write = writes.issue(STATE, &mut log).expect("the snapshot is new");
        assert!(write.snapshot.is_some() && write.entries.is_empty());
        writes.complete(WriteSequence(1));
        assert_eq!(writes.durable_through(), Index(9));
    }

    #[test]
    #[should_panic(expected = "write 1 completed, but only 0 were issued")]
    fn a_completion_of_nothing_is_a_bug() {
        Writes::new(STATE, Index(0)).complete(WriteSequence(1));
    }
}
