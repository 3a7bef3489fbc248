//! An order for what the theorem of `zone` leaves open: values written more than once, and swaps that failed.
//!
//! Zones are placed one after the other. A zone may stand next if it was invoked before the first return among all
//! zones left; the one that returns first is urgent, and what must come before it even more. If the next one needs a
//! value that several updates make, one of these is placed before it, the one with the earliest deadline (Horn, 1974),
//! and before that whatever can be got out of the way; whoever else needs that value follows at once. Then each failed
//! swap is put where its value is not there. What it simplifies: choices are not taken back. What comes out is a guess,
//! and must be held against the specification.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

use super::collect::{Act, Expected, Role, interval};
use super::version::{AFTER_ALL, INITIAL, NONE, Time, VersionId};
use super::zone::Zones;
use super::{Monitor, Stop};
use crate::check::Model;
use crate::history::OperationId;

/// Something to be placed in one piece: a zone, a read of a value that several updates make, or a spare update.
#[derive(Clone, Copy, Debug)]
struct Unit {
    /// The first return of its operations.
    returned: Time,
    /// The last invocation of its operations.
    invoked: Time,
    /// Its first version.
    root: VersionId,
    /// The value that must be there before it, if several updates make it.
    needs: Option<Value>,
    /// The value that is there after it; `None`: as before it.
    leaves: Option<Value>,
}

/// A value, known by the first version that has it.
type Value = VersionId;

/// A swap that failed, and the value that it did not find.
struct Refused {
    id: OperationId,
    invoked: Time,
    returned: Time,
    value: Value,
}

/// What the operations say, for an order.
#[derive(Default)]
struct Facts {
    /// The value of each version, where several updates make it; the version itself elsewhere.
    values: Vec<Value>,
    /// What versions need that are made from a value that several updates make, by version.
    needs: BTreeMap<VersionId, Value>,
    /// Versions, and who read them.
    readers: Vec<(VersionId, OperationId)>,
    refused: Vec<Refused>,
    /// Versions of unknown outcome that several updates make, with the invocations of these.
    spares: Vec<(VersionId, Time)>,
}

/// An operation in the order, and the value after it.
struct Placed {
    id: OperationId,
    value: Value,
}

impl<'h, M: Model> Monitor<'h, M> {
    /// An order of all operations of a partition without appends whose zones are arranged.
    pub(super) fn complete(&mut self) -> Result<Vec<OperationId>, Stop> {
        let mut facts = self.facts();
        // Of a long partition this is a lot, and it will not be looked at again.
        (self.acts, self.values) = (Vec::new(), Vec::new());
        let units = self.units(&facts);
        self.zones = Zones::default();
        let mut schedule = Schedule::new(units);
        schedule.run().ok_or(Stop::Silent)?;
        let Schedule { units, placed, .. } = schedule;
        let order = self.operations(placed.iter().map(|place| &units[*place as usize]), &facts);
        drop((units, placed));
        self.insert_refused(&order, std::mem::take(&mut facts.refused)).ok_or(Stop::Silent)
    }

    fn facts(&self) -> Facts {
        let mut facts = Facts { values: (0..self.versions.len() as u32).collect(), ..Facts::default() };
        let mut made = INITIAL;
        let mut stranger = self.collected.first_stranger;
        for Act { id, interval: (invoked, returned), role } in &self.acts {
            let (invoked, returned) = (*invoked, *returned);
            match role {
                Role::Append(_) => {}
                Role::Read(value) => match self.find(value) {
                    Expected::Version(version) => facts.readers.push((version, *id)),
                    Expected::Unclear(value) => {
                        facts.values[stranger as usize] = value;
                        facts.needs.insert(stranger, value);
                        stranger += 1;
                    }
                    Expected::Unwritten => {}
                },
                Role::Write(value) => {
                    made += 1;
                    if let Expected::Unclear(value) = self.find(value) {
                        facts.values[made as usize] = value;
                        if returned == AFTER_ALL {
                            facts.spares.push((made, invoked));
                        }
                    }
                }
                Role::Swap { expected, new } => {
                    made += 1;
                    if let Expected::Unclear(value) = self.find(new) {
                        facts.values[made as usize] = value;
                    }
                    if let Expected::Unclear(value) = self.find(expected) {
                        facts.needs.insert(made, value);
                    }
                }
                Role::Refused(value) => {
                    let value = match self.find(value) {
                        Expected::Version(value) | Expected::Unclear(value) => value,
                        Expected::Unwritten => NONE,
                    };
                    facts.refused.push(Refused { id: *id, invoked, returned, value });
                }
            }
        }
        facts.readers.sort_unstable();
        facts
    }

