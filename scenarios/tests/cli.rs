//! The command line as its users see it: what every subcommand prints, and how it refuses what it cannot use.
//!
//! Snapshots are in `tests/snapshots`; `INSTA_UPDATE=always` writes them anew. Figures that belong to the simulation are
//! taken out, so that a snapshot changes only when the words do.

#![expect(clippy::disallowed_methods, reason = "a test of the command touches files, as the host does")]

mod cli_support;

use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::process::{Output, Stdio};

use cli_support::{code, empty_directory, output, transcript, whitewater, without_figures};

/// Compares all that a command prints.
#[track_caller]
fn assert_prints(name: &str, arguments: &str) {
    insta::assert_snapshot!(name, transcript(arguments, &output(arguments), str::to_owned));
}

/// Compares what a command prints, but for its figures.
#[track_caller]
fn assert_prints_alike(name: &str, arguments: &str) {
    insta::assert_snapshot!(name, transcript(arguments, &output(arguments), without_figures));
}

/// Runs the command with this on its standard input.
fn output_with_stdin(arguments: &str, stdin: &str) -> Output {
    let mut command = whitewater(arguments);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the command starts");
    child.stdin.take().expect("it is piped").write_all(stdin.as_bytes()).expect("the command reads");
    child.wait_with_output().expect("the command ends")
}

/// How long a search took.
fn without_duration(text: &str) -> String {
    let shorten = |line: &str| match line.split_once(" in ") {
        Some((before, _)) if line.ends_with('s') && line.contains(" step") => format!("{before} in TIME\n"),
        Some(_) | None => format!("{line}\n"),
    };
    text.lines().map(shorten).collect()
}

/// JSON without its figures, and with two items of each list.
fn with_few_probes(text: &str) -> String {
    let Ok(mut json) = serde_json::from_str::<serde_json::Value>(text) else { return without_figures(text) };
    for list in ["rarest", "never_hit", "probes"] {
        json["coverage"][list].as_array_mut().expect("it is a list").truncate(2);
    }
    for list in ["answered", "unanswered", "p50_us", "p99_us"] {
        json["parts"][0]["paces"][0][list].as_array_mut().expect("it is a list").truncate(2);
    }
    json["parts"][0]["paces"][0]["sample"]["answered"].as_array_mut().expect("it is a list").truncate(2);
    json["parts"][0]["profile"] = "PROFILE".into();
    without_figures(&serde_json::to_string_pretty(&json).expect("it was JSON"))
}

#[test]
fn help_is_there_for_every_command() {
    assert_prints("help", "--help");
    for command in [
        "run",
        "replay",
        "shrink",
        "check",
        "report",
        "grade",
        "pack",
        "list",
        "describe",
        "probes",
        "new",
        "bugs",
        "latency",
        "soak",
        "completions",
        "man",
    ] {
        assert_prints(&format!("help-{command}"), &format!("{command} --help"));
    }
    assert_prints("help-bugs-run", "bugs run --help");
    assert_prints("version", "--version");
    assert_eq!(code(&output("")), 2);
}

#[test]
fn the_catalog_is_listed_and_described() {
    assert_prints("list", "list");
    let text = String::from_utf8(output("list").stdout).expect("it is UTF-8");
    for line in text.lines().filter(|line| !line.starts_with(' ')) {
        let name = line.split_whitespace().next().expect("a name");
        assert_eq!(code(&output(&format!("describe {name}"))), 0, "{name}");
    }
    assert_prints("describe", "describe tests/fixtures/impossible.toml");
    let toml = output("describe calm --toml");
    assert!(String::from_utf8_lossy(&toml.stdout).starts_with("name = \"calm\"\n"));
}

