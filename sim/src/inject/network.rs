//! Faults of the network: cuts and clogs of directed links, and messages that are treated by their kind.

use super::Undo;
use super::effect::Gauge;
use crate::fault::{Direction, FaultKind, Filter, Reach, Target};
use crate::kernel::Event;
use crate::node::{NodeId, Process};
use crate::world::{Turn, World};

impl<P: Process> World<P> {
    pub(super) fn cut(&mut self, links: Vec<(NodeId, NodeId)>) -> (Undo, Gauge) {
        let gauge = Gauge::Above(self.stopped_on(&links));
        for (from, to) in &links {
            self.kernel.network.cut(*from, *to);
        }
        (Undo::Mend(links), gauge)
    }

    pub(super) fn clog(&mut self, links: Vec<(NodeId, NodeId)>) -> (Undo, Gauge) {
        let gauge = Gauge::Above(self.held_on(&links));
        for (from, to) in &links {
            self.kernel.network.clog(*from, *to);
        }
        (Undo::Unclog(links), gauge)
    }

    /// What was held arrives right now, in the order in which it would have arrived, before anything that comes later.
    pub(super) fn unclog(&mut self, links: &[(NodeId, NodeId)]) {
        for (from, to) in links {
            self.kernel.network.unclog(*from, *to);
        }
        for event in std::mem::take(&mut self.kernel.held) {
            let Event::Arrival { from, to, condition, message } = event else {
                unreachable!("a link holds arrivals only")
            };
            if self.kernel.network.is_clogged(from, to) {
                self.kernel.held.push(Event::Arrival { from, to, condition, message });
            } else if self.kernel.violation.is_none() {
                self.arrive_at_last(from, to, condition, message);
            }
        }
    }

    pub(super) fn filter(
        &mut self,
        number: usize,
        kind: &FaultKind,
        from: Option<&Target>,
        filter: Filter,
    ) -> (Undo, Gauge) {
        let source = self.injector.faults[number].0;
        let from = from.map(|from| self.hit(number, kind, from));
        if from.is_none() {
            self.kernel.note(None, || Turn::Begins.of(number, kind));
        }
        self.kernel.network.filter(number, source, from, filter);
        (Undo::Unfilter, Gauge::Above(0))
    }

    /// The directed links between these servers and others.
    pub(super) fn links_of(&self, inside: &[NodeId], direction: Direction, reach: Reach) -> Vec<(NodeId, NodeId)> {
        let end = match reach {
            Reach::Servers => self.servers,
            Reach::Everyone => self.nodes.len() as u32,
        };
        let outside: Vec<NodeId> = (0..end).map(NodeId).filter(|node| !inside.contains(node)).collect();
        let mut links = Vec::new();
        for inner in inside {
            for outer in &outside {
                if direction != Direction::Incoming {
                    links.push((*inner, *outer));
                }
                if direction != Direction::Outgoing {
                    links.push((*outer, *inner));
                }
            }
        }
        links
    }
}
