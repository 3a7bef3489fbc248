//! The checker against two others on random small histories: stateright's own tester, and brute force.
//!
//! Brute force (every order of every subset of the operations of unknown outcome) shares no code with the checker; all
//! three share the specification, which is not what is tested here. What it simplifies: histories have at most eight
//! operations; that is where checkers differ (Lowe, 2017, tested his in the same way).

mod checker_support;

use checker_support::brute::is_linearizable;
use checker_support::histories::{Endings, generate, rebuild};
use checker_support::registers::{
    Hinted, KEYS, Op, Plain, Registers, Ret, Tokened, break_an_answer, keys_of, random_op,
};
use checker_support::testers::stateright_says;
use stateright::semantics::SequentialSpec;
use whitewater_sim::check::{Budget, Explanation, Verdict, check};
use whitewater_sim::history::{History, OperationId, Outcome, Stamp};
use whitewater_sim::rng::{Purpose, RunKey};

/// What an explanation claims, checked by brute force.
fn verify(history: &History<Op, Ret>, explanation: &Explanation<usize, Registers>) {
    assert!(explanation.is_shortest());
    if explanation.partition.0.is_empty() {
        // A range that nobody writes to is a partition of its own.
        let culprit = &history.operations()[explanation.culprit.0 as usize];
        assert!(
            matches!(culprit.op, Op::ReadPair(_)) && explanation.order.is_empty() && explanation.in_flight.is_empty()
        );
        return;
    }
    let is_part = |op: &Op| {
        let (key, count) = keys_of(op);
        let mut inside = (key..key + count).filter(|key| explanation.partition.0.contains(key));
        inside.next().is_some()
    };
    let (part, stamps) = rebuild(history, |operation| is_part(&operation.op), |_, ret| ret);
    let end = stamps.iter().position(|stamp| *stamp == explanation.stamp).expect("an event of the partition") as Stamp;
    assert!(
        is_linearizable(&Registers::default(), &part, end),
        "all before the culprit's return can be explained: {history:?}"
    );
    assert!(!is_linearizable(&Registers::default(), &part, end + 1), "its return cannot: {history:?}");
    let mut state = Registers::default();
    for placed in &explanation.order {
        let operation = &history.operations()[placed.id.0 as usize];
        let given = state.invoke(&operation.op);
        assert_eq!(state, placed.state);
        if let Outcome::Returned { ret, stamp, .. } = operation.outcome {
            assert!(stamp >= explanation.stamp || ret == given, "the order gives other answers: {history:?}");
        }
    }
    for (id, operation) in (0..).map(OperationId).zip(history.operations()).filter(|(_, other)| is_part(&other.op)) {
        let is_placed = explanation.order.iter().any(|placed| placed.id == id);
        let has_returned = matches!(operation.outcome, Outcome::Returned { stamp, .. } if stamp < explanation.stamp);
        assert!(is_placed || !has_returned, "the order leaves out what had returned: {history:?}");
        let is_open = operation.invoked < explanation.stamp
            && match operation.outcome {
                Outcome::Returned { stamp, .. } => stamp >= explanation.stamp,
                Outcome::Open | Outcome::Unknown { .. } => true,
                Outcome::Failed { .. } => false,
            };
        let is_listed = explanation.in_flight.contains(&id);
        assert_eq!(is_listed, is_open && !is_placed && id != explanation.culprit, "{history:?}");
    }
}

#[test]
fn agrees_with_stateright_and_with_brute_force_on_random_histories() {
    let mut rng = RunKey::new(2017).stream(Purpose::Workload, 0);
    let (mut violations, mut linearizable) = (0, 0);
    for round in 0..60_000 {
        let keys = 1 + rng.below(KEYS as u64);
        let correct = generate(&mut rng, Registers::default(), 8, Endings::All, |rng| random_op(rng, keys));
        let history = if round % 2 == 0 { correct } else { break_an_answer(&correct, &mut rng) };
        let expected = is_linearizable(&Registers::default(), &history, Stamp::MAX);
        assert!(expected || round % 2 == 1, "a correct object gives linearizable histories: {history:?}");
        assert_eq!(
            stateright_says(&Registers::default(), &history),
            expected,
            "stateright and brute force differ: {history:?}"
        );
        let budget = Budget::default();
        let verdicts =
            [check(&Hinted, &history, &budget), check(&Tokened, &history, &budget), check(&Plain, &history, &budget)];
        for verdict in verdicts.map(|report| report.verdict) {
            match verdict {
                Verdict::Linearizable => assert!(expected, "a violation was missed: {history:?}"),
                Verdict::Violation(explanation) => {
                    assert!(!expected, "a false alarm: {history:?}");
                    verify(&history, &explanation);
                }
                Verdict::Inconclusive { .. } => panic!("eight operations fit in any budget: {history:?}"),
            }
        }
        *(if expected { &mut linearizable } else { &mut violations }) += 1;
    }
    assert!(violations > 12_000 && linearizable > 30_000, "{violations} violations, {linearizable} linearizable");
}
