//! What travels between the processes of the store: Raft's messages, requests and replies.

use std::fmt;

use whitewater_raft::message::{
    Append, AppendReply, AppendResult, Body, Conflict, ElectionCause, InstallSnapshot, PreVoteReply, ReadIndexReply,
    RequestPreVote, RequestVote, SnapshotReply, VoteReply,
};
use whitewater_raft::{Command, Index, NodeId, Payload, ReadMode};

use crate::admin::{AdminReply, AdminRequest, Servers};
use crate::codec;
use crate::command::{Answer, Operation};

/// A process: a server (the low 16 bits of its Raft node number) or a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Address(pub u32);

/// How many bits of a node number are the server's address; the rest count how often its disk was lost.
pub const ADDRESS_BITS: u32 = 16;

impl From<NodeId> for Address {
    fn from(node: NodeId) -> Address {
        Address(node.0 & ((1 << ADDRESS_BITS) - 1))
    }
}

/// A message between two processes.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Message {
    /// Between servers.
    Raft {
        /// Who says it.
        from: NodeId,
        /// Who is to hear it: not who has come to the same address since, with another disk.
        to: NodeId,
        /// What is said.
        message: whitewater_raft::Message,
    },
    /// From a client: an encoded [`crate::Request`], to be put into the log.
    Request(Command),
    /// From a client: a read that needs no entry in the log.
    Read(Box<ReadRequest>),
    /// To a client.
    Reply(Reply),
    /// From an operator.
    Admin(AdminRequest),
    /// To an operator.
    AdminReply(AdminReply),
    /// To an operator: the server at this address has lost its disk, and starts again under this id.
    CameBack(NodeId),
}

/// A read that does not go through the log (dissertation 6.4). It may be served any number of times, and so needs no
/// session.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct ReadRequest {
    /// The client's number for it; the same when it is tried again.
    pub number: u64,
    /// How the leader makes sure that it still leads.
    pub mode: ReadMode,
    /// Which servers may serve it.
    pub at: ReadAt,
    /// What is read. [`Operation::only_reads`], or else it is rejected.
    #[serde(with = "crate::wire::operation")]
    pub operation: Operation,
}

/// Which servers may serve a read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum ReadAt {
    /// The leader alone; others refuse, and name it.
    Leader,
    /// Any server: a follower asks the leader how far it must have applied.
    AnyServer,
}

/// A server's reply to a client.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Reply {
    /// What it replies to.
    pub to: RequestId,
    /// What became of that.
    pub result: ReplyResult,
}

/// The name of a request, by which its client knows the reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub enum RequestId {
    /// A request to open a session.
    OpenSession {
        /// Its nonce.
        nonce: u64,
    },
    /// An operation in the log.
    Execute {
        /// Its session.
        session: u64,
        /// Its number there.
        sequence: u64,
    },
    /// A read without an entry in the log.
    Read {
        /// Its number.
        number: u64,
    },
}

/// What became of a request.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum ReplyResult {
    /// It took effect.
    Answered {
        /// With this answer.
        #[serde(with = "crate::wire::answer")]
        answer: Answer,
        /// The entry by which it was answered (of a repeated operation: the repetition). For a read without an entry:
        /// the last one that was applied when it was served.
        index: Index,
    },
    /// The session is open.
    Opened {
        /// Its number.
        session: u64,
    },
    /// The session of the operation is not known any more. This copy of it did not take effect and never will; an
    /// earlier one may have.
    SessionExpired,
    /// This copy of it did not enter the log, or the read was not served: the server does not lead.
    Refused {
        /// Who leads, as far as the server knows.
        leader: Option<NodeId>,
    },
    /// It entered the log, but the server stopped leading before it was committed: it may take effect or not.
    Uncertain {
        /// Who leads, as far as the server knows.
        leader: Option<NodeId>,
    },
    /// This copy of it did not enter the log, though the server leads.
    Rejected(Rejection),
}

/// Why a leader does not take a request. Each message says what to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error, serde::Serialize, serde::Deserialize)]
pub enum Rejection {
    /// Too much is under way.
    #[error("too much waits to be committed: ask again later")]
    Overloaded,
    /// It is longer than Raft takes.
    #[error("the request is longer than the log takes: split it")]
    TooLarge,
    /// It asks for a read without an entry in the log, but would write.
    #[error("a read must not write: send the operation through the log")]
    NotARead,
}

