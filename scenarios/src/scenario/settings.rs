//! How servers and clients of a scenario are set: spans of time, sizes, what they do about leaders, and when they forget.
//!
//! The terms are those of Ongaro's dissertation: election timeouts 3.4, pre-votes 9.6, batches and windows 10.2, sessions
//! 6.3. What it simplifies: all servers of a cluster are set alike.

use whitewater_kv::client::Patience;
use whitewater_raft::config::{PreVote, QuorumCheck};

use super::Span;

/// Spans of virtual time, in nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    /// The shortest and the longest election timeout.
    pub election_timeout_ns: Span,
    /// How often a leader shows that it is alive.
    pub heartbeat_ns: u64,
    /// How patient clients are.
    pub patience: Patience,
    /// How long the safety phase lasts: faults strike, clients work.
    pub duration_ns: u64,
    /// How long the liveness phase may last at most: everything is healed, answered and equal before it ends.
    pub settle_ns: u64,
}

/// How much servers send at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Replication {
    /// The most entries in one append.
    pub entries_per_append: u32,
    /// The most appends with entries that may be on their way to one follower without an answer.
    pub appends_in_flight: u32,
    /// The most bytes of commands in one append.
    pub append_bytes: u64,
    /// The most bytes of commands that may be on their way to one follower without an answer.
    pub in_flight_bytes: u64,
    /// The most bytes of commands that may wait to be committed.
    pub uncommitted_bytes: u64,
    /// The most bytes of a snapshot in one message.
    pub snapshot_chunk: u64,
    /// How many entries a learner may lack to be promoted.
    pub promotion_gap: u32,
    /// How many entries before a snapshot's end stay in the log.
    pub entries_kept: u64,
}

/// What servers do about leaders that are alive, and how far they trust clocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Protocol {
    /// Whether a server asks before it stands for election.
    pub pre_vote: PreVote,
    /// Whether a leader must hear from a quorum, and is protected as long as it does.
    pub quorum_check: QuorumCheck,
    /// By how many millionths clocks may be fast or slow for leases to be trusted.
    pub clock_drift_ppm_max: u32,
}

/// When the store forgets clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sessions {
    /// A session expires when it was idle for more than this number of applied entries.
    pub idle_entries: u64,
    /// The most sessions; one more, and the one that was idle for longest expires.
    pub max: u32,
}
