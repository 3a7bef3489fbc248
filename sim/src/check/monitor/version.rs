//! Versions: what a register holds from one update to the next, and who was there to see it (Adya, 1999).
//!
//! Where each value is written once, a version is known by its value: by whom it was made, by whom it was seen, and,
//! where an append or a swap made it, which version it was made from. What it simplifies: of all the readers of a
//! version only two count, the one that returned first and the one that was invoked last.

use super::{Clash, Reason};
use crate::history::OperationId;

/// The number of a version. The first is the one that nobody made.
pub(super) type VersionId = u32;

/// The version from which a partition starts.
pub(super) const INITIAL: VersionId = 0;

/// No version, or no operation.
pub(super) const NONE: u32 = u32::MAX;

/// An event. They are counted from 1 here, in half the room of a [`crate::history::Stamp`]: most of what monitoring keeps
/// are such moments.
pub(super) type Time = u32;

/// The most events that a history may have to be monitored.
pub(super) const EVENTS_MAX: crate::history::Stamp = Time::MAX as crate::history::Stamp - 2;

/// Before all events.
pub(super) const BEFORE_ALL: Time = 0;

/// After all events: when operations return that never do.
pub(super) const AFTER_ALL: Time = Time::MAX;

/// An event, and the operation whose it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Moment {
    pub(super) stamp: Time,
    pub(super) operation: u32,
}

impl Moment {
    pub(super) const NEVER: Moment = Moment { stamp: AFTER_ALL, operation: NONE };
    pub(super) const BEGINNING: Moment = Moment { stamp: BEFORE_ALL, operation: NONE };
}

/// A version.
#[derive(Clone, Copy, Debug)]
pub(super) struct Version {
    /// The operation that made it.
    pub(super) update: u32,
    /// When that was invoked.
    pub(super) invoked: Time,
    /// When that returned.
    pub(super) returned: Time,
    /// The first return of a reader.
    pub(super) first_read: Moment,
    /// The last invocation of a reader.
    pub(super) last_read: Moment,
    /// The version that it was made from, where that is known.
    pub(super) from: VersionId,
    /// The version that was made from it.
    pub(super) next: VersionId,
    /// Whether other updates make the same value.
    pub(super) is_shared: bool,
}

impl Version {
    /// Whether it was there for certain: its update returned, or somebody saw it.
    pub(super) fn is_certain(&self) -> bool {
        self.returned != AFTER_ALL || self.is_seen()
    }

    pub(super) fn is_seen(&self) -> bool {
        self.first_read.operation != NONE || self.next != NONE
    }
}

/// All versions of a partition.
#[derive(Default)]
pub(super) struct Versions {
    all: Vec<Version>,
}

impl Versions {
    /// Forgets all versions, and begins with the initial one.
    pub(super) fn restart(&mut self) {
        self.all.clear();
        self.add(NONE, BEFORE_ALL, BEFORE_ALL);
    }

    /// Makes room for as many versions.
    pub(super) fn reserve(&mut self, versions: usize) {
        self.all.reserve_exact(versions);
    }

    /// A version that this operation makes.
    pub(super) fn add(&mut self, update: u32, invoked: Time, returned: Time) -> VersionId {
        let id = u32::try_from(self.all.len()).expect("a history holds fewer than 2^32 operations");
        self.all.push(Version {
            update,
            invoked,
            returned,
            first_read: Moment::NEVER,
            last_read: Moment::BEGINNING,
            from: NONE,
            next: NONE,
            is_shared: false,
        });
        id
    }

    /// Another update makes the same value.
    pub(super) fn share(&mut self, id: VersionId) {
        self.all[id as usize].is_shared = true;
    }

    pub(super) fn get(&self, id: VersionId) -> &Version {
        &self.all[id as usize]
    }

    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (VersionId, &Version)> {
        (0..).zip(&self.all)
    }

    /// Somebody read this version.
    pub(super) fn read(&mut self, id: VersionId, reader: u32, invoked: Time, returned: Time) {
        let version = &mut self.all[id as usize];
        version.first_read = version.first_read.min(Moment { stamp: returned, operation: reader });
        version.last_read = version.last_read.max(Moment { stamp: invoked, operation: reader });
    }

    /// One version was made from another. Of each version one other is made at most.
    pub(super) fn link(&mut self, from: VersionId, to: VersionId) -> Result<(), Clash> {
        let (was_from, was_next) = (self.get(to).from, self.get(from).next);
        if was_next != NONE && was_next != to {
            return Err(self.fork(was_next, to));
        }
        if was_from != NONE && was_from != from {
            return Err(self.fork(was_from, from));
        }
        self.all[from as usize].next = to;
        self.all[to as usize].from = from;
        Ok(())
    }

    fn fork(&self, one: VersionId, other: VersionId) -> Clash {
        Clash::of(Reason::Fork, &[self.get(one).update, self.get(other).update])
    }
}

/// The operation of this number, if it is one.
pub(super) fn operation(number: u32) -> Option<OperationId> {
    (number != NONE).then_some(OperationId(number))
}
