//! The replicated server: Raft and the state machine, joined by one rule: persist before send.
//!
//! Sans-io: it acts through a [`Host`], which the simulator implements, and which sockets and files could. One sync is
//! under way at a time; writes that come meanwhile share the next one (group commit). Messages that wait for a write wait
//! here, in order. A request is answered when its entry is applied, never before. Reads go through the log like
//! everything else.

use std::collections::VecDeque;

use whitewater_raft::{
    After, Command, Config, ConfigError, Effect, Entry, Index, Input, NodeId, Outbound, Payload, ProposalId, Random,
    Recovered, Replica, Role, RoleChange, Term, Timer, Write, WriteSequence,
};

use crate::codec;
use crate::machine::Machine;
use crate::message::{Address, Message, Reply, ReplyResult};
use crate::wal::Wal;

/// What a server needs from the world.
pub trait Host: Random {
    /// Sends a message. It may get lost.
    fn send(&mut self, to: Address, message: Message);
    /// Arms a timer, replacing its earlier deadline; the host tells [`Server::timer`] when it runs out.
    fn arm(&mut self, timer: Timer, after_ns: u64);
    /// What the log file holds.
    fn read_log(&mut self) -> Vec<u8>;
    /// Writes to the log file.
    fn write_log(&mut self, offset: usize, bytes: &[u8]);
    /// Begins to make the log file durable; the host tells [`Server::synced`] when it is.
    fn sync_log(&mut self);
    /// Hears what happens inside, as it happens.
    fn observe(&mut self, event: Event<'_>);
}

/// What a server tells of itself.
#[derive(Clone, Copy, Debug)]
pub enum Event<'a> {
    /// It starts, with this term on its disk; an [`Event::Appended`] follows for each entry there.
    Booted {
        /// The term on the disk.
        term: Term,
    },
    /// Its role, its term or the leader that it knows changed.
    Role(RoleChange),
    /// Its log has this entry, and nothing behind it.
    Appended(&'a Entry),
    /// Entries up to this one are committed.
    Committed(Index),
    /// An entry was applied.
    Applied {
        /// The entry.
        entry: &'a Entry,
        /// The state machine's fingerprint afterwards.
        state: u64,
    },
}

/// A server of the store.
#[derive(Debug)]
pub struct Server {
    replica: Replica,
    machine: Machine,
    applied: Index,
    wal: Wal,
    /// The latest write that was handed to the disk.
    written: WriteSequence,
    /// The latest write that is durable.
    durable: WriteSequence,
    /// The latest write that the sync under way covers, if one is.
    syncing: Option<WriteSequence>,
    /// Messages that wait for writes, in the order of both.
    held: VecDeque<(WriteSequence, NodeId, whitewater_raft::Message)>,
    /// Requests in the log whose clients wait, in the order of their entries.
    waiting: VecDeque<Waiting>,
    next_proposal: ProposalId,
    effects: Vec<Effect>,
}

/// A request that this server put into the log.
#[derive(Clone, Copy, Debug)]
struct Waiting {
    index: Index,
    term: Term,
    client: Address,
    sequence: u64,
}

/// Where a request came from, while it is being proposed.
type Origin = (Address, u64);

impl Server {
    /// Starts a server from what its log file holds.
    ///
    /// # Errors
    /// If the configuration is impossible.
    pub fn boot<H: Host>(config: Config, host: &mut H) -> Result<Server, ConfigError> {
        let (wal, recovered) = Wal::recover(host.read_log());
        host.observe(Event::Booted { term: recovered.hard_state.term });
        for entry in &recovered.entries {
            host.observe(Event::Appended(entry));
        }
        let (hard_state, entries) = (recovered.hard_state, recovered.entries);
        let mut server = Server {
            replica: Replica::new(config, Recovered { hard_state, entries })?,
            machine: Machine::default(),
            applied: Index(0),
            wal,
            written: WriteSequence(0),
            durable: WriteSequence(0),
            syncing: None,
            held: VecDeque::new(),
            waiting: VecDeque::new(),
            next_proposal: ProposalId(0),
            effects: Vec::new(),
        };
        server.replica.start(host, &mut server.effects);
        server.carry_out(None, host);
        Ok(server)
    }

    /// A message arrived.
    pub fn message<H: Host>(&mut self, from: Address, message: Message, host: &mut H) {
        match message {
            Message::Raft(message) => self.step(Input::Message { from: NodeId(from.0), message }, None, host),
            Message::Request(command) => self.request(from, command, host),
            // Only clients are replied to.
            Message::Reply(_) => {}
        }
    }

