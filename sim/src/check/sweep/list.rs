//! A part of the state whose values may be long, and grow by appending, as a front sees it.
//!
//! Values are not numbered by what they are but by how they came to be: a tree, in which each append is a branch. What
//! somebody saw is compared with a value from the nearest one on that has been compared in full, element by element
//! (hash consing without the hash: Ershov, 1958). So nothing is ever copied. Two values with different numbers may be
//! equal; then they are two configurations where one would do, and nothing else.
//!
//! Rules beside those of [`super`]:
//!
//! 1. *A write hides all updates in flight.* Each of them, write or append, could stand right before it, seen by nobody.
//!    They are owed no longer, and stay free (rule 2 of [`crate::check::register`]).
//! 2. *On the way to a read or a write* only those updates are placed that make the beginning of a value that somebody
//!    who is owed saw. Suppose that one is placed that does not. What is appended to it is no such beginning either, so
//!    that nothing owed is explained until the next write; and there is one, for the way ends with a write, or with a
//!    value that was seen. Without the updates in between, which then hide, this write does as well. On the way to an
//!    append everything may have been placed before.
//! 3. *On the way to a write for which nobody waits* nothing is placed, for the same reason.
//!
//! What it simplifies: compare-and-swap is not for it. Nor are elements that are nothing, and where it comes to telling
//! whether one is, it gives up.

use super::flights::{Flights, Set, each};
use super::front::{Configuration, Onward};
use super::{Kind, Object};
use crate::check::{Access, Model, Remainder};

/// What an operation does.
#[derive(Clone, Debug)]
enum Action<V> {
    /// It saw this value.
    Reads(V),
    /// It makes the value of this number.
    Writes(u32),
    /// It appends an element. Appends are numbered in the order of invocation.
    Appends { number: u32, element: V },
}

/// A value, by how it came to be.
struct Node<V> {
    /// What it was made of; [`NOBODY`] if it was written.
    parent: u32,
    /// The number of the append that made it.
    append: u32,
    known: Known<V>,
    /// The last value that was made of this one, and of this one's parent the one before.
    child: u32,
    sibling: u32,
}

/// What is known of a value.
#[derive(Clone, Debug)]
enum Known<V> {
    /// All.
    Whole(V),
    /// Its last element. What comes before is what it was made of.
    Element(V),
}

const NOBODY: u32 = u32::MAX;

/// For how much there is room at first: most parts of short histories need no more.
const USUAL_IN_FLIGHT: usize = 8;
const USUAL_VALUES: usize = 24;

/// How what somebody saw looks from a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Relation {
    /// It is this value.
    Same,
    /// It begins with this value, and goes on.
    GoesOn,
    /// Neither.
    Other,
}

/// A list.
pub(super) struct List<'m, M: Model> {
    model: &'m M,
    /// By slot.
    actions: Vec<Action<M::Value<'m>>>,
    /// All updates in flight.
    updates: Set,
    appends: u32,
    nodes: Vec<Node<M::Value<'m>>>,
    /// Used again for each comparison.
    path: Vec<u32>,
}

impl<'m, M: Model> List<'m, M> {
    /// A list that nobody has touched.
    pub(super) fn new(model: &'m M) -> Self {
        List {
            model,
            actions: Vec::with_capacity(USUAL_IN_FLIGHT),
            updates: 0,
            appends: 0,
            nodes: Vec::with_capacity(USUAL_VALUES),
            path: Vec::with_capacity(USUAL_IN_FLIGHT),
        }
    }

    /// The number of a value that was written.
    fn written(&mut self, value: M::Value<'m>) -> u32 {
        let known = Known::Whole(value);
        self.nodes.push(Node { parent: NOBODY, append: NOBODY, known, child: NOBODY, sibling: NOBODY });
        self.nodes.len() as u32 - 1
    }

    /// The number of the value that this append makes of another.
    #[inline]
    fn appended(&mut self, parent: u32, append: u32, element: M::Value<'m>) -> u32 {
        let sibling = self.nodes[parent as usize].child;
        let mut child = sibling;
        while child != NOBODY {
            let node = &self.nodes[child as usize];
            if node.append == append {
                return child;
            }
            child = node.sibling;
        }
        let number = self.nodes.len() as u32;
        self.nodes[parent as usize].child = number;
        self.nodes.push(Node { parent, append, known: Known::Element(element), child: NOBODY, sibling });
        number
    }

