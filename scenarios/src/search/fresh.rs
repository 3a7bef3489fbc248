//! Fresh seeds: which of a range a guided search runs, and in which order.
//!
//! A plan is drawn in a small part of the time that its run takes, and says how much is going to happen. Where faults strike
//! in the midst of other faults, more bugs show themselves; so of a few seeds the one is run first in which most kinds of
//! things are planned to go wrong, and of equals the one in which most happens to each server. What it simplifies: whatever they
//! are, it only counts them.

use std::cmp::Reverse;

use crate::campaign::{Seeds, Selected};
use crate::generate;

/// Of so many seeds one is run, until all have been looked at.
const CANDIDATES: u64 = 16;

/// The fresh seed of a scenario, one of these, at a place; `None` if all of them were run. After the first seed of every few
/// comes the second of every few, and so on.
pub(crate) fn seed(scenarios: &[Selected], scenario: usize, seeds: Seeds, place: u64) -> Option<u64> {
    let number = (scenario as u64, scenarios.len() as u64);
    let scenario = &scenarios[scenario].scenario;
    let intensity = |seed: u64| generate::intensity(&generate::drawn(scenario, seed), seed);
    let (group, rank) = dealt(seeds.count(), u128::from(place))?;
    let first = u64::try_from(group).ok()?.checked_mul(CANDIDATES)?;
    let candidates = first..first.saturating_add(CANDIDATES);
    let mut candidates: Vec<u64> = candidates.map_while(|place| staggered(seeds, number, place)).collect();
    // Of equals the earlier one first.
    candidates.sort_by_cached_key(|seed| Reverse(intensity(*seed)));
    candidates.get(usize::try_from(rank).ok()?).copied()
}

/// The group of candidates whose turn it is at a place, and which of them comes: the first of each group, the second of each,
/// and so on. Of so many seeds the last group may have fewer.
fn dealt(seeds: u128, place: u128) -> Option<(u128, u128)> {
    let candidates = u128::from(CANDIDATES);
    let (whole, rest) = (seeds / candidates, seeds % candidates);
    let of_all = rest * (whole + 1);
    if place < of_all {
        return Some((place % (whole + 1), place / (whole + 1)));
    }
    let place = place - of_all;
    (whole > 0).then(|| (place % whole, rest + place / whole)).filter(|(_, rank)| *rank < candidates)
}

/// The seed at a place among those of a scenario, one of so many. Each scenario has all seeds, but in an order of its own,
/// since swarms that draw from the same seed choose alike: of three, the first has the seeds 0, 3, 6, … and then 1, 4, 7, …,
/// the second begins with 1, 4, 7, ….
fn staggered(seeds: Seeds, (scenario, scenarios): (u64, u64), place: u64) -> Option<u64> {
    let mut left = u128::from(place);
    for turn in 0..scenarios {
        let first = (scenario + turn) % scenarios;
        let of_turn = seeds.count().saturating_sub(u128::from(first)).div_ceil(u128::from(scenarios));
        if left < of_turn {
            let place = left * u128::from(scenarios) + u128::from(first);
            return seeds.at(u64::try_from(place).ok()?);
        }
        left -= of_turn;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn selected(name: &str) -> Selected {
        Selected { scenario: crate::catalog::find(name).expect("it is in the catalog"), argument: name.to_owned() }
    }

    #[test]
    fn each_scenario_has_every_seed_in_an_order_of_its_own() {
        let seeds: Seeds = "10..17".parse().expect("seeds");
        let order =
            |scenario| -> Vec<u64> { (0..).map_while(|place| staggered(seeds, (scenario, 3), place)).collect() };
        assert_eq!(order(0), [10, 13, 16, 11, 14, 12, 15]);
        assert_eq!(order(1), [11, 14, 12, 15, 10, 13, 16]);
        assert_eq!(order(2), [12, 15, 10, 13, 16, 11, 14]);
    }

    #[test]
    fn there_may_be_fewer_seeds_than_scenarios_and_more_than_can_be_counted() {
        assert_eq!([0, 1].map(|place| staggered(Seeds::one(5), (2, 3), place)), [Some(5), None]);
        assert_eq!(staggered(Seeds::ALL, (1, 3), 4), Some(13));
        assert_eq!(staggered(Seeds::ALL, (0, 1), u64::MAX), Some(u64::MAX));
    }

    #[test]
    fn of_a_few_seeds_the_one_comes_first_in_which_most_kinds_of_things_are_planned_to_go_wrong() {
        let scenarios = ["swarm", "swarm-members"].map(selected);
        let seeds: Seeds = "10..75".parse().expect("seeds");
        for (scenario, Selected { scenario: of, .. }) in scenarios.iter().enumerate() {
            let intensity = |seed: u64| {
                let drawn = generate::drawn(of, seed);
                let plan = generate::plan(&drawn, seed);
                let strikes = (plan.faults.len() + plan.operator.len()) as u64 * 1_000 / u64::from(plan.servers);
                let links = drawn.links;
                let mishaps = [links.loss_ppm, links.duplicate_ppm, links.reorder_ppm, links.corrupt_ppm];
                let mut kinds: Vec<String> =
                    plan.faults.iter().map(|fault| format!("mix {}", fault.source.0)).collect();
                let first_word = |words: String| words.split(' ').next().map(str::to_owned);
                kinds.extend(plan.operator.iter().filter_map(|planned| first_word(format!("{:?}", planned.goal))));
                kinds.sort_unstable();
                kinds.dedup();
                (kinds.len() + mishaps.iter().filter(|chance| **chance > 0).count(), strikes)
            };
            let order: Vec<u64> = (0..).map_while(|place| staggered(seeds, (scenario as u64, 2), place)).collect();
            let run: Vec<u64> = (0..).map_while(|place| seed(&scenarios, scenario, seeds, place)).collect();
            for (few, chosen) in order.chunks(CANDIDATES as usize).zip(&run) {
                assert!(few.contains(chosen));
                assert!(few.iter().all(|seed| intensity(*seed) <= intensity(*chosen)), "{chosen} of {few:?}");
            }
            // The second of the first few comes after the first of all.
            assert!(order[..CANDIDATES as usize].contains(&run[order.len().div_ceil(CANDIDATES as usize)]));
            let sorted = |mut seeds: Vec<u64>| {
                seeds.sort_unstable();
                seeds
            };
            assert_eq!(sorted(run), sorted(order), "each once");
        }
    }

    #[test]
    fn however_many_seeds_there_are_each_comes_once() {
        let scenarios = [selected("calm")];
        for count in 1..60 {
            let seeds = Seeds::starting(3, count);
            let mut run: Vec<u64> = (0..).map_while(|place| seed(&scenarios, 0, seeds, place)).collect();
            run.sort_unstable();
            assert_eq!(run, (3..3 + count).collect::<Vec<u64>>());
            assert_eq!(seed(&scenarios, 0, seeds, u64::MAX), None);
        }
        // Nothing is planned to happen, so of each few the first comes first.
        assert_eq!([0, 1, 2].map(|place| seed(&scenarios, 0, Seeds::ALL, place)), [0, 16, 32].map(Some));
        assert_eq!(seed(&scenarios, 0, Seeds::ALL, u64::MAX), None);
    }
}
