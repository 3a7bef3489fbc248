//! `whitewater check`: a history that somebody else recorded, judged.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::formats::{self, FormatError, Heard, Opened, Parsed};
use crate::host::{self, Stopwatch, shown};
use crate::{page, parallel_check};
use clap::{Args, ValueEnum};
use whitewater_reports::check::{self as json, Check, Outcome, Undecided, Weaker};
use whitewater_reports::words::{count, counted, printable, shell_word, span};
use whitewater_reports::{human, violation};
use whitewater_sim::check::{self, Budget, Effort, Inconclusive, Verdict};

use super::{Failure, exit, exports, print, spans};

/// Steps of the search if there is a time limit: what a machine with some gigabytes of memory can hold.
const STEPS_MAX: u64 = 25_000_000;

/// From so many operations on it is worth starting threads.
const THREADS_FROM: usize = 10_000;

/// Decide whether a recorded history is linearizable
///
/// Reads a history from a file and looks for one order of its operations that explains every answer. If there is none,
/// says which answer cannot be explained, and why, by as few operations as show it.
///
/// From the standard input a history that is written in lines is checked while it comes: the first answer that nothing
/// explains ends the check. scenarios/HISTORIES.md shows all formats.
#[derive(Args)]
#[command(after_help = after_help())]
pub(crate) struct Arguments {
    /// The file with the history; - is the standard input
    file: PathBuf,
    /// How the history is written down
    #[arg(long, value_enum, default_value_t = Format::Auto)]
    format: Format,
    /// What the operations are on; a register has one key
    #[arg(long, value_enum, default_value_t = Model::Kv)]
    model: Model,
    /// Give up after this much time on the wall clock, as in 30s; without it, after a fixed number of steps
    #[arg(long, value_name = "D", value_parser = spans::nanoseconds)]
    time_limit: Option<u64>,
    /// What is printed
    #[arg(long, value_enum, default_value_t = Output::Human)]
    output: Output,
    /// Judge sequential consistency and the guarantees of sessions (read your writes, monotonic reads, ...) as well; the
    /// exit code is about linearizability alone
    #[arg(long)]
    weaker: bool,
    /// Write a page about the history into this file: the verdict, and the operations of all clients, to be stepped through
    /// in a browser
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Output {
    /// The verdict for people, with a drawing of what contradicts itself
    Human,
    /// JSON with the schema whitewater/check/v1
    Json,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// Whatever it looks like
    Auto,
    /// A map in braces on each line, as in the tests of Porcupine
    Porcupine,
    /// A log of Jepsen
    Jepsen,
    /// The history.edn of Jepsen or Maelstrom
    Edn,
    /// JSON with the schema whitewater/history/v1
    Json,
    /// A JSON object on each line, with the schema whitewater/history-lines/v1
    JsonLines,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Model {
    /// A map from keys to values
    Kv,
    /// One value
    Register,
}

fn after_help() -> String {
    format!(
        "Examples:\n  \
         whitewater check history.txt\n  \
         whitewater check etcd.log --format jepsen --time-limit 5m\n  \
         whitewater check history.txt --output json\n  \
         whitewater check history.edn --weaker\n  \
         whitewater check history.edn --html history.html\n  \
         tail -f events.jsonl | whitewater check -\n  \
         gunzip -c history.json.gz | whitewater check -\n\n{}",
        exit::HELP
    )
}

impl Format {
    fn stated(self) -> Option<formats::Format> {
        match self {
            Format::Auto => None,
            Format::Porcupine => Some(formats::Format::Porcupine),
            Format::Jepsen => Some(formats::Format::Jepsen),
            Format::Edn => Some(formats::Format::Edn),
            Format::Json => Some(formats::Format::Json),
            Format::JsonLines => Some(formats::Format::JsonLines),
        }
    }
}

/// Judges a history.
pub(crate) fn main(arguments: &Arguments) -> Result<u8, Failure> {
    let (parsed, heard) = read(arguments)?;
    let stopwatch = Stopwatch::start();
    if heard == Some(Heard::Explained) {
        let took = Took { tier: "online".to_owned(), partitions: parsed.keys().len(), steps: 0 };
        let check = checked(&parsed, heard, took, Outcome::Linearizable);
        return say(arguments, &parsed, check, stopwatch.elapsed_ns(), exit::PASS);
    }
    let parsed = Arc::new(parsed);
    let (started, time_limit) = (Stopwatch::start(), arguments.time_limit);
    let stop: Arc<dyn Fn() -> bool + Send + Sync> =
        Arc::new(move || time_limit.is_some_and(|limit_ns| started.elapsed_ns() >= limit_ns));
    let threads = if parsed.history.operations().len() < THREADS_FROM { 1 } else { host::parallelism() };
    let report = parallel_check::check_history(&parsed, &budget(arguments), &stop, threads);
    let (outcome, code) = match report.verdict {
        Verdict::Linearizable => (Outcome::Linearizable, exit::PASS),
        Verdict::Violation(explanation) => {
            (Outcome::Violation(formats::account(&parsed, &explanation)), exit::VIOLATION)
        }
        Verdict::Inconclusive { reason, partitions } => {
            let reason = advice(arguments, reason).to_owned();
            let undecided = partitions.iter().map(|one| undecided(&parsed, one)).collect();
            (Outcome::Inconclusive { reason, undecided }, exit::INCONCLUSIVE)
        }
    };
    let took = Took { tier: report.tier.to_string(), partitions: report.partitions, steps: report.steps };
    say(arguments, &parsed, checked(&parsed, heard, took, outcome), stopwatch.elapsed_ns(), code)
}

/// The budget of a check, without who stops it.
fn budget(arguments: &Arguments) -> Budget<'static> {
    let steps = if arguments.time_limit.is_some() { STEPS_MAX } else { Budget::default().steps };
    Budget { steps, ..Budget::default() }
}

/// What a check took.
struct Took {
    tier: String,
    partitions: usize,
    steps: u64,
}

fn checked(parsed: &Parsed, heard: Option<Heard>, Took { tier, partitions, steps }: Took, outcome: Outcome) -> Check {
    let last_line = || parsed.lines.last().map(|line| *line as u64);
    Check {
        tier,
        format: parsed.format.name().to_owned(),
        operations: parsed.history.operations().len() as u64,
        passed_over: parsed.passed_over as u64,
        stream_left_at: if heard == Some(Heard::Conflict) { last_line() } else { None },
        keys: parsed.keys().len() as u64,
        partitions: partitions as u64,
        steps,
        outcome,
        weaker: Vec::new(),
    }
}

/// Says what was found, with the weaker verdicts if they were asked for.
fn say(arguments: &Arguments, parsed: &Parsed, check: Check, elapsed_ns: u64, code: u8) -> Result<u8, Failure> {
    let weaker = if arguments.weaker { formats::weaker(parsed, &budget(arguments)) } else { Vec::new() };
    let check = &Check { weaker, ..check };
    if let Some(path) = &arguments.html {
        let file = if arguments.file == Path::new("-") { "standard input".to_owned() } else { shown(&arguments.file) };
        exports::write_text(path, &page::of_history(parsed, check, &file, &command(arguments)))?;
    }
    match arguments.output {
        Output::Human => print(&human(arguments, check, elapsed_ns))?,
        Output::Json => print(&json::write(check))?,
    }
    Ok(code)
}

/// A partition that is undecided, with what made it hard.
fn undecided(parsed: &Parsed, check::Undecided { partition, effort }: &check::Undecided<Arc<str>>) -> Undecided {
    let Effort { operations, unknown, in_flight, events, passed, configurations } = *effort;
    let many = |number: usize| number as u64;
    Undecided {
        partition: parsed.partition_name(partition),
        operations: many(operations),
        unknown: many(unknown),
        in_flight: many(in_flight),
        events: many(events),
        passed: many(passed),
        configurations: many(configurations),
    }
}

/// What ran out, and what to do.
fn advice(arguments: &Arguments, reason: Inconclusive) -> &'static str {
    match reason {
        Inconclusive::Stopped => "the time limit was reached; give it more with --time-limit",
        Inconclusive::OutOfMemory => "the search took as much memory as it may; split the history",
        Inconclusive::OutOfSteps if arguments.time_limit.is_some() => {
            "the search took as many steps as memory allows; split the history"
        }
        Inconclusive::OutOfSteps => "the search ran out of steps; give it more with --time-limit 5m",
    }
}

