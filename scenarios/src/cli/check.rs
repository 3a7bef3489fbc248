//! `whitewater check`: a history that somebody else recorded, judged.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use whitewater_reports::check::{self as json, Check, Outcome};
use whitewater_reports::words::{count, counted, printable, shell_word, span};
use whitewater_reports::{human, violation};
use whitewater_scenarios::formats::{self, Parsed};
use whitewater_scenarios::host::{self, Stopwatch, shown};
use whitewater_sim::check::{Budget, Inconclusive, Verdict};

use super::{Failure, exit, print, spans};

/// Steps of the search if there is a time limit: what a machine with some gigabytes of memory can hold.
const STEPS_MAX: u64 = 25_000_000;

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
    /// What is printed
    #[arg(long, value_enum, default_value_t = Output::Human)]
    output: Output,
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
         whitewater check history.txt --output json\n  \
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
    let parsed = read(arguments)?;
    let stopwatch = Stopwatch::start();
    let stop = || arguments.time_limit.is_some_and(|limit_ns| stopwatch.elapsed_ns() >= limit_ns);
    let steps = if arguments.time_limit.is_some() { STEPS_MAX } else { Budget::default().steps };
    let report = formats::check_history(&parsed, &Budget { steps, stop: Some(&stop) });
    let (outcome, code) = match report.verdict {
        Verdict::Linearizable => (Outcome::Linearizable, exit::PASS),
        Verdict::Violation(explanation) => {
            (Outcome::Violation(formats::account(&parsed, &explanation)), exit::VIOLATION)
        }
        Verdict::Inconclusive { reason, partitions } => {
            let reason = advice(arguments, reason).to_owned();
            let keys = partitions.iter().flat_map(|partition| &partition.0);
            (Outcome::Inconclusive { reason, undecided: keys.map(ToString::to_string).collect() }, exit::INCONCLUSIVE)
        }
    };
    let check = Check {
        tier: report.tier.to_string(),
        format: parsed.format.name().to_owned(),
        operations: report.operations as u64,
        keys: parsed.keys().len() as u64,
        partitions: report.partitions as u64,
        steps: report.steps,
        outcome,
    };
    match arguments.output {
        Output::Human => print(&human(arguments, &check, stopwatch.elapsed_ns()))?,
        Output::Json => print(&json::write(&check))?,
    }
    Ok(code)
}

/// What ran out, and what to do.
fn advice(arguments: &Arguments, reason: Inconclusive) -> &'static str {
    match reason {
        Inconclusive::Stopped => "the time limit was reached; give it more with --time-limit",
        Inconclusive::OutOfSteps if arguments.time_limit.is_some() => {
            "the search took as many steps as memory allows; split the history"
        }
        Inconclusive::OutOfSteps => "the search ran out of steps; give it more with --time-limit 5m",
    }
}

/// The narrowest terminal that a drawing is made for, and the width if there is no terminal.
const WIDTHS: (u16, u16) = (44, 80);

fn human(arguments: &Arguments, check: &Check, elapsed_ns: u64) -> String {
    let figures = format!(
        "format        {}\noperations    {} on {}\n{:<14}{} in {}\n",
        check.format,
        count(check.operations),
        counted(check.keys, "key"),
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
            let keys = named(undecided.iter().map(String::as_str));
            format!("INCONCLUSIVE\n\n{figures}\n  {reason}\n  undecided: {keys}\n  {command} --time-limit 5m\n")
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
    text.lines()
        .map(|line| if line.is_empty() { "\n".to_owned() } else { format!("  {}\n", printable(line)) })
        .collect()
}
