//! Campaigns as whole processes: the same results in every process and with every number of threads, what `--out` leaves
//! behind, and interrupts.

#![expect(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "a test of the command touches files and time, as the host does"
)]

mod cli_support;

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use cli_support::{code, empty_directory, output, transcript, whitewater, without_figures};
use whitewater_reports::json;
use whitewater_reports::model::{Campaign, Ending};

fn campaign(text: &[u8]) -> Campaign {
    json::read(std::str::from_utf8(text).expect("it is UTF-8")).expect("a campaign")
}

/// A campaign with everything taken out that may differ between two processes and with another number of threads.
fn without_clocks(mut campaign: Campaign) -> Campaign {
    (campaign.wall_ns, campaign.jobs) = (0, 0);
    for part in &mut campaign.parts {
        (part.wall_ns, part.jobs, part.command) = (0, 0, String::new());
    }
    for run in &mut campaign.runs {
        assert_ne!(std::mem::take(&mut run.wall_ns), 0, "the wall clock is measured");
    }
    campaign
}

/// Twenty runs with everything taken out that may differ.
fn twenty(jobs: u32) -> Campaign {
    let output = output(&format!("run storm power-loss --seeds 5..15 --format json --jobs {jobs}"));
    assert_eq!(code(&output), 0, "{}", String::from_utf8_lossy(&output.stdout));
    without_clocks(campaign(&output.stdout))
}

#[test]
fn two_processes_and_any_number_of_threads_give_the_same_results() {
    let (one, two) = (twenty(1), twenty(2));
    assert_eq!(one.runs.len(), 20);
    assert_eq!(json::write(&one), json::write(&two));
}

/// Which run departs from which depends on what earlier ones have shown, and yet not on who was done first.
#[test]
fn a_guided_campaign_is_the_same_with_any_number_of_threads() {
    let guided = |jobs: u32| {
        let output = output(&format!("run storm swarm-disks --seeds 0..40 --guide --format json --jobs {jobs}"));
        assert_eq!(code(&output), 0, "{}", String::from_utf8_lossy(&output.stdout));
        without_clocks(campaign(&output.stdout))
    };
    let (one, two) = (guided(1), guided(2));
    assert_eq!(json::write(&one), json::write(&two));
    assert_eq!(one.runs.len(), 80, "as many runs as without a guide");
    let departing: Vec<_> = one.runs.iter().filter(|run| !run.departures.is_empty()).collect();
    assert!(departing.len() > 20, "{} of 80 depart", departing.len());
    for way in ["+anew.", "ms."] {
        let run = departing.iter().rfind(|run| run.departures.contains(way)).expect("some depart in this way");
        let replayed = output(&format!("replay {} --seed {}", run.scenario, run.lineage()));
        let text = String::from_utf8(replayed.stdout).expect("UTF-8");
        assert!(text.contains(&format!("digest        {}\n", run.digest)), "{} {text}", run.lineage());
    }
}

fn names(directory: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(directory).expect("it is there");
    let mut names: Vec<String> =
        entries.map(|entry| entry.expect("an entry").file_name().into_string().expect("UTF-8")).collect();
    names.sort_unstable();
    names
}

