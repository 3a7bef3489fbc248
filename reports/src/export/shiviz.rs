//! The log of a run for ShiViz (Beschastnikh et al., "Visualizing Distributed System Executions", TOSEM 2020): each step of a
//! node with its vector clock (Fidge, 1988; Mattern, 1989).
//!
//! The first line is the regular expression that ShiViz needs to read the rest, and the second, for logs of several
//! executions, is empty. What it simplifies: ShiViz takes minutes for tens of thousands of steps, so the log has the last
//! ones up to the one to look at, with clocks that begin there, and says how many it leaves out; a step that concerns no node in particular, such as a fault of the network,
//! has no place in a partial order and is left out; of a message that arrives twice both arrivals follow its sending.

use std::fmt::Write;

use crate::timeline::{Kind, Timeline};
use crate::words::counted;

/// How many steps the log has.
const STEPS: usize = 5_000;

/// How ShiViz is to read each pair of lines.
const EXPRESSION: &str = r"(?<host>\S*) (?<clock>{.*})\n(?<event>.*)";

/// The log.
#[must_use]
pub fn shiviz(timeline: &Timeline) -> String {
    let hosts: Vec<String> = timeline.lanes.iter().map(|lane| lane.name.replace(char::is_whitespace, "-")).collect();
    let mut clocks = vec![vec![0_u64; hosts.len()]; hosts.len()];
    // The clock with which each message was sent, until nobody needs it any more.
    let mut sent: Vec<Option<Vec<u64>>> = vec![None; timeline.letters.len()];
    let until = timeline.pointed.map_or(timeline.steps.len(), |pointed| pointed + 1);
    let from = until.saturating_sub(STEPS);
    let mut log = format!("{EXPRESSION}\n\n");
    if from > 0 {
        // The expression passes over such a line.
        log.push_str(&format!("left out: {} before these\n", counted(from as u64, "step")));
    }
    for (place, step) in timeline.steps.iter().enumerate().take(until).skip(from) {
        let Some(lane) = step.lane else { continue };
        if let (Kind::Arrived, Some(letter)) = (step.kind, step.letter) {
            if let Some(clock) = &sent[letter] {
                let merged = clocks[lane].iter_mut().zip(clock);
                merged.for_each(|(own, other)| *own = (*own).max(*other));
            }
            if timeline.letters[letter].arrivals.last() == Some(&place) {
                sent[letter] = None;
            }
        }
        clocks[lane][lane] += 1;
        if let (Kind::Sent, Some(letter)) = (step.kind, step.letter)
            && !timeline.letters[letter].arrivals.is_empty()
        {
            sent[letter] = Some(clocks[lane].clone());
        }
        let known = hosts.iter().zip(&clocks[lane]).filter(|(_, count)| **count > 0);
        let known: Vec<String> = known.map(|(host, count)| format!("{}:{count}", quoted(host))).collect();
        let text = step.text.replace(['\n', '\r'], " ");
        // Writing into a string does not fail.
        let _ = writeln!(log, "{} {{{}}}\ne{} {text}", hosts[lane], known.join(", "), step.event);
    }
    log
}

fn quoted(text: &str) -> String {
    serde_json::to_string(text).expect("text is written without fail")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::timeline::{Lane, LaneKind, Letter, Step};

    #[test]
    fn an_arrival_knows_what_its_sender_knew() {
        let lane = |name: &str| Lane { name: name.to_owned(), kind: LaneKind::Server };
        let step = |event, lane, kind, text: &str, letter| Step {
            event,
            at_ns: event,
            lane,
            kind,
            text: text.to_owned(),
            letter,
            operation: None,
            changes: Vec::new(),
        };
        let timeline = Timeline {
            lanes: vec![lane("n0"), lane("n1")],
            names: vec!["append".to_owned()],
            steps: vec![
                step(1, Some(0), Kind::Timer, "runs out", None),
                step(1, Some(0), Kind::Sent, "-> n1 append", Some(0)),
                step(2, None, Kind::Fault, "cut into halves begins", None),
                step(3, Some(0), Kind::Timer, "runs out", None),
                step(4, Some(1), Kind::Arrived, "<- n0 append", Some(0)),
            ],
            letters: vec![Letter { from: 0, to: 1, name: 0, sent: 1, arrivals: vec![4], lost: None }],
            ..Timeline::default()
        };
        let expected = "(?<host>\\S*) (?<clock>{.*})\\n(?<event>.*)\n\n\
            n0 {\"n0\":1}\ne1 runs out\nn0 {\"n0\":2}\ne1 -> n1 append\nn0 {\"n0\":3}\ne3 runs out\n\
            n1 {\"n0\":2, \"n1\":1}\ne4 <- n0 append\n";
        assert_eq!(shiviz(&timeline), expected);
    }
}
