//! What nodes say to each other (Figure 2, Figure 13, thesis 9.6). As JSON it is what `raft.py` says, field by field.

use serde::{Deserialize, Serialize};

use super::state::{Entry, Snapshot};

/// A message. Faults know these names.
#[derive(Clone, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(crate) enum Message {
    PreVote {
        term: u64,
        last: u64,
        last_term: u64,
    },
    PreVoteReply {
        term: u64,
        /// The term that was asked for.
        #[serde(rename = "for")]
        asked: u64,
        granted: bool,
    },
    RequestVote {
        term: u64,
        last: u64,
        last_term: u64,
    },
    VoteReply {
        term: u64,
        granted: bool,
    },
    Append {
        term: u64,
        previous: u64,
        previous_term: u64,
        entries: Vec<Entry>,
        commit: u64,
    },
    AppendReply {
        /// Nothing if the term of the append is over.
        #[serde(flatten)]
        result: Option<Appended>,
        term: u64,
    },
    InstallSnapshot {
        term: u64,
        snapshot: Snapshot,
    },
}

/// What became of an append.
#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Appended {
    /// The entry before it is missing or another one: it is to be tried from here.
    Retry(u64),
    /// The logs are the same through here.
    Matched(u64),
}
