//! Tokens: what an operation tells of the states before and after it, in one word; and what follows for the order of
//! operations (zones: Gibbons and Korach, 1997).
//!
//! A search asks the specification about every operation in flight in every state. If operations say which states they
//! go with, most need not be asked. If moreover one operation alone makes the states of a token, then such a state must
//! be there from the first return that needs it to the last invocation that does: what returns in between has its place
//! before. What it simplifies: where several operations make the same token, nothing is said about when it must be there.

use std::hash::Hash;

use super::access::Access;
use super::memory::{self, Table};
use super::partition::Event;
use super::places::{Place, Placed};
use super::{Model, Op, Ret};

/// A property of a part of the state as one word: any function of it will do, for example a hash of what it holds. Nobody
/// asks for the token of a state, only for those of operations: see [`Model::tokens`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Token(u64);

impl Token {
    /// The token of what holds this thing: equal for equal things, and nearly always another for others.
    #[must_use]
    pub fn of(thing: &impl Hash) -> Token {
        Token(memory::hash(thing))
    }
}

/// The tokens before and after an operation. `None` where that depends on more than the operation and its answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tokens {
    /// Without it the operation does not give its answer.
    pub before: Option<Token>,
    /// To what it leads wherever it gives its answer. Of what only observes it makes no difference.
    pub after: Option<Token>,
}

impl Tokens {
    /// The tokens of an access. A write after which the value is the same, and a swap that finds it the same, are no
    /// exceptions: what holds the value has its token.
    pub(super) fn of_access<V: Hash>(access: &Access<V>) -> Tokens {
        match access {
            Access::Read(value) => Tokens { before: Some(Token::of(value)), after: None },
            Access::Write(value) => Tokens { before: None, after: Some(Token::of(value)) },
            Access::Swap { expected, new, swapped: Some(true) | None } => {
                Tokens { before: Some(Token::of(expected)), after: Some(Token::of(new)) }
            }
            Access::Swap { swapped: Some(false), .. } | Access::Append(_) => Tokens::default(),
        }
    }
}

/// The number of a token; equal tokens have equal numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Kind(u32);

impl Kind {
    /// Of what has no token, or none that is known.
    pub(super) const UNKNOWN: Kind = Kind(0);

    /// Whether a state of this kind may be one of the other.
    pub(super) fn may_be(self, other: Kind) -> bool {
        self == other || self == Kind::UNKNOWN || other == Kind::UNKNOWN
    }
}

/// The kinds of the states before and after an operation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Kinds {
    pub(super) before: Kind,
    pub(super) after: Kind,
}

/// When there must be a state of a kind.
#[derive(Clone, Copy)]
struct Need {
    /// By this event: the first return of who makes it or wants it.
    from: u32,
    /// To this one, or before it: one more than that of the last invocation of who wants it; 0 if nobody does.
    until: u32,
    makers: u32,
}

impl Need {
    const NONE: Need = Need { from: u32::MAX, until: 0, makers: 0 };
}

/// When there must be states of each kind.
pub(super) struct Needs {
    needs: Vec<Need>,
    /// Whether some operation both wants a state and makes another.
    pub(super) has_chains: bool,
}

impl Needs {
    /// Nothing is known.
    pub(super) fn none() -> Needs {
        Needs { needs: vec![Need::NONE], has_chains: false }
    }

    /// Numbers the tokens of these operations.
    pub(super) fn new<M: Model>(model: &M, entries: &mut [Placed<'_, Op<M>, Ret<M>>]) -> Needs {
        let mut known: Table<Token, u32> = Table::default();
        let Needs { mut needs, .. } = Needs::none();
        let mut kind = |token: Option<Token>| {
            token.map_or(Kind::UNKNOWN, |token| {
                Kind(*known.entry(token).or_insert_with(|| {
                    needs.push(Need::NONE);
                    needs.len() as u32 - 1
                }))
            })
        };
        let mut has_chains = false;
        for entry in entries {
            let Tokens { before, after } = model.tokens(entry.op, entry.answer);
            let after = match entry.place {
                Place::Observation(_) => None,
                Place::Update(_) | Place::Unknown(_) => after,
            };
            entry.kinds = Kinds { before: kind(before), after: kind(after) };
            has_chains |= before.is_some() && after.is_some();
        }
        Needs { needs, has_chains }
    }

    /// Works out when they must be there.
    pub(super) fn learn<O, R>(&mut self, entries: &[Placed<'_, O, R>], events: &[Event]) {
        if self.needs.len() == 1 {
            return;
        }
        for (position, event) in (0..).zip(events) {
            match *event {
                Event::Invoke(number) => {
                    let Kinds { before, after } = entries[number as usize].kinds;
                    self.needs[before.0 as usize].until = position + 1;
                    self.needs[after.0 as usize].makers += 1;
                }
                Event::Return(number) => {
                    let Kinds { before, after } = entries[number as usize].kinds;
                    for kind in [before, after] {
                        let from = &mut self.needs[kind.0 as usize].from;
                        *from = position.min(*from);
                    }
                }
            }
        }
        self.needs[Kind::UNKNOWN.0 as usize] = Need::NONE;
        for need in self.needs.iter_mut().filter(|need| need.makers != 1) {
            *need = Need::NONE;
        }
    }

    /// The event by which a state of this kind must have been there; never, if that is not known.
    pub(super) fn from(&self, kind: Kind) -> u32 {
        self.needs[kind.0 as usize].from
    }

    /// The event up to which the last state of this kind must stay; 0 if that is not known, or nobody wants it.
    pub(super) fn until(&self, kind: Kind) -> u32 {
        self.needs[kind.0 as usize].until
    }
}

#[cfg(test)]
mod tests {
    use crate::check::partition::{Part, Problem};
    use crate::check::places::Places;
    use crate::check::sample::{Action, Content, Registers, Reply, Request};
    use crate::check::split::split;
    use crate::history::History;
    use crate::time::Instant;

    #[test]
    fn a_state_that_one_operation_makes_is_needed_from_the_first_return_to_the_last_invocation() {
        use Action::{Read, Swap, Write};
        let mut history = History::new();
        let mut invoke = |action| history.invoke(0, Request { key: 0, action }, Instant::START);
        let (one, other, twice) = (invoke(Write(1)), invoke(Write(2)), invoke(Write(3)));
        let swap = invoke(Swap { expected: Some(2), new: 3 });
        let early = invoke(Read);
        let mut returned = |id, reply| history.returned(id, reply, Instant::START);
        returned(early, Reply::Holds(Content::One(1)));
        for id in [one, other, twice] {
            returned(id, Reply::Done);
        }
        returned(swap, Reply::Swapped(true));
        let late = history.invoke(0, Request { key: 0, action: Read }, Instant::START);
        history.returned(late, Reply::Holds(Content::One(1)), Instant::START);
        let component = &split(&Registers, &history).components[0];
        let problem = Problem::new(&Registers, &history, component, Part::Whole);
        let Places { entries, needs, .. } = Places::new(&Registers, &problem);
        let when = |number: usize| (needs.from(entries[number].kinds.after), needs.until(entries[number].kinds.after));
        assert_eq!(when(0), (5, 11), "from the early read to the late one");
        assert_eq!(when(1), (7, 4), "until the swap was invoked, before anybody returned");
        assert_eq!(when(2), (u32::MAX, 0), "the swap makes it as well");
        assert_eq!(entries[3].kinds.before, entries[1].kinds.after);
        assert!(needs.has_chains);
    }
}
