//! A server of the store on the `raft` crate (tikv's), hosted as the crate's documentation says: step, take a `Ready`, send
//! what need not wait, write, advance, send the rest when the write is durable, apply.
//!
//! State machine, sessions, requests and the files on disk are Whitewater's, so that what is under test is the crate and
//! the way in which it is driven. Two things that the crate draws or waits for from outside are given to it here: its
//! election timeouts, which it draws from a generator that no seed reaches, and the fate of snapshots on their way, which
//! a transport would report. What it simplifies: nobody changes the members; messages are not encoded; leases are not
//! used unless by mistake, so a read by lease is one by quorum.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use raft::eraftpb::{Entry, Message as RaftMessage, MessageType};
use raft::{Config, RawNode, Ready, SnapshotStatus, StateRole};
use whitewater_kv::machine::Applied;
use whitewater_kv::message::{ReadAt, ReadRequest, Rejection, Reply, ReplyResult, RequestId};
use whitewater_kv::storage::{Storage, Ticket};
use whitewater_kv::{Machine, Message, Operation, Request, codec};
use whitewater_raft::{HardState, Index, Term, Write, WriteSequence};
use whitewater_scenarios::systems::hosted::{self, FIRST_TIMER, Node, ServerDisk, Wire};
use whitewater_sim::disk::SyncId;
use whitewater_sim::observe::{Observation, Role};
use whitewater_sim::{Members, NodeId, ServerId, TimerId};
use xxhash_rust::xxh3::xxh3_64;

use crate::letter::{Letter, node_id, promise, raft_id};
use crate::log::{Log, configuration, ours};
use crate::settings::{Mistake, Settings};

type Context<'a> = whitewater_sim::Context<'a, Node<Tikv>>;

const TICK: TimerId = TimerId(FIRST_TIMER);

/// How many reads may wait at a server for the crate's word: it does not tell of those that it drops.
const READS_MAX: usize = 4_096;

/// A server with its settings; it runs once it has booted.
pub(crate) struct Tikv {
    settings: Settings,
    running: Option<Running>,
}

/// A server that runs.
struct Running {
    settings: Settings,
    node: RawNode<Log>,
    log: Log,
    storage: Storage,
    /// What was written last, and in which write.
    hard_state: HardState,
    hard_state_in: WriteSequence,
    machine: Machine,
    applied: u64,
    /// The last write that was handed to the disk, and the last that is durable.
    handed_over: WriteSequence,
    durable: WriteSequence,
    /// What waits for writes, in their order: numbers of `Ready`s, and messages.
    readies: VecDeque<(WriteSequence, u64)>,
    held: VecDeque<(WriteSequence, RaftMessage)>,
    /// Requests in the log whose clients wait: index, term, client and name.
    waiting: VecDeque<(u64, u64, NodeId, RequestId)>,
    /// Reads that wait for the crate's word, and reads that wait for an index to be applied.
    asked: BTreeMap<u64, Read>,
    passed: BTreeMap<(u64, u64), Read>,
    next_read: u64,
    /// Tells this life's reads from those of lives before.
    life: u64,
    /// The fingerprint of the state in the snapshot that is being saved, with its index.
    saving: Option<(u64, u64)>,
    covered: u64,
    /// Ticks until a snapshot that was sent to a server counts as lost.
    snapshots_sent: BTreeMap<u64, u32>,
    /// What the observer knows: term and role, and the commit index.
    told: (u64, Role),
    told_commit: u64,
    /// The present election timeout, in ticks, and the term and role that it was drawn for.
    timeout: usize,
    drawn_for: (u64, StateRole),
}

struct Read {
    client: NodeId,
    number: u64,
    operation: Operation,
}

impl Tikv {
    pub(crate) fn new(settings: Settings) -> Tikv {
        Tikv { settings, running: None }
    }
}

impl hosted::Server for Tikv {
    type Message = Letter;

    fn boot(&mut self, context: &mut Context<'_>) {
        match Running::new(self.settings.clone(), context) {
            Ok(running) => self.running.insert(running).go_on(context),
            Err(why) => return context.note(format_args!("refuses to start: {why}")),
        }
        let phase_ns = context.random().between(1, self.settings.tick_ns);
        context.arm(TICK, phase_ns);
    }

    fn request(&mut self, from: NodeId, request: Message, context: &mut Context<'_>) {
        let Some(running) = &mut self.running else { return };
        match request {
            Message::Request(command) => running.propose(from, &command, context),
            Message::Read(read) => running.read(from, *read, context),
            Message::Raft { .. }
            | Message::Reply(_)
            | Message::Admin(_)
            | Message::AdminReply(_)
            | Message::CameBack(_) => {}
        }
        running.go_on(context);
    }

