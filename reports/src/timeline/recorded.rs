//! The timeline of a run that was recorded: each line of its trace is a step.

use std::collections::BTreeMap;

use whitewater_sim::history::{History, OperationId, Outcome};
use whitewater_sim::observe::Observation;
use whitewater_sim::trace::{Line, Mark, Trace, What};

use super::state::{States, role_name};
use super::{Change, End, FaultClass, Kind, Lane, LaneKind, Letter, Operation, Span, SpanKind, Step, Timeline, fit};

/// The timeline of a run. `words` says what an operation asked and, if it was answered, what. If the
/// answer of one is what nothing explains, that is the step to look at; else it is the one at which a check failed.
#[must_use]
pub fn of_run<Op, Ret>(
    trace: &Trace,
    history: &History<Op, Ret>,
    words: &dyn Fn(&Op, Option<&Ret>) -> (String, Option<String>),
    culprit: Option<OperationId>,
) -> Timeline {
    let mut builder = Builder::new(trace);
    for (place, line) in trace.lines().iter().enumerate() {
        builder.turn(place);
        let step = builder.step(place, line);
        builder.timeline.steps.push(step);
    }
    let Builder { mut timeline, invoked, ended, .. } = builder;
    let place_of = |places: &BTreeMap<u32, usize>, id: usize| places.get(&u32::try_from(id).ok()?).copied();
    for (number, operation) in history.operations().iter().enumerate() {
        // What a node did while it was recorded was recorded.
        let Some(place) = place_of(&invoked, number) else { continue };
        let (answer, end) = match &operation.outcome {
            Outcome::Returned { ret, .. } => (Some(ret), End::Returned),
            Outcome::Failed { .. } => (None, End::Failed),
            Outcome::Unknown { .. } => (None, End::Unknown),
            Outcome::Open => (None, End::Open),
        };
        let (text, answer) = words(&operation.op, answer);
        timeline.steps[place].operation = Some(timeline.operations.len());
        let ended = place_of(&ended, number);
        if let Some(ended) = ended {
            timeline.steps[ended].operation = Some(timeline.operations.len());
        }
        timeline.operations.push(Operation {
            number: number as u64,
            lane: usize::try_from(operation.client).unwrap_or(usize::MAX),
            text: fit(&text),
            answer: answer.as_deref().map(fit),
            invoked: place,
            ended,
            end,
        });
    }
    let failed = || timeline.steps.iter().position(|step| step.kind == Kind::Violation);
    timeline.pointed = culprit.and_then(|id| ended.get(&id.0).copied()).or_else(failed);
    timeline
}

struct Builder {
    timeline: Timeline,
    states: States,
    /// Nodes that go down or come up before the line at this place.
    turns: BTreeMap<usize, Vec<(usize, Turn)>>,
    /// What changed before the next step.
    pending: Vec<Change>,
    names: BTreeMap<String, usize>,
    /// The letter of each number.
    letters: BTreeMap<u64, usize>,
    /// The span of the role that each node has.
    roles: Vec<Option<usize>>,
    /// The span of each sync under way, by node and number.
    syncs: BTreeMap<(usize, u64), usize>,
    /// The spans of each fault under way.
    faults: BTreeMap<usize, Vec<usize>>,
    invoked: BTreeMap<u32, usize>,
    ended: BTreeMap<u32, usize>,
}

#[derive(Clone, Copy)]
enum Turn {
    Down,
    Up,
}

impl Builder {
    fn new(trace: &Trace) -> Builder {
        let lanes: Vec<Lane> = (0..trace.nodes())
            .map(|node| match node < trace.servers() {
                true => Lane { name: format!("n{node}"), kind: LaneKind::Server },
                false => Lane { name: format!("n{node} client"), kind: LaneKind::Client },
            })
            .collect();
        let mut turns: BTreeMap<usize, Vec<(usize, Turn)>> = BTreeMap::new();
        let mut spans = Vec::new();
        for outage in trace.outages() {
            let lane = outage.node.index();
            turns.entry(outage.from).or_default().push((lane, Turn::Down));
            if let Some(until) = outage.until {
                turns.entry(until).or_default().push((lane, Turn::Up));
            }
            let (from, until) = (outage.from.saturating_sub(1), outage.until);
            spans.push(Span { lane: Some(lane), kind: SpanKind::Down, label: "down".to_owned(), from, until });
        }
        let last = trace.lines().len().saturating_sub(1);
        spans.iter_mut().for_each(|span| span.until = span.until.filter(|until| *until <= last));
        Builder {
            states: States::new(lanes.len()),
            roles: vec![None; lanes.len()],
            timeline: Timeline { lanes, spans, ..Timeline::default() },
            turns,
            pending: Vec::new(),
            names: BTreeMap::new(),
            letters: BTreeMap::new(),
            syncs: BTreeMap::new(),
            faults: BTreeMap::new(),
            invoked: BTreeMap::new(),
            ended: BTreeMap::new(),
        }
    }

    /// Nodes go down and come up between two lines.
    fn turn(&mut self, place: usize) {
        for (lane, turn) in self.turns.remove(&place).unwrap_or_default() {
            match turn {
                Turn::Down => {
                    self.states.down(&mut self.pending, lane);
                    self.end_role(lane, place.saturating_sub(1));
                    let syncs: Vec<(usize, u64)> =
                        self.syncs.range((lane, 0)..=(lane, u64::MAX)).map(|(key, _)| *key).collect();
                    syncs.iter().for_each(|key| self.end_sync(*key, place.saturating_sub(1)));
                }
                Turn::Up => self.states.up(&mut self.pending, lane),
            }
        }
    }

