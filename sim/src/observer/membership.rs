//! Who the members are: configurations in force, majorities, and the rules of changing them (paper 6, dissertation 4).
//!
//! A configuration is in force where it is the latest one in a log, committed or not, and its predecessor is again once it
//! is truncated: the observer works that out from the log alone, so a system that forgets to do so counts other majorities
//! than the observer does.

use super::ghost::{Ghost, Life};
use super::{Failure, Observer};
use crate::invariant::Check;
use crate::members::{Members, ServerId};
use crate::node::NodeId;
use crate::observe::Role;

/// Who the members are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Configuration {
    pub(super) voters: Members,
    pub(super) outgoing: Members,
    pub(super) learners: Members,
}

/// A configuration and the entry, or the end of the snapshot, that says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Configured {
    pub(super) index: u64,
    pub(super) configuration: Configuration,
}

/// How a set of servers compares with what a configuration asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Quorum {
    /// A majority, of both sets of voters while there are two.
    Reached,
    /// It would be one if whoever is no voter counted.
    OnlyWithOthers,
    /// Too few.
    Missed,
}

impl Configuration {
    /// Whether anybody votes. A server that is to join knows nobody.
    pub(super) fn is_known(self) -> bool {
        !self.voters.is_empty()
    }

    pub(super) fn is_joint(self) -> bool {
        !self.outgoing.is_empty()
    }

    pub(super) fn members(self) -> Members {
        self.voters.union(self.outgoing).union(self.learners)
    }

    /// Whether these servers decide.
    pub(super) fn quorum(self, servers: Members) -> Quorum {
        let decides = |voters: Members, count: u32| voters.is_empty() || count * 2 > voters.len();
        let all = |count: &dyn Fn(Members) -> u32| {
            decides(self.voters, count(self.voters)) && decides(self.outgoing, count(self.outgoing))
        };
        if all(&|voters| servers.intersection(voters).len()) {
            Quorum::Reached
        } else if all(&|_| servers.len()) {
            Quorum::OnlyWithOthers
        } else {
            Quorum::Missed
        }
    }

    /// Why this may not follow another configuration in a log, if it may not.
    fn forbidden_after(self, before: Configuration) -> Option<&'static str> {
        if self.voters.is_empty() {
            Some("has no voter")
        } else if !self.learners.intersection(self.voters.union(self.outgoing)).is_empty() {
            Some("has a learner that votes")
        } else if before.is_joint() && (self.is_joint() || self.voters != before.voters) {
            Some("does not just leave the joint configuration before it")
        } else if !before.is_joint() && self.is_joint() && self.outgoing != before.voters {
            Some("is joint with voters that are not those before it")
        } else if !before.is_joint() && !self.is_joint() && self.voters.difference(before.voters).len() > 1 {
            Some("changes several voters at once without being joint")
        } else {
            None
        }
    }
}

impl Ghost {
    /// The configuration in force, if the node ever told.
    pub(super) fn configuration(&self) -> Option<Configuration> {
        self.configurations.back().map(|configured| configured.configuration).filter(|known| known.is_known())
    }

    /// Takes back the configurations that a truncation took out of the log.
    #[inline]
    pub(super) fn roll_back_configurations(&mut self, from: u64) {
        while self.configurations.back().is_some_and(|configured| configured.index >= from) {
            self.configurations.pop_back();
        }
    }

    /// Takes over the configuration that a snapshot says. Those of entries behind it stay, as these do.
    fn begin_configurations(&mut self, configured: Configured) {
        while self.configurations.front().is_some_and(|earlier| earlier.index <= configured.index) {
            self.configurations.pop_front();
        }
        self.configurations.push_front(configured);
    }

    /// Forgets the configurations before the one in force at an index.
    pub(super) fn forget_configurations(&mut self, through: u64) {
        while self.configurations.get(1).is_some_and(|configured| configured.index <= through) {
            self.configurations.pop_front();
        }
    }
}

