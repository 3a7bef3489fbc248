//! The observer: ghost state kept from the nodes' observations, and the invariants over it, checked at every event.
//!
//! It sees what nodes say, never what they are, and shares no code with the protocol. Each check costs O(1) per
//! observation; nothing rescans a log or the cluster. A log is kept as a chain of hashes, H(i) = h(H(i-1), term,
//! payload), so that two equal hashes mean two equal prefixes.
//! What it simplifies: it believes what a node says that it did. What disks hold is not looked at yet.

use std::collections::BTreeMap;

use crate::digest::Digest;
use crate::invariant::{Check, Checks};
use crate::node::NodeId;
use crate::observe::{Observation, Role};

/// Why a check failed, before it is known at which event.
pub(crate) type Failure = (Check, String);

/// Ghost state of the cluster.
#[derive(Debug)]
pub struct Observer {
    checks: Checks,
    nodes: Vec<Ghost>,
    /// Who became leader of which term.
    leaders: BTreeMap<u64, NodeId>,
    /// For each index, from 1: the chain hash of each term's entry there.
    chains: Vec<Chains>,
    /// For each index, from 1: what was applied there first.
    applied: Vec<AppliedEntry>,
}

/// What is known of one node.
#[derive(Debug, Default)]
struct Ghost {
    term: u64,
    /// The highest term in a message that it sent, in any incarnation: a promise that a restart must keep.
    term_sent: u64,
    role: Option<Role>,
    log: Vec<LogEntry>,
    commit: u64,
    applied: u64,
    state: u64,
}

#[derive(Clone, Copy, Debug)]
struct LogEntry {
    term: u64,
    chain: u64,
}

/// Almost every index only ever has an entry of one term.
#[derive(Debug)]
struct Chains {
    first: LogEntry,
    others: Vec<LogEntry>,
}

#[derive(Clone, Copy, Debug)]
struct AppliedEntry {
    entry: u64,
    state: u64,
    by: NodeId,
}

impl Observer {
    pub(crate) fn new(servers: usize, checks: Checks) -> Observer {
        Observer {
            checks,
            nodes: (0..servers).map(|_| Ghost::default()).collect(),
            leaders: BTreeMap::new(),
            chains: Vec::new(),
            applied: Vec::new(),
        }
    }

    /// The node that leads in the highest term, if it still does.
    #[must_use]
    pub fn leader(&self) -> Option<NodeId> {
        let (term, node) = self.leaders.last_key_value()?;
        let ghost = &self.nodes[node.index()];
        (ghost.role == Some(Role::Leader) && ghost.term == *term).then_some(*node)
    }

    /// How many terms had a leader so far.
    #[must_use]
    pub fn terms_led(&self) -> usize {
        self.leaders.len()
    }

    /// The highest index that any node applied.
    #[must_use]
    pub fn applied_max(&self) -> u64 {
        self.applied.len() as u64
    }

    /// None if all nodes applied the same entries and have the same state; else what differs.
    #[must_use]
    pub fn divergence(&self) -> Option<String> {
        let first = self.nodes.first()?;
        let other = self.nodes.iter().position(|node| (node.applied, node.state) != (first.applied, first.state))?;
        let ghost = &self.nodes[other];
        Some(format!(
            "n0 applied {} entries (state {:016x}), n{other} applied {} (state {:016x})",
            first.applied, first.state, ghost.applied, ghost.state
        ))
    }

    /// A node went down: what it did not persist is gone, and it leads nobody.
    pub(crate) fn crashed(&mut self, node: NodeId) {
        if let Some(ghost) = self.nodes.get_mut(node.index()) {
            ghost.role = None;
        }
    }

    /// Takes an observation and checks what it can violate.
    pub(crate) fn observe(&mut self, node: NodeId, observation: Observation) -> Result<(), Failure> {
        assert!(node.index() < self.nodes.len(), "only servers are observed, {node} is a client");
        match observation {
            Observation::Booted { term } => self.booted(node, term),
            Observation::Term { term } => self.term(node, term),
            Observation::Sent { term } => {
                let ghost = &mut self.nodes[node.index()];
                ghost.term_sent = ghost.term_sent.max(term);
                Ok(())
            }
            Observation::Role { role, term } => self.role(node, role, term),
            Observation::Appended { index, term, payload } => self.appended(node, index, term, payload),
            Observation::Committed { index } => self.committed(node, index),
            Observation::Applied { index, term, payload, state } => self.applied(node, index, term, payload, state),
        }
    }

