//! Frames come back as the messages that they were made of, and nothing else comes out of bytes.

use proptest::prelude::*;
use whitewater_raft::message::{
    AppendReply, AppendResult, Conflict, ElectionCause, PreVoteReply, ReadContext, ReadIndexReply, RequestPreVote,
    RequestVote, SnapshotReply, VoteReply,
};
use whitewater_raft::{ChangeRequest, Entry, NodeId, ReadId, ReadMode, Round, Term};

use super::*;
use crate::admin::{AdminRequest, Stage, Status};
use crate::codec::tests::any_operation;
use crate::command::{KeyValue, Revision};
use crate::message::{ReadAt, ReadRequest, Rejection, Reply, ReplyResult, RequestId};

fn any_index() -> impl Strategy<Value = Index> {
    prop_oneof![(0_u64..300).prop_map(Index), (0..u64::MAX / 2).prop_map(Index)]
}

fn any_term() -> impl Strategy<Value = Term> {
    prop_oneof![(0_u64..300).prop_map(Term), any::<u64>().prop_map(Term)]
}

fn any_node() -> impl Strategy<Value = NodeId> {
    prop_oneof![(0_u32..9).prop_map(NodeId), any::<u32>().prop_map(NodeId)]
}

fn any_configuration() -> impl Strategy<Value = Arc<Configuration>> {
    prop::collection::btree_set(any_node(), 1..6).prop_map(|voters| Arc::new(Configuration::of_voters(voters)))
}

fn any_payload() -> impl Strategy<Value = Payload> {
    prop_oneof![
        1 => Just(Payload::Noop),
        4 => prop::collection::vec(any::<u8>(), 0..40).prop_map(|bytes| Payload::Command(bytes.into())),
        1 => any_configuration().prop_map(Payload::Configuration),
    ]
}

fn any_append() -> impl Strategy<Value = Append> {
    let entries = prop::collection::vec((any_term(), any_payload()), 0..5);
    (any_index(), any_term(), entries, any_index(), any::<u64>()).prop_map(
        |(previous_index, previous_term, entries, commit, round)| {
            let indexes = (previous_index.0 + 1..).map(Index);
            let entry = |((term, payload), index)| Entry { term, index, payload };
            let entries = entries.into_iter().zip(indexes).map(entry).collect();
            Append { previous_index, previous_term, entries, commit, round: Round(round) }
        },
    )
}

fn any_vote() -> impl Strategy<Value = VoteReply> {
    prop_oneof![Just(VoteReply::Granted), Just(VoteReply::Refused)]
}

fn any_append_reply() -> impl Strategy<Value = AppendReply> {
    let conflict = prop_oneof![
        any_index().prop_map(|last_index| Conflict::Missing { last_index }),
        (any_term(), any_index()).prop_map(|(term, first_index)| Conflict::Term { term, first_index }),
    ];
    let result = prop_oneof![
        any_index().prop_map(|matched| AppendResult::Accepted { matched }),
        (any_index(), conflict)
            .prop_map(|(previous_index, conflict)| AppendResult::Rejected { previous_index, conflict }),
    ];
    (any::<u64>(), result).prop_map(|(round, result)| AppendReply { round: Round(round), result })
}

fn any_part() -> impl Strategy<Value = Box<InstallSnapshot>> {
    let data = prop::collection::vec(any::<u8>(), 0..40);
    (any_index(), any_term(), any_configuration(), 0_u64..1_000, data, 0_u64..50).prop_map(
        |(last_index, last_term, configuration, offset, data, more)| {
            let length = offset + data.len() as u64 + more;
            let (data, round) = (data.into(), Round(more));
            Box::new(InstallSnapshot { last_index, last_term, configuration, length, offset, data, round })
        },
    )
}

