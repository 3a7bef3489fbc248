//! Missing runs: those that should be there and are not, scenario by scenario.
//!
//! What should be there was asked for: the seeds of all parts that have the scenario, from the lowest to the highest, so that a
//! shard that is missing between two others is noticed; or the seeds that somebody expects. Of seeds that count up until the time
//! is over nothing is expected. What it simplifies: runs of a guided search depart from others as it sees fit, so of a scenario with
//! such a part nothing is expected either.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::Campaign;
use crate::words::{count, printable};

/// Seeds from one to another, both included.
pub type Range = (u64, u64);

/// The runs of a scenario that are missing; at least one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missing<'a> {
    /// The scenario.
    pub scenario: &'a str,
    /// What should be there.
    pub expected: Range,
    /// What is missing of it, in order.
    pub seeds: Vec<Range>,
    /// Whether a part was asked for all of that and ended before it came to it, so that no part of the campaign got lost.
    pub was_cut_short: bool,
}

/// What is missing, in the order of the scenarios.
#[must_use]
pub fn missing(campaign: &Campaign, expected: Option<Range>) -> Vec<Missing<'_>> {
    let mut made: BTreeMap<&str, BTreeSet<u64>> = BTreeMap::new();
    for run in &campaign.runs {
        made.entry(&run.scenario).or_default().insert(run.seed);
    }
    let nothing = BTreeSet::new();
    let of_scenario = |name| {
        let expected = expected.or_else(|| asked(campaign, name))?;
        let seeds = gaps(expected, made.get(name).unwrap_or(&nothing));
        let was_cut_short = seeds.iter().all(|range| was_asked(campaign, name, *range));
        (!seeds.is_empty()).then_some(Missing { scenario: name, expected, seeds, was_cut_short })
    };
    campaign.scenarios.iter().filter_map(|scenario| of_scenario(scenario.name.as_str())).collect()
}

/// Whether every one of these seeds was asked for by a part.
fn was_asked(campaign: &Campaign, scenario: &str, (first, last): Range) -> bool {
    let mut next = first;
    while next <= last {
        let holding = parts_of(campaign, scenario).filter(|part| (part.seed_first..=part.seed_last).contains(&next));
        match holding.map(|part| part.seed_last).max() {
            Some(u64::MAX) => return true,
            Some(end) => next = end + 1,
            None => return false,
        }
    }
    true
}

fn parts_of<'a>(campaign: &'a Campaign, scenario: &'a str) -> impl Iterator<Item = &'a crate::part::Part> {
    campaign.parts.iter().filter(move |part| part.scenarios.iter().any(|name| name == scenario))
}

/// From the lowest to the highest seed that was asked for.
fn asked(campaign: &Campaign, scenario: &str) -> Option<Range> {
    if parts_of(campaign, scenario).any(|part| part.behaviour.guided) {
        return None;
    }
    let closed = || parts_of(campaign, scenario).filter(|part| !part.is_open_ended());
    Some((closed().map(|part| part.seed_first).min()?, closed().map(|part| part.seed_last).max()?))
}

fn gaps((first, last): Range, made: &BTreeSet<u64>) -> Vec<Range> {
    let mut gaps = Vec::new();
    let mut next = first;
    for seed in made.range(first..=last) {
        if next < *seed {
            gaps.push((next, seed - 1));
        }
        match seed.checked_add(1) {
            Some(after) => next = after,
            None => return gaps,
        }
    }
    if next <= last {
        gaps.push((next, last));
    }
    gaps
}

/// How many ranges of seeds are named.
const RANGES_SHOWN: usize = 8;

impl Missing<'_> {
    /// How many runs are missing.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.seeds.iter().map(|(first, last)| (last - first).saturating_add(1)).fold(0, u64::saturating_add)
    }

    /// As in `storm: seeds 3 and 10..20 are missing (11 of 100)`.
    #[must_use]
    pub fn words(&self) -> String {
        let mut named: Vec<String> = self.seeds.iter().take(RANGES_SHOWN).map(|range| seeds(*range)).collect();
        let rest = self.seeds.len().saturating_sub(RANGES_SHOWN);
        if rest > 0 {
            named.push(format!("{} more ranges", count(rest as u64)));
        }
        let (first, last) = self.expected;
        let (noun, verb) = if self.count() == 1 { ("seed", "is") } else { ("seeds", "are") };
        format!(
            "{}: {noun} {} {verb} missing ({} of {})",
            printable(self.scenario),
            named.join(", "),
            count(self.count()),
            count((last - first).saturating_add(1))
        )
    }
}

/// `7`, or `0..10`, as `--seeds` takes it.
fn seeds((first, last): Range) -> String {
    match last.checked_add(1) {
        _ if first == last => first.to_string(),
        Some(end) => format!("{first}..{end}"),
        None => format!("{first}..={last}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::human::tests::{campaign, part, record};
    use crate::model::Verdict;
    use crate::part::Part;

    fn made(seeds: &[u64], parts: Vec<Part>) -> Campaign {
        let runs = seeds.iter().map(|seed| record("storm", *seed, Verdict::Pass)).collect();
        let mut campaign = Campaign { parts, ..campaign(runs) };
        campaign.scenarios.remove(0);
        campaign
    }

    fn shard(seed_first: u64, seed_last: u64) -> Part {
        Part { seed_first, seed_last, ..part() }
    }

    #[test]
    fn a_shard_between_two_others_is_missed() {
        let campaign = made(&[0, 1, 4, 5], vec![shard(0, 1), shard(4, 5)]);
        let missing = missing(&campaign, None);
        let words: Vec<String> = missing.iter().map(Missing::words).collect();
        assert_eq!(words, ["storm: seeds 2..4 are missing (2 of 6)"]);
        assert!(!missing[0].was_cut_short, "nobody was asked for them");
    }

    #[test]
    fn what_a_time_limit_left_out_is_named() {
        let campaign = made(&[0, 2], vec![shard(0, 9)]);
        let missing = missing(&campaign, None);
        let words = "storm: seeds 1, 3..10 are missing (8 of 10)";
        assert_eq!((missing[0].words().as_str(), missing[0].was_cut_short), (words, true));
        let shards = made(&[0, 8], vec![shard(0, 4), shard(5, 9)]);
        assert!(super::missing(&shards, None)[0].was_cut_short, "each was asked for a half of what is between");
    }

    #[test]
    fn of_seeds_without_an_end_and_of_guided_searches_nothing_is_expected() {
        assert!(missing(&made(&[0, 2], vec![shard(0, u64::MAX)]), None).is_empty());
        let mut guided = shard(0, 9);
        guided.behaviour.guided = true;
        assert!(missing(&made(&[0, 2], vec![guided]), None).is_empty());
    }

    #[test]
    fn what_somebody_expects_comes_first() {
        let campaign = made(&[0, 1], vec![shard(0, u64::MAX)]);
        assert_eq!(missing(&campaign, Some((0, 1))), []);
        assert_eq!(missing(&campaign, Some((0, u64::MAX)))[0].seeds, [(2, u64::MAX)]);
        let all = made(&[u64::MAX], vec![shard(u64::MAX, u64::MAX)]);
        assert_eq!(missing(&all, Some((u64::MAX, u64::MAX))), []);
    }
}
