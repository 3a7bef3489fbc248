//! What a node keeps: the log, and the state that its beginning led to (7, 8).

use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};
use whitewater_scenarios::lab::{Answer, Operation};

/// What goes into the log: a request, or nothing, with which a leader begins its term (end of 8).
pub(crate) type Command = Option<(String, u64, Operation)>;

/// An entry of the log: its term, and what it carries.
pub(crate) type Entry = (u64, Command);

/// The state that a beginning of the log led to (7).
#[derive(Clone, Default, Serialize, Deserialize)]
pub(crate) struct Snapshot {
    pub(crate) index: u64,
    pub(crate) term: u64,
    pub(crate) store: Store,
}

/// Values by key, and for each client its last request with the answer, so that what it asks twice happens once (8).
#[derive(Clone, Default, Serialize, Deserialize)]
pub(crate) struct Store {
    pub(crate) values: BTreeMap<String, String>,
    pub(crate) sessions: BTreeMap<String, (u64, Answer)>,
}

impl Store {
    /// Applies a request, and returns the answer to it; none to one that is older than the client's last.
    pub(crate) fn apply(&mut self, client: &str, msg_id: u64, operation: &Operation) -> Option<Answer> {
        match self.sessions.get(client) {
            Some((last, answer)) if msg_id <= *last => (msg_id == *last).then(|| answer.clone()),
            Some(_) | None => {
                let answer = self.perform(msg_id, operation);
                self.sessions.insert(client.to_owned(), (msg_id, answer.clone()));
                Some(answer)
            }
        }
    }

    fn perform(&mut self, in_reply_to: u64, operation: &Operation) -> Answer {
        match operation {
            Operation::Read { key } => Answer::ReadOk { in_reply_to, value: self.values.get(&**key).cloned() },
            Operation::Write { key, value } => {
                self.values.insert((**key).to_owned(), (**value).to_owned());
                Answer::WriteOk { in_reply_to }
            }
            Operation::Append { key, value } => {
                self.values.entry((**key).to_owned()).or_default().push_str(value);
                Answer::AppendOk { in_reply_to }
            }
            Operation::Delete { key } => {
                self.values.remove(&**key);
                Answer::DeleteOk { in_reply_to }
            }
            Operation::Cas { key, from, to, create_if_not_exists } => {
                let refusal = match self.values.get(&**key) {
                    None => (!create_if_not_exists).then_some(20),
                    Some(value) => (Some(&**value) != from.as_deref()).then_some(22),
                };
                if let Some(code) = refusal {
                    return Answer::Error { in_reply_to, code, leader: None };
                }
                self.values.insert((**key).to_owned(), (**to).to_owned());
                Answer::CasOk { in_reply_to }
            }
        }
    }
}

/// The log behind a snapshot. Indexes begin with 1.
pub(crate) struct Log {
    pub(crate) base: u64,
    pub(crate) base_term: u64,
    pub(crate) entries: VecDeque<Entry>,
}

impl Log {
    pub(crate) fn last(&self) -> u64 {
        self.base + self.entries.len() as u64
    }

    pub(crate) fn last_term(&self) -> u64 {
        self.term(self.last())
    }

    pub(crate) fn place(&self, index: u64) -> usize {
        usize::try_from(index - self.base - 1).expect("a log fits into memory")
    }

    pub(crate) fn get(&self, index: u64) -> &Entry {
        &self.entries[self.place(index)]
    }

    pub(crate) fn term(&self, index: u64) -> u64 {
        if index == self.base { self.base_term } else { self.get(index).0 }
    }

    pub(crate) fn from(&self, first: u64, count_max: u32) -> Vec<Entry> {
        self.entries.iter().skip(self.place(first)).take(count_max as usize).cloned().collect()
    }
}
