//! A part of the state that is a register of few short values, with compare-and-swap or without, as a front sees it.
//!
//! Rules beside those of [`super`]:
//!
//! 1. *Hiding at once.* A write whose value is there already may hide at once (rule 2 of [`crate::check::register`]).
//! 2. *On the way* only those updates are placed that something waits for: an observation that is owed, or a swap that is
//!    owed or leads on to one of these; and swaps that are owed. Any other would be followed by an update that does as
//!    well without it (rule 5 of [`crate::check::register`]). What the value explains with which the way ends need not be
//!    waited for.
//! 3. *The least loss.* Of equal updates the first to return is placed (rule 4 of [`crate::check::register`]). Where a
//!    write and a swap of unknown outcome come to the same, the swap is: wherever it could be placed later, the write can.
//!
//! What it simplifies: long values, more values than there are bits in a word, and appends are not for it.

use super::flights::{Flights, NEVER, SLOTS, Set, each};
use super::front::{Configuration, Onward};
use super::values::{VALUES, Values};
use super::{Kind, Object};
use crate::check::register::cells::{Action, Use, Value};
use crate::check::{Access, Model};

/// Who in flight has to do with a value.
#[derive(Clone, Copy, Default)]
struct Concerned {
    /// Those who saw it.
    sees: Set,
    /// Those who saw another.
    sees_other: Set,
    /// Those who write it.
    writes: Set,
    /// Swaps that expect it.
    swaps: Set,
}

/// A register.
pub(super) struct Register<'m, M> {
    model: &'m M,
    values: Values,
    actions: [Action; SLOTS],
    concerned: [Concerned; VALUES],
    /// All in flight who saw that something is not the value, and all who write.
    sees_other: Set,
    writes: Set,
}

impl<'m, M: Model> Register<'m, M> {
    /// A register that nobody has touched.
    #[inline]
    pub(super) fn new(model: &'m M) -> Self {
        Register {
            model,
            values: Values::new(),
            actions: [Action::Sees(0); SLOTS],
            concerned: [Concerned::default(); VALUES],
            sees_other: 0,
            writes: 0,
        }
    }

    /// Adds an operation to those concerned with its value, or takes it out.
    #[inline]
    fn concern(&mut self, action: Action, bit: Set) {
        match action {
            Action::Sees(value) => self.concerned[value as usize].sees ^= bit,
            Action::SeesOther(value) => {
                self.concerned[value as usize].sees_other ^= bit;
                self.sees_other ^= bit;
            }
            Action::Writes(value) => {
                self.concerned[value as usize].writes ^= bit;
                self.writes ^= bit;
            }
            Action::Swaps { expected, .. } => self.concerned[expected as usize].swaps ^= bit,
        }
    }

    /// The observations that are owed, without those that will be explained anyway as soon as the return passes.
    #[inline]
    fn waiting(&self, from: &Configuration, returning: u32) -> Set {
        let end = match self.actions[returning as usize] {
            Action::Sees(value) | Action::Writes(value) | Action::Swaps { new: value, .. } => self.explained(value),
            Action::SeesOther(_) => 0,
        };
        let observations = from.owed & !from.free;
        observations & (!end | 1 << returning)
    }

    /// The values that some swap must find before something that waits can be placed, one bit for each.
    #[inline]
    fn wanted(&self, from: &Configuration, waiting: Set) -> u64 {
        let swaps = |slots: Set| {
            each(slots).filter_map(|slot| match self.actions[slot as usize] {
                Action::Swaps { expected, new } => Some((expected, new)),
                Action::Sees(_) | Action::SeesOther(_) | Action::Writes(_) => None,
            })
        };
        let all = from.free & !self.writes;
        if all == 0 {
            return 0;
        }
        let mut wanted = swaps(all & from.owed).fold(0, |wanted, (expected, _)| wanted | 1 << expected);
        for slot in each(waiting) {
            match self.actions[slot as usize] {
                Action::Sees(value) => wanted |= 1 << value,
                // Any other value does.
                Action::SeesOther(_) | Action::Writes(_) | Action::Swaps { .. } => {}
            }
        }
        loop {
            let leads_on = |wanted: u64, (expected, new): (Value, Value)| wanted | (wanted >> new & 1) << expected;
            let more = swaps(all).fold(wanted, leads_on);
            if more == wanted {
                return wanted;
            }
            wanted = more;
        }
    }

