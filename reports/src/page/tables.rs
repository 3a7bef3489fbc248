//! What a page says without a drawing: what led to the violation, how the servers stood, and the last events in words.

use super::markup::{Page, text};
use crate::timeline::{Kind, LaneKind, Step, Timeline, Window};
use crate::words::counted;

/// How many steps that led to the one to look at are listed, and how many events.
const LED: usize = 16;
const EVENTS: usize = 200;

/// What led to the step to look at, and how the servers stood behind it.
pub(super) fn led(page: &mut Page, timeline: &Timeline, window: &Window) {
    let Some(pointed) = timeline.pointed else { return };
    let is_served = timeline.lanes.iter().any(|lane| lane.kind == LaneKind::Server);
    if !is_served {
        return;
    }
    page.push("<section id=\"led\">\n<h2>What led to it</h2>\n");
    page.push("<p class=\"note\">The last steps that it depends on: earlier ones of the same node, and of those whose messages it heard.</p>\n");
    page.table(&["event", "time", "node", "what"]);
    for place in timeline.past(pointed, LED) {
        row(page, timeline, &timeline.steps[place], if place == pointed { "culprit" } else { "" });
    }
    page.end_table();
    page.push("</section>\n<section id=\"states\">\n<h2>How the servers stood then</h2>\n");
    let fields = window.fields(timeline);
    let headings: Vec<&str> = ["server"].into_iter().chain(fields.iter().map(|field| field.name())).collect();
    page.table(&headings);
    let states = window.states_after(timeline, pointed);
    for (lane, values) in timeline.lanes.iter().zip(&states).filter(|(lane, _)| lane.kind == LaneKind::Server) {
        let cells: Vec<&str> = [lane.name.as_str()]
            .into_iter()
            .chain(fields.iter().map(|field| values[*field as usize].as_str()))
            .collect();
        page.row("", &cells);
    }
    page.end_table();
    page.push("</section>\n");
}

/// The last events up to the one to look at, in words.
pub(super) fn events(page: &mut Page, timeline: &Timeline, window: &Window) {
    let until = timeline.pointed.map_or(window.steps.end, |pointed| (pointed + 1 + EVENTS / 10).min(window.steps.end));
    let from = until.saturating_sub(EVENTS).max(window.steps.start);
    let summary = format!("The last {} in words", counted((until - from) as u64, "step"));
    page.push(&format!("<details id=\"events\">\n<summary>{}</summary>\n", text(&summary)));
    page.table(&["event", "time", "node", "what"]);
    for (place, step) in timeline.steps[from..until].iter().enumerate() {
        let class = if Some(from + place) == timeline.pointed { "culprit" } else { "" };
        row(page, timeline, step, class);
    }
    page.end_table();
    page.push("</details>\n");
}

fn row(page: &mut Page, timeline: &Timeline, step: &Step, class: &str) {
    let lane = step.lane.map_or("all", |lane| timeline.lanes[lane].name.as_str());
    let time = whitewater_sim::Instant(step.at_ns).to_string();
    let mut class = class.to_owned();
    if step.kind == Kind::Fault && class.is_empty() {
        class.push_str("fault");
    }
    page.row(&class, &[&format!("e{}", step.event), &time, lane, &step.text]);
}
