//! Hostile submissions, sent through `whitewater grade`: each of them ends in bounded time, gets no points and the right status,
//! and leaves every file whole and nothing running. Those that are after the grader itself are in `autograder.rs`.
//!
//! The scripts are in the folder `hostile`; where there is no `python3` or `perl`, tests are skipped with a message.

#![expect(clippy::disallowed_methods, reason = "these tests start programs and look for what is left of them")]

#[expect(dead_code, reason = "other tests of the command line need more of it")]
mod cli_support;
#[expect(dead_code, reason = "submissions in an autograder need more of it")]
mod hostile_support;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use cli_support::{code, empty_directory};
use hostile_support::{are_there, assert_clean, assert_ended, assert_whole, in_time, json, statuses, word};
use whitewater_reports::grade::Status::{self, Failed, Inconclusive, NotDeterministic, NotExercised, Passed};

/// The scripts, and what they need.
const FOLDER: &str = "tests/hostile";

/// A submission, what both rows come to, and what the first one says about why.
struct Hostile {
    script: &'static str,
    statuses: [Status; 2],
    why: &'static str,
}

const fn hostile(script: &'static str, status: Status, why: &'static str) -> Hostile {
    Hostile { script, statuses: [status, status], why }
}

/// How long a run may take on the wall clock.
#[derive(Clone, Copy)]
enum Patience {
    /// For who uses all of it.
    Short,
    /// For who needs some of it: it is never used up.
    Long,
}

/// What it says of a run that was given up.
const GIVEN_UP: &str = "longer than 1.0 s on the wall clock";

/// Ending is misconduct: it is a violation. Not answering is the machine's fault for all that anybody knows: inconclusive.
const ENDS: &[Hostile] = &[
    hostile("exits_at_once.sh", Failed, "it has ended with exit code 0, and was not done"),
    hostile("exits_later.py", Failed, "it has ended with exit code 0, and was not done"),
    hostile("crashes.py", Failed, "it was ended by signal 11"),
    hostile("closes_output.py", Failed, "it has closed its standard output"),
    hostile("kills_itself.sh", Inconclusive, "it was killed from outside"),
];

const DOES_NOT_ANSWER: &[Hostile] = &[
    hostile("sleeps.sh", Inconclusive, GIVEN_UP),
    hostile("sleeps_later.py", Inconclusive, GIVEN_UP),
    hostile("stops_itself.sh", Inconclusive, GIVEN_UP),
    hostile("endless_errors.pl", Inconclusive, GIVEN_UP),
    hostile("endless_timers.py", Inconclusive, GIVEN_UP),
    hostile("forks.py", Inconclusive, GIVEN_UP),
];

/// Saying too much is misconduct. Taking too much of the machine is not, because other machines have more.
const TAKES_TOO_MUCH: &[Hostile] = &[
    hostile("endless_line.pl", Failed, "its line is longer than 1 MiB"),
    hostile("endless_lines.pl", Failed, "its line: <b>"),
    hostile("endless_notes.py", Failed, "it does more than 10000 things"),
    hostile("forks_more.py", Inconclusive, "more than 256 processes and threads"),
    hostile("takes_memory.py", Inconclusive, "more than 1024 MiB of memory"),
];

const SAYS_NONSENSE: &[Hostile] = &[
    hostile("markup_in_values.py", Failed, "LIN Linearizability (2); safety was violated"),
    hostile("markup_in_errors.py", Failed, "it has ended with exit code 1"),
    hostile("markup_in_lines.py", Failed, "\\u{1b}[2J\\u{1b}]0;pwned\\u{7}"),
    hostile("markup_in_words.py", Failed, "unknown variant `</script>"),
    hostile("markup_in_names.py", Failed, "which there is not"),
    hostile("forges_grades.sh", Failed, "its line: Grade :=>> 100"),
    hostile("forges_records.py", Failed, "its line: \\u{1}whitewater-worker"),
    hostile("no_text.pl", Failed, "it is no message"),
    hostile("nested.py", Failed, "it is no message"),
    hostile("numbers.py", Failed, "its line: {\"dest\""),
    hostile("speaks_unasked.py", Failed, "its `done` is for turn 1, and this is turn 2"),
];

/// Who is silent in the end violates liveness.
const ANSWERS_WRONGLY: &[Hostile] = &[
    hostile("never_answers.py", Failed, "I24 Liveness (2)"),
    hostile("refuses.py", Failed, "I24 Liveness (2)"),
    hostile("agrees_to_everything.py", Failed, "LIN Linearizability (1)"),
];

/// Each of these passes every run; the points would be luck.
const DIFFERS: &[Hostile] = &[
    hostile("random_seed.py", NotDeterministic, "was made twice and went differently"),
    hostile("clock.py", NotDeterministic, "was made twice and went differently"),
    hostile("order_of_hashes.py", NotDeterministic, "was made twice and went differently"),
    hostile("remembers.py", NotDeterministic, "was made twice and went differently"),
];

