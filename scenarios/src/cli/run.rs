//! `whitewater run`: a campaign of many seeds, and its summary.

use std::path::{Path, PathBuf};

use crate::bugs::canary;
use crate::campaign::{self, Request, Search, Seeds, Selected};
use crate::search::lineage::Lineage;
use crate::{catalog, host, target};
use clap::{Args, ValueEnum};
use whitewater_reports::human::{Detail, Details};
use whitewater_reports::model::{Campaign, Ending};
use whitewater_reports::words::{counted, span};
use whitewater_reports::{human, json, tally};

use super::artifacts::{self, Directory};
use super::progress::Display;
use super::{Failure, bugs, exit, node, print, select, shrink, spans};

/// The time limit of a campaign for which neither seeds nor time were given.
const TIME_LIMIT_NS: u64 = 10_000_000_000;

/// Run scenarios with many seeds and report what came of them
///
/// Without scenarios the whole catalog is run. Without seeds they count up from 0 until the time limit, which is 10s then
/// if none is given. Scenarios take turns, so that a time limit cuts all of them evenly.
///
/// The exit code is that of the worst run: a violation (1), else an error (70), else an inconclusive run (3).
#[derive(Args)]
#[command(after_help = after_help())]
pub(crate) struct Arguments {
    /// Names of scenarios of the catalog, or paths of scenario files; without any, all of the catalog that the nodes can be
    /// run with
    #[arg(value_name = "SCENARIO|FILE")]
    scenarios: Vec<String>,
    /// The seeds, without B as in Rust; A..=B is with B
    #[arg(long, value_name = "A..B", conflicts_with = "seed")]
    seeds: Option<Seeds>,
    /// One seed
    #[arg(long, value_name = "N", allow_negative_numbers = true, value_parser = campaign::seed)]
    seed: Option<u64>,
    /// How many runs are made at the same time; as many as there are processors if not given
    #[arg(long, short, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1024))]
    jobs: Option<u32>,
    /// No run begins after this much time on the wall clock, as in 30s or 5m
    #[arg(long, value_name = "D", value_parser = spans::nanoseconds)]
    time_limit: Option<u64>,
    /// Write campaign.json, report.html, and traces and histories of failures, into this directory
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Give most runs to the scenarios that show most that is new, learn which faults make runs meet many situations, of
    /// sixteen fresh seeds run the one first that promises most, and depart from seeds that met many; as many runs as without
    #[arg(long)]
    guide: bool,
    /// Shrink the first run of each kind of failure, and write it down as `whitewater shrink` does: into the directory of
    /// --out, or else here
    #[arg(long)]
    shrink: bool,
    /// Show how many runs hit each probe, and where it was hit first
    #[arg(long)]
    probes: bool,
    /// Break this rule on purpose in every run; `whitewater bugs` lists them. Needs a build with --features bugs
    #[arg(long, value_name = "NAME")]
    bug: Option<String>,
    /// First make sure that the scenarios notice a known bug, this one or one that any scenario notices; if they do
    /// not, the campaign is inconclusive. Needs a build with --features bugs
    #[arg(long, value_name = "NAME", num_args = 0..=1, require_equals = true, default_missing_value = canary::DEFAULT)]
    canary: Option<String>,
    /// Show what each fault did: in how many runs it was configured, struck, and had an effect
    #[arg(long)]
    faults: bool,
    #[command(flatten)]
    node: node::Arguments,
    /// What is printed
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// A summary for people
    Human,
    /// The whole campaign as JSON
    Json,
}

fn after_help() -> String {
    format!(
        "Examples:\n  \
         whitewater run\n  \
         whitewater run storm split --seeds 0..1000\n  \
         whitewater run ./mine.toml --time-limit 5m --out results\n  \
         whitewater run calm --seed 7 --format json\n\n{}",
        exit::HELP
    )
}

