//! A server of somebody else's in the company of our clients: what is left to write of a [`crate::system::System`] when its
//! servers speak to our clients is the server.
//!
//! A consensus library becomes a server by [`Consensus`], nine functions that a [`Host`] calls and that act through it: all
//! that has nothing to do with consensus is the host's. `tests/hosted.rs` has a small one, `examples/tikv` a real one. A server
//! that fits no host is a [`Server`]: it gets encoded [`whitewater_kv::Request`]s ([`Message::Request`]) and reads that need no
//! log entry ([`Message::Read`]), answers with [`Message::Reply`], and speaks to its like in messages of its own. It can use
//! what a host is made of:
//!
//! | what | by |
//! |---|---|
//! | the state machine, and the clients that wait for it | [`Store`] |
//! | the log, the votes and the snapshots on the disk, and what waits for them | [`Journal`] |
//! | what the observer is told of roles and commitment | [`Told`] |
//! | a command line that runs the catalog | [`command`](fn@command) |
//!
//! What it simplifies: nobody changes the members of a cluster; scenarios that need it are refused ([`crate::system::looked_after`]).

mod command;
mod consensus;
mod host;
mod journal;
mod standing;
mod store;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::fmt;

use whitewater_kv::client::Numbering;
use whitewater_kv::storage::{Disk, Ticket, Unreadable, Written};
use whitewater_kv::{Answer, Message, Operation};
use whitewater_sim::disk::SyncId;
use whitewater_sim::observe::Observation;
use whitewater_sim::{Context, NodeId, ProbeId, Process, ServerId, TimerId};

use super::raft_kv::{self, ClientNode, client_timer_name};
use crate::probes::Declared;
use crate::system::{Participant, Program, Stage};

pub use command::command;
pub use consensus::Consensus;
pub use host::{Host, Hosted, ReadName};
pub use journal::{Cut, HEARTBEAT_TICKS, Journal, Kept, Record, Settings};
pub use standing::{Standing, Told};
pub use store::{Store, name_of, payload, refuse, reply};

/// A server: a state machine that is told what happened.
///
/// A crash drops it, and a restart makes a new one, which knows what its disk still holds ([`Context::read`]).
pub trait Server: Sized + 'static {
    /// What servers say to each other.
    type Message: whitewater_sim::Message;

    /// It starts, for the first time or after a crash.
    fn boot(&mut self, context: &mut Context<'_, Node<Self>>);

    /// A client asks for something. It may ask again, and any server may be asked.
    fn request(&mut self, from: NodeId, request: Message, context: &mut Context<'_, Node<Self>>);

    /// Another server says something.
    fn message(&mut self, from: NodeId, message: Self::Message, context: &mut Context<'_, Node<Self>>);

    /// A timer that it armed ran out.
    fn timer(&mut self, timer: TimerId, context: &mut Context<'_, Node<Self>>);

    /// A sync that it asked for is done.
    fn synced(&mut self, sync: SyncId, context: &mut Context<'_, Node<Self>>);

    /// A sync that it asked for failed: see [`Process::sync_failed`].
    fn sync_failed(&mut self, sync: SyncId, context: &mut Context<'_, Node<Self>>) {
        let _ = sync;
        context.halt();
    }

    /// What a trace calls one of its timers. Timers of clients have numbers below [`FIRST_TIMER`]; only with numbers from
    /// there on is it clear in a trace whose timer it is.
    #[must_use]
    fn timer_name(timer: TimerId) -> Option<&'static str> {
        let _ = timer;
        None
    }

    /// What it printed last, if it is a process of its own: see [`Participant::last_words`].
    fn last_words(&self) -> Option<String> {
        None
    }
}

/// The first timer that is no client's.
pub const FIRST_TIMER: u8 = 200;

/// A node: a server or a client.
#[expect(
    clippy::large_enum_variant,
    reason = "a run has a handful of them, and a box would cost every event a step more"
)]
pub enum Node<S> {
    /// A server.
    Server(S),
    /// A client.
    Client(ClientNode),
}

/// A message on a link.
#[derive(Clone, Debug)]
pub enum Wire<M> {
    /// Between servers.
    Server(M),
    /// To or from a client.
    Store(raft_kv::Wire),
}

impl<M> Wire<M> {
    /// A message of the store.
    #[must_use]
    pub fn store(message: Message) -> Wire<M> {
        Wire::Store(raft_kv::Wire(message))
    }
}

impl<M> From<Message> for Wire<M> {
    fn from(message: Message) -> Wire<M> {
        Wire::store(message)
    }
}

impl<M: fmt::Display> fmt::Display for Wire<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Wire::Server(message) => message.fmt(f),
            Wire::Store(message) => message.fmt(f),
        }
    }
}

impl<M: whitewater_sim::Message> whitewater_sim::Message for Wire<M> {
    fn fingerprint(&self) -> u64 {
        match self {
            Wire::Server(message) => message.fingerprint(),
            Wire::Store(message) => message.fingerprint(),
        }
    }

    fn kind(&self) -> u8 {
        match self {
            Wire::Server(message) => message.kind(),
            Wire::Store(message) => message.kind(),
        }
    }

