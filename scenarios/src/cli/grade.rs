//! `whitewater grade`: an assignment, graded row by row, with the files that platforms read.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::assignment::grading::{self, Request, Scope};
use crate::assignment::{Assignment, coursework, folder};
use crate::systems::raft_kv::RaftKv;
use crate::{host, target};
use clap::{Args, ValueEnum};
use whitewater_reports::grade::{Grade, Status};
use whitewater_reports::model::{Campaign, Ending, PROGRAM};
use whitewater_reports::words::{counted, printable, shell_word, span};
use whitewater_reports::{classroom50, grade_sheet, gradescope, human, json, rows, vpl};

use super::artifacts::CAMPAIGN;
use super::{Failure, bugs, exit, node, print};

/// Grade nodes by the rows of an assignment, and write what grading platforms read
///
/// The files in the directory of --out are complete from the beginning and written anew after every row, with all later
/// rows pending: whenever grading is cut off, there is a grade. The same nodes get the same points. The exit code is 0
/// whatever the points are. `scenarios/ASSIGNMENTS.md` describes assignments, and how points come about.
#[derive(Args)]
#[command(after_help = after_help())]
pub(crate) struct Arguments {
    /// The file of the assignment
    #[arg(value_name = "ASSIGNMENT")]
    assignment: PathBuf,
    /// Write campaign.json and the files of each --format into this directory
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// A platform to write a file for; may be given several times
    #[arg(long, value_enum, value_name = "PLATFORM", default_value = "gradescope")]
    format: Vec<Format>,
    /// Grade only this row, as in 1.2; may be given several times
    #[arg(long, value_name = "NUMBER")]
    row: Vec<String>,
    /// Leave out rows with private seeds, even if they are known here
    #[arg(long)]
    public: bool,
    /// How many runs are made at the same time; as many as there are processors if not given
    #[arg(long, short, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1024))]
    jobs: Option<u32>,
    /// Break this rule on purpose in every run; `whitewater bugs` lists them. Needs a build with --features bugs
    #[arg(long, value_name = "NAME")]
    bug: Option<String>,
    /// Score the scenarios in this folder instead, by the bugs that they catch, as [coursework] of the assignment says. Needs
    /// a build with --features bugs
    #[arg(long, value_name = "DIR", conflicts_with_all = ["row", "bug", "node"])]
    scenarios: Option<PathBuf>,
    #[command(flatten)]
    node: node::Arguments,
    /// Say this instead of the command of --node where results show how to see a failure: what a student has to type
    #[arg(long, value_name = "CMD", requires = "node")]
    node_shown: Option<String>,
    /// Run nothing: the submission could not be built. The first line of this file says why, the others are the end of what the
    /// build printed
    #[arg(long, value_name = "FILE", conflicts_with_all = ["row", "bug", "node", "scenarios"])]
    not_built: Option<PathBuf>,
}

/// How much is read of what a build printed, in bytes.
const BUILD_BYTES_MAX: u64 = 1 << 20;

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// results.json of Gradescope
    Gradescope,
    /// result.json of Classroom 50, in hundredths of a point
    Classroom50,
    /// vpl.txt, what Moodle's VPL reads from a standard output
    Vpl,
    /// rows.csv, a line a row
    Csv,
}

fn after_help() -> String {
    format!(
        "Examples:\n  \
         whitewater grade assignment.toml --node 'python3 raft.py'\n  \
         whitewater grade assignment.toml --row 1.2 --public\n  \
         whitewater grade assignment.toml --out results --format gradescope --format csv\n\n{}",
        exit::HELP
    )
}

impl Format {
    fn file(self) -> &'static str {
        match self {
            Format::Gradescope => "results.json",
            Format::Classroom50 => "result.json",
            Format::Vpl => "vpl.txt",
            Format::Csv => "rows.csv",
        }
    }

    fn write(self, campaign: &Campaign) -> String {
        match self {
            Format::Gradescope => gradescope::write(campaign),
            Format::Classroom50 => classroom50::write(campaign),
            Format::Vpl => vpl::write(campaign),
            Format::Csv => rows::write(campaign),
        }
    }
}

