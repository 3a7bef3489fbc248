//! A request as bytes: what a client sends, what the log holds, and what every replica reads back.
//!
//! The client encodes once; the same bytes travel, are logged and are written to disk. All numbers are little-endian; a
//! *text* is its length in bytes (4 bytes) and then as much UTF-8.
//!
//! | request | bytes |
//! |---|---|
//! | open a session | 1 (1 byte), nonce (8) |
//! | execute | 2 (1 byte), session (8), sequence (8), sequence less the oldest unanswered one (2), operation |
//!
//! | operation | first byte | then |
//! |---|---|---|
//! | get | 1 | text: key |
//! | put, append | 2, 3 | texts: key, value |
//! | delete | 4 | text: key |
//! | compare-and-swap of a value | 5 | texts: key, expected value, new value |
//! | compare-and-swap of a missing key | 6 | texts: key, new value |
//! | get revision | 7 | text: key |
//! | range to the end | 8 | text: first key; limit (4) |
//! | range | 9 | texts: first key, first key behind it; limit (4) |
//! | batch | 10 | how many operations (2); the operations, of the kinds above |
//! | transaction | 11 | how many comparisons, operations of `then` and of `otherwise` (2 each); all of them |
//!
//! | comparison | first byte | then |
//! |---|---|---|
//! | has a value | 1 | texts: key, value |
//! | is present, is missing | 2, 3 | text: key |
//! | was changed at a revision | 4 | text: key; revision (8) |
//!
//! Nothing follows. What breaks a limit below is neither written nor read, so what a replica reads has bounds.

use bytes::Bytes;

use crate::command::{Compare, Condition, Operation, Request};
use crate::reader::{ReadError, Reader, put_text};

/// How long a key may be, in bytes.
pub const KEY_BYTES_MAX: usize = 4 << 10;
/// How long a value may be that a request brings, in bytes. Appending makes longer ones.
pub const VALUE_BYTES_MAX: usize = 1 << 20;
/// How many operations a batch may have, and each branch of a transaction.
pub const OPERATIONS_MAX: usize = 128;
/// How many comparisons a transaction may have.
pub const COMPARISONS_MAX: usize = 128;
/// How many keys a range may list.
pub const RANGE_LIMIT_MAX: u32 = 1_000;
/// How far a sequence number may be ahead of the oldest unanswered one, that one counted: so many answers are kept for
/// a session at most.
pub const WINDOW_MAX: u64 = 256;

const OPEN_SESSION: u8 = 1;
const EXECUTE: u8 = 2;

const GET: u8 = 1;
const PUT: u8 = 2;
const APPEND: u8 = 3;
const DELETE: u8 = 4;
const SWAP_VALUE: u8 = 5;
const SWAP_MISSING: u8 = 6;
const GET_REVISION: u8 = 7;
const RANGE_TO_END: u8 = 8;
const RANGE: u8 = 9;
const BATCH: u8 = 10;
const TRANSACTION: u8 = 11;

const HAS_VALUE: u8 = 1;
const IS_PRESENT: u8 = 2;
const IS_MISSING: u8 = 3;
const HAS_REVISION: u8 = 4;

/// A request is larger than the store takes. Each message says what to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LimitError {
    /// A key is too long.
    #[error("a key has {len} bytes, and at most {KEY_BYTES_MAX} are allowed: shorten it")]
    Key {
        /// Its length in bytes.
        len: usize,
    },
    /// A value is too long.
    #[error("a value has {len} bytes, and at most {VALUE_BYTES_MAX} are allowed: split it over several keys")]
    Value {
        /// Its length in bytes.
        len: usize,
    },
    /// There are too many operations.
    #[error("{count} operations in one batch or branch, and at most {OPERATIONS_MAX} are allowed: split it")]
    Operations {
        /// How many.
        count: usize,
    },
    /// There are too many comparisons.
    #[error("{count} comparisons in a transaction, and at most {COMPARISONS_MAX} are allowed: compare fewer keys")]
    Comparisons {
        /// How many.
        count: usize,
    },
    /// A range lists too many keys.
    #[error("a range of {limit} keys, and at most {RANGE_LIMIT_MAX} are allowed: read the rest from the last key on")]
    Range {
        /// How many.
        limit: u32,
    },
    /// A batch or a transaction is part of another.
    #[error("a batch or a transaction inside another: put its operations there instead")]
    Nested,
    /// The sequence number does not fit to the oldest unanswered one.
    #[error(
        "operation {sequence} while {oldest_unanswered} is unanswered: numbers begin at 1, and at most {WINDOW_MAX} \
         may be under way; wait for answers"
    )]
    Window {
        /// The operation's number.
        sequence: u64,
        /// The lowest number that has no answer.
        oldest_unanswered: u64,
    },
}

