//! The sequential specification of several keys that ranges, batches and transactions tie together.
//!
//! As for one key ([`crate::spec`]), nothing is shared with the state machine: that one changes a tree in place, this
//! one is a short sorted list, whose copies share it until one of them changes. Revisions are counted only where some
//! operation shows them ([`Revisions`]): else states that nobody can tell apart would differ. What it simplifies: under
//! [`Missing::Empty`] an empty value is no value, so that ranges leave it out and it has no revision.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use stateright::semantics::SequentialSpec;
use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

use crate::command::{Answer, Compare, Condition, KeyValue, Operation, Revision};
use crate::spec::Missing;

/// Whether revisions are part of the state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Revisions {
    /// They are, from 0 on: all operations on all keys must be known.
    Shown,
    /// Nothing shows them.
    Unseen,
}

/// Several keys and their values.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct StoreSpec(Arc<State>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct State {
    /// In the order of the keys.
    keys: Vec<Held>,
    missing: Missing,
    /// How many operations changed something; `None` if that does not show.
    revision: Option<u64>,
    /// The sum of the hashes of `keys`.
    hash: u64,
}

/// A key with its value.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Held {
    key: Arc<str>,
    value: Arc<str>,
    /// All zero if revisions do not show.
    revision: Revision,
}

/// The hash is kept up with every change, so that looking a state up does not take longer the more keys there are.
impl Hash for State {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        hasher.write_u64(self.hash);
        hasher.write_u64(self.revision.unwrap_or_default());
    }
}

impl StoreSpec {
    /// Keys that were never written.
    #[must_use]
    pub fn new(missing: Missing, revisions: Revisions) -> StoreSpec {
        let revision = match revisions {
            Revisions::Shown => Some(0),
            Revisions::Unseen => None,
        };
        StoreSpec(Arc::new(State { keys: Vec::new(), missing, revision, hash: 0 }))
    }

    /// The value of a key that a read sees.
    #[must_use]
    pub fn value(&self, key: &str) -> Option<Arc<str>> {
        let held = self.0.find(key).map(|held| Arc::clone(&held.value));
        match self.0.missing {
            Missing::Nil => held,
            Missing::Empty => Some(held.unwrap_or_default()),
        }
    }

    /// Every key that has a value, with the value, in order.
    pub fn entries(&self) -> impl Iterator<Item = (&Arc<str>, &Arc<str>)> {
        self.0.keys.iter().map(|held| (&held.key, &held.value))
    }

    /// The revision at which a key was last changed; 0 if it is missing or that does not show.
    #[must_use]
    pub fn modified(&self, key: &str) -> u64 {
        self.0.find(key).map_or(0, |held| held.revision.modified)
    }

    /// How many operations changed something; `None` if that does not show.
    #[must_use]
    pub fn revision(&self) -> Option<u64> {
        self.0.revision
    }

    /// How many bytes the state takes that others do not share: the list, and at most one string.
    #[must_use]
    pub fn heap_bytes(&self) -> usize {
        let longest = self.0.keys.iter().map(|held| held.value.len()).max();
        self.0.keys.len() * size_of::<Held>() + longest.unwrap_or_default()
    }

    fn holds(&self, Compare { key, condition }: &Compare) -> bool {
        let held = self.0.find(key);
        match condition {
            Condition::Value(expected) => self.value(key).as_ref() == Some(expected),
            Condition::Present => held.is_some(),
            Condition::Missing => held.is_none(),
            Condition::Revision(expected) => {
                assert!(self.0.revision.is_some(), "where an operation compares revisions they are counted");
                held.map_or(0, |held| held.revision.modified) == *expected
            }
        }
    }

    fn range(&self, from: &Arc<str>, to: Option<&Arc<str>>, limit: u32) -> Answer {
        let first = self.0.keys.partition_point(|held| held.key < *from);
        let inside = self.0.keys[first..].iter().take_while(|held| to.is_none_or(|to| held.key < *to));
        let entry = |held: &Held| KeyValue { key: Arc::clone(&held.key), value: Arc::clone(&held.value) };
        Answer::Entries(inside.take(limit as usize).map(entry).collect())
    }

