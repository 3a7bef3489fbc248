//! The kernel: everything of a world but its nodes. Contexts act on it; the world drives it.

use std::collections::VecDeque;
use std::fmt::Display;

use crate::clock::{Clock, ClockProfile};
use crate::digest::Digest;
use crate::disk::{Disk, DiskProfile, Operation, SyncEnd, SyncId, Unreadable};
use crate::fall::Falls;
use crate::history::{History, OperationId};
use crate::invariant::{Checks, Violation};
use crate::latency::Latency;
use crate::network::{Condition, Fate, LinkProfile, Loss, Network};
use crate::node::{Message, NodeId, ProbeId, Process, TimerId};
use crate::observe::Observation;
use crate::observer::{Failure, Observer};
use crate::queue::Queue;
use crate::rng::{Purpose, RunKey, Stream};
use crate::time::Instant;
use crate::trace::{Letter, Line, Mark, Trace, What, printable};
use crate::watch::Traffic;

/// What a world is made of, besides the program of its nodes.
#[derive(Clone, Debug)]
pub struct WorldConfig {
    /// The seed of the run.
    pub seed: u64,
    /// Number of servers: they have disks, are observed, and can be hurt.
    pub servers: u32,
    /// Number of clients. Their node numbers follow the servers'.
    pub clients: u32,
    /// How links behave.
    pub links: LinkProfile,
    /// How disks behave.
    pub disks: DiskProfile,
    /// How wrong the servers' clocks are.
    pub clocks: ClockProfile,
    /// What is checked.
    pub checks: Checks,
    /// Whether a trace is recorded.
    pub recording: Recording,
    /// Whether what the check of the history needs is kept.
    pub keep: Keep,
}

/// Whether a run keeps what grows with its length and only the check of the history needs: the operations of the clients
/// ([`crate::World::history`]) and the order in which they took effect ([`Observer::effects`]).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    /// All of it.
    Everything,
    /// Nothing: for very long runs, whose history is not checked.
    Nothing,
}

/// Whether a trace is recorded. It never changes a run, only what is known of it afterwards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recording {
    /// No trace.
    Off,
    /// A line for everything that happens.
    On,
}

/// Something that will happen.
#[derive(Debug)]
pub(crate) enum Event<M> {
    Arrival {
        from: NodeId,
        to: NodeId,
        condition: Condition,
        message: M,
    },
    Timer {
        node: NodeId,
        incarnation: u32,
        timer: TimerId,
    },
    Synced {
        node: NodeId,
        incarnation: u32,
        sync: SyncId,
    },
    /// A node that was slow has dealt with what came first.
    Served(NodeId),
    /// A node that went down by itself restarts.
    Restart {
        node: NodeId,
        fall: u64,
    },
    FaultBegins(usize),
    FaultEnds(usize),
    OtherLuck(RunKey),
    StepDue(usize),
    WindowOpens(usize),
    WindowCloses(usize),
}

pub(crate) struct Kernel<P: Process> {
    pub(crate) now: Instant,
    pub(crate) event: u64,
    pub(crate) queue: Queue<Event<P::Message>>,
    pub(crate) network: Network,
    /// What clogged links hold, in the order in which it would have arrived.
    pub(crate) held: Vec<Event<P::Message>>,
    pub(crate) slots: Vec<Slot<P::Message>>,
    pub(crate) disks: Vec<Disk>,
    pub(crate) clocks: Vec<Clock>,
    pub(crate) digest: Digest,
    pub(crate) trace: Option<Trace>,
    pub(crate) history: History<P::Operation, P::Answer>,
    keep: Keep,
    operations_begun: u32,
    /// For each probe, how often it was hit.
    pub(crate) probes: Vec<u32>,
    /// When each was hit first.
    pub(crate) probes_first: Vec<Instant>,
    pub(crate) observer: Observer,
    pub(crate) violation: Option<Violation>,
    /// Why the run cannot go on, if it cannot and no check failed.
    pub(crate) abandoned: Option<(NodeId, String)>,
    pub(crate) operations_open: usize,
    /// How many operations were answered.
    pub(crate) answers: u64,
    /// What servers sent to each other, if anybody asks.
    pub(crate) traffic: Option<Traffic>,
    /// The node whose program is running right now.
    pub(crate) acting: Option<NodeId>,
    pub(crate) falls: Falls,
    /// The server that crashed last.
    pub(crate) last_crashed: Option<NodeId>,
    key: RunKey,
}