/// The bytes are not a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// They end in the middle.
    #[error("the request has {len} bytes and ends in the middle")]
    Truncated {
        /// How many bytes there are.
        len: usize,
    },
    /// The request has a number that is not known.
    #[error("{0} is not the number of a request")]
    UnknownRequest(u8),
    /// The operation has a number that is not known.
    #[error("{0} is not the number of an operation")]
    UnknownOperation(u8),
    /// The comparison has a number that is not known.
    #[error("{0} is not the number of a comparison")]
    UnknownComparison(u8),
    /// A string is not UTF-8.
    #[error("a string of the request is not UTF-8")]
    NotUtf8,
    /// Something follows.
    #[error("the request is followed by {0} more bytes")]
    TrailingBytes(usize),
    /// It is larger than the store takes.
    #[error(transparent)]
    Limit(#[from] LimitError),
}

/// The bytes of a request.
///
/// # Errors
/// If it is larger than the store takes.
pub fn encode<S: AsRef<str>>(request: &Request<S>) -> Result<Bytes, LimitError> {
    match request {
        Request::OpenSession { nonce } => {
            let mut bytes = vec![OPEN_SESSION];
            bytes.extend_from_slice(&nonce.to_le_bytes());
            Ok(bytes.into())
        }
        Request::Execute { session, sequence, oldest_unanswered, operation } => {
            encode_execute(*session, *sequence, *oldest_unanswered, &encode_operation(operation)?)
        }
    }
}

/// The bytes of an operation: the last part of a request.
///
/// # Errors
/// If it is larger than the store takes.
pub fn encode_operation<S: AsRef<str>>(operation: &Operation<S>) -> Result<Vec<u8>, LimitError> {
    let mut bytes = Vec::with_capacity(64);
    put_operation(&mut bytes, operation)?;
    Ok(bytes)
}

/// The bytes of a request to execute the operation that these bytes are.
///
/// # Errors
/// If the sequence number is too far ahead of the oldest unanswered one.
pub fn encode_execute(
    session: u64,
    sequence: u64,
    oldest_unanswered: u64,
    operation: &[u8],
) -> Result<Bytes, LimitError> {
    let back = sequence.checked_sub(oldest_unanswered).filter(|back| *back < WINDOW_MAX);
    let (Some(back), 1..) = (back, oldest_unanswered) else {
        return Err(LimitError::Window { sequence, oldest_unanswered });
    };
    let mut bytes = Vec::with_capacity(19 + operation.len());
    bytes.push(EXECUTE);
    bytes.extend_from_slice(&session.to_le_bytes());
    bytes.extend_from_slice(&sequence.to_le_bytes());
    bytes.extend_from_slice(&(back as u16).to_le_bytes());
    bytes.extend_from_slice(operation);
    Ok(bytes.into())
}

fn put_operation<S: AsRef<str>>(bytes: &mut Vec<u8>, operation: &Operation<S>) -> Result<(), LimitError> {
    match operation {
        Operation::Batch(operations) => {
            bytes.push(BATCH);
            put_count(bytes, operations_count(operations.len())?);
            put_steps(bytes, operations)
        }
        Operation::Transaction { compare, then, otherwise } => {
            bytes.push(TRANSACTION);
            put_count(bytes, comparisons_count(compare.len())?);
            put_count(bytes, operations_count(then.len())?);
            put_count(bytes, operations_count(otherwise.len())?);
            for comparison in compare {
                put_comparison(bytes, comparison)?;
            }
            put_steps(bytes, then)?;
            put_steps(bytes, otherwise)
        }
        Operation::Get { .. }
        | Operation::Put { .. }
        | Operation::Append { .. }
        | Operation::Delete { .. }
        | Operation::CompareAndSwap { .. }
        | Operation::GetRevision { .. }
        | Operation::Range { .. } => put_step(bytes, operation),
    }
}

