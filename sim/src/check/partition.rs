//! A partition of a history as a search wants it: the operations that count, and events in order.
//!
//! Left out before the search (Wing and Gong, 1993) are operations that failed (they certainly had no effect) and those
//! that only observe and have no answer (placing them explains nothing and forbids nothing). What it simplifies: the
//! whole partition is laid out at once, however soon the search fails.

use super::split::Component;
use super::{Model, Op, Ret, Scope};
use crate::history::{History, OperationId, Outcome, Stamp};

/// Which part of a partition is to be explained.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// All of it.
    Whole,
    /// The events before this one; what has not returned by then is in flight, its answer unknown.
    Before(Stamp),
    /// The same, as if this operation had never been invoked.
    BeforeWithout(Stamp, OperationId),
}

/// An operation of the problem.
pub(super) struct Entry<'h, O, R> {
    pub(super) id: OperationId,
    pub(super) op: &'h O,
    /// `None` if its outcome is unknown.
    pub(super) answer: Option<&'h R>,
}

impl<'h, O, R> Entry<'h, O, R> {
    /// The operation and its answer.
    pub(super) fn call(&self) -> (&'h O, Option<&'h R>) {
        (self.op, self.answer)
    }
}

/// What happens, in order; the number is the operation's position in [`Problem::entries`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Event {
    Invoke(u32),
    Return(u32),
}

/// Whether all operations are on the same part of the state, so that [`Model::access`] may be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Touches {
    OnePart,
    Several,
}

/// A part of a history to be explained by one order.
pub(super) struct Problem<'h, O, R> {
    pub(super) entries: Vec<Entry<'h, O, R>>,
    pub(super) events: Vec<Event>,
    pub(super) touches: Touches,
    history: &'h History<O, R>,
}

impl<'h, O: Eq + std::hash::Hash, R> Problem<'h, O, R> {
    /// Prepares a part of a partition.
    pub(super) fn new<M>(model: &M, history: &'h History<O, R>, component: &Component<M>, part: Part) -> Self
    where
        M: Model<Spec: stateright::semantics::SequentialSpec<Op = O, Ret = R>>,
    {
        let (until, left_out) = match part {
            Part::Whole => (Stamp::MAX, None),
            Part::Before(stamp) => (stamp, None),
            Part::BeforeWithout(stamp, id) => (stamp, Some(id)),
        };
        let mut entries = Vec::with_capacity(component.ids.len());
        let mut timed = Timed::with_capacity(component.ids.len());
        for &id in &component.ids {
            let operation = &history.operations()[id.0 as usize];
            if operation.invoked >= until {
                break;
            }
            let returned = match &operation.outcome {
                Outcome::Returned { ret, stamp, .. } => (*stamp < until).then_some((*stamp, ret)),
                Outcome::Failed { .. } => continue,
                Outcome::Open | Outcome::Unknown { .. } => None,
            };
            if Some(id) == left_out || (returned.is_none() && model.observes(&operation.op, None)) {
                continue;
            }
            entries.push(Entry { id, op: &operation.op, answer: returned.map(|(_, answer)| answer) });
            timed.push(operation.invoked, returned.map(|(stamp, _)| stamp));
        }
        Problem { entries, events: timed.in_order(), touches: touches(model, history, component), history }
    }

    /// When the operation of this entry returned.
    pub(super) fn returned(&self, number: u32) -> Stamp {
        match self.history.operations()[self.entries[number as usize].id.0 as usize].outcome {
            Outcome::Returned { stamp, .. } => stamp,
            Outcome::Open | Outcome::Failed { .. } | Outcome::Unknown { .. } => {
                unreachable!("only an operation that returned has a return event")
            }
        }
    }
}

fn touches<M: Model>(model: &M, history: &History<Op<M>, Ret<M>>, component: &Component<M>) -> Touches {
    let is_one = match component.partition.0.len() {
        1 => true,
        // A partition without a name was put together by somebody who asks about a few operations of one.
        0 => {
            let mut scopes = component.ids.iter().map(|id| model.scope(&history.operations()[id.0 as usize].op));
            match scopes.next() {
                Some(first @ Scope::One(_)) => scopes.all(|scope| scope == first),
                Some(Scope::Several { .. } | Scope::All(_)) | None => false,
            }
        }
        _ => false,
    };
    if is_one { Touches::OnePart } else { Touches::Several }
}

/// Events with their stamps, on the way to being put in order.
struct Timed {
    /// In order, for an operation is numbered when it is invoked.
    invoked: Vec<Stamp>,
    /// With the number of the operation.
    returned: Vec<(Stamp, u32)>,
}

/// Stamps are dense in the history. If they are in the partition as well, sorting them is a walk through a table; the
/// table may have this many places for each event.
const PLACES_PER_EVENT: u64 = 4;

const NOTHING: u32 = u32::MAX;

impl Timed {
    fn with_capacity(operations: usize) -> Timed {
        Timed { invoked: Vec::with_capacity(operations), returned: Vec::with_capacity(operations) }
    }

    fn push(&mut self, invoked: Stamp, returned: Option<Stamp>) {
        let number = self.invoked.len() as u32;
        self.invoked.push(invoked);
        self.returned.extend(returned.map(|stamp| (stamp, number)));
    }

    fn in_order(mut self) -> Vec<Event> {
        let mut events = Vec::with_capacity(self.invoked.len() + self.returned.len());
        let (first, last) = (self.invoked.first(), self.returned.iter().map(|(stamp, _)| *stamp).max());
        let span = first.zip(last).map_or(0, |(first, last)| (last + 1).saturating_sub(*first));
        if span <= PLACES_PER_EVENT * (events.capacity() as u64) {
            self.tabulate(span, &mut events);
        } else {
            self.returned.sort_unstable();
            let mut returned = self.returned.iter().peekable();
            for (number, invoked) in (0..).zip(&self.invoked) {
                while let Some((_, earlier)) = returned.next_if(|(stamp, _)| stamp < invoked) {
                    events.push(Event::Return(*earlier));
                }
                events.push(Event::Invoke(number));
            }
            events.extend(returned.map(|(_, number)| Event::Return(*number)));
        }
        events
    }

    fn tabulate(&self, span: u64, events: &mut Vec<Event>) {
        let first = self.invoked.first().copied().unwrap_or_default();
        let mut returns = vec![NOTHING; span as usize];
        for (stamp, number) in &self.returned {
            returns[(stamp - first) as usize] = *number;
        }
        let mut next = 0;
        for (stamp, number) in (first..).zip(&returns) {
            if *number != NOTHING {
                events.push(Event::Return(*number));
            } else if self.invoked.get(next) == Some(&stamp) {
                events.push(Event::Invoke(next as u32));
                next += 1;
            }
        }
        events.extend((next..self.invoked.len()).map(|number| Event::Invoke(number as u32)));
    }
}