fn any_body() -> impl Strategy<Value = Body> {
    let context = || (any::<u64>(), any::<u64>()).prop_map(|(life, read)| ReadContext { life, read: ReadId(read) });
    prop_oneof![
        (any_index(), any_term(), any::<bool>()).prop_map(|(last_index, last_term, is_transfer)| {
            let cause = if is_transfer { ElectionCause::Transfer } else { ElectionCause::Timeout };
            Body::RequestVote(RequestVote { last_index, last_term, cause })
        }),
        any_vote().prop_map(Body::VoteReply),
        (any_term(), any_index(), any_term()).prop_map(|(next_term, last_index, last_term)| {
            Body::RequestPreVote(RequestPreVote { next_term, last_index, last_term })
        }),
        (any_term(), any_vote()).prop_map(|(next_term, vote)| Body::PreVoteReply(PreVoteReply { next_term, vote })),
        any_append().prop_map(Body::Append),
        any_append_reply().prop_map(Body::AppendReply),
        any_part().prop_map(Body::InstallSnapshot),
        (any_index(), any::<u64>(), any::<u64>()).prop_map(|(last_index, received, round)| {
            Body::SnapshotReply(SnapshotReply { last_index, received, round: Round(round) })
        }),
        Just(Body::TimeoutNow),
        context().prop_map(Body::RequestReadIndex),
        (context(), prop::option::of(any_index()))
            .prop_map(|(context, index)| Body::ReadIndexReply(ReadIndexReply { context, index })),
    ]
}

fn any_answer() -> impl Strategy<Value = Answer> {
    let text = || ".{0,6}".prop_map(|text| Arc::<str>::from(text.as_str()));
    let entry = (text(), text()).prop_map(|(key, value)| KeyValue { key, value });
    let revision = any::<[u64; 3]>().prop_map(|[created, modified, version]| Revision { created, modified, version });
    let step = || {
        prop_oneof![
            prop::option::of(text()).prop_map(Answer::Value),
            Just(Answer::Done),
            any::<bool>().prop_map(Answer::Swapped),
        ]
    };
    let steps = || prop::collection::vec(step(), 0..3).prop_map(Arc::<[Answer]>::from);
    prop_oneof![
        step(),
        prop::option::of(revision).prop_map(Answer::Revision),
        prop::collection::vec(entry, 0..3).prop_map(|entries| Answer::Entries(entries.into())),
        (any::<bool>(), steps()).prop_map(|(succeeded, answers)| Answer::Transaction { succeeded, answers }),
        steps().prop_map(Answer::Batch),
    ]
}

fn any_reply() -> impl Strategy<Value = Reply> {
    let to = prop_oneof![
        any::<u64>().prop_map(|nonce| RequestId::OpenSession { nonce }),
        any::<(u64, u64)>().prop_map(|(session, sequence)| RequestId::Execute { session, sequence }),
        any::<u64>().prop_map(|number| RequestId::Read { number }),
    ];
    let result = prop_oneof![
        3 => (any_answer(), any_index()).prop_map(|(answer, index)| ReplyResult::Answered { answer, index }),
        1 => any::<u64>().prop_map(|session| ReplyResult::Opened { session }),
        1 => Just(ReplyResult::SessionExpired),
        1 => prop::option::of(any_node()).prop_map(|leader| ReplyResult::Refused { leader }),
        1 => prop::option::of(any_node()).prop_map(|leader| ReplyResult::Uncertain { leader }),
        1 => Just(ReplyResult::Rejected(Rejection::TooLarge)),
    ];
    (to, result).prop_map(|(to, result)| Reply { to, result })
}

fn any_read() -> impl Strategy<Value = Message> {
    (any::<u64>(), any::<bool>(), any_operation(".{0,6}")).prop_map(|(number, is_lease, operation)| {
        let mode = if is_lease { ReadMode::Lease } else { ReadMode::Quorum };
        let operation = operation.map(&|text: String| Arc::from(text));
        Message::Read(Box::new(ReadRequest { number, mode, at: ReadAt::AnyServer, operation }))
    })
}

