//! The replicated server: Raft, the state machine and the disk, joined by two rules: persist before send, answer after
//! apply.
//!
//! Sans-io: it acts through a [`Host`], which the simulator implements, and which sockets and files could. Messages that
//! wait for a write wait here, in order. A request is answered when its entry is applied, never before; a read without an
//! entry when Raft has let it pass and what it must reflect is applied (dissertation 6.4). Every so many entries the
//! server takes a snapshot of its own state, and Raft forgets the log before it (dissertation 5.1).

mod apply;
mod host;
mod operated;
mod reads;
mod snapshots;

use std::collections::VecDeque;

use whitewater_raft::message::Body;
use whitewater_raft::{
    After, Command, Config, ConfigError, Configuration, Effect, Entry, Index, Input, NodeId, Outbound, Payload,
    ProposalId, ReadProof, Refusal, Replica, Role, RoleChange, Term, Timer, Write, WriteSequence,
};

use crate::bugs::{self, Bug};
use crate::codec;
use crate::command::Request;
use crate::machine::{Applied, Machine};
use crate::message::{Address, Message, ReadAt, ReadRequest, Rejection, Reply, ReplyResult, RequestId};
use crate::probe::Probe;
use crate::session;
use crate::snapshot::SnapshotError;
use crate::storage::{self, RecoveryError, RecoveryReport, Storage, Ticket, Torn};

pub use host::{Event, Host};
use reads::{Read, Reads};
use snapshots::restored;

/// The settings of a server. All servers of a cluster should have the same, but for `raft.id`.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Of the protocol.
    pub raft: Config,
    /// Of the log on disk.
    pub storage: storage::Limits,
    /// Of client sessions. Part of the replicated state: those of the cluster's first start hold.
    pub sessions: session::Limits,
    /// How many entries are applied from one snapshot to the next; `None` if none is taken but on request.
    pub snapshot_every: Option<u64>,
    /// How many entries a learner may lack to be promoted. A new voter that lacks more than a leader sends in a moment holds
    /// up commitment (dissertation 4.2.1).
    pub promotion_gap_max: u64,
}

/// Why a server cannot start.
#[derive(Debug, PartialEq, thiserror::Error)]
pub enum BootError {
    /// Its disk is damaged.
    #[error(transparent)]
    Recovery(#[from] RecoveryError),
    /// Its settings, or what its disk says, are impossible.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// Its snapshot is not one of a state machine.
    #[error("the snapshot at {index} cannot be read: {error}; rebuild this server's state from the others")]
    Snapshot {
        /// The last index that it covers.
        index: Index,
        /// Why not.
        error: SnapshotError,
    },
}

/// A server of the store.
#[derive(Debug)]
pub struct Server {
    replica: Replica,
    machine: Machine,
    applied: Index,
    storage: Storage,
    /// The latest write that is durable.
    durable: WriteSequence,
    snapshot_every: Option<u64>,
    promotion_gap_max: u64,
    /// The snapshot on its way to the disk, with the fingerprint of the state in it.
    saving: Option<(Index, u64)>,
    /// The last index that the log had forgotten when the host was told last.
    compacted: Index,
    /// Messages that wait for writes, in the order of both.
    held: VecDeque<(WriteSequence, NodeId, whitewater_raft::Message)>,
    /// Requests in the log whose clients wait, in the order of their entries.
    waiting: VecDeque<Waiting>,
    reads: Reads,
    next_proposal: ProposalId,
    effects: Vec<Effect>,
}

/// A request that this server put into the log.
#[derive(Clone, Copy, Debug)]
struct Waiting {
    index: Index,
    term: Term,
    client: Address,
    request: RequestId,
}

/// Where an input came from that wants an answer, while it is being handled.
#[derive(Clone, Copy, Debug)]
enum Origin {
    Nobody,
    Client(Address, RequestId),
    Operator(Address),
}

impl Server {
    /// Starts a server from what its disk holds.
    ///
    /// # Errors
    /// If the settings are impossible or the disk is damaged. Such a server must not start: what it promised is gone.
    pub fn boot<H: Host>(settings: Settings, host: &mut H) -> Result<Server, BootError> {
        if bugs::is_on(Bug::NothingPersisted) {
            host.list().iter().for_each(|file| host.remove(file));
        }
        let (storage, recovered, report) = Storage::open(host, settings.storage)?;
        let Settings { raft: config, sessions, snapshot_every, promotion_gap_max, .. } = settings;
        host.observe(Event::Booted { id: config.id, hard_state: recovered.hard_state });
        tell_of_recovery(&report, host);
        if config.bootstrap != Configuration::default() {
            host.observe(Event::Configured { index: Index(0), configuration: &config.bootstrap });
        }
        let machine = match &recovered.snapshot {
            Some(snapshot) => {
                restored(snapshot, host).map_err(|error| BootError::Snapshot { index: snapshot.index, error })?
            }
            None => Machine::new(sessions),
        };
        let applied = recovered.snapshot.as_ref().map_or(Index(0), |snapshot| snapshot.index);
        for entry in &recovered.entries {
            appended(entry, host);
        }
        let mut server = Server {
            replica: Replica::new(config, recovered)?,
            machine,
            applied,
            storage,
            durable: WriteSequence(0),
            snapshot_every,
            promotion_gap_max,
            saving: None,
            compacted: applied,
            held: VecDeque::new(),
            waiting: VecDeque::new(),
            reads: Reads::default(),
            next_proposal: ProposalId(0),
            effects: Vec::new(),
        };
        server.replica.start(host, &mut server.effects);
        server.carry_out(Origin::Nobody, host);
        Ok(server)
    }

