//! What servers say to each other: RequestVote, AppendEntries, InstallSnapshot and their replies (paper, Figures 2 and
//! 13), pre-votes (dissertation 9.6), leadership transfer (3.10), and reads at followers (6.4).
//!
//! Replies are messages of their own, not return values: nothing here assumes that a request has one answer, in order,
//! or at all. Every message carries its sender's term; the transport says who the sender is.

use std::sync::Arc;

use bytes::Bytes;

use crate::configuration::Configuration;
use crate::types::{Entry, Index, ReadId, Round, Term};

/// A message between two servers.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Message {
    /// The sender's current term. Durable at the sender before the message leaves it.
    pub term: Term,
    /// What it says.
    pub body: Body,
}

/// What a message says.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Body {
    /// A server asks whether it could win an election (dissertation 9.6).
    RequestPreVote(RequestPreVote),
    /// The answer to [`Body::RequestPreVote`].
    PreVoteReply(PreVoteReply),
    /// A candidate asks for a vote (paper 5.2).
    RequestVote(RequestVote),
    /// The answer to [`Body::RequestVote`].
    VoteReply(VoteReply),
    /// A leader replicates entries, or just asserts its leadership if there are none (paper 5.3).
    Append(Append),
    /// The answer to [`Body::Append`].
    AppendReply(AppendReply),
    /// A leader sends a part of its snapshot (paper 7, Figure 13). Boxed: it is rare, and twice as large as the rest.
    InstallSnapshot(Box<InstallSnapshot>),
    /// How much of a snapshot has arrived. Once it is installed, an [`AppendReply`] says so instead.
    SnapshotReply(SnapshotReply),
    /// The leader asks the receiver to stand for election at once (dissertation 3.10).
    TimeoutNow,
    /// A follower asks the leader for a read index (dissertation 6.4).
    RequestReadIndex(ReadContext),
    /// The answer to [`Body::RequestReadIndex`].
    ReadIndexReply(ReadIndexReply),
}

/// A server's question whether it could win. Its own term stays as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct RequestPreVote {
    /// The term in which it would stand.
    pub next_term: Term,
    /// Index of its last entry.
    pub last_index: Index,
    /// Term of its last entry.
    pub last_term: Term,
}

/// The answer to [`RequestPreVote`]: what the answering server would do, at the moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct PreVoteReply {
    /// The term that was asked for.
    pub next_term: Term,
    /// Whether it would vote for the asking server.
    pub vote: VoteReply,
}

/// A candidate's request for a vote.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct RequestVote {
    /// Index of the candidate's last entry.
    pub last_index: Index,
    /// Term of the candidate's last entry.
    pub last_term: Term,
    /// Why there is an election.
    pub cause: ElectionCause,
}

/// Why a candidate stands for election.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum ElectionCause {
    /// It heard from no leader for too long.
    Timeout,
    /// The leader asked it to (dissertation 3.10): voters need not protect that leader.
    Transfer,
}

/// A voter's answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum VoteReply {
    /// The vote is given, and durable at the voter.
    Granted,
    /// The vote is not given.
    Refused,
}

/// A leader's entries for a follower; a heartbeat has none.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Append {
    /// Index of the entry right before the new ones.
    pub previous_index: Index,
    /// Term of that entry.
    pub previous_term: Term,
    /// The new entries, at consecutive indexes from `previous_index + 1`. Shared between all followers and the
    /// leader's own write.
    pub entries: Arc<[Entry]>,
    /// The leader's commit index.
    pub commit: Index,
    /// The leader's latest round.
    pub round: Round,
}

/// A follower's answer to [`Append`], and to the last part of a snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct AppendReply {
    /// The append's round.
    pub round: Round,
    /// What became of its entries.
    pub result: AppendResult,
}

/// What became of the entries of an [`Append`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum AppendResult {
    /// The follower's log equals the leader's up to `matched`, durably.
    Accepted {
        /// The last index that the append or the snapshot covered, or a later one that is committed.
        matched: Index,
    },
    /// The follower has no entry with the previous index and term of the append.
    Rejected {
        /// The append's previous index, so that the leader can tell a stale rejection.
        previous_index: Index,
        /// What the follower has there instead (paper 5.3, the optimisation at its end).
        conflict: Conflict,
    },
}

/// Where the leader should try next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Conflict {
    /// The follower's log ends before the previous index: at `last_index`.
    Missing {
        /// Index of the follower's last entry.
        last_index: Index,
    },
    /// The follower's entry at the previous index has another term.
    Term {
        /// That term.
        term: Term,
        /// The first index that the follower stores for that term.
        first_index: Index,
    },
}

/// A part of a leader's snapshot.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct InstallSnapshot {
    /// The last index that the snapshot covers.
    pub last_index: Index,
    /// The term of the entry there.
    pub last_term: Term,
    /// The configuration in force there.
    pub configuration: Arc<Configuration>,
    /// The length of the whole snapshot's data, in bytes.
    pub length: u64,
    /// Where this part belongs in it, in bytes.
    pub offset: u64,
    /// The part. It ends the snapshot if `offset` and its length add up to `length`. One without a byte before that
    /// only asks how far the follower is: a heartbeat.
    pub data: Bytes,
    /// The leader's latest round.
    pub round: Round,
}

/// How much of a snapshot has arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct SnapshotReply {
    /// The snapshot's last index.
    pub last_index: Index,
    /// How many bytes of it the follower has, from the start and without a gap.
    pub received: u64,
    /// The round of the part that is answered.
    pub round: Round,
}

/// Names a read across servers, and across the lives of the server that asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub struct ReadContext {
    /// A number that the asking server drew when it started: an answer to an earlier life says nothing in this one.
    pub life: u64,
    /// The read.
    pub read: ReadId,
}

/// A leader's answer to a follower's read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct ReadIndexReply {
    /// Which one.
    pub context: ReadContext,
    /// The read may be served once this index is applied; `None` if the asked server does not lead, or cannot tell.
    pub index: Option<Index>,
}
