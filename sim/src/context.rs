//! What a node can do while it is told something: send, arm timers, write and sync, draw, observe, record operations.

use std::fmt::Display;

use crate::disk::SyncId;
use crate::history::OperationId;
use crate::kernel::Kernel;
use crate::node::{NodeId, ProbeId, Process, TimerId};
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

    /// What the node's own clock shows, in nanoseconds: with skew, drift and steps at a server, true at a client. Readings
    /// of different nodes have nothing to do with each other.
    #[inline]
    #[must_use]
    pub fn local_time_ns(&self) -> u64 {
        self.kernel.local_time_ns(self.node)
    }

    /// Sends a message. It may arrive late, twice, or never.
    ///
    /// # Panics
    /// If there is no such node.
    #[inline]
    pub fn send(&mut self, to: NodeId, message: P::Message) {
        self.kernel.send(self.node, to, message);
    }

    /// Arms a timer, replacing its earlier deadline. The span is measured by the node's own clock.
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
        self.kernel.write(self.node, file, offset, bytes);
    }

    /// What a file holds, synced or not. Empty if there is no such file.
    ///
    /// # Panics
    /// If the node is a client.
    #[must_use]
    pub fn read(&self, file: &str) -> Vec<u8> {
        self.kernel.disks[self.node.index()].read(file)
    }

    /// The names of the node's files, sorted.
    ///
    /// # Panics
    /// If the node is a client.
    #[must_use]
    pub fn files(&self) -> Vec<String> {
        self.kernel.disks[self.node.index()].list()
    }

    /// Gives a file another name, in place of the file that has it. Volatile until a sync of the directory completes.
    ///
    /// # Panics
    /// If the node is a client.
    pub fn rename(&mut self, from: &str, to: &str) {
        self.kernel.rename(self.node, from, to);
    }

    /// Removes a file, if it is there. Volatile until a sync of the directory completes.
    ///
    /// # Panics
    /// If the node is a client.
    pub fn remove(&mut self, file: &str) {
        self.kernel.remove(self.node, file);
    }

    /// Asks for everything written to a file so far to become durable; [`Process::synced`] tells when it is.
    ///
    /// # Panics
    /// If the node is a client.
    pub fn sync(&mut self, file: &str) -> SyncId {
        self.kernel.sync(self.node, file)
    }

    /// Asks for all creations, renamings and removals of files so far to become durable; [`Process::synced`] tells when they
    /// are.
    ///
    /// # Panics
    /// If the node is a client.
    pub fn sync_directory(&mut self) -> SyncId {
        self.kernel.sync_directory(self.node)
    }

    /// Tells the observer what happened in this node.
    ///
    /// # Panics
    /// If the node is a client.
    #[inline]
    pub fn observe(&mut self, observation: Observation) {
        self.kernel.observe(self.node, &observation);
    }

    /// Whether anything is checked online. If not, observations that serve checks alone need not be made:
    /// [`Observation::Sent`], [`Observation::Progress`], [`Observation::ReadBegan`] and those of writes. The others drive the
    /// run, or enter its digest.
    #[inline]
    #[must_use]
    pub fn is_checked(&self) -> bool {
        self.kernel.observer.is_checking()
    }

    /// The highest index that is truly committed, as the observer knows and no node can. For probes only: a node that
    /// acts on it cheats.
    #[inline]
    #[must_use]
    pub fn committed_max(&self) -> u64 {
        self.kernel.observer.committed_max()
    }

    /// Counts that a situation occurred.
    pub fn hit(&mut self, probe: ProbeId) {
        self.kernel.hit(self.node, probe);
    }

    /// Writes a line into the trace, if one is recorded. It changes nothing else.
    pub fn note(&mut self, text: impl Display) {
        self.kernel.note(Some(self.node), Mark::Observed, || text);
    }

    /// Records that the client invokes an operation.
    pub fn invoke(&mut self, operation: P::Operation) -> OperationId {
        self.kernel.invoke(self.node, operation)
    }

    /// Records the answer to an operation.
    pub fn returned(&mut self, id: OperationId, answer: P::Answer) {
        self.kernel.note(Some(self.node), Mark::Client, || format!("operation {} returns {answer}", id.0));
        self.kernel.answers += 1;
        self.kernel.ended(|history, now| history.returned(id, answer, now));
    }

    /// Records that an operation certainly never takes effect.
    pub fn failed(&mut self, id: OperationId) {
        self.kernel.note(Some(self.node), Mark::Client, || format!("operation {} failed", id.0));
        self.kernel.ended(|history, now| history.failed(id, now));
    }

    /// Records that the client gave up on an operation.
    pub fn unknown(&mut self, id: OperationId) {
        self.kernel.note(Some(self.node), Mark::Client, || format!("operation {} has an unknown outcome", id.0));
        self.kernel.ended(|history, now| history.unknown(id, now));
    }
}
