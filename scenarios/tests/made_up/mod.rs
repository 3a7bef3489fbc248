//! Scenarios made up at random, such that a file could say the same.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use whitewater_kv::command::{Compare, Condition};
use whitewater_kv::operator::Goal;
use whitewater_kv::{Address, Operation};
use whitewater_scenarios::generate::{Path, Planned, PlannedGoal};
use whitewater_scenarios::probes::COUNT;
use whitewater_scenarios::scenario::format::parse;
use whitewater_scenarios::scenario::{
    Bursts, Expectation, FaultMix, Fingerprint, Hot, Load, Mix, MixKind, OperatorKind, OperatorMix, PlannedOperation,
    Reads, Scenario, Span, Step, StepAction, Swarm, SwarmSettings, Way, Who,
};
use whitewater_scenarios::search::lineage::{Change, Lineage};
use whitewater_sim::fault::{CrashPoint, Damage, Direction, DiskFailure, Filter, Reach, Shape};
use whitewater_sim::plan::{Edge, Quantity, Trigger};
use whitewater_sim::{Check, Instant, Latency, LinkProfile, NodeId, ProbeId};

const SECOND_NS: u64 = 1_000_000_000;
const DURATION_NS: u64 = 20 * SECOND_NS;

/// Spans of time as people choose them, and odd ones.
fn time(least_ns: u64, most_ns: u64) -> impl Strategy<Value = u64> {
    prop_oneof![least_ns..=most_ns, (least_ns.div_ceil(1_000_000)..=most_ns / 1_000_000).prop_map(|ms| ms * 1_000_000),]
}

fn span(least_ns: u64, most_ns: u64) -> impl Strategy<Value = Span> {
    (time(least_ns, most_ns), time(least_ns, most_ns))
        .prop_map(|(one, other)| Span { min_ns: one.min(other), max_ns: one.max(other) })
}

fn latency() -> impl Strategy<Value = Latency> {
    let ends = || span(1, SECOND_NS).prop_map(|span| (span.min_ns, span.max_ns));
    prop_oneof![
        ends().prop_map(|(min_ns, max_ns)| Latency::Uniform { min_ns, max_ns }),
        time(1, SECOND_NS).prop_map(Latency::constant),
        ends().prop_map(|(min_ns, mean_ns)| Latency::Exponential { min_ns, mean_ns }),
        ends().prop_map(|(min_ns, max_ns)| Latency::LongTail { min_ns, max_ns }),
        (ends(), ends(), chance()).prop_map(|(usual_ns, other_ns, other_ppm)| Latency::Bimodal {
            usual_ns,
            other_ns,
            other_ppm
        }),
    ]
}

fn chance() -> impl Strategy<Value = u32> {
    prop_oneof![Just(0), Just(1_000_000), (0..=100_u32).prop_map(|percent| percent * 10_000), 0..=1_000_000_u32]
}

fn nodes(most: usize) -> impl Strategy<Value = Vec<NodeId>> {
    proptest::sample::subsequence((0..3).map(NodeId).collect::<Vec<_>>(), 1..=most)
}

fn who() -> impl Strategy<Value = Who> {
    prop_oneof![
        one_server(),
        Just(Who::Minority),
        Just(Who::LeaderAndMinority),
        Just(Who::All),
        Just(Who::MajorityWithoutLeader),
        Just(Who::Rack),
        nodes(3).prop_map(Who::Nodes),
    ]
}

fn one_server() -> impl Strategy<Value = Who> {
    prop_oneof![
        Just(Who::Leader),
        Just(Who::Follower),
        Just(Who::Random),
        Just(Who::LastCrashed),
        nodes(1).prop_map(Who::Nodes),
    ]
}

fn links() -> impl Strategy<Value = LinkProfile> {
    (latency(), chance(), chance(), chance(), time(0, SECOND_NS), chance(), 0..1_u64 << 30, 0..1_u64 << 30).prop_map(
        |(latency, loss_ppm, duplicate_ppm, reorder_ppm, reorder_ns_max, corrupt_ppm, bandwidth, queue_bytes_max)| {
            LinkProfile {
                latency,
                loss_ppm,
                duplicate_ppm,
                reorder_ppm,
                reorder_ns_max,
                corrupt_ppm,
                bandwidth,
                queue_bytes_max,
            }
        },
    )
}

