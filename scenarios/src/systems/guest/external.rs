//! A node that is a program: one process for each life, told an event in a line, and heard until it is done with it.
//!
//! When it says something after that, before it is told the next event, nobody can see it: whether the line is there already when
//! the event is written depends on the machine. So lines are taken in the order in which they come, and such a one is the
//! beginning of the next answer, in every run. A `done` may name the event that it ends; then one too many is found out,
//! in every run, too.

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

    /// Hands over what is outgoing.
    fn tell(&mut self) -> Result<(), Trouble> {
        // Who has answered everything so far has read all of it, or answers without reading.
        if self.process.unread_bytes() > UNREAD_BYTES_MAX {
            return Err(Trouble::Limit(format!(
                "it is done with events that it has not read: there are more than {} MiB of them",
                UNREAD_BYTES_MAX >> 20
            )));
        }
        self.process.say(&self.outgoing);
        Ok(())
    }

    fn hear(&mut self, turn: u64, limit_ns: u64, actions: &mut Vec<Action>) -> Result<(), Trouble> {
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
            match action {
                Action::Tell(ToSimulator::Done { turn: None }) => return Ok(()),
                Action::Tell(ToSimulator::Done { turn: Some(named) }) if named == turn => return Ok(()),
                Action::Tell(ToSimulator::Done { turn: Some(named) }) => {
                    return Err(Trouble::Misconduct(format!(
                        "its `done` is for turn {named}, and this is turn {turn}: is it done with every event once?"
                    )));
                }
                Action::Send { .. } | Action::Tell(_) => actions.push(action),
            }
        }
    }
}

impl Brain for External {
    fn turn(&mut self, event: &Event, actions: &mut Vec<Action>) -> Result<(), Trouble> {
        self.outgoing.clear();
        serde_json::to_writer(&mut self.outgoing, event).expect("an event is JSON");
        self.outgoing.push(b'\n');
        let is_first = matches!(event.body, EventBody::Simulator(FromSimulator::Init { .. }));
        let limit_ns = if is_first { self.allowance.first_turn_ns } else { self.allowance.turn_ns };
        let heard = self.tell().and_then(|()| self.hear(event.turn, limit_ns, actions));
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

/// How much is kept for a node that does not read it. How much of that the system keeps, and when, is up to the machine.
const UNREAD_BYTES_MAX: usize = 8 << 20;

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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::value::RawValue;

    use super::*;

    /// What is said to a node in this turn: a mebibyte.
    fn event(turn: u64) -> Event {
        let body: Arc<RawValue> = RawValue::from_string(format!("\"{}\"", "x".repeat(1 << 20))).expect("JSON").into();
        Event { src: "n1".into(), dest: "n0".into(), body: EventBody::Node(body), now_us: 0, turn }
    }

    #[test]
    fn who_reads_nothing_is_not_told_without_end() {
        let words = ["yes", r#"{"dest": "sim", "body": {"type": "done"}}"#].map(str::to_owned);
        let mut node = External::start("n0", &words, Allowance::default()).expect("it starts");
        let trouble = (1..).find_map(|turn| node.turn(&event(turn), &mut Vec::new()).err().map(|why| (turn, why)));
        let (turn, why) = trouble.expect("there is always another turn");
        assert!(turn > 8, "it is not told off at once");
        let words = "it is done with events that it has not read: there are more than 8 MiB of them";
        assert_eq!(why, Trouble::Limit(words.to_owned()));
    }
}
