//! A reason as one English sentence.
//!
//! Operations are named by the words of the model, their numbers, and when they returned. A sentence claims what the
//! [`Reason`] claims, and nothing else. What it simplifies: of many operations some are named and the rest is counted.

use super::Reason;
use super::account::{When, fit};
use crate::check::{Access, Model, Op, Ret};
use crate::history::{History, OperationId, Outcome};

/// How many operations are named.
const NAMED: usize = 6;

/// What it takes to put operations into words.
pub(super) struct Words<'w, M: Model> {
    pub(super) model: &'w M,
    pub(super) history: &'w History<Op<M>, Ret<M>>,
    pub(super) when: When<'w>,
}

impl<M: Model> Words<'_, M> {
    pub(super) fn sentence(&self, reason: &Reason) -> String {
        match reason {
            Reason::FromNowhere { told } => {
                let leads = if self.reads(*told) { "ever wrote" } else { "leads to" };
                format!("{}, which nothing in the history {leads}", self.told(*told))
            }
            Reason::FromTheFuture { told, later } => {
                let leads =
                    if self.reads(*told) { "was written only after that" } else { "only what came later leads to" };
                format!("{}, which {leads}: {}", self.told(*told), self.list(later, |id| self.begun(id)))
            }
            Reason::Overwritten { told, by, seen } => {
                let (value, began) = self.value(*told);
                let seen = self.seen(*seen);
                format!("{}, {value} was overwritten before {began}, by {}{seen}", self.told(*told), self.name(*by))
            }
            Reason::Gone { told, by, seen } => {
                let (value, began) = self.value(*told);
                let seen = self.seen(*seen);
                format!("{}, {value} was gone before {began}: {}{seen}", self.told(*told), self.had_told(*by))
            }
            Reason::OppositeOrders { one: [a, b], other: [c, d] } => format!(
                "two values, each set only once, had to come in both orders: {} before {} began, but {} before {} began",
                self.had_told(*a),
                self.name(*b),
                self.had_told(*c),
                self.name(*d)
            ),
            Reason::ReplacedTooOften { swaps, setters, times } => {
                let set = if setters.is_empty() {
                    "at the start".to_owned()
                } else {
                    format!("set by {}", self.list(setters, |id| self.name(id)))
                };
                let often = if *times == 1 { "once".to_owned() } else { format!("{times} times") };
                let swaps = self.list(swaps, |id| self.told(id));
                format!("one value was replaced too often, as it was there at most {often}, {set}: {swaps}")
            }
            Reason::CannotFollow { first, then } => {
                format!("{}, which cannot be: {} before it began", self.told(*then), self.had_told(*first))
            }
            Reason::Contradiction { told, others } if others.is_empty() => {
                format!("{}, which no order of the operations explains", self.told(*told))
            }
            Reason::Contradiction { told, others } => {
                let answers = if others.len() == 1 { "this answer" } else { "these answers" };
                let others = self.list(others, |id| self.told(id));
                format!("{}, which no order of the operations explains beside {answers}: {others}", self.told(*told))
            }
        }
    }

    fn reads(&self, id: OperationId) -> bool {
        matches!(self.access(id), Some(Access::Read(_)))
    }

    fn access(&self, id: OperationId) -> Option<Access<M::Value<'_>>> {
        let operation = &self.history.operations()[id.0 as usize];
        self.model.access(&operation.op, self.answer(id))
    }

    fn answer(&self, id: OperationId) -> Option<&Ret<M>> {
        match &self.history.operations()[id.0 as usize].outcome {
            Outcome::Returned { ret, .. } => Some(ret),
            Outcome::Open | Outcome::Failed { .. } | Outcome::Unknown { .. } => None,
        }
    }

    /// The value that an operation shows, as the subject of a clause, and what its beginning is called.
    fn value(&self, id: OperationId) -> (&'static str, &'static str) {
        if self.reads(id) { ("which", "the read began") } else { ("but the value that it found", "it began") }
    }

    fn seen(&self, seen: Option<OperationId>) -> String {
        let seen = seen.map(|id| format!(", after {} (a value that was set only once)", self.had_told(id)));
        seen.unwrap_or_default()
    }

    /// The operation, and when it ended.
    fn name(&self, id: OperationId) -> String {
        let operation = &self.history.operations()[id.0 as usize];
        let asked = fit(&self.model.describe_operation(&operation.op));
        let end = match operation.outcome {
            Outcome::Returned { stamp, at, .. } => format!(", {}", (self.when)(stamp, at)),
            Outcome::Open | Outcome::Unknown { .. } | Outcome::Failed { .. } => String::new(),
        };
        format!("{asked} (#{}{end})", id.0)
    }

    /// The operation, and when it began.
    fn begun(&self, id: OperationId) -> String {
        let operation = &self.history.operations()[id.0 as usize];
        let asked = fit(&self.model.describe_operation(&operation.op));
        format!("{asked} (#{}, {})", id.0, (self.when)(operation.invoked, operation.invoked_at))
    }

    fn told(&self, id: OperationId) -> String {
        self.with_answer(id, "returned")
    }

    fn had_told(&self, id: OperationId) -> String {
        self.with_answer(id, "had returned")
    }

    fn with_answer(&self, id: OperationId, verb: &str) -> String {
        let answer = self.answer(id).map(|answer| fit(&self.model.describe_answer(answer)));
        format!("{} {verb} {}", self.name(id), answer.unwrap_or_else(|| "nothing".to_owned()))
    }

    fn list(&self, ids: &[OperationId], words: impl Fn(OperationId) -> String) -> String {
        let mut named: Vec<String> = ids.iter().take(NAMED).map(|id| words(*id)).collect();
        if ids.len() > NAMED {
            named.push(format!("{} more", ids.len() - NAMED));
        }
        match named.pop() {
            Some(last) if named.is_empty() => last,
            Some(last) => format!("{} and {last}", named.join(", ")),
            None => String::new(),
        }
    }
}
