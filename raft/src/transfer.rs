//! Handing leadership over (dissertation 3.10).
//!
//! The leader stops taking proposals, brings the target up to date, and asks it to stand at once. Voters answer that
//! election although their leader is alive. If the target has not taken over after an election timeout, the leader goes
//! on. From the moment it asked it never trusts its lease again: the message may be delayed for as long as it leads.
//!
//! Simplification: which server is a good target is the host's to know.

use crate::bugs::{self, Bug};
use crate::effect::{Effect, TransferRefusal};
use crate::message::{Body, ElectionCause};
use crate::probe::Probe;
use crate::replica::{Replica, State};
use crate::types::NodeId;

/// A transfer under way.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Transfer {
    to: NodeId,
    stage: Stage,
}

/// How far a transfer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// The target's log is not up to date.
    CatchingUp,
    /// The target was asked to stand.
    Asked,
}

impl Transfer {
    pub(crate) fn to(&self) -> NodeId {
        self.to
    }
}

impl Replica {
    /// The host wants another leader.
    pub(crate) fn transfer(&mut self, to: NodeId) {
        if let Some(refusal) = self.refusal_to_transfer(to) {
            self.effects.push(Effect::TransferRefused { to, refusal });
            return;
        }
        if let State::Leader(leader) = &mut self.state {
            leader.transfer = Some(Transfer { to, stage: Stage::CatchingUp });
        }
        self.restart_election_timer();
        if self.is_up_to_date_with_leader(to) {
            self.ask_target();
        } else {
            self.probe(Probe::TransferTargetLagging);
        }
    }

    /// A follower acknowledged: perhaps it is the one that was waited for.
    pub(crate) fn ask_target_if_ready(&mut self, from: NodeId) {
        let State::Leader(leader) = &self.state else {
            return;
        };
        let waits_for_it =
            leader.transfer.is_some_and(|transfer| transfer.to == from && transfer.stage == Stage::CatchingUp);
        if waits_for_it && self.is_up_to_date_with_leader(from) {
            self.ask_target();
        }
    }

    /// The request may have been lost.
    pub(crate) fn ask_target_again(&mut self) {
        if let State::Leader(leader) = &self.state
            && leader.transfer.is_some_and(|transfer| transfer.stage == Stage::Asked)
        {
            self.ask_target();
        }
    }

    /// The target had its time.
    pub(crate) fn give_up_transfer(&mut self) {
        if let State::Leader(leader) = &mut self.state
            && let Some(Transfer { to, .. }) = leader.transfer.take()
        {
            self.probe(Probe::TransferTimedOut);
            self.effects.push(Effect::TransferRefused { to, refusal: TransferRefusal::TimedOut });
        }
    }

    /// The leader asks this server to stand at once. One that does not vote was asked by mistake.
    pub(crate) fn receive_timeout_now(&mut self) {
        if self.log.governing().configuration.is_voter(self.id()) {
            self.campaign(ElectionCause::Transfer);
        }
    }

    fn refusal_to_transfer(&self, to: NodeId) -> Option<TransferRefusal> {
        let State::Leader(leader) = &self.state else {
            return Some(TransferRefusal::NotLeader);
        };
        if to == self.id() {
            return Some(TransferRefusal::AlreadyLeads);
        }
        if !self.log.governing().configuration.is_voter(to) {
            return Some(TransferRefusal::NotAVoter);
        }
        leader.transfer.map(|transfer| TransferRefusal::UnderWay { to: transfer.to })
    }

    fn is_up_to_date_with_leader(&self, id: NodeId) -> bool {
        match &self.state {
            State::Leader(leader) => {
                leader.follower(id).is_some_and(|follower| follower.progress.matched() == self.log.last_index())
            }
            State::Follower | State::PreCandidate(_) | State::Candidate(_) => false,
        }
    }

    fn ask_target(&mut self) {
        let State::Leader(leader) = &mut self.state else {
            return;
        };
        let Some(transfer) = &mut leader.transfer else {
            return;
        };
        transfer.stage = Stage::Asked;
        let message = Replica::at_once(transfer.to, self.hard_state.term, Body::TimeoutNow);
        let lease = if bugs::is_on(Bug::LeaseKeptOnTransfer) { None } else { leader.rounds.forfeit_lease() };
        self.effects.push(Effect::Send(message));
        if lease.is_some() {
            self.probe(Probe::LeaseDroppedOnTransfer);
        }
    }
}
