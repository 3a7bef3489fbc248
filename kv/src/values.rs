//! The values: a map from keys to values with their revisions, and a hash of all of it that is kept up with every change.
//!
//! Revisions are etcd's (see [`crate::command`]). The hash is a sum with one term for each key, so that keeping it costs
//! O(change) and the order of changes does not matter. What it simplifies: only the present is kept, no old revisions.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

use crate::command::{Answer, Compare, Condition, KeyValue, Operation, Revision};

/// Keys and their values.
#[derive(Clone, Debug, Default)]
pub struct Values {
    by_key: BTreeMap<Arc<str>, Value>,
    /// How many operations changed something.
    revision: u64,
    /// The sum of the hashes of all values.
    hash: u64,
}

/// A value, with its share of the hash.
#[derive(Clone, Debug, Default)]
struct Value {
    text: String,
    revision: Revision,
    hash: u64,
}

impl Values {
    /// The value of a key.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&str> {
        self.by_key.get(key).map(|value| value.text.as_str())
    }

    /// How many keys have a value.
    #[must_use]
    pub fn len(&self) -> usize {
        self.by_key.len()
    }

    /// Whether no key has a value.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.by_key.is_empty()
    }

    /// How many operations changed something.
    #[must_use]
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// Every key with its value, in the order of the keys.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &str, Revision)> {
        self.by_key.iter().map(|(key, value)| (&**key, value.text.as_str(), value.revision))
    }

    /// The values that [`Values::iter`] gave, of a store at this revision.
    pub(crate) fn restored(revision: u64, values: impl Iterator<Item = (Arc<str>, String, Revision)>) -> Values {
        let by_key: BTreeMap<Arc<str>, Value> = values
            .map(|(key, text, revision)| {
                let hash = hash(&key, &text, revision);
                (key, Value { text, revision, hash })
            })
            .collect();
        let hash = by_key.values().fold(0_u64, |sum, value| sum.wrapping_add(value.hash));
        Values { by_key, revision, hash }
    }

    /// A hash of all keys, values and revisions: equal states have equal hashes.
    #[must_use]
    pub fn hash(&self) -> u64 {
        self.hash.wrapping_add(self.revision.wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }

    /// Does what an operation says.
    pub fn execute<S: AsRef<str>>(&mut self, operation: &Operation<S>) -> Answer {
        let at = self.revision + 1;
        match operation {
            Operation::Transaction { compare, then, otherwise } => {
                let succeeded = self.holds(compare);
                let branch = if succeeded { then } else { otherwise };
                Answer::Transaction { succeeded, answers: branch.iter().map(|step| self.step(step, at)).collect() }
            }
            Operation::Batch(steps) => Answer::Batch(steps.iter().map(|step| self.step(step, at)).collect()),
            Operation::Get { .. }
            | Operation::Put { .. }
            | Operation::Append { .. }
            | Operation::Delete { .. }
            | Operation::CompareAndSwap { .. }
            | Operation::GetRevision { .. }
            | Operation::Range { .. } => self.step(operation, at),
        }
    }

    /// The answer to an operation that does not write; `None` if it might ([`Operation::only_reads`]).
    #[must_use]
    pub fn read<S: AsRef<str>>(&self, operation: &Operation<S>) -> Option<Answer> {
        match operation {
            Operation::Get { key } => Some(Answer::Value(self.get(key.as_ref()).map(Arc::from))),
            Operation::GetRevision { key } => {
                Some(Answer::Revision(self.by_key.get(key.as_ref()).map(|value| value.revision)))
            }
            Operation::Range { from, to, limit } => {
                Some(Answer::Entries(self.range(from.as_ref(), to.as_ref().map(AsRef::as_ref), *limit as usize)))
            }
            Operation::Put { .. }
            | Operation::Append { .. }
            | Operation::Delete { .. }
            | Operation::CompareAndSwap { .. } => None,
            Operation::Transaction { compare, then, otherwise } => {
                let succeeded = self.holds(compare);
                let (branch, other) = if succeeded { (then, otherwise) } else { (otherwise, then) };
                let answers = branch.iter().map(|step| self.read(step)).collect::<Option<_>>()?;
                other.iter().all(Operation::only_reads).then_some(Answer::Transaction { succeeded, answers })
            }
            Operation::Batch(steps) => {
                steps.iter().map(|step| self.read(step)).collect::<Option<_>>().map(Answer::Batch)
            }
        }
    }

    /// Does what an operation says that is not made up of others; `at` is the revision of what it writes.
    fn step<S: AsRef<str>>(&mut self, operation: &Operation<S>, at: u64) -> Answer {
        match operation {
            Operation::Put { key, value } => self.write(key.as_ref(), at, |text| {
                text.clear();
                text.push_str(value.as_ref());
            }),
            Operation::Append { key, value } => self.write(key.as_ref(), at, |text| text.push_str(value.as_ref())),
            Operation::Delete { key } => {
                if let Some(old) = self.by_key.remove(key.as_ref()) {
                    self.revision = at;
                    self.hash = self.hash.wrapping_sub(old.hash);
                }
            }
            Operation::CompareAndSwap { key, expected, new } => {
                let found = self.get(key.as_ref()) == expected.as_ref().map(AsRef::as_ref);
                if found {
                    self.write(key.as_ref(), at, |text| new.as_ref().clone_into(text));
                }
                return Answer::Swapped(found);
            }
            Operation::Get { .. } | Operation::GetRevision { .. } | Operation::Range { .. } => {
                return self.read(operation).expect("these operations do not write");
            }
            Operation::Transaction { .. } | Operation::Batch(_) => {
                unreachable!("no operation within an operation is made up of others: the codec refuses it")
            }
        }
        Answer::Done
    }

    fn holds<S: AsRef<str>>(&self, compare: &[Compare<S>]) -> bool {
        compare.iter().all(|Compare { key, condition }| {
            let value = self.by_key.get(key.as_ref());
            match condition {
                Condition::Value(expected) => value.is_some_and(|value| value.text == expected.as_ref()),
                Condition::Present => value.is_some(),
                Condition::Missing => value.is_none(),
                Condition::Revision(expected) => value.map_or(0, |value| value.revision.modified) == *expected,
            }
        })
    }

    fn range(&self, from: &str, to: Option<&str>, limit: usize) -> Arc<[KeyValue]> {
        if to.is_some_and(|to| to <= from) {
            return Arc::default();
        }
        let bounds = (Bound::Included(from), to.map_or(Bound::Unbounded, Bound::Excluded));
        let entries = self.by_key.range::<str, _>(bounds).take(limit);
        entries.map(|(key, value)| KeyValue { key: Arc::clone(key), value: value.text.as_str().into() }).collect()
    }

    /// Changes the text of a key, which is empty if it was missing.
    fn write(&mut self, key: &str, at: u64, change: impl FnOnce(&mut String)) {
        let value = match self.by_key.get_mut(key) {
            Some(value) => value,
            None => {
                let created = Value { revision: Revision { created: at, ..Revision::default() }, ..Value::default() };
                self.by_key.entry(Arc::from(key)).or_insert(created)
            }
        };
        change(&mut value.text);
        self.revision = at;
        value.revision.modified = at;
        value.revision.version += 1;
        let hash = hash(key, &value.text, value.revision);
        self.hash = self.hash.wrapping_add(hash).wrapping_sub(std::mem::replace(&mut value.hash, hash));
    }
}