fn filter() -> impl Strategy<Value = Filter> {
    (1..1_u64 << 17, 1..1_000_000_u32, chance(), chance(), chance(), latency(), option::of(any::<u16>())).prop_map(
        |(kinds, loss_ppm, duplicate_ppm, corrupt_ppm, delay_ppm, delay, draws)| Filter {
            kinds,
            loss_ppm,
            duplicate_ppm,
            corrupt_ppm,
            delay_ppm,
            delay: if delay_ppm == 0 { Latency::constant(0) } else { delay },
            draws,
        },
    )
}

const POINTS: [CrashPoint; 5] = [
    CrashPoint::BeforeWrite,
    CrashPoint::AfterWrite,
    CrashPoint::AfterAskingForSync,
    CrashPoint::AfterSync,
    CrashPoint::AfterSend,
];

/// What strikes once, and takes no disk away.
fn kind() -> impl Strategy<Value = MixKind> {
    let direction = select(&[Direction::Both, Direction::Outgoing, Direction::Incoming][..]);
    let reach = select(&[Reach::Servers, Reach::Everyone][..]);
    let shape = select(&[Shape::Halves, Shape::Bridge, Shape::Ring, Shape::Random][..]);
    let failure = select(&[DiskFailure::Read, DiskFailure::Write, DiskFailure::Sync, DiskFailure::Full][..]);
    let ends = select(&[(0, 1), (1, 0), (2, 1), (0, 2)][..]).prop_map(|(from, to)| (NodeId(from), NodeId(to)));
    prop_oneof![
        (who(), direction.clone(), reach.clone()).prop_map(|(target, direction, reach)| MixKind::Cut {
            target,
            direction,
            reach
        }),
        (who(), direction, reach).prop_map(|(target, direction, reach)| MixKind::Clog { target, direction, reach }),
        who().prop_map(|target| MixKind::Link { target }),
        who().prop_map(|target| MixKind::Crash { target }),
        who().prop_map(|target| MixKind::Pause { target }),
        who().prop_map(|target| MixKind::ClockFreeze { target }),
        links().prop_map(|profile| MixKind::Links { profile }),
        (who(), 2..1000_u32).prop_map(|(target, factor)| MixKind::SlowDisk { target, factor }),
        (who(), span(1, SECOND_NS), select(&[Way::Forward, Way::Backward, Way::Either][..]))
            .prop_map(|(target, by, way)| MixKind::ClockStep { target, by, way }),
        shape.prop_map(|shape| MixKind::Partition { shape }),
        ends.prop_map(|ends| MixKind::CutLinks { links: vec![ends, (NodeId(1), NodeId(2))] }),
        (option::of(who()), filter()).prop_map(|(from, filter)| MixKind::Messages { from, filter }),
        (who(), select(&POINTS[..]), 0..1000_u32, span(1, SECOND_NS))
            .prop_map(|(target, point, skip_max, down)| MixKind::CrashAt { target, point, skip_max, down }),
        (who(), latency()).prop_map(|(target, service)| MixKind::SlowServer { target, service }),
        (who(), failure).prop_map(|(target, failure)| MixKind::DiskError { target, failure }),
        Just(MixKind::ClientCrash { client: None }),
    ]
}

fn several_times() -> impl Strategy<Value = MixKind> {
    prop_oneof![
        Just(MixKind::Swizzle),
        (who(), 2..100_u32, span(0, SECOND_NS)).prop_map(|(target, times, up)| MixKind::CrashLoop {
            target,
            times,
            up
        }),
        span(0, SECOND_NS).prop_map(|gap| MixKind::RollingRestart { gap }),
    ]
}

fn takes_a_disk() -> impl Strategy<Value = MixKind> {
    let damage = select(&[Damage::Rot, Damage::Misdirected, Damage::Phantom][..]);
    prop_oneof![
        one_server().prop_map(|target| MixKind::Wipe { target }),
        (one_server(), damage).prop_map(|(target, damage)| MixKind::Damage { target, damage }),
    ]
}

fn mix() -> impl Strategy<Value = FaultMix> {
    (prop_oneof![5 => kind(), 1 => several_times()], span(100_000_000, 10 * SECOND_NS), span(1, SECOND_NS)).prop_map(
        |(kind, every, lasting)| {
            let stays = matches!(kind, MixKind::ClockStep { .. });
            FaultMix { kind, every, lasting: if stays { Span { min_ns: 1, max_ns: 1 } } else { lasting } }
        },
    )
}

