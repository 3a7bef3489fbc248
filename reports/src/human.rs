//! The summary of a campaign for people: the verdict, a table of scenarios, the figures, and a block for each failure.
//!
//! Plain text without colour, at most as wide as asked. The essentials come first, and the last line of a campaign that
//! failed is the command that shows its worst failure again. What it simplifies: of failures that belong together only
//! the first is shown in full.

mod coverage;
mod idle;

use crate::behaviour;
use crate::coverage::Coverage;
use crate::exercise;
use crate::faults;
use crate::interval;
use crate::model::{Build, Campaign, CanaryRecord, Ending, Outcome, RunRecord, ScenarioRecord, Verdict};
use crate::table::{table, trimmed};
use crate::tally::{self, Failures, Tally};
use crate::words::{count, counted, per_second, printable, span, times};

pub use coverage::probes;

/// The widest that a summary is, in columns.
pub const WIDTH_MAX: u16 = 120;

/// How many seeds of a group of failures are listed.
const SEEDS_SHOWN: usize = 8;

/// How many lines of an explanation are shown.
const WHY_LINES: usize = 40;

/// How much a summary says about something.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Detail {
    /// What stands out.
    #[default]
    Line,
    /// A table as well.
    Table,
}

/// How much a summary says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Details<'a> {
    /// About probes: how many were hit, the rarest, and those that were not.
    pub probes: Detail,
    /// About faults: those that never struck, and those that nobody noticed.
    pub faults: Detail,
    /// The command that makes runs of the system under test, if that is not `whitewater`.
    pub program: Option<&'a str>,
}

/// The summary of a campaign, at most `width` columns wide where words allow it.
#[must_use]
pub fn summary(campaign: &Campaign, width: u16, details: Details<'_>) -> String {
    let Details { probes, faults: of_faults, program } = details;
    let width = width.min(WIDTH_MAX);
    let tallies = tally::by_scenario(campaign);
    let total = Tally::of(&campaign.runs);
    let mut text = match campaign.build {
        Build::Plain => String::new(),
        Build::Bugged => format!("{}\n", bugged(campaign)),
    };
    text.push_str(&format!("{}\n\n{}\n", headline(campaign, &total), scenarios(&tallies, width)));
    text.push_str(&figures(campaign, &total));
    let coverage = Coverage::of(campaign);
    text.push_str(&coverage::lines(&coverage, probes, width));
    // Of parts that were made apart, nothing is known of what they have shown together.
    if let [part] = campaign.parts.as_slice() {
        text.push_str(&behaviour::lines(&part.behaviour, width));
    }
    for note in notes(campaign, &tallies) {
        text.push_str(&note);
        text.push('\n');
    }
    let tallies = faults::by_scenario(campaign);
    text.push_str(&idle::lines(&tallies, of_faults, width));
    if probes == Detail::Table {
        text.push_str(&format!("\n{}", coverage::every(&coverage, width)));
    }
    if of_faults == Detail::Table {
        text.push_str(&format!("\n{}", idle::every(&tallies, width)));
    }
    let groups = tally::failures(campaign);
    if groups.len() > 1 {
        text.push_str(&format!("\n{}", overview(&groups, width)));
    }
    for group in &groups {
        text.push('\n');
        text.push_str(&block(campaign, group, program));
    }
    text
}

/// That this build can be made to fail on purpose, and whether it was.
pub(crate) fn bugged(campaign: &Campaign) -> String {
    match &campaign.bug {
        Some(bug) => format!("BUGGED BUILD, with {} on", printable(bug)),
        None => "BUGGED BUILD, with no bug on".to_owned(),
    }
}

/// What came of a campaign, in a line.
pub(crate) fn headline(campaign: &Campaign, total: &Tally) -> String {
    let runs = format!("{} of {}", counted(total.runs, "run"), counted(campaign.scenarios.len() as u64, "scenario"));
    let is_untrusted = campaign.canary.as_ref().is_some_and(|canary| canary.caught.is_none());
    let undecided = match (total.inconclusive, total.errors) {
        (0, 0) if is_untrusted => "; the canary was not caught".to_owned(),
        (0, 0) => String::new(),
        (inconclusive, 0) => format!("; {} inconclusive", count(inconclusive)),
        (0, errors) => format!("; {} not made because of an error", count(errors)),
        (inconclusive, errors) => {
            format!("; {} inconclusive, {} not made because of an error", count(inconclusive), count(errors))
        }
    };
    match campaign.outcome() {
        Outcome::Pass => match campaign.ending {
            Ending::Complete | Ending::TimeLimit => format!("PASS: {runs}, every check held"),
            Ending::Interrupted => format!("INTERRUPTED: {runs}, every check held so far"),
        },
        Outcome::Nothing => "NOTHING WAS RUN: give it more time, or other seeds".to_owned(),
        Outcome::Inconclusive => format!("INCONCLUSIVE: {runs}{undecided}"),
        Outcome::Error => format!("ERROR: {runs}{undecided}"),
        Outcome::Violation => format!("FAIL: {runs}, {} violated a check{undecided}", count(total.violated)),
    }
}

