//! What disks truly hold: the writes of a node that syncs have covered, what a crash may take, and what is said on it
//! (paper 5.6, dissertation 3.8).
//!
//! A write becomes part of a ghost disk when the simulated disk would no longer lose it, and only together with all
//! writes before it: a server that finds its second write without the first one must not use it. Snapshots are saved
//! beside the log and count by themselves. A crash gives back at least all that, but for what an unsynced write may have
//! replaced.

use std::collections::VecDeque;

use super::ghost::{Ghost, GhostDisk, Life, Pending, Promised, Wrote, memory};
use super::{Failure, Observer};
use crate::disk::{Operation, Standing};
use crate::invariant::Check;
use crate::members::ServerId;
use crate::node::NodeId;

/// How many erased disks of an address are remembered: as many as [`crate::Members`] tells apart beside the present one.
const GRAVES_KEPT: usize = 3;

impl Observer {
    /// A node begins to say what its disk kept: I2, I11.
    pub(super) fn booted(
        &mut self,
        node: NodeId,
        id: ServerId,
        term: u64,
        vote: Option<ServerId>,
    ) -> Result<(), Failure> {
        let ghost = &mut self.nodes[node.index()];
        ghost.forget_memory();
        if ghost.id != id {
            ghost.term_sent = 0;
        }
        let (term_sent, promised) = (ghost.term_sent, ghost.promised);
        ghost.id = id;
        ghost.life = Life::Booting;
        ghost.term = term;
        ghost.role_term = term;
        ghost.disk = GhostDisk { term, vote, ..GhostDisk::default() };
        self.require(Check::Monotonic, promised.term <= term, || {
            format!("{node} restarts in term {term}, with term {} on its disk", promised.term)
        })?;
        let kept = promised.term < term || promised.vote.is_none() || promised.vote == vote;
        self.require(Check::VoteOnce, kept, || {
            let promised = promised.vote.unwrap_or_default();
            format!("{node} restarts in term {term} without its vote for {promised}, which is on its disk")
        })?;
        self.require(Check::Monotonic, term_sent <= term, || {
            format!("{node} restarts in term {term}, after it sent messages of term {term_sent}")
        })
    }

    /// A node has said what its disk kept: I8.
    pub(crate) fn boot_ends(&mut self, node: NodeId) -> Result<(), Failure> {
        let Some(ghost) = self.nodes.get_mut(node.index()).filter(|ghost| ghost.life == Life::Booting) else {
            return Ok(());
        };
        ghost.life = Life::Running;
        ghost.is_damaged = false;
        let promised = std::mem::take(&mut ghost.promised);
        self.look();
        let Promised { index, index_term, .. } = promised;
        if !self.online {
            return Ok(());
        }
        let ghost = &self.nodes[node.index()];
        let kept = ghost.disk.log.base() >= index || ghost.disk.log.holds(index, index_term);
        let last = ghost.disk.log.last();
        self.require(Check::QuorumDurability, kept, || {
            format!(
                "{node} restarts with its log up to {last} and without the entry of term {index_term} at index {index}, \
                 which was durable"
            )
        })?;
        self.frontier_is_held(node)
    }

    /// While a node boots, what it says of its log is said of its disk.
    #[inline]
    pub(super) fn tell_disk_at_boot(&mut self, node: NodeId, tell: impl FnOnce(&mut GhostDisk)) {
        let ghost = &mut self.nodes[node.index()];
        if ghost.life == Life::Booting {
            tell(&mut ghost.disk);
        }
    }

    /// A node says what a write means that its disk was just given.
    pub(super) fn wrote(&mut self, node: NodeId, pending: Pending) -> Result<(), Failure> {
        self.told.disks = true;
        let ghost = &mut self.nodes[node.index()];
        match pending.wrote {
            Wrote::HardState { .. } => ghost.pending.push_back(pending),
            Wrote::Snapshot { .. } => ghost.pending_snapshots.push_back(pending),
            Wrote::Entries { index, term } => {
                ghost.pending.push_back(pending);
                self.require(Check::LogMatching, self.records.knows(index, term), || {
                    format!("{node} wrote an entry of term {term} at index {index}, which no log has")
                })?;
            }
        }
        Ok(())
    }

