//! Which operations could matter to some answers, if it is not known whether they took effect.
//!
//! A register forgets: a write of a value that no answer shows can be left out of any order, and the order remains one,
//! because whoever comes before the next write sees the value and none of those who are left does. What it simplifies:
//! a swap that failed shows that the value was another one, whichever; where there is one, everything matters.

use std::collections::BTreeMap;

use crate::check::{Access, Model, Op, Ret};

/// For each of `ops`, of which nothing is known, whether leaving it out might take away the last order that explains
/// the answers.
pub(in crate::check) fn matters<M: Model + ?Sized>(
    model: &M,
    answers: &[(&Op<M>, &Ret<M>)],
    ops: &[&Op<M>],
) -> Vec<bool> {
    by_value(model, answers, ops).unwrap_or_else(|| vec![true; ops.len()])
}

/// An operation that sets a value, if it finds the one that it expects.
struct Setter<V> {
    place: usize,
    expected: Option<V>,
}

/// `None` if it is not as simple as that.
fn by_value<M: Model + ?Sized>(model: &M, answers: &[(&Op<M>, &Ret<M>)], ops: &[&Op<M>]) -> Option<Vec<bool>> {
    let mut looked_for = Vec::new();
    for (op, answer) in answers {
        match model.access(op, Some(answer))? {
            Access::Read(value) | Access::Swap { expected: value, swapped: Some(true), .. } => looked_for.push(value),
            Access::Write(_) => {}
            Access::Append(_) | Access::Swap { swapped: Some(false) | None, .. } => return None,
        }
    }
    let mut setters: BTreeMap<M::Value<'_>, Vec<Setter<M::Value<'_>>>> = BTreeMap::new();
    for (place, op) in ops.iter().enumerate() {
        match model.access(op, None)? {
            Access::Write(value) => setters.entry(value).or_default().push(Setter { place, expected: None }),
            Access::Swap { expected, new, .. } => {
                setters.entry(new).or_default().push(Setter { place, expected: Some(expected) });
            }
            Access::Append(_) | Access::Read(_) => return None,
        }
    }
    let mut matters = vec![false; ops.len()];
    while let Some(value) = looked_for.pop() {
        for Setter { place, expected } in setters.remove(&value).into_iter().flatten() {
            matters[place] = true;
            looked_for.extend(expected);
        }
    }
    Some(matters)
}
