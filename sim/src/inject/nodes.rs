//! Faults of nodes: crash and restart, erased disks, pauses.

use super::Undo;
use super::effect::Gauge;
use crate::fault::{FaultKind, Target};
use crate::node::{NodeId, Process};
use crate::trace::Mark;
use crate::world::World;

impl<P: Process> World<P> {
    pub(super) fn crash(&mut self, node: NodeId) {
        self.kernel.slots[node.index()].downs += 1;
        if self.kernel.slots[node.index()].downs == 1 {
            self.tell(node, |process, context| process.crashing(context));
            self.kernel.slots[node.index()].end_incarnation();
            self.nodes[node.index()] = None;
            self.kernel.disks[node.index()].crash();
            self.kernel.observer.crashed(node);
        }
    }

    /// Erases disks, unless the cluster cannot do without them.
    pub(super) fn wipe_all(&mut self, kind: &FaultKind, target: &Target) -> (Undo, Gauge) {
        // More than the cluster promises to survive would prove nothing.
        if !self.resolve(target).iter().all(|node| self.kernel.observer.can_lose(*node)) {
            self.kernel.note(None, Mark::Fault, || format!("{kind} is left out: another disk is not replaced yet"));
            return (Undo::Nothing, Gauge::None);
        }
        let nodes = self.hit(kind, target);
        let gauge = Gauge::known(nodes.iter().any(|node| !self.kernel.disks[node.index()].list().is_empty()));
        nodes.iter().for_each(|node| self.wipe(*node));
        (Undo::Release(nodes), gauge)
    }

    fn wipe(&mut self, node: NodeId) {
        self.crash(node);
        self.kernel.slots[node.index()].generation += 1;
        self.kernel.disks[node.index()].wipe();
        self.kernel.observer.wiped(node);
    }

    pub(super) fn restart(&mut self, node: NodeId) {
        let slot = &mut self.kernel.slots[node.index()];
        slot.downs -= 1;
        if slot.downs == 0 {
            self.boot(node);
        }
    }

    /// What came while the node was paused happens now, in the order in which it came.
    pub(super) fn resume(&mut self, node: NodeId) {
        let now = self.kernel.now;
        let slot = &mut self.kernel.slots[node.index()];
        slot.pauses -= 1;
        if slot.pauses == 0 {
            for event in std::mem::take(&mut slot.backlog) {
                self.kernel.queue.push(now, event);
            }
        }
    }
}
