//! `whitewater pack`: the archive that makes a platform grade with an assignment.

use std::path::PathBuf;

use crate::assignment::folder::{self, Whole};
use crate::assignment::pack::{self, Pack, Submission};
use crate::assignment::{Assignment, RowSeeds};
use crate::bugs;
use crate::host::{self, PROGRAM_BYTES_MAX, shown};
use clap::Args;

use super::{Failure, exit, print};

/// Pack an assignment into the archive of an autograder, for Gradescope
///
/// The archive holds setup.sh, run_autograder, this program, the assignment, its scenarios and its private seeds: keep it from
/// students. Submissions run as a user of their own, with few rights; `scenarios/ASSIGNMENTS.md` says what is protected and
/// what is not.
#[derive(Args)]
#[command(after_help = after_help())]
pub(crate) struct Arguments {
    /// The file of the assignment
    #[arg(value_name = "ASSIGNMENT")]
    assignment: PathBuf,
    /// The archive that is written
    #[arg(long, value_name = "FILE", default_value = "autograder.zip")]
    out: PathBuf,
    /// The command that runs a submission in its folder. Without it, submissions are scenarios
    #[arg(long, value_name = "CMD")]
    node: Option<String>,
    /// The command that builds a submission in its folder first
    #[arg(long, value_name = "CMD", requires = "node")]
    build: Option<String>,
    /// Packages of the platform's system that submissions need, separated by commas
    #[arg(long, value_name = "PACKAGE,...", value_delimiter = ',')]
    apt: Vec<String>,
    /// The program that grades, if it is not this one, such as one that was built for the platform
    #[arg(long, value_name = "FILE")]
    program: Option<PathBuf>,
}

fn after_help() -> String {
    format!(
        "Examples:\n  \
         whitewater pack assignment.toml --node 'python3 raft.py' --apt python3\n  \
         whitewater pack assignment.toml --node ./node --build 'go build -o node .' --apt golang-go\n  \
         whitewater pack coursework.toml --out coursework.zip\n\n{}",
        exit::HELP
    )
}

/// Packs.
pub(crate) fn main(arguments: &Arguments) -> Result<u8, Failure> {
    let whole = folder::read_whole(&arguments.assignment).map_err(Failure::usage)?;
    let submission = submission(arguments, &whole.assignment)?;
    check_packages(&arguments.apt)?;
    let program = match &arguments.program {
        Some(path) => host::read(path, PROGRAM_BYTES_MAX)?,
        None => host::own_program()?,
    };
    let Whole { text, beside, .. } = whole;
    let pack = Pack { assignment: text, beside, program, submission, packages: arguments.apt.clone() };
    let archive = pack::write(&pack).map_err(|error| Failure::usage(format!("cannot pack: {error}")))?;
    host::write_atomically(&arguments.out, |file| file.write_all(&archive))?;
    let kind = match &pack.submission {
        Submission::Node { command, .. } => format!("submissions are nodes that run with: {command}"),
        Submission::Scenarios => "submissions are scenarios".to_owned(),
    };
    let kind = whitewater_reports::words::printable(&kind);
    print(&format!("wrote {}, {} MiB; {kind}\n", shown(&arguments.out), archive.len().div_ceil(1 << 20)))?;
    Ok(exit::PASS)
}

fn submission(arguments: &Arguments, assignment: &Assignment) -> Result<Submission, Failure> {
    let of_rows = assignment.rows().map(|(_, _, row)| &row.seeds);
    let mut seeds = of_rows.chain(assignment.coursework.iter().map(|work| &work.seeds));
    let is_incomplete = seeds.any(|seeds| *seeds == RowSeeds::Elsewhere);
    if let Some(file) = assignment.private_file.as_ref().filter(|_| is_incomplete) {
        let file = whitewater_reports::words::printable(file);
        return Err(Failure::usage(format!("the private seeds in {file} are not there: pack where they are")));
    }
    match (&arguments.node, &assignment.coursework) {
        (Some(command), _) => Ok(Submission::Node { command: command.clone(), build: arguments.build.clone() }),
        (None, Some(_)) if arguments.program.is_none() && !bugs::ARE_COMPILED => Err(Failure::usage(
            "this build has no bugs to catch: build it with --features bugs, or name such a program with --program",
        )),
        (None, Some(_)) => Ok(Submission::Scenarios),
        (None, None) => Err(Failure::usage(
            "what runs a submission? Say it with --node, as in --node 'python3 raft.py'; the assignment has no [coursework]",
        )),
    }
}

/// Names of packages end up on a command line of the platform.
fn check_packages(packages: &[String]) -> Result<(), Failure> {
    let is_legal = |name: &&String| {
        name.starts_with(|c: char| c.is_ascii_alphanumeric())
            && name.chars().all(|c| c.is_ascii_alphanumeric() || "+-.:=~".contains(c))
    };
    match packages.iter().find(|name| !is_legal(name)) {
        Some(name) => {
            let name = whitewater_reports::words::printable(name);
            Err(Failure::usage(format!("`{name}` is no name of a package: write names like python3,golang-go")))
        }
        None => Ok(()),
    }
}
