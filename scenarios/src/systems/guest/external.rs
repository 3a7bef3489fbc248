//! A node that is a program: one process for each life, told an event in a line, and heard until it is done with it.

use crate::host::Stopwatch;
use crate::host::process::{Failure, Limits, Process};

use super::brain::{Brain, Trouble, limits};
use super::protocol::{self, Action, Event, EventBody, FromSimulator, ToSimulator};
use super::words::{BOUNDED_MAX, bounded};

/// What a process may take of this machine. None of it is counted in what the node says, so that who takes more is
/// inconclusive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allowance {
    /// How long the first turn may take on the wall clock, in nanoseconds: programs have to start.
    pub first_turn_ns: u64,
    /// How long any other turn may take on the wall clock, in nanoseconds.
    pub turn_ns: u64,
    /// The most memory of a process, in bytes.
    pub memory_bytes: u64,
    /// The most processes and threads of a node.
    pub tasks: usize,
}

impl Default for Allowance {
    fn default() -> Allowance {
        Allowance { first_turn_ns: 30_000_000_000, turn_ns: 5_000_000_000, memory_bytes: 1 << 30, tasks: 256 }
    }
}

/// Makes sure that a program can be started. It is ended at once.
pub(super) fn try_out(words: &[String], allowance: Allowance) -> Result<(), String> {
    Process::start(words, limits_of(allowance)).map(drop).map_err(|error| error.to_string())
}

fn limits_of(Allowance { memory_bytes, tasks, .. }: Allowance) -> Limits {
    Limits { line_bytes_max: limits::LINE_BYTES_MAX, memory_bytes_max: memory_bytes, tasks_max: tasks }
}

/// A process that speaks the protocol.
pub(super) struct External {
    name: String,
    allowance: Allowance,
    process: Process,
    outgoing: Vec<u8>,
}

impl External {
    /// Starts the program of the node of this name.
    pub(super) fn start(name: &str, words: &[String], allowance: Allowance) -> Result<External, Trouble> {
        let process = Process::start(words, limits_of(allowance));
        let process = process.map_err(|error| Trouble::Limit(error.to_string()))?;
        Ok(External { name: name.to_owned(), allowance, process, outgoing: Vec::new() })
    }

    fn hear(&mut self, limit_ns: u64, actions: &mut Vec<Action>) -> Result<(), Trouble> {
        let since = Stopwatch::start();
        let (mut bytes, mut count) = (0, 0);
        loop {
            let line = self.process.line(since, limit_ns).map_err(|failure| trouble(failure, limit_ns))?;
            bytes += line.len();
            count += 1;
            if count > limits::ACTIONS_MAX {
                return Err(Trouble::Misconduct(format!("it does more than {} things", limits::ACTIONS_MAX)));
            }
            if bytes > limits::TURN_BYTES_MAX {
                return Err(Trouble::Misconduct(format!("it says more than {} MiB", limits::TURN_BYTES_MAX >> 20)));
            }
            let action = protocol::read(&self.name, line)
                .map_err(|why| Trouble::Misconduct(format!("{why}; its line: {}", shown(line))))?;
            if matches!(action, Action::Tell(ToSimulator::Done)) {
                break;
            }
            actions.push(action);
        }
        Ok(())
    }
}

impl Brain for External {
    fn turn(&mut self, event: &Event, actions: &mut Vec<Action>) -> Result<(), Trouble> {
        self.outgoing.clear();
        serde_json::to_writer(&mut self.outgoing, event).expect("an event is JSON");
        self.outgoing.push(b'\n');
        if self.process.speaks_unasked() {
            return Err(Trouble::Misconduct(
                "it has said something since it was done, without being told anything".to_owned(),
            ));
        }
        self.process.say(&self.outgoing);
        let is_first = matches!(event.body, EventBody::Simulator(FromSimulator::Init { .. }));
        let heard = self.hear(if is_first { self.allowance.first_turn_ns } else { self.allowance.turn_ns }, actions);
        if heard.is_err() {
            self.process.end();
        }
        heard
    }

    fn last_words(&self) -> Option<String> {
        let printed = self.process.printed();
        let text = String::from_utf8_lossy(&printed);
        let lines: Vec<String> = text.lines().map(|line| format!("  | {}", bounded(line))).collect();
        let last = lines.len().saturating_sub(LAST_LINES);
        (!lines.is_empty()).then(|| lines[last..].join("\n"))
    }
}

/// How many lines of the standard error are shown.
const LAST_LINES: usize = 12;

fn trouble(failure: Failure, limit_ns: u64) -> Trouble {
    match failure {
        Failure::Ended(how) => Trouble::Misconduct(format!("{how}, and was not done")),
        Failure::Closed => Trouble::Misconduct("it has closed its standard output, and was not done".to_owned()),
        Failure::Endless(line) => Trouble::Misconduct(format!(
            "its line is longer than {} MiB: {}",
            limits::LINE_BYTES_MAX >> 20,
            shown(&line)
        )),
        Failure::Killed(how) => Trouble::Limit(how),
        Failure::Greedy(how) => Trouble::Limit(how),
        Failure::Late(line) => {
            let begun = if line.is_empty() { String::new() } else { format!("; its line so far: {}", shown(&line)) };
            Trouble::Limit(format!(
                "it was not done after {} seconds on the wall clock: did it send `done`, and flush its output?{begun}",
                limit_ns / 1_000_000_000
            ))
        }
    }
}

/// The beginning of what a node said, made fit to be shown.
fn shown(line: &[u8]) -> String {
    // A character has at most four bytes.
    let begin = &line[..line.len().min(BOUNDED_MAX * 4)];
    bounded(&String::from_utf8_lossy(begin))
}
