//! The bug bench in numbers: for each bug whether it was caught, by which check, where, and after how many seeds.
//!
//! Every bug is looked for in several disjoint ranges of seeds, and in each the search stops at its first catch. The
//! median of the ranges is shown with the smallest and the largest of them: for five independent ranges these enclose the
//! true median with a confidence of 94 % (order statistics: all five lie on one side of it with a chance of 2/32). What
//! it simplifies: a range without a catch counts as longer than all others, not as a number.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::human::WIDTH_MAX;
use crate::json::Mistake;
use crate::model::Ending;
use crate::table::{labelled, table, trimmed};
use crate::words::{count, counted, printable, span};

/// Names the JSON model and its version.
pub const SCHEMA: &str = "whitewater/bugs/v1";

/// How many bugs may be asked about for every range of each to be shown.
const DETAILED_MAX: usize = 3;

/// A bug or a control of the bench.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Declared {
    /// Its number.
    pub number: u16,
    /// Its name.
    pub name: String,
    /// The section of its rule.
    pub section: String,
    /// What its line protects.
    pub protects: String,
    /// The identifiers of the checks that are expected to notice; none for a control.
    pub expected: Vec<String>,
}

/// Bugs and controls as a table.
#[must_use]
pub fn list(declared: &[Declared], width: u16) -> String {
    let heading = ["", "bug", "section", "what the line protects", "expected"];
    let mut table = table(&heading, &[1, 2, 3, 4], width.min(WIDTH_MAX));
    for Declared { number, name, section, protects, expected } in declared {
        let expected = if expected.is_empty() { "control".to_owned() } else { expected.join(" ") };
        table.add_row([number.to_string(), printable(name), printable(section), printable(protects), expected]);
    }
    trimmed(&table)
}

/// Bugs and controls as indented JSON, with a line break at the end.
#[must_use]
pub fn write_list(declared: &[Declared]) -> String {
    serde_json::to_string_pretty(declared).expect("the model has nothing that JSON cannot hold") + "\n"
}

/// What the bench measured.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bench {
    /// [`SCHEMA`].
    pub schema: String,
    /// The version of Whitewater that ran it.
    pub version: String,
    /// How it ended.
    pub ending: Ending,
    /// How long it took on the wall clock, in nanoseconds.
    pub wall_ns: u64,
    /// How many runs were made at the same time.
    pub jobs: u32,
    /// The names of the scenarios, which take turns.
    pub scenarios: Vec<String>,
    /// How many seeds are in a range: so many runs are made at most.
    pub seeds: u64,
    /// Whether most runs departed from others that came where few were.
    pub guided: bool,
    /// The bugs and controls, in the order of their numbers.
    pub bugs: Vec<Measured>,
}

/// What was measured of one bug.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Measured {
    /// Its number.
    pub number: u16,
    /// Its name.
    pub name: String,
    /// The section of its rule.
    pub section: String,
    /// The identifiers of the checks that are expected to notice; none for a control.
    pub expected: Vec<String>,
    /// What came of each range, in the order of their seeds.
    pub ranges: Vec<Range>,
}

/// What came of a range of seeds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Range {
    /// Its first seed.
    pub first_seed: u64,
    /// How many seeds were run until the search ended, the last one included.
    pub seeds: u64,
    /// How long they took, one after the other, on the wall clock, in nanoseconds.
    pub wall_ns: u64,
    /// Runs that were too long to be judged; they count as not caught.
    pub inconclusive: u64,
    /// Why the search ended.
    #[serde(flatten)]
    pub end: RangeEnd,
}

/// Why the search in a range ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "end", rename_all = "kebab-case")]
pub enum RangeEnd {
    /// A run failed, failed in the same way when it was made again, and passed without the bug.
    Caught(Catch),
    /// No run failed.
    Missed,
    /// Somebody interrupted it.
    Interrupted,
    /// A run failed, and was another one when it was made again: it is not a function of scenario and seed.
    NotReproducible(Catch),
    /// A run failed without the bug as well: something else is wrong.
    FailsWithoutBug(Catch),
    /// A run could not be made.
    Error {
        /// Why not.
        why: String,
        /// The command that shows it.
        replay: String,
    },
}

