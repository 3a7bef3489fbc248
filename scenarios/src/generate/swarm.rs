//! Swarm testing (Groce et al., "Swarm Testing", ISSTA 2012): each seed draws which parts of a scenario take part in its run,
//! and how strongly.
//!
//! A run with everything on reaches fewer situations than many runs with something off each: faults get in each other's
//! way. Each part draws from a stream of its own, so leaving one out changes no other. What it simplifies: parts are on or
//! off for the whole run.

use std::borrow::Cow;

use whitewater_raft::config::PreVote;
use whitewater_sim::disk::CrashKeeps;
use whitewater_sim::rng::{PPM, Purpose, RunKey, Stream};

use crate::scenario::{Mix, Reads, Scenario, Span, Swarm, SwarmSettings};

/// The places of the streams: of the network, the clocks and the settings, then of the actions of the operator, then of the
/// fault mixes.
const NETWORK: u32 = 0;
const CLOCKS: u32 = 1;
const SETTINGS: u32 = 2;
const OPERATOR: u32 = 1 << 8;
const FAULTS: u32 = 1 << 16;

/// Longer than any run. What is off stays in its place, because draws and counts go by places, and never strikes.
const NEVER: Span = Span { min_ns: u64::MAX / 2, max_ns: u64::MAX / 2 };

/// The scenario of one seed: the same for every seed, unless the scenario is a swarm.
#[must_use]
pub fn drawn(scenario: &Scenario, seed: u64) -> Cow<'_, Scenario> {
    let Some(swarm) = scenario.swarm else { return Cow::Borrowed(scenario) };
    let key = RunKey::new(seed);
    let mut drawn = Scenario { swarm: None, ..scenario.clone() };
    network(&mut drawn, swarm, &mut key.stream(Purpose::Swarm, NETWORK));
    clocks(&mut drawn, swarm, &mut key.stream(Purpose::Swarm, CLOCKS));
    match swarm.settings {
        SwarmSettings::Drawn => settings(&mut drawn, &mut key.stream(Purpose::Swarm, SETTINGS)),
        SwarmSettings::Fixed => {}
    }
    for (action, place) in drawn.operator.iter_mut().zip(OPERATOR..) {
        let mut stream = key.stream(Purpose::Swarm, place);
        let is_on = stream.chance(swarm.on_ppm);
        action.every = if is_on { scaled(action.every, swarm, &mut stream) } else { NEVER };
    }
    for (mix, place) in drawn.faults.iter_mut().zip(FAULTS..) {
        let mut stream = key.stream(Purpose::Swarm, place);
        let is_on = stream.chance(swarm.on_ppm);
        mix.every = if is_on { scaled(mix.every, swarm, &mut stream) } else { NEVER };
        mix.lasting = scaled(mix.lasting, swarm, &mut stream);
    }
    Cow::Owned(drawn)
}

fn network(drawn: &mut Scenario, swarm: Swarm, stream: &mut Stream) {
    let links = &mut drawn.links;
    for chance in [&mut links.loss_ppm, &mut links.duplicate_ppm, &mut links.reorder_ppm, &mut links.corrupt_ppm] {
        let is_on = stream.chance(swarm.on_ppm);
        let factor = factor(swarm, stream);
        // More than a half of everything would be no network.
        *chance = if is_on { factor.of(u64::from(*chance)).min(u64::from(PPM / 2)) as u32 } else { 0 };
    }
    for limit in [&mut links.bandwidth, &mut links.queue_bytes_max] {
        if !stream.chance(swarm.on_ppm) {
            *limit = 0;
        }
    }
}

fn clocks(drawn: &mut Scenario, swarm: Swarm, stream: &mut Stream) {
    if !stream.chance(swarm.on_ppm) {
        drawn.clocks.skew_ns_max = 0;
    }
    if !stream.chance(swarm.on_ppm) {
        drawn.clocks.drift_ppm_max = 0;
    }
}

/// Sizes and rates. Half of the seeds keep each as it is.
fn settings(drawn: &mut Scenario, stream: &mut Stream) {
    let replication = &mut drawn.replication;
    vary(&mut replication.entries_per_append, &[1, 2, 8], stream);
    vary(&mut replication.appends_in_flight, &[1, 2, 4], stream);
    vary(&mut replication.entries_kept, &[0, 5, 20], stream);
    vary(&mut drawn.snapshot_every, &[None, Some(10), Some(40), Some(200)], stream);
    vary(&mut drawn.disks.crash_keeps, &[CrashKeeps::Nothing, CrashKeeps::Prefix, CrashKeeps::Subset], stream);
    vary(&mut drawn.protocol.pre_vote, &[PreVote::Off, PreVote::On, PreVote::On], stream);
    let workload = &mut drawn.workload;
    let keys = workload.keys;
    vary(&mut workload.keys, &[1, 2.min(keys), 5.min(keys)], stream);
    let rate = workload.rate;
    vary(&mut workload.rate, &[(rate / 2).max(1), (rate / 5).max(1)], stream);
    vary(&mut workload.in_flight, &[1, 2], stream);
    workload.mix = some_of_mix(workload.mix, stream);
    workload.reads = some_of_reads(workload.reads, stream);
}

