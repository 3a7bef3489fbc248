//! `whitewater bugs`: the rules that can be broken on purpose, and how soon the checks notice.

use crate::bugs::measure::{self, Progress, RANGES, Request, SEEDS_MAX};
use crate::bugs::{self, ARE_COMPILED, Bug, Kind, Place};
use crate::campaign::{Search, Selected};
use crate::scenario::Scenario;
use crate::{catalog, host};
use clap::{Args, Subcommand, ValueEnum};
use whitewater_reports::bench::{self, Declared, Standing};
use whitewater_reports::human;
use whitewater_reports::model::Ending;
use whitewater_reports::words::{count, counted, printable, span};
use whitewater_sim::Check;

use super::progress::{self, Bar};
use super::{Failure, exit, print, select};
use crate::mistake::alike;

/// What to build for bugs to be switched on.
const HOW_TO_BUILD: &str = "build it with --features bugs, as in: cargo run --release --features bugs -- bugs run";

/// Scenarios in which everything goes wrong at random, beside those that draw for themselves what does.
const RANDOM: [&str; 2] = ["storm", "deluge"];

/// List the rules that can be broken on purpose, explain one, or measure how soon each is noticed
///
/// Each bug breaks one rule of Raft or of the store, in one line of the code; controls break none, and no check may flag
/// them. Sections are those of Ongaro's dissertation.
#[derive(Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "Examples:
  whitewater bugs
  whitewater bugs acknowledged-before-durable
  whitewater bugs run --seeds 3000 --in random
  whitewater replay storm --seed 3 --bug acknowledged-before-durable"
)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    /// Name or number of a bug to explain
    name: Option<String>,
    /// Print the list as JSON
    #[arg(long, conflicts_with = "name")]
    json: bool,
}

#[derive(Subcommand)]
enum Command {
    Run(RunArguments),
}

/// Measure which bugs are caught, by which check, where, and after how many seeds
///
/// Each bug is looked for in five disjoint ranges of seeds, and in each the search stops at the first run that fails. The
/// scenarios take turns; every run has a seed of its own. A failure counts only if the run fails in the same way when it
/// is made again, and passes without the bug. The exit code is 1 if a bug was not caught or a control was flagged.
#[derive(Args)]
#[command(after_help = run_after_help())]
struct RunArguments {
    /// Names or numbers of bugs and controls; all of them if none is given
    names: Vec<String>,
    /// The scenarios: `random` (those in which everything goes wrong at random), `all` (the catalog), or names and paths,
    /// separated by commas
    #[arg(long = "in", value_name = "random|all|SCENARIO,...", default_value = "random", value_delimiter = ',')]
    scenarios: Vec<String>,
    /// How many seeds each of the five ranges has
    #[arg(long, value_name = "N", default_value_t = 600, value_parser = clap::value_parser!(u64).range(1..=SEEDS_MAX))]
    seeds: u64,
    /// Give most runs to the scenarios that show most that is new, learn which faults make runs meet many situations, of
    /// sixteen fresh seeds run the one first that promises most, and depart from seeds that met many; as many runs as without
    #[arg(long)]
    guide: bool,
    /// How many runs are made at the same time; as many as there are processors if not given
    #[arg(long, short, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1024))]
    jobs: Option<u32>,
    /// What is printed
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// A table for people
    Table,
    /// Everything that was measured, as JSON
    Json,
}

fn run_after_help() -> String {
    format!(
        "Examples:\n  \
         whitewater bugs run\n  \
         whitewater bugs run two-votes 63 --seeds 10000\n  \
         whitewater bugs run --in all --format json > bugs.json\n  \
         whitewater bugs run --in storm,./mine.toml\n\n{}",
        exit::HELP
    )
}

/// Lists, explains or measures.
pub(crate) fn main(arguments: &Arguments) -> Result<u8, Failure> {
    match (&arguments.command, &arguments.name) {
        (Some(Command::Run(run)), _) => measure(run),
        (None, Some(name)) => explain(&named(name)?),
        (None, None) => list(arguments),
    }
}

/// The bug of this name, in a build that can switch it on.
pub(crate) fn switchable(name: &str) -> Result<Bug, Failure> {
    let bug = named(name)?;
    compiled()?;
    Ok(bug)
}

/// Refuses a build that cannot switch bugs on.
pub(crate) fn compiled() -> Result<(), Failure> {
    if ARE_COMPILED {
        return Ok(());
    }
    Err(Failure::usage(format!("this build has no bugs to switch on: {HOW_TO_BUILD}")))
}

fn named(name: &str) -> Result<Bug, Failure> {
    bugs::find(name).ok_or_else(|| {
        let all = bugs::all();
        let suggestion = alike(name, all.iter().map(|bug| bug.name));
        Failure::usage(format!("there is no bug `{}`{suggestion}\n`whitewater bugs` lists them", printable(name)))
    })
}

