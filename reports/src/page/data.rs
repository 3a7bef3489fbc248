//! What the script draws: the window of a timeline as JSON, in arrays, because there are many of them.
//!
//! Steps are named by their places in the window; -1 is before it, and null is never.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use whitewater_sim::check::Account;
use whitewater_sim::observe::Role;

use crate::timeline::{End, FaultClass, Field, Kind, LaneKind, SpanKind, Timeline, Window};

#[derive(Serialize)]
struct Data<'a> {
    lanes: Vec<LaneRow<'a>>,
    names: &'a [String],
    fields: Vec<&'static str>,
    steps: Vec<StepRow<'a>>,
    letters: Vec<LetterRow>,
    operations: Vec<OperationRow<'a>>,
    spans: Vec<SpanRow<'a>>,
    changes: Vec<ChangeRow<'a>>,
    /// The value of each field before the first step, by lane.
    states: Vec<Vec<&'a str>>,
    pointed: Option<usize>,
    /// Events before these, and behind.
    left_out: (u64, u64),
}

/// Name, and `s` or `c`.
#[derive(Serialize)]
struct LaneRow<'a>(&'a str, char);

/// Event, time, lane or -1, kind, text, letter, operation.
#[derive(Serialize)]
struct StepRow<'a>(u64, u64, i64, char, &'a str, Option<usize>, Option<usize>);

/// From, to, name, sent, arrivals, lost.
#[derive(Serialize)]
struct LetterRow(usize, usize, usize, i64, Vec<i64>, Option<i64>);

/// Number, lane, text, answer, invoked, ended, end, mark.
#[derive(Serialize)]
struct OperationRow<'a>(u64, usize, &'a str, Option<&'a str>, i64, Option<i64>, char, char);

/// Lane or -1, kind, label, from, until.
#[derive(Serialize)]
struct SpanRow<'a>(i64, &'static str, &'a str, i64, Option<i64>);

/// Step, lane, field, before, after.
#[derive(Serialize)]
struct ChangeRow<'a>(usize, usize, usize, &'a str, &'a str);

/// The window as JSON.
pub(super) fn json(timeline: &Timeline, window: &Window, account: Option<&Account>) -> String {
    let frame = Frame::new(timeline, window);
    let fields = window.fields(timeline);
    let data = Data {
        lanes: timeline.lanes.iter().map(|lane| LaneRow(&lane.name, lane_kind(lane.kind))).collect(),
        names: &timeline.names,
        fields: fields.iter().map(|field| field.name()).collect(),
        steps: frame.steps(),
        letters: frame.letters.iter().map(|number| frame.letter(*number)).collect(),
        operations: frame.operations.iter().map(|number| frame.operation(*number, account)).collect(),
        spans: frame.spans(),
        changes: frame.changes(&fields),
        states: window.states.iter().map(|values| chosen(&fields, values)).collect(),
        pointed: timeline.pointed.and_then(|pointed| pointed.checked_sub(window.steps.start)),
        left_out: (window.events_before, window.events_behind),
    };
    serde_json::to_string(&data).expect("text and numbers are written without fail")
}

/// What of a timeline is in a window, and what it is called there.
struct Frame<'a> {
    timeline: &'a Timeline,
    from: usize,
    until: usize,
    letters: Vec<usize>,
    operations: Vec<usize>,
}

impl<'a> Frame<'a> {
    fn new(timeline: &'a Timeline, window: &Window) -> Frame<'a> {
        let (from, until) = (window.steps.start, window.steps.end);
        let letters: BTreeSet<usize> = timeline.steps[from..until].iter().filter_map(|step| step.letter).collect();
        let is_inside = |number: &usize| {
            let operation = &timeline.operations[*number];
            operation.invoked < until && operation.ended.is_none_or(|ended| ended >= from)
        };
        Frame {
            timeline,
            from,
            until,
            letters: letters.into_iter().collect(),
            operations: (0..timeline.operations.len()).filter(is_inside).collect(),
        }
    }

    fn place(&self, step: usize) -> i64 {
        if step < self.from { -1 } else { (step - self.from) as i64 }
    }

    fn inside(&self, step: usize) -> Option<i64> {
        (step < self.until).then(|| self.place(step))
    }

    fn steps(&self) -> Vec<StepRow<'a>> {
        let renumbered = |kept: &[usize]| kept.iter().copied().zip(0..).collect::<BTreeMap<usize, usize>>();
        let (letters, operations) = (renumbered(&self.letters), renumbered(&self.operations));
        let row = |step: &'a crate::timeline::Step| {
            let letter = step.letter.and_then(|letter| letters.get(&letter).copied());
            let operation = step.operation.and_then(|operation| operations.get(&operation).copied());
            StepRow(step.event, step.at_ns, lane(step.lane), kind(step.kind), &step.text, letter, operation)
        };
        self.timeline.steps[self.from..self.until].iter().map(row).collect()
    }

    fn letter(&self, number: usize) -> LetterRow {
        let letter = &self.timeline.letters[number];
        let arrivals = letter.arrivals.iter().filter_map(|arrival| self.inside(*arrival)).collect();
        let lost = letter.lost.and_then(|lost| self.inside(lost));
        LetterRow(letter.from, letter.to, letter.name, self.place(letter.sent), arrivals, lost)
    }

    fn operation(&self, number: usize, account: Option<&Account>) -> OperationRow<'a> {
        let operation = &self.timeline.operations[number];
        OperationRow(
            operation.number,
            operation.lane,
            &operation.text,
            operation.answer.as_deref(),
            self.place(operation.invoked),
            operation.ended.and_then(|ended| self.inside(ended)),
            end(operation.end),
            mark(account, operation.number),
        )
    }

    fn spans(&self) -> Vec<SpanRow<'a>> {
        let spans = self.timeline.spans.iter();
        let inside = spans.filter(|span| span.from < self.until && span.until.is_none_or(|until| until >= self.from));
        let row = |span: &'a crate::timeline::Span| {
            let (from, until) = (self.place(span.from), span.until.and_then(|until| self.inside(until)));
            SpanRow(lane(span.lane), span_kind(span.kind), &span.label, from, until)
        };
        inside.map(row).collect()
    }

    fn changes(&self, fields: &[Field]) -> Vec<ChangeRow<'a>> {
        let steps = self.timeline.steps[self.from..self.until].iter().enumerate();
        let changes = steps.flat_map(|(number, step)| step.changes.iter().map(move |change| (number, change)));
        let row = |(number, change): (usize, &'a crate::timeline::Change)| {
            let field = fields.iter().position(|field| *field == change.field)?;
            Some(ChangeRow(number, change.lane, field, &change.before, &change.after))
        };
        changes.filter_map(row).collect()
    }
}

fn lane(lane: Option<usize>) -> i64 {
    lane.map_or(-1, |lane| lane as i64)
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