#[test]
fn a_scenario_is_started_from_a_file() {
    let directory = empty_directory("new");
    let inside = |arguments: &str| {
        let mut command = whitewater(arguments);
        command.current_dir(&directory).output().expect("the command runs")
    };
    let first = inside("new scenario mine");
    assert_eq!((code(&first), first.stderr.is_empty()), (0, true));
    let text = std::fs::read_to_string(directory.join("mine.toml")).expect("it was written");
    assert!(text.contains("name = \"mine\"\n"));
    assert_eq!(code(&inside("describe mine.toml")), 0);
    assert_eq!(code(&inside("run ./mine.toml --seeds 0..2")), 0);
    let again = inside("new scenario mine.toml");
    let why = String::from_utf8_lossy(&again.stderr).into_owned();
    assert!(code(&again) == 2 && why.contains("it is there already"), "{why}");
    for wrong in ["../mine", "Mine", "-x"] {
        assert_eq!(code(&inside(&format!("new scenario {wrong}"))), 2, "{wrong}");
    }
    let printed = inside("new scenario -");
    assert!(String::from_utf8_lossy(&printed.stdout).contains("name = \"my-scenario\"\n"));
    assert_eq!(code(&inside("describe STORM")), 0, "capitals make no difference");
}

#[test]
fn probes_are_listed() {
    assert_prints("probes", "probes");
    let output = output("probes --json");
    let list: serde_json::Value = serde_json::from_slice(&output.stdout).expect("it is JSON");
    assert_eq!((code(&output), list.as_array().map(Vec::len)), (0, Some(whitewater_scenarios::probes::COUNT)));
    assert_eq!((list[0]["name"].as_str(), list[0]["section"].as_str()), (Some("split-vote"), Some("3.4")));
    let output = self::output("run calm --seeds 0..2 --jobs 2 --probes");
    let text = String::from_utf8(output.stdout).expect("it is UTF-8");
    let table = text.lines().skip_while(|line| !line.starts_with("probe "));
    assert_eq!(table.count(), 1 + whitewater_scenarios::probes::COUNT, "a heading, and a row for each: {text}");
}

#[test]
fn latencies_are_measured() {
    assert_prints_alike("latency", "latency --seeds 0..4 --jobs 2");
}

#[test]
fn a_soak_is_made() {
    let output = output("soak --events 100000");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    // So short a run may grow: what is bounded has not reached its bounds after a tenth of it.
    assert!([0, 1].contains(&code(&output)), "{text}");
    for line in ["log ", "sessions ", "snapshots ", "memory "] {
        assert!(text.lines().any(|other| other.starts_with(line)), "{line}: {text}");
    }
    assert!(!text.contains("BEYOND"), "{text}");
    assert_prints("bad-arguments-soak", "soak --events 10");
}

#[test]
fn completions_and_manual_pages_are_made() {
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let output = output(&format!("completions {shell}"));
        assert!(code(&output) == 0 && String::from_utf8_lossy(&output.stdout).contains("time-limit"), "{shell}");
    }
    for command in ["", "run", "replay", "check"] {
        let output = output(&format!("man {command}"));
        assert!(code(&output) == 0 && String::from_utf8_lossy(&output.stdout).contains(".TH whitewater"), "{command}");
    }
    assert_prints("man-unknown", "man nothing");
}

#[test]
fn a_campaign_is_summarised() {
    assert_prints_alike("run-pass", "run calm --seeds 0..2 --jobs 2");
    assert_prints_alike("run-fail", "run calm tests/fixtures/impossible.toml --seeds 0..3 --jobs 2");
    let arguments = "run calm --seed 3 --jobs 1 --format json";
    insta::assert_snapshot!("run-json", transcript(arguments, &output(arguments), with_few_probes));
    assert_prints_alike("run-nothing", "run calm --time-limit 0s --jobs 1");
    let output = output("run --seed 0 --jobs 2");
    assert_eq!(code(&output), 0, "{}", String::from_utf8_lossy(&output.stdout));
    assert!(String::from_utf8_lossy(&output.stdout).contains("\nstorm "), "the whole catalog is run");
}

