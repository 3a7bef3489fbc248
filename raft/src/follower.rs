//! Answering candidates and leaders (paper, Figure 2 "RequestVote RPC" and "AppendEntries RPC", receiver's part;
//! 5.2, 5.3, 5.4.1).
//!
//! Every answer waits for the writes before it: a vote or an acknowledgement that a crash could take back is a lie.
//!
//! Simplification: what no correct leader would send (entries that are not consecutive, terms that decrease or are
//! above the leader's own) is treated as lost, not reported.

use std::sync::Arc;

use crate::message::{Append, AppendReply, Body, Conflict, RequestVote, VoteReply};
use crate::replica::{Replica, State};
use crate::types::{Entry, Index, NodeId, Term};

impl Replica {
    /// A candidate of the current term asks. One vote per term (5.2), and only for a log that is at least as up to date
    /// as this server's own (5.4.1).
    pub(crate) fn receive_request_vote(&mut self, from: NodeId, request: RequestVote) {
        let free = self.hard_state.voted_for.is_none_or(|candidate| candidate == from);
        let up_to_date = (request.last_term, request.last_index) >= (self.log.last_term(), self.log.last_index());
        if free && up_to_date {
            self.hard_state.voted_for = Some(from);
            self.restart_election_timer();
            self.send_when_durable(from, Body::VoteReply(VoteReply::Granted));
        } else {
            self.refuse_vote(from);
        }
    }

    /// No vote; the candidate learns this server's term.
    pub(crate) fn refuse_vote(&mut self, from: NodeId) {
        self.send_when_durable(from, Body::VoteReply(VoteReply::Refused));
    }

    /// An append of an older term: its sender learns that it is deposed. What conflicts is the term, so the rest of the
    /// answer only has to be true.
    pub(crate) fn reject_deposed_leader(&mut self, from: NodeId, append: &Append) {
        self.reject(from, append.previous_index, Conflict::Missing { last_index: self.log.last_index() });
    }

    /// The leader of the current term replicates, or just asserts itself.
    pub(crate) fn receive_append(&mut self, from: NodeId, append: Append) {
        if !is_well_formed(self.term(), &append) {
            return;
        }
        self.follow(from);
        let previous_index = append.previous_index;
        match self.log.term_at(previous_index) {
            Some(term) if term == append.previous_term => self.accept(from, append),
            Some(term) => {
                let first_index = self.log.first_index_of(term).unwrap_or(previous_index);
                self.reject(from, previous_index, Conflict::Term { term, first_index });
            }
            None => self.reject(from, previous_index, Conflict::Missing { last_index: self.log.last_index() }),
        }
    }

    /// A candidate that hears from the leader of its term yields (5.2).
    fn follow(&mut self, leader: NodeId) {
        match self.state {
            State::Follower | State::Candidate(_) => {}
            State::Leader(_) => panic!("election safety: {leader} and {} both lead term {}", self.id(), self.term()),
        }
        self.become_follower(Some(leader));
        self.restart_election_timer();
    }

    /// The logs match at the previous index: take what is new, and the leader's commit index as far as this append
    /// vouches for it. Entries beyond it may be another leader's.
    fn accept(&mut self, from: NodeId, append: Append) {
        let matched = Index(append.previous_index.0 + append.entries.len() as u64);
        self.take_entries(append.entries);
        self.commit = self.commit.max(append.commit.min(matched));
        self.send_when_durable(from, Body::AppendReply(AppendReply::Accepted { matched }));
    }

    /// Keeps what is there already: only a real conflict truncates, since an old append that arrives late must not take
    /// back what later ones brought.
    fn take_entries(&mut self, entries: Arc<[Entry]>) {
        let is_new = |entry: &Entry| self.log.term_at(entry.index) != Some(entry.term);
        let Some(known) = entries.iter().position(is_new) else {
            return;
        };
        let first = entries[known].index;
        if first <= self.log.last_index() {
            assert!(
                first > self.commit,
                "state machine safety: an append of term {} replaces entry {first}, but everything through {} is \
                 committed",
                self.term(),
                self.commit
            );
            self.log.truncate_from(first);
            self.writes.truncate(first.previous());
        }
        if known == 0 {
            self.log.take_over(entries);
        } else {
            entries[known..].iter().for_each(|entry| self.log.push(entry.clone()));
        }
    }

    fn reject(&mut self, from: NodeId, previous_index: Index, conflict: Conflict) {
        self.send_when_durable(from, Body::AppendReply(AppendReply::Rejected { previous_index, conflict }));
    }
}

/// Whether a leader of this term can have sent this.
fn is_well_formed(term: Term, append: &Append) -> bool {
    let mut previous = (append.previous_index, append.previous_term);
    let in_order = append.entries.iter().all(|entry| {
        let (index, lowest) = std::mem::replace(&mut previous, (entry.index, entry.term));
        index.0.checked_add(1) == Some(entry.index.0) && entry.term >= lowest.max(Term(1))
    });
    in_order && previous.1 <= term
}
