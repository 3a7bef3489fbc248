//! From a run to a scenario that says everything about it: each fault as a step with its time, each operation of each client,
//! each goal of the operator.
//!
//! What is left open is drawn from the seed as before: latencies, losses, election timeouts. Targets are the servers that were
//! struck in the run, whoever led at the time. So clients hear the same answers at the same times as in the run, and it fails
//! in the same way. What is not the same: a fault that is a step counts as another event, so the digest of a run with
//! faults of its own is another; and where two things fall on the same nanosecond, their order may be another. Faults that
//! pick messages by their kind draw for each message by their place in the scenario: they are told which one that was. Of
//! operations that follow answers, those are left out that the run did not come to.

use std::collections::BTreeMap;

use whitewater_sim::fault::{Fault, FaultKind, Source, Target};
use whitewater_sim::plan::{self, Action, Trigger};
use whitewater_sim::{Instant, NodeId};

use super::passes::{self, target_of};
use crate::generate::{self, Plan, Planned, Script, Thought};
use crate::run::Run;
use crate::scenario::{Fingerprint, MixKind, PlannedOperation, Scenario, Span, Step, StepAction, Way, Who, Workload};
use crate::search::lineage::Lineage;

/// The servers that each fault of a run struck: see [`crate::run::Run::struck`].
type Struck = [Option<Vec<NodeId>>];

/// The scenario of one run alone.
#[must_use]
pub fn of(scenario: &Scenario, lineage: &Lineage, run: &Run, failure: Option<Fingerprint>) -> Scenario {
    let drawn = generate::drawn(scenario, lineage.seed);
    let plan = generate::plan_of(&drawn, lineage);
    Scenario {
        servers: vec![plan.servers],
        steps: steps(&drawn, &plan, &run.struck),
        faults: Vec::new(),
        operator: Vec::new(),
        goals: plan.operator.clone(),
        operations: Some(operations(&plan, run)),
        workload: Workload {
            in_flight: drawn.workload.in_flight,
            // Once all is healed clients ask what nobody wrote down; leases may not be safe here.
            reads: drawn.workload.reads,
            duplicate_ppm: drawn.workload.duplicate_ppm,
            ..passes::plain().workload
        },
        seed: Some(lineage.clone()),
        failure,
        ..drawn.into_owned()
    }
}

/// What the clients ask, in the order of time: those that have times at these, the others when they could begin at the
/// earliest.
fn operations(plan: &Plan, run: &Run) -> Vec<PlannedOperation> {
    let mut begun: BTreeMap<u64, usize> = BTreeMap::new();
    for operation in run.history.operations() {
        *begun.entry(operation.client).or_default() += 1;
    }
    let of_client = |(script, client): (&Script, u32)| {
        let begun = begun.get(&u64::from(plan.machines() + client)).copied().unwrap_or_default();
        let timed = script.planned().iter().map(move |planned| (planned.not_before, planned_at(client, planned)));
        // They begin in their order. The next one may have been waited for.
        let mut earliest = Instant::START;
        let thoughts = script.thoughts().iter().take(begun + 1).map(move |thought| {
            earliest = earliest.max(thought.planned.not_before);
            (earliest, following(client, thought))
        });
        timed.chain(thoughts).collect::<Vec<_>>()
    };
    let mut operations: Vec<(Instant, PlannedOperation)> = plan.scripts.iter().zip(0..).flat_map(of_client).collect();
    operations.sort_by_key(|(earliest, operation)| (*earliest, operation.client));
    operations.into_iter().map(|(_, operation)| operation).collect()
}

fn planned_at(client: u32, planned: &Planned) -> PlannedOperation {
    PlannedOperation { client, planned: planned.clone(), think_ns: None }
}

fn following(client: u32, thought: &Thought) -> PlannedOperation {
    let planned = Planned { not_before: Instant::START, ..thought.planned.clone() };
    PlannedOperation { client, planned, think_ns: Some(thought.pause_ns) }
}

/// The steps of the scenario, with what it left open, and a step for each fault.
fn steps(drawn: &Scenario, plan: &Plan, struck: &Struck) -> Vec<Step> {
    let planned = drawn.steps.iter().zip(&plan.steps).map(|(step, planned)| Step {
        wait: exactly(planned.wait_ns),
        action: match &planned.action {
            Action::Begin { kind, lasting_ns } => {
                StepAction::Strike { kind: drawing_for(planned.source, mix(kind)), lasting: lasting_ns.map(exactly) }
            }
            Action::End { step } => StepAction::End { step: *step },
            Action::EndAll => StepAction::EndAll,
            Action::Mark => StepAction::Mark,
        },
        ..step.clone()
    });
    let nobody = |place: usize| struck.get(place).and_then(Option::as_deref).unwrap_or_default();
    // A run that departs from another may have moved faults behind its end.
    let is_early = |(_, fault): &(usize, &Fault)| fault.begin.0 < drawn.timing.duration_ns;
    let faults = plan.faults.iter().enumerate().filter(is_early);
    let mut faults: Vec<(&Fault, &[NodeId])> = faults.map(|(place, fault)| (fault, nobody(place))).collect();
    faults.sort_by_key(|(fault, _)| fault.begin);
    let of_fault = |(fault, struck): (&Fault, &[NodeId])| Step {
        name: None,
        follows: None,
        trigger: Trigger::At(fault.begin),
        wait: exactly(0),
        action: strike(fault, struck),
    };
    planned.chain(faults.into_iter().map(of_fault)).collect()
}