    /// A message arrived.
    pub fn message<H: Host>(&mut self, from: Address, message: Message, host: &mut H) {
        match message {
            Message::Raft { from, to, message } if to == self.replica.id() => self.raft_message(from, message, host),
            // For a server that was here before its disk was lost.
            Message::Raft { .. } => {}
            Message::Request(command) => self.request(from, command, host),
            Message::Read(request) => self.read(from, *request, host),
            Message::Admin(request) => self.admin(from, request, host),
            // Only clients and operators are replied to.
            Message::Reply(_) | Message::AdminReply(_) | Message::CameBack(_) => {}
        }
    }

    /// A timer ran out.
    pub fn timer<H: Host>(&mut self, timer: Timer, host: &mut H) {
        self.step(Input::Timer(timer), Origin::Nobody, host);
    }

    /// A sync that was asked for is done.
    pub fn synced<H: Host>(&mut self, ticket: Ticket, host: &mut H) {
        let progress = self.storage.synced(ticket, host);
        if let Some(snapshot) = progress.saved {
            self.snapshot_saved(snapshot, host);
        }
        if let Some(durable) = progress.durable {
            self.durable = durable;
            while self.held.front().is_some_and(|(sequence, ..)| *sequence <= durable) {
                let (_, to, message) = self.held.pop_front().expect("the front was just seen");
                self.send_now(to, message, host);
            }
            self.step(Input::WriteCompleted(durable), Origin::Nobody, host);
        }
    }

    /// A sync that was asked for failed. What it covers may be lost, and another sync would not tell: the server ends, and
    /// learns from its disk what is left when it starts again (Rebello et al., "Can Applications Recover from fsync
    /// Failures?", ATC 2020).
    pub fn sync_failed<H: Host>(&mut self, ticket: Ticket, host: &mut H) {
        if bugs::is_on(Bug::WriteErrorIgnored) {
            return self.synced(ticket, host);
        }
        host.halt();
    }

    /// The replica, to look at.
    #[must_use]
    pub fn replica(&self) -> &Replica {
        &self.replica
    }

    /// The last entry that was applied.
    #[must_use]
    pub fn applied(&self) -> Index {
        self.applied
    }

    /// The state machine, to look at.
    #[must_use]
    pub fn machine(&self) -> &Machine {
        &self.machine
    }

    /// The disk's side, to look at.
    #[must_use]
    pub fn storage(&self) -> &Storage {
        &self.storage
    }

    /// Whether a vote waits here for the disk.
    #[must_use]
    pub fn holds_vote(&self) -> bool {
        let promises_vote = |message: &whitewater_raft::Message| match &message.body {
            Body::RequestVote(_) => true,
            Body::VoteReply(reply) => *reply == whitewater_raft::message::VoteReply::Granted,
            Body::RequestPreVote(_)
            | Body::PreVoteReply(_)
            | Body::Append(_)
            | Body::AppendReply(_)
            | Body::InstallSnapshot(_)
            | Body::SnapshotReply(_)
            | Body::TimeoutNow
            | Body::RequestReadIndex(_)
            | Body::ReadIndexReply(_) => false,
        };
        self.held.iter().any(|(_, _, message)| promises_vote(message))
    }

    fn raft_message<H: Host>(&mut self, from: NodeId, message: whitewater_raft::Message, host: &mut H) {
        let is_answer = matches!(message.body, Body::AppendReply(_) | Body::SnapshotReply(_));
        self.step(Input::Message { from, message }, Origin::Nobody, host);
        if is_answer && let Some(progress) = self.replica.progress(from) {
            host.observe(Event::Progress {
                peer: from,
                matched: progress.matched,
                next: progress.next,
                in_flight: progress.in_flight,
                in_flight_max: self.replica.config().in_flight_max,
            });
        }
    }

