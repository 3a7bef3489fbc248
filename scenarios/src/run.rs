//! One run: a safety phase under faults, a healing, a liveness phase, and the check of the history.
//!
//! The result is a function of (scenario, seed, build) and of nothing else: the caller measures the wall clock.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use whitewater_kv::spec::Missing;
use whitewater_kv::{Answer, Operation};
use whitewater_reports::model::{RunRecord, Verdict};
use whitewater_sim::check::{self, Budget};
use whitewater_sim::history::{History, OperationId, Outcome};
use whitewater_sim::time::MILLISECOND_NS;
use whitewater_sim::trace::Trace;
use whitewater_sim::{Check, Checks, Instant, Keep, LinkProfile, NodeId, Recording, Stopped, World};

use crate::faults::{self, Counted};
use crate::formats::KeyValue;
use crate::generate;
use crate::probes;
use crate::scenario::Scenario;
use crate::systems::raft_kv::cluster::{self, Watch};
use crate::systems::raft_kv::{Node, witness};

/// What may be varied about a run without changing what happens in it.
#[derive(Clone, Copy)]
pub struct Options<'a> {
    /// Whether a trace is recorded.
    pub recording: Recording,
    /// Checks that are left out, whatever the scenario says: for measuring what they cost.
    pub checks: CheckSwitch,
    /// The run is stopped, and inconclusive, after this many events.
    pub events_max: u64,
    /// The checker's budget.
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
    /// What the clients asked and heard.
    pub history: History<Operation, Answer>,
    /// What happened, if it was recorded.
    pub trace: Option<Trace>,
}

/// Makes a run.
#[must_use]
pub fn run(scenario: &Scenario, seed: u64, options: &Options<'_>) -> Run {
    let plan = generate::plan(scenario, seed);
    let checks = match options.checks {
        CheckSwitch::On => scenario.checks,
        CheckSwitch::Off => Checks::none(),
    };
    let watch = Watch { checks, recording: options.recording, keep: Keep::Everything };
    let mut world = cluster::world(scenario, seed, &plan, watch);
    let verdict = match catch_unwind(AssertUnwindSafe(|| judge(&mut world, scenario, checks, options))) {
        Ok(verdict) => verdict,
        Err(panic) => match world.acting() {
            Some(node) => panicked(&mut world, node, &*panic),
            // The testbed itself: not something to be judged.
            None => resume_unwind(panic),
        },
    };
    let record = record(&world, scenario, seed, plan.servers, verdict);
    let trace = world.take_trace();
    Run { record, history: world.into_history(), trace }
}

/// A panic of the system under test is a violation like others. The world is not run any further.
fn panicked(world: &mut World<Node>, node: NodeId, panic: &(dyn Any + Send)) -> Verdict {
    let text = panic.downcast_ref::<String>().map(String::as_str).or(panic.downcast_ref::<&str>().copied());
    let why = format!("{node} panicked: {}", text.unwrap_or("without a message"));
    world.fail(Some(node), Check::NoPanic, why);
    violation(world)
}

/// Runs both phases and checks the history.
fn judge(world: &mut World<Node>, scenario: &Scenario, checks: Checks, options: &Options<'_>) -> Verdict {
    world.start();
    let healed = Instant(scenario.timing.duration_ns);
    match world.run_until(healed, options.events_max) {
        Stopped::Reached => {}
        Stopped::Violation => return violation(world),
        Stopped::Budget => return out_of_events(options),
    }
    world.heal(LinkProfile::reliable(scenario.links.latency));
    match settle(world, healed.after(scenario.timing.settle_ns), options.events_max) {
        Settled::Yes => {}
        Settled::No(why) if checks.contains(Check::Liveness) => {
            let settle = Instant(scenario.timing.settle_ns);
            world.fail(None, Check::Liveness, format!("{settle} after every fault was healed, {why}"));
        }
        Settled::No(_) => {}
        Settled::Stopped(Stopped::Budget) => return out_of_events(options),
        Settled::Stopped(Stopped::Violation | Stopped::Reached) => {}
    }
    if world.violation().is_some() {
        return violation(world);
    }
    if checks.contains(Check::Linearizability) { linearizability(world, options) } else { Verdict::Pass }
}

enum Settled {
    Yes,
    /// The deadline passed, and this is missing.
    No(String),
    Stopped(Stopped),
}

/// How often the liveness phase looks whether it is over.
const POLL_NS: u64 = 10 * MILLISECOND_NS;

fn settle(world: &mut World<Node>, deadline: Instant, events_max: u64) -> Settled {
    let healed = world.now();
    loop {
        match world.run_until(world.now().after(POLL_NS).min(deadline), events_max) {
            Stopped::Reached => {}
            stopped @ (Stopped::Violation | Stopped::Budget) => return Settled::Stopped(stopped),
        }
        match unsettled(world, healed) {
            None => return Settled::Yes,
            Some(why) if world.now() >= deadline => return Settled::No(why),
            Some(_) => {}
        }
    }
}

/// What is missing for the cluster to be whole again, if anything is.
fn unsettled(world: &World<Node>, healed: Instant) -> Option<String> {
    if world.observer().leader().is_none() {
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

fn linearizability(world: &mut World<Node>, options: &Options<'_>) -> Verdict {
    let model = KeyValue { missing: Missing::Nil };
    if check::is_witness(&model, world.history(), &witness(world)) {
        return Verdict::Pass;
    }
    match check::check(&model, world.history(), &options.budget).verdict {
        check::Verdict::Linearizable => Verdict::Pass,
        check::Verdict::Violation(explanation) => {
            let why = explanation.render(&model, world.history(), &|_, at| at.to_string());
            world.fail(None, Check::Linearizability, why);
            violation(world)
        }
        check::Verdict::Inconclusive { reason, partitions } => {
            let reason = match reason {
                check::Inconclusive::OutOfSteps => format!("ran out of its {} steps", options.budget.steps),
                check::Inconclusive::Stopped => "was stopped".to_owned(),
            };
            let keys: Vec<String> = partitions.iter().map(ToString::to_string).collect();
            let why = format!(
                "the linearizability checker {reason} on {}: spread the workload over more keys, or lower its rate",
                keys.join(", ")
            );
            Verdict::Inconclusive { why }
        }
    }
}

fn violation(world: &World<Node>) -> Verdict {
    let violation = world.violation().expect("the run stopped because of a violation");
    Verdict::Violation {
        check: violation.check.id().to_owned(),
        name: violation.check.name().to_owned(),
        event: violation.event,
        at_ns: violation.at.0,
        why: violation.why.clone(),
    }
}

fn out_of_events(options: &Options<'_>) -> Verdict {
    Verdict::Inconclusive {
        why: format!("the run was stopped after {} events: shorten it, or lower its rate", options.events_max),
    }
}

fn record(world: &World<Node>, scenario: &Scenario, seed: u64, servers: u32, verdict: Verdict) -> RunRecord {
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
        seed,
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
        faults: faults::counts(scenario, scenario, &counted),
        probes: probes::counts(world.probes()),
    }
}