/// A run that failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Catch {
    /// The scenario.
    pub scenario: String,
    /// The run: its seed, and where it departs from that.
    pub seed: String,
    /// The identifier of the check that failed.
    pub check: String,
    /// Its name.
    pub check_name: String,
    /// Why it failed, in one line.
    pub why: String,
    /// The command that shows it.
    pub replay: String,
}

/// What is to be said of a bug or a control.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standing {
    /// A bug was caught in at least one range, or a control in none.
    Fine,
    /// The search was interrupted before anything was known.
    Unknown,
    /// A bug was not caught.
    Escaped,
    /// A control was flagged.
    Flagged,
    /// A run failed without the bug, or could not be made.
    Broken,
    /// A run was not the same when it was made again.
    NotDeterministic,
}

/// The seeds, or the time, to the first catch: the median over the ranges, and the ranges' smallest and largest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spread {
    /// The smallest; `None` if there was no catch.
    pub min: Option<u64>,
    /// The median; `None` if there was no catch in half of the ranges.
    pub median: Option<u64>,
    /// The largest; `None` if a range had no catch.
    pub max: Option<u64>,
}

impl Measured {
    /// The runs that caught it.
    pub fn catches(&self) -> impl Iterator<Item = (&Range, &Catch)> {
        self.ranges.iter().filter_map(|range| match &range.end {
            RangeEnd::Caught(catch) => Some((range, catch)),
            RangeEnd::Missed
            | RangeEnd::Interrupted
            | RangeEnd::NotReproducible(_)
            | RangeEnd::FailsWithoutBug(_)
            | RangeEnd::Error { .. } => None,
        })
    }

    /// Whether it breaks no rule.
    #[must_use]
    pub fn is_control(&self) -> bool {
        self.expected.is_empty()
    }

    /// What is to be said of it.
    #[must_use]
    pub fn standing(&self) -> Standing {
        let caught = self.catches().next().is_some();
        let of_ranges = self.ranges.iter().map(|range| match &range.end {
            RangeEnd::Caught(_) | RangeEnd::Missed => Standing::Fine,
            RangeEnd::Interrupted => Standing::Unknown,
            RangeEnd::NotReproducible(_) => Standing::NotDeterministic,
            RangeEnd::FailsWithoutBug(_) | RangeEnd::Error { .. } => Standing::Broken,
        });
        let worst = of_ranges.max().unwrap_or(Standing::Unknown);
        match (worst, caught, self.is_control()) {
            (Standing::Broken | Standing::NotDeterministic, ..) => worst,
            (_, true, true) => Standing::Flagged,
            (_, true, false) => Standing::Fine,
            (Standing::Unknown, false, _) => Standing::Unknown,
            (_, false, true) => Standing::Fine,
            (_, false, false) => Standing::Escaped,
        }
    }

    /// Seeds to the first catch.
    #[must_use]
    pub fn seeds(&self) -> Spread {
        self.spread(|range| range.seeds)
    }

    /// Wall-clock time of one core to the first catch, in nanoseconds.
    #[must_use]
    pub fn wall_ns(&self) -> Spread {
        self.spread(|range| range.wall_ns)
    }

    fn spread(&self, figure: impl Fn(&Range) -> u64) -> Spread {
        let mut figures: Vec<u64> = self.catches().map(|(range, _)| figure(range)).collect();
        figures.sort_unstable();
        let ranges = self.ranges.len();
        Spread {
            min: figures.first().copied(),
            median: ranges.checked_sub(1).and_then(|last| figures.get(last / 2)).copied(),
            max: ranges.checked_sub(1).and_then(|last| figures.get(last)).copied(),
        }
    }

    /// The checks that caught it, the most frequent first.
    pub(crate) fn checks(&self) -> Vec<&str> {
        most_frequent(self.catches().map(|(_, catch)| catch.check.as_str()))
    }

    /// The scenarios in which it was caught, the most frequent first.
    fn scenarios(&self) -> Vec<&str> {
        most_frequent(self.catches().map(|(_, catch)| catch.scenario.as_str()))
    }
}

