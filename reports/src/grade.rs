//! What the runs of a submission are worth, by the rows of an assignment: a part of the model that grading formats are made from.
//!
//! Points are whole hundredths, so that the same submission gets the same points on every machine. Only what passed earns
//! any: what was not exercised, not judged or not reached says so.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::words::printable;

/// Points, in hundredths.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Points(pub u64);

/// A graded submission.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grade {
    /// The title of the assignment.
    pub assignment: String,
    /// How points come about, in words for who gets them.
    pub rule: String,
    /// The rows, in the order of the assignment. Those that grading has not reached are [`Status::Pending`].
    pub rows: Vec<Row>,
}

/// A row of an assignment, and what it earned.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Row {
    /// The part that it belongs to, as in `Election`.
    pub part: String,
    /// Its number, as in `1.2`: the second row of the first part.
    pub number: String,
    /// What it is called.
    pub name: String,
    /// What must hold, in a sentence.
    pub summary: String,
    /// What came of it.
    pub status: Status,
    /// What it earned, in hundredths.
    pub points: Points,
    /// What it can earn, in hundredths.
    pub points_max: Points,
    /// Who may see it.
    pub visibility: Visibility,
    /// Runs that were made.
    pub runs: u64,
    /// Runs that passed and met what the row is for.
    pub passed: u64,
    /// Runs that violated a check.
    pub failed: u64,
    /// Runs that passed without meeting what the row is for.
    pub not_exercised: u64,
    /// Runs that could not be judged, or not be made.
    pub unjudged: u64,
    /// Why it did not earn everything, in a line; more lines may explain. Text of the submission may be in it. Empty: it did.
    pub why: String,
    /// The command that shows it; none where nothing failed, or where the seed is not to be known.
    pub replay: Option<String>,
    /// How long it took on the wall clock, in nanoseconds.
    pub wall_ns: u64,
}

/// What came of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// Every run passed.
    Passed,
    /// Enough runs passed for some of the points.
    Partial,
    /// A check failed, in too many runs or at all.
    Failed,
    /// No check failed, but the situation that it is for was not met.
    NotExercised,
    /// No check failed, but a budget ran out before the runs were judged.
    Inconclusive,
    /// The runs could not be made.
    Error,
    /// A run that was made twice went differently: what passes may have passed by luck.
    NotDeterministic,
    /// Grading has not come to it, or was cut off.
    Pending,
}

/// Who may see a row: the words of Gradescope.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Visibility {
    /// Everybody, at once.
    #[default]
    Visible,
    /// Students, when the assignment is due.
    AfterDueDate,
    /// Students, when grades are published.
    AfterPublished,
    /// Staff only.
    Hidden,
}

impl Grade {
    /// What was earned.
    #[must_use]
    pub fn points(&self) -> Points {
        Points(self.rows.iter().map(|row| row.points.0).sum())
    }

    /// What could be earned.
    #[must_use]
    pub fn points_max(&self) -> Points {
        Points(self.rows.iter().map(|row| row.points_max.0).sum())
    }
}

impl Row {
    /// A row that grading has not come to.
    #[must_use]
    pub fn pending(part: &str, number: &str, name: &str, points_max: Points, visibility: Visibility) -> Row {
        Row {
            part: part.to_owned(),
            number: number.to_owned(),
            name: name.to_owned(),
            summary: String::new(),
            status: Status::Pending,
            points: Points(0),
            points_max,
            visibility,
            runs: 0,
            passed: 0,
            failed: 0,
            not_exercised: 0,
            unjudged: 0,
            why: "it was not graded yet".to_owned(),
            replay: None,
            wall_ns: 0,
        }
    }
}

impl Status {
    /// What to call it.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Status::Passed => "passed",
            Status::Partial => "partial",
            Status::Failed => "failed",
            Status::NotExercised => "not exercised",
            Status::Inconclusive => "inconclusive",
            Status::Error => "error",
            Status::NotDeterministic => "not deterministic",
            Status::Pending => "pending",
        }
    }
}

/// `3`, `2.5` or `0.25`.
impl fmt::Display for Points {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.0 / 100, self.0 % 100) {
            (whole, 0) => write!(f, "{whole}"),
            (whole, rest) if rest % 10 == 0 => write!(f, "{whole}.{}", rest / 10),
            (whole, rest) => write!(f, "{whole}.{rest:02}"),
        }
    }
}

/// Reads what [`Points`] are written as, and trailing zeros.
impl FromStr for Points {
    type Err = String;

    fn from_str(text: &str) -> Result<Points, String> {
        let (whole, rest) = text.split_once('.').unwrap_or((text, "0"));
        let are_digits = |digits: &str| !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        let points = || {
            let hundredths: u64 = format!("{rest:0<2}").parse().ok()?;
            whole.parse::<u64>().ok()?.checked_mul(100)?.checked_add(hundredths)
        };
        let is_written = are_digits(whole) && are_digits(rest) && rest.len() <= 2;
        is_written.then(points).flatten().map(Points).ok_or_else(|| {
            format!("`{}` are no points: write a number with two decimals at most, like 2.5", printable(text))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_are_written_as_people_do() {
        let texts = [0, 5, 50, 100, 225, 1_010].map(|hundredths| Points(hundredths).to_string());
        assert_eq!(texts, ["0", "0.05", "0.5", "1", "2.25", "10.1"]);
    }

    #[test]
    fn points_are_read_as_they_are_written() {
        for points in (0..2_000).chain([u64::MAX - 99]).map(Points) {
            assert_eq!(points.to_string().parse(), Ok(points));
        }
        assert_eq!("2.50".parse(), Ok(Points(250)));
        let none = ["", ".", "1.", ".5", "-1", "+1", "1.234", "1e3", "1,5", "NaN", "inf", "184467440737095517", " 1"];
        assert!(none.iter().all(|text| text.parse::<Points>().is_err()));
    }
}
