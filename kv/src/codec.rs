//! A request as bytes: what a client sends, what the log holds, and what every replica reads back.
//!
//! The client encodes once; the same bytes travel, are logged and are written to disk. All numbers are little-endian,
//! all strings UTF-8.
//!
//! | bytes | meaning |
//! |---|---|
//! | 8 | client |
//! | 8 | sequence |
//! | 1 | operation: 1 get, 2 put, 3 append, 4 delete, 5 compare-and-swap of a value, 6 compare-and-swap of a missing key |
//! | 4 | length of the key in bytes |
//! | 4 | length of the expected value in bytes (5), else 0 |
//! | rest | the key, the expected value (5), the new value (2, 3, 5, 6), with nothing in between |

use crate::command::{Operation, Request};

const GET: u8 = 1;
const PUT: u8 = 2;
const APPEND: u8 = 3;
const DELETE: u8 = 4;
const SWAP_VALUE: u8 = 5;
const SWAP_MISSING: u8 = 6;

/// Bytes before the strings.
const HEADER: usize = 25;

/// The bytes are not a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// They end in the middle.
    #[error("the request has {len} bytes, but its strings begin or end behind them")]
    Truncated {
        /// How many bytes there are.
        len: usize,
    },
    /// The operation has a number that is not known.
    #[error("{0} is not the number of an operation")]
    UnknownOperation(u8),
    /// A string is not UTF-8.
    #[error("a string of the request is not UTF-8")]
    NotUtf8,
    /// Something follows.
    #[error("the request is followed by {0} more bytes")]
    TrailingBytes(usize),
}

/// The bytes of a request.
///
/// # Panics
/// If a string has 2^32 bytes or more.
#[must_use]
pub fn encode<S: AsRef<str>>(request: &Request<S>) -> Vec<u8> {
    let (tag, key, expected, new) = match &request.operation {
        Operation::Get { key } => (GET, key, None, None),
        Operation::Put { key, value } => (PUT, key, None, Some(value)),
        Operation::Append { key, value } => (APPEND, key, None, Some(value)),
        Operation::Delete { key } => (DELETE, key, None, None),
        Operation::CompareAndSwap { key, expected: Some(expected), new } => {
            (SWAP_VALUE, key, Some(expected), Some(new))
        }
        Operation::CompareAndSwap { key, expected: None, new } => (SWAP_MISSING, key, None, Some(new)),
    };
    let [key, expected, new] = [Some(key), expected, new].map(|string| string.map_or("", |string| string.as_ref()));
    let len = |string: &str| u32::try_from(string.len()).expect("a string is shorter than 4 GiB").to_le_bytes();
    let mut bytes = Vec::with_capacity(HEADER + key.len() + expected.len() + new.len());
    bytes.extend_from_slice(&request.client.to_le_bytes());
    bytes.extend_from_slice(&request.sequence.to_le_bytes());
    bytes.push(tag);
    bytes.extend_from_slice(&len(key));
    bytes.extend_from_slice(&len(expected));
    for string in [key, expected, new] {
        bytes.extend_from_slice(string.as_bytes());
    }
    bytes
}

