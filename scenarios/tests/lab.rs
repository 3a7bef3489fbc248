//! The lab that is handed out: it is written once and over nothing, its skeletons keep to the protocol and earn nothing, a whole node passes,
//! and one that is broken in a place does not.
//!
//! Where a language is not installed, its tests are skipped with a message. What takes longer is ignored here and run by hand:
//! `cargo test --release --test lab -- --ignored`.
#![expect(clippy::disallowed_methods, reason = "these tests start programs and write folders")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

#[expect(dead_code, reason = "the node in Rust is broken by other tests")]
mod lab_support;

use lab_support::{Folder, SEEDS, code, ended, grade, has, text, variants};

/// The node in Python, whole.
const WHOLE: &str = include_str!("reference/raft.py");

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

/// The command with these arguments and a node.
fn with_node(node: &str) -> impl Fn(&[&str]) -> Command {
    move |arguments| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_whitewater"));
        command.args(arguments).args(["--node", node]);
        command
    }
}

/// Writes a lab, builds it, and grades it as it is.
fn skeleton_earns_nothing(language: &str, build: Option<&[&str]>, node: &str) {
    let folder = Folder::with_lab(language, language);
    if let Some([program, arguments @ ..]) = build {
        let output = Command::new(program).args(arguments).current_dir(folder.lab()).output();
        let output = output.expect("it starts");
        assert!(output.status.success(), "{}", text(&output.stderr));
    }
    let results = grade(&folder.lab(), 1, with_node(node));
    assert_eq!(results.score, 0.0);
    assert!(results.tests.len() > 20 && results.tests.iter().all(|row| row.score == 0.0 && row.max_score > 0.0));
    // It keeps to the protocol: that nobody is answered is all that is wrong.
    let output = ended(with_node(node)(&["run", "initial-election", "--seeds", "0..1"]), &folder.lab());
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

/// The node in Python.
const NODE: &str = "python3 raft.py";

/// A lab in which the skeleton was replaced by this program.
fn lab_with(name: &str, program: &str) -> Folder {
    let folder = Folder::with_lab(name, "python");
    fs::write(folder.lab().join("raft.py"), program).expect("written");
    folder
}

#[test]
fn a_node_that_is_broken_in_one_place_is_found_out_and_the_whole_one_is_not() {
    if !has("python3", "--version") {
        return;
    }
    let whole = lab_with("whole", WHOLE);
    for variant in variants() {
        let [program] = variant.python.broken([WHOLE]);
        let broken = lab_with(&variant.name, &program);
        variant.shown_by.assert_shown(&variant.name, &broken.lab(), with_node(NODE));
        variant.shown_by.assert_passed(&whole.lab(), with_node(NODE));
    }
}

#[test]
fn the_whole_node_makes_the_same_run_twice() {
    if has("python3", "--version") {
        let folder = lab_with("twice", WHOLE);
        let command = with_node(NODE)(&["replay", "kv-basic-snapshots", "--seed", "3", "--verify"]);
        let output = ended(command, &folder.lab());
        assert_eq!(code(&output), 0, "{}", text(&output.stdout));
    }
}

#[test]
#[ignore = "it takes minutes"]
fn the_whole_node_gets_all_points() {
    if has("python3", "--version") {
        let results = grade(&lab_with("points", WHOLE).lab(), SEEDS, with_node(NODE));
        assert!(results.lost().is_empty(), "{} of 100: {:?}", results.score, results.lost());
    }
}

#[test]
#[ignore = "it takes a quarter of an hour"]
fn a_node_that_is_broken_in_one_place_loses_the_rows_that_it_should_and_no_others() {
    if has("python3", "--version") {
        for variant in variants() {
            let [program] = variant.python.broken([WHOLE]);
            let folder = lab_with(&format!("loses-{}", variant.name), &program);
            let results = grade(&folder.lab(), SEEDS, with_node(NODE));
            assert_eq!(results.lost(), variant.loses, "{}: {} of 100", variant.name, results.score);
        }
    }
}
