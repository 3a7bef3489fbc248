//! The journal of a server: its votes, its log and its snapshots on its disk, and what waits until they are durable there.
//!
//! Writes become durable in their order. What a write makes true is said when it is durable: a vote is sent, an append is
//! acknowledged. So whatever must wait is handed to the journal ([`Journal::after_writes`]) and comes back when its time has come
//! ([`Journal::next_durable`]). What is recovered and written here is observed here. The files are those of
//! [`whitewater_kv::storage`]. What it simplifies: all voters of the first configuration vote for ever.

use std::collections::VecDeque;
use std::fmt::Display;

use whitewater_kv::session;
use whitewater_kv::storage::{self, Storage, Ticket};
use whitewater_raft::{Command, Configuration, Entry, HardState, Index, Payload, Snapshot, Term, Write, WriteSequence};
use whitewater_sim::disk::SyncId;
use whitewater_sim::observe::Observation;
use whitewater_sim::{Context, Members, NodeId, ServerId};

use super::{Node, Server, ServerDisk, Store, payload};
use crate::system::Stage;
use crate::systems::{session_limits, storage_limits};

/// How many ticks there are from one heartbeat to the next.
pub const HEARTBEAT_TICKS: u64 = 4;

/// What a scenario says of a server's disk, state machine and time.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// How many servers there are. All of them vote.
    pub voters: u32,
    /// How long a tick is, in nanoseconds.
    pub tick_ns: u64,
    /// How many entries are applied from one snapshot to the next; `None` for no snapshots.
    pub snapshot_every: Option<u64>,
    /// How many entries before a snapshot's end stay in the log: at least one, whose term can be asked for.
    pub entries_kept: u64,
    /// Of the files on disk.
    pub storage: storage::Limits,
    /// Of client sessions.
    pub sessions: session::Limits,
}

impl Settings {
    /// Those of the scenario on this stage.
    #[must_use]
    pub fn of(Stage { scenario, plan, .. }: &Stage<'_>) -> Settings {
        Settings {
            voters: plan.servers,
            tick_ns: (scenario.timing.heartbeat_ns / HEARTBEAT_TICKS).max(1),
            snapshot_every: scenario.snapshot_every.map(u64::from),
            entries_kept: scenario.replication.entries_kept.max(1),
            storage: storage_limits(scenario),
            sessions: session_limits(scenario),
        }
    }

    /// How many whole ticks there are in a span of time.
    #[must_use]
    pub fn ticks(&self, span_ns: u64) -> usize {
        (span_ns / self.tick_ns) as usize
    }
}

/// An entry of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Its index.
    pub index: u64,
    /// Its term.
    pub term: u64,
    /// An encoded request; empty if the library made the entry for itself.
    pub data: Command,
}

/// The state of a store after an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cut {
    /// The index of the entry.
    pub index: u64,
    /// Its term.
    pub term: u64,
    /// What [`Store::snapshot`] made of the state.
    pub data: Command,
}

/// What a disk kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// The term.
    pub term: u64,
    /// Who was voted for in it.
    pub vote: Option<NodeId>,
    /// The newest snapshot.
    pub snapshot: Option<Cut>,
    /// The entries behind it, without a gap.
    pub entries: Vec<Record>,
}

/// A server's writes in their order, and what waits for them.
#[derive(Debug)]
pub struct Journal<W> {
    settings: Settings,
    storage: Storage,
    hard_state: HardState,
    hard_state_in: WriteSequence,
    handed_over: WriteSequence,
    durable: WriteSequence,
    waiting: VecDeque<(WriteSequence, W)>,
    /// The last index of the latest snapshot, and its bytes.
    snapshot: (u64, Command),
    /// The snapshot that is being saved: its last index, and the fingerprint of the state.
    saving: Option<(u64, u64)>,
}

