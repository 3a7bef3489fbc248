//! One run: a safety phase under faults, a healing, a liveness phase, and the check of the history.
//!
//! The result is a function of (bug, scenario, seed, build) and of nothing else: the caller measures the wall clock.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use whitewater_kv::spec::Missing;
use whitewater_kv::{Answer, Operation};
use whitewater_reports::model::{RunRecord, Verdict};
use whitewater_reports::violation::text as violation_text;
use whitewater_sim::check::{self, Account, Budget};
use whitewater_sim::history::{History, OperationId, Outcome};
use whitewater_sim::plan::Exercised;
use whitewater_sim::time::MILLISECOND_NS;
use whitewater_sim::trace::Trace;
use whitewater_sim::{Check, Checks, Instant, Keep, LinkProfile, NodeId, Recording, Stopped, Strike, World};

use crate::bugs::{Bug, Switched};
use crate::faults::{self, Counted};
use crate::formats::KeyValue;
use crate::generate;
use crate::probes;
use crate::scenario::Scenario;
use crate::search::behaviour::Feature;
use crate::search::guide::Sighting;
use crate::search::lineage::Lineage;
use crate::system::{self, Leaders, Participant, System, Watch};
use crate::systems::raft_kv::{RaftKv, witness};

/// How a run is made. Only the bug, if there is one, changes what happens in it.
#[derive(Clone, Copy)]
pub struct Options<'a> {
    /// The rule that is broken on purpose.
    pub bug: Option<Bug>,
    /// Whether a trace is recorded.
    pub recording: Recording,
    /// Checks that are left out, whatever the scenario says: for measuring what they cost.
    pub checks: CheckSwitch,
    /// The run is stopped, and inconclusive, after this many events.
    pub events_max: u64,
    /// The checker's budget; whoever it asks whether to stop is asked during the run as well.
    pub budget: Budget<'a>,
}

/// Whether a run is checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CheckSwitch {
    /// As the scenario says.
    On,
    /// Not at all.
    Off,
}

impl Default for Options<'_> {
    fn default() -> Self {
        Options {
            bug: None,
            recording: Recording::Off,
            checks: CheckSwitch::On,
            events_max: 50_000_000,
            budget: Budget::default(),
        }
    }
}

/// A run and everything that is known of it.
pub struct Run {
    /// What is kept of it. Its wall-clock time is zero: the caller knows it.
    pub record: RunRecord,
    /// What it has shown, and when.
    pub sightings: Vec<Sighting>,
    /// For each fault of the plan that began, the servers that its target turned out to be.
    pub struck: Vec<Option<Vec<NodeId>>>,
    /// The faults that began, steps' among them, and what came of each.
    pub strikes: Vec<Strike>,
    /// Why the history is not linearizable, if it is not.
    pub account: Option<Account>,
    /// What the clients asked and heard.
    pub history: History<Operation, Answer>,
    /// What happened, if it was recorded.
    pub trace: Option<Trace>,
    /// Which steps were taken, and which expectations judged.
    pub exercised: Exercised,
    /// The node whose host gave the run up, if one did: when that happens is up to the machine, too.
    pub abandoned: Option<NodeId>,
}

/// Makes a run of the built-in system.
///
/// # Panics
/// If the testbed itself is broken, or is asked for a bug in a build that has none.
#[must_use]
pub fn run(scenario: &Scenario, seed: u64, options: &Options<'_>) -> Run {
    run_on(&RaftKv, scenario, &Lineage::of(seed), options)
}