#[test]
fn a_run_is_replayed() {
    assert_prints_alike("replay", "replay calm --seed 1");
    assert_prints_alike("replay-verify", "replay calm --seed 1 --verify");
    assert_prints_alike("replay-trace", "replay tests/fixtures/impossible.toml --seed 1 --trace - --until 100us");
    let arguments = "replay tests/fixtures/impossible.toml --seed 1";
    let output = output(arguments);
    assert_eq!(code(&output), 1);
    let text = String::from_utf8(output.stdout).expect("it is UTF-8");
    assert_eq!(text.lines().last(), Some("  whitewater replay tests/fixtures/impossible.toml --seed 1"));
    assert!(text.contains("VIOLATION of I24 Liveness"), "the end of the trace is shown: {text}");
}

#[test]
fn a_trace_is_written_and_does_not_change_the_run() {
    let directory = empty_directory("trace");
    let path = directory.join("it's a trace.txt");
    let mut command = whitewater("replay storm --seed 17 --trace");
    let traced = command.arg(&path).output().expect("the command starts");
    assert_eq!(code(&traced), 0);
    let digest = |output: &Output| {
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        text.lines().find(|line| line.starts_with("digest ")).map(str::to_owned).expect("a digest")
    };
    assert_eq!(digest(&traced), digest(&output("replay storm --seed 17")));
    let trace = std::fs::read_to_string(&path).expect("the trace");
    let mut rows = trace.lines().skip(1);
    let heading = rows.next().expect("a heading");
    let column = heading.find("what").expect("the heading names the column");
    assert!(rows.clone().count() > 1_000, "a storm has many lines");
    assert!(rows.all(|row| row.is_char_boundary(column) && row[..column].ends_with("  ")), "rows are aligned");
}

/// The story is read from its trace: every step by its name, in order, and in each process to the byte.
#[test]
fn the_story_is_told_by_its_steps_and_alike_in_every_process() {
    let tell = || output("replay story --seed 1 --trace -");
    let (first, second) = (tell(), tell());
    assert_eq!(code(&first), 0);
    assert_eq!(first.stdout, second.stdout);
    let text = String::from_utf8(first.stdout).expect("it is UTF-8");
    let told: Vec<&str> = text.lines().filter_map(|line| line.split_once("step `")?.1.strip_suffix('`')).collect();
    let story = whitewater_scenarios::catalog::find("story").expect("in the catalog");
    let steps: Vec<&str> = story.steps.iter().filter_map(|step| step.name.as_deref()).collect();
    assert_eq!(told, steps);
    assert_eq!(steps.len(), 10);
    assert_eq!(story.servers, [6]);
}

/// Until it departs, a run is the run of its seed, to the event.
#[test]
fn a_run_that_departs_is_like_its_seed_up_to_then() {
    let trace = |lineage: &str, until: &str| {
        let output = output(&format!("replay storm --seed {lineage} --until {until}"));
        assert_eq!(code(&output), 0, "{lineage}");
        let report = String::from_utf8(output.stderr).expect("UTF-8");
        assert!(report.starts_with(&format!("PASS: storm, seed {lineage}\n")), "{report}");
        let text = String::from_utf8(output.stdout).expect("UTF-8");
        // The last line says how many lines come later.
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        assert!(lines.pop().is_some_and(|last| last.contains("not shown")), "{text}");
        lines
    };
    let (seed, departed) = (trace("17", "2449ms"), trace("17+2450ms.3", "2449ms"));
    assert!(seed.len() > 10_000, "{} lines", seed.len());
    assert_eq!(seed.iter().zip(&departed).find(|(one, other)| one != other), None);
    assert_eq!(seed.len(), departed.len());
    let (seed, departed) = (trace("17", "4s"), trace("17+2450ms.3", "4s"));
    let same = seed.iter().zip(&departed).take_while(|(one, other)| one == other).count();
    assert!(departed[same].ends_with("from here on the luck is another"), "{}", departed[same]);
    assert_ne!(seed[same + 1000..], departed[same + 1000..], "it departs");
    assert_ne!(departed[same + 1..], trace("17+2450ms.4", "4s")[same + 1..], "each number departs in its own way");
}