fn most_frequent<'a>(names: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    names.for_each(|name| *counts.entry(name).or_default() += 1);
    let mut names: Vec<(usize, &str)> = counts.into_iter().map(|(name, count)| (count, name)).collect();
    names.sort_by(|(one, _), (other, _)| other.cmp(one));
    names.into_iter().map(|(_, name)| name).collect()
}

impl Bench {
    /// The worst that is to be said of any of its bugs and controls.
    #[must_use]
    pub fn standing(&self) -> Standing {
        self.bugs.iter().map(Measured::standing).max().unwrap_or(Standing::Unknown)
    }
}

/// The bench as indented JSON, with a line break at the end.
#[must_use]
pub fn write(bench: &Bench) -> String {
    #[derive(Serialize)]
    struct Summary<'a> {
        #[serde(flatten)]
        measured: &'a Measured,
        caught: usize,
        seeds_median: Option<u64>,
        seeds_min: Option<u64>,
        seeds_max: Option<u64>,
        wall_ns_median: Option<u64>,
        checks: Vec<&'a str>,
        unexpected: Vec<&'a str>,
    }
    #[derive(Serialize)]
    struct Written<'a> {
        schema: &'a str,
        version: &'a str,
        ending: Ending,
        wall_ns: u64,
        jobs: u32,
        scenarios: &'a [String],
        seeds: u64,
        guided: bool,
        bugs: Vec<Summary<'a>>,
    }
    fn summarised(measured: &Measured) -> Summary<'_> {
        let checks = measured.checks();
        Summary {
            measured,
            caught: measured.catches().count(),
            seeds_median: measured.seeds().median,
            seeds_min: measured.seeds().min,
            seeds_max: measured.seeds().max,
            wall_ns_median: measured.wall_ns().median,
            unexpected: unexpected(measured),
            checks,
        }
    }
    let written = Written {
        schema: &bench.schema,
        version: &bench.version,
        ending: bench.ending,
        wall_ns: bench.wall_ns,
        jobs: bench.jobs,
        scenarios: &bench.scenarios,
        seeds: bench.seeds,
        guided: bench.guided,
        bugs: bench.bugs.iter().map(summarised).collect(),
    };
    let text = serde_json::to_string_pretty(&written).expect("the model has nothing that JSON cannot hold");
    text + "\n"
}

/// Reads what [`write()`] wrote.
///
/// # Errors
/// If it is not a bench of this version of the model.
pub fn read(text: &str) -> Result<Bench, Mistake> {
    let bench: Bench = serde_json::from_str(text)?;
    if bench.schema != SCHEMA {
        return Err(format!("the schema is {:?}, but only {SCHEMA:?} can be read", bench.schema).into());
    }
    Ok(bench)
}

/// The checks that caught a bug without being expected to.
fn unexpected(measured: &Measured) -> Vec<&str> {
    let is_expected = |check: &&str| measured.expected.iter().any(|expected| expected == check);
    measured.checks().into_iter().filter(|check| !is_expected(check)).collect()
}

/// The bench for people: the verdict, a table, and what is wrong.
#[must_use]
pub fn summary(bench: &Bench, width: u16) -> String {
    let width = width.min(WIDTH_MAX);
    let mut text = format!("{}\n\n{}\n", headline(bench), bugs_table(bench, width));
    let guided = if bench.guided { ", runs guided to where few were" } else { "" };
    text.push_str(&labelled("scenarios", &format!("{}, taking turns{guided}", bench.scenarios.join(", ")), width));
    let ranges = bench.bugs.first().map_or(0, |measured| measured.ranges.len());
    let words = format!(
        "the median of {} of {}, each up to its first catch, and the smallest and the largest",
        counted(ranges as u64, "range"),
        counted(bench.seeds, "seed")
    );
    text.push_str(&labelled("seeds", &words, width));
    let (runs, jobs) = (bench.bugs.iter().flat_map(|measured| &measured.ranges), u64::from(bench.jobs));
    let runs: u64 = runs.map(|range| range.seeds).sum();
    let words = format!("{} in {}, {} at a time", counted(runs, "run"), span(bench.wall_ns), counted(jobs, "run"));
    text.push_str(&labelled("work", &words, width));
    for note in notes(bench) {
        text.push_str(&labelled(note.0, &note.1, width));
    }
    if bench.bugs.len() <= DETAILED_MAX {
        bench.bugs.iter().for_each(|measured| text.push_str(&detail(measured)));
    }
    let is_wrong = |measured: &&Measured| measured.standing() >= Standing::Flagged;
    for measured in bench.bugs.iter().filter(is_wrong) {
        text.push_str(&wrong(measured));
    }
    text
}

