//! Why a history is not linearizable: the shortest beginning of it that is not, and how far an order gets.
//!
//! Linearizability is closed under prefixes (Herlihy and Wing, 1990), so there is one first return that no order
//! explains: bisection finds it, asking the search at each probe. A probe takes what has not returned by then as of
//! unknown outcome, which is more generous than the whole history. Therefore the event where the failed search got
//! stuck is a good first guess, but only a guess. What it simplifies: one order out of many is shown.

use std::fmt::{self, Write};

use stateright::semantics::SequentialSpec;

use super::partition::{Part, Problem};
use super::search::{Halt, Meter, Searched, search};
use super::split::{Component, Partition};
use super::{Budget, Model, Op, Ret};
use crate::history::{History, OperationId, Outcome, Stamp};
use crate::time::Instant;

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

/// Finds the explanation for a partition of which a search has found that there is no order.
pub(super) fn explain<M: Model>(
    model: &M,
    history: &History<Op<M>, Ret<M>>,
    component: &Component<M>,
    reached: Stamp,
    budget: &Budget<'_>,
) -> Explanation<M::Part, M::Spec> {
    let Component { partition, ids, initial } = component;
    let mut meter = Meter::new(budget);
    let mut order_of = |part| {
        let problem = Problem::new(model, history, component, part);
        match search(model, &problem, initial, budget.steps / PROBE_SHARE, &mut meter)? {
            Searched::Found(order) => Ok(Some(order.into_iter().map(|number| problem.entries[number].id).collect())),
            Searched::Impossible { .. } => Ok(None),
        }
    };
    let returns = returns(history, ids);
    let guess = returns.iter().position(|(stamp, _)| *stamp == reached).expect("a search gets stuck at a return");
    let bisection = bisect(&returns, guess, &mut order_of);
    let (stamp, culprit) = returns[bisection.unexplained];
    let (explained_before, _) = returns[bisection.explained];
    // An order that does without the culprit is easier to read: there it cannot have taken effect with another answer.
    let without = order_of(Part::BeforeWithout(explained_before, culprit)).ok().flatten();
    let order = replay::<M>(initial, history, &without.unwrap_or(bisection.order));
    let open = ids.iter().copied().filter(|id| *id != culprit && is_in_flight(history, *id, explained_before));
    let in_flight = open.filter(|id| order.iter().all(|placed| placed.id != *id)).collect();
    Explanation {
        partition: partition.clone(),
        culprit,
        stamp,
        explained_before,
        initial: initial.clone(),
        order,
        in_flight,
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
    while found.explained < found.unexplained.min(hard) {
        match order_of(Part::Before(returns[probe].0 + 1)) {
            Ok(Some(order)) => (found.explained, found.order) = (probe + 1, order),
            Ok(None) => found.unexplained = probe,
            Err(Halt::OutOfSteps | Halt::OutOfMemory | Halt::Stopped) => hard = probe,
        }
        // Right before the guess first, then in the middle.
        let high = found.unexplained.min(hard);
        let is_first = probe == guess && high == guess && found.explained < guess;
        probe = if is_first { guess - 1 } else { found.explained + (high - found.explained) / 2 };
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

/// How many operations of the order, and how many in flight, are printed; the rest is counted.
const LINES: usize = 12;
/// How many characters of a line are printed, so that a huge value does not bury the message.
const WIDTH: usize = 160;

impl<P: fmt::Debug, S: SequentialSpec> Explanation<P, S> {
    /// Whether it is certain that no return before the culprit's is already unexplained: the budget sufficed.
    #[must_use]
    pub fn is_shortest(&self) -> bool {
        self.explained_before == self.stamp
    }

    /// The explanation for people, in plain text of at most some 30 lines. `when` puts an event into words: its
    /// virtual time, or its line in a file.
    #[must_use]
    pub fn render<M: Model<Part = P, Spec = S>>(
        &self,
        model: &M,
        history: &History<Op<M>, Ret<M>>,
        when: &dyn Fn(Stamp, Instant) -> String,
    ) -> String {
        let mut text = String::new();
        self.write(&mut text, model, history, when).expect("writing to a string does not fail");
        text
    }

    fn write<M: Model<Part = P, Spec = S>>(
        &self,
        text: &mut String,
        model: &M,
        history: &History<Op<M>, Ret<M>>,
        when: &dyn Fn(Stamp, Instant) -> String,
    ) -> fmt::Result {
        let line = |id| describe(model, history, id, when);
        writeln!(
            text,
            "No order of the operations explains this answer (partition {}):",
            fit(&self.partition.to_string())
        )?;
        writeln!(text, "  {}", line(self.culprit))?;
        if self.is_shortest() {
            writeln!(text, "An order for all that had returned before, and the state after each:")?;
        } else {
            writeln!(
                text,
                "This is certain, but an answer before it may already be without explanation: the budget ran out."
            )?;
            writeln!(
                text,
                "The longest order found, for a part of what had returned before, and the state after each:"
            )?;
        }
        let skipped = self.order.len().saturating_sub(LINES);
        if skipped > 0 {
            writeln!(text, "  ... {skipped} earlier")?;
        } else {
            writeln!(text, "  initially {}", fit(&model.describe_state(&self.initial)))?;
        }
        for placed in &self.order[skipped..] {
            writeln!(text, "  {}", line(placed.id))?;
            writeln!(text, "      now {}", fit(&model.describe_state(&placed.state)))?;
        }
        if !self.in_flight.is_empty() {
            writeln!(text, "In flight at that moment, and of no help:")?;
        }
        for id in self.in_flight.iter().take(LINES) {
            writeln!(text, "  {}", line(*id))?;
        }
        if self.in_flight.len() > LINES {
            writeln!(text, "  ... {} more", self.in_flight.len() - LINES)?;
        }
        Ok(())
    }
}

fn describe<M: Model>(
    model: &M,
    history: &History<Op<M>, Ret<M>>,
    id: OperationId,
    when: &dyn Fn(Stamp, Instant) -> String,
) -> String {
    let operation = &history.operations()[id.0 as usize];
    let asked = fit(&model.describe_operation(&operation.op));
    let invoked = when(operation.invoked, operation.invoked_at);
    let (answer, until) = match &operation.outcome {
        Outcome::Returned { ret, stamp, at } => (fit(&model.describe_answer(ret)), when(*stamp, *at)),
        Outcome::Failed { stamp, at } => ("failed".to_string(), when(*stamp, *at)),
        Outcome::Unknown { stamp, at } => ("unknown".to_string(), when(*stamp, *at)),
        Outcome::Open => ("unknown".to_string(), "the end".to_string()),
    };
    format!("#{} client {}: {asked} -> {answer}   [{invoked} to {until}]", id.0, operation.client)
}

/// Shortens to [`WIDTH`], and takes out what would disturb a terminal.
fn fit(text: &str) -> String {
    let clean = |character: char| if character.is_control() { char::REPLACEMENT_CHARACTER } else { character };
    if text.chars().nth(WIDTH).is_none() {
        return text.chars().map(clean).collect();
    }
    let begin: String = text.chars().take(WIDTH / 2).map(clean).collect();
    let end: String = text.chars().skip(text.chars().count() - WIDTH / 2).map(clean).collect();
    format!("{begin}...{end}")
}
