//! What is kept of the latest terms: a short list in the order of terms, in which the latest is found at once.
//!
//! Nearly every question is about the term that is going on, which is the last; older ones are found by bisection.

use std::collections::VecDeque;

/// For how many terms something is kept: longer than any message is on its way.
pub(super) const TERMS_KEPT: usize = 256;

/// A value for each of the latest terms that have one.
#[derive(Debug)]
pub(super) struct ByTerm<V>(VecDeque<(u64, V)>);

impl<V> Default for ByTerm<V> {
    fn default() -> Self {
        ByTerm(VecDeque::new())
    }
}

impl<V> ByTerm<V> {
    /// The first term that has a value.
    #[inline]
    pub(super) fn first_term(&self) -> Option<u64> {
        self.0.front().map(|(term, _)| *term)
    }

    /// The last term that has a value, with it.
    #[inline]
    pub(super) fn latest(&self) -> Option<(u64, &V)> {
        self.0.back().map(|(term, value)| (*term, value))
    }

    /// The value of a term.
    #[inline]
    pub(super) fn get(&self, term: u64) -> Option<&V> {
        let (latest, value) = self.latest()?;
        if latest == term { Some(value) } else { self.find(term).ok().map(|place| &self.0[place].1) }
    }

    /// The value of a term, made if need be.
    #[inline]
    pub(super) fn get_or_insert_with(&mut self, term: u64, make: impl FnOnce() -> V) -> &mut V {
        let place = match self.latest() {
            Some((latest, _)) if latest == term => self.0.len() - 1,
            Some(_) | None => self.find(term).unwrap_or_else(|place| {
                self.0.insert(place, (term, make()));
                place
            }),
        };
        &mut self.0[place].1
    }

    /// The value of this term, or of the last one before it that has any.
    #[inline]
    pub(super) fn up_to(&self, term: u64) -> Option<&V> {
        let place = self.behind(term).checked_sub(1)?;
        self.0.get(place).map(|(_, value)| value)
    }

    /// The values of the terms behind this one.
    #[inline]
    pub(super) fn after_mut(&mut self, term: u64) -> impl Iterator<Item = &mut V> {
        let place = self.behind(term);
        self.0.range_mut(place..).map(|(_, value)| value)
    }

    /// The place behind a term.
    #[inline]
    fn behind(&self, term: u64) -> usize {
        match self.latest() {
            Some((latest, _)) if latest <= term => self.0.len(),
            Some(_) | None => self.0.partition_point(|(other, _)| *other <= term),
        }
    }

    /// Forgets the oldest term if there are too many.
    #[inline]
    pub(super) fn forget_oldest(&mut self) {
        if self.0.len() > TERMS_KEPT {
            self.0.pop_front();
        }
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    fn find(&self, term: u64) -> Result<usize, usize> {
        self.0.binary_search_by_key(&term, |(other, _)| *other)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    proptest! {
        #[test]
        fn it_is_a_map_that_forgets_its_beginning(terms in prop::collection::vec(0_u64..400, 1..600)) {
            let mut list: ByTerm<u64> = ByTerm::default();
            let mut model: BTreeMap<u64, u64> = BTreeMap::new();
            for (value, term) in (0..).zip(terms) {
                prop_assert_eq!(list.get_or_insert_with(term, || value), model.entry(term).or_insert(value));
                list.forget_oldest();
                if model.len() > TERMS_KEPT {
                    model.pop_first();
                }
                prop_assert_eq!(list.get(term), model.get(&term));
                prop_assert_eq!(list.get(term + 1), model.get(&(term + 1)));
                prop_assert_eq!(list.up_to(term), model.range(..=term).next_back().map(|(_, value)| value));
                let after: Vec<u64> = list.after_mut(term).map(|value| *value).collect();
                prop_assert_eq!(after, model.range(term + 1..).map(|(_, value)| *value).collect::<Vec<_>>());
                prop_assert_eq!(list.first_term(), model.first_key_value().map(|(term, _)| *term));
                prop_assert_eq!(list.latest(), model.last_key_value().map(|(term, value)| (*term, value)));
                prop_assert_eq!(list.len(), model.len());
            }
        }
    }
}