fn probe() -> impl Strategy<Value = ProbeId> {
    (0..COUNT as u16).prop_map(ProbeId)
}

fn trigger() -> impl Strategy<Value = Trigger> {
    prop_oneof![
        Just(Trigger::Now),
        time(0, DURATION_NS - 1).prop_map(|ns| Trigger::At(Instant(ns))),
        Just(Trigger::Leader),
        Just(Trigger::NewLeader),
        Just(Trigger::Converged),
        (1..u64::MAX).prop_map(Trigger::Commits),
        (1..100_u64).prop_map(Trigger::Answers),
        (1..100_u64).prop_map(Trigger::Crashes),
        (probe(), 1..100_u64).prop_map(|(probe, hits)| Trigger::Probe(probe, hits)),
    ]
}

/// Steps of which each refers to some before it: what is drawn is taken modulo how many there are.
fn steps() -> impl Strategy<Value = Vec<Step>> {
    let action = prop_oneof![
        4 => (prop_oneof![6 => kind(), 1 => takes_a_disk()], option::of(span(1, SECOND_NS)))
            .prop_map(|(kind, lasting)| {
                let stays = matches!(kind, MixKind::ClockStep { .. });
                StepAction::Strike { kind, lasting: if stays { None } else { lasting } }
            }),
        1 => any::<usize>().prop_map(|step| StepAction::End { step }),
        1 => Just(StepAction::EndAll),
        1 => Just(StepAction::Mark),
    ];
    vec((any::<bool>(), option::of(any::<usize>()), trigger(), span(0, SECOND_NS), action), 0..6).prop_map(|drawn| {
        let mut steps: Vec<Step> = Vec::new();
        for (place, (is_named, follows, trigger, wait, action)) in drawn.into_iter().enumerate() {
            let strikes: Vec<usize> =
                (0..place).filter(|step| matches!(steps[*step].action, StepAction::Strike { .. })).collect();
            let action = match action {
                StepAction::End { .. } if strikes.is_empty() => StepAction::Mark,
                StepAction::End { step } => StepAction::End { step: strikes[step % strikes.len()] },
                other @ (StepAction::Strike { .. } | StepAction::EndAll | StepAction::Mark) => other,
            };
            let follows = follows.filter(|_| place > 0).map(|step| step % place);
            steps.push(Step { name: is_named.then(|| format!("step-{place}")), follows, trigger, wait, action });
        }
        steps
    })
}

fn expectation() -> impl Strategy<Value = Expectation> {
    let edge = || {
        prop_oneof![
            time(0, SECOND_NS).prop_map(|after_ns| Edge::Healed { after_ns }),
            (any::<usize>(), time(0, SECOND_NS)).prop_map(|(step, after_ns)| Edge::Step { step, after_ns }),
        ]
    };
    let quantity = prop_oneof![
        select(
            &[
                Quantity::Commits,
                Quantity::Answers,
                Quantity::Messages,
                Quantity::Bytes,
                Quantity::Leaders,
                Quantity::Led,
                Quantity::DiskBytes
            ][..]
        ),
        probe().prop_map(Quantity::Probe),
    ];
    let from = prop_oneof![time(0, SECOND_NS).prop_map(|after_ns| Edge::Start { after_ns }), edge()];
    let until = prop_oneof![
        Just(Edge::End),
        time(SECOND_NS, DURATION_NS).prop_map(|after_ns| Edge::Start { after_ns }),
        edge()
    ];
    let most = prop_oneof![Just(u64::MAX), 0..100_u64];
    (from, until, quantity, 0..100_u64, most).prop_map(|(from, until, quantity, one, other)| Expectation {
        from,
        until,
        quantity,
        at_least: one.min(other),
        at_most: one.max(other),
    })
}

fn word() -> impl Strategy<Value = std::sync::Arc<str>> {
    prop_oneof!["[a-z][0-9]?", "(missing|at|anything|is|then|v1-2|a\\.b|)", "\\PC{0,5}", ".{0,4}"].prop_map(Into::into)
}

