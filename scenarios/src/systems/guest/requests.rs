//! What our clients ask, in the words of the protocol, and what nodes answer, in the words of our clients.
//!
//! Sessions are ours: nodes never see them. A client that has crashed comes back under another name. What it simplifies:
//! everything goes through the log, one request of a client at a time, so that a node needs to remember no more of a client
//! than its last request and the answer to it.

use std::collections::BTreeMap;
use std::sync::Arc;

use whitewater_kv::message::{Rejection, Reply, ReplyResult, RequestId};
use whitewater_kv::{Answer, Operation, Request, codec};
use whitewater_raft::{Index, NodeId as RaftId};
use whitewater_sim::NodeId;

use super::protocol;

/// What a client asks.
pub(super) enum Asked {
    /// For a session: this is the answer.
    Session(Reply),
    /// For something that is done by a node.
    Operation {
        /// The name of the client.
        src: Arc<str>,
        /// The request.
        request: protocol::Request,
    },
    /// For something that no node understands.
    Nothing,
}

/// The requests that a node has to answer in this life.
#[derive(Debug, Default)]
pub(super) struct Requests {
    /// By client and number.
    open: BTreeMap<(Arc<str>, u64), Open>,
}

/// A request, as often as it was asked and not answered.
#[derive(Debug)]
struct Open {
    copies: u32,
    client: NodeId,
    id: RequestId,
    operation: protocol::Operation,
}

/// The name of a client, in a session of ours: `c3`, or `c3.1` after it has crashed once.
fn name(client: NodeId, session: u64, clients: u32) -> Arc<str> {
    match (session >> 32).checked_div(u64::from(clients)).unwrap_or_default() {
        0 => format!("c{}", client.0).into(),
        crashes => format!("c{}.{crashes}", client.0).into(),
    }
}

impl Requests {
    /// Takes a request of one of so many clients on.
    pub(super) fn take(&mut self, client: NodeId, bytes: &[u8], clients: u32) -> Asked {
        match codec::decode(bytes) {
            Ok(Request::OpenSession { nonce }) => {
                let result = ReplyResult::Opened { session: nonce };
                Asked::Session(Reply { to: RequestId::OpenSession { nonce }, result })
            }
            Ok(Request::Execute { session, sequence, operation, .. }) => {
                let Some(operation) = in_protocol(operation.map(&|text: &str| Arc::from(text))) else {
                    return Asked::Nothing;
                };
                let src = name(client, session, clients);
                let id = RequestId::Execute { session, sequence };
                let new = || Open { copies: 0, client, id, operation: operation.clone() };
                self.open.entry((Arc::clone(&src), sequence)).or_insert_with(new).copies += 1;
                Asked::Operation { src, request: protocol::Request { operation, msg_id: sequence } }
            }
            Err(_) => Asked::Nothing,
        }
    }

    /// What an answer to a client is to it.
    ///
    /// # Errors
    /// In words, if the answer is none to anything that the client has asked here.
    pub(super) fn answer(
        &mut self,
        dest: &str,
        answer: &protocol::Answer,
        leader: impl Fn(&str) -> Option<NodeId>,
    ) -> Result<(NodeId, Reply), String> {
        let number = answer.in_reply_to();
        let key = (Arc::from(dest), number);
        let open = self.open.get_mut(&key).filter(|open| open.copies > 0);
        let open = open.ok_or_else(|| format!("{dest} has asked nothing under {number} that is not answered yet"))?;
        let result = result(&open.operation, answer, leader).ok_or_else(|| {
            let asked = serde_json::to_string(&open.operation).unwrap_or_default();
            format!("that is no answer to {asked}")
        })?;
        open.copies -= 1;
        let reply = (open.client, Reply { to: open.id, result });
        if open.copies == 0 {
            self.open.remove(&key);
        }
        Ok(reply)
    }
}

/// An operation that nodes understand.
fn in_protocol(operation: Operation) -> Option<protocol::Operation> {
    Some(match operation {
        Operation::Get { key } => protocol::Operation::Read { key },
        Operation::Put { key, value } => protocol::Operation::Write { key, value },
        Operation::Append { key, value } => protocol::Operation::Append { key, value },
        Operation::Delete { key } => protocol::Operation::Delete { key },
        Operation::CompareAndSwap { key, expected: from, new: to } => {
            let create_if_not_exists = from.is_none();
            protocol::Operation::Cas { key, from, to, create_if_not_exists }
        }
        Operation::GetRevision { .. }
        | Operation::Range { .. }
        | Operation::Transaction { .. }
        | Operation::Batch(_) => return None,
    })
}

/// Maelstrom's numbers of errors.
mod code {
    pub(super) const NOT_SUPPORTED: u64 = 10;
    pub(super) const TEMPORARILY_UNAVAILABLE: u64 = 11;
    pub(super) const MALFORMED_REQUEST: u64 = 12;
    pub(super) const ABORT: u64 = 14;
    pub(super) const KEY_DOES_NOT_EXIST: u64 = 20;
    pub(super) const PRECONDITION_FAILED: u64 = 22;
}

/// What an answer means to our client; nothing if it is none to this operation.
fn result(
    operation: &protocol::Operation,
    answer: &protocol::Answer,
    leader: impl Fn(&str) -> Option<NodeId>,
) -> Option<ReplyResult> {
    use protocol::{Answer as Said, Operation as Asked};
    let answered = |answer| ReplyResult::Answered { answer, index: Index(0) };
    let leader = |named: &Option<String>| named.as_deref().and_then(&leader).map(|NodeId(number)| RaftId(number));
    Some(match (operation, answer) {
        (Asked::Read { .. }, Said::ReadOk { value, .. }) => answered(Answer::Value(value.as_deref().map(Arc::from))),
        (Asked::Write { .. }, Said::WriteOk { .. })
        | (Asked::Append { .. }, Said::AppendOk { .. })
        | (Asked::Delete { .. }, Said::DeleteOk { .. }) => answered(Answer::Done),
        (Asked::Cas { .. }, Said::CasOk { .. }) => answered(Answer::Swapped(true)),
        (_, Said::Error { code, leader: named, .. }) => match (*code, operation) {
            (code::TEMPORARILY_UNAVAILABLE | code::ABORT, _) => ReplyResult::Refused { leader: leader(named) },
            (code::NOT_SUPPORTED | code::MALFORMED_REQUEST, _) => ReplyResult::Rejected(Rejection::TooLarge),
            (code::KEY_DOES_NOT_EXIST, Asked::Read { .. }) => answered(Answer::Value(None)),
            (code::KEY_DOES_NOT_EXIST, Asked::Delete { .. }) => answered(Answer::Done),
            (code::KEY_DOES_NOT_EXIST | code::PRECONDITION_FAILED, Asked::Cas { .. }) => {
                answered(Answer::Swapped(false))
            }
            (code::KEY_DOES_NOT_EXIST | code::PRECONDITION_FAILED, _) => return None,
            // All others leave open what became of it, as Maelstrom has it.
            _ => ReplyResult::Uncertain { leader: leader(named) },
        },
        _ => return None,
    })
}
