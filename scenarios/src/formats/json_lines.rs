//! Our own format for histories that are written while they happen: a JSON object a line, for each event.
//!
//! ```json
//! {"schema": "whitewater/history-lines/v1", "model": "kv"}
//! {"type": "invoke", "process": 1, "op": "put", "key": "x", "value": "1"}
//! {"type": "invoke", "process": 2, "op": "get", "key": "x"}
//! {"type": "ok", "process": 1}
//! {"type": "ok", "process": 2, "read": null}
//! {"type": "invoke", "process": 1, "op": "delete", "key": "x", "time": 2000000}
//! {"type": "info", "process": 1, "time": 5000000}
//! ```
//!
//! - The first line may name the schema and the `model`, as in [`super::json`]; without it, it is `kv`.
//! - `type` and `process`: what happened, and to whom. A process has one operation at a time. `invoke` begins it; `ok`
//!   (it took effect), `fail` (it certainly had no effect) and `info` (nobody knows; it may take effect later) end it.
//! - An `invoke` has the operation and an `ok` the answer, in the words of [`super::json`].
//! - `time`, in nanoseconds, may be added for people to read; the order of the lines counts.
//!
//! What it simplifies: an event says nothing that another one has said, so a completion does not repeat its operation.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use whitewater_kv::spec::Missing;
use whitewater_kv::{Answer, Operation};
use whitewater_sim::Instant;
use whitewater_sim::history::{History, Outcome};

use super::error::{FormatError, Line, Wrong, quote};
use super::event::{Event, Step};
use super::json::{ModelName, json, offset_of, without_place};
use super::json_row::{Context, Kind, Row};
use super::lines::Reading;

/// The schema of the format.
pub(super) const SCHEMA: &str = "whitewater/history-lines/v1";

/// What the first line said.
#[derive(Default)]
pub(super) enum Header {
    /// There was no line yet.
    #[default]
    Awaited,
    /// The model.
    Known(ModelName),
}

impl Header {
    fn model(&self) -> ModelName {
        match self {
            Header::Awaited => ModelName::Kv,
            Header::Known(model) => *model,
        }
    }

    pub(super) fn missing(&self) -> Missing {
        self.model().missing()
    }
}

/// A line that may be the header; other fields are none of its business.
#[derive(Deserialize)]
struct MaybeHeader<'t> {
    #[serde(borrow, default)]
    schema: Option<Cow<'t, str>>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct HeaderRow<'t> {
    #[serde(borrow)]
    schema: Cow<'t, str>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    model: Option<ModelName>,
}

/// Reads a line; `None` if it is the header.
pub(super) fn read(line: Line<'_>, header: &mut Header, reading: &mut Reading) -> Result<Option<Event>, FormatError> {
    if matches!(header, Header::Awaited) {
        *header = Header::Known(ModelName::Kv);
        let first: MaybeHeader<'_> = parsed(line)?;
        if first.schema.is_some() {
            let row: HeaderRow<'_> = parsed(line)?;
            if row.schema != SCHEMA {
                let message =
                    format!("the schema is {}, but only {SCHEMA} can be read line by line", quote(&row.schema));
                return Err(FormatError::at(line.number, message));
            }
            *header = Header::Known(row.model.unwrap_or(ModelName::Kv));
            return Ok(None);
        }
    }
    let row: Row<'_> = parsed(line)?;
    let mut event = record(&row, line, header.model(), reading)?;
    event.at = Instant(row.time.unwrap_or(0));
    Ok(Some(event))
}

fn parsed<'t, T: Deserialize<'t>>(line: Line<'t>) -> Result<T, FormatError> {
    let content = line.content.trim_start();
    if !content.starts_with('{') {
        return Err(line.wrong(Wrong::new(content, "not an event in JSON: expected an object in braces")));
    }
    serde_json::from_str(line.content).map_err(|error| {
        let offset = offset_of(line.content, &error);
        let why = format!("not an event in JSON: {}", without_place(&error));
        line.wrong(Wrong::new(&line.content[offset..], why))
    })
}