    fn message(&mut self, _: NodeId, Letter(message): Letter, context: &mut Context<'_>) {
        let Some(running) = &mut self.running else { return };
        let peer = message.from;
        let is_answer = message.get_msg_type() == MessageType::MsgAppendResponse;
        // What the crate refuses has no effect.
        let _ = running.node.step(message);
        running.go_on(context);
        if is_answer {
            running.tell_progress(peer, context);
        }
    }

    fn timer(&mut self, _: TimerId, context: &mut Context<'_>) {
        let Some(running) = &mut self.running else { return };
        context.arm(TICK, self.settings.tick_ns);
        running.tick();
        running.go_on(context);
    }

    fn synced(&mut self, sync: SyncId, context: &mut Context<'_>) {
        let Some(running) = &mut self.running else { return };
        let progress = running.storage.synced(Ticket(sync.0), &mut ServerDisk(context));
        if let Some(durable) = progress.durable {
            running.durable = durable;
        }
        if let Some(snapshot) = progress.saved {
            running.saved(&snapshot, context);
        }
        running.go_on(context);
    }

    fn timer_name(timer: TimerId) -> Option<&'static str> {
        (timer == TICK).then_some("tick")
    }
}

impl Running {
    fn new(settings: Settings, context: &mut Context<'_>) -> Result<Running, String> {
        let opened = Storage::open(&mut ServerDisk(context), settings.storage);
        let (storage, recovered, _) = opened.map_err(|error| error.to_string())?;
        let HardState { term, voted_for } = recovered.hard_state;
        let id = ServerId(u64::from(context.node().0));
        let vote = voted_for.map(|id| ServerId(u64::from(id.0)));
        context.observe(Observation::Booted { id, term: term.0, vote });
        context.observe(configured(0, settings.voters));
        let (mut machine, mut covered) = (Machine::new(settings.sessions), 0);
        if let Some(snapshot) = &recovered.snapshot {
            machine = Machine::restore(&snapshot.data).map_err(|error| error.to_string())?;
            covered = snapshot.index.0;
            let state = machine.fingerprint();
            context.observe(Observation::Restored { index: covered, term: snapshot.term.0, state });
            context.observe(configured(covered, settings.voters));
        }
        let log = Log::new(settings.voters, &recovered);
        for entry in &recovered.entries {
            let payload = match &entry.payload {
                whitewater_raft::Payload::Command(command) => xxh3_64(command),
                whitewater_raft::Payload::Noop | whitewater_raft::Payload::Configuration(_) => xxh3_64(&[]),
            };
            context.observe(Observation::Appended { index: entry.index.0, term: entry.term.0, payload });
        }
        let config = Config { id: raft_id(context.node()), applied: covered, ..settings.raft.clone() };
        let logger = slog::Logger::root(slog::Discard, slog::o!());
        let node = RawNode::new(&config, log.clone(), &logger).map_err(|error| error.to_string())?;
        Ok(Running {
            node,
            log,
            storage,
            hard_state: recovered.hard_state,
            hard_state_in: WriteSequence(0),
            machine,
            applied: covered,
            handed_over: WriteSequence(0),
            durable: WriteSequence(0),
            readies: VecDeque::new(),
            held: VecDeque::new(),
            waiting: VecDeque::new(),
            asked: BTreeMap::new(),
            passed: BTreeMap::new(),
            next_read: 0,
            life: context.random().draw(),
            saving: None,
            covered,
            snapshots_sent: BTreeMap::new(),
            told: (term.0, Role::Follower),
            told_commit: covered,
            timeout: 0,
            drawn_for: (u64::MAX, StateRole::Follower),
            settings,
        })
    }

    fn is(&self, mistake: Mistake) -> bool {
        self.settings.mistake == Some(mistake)
    }

    fn is_leader(&self) -> bool {
        self.node.raft.state == StateRole::Leader
    }

    fn leader(&self) -> Option<whitewater_raft::NodeId> {
        node_id(self.node.raft.leader_id).map(|node| whitewater_raft::NodeId(node.0))
    }

    fn tick(&mut self) {
        self.node.tick();
        let mut lost = Vec::new();
        self.snapshots_sent.retain(|peer, ticks| {
            *ticks -= 1;
            if *ticks == 0 {
                lost.push(*peer);
            }
            *ticks > 0
        });
        for peer in lost {
            self.node.report_snapshot(peer, SnapshotStatus::Failure);
        }
    }

