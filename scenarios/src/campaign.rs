//! A campaign: which runs are made, in which order, and what is kept of them.
//!
//! Scenarios take turns, seed by seed, so that a time limit cuts all of them evenly. The records are ordered by scenario
//! and seed, so that the number of threads makes no difference to them. What it simplifies: a time limit ends the
//! campaign between two runs; a run that was begun is finished, unless somebody interrupts.

use std::cell::Cell;
use std::fmt;
use std::ops::ControlFlow;
use std::str::FromStr;
use std::sync::Arc;

use whitewater_reports::model::{
    BehaviourRecord, Build, Campaign, CurvePoint, Ending, PROGRAM, ProbeRecord, RunRecord, SCHEMA, ScenarioRecord,
    Verdict,
};
use whitewater_reports::part::{Part, Profile};
use whitewater_sim::check::Budget;
use whitewater_sim::{Digest, ProbeId, Recording};

use crate::bugs::{self, Bug};
use crate::describe;
use crate::faults;
use crate::host::{self, Stopwatch};
use crate::pace::{Pacing, Tempo};
use crate::probes::{self, Declared};
use crate::run::{self, Options, Run};
use crate::scenario::Scenario;
use crate::search::behaviour::{Point, Seen};
use crate::search::guide::{Shape, Sighting};
use crate::search::lineage::Lineage;
use crate::search::survey::Survey;
use crate::system::{Participant, System};
use crate::systems::raft_kv::RaftKv;

/// The seeds from one to another, both included; never none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seeds {
    first: u64,
    last: u64,
}

impl Seeds {
    /// Every seed there is.
    pub const ALL: Seeds = Seeds { first: 0, last: u64::MAX };

    /// The first.
    #[must_use]
    pub fn first(self) -> u64 {
        self.first
    }

    /// The last.
    #[must_use]
    pub fn last(self) -> u64 {
        self.last
    }

    /// So many from this one on; at least that.
    #[must_use]
    pub fn starting(first: u64, count: u64) -> Seeds {
        Seeds { first, last: first.saturating_add(count.saturating_sub(1)) }
    }

    /// One seed.
    #[must_use]
    pub fn one(seed: u64) -> Seeds {
        Seeds { first: seed, last: seed }
    }

    /// The seed at this place, from 0.
    #[must_use]
    pub fn at(self, place: u64) -> Option<u64> {
        self.first.checked_add(place).filter(|seed| *seed <= self.last)
    }

    /// How many there are.
    #[must_use]
    pub fn count(self) -> u128 {
        u128::from(self.last) - u128::from(self.first) + 1
    }
}

/// Reads one seed.
///
/// # Errors
/// If it is not a whole number from 0 to 2^64 - 1.
pub fn seed(text: &str) -> Result<u64, String> {
    text.trim().parse().map_err(|_| {
        let text = whitewater_reports::words::printable(text);
        format!("`{text}` is not a seed: write whole numbers from 0 to {}, like 0..100", u64::MAX)
    })
}

/// `7`, or `0..10`: the first seed, and the one after the last, if there is one.
impl fmt::Display for Seeds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Seeds { first, last } = self;
        match last.checked_add(1) {
            _ if first == last => write!(f, "{first}"),
            Some(end) => write!(f, "{first}..{end}"),
            None => write!(f, "{first}..={last}"),
        }
    }
}

/// Reads `7`, `A..B` (without B, as in Rust) or `A..=B`.
impl FromStr for Seeds {
    type Err = String;

    fn from_str(text: &str) -> Result<Seeds, String> {
        let Some((first, end)) = text.split_once("..") else { return seed(text).map(Seeds::one) };
        let (first, last) = match end.strip_prefix('=') {
            Some(last) => (seed(first)?, Some(seed(last)?)),
            None => (seed(first)?, seed(end)?.checked_sub(1)),
        };
        match last {
            Some(last) if first <= last => Ok(Seeds { first, last }),
            Some(_) | None => Err("there is no seed in it: the end comes after the beginning, like 0..100".to_owned()),
        }
    }
}

/// A scenario and what it is called on the command line.
#[derive(Clone, Debug, PartialEq)]
pub struct Selected {
    /// The scenario.
    pub scenario: Scenario,
    /// Its name, or the path of its file, quoted for a shell where needed.
    pub argument: String,
}

