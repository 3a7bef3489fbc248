//! `whitewater replay`: one run again, looked at closely.
//!
//! The run is made with the same scenario, seed and build, so it is the same run: with or without a trace, its digest is
//! the same. A run that failed is always made twice, the second time with the recorder on, which shows that in passing.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::campaign::Selected;
use crate::host::{self, shown};
use crate::run::{Options, Run, without_last_words};
use crate::target;
use crate::{faults, page};
use clap::Args;
use whitewater_reports::human::explanation;
use whitewater_reports::model::{FaultCount, Outcome, ProbeRecord, Reach, RunRecord, Verdict};
use whitewater_reports::words::{count, counted, span};
use whitewater_sim::trace::{Line, Trace};
use whitewater_sim::{Instant, Recording};

use super::exports::{self, Export, is_stdout};
use super::which::{self, Which};
use super::{Failure, exit, print, spans};

/// How many lines of the trace a failure shows.
const LAST_LINES: usize = 30;

/// Make one run again and look at it
///
/// Prints the verdict, the digest of everything that happened, and the figures of the run; if it failed, the end of its
/// trace as well. The digest is always the same.
#[derive(Args)]
#[command(after_help = after_help())]
pub(crate) struct Arguments {
    #[command(flatten)]
    which: which::Arguments,
    /// Write the whole trace into this file, a line for everything that happened; - is the standard output
    #[arg(long, value_name = "FILE")]
    trace: Option<PathBuf>,
    /// End the trace at this virtual time, as in 3.5s; without --trace it is printed
    #[arg(long, value_name = "T", value_parser = spans::nanoseconds)]
    until: Option<u64>,
    /// Write a page about the run into this file: what was violated, and everything that led there, to be stepped through
    /// in a browser; - is the standard output
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Write the run for the tools of others, as in shiviz=run.log, chrome=run.json or mermaid=-; its history alone as edn,
    /// porcupine or json. May be given several times
    #[arg(long, value_name = "FORMAT=FILE")]
    export: Vec<Export>,
    /// Make the run twice and compare everything that happened
    #[arg(long)]
    verify: bool,
}

impl Arguments {
    /// Where to write, beside the trace.
    fn others(&self) -> impl Iterator<Item = &Path> {
        self.html.as_deref().into_iter().chain(self.export.iter().map(|export| export.path.as_path()))
    }
}

fn after_help() -> String {
    format!(
        "Examples:\n  \
         whitewater replay storm --seed 17\n  \
         whitewater replay storm --seed 17 --until 3.5s | less -S\n  \
         whitewater replay storm --seed 17 --trace storm-17.trace\n  \
         whitewater replay storm --seed 17 --html storm-17.html\n  \
         whitewater replay storm --seed 17 --export chrome=storm-17.json\n  \
         whitewater replay storm --seed 17 --verify\n\n\
         In the trace: {}\n\n{}",
        Trace::legend(),
        exit::HELP
    )
}

/// Makes a run again.
pub(crate) fn main(arguments: &Arguments, own: &target::Shared) -> Result<u8, Failure> {
    let Which { selected, lineage, bug, target, words } = arguments.which.which("replay", own)?;
    let command = format!("{} replay {words}", target.program());
    let make = |recording| {
        let options = Options { bug, recording, ..Options::default() };
        target.make(&selected.scenario, &lineage, &options)
    };
    let stdout = Path::new("-");
    let trace_path = arguments.trace.as_deref().or(arguments.until.map(|_| stdout));
    let stdouts = trace_path.into_iter().chain(arguments.others()).filter(|path| is_stdout(path)).count();
    if stdouts > 1 {
        return Err(Failure::usage(
            "only one of --trace, --until, --html and --export can be written to the standard output".to_owned(),
        ));
    }
    let is_recorded = trace_path.is_some() || arguments.verify || arguments.others().next().is_some();
    let recording = if is_recorded { Recording::On } else { Recording::Off };
    let mut run = match make(recording) {
        Ok(run) => run,
        Err(record) => return not_made(&record, &command),
    };
    let failed = run.record.verdict.outcome() != Outcome::Pass;
    if arguments.verify || (failed && run.trace.is_none()) {
        let again = match make(Recording::On) {
            Ok(again) => again,
            Err(record) => return not_made(&record, &command),
        };
        if let Some(difference) = difference(&run, &again) {
            print(&format!("NOT DETERMINISTIC: {difference}\n  {command} --verify\n"))?;
            return Ok(exit::NOT_DETERMINISTIC);
        }
        run.trace = again.trace;
    }
    let mut report = report(&selected, &target.probes(), &run.record);
    if arguments.verify {
        let events = counted(run.record.events, "event");
        report.push_str(&format!("verified      two runs, the same {events}, the same trace\n"));
    }
    match trace_path {
        Some(path) if is_stdout(path) => host::write_stdout(|stdout| write_trace(stdout, &run, arguments.until))?,
        Some(path) => {
            host::write_atomically(path, |file| write_trace(file, &run, arguments.until))?;
            host::tell(&format!("wrote {}", shown(path)));
        }
        None => {}
    }
    if let Some(path) = &arguments.html {
        exports::write_text(path, &page::of_run(&selected.scenario, &run, bug, &command))?;
    }
    arguments.export.iter().try_for_each(|export| export.write(&run))?;
    if stdouts > 0 {
        host::tell(report.trim_end());
    } else {
        print(&report)?;
    }
    if failed {
        print_failure(&run, trace_path.or(arguments.others().find(|path| is_stdout(path))), &command)?;
    }
    Ok(exit::code(run.record.verdict.outcome()))
}

