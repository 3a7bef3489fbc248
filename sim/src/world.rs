//! The world: nodes, and the one loop that tells them what happens, in the order of (time, sequence).

use crate::context::Context;
use crate::digest::Digest;
use crate::disk::{DiskCounts, SyncEnd};
use crate::fault::{CrashPoint, Fault, FaultKind};
use crate::history::History;
use crate::inject::Injector;
use crate::invariant::{Check, Violation};
use crate::kernel::{Event, Kernel, WorldConfig};
use crate::network::{Condition, LinkProfile, NetworkCounts};
use crate::node::{NodeId, Process};
use crate::observer::Observer;
use crate::rng::RunKey;
use crate::script::Script;
use crate::time::Instant;
use crate::trace::{Mark, Trace, What};
use crate::watch::Watch;
use crate::windows::{Moment, Windows};

/// A simulated cluster with its clients.
pub struct World<P: Process> {
    pub(crate) kernel: Kernel<P>,
    pub(crate) nodes: Vec<Option<P>>,
    spawn: Box<dyn Fn(NodeId, u32) -> P>,
    pub(crate) injector: Injector,
    pub(crate) script: Script,
    pub(crate) windows: Windows,
    pub(crate) watch: Watch,
    pub(crate) servers: u32,
}

/// A turn that a fault takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    Begins,
    Ends,
}

impl Turn {
    /// What a trace says of it.
    pub(crate) fn of(self, number: usize, kind: &FaultKind) -> (What, String) {
        match self {
            Turn::Begins => (What::FaultBegan { number, kind: kind.clone() }, format!("{kind} begins")),
            Turn::Ends => (What::FaultEnded { number }, format!("{kind} ends")),
        }
    }
}

/// Why [`World::run_until`] came back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stopped {
    /// The time was reached.
    Reached,
    /// A check failed: see [`World::violation`].
    Violation,
    /// The event budget ran out.
    Budget,
    /// A node's host gave up: see [`World::abandoned`].
    Abandoned,
}

impl<P: Process> World<P> {
    /// A world whose nodes are made by `spawn`, at the start and after every crash. It is told which node, and how often
    /// that node's disk was erased before; of a client, how often it crashed before. Nothing has happened yet.
    pub fn new(config: &WorldConfig, spawn: impl Fn(NodeId, u32) -> P + 'static) -> World<P> {
        let nodes = config.servers + config.clients;
        World {
            kernel: Kernel::new(config),
            nodes: (0..nodes).map(|_| None).collect(),
            spawn: Box::new(spawn),
            injector: Injector::default(),
            script: Script::default(),
            windows: Windows::default(),
            watch: Watch::default(),
            servers: config.servers,
        }
    }

    /// Puts faults into the plan.
    pub fn plan(&mut self, faults: Vec<Fault>) {
        for fault in faults {
            assert!(fault.begin < fault.end, "a fault ends after it begins");
            self.prepare(&fault.kind);
            let number = self.injector.add(fault.source, fault.kind);
            self.kernel.queue.push(fault.begin, Event::FaultBegins(number));
            self.kernel.queue.push(fault.end, Event::FaultEnds(number));
        }
    }

    /// From this time on the run has other luck: everything that is still to be drawn is drawn with this key.
    pub fn depart(&mut self, at: Instant, key: RunKey) {
        self.kernel.queue.push(at, Event::OtherLuck(key));
    }

    /// Boots all nodes, in the order of their numbers. Then the run begins: its first steps, and the windows at the start.
    pub fn start(&mut self) {
        for number in 0..self.nodes.len() as u32 {
            self.boot(NodeId(number));
        }
        self.pass(Moment::Start);
        self.begin_script();
        self.look();
    }

    /// Runs until everything due at `limit` or earlier has happened, a check fails, a node's host gives up, or `events_max`
    /// events (in the whole run) are done.
    pub fn run_until(&mut self, limit: Instant, events_max: u64) -> Stopped {
        while let Some((at, event)) = self.kernel.queue.pop_until(limit) {
            self.kernel.now = at;
            self.happen(event);
            if self.watch.is_needed() {
                self.look();
            }
            if self.kernel.violation.is_some() {
                return Stopped::Violation;
            }
            if self.kernel.abandoned.is_some() {
                return Stopped::Abandoned;
            }
            if self.kernel.event >= events_max {
                return Stopped::Budget;
            }
        }
        self.kernel.now = limit;
        Stopped::Reached
    }

