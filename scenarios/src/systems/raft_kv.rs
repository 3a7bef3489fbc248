//! The key/value store on Raft, hosted in the simulator: its servers, and clients that work through a script.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use whitewater_kv::client::{ClientHost, ClientTimer, Completion, Patience};
use whitewater_kv::message::ReplyResult;
use whitewater_kv::server::{Event, Host};
use whitewater_kv::{Address, Answer, Client, Message, Operation, Server, codec};
use whitewater_raft::message::{Append, AppendReply, Body, Conflict, RequestVote, VoteReply};
use whitewater_raft::{Config, Entry, Payload, Random, Timer};
use whitewater_sim::disk::SyncId;
use whitewater_sim::history::{History, OperationId};
use whitewater_sim::observe::{Observation, Role};
use whitewater_sim::{Context, Digest, Instant, NodeId, Process, TimerId};
use xxhash_rust::xxh3::xxh3_64;

/// The name of the only file of a server's disk.
const LOG_FILE: &str = "wal";

/// An operation of a client's script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Planned {
    /// It is not begun earlier than this, nor before the one before it is over.
    pub not_before: Instant,
    /// It is left out if it could not begin by then.
    pub not_after: Instant,
    /// What is asked.
    pub operation: Operation,
}

/// A process of the store.
#[expect(
    clippy::large_enum_variant,
    reason = "a run has a handful of them, and a box would cost every event a step more"
)]
pub enum Node {
    /// A server.
    Server(ServerNode),
    /// A client.
    Client(ClientNode),
}

/// A server with its configuration; it runs once it has booted.
pub struct ServerNode {
    config: Config,
    server: Option<Server>,
}

/// A client and its script.
pub struct ClientNode {
    client: Client,
    script: Arc<[Planned]>,
    next: usize,
    open: Option<OperationId>,
}

impl Node {
    /// A server.
    #[must_use]
    pub fn server(config: Config) -> Node {
        Node::Server(ServerNode { config, server: None })
    }

    /// A client of the servers 0 to `servers` - 1.
    #[must_use]
    pub fn client(id: u64, servers: u32, patience: Patience, script: Arc<[Planned]>) -> Node {
        let client = Client::new(id, (0..servers).map(Address).collect(), patience);
        Node::Client(ClientNode { client, script, next: 0, open: None })
    }

    /// Whether this is a client with operations left to do.
    #[must_use]
    pub fn has_work(&self) -> bool {
        match self {
            Node::Server(_) => false,
            Node::Client(node) => node.client.is_busy() || node.next < node.script.len(),
        }
    }

    /// The server, if this is one and it runs.
    #[must_use]
    pub fn as_server(&self) -> Option<&Server> {
        match self {
            Node::Server(node) => node.server.as_ref(),
            Node::Client(_) => None,
        }
    }
}

/// The order in which the log of some server puts the operations of a history: the witness of a run. Clients number
/// their operations from 1 as they invoke them; a number that is not higher than its client's last is a repetition.
#[must_use]
pub fn log_order(server: &Server, servers: u32, history: &History<Operation, Answer>) -> Vec<OperationId> {
    let mut invoked: BTreeMap<u64, Vec<OperationId>> = BTreeMap::new();
    for (operation, id) in history.operations().iter().zip((0..).map(OperationId)) {
        invoked.entry(operation.client - u64::from(servers)).or_default().push(id);
    }
    let mut latest: BTreeMap<u64, u64> = BTreeMap::new();
    let mut order = Vec::new();
    for entry in server.replica().entries(..=server.applied()) {
        let Payload::Command(command) = &entry.payload else { continue };
        let request = codec::decode(command).expect("a command is checked before it enters the log");
        let last = latest.entry(request.client).or_default();
        if request.sequence > *last {
            *last = request.sequence;
            let place = request.sequence as usize - 1;
            order.extend(invoked.get(&request.client).and_then(|ids| ids.get(place)));
        }
    }
    order
}

impl Process for Node {
    type Message = Wire;
    type Operation = Operation;
    type Answer = Answer;

    fn timer_name(timer: TimerId) -> String {
        let name = match timer {
            ELECTION => "election timeout",
            HEARTBEAT => "heartbeat interval",
            ATTEMPT => "wait for an answer",
            GIVE_UP => "patience",
            NEXT_OPERATION => "pause between operations",
            TimerId(other) => return format!("timer {other}"),
        };
        name.to_owned()
    }

