//! A server of the store on the `raft` crate (tikv's), hosted as the crate's documentation says: step, take a `Ready`, send
//! what need not wait, write, advance, send the rest when the write is durable, apply.
//!
//! State machine, sessions, requests and the files on disk are Whitewater's, so that what is under test is the crate and
//! the way in which it is driven. Two things that the crate takes from outside are given to it here: its election
//! timeouts, which it draws from a generator that no seed reaches, and the fate of snapshots on their way, which a
//! transport would report. What it simplifies: nobody changes the members, and messages are not encoded.

use std::collections::BTreeMap;

use raft::eraftpb::{ConfState, Entry, HardState, Message as RaftMessage, MessageType, Snapshot};
use raft::storage::MemStorage;
use raft::{Config, RawNode, Ready, SnapshotStatus, StateRole, Storage as _};
use whitewater_kv::Message;
use whitewater_kv::message::{Rejection, ReplyResult};
use whitewater_scenarios::systems::hosted::{
    self, Cut, FIRST_TIMER, Journal, Kept, Node, Record, Standing, Store, Wire, name_of, refuse, reply,
};
use whitewater_sim::disk::SyncId;
use whitewater_sim::observe::{Observation, Role};
use whitewater_sim::{NodeId, ServerId, TimerId};

use crate::letter::{Letter, node_id, promise, raft_id};
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
    journal: Journal<Waiting>,
    store: Store,
    standing: Standing,
    /// Tells this life's reads from those of other lives, and of other servers.
    life: u64,
    /// Ticks until a snapshot that was sent to a server counts as lost.
    snapshots_sent: BTreeMap<u64, u32>,
    /// The present election timeout, in ticks, and the term and role that it was drawn for.
    timeout: usize,
    drawn_for: Option<(u64, StateRole)>,
}

/// What waits for the disk.
enum Waiting {
    /// A message.
    Send(RaftMessage),
    /// That the crate hears that its `Ready` of this number is durable.
    Persisted(u64),
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
        if let Some(ends) = running.journal.synced(sync, context) {
            running.compact(ends, context);
        }
        running.go_on(context);
    }

    fn timer_name(timer: TimerId) -> Option<&'static str> {
        (timer == TICK).then_some("tick")
    }
}