    /// Ends every fault that is under way, and forgets the rest of the plan and the steps that were not taken: all servers up, no link cut, and links that
    /// behave like this. Clocks stay as they are.
    pub fn heal(&mut self, links: LinkProfile) {
        self.kernel.event += 1;
        self.kernel.note(None, || (What::Healed, "every fault is healed"));
        self.pass(Moment::Healed);
        self.end_script();
        for number in self.injector.stop() {
            self.end_fault(number);
        }
        for node in self.kernel.falls.take_down(None) {
            self.restart(node);
        }
        self.kernel.network.set_base(links);
    }

    /// Fails a check that only the driver of the run can see.
    pub fn fail(&mut self, node: Option<NodeId>, check: Check, why: String) {
        self.kernel.fail(node, (check, why));
    }

    /// The node whose program is running: after a panic that the driver caught, the node that it came from.
    #[must_use]
    pub fn acting(&self) -> Option<NodeId> {
        self.kernel.acting
    }

    /// Takes the history out of a world that is over.
    #[must_use]
    pub fn into_history(self) -> History<P::Operation, P::Answer> {
        self.kernel.history
    }

    /// Takes the trace out, if one was recorded.
    pub fn take_trace(&mut self) -> Option<Trace> {
        self.kernel.trace.take()
    }

    /// Number of servers.
    #[must_use]
    pub fn servers(&self) -> u32 {
        self.servers
    }

    /// Virtual time.
    #[must_use]
    pub fn now(&self) -> Instant {
        self.kernel.now
    }

    /// Number of events so far.
    #[must_use]
    pub fn events(&self) -> u64 {
        self.kernel.event
    }

    /// Digest over everything that happened so far.
    #[must_use]
    pub fn digest(&self) -> Digest {
        self.kernel.digest
    }

    /// The observer's ghost state.
    #[must_use]
    pub fn observer(&self) -> &Observer {
        &self.kernel.observer
    }

    /// The first check that failed.
    #[must_use]
    pub fn violation(&self) -> Option<&Violation> {
        self.kernel.violation.as_ref()
    }

    /// Which node's host gave the run up, and why, if one did.
    #[must_use]
    pub fn abandoned(&self) -> Option<(NodeId, &str)> {
        self.kernel.abandoned.as_ref().map(|(node, why)| (*node, why.as_str()))
    }

    /// The clients' operations so far.
    #[must_use]
    pub fn history(&self) -> &History<P::Operation, P::Answer> {
        &self.kernel.history
    }

    /// Number of operations that were invoked and have no outcome yet.
    #[must_use]
    pub fn operations_open(&self) -> usize {
        self.kernel.operations_open
    }

    /// The programs of all nodes that are not down.
    pub fn processes(&self) -> impl Iterator<Item = (NodeId, &P)> {
        (0..).map(NodeId).zip(&self.nodes).filter_map(|(node, process)| Some((node, process.as_ref()?)))
    }

    /// How often network faults struck.
    #[must_use]
    pub fn network_counts(&self) -> NetworkCounts {
        self.kernel.network.counts
    }

    /// How often disk faults struck, over all disks.
    #[must_use]
    pub fn disk_counts(&self) -> DiskCounts {
        let mut sum = DiskCounts::default();
        for counts in self.kernel.disks.iter().map(|disk| disk.counts) {
            let DiskCounts { syncs, bytes_written, crashes_with_unsynced, writes_lost, writes_torn, .. } = counts;
            sum.syncs += syncs;
            sum.bytes_written += bytes_written;
            sum.crashes_with_unsynced += crashes_with_unsynced;
            sum.writes_lost += writes_lost;
            sum.writes_torn += writes_torn;
            sum.reads_failed += counts.reads_failed;
            sum.syncs_failed += counts.syncs_failed;
            sum.damages += counts.damages;
        }
        sum
    }

    /// For each probe, how often it was hit. Probes that no run of this length reaches are missing at the end.
    #[must_use]
    pub fn probes(&self) -> &[u32] {
        &self.kernel.probes
    }

    /// For each probe that was hit, when it was hit first; as long as [`World::probes`].
    #[must_use]
    pub fn probes_first(&self) -> &[Instant] {
        &self.kernel.probes_first
    }

    /// The servers that the target of a fault of the plan turned out to be, if it began; of a single link, both ends. Faults have
    /// numbers from 0 in the order of the plan.
    #[must_use]
    pub fn struck(&self, number: usize) -> Option<&[NodeId]> {
        self.injector.struck(number)
    }

    /// How many faults of the plan began.
    #[must_use]
    pub fn faults_begun(&self) -> u64 {
        self.injector.begun()
    }

