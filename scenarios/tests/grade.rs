//! `whitewater grade` as a whole process: what it prints and writes, that the same nodes get the same points, and that there is
//! a grade whatever happens.

#![expect(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "a test of the command touches files and time, as the host does"
)]

#[expect(dead_code, reason = "other tests of the command line need more of it")]
mod cli_support;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::time::{Duration, Instant};

use cli_support::{code, empty_directory, output, transcript, whitewater};
use serde_json::Value;

const LAB: &str = "tests/fixtures/assignment/lab.toml";

/// Takes out how long things took, and the blanks that depend on it.
fn without_times(text: &str) -> String {
    let units = ["ns", "us", "ms", "s", "min"];
    let line = |line: &str| {
        let is_row = line.starts_with(|c: char| c.is_ascii_digit()) || line.trim_start().starts_with("row ");
        if !is_row {
            return format!("{line}\n");
        }
        let mut words: Vec<&str> = line.split_whitespace().collect();
        while words.last().is_some_and(|word| units.contains(word)) {
            words.truncate(words.len() - 2);
        }
        words.join("  ") + "\n"
    };
    text.lines().map(line).collect()
}

#[track_caller]
fn assert_prints(name: &str, arguments: &str) -> Output {
    let printed = output(arguments);
    insta::assert_snapshot!(name, transcript(arguments, &printed, without_times));
    printed
}

fn json(path: &Path) -> Value {
    serde_json::from_str(&fs::read_to_string(path).expect("it is there")).expect("it is JSON")
}

