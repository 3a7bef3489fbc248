//! Jepsen's log of operations on one register, as in the runs against etcd of 2014 (Kingsbury, "Jepsen: etcd and
//! Consul").
//!
//! ```text
//! INFO  jepsen.util - 2    :invoke  :cas    [1 4]
//! INFO  jepsen.util - 2    :fail    :cas    [1 4]
//! INFO  jepsen.util - 3    :ok      :read   nil
//! INFO  jepsen.util - 4    :info    :write  :timed-out
//! ```
//!
//! Fields are separated by tabs or spaces; lines that are not about an operation are passed over. `:fail :cas` with the
//! values of the invocation says that the comparison did not match, which is an answer; every other `:fail` says that
//! nothing happened, and `:info` that nobody knows. What it simplifies: the register is the key "" of our store, and
//! values are the words that the log has for them.

use std::sync::Arc;

use whitewater_kv::{Answer, Operation};

use super::recorder::{End, Recorder};
use super::{FormatError, quote};

/// What stands before the process in a line about an operation.
pub(super) const MARK: &str = "jepsen.util";

/// Reads a history.
pub(super) fn read(text: &str) -> Result<Recorder, FormatError> {
    let mut recorder = Recorder::default();
    for (line, content) in (1..).zip(text.lines()) {
        if let Some(event) = find_event(content) {
            let explain = |why| FormatError::at(line, format!("{why}; fix or remove this line: {}", quote(content)));
            let event = event.and_then(Event::read).map_err(explain)?;
            record(event, line, content, &mut recorder)?;
        }
    }
    Ok(recorder)
}

/// The process and the fields after it; `None` if the line is about something else, such as the nemesis.
fn find_event(line: &str) -> Option<Result<(u64, &str), String>> {
    let (_, rest) = line.split_once(MARK)?;
    let rest = rest.trim_start();
    let rest = rest.strip_prefix('-').unwrap_or(rest).trim_start();
    let (process, rest) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
    if process.is_empty() || !process.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    Some(process.parse().map(|process| (process, rest)).map_err(|_| "the process number is too large".to_string()))
}

enum Kind {
    Invoke,
    Ok,
    Fail,
    Info,
}

enum Function {
    Read,
    Write,
    CompareAndSwap,
}

struct Event<'l> {
    process: u64,
    kind: Kind,
    function: Function,
    value: &'l str,
}

impl<'l> Event<'l> {
    fn read((process, fields): (u64, &'l str)) -> Result<Event<'l>, String> {
        let (kind, rest) = next_field(fields);
        let kind = match kind {
            ":invoke" => Kind::Invoke,
            ":ok" => Kind::Ok,
            ":fail" => Kind::Fail,
            ":info" => Kind::Info,
            "" => return Err("the line ends after the process".to_string()),
            other => return Err(format!("unknown type {}, expected :invoke, :ok, :fail or :info", quote(other))),
        };
        let (function, value) = next_field(rest);
        let function = match function {
            ":read" => Function::Read,
            ":write" => Function::Write,
            ":cas" => Function::CompareAndSwap,
            "" => return Err("the line ends before the operation".to_string()),
            other => return Err(format!("unknown operation {}, expected :read, :write or :cas", quote(other))),
        };
        Ok(Event { process, kind, function, value: value.trim_end() })
    }

    fn operation(&self) -> Result<Operation, String> {
        let key: Arc<str> = "".into();
        match self.function {
            Function::Read => Ok(Operation::Get { key }),
            Function::Write => match read_value(self.value)? {
                Some(value) => Ok(Operation::Put { key, value }),
                None => Err("nil cannot be written".to_string()),
            },
            Function::CompareAndSwap => {
                let pair = self.value.strip_prefix('[').and_then(|pair| pair.strip_suffix(']'));
                let words: Vec<&str> = pair.unwrap_or_default().split_whitespace().collect();
                let [expected, new] = words[..] else {
                    return Err(format!("expected two values, such as [1 4], not {}", quote(self.value)));
                };
                let new = read_value(new)?.ok_or("nil cannot be written")?;
                Ok(Operation::CompareAndSwap { key, expected: read_value(expected)?, new })
            }
        }
    }
}

fn next_field(text: &str) -> (&str, &str) {
    let text = text.trim_start();
    let (field, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
    (field, rest.trim_start())
}

/// A value of the register; `None` for nil.
fn read_value(text: &str) -> Result<Option<Arc<str>>, String> {
    let is_word = |character: char| character.is_alphanumeric() || ['-', '_', '.', '"'].contains(&character);
    match text {
        "nil" => Ok(None),
        "" => Err("the line ends before the value".to_string()),
        word if word.chars().all(is_word) => Ok(Some(word.into())),
        other => Err(format!("{} is not a value of a register", quote(other))),
    }
}

fn record(event: Event<'_>, line: usize, content: &str, recorder: &mut Recorder) -> Result<(), FormatError> {
    let explain = |why: String| FormatError::at(line, format!("{why}; fix or remove this line: {}", quote(content)));
    if matches!(event.kind, Kind::Invoke) {
        return recorder.invoke(line, event.process, event.operation().map_err(explain)?);
    }
    let (asked, invoked) = recorder.in_flight(line, event.process)?;
    let mismatch = || {
        let process = event.process;
        explain(format!("process {process} completes another operation than it invoked in line {invoked}"))
    };
    let is_same_function = match event.function {
        Function::Read => matches!(asked, Operation::Get { .. }),
        Function::Write => matches!(asked, Operation::Put { .. }),
        Function::CompareAndSwap => matches!(asked, Operation::CompareAndSwap { .. }),
    };
    if !is_same_function {
        return Err(mismatch());
    }
    let end = match (&event.kind, &event.function) {
        (Kind::Ok | Kind::Invoke, Function::Read) => {
            End::Returned(Answer::Value(read_value(event.value).map_err(explain)?))
        }
        (Kind::Ok | Kind::Invoke, Function::Write | Function::CompareAndSwap) => {
            if event.operation().map_err(explain)? != *asked {
                return Err(mismatch());
            }
            let is_write = matches!(event.function, Function::Write);
            End::Returned(if is_write { Answer::Done } else { Answer::Swapped(true) })
        }
        (Kind::Fail, Function::CompareAndSwap) if event.operation().is_ok_and(|op| op == *asked) => {
            End::Returned(Answer::Swapped(false))
        }
        (Kind::Fail, Function::Read | Function::Write | Function::CompareAndSwap) => End::Failed,
        (Kind::Info, Function::Read | Function::Write | Function::CompareAndSwap) => End::Unknown,
    };
    recorder.complete(line, event.process, end);
    Ok(())
}