fn not_made(record: &RunRecord, command: &str) -> Result<u8, Failure> {
    let title = match record.verdict.outcome() {
        Outcome::Violation => "FAIL: the run could not be made to its end",
        Outcome::Inconclusive => "INCONCLUSIVE: the run could not be made to its end",
        Outcome::Pass | Outcome::Error | Outcome::Nothing => "ERROR: the run could not be made",
    };
    print(&format!("{title}\n{}  {command}\n", explanation(record)))?;
    Ok(exit::code(record.verdict.outcome()))
}

fn report(selected: &Selected, probes: &[ProbeRecord], record: &RunRecord) -> String {
    let RunRecord { servers, digest, events, virtual_ns, wall_ns, returned, unknown, applied, terms_led, .. } = record;
    let lineage = record.lineage();
    let verdict = match record.verdict.outcome() {
        Outcome::Pass => "PASS",
        Outcome::Violation => "FAIL",
        Outcome::Inconclusive => "INCONCLUSIVE",
        Outcome::Error | Outcome::Nothing => "ERROR",
    };
    let clients = counted(u64::from(selected.scenario.clients), "client");
    format!(
        "{verdict}: {}, seed {lineage}\n\n\
         digest        {digest}\n\
         cluster       {}, {clients}\n\
         time          {} virtual, {} on the wall clock\n\
         events        {}\n\
         operations    {} answered, {} with an unknown outcome\n\
         log           {} applied, {} with a leader\n\
         faults        {}\n\
         probes        {} of {} hit\n",
        record.scenario,
        counted(u64::from(*servers), "server"),
        span(*virtual_ns),
        span(*wall_ns),
        count(*events),
        count(*returned),
        count(*unknown),
        if *applied == 1 { "1 entry".to_owned() } else { format!("{} entries", count(*applied)) },
        counted(*terms_led, "term"),
        struck(selected, &record.faults),
        count(record.probes.len() as u64),
        count(probes.iter().filter(|probe| probe.reach == Reach::Within).count() as u64),
    )
}

/// What struck, and how often that mattered; one line each.
fn struck(selected: &Selected, counts: &[FaultCount]) -> String {
    let names = faults::names(&selected.scenario);
    let of_fault = |FaultCount { fault, fired, effects, .. }: &FaultCount| {
        let name = names.get(usize::from(*fault)).map_or("?", String::as_str);
        format!("{name}: {} times, {} with an effect", count(u64::from(*fired)), count(u64::from(*effects)))
    };
    let lines: Vec<String> = counts.iter().map(of_fault).collect();
    if lines.is_empty() { "none".to_owned() } else { lines.join("\n              ") }
}

/// Why the run failed, the end of its trace unless all of it went elsewhere, and the command that shows it again.
fn print_failure(run: &Run, trace_path: Option<&Path>, command: &str) -> Result<(), Failure> {
    let explanation = format!("{}\n{}", run.record.verdict.title(), explanation(&run.record));
    if trace_path.is_some() {
        host::tell(&format!("\n{explanation}  {command}"));
        return Ok(());
    }
    let mut text = String::from("\n");
    if let Some(trace) = &run.trace {
        let lines = trace.lines();
        let hidden = lines.len().saturating_sub(LAST_LINES);
        text.push_str(&format!("{}\n", trace.heading()));
        if hidden > 0 {
            text.push_str(&format!("... {} before; --trace FILE writes all of them\n", counted(hidden as u64, "line")));
        }
        for line in &lines[hidden..] {
            text.push_str(&format!("{}\n", trace.row(line)));
        }
        text.push_str(&format!("{}\n\n", Trace::legend()));
    }
    print(&format!("{text}{explanation}  {command}\n"))
}

