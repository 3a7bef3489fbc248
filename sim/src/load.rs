//! Nodes that are slow: each has a backlog, and deals with one event after the other, each in its time.
//!
//! What comes for a node that is paused or slow is put into its backlog. A slow node deals with one event after the other, a
//! paused one with none.

use crate::kernel::{Event, Kernel};
use crate::latency::Latency;
use crate::node::{NodeId, Process};
use crate::rng::{Purpose, Stream};
use crate::time::Instant;

/// How slow a node is.
pub(crate) struct Load {
    /// How long it takes for an event, by each fault that slows it down; the latest counts.
    pub(crate) services: Vec<Latency>,
    /// When it will have dealt with the first event of its backlog.
    pub(crate) done: Option<Instant>,
    pub(crate) draws: Stream,
}

impl<P: Process> Kernel<P> {
    /// A node is slow, by this, until as many calls of [`Kernel::speed_up`].
    pub(crate) fn slow_down(&mut self, node: NodeId, service: Latency) {
        let slot = &mut self.slots[node.index()];
        let draws = || self.key.stream(Purpose::Service, node.0);
        let load = slot.load.get_or_insert_with(|| Box::new(Load { services: Vec::new(), done: None, draws: draws() }));
        load.services.push(service);
        slot.holds += 1;
    }

    /// Takes back one [`Kernel::slow_down`].
    pub(crate) fn speed_up(&mut self, node: NodeId, service: Latency) {
        let slot = &mut self.slots[node.index()];
        let load = slot.load.as_mut().expect("what is slow was slowed down");
        let place = load.services.iter().rposition(|other| *other == service);
        load.services.remove(place.expect("a fault ends once"));
        slot.holds -= 1;
        self.go_on(node);
    }

    /// Deals with what waits: all of it now, one thing after the other if the node is slow, or nothing if it is paused.
    pub(crate) fn go_on(&mut self, node: NodeId) {
        let slot = &mut self.slots[node.index()];
        if slot.pauses > 0 || slot.backlog.is_empty() {
            return;
        }
        let load = slot.load.as_mut().filter(|load| !load.services.is_empty());
        if let Some(Load { services, done, draws }) = load.map(|load| &mut **load) {
            if done.is_none()
                && let Some(service) = services.last()
            {
                let at = self.now.after(service.sample_ns(draws.draw()));
                *done = Some(at);
                self.queue.push(at, Event::Served(node));
            }
            return;
        }
        if let Some(load) = &mut slot.load {
            load.done = None;
        }
        for event in std::mem::take(&mut slot.backlog) {
            self.queue.push(self.now, event);
        }
    }

    /// A slow node may have dealt with the first event of its backlog. Returns that event.
    pub(crate) fn served(&mut self, node: NodeId) -> Option<Event<P::Message>> {
        let slot = &mut self.slots[node.index()];
        slot.load.as_mut()?.done.take_if(|done| *done == self.now)?;
        if slot.pauses > 0 { None } else { slot.backlog.pop_front() }
    }
}
