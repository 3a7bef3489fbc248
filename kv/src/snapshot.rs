//! The state of the machine as bytes: what a snapshot of the log carries (paper 7, dissertation 5).
//!
//! Equal states give equal bytes. All numbers are little-endian, of 8 bytes unless something else is said; a *text* is
//! its length in bytes (4 bytes) and then as much UTF-8.
//!
//! | part | bytes |
//! |---|---|
//! | magic | `wwkv` |
//! | version | 1 (4 bytes) |
//! | limits | idle entries, sessions, kept bytes |
//! | values | revision of the store; how many keys; for each, in order: texts key and value; revisions created, modified, version |
//! | sessions | how many; for each, in order: number, last use, oldest unanswered, how many answers; for each, in order: sequence number, answer |
//! | checksum | XXH3 of everything before |
//!
//! | answer | first byte | then |
//! |---|---|---|
//! | value; missing | 1; 2 | text; nothing |
//! | done | 3 | |
//! | not swapped; swapped | 4; 5 | |
//! | revision; missing | 6; 7 | created, modified, version; nothing |
//! | entries | 8 | how many (4); texts key and value of each |
//! | transaction: otherwise; then | 9; 10 | how many answers (4); each, of the kinds above |
//! | batch | 11 | how many answers (4); each, of the kinds above |
//!
//! Reading believes nothing: bytes that no machine wrote are an error, and lengths do not make it allocate. What it
//! simplifies: the whole state at once, in memory.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use xxhash_rust::xxh3::xxh3_64;

use crate::bugs::{self, Bug};
use crate::command::{Answer, KeyValue, Revision};
use crate::machine::Machine;
use crate::reader::{ReadError, Reader, put_text};
use crate::session::{Kept, Limits, Session, Sessions};
use crate::values::Values;

const MAGIC: u32 = u32::from_le_bytes(*b"wwkv");
const VERSION: u32 = 1;
const CHECKSUM_BYTES: usize = 8;

const VALUE: u8 = 1;
const VALUE_MISSING: u8 = 2;
const DONE: u8 = 3;
const NOT_SWAPPED: u8 = 4;
const SWAPPED: u8 = 5;
const REVISION: u8 = 6;
const REVISION_MISSING: u8 = 7;
const ENTRIES: u8 = 8;
const TRANSACTION_OTHERWISE: u8 = 9;
const TRANSACTION_THEN: u8 = 10;
const BATCH: u8 = 11;

/// Why bytes are not the state of a machine. A server that meets one must not go on without the state: take the snapshot
/// from another server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SnapshotError {
    /// They do not begin as a snapshot does.
    #[error("this is no snapshot of the store: it does not begin with `wwkv`")]
    NotASnapshot,
    /// They are of another version of this format.
    #[error("the snapshot has version {0} of the format, but this build reads {VERSION}: use the build that wrote it")]
    Version(u32),
    /// They changed since they were written.
    #[error("the snapshot is damaged: its checksum does not fit; take another server's")]
    Checksum,
    /// They end in the middle.
    #[error("the snapshot ends in the middle; take another server's")]
    Truncated,
    /// No machine writes what they say.
    #[error("the snapshot is damaged: {0}; take another server's")]
    Impossible(&'static str),
}

impl Machine {
    /// The whole state as bytes.
    #[must_use]
    pub fn snapshot(&self) -> Bytes {
        let mut bytes = Vec::with_capacity(1 << 10);
        bytes.extend_from_slice(&MAGIC.to_le_bytes());
        bytes.extend_from_slice(&VERSION.to_le_bytes());
        let Limits { idle_entries, sessions, kept_bytes } = self.sessions.limits();
        put_numbers(&mut bytes, &[idle_entries, sessions, kept_bytes]);
        put_numbers(&mut bytes, &[self.values.revision(), self.values.len() as u64]);
        for (key, value, revision) in self.values.iter() {
            put_text(&mut bytes, key);
            put_text(&mut bytes, value);
            put_revision(&mut bytes, revision);
        }
        let none = Sessions::new(self.sessions.limits());
        let sessions = if bugs::is_on(Bug::SessionsNotInSnapshot) { &none } else { &self.sessions };
        put_numbers(&mut bytes, &[sessions.len() as u64]);
        for (id, Session { used, oldest_unanswered, answers }) in sessions.iter() {
            put_numbers(&mut bytes, &[id, *used, *oldest_unanswered, answers.len() as u64]);
            for (sequence, kept) in answers {
                put_numbers(&mut bytes, &[*sequence]);
                put_answer(&mut bytes, &kept.answer);
            }
        }
        let checksum = xxh3_64(&bytes);
        put_numbers(&mut bytes, &[checksum]);
        bytes.into()
    }