    fn booted(&mut self, node: NodeId, term: u64) -> Result<(), Failure> {
        let ghost = &mut self.nodes[node.index()];
        let term_sent = ghost.term_sent;
        // The room of the old log is kept: the entries that the disk kept follow at once.
        let mut log = std::mem::take(&mut ghost.log);
        log.clear();
        *ghost = Ghost { term, term_sent, log, ..Ghost::default() };
        self.check(Check::Monotonic, term_sent <= term, || {
            format!("{node} restarts in term {term}, after it sent messages of term {term_sent}")
        })
    }

    fn term(&mut self, node: NodeId, term: u64) -> Result<(), Failure> {
        let ghost = &mut self.nodes[node.index()];
        let before = std::mem::replace(&mut ghost.term, term);
        self.check(Check::Monotonic, before <= term, || format!("{node} went from term {before} back to {term}"))
    }

    fn role(&mut self, node: NodeId, role: Role, term: u64) -> Result<(), Failure> {
        self.nodes[node.index()].role = Some(role);
        match role {
            Role::Follower | Role::Candidate => Ok(()),
            Role::Leader => {
                let leader = *self.leaders.entry(term).or_insert(node);
                self.check(Check::ElectionSafety, leader == node, || {
                    format!("{node} became leader of term {term}, which {leader} already led")
                })
            }
        }
    }

    fn appended(&mut self, node: NodeId, index: u64, term: u64, payload: u64) -> Result<(), Failure> {
        let ghost = &mut self.nodes[node.index()];
        let last = ghost.log.len() as u64;
        let commit = ghost.commit;
        self.check(Check::Order, (1..=last + 1).contains(&index), || {
            format!("{node} appended at index {index}, with its last entry at {last}")
        })?;
        self.check(Check::CommittedIsImmutable, index > commit, || {
            format!("{node} replaced its entry at index {index}, with everything up to {commit} committed")
        })?;
        if index == 0 || index > last + 1 {
            return Ok(());
        }
        let ghost = &mut self.nodes[node.index()];
        ghost.log.truncate(index as usize - 1);
        let previous = ghost.log.last().map_or(0, |entry| entry.chain);
        let entry = LogEntry { term, chain: Digest::of(&[previous, term, payload]) };
        ghost.log.push(entry);
        let known = self.chain_at(index, entry);
        self.check(Check::LogMatching, known == entry.chain, || {
            format!("{node} has an entry of term {term} at index {index} that another node has after a different log")
        })
    }

    /// The chain hash first seen for an index and term.
    fn chain_at(&mut self, index: u64, entry: LogEntry) -> u64 {
        let position = index as usize - 1;
        let Some(chains) = self.chains.get_mut(position) else {
            // Logs have no gaps, so a new highest index is always the next one.
            self.chains.push(Chains { first: entry, others: Vec::new() });
            return entry.chain;
        };
        if chains.first.term == entry.term {
            return chains.first.chain;
        }
        if let Some(known) = chains.others.iter().find(|known| known.term == entry.term) {
            return known.chain;
        }
        chains.others.push(entry);
        entry.chain
    }

    fn committed(&mut self, node: NodeId, index: u64) -> Result<(), Failure> {
        let ghost = &mut self.nodes[node.index()];
        let before = std::mem::replace(&mut ghost.commit, index);
        let last = ghost.log.len() as u64;
        self.check(Check::Monotonic, before <= index, || {
            format!("{node} lowered its commit index from {before} to {index}")
        })?;
        self.check(Check::Order, index <= last, || {
            format!("{node} committed up to {index}, with its last entry at {last}")
        })
    }

    fn applied(&mut self, node: NodeId, index: u64, term: u64, payload: u64, state: u64) -> Result<(), Failure> {
        let ghost = &mut self.nodes[node.index()];
        let before = std::mem::replace(&mut ghost.applied, index);
        let commit = ghost.commit;
        ghost.state = state;
        self.check(Check::Monotonic, index == before + 1, || {
            format!("{node} applied index {index} right after {before}")
        })?;
        self.check(Check::Order, index <= commit, || {
            format!("{node} applied index {index}, with entries committed up to {commit}")
        })?;
        let mine = AppliedEntry { entry: Digest::of(&[term, payload]), state, by: node };
        if self.applied.len() as u64 + 1 == index {
            self.applied.push(mine);
        }
        let first =
            index.checked_sub(1).and_then(|position| self.applied.get(position as usize)).copied().unwrap_or(mine);
        self.check(Check::StateMachineSafety, first.entry == mine.entry, || {
            format!(
                "{node} applied an entry at index {index} that differs from the one that {} applied there",
                first.by
            )
        })?;
        self.check(Check::ReplicaAgreement, first.state == state, || {
            format!("{node} has another state than {} after applying index {index}", first.by)
        })
    }

