//! The bug bench as its users see it: the list, explanations, what a build without bugs says, and, in a build with them,
//! what the bench measures and a canary decides.

#![expect(clippy::disallowed_methods, reason = "a test of the repository reads its files")]

#[cfg_attr(not(feature = "bugs"), expect(dead_code, reason = "other tests of the command line need more of it"))]
mod cli_support;

use std::fs;
use std::path::{Path, PathBuf};

use cli_support::{code, output, transcript};
use whitewater_scenarios::bugs::{self, Place};

fn stdout(arguments: &str) -> String {
    String::from_utf8(output(arguments).stdout).expect("the command prints UTF-8")
}

fn stderr(arguments: &str) -> String {
    String::from_utf8(output(arguments).stderr).expect("the command prints UTF-8")
}

#[track_caller]
fn assert_prints(name: &str, arguments: &str) {
    insta::assert_snapshot!(name, transcript(arguments, &output(arguments), str::to_owned));
}

#[test]
fn every_bug_is_listed_once_with_its_number() {
    let text = stdout("bugs");
    for bug in bugs::all() {
        let is_row = |line: &&str| {
            let mut words = line.split_whitespace();
            words.next() == Some(bug.number.to_string().as_str()) && words.next() == Some(bug.name)
        };
        assert_eq!(text.lines().filter(is_row).count(), 1, "{}", bug.name);
    }
    assert!(text.lines().all(|line| line.chars().count() <= 120), "{text}");
    let json: serde_json::Value = serde_json::from_str(&stdout("bugs --json")).expect("it is JSON");
    assert_eq!(json.as_array().map(Vec::len), Some(bugs::all().len()));
}

#[test]
fn a_bug_is_explained_by_name_and_by_number() {
    let text = stdout("bugs acknowledged-before-durable");
    assert_eq!(text, stdout("bugs 37"));
    assert!(
        text.starts_with("acknowledged-before-durable: bug 37 of the bench, section 3.8, in the store\n"),
        "{text}"
    );
    assert!(text.contains("  I10 Ack Honesty: "), "{text}");
    assert!(stdout("bugs snapshots-twice-as-often").contains("No check may notice."));
}

#[test]
fn an_unknown_bug_is_refused_with_a_suggestion() {
    for arguments in ["bugs no-sink", "bugs run no-sink", "run calm --bug no-sink", "run calm --canary=no-sink"] {
        let text = stderr(arguments);
        assert!(text.starts_with("error: there is no bug `no-sink`; did you mean no-sync"), "{arguments}: {text}");
        assert_eq!(code(&output(arguments)), 2, "{arguments}");
    }
    assert_prints("bugs-unknown", "bugs zzz");
}

/// The files below a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("the folder can be read");
    let paths = entries.map(|entry| entry.expect("the entry can be read").path());
    paths.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

/// What has to be changed to break a rule, one can find.
#[test]
fn every_bug_of_the_store_is_switched_on_at_one_place() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../kv/src");
    let declared = whitewater_kv::bugs::Bug::ALL;
    assert_eq!(bugs::all().iter().filter(|bug| bug.place == Place::Store).count(), declared.len());
    for bug in declared {
        let line = format!("bugs::is_on(Bug::{bug:?})");
        let using = files(&folder).into_iter().filter(|path| fs::read_to_string(path).expect("text").contains(&line));
        let uses: usize = using.map(|path| fs::read_to_string(path).expect("text").matches(&line).count()).sum();
        assert!((1..=2).contains(&uses), "{}: {uses} places", bug.name());
    }
}

#[cfg(not(feature = "bugs"))]
#[test]
fn a_build_without_bugs_says_how_to_get_them() {
    assert_prints("bugs-not-built", "bugs run");
    for arguments in
        ["bugs run no-sync", "run calm --seed 1 --bug 38", "run calm --canary", "replay calm --seed 1 --bug 38"]
    {
        let text = stderr(arguments);
        assert!(
            text.starts_with("error: this build has no bugs to switch on: build it with --features bugs"),
            "{text}"
        );
        assert_eq!((code(&output(arguments)), stdout(arguments)), (2, String::new()), "{arguments}");
    }
}

#[cfg(feature = "bugs")]
mod bugged {
    use super::*;
    use cli_support::{empty_directory, whitewater, without_figures};

    #[test]
    fn the_bench_measures() {
        let arguments = "bugs run no-sync snapshots-twice-as-often --seeds 4 --in calm,storm --jobs 2";
        let output = output(arguments);
        assert_eq!(code(&output), 0);
        insta::assert_snapshot!("bugs-run", transcript(arguments, &output, without_figures));
    }

