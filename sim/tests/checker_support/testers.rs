//! Stateright's testers of linearizability and of sequential consistency as judges.
//!
//! They search in another way, and know of operations in flight but not of clients that give up. What it simplifies: a
//! client gets a new thread after it gave up, which is the same for linearizability only.

use stateright::semantics::{ConsistencyTester, LinearizabilityTester, SequentialConsistencyTester, SequentialSpec};
use whitewater_sim::history::{History, Outcome};

use super::histories::{Kind, events};

/// What stateright's tester says. It wants threads that have one operation at a time, so a client gets a new thread after
/// it gave up.
pub(crate) fn stateright_says<S>(initial: &S, history: &History<S::Op, S::Ret>) -> bool
where
    S: SequentialSpec<Op: Clone + std::fmt::Debug, Ret: Clone + std::fmt::Debug> + Clone,
{
    let mut tester = LinearizabilityTester::new(initial.clone());
    feed(&mut tester, history);
    tester.is_consistent()
}

/// What stateright's tester of sequential consistency says; for histories without operations of unknown outcome, after
/// which a client goes on where stateright has no place for it.
pub(crate) fn stateright_says_of_clients<S>(initial: &S, history: &History<S::Op, S::Ret>) -> bool
where
    S: SequentialSpec<Op: Clone + std::fmt::Debug, Ret: Clone + std::fmt::Debug> + Clone,
{
    let mut tester = SequentialConsistencyTester::new(initial.clone());
    feed(&mut tester, history);
    tester.is_consistent()
}

fn feed<S, T>(tester: &mut T, history: &History<S::Op, S::Ret>)
where
    S: SequentialSpec<Op: Clone + std::fmt::Debug, Ret: Clone + std::fmt::Debug> + Clone,
    T: ConsistencyTester<u64, S>,
{
    let mut given_up = [0_u64; 16];
    for (_, place, kind) in events(history) {
        let operation = &history.operations()[place];
        let client = operation.client;
        let thread = client * 100 + given_up[client as usize];
        match (kind, &operation.outcome) {
            (Kind::Invoke, Outcome::Failed { .. }) | (Kind::Fail, _) => {}
            (Kind::Invoke, _) => {
                tester.on_invoke(thread, operation.op.clone()).expect("one operation at a time");
            }
            (Kind::Return, Outcome::Returned { ret, .. }) => {
                tester.on_return(thread, ret.clone()).expect("an operation in flight");
            }
            (Kind::GiveUp | Kind::Return, _) => given_up[client as usize] += 1,
        }
    }
}