/// Runs a campaign.
pub(crate) fn main(arguments: Arguments, target: &target::Shared) -> Result<u8, Failure> {
    let target = &arguments.node.target(target)?;
    let request = request(&arguments, target)?;
    let canary = arguments.canary.as_deref().map(bugs::switchable).transpose()?;
    let directory = arguments.out.clone().map(Directory::prepare).transpose()?;
    host::keep_interrupts()?;
    host::tell(&announcement(&request));
    let canary = canary.and_then(|bug| canary::search(&request, bug));
    let mut display = Display::new(&request);
    let mut campaign = target.conduct(&request, &mut |progress| display.show(progress));
    display.finish();
    campaign.canary = canary;
    campaign.parts.iter_mut().for_each(|part| part.command = host::command_line());
    match arguments.format {
        Format::Human => {
            let width = host::stdout_width().unwrap_or(human::WIDTH_MAX);
            let detail = |is_asked| if is_asked { Detail::Table } else { Detail::Line };
            let (probes, faults) = (detail(arguments.probes), detail(arguments.faults));
            let details = Details { probes, faults, program: None };
            print(&human::summary(&campaign, width, details))?;
        }
        Format::Json => print(&json::write(&campaign))?,
    }
    let written = match &directory {
        Some(directory) => directory.write(&**target, &request, &campaign)?,
        None => artifacts::Written::Alike,
    };
    if arguments.shrink {
        shrink_failures(target, &request, &campaign, arguments.out.as_deref().unwrap_or(Path::new("")))?;
    }
    Ok(code(&campaign, &written))
}

/// How many kinds of failures are shrunk.
const SHRUNK_MAX: usize = 5;

fn shrink_failures(
    target: &target::Shared,
    request: &Request,
    campaign: &Campaign,
    directory: &Path,
) -> Result<(), Failure> {
    for group in tally::failures(campaign).iter().take(SHRUNK_MAX) {
        let Some(first) = group.runs.first() else { continue };
        let named = |selected: &&Selected| selected.scenario.name == first.scenario;
        let selected = request.scenarios.iter().find(named).expect("what was run was asked for");
        let lineage: Lineage = format!("{}{}", first.seed, first.departures).parse().map_err(Failure::usage)?;
        let out = directory.join(shrink::file_name(&first.scenario, &lineage));
        match shrink::shrunk(target, selected, &lineage, request.bug, shrink::TIME_LIMIT_NS, &out) {
            Ok(text) => host::tell(text.trim_end()),
            Err(failure) => host::tell(&failure.message),
        }
        if host::is_interrupted() {
            break;
        }
    }
    Ok(())
}

fn request(arguments: &Arguments, target: &target::Shared) -> Result<Request, Failure> {
    let scenarios: Vec<Selected> = if arguments.scenarios.is_empty() {
        let all = catalog::all().into_iter().filter(|scenario| target.refusal(scenario).is_none());
        all.map(|scenario| Selected { argument: scenario.name.clone(), scenario }).collect()
    } else {
        select::scenarios(&arguments.scenarios)?
    };
    let seeds = arguments.seeds.or(arguments.seed.map(Seeds::one));
    let time_limit_ns = arguments.time_limit.or(if seeds.is_none() { Some(TIME_LIMIT_NS) } else { None });
    let jobs = arguments.jobs.unwrap_or_else(host::parallelism);
    let bug = arguments.bug.as_deref().map(bugs::switchable).transpose()?;
    let search = if arguments.guide { Search::Guided } else { Search::Seeds };
    Ok(Request { scenarios, seeds: seeds.unwrap_or(Seeds::ALL), jobs, search, bug, time_limit_ns })
}

/// How many scenarios are named before a campaign.
const NAMES_MAX: usize = 4;

/// What is about to be done.
fn announcement(request: &Request) -> String {
    let names: Vec<&str> = request.scenarios.iter().map(|selected| selected.scenario.name.as_str()).collect();
    let scenarios = if names.len() > NAMES_MAX { format!("{} scenarios", names.len()) } else { names.join(", ") };
    let seeds = match request.seeds {
        Seeds::ALL => "seeds from 0 on".to_owned(),
        seeds if seeds.count() == 1 => format!("seed {seeds}"),
        seeds => format!("seeds {seeds}"),
    };
    let limit = request.time_limit_ns.map(|limit_ns| format!(", for at most {}", span(limit_ns))).unwrap_or_default();
    let jobs = counted(u64::from(request.jobs), "run");
    format!("running {scenarios}: {seeds}{limit}, {jobs} at a time")
}

fn code(campaign: &Campaign, written: &artifacts::Written) -> u8 {
    match (campaign.ending, written) {
        (Ending::Interrupted, _) => {
            host::tell("interrupted: the summary is of the runs that had finished");
            exit::INTERRUPTED
        }
        (Ending::Complete | Ending::TimeLimit, artifacts::Written::Different) => exit::NOT_DETERMINISTIC,
        (Ending::Complete | Ending::TimeLimit, artifacts::Written::Alike) => exit::code(campaign.outcome()),
    }
}
