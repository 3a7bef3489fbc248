//! Shrinking: from a failing run to the smallest one that fails alike, as a scenario that a person can read and edit.
//!
//! The run is first written down ([`repro`]): every fault a step, every operation and every goal of the operator in a list.
//! Then what can be left out or made plainer is, while the failure keeps its fingerprint ([`fingerprint`](mod@fingerprint)):
//! time after the failure, faults, operations, goals, clients, servers, settings, odd times. Since every purpose and place has
//! its own draws, what is left out changes little of the rest; where it changes too much, a few other seeds are tried, for a
//! plan that fails with another latency here or there fails for the same reason. In a long run in which much goes wrong
//! everything can matter to when the last things happen, so that nothing can be left out: then these alone are tried, with
//! many seeds.
//!
//! | concept | file |
//! |---|---|
//! | a run written down | [`repro`] |
//! | what must stay the same | [`mod@fingerprint`] |
//! | leaving items out | `reduce` |
//! | making it shorter | `times` |
//! | making things plainer | `passes` |

mod fingerprint;
mod passes;
mod reduce;
pub mod repro;
mod times;

use whitewater_sim::Instant;
use whitewater_sim::time::SECOND_NS;

pub use fingerprint::fingerprint;

use crate::generate::PlannedGoal;
use crate::scenario::{Fingerprint, PlannedOperation, Scenario, Step};
use crate::search::lineage::Lineage;

/// How many other seeds are tried where one does not fail alike: few at first, and more as long as much is left.
const OTHER_SEEDS: [u64; 3] = [3, 12, 48];

/// Not much is left if there are no more steps and goals of the operator than this, ...
const STEPS_FEW: usize = 5;

/// ... and no more operations than this: a person can follow them.
const OPERATIONS_FEW: usize = 12;

/// A step is large if it leaves out at least one in so many items, and worth some effort.
const LARGE: usize = 40;

/// A step is huge if it leaves out at least one in so many.
const HUGE: usize = 4;

/// How many other seeds a huge step is worth: a failure that is rare in a long run can be as rare in half of it.
const SEEDS_OF_HUGE_STEPS: u64 = 40;

/// How much virtual time leaving out takes at first, in nanoseconds: a few seconds on the wall clock.
const FIRST_NS: u64 = 2_000 * SECOND_NS;

/// The last parts of a run that may be all that matters: one in so many.
const LAST_PARTS: [u32; 5] = [32, 16, 8, 4, 2];

/// A last part is worth as many seeds as take the virtual time of so many whole runs.
const SEEDS_OF_WHOLE_RUNS: u64 = 16;

/// How much more often snapshots are taken in a last part than in the whole run.
const SNAPSHOTS_MORE_OFTEN: u32 = 4;

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
    let [other_seeds, ..] = OTHER_SEEDS;
    let best = scenario.clone();
    let mut work = Work { best, failure, laboratory, other_seeds, runs: 0, time_left_ns: u64::MAX, is_over: false };
    // Nothing can be shrunk that does not fail once it is written down, so this is worth as much as a huge step.
    if !work.accept_with(scenario.clone(), SEEDS_OF_HUGE_STEPS) {
        return None;
    }
    work.end_early();
    // Most failures are small soon.
    work.time_left_ns = FIRST_NS;
    work.go_on();
    let is_finished = work.is_small() && !work.is_stopped();
    work.time_left_ns = u64::MAX;
    if !is_finished {
        work.try_harder();
    }
    let ending = if work.is_over { Ending::Stopped } else { Ending::Smallest };
    let (mut best, failure) = (work.best, work.failure);
    best.failure = Some(failure.fingerprint.clone());
    Some((best, failure, ending))
}

/// Whether there are so few operations that a person can follow them.
fn has_few_operations(scenario: &Scenario) -> bool {
    scenario.operations.as_ref().map_or(0, Vec::len) <= OPERATIONS_FEW
}

struct Work<'l> {
    best: Scenario,
    failure: Failure,
    laboratory: &'l mut dyn Laboratory,
    /// How many other seeds a step is worth.
    other_seeds: u64,
    runs: u64,
    /// How much virtual time runs may take, without the time in which they settle.
    time_left_ns: u64,
    is_over: bool,
}

