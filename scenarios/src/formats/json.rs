//! Our own format for histories: one JSON document, simple enough to be written by a shell script.
//!
//! ```json
//! {"schema": "whitewater/history/v1", "model": "kv", "operations": [
//!   {"client": 1, "op": "put", "key": "x", "value": "1", "invoked": 0, "returned": 2},
//!   {"client": 2, "op": "get", "key": "x", "invoked": 1, "returned": 3, "read": null},
//!   {"client": 1, "op": "cas", "key": "x", "expected": "1", "new": "2", "invoked": 4, "returned": 5, "swapped": true},
//!   {"client": 2, "op": "append", "key": "x", "value": "3", "invoked": 6, "unknown": 8},
//!   {"client": 1, "op": "delete", "key": "x", "invoked": 7, "failed": 9}
//! ]}
//! ```
//!
//! - `model`: `kv` (a missing key reads as null), `kv-empty` (as the empty string) or `register` (`key` may be left out).
//! - `op`: `get`, `put` and `append` (with `value`), `delete`, or `cas` (with `expected`, null for a missing key, and
//!   `new`).
//! - `invoked`: when, as an integer on one clock for all clients: a counter or a time in nanoseconds. Of two events at
//!   the same time an invocation counts as the earlier one, so that the operations overlap.
//! - One of `returned` (with `read` for a get and `swapped` for a cas), `failed` (it certainly had no effect) and
//!   `unknown` (the client gave up; it may take effect at any time) says when it ended; none: it never did.
//! - `invoked_ns` and `ended_ns`, virtual times in nanoseconds, may be added for people to read.
//!
//! What it simplifies: numbers are renumbered densely when read; only their order counts.

use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize};
use whitewater_kv::spec::Missing;
use whitewater_kv::{Answer, Operation};
use whitewater_sim::Instant;
use whitewater_sim::history::{self, History, OperationId, Outcome};

use super::FormatError;
use super::recorder::{End, Recorder};

const SCHEMA: &str = "whitewater/history/v1";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    schema: String,
    model: ModelName,
    operations: Vec<Row>,
}

#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum ModelName {
    Kv,
    KvEmpty,
    Register,
}

#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Function {
    Get,
    Put,
    Append,
    Delete,
    Cas,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    client: u64,
    op: Function,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    key: Option<Arc<str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    value: Option<Arc<str>>,
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "stated")]
    expected: Option<Option<Arc<str>>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    new: Option<Arc<str>>,
    invoked: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    returned: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "stated")]
    read: Option<Option<Arc<str>>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    swapped: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    failed: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    unknown: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    invoked_ns: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ended_ns: Option<u64>,
}

/// Tells null from absent.
fn stated<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<Arc<str>>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

/// Reads a history, and what a missing key reads as.
pub(super) fn read(text: &str) -> Result<(Recorder, Missing), FormatError> {
    let document: Document = serde_json::from_str(text).map_err(|error| {
        FormatError::at(error.line(), format!("not a history in JSON: {error}; see the documentation of the format"))
    })?;
    if document.schema != SCHEMA {
        let schema = super::quote(&document.schema);
        return Err(FormatError::whole(format!("the schema is {schema}, but only {SCHEMA} can be read")));
    }
    let mut events = Vec::new();
    let mut operations = Vec::new();
    for (number, row) in document.operations.iter().enumerate() {
        let explain = |why| FormatError::whole(format!("operation {number} (counted from 0): {why}"));
        operations.push(row.operation(document.model).map_err(explain)?);
        events.push((row.invoked, Event::Invoke, number));
        if let Some((end, ended)) = row.end().map_err(explain)? {
            events.push((ended, Event::End(end), number));
        }
    }
    // The sort is stable: of events at one time, invocations come first, else the order of the file decides.
    events.sort_by_key(|(time, event, _)| (*time, matches!(event, Event::End(_))));
    let mut recorder = Recorder::default();
    let mut ids = vec![OperationId(0); operations.len()];
    for (_, event, number) in events {
        let row = &document.operations[number];
        let ended_at = Instant(row.ended_ns.unwrap_or(0));
        match event {
            Event::Invoke => {
                let invoked_at = Instant(row.invoked_ns.unwrap_or(0));
                ids[number] = recorder.history.invoke(row.client, operations[number].clone(), invoked_at);
            }
            Event::End(End::Returned(answer)) => recorder.history.returned(ids[number], answer, ended_at),
            Event::End(End::Failed) => recorder.history.failed(ids[number], ended_at),
            Event::End(End::Unknown) => recorder.history.unknown(ids[number], ended_at),
        }
    }
    let missing = match document.model {
        ModelName::Kv | ModelName::Register => Missing::Nil,
        ModelName::KvEmpty => Missing::Empty,
    };
    Ok((recorder, missing))
}

enum Event {
    Invoke,
    End(End),
}

