//! What a node can do while it is told something: send, arm timers, write and sync, draw, observe, record operations.

use std::fmt::Display;

use crate::disk::{SyncId, Unreadable};
use crate::fault::CrashPoint;
use crate::history::OperationId;
use crate::invariant::Check;
use crate::kernel::Kernel;
use crate::node::{NodeId, ProbeId, Process, TimerId};
use crate::observe::Observation;
use crate::rng::Stream;
use crate::time::Instant;
use crate::trace::{Mark, What};

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
        if self.kernel.falls.is_open() {
            self.kernel.send(self.node, to, message);
        } else {
            self.send_watched(to, message);
        }
    }

    #[cold]
    #[inline(never)]
    fn send_watched(&mut self, to: NodeId, message: P::Message) {
        if self.kernel.falls.lets_act() {
            self.kernel.send(self.node, to, message);
            self.kernel.falls.comes_to(self.node, CrashPoint::AfterSend);
        }
    }

    /// Arms a timer, replacing its earlier deadline. The span is measured by the node's own clock.
    #[inline]
    pub fn arm(&mut self, timer: TimerId, after_ns: u64) {
        if self.acts() {
            self.kernel.arm(self.node, timer, after_ns);
        }
    }

    /// Takes a timer's deadline away.
    #[inline]
    pub fn disarm(&mut self, timer: TimerId) {
        if self.acts() {
            self.kernel.disarm(self.node, timer);
        }
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
        if self.kernel.falls.is_open() {
            self.kernel.write(self.node, file, offset, bytes);
        } else if self.kernel.falls.lets_act() && !self.kernel.falls.comes_to(self.node, CrashPoint::BeforeWrite) {
            self.kernel.write(self.node, file, offset, bytes);
            self.kernel.falls.comes_to(self.node, CrashPoint::AfterWrite);
        }
    }

    /// What a file holds, synced or not. Empty if there is no such file.
    ///
    /// # Errors
    /// While the disk cannot be read.
    ///
    /// # Panics
    /// If the node is a client.
    pub fn read(&mut self, file: &str) -> Result<Vec<u8>, Unreadable> {
        self.kernel.read(self.node, file)
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
        if self.acts() {
            self.kernel.rename(self.node, from, to);
        }
    }

    /// Removes a file, if it is there. Volatile until a sync of the directory completes.
    ///
    /// # Panics
    /// If the node is a client.
    pub fn remove(&mut self, file: &str) {
        if self.acts() {
            self.kernel.remove(self.node, file);
        }
    }

    /// Asks for everything written to a file so far to become durable; [`Process::synced`] tells when it is.
    ///
    /// # Panics
    /// If the node is a client.
    pub fn sync(&mut self, file: &str) -> SyncId {
        if self.kernel.falls.is_open() {
            return self.kernel.sync(self.node, file);
        }
        self.sync_watched(|kernel, node| kernel.sync(node, file))
    }

    /// Asks for all creations, renamings and removals of files so far to become durable; [`Process::synced`] tells when they
    /// are.
    ///
    /// # Panics
    /// If the node is a client.
    pub fn sync_directory(&mut self) -> SyncId {
        if self.kernel.falls.is_open() {
            return self.kernel.sync_directory(self.node);
        }
        self.sync_watched(Kernel::sync_directory)
    }

    fn sync_watched(&mut self, sync: impl FnOnce(&mut Kernel<P>, NodeId) -> SyncId) -> SyncId {
        if !self.kernel.falls.lets_act() {
            return self.kernel.disks[self.node.index()].void_sync();
        }
        let sync = sync(self.kernel, self.node);
        self.kernel.falls.comes_to(self.node, CrashPoint::AfterAskingForSync);
        sync
    }

    /// Ends the node's program, as a process ends itself that cannot go on. Nothing that it does from here on takes effect;
    /// when it has dealt with the event the node goes down as in a crash, and what supervises it starts it again
    /// [`crate::fall::RESTARTS_AFTER_NS`] later. A node that halts while it boots does so before it observes anything.
    ///
    /// # Panics
    /// If the node is a client.
    pub fn halt(&mut self) {
        assert!(self.node.index() < self.kernel.disks.len(), "only servers halt, {} is a client", self.node);
        if self.acts() {
            self.note("halts");
            self.kernel.falls.halt();
        }
    }

    /// Whether what the node does takes effect.
    #[inline]
    fn acts(&mut self) -> bool {
        self.kernel.falls.is_open() || self.kernel.falls.lets_act()
    }

    /// Tells the observer what happened in this node.
    ///
    /// # Panics
    /// If the node is a client.
    // Always inlined, with what follows: where the kind of observation is known, nothing is left of telling kinds apart.
    #[inline(always)]
    pub fn observe(&mut self, observation: Observation) {
        if self.kernel.falls.is_open() || self.kernel.falls.lets_tell(&observation) {
            self.kernel.observe(self.node, &observation);
        }
    }

    /// Fails a check that only this node's host can see. The run ends with this event.
    pub fn fail(&mut self, check: Check, why: String) {
        self.kernel.fail(Some(self.node), (check, why));
    }

    /// Gives the run up, for a reason that says nothing of the system under test. It ends with this event, without a verdict.
    pub fn abandon(&mut self, why: String) {
        self.note(format_args!("cannot go on: {why}"));
        self.kernel.abandoned.get_or_insert((self.node, why));
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
        if self.acts() {
            self.kernel.hit(self.node, probe);
        }
    }

    /// Writes a line into the trace, if one is recorded. It changes nothing else.
    pub fn note(&mut self, text: impl Display) {
        if self.acts() {
            self.kernel.note(Some(self.node), || (What::Note(Mark::Observed), text));
        }
    }

    /// Records that the client invokes an operation.
    pub fn invoke(&mut self, operation: P::Operation) -> OperationId {
        self.kernel.invoke(self.node, operation)
    }

    /// Records the answer to an operation.
    pub fn returned(&mut self, id: OperationId, answer: P::Answer) {
        self.kernel.note(Some(self.node), || (What::Returned(id), format!("operation {} returns {answer}", id.0)));
        self.kernel.answers += 1;
        self.kernel.ended(|history, now| history.returned(id, answer, now));
    }

    /// Records that an operation certainly never takes effect.
    pub fn failed(&mut self, id: OperationId) {
        self.kernel.note(Some(self.node), || (What::Failed(id), format!("operation {} failed", id.0)));
        self.kernel.ended(|history, now| history.failed(id, now));
    }

    /// Records that the client gave up on an operation.
    pub fn unknown(&mut self, id: OperationId) {
        self.kernel.note(Some(self.node), || (What::Unknown(id), format!("operation {} has an unknown outcome", id.0)));
        self.kernel.ended(|history, now| history.unknown(id, now));
    }
}
