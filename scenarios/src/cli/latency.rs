//! `whitewater latency`: how long things take on a LAN, in virtual time, and whether that is what is promised.

use std::ops::ControlFlow;

use crate::campaign::Seeds;
use crate::host::{self, Stopwatch};
use crate::latency::{self, Bounds, Figures, Row};
use clap::Args;
use whitewater_reports::human::{self, Figure};
use whitewater_reports::words::{counted, printable, span};

use super::{Failure, exit, print};

/// How many seeds that failed are named.
const FAILED_SHOWN: usize = 5;

/// Measure elections, failovers, writes and reads by lease on a LAN, in virtual time
///
/// Election timeouts are 150 to 300 ms, heartbeats 50 ms, a message takes 0.2 to 1 ms and a sync 0.5 ms; 3 or 5 servers.
/// Each seed elects a leader, serves clients, loses the leader and commits again. Fails if a figure misses its target.
#[derive(Args)]
#[command(after_help = after_help())]
pub(crate) struct Arguments {
    /// The seeds, without B as in Rust; A..=B is with B
    #[arg(long, value_name = "A..B", default_value = "0..1000")]
    seeds: Seeds,
    /// How many seeds are measured at the same time; as many as there are processors if not given
    #[arg(long, short, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1024))]
    jobs: Option<u32>,
}

fn after_help() -> String {
    format!("Examples:\n  whitewater latency\n  whitewater latency --seeds 0..50\n\n{}", exit::HELP)
}

/// Measures.
pub(crate) fn main(arguments: &Arguments) -> Result<u8, Failure> {
    host::keep_interrupts()?;
    let seeds = arguments.seeds;
    let jobs = arguments.jobs.unwrap_or_else(host::parallelism);
    host::tell(&format!("measuring seeds {seeds}, {jobs} at a time"));
    let stopwatch = Stopwatch::start();
    let work = move |place: u64| {
        let seed = seeds.at(place).filter(|_| !host::is_interrupted())?;
        Some((seed, host::guard(|| latency::measure(seed)).unwrap_or_else(Err)))
    };
    let mut figures = Figures::default();
    host::parallel(jobs, work, |result| {
        if let Some((seed, measured)) = result {
            figures.add(seed, measured);
        }
        if host::is_interrupted() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    if host::is_interrupted() {
        host::tell("interrupted: nothing is said of a part of the seeds");
        return Ok(exit::INTERRUPTED);
    }
    print(&report(&figures, seeds, stopwatch))?;
    Ok(if figures.is_met() { exit::PASS } else { exit::VIOLATION })
}

fn report(figures: &Figures, seeds: Seeds, stopwatch: Stopwatch) -> String {
    let verdict = if figures.is_met() { "PASS: every target is met" } else { "FAIL: a target is missed" };
    let seed_count = u64::try_from(seeds.count()).unwrap_or(u64::MAX);
    let mut text = format!("{verdict}, {} in {}\n\n", counted(seed_count, "seed"), span(stopwatch.elapsed_ns()));
    let rows: Vec<Figure> = figures.rows().iter().map(figure).collect();
    text.push_str(&human::figures_table(&rows, host::stdout_width().unwrap_or(human::WIDTH_MAX)));
    let failed = figures.failed();
    for (seed, why) in failed.iter().take(FAILED_SHOWN) {
        text.push_str(&format!("\nseed {seed}: {}\n  whitewater latency --seeds {seed}\n", printable(why)));
    }
    if failed.len() > FAILED_SHOWN {
        text.push_str(&format!("... {} more failed\n", counted((failed.len() - FAILED_SHOWN) as u64, "seed")));
    }
    text
}

fn figure(row: &Row) -> Figure {
    let Bounds { p50_ns, p99_ns } = row.bounds;
    let bounds = [("p50", p50_ns), ("p99", p99_ns)];
    let promised: Vec<String> =
        bounds.iter().filter_map(|(name, bound)| bound.map(|ns| format!("{name} < {}", span(ns)))).collect();
    let target = match (promised.is_empty(), row.is_met()) {
        (true, _) => "-".to_owned(),
        (false, true) => format!("{}: met", promised.join(", ")),
        (false, false) => format!("{}: MISSED", promised.join(", ")),
    };
    Figure { what: row.what.to_owned(), count: row.count, p50_ns: row.p50_ns, p99_ns: row.p99_ns, target }
}
