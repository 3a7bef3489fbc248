//! The run in the Trace Event Format, for Perfetto and `chrome://tracing`.
//!
//! Each node is a process with tracks of its own: roles, operations and what happened as slices, syncs of the disk and faults
//! as asynchronous slices, because those overlap; messages are flows between the slices of their sending and arrival. Times
//! are microseconds of virtual time. What it simplifies: an operation that was never answered lasts to the end of the run,
//! and operations of a client that overlap, which only foreign histories have, are asynchronous slices as well.

use serde_json::{Value, json};

use crate::timeline::{End, Kind, LaneKind, Operation, SpanKind, Timeline};

/// The tracks of a node.
const STEPS: u64 = 1;
const ROLES: u64 = 2;
const OPERATIONS: u64 = 3;

/// The process of what concerns no node in particular.
const EVERYBODY: u64 = 0;

/// The trace as JSON, an event a line.
#[must_use]
pub fn chrome(timeline: &Timeline) -> String {
    let mut events = names(timeline);
    events.extend(timeline.steps.iter().map(|step| {
        json!({
            "ph": "X", "pid": process(step.lane), "tid": STEPS, "ts": micros(step.at_ns), "dur": 0.001,
            "name": step.text, "cat": category(step.kind), "args": {"event": step.event},
        })
    }));
    for (number, span) in timeline.spans.iter().enumerate() {
        let (from, until) = (at(timeline, Some(span.from)), at(timeline, span.until));
        let place = Place { lane: span.lane, track: ROLES, name: &span.label };
        match span.kind {
            SpanKind::Role(_) => events.push(place.slice("role", from, until)),
            SpanKind::Down => events.extend(place.overlapping("down", number, from, until)),
            SpanKind::Sync => events.extend(place.overlapping("disk", number, from, until)),
            SpanKind::Fault(_) => events.extend(place.overlapping("fault", number, from, until)),
        }
    }
    let overlaps = do_overlap(&timeline.operations);
    for (number, operation) in timeline.operations.iter().enumerate() {
        let (from, until) = (at(timeline, Some(operation.invoked)), at(timeline, operation.ended));
        let name = match (&operation.answer, operation.end) {
            (Some(answer), _) => format!("{} -> {answer}", operation.text),
            (None, End::Failed) => format!("{} failed", operation.text),
            (None, End::Returned | End::Unknown | End::Open) => format!("{} -> unknown", operation.text),
        };
        let place = Place { lane: Some(operation.lane), track: OPERATIONS, name: &name };
        if overlaps {
            events.extend(place.overlapping("operation", number, from, until));
        } else {
            events.push(place.slice("operation", from, until));
        }
    }
    for (number, letter) in timeline.letters.iter().enumerate() {
        let name = &timeline.names[letter.name];
        for (copy, arrival) in letter.arrivals.iter().enumerate() {
            let id = format!("{number}.{copy}");
            let end = |phase: &str, lane: usize, step: usize| {
                json!({
                    "ph": phase, "id": id, "pid": process(Some(lane)), "tid": STEPS, "name": name, "cat": "message",
                    "ts": at(timeline, Some(step)), "bp": "e",
                })
            };
            events.push(end("s", letter.from, letter.sent));
            events.push(end("f", letter.to, *arrival));
        }
    }
    let lines: Vec<String> = events.iter().map(Value::to_string).collect();
    format!("{{\"displayTimeUnit\": \"ms\", \"traceEvents\": [\n{}\n]}}\n", lines.join(",\n"))
}

/// What processes and tracks are called, and in which order they come.
fn names(timeline: &Timeline) -> Vec<Value> {
    let name = |of: &str, pid: u64, tid: u64, name: &str| json!({"ph": "M", "name": of, "pid": pid, "tid": tid, "args": {"name": name}});
    let mut events =
        vec![name("process_name", EVERYBODY, 0, "everybody"), name("thread_name", EVERYBODY, STEPS, "faults")];
    for (number, lane) in timeline.lanes.iter().enumerate() {
        let pid = process(Some(number));
        let kind = match lane.kind {
            LaneKind::Server => "server",
            LaneKind::Client => "client",
        };
        events.push(name("process_name", pid, 0, &format!("{} ({kind})", lane.name)));
        events.push(name("thread_name", pid, STEPS, "steps"));
        match lane.kind {
            LaneKind::Server => events.push(name("thread_name", pid, ROLES, "role")),
            LaneKind::Client => events.push(name("thread_name", pid, OPERATIONS, "operations")),
        }
    }
    events
}

/// Where a slice is, and what it is called.
struct Place<'a> {
    lane: Option<usize>,
    track: u64,
    name: &'a str,
}

impl Place<'_> {
    fn slice(&self, category: &str, from: f64, until: f64) -> Value {
        json!({
            "ph": "X", "pid": process(self.lane), "tid": self.track, "ts": from, "dur": (until - from).max(0.0),
            "name": self.name, "cat": category,
        })
    }

    fn overlapping(&self, category: &str, number: usize, from: f64, until: f64) -> [Value; 2] {
        [("b", from), ("e", until)].map(|(phase, at)| {
            json!({
                "ph": phase, "id": number, "pid": process(self.lane), "tid": self.track, "ts": at, "name": self.name,
                "cat": category,
            })
        })
    }
}

fn process(lane: Option<usize>) -> u64 {
    lane.map_or(EVERYBODY, |lane| lane as u64 + 1)
}

/// Whether any client has two operations at once.
fn do_overlap(operations: &[Operation]) -> bool {
    let mut busy: Vec<(usize, usize)> = Vec::new();
    for operation in operations {
        let is_busy = |(lane, until): &(usize, usize)| *lane == operation.lane && *until > operation.invoked;
        if busy.iter().any(is_busy) {
            return true;
        }
        busy.retain(|(lane, _)| *lane != operation.lane);
        busy.push((operation.lane, operation.ended.unwrap_or(usize::MAX)));
    }
    false
}

/// When a step was; the end of the run, if it never came.
fn at(timeline: &Timeline, place: Option<usize>) -> f64 {
    let step = place.and_then(|place| timeline.steps.get(place)).or(timeline.steps.last());
    micros(step.map_or(0, |step| step.at_ns))
}

fn micros(ns: u64) -> f64 {
    ns as f64 / 1_000.0
}

fn category(kind: Kind) -> &'static str {
    match kind {
        Kind::Sent => "sent",
        Kind::Arrived => "arrived",
        Kind::Lost => "lost",
        Kind::Timer => "timer",
        Kind::Disk => "disk",
        Kind::State => "state",
        Kind::Note => "note",
        Kind::Fault => "fault",
        Kind::Client => "client",
        Kind::Violation => "violation",
    }
}