fn scenarios(tallies: &[(&str, Tally)], width: u16) -> String {
    let heading =
        ["scenario", "verdict", "runs", "failed", "rate (95 %)", "answered", "unknown", "events", "virtual", "wall"];
    let mut table = table(&heading, &[0, 1, 4], width);
    for (name, tally) in tallies {
        table.add_row([
            printable(name),
            tally.standing().title().to_owned(),
            count(tally.runs),
            count(tally.violated),
            interval::rate(tally.violated, tally.judged()).to_string(),
            count(tally.returned),
            count(tally.unknown),
            count(tally.events),
            span(tally.virtual_ns),
            span(tally.wall_ns),
        ]);
    }
    trimmed(&table)
}

fn figures(campaign: &Campaign, total: &Tally) -> String {
    let wall_ns = campaign.wall_ns;
    format!(
        "virtual time  {} simulated in {} ({} times real time), {} at a time\n\
         throughput    {} runs and {} events a second\n",
        span(total.virtual_ns),
        span(wall_ns),
        times(total.virtual_ns, wall_ns),
        counted(u64::from(campaign.jobs), "run"),
        count(per_second(total.runs, wall_ns)),
        count(per_second(total.events, wall_ns)),
    )
}

/// A span of time that was measured many times.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Figure {
    /// What was measured.
    pub what: String,
    /// How often.
    pub count: u64,
    /// Half took no longer, in nanoseconds; `None` if nothing was measured.
    pub p50_ns: Option<u64>,
    /// All but one in a hundred took no longer, in nanoseconds.
    pub p99_ns: Option<u64>,
    /// What it should be, and whether it is.
    pub target: String,
}

/// Measured spans of time as a table.
#[must_use]
pub fn figures_table(figures: &[Figure], width: u16) -> String {
    let mut table = table(&["", "measured", "p50", "p99", "target"], &[0, 4], width.min(WIDTH_MAX));
    let shown = |ns: Option<u64>| ns.map_or("-".to_owned(), span);
    for Figure { what, count: number, p50_ns, p99_ns, target } in figures {
        table.add_row([what.clone(), count(*number), shown(*p50_ns), shown(*p99_ns), target.clone()]);
    }
    trimmed(&table)
}

/// What a reader must know to take the table for what it is.
fn notes(campaign: &Campaign, tallies: &[(&str, Tally)]) -> Vec<String> {
    let mut notes = Vec::new();
    match campaign.ending {
        Ending::Complete => {}
        Ending::TimeLimit => notes.push("ended         when the time limit was reached".to_owned()),
        Ending::Interrupted => {
            notes.push(
                "ended         by an interrupt: what had finished by then is above, the rest was not run".to_owned(),
            );
        }
    }
    match &campaign.canary {
        None => {}
        Some(CanaryRecord { bug, runs, caught: Some(caught) }) => notes.push(format!(
            "canary        {} was caught by {} after {}, in {}, seed {}",
            printable(bug),
            printable(&caught.check),
            counted(*runs, "run"),
            printable(&caught.scenario),
            caught.seed
        )),
        Some(CanaryRecord { bug, runs, caught: None }) => notes.push(format!(
            "canary        {} was NOT caught in {}: these scenarios would not notice, so do not trust the campaign",
            printable(bug),
            counted(*runs, "run")
        )),
    }
    for (name, tally) in tallies {
        let name = printable(name);
        if tally.runs == 0 {
            notes.push(format!("warning       {name} was not run at all: give the campaign more time"));
        }
        if tally.without_work > 0 {
            let (idle, runs) = (count(tally.without_work), counted(tally.runs, "run"));
            notes.push(format!(
                "warning       no client got an answer in {idle} of {runs} of {name}: they prove little"
            ));
        }
    }
    for (scenario, (_, tally)) in campaign.scenarios.iter().zip(tallies) {
        notes.extend(not_exercised(campaign, scenario, tally));
        notes.extend(not_taken(campaign, scenario));
    }
    notes
}

/// How many runs of a scenario must have missed what it is for, before that is said.
const RUNS_TO_REACH: u64 = 20;

