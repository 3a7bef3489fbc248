//! A message as bytes: what would travel between processes on different machines, framed so that no wrong bit goes unnoticed.
//!
//! | part of a frame | bytes |
//! |---|---|
//! | length of the payload | 4, little-endian |
//! | CRC-32 of the length and the payload | 4, little-endian |
//! | payload: the message in the wire format of [postcard](https://postcard.jamesmunns.com) | as many as the length says |
//!
//! Inside of it, operations are as in [`crate::codec`] and answers as in [`crate::snapshot`]: both are made up of others of
//! their kind, and those readers cannot be made to go deeper than they should. Reading is strict: a number is in its
//! shortest form, a configuration is possible, entries have consecutive indexes, and nothing follows. A CRC-32 notices every
//! single wrong bit, and every burst of up to 32 (Koopman, "32-Bit Cyclic Redundancy Codes for Internet Applications", 2002).
//!
//! What it simplifies: there is no version in a frame, so all processes run the same build; and a checksum is no signature,
//! so a peer that wants to lie can. In the simulator messages travel as values: there the codec says how long they are and
//! what becomes of one with a wrong bit.

use std::sync::Arc;

use postcard::ser_flavors::Size;
use whitewater_raft::message::{Append, Body, InstallSnapshot};
use whitewater_raft::{Configuration, Index, Payload};

use crate::admin::AdminReply;
use crate::codec;
use crate::command::{Answer, Operation};
use crate::message::Message;
use crate::snapshot;

/// The most bytes that the payload of a frame has.
pub const PAYLOAD_BYTES_MAX: usize = 16 << 20;

const HEADER: usize = 8;

/// The kinds of messages, in the words of scenario files. The place in the list is the number of the kind.
pub const KINDS: [&str; 17] = [
    "request-vote",
    "vote-reply",
    "pre-vote",
    "pre-vote-reply",
    "append",
    "append-reply",
    "install-snapshot",
    "snapshot-reply",
    "timeout-now",
    "read-index",
    "read-index-reply",
    "request",
    "read",
    "reply",
    "admin",
    "admin-reply",
    "came-back",
];

/// The number of a message's kind: its place in [`KINDS`].
#[must_use]
pub fn kind(message: &Message) -> u8 {
    match message {
        Message::Raft { message, .. } => match message.body {
            Body::RequestVote(_) => 0,
            Body::VoteReply(_) => 1,
            Body::RequestPreVote(_) => 2,
            Body::PreVoteReply(_) => 3,
            Body::Append(_) => 4,
            Body::AppendReply(_) => 5,
            Body::InstallSnapshot(_) => 6,
            Body::SnapshotReply(_) => 7,
            Body::TimeoutNow => 8,
            Body::RequestReadIndex(_) => 9,
            Body::ReadIndexReply(_) => 10,
        },
        Message::Request(_) => 11,
        Message::Read(_) => 12,
        Message::Reply(_) => 13,
        Message::Admin(_) => 14,
        Message::AdminReply(_) => 15,
        Message::CameBack(_) => 16,
    }
}

/// A message cannot be written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EncodeError {
    /// It is longer than a frame can be.
    #[error("the message has {len} bytes, and at most {PAYLOAD_BYTES_MAX} are allowed: send less at a time")]
    TooLong {
        /// How long it is, in bytes.
        len: usize,
    },
    /// A part of it breaks the limits of the store.
    #[error("the message cannot be written: {0}; keep to the limits of the store")]
    Impossible(String),
}

/// Bytes are not a frame with a message.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// They end before the frame does.
    #[error("the frame has {len} bytes and ends in the middle")]
    Truncated {
        /// How many bytes there are.
        len: usize,
    },
    /// Something follows.
    #[error("the frame is followed by {0} more bytes")]
    TrailingBytes(usize),
    /// It says that it is longer than a frame can be.
    #[error("the frame announces {len} bytes, and at most {PAYLOAD_BYTES_MAX} are allowed")]
    TooLong {
        /// The length that it announces, in bytes.
        len: usize,
    },
    /// Something in it is not as it was written.
    #[error("the frame does not have the checksum that it should have")]
    Checksum,
    /// The payload is not a message.
    #[error("the payload is not a message: {0}")]
    NotAMessage(String),
    /// The payload is a message that nobody could have sent.
    #[error("the message is impossible: {0}")]
    Impossible(&'static str),
}

/// The frame of a message.
///
/// # Errors
/// If it is too long, or breaks the limits of [`crate::codec`].
pub fn encode(message: &Message) -> Result<Vec<u8>, EncodeError> {
    let impossible = |error: postcard::Error| EncodeError::Impossible(error.to_string());
    let mut frame = postcard::to_extend(message, vec![0; HEADER]).map_err(impossible)?;
    let len = frame.len() - HEADER;
    if len > PAYLOAD_BYTES_MAX {
        return Err(EncodeError::TooLong { len });
    }
    frame[..4].copy_from_slice(&(len as u32).to_le_bytes());
    let checksum = checksum(&frame[..4], &frame[HEADER..]);
    frame[4..HEADER].copy_from_slice(&checksum.to_le_bytes());
    Ok(frame)
}

