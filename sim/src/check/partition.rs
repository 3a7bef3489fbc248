//! A partition of a history as the search wants it: events in order, and a slot for each operation in flight.
//!
//! Left out before the search (Wing and Gong, 1993) are operations that failed (they certainly had no effect) and those
//! that only observe and have no answer (placing them explains nothing and forbids nothing). What it simplifies: the
//! whole partition is laid out at once, however soon the search fails.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::Model;
use super::memory::Table;
use super::split::Component;
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

/// Where an operation is kept in a configuration of the search.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// It returns with this answer, so it must be placed; the slot is used again after the return.
    Update(usize),
    /// The same, and it changes no state.
    Observation(usize),
    /// It never returns, and may be placed or not: its number among these.
    Unknown(usize),
}

/// An operation of the problem.
pub(super) struct Entry<'h, O, R> {
    pub(super) id: OperationId,
    pub(super) op: &'h O,
    /// `None` if its outcome is unknown.
    pub(super) answer: Option<&'h R>,
    pub(super) place: Place,
    /// Whether it is looked ahead to.
    pub(super) has_outlook: bool,
    /// The event of its invocation.
    pub(super) invoked: usize,
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
    Invoke(usize),
    Return(usize),
}

/// An operation of unknown outcome.
pub(super) struct Unknown {
    pub(super) entry: usize,
    /// The number of the equal operation invoked before it. Equal ones are interchangeable: spend the earlier first.
    pub(super) twin: Option<usize>,
}

/// A part of a history to be explained by one order.
pub(super) struct Problem<'h, O, R> {
    pub(super) entries: Vec<Entry<'h, O, R>>,
    pub(super) events: Vec<Event>,
    /// When each event happened.
    pub(super) stamps: Vec<Stamp>,
    /// The most operations with an answer that are ever in flight at once.
    pub(super) slots: usize,
    pub(super) unknowns: Vec<Unknown>,
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
        let mut problem =
            Problem { entries: Vec::new(), events: Vec::new(), stamps: Vec::new(), slots: 0, unknowns: Vec::new() };
        let mut timed = Vec::with_capacity(2 * component.ids.len());
        for &id in &component.ids {
            let operation = &history.operations()[id.0 as usize];
            if operation.invoked >= until || Some(id) == left_out {
                continue;
            }
            let returned = match &operation.outcome {
                Outcome::Returned { ret, stamp, .. } => (*stamp < until).then_some((*stamp, ret)),
                Outcome::Failed { .. } => continue,
                Outcome::Open | Outcome::Unknown { .. } => None,
            };
            let answer = returned.map(|(_, answer)| answer);
            let place = match (model.observes(&operation.op, answer), answer.is_some()) {
                (true, false) => continue,
                (true, true) => Place::Observation(0),
                (false, true) => Place::Update(0),
                (false, false) => Place::Unknown(0),
            };
            let has_outlook = match place {
                Place::Observation(_) => true,
                Place::Update(_) => model.has_outlook(&operation.op),
                Place::Unknown(_) => false,
            };
            let entry = problem.entries.len();
            problem.entries.push(Entry { id, op: &operation.op, answer, place, has_outlook, invoked: 0 });
            timed.push((operation.invoked, Event::Invoke(entry)));
            timed.extend(returned.map(|(stamp, _)| (stamp, Event::Return(entry))));
        }
        timed.sort_unstable_by_key(|(stamp, _)| *stamp);
        (problem.stamps, problem.events) = timed.into_iter().unzip();
        let calls: Vec<_> = problem.entries.iter().map(Entry::call).collect();
        for group in model.alike(&calls) {
            for number in &group {
                problem.entries[*number].op = calls[group[0]].0;
            }
        }
        problem.assign_places();
        problem
    }

    /// Gives each operation its slot: the lowest that is free, so that masks stay narrow.
    fn assign_places(&mut self) {
        let mut free: BinaryHeap<Reverse<usize>> = BinaryHeap::new();
        let mut last_equal: Table<&O, usize> = Table::default();
        for (position, event) in self.events.iter().enumerate() {
            match *event {
                Event::Invoke(number) => {
                    let entry = &mut self.entries[number];
                    entry.invoked = position;
                    match &mut entry.place {
                        Place::Update(slot) | Place::Observation(slot) => {
                            *slot = free.pop().map_or(self.slots, |Reverse(slot)| slot);
                            self.slots = self.slots.max(*slot + 1);
                        }
                        Place::Unknown(unknown) => {
                            *unknown = self.unknowns.len();
                            let twin = last_equal.insert(entry.op, *unknown);
                            self.unknowns.push(Unknown { entry: number, twin });
                        }
                    }
                }
                Event::Return(number) => match self.entries[number].place {
                    Place::Update(slot) | Place::Observation(slot) => free.push(Reverse(slot)),
                    Place::Unknown(_) => unreachable!("an operation of unknown outcome does not return"),
                },
            }
        }
    }
}
