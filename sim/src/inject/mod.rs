//! Carrying out a fault, and undoing it: the end of a fault takes back exactly what its beginning did.
//!
//! Of each source it is counted how many faults there were to be, how many began, and how many had an effect on anybody.
//! Counting costs nothing while a fault lasts: a fault that has an effect moves counters that are there anyway, and they
//! are compared at its beginning and at its end.

mod disk;
mod effect;
mod network;
mod nodes;

use std::collections::BTreeMap;

use effect::Gauge;
pub use effect::SourceCounts;

use crate::fall::Trap;
use crate::fault::{FaultKind, Source, Target};
use crate::network::LinkProfile;
use crate::node::{NodeId, Process};
use crate::observer::Phase;
use crate::time::Instant;
use crate::world::{Turn, World};

/// A fault of the plan that began, and what came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Strike {
    /// The entry that it belongs to.
    pub source: Source,
    /// When it began.
    pub begun: Instant,
    /// When it ended; none if it is under way.
    pub ended: Option<Instant>,
    /// What the cluster was busy with when it began.
    pub phase: Phase,
    /// Whether it had an effect on anybody so far.
    pub effective: bool,
}

/// The plan's faults and what each of them has done.
#[derive(Debug, Default)]
pub(crate) struct Injector {
    faults: Vec<(Source, FaultKind, State)>,
    /// The faults that began, in that order; each with its number.
    strikes: Vec<(usize, Strike)>,
    /// For each fault that began, the servers that its target turned out to be.
    struck: BTreeMap<usize, Vec<NodeId>>,
    /// The servers that the latest target turned out to be.
    latest_hit: Vec<NodeId>,
    /// By source.
    counts: Vec<SourceCounts>,
}

#[derive(Debug)]
enum State {
    Planned,
    UnderWay(Doing),
    Over,
}

/// What a fault under way has done.
#[derive(Debug)]
pub(crate) struct Doing {
    undo: Undo,
    gauge: Gauge,
}

/// What has to be taken back.
#[derive(Debug)]
pub(crate) enum Undo {
    /// Cuts of directed links.
    Mend(Vec<(NodeId, NodeId)>),
    /// Clogs of directed links.
    Unclog(Vec<(NodeId, NodeId)>),
    /// Servers that are down, paused or slow.
    Release(Vec<NodeId>),
    /// The behaviour of all links.
    Links,
    /// The treatment of messages by their kind.
    Unfilter,
    /// A trap, if nobody came to it.
    Disarm,
    /// What was done stays.
    Nothing,
}

impl Injector {
    pub(crate) fn add(&mut self, source: Source, kind: FaultKind) -> usize {
        self.counts_of(source).planned += 1;
        self.faults.push((source, kind, State::Planned));
        self.faults.len() - 1
    }

    /// The servers that the target of a fault turned out to be, if it began; of a single link, both ends.
    pub(crate) fn struck(&self, number: usize) -> Option<&[NodeId]> {
        self.struck.get(&number).map(Vec::as_slice)
    }

    /// How many faults began.
    pub(crate) fn begun(&self) -> u64 {
        self.counts.iter().map(|counts| counts.begun).sum()
    }

    pub(crate) fn begin(&mut self, number: usize) -> Option<FaultKind> {
        let (_, kind, state) = &self.faults[number];
        matches!(state, State::Planned).then(|| kind.clone())
    }

    fn under_way(&mut self, number: usize, undo: Undo, gauge: Gauge, (begun, phase): (Instant, Phase)) {
        let source = self.faults[number].0;
        self.counts_of(source).begun += 1;
        self.strikes.push((number, Strike { source, begun, ended: None, phase, effective: false }));
        self.struck.insert(number, std::mem::take(&mut self.latest_hit));
        self.faults[number].2 = State::UnderWay(Doing { undo, gauge });
    }

    pub(crate) fn end(&mut self, number: usize) -> Option<(FaultKind, Doing)> {
        let (_, kind, state) = &mut self.faults[number];
        match std::mem::replace(state, State::Over) {
            State::UnderWay(doing) => Some((kind.clone(), doing)),
            State::Planned | State::Over => None,
        }
    }