    /// The machine whose state these bytes are.
    ///
    /// # Errors
    /// If they are not what [`Machine::snapshot`] gives.
    pub fn restore(bytes: &[u8]) -> Result<Machine, SnapshotError> {
        let (content, checksum) = bytes.split_last_chunk::<CHECKSUM_BYTES>().ok_or(SnapshotError::NotASnapshot)?;
        let mut reader = Reader::new(content);
        if reader.u32() != Ok(MAGIC) {
            return Err(SnapshotError::NotASnapshot);
        }
        let version = reader.u32()?;
        if version != VERSION {
            return Err(SnapshotError::Version(version));
        }
        if xxh3_64(content) != u64::from_le_bytes(*checksum) {
            return Err(SnapshotError::Checksum);
        }
        let limits = Limits { idle_entries: reader.u64()?, sessions: reader.u64()?, kept_bytes: reader.u64()? };
        let values = read_values(&mut reader)?;
        let sessions = read_sessions(limits, &mut reader)?;
        match reader.len() {
            0 => Ok(Machine { values, sessions }),
            _ => Err(SnapshotError::Impossible("something follows behind its end")),
        }
    }
}

impl From<ReadError> for SnapshotError {
    fn from(error: ReadError) -> SnapshotError {
        match error {
            ReadError::Truncated => SnapshotError::Truncated,
            ReadError::NotUtf8 => SnapshotError::Impossible("a string is not UTF-8"),
        }
    }
}

fn put_numbers(bytes: &mut Vec<u8>, numbers: &[u64]) {
    numbers.iter().for_each(|number| bytes.extend_from_slice(&number.to_le_bytes()));
}

fn put_revision(bytes: &mut Vec<u8>, Revision { created, modified, version }: Revision) {
    put_numbers(bytes, &[created, modified, version]);
}

fn put_count(bytes: &mut Vec<u8>, count: usize) {
    let count = u32::try_from(count).expect("an answer has fewer than 2^32 parts");
    bytes.extend_from_slice(&count.to_le_bytes());
}

/// The bytes of one answer.
pub(crate) fn encode_answer(answer: &Answer) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(32);
    put_answer(&mut bytes, answer);
    bytes
}

/// Reads back what [`encode_answer`] wrote.
pub(crate) fn decode_answer(bytes: &[u8]) -> Result<Answer, SnapshotError> {
    let mut reader = Reader::new(bytes);
    let tag = reader.u8()?;
    let answer = read_answer(tag, &mut reader)?;
    match reader.len() {
        0 => Ok(answer),
        _ => Err(SnapshotError::Impossible("something follows behind an answer")),
    }
}

fn put_answer(bytes: &mut Vec<u8>, answer: &Answer) {
    let (tag, answers) = match answer {
        Answer::Value(Some(value)) => {
            bytes.push(VALUE);
            return put_text(bytes, value);
        }
        Answer::Value(None) => return bytes.push(VALUE_MISSING),
        Answer::Done => return bytes.push(DONE),
        Answer::Swapped(false) => return bytes.push(NOT_SWAPPED),
        Answer::Swapped(true) => return bytes.push(SWAPPED),
        Answer::Revision(Some(revision)) => {
            bytes.push(REVISION);
            return put_revision(bytes, *revision);
        }
        Answer::Revision(None) => return bytes.push(REVISION_MISSING),
        Answer::Entries(entries) => {
            bytes.push(ENTRIES);
            put_count(bytes, entries.len());
            for KeyValue { key, value } in entries.iter() {
                put_text(bytes, key);
                put_text(bytes, value);
            }
            return;
        }
        Answer::Transaction { succeeded: false, answers } => (TRANSACTION_OTHERWISE, answers),
        Answer::Transaction { succeeded: true, answers } => (TRANSACTION_THEN, answers),
        Answer::Batch(answers) => (BATCH, answers),
    };
    bytes.push(tag);
    put_count(bytes, answers.len());
    answers.iter().for_each(|answer| put_answer(bytes, answer));
}

