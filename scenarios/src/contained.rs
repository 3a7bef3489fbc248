//! Runs of code that may not come back, in processes of their own: this program starts itself again, as a worker.
//!
//! A worker gets a job in a line and gives back the record of a run; both are JSON. If it takes too long or too much, or ends,
//! the run gets a verdict all the same, and another worker goes on with the next. What nodes print goes to the same output as
//! records, so a record is marked, and everything else is left alone. What it simplifies: a run that is looked at closely is
//! made twice, first by a worker, to see whether it comes to an end.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};
use whitewater_reports::model::{Campaign, ProbeRecord, RunRecord, Verdict};
use whitewater_sim::Check;

use crate::bugs::{self, Bug};
use crate::campaign::{self, Made, Progress, Request};
use crate::exit;
use crate::host::process::{Failure, Limits, Process};
use crate::host::{self, Stopwatch, watch};
use crate::pace::Tempo;
use crate::probes;
use crate::run::{Options, Run};
use crate::scenario::{self, Scenario};
use crate::search::guide::Sighting;
use crate::search::lineage::Lineage;
use crate::system::{Participant, System};
use crate::target::Target;

/// Stands before what a worker has to say.
const MARK: &str = "\u{1}whitewater-worker ";

/// What a worker may take.
const LIMITS: Limits = Limits { line_bytes_max: 16 << 20, memory_bytes_max: 1 << 30, tasks_max: 256 };

/// How long a run may take on the wall clock.
const RUN_NS_MAX: u64 = 120_000_000_000;

/// How long a turn of a node may take on the wall clock.
const TURN_NS_MAX: u64 = 5_000_000_000;

/// A run that a worker is to make.
#[derive(Serialize, Deserialize)]
struct Job {
    /// The scenario, as a file says it.
    scenario: String,
    lineage: String,
    bug: Option<String>,
    events_max: u64,
}

/// What a worker says.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Said {
    /// The run is made.
    Made { record: Box<RunRecord>, sightings: Vec<Sighting>, tempo: Option<Tempo> },
    /// A turn does not come back; the worker ends.
    Stuck(String),
    /// It does not understand the job.
    Confused(String),
}

/// A system whose runs are made by workers.
#[derive(Clone)]
pub struct Contained<S> {
    system: S,
    idle: Arc<Mutex<Vec<Process>>>,
}

impl<S> Contained<S> {
    /// Contains a system. The worker has to be this program, with the same system.
    #[must_use]
    pub fn new(system: S) -> Contained<S> {
        Contained { system, idle: Arc::default() }
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Process>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has a run made by a worker.
    ///
    /// # Errors
    /// If it is not made, or not to its end, with the record that says so.
    fn attempt(
        &self,
        scenario: &Scenario,
        lineage: &Lineage,
        bug: Option<Bug>,
        events_max: u64,
    ) -> Result<Made, Box<RunRecord>> {
        let not_made = |verdict| Box::new(campaign::not_made(scenario, lineage, verdict));
        let mut idle = self.idle();
        let alive = std::iter::from_fn(|| idle.pop()).find_map(|mut worker| worker.is_alive().then_some(worker));
        drop(idle);
        let mut worker = alive
            .map_or_else(|| Process::start_self(LIMITS), Ok)
            .map_err(|error| not_made(Verdict::Error { why: error.to_string() }))?;
        let job = Job {
            scenario: scenario::write(scenario),
            lineage: lineage.to_string(),
            bug: bug.map(|bug| bug.name.to_owned()),
            events_max,
        };
        match ask(&mut worker, &job) {
            Ok(Said::Made { record, sightings, tempo }) => {
                self.idle().push(worker);
                Ok(Made { record: *record, sightings, tempo })
            }
            Ok(Said::Stuck(what)) => {
                let seconds = TURN_NS_MAX / 1_000_000_000;
                let why = format!("it was not done after {seconds} seconds on the wall clock: {what}");
                Err(not_made(Verdict::Inconclusive { why }))
            }
            Ok(Said::Confused(why)) => Err(not_made(Verdict::Error { why })),
            Err(failure) => Err(not_made(verdict(failure))),
        }
    }
}

/// Gives a worker a job, and waits for what it says.
fn ask(worker: &mut Process, job: &Job) -> Result<Said, Failure> {
    let mut line = serde_json::to_vec(job).expect("a job is JSON");
    line.push(b'\n');
    worker.say(&line);
    let since = Stopwatch::start();
    loop {
        let line = String::from_utf8_lossy(worker.line(since, RUN_NS_MAX)?);
        if let Some((_, said)) = line.split_once(MARK)
            && let Ok(said) = serde_json::from_str(said)
        {
            return Ok(said);
        }
    }
}

/// What becomes of a run whose worker failed.
fn verdict(failure: Failure) -> Verdict {
    match failure {
        Failure::Ended(how) => Verdict::Violation {
            check: Check::Protocol.id().to_owned(),
            name: Check::Protocol.name().to_owned(),
            event: 0,
            at_ns: 0,
            why: format!("a node has ended the process that the run was made in: {how}"),
        },
        Failure::Killed(how) | Failure::Greedy(how) => {
            Verdict::Inconclusive { why: format!("the run was not made to its end: {how}") }
        }
        Failure::Late(_) => Verdict::Inconclusive {
            why: format!("the run takes longer than {} seconds on the wall clock", RUN_NS_MAX / 1_000_000_000),
        },
        Failure::Closed | Failure::Endless(_) => Verdict::Inconclusive {
            why: "a node meddled with the output of the process that the run was made in".to_owned(),
        },
    }
}

impl<S: System + Clone + Send + Sync + 'static> Target for Contained<S> {
    fn refusal(&self, scenario: &Scenario) -> Option<String> {
        self.system.refusal(scenario)
    }

