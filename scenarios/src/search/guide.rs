//! The guide: which runs to depart from, because they came where few others were.
//!
//! As in coverage-guided fuzzing (Böhme et al., "Coverage-based Greybox Fuzzing as Markov Chain", CCS 2016) what was seen
//! seldom gets most of the attention. A part of the runs are fresh seeds; the others depart from a run that showed one of
//! the rarest features, shortly before the moment at which it did. Runs are asked for in generations: which ones depends on
//! the results of earlier generations and on nothing else, so the number of threads makes no difference.

use std::collections::BTreeMap;

use whitewater_sim::rng::{PPM, Ppm, Purpose, RunKey, Stream};

use super::behaviour::{Feature, Seen};
use super::lineage::{Change, Lineage};

/// How many runs are made between two looks at what was seen.
pub const GENERATION: usize = 32;

/// The share of fresh seeds.
const FRESH_PPM: Ppm = PPM / 4;

/// How many of the rarest features are gone after.
const RAREST: usize = 48;

/// How many runs are kept for each feature: the latest.
const HOMES: usize = 4;

/// How long before a feature shows a run departs, in the mean, in nanoseconds.
const BEFORE_NS: u64 = 400_000_000;

/// A run that is to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    /// The place of its scenario.
    pub scenario: usize,
    /// Which run of it.
    pub lineage: Lineage,
}

/// A feature of a run, and when it showed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sighting {
    /// What was seen.
    pub feature: Feature,
    /// When it was seen first, in milliseconds of virtual time.
    pub at_ms: u32,
}

/// Decides which runs are made.
pub struct Guide {
    scenarios: usize,
    seen: Seen,
    homes: BTreeMap<(usize, Feature), Vec<Home>>,
    stream: Stream,
    fresh: u64,
    departures: u32,
}

/// A run that showed a feature.
#[derive(Clone, Debug)]
struct Home {
    lineage: Lineage,
    at_ms: u32,
}

impl Guide {
    /// A guide through so many scenarios, in which nothing has been seen. Its choices depend on the first seed.
    #[must_use]
    pub fn new(scenarios: usize, first_seed: u64) -> Guide {
        Guide {
            scenarios,
            seen: Seen::default(),
            homes: BTreeMap::new(),
            stream: RunKey::new(first_seed).stream(Purpose::Mutation, 0),
            fresh: 0,
            departures: 0,
        }
    }

    /// The runs of the next generation. `seed_at` gives the fresh seeds, by their place; without any left, all runs depart
    /// from others. Empty only if there is nothing to depart from either.
    pub fn next(&mut self, seed_at: impl Fn(u64) -> Option<u64>) -> Vec<Job> {
        let rarest = self.rarest();
        let mut jobs = Vec::with_capacity(GENERATION);
        for _ in 0..GENERATION {
            let wants_fresh = rarest.is_empty() || self.stream.chance(FRESH_PPM);
            let fresh = if wants_fresh { self.fresh(&seed_at) } else { None };
            if let Some(job) = fresh.or_else(|| self.departure(&rarest)) {
                jobs.push(job);
            }
        }
        jobs
    }

    fn fresh(&mut self, seed_at: &impl Fn(u64) -> Option<u64>) -> Option<Job> {
        let scenarios = self.scenarios as u64;
        let seed = seed_at(self.fresh / scenarios)?;
        let scenario = (self.fresh % scenarios) as usize;
        self.fresh += 1;
        Some(Job { scenario, lineage: Lineage::of(seed) })
    }

    fn departure(&mut self, rarest: &[(usize, Feature)]) -> Option<Job> {
        let (scenario, feature) = *rarest.get(self.stream.below(rarest.len().max(1) as u64) as usize)?;
        let homes = &self.homes[&(scenario, feature)];
        let home = &homes[self.stream.below(homes.len() as u64) as usize];
        let before_ms = self.stream.exponential_ns(BEFORE_NS) / 1_000_000;
        let at_ms = u64::from(home.at_ms).saturating_sub(before_ms) as u32;
        self.departures += 1;
        let lineage = home.lineage.departing(Change { at_ms, number: self.departures });
        Some(Job { scenario, lineage })
    }

