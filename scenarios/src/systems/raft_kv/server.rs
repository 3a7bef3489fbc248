//! A server as a node: the simulator's disk, network, clock and observer as its host, and the probes that only show from
//! outside of it.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

use whitewater_kv::message::ADDRESS_BITS;
use whitewater_kv::server::{Event, Host, Settings};
use whitewater_kv::storage::{Disk, Ticket, Unreadable, Written};
use whitewater_kv::{Address, Message, Server};
use whitewater_raft::message::{AppendResult, Body, VoteReply};
use whitewater_raft::{Configuration, Entry, Environment, HardState, LocalTime, Payload, Role, RoleChange, Timer};
use whitewater_sim::disk::SyncId;
use whitewater_sim::observe::{self, Observation, Promise};
use whitewater_sim::{Context, Instant, Members, NodeId, ServerId};
use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

use super::{ELECTION, HEARTBEAT, HELLO, Node, Wire, raft_timer};
use crate::probes::{Declared, Probe};
use crate::systems::hosted::written;

/// How often a server that lost its disk says so until it is a member again, in nanoseconds.
const HELLO_NS: u64 = 100_000_000;

/// A server with its settings; it runs once it has booted.
pub struct ServerNode {
    settings: Settings,
    server: Option<Server>,
    life: Rc<Life>,
    /// Whom a server that lost its disk tells of it.
    operator: Option<Address>,
}

/// What the simulator remembers of servers beyond their crashes. Probes are raised from it; no server ever sees it.
#[derive(Clone, Debug, Default)]
pub struct Lives(Rc<RefCell<BTreeMap<whitewater_raft::NodeId, Rc<Life>>>>);

/// The same of one server.
#[derive(Debug, Default)]
struct Life {
    /// The last index that the log had in memory when the server crashed.
    appended: Cell<u64>,
    /// The last index that was applied when it crashed.
    applied: Cell<u64>,
    /// Since when a sync of a file is under way.
    syncing_since: Cell<Option<Instant>>,
    /// The role and term before.
    role: Cell<Option<RoleChange>>,
    /// The last index that it knows to be committed.
    committed: Cell<u64>,
    /// Whether the server, which had lost its disk, is a member again.
    is_member: Cell<bool>,
}

impl ServerNode {
    pub(super) fn new(settings: Settings, lives: &Lives, operator: Option<Address>) -> ServerNode {
        let life = Rc::clone(lives.0.borrow_mut().entry(settings.raft.id).or_default());
        ServerNode { settings, server: None, life, operator }
    }

    pub(super) fn server(&self) -> Option<&Server> {
        self.server.as_ref()
    }

    pub(super) fn boot(&mut self, context: &mut Context<'_, Node>) {
        self.life.syncing_since.set(None);
        self.life.role.set(None);
        self.life.committed.set(0);
        match Server::boot(self.settings.clone(), &mut Hands { context, life: &self.life }) {
            Ok(server) => {
                if server.replica().last_index().0 < self.life.appended.get() {
                    hit(context, Declared::Store(whitewater_kv::Probe::UnsyncedSuffixLost));
                }
                self.server = Some(server);
            }
            Err(error) => {
                context.note(format_args!("refuses to start: {error}"));
                return context.halt();
            }
        }
        self.say_hello(context);
    }

    pub(super) fn message(&mut self, from: NodeId, message: Message, context: &mut Context<'_, Node>) {
        if let Some(server) = &mut self.server {
            server.message(Address(from.0), message, &mut Hands { context, life: &self.life });
        }
    }

    pub(super) fn timer(&mut self, timer: whitewater_sim::TimerId, context: &mut Context<'_, Node>) {
        if timer == HELLO {
            self.say_hello(context);
        } else if let (Some(server), Some(timer)) = (&mut self.server, raft_timer(timer)) {
            server.timer(timer, &mut Hands { context, life: &self.life });
        }
    }

    pub(super) fn synced(&mut self, sync: SyncId, context: &mut Context<'_, Node>) {
        let Some(server) = &mut self.server else { return };
        let began = self.life.syncing_since.take();
        let patience_ns = self.settings.raft.election_timeout_ns_min;
        if server.replica().role() == Role::Leader
            && began.is_some_and(|began| context.now().since_ns(began) > patience_ns)
        {
            hit(context, Declared::Outside(Probe::DiskStallOnLeader));
        }
        server.synced(Ticket(sync.0), &mut Hands { context, life: &self.life });
    }

    pub(super) fn sync_failed(&mut self, sync: SyncId, context: &mut Context<'_, Node>) {
        if let Some(server) = &mut self.server {
            server.sync_failed(Ticket(sync.0), &mut Hands { context, life: &self.life });
        }
    }