/// Makes a run of any system.
///
/// # Panics
/// If the testbed itself is broken, or is asked for a bug in a build that has none.
#[must_use]
pub fn run_on<S: System>(system: &S, scenario: &Scenario, lineage: &Lineage, options: &Options<'_>) -> Run {
    let _switched = Switched::to(options.bug);
    let (written, scenario) = (scenario, &*generate::drawn(scenario, lineage.seed));
    let plan = generate::plan_of(scenario, lineage);
    let checks = match options.checks {
        CheckSwitch::On => scenario.checks,
        CheckSwitch::Off => Checks::none(),
    };
    let watch = Watch { checks, recording: options.recording, keep: Keep::Everything };
    let mut world = system::world(system, scenario, lineage.luck(), &plan, watch);
    for change in &lineage.changes {
        world.depart(change.at(), change.key(lineage.luck()));
    }
    let mut account = None;
    let verdict =
        match catch_unwind(AssertUnwindSafe(|| judge(system, &mut world, scenario, checks, options, &mut account))) {
            Ok(verdict) => verdict,
            Err(panic) => match world.acting() {
                Some(node) => panicked(&mut world, node, &*panic),
                // The testbed itself: not something to be judged.
                None => resume_unwind(panic),
            },
        };
    let record = record(&world, (written, scenario), lineage, plan.servers, verdict);
    let sightings = sightings(&world);
    let struck = (0..plan.faults.len()).map(|number| world.struck(number).map(<[NodeId]>::to_vec)).collect();
    let (trace, exercised, strikes) = (world.take_trace(), world.exercised(), world.strikes());
    let abandoned = world.abandoned().map(|(node, _)| node);
    Run { record, sightings, struck, strikes, account, history: world.into_history(), trace, exercised, abandoned }
}

/// A panic of the system under test is a violation like others. The world is not run any further.
fn panicked<P: Participant>(world: &mut World<P>, node: NodeId, panic: &(dyn Any + Send)) -> Verdict {
    let text = panic.downcast_ref::<String>().map(String::as_str).or(panic.downcast_ref::<&str>().copied());
    let why = format!("{node} panicked: {}", text.unwrap_or("without a message"));
    world.fail(Some(node), Check::NoPanic, why);
    violation(world)
}

/// Runs both phases and checks the history.
fn judge<S: System>(
    system: &S,
    world: &mut World<S::Node>,
    scenario: &Scenario,
    checks: Checks,
    options: &Options<'_>,
    account: &mut Option<Account>,
) -> Verdict {
    if let Some(why) = system.refusal(scenario) {
        return Verdict::Inconclusive { why };
    }
    world.start();
    let healed = Instant(scenario.timing.duration_ns);
    match advance(world, healed, options) {
        Stopped::Reached => {}
        Stopped::Violation => return violation(world),
        Stopped::Budget => return out_of_budget(world, options),
        Stopped::Abandoned => return abandoned(world),
    }
    world.heal(LinkProfile::reliable(scenario.links.latency));
    match settle(system, world, healed.after(scenario.timing.settle_ns), options) {
        Settled::Yes => {}
        Settled::No(why) if checks.contains(Check::Liveness) => {
            let settle = Instant(scenario.timing.settle_ns);
            world.fail(None, Check::Liveness, format!("{settle} after every fault was healed, {why}"));
        }
        Settled::No(_) => {}
        Settled::Stopped(Stopped::Budget) => return out_of_budget(world, options),
        Settled::Stopped(Stopped::Abandoned) => return abandoned(world),
        Settled::Stopped(Stopped::Violation | Stopped::Reached) => {}
    }
    world.finish();
    if world.violation().is_some() {
        return violation(world);
    }
    if checks.contains(Check::Linearizability) { linearizability(world, options, account) } else { Verdict::Pass }
}

/// How many events there are between two looks at whether somebody wants the run to be stopped: few, because one event can
/// take a node that is a process of its own seconds.
const STOP_EVERY: u64 = 16;

/// Does what [`World::run_until`] does, and also stops where [`Budget::stop`] says so: then the events are not used up.
fn advance<P: Participant>(world: &mut World<P>, limit: Instant, options: &Options<'_>) -> Stopped {
    loop {
        let pause = world.events().saturating_add(STOP_EVERY).min(options.events_max);
        match world.run_until(limit, pause) {
            Stopped::Budget if pause < options.events_max && !options.budget.stop.is_some_and(|stop| stop()) => {}
            stopped @ (Stopped::Reached | Stopped::Violation | Stopped::Budget | Stopped::Abandoned) => return stopped,
        }
    }
}

enum Settled {
    Yes,
    /// The deadline passed, and this is missing.
    No(String),
    Stopped(Stopped),
}

