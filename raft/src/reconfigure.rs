//! Changing the configuration, as its leader (dissertation 4; paper 6).
//!
//! The next configuration is an entry like any other, and in force at once. One change at a time: the one before must
//! be committed, and so must an entry of the leader's own term (Ongaro, 2015: else two leaders could each count on a
//! configuration that shares no quorum with the other's). Whoever leads when a joint configuration is committed leaves
//! it. A leader that is not in the configuration leads, without counting itself, until that configuration is committed.
//!
//! Simplification: a server that was removed is sent nothing more, so it may never learn of it. It asks for pre-votes
//! then, and loyal servers refuse.

use crate::bugs::{self, Bug};
use crate::configuration::{Configuration, Leave};
use crate::effect::{Effect, Refusal};
use crate::leader::Follower;
use crate::membership::{ChangeError, ChangeRequest};
use crate::probe::Probe;
use crate::replica::{Replica, State};
use crate::types::{Index, Payload, ProposalId};

impl Replica {
    /// Puts the next configuration into the log, or says why not.
    pub(crate) fn change_membership(&mut self, proposal: ProposalId, request: &ChangeRequest) {
        let next = match self.refusal_to_append() {
            Some(refusal) => Err(refusal),
            None => self.next_configuration(request).map_err(Refusal::Change),
        };
        match next {
            Err(refusal) => self.effects.push(Effect::Refused { proposal, refusal }),
            Ok(next) => {
                self.announce_commit();
                let index = self.log.last_index().next();
                self.effects.push(Effect::Accepted { proposal, term: self.term(), index });
                self.append_configuration(next);
            }
        }
    }

    /// Serves the members of the configuration in force, as their leader. Whoever is new among them is taken to have
    /// this leader's log through `known`.
    pub(crate) fn serve_members(&mut self, known: Index) {
        let State::Leader(leader) = &mut self.state else {
            return;
        };
        let governing = self.log.governing();
        let (configuration, own) = (&governing.configuration, self.config.id);
        let mut before = std::mem::take(&mut leader.followers).into_iter().peekable();
        for id in configuration.members().into_iter().filter(|id| *id != own) {
            while before.next_if(|follower| follower.id < id).is_some() {}
            let follower = before.next_if(|follower| follower.id == id);
            leader.followers.push(follower.unwrap_or_else(|| Follower::new(id, known)));
        }
        let leaves_by_itself = configuration.is_joint() && configuration.leave == Leave::Automatic;
        leader.unsettled = (leaves_by_itself || !configuration.is_voter(own)).then_some(governing.from);
    }

    /// The configuration in force is committed, and that was waited for. The host hears of it before it hears of what
    /// follows from it.
    pub(crate) fn settle_configuration(&mut self) {
        self.announce_commit();
        let configuration = &self.log.governing().configuration;
        match (configuration.is_joint(), configuration.leave) {
            (true, Leave::Automatic) => {
                let next = configuration.changed(&ChangeRequest::LeaveJoint);
                self.append_configuration(next.expect("a joint configuration can be left"));
            }
            (true, Leave::OnRequest) | (false, _) => {
                self.probe(Probe::LeaderRemovesItself);
                self.become_follower(None);
            }
        }
    }

    fn next_configuration(&mut self, request: &ChangeRequest) -> Result<Configuration, ChangeError> {
        let governing = self.log.governing();
        let State::Leader(leader) = &self.state else {
            unreachable!("who does not lead was turned away");
        };
        let is_pending = governing.from > self.commit && !bugs::is_on(Bug::InForceWhenCommitted);
        if is_pending {
            let index = governing.from;
            self.probe(Probe::ChangeRefusedPending);
            return Err(ChangeError::Pending { index });
        }
        if self.commit < leader.first_own && !bugs::is_on(Bug::ChangeBeforeOwnCommit) {
            self.probe(Probe::ChangeRefusedBeforeOwnCommit);
            return Err(ChangeError::BeforeOwnCommit);
        }
        governing.configuration.changed(request)
    }

    fn append_configuration(&mut self, next: Configuration) {
        let governing = self.log.governing();
        let before = &governing.configuration;
        let entered_by_another =
            self.log.term_at(governing.from).is_none_or(|entered_in| entered_in != self.hard_state.term);
        let is_promotion = next.voters.iter().any(|id| before.is_learner(*id));
        match (before.is_joint(), next.is_joint()) {
            (false, true) => self.probe(Probe::JointEntered),
            (true, false) => {
                self.probe(Probe::JointLeft);
                if entered_by_another {
                    self.probe(Probe::NewLeaderLeavesJoint);
                }
            }
            (false, false) | (true, true) => {}
        }
        if is_promotion {
            self.probe(Probe::LearnerPromoted);
        }
        let index = self.append_own(Payload::Configuration(next.into()));
        self.serve_members(index.previous());
        self.count_answers();
        let commit = self.commit;
        self.advance_commit();
        if self.commit > commit {
            self.probe(Probe::QuorumShrinkCommits);
        }
    }
}
