//! One server of the protocol: its state, the rule of terms that every message obeys, and the flush that turns changes
//! into effects (paper, Figure 2 "State" and "Rules for Servers").
//!
//! A step handles its inputs one by one in memory, then flushes once: one write for everything that is new, then the
//! messages. Because a message never leaves before the write that holds all that came before it, handling several
//! inputs and then writing is the same as writing after each, only cheaper.
//!
//! Simplification: the voters are fixed, and the log is never compacted.

use std::ops::RangeBounds;
use std::sync::Arc;

use crate::candidate::Candidate;
use crate::config::{Config, ConfigError};
use crate::effect::{After, Effect, Outbound, Role, RoleChange};
use crate::input::{Input, Random, Timer};
use crate::leader::Leader;
use crate::log::Log;
use crate::message::{Append, Body, Message};
use crate::recovered::Recovered;
use crate::types::{Command, Entry, HardState, Index, NodeId, ProposalId, Term, WriteSequence};
use crate::writes::Writes;

/// A Raft server as a function from inputs to effects.
///
/// Dropping it is a crash; [`Replica::new`] with what the disk says survived is the restart.
#[derive(Clone, Debug)]
pub struct Replica {
    pub(crate) config: Config,
    /// All voters but this one, in order. Votes and progress are lists alongside this one.
    pub(crate) peers: Vec<NodeId>,
    pub(crate) hard_state: HardState,
    pub(crate) log: Log,
    pub(crate) writes: Writes,
    pub(crate) commit: Index,
    pub(crate) leader: Option<NodeId>,
    pub(crate) state: State,
    /// Messages that wait for the write of this step.
    outbox: Vec<(NodeId, Message)>,
    due: Due,
    announced: Announced,
}

/// A role with what belongs to it.
#[derive(Clone, Debug)]
pub(crate) enum State {
    Follower,
    Candidate(Candidate),
    Leader(Leader),
}

/// The timers that the flush has to arm.
#[derive(Clone, Copy, Debug, Default)]
struct Due {
    election: bool,
    heartbeat: bool,
}

/// What the host was told last.
#[derive(Clone, Copy, Debug)]
struct Announced {
    role: RoleChange,
    commit: Index,
}

impl Replica {
    /// A follower with what survived on disk. It does nothing until [`Replica::start`].
    ///
    /// # Errors
    /// If the settings are useless, or the recovered state is impossible.
    pub fn new(config: Config, recovered: Recovered) -> Result<Replica, ConfigError> {
        config.validate()?;
        recovered.validate()?;
        let mut peers: Vec<NodeId> = config.voters.iter().copied().filter(|voter| *voter != config.id).collect();
        peers.sort_unstable();
        let Recovered { hard_state, entries } = recovered;
        let log = Log::new(entries);
        Ok(Replica {
            config,
            peers,
            hard_state,
            writes: Writes::new(hard_state, log.last_index()),
            log,
            commit: Index(0),
            leader: None,
            state: State::Follower,
            outbox: Vec::new(),
            due: Due::default(),
            announced: Announced {
                role: RoleChange { role: Role::Follower, term: hard_state.term, leader: None },
                commit: Index(0),
            },
        })
    }

    /// Arms the election timer: the server takes part from now on.
    pub fn start(&mut self, random: &mut dyn Random, effects: &mut Vec<Effect>) {
        self.restart_election_timer();
        self.flush(random, effects);
    }

    /// Handles one input. Appends to `effects` what is to be done, in this order.
    pub fn step(&mut self, input: Input, random: &mut dyn Random, effects: &mut Vec<Effect>) {
        self.step_all([input], random, effects);
    }

    /// Handles inputs that are there together: all new entries become one write, and each follower gets one append
    /// where that is possible. Appends to `effects` what is to be done, in this order.
    pub fn step_all(
        &mut self,
        inputs: impl IntoIterator<Item = Input>,
        random: &mut dyn Random,
        effects: &mut Vec<Effect>,
    ) {
        for input in inputs {
            match input {
                Input::Timer(Timer::Election) => self.election_timeout(),
                Input::Timer(Timer::Heartbeat) => self.heartbeat_timeout(),
                Input::Message { from, message } => self.receive(from, message),
                Input::Propose { proposal, command } => effects.push(self.propose(proposal, command)),
                Input::WriteCompleted(sequence) => self.write_completed(sequence),
            }
            self.announce_role(effects);
        }
        self.flush(random, effects);
    }