fn single() -> impl Strategy<Value = Operation> {
    prop_oneof![
        word().prop_map(|key| Operation::Get { key }),
        (word(), word()).prop_map(|(key, value)| Operation::Put { key, value }),
        (word(), word()).prop_map(|(key, value)| Operation::Append { key, value }),
        word().prop_map(|key| Operation::Delete { key }),
        (word(), option::of(word()), word()).prop_map(|(key, expected, new)| Operation::CompareAndSwap {
            key,
            expected,
            new
        }),
        word().prop_map(|key| Operation::GetRevision { key }),
        (word(), option::of(word()), 0..=1000_u32).prop_map(|(from, to, limit)| Operation::Range { from, to, limit }),
    ]
}

/// Any operation that a client could ask for.
fn operation() -> impl Strategy<Value = Operation> {
    let condition = prop_oneof![
        word().prop_map(Condition::Value),
        Just(Condition::Present),
        Just(Condition::Missing),
        any::<u64>().prop_map(Condition::Revision),
    ];
    let compare = (word(), condition).prop_map(|(key, condition)| Compare { key, condition });
    prop_oneof![
        4 => single(),
        1 => vec(single(), 0..4).prop_map(Operation::Batch),
        1 => (vec(compare, 0..3), vec(single(), 0..3), vec(single(), 0..3))
            .prop_map(|(compare, then, otherwise)| Operation::Transaction { compare, then, otherwise }),
    ]
}

const PATHS: [Path; 4] = [Path::Log, Path::Quorum, Path::Lease, Path::AnyServer];

fn planned() -> impl Strategy<Value = PlannedOperation> {
    let begin = (time(0, DURATION_NS), option::of(time(0, DURATION_NS)));
    (0..5_u32, begin, prop_oneof![Just(u64::MAX), time(0, DURATION_NS)], operation(), select(&PATHS[..])).prop_map(
        |(client, (time, think_ns), later, operation, path)| {
            let not_before = if think_ns.is_some() { 0 } else { time };
            let not_after = if later == u64::MAX { later } else { not_before + later };
            let path = if operation.only_reads() { path } else { Path::Log };
            let planned = Planned { not_before: Instant(not_before), not_after: Instant(not_after), operation, path };
            PlannedOperation { client, planned, think_ns }
        },
    )
}

fn weights() -> impl Strategy<Value = Mix> {
    (1..9_u32, vec(0..3_u32, 7)).prop_map(|(get, others)| Mix {
        get,
        put: others[0],
        append: others[1],
        delete: others[2],
        compare_and_swap: others[3],
        range: others[4],
        transaction: others[5],
        batch: others[6],
    })
}

fn operator() -> impl Strategy<Value = OperatorMix> {
    let kind = select(&[OperatorKind::Transfer, OperatorKind::ForceSnapshot][..]);
    let never = Span { min_ns: u64::MAX / 2, max_ns: u64::MAX / 2 };
    let every =
        prop_oneof![5 => span(50_000_000, SECOND_NS), 1 => Just(never), 1 => span(SECOND_NS, 3_600_000 * SECOND_NS)];
    (kind, every).prop_map(|(kind, every)| OperatorMix { kind, every })
}

/// A goal of the operator in a cluster of three servers. None of them changes the membership: disks may be lost.
fn goal() -> impl Strategy<Value = PlannedGoal> {
    let goal = prop_oneof![
        (0..3_u32).prop_map(|server| Goal::Transfer { to: Address(server) }),
        (0..3_u32).prop_map(|server| Goal::Snapshot { of: Address(server) }),
    ];
    (time(0, DURATION_NS - 1), goal).prop_map(|(at_ns, goal)| PlannedGoal { not_before: Instant(at_ns), goal })
}

type Workload = (Option<Span>, Option<Hot>, Option<Bursts>, u32, u32, Vec<Load>, Mix, [u32; 3]);

fn workload() -> impl Strategy<Value = Workload> {
    let hot = (1..10_u32, chance()).prop_map(|(keys, share_ppm)| Hot { keys, share_ppm });
    let bursts = (span(10_000_000, SECOND_NS), span(10_000_000, SECOND_NS), 2..9_u32)
        .prop_map(|(every, lasting, factor)| Bursts { every, lasting, factor });
    let load = (time(0, SECOND_NS), time(0, SECOND_NS), 1..50_u32, option::of(weights()), 0..100_u32).prop_map(
        |(at_ns, over_ns, operations, mix, value_bytes)| Load { at_ns, over_ns, operations, mix, value_bytes },
    );
    let reads = [0..3_u32, 0..3_u32, 0..3_u32];
    (
        option::of(span(10_000_000, SECOND_NS)),
        option::of(hot),
        option::of(bursts),
        0..1000_u32,
        chance(),
        vec(load, 0..3),
        weights(),
        reads,
    )
}

