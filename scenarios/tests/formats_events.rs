//! Histories that are written event by event: Jepsen's EDN, Maelstrom's, our JSON lines, and all of them as streams.
//!
//! Inputs are written out as their authors would write them, in the form that the documentation of each shows. What it
//! simplifies: every history here is small; the fuzzer (`examples/fuzz_histories.rs`) and its figures are for the large.

use std::io::{BufReader, Cursor, Read};

use whitewater_kv::{Answer, Operation};
use whitewater_scenarios::formats::{
    Event, Format, FormatError, LineReader, OPERATION_BYTES_MAX, Opened, Parsed, Step, account, check_history, open,
    parse, write_json, write_json_lines,
};
use whitewater_sim::Instant;
use whitewater_sim::check::{Budget, Verdict};
use whitewater_sim::history::Outcome;

/// As `jepsen.store` prints a history: an operation a line, the nemesis among them.
const EDN: &str = include_str!("fixtures/jepsen.edn");

/// As Maelstrom writes the history of its workload lin-kv: registers by key.
const MAELSTROM: &str = include_str!("fixtures/maelstrom.edn");

/// Transactions on lists, as one vector of records.
const LISTS: &str = include_str!("fixtures/lists.edn");

const LINES: &str = include_str!("fixtures/lines.jsonl");

fn read(text: &str) -> Parsed {
    parse(text.as_bytes(), None, None).unwrap_or_else(|error| panic!("{error}"))
}

fn refused(text: &str, format: Format) -> String {
    parse(text.as_bytes(), Some(format), None).expect_err("a broken file").to_string()
}

fn is_linearizable(parsed: &Parsed) -> bool {
    match check_history(parsed, &Budget::default()).verdict {
        Verdict::Linearizable => true,
        Verdict::Violation(_) => false,
        Verdict::Inconclusive { .. } => panic!("a few operations fit in any budget"),
    }
}