/// What came of it, in a line.
pub(crate) fn headline(bench: &Bench) -> String {
    let standing = |standing: Standing, is_control: bool| {
        let of_kind = bench.bugs.iter().filter(|measured| measured.is_control() == is_control);
        of_kind.filter(|measured| measured.standing() == standing).count() as u64
    };
    let controls = bench.bugs.iter().filter(|measured| measured.is_control()).count() as u64;
    let bugs = bench.bugs.len() as u64 - controls;
    let mut parts = Vec::new();
    if bugs > 0 {
        parts.push(format!("{} of {} caught", count(standing(Standing::Fine, false)), counted(bugs, "bug")));
    }
    if controls > 0 {
        let flagged = count(standing(Standing::Flagged, true));
        parts.push(format!("{flagged} of {} flagged", counted(controls, "control")));
    }
    let word = match (bench.standing(), bench.ending) {
        (Standing::NotDeterministic, _) => "NOT DETERMINISTIC",
        (Standing::Broken, _) => "BROKEN",
        (_, Ending::Interrupted) => "INTERRUPTED",
        (Standing::Flagged | Standing::Escaped, _) => "FAIL",
        (Standing::Unknown, _) => "NOTHING WAS RUN",
        (Standing::Fine, _) => "PASS",
    };
    format!("{word}: {}", parts.join(", "))
}

fn bugs_table(bench: &Bench, width: u16) -> String {
    let heading = ["", "bug", "section", "caught", "seeds", "(min to max)", "time", "by", "expected", "in"];
    let mut table = table(&heading, &[1, 2, 5, 7, 8, 9], width);
    for measured in &bench.bugs {
        let (seeds, wall_ns) = (measured.seeds(), measured.wall_ns());
        let searched = measured.ranges.iter().map(|range| range.seeds).max().unwrap_or(0);
        let or_more = |figure: Option<u64>| figure.map_or(format!("> {}", count(searched)), count);
        let expected = if measured.is_control() { "control".to_owned() } else { measured.expected.join(" ") };
        let interval = seeds.min.map_or(String::new(), |min| format!("({} to {})", count(min), or_more(seeds.max)));
        table.add_row([
            measured.number.to_string(),
            printable(&measured.name),
            printable(&measured.section),
            format!("{}/{}", measured.catches().count(), measured.ranges.len()),
            or_more(seeds.median),
            interval,
            wall_ns.median.map_or("-".to_owned(), span),
            measured.checks().join(" "),
            expected,
            shortened(&measured.scenarios()),
        ]);
    }
    trimmed(&table)
}

/// How many scenarios are named in the table.
const SCENARIOS_SHOWN: usize = 2;

fn shortened(names: &[&str]) -> String {
    let rest = names.len().saturating_sub(SCENARIOS_SHOWN);
    let shown = names[..names.len() - rest].join(", ");
    if rest == 0 { shown } else { format!("{shown} +{rest}") }
}

