//! The smallest history as a drawing: a lane for each client, a bar for each operation.
//!
//! The picture is that of [`crate::lanes`], with the same layout: bars overlap if and only if the operations do.

use whitewater_sim::check::Account;

use super::markup::text;
use crate::lanes::{Layout, Mark};
use crate::violation::bar;

/// How large a column of the layout is drawn, and a lane.
const COLUMN: usize = 8;
const LANE: usize = 34;
const NAMES: usize = 96;

/// How many columns a label may take.
const LABEL: usize = 28;

/// The drawing.
pub(super) fn svg(account: &Account) -> String {
    let bars: Vec<_> = account.operations.iter().map(|told| bar(account, told)).collect();
    let mut sorted: Vec<_> = bars.iter().collect();
    sorted.sort_by_key(|bar| bar.from);
    let layout = Layout::of(&sorted, LABEL);
    let mut lanes: Vec<&str> = Vec::new();
    for bar in &sorted {
        if !lanes.contains(&bar.lane.as_str()) {
            lanes.push(&bar.lane);
        }
    }
    let (width, height) = (NAMES + layout.columns * COLUMN + COLUMN, lanes.len() * LANE);
    let mut svg = format!(
        "<svg class=\"history\" role=\"img\" aria-label=\"The operations as bars; the table says the same\" \
         viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\">\n"
    );
    for (row, lane) in lanes.iter().enumerate() {
        let middle = row * LANE + LANE / 2;
        svg.push_str(&format!("<text class=\"lane\" x=\"0\" y=\"{}\">{}</text>\n", middle + 4, text(lane)));
        svg.push_str(&format!(
            "<line class=\"lane\" x1=\"{NAMES}\" y1=\"{middle}\" x2=\"{width}\" y2=\"{middle}\"/>\n"
        ));
    }
    for (place, bar) in sorted.iter().enumerate() {
        let row = lanes.iter().position(|lane| *lane == bar.lane).unwrap_or_default();
        let (from, last) = layout.spans[place];
        // An open bar goes on until its lane is needed again.
        let next = (place + 1..sorted.len()).find(|next| sorted[*next].lane == bar.lane);
        let last = match (bar.until, next) {
            (Some(_), _) => last,
            (None, Some(next)) => layout.spans[next].0.saturating_sub(1),
            (None, None) => layout.columns,
        };
        let class = match (bar.mark, bar.until) {
            (Mark::Culprit, _) => "culprit",
            (Mark::Plain, Some(_)) => "bar",
            (Mark::Plain, None) => "bar open",
        };
        let (x, y, width) = (NAMES + from * COLUMN, row * LANE + 5, (last + 1 - from) * COLUMN);
        svg.push_str(&format!(
            "<rect class=\"{class}\" x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{}\" rx=\"4\"/>\
             <text class=\"{class}\" x=\"{}\" y=\"{}\">{}</text>\n",
            LANE - 10,
            x + COLUMN,
            y + 16,
            text(&layout.labels[place])
        ));
    }
    svg + "</svg>"
}