    fn counts_of(&mut self, Source(source): Source) -> &mut SourceCounts {
        let place = usize::from(source);
        if self.counts.len() <= place {
            self.counts.resize(place + 1, SourceCounts::default());
        }
        &mut self.counts[place]
    }

    /// How links behave by the latest fault under way that says so.
    fn links_under_way(&self) -> Option<LinkProfile> {
        self.faults.iter().rev().find_map(|fault| match fault {
            (_, FaultKind::Links { profile }, State::UnderWay(_)) => Some(*profile),
            _ => None,
        })
    }

    /// Forgets what is planned; returns what is under way.
    pub(crate) fn stop(&mut self) -> Vec<usize> {
        let mut under_way = Vec::new();
        for (number, (_, _, state)) in self.faults.iter_mut().enumerate() {
            match state {
                State::Planned => *state = State::Over,
                State::UnderWay(_) => under_way.push(number),
                State::Over => {}
            }
        }
        under_way
    }
}

impl<P: Process> World<P> {
    pub(crate) fn begin_kind(&mut self, number: usize, kind: &FaultKind) {
        let when = (self.kernel.now, self.kernel.observer.phase());
        let (undo, gauge) = match kind {
            FaultKind::Cut { target, direction, reach } => {
                let nodes = self.hit(number, kind, target);
                self.cut(self.links_of(&nodes, *direction, *reach))
            }
            FaultKind::CutLink { from, to } => {
                let (from, to) = (self.hit(number, kind, from), self.resolve(to));
                self.injector.latest_hit.extend(&to);
                let links = from.iter().flat_map(|from| to.iter().map(move |to| (*from, *to)));
                self.cut(links.filter(|(from, to)| from != to).collect())
            }
            FaultKind::CutLinks { links, .. } => {
                self.kernel.note(None, || Turn::Begins.of(number, kind));
                self.cut(links.clone())
            }
            FaultKind::Clog { target, direction, reach } => {
                let nodes = self.hit(number, kind, target);
                self.clog(self.links_of(&nodes, *direction, *reach))
            }
            FaultKind::Filter { from, filter } => self.filter(number, kind, from.as_ref(), *filter),
            FaultKind::Links { profile } => {
                self.kernel.note(None, || Turn::Begins.of(number, kind));
                self.kernel.network.set_override(Some(*profile));
                (Undo::Links, Gauge::Above(self.kernel.network.counts.sent))
            }
            FaultKind::Crash { target } => {
                let nodes = self.hit(number, kind, target);
                let gauge = Gauge::known(nodes.iter().any(|node| self.is_up(*node)));
                nodes.iter().for_each(|node| self.crash(*node));
                (Undo::Release(nodes), gauge)
            }
            FaultKind::Pause { target } => {
                let nodes = self.hit(number, kind, target);
                nodes.iter().for_each(|node| self.pause(*node));
                let gauge = Gauge::Above(self.deferred_by(&nodes));
                (Undo::Release(nodes), gauge)
            }
            FaultKind::SlowDisk { target, factor } => {
                let nodes = self.hit(number, kind, target);
                nodes.iter().for_each(|node| self.kernel.disks[node.index()].slow_down(*factor));
                let gauge = Gauge::Above(self.syncs_of(&nodes));
                (Undo::Release(nodes), gauge)
            }
            FaultKind::ClockStep { target, by_ns } => {
                let nodes = self.hit(number, kind, target);
                nodes.iter().for_each(|node| self.kernel.clocks[node.index()].step(*by_ns));
                (Undo::Nothing, Gauge::known(nodes.iter().any(|node| self.is_up(*node))))
            }
            FaultKind::Wipe { target } => self.lose(number, kind, target, World::wipe),
            FaultKind::Damage { target, damage } => {
                self.lose(number, kind, target, |world, node| world.damage(node, *damage))
            }
            FaultKind::FailDisk { target, failure } => self.fail_disks(number, kind, target, *failure),
            FaultKind::CrashAt { target, point, skip, down_ns } => {
                let left = self.hit(number, kind, target).into_iter().map(|node| (node, *skip)).collect();
                self.kernel.falls.set(Trap { fault: number, point: *point, left, down_ns: *down_ns });
                (Undo::Disarm, Gauge::Above(0))
            }
            FaultKind::Slow { target, service } => self.slow_servers(number, kind, target, *service),
            FaultKind::FreezeClock { target } => self.freeze_clocks(number, kind, target),
            FaultKind::CrashClient { client } => self.crash_client(number, kind, *client),
        };
        self.injector.under_way(number, undo, gauge, when);
    }

