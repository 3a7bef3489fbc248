//! Following a leader: its entries, and what conflicts with them (paper, Figure 2 "AppendEntries RPC", receiver's part;
//! 5.3).
//!
//! Every answer waits for the writes before it: an acknowledgement that a crash could take back is a lie.
//!
//! Simplification: what no correct leader would send (entries that are not consecutive, terms that decrease or are
//! above the leader's own) is treated as lost, not reported.

use std::sync::Arc;

use crate::bugs::{self, Bug};
use crate::log::Position;
use crate::message::{Append, AppendReply, AppendResult, Body, Conflict};
use crate::probe::Probe;
use crate::replica::{Loyalty, Replica, State};
use crate::types::{Entry, Index, NodeId, Round, Term};

/// The latest that a follower has heard from the leader of the current term, to tell what arrives late.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Heard {
    round: Round,
    commit: Index,
}

impl Replica {
    /// An append of an older term: its sender learns that it is deposed. What conflicts is the term, so the rest of the
    /// answer only has to be true.
    pub(crate) fn reject_deposed_leader(&mut self, from: NodeId, append: &Append) {
        self.probe(Probe::AppendOfOldTermRejected);
        self.reject(from, append, Conflict::Missing { last_index: self.log.last_index() });
    }

    /// The leader of the current term replicates, or just asserts itself.
    pub(crate) fn receive_append(&mut self, from: NodeId, append: Append) {
        if !is_well_formed(self.term(), &append) {
            return;
        }
        self.follow(from);
        self.note_reordering(&append);
        let previous_index = append.previous_index;
        let is_unchecked = bugs::is_on(Bug::HeartbeatUnchecked) && append.entries.is_empty();
        match self.log.term_at(previous_index) {
            _ if is_unchecked => self.accept(from, append),
            Some(term) if term == append.previous_term => self.accept(from, append),
            Some(term) => {
                let first_index = self.log.first_index_of(term).unwrap_or(previous_index);
                self.reject(from, &append, Conflict::Term { term, first_index });
            }
            // What is compacted is committed, and every leader has what is committed: there is nothing to compare.
            None if previous_index < self.log.compacted().index => {
                if bugs::is_on(Bug::CompactedAppendRestartsLog) {
                    let position = Position { index: previous_index, term: append.previous_term };
                    self.log.restart(position, Arc::clone(&self.log.governing().configuration));
                    self.writes.truncate(previous_index);
                }
                self.accept(from, append);
            }
            None if bugs::is_on(Bug::MissingPreviousAccepted) => {
                self.accept(from, Append { entries: Arc::default(), ..append });
            }
            None => {
                self.probe(Probe::MissingPreviousEntry);
                self.reject(from, &append, Conflict::Missing { last_index: self.log.last_index() });
            }
        }
    }

    /// This is the leader of the current term, and it is alive. A candidate that hears from it yields (5.2).
    pub(crate) fn follow(&mut self, leader: NodeId) {
        match self.state {
            State::Follower | State::PreCandidate(_) => {}
            State::Candidate(_) => self.probe(Probe::CandidateYieldsToLeader),
            State::Leader(_) => panic!("election safety: {leader} and {} both lead term {}", self.id(), self.term()),
        }
        self.become_follower(Some(leader));
        self.loyalty = Loyalty::Loyal;
        self.restart_election_timer();
        self.drop_assembly_of_another(leader);
    }

    /// The logs match at the previous index: take what is new, and the leader's commit index as far as this append
    /// vouches for it. Entries beyond it may be another leader's.
    fn accept(&mut self, from: NodeId, append: Append) {
        let through = Index(append.previous_index.0 + append.entries.len() as u64);
        let matched = through.max(self.log.compacted().index);
        let is_heartbeat = append.entries.is_empty();
        if bugs::is_on(Bug::HeartbeatTruncates) && is_heartbeat && through >= self.commit {
            self.log.truncate_from(through.next());
            self.writes.truncate(through);
        }
        self.take_entries(append.entries);
        let vouched = if bugs::is_on(Bug::CommitUnbounded) { self.log.last_index() } else { matched };
        let commit = append.commit.min(vouched);
        if commit > self.commit && !(is_heartbeat && bugs::is_on(Bug::CommitByEntriesOnly))
            || bugs::is_on(Bug::CommitGoesDown)
        {
            if is_heartbeat {
                self.probe(Probe::HeartbeatAdvancesCommit);
            }
            self.commit = commit;
            self.drop_overtaken_assembly();
        }
        let result = AppendResult::Accepted { matched };
        self.send_when_durable(from, Body::AppendReply(AppendReply { round: append.round, result }));
    }

    /// Keeps what is there already: only a real conflict truncates, since an old append that arrives late must not take
    /// back what later ones brought.
    fn take_entries(&mut self, entries: Arc<[Entry]>) {
        let compacted = self.log.compacted().index;
        let is_new = |entry: &Entry| {
            entry.index > compacted && self.log.term_at(entry.index) != Some(entry.term)
                || bugs::is_on(Bug::AlwaysTruncates) && entry.index > self.commit
        };
        let Some(known) = entries.iter().position(is_new) else {
            if !entries.is_empty() {
                self.probe(Probe::DuplicateAppendIgnored);
                if bugs::is_on(Bug::RepeatedAppendDoubles) {
                    let (index, term) = (self.log.last_index().next(), self.log.last_term());
                    self.log.push(Entry { index, term, ..entries[0].clone() });
                }
            }
            return;
        };
        let last_before = self.log.last_index();
        if entries[known].index <= last_before {
            if bugs::is_on(Bug::ConflictKept) {
                return;
            }
            self.replace_from(&entries[known]);
        }
        if known == 0 {
            self.log.take_over(entries);
        } else {
            entries[known..].iter().for_each(|entry| self.log.push(entry.clone()));
        }
        if self.log.last_index() < last_before {
            self.probe(Probe::LongerUncommittedTailDropped);
        }
    }

    /// Cuts off what is in the place of this entry, and everything after it.
    fn replace_from(&mut self, new: &Entry) {
        let first = new.index;
        assert!(
            first > self.commit,
            "state machine safety: an append of term {} replaces entry {first}, but everything through {} is committed",
            self.term(),
            self.commit
        );
        self.probe(Probe::ConflictingSuffixTruncated);
        if self.log.term_at(first) != Some(self.log.last_term()) {
            self.probe(Probe::SuffixOfSeveralTermsTruncated);
        }
        if new.term < self.term() {
            self.probe(Probe::Figure7Log);
        }
        if self.log.last_index_of(self.led).is_some_and(|last| last >= first) {
            self.probe(Probe::DeposedLeaderLosesTail);
        }
        if self.log.governing().from >= first {
            self.probe(Probe::ConfigurationRolledBack);
        }
        self.log.truncate_from(first);
        self.writes.truncate(first.previous());
    }

    fn reject(&mut self, from: NodeId, append: &Append, conflict: Conflict) {
        let result = AppendResult::Rejected { previous_index: append.previous_index, conflict };
        self.send_when_durable(from, Body::AppendReply(AppendReply { round: append.round, result }));
    }

    /// Rounds and commit indexes of one leader only grow.
    fn note_reordering(&mut self, append: &Append) {
        let heard = &mut self.heard;
        let is_late = append.round < heard.round || append.commit < heard.commit;
        heard.round = heard.round.max(append.round);
        heard.commit = heard.commit.max(append.commit);
        if is_late {
            self.probe(Probe::ReorderedAppend);
        }
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
