//! A server of the store on the `raft` crate (tikv's), hosted as the crate's documentation says: step, take a `Ready`, send
//! what need not wait, write, advance, send the rest when the write is durable, apply.
//!
//! State machine, sessions, requests and the files on disk are Whitewater's, so that what is under test is the crate and
//! the way in which it is driven. Two things that the crate takes from outside are given to it here: its election
//! timeouts, which it draws from a generator that no seed reaches, and the fate of snapshots on their way, which a
//! transport would report. What it simplifies: nobody changes the members, and messages are not encoded.

use std::collections::{BTreeMap, VecDeque};

use raft::eraftpb::{Entry, Message as RaftMessage, MessageType, Snapshot};
use raft::storage::MemStorage;
use raft::{Config, RawNode, Ready, SnapshotStatus, StateRole, Storage as _};
use whitewater_kv::Message;
use whitewater_kv::message::{Rejection, ReplyResult};
use whitewater_kv::storage::{Storage, Ticket};
use whitewater_raft::{HardState, Term, Write, WriteSequence};
use whitewater_scenarios::systems::hosted::{
    self, FIRST_TIMER, Node, ServerDisk, Store, Wire, name_of, payload, refuse, reply,
};
use whitewater_sim::disk::SyncId;
use whitewater_sim::observe::{Observation, Role};
use whitewater_sim::{Members, NodeId, ServerId, TimerId};

use crate::letter::{Letter, node_id, promise, raft_id};
use crate::log::{bytes, log, our_snapshot, ours};
use crate::settings::{Mistake, Settings};

type Context<'a> = whitewater_sim::Context<'a, Node<Tikv>>;

const TICK: TimerId = TimerId(FIRST_TIMER);

/// A server with its settings; it runs once it has booted.
pub(crate) struct Tikv {
    settings: Settings,
    running: Option<Running>,
}