    /// A timer ran out.
    pub fn timer<H: Host>(&mut self, timer: Timer, host: &mut H) {
        self.step(Input::Timer(timer), None, host);
    }

    /// The sync that was asked for is done.
    ///
    /// # Panics
    /// If none was asked for.
    pub fn synced<H: Host>(&mut self, host: &mut H) {
        let durable = self.syncing.take().expect("a sync completes only if one is under way");
        self.durable = durable;
        while self.held.front().is_some_and(|(sequence, ..)| *sequence <= durable) {
            let (_, to, message) = self.held.pop_front().expect("the front was just seen");
            host.send(to.into(), Message::Raft(message));
        }
        self.sync_if_needed(host);
        self.step(Input::WriteCompleted(durable), None, host);
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

    fn request<H: Host>(&mut self, client: Address, command: Command, host: &mut H) {
        // What enters the log must be readable by every replica, so anything else is dropped at the door.
        let Ok(request) = codec::decode(&command) else { return };
        let origin = (client, request.sequence);
        let proposal = self.next_proposal;
        self.next_proposal.0 += 1;
        self.step(Input::Propose { proposal, command }, Some(origin), host);
    }

    fn step<H: Host>(&mut self, input: Input, origin: Option<Origin>, host: &mut H) {
        self.replica.step(input, host, &mut self.effects);
        self.carry_out(origin, host);
    }

    fn carry_out<H: Host>(&mut self, origin: Option<Origin>, host: &mut H) {
        let mut effects = std::mem::take(&mut self.effects);
        for effect in effects.drain(..) {
            match effect {
                Effect::Persist(write) => self.persist(&write, host),
                Effect::Send(outbound) => self.send(outbound, host),
                Effect::Arm { timer, after_ns } => host.arm(timer, after_ns),
                Effect::Commit { through } => self.apply(through, host),
                Effect::Accepted { term, index, .. } => {
                    let (client, sequence) = origin.expect("only a request is proposed");
                    self.waiting.push_back(Waiting { index, term, client, sequence });
                }
                Effect::Refused { leader, .. } => {
                    let (client, sequence) = origin.expect("only a request is proposed");
                    reply(client, sequence, ReplyResult::Refused { leader }, host);
                }
                Effect::Role(change) => self.role(change, host),
            }
        }
        self.effects = effects;
    }

    fn persist<H: Host>(&mut self, write: &Write, host: &mut H) {
        let (offset, bytes) = self.wal.append(write);
        host.write_log(offset, bytes);
        for entry in write.entries.iter() {
            host.observe(Event::Appended(entry));
        }
        self.written = write.sequence;
        self.sync_if_needed(host);
    }

    fn sync_if_needed<H: Host>(&mut self, host: &mut H) {
        if self.syncing.is_none() && self.written > self.durable {
            self.syncing = Some(self.written);
            host.sync_log();
        }
    }

    fn send<H: Host>(&mut self, Outbound { to, message, after }: Outbound, host: &mut H) {
        match after {
            After::Write(sequence) => self.held.push_back((sequence, to, message)),
            After::Nothing => host.send(to.into(), Message::Raft(message)),
        }
    }

    fn role<H: Host>(&mut self, change: RoleChange, host: &mut H) {
        host.observe(Event::Role(change));
        if change.role != Role::Leader {
            let result = ReplyResult::Uncertain { leader: change.leader };
            for Waiting { client, sequence, .. } in self.waiting.drain(..) {
                reply(client, sequence, result.clone(), host);
            }
        }
    }

    fn apply<H: Host>(&mut self, through: Index, host: &mut H) {
        host.observe(Event::Committed(through));
        while self.applied < through {
            let index = self.applied.next();
            let entry = self.replica.entry(index).expect("a committed entry is in the log until it is applied");
            let answer = match &entry.payload {
                Payload::Noop => None,
                Payload::Command(command) => {
                    let request = codec::decode(command).expect("a command is checked before it enters the log");
                    self.machine.apply(&request)
                }
            };
            self.applied = index;
            host.observe(Event::Applied { entry, state: self.machine.fingerprint() });
            let Some(waiting) = self.waiting.front().copied().filter(|waiting| waiting.index == index) else {
                continue;
            };
            self.waiting.pop_front();
            assert!(waiting.term == entry.term, "a leader's own entries are not replaced while it leads");
            if let Some(answer) = answer {
                reply(waiting.client, waiting.sequence, ReplyResult::Answered(answer), host);
            }
        }
    }
}

fn reply<H: Host>(client: Address, sequence: u64, result: ReplyResult, host: &mut H) {
    host.send(client, Message::Reply(Reply { sequence, result }));
}
