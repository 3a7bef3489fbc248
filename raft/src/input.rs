//! What can happen to a replica. Everything that it knows of the world comes in through here.

use crate::message::Message;
use crate::types::{Command, NodeId, ProposalId, WriteSequence};

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// A timer that was armed by [`crate::Effect::Arm`] ran out.
    Timer(Timer),
    /// A message arrived.
    Message {
        /// Its sender, as the transport knows it.
        from: NodeId,
        /// What it says.
        message: Message,
    },
    /// A client's command should enter the log.
    Propose {
        /// The host's name for it.
        proposal: ProposalId,
        /// The command.
        command: Command,
    },
    /// All writes up to this number are on stable storage.
    WriteCompleted(WriteSequence),
}

/// The timers of a replica. Arming one again replaces its deadline.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Timer {
    /// No leader was heard for too long, or an election was not decided (paper 5.2).
    Election,
    /// A leader's heartbeat is due, or a candidate's request for a vote should be sent again.
    Heartbeat,
}

/// A stream of random numbers, handed in with each step. The replica draws election timeouts from it and nothing else.
pub trait Random {
    /// A number in `low..=high`, uniformly.
    fn between(&mut self, low: u64, high: u64) -> u64;
}