    fn boot(&mut self, context: &mut Context<'_, Self>) {
        match self {
            Node::Server(node) => match Server::boot(node.config.clone(), &mut Hands(context)) {
                Ok(server) => node.server = Some(server),
                // A server that cannot start from its disk stays down; the liveness check tells.
                Err(error) => context.note(format_args!("refuses to start: {error}")),
            },
            Node::Client(node) => node.go_on(context),
        }
    }

    fn message(&mut self, from: NodeId, Wire(message): Wire, context: &mut Context<'_, Self>) {
        match self {
            Node::Server(ServerNode { server: Some(server), .. }) => {
                server.message(Address(from.0), message, &mut Hands(context));
            }
            Node::Server(_) => {}
            Node::Client(node) => {
                if let Message::Reply(reply) = message {
                    let completion = node.client.reply(Address(from.0), reply, &mut Hands(context));
                    node.completed(completion, context);
                }
            }
        }
    }

    fn timer(&mut self, timer: TimerId, context: &mut Context<'_, Self>) {
        match self {
            Node::Server(node) => {
                if let (Some(server), Some(timer)) = (&mut node.server, raft_timer(timer)) {
                    server.timer(timer, &mut Hands(context));
                }
            }
            Node::Client(node) => match client_timer(timer) {
                Some(timer) => {
                    let completion = node.client.timer(timer, &mut Hands(context));
                    node.completed(completion, context);
                }
                None => node.go_on(context),
            },
        }
    }

    fn synced(&mut self, _: SyncId, context: &mut Context<'_, Self>) {
        if let Node::Server(ServerNode { server: Some(server), .. }) = self {
            server.synced(&mut Hands(context));
        }
    }
}

impl ClientNode {
    fn completed(&mut self, completion: Option<Completion>, context: &mut Context<'_, Node>) {
        let Some(completion) = completion else { return };
        let id = self.open.take().expect("only an operation that was begun completes");
        match completion {
            Completion::Returned(answer) => context.returned(id, answer),
            Completion::Unknown => context.unknown(id),
        }
        self.go_on(context);
    }

    /// Begins the next operation of the script, now or when it is due.
    fn go_on(&mut self, context: &mut Context<'_, Node>) {
        if self.client.is_busy() {
            return;
        }
        while self.script.get(self.next).is_some_and(|planned| planned.not_after < context.now()) {
            self.next += 1;
        }
        let Some(planned) = self.script.get(self.next) else { return };
        if planned.not_before > context.now() {
            let wait_ns = planned.not_before.since_ns(context.now());
            context.arm(NEXT_OPERATION, wait_ns);
            return;
        }
        self.next += 1;
        self.open = Some(context.invoke(planned.operation.clone()));
        self.client.submit(planned.operation.clone(), &mut Hands(context));
    }
}

const ELECTION: TimerId = TimerId(0);
const HEARTBEAT: TimerId = TimerId(1);
const ATTEMPT: TimerId = TimerId(2);
const GIVE_UP: TimerId = TimerId(3);
const NEXT_OPERATION: TimerId = TimerId(4);

fn raft_timer(timer: TimerId) -> Option<Timer> {
    match timer {
        ELECTION => Some(Timer::Election),
        HEARTBEAT => Some(Timer::Heartbeat),
        _ => None,
    }
}

fn client_timer(timer: TimerId) -> Option<ClientTimer> {
    match timer {
        ATTEMPT => Some(ClientTimer::Attempt),
        GIVE_UP => Some(ClientTimer::GiveUp),
        _ => None,
    }
}

/// The simulator's hands, in the shape that the store's processes want them.
struct Hands<'a, 'b>(&'a mut Context<'b, Node>);

impl Random for Hands<'_, '_> {
    fn between(&mut self, low: u64, high: u64) -> u64 {
        self.0.random().between(low, high)
    }
}

impl Host for Hands<'_, '_> {
    fn send(&mut self, to: Address, message: Message) {
        if let Message::Raft(message) = &message {
            self.0.observe(Observation::Sent { term: message.term.0 });
        }
        self.0.send(NodeId(to.0), Wire(message));
    }

    fn arm(&mut self, timer: Timer, after_ns: u64) {
        let timer = match timer {
            Timer::Election => ELECTION,
            Timer::Heartbeat => HEARTBEAT,
        };
        self.0.arm(timer, after_ns);
    }

    fn read_log(&mut self) -> Vec<u8> {
        self.0.read(LOG_FILE)
    }