/// That a scenario never met what it exists to reach: whatever its verdict, it says nothing about that.
fn not_exercised(campaign: &Campaign, scenario: &ScenarioRecord, tally: &Tally) -> Option<String> {
    let missed: Vec<String> = exercise::unreached(campaign, scenario).into_iter().map(printable).collect();
    let (scenario, missed_all) = (printable(&scenario.name), missed.join(", "));
    (!missed.is_empty() && tally.runs >= RUNS_TO_REACH)
        .then(|| format!("not exercised {scenario} exists to reach {missed_all}, and no run did"))
}

/// The part of a script that came about in no run: nothing is known of what would follow.
fn not_taken(campaign: &Campaign, scenario: &ScenarioRecord) -> Option<String> {
    let (passed, never) = exercise::untaken(campaign, scenario);
    let (scenario, never) = (printable(&scenario.name), never.into_iter().map(printable).collect::<Vec<String>>());
    (!never.is_empty() && passed >= RUNS_TO_REACH)
        .then(|| format!("not exercised {scenario}: no run came to {}", never.join(", nor to ")))
}

fn overview(groups: &[Failures<'_>], width: u16) -> String {
    let mut table = table(&["scenario", "failure", "runs", "first seeds"], &[0, 1, 3], width);
    for group in groups {
        table.add_row([
            printable(&group.runs[0].scenario),
            printable(&group.what),
            count(group.runs.len() as u64),
            seeds(&group.runs),
        ]);
    }
    trimmed(&table)
}

fn seeds(runs: &[&RunRecord]) -> String {
    let shown: Vec<String> = runs.iter().take(SEEDS_SHOWN).map(|run| printable(&run.lineage())).collect();
    let dots = if runs.len() > SEEDS_SHOWN { ", ..." } else { "" };
    shown.join(", ") + dots
}

/// The first of a group of failures, in full.
fn block(campaign: &Campaign, group: &Failures<'_>, program: Option<&str>) -> String {
    let first = group.runs[0];
    let mut text =
        format!("{} in {}, seed {}", printable(&group.what), printable(&first.scenario), printable(&first.lineage()));
    if group.runs.len() > 1 {
        let others = &group.runs[1..];
        text.push_str(&format!(" (and {} more: {})", count(others.len() as u64), seeds(others)));
    }
    text.push('\n');
    text.push_str(&explanation(first));
    let replay = match program {
        Some(program) => format!("{program} {} --seeds {} --trace", campaign.argument(first), first.lineage()),
        None => campaign.replay(first),
    };
    text.push_str(&format!("  {replay}\n"));
    text
}

/// Why a run failed: where and when, and what its verdict says, indented by two. Empty if it passed.
#[must_use]
pub fn explanation(run: &RunRecord) -> String {
    let (place, why) = match &run.verdict {
        Verdict::Pass => return String::new(),
        Verdict::Violation { event, at_ns, why, .. } => {
            (format!("  at {}, event e{event}\n", seconds(*at_ns)), why.as_str())
        }
        Verdict::Inconclusive { why } | Verdict::Error { why } => (String::new(), why.as_str()),
    };
    let lines: Vec<&str> = why.lines().collect();
    let mut text = place;
    for line in lines.iter().take(WHY_LINES) {
        text.push_str(&format!("  {}\n", printable(line)));
    }
    if lines.len() > WHY_LINES {
        text.push_str(&format!("  ... {} more\n", counted((lines.len() - WHY_LINES) as u64, "line")));
    }
    text
}

/// Virtual time as traces print it.
pub(crate) fn seconds(ns: u64) -> String {
    whitewater_sim::Instant(ns).to_string()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::model::{BehaviourRecord, ProbeCount, ProbeRecord, Reach, SCHEMA};
    use crate::part::{Part, Profile};

    const PROBES: Details<'_> = Details { probes: Detail::Table, faults: Detail::Line, program: None };

    pub(crate) fn violation() -> Verdict {
        Verdict::Violation {
            check: "I24".to_owned(),
            name: "Liveness".to_owned(),
            event: 1_234,
            at_ns: 10_001_000_000,
            why: "there is no leader\nsecond line with \u{1b}[31m".to_owned(),
        }
    }

    pub(crate) fn record(scenario: &str, seed: u64, verdict: Verdict) -> RunRecord {
        RunRecord {
            scenario: scenario.to_owned(),
            seed,
            departures: String::new(),
            servers: 3,
            verdict,
            digest: "00000000deadbeef".to_owned(),
            events: 123_456,
            virtual_ns: 10_100_000_000,
            wall_ns: 20_000_000,
            returned: 1_000,
            unknown: 2,
            applied: 900,
            terms_led: 3,
            skipped: Vec::new(),
            faults: Vec::new(),
            probes: Vec::new(),
        }
    }

    pub(crate) fn campaign(runs: Vec<RunRecord>) -> Campaign {
        let scenario = |name: &str, argument: &str| ScenarioRecord {
            name: name.to_owned(),
            summary: "A summary.".to_owned(),
            argument: argument.to_owned(),
            faults: Vec::new(),
            reaches: vec!["window-full".to_owned()],
            script: vec!["step `away`".to_owned(), "judge \"somebody leads\"".to_owned()],
        };
        Campaign {
            schema: SCHEMA.to_owned(),
            version: "0.1.0".to_owned(),
            build: Build::Plain,
            bug: None,
            canary: None,
            ending: Ending::Complete,
            wall_ns: 50_000_000,
            jobs: 2,
            scenarios: vec![scenario("calm", "calm"), scenario("storm", "'./my storm.toml'")],
            probes: ["split-vote", "joint-left", "window-full"].map(probe).into(),
            parts: vec![part()],
            grade: None,
            program: crate::model::PROGRAM.to_owned(),
            target: String::new(),
            runs,
        }
    }

    pub(crate) fn part() -> Part {
        Part {
            command: "whitewater run calm './my storm.toml' --seeds 0..40".to_owned(),
            profile: Profile::Release,
            scenarios: vec!["calm".to_owned(), "storm".to_owned()],
            seed_first: 0,
            seed_last: 39,
            time_limit_ns: None,
            jobs: 2,
            runs: 80,
            ending: Ending::Complete,
            wall_ns: 50_000_000,
            behaviour: BehaviourRecord::default(),
            paces: Vec::new(),
            phases: Vec::new(),
        }
    }

    fn probe(name: &str) -> ProbeRecord {
        let (section, summary) = ("3.4".to_owned(), "Something happened.".to_owned());
        ProbeRecord { name: name.to_owned(), section, summary, reach: Reach::Within }
    }

    #[test]
    fn a_failure_ends_with_the_line_that_shows_it_again() {
        let mut runs = vec![record("calm", 0, Verdict::Pass)];
        runs.extend((17..37).map(|seed| record("storm", seed, violation())));
        let text = summary(&campaign(runs), 120, Details::default());
        assert!(text.starts_with("FAIL: 21 runs of 2 scenarios, 20 violated a check\n"), "{text}");
        let last: Vec<&str> = text.lines().rev().take(5).collect();
        assert_eq!(last[0], "  whitewater replay './my storm.toml' --seed 17");
        assert_eq!(last[1], "  second line with \\u{1b}[31m");
        assert_eq!(last[3], "  at 10.001000s, event e1234");
        assert_eq!(last[4], "I24 Liveness in storm, seed 17 (and 19 more: 18, 19, 20, 21, 22, 23, 24, 25, ...)");
    }

    #[test]
    fn no_line_is_wider_than_asked() {
        let runs = (0..40).map(|seed| record(if seed < 3 { "calm" } else { "storm" }, seed, violation())).collect();
        let text = summary(&campaign(runs), 120, Details::default());
        assert!(text.lines().all(|line| line.chars().count() <= 120), "{text}");
    }

    #[test]
    fn a_scenario_that_never_met_what_it_is_for_is_named() {
        let runs = |probes: Vec<ProbeCount>| {
            let run = |seed| RunRecord { probes: probes.clone(), ..record("calm", seed, Verdict::Pass) };
            campaign((0..RUNS_TO_REACH).map(run).collect())
        };
        let missed = summary(&runs(Vec::new()), 120, PROBES);
        assert!(missed.contains("not exercised calm exists to reach window-full, and no run did"), "{missed}");
        let met = summary(&runs(vec![ProbeCount { probe: 2, count: 1 }]), 120, PROBES);
        assert!(!met.contains("not exercised"), "{met}");
        let mut unseen = runs(Vec::new());
        unseen.probes.iter_mut().for_each(|probe| probe.reach = Reach::Beyond);
        let unseen = summary(&unseen, 120, PROBES);
        assert!(!unseen.contains("not exercised"), "nobody can see whether it was met: {unseen}");
        let read = Campaign { probes: Vec::new(), ..runs(Vec::new()) };
        let read = summary(&read, 120, PROBES);
        assert!(!read.contains("not exercised"), "nor in a campaign that was read: {read}");
    }

    #[test]
    fn a_step_that_no_run_came_to_is_named() {
        let runs = |skipped: [&[u16]; 2]| {
            let run = |seed: u64| {
                let skipped = skipped[usize::from(seed == 7)].to_vec();
                let probes = vec![ProbeCount { probe: 2, count: 1 }];
                RunRecord { skipped, probes, ..record("calm", seed, Verdict::Pass) }
            };
            summary(&campaign((0..RUNS_TO_REACH).map(run).collect()), 120, PROBES)
        };
        let never = runs([&[0, 1], &[0]]);
        assert!(never.contains("not exercised calm: no run came to step `away`\n"), "{never}");
        let nothing = runs([&[0, 1], &[0, 1]]);
        assert!(nothing.contains("no run came to step `away`, nor to judge \"somebody leads\"\n"), "{nothing}");
        assert!(!runs([&[0, 1], &[]]).contains("not exercised"));
    }

    #[test]
    fn nothing_is_not_a_pass_and_idle_runs_are_named() {
        assert!(summary(&campaign(Vec::new()), 120, Details::default()).starts_with("NOTHING WAS RUN"));
        let idle = RunRecord { returned: 0, ..record("calm", 0, Verdict::Pass) };
        let text = summary(&campaign(vec![idle]), 120, Details::default());
        assert!(text.contains("no work"), "{text}");
        assert!(text.contains("no client got an answer in 1 of 1 run of calm"), "{text}");
        assert!(text.contains("storm was not run at all"), "{text}");
    }

    #[test]
    fn coverage_names_the_rarest_and_what_was_never_hit() {
        let hit = |seed, probes: &[u16]| RunRecord {
            probes: probes.iter().map(|probe| ProbeCount { probe: *probe, count: 2 }).collect(),
            ..record("storm", seed, Verdict::Pass)
        };
        let campaign = campaign(vec![hit(3, &[0, 1]), hit(4, &[0])]);
        let text = summary(&campaign, 120, Details::default());
        let expected =
            "probes        2 of 3 hit; rarest: joint-left (1 run), split-vote (2 runs)\nnever hit     window-full\n";
        assert!(text.contains(expected), "{text}");
        let table: Vec<String> = summary(&campaign, 120, PROBES)
            .lines()
            .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
            .collect();
        let place = table.iter().position(|line| line == "probe section runs share first seen in").expect("a table");
        assert_eq!(
            table[place + 1..place + 4],
            ["split-vote 3.4 2 100 % storm, seed 3", "joint-left 3.4 1 50 % storm, seed 3", "window-full 3.4 0 0 % -"]
        );
    }

    #[test]
    fn many_probes_that_were_never_hit_are_counted() {
        let mut campaign = campaign(vec![record("calm", 0, Verdict::Pass)]);
        campaign.probes = (0..40).map(|number| probe(&format!("situation-number-{number}"))).collect();
        let text = summary(&campaign, 80, Details::default());
        assert!(text.contains("probes        0 of 40 hit\nnever hit     40 probes; --probes shows which\n"), "{text}");
        let text = summary(&campaign, 80, PROBES);
        assert!(text.lines().any(|line| line.starts_with("situation-number-39 ")), "{text}");
        assert!(text.contains("never hit     40 probes, at the end of the table\n"), "{text}");
        campaign.probes.truncate(10);
        let text = summary(&campaign, 80, Details::default());
        let never = text.lines().skip_while(|line| !line.starts_with("never hit")).take(4);
        assert!(never.clone().count() == 4 && never.clone().all(|line| line.chars().count() <= 80), "{text}");
    }

    #[test]
    fn faults_that_did_nothing_are_named_once_there_are_enough_runs() {
        let mut campaign = faults::tests::stormy();
        let text = summary(&campaign, 120, Details::default());
        assert!(!text.contains("never fired") && !text.contains("no effect"), "two runs prove nothing: {text}");
        let table = Details { faults: Detail::Table, ..Details::default() };
        let text = summary(&campaign, 120, table);
        assert!(
            text.contains("never fired   1 fault, see the table\nno effect     1 fault, see the table\n"),
            "{text}"
        );
        let rows: Vec<String> =
            text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
        for row in ["storm crash 2 2 2 8 1 5", "storm cut 2 1 1 2 0 0 no effect", "storm pause 2 1 0 0 0 0 never fired"]
        {
            assert!(rows.iter().any(|line| line == row), "{row} is missing: {text}");
        }
        campaign.runs = (0..500).flat_map(|_| campaign.runs.clone()).collect();
        let text = summary(&campaign, 120, Details::default());
        assert!(text.contains("never fired   pause in storm\nno effect     cut in storm\n"), "{text}");
    }
}