fn list(arguments: &Arguments) -> Result<u8, Failure> {
    let all: Vec<Declared> = bugs::all().iter().map(declared).collect();
    if arguments.json {
        print(&bench::write_list(&all))?;
    } else {
        print(&bench::list(&all, host::stdout_width().unwrap_or(human::WIDTH_MAX)))?;
    }
    Ok(exit::PASS)
}

fn declared(bug: &Bug) -> Declared {
    Declared {
        number: bug.number,
        name: bug.name.to_owned(),
        section: bug.section.to_owned(),
        protects: bug.protects.to_owned(),
        expected: bug.detectors().map(str::to_owned).collect(),
    }
}

fn explain(bug: &Bug) -> Result<u8, Failure> {
    let Bug { number, name, section, protects, place, .. } = bug;
    let place = match place {
        Place::Raft => "the protocol",
        Place::Store => "the store",
    };
    let (kind, protects) = match bug.kind() {
        Kind::Bug => ("bug", format!("What the line protects that it breaks:\n  {protects}\n")),
        Kind::Control => ("control", format!("It breaks no rule:\n  {protects}\n")),
    };
    let checks = Check::ALL.iter().filter(|check| bug.expects(check.id()));
    let checks: String = checks.map(|check| format!("  {check}: {}\n", check.demand())).collect();
    let expected =
        if checks.is_empty() { "No check may notice.\n".to_owned() } else { format!("Expected to notice:\n{checks}") };
    let build = if ARE_COMPILED { String::new() } else { format!("\nTo switch it on, {HOW_TO_BUILD}\n") };
    print(&format!(
        "{name}: {kind} {number} of the bench, section {section}, in {place}\n\n{protects}\n{expected}{build}\n\
         whitewater bugs run {name}\n"
    ))?;
    Ok(exit::PASS)
}

fn measure(arguments: &RunArguments) -> Result<u8, Failure> {
    let mut bugs: Vec<Bug> = arguments.names.iter().map(|name| switchable(name)).collect::<Result<_, _>>()?;
    if bugs.is_empty() {
        bugs = bugs::all();
    }
    compiled()?;
    bugs.sort_unstable_by_key(|bug| bug.number);
    bugs.dedup();
    let request = Request {
        bugs,
        scenarios: scenarios(&arguments.scenarios)?,
        seeds: arguments.seeds,
        search: if arguments.guide { Search::Guided } else { Search::Seeds },
        jobs: arguments.jobs.unwrap_or_else(host::parallelism),
    };
    host::keep_interrupts()?;
    host::tell(&announcement(&request));
    let mut bar = Bar::new();
    let bench = measure::measure(&request, |done| {
        bar.show(progress::share(done.ranges, u128::from(request.ranges())), || line(done, &request), done.elapsed_ns);
    });
    bar.finish();
    match arguments.format {
        Format::Table => print(&bench::summary(&bench, host::stdout_width().unwrap_or(human::WIDTH_MAX)))?,
        Format::Json => print(&bench::write(&bench))?,
    }
    Ok(match (bench.ending, bench.standing()) {
        (Ending::Interrupted, _) => exit::INTERRUPTED,
        (Ending::Complete | Ending::TimeLimit, standing) => code(standing),
    })
}

fn code(standing: Standing) -> u8 {
    match standing {
        Standing::Fine => exit::PASS,
        Standing::Unknown => exit::NOTHING,
        Standing::Escaped | Standing::Flagged | Standing::Broken => exit::VIOLATION,
        Standing::NotDeterministic => exit::NOT_DETERMINISTIC,
    }
}

/// The scenarios that `--in` names, each once.
fn scenarios(named: &[String]) -> Result<Vec<Selected>, Failure> {
    let mut names: Vec<String> = Vec::new();
    for name in named {
        let of_catalog = catalog::all().into_iter();
        match name.as_str() {
            "all" => names.extend(of_catalog.map(|scenario| scenario.name)),
            "random" => {
                let is_random =
                    |scenario: &Scenario| scenario.swarm.is_some() || RANDOM.contains(&scenario.name.as_str());
                names.extend(of_catalog.filter(is_random).map(|scenario| scenario.name));
            }
            _ => names.push(name.clone()),
        }
    }
    select::scenarios(&names)
}

fn announcement(request: &Request) -> String {
    format!(
        "measuring {}: {RANGES} ranges of {} each, {}, {} at a time",
        counted(request.bugs.len() as u64, "bug"),
        counted(request.seeds, "seed"),
        counted(request.scenarios.len() as u64, "scenario"),
        counted(u64::from(request.jobs), "run")
    )
}

fn line(progress: &Progress, request: &Request) -> String {
    let Progress { ranges, caught, runs, elapsed_ns } = progress;
    format!(
        "{} of {} ranges, {} with a catch, {} runs, {}",
        count(*ranges),
        count(request.ranges()),
        count(*caught),
        count(*runs),
        span(*elapsed_ns)
    )
}
