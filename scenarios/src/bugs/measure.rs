//! Measuring the bench: for each bug and each range of seeds, the first run that notices.
//!
//! A catch counts only if the run fails in the same way when it is made again and passes without the bug. In a range the
//! scenarios take turns, and every run has a seed of its own, so that a figure in seeds is a figure in runs. A guided search
//! makes as many runs: which scenario gets how many is up to it, and most depart from others. Each range is searched by one
//! thread: how many there are makes no difference to what is found. What it simplifies: a run that takes more events than
//! any healthy one is not judged, and counts as not caught.

use std::collections::VecDeque;
use std::ops::ControlFlow;

use whitewater_reports::bench::{Bench, Catch, Measured, Range, RangeEnd, SCHEMA};
use whitewater_reports::model::{Ending, RunRecord, Verdict};
use whitewater_reports::words::printable;
use whitewater_sim::check::Budget;

use super::{Bug, VERSION};
use crate::campaign::{self, Search, Seeds, Selected};
use crate::host::{self, Stopwatch};
use crate::run::Options;
use crate::search::guide::{Job, Sighting};
use crate::search::guided::Guided;
use crate::search::lineage::Lineage;
use crate::systems::raft_kv::RaftKv;

/// How many ranges of seeds there are for each bug.
pub const RANGES: u64 = 5;

/// The most seeds of a range.
pub const SEEDS_MAX: u64 = 1_000_000_000;

/// A run with a bug is stopped after so many events: about ten times those of the longest scenario.
const EVENTS_MAX: u64 = 5_000_000;

/// What is measured.
#[derive(Clone, Debug)]
pub struct Request {
    /// The bugs and controls.
    pub bugs: Vec<Bug>,
    /// The scenarios.
    pub scenarios: Vec<Selected>,
    /// How many runs are made in each range at most, and how many seeds it has: at most [`SEEDS_MAX`].
    pub seeds: u64,
    /// Which runs are made.
    pub search: Search,
    /// How many runs are made at the same time.
    pub jobs: u32,
}

/// How far the bench has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Ranges that are finished.
    pub ranges: u64,
    /// Ranges that ended with a catch.
    pub caught: u64,
    /// Runs that were made in them.
    pub runs: u64,
    /// How long it has taken, in nanoseconds on the wall clock.
    pub elapsed_ns: u64,
}

impl Request {
    /// How many ranges there are, over all bugs.
    #[must_use]
    pub fn ranges(&self) -> u64 {
        self.bugs.len() as u64 * RANGES
    }
}

/// Measures the bench. `watch` is told how far it has come, after every range and now and then.
///
/// # Panics
/// If there is no scenario, or if this build has no bugs.
#[must_use]
pub fn measure(request: &Request, mut watch: impl FnMut(&Progress)) -> Bench {
    assert!(!request.scenarios.is_empty(), "the bench has a scenario");
    let stopwatch = Stopwatch::start();
    let plan = request.clone();
    let bugs = request.bugs.len() as u64;
    // All bugs in the first range, then all in the second: what an interrupt leaves says a little of each.
    let work = move |number: u64| {
        let is_asked = bugs > 0 && number < bugs * RANGES && !host::is_interrupted();
        is_asked.then(|| {
            let bug = (number % bugs) as usize;
            (bug, search(&plan, plan.bugs[bug], number / bugs * plan.seeds))
        })
    };
    let mut found: Vec<Vec<Range>> = vec![Vec::new(); request.bugs.len()];
    let mut progress = Progress::default();
    host::parallel(request.jobs, work, |result| {
        if let Some((bug, range)) = result {
            progress.ranges += 1;
            progress.runs += range.seeds;
            progress.caught += u64::from(matches!(range.end, RangeEnd::Caught(_)));
            found[bug].push(range);
        }
        progress.elapsed_ns = stopwatch.elapsed_ns();
        watch(&progress);
        ControlFlow::Continue(())
    });
    let measured = |(bug, mut ranges): (&Bug, Vec<Range>)| {
        ranges.sort_unstable_by_key(|range| range.first_seed);
        Measured {
            number: bug.number,
            name: bug.name.to_owned(),
            section: bug.section.to_owned(),
            expected: bug.detectors().map(str::to_owned).collect(),
            ranges,
        }
    };
    Bench {
        schema: SCHEMA.to_owned(),
        version: VERSION.to_owned(),
        ending: if host::is_interrupted() { Ending::Interrupted } else { Ending::Complete },
        wall_ns: stopwatch.elapsed_ns(),
        jobs: request.jobs,
        scenarios: request.scenarios.iter().map(|selected| selected.scenario.name.clone()).collect(),
        seeds: request.seeds,
        guided: request.search == Search::Guided,
        bugs: request.bugs.iter().zip(found).map(measured).collect(),
    }
}