    fn step(&mut self, place: usize, line: &Line) -> Step {
        let lane = line.node.map(whitewater_sim::NodeId::index);
        let mut step = Step {
            event: line.event,
            at_ns: line.at.0,
            lane,
            kind: kind(&line.what),
            text: fit(&line.text),
            letter: None,
            operation: None,
            changes: std::mem::take(&mut self.pending),
        };
        match &line.what {
            What::Sent { letter, .. } => step.letter = Some(self.send(place, letter)),
            What::Arrived { letter } => {
                step.letter = self.letters.get(&letter.number).copied();
                step.letter.iter().for_each(|letter| self.timeline.letters[*letter].arrivals.push(place));
            }
            What::Lost { letter } => {
                let known = self.letters.get(&letter.number).copied();
                let known = known.unwrap_or_else(|| self.send(place, letter));
                self.timeline.letters[known].lost = Some(place);
                step.letter = Some(known);
            }
            What::SyncBegan { sync, .. } => self.begin_sync(place, lane, sync.0),
            What::SyncEnded { sync } | What::SyncFailed { sync } => {
                self.end_sync((lane.unwrap_or_default(), sync.0), place);
            }
            What::Observed { observation, .. } => {
                if let Some(lane) = lane {
                    self.states.observe(&mut step.changes, lane, observation);
                    self.role(place, lane, observation);
                }
            }
            What::FaultBegan { number, kind } => self.begin_fault(place, lane, *number, kind),
            What::FaultEnded { number } => {
                for span in self.faults.remove(number).unwrap_or_default() {
                    self.timeline.spans[span].until = Some(place);
                }
            }
            What::Invoked(id) => {
                self.invoked.insert(id.0, place);
            }
            What::Returned(id) | What::Failed(id) | What::Unknown(id) => {
                self.ended.insert(id.0, place);
            }
            What::TimerRanOut(_) | What::Probe(_) | What::Healed | What::Violation(_) | What::Note(_) => {}
        }
        step
    }

    fn send(&mut self, place: usize, letter: &whitewater_sim::trace::Letter) -> usize {
        let names = self.names.len();
        let name = *self.names.entry(fit(&letter.name)).or_insert(names);
        if name == self.timeline.names.len() {
            self.timeline.names.push(fit(&letter.name));
        }
        let (from, to) = (letter.from.index(), letter.to.index());
        self.timeline.letters.push(Letter { from, to, name, sent: place, arrivals: Vec::new(), lost: None });
        self.letters.insert(letter.number, self.timeline.letters.len() - 1);
        self.timeline.letters.len() - 1
    }

    fn begin(&mut self, from: usize, lane: Option<usize>, kind: SpanKind, label: String) -> usize {
        self.timeline.spans.push(Span { lane, kind, label, from, until: None });
        self.timeline.spans.len() - 1
    }

    fn begin_sync(&mut self, place: usize, lane: Option<usize>, sync: u64) {
        let span = self.begin(place, lane, SpanKind::Sync, "sync".to_owned());
        self.syncs.insert((lane.unwrap_or_default(), sync), span);
    }

    fn end_sync(&mut self, key: (usize, u64), place: usize) {
        if let Some(span) = self.syncs.remove(&key) {
            self.timeline.spans[span].until = Some(place);
        }
    }

    fn role(&mut self, place: usize, lane: usize, observation: &Observation) {
        if let Observation::Role { role, term } = observation {
            let label = format!("{} t{term}", role_name(*role));
            let same = |span: &usize| self.timeline.spans[*span].label == label;
            if self.roles[lane].as_ref().is_some_and(same) {
                return;
            }
            self.end_role(lane, place);
            self.roles[lane] = Some(self.begin(place, Some(lane), SpanKind::Role(*role), label));
        }
    }

    fn end_role(&mut self, lane: usize, place: usize) {
        if let Some(span) = self.roles[lane].take() {
            self.timeline.spans[span].until = Some(place);
        }
    }

    fn begin_fault(
        &mut self,
        place: usize,
        lane: Option<usize>,
        number: usize,
        kind: &whitewater_sim::fault::FaultKind,
    ) {
        let span = self.begin(place, lane, SpanKind::Fault(FaultClass::of(kind)), kind.to_string());
        if kind.lasts() {
            self.faults.entry(number).or_default().push(span);
        } else {
            self.timeline.spans[span].until = Some(place);
        }
    }
}

fn kind(what: &What) -> Kind {
    match what {
        What::Sent { .. } => Kind::Sent,
        What::Arrived { .. } => Kind::Arrived,
        What::Lost { .. } => Kind::Lost,
        What::TimerRanOut(_) | What::Note(Mark::Timer) => Kind::Timer,
        What::SyncBegan { .. } | What::SyncEnded { .. } | What::SyncFailed { .. } | What::Note(Mark::Disk) => {
            Kind::Disk
        }
        What::Observed { .. } => Kind::State,
        What::FaultBegan { .. } | What::FaultEnded { .. } | What::Healed | What::Note(Mark::Fault) => Kind::Fault,
        What::Invoked(_) | What::Returned(_) | What::Failed(_) | What::Unknown(_) | What::Note(Mark::Client) => {
            Kind::Client
        }
        What::Violation(_) => Kind::Violation,
        What::Probe(_) | What::Note(Mark::Observed | Mark::Sent | Mark::Arrived | Mark::Lost) => Kind::Note,
    }
}