impl<W> Journal<W> {
    /// Reads what the disk of this server holds, and brings the store to the state of the newest snapshot.
    ///
    /// # Errors
    /// If the disk holds what no crash leaves, in words: the server must not start.
    pub fn open<S: Server>(
        settings: Settings,
        store: &mut Store,
        context: &mut Context<'_, Node<S>>,
    ) -> Result<(Journal<W>, Kept), String> {
        let in_words = |error: &dyn Display| error.to_string();
        let opened = Storage::open(&mut ServerDisk(context), settings.storage);
        let (storage, recovered, _) = opened.map_err(|error| in_words(&error))?;
        let HardState { term: Term(term), voted_for } = recovered.hard_state;
        let vote = voted_for.map(|id| NodeId(id.0));
        let id = ServerId(u64::from(context.node().0));
        context.observe(Observation::Booted { id, term, vote: vote.map(server_id) });
        context.observe(configured(0, settings.voters));
        let snapshot = recovered.snapshot.as_ref().map(|snapshot| Cut {
            index: snapshot.index.0,
            term: snapshot.term.0,
            data: snapshot.data.clone(),
        });
        if let Some(cut) = &snapshot {
            store.restore((cut.index, cut.term), &cut.data, context).map_err(|error| in_words(&error))?;
            context.observe(configured(cut.index, settings.voters));
        }
        let entries: Vec<Record> = recovered.entries.iter().map(record).collect();
        entries.iter().for_each(|entry| context.observe(appended(entry)));
        let journal = Journal {
            settings,
            storage,
            hard_state: recovered.hard_state,
            hard_state_in: WriteSequence(0),
            handed_over: WriteSequence(0),
            durable: WriteSequence(0),
            waiting: VecDeque::new(),
            snapshot: snapshot.as_ref().map_or_else(Default::default, |cut| (cut.index, cut.data.clone())),
            saving: None,
        };
        Ok((journal, Kept { term, vote, snapshot, entries }))
    }

    /// The term and the vote that were written last, durable or not.
    #[must_use]
    pub fn voted(&self) -> (u64, Option<NodeId>) {
        (self.hard_state.term.0, self.hard_state.voted_for.map(|id| NodeId(id.0)))
    }

    /// Whether the vote of this term is durable.
    #[must_use]
    pub fn has_durable_vote(&self, term: u64) -> bool {
        self.hard_state.term.0 == term && self.hard_state_in <= self.durable
    }

    /// The latest snapshot: its last index, and the bytes of the state.
    #[must_use]
    pub fn latest_snapshot(&self) -> &(u64, Command) {
        &self.snapshot
    }

    /// Writes what is new: term and vote if they have changed, then these entries. Entries with the indexes of earlier ones replace
    /// those and all behind them. Returns whether there was anything to write.
    pub fn write<S: Server>(
        &mut self,
        (term, vote): (u64, Option<NodeId>),
        entries: Vec<Record>,
        context: &mut Context<'_, Node<S>>,
    ) -> bool {
        entries.iter().for_each(|entry| context.observe(appended(entry)));
        self.persist((term, vote), None, entries, context)
    }

    /// Replaces the log and the state of the store by a snapshot that came from another server, and writes that.
    ///
    /// # Errors
    /// If these are not the bytes of a snapshot. Then nothing has changed.
    pub fn install<S: Server>(
        &mut self,
        voted: (u64, Option<NodeId>),
        cut: &Cut,
        store: &mut Store,
        context: &mut Context<'_, Node<S>>,
    ) -> Result<(), whitewater_kv::snapshot::SnapshotError> {
        store.restore((cut.index, cut.term), &cut.data, context)?;
        context.observe(configured(cut.index, self.settings.voters));
        (self.snapshot, self.saving) = ((cut.index, cut.data.clone()), None);
        self.persist(voted, Some(self.whole(cut)), Vec::new(), context);
        Ok(())
    }