/// How often the liveness phase looks whether it is over.
const POLL_NS: u64 = 10 * MILLISECOND_NS;

fn settle<S: System>(system: &S, world: &mut World<S::Node>, deadline: Instant, options: &Options<'_>) -> Settled {
    let healed = world.now();
    loop {
        match advance(world, world.now().after(POLL_NS).min(deadline), options) {
            Stopped::Reached => {}
            stopped @ (Stopped::Violation | Stopped::Budget | Stopped::Abandoned) => return Settled::Stopped(stopped),
        }
        match unsettled(system, world, healed) {
            None if world.now() >= world.expects_until().min(deadline) => return Settled::Yes,
            Some(why) if world.now() >= deadline => return Settled::No(why),
            // Something is missing, or an expectation is still to be judged.
            Some(_) | None => {}
        }
    }
}

/// What is missing for the cluster to be whole again, if anything is.
fn unsettled<S: System>(system: &S, world: &World<S::Node>, healed: Instant) -> Option<String> {
    let is_led = match system.leaders() {
        Leaders::Observed => world.observer().leader().is_some(),
        Leaders::AsTold => world.observer().leader().is_some() || world.observer().terms_led() == 0,
        Leaders::Unobserved => true,
    };
    if !is_led {
        return Some("there is no leader".to_owned());
    }
    if let Some(client) = world.processes().find(|(_, node)| node.has_work()).map(|(id, _)| id) {
        return Some(format!("{client} still has something to do"));
    }
    let operations = world.history().operations().iter().enumerate().rev();
    let fresh = operations.take_while(|(_, operation)| operation.invoked_at >= healed);
    let is_answered = |place: usize, outcome: &Outcome<Answer>| match outcome {
        Outcome::Returned { .. } => true,
        Outcome::Unknown { .. } => world.processes().any(|(_, node)| node.has_expired(OperationId(place as u32))),
        Outcome::Open | Outcome::Failed { .. } => false,
    };
    let unanswered = fresh.filter(|(place, operation)| !is_answered(*place, &operation.outcome)).last();
    if let Some((_, operation)) = unanswered {
        return Some(format!("client n{} had no answer to {}", operation.client, operation.op));
    }
    world.observer().divergence().map(|difference| format!("replicas differ: {difference}"))
}

/// How wide the drawing of a violation is: what fits into a terminal of 80 columns when it is indented.
const WHY_WIDTH: u16 = 76;

fn linearizability<P: Participant>(
    world: &mut World<P>,
    options: &Options<'_>,
    account: &mut Option<Account>,
) -> Verdict {
    let model = KeyValue { missing: Missing::Nil };
    if check::is_witness(&model, world.history(), &witness(world)) {
        return Verdict::Pass;
    }
    match check::check(&model, world.history(), &options.budget).verdict {
        check::Verdict::Linearizable => Verdict::Pass,
        check::Verdict::Violation(explanation) => {
            let found = explanation.account(&model, world.history(), &|_, at| at.to_string());
            let why = violation_text(&found, WHY_WIDTH);
            *account = Some(found);
            world.fail(None, Check::Linearizability, why);
            violation(world)
        }
        check::Verdict::Inconclusive { reason, partitions } => {
            let reason = match reason {
                check::Inconclusive::OutOfSteps => format!("ran out of its {} steps", options.budget.steps),
                check::Inconclusive::OutOfMemory => "needs more memory than it may take".to_owned(),
                check::Inconclusive::Stopped => "was stopped".to_owned(),
            };
            let keys: Vec<String> = partitions.iter().map(|undecided| undecided.partition.to_string()).collect();
            let why = format!(
                "the linearizability checker {reason} on {}: spread the workload over more keys, or lower its rate",
                keys.join(", ")
            );
            Verdict::Inconclusive { why }
        }
    }
}

fn violation<P: Participant>(world: &World<P>) -> Verdict {
    let violation = world.violation().expect("the run stopped because of a violation");
    Verdict::Violation {
        check: violation.check.id().to_owned(),
        name: violation.check.name().to_owned(),
        event: violation.event,
        at_ns: violation.at.0,
        why: format!("{}{}", violation.why, last_words(world, violation.node)),
    }
}

