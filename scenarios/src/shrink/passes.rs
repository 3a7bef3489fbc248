//! The ways to make a scenario of one run simpler. Each yields scenarios that may fail alike; whether they do is tried.

use std::sync::Arc;

use whitewater_kv::operator::{Goal, Style};
use whitewater_kv::{Address, Operation};
use whitewater_raft::config::{PreVote, QuorumCheck};
use whitewater_sim::disk::CrashKeeps;
use whitewater_sim::plan::Trigger;
use whitewater_sim::time::{MILLISECOND_NS, SECOND_NS};
use whitewater_sim::{ClockProfile, Instant, Latency, LinkProfile, NodeId};

use super::has_few_operations;
use super::repro::{begin_of, exactly};
use crate::generate::{Path, Planned, PlannedGoal};
use crate::scenario::{MixKind, PlannedOperation, Replication, Scenario, Span, Step, StepAction, Timing, Who, format};

/// The scenario with a part of its steps. Steps that follow or end one that is gone follow or end nothing.
pub(super) fn with_steps(scenario: &Scenario, steps: Vec<Step>) -> Scenario {
    let place_of = |old: usize| steps.iter().position(|step| *step == scenario.steps[old]);
    let moved = |step: &Step| Step {
        follows: step.follows.and_then(place_of),
        action: match &step.action {
            StepAction::End { step } => place_of(*step).map_or(StepAction::Mark, |step| StepAction::End { step }),
            action @ (StepAction::Strike { .. } | StepAction::EndAll | StepAction::Mark) => action.clone(),
        },
        ..step.clone()
    };
    Scenario { steps: steps.iter().map(moved).collect(), ..scenario.clone() }
}

/// The scenario with these operations, and no more clients than ask something.
pub(super) fn with_operations(scenario: &Scenario, operations: Vec<PlannedOperation>) -> Scenario {
    Scenario { operations: Some(operations), ..scenario.clone() }
}

/// The scenario with these goals of the operator.
pub(super) fn with_goals(scenario: &Scenario, goals: Vec<PlannedGoal>) -> Scenario {
    Scenario { goals, ..scenario.clone() }
}

/// Fewer clients: those that ask nothing go; then all that is asked, by one, two or three.
pub(super) fn fewer_clients(scenario: &Scenario) -> Vec<Scenario> {
    let Some(operations) = &scenario.operations else { return Vec::new() };
    let renumbered = |number: &dyn Fn(u32) -> u32, clients: u32| {
        let of =
            |operation: &PlannedOperation| PlannedOperation { client: number(operation.client), ..operation.clone() };
        let mut fewer = Scenario { clients, operations: Some(operations.iter().map(of).collect()), ..scenario.clone() };
        for step in &mut fewer.steps {
            if let StepAction::Strike { kind: MixKind::ClientCrash { client: Some(client) }, .. } = &mut step.action {
                *client = number(*client) % clients;
            }
        }
        fewer
    };
    let mut used: Vec<u32> = operations.iter().map(|operation| operation.client).collect();
    used.sort_unstable();
    used.dedup();
    let rank = |client: u32| used.iter().position(|other| *other == client).unwrap_or_default() as u32;
    let ranked = (used.len() as u32).max(1);
    let merged = (1..=3).filter(|clients| *clients < ranked);
    let merged = merged.map(|clients| renumbered(&|client| rank(client) % clients, clients));
    let less = (ranked < scenario.clients).then(|| renumbered(&rank, ranked));
    merged.chain(less).collect()
}

/// Fewer servers. What hurts servers that are gone, or needs them, goes with them.
pub(super) fn fewer_servers(scenario: &Scenario) -> Vec<Scenario> {
    let now = scenario.servers[0];
    let less = |count: u32| {
        let others = scenario.learners + scenario.spares;
        let steps = scenario.steps.iter().filter_map(|step| within(step, count + others)).collect();
        let goals = scenario.goals.iter().filter_map(|goal| goal_within(goal, count + others)).collect();
        Scenario { servers: vec![count], goals, ..with_steps(scenario, steps) }
    };
    let fewer = [1, 2, 3, 4, 5, 7].into_iter().filter(|count| *count < now).map(less);
    let without = (scenario.learners + scenario.spares > 0).then(|| {
        let steps = scenario.steps.iter().filter_map(|step| within(step, now)).collect();
        let goals = scenario.goals.iter().filter_map(|goal| goal_within(goal, now)).collect();
        Scenario { learners: 0, spares: 0, goals, ..with_steps(scenario, steps) }
    });
    fewer.chain(without).collect()
}