/// The narrowest terminal that a drawing is made for, and the width if there is no terminal.
const WIDTHS: (u16, u16) = (44, 80);

fn human(arguments: &Arguments, check: &Check, elapsed_ns: u64) -> String {
    let weaker: String = check.weaker.iter().map(weaker).collect();
    let figures = format!(
        "format        {}\noperations    {} on {}\n{}{:<14}{} in {}\n{weaker}",
        check.format,
        count(check.operations),
        counted(check.keys, "key"),
        beside(check),
        check.tier,
        counted(check.steps, "step"),
        span(elapsed_ns)
    );
    let command = command(arguments);
    match &check.outcome {
        Outcome::Linearizable => format!("LINEARIZABLE\n\n{figures}"),
        Outcome::Violation(account) => {
            let width = host::stdout_width().map_or(WIDTHS.1, |width| width.max(WIDTHS.0)).min(human::WIDTH_MAX);
            let why = indented(&violation::text(account, width - 2));
            format!("NOT LINEARIZABLE\n\n{figures}\n{why}\n  {command}\n")
        }
        Outcome::Inconclusive { reason, undecided } => {
            let hard: String = undecided.iter().take(KEYS_SHOWN).map(hard).collect();
            let more = match undecided.len().saturating_sub(KEYS_SHOWN) {
                0 => String::new(),
                more => format!("  ... {more} more\n"),
            };
            format!("INCONCLUSIVE\n\n{figures}\n  {reason}\n{hard}{more}  {command} --time-limit 5m\n")
        }
    }
}

