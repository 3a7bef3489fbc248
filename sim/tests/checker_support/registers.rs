//! A few registers of small numbers, as an object to be judged: alone, in pairs, shifted and swapped.
//!
//! Values repeat, so that operations are easily mistaken for one another; that is where checkers differ (Lowe, 2017).
//! What it simplifies: numbers for values, and no key is ever missing.

use stateright::semantics::SequentialSpec;
use whitewater_sim::check::{Access, Call, Model, Outlook, Scope, Token, Tokens};
use whitewater_sim::history::{History, Outcome};
use whitewater_sim::rng::Stream;

use super::histories::rebuild;

/// How many registers there are.
pub(crate) const KEYS: usize = 3;

/// The operations; numbers are keys, and then values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Op {
    Read(usize),
    Write(usize, u8),
    Shift(usize, u8),
    Swap(usize, u8, u8),
    /// Reads a key and the next one.
    ReadPair(usize),
    /// Writes a key and the next one.
    WritePair(usize, u8, u8),
    /// If a key has the first value, writes the second to the next key.
    WriteNextIf(usize, u8, u8),
}

/// The answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Ret {
    Value(u8),
    Pair(u8, u8),
    Done,
    Swapped(bool),
}

/// Registers of small numbers. A shift is to a number what an append is to a string.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Registers(pub(crate) [u8; KEYS]);

impl SequentialSpec for Registers {
    type Op = Op;
    type Ret = Ret;

    fn invoke(&mut self, op: &Op) -> Ret {
        match *op {
            Op::Read(key) => Ret::Value(self.0[key]),
            Op::Write(key, value) => {
                self.0[key] = value;
                Ret::Done
            }
            Op::Shift(key, value) => {
                self.0[key] = self.0[key].wrapping_mul(4).wrapping_add(value);
                Ret::Done
            }
            Op::Swap(key, expected, new) => {
                let is_expected = self.0[key] == expected;
                if is_expected {
                    self.0[key] = new;
                }
                Ret::Swapped(is_expected)
            }
            Op::ReadPair(key) => Ret::Pair(self.0[key], self.0[key + 1]),
            Op::WritePair(key, first, second) => {
                (self.0[key], self.0[key + 1]) = (first, second);
                Ret::Done
            }
            Op::WriteNextIf(key, expected, new) => {
                let is_expected = self.0[key] == expected;
                if is_expected {
                    self.0[key + 1] = new;
                }
                Ret::Swapped(is_expected)
            }
        }
    }
}

/// The first key of an operation, and how many it has.
pub(crate) fn keys_of(op: &Op) -> (usize, usize) {
    match *op {
        Op::Read(key) | Op::Write(key, _) | Op::Shift(key, _) | Op::Swap(key, _, _) => (key, 1),
        Op::ReadPair(key) | Op::WritePair(key, _, _) | Op::WriteNextIf(key, _, _) => (key, 2),
    }
}

/// Pairs are named in both ways that there are.
fn scope_of(op: &Op) -> Scope<usize> {
    match (keys_of(op), op) {
        ((key, 1), _) => Scope::One(key),
        ((key, count), Op::ReadPair(_)) => Scope::Several { parts: vec![], ranges: vec![(key, Some(key + count))] },
        ((key, count), _) => Scope::Several { parts: (key..key + count).collect(), ranges: vec![] },
    }
}

/// By key, with every hint that the checker takes.
pub(crate) struct Hinted;

impl Model for Hinted {
    type Spec = Registers;
    type Part = usize;
    type Value<'h> = u8;

    fn initial(&self, _: &[&Op]) -> Registers {
        Registers::default()
    }

    fn scope(&self, op: &Op) -> Scope<usize> {
        scope_of(op)
    }

