//! A cluster in memory: replicas, their disks, and a network that does only what it is told.
//!
//! Nothing happens by itself: timers fire, messages arrive and writes complete on command. A disk is *prompt* (a write
//! completes with the step that made it) or *slow* (it completes on command).

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use whitewater_raft::{
    After, Command, Config, Effect, Entry, HardState, Index, Input, Message, NodeId, Outbound, ProposalId, Random,
    Recovered, Replica, Timer, Write, WriteSequence,
};

/// Always draws the lowest number: time does not exist here.
struct Lowest;

impl Random for Lowest {
    fn between(&mut self, low: u64, high: u64) -> u64 {
        assert!(low <= high);
        low
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
    /// A message that had waited for a write left.
    Left(Envelope),
    /// A message arrived.
    Arrived(Envelope),
    /// A message did not, for this reason.
    Lost(Envelope, &'static str),
}

/// When writes complete.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DiskSpeed {
    Prompt,
    Slow,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Disk {
    pub(crate) hard_state: HardState,
    pub(crate) entries: Vec<Entry>,
}

impl Disk {
    /// Stores the hard state and the first `entries_max` entries of a write.
    fn store(&mut self, write: &Write, entries_max: usize) {
        if let Some(hard_state) = write.hard_state {
            self.hard_state = hard_state;
        }
        for entry in write.entries.iter().take(entries_max) {
            let held_before = usize::try_from(entry.index.0 - 1).unwrap();
            assert!(held_before <= self.entries.len(), "a write leaves a gap in the log on disk");
            self.entries.truncate(held_before);
            self.entries.push(entry.clone());
        }
    }
}

pub(crate) struct Server {
    config: Config,
    /// `None` while it is down.
    pub(crate) replica: Option<Replica>,
    pub(crate) disk: Disk,
    pub(crate) speed: DiskSpeed,
    pub(crate) under_way: VecDeque<Write>,
    held: Vec<Outbound>,
    pub(crate) applied: Vec<Entry>,
}

/// The servers and the messages between them.
pub(crate) struct Cluster {
    pub(crate) servers: BTreeMap<NodeId, Server>,
    pub(crate) network: VecDeque<Envelope>,
    /// Servers that nothing gets to or from.
    pub(crate) cut: BTreeSet<NodeId>,
    pub(crate) events: Vec<Event>,
    proposals: u64,
}

impl Cluster {
    /// Servers n1 to n`count`, started, all with settings that `tune` has changed.
    pub(crate) fn new(count: u32, tune: impl Fn(&mut Config)) -> Cluster {
        let voters: Vec<NodeId> = (1..=count).map(NodeId).collect();
        let server = |id: NodeId| {
            let mut config = Config::new(id, voters.clone());
            tune(&mut config);
            let server = Server {
                config,
                replica: None,
                disk: Disk::default(),
                speed: DiskSpeed::Prompt,
                under_way: VecDeque::new(),
                held: Vec::new(),
                applied: Vec::new(),
            };
            (id, server)
        };
        let mut cluster = Cluster {
            servers: voters.iter().copied().map(server).collect(),
            network: VecDeque::new(),
            cut: BTreeSet::new(),
            events: Vec::new(),
            proposals: 0,
        };
        voters.into_iter().for_each(|id| cluster.restart(id));
        cluster
    }

    /// A server's replica, if it is up.
    pub(crate) fn replica(&self, id: NodeId) -> Option<&Replica> {
        self.servers[&id].replica.as_ref()
    }

    fn server(&mut self, id: NodeId) -> &mut Server {
        self.servers.get_mut(&id).expect("the server exists")
    }

    /// Gives inputs to a server, all at once. A server that is down hears nothing.
    pub(crate) fn step(&mut self, id: NodeId, inputs: Vec<Input>) {
        let mut effects = Vec::new();
        if let Some(replica) = &mut self.server(id).replica {
            replica.step_all(inputs, &mut Lowest, &mut effects);
        }
        self.carry_out(id, effects);
    }

    pub(crate) fn fire(&mut self, id: NodeId, timer: Timer) {
        self.step(id, vec![Input::Timer(timer)]);
    }

    /// Proposes commands, all at once.
    pub(crate) fn propose(&mut self, id: NodeId, commands: &[&str]) {
        let inputs = commands.iter().map(|command| {
            self.proposals += 1;
            let command = Command::copy_from_slice(command.as_bytes());
            Input::Propose { proposal: ProposalId(self.proposals), command }
        });
        let inputs = inputs.collect();
        self.step(id, inputs);
    }

    /// A message arrives.
    pub(crate) fn arrive(&mut self, envelope: Envelope) {
        self.events.push(Event::Arrived(envelope.clone()));
        self.step(envelope.to, vec![Input::Message { from: envelope.from, message: envelope.message }]);
    }

    /// The oldest write under way completes.
    pub(crate) fn complete(&mut self, id: NodeId) {
        let server = self.server(id);
        let Some(write) = server.under_way.pop_front() else {
            return;
        };
        server.disk.store(&write, usize::MAX);
        let may_leave = |held: &Outbound| match held.after {
            After::Nothing => true,
            After::Write(awaited) => awaited <= write.sequence,
        };
        let (leaving, held): (Vec<Outbound>, _) = server.held.drain(..).partition(may_leave);
        server.held = held;
        let is_slow = server.speed == DiskSpeed::Slow;
        if is_slow {
            self.events.push(Event::Completed(id, write.sequence));
        }
        for Outbound { to, message, .. } in leaving {
            let envelope = Envelope { from: id, to, message };
            if is_slow {
                self.events.push(Event::Left(envelope.clone()));
            }
            self.transmit(envelope);
        }
        self.step(id, vec![Input::WriteCompleted(write.sequence)]);
    }

    /// Memory is lost. Of the writes under way, the first `landed` had reached the disk unnoticed, and of the next one
    /// the hard state and `torn` entries, if `torn` is given.
    pub(crate) fn crash(&mut self, id: NodeId, landed: usize, torn: Option<usize>) {
        let server = self.server(id);
        let writes = std::mem::take(&mut server.under_way);
        for (place, write) in writes.iter().enumerate() {
            if place < landed {
                server.disk.store(write, usize::MAX);
            } else if place == landed
                && let Some(entries) = torn
            {
                server.disk.store(write, entries);
            }
        }
        server.replica = None;
        server.held.clear();
        server.applied.clear();
    }

    /// Starts a server that is down, from its disk.
    pub(crate) fn restart(&mut self, id: NodeId) {
        let server = self.server(id);
        if server.replica.is_some() {
            return;
        }
        let recovered = Recovered { hard_state: server.disk.hard_state, entries: server.disk.entries.clone() };
        let mut replica =
            Replica::new(server.config.clone(), recovered).expect("what a replica wrote can be recovered");
        let mut effects = Vec::new();
        replica.start(&mut Lowest, &mut effects);
        server.replica = Some(replica);
        self.carry_out(id, effects);
    }

    fn carry_out(&mut self, id: NodeId, effects: Vec<Effect>) {
        for effect in effects {
            self.events.push(Event::Effect(id, effect.clone()));
            match effect {
                Effect::Persist(write) => self.server(id).under_way.push_back(write),
                Effect::Send(outbound) => match outbound.after {
                    After::Nothing => self.transmit(Envelope { from: id, to: outbound.to, message: outbound.message }),
                    After::Write(_) => self.server(id).held.push(outbound),
                },
                Effect::Commit { through } => self.apply(id, through),
                Effect::Arm { .. } | Effect::Accepted { .. } | Effect::Refused { .. } | Effect::Role(_) => {}
            }
        }
        if self.servers[&id].speed == DiskSpeed::Prompt && !self.servers[&id].under_way.is_empty() {
            self.complete(id);
        }
    }

    fn apply(&mut self, id: NodeId, through: Index) {
        let server = self.server(id);
        let replica = server.replica.as_ref().expect("only a running replica commits");
        let from = Index(server.applied.len() as u64 + 1);
        server.applied.extend(replica.entries(from..=through).cloned());
        assert_eq!(server.applied.len() as u64, through.0, "the log holds everything that is committed");
    }

    fn transmit(&mut self, envelope: Envelope) {
        if self.cut.contains(&envelope.from) || self.cut.contains(&envelope.to) {
            self.events.push(Event::Lost(envelope, "cut off"));
        } else {
            self.network.push_back(envelope);
        }
    }
}