impl Row {
    fn operation(&self, model: ModelName) -> Result<Operation, String> {
        let key = match (&self.key, model) {
            (Some(key), _) => Arc::clone(key),
            (None, ModelName::Register) => "".into(),
            (None, ModelName::Kv | ModelName::KvEmpty) => return Err("it has no `key`; add one".to_string()),
        };
        let has_value = matches!(self.op, Function::Put | Function::Append);
        let has_expected = matches!(self.op, Function::Cas);
        if self.value.is_some() != has_value {
            return Err("`value` belongs to put and append, and to nothing else".to_string());
        }
        if self.expected.is_some() != has_expected || self.new.is_some() != has_expected {
            return Err("`expected` and `new` belong to cas, and to nothing else".to_string());
        }
        let value = self.value.clone().unwrap_or_default();
        Ok(match self.op {
            Function::Get => Operation::Get { key },
            Function::Put => Operation::Put { key, value },
            Function::Append => Operation::Append { key, value },
            Function::Delete => Operation::Delete { key },
            Function::Cas => Operation::CompareAndSwap {
                key,
                expected: self.expected.clone().flatten(),
                new: self.new.clone().unwrap_or_default(),
            },
        })
    }

    fn end(&self) -> Result<Option<(End, u64)>, String> {
        let has_returned = self.returned.is_some();
        if self.read.is_some() != (has_returned && matches!(self.op, Function::Get)) {
            return Err("`read` belongs to a get that returned, and to nothing else".to_string());
        }
        if self.swapped.is_some() != (has_returned && matches!(self.op, Function::Cas)) {
            return Err("`swapped` belongs to a cas that returned, and to nothing else".to_string());
        }
        let (end, time) = match (self.returned, self.failed, self.unknown) {
            (None, None, None) => return Ok(None),
            (Some(time), None, None) => {
                let answer = match (&self.read, self.swapped) {
                    (Some(read), _) => Answer::Value(read.clone()),
                    (None, Some(swapped)) => Answer::Swapped(swapped),
                    (None, None) => Answer::Done,
                };
                (End::Returned(answer), time)
            }
            (None, Some(time), None) => (End::Failed, time),
            (None, None, Some(time)) => (End::Unknown, time),
            _ => return Err("it has more than one of `returned`, `failed` and `unknown`; keep one".to_string()),
        };
        if time < self.invoked {
            return Err(format!("it ended at {time}, before it was invoked at {}", self.invoked));
        }
        Ok(Some((end, time)))
    }
}

/// Writes a history: one operation a line, so that files can be compared and searched.
#[must_use]
pub fn write(history: &History<Operation, Answer>, missing: Missing) -> String {
    let model = match missing {
        Missing::Nil => ModelName::Kv,
        Missing::Empty => ModelName::KvEmpty,
    };
    let rows: Vec<String> = history.operations().iter().map(|operation| json(&Row::from(operation))).collect();
    let (schema, model) = (json(&SCHEMA), json(&model));
    format!("{{\"schema\": {schema}, \"model\": {model}, \"operations\": [\n{}\n]}}\n", rows.join(",\n"))
}

fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("strings and numbers are written without fail")
}

impl From<&history::Operation<Operation, Answer>> for Row {
    fn from(operation: &history::Operation<Operation, Answer>) -> Row {
        let (function, value, expected, new) = match &operation.op {
            Operation::Get { .. } => (Function::Get, None, None, None),
            Operation::Put { value, .. } => (Function::Put, Some(value), None, None),
            Operation::Append { value, .. } => (Function::Append, Some(value), None, None),
            Operation::Delete { .. } => (Function::Delete, None, None, None),
            Operation::CompareAndSwap { expected, new, .. } => (Function::Cas, None, Some(expected), Some(new)),
        };
        let mut row = Row {
            client: operation.client,
            op: function,
            key: Some(Arc::clone(operation.op.key())),
            value: value.cloned(),
            expected: expected.cloned(),
            new: new.cloned(),
            invoked: operation.invoked,
            returned: None,
            read: None,
            swapped: None,
            failed: None,
            unknown: None,
            invoked_ns: Some(operation.invoked_at.0),
            ended_ns: None,
        };
        let (place, stamp, at) = match &operation.outcome {
            Outcome::Open => return row,
            Outcome::Returned { ret, stamp, at } => {
                match ret {
                    Answer::Value(value) => row.read = Some(value.clone()),
                    Answer::Swapped(swapped) => row.swapped = Some(*swapped),
                    Answer::Done => {}
                }
                (&mut row.returned, stamp, at)
            }
            Outcome::Failed { stamp, at } => (&mut row.failed, stamp, at),
            Outcome::Unknown { stamp, at } => (&mut row.unknown, stamp, at),
        };
        *place = Some(*stamp);
        row.ended_ns = Some(at.0);
        row
    }
}
