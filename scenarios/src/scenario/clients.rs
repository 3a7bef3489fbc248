//! What clients ask of the store, how often and of which keys, as a scenario has it: at a rate or with time to think, in
//! bursts, with hot keys (the hotspot distribution of YCSB, Cooper et al., SoCC 2010), or every operation written down.
//!
//! What it simplifies: all clients of a scenario are alike.

use super::Span;
use crate::generate::Planned;

/// What clients ask, and how often.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Workload {
    /// Operations a second, of all clients together.
    pub rate: u32,
    /// Number of keys, all equally popular.
    pub keys: u32,
    /// How many operations a client may have under way at the same time.
    pub in_flight: u32,
    /// Which way reads take.
    pub reads: Reads,
    /// How often each kind of operation is chosen, relative to the others.
    pub mix: Mix,
    /// How long a client waits from an answer to its next operation, in nanoseconds, in place of a rate; `None` for a rate.
    pub think: Option<Span>,
    /// Some keys are more popular than others; `None` if all are equally popular.
    pub hot: Option<Hot>,
    /// Now and then there is more to do; `None` if it is always the same.
    pub bursts: Option<Bursts>,
    /// Bytes to which written values are filled up; 0 if they are as short as they come.
    pub value_bytes: u32,
    /// Chance that a client sends a request twice by itself, to two servers.
    pub duplicate_ppm: u32,
    /// Operations on top of the rate, at given times.
    pub loads: Vec<Load>,
}

/// Weights of the kinds of operations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mix {
    /// Of `get`.
    pub get: u32,
    /// Of `put`.
    pub put: u32,
    /// Of `append`.
    pub append: u32,
    /// Of `delete`.
    pub delete: u32,
    /// Of `compare-and-swap`.
    pub compare_and_swap: u32,
    /// Of `range`: a read of several keys.
    pub range: u32,
    /// Of `transaction`: comparisons that decide which of two lists of operations is done.
    pub transaction: u32,
    /// Of `batch`: several operations at once.
    pub batch: u32,
}

impl Mix {
    /// Whether any of the operations may write.
    #[must_use]
    pub fn has_writes(self) -> bool {
        let Mix { get: _, put, append, delete, compare_and_swap, range: _, transaction, batch } = self;
        [put, append, delete, compare_and_swap, transaction, batch].iter().any(|weight| *weight > 0)
    }
}

/// Weights of the ways that a read (`get` or `range`) can take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reads {
    /// Through the log, like a write.
    pub log: u32,
    /// At the leader, which asks a quorum first.
    pub quorum: u32,
    /// At the leader, by its lease while that holds.
    pub lease: u32,
    /// At any server, which asks the leader first.
    pub any_server: u32,
}

/// Popular keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hot {
    /// How many keys are popular: the first ones.
    pub keys: u32,
    /// The share of the operations that go to them.
    pub share_ppm: u32,
}

/// Times at which there is more to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bursts {
    /// How long it is from the end of one to the beginning of the next; also from the start of the run to the first.
    pub every: Span,
    /// How long one lasts.
    pub lasting: Span,
    /// How many times the rate is as high.
    pub factor: u32,
}

/// A number of operations at a given time, shared out among the clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Load {
    /// When the first begins, in nanoseconds.
    pub at_ns: u64,
    /// Over how long a time they are spread evenly, in nanoseconds; 0 for all at once.
    pub over_ns: u64,
    /// How many there are.
    pub operations: u32,
    /// What they are; `None` for the mix of the workload.
    pub mix: Option<Mix>,
    /// Bytes to which written values are filled up; 0 as the workload says.
    pub value_bytes: u32,
}

/// An operation of a client, written down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlannedOperation {
    /// The number of the client, from 0.
    pub client: u32,
    /// What it asks, when, and which way. It begins no earlier than the start if it follows an answer.
    pub planned: Planned,
    /// How long the client thinks before, since it had an answer, in nanoseconds; `None` if the operation has a time.
    pub think_ns: Option<u64>,
}
