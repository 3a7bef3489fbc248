//! A set of small numbers as a bit mask of any width, one machine word where that suffices.
//!
//! Configurations of the search are compared and remembered by the million, and nearly always fewer than 65 operations
//! are in flight. Wider ones stand behind a thin pointer, so that a mask takes no more than two words. What it simplifies: all masks of one search have the width that they were made with; mixing widths is
//! a bug in the caller.

const WORD: usize = 64;

/// A set of numbers below the width that it was made with.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Mask {
    One(u64),
    Many(Box<Box<[u64]>>),
}

impl Mask {
    /// The empty set, for numbers below `width`.
    pub(super) fn empty(width: usize) -> Mask {
        if width <= WORD {
            Mask::One(0)
        } else {
            Mask::Many(Box::new(vec![0; width.div_ceil(WORD)].into_boxed_slice()))
        }
    }

    /// How many machine words the mask takes.
    pub(super) fn words(&self) -> usize {
        self.as_slice().len()
    }

    pub(super) fn insert(&mut self, number: usize) {
        self.as_mut_slice()[number / WORD] |= 1 << (number % WORD);
    }

    pub(super) fn remove(&mut self, number: usize) {
        self.as_mut_slice()[number / WORD] &= !(1 << (number % WORD));
    }

    pub(super) fn contains(&self, number: usize) -> bool {
        self.as_slice()[number / WORD] & (1 << (number % WORD)) != 0
    }

    pub(super) fn is_subset(&self, other: &Mask) -> bool {
        self.as_slice().iter().zip(other.as_slice()).all(|(mine, theirs)| mine & !theirs == 0)
    }

    /// The smallest number from `start` on that is in the set and not in `other`.
    pub(super) fn next_without(&self, other: &Mask, start: usize) -> Option<usize> {
        self.find_without(other, start, |_| true)
    }

    /// The smallest number from `start` on that is in the set and not in `other`, and of which this is true.
    pub(super) fn find_without(&self, other: &Mask, start: usize, is_wanted: impl Fn(usize) -> bool) -> Option<usize> {
        let mut keep = u64::MAX << (start % WORD);
        let words = self.as_slice().iter().zip(other.as_slice()).enumerate().skip(start / WORD);
        for (place, (mine, theirs)) in words {
            let mut left = mine & !theirs & keep;
            while left != 0 {
                let number = place * WORD + left.trailing_zeros() as usize;
                if is_wanted(number) {
                    return Some(number);
                }
                left &= left - 1;
            }
            keep = u64::MAX;
        }
        None
    }

    fn as_slice(&self) -> &[u64] {
        match self {
            Mask::One(word) => std::slice::from_ref(word),
            Mask::Many(words) => words,
        }
    }

    fn as_mut_slice(&mut self) -> &mut [u64] {
        match self {
            Mask::One(word) => std::slice::from_mut(word),
            Mask::Many(words) => words,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mask_is_a_set_whatever_its_width() {
        for width in [1, 63, 64, 65, 200] {
            let mut mask = Mask::empty(width);
            let none = Mask::empty(width);
            assert_eq!(mask.next_without(&none, 0), None);
            mask.insert(width - 1);
            mask.insert(0);
            assert!(mask.contains(0) && mask.contains(width - 1));
            assert_eq!(mask.next_without(&none, 0), Some(0));
            assert_eq!(mask.next_without(&none, 1), (width > 1).then_some(width - 1));
            assert_eq!(mask.find_without(&none, 0, |number| number + 1 == width), Some(width - 1));
            assert_eq!(mask.find_without(&none, 0, |number| number == width), None);
            assert!(none.is_subset(&mask) && !mask.is_subset(&none));
            assert_eq!(mask.next_without(&mask, 0), None);
            mask.remove(0);
            mask.remove(width - 1);
            assert_eq!(mask, none);
        }
    }

    #[test]
    fn looking_from_beyond_the_width_finds_nothing() {
        let mut mask = Mask::empty(64);
        mask.insert(63);
        assert_eq!(mask.next_without(&Mask::empty(64), 64), None);
    }
}
