//! A page of texts that are all hostile, and of how much it leaves out.

use super::*;
use crate::timeline::{Change, End, Field, Kind, Lane, LaneKind, Letter, Operation, Span, SpanKind, Step, fit};
use whitewater_sim::observe::Role;

const HOSTILE: &str = "</script><img src=x onerror=alert(1)>\"'&\u{1b}[2J\u{202e}";

fn step(event: u64, kind: Kind, text: &str) -> Step {
    Step {
        event,
        at_ns: event * 1_000,
        lane: Some(0),
        kind,
        text: text.to_owned(),
        letter: None,
        operation: None,
        changes: Vec::new(),
    }
}

/// Two servers and a client, and as many events as that.
fn timeline(events: u64, text: &str) -> Timeline {
    let lane = |kind| Lane { name: text.to_owned(), kind };
    let change =
        |event: u64| Change { lane: 0, field: Field::Term, before: (event - 1).to_string(), after: event.to_string() };
    let mut steps: Vec<Step> =
        (1..=events).map(|event| Step { changes: vec![change(event)], ..step(event, Kind::State, text) }).collect();
    steps.push(Step { letter: Some(0), operation: Some(0), ..step(events, Kind::Violation, text) });
    let last = steps.len() - 1;
    Timeline {
        lanes: vec![lane(LaneKind::Server), lane(LaneKind::Server), lane(LaneKind::Client)],
        names: vec![text.to_owned()],
        steps,
        letters: vec![Letter { from: 0, to: 1, name: 0, sent: 0, arrivals: vec![last], lost: None }],
        operations: vec![Operation {
            number: 0,
            lane: 2,
            text: text.to_owned(),
            answer: Some(text.to_owned()),
            invoked: 0,
            ended: Some(last),
            end: End::Returned,
        }],
        spans: vec![Span {
            lane: Some(0),
            kind: SpanKind::Role(Role::Leader),
            label: text.to_owned(),
            from: 0,
            until: None,
        }],
        pointed: Some(last),
        missing: (0, 0),
    }
}

fn page(timeline: &Timeline, text: &str) -> String {
    let owned = || text.to_owned();
    let headline = Headline {
        status: Status::Violation,
        word: owned(),
        subject: owned(),
        title: owned(),
        why: format!("{text}\n{text}"),
        demand: Some(owned()),
        facts: vec![(owned(), owned())],
    };
    html(Subject { headline: &headline, account: None, timeline, command: text })
}

/// What the script is given.
fn data(html: &str) -> serde_json::Value {
    let (_, rest) = html.split_once("id=\"run\">").expect("there is data");
    serde_json::from_str(rest.split_once("</script>").expect("it ends").0).expect("it is JSON")
}

#[test]
fn no_text_becomes_markup_and_no_text_is_lost() {
    // Whoever makes a timeline has all texts of it fitted.
    let fitted = fit(HOSTILE);
    let html = page(&timeline(3, &fitted), HOSTILE);
    assert!(!html.contains("<img") && !html.contains(['\u{1b}', '\u{202e}']), "{html}");
    assert_eq!(html.matches("</script").count(), 2, "one for the data, and one for the script");
    assert_eq!(data(&html)["names"][0], fitted, "the script gets it as it is");
    assert!(html.contains("&lt;img src=x onerror=alert(1)&gt;&quot;&#39;&amp;\\u{1b}[2J\\u{202e}"));
}

#[test]
fn a_page_has_the_last_events_and_says_what_it_leaves_out() {
    let html = page(&timeline(12_345, "enters a term"), "why");
    assert!(html.contains("10,000 events are shown; 2,345 events before are left out."));
    let data = data(&html);
    assert_eq!((&data["left_out"][0], &data["left_out"][1]), (&2_345.into(), &0.into()));
    assert_eq!(data["steps"][0][0], 2_346, "the first event that is shown");
    assert_eq!(data["pointed"], 10_000, "it is the second step of the last event");
    let term = data["fields"].as_array().expect("fields").iter().position(|field| field == "term").expect("a term");
    assert_eq!(data["states"][0][term], "2345", "what happened before counts");
    assert_eq!(data["letters"][0][3], -1, "it was sent before what is shown");
    assert!(page(&timeline(5, "x"), "why").contains("All 5 events are shown."));
}

#[test]
fn the_servers_stand_as_they_said() {
    let html = page(&timeline(7, "enters a term"), "why");
    let (_, table) = html.split_once("How the servers stood then").expect("a table");
    assert!(table.contains("<td>7</td>") && table.contains(">term</th>"), "{table}");
}

#[test]
fn the_past_of_a_step_goes_through_messages_and_not_around_them() {
    let lane = |name: &str| Lane { name: name.to_owned(), kind: LaneKind::Server };
    let on = |lane: usize, letter: Option<usize>, step: Step| Step { lane: Some(lane), letter, ..step };
    let timeline = Timeline {
        lanes: vec![lane("n0"), lane("n1"), lane("n2")],
        names: vec!["m".to_owned()],
        steps: vec![
            on(0, None, step(1, Kind::State, "before it is sent")),
            on(0, Some(0), step(2, Kind::Sent, "sent")),
            on(0, None, step(3, Kind::State, "after it was sent")),
            on(2, None, step(4, Kind::State, "somebody else")),
            on(1, Some(0), step(5, Kind::Arrived, "arrives")),
            on(1, None, step(6, Kind::Timer, "a timer")),
            on(1, None, step(7, Kind::Violation, "a violation")),
        ],
        letters: vec![Letter { from: 0, to: 1, name: 0, sent: 1, arrivals: vec![4], lost: None }],
        ..Timeline::default()
    };
    assert_eq!(timeline.past(6, 10), [0, 1, 4, 6]);
    assert_eq!(timeline.past(6, 2), [4, 6]);
    assert_eq!(timeline.past(99, 2), Vec::<usize>::new());
}
