//! A configuration: where an order may stand after some events (Lowe, 2017).
//!
//! It is the state, which operations in flight the order has placed already, and which of unknown outcome it has spent.
//! One that has spent more than another, all else equal, can do nothing that the other cannot; a [`Front`] keeps only
//! those that no other one of it dominates. What it simplifies: sets of numbers are sorted lists, because few operations
//! are placed ahead of their return.

use std::hash::Hash;

use super::memory::Table;

/// A set of numbers of operations.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Numbers(Vec<u32>);

impl Numbers {
    pub(super) fn insert(&mut self, number: u32) {
        if let Err(place) = self.0.binary_search(&number) {
            self.0.insert(place, number);
        }
    }

    /// Takes a number out; `false` if it was not there.
    pub(super) fn remove(&mut self, number: u32) -> bool {
        let found = self.0.binary_search(&number);
        if let Ok(place) = found {
            self.0.remove(place);
        }
        found.is_ok()
    }

    pub(super) fn contains(&self, number: u32) -> bool {
        self.0.binary_search(&number).is_ok()
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = u32> + '_ {
        self.0.iter().copied()
    }

    fn is_subset(&self, other: &Numbers) -> bool {
        self.0.len() <= other.0.len() && self.0.iter().all(|number| other.contains(*number))
    }
}

/// Where an order may stand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Configuration<S> {
    pub(super) state: S,
    /// Placed, and their return is still to come.
    pub(super) placed: Numbers,
    /// Of unknown outcome, and placed.
    pub(super) spent: Numbers,
}

impl<S> Configuration<S> {
    pub(super) fn at(state: S) -> Self {
        Configuration { state, placed: Numbers::default(), spent: Numbers::default() }
    }

    pub(super) fn has(&self, number: u32) -> bool {
        self.placed.contains(number) || self.spent.contains(number)
    }
}

/// Configurations at one event, without those that another one dominates.
pub(super) struct Front<S> {
    known: Table<(S, Numbers), Vec<Numbers>>,
    count: usize,
}

impl<S: Clone + Eq + Hash> Front<S> {
    pub(super) fn new() -> Self {
        Front { known: Table::default(), count: 0 }
    }

    /// How many were added, also those that were dominated later.
    pub(super) fn len(&self) -> usize {
        self.count
    }

    /// Adds one; `false` if one that can do as much is there.
    pub(super) fn insert(&mut self, configuration: &Configuration<S>) -> bool {
        let key = (configuration.state.clone(), configuration.placed.clone());
        let known = self.known.entry(key).or_default();
        if known.iter().any(|spent| spent.is_subset(&configuration.spent)) {
            return false;
        }
        known.retain(|spent| !configuration.spent.is_subset(spent));
        known.push(configuration.spent.clone());
        self.count += 1;
        true
    }

    /// Whether one that can do as much is there.
    pub(super) fn dominates(&self, configuration: &Configuration<S>) -> bool {
        let key = (configuration.state.clone(), configuration.placed.clone());
        self.known.get(&key).is_some_and(|known| known.iter().any(|spent| spent.is_subset(&configuration.spent)))
    }

    /// Whether this one is there, and no other one in its stead.
    pub(super) fn keeps(&self, configuration: &Configuration<S>) -> bool {
        let key = (configuration.state.clone(), configuration.placed.clone());
        self.known.get(&key).is_some_and(|known| known.contains(&configuration.spent))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(all: &[u32]) -> Numbers {
        let mut set = Numbers::default();
        all.iter().for_each(|number| set.insert(*number));
        set
    }

    #[test]
    fn only_what_nothing_dominates_is_kept() {
        let mut front = Front::new();
        let configuration = |spent: &[u32]| Configuration { state: 'a', placed: numbers(&[7]), spent: numbers(spent) };
        assert!(front.insert(&configuration(&[2, 1])));
        assert!(!front.insert(&configuration(&[1, 2, 3])), "it has spent more");
        assert!(front.insert(&configuration(&[3])), "it has spent another");
        assert!(front.insert(&configuration(&[1])), "it has spent less");
        assert!(!front.keeps(&configuration(&[1, 2])) && front.keeps(&configuration(&[1])));
        assert!(front.insert(&Configuration { state: 'b', ..configuration(&[1, 2]) }), "another state");
        assert!(front.insert(&Configuration { placed: numbers(&[]), ..configuration(&[1, 2]) }), "less is placed");
    }
}
