//! A cluster in memory: replicas, their disks and clocks, and a network that does only what it is told.
//!
//! Nothing happens by itself: timers fire, messages arrive, clocks advance and writes complete on command. A disk is
//! *prompt* (a write completes with the step that made it) or *slow* (it completes on command). The application is a
//! string: the commands that were applied, one after the other.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use whitewater_raft::{
    After, ChangeRequest, Command, Config, Configuration, Effect, Entry, Environment, Index, Input, LocalTime, Message,
    NodeId, Outbound, Payload, ProposalId, ReadId, ReadMode, Replica, Snapshot, Timer, WriteSequence,
};

use crate::disk::{Disk, DiskSpeed, Work};

/// What a replica is lent: timeouts that differ between servers, a number for each life, and a clock that is set by
/// command.
struct Lent {
    id: NodeId,
    life: u64,
    clock: LocalTime,
}

impl Environment for Lent {
    fn random_between(&mut self, low: u64, high: u64) -> u64 {
        assert!(low <= high, "a range has a number in it");
        if high == u64::MAX { self.life } else { low + (high - low) / 16 * u64::from(self.id.0 % 16) }
    }

    fn now(&mut self) -> LocalTime {
        self.clock
    }
}

/// A message on its way.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Envelope {
    pub(crate) from: NodeId,
    pub(crate) to: NodeId,
    pub(crate) message: Message,
}

/// Something that happened, in order.
#[derive(Clone, Debug)]
pub(crate) enum Event {
    /// A replica asked for something.
    Effect(NodeId, Effect),
    /// A slow write completed.
    Completed(NodeId, WriteSequence),
    /// A snapshot of the application became durable.
    Saved(NodeId, Arc<Snapshot>),
    /// An entry was applied.
    Applied(NodeId, Entry),
    /// A message that had waited for a write left.
    Left(Envelope),
    /// A message arrived.
    Arrived(Envelope),
    /// A message did not, for this reason.
    Lost(Envelope, &'static str),
}

pub(crate) struct Server {
    pub(crate) config: Config,
    /// `None` while it is down.
    pub(crate) replica: Option<Replica>,
    pub(crate) disk: Disk,
    pub(crate) speed: DiskSpeed,
    pub(crate) under_way: VecDeque<Work>,
    held: Vec<Outbound>,
    /// How often it was started.
    lives: u64,
    pub(crate) clock: LocalTime,
    /// The application: how far it is, and the commands so far.
    pub(crate) applied: Index,
    pub(crate) state: String,
}

/// Who is there at the start, by how many: n1 and the next vote, the next learn, the last ones know of nobody.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Founders {
    pub(crate) voters: u32,
    pub(crate) learners: u32,
    pub(crate) joiners: u32,
}

/// The servers and the messages between them.
pub(crate) struct Cluster {
    pub(crate) servers: BTreeMap<NodeId, Server>,
    pub(crate) network: VecDeque<Envelope>,
    /// Links, from one server to another, that lose everything.
    pub(crate) cut: BTreeSet<(NodeId, NodeId)>,
    pub(crate) events: Vec<Event>,
    proposals: u64,
}

impl Cluster {
    /// All servers, started, with settings that `tune` has changed.
    pub(crate) fn new(founders: Founders, tune: impl Fn(&mut Config)) -> Cluster {
        let Founders { voters, learners, joiners } = founders;
        let bootstrap = Configuration {
            learners: (voters + 1..=voters + learners).map(NodeId).collect(),
            ..Configuration::of_voters((1..=voters).map(NodeId))
        };
        let all = || (1..=voters + learners + joiners).map(NodeId);
        let server = |id: NodeId| {
            let mut config = Config::new(id, vec![id]);
            config.bootstrap = if id.0 <= voters + learners { bootstrap.clone() } else { Configuration::default() };
            tune(&mut config);
            (id, Server::new(config))
        };
        let mut cluster = Cluster {
            servers: all().map(server).collect(),
            network: VecDeque::new(),
            cut: BTreeSet::new(),
            events: Vec::new(),
            proposals: 0,
        };
        all().for_each(|id| cluster.restart(id));
        cluster
    }

    /// A server's replica, if it is up.
    pub(crate) fn replica(&self, id: NodeId) -> Option<&Replica> {
        self.servers[&id].replica.as_ref()
    }

    pub(crate) fn server(&mut self, id: NodeId) -> &mut Server {
        self.servers.get_mut(&id).expect("the server exists")
    }

    /// Gives inputs to a server, all at once. A server that is down hears nothing.
    pub(crate) fn step(&mut self, id: NodeId, inputs: Vec<Input>) {
        let asked = inputs.iter().filter(|input| is_proposal(input)).count();
        let mut effects = Vec::new();
        let server = self.server(id);
        let mut lent = Lent { id, life: server.lives, clock: server.clock };
        if let Some(replica) = &mut server.replica {
            replica.step_all(inputs, &mut lent, &mut effects);
            assert_kept_promises(asked, &effects);
        }
        self.carry_out(id, effects);
    }

