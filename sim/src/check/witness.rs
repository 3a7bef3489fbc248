//! The witness: a proposed order of a history, checked instead of searched for.
//!
//! Whoever made a history often knows in which order its operations took effect: a replicated log is such an order. If
//! it explains every answer and respects real time, it proves linearizability by the definition itself (Herlihy and Wing,
//! 1990), in one pass. If it does not, that says nothing: another order may. So a witness proves, and never condemns.

use super::split::{Component, split};
use super::{Model, Op, Ret, SequentialSpec};
use crate::history::{History, Operation, OperationId, Outcome, Stamp};

/// Whether `order` proves that `history` is linearizable. Operations that are not in it did not take effect.
#[must_use]
pub fn is_witness<M: Model>(model: &M, history: &History<Op<M>, Ret<M>>, order: &[OperationId]) -> bool {
    let operations = history.operations();
    let mut placed = vec![false; operations.len()];
    let split = split(model, history);
    let mut states: Vec<M::Spec> = split.components.into_iter().map(|component| component.initial).collect();
    // An operation may stand behind another only if it did not return before that one was invoked.
    let mut invoked_latest: Stamp = 0;
    for id in order {
        let Some(operation) = operations.get(id.0 as usize) else { return false };
        if std::mem::replace(&mut placed[id.0 as usize], true) {
            return false;
        }
        if !fits(&mut states[split.homes[id.0 as usize]], operation, invoked_latest) {
            return false;
        }
        invoked_latest = invoked_latest.max(operation.invoked);
    }
    operations.iter().zip(placed).all(|(operation, placed)| placed || !is_returned(&operation.outcome))
}

/// Whether an operation may stand next, behind one that was invoked at `invoked_latest`. If so, it takes effect.
fn fits<S: SequentialSpec>(state: &mut S, operation: &Operation<S::Op, S::Ret>, invoked_latest: Stamp) -> bool {
    match &operation.outcome {
        Outcome::Returned { ret, stamp, .. } => *stamp > invoked_latest && state.is_valid_step(&operation.op, ret),
        Outcome::Open | Outcome::Unknown { .. } => {
            state.invoke(&operation.op);
            true
        }
        Outcome::Failed { .. } => false,
    }
}

fn is_returned<R>(outcome: &Outcome<R>) -> bool {
    matches!(outcome, Outcome::Returned { .. })
}

/// Whether `order`, of operations of one partition, proves that this partition is linearizable.
pub(super) fn proves<M: Model>(
    history: &History<Op<M>, Ret<M>>,
    component: &Component<M>,
    order: &[OperationId],
) -> bool {
    let mut placed = order.to_vec();
    placed.sort_unstable();
    if placed.windows(2).any(|pair| pair[0] == pair[1]) {
        return false;
    }
    let mut left = component.ids.iter().filter(|id| is_returned(&history.operations()[id.0 as usize].outcome)).count();
    let mut state = component.initial.clone();
    let mut invoked_latest: Stamp = 0;
    for id in order {
        let operation = &history.operations()[id.0 as usize];
        if !fits(&mut state, operation, invoked_latest) {
            return false;
        }
        left -= usize::from(is_returned(&operation.outcome));
        invoked_latest = invoked_latest.max(operation.invoked);
    }
    left == 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::Whole;
    use crate::time::Instant;

    /// A register: `Some` writes, `None` reads.
    #[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
    struct Register(u8);

    impl SequentialSpec for Register {
        type Op = Option<u8>;
        type Ret = u8;
        fn invoke(&mut self, op: &Option<u8>) -> u8 {
            self.0 = op.unwrap_or(self.0);
            self.0
        }
    }

    const AT: Instant = Instant(0);

    fn witnessed(history: &History<Option<u8>, u8>, order: &[u32]) -> bool {
        let order: Vec<OperationId> = order.iter().copied().map(OperationId).collect();
        is_witness(&Whole(Register::default()), history, &order)
    }

    /// Two writes that overlap, and a read after both.
    fn two_writes(read: u8) -> History<Option<u8>, u8> {
        let mut history = History::new();
        let (one, two) = (history.invoke(1, Some(1), AT), history.invoke(2, Some(2), AT));
        history.returned(two, 2, AT);
        history.returned(one, 1, AT);
        let last = history.invoke(1, None, AT);
        history.returned(last, read, AT);
        history
    }

    #[test]
    fn an_order_that_explains_every_answer_is_a_proof() {
        assert!(witnessed(&two_writes(2), &[0, 1, 2]));
        assert!(witnessed(&two_writes(1), &[1, 0, 2]));
    }

    #[test]
    fn an_order_that_does_not_is_none() {
        assert!(!witnessed(&two_writes(2), &[1, 0, 2]), "the read is wrong");
        assert!(!witnessed(&two_writes(2), &[0, 1]), "an operation that returned is missing");
        assert!(!witnessed(&two_writes(2), &[0, 1, 2, 2]), "an operation is there twice");
        assert!(!witnessed(&two_writes(2), &[0, 1, 2, 3]), "an operation does not exist");
    }

    #[test]
    fn real_time_counts() {
        let mut history = two_writes(2);
        let late = history.invoke(3, Some(2), AT);
        history.returned(late, 2, AT);
        assert!(!witnessed(&history, &[1, 0, 3, 2]), "the last write began after the read had returned");
        assert!(witnessed(&history, &[0, 1, 2, 3]));
    }

    #[test]
    fn unknown_operations_may_be_used_or_not_and_failed_ones_not() {
        let history = |end: fn(&mut History<Option<u8>, u8>, OperationId), read: u8| {
            let mut history = History::new();
            let write = history.invoke(1, Some(7), AT);
            end(&mut history, write);
            let last = history.invoke(2, None, AT);
            history.returned(last, read, AT);
            history
        };
        let unknown = |history: &mut History<Option<u8>, u8>, id| history.unknown(id, AT);
        let failed = |history: &mut History<Option<u8>, u8>, id| history.failed(id, AT);
        assert!(witnessed(&history(unknown, 7), &[0, 1]));
        assert!(witnessed(&history(unknown, 0), &[1]));
        assert!(witnessed(&history(|_, _| {}, 0), &[1, 0]));
        assert!(!witnessed(&history(failed, 7), &[0, 1]));
        assert!(witnessed(&history(failed, 0), &[1]));
    }
}
