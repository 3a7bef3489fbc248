//! The `raft` crate (tikv's, version 0.7) as a system under test: the store of Whitewater on another Raft, in the same
//! scenarios, under the same checks.
//!
//! ```text
//! cargo run --release --manifest-path scenarios/examples/tikv/Cargo.toml -- --seeds 0..200
//! cargo run --release --manifest-path scenarios/examples/tikv/Cargo.toml -- storm --seeds 7 --trace
//! cargo run --release --manifest-path scenarios/examples/tikv/Cargo.toml -- --mistake sends-before-sync
//! ```
//!
//! Without a scenario, the whole catalog is run; scenarios that need an operator are passed over with a message. The exit
//! code is 0 if all runs pass, 1 if a check fails, 3 if a run is inconclusive.
//!
//! | what | file |
//! |---|---|
//! | the server: the crate, the state machine and the disk, joined | `server` |
//! | the log as the crate reads it | `log` |
//! | messages, and what they promise | `letter` |
//! | settings, and mistakes that can be switched on | `settings` |
//!
//! # What it finds
//!
//! - **I12 Progress**, in half of the runs of `lossy` (seed 0) and a third of those of `storm` (seed 3): a leader of the
//!   crate lets the next index of a follower fall to its match index, when a rejection arrives late while it probes
//!   (`Progress::maybe_decr_to` bounds it from below by 1, not by the match index). It sends entries again that the
//!   follower has; nothing is lost by it. The crate's maintainers agree that it is a bug (tikv/raft-rs issue 555, from
//!   etcd-io/raft issue 148); version 0.7.0 has it. `--without I12` goes on past it.
//! - Nothing else, in 9,900 runs: seeds 0..300 of 33 scenarios.
//!
//! On the way there the checks found what the adapter did wrong, or has to make up for:
//!
//! - `advance_apply` after a snapshot that is not durable yet: a panic of the crate (`snapshot-loss`).
//! - A snapshot that was never reported as applied: a panic of the crate at the next election (`laggard`).
//! - A server that votes alone leads, and appends, before its vote is durable (I4, `single`). Nobody hears of it, but a
//!   term may come twice; the adapter waits.
//!
//! # Mistakes
//!
//! Each is one that the crate's documentation warns of, or leaves to its user, and can be switched on by `--mistake`.
//!
//! | mistake | caught by |
//! |---|---|
//! | `sends-before-sync`, `never-waits` | I14 in the first election of every run |
//! | `sends-with-empty-ready` | I10 or I14 within the first entries of every run |
//! | `forgets-votes` | I2, in one run of `storm` of six |
//! | `local-reads`, `reads-too-early` | I19, in nearly every run that reads past the log |
//! | `lease-reads` | I19: every run of `skewed-clocks`, half of `storm` |
//! | `silent-snapshots` | I24, in three runs of `snapshot-loss` of four |
//! | `namesake-reads` | nothing so far |

mod letter;
mod log;
mod server;
mod settings;

use std::collections::BTreeMap;
use std::process::ExitCode;

use clap::Parser;
use whitewater_reports::model::Verdict;
use whitewater_scenarios::campaign::{Request, Search, Seeds, Selected, conduct_on, make_on};
use whitewater_scenarios::run::Options;
use whitewater_scenarios::scenario::Scenario;
use whitewater_scenarios::search::lineage::Lineage;
use whitewater_scenarios::system::System;
use whitewater_scenarios::{catalog, host};
use whitewater_sim::trace::Trace;
use whitewater_sim::{Check, Recording};

use settings::{Mistake, RaftCrate};

/// Runs the catalog against the `raft` crate.
#[derive(Debug, Parser)]
struct Arguments {
    /// Scenarios of the catalog; all of them if none is named.
    scenarios: Vec<String>,
    /// Seeds: 7, or 0..200.
    #[arg(long, default_value = "0..200")]
    seeds: Seeds,
    /// How many runs are made at the same time.
    #[arg(long, default_value_t = host::parallelism())]
    jobs: u32,
    /// Leaves these checks out, by their identifiers.
    #[arg(long, value_parser = check)]
    without: Vec<Check>,
    /// Hosts the crate wrongly.
    #[arg(long, value_enum)]
    mistake: Option<Mistake>,
    /// Prints everything that happens, in the run of the first seed.
    #[arg(long)]
    trace: bool,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    host::keep_panics();
    let system = RaftCrate { mistake: arguments.mistake };
    match selected(&arguments, &system) {
        Ok(scenarios) if arguments.trace => trace(&system, &scenarios[0], &arguments),
        Ok(scenarios) => run(system, &scenarios, &arguments),
        Err(why) => {
            eprintln!("{why}");
            ExitCode::from(if why.contains("is not in the catalog") { 2 } else { 4 })
        }
    }
}

