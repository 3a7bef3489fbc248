//! Faults of disks: erased, damaged, and failing ones.
//!
//! A cluster survives that some of its servers lose what they promised, and no more. So a disk is erased or damaged only
//! if the observer says that the cluster can lose this server now, be it in the middle of a change of its members: one that
//! is lost and not replaced yet counts, and so does one that is damaged and has not shown yet that it can do without. A run can
//! be told to lose any disk ([`crate::disk::Losses`]): then it is up to the cluster not to answer wrongly.

use super::Undo;
use super::effect::Gauge;
use crate::disk::Losses;
use crate::fault::{Damage, DiskFailure, FaultKind, Target};
use crate::node::{NodeId, Process};
use crate::trace::{Mark, What};
use crate::world::{Turn, World};

impl<P: Process> World<P> {
    /// Takes from each server of the target what it promised, as far as the cluster survives that. `lose` returns whether there
    /// was anything.
    pub(super) fn lose(
        &mut self,
        number: usize,
        kind: &FaultKind,
        target: &Target,
        lose: impl Fn(&mut Self, NodeId) -> bool,
    ) -> (Undo, Gauge) {
        let (mut struck, mut had_effect) = (Vec::new(), false);
        for node in self.resolve(target) {
            assert!(node.0 < self.servers, "a fault hits servers only: {node}");
            let is_survived = || self.kernel.observer.can_lose(node);
            if self.kernel.disks[node.index()].losses() == Losses::Any || is_survived() {
                self.note_fault(&[node], number, kind, Turn::Begins);
                had_effect |= lose(self, node);
                struck.push(node);
            } else {
                let why = "the cluster would not survive that now";
                self.kernel.note(Some(node), || (What::Note(Mark::Fault), format!("{kind} is left out: {why}")));
            }
        }
        self.injector.latest_hit.clone_from(&struck);
        (Undo::Release(struck), Gauge::known(had_effect))
    }

    pub(super) fn wipe(&mut self, node: NodeId) -> bool {
        let held_anything = !self.kernel.disks[node.index()].list().is_empty();
        self.crash(node);
        self.erase(node);
        held_anything
    }

    /// Gives a server that is down an empty disk.
    pub(super) fn erase(&mut self, node: NodeId) {
        let slot = &mut self.kernel.slots[node.index()];
        slot.generation += 1;
        slot.is_damaged = false;
        self.kernel.disks[node.index()].wipe();
        self.kernel.observer.wiped(node);
    }

    pub(super) fn damage(&mut self, node: NodeId, damage: Damage) -> bool {
        let is_changed = self.kernel.disks[node.index()].damage(damage);
        self.kernel.digest.mix(u64::from(is_changed));
        self.crash(node);
        if is_changed {
            self.kernel.slots[node.index()].is_damaged = true;
            self.kernel.observer.damaged(node);
        } else {
            let text = "has nothing on its disk that could be damaged";
            self.kernel.note(Some(node), || (What::Note(Mark::Fault), text));
        }
        is_changed
    }

    /// Whether a server that does not boot has a damaged disk to blame, and not one that cannot be read right now.
    pub(super) fn must_be_replaced(&self, node: NodeId) -> bool {
        self.kernel.slots[node.index()].is_damaged && !self.kernel.disks[node.index()].fails(DiskFailure::Read)
    }

    pub(super) fn fail_disks(
        &mut self,
        number: usize,
        kind: &FaultKind,
        target: &Target,
        failure: DiskFailure,
    ) -> (Undo, Gauge) {
        let nodes = self.hit(number, kind, target);
        nodes.iter().for_each(|node| self.kernel.disks[node.index()].fail(failure));
        let gauge = Gauge::Above(self.failures_of(&nodes));
        (Undo::Release(nodes), gauge)
    }

    /// A disk works again, as far as this fault is concerned: who halted because of it need not wait any longer.
    pub(super) fn repair(&mut self, node: NodeId, failure: DiskFailure) {
        self.kernel.disks[node.index()].repair(failure);
        for halted in self.kernel.falls.take_down(Some(node)) {
            self.restart(halted);
        }
    }

    /// What a fault of the plan needs to be known from the start of the run.
    pub(crate) fn prepare(&mut self, kind: &FaultKind) {
        if let FaultKind::Damage { .. } = kind {
            self.kernel.disks.iter_mut().for_each(crate::disk::Disk::remember);
        }
    }
}
