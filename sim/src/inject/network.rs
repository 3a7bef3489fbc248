//! Faults of the network: cuts of directed links.

use crate::fault::{Direction, Reach};
use crate::node::{NodeId, Process};
use crate::world::World;

impl<P: Process> World<P> {
    pub(super) fn cut(&mut self, links: Vec<(NodeId, NodeId)>) -> Vec<(NodeId, NodeId)> {
        for (from, to) in &links {
            self.kernel.network.cut(*from, *to);
        }
        links
    }

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
