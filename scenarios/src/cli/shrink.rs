//! `whitewater shrink`: from a failing run to a small scenario file that fails alike.

use std::path::{Path, PathBuf};

use crate::bugs::Bug;
use crate::campaign::Selected;
use crate::host::{self, Stopwatch, shown};
use crate::run::{Options, Run};
use crate::scenario::{self, Fingerprint, Scenario};
use crate::search::lineage::Lineage;
use crate::shrink::{self, Ending, Laboratory, Progress, repro};
use crate::target;
use clap::Args;
use whitewater_reports::model::Verdict;
use whitewater_reports::words::{count, counted, shell_word, span};
use whitewater_sim::Instant;

use super::progress::{Bar, share};
use super::which::{self, Which};
use super::{Failure, exit, node, print, spans};

/// How long shrinking takes at most if nothing is said, in nanoseconds.
pub(crate) const TIME_LIMIT_NS: u64 = 50_000_000_000;

/// A run of a candidate is stopped after so many events: it should become shorter, not longer.
const EVENTS_MAX: u64 = 2_000_000;

/// Make a failing run as small as it gets, and write it down as a scenario
///
/// Faults, operations, clients, servers and settings are left out or made plainer while the run fails in the same way: the
/// same check, the same kind of operation, the same place of the protocol. What is left is written into a file that says
/// everything about the run, that `whitewater replay` makes again, and that can be edited.
#[derive(Args)]
#[command(after_help = after_help())]
pub(crate) struct Arguments {
    #[command(flatten)]
    which: which::Arguments,
    /// Stop after this much time on the wall clock, as in 30s, and keep what there is then; 50s if not given
    #[arg(long, value_name = "D", value_parser = spans::nanoseconds)]
    time_limit: Option<u64>,
    /// The file to write; SCENARIO-SEED.repro.toml if not given. It is overwritten
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

fn after_help() -> String {
    format!("Examples:\n  whitewater shrink storm --seed 17\n  whitewater replay storm-17.repro.toml\n\n{}", exit::HELP)
}

/// Shrinks a run.
pub(crate) fn main(arguments: &Arguments, own: &target::Shared) -> Result<u8, Failure> {
    let Which { selected, lineage, bug, target, .. } = arguments.which.which("shrink", own)?;
    let out = arguments.out.clone().unwrap_or_else(|| PathBuf::from(file_name(&selected.scenario.name, &lineage)));
    host::keep_interrupts()?;
    let time_limit_ns = arguments.time_limit.unwrap_or(TIME_LIMIT_NS);
    let text = shrunk(&target, &selected, &lineage, bug, time_limit_ns, &out)?;
    print(&text)?;
    Ok(if host::is_interrupted() { exit::INTERRUPTED } else { exit::VIOLATION })
}

/// The file that a run is shrunk into.
pub(crate) fn file_name(scenario: &str, lineage: &Lineage) -> String {
    format!("{}.repro.toml", name(scenario, lineage))
}

/// What the shrunk scenario is called.
fn name(scenario: &str, lineage: &Lineage) -> String {
    let run: String = lineage.to_string().chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    // A name has at most 60 characters.
    format!("{}-{run}", scenario.chars().take(30).collect::<String>()).chars().take(60).collect()
}

/// Shrinks a run, writes the file, and says in words what came of it.
pub(crate) fn shrunk(
    target: &target::Shared,
    selected: &Selected,
    lineage: &Lineage,
    bug: Option<Bug>,
    time_limit_ns: u64,
    out: &Path,
) -> Result<String, Failure> {
    let mut bench = Bench { target, bug, time_limit_ns, stopwatch: Stopwatch::start(), bar: Bar::new() };
    let (program, argument) = (target.program(), &selected.argument);
    let with_bug = bug.map(|bug| format!(" --bug {}", bug.name)).unwrap_or_default() + &node::words(&**target);
    let Some((failure, run)) = bench.attempt(&selected.scenario, lineage) else {
        return Err(Failure::usage(format!(
            "the run of {argument} with seed {lineage} fails no check: there is nothing to shrink"
        )));
    };
    let written = repro::of(&selected.scenario, lineage, &run, Some(failure.fingerprint.clone()));
    let before = size(&written);
    let (mut small, failure, ending) = shrink::shrink(&written, &failure.fingerprint, &mut bench).ok_or_else(|| {
        Failure::usage(format!(
            "the run of {argument} with seed {lineage} fails {}, but not when its faults and operations are written down one by \
             one: `{program} replay {argument} --seed {lineage}{with_bug}` still shows it",
            failure.fingerprint.check
        ))
    })?;
    bench.bar.finish();
    small.name = name(&selected.scenario.name, lineage);
    small.aliases.clear();
    small.reaches.clear();
    small.summary = format!("{}, shrunk from {}, seed {lineage}.", failure.fingerprint.check, selected.scenario.name);
    let text = scenario::write(&small);
    check_file(target, &text, &small, bug)?;
    host::write_atomically(out, |file| file.write_all(text.as_bytes()))?;
    let ended = match ending {
        Ending::Smallest => "",
        Ending::Stopped => ", when its time was up",
    };
    Ok(format!(
        "{}\n  from {before}\n  to   {}\n  in {}{ended}\nwrote {}\n  {program} replay {}{with_bug}\n",
        failure.fingerprint.check,
        size(&small),
        span(bench.stopwatch.elapsed_ns()),
        shown(out),
        shell_word(&out.to_string_lossy()),
    ))
}

/// What a scenario consists of, in words.
fn size(scenario: &Scenario) -> String {
    let servers = scenario.servers[0] + scenario.learners + scenario.spares;
    let operations = scenario.operations.as_ref().map_or(0, Vec::len) as u64;
    let goals = match scenario.goals.len() as u64 {
        0 => String::new(),
        goals => format!(", {} of the operator", counted(goals, "goal")),
    };
    format!(
        "{}, {}, {} of {}{goals}, {}",
        counted(u64::from(servers), "server"),
        counted(scenario.steps.len() as u64, "fault"),
        counted(operations, "operation"),
        counted(u64::from(scenario.clients), "client"),
        span(scenario.timing.duration_ns),
    )
}

/// A file that does not say what was run would be worse than none.
fn check_file(target: &target::Shared, text: &str, small: &Scenario, bug: Option<Bug>) -> Result<(), Failure> {
    let read = scenario::format::parse("the shrunk scenario", text)
        .map_err(|error| Failure { code: exit::INTERNAL, message: format!("{error}\n{text}") })?;
    let lineage = small.seed.clone().unwrap_or(Lineage::of(0));
    let digest = |scenario: &Scenario| {
        let options = Options { bug, ..Options::default() };
        target.make(scenario, &lineage, &options).map(|run| run.record.digest).ok()
    };
    if digest(&read) == digest(small) {
        return Ok(());
    }
    Err(Failure { code: exit::INTERNAL, message: format!("the file does not say what was run:\n{text}") })
}

/// Makes the runs, watches the time, and shows how far it has come.
struct Bench<'a> {
    target: &'a target::Shared,
    bug: Option<Bug>,
    time_limit_ns: u64,
    stopwatch: Stopwatch,
    bar: Bar,
}

