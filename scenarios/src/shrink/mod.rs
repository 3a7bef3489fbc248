//! Shrinking: from a failing run to the smallest one that fails alike, as a scenario that a person can read and edit.
//!
//! The run is first written down ([`repro`]): every fault a step, every operation and every goal of the operator in a list. Then what can be left out or made
//! plainer is, while the failure keeps its fingerprint ([`fingerprint`](mod@fingerprint)): time after the failure, faults,
//! operations, goals, clients, servers, settings, odd times. Since every purpose and place has its own draws, what is left out
//! changes little of the rest; where it changes too much, a few other seeds are tried, for a plan that fails with another
//! latency here or there fails for the same reason.
//!
//! | concept | file |
//! |---|---|
//! | a run written down | [`repro`] |
//! | what must stay the same | [`mod@fingerprint`] |
//! | leaving items out | `reduce` |
//! | making things plainer | `passes` |

mod fingerprint;
mod passes;
mod reduce;
pub mod repro;

use whitewater_sim::Instant;

pub use fingerprint::fingerprint;

use crate::generate::PlannedGoal;
use crate::scenario::{Fingerprint, PlannedOperation, Scenario, Step};
use crate::search::lineage::Lineage;

/// How many other seeds are tried where one does not fail alike.
const OTHER_SEEDS: u64 = 3;

/// A step is large if it leaves out at least one in so many items, and worth some effort.
const LARGE: usize = 40;

/// A step is huge if it leaves out at least one in so many.
const HUGE: usize = 4;

/// How many other seeds a huge step is worth: a failure that is rare in a long run can be as rare in half of it.
const SEEDS_OF_HUGE_STEPS: u64 = 40;

/// At first operations are left out in pieces of one in so many.
const COARSE: usize = 10;

/// What came of a run, as far as shrinking is concerned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// What must stay the same.
    pub fingerprint: Fingerprint,
    /// When it failed.
    pub at: Instant,
}

/// How far shrinking has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Runs that were made.
    pub runs: u64,
    /// Steps that are left.
    pub steps: usize,
    /// Operations that are left.
    pub operations: usize,
    /// Goals of the operator that are left.
    pub goals: usize,
    /// Servers that are left.
    pub servers: u32,
}

/// How shrinking ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// Nothing more can be left out or made plainer.
    Smallest,
    /// It was told to stop.
    Stopped,
}

/// What shrinking needs from the outside.
pub trait Laboratory {
    /// Makes the run of a scenario that is written down, with its seed. `None` if it does not fail.
    fn try_out(&mut self, scenario: &Scenario) -> Option<Failure>;

    /// Is told how far it has come; says whether to go on.
    fn goes_on(&mut self, progress: &Progress) -> bool;
}

/// Makes a failing scenario of one run as small as it gets. Returns it with the failure that it now has; `None` if it does
/// not fail in this way, with its seed or with another.
pub fn shrink(
    scenario: &Scenario,
    fingerprint: &Fingerprint,
    laboratory: &mut dyn Laboratory,
) -> Option<(Scenario, Failure, Ending)> {
    let failure = Failure { fingerprint: fingerprint.clone(), at: Instant(scenario.timing.duration_ns) };
    let mut work = Work { best: scenario.clone(), failure, laboratory, runs: 0, is_over: false };
    // Nothing can be shrunk that does not fail once it is written down, so this is worth as much as a huge step.
    if !work.accept_with(scenario.clone(), SEEDS_OF_HUGE_STEPS) {
        return None;
    }
    work.end_early();
    loop {
        let before = work.best.clone();
        work.leave_out();
        work.simplify();
        if work.is_over || work.best == before {
            break;
        }
    }
    work.leave_out_late_operations();
    let ending = if work.is_over { Ending::Stopped } else { Ending::Smallest };
    let (mut best, failure) = (work.best, work.failure);
    best.failure = Some(failure.fingerprint.clone());
    Some((best, failure, ending))
}

struct Work<'l> {
    best: Scenario,
    failure: Failure,
    laboratory: &'l mut dyn Laboratory,
    runs: u64,
    is_over: bool,
}

