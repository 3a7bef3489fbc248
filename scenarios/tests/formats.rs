//! Histories in files: each format read right, judged right, and refused with a line and a way out when it is broken.
//!
//! Inputs are written out as their authors would write them. What it simplifies: the public histories themselves are
//! not part of this repository; excerpts stand for them.

use whitewater_kv::spec::Missing;
use whitewater_kv::{Answer, Operation};
use whitewater_scenarios::formats::{Format, FormatError, Parsed, account, check_history, detect, parse, write_json};
use whitewater_sim::check::{Budget, Verdict};
use whitewater_sim::history::Outcome;

const PORCUPINE: &str = r#"{:process 9, :type :invoke, :f :append, :key "0", :value "x 9 0 y"}
{:process 2, :type :invoke, :f :get, :key "0", :value nil}
{:process 9, :type :ok, :f :append, :key "0", :value "x 9 0 y"}
{:process 2, :type :ok, :f :get, :key "0", :value "x 9 0 y"}
{:process 2, :type :invoke, :f :get, :key "1", :value nil}
{:process 2, :type :ok, :f :get, :key "1", :value ""}
"#;

const JEPSEN: &str = "INFO  jepsen.core - Worker 2 starting
INFO  jepsen.util - :nemesis\t:info\t:start\tnil
INFO  jepsen.util - 0\t:invoke\t:read\tnil
INFO  jepsen.util - 1\t:invoke\t:write\t4
INFO  jepsen.util - 0\t:ok\t:read\tnil
INFO  jepsen.util - 1\t:ok\t:write\t4
INFO  jepsen.util - 2 :invoke :cas   [4 0]
INFO  jepsen.util - 0 :invoke :cas   [4 1]
INFO  jepsen.util - 2 :ok     :cas   [4 0]
INFO  jepsen.util - 0 :fail   :cas   [4 1]
INFO  jepsen.util - 0\t:invoke\t:write\t3
INFO  jepsen.util - 0\t:info\t:write\t:timed-out
INFO  jepsen.util - 5\t:invoke\t:read\tnil
INFO  jepsen.util - 5\t:fail\t:read\t:timed-out
INFO  jepsen.util - 5\t:invoke\t:read\tnil
INFO  jepsen.util - 5\t:ok\t:read\t3
";

const JSON: &str = r#"{"schema": "whitewater/history/v1", "model": "kv", "operations": [
  {"client": 1, "op": "put", "key": "x", "value": "1", "invoked": 0, "returned": 2},
  {"client": 2, "op": "get", "key": "x", "invoked": 1, "returned": 3, "read": null},
  {"client": 1, "op": "cas", "key": "x", "expected": "1", "new": "2", "invoked": 4, "returned": 5, "swapped": true},
  {"client": 2, "op": "append", "key": "x", "value": "3", "invoked": 6, "unknown": 8},
  {"client": 1, "op": "delete", "key": "x", "invoked": 7, "failed": 9},
  {"client": 4, "op": "get", "key": "x", "invoked": 10}
]}"#;

/// Operations on several keys, and one of each kind of answer.
const JSON_SEVERAL: &str = r#"{"schema": "whitewater/history/v1", "model": "kv", "operations": [
  {"client": 1, "op": "batch", "operations": [{"op": "put", "key": "a", "value": "1"}, {"op": "append", "key": "b", "value": "2"}], "invoked": 0, "returned": 1, "answers": [{}, {}]},
  {"client": 2, "op": "range", "from": "a", "to": "c", "limit": 5, "invoked": 2, "returned": 3, "entries": [["a", "1"], ["b", "2"]]},
  {"client": 1, "op": "transaction", "compare": [{"key": "a", "value": "1"}, {"key": "b", "exists": true}, {"key": "c", "exists": false}, {"key": "b", "revision": 1}],
    "then": [{"op": "cas", "key": "a", "expected": null, "new": "3"}, {"op": "delete", "key": "b"}, {"op": "get", "key": "b"}, {"op": "range", "from": ""}],
    "otherwise": [{"op": "get-revision", "key": "a"}],
    "invoked": 4, "returned": 5, "succeeded": true, "answers": [{"swapped": false}, {}, {"read": null}, {"entries": [["a", "1"]]}]},
  {"client": 2, "op": "get-revision", "key": "a", "invoked": 6, "returned": 7, "revision": {"created": 1, "modified": 1, "version": 1}},
  {"client": 2, "op": "get-revision", "key": "b", "invoked": 8, "returned": 9, "revision": null},
  {"client": 3, "op": "transaction", "invoked": 10, "unknown": 11},
  {"client": 4, "op": "batch", "operations": [], "invoked": 12}
]}"#;

