//! A grade as Moodle's Virtual Programming Lab reads it from a standard output: comments, and then the grade.
//!
//! VPL takes any line that begins with its marks for the grader's. So every line here that has text of somebody else in it
//! begins with a mark of its own, `>` or `-`, and never with that text. What it simplifies: rows that students may not see
//! yet count, and are not named.

use crate::grade::{Grade, Row, Visibility};
use crate::gradescope::{output, plain};
use crate::model::Campaign;

/// The text for the standard output of `vpl_execution`.
#[must_use]
pub fn write(campaign: &Campaign) -> String {
    let grade = Grade::of_campaign(campaign);
    let mut text = String::from("<|--\n");
    text.push_str(&format!("-{}\n", harmless(&grade.assignment)));
    let (shown, hidden): (Vec<&Row>, Vec<&Row>) =
        grade.rows.iter().partition(|row| row.visibility == Visibility::Visible);
    for row in shown {
        let Row { number, points, points_max, .. } = row;
        text.push_str(&format!("-{number} {}: {points} of {points_max}\n", harmless(&row.name)));
        for line in output(row).lines() {
            text.push_str(&format!("> {}\n", harmless(line)));
        }
    }
    if !hidden.is_empty() {
        text.push_str(&format!("-Rows that are not shown: {}\n", hidden.len()));
    }
    text.push_str(&format!("> {}\n--|>\n\n", harmless(&grade.rule)));
    text.push_str(&format!("Grade :=>> {}\n", grade.points()));
    text
}

/// A line in which none of VPL's marks is left.
fn harmless(text: &str) -> String {
    plain(text).replace(":=>>", ":=> >").replace("<|--", "<| --").replace("--|>", "-- |>").replace('\n', " ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::marking::tests::{graded, hostile};

    #[test]
    fn a_grade_is_what_vpl_reads() {
        insta::assert_snapshot!("vpl", write(&graded()));
    }

    #[test]
    fn no_text_forges_a_grade_or_ends_the_comments() {
        let text = write(&hostile());
        let grades: Vec<&str> = text.lines().filter(|line| line.contains(":=>>")).collect();
        assert_eq!(grades, ["Grade :=>> 0"]);
        assert_eq!(text.lines().last(), Some("Grade :=>> 0"));
        assert_eq!((text.matches("<|--").count(), text.matches("--|>").count()), (1, 1));
        let comments = text.lines().skip(1).take_while(|line| *line != "--|>");
        assert!(comments.clone().all(|line| line.starts_with(['-', '>'])), "{text}");
        assert!(text.chars().all(|c| c == '\n' || !c.is_control()));
    }
}