/// A result without what the wall clock and the number of threads decide.
fn timeless(mut value: Value) -> Value {
    match &mut value {
        Value::Object(map) => {
            for key in ["wall_ns", "jobs", "execution_time"] {
                map.remove(key);
            }
            map.values_mut().for_each(|value| *value = timeless(value.take()));
        }
        Value::Array(list) => list.iter_mut().for_each(|value| *value = timeless(value.take())),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
    value
}

/// An assignment in a folder of its own.
fn written(name: &str, text: &str) -> PathBuf {
    let path = empty_directory(name).join("lab.toml");
    fs::write(&path, text).expect("tests may write there");
    path
}

#[test]
fn a_grade_is_printed_with_what_shows_it() {
    let printed = assert_prints("graded", &format!("grade {LAB} --jobs 1"));
    assert_eq!(code(&printed), 0);
    assert_prints("graded-public", &format!("grade {LAB} --jobs 1 --public --row 1.1 --row 1.2"));
}

#[test]
fn what_is_graded_is_said() {
    let begins = |more: &str| {
        let printed = output(&format!("grade {LAB} --jobs 1 --row 1.1 {more}"));
        let text = String::from_utf8_lossy(&printed.stderr).into_owned();
        text.lines().find(|line| line.starts_with("grading ")).expect("it says what it grades").to_owned()
    };
    assert!(begins("").contains(", of the built-in servers"));
    assert!(!begins("--node true").contains("built-in"));
}

#[test]
fn what_is_wrong_is_said() {
    assert_prints("bad-row", &format!("grade {LAB} --row 3.1"));
    assert_prints("bad-missing", "grade tests/fixtures/assignment/none.toml");
    assert_prints("bad-no-coursework", &format!("grade {LAB} --scenarios tests/fixtures/coursework/handed-in"));
    assert_prints("bad-coursework-only", "grade tests/fixtures/coursework/coursework.toml");
    assert_prints("bad-pack-of-nothing", &format!("pack {LAB} --out not-written.zip"));
    assert_prints("bad-package", &format!("pack {LAB} --node ./node --apt python3,-y"));
    let scenario =
        "title = \"x\"\n[[parts]]\nname = \"A\"\n[[parts.rows]]\nname = \"a\"\npoints = 1\nscenarios = [\"strom\"]\n";
    let path = written("bad-scenario", scenario);
    let printed = output(&format!("grade {}", path.display()));
    let text = String::from_utf8_lossy(&printed.stderr).into_owned();
    assert!(
        text.contains("lab.toml:7: there is no scenario `strom`") && text.contains("did you mean storm or "),
        "{text}"
    );
    assert_eq!(code(&printed), 2);
}

#[test]
fn the_same_nodes_get_the_same_points_with_any_number_of_threads() {
    let graded = |jobs: u32| {
        let directory = empty_directory(&format!("grade-jobs-{jobs}"));
        let formats = "--format gradescope --format classroom50 --format vpl --format csv";
        let printed = output(&format!("grade {LAB} --jobs {jobs} --out {} {formats}", directory.display()));
        assert_eq!(code(&printed), 0);
        let files = ["campaign.json", "results.json", "result.json"].map(|name| timeless(json(&directory.join(name))));
        let vpl = fs::read_to_string(directory.join("vpl.txt")).expect("it is there");
        let rows = fs::read_to_string(directory.join("rows.csv")).expect("it is there");
        (files, vpl, rows.lines().count())
    };
    let one = graded(1);
    assert_eq!(one, graded(2));
    let [campaign, results, classroom] = &one.0;
    assert_eq!(campaign["grade"]["rows"].as_array().map(Vec::len), Some(5));
    let hundredths: u64 =
        campaign["grade"]["rows"].as_array().expect("rows").iter().filter_map(|row| row["points"].as_u64()).sum();
    assert_eq!(classroom["score"], hundredths);
    assert!(one.1.ends_with(&format!("Grade :=>> {}\n", results["score"])), "{}", one.1);
    assert_eq!(one.2, 6, "a heading and five rows");
}

#[test]
fn private_seeds_are_in_no_file_for_students() {
    let directory = empty_directory("grade-private");
    let text = fs::read_to_string(LAB).expect("the fixture is there");
    let folder = directory.join("lab");
    fs::create_dir(&folder).expect("tests may write there");
    for file in ["private.seeds", "strict.toml"] {
        fs::copy(format!("tests/fixtures/assignment/{file}"), folder.join(file)).expect("it is there");
    }
    // The private row fails, too, so that it has something to tell.
    fs::write(
        folder.join("lab.toml"),
        text.replace("scenarios = [\"calm\"]\nseeds", "scenarios = [\"strict.toml\"]\nseeds"),
    )
    .expect("tests may write there");
    let formats = "--format gradescope --format classroom50 --format vpl --format csv";
    let printed = output(&format!("grade {}/lab.toml --out {} {formats}", folder.display(), directory.display()));
    let told = String::from_utf8_lossy(&printed.stdout).into_owned();
    assert!(told.contains("violated a check: EXPECT"), "{told}");
    for file in ["results.json", "result.json", "vpl.txt", "rows.csv"] {
        let text = fs::read_to_string(directory.join(file)).expect("it is there");
        assert!(!text.contains("765432"), "{file}: {text}");
    }
    assert!(fs::read_to_string(directory.join("campaign.json")).expect("it is there").contains("7654321"), "for staff");
    fs::remove_file(folder.join("private.seeds")).expect("it is there");
    let printed = output(&format!("grade {}/lab.toml --row 1.2", folder.display()));
    let told = String::from_utf8_lossy(&printed.stdout).into_owned();
    assert!(told.contains("it is graded with seeds that are not known here"), "{told}");
}

/// An assignment of rows that take long enough to be interrupted.
fn long(budget: &str) -> String {
    let row = |number: u32| {
        format!(
            "[[parts.rows]]\nname = \"Row {number}\"\npoints = 1\nscenarios = [\"deluge\"]\nseeds = \"{number}00..{number}40\"\n"
        )
    };
    let rows: String = (1..20).map(row).collect();
    format!("title = \"Long\"\n[budget]\n{budget}\n[[parts]]\nname = \"All\"\n{rows}")
}

#[test]
fn a_grader_that_is_killed_leaves_a_grade() {
    let path = written("grade-killed", &long("run = \"60s\""));
    let directory = empty_directory("grade-killed-out");
    let mut command = whitewater(&format!("grade {} --jobs 1 --out {}", path.display(), directory.display()));
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("the command starts");
    let results = directory.join("results.json");
    let begun = Instant::now();
    let (mut seen, mut last) = (0, Value::Null);
    while seen < 2 && begun.elapsed() < Duration::from_secs(300) {
        if results.exists() {
            // Whenever somebody looks, the file is whole.
            last = json(&results);
            let tests = last["tests"].as_array().expect("a list");
            assert_eq!(tests.len(), 19, "every row is there from the beginning");
            seen = tests.iter().filter(|test| test["extra_data"]["status"] != "pending").count();
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    child.kill().expect("it still runs");
    child.wait().expect("it is gone");
    let after = json(&results);
    let graded =
        |value: &Value| value["tests"].as_array().expect("a list").iter().filter(|test| test["score"] == 1).count();
    assert!(seen >= 2 && graded(&after) >= graded(&last) && graded(&after) < 19, "{after}");
    assert_eq!(after["score"], graded(&after), "the score is that of the rows so far");
}

#[test]
fn time_that_is_over_ends_grading_and_earns_nothing() {
    let path = written("grade-late", &long("total = \"1ms\""));
    let directory = empty_directory("grade-late-out");
    let printed = output(&format!("grade {} --out {}", path.display(), directory.display()));
    assert_eq!(code(&printed), 0);
    let results = json(&directory.join("results.json"));
    assert_eq!(results["score"], 0);
    let text = String::from_utf8_lossy(&printed.stdout).into_owned();
    assert!(text.contains("the time for grading, 1.0 ms, was over"), "{text}");
}

#[test]
fn a_run_over_its_guard_is_not_judged_and_a_row_of_them_is_given_up() {
    let path = written("grade-guard", &long("run = \"1ns\""));
    let directory = empty_directory("grade-guard-out");
    let printed = output(&format!("grade {} --jobs 1 --row 1.1 --out {}", path.display(), directory.display()));
    assert_eq!(code(&printed), 0);
    let row = json(&directory.join("campaign.json"))["grade"]["rows"][0].take();
    assert_eq!(
        (&row["points"], &row["status"], &row["runs"], &row["unjudged"]),
        (&0.into(), &"inconclusive".into(), &3.into(), &3.into())
    );
    let why = row["why"].as_str().expect("it says why");
    assert!(
        why.contains("3 of 40 runs could not be judged\n37 of 40 runs were not made: the row was given up"),
        "{why}"
    );
}

#[cfg(feature = "bugs")]
#[test]
fn what_breaks_a_rule_earns_nothing() {
    assert_prints(
        "graded-bugged",
        &format!("grade {LAB} --jobs 1 --row 1.1 --row 2.1 --bug acknowledged-before-durable"),
    );
}

#[cfg(feature = "bugs")]
#[test]
fn scenarios_are_scored_by_the_bugs_that_they_catch() {
    let arguments = "grade tests/fixtures/coursework/coursework.toml --scenarios tests/fixtures/coursework/handed-in";
    assert_prints("coursework", &format!("{arguments} --jobs 1"));
    let scored = |jobs: u32| {
        let directory = empty_directory(&format!("coursework-{jobs}"));
        assert_eq!(code(&output(&format!("{arguments} --jobs {jobs} --out {}", directory.display()))), 0);
        ["campaign.json", "results.json"].map(|name| timeless(json(&directory.join(name))))
    };
    assert_eq!(scored(1), scored(2));
    let empty = empty_directory("coursework-none");
    let printed = output(&format!("grade tests/fixtures/coursework/coursework.toml --scenarios {}", empty.display()));
    assert!(String::from_utf8_lossy(&printed.stdout).starts_with("0 of 12 points"));
}
