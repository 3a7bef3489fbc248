//! Numbers for values that fit into a machine word: a small table, open addressing (Knuth, volume 3, 6.4).
//!
//! The number of a value is its place in the table. What it simplifies: the table does not grow.

use crate::check::register::cells::Value;

/// Places of the table. All numbers are below this.
pub(super) const VALUES: usize = 64;

/// How many values it takes.
const VALUES_MAX: usize = 48;

/// The word in a place that nobody has.
const NOBODY: u64 = u64::MAX;

/// The values that were met.
pub(super) struct Values {
    places: [u64; VALUES],
    known: usize,
}

impl Values {
    #[inline]
    pub(super) fn new() -> Values {
        Values { places: [NOBODY; VALUES], known: 0 }
    }

    /// The number of a value; `None` if there are too many.
    #[inline]
    pub(super) fn number(&mut self, packed: u64) -> Option<Value> {
        // Multiplication by the golden ratio: Knuth, volume 3, 6.4. The upper bits depend on all of the word.
        let mut place = (packed.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (u64::BITS - VALUES.ilog2())) as usize;
        while self.places[place] != packed {
            if self.places[place] == NOBODY {
                if self.known == VALUES_MAX {
                    return None;
                }
                self.known += 1;
                self.places[place] = packed;
                break;
            }
            place = (place + 1) % VALUES;
        }
        (packed != NOBODY).then_some(place as Value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_values_have_one_number_and_others_another() {
        let mut values = Values::new();
        let numbers: Vec<Value> = (0..VALUES_MAX as u64).map(|value| values.number(value).expect("a place")).collect();
        let mut distinct = numbers.clone();
        distinct.sort_unstable();
        distinct.dedup();
        assert_eq!(distinct.len(), VALUES_MAX);
        assert!((0..).zip(&numbers).all(|(value, number)| values.number(value) == Some(*number)));
        assert_eq!(values.number(1_000), None, "the table is full");
        assert_eq!(Values::new().number(NOBODY), None);
    }
}
