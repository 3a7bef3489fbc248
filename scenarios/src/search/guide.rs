//! The guide: which scenarios get the runs, and which of them depart from others.
//!
//! A scenario's yield is how many features a run of it shows that no other run has, in the mean. That is what its next run
//! can be expected to add (Good, "The Population Frequencies of Species", 1953). The runs are shared out in proportion to the
//! yields: nobody knows which scenario will show a bug, and if the chances are like the yields, then with these shares the mean
//! logarithm of the runs to a bug is least (Kelly, "A New Interpretation of Information Rate", 1956). Runs that depart from
//! each other have a part in common; they are one family, and what only one family has shown is new all the same.
//!
//! Of a scenario's runs half are fresh seeds (`fresh` says which of a range), since runs that depart from one seed are alike.
//! The others depart from a seed: of a few that are picked at random, the one that met most situations, in the mean of its own
//! run and of those in which all but the choices of the swarm was drawn anew. Bugs are where faults strike in the midst of
//! other faults, and which situations a run gets into is in good part what a swarm chose for it. What is rare in a run says
//! less, except for where to depart from it: every rare probe has the same energy, divided among the runs that hit it (the
//! power schedules of Böhme et al., "Coverage-based Greybox Fuzzing as Markov Chain", CCS 2016).
//!
//! Runs are asked for in generations: which ones depends on the results of earlier generations and on nothing else, so the
//! number of threads makes no difference. What it simplifies: a run costs what any other does.

use std::collections::{BTreeMap, VecDeque};

use whitewater_sim::rng::{PPM, Ppm, Purpose, RunKey, Stream};

use super::behaviour::{Feature, Kind, Seen};
use super::lineage::{Change, Lineage};

/// Between two looks at what was seen, the runs grow by one in so many: looking takes time, too.
const GROWTH: u64 = 8;

/// The most runs between two looks.
const GENERATION_MAX: u64 = 1_024;

/// The share of fresh seeds among the runs of a scenario.
const FRESH_PPM: Ppm = PPM / 2;

/// A feature is rare if one in so many runs has it, or fewer.
const RARE: u64 = 32;

/// What the energy of a feature and the yield of a scenario are counted in.
const ENERGY: u64 = 1 << 24;

/// How many seeds of a scenario are kept, to depart from: the latest.
const KEPT: usize = 256;

/// Among so many seeds the one whose runs met most situations is departed from.
const CANDIDATES: usize = 16;

/// How often a run that departs from one of a swarm keeps what that chose, and nothing else.
const KEPT_PPM: Ppm = PPM / 4 * 3;

/// How long before a feature shows a run departs, in the mean, in nanoseconds.
const BEFORE_NS: u64 = 1_000_000_000;

/// A run that is to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    /// The place of its scenario.
    pub scenario: usize,
    /// Which run of it.
    pub lineage: Lineage,
}

/// A feature of a run, and when it showed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Sighting {
    /// What was seen.
    pub feature: Feature,
    /// When it was seen first, in milliseconds of virtual time.
    pub at_ms: u32,
}

/// What the seeds of a scenario have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// Each draws which parts of the scenario take part: a swarm.
    Drawn,
    /// All of it.
    Fixed,
}

/// Decides which runs are made.
pub struct Guide {
    places: Vec<Place>,
    seen: Seen,
    /// Who showed a feature.
    shown: BTreeMap<Feature, Shown>,
    stream: Stream,
    departures: u32,
}

/// What is known of a scenario.
struct Place {
    shape: Shape,
    runs: u64,
    /// Features that only one family of runs has shown, of this scenario.
    alone: u64,
    latest: VecDeque<Trial>,
}

/// The run of a seed, and the probes that it hit.
struct Trial {
    seed: u64,
    probes: Vec<Sighting>,
    /// How many runs were made with the choices of the swarm for this seed: its own, and those that drew all else anew.
    runs: u64,
    /// How many situations they met, all together.
    situations: u64,
}

impl Trial {
    /// Whether its runs met more situations in the mean.
    fn is_richer_than(&self, other: &Trial) -> bool {
        self.situations * other.runs > other.situations * self.runs
    }
}

