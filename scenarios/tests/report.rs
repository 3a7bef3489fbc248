//! `whitewater report`: campaigns from files, merged, in every format; what is missing or wrong is named.

#![expect(clippy::disallowed_methods, reason = "a test of the command touches files, as the host does")]

mod cli_support;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use cli_support::{code, empty_directory, output, transcript, whitewater, without_figures};
use serde_json::Value;

/// Makes a campaign in a directory of its own, beside a scenario that always fails.
fn campaign(directory: &Path, name: &str, arguments: &str) -> PathBuf {
    let impossible = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/impossible.toml");
    std::fs::copy(impossible, directory.join("impossible.toml")).expect("it can be copied");
    let mut command = whitewater(&format!("run {arguments} --jobs 1 --out {name}"));
    let made = command.current_dir(directory).output().expect("the command starts");
    assert!([0, 1].contains(&code(&made)), "{}", String::from_utf8_lossy(&made.stderr));
    directory.join(name)
}

/// Reports from inside a directory, so that messages do not name it.
fn report(directory: &Path, arguments: &str) -> Output {
    whitewater(&format!("report {arguments}")).current_dir(directory).output().expect("the command starts")
}

fn text(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).expect("it is UTF-8")
}

fn edited(path: &Path, edit: impl FnOnce(&mut Value)) {
    let text = std::fs::read_to_string(path).expect("it is there");
    let mut json = serde_json::from_str(&text).expect("it is JSON");
    edit(&mut json);
    std::fs::write(path, serde_json::to_string_pretty(&json).expect("it is JSON")).expect("it can be written");
}

#[test]
fn shards_add_up_and_what_is_missing_is_named() {
    let directory = empty_directory("report-shards");
    for (name, seeds) in [("whole", "0..6"), ("a", "0..2"), ("b", "2..4"), ("c", "4..6")] {
        campaign(&directory, name, &format!("calm lossy --seeds {seeds}"));
    }
    let runs = |output: &Output| {
        let mut json: Value = serde_json::from_str(&text(output)).expect("it is JSON");
        for run in json["runs"].as_array_mut().expect("runs") {
            run["wall_ns"] = Value::Null;
        }
        (json["runs"].clone(), json["coverage"].clone(), json["faults"].clone(), json["scenarios"].clone())
    };
    let whole = report(&directory, "whole --format json");
    let parts = report(&directory, "c a/campaign.json b --format json --expect-seeds 0..6");
    assert_eq!((code(&whole), code(&parts)), (0, 0), "{}", String::from_utf8_lossy(&parts.stderr));
    assert_eq!(runs(&whole), runs(&parts));
    let holed = report(&directory, "c a --format markdown");
    insta::assert_snapshot!("report-holed", transcript("report c a --format markdown", &holed, without_figures));
    assert_eq!(code(&holed), 3, "a shard is missing");
    let expected = report(&directory, "a b c --expect-seeds 0..10 --format csv-scenarios");
    assert_eq!(code(&expected), 3);
    assert!(String::from_utf8_lossy(&expected.stderr).contains("missing: lossy: seeds 6..10 are missing (4 of 10)"));
    std::fs::write(directory.join("merged.json"), text(&parts)).expect("it can be written");
    let again = report(&directory, "merged.json a merged.json --format json");
    assert_eq!(text(&again), text(&parts), "what was merged can be merged again");
}

#[test]
fn the_same_run_with_another_digest_is_an_error() {
    let directory = empty_directory("report-digest");
    campaign(&directory, "one", "calm --seeds 0..3");
    campaign(&directory, "two", "calm --seeds 1..4");
    edited(&directory.join("two/campaign.json"), |json| json["runs"][1]["digest"] = "0123456789abcdef".into());
    let refused = report(&directory, "two one");
    let transcript = transcript("report two one", &refused, |text| {
        text.lines()
            .map(|line| {
                if line.contains("digest") && line.contains("one/") {
                    "  digest DIGEST in one/campaign.json"
                } else {
                    line
                }
            })
            .collect::<Vec<_>>()
            .join("\n")
    });
    insta::assert_snapshot!("report-other-digest", transcript);
    assert_eq!(code(&refused), 5);
}

#[test]
fn what_cannot_be_reported_is_refused_with_its_place() {
    let directory = empty_directory("report-bad");
    let made = campaign(&directory, "one", "calm --seeds 0..1");
    let good = std::fs::read_to_string(made.join("campaign.json")).expect("the campaign");
    let write = |name: &str, text: &[u8]| std::fs::write(directory.join(name), text).expect("it can be written");
    write("empty.json", b"");
    let (begin, _) = good.split_once("\"jobs\": ").expect("it says how many");
    write("cut.json", begin.as_bytes());
    write("old.json", good.replace("campaign/v3", "campaign/v2").as_bytes());
    write("other.json", good.replace("\"version\": \"", "\"version\": \"9").as_bytes());
    write("word.json", good.replace("\"jobs\": 1", "\"jobs\": \"\u{1b}[31mone\"").as_bytes());
    write("binary.json", b"{\n\xff\xfe");
    std::fs::create_dir_all(directory.join("nothing")).expect("a directory");
    let mut all = String::new();
    for arguments in [
        "missing",
        "nothing",
        "empty.json",
        "cut.json",
        "old.json",
        "word.json",
        "binary.json",
        "one other.json",
        "one --bench one/campaign.json",
        "one --lcov one/campaign.json",
        "one --lcov missing.info",
        "one --format csv --lcov missing.info",
        "one --format pdf",
        "",
    ] {
        let refused = report(&directory, arguments);
        assert_eq!(code(&refused), 2, "{arguments}");
        assert!(refused.stdout.is_empty(), "{arguments}");
        all.push_str(&transcript(&format!("report {arguments}"), &refused, str::to_owned));
    }
    insta::assert_snapshot!("report-refusals", all);
}

