//! The configurations of a register that were visited, and which of two is better (Lowe, 2017; dominance: Kohler and
//! Steiglitz, 1974).
//!
//! See rule 3 of [`super`]. What it simplifies: those at one event with one value are a list that is looked through, and
//! of several that a new one is better than, it takes the place of the first alone.

use hashbrown::HashTable;

use super::cells::Value;
use crate::digest::Digest;

/// A set of slots.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Slots<const W: usize>([u64; W]);

impl<const W: usize> Slots<W> {
    pub(super) const NONE: Slots<W> = Slots([0; W]);

    #[inline]
    pub(super) fn insert(&mut self, slot: u32) {
        self.0[slot as usize / 64] |= 1 << (slot % 64);
    }

    #[inline]
    pub(super) fn remove(&mut self, slot: u32) {
        self.0[slot as usize / 64] &= !(1 << (slot % 64));
    }

    #[inline]
    pub(super) fn contains(&self, slot: u32) -> bool {
        self.0[slot as usize / 64] & (1 << (slot % 64)) != 0
    }

    #[inline]
    fn is_within(&self, other: &Slots<W>) -> bool {
        let mut beyond = 0;
        for word in 0..W {
            beyond |= self.0[word] & !other.0[word];
        }
        beyond == 0
    }

    /// All slots in the set, lowest first.
    pub(super) fn each(self) -> impl Iterator<Item = u32> {
        (0..).step_by(64).zip(self.0).flat_map(|(base, mut word)| {
            std::iter::from_fn(move || {
                let slot = (word != 0).then(|| base + word.trailing_zeros());
                word &= word.wrapping_sub(1);
                slot
            })
        })
    }
}

/// What the rest of the search depends on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Configuration<const W: usize> {
    pub(super) event: u32,
    pub(super) value: Value,
    /// What must be placed before it returns.
    pub(super) owed: Slots<W>,
    /// What may be placed.
    pub(super) free: Slots<W>,
}

impl<const W: usize> Configuration<W> {
    fn is_as_good_as(&self, other: &Configuration<W>) -> bool {
        self.owed.is_within(&other.owed) && other.free.is_within(&self.free)
    }
}

/// Every configuration visited, without those that are no better than another.
pub(super) struct Visited<const W: usize> {
    /// The first of those at the same event with the same value.
    firsts: HashTable<u32>,
    all: Vec<(Configuration<W>, u32)>,
}

const LAST: u32 = u32::MAX;

impl<const W: usize> Visited<W> {
    pub(super) fn new() -> Visited<W> {
        Visited { firsts: HashTable::new(), all: Vec::new() }
    }

    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    /// How many bytes they take.
    pub(super) fn bytes(&self) -> usize {
        self.all.capacity() * size_of::<(Configuration<W>, u32)>() + self.firsts.capacity() * 5
    }

    /// Remembers a configuration; `None` if one as good was there already. Else how many it was compared with.
    pub(super) fn insert(&mut self, configuration: &Configuration<W>) -> Option<u32> {
        let hash = |of: &Configuration<W>| Digest::of(&[u64::from(of.event) << 32 | u64::from(of.value)]);
        let all = &mut self.all;
        let number = all.len() as u32;
        let is_alike = |first: &u32| {
            let known = &all[*first as usize].0;
            known.event == configuration.event && known.value == configuration.value
        };
        let Some(&first) = self.firsts.find(hash(configuration), is_alike) else {
            all.push((*configuration, LAST));
            self.firsts.insert_unique(hash(configuration), number, |first| hash(&all[*first as usize].0));
            return Some(0);
        };
        // The first of a list keeps its place, for the table knows it by that.
        let (mut at, mut compared, mut worse) = (first, 0, None);
        loop {
            let (known, next) = &all[at as usize];
            compared += 1;
            if known.is_as_good_as(configuration) {
                return None;
            }
            if worse.is_none() && configuration.is_as_good_as(known) {
                worse = Some(at);
            }
            if *next == LAST {
                break;
            }
            at = *next;
        }
        match worse {
            Some(worse) => all[worse as usize].0 = *configuration,
            None => {
                let second = all[first as usize].1;
                all.push((*configuration, second));
                all[first as usize].1 = number;
            }
        }
        Some(compared)
    }
}
