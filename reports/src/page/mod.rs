//! One run, or one history, as a page: what was violated in words, the smallest history that shows it, and everything that
//! led there on one axis, to be stepped through.
//!
//! The page is one HTML file that asks for nothing else: no network, no build step. Its words, figures and tables are there
//! without JavaScript, and on paper; the drawing that can be zoomed needs it. Whatever comes from the system under test is
//! text: it is escaped here, and the script puts it into text nodes and onto a canvas, never into markup. What it
//! simplifies: the drawing has the last 10,000 events up to the one to look at; the page says how many it leaves out.

mod data;
mod evidence;
mod figure;
mod markup;
mod tables;
mod words;

use whitewater_sim::check::Account;

use crate::timeline::{Timeline, Window};
use crate::words::{counted, printable};
use markup::{Page as Markup, attribute, text};
pub use words::{Headline, Status, of_check, of_run};

/// Where a page begins, and how the drawing behaves.
const STYLE: &str = include_str!("assets/page.css");
const SCRIPT: [&str; 5] = [
    include_str!("assets/data.js"),
    include_str!("assets/axis.js"),
    include_str!("assets/draw.js"),
    include_str!("assets/panel.js"),
    include_str!("assets/main.js"),
];

/// What a page shows.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// What it says at the top.
    pub headline: &'a Headline,
    /// Why the history is not linearizable, if it is not.
    pub account: Option<&'a Account>,
    /// What happened.
    pub timeline: &'a Timeline,
    /// The command that makes it again.
    pub command: &'a str,
}

/// The page as HTML.
#[must_use]
pub fn html(subject: Subject<'_>) -> String {
    let Subject { headline, account, timeline, command } = subject;
    let window = Window::of(timeline);
    let mut page = Markup::new(&format!("{} - {}", headline.title, headline.subject), STYLE);
    header(&mut page, headline, timeline, command);
    if let Some(account) = account {
        evidence::section(&mut page, account);
    }
    drawing(&mut page, timeline, &window);
    tables::led(&mut page, timeline, &window);
    tables::events(&mut page, timeline, &window);
    page.push(include_str!("assets/help.html"));
    page.push(&format!(
        "<footer>Made by whitewater {}. This file needs no network and no other file.</footer>\n",
        env!("CARGO_PKG_VERSION")
    ));
    page.json("run", &data::json(timeline, &window, account));
    page.script(&SCRIPT.concat());
    page.finish()
}

fn header(page: &mut Markup, headline: &Headline, timeline: &Timeline, command: &str) {
    let status = match headline.status {
        Status::Pass => "pass",
        Status::Violation => "violation",
        Status::Undecided => "undecided",
    };
    page.push(&format!("<header class=\"{status}\">\n"));
    page.push(&format!(
        "<p class=\"kicker\"><b>{}</b> {}</p>\n<h1>{}</h1>\n",
        text(&headline.word),
        text(&headline.subject),
        text(&headline.title)
    ));
    let mut lines = headline.why.lines();
    page.push(&format!("<p class=\"why\">{}</p>\n", text(lines.next().unwrap_or_default())));
    let rest: Vec<String> = lines.map(printable).collect();
    if !rest.is_empty() {
        page.push(&format!("<pre>{}</pre>\n", text(rest.join("\n").trim_matches('\n'))));
    }
    page.push("<dl>\n");
    if let Some(demand) = &headline.demand {
        page.fact("What must hold", &text(demand));
    }
    if let Some(place) = place(timeline) {
        page.fact("Where", &place);
    }
    for (name, what) in &headline.facts {
        page.fact(name, &text(what));
    }
    page.fact(
        "Again",
        &format!("<code id=\"command\">{}</code> <button data-copy=\"command\" hidden>copy</button>", text(command)),
    );
    page.push("</dl>\n</header>\n");
}

/// The event to look at, as a link.
fn place(timeline: &Timeline) -> Option<String> {
    let step = &timeline.steps[timeline.pointed?];
    let on = step.lane.map(|lane| format!(" on {}", text(&timeline.lanes[lane].name))).unwrap_or_default();
    let at = if step.at_ns > 0 { format!(" at {}", whitewater_sim::Instant(step.at_ns)) } else { String::new() };
    Some(format!("<a href=\"#e{0}\">event e{0}</a>{at}{on}", step.event))
}

/// The drawing, which a script makes, and how much of the run it has.
fn drawing(page: &mut Markup, timeline: &Timeline, window: &Window) {
    page.push("<section id=\"drawing\" aria-label=\"Timeline\">\n<h2>What happened</h2>\n");
    let shown = crate::timeline::events(&timeline.steps[window.steps.clone()]);
    let left_out = [(window.events_before, "before"), (window.events_behind, "behind")];
    let left_out = left_out.into_iter().filter(|(events, _)| *events > 0);
    let left_out: Vec<String> = left_out.map(|(events, side)| format!("{} {side}", counted(events, "event"))).collect();
    let left_out = match left_out.join(" and ") {
        none if none.is_empty() => format!("All {} are shown.", counted(shown, "event")),
        some => format!("{} are shown; {some} are left out.", counted(shown, "event")),
    };
    let described = "A drawing of clients, servers and messages over time. The table of events says the same in words.";
    page.push(&format!("<p class=\"note\">{left_out}</p>\n<noscript><p class=\"note\">The drawing needs JavaScript; the tables below do not.</p></noscript>\n"));
    page.push(&format!(
        "<div id=\"tools\" hidden></div>\n<div id=\"stage\" hidden><canvas id=\"canvas\" tabindex=\"0\" role=\"img\" aria-label=\"{}\"></canvas>\n\
         <aside id=\"panel\" aria-live=\"polite\"></aside></div>\n</section>\n",
        attribute(described)
    ));
}
