//! Protocol coverage: which probes the runs of a campaign hit, how often, and where to see each of them first.
//!
//! A probe is a named situation of the protocol; that it was hit says that it occurred, not that all was well.
//! Coverages of several campaigns add up to that of all their runs, in whatever order they are added.

use std::collections::BTreeMap;

use crate::model::{Campaign, ProbeRecord, Reach, RunRecord};

/// Which probes some runs hit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Coverage {
    /// How many runs there were.
    pub runs: u64,
    /// Every probe, by its name.
    probes: BTreeMap<String, Covered>,
}

/// What became of a probe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Covered {
    /// The probe.
    pub probe: ProbeRecord,
    /// How many runs hit it.
    pub runs: u64,
    /// How often they hit it, all together.
    pub hits: u64,
    /// The run with the lowest seed that hit it; of several, one that departs from nothing, and then the one whose scenario
    /// comes first in the alphabet.
    pub first: Option<First>,
}

/// A run. Ordered by seed, then by where it departs from that, then by scenario.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
pub struct First {
    /// Its seed.
    pub seed: u64,
    /// Where it departs from what its seed alone would do: see [`RunRecord::departures`].
    #[serde(skip_serializing_if = "String::is_empty")]
    pub departures: String,
    /// The name of its scenario.
    pub scenario: String,
}

impl Coverage {
    /// The coverage of a campaign: of the probes that its system can hit.
    #[must_use]
    pub fn of(campaign: &Campaign) -> Coverage {
        let none = |probe: &ProbeRecord| Covered { probe: probe.clone(), runs: 0, hits: 0, first: None };
        let mut covered: Vec<Covered> = campaign.probes.iter().map(none).collect();
        for run in &campaign.runs {
            for hit in &run.probes {
                if let Some(covered) = covered.get_mut(usize::from(hit.probe)) {
                    covered.count(run, hit.count);
                }
            }
        }
        Coverage {
            runs: campaign.runs.len() as u64,
            probes: covered
                .into_iter()
                .filter(|covered| covered.probe.reach == Reach::Within || covered.runs > 0)
                .map(|covered| (covered.probe.name.clone(), covered))
                .collect(),
        }
    }

    /// Adds the runs of another campaign.
    #[must_use]
    pub fn merged(mut self, other: Coverage) -> Coverage {
        self.runs += other.runs;
        for (name, theirs) in other.probes {
            match self.probes.get_mut(&name) {
                Some(ours) => ours.add(theirs),
                None => {
                    self.probes.insert(name, theirs);
                }
            }
        }
        self
    }

    /// Every probe, those that most runs hit first.
    #[must_use]
    pub fn by_frequency(&self) -> Vec<&Covered> {
        let mut probes: Vec<&Covered> = self.probes.values().collect();
        probes.sort_by_key(|covered| std::cmp::Reverse(covered.runs));
        probes
    }

    /// How many probes there are.
    #[must_use]
    pub fn declared(&self) -> u64 {
        self.probes.len() as u64
    }

    /// How many of them were hit.
    #[must_use]
    pub fn hit(&self) -> u64 {
        self.probes.values().filter(|covered| covered.runs > 0).count() as u64
    }

    /// The probes that were hit by the fewest runs, the rarest first; at most so many.
    #[must_use]
    pub fn rarest(&self, most: usize) -> Vec<&Covered> {
        let hit = self.by_frequency().into_iter().rev().filter(|covered| covered.runs > 0);
        hit.take(most).collect()
    }

    /// The probes that no run hit, by name.
    #[must_use]
    pub fn never(&self) -> Vec<&Covered> {
        self.probes.values().filter(|covered| covered.runs == 0).collect()
    }
}

impl Covered {
    fn count(&mut self, run: &RunRecord, count: u32) {
        self.runs += 1;
        self.hits += u64::from(count);
        let is_first = self.first.as_ref().is_none_or(|First { seed, departures, scenario }| {
            (run.seed, &run.departures, &run.scenario) < (*seed, departures, scenario)
        });
        if is_first {
            self.first =
                Some(First { seed: run.seed, departures: run.departures.clone(), scenario: run.scenario.clone() });
        }
    }

