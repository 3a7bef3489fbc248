//! Operations and answers in words, for traces: one short line each.

use std::fmt::{self, Display, Formatter};

use crate::command::{Answer, Compare, Condition, KeyValue, Operation, Request, Revision};

impl<S: AsRef<str>> Display for Operation<S> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
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
            Operation::GetRevision { key } => write!(f, "revision({:?})", key.as_ref()),
            Operation::Range { from, to: Some(to), limit } => {
                write!(f, "range({:?}..{:?}, at most {limit})", from.as_ref(), to.as_ref())
            }
            Operation::Range { from, to: None, limit } => write!(f, "range({:?}.., at most {limit})", from.as_ref()),
            Operation::Transaction { compare, then, otherwise } => {
                f.write_str("if ")?;
                match &compare[..] {
                    [] => f.write_str("anything")?,
                    compare => list(f, " and ", compare)?,
                }
                f.write_str(" then [")?;
                list(f, ", ", then)?;
                f.write_str("] else [")?;
                list(f, ", ", otherwise)?;
                f.write_str("]")
            }
            Operation::Batch(operations) => {
                f.write_str("batch[")?;
                list(f, ", ", operations)?;
                f.write_str("]")
            }
        }
    }
}

impl<S: AsRef<str>> Display for Compare<S> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let key = self.key.as_ref();
        match &self.condition {
            Condition::Value(value) => write!(f, "{key:?} = {:?}", value.as_ref()),
            Condition::Present => write!(f, "{key:?} is there"),
            Condition::Missing => write!(f, "{key:?} is missing"),
            Condition::Revision(revision) => write!(f, "{key:?} is of r{revision}"),
        }
    }
}

impl<S: AsRef<str>> Display for Request<S> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Request::OpenSession { nonce } => write!(f, "open session (nonce {nonce})"),
            Request::Execute { session, sequence, operation, .. } => write!(f, "s{session}#{sequence} {operation}"),
        }
    }
}

impl Display for Answer {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Answer::Value(Some(value)) => write!(f, "{value:?}"),
            Answer::Value(None) | Answer::Revision(None) => write!(f, "missing"),
            Answer::Done => write!(f, "done"),
            Answer::Swapped(true) => write!(f, "swapped"),
            Answer::Swapped(false) => write!(f, "not swapped"),
            Answer::Revision(Some(Revision { created, modified, version })) => {
                write!(f, "created r{created}, changed r{modified}, version {version}")
            }
            Answer::Entries(entries) => {
                f.write_str("{")?;
                list(f, ", ", entries)?;
                f.write_str("}")
            }
            Answer::Transaction { succeeded, answers } => {
                f.write_str(if *succeeded { "then [" } else { "else [" })?;
                list(f, ", ", answers)?;
                f.write_str("]")
            }
            Answer::Batch(answers) => {
                f.write_str("[")?;
                list(f, ", ", answers)?;
                f.write_str("]")
            }
        }
    }
}

impl Display for KeyValue {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {:?}", self.key, self.value)
    }
}

fn list<T: Display>(f: &mut Formatter<'_>, separator: &str, items: &[T]) -> fmt::Result {
    for (number, item) in items.iter().enumerate() {
        if number > 0 {
            f.write_str(separator)?;
        }
        item.fmt(f)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operations_and_answers_read_like_sentences() {
        let put = |value| Operation::Put { key: "k", value };
        let transaction = Operation::Transaction {
            compare: vec![
                Compare { key: "k", condition: Condition::Value("a") },
                Compare { key: "l", condition: Condition::Present },
                Compare { key: "m", condition: Condition::Missing },
                Compare { key: "n", condition: Condition::Revision(7) },
            ],
            then: vec![put("b"), Operation::Get { key: "l" }],
            otherwise: vec![],
        };
        let expected = r#"if "k" = "a" and "l" is there and "m" is missing and "n" is of r7 then [put("k", "b"), get("l")] else []"#;
        assert_eq!(transaction.to_string(), expected);
        let batch = Operation::Batch(vec![
            Operation::Range { from: "a", to: None, limit: 3 },
            Operation::Range { from: "a", to: Some("b"), limit: 3 },
            Operation::GetRevision { key: "k" },
        ]);
        assert_eq!(batch.to_string(), r#"batch[range("a".., at most 3), range("a".."b", at most 3), revision("k")]"#);
        let answers = [
            Answer::Entries([KeyValue { key: "k".into(), value: "v".into() }].into()),
            Answer::Revision(Some(Revision { created: 1, modified: 3, version: 2 })),
            Answer::Swapped(true),
        ];
        let answer = Answer::Transaction { succeeded: false, answers: answers.into() };
        assert_eq!(answer.to_string(), r#"else [{"k": "v"}, created r1, changed r3, version 2, swapped]"#);
    }
}
