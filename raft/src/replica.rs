//! One server of the protocol: its state, what it does with each input, and the rule of terms that every message obeys
//! (paper, Figure 2 "State" and "Rules for Servers").
//!
//! A step handles its inputs one by one in memory, then flushes once (`flush`).
//!
//! Simplification: an input that comes too late, or to the wrong server, is answered or ignored, never an error.

use std::ops::RangeBounds;
use std::sync::Arc;

use crate::assembly::Assembly;
use crate::bugs::{self, Bug};
use crate::candidate::Election;
use crate::config::{Config, ConfigError, PreVote, QuorumCheck};
use crate::configuration::Configuration;
use crate::effect::{Effect, Role, RoleChange};
use crate::follower::Heard;
use crate::input::{Environment, Input, Timer};
use crate::leader::Leader;
use crate::log::{Log, Position};
use crate::message::{Body, Message};
use crate::probe::Probe;
use crate::recovered::Recovered;
use crate::snapshot::Snapshot;
use crate::types::{Entry, HardState, Index, NodeId, Term, WriteSequence};
use crate::writes::{Completion, Writes};

/// A Raft server as a function from inputs to effects.
///
/// Dropping it is a crash; [`Replica::new`] with what the disk says survived is the restart.
#[derive(Clone, Debug)]
pub struct Replica {
    pub(crate) config: Config,
    /// Tells this life of the server from others; drawn when it starts.
    pub(crate) life: u64,
    pub(crate) hard_state: HardState,
    pub(crate) log: Log,
    pub(crate) writes: Writes,
    pub(crate) commit: Index,
    /// The newest snapshot that is durable, or that a write under way makes so.
    pub(crate) snapshot: Option<Arc<Snapshot>>,
    /// A snapshot that is being received.
    pub(crate) assembly: Option<Box<Assembly>>,
    pub(crate) leader: Option<NodeId>,
    pub(crate) loyalty: Loyalty,
    pub(crate) heard: Heard,
    /// The last term that this server led in this life; 0 if none.
    pub(crate) led: Term,
    pub(crate) state: State,
    /// Messages that wait for the write of this step.
    pub(crate) outbox: Vec<(NodeId, Message)>,
    pub(crate) due: Due,
    pub(crate) announced: Announced,
    /// During a step, the effects so far; the host's own list, borrowed.
    pub(crate) effects: Vec<Effect>,
}

/// A role with what belongs to it.
#[derive(Clone, Debug)]
pub(crate) enum State {
    Follower,
    PreCandidate(Election),
    Candidate(Election),
    Leader(Box<Leader>),
}

/// Whether a follower has a leader that is alive, as far as it can tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Loyalty {
    Loyal,
    Free,
}

/// The timers that the flush has to arm.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Due {
    pub(crate) election: bool,
    pub(crate) heartbeat: bool,
}

/// What the host was told last.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Announced {
    role: RoleChange,
    pub(crate) commit: Index,
}

impl Replica {
    /// A follower with what survived on disk. It does nothing until [`Replica::start`]. The host restores its state
    /// machine from the recovered snapshot by itself; what follows comes as [`Effect::Commit`].
    ///
    /// # Errors
    /// If the settings are useless, or the recovered state is impossible.
    pub fn new(mut config: Config, recovered: Recovered) -> Result<Replica, ConfigError> {
        config.validate()?;
        recovered.validate()?;
        if bugs::is_on(Bug::UnprotectedLeader) {
            (config.pre_vote, config.quorum_check) = (PreVote::Off, QuorumCheck::Off);
        }
        if bugs::is_on(Bug::BeatsTwiceAsOften) {
            config.heartbeat_interval_ns = config.heartbeat_interval_ns.div_ceil(2);
        }
        let Recovered { hard_state, snapshot, entries } = recovered;
        let (compacted, configuration) = match &snapshot {
            Some(snapshot) => {
                let position = Position { index: snapshot.index, term: snapshot.term };
                (position, Arc::clone(&snapshot.configuration))
            }
            None => (Position::default(), Arc::new(config.bootstrap.clone())),
        };
        let log = Log::new(compacted, configuration, entries);
        let may_have_promised_a_lease = config.quorum_check == QuorumCheck::On
            && (hard_state.term > Term(0) || bugs::is_on(Bug::LoyalFromTheStart));
        Ok(Replica {
            config,
            life: 0,
            hard_state,
            writes: Writes::new(hard_state, log.last_index()),
            log,
            commit: compacted.index,
            snapshot,
            assembly: None,
            leader: None,
            loyalty: if may_have_promised_a_lease { Loyalty::Loyal } else { Loyalty::Free },
            heard: Heard::default(),
            led: Term(0),
            state: State::Follower,
            outbox: Vec::new(),
            due: Due::default(),
            announced: Announced {
                role: RoleChange { role: Role::Follower, term: hard_state.term, leader: None },
                commit: compacted.index,
            },
            effects: Vec::new(),
        })
    }

