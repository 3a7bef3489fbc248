//! The store's model with all that it tells the checker, against the same specification without a word of it.
//!
//! Hints must never change a verdict. Histories are random and small, with values that are prefixes of each other, so
//! that appends, swaps and writes are easily mistaken for one another; on one key, and on several that some operations
//! tie together. Without hints there are no partitions either: one search over the whole store. Brute force says the same,
//! and so does the online check, everything together and key by key. What it simplifies: that the checker itself is right
//! is tested where it lives.

#[path = "../../sim/tests/checker_support/brute.rs"]
mod brute;
#[path = "../../sim/tests/checker_support/histories.rs"]
#[allow(dead_code, reason = "shared with the tests of the checker itself")]
mod histories;

use std::sync::Arc;

use whitewater_kv::command::{Compare, Condition, KeyValue as Entry, Revision};
use whitewater_kv::spec::{KvSpec, Missing};
use whitewater_kv::store_spec::{Revisions, StoreSpec};
use whitewater_kv::{Answer, Operation};
use whitewater_scenarios::formats::KeyValue;
use whitewater_sim::Instant;
use whitewater_sim::check::online::{Limits, Online};
use whitewater_sim::check::{
    Budget, Kept, Model, Outlook, Sequential, SequentialSpec, Whole, check_sequential, check_sessions, is_linearizable,
};
use whitewater_sim::history::{History, OperationId, Outcome, Stamp};
use whitewater_sim::rng::{Purpose, RunKey, Stream};

/// The whole store, and no hints.
fn silent(missing: Missing, revisions: Revisions) -> Whole<StoreSpec> {
    Whole(StoreSpec::new(missing, revisions))
}

fn random_value(rng: &mut Stream) -> Arc<str> {
    ["a", "b", "ab", "ba", "aa", "c", "", "abc"][rng.below(8) as usize].into()
}

/// What a workload touches.
#[derive(Clone, Copy, Debug)]
enum Kind {
    /// One key.
    OneKey,
    /// Several keys, some of them together.
    SeveralKeys,
    /// Revisions as well.
    Revisions,
}

fn random_key(rng: &mut Stream, kind: Kind) -> Arc<str> {
    let keys = match kind {
        Kind::OneKey => 1,
        Kind::SeveralKeys | Kind::Revisions => 4,
    };
    ["k", "ka", "l", "m"][rng.below(keys) as usize].into()
}

