//! A server of `whitewater-raft`, hosted as its documentation says: carry out the effects in their order.
//!
//! The disk is memory: a write is complete as soon as it is carried out, and is reported together with the next
//! messages, as on the other side.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;
use whitewater_raft::{
    After, Config, Effect, Entry, Environment, HardState, Index, Input, LocalTime, NodeId, Payload, ProposalId,
    Recovered, Replica, Timer, Write, WriteSequence,
};

use crate::cluster::{Applied, Command, ENTRIES_KEPT, Outbox, Server};

/// One server.
pub(crate) struct Whitewater {
    replica: Replica,
    disk: Disk,
    environment: Still,
    effects: Vec<Effect>,
    applied: Applied,
    applied_index: Index,
}

/// A disk that forgets when the process ends.
#[derive(Default)]
struct Disk {
    hard_state: HardState,
    /// What was written, as it came.
    entries: VecDeque<Arc<[Entry]>>,
    /// The last write that was not reported yet.
    completed: Option<WriteSequence>,
}

/// Time stands still, and whatever is drawn is as small as it can be.
struct Still;

impl Environment for Still {
    fn random_between(&mut self, low: u64, _high: u64) -> u64 {
        low
    }

    fn now(&mut self) -> LocalTime {
        LocalTime(0)
    }
}

impl Disk {
    fn write(&mut self, write: Write) {
        if let Some(hard_state) = write.hard_state {
            self.hard_state = hard_state;
        }
        if !write.entries.is_empty() {
            self.entries.push_back(write.entries);
        }
        self.completed = Some(write.sequence);
    }

    /// Forgets what lies before an index.
    fn trim(&mut self, first_kept: Index) {
        let is_old = |entries: &Arc<[Entry]>| entries.last().is_some_and(|last| last.index < first_kept);
        while self.entries.front().is_some_and(is_old) {
            self.entries.pop_front();
        }
    }
}

impl Whitewater {
    /// The servers of a cluster.
    pub(crate) fn cluster(servers: u32) -> Vec<Whitewater> {
        let voters: Vec<NodeId> = (1..=servers).map(NodeId).collect();
        voters.iter().map(|id| Whitewater::new(*id, voters.clone())).collect()
    }

    fn new(id: NodeId, voters: Vec<NodeId>) -> Whitewater {
        let config = Config { in_flight_max: 16, entries_kept: ENTRIES_KEPT, ..Config::new(id, voters) };
        let replica = Replica::new(config, Recovered::default()).expect("the settings are valid");
        Whitewater {
            replica,
            disk: Disk::default(),
            environment: Still,
            effects: Vec::new(),
            applied: Applied::default(),
            applied_index: Index(0),
        }
    }

    fn step(&mut self, inputs: impl Iterator<Item = Input>, outbox: &mut Outbox<Input>) {
        let completed = self.disk.completed.take().map(Input::WriteCompleted);
        self.replica.step_all(completed.into_iter().chain(inputs), &mut self.environment, &mut self.effects);
        let from = self.replica.id();
        for effect in self.effects.drain(..) {
            match effect {
                Effect::Persist(write) => self.disk.write(write),
                Effect::Send(outbound) => {
                    if let After::Write(sequence) = outbound.after {
                        assert!(self.disk.completed >= Some(sequence), "a write comes before what waits for it");
                    }
                    outbox.push((address(outbound.to), Input::Message { from, message: outbound.message }));
                }
                Effect::Commit { through } => {
                    for entry in self.replica.entries(self.applied_index.next()..=through) {
                        match &entry.payload {
                            Payload::Command(command) => self.applied.apply(command),
                            Payload::Noop | Payload::Configuration(_) => {}
                        }
                    }
                    self.applied_index = through;
                }
                Effect::Arm { .. } | Effect::Accepted { .. } | Effect::Probe(_) | Effect::Role(_) => {}
                Effect::Refused { .. }
                | Effect::Restore(_)
                | Effect::ReadReady { .. }
                | Effect::ReadRefused { .. }
                | Effect::TransferRefused { .. } => unreachable!("nothing is refused, read or restored here"),
            }
        }
    }
}

impl Server for Whitewater {
    type Message = Input;

    fn campaign(&mut self, outbox: &mut Outbox<Input>) {
        self.step([Input::Timer(Timer::Election)].into_iter(), outbox);
    }

    fn receive(&mut self, inbox: &mut Vec<Input>, outbox: &mut Outbox<Input>) {
        self.step(inbox.drain(..), outbox);
    }

    fn propose(&mut self, commands: &[Command], outbox: &mut Outbox<Input>) {
        let input =
            |command: &Command| Input::Propose { proposal: ProposalId(0), command: Bytes::copy_from_slice(command) };
        self.step(commands.iter().map(input), outbox);
    }

    fn heartbeat(&mut self, outbox: &mut Outbox<Input>) {
        self.step([Input::Timer(Timer::Heartbeat)].into_iter(), outbox);
    }

    fn compact(&mut self) {
        let snapshot = self.replica.snapshot_of(self.applied_index, Bytes::new());
        let snapshot = snapshot.expect("a founding server knows the configuration");
        let mut nothing = Vec::new();
        self.step([Input::SnapshotSaved(Arc::new(snapshot))].into_iter(), &mut nothing);
        assert!(nothing.is_empty(), "a snapshot that is saved has nothing to say to others");
        self.disk.trim(Index((self.applied_index.0 + 1).saturating_sub(ENTRIES_KEPT)));
    }

    fn applied(&self) -> Applied {
        self.applied
    }
}

/// The place of a server in the cluster.
fn address(id: NodeId) -> usize {
    id.0 as usize - 1
}