    pub(super) fn crashing(&mut self, context: &mut Context<'_, Node>) {
        let Some(server) = &self.server else { return };
        let replica = server.replica();
        self.life.appended.set(replica.last_index().0);
        self.life.applied.set(server.applied().0);
        if server.holds_vote() {
            hit(context, Declared::Store(whitewater_kv::Probe::CrashAfterVoteBeforeSend));
        }
        if replica.durable_index() < replica.last_index() {
            hit(context, Declared::Store(whitewater_kv::Probe::CrashMidAppend));
        }
        if replica.role() == Role::Leader && replica.configuration().is_joint() {
            hit(context, Declared::Outside(Probe::LeaderDiesInJoint));
        }
    }

    /// A server that lost its disk asks to be a member again, until it is.
    fn say_hello(&mut self, context: &mut Context<'_, Node>) {
        let id = self.settings.raft.id;
        let is_new = id.0 >> ADDRESS_BITS > 0;
        let Some(operator) = self.operator.filter(|_| is_new && !self.life.is_member.get()) else { return };
        context.send(NodeId(operator.0), Wire(Message::CameBack(id)));
        context.arm(HELLO, HELLO_NS);
    }
}

fn hit(context: &mut Context<'_, Node>, probe: Declared) {
    context.hit(probe.id());
}

/// The simulator's hands, in the shape that a server wants them.
struct Hands<'a, 'b> {
    context: &'a mut Context<'b, Node>,
    life: &'a Life,
}

impl Environment for Hands<'_, '_> {
    fn random_between(&mut self, low: u64, high: u64) -> u64 {
        self.context.random().between(low, high)
    }

    fn now(&mut self) -> LocalTime {
        LocalTime(self.context.local_time_ns())
    }
}

impl Disk for Hands<'_, '_> {
    fn read(&mut self, file: &str) -> Result<Vec<u8>, Unreadable> {
        self.context.read(file).map_err(|_| Unreadable)
    }

    fn list(&mut self) -> Vec<String> {
        self.context.files()
    }

    fn write(&mut self, file: &str, offset: usize, bytes: &[u8]) {
        self.context.write(file, offset, bytes);
    }

    fn rename(&mut self, from: &str, to: &str) {
        self.context.rename(from, to);
    }

    fn remove(&mut self, file: &str) {
        self.context.remove(file);
    }

    fn sync(&mut self, file: &str) -> Ticket {
        let since = self.life.syncing_since.get().unwrap_or(self.context.now());
        self.life.syncing_since.set(Some(since));
        Ticket(self.context.sync(file).0)
    }

    fn sync_directory(&mut self) -> Ticket {
        Ticket(self.context.sync_directory().0)
    }

    fn written(&mut self, what: Written) {
        if !self.context.is_checked() {
            return;
        }
        self.context.observe(written(what));
    }
}

impl Host for Hands<'_, '_> {
    fn send(&mut self, to: Address, message: Message) {
        if let Message::Raft { to, message, .. } = &message
            && self.context.is_checked()
        {
            self.context.observe(Observation::Sent { term: message.term.0, promise: promise(&message.body, *to) });
        }
        self.context.send(NodeId(to.0), Wire(message));
    }

    fn arm(&mut self, timer: Timer, after_ns: u64) {
        let timer = match timer {
            Timer::Election => ELECTION,
            Timer::Heartbeat => HEARTBEAT,
        };
        self.context.arm(timer, after_ns);
    }

    fn halt(&mut self) {
        self.context.halt();
    }

