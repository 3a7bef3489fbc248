//! What a replica wants done. The host carries effects out in the order in which they come.
//!
//! **What waits for which write is in the type.** A message that promises something durable carries the number of the
//! write that makes it so ([`Outbound::after`]); the host holds it back until that write, and so every earlier one,
//! has completed. A leader's appends do not wait (dissertation 10.2.1). If the server crashes first, the message is
//! never sent.

use std::sync::Arc;

use crate::input::Timer;
use crate::membership::ChangeError;
use crate::message::Message;
use crate::probe::Probe;
use crate::snapshot::Snapshot;
use crate::types::{Entry, HardState, Index, NodeId, ProposalId, ReadId, Term, WriteSequence};

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
        /// Why.
        refusal: Refusal,
    },
    /// The application's state is to be replaced by this snapshot, at once; the write that makes it durable is under
    /// way. Everything through its index counts as applied.
    Restore(Arc<Snapshot>),
    /// A read may be served as soon as everything through this index is applied.
    ReadReady {
        /// The read.
        read: ReadId,
        /// The index.
        index: Index,
        /// How the leader made sure that it leads.
        by: ReadProof,
    },
    /// A read cannot be served here now.
    ReadRefused {
        /// The read.
        read: ReadId,
        /// The leader of the current term, if known.
        leader: Option<NodeId>,
    },
    /// A leadership transfer is not begun, or was given up.
    TransferRefused {
        /// The server that was to lead.
        to: NodeId,
        /// Why.
        refusal: TransferRefusal,
    },
    /// Something worth knowing of happened.
    Probe(Probe),
    /// The role, the term, or the known leader changed.
    Role(RoleChange),
}

/// Why a proposal, or a change of the configuration, does not enter the log. Each message says what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The server does not lead.
    #[error("this server does not lead: ask {}", leader.map_or("another".to_owned(), |leader| leader.to_string()))]
    NotLeader {
        /// The leader of the current term, if known.
        leader: Option<NodeId>,
    },
    /// Leadership is on its way to another server (dissertation 3.10).
    #[error("leadership is being handed to {to}: ask it in a moment")]
    Transferring {
        /// The next leader.
        to: NodeId,
    },
    /// Too much is waiting to be committed.
    #[error("{uncommitted} bytes wait to be committed, and at most {max} may: ask again later")]
    Overloaded {
        /// Bytes of the commands that are not committed.
        uncommitted: u64,
        /// [`crate::Config::uncommitted_bytes_max`].
        max: u64,
    },
    /// The command is too long.
    #[error("the command has {bytes} bytes, and at most {max} are allowed: split it")]
    TooLarge {
        /// Its length in bytes.
        bytes: u64,
        /// [`crate::Config::command_bytes_max`].
        max: u64,
    },
    /// The configuration cannot be changed like that, or not now.
    #[error(transparent)]
    Change(#[from] ChangeError),
}

/// How a leader made sure that it leads when it let a read pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadProof {
    /// A quorum answered a round that began after the read.
    Quorum,
    /// Its lease held.
    Lease,
}

/// Why leadership is not transferred. Each message says what to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TransferRefusal {
    /// The server does not lead.
    #[error("this server does not lead: ask the leader")]
    NotLeader,
    /// The target leads already.
    #[error("this server leads already")]
    AlreadyLeads,
    /// The target is no voter: a learner, or not in the configuration.
    #[error("the target does not vote: promote it first")]
    NotAVoter,
    /// Another transfer is under way.
    #[error("leadership is on its way to {to}: wait until that is over")]
    UnderWay {
        /// Its target.
        to: NodeId,
    },
    /// The target did not take over within an election timeout.
    #[error("the target did not take over in time: look at its log and its links, and ask again")]
    TimedOut,
}

/// One write. Its parts become durable together or in this order: hard state, snapshot, entries (a term reaches the
/// disk no later than what it covers).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Write {
    /// Its number; consecutive from 1 in each incarnation.
    pub sequence: WriteSequence,
    /// The new term and vote, if they changed.
    pub hard_state: Option<HardState>,
    /// A snapshot that was received. Once it is durable the log on disk begins behind it. What the log holds after the
    /// snapshot's index stays if the log's entry there has the snapshot's term; else all of it goes.
    pub snapshot: Option<Arc<Snapshot>>,
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
    /// Asks whether it could win an election (dissertation 9.6).
    PreCandidate,
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
