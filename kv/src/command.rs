//! What a client can ask of the store, and what it can be told.
//!
//! Keys and values are strings. A key that was never written, or was deleted, is missing; `append` to a missing key
//! writes it.

use std::sync::Arc;

/// An operation on one key.
#[derive(Clone, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Operation {
    /// Reads the value. Answered by [`Answer::Value`].
    Get {
        /// The key.
        key: Arc<str>,
    },
    /// Writes the value. Answered by [`Answer::Done`].
    Put {
        /// The key.
        key: Arc<str>,
        /// The new value.
        value: Arc<str>,
    },
    /// Writes the old value (nothing, if missing) followed by `value`. Answered by [`Answer::Done`].
    Append {
        /// The key.
        key: Arc<str>,
        /// What is added at the end.
        value: Arc<str>,
    },
    /// Removes the key. Answered by [`Answer::Done`], also when it was missing.
    Delete {
        /// The key.
        key: Arc<str>,
    },
    /// Writes `new` if the value is `expected` (`None`: if the key is missing). Answered by [`Answer::Swapped`].
    CompareAndSwap {
        /// The key.
        key: Arc<str>,
        /// The value that must be there; `None` for a missing key.
        expected: Option<Arc<str>>,
        /// The new value.
        new: Arc<str>,
    },
}

impl Operation {
    /// The one key that the operation reads or writes.
    #[must_use]
    pub fn key(&self) -> &Arc<str> {
        match self {
            Operation::Get { key }
            | Operation::Put { key, .. }
            | Operation::Append { key, .. }
            | Operation::Delete { key }
            | Operation::CompareAndSwap { key, .. } => key,
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
