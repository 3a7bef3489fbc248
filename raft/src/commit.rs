//! Commitment: what a quorum holds durably (paper 5.3, 5.4.2; Figure 2, last rule).
//!
//! A leader commits by counting only what is of its own term; entries of earlier terms are committed along with it
//! (Figure 8). While a configuration is joint, both sets of voters count.
//!
//! Simplification: a follower's acknowledgement is the only thing that is counted; what it said in an earlier term was
//! forgotten with the leadership.

use crate::bugs::{self, Bug};
use crate::leader::Contact;
use crate::message::{AppendReply, AppendResult, Conflict};
use crate::probe::Probe;
use crate::progress::Rejection;
use crate::quorum::{self, majority};
use crate::replica::{Replica, State};
use crate::types::{Index, NodeId};

impl Replica {
    /// A follower answered in the current term. Whoever is no member is not counted; acknowledgements beyond the log
    /// are no correct follower's, and ignored.
    pub(crate) fn receive_append_reply(&mut self, from: NodeId, reply: AppendReply) {
        let State::Leader(leader) = &mut self.state else {
            return;
        };
        let Some(place) = leader.place(from) else {
            return;
        };
        leader.followers[place].contact = Contact::Heard;
        if leader.follower_answered(place, reply.round) {
            self.count_answers();
        }
        match reply.result {
            AppendResult::Accepted { matched } => self.receive_acknowledgement(from, place, matched),
            AppendResult::Rejected { previous_index, conflict } => {
                self.receive_rejection(place, previous_index, conflict);
            }
        }
    }

    /// What a quorum has on disk is committed, if it is of this term.
    pub(crate) fn advance_commit(&mut self) {
        let State::Leader(leader) = &mut self.state else {
            return;
        };
        let (own, mut durable) = (self.config.id, self.writes.durable_through());
        if bugs::is_on(Bug::UnflushedOwnEntryCounts) {
            durable = self.log.last_index();
        }
        let mut configuration = &self.log.governing().configuration;
        if bugs::is_on(Bug::InForceWhenCommitted) {
            configuration = self.log.history().at(self.commit);
        }
        let replicated = quorum::reached(configuration, |id| {
            if id == own {
                durable
            } else {
                leader.follower(id).map_or(Index(0), |follower| follower.progress.matched())
            }
        });
        if replicated <= self.commit {
            return;
        }
        let (first_own, unsettled) = (leader.first_own, leader.unsettled);
        let counted = if bugs::is_on(Bug::CommitStopsAtOldTerm) { self.commit.next() } else { replicated };
        if self.log.term_at(counted) != Some(self.term()) && !bugs::is_on(Bug::OldTermsCounted) {
            self.probe(Probe::Figure8RestrictionHeld);
            return;
        }
        if self.commit.next() < first_own {
            self.probe(Probe::OldTermCommittedViaOwnTerm);
        }
        if replicated > durable {
            self.probe(Probe::CommitWithoutLeadersOwnDisk);
        }
        self.commit = replicated;
        if unsettled.is_some_and(|index| index <= replicated || bugs::is_on(Bug::JointLeftEarly)) {
            self.settle_configuration();
        }
    }

    fn receive_acknowledgement(&mut self, from: NodeId, place: usize, matched: Index) {
        let State::Leader(leader) = &mut self.state else {
            return;
        };
        if matched > self.log.last_index() {
            return;
        }
        let matched = if bugs::is_on(Bug::MatchFromOwnLog) { self.log.last_index() } else { matched };
        let progress = &mut leader.followers[place].progress;
        let is_old = matched < progress.matched();
        progress.accepted(matched);
        if is_old {
            self.probe(Probe::ReorderedAck);
            return;
        }
        if matched > self.commit {
            self.advance_commit();
            if matched > self.commit {
                self.note_uncounted_learner(from, matched);
            }
        }
        self.ask_target_if_ready(from);
    }

    /// The end of 5.3: skip the whole conflicting term, unless this log has entries of it to meet at.
    fn receive_rejection(&mut self, place: usize, previous_index: Index, conflict: Conflict) {
        let State::Leader(leader) = &mut self.state else {
            return;
        };
        let (hint, skips_a_term) = match conflict {
            Conflict::Missing { last_index } => (Index(last_index.0.saturating_add(1)), false),
            Conflict::Term { term, first_index } => match self.log.last_index_of(term) {
                Some(last) => (last.next(), false),
                None => (first_index, true),
            },
        };
        let hint = if bugs::is_on(Bug::OneStepBackup) { previous_index } else { hint };
        let limits = self.config.send_limits();
        match leader.followers[place].progress.rejected(previous_index, hint, &limits) {
            Rejection::Stale => self.probe(Probe::StaleRejectIgnored),
            Rejection::WindowLost => self.probe(Probe::WholeWindowLost),
            Rejection::BackedUp if skips_a_term => self.probe(Probe::BackedUpByTerm),
            Rejection::BackedUp => {}
        }
    }

    /// Notices an entry that would be committed by now if learners counted (dissertation 4.2.1).
    fn note_uncounted_learner(&mut self, from: NodeId, matched: Index) {
        let configuration = &self.log.governing().configuration;
        let State::Leader(leader) = &self.state else {
            return;
        };
        if !configuration.is_learner(from) || configuration.is_joint() {
            return;
        }
        let own = usize::from(configuration.is_voter(self.config.id) && self.writes.durable_through() >= matched);
        let others = leader.followers.iter().filter(|follower| follower.progress.matched() >= matched).count();
        if own + others >= majority(configuration.voters.len()) {
            self.probe(Probe::LearnerNotCounted);
        }
    }
}
