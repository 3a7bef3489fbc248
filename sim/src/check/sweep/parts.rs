//! Something for each part of the state, found by the part: a short list with hashes, looked through from the last one
//! found (self-organizing search: Knuth, volume 3, 6.1).
//!
//! Often one part follows itself, and short histories name few. What it simplifies: there is a bound on their number.

use std::hash::Hash;

use crate::check::memory::hash;

/// How many parts there may be.
const PARTS_MAX: usize = 64;

/// A thing for each part. Parts are numbered as they come.
pub(super) struct Parts<'h, P, T> {
    all: Vec<(u64, &'h P, T)>,
    last: usize,
}

impl<'h, P: Eq + Hash, T> Parts<'h, P, T> {
    /// The number of a part, for which a thing is made if it is the first time; `None` if there are too many.
    #[inline]
    pub(super) fn find(&mut self, part: &'h P, make: impl FnOnce() -> T) -> Option<usize> {
        if self.all.get(self.last).is_none_or(|(_, last, _)| *last != part) {
            let hash = hash(part);
            self.last = match self.all.iter().position(|(other, known, _)| *other == hash && *known == part) {
                Some(place) => place,
                None if self.all.len() == PARTS_MAX => return None,
                None => {
                    self.all.push((hash, part, make()));
                    self.all.len() - 1
                }
            };
        }
        Some(self.last)
    }
}

impl<P, T> Parts<'_, P, T> {
    pub(super) fn new() -> Self {
        Parts { all: Vec::new(), last: 0 }
    }

    /// The thing of the part of this number.
    #[inline]
    pub(super) fn get(&mut self, number: usize) -> &mut T {
        &mut self.all[number].2
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_part_has_its_own_thing_and_there_are_not_too_many() {
        let names: Vec<usize> = (0..=PARTS_MAX).collect();
        let mut parts = Parts::new();
        for name in &names[..PARTS_MAX] {
            assert_eq!(parts.find(name, || 10 * name), Some(*name));
        }
        for name in &names[..PARTS_MAX] {
            assert_eq!(parts.find(name, || unreachable!("it is there")), Some(*name));
            assert_eq!(*parts.get(*name), 10 * name);
        }
        assert_eq!(parts.find(&names[PARTS_MAX], || 0), None);
    }
}