impl Observer {
    /// I17, and the part of I22 that concerns configurations.
    pub(super) fn configured(&mut self, node: NodeId, configured: Configured) -> Result<(), Failure> {
        let Configured { index, configuration } = configured;
        let ghost = &mut self.nodes[node.index()];
        let before = ghost.configurations.back().copied();
        let is_base = index == ghost.log.base();
        if is_base {
            ghost.begin_configurations(configured);
        } else {
            ghost.roll_back_configurations(index);
            ghost.configurations.push_back(configured);
            ghost.matches.retain(|(peer, _)| configuration.members().contains(*peer));
        }
        if index == 0 && configuration.is_known() && self.configurations.is_empty() {
            self.configurations.push_back(configured);
        }
        if !self.online {
            return Ok(());
        }
        if is_base {
            return self.configured_by_snapshot(node, configured);
        }
        self.configured_by_entry(node, configured)?;
        match before {
            Some(before) if self.nodes[node.index()].role == Some(Role::Leader) => {
                self.may_change(node, before, configured)
            }
            Some(_) | None => Ok(()),
        }
    }

    /// What a node begins with, from a snapshot or from nothing, is what the committed log says.
    fn configured_by_snapshot(&self, node: NodeId, configured: Configured) -> Result<(), Failure> {
        let Configured { index, configuration } = configured;
        let committed = self.configurations.iter().rev().find(|committed| committed.index <= index);
        let agrees = committed.is_none_or(|committed| committed.configuration == configuration);
        let check = if index == 0 { Check::Configuration } else { Check::Snapshot };
        self.require(check, agrees || (index == 0 && !configuration.is_known()), || {
            format!("{node} takes another configuration from its snapshot at {index} than the log has there")
        })
    }

    /// An entry carries the same configuration in every log.
    fn configured_by_entry(&mut self, node: NodeId, configured: Configured) -> Result<(), Failure> {
        let Configured { index, configuration } = configured;
        let ghost = &self.nodes[node.index()];
        let term = ghost.log.term_at(index);
        self.require(Check::Configuration, term.is_some(), || {
            format!("{node} has a configuration at index {index}, where it has no entry")
        })?;
        let Some(term) = term.filter(|_| index > self.records.forgotten()) else { return Ok(()) };
        let known = *self.entries_configured.entry((index, term)).or_insert(configuration);
        self.require(Check::Configuration, known == configuration, || {
            format!("{node} has another configuration at index {index} than another node with the same entry")
        })
    }

    /// The rules by which a leader may append a configuration.
    fn may_change(&self, node: NodeId, before: Configured, configured: Configured) -> Result<(), Failure> {
        let index = configured.index;
        let ghost = &self.nodes[node.index()];
        self.require(Check::Configuration, before.index <= ghost.commit, || {
            format!("{node} appended a configuration at index {index} before the one at {} was committed", before.index)
        })?;
        self.require(Check::Configuration, ghost.log.term_at(ghost.commit) == Some(ghost.term), || {
            format!(
                "{node} appended a configuration at index {index} before an entry of its term {} was committed",
                ghost.term
            )
        })?;
        if !before.configuration.is_known() {
            return Ok(());
        }
        let forbidden = configured.configuration.forbidden_after(before.configuration);
        self.require(Check::Configuration, forbidden.is_none(), || {
            format!("{node} appended a configuration at index {index} that {}", forbidden.unwrap_or_default())
        })
    }

    /// The configurations between two commit indexes of a node are committed now.
    pub(super) fn commit_configurations(&mut self, node: NodeId, from: u64, through: u64) {
        let ghost = &self.nodes[node.index()];
        if ghost.configurations.back().is_none_or(|latest| latest.index <= from) {
            return;
        }
        let committed =
            ghost.configurations.iter().filter(|configured| (from + 1..=through).contains(&configured.index));
        self.configurations.extend(committed);
    }

    /// Fails a check that needs a majority: as [`Check::VotersOnly`] if others were counted.
    pub(super) fn require_quorum(
        &self,
        check: Check,
        configuration: Configuration,
        servers: Members,
        why: impl Fn() -> String,
    ) -> Result<(), Failure> {
        match configuration.quorum(servers) {
            Quorum::Reached => Ok(()),
            Quorum::OnlyWithOthers => {
                self.require(Check::VotersOnly, false, || format!("{}, counting servers that are no voters", why()))?;
                self.require(check, false, why)
            }
            Quorum::Missed => self.require(check, false, why),
        }
    }

