//! What the simulator says to a node, and what a node says to it: the messages of `NODES.md`, as types.
//!
//! An [`Event`] is one line of JSON, an [`Action`] too; both are envelopes in the manner of Maelstrom (`src`, `dest`, `body`).
//! Bodies that nodes send to each other are theirs: they are passed on as they were written.

use std::borrow::Cow;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use whitewater_kv::wire::KINDS;

use crate::scenario::Scenario;

/// The name of the simulator.
pub const SIMULATOR: &str = "sim";

/// Something that happens to a node.
#[derive(Clone, Debug, Serialize)]
pub struct Event {
    /// Who says it: the simulator, another node, or a client.
    pub src: Arc<str>,
    /// The node.
    pub dest: Arc<str>,
    /// What is said.
    pub body: EventBody,
    /// What the node's own clock shows, in microseconds.
    pub now_us: u64,
    /// How many events the node was told in this life, this one included.
    pub turn: u64,
}

/// What is said to a node.
#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
pub enum EventBody {
    /// By the simulator.
    Simulator(FromSimulator),
    /// By another node.
    Node(Arc<RawValue>),
    /// By a client.
    Client(Request),
}

/// What the simulator says to a node.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum FromSimulator {
    /// The first thing in every life.
    Init {
        /// The node's name.
        node_id: Arc<str>,
        /// The names of all nodes.
        node_ids: Arc<[Arc<str>]>,
        /// A random number, another one in each life.
        seed: u64,
        /// What the scenario asks of nodes.
        #[serde(flatten)]
        settings: Settings,
        /// What the disk holds.
        saved: std::collections::BTreeMap<String, Arc<RawValue>>,
    },
    /// A timer ran out.
    Timer {
        /// Its name.
        name: Arc<str>,
    },
    /// This save, and all before it in this life, are durable.
    Saved {
        /// Its number.
        save: u64,
    },
}

/// What a scenario asks of nodes. They may do otherwise; expectations of the scenario may not hold then.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Settings {
    /// The shortest and the longest election timeout, in microseconds.
    pub election_timeout_us: [u64; 2],
    /// From one heartbeat to the next, in microseconds.
    pub heartbeat_us: u64,
    /// How many entries are applied from one snapshot to the next; `None` if none is to be taken.
    pub snapshot_every: Option<u32>,
    /// The most entries in one append.
    pub entries_per_append: u32,
}

impl Settings {
    /// What this scenario asks for.
    #[must_use]
    pub fn of(scenario: &Scenario) -> Settings {
        let timeout = scenario.timing.election_timeout_ns;
        Settings {
            election_timeout_us: [timeout.min_ns / 1_000, timeout.max_ns / 1_000],
            heartbeat_us: (scenario.timing.heartbeat_ns / 1_000).max(1),
            snapshot_every: scenario.snapshot_every,
            entries_per_append: scenario.replication.entries_per_append,
        }
    }
}

/// What a client asks.
#[derive(Clone, Debug, Serialize)]
pub struct Request {
    /// What it wants done.
    #[serde(flatten)]
    pub operation: Operation,
    /// The number of the request; the same when it is asked again.
    pub msg_id: u64,
}

/// What a client wants done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Operation {
    /// Read a key.
    Read {
        /// The key.
        key: Arc<str>,
    },
    /// Write a key.
    Write {
        /// The key.
        key: Arc<str>,
        /// The value.
        value: Arc<str>,
    },
    /// Write a key if it has a value.
    Cas {
        /// The key.
        key: Arc<str>,
        /// The value that it must have.
        from: Option<Arc<str>>,
        /// The value that it gets.
        to: Arc<str>,
        /// Whether it is written if it is missing.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        create_if_not_exists: bool,
    },
    /// Add to the end of a value.
    Append {
        /// The key.
        key: Arc<str>,
        /// What is added.
        value: Arc<str>,
    },
    /// Remove a key.
    Delete {
        /// The key.
        key: Arc<str>,
    },
}

/// Something that a node does.
#[derive(Clone, Debug)]
pub enum Action {
    /// It says something to another node or a client.
    Send {
        /// To whom.
        dest: String,
        /// What.
        body: Arc<RawValue>,
        /// When.
        when: When,
    },
    /// It says something to the simulator.
    Tell(ToSimulator),
}

/// When a message leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// At once.
    Now,
    /// When everything that was saved so far is durable.
    AfterSave,
}

/// What a node says to the simulator.
#[derive(Clone, Debug, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", expecting = "`type` and what belongs to it")]
pub enum ToSimulator {
    /// Arms a timer, or stops it.
    Timer {
        /// Its name.
        name: String,
        /// After how many microseconds of the node's own clock it runs out; `None` to stop it.
        after_us: Option<u64>,
    },
    /// Replaces what the disk holds under a key.
    #[serde(skip)]
    Save {
        /// The key.
        key: String,
        /// The value; `None` removes the key.
        value: Option<Arc<RawValue>>,
    },
    /// It has this role in this term.
    Role {
        /// The role.
        role: Role,
        /// The term.
        term: u64,
    },
    /// It votes.
    Vote {
        /// In this term.
        term: u64,
        /// For this node.
        #[serde(rename = "for")]
        candidate: String,
    },
    /// It knows that everything up to this index is committed.
    Commit {
        /// The index.
        index: u64,
    },
    /// It has applied an entry.
    #[serde(skip)]
    Apply {
        /// The entry's index.
        index: u64,
        /// The entry's term.
        term: u64,
        /// What the entry carries.
        value: Arc<RawValue>,
    },
    /// It has taken a snapshot of its state.
    Snapshot {
        /// The last index that it covers.
        index: u64,
        /// The term of the entry there.
        term: u64,
    },
    /// It has replaced its state by a snapshot.
    Restored {
        /// The last index that it covers.
        index: u64,
        /// The term of the entry there.
        term: u64,
    },
    /// A line for the trace.
    Note {
        /// The line.
        text: String,
    },
    /// It is done with the event.
    Done {
        /// The event's [`Event::turn`], if it says so.
        turn: Option<u64>,
    },
}

