//! Faults against what the cluster was busy with: a heat map, and the account of every fault.
//!
//! In the heat map faults of a kind belong together, whatever they aim at and whichever scenario they are of. What may strike at any
//! time, like the loss of a message, has no moment at which it strikes.

use std::collections::BTreeMap;

use crate::faults::{self, FaultTally, Idle};
use crate::model::Campaign;
use crate::part::{Phase, PhaseCount};
use crate::words::{count, printable};

/// What faults did.
pub(super) struct Faults {
    pub(super) phases: Vec<&'static str>,
    pub(super) kinds: Vec<Kind>,
    pub(super) every: Vec<Row>,
    /// Those that did nothing, in words.
    pub(super) idle: Vec<String>,
}

/// A kind of fault.
pub(super) struct Kind {
    pub(super) name: String,
    pub(super) configured: String,
    pub(super) fired: String,
    pub(super) effects: String,
    /// One for each phase; none for what strikes at any time.
    pub(super) cells: Vec<Cell>,
}

/// A cell of the heat map.
pub(super) struct Cell {
    pub(super) fired: String,
    pub(super) effects: String,
    /// How strong its colour is, from 0 to 4: by powers of eight of how often it struck.
    pub(super) shade: u32,
}

/// The account of a fault.
pub(super) struct Row {
    pub(super) scenario: String,
    pub(super) fault: String,
    pub(super) runs: u64,
    pub(super) configured: u64,
    pub(super) runs_fired: u64,
    pub(super) fired: (String, u64),
    pub(super) runs_effective: u64,
    pub(super) effects: (String, u64),
    pub(super) remark: &'static str,
}

#[derive(Default)]
struct Sums {
    planned: u64,
    fired: u64,
    effects: u64,
    phases: BTreeMap<Phase, [u64; 2]>,
}

impl Faults {
    pub(super) fn of(campaign: &Campaign) -> Faults {
        let sums = by_kind(campaign);
        let is_seen = |phase: &Phase| sums.values().any(|sums| sums.phases.contains_key(phase));
        let phases: Vec<Phase> =
            Phase::ALL.into_iter().filter(|phase| *phase != Phase::Unknown || is_seen(phase)).collect();
        let kind = |(name, sums): (&String, &Sums)| Kind {
            name: name.clone(),
            configured: count(sums.planned),
            fired: count(sums.fired),
            effects: count(sums.effects),
            cells: match sums.phases.is_empty() && name.contains('.') {
                true => Vec::new(),
                false => {
                    phases.iter().map(|phase| Cell::of(sums.phases.get(phase).copied().unwrap_or_default())).collect()
                }
            },
        };
        let tallies = faults::by_scenario(campaign);
        let idle = |tally: &FaultTally<'_>| {
            let what = match tally.idle()? {
                Idle::NeverFired => "never struck",
                Idle::NeverMattered => "struck and made no difference to anybody",
            };
            Some(format!("{} of {} {what}.", printable(tally.fault), printable(tally.scenario)))
        };
        Faults {
            kinds: sums.iter().map(kind).collect(),
            phases: phases.into_iter().map(Phase::title).collect(),
            idle: tallies.iter().filter_map(idle).collect(),
            every: tallies.iter().map(Row::of).collect(),
        }
    }
}

fn by_kind(campaign: &Campaign) -> BTreeMap<String, Sums> {
    let mut sums: BTreeMap<String, Sums> = BTreeMap::new();
    let faults: BTreeMap<&str, &[String]> =
        campaign.scenarios.iter().map(|scenario| (scenario.name.as_str(), scenario.faults.as_slice())).collect();
    let name = |scenario: &str, fault: u16| Some(kind(faults.get(scenario)?.get(usize::from(fault))?));
    for run in &campaign.runs {
        for count in &run.faults {
            let Some(name) = name(&run.scenario, count.fault) else { continue };
            let sum = sums.entry(name).or_default();
            sum.planned += u64::from(count.planned);
            sum.fired += u64::from(count.fired);
            sum.effects += u64::from(count.effects);
        }
    }
    for PhaseCount { scenario, fault, phase, fired, effects } in campaign.parts.iter().flat_map(|part| &part.phases) {
        let Some(name) = name(scenario, *fault) else { continue };
        let [sum_fired, sum_effects] = sums.entry(name).or_default().phases.entry(*phase).or_default();
        *sum_fired = sum_fired.saturating_add(*fired);
        *sum_effects = sum_effects.saturating_add(*effects);
    }
    sums
}

/// `crash` of `faults[3] crash leader`; what has no place in a list is its own kind.
fn kind(fault: &str) -> String {
    let words = match fault.split_once("] ") {
        Some((place, words)) if place.starts_with("faults[") || place.starts_with("steps[") => words,
        Some(_) | None => return printable(fault),
    };
    printable(words.split(' ').next().unwrap_or(words))
}

impl Cell {
    fn of([fired, effects]: [u64; 2]) -> Cell {
        let shade = if fired == 0 { 0 } else { (1 + fired.ilog2() / 3).min(4) };
        Cell { fired: count(fired), effects: count(effects), shade }
    }
}

impl Row {
    fn of(tally: &FaultTally<'_>) -> Row {
        Row {
            scenario: printable(tally.scenario),
            fault: printable(tally.fault),
            runs: tally.runs,
            configured: tally.runs_configured,
            runs_fired: tally.runs_fired,
            fired: (count(tally.fired), tally.fired),
            runs_effective: tally.runs_effective,
            effects: (count(tally.effects), tally.effects),
            remark: match tally.idle() {
                None => "",
                Some(Idle::NeverFired) => "never fired",
                Some(Idle::NeverMattered) => "no effect",
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_of_a_kind_belong_together() {
        let names =
            ["faults[3] crash leader", "steps[0] cut [1, 2] (away)", "network.loss", "disk.crash_keeps, torn", "a] b"];
        assert_eq!(names.map(kind), ["crash", "cut", "network.loss", "disk.crash_keeps, torn", "a] b"]);
    }

    #[test]
    fn cells_are_stronger_the_more_struck() {
        assert_eq!([0, 1, 8, 64, 512, u64::MAX].map(|fired| Cell::of([fired, 0]).shade), [0, 1, 2, 3, 4, 4]);
    }
}
