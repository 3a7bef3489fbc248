//! The command line: one file for each subcommand, and here what they share.
//!
//! Data goes to the standard output, progress and errors to the standard error. Whatever was wrong is said in one
//! message that begins with `error:`.

mod artifacts;
mod bugs;
mod catalog;
mod check;
mod exports;
mod grade;
mod latency;
mod manual;
mod new;
mod node;
mod pack;
mod probes;
mod progress;
mod replay;
mod report;
mod run;
mod select;
mod shrink;
mod soak;
mod spans;
mod which;

use std::process::ExitCode;
use std::sync::Arc;

use clap::{CommandFactory, Parser, Subcommand};

use crate::contained;
use crate::exit;
use crate::host::{self, HostError};
use crate::target::{self, Target};

/// Where rafts get tested: deterministic simulation of Raft under chaos, with a linearizability check.
///
/// A scenario says what goes wrong; a seed decides everything that is left open. Scenario and seed together always give
/// the same run, in every process and on every machine.
#[derive(Parser)]
#[command(name = "whitewater", version = crate::bugs::VERSION, after_help = overview(), max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Run(run::Arguments),
    Replay(replay::Arguments),
    Shrink(shrink::Arguments),
    Check(check::Arguments),
    Report(report::Arguments),
    Grade(grade::Arguments),
    Pack(pack::Arguments),
    List(catalog::ListArguments),
    Describe(catalog::DescribeArguments),
    New(new::Arguments),
    Probes(probes::Arguments),
    Bugs(bugs::Arguments),
    Latency(latency::Arguments),
    Soak(soak::Arguments),
    Completions(manual::CompletionsArguments),
    Man(manual::ManArguments),
}

fn overview() -> String {
    format!(
        "Examples:\n  \
         whitewater                                  this help\n  \
         whitewater run                              the whole catalog, for ten seconds\n  \
         whitewater run storm --seeds 0..1000        a thousand storms\n  \
         whitewater replay storm --seed 17           one of them again, closely\n  \
         whitewater shrink storm --seed 17           as small as it gets, if it fails\n  \
         whitewater check history.txt                is this history linearizable?\n  \
         whitewater report results --out report.html what a campaign in a directory came to\n  \
         whitewater grade assignment.toml            what are these nodes worth?\n\n{}",
        exit::HELP
    )
}

/// Why a command could not do what it was told, in words for the user.
struct Failure {
    code: u8,
    message: String,
}

impl Failure {
    fn usage(message: impl Into<String>) -> Failure {
        Failure { code: exit::USAGE, message: message.into() }
    }
}

impl From<HostError> for Failure {
    fn from(error: HostError) -> Failure {
        Failure::usage(error.to_string())
    }
}

/// Does what the command line of this process says, with a system under test, and returns the exit code.
pub fn main(system: impl Target + 'static) -> ExitCode {
    host::keep_panics();
    let target: target::Shared = Arc::new(system);
    let done = host::guard(|| if contained::is_worker() { Ok(contained::work(&*target)) } else { dispatch(&target) });
    // Runs that were abandoned may still have theirs.
    host::process::end_processes();
    ExitCode::from(match done {
        Ok(Ok(code)) => code,
        Ok(Err(failure)) => {
            host::tell(&format!("error: {}", failure.message));
            failure.code
        }
        Err(why) => {
            let why = whitewater_reports::words::printable(&why);
            host::tell(&format!(
                "error: whitewater itself failed: {why}\nPlease report this, with the command line that you used."
            ));
            exit::INTERNAL
        }
    })
}

fn dispatch(target: &target::Shared) -> Result<u8, Failure> {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return Ok(refuse(&error)),
    };
    match cli.command {
        Command::Run(arguments) => run::main(arguments, target),
        Command::Replay(arguments) => replay::main(&arguments, target),
        Command::Shrink(arguments) => shrink::main(&arguments, target),
        Command::Check(arguments) => check::main(&arguments),
        Command::Report(arguments) => report::main(&arguments),
        Command::Grade(arguments) => grade::main(&arguments, target),
        Command::Pack(arguments) => pack::main(&arguments),
        Command::List(arguments) => catalog::list(&arguments),
        Command::Describe(arguments) => catalog::describe(&arguments),
        Command::New(arguments) => new::main(&arguments),
        Command::Probes(arguments) => probes::main(&arguments),
        Command::Bugs(arguments) => bugs::main(&arguments),
        Command::Latency(arguments) => latency::main(&arguments),
        Command::Soak(arguments) => soak::main(&arguments),
        Command::Completions(arguments) => manual::completions(&arguments, Cli::command()),
        Command::Man(arguments) => manual::man(&arguments, Cli::command()),
    }
}

/// Prints help or what is wrong with the command line. That nobody reads it is no error.
fn refuse(error: &clap::Error) -> u8 {
    let _ = error.print();
    if error.use_stderr() { exit::USAGE } else { exit::PASS }
}

/// Prints text to the standard output.
fn print(text: &str) -> Result<(), Failure> {
    Ok(host::write_stdout(|stdout| stdout.write_all(text.as_bytes()))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
