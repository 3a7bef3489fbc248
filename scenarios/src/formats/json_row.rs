//! A row of our own formats for histories: an operation and its answer, there and back (see [`super::json`] and
//! [`super::json_lines`]).
//!
//! The operations within a batch or a transaction are rows too, without a client and times; their answers are a list of
//! their own. What it simplifies: serde sees one kind of row with all fields optional, and which belong together is
//! checked here and by whoever reads the row, with words for people.

use std::borrow::Cow;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize};
use whitewater_kv::command::{Compare, Condition, KeyValue, Revision};
use whitewater_kv::{Answer, Operation};

use super::texts::Texts;

/// A string as the file has it, or as it will.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Text<'t>(#[serde(borrow)] Cow<'t, str>);

impl<'t> Text<'t> {
    fn of(text: &'t str) -> Text<'t> {
        Text(Cow::Borrowed(text))
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Function {
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

/// What a row of [`super::json_lines`] tells of its operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Kind {
    Invoke,
    Ok,
    Fail,
    Info,
}

/// A row.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Row<'t> {
    #[serde(rename = "type", default, skip_serializing_if = "Option::is_none")]
    pub(super) kind: Option<Kind>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) process: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) client: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) op: Option<Function>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    key: Option<Text<'t>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    value: Option<Text<'t>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none", deserialize_with = "stated")]
    expected: Option<Option<Text<'t>>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    new: Option<Text<'t>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    from: Option<Text<'t>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    to: Option<Text<'t>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    limit: Option<u32>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    operations: Option<Vec<Row<'t>>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    compare: Option<Vec<Comparison<'t>>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    then: Option<Vec<Row<'t>>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    otherwise: Option<Vec<Row<'t>>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) invoked: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) returned: Option<u64>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none", deserialize_with = "stated")]
    read: Option<Option<Text<'t>>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    swapped: Option<bool>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    entries: Option<Vec<(Text<'t>, Text<'t>)>>,
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "stated")]
    revision: Option<Option<RevisionRow>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    answers: Option<Vec<Told<'t>>>,
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
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) time: Option<u64>,
}

/// A comparison of a transaction.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Comparison<'t> {
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    key: Option<Text<'t>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    value: Option<Text<'t>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    exists: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    revision: Option<u64>,
}

/// The answer to an operation within a batch or a transaction.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Told<'t> {
    #[serde(borrow, default, skip_serializing_if = "Option::is_none", deserialize_with = "stated")]
    read: Option<Option<Text<'t>>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    swapped: Option<bool>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    entries: Option<Vec<(Text<'t>, Text<'t>)>>,
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

/// Where a row is read.
pub(super) struct Context<'c> {
    pub(super) texts: &'c mut Texts,
    /// What is to be said of a row that names no key.
    pub(super) keyless: Keyless,
}

/// What becomes of an operation that names no key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Keyless {
    /// It is on the one key of a register.
    Register,
    /// It is refused.
    Refused,
}

impl Context<'_> {
    fn share(&mut self, text: Option<&Text<'_>>) -> Arc<str> {
        self.texts.share(text.map_or("", |text| &text.0))
    }

    fn key(&mut self, key: Option<&Text<'_>>) -> Result<Arc<str>, String> {
        if key.is_none() && self.keyless == Keyless::Refused {
            return Err("it has no `key`; add one".to_string());
        }
        Ok(self.share(key))
    }
}

impl Function {
    fn of(operation: &Operation) -> Function {
        match operation {
            Operation::Get { .. } => Function::Get,
            Operation::Put { .. } => Function::Put,
            Operation::Append { .. } => Function::Append,
            Operation::Delete { .. } => Function::Delete,
            Operation::CompareAndSwap { .. } => Function::Cas,
            Operation::GetRevision { .. } => Function::GetRevision,
            Operation::Range { .. } => Function::Range,
            Operation::Transaction { .. } => Function::Transaction,
            Operation::Batch(_) => Function::Batch,
        }
    }

    /// Whether it is about one key, which it names.
    fn has_key(self) -> bool {
        match self {
            Function::Get
            | Function::Put
            | Function::Append
            | Function::Delete
            | Function::Cas
            | Function::GetRevision => true,
            Function::Range | Function::Batch | Function::Transaction => false,
        }
    }
}