#[test]
fn histories_are_judged() {
    let good = ["porcupine.txt", "jepsen.log", "history.json"];
    let bad = ["porcupine-stale.txt", "jepsen-stale.log", "history-stale.json"];
    for (file, expected) in good.iter().zip([0; 3]).chain(bad.iter().zip([1; 3])) {
        let arguments = format!("check tests/fixtures/{file}");
        let output = output(&arguments);
        assert_eq!(code(&output), expected, "{file}");
        insta::assert_snapshot!(format!("check-{file}"), transcript(&arguments, &output, without_duration));
    }
    let more = ["jepsen.edn", "maelstrom.edn", "lists.edn", "lines.jsonl"];
    let stale = ["jepsen-stale.edn", "maelstrom-stale.edn", "lists-stale.edn", "lines-stale.jsonl"];
    for (file, expected) in more.iter().zip([0; 4]).chain(stale.iter().zip([1; 4])) {
        assert_eq!(code(&output(&format!("check tests/fixtures/{file}"))), expected, "{file}");
    }
    for file in ["jepsen.log", "jepsen-stale.log"] {
        assert_prints(&format!("check-json-{file}"), &format!("check tests/fixtures/{file} --output json"));
    }
    let text = std::fs::read_to_string("tests/fixtures/jepsen-stale.log").expect("a fixture");
    let output = output_with_stdin("check - --format jepsen --model register", &text);
    assert_eq!(code(&output), 1);
    assert!(String::from_utf8_lossy(&output.stdout).ends_with("\n  whitewater check - --format jepsen\n"));
}

#[test]
fn weaker_guarantees_are_judged_beside() {
    for file in ["jepsen-stale.log", "lines.jsonl"] {
        let arguments = format!("check tests/fixtures/{file} --weaker");
        let output = output(&arguments);
        insta::assert_snapshot!(format!("check-weaker-{file}"), transcript(&arguments, &output, without_duration));
    }
    let json =
        String::from_utf8(output("check tests/fixtures/jepsen.log --weaker --output json").stdout).expect("JSON");
    assert!(json.contains("\"name\": \"monotonic reads\",\n      \"is_kept\": true,"), "{json}");
}

#[test]
fn a_stream_is_judged_while_it_comes() {
    let mut child = whitewater("check -")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the command starts");
    // Kept open: the verdict has to come without an end of the stream.
    let mut stdin = child.stdin.take().expect("it is piped");
    let put = "{\"type\": \"invoke\", \"process\": 1, \"op\": \"put\", \"key\": \"x\", \"value\": \"1\"}\n";
    let read = "{\"type\": \"invoke\", \"process\": 2, \"op\": \"get\", \"key\": \"x\"}\n";
    let (done, stale) =
        ("{\"type\": \"ok\", \"process\": 1}\n", "{\"type\": \"ok\", \"process\": 2, \"read\": null}\n");
    stdin.write_all([put, done, read, stale].concat().as_bytes()).expect("the command reads");
    let output = child.wait_with_output().expect("the command ends");
    drop(stdin);
    insta::assert_snapshot!("check-stream", transcript("check -", &output, without_duration));
    let explained = output_with_stdin("check -", &[put, done].concat());
    let text = String::from_utf8_lossy(&explained.stdout);
    assert!(code(&explained) == 0 && text.contains("\nonline  "), "{text}");
    let tied = "{\"type\": \"invoke\", \"process\": 3, \"op\": \"batch\", \"operations\": [{\"op\": \"get\", \"key\": \"x\"}, \
                {\"op\": \"delete\", \"key\": \"y\"}]}\n{\"type\": \"ok\", \"process\": 3, \"answers\": [{\"read\": \"1\"}, {}]}\n";
    let nothing = output_with_stdin("check -", "\n");
    assert_eq!(code(&nothing), 2);
    assert!(String::from_utf8_lossy(&nothing.stderr).contains("standard input: it is empty"));
    let searched = output_with_stdin("check -", &[put, done, tied].concat());
    let text = String::from_utf8_lossy(&searched.stdout);
    assert!(code(&searched) == 0 && text.contains("\nsearch  "), "what is beyond it is for the whole check: {text}");
}

