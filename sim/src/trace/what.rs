//! What a line of a trace says, as data: for drawings and exports, which must not take sentences apart.

use std::borrow::Cow;

use super::Mark;
use crate::disk::SyncId;
use crate::fault::FaultKind;
use crate::history::OperationId;
use crate::invariant::Check;
use crate::node::{NodeId, ProbeId, TimerId};
use crate::observe::Observation;
use crate::time::Instant;

/// A message on its way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Letter {
    /// Its number among all that were sent in the run. A copy that the network made has the same one.
    pub number: u64,
    /// Who sent it.
    pub from: NodeId,
    /// To whom.
    pub to: NodeId,
    /// What kind of message it is: see [`crate::Message::name`].
    pub name: Cow<'static, str>,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// A message leaves the node of the line.
    Sent {
        /// The message.
        letter: Letter,
        /// When it is to arrive, if nothing gets in its way.
        arrives: Instant,
        /// When a copy of it is to arrive.
        copy: Option<Instant>,
    },
    /// A message reaches the node of the line.
    Arrived {
        /// The message.
        letter: Letter,
    },
    /// A message is lost: at its sender, if that is the node of the line, or else at its receiver.
    Lost {
        /// The message.
        letter: Letter,
    },
    /// A timer runs out.
    TimerRanOut(TimerId),
    /// A sync of the disk begins.
    SyncBegan {
        /// Its number among those of the disk.
        sync: SyncId,
        /// When it is to be done.
        done: Instant,
    },
    /// A sync of the disk is over.
    SyncEnded {
        /// Its number among those of the disk.
        sync: SyncId,
    },
    /// The sync that is over failed: what it covers may be lost.
    SyncFailed {
        /// Its number among those of the disk.
        sync: SyncId,
    },
    /// The node tells the observer something.
    Observed {
        /// What; of several that the line tells in one, the last.
        observation: Observation,
        /// The index with which those begin, if it tells of indexes.
        first: Option<u64>,
    },
    /// The node meets a situation that is counted.
    Probe(ProbeId),
    /// A fault begins, on the node of the line, or on no node in particular.
    FaultBegan {
        /// Its number in the plan.
        number: usize,
        /// What it does.
        kind: FaultKind,
    },
    /// A fault ends.
    FaultEnded {
        /// Its number in the plan.
        number: usize,
    },
    /// Every fault ends, and none will begin.
    Healed,
    /// A client invokes an operation.
    Invoked(OperationId),
    /// A client learns the answer.
    Returned(OperationId),
    /// A client learns that the operation had no effect.
    Failed(OperationId),
    /// A client gives up.
    Unknown(OperationId),
    /// A check fails.
    Violation(Check),
    /// What only the text tells, of this kind.
    Note(Mark),
}

impl What {
    /// The character in the node's column.
    #[must_use]
    pub fn mark(&self) -> Mark {
        match self {
            What::Sent { .. } => Mark::Sent,
            What::Arrived { .. } => Mark::Arrived,
            What::Lost { .. } => Mark::Lost,
            What::TimerRanOut(_) => Mark::Timer,
            What::SyncBegan { .. } | What::SyncEnded { .. } | What::SyncFailed { .. } => Mark::Disk,
            What::Observed { .. } | What::Probe(_) => Mark::Observed,
            What::FaultBegan { .. } | What::FaultEnded { .. } | What::Healed | What::Violation(_) => Mark::Fault,
            What::Invoked(_) | What::Returned(_) | What::Failed(_) | What::Unknown(_) => Mark::Client,
            What::Note(mark) => *mark,
        }
    }
}
