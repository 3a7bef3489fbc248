//! The observer: ghost state kept from what nodes say and what their disks hold, and the invariants over it, checked at
//! every event that can change them.
//!
//! It sees what nodes say, never what they are, and shares no code with the protocol. Each check costs O(1) per
//! observation, or as much as changed; nothing rescans a log, and the members are gone through only where majorities are
//! at stake. What every member has compacted is forgotten.
//!
//! | what | where | checks |
//! |---|---|---|
//! | terms, votes, roles, leaders | `elections` | I1, I2, I5, I11, I14, I16 |
//! | logs in memory | `logs`, as `terms` over `records` | I3, I4, I9, I13, I15 |
//! | disks | `durability` | I2, I4, I8, I10, I11, I15 |
//! | commitment | `commits` | I6, I7, I8, I11, I13 |
//! | who counts | `membership` | I17, I18 (inside I1, I7 and I8), I22 |
//! | state machines and snapshots | `machine` | I3, I6, I11, I13, I21, I22, I23 |
//! | a leader's view of followers | `progress` | I11, I12 |
//! | reads outside the log | `reads` | I19, I20 |
//! | abstract states, for searches | `landscape` | none |
//! | what the cluster is busy with, for reports | `phase` | none |
//!
//! What it simplifies: a node is believed to say what it does in memory. Of disks nothing is believed but which write
//! means what.

mod by_term;
mod commits;
mod durability;
mod elections;
mod ghost;
mod landscape;
mod logs;
mod machine;
mod membership;
mod phase;
mod progress;
mod reads;
mod records;
mod terms;
#[cfg(test)]
mod testing;

use std::collections::{BTreeMap, VecDeque};

use commits::Frontier;
use elections::Elections;
use ghost::{Ghost, Pending, Wrote};
use landscape::Landscape;
pub use machine::Effect;
use machine::{Effects, Snapshots};
use membership::{Configuration, Configured, Quorum};
pub use phase::{LAG, Phase};
use progress::View;
use records::Records;

use crate::disk::Operation;
use crate::invariant::{Check, Checks};
use crate::kernel::Keep;
use crate::members::{Members, ServerId};
use crate::node::NodeId;
use crate::observe::{Observation, Role};

/// Why a check failed, before it is known at which event.
pub(crate) type Failure = (Check, String);

/// Ghost state of the cluster.
#[derive(Debug)]
pub struct Observer {
    checks: Checks,
    keep: Keep,
    /// Whether any check is made here. If not, only what drives a run is kept: leaders, members, indexes.
    online: bool,
    told: Told,
    nodes: Vec<Ghost>,
    elections: Elections,
    records: Records,
    frontier: Frontier,
    /// The committed configurations, oldest first.
    configurations: VecDeque<Configured>,
    /// The configuration that an entry carries, whoever has it.
    entries_configured: BTreeMap<(u64, u64), Configuration>,
    effects: Effects,
    snapshots: Snapshots,
    applied_max: u64,
    crashes: u64,
    landscape: Landscape,
}

/// What the nodes of this system tell at all. Nothing is asked of those that never do.
#[derive(Clone, Copy, Debug, Default)]
struct Told {
    logs: bool,
    votes: bool,
    disks: bool,
}

impl Observer {
    pub(crate) fn new(servers: usize, checks: Checks, keep: Keep) -> Observer {
        Observer {
            checks,
            keep,
            online: checks.are_online(),
            told: Told::default(),
            nodes: (0..servers as u64).map(|address| Ghost::new(ServerId(address))).collect(),
            elections: Elections::default(),
            records: Records::default(),
            frontier: Frontier::default(),
            configurations: VecDeque::new(),
            entries_configured: BTreeMap::new(),
            effects: Effects::default(),
            snapshots: Snapshots::default(),
            applied_max: 0,
            crashes: 0,
            landscape: Landscape::default(),
        }
    }

    /// The node that leads in the highest term, if it still does.
    #[must_use]
    pub fn leader(&self) -> Option<NodeId> {
        let (term, node) = self.elections.latest()?;
        let ghost = &self.nodes[node.index()];
        (ghost.role == Some(Role::Leader) && ghost.role_term == term).then_some(node)
    }