    /// This server.
    #[must_use]
    pub fn id(&self) -> NodeId {
        self.config.id
    }

    /// Its settings.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Its role.
    #[must_use]
    pub fn role(&self) -> Role {
        match self.state {
            State::Follower => Role::Follower,
            State::Candidate(_) => Role::Candidate,
            State::Leader(_) => Role::Leader,
        }
    }

    /// Its current term.
    #[must_use]
    pub fn term(&self) -> Term {
        self.hard_state.term
    }

    /// Its current term and vote, as in memory; the disk may be behind.
    #[must_use]
    pub fn hard_state(&self) -> HardState {
        self.hard_state
    }

    /// The leader of the current term, if known.
    #[must_use]
    pub fn leader(&self) -> Option<NodeId> {
        self.leader
    }

    /// The last index known to be committed. Starts at 0 after a restart.
    #[must_use]
    pub fn commit(&self) -> Index {
        self.commit
    }

    /// The index of the last entry; 0 if there is none.
    #[must_use]
    pub fn last_index(&self) -> Index {
        self.log.last_index()
    }

    /// The last index through which this server's own log is durable.
    #[must_use]
    pub fn durable_index(&self) -> Index {
        self.writes.durable_through()
    }

    /// The entry at `index`, if the log holds it.
    #[must_use]
    pub fn entry(&self, index: Index) -> Option<&Entry> {
        self.log.entry(index)
    }

    /// The entries that the log holds in a range of indexes, in order.
    pub fn entries(
        &self,
        range: impl RangeBounds<Index>,
    ) -> impl DoubleEndedIterator<Item = &Entry> + ExactSizeIterator {
        self.log.range(range).iter()
    }

    /// Paper 5.1: a server that sees a higher term moves to it as a follower; a message of an older term is refused.
    /// Strangers are not heard, and no correct server speaks before its first term.
    fn receive(&mut self, from: NodeId, message: Message) {
        let Ok(peer) = self.peers.binary_search(&from) else {
            return;
        };
        if message.term == Term(0) {
            return;
        }
        if message.term > self.term() {
            self.move_to_term(message.term, None);
            self.become_follower(None);
        }
        let current = message.term == self.term();
        match message.body {
            Body::RequestVote(request) if current => self.receive_request_vote(from, request),
            Body::RequestVote(_) => self.refuse_vote(from),
            Body::Append(append) if current => self.receive_append(from, append),
            Body::Append(append) => self.reject_deposed_leader(from, &append),
            Body::VoteReply(reply) if current => self.receive_vote_reply(peer, reply),
            Body::AppendReply(reply) if current => self.receive_append_reply(peer, reply),
            Body::VoteReply(_) | Body::AppendReply(_) => {}
        }
    }

    fn election_timeout(&mut self) {
        match self.state {
            State::Follower | State::Candidate(_) => self.campaign(),
            State::Leader(_) => {}
        }
    }

    fn heartbeat_timeout(&mut self) {
        match self.state {
            State::Follower => {}
            State::Candidate(_) => self.ask_again(),
            State::Leader(_) => self.beat(),
        }
    }

    fn propose(&mut self, proposal: ProposalId, command: Command) -> Effect {
        match self.state {
            State::Follower | State::Candidate(_) => Effect::Refused { proposal, leader: self.leader },
            State::Leader(_) => self.accept_proposal(proposal, command),
        }
    }

    fn write_completed(&mut self, sequence: WriteSequence) {
        self.writes.complete(sequence);
        match self.state {
            State::Follower => {}
            State::Candidate(_) => self.count_votes(),
            State::Leader(_) => self.advance_commit(),
        }
    }