/// The scenarios that are asked for and can be run.
fn selected(arguments: &Arguments, system: &RaftCrate) -> Result<Vec<Scenario>, String> {
    let find = |name: &String| catalog::find(name).ok_or_else(|| format!("`{name}` is not in the catalog"));
    let wanted: Vec<Scenario> = match &arguments.scenarios[..] {
        [] => catalog::all(),
        names => names.iter().map(find).collect::<Result<_, _>>()?,
    };
    let mut scenarios = Vec::new();
    for scenario in wanted {
        match system.refusal(&scenario) {
            Some(why) => eprintln!("{}: passed over: {why}", scenario.name),
            None => {
                let kept = Check::ALL.into_iter().filter(|check| scenario.checks.contains(*check));
                let checks = kept.filter(|check| !arguments.without.contains(check)).collect();
                scenarios.push(Scenario { checks, ..scenario });
            }
        }
    }
    if scenarios.is_empty() { Err("nothing is left to run".to_owned()) } else { Ok(scenarios) }
}

fn check(id: &str) -> Result<Check, String> {
    let found = Check::ALL.into_iter().find(|check| check.id() == id);
    found.ok_or_else(|| "no check is called that: write identifiers like I12".to_owned())
}

fn trace(system: &RaftCrate, scenario: &Scenario, arguments: &Arguments) -> ExitCode {
    let seed = arguments.seeds.at(0).expect("there is always a seed");
    let options = Options { recording: Recording::On, ..Options::default() };
    match make_on(system, scenario, &Lineage::of(seed), &options) {
        Ok(run) => {
            let trace = run.trace.expect("a trace was recorded");
            println!("{}\n{}", Trace::legend(), trace.heading());
            trace.lines().iter().for_each(|line| println!("{}", trace.row(line)));
            println!("{}", line(&run.record.verdict));
            ExitCode::SUCCESS
        }
        Err(record) => {
            eprintln!("{}", line(&record.verdict));
            ExitCode::from(70)
        }
    }
}

fn line(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Pass => "pass".to_owned(),
        Verdict::Violation { check, name, event, why, .. } => format!("violation of {check} {name} at e{event}: {why}"),
        Verdict::Inconclusive { why } => format!("inconclusive: {why}"),
        Verdict::Error { why } => format!("error: {why}"),
    }
}

/// Runs the scenarios, and prints for each how many runs passed and the first seed of each failure.
fn run(system: RaftCrate, scenarios: &[Scenario], arguments: &Arguments) -> ExitCode {
    let scenarios =
        scenarios.iter().map(|scenario| Selected { scenario: scenario.clone(), argument: scenario.name.clone() });
    let (seeds, jobs) = (arguments.seeds, arguments.jobs);
    let request =
        Request { scenarios: scenarios.collect(), seeds, jobs, search: Search::Seeds, bug: None, time_limit_ns: None };
    let campaign = conduct_on(system, &request, |_| {});
    let mut code = 0;
    for scenario in &campaign.scenarios {
        let runs: Vec<_> = campaign.runs.iter().filter(|run| run.scenario == scenario.name).collect();
        let passed = runs.iter().filter(|run| run.verdict == Verdict::Pass).count();
        let sum = |of: fn(&whitewater_reports::model::RunRecord) -> u64| runs.iter().map(|run| of(run)).sum::<u64>();
        let (events, operations, terms) = (sum(|run| run.events), sum(|run| run.returned), sum(|run| run.terms_led));
        let count = runs.len();
        println!(
            "{:<22} {passed:>6} of {count:>6} pass  {events:>10} events {operations:>8} answers {terms:>6} leaders",
            scenario.name
        );
        let mut failures: BTreeMap<String, (u64, u64, String)> = BTreeMap::new();
        for run in runs.iter().filter(|run| run.verdict != Verdict::Pass) {
            let check = match &run.verdict {
                Verdict::Violation { check, name, .. } => format!("{check} {name}"),
                Verdict::Pass | Verdict::Inconclusive { .. } | Verdict::Error { .. } => run.verdict.title().to_owned(),
            };
            failures.entry(check).or_insert((0, run.seed, line(&run.verdict))).0 += 1;
            code = if matches!(run.verdict, Verdict::Violation { .. }) { 1 } else { code.max(3) };
        }
        for (check, (count, seed, line)) in failures {
            println!("    {check}: {count}, first with seed {seed}: {}", line.lines().next().unwrap_or_default());
        }
    }
    println!("{} runs in {} s", campaign.runs.len(), campaign.wall_ns / 1_000_000_000);
    ExitCode::from(code)
}
