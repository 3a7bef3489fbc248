//! The parts of a campaign: who asked for what with which command, how that ended, and what all its runs showed together.
//!
//! A campaign that was made by one process has one part; merging keeps the parts of all ([`mod@crate::merge`]). What is kept of
//! each run is in the runs; here is what cannot be worked out from them: the curve of new behaviour, how long clients waited
//! at which time of a run ([`Pace`]), and what the cluster was busy with when faults struck ([`PhaseCount`]). It is bounded
//! whatever the number of runs. What it simplifies: a run that is in two parts counts in both of them.

use serde::{Deserialize, Serialize};

use crate::model::{BehaviourRecord, Ending};

/// A campaign that one process made.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Part {
    /// The command line that made it, as a shell understands it; empty where none did.
    pub command: String,
    /// How it was compiled. It makes no difference to what a run does, only to how long it takes.
    pub profile: Profile,
    /// The names of its scenarios. Each was to get every seed.
    pub scenarios: Vec<String>,
    /// The first of the seeds that were asked for.
    pub seed_first: u64,
    /// The last of them; 2^64 - 1 where seeds count up until the time is over.
    pub seed_last: u64,
    /// No run began later than this after the first, in nanoseconds on the wall clock.
    pub time_limit_ns: Option<u64>,
    /// How many runs were made at the same time.
    pub jobs: u32,
    /// How many runs were made.
    pub runs: u64,
    /// How it ended.
    pub ending: Ending,
    /// How long it took on the wall clock, in nanoseconds.
    pub wall_ns: u64,
    /// What the runs have shown.
    pub behaviour: BehaviourRecord,
    /// How long clients waited, scenario by scenario.
    pub paces: Vec<Pace>,
    /// What faults struck, by what the cluster was busy with; only what is not zero, ordered by scenario, fault and phase.
    pub phases: Vec<PhaseCount>,
}

/// How a build was compiled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Profile {
    /// Without debug assertions.
    #[default]
    Release,
    /// With debug assertions.
    Dev,
}

/// The slices into which the time of a run is cut until all faults are healed.
pub const SLICES_HURT: u32 = 32;

/// All slices: those, and as long ones after the healing. What comes later counts in the last.
pub const SLICES: u32 = 40;

/// How long clients waited over the virtual time of a scenario, slice by slice. An operation belongs to the slice in which it
/// was invoked.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Pace {
    /// The name of the scenario.
    pub scenario: String,
    /// How many runs were looked at.
    pub runs: u64,
    /// How long a slice is, in virtual nanoseconds. All faults are healed after [`SLICES_HURT`] of them.
    pub slice_ns: u64,
    /// Operations that were answered, of all runs.
    pub answered: Vec<u64>,
    /// Operations whose outcome the client never learned.
    pub unanswered: Vec<u64>,
    /// Half of the answers took no longer, in microseconds; rounded up by at most an eighth, 0 where there were none.
    pub p50_us: Vec<u64>,
    /// All but one in a hundred took no longer, in microseconds; the same way.
    pub p99_us: Vec<u64>,
    /// How long it took after a fault that had an effect ended until a client got an answer; none if no such fault ended.
    pub recovery: Option<Recovery>,
    /// One of the runs: the one with the lowest seed.
    pub sample: Option<Sample>,
}

/// How long it took from the end of a fault to the next answer, in virtual microseconds, rounded up by at most an eighth.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Recovery {
    /// Ends of faults after which there was an answer.
    pub count: u64,
    /// Ends of faults after which there was none.
    pub never: u64,
    /// Half took no longer.
    pub p50_us: u64,
    /// All but one in a hundred took no longer.
    pub p99_us: u64,
    /// None took longer.
    pub max_us: u64,
}

/// A run of a scenario over its virtual time.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Sample {
    /// Its seed, and where it departs from that: see [`crate::model::RunRecord::lineage`].
    pub lineage: String,
    /// Operations that were answered, slice by slice.
    pub answered: Vec<u64>,
    /// The faults that struck it, ordered by beginning.
    pub bands: Vec<Band>,
}

/// A fault that was under way for a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Band {
    /// Which: its place in [`crate::model::ScenarioRecord::faults`].
    pub fault: u16,
    /// When it began, in virtual nanoseconds.
    pub begin_ns: u64,
    /// When it ended.
    pub end_ns: u64,
}

/// How often a fault struck while the cluster was busy with something.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct PhaseCount {
    /// The name of the scenario.
    pub scenario: String,
    /// Which: its place in [`crate::model::ScenarioRecord::faults`].
    pub fault: u16,
    /// What the cluster was busy with when it began.
    pub phase: Phase,
    /// How often it struck then.
    pub fired: u64,
    /// How often that made a difference to anybody.
    pub effects: u64,
}

/// What a cluster is busy with: see [`whitewater_sim::observer::Phase`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// Nothing is known: no server ever told its role.
    Unknown,
    /// Nobody leads, and nobody stands for election.
    NoLeader,
    /// Nobody leads, and somebody stands for election.
    Electing,
    /// There is a leader, and its configuration is joint.
    Joint,
    /// There is a leader, and a server needs a snapshot of it.
    Snapshot,
    /// There is a leader, and a server lags behind what is committed.
    CatchingUp,
    /// There is a leader, and everybody who runs follows closely.
    Steady,
}

impl From<whitewater_sim::observer::Phase> for Phase {
    fn from(phase: whitewater_sim::observer::Phase) -> Phase {
        use whitewater_sim::observer::Phase as Observed;
        match phase {
            Observed::Unknown => Phase::Unknown,
            Observed::NoLeader => Phase::NoLeader,
            Observed::Electing => Phase::Electing,
            Observed::Joint => Phase::Joint,
            Observed::Snapshot => Phase::Snapshot,
            Observed::CatchingUp => Phase::CatchingUp,
            Observed::Steady => Phase::Steady,
        }
    }
}

impl Phase {
    /// All phases, in the order of [`Phase`].
    pub const ALL: [Phase; 7] = [
        Phase::Unknown,
        Phase::NoLeader,
        Phase::Electing,
        Phase::Joint,
        Phase::Snapshot,
        Phase::CatchingUp,
        Phase::Steady,
    ];

    /// What to call it.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Phase::Unknown => "not known",
            Phase::NoLeader => "no leader",
            Phase::Electing => "electing",
            Phase::Joint => "joint configuration",
            Phase::Snapshot => "snapshot transfer",
            Phase::CatchingUp => "catching up",
            Phase::Steady => "steady",
        }
    }
}

impl Part {
    /// Whether seeds were to count up until the time was over.
    #[must_use]
    pub fn is_open_ended(&self) -> bool {
        self.seed_last == u64::MAX
    }
}