    /// Arms the election timer: the server takes part from now on.
    pub fn start(&mut self, environment: &mut dyn Environment, effects: &mut Vec<Effect>) {
        self.life = environment.random_between(0, u64::MAX);
        self.restart_election_timer();
        self.step_all([], environment, effects);
    }

    /// Handles one input. Appends to `effects` what is to be done, in this order.
    pub fn step(&mut self, input: Input, environment: &mut dyn Environment, effects: &mut Vec<Effect>) {
        self.step_all([input], environment, effects);
    }

    /// Handles inputs that are there together: all new entries become one write, and each follower gets one append
    /// where that is possible. Appends to `effects` what is to be done, in this order.
    pub fn step_all(
        &mut self,
        inputs: impl IntoIterator<Item = Input>,
        environment: &mut dyn Environment,
        effects: &mut Vec<Effect>,
    ) {
        std::mem::swap(&mut self.effects, effects);
        for input in inputs {
            self.handle(input, environment);
            self.announce_role();
        }
        self.flush(environment);
        std::mem::swap(&mut self.effects, effects);
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
            State::PreCandidate(_) => Role::PreCandidate,
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

    /// The last index known to be committed. After a restart that is the end of the snapshot, or 0.
    #[must_use]
    pub fn commit(&self) -> Index {
        self.commit
    }

    /// The configuration in force: the last one in the log, committed or not.
    #[must_use]
    pub fn configuration(&self) -> &Configuration {
        &self.log.governing().configuration
    }

    /// The index from which that configuration is in force: its entry's, or the end of the snapshot that told of it. 0
    /// for the founding one.
    #[must_use]
    pub fn configuration_index(&self) -> Index {
        self.log.governing().from
    }

    /// The first index that the log holds, or will hold; everything before it is in a snapshot.
    #[must_use]
    pub fn first_index(&self) -> Index {
        self.log.compacted().index.next()
    }

    /// The index of the last entry; the end of the snapshot, or 0, if there is none.
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

    /// The entries that the log holds in a range of indexes, in order. Those that were compacted are not among them.
    pub fn entries(
        &self,
        range: impl RangeBounds<Index>,
    ) -> impl DoubleEndedIterator<Item = &Entry> + ExactSizeIterator {
        self.log.range(range).iter()
    }

    fn handle(&mut self, input: Input, environment: &mut dyn Environment) {
        match input {
            // It ran out before an earlier input of this step restarted it.
            Input::Timer(Timer::Election) if self.due.election => {}
            Input::Timer(Timer::Election) => match self.state {
                State::Follower | State::PreCandidate(_) | State::Candidate(_) => self.election_timeout(),
                State::Leader(_) => self.leader_election_timeout(),
            },
            Input::Timer(Timer::Heartbeat) => match self.state {
                State::Follower => {}
                State::PreCandidate(_) | State::Candidate(_) => self.ask_again(),
                State::Leader(_) => self.beat(),
            },
            Input::Message { from, message } => self.receive(from, message),
            Input::Propose { proposal, command } => self.propose(proposal, command),
            Input::ChangeMembership { proposal, request } => self.change_membership(proposal, &request),
            Input::Transfer { to } => self.transfer(to),
            Input::Read { read, mode } => self.read(read, mode, environment),
            Input::SnapshotSaved(snapshot) => self.snapshot_saved(snapshot),
            Input::WriteCompleted(sequence) => self.write_completed(sequence),
        }
    }

    /// Paper 5.1: a server that sees a higher term moves to it as a follower; a message of an older term is refused.
    /// Outside of that are pre-votes, which are about a term that nobody is in yet, and requests for votes that loyalty
    /// to a leader does not let through. No correct server says anything but pre-votes before its first term, or talks
    /// to itself.
    fn receive(&mut self, from: NodeId, Message { term, body }: Message) {
        let is_before_first_term = term == Term(0) && !matches!(body, Body::RequestPreVote(_) | Body::PreVoteReply(_));
        if from == self.id() || is_before_first_term {
            return;
        }
        if bugs::is_on(Bug::TimerRestartsForAnybody)
            && matches!(body, Body::RequestPreVote(_) | Body::RequestVote(_) | Body::Append(_))
        {
            self.restart_election_timer();
        }
        if let Body::RequestPreVote(request) = body {
            return self.receive_request_pre_vote(from, request);
        }
        if let Body::RequestVote(request) = body
            && self.ignores_request_vote(from, term, request)
        {
            return;
        }
        let is_news = term > self.term() && !self.overlooks_term(&body);
        if is_news {
            self.adopt_term(term);
        }
        let is_current = term == self.term() && !(is_news && bugs::is_on(Bug::HandledBeforeTermAdopted));
        match body {
            Body::RequestPreVote(_) => {}
            Body::PreVoteReply(reply) => self.receive_pre_vote_reply(from, reply),
            Body::RequestVote(request) if is_current => self.receive_request_vote(from, request),
            Body::RequestVote(_) => self.refuse_vote_of_old_term(from),
            Body::VoteReply(reply) if is_current || bugs::is_on(Bug::OldGrantCounts) => {
                self.receive_vote_reply(from, reply);
            }
            Body::VoteReply(reply) => self.ignore_old_vote(reply),
            Body::Append(append) if is_current => self.receive_append(from, append),
            Body::Append(append)
                if bugs::is_on(Bug::DeposedLeaderFollowed)
                    && matches!(self.state, State::Follower)
                    && append.previous_index >= self.commit =>
            {
                self.receive_append(from, append);
            }
            Body::Append(append) => self.reject_deposed_leader(from, &append),
            Body::AppendReply(reply) if is_current => self.receive_append_reply(from, reply),
            Body::InstallSnapshot(part) if is_current => self.receive_install_snapshot(from, &part),
            Body::InstallSnapshot(part) => self.reject_deposed_sender(from, &part),
            Body::SnapshotReply(reply) if is_current => self.receive_snapshot_reply(from, reply),
            Body::TimeoutNow if is_current => self.receive_timeout_now(),
            Body::RequestReadIndex(context) => self.receive_request_read_index(from, context),
            Body::ReadIndexReply(reply) => self.receive_read_index_reply(reply),
            Body::AppendReply(_) | Body::SnapshotReply(_) | Body::TimeoutNow => {}
        }
    }

    /// Never, but for the bugs that look away from a higher term.
    fn overlooks_term(&self, body: &Body) -> bool {
        (bugs::is_on(Bug::HigherTermInReplyIgnored) && matches!(body, Body::AppendReply(_) | Body::SnapshotReply(_)))
            || (bugs::is_on(Bug::HigherTermInPreVoteReplyIgnored) && matches!(body, Body::PreVoteReply(_)))
            || (bugs::is_on(Bug::LeaderNeverYields) && matches!(self.state, State::Leader(_)))
    }

    fn write_completed(&mut self, sequence: WriteSequence) {
        match self.writes.complete(sequence) {
            Completion::AsPromised => {}
            Completion::Overtaken => self.probe(Probe::SupersededWriteCompletionIgnored),
        }
        match self.state {
            State::Follower | State::PreCandidate(_) => {}
            State::Candidate(_) => self.count_votes(),
            State::Leader(_) => {
                if self.writes.durable_through() > self.commit {
                    self.advance_commit();
                }
            }
        }
    }

    fn adopt_term(&mut self, term: Term) {
        if let State::Leader(_) = self.state {
            self.probe(Probe::LeaderStepsDownHigherTerm);
        }
        self.become_follower(None);
        self.enter_term(HardState { term, voted_for: None });
    }

    /// Enters a later term, with a vote in it or without.
    pub(crate) fn enter_term(&mut self, hard_state: HardState) {
        assert!(hard_state.term > self.hard_state.term, "a server's term only increases");
        self.hard_state = hard_state;
        self.heard = Heard::default();
    }

    /// Follows `leader`, or nobody yet. A leader has no election timer that a follower could go on with, so it needs a
    /// new one.
    pub(crate) fn become_follower(&mut self, leader: Option<NodeId>) {
        self.leave_election();
        self.leader = leader;
        match std::mem::replace(&mut self.state, State::Follower) {
            State::Follower | State::PreCandidate(_) | State::Candidate(_) => {}
            State::Leader(former) => {
                self.loyalty = Loyalty::Free;
                self.restart_election_timer();
                self.refuse_reads(former.reads);
            }
        }
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

    /// A situation occurred that is worth knowing of.
    pub(crate) fn probe(&mut self, probe: Probe) {
        self.effects.push(Effect::Probe(probe));
    }

    fn announce_role(&mut self) {
        let role = RoleChange { role: self.role(), term: self.term(), leader: self.leader };
        if role != self.announced.role {
            self.announced.role = role;
            self.effects.push(Effect::Role(role));
        }
    }
}
