//! The operations on a register, with numbers for values: equal values have equal numbers (hash consing: Ershov, 1958).
//!
//! All that the search asks of an operation is worked out here once. What it simplifies: all values that nobody looks
//! for are given one number, for no answer tells them apart.

use std::hash::Hash;

use hashbrown::HashTable;

use crate::check::access::Access;
use crate::check::memory::hash;
use crate::check::partition::{Event, Problem};
use crate::check::{Model, Op, Ret};

/// The number of a value.
pub(in crate::check) type Value = u32;

/// What an operation does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::check) enum Action {
    /// It saw this value.
    Sees(Value),
    /// It saw another value than this.
    SeesOther(Value),
    /// It sets a value.
    Writes(Value),
    /// It sets `new` where the value is `expected`, which is another.
    Swaps { expected: Value, new: Value },
}

/// What an operation has to do with a value that is given a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::check) enum Use {
    /// It makes it.
    Makes,
    /// It makes a difference to it whether this is the value.
    LooksFor,
}

impl Action {
    /// What an access does, with numbers for its values; `None` if it is none to a register, or a value has no number.
    #[inline]
    pub(in crate::check) fn of<V>(
        access: Access<V>,
        mut number: impl FnMut(V, Use) -> Option<Value>,
    ) -> Option<Action> {
        Some(match access {
            Access::Read(value) => Action::Sees(number(value, Use::LooksFor)?),
            Access::Write(value) => Action::Writes(number(value, Use::Makes)?),
            Access::Append(_) => return None,
            Access::Swap { expected, new, swapped } => {
                let (expected, new) = (number(expected, Use::LooksFor)?, number(new, Use::Makes)?);
                match swapped {
                    Some(false) => Action::SeesOther(expected),
                    Some(true) | None if expected == new => Action::Sees(expected),
                    Some(true) | None => Action::Swaps { expected, new },
                }
            }
        })
    }

    /// Whether it may change the value.
    #[inline]
    pub(in crate::check) fn is_update(self) -> bool {
        match self {
            Action::Sees(_) | Action::SeesOther(_) => false,
            Action::Writes(_) | Action::Swaps { .. } => true,
        }
    }

    /// Whether it can be placed where this is the value without a change of it.
    #[inline]
    pub(in crate::check) fn is_explained_by(self, value: Value) -> bool {
        match self {
            Action::Sees(seen) | Action::Writes(seen) => seen == value,
            Action::SeesOther(other) => other != value,
            Action::Swaps { .. } => false,
        }
    }
}

/// An operation.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cell {
    pub(super) action: Action,
    /// Where it is kept while it is in flight.
    pub(super) slot: u32,
    /// The event of its return; [`NEVER`] if its outcome is unknown.
    pub(super) returns: u32,
    /// One more than the event of the last invocation, before the return, of an operation that makes the value that this
    /// one waits for; 0 if there is none.
    pub(super) supplied: u32,
}

/// The event that is not.
pub(super) const NEVER: u32 = u32::MAX;

/// All operations on a register.
pub(super) struct Cells {
    pub(super) cells: Vec<Cell>,
    /// The value before the first operation.
    pub(super) initial: Value,
    /// How many values there are.
    pub(super) values: u32,
    /// For each value the last event at which it can make a difference that it is there.
    pub(super) wanted: Vec<u32>,
    /// The most operations that are kept at once. One of unknown outcome is kept for ever.
    pub(super) slots: usize,
    /// How many operations have an unknown outcome.
    pub(super) unknown: usize,
}

impl Cells {
    /// `None` if some operation is no access to a register.
    pub(super) fn new<M: Model>(model: &M, problem: &Problem<'_, Op<M>, Ret<M>>) -> Option<Cells> {
        let mut numbers = Numbers::new();
        let initial = numbers.of(model.initial_value()?);
        let mut cells = Vec::with_capacity(problem.entries.len());
        for entry in &problem.entries {
            let number = |value, usage| {
                Some(match usage {
                    Use::Makes => numbers.of(value),
                    Use::LooksFor => numbers.looked_for(value),
                })
            };
            let action = Action::of(model.access(entry.op, entry.answer)?, number)?;
            cells.push(Cell { action, slot: 0, returns: NEVER, supplied: 0 });
        }
        let is_looked_for = numbers.is_looked_for;
        let shown = |value: Value| if is_looked_for[value as usize] { value } else { is_looked_for.len() as Value };
        for cell in &mut cells {
            match &mut cell.action {
                Action::Writes(value) | Action::Swaps { new: value, .. } => *value = shown(*value),
                Action::Sees(_) | Action::SeesOther(_) => {}
            }
        }
        let values = is_looked_for.len() as Value + 1;
        let wanted = vec![0; values as usize];
        let mut all = Cells { cells, initial: shown(initial), values, wanted, slots: 0, unknown: 0 };
        all.assign(&problem.events);
        Some(all)
    }

    fn assign(&mut self, events: &[Event]) {
        let mut free: Vec<u32> = Vec::new();
        let mut supplied = vec![0; self.values as usize];
        // The last return of somebody who saw another value.
        let mut other = 0;
        for (position, event) in (0..NEVER).zip(events) {
            match *event {
                Event::Invoke(number) => {
                    let cell = &mut self.cells[number as usize];
                    cell.slot = free.pop().unwrap_or_else(|| {
                        self.slots += 1;
                        self.slots as u32 - 1
                    });
                    match cell.action {
                        Action::Writes(value) => supplied[value as usize] = position + 1,
                        Action::Swaps { expected, new } => {
                            supplied[new as usize] = position + 1;
                            self.wanted[expected as usize] = NEVER;
                        }
                        Action::Sees(_) | Action::SeesOther(_) => {}
                    }
                }
                Event::Return(number) => {
                    let cell = &mut self.cells[number as usize];
                    cell.returns = position;
                    free.push(cell.slot);
                    match cell.action {
                        Action::Sees(value) => {
                            cell.supplied = supplied[value as usize];
                            self.wanted[value as usize] = self.wanted[value as usize].max(position);
                        }
                        Action::Swaps { expected, .. } => cell.supplied = supplied[expected as usize],
                        Action::SeesOther(_) => other = position,
                        Action::Writes(_) => {}
                    }
                }
            }
        }
        self.unknown = self.slots - free.len();
        self.wanted.iter_mut().for_each(|wanted| *wanted = other.max(*wanted));
    }
}

/// Gives out the numbers of values.
struct Numbers<V> {
    known: HashTable<Value>,
    values: Vec<V>,
    is_looked_for: Vec<bool>,
}

impl<V: Eq + Hash> Numbers<V> {
    fn new() -> Numbers<V> {
        Numbers { known: HashTable::new(), values: Vec::new(), is_looked_for: Vec::new() }
    }

    fn of(&mut self, value: V) -> Value {
        let hashed = hash(&value);
        if let Some(number) = self.known.find(hashed, |number| self.values[*number as usize] == value) {
            return *number;
        }
        let number = self.values.len() as Value;
        self.values.push(value);
        self.is_looked_for.push(false);
        self.known.insert_unique(hashed, number, |number| hash(&self.values[*number as usize]));
        number
    }

    fn looked_for(&mut self, value: V) -> Value {
        let number = self.of(value);
        self.is_looked_for[number as usize] = true;
        number
    }
}
