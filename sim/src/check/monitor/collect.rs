//! From operations to versions, where updates replace what was there: registers, with compare-and-swap or without.
//!
//! Two passes: one over the updates, to learn which of them makes each value, and one over all that saw a value (Gibbons
//! and Korach, 1997, call it the read mapping). What it simplifies: a value that is written twice is given up, also where
//! time alone would tell which of the two updates a reader saw.

use super::version::{AFTER_ALL, INITIAL, NONE, VersionId, Versions};
use super::{Clash, Monitor, Reason, Stop};
use crate::check::split::Component;
use crate::check::{Access, Model, Op, Ret};
use crate::history::{Operation, OperationId, Outcome, Stamp};

/// What an operation has to do with versions.
pub(super) enum Role<V> {
    /// Nothing: it failed, or told nobody what it saw.
    Nothing,
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

/// The role of an operation; silence, if it does anything else.
pub(super) fn role<'h, M: Model>(
    model: &M,
    operation: &'h Operation<Op<M>, Ret<M>>,
) -> Result<Role<M::Value<'h>>, Stop> {
    let answer = match &operation.outcome {
        Outcome::Failed { .. } => return Ok(Role::Nothing),
        Outcome::Returned { ret, .. } => Some(ret),
        Outcome::Open | Outcome::Unknown { .. } => {
            if model.observes(&operation.op, None) {
                return Ok(Role::Nothing);
            }
            None
        }
    };
    Ok(match model.access(&operation.op, answer).ok_or(Stop::Silent)? {
        Access::Read(value) => Role::Read(value),
        Access::Write(value) => Role::Write(value),
        Access::Append(element) => Role::Append(element),
        Access::Swap { expected, swapped: Some(false), .. } => Role::Refused(expected),
        // It leaves everything as it was.
        Access::Swap { expected, new, swapped: Some(true) } if expected == new => Role::Read(expected),
        Access::Swap { expected, new, swapped: None } if expected == new => Role::Nothing,
        Access::Swap { expected, new, swapped: Some(true) | None } => Role::Swap { expected, new },
    })
}

/// When an operation was invoked and when it returned, as versions count.
pub(super) fn interval<O, R>(operation: &Operation<O, R>) -> (Stamp, Stamp) {
    let returned = match operation.outcome {
        Outcome::Returned { stamp, .. } => stamp + 1,
        Outcome::Open | Outcome::Failed { .. } | Outcome::Unknown { .. } => AFTER_ALL,
    };
    (operation.invoked + 1, returned)
}

/// What is known beside the versions.
#[derive(Default)]
pub(super) struct Collected {
    /// Swaps that failed, and the version that they did not find.
    refused: Vec<Refused>,
    /// Swaps of unknown outcome: the version that each makes, and the value that it expects.
    maybe: Vec<(VersionId, Expected)>,
    /// Reads of a value that several updates make.
    strangers: Vec<(OperationId, Stamp, Stamp)>,
    /// The first of the versions that stand for these.
    pub(super) first_stranger: VersionId,
    /// Whether something was left out that an order must explain too.
    has_gaps: bool,
}

struct Refused {
    swap: u32,
    invoked: Stamp,
    returned: Stamp,
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

/// Which updates make a value.
#[derive(Clone, Copy, Debug)]
pub(super) enum Maker {
    /// This one.
    One(VersionId),
    /// Several, of which this is the first.
    Several(VersionId),
}

impl Maker {
    fn another(&mut self) {
        let (Maker::One(first) | Maker::Several(first)) = *self;
        *self = Maker::Several(first);
    }
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
    pub(super) fn refuse(&mut self, id: OperationId, (invoked, returned): (Stamp, Stamp), version: VersionId) {
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
    pub(super) fn collect_registers(&mut self, initial: &M::Value<'h>, component: &Component<M>) -> Result<(), Stop> {
        self.by_value.clear();
        self.by_value.insert(initial.clone(), Maker::One(INITIAL));
        for id in &component.ids {
            if let Role::Write(value) | Role::Swap { new: value, .. } = self.role(*id)? {
                let (invoked, returned) = self.interval(*id);
                let version = self.versions.add(id.0, invoked, returned);
                let makers = self.by_value.entry(value);
                makers.and_modify(Maker::another).or_insert(Maker::One(version));
            }
        }
        let mut made = INITIAL;
        for id in &component.ids {
            let (invoked, returned) = self.interval(*id);
            match self.role(*id)? {
                Role::Nothing => {}
                Role::Append(_) => unreachable!("a partition with appends is one of lists"),
                Role::Write(_) => made += 1,
                Role::Read(value) => match self.find(&value) {
                    Expected::Version(version) => self.versions.read(version, id.0, invoked, returned),
                    Expected::Unclear(_) => {
                        self.collected.leave_out();
                        self.collected.strangers.push((*id, invoked, returned));
                    }
                    Expected::Unwritten => return Err(Clash::of(Reason::Unwritten, &[id.0]).into()),
                },
                Role::Swap { expected, .. } => {
                    made += 1;
                    let expected = self.find(&expected);
                    if returned == AFTER_ALL {
                        self.collected.maybe.push((made, expected));
                    } else {
                        self.swapped(made, expected)?;
                    }
                }
                Role::Refused(value) => match self.find(&value) {
                    Expected::Version(version) => self.collected.refuse(*id, (invoked, returned), version),
                    Expected::Unclear(_) => self.collected.leave_out(),
                    // It cannot have found it.
                    Expected::Unwritten => {}
                },
            }
        }
        self.swap_what_was_seen()?;
        self.collected.first_stranger = self.versions.len() as u32;
        // Behind all that was made, where the versions of updates are counted.
        for (id, invoked, returned) in std::mem::take(&mut self.collected.strangers) {
            self.versions.add(id.0, invoked, returned);
        }
        Ok(())
    }

    pub(super) fn find(&self, value: &M::Value<'h>) -> Expected {
        match self.by_value.get(value) {
            Some(Maker::One(version)) => Expected::Version(*version),
            Some(Maker::Several(first)) => Expected::Unclear(*first),
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