impl Work<'_> {
    /// Takes a scenario instead of the best one if it fails alike, with its seed or with another.
    fn accept(&mut self, candidate: Scenario) -> bool {
        self.accept_with(candidate, OTHER_SEEDS)
    }

    /// The same for a scenario from which so many of so many items are left out.
    fn accept_part(&mut self, candidate: Scenario, left: usize, before: usize) -> bool {
        let gone = before - left;
        let other_seeds = match (gone * HUGE >= before, gone * LARGE >= before) {
            (true, _) => SEEDS_OF_HUGE_STEPS,
            (false, true) => OTHER_SEEDS,
            (false, false) => 0,
        };
        self.accept_with(candidate, other_seeds)
    }

    fn accept_with(&mut self, candidate: Scenario, other_seeds: u64) -> bool {
        let mut candidate = candidate;
        for number in 0..=other_seeds {
            let progress = Progress {
                runs: self.runs,
                steps: self.best.steps.len(),
                operations: self.best.operations.as_ref().map_or(0, Vec::len),
                goals: self.best.goals.len(),
                servers: self.best.servers[0] + self.best.learners + self.best.spares,
            };
            self.is_over = self.is_over || !self.laboratory.goes_on(&progress);
            if self.is_over {
                return false;
            }
            if number > 0 {
                candidate.seed = Some(Lineage::of(number - 1));
                if candidate.seed == self.best.seed {
                    continue;
                }
            }
            self.runs += 1;
            if let Some(failure) = self.laboratory.try_out(&candidate)
                && failure.fingerprint == self.failure.fingerprint
            {
                (self.best, self.failure) = (candidate, failure);
                return true;
            }
        }
        false
    }

    fn end_early(&mut self) {
        let candidate = passes::ended_at(&self.best, self.failure.at);
        if candidate != self.best {
            self.accept(candidate);
        }
        // What shows only once all is healed may have gone wrong long before.
        if self.failure.at.0 >= self.best.timing.duration_ns {
            self.first_of(passes::healed_sooner);
        }
    }

    fn leave_out(&mut self) {
        // What clients ask costs most of the time of a run and seldom matters, so the bulk of it goes first.
        self.leave_out_operations(self.best.operations.as_ref().map_or(0, Vec::len) / COARSE);
        let mut steps = self.best.steps.clone();
        let base = self.best.clone();
        reduce::reduce(&mut steps, 1, |rest: &[Step]| {
            let base = Scenario { seed: self.best.seed.clone(), ..base.clone() };
            let before = self.best.steps.len();
            self.accept_part(passes::with_steps(&base, rest.to_vec()), rest.len(), before)
        });
        let mut goals = self.best.goals.clone();
        reduce::reduce(&mut goals, 1, |rest: &[PlannedGoal]| {
            let before = self.best.goals.len();
            self.accept_part(passes::with_goals(&self.best, rest.to_vec()), rest.len(), before)
        });
        self.end_early();
        self.leave_out_operations(1);
        self.end_early();
        self.first_of(passes::earlier);
        self.first_of(passes::fewer_servers);
        self.first_of(passes::fewer_clients);
    }

    /// Leaves out operations, but none that shows what had gone wrong before all was healed: what clients ask then if nothing
    /// is written down depends on the seed.
    fn leave_out_operations(&mut self, smallest: usize) {
        let shows_late = self.failure.at.0 >= self.best.timing.duration_ns;
        let base = self.best.clone();
        let is_kept = |operation: &PlannedOperation| shows_late && passes::is_late(&base, operation);
        let operations = base.operations.clone().unwrap_or_default();
        let (kept, mut others): (Vec<_>, Vec<_>) = operations.into_iter().partition(is_kept);
        reduce::reduce(&mut others, smallest, |rest: &[PlannedOperation]| {
            let before = self.best.operations.as_ref().map_or(0, Vec::len) - kept.len();
            let operations = [rest, &kept].concat();
            self.accept_part(passes::with_operations(&self.best, operations), rest.len(), before)
        });
    }

    fn leave_out_late_operations(&mut self) {
        let mut operations = self.best.operations.clone().unwrap_or_default();
        reduce::reduce(&mut operations, 1, |rest: &[PlannedOperation]| {
            let before = self.best.operations.as_ref().map_or(0, Vec::len);
            self.accept_part(passes::with_operations(&self.best, rest.to_vec()), rest.len(), before)
        });
    }

    fn simplify(&mut self) {
        let mut tried = 0;
        // A change that was accepted changes what the others start from; one that was refused is not tried again this time.
        while let Some(candidate) = passes::plainer_settings(&self.best).into_iter().nth(tried) {
            if !self.accept(candidate) {
                tried += 1;
            }
            if self.is_over {
                return;
            }
        }
        for place in 0..self.best.steps.len() {
            self.first_of(|best| passes::with_plainer_step(best, place));
        }
        for place in 0..self.best.operations.as_ref().map_or(0, Vec::len) {
            self.first_of(|best| passes::with_plainer_operation(best, place));
        }
        for place in 0..self.best.goals.len() {
            self.first_of(|best| passes::with_plainer_goal(best, place));
        }
    }

    /// Takes the first that fails alike, again and again.
    fn first_of(&mut self, candidates: impl Fn(&Scenario) -> Vec<Scenario>) {
        while !self.is_over && candidates(&self.best).into_iter().any(|candidate| self.accept(candidate)) {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use whitewater_sim::Check;

    /// Runs fail with one seed only.
    struct Rare(Lineage);

    impl Laboratory for Rare {
        fn try_out(&mut self, scenario: &Scenario) -> Option<Failure> {
            (scenario.seed.as_ref() == Some(&self.0)).then(|| Failure { fingerprint: rare(), at: Instant(1) })
        }

        fn goes_on(&mut self, _: &Progress) -> bool {
            true
        }
    }

    fn rare() -> Fingerprint {
        Fingerprint { check: Check::Linearizability, operations: Vec::new(), position: String::new() }
    }

    #[test]
    fn a_run_that_seldom_fails_when_it_is_written_down_is_tried_with_many_seeds() {
        let written = Scenario { seed: Some(Lineage::of(1_000)), operations: Some(Vec::new()), ..passes::plain() };
        let last = Lineage::of(SEEDS_OF_HUGE_STEPS - 1);
        let found = shrink(&written, &rare(), &mut Rare(last.clone()));
        assert_eq!(found.and_then(|(small, ..)| small.seed), Some(last));
        assert!(shrink(&written, &rare(), &mut Rare(Lineage::of(SEEDS_OF_HUGE_STEPS))).is_none());
    }
}
