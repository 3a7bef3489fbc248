//! A judge that shares no code with the checkers: brute force.
//!
//! Brute force takes every order of every subset of the operations of unknown outcome (Herlihy and Wing, 1990; Lamport,
//! 1979, by the definitions). What it simplifies: it shares the specification with those whom it judges, which is not
//! what is tested.

use whitewater_sim::check::SequentialSpec;
use whitewater_sim::history::{History, Outcome, Stamp};

/// An operation that an order must have.
struct Required<'h, O, R> {
    client: u64,
    op: &'h O,
    answer: Option<&'h R>,
    invoked: Stamp,
    returned: Stamp,
}

/// What an order must respect.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Respect {
    RealTime,
    Clients,
}

/// Whether the events before `until` are linearizable.
pub(crate) fn is_linearizable<S: SequentialSpec + Clone>(
    initial: &S,
    history: &History<S::Op, S::Ret>,
    until: Stamp,
) -> bool {
    brute_force(initial, history, until, Respect::RealTime)
}

/// Whether the history is sequentially consistent. What one client invokes after another operation returned comes later;
/// an operation of unknown outcome takes effect later than what came before it, at any time, or never.
pub(crate) fn is_sequential<S: SequentialSpec + Clone>(initial: &S, history: &History<S::Op, S::Ret>) -> bool {
    brute_force(initial, history, Stamp::MAX, Respect::Clients)
}

fn brute_force<S: SequentialSpec + Clone>(
    initial: &S,
    history: &History<S::Op, S::Ret>,
    until: Stamp,
    respect: Respect,
) -> bool {
    let mut required = Vec::new();
    let mut optional = Vec::new();
    for operation in history.operations().iter().filter(|operation| operation.invoked < until) {
        let all = |answer, returned| Required {
            client: operation.client,
            op: &operation.op,
            answer,
            invoked: operation.invoked,
            returned,
        };
        match &operation.outcome {
            Outcome::Failed { .. } => {}
            Outcome::Returned { ret, stamp, .. } if *stamp < until => required.push(all(Some(ret), *stamp)),
            Outcome::Returned { .. } | Outcome::Open | Outcome::Unknown { .. } => optional.push(all(None, Stamp::MAX)),
        }
    }
    (0..1_u32 << optional.len()).any(|subset| {
        let chosen = optional.iter().enumerate().filter(|(place, _)| subset >> place & 1 == 1).map(|(_, op)| op);
        has_order(initial, &required.iter().chain(chosen).collect::<Vec<_>>(), respect)
    })
}

fn has_order<S: SequentialSpec + Clone>(state: &S, left: &[&Required<'_, S::Op, S::Ret>], respect: Respect) -> bool {
    left.is_empty()
        || left.iter().enumerate().any(|(place, chosen)| {
            let comes_before = |other: &&Required<'_, S::Op, S::Ret>| {
                other.returned <= chosen.invoked && (respect == Respect::RealTime || other.client == chosen.client)
            };
            if left.iter().any(comes_before) {
                return false;
            }
            let mut next = state.clone();
            let given = next.invoke(chosen.op);
            if chosen.answer.is_some_and(|answer| *answer != given) {
                return false;
            }
            let mut rest = left.to_vec();
            rest.remove(place);
            has_order(&next, &rest, respect)
        })
}
