//! Sweeps against the search, on sampled histories and such with answers changed.

use super::{lists, registers, sweep};
use crate::check::plan::Plan;
use crate::check::sample::{Action, Content, Flaw, Mix, Numbers, Register, Registers, Reply, Request, Shape};
use crate::check::{Budget, Whole};
use crate::history::History;
use crate::rng::PPM;
use crate::time::Instant;

type Sampled = History<Request, Reply>;

const EMPTY: &[u64] = &[];

fn by_registers(history: &Sampled) -> Option<bool> {
    registers(&Registers, &EMPTY, history, u64::MAX)
}

fn by_lists(history: &Sampled) -> Option<bool> {
    lists(&Registers, &EMPTY, history, u64::MAX)
}

/// Histories like those of Jepsen: some five clients, few values, some of unknown outcome.
fn of_registers(seed: u64) -> Shape {
    Shape {
        operations: 10 + seed as usize % 90,
        in_flight: 2 + seed % 6,
        numbers: Numbers::UpTo(1 + seed % 5),
        mix: [Mix::REGISTER, Mix::SWAPS][seed as usize % 2],
        unknown: [0, PPM / 20, PPM / 5][(seed / 2) as usize % 3],
        failed: PPM / 20,
        ..Shape::registers(0, 2 + seed % 6, 1 + seed / 7 % 3)
    }
}

/// The same with appends, which read long values.
fn of_lists(seed: u64) -> Shape {
    Shape {
        mix: [
            Mix::LISTS,
            Mix { reads: 4, writes: 1, appends: 4, swaps: 0, deletes: 0 },
            Mix { reads: 3, writes: 2, appends: 2, swaps: 0, deletes: 1 },
            Mix::REGISTER,
        ][seed as usize % 4],
        numbers: [Numbers::Distinct, Numbers::UpTo(1 + seed % 4)][(seed / 4) as usize % 2],
        unknown: [0, PPM / 20, PPM / 5][(seed / 8) as usize % 3],
        ..of_registers(seed)
    }
}

/// Compares a sweep with the search, and counts how often it said nothing, a violation, an order.
fn compare(shape: fn(u64) -> Shape, seeds: u64, sweep: fn(&Sampled) -> Option<bool>) -> [u32; 3] {
    let mut said = [0; 3];
    for seed in 0..seeds {
        let sample = shape(seed).sample(seed);
        let flawed = sample.with_flaw(Flaw::Answer, seed).map(|flawed| flawed.history);
        for history in flawed.into_iter().chain([sample.history]) {
            let budget = Budget::default();
            let mut plan = Plan::searching(&Registers, &history, &budget);
            let expected = plan.run(&Registers, &history, None).is_linearizable();
            let verdict = sweep(&history);
            assert!(verdict.is_none() || verdict == expected, "{verdict:?}, not {expected:?}: {history:?}");
            said[verdict.map_or(0, |verdict| 1 + usize::from(verdict))] += 1;
        }
    }
    said
}

#[test]
fn of_registers_it_says_what_the_search_says_and_nearly_always_something() {
    let said = compare(of_registers, 3_000, by_registers);
    assert!(said[0] < 300 && said[1] > 1_000 && said[2] > 3_000, "{said:?}");
}

#[test]
fn of_lists_it_says_what_the_search_says_and_mostly_something() {
    let said = compare(of_lists, 2_000, by_lists);
    assert!(said[0] < 1_300 && said[1] > 1_000 && said[2] > 1_500, "{said:?}");
}

#[test]
fn it_gives_up_on_what_is_not_for_it() {
    let numbers = |numbers, keys| Shape { numbers, ..Shape::registers(100, 5, keys) }.sample(1).history;
    assert_eq!(by_registers(&numbers(Numbers::Distinct, 1)), None, "more than 48 values");
    let few = numbers(Numbers::UpTo(5), 1);
    assert_eq!(by_registers(&few), Some(true));
    assert_eq!(sweep(&Registers, &few, 10), None, "ten steps do not suffice");
    assert_eq!(sweep(&Whole(Register::default()), &few, u64::MAX), None, "no view of accesses");
    assert_eq!(by_registers(&numbers(Numbers::UpTo(5), 3)), Some(true));
    assert_eq!(by_registers(&numbers(Numbers::UpTo(5), 1_000)), None, "too many parts");
    let with = |mix| Shape { mix, ..Shape::registers(20, 5, 1) }.sample(1).history;
    assert_eq!(by_registers(&with(Mix::LISTS)), None);
    assert_eq!(by_lists(&with(Mix::LISTS)), Some(true));
    assert_eq!(by_lists(&with(Mix::SWAPS)), None);
    let long = Shape::registers(5_000, 5, 1).sample(1).history;
    assert_eq!(sweep(&Registers, &long, u64::MAX), None);
}

#[test]
fn it_ends_with_the_first_return_that_nothing_explains() {
    let later = [Action::Append(1), Action::Swap { expected: None, new: 1 }];
    for (later, by) in later.into_iter().zip([by_registers, by_lists]) {
        let mut history: Sampled = History::new();
        let request = |action| Request { key: 0, action };
        let read = history.invoke(1, request(Action::Read), Instant::START);
        history.returned(read, Reply::Holds(Content::One(7)), Instant::START);
        // What comes later is not even for it.
        history.invoke(1, request(later), Instant::START);
        assert_eq!(by(&history), Some(false));
    }
}

/// An append of nothing to nothing makes something, and any other changes nothing.
#[test]
fn where_it_matters_whether_an_element_is_nothing_it_gives_up() {
    let history = |reads: &[u64]| {
        let mut history: Sampled = History::new();
        for action in [Action::Append(1), Action::Append(1)] {
            let append = history.invoke(1, Request { key: 0, action }, Instant::START);
            history.returned(append, Reply::Done, Instant::START);
        }
        let read = history.invoke(1, Request { key: 0, action: Action::Read }, Instant::START);
        history.returned(read, Reply::Holds(Content::new(reads)), Instant::START);
        history
    };
    assert_eq!(by_lists(&history(&[1, 1])), Some(true));
    assert_eq!(by_lists(&history(&[1])), None, "were 1 nothing, this would do");
    assert_eq!(by_lists(&history(&[2])), Some(false));
    assert_eq!(by_lists(&history(&[1, 1, 1])), Some(false));
}
