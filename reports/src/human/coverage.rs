//! The probes in a summary: how many were hit, the rarest, those that no run hit, and on request all of them.
//!
//! What it simplifies: a probe counts by the runs that hit it, however often they did.

use super::{Detail, WIDTH_MAX};
use crate::coverage::{Coverage, Covered};
use crate::interval;
use crate::model::ProbeRecord;
use crate::table::{labelled, table, trimmed};
use crate::words::{count, counted, printable};

/// How many probes are named that few runs hit.
const RAREST_SHOWN: usize = 3;

/// How many probes are named that no run hit; if there are more, it is said how many.
const NEVER_SHOWN: usize = 12;

/// How much of the protocol the runs met. Nothing if no run says.
pub(super) fn lines(coverage: &Coverage, detail: Detail, width: u16) -> String {
    if coverage.runs == 0 || coverage.declared() == 0 {
        return String::new();
    }
    let mut words = format!("{} of {} hit", count(coverage.hit()), count(coverage.declared()));
    let rarest = coverage.rarest(RAREST_SHOWN);
    if !rarest.is_empty() {
        let rare =
            |covered: &&Covered| format!("{} ({})", printable(&covered.probe.name), counted(covered.runs, "run"));
        words.push_str(&format!("; rarest: {}", rarest.iter().map(rare).collect::<Vec<_>>().join(", ")));
    }
    let mut text = labelled("probes", &words, width);
    let never = coverage.never();
    if !never.is_empty() {
        let names: Vec<String> = never.iter().map(|covered| printable(&covered.probe.name)).collect();
        let number = counted(names.len() as u64, "probe");
        let words = match detail {
            Detail::Table => format!("{number}, at the end of the table"),
            Detail::Line if names.len() > NEVER_SHOWN => format!("{number}; --probes shows which"),
            Detail::Line => names.join(", "),
        };
        text.push_str(&labelled("never hit", &words, width));
    }
    text
}

/// Every probe, with what it means.
#[must_use]
pub fn probes(probes: &[ProbeRecord], width: u16) -> String {
    let mut table = table(&["section", "probe", "what happened"], &[0, 1, 2], width.min(WIDTH_MAX));
    for ProbeRecord { name, section, summary, reach: _ } in probes {
        table.add_row([printable(section), printable(name), printable(summary)]);
    }
    trimmed(&table)
}

/// Every probe, those that no run hit last: what stands at the end is read first.
pub(super) fn every(coverage: &Coverage, width: u16) -> String {
    let mut table = table(&["probe", "section", "runs", "share", "first seen in"], &[0, 1, 4], width);
    for covered in coverage.by_frequency() {
        let first = covered.first.as_ref();
        table.add_row([
            printable(&covered.probe.name),
            printable(&covered.probe.section),
            count(covered.runs),
            interval::share(covered.runs, coverage.runs),
            first.map_or("-".to_owned(), |first| {
                format!("{}, seed {}{}", printable(&first.scenario), first.seed, printable(&first.departures))
            }),
        ]);
    }
    trimmed(&table)
}
