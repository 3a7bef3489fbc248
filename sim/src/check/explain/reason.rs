//! Why some answers contradict each other, where there is a simple reason.
//!
//! The reasons are the shapes of violations of registers that Gibbons and Korach (1997) prove to be all there are if each
//! value is written once, told from the operations' accesses: a value that nobody wrote, that was read before it was
//! written, that had been overwritten, or that came and went in two orders. Each is checked against the whole partition
//! and not only against the operations that are shown: it must be true of the history. What it simplifies: where values
//! are built from others, or written several times, often only the contradiction itself is named.

use super::question::{Asked, Found, Questions};
use super::{Member, Minimality, Role};
use crate::check::{Access, Model};
use crate::history::{OperationId, Outcome, Stamp};

/// Why there is no order. An operation *shows* a value if it read it, or swapped it for another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// Nothing in the history, whenever it took effect, leads to this answer.
    FromNowhere {
        /// The operation with that answer.
        told: OperationId,
    },
    /// Only operations that were invoked after this answer was given lead to it.
    FromTheFuture {
        /// The operation with that answer.
        told: OperationId,
        /// Those that lead to it, and were invoked later.
        later: Vec<OperationId>,
    },
    /// Whatever could have set the value that is shown was over when it was replaced, and that was before `told` began.
    Overwritten {
        /// The operation that shows the value.
        told: OperationId,
        /// What replaced it.
        by: OperationId,
        /// What had shown the value before: its only setter had taken effect by then. `None`: all setters had returned.
        seen: Option<OperationId>,
    },
    /// The same, but how the value was replaced is not known: another operation was told that it had been.
    Gone {
        /// The operation that shows the value.
        told: OperationId,
        /// What was told that the value was another one, before `told` began.
        by: OperationId,
        /// What had shown the value before; see [`Reason::Overwritten::seen`].
        seen: Option<OperationId>,
    },
    /// Each of two values, both set once, would have to be there before the other.
    OppositeOrders {
        /// These show or set the first value, and then the second.
        one: [OperationId; 2],
        /// These show or set the second value, and then the first.
        other: [OperationId; 2],
    },
    /// More swaps replaced a value than could have set it.
    ReplacedTooOften {
        /// The swaps.
        swaps: Vec<OperationId>,
        /// All that could have set the value.
        setters: Vec<OperationId>,
        /// How many times the value can have been there: once for each setter, and once if it was there at first.
        times: usize,
    },
    /// Whatever else happened, one answer cannot come after another that had been given before its operation began.
    CannotFollow {
        /// The operation that came first.
        first: OperationId,
        /// The one whose answer cannot follow.
        then: OperationId,
    },
    /// These answers contradict each other.
    Contradiction {
        /// The one that returned last.
        told: OperationId,
        /// The others, if there are any.
        others: Vec<OperationId>,
    },
}

/// Finds the most telling reason that is certain.
pub(super) fn reason<M: Model>(
    questions: &mut Questions<'_, '_, M>,
    (members, minimality): (&[Member], Minimality),
    culprit: OperationId,
) -> Reason {
    if minimality == Minimality::NotFound {
        return Reason::Contradiction { told: culprit, others: Vec::new() };
    }
    let mut among: Vec<OperationId> =
        members.iter().filter(|member| member.role == Role::Answer).map(|member| member.id).collect();
    if let Some(reason) = alone(questions, &among) {
        return reason;
    }
    // What the culprit shows is looked at first.
    among.sort_unstable_by_key(|id| (*id != culprit, *id));
    if let Some(reason) = Register::of(questions).and_then(|register| register.reason(&among)) {
        return reason;
    }
    among.sort_unstable();
    if let [one, other] = among[..] {
        let (first, then) =
            if returned(questions, one) < returned(questions, other) { (one, other) } else { (other, one) };
        if returned(questions, first) < questions.operation(then).invoked {
            return Reason::CannotFollow { first, then };
        }
    }
    among.retain(|id| *id != culprit);
    Reason::Contradiction { told: culprit, others: among }
}

fn returned<M: Model>(questions: &Questions<'_, '_, M>, id: OperationId) -> Stamp {
    questions.answer(id).map_or(Stamp::MAX, |(_, stamp)| stamp)
}

