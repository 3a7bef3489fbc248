//! A message of the crate on a link of the simulator, and what it promises (paper, Figure 2).
//!
//! What it simplifies: messages are not encoded; links neither damage nor shorten what they carry.

use std::fmt;

use protobuf::Message as _;
use raft::eraftpb::{Message, MessageType};
use whitewater_sim::observe::Promise;
use whitewater_sim::{NodeId, ServerId};
use xxhash_rust::xxh3::xxh3_64;

/// A message between servers.
#[derive(Clone, Debug)]
pub(crate) struct Letter(pub(crate) Message);

impl whitewater_sim::Message for Letter {
    fn fingerprint(&self) -> u64 {
        xxh3_64(&self.0.write_to_bytes().expect("a message has all of its fields"))
    }

    fn kind(&self) -> u8 {
        let kind = KINDS.iter().find(|(of, _)| *of == self.0.get_msg_type());
        kind.unwrap_or_else(|| unreachable!("{self} stays where it is made")).1
    }

    fn size_bytes(&self) -> u64 {
        u64::from(self.0.compute_size())
    }
}

impl fmt::Display for Letter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Letter(message) = self;
        write!(f, "t{} {:?} {}@t{}", message.term, message.msg_type, message.index, message.log_term)?;
        if let [first, .., last] | [first @ last] = &*message.entries {
            write!(f, ", {}..{}@t{}", first.index, last.index, last.term)?;
        }
        if message.has_snapshot() {
            let metadata = message.get_snapshot().get_metadata();
            write!(f, ", snapshot {}@t{}", metadata.index, metadata.term)?;
        }
        write!(f, ", commit {}{}", message.commit, if message.reject { ", rejected" } else { "" })
    }
}

/// The crate's number of a server. Its numbers begin at 1: 0 is nobody.
pub(crate) fn raft_id(node: NodeId) -> u64 {
    u64::from(node.0) + 1
}

/// The server with this number in the crate.
pub(crate) fn node_id(id: u64) -> Option<NodeId> {
    id.checked_sub(1).map(|number| NodeId(number as u32))
}

/// The numbers that scenarios give to kinds of messages. A heartbeat is an append without entries there.
const KINDS: [(MessageType, u8); 12] = [
    (MessageType::MsgAppend, 0),
    (MessageType::MsgHeartbeat, 0),
    (MessageType::MsgAppendResponse, 1),
    (MessageType::MsgHeartbeatResponse, 1),
    (MessageType::MsgRequestVote, 2),
    (MessageType::MsgRequestVoteResponse, 3),
    (MessageType::MsgRequestPreVote, 4),
    (MessageType::MsgRequestPreVoteResponse, 5),
    (MessageType::MsgSnapshot, 6),
    (MessageType::MsgTimeoutNow, 8),
    (MessageType::MsgReadIndex, 9),
    (MessageType::MsgReadIndexResp, 10),
];

/// Messages that do not speak for the term of their sender: they are about a possible next term, or are passed on.
const OF_NO_TERM: [MessageType; 3] =
    [MessageType::MsgRequestPreVote, MessageType::MsgRequestPreVoteResponse, MessageType::MsgReadIndex];

/// What a message promises in its term, if it speaks for that.
pub(crate) fn promise(message: &Message) -> Option<Promise> {
    let kind = message.get_msg_type();
    if OF_NO_TERM.contains(&kind) {
        None
    } else if kind == MessageType::MsgRequestVote {
        Some(Promise::AskVote)
    } else if kind == MessageType::MsgRequestVoteResponse && !message.reject {
        Some(Promise::Vote { to: ServerId(message.to - 1) })
    } else if kind == MessageType::MsgAppendResponse && !message.reject && message.index > 0 {
        // Index 0 only tells a leader of an earlier term that its term is over.
        Some(Promise::Ack { matched: message.index })
    } else {
        Some(Promise::Other)
    }
}