    /// The features that were seen in the fewest runs, each with its scenario; ties are broken by their order.
    fn rarest(&self) -> Vec<(usize, Feature)> {
        let mut all: Vec<(u32, usize, Feature)> =
            self.homes.keys().map(|(scenario, feature)| (self.seen.runs_with(*feature), *scenario, *feature)).collect();
        let count = RAREST.min(all.len());
        if count < all.len() {
            all.select_nth_unstable(count);
            all.truncate(count);
        }
        all.sort_unstable();
        all.into_iter().map(|(_, scenario, feature)| (scenario, feature)).collect()
    }

    /// Takes what a run has shown, in the order in which the runs were asked for.
    pub fn take(&mut self, job: &Job, sightings: &[Sighting]) {
        self.seen.take(sightings.iter().map(|sighting| sighting.feature));
        for Sighting { feature, at_ms } in sightings {
            let homes = self.homes.entry((job.scenario, *feature)).or_default();
            if homes.len() == HOMES {
                homes.remove(0);
            }
            homes.push(Home { lineage: job.lineage.clone(), at_ms: *at_ms });
        }
    }

    /// What the runs have shown.
    #[must_use]
    pub fn seen(&self) -> &Seen {
        &self.seen
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sighting(state: u32, at_ms: u32) -> Sighting {
        Sighting { feature: Feature::of_state(state), at_ms }
    }

    fn seeds(place: u64) -> Option<u64> {
        Some(100 + place)
    }

    #[test]
    fn the_first_generation_is_fresh_and_scenarios_take_turns() {
        let jobs = Guide::new(2, 0).next(seeds);
        assert_eq!(jobs.len(), GENERATION);
        assert_eq!(jobs[0], Job { scenario: 0, lineage: Lineage::of(100) });
        assert_eq!(jobs[3], Job { scenario: 1, lineage: Lineage::of(101) });
    }

    #[test]
    fn later_generations_depart_from_what_is_rare() {
        let mut guide = Guide::new(1, 0);
        for (number, job) in guide.next(seeds).iter().enumerate() {
            let rare = (number == 7).then(|| sighting(99, 5_000));
            let sightings: Vec<Sighting> = (0..60).map(|state| sighting(state, 0)).chain(rare).collect();
            guide.take(job, &sightings);
        }
        let jobs: Vec<Job> = (0..20).flat_map(|_| guide.next(seeds)).collect();
        let departures: Vec<&Job> = jobs.iter().filter(|job| !job.lineage.changes.is_empty()).collect();
        assert!(departures.len() * 3 > jobs.len() * 2, "{} of {}", departures.len(), jobs.len());
        let from_rare = departures.iter().filter(|job| job.lineage.seed == 107).count();
        assert!(from_rare * RAREST > departures.len() / 2, "{from_rare} of {}", departures.len());
        assert!(departures.iter().all(|job| job.lineage.changes[0].at_ms <= 5_000));
    }

    #[test]
    fn without_seeds_everything_departs_and_without_runs_there_is_nothing() {
        assert_eq!(Guide::new(1, 0).next(|_| None), []);
        let mut guide = Guide::new(1, 0);
        guide.take(&Job { scenario: 0, lineage: Lineage::of(1) }, &[sighting(1, 10)]);
        assert!(guide.next(|_| None).iter().all(|job| job.lineage.changes.len() == 1));
    }

    #[test]
    fn the_same_results_give_the_same_runs() {
        let play = || {
            let mut guide = Guide::new(3, 9);
            let mut all = Vec::new();
            for _ in 0..10 {
                let jobs = guide.next(seeds);
                for job in &jobs {
                    guide.take(job, &[sighting(job.lineage.seed as u32 % 7, 300)]);
                }
                all.extend(jobs);
            }
            all
        };
        assert_eq!(play(), play());
    }
}
