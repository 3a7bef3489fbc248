//! A register: the smallest object that is worth checking, as one whole (Herlihy and Wing, 1990).
//!
//! A specification is a state and what each operation does to it; `Whole` makes a model of it that has one partition.
//! What it simplifies: the history is made up here; a system under test would record its own.

use whitewater_sim::Instant;
use whitewater_sim::check::{SequentialSpec, Whole, is_linearizable};
use whitewater_sim::history::History;

/// A register of a number.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct Register(u64);

/// What can be asked of it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Op {
    Read,
    Write(u64),
}

/// What it answers.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Ret {
    Value(u64),
    Done,
}

impl SequentialSpec for Register {
    type Op = Op;
    type Ret = Ret;

    fn invoke(&mut self, op: &Op) -> Ret {
        match op {
            Op::Read => Ret::Value(self.0),
            Op::Write(value) => {
                self.0 = *value;
                Ret::Done
            }
        }
    }
}

/// One client writes; another reads while that is in flight, and once more after it.
pub(crate) fn example() -> String {
    let mut text = String::new();
    for (during, after) in [(0, 7), (7, 7), (7, 0)] {
        let mut history = History::new();
        let write = history.invoke(1, Op::Write(7), Instant(0));
        let read = history.invoke(2, Op::Read, Instant(1));
        history.returned(read, Ret::Value(during), Instant(2));
        history.returned(write, Ret::Done, Instant(3));
        let read = history.invoke(2, Op::Read, Instant(4));
        history.returned(read, Ret::Value(after), Instant(5));
        let verdict = match is_linearizable(&Whole(Register::default()), &history) {
            Some(true) => "linearizable",
            Some(false) => "not linearizable",
            None => "undecided",
        };
        text += &format!("read {during} during the write and {after} after it: {verdict}\n");
    }
    text
}

fn main() {
    print!("{}", example());
}