/// Grades.
pub(crate) fn main(arguments: &Arguments, target: &target::Shared) -> Result<u8, Failure> {
    let assignment = folder::read(&arguments.assignment).map_err(Failure::usage)?;
    if let Some(directory) = &arguments.out {
        host::prepare_directory(directory)?;
    }
    let mut told = 0;
    let mut after = |campaign: &Campaign| {
        if let Some(directory) = &arguments.out {
            write(directory, campaign, &arguments.format)?;
        }
        told = tell(campaign, told);
        Ok::<(), Failure>(())
    };
    let campaign = match (&arguments.not_built, &arguments.scenarios) {
        (Some(file), _) => {
            let printed = host::read(file, BUILD_BYTES_MAX)?;
            let why = format!("the submission was not built: {}", String::from_utf8_lossy(&printed).trim_end());
            let campaign = grading::not_built(target, &assignment, &request(arguments, &assignment)?, &why);
            after(&campaign)?;
            campaign
        }
        (None, Some(folder)) => score(arguments, &assignment, folder, after)?,
        (None, None) => {
            let request = request(arguments, &assignment)?;
            let graded = arguments.node.target(target)?;
            host::keep_interrupts()?;
            host::tell(&announcement(&graded, &assignment, &request));
            grading::grade(&graded, &assignment, &request, after)?
        }
    };
    print(&grade_sheet::write(&campaign, host::stdout_width().unwrap_or(human::WIDTH_MAX)))?;
    Ok(match campaign.ending {
        Ending::Interrupted => exit::INTERRUPTED,
        Ending::Complete | Ending::TimeLimit => exit::PASS,
    })
}

/// Scores scenarios. They are run against the built-in system: it has the bugs.
fn score(
    arguments: &Arguments,
    assignment: &Assignment,
    folder: &Path,
    after: impl FnMut(&Campaign) -> Result<(), Failure>,
) -> Result<Campaign, Failure> {
    let Some(coursework) = &assignment.coursework else {
        return Err(Failure::usage(
            "the assignment asks for no scenarios: write [coursework] in it, with bugs and points",
        ));
    };
    bugs::compiled()?;
    let handed_in = folder::handed_in(folder, coursework.scenarios_max).map_err(Failure::usage)?;
    let request = coursework::Request { scope: scope(arguments), jobs: jobs(arguments) };
    host::keep_interrupts()?;
    let (files, bugs) = (handed_in.len() as u64, coursework.bugs.len() as u64);
    let title = printable(&assignment.title);
    host::tell(&format!("scoring {}: {} on {}", title, counted(files, "scenario"), counted(bugs, "bug")));
    let target: target::Shared = Arc::new(RaftKv);
    coursework::score(&target, assignment, coursework, (&handed_in, request), after)
}

fn scope(arguments: &Arguments) -> Scope {
    if arguments.public { Scope::Public } else { Scope::Known }
}

fn jobs(arguments: &Arguments) -> u32 {
    arguments.jobs.unwrap_or_else(host::parallelism)
}

fn request(arguments: &Arguments, assignment: &Assignment) -> Result<Request, Failure> {
    if assignment.parts.is_empty() {
        return Err(Failure::usage(
            "the assignment asks for scenarios only: name the folder that they are in with --scenarios",
        ));
    }
    let numbers: Vec<String> = assignment.rows().map(|(_, number, _)| number).collect();
    if let Some(unknown) = arguments.row.iter().find(|number| !numbers.contains(number)) {
        let unknown = printable(unknown);
        return Err(Failure::usage(format!("there is no row `{unknown}`: there are {}", numbers.join(", "))));
    }
    Ok(Request {
        rows: arguments.row.clone(),
        scope: scope(arguments),
        jobs: jobs(arguments),
        bug: arguments.bug.as_deref().map(bugs::switchable).transpose()?,
        shown: arguments.node_shown.as_ref().map(|command| format!("--node {}", shell_word(command))),
    })
}

/// Says what is graded. That it is no submission has to be seen: the built-in servers earn everything.
fn announcement(target: &target::Shared, assignment: &Assignment, request: &Request) -> String {
    let is_built_in = target.argument().is_empty() && target.program() == PROGRAM;
    let whose = if is_built_in { ", of the built-in servers (--node CMD grades a node)" } else { "" };
    let rows = counted(assignment.rows().count() as u64, "row");
    let limit = assignment.budget.total_ns.map(|ns| format!(", for at most {}", span(ns))).unwrap_or_default();
    let jobs = counted(u64::from(request.jobs), "run");
    format!("grading {}{whose}: {rows}{limit}, {jobs} at a time", printable(&assignment.title))
}

/// Writes the files in place of what was there.
fn write(directory: &Path, campaign: &Campaign, formats: &[Format]) -> Result<(), Failure> {
    let files = formats.iter().map(|format| (format.file(), format.write(campaign)));
    for (name, text) in [(CAMPAIGN, json::write(campaign))].into_iter().chain(files) {
        host::write_atomically(&directory.join(name), |file| file.write_all(text.as_bytes()))?;
    }
    Ok(())
}

/// Says what came of the rows that were graded since so many were; returns how many are graded now.
fn tell(campaign: &Campaign, told: usize) -> usize {
    let grade = Grade::of_campaign(campaign);
    let graded: Vec<_> = grade.rows.iter().filter(|row| row.status != Status::Pending).collect();
    for row in graded.iter().skip(told) {
        host::tell(&grade_sheet::line(row));
    }
    graded.len()
}
