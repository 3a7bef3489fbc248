//! `whitewater soak`: one very long run, and whether anything grows that should not.

use std::ops::ControlFlow;

use crate::campaign;
use crate::host::{self, Stopwatch};
use crate::soak::{self, PARTS, Progress, Sizes};
use clap::Args;
use whitewater_reports::words::{count, counted, per_second, span};

use super::{Failure, exit, print};

/// Memory may grow by less than this many per cent, from the second tenth of the run to the last.
const GROWTH_PERCENT: u64 = 5;

const EARLY_FIRST: u64 = PARTS / 10 + 1;
const EARLY_LAST: u64 = PARTS / 5;
const LATE_FIRST: u64 = PARTS - PARTS / 10 + 1;

/// How often a line tells how far the run has come, in nanoseconds on the wall clock.
const LINE_EVERY_NS: u64 = 5_000_000_000;

/// Make one very long run and see whether anything grows that should not
///
/// A cluster works under crashes, cuts and changing members, without the history of its clients. Fails if a check fails,
/// if the log, the sessions or the snapshots of a server leave their limits, or if memory grows by 5 % or more from the
/// second tenth of the run to the last, on average over each.
#[derive(Args)]
#[command(after_help = after_help())]
pub(crate) struct Arguments {
    /// How many events are simulated
    #[arg(long, value_name = "N", default_value_t = 10_000_000, value_parser = events)]
    events: u64,
    /// The seed
    #[arg(long, value_name = "N", default_value_t = 0, allow_negative_numbers = true, value_parser = campaign::seed)]
    seed: u64,
}

/// The fewest events of which a tenth says anything.
const EVENTS_MIN: u64 = 1_000;

fn events(text: &str) -> Result<u64, String> {
    text.parse()
        .ok()
        .filter(|events| *events >= EVENTS_MIN)
        .ok_or_else(|| format!("write a whole number from {EVENTS_MIN} on, like 10000000"))
}

fn after_help() -> String {
    format!("Examples:\n  whitewater soak\n  whitewater soak --events 100000000\n\n{}", exit::HELP)
}

/// What was seen of the run.
#[derive(Default)]
struct Seen {
    most: Sizes,
    last: Option<Progress>,
    /// Resident memory in the second tenth of the run and in the last, where the system tells. One look would not do: a
    /// server that restarts has its log in memory twice for a moment.
    early: Mean,
    late: Mean,
}

/// A mean that grows with every sample.
#[derive(Default)]
struct Mean {
    sum: u64,
    samples: u64,
}

impl Mean {
    fn add(&mut self, sample: Option<u64>) {
        if let Some(sample) = sample {
            self.sum += sample;
            self.samples += 1;
        }
    }

    fn get(&self) -> Option<u64> {
        self.sum.checked_div(self.samples)
    }
}

/// Makes the run.
pub(crate) fn main(arguments: &Arguments) -> Result<u8, Failure> {
    host::keep_interrupts()?;
    host::tell(&format!("soaking: {}, seed {}", counted(arguments.events, "event"), arguments.seed));
    let stopwatch = Stopwatch::start();
    let mut next_line_ns = LINE_EVERY_NS;
    let mut seen = Seen::default();
    let result = soak::soak(arguments.seed, arguments.events, |progress| {
        seen.most = seen.most.max(progress.sizes);
        seen.last = Some(*progress);
        match progress.parts {
            EARLY_FIRST..=EARLY_LAST => seen.early.add(host::resident_memory_bytes()),
            LATE_FIRST.. => seen.late.add(host::resident_memory_bytes()),
            _ => {}
        }
        if stopwatch.elapsed_ns() >= next_line_ns {
            host::tell(&format!("{}, {}", counted(progress.events, "event"), span(stopwatch.elapsed_ns())));
            next_line_ns = stopwatch.elapsed_ns() + LINE_EVERY_NS;
        }
        if host::is_interrupted() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    if host::is_interrupted() {
        host::tell("interrupted: nothing is said of a run that is not over");
        return Ok(exit::INTERRUPTED);
    }
    let command = format!("whitewater soak --events {} --seed {}", arguments.events, arguments.seed);
    if let Err(why) = result {
        print(&format!("FAIL: a check failed\n\n  {why}\n  {command}\n"))?;
        return Ok(exit::VIOLATION);
    }
    let within = seen.most.is_within(soak::limits(&soak::scenario()));
    let steady = growth_permille(&seen).is_none_or(|growth| growth < GROWTH_PERCENT * 10);
    let verdict = if within && steady { "PASS" } else { "FAIL" };
    print(&format!(
        "{verdict}: {}, every check held\n\n{}",
        counted(arguments.events, "event"),
        report(&seen, stopwatch)
    ))?;
    if within && steady {
        return Ok(exit::PASS);
    }
    print(&format!("\n  {command}\n"))?;
    Ok(exit::VIOLATION)
}

fn report(seen: &Seen, stopwatch: Stopwatch) -> String {
    let (limits, most) = (soak::limits(&soak::scenario()), seen.most);
    let last = seen.last.expect("a run of so many events is looked at");
    let wall_ns = stopwatch.elapsed_ns();
    let within = |size: u64, limit: u64| {
        let word = if size <= limit { "within" } else { "BEYOND" };
        format!("{word} the limit of {}", count(limit))
    };
    format!(
        "time          {} virtual, {} on the wall clock, {} events a second\n\
         applied       {}\n\
         log           {} at most, {}\n\
         sessions      {} at most, {}\n\
         snapshots     {} bytes at most, {}\n\
         memory        {}\n",
        span(last.virtual_ns),
        span(wall_ns),
        count(per_second(last.events, wall_ns)),
        entries(last.applied),
        entries(most.log_entries),
        within(most.log_entries, limits.log_entries),
        count(most.sessions),
        within(most.sessions, limits.sessions),
        count(most.snapshot_bytes),
        within(most.snapshot_bytes, limits.snapshot_bytes),
        memory(seen),
    )
}

fn entries(number: u64) -> String {
    if number == 1 { "1 entry".to_owned() } else { format!("{} entries", count(number)) }
}

fn memory(seen: &Seen) -> String {
    let (Some(early), Some(late), Some(growth)) = (seen.early.get(), seen.late.get(), growth_permille(seen)) else {
        return "not known: this system does not tell".to_owned();
    };
    let mebibytes = |bytes: u64| format!("{}.{} MiB", bytes >> 20, ((bytes & ((1 << 20) - 1)) * 10) >> 20);
    let word = if growth < GROWTH_PERCENT * 10 { "below" } else { "NOT BELOW" };
    format!(
        "{} in the second tenth, {} in the last: grown by {}.{} %, {word} {GROWTH_PERCENT} %",
        mebibytes(early),
        mebibytes(late),
        growth / 10,
        growth % 10
    )
}

/// By how many thousandths memory grew, where the system tells.
fn growth_permille(seen: &Seen) -> Option<u64> {
    let (early, late) = (seen.early.get()?, seen.late.get()?);
    Some(late.saturating_sub(early).saturating_mul(1_000) / early.max(1))
}
