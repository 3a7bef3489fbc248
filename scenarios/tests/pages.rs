//! The page of a run and of a history, opened in a browser: it works, it asks for nothing, nothing in it that comes from
//! others becomes markup, and it points at what went wrong.

mod page_support;

use page_support::Browser;
use whitewater_kv::{Answer, Operation};
use whitewater_reports::check::{Check, Outcome};
use whitewater_scenarios::campaign::make;
use whitewater_scenarios::formats::{self, Parsed};
use whitewater_scenarios::{catalog, page};
use whitewater_sim::check::{Budget, Verdict};
use whitewater_sim::history::History;
use whitewater_sim::{Instant, Recording};

const HOSTILE: &str = "</script><img src=\"http://127.0.0.1:9/x\" onerror=\"document.documentElement.dataset.errors='!'\">\u{1b}[2J\u{202e}";

fn parsed(text: &str) -> Parsed {
    formats::parse(text.as_bytes(), None, None).expect("it is a history")
}

/// The page of a history from a file of this name.
fn page_of(parsed: &Parsed, name: &str) -> String {
    let report = formats::check_history(parsed, &Budget::default());
    let outcome = match report.verdict {
        Verdict::Linearizable => Outcome::Linearizable,
        Verdict::Violation(explanation) => Outcome::Violation(formats::account(parsed, &explanation)),
        Verdict::Inconclusive { .. } => panic!("these histories are small"),
    };
    let check = Check {
        tier: report.tier.to_string(),
        format: parsed.format.name().to_owned(),
        operations: parsed.history.operations().len() as u64,
        passed_over: 0,
        stream_left_at: None,
        keys: parsed.keys().len() as u64,
        partitions: 1,
        steps: report.steps,
        outcome,
        weaker: Vec::new(),
    };
    page::of_history(parsed, &check, name, &format!("whitewater check {name}"))
}

#[test]
fn the_browser_tells_what_a_page_does() {
    let Some(browser) = Browser::find() else { return };
    let bad = "<!doctype html><html data-errors=\"\"><body><img src=\"http://127.0.0.1:9/x\"><script>\
               window.onerror = (message) => { document.documentElement.dataset.errors = message; }; nothing();\
               </script></body></html>";
    let opened = browser.open("control", bad);
    assert!(opened.says("errors").is_some_and(|errors| errors.contains("nothing is not defined")), "{}", opened.dom);
    assert_eq!(opened.requests, ["http://127.0.0.1:9/x"]);
    assert!(opened.screenshot.len() < 25_000, "next to nothing is to be seen");
}

#[test]
fn ten_thousand_events_are_usable_within_two_seconds() {
    let storm = catalog::find("storm").expect("it is in the catalog");
    let run = make(&storm, 0, Recording::On).map_err(|record| *record).expect("a run");
    assert!(run.record.events > 10_000, "the run is long enough");
    let html = page::of_run(&storm, &run, None, "whitewater replay storm --seed 0");
    assert!(html.len() < 5_000_000, "the page has {} bytes", html.len());
    assert!(html.contains("10,000 events are shown; ") && html.contains("events before are left out."));
    let Some(browser) = Browser::find() else { return };
    let opened = browser.open("storm", &html);
    opened.assert_works();
    let ready_ms: u64 = opened.says("ready").and_then(|ms| ms.parse().ok()).expect("it is a number");
    assert!(ready_ms < 2_000, "it took {ready_ms} ms");
}

#[test]
fn a_foreign_history_has_a_page_of_its_clients() {
    let text = include_str!("fixtures/jepsen-stale.edn");
    let html = page_of(&parsed(text), "jepsen-stale.edn");
    assert!(html.contains("Not linearizable") && html.contains("The smallest history that shows it"));
    assert!(!html.contains("How the servers stood"), "there are none");
    let Some(browser) = Browser::find() else { return };
    let opened = browser.open("foreign", &html);
    opened.assert_works();
    assert!(opened.says("selected").is_some(), "the answer that nothing explains is selected");
}

