//! The coverage report: what a campaign came to, what of the protocol its runs met, and what is still unknown, on one page.
//!
//! One HTML file that asks for nothing else: style, script and drawings are in it. Without the script nothing is missing but that
//! tables sort by a click; on paper nothing is missing at all. Everything that comes from outside is text: [`printable`] takes out what
//! would disturb, and the templates escape the rest. What it simplifies: of many failures of one kind the first are named.
//!
//! Each part of the page is made in a file of its own: what it shows is worked out there, in words, and `page.html` lays it out.

mod bugs;
mod curve;
mod failures;
mod graded;
mod pace;
mod phases;
mod plot;
mod protocol;
mod scenarios;

use std::collections::BTreeSet;

use askama::Template;

use crate::bench::Bench;
use crate::human::{bugged, headline};
use crate::interval;
use crate::line_coverage::{FileLines, LineCoverage};
use crate::missing::Missing;
use crate::model::{Build, Campaign, Ending, Outcome};
use crate::part::{Part, Profile};
use crate::tally::Tally;
use crate::words::{count, counted, per_second, printable, span, times};

/// What a coverage report is made from.
#[derive(Clone, Copy, Debug)]
pub struct Page<'a> {
    /// The campaign.
    pub campaign: &'a Campaign,
    /// The runs that are missing.
    pub missing: &'a [Missing<'a>],
    /// What the bug bench measured, if it was run.
    pub bench: Option<&'a Bench>,
    /// Line coverage, if somebody measured it.
    pub lines: Option<&'a LineCoverage>,
    /// The runs that have a page of their own beside this one, by [`crate::model::RunRecord::file_stem`].
    pub pages: &'a BTreeSet<String>,
}

#[derive(Template)]
#[template(path = "coverage_page/page.html")]
struct CoveragePage {
    style: &'static str,
    script: &'static str,
    title: String,
    headline: String,
    verdict: &'static str,
    warnings: Vec<String>,
    figures: Vec<Figure>,
    grade: Option<graded::Rows>,
    scenarios: scenarios::Table,
    failures: failures::Failures,
    protocol: protocol::Protocol,
    phases: phases::Faults,
    curves: Vec<curve::Curve>,
    paces: pace::Paces,
    bench: Option<bugs::Bugs>,
    lines: Option<Lines>,
    origin: Origin,
}

/// A figure that stands out.
struct Figure {
    value: String,
    label: &'static str,
}

/// Where the results come from.
struct Origin {
    build: Vec<(&'static str, String)>,
    parts: Vec<PartRow>,
}

struct PartRow {
    command: String,
    seeds: String,
    runs: String,
    jobs: String,
    wall: String,
    ending: &'static str,
    profile: &'static str,
}

struct Lines {
    rows: Vec<(FileLines, String)>,
    total: (String, String, String),
}

/// The report as one HTML file.
///
/// # Panics
/// Never: a template that is filled in is written to memory.
#[must_use]
pub fn write(page: &Page<'_>) -> String {
    let Page { campaign, missing, bench, lines, pages } = *page;
    let total = Tally::of(&campaign.runs);
    let protocol = protocol::Protocol::of(campaign);
    let filled = CoveragePage {
        style: include_str!("page.css"),
        script: include_str!("page.js"),
        title: title(campaign),
        headline: headline(campaign, &total),
        verdict: verdict(campaign.outcome()),
        warnings: warnings(campaign, missing),
        figures: figures(campaign, &total, &protocol),
        grade: campaign.grade.as_ref().map(graded::Rows::of),
        scenarios: scenarios::Table::of(campaign),
        failures: failures::Failures::of(campaign, pages),
        protocol,
        phases: phases::Faults::of(campaign),
        curves: campaign.parts.iter().filter_map(curve::Curve::of).collect(),
        paces: pace::Paces::of(campaign),
        bench: bench.map(bugs::Bugs::of),
        lines: lines.map(Lines::of),
        origin: Origin::of(campaign),
    };
    filled.render().expect("a template that is filled in is written to memory") + "\n"
}

fn title(campaign: &Campaign) -> String {
    let names: Vec<String> = campaign.scenarios.iter().take(3).map(|scenario| printable(&scenario.name)).collect();
    let rest = campaign.scenarios.len().saturating_sub(names.len());
    if rest == 0 { names.join(", ") } else { format!("{} and {} more", names.join(", "), rest) }
}

/// The class of what stands at the top.
fn verdict(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Pass => "pass",
        Outcome::Nothing | Outcome::Inconclusive => "unknown",
        Outcome::Error | Outcome::Violation => "fail",
    }
}