fn read_values(reader: &mut Reader<'_>) -> Result<Values, SnapshotError> {
    let (revision, count) = (reader.u64()?, reader.u64()?);
    let mut values: Vec<(Arc<str>, String, Revision)> = Vec::new();
    for _ in 0..count {
        let (key, value) = (reader.text()?, reader.text()?);
        if values.last().is_some_and(|(last, ..)| **last >= *key) {
            return Err(SnapshotError::Impossible("its keys are not in order"));
        }
        let of_key = read_revision(reader)?;
        let is_possible = (1..=of_key.modified).contains(&of_key.created) && of_key.modified <= revision;
        if !is_possible || of_key.version == 0 {
            return Err(SnapshotError::Impossible("a key has a revision that it cannot have"));
        }
        values.push((key.into(), value.to_owned(), of_key));
    }
    Ok(Values::restored(revision, values.into_iter()))
}

fn read_sessions(limits: Limits, reader: &mut Reader<'_>) -> Result<Sessions, SnapshotError> {
    let count = reader.u64()?;
    let mut sessions: BTreeMap<u64, Session> = BTreeMap::new();
    for _ in 0..count {
        let (id, used, oldest_unanswered) = (reader.u64()?, reader.u64()?, reader.u64()?);
        if sessions.last_key_value().is_some_and(|(last, _)| *last >= id) {
            return Err(SnapshotError::Impossible("its sessions are not in order"));
        }
        if used < id || oldest_unanswered == 0 {
            return Err(SnapshotError::Impossible("a session is not as sessions are"));
        }
        let answers = read_answers(id, oldest_unanswered, reader)?;
        sessions.insert(id, Session { used, oldest_unanswered, answers });
    }
    if limits.sessions < count.max(1) {
        return Err(SnapshotError::Impossible("it has more sessions than its limits allow"));
    }
    Sessions::restored(limits, sessions)
        .ok_or(SnapshotError::Impossible("two sessions were last used by the same entry"))
}

fn read_answers(
    session: u64,
    oldest_unanswered: u64,
    reader: &mut Reader<'_>,
) -> Result<BTreeMap<u64, Kept>, SnapshotError> {
    let count = reader.u64()?;
    let mut answers: BTreeMap<u64, Kept> = BTreeMap::new();
    for _ in 0..count {
        let sequence = reader.u64()?;
        let is_next = answers.last_key_value().is_none_or(|(last, _)| *last < sequence);
        if !is_next || sequence < oldest_unanswered {
            return Err(SnapshotError::Impossible("its answers are not in order"));
        }
        let tag = reader.u8()?;
        answers.insert(sequence, Kept::new(session, sequence, read_answer(tag, reader)?));
    }
    Ok(answers)
}

fn read_answer(tag: u8, reader: &mut Reader<'_>) -> Result<Answer, SnapshotError> {
    match tag {
        TRANSACTION_OTHERWISE | TRANSACTION_THEN => {
            Ok(Answer::Transaction { succeeded: tag == TRANSACTION_THEN, answers: read_steps(reader)? })
        }
        BATCH => Ok(Answer::Batch(read_steps(reader)?)),
        tag => read_step(tag, reader),
    }
}

fn read_steps(reader: &mut Reader<'_>) -> Result<Arc<[Answer]>, SnapshotError> {
    let count = reader.u32()?;
    let mut answers = Vec::new();
    for _ in 0..count {
        let tag = reader.u8()?;
        answers.push(read_step(tag, reader)?);
    }
    Ok(answers.into())
}