/// Which runs a campaign makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Search {
    /// Each seed of each scenario.
    Seeds,
    /// As many runs, most of them of scenarios that show most that is new: seeds that promise to meet most situations, and what
    /// departs from those that did.
    Guided,
}

/// What is asked of a campaign.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    /// The scenarios; their names differ.
    pub scenarios: Vec<Selected>,
    /// The seeds; each scenario gets all of them.
    pub seeds: Seeds,
    /// How many runs are made at the same time.
    pub jobs: u32,
    /// Which runs are made.
    pub search: Search,
    /// The bug that is on in every run.
    pub bug: Option<Bug>,
    /// No run begins later than this after the first, in nanoseconds on the wall clock.
    pub time_limit_ns: Option<u64>,
}

impl Request {
    /// The scenario and the seed of the run with this number: scenarios take turns.
    pub(crate) fn job(&self, number: u64) -> Option<(usize, u64)> {
        let scenarios = self.scenarios.len() as u64;
        let place = number.checked_div(scenarios)?;
        self.seeds.at(place).map(|seed| ((number % scenarios) as usize, seed))
    }

    /// What is kept of the request, and of the pace of each of its scenarios.
    fn part(&self, pacings: &[Pacing]) -> Part {
        let paced = || self.scenarios.iter().map(|selected| &selected.scenario).zip(pacings);
        Part {
            command: String::new(),
            profile: if cfg!(debug_assertions) { Profile::Dev } else { Profile::Release },
            scenarios: self.scenarios.iter().map(|selected| selected.scenario.name.clone()).collect(),
            seed_first: self.seeds.first,
            seed_last: self.seeds.last,
            time_limit_ns: self.time_limit_ns,
            jobs: self.jobs,
            runs: 0,
            ending: Ending::Complete,
            wall_ns: 0,
            behaviour: BehaviourRecord::default(),
            paces: paced().filter_map(|(scenario, pacing)| pacing.record(scenario)).collect(),
            phases: paced().flat_map(|(scenario, pacing)| pacing.phases(scenario)).collect(),
        }
    }

    /// How many runs there are without a time limit.
    #[must_use]
    pub fn runs(&self) -> u128 {
        self.seeds.count() * self.scenarios.len() as u128
    }
}

/// How far a campaign has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Runs that are finished.
    pub finished: u64,
    /// Those among them that did not pass.
    pub failed: u64,
    /// How long it has taken, in nanoseconds on the wall clock.
    pub elapsed_ns: u64,
}

/// How long after an interrupt runs that were begun may take to finish, in nanoseconds on the wall clock.
pub(crate) const GRACE_NS: u64 = 500_000_000;

/// Runs a campaign against the built-in system: see [`conduct_on`].
///
/// # Panics
/// If the request names no scenario.
#[must_use]
pub fn conduct(request: &Request, watch: impl FnMut(&Progress)) -> Campaign {
    conduct_on(RaftKv, request, watch)
}

/// Runs a campaign against any system. `watch` is told how far it has come, after every run and now and then.
///
/// # Panics
/// If the request names no scenario.
#[must_use]
pub fn conduct_on<S: System + Send + Sync + 'static>(
    system: S,
    request: &Request,
    watch: impl FnMut(&Progress),
) -> Campaign {
    let subject = (system.argument(), probes::records(S::Node::can_hit));
    let make = move |scenario: &Scenario, lineage: &Lineage, bug| {
        attempt(&system, scenario, lineage, bug, host::is_interrupted)
    };
    conduct_with(subject, make, request, watch)
}

/// A run as a campaign sees it.
#[derive(Clone, Debug)]
pub struct Made {
    /// What is kept of it.
    pub record: RunRecord,
    /// What it has shown.
    pub sightings: Vec<Sighting>,
    /// What it adds to the pace of its scenario; none of a run that could not be made.
    pub tempo: Option<Tempo>,
}

impl Made {
    /// A run that was made.
    pub(crate) fn of(scenario: &Scenario, run: Run) -> Made {
        let tempo = Some(Tempo::of(scenario, &run));
        Made { record: run.record, sightings: run.sightings, tempo }
    }