fn read(text: &str) -> Parsed {
    parse(text.as_bytes(), None, None).unwrap_or_else(|error| panic!("{error}"))
}

fn refused(text: &str, format: Format) -> FormatError {
    parse(text.as_bytes(), Some(format), None).expect_err("a broken file")
}

fn is_linearizable(parsed: &Parsed) -> bool {
    match check_history(parsed, &Budget::default()).verdict {
        Verdict::Linearizable => true,
        Verdict::Violation(_) => false,
        Verdict::Inconclusive { .. } => panic!("a few operations fit in any budget"),
    }
}

#[test]
fn each_format_is_detected() {
    let cases = [
        (PORCUPINE, Format::Porcupine),
        (JEPSEN, Format::Jepsen),
        (JSON, Format::Json),
        ("{\n\"model\": \"kv\"", Format::Json),
        ("{:index 0, :type :invoke, :process 0, :f :read, :value nil}", Format::Edn),
        ("[{:type :invoke}]", Format::Edn),
        ("; a comment\n(#jepsen.history.Op{:type :invoke})", Format::Edn),
        ("#jepsen.history.Op{:type :invoke}", Format::Edn),
        ("[]", Format::Edn),
        (r#"{"schema": "whitewater/history-lines/v1"}"#, Format::JsonLines),
        (r#"{"process": 1, "type": "invoke", "op": "get", "key": "k"}"#, Format::JsonLines),
    ];
    for (text, format) in cases {
        assert_eq!(detect(text.as_bytes()), Some(format), "{text}");
        assert_eq!(detect(format!("\u{feff}\r\n {text}").as_bytes()), Some(format), "{text}");
    }
    for text in ["hello", "", "[1, 2]", "[{\"type\": 1}]"] {
        assert_eq!(detect(text.as_bytes()), None, "{text}");
    }
    for format in Format::ALL {
        assert_eq!(Format::from_name(format.name()), Some(format));
    }
}

#[test]
fn porcupine_is_read_and_judged() {
    let parsed = read(PORCUPINE);
    assert_eq!(parsed.history.operations().len(), 3);
    assert_eq!(parsed.model.missing, Missing::Empty);
    assert_eq!(parsed.lines, [1, 2, 3, 4, 5, 6]);
    assert!(is_linearizable(&parsed));
    assert!(!is_linearizable(&read(&PORCUPINE.replace(":value \"\"", ":value \"x 9 0 y\""))));
    let nil = parse(PORCUPINE.as_bytes(), None, Some(Missing::Nil)).expect("the same file");
    assert!(!is_linearizable(&nil), "a key that was never written does not read as empty there");
}

#[test]
fn porcupine_strings_have_escapes_and_lines_may_end_in_any_way() {
    let text = "{:process 1 :type :invoke :f :put :key \"a\\\"}b\" :value \"\\\\\\n, {\"}\r\n\r\n\
        {:type :ok, :f :put, :key \"a\\\"}b\", :process 1, :time 12, :value \"\\\\\\n, {\"}";
    let parsed = read(text);
    let [operation] = parsed.history.operations() else { panic!("one operation") };
    assert_eq!(operation.op, Operation::Put { key: "a\"}b".into(), value: "\\\n, {".into() });
    assert!(matches!(operation.outcome, Outcome::Returned { ret: Answer::Done, .. }));
    assert_eq!(parsed.lines, [1, 3]);
}

#[test]
fn a_porcupine_history_may_end_before_its_completions_but_not_in_a_line() {
    let cut = PORCUPINE.rfind("{:process").unwrap();
    let parsed = read(&PORCUPINE[..cut]);
    assert!(matches!(parsed.history.operations()[2].outcome, Outcome::Open));
    assert!(is_linearizable(&parsed));
    for end in cut + 1..PORCUPINE.len() - 2 {
        let error = refused(&PORCUPINE[..end], Format::Porcupine);
        assert_eq!(error.line, Some(6), "{error} for {}", &PORCUPINE[cut..end]);
    }
}

#[test]
fn jepsen_is_read_and_judged() {
    let parsed = read(JEPSEN);
    assert_eq!(parsed.history.operations().len(), 7);
    assert_eq!(parsed.model.missing, Missing::Nil);
    let outcomes: Vec<_> = parsed.history.operations().iter().map(|operation| &operation.outcome).collect();
    assert!(matches!(outcomes[3], Outcome::Returned { ret: Answer::Swapped(false), .. }));
    assert!(matches!(outcomes[4], Outcome::Unknown { .. }));
    assert!(matches!(outcomes[5], Outcome::Failed { .. }));
    assert_eq!(parsed.lines[0], 3);
    assert!(is_linearizable(&parsed));
    assert!(!is_linearizable(&read(&JEPSEN.replace(":ok\t:read\t3", ":ok\t:read\t4"))));
    // The comparison of a failed swap is an observation: 4 was there all the time.
    let observed = JEPSEN.replace(":ok     :cas   [4 0]", ":fail   :cas   [4 0]");
    assert!(!is_linearizable(&read(&observed)));
}

#[test]
fn jepsen_of_today_has_another_prefix() {
    let text = "INFO [2026-01-01 00:00:00,000] jepsen worker 0 - jepsen.util 0\t:invoke\t:write\t1\n\
        INFO [2026-01-01 00:00:00,001] jepsen worker 0 - jepsen.util 0\t:ok\t:write\t1\n";
    assert_eq!(read(text).history.operations().len(), 1);
}

#[test]
fn json_is_read_and_judged() {
    let parsed = read(JSON);
    assert_eq!(parsed.history.operations().len(), 6);
    assert!(is_linearizable(&parsed));
    assert!(!is_linearizable(&read(&JSON.replace("\"swapped\": true", "\"swapped\": false"))));
}

#[test]
fn json_of_operations_on_several_keys_is_read_and_judged() {
    let parsed = read(JSON_SEVERAL);
    assert_eq!(parsed.history.operations().len(), 7);
    assert_eq!(parsed.keys().into_iter().collect::<Vec<_>>(), ["a", "b", "c"]);
    assert!(is_linearizable(&parsed));
    for (right, wrong) in [
        (r#"[["a", "1"], ["b", "2"]]"#, r#"[["a", "1"]]"#),
        (r#"{"read": null}"#, r#"{"read": "2"}"#),
        (
            r#""succeeded": true, "answers": [{"swapped": false}, {}, {"read": null}, {"entries": [["a", "1"]]}]"#,
            r#""succeeded": false, "answers": [{"revision": null}]"#,
        ),
        (r#""version": 1}"#, r#""version": 2}"#),
        (r#""revision": 1}"#, r#""revision": 2}"#),
        (r#""revision": null"#, r#""revision": {"created": 1, "modified": 1, "version": 1}"#),
    ] {
        let text = JSON_SEVERAL.replace(right, wrong);
        assert!(text != JSON_SEVERAL && !is_linearizable(&read(&text)), "{wrong}");
    }
}

#[test]
fn broken_json_of_operations_on_several_keys_is_named() {
    let cases = [
        (r#""from": "a", "#, "", "operation 1 (counted from 0): `from` belongs to range"),
        (r#""from": "a", "#, r#""from": "a", "key": "a", "#, "`key` belongs to operations on one key"),
        (
            r#""op": "get-revision", "key": "b""#,
            r#""op": "get-revision", "limit": 1, "key": "b""#,
            "`to` and `limit` belong to range",
        ),
        (
            r#""answers": [{}, {}]"#,
            r#""answers": [{}]"#,
            "2 operations were done, but `answers` has 1; give each one its answer",
        ),
        (r#""answers": [{}, {}]"#, r#""answers": [{}, {"swapped": true}]"#, "`swapped` belongs to a cas"),
        (r#", "answers": [{}, {}]"#, "", "`answers` belongs to a batch or a transaction that returned"),
        (r#""succeeded": true, "#, "", "`succeeded` belongs to a transaction that returned"),
        (r#", "entries": [["a", "1"], ["b", "2"]]"#, "", "`entries` belongs to a range that returned"),
        (r#""revision": null"#, r#""read": null"#, "`read` belongs to a get that returned"),
        (
            r#""unknown": 11"#,
            r#""unknown": 11, "succeeded": true"#,
            "`succeeded` belongs to a transaction that returned",
        ),
        (
            r#"{"key": "b", "exists": true}"#,
            r#"{"key": "b"}"#,
            "a comparison has one of `value`, `exists` and `revision`",
        ),
        (r#"{"key": "b", "exists": true}"#, r#"{"exists": true}"#, "it has no `key`; add one"),
        (
            r#"{"op": "delete", "key": "b"}"#,
            r#"{"op": "batch", "operations": []}"#,
            "a batch or a transaction inside another",
        ),
        (
            r#"{"op": "delete", "key": "b"}"#,
            r#"{"op": "delete", "key": "b", "client": 1}"#,
            "an operation within another has no client",
        ),
        (
            r#"{"op": "get", "key": "b"}"#,
            r#"{"op": "get", "key": "b", "read": "1"}"#,
            "answers are in the list `answers`",
        ),
        (r#"{"client": 3, "#, "{", "operation 5 (counted from 0): it has no `client`; add one"),
        (r#""invoked": 10, "#, "", "it does not say when it was `invoked`"),
    ];
    for (right, wrong, message) in cases {
        let text = JSON_SEVERAL.replacen(right, wrong, 1);
        assert_ne!(text, JSON_SEVERAL, "{right}");
        let error = refused(&text, Format::Json);
        assert!(error.message.contains(message), "{error}");
    }
    let deep =
        format!("{{\"op\": \"batch\", \"operations\": [{}", "{\"op\": \"batch\", \"operations\": [".repeat(5_000));
    assert!(refused(&deep, Format::Json).message.contains("not a history in JSON"));
}

#[test]
fn keys_that_are_tied_together_are_explained_together() {
    let parsed = read(&JSON_SEVERAL.replace(r#"{"read": null}"#, r#"{"read": "2"}"#));
    let Verdict::Violation(explanation) = check_history(&parsed, &Budget::default()).verdict else {
        panic!("a violation")
    };
    let account = account(&parsed, &explanation);
    assert_eq!(account.partition, r#""a", "b", "c""#);
    assert!(account.reason.ends_with(", which nothing in the history leads to"), "{}", account.reason);
}

#[test]
fn json_survives_a_round_trip() {
    for text in [JSON, JSON_SEVERAL, PORCUPINE, JEPSEN] {
        let parsed = read(text);
        let written = write_json(&parsed.history, parsed.model.missing);
        let again = read(&written);
        assert_eq!(again.history, parsed.history);
        assert_eq!(again.model, parsed.model);
        assert_eq!(write_json(&again.history, again.model.missing), written);
    }
}

#[test]
fn json_events_at_one_time_overlap() {
    // The read begins when the write ends: it may come first.
    let text = r#"{"schema": "whitewater/history/v1", "model": "register", "operations": [
        {"client": 1, "op": "put", "value": "1", "invoked": 10, "returned": 20},
        {"client": 2, "op": "get", "invoked": 20, "returned": 20, "read": null}]}"#;
    assert!(is_linearizable(&read(text)));
    assert!(!is_linearizable(&read(
        &text
            .replace("\"invoked\": 20", "\"invoked\": 21")
            .replace("\"returned\": 20, \"read\"", "\"returned\": 22, \"read\"")
    )));
}

#[test]
fn broken_lines_are_named() {
    let porcupine = |text: &str| refused(text, Format::Porcupine).to_string();
    let jepsen = |text: &str| refused(text, Format::Jepsen).to_string();
    let invoke = r#"{:process 1, :type :invoke, :f :get, :key "k", :value nil}"#;
    let cases = [
        (porcupine("hello"), "line 1, column 1: a line begins with `{`; fix or remove this line: `hello`"),
        (
            porcupine(&invoke.replace(":get", ":steal")),
            "line 1, column 32: unknown operation `steal`, expected get, put or append; fix or remove this line: \
             `{:process 1, :type :invoke, :f :steal, :key \\\"k\\\", :value nil}`",
        ),
        (
            porcupine(&invoke.replace(":invoke", ":ok")),
            "line 1, column 11: process 1 completes an operation that it did not invoke; is the beginning of the file missing?",
        ),
        (
            porcupine(&format!("{invoke}\n{invoke}")),
            "line 2, column 11: process 1 invokes, but its operation of line 1 has not completed; a process has one operation at \
             a time, so a line is missing or two logs were mixed",
        ),
        (
            porcupine(&format!("{invoke}\n{}", invoke.replace(":invoke", ":ok").replace("\"k\"", "\"other\""))),
            "line 2, column 11: process 1 completes another operation than it invoked in line 1; are lines missing?",
        ),
        (
            jepsen("noise\nINFO  jepsen.util - 4\t:inv"),
            "line 2, column 23: unknown type `:inv`, expected :invoke, :ok, :fail or :info; fix or remove this line: \
             `INFO  jepsen.util - 4\\t:inv`",
        ),
        (
            jepsen("INFO  jepsen.util - 4\t:invoke\t:cas\t[1"),
            "line 1, column 36: expected two values, such as [1 4], not `[1`; fix or remove this line: \
             `INFO  jepsen.util - 4\\t:invoke\\t:cas\\t[1`",
        ),
        (
            jepsen("INFO  jepsen.util - 4\t:invoke\t:write\t1\nINFO  jepsen.util - 4\t:ok\t:write\t2"),
            "line 2, column 21: process 4 completes another operation than it invoked in line 1; fix or remove this line: \
             `INFO  jepsen.util - 4\\t:ok\\t:write\\t2`",
        ),
        (
            jepsen("INFO  jepsen.util - 99999999999999999999\t:invoke\t:read\tnil"),
            "line 1, column 21: the process number is larger than 2^64 - 1; fix or remove this line: \
             `INFO  jepsen.util - 99999999999999999999\\t:invoke\\t:read\\tnil`",
        ),
    ];
    for (found, expected) in cases {
        assert_eq!(found, expected);
    }
}

#[test]
fn a_file_without_operations_is_no_history() {
    let error = refused("INFO  jepsen.core - nothing happened\n", Format::Jepsen);
    assert!(error.line.is_none() && error.message.contains("nothing to check"), "{error}");
    let empty = r#"{"schema": "whitewater/history/v1", "model": "kv", "operations": []}"#;
    assert!(refused(empty, Format::Json).message.contains("nothing to check"));
    for empty in ["", " \n\n", "\u{feff}"] {
        assert!(parse(empty.as_bytes(), None, None).is_err_and(|error| error.message.contains("empty")), "{empty:?}");
    }
    assert!(
        parse(b"hello", None, None)
            .is_err_and(|error| error.message.contains("porcupine, jepsen, edn, json, json-lines"))
    );
}

#[test]
fn broken_json_is_named() {
    let cases = [
        (JSON.replace("\"kv\"", "\"tree\""), Some(1), "unknown variant `tree`"),
        (JSON.replace("history/v1", "history/v9"), None, "only whitewater/history/v1 can be read"),
        (
            JSON.replace("\"returned\": 3, \"read\": null", "\"returned\": 3"),
            Some(3),
            "operation 1 (counted from 0): `read`",
        ),
        (JSON.replace("\"failed\": 9", "\"failed\": 6"), Some(6), "it ended at 6, before it was invoked at 7"),
        (JSON.replace("\"failed\": 9", "\"failed\": 9, \"unknown\": 9"), Some(6), "more than one of"),
        (JSON.replace("\"key\": \"x\", \"value\": \"1\"", "\"value\": \"1\""), Some(2), "it has no `key`"),
        (JSON.replace("\"expected\": \"1\", ", ""), Some(4), "`expected` and `new` belong to cas"),
        (JSON.replace("\"client\": 4", "\"klient\": 4"), Some(7), "unknown field `klient`"),
        (JSON[..200].to_string(), Some(3), "EOF"),
        ("[".repeat(100_000), Some(1), "not a history in JSON"),
        (
            JSON.replace("{\"client\": 4, \"op\": \"get\", \"key\": \"x\", \"invoked\": 10}", "[4]"),
            Some(7),
            "operation 5 (counted from 0): it is not an object",
        ),
    ];
    for (text, line, message) in cases {
        let error = refused(&text, Format::Json);
        assert_eq!(error.line, line, "{error}");
        assert!(error.message.contains(message), "{error}");
    }
}

#[test]
fn what_is_no_text_is_refused_with_its_line() {
    for format in Format::ALL {
        let nul = parse("a\n\u{e9}b\0c".as_bytes(), Some(format), None).expect_err("a NUL byte");
        assert_eq!((nul.line, nul.column), (Some(2), Some(3)));
        let latin = parse(b"a\n\nb\xffc", Some(format), None).expect_err("not UTF-8");
        assert_eq!((latin.line, latin.column), (Some(3), Some(2)));
    }
}

#[test]
fn a_huge_line_is_refused_in_few_words() {
    for format in Format::ALL {
        for part in ["x", "{", "\"", ":process 1 ", "{:process \"", "jepsen.util - 1 "] {
            let error = refused(&part.repeat(1_000_000), format);
            assert!(error.to_string().len() < 600, "{}", error.to_string().len());
        }
    }
}

/// Whatever bytes come: an error or a history, never a panic.
#[test]
fn damaged_files_never_panic() {
    for text in [PORCUPINE, JEPSEN, JSON, JSON_SEVERAL] {
        for format in Format::ALL {
            for place in 0..text.len() {
                for damage in [&b""[..], b"\"", b"}", b" ", b"\xc3", b":", b"9"] {
                    let mut bytes = text.as_bytes().to_vec();
                    bytes.splice(place..=place, damage.iter().copied());
                    if let Ok(parsed) = parse(&bytes, Some(format), None) {
                        let _ = check_history(&parsed, &Budget::steps(1_000));
                    }
                }
                let _ = parse(&text.as_bytes()[..place], Some(format), None);
            }
        }
    }
}

#[test]
fn a_violation_is_explained_with_the_lines_of_the_file() {
    let parsed = read(&PORCUPINE.replace(":value \"\"", ":value \"x\""));
    let Verdict::Violation(explanation) = check_history(&parsed, &Budget::default()).verdict else {
        panic!("a violation")
    };
    let reason = account(&parsed, &explanation).reason;
    assert_eq!(reason, r#"get "1" (#2, line 6) returned "x", which nothing in the history ever wrote"#);
}