    fn propose(&mut self, client: NodeId, command: &bytes::Bytes, context: &mut Context<'_>) {
        let to = match codec::decode(command) {
            Ok(Request::OpenSession { nonce }) => RequestId::OpenSession { nonce },
            Ok(Request::Execute { session, sequence, .. }) => RequestId::Execute { session, sequence },
            Err(_) => return,
        };
        // The crate would pass it on to the leader, and nobody would hear what became of it.
        if !self.is_leader() {
            return reply(client, to, ReplyResult::Refused { leader: self.leader() }, context);
        }
        match self.node.propose(Vec::new(), command.to_vec()) {
            Ok(()) => {
                let (index, term) = (self.node.raft.raft_log.last_index(), self.node.raft.term);
                self.waiting.push_back((index, term, client, to));
            }
            Err(_) => reply(client, to, ReplyResult::Rejected(Rejection::Overloaded), context),
        }
    }

    fn read(
        &mut self,
        client: NodeId,
        ReadRequest { number, at, operation, .. }: ReadRequest,
        context: &mut Context<'_>,
    ) {
        let to = RequestId::Read { number };
        if !operation.only_reads() {
            return reply(client, to, ReplyResult::Rejected(Rejection::NotARead), context);
        }
        if !self.is_leader() && (at == ReadAt::Leader || self.leader().is_none()) {
            return reply(client, to, ReplyResult::Refused { leader: self.leader() }, context);
        }
        let read = self.next_read;
        self.next_read += 1;
        context.observe(Observation::ReadBegan { read });
        if self.is(Mistake::LocalReads) {
            self.passed.insert((0, read), Read { client, number, operation });
            return;
        }
        self.asked.insert(read, Read { client, number, operation });
        if self.asked.len() > READS_MAX {
            self.asked.pop_first();
        }
        let life = if self.is(Mistake::NamesakeReads) { 0 } else { self.life };
        self.node.read_index([life.to_le_bytes(), read.to_le_bytes()].concat());
    }

    /// Carries out everything that the crate asks for.
    fn go_on(&mut self, context: &mut Context<'_>) {
        loop {
            self.draw_timeout(context);
            self.tell_role(context);
            self.release(context);
            if !self.node.has_ready() {
                return;
            }
            let ready = self.node.ready();
            self.handle(ready, context);
        }
    }

    /// The crate draws its timeouts from a generator of the thread; a run must be a function of its seed.
    fn draw_timeout(&mut self, context: &mut Context<'_>) {
        let now = (self.node.raft.term, self.node.raft.state);
        if now != self.drawn_for {
            self.drawn_for = now;
            let raft = &self.settings.raft;
            let (min, max) = (raft.min_election_tick as u64, raft.max_election_tick as u64 - 1);
            self.timeout = context.random().between(min, max) as usize;
        }
        self.node.raft.set_randomized_election_timeout(self.timeout);
    }

    fn tell_role(&mut self, context: &mut Context<'_>) {
        let role = match self.node.raft.state {
            StateRole::Follower => Role::Follower,
            StateRole::PreCandidate => Role::PreCandidate,
            StateRole::Candidate => Role::Candidate,
            // Who votes alone leads before its vote is durable, and does nothing before that.
            StateRole::Leader if self.settings.voters == 1 && !self.has_voted() => Role::Candidate,
            StateRole::Leader => Role::Leader,
        };
        let term = self.node.raft.term;
        if self.told != (term, role) {
            if self.told.0 != term {
                context.observe(Observation::Term { term });
            }
            context.observe(Observation::Role { role, term });
            self.told = (term, role);
            self.snapshots_sent.clear();
        }
        if !self.is_leader() {
            let result = ReplyResult::Uncertain { leader: self.leader() };
            for (_, _, client, to) in self.waiting.drain(..) {
                reply(client, to, result.clone(), context);
            }
        }
    }

    /// Whether the vote by which a lone server leads is durable.
    fn has_voted(&self) -> bool {
        self.hard_state.term.0 == self.node.raft.term && self.hard_state_in <= self.durable
    }

    /// What waited for writes that are durable now.
    fn release(&mut self, context: &mut Context<'_>) {
        while self.held.front().is_some_and(|(sequence, _)| *sequence <= self.durable) {
            let (_, message) = self.held.pop_front().expect("the front was just seen");
            self.send(message, context);
        }
        let mut persisted = None;
        while self.readies.front().is_some_and(|(sequence, _)| *sequence <= self.durable) {
            persisted = self.readies.pop_front();
        }
        if let Some((_, number)) = persisted {
            self.node.on_persist_ready(number);
            self.advance_apply();
        }
    }

