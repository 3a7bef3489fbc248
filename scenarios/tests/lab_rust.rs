//! The node of the lab in Rust makes the same runs as the one in Python, down to the digest: two implementations, and the two ways of
//! being a node, in a process of its own and in the one that makes the run, have to agree on every message. What it leaves out:
//! snapshots, which hold the same in another order of keys.

use std::path::Path;
use std::process::Command;

use whitewater_reports::model::{RunRecord, Verdict};
use whitewater_scenarios::handout::{self, Language};
use whitewater_scenarios::run::{Options, run_on};
use whitewater_scenarios::scenario::{Scenario, format};
use whitewater_scenarios::search::lineage::Lineage;
use whitewater_scenarios::systems::guest::{Allowance, Guests};
use whitewater_scenarios::{catalog, lab};

#[path = "reference/raft.rs"]
#[expect(dead_code, reason = "it is a program, and here only its node is wanted")]
mod raft;

/// Scenarios without snapshots, and what they are about.
const ALIKE: [&str; 9] = [
    "initial-election",
    "re-election",
    "leader-failure",
    "bytes-sent",
    "persist-partitioned-leader",
    "kv-concurrent",
    "scenarios/logs-apart.toml",
    "scenarios/power-cuts.toml",
    "scenarios/leaders-cut-off.toml",
];

/// A scenario of the catalog, or of the lab.
fn scenario(name: &str) -> Scenario {
    let of_lab = handout::files(Language::Python).into_iter().find(|file| file.path == name);
    match of_lab {
        Some(file) => format::parse(name, &file.text).expect("it is a scenario"),
        None => catalog::find(name).expect("it is in the catalog"),
    }
}

#[test]
fn the_nodes_in_rust_and_python_make_the_same_runs() {
    if !Command::new("python3").arg("--version").output().is_ok_and(|output| output.status.success()) {
        eprintln!("skipped: there is no python3");
        return;
    }
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reference/raft.py");
    let command = shell_words::join(["python3", &*program.to_string_lossy()]);
    let python = Guests::external(&command, Allowance::default()).expect("it starts");
    let rust = lab::cluster::<raft::Server>();
    for name in ALIKE {
        let scenario = scenario(name);
        for seed in 0..2 {
            let made = |system| run_on(system, &scenario, &Lineage::of(seed), &Options::default()).record;
            let (rust, python): (RunRecord, RunRecord) = (made(&rust), made(&python));
            assert_eq!(rust.verdict, Verdict::Pass, "{name}, seed {seed}");
            assert_eq!((rust.digest, rust.events), (python.digest, python.events), "{name}, seed {seed}");
        }
    }
}