/// What was not judged, a line each.
fn beside(check: &Check) -> String {
    let mut lines = String::new();
    match check.passed_over {
        0 => {}
        1 => lines.push_str("passed over   1 entry that is not about an operation of a client\n"),
        more => {
            lines
                .push_str(&format!("passed over   {} entries that are not about operations of clients\n", count(more)));
        }
    }
    if let Some(line) = check.stream_left_at {
        lines.push_str(&format!("stream        read up to line {}, whose answer nothing explains\n", count(line)));
    }
    lines
}

/// A weaker verdict in a line.
fn weaker(weaker: &Weaker) -> String {
    let verdict = match weaker.is_kept {
        Some(true) => "kept",
        Some(false) => "BROKEN",
        None => "cannot be told",
    };
    let why = weaker.why.as_ref().map(|why| format!(": {}", printable(why))).unwrap_or_default();
    format!("{:<24}{verdict}{why}\n", weaker.name)
}

/// How far the search came in a partition, and what made it hard.
fn hard(undecided: &Undecided) -> String {
    let Undecided { partition, operations, unknown, in_flight, events, passed, configurations } = undecided;
    let partition = if partition.is_empty() { String::new() } else { format!("{}: ", printable(partition)) };
    format!(
        "  undecided: {partition}{} passed of {}, with {} in mind; {}, up to {} in flight, {} of unknown outcome\n",
        count(*passed),
        counted(*events, "event"),
        counted(*configurations, "configuration"),
        counted(*operations, "operation"),
        count(*in_flight),
        count(*unknown)
    )
}

/// The command that makes this check again.
fn command(arguments: &Arguments) -> String {
    let format = arguments.format.stated().map(|format| format!(" --format {}", format.name())).unwrap_or_default();
    let weaker = if arguments.weaker { " --weaker" } else { "" };
    format!("whitewater check {}{format}{weaker}", shell_word(&arguments.file.to_string_lossy()))
}

/// The history. The standard input is followed, if it is written in lines, up to the first answer that nothing explains.
fn read(arguments: &Arguments) -> Result<(Parsed, Option<Heard>), Failure> {
    let (path, format) = (&arguments.file, arguments.format.stated());
    let is_stream = path == Path::new("-");
    let name = if is_stream { "standard input".to_owned() } else { shown(path) };
    let wrong = |error: FormatError| {
        let place: String = [error.line, error.column].iter().flatten().map(|number| format!(":{number}")).collect();
        Failure::usage(format!("{name}{place}: {}", error.message))
    };
    let (parsed, heard) = if is_stream {
        match formats::open(host::stdin_at_most(host::HISTORY_BYTES_MAX), format).map_err(wrong)? {
            Opened::Events(events) => {
                let (parsed, heard) = formats::follow(*events).map_err(wrong)?;
                (parsed, Some(heard))
            }
            Opened::Document(format, source) => {
                let bytes = host::read_all(source, path, host::HISTORY_BYTES_MAX)?;
                (formats::parse(&bytes, Some(format), None).map_err(wrong)?, None)
            }
        }
    } else {
        let bytes = host::read(path, host::HISTORY_BYTES_MAX)?;
        (formats::parse(&bytes, format, None).map_err(wrong)?, None)
    };
    let keys = parsed.keys();
    if arguments.model == Model::Register && keys.len() > 1 {
        let (number, keys) = (counted(keys.len() as u64, "key"), named(keys.iter().copied()));
        return Err(Failure::usage(format!(
            "{name}: a register has one key, but this history has {number}: {keys}; check it with --model kv"
        )));
    }
    Ok((parsed, heard))
}

/// How many keys are named.
const KEYS_SHOWN: usize = 8;

fn named<'k>(keys: impl ExactSizeIterator<Item = &'k str>) -> String {
    let dots = if keys.len() > KEYS_SHOWN { ", ..." } else { "" };
    let names: Vec<String> = keys.take(KEYS_SHOWN).map(|key| format!("\"{}\"", printable(key))).collect();
    names.join(", ") + dots
}

fn indented(text: &str) -> String {
    text.lines()
        .map(|line| if line.is_empty() { "\n".to_owned() } else { format!("  {}\n", printable(line)) })
        .collect()
}