/// An answer that contradicts no other, but cannot be had at all.
fn alone<M: Model>(questions: &mut Questions<'_, '_, M>, among: &[OperationId]) -> Option<Reason> {
    let [told] = *among else { return None };
    let (answer, at) = questions.answer(told)?;
    let answer = answer.clone();
    let effects: Vec<OperationId> = questions.effects(Stamp::MAX).into_iter().filter(|id| *id != told).collect();
    match questions.ask(vec![Asked { id: told, answer: Some((answer, Stamp::MAX)) }], &effects) {
        Found::Nothing => Some(Reason::FromNowhere { told }),
        Found::Order(order) => {
            let later = order.into_iter().filter(|id| questions.operation(*id).invoked > at).collect();
            Some(Reason::FromTheFuture { told, later })
        }
        Found::Unclear => None,
    }
}

/// A partition in which every operation is an access to one register, and nothing is built from the values before.
struct Register<'q, 'r, 'b, M: Model> {
    questions: &'r Questions<'q, 'b, M>,
    initial: M::Value<'q>,
    accesses: Vec<Seen<'q, M>>,
}

/// An operation and what it did, with its answer if that had been given.
struct Seen<'q, M: Model + 'q> {
    id: OperationId,
    invoked: Stamp,
    returned: Stamp,
    access: Access<M::Value<'q>>,
}

impl<'q, M: Model> Seen<'q, M> {
    /// The value that was there right before, if that is known.
    fn shows(&self) -> Option<&M::Value<'q>> {
        match &self.access {
            Access::Read(value) | Access::Swap { expected: value, swapped: Some(true), .. } => Some(value),
            Access::Write(_) | Access::Append(_) | Access::Swap { swapped: Some(false) | None, .. } => None,
        }
    }

    /// The value that it leaves behind, if that may differ from what was there before.
    fn may_set(&self) -> Option<&M::Value<'q>> {
        match &self.access {
            Access::Write(value) => Some(value),
            Access::Swap { expected, new, swapped: Some(true) | None } => (expected != new).then_some(new),
            Access::Swap { swapped: Some(false), .. } | Access::Read(_) | Access::Append(_) => None,
        }
    }

    /// A value that was certainly there when it took effect, or right after.
    fn touches(&self) -> Option<&M::Value<'q>> {
        match &self.access {
            Access::Write(value) => Some(value),
            Access::Swap { .. } | Access::Read(_) | Access::Append(_) => self.shows(),
        }
    }

    /// Whether it certainly left another value behind. It must have returned.
    fn replaced(&self, value: &M::Value<'q>) -> bool {
        match &self.access {
            Access::Write(set) | Access::Swap { new: set, swapped: Some(true), .. } => set != value,
            Access::Swap { swapped: Some(false) | None, .. } | Access::Read(_) | Access::Append(_) => false,
        }
    }

    /// Whether it certainly met another value.
    fn met_another(&self, value: &M::Value<'q>) -> bool {
        match &self.access {
            Access::Swap { expected, swapped: Some(false), .. } => expected == value,
            Access::Read(_) | Access::Write(_) | Access::Append(_) | Access::Swap { .. } => {
                self.shows().is_some_and(|shown| shown != value)
            }
        }
    }
}

impl<'q, 'r, 'b, M: Model> Register<'q, 'r, 'b, M> {
    fn of(questions: &'r Questions<'q, 'b, M>) -> Option<Self> {
        if questions.component.partition.0.len() != 1 {
            return None;
        }
        let initial = questions.model.initial_value()?;
        let mut accesses = Vec::new();
        for &id in &questions.component.ids {
            let operation = questions.operation(id);
            if operation.invoked >= questions.until || matches!(operation.outcome, Outcome::Failed { .. }) {
                continue;
            }
            let answer = questions.answer(id);
            match questions.model.access(&operation.op, answer.map(|(answer, _)| answer)) {
                Some(Access::Append(_)) => return None,
                Some(access) => {
                    let returned = answer.map_or(Stamp::MAX, |(_, stamp)| stamp);
                    accesses.push(Seen { id, invoked: operation.invoked, returned, access });
                }
                // Nothing is known of it, and it changes nothing.
                None if questions.observes(id) => {}
                None => return None,
            }
        }
        Some(Register { questions, initial, accesses })
    }

