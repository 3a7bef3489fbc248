//! An assignment: what students are asked for, row by row, and what each row is worth. Read by [`format`](mod@format), and
//! then immutable.
//!
//! A row is a set of runs: each of its scenarios with each of its seeds. `ASSIGNMENTS.md` beside this crate's `Cargo.toml`
//! describes the format and how points come about. What it simplifies: due dates and late policies are the platform's.

pub mod coursework;
mod crew;
pub mod folder;
pub mod format;
pub mod grading;
pub mod pack;

use whitewater_reports::grade::{Points, Visibility};
use whitewater_reports::marking::{LivenessRule, SafetyRule};
use whitewater_sim::ProbeId;

use crate::bugs::Bug;
use crate::campaign::Selected;

/// An assignment that passed all checks of its file.
#[derive(Clone, Debug, PartialEq)]
pub struct Assignment {
    /// What it is called.
    pub title: String,
    /// What it is about, in a sentence or two; may be empty.
    pub summary: String,
    /// The name of the file that has the private seeds, if they are in one.
    pub private_file: Option<String>,
    /// How long grading may take.
    pub budget: WallBudget,
    /// Its parts; those of coursework need none.
    pub parts: Vec<Part>,
    /// How scenarios that students write are scored, if they are asked for some.
    pub coursework: Option<Coursework>,
}

/// How long grading may take on the wall clock. Only a guard: what runs into it is not judged, and earns nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WallBudget {
    /// The longest run, in nanoseconds.
    pub run_ns: u64,
    /// All of it, in nanoseconds; as long as it takes if not given.
    pub total_ns: Option<u64>,
}

/// Rows that belong together, such as a stage of the assignment.
#[derive(Clone, Debug, PartialEq)]
pub struct Part {
    /// What it is called.
    pub name: String,
    /// Its rows; at least one.
    pub rows: Vec<Row>,
}

/// What is worth points.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// What it is called.
    pub name: String,
    /// What must hold, in a sentence; may be empty.
    pub summary: String,
    /// What it can earn.
    pub points: Points,
    /// The scenarios; at least one, each once.
    pub scenarios: Vec<Selected>,
    /// The seeds of each of them.
    pub seeds: RowSeeds,
    /// What a violation of a safety property does.
    pub safety: SafetyRule,
    /// What a run that failed otherwise does.
    pub liveness: LivenessRule,
    /// Probes that every run has to hit, or it has not exercised what the row is for.
    pub requires: Vec<ProbeId>,
    /// Probes that some run has to hit, or the row was not exercised.
    pub reaches: Vec<ProbeId>,
    /// Who may see it.
    pub visibility: Visibility,
}

/// The seeds of a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RowSeeds {
    /// These, and everybody may know.
    Public(Vec<u64>),
    /// These, and nobody may know but staff.
    Private(Vec<u64>),
    /// They are in a file that is not there, as on a student's machine.
    Elsewhere,
}

/// How scenarios that students write are scored: by the bugs that they catch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Coursework {
    /// The bugs to be caught; at least one.
    pub bugs: Vec<Bug>,
    /// The seeds of each scenario, with each bug and without any.
    pub seeds: RowSeeds,
    /// What each bug is worth that is caught.
    pub points: Points,
    /// What it is worth that no scenario fails without a bug.
    pub sound: Points,
    /// The most scenarios that may be handed in.
    pub scenarios_max: u32,
    /// Who may see its rows.
    pub visibility: Visibility,
}

impl RowSeeds {
    /// The seeds, as far as they are known.
    #[must_use]
    pub fn known(&self) -> &[u64] {
        match self {
            RowSeeds::Public(seeds) | RowSeeds::Private(seeds) => seeds,
            RowSeeds::Elsewhere => &[],
        }
    }
}

impl Assignment {
    /// The rows with their parts and their numbers, as in `1.2`.
    pub fn rows(&self) -> impl Iterator<Item = (&Part, String, &Row)> {
        (1..).zip(&self.parts).flat_map(|(part_number, part): (u32, &Part)| {
            (1..).zip(&part.rows).map(move |(number, row): (u32, &Row)| (part, format!("{part_number}.{number}"), row))
        })
    }
}
