//! The catalog: the scenarios that are built into the binary, in the order in which they are listed and run.
//!
//! First come those that look for bugs, then those of course labs and of what the stores that this one follows promise.
//! What the lab scenarios simplify: a session opens with an entry, a leader begins with one, and answers are messages of
//! their own, so that figures differ from those of the labs where a file says so.

use crate::mistake::{FileError, alike};
use crate::scenario::{Scenario, format};

/// The files of these names, each with its text.
macro_rules! files {
    ($($name:literal)*) => {
        &[$((concat!($name, ".toml"), include_str!(concat!("catalog/", $name, ".toml"))),)*]
    };
}

/// Each file of the catalog, with its path below the folder of the catalog.
const FILES: &[(&str, &str)] = files! {
    "calm" "lossy" "slow-tail" "leader-cut-off" "split" "one-way"
    "crash-restart" "power-loss" "pause" "torn-tail" "election-storm" "figure-8"
    "storm" "single" "even" "nine" "quorum-reads" "lease-reads"
    "follower-reads" "skewed-clocks" "clock-steps" "snapshot-loss" "snapshot-crash" "laggard"
    "membership" "membership-chaos" "joint-crash" "remove-leader" "removed-servers" "learners"
    "transfer" "wiped-disks" "wiped-leader" "paper" "no-pre-vote" "no-quorum-check"
    "narrow-window" "forgotten-clients" "transactions" "torn-votes" "slow-leader-disk" "long-tails"
    "deluge" "retention" "only-reads" "swarm" "swarm-members" "swarm-disks"
    "longer-against-newer" "term-ahead" "deaf-server" "far-behind" "compacted-and-idle" "late-appends"
    "overtaken-writes" "drifting-leases" "leases-given-away" "abandoned-changes" "unaware-voter"
    "majority-of-disks" "disks-beyond"

    "labs/raft/initial-election" "labs/raft/re-election" "labs/raft/many-elections"
    "labs/raft/basic-agreement" "labs/raft/bytes-sent" "labs/raft/follower-failure" "labs/raft/leader-failure"
    "labs/raft/rejoin-agreement" "labs/raft/no-agreement" "labs/raft/concurrent-starts"
    "labs/raft/old-leader-rejoins" "labs/raft/fast-backup" "labs/raft/rpc-counts"
    "labs/raft/persist-all-and-each" "labs/raft/persist-in-turns" "labs/raft/persist-partitioned-leader"
    "labs/raft/figure-8-rounds" "labs/raft/unreliable-agreement" "labs/raft/figure-8-unreliable"
    "labs/raft/churn" "labs/raft/churn-unreliable"
    "labs/raft/snapshot-basic" "labs/raft/snapshot-install" "labs/raft/snapshot-install-unreliable"
    "labs/raft/snapshot-install-crash" "labs/raft/snapshot-install-unreliable-crash"
    "labs/raft/all-crash" "labs/raft/snapshot-at-start"

    "labs/kv/kv-basic" "labs/kv/kv-concurrent" "labs/kv/kv-unreliable" "labs/kv/kv-partitions-one-client"
    "labs/kv/kv-partitions" "labs/kv/kv-restarts" "labs/kv/kv-restarts-unreliable"
    "labs/kv/kv-restarts-partitions" "labs/kv/kv-everything" "labs/kv/kv-one-partition" "labs/kv/kv-speed"
    "labs/kv/kv-basic-snapshots" "labs/kv/kv-concurrent-snapshots" "labs/kv/kv-unreliable-snapshots"
    "labs/kv/kv-partitions-one-client-snapshots" "labs/kv/kv-partitions-snapshots"
    "labs/kv/kv-restarts-snapshots" "labs/kv/kv-restarts-unreliable-snapshots"
    "labs/kv/kv-restarts-partitions-snapshots" "labs/kv/kv-everything-snapshots"

    "gates/failover" "gates/minority-down" "gates/rejoin-by-snapshot" "gates/handover" "gates/forced-snapshots"
    "gates/rebuild" "gates/quiet-end" "gates/patient-timers" "gates/killed-anywhere" "gates/joins"
    "gates/loss-and-kills" "gates/many-writes" "gates/chaos-kill" "gates/chaos-partition" "gates/chaos-loss"
    "gates/chaos-skew" "gates/full-disks" "gates/story" "gates/one-change-at-a-time" "gates/ten-thousand-writes"
    "gates/promotion-waits"
};

/// All scenarios of the catalog.
///
/// # Panics
/// If one of them is broken, which a test excludes.
#[must_use]
pub fn all() -> Vec<Scenario> {
    let scenarios: Result<Vec<Scenario>, FileError> =
        FILES.iter().map(|(file, text)| format::parse(file, text)).collect();
    scenarios.expect("the scenarios of the catalog are well-formed")
}

/// The scenario with this name, or with this alias. Capitals, and what joins words, make no difference.
#[must_use]
pub fn find(name: &str) -> Option<Scenario> {
    find_in(&all(), name).cloned()
}

/// The scenario among these with this name, or with this alias.
#[must_use]
pub fn find_in<'a>(scenarios: &'a [Scenario], name: &str) -> Option<&'a Scenario> {
    let plain = plain(name);
    scenarios.iter().find(|scenario| is_called(scenario, &plain))
}

/// The names of the catalog that are most like this one, as a question.
#[must_use]
pub fn suggestion(named: &str) -> String {
    let all = all();
    let names = all.iter().flat_map(|scenario| [&scenario.name].into_iter().chain(&scenario.aliases));
    alike(named, names.map(String::as_str))
}

/// The text of the scenario with this name or alias, as a starting point for one's own.
#[must_use]
pub fn text(name: &str) -> Option<&'static str> {
    let plain = plain(name);
    all().iter().zip(FILES).find(|(scenario, _)| is_called(scenario, &plain)).map(|(_, (_, text))| *text)
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
        let files: Vec<&str> = FILES.iter().filter_map(|(path, _)| path.rsplit('/').next()).collect();
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
