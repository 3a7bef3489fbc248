//! Asking for votes (paper 5.2; Figure 2 "Rules for Servers: Candidates").
//!
//! A candidate votes for itself, but that vote counts only when it is on disk, like everybody else's. Requests are
//! repeated until they are answered (5.1: servers retry).
//!
//! Simplification: there is no pre-vote (dissertation 9.6), so a server that was cut off deposes a healthy leader when
//! it returns.

use crate::message::{Body, RequestVote, VoteReply};
use crate::quorum::{VoteResult, vote_result};
use crate::replica::{Replica, State};

/// What a candidate knows.
#[derive(Clone, Debug)]
pub(crate) struct Candidate {
    /// The answers, alongside the list of peers.
    answers: Vec<Option<VoteReply>>,
}

impl Candidate {
    fn has_answered(&self, peer: usize) -> bool {
        self.answers[peer].is_some()
    }

    /// A grant is never taken back; a refusal may be. It may answer a request of an older term that this candidate
    /// made, from a voter that was ahead of it then.
    fn answer(&mut self, peer: usize, reply: VoteReply) {
        match reply {
            VoteReply::Granted => self.answers[peer] = Some(VoteReply::Granted),
            VoteReply::Refused => {
                self.answers[peer].get_or_insert(VoteReply::Refused);
            }
        }
    }

    fn count(&self, answer: VoteReply) -> usize {
        self.answers.iter().filter(|given| **given == Some(answer)).count()
    }
}

impl Replica {
    /// Stands for election in a new term.
    pub(crate) fn campaign(&mut self) {
        self.move_to_term(self.term().next(), Some(self.id()));
        self.leader = None;
        self.state = State::Candidate(Candidate { answers: vec![None; self.peers.len()] });
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

    /// An answer in the current term. A leader, or who has given up on the election, has no use for it.
    pub(crate) fn receive_vote_reply(&mut self, peer: usize, reply: VoteReply) {
        let State::Candidate(candidate) = &mut self.state else {
            return;
        };
        candidate.answer(peer, reply);
        self.count_votes();
    }

    /// Leads, if a majority has voted for it.
    pub(crate) fn count_votes(&mut self) {
        match self.election_result() {
            VoteResult::Won => self.become_leader(),
            VoteResult::Lost | VoteResult::Open => {}
        }
    }

    fn election_result(&self) -> VoteResult {
        let State::Candidate(candidate) = &self.state else {
            return VoteResult::Lost;
        };
        let own = usize::from(self.writes.durable_hard_state() == self.hard_state);
        let granted = own + candidate.count(VoteReply::Granted);
        vote_result(self.config.voters.len(), granted, candidate.count(VoteReply::Refused))
    }

    fn request_votes(&mut self) {
        let State::Candidate(candidate) = &self.state else {
            return;
        };
        let unanswered: Vec<_> =
            (0..self.peers.len()).filter(|&peer| !candidate.has_answered(peer)).map(|peer| self.peers[peer]).collect();
        let request = RequestVote { last_index: self.log.last_index(), last_term: self.log.last_term() };
        for to in unanswered {
            self.send_when_durable(to, Body::RequestVote(request));
        }
        self.restart_heartbeat_timer();
    }
}
