//! `whitewater check`: a history that somebody else recorded, judged.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::{Args, ValueEnum};
use whitewater_reports::words::{count, counted, printable, shell_word, span};
use whitewater_scenarios::formats::{self, Parsed};
use whitewater_scenarios::host::{self, Stopwatch, shown};
use whitewater_scenarios::parallel_check;
use whitewater_sim::check::{Budget, Inconclusive, Verdict};

use super::{Failure, exit, print, spans};

/// Steps of the search if there is a time limit: what a machine with some gigabytes of memory can hold.
const STEPS_MAX: u64 = 25_000_000;

/// From so many operations on it is worth starting threads.
const THREADS_FROM: usize = 10_000;

/// Decide whether a recorded history is linearizable
///
/// Reads a history from a file and looks for one order of its operations that explains every answer. If there is none,
/// says which answer cannot be explained, and why.
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
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// Whatever it looks like
    Auto,
    /// A map in braces on each line, as in the tests of Porcupine
    Porcupine,
    /// A log of Jepsen
    Jepsen,
    /// JSON with the schema whitewater/history/v1
    Json,
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
            Format::Json => Some(formats::Format::Json),
        }
    }
}

/// Judges a history.
pub(crate) fn main(arguments: &Arguments) -> Result<u8, Failure> {
    let parsed = Arc::new(read(arguments)?);
    let stopwatch = Stopwatch::start();
    let (started, time_limit) = (Stopwatch::start(), arguments.time_limit);
    let stop: Arc<dyn Fn() -> bool + Send + Sync> =
        Arc::new(move || time_limit.is_some_and(|limit_ns| started.elapsed_ns() >= limit_ns));
    let steps = if arguments.time_limit.is_some() { STEPS_MAX } else { Budget::default().steps };
    let threads = if parsed.history.operations().len() < THREADS_FROM { 1 } else { host::parallelism() };
    let report = parallel_check::check_history(&parsed, &Budget { steps, ..Budget::default() }, &stop, threads);
    let figures = format!(
        "format        {}\noperations    {} on {}\nsearch        {} in {}\n",
        parsed.format.name(),
        count(report.operations as u64),
        counted(parsed.keys().len() as u64, "key"),
        counted(report.steps, "step"),
        span(stopwatch.elapsed_ns())
    );
    let command = command(arguments);
    match report.verdict {
        Verdict::Linearizable => {
            print(&format!("LINEARIZABLE\n\n{figures}"))?;
            Ok(exit::PASS)
        }
        Verdict::Violation(explanation) => {
            let why = indented(&formats::explain(&parsed, &explanation));
            print(&format!("NOT LINEARIZABLE\n\n{figures}\n{why}\n  {command}\n"))?;
            Ok(exit::VIOLATION)
        }
        Verdict::Inconclusive { reason, partitions } => {
            let why = match reason {
                Inconclusive::Stopped => "the time limit was reached; give it more with --time-limit",
                Inconclusive::OutOfMemory => "the search took as much memory as it may; split the history",
                Inconclusive::OutOfSteps if arguments.time_limit.is_some() => {
                    "the search took as many steps as memory allows; split the history"
                }
                Inconclusive::OutOfSteps => "the search ran out of steps; give it more with --time-limit 5m",
            };
            let keys: Vec<&str> =
                partitions.iter().flat_map(|undecided| &undecided.partition.0).map(|key| &**key).collect();
            let keys = named(keys.into_iter());
            print(&format!("INCONCLUSIVE\n\n{figures}\n  {why}\n  undecided: {keys}\n  {command} --time-limit 5m\n"))?;
            Ok(exit::INCONCLUSIVE)
        }
    }
}

/// The command that makes this check again.
fn command(arguments: &Arguments) -> String {
    let format = arguments.format.stated().map(|format| format!(" --format {}", format.name())).unwrap_or_default();
    format!("whitewater check {}{format}", shell_word(&arguments.file.to_string_lossy()))
}

fn read(arguments: &Arguments) -> Result<Parsed, Failure> {
    let path = &arguments.file;
    let (name, bytes) = if path == Path::new("-") {
        ("standard input".to_owned(), host::read_stdin(host::HISTORY_BYTES_MAX)?)
    } else {
        (shown(path), host::read(path, host::HISTORY_BYTES_MAX)?)
    };
    let parsed = formats::parse(&bytes, arguments.format.stated(), None).map_err(|error| {
        let line = error.line.map(|line| format!(":{line}")).unwrap_or_default();
        Failure::usage(format!("{name}{line}: {}", error.message))
    })?;
    let keys = parsed.keys();
    if arguments.model == Model::Register && keys.len() > 1 {
        let (number, keys) = (counted(keys.len() as u64, "key"), named(keys.iter().copied()));
        return Err(Failure::usage(format!(
            "{name}: a register has one key, but this history has {number}: {keys}; check it with --model kv"
        )));
    }
    Ok(parsed)
}

/// How many keys are named.
const KEYS_SHOWN: usize = 8;

fn named<'k>(keys: impl ExactSizeIterator<Item = &'k str>) -> String {
    let dots = if keys.len() > KEYS_SHOWN { ", ..." } else { "" };
    let names: Vec<String> = keys.take(KEYS_SHOWN).map(|key| format!("\"{}\"", printable(key))).collect();
    names.join(", ") + dots
}

fn indented(text: &str) -> String {
    text.lines().map(|line| format!("  {}\n", printable(line))).collect()
}
