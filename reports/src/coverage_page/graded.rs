//! What the runs of a submission are worth, if they were graded: every row, hidden ones too.

use crate::grade::{Grade, Row as Graded, Status, Visibility};
use crate::words::printable;

/// The rows of an assignment.
pub(super) struct Rows {
    pub(super) assignment: String,
    pub(super) rule: String,
    pub(super) points: String,
    pub(super) points_max: String,
    pub(super) rows: Vec<Row>,
}

/// A row of an assignment.
pub(super) struct Row {
    pub(super) number: String,
    pub(super) part: String,
    pub(super) name: String,
    pub(super) status: &'static str,
    pub(super) class: &'static str,
    pub(super) points: String,
    pub(super) runs: u64,
    pub(super) passed: u64,
    pub(super) failed: u64,
    pub(super) not_exercised: u64,
    pub(super) unjudged: u64,
    pub(super) visibility: &'static str,
    pub(super) why: String,
    pub(super) replay: Option<String>,
}

impl Rows {
    pub(super) fn of(grade: &Grade) -> Rows {
        Rows {
            assignment: printable(&grade.assignment),
            rule: printable(&grade.rule),
            points: grade.points().to_string(),
            points_max: grade.points_max().to_string(),
            rows: grade.rows.iter().map(Row::of).collect(),
        }
    }
}

impl Row {
    fn of(row: &Graded) -> Row {
        Row {
            number: printable(&row.number),
            part: printable(&row.part),
            name: printable(&row.name),
            status: row.status.title(),
            class: match row.status {
                Status::Passed => "pass",
                Status::Partial | Status::NotExercised | Status::Inconclusive | Status::Pending => "unknown",
                Status::Failed | Status::Error | Status::NotDeterministic => "fail",
            },
            points: format!("{} of {}", row.points, row.points_max),
            runs: row.runs,
            passed: row.passed,
            failed: row.failed,
            not_exercised: row.not_exercised,
            unjudged: row.unjudged,
            visibility: match row.visibility {
                Visibility::Visible => "visible",
                Visibility::AfterDueDate => "after the due date",
                Visibility::AfterPublished => "after grades are published",
                Visibility::Hidden => "hidden",
            },
            why: printable(row.why.lines().next().unwrap_or_default()),
            replay: row.replay.as_deref().map(printable),
        }
    }
}
