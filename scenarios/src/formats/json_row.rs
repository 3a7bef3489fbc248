//! A row of our own format for histories: an operation and its answer, there and back (see [`super::json`]).
//!
//! The operations within a batch or a transaction are rows too, without a client and times; their answers are a list of
//! their own. What it simplifies: serde sees one kind of row with all fields optional, and which belong together is
//! checked here, with words for people.

use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize};
use whitewater_kv::command::{Compare, Condition, KeyValue, Revision};
use whitewater_kv::{Answer, Operation};

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Function {
    #[default]
    Get,
    Put,
    Append,
    Delete,
    Cas,
    GetRevision,
    Range,
    Batch,
    Transaction,
}

/// A row.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Row {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) client: Option<u64>,
    op: Function,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    key: Option<Arc<str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    value: Option<Arc<str>>,
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "stated")]
    expected: Option<Option<Arc<str>>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    new: Option<Arc<str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    from: Option<Arc<str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    to: Option<Arc<str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    limit: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    operations: Option<Vec<Row>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    compare: Option<Vec<Comparison>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    then: Option<Vec<Row>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    otherwise: Option<Vec<Row>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) invoked: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) returned: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "stated")]
    read: Option<Option<Arc<str>>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    swapped: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    entries: Option<Vec<(Arc<str>, Arc<str>)>>,
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "stated")]
    revision: Option<Option<RevisionRow>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    answers: Option<Vec<Told>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    succeeded: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) failed: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) unknown: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) invoked_ns: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) ended_ns: Option<u64>,
}

/// A comparison of a transaction.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Comparison {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    key: Option<Arc<str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    value: Option<Arc<str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    exists: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    revision: Option<u64>,
}

/// The answer to an operation within a batch or a transaction.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Told {
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "stated")]
    read: Option<Option<Arc<str>>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    swapped: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    entries: Option<Vec<(Arc<str>, Arc<str>)>>,
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "stated")]
    revision: Option<Option<RevisionRow>>,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RevisionRow {
    created: u64,
    modified: u64,
    version: u64,
}

/// Tells null from absent.
fn stated<'de, T: Deserialize<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<T>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

/// Refuses fields that are there and do not belong, or do not and do.
fn belongs(is_there: bool, belongs: bool, words: &str) -> Result<(), String> {
    if is_there == belongs { Ok(()) } else { Err(format!("{words}, and to nothing else")) }
}

impl Row {
    /// The operation; of a register a key need not be named.
    pub(super) fn operation(&self, is_register: bool) -> Result<Operation, String> {
        let op = self.op;
        let writes = matches!(op, Function::Put | Function::Append);
        let (is_swap, is_range) = (op == Function::Cas, op == Function::Range);
        belongs(self.value.is_some(), writes, "`value` belongs to put and append")?;
        let swap = "`expected` and `new` belong to cas";
        belongs(self.expected.is_some(), is_swap, swap)?;
        belongs(self.new.is_some(), is_swap, swap)?;
        belongs(self.from.is_some(), is_range, "`from` belongs to range")?;
        belongs((self.to.is_some() || self.limit.is_some()) && !is_range, false, "`to` and `limit` belong to range")?;
        belongs(self.operations.is_some(), op == Function::Batch, "`operations` belongs to batch")?;
        let branches = self.compare.is_some() || self.then.is_some() || self.otherwise.is_some();
        let transaction = "`compare`, `then` and `otherwise` belong to transaction";
        belongs(branches && op != Function::Transaction, false, transaction)?;
        let value = || self.value.clone().unwrap_or_default();
        let steps = |rows: &Option<Vec<Row>>| -> Result<Vec<Operation>, String> {
            rows.iter().flatten().map(|row| row.step(is_register)).collect()
        };
        let key = match (&self.key, op) {
            (Some(_), Function::Range | Function::Batch | Function::Transaction) => {
                return Err("`key` belongs to operations on one key, and to nothing else".to_string());
            }
            (Some(key), _) => Arc::clone(key),
            (None, Function::Range | Function::Batch | Function::Transaction) => Arc::default(),
            (None, _) => key_of_register(is_register)?,
        };
        Ok(match op {
            Function::Get => Operation::Get { key },
            Function::Put => Operation::Put { key, value: value() },
            Function::Append => Operation::Append { key, value: value() },
            Function::Delete => Operation::Delete { key },
            Function::Cas => Operation::CompareAndSwap {
                key,
                expected: self.expected.clone().flatten(),
                new: self.new.clone().unwrap_or_default(),
            },
            Function::GetRevision => Operation::GetRevision { key },
            Function::Range => Operation::Range {
                from: self.from.clone().unwrap_or_default(),
                to: self.to.clone(),
                limit: self.limit.unwrap_or(u32::MAX),
            },
            Function::Batch => Operation::Batch(steps(&self.operations)?),
            Function::Transaction => {
                let compare = self.compare.iter().flatten().map(|comparison| comparison.read(is_register));
                Operation::Transaction {
                    compare: compare.collect::<Result<_, _>>()?,
                    then: steps(&self.then)?,
                    otherwise: steps(&self.otherwise)?,
                }
            }
        })
    }