#[test]
fn edn_of_registers_is_read_and_judged() {
    let parsed = read(EDN);
    assert_eq!((parsed.format, parsed.passed_over), (Format::Edn, 1));
    assert_eq!(parsed.lines, [1, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
    let outcomes: Vec<_> = parsed.history.operations().iter().map(|operation| &operation.outcome).collect();
    assert!(matches!(outcomes[2], Outcome::Unknown { .. }));
    assert!(matches!(outcomes[3], Outcome::Failed { .. }), "nothing is known but that it had no effect");
    assert_eq!(parsed.keys().into_iter().collect::<Vec<_>>(), [""]);
    assert!(is_linearizable(&parsed));
    // The swap that nobody knows of may not have been, but there is no way back to what was never written.
    assert!(is_linearizable(&read(&EDN.replace(":f :read, :value 4", ":f :read, :value 3"))));
    assert!(!is_linearizable(&read(&EDN.replace(":f :read, :value 4", ":f :read, :value nil"))));
}

#[test]
fn edn_is_the_same_in_every_layout() {
    let parsed = read(EDN);
    let vector = format!("[{EDN}]\n");
    let records = format!("(\n{})", EDN.replace("{:type", "#jepsen.history.Op {:type"));
    let windows = format!("\u{feff}{}", EDN.replace('\n', "\r\n"));
    let pretty = EDN.replace(", :", ",\n   :");
    for text in [vector, records, windows, pretty] {
        assert_eq!(read(&text).history, parsed.history, "{text}");
    }
}

#[test]
fn maelstrom_is_read_and_judged() {
    let parsed = read(MAELSTROM);
    assert_eq!(parsed.keys().into_iter().collect::<Vec<_>>(), ["0", "k"]);
    assert_eq!(parsed.history.operations()[5].op, Operation::Put { key: "k".into(), value: ":v".into() });
    assert!(is_linearizable(&parsed));
    assert!(!is_linearizable(&read(&MAELSTROM.replace(":value [0 2]", ":value [0 1]"))));
}

#[test]
fn words_of_different_kinds_are_different() {
    let words = ["1", "\"1\"", ":1", "\\1", "1.0", "1/3", "true", "\"true\"", "nilly", "\"\"", "\" \"", "\"a\\nb\""];
    let mut seen = Vec::new();
    for word in words {
        let text = format!("{{:process 0, :type :invoke, :f :write, :value [\"k\" {word}]}}");
        match parse(text.as_bytes(), None, None) {
            Ok(parsed) => {
                let Operation::Put { value, .. } = &parsed.history.operations()[0].op else { panic!("a write") };
                seen.push(value.to_string());
            }
            Err(error) => assert!(word == "nilly" && error.message.contains("is no value"), "{error}"),
        }
    }
    assert_eq!(seen.len(), words.len() - 1);
    let mut distinct = seen.clone();
    distinct.sort();
    distinct.dedup();
    assert_eq!(distinct.len(), seen.len(), "{seen:?}");
}

#[test]
fn lists_are_read_judged_and_told() {
    let parsed = read(LISTS);
    assert_eq!(parsed.lines, [1, 2, 4, 5, 6, 7, 8, 9]);
    assert!(matches!(&parsed.history.operations()[0].op, Operation::Batch(steps) if steps.len() == 2));
    assert!(matches!(&parsed.history.operations()[1].op, Operation::Append { .. }), "one step is a plain operation");
    let empty = &parsed.history.operations()[3].outcome;
    assert!(matches!(empty, Outcome::Returned { ret: Answer::Value(None), .. }), "{empty:?}");
    assert!(is_linearizable(&parsed));
    let wrong = read(&LISTS.replace("[:r 9 [11 12]]", "[:r 9 [12 11]]"));
    let Verdict::Violation(explanation) = check_history(&wrong, &Budget::default()).verdict else {
        panic!("a violation")
    };
    let words = format!("{:?}", account(&wrong, &explanation));
    assert!(["[12 11]", "[11 12]", "line 6", "line 7"].iter().all(|part| words.contains(part)), "{words}");
}

#[test]
fn broken_edn_is_named() {
    let op = |more: &str| format!("{{:process 0, :type :invoke, :f :read, :value nil}}\n{more}");
    let ok = "{:process 0, :type :ok, :f :read, :value 1}";
    let cases = [
        (op(&op("")), "line 2, column 11: process 0 invokes, but its operation of line 1 has not completed"),
        (
            op(&format!("{ok}\n{ok}")),
            "line 3, column 11: process 0 completes an operation, but has none: that of line 1 had completed in line 2",
        ),
        (ok.to_string(), "line 1, column 11: process 0 completes an operation that it did not invoke"),
        (
            op("{:process 0, :type :ok, :f :write, :value 1}"),
            "line 2, column 28: process 0 completes another operation than it invoked in line 1",
        ),
        (op("{:process 0, :type :ok, :f :read, :value [7 1]}"), "line 2, column 42: process 0 completes another"),
        (
            op("{:process 1, :type :invoke, :f :add, :value 1}"),
            "line 2, column 32: unknown operation, expected :read, :write, :cas or :txn",
        ),
        (op("{:process 1, :type :begin, :f :read}"), "line 2, column 20: unknown type"),
        (op("{:process 1, :f :read}"), "line 2, column 1: an operation has a `:type`"),
        (op("{:type :invoke, :f :read}"), "line 2, column 1: an operation has a `:process`"),
        (op("{:process -1, :type :invoke, :f :read}"), "line 2, column 11: the number of a process cannot be negative"),
        (
            op("{:process 99999999999999999999, :type :invoke, :f :read}"),
            "line 2, column 11: this is no number, or does not fit into 64 bits",
        ),
        (op("{:process 1, :process 2, :type :invoke, :f :read}"), "line 2, column 14: this is there twice"),
        (op("{:process 1, :type :invoke, :f :cas, :value [1 2 3]}"), "line 2, column 45: expected two values"),
        (op("{:process 1, :type :invoke, :f :write, :value nil}"), "line 2, column 47: nil cannot be written"),
        (op("{:process 1, :type :invoke, :f :write, :value {}}"), "line 2, column 47: `{}` is no value"),
        (op("{:process 1, :type :invoke, :f :txn, :value [[:push 1 2]]}"), "line 2, column 47: unknown step"),
        (op("{:process 1, :type :invoke, :f :txn, :value [[:r 1]]}"), "line 2, column 46: expected a list of"),
        (
            op("{:process 1, :type :invoke,\n :f :txn, :value [[:w 1 2] [:append 1 2]]}"),
            "line 3, column 28: this is a list, but those of line 3",
        ),
        (op("{:process 1, :type \"x"), "line 2, column 22: what begins in line 2 is never closed"),
        (op("{:process 1, :type :invoke, :f :read, :value [1)}"), "line 2, column 48: the bracket `)` closes nothing"),
        (op("hello"), "line 2, column 1: expected an operation, as a map in braces, but there is `hello`"),
        (op("\"hello\""), "line 2, column 1: expected an operation"),
        (op("[1 2]"), "line 2, column 1: expected an operation"),
        (format!("[{}", op("")), "line 2, column 1: the file ends early"),
        (format!("[{}] {{}}", op("")), "line 2, column 3: there is something after the list"),
        ("[]".to_string(), "no operations found"),
    ];
    for (text, message) in cases {
        let error = refused(&text, Format::Edn);
        assert!(error.contains(message), "{error}\n  instead of\n{message}\n  in\n{text}");
    }
}

/// Deep, long and full of tags: each is refused at once.
#[test]
fn hostile_edn_is_refused() {
    let deep = |open: &str, close: &str| open.repeat(200_000) + &close.repeat(200_000);
    let long = format!("{{:process 0, :type :invoke, :f :read, :value [{}]}}", "1 ".repeat(OPERATION_BYTES_MAX / 2));
    let cases = [
        (deep("{:a ", "}"), "too deep"),
        (deep("[", "{}"), "too deep"),
        (deep("#{", "}"), "too deep"),
        (format!("{{:process {}", deep("#a ", "")), "too deep"),
        (format!("{{:process {}", deep("#_", "{}")), "too deep"),
        (format!("{{:process \\{}", deep("{", "}")), "too deep"),
        (format!("{{:process \"{}", deep("{", "}")), "never closed"),
        (long, "longer than 4 MiB"),
        (format!("{{:process \\\"{}", "a".repeat(100_000)), "no character"),
        (format!("{{:process 0 :type {}", "9".repeat(1_000_000)), "64 bits"),
    ];
    for (text, message) in cases {
        for format in [Format::Edn, Format::Porcupine, Format::Json, Format::JsonLines] {
            let error = refused(&text, format);
            assert!(error.len() < 800, "{error}");
            assert!(format != Format::Edn || error.contains(message), "{error} for {}", &text[..60]);
        }
    }
}

#[test]
fn json_lines_are_read_judged_and_written() {
    let parsed = read(LINES);
    assert_eq!(parsed.format, Format::JsonLines);
    assert_eq!(parsed.lines[..4], [2, 3, 4, 6]);
    assert_eq!(parsed.history.operations()[0].invoked_at, Instant(5));
    assert!(is_linearizable(&parsed));
    assert!(!is_linearizable(&read(&LINES.replace("\"read\": \"23\"", "\"read\": \"32\""))));
    let written = write_json_lines(&parsed.history, parsed.model.missing);
    let again = read(&written);
    assert_eq!((&again.history, again.model), (&parsed.history, parsed.model));
    assert_eq!(write_json_lines(&again.history, again.model.missing), written);
    let document = read(&write_json(&parsed.history, parsed.model.missing));
    assert_eq!((&document.history, document.model), (&parsed.history, parsed.model));
}

#[test]
fn clients_with_several_operations_at_once_become_several_processes() {
    let text = r#"{"schema": "whitewater/history/v1", "model": "register", "operations": [
        {"client": 18446744073709551615, "op": "put", "value": "1", "invoked": 0, "returned": 5},
        {"client": 18446744073709551615, "op": "get", "invoked": 1, "returned": 3, "read": "1"},
        {"client": 0, "op": "get", "invoked": 2, "returned": 4, "read": "1"}]}"#;
    let parsed = read(text);
    let again = read(&write_json_lines(&parsed.history, parsed.model.missing));
    let clients: Vec<u64> = again.history.operations().iter().map(|operation| operation.client).collect();
    assert_eq!(clients, [u64::MAX, 0, 1]);
    let outcomes = |parsed: &Parsed| -> Vec<_> {
        parsed.history.operations().iter().map(|operation| (operation.invoked, operation.outcome.clone())).collect()
    };
    assert_eq!(outcomes(&again), outcomes(&parsed));
}

