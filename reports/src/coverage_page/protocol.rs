//! Protocol coverage, by sections of Ongaro's dissertation ("Consensus: Bridging Theory and Practice", 2014).

use std::collections::BTreeMap;

use crate::coverage::{Coverage, Covered, First};
use crate::interval;
use crate::model::{Campaign, RunRecord};
use crate::words::{count, printable};

/// How many of the rarest situations are named.
const RAREST: usize = 10;

/// What of the protocol was met.
pub(super) struct Protocol {
    pub(super) declared: u64,
    pub(super) hit: u64,
    pub(super) sections: Vec<Section>,
    pub(super) rarest: Vec<(String, String)>,
    pub(super) never: Vec<(String, String)>,
}

/// A section, and the situations that it describes.
pub(super) struct Section {
    pub(super) number: String,
    pub(super) title: &'static str,
    pub(super) hit: usize,
    pub(super) situations: Vec<Situation>,
}

/// A situation that runs are to meet.
pub(super) struct Situation {
    pub(super) name: String,
    pub(super) summary: String,
    pub(super) runs: u64,
    pub(super) share: String,
    pub(super) hits: String,
    /// Where it was first met, and the command that shows it.
    pub(super) first: Option<(String, String)>,
}

impl Protocol {
    pub(super) fn of(campaign: &Campaign) -> Protocol {
        let coverage = Coverage::of(campaign);
        let runs: BTreeMap<(&str, u64, &str), &RunRecord> =
            campaign.runs.iter().map(|run| ((run.scenario.as_str(), run.seed, run.departures.as_str()), run)).collect();
        let replay = |First { seed, departures, scenario }: &First| {
            let run = runs.get(&(scenario.as_str(), *seed, departures.as_str()))?;
            let where_first = format!("{}, seed {}", printable(scenario), printable(&run.lineage()));
            Some((where_first, printable(&campaign.replay(run))))
        };
        let mut sections: BTreeMap<Vec<u32>, Section> = BTreeMap::new();
        for covered in in_order(campaign, &coverage) {
            let Covered { probe, runs, hits, first } = covered;
            let section = sections.entry(order(&probe.section)).or_insert_with(|| Section {
                number: printable(&probe.section),
                title: title(&probe.section),
                hit: 0,
                situations: Vec::new(),
            });
            section.hit += usize::from(*runs > 0);
            section.situations.push(Situation {
                name: printable(&probe.name),
                summary: printable(&probe.summary),
                runs: *runs,
                share: interval::share(*runs, coverage.runs),
                hits: count(*hits),
                first: first.as_ref().and_then(replay),
            });
        }
        let named = |covered: &Covered, words: String| (printable(&covered.probe.name), words);
        Protocol {
            declared: coverage.declared(),
            hit: coverage.hit(),
            sections: sections.into_values().collect(),
            rarest: coverage.rarest(RAREST).into_iter().map(|covered| named(covered, count(covered.runs))).collect(),
            never: coverage
                .never()
                .into_iter()
                .map(|covered| named(covered, printable(&covered.probe.summary)))
                .collect(),
        }
    }
}

/// Every situation, in the order in which they are declared.
fn in_order<'a>(campaign: &Campaign, coverage: &'a Coverage) -> Vec<&'a Covered> {
    let by_name: BTreeMap<&str, &Covered> =
        coverage.by_frequency().into_iter().map(|covered| (covered.probe.name.as_str(), covered)).collect();
    campaign.probes.iter().filter_map(|probe| by_name.get(probe.name.as_str()).copied()).collect()
}

/// `3.10` comes after `3.9`.
fn order(section: &str) -> Vec<u32> {
    section.split('.').map(|number| number.parse().unwrap_or(u32::MAX)).collect()
}

/// What a section of the dissertation is about.
fn title(section: &str) -> &'static str {
    match section {
        "3.3" => "Raft basics",
        "3.4" => "Leader election",
        "3.5" => "Log replication",
        "3.6" => "Safety",
        "3.7" => "Follower and candidate crashes",
        "3.8" => "Persisted state and server restarts",
        "3.9" => "Timing and availability",
        "3.10" => "Leadership transfer",
        "4.1" => "Membership changes: safety",
        "4.2" => "Membership changes: availability",
        "4.3" => "Joint consensus",
        "4.4" => "System integration",
        "5" | "5.1" => "Log compaction",
        "6.1" => "Finding the cluster",
        "6.2" => "Routing requests to the leader",
        "6.3" => "Linearizable semantics",
        "6.4" => "Read-only queries",
        "9.6" => "Disruptions when a server rejoins",
        "10.2" => "Performance: parallel disk writes, pipelining",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sections_are_in_the_order_of_the_book() {
        let mut sections = ["10.2", "3.10", "5", "3.4"];
        sections.sort_by_key(|section| order(section));
        assert_eq!(sections, ["3.4", "3.10", "5", "10.2"]);
    }
}
