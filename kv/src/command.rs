//! What a client can ask of the store, and what it can be told: reads and writes of keys, ranges, batches, and
//! transactions of etcd's kind (compare, then, otherwise).
//!
//! Keys and values are strings; keys are ordered byte by byte. A key that was never written, or was deleted, is
//! missing; `append` to a missing key writes it. The store has a *revision*: how many operations changed it. A batch or
//! a transaction counts as one, and a write counts even if the value stays the same. Revisions show in two places
//! alone, [`Operation::GetRevision`] and [`Condition::Revision`]. They order the changes of *all* keys, so everything
//! else is left free of them: an operation on one key has nothing to do with any other key, and can be checked without
//! it. What it simplifies: comparisons are for equality only, and old revisions cannot be read.

use std::sync::Arc;

/// An operation. `S` is the string type: owned and shared, or borrowed from bytes that are being read.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
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
    /// Reads when the key was created and changed. Answered by [`Answer::Revision`].
    GetRevision {
        /// The key.
        key: S,
    },
    /// Reads the first `limit` keys from `from` on, in order. Answered by [`Answer::Entries`].
    Range {
        /// The first key that counts.
        from: S,
        /// The first key that does not count any more; `None` for the end.
        to: Option<S>,
        /// How many keys are listed at most.
        limit: u32,
    },
    /// If all of `compare` holds, does what `then` says, else what `otherwise` says; nothing happens between. Answered
    /// by [`Answer::Transaction`].
    Transaction {
        /// What must hold of the state before.
        compare: Vec<Compare<S>>,
        /// What is done if it does; no batches and no transactions.
        then: Vec<Operation<S>>,
        /// What is done if it does not; no batches and no transactions.
        otherwise: Vec<Operation<S>>,
    },
    /// Does one after the other; nothing happens between. No batches and no transactions. Answered by
    /// [`Answer::Batch`].
    Batch(Vec<Operation<S>>),
}

/// A comparison of a transaction.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Compare<S = Arc<str>> {
    /// The key.
    pub key: S,
    /// What must be so.
    pub condition: Condition<S>,
}

/// What can be asked of a key.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Condition<S = Arc<str>> {
    /// It has this value.
    Value(S),
    /// It has a value.
    Present,
    /// It has none.
    Missing,
    /// It was last changed at this revision; 0 for a missing key.
    Revision(u64),
}

/// The answer to an [`Operation`] that took effect.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Answer {
    /// The value read; `None` if the key is missing.
    Value(Option<Arc<str>>),
    /// The write was made.
    Done,
    /// Whether a compare-and-swap found what it expected, and so wrote.
    Swapped(bool),
    /// When the key was created and changed; `None` if it is missing.
    Revision(Option<Revision>),
    /// Keys with their values, in the order of the keys.
    Entries(Arc<[KeyValue]>),
    /// What a transaction did.
    Transaction {
        /// Whether everything compared held, so that `then` was done.
        succeeded: bool,
        /// The answers of the operations that were done.
        answers: Arc<[Answer]>,
    },
    /// The answers of a batch.
    Batch(Arc<[Answer]>),
}

/// A key and its value.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct KeyValue {
    /// The key.
    pub key: Arc<str>,
    /// The value.
    pub value: Arc<str>,
}

/// The history of a key, in revisions of the store. As in etcd.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Revision {
    /// When it was written while it was missing, most recently.
    pub created: u64,
    /// When it was last written.
    pub modified: u64,
    /// How often it was written since, that time included.
    pub version: u64,
}

/// What a client puts into the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request<S = Arc<str>> {
    /// Opens a session (dissertation 6.3). Its number is the index of this entry.
    OpenSession {
        /// The client's own number for the request, so that it knows the answer to it.
        nonce: u64,
    },
    /// An operation, named so that it takes effect at most once.
    Execute {
        /// The session.
        session: u64,
        /// The number of the operation among those of the session, from 1 on; it stays the same when the operation is
        /// tried again.
        sequence: u64,
        /// The lowest number to which the client still waits for an answer: the answers to all before it may be
        /// forgotten. At most `sequence`, and at least `sequence` - [`crate::codec::WINDOW_MAX`] + 1.
        oldest_unanswered: u64,
        /// What is asked.
        operation: Operation<S>,
    },
}

impl<S> Compare<S> {
    fn map<T>(self, string: &impl Fn(S) -> T) -> Compare<T> {
        let condition = match self.condition {
            Condition::Value(value) => Condition::Value(string(value)),
            Condition::Present => Condition::Present,
            Condition::Missing => Condition::Missing,
            Condition::Revision(revision) => Condition::Revision(revision),
        };
        Compare { key: string(self.key), condition }
    }
}

