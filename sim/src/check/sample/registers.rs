//! Registers with numbers for names: the object that sampled histories are of, and an example of a [`Model`].
//!
//! A register holds a list of numbers (Herlihy and Wing, 1990, call such an object a sequential specification). A write
//! replaces the list by one number, an append puts a number behind it, a delete empties it; so it is a plain register,
//! a register with compare-and-swap, or an append-only list (Kingsbury and Alvaro, 2020), as the operations want it.
//! What it simplifies: a swap compares with one number or with nothing, and no operation touches two registers.

use std::sync::Arc;

use crate::check::{Access, Call, Model, Outlook, Remainder, Scope, SequentialSpec};

/// What a register holds. There is one way to write each content, so that equal contents are equal.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub enum Content {
    /// Nothing: it was never written, or was deleted.
    #[default]
    Empty,
    /// One number.
    One(u64),
    /// Two numbers or more.
    Many(Arc<[u64]>),
}

impl Content {
    /// The content that is these numbers.
    #[must_use]
    pub fn new(numbers: &[u64]) -> Content {
        match numbers {
            [] => Content::Empty,
            [number] => Content::One(*number),
            many => Content::Many(many.into()),
        }
    }

    /// The numbers that it is.
    #[must_use]
    pub fn numbers(&self) -> &[u64] {
        match self {
            Content::Empty => &[],
            Content::One(number) => std::slice::from_ref(number),
            Content::Many(numbers) => numbers,
        }
    }
}

/// What is done to a register.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// Asks what it holds.
    Read,
    /// Makes it hold this number alone.
    Write(u64),
    /// Puts this number behind those that it holds.
    Append(u64),
    /// Empties it.
    Delete,
    /// If it holds `expected` alone (`None`: nothing), makes it hold `new` alone, and says whether it did.
    Swap {
        /// What it must hold.
        expected: Option<u64>,
        /// What it holds after that.
        new: u64,
    },
}

/// An operation on a register.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Request {
    /// The register.
    pub key: u64,
    /// What is done to it.
    pub action: Action,
}

/// What a register answers.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Reply {
    /// To a read: what it holds.
    Holds(Content),
    /// To a write, an append and a delete: it is done.
    Done,
    /// To a swap: whether it held what was expected.
    Swapped(bool),
}

/// One register, and what operations do to it. The keys of the operations are ignored.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Register(pub Content);

impl SequentialSpec for Register {
    type Op = Request;
    type Ret = Reply;

    fn invoke(&mut self, request: &Request) -> Reply {
        match request.action {
            Action::Read => return Reply::Holds(self.0.clone()),
            Action::Write(number) => self.0 = Content::One(number),
            Action::Append(number) => self.0 = Content::new(&[self.0.numbers(), &[number]].concat()),
            Action::Delete => self.0 = Content::Empty,
            Action::Swap { expected, new } => {
                let is_expected = self.0.numbers() == expected.as_slice();
                if is_expected {
                    self.0 = Content::One(new);
                }
                return Reply::Swapped(is_expected);
            }
        }
        Reply::Done
    }

    fn is_valid_step(&mut self, request: &Request, reply: &Reply) -> bool {
        match (request.action, reply) {
            // The same, without a copy of the content.
            (Action::Read, Reply::Holds(content)) => self.0 == *content,
            (
                Action::Read | Action::Write(_) | Action::Append(_) | Action::Delete | Action::Swap { .. },
                Reply::Holds(_) | Reply::Done | Reply::Swapped(_),
            ) => self.invoke(request) == *reply,
        }
    }
}

/// Any number of registers, each a partition of its own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Registers;

impl Model for Registers {
    type Spec = Register;
    type Part = u64;
    type Value<'h> = &'h [u64];

    fn initial(&self, _: &[&Request]) -> Register {
        Register::default()
    }

    fn scope(&self, request: &Request) -> Scope<u64> {
        Scope::One(request.key)
    }

    fn access<'h>(&self, request: &'h Request, reply: Option<&'h Reply>) -> Option<Access<&'h [u64]>> {
        match (&request.action, reply) {
            (Action::Read, Some(Reply::Holds(content))) => Some(Access::Read(content.numbers())),
            (Action::Write(number), None | Some(Reply::Done)) => Some(Access::Write(std::slice::from_ref(number))),
            (Action::Append(number), None | Some(Reply::Done)) => Some(Access::Append(std::slice::from_ref(number))),
            (Action::Delete, None | Some(Reply::Done)) => Some(Access::Write(&[])),
            (Action::Swap { expected, new }, None | Some(Reply::Swapped(_))) => Some(Access::Swap {
                expected: expected.as_slice(),
                new: std::slice::from_ref(new),
                swapped: if let Some(Reply::Swapped(swapped)) = reply { Some(*swapped) } else { None },
            }),
            (
                Action::Read | Action::Write(_) | Action::Append(_) | Action::Delete | Action::Swap { .. },
                None | Some(Reply::Holds(_) | Reply::Done | Reply::Swapped(_)),
            ) => None,
        }
    }

