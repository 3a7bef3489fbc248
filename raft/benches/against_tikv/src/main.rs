//! The speed of `whitewater-raft` as a ratio to the `raft` crate (tikv's), both measured in this process, in turn.
//!
//! Clusters of 3 and of 5 servers in one thread commit and apply commands of 64 bytes, one or 64 at a time. Both sides
//! are driven by the same code (`cluster`), keep their state in memory, apply to the same state machine, and compact
//! their logs. The `raft` crate is measured twice: with the setting that makes it send as few messages as
//! `whitewater-raft`, which is the comparison that counts, and as it comes.
//!
//! ```text
//! cargo run --release --manifest-path raft/benches/against_tikv/Cargo.toml
//! ```
//!
//! On a machine that does other work the spread grows, and the longer measurements, those of the slower side, suffer more:
//! run it where nothing else runs.
//!
//! Simplification: no encoding, no disk and no network. The figures say what the protocol costs, not what a service can
//! do.

mod cluster;
mod measure;
mod ours;
mod tikv;

use std::process::ExitCode;

use cluster::{COMMAND_BYTES, Cluster};
use measure::{Contestant, ROUNDS, Record, Spread, Task};
use ours::Whitewater;
use tikv::{CommitNews, Tikv};

/// One row of the comparison.
struct Case {
    servers: u32,
    task: Task,
    /// The ratio that is wanted at least.
    wanted: f64,
}

const CASES: [Case; 4] = [
    Case { servers: 3, task: Task { batch: 1, intervals: 1 }, wanted: 2.0 },
    Case { servers: 3, task: Task { batch: 64, intervals: 4 }, wanted: 1.0 },
    Case { servers: 5, task: Task { batch: 1, intervals: 1 }, wanted: 2.0 },
    Case { servers: 5, task: Task { batch: 64, intervals: 4 }, wanted: 1.0 },
];

fn main() -> ExitCode {
    if cfg!(debug_assertions) {
        eprintln!("measured without optimisation, these figures mean nothing: add `--release`");
        return ExitCode::FAILURE;
    }
    println!("Commands of {COMMAND_BYTES} bytes committed and applied per second, in one thread.");
    println!("Medians of {ROUNDS} measurements in turn; the ratios' quartiles and extremes in brackets.\n");
    let mut is_fast_enough = true;
    for case in CASES {
        is_fast_enough &= compare(&case);
    }
    if is_fast_enough { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Measures and prints one row. False if the ratio is below the one that is wanted.
fn compare(case: &Case) -> bool {
    let mut contestants: [Box<dyn Contestant>; 3] = [
        Box::new(Cluster::new(Whitewater::cluster(case.servers))),
        Box::new(Cluster::new(Tikv::cluster(case.servers, CommitNews::WithNextAppend))),
        Box::new(Cluster::new(Tikv::cluster(case.servers, CommitNews::AtOnce))),
    ];
    let records = measure::measure(&mut contestants, case.task);
    println!("{} servers, {} at a time", case.servers, case.task.batch);
    print_speed("whitewater-raft", &records[0]);
    print_speed("raft, as few messages", &records[1]);
    print_speed("raft, as it comes", &records[2]);
    let ratio = Spread::of(&measure::ratios(&records[0], &records[1]));
    let is_fast_enough = ratio.median >= case.wanted;
    let verdict = if is_fast_enough { "met" } else { "NOT MET" };
    print_ratio("as few messages", ratio);
    println!("    {:<30}{:>11.2}  {verdict}", "wanted at least", case.wanted);
    print_ratio("as it comes", Spread::of(&measure::ratios(&records[0], &records[2])));
    println!();
    is_fast_enough
}

fn print_speed(who: &str, record: &Record) {
    let speed = Spread::of(&record.speeds);
    println!("    {who:<30}{:>11.0} /s  {:.2} messages each", speed.median, record.messages);
}

fn print_ratio(to: &str, ratio: Spread) {
    let Spread { min, lower, median, upper, max } = ratio;
    let what = format!("ratio to raft, {to}");
    println!("    {what:<30}{median:>11.2}  [{lower:.2} to {upper:.2}; {min:.2} to {max:.2}]");
}
