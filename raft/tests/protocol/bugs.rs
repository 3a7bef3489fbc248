//! The bench's own rules: every bug has a number and a name of its own, and is switched on at one place, or two where the
//! rule has two sides.
//!
//! What it simplifies: uses are counted in the text of the sources, not in what is compiled.
#![expect(clippy::disallowed_methods, reason = "a test of the repository reads its files")]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use whitewater_raft::bugs::{self, Bug};

/// The sources in a folder and the folders in it, but for the declarations of bugs.
fn sources(folder: &Path) -> String {
    let mut text = String::new();
    for entry in fs::read_dir(folder).expect("the folder can be read") {
        let path = entry.expect("the entry can be read").path();
        if path.is_dir() {
            text += &sources(&path);
        } else if path.file_name().is_some_and(|name| name != "bugs.rs") {
            text += &fs::read_to_string(&path).expect("a source is text");
        }
    }
    text
}

#[test]
fn numbers_and_names_are_unique() {
    let numbers: BTreeSet<u16> = Bug::ALL.iter().map(|bug| bug.number()).collect();
    let names: BTreeSet<&str> = Bug::ALL.iter().map(|bug| bug.name()).collect();
    assert_eq!((numbers.len(), names.len()), (Bug::ALL.len(), Bug::ALL.len()));
    let is_plain = |name: &str| name.chars().all(|c| c.is_ascii_lowercase() || c == '-');
    assert_eq!(names.iter().find(|name| !is_plain(name)), None);
}

#[test]
fn every_bug_names_its_detectors_and_no_control_does() {
    for bug in Bug::ALL {
        assert_eq!(bug.detectors().is_empty(), bug.number() > 200, "{}", bug.name());
    }
}

#[test]
fn every_bug_is_switched_on_at_one_place_or_two() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = sources(&root.join("src")) + &sources(&root.join("../kv/src"));
    for bug in Bug::ALL {
        let places = text.matches(&format!("Bug::{bug:?})")).count();
        assert!((1..=2).contains(&places), "{} is switched on at {places} places", bug.name());
    }
}

#[test]
fn no_bug_is_on_unless_it_was_switched_on() {
    assert!(Bug::ALL.iter().all(|bug| !bugs::is_on(*bug)));
    if bugs::ARE_COMPILED {
        bugs::switch(Some(Bug::TwoVotes.number()));
        let on: Vec<Bug> = Bug::ALL.iter().copied().filter(|bug| bugs::is_on(*bug)).collect();
        bugs::switch(None);
        assert_eq!(on, [Bug::TwoVotes]);
    }
}