#[test]
fn a_history_that_takes_too_long_is_inconclusive() {
    let mut text = String::from("{\"schema\": \"whitewater/history/v1\", \"model\": \"kv\", \"operations\": [\n");
    for number in 0..50_000_u64 {
        let (from, to) = (2 * number, 2 * number + 1);
        let comma = if number == 0 { "" } else { ",\n" };
        text.push_str(&format!(
            "{comma}{{\"client\": 1, \"op\": \"batch\", \"operations\": [{{\"op\": \"delete\", \"key\": \"x\"}}, \
             {{\"op\": \"delete\", \"key\": \"y\"}}], \"answers\": [{{}}, {{}}], \"invoked\": {from}, \"returned\": {to}}}"
        ));
    }
    text.push_str("\n]}\n");
    let output = output_with_stdin("check - --time-limit 0s", &text);
    let stdout = String::from_utf8_lossy(&output.stdout);
    assert_eq!(code(&output), 3, "{stdout}");
    assert!(stdout.starts_with("INCONCLUSIVE\n") && stdout.contains("the time limit was reached"), "{stdout}");
}

#[test]
fn scenario_files_that_cannot_be_used_are_refused_with_their_line() {
    for file in ["unknown-key", "wrong-type", "negative-loss", "no-servers", "no-such-server", "not-toml"] {
        assert_prints(&format!("bad-{file}"), &format!("run tests/fixtures/{file}.toml --seed 0"));
        assert_eq!(code(&output(&format!("describe tests/fixtures/{file}.toml"))), 2, "{file}");
        assert_eq!(code(&output(&format!("replay tests/fixtures/{file}.toml --seed 0"))), 2, "{file}");
    }
}

#[test]
fn scenarios_that_are_not_there_are_refused_with_a_suggestion() {
    assert_prints("bad-unknown-scenario", "run strom");
    assert_prints("bad-unlike-anything", "run zzz");
    assert_prints("bad-missing-file", "run ./strom.toml");
    assert_prints("bad-directory", "run ./tests");
    assert_prints("bad-binary-scenario", "describe tests/fixtures/binary.toml");
    let directory = empty_directory("twins");
    std::fs::write(directory.join("calm.toml"), "name = \"calm\"\nsummary = \"Another.\"\n").expect("written");
    let output = whitewater("run calm calm").arg(directory.join("calm.toml")).output().expect("the command starts");
    assert_eq!(code(&output), 2);
    assert!(String::from_utf8_lossy(&output.stderr).contains("two scenarios are called calm"));
}

#[test]
fn seeds_and_limits_that_make_no_sense_are_refused() {
    let cases = [
        ("empty", "--seeds 5..5"),
        ("backwards", "--seeds 9..3"),
        ("words", "--seeds abc"),
        ("too-large", "--seeds 0..18446744073709551616"),
        ("negative", "--seed -1"),
        ("both", "--seed 1 --seeds 0..2"),
        ("no-jobs", "--seed 1 --jobs 0"),
        ("no-unit", "--time-limit 30"),
        ("format", "--seed 1 --format yaml"),
    ];
    for (name, arguments) in cases {
        assert_prints(&format!("bad-arguments-{name}"), &format!("run calm {arguments}"));
    }
}