    /// How many terms had a leader so far.
    #[must_use]
    pub fn terms_led(&self) -> usize {
        self.elections.terms_led()
    }

    /// The highest index that any node applied.
    #[must_use]
    pub fn applied_max(&self) -> u64 {
        self.applied_max
    }

    /// The highest index that is truly committed.
    #[inline]
    #[must_use]
    pub fn committed_max(&self) -> u64 {
        self.frontier.index
    }

    /// The members by the last committed configuration, learners and old voters among them; none if no node ever told.
    #[must_use]
    pub fn members(&self) -> Option<Members> {
        self.configurations.back().map(|configured| configured.configuration.members())
    }

    /// What was executed, in the order of the log: the order in which the operations of the clients took effect. With
    /// [`Keep::Nothing`] its beginning is missing.
    pub fn effects(&self) -> impl Iterator<Item = Effect> {
        self.effects.iter()
    }

    /// None if all members applied the same entries and have the same state; else what differs. A member whose disk was
    /// erased differs until it is replaced.
    #[must_use]
    pub fn divergence(&self) -> Option<String> {
        let members = self.members();
        if let Some(lost) = members.into_iter().flat_map(Members::iter).find(|id| self.ghost_of(*id).is_none()) {
            return Some(format!("{lost} is a member, and its disk was erased"));
        }
        let is_member = |ghost: &Ghost| members.is_none_or(|members| members.contains(ghost.id));
        let mut compared = (0..).map(NodeId).zip(&self.nodes).filter(|(_, ghost)| is_member(ghost));
        let (one, first) = compared.next()?;
        let (other, ghost) =
            compared.find(|(_, ghost)| (ghost.applied, ghost.state) != (first.applied, first.state))?;
        Some(format!(
            "{one} applied {} entries (state {:016x}), {other} applied {} (state {:016x})",
            first.applied, first.state, ghost.applied, ghost.state
        ))
    }

    /// How many crashes of servers there were.
    pub(crate) fn crashes(&self) -> u64 {
        self.crashes
    }

    /// What is checked, here and elsewhere.
    pub(crate) fn checks(&self) -> Checks {
        self.checks
    }

    /// Whether a server, if it is a member, has not applied exactly what is committed.
    pub(crate) fn lags(&self, node: NodeId) -> bool {
        let ghost = &self.nodes[node.index()];
        ghost.applied != self.frontier.index && self.members().is_none_or(|members| members.contains(ghost.id))
    }

    /// Whether these servers decide by the last committed configuration; by their number, if no node ever told of one.
    pub(crate) fn is_majority(&self, nodes: impl Iterator<Item = NodeId>) -> bool {
        let Some(Configured { configuration, .. }) = self.configurations.back() else {
            return nodes.count() * 2 > self.nodes.len();
        };
        let reached = Members::of(nodes.map(|node| self.nodes[node.index()].id));
        configuration.quorum(reached) == Quorum::Reached
    }

    /// Whether any check is made online.
    #[inline]
    pub(crate) fn is_checking(&self) -> bool {
        self.online
    }

