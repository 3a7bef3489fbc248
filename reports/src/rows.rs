//! A grade as CSV: a line a row, for spreadsheets and for whatever reads no other format.
//!
//! A spreadsheet takes a cell that begins with `=`, `+`, `-` or `@` for a formula. Such a cell begins with an apostrophe
//! here, which spreadsheets show as text.

use csv::{QuoteStyle, Terminator, WriterBuilder};

use crate::grade::{Grade, Row, Visibility};
use crate::model::Campaign;
use crate::words::printable;

/// The columns.
const HEADING: [&str; 17] = [
    "assignment",
    "submission",
    "part",
    "number",
    "row",
    "status",
    "points",
    "points_max",
    "visibility",
    "runs",
    "passed",
    "failed",
    "not_exercised",
    "unjudged",
    "wall_ms",
    "why",
    "replay",
];

/// The rows, below a heading.
///
/// # Panics
/// Never: memory can be written.
#[must_use]
pub fn write(campaign: &Campaign) -> String {
    let grade = Grade::of_campaign(campaign);
    let mut writer = WriterBuilder::new()
        .quote_style(QuoteStyle::Necessary)
        .terminator(Terminator::Any(b'\n'))
        .from_writer(Vec::new());
    writer.write_record(HEADING).expect("memory can be written");
    for row in &grade.rows {
        let cells = cells(&grade, campaign, row).map(|cell| inert(&cell));
        writer.write_record(cells).expect("memory can be written");
    }
    let bytes = writer.into_inner().expect("memory can be written");
    String::from_utf8(bytes).expect("it was made of text")
}

fn cells(grade: &Grade, campaign: &Campaign, row: &Row) -> [String; HEADING.len()] {
    [
        grade.assignment.clone(),
        campaign.target.clone(),
        row.part.clone(),
        row.number.clone(),
        row.name.clone(),
        row.status.title().to_owned(),
        row.points.to_string(),
        row.points_max.to_string(),
        visibility(row.visibility).to_owned(),
        row.runs.to_string(),
        row.passed.to_string(),
        row.failed.to_string(),
        row.not_exercised.to_string(),
        row.unjudged.to_string(),
        (row.wall_ns / 1_000_000).to_string(),
        row.why.lines().map(printable).collect::<Vec<_>>().join("; "),
        row.replay.clone().unwrap_or_default(),
    ]
}

fn visibility(visibility: Visibility) -> &'static str {
    match visibility {
        Visibility::Visible => "visible",
        Visibility::AfterDueDate => "after_due_date",
        Visibility::AfterPublished => "after_published",
        Visibility::Hidden => "hidden",
    }
}

/// A cell that no spreadsheet computes.
fn inert(cell: &str) -> String {
    let cell = printable(cell);
    if cell.trim_start().starts_with(['=', '+', '-', '@']) { format!("'{cell}") } else { cell }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::marking::tests::{graded, hostile};

    #[test]
    fn a_grade_is_a_table() {
        insta::assert_snapshot!("rows", write(&graded()));
    }

    #[test]
    fn no_cell_is_a_formula_and_none_breaks_out() {
        let text = write(&hostile());
        let mut reader = csv::Reader::from_reader(text.as_bytes());
        let records: Vec<csv::StringRecord> = reader.records().collect::<Result<_, _>>().expect("it is CSV");
        assert_eq!(records.len(), 2);
        for cell in records.iter().flatten() {
            assert!(!cell.starts_with(['=', '+', '-', '@', '\t', '\r']), "{cell}");
            assert!(!cell.contains(char::is_control), "{cell:?}");
        }
        assert!(records[0][2].starts_with("'=cmd"), "the part");
        assert!(records[0][1].starts_with("'--node"), "the submission");
        assert_eq!((inert(" =1"), inert("a=1"), inert("-5")), ("' =1".into(), "a=1".into(), "'-5".into()));
    }
}