/// How long the frame of a message is, in bytes, without writing it.
#[must_use]
pub fn size_bytes(message: &Message) -> u64 {
    // What cannot be written has no length; it is refused where it is written.
    let payload = postcard::serialize_with_flavor(message, Size::default()).unwrap_or(0);
    (HEADER + payload) as u64
}

/// How long the frame is that these bytes begin with; `None` if there are too few of them to tell.
///
/// # Errors
/// If it is longer than a frame can be.
pub fn frame_bytes(bytes: &[u8]) -> Result<Option<usize>, DecodeError> {
    let Some((len, _)) = bytes.split_first_chunk() else { return Ok(None) };
    let len = u32::from_le_bytes(*len) as usize;
    if len > PAYLOAD_BYTES_MAX { Err(DecodeError::TooLong { len }) } else { Ok(Some(HEADER + len)) }
}

/// Reads a message back.
///
/// # Errors
/// If the bytes are not exactly one frame with one message that somebody could have sent.
pub fn decode(frame: &[u8]) -> Result<Message, DecodeError> {
    let truncated = DecodeError::Truncated { len: frame.len() };
    let Some(len) = frame_bytes(frame)?.filter(|len| *len <= frame.len()) else { return Err(truncated) };
    if frame.len() > len {
        return Err(DecodeError::TrailingBytes(frame.len() - len));
    }
    let (header, payload) = frame.split_at(HEADER);
    if header[4..] != checksum(&header[..4], payload).to_le_bytes() {
        return Err(DecodeError::Checksum);
    }
    let message: Message =
        postcard::from_bytes(payload).map_err(|error| DecodeError::NotAMessage(error.to_string()))?;
    // What follows behind the message, and numbers that are not in their shortest form, make the payload too long.
    if size_bytes(&message) != frame.len() as u64 {
        return Err(DecodeError::NotAMessage("it is longer than it should be".to_owned()));
    }
    check(&message)?;
    Ok(message)
}

fn checksum(len: &[u8], payload: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(len);
    hasher.update(payload);
    hasher.finalize()
}

/// What the types do not say.
fn check(message: &Message) -> Result<(), DecodeError> {
    match message {
        Message::Raft { message, .. } => match &message.body {
            Body::Append(append) => check_append(append),
            Body::InstallSnapshot(part) => check_part(part),
            Body::RequestVote(_)
            | Body::VoteReply(_)
            | Body::RequestPreVote(_)
            | Body::PreVoteReply(_)
            | Body::AppendReply(_)
            | Body::SnapshotReply(_)
            | Body::TimeoutNow
            | Body::RequestReadIndex(_)
            | Body::ReadIndexReply(_) => Ok(()),
        },
        Message::AdminReply(AdminReply::Status(status)) => check_configuration(&status.configuration),
        Message::AdminReply(AdminReply::Accepted | AdminReply::Refused { .. })
        | Message::Request(_)
        | Message::Read(_)
        | Message::Reply(_)
        | Message::Admin(_)
        | Message::CameBack(_) => Ok(()),
    }
}

fn check_append(append: &Append) -> Result<(), DecodeError> {
    let mut previous = append.previous_index.0;
    for entry in append.entries.iter() {
        let next = previous.checked_add(1).ok_or(DecodeError::Impossible("an index is beyond the last one"))?;
        if entry.index != Index(next) {
            return Err(DecodeError::Impossible("the indexes of its entries are not consecutive"));
        }
        match &entry.payload {
            Payload::Noop | Payload::Command(_) => {}
            Payload::Configuration(configuration) => check_configuration(configuration)?,
        }
        previous = next;
    }
    Ok(())
}

fn check_part(part: &InstallSnapshot) -> Result<(), DecodeError> {
    check_configuration(&part.configuration)?;
    match part.offset.checked_add(part.data.len() as u64) {
        Some(end) if end <= part.length => Ok(()),
        Some(_) | None => Err(DecodeError::Impossible("a part of a snapshot goes beyond its end")),
    }
}

fn check_configuration(configuration: &Configuration) -> Result<(), DecodeError> {
    configuration.validate().map_err(|_| DecodeError::Impossible("a configuration is one that cannot be"))
}

/// An operation, for serde: as [`crate::codec`] writes it.
pub(crate) mod operation {
    use serde::{Deserialize, Deserializer, Serializer, de, ser};

    use super::{Arc, Operation, codec};

    pub(crate) fn serialize<S: Serializer>(operation: &Operation, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&codec::encode_operation(operation).map_err(ser::Error::custom)?)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Operation, D::Error> {
        let bytes = <&[u8]>::deserialize(deserializer)?;
        let operation = codec::decode_operation(bytes).map_err(de::Error::custom)?;
        Ok(operation.map(&|text: &str| Arc::from(text)))
    }
}

/// An answer, for serde: as [`crate::snapshot`] writes it.
pub(crate) mod answer {
    use serde::{Deserialize, Deserializer, Serializer, de};

    use super::{Answer, snapshot};

    pub(crate) fn serialize<S: Serializer>(answer: &Answer, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&snapshot::encode_answer(answer))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Answer, D::Error> {
        let bytes = <&[u8]>::deserialize(deserializer)?;
        snapshot::decode_answer(bytes).map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests;
