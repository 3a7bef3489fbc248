//! Carrying out a fault, and undoing it: the end of a fault takes back exactly what its beginning did.

mod disk;
mod network;
mod node;

use crate::fall::Trap;
use crate::fault::{FaultKind, Target};
use crate::network::LinkProfile;
use crate::node::{NodeId, Process};
use crate::trace::Mark;
use crate::world::World;

/// The plan's faults and what each of them has done.
#[derive(Debug, Default)]
pub(crate) struct Injector {
    faults: Vec<(FaultKind, State)>,
    begun: u64,
}

#[derive(Debug)]
enum State {
    Planned,
    UnderWay(Undo),
    Over,
}

/// What has to be taken back.
#[derive(Debug)]
pub(crate) enum Undo {
    /// Cuts of directed links.
    Mend(Vec<(NodeId, NodeId)>),
    /// Servers that are down, paused or slow.
    Release(Vec<NodeId>),
    /// The behaviour of all links.
    Links,
    /// A trap that nobody came to.
    Disarm,
    /// What was done stays.
    Nothing,
}

impl Injector {
    pub(crate) fn add(&mut self, kind: FaultKind) -> usize {
        self.faults.push((kind, State::Planned));
        self.faults.len() - 1
    }

    pub(crate) fn begun(&self) -> u64 {
        self.begun
    }

    pub(crate) fn begin(&mut self, number: usize) -> Option<FaultKind> {
        let (kind, state) = &self.faults[number];
        matches!(state, State::Planned).then(|| kind.clone())
    }

    fn under_way(&mut self, number: usize, undo: Undo) {
        self.begun += 1;
        self.faults[number].1 = State::UnderWay(undo);
    }

    pub(crate) fn end(&mut self, number: usize) -> Option<(FaultKind, Undo)> {
        let (kind, state) = &mut self.faults[number];
        match std::mem::replace(state, State::Over) {
            State::UnderWay(undo) => Some((kind.clone(), undo)),
            State::Planned | State::Over => None,
        }
    }

    /// How links behave by the latest fault under way that says so.
    fn links_under_way(&self) -> Option<LinkProfile> {
        self.faults.iter().rev().find_map(|fault| match fault {
            (FaultKind::Links { profile }, State::UnderWay(_)) => Some(*profile),
            _ => None,
        })
    }

    /// Forgets what is planned; returns what is under way.
    pub(crate) fn stop(&mut self) -> Vec<usize> {
        let mut under_way = Vec::new();
        for (number, (_, state)) in self.faults.iter_mut().enumerate() {
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
        let undo = match kind {
            FaultKind::Cut { target, direction, reach } => {
                let nodes = self.hit(kind, target);
                Undo::Mend(self.cut(self.links_of(&nodes, *direction, *reach)))
            }
            FaultKind::CutLink { from, to } => {
                let (from, to) = (self.hit(kind, from), self.resolve(to));
                let links = from.iter().flat_map(|from| to.iter().map(move |to| (*from, *to)));
                Undo::Mend(self.cut(links.filter(|(from, to)| from != to).collect()))
            }
            FaultKind::Crash { target } => {
                let nodes = self.hit(kind, target);
                nodes.iter().for_each(|node| self.crash(*node));
                Undo::Release(nodes)
            }
            FaultKind::Pause { target } => {
                let nodes = self.hit(kind, target);
                nodes.iter().for_each(|node| self.pause(*node));
                Undo::Release(nodes)
            }
            FaultKind::Links { profile } => {
                self.kernel.note(None, Mark::Fault, || format!("{kind} begins"));
                self.kernel.network.set_override(Some(*profile));
                Undo::Links
            }
            FaultKind::SlowDisk { target, factor } => {
                let nodes = self.hit(kind, target);
                nodes.iter().for_each(|node| self.kernel.disks[node.index()].slow_down(*factor));
                Undo::Release(nodes)
            }
            FaultKind::ClockStep { target, by_ns } => {
                let nodes = self.hit(kind, target);
                nodes.iter().for_each(|node| self.kernel.clocks[node.index()].step(*by_ns));
                Undo::Nothing
            }
            FaultKind::Wipe { target } => Undo::Release(self.lose(kind, target, World::wipe)),
            FaultKind::Damage { target, damage } => {
                Undo::Release(self.lose(kind, target, |world, node| world.damage(node, *damage)))
            }
            FaultKind::FailDisk { target, failure } => {
                let nodes = self.hit(kind, target);
                nodes.iter().for_each(|node| self.kernel.disks[node.index()].fail(*failure));
                Undo::Release(nodes)
            }
            FaultKind::CrashAt { target, point, skip, down_ns } => {
                let left = self.hit(kind, target).into_iter().map(|node| (node, *skip)).collect();
                self.kernel.falls.set(Trap { fault: number, point: *point, left, down_ns: *down_ns });
                Undo::Disarm
            }
            FaultKind::Slow { target, service } => {
                let nodes = self.hit(kind, target);
                nodes.iter().for_each(|node| self.kernel.slow_down(*node, *service));
                Undo::Release(nodes)
            }
            FaultKind::FreezeClock { target } => {
                let (nodes, now) = (self.hit(kind, target), self.kernel.now);
                nodes.iter().for_each(|node| self.kernel.clocks[node.index()].freeze(now));
                Undo::Release(nodes)
            }
            FaultKind::CrashClient { client } => {
                let node = NodeId(self.servers + client);
                assert!(node.index() < self.nodes.len(), "there is no client {client}");
                self.note_fault(&[node], kind, "begins");
                self.crash(node);
                Undo::Release(vec![node])
            }
            FaultKind::CutLinks { .. }
            | FaultKind::Clog { .. }
            | FaultKind::Filter { .. } => unimplemented!("contract"),
        };
        self.injector.under_way(number, undo);
    }

    pub(crate) fn undo_kind(&mut self, number: usize, kind: &FaultKind, undo: Undo) {
        match undo {
            Undo::Mend(links) => {
                self.kernel.note(None, Mark::Fault, || format!("{kind} ends"));
                for (from, to) in links {
                    self.kernel.network.mend(from, to);
                }
            }
            Undo::Links => {
                self.kernel.note(None, Mark::Fault, || format!("{kind} ends"));
                self.kernel.network.set_override(self.injector.links_under_way());
            }
            Undo::Disarm => self.kernel.falls.disarm(number),
            Undo::Nothing => {}
            Undo::Release(nodes) => {
                self.note_fault(&nodes, kind, "ends");
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

    fn hit(&mut self, kind: &FaultKind, target: &Target) -> Vec<NodeId> {
        let nodes = self.resolve(target);
        assert!(nodes.iter().all(|node| node.0 < self.servers), "a fault hits servers only: {nodes:?}");
        self.note_fault(&nodes, kind, "begins");
        nodes
    }
}
