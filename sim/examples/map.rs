//! A map: each key is a partition of its own, and the accesses of a session are judged too (Terry et al., 1994).
//!
//! Locality (Herlihy and Wing, 1990) lets every key be checked alone. With [`Model::access`] the model tells which value
//! an operation read or wrote, which is all that the guarantees of a session are about. What it simplifies: keys and
//! values are numbers, and there are only gets and puts.

use whitewater_sim::Instant;
use whitewater_sim::check::{
    Access, Budget, Kept, Model, Scope, SequentialSpec, check_sequential, check_sessions, is_linearizable,
};
use whitewater_sim::history::History;

/// One key of the map.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct Value(Option<u64>);

/// What can be asked; the first number is the key.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Op {
    Get(u64),
    Put(u64, u64),
}

/// What is answered.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Ret {
    Value(Option<u64>),
    Done,
}

impl SequentialSpec for Value {
    type Op = Op;
    type Ret = Ret;

    fn invoke(&mut self, op: &Op) -> Ret {
        match op {
            Op::Get(_) => Ret::Value(self.0),
            Op::Put(_, value) => {
                self.0 = Some(*value);
                Ret::Done
            }
        }
    }
}

/// The map as a model.
struct Map;

impl Model for Map {
    type Spec = Value;
    type Part = u64;
    type Value<'h> = Option<u64>;

    fn initial(&self, _: &[&Op]) -> Value {
        Value::default()
    }

    fn scope(&self, op: &Op) -> Scope<u64> {
        match op {
            Op::Get(key) | Op::Put(key, _) => Scope::One(*key),
        }
    }

    fn access<'h>(&self, op: &'h Op, answer: Option<&'h Ret>) -> Option<Access<Option<u64>>> {
        match (op, answer) {
            (Op::Get(_), Some(Ret::Value(value))) => Some(Access::Read(*value)),
            (Op::Put(_, value), None | Some(Ret::Done)) => Some(Access::Write(Some(*value))),
            (Op::Get(_) | Op::Put(..), _) => None,
        }
    }

    fn initial_value<'h>(&self) -> Option<Option<u64>>
    where
        Self: 'h,
    {
        Some(None)
    }

    fn observes(&self, op: &Op, _: Option<&Ret>) -> bool {
        matches!(op, Op::Get(_))
    }
}

/// A cache that lags behind: client 2 sees the second post of client 1, and then not the first.
pub(crate) fn example() -> String {
    let mut history = History::new();
    for (client, op, ret) in [
        (1, Op::Put(10, 1), Ret::Done),
        (1, Op::Put(20, 2), Ret::Done),
        (2, Op::Get(20), Ret::Value(Some(2))),
        (2, Op::Get(10), Ret::Value(None)),
    ] {
        let id = history.invoke(client, op, Instant(0));
        history.returned(id, ret, Instant(0));
    }
    let mut text = format!("linearizable: {:?}\n", is_linearizable(&Map, &history));
    let verdict = check_sequential(&Map, &history, &Budget::default()).verdict;
    text += &format!("sequentially consistent: {verdict:?}\n");
    for (guarantee, kept) in check_sessions(&Map, &history).verdicts {
        let verdict = match kept {
            Kept::Held => "held".to_string(),
            Kept::Broken(breach) => format!("operation #{} is too old, #{} was due", breach.read.0, breach.due.0),
            Kept::Untold => "cannot be told".to_string(),
        };
        text += &format!("{guarantee}: {verdict}\n");
    }
    text
}

fn main() {
    print!("{}", example());
}
