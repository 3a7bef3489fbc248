//! Which operations on a key could matter to some answers, if it is not known whether they took effect.
//!
//! What a value becomes by appending begins with it, and has what was appended within it, until somebody writes the key
//! anew. So an operation whose value is in none of the values that are looked for can be left out of any order: nobody
//! who is left sees a value with a trace of it. What it simplifies: a swap that failed saw another value, whichever, and
//! several keys may hold several values; there, everything matters.

use whitewater_kv::{Answer, Operation};
use whitewater_sim::check::{Access, Model};

use super::model::KeyValue;

/// For each operation, whether leaving it out might take away the last order that explains the answers.
pub(super) fn matters(model: KeyValue, answers: &[(&Operation, &Answer)], ops: &[&Operation]) -> Vec<bool> {
    of_one_key(model, answers, ops).unwrap_or_else(|| vec![true; ops.len()])
}

/// `None` if it is not as simple as that.
fn of_one_key(model: KeyValue, answers: &[(&Operation, &Answer)], ops: &[&Operation]) -> Option<Vec<bool>> {
    let mut looked_for: Vec<Option<&str>> = Vec::new();
    for (op, answer) in answers {
        match model.access(op, Some(answer))? {
            Access::Read(value) | Access::Swap { expected: value, swapped: Some(true), .. } => looked_for.push(value),
            Access::Write(_) | Access::Append(_) => {}
            Access::Swap { swapped: Some(false) | None, .. } => return None,
        }
    }
    let accesses: Vec<_> = ops.iter().map(|op| model.access(op, None)).collect::<Option<_>>()?;
    looked_for.sort_unstable();
    looked_for.dedup();
    let mut matters = vec![false; ops.len()];
    // What is looked for only grows; swaps that matter look for more.
    loop {
        let mut expected = Vec::new();
        for (matters, access) in matters.iter_mut().zip(&accesses).filter(|(matters, _)| !**matters) {
            *matters = match access {
                Access::Write(None) => true,
                Access::Write(value) | Access::Swap { new: value, .. } => is_begin(*value, &looked_for),
                Access::Append(value) => is_within(*value, &looked_for),
                Access::Read(_) => false,
            };
            if let (true, Access::Swap { expected: value, .. }) = (*matters, access) {
                expected.push(*value);
            }
        }
        expected.retain(|value| looked_for.binary_search(value).is_err());
        if expected.is_empty() {
            return Some(matters);
        }
        looked_for.extend(expected);
        looked_for.sort_unstable();
        looked_for.dedup();
    }
}

/// Whether something that is looked for begins with this value. In order, what begins with a value is right behind it.
fn is_begin(value: Option<&str>, looked_for: &[Option<&str>]) -> bool {
    let place = looked_for.partition_point(|other| *other < value);
    let found = looked_for.get(place);
    found.is_some_and(|found| found.unwrap_or_default().starts_with(value.unwrap_or_default()))
}

fn is_within(value: Option<&str>, looked_for: &[Option<&str>]) -> bool {
    let value = value.unwrap_or_default();
    looked_for.iter().flatten().any(|found| found.contains(value))
}

#[cfg(test)]
mod tests {
    use super::*;
    use whitewater_kv::spec::Missing;

    fn put(value: &str) -> Operation {
        Operation::Put { key: "k".into(), value: value.into() }
    }

    fn append(value: &str) -> Operation {
        Operation::Append { key: "k".into(), value: value.into() }
    }

    fn swap(expected: &str, new: &str) -> Operation {
        Operation::CompareAndSwap { key: "k".into(), expected: Some(expected.into()), new: new.into() }
    }

    #[test]
    fn what_leaves_no_trace_in_an_answer_does_not_matter() {
        let (get, read) = (Operation::Get { key: "k".into() }, Answer::Value(Some("abc".into())));
        let delete = Operation::Delete { key: "k".into() };
        let ops =
            [put("a"), put("b"), append("b"), append("d"), delete, swap("x", "ab"), swap("y", "z"), put("x"), put("y")];
        let ops: Vec<&Operation> = ops.iter().collect();
        let model = KeyValue { missing: Missing::Nil };
        let expected = [true, false, true, false, true, true, false, true, false];
        assert_eq!(matters(model, &[(&get, &read)], &ops), expected);
        let failed = swap("q", "r");
        let answers = [(&get, &read), (&failed, &Answer::Swapped(false))];
        assert_eq!(matters(model, &answers, &ops), [true; 9]);
    }
}
