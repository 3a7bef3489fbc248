//! From operations to versions, where updates append: a read names all elements since the last write, in their order.
//!
//! Kingsbury and Alvaro ("Elle", 2020) call such objects traceable: whoever reads `abc` says that `c` was appended
//! right after `b`, and `b` right after `a`. Values must decode in one way only. They do if no element begins with
//! another (a prefix code, Huffman, 1952) and none is used twice. An append that returned and that nobody read is a
//! zone of its own: what comes right behind it is a write, for whoever else depended on the value would have shown the
//! element. What it simplifies: where elements do not decode, or a swap has an unknown outcome, the search decides.

use super::collect::{Act, Role};
use super::version::{AFTER_ALL, INITIAL, Time, VersionId};
use super::{Clash, Monitor, Reason, Stop};
use crate::check::{Model, Remainder};
use crate::history::OperationId;

/// What stands at one place of a list.
struct Element<V> {
    value: V,
    version: VersionId,
    kind: Kind,
}

/// How an element came to be where it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// By replacing what was there: it stands first.
    Written,
    /// By being appended.
    Appended,
}

/// Somebody who saw a value.
struct Seen<V> {
    value: V,
    id: OperationId,
    by: Observer,
}

/// Who saw a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Observer {
    /// A read, between these events.
    Read { invoked: Time, returned: Time },
    /// A swap that made this version from it.
    Swap(VersionId),
}

impl<'h, M: Model> Monitor<'h, M> {
    /// The versions of a partition with appends.
    pub(super) fn collect_lists(&mut self, initial: &M::Value<'h>) -> Result<(), Stop> {
        let is_seen = |act: &&Act<M::Value<'h>>| matches!(act.role, Role::Read(_) | Role::Swap { .. });
        let reads = self.acts.iter().filter(is_seen).count();
        let (mut elements, mut seen) = (Vec::with_capacity(self.acts.len() - reads), Vec::with_capacity(reads));
        self.versions.reserve(1 + self.acts.len() - reads);
        for Act { id, interval: (invoked, returned), role } in self.acts.drain(..) {
            let mut add = |value, kind| {
                let version = self.versions.add(id.0, invoked, returned);
                elements.push(Element { value, version, kind });
                version
            };
            match role {
                Role::Write(value) => drop(add(value, Kind::Written)),
                Role::Append(value) => drop(add(value, Kind::Appended)),
                Role::Swap { .. } if returned == AFTER_ALL => return Err(Stop::Silent),
                Role::Swap { expected, new } => {
                    let by = Observer::Swap(add(new, Kind::Written));
                    seen.push(Seen { value: expected, id, by });
                }
                Role::Read(value) => {
                    seen.push(Seen { value, id, by: Observer::Read { invoked, returned } });
                }
                Role::Refused(_) => self.collected.leave_out(),
            }
        }
        elements.sort_unstable_by(|one, other| one.value.cmp(&other.value));
        if !self.is_prefix_code(initial, &elements) {
            return Err(Stop::Silent);
        }
        // What begins with a value stands right behind it: each value is read on from where the one before ended.
        seen.sort_by(|one, other| one.value.cmp(&other.value));
        let mut before: Option<(&M::Value<'h>, VersionId)> = None;
        for Seen { value, id, by } in &seen {
            let version = self.decode(initial, &elements, value, *id, before)?;
            match by {
                Observer::Read { invoked, returned } => self.versions.read(version, id.0, *invoked, *returned),
                Observer::Swap(made) => self.versions.link(version, *made)?,
            }
            before = Some((value, version));
        }
        Ok(())
    }

    /// Whether a row of these elements decodes in one way only.
    fn is_prefix_code(&self, initial: &M::Value<'h>, sorted: &[Element<M::Value<'h>>]) -> bool {
        let begins_empty = |element: &Element<M::Value<'h>>| {
            self.model.remainder(&element.value, initial) == Remainder::More(element.value.clone())
        };
        let is_apart =
            |pair: &[Element<M::Value<'h>>]| self.model.remainder(&pair[1].value, &pair[0].value) == Remainder::Unlike;
        sorted.iter().all(begins_empty) && sorted.windows(2).all(is_apart)
    }

    /// The version that is a value. `before` is a value that was decoded, perhaps its beginning.
    fn decode(
        &mut self,
        initial: &M::Value<'h>,
        elements: &[Element<M::Value<'h>>],
        value: &M::Value<'h>,
        id: OperationId,
        before: Option<(&M::Value<'h>, VersionId)>,
    ) -> Result<VersionId, Stop> {
        let (mut rest, mut version, mut is_first) = (value.clone(), INITIAL, true);
        if let Some((beginning, reached)) = before {
            match self.model.remainder(value, beginning) {
                Remainder::Unlike => {}
                Remainder::Nothing => return Ok(reached),
                Remainder::More(more) => (rest, version, is_first) = (more, reached, reached == INITIAL),
            }
        }
        if is_first && rest == *initial {
            return Ok(INITIAL);
        }
        loop {
            let place = elements.partition_point(|element| element.value <= rest);
            let found = place.checked_sub(1).map(|place| &elements[place]);
            let found = found.map(|element| (element, self.model.remainder(&rest, &element.value)));
            let Some((element, after @ (Remainder::Nothing | Remainder::More(_)))) = found else {
                return Err(Clash::of(Reason::Unwritten, &[id.0]).into());
            };
            match element.kind {
                Kind::Written if is_first => {}
                Kind::Written => return Err(Clash::of(Reason::Unwritten, &[id.0]).into()),
                Kind::Appended => self.versions.link(version, element.version)?,
            }
            (version, is_first) = (element.version, false);
            match after {
                Remainder::More(more) => rest = more,
                Remainder::Nothing | Remainder::Unlike => return Ok(version),
            }
        }
    }
}
