//! What checking costs: the same runs with every check on and with all of them off, and the difference.
//!
//! `cargo bench -p whitewater-scenarios --bench checking` makes every run of the whole catalog both ways, one after the other,
//! several times; of each the least time counts, and the sums are compared. Both ways have the same events and the same digest,
//! so that the difference is what exists for checks alone: invariants at every event, the ghost state that only they need, the
//! observations that only they are told, and the check of the history. What a run would do anyway is not in it: the history
//! itself, the digest, and the leaders, members and logs that the observer keeps to drive the run.
//!
//! `-- on` or `-- off` makes all runs once, in one of the two ways, and measures nothing: for tools that count instructions, which
//! repeat themselves to the last one where the clock does not.
#![expect(clippy::disallowed_types, clippy::disallowed_methods, reason = "a bench reads clocks")]

use std::time::Instant as WallClock;

use whitewater_scenarios::catalog;
use whitewater_scenarios::run::{CheckSwitch, Options, run};
use whitewater_scenarios::scenario::Scenario;

/// How often every run is made each way: the least time counts.
const TIMES: usize = 5;

const SEEDS: u64 = 1;

/// Scenarios with a row of their own.
const SHOWN: [&str; 6] = ["calm", "storm", "swarm", "swarm-disks", "kv-everything", "killed-anywhere"];

/// What the runs of a scenario took, in nanoseconds.
#[derive(Clone, Copy, Default)]
struct Spent {
    on: f64,
    off: f64,
}

fn main() {
    let scenarios: Vec<Scenario> = catalog::all();
    if let Some(checks) = std::env::args().find_map(|argument| only(&argument)) {
        return count(&scenarios, checks);
    }
    println!("scenario              checks on  checks off  of it checking");
    let mut sum = Spent::default();
    for scenario in &scenarios {
        let spent = (0..SEEDS).map(|seed| compare(scenario, seed)).fold(Spent::default(), Spent::and);
        if SHOWN.contains(&scenario.name.as_str()) {
            spent.print(&scenario.name);
        }
        sum = sum.and(spent);
    }
    sum.print("the whole catalog");
}

fn only(argument: &str) -> Option<CheckSwitch> {
    match argument {
        "on" => Some(CheckSwitch::On),
        "off" => Some(CheckSwitch::Off),
        _ => None,
    }
}

fn count(scenarios: &[Scenario], checks: CheckSwitch) {
    let mut events = 0;
    for scenario in scenarios {
        events += (0..SEEDS).map(|seed| run(scenario, seed, &options(checks)).record.events).sum::<u64>();
    }
    println!("{} runs, {events} events", scenarios.len() as u64 * SEEDS);
}

fn options(checks: CheckSwitch) -> Options<'static> {
    Options { checks, ..Options::default() }
}

/// The least time that a run took, each way.
fn compare(scenario: &Scenario, seed: u64) -> Spent {
    let mut least = Spent { on: f64::MAX, off: f64::MAX };
    for _ in 0..TIMES {
        let (on, digest) = measure(scenario, seed, CheckSwitch::On);
        let (off, unchecked) = measure(scenario, seed, CheckSwitch::Off);
        assert_eq!(digest, unchecked, "checks change nothing, in {} {seed}", scenario.name);
        least = Spent { on: least.on.min(on), off: least.off.min(off) };
    }
    least
}

fn measure(scenario: &Scenario, seed: u64, checks: CheckSwitch) -> (f64, String) {
    let begin = WallClock::now();
    let run = run(scenario, seed, &options(checks));
    (begin.elapsed().as_nanos() as f64, run.record.digest)
}

impl Spent {
    fn and(self, other: Spent) -> Spent {
        Spent { on: self.on + other.on, off: self.off + other.off }
    }

    fn print(self, name: &str) {
        let Spent { on, off } = self;
        println!("{name:<20} {:>8.1} ms {:>8.1} ms {:>13.1} %", on / 1e6, off / 1e6, (on - off) / on * 100.0);
    }
}
