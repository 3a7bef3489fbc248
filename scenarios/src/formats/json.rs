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

use serde::de::{DeserializeSeed, Deserializer, Error as _, SeqAccess, Visitor};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use whitewater_kv::spec::Missing;
use whitewater_kv::{Answer, Operation};
use whitewater_sim::Instant;
use whitewater_sim::history::{self, History, OperationId, Outcome};

use super::error::{FormatError, Place, shortened};
use super::event::Step;
use super::json_row::{Context, Keyless, Row};
use super::lines::{OPERATION_BYTES_MAX, too_long};
use super::texts::Texts;

const SCHEMA: &str = "whitewater/history/v1";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document<'t> {
    schema: String,
    model: ModelName,
    #[serde(borrow)]
    operations: &'t RawValue,
}

/// What the operations are on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum ModelName {
    Kv,
    KvEmpty,
    Register,
}

impl ModelName {
    pub(super) fn of(missing: Missing) -> ModelName {
        match missing {
            Missing::Nil => ModelName::Kv,
            Missing::Empty => ModelName::KvEmpty,
        }
    }

    pub(super) fn missing(self) -> Missing {
        match self {
            ModelName::Kv | ModelName::Register => Missing::Nil,
            ModelName::KvEmpty => Missing::Empty,
        }
    }

    pub(super) fn keyless(self) -> Keyless {
        match self {
            ModelName::Kv | ModelName::KvEmpty => Keyless::Refused,
            ModelName::Register => Keyless::Register,
        }
    }
}

/// Reads a history, and what a missing key reads as.
pub(super) fn read(text: &str) -> Result<(History<Operation, Answer>, Missing), FormatError> {
    let whole = Part { text, offset: 0 };
    let document: Document<'_> = serde_json::from_str(text).map_err(|error| whole.refused(&error))?;
    if document.schema != SCHEMA {
        let schema = super::quote(&document.schema);
        return Err(FormatError::whole(format!("the schema is {schema}, but only {SCHEMA} can be read")));
    }
    let mut rows = Rows { text, keyless: document.model.keyless(), texts: Texts::default(), read: Vec::new() };
    let mut failure = None;
    let operations = Part::of(document.operations.get(), text);
    let mut deserializer = serde_json::Deserializer::from_str(operations.inside());
    let list = List { rows: &mut rows, failure: &mut failure };
    let outcome = list.deserialize(&mut deserializer).map_err(|error| operations.refused(&error));
    failure.map_or(outcome, Err)?;
    Ok((rows.into_history(), document.model.missing()))
}

/// A part of the text of a file.
#[derive(Clone, Copy)]
struct Part<'t> {
    /// The whole text, up to the end of this part.
    text: &'t str,
    offset: usize,
}

impl<'t> Part<'t> {
    fn of(part: &'t str, text: &'t str) -> Part<'t> {
        let offset = part.as_ptr() as usize - text.as_ptr() as usize;
        Part { text: &text[..offset + part.len()], offset }
    }

    fn inside(self) -> &'t str {
        &self.text[self.offset..]
    }

    /// Where something is that is this many bytes behind the beginning of the part.
    fn place(self, offset: usize) -> Place {
        let before = &self.text[..self.offset + offset];
        let line = before.rfind('\n').map_or(0, |end| end + 1);
        Place { line: 1 + before.matches('\n').count(), column: Some(1 + before[line..].chars().count()) }
    }

    fn refused(self, error: &serde_json::Error) -> FormatError {
        let offset = offset_of(self.inside(), error);
        let why = without_place(error);
        FormatError::at(
            self.place(offset),
            format!("not a history in JSON: {why}; see the documentation of the format"),
        )
    }
}

/// How many bytes from the beginning of a text something is wrong with it; there a character begins, or the text ends.
pub(super) fn offset_of(text: &str, error: &serde_json::Error) -> usize {
    let begin = match error.line() {
        0 | 1 => 0,
        line => text.match_indices('\n').nth(line - 2).map_or(text.len(), |(end, _)| end + 1),
    };
    let offset = (begin + error.column().saturating_sub(1)).min(text.len());
    (0..=offset).rev().find(|offset| text.is_char_boundary(*offset)).unwrap_or(0)
}

/// The message alone: the place is told apart from it.
pub(super) fn without_place(error: &serde_json::Error) -> String {
    let message = error.to_string();
    let why = message.rsplit_once(" at line ").map_or(&*message, |(why, _)| why);
    match why.strip_suffix("expected u64") {
        Some(found) => shortened(&format!("{found}expected a whole number from 0 to 2^64 - 1")),
        None => shortened(why),
    }
}

/// The operations that were read so far.
struct Rows<'t> {
    text: &'t str,
    keyless: Keyless,
    texts: Texts,
    read: Vec<Read>,
}

/// An operation that was read.
struct Read {
    client: u64,
    op: Operation,
    invoked: u64,
    invoked_at: Instant,
    end: Option<(Step, u64)>,
    ended_at: Instant,
}

