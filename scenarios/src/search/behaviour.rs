//! Behaviour: what a run has shown, as a set of features, and what the runs of a campaign have shown so far.
//!
//! A feature is a probe that was hit about so often (once, twice, up to 4, 8, … times), or an abstract state of the cluster
//! ([`whitewater_sim::Observer::states`]). How likely the next run is to show a new one is estimated by leaving one out:
//! the share of the runs that have a feature which no other run has (the first-order jackknife; close to Good, "The
//! Population Frequencies of Species", 1953). It is true of seeds that are drawn alike, not of a guided search.

use std::collections::BTreeMap;

/// Something that a run can show.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub struct Feature(u64);

/// What a feature tells of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// How often a situation occurred.
    Probe,
    /// A state of the cluster.
    State,
}

const STATE: u64 = 1 << 40;

impl Feature {
    /// A probe that was hit so often.
    #[must_use]
    pub fn of_probe(probe: u16, count: u32) -> Feature {
        Feature(u64::from(probe) << 8 | u64::from(count.max(1).ilog2()))
    }

    /// What kind of thing it is.
    #[must_use]
    pub fn kind(self) -> Kind {
        if self.0 & STATE == 0 { Kind::Probe } else { Kind::State }
    }

    /// An abstract state of the cluster.
    #[must_use]
    pub fn of_state(state: u32) -> Feature {
        Feature(STATE | u64::from(state))
    }
}

/// What the runs of a campaign have shown.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    features: BTreeMap<Feature, Sightings>,
    runs: u64,
    curve: Vec<Point>,
}

#[derive(Clone, Copy, Debug)]
struct Sightings {
    runs: u32,
    /// The number of the first run, from 0.
    first: u64,
}

/// A point of the curve of new behaviour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Point {
    /// After so many runs.
    pub runs: u64,
    /// So many features had been seen.
    pub features: u64,
}

/// An estimate of how likely the next run is to show something new.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outlook {
    /// Runs that have a feature which no other run has.
    pub alone: u64,
    /// All runs.
    pub runs: u64,
}

impl Seen {
    /// Takes the features of the next run, each once. Returns how many of them are new.
    pub fn take(&mut self, features: impl IntoIterator<Item = Feature>) -> u64 {
        let mut new = 0;
        for feature in features {
            let sightings = self.features.entry(feature).or_insert(Sightings { runs: 0, first: self.runs });
            new += u64::from(sightings.runs == 0);
            sightings.runs = sightings.runs.saturating_add(1);
        }
        self.runs += 1;
        // Eight points for each doubling.
        let is_due = self.curve.last().is_none_or(|last| self.runs * 12 >= last.runs * 13);
        if is_due {
            self.curve.push(Point { runs: self.runs, features: self.features.len() as u64 });
        }
        new
    }

    /// In how many runs a feature was seen.
    #[must_use]
    pub fn runs_with(&self, feature: Feature) -> u32 {
        self.features.get(&feature).map_or(0, |sightings| sightings.runs)
    }

    /// How many features were seen after how many runs; the last point is now.
    #[must_use]
    pub fn curve(&self) -> Vec<Point> {
        let now = Point { runs: self.runs, features: self.features.len() as u64 };
        let before = self.curve.iter().copied().filter(|point| point.runs < self.runs);
        before.chain((self.runs > 0).then_some(now)).collect()
    }

    /// How likely the next run is to show something new.
    #[must_use]
    pub fn outlook(&self) -> Outlook {
        let mut alone: Vec<u64> =
            self.features.values().filter(|sightings| sightings.runs == 1).map(|sightings| sightings.first).collect();
        alone.sort_unstable();
        alone.dedup();
        Outlook { alone: alone.len() as u64, runs: self.runs }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use whitewater_sim::rng::{Purpose, RunKey};

    fn states(states: &[u32]) -> Vec<Feature> {
        states.iter().copied().map(Feature::of_state).collect()
    }

    #[test]
    fn counts_of_a_probe_are_told_apart_by_powers_of_two() {
        assert_eq!(Feature::of_probe(3, 4), Feature::of_probe(3, 7));
        assert_ne!(Feature::of_probe(3, 7), Feature::of_probe(3, 8));
        assert_ne!(Feature::of_probe(3, 7), Feature::of_probe(4, 7));
        assert_ne!(Feature::of_probe(0, 1), Feature::of_state(0));
    }

    #[test]
    fn what_is_new_counts_once() {
        let mut seen = Seen::default();
        assert_eq!([seen.take(states(&[1, 2])), seen.take(states(&[2, 3])), seen.take(states(&[1]))], [2, 1, 0]);
        assert_eq!(seen.runs_with(Feature::of_state(2)), 2);
        assert_eq!(seen.outlook(), Outlook { alone: 1, runs: 3 });
        assert_eq!(seen.curve().last(), Some(&Point { runs: 3, features: 3 }));
    }

    #[test]
    fn the_outlook_is_about_the_share_of_later_runs_that_show_something_new() {
        // Every run shows one state; state k with a chance of 2^-(k+1).
        let mut stream = RunKey::new(5).stream(Purpose::Scenario, 0);
        let mut draw = || states(&[stream.draw().leading_zeros()]);
        let (mut expected, mut found) = (0, 0);
        for _ in 0..400 {
            let mut seen = Seen::default();
            for _ in 0..50 {
                seen.take(draw());
            }
            expected += seen.outlook().alone;
            found += seen.take(draw());
        }
        // The sum of shares of 50 runs, 400 times, against 400 runs.
        assert!((expected / 50).abs_diff(found) <= 8, "{expected} / 50 against {found}");
    }

    #[test]
    fn a_long_campaign_has_a_short_curve() {
        let mut seen = Seen::default();
        for run in 0..10_000 {
            seen.take(states(&[run]));
        }
        let curve = seen.curve();
        assert!(curve.len() < 200, "{}", curve.len());
        assert!(curve.is_sorted_by(|one, other| one.runs < other.runs));
    }
}