/// A history that is not linearizable, with this in all keys and values.
fn stale(text: &str) -> History<Operation, Answer> {
    let mut history = History::new();
    let key = || text.into();
    let put = history.invoke(1, Operation::Put { key: key(), value: text.into() }, Instant(1_000));
    history.returned(put, Answer::Done, Instant(2_000));
    let get = history.invoke(2, Operation::Get { key: key() }, Instant(3_000));
    history.returned(get, Answer::Value(None), Instant(4_000));
    history
}

#[test]
fn nothing_in_a_history_becomes_markup() {
    let long = format!("{HOSTILE}{}", "x".repeat(1 << 20));
    for (name, text) in [("hostile", HOSTILE), ("long", &long)] {
        let history = stale(text);
        let file = formats::write_json(&history, whitewater_kv::spec::Missing::Nil);
        let html = page_of(&parsed(&file), HOSTILE);
        assert!(html.len() < 200_000, "a long value is cut: {} bytes", html.len());
        assert!(!html.contains("<img") && !html.contains('\u{202e}') && !html.contains('\u{1b}'));
        assert_eq!(html.matches("</script").count(), 2, "one for the data, and one for the script");
        let Some(browser) = Browser::find() else { return };
        browser.open(name, &html).assert_works();
    }
}

#[test]
fn nothing_in_a_scenario_becomes_markup() {
    let calm = catalog::find("calm").expect("it is in the catalog");
    let run = make(&calm, 0, Recording::On).map_err(|record| *record).expect("a run");
    let mut scenario = calm.clone();
    scenario.summary = HOSTILE.to_owned();
    let html = page::of_run(&scenario, &run, None, HOSTILE);
    assert!(!html.contains("<img") && !html.contains('\u{202e}') && html.matches("</script").count() == 2);
}

#[cfg(feature = "bugs")]
mod bugs {
    //! Where the pages of broken builds point.

    use super::*;
    use whitewater_reports::timeline::Kind;
    use whitewater_scenarios::bugs;
    use whitewater_scenarios::run::{Options, Run, run};

    /// The first of some runs that violates a check.
    fn failing(bug: &str, scenario: &str) -> Run {
        let bug = Some(bugs::find(bug).expect("it is on the bench"));
        let scenario = catalog::find(scenario).expect("it is in the catalog");
        let fails = |seed| {
            let run = run(&scenario, seed, &Options { bug, recording: Recording::On, ..Options::default() });
            (run.record.verdict.title() != "pass").then_some(run)
        };
        (0..40).find_map(fails).expect("one of forty runs fails")
    }

    #[test]
    fn a_page_points_at_the_event_or_the_operation() {
        let pairs = [
            ("two-votes", "election-storm"),
            ("half-is-enough", "split"),
            ("old-terms-counted", "figure-8"),
            ("no-sync", "power-loss"),
            ("answered-before-commit", "storm"),
            ("read-before-apply", "storm"),
            ("acknowledged-before-durable", "power-loss"),
            ("never-retries", "storm"),
        ];
        for (bug, scenario) in pairs {
            let run = failing(bug, scenario);
            let timeline = page::timeline(&run);
            let step = &timeline.steps[timeline.pointed.expect("there is something to look at")];
            match &run.account {
                Some(account) => {
                    let operation = &timeline.operations[step.operation.expect("it is about an operation")];
                    assert_eq!(operation.number, u64::from(account.culprit.0), "{bug}");
                }
                None => {
                    let check = run.record.verdict.title();
                    assert!(step.kind == Kind::Violation && step.text.contains(&check), "{bug}: {}", step.text);
                }
            }
        }
    }

    #[test]
    fn a_history_that_is_not_linearizable_is_shown_beside_its_run() {
        let run = failing("answered-before-commit", "leader-cut-off");
        assert!(run.account.is_some(), "clients notice this");
        let scenario = catalog::find("leader-cut-off").expect("it is in the catalog");
        let html = page::of_run(&scenario, &run, None, "whitewater replay leader-cut-off");
        for part in
            ["The smallest history that shows it", "The order that was found", "What led to it", "How the servers"]
        {
            assert!(html.contains(part), "{part}");
        }
        let Some(browser) = Browser::find() else { return };
        browser.open("stale", &html).assert_works();
    }
}
