//! Monitoring against the search and against brute force, on random small histories (Lowe, 2017, tests his checkers so).
//!
//! Half of the histories have an answer changed. What it simplifies: one register, and at most ten operations; the zones
//! of longer histories are those of these, only more of them.

use super::*;
use crate::check::SequentialSpec;
use crate::check::plan::Plan;
use crate::check::sample::{Flaw, Mix, Numbers, Register, Registers, Reply, Request, Shape};
use crate::check::{Budget, Tier, check, split};

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
        println!("{name}: {tally:?}");
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
    assert!(tally.violations > 3_000, "{tally:?}");
}

#[test]
fn whatever_is_said_of_other_histories_is_right() {
    let all = Mix { reads: 4, writes: 2, appends: 2, swaps: 2, deletes: 1 };
    Tally::of("all", 0..20_000, |seed| small(all, DISTINCT, seed));
    let deletes = Mix { reads: 4, writes: 3, appends: 0, swaps: 0, deletes: 2 };
    Tally::of("deletes", 0..20_000, |seed| small(deletes, DISTINCT, seed));
    Tally::of("repeated", 0..20_000, |seed| small(Mix::SWAPS, Numbers::UpTo(1 + seed % 6), seed));
    Tally::of("repeated elements", 0..10_000, |seed| small(PUTS_AND_APPENDS, Numbers::UpTo(6), seed));
}
