//! From a run to a scenario that says everything about it: each fault as a step with its time, each operation of each client.
//!
//! What is left open is drawn from the seed as before: latencies, losses, election timeouts, and what the operator wants.
//! Targets are the servers that were struck in the run, whoever led at the time.

use whitewater_sim::fault::{Fault, FaultKind, Target};
use whitewater_sim::plan::{self, Action, Trigger};
use whitewater_sim::{Instant, NodeId};

use super::passes::{self, target_of};
use crate::generate::{self, Plan};
use crate::scenario::{Fingerprint, MixKind, PlannedOperation, Scenario, Span, Step, StepAction, Way, Who, Workload};
use crate::search::lineage::Lineage;

/// The servers that each fault of a run struck: see [`crate::run::Run::struck`].
type Struck = [Option<Vec<NodeId>>];

/// The scenario of one run alone.
#[must_use]
pub fn of(scenario: &Scenario, lineage: &Lineage, struck: &Struck, failure: Option<Fingerprint>) -> Scenario {
    let drawn = generate::drawn(scenario, lineage.seed);
    let plan = generate::plan_of(&drawn, lineage);
    let healed = Instant(drawn.timing.duration_ns);
    let operations = plan.scripts.iter().zip(0..).flat_map(|(script, client)| {
        let planned = script.operations().filter(|planned| planned.not_before <= healed);
        planned.map(move |planned| PlannedOperation { client, planned: planned.clone() })
    });
    let mut operations: Vec<PlannedOperation> = operations.collect();
    operations.sort_by_key(|operation| (operation.planned.not_before, operation.client));
    Scenario {
        servers: vec![plan.servers],
        steps: steps(&drawn, &plan, struck),
        faults: Vec::new(),
        operations: Some(operations),
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

/// The steps of the scenario, with what it left open, and a step for each fault.
fn steps(drawn: &Scenario, plan: &Plan, struck: &Struck) -> Vec<Step> {
    let planned = drawn.steps.iter().zip(&plan.steps).map(|(step, planned)| Step {
        wait: exactly(planned.wait_ns),
        action: match &planned.action {
            Action::Begin { kind, lasting_ns } => {
                StepAction::Strike { kind: mix(kind), lasting: lasting_ns.map(exactly) }
            }
            Action::End { step } => StepAction::End { step: *step },
            Action::EndAll => StepAction::EndAll,
            Action::Mark => StepAction::Mark,
        },
        ..step.clone()
    });
    let nobody = |place: usize| struck.get(place).and_then(Option::as_deref).unwrap_or_default();
    let mut faults: Vec<(&Fault, &[NodeId])> =
        plan.faults.iter().enumerate().map(|(place, fault)| (fault, nobody(place))).collect();
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
    let kind = struck_by(&fault.kind, struck);
    // A clock that was set stays so.
    let lasts = !matches!(kind, MixKind::ClockStep { .. });
    StepAction::Strike { kind, lasting: lasts.then(|| exactly(fault.end.since_ns(fault.begin))) }
}

/// Exactly this long.
pub(super) fn exactly(ns: u64) -> Span {
    Span { min_ns: ns, max_ns: ns }
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
