//! Writes on their way to the disk: what each promises, and so what is durable when it completes (dissertation 10.2.1).
//!
//! A completion that truncation has overtaken proves nothing about what stands at those indexes now. So truncation
//! lowers the promise of every write under way: when it completes, it marks only what it still covers.
//!
//! Simplification: the disk completes writes in order, and a write that fails does not complete: the server crashes.

use std::collections::VecDeque;

use crate::effect::{After, Write};
use crate::log::Log;
use crate::types::{HardState, Index, WriteSequence};

/// What was handed to the disk, and what of it is durable.
#[derive(Clone, Debug)]
pub(crate) struct Writes {
    issued: WriteSequence,
    completed: WriteSequence,
    under_way: VecDeque<Promise>,
    newest: Stored,
    durable: Stored,
}

/// What a write has made durable once it completes.
#[derive(Clone, Copy, Debug)]
struct Promise {
    sequence: WriteSequence,
    stored: Stored,
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
            newest: recovered,
            durable: recovered,
        }
    }

    /// The write that brings the disk up to this hard state and log; `None` if all of it was issued already.
    pub(crate) fn issue(&mut self, hard_state: HardState, log: &mut Log) -> Option<Write> {
        let changed = hard_state != self.newest.hard_state;
        let last_index = log.last_index();
        if !changed && last_index == self.newest.through {
            return None;
        }
        let entries = log.slice(self.newest.through.next(), last_index);
        self.issued = WriteSequence(self.issued.0 + 1);
        self.newest = Stored { hard_state, through: last_index };
        self.under_way.push_back(Promise { sequence: self.issued, stored: self.newest });
        Some(Write { sequence: self.issued, hard_state: changed.then_some(hard_state), entries })
    }

    /// Every write up to `sequence` has completed. Completions that bring nothing new are ignored.
    pub(crate) fn complete(&mut self, sequence: WriteSequence) {
        assert!(sequence <= self.issued, "write {sequence} completed, but only {} were issued", self.issued);
        while let Some(promise) = self.under_way.front()
            && promise.sequence <= sequence
        {
            self.completed = promise.sequence;
            self.durable = promise.stored;
            self.under_way.pop_front();
        }
    }

    /// The log was cut: it ends at `last_kept` now.
    pub(crate) fn truncate(&mut self, last_kept: Index) {
        let promises = self.under_way.iter_mut().map(|promise| &mut promise.stored);
        for stored in promises.chain([&mut self.newest, &mut self.durable]) {
            stored.through = stored.through.min(last_kept);
        }
    }

    /// What a message waits for that relies on everything issued so far.
    pub(crate) fn barrier(&self) -> After {
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
    use crate::types::{Entry, NodeId, Payload, Term};

    const STATE: HardState = HardState { term: Term(2), voted_for: None };

    fn push(log: &mut Log, count: u64, term: u64) {
        for _ in 0..count {
            log.push(Entry { term: Term(term), index: log.last_index().next(), payload: Payload::Noop });
        }
    }

    #[test]
    fn only_what_is_new_is_written() {
        let mut log = Log::new(Vec::new());
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
        let mut log = Log::new(Vec::new());
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
        let mut log = Log::new(Vec::new());
        let mut writes = Writes::new(STATE, Index(0));
        push(&mut log, 3, 1);
        writes.issue(STATE, &mut log);
        log.truncate_from(Index(2));
        writes.truncate(Index(1));
        push(&mut log, 2, 2);
        let replacement = writes.issue(STATE, &mut log).expect("the replacement is new");
        assert_eq!(replacement.entries[0].index, Index(2));
        writes.complete(WriteSequence(1));
        assert_eq!(writes.durable_through(), Index(1), "index 2 and 3 hold other entries now");
        writes.complete(WriteSequence(2));
        assert_eq!(writes.durable_through(), Index(3));
    }

    #[test]
    fn truncation_takes_back_what_was_durable() {
        let mut log = Log::new(Vec::new());
        push(&mut log, 3, 1);
        let mut writes = Writes::new(STATE, Index(3));
        log.truncate_from(Index(2));
        writes.truncate(Index(1));
        assert_eq!(writes.durable_through(), Index(1));
    }

    #[test]
    #[should_panic(expected = "write 1 completed, but only 0 were issued")]
    fn a_completion_of_nothing_is_a_bug() {
        Writes::new(STATE, Index(0)).complete(WriteSequence(1));
    }
}