    /// One that could not be.
    pub(crate) fn not(record: RunRecord) -> Made {
        Made { record, sightings: Vec::new(), tempo: None }
    }
}

/// Runs a campaign whose runs are made by this; nothing for a run that was stopped before it was judged. `subject` is the
/// argument of the system, and what it can hit.
///
/// # Panics
/// If the request names no scenario.
#[must_use]
pub fn conduct_with(
    subject: (String, Vec<ProbeRecord>),
    make: impl Fn(&Scenario, &Lineage, Option<Bug>) -> Option<Made> + Send + Sync + 'static,
    request: &Request,
    mut watch: impl FnMut(&Progress),
) -> Campaign {
    assert!(!request.scenarios.is_empty(), "a campaign has a scenario");
    let stopwatch = Stopwatch::start();
    let shared = Arc::new((make, request.clone()));
    let is_over = move |request: &Request| {
        let is_late = request.time_limit_ns.is_some_and(|limit_ns| stopwatch.elapsed_ns() >= limit_ns);
        is_late || host::is_interrupted()
    };
    let mut progress = Progress { finished: 0, failed: 0, elapsed_ns: 0 };
    let mut records: Vec<(usize, RunRecord)> = Vec::new();
    let mut pacings = vec![Pacing::new(); request.scenarios.len()];
    let mut interrupt: Option<Stopwatch> = None;
    let mut survey = Survey::new(request);
    while let Some(batch) = survey.batch() {
        let shared = Arc::clone(&shared);
        let work = move |number: u64| {
            let (make, request) = &*shared;
            let job = batch.job(number)?;
            if is_over(request) {
                return None;
            }
            let scenario = &request.scenarios[job.scenario].scenario;
            let made = make(scenario, &job.lineage, request.bug)?;
            Some((number, job.scenario, made))
        };
        host::parallel(request.jobs, work, |result| {
            if let Some((number, place, Made { record, sightings, tempo })) = result {
                progress.finished += 1;
                progress.failed += u64::from(record.verdict != Verdict::Pass);
                survey.take(number, sightings);
                if let Some(tempo) = tempo {
                    pacings[place].take((record.seed, &record.departures), tempo);
                }
                records.push((place, record));
            }
            progress.elapsed_ns = stopwatch.elapsed_ns();
            watch(&progress);
            if host::is_interrupted() && interrupt.get_or_insert_with(Stopwatch::start).elapsed_ns() >= GRACE_NS {
                return ControlFlow::Break(());
            }
            ControlFlow::Continue(())
        });
        if is_over(request) {
            break;
        }
    }
    records.sort_by(|(place, record), (other_place, other)| {
        (place, record.seed, &record.departures).cmp(&(other_place, other.seed, &other.departures))
    });
    let ending = match records.len() as u128 {
        made if made == request.runs() => Ending::Complete,
        _ if host::is_interrupted() => Ending::Interrupted,
        _ => Ending::TimeLimit,
    };
    let part = Part {
        ending,
        wall_ns: stopwatch.elapsed_ns(),
        runs: records.len() as u64,
        behaviour: behaviour(survey.seen(), request.search),
        ..request.part(&pacings)
    };
    Campaign {
        ending,
        wall_ns: part.wall_ns,
        parts: vec![part],
        runs: records.into_iter().map(|(_, record)| record).collect(),
        ..empty(subject, &request.scenarios, request.bug, request.jobs)
    }
}

/// A campaign of this build in which nothing was run yet, about a system with this argument that can hit these probes.
pub(crate) fn empty(
    (target, probes): (String, Vec<ProbeRecord>),
    scenarios: &[Selected],
    bug: Option<Bug>,
    jobs: u32,
) -> Campaign {
    Campaign {
        schema: SCHEMA.to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        program: PROGRAM.to_owned(),
        target,
        build: if bugs::ARE_COMPILED { Build::Bugged } else { Build::Plain },
        bug: bug.map(|bug| bug.name.to_owned()),
        canary: None,
        ending: Ending::Complete,
        wall_ns: 0,
        jobs,
        scenarios: scenarios.iter().map(Selected::record).collect(),
        probes,
        grade: None,
        parts: Vec::new(),
        runs: Vec::new(),
    }
}

