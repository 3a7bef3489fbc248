//! The table of scenarios: how often each failed, and how sure one can be of that.

use crate::exercise;
use crate::interval;
use crate::model::{Campaign, ScenarioRecord};
use crate::tally::{self, Standing, Tally};
use crate::words::{count, printable, span};

/// The table.
pub(super) struct Table {
    pub(super) rows: Vec<Row>,
    pub(super) total: Row,
    /// What no run met although its scenario exists for it, in words.
    pub(super) not_exercised: Vec<String>,
}

/// A row. Figures have a number beside them to sort by.
pub(super) struct Row {
    pub(super) name: String,
    pub(super) summary: String,
    pub(super) verdict: &'static str,
    pub(super) class: &'static str,
    pub(super) runs: u64,
    pub(super) failed: u64,
    pub(super) unjudged: u64,
    pub(super) rate: String,
    pub(super) answered: (String, u64),
    pub(super) unknown: (String, u64),
    pub(super) virtual_time: (String, u64),
    pub(super) wall_time: (String, u64),
}

impl Table {
    pub(super) fn of(campaign: &Campaign) -> Table {
        let mut not_exercised = Vec::new();
        let mut rows = Vec::new();
        for (scenario, (_, tally)) in campaign.scenarios.iter().zip(tally::by_scenario(campaign)) {
            let words = missed(campaign, scenario);
            rows.push(Row::of(&scenario.name, &scenario.summary, &tally, words.is_empty()));
            not_exercised.extend(words);
        }
        Table { rows, total: Row::of("all", "", &Tally::of(&campaign.runs), true), not_exercised }
    }
}

/// What the runs of a scenario never met, or never came to.
fn missed(campaign: &Campaign, scenario: &ScenarioRecord) -> Vec<String> {
    let name = printable(&scenario.name);
    let listed = |words: Vec<&str>, between: &str| words.into_iter().map(printable).collect::<Vec<_>>().join(between);
    let unreached = exercise::unreached(campaign, scenario);
    let (_, untaken) = exercise::untaken(campaign, scenario);
    let mut missed = Vec::new();
    if !unreached.is_empty() {
        missed.push(format!("{name} exists to reach {}, and no run did.", listed(unreached, ", ")));
    }
    if !untaken.is_empty() {
        missed.push(format!("No run of {name} that passed came to {}.", listed(untaken, ", nor to ")));
    }
    missed
}

impl Row {
    fn of(name: &str, summary: &str, tally: &Tally, is_exercised: bool) -> Row {
        let (verdict, class) = match tally.standing() {
            Standing::Pass if is_exercised => ("pass", "pass"),
            Standing::Pass => ("not exercised", "unknown"),
            standing @ (Standing::NoWork | Standing::NotRun | Standing::Inconclusive) => (standing.title(), "unknown"),
            standing @ (Standing::Error | Standing::Violation) => (standing.title(), "fail"),
        };
        Row {
            name: printable(name),
            summary: printable(summary),
            verdict,
            class,
            runs: tally.runs,
            failed: tally.violated,
            unjudged: tally.inconclusive + tally.errors,
            rate: interval::rate(tally.violated, tally.judged()).to_string(),
            answered: (count(tally.returned), tally.returned),
            unknown: (count(tally.unknown), tally.unknown),
            virtual_time: (span(tally.virtual_ns), tally.virtual_ns),
            wall_time: (span(tally.wall_ns), tally.wall_ns),
        }
    }
}