fn any_message() -> impl Strategy<Value = Message> {
    let raft = (any_node(), any_node(), any_term(), any_body()).prop_map(|(from, to, term, body)| Message::Raft {
        from,
        to,
        message: whitewater_raft::Message { term, body },
    });
    let admin = prop_oneof![
        Just(AdminRequest::Status),
        Just(AdminRequest::Change(ChangeRequest::LeaveJoint)),
        any_node().prop_map(|to| AdminRequest::Transfer { to }),
    ];
    let status = (any_node(), any_configuration(), prop::collection::vec(any_node(), 0..3)).prop_map(
        |(leader, configuration, ready)| {
            AdminReply::Status(Status { leader, configuration, stage: Stage::Committed, ready })
        },
    );
    let admin_reply = prop_oneof![
        status,
        Just(AdminReply::Accepted),
        (prop::option::of(any_node()), ".{0,9}").prop_map(|(leader, why)| AdminReply::Refused { leader, why }),
    ];
    prop_oneof![
        12 => raft,
        2 => prop::collection::vec(any::<u8>(), 0..40).prop_map(|bytes| Message::Request(bytes.into())),
        2 => any_read(),
        4 => any_reply().prop_map(Message::Reply),
        1 => admin.prop_map(Message::Admin),
        1 => admin_reply.prop_map(Message::AdminReply),
        1 => any_node().prop_map(Message::CameBack),
    ]
}

/// A frame with this payload, and all the rest of it right.
fn framed(payload: &[u8]) -> Vec<u8> {
    let len = (payload.len() as u32).to_le_bytes();
    [&len[..], &checksum(&len, payload).to_le_bytes(), payload].concat()
}

proptest! {
    #[test]
    fn a_message_comes_back_as_it_was_and_is_as_long_as_was_said(message in any_message()) {
        let frame = encode(&message).expect("the message is small");
        prop_assert_eq!(decode(&frame), Ok(message.clone()));
        prop_assert_eq!(size_bytes(&message), frame.len() as u64);
        prop_assert_eq!(frame_bytes(&frame), Ok(Some(frame.len())));
        prop_assert!(usize::from(kind(&message)) < KINDS.len());
    }

    #[test]
    fn a_part_of_a_frame_is_refused_and_so_is_a_frame_with_more_behind_it(message in any_message(), more: u8) {
        let frame = encode(&message).expect("the message is small");
        for len in 0..frame.len() {
            prop_assert_eq!(decode(&frame[..len]), Err(DecodeError::Truncated { len }));
        }
        prop_assert_eq!(decode(&[&frame[..], &[more]].concat()), Err(DecodeError::TrailingBytes(1)));
        let longer = framed(&[&frame[HEADER..], &[more]].concat());
        prop_assert!(matches!(decode(&longer), Err(DecodeError::NotAMessage(_))));
    }

    #[test]
    fn every_single_wrong_bit_is_noticed(message in any_message()) {
        let frame = encode(&message).expect("the message is small");
        for bit in 0..frame.len() * 8 {
            let mut frame = frame.clone();
            frame[bit / 8] ^= 1 << (bit % 8);
            prop_assert!(decode(&frame).is_err(), "bit {bit}");
        }
    }

    #[test]
    fn arbitrary_bytes_are_refused(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
        let _ = decode(&bytes);
        if let Ok(message) = decode(&framed(&bytes)) {
            prop_assert_eq!(encode(&message), Ok(framed(&bytes)));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    /// With a right checksum, so that it is the payload that must be refused: 50 changes of each of 2,000 messages.
    #[test]
    fn changed_payloads_are_refused_or_are_what_they_encode_to(
        message in any_message(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0_u8..4), 50),
    ) {
        let payload = &encode(&message).expect("the message is small")[HEADER..];
        for (at, byte, how) in changes {
            let mut payload = payload.to_vec();
            let at = at.index(payload.len());
            match how {
                0 => payload[at] = byte,
                1 => payload.insert(at, byte),
                2 => drop(payload.remove(at)),
                _ => payload[at..].fill(byte),
            }
            if let Ok(message) = decode(&framed(&payload)) {
                prop_assert_eq!(encode(&message), Ok(framed(&payload)));
                let _ = message.to_string();
            }
        }
    }
}

#[test]
fn the_format_is_pinned() {
    let body =
        Body::RequestVote(RequestVote { last_index: Index(300), last_term: Term(2), cause: ElectionCause::Transfer });
    let message =
        Message::Raft { from: NodeId(1), to: NodeId(2), message: whitewater_raft::Message { term: Term(3), body } };
    let frame = encode(&message).expect("the message is small");
    assert_eq!(frame[..4], [9, 0, 0, 0]);
    assert_eq!(frame[HEADER..], [0, 1, 2, 3, 2, 0xac, 2, 2, 1]);
}

#[test]
fn a_length_is_not_believed() {
    let announced = |len: u32| frame_bytes(&[&len.to_le_bytes()[..], b"more"].concat());
    assert_eq!(announced(u32::MAX), Err(DecodeError::TooLong { len: u32::MAX as usize }));
    assert_eq!(announced(PAYLOAD_BYTES_MAX as u32), Ok(Some(HEADER + PAYLOAD_BYTES_MAX)));
    assert_eq!(frame_bytes(&[1, 2, 3]), Ok(None));
    // A request of 2^63 bytes, an append of 2^63 entries, and operations that are nested without end.
    let huge = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f];
    assert!(decode(&framed(&[&[1][..], &huge].concat())).is_err());
    assert!(decode(&framed(&[&[0, 1, 2, 3, 4, 5, 6][..], &huge].concat())).is_err());
    let nested = [10, 1, 0].repeat(100_000);
    let mut read = vec![2, 7, 0, 0];
    read.extend([0xe0, 0xa7, 0x12]);
    read.extend(nested);
    let why = decode(&framed(&read)).expect_err("nobody sends that");
    assert!(matches!(why, DecodeError::NotAMessage(_)), "{why}");
}

