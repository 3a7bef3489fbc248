//! Questions about a few operations out of a partition: is there an order that explains these answers?
//!
//! Everything that an explanation claims is asked of the checker again (delta debugging: Zeller and Hildebrandt, 2002),
//! each time about another choice of operations. An operation can lose its answer: then it may take effect at any time
//! after its invocation, or never, as one of unknown outcome (Herlihy and Wing, 1990). That only ever makes more orders
//! possible, so what has none when some answers are forgotten has none with all of them. What it simplifies: each
//! question copies the operations that it is about into a history of its own.

use super::by_value::{Item, Solved, solve};
use crate::check::meter::Meter;
use crate::check::partition::{Part, Problem};
use crate::check::search::{Searched, search};
use crate::check::split::{Component, Partition};
use crate::check::{Model, Op, Ret};
use crate::history::{History, Operation, OperationId, Outcome, Stamp};

/// A question may take this many steps, and so many more for each operation that tells something.
const STEPS: u64 = 20_000;
const STEPS_PER_OPERATION: u64 = 8;

/// All questions together may take this many steps, or as many as the whole check if those are fewer. An operation in a
/// question counts as one, and so do several that are left out of it.
const STEPS_MAX: u64 = 1_000_000;
const LEFT_OUT_PER_STEP: usize = 16;

/// An operation in a question.
pub(super) struct Asked<M: Model> {
    pub(super) id: OperationId,
    /// The answer, and when it was given; `None`: forgotten.
    pub(super) answer: Option<(Ret<M>, Stamp)>,
}

/// What a question found out.
pub(super) enum Found {
    /// This order explains all answers.
    Order(Vec<OperationId>),
    /// There is none.
    Nothing,
    /// The budget did not suffice to tell.
    Unclear,
}

/// Whoever answers questions about one partition.
pub(super) struct Questions<'q, 'b, M: Model> {
    pub(super) model: &'q M,
    pub(super) history: &'q History<Op<M>, Ret<M>>,
    pub(super) component: &'q Component<M>,
    /// Only what was invoked before this event is asked about; what returned later has lost its answer.
    pub(super) until: Stamp,
    meter: Meter<'b>,
    /// Steps that are left for questions.
    left: u64,
}

impl<'q, 'b, M: Model> Questions<'q, 'b, M> {
    pub(super) fn new(
        (model, history): (&'q M, &'q History<Op<M>, Ret<M>>),
        component: &'q Component<M>,
        until: Stamp,
        meter: Meter<'b>,
    ) -> Self {
        let left = meter.left().min(STEPS_MAX);
        Questions { model, history, component, until, meter, left }
    }

    /// Whether no question can be answered any more.
    pub(super) fn is_exhausted(&self) -> bool {
        self.left == 0
    }