    #[test]
    fn a_bug_that_escapes_is_a_failure_and_a_program_can_read_which() {
        let arguments = "bugs run timeout-is-failure --seeds 2 --in calm --format json";
        assert_eq!(code(&output(arguments)), 1);
        let json: serde_json::Value = serde_json::from_str(&stdout(arguments)).expect("it is JSON");
        assert_eq!(
            (&json["bugs"][0]["caught"], &json["bugs"][0]["seeds_median"]),
            (&0.into(), &serde_json::Value::Null)
        );
        assert_eq!(json["bugs"][0]["ranges"].as_array().map(Vec::len), Some(5));
    }

    #[test]
    fn a_failure_names_the_bug_that_was_on_and_is_made_again_by_its_last_line() {
        let text = stdout("run calm --seed 0 --bug no-sync");
        assert!(text.starts_with("BUGGED BUILD, with no-sync on\nFAIL: "), "{text}");
        let last = text.lines().last().expect("a line").trim();
        assert_eq!(last, "whitewater replay calm --seed 0 --bug no-sync");
        let again = output(last.strip_prefix("whitewater ").expect("a command"));
        assert_eq!(code(&again), 1);
        assert_eq!(code(&output("replay calm --seed 0")), 0, "without the bug it passes");
        assert!(stdout("--version").contains("BUGGED BUILD"));
    }

    #[test]
    fn a_canary_that_nobody_notices_makes_a_campaign_inconclusive() {
        let noticed = stdout("run calm --seed 0 --canary");
        assert!(noticed.contains("canary        acknowledged-before-durable was caught by "), "{noticed}");
        let arguments = "run calm --seed 0 --canary=snapshots-twice-as-often";
        assert_eq!(code(&output(arguments)), 3);
        let text = stdout(arguments);
        assert!(text.contains("INCONCLUSIVE: 1 run of 1 scenario; the canary was not caught\n"), "{text}");
        assert!(text.contains("canary        snapshots-twice-as-often was NOT caught in 100 runs"), "{text}");
    }

    /// The value of a key of a scenario file.
    fn value<'t>(text: &'t str, key: &str) -> &'t str {
        let line = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(" = "));
        line.unwrap_or_else(|| panic!("{key} is missing: {text}"))
    }

    #[test]
    fn a_shrunk_run_is_smaller_and_fails_the_same_check() {
        let file = empty_directory("shrink").join("small.repro.toml");
        let shrink = whitewater("shrink storm --seed 0 --bug two-votes --time-limit 8s --out").arg(&file).output();
        let shrink = shrink.expect("the command starts");
        let text = String::from_utf8(shrink.stdout.clone()).expect("UTF-8");
        assert_eq!(code(&shrink), 1, "{text}");
        assert!(text.starts_with("I2 Vote Once\n  from 7 servers, "), "{text}");
        let figure = |line: &str, of: &str| -> u64 {
            let line = text.lines().find(|other| other.starts_with(line)).expect("the line is there");
            let words = line.split(", ").find(|words| words.contains(of)).expect("it is said");
            let number = words.split(' ').find(|word| word.starts_with(|c: char| c.is_ascii_digit()));
            number.expect("a number").replace(',', "").parse().expect("a number")
        };
        assert!(figure("  to", " fault") < figure("  from", " fault"), "{text}");
        assert!(figure("  to", " operation") < figure("  from", " operation"), "{text}");
        let written = fs::read_to_string(&file).expect("the file is there");
        assert_eq!(value(&written, "check"), "\"I2\"");
        let replay = |option: &str| {
            let output = whitewater(&format!("replay {option}")).arg(&file).output().expect("the command starts");
            (code(&output), String::from_utf8(output.stdout).expect("UTF-8"))
        };
        let (status, replayed) = replay("--bug two-votes");
        assert_eq!(status, 1, "{replayed}");
        assert!(replayed.starts_with("FAIL: storm-0, seed ") && replayed.contains("\nI2 Vote Once\n"), "{replayed}");
        assert_eq!(replay("").0, 0, "without the bug it passes");
    }

    #[test]
    fn a_run_that_passes_is_not_shrunk() {
        let file = empty_directory("shrink-nothing").join("small.repro.toml");
        for arguments in ["shrink calm --seed 0 --out", "shrink calm --seed 0 --bug snapshots-twice-as-often --out"] {
            let output = whitewater(arguments).arg(&file).output().expect("the command starts");
            assert_eq!(code(&output), 2, "{arguments}");
            let text = String::from_utf8(output.stderr).expect("UTF-8");
            assert!(text.contains("error: the run of calm with seed 0 fails no check"), "{text}");
            assert!(!file.exists(), "{arguments}");
        }
        assert!(stderr("shrink calm").contains("Add a seed"), "{}", stderr("shrink calm"));
    }
}
