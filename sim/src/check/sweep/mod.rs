//! The sweep: a short history is judged in one pass, all configurations of each part side by side (Wing and Gong, 1993;
//! just in time: Lowe, 2017).
//!
//! Most histories that people record are short, and most of what a check of them takes is preparation: numbering,
//! layout, monitoring. The sweep prepares nothing. It reads the operations in their order, keeps those in flight in a few
//! machine words, and of the past nothing but a *front* for each part of the state: what the order so far may have led
//! to. So it ends with the first return that no order explains, and has not looked at the rest.
//!
//! A configuration is a value and two sets, as in [`super::register`]: what is owed, and what is free. A front has every
//! configuration that some order leads to, or one as good (rule 3 there). So there is an order of all events so far of
//! that part if and only if its front is not empty, and one of all events if that is so of each part (Herlihy and Wing,
//! 1990: locality). It needs no more than the following, which keeps a front so.
//!
//! 1. *An invocation* puts an operation in flight, in each configuration. If the value explains it, it is owed no longer.
//! 2. *At a return* of something owed, placements must end with it, or with what shows it its value. Nothing is placed
//!    that could as well be placed at the next return. In particular a write that returns is not hidden behind
//!    another write in flight: that other one may still be placed behind it later, to the same effect.
//! 3. *At the return of an update that has hidden* it is left hidden, or is placed behind what may come before it.
//!
//! What is placed on the way is for each kind of object to say: see `register` and `list`. Later events are never looked
//! at. So a front may become wide where a search, which knows what somebody will look for, has but one way to go. What it
//! simplifies: then it gives up, as it does on more operations in flight than there are bits in a word, on many parts,
//! and on operations that touch several.

mod flights;
mod front;
mod list;
mod parts;
mod register;
mod values;

use flights::{Flights, NEVER};
use front::{Configuration, Front, Onward};
use list::List;
use parts::Parts;
use register::Register;

use super::{Access, Model, Op, Ret};
use crate::history::{History, Operation, Outcome, Stamp};

/// The longest history that is swept. Whoever interrupts a check need not wait longer for it than for a step elsewhere.
const OPERATIONS_MAX: usize = 4096;

/// Whether a history is linearizable, if that shows itself in so many steps.
pub(super) fn sweep<M: Model>(model: &M, history: &History<Op<M>, Ret<M>>, steps: u64) -> Option<bool> {
    if history.operations().len() > OPERATIONS_MAX {
        return None;
    }
    let initial = model.initial_value()?;
    registers(model, &initial, history, steps).or_else(|| lists(model, &initial, history, steps))
}

/// The same, where everything is an access to a register of few short values.
fn registers<'h, M: Model>(
    model: &'h M,
    initial: &M::Value<'h>,
    history: &'h History<Op<M>, Ret<M>>,
    steps: u64,
) -> Option<bool> {
    run(model, history, steps, Register::new(model), initial)
}

/// The same, where values may be long, and grow; but nothing is swapped.
fn lists<'h, M: Model>(
    model: &'h M,
    initial: &M::Value<'h>,
    history: &'h History<Op<M>, Ret<M>>,
    steps: u64,
) -> Option<bool> {
    run(model, history, steps, List::new(model), initial)
}

/// A kind of object that parts of the state are: what operations in flight, on whatever part, mean to a front.
trait Object<V>: Sized {
    /// How many configurations may be made to begin with, and more for each operation, before it gives up.
    const STEPS: u64;
    const STEPS_PER_OPERATION: u64;

    /// How many configurations may stand side by side.
    const WIDTH_MAX: usize;

    /// The number of the value before the first operation; `None` if it is not for this kind of object.
    fn start(&mut self, value: &V) -> Option<u32>;

    /// Puts an operation in flight, in this slot; `None` if it is not for this kind of object.
    fn invoke(&mut self, slot: u32, access: Access<V>) -> Option<Kind>;

    /// Whether the operation can be counted as placed, where this is the value, without a change of it.
    fn is_explained(&mut self, slot: u32, value: u32) -> Option<bool>;

    /// Places each update that makes sense for the sake of the one that returns.
    fn go_on(&mut self, flights: &Flights, from: &Configuration, returning: u32, onward: &mut Onward<'_>)
    -> Option<()>;

    /// Takes an operation out.
    fn end(&mut self, slot: u32);
}

/// What an operation does, roughly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// It changes nothing.
    Observation,
    /// It may change the value.
    Update,
}

/// Whether returns can be explained.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Passed {
    All,
    Never,
}

