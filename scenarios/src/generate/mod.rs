//! From a scenario and a seed to the data of a run: cluster size, fault plan, every client's script, the operator's goals.
//!
//! Everything is drawn up front, from a stream of its own for each fault mix, each client and each kind of the operator's
//! work, so that a plan can be looked at, edited and run again, and leaving one part out changes no other draw.

mod faults;
mod steps;
mod swarm;

use std::sync::Arc;

use whitewater_kv::Operation;
use whitewater_kv::operator::Goal;
use whitewater_sim::fault::{Fault, FaultKind};
use whitewater_sim::plan::{Action, Expectation, Step};
use whitewater_sim::rng::{Purpose, RunKey, Stream};
use whitewater_sim::{Instant, LinkProfile};

use crate::scenario::{Scenario, Span};
use crate::search::lineage::{self, Lineage};
use crate::workload;

pub use swarm::drawn;

/// The data of a run. Servers have the addresses from 0 on: the voters of the first configuration, its learners, and
/// then those that wait to be added.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Number of voters in the first configuration.
    pub servers: u32,
    /// Number of learners in the first configuration.
    pub learners: u32,
    /// Number of servers outside of it.
    pub spares: u32,
    /// What goes wrong at given times, mix by mix.
    pub faults: Vec<Fault>,
    /// What happens once, each when its time has come.
    pub steps: Vec<Step>,
    /// What must be true between two moments.
    pub expectations: Vec<Expectation>,
    /// What each client asks.
    pub scripts: Vec<Script>,
    /// What the operator brings about, in the order of time.
    pub operator: Vec<PlannedGoal>,
}

/// A goal of the operator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlannedGoal {
    /// When it is taken on.
    pub not_before: Instant,
    /// What is to be brought about.
    pub goal: Goal,
}

/// An operation of a client's script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Planned {
    /// It is not begun earlier than this.
    pub not_before: Instant,
    /// It is left out if it could not begin by then. Never left out: see [`Planned::is_fresh`].
    pub not_after: Instant,
    /// What is asked.
    pub operation: Operation,
    /// Which way it takes.
    pub path: Path,
}

impl Planned {
    /// Whether it must be answered: once every fault is healed, everything must be.
    #[must_use]
    pub fn is_fresh(&self) -> bool {
        self.not_after == FOREVER
    }
}

/// The end of what is never left out.
pub(crate) const FOREVER: Instant = Instant(u64::MAX);

/// The way of an operation to its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Path {
    /// Through the log: the only way of a write.
    Log,
    /// At the leader, which asks a quorum first.
    Quorum,
    /// At the leader, by its lease while that holds.
    Lease,
    /// At any server, which asks the leader first.
    AnyServer,
}

/// An operation that waits for an answer, whatever the time: one of a closed loop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Thought {
    /// What is asked. It begins when it does; `not_before` says when that would be if every answer came at once, or nothing
    /// if the operation was written down.
    pub planned: Planned,
    /// How long the client thinks before, since it had an answer, in nanoseconds.
    pub pause_ns: u64,
}

/// What a client does: operations in the order of time, and others that follow each other as it gets its answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Script {
    planned: Arc<[Planned]>,
    thoughts: Arc<[Thought]>,
    /// After this time, in nanoseconds, it begins again; `None` if it is done once.
    period_ns: Option<u64>,
}

impl Script {
    /// A script that is done once.
    #[must_use]
    pub fn once(planned: impl Into<Arc<[Planned]>>) -> Script {
        Script { planned: planned.into(), thoughts: Arc::from([]), period_ns: None }
    }

    /// A script that is done again and again: a run without end has no use for a list without end.
    #[must_use]
    pub fn repeated(planned: impl Into<Arc<[Planned]>>, period_ns: u64) -> Script {
        Script { planned: planned.into(), thoughts: Arc::from([]), period_ns: Some(period_ns) }
    }

    /// The same, and these operations one after the other.
    #[must_use]
    pub fn with_thoughts(self, thoughts: impl Into<Arc<[Thought]>>) -> Script {
        Script { thoughts: thoughts.into(), ..self }
    }

