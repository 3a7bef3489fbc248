//! Why a history is not linearizable: the shortest beginning of it that is not, and the few operations that show it.
//!
//! Linearizability is closed under prefixes (Herlihy and Wing, 1990), so there is one first return that no order
//! explains: bisection finds it, asking the search at each probe. A probe takes what has not returned by then as of
//! unknown outcome, which is more generous than the whole history. Therefore the event where the failed search got
//! stuck is a good first guess, but only a guess. Of that beginning the fewest answers that contradict each other are
//! kept (see `minimal`), with a reason and with what could have been answered instead. What it simplifies: one order and
//! one contradiction out of many are shown.

mod account;
mod by_value;
mod legal;
mod matters;
mod minimal;
mod question;
mod reason;
mod sentence;

pub use account::{Account, Attempt, Step, Told};
pub(super) use matters::matters;
pub use reason::Reason;
use stateright::semantics::SequentialSpec;

use super::meter::{Halt, Meter};
use super::partition::{Part, Problem};
use super::search::{Searched, search};
use super::split::{Component, Partition};
use super::{Budget, Model, Op, Ret};
use crate::history::{History, OperationId, Outcome, Stamp};
use by_value::Solved;
use question::Questions;

/// Why there is no order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation<P, S: SequentialSpec> {
    /// The partition without an order.
    pub partition: Partition<P>,
    /// The operation whose answer nothing explains: no order includes its return and all before.
    pub culprit: OperationId,
    /// The return of the culprit: the last event of a beginning of the history without an order.
    pub stamp: Stamp,
    /// All that returned before this event is explained by [`Explanation::order`].
    pub explained_before: Stamp,
    /// The state before the first operation.
    pub initial: S,
    /// An order for all that had returned before [`Explanation::explained_before`].
    pub order: Vec<Placed<S>>,
    /// What was in flight at [`Explanation::explained_before`] and is not in the order, without the culprit.
    pub in_flight: Vec<OperationId>,
    /// The few operations that show that there is no order, in the order of their invocations.
    pub minimal: Vec<Member>,
    /// Whether none of them can be left out.
    pub minimality: Minimality,
    /// Whether all sources are among them.
    pub sources: Sources,
    /// Why they contradict each other.
    pub reason: Reason,
    /// What some of them could have been answered, with all other answers of that beginning of the history kept.
    pub legal: Vec<Legal<S>>,
}

/// An operation that it takes to show that there is no order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Member {
    /// The operation.
    pub id: OperationId,
    /// What it contributes.
    pub role: Role,
}

/// What an operation contributes to a contradiction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Its answer, and that it had returned. These answers have no order, whatever all other operations did. With any
    /// one of them forgotten there is an order: it may then have taken effect at any time after it was invoked, or never.
    Answer,
    /// What it does: another answer comes from it.
    Source,
    /// The same, but it must be thought of as an operation of unknown outcome: with its return one of the answers could
    /// be left out.
    LooseSource,
}

/// Whether what the answers of a contradiction come from is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sources {
    /// Nothing else is needed for an order if any one of the answers is forgotten; and nothing less will do.
    All,
    /// There are too many of them to be shown, or the budget ran out: some of the answers come from others.
    Some,
}

/// Whether the operations that show a violation are as few as they can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Minimality {
    /// None can be left out.
    Certain,
    /// The budget ran out before that was certain. That they have no order is certain all the same.
    OutOfBudget,
    /// The budget ran out before there were few of them. Only the culprit is named.
    NotFound,
}

/// What an operation could have been answered: an answer is what the operation says in a state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Legal<S> {
    /// The operation.
    pub id: OperationId,
    /// For each answer found, a state right before the operation that gives it.
    pub states: Vec<S>,
}

/// An operation in an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placed<S> {
    /// The operation.
    pub id: OperationId,
    /// The state after it.
    pub state: S,
}

/// A probe may take this part of the budget, so that one that is hard leaves something for others.
const PROBE_SHARE: u64 = 4;

/// So many steps a probe takes by values alone, before it is searched.
const BY_VALUE_STEPS: u64 = 50_000;

/// Finds the explanation for a partition of which it is known that there is no order. `reached` is a guess where the
/// first return is that none explains.
pub(super) fn explain<M: Model>(
    model: &M,
    history: &History<Op<M>, Ret<M>>,
    component: &Component<M>,
    reached: Stamp,
    budget: &Budget<'_>,
) -> Explanation<M::Part, M::Spec> {
    let Component { partition, ids, initial } = component;
    let mut meter = Meter::new(budget);
    let mut order_of = |part| order_of(model, history, component, part, (budget.steps / PROBE_SHARE, &mut meter));
    let returns = returns(history, ids);
    let guess = returns.partition_point(|(stamp, _)| *stamp < reached).min(returns.len() - 1);
    let bisection = bisect(&returns, guess, &mut order_of);
    let (stamp, culprit) = returns[bisection.unexplained];
    let (explained_before, _) = returns[bisection.explained];
    // An order that does without the culprit is easier to read: there it cannot have taken effect with another answer.
    let without = order_of(Part::BeforeWithout(explained_before, culprit)).ok().flatten();
    let order = replay::<M>(initial, history, &without.unwrap_or(bisection.order));
    let open = ids.iter().copied().filter(|id| *id != culprit && is_in_flight(history, *id, explained_before));
    let in_flight = open.filter(|id| order.iter().all(|placed| placed.id != *id)).collect();
    let mut questions = Questions::new((model, history), component, stamp + 1, meter);
    let minimal = minimal::minimal(&mut questions, culprit);
    let reason = reason::reason(&mut questions, (&minimal.members, minimal.minimality), culprit);
    let legal = legal::legal(&mut questions, &minimal.members, culprit);
    Explanation {
        partition: partition.clone(),
        culprit,
        stamp,
        explained_before,
        initial: initial.clone(),
        order,
        in_flight,
        minimal: minimal.members,
        minimality: minimal.minimality,
        sources: minimal.sources,
        reason,
        legal,
    }
}