#[test]
fn broken_json_lines_are_named() {
    let invoke = r#"{"type": "invoke", "process": 1, "op": "get", "key": "k"}"#;
    let ok = r#"{"type": "ok", "process": 1, "read": null}"#;
    let cases = [
        (format!("{invoke}\n{invoke}"), "line 2, column 1: process 1 invokes, but its operation of line 1 has not"),
        (
            format!("{invoke}\n{ok}\n{ok}"),
            "line 3, column 1: process 1 completes an operation, but has none: that of line 1 had completed in line 2",
        ),
        (ok.to_string(), "line 1, column 1: process 1 completes an operation that it did not invoke"),
        (
            format!("{invoke}\n{}", ok.replace(", \"read\": null", "")),
            "line 2, column 1: `read` belongs to a get that returned, and to nothing else (the operation was invoked in line 1)",
        ),
        (
            format!("{invoke}\n{}", ok.replace("\"ok\"", "\"fail\"")),
            "line 2, column 1: `read` belongs to a get that returned",
        ),
        (
            format!("{invoke}\n{}", ok.replace("read", "reed")),
            "line 2, column 35: not an event in JSON: unknown field `reed`",
        ),
        (
            format!("{invoke}\n{}", ok.replace("\"read\": null", "\"op\": \"get\"")),
            "line 2, column 1: `op` belongs to an invoke",
        ),
        (
            format!("{invoke}\n{}", ok.replace("\"read\": null", "\"key\": \"k\"")),
            "line 2, column 1: `key` belongs to an operation that is invoked",
        ),
        (
            format!("{invoke}\n{}", ok.replace("\"read\": null", "\"returned\": 1")),
            "line 2, column 1: `client`, `invoked`, `returned`",
        ),
        (invoke.replace("\"type\": \"invoke\", ", ""), "line 1, column 1: it has no `type`"),
        (invoke.replace("\"process\": 1, ", ""), "line 1, column 1: it has no `process`"),
        (invoke.replace("\"op\": \"get\", ", ""), "line 1, column 1: it has no `op`"),
        (invoke.replace(", \"key\": \"k\"", ""), "line 1, column 1: it has no `key`"),
        (
            invoke.replace("\"process\": 1", "\"process\": 18446744073709551616"),
            "expected a whole number from 0 to 2^64 - 1",
        ),
        (
            invoke.replace("\"process\": 1", "\"process\": -1"),
            "not an event in JSON: invalid value: integer `-1`, expected a whole number from 0 to 2^64 - 1",
        ),
        (invoke[..30].to_string(), "line 1, column 30: not an event in JSON: EOF while parsing"),
        (format!("{invoke} {invoke}"), "line 1, column 59: not an event in JSON: trailing characters"),
        (
            r#"{"schema": "whitewater/history-lines/v2"}"#.to_string(),
            "line 1: the schema is `whitewater/history-lines/v2`, but only",
        ),
        (
            r#"{"schema": "whitewater/history-lines/v1", "mode": "kv"}"#.to_string(),
            "line 1, column 48: not an event in JSON: unknown field `mode`",
        ),
        (
            format!("{invoke}\n{}", r#"{"schema": "whitewater/history-lines/v1"}"#),
            "line 2, column 9: not an event in JSON: unknown field `schema`",
        ),
        (r#"{"schema": "whitewater/history-lines/v1"}"#.to_string(), "no operations found"),
        ("[".repeat(100_000), "not an event in JSON"),
        (
            r#"["invoke", 1, null, "get", "k"]"#.to_string(),
            "line 1, column 1: not an event in JSON: expected an object",
        ),
    ];
    for (text, message) in cases {
        let error = refused(&text, Format::JsonLines);
        assert!(error.contains(message), "{error}\n  instead of\n{message}\n  in\n{}", &text[..text.len().min(200)]);
        assert!(error.len() < 1_000, "{error}");
    }
}

#[test]
fn a_register_needs_no_key() {
    let text = LINES.lines().take(8).collect::<Vec<_>>().join("\n");
    let text = text.replace("kv-empty", "register").replace(", \"key\": \"x\"", "").replace("\"\"", "null");
    let parsed = read(&text);
    assert_eq!(parsed.keys().into_iter().collect::<Vec<_>>(), [""]);
    assert!(is_linearizable(&parsed));
}

/// What a stream tells is what the file says.
#[test]
fn a_stream_has_the_events_of_the_file() {
    for text in [EDN, MAELSTROM, LINES, "\u{feff}\r\n\n", &format!("\u{feff}\n\n{LINES}"), &EDN.replace('\n', "\r\n")] {
        let opened = open(BufReader::with_capacity(3, Cursor::new(text.as_bytes())), None);
        if text.trim_start_matches('\u{feff}').trim().is_empty() {
            assert!(opened.is_err());
            continue;
        }
        let Ok(Opened::Events(events)) = opened else { panic!("a stream of lines") };
        let parsed = read(text);
        assert_eq!((events.format(), events.model(None)), (parsed.format, parsed.model));
        let events: Vec<Event> = events.map(|event| event.unwrap_or_else(|error| panic!("{error}"))).collect();
        assert_eq!(events.iter().map(|event| event.line).collect::<Vec<_>>(), parsed.lines);
        let operations = parsed.history.operations();
        for event in events {
            let operation = &operations[event.operation as usize];
            assert_eq!(event.process, operation.client);
            match (event.step, &operation.outcome) {
                (Step::Invoked(op), _) => assert_eq!(op, operation.op),
                (Step::Returned(answer), Outcome::Returned { ret, .. }) => assert_eq!(answer, *ret),
                (Step::Failed, Outcome::Failed { .. }) | (Step::Unknown, Outcome::Unknown { .. }) => {}
                (step, outcome) => panic!("{step:?} and {outcome:?}"),
            }
        }
    }
}

#[test]
fn a_stream_that_is_one_document_is_given_back_whole() {
    let document = write_json(&read(EDN).history, read(EDN).model.missing);
    for (text, format) in [(LISTS, Format::Edn), (&document, Format::Json)] {
        let Ok(Opened::Document(found, mut rest)) = open(Cursor::new(text.as_bytes()), None) else {
            panic!("a document")
        };
        let mut again = String::new();
        rest.read_to_string(&mut again).expect("it is text");
        assert_eq!((found, &*again), (format, text));
    }
}

#[test]
fn a_stream_ends_with_its_first_mistake() {
    let text = LINES.replace("\"swapped\": true", "\"swapped\": 1");
    let Ok(Opened::Events(events)) = open(Cursor::new(text.as_bytes()), None) else { panic!("a stream of lines") };
    let events: Vec<Result<Event, FormatError>> = events.collect();
    assert_eq!(events.len(), 6);
    assert!(events[..5].iter().all(Result::is_ok));
    assert!(events[5].as_ref().is_err_and(|error| error.line == Some(8)), "{:?}", events[5]);
    let endless = std::io::repeat(b'x').take(1 << 40);
    assert!(open(BufReader::new(endless), None).is_err_and(|error| error.message.contains("longer than 4 MiB")));
    let endless = std::io::repeat(b'\n').take(1 << 40);
    assert!(open(BufReader::new(endless), Some(Format::Jepsen)).is_err_and(|error| error.message.contains("look")));
    let nul = open(Cursor::new(b"\n{\"type\"\0"), None);
    assert!(nul.is_err_and(|error| (error.line, error.column) == (Some(2), Some(8))));
}

#[test]
fn too_many_open_operations_are_refused() {
    let mut reader = LineReader::new(Format::Jepsen).expect("a format of lines");
    let error = (0..10_000_000_u64)
        .find_map(|process| reader.read(&format!("INFO  jepsen.util - {process}\t:invoke\t:read\tnil")).err());
    let error = error.expect("there is a bound");
    assert_eq!(error.line, Some(1_000_001));
    assert!(error.message.contains("may be open at once"), "{error}");
}

/// Whatever bytes come: an error or a history, never a panic.
#[test]
fn damaged_files_never_panic() {
    for text in [EDN, MAELSTROM, LISTS, LINES] {
        for place in 0..text.len() {
            for damage in [&b""[..], b"\"", b"}", b"[", b"\\", b"#", b"\xc3\xa9", b":", b"9"] {
                let mut bytes = text.as_bytes().to_vec();
                bytes.splice(place..=place, damage.iter().copied());
                let _ = parse(&bytes, None, None);
            }
        }
    }
}
