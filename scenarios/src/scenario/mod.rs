//! A scenario: everything about a run but its seed. Read from TOML by [`format`](mod@format), checked, and then immutable.

pub mod format;
mod quantity;

use whitewater_kv::client::Patience;
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
    /// The numbers of servers to choose from; each seed draws one.
    pub servers: Vec<u32>,
    /// The number of clients.
    pub clients: u32,
    /// How long things take and how long they may take.
    pub timing: Timing,
    /// How much servers send at a time.
    pub replication: Replication,
    /// How links behave when no fault says otherwise.
    pub links: LinkProfile,
    /// How disks behave.
    pub disks: DiskProfile,
    /// What clients ask.
    pub workload: Workload,
    /// What goes wrong.
    pub faults: Vec<FaultMix>,
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
    /// How often each kind of operation is chosen, relative to the others.
    pub mix: Mix,
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