    /// The same at the same times, with every operation changed by this.
    #[must_use]
    pub fn map(&self, change: impl Fn(&Planned) -> Planned) -> Script {
        let thought = |thought: &Thought| Thought { planned: change(&thought.planned), ..*thought };
        Script {
            planned: self.planned.iter().map(&change).collect(),
            thoughts: self.thoughts.iter().map(thought).collect(),
            period_ns: self.period_ns,
        }
    }

    /// The operation with this number, from 0, among those that follow each other; `None` if they are over.
    #[must_use]
    pub fn thought(&self, number: usize) -> Option<&Thought> {
        match self.period_ns {
            None => self.thoughts.get(number),
            Some(_) => self.thoughts.get(number.checked_rem(self.thoughts.len())?),
        }
    }

    /// Its operations that have a time, once, in their order.
    #[must_use]
    pub fn planned(&self) -> &[Planned] {
        &self.planned
    }

    /// Its operations that follow answers, once, in their order.
    #[must_use]
    pub fn thoughts(&self) -> &[Thought] {
        &self.thoughts
    }

    /// Every operation of it once: those with a time in their order, and then the others.
    pub fn operations(&self) -> impl Iterator<Item = &Planned> {
        self.planned.iter().chain(self.thoughts.iter().map(|thought| &thought.planned))
    }

    /// The operation with this number, from 0; `None` if the script is over.
    #[must_use]
    pub fn at(&self, number: usize) -> Option<Planned> {
        let (planned, shift_ns) = self.find(number)?;
        let Planned { not_before, not_after, .. } = *planned;
        let later = |instant: Instant| Instant(instant.0.saturating_add(shift_ns));
        Some(Planned { not_before: later(not_before), not_after: later(not_after), ..planned.clone() })
    }

    /// When that operation begins, at the earliest; `None` if the script is over.
    #[must_use]
    pub fn begin_of(&self, number: usize) -> Option<Instant> {
        let (planned, shift_ns) = self.find(number)?;
        Some(Instant(planned.not_before.0.saturating_add(shift_ns)))
    }

    /// The operation, and by how much later than planned it comes this time, in nanoseconds.
    fn find(&self, number: usize) -> Option<(&Planned, u64)> {
        if let Some(planned) = self.planned.get(number) {
            return Some((planned, 0));
        }
        let length = self.planned.len();
        let (period_ns, round) = (self.period_ns?, number.checked_div(length)?);
        Some((&self.planned[number % length], period_ns.saturating_mul(round as u64)))
    }
}

impl Plan {
    /// Number of servers of all kinds.
    #[must_use]
    pub fn machines(&self) -> u32 {
        self.servers + self.learners + self.spares
    }

    /// Whether somebody must look after the membership: the operator has goals, or servers come back without their disks.
    #[must_use]
    pub fn needs_operator(&self) -> bool {
        let wipes = |kind: &FaultKind| matches!(kind, FaultKind::Wipe { .. } | FaultKind::Damage { .. });
        let begins = |step: &Step| matches!(&step.action, Action::Begin { kind, .. } if wipes(kind));
        !self.operator.is_empty() || self.faults.iter().any(|fault| wipes(&fault.kind)) || self.steps.iter().any(begins)
    }
}

/// Draws the plan of a run of a scenario that is no swarm; of one that is, what [`drawn`] makes of it for this seed.
#[must_use]
pub fn plan(scenario: &Scenario, seed: u64) -> Plan {
    let key = RunKey::new(seed);
    let (servers, cast) = cast(scenario, &key);
    Plan {
        servers,
        learners: scenario.learners,
        spares: scenario.spares,
        faults: faults::faults(scenario, cast, &key),
        steps: steps::steps(scenario, cast, &key),
        expectations: steps::expectations(scenario),
        scripts: workload::scripts(scenario, &key),
        operator: crate::operations::goals(scenario, servers, &key),
    }
}

/// What goes wrong in a run, as its plan says, in few words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outline {
    /// Which kinds of things go wrong: for each fault mix whether it strikes, for each kind of goal whether the operator has
    /// one, for each of the mishaps of the network whether it may befall a message. As many for each run of a scenario.
    pub kinds: Vec<bool>,
    /// How often something strikes, or the operator is to bring something about, for each server that votes at first, in
    /// thousandths.
    pub strikes: u64,
}

