//! What servers say to each other: RequestVote, AppendEntries and their replies (paper, Figure 2).
//!
//! Replies are messages of their own, not return values: nothing here assumes that a request has one answer, in order,
//! or at all. Every message carries its sender's term; the transport says who the sender is.

use std::sync::Arc;

use crate::types::{Entry, Index, Term};

/// A message between two servers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// The sender's current term. Durable at the sender before the message leaves it.
    pub term: Term,
    /// What it says.
    pub body: Body,
}

/// What a message says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    /// A candidate asks for a vote (paper 5.2).
    RequestVote(RequestVote),
    /// The answer to [`Body::RequestVote`].
    VoteReply(VoteReply),
    /// A leader replicates entries, or just asserts its leadership if there are none (paper 5.3).
    Append(Append),
    /// The answer to [`Body::Append`].
    AppendReply(AppendReply),
}

/// A candidate's request for a vote.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestVote {
    /// Index of the candidate's last entry.
    pub last_index: Index,
    /// Term of the candidate's last entry.
    pub last_term: Term,
}

/// A voter's answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VoteReply {
    /// The vote is given, and durable at the voter.
    Granted,
    /// The vote is not given.
    Refused,
}

/// A leader's entries for a follower; a heartbeat has none.
#[derive(Clone, Debug, PartialEq, Eq)]
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
}

/// A follower's answer to [`Append`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AppendReply {
    /// The follower's log equals the leader's up to `matched`, durably.
    Accepted {
        /// The last index that the append covered.
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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
