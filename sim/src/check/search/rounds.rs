//! In what order operations are tried at a return: what would come too late first, then what helps, then all others.
//!
//! Any order of trying finds an order of the operations if there is one; this one nearly always finds it at once (just-in-time
//! linearisation: Lowe, 2017; zones: Gibbons and Korach, 1997). What it simplifies: a guess is made from what an
//! operation tells of itself, or from what it led to when it was first placed, not from what it leads to here.

use super::Search;
use crate::check::Model;
use crate::check::meter::Halt;
use crate::check::places::Place;
use crate::check::token::{Kind, Kinds};

/// When an operation is tried at a return. In one configuration it is always the same for the same operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Round {
    /// First, because it can only be placed before what the return waits for is: see `is_urgent`.
    Urgent,
    /// Then, because it returns itself, or leads to what the return waits for. Nearly always one of these will do, and
    /// whatever is placed beside it is missing later.
    Direct,
    /// Then, for all the others.
    Detour,
}

/// Where the search for the next candidate goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Turn {
    pub(super) round: Round,
    /// See `next_in_flight`.
    next: u32,
}

/// What the operation whose return is in the way waits for.
struct Aim {
    returning: usize,
    waits: Waits,
    /// The kind of state that it will leave.
    kind: Kind,
    /// That state must stay until this event; 0 if it need not.
    until: u32,
}

/// In which states an operation can be placed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Waits {
    /// In all, for all that is known.
    No,
    /// In those where it gives its answer; they are of this kind.
    For(Kind),
}