fn put_steps<S: AsRef<str>>(bytes: &mut Vec<u8>, operations: &[Operation<S>]) -> Result<(), LimitError> {
    operations.iter().try_for_each(|operation| put_step(bytes, operation))
}

/// Writes an operation that is not made up of others.
fn put_step<S: AsRef<str>>(bytes: &mut Vec<u8>, operation: &Operation<S>) -> Result<(), LimitError> {
    let (tag, key, values, limit) = match operation {
        Operation::Get { key } => (GET, key, [None, None], None),
        Operation::Put { key, value } => (PUT, key, [Some(value), None], None),
        Operation::Append { key, value } => (APPEND, key, [Some(value), None], None),
        Operation::Delete { key } => (DELETE, key, [None, None], None),
        Operation::CompareAndSwap { key, expected: Some(expected), new } => {
            (SWAP_VALUE, key, [Some(expected), Some(new)], None)
        }
        Operation::CompareAndSwap { key, expected: None, new } => (SWAP_MISSING, key, [Some(new), None], None),
        Operation::GetRevision { key } => (GET_REVISION, key, [None, None], None),
        Operation::Range { from, to: None, limit } => (RANGE_TO_END, from, [None, None], Some(*limit)),
        Operation::Range { from, to: Some(to), limit } => {
            checked_key(to.as_ref())?;
            (RANGE, from, [Some(to), None], Some(*limit))
        }
        Operation::Transaction { .. } | Operation::Batch(_) => return Err(LimitError::Nested),
    };
    bytes.push(tag);
    put_text(bytes, checked_key(key.as_ref())?);
    for value in values.into_iter().flatten() {
        put_text(bytes, checked_value(value.as_ref())?);
    }
    if let Some(limit) = limit {
        bytes.extend_from_slice(&checked_limit(limit)?.to_le_bytes());
    }
    Ok(())
}

fn put_comparison<S: AsRef<str>>(bytes: &mut Vec<u8>, comparison: &Compare<S>) -> Result<(), LimitError> {
    let tag = match comparison.condition {
        Condition::Value(_) => HAS_VALUE,
        Condition::Present => IS_PRESENT,
        Condition::Missing => IS_MISSING,
        Condition::Revision(_) => HAS_REVISION,
    };
    bytes.push(tag);
    put_text(bytes, checked_key(comparison.key.as_ref())?);
    match &comparison.condition {
        Condition::Value(value) => put_text(bytes, checked_value(value.as_ref())?),
        Condition::Present | Condition::Missing => {}
        Condition::Revision(revision) => bytes.extend_from_slice(&revision.to_le_bytes()),
    }
    Ok(())
}

fn put_count(bytes: &mut Vec<u8>, count: usize) {
    let count = u16::try_from(count).expect("counts are checked before they are written");
    bytes.extend_from_slice(&count.to_le_bytes());
}

fn checked_key(key: &str) -> Result<&str, LimitError> {
    if key.len() > KEY_BYTES_MAX { Err(LimitError::Key { len: key.len() }) } else { Ok(key) }
}

fn checked_value(value: &str) -> Result<&str, LimitError> {
    if value.len() > VALUE_BYTES_MAX { Err(LimitError::Value { len: value.len() }) } else { Ok(value) }
}

fn checked_limit(limit: u32) -> Result<u32, LimitError> {
    if limit > RANGE_LIMIT_MAX { Err(LimitError::Range { limit }) } else { Ok(limit) }
}

fn operations_count(count: usize) -> Result<usize, LimitError> {
    if count > OPERATIONS_MAX { Err(LimitError::Operations { count }) } else { Ok(count) }
}

fn comparisons_count(count: usize) -> Result<usize, LimitError> {
    if count > COMPARISONS_MAX { Err(LimitError::Comparisons { count }) } else { Ok(count) }
}

