//! The node of the lab in Rust makes the same runs as the one in Python, down to the digest: two implementations, and the two ways of
//! being a node, in a process of its own and in the one that makes the run, have to agree on every message. What that leaves out:
//! snapshots, which hold the same in another order of keys. Broken in one place it is found out, and loses the rows that the
//! other one loses.
//!
//! Who breaks a node here changes its text, so the node itself knows nothing of it. All broken ones become one program with one call
//! of the compiler, which links them with the libraries that Cargo has built for this test: eight nodes take seconds like this.
//! What takes minutes is ignored and run by hand: `cargo test --release --test lab_rust -- --ignored`.
#![expect(clippy::disallowed_methods, reason = "these tests start programs and write folders")]

#[expect(dead_code, reason = "the node in Python is broken by other tests")]
mod lab_support;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;
use whitewater_reports::model::{RunRecord, Verdict};
use whitewater_scenarios::handout::{self, Language};
use whitewater_scenarios::run::{Options, run_on};
use whitewater_scenarios::scenario::{Scenario, format};
use whitewater_scenarios::search::lineage::Lineage;
use whitewater_scenarios::systems::guest::{Allowance, Guests};
use whitewater_scenarios::{catalog, lab};

use lab_support::{Folder, SEEDS, Variant, ended, grade, has, text, variants};

#[path = "reference/raft.rs"]
#[expect(dead_code, reason = "it is a program, and here only its node is wanted")]
mod raft;

/// The files of the node, and what is in them.
const FILES: [&str; 3] = ["raft.rs", "messages.rs", "state.rs"];
const TEXTS: [&str; 3] =
    [include_str!("reference/raft.rs"), include_str!("reference/messages.rs"), include_str!("reference/state.rs")];

/// The variable that says which of its nodes a program takes.
const VARIANT: &str = "LAB_RUST_VARIANT";

/// The name of the node that is not broken.
const WHOLE: &str = "whole";

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
    if !has("python3", "--version") {
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

#[test]
fn what_a_node_does_not_need_any_more_stays_away_when_it_crashes_soon() {
    // Three lives that ended soon left a file each, and every crash brought them back.
    let rust = lab::cluster::<raft::Server>();
    for (name, seed) in [("snapshot-install-crash", 52), ("snapshot-install-unreliable-crash", 175)] {
        let record = run_on(&rust, &scenario(name), &Lineage::of(seed), &Options::default()).record;
        assert_eq!(record.verdict, Verdict::Pass, "{name}, seed {seed}");
    }
}

/// A program with the whole node and all broken ones in it.
struct Nodes {
    folder: Folder,
}

impl Nodes {
    /// Compiles all nodes.
    fn compile(name: &str, variants: &[Variant]) -> Nodes {
        let folder = Folder::new(name);
        let whole = (WHOLE, TEXTS.map(str::to_owned));
        let broken = variants.iter().map(|variant| (&*variant.name, variant.rust.broken(TEXTS)));
        let (mut modules, mut arms) = (String::new(), String::new());
        for (place, (name, texts)) in [whole].into_iter().chain(broken).enumerate() {
            fs::create_dir(folder.0.join(name)).expect("names differ");
            for (file, text) in FILES.iter().zip(texts) {
                fs::write(folder.0.join(name).join(file), text).expect("written");
            }
            modules += &format!("#[path = \"{name}/raft.rs\"]\nmod node{place};\n");
            arms += &format!("        \"{name}\" => whitewater_scenarios::lab::main::<node{place}::Server>(),\n");
        }
        let main = format!(
            "{modules}\nfn main() -> std::process::ExitCode {{\n    match &*std::env::var(\"{VARIANT}\").expect(\"a node is named\") {{\n\
             {arms}        other => panic!(\"there is no node called {{other}}\"),\n    }}\n}}\n"
        );
        fs::write(folder.0.join("nodes.rs"), main).expect("written");
        let nodes = Nodes { folder };
        nodes.link();
        nodes
    }

    fn link(&self) {
        let mut rustc = Command::new(std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()));
        let level = if cfg!(debug_assertions) { "opt-level=0" } else { "opt-level=2" };
        rustc.args(["--edition", "2024", "-C", level, "--cap-lints", "allow", "nodes.rs"]);
        for (name, path) in libraries() {
            let near = path.parent().expect("it is in a folder");
            rustc.arg("--extern").arg(format!("{name}={}", path.display()));
            rustc.arg("-L").arg(format!("dependency={}", near.display()));
        }
        let output = ended(rustc, &self.folder.0);
        assert!(output.status.success(), "{}", text(&output.stderr));
    }

    /// The command line with one of the nodes, as [`grade`] wants it.
    fn node<'a>(&'a self, name: &'a str) -> impl Fn(&[&str]) -> Command + 'a {
        move |arguments| {
            let mut command = Command::new(self.folder.0.join("nodes"));
            command.args(arguments).env(VARIANT, name);
            command
        }
    }
}