/// A goal without servers that do not exist; none if there is nobody left.
fn goal_within(planned: &PlannedGoal, machines: u32) -> Option<PlannedGoal> {
    let exists = |server: &Address| server.0 < machines;
    let existing = |servers: &[Address]| servers.iter().copied().filter(exists).collect::<Vec<_>>();
    let goal = match &planned.goal {
        Goal::Members { voters, learners, style } => {
            let members = Goal::Members { voters: existing(voters), learners: existing(learners), style: *style };
            voters.iter().any(exists).then_some(members)
        }
        Goal::Transfer { to: server } | Goal::Snapshot { of: server } => exists(server).then(|| planned.goal.clone()),
    };
    goal.map(|goal| PlannedGoal { goal, ..planned.clone() })
}

/// A step without servers that do not exist; none if there is nobody left.
fn within(step: &Step, machines: u32) -> Option<Step> {
    let StepAction::Strike { kind, lasting } = &step.action else { return Some(step.clone()) };
    let exists = |node: &NodeId| node.0 < machines;
    let mut kind = kind.clone();
    if let MixKind::CutLinks { links } = &mut kind {
        links.retain(|(from, to)| exists(from) && exists(to));
        if links.is_empty() {
            return None;
        }
    } else if let Some(Who::Nodes(nodes)) = target_of(&mut kind) {
        nodes.retain(exists);
        if nodes.is_empty() {
            return None;
        }
    }
    Some(Step { action: StepAction::Strike { kind, lasting: *lasting }, ..step.clone() })
}

pub(super) fn target_of(kind: &mut MixKind) -> Option<&mut Who> {
    match kind {
        MixKind::Cut { target, .. }
        | MixKind::Link { target }
        | MixKind::Crash { target }
        | MixKind::Pause { target }
        | MixKind::SlowDisk { target, .. }
        | MixKind::Wipe { target }
        | MixKind::ClockStep { target, .. }
        | MixKind::Clog { target, .. }
        | MixKind::CrashAt { target, .. }
        | MixKind::CrashLoop { target, .. }
        | MixKind::SlowServer { target, .. }
        | MixKind::DiskError { target, .. }
        | MixKind::Damage { target, .. }
        | MixKind::ClockFreeze { target } => Some(target),
        MixKind::Messages { from, .. } => from.as_mut(),
        MixKind::Links { .. }
        | MixKind::Partition { .. }
        | MixKind::CutLinks { .. }
        | MixKind::Swizzle
        | MixKind::RollingRestart { .. }
        | MixKind::ClientCrash { .. } => None,
    }
}