/// Why reading stopped; how long the whole is is known further up.
enum Fault {
    Read(ReadError),
    Other(DecodeError),
}

impl From<ReadError> for Fault {
    fn from(error: ReadError) -> Fault {
        Fault::Read(error)
    }
}

impl From<LimitError> for Fault {
    fn from(error: LimitError) -> Fault {
        Fault::Other(error.into())
    }
}

/// Reads a request back, without copying its strings.
///
/// # Errors
/// If the bytes are not exactly one request within the limits.
pub fn decode(bytes: &[u8]) -> Result<Request<&str>, DecodeError> {
    decode_whole(bytes, read_request)
}

/// Reads back what [`encode_operation`] wrote, without copying its strings.
///
/// # Errors
/// If the bytes are not exactly one operation within the limits.
pub fn decode_operation(bytes: &[u8]) -> Result<Operation<&str>, DecodeError> {
    decode_whole(bytes, read_operation)
}

fn decode_whole<'b, T>(bytes: &'b [u8], read: impl Fn(&mut Reader<'b>) -> Result<T, Fault>) -> Result<T, DecodeError> {
    let mut reader = Reader::new(bytes);
    match read(&mut reader) {
        Ok(whole) if reader.len() == 0 => Ok(whole),
        Ok(_) => Err(DecodeError::TrailingBytes(reader.len())),
        Err(Fault::Read(ReadError::Truncated)) => Err(DecodeError::Truncated { len: bytes.len() }),
        Err(Fault::Read(ReadError::NotUtf8)) => Err(DecodeError::NotUtf8),
        Err(Fault::Other(error)) => Err(error),
    }
}

fn read_request<'b>(reader: &mut Reader<'b>) -> Result<Request<&'b str>, Fault> {
    match reader.u8()? {
        OPEN_SESSION => Ok(Request::OpenSession { nonce: reader.u64()? }),
        EXECUTE => {
            let (session, sequence, back) = (reader.u64()?, reader.u64()?, u64::from(reader.u16()?));
            let oldest_unanswered = sequence.saturating_sub(back);
            if back >= WINDOW_MAX || oldest_unanswered == 0 {
                return Err(LimitError::Window { sequence, oldest_unanswered }.into());
            }
            Ok(Request::Execute { session, sequence, oldest_unanswered, operation: read_operation(reader)? })
        }
        other => Err(Fault::Other(DecodeError::UnknownRequest(other))),
    }
}

fn read_operation<'b>(reader: &mut Reader<'b>) -> Result<Operation<&'b str>, Fault> {
    match reader.u8()? {
        BATCH => {
            let count = operations_count(reader.u16()?.into())?;
            Ok(Operation::Batch(read_steps(reader, count)?))
        }
        TRANSACTION => {
            let comparisons = comparisons_count(reader.u16()?.into())?;
            let then = operations_count(reader.u16()?.into())?;
            let otherwise = operations_count(reader.u16()?.into())?;
            Ok(Operation::Transaction {
                compare: (0..comparisons).map(|_| read_comparison(reader)).collect::<Result<_, _>>()?,
                then: read_steps(reader, then)?,
                otherwise: read_steps(reader, otherwise)?,
            })
        }
        tag => read_step(tag, reader),
    }
}

fn read_steps<'b>(reader: &mut Reader<'b>, count: usize) -> Result<Vec<Operation<&'b str>>, Fault> {
    let read = |_| match reader.u8()? {
        BATCH | TRANSACTION => Err(LimitError::Nested.into()),
        tag => read_step(tag, reader),
    };
    (0..count).map(read).collect()
}