impl<'t> Row<'t> {
    /// The operation.
    pub(super) fn operation(&self, context: &mut Context<'_>) -> Result<Operation, String> {
        let op = self.op.ok_or("it has no `op`; add one, such as get")?;
        self.check_arguments(Some(op))?;
        let key = match (&self.key, op.has_key()) {
            (Some(_), false) => return Err("`key` belongs to operations on one key, and to nothing else".to_string()),
            (None, false) => Arc::default(),
            (key, true) => context.key(key.as_ref())?,
        };
        Ok(match op {
            Function::Get => Operation::Get { key },
            Function::Put => Operation::Put { key, value: context.share(self.value.as_ref()) },
            Function::Append => Operation::Append { key, value: context.share(self.value.as_ref()) },
            Function::Delete => Operation::Delete { key },
            Function::Cas => Operation::CompareAndSwap {
                key,
                expected: self.expected.iter().flatten().next().map(|expected| context.share(Some(expected))),
                new: context.share(self.new.as_ref()),
            },
            Function::GetRevision => Operation::GetRevision { key },
            Function::Range => Operation::Range {
                from: context.share(self.from.as_ref()),
                to: self.to.as_ref().map(|to| context.share(Some(to))),
                limit: self.limit.unwrap_or(u32::MAX),
            },
            Function::Batch => Operation::Batch(steps(self.operations.as_deref(), context)?),
            Function::Transaction => {
                let compare = self.compare.iter().flatten().map(|comparison| comparison.read(context));
                Operation::Transaction {
                    compare: compare.collect::<Result<_, _>>()?,
                    then: steps(self.then.as_deref(), context)?,
                    otherwise: steps(self.otherwise.as_deref(), context)?,
                }
            }
        })
    }

    /// Refuses arguments of other operations than this one; `None`: of any.
    pub(super) fn check_arguments(&self, op: Option<Function>) -> Result<(), String> {
        let is = |function| op == Some(function);
        belongs(self.value.is_some(), is(Function::Put) || is(Function::Append), "`value` belongs to put and append")?;
        let swap = "`expected` and `new` belong to cas";
        belongs(self.expected.is_some(), is(Function::Cas), swap)?;
        belongs(self.new.is_some(), is(Function::Cas), swap)?;
        let is_range = is(Function::Range);
        belongs(self.from.is_some(), is_range, "`from` belongs to range")?;
        belongs((self.to.is_some() || self.limit.is_some()) && !is_range, false, "`to` and `limit` belong to range")?;
        belongs(self.operations.is_some(), is(Function::Batch), "`operations` belongs to batch")?;
        let branches = self.compare.is_some() || self.then.is_some() || self.otherwise.is_some();
        let transaction = "`compare`, `then` and `otherwise` belong to transaction";
        belongs(branches && !is(Function::Transaction), false, transaction)?;
        let key = "`key` belongs to an operation that is invoked";
        belongs(self.key.is_some() && op.is_none(), false, key)
    }

    /// The operation within a batch or a transaction.
    fn step(&self, context: &mut Context<'_>) -> Result<Operation, String> {
        if self.op.is_some_and(|op| matches!(op, Function::Batch | Function::Transaction)) {
            return Err("a batch or a transaction inside another; put its operations there instead".to_string());
        }
        let times = [self.invoked, self.returned, self.failed, self.unknown, self.invoked_ns, self.ended_ns, self.time];
        let has_client = self.client.is_some() || self.process.is_some() || self.kind.is_some();
        if has_client || times.iter().any(Option::is_some) || self.has_answer() {
            let message = "an operation within another has no client, no times and no answer of its own; \
                           answers are in the list `answers`";
            return Err(message.to_string());
        }
        self.operation(context)
    }

    fn has_answer(&self) -> bool {
        let Row { read, swapped, entries, revision, answers, succeeded, .. } = self;
        let told = [read.is_some(), swapped.is_some(), entries.is_some(), revision.is_some()];
        told.contains(&true) || answers.is_some() || succeeded.is_some()
    }

    /// Refuses an answer, because the operation did not return.
    pub(super) fn check_no_answer(&self) -> Result<(), String> {
        belongs(self.answers.is_some(), false, ANSWERS)?;
        belongs(self.succeeded.is_some(), false, SUCCEEDED)?;
        self.told().check(None)
    }

