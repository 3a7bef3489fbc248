//! The lab that is handed out: it is written once and over nothing, its skeletons keep to the protocol and earn nothing, a whole node passes,
//! and one that is broken in a place does not.
//!
//! Where a language is not installed, its tests are skipped with a message. What takes longer is ignored here and run by hand:
//! `cargo test --release --test lab -- --ignored`.
#![expect(clippy::disallowed_methods, reason = "these tests start programs and write folders")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde::Deserialize;

/// The node in Python, whole.
const WHOLE: &str = include_str!("reference/raft.py");

/// A folder that goes when the test is over.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Folder {
        let path = std::env::temp_dir().join(format!("whitewater-lab-{}-{name}", std::process::id()));
        fs::create_dir_all(&path).expect("a temporary folder");
        Folder(path)
    }

    /// Runs the command in it.
    fn whitewater(&self, arguments: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_whitewater"))
            .args(arguments)
            .current_dir(&self.0)
            .stdin(Stdio::null())
            .output()
            .expect("the command starts")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn code(output: &Output) -> i32 {
    output.status.code().expect("it was not killed")
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("it prints UTF-8")
}

/// Whether a program is there; says so if it is not.
fn has(program: &str, version: &str) -> bool {
    let is_there = Command::new(program).arg(version).output().is_ok_and(|output| output.status.success());
    if !is_there {
        eprintln!("skipped: there is no {program}");
    }
    is_there
}

/// Every file below a folder, with its text.
fn files(folder: &Path) -> BTreeMap<PathBuf, String> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder).expect("it can be read").flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.insert(path.clone(), fs::read_to_string(&path).expect("it is text"));
        }
    }
    found
}

#[test]
fn a_lab_is_written_once_and_over_nothing() {
    let folder = Folder::new("new");
    for (language, program) in
        [("rust", "src/main.rs"), ("python", "raft.py"), ("go", "main.go"), ("javascript", "raft.js")]
    {
        let output = folder.whitewater(&["new", "lab", "--language", language, language]);
        assert_eq!(code(&output), 0, "{}", text(&output.stderr));
        let written = files(&folder.0.join(language));
        assert!(written.contains_key(&folder.0.join(language).join(program)));
        fs::write(folder.0.join(language).join(program), "mine").expect("written");
        fs::remove_file(folder.0.join(language).join("HANDOUT.md")).expect("removed");
        let again = folder.whitewater(&["new", "lab", "--language", language, language]);
        assert_eq!(code(&again), 2);
        assert!(text(&again.stderr).contains("it is there already"), "{}", text(&again.stderr));
        let after = files(&folder.0.join(language));
        assert_eq!(after.len(), written.len() - 1, "nothing is written if something is in the way");
        assert_eq!(after[&folder.0.join(language).join(program)], "mine");
    }
    let unknown = folder.whitewater(&["new", "lab", "--language", "cobol", "x"]);
    assert_eq!(code(&unknown), 2);
    let output = folder.whitewater(&["new", "lab", "--language", "go", "a lab"]);
    let next =
        "cd 'a lab'\ngo build -o raft .\nwhitewater run initial-election --node './raft' --seeds 0..5\nsh grade\n";
    assert!(text(&output.stdout).ends_with(next), "{}", text(&output.stdout));
}

/// What a platform reads.
#[derive(Deserialize)]
struct Results {
    score: f64,
    tests: Vec<ResultsRow>,
}

#[derive(Deserialize)]
struct ResultsRow {
    number: String,
    score: f64,
    max_score: f64,
}

/// Grades a lab with so many seeds a row.
fn grade(folder: &Folder, lab: &str, node: &str, seeds: u32) -> Results {
    let path = folder.0.join(lab).join("assignment.toml");
    let assignment = fs::read_to_string(&path).expect("it is there");
    let fewer = assignment
        .replace("public = \"0..20\"", &format!("public = \"0..{seeds}\""))
        .replace("total = \"9m\"", "total = \"1h\"");
    assert_ne!(fewer, assignment);
    fs::write(&path, fewer).expect("written");
    let mut command = Command::new(env!("CARGO_BIN_EXE_whitewater"));
    command.args(["grade", "assignment.toml", "--out", "results", "--node", node]).current_dir(folder.0.join(lab));
    let output = command.stdin(Stdio::null()).output().expect("the command starts");
    assert_eq!(code(&output), 0, "{}", text(&output.stderr));
    let results = fs::read(folder.0.join(lab).join("results/results.json")).expect("it is there");
    serde_json::from_slice(&results).expect("it is as a platform reads it")
}

/// Writes a lab, builds it, and grades it as it is.
fn skeleton_earns_nothing(language: &str, build: Option<&[&str]>, node: &str) {
    let folder = Folder::new(language);
    assert_eq!(code(&folder.whitewater(&["new", "lab", "--language", language, "lab"])), 0);
    if let Some([program, arguments @ ..]) = build {
        let output = Command::new(program).args(arguments).current_dir(folder.0.join("lab")).output();
        let output = output.expect("it starts");
        assert!(output.status.success(), "{}", text(&output.stderr));
    }
    let results = grade(&folder, "lab", node, 1);
    assert_eq!(results.score, 0.0);
    assert!(results.tests.len() > 20 && results.tests.iter().all(|row| row.score == 0.0 && row.max_score > 0.0));
    // It keeps to the protocol: that nobody is answered is all that is wrong.
    let run = ["run", "initial-election", "--seeds", "0..1", "--node", node];
    let mut command = Command::new(env!("CARGO_BIN_EXE_whitewater"));
    let output = command.args(run).current_dir(folder.0.join("lab")).output().expect("the command starts");
    assert_eq!(code(&output), 1);
    assert!(text(&output.stdout).contains("EXPECT Expectation"), "{}", text(&output.stdout));
}