    /// The crate's own function of that name would say that a snapshot is applied that is not durable yet, which the crate
    /// refuses.
    fn advance_apply(&mut self) {
        let applied = self.applied.min(self.node.raft.raft_log.persisted);
        if self.node.raft.raft_log.applied < applied {
            self.node.advance_apply_to(applied);
        }
    }

    fn handle(&mut self, mut ready: Ready, context: &mut Context<'_>) {
        for message in ready.take_messages() {
            self.send(message, context);
        }
        if !ready.snapshot().is_empty() {
            self.restore(&ready, context);
        }
        for Entry { index, term, data, .. } in ready.entries() {
            context.observe(Observation::Appended { index: *index, term: *term, payload: xxh3_64(data) });
        }
        let commit = self.node.raft.raft_log.committed;
        if commit > self.told_commit {
            self.told_commit = commit;
            context.observe(Observation::Committed { index: commit });
        }
        let writes_before = self.handed_over;
        self.write(&ready, context);
        let is_empty = writes_before == self.handed_over;
        let after = match self.settings.mistake {
            Some(Mistake::SendsBeforeSync | Mistake::NeverWaits) => WriteSequence(0),
            Some(Mistake::SendsWithEmptyReady) if is_empty => WriteSequence(0),
            Some(_) | None => self.handed_over,
        };
        for message in ready.take_persisted_messages() {
            if after <= self.durable { self.send(message, context) } else { self.held.push_back((after, message)) }
        }
        for state in ready.take_read_states() {
            self.pass(state.index, &state.request_ctx);
        }
        let committed = ready.take_committed_entries();
        let done = if self.is(Mistake::NeverWaits) { WriteSequence(0) } else { self.handed_over };
        self.readies.push_back((done, ready.number()));
        self.node.advance_append_async(ready);
        for entry in committed {
            self.apply(&entry, context);
        }
        self.advance_apply();
        self.serve_reads(context);
        self.snapshot_if_due(context);
    }

    fn restore(&mut self, ready: &Ready, context: &mut Context<'_>) {
        let snapshot = ready.snapshot();
        let (index, term) = (snapshot.get_metadata().index, snapshot.get_metadata().term);
        self.machine = Machine::restore(&snapshot.data).expect("a snapshot is what a machine of this cluster wrote");
        (self.applied, self.covered, self.saving) = (index, index, None);
        self.told_commit = self.told_commit.max(index);
        self.log.restore(snapshot.clone());
        context.observe(Observation::Restored { index, term, state: self.machine.fingerprint() });
        context.observe(configured(index, self.settings.voters));
    }

    /// Hands what a `Ready` has for the disk over to it.
    fn write(&mut self, ready: &Ready, context: &mut Context<'_>) {
        self.log.append(ready.entries());
        let voted_for = node_id(self.node.raft.vote).map(|node| whitewater_raft::NodeId(node.0));
        let now = HardState { term: Term(self.node.raft.term), voted_for };
        let is_new = now != self.hard_state && !self.is(Mistake::ForgetsVotes) || now.term != self.hard_state.term;
        if ready.entries().is_empty() && ready.snapshot().is_empty() && !is_new {
            return;
        }
        self.handed_over.0 += 1;
        let hard_state = is_new.then_some(now);
        if is_new {
            (self.hard_state, self.hard_state_in) = (now, self.handed_over);
        }
        let snapshot = (!ready.snapshot().is_empty()).then(|| {
            let metadata = ready.snapshot().get_metadata();
            self.snapshot(metadata.index, metadata.term, ready.snapshot().data.clone())
        });
        let entries = ready.entries().iter().map(ours).collect();
        let write = Write { sequence: self.handed_over, hard_state, snapshot, entries };
        self.storage.persist(&write, &mut ServerDisk(context));
    }

    fn snapshot(&self, index: u64, term: u64, data: bytes::Bytes) -> Arc<whitewater_raft::Snapshot> {
        let configuration = Arc::new(configuration(self.settings.voters));
        Arc::new(whitewater_raft::Snapshot { index: Index(index), term: Term(term), configuration, data })
    }

    fn send(&mut self, message: RaftMessage, context: &mut Context<'_>) {
        if let Some(promise) = promise(&message) {
            context.observe(Observation::Sent { term: message.term, promise });
        }
        if message.get_msg_type() == MessageType::MsgSnapshot && !self.is(Mistake::SilentSnapshots) {
            self.snapshots_sent.insert(message.to, self.settings.snapshot_ticks);
        }
        let to = node_id(message.to).expect("a message is for somebody");
        context.send(to, Wire::Server(Letter(message)));
    }

