//! An explanation in words: plain data, for whoever prints, draws or serialises it.
//!
//! Words are the model's; when something happened is said as the caller wishes: in virtual time, or as a line of a file.
//! What it simplifies: texts are not escaped for any medium, but they are cut, so that a huge value buries nothing.

use stateright::semantics::SequentialSpec;

use super::sentence::Words;
use super::{Explanation, Minimality, Placed, Role, Sources};
use crate::check::{Model, Op, Ret};
use crate::history::{History, OperationId, Outcome, Stamp};
use crate::time::Instant;

/// How many characters of a text are kept.
const WIDTH: usize = 160;

/// An explanation in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// The partition without an order; empty if there is but one, and it has no name.
    pub partition: String,
    /// Why there is no order, in one sentence.
    pub reason: String,
    /// The operation whose answer is the first that no order explains.
    pub culprit: OperationId,
    /// Whether it is certain that no answer before it is without explanation.
    pub is_shortest: bool,
    /// The few operations that show it, in the order of their invocations.
    pub operations: Vec<Told>,
    /// Whether it is certain that none of their answers can be left out.
    pub is_minimal: bool,
    /// Whether all that the answers come from is among them.
    pub has_all_sources: bool,
    /// The order that explains all answers before that of the culprit.
    pub attempt: Attempt,
}

/// The end of an order of operations, with the state after each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// How many operations come before these in the order.
    pub skipped: usize,
    /// The state before the first of these.
    pub before: String,
    /// The operations, one after the other.
    pub steps: Vec<Step>,
    /// What was in flight when the culprit returned and did not have to take effect before.
    pub in_flight: Vec<OperationId>,
}

/// An operation in an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// Its number in the history.
    pub id: OperationId,
    /// The client that invoked it.
    pub client: u64,
    /// What was asked.
    pub operation: String,
    /// What was answered; `None` if nobody knows.
    pub answer: Option<String>,
    /// The state after it.
    pub state: String,
}

/// How many operations of an order are put into words.
const STEPS: usize = 100;

/// One of those operations.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// Its number in the history.
    pub id: OperationId,
    /// The client that invoked it.
    pub client: u64,
    /// What was asked.
    pub operation: String,
    /// What was answered; `None` if it was never told, or if that was later and does not matter.
    pub answer: Option<String>,
    /// Both, in few words.
    pub brief: String,
    /// When it was invoked, in the order of events.
    pub invoked: Stamp,
    /// When it returned, in the order of events; `None` if that does not matter, or never happened.
    pub returned: Option<Stamp>,
    /// When it was invoked, in the caller's words.
    pub from: String,
    /// When it ended, in the caller's words, whether that matters or not; `None` if it did not end.
    pub until: Option<String>,
    /// What it contributes.
    pub role: Role,
    /// What it could have been answered instead, with all other answers of the history so far kept.
    pub legal: Vec<String>,
}

/// How an event is put into words: its virtual time, or its line in a file.
pub(super) type When<'w> = &'w dyn Fn(Stamp, Instant) -> String;

impl<P: std::fmt::Debug, S: SequentialSpec + Clone> Explanation<P, S> {
    /// The explanation in words. `when` says when an event was.
    #[must_use]
    pub fn account<M: Model<Part = P, Spec = S>>(
        &self,
        model: &M,
        history: &History<Op<M>, Ret<M>>,
        when: &dyn Fn(Stamp, Instant) -> String,
    ) -> Account {
        let words = Words { model, history, when };
        Account {
            partition: fit(&self.partition.to_string()),
            reason: words.sentence(&self.reason),
            culprit: self.culprit,
            is_shortest: self.is_shortest(),
            operations: self.minimal.iter().map(|member| self.told(&words, member.id, member.role)).collect(),
            is_minimal: self.minimality == Minimality::Certain,
            has_all_sources: self.sources == Sources::All,
            attempt: self.attempt(&words),
        }
    }

    fn attempt<M: Model<Part = P, Spec = S>>(&self, words: &Words<'_, M>) -> Attempt {
        let skipped = self.order.len().saturating_sub(STEPS);
        let before = skipped.checked_sub(1).map_or(&self.initial, |last| &self.order[last].state);
        let step = |placed: &Placed<S>| {
            let operation = &words.history.operations()[placed.id.0 as usize];
            let answer = match &operation.outcome {
                Outcome::Returned { ret, .. } => Some(fit(&words.model.describe_answer(ret))),
                Outcome::Open | Outcome::Failed { .. } | Outcome::Unknown { .. } => None,
            };
            Step {
                id: placed.id,
                client: operation.client,
                operation: fit(&words.model.describe_operation(&operation.op)),
                answer,
                state: fit(&words.model.describe_state(&placed.state)),
            }
        };
        Attempt {
            skipped,
            before: fit(&words.model.describe_state(before)),
            steps: self.order[skipped..].iter().map(step).collect(),
            in_flight: self.in_flight.clone(),
        }
    }

    fn told<M: Model<Part = P, Spec = S>>(&self, words: &Words<'_, M>, id: OperationId, role: Role) -> Told {
        let operation = &words.history.operations()[id.0 as usize];
        let (answer, end) = match &operation.outcome {
            Outcome::Returned { ret, stamp, at } => (Some(ret), Some((*stamp, *at))),
            Outcome::Unknown { stamp, at } | Outcome::Failed { stamp, at } => (None, Some((*stamp, *at))),
            Outcome::Open => (None, None),
        };
        let returned = end.filter(|_| answer.is_some() && role != Role::LooseSource).map(|(stamp, _)| stamp);
        let could = self.legal.iter().filter(|legal| legal.id == id).flat_map(|legal| &legal.states);
        Told {
            id,
            client: operation.client,
            operation: fit(&words.model.describe_operation(&operation.op)),
            answer: answer.map(|answer| fit(&words.model.describe_answer(answer))),
            brief: fit(&words.model.describe_briefly(&operation.op, answer.filter(|_| role != Role::LooseSource))),
            invoked: operation.invoked,
            returned,
            from: (words.when)(operation.invoked, operation.invoked_at),
            until: end.map(|(stamp, at)| (words.when)(stamp, at)),
            role,
            legal: could.map(|state| fit(&words.model.describe_answer(&state.clone().invoke(&operation.op)))).collect(),
        }
    }
}

/// Shortens to [`WIDTH`]. The end stays, as of a value that grew it tells most.
pub(super) fn fit(text: &str) -> String {
    if text.chars().nth(WIDTH).is_none() {
        return text.to_owned();
    }
    let begin: String = text.chars().take(WIDTH / 2).collect();
    let end: String = text.chars().skip(text.chars().count() - WIDTH / 2).collect();
    format!("{begin}...{end}")
}
