//! The sweep: a short history of one register is judged in one pass, all configurations side by side (Wing and Gong, 1993;
//! just in time: Lowe, 2017).
//!
//! Most histories that people record are short, and most of what a check of them takes is preparation: numbering,
//! layout, monitoring. The sweep prepares nothing. It reads the operations in their order, keeps those in flight in a few
//! machine words, and of the past nothing but a *front*: what the order so far may have led to. So it ends with the first
//! return that no order explains, and has not looked at the rest.
//!
//! A configuration is a value and two sets, as in [`super`]: what is owed, and what is free. A front has every
//! configuration that some order leads to, or one as good (rule 3 there). So there is an order of all events so far if
//! and only if the front is not empty; that needs no more than the following, which keeps it so.
//!
//! 1. *An invocation* puts an operation in flight, in each configuration. If it observes, and the value is right, it is
//!    placed at once (rule 1 of [`super`]); if it writes what is there, it may hide at once (rule 2).
//! 2. *At a return* of something owed, placements must end with it, or with what shows it its value. Nothing is placed
//!    that could as well be placed at the next return. In particular a write that returns is not hidden behind
//!    another write in flight: that other one may still be placed behind it later, to the same effect.
//! 3. *At the return of a write that has hidden* it is left hidden, or is placed behind what may come before it.
//! 4. *On the way* only those updates are placed that something waits for: an observation that is owed, or a swap that is
//!    owed or leads on to one of these; and swaps that are owed. Any other would be followed by an update that does as
//!    well without it (rule 5 of [`super`]). What the value explains with which the way ends need not be waited for.
//! 5. *The least loss.* Of equal updates the first to return is placed (rule 4 of [`super`]). Where a write and a swap of
//!    unknown outcome come to the same, the swap is: wherever it could be placed later, the write can.
//!
//! Later events are never looked at. So the front may become wide where the search of [`super`], which knows what nobody
//! will look for, has but one way to go. What it simplifies: then it gives up, as it does on appends, long values, more
//! values or operations in flight than there are bits in a word, and more than one part of the state.

use super::cells::{Action, Use, Value};
use super::front::{Configuration, Front};
use super::values::{VALUES, Values};
use crate::check::{Model, Op, Ret};
use crate::history::{History, Operation, Outcome, Stamp};

/// The longest history that is swept. Whoever interrupts a check need not wait longer for it than for a step elsewhere.
const OPERATIONS_MAX: usize = 4096;

/// How many configurations may be made for each operation, and for all of them together, before it gives up.
const STEPS_PER_OPERATION: u64 = 8;
const STEPS: u64 = 512;

/// Whether a history is linearizable, if that shows itself in so many steps.
pub(in crate::check) fn sweep<M: Model>(model: &M, history: &History<Op<M>, Ret<M>>, steps: u64) -> Option<bool> {
    let operations = history.operations();
    let first = operations.first().filter(|_| operations.len() <= OPERATIONS_MAX)?;
    let part = model.part(&first.op)?;
    let mut values = Values::new();
    let initial = values.number(model.packed(&model.initial_value()?)?)?;
    let mut sweep = Sweep::new(initial, steps.min(STEPS + STEPS_PER_OPERATION * operations.len() as u64));
    for operation in operations {
        if model.part(&operation.op)? != part {
            return None;
        }
        if sweep.pass_returns(operation.invoked)? == Passed::Never {
            return Some(false);
        }
        if let Some((action, returns)) = in_flight(model, operation, &mut values)? {
            sweep.invoke(action, returns)?;
        }
    }
    Some(sweep.pass_returns(Stamp::MAX)? == Passed::All)
}

/// What an operation does, and when it returns; `None` inside if that makes no difference to anybody.
fn in_flight<M: Model>(
    model: &M,
    operation: &Operation<Op<M>, Ret<M>>,
    values: &mut Values,
) -> Option<Option<(Action, Stamp)>> {
    let (answer, returns) = match &operation.outcome {
        Outcome::Failed { .. } => return Some(None),
        Outcome::Returned { ret, stamp, .. } => (Some(ret), *stamp),
        Outcome::Open | Outcome::Unknown { .. } if model.observes(&operation.op, None) => return Some(None),
        Outcome::Open | Outcome::Unknown { .. } => (None, NEVER),
    };
    let access = model.access(&operation.op, answer)?;
    let action = Action::of(access, |value, _: Use| values.number(model.packed(&value)?))?;
    Some((returns != NEVER || action.is_update()).then_some((action, returns)))
}

/// The return of an operation of unknown outcome.
const NEVER: Stamp = Stamp::MAX;

/// A set of slots: one bit for each operation in flight.
pub(super) type Set = u64;

/// Whether returns can be explained.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Passed {
    All,
    Never,
}

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

