//! Steps and expectations as data: faults that wait for a time or a situation, and what must be true between two moments.
//!
//! A step is taken once. It follows another one, or the start of the run, and then waits for its trigger; so the steps of a
//! run form trees. Expectations are judged at the end of their window. What never comes about, a trigger or an edge, is no
//! failure: the run counts it as not exercised. What it simplifies: a step is taken once, and nothing chooses between steps.

use crate::fault::{FaultKind, Source};
use crate::node::ProbeId;
use crate::time::Instant;

/// Something that is done once, when its time has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// The entry that it belongs to.
    pub source: Source,
    /// What traces and messages call it.
    pub name: Option<String>,
    /// The step that must have been taken before: its place in the list, before this one. `None`: the start of the run.
    pub follows: Option<usize>,
    /// What it waits for, once that is so.
    pub trigger: Trigger,
    /// How long it waits after that, in nanoseconds.
    pub wait_ns: u64,
    /// What is done.
    pub action: Action,
}

/// What a step waits for. Counts begin when the step before was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trigger {
    /// Nothing.
    Now,
    /// A time; nothing, if it has passed.
    At(Instant),
    /// Somebody leads. A leader of before counts.
    Leader,
    /// Somebody is elected in a term that had no leader before.
    NewLeader,
    /// So many more entries are committed.
    Commits(u64),
    /// So many more operations were answered.
    Answers(u64),
    /// So many more crashes happened.
    Crashes(u64),
    /// A probe was hit so many more times.
    Probe(ProbeId, u64),
    /// Every server that is up has applied the same entries, all that are committed.
    Converged,
}

/// What a step does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// A fault begins. It ends after so many nanoseconds, or else by a later step or when all is healed.
    Begin {
        /// What it does.
        kind: FaultKind,
        /// How long it lasts, in nanoseconds.
        lasting_ns: Option<u64>,
    },
    /// The fault that this earlier step began ends, if it is still under way.
    End {
        /// The place of that step.
        step: usize,
    },
    /// All faults that steps began end.
    EndAll,
    /// Nothing: a moment for expectations to name.
    Mark,
}

/// What must be true between two moments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expectation {
    /// The entry that it belongs to.
    pub source: Source,
    /// Where the window begins.
    pub from: Edge,
    /// Where it ends.
    pub until: Edge,
    /// What is looked at.
    pub quantity: Quantity,
    /// The least that it may be.
    pub at_least: u64,
    /// The most that it may be.
    pub at_most: u64,
}

/// A moment of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Edge {
    /// The start of the run, and so many nanoseconds later.
    Start {
        /// How much later.
        after_ns: u64,
    },
    /// When a step was taken, and so many nanoseconds later.
    Step {
        /// The place of the step.
        step: usize,
        /// How much later.
        after_ns: u64,
    },
    /// When every fault is healed, and so many nanoseconds later.
    Healed {
        /// How much later.
        after_ns: u64,
    },
    /// The end of the run.
    End,
}

/// What an expectation looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quantity {
    /// Entries committed in the window.
    Commits,
    /// Operations answered in the window.
    Answers,
    /// Messages sent from server to server in the window.
    Messages,
    /// Their size in bytes.
    Bytes,
    /// Terms that got a leader in the window.
    Leaders,
    /// Whether somebody who leads the highest term led so far is up at the end of the window, and can reach a majority: 1 or 0.
    Led,
    /// Hits of a probe in the window.
    Probe(ProbeId),
    /// The largest that the files of any server are at the end of the window, in bytes.
    DiskBytes,
}

/// What came about of the steps and expectations of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Exercised {
    /// For each step, when it was taken; `None` if it was not.
    pub steps: Vec<Option<Instant>>,
    /// For each expectation, when it was judged; `None` if its window did not open and then close.
    pub expectations: Vec<Option<Instant>>,
}