/// What the runs have shown, as it is kept.
fn behaviour(seen: &Seen, search: Search) -> BehaviourRecord {
    let points = seen.curve().into_iter();
    let outlook = seen.outlook();
    BehaviourRecord {
        guided: search == Search::Guided,
        curve: points.map(|Point { runs, features }| CurvePoint { runs, features }).collect(),
        alone: outlook.alone,
    }
}

impl Selected {
    /// What its seeds have in common.
    pub(crate) fn shape(&self) -> Shape {
        if self.scenario.swarm.is_some() { Shape::Drawn } else { Shape::Fixed }
    }

    /// What is kept of it.
    #[must_use]
    pub fn record(&self) -> ScenarioRecord {
        let name_of = |probe: &ProbeId| Declared::of(*probe).map(|declared| declared.name().to_owned());
        ScenarioRecord {
            reaches: self.scenario.reaches.iter().filter_map(name_of).collect(),
            name: self.scenario.name.clone(),
            summary: self.scenario.summary.clone(),
            argument: self.argument.clone(),
            faults: faults::names(&self.scenario),
            script: describe::script(&self.scenario),
        }
    }
}

/// Makes a run; a panic of the testbed becomes a verdict. Nothing if `stop` kept it from being judged.
fn attempt<S: System>(
    system: &S,
    scenario: &Scenario,
    lineage: &Lineage,
    bug: Option<Bug>,
    stop: impl Fn() -> bool,
) -> Option<Made> {
    let is_stopped = Cell::new(false);
    let stop = || {
        is_stopped.set(is_stopped.get() || stop());
        is_stopped.get()
    };
    let budget = Budget { stop: Some(&stop), ..Budget::default() };
    let made = match make_on(system, scenario, lineage, &Options { bug, budget, ..Options::default() }) {
        Ok(run) => Made::of(scenario, run),
        Err(record) => Made::not(*record),
    };
    let is_unjudged = is_stopped.get() && matches!(made.record.verdict, Verdict::Inconclusive { .. });
    (!is_unjudged).then_some(made)
}

/// Makes a run of which only the record is kept; a panic of the testbed becomes a verdict.
#[must_use]
pub fn record(scenario: &Scenario, seed: u64, options: &Options<'_>) -> RunRecord {
    make_on(&RaftKv, scenario, &Lineage::of(seed), options).map_or_else(|record| *record, |run| run.record)
}

/// Makes a run of the built-in system for somebody who looks at it closely.
///
/// # Errors
/// If the testbed panics, with the record that says so.
pub fn make(scenario: &Scenario, seed: u64, recording: Recording) -> Result<Run, Box<RunRecord>> {
    make_on(&RaftKv, scenario, &Lineage::of(seed), &Options { recording, ..Options::default() })
}

/// The same of any system, however it is varied.
///
/// # Errors
/// If the testbed panics, with the record that says so.
pub fn make_on<S: System>(
    system: &S,
    scenario: &Scenario,
    lineage: &Lineage,
    options: &Options<'_>,
) -> Result<Run, Box<RunRecord>> {
    let stopwatch = Stopwatch::start();
    let mut run = host::guard(|| run::run_on(system, scenario, lineage, options))
        .map_err(|why| Box::new(not_made(scenario, lineage, Verdict::Error { why })))?;
    run.record.wall_ns = stopwatch.elapsed_ns();
    Ok(run)
}