    fn seen(&self, id: OperationId) -> Option<&Seen<'q, M>> {
        let place = self.accesses.binary_search_by_key(&id, |seen| seen.id).ok()?;
        Some(&self.accesses[place])
    }

    fn reason(&self, among: &[OperationId]) -> Option<Reason> {
        let among: Vec<&Seen<'q, M>> = among.iter().map(|id| self.seen(*id)).collect::<Option<_>>()?;
        let overwritten = among.iter().find_map(|told| self.stale(told, &among));
        overwritten.or_else(|| self.opposite_orders(&among)).or_else(|| self.replaced_too_often(&among))
    }

    /// All that could have set a value by some event, and is not this operation itself.
    fn setters(&self, value: &M::Value<'q>, until: Stamp, but: OperationId) -> Vec<&Seen<'q, M>> {
        let sets = |seen: &&Seen<'q, M>| seen.invoked < until && seen.id != but && seen.may_set() == Some(value);
        self.accesses.iter().filter(sets).collect()
    }

    fn stale(&self, told: &Seen<'q, M>, among: &[&Seen<'q, M>]) -> Option<Reason> {
        let value = told.shows()?;
        let setters = self.setters(value, told.returned, told.id);
        let is_set_once = setters.len() == 1 && *value != self.initial;
        // The first of those that had shown the value; without one, all setters must have returned.
        let proof = |before: Stamp| -> Option<Option<OperationId>> {
            if setters.iter().all(|setter| setter.returned < before) {
                return Some(None);
            }
            let seen =
                among.iter().find(|seen| seen.id != told.id && seen.shows() == Some(value) && seen.returned < before);
            seen.filter(|_| is_set_once).map(|seen| Some(seen.id))
        };
        let earlier = || among.iter().filter(|seen| seen.returned < told.invoked);
        let told = told.id;
        let overwritten = earlier()
            .filter(|by| by.replaced(value))
            .find_map(|by| proof(by.invoked).map(|seen| Reason::Overwritten { told, by: by.id, seen }));
        overwritten.or_else(|| {
            earlier()
                .filter(|by| by.met_another(value))
                .find_map(|by| proof(by.invoked).map(|seen| Reason::Gone { told, by: by.id, seen }))
        })
    }

    fn opposite_orders(&self, among: &[&Seen<'q, M>]) -> Option<Reason> {
        let shown: Vec<_> = among.iter().filter_map(|seen| seen.touches().map(|value| (seen, value))).collect();
        let mut pairs = Vec::new();
        for (first, one) in &shown {
            for (second, other) in &shown {
                if first.returned < second.invoked && one != other && self.is_set_once(one) && self.is_set_once(other) {
                    pairs.push(([first.id, second.id], (*one, *other)));
                }
            }
        }
        pairs.iter().find_map(|(one, (first, second))| {
            let opposite = pairs.iter().find(|(_, values)| values == &(*second, *first));
            opposite.map(|(other, _)| Reason::OppositeOrders { one: *one, other: *other })
        })
    }

    fn is_set_once(&self, value: &M::Value<'q>) -> bool {
        *value != self.initial && self.accesses.iter().filter(|seen| seen.may_set() == Some(value)).count() == 1
    }

    fn replaced_too_often(&self, among: &[&Seen<'q, M>]) -> Option<Reason> {
        let replaces = |seen: &&Seen<'q, M>, value: &M::Value<'q>| seen.shows() == Some(value) && seen.replaced(value);
        among.iter().find_map(|one| {
            let value = one.shows()?;
            let swaps: Vec<OperationId> =
                among.iter().filter(|seen| replaces(seen, value)).map(|seen| seen.id).collect();
            let setters = self.setters(value, self.questions.until, one.id);
            let times = setters.len() + usize::from(*value == self.initial);
            let is_replaced = swaps.len() > times && one.replaced(value);
            is_replaced.then(|| Reason::ReplacedTooOften {
                swaps: sorted(swaps),
                setters: setters.into_iter().map(|setter| setter.id).collect(),
                times,
            })
        })
    }
}

fn sorted(mut ids: Vec<OperationId>) -> Vec<OperationId> {
    ids.sort_unstable();
    ids
}
