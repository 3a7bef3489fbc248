//! What is committed, when a leader may say so, and that it stays so (paper 5.3, 5.4.2; dissertation 10.2.1).
//!
//! The true commit index of the cluster is the highest that a leader has reached legally. Who holds what is read from the
//! disks, under the configuration in force in the leader's log at that moment: under a later one an older entry need not
//! have a majority. The leader's own disk need not hold the entry.

use super::ghost::Ghost;
use super::membership::Configuration;
use super::{Failure, Observer};
use crate::invariant::Check;
use crate::members::Members;
use crate::node::NodeId;
use crate::observe::Role;

/// The end of what is committed.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Frontier {
    pub(super) index: u64,
    pub(super) term: u64,
    /// The configuration under which it was committed, if that is known.
    pub(super) configuration: Option<Configuration>,
}

impl Observer {
    pub(super) fn committed(&mut self, node: NodeId, index: u64) -> Result<(), Failure> {
        let ghost = &mut self.nodes[node.index()];
        let before = std::mem::replace(&mut ghost.commit, index);
        let (is_leader, last) = (ghost.role == Some(Role::Leader), ghost.log.last());
        if self.online {
            self.require(Check::Monotonic, before <= index, || {
                format!("{node} lowered its commit index from {before} to {index}")
            })?;
            self.require(Check::Order, index <= last || !self.told.logs, || {
                format!("{node} committed up to {index}, with its last entry at {last}")
            })?;
            self.commits_what_is_committed(node, index)?;
            if is_leader && index > before && self.told.logs {
                self.may_commit(node, index)?;
            }
        }
        if is_leader && index > self.frontier.index { self.advance(node, index) } else { Ok(()) }
    }

    /// I6, and that none but a leader commits what was not (I7).
    fn commits_what_is_committed(&self, node: NodeId, index: u64) -> Result<(), Failure> {
        let ghost = &self.nodes[node.index()];
        if let Some(committed) = self.records.committed(index) {
            self.require(Check::StateMachineSafety, ghost.log.holds(index, committed), || {
                let term = ghost.log.term_at(index).unwrap_or_default();
                format!("{node} committed an entry of term {term} at index {index}, where one of term {committed} is")
            })?;
        }
        let may = index <= self.frontier.index || ghost.role == Some(Role::Leader) || self.elections.latest().is_none();
        self.require(Check::CommitLegality, may, || {
            format!("{node} committed up to {index} as a follower, and no leader more than {}", self.frontier.index)
        })
    }

    /// I7: a leader counts replicas for entries of its own term alone, and majorities of disks.
    fn may_commit(&self, node: NodeId, index: u64) -> Result<(), Failure> {
        let ghost = &self.nodes[node.index()];
        let (term, current) = (ghost.log.term_at(index).unwrap_or_default(), ghost.term);
        self.require(Check::CommitLegality, term == current, || {
            format!("{node} committed up to {index}, an entry of term {term}, as leader of term {current}")
        })?;
        let Some(configuration) = ghost.configuration().filter(|_| self.told.disks) else { return Ok(()) };
        let holders = self.holders(index, term);
        self.require_quorum(Check::CommitLegality, configuration, holders, || {
            format!(
                "{node} committed up to {index} with the entry on the disks of {} ({holders}), of the voters {}",
                holders.len(),
                configuration.voters
            )
        })
    }

    /// A leader moves the end of what is committed.
    fn advance(&mut self, node: NodeId, index: u64) -> Result<(), Failure> {
        let from = self.frontier.index;
        self.commit_configurations(node, from, index);
        let ghost = &self.nodes[node.index()];
        let (term, current) = (ghost.log.term_at(index).unwrap_or_default(), ghost.term);
        self.frontier = Frontier { index, term, configuration: ghost.configuration() };
        if !self.online {
            return Ok(());
        }
        for committed in (from + 1).max(ghost.log.base() + 1)..=index.min(ghost.log.last()) {
            let term = ghost.log.term_at(committed).unwrap_or_default();
            if let Some(record) = self.records.record_mut(committed) {
                record.committed = term;
            }
        }
        self.elections.committed(current, index);
        self.later_leaders_have(current, index)
    }

    /// I5, seen from the entry: who leads a later term already has to have it.
    fn later_leaders_have(&self, term: u64, index: u64) -> Result<(), Failure> {
        if self.elections.latest().is_none_or(|(latest, _)| latest <= term) {
            return Ok(());
        }
        let leads_later = |ghost: &Ghost| ghost.role == Some(Role::Leader) && ghost.role_term > term;
        for (node, ghost) in (0..).map(NodeId).zip(&self.nodes).filter(|(_, ghost)| leads_later(ghost)) {
            self.is_complete(node, ghost.role_term, index)?;
        }
        Ok(())
    }

    /// Who has an entry on disk, with those whose disk was erased: what they promised was true.
    fn holders(&self, index: u64, term: u64) -> Members {
        let mut holders = Members::default();
        for ghost in &self.nodes {
            if ghost.disk.log.holds(index, term) {
                holders.insert(ghost.id);
            }
            let erased = ghost.graves.iter().filter(|(_, log)| log.holds(index, term));
            erased.for_each(|(id, _)| holders.insert(*id));
        }
        holders
    }