/// The run could not be made to its end, through no fault of the system under test that anybody could show.
fn abandoned<P: Participant>(world: &World<P>) -> Verdict {
    let (node, why) = world.abandoned().expect("the run was stopped because a host gave it up");
    Verdict::Inconclusive { why: format!("{why}{}", last_words(world, Some(node))) }
}

/// What stands before the last words of a node. What a process prints may differ between two runs of the same seed, so
/// nothing behind this is compared.
const LAST_WORDS: &str = "\nits standard error ended with:\n";

/// Why a run failed, as far as it is the same whenever the run is made again.
#[must_use]
pub fn without_last_words(why: &str) -> &str {
    why.split(LAST_WORDS).next().unwrap_or_default()
}

/// What a node printed last, if it is a process and printed anything, as lines behind a reason.
fn last_words<P: Participant>(world: &World<P>, node: Option<NodeId>) -> String {
    let process = world.processes().find(|(id, _)| Some(*id) == node).map(|(_, process)| process);
    match process.and_then(Participant::last_words) {
        Some(words) => format!("{LAST_WORDS}{words}"),
        None => String::new(),
    }
}

fn out_of_budget<P: Participant>(world: &World<P>, options: &Options<'_>) -> Verdict {
    if world.events() < options.events_max {
        return Verdict::Inconclusive { why: "the run was stopped before its end".to_owned() };
    }
    Verdict::Inconclusive {
        why: format!("the run was stopped after {} events: shorten it, or lower its rate", options.events_max),
    }
}

/// The probes that were hit and the abstract states that were seen, each with its first time.
fn sightings<P: Participant>(world: &World<P>) -> Vec<Sighting> {
    let at_ms = |at: Instant| u32::try_from(at.0 / MILLISECOND_NS).unwrap_or(u32::MAX);
    let probes = (0..).zip(world.probes()).zip(world.probes_first()).filter(|((_, count), _)| **count > 0);
    let probes = probes
        .map(|((probe, count), first)| Sighting { feature: Feature::of_probe(probe, *count), at_ms: at_ms(*first) });
    let states = world.observer().states();
    let states = states.map(|(state, first)| Sighting { feature: Feature::of_state(state), at_ms: at_ms(first) });
    probes.chain(states).collect()
}

/// The steps that were not taken and the expectations that were not judged, as places in the script of
/// [`whitewater_reports::model::ScenarioRecord`].
fn skipped(exercised: &Exercised) -> Vec<u16> {
    let script = exercised.steps.iter().chain(&exercised.expectations);
    (0..).zip(script).filter(|(_, at)| at.is_none()).map(|(place, _)| place).collect()
}

fn record<P: Participant>(
    world: &World<P>,
    (written, scenario): (&Scenario, &Scenario),
    lineage: &Lineage,
    servers: u32,
    verdict: Verdict,
) -> RunRecord {
    let count = |wanted: fn(&Outcome<Answer>) -> bool| {
        world.history().operations().iter().filter(|operation| wanted(&operation.outcome)).count() as u64
    };
    let counted = Counted {
        sources: world.source_counts(),
        network: world.network_counts(),
        disks: world.disk_counts(),
        servers: world.servers(),
    };
    RunRecord {
        scenario: scenario.name.clone(),
        seed: lineage.seed,
        departures: lineage.departures(),
        servers,
        verdict,
        digest: world.digest().to_string(),
        events: world.events(),
        virtual_ns: world.now().0,
        wall_ns: 0,
        returned: count(|outcome| matches!(outcome, Outcome::Returned { .. })),
        unknown: count(|outcome| matches!(outcome, Outcome::Unknown { .. } | Outcome::Open)),
        applied: world.observer().applied_max(),
        terms_led: world.observer().terms_led() as u64,
        skipped: skipped(&world.exercised()),
        faults: faults::counts(written, scenario, &counted),
        probes: probes::counts(world.probes()),
    }
}