    fn argument(&self) -> String {
        self.system.argument()
    }

    fn probes(&self) -> Vec<ProbeRecord> {
        probes::records(S::Node::can_hit)
    }

    /// This program: no other one has the system in it.
    fn program(&self) -> String {
        host::own_command()
    }

    fn make(&self, scenario: &Scenario, lineage: &Lineage, options: &Options<'_>) -> Result<Run, Box<RunRecord>> {
        self.attempt(scenario, lineage, options.bug, options.events_max)?;
        self.make_here(scenario, lineage, options)
    }

    fn make_here(&self, scenario: &Scenario, lineage: &Lineage, options: &Options<'_>) -> Result<Run, Box<RunRecord>> {
        campaign::make_on(&self.system, scenario, lineage, options)
    }

    fn conduct(&self, request: &Request, watch: &mut dyn FnMut(&Progress)) -> Campaign {
        let contained = self.clone();
        let attempt = move |scenario: &Scenario, lineage: &Lineage, bug: Option<Bug>| {
            let made = contained.attempt(scenario, lineage, bug, Options::default().events_max);
            Some(made.unwrap_or_else(|record| Made::not(*record)))
        };
        let campaign = campaign::conduct_with((self.argument(), self.probes()), attempt, request, watch);
        Campaign { program: self.program(), ..campaign }
    }
}

/// Whether this process is a worker.
#[must_use]
pub fn is_worker() -> bool {
    host::is_started_by_itself()
}

/// Makes the runs that the standard input asks for, until it ends. Returns the exit code.
pub fn work(target: &dyn Target) -> u8 {
    watch::watch_turns(TURN_NS_MAX, |what| {
        say(&Said::Stuck(what.to_owned()));
        host::exit(exit::INCONCLUSIVE);
    });
    host::each_line(|line| {
        say(&match serde_json::from_slice::<Job>(line) {
            Ok(job) => make(target, &job).unwrap_or_else(Said::Confused),
            Err(error) => Said::Confused(error.to_string()),
        });
    });
    exit::PASS
}

fn make(target: &dyn Target, job: &Job) -> Result<Said, String> {
    let scenario = scenario::format::parse("the scenario", &job.scenario).map_err(|error| error.to_string())?;
    let lineage: Lineage = job.lineage.parse()?;
    let bug = job.bug.as_deref().and_then(bugs::find);
    let options = Options { bug, events_max: job.events_max, ..Options::default() };
    Ok(match target.make_here(&scenario, &lineage, &options) {
        Ok(run) => {
            let Made { record, sightings, tempo } = Made::of(&scenario, run);
            Said::Made { record: Box::new(record), sightings, tempo }
        }
        Err(record) => Said::Made { record, sightings: Vec::new(), tempo: None },
    })
}

/// Says something to whoever started this process. That nobody is there any more is noticed elsewhere.
fn say(said: &Said) {
    let text = serde_json::to_string(said).expect("a record is JSON");
    let _ = host::write_stdout(|stdout| writeln!(stdout, "\n{MARK}{text}"));
}
