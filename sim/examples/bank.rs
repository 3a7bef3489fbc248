//! A bank, checked while it is open: a user's own object with its own partitions, and the online check.
//!
//! Accounts of one branch are moved between together, so a branch is a partition: the function that splits is the user's
//! (Herlihy and Wing, 1990: objects may be split as long as no operation is on two). The check hears each event when it
//! happens, and names the first one that nothing explains. What it simplifies: a branch has two accounts.

use std::convert::Infallible;

use whitewater_sim::check::online::{Limits, Online};
use whitewater_sim::check::{Model, Scope, SequentialSpec};

/// What there is in a branch: its two accounts, in cents.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Branch([u64; 2]);

/// What can be asked of a branch.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Request {
    branch: &'static str,
    op: Op,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Op {
    /// Moves cents from an account to the other, if they are there.
    Move { from: usize, cents: u64 },
    /// Shows both accounts.
    Show,
}

/// What it answers.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Ret {
    Moved,
    TooLittle,
    Accounts([u64; 2]),
}

impl SequentialSpec for Branch {
    type Op = Request;
    type Ret = Ret;

    fn invoke(&mut self, request: &Request) -> Ret {
        match request.op {
            Op::Show => Ret::Accounts(self.0),
            Op::Move { from, cents } if self.0[from] < cents => Ret::TooLittle,
            Op::Move { from, cents } => {
                self.0[from] -= cents;
                self.0[1 - from] += cents;
                Ret::Moved
            }
        }
    }
}

/// The bank as a model.
struct Bank;

impl Model for Bank {
    type Spec = Branch;
    type Part = &'static str;
    type Value<'h> = Infallible;

    fn initial(&self, _: &[&Request]) -> Branch {
        Branch([100, 0])
    }

    fn scope(&self, request: &Request) -> Scope<&'static str> {
        Scope::One(request.branch)
    }

    fn observes(&self, request: &Request, answer: Option<&Ret>) -> bool {
        request.op == Op::Show || answer == Some(&Ret::TooLittle)
    }
}

/// In Ulm all is well. In Bonn the same money is moved twice.
pub(crate) fn example() -> String {
    let mut online = Online::by_part(Bank, Limits::default());
    let mut text = String::new();
    for branch in ["Ulm", "Bonn"] {
        let mut ask = |op| online.invoke(Request { branch, op });
        let one = ask(Op::Move { from: 0, cents: 100 });
        let other = ask(Op::Move { from: 0, cents: 100 });
        let show = ask(Op::Show);
        let twice = if branch == "Bonn" { Ret::Moved } else { Ret::TooLittle };
        for (ticket, answer) in [(one, Ret::Moved), (show, Ret::Accounts([100, 0])), (other, twice)] {
            let told = format!("{branch}: request {} was answered {answer:?}", ticket.position);
            text += &match online.returned(ticket, answer) {
                None => format!("{told}\n"),
                Some(conflict) => format!("{told}, which nothing explains in {}\n", conflict.partition),
            };
        }
    }
    text
}

fn main() {
    print!("{}", example());
}
