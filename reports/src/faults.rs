//! Faults accounted for: which were configured, which struck, and which made a difference to anybody.
//!
//! A fault that never strikes, or that strikes nobody, proves nothing about the system that was under it: the scenario is
//! not what its author thinks it is.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::model::{Campaign, FaultCount, RunRecord};

/// How many runs of a scenario it takes for it to be worth mentioning that a fault never struck.
pub const RUNS_MIN: u64 = 1_000;

/// What became of a fault of a scenario.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FaultTally<'a> {
    /// Name of the scenario.
    pub scenario: &'a str,
    /// The fault, in the words of the scenario.
    pub fault: &'a str,
    /// How many runs of the scenario there were.
    pub runs: u64,
    /// In how many of them it was configured.
    pub runs_configured: u64,
    /// In how many of them it struck.
    pub runs_fired: u64,
    /// How often it struck, in all.
    pub fired: u64,
    /// In how many runs it had an effect.
    pub runs_effective: u64,
    /// How often it had one, in all.
    pub effects: u64,
}

/// What is wrong with a fault, if all its runs are looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Idle {
    /// It never struck.
    NeverFired,
    /// It struck, and nobody noticed.
    NeverMattered,
}

impl FaultTally<'_> {
    /// What is wrong with it, if anything is.
    #[must_use]
    pub fn idle(&self) -> Option<Idle> {
        match (self.runs, self.fired, self.effects) {
            (0, ..) => None,
            (_, 0, _) => Some(Idle::NeverFired),
            (.., 0) => Some(Idle::NeverMattered),
            _ => None,
        }
    }
}

/// The faults of all scenarios, in the order of [`Campaign::scenarios`] and of their faults.
#[must_use]
pub fn by_scenario(campaign: &Campaign) -> Vec<FaultTally<'_>> {
    let mut runs: BTreeMap<&str, Vec<&RunRecord>> = BTreeMap::new();
    for run in &campaign.runs {
        runs.entry(&run.scenario).or_default().push(run);
    }
    let mut tallies = Vec::new();
    for scenario in &campaign.scenarios {
        let first = tallies.len();
        let runs = runs.get(scenario.name.as_str()).map_or(&[][..], Vec::as_slice);
        tallies.extend(scenario.faults.iter().map(|fault| FaultTally {
            scenario: &scenario.name,
            fault,
            runs: runs.len() as u64,
            runs_configured: 0,
            runs_fired: 0,
            fired: 0,
            runs_effective: 0,
            effects: 0,
        }));
        for FaultCount { fault, fired, effects, .. } in runs.iter().flat_map(|run| &run.faults) {
            if let Some(tally) = tallies.get_mut(first + usize::from(*fault)) {
                tally.runs_configured += 1;
                tally.runs_fired += u64::from(*fired > 0);
                tally.fired += u64::from(*fired);
                tally.runs_effective += u64::from(*effects > 0);
                tally.effects += u64::from(*effects);
            }
        }
    }
    tallies
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::human::tests::{campaign, record};
    use crate::model::Verdict;

    /// Two runs of `storm`, whose faults are `crash`, `cut` and `pause`.
    pub(crate) fn stormy() -> Campaign {
        let count = |(fault, fired, effects)| FaultCount { fault, planned: 9, fired, effects };
        let run = |seed, faults: &[(u16, u32, u32)]| RunRecord {
            faults: faults.iter().copied().map(count).collect(),
            ..record("storm", seed, Verdict::Pass)
        };
        let mut campaign = campaign(vec![run(0, &[(0, 7, 5), (1, 2, 0)]), run(1, &[(0, 1, 0), (2, 0, 0)])]);
        campaign.scenarios[1].faults = ["crash", "cut", "pause"].map(str::to_owned).into();
        campaign
    }

    #[test]
    fn runs_and_strikes_are_counted_apart() {
        let campaign = stormy();
        let tallies = by_scenario(&campaign);
        let figures = |tally: &FaultTally<'_>| {
            (tally.runs_configured, tally.runs_fired, tally.fired, tally.runs_effective, tally.effects)
        };
        assert_eq!(tallies.iter().map(|tally| tally.fault).collect::<Vec<_>>(), ["crash", "cut", "pause"]);
        assert_eq!(
            tallies.iter().map(figures).collect::<Vec<_>>(),
            [(2, 2, 8, 1, 5), (1, 1, 2, 0, 0), (1, 0, 0, 0, 0)]
        );
        assert!(tallies.iter().all(|tally| (tally.scenario, tally.runs) == ("storm", 2)));
        let idle: Vec<_> = tallies.iter().map(FaultTally::idle).collect();
        assert_eq!(idle, [None, Some(Idle::NeverMattered), Some(Idle::NeverFired)]);
    }

    #[test]
    fn what_was_not_run_is_not_blamed() {
        let mut campaign = stormy();
        campaign.runs.clear();
        assert!(by_scenario(&campaign).iter().all(|tally| tally.idle().is_none()));
    }
}
