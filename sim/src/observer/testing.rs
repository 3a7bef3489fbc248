//! Plays for the observer's tests: what the servers of a small cluster say, step by step. Every step must be legal, but
//! for the last one of a play that is to fail.

use super::Observer;
use crate::disk::{Operation, Standing};
use crate::invariant::{Check, Checks};
use crate::kernel::Keep;
use crate::members::{Members, ServerId};
use crate::node::NodeId;
use crate::observe::{Observation, Promise, Role};

pub(super) const A: NodeId = NodeId(0);
pub(super) const B: NodeId = NodeId(1);
pub(super) const C: NodeId = NodeId(2);
pub(super) const D: NodeId = NodeId(3);
pub(super) const E: NodeId = NodeId(4);

const SERVERS: usize = 5;

/// Something that happens in a play.
#[derive(Clone, Copy, Debug)]
enum Step {
    Says(NodeId, Observation),
    BootEnds(NodeId),
    Synced(NodeId),
    Crashes(NodeId),
    Wiped(NodeId),
}

/// Steps, so far.
#[derive(Clone, Debug, Default)]
pub(super) struct Play(Vec<Step>);

pub(super) fn id(node: NodeId) -> ServerId {
    ServerId(u64::from(node.0))
}

pub(super) fn members(nodes: &[NodeId]) -> Members {
    Members::of(nodes.iter().map(|node| id(*node)))
}

pub(super) fn voters(index: u64, nodes: &[NodeId]) -> Observation {
    Observation::Configured {
        index,
        voters: members(nodes),
        outgoing: Members::default(),
        learners: Members::default(),
    }
}

impl Play {
    /// Servers that say nothing of disks or members.
    pub(super) fn empty() -> Play {
        Play::default()
    }

    /// A cluster of three servers.
    pub(super) fn cluster() -> Play {
        [A, B, C].into_iter().fold(Play::empty(), |play, node| play.boots(node, 0, None))
    }

    /// A cluster of five servers.
    pub(super) fn cluster_of_five() -> Play {
        let all = [A, B, C, D, E];
        all.into_iter().fold(Play::empty(), |play, node| {
            let booted = Observation::Booted { id: id(node), term: 0, vote: None };
            play.says(node, booted).says(node, voters(0, &all)).boot_ends(node)
        })
    }

    /// A cluster of three servers with a leader of term 1, A, elected by the votes of A and B.
    pub(super) fn led() -> Play {
        Play::cluster().elects(A, 1, &[B])
    }

    pub(super) fn says(mut self, node: NodeId, observation: Observation) -> Play {
        self.0.push(Step::Says(node, observation));
        self
    }

    /// Starts one of the first three servers, with nothing in its log.
    pub(super) fn boots(self, node: NodeId, term: u64, vote: Option<NodeId>) -> Play {
        self.begins_to_boot(node, term, vote).boot_ends(node)
    }

    pub(super) fn begins_to_boot(self, node: NodeId, term: u64, vote: Option<NodeId>) -> Play {
        let booted = Observation::Booted { id: id(node), term, vote: vote.map(id) };
        self.says(node, booted).says(node, voters(0, &[A, B, C]))
    }

    pub(super) fn boot_ends(mut self, node: NodeId) -> Play {
        self.0.push(Step::BootEnds(node));
        self
    }

    pub(super) fn synced(mut self, node: NodeId) -> Play {
        self.0.push(Step::Synced(node));
        self
    }

    pub(super) fn crashes(mut self, node: NodeId) -> Play {
        self.0.push(Step::Crashes(node));
        self
    }

    pub(super) fn wiped(mut self, node: NodeId) -> Play {
        self.0.push(Step::Wiped(node));
        self
    }

    pub(super) fn enters(self, node: NodeId, term: u64) -> Play {
        self.says(node, Observation::Term { term })
    }

    pub(super) fn becomes(self, node: NodeId, role: Role, term: u64) -> Play {
        self.says(node, Observation::Role { role, term })
    }

