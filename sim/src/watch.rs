//! What the world looks at after an event, while somebody waits for something: counters that are to reach a number, a
//! leader, replicas that agree.
//!
//! A look costs a comparison for each counter that is waited for, however many wait for it: whoever waits for the smallest
//! number comes first. While nobody waits there is no look.

use std::collections::{BTreeMap, BTreeSet};

use crate::kernel::Kernel;
use crate::node::{NodeId, ProbeId, Process};

/// Something that only ever grows during a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Counter {
    /// Committed entries.
    Commits,
    /// Answered operations.
    Answers,
    /// Crashes of servers.
    Crashes,
    /// Terms that had a leader.
    Leaders,
    /// Messages from server to server, counted if [`Traffic`] is.
    Messages,
    /// Their bytes.
    Bytes,
    /// Hits of a probe.
    Probe(ProbeId),
}

/// What servers sent to each other.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Traffic {
    pub(crate) messages: u64,
    pub(crate) bytes: u64,
}

/// Who waits, by the place in its list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Waiter {
    /// A step, for its trigger.
    Step(usize),
    /// An expectation, for the number that it must not reach.
    Expectation(usize),
}

/// Everybody who waits.
#[derive(Debug, Default)]
pub(crate) struct Watch {
    counters: BTreeMap<Counter, BTreeSet<(u64, Waiter)>>,
    leader: Vec<usize>,
    converged: Vec<usize>,
    /// The server that had not applied everything when that was looked at last. It is asked first.
    laggard: Option<NodeId>,
    waiters: usize,
}

impl Watch {
    /// Whether anybody waits.
    #[inline]
    pub(crate) fn is_needed(&self) -> bool {
        self.waiters > 0
    }

    /// Waits for a counter to reach a number.
    pub(crate) fn for_count(&mut self, counter: Counter, number: u64, waiter: Waiter) {
        let is_new = self.counters.entry(counter).or_default().insert((number, waiter));
        assert!(is_new, "nobody waits twice for the same");
        self.waiters += 1;
    }

    /// Has a step wait for anybody to lead.
    pub(crate) fn for_leader(&mut self, step: usize) {
        self.leader.push(step);
        self.waiters += 1;
    }

    /// Has a step wait for replicas to agree.
    pub(crate) fn for_convergence(&mut self, step: usize) {
        self.converged.push(step);
        self.waiters += 1;
    }

    /// Ends a wait for a counter, if it is not over.
    pub(crate) fn no_longer(&mut self, counter: Counter, number: u64, waiter: Waiter) {
        if self.counters.get_mut(&counter).is_some_and(|waiters| waiters.remove(&(number, waiter))) {
            self.waiters -= 1;
            self.counters.retain(|_, waiters| !waiters.is_empty());
        }
    }

    /// No step waits any more.
    pub(crate) fn forget_steps(&mut self) {
        for waiters in self.counters.values_mut() {
            waiters.retain(|(_, waiter)| matches!(waiter, Waiter::Expectation(_)));
        }
        self.counters.retain(|_, waiters| !waiters.is_empty());
        self.leader.clear();
        self.converged.clear();
        self.waiters = self.counters.values().map(BTreeSet::len).sum();
    }

    /// One of those whose wait is over, if there is one.
    pub(crate) fn reached<P: Process>(&mut self, kernel: &Kernel<P>) -> Option<Waiter> {
        let waiter = self.counted(kernel).or_else(|| self.led(kernel)).or_else(|| self.agreed(kernel))?;
        self.waiters -= 1;
        Some(waiter)
    }

    fn counted<P: Process>(&mut self, kernel: &Kernel<P>) -> Option<Waiter> {
        let is_due = |(counter, waiters): &(&Counter, &BTreeSet<(u64, Waiter)>)| {
            waiters.first().is_some_and(|(number, _)| kernel.count_of(**counter) >= *number)
        };
        let counter = *self.counters.iter().find(is_due)?.0;
        let waiters = self.counters.get_mut(&counter)?;
        let (_, waiter) = waiters.pop_first()?;
        if waiters.is_empty() {
            self.counters.remove(&counter);
        }
        Some(waiter)
    }

    fn led<P: Process>(&mut self, kernel: &Kernel<P>) -> Option<Waiter> {
        if self.leader.is_empty() || kernel.observer.leader().is_none() {
            return None;
        }
        self.leader.pop().map(Waiter::Step)
    }

    fn agreed<P: Process>(&mut self, kernel: &Kernel<P>) -> Option<Waiter> {
        if self.converged.is_empty() || self.laggard.is_some_and(|node| kernel.lags(node)) {
            return None;
        }
        self.laggard = (0..kernel.disks.len() as u32).map(NodeId).find(|node| kernel.lags(*node));
        if self.laggard.is_some() { None } else { self.converged.pop().map(Waiter::Step) }
    }
}

impl<P: Process> Kernel<P> {
    pub(crate) fn count_of(&self, counter: Counter) -> u64 {
        match counter {
            Counter::Commits => self.observer.committed_max(),
            Counter::Answers => self.answers,
            Counter::Crashes => self.observer.crashes(),
            Counter::Leaders => self.observer.terms_led() as u64,
            Counter::Messages => self.traffic.map_or(0, |traffic| traffic.messages),
            Counter::Bytes => self.traffic.map_or(0, |traffic| traffic.bytes),
            Counter::Probe(ProbeId(probe)) => self.probes.get(usize::from(probe)).copied().map_or(0, u64::from),
        }
    }

    /// Whether a server is up and has not applied everything that is committed, although it is a member.
    fn lags(&self, node: NodeId) -> bool {
        self.slots[node.index()].downs == 0 && self.observer.lags(node)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_gives_up_waiting_is_forgotten() {
        let mut watch = Watch::default();
        watch.for_count(Counter::Commits, 5, Waiter::Step(1));
        watch.for_count(Counter::Commits, 5, Waiter::Expectation(1));
        watch.for_count(Counter::Probe(ProbeId(3)), 1, Waiter::Step(0));
        watch.for_leader(2);
        watch.for_convergence(3);
        assert_eq!(watch.waiters, 5);
        watch.no_longer(Counter::Commits, 6, Waiter::Expectation(1));
        assert_eq!(watch.waiters, 5, "that was nobody");
        watch.forget_steps();
        assert_eq!(watch.waiters, 1);
        watch.no_longer(Counter::Commits, 5, Waiter::Expectation(1));
        assert!(!watch.is_needed() && watch.counters.is_empty());
    }
}
