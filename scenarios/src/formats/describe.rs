//! Operations, answers and states in words, for the explanation of a violation.
//!
//! Unlike a trace, which has a line for everything, an explanation has few lines and strange values: long ones are cut,
//! and what was appended last tells most. What it simplifies: lists are cut by whoever prints the line.

use std::sync::Arc;

use whitewater_kv::command::{Compare, Condition, KeyValue, Revision};
use whitewater_kv::spec::KvSpec;
use whitewater_kv::{Answer, Operation};

/// An operation in words.
pub(super) fn operation(op: &Operation) -> String {
    match op {
        Operation::Get { key } => format!("get{}", on(key)),
        Operation::Put { key, value } => format!("put{} {}", on(key), quote(value)),
        Operation::Append { key, value } => format!("append{} {}", on(key), quote(value)),
        Operation::Delete { key } => format!("delete{}", on(key)),
        Operation::CompareAndSwap { key, expected, new } => {
            format!("compare-and-swap{} {} to {}", on(key), value(expected.as_ref()), quote(new))
        }
        Operation::GetRevision { key } => format!("get-revision{}", on(key)),
        Operation::Range { from, to, limit } => {
            let to = to.as_ref().map(|to| format!(" to before {}", quote(to))).unwrap_or_default();
            let limit = if *limit == u32::MAX { String::new() } else { format!(", at most {limit}") };
            format!("range from {}{to}{limit}", quote(from))
        }
        Operation::Transaction { compare, then, otherwise } => {
            let compare: Vec<String> = compare.iter().map(comparison).collect();
            let compare = if compare.is_empty() { "anything".to_owned() } else { compare.join(" and ") };
            format!("if {compare} then [{}] else [{}]", list(then, operation), list(otherwise, operation))
        }
        Operation::Batch(steps) => format!("batch [{}]", list(steps, operation)),
    }
}

/// An operation and its answer in few words, where the key is known: longer ones are cut by whoever prints them.
pub(super) fn briefly(op: &Operation, told: Option<&Answer>) -> String {
    match (op, told) {
        (Operation::Get { .. }, Some(Answer::Value(read))) => format!("read {}", value(read.as_ref())),
        (Operation::Get { .. }, _) => "read".to_owned(),
        (Operation::Put { value, .. }, _) => format!("put {}", quote(value)),
        (Operation::Append { value, .. }, _) => format!("append {}", quote(value)),
        (Operation::Delete { .. }, _) => "delete".to_owned(),
        (Operation::CompareAndSwap { expected, new, .. }, told) => {
            let outcome = match told {
                Some(Answer::Swapped(true)) => "swapped",
                Some(Answer::Swapped(false)) => "no swap of",
                Some(_) | None => "swap",
            };
            format!("{outcome} {} to {}", value(expected.as_ref()), quote(new))
        }
        (
            Operation::GetRevision { .. }
            | Operation::Range { .. }
            | Operation::Transaction { .. }
            | Operation::Batch(_),
            told,
        ) => {
            let told = told.map(|told| format!(" -> {}", answer(told))).unwrap_or_default();
            operation(op) + &told
        }
    }
}

/// A register is a store with one key, which has no name.
fn on(key: &str) -> String {
    if key.is_empty() { String::new() } else { format!(" {}", quote(key)) }
}

fn comparison(Compare { key, condition }: &Compare) -> String {
    match condition {
        Condition::Value(value) => format!("{} is {}", quote(key), quote(value)),
        Condition::Present => format!("{} exists", quote(key)),
        Condition::Missing => format!("{} is missing", quote(key)),
        Condition::Revision(revision) => format!("{} is of revision {revision}", quote(key)),
    }
}

/// An answer in words.
pub(super) fn answer(told: &Answer) -> String {
    match told {
        Answer::Value(read) => value(read.as_ref()),
        Answer::Done => "done".to_string(),
        Answer::Swapped(true) => "swapped".to_string(),
        Answer::Swapped(false) => "not swapped".to_string(),
        Answer::Revision(None) => "missing".to_string(),
        Answer::Revision(Some(Revision { created, modified, version })) => {
            format!("created at {created}, modified at {modified}, version {version}")
        }
        Answer::Entries(entries) => format!("{{{}}}", list(entries, |KeyValue { key, value }| entry(key, value))),
        Answer::Transaction { succeeded, answers } => {
            format!("{} [{}]", if *succeeded { "then" } else { "else" }, list(answers, answer))
        }
        Answer::Batch(answers) => format!("[{}]", list(answers, answer)),
    }
}

/// A state in words.
pub(super) fn state(state: &KvSpec) -> String {
    match state {
        KvSpec::Key(key) => value(key.value()),
        KvSpec::Store(store) => {
            let entries: Vec<_> = store.entries().collect();
            let revision = store.revision().map(|revision| format!(" at revision {revision}")).unwrap_or_default();
            format!("{{{}}}{revision}", list(&entries, |(key, value)| entry(key, value)))
        }
    }
}

fn entry(key: &str, value: &str) -> String {
    format!("{}: {}", quote(key), quote(value))
}

fn value(value: Option<&Arc<str>>) -> String {
    value.map_or_else(|| "nil".to_string(), |value| quote(value))
}

fn list<T>(items: &[T], words: impl Fn(&T) -> String) -> String {
    items.iter().map(words).collect::<Vec<_>>().join(", ")
}

/// How many characters of a key or value are shown.
const SHOWN: usize = 48;

/// In quotes, with escapes. Of a long value the end is shown: what was appended last tells most.
fn quote(text: &str) -> String {
    let count = text.chars().count();
    if count <= SHOWN {
        return format!("{text:?}");
    }
    let end: String = text.chars().skip(count - SHOWN).collect();
    format!("\"...{}\" ({count} characters)", end.escape_debug())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_values_are_shown_by_their_end() {
        assert_eq!(quote("a\u{1b}\"b"), "\"a\\u{1b}\\\"b\"");
        let long = format!("{}{}", "x".repeat(100), "end");
        assert!(quote(&long).ends_with("xend\" (103 characters)"), "{}", quote(&long));
    }

    #[test]
    fn operations_on_several_keys_are_told_in_one_line() {
        let range = Operation::Range { from: "a".into(), to: Some("c".into()), limit: u32::MAX };
        let transaction = Operation::Transaction {
            compare: vec![Compare { key: "k".into(), condition: Condition::Revision(3) }],
            then: vec![range, Operation::GetRevision { key: "k".into() }],
            otherwise: vec![],
        };
        let words = r#"if "k" is of revision 3 then [range from "a" to before "c", get-revision "k"] else []"#;
        assert_eq!(operation(&transaction), words);
        let answers = [
            Answer::Entries([KeyValue { key: "a".into(), value: "1".into() }].into()),
            Answer::Revision(Some(Revision { created: 1, modified: 3, version: 2 })),
        ];
        let told = answer(&Answer::Transaction { succeeded: true, answers: answers.into() });
        assert_eq!(told, r#"then [{"a": "1"}, created at 1, modified at 3, version 2]"#);
    }
}
