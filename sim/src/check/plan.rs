//! A check as independent jobs: partitions in rounds, each with an allowance of steps.
//!
//! What monitoring decides is decided at once, when the jobs are cut; the rest is searched.
//! Hard partitions do not hide easy violations (dovetailing): in each round all that is undecided is searched with the
//! same allowance, ten times that of the round before. What a job finds depends on nothing but its partition and the
//! round, so that jobs can be done at the same time, on as many threads as a host has: what comes of them is always what
//! one thread would have found. What it simplifies: a search that ran out of its allowance starts again from the beginning.

use super::meter::{Halt, Meter};
use super::partition::{Part, Problem};
use super::search::{self, Searched};
use super::split::{self, Component};
use super::{Budget, Effort, Inconclusive, Model, Op, Report, Ret, Tier, Undecided, Verdict, explain, monitor};
use crate::history::{History, Stamp};

/// A first allowance of steps for a partition: this many, or [`ALLOWANCE_PER_OPERATION`] for each operation.
const ALLOWANCE: u64 = 10_000;
pub(super) const ALLOWANCE_PER_OPERATION: u64 = 16;
const ALLOWANCE_GROWTH: u64 = 10;

/// The check of a history, cut into jobs. Each round is done by calling [`Plan::work`] for every job of it, in any order
/// or at the same time, and [`Plan::take`] with what came of them; until that has a finding.
pub struct Plan<M: Model> {
    components: Vec<Component<M>>,
    operations: usize,
    /// The partition that has no order by monitoring, if there is one, and where to begin to look for the reason.
    clash: Option<(usize, Stamp)>,
    tier: Tier,
    undecided: Vec<Candidate>,
    /// Those that need more memory than there is.
    given_up: Vec<Candidate>,
    steps: u64,
    bytes: u64,
    taken: u64,
    growth: u64,
}

/// A partition that is not decided yet.
#[derive(Clone, Copy)]
struct Candidate {
    component: usize,
    effort: Effort,
}

/// What came of a job.
#[derive(Clone, Copy, Debug)]
pub struct Done {
    outcome: Outcome,
    taken: u64,
    effort: Effort,
}

#[derive(Clone, Copy, Debug)]
enum Outcome {
    Linearizable,
    Impossible { reached: Stamp },
    Halted(Halt),
}

impl Done {
    /// Whether the partition has no order, so that later jobs of the round need not be done.
    #[must_use]
    pub fn is_violation(&self) -> bool {
        matches!(self.outcome, Outcome::Impossible { .. })
    }
}

/// What a check found, before it is put into words.
#[derive(Clone, Copy, Debug)]
pub struct Finding(Found);

#[derive(Clone, Copy, Debug)]
enum Found {
    Linearizable,
    Violation { component: usize, reached: Stamp },
    Inconclusive(Inconclusive),
}

impl Finding {
    /// Whether the history is linearizable; `None` if that is not known.
    #[must_use]
    pub fn is_linearizable(&self) -> Option<bool> {
        match self.0 {
            Found::Linearizable => Some(true),
            Found::Violation { .. } => Some(false),
            Found::Inconclusive(_) => None,
        }
    }
}

impl<M: Model> Plan<M> {
    /// Cuts the check of a history into jobs.
    #[must_use]
    pub fn new(model: &M, history: &History<Op<M>, Ret<M>>, budget: &Budget<'_>) -> Plan<M> {
        let components = split::split(model, history).components;
        let sifted = monitor::sift(model, history, &components);
        Plan::of(components, sifted, history.operations().len(), budget)
    }

    /// The same without monitoring: all partitions are searched.
    #[cfg(test)]
    pub(super) fn searching(model: &M, history: &History<Op<M>, Ret<M>>, budget: &Budget<'_>) -> Plan<M> {
        let components = split::split(model, history).components;
        let all = (0..components.len()).collect();
        Plan::of(components, Ok(all), history.operations().len(), budget)
    }

    fn of(
        components: Vec<Component<M>>,
        sifted: Result<Vec<usize>, (usize, Stamp)>,
        operations: usize,
        budget: &Budget<'_>,
    ) -> Plan<M> {
        let (clash, undecided) = match sifted {
            Ok(undecided) => (None, undecided),
            Err(clash) => (Some(clash), Vec::new()),
        };
        let candidate = |component: usize| Candidate { component, effort: Effort::default() };
        Plan {
            clash,
            tier: if undecided.is_empty() { Tier::Monitoring } else { Tier::Search },
            undecided: undecided.into_iter().map(candidate).collect(),
            given_up: Vec::new(),
            components,
            operations,
            steps: budget.steps,
            bytes: budget.bytes,
            taken: 0,
            growth: 1,
        }
    }

    /// How many jobs this round has; they are numbered from 0.
    #[must_use]
    pub fn jobs(&self) -> usize {
        self.undecided.len()
    }

