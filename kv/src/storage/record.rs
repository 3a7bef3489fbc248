//! Records: what the log says, one after the other in the body of a batch (paper, Figure 2 "Persistent state").
//!
//! | bytes | meaning |
//! |---|---|
//! | 4 | length of the payload |
//! | 1 | what it is: 1 hard state, 2 no-op entry, 3 command entry, 4 configuration entry |
//! | 8 | term |
//! | 8 | hard state: the vote plus one, or 0 for none; entry: the index |
//! | rest | the payload: the command, or the configuration |
//!
//! A configuration is the four lists of servers (voters, outgoing, learners, learners to be), each a count and as many
//! numbers of 4 bytes, and one byte that tells how it is left (0 automatically, 1 on request). All numbers are
//! little-endian. Records have no checksum of their own: the batch has one.

use std::sync::Arc;

use bytes::Bytes;
use whitewater_raft::configuration::{Configuration, Leave};
use whitewater_raft::{Entry, HardState, Index, NodeId, Payload, Term};

const HARD_STATE: u8 = 1;
const NOOP: u8 = 2;
const COMMAND: u8 = 3;
const CONFIGURATION: u8 = 4;

/// The length of a record without its payload.
pub(super) const RECORD_MIN: usize = 21;

/// What a record says.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Record {
    HardState(HardState),
    Entry(Entry),
}

pub(super) fn put_hard_state(buffer: &mut Vec<u8>, HardState { term, voted_for }: HardState) {
    put(buffer, HARD_STATE, term, vote_number(voted_for), &[]);
}

pub(super) fn put_entry(buffer: &mut Vec<u8>, Entry { term, index, payload }: &Entry) {
    match payload {
        Payload::Noop => put(buffer, NOOP, *term, index.0, &[]),
        Payload::Command(command) => put(buffer, COMMAND, *term, index.0, command),
        Payload::Configuration(configuration) => {
            let mut bytes = Vec::new();
            put_configuration(&mut bytes, configuration);
            put(buffer, CONFIGURATION, *term, index.0, &bytes);
        }
    }
}

fn put(buffer: &mut Vec<u8>, kind: u8, term: Term, number: u64, payload: &[u8]) {
    let len = u32::try_from(payload.len()).expect("a command is shorter than 4 GiB");
    buffer.extend_from_slice(&len.to_le_bytes());
    buffer.push(kind);
    buffer.extend_from_slice(&term.0.to_le_bytes());
    buffer.extend_from_slice(&number.to_le_bytes());
    buffer.extend_from_slice(payload);
}

/// Takes the first record off some bytes of a file, whose commands it shares. None if no log writes such a record.
pub(super) fn take(bytes: &mut &[u8], file: &Bytes) -> Option<Record> {
    let (fixed, rest) = bytes.split_first_chunk::<RECORD_MIN>()?;
    let [l0, l1, l2, l3, kind, numbers @ ..] = fixed;
    let payload = rest.get(..u32::from_le_bytes([*l0, *l1, *l2, *l3]) as usize)?;
    let term = Term(u64::from_le_bytes(*numbers.first_chunk()?));
    let number = u64::from_le_bytes(*numbers.last_chunk()?);
    let entry = |payload| Record::Entry(Entry { term, index: Index(number), payload });
    let record = match *kind {
        HARD_STATE => Record::HardState(HardState { term, voted_for: parse_vote(number)? }),
        NOOP => entry(Payload::Noop),
        COMMAND => entry(Payload::Command(file.slice_ref(payload))),
        CONFIGURATION => entry(Payload::Configuration(Arc::new(parse_configuration(payload)?))),
        _ => return None,
    };
    *bytes = &rest[payload.len()..];
    Some(record)
}

/// A vote as a number: 0 for none.
pub(super) fn vote_number(vote: Option<NodeId>) -> u64 {
    vote.map_or(0, |node| u64::from(node.0) + 1)
}

