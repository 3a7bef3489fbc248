//! A grade for people: what was earned, row by row, and below that why not everything was, with the commands that show it.

use crate::grade::{Grade, Points, Row};
use crate::gradescope::plain;
use crate::human::WIDTH_MAX;
use crate::model::Campaign;
use crate::table::{table, trimmed};
use crate::words::{count, printable, span};

/// The sheet of a campaign's grade, at most `width` columns wide where words allow it.
#[must_use]
pub fn write(campaign: &Campaign, width: u16) -> String {
    let grade = Grade::of_campaign(campaign);
    let (points, points_max) = (grade.points(), grade.points_max());
    let mut text = format!("{points} of {points_max} points: {}\n\n", printable(&grade.assignment));
    let heading = ["", "row", "points", "of", "status", "runs", "passed", "time"];
    let mut table = table(&heading, &[0, 1, 4], width.min(WIDTH_MAX));
    for row in &grade.rows {
        table.add_row([
            row.number.clone(),
            printable(&row.name),
            row.points.to_string(),
            row.points_max.to_string(),
            row.status.title().to_owned(),
            count(row.runs),
            count(row.passed),
            if row.runs == 0 { String::new() } else { span(row.wall_ns) },
        ]);
    }
    text.push_str(&trimmed(&table));
    for row in grade.rows.iter().filter(|row| !row.why.is_empty()) {
        text.push_str(&block(row));
    }
    text.push_str(&format!("\n{}\n", grade.rule));
    text
}

/// Why a row did not earn everything.
fn block(row: &Row) -> String {
    let mut text = format!("\n{} {}\n", row.number, printable(&row.name));
    let replay = row.replay.as_deref().map(printable);
    for line in plain(&row.why).lines().chain(replay.as_deref()) {
        text.push_str(&format!("  {line}\n"));
    }
    text
}

/// What came of a row, in a line.
#[must_use]
pub fn line(row: &Row) -> String {
    let Row { number, points, points_max, status, .. } = row;
    let worth = if *points_max == Points(0) { String::new() } else { format!(", {points} of {points_max} points") };
    format!("{number} {}: {}{worth}", printable(&row.name), status.title())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::marking::tests::{graded, hostile};

    #[test]
    fn a_grade_is_a_sheet() {
        insta::assert_snapshot!("sheet", write(&graded(), 100));
    }

    #[test]
    fn hostile_text_disturbs_no_terminal() {
        let text = write(&hostile(), 100);
        assert!(text.chars().all(|c| c == '\n' || (!c.is_control() && c != '\u{202e}')), "{text:?}");
        assert!(!line(&hostile().grade.expect("it has one").rows[0]).contains(char::is_control));
    }
}
