//! What is kept of a run and of a campaign: the one model that every report is made from.

use serde::{Deserialize, Serialize};

use crate::grade::Grade;
use crate::part::Part;

/// Names the JSON model and its version.
pub const SCHEMA: &str = "whitewater/campaign/v3";

/// What command lines begin with, if not with a program of somebody's own.
pub const PROGRAM: &str = "whitewater";

/// What came of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "verdict", rename_all = "kebab-case")]
pub enum Verdict {
    /// Every check held.
    Pass,
    /// A check failed.
    Violation {
        /// Its identifier, as in `I4`.
        check: String,
        /// Its name.
        name: String,
        /// The number of the event at which it failed.
        event: u64,
        /// When it failed, in virtual nanoseconds.
        at_ns: u64,
        /// Why, in one line; more lines may explain.
        why: String,
    },
    /// A budget ran out before the run could be judged.
    Inconclusive {
        /// Which, and what to do about it.
        why: String,
    },
    /// The run could not be made: a defect of the testbed or of the system under test.
    Error {
        /// What happened.
        why: String,
    },
}

/// What is kept of one run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunRecord {
    /// Name of the scenario.
    pub scenario: String,
    /// The seed.
    pub seed: u64,
    /// Where it departs from what its seed alone would do, as in `+2450ms.3` or `+anew.4`: see `--seed` of `whitewater replay`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub departures: String,
    /// Number of servers.
    pub servers: u32,
    /// What came of it.
    #[serde(flatten)]
    pub verdict: Verdict,
    /// Digest of the complete trace, 16 hexadecimal digits.
    pub digest: String,
    /// Number of simulated events.
    pub events: u64,
    /// How long it took in virtual time, in nanoseconds.
    pub virtual_ns: u64,
    /// How long it took on the wall clock, in nanoseconds; the only figure here that differs between equal runs.
    pub wall_ns: u64,
    /// Client operations that returned.
    pub returned: u64,
    /// Client operations with an unknown outcome.
    pub unknown: u64,
    /// Log entries that were applied.
    pub applied: u64,
    /// Terms that had a leader.
    pub terms_led: u64,
    /// What its script had in store that did not come about, as places in [`ScenarioRecord::script`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub skipped: Vec<u16>,
    /// What the faults did that were configured, in the order of [`ScenarioRecord::faults`].
    pub faults: Vec<FaultCount>,
    /// The probes that it hit, ordered by their numbers. In JSON they have their names: [`crate::json`] sees to that.
    #[serde(skip)]
    pub probes: Vec<ProbeCount>,
}

/// How often a run met a situation. Eight bytes, because a campaign keeps those of all its runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProbeCount {
    /// The number of the probe: its place in [`Campaign::probes`].
    pub probe: u16,
    /// How often the run hit it; at least once.
    pub count: u32,
}

/// A situation that runs are to meet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProbeRecord {
    /// Its name: lower-case words joined by hyphens.
    pub name: String,
    /// The section of the dissertation that describes it.
    pub section: String,
    /// What happened, in one sentence.
    pub summary: String,
    /// Whether the system under test can hit it. What it cannot hit is not in JSON, and in no report: nobody can be at fault.
    #[serde(skip)]
    pub reach: Reach,
}

/// Whether a system can hit a probe.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reach {
    /// It can.
    #[default]
    Within,
    /// It cannot: nobody there would notice the situation.
    Beyond,
}

/// What the runs of a campaign have shown: features are probes hit about so often, and abstract states of the cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct BehaviourRecord {
    /// Whether most runs departed from others that came where few were: then runs are not alike, and nothing is estimated.
    pub guided: bool,
    /// How many features had been seen after how many runs; the last point is the end.
    pub curve: Vec<CurvePoint>,
    /// How many runs have a feature that no other run has: their share estimates how likely the next run is to show something
    /// new.
    pub alone: u64,
}

/// A point of the curve of new behaviour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct CurvePoint {
    /// After so many runs.
    pub runs: u64,
    /// So many features had been seen.
    pub features: u64,
}

/// What a fault did in a run in which it was configured. Small, because a campaign keeps those of all its runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FaultCount {
    /// Which: its place in [`ScenarioRecord::faults`].
    pub fault: u16,
    /// How often it was to strike; 1 for what may strike at any time, like the loss of a message.
    pub planned: u32,
    /// How often it struck.
    pub fired: u32,
    /// How often that made a difference to anybody.
    pub effects: u32,
}

/// How a campaign ended. Ordered from good to bad.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ending {
    /// Everything that was asked for was run.
    Complete,
    /// The time limit was reached first.
    TimeLimit,
    /// Somebody interrupted it.
    Interrupted,
}

/// Whether a build can be made to fail on purpose.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Build {
    /// It cannot.
    #[default]
    Plain,
    /// Bugs can be switched on in it.
    Bugged,
}

/// A known bug that had to be caught for a campaign to be trusted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CanaryRecord {
    /// The name of the bug.
    pub bug: String,
    /// How many runs were made with it, up to the one that caught it.
    pub runs: u64,
    /// The run that caught it.
    pub caught: Option<Caught>,
}

/// A run that caught a bug.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Caught {
    /// The scenario.
    pub scenario: String,
    /// The seed.
    pub seed: u64,
    /// The identifier of the check.
    pub check: String,
}