    fn check(&self, check: Check, holds: bool, why: impl FnOnce() -> String) -> Result<(), Failure> {
        if holds || !self.checks.contains(check) { Ok(()) } else { Err((check, why())) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: NodeId = NodeId(0);
    const B: NodeId = NodeId(1);

    fn append(index: u64, term: u64, payload: u64) -> Observation {
        Observation::Appended { index, term, payload }
    }

    fn apply(index: u64, payload: u64, state: u64) -> Observation {
        Observation::Applied { index, term: 1, payload, state }
    }

    /// Every step but the last must pass; the last must fail with this check.
    fn fails(check: Check, steps: &[(NodeId, Observation)]) {
        let mut observer = Observer::new(2, Checks::all());
        let (last, before) = steps.split_last().expect("at least one step");
        for (node, observation) in before {
            observer.observe(*node, *observation).expect("the step is legal");
        }
        let (failed, _) = observer.observe(last.0, last.1).expect_err("the last step is illegal");
        assert_eq!(failed, check);
        let mut blind = Observer::new(2, Checks::none());
        assert!(steps.iter().all(|(node, observation)| blind.observe(*node, *observation).is_ok()));
    }

    #[test]
    fn two_leaders_of_a_term() {
        let leads = Observation::Role { role: Role::Leader, term: 3 };
        fails(Check::ElectionSafety, &[(A, leads), (A, leads), (B, leads)]);
    }

    #[test]
    fn equal_entries_after_different_logs() {
        let steps = [(A, append(1, 1, 10)), (B, append(1, 2, 20)), (A, append(2, 3, 30)), (B, append(2, 3, 30))];
        fails(Check::LogMatching, &steps);
    }

    #[test]
    fn a_gap_in_the_log() {
        fails(Check::Order, &[(A, append(1, 1, 1)), (A, append(3, 1, 1))]);
    }

    #[test]
    fn a_committed_entry_replaced() {
        let commit = Observation::Committed { index: 1 };
        fails(Check::CommittedIsImmutable, &[(A, append(1, 1, 1)), (A, commit), (A, append(1, 2, 2))]);
    }

    #[test]
    fn commit_beyond_the_log() {
        fails(Check::Order, &[(A, append(1, 1, 1)), (A, Observation::Committed { index: 2 })]);
    }

    #[test]
    fn a_term_that_falls() {
        let term = |term| (A, Observation::Term { term });
        fails(Check::Monotonic, &[term(4), term(3)]);
    }

    #[test]
    fn a_restart_below_a_term_that_was_sent() {
        let (enters, sends) = (Observation::Term { term: 4 }, Observation::Sent { term: 4 });
        let booted = |term| (A, Observation::Booted { term });
        fails(Check::Monotonic, &[(A, enters), booted(3), (A, enters), (A, sends), booted(4), booted(3)]);
    }

    #[test]
    fn an_entry_applied_twice() {
        let commit = Observation::Committed { index: 1 };
        let steps = [(A, append(1, 1, 1)), (A, commit), (A, apply(1, 1, 5)), (A, apply(1, 1, 5))];
        fails(Check::Monotonic, &steps);
    }

    #[test]
    fn different_entries_or_states_at_an_applied_index() {
        let both = |second: Observation, check| {
            let commit = Observation::Committed { index: 1 };
            let log = [(A, append(1, 1, 1)), (B, append(1, 1, 1)), (A, commit), (B, commit)];
            fails(check, &[&log[..], &[(A, apply(1, 1, 5)), (B, second)]].concat());
        };
        both(apply(1, 2, 5), Check::StateMachineSafety);
        both(apply(1, 1, 6), Check::ReplicaAgreement);
    }

    #[test]
    fn the_leader_is_the_one_of_the_highest_term_while_it_leads() {
        let mut observer = Observer::new(2, Checks::all());
        assert_eq!(observer.leader(), None);
        for (node, term) in [(A, 1), (B, 2)] {
            observer.observe(node, Observation::Term { term }).expect("legal");
            observer.observe(node, Observation::Role { role: Role::Leader, term }).expect("legal");
        }
        assert_eq!(observer.leader(), Some(B));
        observer.crashed(B);
        assert_eq!(observer.leader(), None);
    }
}
