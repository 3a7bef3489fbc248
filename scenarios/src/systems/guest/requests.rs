//! What our clients ask, in the words of the protocol, and what nodes answer, in the words of our clients.
//!
//! Sessions are ours: nodes never see them. A client that has crashed comes back under another name, and one that may have
//! several operations under way is as many clients to nodes, of one each: so a node needs to remember no more of a client than its
//! last request and the answer to it. What it simplifies: everything goes through the log.

use std::collections::BTreeMap;
use std::sync::Arc;

use whitewater_kv::client::Numbering;
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

/// The clients of a scenario.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clients {
    /// How many there are.
    pub(super) count: u32,
    /// How many operations each may have under way.
    pub(super) window: u32,
}

impl Clients {
    /// The name of a client, in a session of ours and one of its places: `c3`, or `c3.1` after it has crashed once, and `c3-2` or
    /// `c3.1-2` for what it asks beside that.
    fn name(self, client: NodeId, session: u64, place: u64) -> Arc<str> {
        let mut name = format!("c{}", client.0);
        match (session >> 32).checked_div(u64::from(self.count)).unwrap_or_default() {
            0 => {}
            crashes => name += &format!(".{crashes}"),
        }
        match place {
            0 => {}
            place => name += &format!("-{place}"),
        }
        name.into()
    }
}