/// A server that runs.
struct Running {
    settings: Settings,
    node: RawNode<MemStorage>,
    log: MemStorage,
    /// The latest durable snapshot: its last index, and the state.
    snapshot: (u64, bytes::Bytes),
    /// The snapshot that is being saved: its last index, and the fingerprint of the state.
    saving: Option<(u64, u64)>,
    storage: Storage,
    store: Store,
    /// What was written last, and in which write.
    hard_state: HardState,
    hard_state_in: WriteSequence,
    /// The last write that was handed to the disk, and the last that is durable.
    handed_over: WriteSequence,
    durable: WriteSequence,
    /// What waits for writes, in their order: numbers of `Ready`s, and messages.
    readies: VecDeque<(WriteSequence, u64)>,
    held: VecDeque<(WriteSequence, RaftMessage)>,
    /// Tells this life's reads from those of other lives, and of other servers.
    life: u64,
    /// Ticks until a snapshot that was sent to a server counts as lost.
    snapshots_sent: BTreeMap<u64, u32>,
    /// What the observer was told: term and role, and the commit index.
    told: (u64, Role),
    told_commit: u64,
    /// The present election timeout, in ticks, and the term and role that it was drawn for.
    timeout: usize,
    drawn_for: Option<(u64, StateRole)>,
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
            Err(why) => {
                context.note(format_args!("refuses to start: {why}"));
                return context.halt();
            }
        }
        let phase_ns = context.random().between(1, self.settings.tick_ns);
        context.arm(TICK, phase_ns);
    }

    fn request(&mut self, from: NodeId, request: Message, context: &mut Context<'_>) {
        let Some(running) = &mut self.running else { return };
        match request {
            Message::Request(command) => running.propose(from, &command, context),
            Message::Read(read) => {
                let leader = node_id(running.node.raft.leader_id);
                if let Some(read) = running.store.read(from, *read, leader, context) {
                    running.begin_read(read);
                }
            }
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
        running.durable = progress.durable.unwrap_or(running.durable);
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
        let HardState { term: Term(term), voted_for } = recovered.hard_state;
        let id = ServerId(u64::from(context.node().0));
        let vote = voted_for.map(|id| ServerId(u64::from(id.0)));
        context.observe(Observation::Booted { id, term, vote });
        context.observe(configured(0, settings.voters));
        let mut store = Store::new(settings.sessions);
        let mut snapshot = (0, bytes::Bytes::new());
        if let Some(kept) = &recovered.snapshot {
            snapshot = (kept.index.0, kept.data.clone());
            let end = (kept.index.0, kept.term.0);
            store.restore(end, &kept.data, context).map_err(|error| error.to_string())?;
            context.observe(configured(kept.index.0, settings.voters));
        }
        for entry in &recovered.entries {
            let payload = payload(&bytes(entry));
            context.observe(Observation::Appended { index: entry.index.0, term: entry.term.0, payload });
        }
        let log = log(settings.voters, &recovered);
        let config = Config { id: raft_id(context.node()), applied: snapshot.0, ..settings.raft.clone() };
        let logger = slog::Logger::root(slog::Discard, slog::o!());
        let node = RawNode::new(&config, log.clone(), &logger).map_err(|error| error.to_string())?;
        Ok(Running {
            told: (term, Role::Follower),
            told_commit: snapshot.0,
            node,
            log,
            snapshot,
            saving: None,
            storage,
            store,
            hard_state: recovered.hard_state,
            hard_state_in: WriteSequence(0),
            handed_over: WriteSequence(0),
            durable: WriteSequence(0),
            readies: VecDeque::new(),
            held: VecDeque::new(),
            life: if settings.mistake == Some(Mistake::NamesakeReads) { 0 } else { context.random().draw() },
            snapshots_sent: BTreeMap::new(),
            timeout: 0,
            drawn_for: None,
            settings,
        })
    }

    fn is(&self, mistake: Mistake) -> bool {
        self.settings.mistake == Some(mistake)
    }

    fn is_leader(&self) -> bool {
        self.node.raft.state == StateRole::Leader
    }

    fn tick(&mut self) {
        self.node.tick();
        self.snapshots_sent.values_mut().for_each(|ticks| *ticks -= 1);
        while let Some(peer) = self.snapshots_sent.iter().find(|(_, ticks)| **ticks == 0).map(|(peer, _)| *peer) {
            self.snapshots_sent.remove(&peer);
            self.node.report_snapshot(peer, SnapshotStatus::Failure);
        }
    }

    fn propose(&mut self, client: NodeId, command: &[u8], context: &mut Context<'_>) {
        let Some(request) = name_of(command) else { return };
        // The crate would pass it on to the leader, and nobody would hear what became of it.
        if !self.is_leader() {
            return refuse(client, request, node_id(self.node.raft.leader_id), context);
        }
        match self.node.propose(Vec::new(), command.to_vec()) {
            Ok(()) => {
                let entry = (self.node.raft.raft_log.last_index(), self.node.raft.term);
                self.store.accept(entry, client, request);
            }
            Err(_) => reply(client, request, ReplyResult::Rejected(Rejection::Overloaded), context),
        }
    }

    fn begin_read(&mut self, read: u64) {
        if self.is(Mistake::LocalReads) {
            self.store.pass(read, 0);
        } else {
            self.node.read_index([self.life.to_le_bytes(), read.to_le_bytes()].concat());
        }
    }

    /// Carries out everything that the crate asks for.
    fn go_on(&mut self, context: &mut Context<'_>) {
        loop {
            self.draw_timeout(context);
            self.release(context);
            self.tell_role(context);
            self.store.serve(context);
            if self.settings.voters == 1 && self.is_leader() && !self.has_voted() {
                // The crate lets a lone server lead before its vote is durable. What it has to say waits here until it is.
                return self.write(&[], &Snapshot::default(), context);
            }
            if !self.node.has_ready() {
                return;
            }
            let ready = self.node.ready();
            self.handle(ready, context);
        }
    }

    /// Whether the vote by which this server leads is durable.
    fn has_voted(&self) -> bool {
        self.hard_state.term.0 == self.node.raft.term && self.hard_state_in <= self.durable
    }

    /// The crate draws its timeouts from a generator of the thread; a run must be a function of its seed.
    fn draw_timeout(&mut self, context: &mut Context<'_>) {
        let now = Some((self.node.raft.term, self.node.raft.state));
        if now != self.drawn_for {
            self.drawn_for = now;
            let Config { min_election_tick, max_election_tick, .. } = self.settings.raft;
            self.timeout = context.random().between(min_election_tick as u64, max_election_tick as u64 - 1) as usize;
        }
        self.node.raft.set_randomized_election_timeout(self.timeout);
    }

    fn tell_role(&mut self, context: &mut Context<'_>) {
        let role = match self.node.raft.state {
            StateRole::Follower => Role::Follower,
            StateRole::PreCandidate => Role::PreCandidate,
            StateRole::Candidate => Role::Candidate,
            StateRole::Leader if !self.has_voted() => Role::Candidate,
            StateRole::Leader => Role::Leader,
        };
        let term = self.node.raft.term;
        if self.told != (term, role) {
            context.observe(Observation::Term { term });
            context.observe(Observation::Role { role, term });
            self.told = (term, role);
            self.snapshots_sent.clear();
        }
        if !self.is_leader() {
            self.store.give_up(node_id(self.node.raft.leader_id), context);
        }
    }

    /// What waited for writes that are durable now.
    fn release(&mut self, context: &mut Context<'_>) {
        while let Some((_, message)) = take_through(&mut self.held, self.durable) {
            self.send(message, context);
        }
        while let Some((_, number)) = take_through(&mut self.readies, self.durable) {
            self.node.on_persist_ready(number);
            self.advance_apply();
        }
    }

    /// The crate's own function of that name would say that a snapshot is applied that is not durable yet, which the crate
    /// refuses.
    fn advance_apply(&mut self) {
        let applied = self.store.applied().min(self.node.raft.raft_log.persisted);
        if self.node.raft.raft_log.applied < applied {
            self.node.advance_apply_to(applied);
        }
    }

    fn handle(&mut self, mut ready: Ready, context: &mut Context<'_>) {
        for message in ready.take_messages() {
            self.send(message, context);
        }
        if !ready.snapshot().is_empty() {
            self.restore(ready.snapshot(), context);
        }
        for Entry { index, term, data, .. } in ready.entries() {
            context.observe(Observation::Appended { index: *index, term: *term, payload: payload(data) });
        }
        let commit = self.node.raft.raft_log.committed;
        if commit > self.told_commit {
            self.told_commit = commit;
            context.observe(Observation::Committed { index: commit });
        }
        let before = self.handed_over;
        self.write(ready.entries(), ready.snapshot(), context);
        let nothing = WriteSequence(0);
        let (after, done) = match self.settings.mistake {
            Some(Mistake::NeverWaits) => (nothing, nothing),
            Some(Mistake::SendsBeforeSync) => (nothing, self.handed_over),
            Some(Mistake::SendsWithEmptyReady) if before == self.handed_over => (nothing, self.handed_over),
            Some(_) | None => (self.handed_over, self.handed_over),
        };
        self.held.extend(ready.take_persisted_messages().into_iter().map(|message| (after, message)));
        self.readies.push_back((done, ready.number()));
        for state in ready.take_read_states() {
            self.pass(state.index, &state.request_ctx);
        }
        let committed = ready.take_committed_entries();
        self.node.advance_append_async(ready);
        for Entry { index, term, data, .. } in committed {
            self.store.apply((index, term), &data, context);
        }
        self.advance_apply();
        self.snapshot_if_due(context);
    }

    fn restore(&mut self, snapshot: &Snapshot, context: &mut Context<'_>) {
        let end = (snapshot.get_metadata().index, snapshot.get_metadata().term);
        self.store.restore(end, &snapshot.data, context).expect("a snapshot is what a store of this cluster wrote");
        context.observe(configured(end.0, self.settings.voters));
        self.log.wl().apply_snapshot(snapshot.clone()).expect("a snapshot that is taken over is news");
        (self.snapshot, self.saving) = ((end.0, snapshot.data.clone()), None);
        self.told_commit = self.told_commit.max(end.0);
    }

    /// Hands to the disk what is new.
    fn write(&mut self, entries: &[Entry], snapshot: &Snapshot, context: &mut Context<'_>) {
        self.log.wl().append(entries).expect("memory does not fail");
        let voted_for = node_id(self.node.raft.vote).map(|node| whitewater_raft::NodeId(node.0));
        let now = HardState { term: Term(self.node.raft.term), voted_for };
        let is_new = now.term != self.hard_state.term || now != self.hard_state && !self.is(Mistake::ForgetsVotes);
        if entries.is_empty() && snapshot.is_empty() && !is_new {
            return;
        }
        self.handed_over.0 += 1;
        if is_new {
            (self.hard_state, self.hard_state_in) = (now, self.handed_over);
        }
        let ends = snapshot.get_metadata();
        let snapshot = (!snapshot.is_empty())
            .then(|| our_snapshot(self.settings.voters, ends.index, ends.term, snapshot.data.clone()).into());
        let entries = entries.iter().map(ours).collect();
        let write = Write { sequence: self.handed_over, hard_state: is_new.then_some(now), snapshot, entries };
        self.storage.persist(&write, &mut ServerDisk(context));
    }

    fn send(&mut self, mut message: RaftMessage, context: &mut Context<'_>) {
        if let Some(promise) = promise(&message) {
            context.observe(Observation::Sent { term: message.term, promise });
        }
        if message.get_msg_type() == MessageType::MsgSnapshot {
            message.mut_snapshot().data = self.snapshot.1.clone();
            if !self.is(Mistake::SilentSnapshots) {
                self.snapshots_sent.insert(message.to, self.settings.snapshot_ticks);
            }
        }
        let to = node_id(message.to).expect("a message is for somebody");
        context.send(to, Wire::Server(Letter(message)));
    }

    /// The crate lets a read pass once `index` is applied.
    fn pass(&mut self, index: u64, name: &[u8]) {
        let (life, read) = name.split_at(8);
        if life == self.life.to_le_bytes() {
            let read = u64::from_le_bytes(read.try_into().expect("reads have numbers of eight bytes"));
            self.store.pass(read, if self.is(Mistake::ReadsTooEarly) { 0 } else { index });
        }
    }

    fn snapshot_if_due(&mut self, context: &mut Context<'_>) {
        let index = self.store.applied();
        let is_due = self.settings.snapshot_every.is_some_and(|every| index - self.snapshot.0 >= every);
        if is_due && self.saving.is_none() {
            let term = self.log.term(index).expect("what was just applied is in the log");
            self.saving = Some((index, self.store.state()));
            let snapshot = our_snapshot(self.settings.voters, index, term, self.store.snapshot());
            self.storage.save_snapshot(snapshot.into(), &mut ServerDisk(context));
        }
    }

    /// A snapshot of its own is durable: the log before it may go.
    fn saved(&mut self, snapshot: &whitewater_raft::Snapshot, context: &mut Context<'_>) {
        let Some((index, state)) = self.saving.take_if(|(index, _)| *index == snapshot.index.0) else { return };
        self.snapshot = (index, snapshot.data.clone());
        context.observe(Observation::SnapshotTaken { index, state });
        self.log.wl().mut_hard_state().commit = index;
        let first = index.saturating_sub(self.settings.entries_kept.max(1)) + 1;
        self.log.wl().compact(first).expect("memory does not fail");
        let through = self.log.first_index().expect("memory does not fail") - 1;
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

/// The oldest thing that waits, if it waits for a write up to this one.
fn take_through<T>(waiting: &mut VecDeque<(WriteSequence, T)>, durable: WriteSequence) -> Option<(WriteSequence, T)> {
    if waiting.front()?.0 <= durable { waiting.pop_front() } else { None }
}

fn configured(index: u64, voters: u32) -> Observation {
    let none = Members::default();
    let voters = Members::of((0..u64::from(voters)).map(ServerId));
    Observation::Configured { index, voters, outgoing: none, learners: none }
}