/// A folder of this name with all scripts and an assignment.
fn folder(name: &str, patience: Patience) -> PathBuf {
    let folder = empty_directory(name);
    let scripts = fs::read_dir(FOLDER).expect("it is there").map(|entry| entry.expect("an entry").path());
    let others = ["tests/nodes/store.py", "tests/reference/raft.py"].map(PathBuf::from);
    for file in scripts.filter(|path| path.is_file()).chain(others) {
        fs::copy(&file, folder.join(file.file_name().expect("a name"))).expect("tests may write there");
    }
    let assignment = fs::read_to_string(folder.join("lab.toml")).expect("it is there");
    let run = match patience {
        Patience::Short => "run = \"1s\"",
        Patience::Long => "run = \"60s\"",
    };
    assert!(assignment.contains("run = \"20s\""));
    fs::write(folder.join("lab.toml"), assignment.replace("run = \"20s\"", run)).expect("tests may write there");
    folder
}

/// The command that runs a script of the folder.
fn command(folder: &Path, script: &str) -> String {
    let interpreter = match script.rsplit_once('.').expect("it has an ending").1 {
        "py" => "python3",
        "pl" => "perl",
        "sh" => "sh",
        ending => panic!("nothing runs {ending}"),
    };
    format!("{interpreter} {}", folder.join(script).display())
}

/// Grades a script in the folder; the results are in the folder that is returned.
fn graded(folder: &Path, script: &str) -> PathBuf {
    let results = folder.join(format!("results of {script}"));
    let mut command_line = Command::new(env!("CARGO_BIN_EXE_whitewater"));
    command_line.current_dir(folder).args(["grade", "lab.toml", "--jobs", "1", "--node", &command(folder, script)]);
    command_line.args([
        "--format",
        "gradescope",
        "--format",
        "classroom50",
        "--format",
        "vpl",
        "--format",
        "csv",
        "--out",
    ]);
    let printed = in_time(command_line.arg(&results), Duration::from_secs(150), script);
    let text = String::from_utf8(printed.stdout.clone()).expect("it prints UTF-8");
    assert_eq!(code(&printed), 0, "{script}: {text}{}", String::from_utf8_lossy(&printed.stderr));
    assert_clean(&text, script);
    assert_clean(&String::from_utf8_lossy(&printed.stderr), script);
    assert_ended(script, |process| process.names(folder));
    results
}

/// Grades each of these, and looks at all that it gets.
fn grade_all(name: &str, submissions: &[Hostile], patience: Patience) {
    if !are_there(&["python3", "perl"]) {
        return;
    }
    let folder = folder(name, patience);
    for Hostile { script, statuses: expected, why } in submissions {
        let results = graded(&folder, script);
        let campaign = json(&results.join("campaign.json"));
        let said = campaign["grade"]["rows"][0]["why"].as_str().expect("it says why").to_owned();
        assert_eq!(statuses(&json(&results.join("results.json"))), expected.map(word), "{script}: {said}");
        assert!(said.contains(why), "{script}: {said}");
        assert_whole(&results, script);
    }
}

#[test]
fn who_ends_fails() {
    grade_all("hostile-ends", ENDS, Patience::Long);
}

#[test]
fn who_does_not_answer_is_not_waited_for() {
    grade_all("hostile-waits", DOES_NOT_ANSWER, Patience::Short);
}

#[test]
fn who_takes_too_much_is_stopped() {
    grade_all("hostile-takes", TAKES_TOO_MUCH, Patience::Long);
}

#[test]
fn nonsense_is_shown_as_text() {
    grade_all("hostile-says", SAYS_NONSENSE, Patience::Long);
}

#[test]
fn wrong_answers_earn_nothing() {
    grade_all("hostile-answers", ANSWERS_WRONGLY, Patience::Long);
}

/// A store on one server is a good one for the first row; the second one wants a leader to cut off.
#[test]
fn who_has_no_leader_is_not_put_to_the_test() {
    if are_there(&["python3"]) {
        let results = graded(&folder("hostile-leaderless", Patience::Long), "one_for_all.py");
        let results = json(&results.join("results.json"));
        assert_eq!((&results["score"], statuses(&results)), (&5.into(), [Passed, NotExercised].map(word)));
    }
}

#[test]
fn who_passes_by_luck_earns_nothing() {
    grade_all("hostile-differs", DIFFERS, Patience::Long);
}

/// What all of this is measured by: the node that some of the hostile ones are made from earns everything.
#[test]
fn the_node_that_is_not_hostile_earns_everything() {
    if are_there(&["python3"]) {
        let results = graded(&folder("hostile-none", Patience::Long), "raft.py");
        let results = json(&results.join("results.json"));
        assert_eq!((&results["score"], statuses(&results)), (&10.into(), [Passed, Passed].map(word)));
    }
}