/// Sweeps all parts of a history.
fn run<'h, M: Model, O: Object<M::Value<'h>>>(
    model: &'h M,
    history: &'h History<Op<M>, Ret<M>>,
    steps: u64,
    mut object: O,
    initial: &M::Value<'h>,
) -> Option<bool> {
    let value = object.start(initial)?;
    let mut sweep = Sweep {
        object,
        flights: Flights::new(),
        fronts: Parts::new(),
        ahead: Front::default(),
        left: steps,
        allowed: O::STEPS,
    };
    for operation in history.operations() {
        sweep.allowed += O::STEPS_PER_OPERATION;
        if sweep.pass_returns(operation.invoked)? == Passed::Never {
            return Some(false);
        }
        let part = sweep.fronts.find(model.part(&operation.op)?, || Front::of(value))?;
        if let Some((access, returns)) = accessed(model, operation)? {
            sweep.invoke(part, access, returns)?;
        }
    }
    Some(sweep.pass_returns(Stamp::MAX)? == Passed::All)
}

/// What an operation does, and when it returns; `None` inside if that makes no difference to anybody.
#[inline]
fn accessed<'h, M: Model>(
    model: &M,
    operation: &'h Operation<Op<M>, Ret<M>>,
) -> Option<Option<(Access<M::Value<'h>>, Stamp)>> {
    let (answer, returns) = match &operation.outcome {
        Outcome::Failed { .. } => return Some(None),
        Outcome::Returned { ret, stamp, .. } => (Some(ret), *stamp),
        Outcome::Open | Outcome::Unknown { .. } if model.observes(&operation.op, None) => return Some(None),
        Outcome::Open | Outcome::Unknown { .. } => (None, NEVER),
    };
    Some(Some((model.access(&operation.op, answer)?, returns)))
}

/// A sweep under way.
struct Sweep<'h, P, O> {
    object: O,
    flights: Flights,
    fronts: Parts<'h, P, Front>,
    /// Those that still have to place something before the present return passes.
    ahead: Front,
    /// How many configurations may be made, and how many up to here.
    left: u64,
    allowed: u64,
}

impl<P, O> Sweep<'_, P, O> {
    /// Puts an operation on a part in flight; `None` if there are too many.
    #[inline]
    fn invoke<V>(&mut self, part: usize, access: Access<V>, returns: Stamp) -> Option<()>
    where
        O: Object<V>,
    {
        let slot = self.flights.take(part, returns)?;
        let bit = 1 << slot;
        let owed = if returns == NEVER { 0 } else { bit };
        let free = match self.object.invoke(slot, access)? {
            Kind::Update => bit,
            Kind::Observation if owed != 0 => 0,
            // Nobody was told what it saw.
            Kind::Observation => {
                self.object.end(slot);
                self.flights.end(slot);
                return Some(());
            }
        };
        for configuration in self.fronts.get(part).iter_mut() {
            configuration.free |= free;
            configuration.owed |= if self.object.is_explained(slot, configuration.value)? { 0 } else { owed };
        }
        Some(())
    }

    /// Passes all returns before this moment; `None` if that takes too many steps.
    #[inline]
    fn pass_returns<V>(&mut self, until: Stamp) -> Option<Passed>
    where
        O: Object<V>,
    {
        while let Some(slot) = self.flights.returns_before(until) {
            if self.pass_return(slot)? == Passed::Never {
                return Some(Passed::Never);
            }
            self.object.end(slot);
            self.flights.end(slot);
        }
        Some(Passed::All)
    }

    #[inline]
    fn pass_return<V>(&mut self, slot: u32) -> Option<Passed>
    where
        O: Object<V>,
    {
        let bit = 1 << slot;
        let front = self.fronts.get(self.flights.part(slot));
        if front.iter().all(|configuration| (configuration.owed | configuration.free) & bit == 0) {
            return Some(Passed::All);
        }
        std::mem::swap(front, &mut self.ahead);
        front.clear();
        let (mut place, mut steps) = (0, 0);
        while let Some(configuration) = self.ahead.get(place) {
            place += 1;
            if configuration.owed & bit == 0 {
                front.insert(Configuration { free: configuration.free & !bit, ..configuration });
            }
            if (configuration.owed | configuration.free) & bit != 0 {
                steps += 1;
                let mut onward = Onward { concern: bit, front, ahead: &mut self.ahead };
                self.object.go_on(&self.flights, &configuration, slot, &mut onward)?;
                if self.ahead.len() > O::WIDTH_MAX {
                    return None;
                }
            }
        }
        let passed = if front.len() == 0 { Passed::Never } else { Passed::All };
        steps += front.len() as u64;
        self.left = self.left.checked_sub(steps)?;
        self.allowed = self.allowed.checked_sub(steps)?;
        Some(passed)
    }
}

#[cfg(test)]
mod tests;