/// What a reader must know, each under a name.
fn notes(bench: &Bench) -> Vec<(&'static str, String)> {
    let named = |wanted: Standing| -> Vec<&str> {
        let of_standing = bench.bugs.iter().filter(|measured| measured.standing() == wanted);
        of_standing.map(|measured| measured.name.as_str()).collect()
    };
    let mut notes = Vec::new();
    let others: Vec<String> = bench
        .bugs
        .iter()
        .filter(|measured| !measured.is_control() && !unexpected(measured).is_empty())
        .map(|measured| format!("{} ({})", measured.name, unexpected(measured).join(" ")))
        .collect();
    if !others.is_empty() {
        notes.push(("unexpected", format!("caught by another check than expected: {}", others.join(", "))));
    }
    for (label, standing) in [("escaped", Standing::Escaped), ("flagged", Standing::Flagged)] {
        let names = named(standing);
        if !names.is_empty() {
            notes.push((label, names.join(", ")));
        }
    }
    let inconclusive: u64 =
        bench.bugs.iter().flat_map(|measured| &measured.ranges).map(|range| range.inconclusive).sum();
    if inconclusive > 0 {
        let runs = counted(inconclusive, "run");
        notes.push(("inconclusive", format!("{runs} could not be judged and counted as not caught")));
    }
    match bench.ending {
        Ending::Complete | Ending::TimeLimit => {}
        Ending::Interrupted => notes.push(("ended", "by an interrupt: what had finished by then is above".to_owned())),
    }
    notes
}

/// Every range of a bug.
fn detail(measured: &Measured) -> String {
    let mut text = format!("\n{}\n", printable(&measured.name));
    for range in &measured.ranges {
        let Range { first_seed, seeds, wall_ns, end, .. } = range;
        let (seeds, time) = (counted(*seeds, "seed"), span(*wall_ns));
        let words = match end {
            RangeEnd::Caught(catch) => {
                format!(
                    "{} {} after {seeds}, {time}\n    {}\n    {}",
                    catch.check,
                    catch.check_name,
                    printable(&catch.why),
                    catch.replay
                )
            }
            RangeEnd::Missed => format!("not caught in {seeds}, {time}"),
            RangeEnd::Interrupted => format!("interrupted after {seeds}"),
            RangeEnd::NotReproducible(_) | RangeEnd::FailsWithoutBug(_) | RangeEnd::Error { .. } => {
                format!("ended after {seeds}, see below")
            }
        };
        text.push_str(&format!("  from seed {first_seed}: {words}\n"));
    }
    text
}