impl Running {
    fn new(settings: Settings, context: &mut Context<'_>) -> Result<Running, String> {
        let mut store = Store::new(settings.hosted.sessions);
        let (journal, kept) = Journal::open(settings.hosted, &mut store, context)?;
        let applied = store.applied();
        let log = memory(settings.hosted.voters, &kept);
        let config = Config { id: raft_id(context.node()), applied, ..settings.raft.clone() };
        let logger = slog::Logger::root(slog::Discard, slog::o!());
        let node = RawNode::new(&config, log.clone(), &logger).map_err(|error| error.to_string())?;
        Ok(Running {
            standing: Standing::booted(kept.term, applied),
            node,
            log,
            journal,
            store,
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
            if self.settings.hosted.voters == 1 && self.is_leader() && !self.has_voted() {
                // The crate lets a lone server lead before its vote is durable. What it has to say waits here until it is.
                self.write(&[], context);
                return;
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
        self.journal.has_durable_vote(self.node.raft.term)
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
        if self.standing.tell_role(self.node.raft.term, role, context) {
            self.snapshots_sent.clear();
        }
        if !self.is_leader() {
            self.store.give_up(node_id(self.node.raft.leader_id), context);
        }
    }

    /// What waited for writes that are durable now.
    fn release(&mut self, context: &mut Context<'_>) {
        while let Some(waited) = self.journal.next_durable() {
            match waited {
                Waiting::Send(message) => self.send(message, context),
                Waiting::Persisted(number) => self.persisted(number),
            }
        }
    }

    fn persisted(&mut self, number: u64) {
        self.node.on_persist_ready(number);
        self.advance_apply();
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
        let is_installed = !ready.snapshot().is_empty();
        if is_installed {
            self.install(ready.snapshot(), context);
        }
        let is_written = self.write(ready.entries(), context) || is_installed;
        self.standing.tell_committed(self.node.raft.raft_log.committed, context);
        let (messages, number) = (ready.take_persisted_messages(), ready.number());
        let waits = match self.settings.mistake {
            Some(Mistake::SendsBeforeSync | Mistake::NeverWaits) => false,
            Some(Mistake::SendsWithEmptyReady) => is_written,
            Some(_) | None => true,
        };
        for message in messages {
            if waits {
                self.journal.after_writes(Waiting::Send(message));
            } else {
                self.send(message, context);
            }
        }
        for state in ready.take_read_states() {
            self.pass(state.index, &state.request_ctx);
        }
        let committed = ready.take_committed_entries();
        self.node.advance_append_async(ready);
        if self.is(Mistake::NeverWaits) {
            self.persisted(number);
        } else {
            self.journal.after_writes(Waiting::Persisted(number));
        }
        for Entry { index, term, data, .. } in committed {
            self.store.apply((index, term), &data, context);
        }
        self.advance_apply();
        let term = self.log.term(self.store.applied()).expect("what was just applied is in the log");
        self.journal.snapshot_if_due(&self.store, term, context);
    }

    /// Hands to the disk what is new. Returns whether anything was.
    fn write(&mut self, entries: &[Entry], context: &mut Context<'_>) -> bool {
        self.log.wl().append(entries).expect("memory does not fail");
        self.journal.write(self.voted(), entries.iter().map(record).collect(), context)
    }

    fn voted(&self) -> (u64, Option<NodeId>) {
        let (term, vote) = self.journal.voted();
        let now = self.node.raft.term;
        let forgets = self.is(Mistake::ForgetsVotes) && now == term;
        (now, if forgets { vote } else { node_id(self.node.raft.vote) })
    }

    fn install(&mut self, snapshot: &Snapshot, context: &mut Context<'_>) {
        let metadata = snapshot.get_metadata();
        let cut = Cut { index: metadata.index, term: metadata.term, data: snapshot.data.clone() };
        let installed = self.journal.install(self.voted(), &cut, &mut self.store, context);
        installed.expect("a snapshot is what a store of this cluster wrote");
        self.log.wl().apply_snapshot(snapshot.clone()).expect("a snapshot that is taken over is news");
        self.standing.installed(cut.index);
    }

    fn send(&mut self, mut message: RaftMessage, context: &mut Context<'_>) {
        if let Some(promise) = promise(&message) {
            context.observe(Observation::Sent { term: message.term, promise });
        }
        if message.get_msg_type() == MessageType::MsgSnapshot {
            // `MemStorage` keeps no state with its snapshots.
            message.mut_snapshot().data = self.journal.latest_snapshot().1.clone();
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

    /// A snapshot of its own is durable: the log before it may go. `MemStorage` takes its commit index for the end of the
    /// latest snapshot, so that is what it is given.
    fn compact(&mut self, (dispensable, end): (u64, u64), context: &mut Context<'_>) {
        self.log.wl().mut_hard_state().commit = end;
        self.log.wl().compact(dispensable + 1).expect("memory does not fail");
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

/// The log that a disk kept, of a cluster of these voters, as the crate reads it.
fn memory(voters: u32, kept: &Kept) -> MemStorage {
    let members = (1..=u64::from(voters)).collect::<Vec<u64>>();
    let log = MemStorage::new_with_conf_state((members.clone(), Vec::new()));
    let mut memory = log.wl();
    if let Some(cut) = &kept.snapshot {
        let mut snapshot = Snapshot::default();
        let metadata = snapshot.mut_metadata();
        (metadata.index, metadata.term) = (cut.index, cut.term);
        metadata.set_conf_state(ConfState::from((members, Vec::new())));
        memory.apply_snapshot(snapshot).expect("there is nothing before it");
    }
    let entry = |Record { index, term, data }: &Record| Entry {
        index: *index,
        term: *term,
        data: data.clone(),
        ..Entry::default()
    };
    memory.append(&kept.entries.iter().map(entry).collect::<Vec<Entry>>()).expect("memory does not fail");
    let (vote, commit) = (kept.vote.map_or(0, raft_id), memory.hard_state().commit);
    memory.set_hardstate(HardState { term: kept.term, vote, commit, ..HardState::default() });
    drop(memory);
    log
}

fn record(Entry { index, term, data, .. }: &Entry) -> Record {
    Record { index: *index, term: *term, data: data.clone() }
}