    fn add(&mut self, other: Covered) {
        self.runs += other.runs;
        self.hits += other.hits;
        self.first = match (self.first.take(), other.first) {
            (Some(ours), Some(theirs)) => Some(ours.min(theirs)),
            (ours, theirs) => ours.or(theirs),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::human::tests::{campaign, record};
    use crate::model::{ProbeCount, Verdict};

    fn run(scenario: &str, seed: u64, probes: &[(u16, u32)]) -> RunRecord {
        let probes = probes.iter().map(|(probe, count)| ProbeCount { probe: *probe, count: *count }).collect();
        RunRecord { probes, ..record(scenario, seed, Verdict::Pass) }
    }

    fn names<'a>(covered: &[&'a Covered]) -> Vec<&'a str> {
        covered.iter().map(|covered| covered.probe.name.as_str()).collect()
    }

    #[test]
    fn runs_are_counted_and_the_first_is_the_one_with_the_lowest_seed() {
        let runs = vec![run("storm", 4, &[(0, 7), (1, 1)]), run("storm", 9, &[(0, 1)]), run("calm", 4, &[(1, 2)])];
        let coverage = Coverage::of(&campaign(runs));
        assert_eq!((coverage.runs, coverage.declared(), coverage.hit()), (3, 3, 2));
        let all = coverage.by_frequency();
        assert_eq!(names(&all), ["joint-left", "split-vote", "window-full"]);
        let figures: Vec<_> = all.iter().map(|covered| (covered.runs, covered.hits)).collect();
        assert_eq!(figures, [(2, 3), (2, 8), (0, 0)]);
        let first = |scenario: &str| Some(First { seed: 4, departures: String::new(), scenario: scenario.to_owned() });
        assert_eq!((&all[0].first, &all[1].first), (&first("calm"), &first("storm")));
        assert_eq!((names(&coverage.rarest(1)), names(&coverage.never())), (vec!["split-vote"], vec!["window-full"]));
    }

    #[test]
    fn what_cannot_be_hit_is_not_missed() {
        let mut campaign = campaign(vec![run("storm", 4, &[(1, 1)])]);
        campaign.probes.iter_mut().for_each(|probe| probe.reach = Reach::Beyond);
        campaign.probes[0].reach = Reach::Within;
        let coverage = Coverage::of(&campaign);
        // Who says that it cannot, and does, is not kept quiet about.
        assert_eq!((names(&coverage.by_frequency()), coverage.hit()), (vec!["joint-left", "split-vote"], 1));
        assert_eq!(names(&coverage.never()), ["split-vote"]);
        let written = crate::json::write(&campaign);
        let read = crate::json::read(&written).expect("it was written");
        assert_eq!(crate::json::write(&read), written, "nothing is lost when it is read");
    }

    #[test]
    fn campaigns_may_be_added_in_any_order() {
        let parts = [
            Coverage::of(&campaign(vec![run("storm", 4, &[(0, 7)])])),
            Coverage::of(&campaign(vec![run("calm", 2, &[(0, 1), (2, 1)]), run("calm", 3, &[])])),
            Coverage::of(&campaign(vec![run("storm", 2, &[(0, 1)])])),
        ];
        let [one, two, three] = parts.clone();
        let forwards = one.merged(two).merged(three);
        let [one, two, three] = parts;
        assert_eq!(forwards, three.merged(one.merged(two)));
        assert_eq!(forwards.runs, 4);
        let all = campaign(vec![
            run("storm", 4, &[(0, 7)]),
            run("calm", 2, &[(0, 1), (2, 1)]),
            run("calm", 3, &[]),
            run("storm", 2, &[(0, 1)]),
        ]);
        assert_eq!(forwards, Coverage::of(&all), "the same as if there had been one campaign");
    }
}
