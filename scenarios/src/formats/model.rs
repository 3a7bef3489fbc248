//! The key/value store as the checker's model: a partition for each key that stands alone, and what that saves the search.
//!
//! Locality (Herlihy and Wing, 1990): a history of the store is linearizable if and only if it is for each group of keys
//! alone that operations tie together. Ranges, batches and transactions tie the keys that they touch; revisions tie all.
//! What it simplifies: looking ahead takes each value by itself; that one append cannot serve two reads is left to the
//! search. Of groups of keys it sees what is out of reach, and not what comes to the same.

use std::collections::BTreeMap;
use std::sync::Arc;

use whitewater_kv::spec::{KeySpec, KvSpec, Missing};
use whitewater_kv::store_spec::{Revisions, StoreSpec};
use whitewater_kv::{Answer, Operation};
use whitewater_sim::check::{Access, Call, Model, Outlook, Remainder, Scope, SequentialSpec};

use super::describe;
use super::facts::{self, Fact};
use super::relevance;

/// The model of a key/value store, or of a register, which is a store with one key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KeyValue {
    /// What a missing key reads as.
    pub missing: Missing,
}

impl Model for KeyValue {
    type Spec = KvSpec;
    type Part = Arc<str>;
    type Value<'h> = Option<&'h str>;

    fn initial(&self, operations: &[&Operation]) -> KvSpec {
        if operations.iter().all(|op| op.single_key().is_some()) {
            return KvSpec::Key(KeySpec::new(self.missing));
        }
        let is_shown = operations.iter().any(|op| op.shows_revisions());
        KvSpec::Store(StoreSpec::new(self.missing, if is_shown { Revisions::Shown } else { Revisions::Unseen }))
    }

    fn scope(&self, op: &Operation) -> Scope<Arc<str>> {
        if let Some(key) = op.single_key() {
            return Scope::One(Arc::clone(key));
        }
        if op.shows_revisions() {
            return Scope::All(op.keys().into_iter().cloned().collect());
        }
        let range = |op: &Operation| match op {
            Operation::Range { from, to, .. } => Some((Arc::clone(from), to.clone())),
            Operation::Get { .. }
            | Operation::Put { .. }
            | Operation::Append { .. }
            | Operation::Delete { .. }
            | Operation::CompareAndSwap { .. }
            | Operation::GetRevision { .. }
            | Operation::Transaction { .. }
            | Operation::Batch(_) => None,
        };
        Scope::Several {
            parts: op.keys().into_iter().cloned().collect(),
            ranges: op.parts().chain([op]).filter_map(range).collect(),
        }
    }

