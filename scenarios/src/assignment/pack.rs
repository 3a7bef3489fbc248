//! The archive of an autograder: an assignment, the program that grades with it, and two scripts for the platform.
//!
//! The layout is Gradescope's: `setup.sh` is run once, when the image is built, and `run_autograder` for every submission.
//! The same input gives the same bytes. What it simplifies: the program is put in as it is, so it has to run on the platform.

use std::collections::BTreeMap;
use std::io::{Cursor, Write};

use whitewater_reports::words::shell_word;
use zip::ZipWriter;
use zip::result::ZipError;
use zip::write::SimpleFileOptions;

/// Run when the image is built.
const SETUP: &str = include_str!("autograder/setup.sh");

/// Run for every submission.
const RUN: &str = include_str!("autograder/run_autograder");

/// What is put into an archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pack {
    /// The text of the assignment.
    pub assignment: String,
    /// What lies beside it and is needed, by paths from its folder.
    pub beside: BTreeMap<String, String>,
    /// The program.
    pub program: Vec<u8>,
    /// What is graded.
    pub submission: Submission,
    /// Packages of the platform's system that submissions need.
    pub packages: Vec<String>,
}

/// What students hand in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Submission {
    /// A node.
    Node {
        /// The command that runs it, in the folder of the submission.
        command: String,
        /// The command that builds it there first, if that is needed.
        build: Option<String>,
    },
    /// Scenarios, which end in `.toml`.
    Scenarios,
}

/// The archive.
///
/// # Errors
/// If it gets too large for its format.
pub fn write(pack: &Pack) -> Result<Vec<u8>, ZipError> {
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    let settings = settings(pack);
    let scripts = [("run_autograder", RUN.as_bytes()), ("setup.sh", SETUP.as_bytes()), ("whitewater", &pack.program)];
    for (name, bytes) in scripts {
        add(&mut archive, name, bytes, 0o755)?;
    }
    add(&mut archive, "settings.sh", settings.as_bytes(), 0o644)?;
    add(&mut archive, "assignment/assignment.toml", pack.assignment.as_bytes(), 0o600)?;
    for (path, text) in &pack.beside {
        let steps: Vec<&str> = path.split('/').filter(|step| *step != ".").collect();
        add(&mut archive, &format!("assignment/{}", steps.join("/")), text.as_bytes(), 0o600)?;
    }
    Ok(archive.finish()?.into_inner())
}

fn add(archive: &mut ZipWriter<Cursor<Vec<u8>>>, name: &str, bytes: &[u8], mode: u32) -> Result<(), ZipError> {
    archive.start_file(name, SimpleFileOptions::default().unix_permissions(mode))?;
    archive.write_all(bytes)?;
    Ok(())
}

/// What the scripts have to know, as assignments of the shell.
fn settings(pack: &Pack) -> String {
    let (kind, node, build) = match &pack.submission {
        Submission::Node { command, build } => ("node", command.as_str(), build.as_deref().unwrap_or_default()),
        Submission::Scenarios => ("scenarios", "", ""),
    };
    let packages: Vec<String> = pack.packages.iter().map(|package| shell_word(package)).collect();
    format!("kind={kind}\nnode={}\nbuild={}\npackages=({})\n", shell_word(node), shell_word(build), packages.join(" "))
}