/// Reads the rest of an answer that is not made up of others.
fn read_step(tag: u8, reader: &mut Reader<'_>) -> Result<Answer, SnapshotError> {
    Ok(match tag {
        VALUE => Answer::Value(Some(reader.text()?.into())),
        VALUE_MISSING => Answer::Value(None),
        DONE => Answer::Done,
        NOT_SWAPPED => Answer::Swapped(false),
        SWAPPED => Answer::Swapped(true),
        REVISION => Answer::Revision(Some(read_revision(reader)?)),
        REVISION_MISSING => Answer::Revision(None),
        ENTRIES => {
            let count = reader.u32()?;
            let mut entries = Vec::new();
            for _ in 0..count {
                entries.push(KeyValue { key: reader.text()?.into(), value: reader.text()?.into() });
            }
            Answer::Entries(entries.into())
        }
        _ => return Err(SnapshotError::Impossible("an answer is not as answers are")),
    })
}

fn read_revision(reader: &mut Reader<'_>) -> Result<Revision, SnapshotError> {
    Ok(Revision { created: reader.u64()?, modified: reader.u64()?, version: reader.u64()? })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::tests::any_operation;
    use crate::command::{Operation, Request};
    use crate::machine::Applied;
    use proptest::prelude::*;
    use whitewater_raft::Index;

    /// Requests of a few sessions, some of which were never opened or expire, with repetitions.
    fn any_requests() -> impl Strategy<Value = Vec<Request<String>>> {
        let request = prop_oneof![
            1 => Just(Request::OpenSession { nonce: 0 }),
            9 => (1_u64..9, 1_u64..12, 0_u64..6, any_operation("[a-d]{0,2}")).prop_map(|(session, sequence, back, operation)| {
                let oldest_unanswered = sequence.saturating_sub(back).max(1);
                Request::Execute { session, sequence, oldest_unanswered, operation }
            }),
        ];
        prop::collection::vec(request, 0..40)
    }

    fn any_limits() -> impl Strategy<Value = Limits> {
        (3_u64..30, 1_u64..5, 100_u64..2_000).prop_map(|(idle_entries, sessions, kept_bytes)| Limits {
            idle_entries,
            sessions,
            kept_bytes,
        })
    }

    fn apply(machine: &mut Machine, requests: &[Request<String>], from: u64) -> Vec<(Applied, u64)> {
        let indexes = (from..).map(Index);
        requests
            .iter()
            .zip(indexes)
            .map(|(request, index)| (machine.apply(index, request), machine.fingerprint()))
            .collect()
    }

    fn with_checksum(mut content: Vec<u8>) -> Vec<u8> {
        let checksum = xxh3_64(&content);
        put_numbers(&mut content, &[checksum]);
        content
    }

    proptest! {
        /// At any point: the same state, the same bytes, and the same future.
        #[test]
        fn a_restored_machine_goes_on_as_if_nothing_had_happened(
            limits in any_limits(), before in any_requests(), after in any_requests(),
        ) {
            let mut machine = Machine::new(limits);
            apply(&mut machine, &before, 1);
            let bytes = machine.snapshot();
            let mut restored = Machine::restore(&bytes).expect("a machine wrote it");
            prop_assert_eq!(restored.snapshot(), &bytes);
            prop_assert_eq!(restored.fingerprint(), machine.fingerprint());
            prop_assert_eq!(restored.sessions().limits(), machine.sessions().limits());
            prop_assert_eq!(restored.sessions().kept_bytes(), machine.sessions().kept_bytes());
            let from = before.len() as u64 + 1;
            prop_assert_eq!(apply(&mut restored, &after, from), apply(&mut machine, &after, from));
            prop_assert_eq!(restored.snapshot(), machine.snapshot());
        }

        /// Whatever is changed, cut off or added is noticed.
        #[test]
        fn damage_is_noticed(before in any_requests(), at: prop::sample::Index, flip in 1_u8..) {
            let mut machine = Machine::new(Limits::default());
            apply(&mut machine, &before, 1);
            let bytes = machine.snapshot();
            let mut damaged = bytes.to_vec();
            let at = at.index(bytes.len());
            damaged[at] ^= flip;
            prop_assert!(Machine::restore(&damaged).is_err());
            prop_assert!(Machine::restore(&bytes[..at]).is_err());
            prop_assert!(Machine::restore(&[&bytes[..], &[flip]].concat()).is_err());
        }

        /// Even with a checksum that fits, bytes are refused or are exactly those that the state would be written as.
        #[test]
        fn what_is_read_is_what_would_be_written(before in any_requests(), at: prop::sample::Index, to: u8) {
            let mut machine = Machine::new(Limits::default());
            apply(&mut machine, &before, 1);
            let bytes = machine.snapshot();
            let mut content = bytes[..bytes.len() - CHECKSUM_BYTES].to_vec();
            let at = at.index(content.len());
            content[at] = to;
            let forged = with_checksum(content);
            if let Ok(machine) = Machine::restore(&forged) {
                prop_assert_eq!(machine.snapshot(), forged);
            }
        }

        #[test]
        fn arbitrary_bytes_never_panic(bytes: Vec<u8>) {
            prop_assert!(Machine::restore(&bytes).is_err());
            let forged = with_checksum([&b"wwkv\x01\0\0\0"[..], &bytes].concat());
            let _ = Machine::restore(&forged);
        }
    }

    #[test]
    fn the_format_is_pinned() {
        let mut machine = Machine::new(Limits { idle_entries: 1, sessions: 2, kept_bytes: 3 });
        machine.apply(Index(1), &Request::<&str>::OpenSession { nonce: 5 });
        let operation = Operation::CompareAndSwap { key: "k", expected: None, new: "é" };
        machine.apply(Index(2), &Request::Execute { session: 1, sequence: 1, oldest_unanswered: 1, operation });
        let number = |number: u8| [number, 0, 0, 0, 0, 0, 0, 0];
        let content = [
            &b"wwkv\x01\0\0\0"[..],
            &[number(1), number(2), number(3)].concat(),
            &[number(1), number(1)].concat(),
            b"\x01\0\0\0k\x02\0\0\0\xc3\xa9",
            &[number(1), number(1), number(1)].concat(),
            &[number(1), number(1), number(2), number(1), number(1)].concat(),
            &number(1),
            b"\x05",
        ]
        .concat();
        assert_eq!(machine.snapshot(), with_checksum(content));
    }

    #[test]
    fn each_way_to_be_wrong_has_its_own_words() {
        let mut machine = Machine::new(Limits::default());
        machine.apply(Index(1), &Request::<&str>::OpenSession { nonce: 0 });
        let good = machine.snapshot();
        let words = |bytes: &[u8]| Machine::restore(bytes).expect_err("it is broken").to_string();
        assert_eq!(words(b""), "this is no snapshot of the store: it does not begin with `wwkv`");
        assert_eq!(words(&good[1..]), "this is no snapshot of the store: it does not begin with `wwkv`");
        let mut other = good.to_vec();
        other[4] = 2;
        let version = "the snapshot has version 2 of the format, but this build reads 1: use the build that wrote it";
        assert_eq!(words(&other), version);
        other[4] = 1;
        other[9] ^= 1;
        assert_eq!(words(&other), "the snapshot is damaged: its checksum does not fit; take another server's");
        let content = &good[..good.len() - CHECKSUM_BYTES];
        let truncated = with_checksum(content[..content.len() - 1].to_vec());
        assert_eq!(words(&truncated), "the snapshot ends in the middle; take another server's");
        let longer = with_checksum([content, &[0]].concat());
        assert_eq!(words(&longer), "the snapshot is damaged: something follows behind its end; take another server's");
        let mut endless = content.to_vec();
        endless[40..48].fill(0xff);
        assert_eq!(words(&with_checksum(endless)), "the snapshot ends in the middle; take another server's");
    }
}
