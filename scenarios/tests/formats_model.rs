//! The store's model with all that it tells the checker, against the same specification without a word of it.
//!
//! Hints must never change a verdict. Histories are random and small, with values that are prefixes of each other, so
//! that appends, swaps and writes are easily mistaken for one another. What it simplifies: that the checker itself is
//! right is tested where it lives.

use std::sync::Arc;

use whitewater_kv::spec::{KvSpec, Missing};
use whitewater_kv::{Answer, Operation};
use whitewater_scenarios::formats::KeyValue;
use whitewater_sim::Instant;
use whitewater_sim::check::{Model, SequentialSpec, is_linearizable};
use whitewater_sim::history::{History, OperationId};
use whitewater_sim::rng::{Purpose, RunKey, Stream};

/// The same partitions and states, and no hints.
struct Silent(Missing);

impl Model for Silent {
    type Spec = KvSpec;
    type Partition = Arc<str>;

    fn initial(&self) -> KvSpec {
        KvSpec::new(self.0)
    }

    fn partition(&self, op: &Operation) -> Arc<str> {
        Arc::clone(op.key())
    }
}

fn random_value(rng: &mut Stream) -> Arc<str> {
    ["a", "b", "ab", "ba", "aa", "c", "", "abc"][rng.below(8) as usize].into()
}

fn random_operation(rng: &mut Stream) -> Operation {
    let key: Arc<str> = "k".into();
    let value = random_value(rng);
    match rng.below(10) {
        0..4 => Operation::Get { key },
        4..6 => Operation::Put { key, value },
        6..8 => Operation::Append { key, value },
        8 => Operation::Delete { key },
        _ => {
            let expected = (rng.below(3) > 0).then(|| random_value(rng));
            Operation::CompareAndSwap { key, expected, new: value }
        }
    }
}

/// Operations in flight with their answers, taking effect at random; some answers are made up.
fn generate(rng: &mut Stream, missing: Missing) -> History<Operation, Answer> {
    let mut history = History::new();
    let mut spec = KvSpec::new(missing);
    let mut in_flight: Vec<(OperationId, Operation, Option<Answer>)> = Vec::new();
    let is_honest = rng.below(3) > 0;
    let mut left = 3 + rng.below(9);
    while left > 0 || !in_flight.is_empty() {
        if left > 0 && in_flight.len() < 4 && rng.below(3) > 0 {
            let op = random_operation(rng);
            in_flight.push((history.invoke(left, op.clone(), Instant::START), op, None));
            left -= 1;
        }
        if in_flight.is_empty() {
            continue;
        }
        let place = rng.below(in_flight.len() as u64) as usize;
        let (id, op, answer) = in_flight.remove(place);
        match (answer, rng.below(5)) {
            (_, 0) if rng.below(2) == 0 => history.unknown(id, Instant::START),
            (None, 0) => history.failed(id, Instant::START),
            (None, _) => {
                let answer = spec.invoke(&op);
                in_flight.push((id, op, Some(answer)));
            }
            (Some(Answer::Value(_)), 1) if !is_honest => {
                let read = (rng.below(4) > 0).then(|| random_value(rng));
                history.returned(id, Answer::Value(read), Instant::START);
            }
            (Some(Answer::Swapped(swapped)), 1) if !is_honest => {
                history.returned(id, Answer::Swapped(!swapped), Instant::START);
            }
            (Some(answer), _) => history.returned(id, answer, Instant::START),
        }
    }
    history
}

#[test]
fn what_the_model_tells_the_checker_changes_no_verdict() {
    let mut rng = RunKey::new(1993).stream(Purpose::Workload, 0);
    let (mut linearizable, mut violations) = (0, 0);
    for round in 0..20_000 {
        let missing = if round % 2 == 0 { Missing::Nil } else { Missing::Empty };
        let history = generate(&mut rng, missing);
        let told = is_linearizable(&KeyValue { missing }, &history).expect("small histories fit in the budget");
        let untold = is_linearizable(&Silent(missing), &history).expect("small histories fit in the budget");
        assert_eq!(told, untold, "{missing:?} {history:#?}");
        *(if told { &mut linearizable } else { &mut violations }) += 1;
    }
    assert!(linearizable > 4_000 && violations > 2_000, "{linearizable} linearizable, {violations} violations");
}
