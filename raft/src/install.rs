//! Receiving and installing a leader's snapshot (paper 7, Figure 13, receiver's part).
//!
//! An installed snapshot replaces the log up to its end. If the log has the snapshot's last entry, what is behind it
//! stays: it may have been acknowledged. Else the whole log goes. The acknowledgement is that of an append, and waits
//! for the write that has the snapshot.
//!
//! Simplification: a server that has the snapshot's last entry in its log, but does not know that it is committed,
//! receives the whole snapshot all the same.

use std::sync::Arc;

use crate::assembly::Assembly;
use crate::bugs::{self, Bug};
use crate::effect::Effect;
use crate::log::Position;
use crate::message::{AppendReply, AppendResult, Body, InstallSnapshot, SnapshotReply};
use crate::probe::Probe;
use crate::replica::Replica;
use crate::snapshot::Snapshot;
use crate::types::{Index, NodeId, Term};

impl Replica {
    /// A part of an older term's snapshot: its sender learns that it is deposed.
    pub(crate) fn reject_deposed_sender(&mut self, from: NodeId, part: &InstallSnapshot) {
        let reply = SnapshotReply { last_index: part.last_index, received: 0, round: part.round };
        self.send_when_durable(from, Body::SnapshotReply(reply));
    }

    /// The leader of the current term sends a part of a snapshot.
    pub(crate) fn receive_install_snapshot(&mut self, from: NodeId, part: &InstallSnapshot) {
        if !is_well_formed(self.term(), part) {
            return;
        }
        self.follow(from);
        if part.last_index <= self.commit && !bugs::is_on(Bug::OlderSnapshotInstalled) {
            self.probe(Probe::StaleSnapshotIgnored);
            return self.acknowledge(from, part);
        }
        if let Some(assembly) = &self.assembly
            && !assembly.is_of(part)
        {
            if part.last_index < assembly.last_index() {
                return;
            }
            self.probe(Probe::SnapshotSuperseded);
            self.assembly = None;
        }
        let term = self.term();
        let assembly = self.assembly.get_or_insert_with(|| Box::new(Assembly::new(from, term, part)));
        assembly.take(part);
        let received = assembly.received();
        match assembly.complete() {
            Some(snapshot) => {
                self.install(snapshot);
                self.acknowledge(from, part);
            }
            None => {
                let reply = SnapshotReply { last_index: part.last_index, received, round: part.round };
                self.send_when_durable(from, Body::SnapshotReply(reply));
            }
        }
    }

    /// What another leader began to send is of no use: it need not have cut its state into the same bytes.
    pub(crate) fn drop_assembly_of_another(&mut self, leader: NodeId) {
        let term = self.term();
        if self.assembly.as_ref().is_some_and(|assembly| !assembly.is_from(leader, term)) {
            self.assembly = None;
            self.probe(Probe::LeaderFailsMidSnapshot);
        }
    }

    /// What is committed here needs no snapshot.
    pub(crate) fn drop_overtaken_assembly(&mut self) {
        if self.assembly.as_ref().is_some_and(|assembly| assembly.last_index() <= self.commit) {
            self.assembly = None;
        }
    }

    fn install(&mut self, snapshot: Snapshot) {
        let Snapshot { index, term, .. } = snapshot;
        if bugs::is_on(Bug::OlderSnapshotInstalled) && index <= self.commit {
            return self.effects.push(Effect::Restore(Arc::new(snapshot)));
        }
        if bugs::is_on(Bug::SnapshotLowersTerm) {
            self.hard_state.term = term;
        }
        let term = if bugs::is_on(Bug::SnapshotTermLost) { Term(0) } else { term };
        let configuration = Arc::clone(&snapshot.configuration);
        if self.log.governing().configuration != configuration {
            self.probe(Probe::ConfigurationFromSnapshot);
        }
        if self.log.term_at(index) == Some(term) && !bugs::is_on(Bug::SuffixDropped) {
            if index < self.log.last_index() {
                self.probe(Probe::SnapshotKeepsMatchingSuffix);
            }
            self.log.compact(index);
            self.log.rebase(configuration);
        } else {
            if self.log.last_index() > self.log.compacted().index {
                self.probe(Probe::SnapshotDiscardsLog);
            }
            // Of the old log, only what is committed is known to be the snapshot's.
            self.writes.truncate(self.commit);
            self.log.restart(Position { index, term }, configuration);
        }
        self.commit = index;
        self.assembly = None;
        let snapshot = Arc::new(snapshot);
        self.writes.install(&snapshot);
        self.snapshot = Some(snapshot);
    }

    /// Everything committed equals the leader's log, and more than the snapshot covers may be.
    fn acknowledge(&mut self, from: NodeId, part: &InstallSnapshot) {
        let result = AppendResult::Accepted { matched: self.commit };
        self.send_when_durable(from, Body::AppendReply(AppendReply { round: part.round, result }));
    }
}

/// Whether a leader of this term can have sent this.
fn is_well_formed(term: Term, part: &InstallSnapshot) -> bool {
    let ends_within = part.offset.checked_add(part.data.len() as u64).is_some_and(|end| end <= part.length);
    let covers_something = part.last_index > Index(0) && part.last_term > Term(0) && part.last_term <= term;
    ends_within && covers_something && !part.configuration.voters.is_empty() && part.configuration.validate().is_ok()
}
