//! What an answer proves about the state right before its operation.
//!
//! The checker looks ahead with it: if the state can no longer become what a later answer proves that it was, there is no
//! need to go on (see `outlook` in [`super::model`]). What it simplifies: only plain facts are drawn, each about one key;
//! leaving one out is always right.

use std::sync::Arc;

use whitewater_kv::command::Condition;
use whitewater_kv::{Answer, Operation};

/// Something that held right before an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fact<'h> {
    /// A key had this value, or none.
    Reads {
        /// The key.
        key: &'h Arc<str>,
        /// Its value.
        value: Option<&'h Arc<str>>,
    },
    /// A key was last changed at this revision.
    Modified {
        /// The key.
        key: &'h Arc<str>,
        /// The revision.
        revision: u64,
    },
    /// The store was at this revision.
    Follows {
        /// The revision.
        revision: u64,
    },
}

/// What the answer to an operation proves. Answers of another kind prove nothing: the search refuses them.
pub(super) fn of<'h>(op: &'h Operation, answer: &'h Answer) -> Vec<Fact<'h>> {
    let mut facts = Vec::new();
    match (op, answer) {
        (Operation::Transaction { compare, then, .. }, Answer::Transaction { succeeded: true, answers }) => {
            for compare in compare {
                let key = &compare.key;
                facts.extend(match &compare.condition {
                    Condition::Value(value) => Some(Fact::Reads { key, value: Some(value) }),
                    Condition::Missing | Condition::Revision(0) => Some(Fact::Reads { key, value: None }),
                    Condition::Revision(revision) => Some(Fact::Modified { key, revision: *revision }),
                    Condition::Present => None,
                });
            }
            of_steps(then, answers, &mut facts);
        }
        (Operation::Transaction { otherwise, .. }, Answer::Transaction { succeeded: false, answers }) => {
            of_steps(otherwise, answers, &mut facts);
        }
        (Operation::Batch(steps), Answer::Batch(answers)) => of_steps(steps, answers, &mut facts),
        (op, answer) => of_steps(std::slice::from_ref(op), std::slice::from_ref(answer), &mut facts),
    }
    facts
}

/// What the answers of operations that were done one after the other prove, as far as no earlier one of them wrote.
fn of_steps<'h>(steps: &'h [Operation], answers: &'h [Answer], facts: &mut Vec<Fact<'h>>) {
    let mut written: Vec<&Arc<str>> = Vec::new();
    for (step, answer) in steps.iter().zip(answers) {
        match (step, answer) {
            (Operation::Get { key }, Answer::Value(value)) if !written.contains(&key) => {
                facts.push(Fact::Reads { key, value: value.as_ref() });
            }
            (Operation::Range { .. }, Answer::Entries(entries)) => {
                let unwritten = entries.iter().filter(|entry| !written.contains(&&entry.key));
                facts.extend(unwritten.map(|entry| Fact::Reads { key: &entry.key, value: Some(&entry.value) }));
            }
            (Operation::GetRevision { key }, Answer::Revision(revision)) => {
                facts.extend(match (written.contains(&key), revision) {
                    (false, None) => Some(Fact::Reads { key, value: None }),
                    (false, Some(revision)) => Some(Fact::Modified { key, revision: revision.modified }),
                    (true, Some(revision)) => {
                        revision.modified.checked_sub(1).map(|revision| Fact::Follows { revision })
                    }
                    (true, None) => None,
                });
            }
            // What did not swap wrote nothing.
            (Operation::CompareAndSwap { .. }, Answer::Swapped(false)) => {}
            (Operation::CompareAndSwap { key, expected, .. }, _) => {
                if !written.contains(&key) {
                    facts.push(Fact::Reads { key, value: expected.as_ref() });
                }
                written.push(key);
            }
            (Operation::Put { key, .. } | Operation::Append { key, .. } | Operation::Delete { key }, _) => {
                written.push(key);
            }
            (
                Operation::Get { .. }
                | Operation::Range { .. }
                | Operation::GetRevision { .. }
                | Operation::Transaction { .. }
                | Operation::Batch(_),
                _,
            ) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use whitewater_kv::command::{Compare, Revision};

    fn text(text: &str) -> Arc<str> {
        text.into()
    }

    #[test]
    fn what_was_read_before_it_was_written_was_so_before() {
        let (a, b, c) = (text("a"), text("b"), text("c"));
        let compare = |key: &Arc<str>, condition| Compare { key: Arc::clone(key), condition };
        let transaction = Operation::Transaction {
            compare: vec![
                compare(&a, Condition::Value(text("1"))),
                compare(&b, Condition::Revision(7)),
                compare(&c, Condition::Missing),
                compare(&c, Condition::Present),
            ],
            then: vec![
                Operation::Get { key: text("b") },
                Operation::Put { key: text("b"), value: text("2") },
                Operation::Get { key: text("b") },
                Operation::GetRevision { key: text("b") },
                Operation::CompareAndSwap { key: text("c"), expected: None, new: text("3") },
            ],
            otherwise: vec![Operation::GetRevision { key: text("a") }],
        };
        let read = |value: &str| Answer::Value(Some(value.into()));
        let revision = |modified| Answer::Revision(Some(Revision { created: 1, modified, version: 1 }));
        let answers = [read("1"), Answer::Done, read("2"), revision(9), Answer::Swapped(true)].into();
        let succeeded = Answer::Transaction { succeeded: true, answers };
        let (one, nothing) = (text("1"), None);
        let expected = [
            Fact::Reads { key: &a, value: Some(&one) },
            Fact::Modified { key: &b, revision: 7 },
            Fact::Reads { key: &c, value: nothing },
            Fact::Reads { key: &b, value: Some(&one) },
            Fact::Follows { revision: 8 },
            Fact::Reads { key: &c, value: nothing },
        ];
        assert_eq!(of(&transaction, &succeeded), expected);
        let failed = Answer::Transaction { succeeded: false, answers: [revision(3)].into() };
        assert_eq!(of(&transaction, &failed), [Fact::Modified { key: &a, revision: 3 }]);
        assert_eq!(of(&transaction, &Answer::Done), []);
    }
}
