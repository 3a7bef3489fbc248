//! What failed, and how to see it again.

use std::collections::BTreeSet;

use crate::human::explanation;
use crate::model::{Campaign, Outcome, RunRecord};
use crate::tally;
use crate::words::{count, printable};

/// How many runs of a group are named.
const SEEDS_SHOWN: usize = 40;

/// How many groups are shown.
const GROUPS_SHOWN: usize = 200;

/// What failed.
pub(super) struct Failures {
    pub(super) groups: Vec<Group>,
    /// How many groups are not shown; empty if all are.
    pub(super) hidden: String,
}

/// Runs that failed alike.
pub(super) struct Group {
    pub(super) what: String,
    pub(super) scenario: String,
    pub(super) class: &'static str,
    pub(super) runs: String,
    pub(super) why: String,
    pub(super) replay: String,
    pub(super) seeds: Vec<Seed>,
    pub(super) hidden: String,
}

/// A run, and its page if it has one.
pub(super) struct Seed {
    pub(super) name: String,
    pub(super) page: Option<String>,
}

impl Failures {
    /// The worst first.
    pub(super) fn of(campaign: &Campaign, pages: &BTreeSet<String>) -> Failures {
        let groups = tally::failures(campaign);
        let hidden = groups.len().saturating_sub(GROUPS_SHOWN);
        let shown = groups.iter().rev().take(GROUPS_SHOWN).map(|group| Group::of(campaign, group, pages));
        Failures { groups: shown.collect(), hidden: more(hidden) }
    }
}

fn more(hidden: usize) -> String {
    if hidden == 0 { String::new() } else { count(hidden as u64) }
}

impl Group {
    fn of(campaign: &Campaign, group: &tally::Failures<'_>, pages: &BTreeSet<String>) -> Group {
        let first = group.runs[0];
        let seed = |run: &&RunRecord| Seed {
            name: printable(&run.lineage()),
            page: run
                .file_stem()
                .filter(|stem| pages.contains(stem))
                .map(|stem| format!("failures/{}.html", in_url(&stem))),
        };
        Group {
            what: printable(&group.what),
            scenario: printable(&first.scenario),
            class: match first.verdict.outcome() {
                Outcome::Pass | Outcome::Nothing | Outcome::Inconclusive => "unknown",
                Outcome::Error | Outcome::Violation => "fail",
            },
            runs: count(group.runs.len() as u64),
            why: unindented(&explanation(first)),
            replay: printable(&campaign.replay(first)),
            seeds: group.runs.iter().take(SEEDS_SHOWN).map(seed).collect(),
            hidden: more(group.runs.len().saturating_sub(SEEDS_SHOWN)),
        }
    }
}

/// A plus in a URL may be taken for a blank.
fn in_url(stem: &str) -> String {
    stem.replace('+', "%2B")
}

fn unindented(text: &str) -> String {
    let lines: Vec<&str> = text.lines().map(|line| line.strip_prefix("  ").unwrap_or(line)).collect();
    lines.join("\n")
}