    fn access<'h>(&self, op: &'h Op, answer: Option<&'h Ret>) -> Option<Access<u8>> {
        match (*op, answer) {
            (Op::Read(_), Some(Ret::Value(value))) => Some(Access::Read(*value)),
            (Op::Write(_, value), _) => Some(Access::Write(value)),
            (Op::Swap(_, expected, new), None) => Some(Access::Swap { expected, new, swapped: None }),
            (Op::Swap(_, expected, new), Some(Ret::Swapped(swapped))) => {
                Some(Access::Swap { expected, new, swapped: Some(*swapped) })
            }
            (Op::Read(_) | Op::Swap(..) | Op::Shift(..), _) => None,
            (Op::ReadPair(_) | Op::WritePair(..) | Op::WriteNextIf(..), _) => None,
        }
    }

    fn part<'o>(&self, op: &'o Op) -> Option<&'o usize> {
        match op {
            Op::Read(key) | Op::Write(key, _) | Op::Shift(key, _) | Op::Swap(key, _, _) => Some(key),
            Op::ReadPair(_) | Op::WritePair(..) | Op::WriteNextIf(..) => None,
        }
    }

    fn initial_value<'h>(&self) -> Option<u8>
    where
        Self: 'h,
    {
        Some(0)
    }

    fn packed<'h>(&self, value: &u8) -> Option<u64>
    where
        Self: 'h,
    {
        Some((*value).into())
    }

    fn observes(&self, op: &Op, answer: Option<&Ret>) -> bool {
        matches!(
            (op, answer),
            (Op::Read(_) | Op::ReadPair(_), _) | (Op::Swap(..) | Op::WriteNextIf(..), Some(Ret::Swapped(false)))
        )
    }

    fn outlook(
        &self,
        state: &Registers,
        (op, answer): Call<'_, Self>,
        between: &[Call<'_, Self>],
    ) -> Outlook<Registers> {
        let key = keys_of(op).0;
        let is_beyond = between.iter().any(|call| is_shift(call) || keys_of(call.0) != (key, 1));
        let (Some(Ret::Value(read)), false) = (answer, is_beyond) else { return Outlook::Open };
        let is_written = between.iter().any(|(other, _)| written(other) == Some(*read));
        let is_seen = |value| between.iter().any(|call| looks_for(call) == Some(value));
        let mut forgotten = state.clone();
        forgotten.0[key] = UNSEEN;
        match state.0[key] {
            value if value == *read => Outlook::Open,
            _ if !is_written => Outlook::Hopeless,
            value if is_seen(value) || is_seen(UNSEEN) => Outlook::Open,
            _ => Outlook::Forget(forgotten),
        }
    }

    fn alike(&self, calls: &[Call<'_, Self>]) -> Vec<Vec<usize>> {
        let is_seen = |value| calls.iter().any(|call| looks_for(call) == Some(value));
        let is_unseen_write = |call: &Call<'_, Self>| matches!(call.0, Op::Write(_, value) if !is_seen(*value));
        let unseen =
            calls.iter().enumerate().filter(|(_, call)| is_unseen_write(call)).map(|(place, _)| place).collect();
        let is_beyond = |call| is_shift(call) || keys_of(call.0) != keys_of(calls[0].0) || keys_of(call.0).1 > 1;
        if calls.iter().any(is_beyond) { Vec::new() } else { vec![unseen] }
    }
}

/// A value that the generator does not write.
const UNSEEN: u8 = 200;

fn is_shift((op, _): &Call<'_, Hinted>) -> bool {
    matches!(op, Op::Shift(..))
}

fn written(op: &Op) -> Option<u8> {
    match *op {
        Op::Write(_, value) | Op::Swap(_, _, value) => Some(value),
        Op::Read(_) | Op::Shift(..) | Op::ReadPair(_) | Op::WritePair(..) | Op::WriteNextIf(..) => None,
    }
}

/// The value that makes a difference to the answer.
fn looks_for((op, answer): &Call<'_, Hinted>) -> Option<u8> {
    match (op, answer) {
        (Op::Read(_), Some(Ret::Value(value))) | (Op::Swap(_, value, _), _) => Some(*value),
        (Op::Read(_), _) | (Op::Write(..) | Op::Shift(..), _) => None,
        (Op::ReadPair(_) | Op::WritePair(..) | Op::WriteNextIf(..), _) => None,
    }
}

/// By key, and of a key alone operations say which values they go with.
pub(crate) struct Tokened;

impl Model for Tokened {
    type Spec = Registers;
    type Part = usize;
    type Value<'h> = std::convert::Infallible;

    fn initial(&self, _: &[&Op]) -> Registers {
        Registers::default()
    }

    fn scope(&self, op: &Op) -> Scope<usize> {
        scope_of(op)
    }

    fn observes(&self, op: &Op, answer: Option<&Ret>) -> bool {
        Hinted.observes(op, answer)
    }

    fn tokens(&self, op: &Op, answer: Option<&Ret>) -> Tokens {
        let of = |value: u8| Some(Token::of(&value));
        match (*op, answer) {
            (Op::Read(_), Some(Ret::Value(value))) => Tokens { before: of(*value), after: None },
            (Op::Write(_, value), _) => Tokens { before: None, after: of(value) },
            (Op::Swap(_, expected, new), None | Some(Ret::Swapped(true))) => {
                Tokens { before: of(expected), after: of(new) }
            }
            (Op::Read(_) | Op::Shift(..) | Op::Swap(..), _) => Tokens::default(),
            (Op::ReadPair(_) | Op::WritePair(..) | Op::WriteNextIf(..), _) => Tokens::default(),
        }
    }

    fn outlook(&self, state: &Registers, call: Call<'_, Self>, between: &[Call<'_, Self>]) -> Outlook<Registers> {
        Hinted.outlook(state, call, between)
    }
}