    /// Whether the disk of a node may be erased without taking more from the cluster than it promises to survive: nobody
    /// who is a member has lost a disk before and was not replaced yet, and a majority of the voters is left; by the last
    /// committed configuration, and by every later one, which may yet be committed. A cluster that never said who its
    /// members are is not spared.
    pub(crate) fn can_lose(&self, node: NodeId) -> bool {
        let has_disk =
            |id: &ServerId| self.ghost_of(*id).is_some_and(|ghost| ghost.life != Life::New && !ghost.is_damaged);
        let survives = |configuration: &Configuration| {
            let left = Members::of(configuration.members().iter().filter(|id| has_disk(id) && id.address() != node.0));
            let lost = configuration.members().len() - left.len();
            lost <= 1 && configuration.quorum(left) == Quorum::Reached
        };
        let Some(Configured { index, configuration }) = self.configurations.back() else { return true };
        let uncommitted = self.frontier.index.max(*index) + 1;
        let mut later = self.entries_configured.range((uncommitted, 0)..).map(|(_, configuration)| configuration);
        survives(configuration) && later.all(survives)
    }

    /// The running server of this identity.
    pub(super) fn ghost_of(&self, id: ServerId) -> Option<&Ghost> {
        let same = |ghost: &&Ghost| Members::of([ghost.id]).contains(id);
        self.nodes.get(id.address() as usize).filter(same)
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{A, B, C, Play, id, members, voters};
    use super::*;
    use crate::observe::Observation;

    const D: NodeId = NodeId(3);

    fn joint(index: u64, outgoing: &[NodeId], voters: &[NodeId]) -> Observation {
        let (voters, outgoing) = (members(voters), members(outgoing));
        Observation::Configured { index, voters, outgoing, learners: Members::default() }
    }

    /// A leads, and has committed an entry of its term.
    fn settled() -> Play {
        Play::led().store(&[A, B], 1, 1).commits(A, 1)
    }

    #[test]
    fn one_disk_may_be_lost_and_not_another_before_it_is_replaced() {
        let mut observer = Play::led().store(&[A, B], 1, 1).commits(A, 1).crashes(C).passes();
        assert!(observer.can_lose(B) && observer.can_lose(C));
        observer.wiped(C);
        assert!(!observer.can_lose(B) && observer.can_lose(C));
    }

    #[test]
    fn a_disk_that_was_damaged_may_be_lost_until_its_server_has_booted() {
        let mut observer = settled().crashes(C).passes();
        observer.damaged(C);
        assert!(!observer.can_lose(B) && observer.can_lose(C));
        let booted = Observation::Booted { id: id(C), term: 1, vote: None };
        observer.observe(C, &booted, crate::disk::Operation::default()).expect("nothing was promised");
        observer.boot_ends(C).expect("nothing was promised");
        assert!(observer.can_lose(B));
    }

    #[test]
    fn no_disk_may_be_lost_that_a_change_under_way_needs() {
        let changing = settled().store(&[A, B], 2, 1).says(A, voters(2, &[A, B]));
        let observer = changing.passes();
        assert!(observer.can_lose(C) && !observer.can_lose(B), "of two voters both are needed");
        let back = changing.commits(A, 2).store(&[A, B], 3, 1).says(A, voters(3, &[A, B, C])).commits(A, 3);
        assert!(back.passes().can_lose(B), "what is over does not count");
    }

    #[test]
    fn changes_by_one_voter_and_through_joint_configurations_are_legal() {
        let one = settled().store(&[A, B], 2, 1).says(A, voters(2, &[A, B, C, D])).says(B, voters(2, &[A, B, C, D]));
        assert_eq!(one.passes().members(), Some(members(&[A, B, C])));
        let one = one.follows(C, 1).stores(C, 1, 1).stores(C, 2, 1).says(C, voters(2, &[A, B, C, D])).commits(A, 2);
        assert_eq!(one.passes().members(), Some(members(&[A, B, C, D])));
        let entered = one.store(&[A, B, C], 3, 1).says(A, joint(3, &[A, B, C, D], &[A, B])).commits(A, 3);
        let left = entered.store(&[A, B, C], 4, 1).says(A, voters(4, &[A, B])).commits(A, 4);
        assert_eq!(left.passes().members(), Some(members(&[A, B])));
    }

    #[test]
    fn a_change_before_the_last_one_is_committed() {
        let pending = settled().appends(A, 2, 1).says(A, voters(2, &[A, B]));
        pending.appends(A, 3, 1).says(A, voters(3, &[A])).fails(Check::Configuration);
    }

    #[test]
    fn a_change_before_an_entry_of_the_own_term_is_committed() {
        // The bug of the single-server algorithm that was found in 2015.
        Play::led().appends(A, 1, 1).says(A, voters(1, &[A, B])).fails(Check::Configuration);
        let next = settled().elects(B, 2, &[C]).appends(B, 2, 2);
        next.says(B, voters(2, &[A, B])).fails(Check::Configuration);
    }

    #[test]
    fn changes_that_could_make_two_majorities() {
        let after = |change| settled().appends(A, 2, 1).says(A, change).fails(Check::Configuration);
        after(voters(2, &[A]));
        after(voters(2, &[A, B, D]));
        after(voters(2, &[]));
        after(joint(2, &[A, B], &[A, B, D]));
        let (voters, learners) = (members(&[A, B, C]), members(&[C]));
        after(Observation::Configured { index: 2, voters, outgoing: Members::default(), learners });
    }

    #[test]
    fn a_joint_configuration_left_for_another() {
        let entered = settled().store(&[A, B], 2, 1).says(A, joint(2, &[A, B, C], &[A, B])).commits(A, 2);
        let next = entered.appends(A, 3, 1);
        next.clone().says(A, voters(3, &[A, B, C])).fails(Check::Configuration);
        next.clone().says(A, joint(3, &[A, B], &[A])).fails(Check::Configuration);
        next.says(A, voters(3, &[A, B])).passes();
    }

    #[test]
    fn another_configuration_in_the_same_entry() {
        let told = settled().appends(A, 2, 1).says(A, voters(2, &[A, B])).stores(B, 2, 1);
        told.says(B, voters(2, &[B, C])).fails(Check::Configuration);
    }

    #[test]
    fn founders_that_disagree() {
        let other = Observation::Booted { id: id(D), term: 0, vote: None };
        Play::cluster().says(D, other).says(D, voters(0, &[D])).fails(Check::Configuration);
        let joins = Play::cluster().says(D, other).says(D, voters(0, &[]));
        joins.boot_ends(D).passes();
    }

    #[test]
    fn a_configuration_without_an_entry() {
        settled().says(A, voters(7, &[A, B])).fails(Check::Configuration);
    }

    #[test]
    fn a_truncated_change_is_no_longer_in_force() {
        // A's change to two voters is replaced by B's entry: B's own three are in force, so A alone with B's vote missing
        // cannot lead by a majority of two.
        let alone = settled().stores(A, 2, 1).says(A, voters(2, &[A, B]));
        let replaced = alone.elects(B, 2, &[C]).stores(B, 2, 2).follows(A, 2).stores(A, 2, 2).commits(B, 2);
        assert_eq!(replaced.passes().members(), Some(members(&[A, B, C])));
        replaced.elects(A, 3, &[]).fails(Check::ElectionSafety);
    }

    #[test]
    fn a_snapshot_with_another_configuration() {
        let changed = settled().store(&[A, B], 2, 1).says(A, voters(2, &[A, B])).commits(A, 2);
        let restores = changed.follows(C, 1).says(C, Observation::Restored { index: 2, term: 1, state: 0 });
        restores.clone().says(C, voters(2, &[A, B])).passes();
        restores.says(C, voters(2, &[A, B, C])).fails(Check::Snapshot);
    }

    #[test]
    fn a_snapshot_does_not_undo_a_change_behind_it() {
        let four = voters(3, &[A, B, C, D]);
        let changed = settled().store(&[A, B], 2, 1).commits(A, 2).store(&[A, B], 3, 1).says(A, four);
        let follower =
            changed.follows(C, 1).stores(C, 1, 1).stores(C, 2, 1).stores(C, 3, 1).says(C, four).commits(C, 1);
        let keeps =
            follower.says(C, Observation::Restored { index: 2, term: 1, state: 0 }).says(C, voters(2, &[A, B, C]));
        let in_force = keeps.passes().nodes[C.index()].configuration();
        assert_eq!(in_force.map(|configuration| configuration.voters), Some(members(&[A, B, C, D])));
    }

    #[test]
    fn a_configuration_lost_with_the_log_is_known_from_the_snapshot() {
        let changed = settled().store(&[A, B], 2, 1).says(A, voters(2, &[A, B])).commits(A, 2);
        let restores = changed.follows(C, 1).says(C, Observation::Restored { index: 2, term: 1, state: 0 });
        // C does not say so, but it has no vote any more.
        restores.stands(C, 2).votes(A, 2, C).becomes(C, Role::Leader, 2).fails(Check::VotersOnly);
    }
}