/// The vote that a number stands for.
pub(super) fn parse_vote(number: u64) -> Option<Option<NodeId>> {
    match number.checked_sub(1) {
        Some(node) => Some(Some(NodeId(u32::try_from(node).ok()?))),
        None => Some(None),
    }
}

pub(super) fn put_configuration(buffer: &mut Vec<u8>, configuration: &Configuration) {
    let Configuration { voters, outgoing, learners, learners_next, leave } = configuration;
    for list in [voters, outgoing, learners, learners_next] {
        buffer.extend_from_slice(&(list.len() as u32).to_le_bytes());
        for node in list {
            buffer.extend_from_slice(&node.0.to_le_bytes());
        }
    }
    buffer.push(match leave {
        Leave::Automatic => 0,
        Leave::OnRequest => 1,
    });
}

/// None if the bytes are not exactly one configuration.
pub(super) fn parse_configuration(mut bytes: &[u8]) -> Option<Configuration> {
    let mut lists = [const { Vec::new() }; 4];
    for list in &mut lists {
        let (count, rest) = bytes.split_first_chunk::<4>()?;
        let nodes = rest.get(..(u32::from_le_bytes(*count) as usize).checked_mul(4)?)?;
        bytes = &rest[nodes.len()..];
        let (nodes, _) = nodes.as_chunks::<4>();
        list.extend(nodes.iter().map(|node| NodeId(u32::from_le_bytes(*node))));
    }
    let leave = match bytes {
        [0] => Leave::Automatic,
        [1] => Leave::OnRequest,
        _ => return None,
    };
    let [voters, outgoing, learners, learners_next] = lists;
    Some(Configuration { voters, outgoing, learners, learners_next, leave })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn configuration() -> impl Strategy<Value = Configuration> {
        let nodes = || prop::collection::vec(any::<u32>().prop_map(NodeId), 0..5);
        (nodes(), nodes(), nodes(), nodes(), any::<bool>()).prop_map(
            |(voters, outgoing, learners, learners_next, on_request)| {
                let leave = if on_request { Leave::OnRequest } else { Leave::Automatic };
                Configuration { voters, outgoing, learners, learners_next, leave }
            },
        )
    }

    fn payload() -> impl Strategy<Value = Payload> {
        prop_oneof![
            Just(Payload::Noop),
            any::<Vec<u8>>().prop_map(|bytes| Payload::Command(bytes.into())),
            configuration().prop_map(|configuration| Payload::Configuration(Arc::new(configuration))),
        ]
    }

    fn record() -> impl Strategy<Value = Record> {
        let vote = prop::option::of(any::<u32>().prop_map(NodeId));
        prop_oneof![
            (any::<u64>(), vote)
                .prop_map(|(term, voted_for)| Record::HardState(HardState { term: Term(term), voted_for })),
            (any::<u64>(), any::<u64>(), payload()).prop_map(|(term, index, payload)| Record::Entry(Entry {
                term: Term(term),
                index: Index(index),
                payload
            })),
        ]
    }

    proptest! {
        #[test]
        fn records_come_back_as_they_were(records in prop::collection::vec(record(), 0..5)) {
            let mut buffer = Vec::new();
            for record in &records {
                match record {
                    Record::HardState(state) => put_hard_state(&mut buffer, *state),
                    Record::Entry(entry) => put_entry(&mut buffer, entry),
                }
            }
            let file = Bytes::from(buffer);
            let mut rest = &file[..];
            for record in records {
                prop_assert_eq!(take(&mut rest, &file), Some(record));
            }
            prop_assert!(rest.is_empty());
        }

        #[test]
        fn arbitrary_bytes_never_panic(bytes: Vec<u8>, kind in 0_u8..6, len in 0_u32..40) {
            let mut bytes = bytes;
            bytes.splice(0..0, [&len.to_le_bytes()[..], &[kind], &[0; 16]].concat());
            let file = Bytes::from(bytes);
            let mut rest = &file[..];
            while take(&mut rest, &file).is_some() {}
        }
    }
}