/// Writes the trace up to a virtual time, and says what was left out.
fn write_trace(out: &mut dyn Write, run: &Run, until_ns: Option<u64>) -> io::Result<()> {
    let trace = run.trace.as_ref().expect("the recorder was on");
    let until = Instant(until_ns.unwrap_or(u64::MAX));
    writeln!(out, "{}\n{}", Trace::legend(), trace.heading())?;
    let shown = trace.lines().partition_point(|line| line.at <= until);
    for line in &trace.lines()[..shown] {
        writeln!(out, "{}", trace.row(line))?;
    }
    let hidden = trace.lines().len() - shown;
    if hidden > 0 {
        let hidden = counted(hidden as u64, "line");
        writeln!(out, "... {hidden} after {until} not shown: --until was given")?;
    }
    Ok(())
}

/// How two runs of the same scenario and seed differ, which they never should.
fn difference(one: &Run, other: &Run) -> Option<String> {
    // When a run is given up is up to the machine: only what came before has to be the same.
    let is_cut = one.abandoned.is_some() || other.abandoned.is_some();
    if let (Some(first), Some(second)) = (&one.trace, &other.trace)
        && let Some((place, pair)) = first_difference(before_the_end(one, first), before_the_end(other, second))
        && !(is_cut && pair.contains(&None))
    {
        let row = |trace: &Trace, line: Option<&Line>| {
            line.map_or_else(|| "(the trace ends here)".to_owned(), |line| trace.row(line).to_string())
        };
        let earliest = pair.iter().flatten().min_by_key(|line| line.event);
        let event = earliest.map_or(0, |line| line.event);
        let node = earliest.and_then(|line| line.node).map(|node| format!(" on {node}")).unwrap_or_default();
        return Some(format!(
            "two runs differ first in event e{event}{node}, line {} of the trace\n  {}\n  {}",
            count(place as u64 + 1),
            row(first, pair[0]),
            row(second, pair[1])
        ));
    }
    if is_cut {
        return None;
    }
    let strip = |run: &Run| {
        let mut record = RunRecord { wall_ns: 0, ..run.record.clone() };
        match &mut record.verdict {
            Verdict::Violation { why, .. } | Verdict::Inconclusive { why } | Verdict::Error { why } => {
                *why = without_last_words(why).to_owned();
            }
            Verdict::Pass => {}
        }
        record
    };
    let (one, other) = (strip(one), strip(other));
    (one != other).then(|| {
        let (first, second) = (&one.digest, &other.digest);
        format!("two runs came to different results; their digests are {first} and {second}")
    })
}

/// The lines of a trace, without those of the event with which the run was given up, if it was.
fn before_the_end<'a>(run: &Run, trace: &'a Trace) -> &'a [Line] {
    let lines = trace.lines();
    match (run.abandoned, lines.last()) {
        (Some(_), Some(last)) => &lines[..lines.partition_point(|line| line.event < last.event)],
        (Some(_), None) | (None, _) => lines,
    }
}

/// Where two traces first differ, and the lines there; one of them may have none.
fn first_difference<'a>(one: &'a [Line], other: &'a [Line]) -> Option<(usize, [Option<&'a Line>; 2])> {
    let alike = one.iter().zip(other).take_while(|(one, other)| one == other).count();
    let pair = [one.get(alike), other.get(alike)];
    (pair != [None, None]).then_some((alike, pair))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog;
    use whitewater_sim::NodeId;
    use whitewater_sim::trace::{Mark, What};

    fn line(event: u64, text: &str) -> Line {
        Line { event, at: Instant(event), node: None, what: What::Note(Mark::Fault), text: text.to_owned() }
    }

    #[test]
    fn the_first_line_that_differs_is_found() {
        let one = [line(1, "a"), line(2, "b"), line(3, "c")];
        let other = [line(1, "a"), line(2, "x"), line(3, "y")];
        assert_eq!(first_difference(&one, &other), Some((1, [Some(&one[1]), Some(&other[1])])));
        assert_eq!(first_difference(&one, &one[..2]), Some((2, [Some(&one[2]), None])));
        assert_eq!(first_difference(&one, &one), None);
    }

    #[test]
    fn a_run_that_differs_is_told_from_itself() {
        let calm = catalog::find("calm").expect("it is in the catalog");
        let make = |seed| crate::campaign::make(&calm, seed, Recording::On).map_err(|record| *record).expect("a run");
        assert_eq!(difference(&make(1), &make(1)), None);
        let text = difference(&make(1), &make(2)).expect("two seeds differ");
        assert!(text.starts_with("two runs differ first in event e"), "{text}");
        let given_up = Run { abandoned: Some(NodeId(0)), ..make(1) };
        assert_eq!(difference(&given_up, &make(1)), None);
        assert!(difference(&given_up, &make(2)).is_some(), "what came before is compared");
        let mut other = make(1);
        (other.trace, other.record.digest) = (None, "0".to_owned());
        assert!(difference(&make(1), &other).is_some_and(|text| text.contains("digests are")));
    }
}
