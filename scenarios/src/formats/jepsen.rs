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

use super::error::{FormatError, Line, Wrong, quote};
use super::event::{Event, Step};
use super::lines::Reading;
use super::texts::Texts;

/// What stands before the process in a line about an operation.
pub(super) const MARK: &str = "jepsen.util";

/// Reads a line; `None` if it is about something else than an operation.
pub(super) fn read(line: Line<'_>, reading: &mut Reading) -> Result<Option<Event>, FormatError> {
    let Some((process, rest)) = find_event(line.content) else { return Ok(None) };
    if process.is_empty() || !process.bytes().all(|byte| byte.is_ascii_digit()) {
        reading.passed_over += 1;
        return Ok(None);
    }
    let entry = Entry::read(process, rest, line).map_err(|wrong| line.wrong(wrong))?;
    entry.record(line, reading).map(Some)
}

/// The process and the fields after it; `None` if nothing of Jepsen's is in this line.
fn find_event(line: &str) -> Option<(&str, &str)> {
    let (_, rest) = line.split_once(MARK)?;
    let rest = rest.trim_start();
    let rest = rest.strip_prefix('-').unwrap_or(rest);
    Some(next_field(rest))
}

#[derive(Clone, Copy)]
enum Kind {
    Invoke,
    Ok,
    Fail,
    Info,
}

#[derive(Clone, Copy)]
enum Function {
    Read,
    Write,
    CompareAndSwap,
}

/// A line about an operation.
struct Entry<'l> {
    process: u64,
    /// Where the line says which process it is.
    process_part: &'l str,
    kind: Kind,
    function: Function,
    value: &'l str,
}

impl<'l> Entry<'l> {
    fn read(process_part: &'l str, fields: &'l str, line: Line<'l>) -> Result<Entry<'l>, Wrong<'l>> {
        let process =
            process_part.parse().map_err(|_| Wrong::new(process_part, "the process number is larger than 2^64 - 1"))?;
        let (kind_part, rest) = next_field(fields);
        let kind = match kind_part {
            ":invoke" => Kind::Invoke,
            ":ok" => Kind::Ok,
            ":fail" => Kind::Fail,
            ":info" => Kind::Info,
            "" => return Err(Wrong::new(line.end(), "the line ends after the process")),
            other => {
                let why = format!("unknown type {}, expected :invoke, :ok, :fail or :info", quote(other));
                return Err(Wrong::new(kind_part, why));
            }
        };
        let (function_part, value) = next_field(rest);
        let function = match function_part {
            ":read" => Function::Read,
            ":write" => Function::Write,
            ":cas" => Function::CompareAndSwap,
            "" => return Err(Wrong::new(line.end(), "the line ends before the operation")),
            other => {
                let why = format!("unknown operation {}, expected :read, :write or :cas", quote(other));
                return Err(Wrong::new(function_part, why));
            }
        };
        Ok(Entry { process, process_part, kind, function, value: value.trim_end() })
    }

    fn operation(&self, texts: &mut Texts) -> Result<Operation, Wrong<'l>> {
        let key = texts.share("");
        let written = |value: Option<Arc<str>>| value.ok_or_else(|| Wrong::new(self.value, "nil cannot be written"));
        match self.function {
            Function::Read => Ok(Operation::Get { key }),
            Function::Write => Ok(Operation::Put { key, value: written(read_value(self.value, texts)?)? }),
            Function::CompareAndSwap => {
                let pair = self.value.strip_prefix('[').and_then(|pair| pair.strip_suffix(']'));
                let mut words = pair.unwrap_or_default().split_whitespace();
                let (Some(expected), Some(new), None) = (words.next(), words.next(), words.next()) else {
                    let why = format!("expected two values, such as [1 4], not {}", quote(self.value));
                    return Err(Wrong::new(self.value, why));
                };
                let new = written(read_value(new, texts)?)?;
                Ok(Operation::CompareAndSwap { key, expected: read_value(expected, texts)?, new })
            }
        }
    }

    fn record(self, line: Line<'_>, reading: &mut Reading) -> Result<Event, FormatError> {
        let Reading { pairing, texts, .. } = reading;
        let place = line.place(self.process_part);
        if matches!(self.kind, Kind::Invoke) {
            let op = self.operation(texts).map_err(|wrong| line.wrong(wrong))?;
            return pairing.invoke(place, self.process, op);
        }
        let open = pairing.open(place, self.process)?;
        let mismatch = || {
            let (process, invoked) = (self.process, open.line);
            let why = format!("process {process} completes another operation than it invoked in line {invoked}");
            line.wrong(Wrong::new(self.process_part, why))
        };
        let is_same_function = match self.function {
            Function::Read => matches!(open.op, Operation::Get { .. }),
            Function::Write => matches!(open.op, Operation::Put { .. }),
            Function::CompareAndSwap => matches!(open.op, Operation::CompareAndSwap { .. }),
        };
        if !is_same_function {
            return Err(mismatch());
        }
        let step = match (self.kind, self.function) {
            (Kind::Ok | Kind::Invoke, Function::Read) => {
                let read = read_value(self.value, texts).map_err(|wrong| line.wrong(wrong))?;
                Step::Returned(Answer::Value(read))
            }
            (Kind::Ok | Kind::Invoke, function @ (Function::Write | Function::CompareAndSwap)) => {
                if self.operation(texts).map_err(|wrong| line.wrong(wrong))? != open.op {
                    return Err(mismatch());
                }
                let is_write = matches!(function, Function::Write);
                Step::Returned(if is_write { Answer::Done } else { Answer::Swapped(true) })
            }
            (Kind::Fail, Function::CompareAndSwap) if self.operation(texts).is_ok_and(|op| op == open.op) => {
                Step::Returned(Answer::Swapped(false))
            }
            (Kind::Fail, Function::Read | Function::Write | Function::CompareAndSwap) => Step::Failed,
            (Kind::Info, Function::Read | Function::Write | Function::CompareAndSwap) => Step::Unknown,
        };
        Ok(pairing.end(line.number, self.process, step))
    }
}

/// The next field, and what comes after it.
fn next_field(text: &str) -> (&str, &str) {
    let text = text.trim_start();
    let (field, rest) = text.split_once(char::is_whitespace).unwrap_or((text, &text[text.len()..]));
    (field, rest.trim_start())
}

/// A value of the register; `None` for nil.
fn read_value<'l>(text: &'l str, texts: &mut Texts) -> Result<Option<Arc<str>>, Wrong<'l>> {
    let is_word = |character: char| character.is_alphanumeric() || ['-', '_', '.', '"'].contains(&character);
    match text {
        "nil" => Ok(None),
        "" => Err(Wrong::new(text, "the line ends before the value")),
        word if word.chars().all(is_word) => Ok(Some(texts.share(word))),
        other => Err(Wrong::new(text, format!("{} is not a value of a register", quote(other)))),
    }
}