/// A role of Raft.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Follows.
    Follower,
    /// Asks whether it could lead.
    PreCandidate,
    /// Wants to lead.
    Candidate,
    /// Leads.
    Leader,
}

/// What a node says to a client.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Answer {
    /// The value that was read.
    ReadOk {
        /// The request.
        in_reply_to: u64,
        /// The value; `None` if the key is missing.
        value: Option<String>,
    },
    /// It was written.
    WriteOk {
        /// The request.
        in_reply_to: u64,
    },
    /// It had the value, and was written.
    CasOk {
        /// The request.
        in_reply_to: u64,
    },
    /// It was added.
    AppendOk {
        /// The request.
        in_reply_to: u64,
    },
    /// It was removed.
    DeleteOk {
        /// The request.
        in_reply_to: u64,
    },
    /// Something else.
    Error {
        /// The request.
        in_reply_to: u64,
        /// What, by Maelstrom's numbers.
        code: u64,
        /// Who leads, as far as the node knows.
        leader: Option<String>,
    },
}

impl Answer {
    /// The request that it answers.
    #[must_use]
    pub fn in_reply_to(&self) -> u64 {
        match self {
            Answer::ReadOk { in_reply_to, .. }
            | Answer::WriteOk { in_reply_to }
            | Answer::CasOk { in_reply_to }
            | Answer::AppendOk { in_reply_to }
            | Answer::DeleteOk { in_reply_to }
            | Answer::Error { in_reply_to, .. } => *in_reply_to,
        }
    }
}

/// An envelope.
#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow)]
    src: Option<Cow<'a, str>>,
    #[serde(borrow)]
    dest: Cow<'a, str>,
    #[serde(borrow)]
    body: &'a RawValue,
    #[serde(default)]
    after_save: bool,
}

/// The part of a body that every body has.
#[derive(Deserialize)]
struct Typed<'a> {
    #[serde(borrow, rename = "type")]
    name: Cow<'a, str>,
}

/// The kind of a message between nodes that no fault picks out.
const OTHER_KIND: u8 = 63;

/// Which kind of message faults take a body for: one called `append_reply` is what a scenario calls `append-reply`.
#[must_use]
pub fn kind_of(body: &RawValue) -> u8 {
    let Some(name) = type_of(body.get()) else { return OTHER_KIND };
    let is_called = |kind: &str| kind.len() == name.len() && kind.replace('-', "_") == name;
    (0..).zip(KINDS).find(|(_, kind)| is_called(kind)).map_or(OTHER_KIND, |(number, _)| number)
}

/// The `type` of a body, if it has one.
pub(super) fn type_of(body: &str) -> Option<String> {
    serde_json::from_str(body).ok().map(|Typed { name }: Typed<'_>| name.into_owned())
}

/// [`ToSimulator::Save`]: JSON that is passed on as it was written cannot be read as part of an enum.
#[derive(Deserialize)]
struct Save {
    key: String,
    value: Option<Arc<RawValue>>,
}

/// [`ToSimulator::Apply`], likewise.
#[derive(Deserialize)]
struct Apply {
    index: u64,
    term: u64,
    value: Arc<RawValue>,
}

/// Reads the body of a message to the simulator.
fn told(body: &str) -> Result<ToSimulator, serde_json::Error> {
    let Typed { name } = serde_json::from_str(body)?;
    Ok(match &*name {
        "save" => {
            let Save { key, value } = serde_json::from_str(body)?;
            ToSimulator::Save { key, value }
        }
        "apply" => {
            let Apply { index, term, value } = serde_json::from_str(body)?;
            ToSimulator::Apply { index, term, value }
        }
        _ => serde_json::from_str(body)?,
    })
}

/// Reads what a node called `name` says in a line.
///
/// # Errors
/// In words, if it is not a message of the protocol.
pub fn read(name: &str, line: &[u8]) -> Result<Action, String> {
    let envelope: Envelope<'_> = serde_json::from_slice(line).map_err(|error| format!("it is no message: {error}"))?;
    if let Some(src) = &envelope.src
        && src != name
    {
        return Err(format!("`src` is not {name}, who says it"));
    }
    let body = envelope.body.get();
    if envelope.dest == SIMULATOR {
        let told = told(body).map_err(|error| format!("its `body` is nothing for sim: {error}"))?;
        return Ok(Action::Tell(told));
    }
    let _: Typed<'_> = serde_json::from_str(body).map_err(|error| format!("its `body` has no `type`: {error}"))?;
    let when = if envelope.after_save { When::AfterSave } else { When::Now };
    Ok(Action::Send { dest: envelope.dest.into_owned(), body: Arc::from(envelope.body.to_owned()), when })
}
