//! Faults of servers, disks, clocks and clients against the built-in system: each of them strikes, the system survives all of
//! them, and a run is the same with the recorder on.

use whitewater_reports::model::Verdict;
use whitewater_scenarios::catalog;
use whitewater_scenarios::run::{Options, Run, run};
use whitewater_scenarios::scenario::{Scenario, format};
use whitewater_sim::Recording;
use whitewater_sim::disk::Losses;

/// Each mix, and what the trace says when it struck.
const MIXES: [(&str, &[&str]); 13] = [
    (
        "kind = \"crash-at\"\npoint = \"before-write\"\ntarget = \"random\"\nskip = 5\ndown = \"50ms\"",
        &["crashes before a write"],
    ),
    (
        "kind = \"crash-at\"\npoint = \"after-write\"\ntarget = \"leader\"\nskip = 5\ndown = \"50ms\"",
        &["crashes after a write"],
    ),
    (
        "kind = \"crash-at\"\npoint = \"after-asking-for-sync\"\ntarget = \"random\"\nskip = 5\ndown = \"50ms\"",
        &["crashes after asking for a sync"],
    ),
    (
        "kind = \"crash-at\"\npoint = \"after-sync\"\ntarget = \"follower\"\nskip = 5\ndown = \"50ms\"",
        &["crashes after a sync"],
    ),
    (
        "kind = \"crash-at\"\npoint = \"after-send\"\ntarget = \"leader\"\nskip = 5\ndown = \"50ms\"",
        &["crashes after sending"],
    ),
    (
        "kind = \"slow-server\"\ntarget = \"leader\"\nservice = { kind = \"exponential\", min = \"50us\", mean = \"500us\" }",
        &["slow server begins", "slow server ends"],
    ),
    ("kind = \"disk-error\"\ntarget = \"random\"\nfailure = \"sync\"", &["halts", "is down, because it halted"]),
    ("kind = \"disk-error\"\ntarget = \"leader\"\nfailure = \"write\"", &["halts", "is down, because it halted"]),
    ("kind = \"disk-error\"\ntarget = \"all\"\nfailure = \"full\"", &["halts", "is down, because it halted"]),
    ("kind = \"damage\"\ntarget = \"random\"\ndamage = \"rot\"", &["gets an empty one"]),
    ("kind = \"damage\"\ntarget = \"leader\"\ndamage = \"misdirected\"", &["gets an empty one"]),
    ("kind = \"damage\"\ntarget = \"follower\"\ndamage = \"phantom\"", &["gets an empty one"]),
    ("kind = \"client-crash\"", &["client crash begins", "has an unknown outcome"]),
];

fn scenario(mixes: &[&str]) -> Scenario {
    let base = "name = \"x\"\nsummary = \"y\"\n[cluster]\nservers = [3, 5]\n[timing]\nduration = \"8s\"\n\
                [snapshots]\nevery = 60\n[workload]\nreads = \"quorum\"\n[network]\nloss = 0.01\n\
                [disk]\nsegment_bytes = \"4KiB\"\nsync = { kind = \"exponential\", min = \"300us\", mean = \"2ms\" }\n";
    let every = |mix: &&str| if mix.contains("damage") { "[\"5s\", \"6s\"]" } else { "[\"300ms\", \"1s\"]" };
    let faults =
        mixes.iter().map(|mix| format!("[[faults]]\n{mix}\nevery = {}\nlasting = [\"50ms\", \"600ms\"]\n", every(mix)));
    let text = base.to_owned() + &faults.collect::<String>();
    format::parse("x.toml", &text).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

fn recorded(scenario: &Scenario, seed: u64) -> Run {
    run(scenario, seed, &Options { recording: Recording::On, ..Options::default() })
}

fn says(run: &Run, words: &str) -> bool {
    run.trace.as_ref().is_some_and(|trace| trace.lines().iter().any(|line| line.text.contains(words)))
}

#[test]
fn each_fault_strikes_and_is_survived() {
    for (mix, words) in MIXES {
        let scenario = scenario(&[mix]);
        let runs: Vec<Run> = (0..6).map(|seed| recorded(&scenario, seed)).collect();
        for run in &runs {
            assert_eq!(run.record.verdict, Verdict::Pass, "seed {} of {mix}", run.record.seed);
        }
        for words in words {
            assert!(runs.iter().any(|run| says(run, words)), "no run says `{words}`: {mix}");
        }
    }
}

#[test]
fn all_of_them_together_are_survived_and_change_nothing_for_the_recorder() {
    let more = [
        "kind = \"disk-error\"\ntarget = \"minority\"\nfailure = \"read\"",
        "kind = \"crash\"\ntarget = \"random\"",
        "kind = \"clock-freeze\"\ntarget = \"random\"",
    ];
    let mut refused_to_read = false;
    for (place, damage) in ["rot", "misdirected", "phantom"].iter().enumerate() {
        // One disk is lost at a time, so there is one mix that costs disks.
        let is_other = |mix: &&str| mix.contains("damage") && !mix.contains(damage);
        let mixes = MIXES.iter().map(|(mix, _)| *mix).filter(|mix| !is_other(mix)).chain(more);
        let scenario = scenario(&mixes.collect::<Vec<&str>>());
        for seed in (0..15).filter(|seed| seed % 3 == place as u64) {
            let kept = recorded(&scenario, seed);
            assert_eq!(kept.record.verdict, Verdict::Pass, "seed {seed}, {damage}");
            assert_eq!(kept.record.digest, run(&scenario, seed, &Options::default()).record.digest, "seed {seed}");
            refused_to_read |= says(&kept, "cannot be read");
        }
    }
    assert!(refused_to_read, "nobody restarted on a disk that could not be read");
}

/// A server that takes a failed sync for a completed one promises what it does not have.
#[cfg(feature = "bugs")]
#[test]
fn a_write_error_that_is_ignored_is_noticed() {
    let bug = whitewater_scenarios::bugs::find("41").expect("it is in the bench");
    let scenario = scenario(&["kind = \"disk-error\"\ntarget = \"random\"\nfailure = \"sync\""]);
    let options = Options { bug: Some(bug), ..Options::default() };
    let checks = (0..10).filter_map(|seed| match run(&scenario, seed, &options).record.verdict {
        Verdict::Violation { check, .. } => Some(check),
        Verdict::Pass | Verdict::Inconclusive { .. } | Verdict::Error { .. } => None,
    });
    let checks: Vec<String> = checks.collect();
    assert!(checks.iter().any(|check| ["I10", "I8", "I2"].contains(&check.as_str())), "{checks:?}");
}

#[test]
fn a_majority_of_disks_is_lost_only_in_a_scenario_that_goes_beyond_what_a_cluster_survives() {
    let beyond = catalog::find("majority-of-disks").expect("it is in the catalog");
    let mut spared = beyond.clone();
    spared.disks.losses = Losses::Survived;
    for seed in 0..4 {
        let (beyond, spared) = (recorded(&beyond, seed), recorded(&spared, seed));
        let left_out = "is left out: the cluster would not survive that now";
        assert_eq!(beyond.record.verdict, Verdict::Pass, "seed {seed}");
        assert!(says(&spared, left_out) && !says(&beyond, left_out), "seed {seed}");
    }
}