    fn persist<S: Server>(
        &mut self,
        (term, vote): (u64, Option<NodeId>),
        snapshot: Option<Snapshot>,
        entries: Vec<Record>,
        context: &mut Context<'_, Node<S>>,
    ) -> bool {
        let voted_for = vote.map(|NodeId(number)| whitewater_raft::NodeId(number));
        let now = HardState { term: Term(term), voted_for };
        let is_new = now != self.hard_state;
        if !is_new && snapshot.is_none() && entries.is_empty() {
            return false;
        }
        self.handed_over.0 += 1;
        if is_new {
            (self.hard_state, self.hard_state_in) = (now, self.handed_over);
        }
        let write = Write {
            sequence: self.handed_over,
            hard_state: is_new.then_some(now),
            snapshot: snapshot.map(Into::into),
            entries: entries.into_iter().map(entry).collect(),
        };
        self.storage.persist(&write, &mut ServerDisk(context));
        true
    }

    /// Keeps something until everything that was written so far is durable.
    pub fn after_writes(&mut self, what: W) {
        self.waiting.push_back((self.handed_over, what));
    }

    /// The oldest thing kept, if its time has come.
    pub fn next_durable(&mut self) -> Option<W> {
        if self.waiting.front()?.0 <= self.durable { self.waiting.pop_front().map(|(_, what)| what) } else { None }
    }

    /// Takes a snapshot of the store if the scenario wants one by now.
    pub fn snapshot_if_due<S: Server>(&mut self, store: &Store, context: &mut Context<'_, Node<S>>) {
        let (index, term) = store.applied_entry();
        let is_due = self.settings.snapshot_every.is_some_and(|every| index - self.snapshot.0 >= every);
        if is_due && self.saving.is_none() {
            self.saving = Some((index, store.state()));
            let snapshot = self.whole(&Cut { index, term, data: store.snapshot() });
            self.storage.save_snapshot(snapshot.into(), &mut ServerDisk(context));
        }
    }

    /// A sync is done. If a snapshot of the store is durable by it ([`Journal::latest_snapshot`]), entries through this index need
    /// not be kept any more.
    pub fn synced<S: Server>(&mut self, sync: SyncId, context: &mut Context<'_, Node<S>>) -> Option<u64> {
        let progress = self.storage.synced(Ticket(sync.0), &mut ServerDisk(context));
        self.durable = progress.durable.unwrap_or(self.durable);
        let saved = progress.saved?;
        let (index, state) = self.saving.take_if(|(index, _)| *index == saved.index.0)?;
        self.snapshot = (index, saved.data.clone());
        context.observe(Observation::SnapshotTaken { index, state });
        Some(index.saturating_sub(self.settings.entries_kept))
    }

    fn whole(&self, Cut { index, term, data }: &Cut) -> Snapshot {
        let voters = (0..self.settings.voters).map(whitewater_raft::NodeId);
        let configuration = Configuration::of_voters(voters).into();
        Snapshot { index: Index(*index), term: Term(*term), configuration, data: data.clone() }
    }
}

fn record(Entry { index, term, payload }: &Entry) -> Record {
    let data = match payload {
        Payload::Command(command) => command.clone(),
        Payload::Noop | Payload::Configuration(_) => Command::new(),
    };
    Record { index: index.0, term: term.0, data }
}

fn entry(Record { index, term, data }: Record) -> Entry {
    let payload = if data.is_empty() { Payload::Noop } else { Payload::Command(data) };
    Entry { index: Index(index), term: Term(term), payload }
}

fn appended(Record { index, term, data }: &Record) -> Observation {
    Observation::Appended { index: *index, term: *term, payload: payload(data) }
}

fn server_id(NodeId(number): NodeId) -> ServerId {
    ServerId(u64::from(number))
}

fn configured(index: u64, voters: u32) -> Observation {
    let none = Members::default();
    let voters = Members::of((0..u64::from(voters)).map(ServerId));
    Observation::Configured { index, voters, outgoing: none, learners: none }
}