#[test]
fn what_nobody_could_have_sent_is_refused() {
    let refused = |body: Body| {
        let message = whitewater_raft::Message { term: Term(1), body };
        let message = Message::Raft { from: NodeId(0), to: NodeId(1), message };
        decode(&encode(&message).expect("the message is small")).expect_err("it is impossible").to_string()
    };
    let append = |index, payload| {
        let entries = [Entry { term: Term(1), index: Index(index), payload }].into();
        let (previous_index, previous_term) = (Index(4), Term(1));
        refused(Body::Append(Append { previous_index, previous_term, entries, commit: Index(0), round: Round(1) }))
    };
    let why = append(6, Payload::Noop);
    assert_eq!(why, "the message is impossible: the indexes of its entries are not consecutive");
    let twice = Configuration { voters: vec![NodeId(1), NodeId(1)], ..Configuration::default() };
    let why = append(5, Payload::Configuration(Arc::new(twice)));
    assert_eq!(why, "the message is impossible: a configuration is one that cannot be");
    let part = InstallSnapshot {
        last_index: Index(1),
        last_term: Term(1),
        configuration: Arc::default(),
        length: 3,
        offset: u64::MAX,
        data: b"ab"[..].into(),
        round: Round(1),
    };
    let beyond = "the message is impossible: a part of a snapshot goes beyond its end";
    assert_eq!(refused(Body::InstallSnapshot(Box::new(part.clone()))), beyond);
    assert_eq!(refused(Body::InstallSnapshot(Box::new(InstallSnapshot { offset: 2, ..part }))), beyond);
}

#[test]
fn what_breaks_a_limit_is_not_written() {
    let operation = Operation::Get { key: "k".repeat(codec::KEY_BYTES_MAX + 1).into() };
    let read = ReadRequest { number: 1, mode: ReadMode::Quorum, at: ReadAt::Leader, operation };
    assert!(matches!(encode(&Message::Read(Box::new(read))), Err(EncodeError::Impossible(_))));
    let long = Message::Request(vec![0; PAYLOAD_BYTES_MAX].into());
    assert!(matches!(encode(&long), Err(EncodeError::TooLong { .. })));
}

#[test]
fn every_kind_has_a_name_of_its_own() {
    let mut names = KINDS.to_vec();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), KINDS.len());
}
