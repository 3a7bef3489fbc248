//! What the search remembers: states under small numbers, and configurations that it need not visit again (Lowe, 2017).
//!
//! A configuration is what the rest of the search depends on: the event at which it stands, which of the operations in
//! flight it has placed, which of unknown outcome it has spent, and the state. One that has spent more operations of
//! unknown outcome than another, all else equal, can do nothing that the other cannot: it need not be visited either.
//! What it simplifies: nothing is ever forgotten; the budget bounds the memory.

use std::hash::{BuildHasher, BuildHasherDefault, Hash, Hasher};
use std::num::NonZero;

use hashbrown::HashTable;

use super::mask::Mask;
use crate::digest::Digest;

#[expect(clippy::disallowed_types, reason = "hashed without a random seed; iterated only into what is then sorted")]
pub(super) type Table<K, V> = std::collections::HashMap<K, V, BuildHasherDefault<FixedHasher>>;

/// A fast hash without a random seed.
#[derive(Default)]
pub(super) struct FixedHasher(Digest);

impl Hasher for FixedHasher {
    #[inline]
    fn finish(&self) -> u64 {
        self.0.0
    }

    #[inline]
    fn write(&mut self, bytes: &[u8]) {
        // Short strings are the rule, and calling somebody to copy eight bytes takes longer than to mix them.
        if let (Some(first), Some(last)) = (bytes.first_chunk::<4>(), bytes.last_chunk::<4>())
            && bytes.len() <= 8
        {
            self.0.mix(u64::from(u32::from_le_bytes(*first)) << 32 | u64::from(u32::from_le_bytes(*last)));
        } else if bytes.len() < 4 {
            self.0.mix(bytes.iter().fold(1, |word, byte| word << 8 | u64::from(*byte)));
        } else {
            self.0.mix_bytes(bytes);
        }
    }

    #[inline]
    fn write_u8(&mut self, number: u8) {
        self.0.mix(number.into());
    }

    #[inline]
    fn write_u32(&mut self, number: u32) {
        self.0.mix(number.into());
    }

    #[inline]
    fn write_u64(&mut self, number: u64) {
        self.0.mix(number);
    }

    #[inline]
    fn write_usize(&mut self, number: usize) {
        self.0.mix(number as u64);
    }
}

/// The number of a state. Equal states have equal numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct StateId(NonZero<u32>);

impl StateId {
    fn index(self) -> usize {
        self.0.get() as usize - 1
    }
}

/// Every state that the search has seen.
pub(super) struct States<S> {
    states: Vec<S>,
    ids: HashTable<StateId>,
}

impl<S: Clone + Eq + Hash> States<S> {
    pub(super) fn new() -> Self {
        States { states: Vec::new(), ids: HashTable::new() }
    }

    pub(super) fn len(&self) -> usize {
        self.states.len()
    }

    pub(super) fn get(&self, id: StateId) -> &S {
        &self.states[id.index()]
    }

    pub(super) fn intern(&mut self, state: S) -> StateId {
        let states = &mut self.states;
        let hashed = hash(&state);
        if let Some(id) = self.ids.find(hashed, |id| states[id.index()] == state) {
            return *id;
        }
        states.push(state);
        let id = u32::try_from(states.len()).ok().and_then(NonZero::new).map(StateId);
        let id = id.expect("the budget bounds the states far below 2^32");
        self.ids.insert_unique(hashed, id, |id| hash(&states[id.index()]));
        id
    }
}

/// The hash of a thing, the same in every process.
pub(super) fn hash(thing: &impl Hash) -> u64 {
    BuildHasherDefault::<FixedHasher>::default().hash_one(thing)
}

/// What a configuration takes in a table that is half full, without its masks.
const CONFIGURATION_BYTES: usize = 192;

/// The configurations visited.
pub(super) struct Visited {
    /// How many masks there are, and the words of each configuration.
    masks: usize,
    words: usize,
    spent: Table<(u32, StateId, Mask), Spent>,
}

/// Which operations of unknown outcome were spent at one event, in one state, with the same operations placed.
struct Spent {
    first: Mask,
    /// Nearly always there is none: then it takes one word.
    #[expect(clippy::box_collection, reason = "an empty vector takes three words")]
    others: Option<Box<Vec<Mask>>>,
}

impl Visited {
    pub(super) fn new() -> Self {
        Visited { masks: 0, words: 0, spent: Table::default() }
    }

    /// How many configurations there are.
    pub(super) fn len(&self) -> usize {
        self.masks
    }

    /// How many bytes they take, at most.
    pub(super) fn bytes(&self) -> usize {
        self.masks * (CONFIGURATION_BYTES + 8 * self.words)
    }

    /// Remembers a configuration; `None` if one that can do all that this one can was there already. Else how many it was
    /// compared with.
    pub(super) fn insert(&mut self, event: u32, state: StateId, placed: &Mask, spent: &Mask) -> Option<u64> {
        use std::collections::hash_map::Entry;
        self.words = placed.words() + spent.words();
        match self.spent.entry((event, state, placed.clone())) {
            Entry::Vacant(place) => {
                place.insert(Spent { first: spent.clone(), others: None });
                self.masks += 1;
                Some(0)
            }
            Entry::Occupied(mut place) => {
                let known = place.get_mut();
                if known.first.is_subset(spent)
                    || known.others.iter().flat_map(|all| all.iter()).any(|other| other.is_subset(spent))
                {
                    return None;
                }
                let others = known.others.get_or_insert_default();
                let before = others.len();
                others.retain(|other| !spent.is_subset(other));
                self.masks -= before - others.len();
                self.masks += 1;
                others.push(spent.clone());
                Some(before as u64 + 1)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_states_have_one_number() {
        let mut states = States::new();
        let a = states.intern("a".to_string());
        let b = states.intern("b".to_string());
        assert_eq!(states.intern("a".to_string()), a);
        assert_ne!(a, b);
        assert_eq!(states.get(b), "b");
    }

    #[test]
    fn a_configuration_that_spent_more_is_not_visited_again() {
        let mut visited = Visited::new();
        let mask = |numbers: &[usize]| {
            let mut mask = Mask::empty(8);
            numbers.iter().for_each(|number| mask.insert(*number));
            mask
        };
        let state = StateId(NonZero::<u32>::MIN);
        let mut insert = |spent: &[usize]| visited.insert(3, state, &mask(&[1]), &mask(spent)).is_some();
        assert!(insert(&[1, 2]));
        assert!(!insert(&[1, 2]));
        assert!(!insert(&[1, 2, 3]));
        assert!(insert(&[3]));
        assert!(insert(&[2]), "fewer spent can do more");
        assert!(!insert(&[2, 3]));
        assert!(visited.insert(4, state, &mask(&[1]), &mask(&[2])).is_some(), "another event is another configuration");
    }
}