impl Place {
    /// Takes what a run has met, unless it went its own way at some moment.
    fn take(&mut self, lineage: &Lineage, probes: Vec<Sighting>) {
        let situations = probes.len() as u64;
        if *lineage == Lineage::of(lineage.seed) {
            if self.latest.len() == KEPT {
                self.latest.pop_front();
            }
            self.latest.push_back(Trial { seed: lineage.seed, probes, runs: 1, situations });
        } else if lineage.changes.is_empty()
            && let Some(trial) = self.latest.iter_mut().find(|trial| trial.seed == lineage.seed)
        {
            trial.runs += 1;
            trial.situations += situations;
        }
    }
}

/// Who showed a feature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shown {
    /// Runs of one scenario that all go back to one seed.
    ByFamily(usize, u64),
    /// Others, too.
    ByMany,
}

impl Guide {
    /// A guide through scenarios in which nothing has been seen. Its choices depend on the first seed.
    #[must_use]
    pub fn new(shapes: impl IntoIterator<Item = Shape>, first_seed: u64) -> Guide {
        let place = |shape| Place { shape, runs: 0, alone: 0, latest: VecDeque::new() };
        Guide {
            places: shapes.into_iter().map(place).collect(),
            seen: Seen::default(),
            shown: BTreeMap::new(),
            stream: RunKey::new(first_seed).stream(Purpose::Mutation, 0),
            departures: 0,
        }
    }

    /// The runs of the next generation. `fresh` gives the next fresh seed of each scenario; without any left, all runs of it
    /// depart from others. Swarms that draw from the same seed choose alike: best give each its own. Empty only if there is
    /// nothing to depart from either.
    pub fn next(&mut self, mut fresh: impl FnMut(usize) -> Option<u64>) -> Vec<Job> {
        let mut fresh = |scenario| fresh(scenario).map(|seed| Job { scenario, lineage: Lineage::of(seed) });
        if self.runs() == 0 {
            return (0..self.places.len()).filter_map(fresh).collect();
        }
        let size = (self.runs() / GROWTH).min(GENERATION_MAX).max(self.places.len() as u64);
        let yields = self.yields();
        (0..size).filter_map(|_| self.job(&yields, &mut fresh)).collect()
    }

    /// The scenarios by their yields, each as if its next run showed one thing more: whoever has shown nothing yet still may.
    fn yields(&self) -> Weighted<usize> {
        let mut yields = Weighted::default();
        for (scenario, place) in self.places.iter().enumerate() {
            let share = (place.alone + 1) * ENERGY / (place.runs + 1);
            yields.push(share.max(1), scenario);
        }
        yields
    }

    fn runs(&self) -> u64 {
        self.places.iter().map(|place| place.runs).sum()
    }

    fn job(&mut self, yields: &Weighted<usize>, fresh: &mut impl FnMut(usize) -> Option<Job>) -> Option<Job> {
        let scenario = *yields.draw(&mut self.stream)?;
        let is_fresh = self.stream.chance(FRESH_PPM);
        let job = if is_fresh { fresh(scenario) } else { None };
        job.or_else(|| self.departure(scenario)).or_else(|| fresh(scenario))
    }

    fn departure(&mut self, scenario: usize) -> Option<Job> {
        let Place { shape, latest, .. } = &self.places[scenario];
        let mut best: Option<&Trial> = None;
        for _ in 0..CANDIDATES.min(latest.len()) {
            let trial = &latest[self.stream.below(latest.len() as u64) as usize];
            if best.is_none_or(|best| trial.is_richer_than(best)) {
                best = Some(trial);
            }
        }
        let trial = best?;
        let moments = moments(&self.seen, trial, self.few());
        self.departures += 1;
        let lineage = departing(*shape, &Lineage::of(trial.seed), &moments, self.departures, &mut self.stream);
        Some(Job { scenario, lineage })
    }

    /// A feature that was seen in so many runs, or fewer, is rare.
    fn few(&self) -> u64 {
        (self.runs() / RARE).max(2)
    }