    /// The operation within a batch or a transaction.
    fn step(&self, is_register: bool) -> Result<Operation, String> {
        if matches!(self.op, Function::Batch | Function::Transaction) {
            return Err("a batch or a transaction inside another; put its operations there instead".to_string());
        }
        let times = [self.invoked, self.returned, self.failed, self.unknown, self.invoked_ns, self.ended_ns];
        let has_answer = self.told().count() + usize::from(self.answers.is_some() || self.succeeded.is_some()) > 0;
        if self.client.is_some() || times.iter().any(Option::is_some) || has_answer {
            let message = "an operation within another has no client, no times and no answer of its own; \
                           answers are in the list `answers`";
            return Err(message.to_string());
        }
        self.operation(is_register)
    }

    fn told(&self) -> Told {
        let Row { read, swapped, entries, revision, .. } = self;
        Told { read: read.clone(), swapped: *swapped, entries: entries.clone(), revision: *revision }
    }

    /// The answer; `None` if the operation did not return.
    pub(super) fn answer(&self) -> Result<Option<Answer>, String> {
        let has_returned = self.returned.is_some();
        let is_transaction = has_returned && self.op == Function::Transaction;
        let has_answers = is_transaction || (has_returned && self.op == Function::Batch);
        let answers = "`answers` belongs to a batch or a transaction that returned";
        belongs(self.answers.is_some(), has_answers, answers)?;
        belongs(self.succeeded.is_some(), is_transaction, "`succeeded` belongs to a transaction that returned")?;
        let told = self.told();
        if !has_returned || has_answers {
            told.check(None)?;
        }
        if !has_returned {
            return Ok(None);
        }
        let list = |rows: &Option<Vec<Row>>| -> Result<Arc<[Answer]>, String> {
            let (rows, told) = (rows.as_deref().unwrap_or_default(), self.answers.as_deref().unwrap_or_default());
            if rows.len() != told.len() {
                let (done, told) = (rows.len(), told.len());
                return Err(format!("{done} operations were done, but `answers` has {told}; give each one its answer"));
            }
            rows.iter().zip(told).map(|(row, told)| told.answer(row.op)).collect()
        };
        Ok(Some(match (self.op, self.succeeded) {
            (Function::Batch, _) => Answer::Batch(list(&self.operations)?),
            (Function::Transaction, Some(succeeded)) => {
                let answers = list(if succeeded { &self.then } else { &self.otherwise })?;
                Answer::Transaction { succeeded, answers }
            }
            (op, _) => told.answer(op)?,
        }))
    }

    /// The row of an operation.
    pub(super) fn of(operation: &Operation) -> Row {
        let rows = |operations: &[Operation]| Some(operations.iter().map(Row::of).collect());
        let (op, key) = match operation {
            Operation::Get { key } => (Function::Get, key),
            Operation::Put { key, .. } => (Function::Put, key),
            Operation::Append { key, .. } => (Function::Append, key),
            Operation::Delete { key } => (Function::Delete, key),
            Operation::CompareAndSwap { key, .. } => (Function::Cas, key),
            Operation::GetRevision { key } => (Function::GetRevision, key),
            Operation::Range { from, to, limit } => {
                let limit = (*limit < u32::MAX).then_some(*limit);
                let from = Some(Arc::clone(from));
                return Row { op: Function::Range, from, to: to.clone(), limit, ..Row::default() };
            }
            Operation::Batch(steps) => {
                return Row { op: Function::Batch, operations: rows(steps), ..Row::default() };
            }
            Operation::Transaction { compare, then, otherwise } => {
                let (then, otherwise) = (rows(then), rows(otherwise));
                let compare = Some(compare.iter().map(Comparison::of).collect());
                return Row { op: Function::Transaction, compare, then, otherwise, ..Row::default() };
            }
        };
        let mut row = Row { op, key: Some(Arc::clone(key)), ..Row::default() };
        match operation {
            Operation::Put { value, .. } | Operation::Append { value, .. } => row.value = Some(Arc::clone(value)),
            Operation::CompareAndSwap { expected, new, .. } => {
                row.expected = Some(expected.clone());
                row.new = Some(Arc::clone(new));
            }
            Operation::Get { .. }
            | Operation::Delete { .. }
            | Operation::GetRevision { .. }
            | Operation::Range { .. }
            | Operation::Transaction { .. }
            | Operation::Batch(_) => {}
        }
        row
    }

