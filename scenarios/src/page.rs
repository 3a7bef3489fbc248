//! The page of a run, or of a history from a file: puts what was recorded into the words of the store.

use whitewater_kv::spec::Missing;
use whitewater_kv::{Answer, Operation};
use whitewater_reports::check::{Check, Outcome};
use whitewater_reports::page::{self, Subject};
use whitewater_reports::timeline::{self, Foreign, Timeline};
use whitewater_sim::check::Model as _;

use crate::bugs::Bug;
use crate::formats::{KeyValue, Parsed};
use crate::run::Run;
use crate::scenario::Scenario;

/// The timeline of a run that was recorded.
///
/// # Panics
/// If it was made without a recorder.
#[must_use]
pub fn timeline(run: &Run) -> Timeline {
    let trace = run.trace.as_ref().expect("the recorder was on");
    let words = |op: &Operation, answer: Option<&Answer>| words(KeyValue { missing: Missing::Nil }, op, answer);
    timeline::of_run(trace, &run.history, &words, run.account.as_ref().map(|account| account.culprit))
}

/// The page of a run that was recorded, and that this command makes again.
///
/// # Panics
/// If it was made without a recorder.
#[must_use]
pub fn of_run(scenario: &Scenario, run: &Run, bug: Option<Bug>, command: &str) -> String {
    let reason = run.account.as_ref().map(|account| account.reason.as_str());
    let headline = page::of_run(&run.record, &scenario.summary, bug.map(|bug| bug.name), reason);
    page::html(Subject { headline: &headline, account: run.account.as_ref(), timeline: &timeline(run), command })
}

/// The page of a history from a file, with what came of its check.
#[must_use]
pub fn of_history(parsed: &Parsed, check: &Check, file: &str, command: &str) -> String {
    let account = if let Outcome::Violation(account) = &check.outcome { Some(account) } else { None };
    let model = parsed.model;
    let timeline = timeline::of_history(
        &parsed.history,
        &Foreign {
            words: &|op, answer| words(model, op, answer),
            line: &|stamp| usize::try_from(stamp).ok().and_then(|stamp| parsed.lines.get(stamp)).copied(),
            culprit: account.map(|account| account.culprit),
        },
    );
    page::html(Subject { headline: &page::of_check(check, file), account, timeline: &timeline, command })
}

fn words(model: KeyValue, op: &Operation, answer: Option<&Answer>) -> (String, Option<String>) {
    (model.describe_operation(op), answer.map(|answer| model.describe_answer(answer)))
}