    /// The observations in flight that a value explains.
    #[inline]
    fn explained(&self, value: Value) -> Set {
        let concerned = &self.concerned[value as usize];
        concerned.sees | (self.sees_other & !concerned.sees_other)
    }

    /// Whether another update does the same here, and is less of a loss: an equal one that returns earlier, or instead of
    /// a write of unknown outcome a swap of unknown outcome.
    #[inline]
    fn has_better(&self, flights: &Flights, from: &Configuration, slot: u32) -> bool {
        let moment = |slot: u32| (flights.returns(slot), slot);
        let is_earlier_equal =
            |other: u32| self.actions[other as usize] == self.actions[slot as usize] && moment(other) < moment(slot);
        let others = from.free & !(1 << slot);
        match self.actions[slot as usize] {
            Action::Writes(value) => {
                let is_swap_to_it = |other: u32| {
                    flights.returns(other) == NEVER
                        && self.actions[other as usize] == Action::Swaps { expected: from.value, new: value }
                };
                each(others & self.concerned[value as usize].writes).any(is_earlier_equal)
                    || (flights.returns(slot) == NEVER
                        && each(others & self.concerned[from.value as usize].swaps).any(is_swap_to_it))
            }
            Action::Swaps { expected, .. } => {
                each(others & self.concerned[expected as usize].swaps).any(is_earlier_equal)
            }
            Action::Sees(_) | Action::SeesOther(_) => false,
        }
    }
}

impl<'m, M: Model> Object<M::Value<'m>> for Register<'m, M> {
    const STEPS: u64 = 512;
    const STEPS_PER_OPERATION: u64 = 8;
    const WIDTH_MAX: usize = 512;

    #[inline]
    fn start(&mut self, value: &M::Value<'m>) -> Option<Value> {
        self.values.number(self.model.packed(value)?)
    }

    #[inline]
    fn invoke(&mut self, slot: u32, access: Access<M::Value<'m>>) -> Option<Kind> {
        let action = Action::of(access, |value, _: Use| self.values.number(self.model.packed(&value)?))?;
        self.actions[slot as usize] = action;
        self.concern(action, 1 << slot);
        Some(if action.is_update() { Kind::Update } else { Kind::Observation })
    }

    #[inline]
    fn is_explained(&mut self, slot: u32, value: Value) -> Option<bool> {
        Some(self.actions[slot as usize].is_explained_by(value))
    }

    #[inline]
    fn go_on(
        &mut self,
        flights: &Flights,
        from: &Configuration,
        returning: u32,
        onward: &mut Onward<'_>,
    ) -> Option<()> {
        let waiting = self.waiting(from, returning);
        let nothing_waits = waiting == 0 && from.owed & from.free & !self.writes == 0;
        let wanted = if nothing_waits { 0 } else { self.wanted(from, waiting) };
        for slot in each(if nothing_waits { from.free & 1 << returning } else { from.free }) {
            let bit = 1 << slot;
            let (to, hiding, is_owed_swap) = match self.actions[slot as usize] {
                Action::Writes(to) => (to, self.writes, false),
                Action::Swaps { expected, new } if expected == from.value => {
                    (new, self.concerned[new as usize].writes, from.owed & bit != 0)
                }
                Action::Swaps { .. } | Action::Sees(_) | Action::SeesOther(_) => continue,
            };
            let explained = self.explained(to);
            let is_useful = slot == returning || is_owed_swap || wanted & 1 << to != 0 || waiting & explained != 0;
            if is_useful && !self.has_better(flights, from, slot) {
                let owed = from.owed & !(explained | hiding | bit);
                onward.reach(Configuration { value: to, owed, free: from.free & !bit });
            }
        }
        Some(())
    }

    #[inline]
    fn end(&mut self, slot: u32) {
        self.concern(self.actions[slot as usize], 1 << slot);
    }
}
