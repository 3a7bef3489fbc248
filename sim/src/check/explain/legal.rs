//! What an operation could have been answered instead, with all other answers as they were.
//!
//! An answer is legal if the history with it in place of the one that was given has an order (Herlihy and Wing, 1990).
//! Candidates are what the operation would have said along an order of all others; the checker is asked about each.
//! What it simplifies: other orders may allow more, so the answers found are some and not always all; for a register,
//! whose state is the value written last, they are all of the most recent ones.

use super::question::{Asked, Found, Questions};
use super::{Legal, Member, Role};
use crate::check::{Model, Op};
use crate::history::OperationId;
use stateright::semantics::SequentialSpec;

/// How many operations are looked at, and how many candidates for each.
const OPERATIONS: usize = 4;
const CANDIDATES: usize = 12;

/// What the members could have been answered. The questions are about the whole partition up to the end.
pub(super) fn legal<M: Model>(
    questions: &mut Questions<'_, '_, M>,
    members: &[Member],
    culprit: OperationId,
) -> Vec<Legal<M::Spec>> {
    let mut asked: Vec<OperationId> =
        members.iter().filter(|member| member.role == Role::Answer).map(|member| member.id).collect();
    // The culprit is the most interesting one, and then the latest.
    asked.sort_unstable_by_key(|id| (*id != culprit, std::cmp::Reverse(*id)));
    let everything = everything(questions);
    let mut found = Vec::new();
    for id in asked.into_iter().take(OPERATIONS) {
        let states = states(questions, &everything, id);
        if !states.is_empty() {
            found.push(Legal { id, states });
        }
    }
    found
}

/// All that could take part in an order.
fn everything<M: Model>(questions: &Questions<'_, '_, M>) -> Vec<OperationId> {
    let mut ids = questions.effects(questions.until);
    let observed = questions.component.ids.iter().copied().filter(|id| questions.answer(*id).is_some());
    ids.extend(observed.filter(|id| questions.observes(*id)));
    ids.sort_unstable();
    ids
}

fn states<M: Model>(questions: &mut Questions<'_, '_, M>, everything: &[OperationId], id: OperationId) -> Vec<M::Spec> {
    let Some((_, returned)) = questions.answer(id) else { return Vec::new() };
    let others = |questions: &Questions<'_, '_, M>| -> Vec<Asked<M>> {
        everything.iter().filter(|other| **other != id).map(|other| questions.told(*other)).collect()
    };
    let mut telling = others(questions);
    if questions.may_change(id) {
        telling.push(Asked { id, answer: None });
    }
    let Found::Order(order) = questions.ask(telling, &[]) else { return Vec::new() };
    let mut legal = Vec::new();
    for state in candidates(questions, &order, id) {
        let answer = state.clone().invoke(&questions.operation(id).op);
        let mut telling = others(questions);
        telling.push(Asked { id, answer: Some((answer, returned)) });
        if let Found::Order(_) = questions.ask(telling, &[]) {
            legal.push(state);
        }
    }
    legal
}

/// States with different answers to the operation, the last ones in the order first.
fn candidates<M: Model>(questions: &Questions<'_, '_, M>, order: &[OperationId], id: OperationId) -> Vec<M::Spec> {
    let op: &Op<M> = &questions.operation(id).op;
    let mut state = questions.component.initial.clone();
    let mut states = vec![state.clone()];
    for placed in order {
        let before = state.clone();
        state.invoke(&questions.operation(*placed).op);
        if state != before {
            states.push(state.clone());
        }
    }
    let mut answers = Vec::new();
    let mut candidates = Vec::new();
    for state in states.into_iter().rev() {
        let answer = state.clone().invoke(op);
        if !answers.contains(&answer) {
            answers.push(answer);
            candidates.push(state);
        }
        if candidates.len() == CANDIDATES {
            break;
        }
    }
    candidates
}