    pub(crate) fn fire(&mut self, id: NodeId, timer: Timer) {
        self.step(id, vec![Input::Timer(timer)]);
    }

    /// Proposes commands, all at once.
    pub(crate) fn propose(&mut self, id: NodeId, commands: &[&str]) {
        let inputs = commands.iter().map(|command| {
            let command = Command::copy_from_slice(command.as_bytes());
            Input::Propose { proposal: self.next_proposal(), command }
        });
        let inputs = inputs.collect();
        self.step(id, inputs);
    }

    pub(crate) fn change(&mut self, id: NodeId, request: ChangeRequest) {
        let proposal = self.next_proposal();
        self.step(id, vec![Input::ChangeMembership { proposal, request }]);
    }

    pub(crate) fn transfer(&mut self, id: NodeId, to: NodeId) {
        self.step(id, vec![Input::Transfer { to }]);
    }

    pub(crate) fn read(&mut self, id: NodeId, read: ReadId, mode: ReadMode) {
        self.step(id, vec![Input::Read { read, mode }]);
    }

    fn next_proposal(&mut self) -> ProposalId {
        self.proposals += 1;
        ProposalId(self.proposals)
    }

    /// Takes a snapshot of the application; it becomes durable like a write.
    pub(crate) fn take_snapshot(&mut self, id: NodeId) {
        let server = self.server(id);
        let Some(replica) = &server.replica else {
            return;
        };
        if server.applied > replica.snapshot().map_or(Index(0), |snapshot| snapshot.index) {
            let data = Command::copy_from_slice(server.state.as_bytes());
            let taken = replica.snapshot_of(server.applied, data);
            server.under_way.extend(taken.map(|snapshot| Work::Save(Arc::new(snapshot))));
            self.complete_promptly(id);
        }
    }

    /// A message arrives.
    pub(crate) fn arrive(&mut self, envelope: Envelope) {
        self.events.push(Event::Arrived(envelope.clone()));
        self.step(envelope.to, vec![Input::Message { from: envelope.from, message: envelope.message }]);
    }

    /// The oldest work of a disk that is under way completes.
    pub(crate) fn complete(&mut self, id: NodeId) {
        let server = self.server(id);
        match server.under_way.pop_front() {
            None => {}
            Some(Work::Write(write)) => {
                server.disk.store(&write, usize::MAX);
                self.release(id, write.sequence);
                self.step(id, vec![Input::WriteCompleted(write.sequence)]);
            }
            // A snapshot that was received meanwhile may be newer: then this one is of no use.
            Some(Work::Save(snapshot)) => {
                if !server.disk.save(&snapshot) {
                    return;
                }
                self.events.push(Event::Saved(id, Arc::clone(&snapshot)));
                self.step(id, vec![Input::SnapshotSaved(snapshot)]);
            }
        }
    }

    /// Sends what has waited for this write.
    fn release(&mut self, id: NodeId, sequence: WriteSequence) {
        let server = self.server(id);
        let may_leave = |held: &Outbound| match held.after {
            After::Nothing => true,
            After::Write(awaited) => awaited <= sequence,
        };
        let (leaving, held): (Vec<Outbound>, _) = server.held.drain(..).partition(may_leave);
        server.held = held;
        let is_slow = server.speed == DiskSpeed::Slow;
        if is_slow {
            self.events.push(Event::Completed(id, sequence));
        }
        for Outbound { to, message, .. } in leaving {
            let envelope = Envelope { from: id, to, message };
            if is_slow {
                self.events.push(Event::Left(envelope.clone()));
            }
            self.transmit(envelope);
        }
    }

    /// Memory is lost. Of the work under way, the first `landed` had reached the disk unnoticed, and of a write after
    /// that the hard state and `torn` further parts, if `torn` is given.
    pub(crate) fn crash(&mut self, id: NodeId, landed: usize, torn: Option<usize>) {
        let server = self.server(id);
        for (place, work) in std::mem::take(&mut server.under_way).iter().enumerate() {
            match work {
                Work::Write(write) if place < landed => server.disk.store(write, usize::MAX),
                Work::Save(snapshot) if place < landed => {
                    server.disk.save(snapshot);
                }
                Work::Write(write) if place == landed => {
                    if let Some(parts) = torn {
                        server.disk.store(write, parts);
                    }
                }
                Work::Write(_) | Work::Save(_) => {}
            }
        }
        server.replica = None;
        server.held.clear();
    }