/// The kernel's side of a node.
pub(crate) struct Slot<M> {
    pub(crate) incarnation: u32,
    /// How often its disk was erased; of a client, how often it crashed.
    pub(crate) generation: u32,
    /// Whether its disk was damaged since it booted last.
    pub(crate) is_damaged: bool,
    /// How many faults keep it down. Up at zero.
    pub(crate) downs: u32,
    /// How many faults keep it paused.
    pub(crate) pauses: u32,
    /// How many faults keep it paused or slow.
    pub(crate) holds: u32,
    /// What came while it was paused, or is still to be dealt with while it is slow.
    pub(crate) backlog: VecDeque<Event<M>>,
    /// How much of that there was, in all.
    pub(crate) deferred: u64,
    /// How slow it is, if it ever was.
    pub(crate) load: Option<Box<Load>>,
    timers: Vec<TimerState>,
    random: Stream,
}

/// How slow a node is.
pub(crate) struct Load {
    /// How long it takes for an event, by each fault that slows it down; the latest counts.
    pub(crate) services: Vec<Latency>,
    /// When it will have dealt with the first event of its backlog.
    pub(crate) done: Option<Instant>,
    draws: Stream,
}

/// A timer's deadline moves far more often than it is met, so moving it later leaves the queued event where it is: when
/// that comes up early, it is queued again.
#[derive(Clone, Copy, Debug, Default)]
struct TimerState {
    deadline: Option<Instant>,
    queued: Option<Instant>,
}

impl<P: Process> Kernel<P> {
    pub(crate) fn new(config: &WorldConfig) -> Kernel<P> {
        let key = RunKey::new(config.seed);
        let nodes = (config.servers + config.clients) as usize;
        Kernel {
            now: Instant::START,
            event: 0,
            queue: Queue::new(),
            network: Network::new(nodes, config.links, &key),
            held: Vec::new(),
            slots: (0..nodes as u32).map(|place| Slot::new(key.stream(Purpose::Node, place))).collect(),
            disks: (0..config.servers).map(|place| Disk::new(config.disks, &key, place)).collect(),
            clocks: (0..config.servers).map(|place| Clock::draw(config.clocks, &key, place)).collect(),
            digest: Digest::default(),
            trace: match config.recording {
                Recording::Off => None,
                Recording::On => Some(Trace::new(config.servers as usize, config.clients as usize)),
            },
            history: History::new(),
            keep: config.keep,
            operations_begun: 0,
            probes: Vec::new(),
            probes_first: Vec::new(),
            observer: Observer::new(config.servers as usize, config.checks, config.keep),
            violation: None,
            abandoned: None,
            operations_open: 0,
            answers: 0,
            traffic: None,
            acting: None,
            falls: Falls::default(),
            last_crashed: None,
            key,
        }
    }

    /// Adds a line to the trace, if there is one.
    #[inline]
    pub(crate) fn note<T: Display>(&mut self, node: Option<NodeId>, note: impl FnOnce() -> (What, T)) {
        if let Some(trace) = &mut self.trace {
            let (what, text) = note();
            let text = printable(&text.to_string());
            trace.push(Line { event: self.event, at: self.now, node, what, text });
        }
    }

    /// Adds a line about a message that is sent; each copy of it is to arrive with this fingerprint at this time.
    #[cold]
    #[inline(never)]
    fn note_sent(
        &mut self,
        (from, to): (NodeId, NodeId),
        message: &P::Message,
        copies: &[(u64, Instant)],
        line: impl FnOnce(Letter) -> (What, String),
    ) {
        if let Some(trace) = &mut self.trace {
            let letter = trace.send((from, to), message, copies);
            self.note(Some(from), || line(letter));
        }
    }