    /// Takes what a run has shown, in the order in which the runs were asked for.
    pub fn take(&mut self, job: &Job, sightings: &[Sighting]) {
        self.seen.take(sightings.iter().map(|sighting| sighting.feature));
        let family = Shown::ByFamily(job.scenario, job.lineage.seed);
        for Sighting { feature, .. } in sightings {
            match self.shown.insert(*feature, family) {
                None => self.places[job.scenario].alone += 1,
                Some(before) if before == family => {}
                Some(before) => {
                    self.shown.insert(*feature, Shown::ByMany);
                    if let Shown::ByFamily(scenario, _) = before {
                        self.places[scenario].alone -= 1;
                    }
                }
            }
        }
        let place = &mut self.places[job.scenario];
        place.runs += 1;
        place.take(&job.lineage, situations(sightings).copied().collect());
    }

    /// What the runs have shown.
    #[must_use]
    pub fn seen(&self) -> &Seen {
        &self.seen
    }
}

/// The situations that a run met, among what it has shown.
pub(super) fn situations(sightings: &[Sighting]) -> impl Iterator<Item = &Sighting> {
    sightings.iter().filter(|sighting| sighting.feature.kind() == Kind::Probe)
}

/// The energy that each run gets from a feature; none if it is not rare.
fn energy(seen: &Seen, feature: Feature, few: u64) -> u64 {
    let runs = u64::from(seen.runs_with(feature));
    if runs <= few { ENERGY / runs.max(1) } else { 0 }
}

/// When a run showed what, in milliseconds, by the energy that it got from it.
fn moments(seen: &Seen, trial: &Trial, few: u64) -> Weighted<u32> {
    let mut moments = Weighted::default();
    for Sighting { feature, at_ms } in &trial.probes {
        moments.push(energy(seen, *feature, few), *at_ms);
    }
    moments
}

/// What of a run is kept: mostly what a swarm chose, which is often what made the difference; or all that was planned, or what
/// happened until shortly before something rare.
fn departing(shape: Shape, run: &Lineage, moments: &Weighted<u32>, number: u32, stream: &mut Stream) -> Lineage {
    match shape {
        Shape::Drawn if stream.chance(KEPT_PPM) => run.anew(stream.below(1 << 32)),
        Shape::Drawn | Shape::Fixed => {
            let before_ms = stream.exponential_ns(BEFORE_NS) / 1_000_000;
            let moment_ms = if stream.chance(PPM / 2) { moments.draw(stream).copied() } else { None };
            let at_ms = u64::from(moment_ms.unwrap_or(0)).saturating_sub(before_ms) as u32;
            run.departing(Change { at_ms, number })
        }
    }
}

/// Things of which some are drawn more often than others.
struct Weighted<T> {
    /// Each with the weight of itself and all before it.
    items: Vec<(u64, T)>,
    total: u64,
}

impl<T> Default for Weighted<T> {
    fn default() -> Self {
        Weighted { items: Vec::new(), total: 0 }
    }
}

impl<T> Weighted<T> {
    fn push(&mut self, weight: u64, item: T) {
        self.total += weight;
        self.items.push((self.total, item));
    }

