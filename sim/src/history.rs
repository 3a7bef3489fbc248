//! Histories: what the clients asked, what they were told, and when (Herlihy and Wing, 1990).
//!
//! An operation is invoked, and then it returns, fails (it certainly had no effect), stays unknown (it may take effect
//! at any later time, or never), or is still open when the history ends, which means the same as unknown.
//! The order of events is a total order given by [`Stamp`]; virtual time is carried for people to read.

use crate::time::Instant;

/// Position of an event in the total order of a history. The checker uses nothing else about time.
pub type Stamp = u64;

/// Position of an operation in [`History::operations`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OperationId(pub u32);

/// What became of an operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome<Ret> {
    /// Invoked and nothing heard since. For the checker the same as [`Outcome::Unknown`].
    Open,
    /// It took effect and the client was given this answer.
    Returned {
        /// The answer.
        ret: Ret,
        /// When, in the order of events.
        stamp: Stamp,
        /// When, in virtual time.
        at: Instant,
    },
    /// It certainly never took and never will take effect.
    Failed {
        /// When, in the order of events.
        stamp: Stamp,
        /// When, in virtual time.
        at: Instant,
    },
    /// The client gave up. It may take effect at any time after its invocation, or never.
    Unknown {
        /// When the client gave up, in the order of events.
        stamp: Stamp,
        /// When the client gave up, in virtual time.
        at: Instant,
    },
}

/// One operation of one client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operation<Op, Ret> {
    /// The client (Jepsen: process) that invoked it.
    pub client: u64,
    /// What was asked.
    pub op: Op,
    /// When it was invoked, in the order of events.
    pub invoked: Stamp,
    /// When it was invoked, in virtual time.
    pub invoked_at: Instant,
    /// What became of it.
    pub outcome: Outcome<Ret>,
}

/// Every operation of a run, in the order of invocation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct History<Op, Ret> {
    operations: Vec<Operation<Op, Ret>>,
    next_stamp: Stamp,
}

impl<Op, Ret> Default for History<Op, Ret> {
    fn default() -> Self {
        History { operations: Vec::new(), next_stamp: 0 }
    }
}

impl<Op, Ret> History<Op, Ret> {
    /// An empty history.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The operations, in the order of invocation.
    #[must_use]
    pub fn operations(&self) -> &[Operation<Op, Ret>] {
        &self.operations
    }

    /// How many invocations, answers and other ends were recorded: all stamps are below this.
    #[must_use]
    pub fn events(&self) -> Stamp {
        self.next_stamp
    }

    /// What the next operation will be called.
    pub(crate) fn next_id(&self) -> OperationId {
        OperationId(u32::try_from(self.operations.len()).expect("a history holds fewer than 2^32 operations"))
    }

    /// Records an invocation.
    pub fn invoke(&mut self, client: u64, op: Op, at: Instant) -> OperationId {
        let id = self.next_id();
        let invoked = self.stamp();
        self.operations.push(Operation { client, op, invoked, invoked_at: at, outcome: Outcome::Open });
        id
    }

    /// Records the answer to `id`.
    ///
    /// # Panics
    /// If `id` already has an outcome: an operation ends once.
    pub fn returned(&mut self, id: OperationId, ret: Ret, at: Instant) {
        let stamp = self.stamp();
        self.end(id, Outcome::Returned { ret, stamp, at });
    }

    /// Records that `id` certainly had no effect.
    ///
    /// # Panics
    /// If `id` already has an outcome.
    pub fn failed(&mut self, id: OperationId, at: Instant) {
        let stamp = self.stamp();
        self.end(id, Outcome::Failed { stamp, at });
    }

    /// Records that the client of `id` gave up without knowing.
    ///
    /// # Panics
    /// If `id` already has an outcome.
    pub fn unknown(&mut self, id: OperationId, at: Instant) {
        let stamp = self.stamp();
        self.end(id, Outcome::Unknown { stamp, at });
    }

    /// The same history, in which these operations were given other answers. Those without an answer are not changed.
    #[must_use]
    pub fn with_answers(&self, answers: impl IntoIterator<Item = (OperationId, Ret)>) -> Self
    where
        Op: Clone,
        Ret: Clone,
    {
        let mut history = self.clone();
        for (id, answer) in answers {
            if let Outcome::Returned { ret, .. } = &mut history.operations[id.0 as usize].outcome {
                *ret = answer;
            }
        }
        history
    }

    fn stamp(&mut self) -> Stamp {
        let stamp = self.next_stamp;
        self.next_stamp += 1;
        stamp
    }

    fn end(&mut self, id: OperationId, outcome: Outcome<Ret>) {
        let operation = &mut self.operations[id.0 as usize];
        assert!(matches!(operation.outcome, Outcome::Open), "operation {} ended twice", id.0);
        operation.outcome = outcome;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stamps_order_all_events_of_all_clients() {
        let mut history = History::new();
        let a = history.invoke(1, "a", Instant(10));
        let b = history.invoke(2, "b", Instant(10));
        history.returned(b, "answer", Instant(20));
        history.unknown(a, Instant(20));
        let [first, second] = history.operations() else { panic!("two operations") };
        assert_eq!((first.invoked, second.invoked), (0, 1));
        assert_eq!(second.outcome, Outcome::Returned { ret: "answer", stamp: 2, at: Instant(20) });
        assert_eq!(first.outcome, Outcome::Unknown { stamp: 3, at: Instant(20) });
    }

    #[test]
    #[should_panic(expected = "operation 0 ended twice")]
    fn an_operation_ends_once() {
        let mut history: History<(), ()> = History::new();
        let id = history.invoke(1, (), Instant(0));
        history.failed(id, Instant(1));
        history.unknown(id, Instant(2));
    }
}
