//! What travels between the processes of the store: Raft's messages, requests and replies.

use std::fmt;

use whitewater_raft::message::{Append, AppendReply, Body, Conflict, RequestVote, VoteReply};
use whitewater_raft::{Command, NodeId, Payload};

use crate::codec;
use crate::command::Answer;

/// A process: a server (its Raft node number) or a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Address(pub u32);

impl From<NodeId> for Address {
    fn from(node: NodeId) -> Address {
        Address(node.0)
    }
}

/// A message between two processes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// Between servers.
    Raft(whitewater_raft::Message),
    /// From a client: an encoded [`crate::Request`].
    Request(Command),
    /// To a client.
    Reply(Reply),
}

/// A server's reply to a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// The request's sequence number.
    pub sequence: u64,
    /// What became of it.
    pub result: ReplyResult,
}

/// What became of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReplyResult {
    /// It took effect, with this answer.
    Answered(Answer),
    /// This copy of it did not enter the log: the server does not lead.
    Refused {
        /// Who leads, as far as the server knows.
        leader: Option<NodeId>,
    },
    /// It entered the log, but the server stopped leading before it was committed: it may take effect or not.
    Uncertain {
        /// Who leads, as far as the server knows.
        leader: Option<NodeId>,
    },
}

/// For traces: one short line.
impl fmt::Display for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Message::Raft(message) => {
                write!(f, "t{} ", message.term)?;
                raft_body(&message.body, f)
            }
            Message::Request(bytes) => {
                write!(f, "Request ")?;
                command(bytes, f)
            }
            Message::Reply(reply) => write!(f, "{reply}"),
        }
    }
}

impl fmt::Display for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Reply #{} ", self.sequence)?;
        let (word, leader) = match &self.result {
            ReplyResult::Answered(answer) => return write!(f, "{answer}"),
            ReplyResult::Refused { leader } => ("refused", leader),
            ReplyResult::Uncertain { leader } => ("uncertain", leader),
        };
        match leader {
            Some(leader) => write!(f, "{word}, {leader} leads"),
            None => write!(f, "{word}, no leader known"),
        }
    }
}

fn raft_body(body: &Body, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match body {
        Body::RequestVote(RequestVote { last_index, last_term }) => {
            write!(f, "RequestVote last={last_index}@t{last_term}")
        }
        Body::VoteReply(VoteReply::Granted) => write!(f, "VoteReply granted"),
        Body::VoteReply(VoteReply::Refused) => write!(f, "VoteReply refused"),
        Body::Append(Append { previous_index, previous_term, entries, commit }) => {
            write!(f, "Append after {previous_index}@t{previous_term}")?;
            match &**entries {
                [] => write!(f, ", nothing")?,
                [entry] => {
                    write!(f, ", {}@t{} ", entry.index, entry.term)?;
                    match &entry.payload {
                        Payload::Noop => write!(f, "no-op")?,
                        Payload::Command(bytes) => command(bytes, f)?,
                    }
                }
                [first, .., last] => write!(f, ", {}..{}@t{}", first.index, last.index, last.term)?,
            }
            write!(f, ", commit {commit}")
        }
        Body::AppendReply(AppendReply::Accepted { matched }) => write!(f, "AppendReply matched {matched}"),
        Body::AppendReply(AppendReply::Rejected { previous_index, conflict }) => {
            write!(f, "AppendReply rejected {previous_index}: ")?;
            match conflict {
                Conflict::Missing { last_index } => write!(f, "log ends at {last_index}"),
                Conflict::Term { term, first_index } => write!(f, "t{term} from {first_index}"),
            }
        }
    }
}

fn command(bytes: &Command, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match codec::decode(bytes) {
        Ok(request) => write!(f, "c{}#{} {}", request.client, request.sequence, request.operation),
        Err(error) => write!(f, "{} bytes ({error})", bytes.len()),
    }
}