    /// Does one operation; `at` is the revision of what it writes.
    fn step(&mut self, op: &Operation, at: Option<u64>) -> Answer {
        match op {
            Operation::Get { key } => return Answer::Value(self.value(key)),
            Operation::GetRevision { key } => {
                assert!(at.is_some(), "where an operation reads revisions they are counted");
                return Answer::Revision(self.0.find(key).map(|held| held.revision));
            }
            Operation::Range { from, to, limit } => return self.range(from, to.as_ref(), *limit),
            Operation::Put { key, value } => self.write(key, Arc::clone(value), at),
            Operation::Append { key, value } => {
                let old = self.value(key).unwrap_or_default();
                self.write(key, [&*old, value].concat().into(), at);
            }
            Operation::Delete { key } => self.remove(key, at),
            Operation::CompareAndSwap { key, expected, new } => {
                let expected = match self.0.missing {
                    Missing::Nil => expected.clone(),
                    Missing::Empty => Some(expected.clone().unwrap_or_default()),
                };
                let is_expected = self.value(key) == expected;
                if is_expected {
                    self.write(key, Arc::clone(new), at);
                }
                return Answer::Swapped(is_expected);
            }
            Operation::Transaction { compare, then, otherwise } => {
                let succeeded = compare.iter().all(|compare| self.holds(compare));
                let answers = self.steps(if succeeded { then } else { otherwise }, at);
                return Answer::Transaction { succeeded, answers };
            }
            Operation::Batch(steps) => return Answer::Batch(self.steps(steps, at)),
        }
        Answer::Done
    }

    fn steps(&mut self, steps: &[Operation], at: Option<u64>) -> Arc<[Answer]> {
        steps.iter().map(|step| self.step(step, at)).collect()
    }

    fn write(&mut self, key: &Arc<str>, value: Arc<str>, at: Option<u64>) {
        let state = Arc::make_mut(&mut self.0);
        let place = state.keys.binary_search_by(|held| held.key.cmp(key));
        let before = match place {
            Ok(place) => state.keys[place].revision,
            Err(_) => Revision { created: at.unwrap_or_default(), ..Revision::default() },
        };
        let revision = match at {
            Some(at) => Revision { modified: at, version: before.version + 1, ..before },
            None => before,
        };
        if state.missing == Missing::Empty && value.is_empty() {
            self.remove(key, at);
            if let Some(at) = at {
                Arc::make_mut(&mut self.0).revision = Some(at);
            }
            return;
        }
        state.revision = at;
        let held = Held { key: Arc::clone(key), value, revision };
        state.hash = state.hash.wrapping_add(held.hash());
        match place {
            Ok(place) => {
                let old = std::mem::replace(&mut state.keys[place], held);
                state.hash = state.hash.wrapping_sub(old.hash());
            }
            Err(place) => state.keys.insert(place, held),
        }
    }

    fn remove(&mut self, key: &Arc<str>, at: Option<u64>) {
        if let Ok(place) = self.0.keys.binary_search_by(|held| held.key.cmp(key)) {
            let state = Arc::make_mut(&mut self.0);
            let old = state.keys.remove(place);
            state.hash = state.hash.wrapping_sub(old.hash());
            state.revision = at;
        }
    }
}

impl State {
    fn find(&self, key: &str) -> Option<&Held> {
        let place = self.keys.binary_search_by(|held| (*held.key).cmp(key)).ok()?;
        Some(&self.keys[place])
    }
}

impl Held {
    fn hash(&self) -> u64 {
        let Revision { created, modified, version } = self.revision;
        let numbers = [created.to_le_bytes(), modified.to_le_bytes(), version.to_le_bytes()].concat();
        let seed = xxh3_64_with_seed(self.key.as_bytes(), xxh3_64(&numbers));
        xxh3_64_with_seed(self.value.as_bytes(), seed)
    }
}

impl SequentialSpec for StoreSpec {
    type Op = Operation;
    type Ret = Answer;

