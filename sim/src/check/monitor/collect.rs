//! From operations to versions, where updates replace what was there: registers, with compare-and-swap or without.
//!
//! Two passes: one over the updates, to learn which of them makes each value, and one over all that saw a value
//! (Gibbons and Korach, 1997, call it the read mapping). What it simplifies: a value that is written twice is given up,
//! also where time alone would tell which of the two updates a reader saw.

use std::hash::{BuildHasher, BuildHasherDefault};

use super::version::{AFTER_ALL, INITIAL, NONE, Time, VersionId, Versions};
use super::{Clash, Monitor, Reason, Stop};
use crate::check::memory::FixedHasher;
use crate::check::{Access, Model, Op, Ret};
use crate::history::{History, Operation, OperationId, Outcome, Stamp};

/// An operation that has to do with versions.
pub(super) struct Act<V> {
    pub(super) id: OperationId,
    /// When it was invoked, and when it returned, as versions count.
    pub(super) interval: (Time, Time),
    pub(super) role: Role<V>,
}

/// What an operation has to do with versions.
pub(super) enum Role<V> {
    /// It saw this value.
    Read(V),
    /// It made this value, or perhaps did.
    Write(V),
    /// It put this element behind what was there, or perhaps did.
    Append(V),
    /// It made `new` from `expected`; if it never returned, perhaps.
    Swap { expected: V, new: V },
    /// It did not find this value.
    Refused(V),
}

/// What an operation has to do with versions. Nothing, if it failed, or told nobody what it saw; silence, if that
/// cannot be said.
pub(super) fn act<'h, M: Model>(
    model: &M,
    history: &'h History<Op<M>, Ret<M>>,
    id: OperationId,
) -> Result<Option<Act<M::Value<'h>>>, Stop> {
    let operation = &history.operations()[id.0 as usize];
    let answer = match &operation.outcome {
        Outcome::Failed { .. } => return Ok(None),
        Outcome::Returned { ret, .. } => Some(ret),
        Outcome::Open | Outcome::Unknown { .. } => {
            if model.observes(&operation.op, None) {
                return Ok(None);
            }
            None
        }
    };
    let role = match model.access(&operation.op, answer).ok_or(Stop::Silent)? {
        Access::Read(value) => Role::Read(value),
        Access::Write(value) => Role::Write(value),
        Access::Append(element) => Role::Append(element),
        Access::Swap { expected, swapped: Some(false), .. } => Role::Refused(expected),
        // It leaves everything as it was.
        Access::Swap { expected, new, swapped: Some(true) } if expected == new => Role::Read(expected),
        Access::Swap { expected, new, swapped: None } if expected == new => return Ok(None),
        Access::Swap { expected, new, swapped: Some(true) | None } => Role::Swap { expected, new },
    };
    Ok(Some(Act { id, interval: interval(operation), role }))
}

/// When an operation was invoked and when it returned, as versions count.
pub(super) fn interval<O, R>(operation: &Operation<O, R>) -> (Time, Time) {
    let returned = match operation.outcome {
        Outcome::Returned { stamp, .. } => time(stamp),
        Outcome::Open | Outcome::Failed { .. } | Outcome::Unknown { .. } => AFTER_ALL,
    };
    (time(operation.invoked), returned)
}

/// There are not too many events, or nothing would be collected.
fn time(stamp: Stamp) -> Time {
    stamp as Time + 1
}

/// What is known beside the versions.
#[derive(Default)]
pub(super) struct Collected {
    /// Swaps that failed, and the version that they did not find.
    refused: Vec<Refused>,
    /// Swaps of unknown outcome: the version that each makes, and the value that it expects.
    maybe: Vec<(VersionId, Expected)>,
    /// Reads of a value that several updates make.
    strangers: Vec<(OperationId, Time, Time)>,
    /// The first of the versions that stand for these.
    pub(super) first_stranger: VersionId,
    /// Whether something was left out that an order must explain too.
    has_gaps: bool,
}

struct Refused {
    swap: u32,
    invoked: Time,
    returned: Time,
    version: VersionId,
}

/// What a value says about the version that somebody saw.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Expected {
    /// This one.
    Version(VersionId),
    /// One of several, the first of which is this one.
    Unclear(VersionId),
    /// There is none.
    Unwritten,
}

impl Collected {
    pub(super) fn clear(&mut self) {
        self.refused.clear();
        self.maybe.clear();
        self.strangers.clear();
        self.has_gaps = false;
    }

    /// Whether an order of the zones explains all there is to explain.
    pub(super) fn is_complete(&self) -> bool {
        !self.has_gaps && self.refused.is_empty()
    }

    /// A swap did not find a version.
    pub(super) fn refuse(&mut self, id: OperationId, (invoked, returned): (Time, Time), version: VersionId) {
        self.refused.push(Refused { swap: id.0, invoked, returned, version });
    }

    /// Something is left out that an order must explain too.
    pub(super) fn leave_out(&mut self) {
        self.has_gaps = true;
    }

    /// A version is there at least from the first return of an operation on it to the last invocation of one, and the
    /// update that it is made into is one of these. A swap that fails must have a moment outside.
    pub(super) fn check_refused(&self, versions: &Versions) -> Result<(), Clash> {
        for refused in &self.refused {
            let version = versions.get(refused.version);
            let (mut first, mut last) = (version.first_read, version.last_read);
            if version.returned < first.stamp {
                (first.stamp, first.operation) = (version.returned, version.update);
            }
            if version.next != NONE {
                let next = versions.get(version.next);
                if last.stamp < next.invoked {
                    (last.stamp, last.operation) = (next.invoked, next.update);
                }
            }
            if first.stamp < refused.invoked && refused.returned < last.stamp {
                return Err(Clash::of(Reason::Refused, &[refused.swap, first.operation, last.operation]));
            }
        }
        Ok(())
    }
}

