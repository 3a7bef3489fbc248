//! Asking for votes (paper 5.2; Figure 2 "Rules for Servers: Candidates"), and first whether it is any use
//! (dissertation 9.6).
//!
//! A server that hears from no leader asks for *pre-votes*: would you vote for me? Its term stays as it is, so a server
//! that was cut off disturbs nobody when it returns. With a quorum of pre-votes it stands in a new term.
//!
//! A candidate votes for itself, but that vote counts only when it is on disk, like everybody else's, and only if the
//! configuration lets it vote. Requests are repeated until they are answered (5.1: servers retry).
//!
//! Simplification: a refused pre-vote is not asked for again before the next election timeout.

use crate::bugs::{self, Bug};
use crate::config::PreVote;
use crate::message::{Body, ElectionCause, PreVoteReply, RequestPreVote, RequestVote, VoteReply};
use crate::probe::Probe;
use crate::quorum::{self, VoteResult, majority};
use crate::replica::{Loyalty, Replica, State};
use crate::types::{HardState, NodeId, Term};

/// What a server knows that asks for votes or pre-votes.
#[derive(Clone, Debug)]
pub(crate) struct Election {
    cause: ElectionCause,
    /// The answers of others, by voter.
    answers: Vec<(NodeId, VoteReply)>,
}

impl Election {
    fn new(cause: ElectionCause) -> Election {
        Election { cause, answers: Vec::new() }
    }

    fn answer_of(&self, id: NodeId) -> Option<VoteReply> {
        self.place(id).ok().map(|place| self.answers[place].1)
    }

    /// A grant is never taken back; a refusal may be. It may answer a request of an older term that this candidate
    /// made, from a voter that was ahead of it then.
    fn record(&mut self, id: NodeId, reply: VoteReply) {
        match (self.place(id), reply) {
            (Err(place), _) => self.answers.insert(place, (id, reply)),
            (Ok(place), VoteReply::Granted) if bugs::is_on(Bug::GrantsPerMessage) => {
                self.answers.insert(place, (id, reply));
            }
            (Ok(place), VoteReply::Granted) => self.answers[place].1 = VoteReply::Granted,
            (Ok(_), VoteReply::Refused) => {}
        }
    }

    fn place(&self, id: NodeId) -> Result<usize, usize> {
        self.answers.binary_search_by_key(&id, |(voter, _)| *voter)
    }
}

impl Replica {
    /// No leader was heard, or no election was decided, for an election timeout.
    pub(crate) fn election_timeout(&mut self) {
        self.loyalty = Loyalty::Free;
        if let State::Candidate(_) = self.state {
            self.note_undecided_election();
            self.probe(Probe::CandidateRetries);
            if bugs::is_on(Bug::TermGoesDown) {
                self.hard_state = HardState { term: Term(self.term().0 - 1), voted_for: None };
            }
        }
        if bugs::is_on(Bug::NeverRetries) && !matches!(self.state, State::Follower) {
            return;
        }
        if !self.may_stand() {
            self.become_follower(None);
            return;
        }
        match self.config.pre_vote {
            PreVote::On => self.canvass(),
            PreVote::Off => self.campaign(ElectionCause::Timeout),
        }
    }

    /// Stands for election in a new term.
    pub(crate) fn campaign(&mut self, cause: ElectionCause) {
        self.leave_election();
        let voted_for = Some(self.id()).filter(|_| !bugs::is_on(Bug::SelfVoteForgotten));
        self.enter_term(HardState { term: self.term().next(), voted_for });
        self.leader = None;
        self.state = State::Candidate(Election::new(cause));
        self.restart_election_timer();
        self.request_votes();
    }

    /// The answer may be late, or it or the request was lost. A lost election is not worth the messages.
    pub(crate) fn ask_again(&mut self) {
        match self.election_result() {
            VoteResult::Open => self.request_votes(),
            VoteResult::Won | VoteResult::Lost => {}
        }
    }

    /// An answer to a question whether this server could win; whatever its sender's term is, it is about the term that
    /// it names.
    pub(crate) fn receive_pre_vote_reply(&mut self, from: NodeId, reply: PreVoteReply) {
        let is_current = reply.next_term == self.term().next();
        if let State::PreCandidate(election) = &mut self.state
            && is_current
        {
            election.record(from, reply.vote);
            self.count_votes();
        }
    }

    /// An answer in the current term. A leader, or who has given up on the election, has no use for it.
    pub(crate) fn receive_vote_reply(&mut self, from: NodeId, reply: VoteReply) {
        if let State::Candidate(election) = &mut self.state {
            election.record(from, reply);
            self.count_votes();
        }
    }