/// Makes the runs of a range until one of them catches the bug, or something is wrong.
fn search(request: &Request, bug: Bug, first_seed: u64) -> Range {
    let mut range = Range { first_seed, seeds: 0, wall_ns: 0, inconclusive: 0, end: RangeEnd::Missed };
    let mut source = Source::new(request, first_seed);
    while range.seeds < request.seeds {
        let job = source.next(range.seeds);
        let selected = &request.scenarios[job.scenario];
        let Some((record, sightings)) = attempt(selected, &job.lineage, Some(bug)) else {
            range.end = RangeEnd::Interrupted;
            return range;
        };
        range.seeds += 1;
        range.wall_ns = range.wall_ns.saturating_add(record.wall_ns);
        match &record.verdict {
            Verdict::Pass => {}
            Verdict::Inconclusive { .. } => range.inconclusive += 1,
            Verdict::Violation { .. } | Verdict::Error { .. } => {
                range.end = confirm(selected, &job.lineage, bug, &record);
                return range;
            }
        }
        source.take(&job, &sightings);
    }
    range
}

/// Where the runs of a range come from.
struct Source<'r> {
    request: &'r Request,
    first_seed: u64,
    /// A guided search, and what is left of its generation; `None` if every run is a seed of its own.
    guided: Option<(Guided, VecDeque<Job>)>,
}

impl<'r> Source<'r> {
    fn new(request: &'r Request, first_seed: u64) -> Source<'r> {
        let guided = match request.search {
            Search::Seeds => None,
            Search::Guided => {
                let seeds = Seeds::starting(first_seed, request.seeds);
                Some((Guided::new(&request.scenarios, seeds), VecDeque::new()))
            }
        };
        Source { request, first_seed, guided }
    }

    /// The run with this number in the range.
    fn next(&mut self, number: u64) -> Job {
        let Some((guided, queue)) = &mut self.guided else {
            let lineage = Lineage::of(self.first_seed + number);
            return Job { scenario: (number % self.request.scenarios.len() as u64) as usize, lineage };
        };
        if queue.is_empty() {
            queue.extend(guided.next());
        }
        queue.pop_front().expect("there are fresh seeds, or runs to depart from")
    }

    fn take(&mut self, job: &Job, sightings: &[Sighting]) {
        if let Some((guided, _)) = &mut self.guided {
            guided.take(job, sightings);
        }
    }
}

/// Makes a run for the bench. Nothing if somebody interrupted it.
fn attempt(selected: &Selected, lineage: &Lineage, bug: Option<Bug>) -> Option<(RunRecord, Vec<Sighting>)> {
    if host::is_interrupted() {
        return None;
    }
    let budget = Budget { stop: Some(&host::is_interrupted), ..Budget::default() };
    let options = Options { bug, budget, events_max: EVENTS_MAX, ..Options::default() };
    let (record, sightings) = match campaign::make_on(&RaftKv, &selected.scenario, lineage, &options) {
        Ok(run) => (run.record, run.sightings),
        Err(record) => (*record, Vec::new()),
    };
    let is_unjudged = host::is_interrupted() && matches!(record.verdict, Verdict::Inconclusive { .. });
    (!is_unjudged).then_some((record, sightings))
}

/// Whether a failure is one of the bug: it happens again, and not without the bug.
fn confirm(selected: &Selected, lineage: &Lineage, bug: Bug, record: &RunRecord) -> RangeEnd {
    let command = format!("whitewater replay {} --seed {lineage}", selected.argument);
    let replay = format!("{command} --bug {}", bug.name);
    let catch = match &record.verdict {
        Verdict::Violation { check, name, why, .. } => Catch {
            scenario: record.scenario.clone(),
            seed: lineage.to_string(),
            check: check.clone(),
            check_name: name.clone(),
            why: why.lines().next().unwrap_or_default().to_owned(),
            replay: replay.clone(),
        },
        Verdict::Error { why } => return RangeEnd::Error { why: why.clone(), replay },
        Verdict::Pass | Verdict::Inconclusive { .. } => unreachable!("only failures are confirmed"),
    };
    let Some((again, _)) = attempt(selected, lineage, Some(bug)) else { return RangeEnd::Interrupted };
    if (&again.verdict, &again.digest) != (&record.verdict, &record.digest) {
        return RangeEnd::NotReproducible(catch);
    }
    let Some((without, _)) = attempt(selected, lineage, None) else { return RangeEnd::Interrupted };
    match without.verdict {
        Verdict::Pass => RangeEnd::Caught(catch),
        Verdict::Violation { check, name, .. } => {
            RangeEnd::FailsWithoutBug(Catch { check, check_name: name, replay: command, ..catch })
        }
        Verdict::Inconclusive { why } | Verdict::Error { why } => {
            RangeEnd::Error { why: format!("without the bug: {}", printable(&why)), replay: command }
        }
    }
}

#[cfg(all(test, feature = "bugs"))]
mod tests {
    use super::*;
    use crate::{bugs, catalog};

