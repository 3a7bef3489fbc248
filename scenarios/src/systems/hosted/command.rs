//! A command line for a system of one's own: the catalog, or some of it, with seeds, summed up as `whitewater run` does.
//!
//! What it simplifies: nothing is shrunk and nothing written to files; a trace goes to the standard output.

use std::process::ExitCode;

use clap::{Args, Parser};
use whitewater_reports::human::{self, Details};
use whitewater_reports::words::printable;
use whitewater_sim::trace::Trace;
use whitewater_sim::{Check, Recording};

use crate::campaign::{Request, Search, Seeds, Selected, conduct_on, make_on};
use crate::run::Options;
use crate::scenario::Scenario;
use crate::search::lineage::Lineage;
use crate::system::System;
use crate::{catalog, exit, host};

/// Runs the catalog against a system.
#[derive(Debug, Parser)]
#[command(after_help = exit::HELP)]
struct Arguments<A: Args> {
    /// Scenarios of the catalog; all of them if none is named
    scenarios: Vec<String>,
    /// Seeds: 7, or 0..200
    #[arg(long, value_name = "A..B", default_value = "0..200")]
    seeds: Seeds,
    /// How many runs are made at the same time
    #[arg(long, value_name = "N", default_value_t = host::parallelism())]
    jobs: u32,
    /// Leaves a check out, by its identifier; may be given several times
    #[arg(long, value_name = "CHECK", value_parser = check)]
    without: Vec<Check>,
    /// Prints everything that happens in the run of the first scenario and seed
    #[arg(long)]
    trace: bool,
    #[command(flatten)]
    system: A,
}

/// Reads the command line of this process, `A` for what is special to the system, and does what it says. The exit code says
/// what came of it ([`crate::exit`]).
#[must_use]
pub fn command<A: Args, S: System + Send + Sync + 'static>(system: impl FnOnce(&A) -> S) -> ExitCode {
    let arguments = Arguments::<A>::parse();
    host::keep_panics();
    let system = system(&arguments.system);
    let done = selected(&arguments, &system).and_then(|scenarios| {
        if arguments.trace { trace(&system, &scenarios[0], &arguments) } else { run(system, scenarios, &arguments) }
    });
    ExitCode::from(done.unwrap_or_else(|(why, code)| {
        host::tell(&format!("error: {why}"));
        code
    }))
}

/// What went wrong, and the exit code for that.
type Failure = (String, u8);

/// The scenarios that are asked for and can be run.
fn selected<A: Args>(arguments: &Arguments<A>, system: &impl System) -> Result<Vec<Scenario>, Failure> {
    let find = |name: &String| {
        let unknown = || format!("`{}` is not in the catalog; `whitewater list` shows what is", printable(name));
        catalog::find(name).ok_or_else(|| (unknown(), exit::USAGE))
    };
    let wanted: Vec<Scenario> = match &arguments.scenarios[..] {
        [] => catalog::all(),
        names => names.iter().map(find).collect::<Result<_, _>>()?,
    };
    let mut scenarios = Vec::new();
    for scenario in wanted {
        match system.refusal(&scenario) {
            Some(why) => host::tell(&format!("{}: passed over: {why}", scenario.name)),
            None => {
                let kept = Check::ALL.into_iter().filter(|check| scenario.checks.contains(*check));
                let checks = kept.filter(|check| !arguments.without.contains(check)).collect();
                scenarios.push(Scenario { checks, ..scenario });
            }
        }
    }
    if scenarios.is_empty() { Err(("nothing is left to run".to_owned(), exit::NOTHING)) } else { Ok(scenarios) }
}

fn check(id: &str) -> Result<Check, String> {
    let found = Check::ALL.into_iter().find(|check| check.id() == id);
    found.ok_or_else(|| "no check is called that: write identifiers like I12".to_owned())
}

fn trace<A: Args>(system: &impl System, scenario: &Scenario, arguments: &Arguments<A>) -> Result<u8, Failure> {
    let lineage = Lineage::of(arguments.seeds.first());
    let options = Options { recording: Recording::On, ..Options::default() };
    let (record, trace) = match make_on(system, scenario, &lineage, &options) {
        Ok(run) => (run.record, run.trace),
        Err(record) => (*record, None),
    };
    let mut text = String::new();
    if let Some(trace) = trace {
        text = format!("{}\n{}\n", Trace::legend(), trace.heading());
        trace.lines().iter().for_each(|line| text.push_str(&format!("{}\n", trace.row(line))));
    }
    let title = record.verdict.title();
    print(&format!("{text}{title}\n{}", human::explanation(&record)))?;
    Ok(exit::code(record.verdict.outcome()))
}

fn run<S: System + Send + Sync + 'static, A: Args>(
    system: S,
    scenarios: Vec<Scenario>,
    arguments: &Arguments<A>,
) -> Result<u8, Failure> {
    let select = |scenario: Scenario| Selected { argument: scenario.name.clone(), scenario };
    let request = Request {
        scenarios: scenarios.into_iter().map(select).collect(),
        seeds: arguments.seeds,
        jobs: arguments.jobs.max(1),
        search: Search::Seeds,
        bug: None,
        time_limit_ns: None,
    };
    let campaign = conduct_on(system, &request, |_| {});
    let width = host::stdout_width().unwrap_or(human::WIDTH_MAX);
    let details = Details { program: Some(&host::program()), ..Details::default() };
    print(&human::summary(&campaign, width, details))?;
    Ok(exit::code(campaign.outcome()))
}

fn print(text: &str) -> Result<(), Failure> {
    host::write_stdout(|out| out.write_all(text.as_bytes())).map_err(|error| (error.to_string(), exit::INTERNAL))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;
    use crate::systems::raft_kv::RaftKv;

    /// A system without options of its own.
    #[derive(Debug, Args)]
    struct Nothing {}

    fn chosen(words: &[&str]) -> Result<Vec<Scenario>, Failure> {
        let arguments =
            Arguments::<Nothing>::try_parse_from([&["mine"], words].concat()).expect("they are well formed");
        selected(&arguments, &RaftKv)
    }

    #[test]
    fn scenarios_are_chosen_by_name_and_checks_are_left_out() {
        Arguments::<Nothing>::command().debug_assert();
        let scenarios = chosen(&["storm", "calm", "--without", "I12"]).expect("both are in the catalog");
        assert_eq!(scenarios.iter().map(|scenario| &*scenario.name).collect::<Vec<_>>(), ["storm", "calm"]);
        for scenario in &scenarios {
            assert!(!scenario.checks.contains(Check::Progress) && scenario.checks.contains(Check::ElectionSafety));
        }
        assert_eq!(chosen(&[]).map(|all| all.len()), Ok(catalog::all().len()));
    }

    #[test]
    fn wrong_words_are_said_to_be_wrong() {
        let (why, code) = chosen(&["nosuch"]).expect_err("there is none");
        assert!(why.contains("`nosuch` is not in the catalog") && code == exit::USAGE, "{why}");
        assert!(Arguments::<Nothing>::try_parse_from(["mine", "--without", "I99"]).is_err());
    }
}