    fn units(&self, facts: &Facts) -> Vec<Unit> {
        let mut units: Vec<Unit> = Vec::with_capacity(self.zones.len() + facts.spares.len());
        for zone in self.zones.in_order() {
            let mut last = zone.root;
            while self.versions.get(last).next != NONE {
                last = self.versions.get(last).next;
            }
            let is_stranger = zone.root >= self.collected.first_stranger;
            units.push(Unit {
                returned: zone.returned.stamp,
                invoked: zone.invoked.stamp,
                root: zone.root,
                needs: facts.needs.get(&zone.root).copied(),
                leaves: (!is_stranger).then_some(facts.values[last as usize]),
            });
        }
        let spare = |(root, invoked): &(VersionId, Time)| Unit {
            returned: AFTER_ALL,
            invoked: *invoked,
            root: *root,
            needs: None,
            leaves: Some(facts.values[*root as usize]),
        };
        units.extend(facts.spares.iter().map(spare));
        units
    }

    /// The operations of the units: each update, and then who read what it made.
    fn operations<'u>(&self, units: impl Iterator<Item = &'u Unit>, facts: &Facts) -> Vec<Placed> {
        let mut order = Vec::with_capacity(self.versions.len() + facts.readers.len());
        for unit in units {
            let mut id = unit.root;
            while id != NONE {
                let (version, value) = (self.versions.get(id), facts.values[id as usize]);
                order.extend(super::operation(version.update).map(|id| Placed { id, value }));
                let first = facts.readers.partition_point(|(read, _)| *read < id);
                let readers = facts.readers[first..].iter().take_while(|(read, _)| *read == id);
                order.extend(readers.map(|(_, id)| Placed { id: *id, value }));
                id = version.next;
            }
        }
        order
    }

    fn interval(&self, id: OperationId) -> (Time, Time) {
        interval(&self.history.operations()[id.0 as usize])
    }

    /// The order, and each failed swap at the first place at which its value is not there. It must stand behind what
    /// returned before it was invoked, other such swaps among them, and before what was invoked after it had returned.
    fn insert_refused(&self, order: &[Placed], mut refused: Vec<Refused>) -> Option<Vec<OperationId>> {
        let intervals = || order.iter().map(|placed| self.interval(placed.id));
        let last_invoked = running(intervals().map(|(invoked, _)| invoked), Time::max);
        let mut first_returned = running(intervals().rev().map(|(_, returned)| returned), Time::min);
        first_returned.reverse();
        let value_after = |place: usize| place.checked_sub(1).map_or(INITIAL, |place| order[place].value);
        // The first place behind each at which another value is there.
        let mut changes = vec![order.len() as u32 + 1; order.len() + 1];
        for place in (0..order.len()).rev() {
            let is_same = value_after(place) == value_after(place + 1);
            changes[place] = if is_same { changes[place + 1] } else { place as u32 + 1 };
        }
        refused.sort_unstable_by_key(|swap| swap.invoked);
        let mut inserted: Vec<(usize, Time, OperationId)> = Vec::with_capacity(refused.len());
        // Swaps that are placed, the next to return first; and the last place of those that have returned.
        let mut open: BinaryHeap<Reverse<(Time, usize)>> = BinaryHeap::new();
        let mut behind = 0;
        for swap in &refused {
            while let Some(Reverse((_, place))) =
                open.peek().copied().filter(|Reverse((returned, _))| *returned < swap.invoked)
            {
                open.pop();
                behind = behind.max(place);
            }
            let mut place = behind.max(first_returned.partition_point(|returned| *returned < swap.invoked));
            if value_after(place) == swap.value {
                place = changes[place] as usize;
            }
            if place > order.len() || (place > 0 && last_invoked[place - 1] > swap.returned) {
                return None;
            }
            open.push(Reverse((swap.returned, place)));
            inserted.push((place, swap.invoked, swap.id));
        }
        inserted.sort_unstable();
        let mut swaps = inserted.into_iter().peekable();
        let mut all = Vec::with_capacity(order.len() + refused.len());
        for place in 0..=order.len() {
            while let Some((_, _, id)) = swaps.next_if(|(wanted, ..)| *wanted == place) {
                all.push(id);
            }
            all.extend(order.get(place).map(|placed| placed.id));
        }
        Some(all)
    }
}

/// Of each place, what `choose` makes of all up to there.
fn running(stamps: impl ExactSizeIterator<Item = Time>, choose: fn(Time, Time) -> Time) -> Vec<Time> {
    let mut chosen: Vec<Time> = Vec::with_capacity(stamps.len());
    for stamp in stamps {
        chosen.push(chosen.last().map_or(stamp, |last| choose(*last, stamp)));
    }
    chosen
}

