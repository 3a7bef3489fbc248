//! A scenario: everything about a run but its seed. Read from TOML by [`format`](mod@format), checked, and then immutable.

mod faults;
pub mod format;
mod operator;
mod quantity;
mod servers;
mod workload;

use whitewater_kv::client::Patience;
use whitewater_raft::config::{PreVote, QuorumCheck};
use whitewater_sim::ClockProfile;
use whitewater_sim::disk::DiskProfile;
use whitewater_sim::fault::{Direction, Reach};
use whitewater_sim::{Checks, LinkProfile, NodeId};

pub use format::ScenarioError;

/// A scenario that passed all checks of its file.
#[derive(Clone, Debug, PartialEq)]
pub struct Scenario {
    /// Its name: lower-case words joined by hyphens.
    pub name: String,
    /// What it is for, in one sentence.
    pub summary: String,
    /// The numbers of voters in the first configuration to choose from; each seed draws one.
    pub servers: Vec<u32>,
    /// The number of learners in the first configuration.
    pub learners: u32,
    /// The number of servers that wait outside of the first configuration.
    pub spares: u32,
    /// The number of clients.
    pub clients: u32,
    /// How long things take and how long they may take.
    pub timing: Timing,
    /// What servers do about leaders that are alive, and how far they trust clocks.
    pub protocol: Protocol,
    /// How much servers send at a time.
    pub replication: Replication,
    /// How many entries are applied from one snapshot to the next; `None` if none is ever taken.
    pub snapshot_every: Option<u32>,
    /// When the store forgets clients.
    pub sessions: Sessions,
    /// How links behave when no fault says otherwise.
    pub links: LinkProfile,
    /// How wrong the clocks of servers are.
    pub clocks: ClockProfile,
    /// How disks behave.
    pub disks: DiskProfile,
    /// The most bytes in one file of the log.
    pub segment_bytes: u64,
    /// What clients ask.
    pub workload: Workload,
    /// What goes wrong.
    pub faults: Vec<FaultMix>,
    /// What the operator does.
    pub operator: Vec<OperatorMix>,
    /// What is checked.
    pub checks: Checks,
}

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

/// A range of spans of time, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// The shortest.
    pub min_ns: u64,
    /// The longest.
    pub max_ns: u64,
}

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

/// A kind of fault that strikes again and again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FaultMix {
    /// What strikes.
    pub kind: MixKind,
    /// How long it is from the end of one to the beginning of the next; also from the start of the run to the first.
    pub every: Span,
    /// How long one lasts.
    pub lasting: Span,
}

/// What strikes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MixKind {
    /// Servers are cut off from the others.
    Cut {
        /// Who.
        target: Who,
        /// Which way.
        direction: Direction,
        /// From whom.
        reach: Reach,
    },
    /// One link is cut in one direction.
    Link {
        /// Whose messages are lost; they are lost on the way to one random other server.
        target: Who,
    },
    /// Servers crash and restart.
    Crash {
        /// Who.
        target: Who,
    },
    /// Servers stand still.
    Pause {
        /// Who.
        target: Who,
    },
    /// All links behave differently.
    Links {
        /// How.
        profile: LinkProfile,
    },
    /// Disks sync slowly.
    SlowDisk {
        /// Whose.
        target: Who,
        /// How many times slower.
        factor: u32,
    },
    /// A server crashes, loses its disk, and comes back as a new server.
    Wipe {
        /// Who: never more than one server.
        target: Who,
    },
    /// Clocks jump.
    ClockStep {
        /// Whose.
        target: Who,
        /// How far.
        by: Span,
        /// Which way.
        way: Way,
    },
}

/// Which way a clock jumps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// Into the future.
    Forward,
    /// Into the past.
    Backward,
    /// Sometimes one, sometimes the other.
    Either,
}

/// Something that the operator does again and again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OperatorMix {
    /// What it does.
    pub kind: OperatorKind,
    /// How long it is from one step to the next; also from the start of the run to the first.
    pub every: Span,
}

/// What an operator does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OperatorKind {
    /// Hands leadership to a random voter.
    Transfer,
    /// Draws new voters from all servers, and brings them in through joint configurations.
    Reconfigure {
        /// How many voters there may be; each time one of these numbers is drawn.
        voters: Vec<u32>,
    },
    /// Adds a server as a learner, promotes it, and takes another voter out; a step each.
    AddLearnerAndPromote,
    /// Adds a server and takes another one out, one server at a time.
    Replace,
    /// Hands leadership to a voter, takes that one out, and brings it back; a step each.
    RemoveLeader,
    /// Makes a random server take a snapshot.
    ForceSnapshot,
}

/// Who is hurt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Who {
    /// Whoever leads at that moment.
    Leader,
    /// A server that does not lead at that moment.
    Follower,
    /// Any server.
    Random,
    /// Fewer than half of the servers, at least one.
    Minority,
    /// Fewer than half of the servers, the leader among them.
    LeaderAndMinority,
    /// Every server.
    All,
    /// These servers.
    Nodes(Vec<NodeId>),
}