/// What a reader must know before anything else.
fn warnings(campaign: &Campaign, missing: &[Missing<'_>]) -> Vec<String> {
    let mut warnings = Vec::new();
    match campaign.build {
        Build::Plain => {}
        Build::Bugged => warnings.push(bugged(campaign)),
    }
    if let Some(canary) = &campaign.canary {
        let (bug, runs) = (printable(&canary.bug), counted(canary.runs, "run"));
        warnings.push(match &canary.caught {
            Some(caught) => {
                let (check, scenario) = (printable(&caught.check), printable(&caught.scenario));
                format!("The canary {bug} was caught by {check} after {runs}, in {scenario}, seed {}.", caught.seed)
            }
            None => format!("The canary {bug} was NOT caught in {runs}: do not trust this campaign."),
        });
    }
    match campaign.ending {
        Ending::Complete | Ending::TimeLimit => {}
        Ending::Interrupted => {
            warnings.push("It was interrupted: what had not finished by then is not here.".to_owned())
        }
    }
    warnings.extend(missing.iter().map(|missing| format!("Missing: {}.", missing.words())));
    warnings
}

fn figures(campaign: &Campaign, total: &Tally, protocol: &protocol::Protocol) -> Vec<Figure> {
    let figure = |value: String, label| Figure { value, label };
    let mut figures = vec![
        figure(count(total.runs), "runs"),
        figure(count(campaign.scenarios.len() as u64), "scenarios"),
        figure(count(total.violated), "violated a check"),
        figure(span(total.virtual_ns), "virtual time"),
        figure(format!("{} ×", times(total.virtual_ns, campaign.wall_ns)), "real time"),
        figure(count(total.events), "events"),
        figure(count(per_second(total.events, campaign.wall_ns)), "events a second"),
    ];
    if protocol.declared > 0 {
        figures.push(figure(format!("{} of {}", protocol.hit, protocol.declared), "situations of the protocol met"));
    }
    figures
}

impl Origin {
    fn of(campaign: &Campaign) -> Origin {
        let kind = match campaign.build {
            Build::Plain => "plain",
            Build::Bugged => "with the feature `bugs`",
        };
        let target = if campaign.target.is_empty() { "the one of the command" } else { &campaign.target };
        let mut build = vec![
            ("whitewater", printable(&campaign.version)),
            ("build", kind.to_owned()),
            ("system under test", printable(target)),
        ];
        if let Some(bug) = &campaign.bug {
            build.push(("bug switched on", printable(bug)));
        }
        build.push(("model", printable(&campaign.schema)));
        Origin { build, parts: campaign.parts.iter().map(PartRow::of).collect() }
    }
}

impl PartRow {
    fn of(part: &Part) -> PartRow {
        let seeds = match (part.is_open_ended(), part.seed_first == part.seed_last) {
            (true, _) => format!("from {} on", part.seed_first),
            (false, true) => part.seed_first.to_string(),
            (false, false) => format!("{} to {}", part.seed_first, part.seed_last),
        };
        PartRow {
            command: if part.command.is_empty() { "-".to_owned() } else { printable(&part.command) },
            seeds,
            runs: count(part.runs),
            jobs: count(u64::from(part.jobs)),
            wall: span(part.wall_ns),
            ending: match part.ending {
                Ending::Complete => "complete",
                Ending::TimeLimit => "time limit",
                Ending::Interrupted => "interrupted",
            },
            profile: match part.profile {
                Profile::Release => "release",
                Profile::Dev => "dev",
            },
        }
    }
}

impl Lines {
    fn of(coverage: &LineCoverage) -> Lines {
        let files = coverage.files();
        let (hit, lines) = files.iter().fold((0, 0), |(hit, lines), file| (hit + file.hit, lines + file.lines));
        let row = |file: FileLines| {
            let share = interval::share(file.hit, file.lines);
            (FileLines { file: printable(&file.file), ..file }, share)
        };
        Lines {
            rows: files.into_iter().map(row).collect(),
            total: (count(hit), count(lines), interval::share(hit, lines)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::{Measured, Range, RangeEnd, SCHEMA};
    use crate::human::tests::{campaign, record, violation};
    use crate::model::{ProbeCount, RunRecord, Verdict};
    use crate::part::{Band, Pace, Phase, PhaseCount, Recovery, SLICES, Sample};

    const HOSTILE: &str = "<script>alert(1)</script>\"'&\u{202e}";

    fn page(campaign: &Campaign, bench: Option<&Bench>, lines: Option<&LineCoverage>) -> String {
        let missing = crate::missing::missing(campaign, Some((0, 3)));
        let pages = BTreeSet::from(["storm-1".to_owned()]);
        write(&Page { campaign, missing: &missing, bench, lines, pages: &pages })
    }

    /// A campaign in which there is something for every section.
    fn full() -> Campaign {
        let probes = vec![ProbeCount { probe: 0, count: 3 }];
        let faults = vec![crate::model::FaultCount { fault: 0, planned: 2, fired: 2, effects: 1 }];
        let runs = (0..3).map(|seed| {
            let verdict = if seed == 0 { Verdict::Pass } else { violation() };
            RunRecord { probes: probes.clone(), faults: faults.clone(), ..record("storm", seed, verdict) }
        });
        let mut campaign = campaign(runs.collect());
        campaign.scenarios[1].faults = vec!["faults[0] crash leader".to_owned()];
        let part = &mut campaign.parts[0];
        part.behaviour.curve = vec![crate::model::CurvePoint { runs: 3, features: 40 }];
        let slices = |count| vec![count; SLICES as usize];
        part.paces = vec![Pace {
            scenario: "storm".to_owned(),
            runs: 3,
            slice_ns: 312_500_000,
            answered: slices(9),
            unanswered: slices(1),
            p50_us: slices(2_000),
            p99_us: slices(90_000),
            recovery: Some(Recovery { count: 3, never: 1, p50_us: 1, p99_us: 2, max_us: 3 }),
            sample: Some(Sample {
                lineage: "0".to_owned(),
                answered: slices(3),
                bands: vec![Band { fault: 0, begin_ns: 1_000_000_000, end_ns: 2_000_000_000 }],
            }),
        }];
        let phase = Phase::Joint;
        part.phases = vec![PhaseCount { scenario: "storm".to_owned(), fault: 0, phase, fired: 77, effects: 66 }];
        campaign
    }

    fn bench(name: &str) -> Bench {
        let range = Range { first_seed: 0, seeds: 9, wall_ns: 5, inconclusive: 0, end: RangeEnd::Missed };
        let bug = Measured {
            number: 3,
            name: name.to_owned(),
            section: name.to_owned(),
            expected: vec![name.to_owned()],
            ranges: vec![range],
        };
        Bench {
            schema: SCHEMA.to_owned(),
            version: name.to_owned(),
            ending: Ending::Complete,
            wall_ns: 5,
            jobs: 1,
            scenarios: vec![name.to_owned()],
            seeds: 9,
            guided: false,
            bugs: vec![bug],
        }
    }

    #[test]
    fn every_section_says_what_it_is_about() {
        let mut lines = LineCoverage::default();
        lines.add("SF:src/raft.rs\nDA:1,3\nDA:2,0\nend_of_record\n").expect("it is LCOV");
        let text = page(&full(), Some(&bench("two-votes")), Some(&lines));
        for words in [
            "<h1 class=\"fail\">FAIL: 3 runs of 2 scenarios, 2 violated a check</h1>",
            "Missing: storm: seed 3 is missing (1 of 4).",
            "<pre class=\"command\">whitewater replay &#39;./my storm.toml&#39; --seed 1</pre>",
            "<a href=\"failures/storm-1.html\">1</a>, 2",
            "67 % (21 to 94)",
            "storm exists to reach window-full, and no run did.",
            "§ 3.4 Leader election <span class=\"in\">1 of 3</span>",
            "<dt>joint-left</dt>",
            "77<br>66",
            "40 features seen in 3 runs",
            "faults[0] crash leader: 1",
            "after 1 nobody was any more.",
            "two-votes",
            "not caught",
            "1 of 2 lines were executed (50 %)",
            "<code class=\"command\">whitewater run calm &#39;./my storm.toml&#39; --seeds 0..40</code>",
        ] {
            assert!(text.contains(words), "{words} is missing in\n{text}");
        }
    }

    #[test]
    fn a_grade_is_shown_with_every_row() {
        let points = crate::grade::Points(250);
        let visibility = crate::grade::Visibility::Hidden;
        let row = crate::grade::Row::pending("Election", "1.2", HOSTILE, points, visibility);
        let grade = crate::grade::Grade {
            assignment: HOSTILE.to_owned(),
            rule: "Safety is all or nothing.".to_owned(),
            rows: vec![row],
        };
        let text = page(&Campaign { grade: Some(grade), ..full() }, None, None);
        for words in [
            "Grade: 0 of 2.5 points",
            "Safety is all or nothing.",
            ">pending<",
            ">hidden<",
            "Election: &#60;script&#62;",
        ] {
            assert!(text.contains(words), "{words} is missing in\n{text}");
        }
        assert!(!page(&full(), None, None).contains("id=\"grade\""));
    }

    #[test]
    fn an_empty_campaign_has_a_page() {
        let mut campaign = campaign(Vec::new());
        (campaign.scenarios, campaign.parts, campaign.probes) = (Vec::new(), Vec::new(), Vec::new());
        let text = page(&campaign, None, None);
        assert!(text.contains("NOTHING WAS RUN") && !text.contains("id=\"bugs\"") && !text.contains("id=\"failures\""));
    }

    #[test]
    fn whatever_a_bench_and_an_lcov_file_say_stays_text() {
        let mut lines = LineCoverage::default();
        lines.add(&format!("SF:{HOSTILE}\nDA:1,3\nend_of_record\n")).expect("it is LCOV");
        let text = page(&full(), Some(&bench(HOSTILE)), Some(&lines));
        assert_eq!(text.matches("<script").count(), 1, "its own");
        assert!(!text.contains('\u{202e}') && text.contains("&#60;script&#62;alert(1)"), "{text}");
    }
}