#[test]
fn failures_are_written_down_and_those_of_an_earlier_campaign_go() {
    let directory = empty_directory("out");
    let run = |seeds: &str| {
        let mut command =
            whitewater(&format!("run tests/fixtures/impossible.toml calm --seeds {seeds} --jobs 2 --out"));
        command.arg(&directory).output().expect("the command starts")
    };
    assert_eq!(code(&run("0..12")), 1);
    assert_eq!(names(&directory), ["campaign.json", "failures", "report.html"]);
    assert_eq!(names(&directory.join("failures")).len(), 30, "the first ten failures, three files each");
    std::fs::write(directory.join("failures/mine.trace"), "not yours").expect("written");
    assert_eq!(code(&run("20..21")), 1);
    let left = names(&directory.join("failures"));
    assert_eq!(left, ["impossible-20.history.json", "impossible-20.html", "impossible-20.trace", "mine.trace"]);
    let page = std::fs::read_to_string(directory.join("failures/impossible-20.html")).expect("the page");
    assert!(
        page.contains("whitewater replay tests/fixtures/impossible.toml --seed 20") && page.contains("Liveness (I24)")
    );
    let report = std::fs::read_to_string(directory.join("report.html")).expect("the report");
    assert!(report.contains("<a href=\"failures/impossible-20.html\">20</a>"), "it leads to the page");
    let kept = campaign(&std::fs::read(directory.join("campaign.json")).expect("the campaign"));
    assert_eq!((kept.runs.len(), kept.ending), (2, Ending::Complete));
    let history = whitewater("check").arg(directory.join("failures/impossible-20.history.json")).output();
    assert_eq!(code(&history.expect("the command starts")), 0, "what was not live is linearizable all the same");
    let trace = std::fs::read_to_string(directory.join("failures/impossible-20.trace")).expect("the trace");
    assert!(trace.starts_with("whitewater replay tests/fixtures/impossible.toml --seed 20\n> sent"), "{trace}");
}

#[test]
fn a_directory_that_cannot_be_written_is_refused_before_anything_is_run() {
    let directory = empty_directory("occupied");
    let path = directory.join("file");
    std::fs::write(&path, "in the way").expect("written");
    let output = whitewater("run calm --seeds 0..1000000 --out").arg(&path).output().expect("the command starts");
    assert_eq!(code(&output), 2);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(stderr.starts_with("error: cannot write into ") && stderr.contains("file exists"), "{stderr}");
    assert!(output.stdout.is_empty());
}

/// Starts an endless campaign and sends it a signal once it works.
fn interrupted(signal: &str, arguments: &str) -> Output {
    let mut command = whitewater(arguments);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the command starts");
    let mut stderr = BufReader::new(child.stderr.take().expect("it is piped"));
    let mut first_line = String::new();
    stderr.read_line(&mut first_line).expect("it says what it is about to do");
    std::thread::sleep(Duration::from_millis(500));
    let kill = Command::new("kill").args([signal, &child.id().to_string()]).status().expect("kill is there");
    assert!(kill.success());
    let mut output = child.wait_with_output().expect("the command ends");
    output.stderr = first_line.into_bytes();
    stderr.read_to_end(&mut output.stderr).expect("the rest of it");
    output
}

#[test]
fn an_interrupt_keeps_what_is_finished() {
    let directory = empty_directory("interrupted");
    let arguments = format!("run calm lossy --seeds 0..1000000000 --jobs 2 --out {}", directory.display());
    for signal in ["-INT", "-TERM"] {
        let output = interrupted(signal, &arguments);
        // How many points the curve of new behaviour has depends on how far the campaign came.
        let hide = |text: &str| {
            let text = without_figures(&text.replace(&*directory.to_string_lossy(), "DIR"));
            match (text.find("behaviour"), text.find("ended ")) {
                (Some(begin), Some(end)) => format!("{}behaviour  CURVE\n{}", &text[..begin], &text[end..]),
                (None, _) | (_, None) => text,
            }
        };
        let text = transcript("run ...", &output, hide);
        assert_eq!(code(&output), 130, "{text}");
        insta::assert_snapshot!("interrupted", text);
        let campaign = campaign(&std::fs::read(directory.join("campaign.json")).expect("the campaign"));
        assert_eq!(campaign.ending, Ending::Interrupted);
        assert!(!campaign.runs.is_empty());
    }
}

#[test]
fn an_interrupt_does_not_wait_for_a_long_run() {
    let path = empty_directory("long").join("long.toml");
    let text = "name = \"long\"\nsummary = \"An hour of work.\"\n[timing]\nduration = \"1h\"\n[workload]\nrate = 500\n";
    std::fs::write(&path, text).expect("written");
    let begin = std::time::Instant::now();
    let output = interrupted("-INT", &format!("run --jobs 1 --seeds 0..2 {}", path.display()));
    assert!(begin.elapsed() < Duration::from_secs(10), "it took {:?}", begin.elapsed());
    assert_eq!(code(&output), 130);
    assert!(String::from_utf8_lossy(&output.stdout).starts_with("NOTHING WAS RUN"));
}