    pub(super) fn operation(&self, id: OperationId) -> &'q Operation<Op<M>, Ret<M>> {
        &self.history.operations()[id.0 as usize]
    }

    /// The answer that had been given by the end, and when.
    pub(super) fn answer(&self, id: OperationId) -> Option<(&'q Ret<M>, Stamp)> {
        match &self.operation(id).outcome {
            Outcome::Returned { ret, stamp, .. } if *stamp < self.until => Some((ret, *stamp)),
            Outcome::Returned { .. } | Outcome::Failed { .. } | Outcome::Unknown { .. } | Outcome::Open => None,
        }
    }

    pub(super) fn observes(&self, id: OperationId) -> bool {
        self.model.observes(&self.operation(id).op, self.answer(id).map(|(answer, _)| answer))
    }

    /// Whether it could have had an effect, if its answer were not known.
    pub(super) fn may_change(&self, id: OperationId) -> bool {
        !self.model.observes(&self.operation(id).op, None)
    }

    /// The operation with its answer.
    pub(super) fn told(&self, id: OperationId) -> Asked<M> {
        Asked { id, answer: self.answer(id).map(|(answer, stamp)| (answer.clone(), stamp)) }
    }

    /// What may have taken effect before the end: no failed operation, and nothing that only observes.
    pub(super) fn effects(&self, until: Stamp) -> Vec<OperationId> {
        let has_effect = |id: &OperationId| {
            let operation = self.operation(*id);
            operation.invoked < until
                && !matches!(operation.outcome, Outcome::Failed { .. })
                && !self.model.observes(&operation.op, self.answer(*id).map(|(answer, _)| answer))
        };
        self.component.ids.iter().copied().filter(has_effect).collect()
    }

    /// Asks for an order of operations that tell something, and of others that may have had an effect; the latter are
    /// left out where they cannot matter.
    pub(super) fn ask(&mut self, telling: Vec<Asked<M>>, effects: &[OperationId]) -> Found {
        self.left = self.left.saturating_sub((effects.len() / LEFT_OUT_PER_STEP) as u64);
        let silent = {
            let calls: Vec<_> = telling
                .iter()
                .filter_map(|asked| asked.answer.as_ref().map(|(answer, _)| (&self.operation(asked.id).op, answer)))
                .collect();
            let ops: Vec<&Op<M>> = effects.iter().map(|id| &self.operation(*id).op).collect();
            let matters = self.model.matters(&calls, &ops);
            assert_eq!(matters.len(), effects.len(), "a model says of each operation whether it matters");
            effects.iter().zip(matters).filter(|(_, matters)| *matters).map(|(id, _)| *id).collect::<Vec<_>>()
        };
        let allowance = STEPS + STEPS_PER_OPERATION * telling.len() as u64;
        let mut all = telling;
        all.extend(silent.into_iter().map(|id| Asked { id, answer: None }));
        all.sort_unstable_by_key(|asked| asked.id);
        self.search(all, allowance)
    }

    fn search(&mut self, asked: Vec<Asked<M>>, allowance: u64) -> Found {
        if self.left < asked.len() as u64 {
            self.left = 0;
            return Found::Unclear;
        }
        self.left -= asked.len() as u64;
        if let Some(found) = self.by_value(&asked, allowance) {
            return found;
        }
        let ids: Vec<OperationId> = asked.iter().map(|asked| asked.id).collect();
        let history = self.copy(asked);
        let component = Component {
            partition: Partition(Vec::new()),
            ids: (0..).take(ids.len()).map(OperationId).collect(),
            initial: self.component.initial.clone(),
        };
        let problem = Problem::new(self.model, &history, &component, Part::Whole);
        let allowance = allowance.min(self.left);
        let taken = self.meter.taken();
        let searched = search(self.model, &problem, &component.initial, allowance, &mut self.meter);
        self.left = self.left.saturating_sub(self.meter.taken() - taken);
        match searched {
            Ok(Searched::Found(order)) => Found::Order(
                order.into_iter().map(|number| ids[problem.entries[number as usize].id.0 as usize]).collect(),
            ),
            Ok(Searched::Impossible { .. }) => Found::Nothing,
            Err(_) => Found::Unclear,
        }
    }

    /// Asks about values alone, where these are all there is.
    fn by_value(&mut self, asked: &[Asked<M>], allowance: u64) -> Option<Found> {
        let calls = asked.iter().map(|Asked { id, answer }| {
            let answer = answer.as_ref().map(|(answer, stamp)| (answer, *stamp));
            (*id, answer)
        });
        let limit = allowance.min(self.left);
        let mut steps = limit;
        let solved = solve_values(self.model, self.history, self.component, calls, &mut steps);
        self.left -= limit - steps;
        Some(match solved? {
            Solved::Order(order) => Found::Order(order.into_iter().map(|place| asked[place].id).collect()),
            Solved::Nothing => Found::Nothing,
            Solved::OutOfSteps => Found::Unclear,
        })
    }

    /// A history of these operations alone, which are in the order of their invocations.
    fn copy(&self, asked: Vec<Asked<M>>) -> History<Op<M>, Ret<M>> {
        let mut events: Vec<(Stamp, usize, Step)> = Vec::with_capacity(2 * asked.len());
        for (place, asked) in asked.iter().enumerate() {
            events.push((self.operation(asked.id).invoked, place, Step::Invoke));
            events.extend(asked.answer.as_ref().map(|(_, stamp)| (*stamp, place, Step::Return)));
        }
        events.sort_unstable();
        let (ids, mut answers): (Vec<OperationId>, Vec<_>) =
            asked.into_iter().map(|asked| (asked.id, asked.answer)).unzip();
        let mut history = History::new();
        for (_, place, step) in events {
            let operation = self.operation(ids[place]);
            match step {
                Step::Invoke => {
                    history.invoke(operation.client, operation.op.clone(), operation.invoked_at);
                }
                Step::Return => {
                    let (answer, _) = answers[place].take().expect("an operation returns once");
                    history.returned(OperationId(place as u32), answer, operation.invoked_at);
                }
            }
        }
        history
    }
}

/// Looks for an order of operations of a partition, each with its answer and when that was given, by their values alone;
/// `None` if there is more to them.
pub(super) fn solve_values<'h, M: Model>(
    model: &'h M,
    history: &'h History<Op<M>, Ret<M>>,
    component: &Component<M>,
    calls: impl Iterator<Item = (OperationId, Option<(&'h Ret<M>, Stamp)>)>,
    steps: &mut u64,
) -> Option<Solved> {
    let initial: M::Value<'h> = model.initial_value()?;
    if component.partition.0.len() != 1 {
        return None;
    }
    let mut items = Vec::new();
    for (id, answer) in calls {
        let operation = &history.operations()[id.0 as usize];
        let access = model.access(&operation.op, answer.map(|(answer, _)| answer))?;
        items.push(Item { invoked: operation.invoked, returned: answer.map(|(_, stamp)| stamp), access });
    }
    solve(&initial, &items, &|value, beginning| model.remainder(value, beginning), steps)
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Step {
    Invoke,
    Return,
}