impl<'t> Rows<'t> {
    fn row(&mut self, raw: &'t RawValue) -> Result<(), FormatError> {
        let part = Part::of(raw.get(), self.text);
        let number = self.read.len();
        let explain = |why| FormatError::at(part.place(0), format!("operation {number} (counted from 0): {why}"));
        if part.inside().len() > OPERATION_BYTES_MAX {
            return Err(too_long(part.place(0).line));
        }
        if !part.inside().starts_with('{') {
            return Err(explain("it is not an object in braces".to_string()));
        }
        let row: Row<'_> = serde_json::from_str(part.inside()).map_err(|error| part.refused(&error))?;
        let mut context = Context { texts: &mut self.texts, keyless: self.keyless };
        if row.kind.is_some() || row.process.is_some() || row.time.is_some() {
            let why = "`type`, `process` and `time` belong to JSON lines; see the documentation of both formats";
            return Err(explain(why.to_string()));
        }
        let client = row.client.ok_or_else(|| explain("it has no `client`; add one".to_string()))?;
        let op = row.operation(&mut context).map_err(explain)?;
        let invoked =
            row.invoked.ok_or_else(|| explain("it does not say when it was `invoked`; add that".to_string()))?;
        let end = end(&row, &op, invoked, &mut context).map_err(explain)?;
        let (invoked_at, ended_at) = (row.invoked_ns.unwrap_or(0), row.ended_ns.unwrap_or(0));
        let (invoked_at, ended_at) = (Instant(invoked_at), Instant(ended_at));
        self.read.push(Read { client, op, invoked, invoked_at, end, ended_at });
        Ok(())
    }

    fn into_history(mut self) -> History<Operation, Answer> {
        let mut events = Vec::new();
        for (number, read) in self.read.iter().enumerate() {
            events.push((read.invoked, Side::Invoke, number));
            events.extend(read.end.as_ref().map(|(_, ended)| (*ended, Side::End, number)));
        }
        // The sort is stable: of events at one time, invocations come first, else the order of the file decides.
        events.sort_by_key(|(time, side, _)| (*time, *side));
        let mut history = History::new();
        let mut ids = vec![OperationId(0); self.read.len()];
        for (_, side, number) in events {
            let read = &mut self.read[number];
            match side {
                Side::Invoke => ids[number] = history.invoke(read.client, read.op.clone(), read.invoked_at),
                Side::End => match read.end.take() {
                    Some((Step::Returned(answer), _)) => history.returned(ids[number], answer, read.ended_at),
                    Some((Step::Failed, _)) => history.failed(ids[number], read.ended_at),
                    Some((Step::Unknown, _)) => history.unknown(ids[number], read.ended_at),
                    Some((Step::Invoked(_), _)) | None => unreachable!("an operation ends once, and by its end"),
                },
            }
        }
        history
    }
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Side {
    Invoke,
    End,
}

/// The list of operations, which are read one by one, so that only one is held as a row.
struct List<'r, 't> {
    rows: &'r mut Rows<'t>,
    /// What is wrong with an operation.
    failure: &'r mut Option<FormatError>,
}

impl<'t> DeserializeSeed<'t> for List<'_, 't> {
    type Value = ();

    fn deserialize<D: Deserializer<'t>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'t> Visitor<'t> for List<'_, 't> {
    type Value = ();

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a list of operations")
    }

    fn visit_seq<A: SeqAccess<'t>>(self, mut list: A) -> Result<(), A::Error> {
        while let Some(raw) = list.next_element()? {
            if let Err(error) = self.rows.row(raw) {
                *self.failure = Some(error);
                return Err(A::Error::custom("an operation is refused"));
            }
        }
        Ok(())
    }
}

/// How the operation of a row ended, and when.
fn end(row: &Row<'_>, op: &Operation, invoked: u64, context: &mut Context<'_>) -> Result<Option<(Step, u64)>, String> {
    let (step, time) = match (row.returned, row.failed, row.unknown) {
        (Some(time), None, None) => (Step::Returned(row.answer(op, context)?), time),
        (returned, failed, unknown) => {
            row.check_no_answer()?;
            match (returned, failed, unknown) {
                (None, None, None) => return Ok(None),
                (None, Some(time), None) => (Step::Failed, time),
                (None, None, Some(time)) => (Step::Unknown, time),
                _ => return Err("it has more than one of `returned`, `failed` and `unknown`; keep one".to_string()),
            }
        }
    };
    if time < invoked {
        return Err(format!("it ended at {time}, before it was invoked at {invoked}"));
    }
    Ok(Some((step, time)))
}

/// Writes a history: one operation a line, so that files can be compared and searched.
#[must_use]
pub fn write(history: &History<Operation, Answer>, missing: Missing) -> String {
    let rows: Vec<String> = history.operations().iter().map(|operation| json(&row(operation))).collect();
    let (schema, model) = (json(&SCHEMA), json(&ModelName::of(missing)));
    format!("{{\"schema\": {schema}, \"model\": {model}, \"operations\": [\n{}\n]}}\n", rows.join(",\n"))
}

pub(super) fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("strings and numbers are written without fail")
}

fn row(operation: &history::Operation<Operation, Answer>) -> Row<'_> {
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