    /// Does a job of this round. `stop` is asked now and then whether to give up.
    ///
    /// # Panics
    /// If there is no such job.
    #[must_use]
    pub fn work(
        &self,
        model: &M,
        history: &History<Op<M>, Ret<M>>,
        job: usize,
        stop: Option<&dyn Fn() -> bool>,
    ) -> Done {
        let component = &self.components[self.undecided[job].component];
        let allowance = self.allowance(component);
        let mut meter = Meter::new(&Budget { steps: allowance, bytes: self.bytes, stop });
        let problem = Problem::new(model, history, component, Part::Whole);
        let outcome = match search::search(model, &problem, &component.initial, allowance, &mut meter) {
            Ok(Searched::Found(_)) => Outcome::Linearizable,
            Ok(Searched::Impossible { reached }) => Outcome::Impossible { reached },
            Err(halt) => Outcome::Halted(halt),
        };
        Done { outcome, taken: meter.taken(), effort: meter.effort() }
    }

    /// What a partition may take in this round. The last one standing gets all that is left.
    fn allowance(&self, component: &Component<M>) -> u64 {
        let count = self.undecided.len() as u64;
        let share = (self.steps - self.taken) / count.max(1);
        let wish = ALLOWANCE.max(component.ids.len() as u64 * ALLOWANCE_PER_OPERATION).saturating_mul(self.growth);
        if count == 1 { share } else { wish.min(share) }
    }

    /// Takes what came of the jobs of a round, in their order. Those behind a violation, or
    /// behind one that was stopped, may be left out.
    pub fn take(&mut self, done: impl IntoIterator<Item = Done>) -> Option<Finding> {
        if let Some((component, reached)) = self.clash {
            return Some(Finding(Found::Violation { component, reached }));
        }
        let jobs = self.undecided.len();
        let mut candidates = std::mem::take(&mut self.undecided).into_iter();
        let mut is_stopped = false;
        for (done, candidate) in done.into_iter().zip(candidates.by_ref()) {
            self.taken += done.taken;
            let candidate = Candidate { effort: done.effort, ..candidate };
            match done.outcome {
                Outcome::Linearizable => {}
                Outcome::Impossible { reached } => {
                    return Some(Finding(Found::Violation { component: candidate.component, reached }));
                }
                Outcome::Halted(Halt::OutOfMemory) => self.given_up.push(candidate),
                Outcome::Halted(Halt::OutOfSteps) => self.undecided.push(candidate),
                Outcome::Halted(Halt::Stopped) => {
                    is_stopped = true;
                    self.undecided.push(candidate);
                }
            }
        }
        self.undecided.extend(candidates);
        self.growth = self.growth.saturating_mul(ALLOWANCE_GROWTH);
        if is_stopped {
            return Some(Finding(Found::Inconclusive(Inconclusive::Stopped)));
        }
        match (self.undecided.is_empty(), self.given_up.is_empty()) {
            (true, true) => Some(Finding(Found::Linearizable)),
            (true, false) => Some(Finding(Found::Inconclusive(Inconclusive::OutOfMemory))),
            (false, _) if jobs == 1 || self.steps - self.taken < ALLOWANCE => {
                Some(Finding(Found::Inconclusive(Inconclusive::OutOfSteps)))
            }
            (false, _) => None,
        }
    }

    /// Puts a finding into a report, with an explanation if there is a violation.
    #[must_use]
    pub fn report(
        &self,
        finding: &Finding,
        model: &M,
        history: &History<Op<M>, Ret<M>>,
        budget: &Budget<'_>,
    ) -> Report<M::Part, M::Spec> {
        let verdict = match finding.0 {
            Found::Linearizable => Verdict::Linearizable,
            Found::Violation { component, reached } => {
                let component = &self.components[component];
                Verdict::Violation(Box::new(explain::explain(model, history, component, reached, budget)))
            }
            Found::Inconclusive(reason) => {
                let partition = |candidate: &Candidate| Undecided {
                    partition: self.components[candidate.component].partition.clone(),
                    effort: candidate.effort,
                };
                let mut all: Vec<&Candidate> = self.undecided.iter().chain(&self.given_up).collect();
                all.sort_unstable_by_key(|candidate| candidate.component);
                Verdict::Inconclusive { reason, partitions: all.into_iter().map(partition).collect() }
            }
        };
        Report {
            verdict,
            tier: self.tier,
            partitions: self.components.len(),
            operations: self.operations,
            steps: self.taken,
        }
    }

    /// Does all rounds on this thread.
    pub(super) fn run(
        &mut self,
        model: &M,
        history: &History<Op<M>, Ret<M>>,
        stop: Option<&dyn Fn() -> bool>,
    ) -> Finding {
        loop {
            let mut done = Vec::with_capacity(self.jobs());
            for job in 0..self.jobs() {
                let one = self.work(model, history, job, stop);
                let is_last = one.is_violation() || matches!(one.outcome, Outcome::Halted(Halt::Stopped));
                done.push(one);
                if is_last {
                    break;
                }
            }
            if let Some(finding) = self.take(done) {
                return finding;
            }
        }
    }
}
