//! Why a history is not linearizable: the smallest history that shows it, and the order that was found before the answer
//! that has no place in it.

use whitewater_sim::check::{Account, Role};

use super::figure;
use super::markup::{Page, text};
use crate::violation::{could, notes};

/// How many steps of an order are listed, and how many operations that were in flight.
const STEPS: usize = 12;
const IN_FLIGHT: usize = 12;

/// Writes both.
pub(super) fn section(page: &mut Page, account: &Account) {
    page.push("<section id=\"history\">\n<h2>The smallest history that shows it</h2>\n");
    page.push(&format!("<div class=\"scroll\">{}</div>\n", figure::svg(account)));
    page.table(&["operation", "client", "asked", "was answered", "could be", "from", "to"]);
    for told in &account.operations {
        let class = if told.id == account.culprit { "culprit" } else { "" };
        let answer = told.answer.as_deref().unwrap_or("unknown");
        let until = told.until.as_deref().unwrap_or("the end");
        let (number, client) = (format!("#{}", told.id.0), format!("client {}", told.client));
        let could = could(&told.legal).unwrap_or_default();
        let until = if told.role == Role::LooseSource { format!("{until} ~") } else { until.to_owned() };
        page.row(class, &[&number, &client, &told.operation, answer, &could, &told.from, &until]);
    }
    page.end_table();
    page.push(&format!("<p class=\"note\">{}</p>\n</section>\n", text(&notes(account).join(" "))));
    order(page, account);
}

fn order(page: &mut Page, account: &Account) {
    let attempt = &account.attempt;
    let skipped = attempt.steps.len().saturating_sub(STEPS);
    let before = skipped.checked_sub(1).map_or(&attempt.before, |last| &attempt.steps[last].state);
    page.push("<section id=\"order\">\n<h2>The order that was found, up to the answer that has no place in it</h2>\n");
    page.table(&["", "operation", "client", "asked", "was answered", "state after it"]);
    let hidden = attempt.skipped + skipped;
    let first = if hidden == 0 { "at first".to_owned() } else { format!("after {hidden} earlier operations") };
    page.row("", &["", "", "", "", &first, before]);
    for (step, number) in attempt.steps[skipped..].iter().zip(hidden + 1..) {
        let (number, id, client) = (number.to_string(), format!("#{}", step.id.0), format!("client {}", step.client));
        let answer = step.answer.as_deref().unwrap_or("unknown");
        page.row("", &[&number, &id, &client, &step.operation, answer, &step.state]);
    }
    if let Some(culprit) = account.operations.iter().find(|told| told.id == account.culprit) {
        let (id, client) = (format!("#{}", culprit.id.0), format!("client {}", culprit.client));
        let answer = culprit.answer.as_deref().unwrap_or("unknown");
        let why = "this cannot be placed, here or earlier";
        page.row("culprit", &["?", &id, &client, &culprit.operation, answer, why]);
    }
    page.end_table();
    let open: Vec<String> = attempt.in_flight.iter().take(IN_FLIGHT).map(|id| format!("#{}", id.0)).collect();
    let open = match (open.is_empty(), attempt.in_flight.len() - open.len()) {
        (true, _) => "Nothing else was in flight.".to_owned(),
        (false, 0) => format!("In flight then, and not needed: {}.", open.join(", ")),
        (false, more) => format!("In flight then, and not needed: {} and {more} more.", open.join(", ")),
    };
    page.push(&format!(
        "<p class=\"note\">All answers that were given before are explained by this order. {open}</p>\n</section>\n"
    ));
}