    /// Writes a hard state, durably.
    pub(super) fn persists(self, node: NodeId, term: u64, vote: Option<NodeId>) -> Play {
        self.says(node, Observation::WroteHardState { term, vote: vote.map(id) }).synced(node)
    }

    pub(super) fn sends(self, node: NodeId, term: u64, promise: Promise) -> Play {
        self.says(node, Observation::Sent { term, promise })
    }

    pub(super) fn acknowledges(self, node: NodeId, term: u64, matched: u64) -> Play {
        self.sends(node, term, Promise::Ack { matched })
    }

    /// Follows a leader into its term, durably.
    pub(super) fn follows(self, node: NodeId, term: u64) -> Play {
        self.enters(node, term).becomes(node, Role::Follower, term).persists(node, term, None)
    }

    /// Stands for election with its own vote.
    pub(super) fn stands(self, node: NodeId, term: u64) -> Play {
        let stands = self.enters(node, term).becomes(node, Role::Candidate, term).persists(node, term, Some(node));
        stands.sends(node, term, Promise::AskVote)
    }

    pub(super) fn votes(self, node: NodeId, term: u64, to: NodeId) -> Play {
        let votes = self.enters(node, term).becomes(node, Role::Follower, term).persists(node, term, Some(to));
        votes.sends(node, term, Promise::Vote { to: id(to) })
    }

    pub(super) fn elects(self, leader: NodeId, term: u64, others: &[NodeId]) -> Play {
        let play = others.iter().fold(self.stands(leader, term), |play, node| play.votes(*node, term, leader));
        play.becomes(leader, Role::Leader, term)
    }

    /// Appends an entry in memory; its payload is its index.
    pub(super) fn appends(self, node: NodeId, index: u64, term: u64) -> Play {
        self.says(node, Observation::Appended { index, term, payload: index })
    }

    pub(super) fn writes(self, node: NodeId, index: u64, term: u64) -> Play {
        self.says(node, Observation::WroteEntries { index, term })
    }

    /// Appends an entry, in memory and on disk.
    pub(super) fn stores(self, node: NodeId, index: u64, term: u64) -> Play {
        self.appends(node, index, term).writes(node, index, term).synced(node)
    }

    pub(super) fn store(self, nodes: &[NodeId], index: u64, term: u64) -> Play {
        nodes.iter().fold(self, |play, node| play.stores(*node, index, term))
    }

    pub(super) fn commits(self, node: NodeId, index: u64) -> Play {
        self.says(node, Observation::Committed { index })
    }

    /// Applies an entry with its index as payload and as state.
    pub(super) fn applies(self, node: NodeId, index: u64, term: u64) -> Play {
        self.says(node, Observation::Applied { index, term, payload: index, state: index })
    }

    /// Every step must be legal. Returns the observer.
    pub(super) fn passes(&self) -> Observer {
        self.passes_with(Checks::all(), Keep::Everything)
    }

    pub(super) fn passes_with(&self, checks: Checks, keep: Keep) -> Observer {
        let mut observer = Observer::new(SERVERS, checks, keep);
        for step in &self.0 {
            let result = take(&mut observer, *step);
            assert!(result.is_ok(), "{step:?} is legal: {result:?}");
        }
        observer
    }

    /// Every step but the last must be legal; that must fail this check. Without checks nothing fails.
    pub(super) fn fails(mut self, check: Check) {
        self.passes_with(Checks::none(), Keep::Nothing);
        let last = self.0.pop().expect("a play has steps");
        let mut observer = self.passes();
        let (failed, why) = take(&mut observer, last).expect_err("the last step is illegal");
        assert_eq!(failed, check, "{why}");
    }
}

fn take(observer: &mut Observer, step: Step) -> Result<(), super::Failure> {
    match step {
        Step::Says(node, observation) => observer.observe(node, &observation, Operation::default()),
        Step::BootEnds(node) => observer.boot_ends(node),
        Step::Synced(node) => observer.synced(node, |_| Standing::Durable),
        Step::Crashes(node) => {
            observer.crashed(node);
            Ok(())
        }
        Step::Wiped(node) => {
            observer.wiped(node);
            Ok(())
        }
    }
}
