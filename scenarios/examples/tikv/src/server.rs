//! The `raft` crate (tikv's) in a host, driven as the crate's documentation says: step, take a `Ready`, send what need not wait,
//! write, advance, send the rest when the write is durable, apply.
//!
//! All but consensus is Whitewater's, so that what is under test is the crate and the way in which it is driven. Two things that the
//! crate takes from outside are given to it here: its election timeouts, which it draws from a generator that no seed reaches, and
//! the fate of snapshots on their way, which a transport would report. What it simplifies: nobody changes the members, and messages
//! are not encoded.

use std::collections::BTreeMap;

use raft::eraftpb::{ConfState, Entry, HardState, Message, MessageType, Snapshot};
use raft::storage::MemStorage;
use raft::{Config, RawNode, Ready, SnapshotStatus, StateRole, Storage as _};
use whitewater_raft::{Command, Probe};
use whitewater_scenarios::probes::Declared;
use whitewater_scenarios::systems::hosted::{Consensus, Cut, Host, Kept, ReadName, Record, Standing};
use whitewater_sim::observe::{Observation, Role};
use whitewater_sim::{NodeId, ServerId};

use crate::letter::{Letter, node_id, promise, raft_id};
use crate::settings::{Mistake, Settings};

/// A server that runs.
pub(crate) struct Tikv {
    settings: Settings,
    node: RawNode<MemStorage>,
    /// Ticks until a snapshot that was sent to a server counts as lost.
    snapshots_sent: BTreeMap<u64, u32>,
    /// The present election timeout, in ticks, and the term and role that it was drawn for.
    timeout: usize,
    drawn_for: Option<(u64, StateRole)>,
}

/// What waits for the disk.
pub(crate) enum Waiting {
    /// A message.
    Send(Message),
    /// That the crate hears that its `Ready` of this number is durable.
    Persisted(u64),
}

impl Consensus for Tikv {
    type Settings = Settings;
    type Message = Letter;
    type Waiting = Waiting;

    fn boot(settings: &Settings, kept: Kept, host: &mut Host<'_, '_, Tikv>) -> Result<Tikv, String> {
        let (id, applied) = (raft_id(host.context.node()), host.store().applied());
        let config = Config { id, applied, ..settings.raft.clone() };
        let logger = slog::Logger::root(slog::Discard, slog::o!());
        let node = RawNode::new(&config, memory(host.settings().voters, &kept), &logger);
        Ok(Tikv {
            settings: settings.clone(),
            node: node.map_err(|error| error.to_string())?,
            snapshots_sent: BTreeMap::new(),
            timeout: 0,
            drawn_for: None,
        })
    }

    fn standing(&self, host: &Host<'_, '_, Tikv>) -> Standing {
        let role = match self.node.raft.state {
            StateRole::Follower => Role::Follower,
            StateRole::PreCandidate => Role::PreCandidate,
            StateRole::Candidate => Role::Candidate,
            StateRole::Leader if !self.has_voted(host) => Role::Candidate,
            StateRole::Leader => Role::Leader,
        };
        Standing { term: self.node.raft.term, role, leader: node_id(self.node.raft.leader_id) }
    }

    fn propose(&mut self, request: Command, _: &mut Host<'_, '_, Tikv>) -> Option<(u64, u64)> {
        self.node.propose(Vec::new(), request.to_vec()).ok()?;
        Some((self.node.raft.raft_log.last_index(), self.node.raft.term))
    }

    fn read(&mut self, read: ReadName, host: &mut Host<'_, '_, Tikv>) {
        if self.is(Mistake::LocalReads) {
            host.pass(read, 0);
        } else {
            self.node.read_index(read.to_bytes().to_vec());
        }
    }

    fn message(&mut self, _: NodeId, Letter(message): Letter, host: &mut Host<'_, '_, Tikv>) {
        let peer = message.from;
        let is_answer = message.get_msg_type() == MessageType::MsgAppendResponse;
        // What the crate refuses has no effect.
        let _ = self.node.step(message);
        if is_answer {
            self.tell_progress(peer, host);
        }
    }

    fn tick(&mut self, _: &mut Host<'_, '_, Tikv>) {
        self.node.tick();
        self.snapshots_sent.values_mut().for_each(|ticks| *ticks -= 1);
        while let Some(peer) = self.snapshots_sent.iter().find(|(_, ticks)| **ticks == 0).map(|(peer, _)| *peer) {
            self.snapshots_sent.remove(&peer);
            self.node.report_snapshot(peer, SnapshotStatus::Failure);
        }
    }

    fn durable(&mut self, what: Waiting, host: &mut Host<'_, '_, Tikv>) {
        match what {
            Waiting::Send(message) => self.send(message, host),
            Waiting::Persisted(number) => {
                self.node.on_persist_ready(number);
                self.advance_apply(host);
            }
        }
    }

    /// `MemStorage` takes its commit index for the end of the latest snapshot, so that is what it is given.
    fn compact(&mut self, dispensable: u64, host: &mut Host<'_, '_, Tikv>) -> u64 {
        let mut log = self.node.store().wl();
        log.mut_hard_state().commit = host.journal().latest_snapshot().0;
        log.compact(dispensable + 1).expect("memory does not fail");
        drop(log);
        self.node.store().first_index().expect("memory does not fail") - 1
    }