    /// Starts a server that is down, from its disk.
    pub(crate) fn restart(&mut self, id: NodeId) {
        let server = self.server(id);
        if server.replica.is_some() {
            return;
        }
        let recovered = server.disk.recovered();
        server.lives += 1;
        server.restore(server.disk.snapshot.clone());
        let mut replica =
            Replica::new(server.config.clone(), recovered).expect("what a replica wrote can be recovered");
        let mut effects = Vec::new();
        replica.start(&mut Lent { id, life: server.lives, clock: server.clock }, &mut effects);
        assert_eq!(replica.commit(), server.applied, "what a snapshot covers is committed");
        server.replica = Some(replica);
        self.carry_out(id, effects);
    }

    fn carry_out(&mut self, id: NodeId, effects: Vec<Effect>) {
        for effect in effects {
            self.events.push(Event::Effect(id, effect.clone()));
            match effect {
                Effect::Persist(write) => self.server(id).under_way.push_back(Work::Write(write)),
                Effect::Send(outbound) => match outbound.after {
                    After::Nothing => self.transmit(Envelope { from: id, to: outbound.to, message: outbound.message }),
                    After::Write(_) => self.server(id).held.push(outbound),
                },
                Effect::Commit { through } => self.apply(id, through),
                Effect::Restore(snapshot) => self.server(id).restore(Some(snapshot)),
                Effect::Arm { .. }
                | Effect::Accepted { .. }
                | Effect::Refused { .. }
                | Effect::ReadReady { .. }
                | Effect::ReadRefused { .. }
                | Effect::TransferRefused { .. }
                | Effect::Probe(_)
                | Effect::Role(_) => {}
            }
        }
        self.complete_promptly(id);
    }

    fn complete_promptly(&mut self, id: NodeId) {
        if self.servers[&id].speed == DiskSpeed::Prompt && !self.servers[&id].under_way.is_empty() {
            self.complete(id);
        }
    }

    fn apply(&mut self, id: NodeId, through: Index) {
        let server = self.servers.get_mut(&id).expect("the server exists");
        let replica = server.replica.as_ref().expect("only a running replica commits");
        for entry in replica.entries(server.applied.next()..=through) {
            assert_eq!(entry.index, server.applied.next(), "the log holds everything that is to be applied");
            server.applied = entry.index;
            if let Payload::Command(command) = &entry.payload {
                server.state.push_str(std::str::from_utf8(command).expect("commands are words here"));
            }
            self.events.push(Event::Applied(id, entry.clone()));
        }
        assert_eq!(self.servers[&id].applied, through, "the log holds everything that is committed");
    }

    fn transmit(&mut self, envelope: Envelope) {
        if self.cut.contains(&(envelope.from, envelope.to)) {
            self.events.push(Event::Lost(envelope, "cut off"));
        } else {
            self.network.push_back(envelope);
        }
    }
}

impl Server {
    fn new(config: Config) -> Server {
        Server {
            config,
            replica: None,
            disk: Disk::default(),
            speed: DiskSpeed::Prompt,
            under_way: VecDeque::new(),
            held: Vec::new(),
            lives: 0,
            clock: LocalTime(0),
            applied: Index(0),
            state: String::new(),
        }
    }

    /// The application is as a snapshot has it, or as new.
    fn restore(&mut self, snapshot: Option<Arc<Snapshot>>) {
        let (applied, data) =
            snapshot.map_or_else(Default::default, |snapshot| (snapshot.index, snapshot.data.to_vec()));
        self.applied = applied;
        self.state = String::from_utf8(data).expect("a snapshot is what some application was");
    }
}

fn is_proposal(input: &Input) -> bool {
    match input {
        Input::Propose { .. } | Input::ChangeMembership { .. } => true,
        Input::Timer(_)
        | Input::Message { .. }
        | Input::Transfer { .. }
        | Input::Read { .. }
        | Input::SnapshotSaved(_)
        | Input::WriteCompleted(_) => false,
    }
}

/// What a step promises, whatever it is about.
fn assert_kept_promises(asked: usize, effects: &[Effect]) {
    let count = |matches: fn(&Effect) -> bool| effects.iter().filter(|effect| matches(effect)).count();
    let answered = count(|effect| matches!(effect, Effect::Accepted { .. } | Effect::Refused { .. }));
    assert_eq!(answered, asked, "every proposal is answered in the same step: {effects:?}");
    assert!(count(|effect| matches!(effect, Effect::Persist(_))) <= 1, "a step writes once: {effects:?}");
    // What was committed before a leader changed the configuration is told before that.
    let commits = count(|effect| matches!(effect, Effect::Commit { .. }));
    assert!(commits <= 1 + configurations(effects), "a step commits once: {effects:?}");
}

/// How many configurations a step writes.
fn configurations(effects: &[Effect]) -> usize {
    let written =
        effects.iter().flat_map(|effect| if let Effect::Persist(write) = effect { &write.entries[..] } else { &[] });
    written.filter(|entry| matches!(entry.payload, Payload::Configuration(_))).count()
}
