//! What hostile submissions are judged by: results that are whole, text that stays text, and nothing that is left running.

#![expect(clippy::disallowed_methods, reason = "tests look at files and processes, and wait")]

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::mpsc::channel;
use std::time::Duration;

use serde_json::Value;
use whitewater_reports::grade::Status;

use crate::cli_support::{code, whitewater};

/// Whether all of these programs are there; says so if not.
pub(crate) fn are_there(programs: &[&str]) -> bool {
    let is_missing = |program: &&&str| {
        let started = Command::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
        !started.is_ok_and(|status| status.success())
    };
    let missing = programs.iter().find(is_missing);
    if let Some(missing) = missing {
        eprintln!("skipped: there is no {missing}");
    }
    missing.is_none()
}

/// Runs a command that has to end within a time.
pub(crate) fn in_time(command: &mut Command, at_most: Duration, what: &str) -> Output {
    let command = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = command.spawn().expect("the command starts");
    let (sender, receiver) = channel();
    std::thread::spawn(move || sender.send(child.wait_with_output()));
    let ended = receiver.recv_timeout(at_most);
    ended.unwrap_or_else(|_| panic!("{what}: it has not ended within {at_most:?}")).expect("its output can be read")
}

/// A process of this machine.
pub(crate) struct Process(PathBuf);

impl Process {
    /// Whether its command line names a folder, or it is at work there.
    pub(crate) fn names(&self, folder: &Path) -> bool {
        let command = fs::read(self.0.join("cmdline")).unwrap_or_default();
        let place = fs::read_link(self.0.join("cwd")).unwrap_or_default();
        String::from_utf8_lossy(&command).contains(&*folder.to_string_lossy()) || place.starts_with(folder)
    }

    /// Whether it is one of this user's.
    pub(crate) fn is_of(&self, user: u32) -> bool {
        fs::metadata(&self.0).is_ok_and(|process| process.uid() == user)
    }
}

/// Asserts that there is no process like this any more, or at least soon.
pub(crate) fn assert_ended(name: &str, is_it: impl Fn(&Process) -> bool) {
    let is_number = |path: &PathBuf| path.file_name().is_some_and(|name| name.to_string_lossy().parse::<u32>().is_ok());
    let mut left = Vec::new();
    for _ in 0..40 {
        let entries = fs::read_dir("/proc").expect("Linux has it").flatten().map(|entry| entry.path());
        left = entries.filter(is_number).map(Process).filter(&is_it).map(|process| process.0).collect();
        if left.is_empty() {
            return;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    panic!("{name}: something is left running: {left:?}");
}

/// The JSON in a file.
pub(crate) fn json(path: &Path) -> Value {
    let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// A status as results have it.
pub(crate) fn word(status: Status) -> String {
    status.title().replace(' ', "-")
}

/// The statuses of the two rows.
pub(crate) fn statuses(results: &Value) -> [String; 2] {
    let status = |place: usize| results["tests"][place]["extra_data"]["status"].as_str().expect("a status").to_owned();
    [status(0), status(1)]
}

/// Asserts that a text does nothing to a terminal.
pub(crate) fn assert_clean(text: &str, name: &str) {
    let disturbing = text.chars().find(|c| (c.is_control() && *c != '\n') || *c == '\u{202e}');
    assert_eq!(disturbing, None, "{name}: {text}");
}

fn assert_allowed(schema: &str, path: &Path, name: &str) {
    let schema = json(&Path::new("../reports/schema").join(schema));
    let validator = jsonschema::validator_for(&schema).expect("it is a schema");
    assert_eq!(validator.validate(&json(path)).map_err(|error| error.to_string()), Ok(()), "{name}");
}

/// Asserts that no points were given, that every file is whole and what it should be, and that nothing but the file for staff
/// tells of private seeds.
pub(crate) fn assert_whole(results: &Path, name: &str) {
    assert_allowed("gradescope.schema.json", &results.join("results.json"), name);
    assert_allowed("classroom50.schema.json", &results.join("result.json"), name);
    assert_allowed("campaign.v3.json", &results.join("campaign.json"), name);
    let text = |file: &str| fs::read_to_string(results.join(file)).expect("it is there");
    let vpl = text("vpl.txt");
    let grades: Vec<&str> = vpl.lines().filter(|line| line.starts_with("Grade :=>>")).collect();
    assert_eq!(
        (grades, vpl.lines().filter(|line| *line == "--|>").count()),
        (vec!["Grade :=>> 0"], 1),
        "{name}: {vpl}"
    );
    for file in ["results.json", "result.json", "vpl.txt", "rows.csv"] {
        let text = text(file);
        assert_clean(&text, name);
        assert!(!text.contains("424242"), "{name}: {file} has the private seed");
    }
    let results_json = json(&results.join("results.json"));
    assert_eq!(results_json["score"], 0, "{name}");
    for test in results_json["tests"].as_array().expect("a list") {
        assert_eq!((&test["score"], &test["status"]), (&0.into(), &"failed".into()), "{name}");
        assert_eq!((&test["name_format"], &test["output_format"]), (&"text".into(), &"text".into()), "{name}");
        assert_clean(test["output"].as_str().expect("text"), name);
    }
    assert_reports(results, name);
}

/// Asserts that reports of a campaign are whole.
fn assert_reports(results: &Path, name: &str) {
    let report = |format: &str| {
        let file = results.join(format!("report.{format}"));
        let mut command = whitewater(&format!("report --format {format}"));
        let printed = command.arg(results).arg("--out").arg(&file).output().expect("the command starts");
        // Runs that were given up are missing, and said to be.
        assert!([0, 3].contains(&code(&printed)), "{name}: {}", String::from_utf8_lossy(&printed.stderr));
        let text = fs::read_to_string(&file).expect("it was written");
        assert_clean(&text, name);
        (file, text)
    };
    let (_, html) = report("html");
    assert!(!html.contains("<img") && html.ends_with("</html>\n"), "{name}: the page is not whole");
    assert_eq!(html.matches("<script").count(), html.matches("</script").count(), "{name}: the page is not whole");
    let (_, markdown) = report("markdown");
    let mut fence: Option<&str> = None;
    for line in markdown.lines() {
        let ticks = &line[..line.len() - line.trim_start_matches('`').len()];
        match fence {
            None if ticks.len() >= 3 => fence = Some(ticks),
            Some(open) if line == open => fence = None,
            None => assert!(!line.contains("<img"), "{name}: {line}"),
            Some(_) => {}
        }
    }
    assert_eq!(fence, None, "{name}: {markdown}");
    let (file, junit) = report("junit");
    assert!(!junit.contains("<img") && junit.trim_end().ends_with("</testsuites>"), "{name}: {junit}");
    if let Ok(checked) = Command::new("xmllint").arg("--noout").arg(file).output() {
        assert!(checked.status.success(), "{name}: {}", String::from_utf8_lossy(&checked.stderr));
    }
    report("csv");
}
