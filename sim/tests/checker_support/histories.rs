//! Small random histories of any object, and what can be done with them.
//!
//! Operations take effect at one moment while they are in flight; those of unknown outcome later, or never; those that
//! fail never (Herlihy and Wing, 1990, section 2). What it simplifies: at most four clients.

use whitewater_sim::Instant;
use whitewater_sim::check::SequentialSpec;
use whitewater_sim::history::{History, Operation, OperationId, Outcome, Stamp};
use whitewater_sim::rng::Stream;

/// What a client has in flight.
struct InFlight<S: SequentialSpec> {
    client: u64,
    id: OperationId,
    op: S::Op,
    answer: Option<S::Ret>,
}

/// How operations end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Endings {
    /// They return.
    Answers,
    /// They return, fail, or remain unknown.
    All,
}

/// A history of a correct object: every operation takes effect at one moment while it is in flight, and one of unknown
/// outcome later, or never. It has two to `most` operations.
pub(crate) fn generate<S>(
    rng: &mut Stream,
    mut object: S,
    most: u64,
    endings: Endings,
    mut random_op: impl FnMut(&mut Stream) -> S::Op,
) -> History<S::Op, S::Ret>
where
    S: SequentialSpec<Op: Clone>,
{
    let clients = 2 + rng.below(3);
    let mut left = 2 + rng.below(most - 1);
    let mut history = History::new();
    let mut in_flight: Vec<InFlight<S>> = Vec::new();
    let mut abandoned: Vec<S::Op> = Vec::new();
    while left > 0 || (endings == Endings::Answers && !in_flight.is_empty()) || rng.below(12) > 0 {
        let client = rng.below(clients);
        let found = in_flight.iter().position(|open| open.client == client);
        match (found, rng.below(10)) {
            (None, _) if left > 0 => {
                let op = random_op(rng);
                let id = history.invoke(client, op.clone(), Instant::START);
                in_flight.push(InFlight { client, id, op, answer: None });
                left -= 1;
            }
            (Some(place), 0) if endings == Endings::All => {
                let open = in_flight.remove(place);
                history.unknown(open.id, Instant::START);
                if open.answer.is_none() {
                    abandoned.push(open.op);
                }
            }
            (Some(place), 1) if endings == Endings::All && in_flight[place].answer.is_none() => {
                history.failed(in_flight.remove(place).id, Instant::START);
            }
            (Some(place), 2..6) if in_flight[place].answer.is_none() => {
                let answer = object.invoke(&in_flight[place].op);
                in_flight[place].answer = Some(answer);
            }
            (Some(place), 6..) => {
                if in_flight[place].answer.is_some() {
                    let open = in_flight.remove(place);
                    history.returned(open.id, open.answer.expect("it was just there"), Instant::START);
                } else if let Some(op) = abandoned.pop() {
                    object.invoke(&op);
                }
            }
            (None | Some(_), _) => {}
        }
    }
    history
}

/// What happens to an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Invoke,
    Return,
    Fail,
    GiveUp,
}

/// All events in their order: the stamp, the position of the operation, and what happens to it.
pub(crate) fn events<O, R>(history: &History<O, R>) -> Vec<(Stamp, usize, Kind)> {
    let mut events = Vec::new();
    for (place, operation) in history.operations().iter().enumerate() {
        events.push((operation.invoked, place, Kind::Invoke));
        match operation.outcome {
            Outcome::Open => {}
            Outcome::Returned { stamp, .. } => events.push((stamp, place, Kind::Return)),
            Outcome::Failed { stamp, .. } => events.push((stamp, place, Kind::Fail)),
            Outcome::Unknown { stamp, .. } => events.push((stamp, place, Kind::GiveUp)),
        }
    }
    events.sort_unstable();
    events
}

/// A copy of the operations that are kept, with other answers; and the old stamp of each event of the copy.
pub(crate) fn rebuild<O: Clone, R: Clone>(
    history: &History<O, R>,
    keep: impl Fn(&Operation<O, R>) -> bool,
    answer: impl Fn(usize, R) -> R,
) -> (History<O, R>, Vec<Stamp>) {
    rebuild_before(history, Stamp::MAX, keep, answer)
}

/// The same of the events before one of them.
pub(crate) fn rebuild_before<O: Clone, R: Clone>(
    history: &History<O, R>,
    until: Stamp,
    keep: impl Fn(&Operation<O, R>) -> bool,
    answer: impl Fn(usize, R) -> R,
) -> (History<O, R>, Vec<Stamp>) {
    let mut copy = History::new();
    let mut ids = vec![OperationId(0); history.operations().len()];
    let mut stamps = Vec::new();
    for (stamp, place, kind) in events(history).into_iter().take_while(|(stamp, ..)| *stamp < until) {
        let operation = &history.operations()[place];
        if !keep(operation) {
            continue;
        }
        stamps.push(stamp);
        match (kind, &operation.outcome) {
            (Kind::Invoke, _) => ids[place] = copy.invoke(operation.client, operation.op.clone(), Instant::START),
            (_, Outcome::Returned { ret, .. }) => copy.returned(ids[place], answer(place, ret.clone()), Instant::START),
            (_, Outcome::Failed { .. }) => copy.failed(ids[place], Instant::START),
            (_, Outcome::Unknown { .. } | Outcome::Open) => copy.unknown(ids[place], Instant::START),
        }
    }
    (copy, stamps)
}