    /// I8: after a disk changed other than by adding to it, what is committed is still on a majority.
    pub(super) fn frontier_is_held(&self, node: NodeId) -> Result<(), Failure> {
        let Frontier { index, term, configuration } = self.frontier;
        let Some(configuration) = configuration.filter(|_| self.told.disks && index > 0) else { return Ok(()) };
        let holders = self.holders(index, term);
        self.require_quorum(Check::QuorumDurability, configuration, holders, || {
            format!(
                "after what happened to the disk of {node}, the entry committed at index {index} is on {} of them \
                 ({holders}), of the voters {}",
                holders.len(),
                configuration.voters
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{A, B, C, Play, members, voters};
    use super::*;
    use crate::observe::Observation;

    #[test]
    fn an_entry_on_a_majority_is_committed_without_the_leaders_own_disk() {
        let observer = Play::led().appends(A, 1, 1).follows(C, 1).store(&[B, C], 1, 1).commits(A, 1).passes();
        assert_eq!(observer.committed_max(), 1);
    }

    #[test]
    fn an_entry_on_too_few_disks() {
        Play::led().stores(A, 1, 1).appends(B, 1, 1).commits(A, 1).fails(Check::CommitLegality);
        Play::led().stores(A, 1, 1).appends(B, 1, 1).writes(B, 1, 1).commits(A, 1).fails(Check::CommitLegality);
    }

    #[test]
    fn an_entry_of_an_earlier_term_counted() {
        // Figure 8: the entry is on a majority, and may still be replaced.
        let counted = Play::led().store(&[A, B], 1, 1).elects(B, 2, &[C]).follows(A, 2);
        counted.clone().commits(B, 1).fails(Check::CommitLegality);
        counted.store(&[B, A], 2, 2).commits(B, 2).passes();
    }

    #[test]
    fn learners_do_not_count() {
        let learner = Observation::Configured {
            index: 1,
            voters: members(&[A, B, C]),
            outgoing: Members::default(),
            learners: members(&[NodeId(3)]),
        };
        let joined = Play::led().stores(A, 1, 1).says(A, learner);
        // In a play that does not check changes the configuration may come before an entry of the term is committed.
        let without = |check: Check| Check::ALL.into_iter().filter(move |other| *other != check).collect();
        let fourth = joined.follows(NodeId(3), 1).stores(NodeId(3), 1, 1);
        let mut observer = fourth.passes_with(without(Check::Configuration), crate::kernel::Keep::Everything);
        let (failed, _) = observer.committed(A, 1).expect_err("one voter of three has the entry");
        assert_eq!(failed, Check::VotersOnly);
    }

    #[test]
    fn a_joint_configuration_needs_both_majorities() {
        let joint = |outgoing: &[NodeId], voters: &[NodeId]| Configuration {
            voters: members(voters),
            outgoing: members(outgoing),
            learners: Members::default(),
        };
        use crate::observer::membership::Quorum;
        let (d, e) = (NodeId(3), NodeId(4));
        let both = joint(&[A, B, C], &[C, d, e]);
        assert_eq!(both.quorum(members(&[A, C, d])), Quorum::Reached);
        assert_eq!(both.quorum(members(&[A, B, C])), Quorum::OnlyWithOthers);
        assert_eq!(both.quorum(members(&[C])), Quorum::Missed);
    }

    #[test]
    fn a_follower_commits_what_no_leader_has() {
        Play::led().store(&[A, B], 1, 1).commits(B, 1).fails(Check::CommitLegality);
        Play::led().store(&[A, B], 1, 1).commits(A, 1).commits(B, 1).passes();
    }

    #[test]
    fn another_entry_at_a_committed_index() {
        let split = Play::led().store(&[A, B], 1, 1).commits(A, 1).follows(C, 2).stores(C, 1, 2);
        split.commits(C, 1).fails(Check::StateMachineSafety);
    }

    #[test]
    fn commit_beyond_the_log() {
        Play::led().appends(A, 1, 1).commits(A, 2).fails(Check::Order);
    }

    #[test]
    fn who_never_tells_of_logs_may_tell_of_commitment() {
        let led = || Play::empty().enters(A, 1).becomes(A, Role::Candidate, 1).becomes(A, Role::Leader, 1);
        assert_eq!(led().commits(A, 3).commits(B, 2).passes().committed_max(), 3);
        led().commits(A, 3).commits(A, 2).fails(Check::Monotonic);
        led().commits(A, 3).commits(B, 4).fails(Check::CommitLegality);
    }

    #[test]
    fn a_commit_index_that_falls() {
        let committed = Play::led().store(&[A, B], 1, 1).store(&[A, B], 2, 1).commits(A, 2);
        committed.commits(A, 1).fails(Check::Monotonic);
    }

    #[test]
    fn what_is_committed_is_judged_by_the_configuration_of_its_time() {
        // Committed by two of three; then three more servers vote, and a majority of six does not have it yet.
        let committed = Play::led().store(&[A, B], 1, 1).commits(A, 1).appends(A, 2, 1);
        let grown = committed.says(A, voters(2, &[A, B, C, NodeId(3)])).crashes(C).boots(C, 0, None);
        grown.passes();
    }

    #[test]
    fn an_erased_disk_counts_as_what_it_promised() {
        let promised = Play::led().store(&[A, B], 1, 1).acknowledges(B, 1, 1).crashes(B).wiped(B);
        promised.commits(A, 1).passes();
    }
}
