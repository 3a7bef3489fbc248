//! Leading: proposals, acknowledgements and commitment (paper 5.3, 5.4.2; Figure 2 "Rules for Servers: Leaders").
//!
//! The leader is one of its own followers: its disk acknowledges like theirs, and an entry may commit without it
//! (dissertation 10.2.1). Followers learn a new commit index with the next append or heartbeat, as in the paper.
//!
//! Simplification: a leader that can reach nobody stays leader until it hears of a later term; it cannot commit
//! anything meanwhile. A quorum check (dissertation 6.2) is not here yet.

use crate::effect::Effect;
use crate::message::{AppendReply, Conflict};
use crate::progress::Progress;
use crate::quorum::majority_index;
use crate::replica::{Replica, State};
use crate::types::{Command, Entry, Index, Payload, ProposalId};

/// What a leader knows.
#[derive(Clone, Debug)]
pub(crate) struct Leader {
    /// Where each follower stands, alongside the list of peers.
    progress: Vec<Progress>,
    /// Followers that nothing else is sent to should hear from the leader.
    heartbeat_due: bool,
    /// Room to sort how far everybody got.
    reached: Vec<Index>,
}

impl Leader {
    pub(crate) fn progress_mut(&mut self) -> &mut [Progress] {
        &mut self.progress
    }

    /// Whether a heartbeat is due; it no longer is afterwards.
    pub(crate) fn take_heartbeat(&mut self) -> bool {
        std::mem::take(&mut self.heartbeat_due)
    }

    /// The highest index that a majority has on disk.
    fn replicated(&mut self, own: Index) -> Index {
        self.reached.clear();
        self.reached.push(own);
        self.reached.extend(self.progress.iter().map(Progress::matched));
        majority_index(&mut self.reached)
    }
}

impl Replica {
    /// Takes office. The first entry is empty: once it commits, so has everything before it (5.4.2, 8).
    pub(crate) fn become_leader(&mut self) {
        let progress = Progress::new(self.log.last_index(), self.config.in_flight_max);
        self.state = State::Leader(Leader {
            progress: vec![progress; self.peers.len()],
            heartbeat_due: false,
            reached: Vec::with_capacity(self.config.voters.len()),
        });
        self.leader = Some(self.id());
        self.append_own(Payload::Noop);
        self.restart_heartbeat_timer();
    }

    /// A heartbeat interval is over.
    pub(crate) fn beat(&mut self) {
        if let State::Leader(leader) = &mut self.state {
            leader.heartbeat_due = true;
            self.restart_heartbeat_timer();
        }
    }

    /// Puts a command into the log.
    pub(crate) fn accept_proposal(&mut self, proposal: ProposalId, command: Command) -> Effect {
        let index = self.append_own(Payload::Command(command));
        Effect::Accepted { proposal, term: self.term(), index }
    }

    /// A follower answered in the current term. Acknowledgements beyond the log are no correct follower's, and ignored.
    pub(crate) fn receive_append_reply(&mut self, peer: usize, reply: AppendReply) {
        let State::Leader(leader) = &mut self.state else {
            return;
        };
        match reply {
            AppendReply::Accepted { matched } if matched <= self.log.last_index() => {
                leader.progress[peer].accepted(matched);
                self.advance_commit();
            }
            AppendReply::Accepted { .. } => {}
            AppendReply::Rejected { previous_index, conflict } => {
                // The end of 5.3: skip the whole conflicting term, unless this log has entries of it to meet at.
                let hint = match conflict {
                    Conflict::Missing { last_index } => Index(last_index.0.saturating_add(1)),
                    Conflict::Term { term, first_index } => {
                        self.log.last_index_of(term).map_or(first_index, Index::next)
                    }
                };
                leader.progress[peer].rejected(previous_index, hint);
            }
        }
    }

    /// Figure 2, last rule: what a majority has on disk is committed, if it is of this term. Entries of earlier terms
    /// are only committed along with it (5.4.2, Figure 8).
    pub(crate) fn advance_commit(&mut self) {
        let State::Leader(leader) = &mut self.state else {
            return;
        };
        let replicated = leader.replicated(self.writes.durable_through());
        if replicated > self.commit && self.log.term_at(replicated) == Some(self.term()) {
            self.commit = replicated;
        }
    }

    fn append_own(&mut self, payload: Payload) -> Index {
        let index = self.log.last_index().next();
        self.log.push(Entry { term: self.term(), index, payload });
        index
    }
}