fn record(row: &Row<'_>, line: Line<'_>, model: ModelName, reading: &mut Reading) -> Result<Event, FormatError> {
    let Reading { pairing, texts, .. } = reading;
    let mut context = Context { texts, keyless: model.keyless() };
    let explain = |why: String| line.wrong(Wrong::new(line.content.trim_start(), why));
    let kind = row.kind.ok_or_else(|| explain("it has no `type`; add one: invoke, ok, fail or info".to_string()))?;
    let process = row.process.ok_or_else(|| explain("it has no `process`; add one".to_string()))?;
    let foreign = [row.client, row.invoked, row.returned, row.failed, row.unknown, row.invoked_ns, row.ended_ns];
    if foreign.iter().any(Option::is_some) {
        let why = "`client`, `invoked`, `returned`, `failed`, `unknown`, `invoked_ns` and `ended_ns` belong to the JSON \
                   document; a line has `type`, `process` and `time`";
        return Err(explain(why.to_string()));
    }
    let place = line.place(line.content.trim_start());
    if kind != Kind::Ok {
        row.check_no_answer().map_err(explain)?;
    }
    if kind == Kind::Invoke {
        return pairing.invoke(place, process, row.operation(&mut context).map_err(explain)?);
    }
    let open = pairing.open(place, process)?;
    let repeated = "`op` belongs to an invoke: an event that ends an operation does not repeat it".to_string();
    row.op.map_or(Ok(()), |_| Err(repeated)).and_then(|()| row.check_arguments(None)).map_err(explain)?;
    let step = match kind {
        Kind::Ok | Kind::Invoke => Step::Returned(
            row.answer(&open.op, &mut context)
                .map_err(|why| explain(format!("{why} (the operation was invoked in line {})", open.line)))?,
        ),
        Kind::Fail => Step::Failed,
        Kind::Info => Step::Unknown,
    };
    Ok(pairing.end(line.number, process, step))
}

/// Writes a history in lines. Where a client has several operations at once, each further one is given to a process
/// of its own.
#[must_use]
pub fn write(history: &History<Operation, Answer>, missing: Missing) -> String {
    let operations = history.operations();
    let mut events = Vec::new();
    for (number, operation) in operations.iter().enumerate() {
        events.push((operation.invoked, None, number));
        let end = match &operation.outcome {
            Outcome::Open => continue,
            Outcome::Returned { stamp, at, .. } => (*stamp, Some((Kind::Ok, at)), number),
            Outcome::Failed { stamp, at } => (*stamp, Some((Kind::Fail, at)), number),
            Outcome::Unknown { stamp, at } => (*stamp, Some((Kind::Info, at)), number),
        };
        events.push(end);
    }
    events.sort_by_key(|(stamp, ..)| *stamp);
    let mut processes = Processes::new(history);
    let header = HeaderRow { schema: SCHEMA.into(), model: Some(ModelName::of(missing)) };
    let mut text = json(&header) + "\n";
    for (_, end, number) in events {
        let operation = &operations[number];
        let row = match end {
            None => {
                let mut row = Row::of(&operation.op);
                row.kind = Some(Kind::Invoke);
                row.process = Some(processes.take(operation.client, number));
                row.time = Some(operation.invoked_at.0);
                row
            }
            Some((kind, at)) => {
                let mut row = Row::default();
                (row.kind, row.process, row.time) = (Some(kind), Some(processes.give_back(number)), Some(at.0));
                if let Outcome::Returned { ret, .. } = &operation.outcome {
                    row.tell(ret);
                }
                row
            }
        };
        text += &json(&row);
        text.push('\n');
    }
    text
}

/// Which processes are busy, with which operations.
struct Processes {
    /// By the number of the operation.
    busy: BTreeMap<usize, u64>,
    taken: BTreeSet<u64>,
    /// The next number that no client has.
    next: u64,
}

impl Processes {
    fn new(history: &History<Operation, Answer>) -> Processes {
        let highest = history.operations().iter().map(|operation| operation.client).max();
        let next = highest.map_or(0, |highest| highest.wrapping_add(1));
        Processes { busy: BTreeMap::new(), taken: BTreeSet::new(), next }
    }

    fn take(&mut self, client: u64, operation: usize) -> u64 {
        let mut process = client;
        while self.taken.contains(&process) {
            process = self.next;
            self.next = self.next.wrapping_add(1);
        }
        self.taken.insert(process);
        self.busy.insert(operation, process);
        process
    }

    fn give_back(&mut self, operation: usize) -> u64 {
        let process = self.busy.remove(&operation).expect("what ends was begun");
        self.taken.remove(&process);
        process
    }
}
