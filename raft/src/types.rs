//! The words of the protocol as types: node, term, index, entry (paper, Figure 2 "State").

use std::fmt;
use std::sync::Arc;

use crate::configuration::Configuration;

/// A server. The number means nothing but identity: a server that lost its disk must come back under another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
pub struct NodeId(pub u32);

/// A term: the protocol's logical clock (paper 5.1). The first election is for term 1; 0 is "none yet".
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
pub struct Term(pub u64);

/// A position in the log. The first entry has index 1; 0 stands before the log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
pub struct Index(pub u64);

/// Number of a write to stable storage. Writes complete in order: a completed number promises all earlier ones.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WriteSequence(pub u64);

/// The host's name for a proposal, given back when the proposal is accepted or refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProposalId(pub u64);

/// The host's name for a read, given back when the read may be served or is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
pub struct ReadId(pub u64);

/// A reading of a server's own clock, in nanoseconds. Best is a clock that is never set; readings of different servers,
/// or of different lives of one, cannot be compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LocalTime(pub u64);

/// A round of messages by which a leader finds out that it still leads (dissertation 6.4); counted from 1 in each
/// leadership. Every append carries the latest one, and its answer brings it back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
pub struct Round(pub u64);

/// An opaque command for the state machine. Shared, never copied: one allocation serves the log, every message and
/// every write, and a log that is read back from disk shares the bytes that were read.
pub type Command = bytes::Bytes;

/// What an entry carries.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Payload {
    /// Nothing: a new leader's first entry, which lets it commit what earlier terms left (dissertation 6.4, step 1).
    Noop,
    /// A command of the state machine.
    Command(Command),
    /// Who the servers are from here on (dissertation 4.1): in force as soon as it is in the log.
    Configuration(Arc<Configuration>),
}

/// One entry of the log.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Entry {
    /// The term in which a leader created the entry.
    pub term: Term,
    /// The entry's position.
    pub index: Index,
    /// What it carries.
    pub payload: Payload,
}

/// What must survive a crash besides the log (paper, Figure 2 "Persistent state").
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HardState {
    /// The latest term that the server has seen.
    pub term: Term,
    /// The candidate that got this server's vote in `term`.
    pub voted_for: Option<NodeId>,
}

impl Term {
    /// The term after this one.
    #[must_use]
    pub fn next(self) -> Term {
        Term(self.0 + 1)
    }
}

impl Index {
    /// The position after this one.
    #[must_use]
    pub fn next(self) -> Index {
        Index(self.0 + 1)
    }

    /// The position before this one; the position before the log is its own predecessor.
    #[must_use]
    pub fn previous(self) -> Index {
        Index(self.0.saturating_sub(1))
    }
}

macro_rules! displayed_as_number {
    ($prefix:literal: $($type:ty),*) => {
        $(impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($prefix, "{}"), self.0)
            }
        })*
    };
}
displayed_as_number!("": Term, Index, WriteSequence, ProposalId, ReadId, Round);
displayed_as_number!("n": NodeId);
