//! Our own format for histories: one JSON document, simple enough to be written by a shell script.
//!
//! ```json
//! {"schema": "whitewater/history/v1", "model": "kv", "operations": [
//!   {"client": 1, "op": "put", "key": "x", "value": "1", "invoked": 0, "returned": 2},
//!   {"client": 2, "op": "get", "key": "x", "invoked": 1, "returned": 3, "read": null},
//!   {"client": 1, "op": "cas", "key": "x", "expected": "1", "new": "2", "invoked": 4, "returned": 5, "swapped": true},
//!   {"client": 2, "op": "append", "key": "x", "value": "3", "invoked": 6, "unknown": 8},
//!   {"client": 1, "op": "delete", "key": "x", "invoked": 7, "failed": 9},
//!   {"client": 3, "op": "batch", "operations": [{"op": "put", "key": "y", "value": "1"}, {"op": "get", "key": "x"}],
//!     "invoked": 10, "returned": 11, "answers": [{}, {"read": "23"}]}
//! ]}
//! ```
//!
//! - `model`: `kv` (a missing key reads as null), `kv-empty` (as the empty string) or `register` (`key` may be left out).
//! - `op`: `get`, `put` and `append` (with `value`), `delete`, or `cas` (with `expected`, null for a missing key, and
//!   `new`); `range` (the keys `from` this one and, unless it is left out, before `to`; the first `limit` of them, or
//!   all); `get-revision`; `batch` (`operations`, without `client` and times, one after the other); `transaction` (if
//!   all of `compare` holds the operations of `then`, else those of `otherwise`). To compare: a `key` and one of `value`,
//!   `exists` (true or false) and `revision` (of its last change; 0 if it is missing).
//! - `invoked`: when, as an integer on one clock for all clients: a counter or a time in nanoseconds. Of two events at
//!   the same time an invocation counts as the earlier one, so that the operations overlap.
//! - One of `returned`, `failed` (it certainly had no effect) and `unknown` (the client gave up; it may take effect at
//!   any time) says when it ended; none: it never did.
//! - What returned has an answer: `read` for a get, `swapped` for a cas, `entries` for a range (pairs of key and value,
//!   in order), `revision` for a get-revision (`created`, `modified` and `version`, or null), `answers` for a batch and
//!   for a transaction (one object with such an answer for each operation that was done), `succeeded` for a transaction.
//! - `invoked_ns` and `ended_ns`, virtual times in nanoseconds, may be added for people to read.
//!
//! Revisions count, over all keys, the operations that changed something, from 1 on. What it simplifies: numbers are
//! renumbered densely when read; only their order counts.

use serde::{Deserialize, Serialize};
use whitewater_kv::spec::Missing;
use whitewater_kv::{Answer, Operation};
use whitewater_sim::Instant;
use whitewater_sim::history::{self, History, OperationId, Outcome};

use super::FormatError;
use super::json_row::Row;
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
        let client = row.client.ok_or_else(|| explain("it has no `client`; add one".to_string()))?;
        let invoked =
            row.invoked.ok_or_else(|| explain("it does not say when it was `invoked`; add that".to_string()))?;
        operations.push((client, row.operation(document.model == ModelName::Register).map_err(explain)?));
        events.push((invoked, Event::Invoke, number));
        if let Some((end, ended)) = end(row, invoked).map_err(explain)? {
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
                let (client, operation) = &operations[number];
                ids[number] = recorder.history.invoke(*client, operation.clone(), invoked_at);
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

/// How the operation of a row ended, and when.
fn end(row: &Row, invoked: u64) -> Result<Option<(End, u64)>, String> {
    let answer = row.answer()?;
    let (end, time) = match (row.returned, row.failed, row.unknown) {
        (None, None, None) => return Ok(None),
        (Some(time), None, None) => (End::Returned(answer.expect("a row that returned has an answer")), time),
        (None, Some(time), None) => (End::Failed, time),
        (None, None, Some(time)) => (End::Unknown, time),
        _ => return Err("it has more than one of `returned`, `failed` and `unknown`; keep one".to_string()),
    };
    if time < invoked {
        return Err(format!("it ended at {time}, before it was invoked at {invoked}"));
    }
    Ok(Some((end, time)))
}

/// Writes a history: one operation a line, so that files can be compared and searched.
#[must_use]
pub fn write(history: &History<Operation, Answer>, missing: Missing) -> String {
    let model = match missing {
        Missing::Nil => ModelName::Kv,
        Missing::Empty => ModelName::KvEmpty,
    };
    let rows: Vec<String> = history.operations().iter().map(|operation| json(&row(operation))).collect();
    let (schema, model) = (json(&SCHEMA), json(&model));
    format!("{{\"schema\": {schema}, \"model\": {model}, \"operations\": [\n{}\n]}}\n", rows.join(",\n"))
}

fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("strings and numbers are written without fail")
}

fn row(operation: &history::Operation<Operation, Answer>) -> Row {
    let mut row = Row::of(&operation.op);
    row.client = Some(operation.client);
    row.invoked = Some(operation.invoked);
    row.invoked_ns = Some(operation.invoked_at.0);
    let (place, stamp, at) = match &operation.outcome {
        Outcome::Open => return row,
        Outcome::Returned { ret, stamp, at } => {
            row.tell(ret);
            (&mut row.returned, stamp, at)
        }
        Outcome::Failed { stamp, at } => (&mut row.failed, stamp, at),
        Outcome::Unknown { stamp, at } => (&mut row.unknown, stamp, at),
    };
    *place = Some(*stamp);
    row.ended_ns = Some(at.0);
    row
}
