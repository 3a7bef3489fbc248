//! What the tests of the lab's nodes have in common: folders with a lab in them, grades, and the places where nodes are broken.
#![expect(clippy::disallowed_methods, reason = "these tests start programs and write folders")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde::Deserialize;

/// So many seeds a row has that students see.
pub(crate) const SEEDS: u32 = 20;

/// A folder that goes when the test is over.
pub(crate) struct Folder(pub(crate) PathBuf);

impl Folder {
    /// A folder for the test of this name.
    pub(crate) fn new(name: &str) -> Folder {
        let path = std::env::temp_dir().join(format!("whitewater-lab-{}-{name}", std::process::id()));
        fs::create_dir_all(&path).expect("a temporary folder");
        Folder(path)
    }

    /// A folder in which `lab` is the lab for a language.
    pub(crate) fn with_lab(name: &str, language: &str) -> Folder {
        let folder = Folder::new(name);
        let output = folder.whitewater(&["new", "lab", "--language", language, "lab"]);
        assert_eq!(code(&output), 0, "{}", text(&output.stderr));
        folder
    }

    /// Where the lab is.
    pub(crate) fn lab(&self) -> PathBuf {
        self.0.join("lab")
    }

    /// Runs the command in it.
    pub(crate) fn whitewater(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_whitewater"));
        command.args(arguments);
        ended(command, &self.0)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Runs a command in a folder to its end.
pub(crate) fn ended(mut command: Command, folder: &Path) -> Output {
    command.current_dir(folder).stdin(Stdio::null()).output().expect("the command starts")
}

/// The exit code.
pub(crate) fn code(output: &Output) -> i32 {
    output.status.code().expect("it was not killed")
}

/// What was printed.
pub(crate) fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("it prints UTF-8")
}

/// Whether a program is there; says so if it is not.
pub(crate) fn has(program: &str, version: &str) -> bool {
    let is_there = Command::new(program).arg(version).output().is_ok_and(|output| output.status.success());
    if !is_there {
        eprintln!("skipped: there is no {program}");
    }
    is_there
}

/// What a platform reads.
#[derive(Deserialize)]
pub(crate) struct Results {
    pub(crate) score: f64,
    pub(crate) tests: Vec<ResultsRow>,
}

/// A row of it.
#[derive(Deserialize)]
pub(crate) struct ResultsRow {
    pub(crate) number: String,
    pub(crate) score: f64,
    pub(crate) max_score: f64,
}

impl Results {
    /// The rows without all of their points.
    pub(crate) fn lost(&self) -> Vec<&str> {
        self.tests.iter().filter(|row| row.score < row.max_score).map(|row| row.number.as_str()).collect()
    }
}

/// Grades a node with so many seeds a row, and time enough. `whitewater` makes the command that does what its arguments say with
/// this node.
pub(crate) fn grade(lab: &Path, seeds: u32, whitewater: impl Fn(&[&str]) -> Command) -> Results {
    let path = lab.join("assignment.toml");
    let assignment = fs::read_to_string(&path).expect("it is there");
    let other = assignment
        .replace("public = \"0..20\"", &format!("public = \"0..{seeds}\""))
        .replace("total = \"9m\"", "total = \"1h\"");
    assert_ne!(other, assignment);
    fs::write(&path, other).expect("written");
    let output = ended(whitewater(&["grade", "assignment.toml", "--out", "results"]), lab);
    assert_eq!(code(&output), 0, "{}", text(&output.stderr));
    let results = fs::read(lab.join("results/results.json")).expect("it is there");
    serde_json::from_slice(&results).expect("it is as a platform reads it")
}

/// A line that protects something, and what happens to the lab's nodes without it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Variant {
    pub(crate) name: String,
    #[serde(rename = "breaks")]
    _breaks: String,
    /// The place in the node in Python.
    pub(crate) python: Place,
    /// The place in the node in Rust.
    pub(crate) rust: Place,
    /// A run that shows it.
    pub(crate) shown_by: ShownBy,
    /// The rows that lose points by it, with [`SEEDS`] seeds each.
    pub(crate) loses: Vec<String>,
    #[serde(rename = "lost_where")]
    _lost_where: String,
    #[serde(rename = "because")]
    _because: String,
}

/// A place of a node, and what stands there instead.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Place {
    find: String,
    replace: String,
}

impl Place {
    /// The files of a node, broken in this place.
    pub(crate) fn broken<const FILES: usize>(&self, files: [&str; FILES]) -> [String; FILES] {
        let places: usize = files.iter().map(|text| text.matches(&self.find).count()).sum();
        assert_eq!(places, 1, "it is one place: {}", self.find);
        files.map(|text| text.replace(&self.find, &self.replace))
    }
}

/// A run, and the check that fails in it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ShownBy {
    scenario: String,
    seed: u64,
    check: String,
}

impl ShownBy {
    /// Asserts that the check fails when the run is made in a lab. `whitewater` is as in [`grade`].
    pub(crate) fn assert_shown(&self, variant: &str, lab: &Path, whitewater: impl Fn(&[&str]) -> Command) {
        let output = self.run(lab, whitewater);
        let printed = text(&output.stdout);
        assert_eq!(code(&output), 1, "{variant}: {printed}");
        let is_check = |line: &str| line.starts_with(&format!("{} ", self.check));
        assert!(printed.lines().any(is_check), "{variant}: {printed}");
    }

    /// Asserts that the run passes.
    pub(crate) fn assert_passed(&self, lab: &Path, whitewater: impl Fn(&[&str]) -> Command) {
        let output = self.run(lab, whitewater);
        assert_eq!(code(&output), 0, "the whole node: {}", text(&output.stdout));
    }

    fn run(&self, lab: &Path, whitewater: impl Fn(&[&str]) -> Command) -> Output {
        ended(whitewater(&["run", &self.scenario, "--seeds", &format!("{}..{}", self.seed, self.seed + 1)]), lab)
    }
}

/// The table of all of them.
#[derive(Deserialize)]
struct Variants {
    variants: Vec<Variant>,
}

/// All ways to break a node that are tried.
pub(crate) fn variants() -> Vec<Variant> {
    let text = include_str!("../reference/variants.toml");
    let Variants { variants } = toml::from_str(text).expect("it is as it should be");
    variants
}