    /// A sync of a node is done: takes over what the disk would not lose any more. I8 and I15, for disks.
    pub(crate) fn synced(&mut self, node: NodeId, standing: impl Fn(Operation) -> Standing) -> Result<(), Failure> {
        while let Some(wrote) = settled(&mut self.nodes[node.index()].pending_snapshots, &standing) {
            self.durable(node, wrote)?;
        }
        while let Some(wrote) = settled(&mut self.nodes[node.index()].pending, &standing) {
            self.durable(node, wrote)?;
        }
        Ok(())
    }

    fn durable(&mut self, node: NodeId, wrote: Wrote) -> Result<(), Failure> {
        let Ghost { disk, log, logs_replaced, .. } = &mut self.nodes[node.index()];
        match wrote {
            Wrote::HardState { term, vote } => {
                (disk.term, disk.vote) = (term, vote);
                Ok(())
            }
            Wrote::Entries { index, term } => {
                let (before, durable) = (disk.log.last(), disk.term);
                let kept = disk.log.become_log_of(index, term, &self.records, memory(log, logs_replaced));
                self.require(Check::LogTerms, term <= durable, || {
                    format!("the disk of {node} has an entry of term {term} at index {index}, and term {durable}")
                })?;
                if kept < before { self.frontier_is_held(node) } else { Ok(()) }
            }
            Wrote::Snapshot { index, term } => {
                disk.log.restore(index, term);
                logs_replaced.retain(|(by, _)| *by > index);
                self.forget();
                self.frontier_is_held(node)
            }
        }
    }

    /// A node went down: what it did not persist is gone, and it leads nobody.
    pub(crate) fn crashed(&mut self, node: NodeId) {
        let Some(ghost) = self.nodes.get_mut(node.index()) else { return };
        self.crashes += 1;
        ghost.role = None;
        if matches!(ghost.life, Life::New | Life::Down) {
            return;
        }
        ghost.life = Life::Down;
        let disk = &ghost.disk;
        let (mut log, mut index) = (disk.log.clone(), disk.log.last());
        for Pending { wrote, .. } in ghost.pending.drain(..).chain(ghost.pending_snapshots.drain(..)) {
            match wrote {
                Wrote::HardState { .. } => {}
                Wrote::Entries { index: last, term } => {
                    let memory = memory(&ghost.log, &ghost.logs_replaced);
                    index = index.min(log.become_log_of(last, term, &self.records, memory));
                }
                Wrote::Snapshot { index: last, term } => {
                    log.restore(last, term);
                    index = index.min(log.last());
                }
            }
        }
        let index = index.max(disk.log.base());
        let index_term = disk.log.term_at(index).unwrap_or_default();
        ghost.promised = Promised { term: disk.term, vote: disk.vote, index, index_term };
        self.look();
    }

    /// A node's disk was erased, after it went down.
    pub(crate) fn wiped(&mut self, node: NodeId) {
        let Some(ghost) = self.nodes.get_mut(node.index()) else { return };
        let disk = std::mem::take(&mut ghost.disk);
        if ghost.life != Life::New {
            ghost.graves.push((ghost.id, disk.log));
            let forgotten = ghost.graves.len().saturating_sub(GRAVES_KEPT);
            ghost.graves.drain(..forgotten);
        }
        ghost.forget_memory();
        ghost.promised = Promised::default();
        ghost.is_damaged = false;
        ghost.life = Life::New;
        self.look();
    }

    /// A node's disk was damaged, after it went down. Until it has booted, it may turn out to be lost.
    pub(crate) fn damaged(&mut self, node: NodeId) {
        if let Some(ghost) = self.nodes.get_mut(node.index()) {
            ghost.is_damaged = true;
        }
    }