/// Places units one after the other.
struct Schedule {
    /// By first return.
    units: Vec<Unit>,
    is_placed: Vec<bool>,
    /// The first of `units` that is left.
    urgent: usize,
    /// The first behind that one that is left.
    behind: usize,
    /// Positions in `units`, by last invocation, and how many of them may stand next.
    by_invocation: Vec<u32>,
    ready: usize,
    /// Of those that may stand next: who needs a value, who makes it, and all others.
    readers: BTreeMap<Value, Vec<u32>>,
    makers: BTreeMap<Value, BinaryHeap<Reverse<u32>>>,
    others: Vec<u32>,
    /// Positions in `units`.
    placed: Vec<u32>,
    value: Value,
    /// The values that somebody needs, in order.
    needed: Vec<Value>,
}

impl Schedule {
    fn new(mut units: Vec<Unit>) -> Schedule {
        units.sort_unstable_by_key(|unit| (unit.returned, unit.invoked));
        let mut by_invocation: Vec<u32> = (0..units.len() as u32).collect();
        by_invocation.sort_unstable_by_key(|place| units[*place as usize].invoked);
        let mut needed: Vec<Value> = units.iter().filter_map(|unit| unit.needs).collect();
        needed.sort_unstable();
        needed.dedup();
        Schedule {
            needed,
            is_placed: vec![false; units.len()],
            placed: Vec::with_capacity(units.len()),
            units,
            urgent: 0,
            behind: 0,
            by_invocation,
            ready: 0,
            readers: BTreeMap::new(),
            makers: BTreeMap::new(),
            others: Vec::new(),
            value: INITIAL,
        }
    }

    /// Places all units but spares that are not needed; `None`, if some value that is needed cannot be had.
    fn run(&mut self) -> Option<()> {
        while let Some((first, next)) = self.next() {
            self.make_ready(self.units[first].returned);
            if self.place_readers() {
                continue;
            }
            match self.units[next].needs.filter(|needed| self.value != *needed) {
                Some(needed) => {
                    let maker = self.maker(needed)?;
                    self.place(maker);
                }
                None => self.place(next as u32),
            }
        }
        Some(())
    }

    /// The unit left that returns first, and the one to be placed next: that one, unless it stretches over returns of
    /// others. These were all invoked before it returned, for if not they would clash.
    fn next(&mut self) -> Option<(usize, usize)> {
        while self.is_placed.get(self.urgent) == Some(&true) {
            self.urgent += 1;
        }
        let first = self.units.get(self.urgent).filter(|unit| unit.returned != AFTER_ALL)?;
        self.behind = self.behind.max(self.urgent + 1);
        while self.is_placed.get(self.behind) == Some(&true) {
            self.behind += 1;
        }
        let is_within = self.units.get(self.behind).is_some_and(|unit| unit.returned < first.invoked);
        Some((self.urgent, if is_within { self.behind } else { self.urgent }))
    }

    fn make_ready(&mut self, first_return: Time) {
        while let Some(place) = self.by_invocation.get(self.ready) {
            let unit = self.units[*place as usize];
            if unit.invoked >= first_return {
                break;
            }
            self.ready += 1;
            match (unit.needs, unit.leaves) {
                (Some(needed), None) => self.readers.entry(needed).or_default().push(*place),
                (None, Some(left)) if self.is_needed(left) => {
                    self.makers.entry(left).or_default().push(Reverse(*place));
                }
                (None, _) => self.others.push(*place),
                // Waits until it is urgent.
                (Some(_), Some(_)) => {}
            }
        }
    }

    /// Whether somebody needs this value to be there.
    fn is_needed(&self, value: Value) -> bool {
        self.needed.binary_search(&value).is_ok()
    }

    /// Places all who need what is there.
    fn place_readers(&mut self) -> bool {
        let ready = self.readers.get_mut(&self.value).map(std::mem::take).unwrap_or_default();
        let before = self.placed.len();
        for reader in ready {
            self.place(reader);
        }
        self.placed.len() > before
    }

    /// Who makes this value, and must be placed first.
    fn maker(&mut self, value: Value) -> Option<u32> {
        let makers = self.makers.get_mut(&value)?;
        std::iter::from_fn(|| makers.pop()).map(|Reverse(place)| place).find(|place| !self.is_placed[*place as usize])
    }

    /// Places a unit, and whatever would spoil a value that is needed before it.
    fn place(&mut self, place: u32) {
        let unit = self.units[place as usize];
        if unit.leaves.is_some_and(|value| self.is_needed(value)) {
            for other in std::mem::take(&mut self.others) {
                self.put(other);
            }
        }
        self.put(place);
    }

    fn put(&mut self, place: u32) {
        if std::mem::replace(&mut self.is_placed[place as usize], true) {
            return;
        }
        self.value = self.units[place as usize].leaves.unwrap_or(self.value);
        self.placed.push(place);
    }
}