struct Sweep {
    actions: [Action; Set::BITS as usize],
    returns: [Stamp; Set::BITS as usize],
    vacant: Set,
    /// In flight, and sure to return.
    returning: Set,
    /// The first return of those, and whose it is.
    next: (Stamp, u32),
    concerned: [Concerned; VALUES],
    /// All in flight who saw that something is not the value, and all who write.
    sees_other: Set,
    writes: Set,
    front: Front,
    /// Those that still have to place something before the present return passes.
    ahead: Front,
    steps: u64,
}

impl Sweep {
    fn new(initial: Value, steps: u64) -> Sweep {
        let mut front = Front::default();
        front.insert(Configuration { value: initial, owed: 0, free: 0 });
        Sweep {
            actions: [Action::Sees(0); Set::BITS as usize],
            returns: [NEVER; Set::BITS as usize],
            vacant: Set::MAX,
            returning: 0,
            next: (NEVER, 0),
            concerned: [Concerned::default(); VALUES],
            sees_other: 0,
            writes: 0,
            front,
            ahead: Front::default(),
            steps,
        }
    }

    /// Puts an operation in flight; `None` if there are too many.
    fn invoke(&mut self, action: Action, returns: Stamp) -> Option<()> {
        let slot = (self.vacant != 0).then(|| self.vacant.trailing_zeros())?;
        let bit = 1 << slot;
        self.vacant &= !bit;
        self.actions[slot as usize] = action;
        self.returns[slot as usize] = returns;
        let is_known = returns != NEVER;
        if is_known {
            self.returning |= bit;
            self.next = self.next.min((returns, slot));
        }
        self.concern(action, bit);
        let (free, owed) = (if action.is_update() { bit } else { 0 }, if is_known { bit } else { 0 });
        for configuration in self.front.iter_mut() {
            configuration.free |= free;
            configuration.owed |= if action.is_explained_by(configuration.value) { 0 } else { owed };
        }
        Some(())
    }

    /// Adds an operation to those concerned with its value, or takes it out.
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

    /// Passes all returns before this moment; `None` if that takes too many steps.
    fn pass_returns(&mut self, until: Stamp) -> Option<Passed> {
        while self.next.0 < until {
            let slot = self.next.1;
            if self.pass_return(slot)? == Passed::Never {
                return Some(Passed::Never);
            }
            let bit = 1 << slot;
            self.concern(self.actions[slot as usize], bit);
            self.vacant |= bit;
            self.returning &= !bit;
            let moments = each(self.returning).map(|slot| (self.returns[slot as usize], slot));
            self.next = moments.min().unwrap_or((NEVER, 0));
        }
        Some(Passed::All)
    }

    fn pass_return(&mut self, slot: u32) -> Option<Passed> {
        let bit = 1 << slot;
        if self.front.iter().all(|configuration| (configuration.owed | configuration.free) & bit == 0) {
            return Some(Passed::All);
        }
        std::mem::swap(&mut self.front, &mut self.ahead);
        self.front.clear();
        let mut place = 0;
        while let Some(configuration) = self.ahead.get(place) {
            place += 1;
            if configuration.owed & bit == 0 {
                self.front.insert(Configuration { free: configuration.free & !bit, ..configuration });
            }
            if (configuration.owed | configuration.free) & bit != 0 {
                self.steps = self.steps.checked_sub(1)?;
                self.go_on(configuration, slot);
            }
        }
        self.steps = self.steps.checked_sub(self.front.len() as u64)?;
        Some(if self.front.len() == 0 { Passed::Never } else { Passed::All })
    }

    /// Places each update that makes sense for the sake of the one that returns.
    fn go_on(&mut self, from: Configuration, returning: u32) {
        let concern = 1 << returning;
        let waiting = self.waiting(&from, returning);
        let wanted = self.wanted(&from, waiting);
        let nothing_waits = waiting == 0 && from.owed & from.free & !self.writes == 0;
        for slot in each(if nothing_waits { from.free & concern } else { from.free }) {
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
            if !is_useful || self.has_better(&from, slot) {
                continue;
            }
            let there =
                Configuration { value: to, owed: from.owed & !(explained | hiding | bit), free: from.free & !bit };
            if (there.owed | there.free) & concern == 0 {
                self.front.insert(there);
            } else {
                self.ahead.add(there);
            }
        }
    }

    /// The observations that are owed, without those that will be explained anyway as soon as the return passes.
    fn waiting(&self, from: &Configuration, returning: u32) -> Set {
        let end = match self.actions[returning as usize] {
            Action::Sees(value) | Action::Writes(value) | Action::Swaps { new: value, .. } => self.explained(value),
            Action::SeesOther(_) => 0,
        };
        let observations = from.owed & !from.free;
        observations & (!end | 1 << returning)
    }

    /// The values that some swap must find before something that waits can be placed, one bit for each.
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
    fn explained(&self, value: Value) -> Set {
        let concerned = &self.concerned[value as usize];
        concerned.sees | (self.sees_other & !concerned.sees_other)
    }