impl<M: Model> Search<'_, '_, '_, M> {
    /// Where to begin at the return in the way.
    pub(super) fn first_turn(&self) -> Turn {
        let may_be_urgent = self.places.needs.has_chains || self.aim().until > 0;
        Turn { round: if may_be_urgent { Round::Urgent } else { Round::Direct }, next: 0 }
    }

    /// The operation to try next, if there is one left.
    pub(super) fn next_candidate(&mut self, turn: &mut Turn) -> Result<Option<usize>, Halt> {
        let aim = self.aim();
        loop {
            while let Some((candidate, next)) = self.next_in_flight(*turn, &aim) {
                turn.next = next as u32;
                if self.round(candidate, &aim)? == turn.round {
                    return Ok(Some(candidate));
                }
            }
            turn.round = match (turn.round, aim.waits) {
                (Round::Urgent, Waits::No | Waits::For(_)) => Round::Direct,
                (Round::Direct, Waits::For(_)) => Round::Detour,
                (Round::Direct, Waits::No) | (Round::Detour, Waits::No | Waits::For(_)) => return Ok(None),
            };
            turn.next = 0;
        }
    }

    fn aim(&self) -> Aim {
        let returning = self.returning();
        let entry = &self.places.entries[returning];
        let waits = match entry.place {
            Place::Observation(_) => Waits::For(entry.kinds.before),
            Place::Update(_) | Place::Unknown(_) if entry.kinds.before == Kind::UNKNOWN => Waits::No,
            Place::Update(_) | Place::Unknown(_) => Waits::For(entry.kinds.before),
        };
        let Kinds { before, after } = entry.kinds;
        let kind = if self.kind.may_be(before) && after != Kind::UNKNOWN { after } else { before };
        let until = self.places.needs.until(kind);
        Aim { returning, waits, kind, until: if until as usize > self.event { until } else { 0 } }
    }

    /// The next operation that may be placed and may have its turn, and what to ask with for the one after it: 0 is the
    /// operation whose return is in the way, then come the slots in flight, then the operations of unknown outcome.
    fn next_in_flight(&self, turn: Turn, aim: &Aim) -> Option<(usize, usize)> {
        let mut start = turn.next as usize;
        if start == 0 {
            if matches!(self.places.entries[aim.returning].place, Place::Update(_)) {
                return Some((aim.returning, 1));
            }
            start = 1;
        }
        if start <= self.places.slots {
            let may_have_its_turn = |slot: usize| {
                self.guess(self.kinds[slot], aim).is_none_or(|round| round == turn.round)
                    && self.owners[slot] != aim.returning
            };
            if let Some(slot) = self.updates.find_without(&self.placed, start - 1, may_have_its_turn) {
                return Some((self.owners[slot], slot + 2));
            }
        }
        let base = self.places.slots + 1;
        (start.max(base) - base..self.unknowns).find_map(|number| {
            let unknown = &self.places.unknowns[number];
            let ready = !self.spent.contains(number) && unknown.twin.is_none_or(|twin| self.spent.contains(twin));
            ready.then_some((unknown.entry, base + number + 1))
        })
    }

    fn round(&mut self, candidate: usize, aim: &Aim) -> Result<Round, Halt> {
        if candidate == aim.returning {
            return Ok(Round::Direct);
        }
        if let Some(round) = self.guess(self.places.entries[candidate].kinds, aim) {
            return Ok(round);
        }
        Ok(if self.seems_to_answer(candidate, aim.returning)? { Round::Direct } else { Round::Detour })
    }

    /// In which round an operation with these kinds is tried, if that is all that need be known.
    fn guess(&self, kinds: Kinds, aim: &Aim) -> Option<Round> {
        if self.is_urgent(kinds, aim) {
            return Some(Round::Urgent);
        }
        match aim.waits {
            Waits::No => Some(Round::Direct),
            Waits::For(wanted) if wanted == Kind::UNKNOWN || kinds.after == Kind::UNKNOWN => None,
            Waits::For(wanted) if wanted == kinds.after => Some(Round::Direct),
            Waits::For(_) => Some(Round::Detour),
        }
    }

    /// Whether an operation should be placed before what the return in the way waits for: because it wants the present
    /// state, which will not come again; or because that state must stay until somebody sees it who has not been invoked
    /// yet, and this one must be placed earlier than that.
    fn is_urgent(&self, kinds: Kinds, aim: &Aim) -> bool {
        let needs = &self.places.needs;
        if aim.kind != Kind::UNKNOWN && kinds.after == aim.kind {
            return false;
        }
        let is_last_chance =
            kinds.before != Kind::UNKNOWN && kinds.before == self.kind && needs.until(kinds.before) > 0;
        is_last_chance || needs.from(kinds.after) < aim.until
    }

    /// Whether an operation leads to what another waits for. What it led to when it was first placed stands for what it
    /// leads to here: a guess, and always the same one for an operation that can be placed here.
    fn seems_to_answer(&mut self, candidate: usize, returning: usize) -> Result<bool, Halt> {
        let to = match self.made[candidate] {
            Some(to) => to,
            None => match self.apply(self.state, candidate)? {
                Some(to) => *self.made[candidate].insert(to),
                None => return Ok(false),
            },
        };
        match self.places.entries[returning].place {
            Place::Observation(_) => self.gives_its_answer(to, returning),
            Place::Update(_) | Place::Unknown(_) => Ok(self.apply(to, returning)?.is_some()),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::check::meter::Meter;
    use crate::check::partition::{Part, Problem};
    use crate::check::sample::{Registers, Shape};
    use crate::check::search::{Searched, search_by_specification};
    use crate::check::split::split;
    use crate::check::{Budget, is_witness};
    use crate::rng::PPM;

    /// Of different values an order is found without a dead end, however many operations are in flight: the steps are
    /// a few for each operation, and those that a wide mask costs.
    #[test]
    fn nothing_is_tried_in_vain_where_values_are_different() {
        for (seed, in_flight) in [1, 2, 5, 10, 30, 100, 300, 1_000].into_iter().cycle().take(64).enumerate() {
            let unknown = if seed % 16 < 8 { 0 } else { PPM / 20 };
            let shape = Shape { unknown, ..Shape::registers(2_000, in_flight, 1) };
            let sample = shape.sample(seed as u64);
            let component = &split(&Registers, &sample.history).components[0];
            let problem = Problem::new(&Registers, &sample.history, component, Part::Whole);
            let mut meter = Meter::new(&Budget::steps(12 * 2_000));
            let found = search_by_specification(&Registers, &problem, &component.initial, &mut meter);
            let Ok(Searched::Found(order)) = found else { panic!("{shape:?}, seed {seed}: no order in few steps") };
            let order: Vec<_> = order.into_iter().map(|number| problem.entries[number as usize].id).collect();
            assert!(is_witness(&Registers, &sample.history, &order), "{shape:?}, seed {seed}");
        }
    }
}