/// A scenario that took part in a campaign.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScenarioRecord {
    /// Its name, as in [`RunRecord::scenario`].
    pub name: String,
    /// What it is for, in one sentence.
    pub summary: String,
    /// What `whitewater replay` calls it: its name, or the path of its file, quoted for a shell where needed.
    pub argument: String,
    /// What can go wrong in it, in its own words.
    #[serde(default)]
    pub faults: Vec<String>,
    /// The names of the probes that it exists to reach.
    #[serde(default)]
    pub reaches: Vec<String>,
    /// Its steps, which are to be taken, and then its expectations, which are to be judged, in words.
    #[serde(default)]
    pub script: Vec<String>,
}

/// What came of a campaign: the worst that came of its runs. Ordered from good to bad.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    /// Every run passed.
    Pass,
    /// Nothing was run: not a pass.
    Nothing,
    /// A run could not be judged within its budget.
    Inconclusive,
    /// A run could not be made.
    Error,
    /// A run violated a check.
    Violation,
}

/// A campaign: many runs of one build.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Campaign {
    /// [`SCHEMA`].
    pub schema: String,
    /// The version of Whitewater that ran it.
    pub version: String,
    /// What a command line begins with, for a shell: [`PROGRAM`], or the program that the system that was run is built into.
    pub program: String,
    /// What a command line has to say so that it is about the system that was run; empty for the one that it is about anyway.
    pub target: String,
    /// What kind of build that was.
    pub build: Build,
    /// The bug that was on in all runs.
    pub bug: Option<String>,
    /// What became of the canary, if there was one.
    pub canary: Option<CanaryRecord>,
    /// How it ended; of several parts, the worst.
    pub ending: Ending,
    /// How long it took on the wall clock, in nanoseconds; the sum of its parts.
    pub wall_ns: u64,
    /// How many runs were made at the same time; of several parts, the most.
    pub jobs: u32,
    /// The scenarios, in the order in which they were asked for.
    pub scenarios: Vec<ScenarioRecord>,
    /// The probes of this build, in the order of their numbers.
    pub probes: Vec<ProbeRecord>,
    /// The campaigns that it is made of: itself, or those that were merged into it.
    pub parts: Vec<Part>,
    /// What the runs are worth, if they were graded.
    pub grade: Option<Grade>,
    /// The runs, ordered by scenario (in the order in which they were asked for) and seed.
    pub runs: Vec<RunRecord>,
}

impl Verdict {
    /// What to call it: the check that failed, as in `I24 Liveness`, or `pass`, `inconclusive` or `error`.
    #[must_use]
    pub fn title(&self) -> String {
        match self {
            Verdict::Pass => "pass".to_owned(),
            Verdict::Violation { check, name, .. } => format!("{check} {name}"),
            Verdict::Inconclusive { .. } => "inconclusive".to_owned(),
            Verdict::Error { .. } => "error".to_owned(),
        }
    }

    /// What a campaign of this run alone came to.
    #[must_use]
    pub fn outcome(&self) -> Outcome {
        match self {
            Verdict::Pass => Outcome::Pass,
            Verdict::Violation { .. } => Outcome::Violation,
            Verdict::Inconclusive { .. } => Outcome::Inconclusive,
            Verdict::Error { .. } => Outcome::Error,
        }
    }
}

impl Campaign {
    /// What came of it: the worst of its runs. It is inconclusive at best if its canary was not caught.
    #[must_use]
    pub fn outcome(&self) -> Outcome {
        let worst = self.runs.iter().map(|run| run.verdict.outcome()).max().unwrap_or(Outcome::Nothing);
        let is_trusted = self.canary.as_ref().is_none_or(|canary| canary.caught.is_some());
        if is_trusted { worst } else { worst.max(Outcome::Inconclusive) }
    }

    /// What to call the scenario of a run on a command line.
    #[must_use]
    pub fn argument<'a>(&'a self, run: &'a RunRecord) -> &'a str {
        let scenario = self.scenarios.iter().find(|scenario| scenario.name == run.scenario);
        scenario.map_or(run.scenario.as_str(), |scenario| scenario.argument.as_str())
    }

    /// The command that makes a run again.
    #[must_use]
    pub fn replay(&self, run: &RunRecord) -> String {
        let argument = self.argument(run);
        let bug = self.bug.as_ref().map(|bug| format!(" --bug {bug}")).unwrap_or_default();
        let target = if self.target.is_empty() { String::new() } else { format!(" {}", self.target) };
        format!("{} replay {argument} --seed {}{bug}{target}", self.program, run.lineage())
    }
}

impl RunRecord {
    /// What `whitewater replay --seed` takes for it: its seed, and where it departs from that.
    #[must_use]
    pub fn lineage(&self) -> String {
        format!("{}{}", self.seed, self.departures)
    }

    /// What files about it are called, without their ending. None if its name might lead elsewhere: that of a scenario is whatever
    /// stands in a file.
    #[must_use]
    pub fn file_stem(&self) -> Option<String> {
        let is_plain = self.scenario.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
            && self.departures.chars().all(|c| c.is_ascii_alphanumeric() || c == '+' || c == '.');
        is_plain.then(|| format!("{}-{}{}", self.scenario, self.seed, self.departures))
    }

    /// Whether no client got any answer: such a run proves little, whatever its verdict.
    #[must_use]
    pub fn is_without_work(&self) -> bool {
        self.returned == 0
    }
}