    /// Adds a line about a message that is received, or lost at its receiver.
    #[cold]
    #[inline(never)]
    pub(crate) fn note_received(
        &mut self,
        (from, to): (NodeId, NodeId),
        message: &P::Message,
        line: impl FnOnce(Letter) -> (What, String),
    ) {
        if let Some(trace) = &mut self.trace {
            let letter = trace.receive(from, to, message, self.now);
            self.note(Some(to), || line(letter));
        }
    }

    #[inline]
    pub(crate) fn send(&mut self, from: NodeId, to: NodeId, message: P::Message) {
        assert!(to.index() < self.slots.len(), "{from} sent to {to}, which does not exist");
        if let Some(traffic) = &mut self.traffic
            && from.index().max(to.index()) < self.disks.len()
        {
            traffic.messages += 1;
            traffic.bytes += message.size_bytes();
        }
        let fate = self.network.send(from, to, self.now, &message);
        self.digest.mix(message.fingerprint());
        match fate {
            Fate::Lost(loss) => self.lose(from, to, &message, loss),
            Fate::Delivered { at, copy } => {
                self.digest.mix(at.0);
                if self.trace.is_some() {
                    self.trace_sent(from, to, &message, (at, copy));
                }
                if let Some(copy) = copy {
                    let message = message.clone();
                    self.queue.push(copy, Event::Arrival { from, to, condition: Condition::Copy, message });
                }
                self.queue.push(at, Event::Arrival { from, to, condition: Condition::Sound, message });
            }
            Fate::Garbled { at, copy, draw } => self.send_garbled(from, to, message, (at, copy), draw),
        }
    }

    #[cold]
    #[inline(never)]
    fn lose(&mut self, from: NodeId, to: NodeId, message: &P::Message, loss: Loss) {
        self.digest.mix(u64::MAX);
        if self.slots[to.index()].downs == 0 {
            self.network.missed(loss);
        }
        self.note_sent((from, to), message, &[], |letter| {
            let why = match loss {
                Loss::Cut => "the link is cut",
                Loss::Chance => "lost",
                Loss::Filter => "lost because of its kind",
                Loss::Queue => "the queue is full",
            };
            (What::Lost { letter }, format!("-> {to} {message} ({why})"))
        });
    }

    #[cold]
    #[inline(never)]
    fn trace_sent(&mut self, from: NodeId, to: NodeId, message: &P::Message, (at, copy): (Instant, Option<Instant>)) {
        let arrivals: Vec<(u64, Instant)> =
            [Some(at), copy].into_iter().flatten().map(|at| (message.fingerprint(), at)).collect();
        self.note_sent((from, to), message, &arrivals, |letter| {
            let twice = copy.map(|copy| format!(" and again {copy}")).unwrap_or_default();
            (What::Sent { letter, arrives: at, copy }, format!("-> {to} {message} (arrives {at}{twice})"))
        });
    }

    /// Sends a message with a wrong bit, and the copy that the link made of it without one.
    #[cold]
    #[inline(never)]
    fn send_garbled(
        &mut self,
        from: NodeId,
        to: NodeId,
        message: P::Message,
        (at, copy): (Instant, Option<Instant>),
        draw: u64,
    ) {
        let wrong = message.corrupted(draw);
        self.digest.mix(at.0);
        self.digest.mix(wrong.as_ref().map_or(0, P::Message::fingerprint));
        let mut arrivals = vec![(wrong.as_ref().unwrap_or(&message).fingerprint(), at)];
        arrivals.extend(copy.map(|copy| (message.fingerprint(), copy)));
        self.note_sent((from, to), &message, &arrivals, |letter| {
            let twice = copy.map(|copy| format!(" and again, sound, {copy}")).unwrap_or_default();
            let text = format!("-> {to} {message} (arrives {at} with a wrong bit{twice})");
            (What::Sent { letter, arrives: at, copy }, text)
        });
        if let Some(copy) = copy {
            let message = message.clone();
            self.queue.push(copy, Event::Arrival { from, to, condition: Condition::Copy, message });
        }
        let (condition, message) = match wrong {
            Some(wrong) => (Condition::Wrong, wrong),
            None => (Condition::Unreadable, message),
        };
        self.queue.push(at, Event::Arrival { from, to, condition, message });
    }