fn random_step(rng: &mut Stream, kind: Kind) -> Operation {
    let key = random_key(rng, kind);
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

fn random_range(rng: &mut Stream) -> Operation {
    let from = ["", "k", "ka", "l"][rng.below(4) as usize].into();
    let to = (rng.below(2) == 0).then(|| ["k", "l", "m"][rng.below(3) as usize].into());
    Operation::Range { from, to, limit: 1 + rng.below(3) as u32 }
}

fn random_compare(rng: &mut Stream, kind: Kind) -> Compare {
    let condition = match (rng.below(4), kind) {
        (0, Kind::Revisions) => Condition::Revision(rng.below(4)),
        (1, _) => Condition::Present,
        (2, _) => Condition::Missing,
        (_, _) => Condition::Value(random_value(rng)),
    };
    Compare { key: random_key(rng, kind), condition }
}

fn random_operation(rng: &mut Stream, kind: Kind) -> Operation {
    let is_single = match kind {
        Kind::OneKey => true,
        Kind::SeveralKeys | Kind::Revisions => rng.below(2) == 0,
    };
    if is_single {
        return random_step(rng, kind);
    }
    let inside = |rng: &mut Stream| if rng.below(5) == 0 { random_range(rng) } else { random_step(rng, kind) };
    match (rng.below(4), kind) {
        (0, _) => random_range(rng),
        (1, Kind::Revisions) => Operation::GetRevision { key: random_key(rng, kind) },
        (1 | 2, _) => Operation::Batch((0..rng.below(3)).map(|_| inside(rng)).collect()),
        (_, _) => Operation::Transaction {
            compare: (0..rng.below(3)).map(|_| random_compare(rng, kind)).collect(),
            then: (0..rng.below(3)).map(|_| inside(rng)).collect(),
            otherwise: (0..rng.below(3)).map(|_| inside(rng)).collect(),
        },
    }
}

/// An answer of the same kind, made up.
fn made_up(rng: &mut Stream, answer: &Answer) -> Answer {
    let one_of = |rng: &mut Stream, answers: &Arc<[Answer]>| -> Arc<[Answer]> {
        let chosen = rng.below(answers.len().max(1) as u64) as usize;
        let changed = |(place, answer)| if place == chosen { made_up(rng, answer) } else { answer.clone() };
        answers.iter().enumerate().map(changed).collect()
    };
    match answer {
        Answer::Value(_) => Answer::Value((rng.below(4) > 0).then(|| random_value(rng))),
        Answer::Done => Answer::Done,
        Answer::Swapped(swapped) => Answer::Swapped(!swapped),
        Answer::Revision(revision) => {
            let modified = revision.map_or(1, |revision| revision.modified) + rng.below(2);
            Answer::Revision((rng.below(3) > 0).then_some(Revision { modified, ..revision.unwrap_or_default() }))
        }
        Answer::Entries(entries) => {
            let mut entries = entries.to_vec();
            match (entries.len(), rng.below(2)) {
                (0, _) => entries.push(Entry { key: "k".into(), value: random_value(rng) }),
                (count, 0) => drop(entries.remove(rng.below(count as u64) as usize)),
                (count, _) => entries[rng.below(count as u64) as usize].value = random_value(rng),
            }
            Answer::Entries(entries.into())
        }
        Answer::Transaction { succeeded, answers } if rng.below(3) > 0 => {
            Answer::Transaction { succeeded: *succeeded, answers: one_of(rng, answers) }
        }
        Answer::Transaction { succeeded, answers } => {
            Answer::Transaction { succeeded: !succeeded, answers: answers.clone() }
        }
        Answer::Batch(answers) => Answer::Batch(one_of(rng, answers)),
    }
}

/// Operations in flight with their answers, taking effect at random; some answers are made up.
fn generate(rng: &mut Stream, spec: StoreSpec, kind: Kind) -> History<Operation, Answer> {
    let operations = 3 + rng.below(9);
    generate_some(rng, spec, kind, operations)
}

fn generate_some(rng: &mut Stream, mut spec: StoreSpec, kind: Kind, operations: u64) -> History<Operation, Answer> {
    let mut history = History::new();
    let mut in_flight: Vec<(OperationId, Operation, Option<Answer>)> = Vec::new();
    let is_honest = rng.below(3) > 0;
    let mut left = operations;
    while left > 0 || !in_flight.is_empty() {
        if left > 0 && in_flight.len() < 4 && rng.below(3) > 0 {
            let op = random_operation(rng, kind);
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
            (Some(answer), 1) if !is_honest => history.returned(id, made_up(rng, &answer), Instant::START),
            (Some(answer), _) => history.returned(id, answer, Instant::START),
        }
    }
    history
}

#[test]
fn what_the_model_tells_the_checker_changes_no_verdict() {
    let mut rng = RunKey::new(1993).stream(Purpose::Workload, 0);
    for kind in [Kind::OneKey, Kind::SeveralKeys, Kind::Revisions] {
        let (mut linearizable, mut violations) = (0, 0);
        for round in 0..20_000 {
            let missing = if round % 2 == 0 { Missing::Nil } else { Missing::Empty };
            let revisions = match kind {
                Kind::OneKey | Kind::SeveralKeys => Revisions::Unseen,
                Kind::Revisions => Revisions::Shown,
            };
            let model = silent(missing, revisions);
            let history = generate(&mut rng, model.0.clone(), kind);
            let told = is_linearizable(&KeyValue { missing }, &history).expect("small histories fit in the budget");
            let untold = is_linearizable(&model, &history).expect("small histories fit in the budget");
            assert_eq!(told, untold, "{kind:?} {missing:?} {history:#?}");
            *(if told { &mut linearizable } else { &mut violations }) += 1;
        }
        assert!(linearizable > 4_000 && violations > 2_000, "{kind:?}: {linearizable} and {violations} violations");
    }
}

/// Whether an online check finds a conflict.
fn hears_conflict<M>(mut online: Online<M>, history: &History<Operation, Answer>) -> bool
where
    M: Model<Spec: SequentialSpec<Op = Operation, Ret = Answer>>,
{
    let mut tickets = Vec::new();
    histories::events(history).into_iter().any(|(_, place, kind)| {
        let operation = &history.operations()[place];
        let conflict = match (kind, &operation.outcome) {
            (histories::Kind::Invoke, _) => {
                tickets.push(online.invoke(operation.op.clone()));
                None
            }
            (_, Outcome::Returned { ret, .. }) => online.returned(tickets[place], ret.clone()),
            (_, Outcome::Failed { .. }) => online.failed(tickets[place]),
            (_, Outcome::Unknown { .. } | Outcome::Open) => {
                online.unknown(tickets[place]);
                None
            }
        };
        conflict.is_some()
    })
}

/// The same history with one answer made up, if there is one.
fn with_one_made_up(history: &History<Operation, Answer>, rng: &mut Stream) -> History<Operation, Answer> {
    let all = history.operations().iter().enumerate();
    let answered: Vec<(usize, Answer)> = all
        .filter_map(|(place, one)| match &one.outcome {
            Outcome::Returned { ret, .. } => Some((place, ret.clone())),
            Outcome::Open | Outcome::Failed { .. } | Outcome::Unknown { .. } => None,
        })
        .filter(|(_, answer)| *answer != Answer::Done)
        .collect();
    if answered.is_empty() {
        return history.clone();
    }
    let (chosen, answer) = &answered[rng.below(answered.len() as u64) as usize];
    let other = made_up(rng, answer);
    histories::rebuild(history, |_| true, |place, ret| if place == *chosen { other.clone() } else { ret }).0
}

/// Every judge of the store, on small histories; half of them have an answer made up.
#[test]
fn brute_force_and_the_online_check_say_the_same() {
    let rounds = 100_000;
    let mut rng = RunKey::new(1987).stream(Purpose::Workload, 0);
    for kind in [Kind::OneKey, Kind::SeveralKeys, Kind::Revisions] {
        let (mut linearizable, mut violations) = (0, 0);
        for round in 0..rounds {
            let missing = if round % 2 == 0 { Missing::Nil } else { Missing::Empty };
            let revisions = match kind {
                Kind::OneKey | Kind::SeveralKeys => Revisions::Unseen,
                Kind::Revisions => Revisions::Shown,
            };
            let (whole, model) = (silent(missing, revisions), KeyValue { missing });
            let operations = 2 + rng.below(5);
            let correct = generate_some(&mut rng, whole.0.clone(), kind, operations);
            let history = if round % 4 < 2 { correct } else { with_one_made_up(&correct, &mut rng) };
            let expected = brute::is_linearizable(&whole.0, &history, Stamp::MAX);
            assert_eq!(is_linearizable(&model, &history), Some(expected), "{kind:?} {missing:?} {history:#?}");
            let is_sequential = brute::is_sequential(&whole.0, &history);
            match check_sequential(&model, &history, &Budget::default()).verdict {
                Sequential::Consistent => assert!(is_sequential, "{kind:?} {history:#?}"),
                Sequential::Violation { .. } => assert!(!is_sequential, "{kind:?} {history:#?}"),
                Sequential::Inconclusive(_) => panic!("small histories fit in the budget"),
            }
            let is_kept =
                check_sessions(&model, &history).verdicts.iter().all(|(_, kept)| !matches!(kept, Kept::Broken(_)));
            assert!(is_kept || !expected, "sessions condemn what is linearizable: {history:#?}");
            // What failed may have been seen before it failed; only then is there a conflict in what is linearizable.
            let fails = history.operations().iter().any(|one| matches!(one.outcome, Outcome::Failed { .. }));
            let start = KvSpec::Store(whole.0.clone());
            let together = hears_conflict(Online::together(model, start, Limits::default()), &history);
            assert!(together != expected || (together && fails), "{kind:?} {missing:?} {history:#?}");
            let apart = hears_conflict(Online::by_part(model, Limits::default()), &history);
            assert!(!apart || together, "a false alarm: {kind:?} {missing:?} {history:#?}");
            assert!(apart == together || !matches!(kind, Kind::OneKey), "missed: {missing:?} {history:#?}");
            *(if expected { &mut linearizable } else { &mut violations }) += 1;
        }
        assert!(violations > rounds / 12, "{kind:?}: {linearizable} and {violations} violations");
    }
}

/// Whether some of the operations, in some order, lead to a state in which the last one gives this answer.
fn can_give(state: &StoreSpec, between: &[Operation], last: &Operation, answer: &Answer) -> bool {
    state.clone().invoke(last) == *answer
        || between.iter().enumerate().any(|(place, first)| {
            let (mut next, mut rest) = (state.clone(), between.to_vec());
            rest.remove(place);
            next.invoke(first);
            can_give(&next, &rest, last, answer)
        })
}

#[test]
fn what_is_called_hopeless_cannot_be_reached_in_any_order() {
    let mut rng = RunKey::new(2024).stream(Purpose::Workload, 0);
    let (mut hopeless, mut reached) = (0, 0);
    for round in 0..60_000 {
        let missing = if round % 2 == 0 { Missing::Nil } else { Missing::Empty };
        let (kind, revisions) = match round / 2 % 2 {
            0 => (Kind::SeveralKeys, Revisions::Unseen),
            _ => (Kind::Revisions, Revisions::Shown),
        };
        let some = |rng: &mut Stream, most: u64| -> Vec<Operation> {
            (0..rng.below(most + 1)).map(|_| random_operation(rng, kind)).collect()
        };
        let mut state = StoreSpec::new(missing, revisions);
        some(&mut rng, 4).iter().for_each(|op| drop(state.invoke(op)));
        let (between, last) = (some(&mut rng, 3), random_operation(&mut rng, kind));
        let mut then = state.clone();
        between.iter().filter(|_| rng.below(3) > 0).for_each(|op| drop(then.invoke(op)));
        let answer = then.invoke(&last);
        let answer = if rng.below(2) == 0 { made_up(&mut rng, &answer) } else { answer };
        let calls: Vec<_> = between.iter().chain([&last]).map(|op| (op, None)).collect();
        let model = KeyValue { missing };
        match model.outlook(&KvSpec::Store(state.clone()), (&last, Some(&answer)), &calls) {
            Outlook::Hopeless => {
                assert!(!can_give(&state, &between, &last, &answer), "{state:?} {between:?} {last:?} {answer:?}");
                hopeless += 1;
            }
            Outlook::Open | Outlook::Forget(_) => reached += 1,
        }
    }
    assert!(hopeless > 3_000 && reached > 30_000, "{hopeless} hopeless, {reached} not");
}