    fn part<'o>(&self, op: &'o Operation) -> Option<&'o Arc<str>> {
        op.single_key()
    }

    fn access<'h>(&self, op: &'h Operation, answer: Option<&'h Answer>) -> Option<Access<Option<&'h str>>> {
        match (op, answer) {
            (Operation::Get { .. }, Some(Answer::Value(Some(read)))) => Some(Access::Read(Some(read))),
            // Where a missing key reads as empty, nothing is ever answered: that is of the wrong kind.
            (Operation::Get { .. }, Some(Answer::Value(None))) if self.missing == Missing::Nil => {
                Some(Access::Read(None))
            }
            (Operation::Put { value, .. }, None | Some(Answer::Done)) => Some(Access::Write(Some(value))),
            (Operation::Append { value, .. }, None | Some(Answer::Done)) => Some(Access::Append(Some(value))),
            (Operation::Delete { .. }, None | Some(Answer::Done)) => Some(Access::Write(self.reads_as(None))),
            (Operation::CompareAndSwap { expected, new, .. }, None | Some(Answer::Swapped(_))) => Some(Access::Swap {
                expected: self.reads_as(expected.as_deref()),
                new: Some(new),
                swapped: if let Some(Answer::Swapped(swapped)) = answer { Some(*swapped) } else { None },
            }),
            // An answer of the wrong kind is for the search to refuse.
            (
                Operation::Get { .. }
                | Operation::Put { .. }
                | Operation::Append { .. }
                | Operation::Delete { .. }
                | Operation::CompareAndSwap { .. }
                | Operation::GetRevision { .. }
                | Operation::Range { .. }
                | Operation::Transaction { .. }
                | Operation::Batch(_),
                _,
            ) => None,
        }
    }

    fn initial_value<'h>(&self) -> Option<Option<&'h str>> {
        Some(self.reads_as(None))
    }

    fn packed<'h>(&self, value: &Option<&'h str>) -> Option<u64>
    where
        Self: 'h,
    {
        let Some(text) = value else { return Some(0) };
        // The length tells "a" from "a\0", and all of them from none.
        let mut word = [0; 8];
        let (length, bytes) = word.split_first_mut()?;
        *length = text.len() as u8 + 1;
        bytes.get_mut(..text.len())?.copy_from_slice(text.as_bytes());
        Some(u64::from_le_bytes(word))
    }

    fn remainder<'h>(&self, value: &Option<&'h str>, beginning: &Option<&'h str>) -> Remainder<Option<&'h str>>
    where
        Self: 'h,
    {
        match (value, beginning) {
            (None, None) => Remainder::Nothing,
            (None, Some(_)) => Remainder::Unlike,
            // Appending to a missing key makes it, even of nothing.
            (Some(value), None) => Remainder::More(Some(value)),
            (Some(value), Some(beginning)) => match value.strip_prefix(beginning) {
                None => Remainder::Unlike,
                Some("") => Remainder::Nothing,
                Some(rest) => Remainder::More(Some(rest)),
            },
        }
    }

    fn observes(&self, op: &Operation, answer: Option<&Answer>) -> bool {
        let all = |steps: &[Operation], answers: &[Answer]| {
            steps.len() == answers.len()
                && steps.iter().zip(answers).all(|(step, answer)| self.observes(step, Some(answer)))
        };
        match (op, answer) {
            (Operation::Get { .. } | Operation::GetRevision { .. } | Operation::Range { .. }, _) => true,
            (Operation::CompareAndSwap { .. }, answer) => answer == Some(&Answer::Swapped(false)),
            (Operation::Put { .. } | Operation::Append { .. } | Operation::Delete { .. }, _) => false,
            (Operation::Transaction { then, otherwise, .. }, Some(Answer::Transaction { succeeded, answers })) => {
                all(if *succeeded { then } else { otherwise }, answers)
            }
            (Operation::Batch(steps), Some(Answer::Batch(answers))) => all(steps, answers),
            // What it did is unknown; an answer of the wrong kind is for the search to refuse.
            (Operation::Transaction { .. } | Operation::Batch(_), _) => op.only_reads(),
        }
    }

    fn outlook(&self, state: &KvSpec, (op, answer): Call<'_, Self>, between: &[Call<'_, Self>]) -> Outlook<KvSpec> {
        match (op, answer, state) {
            (Operation::Get { .. }, Some(Answer::Value(read)), KvSpec::Key(state)) => {
                self.outlook_of_read(state, read.as_deref(), between)
            }
            (op, Some(answer), KvSpec::Store(state)) => self.outlook_of_facts(state, &facts::of(op, answer), between),
            // A swap that failed is rarely out of reach, and an answer of the wrong kind is for the search to refuse.
            (
                Operation::Get { .. }
                | Operation::Put { .. }
                | Operation::Append { .. }
                | Operation::Delete { .. }
                | Operation::CompareAndSwap { .. }
                | Operation::GetRevision { .. }
                | Operation::Range { .. }
                | Operation::Transaction { .. }
                | Operation::Batch(_),
                Some(_) | None,
                KvSpec::Key(_) | KvSpec::Store(_),
            ) => Outlook::Open,
        }
    }

    fn has_outlook(&self, op: &Operation) -> bool {
        matches!(op, Operation::Transaction { .. } | Operation::Batch(_))
    }

    fn alike(&self, calls: &[Call<'_, Self>]) -> Vec<Vec<usize>> {
        // What follows is about one key.
        let mut keys = calls.iter().map(|(op, _)| op.single_key());
        let first = keys.next().flatten();
        if first.is_none() || keys.any(|key| key != first) {
            return Vec::new();
        }
        let targets = calls.iter().filter_map(|(op, answer)| self.looks_for(op, *answer));
        let mut looked_for: Vec<&str> = targets.flatten().collect();
        looked_for.sort_unstable();
        // What begins with a value stands right behind it.
        let is_seen = |value: &str| {
            let place = looked_for.partition_point(|other| *other < value);
            looked_for.get(place).is_some_and(|other| other.starts_with(value))
        };
        let mut puts = Vec::new();
        let mut swaps: BTreeMap<Option<&str>, Vec<usize>> = BTreeMap::new();
        for (position, (op, _)) in calls.iter().enumerate() {
            match op {
                Operation::Put { value, .. } if !is_seen(value) => puts.push(position),
                Operation::CompareAndSwap { expected, new, .. } if !is_seen(new) => {
                    swaps.entry(expected.as_deref()).or_default().push(position);
                }
                Operation::Get { .. }
                | Operation::Put { .. }
                | Operation::Append { .. }
                | Operation::Delete { .. }
                | Operation::CompareAndSwap { .. }
                | Operation::GetRevision { .. }
                | Operation::Range { .. }
                | Operation::Transaction { .. }
                | Operation::Batch(_) => {}
            }
        }
        swaps.into_values().chain([puts]).filter(|group| group.len() > 1).collect()
    }

    fn matters(&self, answers: &[(&Operation, &Answer)], ops: &[&Operation]) -> Vec<bool> {
        relevance::matters(*self, answers, ops)
    }

    fn heap_bytes(&self, state: &KvSpec) -> usize {
        match state {
            KvSpec::Key(key) => key.value().map_or(0, |value| value.len()),
            KvSpec::Store(store) => store.heap_bytes(),
        }
    }

    fn describe_briefly(&self, op: &Operation, answer: Option<&Answer>) -> String {
        describe::briefly(op, answer)
    }

    fn describe_operation(&self, op: &Operation) -> String {
        describe::operation(op)
    }

    fn describe_answer(&self, answer: &Answer) -> String {
        describe::answer(answer)
    }

    fn describe_state(&self, state: &KvSpec) -> String {
        describe::state(state)
    }
}