/// Reads the rest of an operation that is not made up of others.
fn read_step<'b>(tag: u8, reader: &mut Reader<'b>) -> Result<Operation<&'b str>, Fault> {
    if !(GET..=RANGE).contains(&tag) {
        return Err(Fault::Other(DecodeError::UnknownOperation(tag)));
    }
    let key = checked_key(reader.text()?)?;
    let mut value = || -> Result<&'b str, Fault> { Ok(checked_value(reader.text()?)?) };
    Ok(match tag {
        GET => Operation::Get { key },
        PUT => Operation::Put { key, value: value()? },
        APPEND => Operation::Append { key, value: value()? },
        DELETE => Operation::Delete { key },
        SWAP_VALUE => Operation::CompareAndSwap { key, expected: Some(value()?), new: value()? },
        SWAP_MISSING => Operation::CompareAndSwap { key, expected: None, new: value()? },
        GET_REVISION => Operation::GetRevision { key },
        RANGE_TO_END => Operation::Range { from: key, to: None, limit: checked_limit(reader.u32()?)? },
        RANGE => {
            let to = Some(checked_key(reader.text()?)?);
            Operation::Range { from: key, to, limit: checked_limit(reader.u32()?)? }
        }
        other => return Err(Fault::Other(DecodeError::UnknownOperation(other))),
    })
}