    fn go_on(&mut self, host: &mut Host<'_, '_, Tikv>) -> bool {
        self.draw_timeout(host);
        if host.settings().voters == 1 && self.node.raft.state == StateRole::Leader && !self.has_voted(host) {
            // The crate lets a lone server lead before its vote is durable. What it has to say waits here until it is.
            self.write(&[], host);
            return false;
        }
        if !self.node.has_ready() {
            return false;
        }
        let ready = self.node.ready();
        self.handle(ready, host);
        true
    }
}

impl Tikv {
    fn is(&self, mistake: Mistake) -> bool {
        self.settings.mistake == Some(mistake)
    }

    /// Whether the vote by which this server leads is durable.
    fn has_voted(&self, host: &Host<'_, '_, Tikv>) -> bool {
        host.journal().has_durable_vote(self.node.raft.term)
    }

    /// The crate draws its timeouts from a generator of the thread; a run must be a function of its seed.
    fn draw_timeout(&mut self, host: &mut Host<'_, '_, Tikv>) {
        let now = Some((self.node.raft.term, self.node.raft.state));
        if now != self.drawn_for {
            self.drawn_for = now;
            self.snapshots_sent.clear();
            let Config { min_election_tick, max_election_tick, .. } = self.settings.raft;
            let timeout = host.context.random().between(min_election_tick as u64, max_election_tick as u64 - 1);
            self.timeout = timeout as usize;
        }
        self.node.raft.set_randomized_election_timeout(self.timeout);
    }

    /// The crate's own function of that name would say that a snapshot is applied that is not durable yet, which the crate
    /// refuses.
    fn advance_apply(&mut self, host: &Host<'_, '_, Tikv>) {
        let applied = host.store().applied().min(self.node.raft.raft_log.persisted);
        if self.node.raft.raft_log.applied < applied {
            self.node.advance_apply_to(applied);
        }
    }

    fn handle(&mut self, mut ready: Ready, host: &mut Host<'_, '_, Tikv>) {
        for message in ready.take_messages() {
            self.send(message, host);
        }
        let is_installed = !ready.snapshot().is_empty();
        if is_installed {
            self.install(ready.snapshot(), host);
        }
        let is_written = self.write(ready.entries(), host) || is_installed;
        host.committed(self.node.raft.raft_log.committed);
        let waits = match self.settings.mistake {
            Some(Mistake::SendsBeforeSync) => false,
            Some(Mistake::SendsWithEmptyReady) => is_written,
            Some(_) | None => true,
        };
        for message in ready.take_persisted_messages() {
            if waits {
                host.after_writes(Waiting::Send(message));
            } else {
                self.send(message, host);
            }
        }
        for state in ready.take_read_states() {
            let read = ReadName::from_bytes(&state.request_ctx).expect("the crate does not change the names of reads");
            host.pass(read, if self.is(Mistake::ReadsTooEarly) { 0 } else { state.index });
        }
        let committed = ready.take_committed_entries();
        let persisted = Waiting::Persisted(ready.number());
        self.node.advance_append_async(ready);
        if self.is(Mistake::CountsItselfEarly) {
            self.durable(persisted, host);
        } else {
            host.after_writes(persisted);
        }
        for Entry { index, term, data, .. } in committed {
            host.apply((index, term), &data);
        }
        self.advance_apply(host);
    }

    /// Hands to the disk what is new. Returns whether anything was.
    fn write(&mut self, entries: &[Entry], host: &mut Host<'_, '_, Tikv>) -> bool {
        self.node.store().wl().append(entries).expect("memory does not fail");
        host.write(self.voted(host), entries.iter().map(record).collect())
    }

    fn voted(&self, host: &Host<'_, '_, Tikv>) -> (u64, Option<NodeId>) {
        let (term, vote) = host.journal().voted();
        let now = self.node.raft.term;
        let forgets = self.is(Mistake::ForgetsVotes) && now == term;
        (now, if forgets { vote } else { node_id(self.node.raft.vote) })
    }

    fn install(&mut self, snapshot: &Snapshot, host: &mut Host<'_, '_, Tikv>) {
        let metadata = snapshot.get_metadata();
        let cut = Cut { index: metadata.index, term: metadata.term, data: snapshot.data.clone() };
        host.install(self.voted(host), &cut).expect("a snapshot is what a store of this cluster wrote");
        let log = self.node.store();
        log.wl().apply_snapshot(snapshot.clone()).expect("a snapshot that is taken over is news");
    }

    fn send(&mut self, mut message: Message, host: &mut Host<'_, '_, Tikv>) {
        if let Some(promise) = promise(&message) {
            host.context.observe(Observation::Sent { term: message.term, promise });
        }
        if message.get_msg_type() == MessageType::MsgSnapshot {
            host.context.hit(Declared::Raft(Probe::SnapshotSentToLaggard).id());
            // `MemStorage` keeps no state with its snapshots.
            message.mut_snapshot().data = host.journal().latest_snapshot().1.clone();
            if !self.is(Mistake::SilentSnapshots) {
                self.snapshots_sent.insert(message.to, self.settings.snapshot_ticks);
            }
        }
        host.send(node_id(message.to).expect("a message is for somebody"), Letter(message));
    }

    fn tell_progress(&self, peer: u64, host: &mut Host<'_, '_, Tikv>) {
        let is_leader = self.node.raft.state == StateRole::Leader;
        let Some(progress) = self.node.raft.prs().get(peer).filter(|_| is_leader) else { return };
        host.context.observe(Observation::Progress {
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