    /// Whether another update does the same here, and is less of a loss: an equal one that returns earlier, or instead of
    /// a write of unknown outcome a swap of unknown outcome.
    fn has_better(&self, from: &Configuration, slot: u32) -> bool {
        let moment = |slot: u32| (self.returns[slot as usize], slot);
        let is_earlier_equal =
            |other: u32| self.actions[other as usize] == self.actions[slot as usize] && moment(other) < moment(slot);
        let others = from.free & !(1 << slot);
        match self.actions[slot as usize] {
            Action::Writes(value) => {
                let is_swap_to_it = |other: u32| {
                    self.returns[other as usize] == NEVER
                        && self.actions[other as usize] == Action::Swaps { expected: from.value, new: value }
                };
                each(others & self.concerned[value as usize].writes).any(is_earlier_equal)
                    || (self.returns[slot as usize] == NEVER
                        && each(others & self.concerned[from.value as usize].swaps).any(is_swap_to_it))
            }
            Action::Swaps { expected, .. } => {
                each(others & self.concerned[expected as usize].swaps).any(is_earlier_equal)
            }
            Action::Sees(_) | Action::SeesOther(_) => false,
        }
    }
}

/// The slots in a set.
fn each(mut set: Set) -> impl Iterator<Item = u32> {
    std::iter::from_fn(move || {
        let slot = (set != 0).then(|| set.trailing_zeros());
        set &= set.wrapping_sub(1);
        slot
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::plan::Plan;
    use crate::check::sample::{Flaw, Mix, Numbers, Registers, Reply, Request, Shape};
    use crate::check::{Budget, Whole};
    use crate::rng::PPM;
    use crate::time::Instant;

    /// Histories like those of Jepsen: some five clients, few values, some of unknown outcome.
    fn shape(seed: u64) -> Shape {
        Shape {
            operations: 10 + seed as usize % 90,
            in_flight: 2 + seed % 6,
            numbers: Numbers::UpTo(1 + seed % 5),
            mix: [Mix::REGISTER, Mix::SWAPS][seed as usize % 2],
            unknown: [0, PPM / 20, PPM / 5][(seed / 2) as usize % 3],
            failed: PPM / 20,
            ..Shape::registers(0, 2 + seed % 6, 1)
        }
    }

    #[test]
    fn it_says_what_the_search_says_and_nearly_always_something() {
        // Nothing, a violation, an order.
        let mut said = [0; 3];
        for seed in 0..3_000 {
            let sample = shape(seed).sample(seed);
            let flawed = sample.with_flaw(Flaw::Answer, seed).map(|flawed| flawed.history);
            for history in flawed.into_iter().chain([sample.history]) {
                let budget = Budget::default();
                let mut plan = Plan::searching(&Registers, &history, &budget);
                let expected = plan.run(&Registers, &history, None).is_linearizable();
                let verdict = sweep(&Registers, &history, u64::MAX);
                assert!(verdict.is_none() || verdict == expected, "{verdict:?}, not {expected:?}: {history:?}");
                said[verdict.map_or(0, |verdict| 1 + usize::from(verdict))] += 1;
            }
        }
        assert!(said[0] < 300 && said[1] > 1_000 && said[2] > 3_000, "{said:?}");
    }

    #[test]
    fn it_gives_up_on_what_is_not_for_it() {
        let sample = Shape::registers(100, 5, 1).sample(1).history;
        assert_eq!(sweep(&Registers, &sample, u64::MAX), None, "more than 48 values");
        let two_keys = Shape { numbers: Numbers::UpTo(5), ..Shape::registers(100, 5, 2) }.sample(1).history;
        assert_eq!(sweep(&Registers, &two_keys, u64::MAX), None);
        let few = Shape { numbers: Numbers::UpTo(5), ..Shape::registers(100, 5, 1) }.sample(1).history;
        assert_eq!(sweep(&Registers, &few, u64::MAX), Some(true));
        assert_eq!(sweep(&Registers, &few, 10), None, "ten steps do not suffice");
        assert_eq!(
            sweep(&Whole(crate::check::sample::Register::default()), &few, u64::MAX),
            None,
            "no view of accesses"
        );
        let appends = Shape { mix: Mix::LISTS, ..Shape::registers(20, 5, 1) }.sample(1).history;
        assert_eq!(sweep(&Registers, &appends, u64::MAX), None);
    }

    #[test]
    fn it_ends_with_the_first_return_that_nothing_explains() {
        let mut history: History<Request, Reply> = History::new();
        let request = |action| Request { key: 0, action };
        let read = history.invoke(1, request(crate::check::sample::Action::Read), Instant::START);
        history.returned(read, Reply::Holds(crate::check::sample::Content::One(7)), Instant::START);
        // What comes later is not even for it.
        history.invoke(1, request(crate::check::sample::Action::Append(1)), Instant::START);
        assert_eq!(sweep(&Registers, &history, u64::MAX), Some(false));
    }
}