impl<'h, M: Model> Monitor<'h, M> {
    /// The versions of a partition without appends.
    pub(super) fn collect_registers(&mut self, initial: &M::Value<'h>) -> Result<(), Stop> {
        let acts = std::mem::take(&mut self.acts);
        let is_update = |act: &&Act<M::Value<'h>>| matches!(act.role, Role::Write(_) | Role::Swap { .. });
        let versions = 1 + acts.iter().filter(is_update).count();
        self.versions.reserve(versions);
        self.values.clear();
        self.values.reserve_exact(versions);
        self.by_value.clear();
        // Growing would hash every value again.
        self.by_value.reserve(versions, |_| unreachable!("an empty table has no values"));
        self.name(initial, INITIAL);
        for act in &acts {
            if let Role::Write(value) | Role::Swap { new: value, .. } = &act.role {
                let version = self.versions.add(act.id.0, act.interval.0, act.interval.1);
                self.name(value, version);
            }
        }
        let seen = self.collect_seen(&acts);
        self.acts = acts;
        seen?;
        self.swap_what_was_seen()?;
        // Behind all that was made, where the versions of updates are counted.
        self.collected.first_stranger = self.versions.len() as u32;
        self.versions.reserve(self.collected.strangers.len());
        for (id, invoked, returned) in std::mem::take(&mut self.collected.strangers) {
            self.versions.add(id.0, invoked, returned);
        }
        Ok(())
    }

    /// A version has this value.
    fn name(&mut self, value: &M::Value<'h>, version: VersionId) {
        use hashbrown::hash_table::Entry;
        self.values.push(value.clone());
        let values = &self.values;
        let hash =
            |version: &VersionId| BuildHasherDefault::<FixedHasher>::default().hash_one(&values[*version as usize]);
        match self.by_value.entry(hash(&version), |other| values[*other as usize] == *value, hash) {
            Entry::Occupied(first) => self.versions.share(*first.get()),
            Entry::Vacant(place) => drop(place.insert(version)),
        }
    }

    fn collect_seen(&mut self, acts: &[Act<M::Value<'h>>]) -> Result<(), Stop> {
        let mut made = INITIAL;
        for Act { id, interval: (invoked, returned), role } in acts {
            match role {
                Role::Append(_) => unreachable!("a partition with appends is one of lists"),
                Role::Write(_) => made += 1,
                Role::Read(value) => match self.find(value) {
                    Expected::Version(version) => self.versions.read(version, id.0, *invoked, *returned),
                    Expected::Unclear(_) => {
                        self.collected.leave_out();
                        self.collected.strangers.push((*id, *invoked, *returned));
                    }
                    Expected::Unwritten => return Err(Clash::of(Reason::Unwritten, &[id.0]).into()),
                },
                Role::Swap { expected, .. } => {
                    made += 1;
                    let expected = self.find(expected);
                    if *returned == AFTER_ALL {
                        self.collected.maybe.push((made, expected));
                    } else {
                        self.swapped(made, expected)?;
                    }
                }
                Role::Refused(value) => match self.find(value) {
                    Expected::Version(version) => self.collected.refuse(*id, (*invoked, *returned), version),
                    Expected::Unclear(_) => self.collected.leave_out(),
                    // It cannot have found it.
                    Expected::Unwritten => {}
                },
            }
        }
        Ok(())
    }

    pub(super) fn find(&self, value: &M::Value<'h>) -> Expected {
        let hash = BuildHasherDefault::<FixedHasher>::default().hash_one(value);
        match self.by_value.find(hash, |version| self.values[*version as usize] == *value) {
            Some(version) if self.versions.get(*version).is_shared => Expected::Unclear(*version),
            Some(version) => Expected::Version(*version),
            None => Expected::Unwritten,
        }
    }

    /// A swap made this version.
    fn swapped(&mut self, made: VersionId, expected: Expected) -> Result<(), Stop> {
        match expected {
            Expected::Version(from) => self.versions.link(from, made)?,
            Expected::Unclear(_) => self.collected.leave_out(),
            Expected::Unwritten => {
                return Err(Clash::of(Reason::Unwritten, &[self.versions.get(made).update]).into());
            }
        }
        Ok(())
    }

    /// Swaps of unknown outcome whose value somebody saw took effect, and saw what they expected.
    fn swap_what_was_seen(&mut self) -> Result<(), Stop> {
        let maybe = std::mem::take(&mut self.collected.maybe);
        let mut left: Vec<usize> =
            (0..maybe.len()).filter(|place| self.versions.get(maybe[*place].0).is_seen()).collect();
        while let Some(place) = left.pop() {
            let (made, expected) = maybe[place];
            let was_seen = |versions: &Versions, id| versions.get(id).is_seen();
            let before = match expected {
                Expected::Version(from) => maybe.binary_search_by_key(&from, |(made, _)| *made).ok(),
                Expected::Unclear(_) | Expected::Unwritten => None,
            };
            let is_news = before.is_some_and(|before| !was_seen(&self.versions, maybe[before].0));
            self.swapped(made, expected)?;
            left.extend(before.filter(|_| is_news));
        }
        self.collected.maybe = maybe;
        Ok(())
    }
}
