//! Whether a scenario was exercised: whether its runs met what it exists to reach, and came to all of its script.
//!
//! Whatever its verdict, a scenario says nothing about a situation that none of its runs met.

use crate::model::{Campaign, Reach, RunRecord, ScenarioRecord, Verdict};

/// The probes that a scenario exists to reach: those among them that the system can hit. It hits no others where nobody sees into
/// it; a campaign that was read does not have them at all.
pub fn wanted<'a>(campaign: &Campaign, scenario: &'a ScenarioRecord) -> impl Iterator<Item = &'a str> {
    let can_hit =
        |name: &&String| campaign.probes.iter().any(|probe| probe.name == **name && probe.reach == Reach::Within);
    scenario.reaches.iter().filter(can_hit).map(String::as_str)
}

/// The [`wanted`] probes of a scenario that no run of it hit; nothing if it was not run.
#[must_use]
pub fn unreached<'a>(campaign: &Campaign, scenario: &'a ScenarioRecord) -> Vec<&'a str> {
    let runs = || campaign.runs.iter().filter(|run| run.scenario == scenario.name);
    if runs().next().is_none() {
        return Vec::new();
    }
    let is_met = |wanted: &&str| {
        let number = campaign.probes.iter().position(|probe| probe.name == **wanted);
        let hits = |run: &RunRecord| run.probes.iter().any(|hit| Some(usize::from(hit.probe)) == number);
        runs().any(hits)
    };
    wanted(campaign, scenario).filter(|wanted| !is_met(wanted)).collect()
}

/// The part of a script that came about in none of the runs that passed: nothing is known of what would follow. How many
/// those are comes first.
#[must_use]
pub fn untaken<'a>(campaign: &Campaign, scenario: &'a ScenarioRecord) -> (u64, Vec<&'a str>) {
    let script = &scenario.script;
    let (mut passed, mut skipped_in) = (0, vec![0; script.len()]);
    for run in campaign.runs.iter().filter(|run| run.scenario == scenario.name && run.verdict == Verdict::Pass) {
        passed += 1;
        for place in run.skipped.iter().filter(|place| usize::from(**place) < script.len()) {
            skipped_in[usize::from(*place)] += 1;
        }
    }
    let never = script.iter().zip(skipped_in).filter(|(_, runs)| *runs == passed && passed > 0);
    (passed, never.map(|(words, _)| words.as_str()).collect())
}