impl Work<'_> {
    /// Leaves out and simplifies until nothing more can be.
    fn go_on(&mut self) {
        loop {
            let before = self.best.clone();
            self.leave_out();
            self.simplify();
            if self.is_stopped() || self.best == before {
                break;
            }
        }
        self.leave_out_late_operations();
    }

    /// Begins with less, and tries more and more seeds.
    fn try_harder(&mut self) {
        for other_seeds in OTHER_SEEDS {
            self.other_seeds = other_seeds;
            while !self.is_over && !self.is_small() && self.begin_late() {}
            self.go_on();
            if self.is_over || self.is_small() {
                break;
            }
        }
    }

    fn is_stopped(&self) -> bool {
        self.is_over || self.time_left_ns == 0
    }

    fn is_small(&self) -> bool {
        self.best.steps.len() + self.best.goals.len() <= STEPS_FEW && has_few_operations(&self.best)
    }

    /// Takes a scenario instead of the best one if it fails alike, with its seed or with another.
    fn accept(&mut self, candidate: Scenario) -> bool {
        self.accept_with(candidate, self.other_seeds)
    }

    /// The same for a scenario from which so many of so many items are left out.
    fn accept_part(&mut self, candidate: Scenario, left: usize, before: usize) -> bool {
        let gone = before - left;
        let other_seeds = match (gone * HUGE >= before, gone * LARGE >= before) {
            (true, _) => SEEDS_OF_HUGE_STEPS.max(self.other_seeds),
            (false, true) => self.other_seeds,
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
            if self.is_stopped() {
                return false;
            }
            if number > 0 {
                candidate.seed = Some(Lineage::of(number - 1));
                if candidate.seed == self.best.seed {
                    continue;
                }
            }
            self.runs += 1;
            self.time_left_ns = self.time_left_ns.saturating_sub(candidate.timing.duration_ns);
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
        let candidate = times::ended_at(&self.best, self.failure.at);
        if candidate != self.best {
            self.accept(candidate);
        }
        // What shows only once all is healed may have gone wrong long before.
        if self.failure.at.0 >= self.best.timing.duration_ns {
            self.first_of(times::healed_sooner);
        }
    }

    /// Keeps only the last part of the run, the shortest that fails alike. The servers come to it with nearly empty logs, and
    /// with another past; so many seeds are tried, and snapshots that are taken as often as in the whole run, or more often.
    fn begin_late(&mut self) -> bool {
        let whole_ns = self.best.timing.duration_ns;
        LAST_PARTS.into_iter().any(|share| {
            let part = times::last_part(&self.best, self.failure.at, whole_ns / u64::from(share));
            let variants = part.iter().flat_map(|part| {
                let sooner = [share, share * SNAPSHOTS_MORE_OFTEN].map(|times| passes::snapshots_sooner(part, times));
                std::iter::once(part.clone()).chain(sooner.into_iter().flatten())
            });
            variants.into_iter().any(|part| self.accept_with(part, SEEDS_OF_WHOLE_RUNS * u64::from(share)))
        })
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
        self.first_of(times::earlier);
        self.first_of(passes::fewer_servers);
        self.first_of(passes::fewer_clients);
    }

    /// Leaves out operations, but none that shows what had gone wrong before all was healed: what clients ask then if nothing
    /// is written down depends on the seed.
    fn leave_out_operations(&mut self, smallest: usize) {
        let shows_late = self.failure.at.0 >= self.best.timing.duration_ns;
        let base = self.best.clone();
        let is_kept = |operation: &PlannedOperation| shows_late && times::is_late(&base, operation);
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
            if self.is_stopped() {
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
        while !self.is_stopped() && candidates(&self.best).into_iter().any(|candidate| self.accept(candidate)) {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use whitewater_kv::Address;
    use whitewater_kv::operator::Goal;
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

    /// A laboratory that says so of a scenario that fails, and when it does.
    struct Says<F>(F);

    impl<F: Fn(&Scenario) -> Option<Instant>> Laboratory for Says<F> {
        fn try_out(&mut self, scenario: &Scenario) -> Option<Failure> {
            (self.0)(scenario).map(|at| Failure { fingerprint: rare(), at })
        }

        fn goes_on(&mut self, _: &Progress) -> bool {
            true
        }
    }

    fn written(rest: &str) -> Scenario {
        let text = format!("name = \"x\"\nsummary = \"y\"\nseed = 7\n[cluster]\nservers = 3\n{rest}");
        crate::scenario::format::parse("x.toml", &text).expect("a scenario")
    }

    fn get(at: &str) -> String {
        format!("[[operations]]\nclient = 0\nat = \"{at}\"\ndo = \"get k\"\n")
    }

    #[test]
    fn goals_are_left_out_one_by_one_and_what_shows_a_late_failure_stays() {
        let goal = |at: u32, server: u32| format!("[[goals]]\nat = \"{at}ms\"\ndo = \"transfer\"\nserver = {server}\n");
        let goals: String = (0..60).map(|number| goal(100 + number, u32::from(number == 17))).collect();
        let whole = written(&format!("{goals}{}{}", get("10.000000001s"), get("2s")));
        let to_one = Goal::Transfer { to: Address(1) };
        let fails = |scenario: &Scenario| {
            let shows = scenario.operations.iter().flatten().any(|operation| times::is_late(scenario, operation));
            let wanted = scenario.goals.iter().any(|planned| planned.goal == to_one);
            (shows && wanted).then_some(Instant(scenario.timing.duration_ns + 1))
        };
        let (small, ..) = shrink(&whole, &rare(), &mut Says(fails)).expect("it fails");
        let goals: Vec<&Goal> = small.goals.iter().map(|planned| &planned.goal).collect();
        assert_eq!(goals, [&to_one]);
        assert_eq!(small.operations.map(|operations| operations.len()), Some(1));
        assert!(small.timing.duration_ns < whole.timing.duration_ns / 8, "{}", small.timing.duration_ns);
    }

    #[test]
    fn the_last_part_alone_is_tried_with_many_seeds() {
        let part = |number: u32| format!("[[goals]]\nat = \"{number}s\"\ndo = \"transfer\"\nserver = 1\n{}", get("2s"));
        let whole = written(&(2..10).map(part).collect::<String>());
        let seed = Some(Lineage::of(SEEDS_OF_WHOLE_RUNS * 2 - 1));
        // Nothing can be left out of the run that was written down, and everything of its last half with one seed.
        let fails = |scenario: &Scenario| {
            let is_last_part = scenario.seed == seed && scenario.timing.duration_ns < 5_000_000_000;
            (*scenario == whole || is_last_part).then_some(Instant(scenario.timing.duration_ns))
        };
        let (small, ..) = shrink(&whole, &rare(), &mut Says(fails)).expect("it fails");
        assert_eq!((small.goals.len(), small.operations.map(|operations| operations.len())), (0, Some(0)));
        assert_eq!(small.seed, seed);
    }

    #[test]
    fn a_learner_lacks_too_much_after_few_operations_if_that_is_what_matters() {
        let goal = "[[goals]]\nat = \"200ms\"\ndo = \"transfer\"\nserver = 1\n";
        let whole = written(&(0..40).map(|_| get("500ms")).chain([goal.to_owned()]).collect::<String>());
        let usual = whole.replication.promotion_gap;
        let shrunk = |lacking: u32, others: usize| {
            let fails = |scenario: &Scenario| {
                let operations = scenario.operations.iter().flatten().count();
                let lacks = operations as u32 + lacking > scenario.replication.promotion_gap;
                (lacks && operations >= others && !scenario.goals.is_empty()).then_some(Instant(500_000_001))
            };
            let (small, ..) = shrink(&whole, &rare(), &mut Says(fails)).expect("it fails");
            (small.replication.promotion_gap, small.operations.iter().flatten().count())
        };
        assert_eq!(shrunk(usual - 20, 0), (0, 0), "it lacks a few entries more than those of operations");
        assert_eq!(shrunk(usual + 1, 0), (usual, 0), "it lacks too much anyway");
        assert_eq!(shrunk(usual + 1, OPERATIONS_FEW + 1), (0, OPERATIONS_FEW + 1));
    }

    #[test]
    fn more_seeds_are_tried_as_long_as_much_is_left() {
        let [.., most] = OTHER_SEEDS;
        // So soon that there is no part of the run to begin with.
        let whole = written(&(0..40).map(|_| get("500ms")).collect::<String>());
        let is_few = |scenario: &Scenario, few: usize| scenario.operations.iter().flatten().count() < few;
        let rare_seed = Some(Lineage::of(most - 1));
        let left = |few: usize| {
            let fails = |scenario: &Scenario| {
                (!is_few(scenario, few) || scenario.seed == rare_seed).then_some(Instant(500_000_001))
            };
            let (small, ..) = shrink(&whole, &rare(), &mut Says(fails)).expect("it fails");
            small.operations.iter().flatten().count()
        };
        assert_eq!(left(OPERATIONS_FEW + 1), 0, "thirteen are too many");
        assert_eq!(left(OPERATIONS_FEW), OPERATIONS_FEW, "twelve are few enough");
    }
}