/// By key, without hints.
pub(crate) struct Plain;

impl Model for Plain {
    type Spec = Registers;
    type Part = usize;
    type Value<'h> = std::convert::Infallible;

    fn initial(&self, _: &[&Op]) -> Registers {
        Registers::default()
    }

    fn scope(&self, op: &Op) -> Scope<usize> {
        scope_of(op)
    }
}

/// Any operation on so many keys.
pub(crate) fn random_op(rng: &mut Stream, keys: u64) -> Op {
    let key = rng.below(keys) as usize;
    let (a, b) = (rng.below(3) as u8, rng.below(3) as u8);
    if key + 1 < keys as usize && rng.below(3) == 0 {
        return match rng.below(3) {
            0 => Op::ReadPair(key),
            1 => Op::WritePair(key, a, b),
            _ => Op::WriteNextIf(key, a, b),
        };
    }
    match rng.below(8) {
        0..3 => Op::Read(key),
        3..5 => Op::Write(key, a),
        5 => Op::Shift(key, a),
        _ => Op::Swap(key, a, b),
    }
}

/// The same history with one answer changed, if there is one to change.
pub(crate) fn break_an_answer(history: &History<Op, Ret>, rng: &mut Stream) -> History<Op, Ret> {
    let tells_something =
        |outcome: &Outcome<Ret>| matches!(outcome, Outcome::Returned { ret, .. } if *ret != Ret::Done);
    let operations = history.operations().iter().enumerate();
    let candidates: Vec<usize> =
        operations.filter(|(_, operation)| tells_something(&operation.outcome)).map(|(place, _)| place).collect();
    if candidates.is_empty() {
        return history.clone();
    }
    let chosen = candidates[rng.below(candidates.len() as u64) as usize];
    let other = rng.below(3) as u8;
    let change = |place, ret| match ret {
        Ret::Value(value) if place == chosen => Ret::Value(if value == other { value.wrapping_add(1) } else { other }),
        Ret::Swapped(swapped) if place == chosen => Ret::Swapped(!swapped),
        Ret::Pair(first, second) if place == chosen => {
            Ret::Pair(first, if second == other { second.wrapping_add(1) } else { other })
        }
        Ret::Value(_) | Ret::Pair(..) | Ret::Swapped(_) | Ret::Done => ret,
    };
    rebuild(history, |_| true, change).0
}