/// An operation and its answer, if that is known.
type Between<'h> = (&'h Operation, Option<&'h Answer>);

/// A value that stands for all that must be overwritten before anybody sees it.
const UNSEEN: &str = "\u{fffd}unseen\u{fffd}";

impl KeyValue {
    /// What a value, or none, reads as.
    pub(super) fn reads_as<'h>(&self, value: Option<&'h str>) -> Option<&'h str> {
        match self.missing {
            Missing::Nil => value,
            Missing::Empty => Some(value.unwrap_or_default()),
        }
    }

    /// What a key must read as to make a difference to the answer of an operation; `None`: nothing does.
    fn looks_for<'h>(&self, op: &'h Operation, answer: Option<&'h Answer>) -> Option<Option<&'h str>> {
        match (op, answer) {
            (Operation::Get { .. }, Some(Answer::Value(read))) => Some(self.reads_as(read.as_deref())),
            (Operation::CompareAndSwap { expected, .. }, _) => Some(self.reads_as(expected.as_deref())),
            (
                Operation::Get { .. }
                | Operation::Put { .. }
                | Operation::Append { .. }
                | Operation::Delete { .. }
                | Operation::GetRevision { .. }
                | Operation::Range { .. }
                | Operation::Transaction { .. }
                | Operation::Batch(_),
                _,
            ) => None,
        }
    }

    /// What an observation of the value `read` says about the state of its key.
    fn outlook_of_read(&self, state: &KeySpec, read: Option<&str>, between: &[Between<'_>]) -> Outlook<KvSpec> {
        let value = state.value().map(|value| &**value);
        let read = self.reads_as(read);
        if may_become(value, read, between) {
            return Outlook::Open;
        }
        if !self.is_written(read, between) {
            return Outlook::Hopeless;
        }
        // Something must overwrite the value first. Until then nobody may see it, or what it becomes by appending.
        let is_seen = |value: Option<&str>| {
            let mut targets = between.iter().filter_map(|(op, answer)| self.looks_for(op, *answer));
            targets.any(|target| may_become(value, target, between))
        };
        if value == Some(UNSEEN) || is_seen(value) || is_seen(Some(UNSEEN)) {
            return Outlook::Open;
        }
        let mut forgotten = state.clone();
        forgotten.invoke(&Operation::Put { key: "".into(), value: UNSEEN.into() });
        Outlook::Forget(KvSpec::Key(forgotten))
    }

    /// Whether some operation may write the value `read`, or what becomes of it by appending.
    fn is_written(&self, read: Option<&str>, between: &[Between<'_>]) -> bool {
        between.iter().any(|(op, _)| match op {
            Operation::Put { value, .. } => may_become(Some(value), read, between),
            Operation::CompareAndSwap { new, .. } => may_become(Some(new), read, between),
            Operation::Delete { .. } => may_become(self.reads_as(None), read, between),
            Operation::Get { .. }
            | Operation::Append { .. }
            | Operation::GetRevision { .. }
            | Operation::Range { .. }
            | Operation::Transaction { .. }
            | Operation::Batch(_) => false,
        })
    }

    /// What must hold of a state of several keys, and so says of this one.
    fn outlook_of_facts(&self, state: &StoreSpec, facts: &[Fact<'_>], between: &[Between<'_>]) -> Outlook<KvSpec> {
        let revision = state.revision().unwrap_or_default();
        let changes = || between.iter().filter(|(op, _)| !op.only_reads()).count() as u64;
        let is_within_reach = |fact: &Fact<'_>| match *fact {
            Fact::Reads { key, value: read } => {
                let (value, read) = (state.value(key), self.reads_as(read.map(|read| &**read)));
                value.as_deref() == read || self.may_read(key, value.as_deref(), read, between)
            }
            // Revisions pass, and do not come back.
            Fact::Modified { key, revision: wanted } => {
                state.modified(key) == wanted || (revision < wanted && wanted <= revision + changes())
            }
            Fact::Follows { revision: wanted } => revision <= wanted && wanted <= revision + changes(),
        };
        if facts.iter().all(is_within_reach) { Outlook::Open } else { Outlook::Hopeless }
    }

    /// Whether a key with this value, out of several, may come to read as another.
    fn may_read(&self, key: &Arc<str>, value: Option<&str>, read: Option<&str>, between: &[Between<'_>]) -> bool {
        let on_key = |op: &&Operation| op.single_key() == Some(key);
        let all = between.iter().flat_map(|(op, _)| op.parts().chain([*op]));
        let writers: Vec<Between<'_>> = all.filter(on_key).map(|op| (op, None)).collect();
        may_become(value, read, &writers) || self.is_written(read, &writers)
    }
}

/// Whether `value` is `target`, or may become so by appending. Looks at the next append only: it may say yes too often.
fn may_become(value: Option<&str>, target: Option<&str>, between: &[Between<'_>]) -> bool {
    let Some(target) = target else { return value.is_none() };
    let Some(rest) = target.strip_prefix(value.unwrap_or_default()) else { return false };
    let goes_on = |op: &Operation| matches!(op, Operation::Append { value, .. } if rest.starts_with(&**value));
    (rest.is_empty() && value.is_some()) || between.iter().any(|(op, _)| goes_on(op))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Appending what remains of a value to its beginning gives the value, which is ordered behind the beginning.
    #[test]
    fn a_remainder_is_what_an_append_would_add() {
        let values = [None, Some(""), Some("a"), Some("ab"), Some("b"), Some("ba")];
        for missing in [Missing::Nil, Missing::Empty] {
            let model = KeyValue { missing };
            for value in values {
                for beginning in values {
                    let expected = match model.remainder(&value, &beginning) {
                        Remainder::Nothing => beginning,
                        Remainder::Unlike => {
                            assert!(
                                value.is_none() || !value.unwrap_or_default().starts_with(beginning.unwrap_or("-"))
                            );
                            continue;
                        }
                        Remainder::More(rest) => {
                            let mut key = KeySpec::new(missing);
                            let key_name: Arc<str> = "k".into();
                            if let Some(beginning) = beginning {
                                key.invoke(&Operation::Put { key: Arc::clone(&key_name), value: beginning.into() });
                            }
                            let rest = rest.expect("what is appended is something").into();
                            key.invoke(&Operation::Append { key: key_name, value: rest });
                            assert!(value > beginning);
                            assert_eq!(key.value().map(|held| &**held), value);
                            continue;
                        }
                    };
                    assert_eq!(expected, value);
                }
            }
        }
    }

    fn operations() -> Vec<Operation> {
        let key: Arc<str> = "k".into();
        let mut operations = vec![Operation::Delete { key: Arc::clone(&key) }];
        for value in ["", "a", "b", "ab"] {
            operations.push(Operation::Put { key: Arc::clone(&key), value: value.into() });
            operations.push(Operation::Append { key: Arc::clone(&key), value: value.into() });
            for expected in [None, Some("a".into())] {
                operations.push(Operation::CompareAndSwap { key: Arc::clone(&key), expected, new: value.into() });
            }
        }
        operations
    }

    /// The state that two operations lead to must be within reach of the state before, if that counts, and of another.
    #[test]
    fn what_can_be_reached_is_never_called_hopeless() {
        let all = operations();
        let get = Operation::Get { key: "k".into() };
        for missing in [Missing::Nil, Missing::Empty] {
            let model = KeyValue { missing };
            for start in &all {
                for first in &all {
                    for second in &all {
                        let mut state = KvSpec::Key(KeySpec::new(missing));
                        state.invoke(start);
                        let after = |mut state: KvSpec| {
                            state.invoke(first);
                            state.invoke(second);
                            state.invoke(&get)
                        };
                        let answer = after(state.clone());
                        match model.outlook(&state, (&get, Some(&answer)), &[(second, None), (first, None)]) {
                            Outlook::Open => {}
                            Outlook::Hopeless => panic!("{start:?}, then {first:?} and {second:?}"),
                            Outlook::Forget(other) => assert_eq!(after(other), answer),
                        }
                    }
                }
            }
        }
    }

    fn read(text: &str) -> Answer {
        Answer::Value(Some(text.into()))
    }

    fn put(value: &str) -> Operation {
        Operation::Put { key: "k".into(), value: value.into() }
    }

    #[test]
    fn what_nothing_writes_is_hopeless() {
        let get = Operation::Get { key: "k".into() };
        let append = Operation::Append { key: "k".into(), value: "c".into() };
        let mut state = KvSpec::Key(KeySpec::new(Missing::Nil));
        state.invoke(&put("b"));
        let is_hopeless = |answer: Answer, between: &[Operation]| {
            let between: Vec<_> = between.iter().map(|op| (op, None)).collect();
            KeyValue::default().outlook(&state, (&get, Some(&answer)), &between) == Outlook::Hopeless
        };
        assert!(is_hopeless(read("a"), std::slice::from_ref(&append)));
        assert!(!is_hopeless(read("a"), &[append.clone(), put("a")]));
        assert!(!is_hopeless(read("bc"), std::slice::from_ref(&append)));
        assert!(is_hopeless(read("bd"), &[append.clone(), put("a")]));
        assert!(is_hopeless(Answer::Value(None), &[append, put("a")]));
    }

    #[test]
    fn what_nobody_sees_before_it_is_overwritten_is_forgotten() {
        let get = Operation::Get { key: "k".into() };
        let (answer, seen) = (read("a"), read("bc"));
        let append = Operation::Append { key: "k".into(), value: "c".into() };
        let write = put("a");
        let mut state = KvSpec::Key(KeySpec::new(Missing::Nil));
        state.invoke(&put("b"));
        let outlook = |between: &[(&Operation, Option<&Answer>)]| {
            KeyValue::default().outlook(&state, (&get, Some(&answer)), between)
        };
        assert!(matches!(outlook(&[(&write, None), (&append, None)]), Outlook::Forget(_)));
        assert_eq!(outlook(&[(&write, None), (&append, None), (&get, Some(&seen))]), Outlook::Open);
    }

    #[test]
    fn writes_that_nobody_reads_are_alike() {
        let get = Operation::Get { key: "k".into() };
        let swap = |expected: &str, new: &str| Operation::CompareAndSwap {
            key: "k".into(),
            expected: Some(expected.into()),
            new: new.into(),
        };
        let (answer, writes) = (read("ab"), [put("a"), put("b"), put("c"), put("x")]);
        let swaps = [swap("x", "p"), swap("x", "q"), swap("y", "r"), swap("x", "ab")];
        let mut calls: Vec<_> = writes.iter().chain(&swaps).map(|op| (op, None)).collect();
        calls.push((&get, Some(&answer)));
        // "a" may become "ab", "x" is expected; "b" and "c" are neither.
        assert_eq!(KeyValue::default().alike(&calls), [vec![4, 5], vec![1, 2]]);
    }
}
