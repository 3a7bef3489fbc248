//! Snapshots of this server's own state, and sending them (paper 7, dissertation 5).
//!
//! The application cuts its state, the host makes it durable, and only then the log before it goes, but for a few
//! entries: a follower that is a little behind is served from the log.
//!
//! Simplification: when to take a snapshot is the host's to know.

use std::sync::Arc;

use bytes::Bytes;

use crate::bugs::{self, Bug};
use crate::configuration::Configuration;
use crate::leader::Contact;
use crate::message::SnapshotReply;
use crate::probe::Probe;
use crate::replica::{Replica, State};
use crate::sending::PartAnswer;
use crate::snapshot::Snapshot;
use crate::types::{Index, NodeId};

impl Replica {
    /// The newest snapshot, if there is one: recovered, received, or taken here.
    #[must_use]
    pub fn snapshot(&self) -> Option<&Arc<Snapshot>> {
        self.snapshot.as_ref()
    }

    /// A snapshot of the application's state `data`, in which exactly the entries through `index` are applied. To be
    /// made durable and then handed in as [`crate::Input::SnapshotSaved`]. `None` if this server does not know which
    /// configuration is in force there, as one that joins at first; take it later then.
    ///
    /// # Panics
    /// If that index is not committed, or was compacted already.
    #[must_use]
    pub fn snapshot_of(&self, index: Index, data: Bytes) -> Option<Snapshot> {
        assert!(
            index <= self.commit,
            "a snapshot at {index} covers what is not committed: the commit is {}",
            self.commit
        );
        let term = self.log.term_at(index);
        let term = term.unwrap_or_else(|| panic!("a snapshot at {index} is taken of what the log no longer knows"));
        let mut configuration = Arc::clone(self.log.history().at(index));
        if bugs::is_on(Bug::SnapshotWithoutConfiguration) {
            configuration = Arc::new(self.config.bootstrap.clone());
        }
        if bugs::is_on(Bug::JointLostInSnapshot) && configuration.is_joint() {
            configuration = Arc::new(Configuration::of_voters(configuration.voters.iter().copied()));
        }
        if index == Index(0) || configuration.voters.is_empty() {
            return None;
        }
        Some(Snapshot { index, term, configuration, data })
    }

    /// A snapshot is durable. One that a received snapshot has overtaken is of no use.
    pub(crate) fn snapshot_saved(&mut self, snapshot: Arc<Snapshot>) {
        let index = snapshot.index;
        if self.snapshot.as_ref().is_some_and(|newest| newest.index >= index) {
            return;
        }
        assert!(
            index <= self.commit,
            "a snapshot at {index} covers what is not committed: the commit is {}",
            self.commit
        );
        self.snapshot = Some(snapshot);
        let through = Index(index.0.saturating_sub(self.config.entries_kept));
        if through > self.log.compacted().index {
            self.log.compact(through);
        }
    }

    /// A follower says how much of a snapshot it has.
    pub(crate) fn receive_snapshot_reply(&mut self, from: NodeId, reply: SnapshotReply) {
        let State::Leader(leader) = &mut self.state else {
            return;
        };
        let Some(place) = leader.place(from) else {
            return;
        };
        leader.followers[place].contact = Contact::Heard;
        let answer = leader.followers[place].progress.sending().map(|sending| sending.answered(reply));
        if leader.follower_answered(place, reply.round) {
            self.count_answers();
        }
        match answer {
            Some(PartAnswer::Lost) => self.probe(Probe::ChunkLost),
            Some(PartAnswer::Arrived | PartAnswer::Stale) | None => {}
        }
    }
}
