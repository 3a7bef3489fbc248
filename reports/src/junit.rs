//! A campaign as JUnit XML, for systems of continuous integration.
//!
//! A scenario is a test suite, and each of its runs a test case. A violation is a failure. A run that could not be judged or made is
//! an error, never a pass. What a scenario exists to reach is a case of its own, which is skipped where no run met it; so is the whole
//! of a scenario of which runs are missing, as an error. What it simplifies: probes and faults are not in it.

use std::time::Duration;

use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};

use crate::exercise;
use crate::human::explanation;
use crate::missing::Missing;
use crate::model::{Build, Campaign, RunRecord, ScenarioRecord, Verdict};
use crate::words::printable;

/// The campaign as JUnit XML, with a line break at the end.
#[must_use]
pub fn write(campaign: &Campaign, missing: &[Missing<'_>]) -> String {
    let mut report = Report::new("whitewater");
    report.set_time(Duration::from_nanos(campaign.wall_ns));
    for scenario in &campaign.scenarios {
        let missing = missing.iter().find(|missing| missing.scenario == scenario.name);
        report.add_test_suite(suite(campaign, scenario, missing));
    }
    let text = report.to_string().expect("text is written to memory");
    // Jenkins's schema knows no such attribute of all suites together; each suite has its own.
    let skipped = format!(" skipped=\"{}\"", report.skipped);
    text.trim_end().replacen(&skipped, "", 1) + "\n"
}

fn suite(campaign: &Campaign, scenario: &ScenarioRecord, missing: Option<&Missing<'_>>) -> TestSuite {
    let mut suite = TestSuite::new(scenario.name.as_str());
    suite.add_property(("summary", printable(&scenario.summary).as_str()));
    suite.add_property(("version", printable(&campaign.version).as_str()));
    if campaign.build == Build::Bugged {
        suite.add_property(("build", "bugged"));
    }
    if let Some(bug) = &campaign.bug {
        suite.add_property(("bug", printable(bug).as_str()));
    }
    let mut wall_ns = 0_u64;
    for run in campaign.runs.iter().filter(|run| run.scenario == scenario.name) {
        wall_ns = wall_ns.saturating_add(run.wall_ns);
        suite.add_test_case(case(campaign, run));
    }
    if exercise::wanted(campaign, scenario).next().is_some() && !suite.test_cases.is_empty() {
        suite.add_test_case(reached(campaign, scenario));
    }
    if let Some(missing) = missing {
        let mut status = TestCaseStatus::non_success(NonSuccessKind::Error);
        status.set_type("missing").set_message(missing.words());
        suite.add_test_case(of_scenario("every run is there", scenario, status));
    }
    suite.set_time(Duration::from_nanos(wall_ns));
    suite
}

fn case(campaign: &Campaign, run: &RunRecord) -> TestCase {
    let kind = match &run.verdict {
        Verdict::Pass => None,
        Verdict::Violation { .. } => Some(NonSuccessKind::Failure),
        Verdict::Inconclusive { .. } | Verdict::Error { .. } => Some(NonSuccessKind::Error),
    };
    let status = kind.map_or_else(TestCaseStatus::success, |kind| {
        let mut status = TestCaseStatus::non_success(kind);
        let (title, why) = (printable(&run.verdict.title()), explanation(run));
        let line = why.lines().map(str::trim).find(|line| !line.starts_with("at ")).unwrap_or_default().to_owned();
        status.set_type(title.as_str()).set_message(format!("{title}: {line}"));
        status.set_description(format!("{why}  {}", printable(&campaign.replay(run))));
        status
    });
    let mut case = TestCase::new(format!("seed {}", printable(&run.lineage())), status);
    case.set_classname(run.scenario.as_str()).set_time(Duration::from_nanos(run.wall_ns));
    case
}

/// Whether the runs of a scenario met what it exists to reach.
fn reached(campaign: &Campaign, scenario: &ScenarioRecord) -> TestCase {
    let unreached = exercise::unreached(campaign, scenario);
    let status = if unreached.is_empty() {
        TestCaseStatus::success()
    } else {
        let mut status = TestCaseStatus::skipped();
        let words: Vec<String> = unreached.into_iter().map(printable).collect();
        status.set_message(format!("not exercised: no run met {}", words.join(", ")));
        status
    };
    of_scenario("what it exists to reach was met", scenario, status)
}

fn of_scenario(name: &str, scenario: &ScenarioRecord, status: TestCaseStatus) -> TestCase {
    let mut case = TestCase::new(name, status);
    case.set_classname(scenario.name.as_str());
    case
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::human::tests::{campaign, record, violation};
    use crate::missing::missing;

    #[test]
    fn violations_fail_and_what_is_not_known_is_an_error() {
        let inconclusive = Verdict::Inconclusive { why: "the checker ran out".to_owned() };
        let runs =
            vec![record("calm", 0, Verdict::Pass), record("storm", 17, violation()), record("storm", 18, inconclusive)];
        let campaign = campaign(runs);
        insta::assert_snapshot!(write(&campaign, &missing(&campaign, Some((17, 19)))));
    }

    #[test]
    fn what_comes_from_outside_stays_text() {
        let why = "<script>alert(1)</script> ]]> \u{0}\u{1b}[31m \u{fffe}".to_owned();
        let hostile = "\"><x> &amp; \u{1}";
        let mut campaign = campaign(vec![record(hostile, 1, Verdict::Error { why })]);
        campaign.scenarios[0].name = hostile.to_owned();
        let text = write(&campaign, &[]);
        assert!(!text.contains("<script>") && !text.contains("<x>"), "{text}");
        assert!(text.chars().all(|c| c >= ' ' || c == '\n'), "{text}");
    }
}
