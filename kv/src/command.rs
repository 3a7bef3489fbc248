//! What a client can ask of the store, and what it can be told.
//!
//! Keys and values are strings. A key that was never written, or was deleted, is missing; `append` to a missing key
//! writes it.

use std::fmt;
use std::sync::Arc;

/// An operation on one key. `S` is the string type: owned and shared, or borrowed from bytes that are being read.
#[derive(Clone, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Operation<S = Arc<str>> {
    /// Reads the value. Answered by [`Answer::Value`].
    Get {
        /// The key.
        key: S,
    },
    /// Writes the value. Answered by [`Answer::Done`].
    Put {
        /// The key.
        key: S,
        /// The new value.
        value: S,
    },
    /// Writes the old value (nothing, if missing) followed by `value`. Answered by [`Answer::Done`].
    Append {
        /// The key.
        key: S,
        /// What is added at the end.
        value: S,
    },
    /// Removes the key. Answered by [`Answer::Done`], also when it was missing.
    Delete {
        /// The key.
        key: S,
    },
    /// Writes `new` if the value is `expected` (`None`: if the key is missing). Answered by [`Answer::Swapped`].
    CompareAndSwap {
        /// The key.
        key: S,
        /// The value that must be there; `None` for a missing key.
        expected: Option<S>,
        /// The new value.
        new: S,
    },
}

impl<S> Operation<S> {
    /// The one key that the operation reads or writes.
    #[must_use]
    pub fn key(&self) -> &S {
        match self {
            Operation::Get { key }
            | Operation::Put { key, .. }
            | Operation::Append { key, .. }
            | Operation::Delete { key }
            | Operation::CompareAndSwap { key, .. } => key,
        }
    }
}

/// A client's operation, named so that it takes effect at most once (dissertation 6.3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request<S = Arc<str>> {
    /// Who asks.
    pub client: u64,
    /// The number of the operation among those of the client; rises by one with each new operation, and stays the same
    /// when an operation is tried again.
    pub sequence: u64,
    /// What is asked.
    pub operation: Operation<S>,
}

/// For traces: one short line.
impl<S: AsRef<str>> fmt::Display for Operation<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Operation::Get { key } => write!(f, "get({:?})", key.as_ref()),
            Operation::Put { key, value } => write!(f, "put({:?}, {:?})", key.as_ref(), value.as_ref()),
            Operation::Append { key, value } => write!(f, "append({:?}, {:?})", key.as_ref(), value.as_ref()),
            Operation::Delete { key } => write!(f, "delete({:?})", key.as_ref()),
            Operation::CompareAndSwap { key, expected: Some(expected), new } => {
                write!(f, "cas({:?}, {:?} -> {:?})", key.as_ref(), expected.as_ref(), new.as_ref())
            }
            Operation::CompareAndSwap { key, expected: None, new } => {
                write!(f, "cas({:?}, missing -> {:?})", key.as_ref(), new.as_ref())
            }
        }
    }
}

/// For traces: one short line.
impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Answer::Value(Some(value)) => write!(f, "{value:?}"),
            Answer::Value(None) => write!(f, "missing"),
            Answer::Done => write!(f, "done"),
            Answer::Swapped(true) => write!(f, "swapped"),
            Answer::Swapped(false) => write!(f, "not swapped"),
        }
    }
}

/// The answer to an [`Operation`] that took effect.
#[derive(Clone, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Answer {
    /// The value read; `None` if the key is missing.
    Value(Option<Arc<str>>),
    /// The write was made.
    Done,
    /// Whether a compare-and-swap found what it expected, and so wrote.
    Swapped(bool),
}
