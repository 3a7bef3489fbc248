//! Monitoring against the search and against brute force, on random small histories, as Lowe (2017) tests his checkers.
//!
//! Half of the histories have an answer changed. What it simplifies: one register, and at most ten operations; the
//! zones of longer histories are those of these, only more of them.

use super::*;
use crate::check::SequentialSpec;
use crate::check::plan::Plan;
use crate::check::sample::{Action, Content, Flaw, Mix, Numbers, Register, Registers, Reply, Request, Shape};
use crate::check::{Budget, Tier, Verdict, check, split};
use crate::time::Instant;

fn monitored(history: &History<Request, Reply>) -> Monitored {
    let components = split::split(&Registers, history).components;
    let mut monitor = Monitor::new(&Registers, history);
    let mut verdicts = components.iter().map(|component| monitor.decide(component));
    verdicts.find(|verdict| *verdict != Monitored::Linearizable).unwrap_or(Monitored::Linearizable)
}

fn searched(history: &History<Request, Reply>) -> bool {
    let finding = Plan::searching(&Registers, history, &Budget::default()).run(&Registers, history, None);
    finding.is_linearizable().expect("small histories are decided")
}

/// An operation with its answer, if it has one, and the stamps between which it takes effect.
type Required<'h> = (&'h Request, Option<&'h Reply>, Stamp, Stamp);

/// Every order of every subset of the operations without an answer.
fn brute_force(history: &History<Request, Reply>) -> bool {
    let (mut required, mut optional) = (Vec::new(), Vec::new());
    for operation in history.operations() {
        match &operation.outcome {
            Outcome::Failed { .. } => {}
            Outcome::Returned { ret, stamp, .. } => {
                required.push((&operation.op, Some(ret), operation.invoked, *stamp));
            }
            Outcome::Open | Outcome::Unknown { .. } => {
                optional.push((&operation.op, None, operation.invoked, Stamp::MAX));
            }
        }
    }
    (0..1_u32 << optional.len()).any(|subset| {
        let chosen = optional.iter().enumerate().filter(|(place, _)| subset >> place & 1 == 1).map(|(_, op)| *op);
        has_order(&Register::default(), &required.iter().copied().chain(chosen).collect::<Vec<_>>())
    })
}