    /// One of them; nothing if all weights are zero.
    fn draw(&self, stream: &mut Stream) -> Option<&T> {
        let point = stream.below(self.total.max(1));
        let place = self.items.partition_point(|(until, _)| *until <= point);
        self.items.get(place).map(|(_, item)| item)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sighting(state: u32, at_ms: u32) -> Sighting {
        Sighting { feature: Feature::of_state(state), at_ms }
    }

    /// Seeds from 100 on, for each scenario.
    fn seeds() -> impl FnMut(usize) -> Option<u64> {
        let mut given: BTreeMap<usize, u64> = BTreeMap::new();
        move |scenario| {
            let seed = given.entry(scenario).or_insert(99);
            *seed += 1;
            Some(*seed)
        }
    }

    /// Plays so many generations; `shows` says what the run with a number shows.
    fn play(guide: &mut Guide, generations: usize, shows: impl Fn(usize, &Job) -> Vec<Sighting>) -> Vec<Job> {
        let mut all = Vec::new();
        let mut seeds = seeds();
        for _ in 0..generations {
            let jobs = guide.next(&mut seeds);
            for job in &jobs {
                guide.take(job, &shows(all.len(), job));
                all.push(job.clone());
            }
        }
        all
    }

    #[test]
    fn the_first_generation_is_fresh_and_scenarios_take_turns() {
        let jobs = Guide::new([Shape::Fixed; 2], 0).next(seeds());
        assert_eq!(jobs, [0, 1].map(|scenario| Job { scenario, lineage: Lineage::of(100) }));
    }

    #[test]
    fn runs_depart_from_those_that_met_what_is_rare() {
        let mut guide = Guide::new([Shape::Fixed], 0);
        // One run in ten meets something that only it met.
        let met = |number: usize| number % 10 == 7;
        let all = play(&mut guide, 90, |number, _| {
            let rare = met(number).then_some(Sighting { feature: Feature::of_probe(number as u16, 1), at_ms: 5_000 });
            (0..60).map(|state| sighting(state, 0)).chain(rare).collect()
        });
        let later = &all[all.len() / 2..];
        let is_departure = |job: &&Job| !job.lineage.changes.is_empty();
        let departures: Vec<&Job> = later.iter().filter(is_departure).collect();
        let share = departures.len() * 100 / later.len();
        assert!((45..=55).contains(&share), "{share} %");
        let homes: Vec<u64> =
            all.iter().enumerate().filter(|(number, _)| met(*number)).map(|(_, job)| job.lineage.seed).collect();
        let from_rare = departures.iter().filter(|job| homes.contains(&job.lineage.seed)).count();
        assert!(from_rare * 4 > departures.len(), "{from_rare} of {}", departures.len());
        let kept = departures.iter().filter(|job| job.lineage.changes[0].at_ms == 0).count();
        assert!(kept > 0 && kept < departures.len(), "{kept} of {} keep the plan alone", departures.len());
        assert!(departures.iter().all(|job| job.lineage.changes[0].at_ms <= 5_000));
    }

    #[test]
    fn of_a_seed_counts_what_its_runs_met_in_the_mean() {
        let mut guide = Guide::new([Shape::Drawn], 0);
        let mut take = |text: &str, situations: u16| {
            let job = Job { scenario: 0, lineage: text.parse().expect("a lineage") };
            let probes = (0..situations).map(|probe| Sighting { feature: Feature::of_probe(probe, 1), at_ms: 0 });
            guide.take(&job, &probes.chain([sighting(1, 0)]).collect::<Vec<Sighting>>());
        };
        take("1", 30);
        take("2", 20);
        // Luck: it is less than the other's in the mean.
        take("1+anew.5", 8);
        take("1+anew.6", 10);
        // What goes its own way at a moment says nothing of the seed.
        take("2+anew.7", 21);
        take("2+3000ms.1", 1);
        take("2+anew.7+3000ms.1", 1);
        let known: Vec<(u64, u64, u64)> =
            guide.places[0].latest.iter().map(|trial| (trial.seed, trial.runs, trial.situations)).collect();
        assert_eq!(known, [(1, 3, 48), (2, 2, 41)]);
        let jobs: Vec<Job> = (0..50).filter_map(|_| guide.departure(0)).collect();
        let of_second = jobs.iter().filter(|job| job.lineage.seed == 2).count();
        assert!(of_second > 30, "{of_second} of 50: of two picks the better one, three times of four");
    }

    #[test]
    fn a_scenario_that_shows_nothing_new_gets_few_runs() {
        let mut guide = Guide::new([Shape::Fixed; 3], 0);
        let all = play(&mut guide, 60, |number, job| {
            let something = if job.scenario == 1 { number as u32 } else { 0 };
            vec![sighting(1_000 + something, 0)]
        });
        let of_it = all.iter().filter(|job| job.scenario == 1).count();
        assert!(of_it * 10 > all.len() * 8, "{of_it} of {}", all.len());
        let shares = [0, 2].map(|scenario| all.iter().filter(|job| job.scenario == scenario).count());
        assert!(shares.iter().all(|runs| *runs > 10), "they still may: {shares:?} of {}", all.len());
    }

    #[test]
    fn the_runs_go_elsewhere_when_a_scenario_is_exhausted() {
        let mut guide = Guide::new([Shape::Fixed; 2], 0);
        let all = play(&mut guide, 60, |number, job| match job.scenario {
            // Ten states a run at first, and nothing new after some 50 of them.
            0 => (0..10).map(|state| sighting((number as u32 * 10 + state) % 500, 0)).collect(),
            // One a run, for ever.
            _ => vec![sighting(1_000 + number as u32, 0)],
        });
        let of_first = |jobs: &[Job]| jobs.iter().filter(|job| job.scenario == 0).count();
        let (early, late) = (&all[..50], &all[all.len() / 2..]);
        assert!(of_first(early) * 2 > early.len(), "{} of {}", of_first(early), early.len());
        assert!(of_first(late) * 4 < late.len(), "{} of {}", of_first(late), late.len());
    }

    #[test]
    fn what_a_run_shares_with_those_that_depart_from_it_is_new_all_the_same() {
        let mut guide = Guide::new([Shape::Fixed; 2], 0);
        let job = |scenario, text: &str| Job { scenario, lineage: text.parse().expect("a lineage") };
        guide.take(&job(0, "1"), &[sighting(1, 0), sighting(2, 0)]);
        guide.take(&job(0, "1+20ms.1"), &[sighting(1, 0)]);
        guide.take(&job(1, "7"), &[sighting(3, 0)]);
        guide.take(&job(1, "7+anew.2"), &[sighting(3, 0)]);
        assert_eq!(guide.places.iter().map(|place| place.alone).collect::<Vec<_>>(), [2, 1]);
        assert_eq!(guide.yields().items, [(ENERGY, 0), (ENERGY + ENERGY * 2 / 3, 1)], "three thirds and two");
        guide.take(&job(1, "8"), &[sighting(1, 0), sighting(2, 0)]);
        guide.take(&job(0, "2"), &[sighting(1, 0)]);
        assert_eq!(guide.places.iter().map(|place| place.alone).collect::<Vec<_>>(), [0, 1]);
        assert_eq!(guide.yields().items, [(ENERGY / 4, 0), (ENERGY / 4 + ENERGY / 2, 1)], "one in four and two");
    }

    #[test]
    fn what_a_swarm_chose_is_mostly_kept() {
        let mut guide = Guide::new([Shape::Drawn], 0);
        let all = play(&mut guide, 80, |number, _| vec![sighting(number as u32, 0)]);
        let departures = all.iter().filter(|job| job.lineage != Lineage::of(job.lineage.seed)).count();
        let anew = all.iter().filter(|job| job.lineage.anew.is_some() && job.lineage.changes.is_empty()).count();
        assert!((departures * 3 / 5..departures * 9 / 10).contains(&anew), "{anew} of {departures}");
    }

    #[test]
    fn generations_grow_with_what_is_known() {
        let mut guide = Guide::new([Shape::Fixed; 4], 0);
        let mut sizes = Vec::new();
        for _ in 0..120 {
            sizes.push(play(&mut guide, 1, |number, _| vec![sighting(number as u32, 0)]).len());
        }
        assert_eq!((sizes[0], sizes[119]), (4, GENERATION_MAX as usize));
        assert!(sizes.is_sorted(), "{sizes:?}");
    }

    #[test]
    fn without_seeds_everything_departs_and_without_runs_there_is_nothing() {
        assert_eq!(Guide::new([Shape::Fixed], 0).next(|_| None), []);
        let mut guide = Guide::new([Shape::Fixed], 0);
        for _ in 0..100 {
            // Nothing of it is rare in the end.
            guide.take(&Job { scenario: 0, lineage: Lineage::of(1) }, &[sighting(1, 10)]);
        }
        let jobs = guide.next(|_| None);
        assert!(!jobs.is_empty() && jobs.iter().all(|job| job.lineage.changes.len() == 1), "{jobs:?}");
    }

    #[test]
    fn the_same_results_give_the_same_runs() {
        let again = || {
            let mut guide = Guide::new([Shape::Fixed, Shape::Drawn, Shape::Fixed], 9);
            play(&mut guide, 20, |_, job| vec![sighting(job.lineage.luck() as u32 % 7, 300)])
        };
        assert_eq!(again(), again());
    }
}
