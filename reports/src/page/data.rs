//! What the script draws: the window of a timeline as JSON, in arrays, because there are many of them.
//!
//! Steps are named by their places in the window; -1 is before it, and null is never.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use whitewater_sim::check::Account;

use crate::timeline::{End, Field, Kind, LaneKind, SpanKind, Timeline, Window};
use whitewater_sim::observe::Role;

use crate::timeline::FaultClass;

#[derive(Serialize)]
struct Data<'a> {
    /// Name, and `s` or `c`.
    lanes: Vec<(&'a str, char)>,
    names: &'a [String],
    fields: Vec<&'static str>,
    /// Event, time, lane or -1, kind, text, letter, operation.
    steps: Vec<(u64, u64, i64, char, &'a str, Option<usize>, Option<usize>)>,
    /// From, to, name, sent, arrivals, lost.
    letters: Vec<(usize, usize, usize, i64, Vec<i64>, Option<i64>)>,
    /// Number, lane, text, answer, invoked, ended, end, mark.
    operations: Vec<(u64, usize, &'a str, Option<&'a str>, i64, Option<i64>, char, char)>,
    /// Lane or -1, kind, label, from, until.
    spans: Vec<(i64, &'static str, &'a str, i64, Option<i64>)>,
    /// Step, lane, field, before, after.
    changes: Vec<(usize, usize, usize, &'a str, &'a str)>,
    /// The value of each field before the first step, by lane.
    states: Vec<Vec<&'a str>>,
    pointed: Option<usize>,
    /// Events before these, and behind.
    left_out: (u64, u64),
}

/// The window as JSON.
pub(super) fn json(timeline: &Timeline, window: &Window, account: Option<&Account>) -> String {
    let (from, until) = (window.steps.start, window.steps.end);
    let place = |step: usize| if step < from { -1 } else { (step - from) as i64 };
    let inside = |step: usize| (step < until).then(|| place(step));
    let steps = &timeline.steps[from..until];
    let letters: BTreeSet<usize> = steps.iter().filter_map(|step| step.letter).collect();
    let operations: Vec<usize> = (0..timeline.operations.len())
        .filter(|number| {
            let operation = &timeline.operations[*number];
            operation.invoked < until && operation.ended.is_none_or(|ended| ended >= from)
        })
        .collect();
    let renumbered = |kept: &[usize]| kept.iter().copied().zip(0..).collect::<BTreeMap<usize, usize>>();
    let letters: Vec<usize> = letters.into_iter().collect();
    let (letter_of, operation_of) = (renumbered(&letters), renumbered(&operations));
    let fields = window.fields(timeline);
    let lane = |lane: Option<usize>| lane.map_or(-1, |lane| lane as i64);
    let data = Data {
        lanes: timeline.lanes.iter().map(|lane| (lane.name.as_str(), lane_kind(lane.kind))).collect(),
        names: &timeline.names,
        fields: fields.iter().map(|field| field.name()).collect(),
        steps: steps
            .iter()
            .map(|step| {
                let letter = step.letter.and_then(|letter| letter_of.get(&letter).copied());
                let operation = step.operation.and_then(|operation| operation_of.get(&operation).copied());
                (step.event, step.at_ns, lane(step.lane), kind(step.kind), step.text.as_str(), letter, operation)
            })
            .collect(),
        letters: letters
            .iter()
            .map(|number| {
                let letter = &timeline.letters[*number];
                let arrivals = letter.arrivals.iter().filter_map(|arrival| inside(*arrival)).collect();
                (letter.from, letter.to, letter.name, place(letter.sent), arrivals, letter.lost.and_then(inside))
            })
            .collect(),
        operations: operations
            .iter()
            .map(|number| {
                let operation = &timeline.operations[*number];
                let (answer, ended) = (operation.answer.as_deref(), operation.ended.and_then(inside));
                let mark = mark(account, operation.number);
                let invoked = place(operation.invoked);
                let text = operation.text.as_str();
                (operation.number, operation.lane, text, answer, invoked, ended, end(operation.end), mark)
            })
            .collect(),
        spans: timeline
            .spans
            .iter()
            .filter(|span| span.from < until && span.until.is_none_or(|until| until >= from))
            .map(|span| {
                (
                    lane(span.lane),
                    span_kind(span.kind),
                    span.label.as_str(),
                    place(span.from),
                    span.until.and_then(inside),
                )
            })
            .collect(),
        changes: steps
            .iter()
            .enumerate()
            .flat_map(|(number, step)| step.changes.iter().map(move |change| (number, change)))
            .filter_map(|(number, change)| {
                let field = fields.iter().position(|field| *field == change.field)?;
                Some((number, change.lane, field, change.before.as_str(), change.after.as_str()))
            })
            .collect(),
        states: window.states.iter().map(|values| chosen(&fields, values)).collect(),
        pointed: timeline.pointed.and_then(|pointed| pointed.checked_sub(from)),
        left_out: (window.events_before, window.events_behind),
    };
    serde_json::to_string(&data).expect("text and numbers are written without fail")
}

fn chosen<'a>(fields: &[Field], values: &'a [String]) -> Vec<&'a str> {
    fields.iter().map(|field| values[*field as usize].as_str()).collect()
}

/// Whether an operation is the one that nothing explains (`c`), or one of those that show it (`m`).
fn mark(account: Option<&Account>, number: u64) -> char {
    match account {
        Some(account) if u64::from(account.culprit.0) == number => 'c',
        Some(account) if account.operations.iter().any(|told| u64::from(told.id.0) == number) => 'm',
        Some(_) | None => ' ',
    }
}

fn lane_kind(kind: LaneKind) -> char {
    match kind {
        LaneKind::Server => 's',
        LaneKind::Client => 'c',
    }
}

fn kind(kind: Kind) -> char {
    match kind {
        Kind::Sent => '>',
        Kind::Arrived => '<',
        Kind::Lost => 'x',
        Kind::Timer => 't',
        Kind::Disk => 'd',
        Kind::State => '*',
        Kind::Note => 'n',
        Kind::Fault => '!',
        Kind::Client => 'c',
        Kind::Violation => 'V',
    }
}

fn end(end: End) -> char {
    match end {
        End::Returned => 'r',
        End::Failed => 'f',
        End::Unknown => 'u',
        End::Open => 'o',
    }
}

fn span_kind(kind: SpanKind) -> &'static str {
    match kind {
        SpanKind::Role(Role::Leader) => "leader",
        SpanKind::Role(Role::Candidate) => "candidate",
        SpanKind::Role(Role::PreCandidate) => "pre-candidate",
        SpanKind::Role(Role::Follower) => "follower",
        SpanKind::Down => "down",
        SpanKind::Sync => "sync",
        SpanKind::Fault(FaultClass::Network) => "network",
        SpanKind::Fault(FaultClass::Process) => "process",
        SpanKind::Fault(FaultClass::Disk) => "disk",
        SpanKind::Fault(FaultClass::Clock) => "clock",
    }
}
