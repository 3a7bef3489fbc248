//! A grade as Gradescope reads it: `results.json` of its autograder.
//!
//! Every text is given as plain text, so that nothing in a submission is taken for markup. What it simplifies: no
//! leaderboard.

use serde::Serialize;
use serde_json::value::RawValue;

use crate::grade::{Grade, Points, Row, Status, Visibility};
use crate::model::Campaign;
use crate::words::counted;

#[derive(Serialize)]
struct Results {
    score: Box<RawValue>,
    execution_time: Box<RawValue>,
    output: String,
    output_format: &'static str,
    test_output_format: &'static str,
    test_name_format: &'static str,
    visibility: Visibility,
    stdout_visibility: Visibility,
    extra_data: Extra,
    tests: Vec<Test>,
}

#[derive(Serialize)]
struct Extra {
    grader: &'static str,
    version: String,
    target: String,
}

#[derive(Serialize)]
struct Test {
    score: Box<RawValue>,
    max_score: Box<RawValue>,
    status: &'static str,
    name: String,
    name_format: &'static str,
    number: String,
    output: String,
    output_format: &'static str,
    tags: [String; 1],
    visibility: Visibility,
    extra_data: Counts,
}

#[derive(Serialize)]
struct Counts {
    status: Status,
    runs: u64,
    passed: u64,
    failed: u64,
    not_exercised: u64,
    unjudged: u64,
}

/// `results.json`, indented, with a line break at the end.
///
/// # Panics
/// Never: the model has nothing that JSON cannot hold.
#[must_use]
pub fn write(campaign: &Campaign) -> String {
    let grade = Grade::of_campaign(campaign);
    let results = Results {
        score: number(grade.points()),
        execution_time: seconds(campaign.wall_ns),
        output: format!("{}\n\n{}", plain(&grade.assignment), plain(&grade.rule)),
        output_format: "text",
        test_output_format: "text",
        test_name_format: "text",
        visibility: Visibility::Visible,
        // What the grader prints tells of hidden rows, too.
        stdout_visibility: Visibility::Hidden,
        extra_data: Extra { grader: "whitewater", version: campaign.version.clone(), target: campaign.target.clone() },
        tests: grade.rows.iter().map(test).collect(),
    };
    let mut text = serde_json::to_string_pretty(&results).expect("the model has nothing that JSON cannot hold");
    text.push('\n');
    text
}

fn test(row: &Row) -> Test {
    Test {
        score: number(row.points),
        max_score: number(row.points_max),
        status: if row.status == Status::Passed { "passed" } else { "failed" },
        name: plain(&row.name),
        name_format: "text",
        number: row.number.clone(),
        output: plain(&output(row)),
        output_format: "text",
        tags: [plain(&row.part)],
        visibility: row.visibility,
        extra_data: Counts {
            status: row.status,
            runs: row.runs,
            passed: row.passed,
            failed: row.failed,
            not_exercised: row.not_exercised,
            unjudged: row.unjudged,
        },
    }
}

/// What a row says for itself: what must hold, what came of it, why, and how to see it.
pub(crate) fn output(row: &Row) -> String {
    let passed = format!("{}: {} of {} passed", row.status.title(), row.passed, counted(row.runs, "run"));
    let replay = row.replay.as_ref().map(|replay| format!("To see it: {replay}"));
    let lines = [Some(row.summary.clone()), Some(passed), Some(row.why.clone()), replay];
    lines.into_iter().flatten().filter(|line| !line.is_empty()).collect::<Vec<_>>().join("\n")
}

/// A whole number of hundredths as a number of JSON, exactly.
fn number(points: Points) -> Box<RawValue> {
    RawValue::from_string(points.to_string()).expect("points are written as JSON writes numbers")
}

fn seconds(ns: u64) -> Box<RawValue> {
    let milliseconds = ns / 1_000_000;
    let text = format!("{}.{:03}", milliseconds / 1_000, milliseconds % 1_000);
    RawValue::from_string(text).expect("this is how JSON writes numbers")
}

/// Text without what could disturb whoever shows it; line breaks stay.
pub(crate) fn plain(text: &str) -> String {
    text.lines().map(crate::words::printable).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::human::tests::{campaign, record};
    use crate::marking::tests::{graded, hostile};
    use crate::model::Verdict;

    /// The format as its documentation describes it; nothing else is allowed.
    const SCHEMA: &str = include_str!("../schema/gradescope.schema.json");

    fn check(text: &str) -> Result<(), String> {
        let schema: serde_json::Value = serde_json::from_str(SCHEMA).expect("it is JSON");
        let validator = jsonschema::validator_for(&schema).expect("it is a schema");
        let instance = serde_json::from_str(text).expect("it is JSON");
        validator.validate(&instance).map_err(|error| format!("{error} at {}", error.instance_path()))
    }

    #[test]
    fn a_grade_is_what_gradescope_reads() {
        let text = write(&graded());
        assert_eq!(check(&text), Ok(()));
        insta::assert_snapshot!("results", text);
        assert_eq!(check(&write(&campaign(vec![record("calm", 0, Verdict::Pass)]))), Ok(()));
    }

    #[test]
    fn the_schema_refuses_what_gradescope_would() {
        let text = write(&graded());
        let spoilt = [
            ("\"visibility\": \"hidden\"", "\"visibility\": \"secret\""),
            ("\"status\": \"passed\"", "\"status\": \"partial\""),
            ("\"score\": 5,", "\"score\": \"5\","),
            ("\"number\"", "\"nummer\""),
            ("\"output_format\": \"text\"", "\"output_format\": \"xml\""),
        ];
        for (right, wrong) in spoilt {
            assert!(text.contains(right), "{right}");
            assert!(check(&text.replacen(right, wrong, 1)).is_err(), "{wrong}");
        }
    }

    #[test]
    fn hostile_text_stays_text() {
        let text = write(&hostile());
        assert_eq!(check(&text), Ok(()));
        let results: serde_json::Value = serde_json::from_str(&text).expect("it is JSON");
        for test in results["tests"].as_array().expect("a list") {
            assert_eq!((&test["output_format"], &test["name_format"]), (&"text".into(), &"text".into()));
            let output = test["output"].as_str().expect("text");
            assert!(output.chars().all(|c| c == '\n' || (!c.is_control() && c != '\u{202e}')), "{output:?}");
        }
        assert_eq!(results["score"], 0);
    }
}