/// Reads a request back, without copying its strings.
///
/// # Errors
/// If the bytes are not exactly one request.
pub fn decode(bytes: &[u8]) -> Result<Request<&str>, DecodeError> {
    let truncated = DecodeError::Truncated { len: bytes.len() };
    let (header, strings) = bytes.split_first_chunk::<HEADER>().ok_or(truncated)?;
    let word = |at: usize| u64::from_le_bytes(std::array::from_fn(|offset| header[at + offset]));
    let len = |at: usize| u32::from_le_bytes(std::array::from_fn(|offset| header[at + offset])) as usize;
    // One look at all strings, then at where they are cut.
    let strings = std::str::from_utf8(strings).map_err(|_| DecodeError::NotUtf8)?;
    let cut = |string: &'_ str, at: usize| -> Result<usize, DecodeError> {
        if at > string.len() {
            return Err(truncated);
        }
        if string.is_char_boundary(at) { Ok(at) } else { Err(DecodeError::NotUtf8) }
    };
    let (key, values) = strings.split_at(cut(strings, len(17))?);
    let (expected, new) = values.split_at(cut(values, len(21))?);
    let nothing_else =
        |string: &str| if string.is_empty() { Ok(()) } else { Err(DecodeError::TrailingBytes(string.len())) };
    let operation = match header[16] {
        GET => nothing_else(values).map(|()| Operation::Get { key })?,
        PUT => nothing_else(expected).map(|()| Operation::Put { key, value: new })?,
        APPEND => nothing_else(expected).map(|()| Operation::Append { key, value: new })?,
        DELETE => nothing_else(values).map(|()| Operation::Delete { key })?,
        SWAP_VALUE => Operation::CompareAndSwap { key, expected: Some(expected), new },
        SWAP_MISSING => nothing_else(expected).map(|()| Operation::CompareAndSwap { key, expected: None, new })?,
        other => return Err(DecodeError::UnknownOperation(other)),
    };
    Ok(Request { client: word(0), sequence: word(8), operation })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn any_operation() -> impl Strategy<Value = Operation<String>> {
        let string = || ".{0,8}";
        prop_oneof![
            string().prop_map(|key| Operation::Get { key }),
            (string(), string()).prop_map(|(key, value)| Operation::Put { key, value }),
            (string(), string()).prop_map(|(key, value)| Operation::Append { key, value }),
            string().prop_map(|key| Operation::Delete { key }),
            (string(), prop::option::of(string()), string())
                .prop_map(|(key, expected, new)| Operation::CompareAndSwap { key, expected, new }),
        ]
    }

    proptest! {
        #[test]
        fn what_was_encoded_is_read_back(client: u64, sequence: u64, operation in any_operation()) {
            let bytes = encode(&Request { client, sequence, operation: operation.clone() });
            let back = decode(&bytes).expect("the bytes are a request");
            prop_assert_eq!((back.client, back.sequence), (client, sequence));
            prop_assert_eq!(back.operation.to_string(), operation.to_string());
            for len in 0..HEADER {
                prop_assert_eq!(decode(&bytes[..len]), Err(DecodeError::Truncated { len }));
            }
        }

        #[test]
        fn arbitrary_bytes_are_refused_or_are_what_they_encode_to(bytes: Vec<u8>, tag in 0_u8..8) {
            let mut bytes = [vec![0; 16], vec![tag, 2, 0, 0, 0, 1, 0, 0, 0], bytes].concat();
            if let Ok(request) = decode(&bytes) {
                prop_assert_eq!(&encode(&request), &bytes);
            }
            bytes.truncate(usize::from(tag) * 4);
            let _ = decode(&bytes);
        }
    }

    #[test]
    fn the_format_is_pinned() {
        let operation = Operation::CompareAndSwap { key: "k", expected: Some("é"), new: "n" };
        let bytes = encode(&Request { client: 7, sequence: 258, operation });
        assert_eq!(bytes, b"\x07\0\0\0\0\0\0\0\x02\x01\0\0\0\0\0\0\x05\x01\0\0\0\x02\0\0\0k\xc3\xa9n");
    }

    #[test]
    fn each_way_to_be_wrong_has_its_own_words() {
        let good = encode(&Request { client: 7, sequence: 1, operation: Operation::Put { key: "é", value: "v" } });
        let changed = |at: usize, byte: u8| {
            let mut bytes = good.clone();
            bytes[at] = byte;
            decode(&bytes).expect_err("the bytes are no request").to_string()
        };
        assert_eq!(changed(16, 9), "9 is not the number of an operation");
        assert_eq!(changed(16, GET), "the request is followed by 1 more bytes");
        assert_eq!(changed(17, 1), "a string of the request is not UTF-8");
        assert_eq!(changed(25, 0xff), "a string of the request is not UTF-8");
        assert_eq!(changed(20, 0xff), "the request has 28 bytes, but its strings begin or end behind them");
        assert_eq!(changed(21, 1), "the request is followed by 1 more bytes");
    }
}
