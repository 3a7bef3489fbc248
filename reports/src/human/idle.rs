//! The faults in a summary: those that never struck, those that nobody noticed, and on request what each of them did.
//!
//! What it simplifies: in a campaign too short to tell, nothing is said of them unless it is asked for.

use super::Detail;
use crate::faults::{self, FaultTally, Idle};
use crate::table::{labelled, table, trimmed};
use crate::words::{count, counted, printable};

/// How many faults are named that did nothing; if there are more, it is said how many.
const IDLE_SHOWN: usize = 12;

/// The faults that did nothing, where enough runs were made for that to mean something.
pub(super) fn lines(tallies: &[FaultTally<'_>], detail: Detail, width: u16) -> String {
    let is_asked = |tally: &&FaultTally<'_>| detail == Detail::Table || tally.runs >= faults::RUNS_MIN;
    let idle = |wanted: Idle| -> Vec<&FaultTally<'_>> {
        tallies.iter().filter(is_asked).filter(|tally| tally.idle() == Some(wanted)).collect()
    };
    let mut text = String::new();
    for (label, idle) in [("never fired", idle(Idle::NeverFired)), ("no effect", idle(Idle::NeverMattered))] {
        if idle.is_empty() {
            continue;
        }
        let name = |tally: &&FaultTally<'_>| format!("{} in {}", printable(tally.fault), printable(tally.scenario));
        let number = counted(idle.len() as u64, "fault");
        let words = match detail {
            Detail::Table => format!("{number}, see the table"),
            Detail::Line if idle.len() > IDLE_SHOWN => format!("{number}; --faults shows which"),
            Detail::Line => idle.iter().map(name).collect::<Vec<_>>().join(", "),
        };
        text.push_str(&labelled(label, &words, width));
    }
    text
}

/// What each fault did, scenario by scenario.
pub(super) fn every(tallies: &[FaultTally<'_>], width: u16) -> String {
    let heading = ["scenario", "fault", "runs", "configured", "fired in", "fired", "effect in", "effects", ""];
    let mut table = table(&heading, &[0, 1, 8], width);
    for tally in tallies {
        let remark = match tally.idle() {
            None => "",
            Some(Idle::NeverFired) => "never fired",
            Some(Idle::NeverMattered) => "no effect",
        };
        table.add_row([
            printable(tally.scenario),
            printable(tally.fault),
            count(tally.runs),
            count(tally.runs_configured),
            count(tally.runs_fired),
            count(tally.fired),
            count(tally.runs_effective),
            count(tally.effects),
            remark.to_owned(),
        ]);
    }
    trimmed(&table)
}