#[test]
fn the_skeleton_in_python_earns_nothing() {
    if has("python3", "--version") {
        skeleton_earns_nothing("python", None, "python3 raft.py");
    }
}

#[test]
fn the_skeleton_in_javascript_earns_nothing() {
    if has("node", "--version") {
        skeleton_earns_nothing("javascript", None, "node raft.js");
    }
}

#[test]
fn the_skeleton_in_go_earns_nothing() {
    if has("go", "version") {
        skeleton_earns_nothing("go", Some(&["go", "build", "-o", "raft", "."]), "./raft");
    }
}

#[test]
fn the_skeleton_in_rust_earns_nothing() {
    let build: &[&str] = &[env!("CARGO"), "build", "--release", "--quiet", "--offline"];
    skeleton_earns_nothing("rust", Some(build), "target/release/raft");
}

/// A place of the whole node that is broken.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Variant {
    name: String,
    #[serde(rename = "breaks")]
    _breaks: String,
    find: String,
    replace: String,
    /// A row and a seed that show it.
    shown_by: ShownBy,
    /// The rows that lose points by it, with [`SEEDS`] seeds each.
    loses: Vec<String>,
    #[serde(rename = "lost_where")]
    _lost_where: String,
    #[serde(rename = "because")]
    _because: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ShownBy {
    scenario: String,
    seed: u64,
    check: String,
}

#[derive(Deserialize)]
struct Variants {
    variants: Vec<Variant>,
}

fn variants() -> Vec<Variant> {
    let Variants { variants } = toml::from_str(include_str!("reference/variants.toml")).expect("it is as it should be");
    variants
}

impl Variant {
    /// The node, with this place broken.
    fn text(&self) -> String {
        assert_eq!(WHOLE.matches(&self.find).count(), 1, "{} breaks one place", self.name);
        WHOLE.replace(&self.find, &self.replace)
    }
}

/// A lab in which the skeleton was replaced by this program.
fn lab_with(name: &str, program: &str) -> Folder {
    let folder = Folder::new(name);
    assert_eq!(code(&folder.whitewater(&["new", "lab", "--language", "python", "lab"])), 0);
    fs::write(folder.0.join("lab/raft.py"), program).expect("written");
    folder
}

fn run(folder: &Folder, scenario: &str, seed: u64) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_whitewater"));
    command.args(["run", scenario, "--node", "python3 raft.py", "--seeds", &format!("{seed}..{}", seed + 1)]);
    command.current_dir(folder.0.join("lab")).stdin(Stdio::null()).output().expect("the command starts")
}

#[test]
fn a_node_that_is_broken_in_one_place_is_found_out_and_the_whole_one_is_not() {
    if !has("python3", "--version") {
        return;
    }
    let whole = lab_with("whole", WHOLE);
    for variant in variants() {
        let ShownBy { scenario, seed, check } = &variant.shown_by;
        let broken = lab_with(&variant.name, &variant.text());
        let output = run(&broken, scenario, *seed);
        let printed = text(&output.stdout);
        assert_eq!(code(&output), 1, "{}: {printed}", variant.name);
        assert!(printed.lines().any(|line| line.starts_with(&format!("{check} "))), "{}: {printed}", variant.name);
        let output = run(&whole, scenario, *seed);
        assert_eq!(code(&output), 0, "the whole node: {}", text(&output.stdout));
    }
}

#[test]
fn the_whole_node_makes_the_same_run_twice() {
    if has("python3", "--version") {
        let folder = lab_with("twice", WHOLE);
        let mut command = Command::new(env!("CARGO_BIN_EXE_whitewater"));
        command.args(["replay", "kv-basic-snapshots", "--seed", "3", "--verify", "--node", "python3 raft.py"]);
        let output = command.current_dir(folder.0.join("lab")).stdin(Stdio::null()).output().expect("it starts");
        assert_eq!(code(&output), 0, "{}", text(&output.stdout));
    }
}

/// So many seeds a row are made of what takes long.
const SEEDS: u32 = 20;

#[test]
#[ignore = "it takes minutes"]
fn the_whole_node_gets_all_points() {
    if has("python3", "--version") {
        let results = grade(&lab_with("points", WHOLE), "lab", "python3 raft.py", SEEDS);
        assert!(lost(&results).is_empty(), "{} of 100: {:?}", results.score, lost(&results));
    }
}

#[test]
#[ignore = "it takes a quarter of an hour"]
fn a_node_that_is_broken_in_one_place_loses_the_rows_that_it_should_and_no_others() {
    if has("python3", "--version") {
        for variant in variants() {
            let results =
                grade(&lab_with(&format!("loses-{}", variant.name), &variant.text()), "lab", "python3 raft.py", SEEDS);
            assert_eq!(lost(&results), variant.loses, "{}: {} of 100", variant.name, results.score);
        }
    }
}

fn lost(results: &Results) -> Vec<&str> {
    results.tests.iter().filter(|row| row.score < row.max_score).map(|row| row.number.as_str()).collect()
}
