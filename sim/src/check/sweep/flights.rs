//! The operations in flight, on all parts of the state: a slot for each, and which of them returns next.
//!
//! Slots are used again after a return, so that a set of operations is one machine word (Lowe, 2017: the mask covers what
//! is in flight, not the history). What it simplifies: there are as many slots as a word has bits, and one of unknown
//! outcome keeps its slot for ever.

use crate::history::Stamp;

/// A set of slots: one bit for each operation in flight.
pub(super) type Set = u64;

/// The return of an operation of unknown outcome.
pub(super) const NEVER: Stamp = Stamp::MAX;

/// How many slots there are.
pub(super) const SLOTS: usize = Set::BITS as usize;

/// The operations in flight.
pub(super) struct Flights {
    returns: [Stamp; SLOTS],
    /// The number of the part that each is on.
    parts: [u8; SLOTS],
    vacant: Set,
    /// In flight, and sure to return.
    returning: Set,
    /// The first return of those, and whose it is.
    next: (Stamp, u32),
}

impl Flights {
    #[inline]
    pub(super) fn new() -> Flights {
        Flights { returns: [NEVER; SLOTS], parts: [0; SLOTS], vacant: Set::MAX, returning: 0, next: (NEVER, 0) }
    }

    /// A slot for an operation on a part that returns at this moment; `None` if there is none left.
    #[inline]
    pub(super) fn take(&mut self, part: usize, returns: Stamp) -> Option<u32> {
        let slot = (self.vacant != 0).then(|| self.vacant.trailing_zeros())?;
        self.vacant &= !(1 << slot);
        self.returns[slot as usize] = returns;
        self.parts[slot as usize] = u8::try_from(part).ok()?;
        if returns != NEVER {
            self.returning |= 1 << slot;
            self.next = self.next.min((returns, slot));
        }
        Some(slot)
    }

    /// Who returns next, if that is before this moment.
    #[inline]
    pub(super) fn returns_before(&self, until: Stamp) -> Option<u32> {
        (self.next.0 < until).then_some(self.next.1)
    }

    /// When an operation returns.
    #[inline]
    pub(super) fn returns(&self, slot: u32) -> Stamp {
        self.returns[slot as usize]
    }

    /// The number of the part that an operation is on.
    #[inline]
    pub(super) fn part(&self, slot: u32) -> usize {
        self.parts[slot as usize].into()
    }

    /// Gives a slot back.
    #[inline]
    pub(super) fn end(&mut self, slot: u32) {
        self.vacant |= 1 << slot;
        self.returning &= !(1 << slot);
        if self.next.1 == slot {
            let moments = each(self.returning).map(|slot| (self.returns[slot as usize], slot));
            self.next = moments.min().unwrap_or((NEVER, 0));
        }
    }
}

/// The slots in a set.
pub(super) fn each(mut set: Set) -> impl Iterator<Item = u32> {
    std::iter::from_fn(move || {
        let slot = (set != 0).then(|| set.trailing_zeros());
        set &= set.wrapping_sub(1);
        slot
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_returns_first_is_next_and_gives_its_slot_back() {
        let mut flights = Flights::new();
        let slots: Vec<Option<u32>> = [7, NEVER, 5].map(|returns| flights.take(3, returns)).into();
        assert_eq!(slots, [Some(0), Some(1), Some(2)]);
        assert_eq!(flights.returns_before(5), None);
        assert_eq!(flights.returns_before(6), Some(2));
        flights.end(2);
        assert_eq!(flights.returns_before(NEVER), Some(0));
        assert_eq!(flights.take(200, 6), Some(2));
        assert_eq!(flights.returns_before(NEVER), Some(2));
        assert_eq!((flights.part(0), flights.part(2)), (3, 200));
        flights.end(2);
        flights.end(0);
        assert_eq!(flights.returns_before(NEVER), None, "one of unknown outcome stays in flight");
        assert_eq!((1..SLOTS).filter(|_| flights.take(0, 9).is_some()).count(), SLOTS - 1);
        assert_eq!(flights.take(0, 9), None);
    }
}