    fn observe(&mut self, event: Event<'_>) {
        // What is told often is told where its kind is known.
        match event {
            Event::Booted { id, hard_state: HardState { term, voted_for } } => {
                self.tell(Observation::Booted { id: server_id(id), term: term.0, vote: voted_for.map(server_id) });
            }
            Event::Role(change) => self.role(change),
            Event::Appended(Entry { term, index, payload }) => {
                let payload = payload_hash(payload);
                self.context.observe(Observation::Appended { index: index.0, term: term.0, payload });
            }
            Event::Configured { index, configuration } => {
                let configured = self.configured(index.0, configuration);
                self.tell(configured);
            }
            Event::Committed(index) => {
                self.life.committed.set(index.0);
                self.context.observe(Observation::Committed { index: index.0 });
            }
            Event::Executed { index, session, sequence } => {
                self.context.observe(Observation::Executed { index: index.0, session, sequence });
            }
            Event::Applied { entry: Entry { term, index, payload }, state } => {
                if index.0 <= self.life.applied.get() {
                    self.hit(Declared::Store(whitewater_kv::Probe::RestartReapplies));
                }
                let payload = payload_hash(payload);
                self.context.observe(Observation::Applied { index: index.0, term: term.0, payload, state });
            }
            Event::SnapshotTaken { index, state } => {
                self.tell(Observation::SnapshotTaken { index: index.0, state });
            }
            Event::Compacted(through) => self.tell(Observation::Compacted { through: through.0 }),
            Event::Restored { index, term, state } => {
                self.life.committed.set(index.0);
                self.tell(Observation::Restored { index: index.0, term: term.0, state });
            }
            Event::Progress { peer, matched, next, in_flight, in_flight_max } => {
                if !self.context.is_checked() {
                    return;
                }
                self.context.observe(Observation::Progress {
                    peer: server_id(peer),
                    matched: matched.0,
                    next: next.0,
                    in_flight: in_flight as u64,
                    in_flight_max: in_flight_max as u64,
                });
            }
            Event::ReadBegan { read } => self.context.observe(Observation::ReadBegan { read }),
            Event::LeaseRead(term) => self.tell(Observation::LeaseRead { term: term.0 }),
            Event::ReadServed { read, applied } => {
                self.context.observe(Observation::ReadServed { read, applied: applied.0 });
            }
            Event::RaftProbe(probe) => self.hit(Declared::Raft(probe)),
            Event::Probe(probe) => self.hit(Declared::Store(probe)),
        }
    }
}

impl Hands<'_, '_> {
    fn hit(&mut self, probe: Declared) {
        hit(self.context, probe);
    }

    /// Tells what happens rarely: one copy of what that takes, for all kinds of observations.
    #[inline(never)]
    fn tell(&mut self, observation: Observation) {
        self.context.observe(observation);
    }

    fn role(&mut self, change: RoleChange) {
        let role = match change.role {
            Role::Follower => observe::Role::Follower,
            Role::PreCandidate => observe::Role::PreCandidate,
            Role::Candidate => observe::Role::Candidate,
            Role::Leader => observe::Role::Leader,
        };
        self.tell(Observation::Term { term: change.term.0 });
        self.tell(Observation::Role { role, term: change.term.0 });
        if change.role == Role::Leader && self.life.committed.get() < self.context.committed_max() {
            self.hit(Declared::Outside(Probe::CommitUnknownToNewLeader));
        }
        let before = self.life.role.replace(Some(change));
        let follows_again =
            before.is_some_and(|before| (before.role, before.term) == (Role::PreCandidate, change.term));
        if follows_again && change.role == Role::Follower && change.leader.is_some() {
            self.hit(Declared::Outside(Probe::OneWayPartitionRejoin));
        }
    }

    fn configured(&mut self, index: u64, configuration: &Configuration) -> Observation {
        let node = self.context.node();
        let is_me = |id: &whitewater_raft::NodeId| Address::from(*id).0 == node.0 && id.0 >> ADDRESS_BITS > 0;
        if !self.life.is_member.get() && configuration.members().iter().any(is_me) {
            self.life.is_member.set(true);
            self.hit(Declared::Outside(Probe::ReaddedAfterWipe));
        }
        let members = |ids: &[whitewater_raft::NodeId]| Members::of(ids.iter().map(|id| server_id(*id)));
        Observation::Configured {
            index,
            voters: members(&configuration.voters),
            outgoing: members(&configuration.outgoing),
            learners: members(&configuration.learners),
        }
    }
}

fn server_id(id: whitewater_raft::NodeId) -> ServerId {
    ServerId(u64::from(id.0))
}

fn promise(body: &Body, to: whitewater_raft::NodeId) -> Promise {
    match body {
        Body::RequestVote(_) => Promise::AskVote,
        Body::VoteReply(VoteReply::Granted) => Promise::Vote { to: server_id(to) },
        Body::AppendReply(reply) => match reply.result {
            AppendResult::Accepted { matched } => Promise::Ack { matched: matched.0 },
            AppendResult::Rejected { .. } => Promise::Other,
        },
        Body::RequestPreVote(_)
        | Body::PreVoteReply(_)
        | Body::VoteReply(VoteReply::Refused)
        | Body::Append(_)
        | Body::InstallSnapshot(_)
        | Body::SnapshotReply(_)
        | Body::TimeoutNow
        | Body::RequestReadIndex(_)
        | Body::ReadIndexReply(_) => Promise::Other,
    }
}

fn payload_hash(payload: &Payload) -> u64 {
    match payload {
        Payload::Noop => 0,
        Payload::Command(command) => xxh3_64(command),
        Payload::Configuration(configuration) => xxh3_64_with_seed(format!("{configuration:?}").as_bytes(), 1),
    }
}