/// The kinds of goals of the operator.
const AIMS: usize = 3;

/// What may befall a message, whatever strikes.
const MISHAPS: usize = 4;

/// How many kinds of things may go wrong in a run of a scenario: see [`Outline::kinds`].
#[must_use]
pub fn kinds(scenario: &Scenario) -> usize {
    scenario.faults.len() + AIMS + MISHAPS
}

/// What goes wrong in the run of a seed: as its [`plan`] says, without the rest of it.
#[must_use]
pub fn outline(scenario: &Scenario, seed: u64) -> Outline {
    let key = RunKey::new(seed);
    let (servers, cast) = cast(scenario, &key);
    let faults = faults::faults(scenario, cast, &key);
    let goals = crate::operations::goals(scenario, servers, &key);
    let mut strikes = vec![false; scenario.faults.len()];
    for fault in &faults {
        strikes[usize::from(fault.source.0)] = true;
    }
    let mut aims = [false; AIMS];
    for PlannedGoal { goal, .. } in &goals {
        let kind = match goal {
            Goal::Members { .. } => 0,
            Goal::Transfer { .. } => 1,
            Goal::Snapshot { .. } => 2,
        };
        aims[kind] = true;
    }
    let LinkProfile { loss_ppm, duplicate_ppm, reorder_ppm, corrupt_ppm, .. } = scenario.links;
    let mishaps: [bool; MISHAPS] = [loss_ppm, duplicate_ppm, reorder_ppm, corrupt_ppm].map(|chance| chance > 0);
    Outline {
        kinds: [strikes, aims.into(), mishaps.into()].concat(),
        strikes: (faults.len() + goals.len()) as u64 * 1_000 / u64::from(servers),
    }
}

/// How many servers vote at first, and who can be hurt.
fn cast(scenario: &Scenario, key: &RunKey) -> (u32, faults::Cast) {
    let choice = key.stream(Purpose::Scenario, 0).below(scenario.servers.len() as u64);
    let servers = scenario.servers[choice as usize];
    let cast = faults::Cast {
        machines: servers + scenario.learners + scenario.spares,
        clients: scenario.clients,
        racks: scenario.racks,
    };
    (servers, cast)
}

/// Draws the plan of a run that may depart from what its seed alone would do.
#[must_use]
pub fn plan_of(scenario: &Scenario, lineage: &Lineage) -> Plan {
    let mut plan = plan(scenario, lineage.luck());
    lineage::apply(lineage, &mut plan);
    plan
}

pub(crate) fn draw(span: Span, stream: &mut Stream) -> u64 {
    stream.between(span.min_ns, span.max_ns)
}

#[cfg(test)]
mod tests {
    use super::*;
    use whitewater_kv::operator::Style;

    use crate::scenario::format;

    fn scenario(rest: &str) -> Scenario {
        format::parse("x.toml", &format!("name = \"x\"\nsummary = \"y\"\n{rest}")).expect("a scenario")
    }

    #[test]
    fn a_script_that_is_repeated_goes_on_a_period_later() {
        let at = |ns: u64| Planned {
            not_before: Instant(ns),
            not_after: Instant(u64::MAX),
            operation: Operation::Get { key: "x".into() },
            path: Path::Log,
        };
        let begins = |script: &Script, number: usize| script.at(number).map(|planned| planned.not_before.0);
        let once = Script::once([at(1), at(5)]);
        assert_eq!([0, 1, 2].map(|number| begins(&once, number)), [Some(1), Some(5), None]);
        let repeated = Script::repeated([at(1), at(5)], 10);
        assert_eq!([0, 1, 2, 5].map(|number| begins(&repeated, number)), [Some(1), Some(5), Some(11), Some(25)]);
        assert_eq!(Script::repeated([], 10).at(0), None);
    }