    /// Takes an observation and checks what it can violate. `operation` is the latest that the node's disk was given.
    #[inline(always)]
    pub(crate) fn observe(
        &mut self,
        node: NodeId,
        observation: &Observation,
        operation: Operation,
    ) -> Result<(), Failure> {
        assert!(node.index() < self.nodes.len(), "only servers are observed, {node} is a client");
        match *observation {
            Observation::Booted { id, term, vote } => self.booted(node, id, term, vote),
            Observation::Term { term } => self.term(node, term),
            Observation::Role { role, term } => self.role(node, role, term),
            Observation::Appended { index, term, payload } => self.appended(node, index, term, payload),
            Observation::Configured { index, voters, outgoing, learners } => {
                self.configured(node, Configured { index, configuration: Configuration { voters, outgoing, learners } })
            }
            Observation::Committed { index } => self.committed(node, index),
            Observation::Executed { index, session, sequence } => {
                self.executed(node, Effect { index, session, sequence })
            }
            Observation::Applied { index, term, payload, state } => self.applied(node, index, term, payload, state),
            Observation::SnapshotTaken { index, state } => self.snapshot_taken(node, index, state),
            Observation::Compacted { through } => self.compacted(node, through),
            Observation::Restored { index, term, state } => self.restored(node, index, term, state),
            Observation::LeaseRead { term } => self.lease_read(node, term),
            // What follows serves checks alone.
            Observation::Sent { .. }
            | Observation::Progress { .. }
            | Observation::ReadBegan { .. }
            | Observation::ReadServed { .. }
            | Observation::WroteHardState { .. }
            | Observation::WroteEntries { .. }
            | Observation::WroteSnapshot { .. }
                if !self.online =>
            {
                Ok(())
            }
            Observation::Sent { term, promise } => self.sent(node, term, promise),
            Observation::Progress { peer, matched, next, in_flight, in_flight_max } => {
                self.progress(node, View { peer, matched, next, in_flight, in_flight_max })
            }
            Observation::ReadBegan { read } => {
                self.read_began(node, read);
                Ok(())
            }
            Observation::ReadServed { read, applied } => self.read_served(node, read, applied),
            Observation::WroteHardState { term, vote } => {
                self.wrote(node, Pending { operation, wrote: Wrote::HardState { term, vote } })
            }
            Observation::WroteEntries { index, term } => {
                self.wrote(node, Pending { operation, wrote: Wrote::Entries { index, term } })
            }
            Observation::WroteSnapshot { index, term } => {
                self.wrote(node, Pending { operation, wrote: Wrote::Snapshot { index, term } })
            }
        }
    }

    /// Forgets what lies before the log of every member, in memory and on disk. Others may still have older entries, and
    /// are not compared there any more.
    fn forget(&mut self) {
        let members = self.members();
        let counts = |ghost: &&Ghost| members.is_none_or(|members| members.contains(ghost.id));
        let has_entries = |ghost: &&Ghost| !ghost.log.is_empty() || !ghost.disk.log.is_empty();
        let bases = self.nodes.iter().filter(counts).filter(has_entries).map(Ghost::base);
        // The last index that a snapshot covers is still asked for: its term precedes the first entry.
        let through = bases.min().unwrap_or_default().min(self.frontier.index).saturating_sub(1);
        if through <= self.records.forgotten() {
            return;
        }
        self.records.forget(through);
        self.effects.forget(through, self.keep);
        self.entries_configured = self.entries_configured.split_off(&(through + 1, 0));
        while self.configurations.get(1).is_some_and(|configured| configured.index <= through) {
            self.configurations.pop_front();
        }
    }

    #[inline]
    fn require(&self, check: Check, holds: bool, why: impl FnOnce() -> String) -> Result<(), Failure> {
        if holds || !self.checks.contains(check) { Ok(()) } else { Err((check, why())) }
    }
}

#[cfg(test)]
mod tests {
    use super::testing::{A, B, C, Play, id, voters};
    use super::*;

    #[test]
    fn replicas_converge_when_all_members_agree() {
        let committed = Play::led().store(&[A, B], 1, 1).commits(A, 1).commits(B, 1).applies(A, 1, 1).applies(B, 1, 1);
        let differs = committed.passes().divergence().expect("C lags behind");
        assert!(differs.contains("n2 applied 0"), "{differs}");
        let caught_up = committed.follows(C, 1).stores(C, 1, 1).commits(C, 1).applies(C, 1, 1);
        assert_eq!(caught_up.passes().divergence(), None);
    }

    #[test]
    fn replicas_that_are_no_members_need_not_agree() {
        let removed = Play::led().store(&[A, B], 1, 1).commits(A, 1).store(&[A, B], 2, 1).says(A, voters(2, &[A, B]));
        let applied = removed.commits(A, 2).commits(B, 2).applies(A, 1, 1).applies(A, 2, 1).applies(B, 1, 1);
        assert_eq!(applied.applies(B, 2, 1).passes().divergence(), None);
    }

    #[test]
    fn a_member_without_its_disk_is_missed() {
        let erased = Play::led().crashes(C).wiped(C);
        let reborn = Observation::Booted { id: crate::members::ServerId(2 | 1 << 16), term: 0, vote: None };
        let observer = erased.says(C, reborn).boot_ends(C).passes();
        assert_eq!(observer.divergence(), Some(format!("{} is a member, and its disk was erased", id(C))));
    }
}