/// Everything about servers, links, disks and clocks that can be plainer, one thing at a time; those that matter most first.
pub(super) fn plainer_settings(scenario: &Scenario) -> Vec<Scenario> {
    type Change = fn(&mut Scenario);
    const CHANGES: [Change; 24] = [
        |scenario| scenario.goals.clear(),
        |scenario| scenario.links = LinkProfile { latency: scenario.links.latency, ..plain().links },
        |scenario| scenario.links = LinkProfile { latency: PLAIN_LATENCY, ..plain().links },
        |scenario| {
            let promotion_gap = scenario.replication.promotion_gap;
            scenario.replication = Replication { promotion_gap, ..plain().replication };
        },
        |scenario| scenario.workload.in_flight = plain().workload.in_flight,
        |scenario| scenario.segment_bytes = plain().segment_bytes,
        |scenario| scenario.sessions = plain().sessions,
        |scenario| {
            let (timing, plain) = (scenario.timing, plain().timing);
            scenario.timing = Timing { duration_ns: timing.duration_ns, settle_ns: timing.settle_ns, ..plain };
        },
        |scenario| scenario.links.loss_ppm = 0,
        |scenario| scenario.links.duplicate_ppm = 0,
        |scenario| scenario.links.reorder_ppm = 0,
        |scenario| scenario.links.corrupt_ppm = 0,
        |scenario| (scenario.links.bandwidth, scenario.links.queue_bytes_max) = (0, 0),
        |scenario| scenario.links.latency = PLAIN_LATENCY,
        |scenario| scenario.disks.sync = Latency::constant(500_000),
        |scenario| scenario.disks.crash_keeps = CrashKeeps::Nothing,
        |scenario| scenario.clocks = ClockProfile::default(),
        |scenario| scenario.snapshot_every = None,
        |scenario| scenario.protocol.pre_vote = PreVote::On,
        |scenario| scenario.protocol.quorum_check = QuorumCheck::On,
        |scenario| scenario.workload.duplicate_ppm = 0,
        |scenario| scenario.replication.entries_per_append = 64,
        |scenario| scenario.replication.appends_in_flight = 16,
        |scenario| scenario.racks = 1,
    ];
    let changed = |change: &Change| {
        let mut plainer = scenario.clone();
        change(&mut plainer);
        (plainer != *scenario).then_some(plainer)
    };
    let sooner = [1, 3, 10, 40].into_iter().filter(|every| scenario.snapshot_every.is_some_and(|now| *every < now));
    let snapshots = sooner.map(|every| Scenario { snapshot_every: Some(every), ..scenario.clone() });
    CHANGES.iter().filter_map(changed).chain(snapshots).chain(other_gaps(scenario)).collect()
}

/// Learners that may lack less to be promoted, as long as there are many operations: it takes many for one to lack too much
/// otherwise. Where there are few, as much as usual.
fn other_gaps(scenario: &Scenario) -> Vec<Scenario> {
    let Replication { promotion_gap: gap, .. } = scenario.replication;
    let gaps = if scenario.goals.is_empty() || has_few_operations(scenario) {
        vec![plain().replication.promotion_gap]
    } else {
        [0, 2, 10].into_iter().filter(|smaller| *smaller < gap).collect()
    };
    let with = |promotion_gap| Scenario {
        replication: Replication { promotion_gap, ..scenario.replication },
        ..scenario.clone()
    };
    gaps.into_iter().filter(|other| *other != gap).map(with).collect()
}

/// Snapshots so many times as often; nothing if there are none, or after every entry.
pub(super) fn snapshots_sooner(scenario: &Scenario, times: u32) -> Option<Scenario> {
    let every = scenario.snapshot_every.filter(|every| *every > 1)?;
    Some(Scenario { snapshot_every: Some(every.div_ceil(times)), ..scenario.clone() })
}

/// A scenario that says nothing about itself.
pub(super) fn plain() -> Scenario {
    format::parse("plain", "name = \"plain\"\nsummary = \"Nothing.\"\n").expect("name and summary are all it needs")
}

const PLAIN_LATENCY: Latency = Latency::Uniform { min_ns: 500_000, max_ns: MILLISECOND_NS };

/// The scenario with a plainer form of one of its steps.
pub(super) fn with_plainer_step(scenario: &Scenario, place: usize) -> Vec<Scenario> {
    let with = |step: Step| {
        let mut plainer = scenario.clone();
        plainer.steps[place] = step;
        plainer
    };
    let is_early = |step: &Step| begin_of(step).is_none_or(|begin| begin.0 < scenario.timing.duration_ns);
    plainer_step(&scenario.steps[place]).into_iter().filter(is_early).map(with).collect()
}

/// The scenario with a plainer form of one of its goals.
pub(super) fn with_plainer_goal(scenario: &Scenario, place: usize) -> Vec<Scenario> {
    let with = |goal: PlannedGoal| {
        let mut plainer = scenario.clone();
        plainer.goals[place] = goal;
        plainer
    };
    let is_early = |goal: &PlannedGoal| goal.not_before.0 < scenario.timing.duration_ns;
    plainer_goal(&scenario.goals[place]).into_iter().filter(is_early).map(with).collect()
}

