//! A process that is really killed while it writes to files, a hundred times: what it had acknowledged comes back.
//!
//! The process is this test program, started again. It says after each step of a script that the step is durable; whoever
//! killed it knows the script, and so what was promised. What it simplifies: the operating system goes on, so what the
//! process wrote is not lost with it; what a machine loses is for the simulated disk to lose.
#![expect(clippy::disallowed_methods, reason = "a real process on real files")]

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use whitewater_sim::disk::CrashKeeps;

use crate::crashes::settle;
use crate::ledger::Ledger;
use crate::media::{Files, Image, Simulated};
use crate::script::{Author, Leader, Server};

const KILLS: u64 = 100;

/// Says to the started process where its files are, and which script is its own.
const DIRECTORY: &str = "WHITEWATER_KILLED_IN";
const SCRIPT: &str = "WHITEWATER_KILLED_SCRIPT";

/// What begins a line that acknowledges a step: the test harness writes to the same output.
const ACKNOWLEDGED: &str = "durable ";

#[test]
fn a_hundred_kills_lose_nothing_that_was_acknowledged() {
    let base = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("killed-{}", std::process::id()));
    let steps: usize = (0..KILLS).map(|script| killed(&base.join(script.to_string()), script)).sum();
    assert!(steps > 10 * KILLS as usize, "only {steps} steps before {KILLS} kills");
    std::fs::remove_dir_all(base).expect("the directory is there");
}

/// Starts a writer, kills it, and looks at what it left. Returns how many steps it had acknowledged.
fn killed(directory: &Path, script: u64) -> usize {
    let program = std::env::current_exe().expect("this is a program");
    let mut writer = Command::new(program)
        .args(["kills::writer", "--exact", "--ignored", "--nocapture"])
        .env(DIRECTORY, directory)
        .env(SCRIPT, script.to_string())
        .stdout(Stdio::piped())
        .spawn()
        .expect("this program can be started");
    let output = BufReader::new(writer.stdout.take().expect("it is piped"));
    // Somewhere in the middle of what follows the steps that are waited for.
    let waits_for = 1 + (script as usize * 7) % 50;
    let mut acknowledged = 0;
    for line in output.lines() {
        let line = line.expect("its output is text");
        acknowledged += usize::from(line.strip_prefix(ACKNOWLEDGED) == Some(&acknowledged.to_string()));
        if acknowledged == waits_for {
            writer.kill().expect("it can be killed");
        }
    }
    writer.wait().expect("it has ended");
    assert!(acknowledged >= waits_for, "script {script}: the writer ended by itself after {acknowledged} steps");
    look(directory, script, acknowledged);
    acknowledged
}

/// Makes the acknowledged steps again, and the one that may have been under way, and holds what was left against them.
fn look(directory: &Path, script: u64, acknowledged: usize) {
    let mut author = Author::new(script, 0, Leader::SendsSnapshots);
    let limits = author.limits();
    let mut disk = Ledger::over(Simulated::empty(1, CrashKeeps::Nothing), &Image::new());
    let (mut server, ..) = Server::boot(&mut disk, limits).expect("an empty disk is whole");
    for _ in 0..acknowledged {
        let step = author.next(&server.model);
        server.step(&step, &mut disk);
        settle(&mut server, &mut disk);
    }
    let step = author.next(&server.model);
    server.step(&step, &mut disk);
    let (_, recovered, _) = Server::boot(&mut Files::at(directory), limits)
        .unwrap_or_else(|error| panic!("script {script}: a kill is taken for damage: {error}"));
    server.model.check(&recovered).unwrap_or_else(|why| panic!("script {script}, after {acknowledged} steps: {why}"));
}

/// The process that is killed. Without a directory it has nothing to do.
#[test]
#[ignore = "it is started by a_hundred_kills_lose_nothing_that_was_acknowledged, and ends when it is killed"]
fn writer() {
    let (Ok(directory), Ok(script)) = (std::env::var(DIRECTORY), std::env::var(SCRIPT)) else { return };
    let mut author = Author::new(script.parse().expect("a number"), 0, Leader::SendsSnapshots);
    let limits = author.limits();
    let mut disk = Ledger::over(Files::at(Path::new(&directory)), &Image::new());
    let (mut server, ..) = Server::boot(&mut disk, limits).expect("an empty disk is whole");
    let mut output = std::io::stdout();
    for number in 0_u64.. {
        let step = author.next(&server.model);
        server.step(&step, &mut disk);
        settle(&mut server, &mut disk);
        writeln!(output, "{ACKNOWLEDGED}{number}").and_then(|()| output.flush()).expect("somebody listens");
    }
}
