//! The bug bench, if it was run: which of the rules that were broken on purpose were noticed, by what, and how soon.

use crate::bench::{Bench, Measured, Standing, headline};
use crate::words::{count, counted, printable, span};

/// The table of bugs.
pub(super) struct Bugs {
    pub(super) headline: String,
    pub(super) words: String,
    pub(super) rows: Vec<Row>,
}

/// A bug or a control.
pub(super) struct Row {
    pub(super) number: u16,
    pub(super) name: String,
    pub(super) section: String,
    pub(super) standing: &'static str,
    pub(super) class: &'static str,
    pub(super) caught: String,
    pub(super) seeds: (String, u64),
    pub(super) spread: String,
    pub(super) wall: (String, u64),
    pub(super) checks: String,
    pub(super) expected: String,
}

impl Bugs {
    pub(super) fn of(bench: &Bench) -> Bugs {
        Bugs {
            headline: printable(&headline(bench)),
            words: format!(
                "Whitewater {}; {} of {} each, scenarios taking turns: {}.",
                printable(&bench.version),
                counted(bench.bugs.first().map_or(0, |measured| measured.ranges.len()) as u64, "range"),
                counted(bench.seeds, "seed"),
                bench.scenarios.iter().map(|name| printable(name)).collect::<Vec<_>>().join(", ")
            ),
            rows: bench.bugs.iter().map(Row::of).collect(),
        }
    }
}

impl Row {
    fn of(measured: &Measured) -> Row {
        let (seeds, wall_ns) = (measured.seeds(), measured.wall_ns());
        let searched = measured.ranges.iter().map(|range| range.seeds).max().unwrap_or(0);
        let or_more = |figure: Option<u64>| figure.map_or(format!("> {}", count(searched)), count);
        let (standing, class) = match measured.standing() {
            Standing::Fine if measured.is_control() => ("not flagged", "pass"),
            Standing::Fine => ("caught", "pass"),
            Standing::Unknown => ("not known", "unknown"),
            Standing::Escaped => ("not caught", "fail"),
            Standing::Flagged => ("flagged", "fail"),
            Standing::Broken => ("fails without it", "fail"),
            Standing::NotDeterministic => ("not deterministic", "fail"),
        };
        let expected: Vec<String> = measured.expected.iter().map(|check| printable(check)).collect();
        Row {
            number: measured.number,
            name: printable(&measured.name),
            section: printable(&measured.section),
            standing,
            class,
            caught: format!("{} of {}", measured.catches().count(), measured.ranges.len()),
            seeds: (or_more(seeds.median), seeds.median.unwrap_or(u64::MAX)),
            spread: seeds.min.map_or(String::new(), |min| format!("{} to {}", count(min), or_more(seeds.max))),
            wall: (wall_ns.median.map_or("-".to_owned(), span), wall_ns.median.unwrap_or(u64::MAX)),
            checks: printable(&measured.checks().join(" ")),
            expected: if measured.is_control() { "control".to_owned() } else { expected.join(" ") },
        }
    }
}