    pub(crate) fn boot(&mut self, node: NodeId) {
        self.kernel.acting = Some(node);
        let mut process = (self.spawn)(node, self.kernel.slots[node.index()].generation);
        self.kernel.falls.suspend();
        process.boot(&mut Context { kernel: &mut self.kernel, node });
        self.kernel.acting = None;
        if self.kernel.falls.take().is_some() {
            return self.does_not_boot(node);
        }
        self.nodes[node.index()] = Some(process);
        if let Some(trace) = &mut self.kernel.trace {
            trace.up(node);
        }
        self.kernel.slots[node.index()].is_damaged = false;
        if let Err(failure) = self.kernel.observer.boot_ends(node) {
            self.kernel.fail(Some(node), failure);
        }
    }

    #[inline(always)]
    fn happen(&mut self, event: Event<P::Message>) {
        match event {
            Event::Arrival { from, to, condition, message } => self.arrive(from, to, condition, message),
            Event::Timer { node, .. } | Event::Synced { node, .. } if self.is_stale(node, &event) => {}
            Event::Timer { node, .. } | Event::Synced { node, .. } if self.kernel.slots[node.index()].holds > 0 => {
                self.defer(node, event);
            }
            Event::Timer { .. }
            | Event::Synced { .. }
            | Event::Served(_)
            | Event::Restart { .. }
            | Event::FaultBegins(_)
            | Event::FaultEnds(_)
            | Event::OtherLuck(_)
            | Event::StepDue(_)
            | Event::WindowOpens(_)
            | Event::WindowCloses(_) => self.dispatch(event),
        }
    }

    /// What the event is about happens now. Always inlined: a call would have every event, with its message, in memory.
    #[inline(always)]
    fn dispatch(&mut self, event: Event<P::Message>) {
        match event {
            Event::Arrival { from, to, condition, message } => self.deliver(from, to, condition, message),
            Event::Timer { node, timer, .. } => {
                if !self.kernel.timer_is_due(node, timer) {
                    return;
                }
                self.count(node, u64::from(timer.0) << 8 | 1);
                let line = || (What::TimerRanOut(timer), format!("{} runs out", P::timer_name(timer)));
                self.kernel.note(Some(node), line);
                self.tell(node, |process, context| process.timer(timer, context));
            }
            Event::Synced { node, sync, .. } => {
                self.count(node, sync.0 << 8 | 2);
                self.kernel.note(Some(node), || (What::SyncEnded { sync }, "sync is done"));
                match self.kernel.synced(node, sync) {
                    SyncEnd::Durable if self.kernel.falls.comes_to(node, CrashPoint::AfterSync) => self.fall(node),
                    SyncEnd::Durable => self.tell(node, |process, context| process.synced(sync, context)),
                    SyncEnd::Failed => self.tell(node, |process, context| process.sync_failed(sync, context)),
                }
            }
            Event::Served(node) => {
                if let Some(event) = self.kernel.served(node)
                    && !self.is_stale(node, &event)
                {
                    self.dispatch_late(event);
                }
                self.kernel.go_on(node);
            }
            Event::Restart { node, fall } => {
                if self.kernel.falls.ends(node, fall) {
                    self.count(node, 11);
                    self.restart(node);
                }
            }
            Event::FaultBegins(number) => self.begin_fault(number),
            Event::FaultEnds(number) => self.end_fault(number),
            Event::OtherLuck(key) => {
                self.count(NodeId(0), 10);
                let text = "from here on the luck is another";
                self.kernel.note(None, || (What::Note(Mark::Fault), text));
                self.kernel.rekey(&key);
            }
            Event::StepDue(step) => self.take_step(step),
            Event::WindowOpens(number) => self.open_window(number),
            Event::WindowCloses(number) => self.close_window(number),
        }
    }

    /// Always inlined, with what follows: messages are large, and this is called from several places.
    #[inline(always)]
    fn arrive(&mut self, from: NodeId, to: NodeId, condition: Condition, message: P::Message) {
        let slot = &self.kernel.slots[to.index()];
        if self.kernel.network.is_hindered(from, to) || slot.downs | slot.holds > 0 {
            return self.hinder(from, to, condition, message);
        }
        self.deliver(from, to, condition, message);
    }

    #[inline(always)]
    fn deliver(&mut self, from: NodeId, to: NodeId, condition: Condition, message: P::Message) {
        if condition != Condition::Sound {
            self.kernel.network.arrived(condition);
            if condition == Condition::Unreadable {
                return self.refuse(from, to, &message);
            }
        }
        self.count(to, u64::from(from.0) << 8 | 4);
        if self.kernel.trace.is_some() {
            let line = |letter| (What::Arrived { letter }, format!("<- {from} {message}"));
            self.kernel.note_received((from, to), &message, line);
        }
        self.tell(to, |process, context| process.message(from, message, context));
    }

