//! The runs of a row, made by several threads within the budgets of an assignment.
//!
//! A run that takes longer than its guard is stopped and inconclusive, and the others go on; after a few such runs the rest
//! is given up, so that one row cannot use up the time of all others, and its processes are ended. What it simplifies: a thread
//! that does not come back all the same is left behind, and costs time until the process ends.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use whitewater_reports::model::{Ending, RunRecord, Verdict};
use whitewater_reports::words::span;
use whitewater_sim::check::Budget;

use super::WallBudget;
use crate::bugs::Bug;
use crate::campaign::{GRACE_NS, Selected};
use crate::host::{self, Stopwatch};
use crate::run::Options;
use crate::search::lineage::Lineage;
use crate::target;

/// A run: the place of its scenario, and its seed.
pub(super) type Asked = (usize, u64);

/// Runs that are to be made.
pub(super) struct Job<'a> {
    /// What is run.
    pub(super) target: &'a target::Shared,
    /// The scenarios.
    pub(super) scenarios: &'a [Selected],
    /// The runs, in the order in which they are begun.
    pub(super) runs: Vec<Asked>,
    /// The bug that is on in them.
    pub(super) bug: Option<Bug>,
    /// How many are made at the same time.
    pub(super) jobs: u32,
}

/// Runs that were made.
pub(super) struct Made {
    /// Their records.
    pub(super) records: BTreeMap<Asked, RunRecord>,
    /// Why some were not made, if so.
    pub(super) cut_off: Option<String>,
}

/// After so many runs that were over their guard a row is given up: the rest of it would take as long each.
const GUARDED_MAX: u64 = 3;

/// Makes runs.
pub(super) fn make(job: Job<'_>, clock: Clock) -> Made {
    let crew = Arc::new(Crew {
        target: Arc::clone(job.target),
        scenarios: job.scenarios.to_vec(),
        runs: job.runs,
        bug: job.bug,
        clock,
        guarded: AtomicU64::new(0),
        is_abandoned: AtomicBool::new(false),
    });
    let mut records = BTreeMap::new();
    let mut waited = Stopwatch::start();
    let worker = Arc::clone(&crew);
    host::parallel(
        job.jobs,
        move |number| worker.attempt(number),
        |result| {
            match result {
                Some((run, record)) => {
                    records.insert(run, record);
                    waited = Stopwatch::start();
                }
                None if crew.is_stuck(&waited) => return ControlFlow::Break(()),
                None => {}
            }
            ControlFlow::Continue(())
        },
    );
    if crew.is_abandoned.load(Ordering::Relaxed) {
        host::process::end_given_up();
    }
    let cut_off = match () {
        () if records.len() == crew.runs.len() => None,
        () if crew.is_given_up() => Some(crew.words()),
        () => Some(clock.words()),
    };
    Made { records, cut_off }
}

/// When grading began, and how long it may take.
#[derive(Clone, Copy)]
pub(super) struct Clock {
    pub(super) started: Stopwatch,
    pub(super) budget: WallBudget,
}

impl Clock {
    /// Whether no run may begin any more.
    pub(super) fn is_over(&self) -> bool {
        self.is_past(0) || host::is_interrupted()
    }

    /// How what it cuts off ends.
    pub(super) fn ending(&self) -> Ending {
        if host::is_interrupted() { Ending::Interrupted } else { Ending::TimeLimit }
    }

    fn is_past(&self, more_ns: u64) -> bool {
        self.budget.total_ns.is_some_and(|total_ns| self.started.elapsed_ns() >= total_ns.saturating_add(more_ns))
    }

    /// Why there was no more time.
    pub(super) fn words(&self) -> String {
        match self.budget.total_ns {
            Some(total_ns) if !host::is_interrupted() => {
                format!("the time for grading, {}, was over", span(total_ns))
            }
            Some(_) | None => "somebody interrupted".to_owned(),
        }
    }
}

/// What the threads share that make the runs of a row.
struct Crew {
    target: target::Shared,
    scenarios: Vec<Selected>,
    runs: Vec<(usize, u64)>,
    bug: Option<Bug>,
    clock: Clock,
    /// Runs that were over their guard.
    guarded: AtomicU64,
    /// Whether nobody waits any more.
    is_abandoned: AtomicBool,
}

impl Crew {
    /// Makes the run with this number. Nothing if there is no such run, or no more time.
    fn attempt(&self, number: u64) -> Option<((usize, u64), RunRecord)> {
        let (place, seed) = *self.runs.get(usize::try_from(number).ok()?)?;
        if self.clock.is_over() || self.is_given_up() {
            return None;
        }
        let started = Stopwatch::start();
        let is_late = || started.elapsed_ns() >= self.clock.budget.run_ns;
        let stop = || is_late() || self.clock.is_over() || self.is_abandoned.load(Ordering::Relaxed);
        let budget = Budget { stop: Some(&stop), ..Budget::default() };
        let options = Options { bug: self.bug, budget, ..Options::default() };
        let made = self.target.make(&self.scenarios[place].scenario, &Lineage::of(seed), &options);
        let mut record = made.map_or_else(|record| *record, |run| run.record);
        if matches!(record.verdict, Verdict::Inconclusive { .. }) {
            if is_late() {
                self.guarded.fetch_add(1, Ordering::Relaxed);
                let why = format!("it took longer than {} on the wall clock", span(self.clock.budget.run_ns));
                record.verdict = Verdict::Inconclusive { why };
            } else if self.clock.is_over() {
                return None;
            }
        }
        Some(((place, seed), record))
    }

    fn is_given_up(&self) -> bool {
        self.guarded.load(Ordering::Relaxed) >= GUARDED_MAX || self.is_abandoned.load(Ordering::Relaxed)
    }

    fn words(&self) -> String {
        let guard = span(self.clock.budget.run_ns);
        format!("the row was given up after runs that took longer than {guard} on the wall clock")
    }

    /// Whether runs do not come back although they should have been stopped long ago.
    fn is_stuck(&self, waited: &Stopwatch) -> bool {
        let run_ns = self.clock.budget.run_ns;
        let is_stuck = self.clock.is_past(GRACE_NS)
            || (host::is_interrupted() && waited.elapsed_ns() >= GRACE_NS)
            || waited.elapsed_ns() >= run_ns.saturating_mul(2).saturating_add(GRACE_NS);
        if is_stuck {
            self.is_abandoned.store(true, Ordering::Relaxed);
        }
        is_stuck
    }
}
