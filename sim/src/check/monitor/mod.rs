//! Monitoring: a verdict without a search, where values say who wrote them (Gibbons and Korach, 1997).
//!
//! Where no value is written twice, what was read says which update it was read from, and an order of the updates can
//! be computed: O(n log n) for n operations. See `version` for what is known of each value, `zone` for the theorem, and
//! `lists` for values that grow by appending. Operations may be left out of the argument where that is sound:
//!
//! 1. *Updates of unknown outcome that nobody saw* do not take effect. Suppose an order has one. What stands right
//!    behind it does not depend on it: a reader, a swap or an append that somebody read would have seen its value. So
//!    it is an update that overwrites, or an append that nobody saw either, and the order without it explains as much.
//! 2. *Values written more than once* (deletes write the missing value) name no update. Who reads one is a zone of its
//!    own, for it cannot stand inside that of another value; so is an update that makes one, unless it is a swap of a
//!    value written once, and then it ends the zone of that. A swap that expects one counts as a write. Every order of
//!    all operations is an order of these zones; so what has none without the values has none with them.
//! 3. *Swaps that failed* are left out: they change nothing. One whose value was certainly there all the time is a
//!    violation by itself.
//!
//! After 2 or 3 an order of the zones proves nothing yet. A better one is guessed (`complete`) and held against the
//! specification, operation by operation: it is a witness, or monitoring is silent. What it simplifies: parts that are
//! tied together, appends beside deletes, and elements that cannot be told apart in a row are left to the search.

mod collect;
mod complete;
mod lists;
mod version;
mod zone;

use collect::{Act, Collected, Role, act};
use hashbrown::HashTable;
use version::{EVENTS_MAX, VersionId, Versions, operation};
use zone::Zones;

use super::split::Component;
use super::witness::proves;
use super::{Model, Op, Ret};
use crate::history::{History, OperationId, Outcome, Stamp};

/// What monitoring says about a partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Monitored {
    /// There is an order.
    Linearizable,
    /// There is none.
    Violation(Clash),
    /// Nothing: this is for the search.
    Silent,
}

/// Operations that cannot all be explained.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Clash {
    pub(super) reason: Reason,
    /// As the reason says.
    pub(super) operations: Vec<OperationId>,
}

/// Why operations cannot all be explained.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reason {
    /// The operation saw a value that was never there.
    Unwritten,
    /// The second comes after the first, by the values that they saw or wrote, but returned before that was invoked.
    Backwards,
    /// These two updates both come right after the same value, or right before it.
    Fork,
    /// Each of these updates needs the value of another one, round in a circle.
    Circle,
    /// Between the first and the second of them a value was there, and between the third and the fourth another; but
    /// these stretches of time overlap. The first is missing where the value was there from the beginning.
    Zones,
    /// The swap failed although what it expected was there all the time: at least between the two other operations.
    Refused,
}

impl Clash {
    fn of(reason: Reason, operations: &[u32]) -> Clash {
        Clash { reason, operations: operations.iter().filter_map(|number| operation(*number)).collect() }
    }

    /// The last return among the operations, or else of the partition: where to begin to look for the shortest
    /// beginning of the history that has no order.
    pub(super) fn reached<O, R, M: Model>(&self, history: &History<O, R>, component: &Component<M>) -> Stamp {
        let last = |ids: &[OperationId]| {
            let returned = |id: &OperationId| match history.operations()[id.0 as usize].outcome {
                Outcome::Returned { stamp, .. } => Some(stamp),
                Outcome::Open | Outcome::Failed { .. } | Outcome::Unknown { .. } => None,
            };
            ids.iter().filter_map(returned).max()
        };
        last(&self.operations).or_else(|| last(&component.ids)).expect("what has no order has an answer to explain")
    }
}

/// The partitions that are left to the search, by their positions; or one that has no order, and when the last return of
/// those happened that clash.
pub(super) fn sift<M: Model>(
    model: &M,
    history: &History<Op<M>, Ret<M>>,
    partitions: &[Component<M>],
) -> Result<Vec<usize>, (usize, Stamp)> {
    let mut monitor = Monitor::new(model, history);
    let mut undecided = Vec::new();
    for (position, component) in partitions.iter().enumerate() {
        match monitor.decide(component) {
            Monitored::Linearizable => {}
            Monitored::Violation(clash) => return Err((position, clash.reached(history, component))),
            Monitored::Silent => undecided.push(position),
        }
    }
    Ok(undecided)
}

/// Looks at the partitions of a history, one after the other, and uses its memory again for each.
pub(super) struct Monitor<'h, M: Model> {
    model: &'h M,
    history: &'h History<Op<M>, Ret<M>>,
    /// The operations of the partition that have to do with versions.
    acts: Vec<Act<M::Value<'h>>>,
    /// The first version with each value.
    by_value: HashTable<VersionId>,
    /// The value of each version.
    values: Vec<M::Value<'h>>,
    versions: Versions,
    zones: Zones,
    collected: Collected,
}

impl<'h, M: Model> Monitor<'h, M> {
    pub(super) fn new(model: &'h M, history: &'h History<Op<M>, Ret<M>>) -> Self {
        Monitor {
            model,
            history,
            acts: Vec::new(),
            by_value: HashTable::new(),
            values: Vec::new(),
            versions: Versions::default(),
            zones: Zones::default(),
            collected: Collected::default(),
        }
    }

    /// Whether a partition is linearizable, where that can be said without a search.
    pub(super) fn decide(&mut self, component: &Component<M>) -> Monitored {
        let Some(initial) = self.model.initial_value() else { return Monitored::Silent };
        if component.partition.0.len() != 1 || self.history.events() > EVENTS_MAX {
            return Monitored::Silent;
        }
        match self.examine(&initial, component) {
            Err(Stop::Violation(clash)) => Monitored::Violation(clash),
            Err(Stop::Silent) => Monitored::Silent,
            Ok(()) => Monitored::Linearizable,
        }
    }

    fn examine(&mut self, initial: &M::Value<'h>, component: &Component<M>) -> Result<(), Stop> {
        self.collected.clear();
        self.versions.restart();
        let appends = self.gather(component)?;
        if appends {
            self.collect_lists(initial)?;
        } else {
            self.collect_registers(initial)?;
        }
        self.zones.arrange(&self.versions)?;
        self.collected.check_refused(&self.versions)?;
        if self.collected.is_complete() {
            return Ok(());
        }
        if appends {
            return Err(Stop::Silent);
        }
        let order = self.complete()?;
        if proves(self.history, component, &order) { Ok(()) } else { Err(Stop::Silent) }
    }

    /// Looks at all operations, and says whether there are appends; silent if some operation has no [`super::Access`].
    fn gather(&mut self, component: &Component<M>) -> Result<bool, Stop> {
        self.acts.clear();
        self.acts.reserve_exact(component.ids.len());
        let mut appends = false;
        for id in &component.ids {
            let Some(act) = act(self.model, self.history, *id)? else { continue };
            appends |= matches!(act.role, Role::Append(_));
            self.acts.push(act);
        }
        Ok(appends)
    }
}

/// Why monitoring ends before its end.
enum Stop {
    Violation(Clash),
    Silent,
}

impl From<Clash> for Stop {
    fn from(clash: Clash) -> Stop {
        Stop::Violation(clash)
    }
}

#[cfg(test)]
mod tests;