    pub(crate) fn arm(&mut self, node: NodeId, timer: TimerId, after_ns: u64) {
        let span_ns = self.clocks.get(node.index()).map_or(after_ns, |clock| clock.true_span_ns(after_ns));
        let deadline = self.now.after(span_ns);
        let slot = &mut self.slots[node.index()];
        let state = slot.timer_mut(timer);
        state.deadline = Some(deadline);
        if state.queued.is_none_or(|queued| queued > deadline) {
            state.queued = Some(deadline);
            let incarnation = slot.incarnation;
            self.queue.push(deadline, Event::Timer { node, incarnation, timer });
        }
    }

    pub(crate) fn disarm(&mut self, node: NodeId, timer: TimerId) {
        self.slots[node.index()].timer_mut(timer).deadline = None;
    }

    /// Whether a queued timer event is the timer running out, and not a leftover of an earlier deadline.
    pub(crate) fn timer_is_due(&mut self, node: NodeId, timer: TimerId) -> bool {
        let slot = &mut self.slots[node.index()];
        let incarnation = slot.incarnation;
        let state = slot.timer_mut(timer);
        if state.queued.is_none_or(|queued| queued > self.now) {
            return false;
        }
        state.queued = None;
        match state.deadline {
            Some(deadline) if deadline <= self.now => {
                state.deadline = None;
                true
            }
            Some(deadline) => {
                state.queued = Some(deadline);
                self.queue.push(deadline, Event::Timer { node, incarnation, timer });
                false
            }
            None => false,
        }
    }

    pub(crate) fn local_time_ns(&self, node: NodeId) -> u64 {
        self.clocks.get(node.index()).map_or(self.now.0, |clock| clock.shows_ns(self.now))
    }

    #[inline(always)]
    pub(crate) fn observe(&mut self, node: NodeId, observation: &Observation) {
        observation.mix_into(&mut self.digest);
        if let Some(trace) = &mut self.trace
            && observation.is_told()
        {
            trace.observe(self.event, self.now, node, *observation);
        }
        self.observer.tell_time(self.now);
        let latest = self.disks.get(node.index()).map_or(Operation::default(), Disk::latest);
        if let Err(failure) = self.observer.observe(node, observation, latest) {
            self.fail(Some(node), failure);
        }
    }

    pub(crate) fn hit(&mut self, node: NodeId, probe: ProbeId) {
        let position = usize::from(probe.0);
        if self.probes.len() <= position {
            self.probes.resize(position + 1, 0);
            self.probes_first.resize(position + 1, Instant::START);
        }
        if self.probes[position] == 0 {
            self.probes_first[position] = self.now;
        }
        self.probes[position] = self.probes[position].saturating_add(1);
        self.digest.mix(u64::from(node.0) << 32 | u64::from(probe.0) << 8 | 0xff);
        self.note(Some(node), || (What::Probe(probe), format!("probe {}", P::probe_name(probe))));
    }

    pub(crate) fn invoke(&mut self, client: NodeId, operation: P::Operation) -> OperationId {
        self.operations_open += 1;
        let id = match self.keep {
            Keep::Everything => self.history.next_id(),
            Keep::Nothing => OperationId(self.operations_begun),
        };
        self.note(Some(client), || (What::Invoked(id), format!("invokes {operation}")));
        match self.keep {
            Keep::Everything => self.history.invoke(u64::from(client.0), operation, self.now),
            Keep::Nothing => {
                self.operations_begun = self.operations_begun.wrapping_add(1);
                id
            }
        }
    }

    /// An operation has an outcome.
    pub(crate) fn ended(&mut self, record: impl FnOnce(&mut History<P::Operation, P::Answer>, Instant)) {
        self.operations_open -= 1;
        match self.keep {
            Keep::Everything => record(&mut self.history, self.now),
            Keep::Nothing => {}
        }
    }

    pub(crate) fn write(&mut self, node: NodeId, file: &str, offset: usize, bytes: &[u8]) {
        self.digest.mix_bytes(bytes);
        self.disks[node.index()].write(file, offset, bytes);
    }

    pub(crate) fn read(&mut self, node: NodeId, file: &str) -> Result<Vec<u8>, Unreadable> {
        let read = self.disks[node.index()].try_read(file);
        if read.is_err() {
            self.digest.mix(u64::MAX);
            self.note(Some(node), || (What::Note(Mark::Disk), format!("cannot read {file}")));
        }
        read
    }

