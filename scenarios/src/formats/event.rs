//! What happened, one event after the other: an operation is invoked, or one ends (Herlihy and Wing, 1990).
//!
//! Every format is read into these. What it simplifies: an operation is known by its number, so that whoever follows the
//! events need not look into processes.

use whitewater_kv::{Answer, Operation};
use whitewater_sim::Instant;

/// An event of a history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// The number of the operation, counted from 0 in the order of invocation.
    pub operation: u64,
    /// The process (our word elsewhere: client) whose operation it is.
    pub process: u64,
    /// The line of the file that says so, counted from 1.
    pub line: usize,
    /// When it happened, for people to read; the start where the format has no times.
    pub at: Instant,
    /// What happened.
    pub step: Step,
}

/// What can happen to an operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// It was invoked.
    Invoked(Operation),
    /// It took effect, and this is the answer to it.
    Returned(Answer),
    /// It certainly had no effect.
    Failed,
    /// Nobody knows. It may take effect at any later time, or never.
    Unknown,
}