    fn write_log(&mut self, offset: usize, bytes: &[u8]) {
        self.0.write(LOG_FILE, offset, bytes);
    }

    fn sync_log(&mut self) {
        self.0.sync(LOG_FILE);
    }

    fn observe(&mut self, event: Event<'_>) {
        match event {
            Event::Booted { term } => self.0.observe(Observation::Booted { term: term.0 }),
            Event::Role(change) => {
                let role = match change.role {
                    whitewater_raft::Role::Follower => Role::Follower,
                    whitewater_raft::Role::Candidate => Role::Candidate,
                    whitewater_raft::Role::Leader => Role::Leader,
                };
                self.0.observe(Observation::Term { term: change.term.0 });
                self.0.observe(Observation::Role { role, term: change.term.0 });
            }
            Event::Appended(entry) => {
                let Entry { term, index, payload } = entry;
                self.0.observe(Observation::Appended { index: index.0, term: term.0, payload: payload_hash(payload) });
            }
            Event::Committed(index) => self.0.observe(Observation::Committed { index: index.0 }),
            Event::Applied { entry: Entry { term, index, payload }, state } => {
                let payload = payload_hash(payload);
                self.0.observe(Observation::Applied { index: index.0, term: term.0, payload, state });
            }
        }
    }
}

impl ClientHost for Hands<'_, '_> {
    fn send(&mut self, to: Address, message: Message) {
        self.0.send(NodeId(to.0), Wire(message));
    }

    fn arm(&mut self, timer: ClientTimer, after_ns: u64) {
        self.0.arm(client_timer_id(timer), after_ns);
    }

    fn disarm(&mut self, timer: ClientTimer) {
        self.0.disarm(client_timer_id(timer));
    }
}

fn client_timer_id(timer: ClientTimer) -> TimerId {
    match timer {
        ClientTimer::Attempt => ATTEMPT,
        ClientTimer::GiveUp => GIVE_UP,
    }
}

fn payload_hash(payload: &Payload) -> u64 {
    match payload {
        Payload::Noop => 0,
        Payload::Command(command) => xxh3_64(command),
    }
}

/// A message of the store, on a link of the simulator.
#[derive(Clone, Debug)]
pub struct Wire(pub Message);

impl fmt::Display for Wire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl whitewater_sim::Message for Wire {
    /// Covers everything that decides what a receiver does, except the commands: those are covered, once, by the
    /// observation of each entry.
    fn fingerprint(&self) -> u64 {
        match &self.0 {
            Message::Request(command) => xxh3_64(command),
            Message::Reply(reply) => {
                let result = match &reply.result {
                    ReplyResult::Answered(Answer::Value(Some(value))) => xxh3_64(value.as_bytes()),
                    ReplyResult::Answered(Answer::Value(None)) => 1,
                    ReplyResult::Answered(Answer::Done) => 2,
                    ReplyResult::Answered(Answer::Swapped(false)) => 3,
                    ReplyResult::Answered(Answer::Swapped(true)) => 4,
                    ReplyResult::Refused { leader } => 5 | leader.map_or(0, |node| u64::from(node.0) + 1) << 8,
                    ReplyResult::Uncertain { leader } => 6 | leader.map_or(0, |node| u64::from(node.0) + 1) << 8,
                };
                Digest::of(&[reply.sequence, result])
            }
            Message::Raft(message) => {
                let (kind, first, second) = match &message.body {
                    Body::RequestVote(RequestVote { last_index, last_term }) => (1, last_index.0, last_term.0),
                    Body::VoteReply(VoteReply::Granted) => (2, 0, 0),
                    Body::VoteReply(VoteReply::Refused) => (3, 0, 0),
                    Body::Append(Append { previous_index, previous_term, entries, commit }) => {
                        let last_term = entries.last().map_or(0, |entry| entry.term.0);
                        let first = Digest::of(&[previous_index.0, previous_term.0, commit.0]);
                        (4, first, last_term << 32 | entries.len() as u64)
                    }
                    Body::AppendReply(AppendReply::Accepted { matched }) => (5, matched.0, 0),
                    Body::AppendReply(AppendReply::Rejected { previous_index, conflict }) => match conflict {
                        Conflict::Missing { last_index } => (6, previous_index.0, last_index.0),
                        Conflict::Term { term, first_index } => {
                            (7, previous_index.0, Digest::of(&[term.0, first_index.0]))
                        }
                    },
                };
                Digest::of(&[kind, message.term.0, first, second])
            }
        }
    }
}
