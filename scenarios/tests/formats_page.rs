//! The page about the formats of histories: its examples are histories, and the schema beside it has every field.

use serde_json::Value;
use whitewater_scenarios::formats::{Format, LineReader, OPERATION_BYTES_MAX, detect, parse};
use whitewater_scenarios::host::HISTORY_BYTES_MAX;

const PAGE: &str = include_str!("../HISTORIES.md");
const SCHEMA: &str = include_str!("../history-lines.schema.json");

#[test]
fn every_format_has_examples_that_are_histories() {
    for format in Format::ALL {
        let name = format.name();
        let (_, section) = PAGE.split_once(&format!("\n## {name}\n")).unwrap_or_else(|| panic!("{name} has a section"));
        let section = section.split("\n## ").next().unwrap_or_default();
        let examples: Vec<&str> =
            section.split("```").skip(1).step_by(2).filter_map(|block| Some(block.split_once('\n')?.1)).collect();
        assert!(!examples.is_empty(), "{name} has an example");
        for example in examples {
            assert_eq!(detect(example.as_bytes()), Some(format), "{example}");
            let parsed = parse(example.as_bytes(), None, None).unwrap_or_else(|error| panic!("{error} in\n{example}"));
            assert!(!parsed.history.operations().is_empty());
        }
    }
}

#[test]
fn the_page_has_the_limits() {
    for limit in [HISTORY_BYTES_MAX >> 20, OPERATION_BYTES_MAX as u64 >> 20] {
        assert!(PAGE.contains(&format!("{limit} MiB")), "{limit}");
    }
}

/// The parser names all its fields when it meets one that it does not know.
#[test]
fn the_schema_has_every_field_of_a_line() {
    let schema: Value = serde_json::from_str(SCHEMA).expect("the schema is JSON");
    let fields = |names: &[&str]| -> Vec<String> {
        let objects = names.iter().map(|name| &schema["$defs"][name]["properties"]);
        let mut fields: Vec<String> =
            objects.flat_map(|object| object.as_object().expect("an object").keys().cloned()).collect();
        fields.sort();
        fields.dedup();
        fields
    };
    let known = |line: &str| {
        let mut reader = LineReader::new(Format::JsonLines).expect("it is written in lines");
        let error = reader.read(line).expect_err("nobody knows this field");
        let (_, list) = error.message.split_once("expected").expect("it says what it expects");
        let mut fields: Vec<String> = list.split('`').skip(1).step_by(2).map(str::to_string).collect();
        fields.retain(|field| !field.starts_with('{'));
        fields.sort();
        fields
    };
    let of_the_document = ["client", "invoked", "returned", "failed", "unknown", "invoked_ns", "ended_ns"];
    let mut line = known(r#"{"type": "ok", "nonsense": 1}"#);
    line.retain(|field| !of_the_document.contains(&field.as_str()));
    assert_eq!(line, fields(&["invoke", "ok", "end"]));
    assert_eq!(known(r#"{"schema": "whitewater/history-lines/v1", "nonsense": 1}"#), fields(&["header"]));
    let within = |part: &str| known(&format!(r#"{{"type": "invoke", "{part}": [{{"nonsense": 1}}]}}"#));
    assert_eq!(within("compare"), fields(&["comparison"]));
    assert_eq!(within("answers"), fields(&["answer"]));
    let operations = schema["$defs"]["invoke"]["properties"]["op"]["enum"].as_array().expect("a list");
    let mut operations: Vec<&str> = operations.iter().filter_map(Value::as_str).collect();
    operations.sort_unstable();
    assert_eq!(known(r#"{"op": "nonsense"}"#), operations);
}
