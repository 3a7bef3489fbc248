//! A compare-and-set register, and what a model may tell the checker to make the search shorter (Lowe, 2017).
//!
//! A swap that failed changes nothing, and neither does a read: the search places such observations at once. Why a history
//! is not linearizable is said in words. What it simplifies: two clients and one register.

use std::convert::Infallible;

use whitewater_sim::Instant;
use whitewater_sim::check::{Budget, Model, Scope, SequentialSpec, Verdict, check};
use whitewater_sim::history::History;

/// A register of a number.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct Register(u64);

/// What can be asked of it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Op {
    Read,
    Swap { expected: u64, new: u64 },
}

/// What it answers.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Ret {
    Value(u64),
    Swapped(bool),
}

impl SequentialSpec for Register {
    type Op = Op;
    type Ret = Ret;

    fn invoke(&mut self, op: &Op) -> Ret {
        match *op {
            Op::Read => Ret::Value(self.0),
            Op::Swap { expected, new } => {
                let swapped = self.0 == expected;
                if swapped {
                    self.0 = new;
                }
                Ret::Swapped(swapped)
            }
        }
    }
}

/// The register as a model.
struct SwapRegister;

impl Model for SwapRegister {
    type Spec = Register;
    type Part = ();
    type Value<'h> = Infallible;

    fn initial(&self, _: &[&Op]) -> Register {
        Register::default()
    }

    fn scope(&self, _: &Op) -> Scope<()> {
        Scope::One(())
    }

    fn observes(&self, op: &Op, answer: Option<&Ret>) -> bool {
        matches!((op, answer), (Op::Read, _) | (Op::Swap { .. }, Some(Ret::Swapped(false))))
    }
}

/// Two clients both believe to have taken the register from 0: a lock that is held twice.
pub(crate) fn example() -> String {
    let mut history = History::new();
    let one = history.invoke(1, Op::Swap { expected: 0, new: 1 }, Instant(0));
    let other = history.invoke(2, Op::Swap { expected: 0, new: 2 }, Instant(1));
    history.returned(one, Ret::Swapped(true), Instant(2));
    history.returned(other, Ret::Swapped(true), Instant(3));
    let read = history.invoke(1, Op::Read, Instant(4));
    history.returned(read, Ret::Value(2), Instant(5));
    match check(&SwapRegister, &history, &Budget::default()).verdict {
        Verdict::Linearizable => "linearizable\n".to_string(),
        Verdict::Violation(explanation) => {
            let account = explanation.account(&SwapRegister, &history, &|stamp, _| format!("event {stamp}"));
            format!("{}\n", account.reason)
        }
        Verdict::Inconclusive { reason, .. } => format!("undecided: {reason:?}\n"),
    }
}

fn main() {
    print!("{}", example());
}