    #[test]
    fn what_the_operator_wants_is_always_possible() {
        let scenario = scenario(
            "[cluster]\nservers = [2, 5]\nlearners = 1\nspares = 2\n\
             [[operator]]\nkind = \"reconfigure\"\nvoters = [1, 3, 4]\nevery = \"100ms\"\n\
             [[operator]]\nkind = \"replace\"\nevery = \"70ms\"\n\
             [[operator]]\nkind = \"remove-leader\"\nevery = \"50ms\"\n\
             [[operator]]\nkind = \"add-learner-and-promote\"\nevery = \"30ms\"\n\
             [[operator]]\nkind = \"transfer\"\nevery = \"90ms\"\n\
             [[operator]]\nkind = \"force-snapshot\"\nevery = \"90ms\"\n",
        );
        for seed in 0..20 {
            let plan = plan(&scenario, seed);
            let mut styles = [0, 0];
            for PlannedGoal { goal, .. } in &plan.operator {
                match goal {
                    Goal::Members { voters, learners, style } => {
                        let mut all: Vec<_> = voters.iter().chain(learners).collect();
                        assert!(!voters.is_empty() && all.iter().all(|server| server.0 < plan.machines()), "{goal:?}");
                        all.sort_unstable();
                        all.dedup();
                        assert_eq!(all.len(), voters.len() + learners.len(), "nobody is named twice: {goal:?}");
                        styles[usize::from(*style == Style::Joint)] += 1;
                    }
                    Goal::Transfer { to: server } | Goal::Snapshot { of: server } => {
                        assert!(server.0 < plan.machines())
                    }
                }
            }
            assert!(styles.iter().all(|count| *count > 50), "{styles:?}");
            assert!(plan.operator.is_sorted_by_key(|planned| planned.not_before));
        }
    }

    #[test]
    fn an_outline_says_what_the_plan_does() {
        let scenario = crate::catalog::find("swarm-members").expect("it is in the catalog");
        let mut shares = vec![0; kinds(&scenario)];
        for seed in 0..200 {
            let drawn = drawn(&scenario, seed);
            let (outline, plan) = (outline(&drawn, seed), plan(&drawn, seed));
            let strikes = |place: usize| plan.faults.iter().any(|fault| usize::from(fault.source.0) == place);
            let wants = |is_it: fn(&Goal) -> bool| plan.operator.iter().any(|planned| is_it(&planned.goal));
            let mut expected: Vec<bool> = (0..scenario.faults.len()).map(strikes).collect();
            expected.push(wants(|goal| matches!(goal, Goal::Members { .. })));
            expected.push(wants(|goal| matches!(goal, Goal::Transfer { .. })));
            expected.push(wants(|goal| matches!(goal, Goal::Snapshot { .. })));
            let links = drawn.links;
            let chances = [links.loss_ppm, links.duplicate_ppm, links.reorder_ppm, links.corrupt_ppm];
            expected.extend(chances.map(|chance| chance > 0));
            assert_eq!(outline.kinds, expected, "seed {seed}");
            let strikes = (plan.faults.len() + plan.operator.len()) as u64;
            assert_eq!(outline.strikes, strikes * 1_000 / u64::from(plan.servers), "seed {seed}");
            shares.iter_mut().zip(&outline.kinds).for_each(|(share, takes_part)| *share += u32::from(*takes_part));
        }
        let both_ways = shares.iter().filter(|share| (1..200).contains(*share)).count();
        assert!(both_ways + 1 >= shares.len(), "only corruption is never there: {shares:?}");
    }

    #[test]
    fn clocks_step_the_way_that_is_asked_for() {
        let steps = |way: &str| -> Vec<i64> {
            let fault = "[[faults]]\nkind = \"clock-step\"\ntarget = \"random\"\nevery = \"100ms\"\n";
            let reads = "[workload]\nreads = \"quorum\"\n";
            let scenario = scenario(&format!("{reads}{fault}by = [\"1ms\", \"2s\"]\nway = \"{way}\"\n"));
            let by_ns = |fault: &Fault| {
                let FaultKind::ClockStep { by_ns, .. } = fault.kind else { panic!("only clocks step: {fault:?}") };
                by_ns
            };
            plan(&scenario, 1).faults.iter().map(by_ns).collect()
        };
        assert!(steps("forward").iter().all(|by_ns| (1_000_000..=2_000_000_000).contains(by_ns)));
        assert!(steps("backward").iter().all(|by_ns| (-2_000_000_000..=-1_000_000).contains(by_ns)));
        let either = steps("either");
        assert!(either.iter().any(|by_ns| *by_ns > 0) && either.iter().any(|by_ns| *by_ns < 0));
    }
}