#[test]
fn every_format_is_written() {
    let directory = empty_directory("report-formats");
    campaign(&directory, "out", "calm ./impossible.toml --seeds 0..3");
    for format in ["markdown", "junit", "csv", "csv-scenarios"] {
        let arguments = format!("out --format {format}");
        let made = report(&directory, &arguments);
        let take_out = |text: &str| without_figures(text);
        insta::assert_snapshot!(
            format!("report-{format}"),
            transcript(&format!("report {arguments}"), &made, take_out)
        );
    }
    let page = report(&directory, "out");
    assert!(text(&page).starts_with("<!doctype html>\n") && text(&page).ends_with("</html>\n"));
    let written = report(&directory, "out --format csv --out runs.csv");
    assert_eq!((code(&written), written.stdout.len()), (0, 0));
    assert_eq!(std::fs::read_to_string(directory.join("runs.csv")).expect("written").lines().count(), 7);
    let left = std::fs::read_to_string(directory.join("out/report.html")).expect("run --out writes it, too");
    assert!(left.contains("<a href=\"failures/impossible-0.html\">"), "pages of failures lie beside it");
    assert!(!text(&page).contains("href=\"failures/"), "and not beside the standard output");
    assert_eq!(code(&report(&directory, "out --out out/again.html")), 0);
    assert_eq!(std::fs::read_to_string(directory.join("out/again.html")).expect("written"), left);
}

/// Runs a program that a machine may not have.
fn tool(program: &str, arguments: &[&str], files: &[&Path]) -> Option<Output> {
    let output = Command::new(program).args(arguments).args(files).output();
    if output.is_err() {
        println!("skipped: there is no {program} here");
    }
    output.ok()
}

#[test]
fn junit_is_what_its_readers_accept() {
    let directory = empty_directory("report-junit");
    campaign(&directory, "out", "calm ./impossible.toml longer-against-newer --seeds 0..3");
    let written = report(&directory, "out --format junit --expect-seeds 0..4 --out junit.xml");
    assert_eq!(code(&written), 3, "there are only three seeds");
    let xml = directory.join("junit.xml");
    let schema = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/junit.xsd");
    let arguments = ["--noout", "--nonet", "--schema", schema.to_str().expect("UTF-8")];
    let Some(checked) = tool("xmllint", &arguments, &[&xml]) else { return };
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stderr));
    let broken = std::fs::read_to_string(&xml).expect("written").replacen("<testcase ", "<testcase colour=\"red\" ", 1);
    std::fs::write(directory.join("broken.xml"), broken).expect("it can be written");
    let checked = tool("xmllint", &arguments, &[&directory.join("broken.xml")]).expect("it was there");
    assert!(!checked.status.success(), "the schema refuses something");
}

/// The schema in the repository is that of what is written, no more and no less.
#[test]
fn the_schema_describes_what_is_written() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../reports/schema/campaign.v3.json");
    let schema: Value = serde_json::from_str(&std::fs::read_to_string(path).expect("the schema")).expect("it is JSON");
    let validator = jsonschema::validator_for(&schema).expect("it is a schema");
    let mistakes = |json: &Value| -> Vec<String> {
        validator.iter_errors(json).map(|error| format!("{}: {error:.300}", error.instance_path())).collect()
    };
    let mut all = Vec::new();
    for arguments in ["storm calm tests/fixtures/impossible.toml --seeds 0..4", "swarm story --seeds 0..30 --guide"] {
        let made = output(&format!("run {arguments} --jobs 2 --format json"));
        let json: Value = serde_json::from_str(&text(&made)).expect("it is JSON");
        assert_eq!(mistakes(&json), [""; 0], "{arguments}");
        all.push(json);
    }
    let json = &all[0];
    let paths = objects(json);
    assert!(paths.len() > 100, "there is a lot in it");
    let mut seen = std::collections::BTreeSet::new();
    for path in paths {
        let kind: String = path.split('/').filter(|part| part.parse::<usize>().is_err()).collect::<Vec<_>>().join("/");
        // Once for each kind of object; a map from names to counts takes any name.
        if kind.ends_with("/runs/probes") || !seen.insert(kind) {
            continue;
        }
        let mut more = json.clone();
        more.pointer_mut(&path).expect("it is there")["surprise"] = true.into();
        assert_ne!(mistakes(&more), [""; 0], "an unknown field at {path}");
        let fields: Vec<String> =
            json.pointer(&path).and_then(Value::as_object).expect("an object").keys().cloned().collect();
        for field in fields.iter().filter(|field| !["departures", "skipped"].contains(&field.as_str())) {
            let mut less = json.clone();
            less.pointer_mut(&path).and_then(Value::as_object_mut).expect("an object").remove(field);
            assert_ne!(mistakes(&less), [""; 0], "without {field} at {path}");
        }
    }
}

/// Where there are objects in it.
fn objects(json: &Value) -> Vec<String> {
    let mut found = Vec::new();
    let mut open = vec![(String::new(), json)];
    while let Some((path, value)) = open.pop() {
        match value {
            Value::Object(fields) => {
                open.extend(fields.iter().map(|(name, value)| (format!("{path}/{name}"), value)));
                found.push(path);
            }
            Value::Array(values) => {
                open.extend(values.iter().enumerate().map(|(place, value)| (format!("{path}/{place}"), value)));
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
    found
}
