//! A campaign for spreadsheets: a row for each run, or a row for each scenario.
//!
//! Comma-separated with a heading, as RFC 4180 says. Times are integer nanoseconds. Text from outside that a spreadsheet would take
//! for a formula begins with an apostrophe. What it simplifies: of an explanation only the first line is there.

use csv::Writer;

use crate::exercise;
use crate::interval::{self, Rate};
use crate::model::{Campaign, RunRecord, Verdict};
use crate::tally;
use crate::words::printable;

/// The columns of [`runs`].
const RUNS: [&str; 17] = [
    "scenario",
    "seed",
    "verdict",
    "check",
    "event",
    "at_ns",
    "why",
    "servers",
    "digest",
    "events",
    "virtual_ns",
    "wall_ns",
    "answered",
    "unknown",
    "applied",
    "terms_led",
    "replay",
];

/// A row for each run, in the order of the campaign.
#[must_use]
pub fn runs(campaign: &Campaign) -> String {
    let row = |run: &RunRecord| {
        let (check, event, at_ns, why) = match &run.verdict {
            Verdict::Pass => (String::new(), String::new(), String::new(), ""),
            Verdict::Violation { check, event, at_ns, why, .. } => {
                (cell(check), event.to_string(), at_ns.to_string(), why.as_str())
            }
            Verdict::Inconclusive { why } | Verdict::Error { why } => {
                (String::new(), String::new(), String::new(), why.as_str())
            }
        };
        [
            cell(&run.scenario),
            cell(&run.lineage()),
            verdict(&run.verdict).to_owned(),
            check,
            event,
            at_ns,
            cell(why.lines().next().unwrap_or_default()),
            run.servers.to_string(),
            cell(&run.digest),
            run.events.to_string(),
            run.virtual_ns.to_string(),
            run.wall_ns.to_string(),
            run.returned.to_string(),
            run.unknown.to_string(),
            run.applied.to_string(),
            run.terms_led.to_string(),
            cell(&campaign.replay(run)),
        ]
    };
    table(&RUNS, campaign.runs.iter().map(row))
}

/// The columns of [`scenarios`].
const SCENARIOS: [&str; 15] = [
    "scenario",
    "verdict",
    "runs",
    "violated",
    "inconclusive",
    "errors",
    "without_work",
    "rate_low",
    "rate_high",
    "answered",
    "unknown",
    "events",
    "virtual_ns",
    "wall_ns",
    "not_exercised",
];

/// A row for each scenario. The interval of its failure rate is one of 95 %, from 0 to 1; what it exists to reach and never met
/// comes last.
#[must_use]
pub fn scenarios(campaign: &Campaign) -> String {
    let tallies = tally::by_scenario(campaign);
    let rows = campaign.scenarios.iter().zip(tallies).map(|(scenario, (_, tally))| {
        let (low, high) = match interval::rate(tally.violated, tally.judged()) {
            Rate::Unknown => (String::new(), String::new()),
            Rate::None { below } => ("0".to_owned(), format!("{below:.6}")),
            Rate::Some { low, high, .. } => (format!("{low:.6}"), format!("{high:.6}")),
        };
        [
            cell(&scenario.name),
            tally.standing().title().to_lowercase(),
            tally.runs.to_string(),
            tally.violated.to_string(),
            tally.inconclusive.to_string(),
            tally.errors.to_string(),
            tally.without_work.to_string(),
            low,
            high,
            tally.returned.to_string(),
            tally.unknown.to_string(),
            tally.events.to_string(),
            tally.virtual_ns.to_string(),
            tally.wall_ns.to_string(),
            cell(&exercise::unreached(campaign, scenario).join(" ")),
        ]
    });
    table(&SCENARIOS, rows)
}

fn verdict(verdict: &Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "pass",
        Verdict::Violation { .. } => "violation",
        Verdict::Inconclusive { .. } => "inconclusive",
        Verdict::Error { .. } => "error",
    }
}

fn table<const COLUMNS: usize>(heading: &[&str], rows: impl Iterator<Item = [String; COLUMNS]>) -> String {
    let mut writer = Writer::from_writer(Vec::new());
    let written =
        writer.write_record(heading).and_then(|()| rows.into_iter().try_for_each(|row| writer.write_record(row)));
    written.expect("rows are as long as the heading, and memory takes them");
    let bytes = writer.into_inner().expect("memory takes them");
    String::from_utf8(bytes).expect("text was written")
}

/// Text from outside as a cell holds it: no control characters, and nothing that is calculated.
fn cell(text: &str) -> String {
    let text = printable(text);
    if text.starts_with(['=', '+', '-', '@']) { format!("'{text}") } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::human::tests::{campaign, record, violation};

    fn sample() -> Campaign {
        campaign(vec![record("calm", 1, Verdict::Pass), record("storm", 2, violation())])
    }

    #[test]
    fn a_row_for_each_run() {
        insta::assert_snapshot!(runs(&sample()));
    }

    #[test]
    fn a_row_for_each_scenario() {
        insta::assert_snapshot!(scenarios(&sample()));
    }

    #[test]
    fn a_spreadsheet_calculates_nothing_of_it() {
        let why = "=HYPERLINK(\"http://example.org\",\"a, b\")\u{1b}".to_owned();
        let mut hostile = campaign(vec![record("@SUM(1)", 1, Verdict::Error { why })]);
        hostile.scenarios[0].name = "@SUM(1)".to_owned();
        let text = runs(&hostile);
        let row = text.lines().nth(1).expect("a row");
        assert!(
            row.starts_with("'@SUM(1),1,error,,,,\"'=HYPERLINK(\"\"http://example.org\"\",\"\"a, b\"\")\\u{1b}\","),
            "{row}"
        );
        assert!(scenarios(&hostile).contains("\n'@SUM(1),"));
    }
}
