//! Hard histories for other checkers: `cargo bench -p whitewater-sim --bench adversarial -- 1000 50 valid` prints one.
//!
//! The samples of [`Shape::adversarial`], with so many operations and so many of them in flight, `valid` or with the first
//! change of an answer that leaves no order (`broken`: with few values most changes leave one). They are the lines of
//! Jepsen's log of a register, which Porcupine's test and `whitewater check` read alike. What it simplifies: that format
//! has no missing value that a swap could expect, so a first write of 0 stands for what is missing, and operations that
//! failed are left out, which had no effect.
#![expect(clippy::disallowed_methods, reason = "a bench reads its arguments")]

use whitewater_sim::check::sample::{Action, Flaw, Registers, Reply, Request, Shape};
use whitewater_sim::check::{Budget, judge};
use whitewater_sim::history::{History, Outcome, Stamp};

const USAGE: &str = "expected: OPERATIONS IN_FLIGHT valid|broken, for example: 1000 50 valid";

/// How many changes of an answer are tried.
const FLAWS: u64 = 200;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with("--")).collect();
    match history(&arguments) {
        Some(history) => print(&history),
        // Without arguments all benches are run.
        None if arguments.is_empty() => {}
        None => eprintln!("nothing to print; {USAGE} (of few operations, some have no broken one)"),
    }
}

fn history(arguments: &[String]) -> Option<History<Request, Reply>> {
    let [operations, in_flight, kind] = arguments else { return None };
    let (operations, in_flight) = (operations.parse().ok()?, in_flight.parse().ok().filter(|count| *count > 0)?);
    let sample = Shape::adversarial(operations, in_flight).sample(1);
    match kind.as_str() {
        "valid" => Some(sample.history),
        "broken" => (1..=FLAWS)
            .filter_map(|seed| sample.with_flaw(Flaw::Answer, seed))
            .map(|flawed| flawed.history)
            .find(|history| judge(&Registers, history, &Budget::default()) == Some(false)),
        _ => None,
    }
}

/// Prints the events in order. Every operation is a process of its own, for those of unknown outcome stay in flight.
fn print(history: &History<Request, Reply>) {
    let mut lines: Vec<(Stamp, String)> = Vec::new();
    for (process, operation) in (1..).zip(history.operations()) {
        let Some((function, arguments)) = asked(&operation.op.action) else { continue };
        let line =
            |kind: &str, arguments: &str| format!("INFO  jepsen.util - {process}\t:{kind}\t:{function}\t{arguments}");
        let end = match &operation.outcome {
            Outcome::Failed { .. } => continue,
            Outcome::Open | Outcome::Unknown { .. } => None,
            Outcome::Returned { ret, stamp, .. } => Some((*stamp, answered(ret, &arguments))),
        };
        lines.push((operation.invoked, line("invoke", if function == "read" { "nil" } else { &arguments })));
        lines.extend(end.map(|(stamp, (kind, arguments))| (stamp, line(kind, &arguments))));
    }
    lines.sort_unstable();
    println!("INFO  jepsen.util - 0\t:invoke\t:write\t0\nINFO  jepsen.util - 0\t:ok\t:write\t0");
    lines.iter().for_each(|(_, line)| println!("{line}"));
}

/// The function of an operation, and its arguments; `None` if the log has none for it.
fn asked(action: &Action) -> Option<(&'static str, String)> {
    match action {
        Action::Read => Some(("read", String::new())),
        Action::Write(number) => Some(("write", shown(Some(*number)).to_string())),
        Action::Swap { expected, new } => Some(("cas", format!("[{} {}]", shown(*expected), shown(Some(*new))))),
        Action::Append(_) | Action::Delete => None,
    }
}

/// What stands for a number: 0 for what is missing, and for nothing else.
fn shown(number: Option<u64>) -> u64 {
    number.map_or(0, |number| number + 1)
}

/// How an operation ended, and with what values.
fn answered(reply: &Reply, arguments: &str) -> (&'static str, String) {
    match reply {
        Reply::Holds(content) => ("ok", shown(content.numbers().first().copied()).to_string()),
        Reply::Done | Reply::Swapped(true) => ("ok", arguments.to_string()),
        Reply::Swapped(false) => ("fail", arguments.to_string()),
    }
}