/// The scenario with a plainer form of one of its operations.
pub(super) fn with_plainer_operation(scenario: &Scenario, place: usize) -> Vec<Scenario> {
    let Some(operations) = &scenario.operations else { return Vec::new() };
    let with = |operation: PlannedOperation| {
        let mut operations = operations.clone();
        operations[place] = operation;
        with_operations(scenario, operations)
    };
    plainer_operation(&operations[place]).into_iter().map(with).collect()
}

/// Plainer forms of one step: round times, one server instead of several, one link instead of several.
fn plainer_step(step: &Step) -> Vec<Step> {
    let mut plainer = Vec::new();
    if let Trigger::At(at) = step.trigger {
        let rounded = rounded(at, &[SECOND_NS, 100 * MILLISECOND_NS, 10 * MILLISECOND_NS, MILLISECOND_NS]);
        plainer.extend(rounded.map(|round| Step { trigger: Trigger::At(round), ..step.clone() }));
    }
    if let StepAction::Strike { kind, lasting } = &step.action {
        let with = |kind: MixKind, lasting: Option<Span>| Step {
            action: StepAction::Strike { kind, lasting },
            ..step.clone()
        };
        if let Some(Span { max_ns, .. }) = lasting {
            for round_ns in [SECOND_NS, 100 * MILLISECOND_NS, 10 * MILLISECOND_NS, MILLISECOND_NS] {
                let round = max_ns.next_multiple_of(round_ns);
                if round != *max_ns && round <= 4 * max_ns {
                    plainer.push(with(kind.clone(), Some(exactly(round))));
                }
            }
        }
        if let MixKind::Links { profile } = kind {
            let plainer_links = plainer_links(*profile).into_iter();
            plainer.extend(plainer_links.map(|profile| with(MixKind::Links { profile }, *lasting)));
        }
        if let MixKind::CutLinks { links } = kind {
            let single = links.iter().map(|link| with(MixKind::CutLinks { links: vec![*link] }, *lasting));
            plainer.extend(single.filter(|_| links.len() > 1));
        }
        let mut kind = kind.clone();
        if let Some(Who::Nodes(nodes)) = target_of(&mut kind)
            && nodes.len() > 1
        {
            for node in nodes.clone() {
                let mut one = kind.clone();
                if let Some(target) = target_of(&mut one) {
                    *target = Who::Nodes(vec![node]);
                }
                plainer.push(with(one, *lasting));
            }
        }
    }
    plainer
}

fn plainer_links(profile: LinkProfile) -> Vec<LinkProfile> {
    let plain = LinkProfile { latency: PLAIN_LATENCY, ..plain().links };
    let plainer = [
        LinkProfile { latency: profile.latency, ..plain },
        LinkProfile { loss_ppm: profile.loss_ppm, ..plain },
        LinkProfile { duplicate_ppm: 0, ..profile },
        LinkProfile { reorder_ppm: 0, reorder_ns_max: plain.reorder_ns_max, ..profile },
        LinkProfile { corrupt_ppm: 0, ..profile },
        LinkProfile { bandwidth: 0, queue_bytes_max: 0, ..profile },
        LinkProfile { loss_ppm: 0, ..profile },
    ];
    plainer.into_iter().filter(|plainer| *plainer != profile).collect()
}

/// Plainer forms of one goal of the operator: round times, one change at a time, fewer members.
fn plainer_goal(planned: &PlannedGoal) -> Vec<PlannedGoal> {
    let with = |goal: Goal| PlannedGoal { goal, ..planned.clone() };
    let mut plainer = Vec::new();
    match &planned.goal {
        Goal::Members { voters, learners, style } => {
            let without = |place: usize| {
                let others = voters.iter().enumerate().filter(|(other, _)| *other != place);
                others.map(|(_, voter)| *voter).collect()
            };
            if !learners.is_empty() {
                plainer.push(with(Goal::Members { voters: voters.clone(), learners: Vec::new(), style: *style }));
            }
            if *style == Style::Joint {
                let style = Style::Single;
                plainer.push(with(Goal::Members { voters: voters.clone(), learners: learners.clone(), style }));
            }
            if voters.len() > 1 {
                let learners = || learners.clone();
                let fewer = (0..voters.len()).map(without);
                plainer.extend(fewer.map(|voters| with(Goal::Members { voters, learners: learners(), style: *style })));
            }
        }
        Goal::Transfer { .. } | Goal::Snapshot { .. } => {}
    }
    let rounded = rounded(planned.not_before, &[SECOND_NS, 100 * MILLISECOND_NS, 10 * MILLISECOND_NS, MILLISECOND_NS]);
    plainer.extend(rounded.map(|not_before| PlannedGoal { not_before, ..planned.clone() }));
    plainer
}

