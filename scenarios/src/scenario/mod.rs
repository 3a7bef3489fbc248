//! A scenario: everything about a run but its seed. Read from TOML by [`format`](mod@format), checked, and then immutable.
//!
//! A seed makes the plan of a run from it: see [`generate`](crate::generate). What it simplifies: one cluster and one store.

mod clients;
mod cluster;
mod expect;
mod faults;
pub mod format;
mod goals;
mod latency;
mod messages;
mod mixes;
mod operations;
mod operator;
pub(crate) mod quantity;
mod script;
mod servers;
mod settings;
pub(crate) mod steps;
mod strike;
mod words;
mod workload;
mod write;

use whitewater_sim::ClockProfile;
use whitewater_sim::disk::DiskProfile;
use whitewater_sim::{Check, Checks, LinkProfile, ProbeId};

use crate::generate::PlannedGoal;
use crate::search::lineage::Lineage;

pub use clients::{Bursts, Hot, Load, Mix, PlannedOperation, Reads, Workload};
pub use mixes::{FaultMix, MixKind, OperatorKind, OperatorMix, Way, Who};
pub use script::{Expectation, Step, StepAction};
pub use settings::{Protocol, Replication, Sessions, Timing};
pub use write::write;

pub(crate) use messages::names as message_names;
pub(crate) use words::write as operation_words;

/// A scenario that passed all checks of its file.
#[derive(Clone, Debug, PartialEq)]
pub struct Scenario {
    /// Its name: lower-case words joined by hyphens.
    pub name: String,
    /// Other names by which it is known, such as those of course labs.
    pub aliases: Vec<String>,
    /// What it is for, in one sentence.
    pub summary: String,
    /// The probes that it exists to reach: a campaign in which no run hits one of them has not exercised it.
    pub reaches: Vec<ProbeId>,
    /// The numbers of voters in the first configuration to choose from; each seed draws one.
    pub servers: Vec<u32>,
    /// The number of learners in the first configuration.
    pub learners: u32,
    /// The number of servers that wait outside of the first configuration.
    pub spares: u32,
    /// The number of clients.
    pub clients: u32,
    /// The number of racks: server k stands in rack k modulo this. 1 if nothing is said of racks.
    pub racks: u32,
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
    /// What happens once, each when its time has come.
    pub steps: Vec<Step>,
    /// What must be true between two moments.
    pub expectations: Vec<Expectation>,
    /// What the operator does again and again.
    pub operator: Vec<OperatorMix>,
    /// What the operator is to bring about besides, goal by goal.
    pub goals: Vec<PlannedGoal>,
    /// Which parts of all this a seed may draw for itself; `None` if it is the same for all seeds.
    pub swarm: Option<Swarm>,
    /// What clients ask, operation by operation, in place of what the workload would make up; `None` if it does.
    pub operations: Option<Vec<PlannedOperation>>,
    /// The run that the file was written for, if it was written for one.
    pub seed: Option<Lineage>,
    /// The failure that the file was written for, if it was written for one.
    pub failure: Option<Fingerprint>,
    /// What is checked.
    pub checks: Checks,
}

/// A range of spans of time, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// The shortest.
    pub min_ns: u64,
    /// The longest.
    pub max_ns: u64,
}

impl Span {
    /// Longer than any run: how often something strikes that is off. It stays in its place, because draws and counts go by
    /// places.
    pub(crate) const NEVER: Span = Span { min_ns: u64::MAX / 2, max_ns: u64::MAX / 2 };
}

/// What a seed may draw for itself: swarm testing (Groce et al., "Swarm Testing", ISSTA 2012). Whatever a part of a
/// scenario does, leaving it out of some runs lets others go where it would get in the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Swarm {
    /// Chance that a fault mix, a step, an action of the operator or a fault of the network takes part in a run.
    pub on_ppm: u32,
    /// Faults that take part strike up to this many times as often, or as seldom, and last as much longer or shorter.
    pub strength_max: u32,
    /// Whether sizes and rates of the protocol and the workload are drawn as well: entries per append, window, snapshots,
    /// what a crash keeps, number of keys, rate, mix of operations.
    pub settings: SwarmSettings,
}

/// Whether a swarm draws settings too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SwarmSettings {
    /// They are drawn.
    Drawn,
    /// They are as the scenario says.
    Fixed,
}

/// What makes a failure this failure and no other: what a shrunk run must have in common with the one that it came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fingerprint {
    /// The check that fails.
    pub check: Check,
    /// The kinds of the operations involved, sorted, for failures that the history shows; empty for others.
    pub operations: Vec<String>,
    /// Where in the protocol it fails: the role of the node and what it was doing, in the words of the trace, without numbers.
    pub position: String,
}
