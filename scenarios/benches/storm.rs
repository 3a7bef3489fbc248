//! How many times faster than real time a whole run is: `storm` on 5 servers, 60 virtual seconds, 100 operations a second.
//!
//! `cargo bench -p whitewater-scenarios --bench storm` prints, for several seeds in turn, virtual time over wall time with
//! every check on, with the checks off, and the same for `calm`, beside the memory that it took at most.
#![expect(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "a bench reads the wall clock and its own memory"
)]

use std::time::Instant as WallClock;

use whitewater_scenarios::catalog;
use whitewater_scenarios::run::{CheckSwitch, Options, run};
use whitewater_scenarios::scenario::Scenario;
use whitewater_sim::time::SECOND_NS;

const SEEDS: u64 = 21;

fn main() {
    let [storm, calm] = ["storm", "calm"].map(|name| {
        let mut scenario = catalog::find(name).expect("the catalog has it");
        scenario.servers = vec![5];
        scenario.timing.duration_ns = 60 * SECOND_NS;
        scenario.workload.rate = 100;
        scenario
    });
    let measures = [
        ("storm", &storm, CheckSwitch::On),
        ("storm, checks off", &storm, CheckSwitch::Off),
        ("calm", &calm, CheckSwitch::On),
    ];
    let mut speeds: Vec<Vec<f64>> = vec![Vec::new(); measures.len()];
    let mut nanoseconds: Vec<Vec<f64>> = vec![Vec::new(); measures.len()];
    for seed in 0..SEEDS {
        for (number, (_, scenario, checks)) in measures.iter().enumerate() {
            let (virtual_ns, wall_ns, events) = measure(scenario, seed, *checks);
            speeds[number].push(virtual_ns / wall_ns);
            nanoseconds[number].push(wall_ns / events);
        }
    }
    println!("5 servers, 5 clients, 60 virtual seconds, 100 operations a second; medians of {SEEDS} seeds:");
    for ((name, ..), (speeds, nanoseconds)) in measures.iter().zip(speeds.into_iter().zip(nanoseconds)) {
        println!("{name:<18} {:>6.0} times real time, {:>4.0} ns an event", median(speeds), median(nanoseconds));
    }
    println!("memory at most: {}", peak_memory());
}

fn measure(scenario: &Scenario, seed: u64, checks: CheckSwitch) -> (f64, f64, f64) {
    let begin = WallClock::now();
    let run = run(scenario, seed, &Options { checks, ..Options::default() });
    (run.record.virtual_ns as f64, begin.elapsed().as_nanos() as f64, run.record.events as f64)
}

fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}

/// The most memory that this process ever held, as Linux tells it.
fn peak_memory() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    peak.map_or("not known on this system".to_owned(), |peak| peak.trim().to_owned())
}
