//! A message of the store, on a link of the simulator: how it is printed, what of it enters the digest of a run, how long it
//! is, and what becomes of it if a bit is wrong.

use std::borrow::Cow;
use std::fmt;

use whitewater_kv::message::{ReadAt, ReadRequest, Reply, ReplyResult, RequestId};
use whitewater_kv::{Message, wire};
use whitewater_raft::message::{
    Append, AppendReply, AppendResult, Body, Conflict, ElectionCause, InstallSnapshot, PreVoteReply, ReadContext,
    ReadIndexReply, RequestPreVote, RequestVote, SnapshotReply, VoteReply,
};
use whitewater_raft::{Index, NodeId, ReadMode};
use whitewater_sim::Digest;
use xxhash_rust::xxh3::xxh3_64;

/// A message of the store.
#[derive(Clone, Debug)]
pub struct Wire(pub Message);

impl From<Message> for Wire {
    fn from(message: Message) -> Wire {
        Wire(message)
    }
}

impl fmt::Display for Wire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl whitewater_sim::Message for Wire {
    /// Covers everything that decides what a receiver does, except the commands in a log: those are covered, once, by
    /// the observation of each entry.
    fn fingerprint(&self) -> u64 {
        match &self.0 {
            Message::Raft { from, to, message } => {
                let ends = u64::from(from.0) << 32 | u64::from(to.0);
                let (kind, first, second) = body(&message.body);
                Digest::of(&[kind, message.term.0 ^ ends.rotate_left(40), first, second])
            }
            Message::Request(command) => xxh3_64(command),
            Message::Read(request) => read(request),
            Message::Reply(reply) => answer(reply),
            Message::Admin(request) => printed(request),
            Message::AdminReply(reply) => printed(reply),
            Message::CameBack(id) => Digest::of(&[30, u64::from(id.0)]),
        }
    }

    fn kind(&self) -> u8 {
        wire::kind(&self.0)
    }

    fn name(&self) -> Cow<'static, str> {
        Cow::Borrowed(wire::KINDS[usize::from(wire::kind(&self.0))])
    }

    fn size_bytes(&self) -> u64 {
        wire::size_bytes(&self.0)
    }

    fn corrupted(&self, draw: u64) -> Option<Wire> {
        // What cannot be written is never sent.
        let mut frame = wire::encode(&self.0).ok()?;
        let bit = ((u128::from(draw) * (frame.len() as u128 * 8)) >> 64) as usize;
        frame[bit / 8] ^= 1 << (bit % 8);
        wire::decode(&frame).ok().map(Wire)
    }
}

fn body(body: &Body) -> (u64, u64, u64) {
    match body {
        Body::RequestVote(RequestVote { last_index, last_term, cause: ElectionCause::Timeout }) => {
            (1, last_index.0, last_term.0)
        }
        Body::RequestVote(RequestVote { last_index, last_term, cause: ElectionCause::Transfer }) => {
            (2, last_index.0, last_term.0)
        }
        Body::VoteReply(reply) => (3, vote(*reply), 0),
        Body::RequestPreVote(RequestPreVote { next_term, last_index, last_term }) => {
            (4, next_term.0, Digest::of(&[last_index.0, last_term.0]))
        }
        Body::PreVoteReply(PreVoteReply { next_term, vote: reply }) => (5, next_term.0, vote(*reply)),
        Body::Append(Append { previous_index, previous_term, entries, commit, round }) => {
            let last_term = entries.last().map_or(0, |entry| entry.term.0);
            let first = Digest::of(&[previous_index.0, previous_term.0, commit.0, round.0]);
            (6, first, last_term << 32 | entries.len() as u64)
        }
        Body::AppendReply(AppendReply { round, result }) => match result {
            AppendResult::Accepted { matched } => (7, matched.0, round.0),
            AppendResult::Rejected { previous_index, conflict: Conflict::Missing { last_index } } => {
                (8, previous_index.0, Digest::of(&[last_index.0, round.0]))
            }
            AppendResult::Rejected { previous_index, conflict: Conflict::Term { term, first_index } } => {
                (9, previous_index.0, Digest::of(&[term.0, first_index.0, round.0]))
            }
        },
        Body::InstallSnapshot(part) => {
            let InstallSnapshot { last_index, last_term, length, offset, data, round, .. } = &**part;
            let part = Digest::of(&[*length, *offset, xxh3_64(data), round.0]);
            (10, Digest::of(&[last_index.0, last_term.0]), part)
        }
        Body::SnapshotReply(SnapshotReply { last_index, received, round }) => {
            (11, last_index.0, Digest::of(&[*received, round.0]))
        }
        Body::TimeoutNow => (12, 0, 0),
        Body::RequestReadIndex(ReadContext { life, read }) => (13, *life, read.0),
        Body::ReadIndexReply(ReadIndexReply { context, index }) => {
            let index = index.map_or(0, |Index(index)| index + 1);
            (14, context.life, Digest::of(&[context.read.0, index]))
        }
    }
}

fn vote(reply: VoteReply) -> u64 {
    match reply {
        VoteReply::Granted => 1,
        VoteReply::Refused => 2,
    }
}

fn read(request: &ReadRequest) -> u64 {
    let mode = match request.mode {
        ReadMode::Quorum => 1,
        ReadMode::Lease => 2,
    };
    let at = match request.at {
        ReadAt::Leader => 1,
        ReadAt::AnyServer => 2,
    };
    let what = match request.operation.single_key() {
        Some(key) => xxh3_64(key.as_bytes()),
        None => printed(&request.operation),
    };
    Digest::of(&[20, request.number, mode << 8 | at, what])
}

fn answer(reply: &Reply) -> u64 {
    let (kind, first, second) = match reply.to {
        RequestId::OpenSession { nonce } => (21, nonce, 0),
        RequestId::Execute { session, sequence } => (22, session, sequence),
        RequestId::Read { number } => (23, number, 0),
    };
    let leader = |leader: &Option<NodeId>| leader.map_or(0, |node| u64::from(node.0) + 1);
    let result = match &reply.result {
        ReplyResult::Answered { answer, index } => Digest::of(&[1, answer.fingerprint(), index.0]),
        ReplyResult::Opened { session } => Digest::of(&[2, *session]),
        ReplyResult::SessionExpired => 3,
        ReplyResult::Refused { leader: of } => 4 | leader(of) << 8,
        ReplyResult::Uncertain { leader: of } => 5 | leader(of) << 8,
        ReplyResult::Rejected(rejection) => 6 | (*rejection as u64) << 8,
    };
    Digest::of(&[kind, first, second, result])
}

/// For what is rare: the fingerprint of how it is printed.
fn printed(what: &impl fmt::Display) -> u64 {
    xxh3_64(what.to_string().as_bytes())
}
