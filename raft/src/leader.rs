//! Leading: taking office, proposals, heartbeats, and giving up when no quorum answers (paper 5.3; Figure 2 "Rules for
//! Servers: Leaders"; dissertation 6.2).
//!
//! The leader is one of its own followers: its disk acknowledges like theirs, and an entry may commit without it
//! (dissertation 10.2.1). Followers learn a new commit index with the next append or heartbeat, as in the paper.
//!
//! Simplification: who answered is looked at once an election timeout, so a leader that is cut off may take two of them
//! to notice.

use std::collections::VecDeque;

use crate::bugs::{self, Bug};
use crate::config::QuorumCheck;
use crate::effect::{Effect, Refusal};
use crate::lease::{Lease, Occasion};
use crate::probe::Probe;
use crate::progress::{Progress, ProgressView};
use crate::quorum;
use crate::read::WaitingRead;
use crate::replica::{Replica, State};
use crate::round::Rounds;
use crate::transfer::Transfer;
use crate::types::{Command, Entry, Index, NodeId, Payload, ProposalId, Round};

/// What a leader knows.
#[derive(Clone, Debug)]
pub(crate) struct Leader {
    /// Every member of the configuration but this server, in order.
    pub(crate) followers: Vec<Follower>,
    /// The first entry of this leadership.
    pub(crate) first_own: Index,
    pub(crate) rounds: Rounds,
    /// Reads that are not proved yet, in the order of the rounds that they wait for.
    pub(crate) reads: VecDeque<WaitingRead>,
    pub(crate) transfer: Option<Transfer>,
    /// The index of the configuration in force, if its commitment leads to something: a joint one is left, or the
    /// leader goes.
    pub(crate) unsettled: Option<Index>,
}

/// What a leader knows of one follower.
#[derive(Clone, Debug)]
pub(crate) struct Follower {
    pub(crate) id: NodeId,
    pub(crate) progress: Progress,
    /// The latest round that it answered.
    pub(crate) answered: Round,
    pub(crate) contact: Contact,
}

/// Whether a follower was heard since the last quorum check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Contact {
    Heard,
    Silent,
}

impl Follower {
    /// One that nothing is known of; its log is taken to end where the leader's does.
    pub(crate) fn new(id: NodeId, leader_last: Index) -> Follower {
        Follower { id, progress: Progress::new(leader_last), answered: Round(0), contact: Contact::Silent }
    }
}

impl Leader {
    pub(crate) fn place(&self, id: NodeId) -> Option<usize> {
        self.followers.binary_search_by_key(&id, |follower| follower.id).ok()
    }

    pub(crate) fn follower(&self, id: NodeId) -> Option<&Follower> {
        self.place(id).map(|place| &self.followers[place])
    }
}

impl Replica {
    /// What this server knows of a follower, if it leads and that one is a member.
    #[must_use]
    pub fn progress(&self, peer: NodeId) -> Option<ProgressView> {
        match &self.state {
            State::Leader(leader) => leader.follower(peer).map(|follower| follower.progress.view()),
            State::Follower | State::PreCandidate(_) | State::Candidate(_) => None,
        }
    }

    /// Takes office. The first entry is empty: once it commits, so has everything before it (5.4.2, 8).
    pub(crate) fn become_leader(&mut self) {
        let lease = match self.config.quorum_check {
            QuorumCheck::On => Some(Lease::new(self.config.lease_terms())),
            QuorumCheck::Off => None,
        };
        self.state = State::Leader(Box::new(Leader {
            followers: Vec::new(),
            first_own: self.log.last_index().next(),
            rounds: Rounds::new(lease),
            reads: VecDeque::new(),
            transfer: None,
            unsettled: None,
        }));
        self.leader = Some(self.id());
        self.led = self.term();
        self.serve_members(self.log.last_index());
        self.append_own(Payload::Noop);
        self.restart_heartbeat_timer();
        match self.config.quorum_check {
            QuorumCheck::On => self.restart_election_timer(),
            QuorumCheck::Off => {}
        }
    }

    /// A heartbeat interval is over.
    pub(crate) fn beat(&mut self) {
        if let State::Leader(leader) = &mut self.state {
            leader.rounds.ask(Occasion::Heartbeat);
            self.restart_heartbeat_timer();
            self.ask_target_again();
        }
    }

    /// Puts a command into the log, or says why not.
    pub(crate) fn propose(&mut self, proposal: ProposalId, command: Command) {
        let effect = match self.refusal_of(&command) {
            Some(refusal) => Effect::Refused { proposal, refusal },
            None => {
                let index = self.append_own(Payload::Command(command));
                Effect::Accepted { proposal, term: self.term(), index }
            }
        };
        self.effects.push(effect);
    }

    fn refusal_of(&mut self, command: &Command) -> Option<Refusal> {
        if let Some(refusal) = self.refusal_to_append() {
            return Some(refusal);
        }
        let bytes = command.len() as u64;
        if bytes > self.config.command_bytes_max {
            return Some(Refusal::TooLarge { bytes, max: self.config.command_bytes_max });
        }
        let (uncommitted, max) =
            (self.log.bytes_between(self.commit, self.log.last_index()), self.config.uncommitted_bytes_max);
        let is_too_much = uncommitted > 0 && uncommitted.saturating_add(bytes) > max;
        is_too_much.then_some(Refusal::Overloaded { uncommitted, max })
    }

    /// Why nothing may enter the log here now.
    pub(crate) fn refusal_to_append(&mut self) -> Option<Refusal> {
        match &self.state {
            State::Follower | State::PreCandidate(_) | State::Candidate(_) => {
                Some(Refusal::NotLeader { leader: self.leader })
            }
            State::Leader(leader) => {
                let to = leader.transfer.as_ref()?.to();
                self.probe(Probe::ProposalRefusedDuringTransfer);
                Some(Refusal::Transferring { to })
            }
        }
    }

    pub(crate) fn append_own(&mut self, payload: Payload) -> Index {
        let index = self.log.last_index().next();
        self.log.push(Entry { term: self.term(), index, payload });
        index
    }

    /// An election timeout has passed in office: a transfer that is not over by now is given up, and a leader that a
    /// quorum did not answer meanwhile steps down (dissertation 6.2).
    pub(crate) fn leader_election_timeout(&mut self) {
        self.give_up_transfer();
        match self.config.quorum_check {
            QuorumCheck::On => {}
            QuorumCheck::Off => return,
        }
        let State::Leader(leader) = &mut self.state else {
            return;
        };
        let own = self.config.id;
        let is_heard = |follower: &Follower| follower.contact == Contact::Heard;
        let has_quorum = quorum::is_quorum(&self.log.governing().configuration, |id| {
            id == own || leader.follower(id).is_some_and(is_heard)
        });
        if bugs::is_on(Bug::SilenceCounts) {
            let silent = leader.followers.iter_mut().filter(|follower| !is_heard(follower));
            silent.for_each(|follower| follower.progress.accepted(self.log.last_index()));
        }
        leader.followers.iter_mut().for_each(|follower| follower.contact = Contact::Silent);
        if has_quorum {
            self.restart_election_timer();
        } else {
            self.probe(Probe::QuorumLostStepsDown);
            self.become_follower(None);
        }
    }
}