/// Every second time one of these instead.
fn vary<T: Copy>(value: &mut T, others: &[T], stream: &mut Stream) {
    let choice = stream.below(2 * others.len() as u64) as usize;
    if let Some(other) = others.get(choice) {
        *value = *other;
    }
}

fn some_of_mix(mix: Mix, stream: &mut Stream) -> Mix {
    let mut weight = |weight: u32| some_of(weight, stream);
    let some = Mix {
        get: weight(mix.get),
        put: weight(mix.put),
        append: weight(mix.append),
        delete: weight(mix.delete),
        compare_and_swap: weight(mix.compare_and_swap),
        range: weight(mix.range),
        transaction: weight(mix.transaction),
        batch: weight(mix.batch),
    };
    let Mix { get, put, append, delete, compare_and_swap, range, transaction, batch } = some;
    if get + put + append + delete + compare_and_swap + range + transaction + batch == 0 { mix } else { some }
}

fn some_of_reads(reads: Reads, stream: &mut Stream) -> Reads {
    let mut weight = |weight: u32| some_of(weight, stream);
    let some = Reads {
        log: weight(reads.log),
        quorum: weight(reads.quorum),
        lease: weight(reads.lease),
        any_server: weight(reads.any_server),
    };
    let Reads { log, quorum, lease, any_server } = some;
    if log + quorum + lease + any_server == 0 { reads } else { some }
}

/// None of it, as much, or more.
fn some_of(weight: u32, stream: &mut Stream) -> u32 {
    weight * [0, 1, 1, 4][stream.below(4) as usize]
}

/// A whole number of times as much, or as little.
#[derive(Clone, Copy)]
enum Factor {
    Times(u64),
    Part(u64),
}

impl Factor {
    fn of(self, value: u64) -> u64 {
        match self {
            Factor::Times(factor) => value.saturating_mul(factor),
            Factor::Part(factor) => value / factor,
        }
    }
}

fn factor(swarm: Swarm, stream: &mut Stream) -> Factor {
    let factor = stream.between(1, u64::from(swarm.strength_max));
    if stream.chance(PPM / 2) { Factor::Times(factor) } else { Factor::Part(factor) }
}

fn scaled(span: Span, swarm: Swarm, stream: &mut Stream) -> Span {
    let factor = factor(swarm, stream);
    Span { min_ns: factor.of(span.min_ns).max(1), max_ns: factor.of(span.max_ns).max(1) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog;

    const SWARM: Swarm = Swarm { on_ppm: PPM / 2, strength_max: 4, settings: SwarmSettings::Drawn };

    fn storms() -> Vec<Scenario> {
        let storm = Scenario { swarm: Some(SWARM), ..catalog::find("storm").expect("it is in the catalog") };
        (0..400).map(|seed| drawn(&storm, seed).into_owned()).collect()
    }

    #[test]
    fn a_scenario_that_is_no_swarm_is_the_same_for_every_seed() {
        let storm = catalog::find("storm").expect("it is in the catalog");
        assert_eq!(*drawn(&storm, 7), storm);
    }

    #[test]
    fn each_part_is_on_in_its_share_of_the_runs() {
        let all = storms();
        let mixes = catalog::find("storm").expect("it is in the catalog").faults.len();
        let on = all.iter().flat_map(|storm| &storm.faults).filter(|mix| mix.every != NEVER).count();
        let share = on * 100 / (mixes * all.len());
        assert!((46..=54).contains(&share), "{share} %");
        let lossless = all.iter().filter(|storm| storm.links.loss_ppm == 0).count();
        assert!((160..=240).contains(&lossless), "{lossless}");
    }

    #[test]
    fn strengths_and_settings_differ_and_stay_possible() {
        let all = storms();
        assert!(all.iter().any(|storm| storm.links.loss_ppm > 20_000));
        assert!(all.iter().any(|storm| (1..20_000).contains(&storm.links.loss_ppm)));
        assert!(all.iter().any(|storm| storm.snapshot_every.is_none()));
        assert!(all.iter().any(|storm| storm.workload.mix.get == 0));
        for storm in &all {
            assert!(storm.faults.iter().all(|mix| mix.every.min_ns <= mix.every.max_ns && mix.lasting.min_ns > 0));
            assert!(storm.workload.rate > 0 && storm.workload.keys > 0);
        }
    }

    #[test]
    fn what_a_seed_draws_for_one_part_does_not_depend_on_the_others() {
        let storm = Scenario { swarm: Some(SWARM), ..catalog::find("storm").expect("it is in the catalog") };
        let mut less = storm.clone();
        less.faults.pop();
        for seed in 0..50 {
            let (whole, part) = (drawn(&storm, seed), drawn(&less, seed));
            assert!(whole.faults.starts_with(&part.faults), "seed {seed}");
            assert_eq!(whole.links, part.links);
        }
    }
}