impl Bench<'_> {
    fn attempt(&self, scenario: &Scenario, lineage: &Lineage) -> Option<(shrink::Failure, Run)> {
        let options = Options { bug: self.bug, events_max: EVENTS_MAX, ..Options::default() };
        let run = self.target.make(scenario, lineage, &options).ok()?;
        let Verdict::Violation { at_ns, .. } = run.record.verdict else { return None };
        let fingerprint: Fingerprint = shrink::fingerprint(&run)?;
        Some((shrink::Failure { fingerprint, at: Instant(at_ns) }, run))
    }
}

impl Laboratory for Bench<'_> {
    fn try_out(&mut self, scenario: &Scenario) -> Option<shrink::Failure> {
        let lineage = scenario.seed.clone().unwrap_or(Lineage::of(0));
        self.attempt(scenario, &lineage).map(|(failure, _)| failure)
    }

    fn goes_on(&mut self, progress: &Progress) -> bool {
        let elapsed_ns = self.stopwatch.elapsed_ns();
        let Progress { runs, steps, operations, goals, servers } = progress;
        let goals = if *goals > 0 { format!(", {goals} goals") } else { String::new() };
        let line = || {
            format!(
                "{} runs: {servers} servers, {steps} faults, {operations} operations{goals}, {}",
                count(*runs),
                span(elapsed_ns)
            )
        };
        self.bar.show(share(elapsed_ns, u128::from(self.time_limit_ns)), line, elapsed_ns);
        elapsed_ns < self.time_limit_ns && !host::is_interrupted()
    }
}
