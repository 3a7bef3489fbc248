//! A history in the formats of others, so that their checkers can judge it: what [`super::parse`] reads back.
//!
//! A format that has no word for an operation refuses the history rather than leave something out. What it simplifies: in
//! the EDN of Jepsen a compare-and-swap that did not swap is a `:fail`, which says less than the answer did; how many there
//! were is told.

use std::collections::BTreeSet;
use std::fmt::Write;

use whitewater_kv::spec::Missing;
use whitewater_kv::{Answer, Operation};
use whitewater_sim::history::{History, Outcome, Stamp};

/// A history that was written down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// The text of the file.
    pub text: String,
    /// How many answers the format has weaker words for.
    pub weakened: u64,
}

/// One end of an operation.
enum Side<'h> {
    Invoked,
    Returned(&'h Answer),
    Failed,
    Unknown,
}

/// What happened to an operation: when in the order of events, and in virtual time, to which client.
type Entry<'h> = (Stamp, u64, u64, &'h Operation, Side<'h>);

/// The invocations and ends of all operations, in their order.
///
/// A client with several operations at once is several processes: the formats have one at a time.
fn entries(history: &History<Operation, Answer>) -> Vec<Entry<'_>> {
    let mut entries: Vec<Entry<'_>> = Vec::new();
    // Until when each process is busy; a process that does not know the outcome of an operation is never used again.
    let mut busy: Vec<(u64, u64, Stamp)> = Vec::new();
    let mut taken: BTreeSet<u64> = history.operations().iter().map(|operation| operation.client).collect();
    for operation in history.operations() {
        let end = match &operation.outcome {
            Outcome::Returned { ret, stamp, at } => Some((*stamp, at.0, Side::Returned(ret))),
            Outcome::Failed { stamp, at } => Some((*stamp, at.0, Side::Failed)),
            Outcome::Unknown { stamp, at } => Some((*stamp, at.0, Side::Unknown)),
            Outcome::Open => None,
        };
        let until = match &end {
            Some((stamp, _, Side::Returned(_) | Side::Failed)) => *stamp,
            Some((_, _, Side::Invoked | Side::Unknown)) | None => Stamp::MAX,
        };
        let free = busy.iter_mut().find(|(client, _, until)| *client == operation.client && *until < operation.invoked);
        let process = match free {
            Some((_, process, busy)) => {
                *busy = until;
                *process
            }
            None => {
                let is_first = busy.iter().all(|(client, ..)| *client != operation.client);
                let next = taken.last().map_or(0, |last| last + 1);
                let process = if is_first { operation.client } else { next };
                taken.insert(process);
                busy.push((operation.client, process, until));
                process
            }
        };
        entries.push((operation.invoked, operation.invoked_at.0, process, &operation.op, Side::Invoked));
        entries.extend(end.map(|(stamp, at_ns, side)| (stamp, at_ns, process, &operation.op, side)));
    }
    entries.sort_by_key(|(stamp, ..)| *stamp);
    entries
}

/// The history as Jepsen writes it, with keys as in `jepsen.independent`.
///
/// # Errors
/// If there is an operation in it that Jepsen's registers do not have, with what to do instead.
pub fn write_edn(history: &History<Operation, Answer>) -> Result<Written, String> {
    let mut written = Written { text: String::new(), weakened: 0 };
    for (index, (_, at_ns, process, op, side)) in entries(history).into_iter().enumerate() {
        let (function, key, value) = match op {
            Operation::Get { key } => {
                let read = if let Side::Returned(Answer::Value(Some(read))) = &side { quoted(read) } else { nil() };
                ("read", key, read)
            }
            Operation::Put { key, value } => ("write", key, quoted(value)),
            Operation::CompareAndSwap { key, expected, new } => {
                let expected = expected.as_ref().map_or_else(nil, |expected| quoted(expected));
                ("cas", key, format!("[{expected} {}]", quoted(new)))
            }
            Operation::Append { .. } => return Err(refused("edn", op, "porcupine or json")),
            Operation::Delete { .. }
            | Operation::GetRevision { .. }
            | Operation::Range { .. }
            | Operation::Transaction { .. }
            | Operation::Batch(_) => return Err(refused("edn", op, "json")),
        };
        let kind = match side {
            Side::Invoked => "invoke",
            Side::Returned(Answer::Swapped(false)) => {
                written.weakened += 1;
                "fail"
            }
            Side::Returned(_) => "ok",
            Side::Failed => "fail",
            Side::Unknown => "info",
        };
        // Writing into a string does not fail.
        let _ = writeln!(
            written.text,
            "{{:index {index}, :time {at_ns}, :type :{kind}, :process {process}, :f :{function}, :value [{} {value}]}}",
            quoted(key)
        );
    }
    Ok(written)
}

/// The history as in the tests of Porcupine, where a missing key reads as the empty string.
///
/// # Errors
/// If there is an operation in it that they do not have, or an empty value, with what to do instead.
pub fn write_porcupine(history: &History<Operation, Answer>, missing: Missing) -> Result<Written, String> {
    let mut text = String::new();
    for (_, _, process, op, side) in entries(history) {
        let (function, key, value) = match op {
            Operation::Get { key } => {
                let read = match &side {
                    Side::Returned(Answer::Value(read)) => quoted(read.as_deref().unwrap_or_default()),
                    Side::Returned(_) | Side::Invoked | Side::Failed | Side::Unknown => nil(),
                };
                ("get", key, read)
            }
            Operation::Put { value, .. } | Operation::Append { value, .. }
                if value.is_empty() && missing == Missing::Nil =>
            {
                return Err("in the format porcupine an empty value looks like a missing key; use json".to_owned());
            }
            Operation::Put { key, value } => ("put", key, quoted(value)),
            Operation::Append { key, value } => ("append", key, quoted(value)),
            Operation::CompareAndSwap { .. } => return Err(refused("porcupine", op, "edn or json")),
            Operation::Delete { .. }
            | Operation::GetRevision { .. }
            | Operation::Range { .. }
            | Operation::Transaction { .. }
            | Operation::Batch(_) => return Err(refused("porcupine", op, "json")),
        };
        let kind = match side {
            Side::Invoked => "invoke",
            Side::Returned(_) => "ok",
            Side::Failed => "fail",
            Side::Unknown => "info",
        };
        // Writing into a string does not fail.
        let _ = writeln!(
            text,
            "{{:process {process}, :type :{kind}, :f :{function}, :key {}, :value {value}}}",
            quoted(key)
        );
    }
    Ok(Written { text, weakened: 0 })
}

fn refused(format: &str, op: &Operation, instead: &str) -> String {
    format!("the format {format} has no {}; use {instead}", describe_kind(op))
}

/// What kind of operation it is.
fn describe_kind(op: &Operation) -> &'static str {
    match op {
        Operation::Get { .. } => "get",
        Operation::Put { .. } => "put",
        Operation::Append { .. } => "append",
        Operation::Delete { .. } => "delete",
        Operation::CompareAndSwap { .. } => "cas",
        Operation::GetRevision { .. } => "get-revision",
        Operation::Range { .. } => "range",
        Operation::Transaction { .. } => "transaction",
        Operation::Batch(_) => "batch",
    }
}

fn nil() -> String {
    "nil".to_owned()
}

/// A string with the escapes of EDN.
fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for character in text.chars() {
        match character {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            other => quoted.push(other),
        }
    }
    quoted.push('"');
    quoted
}
