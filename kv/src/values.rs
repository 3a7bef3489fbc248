//! The values: a map from keys to values, and a hash of all of it that is kept up with every change.
//!
//! The hash is a sum with one term for each key, so that keeping it costs O(change) and the order of changes does not
//! matter.

use std::collections::BTreeMap;
use std::sync::Arc;

use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

use crate::command::{Answer, Operation};

/// Keys and their values.
#[derive(Clone, Debug, Default)]
pub struct Values {
    by_key: BTreeMap<Arc<str>, Value>,
    hash: u64,
}

/// A value, with its share of the hash.
#[derive(Clone, Debug, Default)]
struct Value {
    text: String,
    hash: u64,
}

impl Values {
    /// The value of a key.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&str> {
        self.by_key.get(key).map(|value| value.text.as_str())
    }

    /// A hash of all keys and values: equal maps have equal hashes.
    #[must_use]
    pub fn hash(&self) -> u64 {
        self.hash
    }

    /// Does what an operation says.
    pub fn execute(&mut self, operation: &Operation<&str>) -> Answer {
        match *operation {
            Operation::Get { key } => return Answer::Value(self.get(key).map(Arc::from)),
            Operation::Put { key, value } => self.write(key, |text| {
                text.clear();
                text.push_str(value);
            }),
            Operation::Append { key, value } => self.write(key, |text| text.push_str(value)),
            Operation::Delete { key } => {
                let old = self.by_key.remove(key);
                self.hash = self.hash.wrapping_sub(old.map_or(0, |value| value.hash));
            }
            Operation::CompareAndSwap { key, expected, new } => {
                let found = self.get(key) == expected;
                if found {
                    self.write(key, |text| new.clone_into(text));
                }
                return Answer::Swapped(found);
            }
        }
        Answer::Done
    }

    /// Changes the text of a key, which is empty if it was missing.
    fn write(&mut self, key: &str, change: impl FnOnce(&mut String)) {
        let value = match self.by_key.get_mut(key) {
            Some(value) => value,
            None => self.by_key.entry(Arc::from(key)).or_default(),
        };
        change(&mut value.text);
        let hash = xxh3_64_with_seed(value.text.as_bytes(), xxh3_64(key.as_bytes()));
        self.hash = self.hash.wrapping_add(hash).wrapping_sub(std::mem::replace(&mut value.hash, hash));
    }
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

    #[test]
    fn every_operation_does_what_it_says() {
        let value = |text: &str| Answer::Value(Some(Arc::from(text)));
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

    #[test]
    fn the_hash_depends_on_the_contents_and_not_on_the_way_to_them() {
        let put = |key, value| Operation::Put { key, value };
        let hash = |steps: &[Operation<&str>]| run(steps).hash();
        assert_eq!(hash(&[put("a", "1"), put("b", "2")]), hash(&[put("b", "9"), put("a", "1"), put("b", "2")]));
        assert_eq!(hash(&[]), hash(&[put("a", "1"), Operation::Delete { key: "a" }]));
        assert_eq!(hash(&[put("a", "12")]), hash(&[put("a", "1"), Operation::Append { key: "a", value: "2" }]));
        assert_ne!(hash(&[put("a", "1")]), hash(&[put("a", "2")]));
        assert_ne!(hash(&[put("a", "1")]), hash(&[put("b", "1")]));
        assert_ne!(hash(&[put("a", "")]), hash(&[]));
    }
}