    fn name(&self) -> Cow<'static, str> {
        match self {
            Wire::Server(message) => message.name(),
            Wire::Store(message) => message.name(),
        }
    }

    fn size_bytes(&self) -> u64 {
        match self {
            Wire::Server(message) => message.size_bytes(),
            Wire::Store(message) => message.size_bytes(),
        }
    }

    fn corrupted(&self, draw: u64) -> Option<Wire<M>> {
        match self {
            Wire::Server(message) => message.corrupted(draw).map(Wire::Server),
            Wire::Store(message) => message.corrupted(draw).map(Wire::Store),
        }
    }
}

impl<S: Server> Process for Node<S> {
    type Message = Wire<S::Message>;
    type Operation = Operation;
    type Answer = Answer;

    fn timer_name(timer: TimerId) -> String {
        match S::timer_name(timer) {
            Some(name) => name.to_owned(),
            None => client_timer_name(timer),
        }
    }

    fn probe_name(probe: ProbeId) -> String {
        Declared::of(probe).map_or_else(|| format!("probe {}", probe.0), |probe| probe.name().to_owned())
    }

    fn boot(&mut self, context: &mut Context<'_, Self>) {
        match self {
            Node::Server(server) => server.boot(context),
            Node::Client(client) => client.go_on(context),
        }
    }

    fn message(&mut self, from: NodeId, message: Wire<S::Message>, context: &mut Context<'_, Self>) {
        match (self, message) {
            (Node::Server(server), Wire::Server(message)) => server.message(from, message, context),
            (Node::Server(server), Wire::Store(raft_kv::Wire(message))) => server.request(from, message, context),
            (Node::Client(client), Wire::Store(raft_kv::Wire(message))) => client.message(from, message, context),
            (Node::Client(_), Wire::Server(message)) => {
                unreachable!("a server spoke to client {} as to a server: {message}", context.node())
            }
        }
    }

    fn timer(&mut self, timer: TimerId, context: &mut Context<'_, Self>) {
        match self {
            Node::Server(server) => server.timer(timer, context),
            Node::Client(client) => client.timer(timer, context),
        }
    }

    fn synced(&mut self, sync: SyncId, context: &mut Context<'_, Self>) {
        match self {
            Node::Server(server) => server.synced(sync, context),
            Node::Client(_) => {}
        }
    }

    fn sync_failed(&mut self, sync: SyncId, context: &mut Context<'_, Self>) {
        match self {
            Node::Server(server) => server.sync_failed(sync, context),
            Node::Client(_) => {}
        }
    }

    fn crashing(&mut self, context: &mut Context<'_, Self>) {
        match self {
            Node::Server(_) => {}
            Node::Client(client) => client.crashing(context),
        }
    }
}

impl<S: Server> Participant for Node<S> {
    fn as_client(&self) -> Option<&ClientNode> {
        match self {
            Node::Server(_) => None,
            Node::Client(client) => Some(client),
        }
    }

    fn can_hit(probe: Declared) -> bool {
        // Servers that are somebody else's report no situations.
        probe.shows_to_clients()
    }

    fn last_words(&self) -> Option<String> {
        match self {
            Node::Server(server) => server.last_words(),
            Node::Client(_) => None,
        }
    }
}

/// The program of a run: servers made by `server`, which is told their numbers, and the clients of the scenario.
pub fn program<S: Server>(stage: &Stage<'_>, server: impl Fn(NodeId) -> S + 'static) -> Program<Node<S>> {
    program_with(Numbering::Consecutive, stage, server)
}

/// The same program, with clients that number their operations like this.
pub fn program_with<S: Server>(
    numbering: Numbering,
    stage: &Stage<'_>,
    server: impl Fn(NodeId) -> S + 'static,
) -> Program<Node<S>> {
    let machines = stage.plan.machines();
    let clients = ClientNode::of(stage, numbering);
    Box::new(move |node, crashes| match node.0.checked_sub(machines) {
        None => Node::Server(server(node)),
        Some(client) => Node::Client(clients(client, crashes).expect("every node behind the servers is a client")),
    })
}

/// The disk of a server, in the shape in which [`whitewater_kv::storage::Storage`] wants it. What that writes is observed.
pub struct ServerDisk<'a, 'b, P: Process>(pub &'a mut Context<'b, P>);

impl<P: Process> Disk for ServerDisk<'_, '_, P> {
    fn read(&mut self, file: &str) -> Result<Vec<u8>, Unreadable> {
        self.0.read(file).map_err(|_| Unreadable)
    }

    fn list(&mut self) -> Vec<String> {
        self.0.files()
    }

    fn write(&mut self, file: &str, offset: usize, bytes: &[u8]) {
        self.0.write(file, offset, bytes);
    }

    fn rename(&mut self, from: &str, to: &str) {
        self.0.rename(from, to);
    }

    fn remove(&mut self, file: &str) {
        self.0.remove(file);
    }

    fn sync(&mut self, file: &str) -> Ticket {
        Ticket(self.0.sync(file).0)
    }

    fn sync_directory(&mut self) -> Ticket {
        Ticket(self.0.sync_directory().0)
    }

    fn written(&mut self, what: Written) {
        if self.0.is_checked() {
            self.0.observe(written(what));
        }
    }
}

/// What a write of the store's storage is to the observer.
pub(super) fn written(what: Written) -> Observation {
    match what {
        Written::HardState(state) => Observation::WroteHardState {
            term: state.term.0,
            vote: state.voted_for.map(|id| ServerId(u64::from(id.0))),
        },
        Written::Entries { index, term } => Observation::WroteEntries { index: index.0, term: term.0 },
        Written::Snapshot { index, term } => Observation::WroteSnapshot { index: index.0, term: term.0 },
    }
}
