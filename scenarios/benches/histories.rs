//! How long the checker takes for recorded histories: one line a file, or a key.
//!
//! For comparing with other checkers: paths of histories are given on the command line, and without any nothing is done.
//! Columns: name, verdict, the least and the mean time in nanoseconds, memory in use in KiB. Neither reading a file nor an
//! explanation counts; with `--explain` only the explanation of a violation does, and the third column is how many
//! operations it shows. What it simplifies: the least of many times is shown, on one thread.

use std::path::Path;

use whitewater_scenarios::formats::{self, Parsed};
use whitewater_scenarios::host::{self, Stopwatch};
use whitewater_sim::check::{Budget, Minimality, Plan, Verdict, judge};
use whitewater_sim::history::{History, Outcome};

/// Each history is checked until this much time has passed, in nanoseconds.
const ENOUGH_NS: u64 = 200_000_000;

fn main() {
    let arguments = || std::env::args_os().skip(1).filter(|argument| !argument.as_encoded_bytes().starts_with(b"--"));
    let is_given = |flag: &str| std::env::args_os().any(|argument| argument == flag);
    let by_key = is_given("--keys");
    let measure = if is_given("--explain") { measure_explanation } else { measure };
    for path in arguments() {
        let path = Path::new(&path);
        let bytes = host::read(path, host::HISTORY_BYTES_MAX).unwrap_or_else(|error| panic!("{error}"));
        let parsed = formats::parse(&bytes, None, None).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if by_key {
            for key in parsed.keys() {
                measure(&format!("{name}:{key}"), &only(&parsed, key));
            }
        } else {
            measure(&name, &parsed);
        }
    }
}

/// The operations on one key.
fn only(parsed: &Parsed, key: &str) -> Parsed {
    let mut events = Vec::new();
    for (number, operation) in parsed.history.operations().iter().enumerate() {
        if operation.op.keys().iter().any(|other| &***other == key) {
            events.push((operation.invoked, number, false));
            if let Outcome::Returned { stamp, .. } = operation.outcome {
                events.push((stamp, number, true));
            }
        }
    }
    events.sort_unstable();
    let mut history = History::new();
    let mut ids = std::collections::BTreeMap::new();
    for (_, number, is_return) in events {
        let operation = &parsed.history.operations()[number];
        match (&operation.outcome, is_return) {
            (Outcome::Returned { ret, at, .. }, true) => history.returned(ids[&number], ret.clone(), *at),
            (_, _) => {
                ids.insert(number, history.invoke(operation.client, operation.op.clone(), operation.invoked_at));
            }
        }
    }
    Parsed { history, ..parsed.clone() }
}

fn measure(name: &str, parsed: &Parsed) {
    let budget = Budget::steps(25_000_000);
    let (mut best, mut total, mut times) = (u64::MAX, 0, 0);
    let mut verdict = "";
    while total < ENOUGH_NS {
        let stopwatch = Stopwatch::start();
        let is_linearizable = judge(&parsed.model, &parsed.history, &budget);
        let taken = stopwatch.elapsed_ns();
        verdict = match is_linearizable {
            Some(true) => "Ok",
            Some(false) => "Illegal",
            None => "Unknown",
        };
        (best, total, times) = (best.min(taken), total + taken, times + 1);
    }
    let memory = host::resident_memory_bytes().unwrap_or_default() >> 10;
    println!("{name} {verdict} {best} {} {memory}", total / times);
}

/// How long it takes to explain a violation that has been found.
fn measure_explanation(name: &str, parsed: &Parsed) {
    let budget = Budget::steps(25_000_000);
    let (model, history) = (&parsed.model, &parsed.history);
    let mut plan = Plan::new(model, history, &budget);
    let finding = loop {
        let done: Vec<_> = (0..plan.jobs()).map(|job| plan.work(model, history, job, None)).collect();
        if let Some(finding) = plan.take(done) {
            break finding;
        }
    };
    let (mut best, mut total, mut times) = (u64::MAX, 0, 0);
    while total < ENOUGH_NS {
        let stopwatch = Stopwatch::start();
        let report = plan.report(&finding, model, history, &budget);
        let taken = stopwatch.elapsed_ns();
        (best, total, times) = (best.min(taken), total + taken, times + 1);
        let Verdict::Violation(explanation) = report.verdict else { return };
        if total >= ENOUGH_NS {
            let certain = if explanation.minimality == Minimality::Certain { "Minimal" } else { "Uncertain" };
            println!("{name} {certain} {} {best} {}", explanation.minimal.len(), total / times);
        }
    }
}