fn strike(fault: &Fault, struck: &[NodeId]) -> StepAction {
    let kind = drawing_for(fault.source, struck_by(&fault.kind, struck));
    // A clock that was set stays so.
    let lasts = !matches!(kind, MixKind::ClockStep { .. });
    StepAction::Strike { kind, lasting: lasts.then(|| exactly(fault.end.since_ns(fault.begin))) }
}

/// Exactly this long.
pub(super) fn exactly(ns: u64) -> Span {
    Span { min_ns: ns, max_ns: ns }
}

/// The same messages are picked as at this place of the scenario.
fn drawing_for(Source(source): Source, mut kind: MixKind) -> MixKind {
    if let MixKind::Messages { filter, .. } = &mut kind {
        filter.draws.get_or_insert(source);
    }
    kind
}

/// What a scenario calls a fault that struck these servers.
fn struck_by(kind: &FaultKind, struck: &[NodeId]) -> MixKind {
    let mut kind = match (kind, struck) {
        (FaultKind::CutLink { .. }, [from, to]) if from != to => MixKind::CutLinks { links: vec![(*from, *to)] },
        (kind, _) => mix(kind),
    };
    if let Some(target) = target_of(&mut kind).filter(|_| !struck.is_empty()) {
        *target = Who::Nodes(struck.to_vec());
    }
    kind
}

/// What a scenario calls a fault.
fn mix(kind: &FaultKind) -> MixKind {
    match kind {
        FaultKind::Cut { target, direction, reach } => {
            MixKind::Cut { target: who(target), direction: *direction, reach: *reach }
        }
        FaultKind::CutLink { from: Target::Nodes(from), to: Target::Nodes(to) } => {
            let links = from.iter().flat_map(|from| to.iter().map(move |to| (*from, *to)));
            MixKind::CutLinks { links: links.filter(|(from, to)| from != to).collect() }
        }
        FaultKind::CutLink { from, .. } => MixKind::Link { target: who(from) },
        FaultKind::Crash { target } => MixKind::Crash { target: who(target) },
        FaultKind::Pause { target } => MixKind::Pause { target: who(target) },
        FaultKind::Links { profile } => MixKind::Links { profile: *profile },
        FaultKind::SlowDisk { target, factor } => {
            MixKind::SlowDisk { target: who(target), factor: u32::try_from(*factor).unwrap_or(u32::MAX) }
        }
        FaultKind::ClockStep { target, by_ns } => MixKind::ClockStep {
            target: who(target),
            by: exactly(by_ns.unsigned_abs()),
            way: if *by_ns < 0 { Way::Backward } else { Way::Forward },
        },
        FaultKind::Wipe { target } => MixKind::Wipe { target: who(target) },
        FaultKind::CutLinks { links, .. } => MixKind::CutLinks { links: links.clone() },
        FaultKind::Clog { target, direction, reach } => {
            MixKind::Clog { target: who(target), direction: *direction, reach: *reach }
        }
        FaultKind::Filter { from, filter } => MixKind::Messages { from: from.as_ref().map(who), filter: *filter },
        FaultKind::CrashAt { target, point, skip, down_ns } => {
            MixKind::CrashAt { target: who(target), point: *point, skip_max: *skip, down: exactly(*down_ns) }
        }
        FaultKind::Slow { target, service } => MixKind::SlowServer { target: who(target), service: *service },
        FaultKind::FailDisk { target, failure } => MixKind::DiskError { target: who(target), failure: *failure },
        FaultKind::Damage { target, damage } => MixKind::Damage { target: who(target), damage: *damage },
        FaultKind::FreezeClock { target } => MixKind::ClockFreeze { target: who(target) },
        FaultKind::CrashClient { client } => MixKind::ClientCrash { client: Some(*client) },
    }
}

fn who(target: &Target) -> Who {
    let sorted = |nodes: &[NodeId]| {
        let mut nodes = nodes.to_vec();
        nodes.sort_unstable();
        nodes
    };
    match target {
        Target::Nodes(nodes) => Who::Nodes(sorted(nodes)),
        Target::Leader { .. } => Who::Leader,
        Target::Follower { .. } => Who::Follower,
        Target::LeaderAnd { .. } => Who::LeaderAndMinority,
        Target::WithoutLeader { .. } => Who::MajorityWithoutLeader,
        Target::LastCrashed { .. } => Who::LastCrashed,
    }
}

/// When a step of a repro begins, if it says so.
pub(super) fn begin_of(step: &Step) -> Option<Instant> {
    match step.trigger {
        Trigger::At(at) => Some(at),
        plan::Trigger::Now
        | Trigger::Leader
        | Trigger::NewLeader
        | Trigger::Commits(_)
        | Trigger::Answers(_)
        | Trigger::Crashes(_)
        | Trigger::Probe(..)
        | Trigger::Converged => None,
    }
}
