//! What a summary adds up: totals of each scenario, and failures that belong together.

use std::collections::BTreeMap;

use crate::model::{Campaign, Outcome, RunRecord, Verdict};

/// The totals of a scenario.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Runs.
    pub runs: u64,
    /// Runs that violated a check.
    pub violated: u64,
    /// Runs that could not be judged within their budget.
    pub inconclusive: u64,
    /// Runs that could not be made.
    pub errors: u64,
    /// Runs in which no client got an answer.
    pub without_work: u64,
    /// Simulated events.
    pub events: u64,
    /// Client operations that returned.
    pub returned: u64,
    /// Client operations with an unknown outcome.
    pub unknown: u64,
    /// Virtual time, in nanoseconds.
    pub virtual_ns: u64,
    /// Wall-clock time of all runs one after the other, in nanoseconds.
    pub wall_ns: u64,
}

impl Tally {
    /// The totals of some runs.
    #[must_use]
    pub fn of<'a>(runs: impl IntoIterator<Item = &'a RunRecord>) -> Tally {
        let mut tally = Tally::default();
        for run in runs {
            tally.runs += 1;
            match run.verdict {
                Verdict::Pass => {}
                Verdict::Violation { .. } => tally.violated += 1,
                Verdict::Inconclusive { .. } => tally.inconclusive += 1,
                Verdict::Error { .. } => tally.errors += 1,
            }
            tally.without_work += u64::from(run.is_without_work());
            tally.events = tally.events.saturating_add(run.events);
            tally.returned = tally.returned.saturating_add(run.returned);
            tally.unknown = tally.unknown.saturating_add(run.unknown);
            tally.virtual_ns = tally.virtual_ns.saturating_add(run.virtual_ns);
            tally.wall_ns = tally.wall_ns.saturating_add(run.wall_ns);
        }
        tally
    }

    /// What is to be said of these runs.
    #[must_use]
    pub fn standing(&self) -> Standing {
        match self {
            Tally { violated: 1.., .. } => Standing::Violation,
            Tally { errors: 1.., .. } => Standing::Error,
            Tally { inconclusive: 1.., .. } => Standing::Inconclusive,
            Tally { runs: 0, .. } => Standing::NotRun,
            Tally { without_work: 1.., .. } => Standing::NoWork,
            Tally { .. } => Standing::Pass,
        }
    }

    /// Runs that were judged: what a failure rate is a share of.
    #[must_use]
    pub fn judged(&self) -> u64 {
        self.runs - self.inconclusive - self.errors
    }
}

/// What is to be said of a scenario in a word. Ordered from good to bad.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standing {
    /// Every run passed.
    Pass,
    /// No client got an answer in some runs: they prove little.
    NoWork,
    /// Nothing was run.
    NotRun,
    /// A run could not be judged within its budget.
    Inconclusive,
    /// A run could not be made.
    Error,
    /// A check failed.
    Violation,
}

impl Standing {
    /// What to call it.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Standing::Pass => "pass",
            Standing::NoWork => "no work",
            Standing::NotRun => "not run",
            Standing::Inconclusive => "inconclusive",
            Standing::Error => "error",
            Standing::Violation => "FAIL",
        }
    }
}

/// The totals of each scenario, in the order of [`Campaign::scenarios`].
#[must_use]
pub fn by_scenario(campaign: &Campaign) -> Vec<(&str, Tally)> {
    let mut runs: BTreeMap<&str, Vec<&RunRecord>> = BTreeMap::new();
    for run in &campaign.runs {
        runs.entry(&run.scenario).or_default().push(run);
    }
    let of = |name: &str| Tally::of(runs.get(name).into_iter().flatten().copied());
    campaign.scenarios.iter().map(|scenario| (scenario.name.as_str(), of(&scenario.name))).collect()
}

/// Runs of a scenario that failed in the same way, ordered by seed; at least one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failures<'a> {
    /// How they failed: [`Verdict::title`].
    pub what: String,
    /// The runs.
    pub runs: Vec<&'a RunRecord>,
}

/// The failures of a campaign, the worst last: what stands at the end of a summary is read first.
#[must_use]
pub fn failures(campaign: &Campaign) -> Vec<Failures<'_>> {
    let place = |run: &RunRecord| campaign.scenarios.iter().position(|scenario| scenario.name == run.scenario);
    let mut groups: BTreeMap<(Outcome, Option<usize>, String), Vec<&RunRecord>> = BTreeMap::new();
    for run in campaign.runs.iter().filter(|run| run.verdict != Verdict::Pass) {
        groups.entry((run.verdict.outcome(), place(run), run.verdict.title())).or_default().push(run);
    }
    groups.into_iter().map(|((_, _, what), runs)| Failures { what, runs }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::human::tests::{campaign, record, violation};

    #[test]
    fn the_worst_failure_comes_last_and_like_failures_are_one_group() {
        let inconclusive = Verdict::Inconclusive { why: String::new() };
        let verdicts = [violation(), Verdict::Pass, violation(), inconclusive];
        let campaign = campaign((0..).zip(verdicts).map(|(seed, verdict)| record("storm", seed, verdict)).collect());
        let groups = failures(&campaign);
        let seeds = |group: &Failures<'_>| group.runs.iter().map(|run| run.seed).collect::<Vec<_>>();
        assert_eq!(
            groups.iter().map(|group| group.what.as_str()).collect::<Vec<_>>(),
            ["inconclusive", "I24 Liveness"]
        );
        assert_eq!(groups.iter().map(seeds).collect::<Vec<_>>(), [vec![3], vec![0, 2]]);
        assert_eq!(campaign.outcome(), Outcome::Violation);
    }

    #[test]
    fn what_was_not_judged_is_no_part_of_the_rate() {
        let error = Verdict::Error { why: String::new() };
        let runs = [violation(), error, Verdict::Pass].map(|verdict| record("storm", 0, verdict));
        let tally = Tally::of(&runs);
        assert_eq!((tally.runs, tally.judged(), tally.violated), (3, 2, 1));
    }
}