    fn request<H: Host>(&mut self, client: Address, command: Command, host: &mut H) {
        // What enters the log must be readable by every replica, so anything else is dropped at the door.
        let Ok(request) = codec::decode(&command) else { return };
        let request = match request {
            Request::OpenSession { nonce } => RequestId::OpenSession { nonce },
            Request::Execute { session, sequence, .. } => RequestId::Execute { session, sequence },
        };
        if bugs::is_on(Bug::SuppressionAtLeader) && self.answers_from_memory(client, request, host) {
            return;
        }
        let proposal = self.next_proposal();
        self.step(Input::Propose { proposal, command }, Origin::Client(client, request), host);
    }

    /// For [`Bug::SuppressionAtLeader`]: answers a request that was executed before.
    fn answers_from_memory<H: Host>(&self, client: Address, request: RequestId, host: &mut H) -> bool {
        let RequestId::Execute { session, sequence } = request else { return false };
        let Some(answer) = self.machine.sessions().kept(session, sequence) else { return false };
        let (answer, index) = (answer.clone(), self.applied);
        reply(client, request, ReplyResult::Answered { answer, index }, host);
        true
    }

    fn next_proposal(&mut self) -> ProposalId {
        let proposal = self.next_proposal;
        self.next_proposal.0 += 1;
        proposal
    }

    fn read<H: Host>(&mut self, client: Address, request: ReadRequest, host: &mut H) {
        let ReadRequest { number, mode, at, operation } = request;
        let to = RequestId::Read { number };
        if !operation.only_reads() {
            reply(client, to, ReplyResult::Rejected(Rejection::NotARead), host);
            return;
        }
        if at == ReadAt::Leader && self.replica.role() != Role::Leader {
            reply(client, to, ReplyResult::Refused { leader: self.replica.leader() }, host);
            return;
        }
        let read = self.reads.begin(Read { client, number, operation });
        host.observe(Event::ReadBegan { read: read.0 });
        if bugs::is_on(Bug::FollowerReadsLocally) && self.replica.role() != Role::Leader {
            self.reads.ready(read, self.applied);
            return self.serve_reads(host);
        }
        self.step(Input::Read { read, mode }, Origin::Nobody, host);
    }

    fn step<H: Host>(&mut self, input: Input, origin: Origin, host: &mut H) {
        self.replica.step(input, host, &mut self.effects);
        self.carry_out(origin, host);
    }

    fn carry_out<H: Host>(&mut self, origin: Origin, host: &mut H) {
        let mut effects = std::mem::take(&mut self.effects);
        for effect in effects.drain(..) {
            match effect {
                Effect::Persist(write) => self.persist(&write, host),
                Effect::Send(outbound) => self.send(outbound, host),
                Effect::Arm { timer, after_ns } => host.arm(timer, after_ns),
                Effect::Commit { through } => self.apply(through, host),
                Effect::Restore(snapshot) => self.restore(&snapshot, host),
                Effect::Accepted { term, index, .. } => match origin {
                    Origin::Client(client, request) if bugs::is_on(Bug::AnsweredBeforeCommit) => {
                        self.answer_at_once(index, client, request, host);
                    }
                    Origin::Client(client, request) => {
                        self.waiting.push_back(Waiting { index, term, client, request });
                    }
                    Origin::Operator(operator) => operated::accepted(operator, host),
                    Origin::Nobody => {}
                },
                Effect::Refused { refusal, .. } => match origin {
                    Origin::Client(client, request) => reply(client, request, refused(&refusal), host),
                    Origin::Operator(operator) => operated::refused(operator, self.replica.leader(), &refusal, host),
                    Origin::Nobody => {}
                },
                Effect::TransferRefused { refusal, .. } => {
                    if let Origin::Operator(operator) = origin {
                        operated::refused(operator, self.replica.leader(), &refusal, host);
                    }
                }
                Effect::ReadReady { read, index, by } => {
                    if by == ReadProof::Lease {
                        host.observe(Event::LeaseRead(self.replica.term()));
                    }
                    let index = if bugs::is_on(Bug::ReadBeforeApply) { index.min(self.applied) } else { index };
                    if self.reads.ready(read, index) && index > self.applied {
                        host.observe(Event::Probe(Probe::ReadWaitsForApply));
                    }
                }
                Effect::ReadRefused { read, leader } => {
                    if let Some(Read { client, number, .. }) = self.reads.refused(read) {
                        reply(client, RequestId::Read { number }, ReplyResult::Refused { leader }, host);
                    }
                }
                Effect::Role(change) => self.role(change, host),
                Effect::Probe(probe) => host.observe(Event::RaftProbe(probe)),
            }
        }
        self.effects = effects;
        self.serve_reads(host);
        self.take_snapshot_if_due(host);
    }

