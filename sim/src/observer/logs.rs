//! Logs in memory: what may be appended, replaced, and forgotten (paper 5.3, Figure 3; 7).

use super::{Failure, Observer};
use crate::invariant::Check;
use crate::node::NodeId;
use crate::observe::Role;

impl Observer {
    pub(super) fn appended(&mut self, node: NodeId, index: u64, term: u64, payload: u64) -> Result<(), Failure> {
        if self.online && !self.nodes[node.index()].goes_on_with(index, term) {
            self.may_append(node, index, term)?;
        }
        let ghost = &mut self.nodes[node.index()];
        if index <= ghost.log.base() || index > ghost.log.last() + 1 {
            return Ok(());
        }
        ghost.roll_back_configurations(index);
        let is_replaced = index <= ghost.log.last();
        if is_replaced {
            self.look();
        }
        let ghost = &mut self.nodes[node.index()];
        if !self.online {
            ghost.log.put(index, term);
            return Ok(());
        }
        self.told.logs = true;
        let before = ghost.log.term_at(index - 1).unwrap_or_default();
        ghost.log.put(index, term);
        self.tell_disk_at_boot(node, |disk| disk.log.put(index, term));
        let matches = self.records.append(index, term, before, payload);
        self.require(Check::LogMatching, matches, || {
            format!("{node} has an entry of term {term} at index {index} that another node has after a different log")
        })
    }

    fn may_append(&self, node: NodeId, index: u64, term: u64) -> Result<(), Failure> {
        let ghost = &self.nodes[node.index()];
        let (base, last) = (ghost.log.base(), ghost.log.last());
        self.require(Check::Order, (base + 1..=last + 1).contains(&index), || {
            format!("{node} appended at index {index}, with its log from {} to {last}", base + 1)
        })?;
        self.require(Check::CommittedIsImmutable, index > ghost.commit, || {
            format!("{node} replaced its entry at index {index}, with everything up to {} committed", ghost.commit)
        })?;
        let before = index.checked_sub(1).and_then(|before| ghost.log.term_at(before)).unwrap_or_default();
        self.require(Check::LogTerms, before <= term, || {
            format!("{node} appended an entry of term {term} at index {index}, behind one of term {before}")
        })?;
        self.require(Check::LogTerms, term <= ghost.term, || {
            format!("{node} appended an entry of term {term} at index {index}, in term {}", ghost.term)
        })?;
        self.require(Check::LeaderAppendOnly, index > last || ghost.role != Some(Role::Leader), || {
            format!("{node} replaced its entry at index {index} while it led term {}", ghost.term)
        })
    }

    /// I13, for a log that forgets its beginning.
    pub(super) fn compacted(&mut self, node: NodeId, through: u64) -> Result<(), Failure> {
        let ghost = &mut self.nodes[node.index()];
        let snapshot = ghost.snapshot;
        if through <= ghost.log.last() {
            ghost.log.forget(through);
            ghost.forget_configurations(through);
        }
        self.require(Check::Order, through <= snapshot, || {
            format!("{node} forgot its log up to {through}, with its latest snapshot at {snapshot}")
        })?;
        self.forget();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{A, B, C, D, E, Play};
    use super::*;
    use crate::observe::Observation;

    #[test]
    fn a_leader_replaces_nothing_of_its_own() {
        Play::led().appends(A, 1, 1).appends(A, 2, 1).appends(A, 2, 1).fails(Check::LeaderAppendOnly);
    }

    #[test]
    fn equal_entries_after_different_logs() {
        let logs = Play::empty().enters(A, 3).enters(B, 3).appends(A, 1, 1).appends(B, 1, 2);
        logs.appends(A, 2, 3).appends(B, 2, 3).fails(Check::LogMatching);
    }

    #[test]
    fn another_payload_in_the_same_entry() {
        let other = Observation::Appended { index: 1, term: 1, payload: 99 };
        Play::led().appends(A, 1, 1).enters(B, 1).says(B, other).fails(Check::LogMatching);
    }

    #[test]
    fn a_gap_in_the_log() {
        Play::led().appends(A, 1, 1).appends(A, 3, 1).fails(Check::Order);
        Play::led().appends(A, 0, 1).fails(Check::Order);
    }

    #[test]
    fn a_committed_entry_replaced() {
        let committed = Play::empty().enters(A, 1).appends(A, 1, 1).commits(A, 1).enters(A, 2);
        committed.appends(A, 1, 2).fails(Check::CommittedIsImmutable);
    }

    #[test]
    fn a_log_that_no_majority_needs_may_drop_what_is_committed() {
        // B has an entry of term 1 that a later leader commits without B; a leader elected before that, which does not
        // have it, still reaches B.
        let tail = Play::cluster_of_five().elects(A, 1, &[B, C]).store(&[A, B], 1, 1).elects(E, 2, &[C, D]);
        let later =
            tail.appends(E, 1, 2).becomes(A, Role::Follower, 1).elects(A, 3, &[C, D]).stores(C, 1, 1).stores(D, 1, 1);
        let committed = later.store(&[A, C, D], 2, 3).commits(A, 2);
        committed.follows(B, 2).stores(B, 1, 2).passes();
    }

    #[test]
    fn a_log_may_drop_what_is_not_committed() {
        let tail = Play::led().store(&[A, B], 1, 1).commits(A, 1).appends(A, 2, 1).appends(A, 3, 1);
        tail.elects(B, 2, &[C]).appends(B, 2, 2).follows(A, 2).appends(A, 2, 2).passes();
    }

    #[test]
    fn terms_in_a_log_neither_fall_nor_run_ahead() {
        let log = Play::empty().enters(A, 2).appends(A, 1, 2);
        log.clone().appends(A, 2, 1).fails(Check::LogTerms);
        log.appends(A, 2, 3).fails(Check::LogTerms);
    }

    #[test]
    fn a_log_forgets_no_more_than_a_snapshot_covers() {
        let applied = Play::led().store(&[A, B], 1, 1).store(&[A, B], 2, 1).commits(A, 2);
        let applied =
            applied.applies(A, 1, 1).applies(A, 2, 1).says(A, Observation::SnapshotTaken { index: 1, state: 1 });
        applied.clone().says(A, Observation::Compacted { through: 1 }).passes();
        applied.says(A, Observation::Compacted { through: 2 }).fails(Check::Order);
    }

    #[test]
    fn what_every_member_compacted_is_forgotten() {
        let mut play = Play::led().follows(C, 1);
        for index in 1..=100 {
            play = play.store(&[A, B, C], index, 1).commits(A, index).commits(B, index).commits(C, index);
            for node in [A, B, C] {
                play = play.applies(node, index, 1);
            }
        }
        for node in [A, B] {
            let snapshot = play.says(node, Observation::SnapshotTaken { index: 90, state: 90 });
            let written = snapshot.says(node, Observation::WroteSnapshot { index: 90, term: 1 }).synced(node);
            play = written.says(node, Observation::Compacted { through: 80 });
        }
        assert_eq!(play.passes().records.forgotten(), 0, "one member has all of it");
        let taken = play.says(C, Observation::SnapshotTaken { index: 70, state: 70 });
        let written = taken.says(C, Observation::WroteSnapshot { index: 70, term: 1 }).synced(C);
        let compacted = written.says(C, Observation::Compacted { through: 60 });
        assert_eq!(compacted.passes().records.forgotten(), 59);
        compacted.store(&[A, B, C], 101, 1).commits(A, 101).applies(A, 101, 1).passes();
    }
}