fn has_order(state: &Register, left: &[Required<'_>]) -> bool {
    left.is_empty()
        || left.iter().enumerate().any(|(place, (request, reply, invoked, _))| {
            let mut rest = left.to_vec();
            rest.remove(place);
            let mut next = state.clone();
            let given = next.invoke(request);
            rest.iter().all(|(.., returned)| returned > invoked)
                && reply.is_none_or(|reply| *reply == given)
                && has_order(&next, &rest)
        })
}

/// What came of many histories of one kind.
#[derive(Debug, Default)]
struct Tally {
    linearizable: u32,
    violations: u32,
    silent_of_linearizable: u32,
    silent_of_violations: u32,
}

impl Tally {
    fn of(name: &str, seeds: std::ops::Range<u64>, shape: impl Fn(u64) -> Shape) -> Tally {
        let mut tally = Tally::default();
        for seed in seeds {
            let sample = shape(seed).sample(seed);
            let flawed = if seed % 2 == 0 { None } else { sample.with_flaw(Flaw::Answer, seed) };
            let history = flawed.map_or(sample.history, |flawed| flawed.history);
            let truth = searched(&history);
            if seed % 4 == 1 && history.operations().len() <= 7 {
                assert_eq!(brute_force(&history), truth, "{name}, seed {seed}");
            }
            match (monitored(&history), truth) {
                (Monitored::Linearizable, true) => tally.linearizable += 1,
                (Monitored::Violation(_), false) => tally.violations += 1,
                (Monitored::Silent, true) => tally.silent_of_linearizable += 1,
                (Monitored::Silent, false) => tally.silent_of_violations += 1,
                (monitored @ (Monitored::Linearizable | Monitored::Violation(_)), _) => {
                    panic!("{name}, seed {seed}: {monitored:?} of {history:?}, but linearizable: {truth}");
                }
            }
        }
        tally
    }

    fn silent(&self) -> u32 {
        self.silent_of_linearizable + self.silent_of_violations
    }
}

/// Small histories, many of whose operations have an unknown outcome.
fn small(mix: Mix, numbers: Numbers, seed: u64) -> Shape {
    let operations = 2 + (seed / 2 % 9) as usize;
    Shape { mix, numbers, unknown: 150_000, failed: 50_000, ..Shape::registers(operations, 2 + seed % 3, 1) }
}

const DISTINCT: Numbers = Numbers::Distinct;
const PUTS_AND_APPENDS: Mix = Mix { reads: 4, writes: 2, appends: 3, swaps: 0, deletes: 0 };

#[test]
fn registers_of_distinct_values_are_always_decided() {
    let tally = Tally::of("registers", 0..30_000, |seed| small(Mix::REGISTER, DISTINCT, seed));
    assert_eq!(tally.silent(), 0);
    assert!(tally.linearizable > 15_000 && tally.violations > 5_000, "{tally:?}");
}

#[test]
fn lists_of_distinct_elements_are_always_decided() {
    let tally = Tally::of("lists", 0..20_000, |seed| small(Mix::LISTS, DISTINCT, seed));
    assert_eq!(tally.silent(), 0);
    assert!(tally.linearizable > 10_000 && tally.violations > 3_000, "{tally:?}");
    let tally = Tally::of("puts and appends", 0..20_000, |seed| small(PUTS_AND_APPENDS, DISTINCT, seed));
    assert_eq!(tally.silent(), 0);
    assert!(tally.linearizable > 10_000 && tally.violations > 3_000, "{tally:?}");
}

#[test]
fn swaps_of_distinct_values_are_mostly_decided() {
    let tally = Tally::of("swaps", 0..30_000, |seed| small(Mix::SWAPS, DISTINCT, seed));
    assert!(tally.linearizable > 15_000 && tally.violations > 5_000, "{tally:?}");
    assert!(tally.silent_of_linearizable < 500 && tally.silent_of_violations < 1_500, "{tally:?}");
}

#[test]
fn whatever_is_said_of_other_histories_is_right() {
    let deletes = Mix { reads: 4, writes: 3, appends: 0, swaps: 0, deletes: 2 };
    let tally = Tally::of("deletes", 0..20_000, |seed| small(deletes, DISTINCT, seed));
    assert!(tally.silent_of_linearizable == 0 && tally.silent_of_violations < 1_000, "{tally:?}");
    let tally = Tally::of("repeated", 0..20_000, |seed| small(Mix::SWAPS, Numbers::UpTo(1 + seed % 6), seed));
    assert!(tally.linearizable > 10_000 && tally.silent() < 1_500, "{tally:?}");
    let all = Mix { reads: 4, writes: 2, appends: 2, swaps: 2, deletes: 1 };
    let tally = Tally::of("all", 0..20_000, |seed| small(all, DISTINCT, seed));
    assert!(tally.linearizable > 6_000 && tally.violations > 1_500, "{tally:?}");
    let tally = Tally::of("repeated elements", 0..10_000, |seed| small(PUTS_AND_APPENDS, Numbers::UpTo(6), seed));
    assert!(tally.linearizable > 3_000 && tally.violations > 500, "{tally:?}");
}

/// A history of operations on one register, each invoked and returned at these moments; without an answer it stays
/// open.
fn told(operations: &[(Action, Option<Reply>, u64, u64)]) -> History<Request, Reply> {
    let mut history = History::new();
    let mut ids = vec![OperationId(0); operations.len()];
    for moment in 0..32 {
        for (client, (action, reply, invoked, returned)) in operations.iter().enumerate() {
            if *invoked == moment {
                ids[client] = history.invoke(client as u64, Request { key: 0, action: *action }, Instant::START);
            }
            if let (Some(reply), true) = (reply, *returned == moment) {
                history.returned(ids[client], reply.clone(), Instant::START);
            }
        }
    }
    history
}

/// The verdict names the reason, and the check as a whole comes to the same and explains it.
fn clashes(operations: &[(Action, Option<Reply>, u64, u64)], reason: Reason, named: &[u32]) {
    let history = told(operations);
    let expected = Clash::of(reason, named);
    assert_eq!(monitored(&history), Monitored::Violation(expected));
    let report = check(&Registers, &history, &Budget::default());
    assert_eq!(report.tier, Tier::Monitoring);
    let Verdict::Violation(explanation) = report.verdict else { panic!("{reason:?}: {:?}", report.verdict) };
    assert!(explanation.is_shortest(), "{reason:?}");
    assert!(!searched(&history), "{reason:?}");
}

#[test]
fn a_clash_names_its_operations() {
    use Action::{Append, Read, Swap, Write};
    let done = Some(Reply::Done);
    let holds = |numbers: &[u64]| Some(Reply::Holds(Content::new(numbers)));
    let swapped = |swapped| Some(Reply::Swapped(swapped));
    let swap = |expected, new| Swap { expected, new };
    clashes(&[(Write(1), done.clone(), 0, 1), (Read, holds(&[9]), 2, 3)], Reason::Unwritten, &[1]);
    clashes(&[(Read, holds(&[1]), 0, 1), (Write(1), done.clone(), 2, 3)], Reason::Backwards, &[1, 0]);
    clashes(&[(Append(1), done.clone(), 0, 1), (Read, holds(&[]), 2, 3)], Reason::Zones, &[0, 0, 1]);
    clashes(
        &[(Write(1), done.clone(), 0, 1), (Write(2), done.clone(), 2, 3), (Read, holds(&[1]), 4, 5)],
        Reason::Zones,
        &[0, 1, 1, 2],
    );
    clashes(&[(swap(None, 1), swapped(true), 0, 1), (swap(None, 2), swapped(true), 2, 3)], Reason::Fork, &[0, 1]);
    clashes(
        &[(swap(Some(1), 2), swapped(true), 0, 2), (swap(Some(2), 1), swapped(true), 1, 3)],
        Reason::Circle,
        &[0, 1],
    );
    clashes(
        &[(Write(1), done.clone(), 0, 1), (swap(Some(1), 2), swapped(false), 2, 3), (Read, holds(&[1]), 4, 5)],
        Reason::Refused,
        &[1, 0, 2],
    );
    let appends = [(Append(1), done.clone(), 0, 9), (Append(2), done, 1, 9)];
    let reads = [(Read, holds(&[1, 2]), 2, 3), (Read, holds(&[2, 1]), 4, 5)];
    clashes(&[appends.to_vec(), reads.to_vec()].concat(), Reason::Fork, &[0, 1]);
}

#[test]
fn what_has_no_access_is_left_to_the_search() {
    let done = Some(Reply::Done);
    let history = told(&[(Action::Read, done.clone(), 0, 1), (Action::Write(1), done, 2, 3)]);
    assert_eq!(monitored(&history), Monitored::Silent);
    let report = check(&Registers, &history, &Budget::default());
    assert!(matches!(report.verdict, Verdict::Violation(_)) && report.tier == Tier::Search);
}

/// A long history with one wrong answer is as bad as the few operations that clash.
#[test]
fn flaws_of_long_histories_are_found() {
    for (number, flaw) in [Flaw::StaleRead, Flaw::LostWrite, Flaw::Disagreement].into_iter().enumerate() {
        for mix in [Mix { reads: 3, ..Mix::REGISTER }, Mix { deletes: 1, reads: 3, ..Mix::SWAPS }, Mix::LISTS] {
            let sample = Shape { mix, unknown: 10_000, ..Shape::registers(3_000, 5, 8) }.sample(number as u64);
            let lists = mix.appends > 0;
            assert!(!matches!(monitored(&sample.history), Monitored::Violation(_)), "{flaw:?} of {mix:?}");
            let Some(flawed) = sample.with_flaw(flaw, 7) else {
                assert!(lists, "{flaw:?} of {mix:?}");
                continue;
            };
            assert!(matches!(monitored(&flawed.history), Monitored::Violation(_)), "{flaw:?} of {mix:?}");
        }
    }
}

/// Where values repeat because they are deleted, or swaps failed, an order must be guessed.
#[test]
fn orders_of_long_histories_are_mostly_guessed() {
    let deletes = Mix { deletes: 1, reads: 3, ..Mix::REGISTER };
    for (mix, least) in [(deletes, 60), (Mix::SWAPS, 50), (Mix { deletes: 1, ..Mix::SWAPS }, 15)] {
        let is_decided = |seed: &u64| {
            let shape = Shape { mix, unknown: 10_000 * (seed % 2) as u32, ..Shape::registers(400, 5, 1) };
            monitored(&shape.sample(*seed).history) == Monitored::Linearizable
        };
        let decided = (0..60).filter(is_decided).count();
        assert!(decided >= least, "{mix:?}: {decided} of 60 are decided");
    }
}
