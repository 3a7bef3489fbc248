//! The faults of the network, tried on the store: it survives all of them, and none of them is without an effect.

use whitewater_kv::Message;
use whitewater_kv::wire::KINDS;
use whitewater_reports::model::{FaultCount, Verdict};
use whitewater_scenarios::run::{Options, run};
use whitewater_scenarios::scenario::{FaultMix, MixKind, Scenario, Span, Who};
use whitewater_scenarios::systems::raft_kv::Wire;
use whitewater_scenarios::{catalog, faults};
use whitewater_sim::fault::{Direction, Filter, Reach, Shape};
use whitewater_sim::time::{MILLISECOND_NS, SECOND_NS};
use whitewater_sim::{Latency, Message as _};

const FILTER: Filter = Filter {
    kinds: 0,
    loss_ppm: 0,
    duplicate_ppm: 0,
    corrupt_ppm: 0,
    delay_ppm: 0,
    delay: Latency::Uniform { min_ns: MILLISECOND_NS, max_ns: 300 * MILLISECOND_NS },
    draws: None,
};

fn calm() -> Scenario {
    let mut scenario = catalog::find("calm").expect("it is in the catalog");
    scenario.servers = vec![5];
    scenario.timing.duration_ns = 5 * SECOND_NS;
    scenario
}

fn mix(kind: MixKind) -> FaultMix {
    let span = |milliseconds| Span { min_ns: milliseconds * MILLISECOND_NS, max_ns: 3 * milliseconds * MILLISECOND_NS };
    FaultMix { kind, every: span(200), lasting: span(300) }
}

/// Every run passes, and every fault struck and mattered in some run.
fn survives(scenario: &Scenario) {
    let mut sums = vec![(0, 0); faults::names(scenario).len()];
    for seed in 0..6 {
        let record = run(scenario, seed, &Options::default()).record;
        assert_eq!(record.verdict, Verdict::Pass, "seed {seed}");
        for FaultCount { fault, fired, effects, .. } in record.faults {
            let (all_fired, all_effects) = &mut sums[usize::from(fault)];
            *all_fired += fired;
            *all_effects += effects;
        }
    }
    for (name, (fired, effects)) in faults::names(scenario).iter().zip(&sums) {
        assert!(*fired > 0 && *effects > 0, "{name}: {fired} fired, {effects} with an effect");
    }
    assert!(!sums.is_empty());
}

fn kinds(names: &[&str]) -> u64 {
    let bit = |name: &&str| KINDS.iter().position(|kind| kind == name).expect("there is such a kind");
    names.iter().map(|name| 1 << bit(name)).sum()
}

#[test]
fn clogs_and_partitions_of_every_shape() {
    let clog = |target, direction, reach| mix(MixKind::Clog { target, direction, reach });
    let mut scenario = calm();
    scenario.faults = vec![
        clog(Who::Leader, Direction::Both, Reach::Everyone),
        clog(Who::Minority, Direction::Incoming, Reach::Servers),
        mix(MixKind::Swizzle),
    ];
    survives(&scenario);
    let shapes = [Shape::Halves, Shape::Bridge, Shape::Ring, Shape::Random];
    scenario.faults = shapes.map(|shape| mix(MixKind::Partition { shape })).into();
    survives(&scenario);
}

#[test]
fn messages_that_fare_worse_by_their_kind() {
    let messages = |from, filter| mix(MixKind::Messages { from, filter });
    let mut scenario = calm();
    scenario.faults = vec![
        messages(None, Filter { kinds: kinds(&["append"]), delay_ppm: 200_000, ..FILTER }),
        messages(Some(Who::Follower), Filter { kinds: kinds(&["append-reply"]), loss_ppm: 900_000, ..FILTER }),
        messages(None, Filter { kinds: kinds(&["request", "reply"]), duplicate_ppm: 500_000, ..FILTER }),
        messages(Some(Who::Leader), Filter { kinds: u64::MAX, corrupt_ppm: 300_000, ..FILTER }),
    ];
    survives(&scenario);
}

/// The codec refuses every message with a wrong bit: what is delivered is what was sent.
#[test]
fn wrong_bits_narrow_links_and_short_queues() {
    let mut scenario = calm();
    scenario.links.corrupt_ppm = 50_000;
    scenario.links.bandwidth = 20_000;
    scenario.links.queue_bytes_max = 200;
    survives(&scenario);
}

#[test]
fn no_draw_makes_a_bit_wrong_that_the_codec_does_not_notice() {
    let wire = Wire(Message::Request(b"a command".to_vec().into()));
    let step = u64::MAX / 10_000;
    assert!((0..10_000).all(|draw| wire.corrupted(draw * step).is_none()));
    assert_eq!((KINDS[usize::from(wire.kind())], wire.size_bytes()), ("request", 19));
}
