//! What can happen to a replica. Everything that it knows of the world comes in through here.

use std::sync::Arc;

use crate::membership::ChangeRequest;
use crate::message::Message;
use crate::snapshot::Snapshot;
use crate::types::{Command, LocalTime, NodeId, ProposalId, ReadId, WriteSequence};

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
    /// The configuration should change. Answered like a proposal.
    ChangeMembership {
        /// The host's name for it.
        proposal: ProposalId,
        /// What should change.
        request: ChangeRequest,
    },
    /// Leadership should go to this server (dissertation 3.10). There is an answer only if it does not:
    /// [`crate::Effect::TransferRefused`].
    Transfer {
        /// The next leader.
        to: NodeId,
    },
    /// A client wants to read (dissertation 6.4). At a follower the leader is asked. The answer is
    /// [`crate::Effect::ReadReady`] or [`crate::Effect::ReadRefused`]; at a follower it may be lost, and does not come
    /// then, or come twice.
    Read {
        /// The host's name for it; different for all reads of one life of the server.
        read: ReadId,
        /// How the leader makes sure that it still leads.
        mode: ReadMode,
    },
    /// A snapshot of the application's state is durable ([`crate::Replica::snapshot_of`] makes it): the log before it
    /// is no longer needed.
    SnapshotSaved(Arc<Snapshot>),
    /// All writes up to this number are on stable storage.
    WriteCompleted(WriteSequence),
}

/// The timers of a replica. Arming one again replaces its deadline.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Timer {
    /// No leader was heard for too long, or an election was not decided (paper 5.2). At a leader: it is time to see who
    /// answered (dissertation 6.2), and whether a transfer has come to an end.
    Election,
    /// A leader's heartbeat is due, or a request for votes or pre-votes should be sent again.
    Heartbeat,
}

/// How a leader makes sure that it still leads before it answers a read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum ReadMode {
    /// By a round of messages to a quorum.
    Quorum,
    /// By its lease, while that holds; else by a round. Needs clocks that keep to
    /// [`crate::Config::clock_drift_ppm_max`]. A follower's read is proved by a round all the same.
    Lease,
}

/// What a replica is lent for a step: a clock and random numbers. It draws election timeouts and the number of its
/// life, and reads the clock for leases; nothing else.
pub trait Environment {
    /// A number in `low..=high`, uniformly.
    fn random_between(&mut self, low: u64, high: u64) -> u64;

    /// What the server's own clock shows.
    fn now(&mut self) -> LocalTime;
}
