//! Exports, read by who is to read them: histories by our own readers, with the same verdict; the rest as far as a test can.

use std::sync::Arc;

use serde_json::Value;
use whitewater_kv::spec::Missing;
use whitewater_kv::{Answer, Operation};
use whitewater_reports::export;
use whitewater_scenarios::campaign::make;
use whitewater_scenarios::formats::{self, Format, KeyValue, Written, write_edn, write_porcupine};
use whitewater_scenarios::{catalog, page};
use whitewater_sim::check::{Model, SequentialSpec, is_linearizable};
use whitewater_sim::history::{History, OperationId};
use whitewater_sim::rng::{Purpose, RunKey, Stream};
use whitewater_sim::{Instant, Recording};

/// What is hard to quote, and what is easily mistaken.
fn value(rng: &mut Stream) -> Arc<str> {
    ["a", "b", "a\"b\\", "ab\n\t\r", "\u{202e}</script>", ":nil", "nil", "é 😀"][rng.below(8) as usize].into()
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Third {
    Swap,
    Append,
}

fn operation(rng: &mut Stream, third: Third) -> Operation {
    let key: Arc<str> = ["k", "an \"odd\" key"][rng.below(2) as usize].into();
    match (rng.below(3), third) {
        (0, _) => Operation::Get { key },
        (1, _) => Operation::Put { key, value: value(rng) },
        (_, Third::Append) => Operation::Append { key, value: value(rng) },
        (_, Third::Swap) => {
            let expected = (rng.below(3) > 0).then(|| value(rng));
            Operation::CompareAndSwap { key, expected, new: value(rng) }
        }
    }
}

/// Three clients with operations in flight, also several at once, taking effect at random; some answers are made up.
fn history(rng: &mut Stream, third: Third) -> History<Operation, Answer> {
    let mut history = History::new();
    let mut store: Vec<(Arc<str>, _)> = Vec::new();
    let model = KeyValue { missing: Missing::Nil };
    let mut open: Vec<(OperationId, Operation, Option<Answer>)> = Vec::new();
    let is_honest = rng.below(2) == 0;
    let mut left = 3 + rng.below(8);
    while left > 0 || !open.is_empty() {
        if left > 0 && open.len() < 4 && rng.below(2) == 0 {
            let op = operation(rng, third);
            open.push((history.invoke(rng.below(3), op.clone(), Instant(left)), op, None));
            left -= 1;
        }
        if open.is_empty() {
            continue;
        }
        let (id, op, answer) = open.remove(rng.below(open.len() as u64) as usize);
        match (answer, rng.below(8)) {
            (_, 0) => history.unknown(id, Instant::START),
            (None, 1) => history.failed(id, Instant::START),
            (None, _) => {
                let key = op.single_key().expect("each is on one").clone();
                let place = store.iter().position(|(other, _)| *other == key).unwrap_or_else(|| {
                    store.push((key, model.initial(&[&op])));
                    store.len() - 1
                });
                let answer = store[place].1.invoke(&op);
                open.push((id, op, Some(answer)));
            }
            (Some(Answer::Value(_)), 2) if !is_honest => {
                let made_up = (rng.below(4) > 0).then(|| value(rng));
                history.returned(id, Answer::Value(made_up), Instant::START);
            }
            (Some(answer), _) => history.returned(id, answer, Instant::START),
        }
    }
    history
}

/// Whether what was written is linearizable, by our own reader of the format.
fn read_back(written: &Written, format: Format) -> bool {
    let parsed = formats::parse(written.text.as_bytes(), Some(format), None);
    let parsed = parsed.unwrap_or_else(|error| panic!("{error:?} in\n{}", written.text));
    is_linearizable(&parsed.model, &parsed.history).expect("it is small")
}

#[test]
fn a_history_has_the_same_verdict_in_the_formats_of_others() {
    let mut verdicts = [[0_u32; 2]; 2];
    let mut weakened = 0;
    for seed in 0..3_000 {
        let mut rng = RunKey::new(seed).stream(Purpose::Workload, 0);
        let third = [Third::Swap, Third::Append][(seed % 2) as usize];
        let history = history(&mut rng, third);
        let model = KeyValue { missing: Missing::Nil };
        let expected = is_linearizable(&model, &history).expect("it is small");
        let (written, format) = match third {
            Third::Swap => (write_edn(&history).expect("Jepsen has these"), Format::Edn),
            Third::Append => (write_porcupine(&history, Missing::Nil).expect("Porcupine has these"), Format::Porcupine),
        };
        let found = read_back(&written, format);
        weakened += written.weakened;
        if written.weakened == 0 {
            assert_eq!(found, expected, "seed {seed}\n{}", written.text);
        } else {
            // Saying less never makes a history worse.
            assert!(found || !expected, "seed {seed}\n{}", written.text);
        }
        verdicts[third as usize][usize::from(found)] += 1;
    }
    assert!(verdicts.iter().flatten().all(|count| *count > 100) && weakened > 100, "{verdicts:?} {weakened}");
}

#[test]
fn what_a_format_has_no_word_for_is_refused() {
    let one = |op: Operation| {
        let mut history = History::new();
        history.invoke(0, op, Instant::START);
        history
    };
    let key = || Arc::<str>::from("k");
    let delete = one(Operation::Delete { key: key() });
    assert_eq!(write_edn(&delete), Err("the format edn has no delete; use json".to_owned()));
    let append = one(Operation::Append { key: key(), value: "v".into() });
    assert_eq!(write_edn(&append), Err("the format edn has no append; use porcupine or json".to_owned()));
    let swap = one(Operation::CompareAndSwap { key: key(), expected: None, new: "v".into() });
    assert_eq!(
        write_porcupine(&swap, Missing::Nil),
        Err("the format porcupine has no cas; use edn or json".to_owned())
    );
    let empty = one(Operation::Put { key: key(), value: "".into() });
    assert!(write_porcupine(&empty, Missing::Nil).is_err() && write_porcupine(&empty, Missing::Empty).is_ok());
}

/// Spans of a track are in each other or apart.
fn assert_nested(mut spans: Vec<(f64, f64)>) {
    spans.sort_by(|one, other| one.0.total_cmp(&other.0).then(other.1.total_cmp(&one.1)));
    let mut open: Vec<f64> = Vec::new();
    for (from, until) in spans {
        while open.last().is_some_and(|end| *end <= from) {
            open.pop();
        }
        assert!(open.last().is_none_or(|end| until <= *end), "{from} to {until} is half in what ends at {open:?}");
        open.push(until);
    }
}

#[test]
fn a_chrome_trace_has_nested_slices_and_flows_with_two_ends() {
    let storm = catalog::find("power-loss").expect("it is in the catalog");
    let run = make(&storm, 1, Recording::On).map_err(|record| *record).expect("a run");
    let trace: Value = serde_json::from_str(&export::chrome(&page::timeline(&run))).expect("it is JSON");
    let events = trace["traceEvents"].as_array().expect("it has events");
    let number = |event: &Value, field: &str| event[field].as_f64().expect("it is a number");
    let mut tracks = std::collections::BTreeMap::<(u64, u64), Vec<(f64, f64)>>::new();
    let mut open = std::collections::BTreeMap::<String, i64>::new();
    let mut seen = std::collections::BTreeSet::new();
    for event in events {
        let phase = event["ph"].as_str().expect("each has a phase");
        seen.insert((phase.to_owned(), event["cat"].as_str().unwrap_or_default().to_owned()));
        let id = || format!("{} {} {}", event["cat"], event["id"], event["pid"].as_u64().unwrap_or_default());
        match phase {
            "X" => {
                let track = (event["pid"].as_u64().expect("a process"), event["tid"].as_u64().expect("a track"));
                let from = number(event, "ts");
                tracks.entry(track).or_default().push((from, from + number(event, "dur")));
            }
            "b" => *open.entry(id()).or_default() += 1,
            "e" => *open.entry(id()).or_default() -= 1,
            "s" => *open.entry(event["id"].to_string()).or_default() += 1,
            "f" => *open.entry(event["id"].to_string()).or_default() -= 1,
            "M" => {}
            other => panic!("there is no phase {other}"),
        }
    }
    assert!(open.values().all(|count| *count == 0), "everything that begins ends");
    for part in [("X", "role"), ("X", "state"), ("b", "disk"), ("b", "fault"), ("b", "down"), ("s", "message")] {
        assert!(seen.contains(&(part.0.to_owned(), part.1.to_owned())), "{part:?} of {seen:?}");
    }
    assert!(tracks.len() > 8, "servers have two tracks, and clients one at least");
    // The slices of steps last a nanosecond, which is less than a double can tell late in a run.
    tracks.retain(|(_, track), _| *track != 1);
    tracks.into_values().for_each(assert_nested);
}

#[test]
fn a_sequence_diagram_is_short_and_says_what_it_leaves_out() {
    let storm = catalog::find("storm").expect("it is in the catalog");
    let run = make(&storm, 1, Recording::On).map_err(|record| *record).expect("a run");
    let diagram = export::mermaid(&page::timeline(&run));
    assert!(diagram.starts_with("sequenceDiagram\n    participant p0 as n0\n"), "{diagram}");
    assert!(diagram.contains(" steps before these left out") && diagram.lines().count() < 80, "{diagram}");
    assert!(diagram.contains("->>p"), "{diagram}");
}

#[test]
fn a_log_for_shiviz_counts_each_node_without_gaps() {
    let storm = catalog::find("storm").expect("it is in the catalog");
    let run = make(&storm, 2, Recording::On).map_err(|record| *record).expect("a run");
    let log = export::shiviz(&page::timeline(&run));
    let mut lines = log.lines();
    assert_eq!(lines.next(), Some(r"(?<host>\S*) (?<clock>{.*})\n(?<event>.*)"));
    assert_eq!(lines.next(), Some(""));
    assert!(lines.next().is_some_and(|line| line.starts_with("left out: ") && line.ends_with(" steps before these")));
    let lines: Vec<&str> = lines.collect();
    let mut counts = std::collections::BTreeMap::<String, u64>::new();
    for pair in lines.chunks(2) {
        let [clock, _] = pair else { panic!("lines come in pairs") };
        let (host, clock) = clock.split_once(' ').expect("a host and its clock");
        let clock: std::collections::BTreeMap<String, u64> = serde_json::from_str(clock).expect("a clock is JSON");
        let count = counts.entry(host.to_owned()).or_default();
        *count += 1;
        assert_eq!(clock[host], *count);
        assert!(clock.iter().all(|(other, known)| other == host || *known <= counts[other]), "nobody knows the future");
    }
    assert!(counts.len() > 5 && lines.len() > 9_000);
}