    /// A sync of a node's disk ends.
    pub(crate) fn synced(&mut self, node: NodeId, sync: SyncId) -> SyncEnd {
        let disk = &mut self.disks[node.index()];
        if disk.complete(sync) == SyncEnd::Failed {
            self.digest.mix(u64::MAX);
            self.note(Some(node), || (What::SyncFailed { sync }, "it failed"));
            return SyncEnd::Failed;
        }
        if let Err(failure) = self.observer.synced(node, |operation| disk.standing(operation)) {
            self.fail(Some(node), failure);
        }
        SyncEnd::Durable
    }

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

    pub(crate) fn rename(&mut self, node: NodeId, from: &str, to: &str) {
        self.digest.mix_bytes(from.as_bytes());
        self.digest.mix_bytes(to.as_bytes());
        self.note(Some(node), || (What::Note(Mark::Disk), format!("renames {from} to {to}")));
        self.disks[node.index()].rename(from, to);
    }

    pub(crate) fn remove(&mut self, node: NodeId, file: &str) {
        self.digest.mix_bytes(file.as_bytes());
        self.note(Some(node), || (What::Note(Mark::Disk), format!("removes {file}")));
        self.disks[node.index()].remove(file);
    }

    pub(crate) fn sync(&mut self, node: NodeId, file: &str) -> SyncId {
        let begun = self.disks[node.index()].sync(file);
        self.begin_sync(node, begun, file)
    }

    pub(crate) fn sync_directory(&mut self, node: NodeId) -> SyncId {
        let begun = self.disks[node.index()].sync_directory();
        self.begin_sync(node, begun, "the directory")
    }

    fn begin_sync(&mut self, node: NodeId, (sync, latency_ns): (SyncId, u64), what: &str) -> SyncId {
        let at = self.now.after(latency_ns);
        let incarnation = self.slots[node.index()].incarnation;
        self.digest.mix(at.0);
        self.note(Some(node), || (What::SyncBegan { sync, done: at }, format!("syncs {what} (done {at})")));
        self.queue.push(at, Event::Synced { node, incarnation, sync });
        sync
    }

    pub(crate) fn random(&mut self, node: NodeId) -> &mut Stream {
        &mut self.slots[node.index()].random
    }

    /// From now on everything is drawn with another key. Clocks go on as they go.
    pub(crate) fn rekey(&mut self, key: &RunKey) {
        self.key = *key;
        self.network.rekey(key);
        for (disk, place) in self.disks.iter_mut().zip(0..) {
            disk.rekey(key, place);
        }
        for (slot, place) in self.slots.iter_mut().zip(0..) {
            slot.random = key.stream(Purpose::Node, place);
            if let Some(load) = &mut slot.load {
                load.draws = key.stream(Purpose::Service, place);
            }
        }
    }

    /// Records that a check failed. The first failure of a run is the one that counts.
    pub(crate) fn fail(&mut self, node: Option<NodeId>, (check, why): Failure) {
        let violation = Violation { check, event: self.event, at: self.now, node, why };
        self.note(node, || (What::Violation(check), format!("VIOLATION of {check}: {}", violation.why)));
        self.violation.get_or_insert(violation);
    }
}

impl<M> Slot<M> {
    fn new(random: Stream) -> Slot<M> {
        Slot {
            incarnation: 0,
            generation: 0,
            is_damaged: false,
            downs: 0,
            pauses: 0,
            holds: 0,
            backlog: VecDeque::new(),
            deferred: 0,
            load: None,
            timers: Vec::new(),
            random,
        }
    }

    /// Forgets what belonged to the incarnation that ends.
    pub(crate) fn end_incarnation(&mut self) {
        self.incarnation += 1;
        self.timers.clear();
        self.backlog.clear();
        if let Some(load) = &mut self.load {
            load.done = None;
        }
    }

    fn timer_mut(&mut self, timer: TimerId) -> &mut TimerState {
        let position = usize::from(timer.0);
        if self.timers.len() <= position {
            self.timers.resize(position + 1, TimerState::default());
        }
        &mut self.timers[position]
    }
}
