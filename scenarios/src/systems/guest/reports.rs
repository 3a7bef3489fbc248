//! What nodes report of themselves, as the observer wants it.
//!
//! An entry is known by a fingerprint of what it carries, a state by a chain of those of the entries that led to it: nodes
//! that applied the same entries in the same order are in the same state. What it simplifies: a snapshot is not looked
//! into. That it holds what it should is seen by what its owner answers afterwards.

use std::collections::BTreeMap;

use whitewater_sim::observe::{Observation, Promise, Role};
use whitewater_sim::{Context, Digest, NodeId, Process, ServerId};
use xxhash_rust::xxh3::xxh3_64;

use super::protocol::{self, ToSimulator};

/// The largest term and index: what every language can count to.
const NUMBER_MAX: u64 = 1 << 53;

/// What is known of all nodes of a run from their reports.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    /// The state after an index, as the node says that applied it first.
    states: BTreeMap<u64, u64>,
    /// The last vote of each node that left it: its term, and whom it was for.
    votes: BTreeMap<NodeId, (u64, NodeId)>,
}

/// The reports of one life of a node.
#[derive(Debug, Default)]
pub(super) struct Reports {
    /// The index that was applied last, and the state after it.
    applied: (u64, u64),
}

impl Reports {
    /// Tells the observer that the node starts.
    pub(super) fn boot<P: Process>(ledger: &Ledger, context: &mut Context<'_, P>) -> Reports {
        let node = context.node();
        let vote = ledger.votes.get(&node).copied();
        context.observe(Observation::Booted {
            id: server(node),
            // What it has promised it must know again. All else is its own affair.
            term: vote.map_or(0, |(term, _)| term),
            vote: vote.map(|(_, candidate)| server(candidate)),
        });
        Reports::default()
    }

    /// Tells the observer what the node says.
    ///
    /// # Errors
    /// In words, if that cannot be.
    pub(super) fn tell<P: Process>(
        &mut self,
        said: &ToSimulator,
        ledger: &mut Ledger,
        context: &mut Context<'_, P>,
    ) -> Result<(), String> {
        match said {
            ToSimulator::Role { role, term } => {
                let term = number("term", *term, 0)?;
                context.observe(Observation::Term { term });
                context.observe(Observation::Role { role: role_of(*role), term });
            }
            ToSimulator::Commit { index } => {
                context.observe(Observation::Committed { index: number("index", *index, 0)? });
            }
            ToSimulator::Apply { index, term, value } => {
                let (index, term) = (number("index", *index, 1)?, number("term", *term, 0)?);
                let payload = xxh3_64(value.get().as_bytes());
                let state = Digest::of(&[self.applied.1, index, payload]);
                self.applied = (index, state);
                ledger.states.entry(index).or_insert(state);
                context.observe(Observation::Applied { index, term, payload, state });
            }
            ToSimulator::Snapshot { index, .. } => {
                let index = number("index", *index, 1)?;
                let state =
                    if index == self.applied.0 { Some(self.applied.1) } else { ledger.states.get(&index).copied() };
                let state = state.ok_or_else(|| format!("no node has reported that it applied index {index}"))?;
                context.observe(Observation::SnapshotTaken { index, state });
            }
            ToSimulator::Restored { index, term } => {
                let (index, term) = (number("index", *index, 1)?, number("term", *term, 0)?);
                let state = ledger.states.get(&index).copied();
                let state = state.ok_or_else(|| format!("no node has reported that it applied index {index}"))?;
                self.applied = (index, state);
                context.observe(Observation::Restored { index, term, state });
            }
            ToSimulator::Note { text } => context.note(text),
            ToSimulator::Vote { .. }
            | ToSimulator::Timer { .. }
            | ToSimulator::Save { .. }
            | ToSimulator::Done { .. } => {}
        }
        Ok(())
    }

    /// Tells the observer of a vote that cannot be taken back any more.
    ///
    /// # Errors
    /// In words, if there is no such term.
    pub(super) fn vote<P: Process>(
        term: u64,
        candidate: NodeId,
        ledger: &mut Ledger,
        context: &mut Context<'_, P>,
    ) -> Result<(), String> {
        let term = number("term", term, 0)?;
        let latest = ledger.votes.entry(context.node()).or_insert((term, candidate));
        if latest.0 < term {
            *latest = (term, candidate);
        }
        context.observe(Observation::Sent { term, promise: Promise::Vote { to: server(candidate) } });
        Ok(())
    }
}

fn number(what: &str, number: u64, min: u64) -> Result<u64, String> {
    let is_possible = (min..=NUMBER_MAX).contains(&number);
    if is_possible { Ok(number) } else { Err(format!("`{what}` is {number}: it is from {min} to {NUMBER_MAX}")) }
}

fn server(NodeId(number): NodeId) -> ServerId {
    ServerId(u64::from(number))
}

fn role_of(role: protocol::Role) -> Role {
    match role {
        protocol::Role::Follower => Role::Follower,
        protocol::Role::PreCandidate => Role::PreCandidate,
        protocol::Role::Candidate => Role::Candidate,
        protocol::Role::Leader => Role::Leader,
    }
}