    /// Enters a later term, with a vote in it or without.
    pub(crate) fn move_to_term(&mut self, term: Term, voted_for: Option<NodeId>) {
        assert!(term > self.hard_state.term, "a server's term only increases");
        self.hard_state = HardState { term, voted_for };
    }

    /// Follows `leader`, or nobody yet. A leader has let its election timer run out unheard, so it needs a new one.
    pub(crate) fn become_follower(&mut self, leader: Option<NodeId>) {
        if let State::Leader(_) = self.state {
            self.restart_election_timer();
        }
        self.state = State::Follower;
        self.leader = leader;
    }

    /// Draws a new election timeout when the step ends.
    pub(crate) fn restart_election_timer(&mut self) {
        self.due.election = true;
    }

    /// Starts a heartbeat interval when the step ends.
    pub(crate) fn restart_heartbeat_timer(&mut self) {
        self.due.heartbeat = true;
    }

    /// Sends a message of the current term once everything is durable that this server has decided so far.
    pub(crate) fn send_when_durable(&mut self, to: NodeId, body: Body) {
        self.outbox.push((to, Message { term: self.hard_state.term, body }));
    }

    fn announce_role(&mut self, effects: &mut Vec<Effect>) {
        let role = RoleChange { role: self.role(), term: self.term(), leader: self.leader };
        if role != self.announced.role {
            self.announced.role = role;
            effects.push(Effect::Role(role));
        }
    }

    fn flush(&mut self, random: &mut dyn Random, effects: &mut Vec<Effect>) {
        effects.extend(self.writes.issue(self.hard_state, &mut self.log).map(Effect::Persist));
        let after = self.writes.barrier();
        let waiting = self.outbox.drain(..);
        effects.extend(waiting.map(|(to, message)| Effect::Send(Outbound { to, message, after })));
        self.flush_appends(effects);
        if self.commit > self.announced.commit {
            self.announced.commit = self.commit;
            effects.push(Effect::Commit { through: self.commit });
        }
        self.flush_timers(random, effects);
    }

    /// A leader's appends are made here, so that several inputs cost one append, and wait for nothing: the leader's own
    /// disk works meanwhile (dissertation 10.2.1). Their term is durable, since the requests for its votes waited.
    fn flush_appends(&mut self, effects: &mut Vec<Effect>) {
        let State::Leader(leader) = &mut self.state else {
            return;
        };
        let (term, commit) = (self.hard_state.term, self.commit);
        let heartbeat_due = leader.take_heartbeat();
        for (to, progress) in self.peers.iter().zip(leader.progress_mut()) {
            let mut send = |log: &Log, previous_index: Index, entries: Arc<[Entry]>| {
                let previous_term =
                    log.term_at(previous_index).expect("a leader's log reaches back to every follower's");
                let body = Body::Append(Append { previous_index, previous_term, entries, commit });
                let message = Message { term, body };
                effects.push(Effect::Send(Outbound { to: *to, message, after: After::Nothing }));
            };
            let mut silent = true;
            while let Some(batch) = progress.take_batch(self.log.last_index(), self.config.append_entries_max) {
                let entries = self.log.slice(batch.first, batch.through);
                send(&self.log, batch.first.previous(), entries);
                silent = false;
            }
            if silent && heartbeat_due {
                let previous = progress.previous();
                let nothing = self.log.slice(previous.next(), previous);
                send(&self.log, previous, nothing);
            }
        }
    }

    fn flush_timers(&mut self, random: &mut dyn Random, effects: &mut Vec<Effect>) {
        let Due { election, heartbeat } = std::mem::take(&mut self.due);
        if election {
            let Config { election_timeout_ns_min, election_timeout_ns_max, .. } = self.config;
            let after_ns = random.between(election_timeout_ns_min, election_timeout_ns_max);
            effects.push(Effect::Arm { timer: Timer::Election, after_ns });
        }
        if heartbeat {
            effects.push(Effect::Arm { timer: Timer::Heartbeat, after_ns: self.config.heartbeat_interval_ns });
        }
    }
}