    /// A slow node gets to what had to wait for it.
    #[cold]
    #[inline(never)]
    fn dispatch_late(&mut self, event: Event<P::Message>) {
        self.dispatch(event);
    }

    /// A message that a link held arrives.
    #[cold]
    #[inline(never)]
    pub(crate) fn arrive_at_last(&mut self, from: NodeId, to: NodeId, condition: Condition, message: P::Message) {
        self.arrive(from, to, condition, message);
    }

    /// A message whose link is cut or clogged, or whose receiver is paused, slow or down, does not get in now, or never.
    #[cold]
    #[inline(never)]
    fn hinder(&mut self, from: NodeId, to: NodeId, condition: Condition, message: P::Message) {
        if self.kernel.network.is_clogged(from, to) {
            self.kernel.network.hold(from, to);
            self.kernel.held.push(Event::Arrival { from, to, condition, message });
        } else if self.defers(to) {
            self.defer(to, Event::Arrival { from, to, condition, message });
        } else {
            self.stop(from, to, &message);
        }
    }

    fn stop(&mut self, from: NodeId, to: NodeId, message: &P::Message) {
        self.count(to, u64::from(from.0) << 8 | 3);
        self.kernel.network.stop(from, to);
        let line = |letter| (What::Lost { letter }, format!("<- {from} {message} (never gets there)"));
        self.kernel.note_received((from, to), message, line);
    }

    /// The receiver's codec notices that a bit is wrong.
    #[cold]
    #[inline(never)]
    fn refuse(&mut self, from: NodeId, to: NodeId, message: &P::Message) {
        self.count(to, u64::from(from.0) << 8 | 7);
        let line = |letter| (What::Lost { letter }, format!("<- {from} {message} (unreadable: a bit is wrong)"));
        self.kernel.note_received((from, to), message, line);
    }

    /// Counts an event and mixes it into the digest.
    #[inline]
    pub(crate) fn count(&mut self, node: NodeId, what: u64) {
        self.kernel.event += 1;
        self.kernel.digest.mix(self.kernel.now.0);
        self.kernel.digest.mix(what << 32 | u64::from(node.0));
    }

    #[inline(always)]
    pub(crate) fn tell(&mut self, node: NodeId, tell: impl FnOnce(&mut P, &mut Context<'_, P>)) {
        if let Some(process) = &mut self.nodes[node.index()] {
            self.kernel.acting = Some(node);
            tell(process, &mut Context { kernel: &mut self.kernel, node });
            self.kernel.acting = None;
            if self.kernel.falls.is_falling() {
                self.fall(node);
            }
        }
    }

    fn is_stale(&self, node: NodeId, event: &Event<P::Message>) -> bool {
        match event {
            Event::Timer { incarnation, .. } | Event::Synced { incarnation, .. } => {
                *incarnation != self.kernel.slots[node.index()].incarnation
            }
            Event::Arrival { .. }
            | Event::Served(_)
            | Event::Restart { .. }
            | Event::FaultBegins(_)
            | Event::FaultEnds(_)
            | Event::OtherLuck(_)
            | Event::StepDue(_)
            | Event::WindowOpens(_)
            | Event::WindowCloses(_) => false,
        }
    }

    /// Whether what comes for a node waits: it is paused, or slow and up.
    fn defers(&self, node: NodeId) -> bool {
        let slot = &self.kernel.slots[node.index()];
        slot.pauses > 0 || slot.holds > 0 && slot.downs == 0
    }

    fn defer(&mut self, node: NodeId, event: Event<P::Message>) {
        let slot = &mut self.kernel.slots[node.index()];
        slot.deferred += 1;
        slot.backlog.push_back(event);
        self.kernel.go_on(node);
    }

    #[cold]
    #[inline(never)]
    pub(crate) fn begin_fault(&mut self, number: usize) {
        let Some(kind) = self.injector.begin(number) else { return };
        self.count(NodeId(0), (number as u64) << 8 | 5);
        self.begin_kind(number, &kind);
    }

    #[cold]
    #[inline(never)]
    pub(crate) fn end_fault(&mut self, number: usize) {
        let Some((kind, doing)) = self.injector.end(number) else { return };
        self.count(NodeId(0), (number as u64) << 8 | 6);
        self.undo_kind(number, &kind, doing);
    }

    pub(crate) fn note_fault(&mut self, nodes: &[NodeId], number: usize, kind: &FaultKind, turn: Turn) {
        for node in nodes {
            self.kernel.digest.mix(u64::from(node.0));
            self.kernel.note(Some(*node), || turn.of(number, kind));
        }
    }
}
