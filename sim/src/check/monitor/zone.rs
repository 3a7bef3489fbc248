//! Zones: stretches of time in which nothing else can happen (Gibbons and Korach, "Testing shared memories", 1997).
//!
//! A zone is a version and all versions made from it in turn, with the operations that made and read them. In every
//! order that explains the history these operations stand together, in the order of the versions, each before its
//! readers. So the zones stand one behind the other, and a zone must come before another if one of its operations
//! returned before one of the other's was invoked: if its first return `r` is before the other's last invocation `i`.
//! What it simplifies: Gibbons and Korach have two kinds of zones, forward (`r < i`) and backward; here one rule serves
//! both.
//!
//! *An order exists if and only if no two zones must each come before the other.* Only if: clear. If: sort the zones by
//! the smaller of `r` and `i`. Suppose that A stands before B although B must come before A: `r(B) < i(A)`. Then the
//! smaller one of A is `r(A)`, or else `i(A) <= min(B) <= r(B)`. So `r(A) <= min(B) <= i(B)`, and A must come before B
//! as well. So if no two zones must each come before the other, the sorted order breaks no rule.
//!
//! Hence one pass over the sorted zones decides: the latest `i` so far must be before each next `r`. The initial
//! version counts as made before all events.

use super::version::{INITIAL, Moment, NONE, Time, Version, VersionId, Versions};
use super::{Clash, Reason};

/// A version and those made from it in turn.
#[derive(Clone, Copy, Debug)]
pub(super) struct Zone {
    /// The first return of its operations.
    pub(super) returned: Moment,
    /// The last invocation of its operations.
    pub(super) invoked: Moment,
    /// Its first version.
    pub(super) root: VersionId,
}

/// The zones of a partition, in an order that explains them.
#[derive(Default)]
pub(super) struct Zones {
    all: Vec<Zone>,
    /// The smaller moment of each zone, and its position.
    sorted: Vec<(Time, u32)>,
}

impl Zones {
    /// Puts the versions together into zones, and the zones into order.
    pub(super) fn arrange(&mut self, versions: &Versions) -> Result<(), Clash> {
        self.all.clear();
        self.sorted.clear();
        let is_root =
            |(id, version): &(VersionId, &Version)| version.from == NONE && (*id == INITIAL || version.is_certain());
        let roots = versions.iter().filter(is_root).count();
        self.all.reserve_exact(roots);
        self.sorted.reserve_exact(roots);
        let mut placed = 0;
        for (id, _) in versions.iter().filter(is_root) {
            let zone = zone(versions, id, &mut placed)?;
            self.sorted.push((zone.returned.stamp.min(zone.invoked.stamp), self.all.len() as u32));
            self.all.push(zone);
        }
        if placed < versions.iter().filter(|(id, version)| *id == INITIAL || version.is_certain()).count() {
            return Err(circle(versions, &self.all));
        }
        self.sorted.sort_unstable();
        let mut latest: Option<&Zone> = None;
        for zone in self.sorted.iter().map(|(_, place)| &self.all[*place as usize]) {
            if let Some(before) = latest
                && zone.returned.stamp < before.invoked.stamp
            {
                let moments = [before.returned, zone.invoked, zone.returned, before.invoked];
                return Err(Clash::of(Reason::Zones, &moments.map(|moment| moment.operation)));
            }
            if latest.is_none_or(|latest| latest.invoked.stamp < zone.invoked.stamp) {
                latest = Some(zone);
            }
        }
        Ok(())
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    /// The zones, in their order.
    pub(super) fn in_order(&self) -> impl Iterator<Item = &Zone> {
        self.sorted.iter().map(|(_, place)| &self.all[*place as usize])
    }
}

/// The zone that begins with a version. Within it nothing may return before what comes earlier was invoked.
fn zone(versions: &Versions, root: VersionId, placed: &mut usize) -> Result<Zone, Clash> {
    let (mut returned, mut invoked) = (Moment::NEVER, Moment::BEGINNING);
    let mut id = root;
    while id != NONE {
        let version = versions.get(id);
        let update = |stamp| Moment { stamp, operation: version.update };
        let steps = [(update(version.returned), update(version.invoked)), (version.first_read, version.last_read)];
        for (first_return, last_invocation) in steps {
            if first_return.stamp < invoked.stamp {
                return Err(Clash::of(Reason::Backwards, &[invoked.operation, first_return.operation]));
            }
            returned = returned.min(first_return);
            invoked = invoked.max(last_invocation);
        }
        *placed += 1;
        id = version.next;
    }
    Ok(Zone { returned, invoked, root })
}

/// Versions each made from the one before, and the first from the last: none of them can have been the first.
fn circle(versions: &Versions, zones: &[Zone]) -> Clash {
    let mut is_placed = vec![false; versions.len()];
    for zone in zones {
        let mut id = zone.root;
        while id != NONE {
            is_placed[id as usize] = true;
            id = versions.get(id).next;
        }
    }
    let is_in_circle = |id: VersionId| id != INITIAL && versions.get(id).is_certain() && !is_placed[id as usize];
    let updates = versions.iter().filter(|(id, _)| is_in_circle(*id)).map(|(_, version)| version.update);
    Clash::of(Reason::Circle, &updates.take(2).collect::<Vec<_>>())
}