    /// Adds the answer.
    pub(super) fn tell(&mut self, answer: &Answer) {
        match answer {
            Answer::Transaction { succeeded, answers } => {
                self.succeeded = Some(*succeeded);
                self.answers = Some(answers.iter().map(Told::of).collect());
            }
            Answer::Batch(answers) => self.answers = Some(answers.iter().map(Told::of).collect()),
            Answer::Value(_) | Answer::Done | Answer::Swapped(_) | Answer::Revision(_) | Answer::Entries(_) => {
                let Told { read, swapped, entries, revision } = Told::of(answer);
                (self.read, self.swapped, self.entries, self.revision) = (read, swapped, entries, revision);
            }
        }
    }
}

fn key_of_register(is_register: bool) -> Result<Arc<str>, String> {
    if is_register { Ok(Arc::default()) } else { Err("it has no `key`; add one".to_string()) }
}

impl Comparison {
    fn read(&self, is_register: bool) -> Result<Compare, String> {
        let condition = match (&self.value, self.exists, self.revision) {
            (Some(value), None, None) => Condition::Value(Arc::clone(value)),
            (None, Some(true), None) => Condition::Present,
            (None, Some(false), None) => Condition::Missing,
            (None, None, Some(revision)) => Condition::Revision(revision),
            _ => return Err("a comparison has one of `value`, `exists` and `revision`; keep one".to_string()),
        };
        let key = self.key.clone().map_or_else(|| key_of_register(is_register), Ok)?;
        Ok(Compare { key, condition })
    }

    fn of(compare: &Compare) -> Comparison {
        let mut row = Comparison { key: Some(Arc::clone(&compare.key)), value: None, exists: None, revision: None };
        match &compare.condition {
            Condition::Value(value) => row.value = Some(Arc::clone(value)),
            Condition::Present => row.exists = Some(true),
            Condition::Missing => row.exists = Some(false),
            Condition::Revision(revision) => row.revision = Some(*revision),
        }
        row
    }
}

impl Told {
    fn count(&self) -> usize {
        let Told { read, swapped, entries, revision } = self;
        [read.is_some(), swapped.is_some(), entries.is_some(), revision.is_some()].iter().filter(|is| **is).count()
    }

    /// Refuses answers of another kind than that of this operation; `None`: of any kind.
    fn check(&self, op: Option<Function>) -> Result<(), String> {
        let is = |function| op == Some(function);
        belongs(self.read.is_some(), is(Function::Get), "`read` belongs to a get that returned")?;
        belongs(self.swapped.is_some(), is(Function::Cas), "`swapped` belongs to a cas that returned")?;
        belongs(self.entries.is_some(), is(Function::Range), "`entries` belongs to a range that returned")?;
        let revision = "`revision` belongs to a get-revision that returned";
        belongs(self.revision.is_some(), is(Function::GetRevision), revision)
    }

    /// The answer to an operation that is not made up of others.
    fn answer(&self, op: Function) -> Result<Answer, String> {
        self.check(Some(op))?;
        Ok(match self {
            Told { read: Some(read), .. } => Answer::Value(read.clone()),
            Told { swapped: Some(swapped), .. } => Answer::Swapped(*swapped),
            Told { entries: Some(entries), .. } => {
                let entry = |(key, value): &(Arc<str>, Arc<str>)| KeyValue { key: key.clone(), value: value.clone() };
                Answer::Entries(entries.iter().map(entry).collect())
            }
            Told { revision: Some(found), .. } => {
                let revision = |RevisionRow { created, modified, version }| Revision { created, modified, version };
                Answer::Revision(found.map(revision))
            }
            Told { read: None, swapped: None, entries: None, revision: None } => Answer::Done,
        })
    }

    fn of(answer: &Answer) -> Told {
        let mut told = Told::default();
        match answer {
            Answer::Value(read) => told.read = Some(read.clone()),
            Answer::Done => {}
            Answer::Swapped(swapped) => told.swapped = Some(*swapped),
            Answer::Revision(revision) => {
                let row = |Revision { created, modified, version }| RevisionRow { created, modified, version };
                told.revision = Some(revision.map(row));
            }
            Answer::Entries(entries) => {
                let pair = |entry: &KeyValue| (Arc::clone(&entry.key), Arc::clone(&entry.value));
                told.entries = Some(entries.iter().map(pair).collect());
            }
            Answer::Transaction { .. } | Answer::Batch(_) => {
                unreachable!("no operation within an operation is made up of others")
            }
        }
        told
    }
}
