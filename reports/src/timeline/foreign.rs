//! The timeline of a history that somebody else recorded: no nodes, only clients and what they asked.

use std::collections::BTreeMap;

use whitewater_sim::history::{History, OperationId, Outcome, Stamp};

use super::{End, Kind, Lane, LaneKind, Operation, Step, Timeline, fit};

/// What is known of a history beside itself.
#[derive(Clone, Copy)]
pub struct Foreign<'a, Op, Ret> {
    /// What an operation asked and, if it was answered, what.
    pub words: &'a dyn Fn(&Op, Option<&Ret>) -> (String, Option<String>),
    /// The line of a file in which an event stands, if there is one.
    pub line: &'a dyn Fn(Stamp) -> Option<usize>,
    /// The operation whose answer nothing explains.
    pub culprit: Option<OperationId>,
}

/// How many events before and behind the one to look at are taken.
const BEFORE: Stamp = 9_000;
const BEHIND: Stamp = 1_000;

/// The timeline of a history: the events around the answer that nothing explains, or the last ones. The number of an event
/// is its position in the order of all.
#[must_use]
pub fn of_history<Op, Ret>(history: &History<Op, Ret>, foreign: &Foreign<'_, Op, Ret>) -> Timeline {
    let end_of = |outcome: &Outcome<Ret>| match outcome {
        Outcome::Returned { stamp, at, .. } => Some((*stamp, at.0, End::Returned)),
        Outcome::Failed { stamp, at } => Some((*stamp, at.0, End::Failed)),
        Outcome::Unknown { stamp, at } => Some((*stamp, at.0, End::Unknown)),
        Outcome::Open => None,
    };
    let culprit = foreign.culprit.and_then(|id| end_of(&history.operations()[id.0 as usize].outcome));
    let until = culprit.map_or(history.events(), |(stamp, ..)| (stamp + BEHIND).min(history.events()));
    let from = until.saturating_sub(BEFORE + BEHIND);
    let window = from..until;
    let mut timeline = Timeline { missing: (from, history.events() - until), ..Timeline::default() };
    let mut lanes: BTreeMap<u64, usize> = BTreeMap::new();
    let mut steps: BTreeMap<Stamp, Step> = BTreeMap::new();
    for (number, operation) in history.operations().iter().enumerate() {
        let ended = end_of(&operation.outcome);
        // An operation that began before the window is shown by its end.
        if !window.contains(&operation.invoked) && !ended.is_some_and(|(stamp, ..)| window.contains(&stamp)) {
            continue;
        }
        let lane = *lanes.entry(operation.client).or_insert_with(|| {
            timeline.lanes.push(Lane { name: format!("client {}", operation.client), kind: LaneKind::Client });
            timeline.lanes.len() - 1
        });
        let answer = if let Outcome::Returned { ret, .. } = &operation.outcome { Some(ret) } else { None };
        let (text, answer) = (foreign.words)(&operation.op, answer);
        let (text, answer) = (fit(&text), answer.as_deref().map(fit));
        let place = Some(timeline.operations.len());
        let mut step = |stamp: Stamp, at_ns: u64, words: String| {
            let line = (foreign.line)(stamp).map(|line| format!(" (line {line})")).unwrap_or_default();
            let text = format!("operation {number} {words}{line}");
            let (kind, lane, letter, changes) = (Kind::Client, Some(lane), None, Vec::new());
            if window.contains(&stamp) {
                steps.insert(stamp, Step { event: stamp, at_ns, lane, kind, text, letter, operation: place, changes });
            }
        };
        step(operation.invoked, operation.invoked_at.0, format!("is invoked: {text}"));
        if let Some((stamp, at_ns, end)) = ended {
            step(stamp, at_ns, format!("{}: {text}", how(end, answer.as_deref())));
        }
        timeline.operations.push(Operation {
            number: number as u64,
            lane,
            text,
            answer,
            invoked: usize::MAX,
            ended: None,
            end: ended.map_or(End::Open, |(.., end)| end),
        });
    }
    let places: BTreeMap<Stamp, usize> = steps.keys().copied().zip(0..).collect();
    timeline.pointed = culprit.and_then(|(stamp, ..)| places.get(&stamp).copied());
    timeline.steps = steps.into_values().collect();
    for operation in &mut timeline.operations {
        let told = &history.operations()[operation.number as usize];
        operation.invoked = places.get(&told.invoked).copied().unwrap_or_default();
        operation.ended = end_of(&told.outcome).and_then(|(stamp, ..)| places.get(&stamp).copied());
    }
    timeline
}

fn how(end: End, answer: Option<&str>) -> String {
    match (end, answer) {
        (End::Returned, Some(answer)) => format!("returns {answer}"),
        (End::Returned, None) => "returns".to_owned(),
        (End::Failed, _) => "fails".to_owned(),
        (End::Unknown | End::Open, _) => "has an unknown outcome".to_owned(),
    }
}