fn read_comparison<'b>(reader: &mut Reader<'b>) -> Result<Compare<&'b str>, Fault> {
    let tag = reader.u8()?;
    if !(HAS_VALUE..=HAS_REVISION).contains(&tag) {
        return Err(Fault::Other(DecodeError::UnknownComparison(tag)));
    }
    let key = checked_key(reader.text()?)?;
    let condition = match tag {
        HAS_VALUE => Condition::Value(checked_value(reader.text()?)?),
        IS_PRESENT => Condition::Present,
        IS_MISSING => Condition::Missing,
        _ => Condition::Revision(reader.u64()?),
    };
    Ok(Compare { key, condition })
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Any string: a pattern.
    const TEXT: &str = ".{0,6}";

    /// Any operation that is not made up of others, on keys of this pattern.
    fn any_step(key: &'static str) -> impl Strategy<Value = Operation<String>> {
        prop_oneof![
            key.prop_map(|key| Operation::Get { key }),
            (key, TEXT).prop_map(|(key, value)| Operation::Put { key, value }),
            (key, TEXT).prop_map(|(key, value)| Operation::Append { key, value }),
            key.prop_map(|key| Operation::Delete { key }),
            (key, prop::option::of(TEXT), TEXT).prop_map(|(key, expected, new)| Operation::CompareAndSwap {
                key,
                expected,
                new
            }),
            key.prop_map(|key| Operation::GetRevision { key }),
            (key, prop::option::of(key), 0_u32..9).prop_map(|(from, to, limit)| Operation::Range { from, to, limit }),
        ]
    }

    fn any_comparison(key: &'static str) -> impl Strategy<Value = Compare<String>> {
        let condition = prop_oneof![
            TEXT.prop_map(Condition::Value),
            Just(Condition::Present),
            Just(Condition::Missing),
            (0_u64..9).prop_map(Condition::Revision),
        ];
        (key, condition).prop_map(|(key, condition)| Compare { key, condition })
    }

    /// Any operation, on keys of this pattern.
    pub(crate) fn any_operation(key: &'static str) -> impl Strategy<Value = Operation<String>> {
        let steps = || prop::collection::vec(any_step(key), 0..4);
        prop_oneof![
            4 => any_step(key),
            1 => steps().prop_map(Operation::Batch),
            1 => (prop::collection::vec(any_comparison(key), 0..3), steps(), steps())
                .prop_map(|(compare, then, otherwise)| Operation::Transaction { compare, then, otherwise }),
        ]
    }

    fn any_request() -> impl Strategy<Value = Request<String>> {
        prop_oneof![
            1 => any::<u64>().prop_map(|nonce| Request::OpenSession { nonce }),
            9 => (any::<u64>(), 1..=u64::MAX, 0..WINDOW_MAX, any_operation(TEXT)).prop_map(
                |(session, sequence, back, operation)| {
                    let oldest_unanswered = sequence.saturating_sub(back).max(1);
                    Request::Execute { session, sequence, oldest_unanswered, operation }
                }
            ),
        ]
    }

    fn execute(operation: Operation<&str>) -> Request<&str> {
        Request::Execute { session: 7, sequence: 258, oldest_unanswered: 257, operation }
    }

    fn encoded(operation: Operation<&str>) -> Vec<u8> {
        encode(&execute(operation)).expect("the request is small").to_vec()
    }

    proptest! {
        #[test]
        fn what_was_encoded_is_read_back(request in any_request()) {
            let bytes = encode(&request).expect("the request is small");
            let back = decode(&bytes).expect("the bytes are a request");
            prop_assert_eq!(back.to_string(), request.to_string());
            prop_assert_eq!(encode(&back).expect("as small as before"), &bytes);
            for len in 0..bytes.len() {
                prop_assert_eq!(decode(&bytes[..len]), Err(DecodeError::Truncated { len }));
            }
            let longer = [&bytes[..], &[0]].concat();
            prop_assert_eq!(decode(&longer), Err(DecodeError::TrailingBytes(1)));
        }

        #[test]
        fn arbitrary_bytes_are_refused_or_are_what_they_encode_to(bytes: Vec<u8>, tag in 0_u8..13) {
            let mut bytes = [vec![EXECUTE, 0, 0, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0, 1, 0, tag], bytes].concat();
            if let Ok(request) = decode(&bytes) {
                prop_assert_eq!(&encode(&request).expect("what is read keeps the limits"), &bytes);
            }
            let _ = decode(&bytes[20..]);
            bytes.truncate(usize::from(tag) * 3);
            let _ = decode(&bytes);
        }

        #[test]
        fn damaged_bytes_are_refused_or_are_what_they_encode_to(request in any_request(), at: prop::sample::Index, to: u8) {
            let mut bytes = encode(&request).expect("the request is small").to_vec();
            let at = at.index(bytes.len());
            bytes[at] = to;
            if let Ok(request) = decode(&bytes) {
                prop_assert_eq!(&encode(&request).expect("what is read keeps the limits"), &bytes);
            }
        }
    }

    #[test]
    fn the_format_is_pinned() {
        let head = b"\x02\x07\0\0\0\0\0\0\0\x02\x01\0\0\0\0\0\0\x01\0";
        let body = |operation| encoded(operation).strip_prefix(head).expect("the head is pinned").to_vec();
        assert_eq!(encode(&Request::<&str>::OpenSession { nonce: 3 }).expect("small"), &b"\x01\x03\0\0\0\0\0\0\0"[..]);
        let swap = Operation::CompareAndSwap { key: "k", expected: Some("é"), new: "n" };
        assert_eq!(body(swap), b"\x05\x01\0\0\0k\x02\0\0\0\xc3\xa9\x01\0\0\0n");
        let range = Operation::Range { from: "a", to: Some("b"), limit: 258 };
        assert_eq!(body(range), b"\x09\x01\0\0\0a\x01\0\0\0b\x02\x01\0\0");
        let transaction = Operation::Transaction {
            compare: vec![Compare { key: "k", condition: Condition::Revision(3) }],
            then: vec![Operation::GetRevision { key: "k" }],
            otherwise: vec![],
        };
        assert_eq!(body(transaction), b"\x0b\x01\0\x01\0\0\0\x04\x01\0\0\0k\x03\0\0\0\0\0\0\0\x07\x01\0\0\0k");
    }

    #[test]
    fn each_way_to_be_wrong_has_its_own_words() {
        let good = encoded(Operation::Put { key: "é", value: "v" });
        let changed = |at: usize, byte: u8| {
            let mut bytes = good.clone();
            bytes[at] = byte;
            decode(&bytes).expect_err("the bytes are no request").to_string()
        };
        assert_eq!(changed(0, 9), "9 is not the number of a request");
        assert_eq!(changed(19, 12), "12 is not the number of an operation");
        assert_eq!(changed(19, 0), "0 is not the number of an operation");
        assert_eq!(changed(19, GET), "the request is followed by 5 more bytes");
        assert_eq!(changed(20, 1), "a string of the request is not UTF-8");
        assert_eq!(changed(24, 0xff), "a string of the request is not UTF-8");
        assert_eq!(changed(23, 0xff), "the request has 31 bytes and ends in the middle");
        assert!(changed(18, 1).starts_with("operation 258 while 1 is unanswered"), "{}", changed(18, 1));
        let compare = vec![Compare { key: "k", condition: Condition::Present }];
        let mut bytes = encoded(Operation::Transaction { compare, then: vec![], otherwise: vec![] });
        bytes[26] = 5;
        assert_eq!(decode(&bytes), Err(DecodeError::UnknownComparison(5)));
    }

    #[test]
    fn every_limit_holds_for_writing_and_for_reading() {
        let get = || Operation::Get { key: "k" };
        let present = || Compare { key: "k", condition: Condition::Present };
        let (key, value) = ("k".repeat(KEY_BYTES_MAX), "v".repeat(VALUE_BYTES_MAX));
        let (long_key, long_value) = (format!("{key}k"), format!("{value}v"));
        let transaction = |comparisons, then, otherwise| Operation::Transaction {
            compare: vec![present(); comparisons],
            then: vec![get(); then],
            otherwise: vec![get(); otherwise],
        };
        let fits = [
            Operation::Put { key: &*key, value: &*value },
            Operation::Range { from: "", to: Some(&*key), limit: RANGE_LIMIT_MAX },
            transaction(COMPARISONS_MAX, OPERATIONS_MAX, OPERATIONS_MAX),
            Operation::Batch(vec![get(); OPERATIONS_MAX]),
        ];
        for operation in fits {
            assert_eq!(decode(&encoded(operation.clone())), Ok(execute(operation)));
        }
        let refused = [
            (Operation::Get { key: &*long_key }, LimitError::Key { len: KEY_BYTES_MAX + 1 }),
            (Operation::Range { from: "", to: Some(&*long_key), limit: 1 }, LimitError::Key { len: KEY_BYTES_MAX + 1 }),
            (Operation::Put { key: "k", value: &*long_value }, LimitError::Value { len: VALUE_BYTES_MAX + 1 }),
            (Operation::Range { from: "", to: None, limit: 1_001 }, LimitError::Range { limit: 1_001 }),
            (Operation::Batch(vec![get(); 129]), LimitError::Operations { count: 129 }),
            (transaction(129, 0, 0), LimitError::Comparisons { count: 129 }),
            (transaction(0, 129, 0), LimitError::Operations { count: 129 }),
            (transaction(0, 0, 129), LimitError::Operations { count: 129 }),
            (Operation::Batch(vec![Operation::Batch(vec![])]), LimitError::Nested),
            (Operation::Batch(vec![transaction(0, 0, 0)]), LimitError::Nested),
        ];
        for (operation, error) in refused {
            assert_eq!(encode(&execute(operation)), Err(error));
        }
        // What `encode` refuses to write, written by hand.
        let head = &encoded(get())[..19];
        let read = |rest: &[u8]| decode(&[head, rest].concat()).expect_err("beyond a limit");
        assert_eq!(read(&[BATCH, 129, 0]), LimitError::Operations { count: 129 }.into());
        assert_eq!(read(&[BATCH, 0xff, 0xff]), LimitError::Operations { count: 65_535 }.into());
        assert_eq!(read(&[BATCH, 1, 0, BATCH, 0, 0]), LimitError::Nested.into());
        assert_eq!(read(&[TRANSACTION, 129, 0, 0, 0, 0, 0]), LimitError::Comparisons { count: 129 }.into());
        assert_eq!(read(&[RANGE_TO_END, 0, 0, 0, 0, 0xe9, 3, 0, 0]), LimitError::Range { limit: 1_001 }.into());
        let mut key = vec![GET, 1, 0x10, 0, 0];
        key.resize(5 + KEY_BYTES_MAX + 1, b'k');
        assert_eq!(read(&key), LimitError::Key { len: KEY_BYTES_MAX + 1 }.into());
    }

    #[test]
    fn sequence_numbers_stay_within_the_window() {
        let request = |sequence, oldest_unanswered| {
            let operation = Operation::Get { key: "k" };
            encode(&Request::Execute { session: 1, sequence, oldest_unanswered, operation }).is_ok()
        };
        assert!(request(1, 1) && request(256, 1) && request(u64::MAX, u64::MAX));
        assert!(!request(0, 0) && !request(257, 1) && !request(1, 2) && !request(1, 0));
    }
}