    fn told(&self) -> Told<'t> {
        let Row { read, swapped, entries, revision, .. } = self;
        Told { read: read.clone(), swapped: *swapped, entries: entries.clone(), revision: *revision }
    }

    /// The answer to this operation, which returned.
    pub(super) fn answer(&self, operation: &Operation, context: &mut Context<'_>) -> Result<Answer, String> {
        let has_answers = matches!(operation, Operation::Transaction { .. } | Operation::Batch(_));
        belongs(self.answers.is_some(), has_answers, ANSWERS)?;
        belongs(self.succeeded.is_some(), matches!(operation, Operation::Transaction { .. }), SUCCEEDED)?;
        if has_answers {
            self.told().check(None)?;
        }
        let mut list = |done: &[Operation]| -> Result<Arc<[Answer]>, String> {
            let told = self.answers.as_deref().unwrap_or_default();
            if done.len() != told.len() {
                let (done, told) = (done.len(), told.len());
                return Err(format!("{done} operations were done, but `answers` has {told}; give each one its answer"));
            }
            done.iter().zip(told).map(|(step, told)| told.answer(Function::of(step), context)).collect()
        };
        match operation {
            Operation::Batch(steps) => Ok(Answer::Batch(list(steps)?)),
            Operation::Transaction { then, otherwise, .. } => {
                let succeeded = self.succeeded == Some(true);
                let answers = list(if succeeded { then } else { otherwise })?;
                Ok(Answer::Transaction { succeeded, answers })
            }
            Operation::Get { .. }
            | Operation::Put { .. }
            | Operation::Append { .. }
            | Operation::Delete { .. }
            | Operation::CompareAndSwap { .. }
            | Operation::GetRevision { .. }
            | Operation::Range { .. } => self.told().answer(Function::of(operation), context),
        }
    }

    /// The row of an operation.
    pub(super) fn of(operation: &'t Operation) -> Row<'t> {
        let mut row = Row { op: Some(Function::of(operation)), ..Row::default() };
        let rows = |operations: &'t [Operation]| Some(operations.iter().map(Row::of).collect());
        match operation {
            Operation::Get { key } | Operation::Delete { key } | Operation::GetRevision { key } => {
                row.key = Some(Text::of(key));
            }
            Operation::Put { key, value } | Operation::Append { key, value } => {
                row.key = Some(Text::of(key));
                row.value = Some(Text::of(value));
            }
            Operation::CompareAndSwap { key, expected, new } => {
                row.key = Some(Text::of(key));
                row.expected = Some(expected.as_deref().map(Text::of));
                row.new = Some(Text::of(new));
            }
            Operation::Range { from, to, limit } => {
                row.from = Some(Text::of(from));
                row.to = to.as_deref().map(Text::of);
                row.limit = (*limit < u32::MAX).then_some(*limit);
            }
            Operation::Batch(steps) => row.operations = rows(steps),
            Operation::Transaction { compare, then, otherwise } => {
                row.compare = Some(compare.iter().map(Comparison::of).collect());
                (row.then, row.otherwise) = (rows(then), rows(otherwise));
            }
        }
        row
    }

    /// Adds the answer.
    pub(super) fn tell(&mut self, answer: &'t Answer) {
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

const ANSWERS: &str = "`answers` belongs to a batch or a transaction that returned";
const SUCCEEDED: &str = "`succeeded` belongs to a transaction that returned";

fn steps(rows: Option<&[Row<'_>]>, context: &mut Context<'_>) -> Result<Vec<Operation>, String> {
    rows.unwrap_or_default().iter().map(|row| row.step(context)).collect()
}

impl<'t> Comparison<'t> {
    fn read(&self, context: &mut Context<'_>) -> Result<Compare, String> {
        let condition = match (&self.value, self.exists, self.revision) {
            (Some(value), None, None) => Condition::Value(context.share(Some(value))),
            (None, Some(true), None) => Condition::Present,
            (None, Some(false), None) => Condition::Missing,
            (None, None, Some(revision)) => Condition::Revision(revision),
            _ => return Err("a comparison has one of `value`, `exists` and `revision`; keep one".to_string()),
        };
        Ok(Compare { key: context.key(self.key.as_ref())?, condition })
    }

    fn of(compare: &'t Compare) -> Comparison<'t> {
        let mut row = Comparison { key: Some(Text::of(&compare.key)), value: None, exists: None, revision: None };
        match &compare.condition {
            Condition::Value(value) => row.value = Some(Text::of(value)),
            Condition::Present => row.exists = Some(true),
            Condition::Missing => row.exists = Some(false),
            Condition::Revision(revision) => row.revision = Some(*revision),
        }
        row
    }
}

impl<'t> Told<'t> {
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
    fn answer(&self, op: Function, context: &mut Context<'_>) -> Result<Answer, String> {
        self.check(Some(op))?;
        Ok(match self {
            Told { read: Some(read), .. } => Answer::Value(read.as_ref().map(|read| context.share(Some(read)))),
            Told { swapped: Some(swapped), .. } => Answer::Swapped(*swapped),
            Told { entries: Some(entries), .. } => {
                let mut entry = |(key, value): &(Text<'_>, Text<'_>)| KeyValue {
                    key: context.share(Some(key)),
                    value: context.share(Some(value)),
                };
                Answer::Entries(entries.iter().map(&mut entry).collect())
            }
            Told { revision: Some(found), .. } => {
                let revision = |RevisionRow { created, modified, version }| Revision { created, modified, version };
                Answer::Revision(found.map(revision))
            }
            Told { read: None, swapped: None, entries: None, revision: None } => Answer::Done,
        })
    }

    fn of(answer: &'t Answer) -> Told<'t> {
        let mut told = Told::default();
        match answer {
            Answer::Value(read) => told.read = Some(read.as_deref().map(Text::of)),
            Answer::Done => {}
            Answer::Swapped(swapped) => told.swapped = Some(*swapped),
            Answer::Revision(revision) => {
                let row = |Revision { created, modified, version }| RevisionRow { created, modified, version };
                told.revision = Some(revision.map(row));
            }
            Answer::Entries(entries) => {
                let pair = |entry: &'t KeyValue| (Text::of(&entry.key), Text::of(&entry.value));
                told.entries = Some(entries.iter().map(pair).collect());
            }
            Answer::Transaction { .. } | Answer::Batch(_) => {
                unreachable!("no operation within an operation is made up of others")
            }
        }
        told
    }
}
