//! How the cost of a run grows with the number of servers, the rate of operations and virtual time: it should be linear in
//! events, so the nanoseconds of an event should stay the same.
//!
//! `cargo bench -p whitewater-scenarios --bench cost` prints a table for `storm` and one for `calm`, every check on, medians over
//! several seeds; the rows of a table vary one thing each. Where the system tells it, time is that of this thread on a
//! processor, so that it matters less what else the machine is doing.
#![expect(clippy::disallowed_types, clippy::disallowed_methods, reason = "a bench reads clocks")]

use std::time::Instant as WallClock;

use whitewater_reports::model::Verdict;
use whitewater_scenarios::catalog;
use whitewater_scenarios::run::{Options, run};
use whitewater_scenarios::scenario::Scenario;
use whitewater_sim::time::SECOND_NS;

const SEEDS: u64 = 7;

const SERVERS: [u32; 6] = [3, 5, 7, 15, 31, 51];
const RATES: [u32; 6] = [10, 50, 100, 500, 1_000, 2_000];
const SECONDS: [u64; 6] = [5, 10, 30, 60, 120, 240];

/// The size of a run.
#[derive(Clone, Copy)]
struct Size {
    servers: u32,
    rate: u32,
    seconds: u64,
}

const USUAL: Size = Size { servers: 5, rate: 100, seconds: 30 };

fn main() {
    let start = WallClock::now();
    for name in ["storm", "calm"] {
        let scenario = catalog::find(name).expect("the catalog has it");
        println!("{name}, every check on, medians of {SEEDS} seeds");
        println!("servers  rate  seconds   events  answers       ms  ns an event");
        let by_servers = SERVERS.map(|servers| Size { servers, ..USUAL });
        let by_rate = RATES.map(|rate| Size { rate, ..USUAL });
        let by_time = SECONDS.map(|seconds| Size { seconds, ..USUAL });
        for sizes in [&by_servers[..], &by_rate, &by_time] {
            sizes.iter().for_each(|size| measure(&scenario, *size, start));
            println!();
        }
    }
}

fn measure(scenario: &Scenario, size: Size, start: WallClock) {
    let mut scenario = scenario.clone();
    scenario.servers = vec![size.servers];
    scenario.workload.rate = size.rate;
    scenario.timing.duration_ns = size.seconds * SECOND_NS;
    let mut runs: Vec<[f64; 4]> = (0..SEEDS)
        .map(|seed| {
            let begin = spent_ns(start);
            let record = run(&scenario, seed, &Options::default()).record;
            let spent = spent_ns(start) - begin;
            assert_eq!(record.verdict, Verdict::Pass, "seed {seed} of {} servers", size.servers);
            let events = record.events as f64;
            [events, record.returned as f64, spent / 1e6, spent / events]
        })
        .collect();
    let [events, answers, milliseconds, nanoseconds] = [0, 1, 2, 3].map(|column| {
        runs.sort_by(|one, other| one[column].total_cmp(&other[column]));
        runs[runs.len() / 2][column]
    });
    let Size { servers, rate, seconds } = size;
    println!("{servers:>7} {rate:>5} {seconds:>8} {events:>8} {answers:>8} {milliseconds:>8.1} {nanoseconds:>12.0}");
}

/// How long this thread has worked, in nanoseconds, as Linux tells it; how long it has been running elsewhere.
fn spent_ns(start: WallClock) -> f64 {
    let statistics = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let worked_ns = statistics.split(' ').next().and_then(|field| field.parse().ok());
    worked_ns.unwrap_or_else(|| start.elapsed().as_nanos() as f64)
}