impl Requests {
    /// Takes a request of one of these clients on.
    pub(super) fn take(&mut self, client: NodeId, bytes: &[u8], clients: Clients) -> Asked {
        match codec::decode(bytes) {
            Ok(Request::OpenSession { nonce }) => {
                let result = ReplyResult::Opened { session: nonce };
                Asked::Session(Reply { to: RequestId::OpenSession { nonce }, result })
            }
            Ok(Request::Execute { session, sequence, operation, .. }) => {
                let Some(operation) = in_protocol(operation.map(&|text: &str| Arc::from(text))) else {
                    return Asked::Nothing;
                };
                let (place, msg_id) = Numbering::place(sequence, u64::from(clients.window));
                let src = clients.name(client, session, place);
                let id = RequestId::Execute { session, sequence };
                let new = || Open { copies: 0, client, id, operation: operation.clone() };
                self.open.entry((Arc::clone(&src), msg_id)).or_insert_with(new).copies += 1;
                Asked::Operation { src, request: protocol::Request { operation, msg_id } }
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

/// Whether nodes understand an operation.
pub(super) fn has_word(operation: &Operation) -> bool {
    in_protocol(operation.clone()).is_some()
}

/// An operation that nodes understand, in their words.
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

#[cfg(test)]
mod tests {
    use super::*;

    const CLIENT: NodeId = NodeId(3);

    fn asked(requests: &mut Requests, session: u64, operation: Operation) -> String {
        numbered(requests, session, 1, 1, operation)
    }

    fn numbered(requests: &mut Requests, session: u64, window: u32, sequence: u64, operation: Operation) -> String {
        let request = Request::Execute { session, sequence, oldest_unanswered: sequence, operation };
        match requests.take(CLIENT, &codec::encode(&request).expect("it is small"), Clients { count: 5, window }) {
            Asked::Operation { src, request } => {
                format!("{src} {}", serde_json::to_string(&request).expect("a request is JSON"))
            }
            Asked::Session(_) | Asked::Nothing => "nothing".to_owned(),
        }
    }

    fn answered(requests: &mut Requests, said: &str) -> Result<ReplyResult, String> {
        let answer = serde_json::from_str(said).expect("an answer");
        requests.answer("c3", &answer, |name| (name == "n1").then_some(NodeId(1))).map(|(_, reply)| reply.result)
    }

    fn swap(expected: Option<&str>) -> Operation {
        Operation::CompareAndSwap { key: "k".into(), expected: expected.map(Arc::from), new: "w".into() }
    }

    #[test]
    fn operations_have_the_words_of_maelstrom() {
        let requests = &mut Requests::default();
        let get = Operation::Get { key: "k".into() };
        assert_eq!(asked(requests, 0, get.clone()), "c3 {\"type\":\"read\",\"key\":\"k\",\"msg_id\":1}");
        assert!(asked(requests, 7 << 32, get).starts_with("c3.1 "), "the client has crashed once");
        let from = "c3 {\"type\":\"cas\",\"key\":\"k\",\"from\":\"v\",\"to\":\"w\",\"msg_id\":1}";
        assert_eq!(asked(requests, 0, swap(Some("v"))), from);
        let missing =
            "c3 {\"type\":\"cas\",\"key\":\"k\",\"from\":null,\"to\":\"w\",\"create_if_not_exists\":true,\"msg_id\":1}";
        assert_eq!(asked(requests, 0, swap(None)), missing);
        assert_eq!(asked(requests, 0, Operation::Batch(Vec::new())), "nothing");
    }

    #[test]
    fn a_client_with_several_operations_under_way_is_several_to_nodes() {
        let requests = &mut Requests::default();
        let mut asked = |session, sequence| {
            let said = numbered(requests, session, 4, sequence, Operation::Get { key: "k".into() });
            said.replace("{\"type\":\"read\",\"key\":\"k\",\"msg_id\":", "").replace('}', "")
        };
        assert_eq!(asked(0, 4), "c3 1");
        assert_eq!(asked(0, 9), "c3-1 2");
        assert_eq!(asked(7 << 32, 15), "c3.1-3 3");
        let said = "{\"type\":\"read_ok\",\"in_reply_to\":2,\"value\":null}";
        let answer = serde_json::from_str(said).expect("an answer");
        assert!(requests.answer("c3", &answer, |_| None).is_err(), "another one has asked");
        let (client, reply) = requests.answer("c3-1", &answer, |_| None).expect("it was asked");
        assert_eq!((client, reply.to), (CLIENT, RequestId::Execute { session: 0, sequence: 9 }));
    }

    #[test]
    fn answers_mean_what_they_mean_in_maelstrom() {
        let meant = |operation: Operation, said: &str| {
            let requests = &mut Requests::default();
            asked(requests, 0, operation);
            answered(requests, said)
        };
        let error = |code: u64| format!("{{\"type\":\"error\",\"in_reply_to\":1,\"code\":{code},\"leader\":\"n1\"}}");
        let answer = |answer| Ok(ReplyResult::Answered { answer, index: Index(0) });
        let leader = Some(RaftId(1));
        assert_eq!(meant(swap(Some("v")), &error(22)), answer(Answer::Swapped(false)));
        assert_eq!(meant(swap(Some("v")), &error(20)), answer(Answer::Swapped(false)));
        assert_eq!(meant(swap(None), "{\"type\":\"cas_ok\",\"in_reply_to\":1}"), answer(Answer::Swapped(true)));
        let get = || Operation::Get { key: "k".into() };
        assert_eq!(meant(get(), &error(20)), answer(Answer::Value(None)));
        assert_eq!(meant(get(), &error(11)), Ok(ReplyResult::Refused { leader }));
        for code in [0, 13, 1_000] {
            assert_eq!(meant(get(), &error(code)), Ok(ReplyResult::Uncertain { leader }), "{code}");
        }
        assert!(
            meant(get(), &error(22)).is_err() && meant(get(), "{\"type\":\"write_ok\",\"in_reply_to\":1}").is_err()
        );
    }

    #[test]
    fn each_copy_of_a_request_is_answered_once() {
        let requests = &mut Requests::default();
        let get = || Operation::Get { key: "k".into() };
        let said = "{\"type\":\"read_ok\",\"in_reply_to\":1,\"value\":null}";
        assert!(answered(requests, said).is_err());
        asked(requests, 0, get());
        asked(requests, 0, get());
        assert!(
            answered(requests, said).is_ok() && answered(requests, said).is_ok() && answered(requests, said).is_err()
        );
    }
}
