//! What a replica wants done. The host carries effects out in the order in which they come.
//!
//! **What waits for which write is in the type.** A message that promises something durable carries the number of the
//! write that makes it so ([`Outbound::after`]); the host holds it back until that write, and so every earlier one,
//! has completed. A leader's appends do not wait (dissertation 10.2.1). If the server crashes first, the message is
//! never sent.

use std::sync::Arc;

use crate::input::Timer;
use crate::message::Message;
use crate::types::{Entry, HardState, Index, NodeId, ProposalId, Term, WriteSequence};

/// One thing to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Write to stable storage, then say so with [`crate::Input::WriteCompleted`].
    Persist(Write),
    /// Send a message.
    Send(Outbound),
    /// Arm a timer, replacing its earlier deadline.
    Arm {
        /// Which one.
        timer: Timer,
        /// Nanoseconds from now.
        after_ns: u64,
    },
    /// The entries up to this index are committed: apply them in order. The replica's log has them
    /// ([`crate::Replica::entries`]), perhaps before its own disk does.
    Commit {
        /// The new commit index.
        through: Index,
    },
    /// A proposal entered the log. It is not committed yet and may still be lost.
    Accepted {
        /// The proposal.
        proposal: ProposalId,
        /// The term of its entry.
        term: Term,
        /// The index of its entry.
        index: Index,
    },
    /// A proposal did not enter the log and never will.
    Refused {
        /// The proposal.
        proposal: ProposalId,
        /// The leader of the current term, if known.
        leader: Option<NodeId>,
    },
    /// The role, the term, or the known leader changed.
    Role(RoleChange),
}

/// One write. Its parts become durable together or in this order: hard state, then entries (a term reaches the disk no
/// later than the entries that it covers).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Write {
    /// Its number; consecutive from 1 in each incarnation.
    pub sequence: WriteSequence,
    /// The new term and vote, if they changed.
    pub hard_state: Option<HardState>,
    /// New entries, at consecutive indexes. They replace everything that the log holds from the first one's index on.
    pub entries: Arc<[Entry]>,
}

/// A message to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outbound {
    /// The receiver.
    pub to: NodeId,
    /// What to say.
    pub message: Message,
    /// When it may leave.
    pub after: After,
}

/// What a message has to wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum After {
    /// Nothing: send it now.
    Nothing,
    /// The completion of this write.
    Write(WriteSequence),
}

/// A server's role (paper 5.1, Figure 4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Answers leaders and candidates.
    Follower,
    /// Asks for votes.
    Candidate,
    /// Replicates its log.
    Leader,
}

/// The replica's view of who leads, after a change of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RoleChange {
    /// The role now.
    pub role: Role,
    /// The term now.
    pub term: Term,
    /// The leader of that term, if known.
    pub leader: Option<NodeId>,
}
