//! Fresh seeds: which of a range a guided search runs, and in which order.
//!
//! A plan is drawn in a small part of the time that its run takes, and says what is going to go wrong. Where faults strike in
//! the midst of other faults, more bugs show themselves; so of a few seeds the one is run first that is forecast to meet most
//! situations, and of equals the one in which most happens to each server. The others wait until all seeds have been looked
//! at. What it simplifies: of a run that departs from another at a moment nothing is learned.

use std::collections::VecDeque;

use super::forecast::Forecast;
use super::guide::Job;
use super::lineage::Lineage;
use crate::campaign::{Seeds, Selected};
use crate::generate::{self, Outline};
use crate::scenario::Scenario;

/// Of so many seeds one is run.
const CANDIDATES: usize = 16;

/// The seeds of a campaign, and what is known of them.
pub(crate) struct Fresh {
    scenarios: Vec<Selected>,
    seeds: Seeds,
    places: Vec<Place>,
}

/// What is known of the seeds of a scenario.
struct Place {
    /// How many were looked at.
    looked_at: u64,
    /// Those that were looked at and not run, longest ago first.
    waiting: VecDeque<u64>,
    /// What their runs will meet.
    forecast: Forecast,
}

impl Fresh {
    /// All of these seeds, for each of these scenarios.
    pub(crate) fn new(scenarios: &[Selected], seeds: Seeds) -> Fresh {
        let place = |Selected { scenario, .. }: &Selected| Place {
            looked_at: 0,
            waiting: VecDeque::new(),
            forecast: Forecast::new(generate::kinds(scenario)),
        };
        Fresh { scenarios: scenarios.to_vec(), seeds, places: scenarios.iter().map(place).collect() }
    }

    /// The next seed of a scenario; `None` if all of them were run.
    pub(crate) fn next(&mut self, scenario: usize) -> Option<u64> {
        let number = (scenario as u64, self.scenarios.len() as u64);
        let place = &mut self.places[scenario];
        let scenario = &self.scenarios[scenario].scenario;
        let mut best: Option<(Promise, u64)> = None;
        for _ in 0..CANDIDATES {
            let seed = staggered(self.seeds, number, place.looked_at);
            place.looked_at += u64::from(seed.is_some());
            let Some(seed) = seed.or_else(|| place.waiting.pop_front()) else { break };
            let promise = Promise::new(&place.forecast, &outline(scenario, &Lineage::of(seed)));
            match &mut best {
                // Of equals the earlier one.
                Some((most, best)) if promise.is_more_than(most) => {
                    place.waiting.push_back(std::mem::replace(best, seed));
                    *most = promise;
                }
                Some(_) => place.waiting.push_back(seed),
                None => best = Some((promise, seed)),
            }
        }
        best.map(|(_, seed)| seed)
    }

    /// Takes how many situations a run has met.
    pub(crate) fn take(&mut self, job: &Job, situations: usize) {
        if job.lineage.changes.is_empty() {
            let Outline { kinds, .. } = outline(&self.scenarios[job.scenario].scenario, &job.lineage);
            self.places[job.scenario].forecast.take(&kinds, situations);
        }
    }
}

/// What may be hoped for from a run.
struct Promise {
    /// How many situations it is forecast to meet.
    situations: f64,
    /// How often something strikes a server.
    strikes: u64,
}

impl Promise {
    fn new(forecast: &Forecast, outline: &Outline) -> Promise {
        Promise { situations: forecast.of(&outline.kinds), strikes: outline.strikes }
    }

    fn is_more_than(&self, other: &Promise) -> bool {
        self.situations.total_cmp(&other.situations).then(self.strikes.cmp(&other.strikes)).is_gt()
    }
}

fn outline(scenario: &Scenario, lineage: &Lineage) -> Outline {
    generate::outline(&generate::drawn(scenario, lineage.seed), lineage.luck())
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

    fn all(fresh: &mut Fresh, scenario: usize) -> Vec<u64> {
        std::iter::from_fn(|| fresh.next(scenario)).collect()
    }

    #[test]
    fn of_a_few_seeds_the_one_comes_first_that_promises_most() {
        let scenarios = ["swarm", "swarm-members"].map(selected);
        let seeds: Seeds = "10..75".parse().expect("seeds");
        for (number, Selected { scenario, .. }) in scenarios.iter().enumerate() {
            // Before any run was made every kind counts one.
            let promise = |seed: &u64| {
                let Outline { kinds, strikes } = outline(scenario, &Lineage::of(*seed));
                (kinds.iter().filter(|takes_part| **takes_part).count(), strikes)
            };
            let order: Vec<u64> = (0..).map_while(|place| staggered(seeds, (number as u64, 2), place)).collect();
            let run = all(&mut Fresh::new(&scenarios, seeds), number);
            for (few, chosen) in order.chunks_exact(CANDIDATES).zip(&run) {
                assert!(few.contains(chosen));
                assert!(few.iter().all(|seed| promise(seed) <= promise(chosen)), "{chosen} of {few:?}");
            }
            let sorted = |mut seeds: Vec<u64>| {
                seeds.sort_unstable();
                seeds
            };
            assert_eq!(sorted(run), sorted(order), "each once");
        }
    }

    #[test]
    fn what_runs_met_says_which_kinds_promise_most() {
        let scenarios = [selected("swarm")];
        let scenario = &scenarios[0].scenario;
        let mut fresh = Fresh::new(&scenarios, Seeds::ALL);
        // Only one fault matters: with the first mix a run meets much, without it little.
        let strikes_first = |lineage: &Lineage| outline(scenario, lineage).kinds[0];
        let mut chosen = Vec::new();
        for luck in 0..120 {
            let seed = fresh.next(0).expect("there are seeds");
            for lineage in [Lineage::of(seed), Lineage::of(seed).anew(luck)] {
                let situations = if strikes_first(&lineage) { 45 } else { 30 };
                fresh.take(&Job { scenario: 0, lineage }, situations);
            }
            chosen.push(strikes_first(&Lineage::of(seed)));
        }
        let with_it = |runs: &[bool]| runs.iter().filter(|strikes| **strikes).count();
        assert!(with_it(&chosen[60..]) > 55, "{} of 60, first {}", with_it(&chosen[60..]), with_it(&chosen[..60]));
        // From what departs at a moment nothing is learned.
        let before = fresh.places[0].forecast.of(&[true; 35]);
        fresh.take(&Job { scenario: 0, lineage: "3+200ms.1".parse().expect("a lineage") }, 1_000);
        assert_eq!(fresh.places[0].forecast.of(&[true; 35]), before);
    }

    #[test]
    fn however_many_seeds_there_are_each_comes_once() {
        let scenarios = [selected("calm")];
        for count in 1..60 {
            let mut run = all(&mut Fresh::new(&scenarios, Seeds::starting(3, count)), 0);
            run.sort_unstable();
            assert_eq!(run, (3..3 + count).collect::<Vec<u64>>());
        }
        // Nothing is planned to happen, so of each few the first comes first.
        let mut fresh = Fresh::new(&scenarios, Seeds::ALL);
        assert_eq!([0, 1, 2].map(|_| fresh.next(0)), [0, 16, 32].map(Some));
    }
}