/// For traces: one short line.
impl fmt::Display for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Message::Raft { message, .. } => {
                write!(f, "t{} ", message.term)?;
                raft_body(&message.body, f)
            }
            Message::Request(bytes) => {
                write!(f, "Request ")?;
                command(bytes, f)
            }
            Message::Read(request) => {
                let ReadRequest { number, mode, at, operation } = &**request;
                let mode = match mode {
                    ReadMode::Quorum => "by quorum",
                    ReadMode::Lease => "by lease",
                };
                let at = match at {
                    ReadAt::Leader => "at the leader",
                    ReadAt::AnyServer => "at any server",
                };
                write!(f, "Read r{number} {operation} {mode}, {at}")
            }
            Message::Reply(reply) => write!(f, "{reply}"),
            Message::Admin(request) => write!(f, "Admin {request}"),
            Message::AdminReply(reply) => write!(f, "AdminReply {reply}"),
            Message::CameBack(id) => write!(f, "CameBack as {id}"),
        }
    }
}

/// For traces: as in `s12#3`.
impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RequestId::OpenSession { nonce } => write!(f, "open#{nonce}"),
            RequestId::Execute { session, sequence } => write!(f, "s{session}#{sequence}"),
            RequestId::Read { number } => write!(f, "r{number}"),
        }
    }
}

impl fmt::Display for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Reply {} ", self.to)?;
        let (word, leader) = match &self.result {
            ReplyResult::Answered { answer, index } => return write!(f, "{answer} at {index}"),
            ReplyResult::Opened { session } => return write!(f, "session s{session} opened"),
            ReplyResult::SessionExpired => return write!(f, "session expired"),
            ReplyResult::Rejected(rejection) => return write!(f, "rejected: {rejection}"),
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
        Body::RequestPreVote(RequestPreVote { next_term, last_index, last_term }) => {
            write!(f, "RequestPreVote for t{next_term} last={last_index}@t{last_term}")
        }
        Body::PreVoteReply(PreVoteReply { next_term, vote }) => {
            write!(f, "PreVoteReply for t{next_term} {}", vote_word(*vote))
        }
        Body::RequestVote(RequestVote { last_index, last_term, cause }) => {
            let cause = match cause {
                ElectionCause::Timeout => "",
                ElectionCause::Transfer => ", asked to by the leader",
            };
            write!(f, "RequestVote last={last_index}@t{last_term}{cause}")
        }
        Body::VoteReply(vote) => write!(f, "VoteReply {}", vote_word(*vote)),
        Body::Append(append) => raft_append(append, f),
        Body::AppendReply(AppendReply { round, result }) => match result {
            AppendResult::Accepted { matched } => write!(f, "AppendReply matched {matched}, round {round}"),
            AppendResult::Rejected { previous_index, conflict } => {
                write!(f, "AppendReply rejected {previous_index}: ")?;
                match conflict {
                    Conflict::Missing { last_index } => write!(f, "log ends at {last_index}")?,
                    Conflict::Term { term, first_index } => write!(f, "t{term} from {first_index}")?,
                }
                write!(f, ", round {round}")
            }
        },
        Body::InstallSnapshot(part) => {
            let InstallSnapshot { last_index, last_term, length, offset, data, round, .. } = &**part;
            let end = offset + data.len() as u64;
            write!(f, "InstallSnapshot {last_index}@t{last_term} bytes {offset}..{end} of {length}, round {round}")
        }
        Body::SnapshotReply(SnapshotReply { last_index, received, round }) => {
            write!(f, "SnapshotReply {last_index} has {received} bytes, round {round}")
        }
        Body::TimeoutNow => write!(f, "TimeoutNow"),
        Body::RequestReadIndex(context) => write!(f, "RequestReadIndex #{}", context.read),
        Body::ReadIndexReply(ReadIndexReply { context, index: Some(index) }) => {
            write!(f, "ReadIndexReply #{} once {index} is applied", context.read)
        }
        Body::ReadIndexReply(ReadIndexReply { context, index: None }) => {
            write!(f, "ReadIndexReply #{} refused", context.read)
        }
    }
}

fn vote_word(vote: VoteReply) -> &'static str {
    match vote {
        VoteReply::Granted => "granted",
        VoteReply::Refused => "refused",
    }
}

fn raft_append(append: &Append, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let Append { previous_index, previous_term, entries, commit, round } = append;
    write!(f, "Append after {previous_index}@t{previous_term}")?;
    match &**entries {
        [] => write!(f, ", nothing")?,
        [entry] => {
            write!(f, ", {}@t{} ", entry.index, entry.term)?;
            match &entry.payload {
                Payload::Noop => write!(f, "no-op")?,
                Payload::Command(bytes) => command(bytes, f)?,
                Payload::Configuration(configuration) => write!(f, "{}", Servers(configuration))?,
            }
        }
        [first, .., last] => write!(f, ", {}..{}@t{}", first.index, last.index, last.term)?,
    }
    write!(f, ", commit {commit}, round {round}")
}

fn command(bytes: &Command, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match codec::decode(bytes) {
        Ok(request) => write!(f, "{request}"),
        Err(error) => write!(f, "{} bytes ({error})", bytes.len()),
    }
}
