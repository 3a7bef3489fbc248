//! Fresh seeds: which of a range a guided search runs, and in which order.
//!
//! A plan is drawn in a small part of the time that its run takes, and says how much is going to happen. Where faults strike in
//! the midst of other faults, more bugs show themselves; so of a few seeds only the one to which most is planned is run.
//! What it simplifies: it counts strikes, whatever they are.

use std::cmp::Reverse;

use crate::campaign::{Seeds, Selected};
use crate::generate;

/// Of so many seeds one is run.
const CANDIDATES: u64 = 4;

/// The fresh seed of a scenario, one of these, at a place; `None` if all of them were looked at.
pub(crate) fn seed(scenarios: &[Selected], scenario: usize, seeds: Seeds, place: u64) -> Option<u64> {
    let number = (scenario as u64, scenarios.len() as u64);
    let scenario = &scenarios[scenario].scenario;
    let planned = |seed: &u64| generate::strikes(&generate::drawn(scenario, *seed), *seed);
    let first = place.checked_mul(CANDIDATES)?;
    let candidates = (first..first.saturating_add(CANDIDATES)).map_while(|place| staggered(seeds, number, place));
    // Of equals the first.
    candidates.enumerate().max_by_key(|(place, seed)| (planned(seed), Reverse(*place))).map(|(_, seed)| seed)
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
    fn of_a_few_seeds_the_one_to_which_most_is_planned_is_run() {
        let scenarios = ["swarm", "swarm-members"].map(selected);
        let seeds: Seeds = "10..30".parse().expect("seeds");
        for (scenario, Selected { scenario: of, .. }) in scenarios.iter().enumerate() {
            let planned = |seed: u64| {
                let plan = generate::plan(&generate::drawn(of, seed), seed);
                plan.faults.len() + plan.operator.len()
            };
            let order: Vec<u64> = (0..).map_while(|place| staggered(seeds, (scenario as u64, 2), place)).collect();
            let run: Vec<u64> = (0..).map_while(|place| seed(&scenarios, scenario, seeds, place)).collect();
            assert_eq!(run.len(), 5);
            for (few, chosen) in order.chunks(4).zip(&run) {
                assert!(few.contains(chosen));
                assert!(few.iter().all(|seed| planned(*seed) <= planned(*chosen)), "{chosen} of {few:?}");
            }
        }
    }

    #[test]
    fn a_few_seeds_less_are_looked_at_too() {
        let scenarios = [selected("calm")];
        let at = |place| seed(&scenarios, 0, "3..8".parse().expect("seeds"), place);
        // Nothing is planned to happen, so the first of four is as good as any.
        assert_eq!([at(0), at(1), at(2), at(u64::MAX)], [Some(3), Some(7), None, None]);
    }
}