    pub(crate) fn undo_kind(&mut self, number: usize, kind: &FaultKind, doing: Doing) {
        let effective = self.had_effect(number, kind, &doing);
        if effective {
            let source = self.injector.faults[number].0;
            self.injector.counts_of(source).effective += 1;
        }
        let mut begun = self.injector.strikes.iter_mut().rev();
        let (_, strike) = begun.find(|(other, _)| *other == number).expect("what ends has begun");
        (strike.ended, strike.effective) = (Some(self.kernel.now), effective);
        match doing.undo {
            Undo::Mend(links) => {
                self.kernel.note(None, || Turn::Ends.of(number, kind));
                for (from, to) in links {
                    self.kernel.network.mend(from, to);
                }
            }
            Undo::Unclog(links) => {
                self.kernel.note(None, || Turn::Ends.of(number, kind));
                self.unclog(&links);
            }
            Undo::Links => {
                self.kernel.note(None, || Turn::Ends.of(number, kind));
                self.kernel.network.set_override(self.injector.links_under_way());
            }
            Undo::Unfilter => {
                self.kernel.note(None, || Turn::Ends.of(number, kind));
                self.kernel.network.unfilter(number);
            }
            Undo::Disarm => self.kernel.falls.disarm(number),
            Undo::Nothing => {}
            Undo::Release(nodes) => {
                self.note_fault(&nodes, number, kind, Turn::Ends);
                for node in nodes {
                    self.release(kind, node);
                }
            }
        }
    }

    fn release(&mut self, kind: &FaultKind, node: NodeId) {
        match kind {
            FaultKind::Crash { .. }
            | FaultKind::Wipe { .. }
            | FaultKind::Damage { .. }
            | FaultKind::CrashClient { .. } => self.restart(node),
            FaultKind::FailDisk { failure, .. } => self.repair(node, *failure),
            FaultKind::Slow { service, .. } => self.kernel.speed_up(node, *service),
            FaultKind::FreezeClock { .. } => {
                let now = self.kernel.now;
                self.kernel.clocks[node.index()].thaw(now);
            }
            FaultKind::Pause { .. } => self.resume(node),
            FaultKind::SlowDisk { factor, .. } => self.kernel.disks[node.index()].speed_up(*factor),
            FaultKind::Cut { .. }
            | FaultKind::CutLink { .. }
            | FaultKind::Links { .. }
            | FaultKind::CutLinks { .. }
            | FaultKind::Clog { .. }
            | FaultKind::Filter { .. }
            | FaultKind::CrashAt { .. }
            | FaultKind::ClockStep { .. } => unreachable!("this fault holds no node that it could release"),
        }
    }

    fn resolve(&self, target: &Target) -> Vec<NodeId> {
        target.resolve(self.kernel.observer.leader(), self.kernel.last_crashed)
    }

    fn hit(&mut self, number: usize, kind: &FaultKind, target: &Target) -> Vec<NodeId> {
        let nodes = self.resolve(target);
        self.injector.latest_hit.clone_from(&nodes);
        assert!(nodes.iter().all(|node| node.0 < self.servers), "a fault hits servers only: {nodes:?}");
        self.note_fault(&nodes, number, kind, Turn::Begins);
        nodes
    }
}
