//! A grade for people: what was earned, row by row, and below that why not everything was, with the commands that show it.

use crate::grade::{Grade, Points, Row, Status};
use crate::gradescope::plain;
use crate::human::WIDTH_MAX;
use crate::model::Campaign;
use crate::table::{labelled, table, trimmed};
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
    let (pending, graded): (Vec<&Row>, Vec<&Row>) = grade.rows.iter().partition(|row| row.status == Status::Pending);
    for row in graded.into_iter().filter(|row| !row.why.is_empty()) {
        text.push_str(&block(row));
    }
    text.push_str(&not_graded(&pending, width.min(WIDTH_MAX)));
    text.push_str(&format!("\n{}", labelled("rule", &grade.rule, width.min(WIDTH_MAX))));
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

/// Why rows were not graded, each reason once, with the numbers of the rows.
fn not_graded(pending: &[&Row], width: u16) -> String {
    let mut reasons: Vec<(&str, Vec<String>)> = Vec::new();
    for row in pending {
        let number = printable(&row.number);
        match reasons.iter_mut().find(|(why, _)| *why == row.why) {
            Some((_, numbers)) => numbers.push(number),
            None => reasons.push((&row.why, vec![number])),
        }
    }
    let reason = |(why, numbers): &(&str, Vec<String>)| {
        format!("\n{}", labelled("not graded", &format!("{}: {}", numbers.join(", "), printable(why)), width))
    };
    reasons.iter().map(reason).collect()
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
    use crate::grade::Visibility;
    use crate::marking::tests::{graded, hostile};

    #[test]
    fn a_grade_is_a_sheet() {
        insta::assert_snapshot!("sheet", write(&graded(), 100));
    }

    #[test]
    fn why_rows_were_not_graded_is_said_once() {
        let mut campaign = graded();
        let rows = &mut campaign.grade.as_mut().expect("it has one").rows;
        for (number, why) in [("3.1", "it was left out"), ("3.2", "time was over"), ("3.3", "it was left out")] {
            let why = why.to_owned();
            rows.push(Row { why, ..Row::pending("Part", number, number, Points(100), Visibility::Visible) });
        }
        let text = write(&campaign, 100);
        assert!(text.contains("\nnot graded    3.1, 3.3: it was left out\n"), "{text}");
        assert_eq!((text.matches("it was left out").count(), text.matches("time was over").count()), (1, 1));
    }

    #[test]
    fn hostile_text_disturbs_no_terminal() {
        let text = write(&hostile(), 100);
        assert!(text.chars().all(|c| c == '\n' || (!c.is_control() && c != '\u{202e}')), "{text:?}");
        assert!(!line(&hostile().grade.expect("it has one").rows[0]).contains(char::is_control));
    }
}
