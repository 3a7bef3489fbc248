//! Whether a fault had an effect: a fault that hit nobody proves nothing about those that it could have hit.
//!
//! A cut has one if it stopped a message, a clog if it held one, a filter if it struck one, other links if one was sent over
//! them; a crash if a running server went down, a pause if something waited, a slow disk if a sync was begun, an erased disk
//! if it held anything, a clock that was set or frozen if its server was running; a trap if somebody came to it, a slow
//! server if something waited, a failing disk if a read or a sync failed, damage if any byte is different. What it
//! simplifies: of several faults on the same link or server, all count as the cause.

use super::{Doing, Injector, State, Strike, Undo};
use crate::fault::{FaultKind, Source};
use crate::node::{NodeId, Process};
use crate::world::World;

/// How often the faults of a source struck.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SourceCounts {
    /// Faults that there were to be.
    pub planned: u64,
    /// Those of them that began.
    pub begun: u64,
    /// Those of them that had an effect on anybody.
    pub effective: u64,
}

/// How it will be known whether a fault had an effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Gauge {
    /// It had one as soon as it began.
    Had,
    /// It has none, whatever happens.
    None,
    /// It has one if the counter of what it does has gone beyond this.
    Above(u64),
}

impl Gauge {
    pub(super) fn known(had_effect: bool) -> Gauge {
        if had_effect { Gauge::Had } else { Gauge::None }
    }
}

impl<P: Process> World<P> {
    /// How often the faults of each source struck; the place in the list is the number of the source. Faults that are under
    /// way count as far as they got.
    #[must_use]
    pub fn source_counts(&self) -> Vec<SourceCounts> {
        let Injector { faults, counts, .. } = &self.injector;
        let mut counts = counts.clone();
        for (number, (Source(source), kind, state)) in faults.iter().enumerate() {
            if let State::UnderWay(doing) = state
                && self.had_effect(number, kind, doing)
            {
                counts[usize::from(*source)].effective += 1;
            }
        }
        counts
    }

    /// The faults that began, in that order. Of those that are under way it is said what they have done so far.
    #[must_use]
    pub fn strikes(&self) -> Vec<Strike> {
        let strike = |(number, strike): &(usize, Strike)| match &self.injector.faults[*number] {
            (_, kind, State::UnderWay(doing)) => Strike { effective: self.had_effect(*number, kind, doing), ..*strike },
            (_, _, State::Planned | State::Over) => *strike,
        };
        self.injector.strikes.iter().map(strike).collect()
    }

    pub(super) fn had_effect(&self, number: usize, kind: &FaultKind, doing: &Doing) -> bool {
        match doing.gauge {
            Gauge::Had => true,
            Gauge::None => false,
            Gauge::Above(before) => self.reading(number, kind, &doing.undo) > before,
        }
    }

    /// The counter of what a fault does.
    fn reading(&self, number: usize, kind: &FaultKind, undo: &Undo) -> u64 {
        match undo {
            Undo::Mend(links) => self.stopped_on(links),
            Undo::Unclog(links) => self.held_on(links),
            Undo::Links => self.kernel.network.counts.sent,
            Undo::Disarm => u64::from(!self.kernel.falls.is_set(number)),
            Undo::Unfilter => self.kernel.network.struck_by(number),
            Undo::Release(nodes) => match kind {
                FaultKind::Pause { .. } | FaultKind::Slow { .. } => self.deferred_by(nodes),
                FaultKind::FailDisk { .. } => self.failures_of(nodes),
                FaultKind::SlowDisk { .. } => self.syncs_of(nodes),
                FaultKind::Crash { .. }
                | FaultKind::Wipe { .. }
                | FaultKind::Cut { .. }
                | FaultKind::CutLink { .. }
                | FaultKind::Links { .. }
                | FaultKind::ClockStep { .. }
                | FaultKind::CutLinks { .. }
                | FaultKind::Clog { .. }
                | FaultKind::Filter { .. }
                | FaultKind::CrashAt { .. }
                | FaultKind::Damage { .. }
                | FaultKind::FreezeClock { .. }
                | FaultKind::CrashClient { .. } => unreachable!("{kind} has no counter of its nodes"),
            },
            Undo::Nothing => unreachable!("what is not taken back has its effect at once"),
        }
    }

    pub(super) fn stopped_on(&self, links: &[(NodeId, NodeId)]) -> u64 {
        links.iter().map(|(from, to)| self.kernel.network.stopped_on(*from, *to)).sum()
    }

    pub(super) fn held_on(&self, links: &[(NodeId, NodeId)]) -> u64 {
        links.iter().map(|(from, to)| self.kernel.network.held_on(*from, *to)).sum()
    }

    pub(super) fn deferred_by(&self, nodes: &[NodeId]) -> u64 {
        nodes.iter().map(|node| self.kernel.slots[node.index()].deferred).sum()
    }

    pub(super) fn syncs_of(&self, nodes: &[NodeId]) -> u64 {
        nodes.iter().map(|node| self.kernel.disks[node.index()].counts.syncs).sum()
    }

    pub(super) fn failures_of(&self, nodes: &[NodeId]) -> u64 {
        let counts = nodes.iter().map(|node| self.kernel.disks[node.index()].counts);
        counts.map(|counts| counts.reads_failed + counts.syncs_failed).sum()
    }

    pub(super) fn is_up(&self, node: NodeId) -> bool {
        self.kernel.slots[node.index()].downs == 0
    }
}
