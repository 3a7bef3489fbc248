//! Answering candidates (paper, Figure 2 "RequestVote RPC", receiver's part; 5.2, 5.4.1), and protecting a leader that
//! is alive from them (dissertation 4.2.3, 6.4.1, 9.6).
//!
//! One vote a term, and only for a log that is at least as up to date as the voter's own. Requests are answered whoever
//! asks (dissertation 4.2.2): the asking server may know of a configuration that this one does not know yet.
//!
//! A server is *loyal* while its leader is alive, as far as it can tell: from each append or part of a snapshot until
//! its election timer runs out; after a restart until then too, since it may have promised a lease before; and as the
//! leader itself. Loyal servers refuse pre-votes, and with the quorum check they do not even hear requests for votes,
//! unless the leader itself asked for the election (3.10).
//!
//! Simplification: loyalty follows the election timer, so it can last longer than the shortest timeout.

use crate::bugs::{self, Bug};
use crate::config::QuorumCheck;
use crate::message::{Body, ElectionCause, PreVoteReply, RequestPreVote, RequestVote, VoteReply};
use crate::probe::Probe;
use crate::replica::{Loyalty, Replica, State};
use crate::types::{Index, NodeId, Term};

impl Replica {
    /// A server asks whether it could win. Nothing changes here, whatever the answer, and whatever its term is.
    pub(crate) fn receive_request_pre_vote(&mut self, from: NodeId, request: RequestPreVote) {
        let vote = if request.next_term <= self.term() {
            VoteReply::Refused
        } else if self.is_loyal() {
            self.probe(Probe::PrevoteRefusedLiveLeader);
            VoteReply::Refused
        } else if self.is_up_to_date(request.last_term, request.last_index) {
            VoteReply::Granted
        } else {
            self.probe(Probe::PrevoteRefusedStaleLog);
            VoteReply::Refused
        };
        match vote {
            VoteReply::Granted => {}
            VoteReply::Refused => self.note_disruption(from),
        }
        self.send_when_durable(from, Body::PreVoteReply(PreVoteReply { next_term: request.next_term, vote }));
    }

    /// Whether a request for a vote is not heard at all, so that not even its term is adopted. Those of earlier terms
    /// are harmless, and answered.
    pub(crate) fn ignores_request_vote(&mut self, from: NodeId, term: Term, request: RequestVote) -> bool {
        let is_protected = match (self.config.quorum_check, request.cause) {
            (QuorumCheck::On, ElectionCause::Timeout) if bugs::is_on(Bug::LoyaltyForgotten) => false,
            (QuorumCheck::On, ElectionCause::Timeout) => term >= self.term() && self.is_loyal(),
            (QuorumCheck::On, ElectionCause::Transfer) | (QuorumCheck::Off, _) => false,
        };
        if is_protected {
            self.note_disruption(from);
        }
        is_protected
    }

    /// A candidate of the current term asks.
    pub(crate) fn receive_request_vote(&mut self, from: NodeId, request: RequestVote) {
        let voted_for = self.hard_state.voted_for;
        if bugs::is_on(Bug::LeaderGrantsVotes) && matches!(self.state, State::Leader(_)) {
            return self.grant_vote(from);
        }
        if voted_for.is_some_and(|candidate| candidate != from) && !bugs::is_on(Bug::TwoVotes) {
            self.probe(Probe::VoteRefusedAlreadyCast);
            return self.refuse_vote(from);
        }
        if !self.is_up_to_date(request.last_term, request.last_index) {
            self.probe(match request.last_term < self.log.last_term() {
                true => Probe::VoteRefusedStaleLogTerm,
                false => Probe::VoteRefusedShortLog,
            });
            return self.refuse_vote(from);
        }
        if voted_for.is_some() {
            self.probe(Probe::DuplicateVoteRegranted);
        }
        if !self.log.governing().configuration.is_voter(self.id()) {
            if bugs::is_on(Bug::UnawareVoterRefuses) {
                return self.refuse_vote(from);
            }
            self.probe(Probe::UnawareLearnerVotes);
        }
        self.grant_vote(from);
    }

    /// A candidate of an earlier term learns this server's term.
    pub(crate) fn refuse_vote_of_old_term(&mut self, from: NodeId) {
        self.probe(Probe::VoteRefusedStaleTerm);
        self.refuse_vote(from);
    }

    fn grant_vote(&mut self, from: NodeId) {
        self.hard_state.voted_for = Some(from);
        self.restart_election_timer();
        self.send_when_durable(from, Body::VoteReply(VoteReply::Granted));
    }

    fn refuse_vote(&mut self, from: NodeId) {
        self.note_disruption(from);
        self.send_when_durable(from, Body::VoteReply(VoteReply::Refused));
    }

    fn is_up_to_date(&self, last_term: Term, last_index: Index) -> bool {
        let (own_term, own_index) = (self.log.last_term(), self.log.last_index());
        if bugs::is_on(Bug::LongerLogWins) {
            return last_index >= own_index;
        }
        if bugs::is_on(Bug::TermAndLengthWanted) {
            return last_term >= own_term && last_index >= own_index;
        }
        if bugs::is_on(Bug::EqualLogsWanted) {
            return (last_term, last_index) == (own_term, own_index);
        }
        if bugs::is_on(Bug::LengthForIndex) {
            return (last_term, last_index) >= (own_term, Index(self.log.range(..).len() as u64));
        }
        (last_term, last_index) >= (own_term, own_index)
    }

    fn is_loyal(&self) -> bool {
        match self.state {
            State::Follower => self.loyalty == Loyalty::Loyal,
            State::PreCandidate(_) | State::Candidate(_) => false,
            State::Leader(_) => self.config.quorum_check == QuorumCheck::On && !bugs::is_on(Bug::LeaderGrantsVotes),
        }
    }

    /// Notices a refused candidate that is no member. A server that knows of no members cannot tell.
    fn note_disruption(&mut self, from: NodeId) {
        let configuration = &self.log.governing().configuration;
        let is_member = configuration.is_voter(from) || configuration.is_learner(from);
        if !is_member && !configuration.voters.is_empty() {
            self.probe(Probe::RemovedServerDisrupts);
        }
    }
}