    fn part<'o>(&self, request: &'o Request) -> Option<&'o u64> {
        Some(&request.key)
    }

    fn initial_value<'h>(&self) -> Option<&'h [u64]> {
        Some(&[])
    }

    fn packed<'h>(&self, value: &&'h [u64]) -> Option<u64>
    where
        Self: 'h,
    {
        match value {
            [] => Some(0),
            [number] => number.checked_add(1).filter(|packed| *packed != u64::MAX),
            _ => None,
        }
    }

    fn remainder<'h>(&self, value: &&'h [u64], beginning: &&'h [u64]) -> Remainder<&'h [u64]>
    where
        Self: 'h,
    {
        match value.strip_prefix(*beginning) {
            None => Remainder::Unlike,
            Some([]) => Remainder::Nothing,
            Some(rest) => Remainder::More(rest),
        }
    }

    fn observes(&self, request: &Request, reply: Option<&Reply>) -> bool {
        match request.action {
            Action::Read => true,
            Action::Swap { .. } => reply == Some(&Reply::Swapped(false)),
            Action::Write(_) | Action::Append(_) | Action::Delete => false,
        }
    }

    fn outlook(&self, state: &Register, call: Call<'_, Self>, between: &[Call<'_, Self>]) -> Outlook<Register> {
        let (held, Some(looked_for)) = (state.0.numbers(), looks_for(&call)) else { return Outlook::Open };
        if held == looked_for {
            return Outlook::Open;
        }
        let (mut is_written, mut is_seen) = (false, false);
        for other in between {
            if matches!(other.0.action, Action::Append(_)) {
                return Outlook::Open;
            }
            is_written |= writes(other).is_some_and(|written| is_same(written, looked_for));
            is_seen |= looks_for(other).is_some_and(|other| is_same(other, held) || is_same(other, UNSEEN.numbers()));
        }
        match call.0.action {
            Action::Read if !is_written => Outlook::Hopeless,
            Action::Read if !is_seen => Outlook::Forget(Register(UNSEEN)),
            Action::Read | Action::Write(_) | Action::Append(_) | Action::Delete | Action::Swap { .. } => Outlook::Open,
        }
    }

    fn heap_bytes(&self, state: &Register) -> usize {
        match &state.0 {
            Content::Empty | Content::One(_) => 0,
            Content::Many(numbers) => 8 * numbers.len(),
        }
    }
}

/// A content that stands for all that must be overwritten before anybody sees it.
const UNSEEN: Content = Content::One(u64::MAX);

/// What the register must hold to make a difference to the answer.
fn looks_for<'h>((request, reply): &Call<'h, Registers>) -> Option<&'h [u64]> {
    match (&request.action, reply) {
        (Action::Read, Some(Reply::Holds(content))) => Some(content.numbers()),
        (Action::Swap { expected, .. }, _) => Some(expected.as_slice()),
        (Action::Read | Action::Write(_) | Action::Append(_) | Action::Delete, _) => None,
    }
}

/// Whether two contents are equal. Nearly all are of one number, and need not be compared as lists.
fn is_same(one: &[u64], other: &[u64]) -> bool {
    match (one, other) {
        ([one], [other]) => one == other,
        (one, other) => one.len() == other.len() && one == other,
    }
}

/// What the register may hold after the operation.
fn writes<'h>((request, _): &Call<'h, Registers>) -> Option<&'h [u64]> {
    match &request.action {
        Action::Write(number) | Action::Swap { new: number, .. } => Some(std::slice::from_ref(number)),
        Action::Delete => Some(&[]),
        Action::Read | Action::Append(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_register_does_what_it_is_asked() {
        use Action::{Append, Delete, Read, Swap, Write};
        let steps = [
            (Read, Reply::Holds(Content::Empty)),
            (Append(1), Reply::Done),
            (Read, Reply::Holds(Content::One(1))),
            (Append(2), Reply::Done),
            (Read, Reply::Holds(Content::new(&[1, 2]))),
            (Swap { expected: Some(1), new: 3 }, Reply::Swapped(false)),
            (Write(4), Reply::Done),
            (Swap { expected: Some(4), new: 5 }, Reply::Swapped(true)),
            (Read, Reply::Holds(Content::One(5))),
            (Delete, Reply::Done),
            (Swap { expected: None, new: 6 }, Reply::Swapped(true)),
            (Read, Reply::Holds(Content::new(&[6]))),
        ];
        let mut register = Register::default();
        for (action, reply) in steps {
            let request = Request { key: 0, action };
            assert!(register.clone().is_valid_step(&request, &reply));
            assert_eq!(register.invoke(&request), reply, "{action:?}");
            assert!(!register.clone().is_valid_step(&Request { key: 0, action: Read }, &Reply::Done));
        }
    }

    /// What [`Access`] says of an operation is what the operation does.
    #[test]
    fn an_access_is_what_happens() {
        use Action::{Append, Delete, Read, Swap, Write};
        let contents = [Content::Empty, Content::One(1), Content::One(2), Content::new(&[1, 2])];
        let swaps = [None, Some(1), Some(2)].map(|expected| Swap { expected, new: 2 });
        for before in &contents {
            for action in [Read, Write(1), Append(2), Delete].into_iter().chain(swaps) {
                let request = Request { key: 0, action };
                let mut register = Register(before.clone());
                let reply = register.invoke(&request);
                let becomes = match Registers.access(&request, Some(&reply)).expect("every operation is an access") {
                    Access::Read(read) => {
                        assert_eq!(read, before.numbers());
                        read.to_vec()
                    }
                    Access::Write(written) => written.to_vec(),
                    Access::Append(element) => [before.numbers(), element].concat(),
                    Access::Swap { expected, new, swapped } => {
                        assert_eq!(swapped, Some(before.numbers() == expected));
                        if swapped == Some(true) { new.to_vec() } else { before.numbers().to_vec() }
                    }
                };
                assert_eq!(register.0.numbers(), becomes);
            }
        }
    }
}