/// The libraries that a node is linked with, by name, as Cargo has built them for this test.
fn libraries() -> [(&'static str, PathBuf); 2] {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["build", "--offline", "--example", "raft", "--message-format", "json"]);
    if !cfg!(debug_assertions) {
        cargo.arg("--release");
    }
    if cfg!(feature = "bugs") {
        cargo.args(["--features", "bugs"]);
    }
    let output = cargo.current_dir(env!("CARGO_MANIFEST_DIR")).stderr(Stdio::inherit()).output().expect("cargo starts");
    assert!(output.status.success(), "the node compiles");
    let messages = output.stdout.split(|byte| *byte == b'\n');
    let built: Vec<Value> = messages.filter_map(|line| serde_json::from_slice(line).ok()).collect();
    // What only runs while others are compiled has libraries of its own, with fewer features.
    let has_feature = |message: &Value, feature: &str| {
        message["features"].as_array().is_some_and(|features| features.iter().any(|other| other == feature))
    };
    let library = |name: &'static str, is_it: &dyn Fn(&Value) -> bool| {
        let of_name = built.iter().filter(|message| message["target"]["name"] == name && is_it(message));
        let files = of_name.filter_map(|message| message["filenames"].as_array()).flatten();
        let file = files.filter_map(Value::as_str).find(|path| path.ends_with(".rlib"));
        (name, PathBuf::from(file.unwrap_or_else(|| panic!("there is a library {name}"))))
    };
    [library("serde", &|message| has_feature(message, "derive")), library("whitewater_scenarios", &|_| true)]
}

#[test]
fn a_node_that_is_broken_in_one_place_is_found_out_and_the_whole_one_is_not() {
    let variants = variants();
    let nodes = Nodes::compile("rust", &variants);
    let lab = Folder::with_lab("rust-runs", "rust");
    for Variant { name, shown_by, .. } in &variants {
        shown_by.assert_shown(name, &lab.lab(), nodes.node(name));
        shown_by.assert_passed(&lab.lab(), nodes.node(WHOLE));
    }
}

#[test]
#[ignore = "it takes minutes"]
fn the_whole_node_gets_all_points_and_one_that_is_broken_in_one_place_loses_the_rows_that_it_should() {
    let variants = variants();
    let nodes = Nodes::compile("rust-points", &variants);
    let graded = |name: &str| {
        let lab = Folder::with_lab(&format!("rust-points-{name}"), "rust");
        grade(&lab.lab(), SEEDS, nodes.node(name))
    };
    let results = graded(WHOLE);
    assert!(results.lost().is_empty(), "{} of 100: {:?}", results.score, results.lost());
    for Variant { name, loses, .. } in &variants {
        let results = graded(name);
        eprintln!("{name}: {} of 100, lost {:?}", results.score, results.lost());
        assert_eq!(results.lost(), *loses, "{name}: {} of 100", results.score);
    }
}

#[test]
#[ignore = "it takes minutes"]
fn the_whole_node_makes_two_hundred_runs_of_every_row_twice() {
    let nodes = Nodes::compile("rust-twice", &[]);
    let digests = || {
        let lab = Folder::with_lab("rust-digests", "rust");
        let results = grade(&lab.lab(), 200, nodes.node(WHOLE));
        assert!(results.lost().is_empty(), "{} of 100: {:?}", results.score, results.lost());
        let campaign = fs::read(lab.lab().join("results/campaign.json")).expect("it is there");
        let campaign: Value = serde_json::from_slice(&campaign).expect("it is JSON");
        let runs = campaign["runs"].as_array().expect("runs").iter();
        runs.map(|run| [&run["scenario"], &run["seed"], &run["digest"]].map(Value::to_string)).collect::<Vec<_>>()
    };
    let first = digests();
    assert!(first.len() > 200 && first.iter().flatten().all(|word| word != "null"));
    assert!(first == digests(), "the same runs");
}