    /// A vote for an election that is over.
    pub(crate) fn ignore_old_vote(&mut self, reply: VoteReply) {
        match reply {
            VoteReply::Granted => self.probe(Probe::LateGrantOfOldTermIgnored),
            VoteReply::Refused => {}
        }
    }

    /// Stands or leads, if a quorum would or did vote for it.
    pub(crate) fn count_votes(&mut self) {
        match (self.election_result(), &self.state) {
            (VoteResult::Won, State::PreCandidate(election)) => self.campaign(election.cause),
            (VoteResult::Won, State::Candidate(election)) => self.win(election.cause),
            (VoteResult::Won, State::Follower | State::Leader(_)) | (VoteResult::Lost | VoteResult::Open, _) => {}
        }
    }

    /// Notices how an election ended that was not won. Called before the state changes.
    pub(crate) fn leave_election(&mut self) {
        let State::Candidate(election) = &self.state else {
            return;
        };
        if (self.config.pre_vote, election.cause) == (PreVote::On, ElectionCause::Timeout) {
            self.probe(Probe::PrevoteWonElectionLost);
        }
    }

    /// Who does not vote does not stand, but for one case (dissertation 4.2.2, Figure 4.6): while the configuration
    /// that takes its vote away may be uncommitted, nobody else may be able to win.
    fn may_stand(&self) -> bool {
        let governing = self.log.governing();
        if governing.configuration.is_voter(self.id()) {
            return true;
        }
        let before = self.log.history().previous();
        governing.from > self.commit && before.is_some_and(|before| before.configuration.is_voter(self.id()))
    }

    fn canvass(&mut self) {
        self.leave_election();
        self.leader = None;
        self.state = State::PreCandidate(Election::new(ElectionCause::Timeout));
        self.restart_election_timer();
        self.request_votes();
        self.count_votes();
    }

    fn win(&mut self, cause: ElectionCause) {
        match cause {
            ElectionCause::Transfer => self.probe(Probe::TransferCompleted),
            ElectionCause::Timeout => {}
        }
        let configuration = &self.log.governing().configuration;
        if configuration.voters == [self.id()] && !configuration.is_joint() {
            self.probe(Probe::SingleVoterElection);
        }
        self.become_leader();
    }

    fn election_result(&self) -> VoteResult {
        let (election, own) = match &self.state {
            State::PreCandidate(election) => (election, Some(VoteReply::Granted)),
            State::Candidate(election) => {
                let is_durable = self.writes.durable_hard_state() == self.hard_state;
                (election, (is_durable && !bugs::is_on(Bug::OwnVoteUncounted)).then_some(VoteReply::Granted))
            }
            State::Follower | State::Leader(_) => return VoteResult::Lost,
        };
        let configuration = &self.log.governing().configuration;
        if bugs::is_on(Bug::GrantsPerMessage)
            && election.answers.iter().filter(|(_, reply)| *reply == VoteReply::Granted).count() + 1
                >= majority(configuration.voters.len())
        {
            return VoteResult::Won;
        }
        quorum::tally(configuration, |id| if id == self.id() { own } else { election.answer_of(id) })
    }

    fn request_votes(&mut self) {
        let (last_index, last_term) = (self.log.last_index(), self.log.last_term());
        let (election, body) = match &self.state {
            State::PreCandidate(election) => {
                let next_term = self.term().next();
                (election, Body::RequestPreVote(RequestPreVote { next_term, last_index, last_term }))
            }
            State::Candidate(election) => {
                (election, Body::RequestVote(RequestVote { last_index, last_term, cause: election.cause }))
            }
            State::Follower | State::Leader(_) => return,
        };
        let configuration = &self.log.governing().configuration;
        let mut unanswered = configuration.members();
        let is_open = |id| election.answer_of(id).is_none() || bugs::is_on(Bug::AsksVotersAgain);
        unanswered.retain(|id| *id != self.id() && configuration.is_voter(*id) && is_open(*id));
        for to in unanswered {
            self.send_when_durable(to, body.clone());
        }
        self.restart_heartbeat_timer();
    }

    /// Notices why an election was not won in time.
    fn note_undecided_election(&mut self) {
        let State::Candidate(election) = &self.state else {
            return;
        };
        let configuration = &self.log.governing().configuration;
        let count = |wanted| configuration.voters.iter().filter(|id| election.answer_of(**id) == Some(wanted)).count();
        let granted = count(VoteReply::Granted) + usize::from(configuration.is_voter(self.id()));
        let (refused, voters) = (count(VoteReply::Refused), configuration.voters.len());
        let is_tie = !configuration.is_joint() && 2 * granted == voters && 2 * refused == voters;
        if refused > 0 {
            self.probe(Probe::SplitVote);
        }
        if is_tie {
            self.probe(Probe::EvenClusterTie);
        }
    }
}
