//! Faults of nodes: crash and restart, also at a point of their program or of their own will; pauses,
//! slowness, and clocks that stand still.

use super::Undo;
use super::effect::Gauge;
use crate::fall::Cause;
use crate::fault::{FaultKind, Target};
use crate::kernel::Event;
use crate::latency::Latency;
use crate::node::{NodeId, Process};
use crate::trace::{Mark, What};
use crate::world::{Turn, World};

impl<P: Process> World<P> {
    pub(super) fn crash(&mut self, node: NodeId) {
        self.kernel.slots[node.index()].downs += 1;
        if self.kernel.slots[node.index()].downs == 1 {
            self.tell(node, |process, context| process.crashing(context));
            self.kernel.slots[node.index()].end_incarnation();
            self.nodes[node.index()] = None;
            if let Some(trace) = &mut self.kernel.trace {
                trace.down(node);
            }
            if node.0 < self.servers {
                self.kernel.disks[node.index()].crash();
                self.kernel.observer.crashed(node);
                self.kernel.last_crashed = Some(node);
            } else {
                self.kernel.slots[node.index()].generation += 1;
            }
        }
    }

    pub(super) fn crash_client(&mut self, number: usize, kind: &FaultKind, client: u32) -> (Undo, Gauge) {
        let node = NodeId(self.servers + client);
        assert!(node.index() < self.nodes.len(), "there is no client {client}");
        self.note_fault(&[node], number, kind, Turn::Begins);
        let gauge = Gauge::known(self.is_up(node));
        self.crash(node);
        (Undo::Release(vec![node]), gauge)
    }

    pub(crate) fn restart(&mut self, node: NodeId) {
        let slot = &mut self.kernel.slots[node.index()];
        slot.downs -= 1;
        if slot.downs == 0 {
            self.boot(node);
        }
    }

    /// The node came to a trap, or halted, and has dealt with the event.
    #[cold]
    #[inline(never)]
    pub(crate) fn fall(&mut self, node: NodeId) {
        let Some(cause) = self.kernel.falls.take() else { return };
        self.kernel.digest.mix(u64::from(node.0));
        self.kernel.note(Some(node), || {
            let text = match cause {
                Cause::Trap { point, .. } => format!("crashes {point}"),
                Cause::Halt => "is down, because it halted".to_owned(),
            };
            (What::Note(Mark::Fault), text)
        });
        self.crash(node);
        self.restart_after(cause, node);
    }

    /// The node halted while it booted. If its disk was damaged, that is why, and it gets an empty one.
    pub(crate) fn does_not_boot(&mut self, node: NodeId) {
        self.kernel.slots[node.index()].end_incarnation();
        self.kernel.disks[node.index()].crash();
        if self.must_be_replaced(node) {
            let text = "refuses to start from a damaged disk, and gets an empty one";
            self.kernel.note(Some(node), || (What::Note(Mark::Fault), text));
            self.erase(node);
            return self.boot(node);
        }
        self.kernel.slots[node.index()].downs += 1;
        if let Some(trace) = &mut self.kernel.trace {
            trace.down(node);
        }
        self.kernel.observer.crashed(node);
        self.restart_after(Cause::Halt, node);
    }

    fn restart_after(&mut self, cause: Cause, node: NodeId) {
        let fall = self.kernel.falls.add(node, cause);
        self.kernel.queue.push(self.kernel.now.after(cause.down_ns()), Event::Restart { node, fall });
    }

    pub(super) fn slow_servers(
        &mut self,
        number: usize,
        kind: &FaultKind,
        target: &Target,
        service: Latency,
    ) -> (Undo, Gauge) {
        let nodes = self.hit(number, kind, target);
        nodes.iter().for_each(|node| self.kernel.slow_down(*node, service));
        let gauge = Gauge::Above(self.deferred_by(&nodes));
        (Undo::Release(nodes), gauge)
    }

    pub(super) fn freeze_clocks(&mut self, number: usize, kind: &FaultKind, target: &Target) -> (Undo, Gauge) {
        let (nodes, now) = (self.hit(number, kind, target), self.kernel.now);
        nodes.iter().for_each(|node| self.kernel.clocks[node.index()].freeze(now));
        let gauge = Gauge::known(nodes.iter().any(|node| self.is_up(*node)));
        (Undo::Release(nodes), gauge)
    }

    pub(super) fn pause(&mut self, node: NodeId) {
        let slot = &mut self.kernel.slots[node.index()];
        slot.pauses += 1;
        slot.holds += 1;
    }

    /// What came while the node was paused happens now, in the order in which it came.
    pub(super) fn resume(&mut self, node: NodeId) {
        let slot = &mut self.kernel.slots[node.index()];
        slot.pauses -= 1;
        slot.holds -= 1;
        self.kernel.go_on(node);
    }
}
