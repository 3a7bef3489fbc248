//! Where a search keeps the operations of a partition: a slot for each one in flight, a number for each unknown outcome.
//!
//! Slots are used again after a return, so that the mask of a configuration covers what is in flight and not the history
//! (Lowe, 2017). What it simplifies: an operation that the model cannot tell from others (`Model::alike`) is replaced by
//! the first of them for good.

use std::hash::Hash;

use super::memory::Table;
use super::partition::{Event, Problem, Touches};
use super::token::{Kinds, Needs};
use super::{Model, Op, Ret};

/// Where an operation is kept in a configuration of the search.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// It returns with this answer, so it must be placed; the slot is used again after the return.
    Update(u32),
    /// The same, and it changes no state.
    Observation(u32),
    /// It never returns, and may be placed or not: its number among these.
    Unknown(u32),
}

/// An operation and where it is kept.
pub(super) struct Placed<'h, O, R> {
    pub(super) op: &'h O,
    /// `None` if its outcome is unknown.
    pub(super) answer: Option<&'h R>,
    pub(super) place: Place,
    /// Whether it is looked ahead to.
    pub(super) has_outlook: bool,
    /// What it tells of the states before and after it.
    pub(super) kinds: Kinds,
    /// The event of its invocation.
    pub(super) invoked: u32,
}

impl<'h, O, R> Placed<'h, O, R> {
    /// The operation and its answer.
    pub(super) fn call(&self) -> (&'h O, Option<&'h R>) {
        (self.op, self.answer)
    }
}

/// An operation of unknown outcome.
pub(super) struct Unknown {
    pub(super) entry: usize,
    /// The number of the equal operation invoked before it. Equal ones are interchangeable: spend the earlier first.
    pub(super) twin: Option<usize>,
}

/// The places of all operations of a problem.
pub(super) struct Places<'h, O, R> {
    pub(super) entries: Vec<Placed<'h, O, R>>,
    /// The most operations with an answer that are ever in flight at once.
    pub(super) slots: usize,
    pub(super) unknowns: Vec<Unknown>,
    pub(super) needs: Needs,
}

impl<'h, O: Eq + Hash, R> Places<'h, O, R> {
    pub(super) fn new<M>(model: &M, problem: &Problem<'h, O, R>) -> Self
    where
        M: Model<Spec: stateright::semantics::SequentialSpec<Op = O, Ret = R>>,
    {
        let entry = |entry: &super::partition::Entry<'h, Op<M>, Ret<M>>| {
            let (op, answer) = entry.call();
            let place = match answer {
                None => Place::Unknown(0),
                Some(_) if model.observes(op, answer) => Place::Observation(0),
                Some(_) => Place::Update(0),
            };
            let has_outlook = match place {
                Place::Observation(_) => true,
                Place::Update(_) => model.has_outlook(op),
                Place::Unknown(_) => false,
            };
            Placed { op, answer, place, has_outlook, kinds: Kinds::default(), invoked: 0 }
        };
        let mut entries: Vec<_> = problem.entries.iter().map(entry).collect();
        let calls: Vec<_> = problem.entries.iter().map(super::partition::Entry::call).collect();
        for group in model.alike(&calls) {
            for number in &group {
                entries[*number].op = calls[group[0]].0;
            }
        }
        drop(calls);
        let needs = match problem.touches {
            Touches::OnePart => Needs::new(model, &mut entries),
            Touches::Several => Needs::none(),
        };
        let mut places = Places { entries, slots: 0, unknowns: Vec::new(), needs };
        places.assign(&problem.events);
        places.needs.learn(&places.entries, &problem.events);
        places
    }

    fn assign(&mut self, events: &[Event]) {
        let mut free: Vec<u32> = Vec::new();
        let mut last_equal: Table<&O, usize> = Table::default();
        for (position, event) in (0..).zip(events) {
            match *event {
                Event::Invoke(number) => {
                    let entry = &mut self.entries[number as usize];
                    entry.invoked = position;
                    match &mut entry.place {
                        Place::Update(slot) | Place::Observation(slot) => {
                            *slot = free.pop().unwrap_or(self.slots as u32);
                            self.slots = self.slots.max(*slot as usize + 1);
                        }
                        Place::Unknown(unknown) => {
                            *unknown = self.unknowns.len() as u32;
                            let twin = last_equal.insert(entry.op, self.unknowns.len());
                            self.unknowns.push(Unknown { entry: number as usize, twin });
                        }
                    }
                }
                Event::Return(number) => match self.entries[number as usize].place {
                    Place::Update(slot) | Place::Observation(slot) => free.push(slot),
                    Place::Unknown(_) => unreachable!("an operation of unknown outcome does not return"),
                },
            }
        }
    }
}
