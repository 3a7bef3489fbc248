//! What a node can do while it is told something: send, arm timers, write and sync, draw, observe, record operations.

use std::fmt::Display;

use crate::disk::SyncId;
use crate::history::OperationId;
use crate::kernel::Kernel;
use crate::node::{NodeId, Process, TimerId};
use crate::observe::Observation;
use crate::rng::Stream;
use crate::time::Instant;
use crate::trace::Mark;

/// A node's hands, for the duration of one event.
pub struct Context<'a, P: Process> {
    pub(crate) kernel: &'a mut Kernel<P>,
    pub(crate) node: NodeId,
}

impl<P: Process> Context<'_, P> {
    /// The node that acts.
    #[inline]
    #[must_use]
    pub fn node(&self) -> NodeId {
        self.node
    }

    /// Virtual time.
    #[inline]
    #[must_use]
    pub fn now(&self) -> Instant {
        self.kernel.now
    }

    /// Sends a message. It may arrive late, twice, or never.
    ///
    /// # Panics
    /// If there is no such node.
    #[inline]
    pub fn send(&mut self, to: NodeId, message: P::Message) {
        self.kernel.send(self.node, to, message);
    }

    /// Arms a timer, replacing its earlier deadline.
    #[inline]
    pub fn arm(&mut self, timer: TimerId, after_ns: u64) {
        self.kernel.arm(self.node, timer, after_ns);
    }

    /// Takes a timer's deadline away.
    #[inline]
    pub fn disarm(&mut self, timer: TimerId) {
        self.kernel.disarm(self.node, timer);
    }

    /// The node's own stream of random numbers. It goes on across restarts.
    #[inline]
    pub fn random(&mut self) -> &mut Stream {
        self.kernel.random(self.node)
    }

    /// Writes to a file of the node's disk, at an offset. Volatile until a sync that was asked for later completes.
    ///
    /// # Panics
    /// If the node is a client: clients have no disk.
    #[inline]
    pub fn write(&mut self, file: &str, offset: usize, bytes: &[u8]) {
        self.kernel.digest.mix_bytes(bytes);
        self.kernel.disks[self.node.index()].write(file, offset, bytes);
    }

    /// What a file holds, synced or not. Empty if there is no such file.
    ///
    /// # Panics
    /// If the node is a client.
    #[must_use]
    pub fn read(&self, file: &str) -> Vec<u8> {
        self.kernel.disks[self.node.index()].read(file)
    }

    /// Asks for everything written to a file so far to become durable; [`Process::synced`] tells when it is.
    ///
    /// # Panics
    /// If the node is a client.
    pub fn sync(&mut self, file: &str) -> SyncId {
        self.kernel.sync(self.node, file)
    }

    /// Tells the observer what happened in this node.
    ///
    /// # Panics
    /// If the node is a client.
    #[inline]
    pub fn observe(&mut self, observation: Observation) {
        observation.mix_into(&mut self.kernel.digest);
        if let Some(trace) = &mut self.kernel.trace
            && !matches!(observation, Observation::Sent { .. })
        {
            trace.observe(self.kernel.event, self.kernel.now, self.node, observation);
        }
        if let Err(failure) = self.kernel.observer.observe(self.node, observation) {
            self.kernel.fail(Some(self.node), failure);
        }
    }

    /// Writes a line into the trace, if one is recorded. It changes nothing else.
    pub fn note(&mut self, text: impl Display) {
        self.kernel.note(Some(self.node), Mark::Observed, || text);
    }

    /// Records that the client invokes an operation.
    pub fn invoke(&mut self, operation: P::Operation) -> OperationId {
        self.kernel.note(Some(self.node), Mark::Client, || format!("invokes {operation}"));
        self.kernel.operations_open += 1;
        self.kernel.history.invoke(u64::from(self.node.0), operation, self.kernel.now)
    }

    /// Records the answer to an operation.
    pub fn returned(&mut self, id: OperationId, answer: P::Answer) {
        self.kernel.note(Some(self.node), Mark::Client, || format!("operation {} returns {answer}", id.0));
        self.kernel.operations_open -= 1;
        self.kernel.history.returned(id, answer, self.kernel.now);
    }

    /// Records that an operation certainly never takes effect.
    pub fn failed(&mut self, id: OperationId) {
        self.kernel.note(Some(self.node), Mark::Client, || format!("operation {} failed", id.0));
        self.kernel.operations_open -= 1;
        self.kernel.history.failed(id, self.kernel.now);
    }

    /// Records that the client gave up on an operation.
    pub fn unknown(&mut self, id: OperationId) {
        self.kernel.note(Some(self.node), Mark::Client, || format!("operation {} has an unknown outcome", id.0));
        self.kernel.operations_open -= 1;
        self.kernel.history.unknown(id, self.kernel.now);
    }
}