    /// How what somebody saw looks from a value; `None` if that depends on whether some element is nothing.
    #[inline]
    fn relation(&mut self, value: u32, seen: &M::Value<'m>) -> Option<Relation> {
        self.path.clear();
        let mut at = value;
        let whole = loop {
            let node = &self.nodes[at as usize];
            match &node.known {
                Known::Whole(whole) => break whole,
                Known::Element(_) => self.path.push(at),
            }
            at = node.parent;
        };
        let mut rest = self.model.remainder(seen, whole);
        for at in self.path.iter().rev() {
            let (Known::Element(element) | Known::Whole(element)) = &self.nodes[*at as usize].known;
            rest = match rest {
                Remainder::Unlike => return Some(Relation::Other),
                Remainder::Nothing if self.may_be_nothing(element, seen) => return None,
                Remainder::Nothing => return Some(Relation::Other),
                Remainder::More(more) => self.model.remainder(&more, element),
            };
        }
        Some(match rest {
            Remainder::Unlike => Relation::Other,
            Remainder::More(_) => Relation::GoesOn,
            Remainder::Nothing => {
                self.nodes[value as usize].known = Known::Whole(seen.clone());
                Relation::Same
            }
        })
    }

    /// Whether an element could be one that leaves values as they are: then every value begins with it.
    fn may_be_nothing(&self, element: &M::Value<'m>, value: &M::Value<'m>) -> bool {
        match self.model.remainder(value, element) {
            Remainder::Unlike => false,
            Remainder::Nothing => true,
            Remainder::More(rest) => rest == *value,
        }
    }
}

impl<'m, M: Model> Object<M::Value<'m>> for List<'m, M> {
    const STEPS: u64 = 128;
    const STEPS_PER_OPERATION: u64 = 8;
    const WIDTH_MAX: usize = 64;

    fn start(&mut self, value: &M::Value<'m>) -> Option<u32> {
        Some(self.written(value.clone()))
    }

    #[inline]
    fn invoke(&mut self, slot: u32, access: Access<M::Value<'m>>) -> Option<Kind> {
        let action = match access {
            Access::Read(value) => Action::Reads(value),
            Access::Write(value) => Action::Writes(self.written(value)),
            Access::Append(element) => {
                self.appends += 1;
                Action::Appends { number: self.appends, element }
            }
            Access::Swap { .. } => return None,
        };
        let kind = match action {
            Action::Reads(_) => Kind::Observation,
            Action::Writes(_) | Action::Appends { .. } => {
                self.updates |= 1 << slot;
                Kind::Update
            }
        };
        // The lowest slots are used first.
        match self.actions.get_mut(slot as usize) {
            Some(before) => *before = action,
            None => self.actions.push(action),
        }
        Some(kind)
    }

    #[inline]
    fn is_explained(&mut self, slot: u32, value: u32) -> Option<bool> {
        match &self.actions[slot as usize] {
            Action::Reads(seen) => {
                let seen = seen.clone();
                Some(self.relation(value, &seen)? == Relation::Same)
            }
            Action::Writes(_) | Action::Appends { .. } => Some(false),
        }
    }

    #[inline]
    fn go_on(&mut self, _: &Flights, from: &Configuration, returning: u32, onward: &mut Onward<'_>) -> Option<()> {
        let waiting = from.owed & !self.updates;
        let (is_write, is_append) = match self.actions[returning as usize] {
            Action::Reads(_) => (false, false),
            Action::Writes(_) => (true, false),
            Action::Appends { .. } => (false, true),
        };
        for slot in each(if is_write && waiting == 0 { from.free & 1 << returning } else { from.free }) {
            let (to, hiding) = match self.actions[slot as usize].clone() {
                Action::Writes(to) => (to, self.updates),
                Action::Appends { number, element } => (self.appended(from.value, number, element), 0),
                Action::Reads(_) => unreachable!("an observation is never free"),
            };
            let (mut explained, mut leads_on) = (0, slot == returning || is_append);
            for reader in each(waiting) {
                let Action::Reads(seen) = self.actions[reader as usize].clone() else {
                    unreachable!("only observations wait")
                };
                match self.relation(to, &seen)? {
                    Relation::Same => explained |= 1 << reader,
                    Relation::GoesOn => leads_on = true,
                    Relation::Other => {}
                }
            }
            if leads_on || explained != 0 {
                let bit = 1 << slot;
                let owed = from.owed & !(explained | hiding | bit);
                onward.reach(Configuration { value: to, owed, free: from.free & !bit });
            }
        }
        Some(())
    }

    #[inline]
    fn end(&mut self, slot: u32) {
        self.updates &= !(1 << slot);
    }
}