    fn persist<H: Host>(&mut self, write: &Write, host: &mut H) {
        for entry in write.entries.iter() {
            appended(entry, host);
        }
        self.storage.persist(write, host);
        let is_alone = || self.replica.configuration().voters == [self.replica.id()];
        if bugs::is_on(Bug::LoneServerHurries) && self.replica.role() == Role::Leader && is_alone() {
            self.step(Input::WriteCompleted(write.sequence), Origin::Nobody, host);
        }
    }

    /// For [`Bug::AnsweredBeforeCommit`]: tells a client what will come of its request if it is ever applied.
    fn answer_at_once<H: Host>(&self, index: Index, client: Address, request: RequestId, host: &mut H) {
        let Some(Payload::Command(command)) = self.replica.entry(index).map(|entry| &entry.payload) else { return };
        let command = codec::decode(command).expect("a command is checked before it enters the log");
        let result = match self.machine.clone().apply(index, &command) {
            Applied::Opened { session } => ReplyResult::Opened { session },
            Applied::Executed { answer, .. } | Applied::Duplicate { answer } => ReplyResult::Answered { answer, index },
            Applied::Overtaken => return,
            Applied::Expired => ReplyResult::SessionExpired,
        };
        reply(client, request, result, host);
    }

    fn send<H: Host>(&mut self, Outbound { to, message, after }: Outbound, host: &mut H) {
        match after {
            After::Write(_) if bugs::is_on(Bug::UnsyncedPromise) => self.send_now(to, message, host),
            After::Write(sequence) if sequence > self.durable => self.held.push_back((sequence, to, message)),
            After::Write(_) | After::Nothing => self.send_now(to, message, host),
        }
    }

    fn send_now<H: Host>(&self, to: NodeId, message: whitewater_raft::Message, host: &mut H) {
        host.send(to.into(), Message::Raft { from: self.replica.id(), to, message });
    }

    fn role<H: Host>(&mut self, change: RoleChange, host: &mut H) {
        host.observe(Event::Role(change));
        if change.role != Role::Leader && !bugs::is_on(Bug::WaitersByIndex) {
            let result = ReplyResult::Uncertain { leader: change.leader };
            for Waiting { client, request, .. } in self.waiting.drain(..) {
                reply(client, request, result.clone(), host);
            }
        }
    }

    fn serve_reads<H: Host>(&mut self, host: &mut H) {
        while let Some((id, Read { client, number, operation })) = self.reads.take_served_by(self.applied) {
            let answer = self.machine.read(&operation).expect("what writes is rejected when it arrives");
            host.observe(Event::ReadServed { read: id.0, applied: self.applied });
            let result = ReplyResult::Answered { answer, index: self.applied };
            reply(client, RequestId::Read { number }, result, host);
        }
    }
}

/// What a client is told whose request does not enter the log.
fn refused(refusal: &Refusal) -> ReplyResult {
    match refusal {
        Refusal::NotLeader { leader } => ReplyResult::Refused { leader: *leader },
        Refusal::Transferring { to } => ReplyResult::Refused { leader: Some(*to) },
        Refusal::Overloaded { .. } => ReplyResult::Rejected(Rejection::Overloaded),
        Refusal::TooLarge { .. } => ReplyResult::Rejected(Rejection::TooLarge),
        Refusal::Change(_) => unreachable!("clients do not change the configuration"),
    }
}

fn appended<H: Host>(entry: &Entry, host: &mut H) {
    host.observe(Event::Appended(entry));
    if let Payload::Configuration(configuration) = &entry.payload {
        host.observe(Event::Configured { index: entry.index, configuration });
    }
}

fn tell_of_recovery<H: Host>(report: &RecoveryReport, host: &mut H) {
    let Some(torn) = report.torn else { return };
    host.observe(Event::Probe(Probe::TornTailTruncated));
    match torn {
        Torn::HardState { .. } => host.observe(Event::Probe(Probe::TornHardState)),
        Torn::Entries(_) | Torn::Unknown => {}
    }
}

fn reply<H: Host>(client: Address, to: RequestId, result: ReplyResult, host: &mut H) {
    host.send(client, Message::Reply(Reply { to, result }));
}