    fn apply(&mut self, entry: &Entry, context: &mut Context<'_>) {
        let Entry { index, term, data, .. } = entry;
        let mut result = None;
        if !data.is_empty() {
            let request = codec::decode(data).expect("a command is checked before it enters the log");
            result = match self.machine.apply(Index(*index), &request) {
                Applied::Opened { session } => Some(ReplyResult::Opened { session }),
                Applied::Executed { session, sequence, answer } => {
                    context.observe(Observation::Executed { index: *index, session, sequence });
                    Some(ReplyResult::Answered { answer, index: Index(*index) })
                }
                Applied::Duplicate { answer } => Some(ReplyResult::Answered { answer, index: Index(*index) }),
                Applied::Overtaken => None,
                Applied::Expired => Some(ReplyResult::SessionExpired),
            };
        }
        self.applied = *index;
        let state = self.machine.fingerprint();
        context.observe(Observation::Applied { index: *index, term: *term, payload: xxh3_64(data), state });
        let Some((_, of, client, to)) = self.waiting.pop_front_if(|(waited, ..)| waited == index) else { return };
        assert!(of == *term, "a leader's own entries are not replaced while it leads");
        if let Some(result) = result {
            reply(client, to, result, context);
        }
    }

    /// The crate lets a read pass once `index` is applied.
    fn pass(&mut self, index: u64, context: &[u8]) {
        let (life, read) = context.split_at(8);
        let is_mine = life == self.life.to_le_bytes() || self.is(Mistake::NamesakeReads);
        let read = u64::from_le_bytes(read.try_into().expect("reads have numbers of eight bytes"));
        if let Some(waits) = self.asked.remove(&read).filter(|_| is_mine) {
            let index = if self.is(Mistake::ReadsTooEarly) { 0 } else { index };
            self.passed.insert((index, read), waits);
        }
    }

    fn serve_reads(&mut self, context: &mut Context<'_>) {
        while let Some(first) = self.passed.first_entry().filter(|first| first.key().0 <= self.applied) {
            let ((_, read), Read { client, number, operation }) = first.remove_entry();
            let answer = self.machine.read(&operation).expect("what writes is rejected when it arrives");
            context.observe(Observation::ReadServed { read, applied: self.applied });
            let result = ReplyResult::Answered { answer, index: Index(self.applied) };
            reply(client, RequestId::Read { number }, result, context);
        }
    }

    fn snapshot_if_due(&mut self, context: &mut Context<'_>) {
        let is_due = self.settings.snapshot_every.is_some_and(|every| self.applied - self.covered >= every);
        if !is_due || self.saving.is_some() {
            return;
        }
        let term = self.node.raft.raft_log.term(self.applied).expect("what was just applied is in the log");
        self.saving = Some((self.applied, self.machine.fingerprint()));
        let snapshot = self.snapshot(self.applied, term, self.machine.snapshot());
        self.storage.save_snapshot(snapshot, &mut ServerDisk(context));
    }

    /// A snapshot of its own is durable: the log before it may go.
    fn saved(&mut self, snapshot: &whitewater_raft::Snapshot, context: &mut Context<'_>) {
        let Some((index, state)) = self.saving.take_if(|(index, _)| *index == snapshot.index.0) else { return };
        self.covered = index;
        context.observe(Observation::SnapshotTaken { index, state });
        let through = self.log.compact(self.log.snapshot_of(snapshot), self.settings.entries_kept);
        context.observe(Observation::Compacted { through });
    }

    fn tell_progress(&self, peer: u64, context: &mut Context<'_>) {
        let Some(progress) = self.node.raft.prs().get(peer).filter(|_| self.is_leader()) else { return };
        context.observe(Observation::Progress {
            peer: ServerId(peer - 1),
            matched: progress.matched,
            next: progress.next_idx,
            in_flight: progress.ins.count() as u64,
            in_flight_max: self.settings.raft.max_inflight_msgs as u64,
        });
    }
}

fn configured(index: u64, voters: u32) -> Observation {
    let none = Members::default();
    let voters = Members::of((0..u64::from(voters)).map(ServerId));
    Observation::Configured { index, voters, outgoing: none, learners: none }
}

fn reply(client: NodeId, to: RequestId, result: ReplyResult, context: &mut Context<'_>) {
    context.send(client, Wire::store(Message::Reply(Reply { to, result })));
}
