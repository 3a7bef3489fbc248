//! The catalog: the scenarios that are built into the binary, in the order in which they are listed and run.

use crate::scenario::{Scenario, ScenarioError, format};

/// Each file of the catalog, with its name.
const FILES: [(&str, &str); 45] = [
    ("calm.toml", include_str!("catalog/calm.toml")),
    ("lossy.toml", include_str!("catalog/lossy.toml")),
    ("slow-tail.toml", include_str!("catalog/slow-tail.toml")),
    ("leader-cut-off.toml", include_str!("catalog/leader-cut-off.toml")),
    ("split.toml", include_str!("catalog/split.toml")),
    ("one-way.toml", include_str!("catalog/one-way.toml")),
    ("crash-restart.toml", include_str!("catalog/crash-restart.toml")),
    ("power-loss.toml", include_str!("catalog/power-loss.toml")),
    ("pause.toml", include_str!("catalog/pause.toml")),
    ("torn-tail.toml", include_str!("catalog/torn-tail.toml")),
    ("election-storm.toml", include_str!("catalog/election-storm.toml")),
    ("figure-8.toml", include_str!("catalog/figure-8.toml")),
    ("storm.toml", include_str!("catalog/storm.toml")),
    ("single.toml", include_str!("catalog/single.toml")),
    ("even.toml", include_str!("catalog/even.toml")),
    ("nine.toml", include_str!("catalog/nine.toml")),
    ("quorum-reads.toml", include_str!("catalog/quorum-reads.toml")),
    ("lease-reads.toml", include_str!("catalog/lease-reads.toml")),
    ("follower-reads.toml", include_str!("catalog/follower-reads.toml")),
    ("skewed-clocks.toml", include_str!("catalog/skewed-clocks.toml")),
    ("clock-steps.toml", include_str!("catalog/clock-steps.toml")),
    ("snapshot-loss.toml", include_str!("catalog/snapshot-loss.toml")),
    ("snapshot-crash.toml", include_str!("catalog/snapshot-crash.toml")),
    ("laggard.toml", include_str!("catalog/laggard.toml")),
    ("membership.toml", include_str!("catalog/membership.toml")),
    ("membership-chaos.toml", include_str!("catalog/membership-chaos.toml")),
    ("joint-crash.toml", include_str!("catalog/joint-crash.toml")),
    ("remove-leader.toml", include_str!("catalog/remove-leader.toml")),
    ("removed-servers.toml", include_str!("catalog/removed-servers.toml")),
    ("learners.toml", include_str!("catalog/learners.toml")),
    ("transfer.toml", include_str!("catalog/transfer.toml")),
    ("wiped-disks.toml", include_str!("catalog/wiped-disks.toml")),
    ("wiped-leader.toml", include_str!("catalog/wiped-leader.toml")),
    ("paper.toml", include_str!("catalog/paper.toml")),
    ("no-pre-vote.toml", include_str!("catalog/no-pre-vote.toml")),
    ("no-quorum-check.toml", include_str!("catalog/no-quorum-check.toml")),
    ("narrow-window.toml", include_str!("catalog/narrow-window.toml")),
    ("forgotten-clients.toml", include_str!("catalog/forgotten-clients.toml")),
    ("transactions.toml", include_str!("catalog/transactions.toml")),
    ("torn-votes.toml", include_str!("catalog/torn-votes.toml")),
    ("slow-leader-disk.toml", include_str!("catalog/slow-leader-disk.toml")),
    ("long-tails.toml", include_str!("catalog/long-tails.toml")),
    ("deluge.toml", include_str!("catalog/deluge.toml")),
    ("retention.toml", include_str!("catalog/retention.toml")),
    ("only-reads.toml", include_str!("catalog/only-reads.toml")),
];

/// All scenarios of the catalog.
///
/// # Panics
/// If one of them is broken, which a test excludes.
#[must_use]
pub fn all() -> Vec<Scenario> {
    let scenarios: Result<Vec<Scenario>, ScenarioError> =
        FILES.iter().map(|(file, text)| format::parse(file, text)).collect();
    scenarios.expect("the scenarios of the catalog are well-formed")
}

/// The scenario with this name, or with this alias. Capitals, and what joins words, make no difference.
#[must_use]
pub fn find(name: &str) -> Option<Scenario> {
    let plain = plain(name);
    all().into_iter().find(|scenario| is_called(scenario, &plain))
}

/// The text of the scenario with this name or alias, as a starting point for one's own.
#[must_use]
pub fn text(name: &str) -> Option<&'static str> {
    let plain = plain(name);
    all().iter().zip(FILES).find(|(scenario, _)| is_called(scenario, &plain)).map(|(_, (_, text))| text)
}

fn is_called(scenario: &Scenario, plain_name: &str) -> bool {
    scenario.name == plain_name || scenario.aliases.iter().any(|alias| plain(alias) == plain_name)
}

/// A name without what people may write in one way or another: `3B fast backup` is `3b-fast-backup`.
fn plain(name: &str) -> String {
    let words = name.split(|c: char| c.is_whitespace() || c == '-' || c == '_').filter(|word| !word.is_empty());
    words.map(str::to_lowercase).collect::<Vec<_>>().join("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_is_named_after_its_scenario() {
        let names: Vec<String> = all().into_iter().map(|scenario| scenario.name + ".toml").collect();
        let files: Vec<&str> = FILES.iter().map(|(file, _)| *file).collect();
        assert_eq!(names, files);
    }

    #[test]
    fn every_name_means_one_scenario() {
        let scenarios = all();
        let names = scenarios.iter().flat_map(|scenario| [&scenario.name].into_iter().chain(&scenario.aliases));
        let mut names: Vec<String> = names.map(|name| plain(name)).collect();
        names.sort_unstable();
        let twice: Vec<&String> = names.windows(2).filter(|two| two[0] == two[1]).map(|two| &two[0]).collect();
        assert_eq!(twice, Vec::<&String>::new());
    }

    #[test]
    fn capitals_and_blanks_make_no_difference() {
        assert_eq!(plain(" 3B  Fast_backup"), "3b-fast-backup");
        assert_eq!(find("Leader cut  off").map(|scenario| scenario.name), Some("leader-cut-off".to_owned()));
        assert_eq!(text("LEADER_CUT-OFF"), text("leader-cut-off"));
        assert!(find("./storm").is_none() && find("storm.toml").is_none(), "these are paths");
    }
}
