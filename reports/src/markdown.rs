//! A campaign as Markdown, for what a system of continuous integration shows of a job.
//!
//! The essentials come first: what came of it, the failures with the commands that show them again, and what was not exercised or is
//! missing; then the scenarios. Text from outside stays text: nothing in it is markup. What it simplifies: of failures that belong together
//! only the first is shown, and of many scenarios those that passed are counted.

use crate::coverage::Coverage;
use crate::exercise;
use crate::human::{bugged, explanation, headline};
use crate::interval;
use crate::missing::Missing;
use crate::model::{Build, Campaign};
use crate::tally::{self, Failures, Standing, Tally};
use crate::words::{count, counted, printable, span, times};

/// How many scenarios have a row of their own although they passed.
const PASSED_SHOWN: usize = 20;

/// How many situations are named that no run met.
const NEVER_SHOWN: usize = 12;

/// How many kinds of failures are shown.
const FAILURES_SHOWN: usize = 20;

/// The campaign as Markdown.
#[must_use]
pub fn write(campaign: &Campaign, missing: &[Missing<'_>]) -> String {
    let total = Tally::of(&campaign.runs);
    let mut text = format!("## {}\n\n", escaped(&headline(campaign, &total)));
    match campaign.build {
        Build::Plain => {}
        Build::Bugged => text.push_str(&format!("**{}**\n\n", escaped(&bugged(campaign)))),
    }
    for failures in tally::failures(campaign).iter().rev().take(FAILURES_SHOWN) {
        text.push_str(&block(campaign, failures));
    }
    text.push_str(&scenarios(campaign));
    text.push_str(&figures(campaign, &total));
    for note in notes(campaign, missing) {
        text.push_str(&format!("- {}\n", escaped(&note)));
    }
    text
}

fn block(campaign: &Campaign, failures: &Failures<'_>) -> String {
    let first = failures.runs[0];
    let more = match failures.runs.len() as u64 - 1 {
        0 => String::new(),
        more => format!(" and {} more", count(more)),
    };
    let title = format!("{} in {}, seed {}{more}", failures.what, first.scenario, first.lineage());
    let body = format!("{}  {}", explanation(first), printable(&campaign.replay(first)));
    let fence = fence(&body);
    format!("### {}\n\n{fence}text\n{}\n{fence}\n\n", escaped(&title), body)
}

/// More backticks than there are anywhere in a row, and at least three.
fn fence(text: &str) -> String {
    "`".repeat(backticks(text).max(2) + 1)
}

/// How many backticks there are in a row at most.
fn backticks(text: &str) -> usize {
    text.split(|c| c != '`').map(str::len).max().unwrap_or_default()
}

/// Text as code in a line.
fn code(text: &str) -> String {
    match backticks(text) {
        0 => format!("`{}`", printable(text)),
        longest => {
            let fence = "`".repeat(longest + 1);
            format!("{fence} {} {fence}", printable(text))
        }
    }
}

fn scenarios(campaign: &Campaign) -> String {
    let mut text = String::from("| scenario | verdict | runs | failed | rate (95 %) | virtual | wall |\n");
    text.push_str("|---|---|--:|--:|---|--:|--:|\n");
    let (mut shown, mut hidden) = (0, 0_u64);
    for (scenario, (_, tally)) in campaign.scenarios.iter().zip(tally::by_scenario(campaign)) {
        let standing = tally.standing();
        let is_exercised = exercise::unreached(campaign, scenario).is_empty();
        let verdict = if standing == Standing::Pass && !is_exercised { "not exercised" } else { standing.title() };
        if verdict == Standing::Pass.title() {
            shown += 1;
            if shown > PASSED_SHOWN {
                hidden += 1;
                continue;
            }
        }
        text.push_str(&format!(
            "| {} | {verdict} | {} | {} | {} | {} | {} |\n",
            escaped(&scenario.name),
            count(tally.runs),
            count(tally.violated),
            escaped(&interval::rate(tally.violated, tally.judged()).to_string()),
            span(tally.virtual_ns),
            span(tally.wall_ns),
        ));
    }
    if hidden > 0 {
        text.push_str(&format!("\n{} passed as well.\n", counted(hidden, "scenario")));
    }
    text
}

fn figures(campaign: &Campaign, total: &Tally) -> String {
    let coverage = Coverage::of(campaign);
    let mut text = format!(
        "\n- {} of virtual time in {} ({} times real time)\n",
        span(total.virtual_ns),
        span(campaign.wall_ns),
        times(total.virtual_ns, campaign.wall_ns)
    );
    if coverage.declared() > 0 && coverage.runs > 0 {
        let never = coverage.never();
        let mut names: Vec<String> =
            never.iter().take(NEVER_SHOWN).map(|covered| escaped(&covered.probe.name)).collect();
        if never.len() > NEVER_SHOWN {
            names.push(format!("and {} more", count((never.len() - NEVER_SHOWN) as u64)));
        }
        let never = if names.is_empty() { String::new() } else { format!("; never: {}", names.join(", ")) };
        text.push_str(&format!(
            "- {} of {} situations of the protocol were met{never}\n",
            count(coverage.hit()),
            count(coverage.declared())
        ));
    }
    for part in campaign.parts.iter().filter(|part| !part.command.is_empty()) {
        text.push_str(&format!("- {}\n", code(&part.command)));
    }
    text
}

fn notes(campaign: &Campaign, missing: &[Missing<'_>]) -> Vec<String> {
    let mut notes = Vec::new();
    if let Some(canary) = campaign.canary.as_ref().filter(|canary| canary.caught.is_none()) {
        notes.push(format!("the canary {} was NOT caught: do not trust this campaign", canary.bug));
    }
    for scenario in &campaign.scenarios {
        let unreached = exercise::unreached(campaign, scenario);
        if !unreached.is_empty() {
            notes.push(format!("not exercised: {} exists to reach {}", scenario.name, unreached.join(", ")));
        }
    }
    notes.extend(missing.iter().map(Missing::words));
    notes
}

/// Text in which nothing is markup.
fn escaped(text: &str) -> String {
    let mut result = String::new();
    for character in printable(text).chars() {
        match character {
            '<' => result.push_str("&lt;"),
            '>' => result.push_str("&gt;"),
            '&' => result.push_str("&amp;"),
            // Names nobody who would be told of it.
            '@' => result.push_str("&#64;"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '~' | '#' | '!' | '$' => result.extend(['\\', character]),
            other => result.push(other),
        }
    }
    // What would be made a link of.
    result.replace("://", "&#58;//").replace("www.", "www&#46;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::human::tests::{campaign, record, violation};
    use crate::missing::missing;
    use crate::model::Verdict;

    #[test]
    fn failures_come_first() {
        let runs =
            vec![record("calm", 0, Verdict::Pass), record("storm", 17, violation()), record("storm", 18, violation())];
        let campaign = campaign(runs);
        insta::assert_snapshot!(write(&campaign, &missing(&campaign, Some((17, 19)))));
    }

    #[test]
    fn what_comes_from_outside_is_no_markup() {
        let why = "```\n<img src=x onerror=alert(1)>\n```` end".to_owned();
        let name = "a|b <b>*x*</b> @staff https://example.org \u{202e}";
        let mut campaign = campaign(vec![record(name, 1, Verdict::Error { why })]);
        campaign.scenarios[0].name = name.to_owned();
        let text = write(&campaign, &[]);
        assert!(text.contains("`````text\n"), "the fence is longer than any in it: {text}");
        assert!(
            !text.contains("<b>") && !text.contains("@staff") && !text.contains("https:") && !text.contains('\u{202e}'),
            "{text}"
        );
        assert!(text.contains("| a\\|b &lt;b&gt;"), "{text}");
    }
}