    fn request(names: &[&str], jobs: u32) -> Request {
        let scenario = |name: &str| Selected {
            scenario: catalog::find(name).expect("a scenario of the catalog"),
            argument: name.to_owned(),
        };
        Request {
            bugs: names.iter().map(|name| bugs::find(name).expect("a bug of the bench")).collect(),
            scenarios: ["calm", "lossy"].map(scenario).into(),
            seeds: 4,
            search: Search::Seeds,
            jobs,
        }
    }

    #[test]
    fn the_number_of_threads_makes_no_difference() {
        let strip = |mut bench: Bench| {
            for range in bench.bugs.iter_mut().flat_map(|measured| &mut measured.ranges) {
                range.wall_ns = 0;
            }
            bench.bugs
        };
        let names = ["acknowledged-before-durable", "snapshots-twice-as-often"];
        let one = strip(measure(&request(&names, 1), |_| {}));
        let three = strip(measure(&request(&names, 3), |_| {}));
        assert_eq!(one, three);
        let first_seeds: Vec<u64> = one[0].ranges.iter().map(|range| range.first_seed).collect();
        assert_eq!(first_seeds, [0, 4, 8, 12, 16]);
        assert_eq!((one[0].catches().count(), one[1].catches().count()), (5, 0));
    }

    #[test]
    fn what_fails_without_the_bug_is_no_catch() {
        let request = request(&["acknowledged-before-durable"], 1);
        let (selected, bug, lineage) = (&request.scenarios[0], request.bugs[0], Lineage::of(0));
        let (healthy, _) = attempt(selected, &lineage, None).expect("nobody interrupts");
        let (failing, _) = attempt(selected, &lineage, Some(bug)).expect("nobody interrupts");
        assert_eq!(healthy.verdict, Verdict::Pass);
        assert!(matches!(confirm(selected, &lineage, bug, &failing), RangeEnd::Caught(_)));
        let other = RunRecord { digest: healthy.digest, ..failing };
        assert!(matches!(confirm(selected, &lineage, bug, &other), RangeEnd::NotReproducible(_)));
        let mut broken = selected.clone();
        broken.scenario.servers.clear();
        host::keep_panics();
        let (error, _) = attempt(&broken, &lineage, Some(bug)).expect("nobody interrupts");
        assert!(matches!(confirm(&broken, &lineage, bug, &error), RangeEnd::Error { .. }));
    }

    #[test]
    fn a_guided_range_makes_as_many_runs_and_the_same_ones_again() {
        let mut request = request(&["snapshots-twice-as-often"], 1);
        (request.search, request.seeds) = (Search::Guided, 40);
        let range = search(&request, request.bugs[0], 7);
        assert_eq!((range.seeds, &range.end), (40, &RangeEnd::Missed));
        let again = search(&request, request.bugs[0], 7);
        assert_eq!(Range { wall_ns: 0, ..range }, Range { wall_ns: 0, ..again });
    }
}
