//! A grade as Classroom 50 reads it: `result.json` of the schema `classroom50/result/v1`.
//!
//! Scores are whole numbers there. So that nothing is rounded away, they are hundredths of a point: 475 of 500 is 4.75 of 5.

use serde::Serialize;

use crate::grade::{Grade, Status};
use crate::gradescope::plain;
use crate::model::Campaign;

/// Names the format and its version.
const SCHEMA: &str = "classroom50/result/v1";

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Outcome {
    schema: &'static str,
    score: u64,
    max_score: u64,
    tests: Vec<Test>,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Test {
    test_name: String,
    passed: bool,
    score: u64,
    max_score: u64,
}

/// `result.json`, indented, with a line break at the end.
///
/// # Panics
/// Never: the model has nothing that JSON cannot hold.
#[must_use]
pub fn write(campaign: &Campaign) -> String {
    let grade = Grade::of_campaign(campaign);
    let test = |row: &crate::grade::Row| Test {
        test_name: format!("{} {}", row.number, plain(&row.name)),
        passed: row.status == Status::Passed,
        score: row.points.0,
        max_score: row.points_max.0,
    };
    let outcome = Outcome {
        schema: SCHEMA,
        score: grade.points().0,
        max_score: grade.points_max().0,
        tests: grade.rows.iter().map(test).collect(),
    };
    let mut text = serde_json::to_string_pretty(&outcome).expect("the model has nothing that JSON cannot hold");
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::marking::tests::{graded, hostile};

    const RESULT: &str = include_str!("../schema/classroom50.schema.json");

    fn check(text: &str) -> Result<(), String> {
        let schema: serde_json::Value = serde_json::from_str(RESULT).expect("it is JSON");
        let validator = jsonschema::validator_for(&schema).expect("it is a schema");
        let instance = serde_json::from_str(text).expect("it is JSON");
        validator.validate(&instance).map_err(|error| format!("{error} at {}", error.instance_path()))
    }

    #[test]
    fn a_grade_is_what_classroom_50_reads() {
        let text = write(&graded());
        assert_eq!(check(&text), Ok(()));
        insta::assert_snapshot!("result", text);
        assert_eq!(check(&write(&hostile())), Ok(()));
        assert!(check(&text.replacen("\"score\": 500", "\"score\": 5.5", 1)).is_err(), "whole numbers only");
        assert!(check(&text.replace("\"max-score\"", "\"max_score\"")).is_err());
    }

    #[test]
    fn scores_add_up() {
        let result: serde_json::Value = serde_json::from_str(&write(&graded())).expect("it is JSON");
        for key in ["score", "max-score"] {
            let tests = result["tests"].as_array().expect("a list");
            let sum: u64 = tests.iter().map(|test| test[key].as_u64().expect("a whole number")).sum();
            assert_eq!(result[key], sum);
        }
    }
}