#[test]
fn seeds_without_number_are_not_kept_anywhere() {
    let output = output("run calm --seeds 18446744073709551000..=18446744073709551615 --time-limit 50ms --jobs 1");
    assert_eq!(code(&output), 0, "{}", String::from_utf8_lossy(&output.stderr));
    let output = self::output("run calm --seeds 0..1000000000000 --time-limit 50ms --jobs 1");
    assert_eq!(code(&output), 0, "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn histories_that_cannot_be_used_are_refused_with_their_line() {
    assert_prints("bad-history-json", "check tests/fixtures/history-truncated.json");
    assert_prints("bad-history-porcupine", "check tests/fixtures/porcupine-truncated.txt");
    assert_prints("bad-history-format", "check tests/fixtures/porcupine.txt --format json");
    assert_prints("bad-history-scenario", "check tests/fixtures/impossible.toml");
    assert_prints("bad-history-binary", "check tests/fixtures/binary.toml");
    assert_prints("bad-history-missing", "check tests/fixtures/nothing.txt");
    assert_prints("bad-history-register", "check tests/fixtures/history.json --model register");
    assert_eq!(code(&output_with_stdin("check -", "")), 2);
}

#[test]
fn a_reader_that_has_had_enough_is_no_error() {
    for arguments in ["list", "--help", "replay storm --seed 1 --trace -", "completions zsh"] {
        let mut command = whitewater(arguments);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the command starts");
        drop(child.stdout.take());
        let output = child.wait_with_output().expect("the command ends");
        assert_eq!(code(&output), 0, "{arguments}: {}", String::from_utf8_lossy(&output.stderr));
    }
}

#[test]
fn names_that_would_disturb_a_terminal_are_escaped() {
    let name = std::ffi::OsStr::from_bytes(b"./\x1b[31m.toml");
    let output = whitewater("run").arg(name).output().expect("the command starts");
    assert_eq!(code(&output), 2);
    assert!(!output.stderr.contains(&0x1b), "{}", String::from_utf8_lossy(&output.stderr));
    let name = std::ffi::OsStr::from_bytes(b"\xff.toml");
    let output = whitewater("check").arg(name).output().expect("the command starts");
    assert_eq!(code(&output), 2);
}

#[test]
fn a_run_is_written_for_browsers_and_for_the_tools_of_others() {
    let directory = empty_directory("exports");
    let file = |name: &str| directory.join(name);
    let mut command = whitewater("replay calm --seed 3");
    command.arg("--html").arg(file("calm.html"));
    for (format, name) in [("shiviz", "calm.log"), ("chrome", "calm.json"), ("json", "calm.history.json")] {
        command.arg("--export").arg(format!("{format}={}", file(name).display()));
    }
    let output = command.output().expect("the command starts");
    assert_eq!(code(&output), 0);
    assert_eq!(String::from_utf8_lossy(&output.stderr).matches("wrote ").count(), 4);
    let read = |name: &str| std::fs::read_to_string(file(name)).expect("it was written");
    assert!(read("calm.html").contains("Every check held") && read("calm.log").starts_with("(?<host>"));
    assert!(serde_json::from_str::<serde_json::Value>(&read("calm.json")).is_ok());
    let mut check = whitewater("check");
    check.arg(file("calm.history.json")).arg("--html").arg(file("history.html"));
    assert_eq!(code(&check.output().expect("the command starts")), 0);
    assert!(read("history.html").contains("One order of the operations explains every answer."));
}

#[test]
fn an_export_on_the_standard_output_leaves_it_to_itself() {
    let output = output("replay calm --seed 3 --export mermaid=-");
    assert!(output.stdout.starts_with(b"sequenceDiagram\n") && !output.stdout.windows(4).any(|bytes| bytes == b"PASS"));
    assert!(String::from_utf8_lossy(&output.stderr).contains("PASS: calm, seed 3"));
}

#[test]
fn an_export_that_cannot_be_made_is_refused() {
    assert_prints("replay-export-unknown", "replay calm --seed 1 --export visio=a.vsd");
    assert_prints("replay-two-on-stdout", "replay calm --seed 1 --html - --export mermaid=-");
    assert_prints("replay-export-refused", "replay calm --seed 1 --export edn=-");
}