/// The record of a run that could not be made, or not to its end: all that is known is why.
pub(crate) fn not_made(scenario: &Scenario, lineage: &Lineage, verdict: Verdict) -> RunRecord {
    RunRecord {
        scenario: scenario.name.clone(),
        seed: lineage.seed,
        departures: lineage.departures(),
        servers: 0,
        verdict,
        digest: Digest(0).to_string(),
        events: 0,
        virtual_ns: 0,
        wall_ns: 0,
        returned: 0,
        unknown: 0,
        applied: 0,
        terms_led: 0,
        skipped: Vec::new(),
        faults: Vec::new(),
        probes: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog;

    fn request(names: &[&str], seeds: Seeds, jobs: u32) -> Request {
        let scenarios = names.iter().map(|name| Selected {
            scenario: catalog::find(name).expect("a scenario of the catalog"),
            argument: (*name).to_owned(),
        });
        Request { scenarios: scenarios.collect(), seeds, jobs, search: Search::Seeds, bug: None, time_limit_ns: None }
    }

    #[test]
    fn seeds_are_read_as_ranges_of_rust() {
        assert_eq!("0..2".parse(), Ok(Seeds { first: 0, last: 1 }));
        assert_eq!("5..=5".parse(), Ok(Seeds::one(5)));
        assert_eq!("7".parse(), Ok(Seeds::one(7)));
        for text in ["7", "0..10", "3..=18446744073709551615"] {
            assert_eq!(text.parse::<Seeds>().map(|seeds| seeds.to_string()), Ok(text.to_owned()));
        }
        assert_eq!(format!("0..={}", u64::MAX).parse(), Ok(Seeds::ALL));
        assert_eq!(Seeds::ALL.count(), 1 << 64);
        assert_eq!(
            (Seeds::ALL.at(u64::MAX), Seeds::one(3).at(0), Seeds::one(3).at(1)),
            (Some(u64::MAX), Some(3), None)
        );
    }

    #[test]
    fn seeds_that_are_none_are_refused() {
        for text in ["5..5", "9..3", "0..0", "6..=5"] {
            let why = text.parse::<Seeds>().expect_err(text);
            assert!(why.starts_with("there is no seed in it"), "{text}: {why}");
        }
        for text in ["abc", "", "1..", "..3", "-1..4", "18446744073709551616", "0..18446744073709551616", "1..2..3"] {
            let why = text.parse::<Seeds>().expect_err(text);
            assert!(why.contains("is not a seed"), "{text}: {why}");
        }
    }

    #[test]
    fn scenarios_take_turns() {
        let request = request(&["calm", "lossy"], Seeds { first: 3, last: 4 }, 1);
        let jobs: Vec<_> = (0..6).map(|number| request.job(number)).collect();
        assert_eq!(jobs, [Some((0, 3)), Some((1, 3)), Some((0, 4)), Some((1, 4)), None, None]);
    }

    #[test]
    fn the_number_of_threads_makes_no_difference() {
        let strip = |campaign: Campaign| -> Vec<RunRecord> {
            campaign.runs.into_iter().map(|run| RunRecord { wall_ns: 0, ..run }).collect()
        };
        let seeds = Seeds { first: 0, last: 3 };
        let one = strip(conduct(&request(&["power-loss", "calm"], seeds, 1), |_| {}));
        let three = strip(conduct(&request(&["power-loss", "calm"], seeds, 3), |_| {}));
        assert_eq!(one, three);
        let order: Vec<_> = one.iter().map(|run| (run.scenario.as_str(), run.seed)).collect();
        assert_eq!(
            order[..5],
            [("power-loss", 0), ("power-loss", 1), ("power-loss", 2), ("power-loss", 3), ("calm", 0)]
        );
    }

    #[test]
    fn a_time_limit_of_nothing_runs_nothing() {
        let request = Request { time_limit_ns: Some(0), ..request(&["calm"], Seeds::ALL, 2) };
        let campaign = conduct(&request, |_| {});
        assert_eq!((campaign.runs.len(), campaign.ending), (0, Ending::TimeLimit));
    }

    /// A scenario that no file can describe: the testbed asserts that there are servers.
    #[test]
    fn a_run_that_cannot_be_made_is_an_error_and_the_campaign_goes_on() {
        host::keep_panics();
        let mut request = request(&["calm", "lossy"], Seeds { first: 0, last: 1 }, 2);
        request.scenarios[0].scenario.servers.clear();
        let campaign = conduct(&request, |_| {});
        let verdicts: Vec<_> = campaign.runs.iter().map(|run| run.verdict.title()).collect();
        assert_eq!(verdicts, ["error", "error", "pass", "pass"]);
        assert!(make(&request.scenarios[0].scenario, 0, Recording::Off).is_err());
    }

    #[test]
    fn a_run_that_is_stopped_before_it_is_judged_does_not_count() {
        let calm = catalog::find("calm").expect("it is in the catalog");
        let record = attempt(&RaftKv, &calm, &Lineage::of(0), None, || true);
        assert!(record.is_none_or(|made| made.record.verdict == Verdict::Pass), "it counts only if it was judged");
    }
}