type Names = (Vec<String>, String, Vec<ProbeId>, Option<Lineage>, Option<Fingerprint>, Option<Swarm>);

fn lineage() -> impl Strategy<Value = Lineage> {
    let seed = prop_oneof![0..100_u64, any::<u64>()];
    let anew = option::of(any::<u64>());
    (seed, anew, vec((1..1000_u32, 0..9_u32), 0..3)).prop_map(|(seed, anew, drawn)| {
        let mut at_ms = 0;
        let mut later = |(after_ms, number)| {
            at_ms += after_ms;
            Change { at_ms, number }
        };
        let changes = drawn.into_iter().map(&mut later).collect();
        Lineage { seed, anew, changes }
    })
}

fn names() -> impl Strategy<Value = Names> {
    let failure = (select(&Check::ALL[..]), vec("[a-z]{1,5}", 0..3), "\\PC{0,20}")
        .prop_map(|(check, operations, position)| Fingerprint { check, operations, position });
    let settings = select(&[SwarmSettings::Drawn, SwarmSettings::Fixed][..]);
    let swarm = (chance(), 1..100_u32, settings).prop_map(|(on_ppm, strength_max, settings)| Swarm {
        on_ppm,
        strength_max,
        settings,
    });
    let reaches = proptest::sample::subsequence((0..COUNT as u16).map(ProbeId).collect::<Vec<_>>(), 0..4);
    (
        vec("[A-Za-z0-9][A-Za-z0-9 -]{0,20}", 0..3),
        ".{0,60}",
        reaches,
        option::of(lineage()),
        option::of(failure),
        option::of(swarm),
    )
}

/// A scenario of small size.
pub(crate) fn scenario() -> impl Strategy<Value = Scenario> {
    let operated = (vec(operator(), 0..2), vec(goal(), 0..3));
    let data = (vec(mix(), 0..4), steps(), vec(expectation(), 0..3), operated);
    (names(), workload(), data, links(), option::of(vec(planned(), 0..4))).prop_map(
        |(names, workload, (faults, steps, expectations, (operator, goals)), links, operations)| {
            let text = "name = \"made-up\"\nsummary = \"\"\n[cluster]\nservers = 3\nracks = 2\n";
            let mut scenario = parse("made-up.toml", text).expect("a scenario");
            scenario.timing.duration_ns = DURATION_NS;
            (scenario.aliases, scenario.summary, scenario.reaches) = (names.0, names.1, names.2);
            (scenario.seed, scenario.failure, scenario.swarm) = (names.3, names.4, names.5);
            let (think, hot, bursts, value_bytes, duplicate_ppm, loads, mix, [log, quorum, any_server]) = workload;
            // Clocks may do what reads by lease cannot stand.
            let reads = Reads { log: log + 1, quorum, lease: 0, any_server };
            let workload = &mut scenario.workload;
            (workload.think, workload.hot, workload.loads) = (think, hot, loads);
            workload.bursts = bursts.filter(|_| think.is_none());
            (workload.value_bytes, workload.duplicate_ppm) = (value_bytes, duplicate_ppm);
            (workload.mix, workload.reads) = (mix, reads);
            scenario.links = links;
            scenario.expectations = expectations.into_iter().map(|expectation| grounded(expectation, &steps)).collect();
            (scenario.faults, scenario.steps, scenario.operator) = (faults, steps, operator);
            (scenario.goals, scenario.operations) = (goals, operations);
            scenario
        },
    )
}

/// The expectation, about steps that there are.
fn grounded(expectation: Expectation, steps: &[Step]) -> Expectation {
    let edge = |edge: Edge| match edge {
        Edge::Step { after_ns, .. } if steps.is_empty() => Edge::Healed { after_ns },
        Edge::Step { step, after_ns } => Edge::Step { step: step % steps.len(), after_ns },
        Edge::Start { .. } | Edge::Healed { .. } | Edge::End => edge,
    };
    Expectation { from: edge(expectation.from), until: edge(expectation.until), ..expectation }
}