/// The round times next to a time, those that are roundest first.
fn rounded(at: Instant, rounds_ns: &[u64]) -> impl Iterator<Item = Instant> {
    let round = move |round_ns: &u64| Instant((at.0 + round_ns / 2) / round_ns * round_ns);
    rounds_ns.iter().map(round).filter(move |round| *round != at)
}

/// Plainer forms of one operation: through the log, a round time, a put or a get of the same key.
fn plainer_operation(operation: &PlannedOperation) -> Vec<PlannedOperation> {
    let with = |planned: Planned| PlannedOperation { planned, ..operation.clone() };
    let planned = &operation.planned;
    let mut plainer = Vec::new();
    let key = match &planned.operation {
        Operation::Append { key, .. } | Operation::Delete { key } | Operation::CompareAndSwap { key, .. } => {
            Some((key, true))
        }
        Operation::GetRevision { key } => Some((key, false)),
        Operation::Get { .. }
        | Operation::Put { .. }
        | Operation::Range { .. }
        | Operation::Transaction { .. }
        | Operation::Batch(_) => None,
    };
    if let Some((key, writes)) = key {
        let key = Arc::clone(key);
        let operation = if writes { Operation::Put { key, value: "v".into() } } else { Operation::Get { key } };
        plainer.push(with(Planned { operation, path: Path::Log, ..planned.clone() }));
    }
    if planned.path != Path::Log {
        plainer.push(with(Planned { path: Path::Log, ..planned.clone() }));
    }
    for round_ns in [100 * MILLISECOND_NS, 10 * MILLISECOND_NS, MILLISECOND_NS] {
        let round = Instant(planned.not_before.0 / round_ns * round_ns);
        if round != planned.not_before {
            plainer.push(with(Planned { not_before: round, ..planned.clone() }));
        }
    }
    plainer
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog;
    use crate::run::{self, CheckSwitch, Options};
    use crate::scenario::write;
    use crate::search::lineage::Lineage;
    use crate::shrink::repro;

    #[test]
    fn with_fewer_servers_a_scenario_is_still_one() {
        let mut without_goals = 0;
        for name in ["deluge", "membership", "remove-leader"] {
            let whole = catalog::find(name).expect("it is in the catalog");
            let run = run::run(&whole, 1, &Options { checks: CheckSwitch::Off, ..Options::default() });
            let whole = repro::of(&whole, &Lineage::of(1), &run, None);
            for fewer in fewer_servers(&whole) {
                without_goals += u32::from(fewer.goals.len() < whole.goals.len());
                let read = format::parse("fewer.toml", &write(&fewer));
                assert_eq!(read.map(|_| ()).map_err(|error| error.to_string()), Ok(()), "{name} {:?}", fewer.servers);
            }
        }
        assert!(without_goals > 0, "goals about servers that are gone are gone");
    }

    #[test]
    fn nothing_is_rounded_behind_the_end() {
        let text = "name = \"x\"\nsummary = \"y\"\n[cluster]\nservers = 3\n[timing]\nduration = \"300ms\"\n\
                    [[steps]]\nat = \"298ms\"\ndo = \"crash\"\ntarget = [0]\nlasting = \"10ms\"\n\
                    [[goals]]\nat = \"298ms\"\ndo = \"transfer\"\nserver = 1\n";
        let scenario = format::parse("x.toml", text).expect("a scenario");
        let plainer = [with_plainer_step(&scenario, 0), with_plainer_goal(&scenario, 0)].concat();
        assert!(!plainer.is_empty());
        for plainer in plainer {
            assert!(format::parse("plainer.toml", &write(&plainer)).is_ok(), "{}", write(&plainer));
        }
    }
}