fn hash(key: &str, text: &str, Revision { created, modified, version }: Revision) -> u64 {
    // Odd factors, so that different revisions give different seeds unless they are built to collide.
    let revision = created.wrapping_mul(0x9e37_79b9_7f4a_7c15)
        ^ modified.wrapping_mul(0xd1b5_4a32_d192_ed03).rotate_left(21)
        ^ version.wrapping_mul(0xa0b4_28db_7d3a_2f4b).rotate_left(42);
    xxh3_64_with_seed(text.as_bytes(), xxh3_64(key.as_bytes()) ^ revision)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(steps: &[Operation<&str>]) -> Values {
        let mut values = Values::default();
        for operation in steps {
            values.execute(operation);
        }
        values
    }

    fn value(text: &str) -> Answer {
        Answer::Value(Some(Arc::from(text)))
    }

    #[test]
    fn every_operation_on_one_key_does_what_it_says() {
        let steps = [
            (Operation::Get { key: "k" }, Answer::Value(None)),
            (Operation::Append { key: "k", value: "a" }, Answer::Done),
            (Operation::Append { key: "k", value: "b" }, Answer::Done),
            (Operation::Get { key: "k" }, value("ab")),
            (Operation::CompareAndSwap { key: "k", expected: Some("x"), new: "y" }, Answer::Swapped(false)),
            (Operation::CompareAndSwap { key: "k", expected: None, new: "y" }, Answer::Swapped(false)),
            (Operation::CompareAndSwap { key: "k", expected: Some("ab"), new: "c" }, Answer::Swapped(true)),
            (Operation::Get { key: "k" }, value("c")),
            (Operation::Delete { key: "k" }, Answer::Done),
            (Operation::Get { key: "k" }, Answer::Value(None)),
            (Operation::Delete { key: "k" }, Answer::Done),
            (Operation::CompareAndSwap { key: "k", expected: None, new: "" }, Answer::Swapped(true)),
            (Operation::Get { key: "k" }, value("")),
            (Operation::Put { key: "k", value: "e" }, Answer::Done),
            (Operation::Put { key: "k", value: "f" }, Answer::Done),
        ];
        let mut values = Values::default();
        for (number, (operation, expected)) in steps.into_iter().enumerate() {
            assert_eq!(values.execute(&operation), expected, "step {number}");
        }
        assert_eq!((values.get("k"), values.get("other")), (Some("f"), None));
    }

    fn put<'s>(key: &'s str, value: &'s str) -> Operation<&'s str> {
        Operation::Put { key, value }
    }

    fn entries(entries: &[(&str, &str)]) -> Answer {
        Answer::Entries(
            entries.iter().map(|(key, value)| KeyValue { key: (*key).into(), value: (*value).into() }).collect(),
        )
    }

    #[test]
    fn a_range_is_in_order_ends_before_its_end_and_is_cut_at_its_limit() {
        let mut values = run(&[put("b", "2"), put("a", "1"), put("c", "3"), put("ba", "4")]);
        let mut range = |from, to, limit| values.execute(&Operation::Range { from, to, limit });
        assert_eq!(range("", None, 9), entries(&[("a", "1"), ("b", "2"), ("ba", "4"), ("c", "3")]));
        assert_eq!(range("a", Some("c"), 9), entries(&[("a", "1"), ("b", "2"), ("ba", "4")]));
        assert_eq!(range("aa", None, 2), entries(&[("b", "2"), ("ba", "4")]));
        for (from, to, limit) in [("", None, 0), ("b", Some("b"), 9), ("c", Some("a"), 9), ("d", None, 9)] {
            assert_eq!(range(from, to, limit), entries(&[]), "{from} {to:?} {limit}");
        }
    }

    #[test]
    fn a_transaction_compares_first_and_then_does_one_branch() {
        let mut values = run(&[put("a", "1"), put("b", "2"), put("a", "3")]);
        let mut succeeds = |key, condition| {
            let compare = vec![Compare { key, condition }, Compare { key: "b", condition: Condition::Present }];
            let otherwise = vec![Operation::Get { key: "b" }];
            let transaction = Operation::Transaction { compare, then: vec![], otherwise };
            let Answer::Transaction { succeeded, answers } = values.execute(&transaction) else {
                panic!("a transaction is answered as one")
            };
            assert_eq!(answers.len(), usize::from(!succeeded));
            succeeded
        };
        assert!(succeeds("a", Condition::Value("3")) && !succeeds("a", Condition::Value("1")));
        assert!(succeeds("a", Condition::Present) && !succeeds("c", Condition::Present));
        assert!(succeeds("c", Condition::Missing) && !succeeds("a", Condition::Missing));
        assert!(succeeds("a", Condition::Revision(3)) && !succeeds("a", Condition::Revision(1)));
        assert!(succeeds("c", Condition::Revision(0)) && !succeeds("c", Condition::Value("")));
        let moved = Operation::Transaction {
            compare: vec![Compare { key: "a", condition: Condition::Value("3") }],
            then: vec![Operation::Delete { key: "a" }, put("c", "3"), Operation::Get { key: "c" }],
            otherwise: vec![],
        };
        let answers = [Answer::Done, Answer::Done, value("3")].into();
        assert_eq!(values.execute(&moved), Answer::Transaction { succeeded: true, answers });
        assert_eq!(values.execute(&moved), Answer::Transaction { succeeded: false, answers: [].into() });
    }

    #[test]
    fn a_revision_counts_operations_that_changed_something() {
        let mut values = Values::default();
        let mut after = |operation: Operation<&str>| {
            values.execute(&operation);
            let revision = |key| values.by_key.get(key).map(|value| value.revision);
            let words = |key| match revision(key) {
                Some(Revision { created, modified, version }) => format!("{created}/{modified}/{version}"),
                None => "-".to_owned(),
            };
            format!("r{} {} {}", values.revision(), words("a"), words("b"))
        };
        assert_eq!(after(put("a", "1")), "r1 1/1/1 -");
        assert_eq!(after(put("a", "1")), "r2 1/2/2 -");
        assert_eq!(after(Operation::Delete { key: "b" }), "r2 1/2/2 -");
        assert_eq!(after(Operation::CompareAndSwap { key: "a", expected: None, new: "2" }), "r2 1/2/2 -");
        assert_eq!(after(Operation::Get { key: "a" }), "r2 1/2/2 -");
        assert_eq!(after(Operation::Batch(vec![put("a", "2"), put("b", "1"), put("a", "3")])), "r3 1/3/4 3/3/1");
        assert_eq!(after(Operation::Batch(vec![Operation::Delete { key: "a" }, put("a", "4")])), "r4 4/4/1 3/3/1");
        assert_eq!(after(Operation::Delete { key: "b" }), "r5 4/4/1 -");
        assert_eq!(after(put("b", "1")), "r6 4/4/1 6/6/1");
        let read = values.execute(&Operation::GetRevision { key: "b" });
        assert_eq!(read, Answer::Revision(Some(Revision { created: 6, modified: 6, version: 1 })));
        assert_eq!(values.execute(&Operation::GetRevision { key: "c" }), Answer::Revision(None));
    }

    #[test]
    fn what_only_reads_needs_no_log_and_what_might_write_does() {
        let values = run(&[put("a", "1")]);
        let get = Operation::Get { key: "a" };
        assert_eq!(values.read(&get), Some(value("1")));
        assert_eq!(values.read(&Operation::Batch(vec![get.clone()])), Some(Answer::Batch([value("1")].into())));
        let transaction = |then: Operation<&'static str>, otherwise: Operation<&'static str>| Operation::Transaction {
            compare: vec![],
            then: vec![then],
            otherwise: vec![otherwise],
        };
        let answers = [value("1")].into();
        let done = Answer::Transaction { succeeded: true, answers };
        assert_eq!(values.read(&transaction(get.clone(), get.clone())), Some(done));
        let writes = [
            put("a", "2"),
            Operation::Append { key: "a", value: "" },
            Operation::Delete { key: "b" },
            Operation::CompareAndSwap { key: "a", expected: None, new: "2" },
        ];
        for write in writes {
            let compound = [
                Operation::Batch(vec![write.clone()]),
                transaction(write.clone(), get.clone()),
                transaction(get.clone(), write.clone()),
            ];
            for operation in compound.into_iter().chain([write]) {
                assert!(values.read(&operation).is_none() && !operation.only_reads(), "{operation}");
            }
        }
    }

    #[test]
    fn the_hash_depends_on_the_contents_and_not_on_the_way_to_them() {
        let hash = |steps: &[Operation<&str>]| run(steps).hash();
        let delete = |key| Operation::Delete { key };
        let batch = |steps: &[Operation<&'static str>]| Operation::Batch(steps.to_vec());
        assert_eq!(hash(&[batch(&[put("a", "1"), put("b", "2")])]), hash(&[batch(&[put("b", "2"), put("a", "1")])]));
        assert_eq!(
            hash(&[put("a", "1"), delete("a"), put("b", "1")]),
            hash(&[put("b", "2"), delete("b"), put("b", "1")])
        );
        assert_eq!(
            hash(&[put("a", "9"), put("a", "12")]),
            hash(&[put("a", "1"), Operation::Append { key: "a", value: "2" }])
        );
        assert_ne!(hash(&[put("a", "1")]), hash(&[put("a", "2")]));
        assert_ne!(hash(&[put("a", "1")]), hash(&[put("b", "1")]));
        assert_ne!(hash(&[put("a", "")]), hash(&[]));
        assert_ne!(hash(&[put("a", "1")]), hash(&[put("a", "1"), put("a", "1")]), "another revision");
        assert_ne!(hash(&[put("a", "1"), delete("a")]), hash(&[]), "another revision");
    }
}