    /// I10: an acknowledgement leaves a node.
    pub(super) fn acknowledged(&self, node: NodeId, term: u64, matched: u64) -> Result<(), Failure> {
        self.require(Check::AckHonesty, !self.elections.had_no_leader(term), || {
            format!("{node} acknowledged entries of a leader of term {term}, which has none")
        })?;
        let Some(expected) = self.elections.term_led_at(term, matched).filter(|_| self.told.disks) else {
            return Ok(());
        };
        let disk = &self.nodes[node.index()].disk;
        // What waited for a write may leave when a later one of the same sync, of a later term, has replaced it. That is
        // harmless: whoever leads the later term was elected by others, or has the entry (paper 5.4.3).
        let is_over = disk.term > term;
        self.require(Check::AckHonesty, is_over || disk.log.holds(matched, expected), || {
            let has = match disk.log.term_at(matched) {
                Some(other) => format!("one of term {other} there"),
                None => format!("entries up to {}", disk.log.last()),
            };
            format!("{node} acknowledged the entry of term {expected} at index {matched}, and its disk has {has}")
        })
    }
}

/// The oldest write, if a crash cannot undo it any more. What is gone is passed over.
fn settled(pending: &mut VecDeque<Pending>, standing: &impl Fn(Operation) -> Standing) -> Option<Wrote> {
    loop {
        let Pending { operation, wrote } = *pending.front()?;
        match standing(operation) {
            Standing::Pending => return None,
            Standing::Void => drop(pending.pop_front()),
            Standing::Durable => {
                pending.pop_front();
                return Some(wrote);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{A, B, C, Play, id, voters};
    use super::*;
    use crate::invariant::Checks;
    use crate::kernel::Keep;
    use crate::observe::Observation;

    /// B stored one entry of term 1 and voted in that term.
    fn stored() -> Play {
        Play::led().store(&[A, B], 1, 1)
    }

    #[test]
    fn an_acknowledgement_of_what_is_durable_is_honest() {
        stored().acknowledges(B, 1, 1).acknowledges(B, 1, 0).passes();
    }

    #[test]
    fn an_acknowledgement_before_the_sync() {
        let written = stored().appends(A, 2, 1).appends(B, 2, 1).writes(B, 2, 1);
        written.clone().acknowledges(B, 1, 2).fails(Check::AckHonesty);
        written.synced(B).acknowledges(B, 1, 2).passes();
    }

    #[test]
    fn an_acknowledgement_of_another_entry() {
        // B has an entry of term 1 where the leader of term 2 has one of its own.
        let other = stored().elects(C, 2, &[A]).appends(C, 1, 2).follows(B, 2);
        other.acknowledges(B, 2, 1).fails(Check::AckHonesty);
    }

    #[test]
    fn an_acknowledgement_to_nobody() {
        stored().elects(C, 3, &[A]).persists(B, 2, None).acknowledges(B, 2, 1).fails(Check::AckHonesty);
    }

    #[test]
    fn an_acknowledgement_may_leave_with_the_write_that_replaced_it() {
        // Both writes share a sync: the disk has the second one when the acknowledgement of the first one leaves.
        let first = Play::led().appends(A, 1, 1).appends(B, 1, 1).writes(B, 1, 1);
        let second = first.stands(C, 2).votes(A, 2, C).becomes(C, crate::observe::Role::Leader, 2).appends(C, 1, 2);
        let hard = Observation::WroteHardState { term: 2, vote: None };
        let both = second.enters(B, 2).says(B, hard).appends(B, 1, 2).writes(B, 1, 2).synced(B);
        both.clone().acknowledges(B, 1, 1).passes();
        both.acknowledges(B, 2, 1).passes();
    }

    #[test]
    fn what_a_snapshot_replaced_in_memory_is_remembered_until_that_is_durable() {
        let mut play = Play::led();
        for index in 1..=9 {
            play = play.store(&[A, B], index, 1).commits(A, index).applies(A, index, 1);
        }
        let mut play = play.follows(C, 1).appends(C, 1, 1);
        for index in 2..=9 {
            play = play.says(C, Observation::Restored { index, term: 1, state: index });
        }
        let remembered = |play: &Play| play.passes().nodes[C.index()].logs_replaced.len();
        assert_eq!(remembered(&play), 8);
        let written = |index| play.clone().says(C, Observation::WroteSnapshot { index, term: 1 });
        assert_eq!(remembered(&written(5)), 8, "nothing is durable before the sync");
        assert_eq!(remembered(&written(5).synced(C)), 4);
        assert_eq!(remembered(&written(9).synced(C)), 0);
        assert_eq!(remembered(&play.crashes(C).begins_to_boot(C, 1, None)), 0);
    }

    #[test]
    fn entries_on_disk_before_their_term() {
        let entries = Play::cluster().enters(B, 1).appends(B, 1, 1).writes(B, 1, 1);
        entries.synced(B).fails(Check::LogTerms);
    }

    #[test]
    fn an_entry_on_disk_that_no_log_has() {
        Play::led().writes(A, 1, 1).fails(Check::LogMatching);
    }

    #[test]
    fn a_write_counts_only_with_those_before_it() {
        let mut observer = Play::led().appends(A, 1, 1).writes(A, 1, 1).appends(A, 2, 1).writes(A, 2, 1).passes();
        let first = std::cell::Cell::new(true);
        let standing = |_| if first.replace(false) { Standing::Pending } else { Standing::Durable };
        observer.synced(A, standing).expect("a sync is legal");
        assert_eq!(observer.nodes[A.index()].disk.log.last(), 0);
        observer.synced(A, |_| Standing::Void).expect("a sync is legal");
        assert_eq!(observer.nodes[A.index()].disk.log.last(), 0, "what is gone never becomes durable");
    }

    #[test]
    fn a_restart_below_a_term_that_was_sent_or_durable() {
        let sent = Play::empty().enters(A, 4).sends(A, 4, crate::observe::Promise::Other).crashes(A);
        sent.clone().begins_to_boot(A, 4, None).passes();
        let booted = Observation::Booted { id: id(A), term: 3, vote: None };
        sent.says(A, booted).fails(Check::Monotonic);
        Play::cluster().persists(A, 4, None).crashes(A).says(A, booted).fails(Check::Monotonic);
    }

    #[test]
    fn a_restart_without_its_vote() {
        let voted = Play::cluster().persists(A, 4, Some(B)).crashes(A);
        let booted = |vote| Observation::Booted { id: id(A), term: 4, vote };
        voted.clone().says(A, booted(Some(id(B)))).passes();
        voted.clone().says(A, booted(None)).fails(Check::VoteOnce);
        voted.says(A, booted(Some(id(C)))).fails(Check::VoteOnce);
    }

    #[test]
    fn a_restart_without_an_entry_that_was_durable() {
        let down = stored().stores(B, 2, 1).crashes(B).begins_to_boot(B, 1, Some(A));
        down.clone().appends(B, 1, 1).appends(B, 2, 1).boot_ends(B).passes();
        down.appends(B, 1, 1).boot_ends(B).fails(Check::QuorumDurability);
    }

    #[test]
    fn a_restart_may_miss_or_have_what_no_sync_covered() {
        let down = stored().appends(B, 2, 1).writes(B, 2, 1).crashes(B).begins_to_boot(B, 1, Some(A)).appends(B, 1, 1);
        down.clone().boot_ends(B).passes();
        down.appends(B, 2, 1).boot_ends(B).passes();
    }

    #[test]
    fn a_restart_may_miss_what_an_unsynced_write_replaced() {
        let tail = stored().stores(B, 2, 1).stores(B, 3, 1).stands(C, 2).votes(A, 2, C);
        let tail = tail.becomes(C, crate::observe::Role::Leader, 2).appends(C, 1, 1).appends(C, 2, 2);
        let replaced = tail.follows(B, 2).appends(B, 2, 2).writes(B, 2, 2).crashes(B).begins_to_boot(B, 2, None);
        replaced.clone().appends(B, 1, 1).appends(B, 2, 2).boot_ends(B).passes();
        replaced.clone().appends(B, 1, 1).boot_ends(B).passes();
        replaced.boot_ends(B).fails(Check::QuorumDurability);
    }

    #[test]
    fn a_snapshot_stands_for_the_log_that_it_covers() {
        let committed = stored().commits(A, 1).commits(B, 1).applies(A, 1, 1).applies(B, 1, 1);
        let taken = committed.says(B, Observation::SnapshotTaken { index: 1, state: 1 });
        let written = taken.says(B, Observation::WroteSnapshot { index: 1, term: 1 }).synced(B);
        let down = written.crashes(B).begins_to_boot(B, 1, Some(A));
        let restored = down.clone().says(B, Observation::Restored { index: 1, term: 1, state: 1 });
        restored.says(B, voters(1, &[A, B, C])).boot_ends(B).acknowledges(B, 1, 1).passes();
        down.boot_ends(B).fails(Check::QuorumDurability);
    }

    #[test]
    fn a_majority_that_loses_what_is_committed() {
        // The disk of B gives back less than a sync promised; a run that does not look at restarts sees the majority go.
        let without_restart = |observer: &mut Observer| observer.nodes[B.index()].promised = Promised::default();
        let mut observer = stored().commits(A, 1).crashes(B).passes();
        without_restart(&mut observer);
        let booted = Observation::Booted { id: id(B), term: 1, vote: Some(id(A)) };
        observer.observe(B, &booted, Operation::default()).expect("its hard state is there");
        let (failed, why) = observer.boot_ends(B).expect_err("one disk of three is left");
        assert_eq!(failed, Check::QuorumDurability, "{why}");
        assert!(why.contains("committed at index 1 is on 1 of them (n0)"), "{why}");
    }

    #[test]
    fn a_majority_that_replaces_what_is_committed() {
        let committed = stored().commits(A, 1);
        let replaced = committed.clone().enters(B, 2).persists(B, 2, None).appends(B, 1, 2).writes(B, 1, 2);
        replaced.synced(B).fails(Check::QuorumDurability);
        let snapshot = Observation::WroteSnapshot { index: 1, term: 2 };
        committed.says(B, snapshot).synced(B).fails(Check::QuorumDurability);
    }

    #[test]
    fn a_snapshot_on_its_way_holds_up_no_entry() {
        let mut observer = stored().says(B, Observation::WroteSnapshot { index: 1, term: 1 }).passes();
        let append = Observation::Appended { index: 2, term: 1, payload: 2 };
        let write = Observation::WroteEntries { index: 2, term: 1 };
        for observation in [append, write] {
            observer.observe(B, &observation, Operation::default()).expect("a legal step");
        }
        let first = std::cell::Cell::new(true);
        let standing = |_| if first.replace(false) { Standing::Pending } else { Standing::Durable };
        observer.synced(B, standing).expect("a sync is legal");
        let log = &observer.nodes[B.index()].disk.log;
        assert_eq!((log.base(), log.last()), (0, 2));
    }

    #[test]
    fn an_erased_disk_comes_back_as_somebody_else() {
        let erased = stored().commits(A, 1).crashes(B).wiped(B);
        let reborn = crate::members::ServerId(1 | 1 << 16);
        let booted = |id| Observation::Booted { id, term: 0, vote: None };
        erased.clone().says(B, booted(reborn)).says(B, voters(0, &[])).boot_ends(B).passes();
        erased.says(B, booted(id(B))).fails(Check::Monotonic);
    }

    #[test]
    fn without_checks_nothing_is_kept_of_disks() {
        let observer = stored().passes_with(Checks::none(), Keep::Nothing);
        assert!(observer.nodes[B.index()].pending.is_empty() && observer.nodes[B.index()].disk.log.is_empty());
        assert_eq!(observer.leader(), Some(A));
    }
}
