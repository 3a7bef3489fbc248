//! A front: configurations of a register at one event, none of which is as good as another (dominance: Kohler and
//! Steiglitz, 1974; rule 3 of [`crate::check::register`]).
//!
//! What it simplifies: they are few, so that each new one is compared with all.

use super::flights::Set;

/// What the rest of a sweep depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Configuration {
    pub(super) value: u32,
    /// What must be placed before it returns.
    pub(super) owed: Set,
    /// What may be placed.
    pub(super) free: Set,
}

impl Configuration {
    fn is_as_good_as(&self, other: &Configuration) -> bool {
        self.value == other.value && self.owed & !other.owed == 0 && other.free & !self.free == 0
    }
}

/// For how many configurations there is room at first.
const USUAL_WIDTH: usize = 8;

/// Configurations at one event.
#[derive(Default)]
pub(super) struct Front {
    all: Vec<Configuration>,
}

impl Front {
    /// The value is this, and nothing is in flight.
    #[inline]
    pub(super) fn of(value: u32) -> Front {
        let mut front = Front { all: Vec::with_capacity(USUAL_WIDTH) };
        front.all.push(Configuration { value, owed: 0, free: 0 });
        front
    }

    #[inline]
    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    #[inline]
    pub(super) fn clear(&mut self) {
        self.all.clear();
    }

    #[inline]
    pub(super) fn get(&self, place: usize) -> Option<Configuration> {
        self.all.get(place).copied()
    }

    #[inline]
    pub(super) fn iter(&self) -> impl Iterator<Item = &Configuration> {
        self.all.iter()
    }

    /// For changes that do the same to all.
    #[inline]
    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Configuration> {
        self.all.iter_mut()
    }

    /// Adds a configuration behind the others, unless there is one as good: whoever goes through them comes to it.
    #[inline]
    pub(super) fn add(&mut self, configuration: Configuration) {
        if !self.all.iter().any(|known| known.is_as_good_as(&configuration)) {
            self.all.push(configuration);
        }
    }

    /// Adds a configuration, unless there is one as good, in the place of those that are no better.
    #[inline]
    pub(super) fn insert(&mut self, configuration: Configuration) {
        let mut place = 0;
        while let Some(known) = self.all.get(place) {
            if known.is_as_good_as(&configuration) {
                // Then it is no better than any of those, and none was taken out.
                return;
            }
            if configuration.is_as_good_as(known) {
                self.all.swap_remove(place);
            } else {
                place += 1;
            }
        }
        self.all.push(configuration);
    }
}

/// Where configurations go that are made at a return.
pub(super) struct Onward<'f> {
    /// The operation that returns.
    pub(super) concern: Set,
    /// Those that have placed it.
    pub(super) front: &'f mut Front,
    /// Those that have not.
    pub(super) ahead: &'f mut Front,
}

impl Onward<'_> {
    /// Adds a configuration.
    #[inline]
    pub(super) fn reach(&mut self, there: Configuration) {
        if (there.owed | there.free) & self.concern == 0 {
            self.front.insert(there);
        } else {
            self.ahead.add(there);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_two_the_one_that_owes_less_and_has_more_stays() {
        let mut front = Front::default();
        let configuration = |value, owed, free| Configuration { value, owed, free };
        front.insert(configuration(1, 0b11, 0b100));
        front.insert(configuration(1, 0b111, 0b100));
        front.insert(configuration(1, 0b11, 0b000));
        assert_eq!(front.all, [configuration(1, 0b11, 0b100)]);
        front.insert(configuration(2, 0b11, 0b100));
        front.insert(configuration(1, 0b01, 0b110));
        assert_eq!(front.all, [configuration(2, 0b11, 0b100), configuration(1, 0b01, 0b110)]);
        front.insert(configuration(1, 0b10, 0b110));
        front.add(configuration(1, 0b10, 0b110));
        assert_eq!(front.len(), 3, "neither owes what the other does");
    }
}