/// What is wrong with a bug or a control, with commands.
fn wrong(measured: &Measured) -> String {
    let mut text = format!("\n{}\n", printable(&measured.name));
    for range in &measured.ranges {
        let (words, catch) = match &range.end {
            RangeEnd::Caught(catch) => ("a control must not fail", catch),
            RangeEnd::NotReproducible(catch) => ("the run went differently when it was made again", catch),
            RangeEnd::FailsWithoutBug(catch) => ("the run fails without the bug as well", catch),
            RangeEnd::Error { why, replay } => {
                text.push_str(&format!("  the run could not be made: {}\n    {replay}\n", printable(why)));
                continue;
            }
            RangeEnd::Missed | RangeEnd::Interrupted => continue,
        };
        text.push_str(&format!("  {words}: {} {}\n    {}\n", catch.check, catch.check_name, catch.replay));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(number: u64, seeds: u64, end: RangeEnd) -> Range {
        Range { first_seed: number * 100, seeds, wall_ns: seeds * 20_000_000, inconclusive: 0, end }
    }

    fn catch(check: &str) -> Catch {
        Catch {
            scenario: "storm".to_owned(),
            seed: "7".to_owned(),
            check: check.to_owned(),
            check_name: "Name".to_owned(),
            why: "because".to_owned(),
            replay: "whitewater replay storm --seed 7 --bug a-bug".to_owned(),
        }
    }

    /// A bug that was caught after so many seeds in its ranges; 0 if it was not.
    fn measured(expected: &[&str], check: &str, ranges: &[u64]) -> Measured {
        let end = |seeds: u64| if seeds == 0 { RangeEnd::Missed } else { RangeEnd::Caught(catch(check)) };
        let range = |(number, seeds): (u64, &u64)| range(number, if *seeds == 0 { 100 } else { *seeds }, end(*seeds));
        Measured {
            number: 3,
            name: "a-bug".to_owned(),
            section: "3.6.1".to_owned(),
            expected: expected.iter().map(|id| (*id).to_owned()).collect(),
            ranges: (0..).zip(ranges).map(range).collect(),
        }
    }

    fn bench(bugs: Vec<Measured>) -> Bench {
        Bench {
            schema: SCHEMA.to_owned(),
            version: "0.1.0".to_owned(),
            ending: Ending::Complete,
            wall_ns: 5_000_000_000,
            jobs: 2,
            scenarios: vec!["storm".to_owned(), "deluge".to_owned()],
            seeds: 100,
            guided: false,
            bugs,
        }
    }

    #[test]
    fn the_median_counts_a_range_without_a_catch_as_the_longest() {
        let spread = |ranges: &[u64]| measured(&["I1"], "I1", ranges).seeds();
        assert_eq!(spread(&[5, 1, 9, 3, 7]), Spread { min: Some(1), median: Some(5), max: Some(9) });
        assert_eq!(spread(&[5, 0, 9, 3, 0]), Spread { min: Some(3), median: Some(9), max: None });
        assert_eq!(spread(&[5, 0, 0, 3, 0]), Spread { min: Some(3), median: None, max: None });
        assert_eq!(spread(&[0, 0, 0, 0, 0]), Spread { min: None, median: None, max: None });
        assert_eq!(spread(&[]), Spread { min: None, median: None, max: None });
    }

    #[test]
    fn a_bug_must_be_caught_and_a_control_must_not() {
        assert_eq!(measured(&["I1"], "I1", &[0, 4]).standing(), Standing::Fine);
        assert_eq!(measured(&["I1"], "I1", &[0, 0]).standing(), Standing::Escaped);
        assert_eq!(measured(&[], "I1", &[0, 0]).standing(), Standing::Fine);
        assert_eq!(measured(&[], "I1", &[0, 4]).standing(), Standing::Flagged);
        let mut broken = measured(&["I1"], "I1", &[3, 4]);
        broken.ranges[1].end = RangeEnd::FailsWithoutBug(catch("I1"));
        assert_eq!(broken.standing(), Standing::Broken);
        broken.ranges[0].end = RangeEnd::NotReproducible(catch("I1"));
        assert_eq!(broken.standing(), Standing::NotDeterministic);
        assert_eq!(bench(vec![measured(&[], "I1", &[0]), broken]).standing(), Standing::NotDeterministic);
    }

    #[test]
    fn the_summary_says_what_matters_first() {
        let bugs = vec![
            measured(&["I1", "LIN"], "I6", &[1, 2, 3, 4, 0]),
            measured(&["I1"], "I1", &[0, 0, 0, 0, 0]),
            measured(&[], "I1", &[0, 0, 0, 0, 0]),
        ];
        let text = summary(&bench(bugs), 120);
        assert!(text.starts_with("FAIL: 1 of 2 bugs caught, 0 of 1 control flagged\n"), "{text}");
        assert!(text.contains("unexpected    caught by another check than expected: a-bug (I6)\n"), "{text}");
        assert!(text.contains("escaped       a-bug\n"), "{text}");
        let row: Vec<&str> = text.lines().nth(3).expect("a row").split_whitespace().collect();
        assert_eq!(row[..8], ["3", "a-bug", "3.6.1", "4/5", "3", "(1", "to", ">"], "{text}");
        assert!(text.contains("whitewater replay storm --seed 7 --bug a-bug"), "{text}");
        assert!(text.lines().all(|line| line.chars().count() <= 120), "{text}");
    }

    #[test]
    fn programs_read_the_same() {
        let text = write(&bench(vec![measured(&["I1"], "I6", &[1, 2, 0])]));
        let json: serde_json::Value = serde_json::from_str(&text).expect("it is JSON");
        let bug = &json["bugs"][0];
        assert_eq!((&bug["seeds_median"], &bug["caught"]), (&2.into(), &2.into()));
        assert_eq!(bug["unexpected"], serde_json::json!(["I6"]));
        assert_eq!((&bug["ranges"][2]["end"], &bug["ranges"][0]["end"]), (&"missed".into(), &"caught".into()));
        assert_eq!(bug["ranges"][0]["seed"], "7");
    }
}