    fn invoke(&mut self, op: &Operation) -> Answer {
        let at = self.0.revision.map(|revision| revision + 1);
        self.step(op, at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::tests::any_operation;
    use crate::spec::KeySpec;
    use crate::values::Values;
    use proptest::prelude::*;

    /// The same operation, with strings that are shared.
    fn shared(operation: &Operation<String>) -> Operation {
        let all = |steps: &[Operation<String>]| steps.iter().map(shared).collect();
        let text = |text: &String| Arc::from(text.as_str());
        match operation {
            Operation::Get { key } => Operation::Get { key: text(key) },
            Operation::Put { key, value } => Operation::Put { key: text(key), value: text(value) },
            Operation::Append { key, value } => Operation::Append { key: text(key), value: text(value) },
            Operation::Delete { key } => Operation::Delete { key: text(key) },
            Operation::CompareAndSwap { key, expected, new } => {
                Operation::CompareAndSwap { key: text(key), expected: expected.as_ref().map(text), new: text(new) }
            }
            Operation::GetRevision { key } => Operation::GetRevision { key: text(key) },
            Operation::Range { from, to, limit } => {
                Operation::Range { from: text(from), to: to.as_ref().map(text), limit: *limit }
            }
            Operation::Transaction { compare, then, otherwise } => {
                let comparison = |compare: &Compare<String>| Compare {
                    key: text(&compare.key),
                    condition: match &compare.condition {
                        Condition::Value(value) => Condition::Value(text(value)),
                        Condition::Present => Condition::Present,
                        Condition::Missing => Condition::Missing,
                        Condition::Revision(revision) => Condition::Revision(*revision),
                    },
                };
                let compare = compare.iter().map(comparison).collect();
                Operation::Transaction { compare, then: all(then), otherwise: all(otherwise) }
            }
            Operation::Batch(steps) => Operation::Batch(all(steps)),
        }
    }

    proptest! {
        /// The machine and its judge were written apart. They must agree.
        #[test]
        fn the_specification_and_the_store_say_the_same(operations in prop::collection::vec(any_operation("[a-c]{0,2}"), 0..40)) {
            let mut values = Values::default();
            let mut spec = StoreSpec::new(Missing::Nil, Revisions::Shown);
            for operation in &operations {
                let before = spec.clone();
                prop_assert_eq!(spec.invoke(&shared(operation)), values.execute(operation), "{}", operation);
                prop_assert!(!operation.only_reads() || spec == before, "{}", operation);
                let recomputed = spec.0.keys.iter().fold(0_u64, |sum, held| sum.wrapping_add(held.hash()));
                prop_assert_eq!(spec.0.hash, recomputed);
            }
        }

        /// For operations on one key, the specification of several keys says what that of one key says.
        #[test]
        fn both_specifications_say_the_same_of_one_key(operations in prop::collection::vec(any_operation("k"), 0..40), is_empty: bool) {
            let missing = if is_empty { Missing::Empty } else { Missing::Nil };
            let (mut key, mut store) = (KeySpec::new(missing), StoreSpec::new(missing, Revisions::Unseen));
            for operation in operations.iter().filter(|operation| operation.single_key().is_some()).map(shared) {
                prop_assert_eq!(key.invoke(&operation), store.invoke(&operation), "{}", operation);
            }
        }
    }

    #[test]
    fn states_that_nobody_can_tell_apart_are_equal() {
        let put = |key: &str, value: &str| Operation::Put { key: key.into(), value: value.into() };
        let run = |missing, revisions, steps: &[Operation]| {
            let mut spec = StoreSpec::new(missing, revisions);
            steps.iter().for_each(|step| drop(spec.invoke(step)));
            spec
        };
        let (one, other) = ([put("a", "1"), put("b", "2")], [put("b", "9"), put("b", "2"), put("a", "1")]);
        assert_eq!(run(Missing::Nil, Revisions::Unseen, &one), run(Missing::Nil, Revisions::Unseen, &other));
        assert_ne!(run(Missing::Nil, Revisions::Shown, &one), run(Missing::Nil, Revisions::Shown, &other));
        let gone = [put("a", "1"), put("a", "")];
        assert_eq!(run(Missing::Empty, Revisions::Unseen, &gone), run(Missing::Empty, Revisions::Unseen, &[]));
        assert_ne!(run(Missing::Nil, Revisions::Unseen, &gone), run(Missing::Nil, Revisions::Unseen, &[]));
    }
}