/// An order for a part of a partition, if there is one.
fn order_of<M: Model>(
    model: &M,
    history: &History<Op<M>, Ret<M>>,
    component: &Component<M>,
    part: Part,
    (allowance, meter): (u64, &mut Meter<'_>),
) -> Result<Option<Vec<OperationId>>, Halt> {
    let problem = Problem::new(model, history, component, part);
    let calls = problem
        .entries
        .iter()
        .zip(0..)
        .map(|(entry, number)| (entry.id, entry.answer.map(|answer| (answer, problem.returned(number)))));
    let limit = allowance.min(meter.left()).min(BY_VALUE_STEPS);
    let mut left = limit;
    let solved = question::solve_values(model, history, component, calls, &mut left);
    meter.take(limit - left, u64::MAX)?;
    match solved {
        Some(Solved::Order(order)) => {
            return Ok(Some(order.into_iter().map(|place| problem.entries[place].id).collect()));
        }
        Some(Solved::Nothing) => return Ok(None),
        Some(Solved::OutOfSteps) | None => {}
    }
    match search(model, &problem, &component.initial, allowance, meter)? {
        Searched::Found(order) => {
            Ok(Some(order.into_iter().map(|number| problem.entries[number as usize].id).collect()))
        }
        Searched::Impossible { .. } => Ok(None),
    }
}

/// All returns, in order.
fn returns<O, R>(history: &History<O, R>, ids: &[OperationId]) -> Vec<(Stamp, OperationId)> {
    let mut returns: Vec<_> = ids
        .iter()
        .filter_map(|id| match history.operations()[id.0 as usize].outcome {
            Outcome::Returned { stamp, .. } => Some((stamp, *id)),
            Outcome::Open | Outcome::Failed { .. } | Outcome::Unknown { .. } => None,
        })
        .collect();
    returns.sort_unstable();
    returns
}

/// What bisection found out.
struct Bisection {
    /// The first return known to be unexplained by any order.
    unexplained: usize,
    /// All returns before this one are explained by the order. The same one, unless the budget ran out.
    explained: usize,
    order: Vec<OperationId>,
}

fn bisect(
    returns: &[(Stamp, OperationId)],
    guess: usize,
    mut order_of: impl FnMut(Part) -> Result<Option<Vec<OperationId>>, Halt>,
) -> Bisection {
    let mut found = Bisection { unexplained: returns.len() - 1, explained: 0, order: Vec::new() };
    // From here on probes were too hard; below it there may still be a longer order to show.
    let mut hard = returns.len();
    let mut probe = if guess == found.unexplained { guess.saturating_sub(1) } else { guess };
    // How far behind the guess to look next, as long as nothing is known of what is behind it.
    let mut stride = Some(1);
    while found.explained < found.unexplained.min(hard) {
        match order_of(Part::Before(returns[probe].0 + 1)) {
            Ok(Some(order)) => (found.explained, found.order) = (probe + 1, order),
            Ok(None) => (found.unexplained, stride) = (probe, None),
            Err(Halt::OutOfSteps | Halt::OutOfMemory | Halt::Stopped) => (hard, stride) = (probe, None),
        }
        let high = found.unexplained.min(hard);
        let is_first = probe == guess && high == guess && found.explained < guess;
        probe = match stride {
            // Right before the guess first.
            None if is_first => guess - 1,
            None => found.explained + (high - found.explained) / 2,
            Some(far) => {
                stride = Some(2 * far);
                (found.explained + far - 1).min(high.saturating_sub(1))
            }
        };
    }
    found
}

fn is_in_flight<O, R>(history: &History<O, R>, id: OperationId, at: Stamp) -> bool {
    let operation = &history.operations()[id.0 as usize];
    let ended = match operation.outcome {
        Outcome::Returned { stamp, .. } => stamp,
        Outcome::Failed { .. } => return false,
        Outcome::Open | Outcome::Unknown { .. } => Stamp::MAX,
    };
    operation.invoked < at && at < ended
}

fn replay<M: Model>(
    initial: &M::Spec,
    history: &History<Op<M>, Ret<M>>,
    order: &[OperationId],
) -> Vec<Placed<M::Spec>> {
    let mut state = initial.clone();
    let place = |id: &OperationId| {
        state.invoke(&history.operations()[id.0 as usize].op);
        Placed { id: *id, state: state.clone() }
    };
    order.iter().map(place).collect()
}

impl<P, S: SequentialSpec> Explanation<P, S> {
    /// Whether it is certain that no return before the culprit's is already unexplained: the budget sufficed.
    #[must_use]
    pub fn is_shortest(&self) -> bool {
        self.explained_before == self.stamp
    }
}