impl<S> Operation<S> {
    /// The key, if the operation is about one key and shows no revisions: no other key has to do with its answer.
    #[must_use]
    pub fn single_key(&self) -> Option<&S> {
        match self {
            Operation::Get { key }
            | Operation::Put { key, .. }
            | Operation::Append { key, .. }
            | Operation::Delete { key }
            | Operation::CompareAndSwap { key, .. } => Some(key),
            Operation::GetRevision { .. }
            | Operation::Range { .. }
            | Operation::Transaction { .. }
            | Operation::Batch(_) => None,
        }
    }

    /// The same operation with another type of string.
    pub fn map<T>(self, string: &impl Fn(S) -> T) -> Operation<T> {
        let steps = |operations: Vec<Operation<S>>| operations.into_iter().map(|one| one.map(string)).collect();
        match self {
            Operation::Get { key } => Operation::Get { key: string(key) },
            Operation::Put { key, value } => Operation::Put { key: string(key), value: string(value) },
            Operation::Append { key, value } => Operation::Append { key: string(key), value: string(value) },
            Operation::Delete { key } => Operation::Delete { key: string(key) },
            Operation::CompareAndSwap { key, expected, new } => {
                Operation::CompareAndSwap { key: string(key), expected: expected.map(string), new: string(new) }
            }
            Operation::GetRevision { key } => Operation::GetRevision { key: string(key) },
            Operation::Range { from, to, limit } => Operation::Range { from: string(from), to: to.map(string), limit },
            Operation::Transaction { compare, then, otherwise } => Operation::Transaction {
                compare: compare.into_iter().map(|comparison| comparison.map(string)).collect(),
                then: steps(then),
                otherwise: steps(otherwise),
            },
            Operation::Batch(operations) => Operation::Batch(steps(operations)),
        }
    }

    /// Whether it never changes anything, so that it can be served without the log.
    #[must_use]
    pub fn only_reads(&self) -> bool {
        match self {
            Operation::Get { .. } | Operation::GetRevision { .. } | Operation::Range { .. } => true,
            Operation::Put { .. }
            | Operation::Append { .. }
            | Operation::Delete { .. }
            | Operation::CompareAndSwap { .. } => false,
            Operation::Transaction { then, otherwise, .. } => then.iter().chain(otherwise).all(Operation::only_reads),
            Operation::Batch(operations) => operations.iter().all(Operation::only_reads),
        }
    }

    /// Whether its answer depends on revisions, and so on all operations that changed anything.
    #[must_use]
    pub fn shows_revisions(&self) -> bool {
        match self {
            Operation::GetRevision { .. } => true,
            Operation::Get { .. }
            | Operation::Put { .. }
            | Operation::Append { .. }
            | Operation::Delete { .. }
            | Operation::CompareAndSwap { .. }
            | Operation::Range { .. } => false,
            Operation::Transaction { compare, then, otherwise } => {
                compare.iter().any(|compare| matches!(compare.condition, Condition::Revision(_)))
                    || then.iter().chain(otherwise).any(Operation::shows_revisions)
            }
            Operation::Batch(operations) => operations.iter().any(Operation::shows_revisions),
        }
    }

    /// Every key that it names; a range names none.
    #[must_use]
    pub fn keys(&self) -> Vec<&S> {
        match self {
            Operation::Get { key }
            | Operation::Put { key, .. }
            | Operation::Append { key, .. }
            | Operation::Delete { key }
            | Operation::CompareAndSwap { key, .. }
            | Operation::GetRevision { key } => vec![key],
            Operation::Range { .. } => Vec::new(),
            Operation::Transaction { compare, .. } => {
                let compared = compare.iter().map(|compare| &compare.key);
                compared.chain(self.parts().flat_map(Operation::keys)).collect()
            }
            Operation::Batch(operations) => operations.iter().flat_map(Operation::keys).collect(),
        }
    }

    /// The operations that it is made up of: all of a batch, and both branches of a transaction.
    pub fn parts(&self) -> impl Iterator<Item = &Operation<S>> {
        let (first, second): (&[Operation<S>], &[Operation<S>]) = match self {
            Operation::Transaction { then, otherwise, .. } => (then, otherwise),
            Operation::Batch(operations) => (operations, &[]),
            Operation::Get { .. }
            | Operation::Put { .. }
            | Operation::Append { .. }
            | Operation::Delete { .. }
            | Operation::CompareAndSwap { .. }
            | Operation::GetRevision { .. }
            | Operation::Range { .. } => (&[], &[]),
        };
        first.iter().chain(second)
    }
}
