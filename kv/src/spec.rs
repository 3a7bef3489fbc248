//! The sequential specification of one key: what each operation does when nothing else happens (Herlihy and Wing, 1990).
//!
//! The checker holds every history against it, so it shares no code with the state machine that it judges. A history is
//! split first into parts that have nothing to do with each other: one key, whose name is ignored here, or several that
//! ranges, batches and transactions tie together, which are [`crate::store_spec`]'s. What it simplifies: there are no
//! sessions; that a retried command takes effect once is what the check of the whole system is to find out.

use std::sync::Arc;

use stateright::semantics::SequentialSpec;

use crate::command::{Answer, Operation};
use crate::store_spec::StoreSpec;

/// What a key reads as that was never written, or was deleted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Missing {
    /// As missing: `Answer::Value(None)`. So do our own store, and Jepsen's register.
    #[default]
    Nil,
    /// As the empty string, from which it cannot be told apart. So does Porcupine's key/value model.
    Empty,
}

/// A part of the store.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum KvSpec {
    /// One key, and operations on that key alone.
    Key(KeySpec),
    /// Several keys.
    Store(StoreSpec),
}

/// One key and its value.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct KeySpec {
    value: Option<Arc<str>>,
    missing: Missing,
}

impl KeySpec {
    /// A key that was never written.
    #[must_use]
    pub fn new(missing: Missing) -> KeySpec {
        KeySpec { value: None, missing }.with(None)
    }

    /// The value that a read sees.
    #[must_use]
    pub fn value(&self) -> Option<&Arc<str>> {
        self.value.as_ref()
    }

    /// The key with this value, by the convention for missing ones: equal keys have equal states.
    fn with(&self, value: Option<Arc<str>>) -> KeySpec {
        let value = match self.missing {
            Missing::Nil => value,
            Missing::Empty => Some(value.unwrap_or_default()),
        };
        KeySpec { value, missing: self.missing }
    }
}

impl SequentialSpec for KvSpec {
    type Op = Operation;
    type Ret = Answer;

    fn invoke(&mut self, op: &Operation) -> Answer {
        match self {
            KvSpec::Key(key) => key.invoke(op),
            KvSpec::Store(store) => store.invoke(op),
        }
    }
}

impl SequentialSpec for KeySpec {
    type Op = Operation;
    type Ret = Answer;

    fn invoke(&mut self, op: &Operation) -> Answer {
        match op {
            Operation::Get { .. } => Answer::Value(self.value.clone()),
            Operation::Put { value, .. } => {
                self.value = Some(Arc::clone(value));
                Answer::Done
            }
            Operation::Append { value, .. } => {
                let old = self.value.as_deref().unwrap_or_default();
                self.value = Some([old, value].concat().into());
                Answer::Done
            }
            Operation::Delete { .. } => {
                *self = self.with(None);
                Answer::Done
            }
            Operation::CompareAndSwap { expected, new, .. } => {
                let is_expected = self.value == self.with(expected.clone()).value;
                if is_expected {
                    self.value = Some(Arc::clone(new));
                }
                Answer::Swapped(is_expected)
            }
            Operation::GetRevision { .. }
            | Operation::Range { .. }
            | Operation::Transaction { .. }
            | Operation::Batch(_) => unreachable!("an operation on several keys is not judged by one key alone"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> Arc<str> {
        "k".into()
    }

    fn value(text: &str) -> Answer {
        Answer::Value(Some(text.into()))
    }

    fn swap(expected: Option<&str>, new: &str) -> Operation {
        Operation::CompareAndSwap { key: key(), expected: expected.map(Into::into), new: new.into() }
    }

    #[test]
    fn each_operation_does_what_its_documentation_says() {
        let mut spec = KeySpec::new(Missing::Nil);
        assert_eq!(spec.invoke(&Operation::Get { key: key() }), Answer::Value(None));
        assert_eq!(spec.invoke(&swap(Some("a"), "b")), Answer::Swapped(false));
        assert_eq!(spec.invoke(&swap(None, "a")), Answer::Swapped(true));
        assert_eq!(spec.invoke(&swap(None, "c")), Answer::Swapped(false));
        assert_eq!(spec.invoke(&Operation::Append { key: key(), value: "b".into() }), Answer::Done);
        assert_eq!(spec.invoke(&Operation::Get { key: key() }), value("ab"));
        assert_eq!(spec.invoke(&swap(Some("ab"), "c")), Answer::Swapped(true));
        assert_eq!(spec.invoke(&Operation::Put { key: key(), value: "d".into() }), Answer::Done);
        assert_eq!(spec.invoke(&Operation::Get { key: key() }), value("d"));
        assert_eq!(spec.invoke(&Operation::Delete { key: key() }), Answer::Done);
        assert_eq!(spec, KeySpec::new(Missing::Nil));
        assert_eq!(spec.invoke(&Operation::Append { key: key(), value: "".into() }), Answer::Done);
        assert_eq!(spec.invoke(&Operation::Get { key: key() }), value(""), "an append writes, even of nothing");
    }

    #[test]
    fn missing_can_read_as_empty_and_is_then_the_same_state() {
        let mut spec = KeySpec::new(Missing::Empty);
        assert_eq!(spec.invoke(&Operation::Get { key: key() }), value(""));
        assert_eq!(spec.invoke(&swap(Some(""), "a")), Answer::Swapped(true));
        assert_eq!(spec.invoke(&Operation::Delete { key: key() }), Answer::Done);
        assert_eq!(spec, KeySpec::new(Missing::Empty));
        assert_eq!(spec.invoke(&Operation::Put { key: key(), value: "".into() }), Answer::Done);
        assert_eq!(spec, KeySpec::new(Missing::Empty));
        assert_eq!(spec.invoke(&swap(None, "b")), Answer::Swapped(true));
    }
}
