//! Scenarios as coursework: each must hold for the unmodified system, and together they are to catch bugs of the bench.
//!
//! It is mutation analysis (DeMillo, Lipton and Sayward, "Hints on Test Data Selection", 1978) turned on tests of
//! students. A scenario that fails without a bug proves nothing when it fails with one: it is a false alarm, and catches
//! nothing. What it simplifies: a bug is caught by any check that fails; whether it is the one that was expected is not asked.

use whitewater_reports::grade::{Grade, Points, Row, Status};
use whitewater_reports::marking::share;
use whitewater_reports::model::{Campaign, Ending, RunRecord, Verdict};
use whitewater_reports::words::{counted, printable};

use super::crew::{self, Asked, Clock, Job, Made};
use super::grading::Scope;
use super::{Assignment, Coursework, RowSeeds};
use crate::bugs::Bug;
use crate::campaign::{self, Selected};
use crate::host::Stopwatch;
use crate::target;

/// How points of coursework come about, for who gets them.
pub const RULE: &str = "\
A bug is caught if a scenario fails with it in one of its seeds, and passes without any bug in all of them. \
A scenario that does not pass without a bug is a false alarm: it catches nothing, and the row for false alarms is worth \
less by its share.";

/// A file that was handed in: a scenario, or why it is none.
#[derive(Clone, Debug, PartialEq)]
pub struct HandedIn {
    /// The name of the file.
    pub file: String,
    /// The scenario in it.
    pub scenario: Result<Selected, String>,
}

/// Which seeds are used, and how many runs are made at the same time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request {
    /// Which seeds are used.
    pub scope: Scope,
    /// How many runs are made at the same time.
    pub jobs: u32,
}

/// Runs between two looks at whether a bug has been caught: as many whatever the number of threads is, so that the number
/// of runs that are made does not depend on it.
const BATCH: usize = 16;

/// Scores scenarios. `after` is told before the first row and after every one.
///
/// # Errors
/// If `after` fails.
pub fn score<E>(
    target: &target::Shared,
    assignment: &Assignment,
    coursework: &Coursework,
    (handed_in, request): (&[HandedIn], Request),
    mut after: impl FnMut(&Campaign) -> Result<(), E>,
) -> Result<Campaign, E> {
    let clock = Clock { started: Stopwatch::start(), budget: assignment.budget };
    let scenarios: Vec<Selected> = handed_in.iter().filter_map(|file| file.scenario.clone().ok()).collect();
    let mut campaign = campaign::empty((target.argument(), target.probes()), &scenarios, None, request.jobs);
    campaign.grade = Some(pending(assignment, coursework));
    after(&campaign)?;
    let is_known = match (&coursework.seeds, request.scope) {
        (RowSeeds::Elsewhere, _) | (RowSeeds::Private(_), Scope::Public) => false,
        (RowSeeds::Private(_), Scope::Known) | (RowSeeds::Public(_), _) => true,
    };
    if !is_known {
        return Ok(campaign);
    }
    let scoring = Scoring { target, scenarios, coursework, jobs: request.jobs, clock };
    let soundness = scoring.soundness();
    campaign.runs = soundness.runs.clone();
    scoring.mark_soundness(row(&mut campaign, 0), handed_in, &soundness);
    after(&campaign)?;
    for (place, bug) in (1..).zip(&coursework.bugs) {
        if clock.is_over() {
            row(&mut campaign, place).why = clock.words();
            continue;
        }
        scoring.mark_bug(row(&mut campaign, place), *bug, &soundness.sound);
        campaign.wall_ns = clock.started.elapsed_ns();
        after(&campaign)?;
    }
    campaign.ending = if clock.is_over() { clock.ending() } else { Ending::Complete };
    campaign.wall_ns = clock.started.elapsed_ns();
    after(&campaign)?;
    Ok(campaign)
}

fn row(campaign: &mut Campaign, place: usize) -> &mut Row {
    &mut campaign.grade.as_mut().expect("it is there from the beginning").rows[place]
}

/// A row for false alarms, and one for each bug.
fn pending(assignment: &Assignment, coursework: &Coursework) -> Grade {
    let pending = |number: usize, name: &str, points, summary: &str| Row {
        summary: summary.to_owned(),
        ..Row::pending("Scenarios", &format!("1.{number}"), name, points, coursework.visibility)
    };
    let sound = pending(1, "No false alarms", coursework.sound, "Every scenario passes without a bug.");
    let of_bug = |(number, bug): (usize, &Bug)| pending(number, bug.name, coursework.points, bug.protects);
    let rows = [sound].into_iter().chain((2..).zip(&coursework.bugs).map(of_bug)).collect();
    Grade { assignment: assignment.title.clone(), rule: RULE.to_owned(), rows }
}

struct Scoring<'a> {
    target: &'a target::Shared,
    scenarios: Vec<Selected>,
    coursework: &'a Coursework,
    jobs: u32,
    clock: Clock,
}

/// What scenarios do without a bug.
struct Soundness {
    /// All runs, by scenario and seed.
    runs: Vec<RunRecord>,
    /// The places of the scenarios that passed every one of theirs.
    sound: Vec<usize>,
    /// For each that did not, in the order of places, why.
    false_alarms: Vec<(usize, String)>,
}

impl Scoring<'_> {
    fn make(&self, runs: Vec<Asked>, bug: Option<Bug>) -> Made {
        let job = Job { target: self.target, scenarios: &self.scenarios, runs, bug, jobs: self.jobs };
        crew::make(job, self.clock)
    }

    /// Runs of these scenarios, seed by seed.
    fn runs(&self, places: &[usize]) -> Vec<Asked> {
        let seeds = self.coursework.seeds.known();
        seeds.iter().flat_map(|seed| places.iter().map(|place| (*place, *seed))).collect()
    }

    fn soundness(&self) -> Soundness {
        let places: Vec<usize> = (0..self.scenarios.len()).collect();
        let mut soundness = Soundness { runs: Vec::new(), sound: Vec::new(), false_alarms: Vec::new() };
        // Scenario by scenario: one that never ends is not to keep the others from being judged.
        for place in places {
            let asked = self.runs(&[place]);
            let planned = asked.len();
            let made = self.make(asked, None);
            let failed = made.records.values().find(|run| run.verdict != Verdict::Pass);
            match (failed, made.cut_off) {
                (Some(run), _) => soundness.false_alarms.push((place, self.words(run))),
                (None, Some(why)) => soundness.false_alarms.push((place, format!("it was not run to its end: {why}"))),
                (None, None) => soundness.sound.push(place),
            }
            assert!(made.records.len() <= planned, "no run is made twice");
            soundness.runs.extend(made.records.into_values());
        }
        soundness
    }

    /// How a run without a bug failed. Who may not know seeds is not told this one.
    fn words(&self, run: &RunRecord) -> String {
        let title = printable(&run.verdict.title());
        match self.coursework.seeds {
            RowSeeds::Public(_) => format!("{title} without a bug, seed {}", run.seed),
            RowSeeds::Private(_) | RowSeeds::Elsewhere => format!("{title} without a bug"),
        }
    }

    fn mark_soundness(&self, row: &mut Row, handed_in: &[HandedIn], soundness: &Soundness) {
        let unusable = handed_in.iter().filter_map(|file| Some((file.file.as_str(), file.scenario.as_ref().err()?)));
        let mut lines: Vec<String> =
            unusable.map(|(file, why)| format!("{}: {}", printable(file), printable(why))).collect();
        let alarm = |(place, why): &(usize, String)| format!("{}: {why}", self.scenarios[*place].argument);
        lines.extend(soundness.false_alarms.iter().map(alarm));
        if handed_in.is_empty() {
            lines.push("there is no scenario: hand in files that end in .toml".to_owned());
        }
        row.points = share(row.points_max, soundness.sound.len() as u64, handed_in.len() as u64);
        row.runs = soundness.runs.len() as u64;
        row.passed = soundness.runs.iter().filter(|run| run.verdict == Verdict::Pass).count() as u64;
        row.failed =
            soundness.runs.iter().filter(|run| matches!(run.verdict, Verdict::Violation { .. })).count() as u64;
        row.unjudged = row.runs - row.passed - row.failed;
        row.wall_ns = soundness.runs.iter().map(|run| run.wall_ns).sum();
        row.status = match () {
            () if lines.is_empty() => Status::Passed,
            () if row.points > Points(0) => Status::Partial,
            () => Status::Failed,
        };
        row.why = lines.join("\n");
    }

    /// Looks for the first run, in their order, in which a scenario that is sound notices the bug.
    fn mark_bug(&self, row: &mut Row, bug: Bug, sound: &[usize]) {
        let asked = self.runs(sound);
        row.why = format!("no scenario failed with it in {}", counted(asked.len() as u64, "run"));
        row.status = Status::Failed;
        for batch in asked.chunks(BATCH) {
            let made = self.make(batch.to_vec(), Some(bug));
            let is_catch = |run: &&Asked| {
                made.records.get(*run).is_some_and(|run| matches!(run.verdict, Verdict::Violation { .. }))
            };
            let catch = batch.iter().find(is_catch);
            row.runs += made.records.len() as u64;
            row.wall_ns += made.records.values().map(|run| run.wall_ns).sum::<u64>();
            row.unjudged += made.records.values().filter(|run| is_unjudged(run)).count() as u64;
            if let Some((place, seed)) = catch {
                row.points = row.points_max;
                row.status = Status::Passed;
                row.why = String::new();
                row.passed = 1;
                row.replay = self.replay(*place, *seed, bug);
                return;
            }
            if let Some(why) = made.cut_off {
                row.status = Status::Inconclusive;
                row.why = format!("no scenario failed with it in {}; {why}", counted(row.runs, "run"));
                return;
            }
        }
    }

    /// The command that shows that a bug is caught.
    fn replay(&self, place: usize, seed: u64, bug: Bug) -> Option<String> {
        let argument = &self.scenarios[place].argument;
        match self.coursework.seeds {
            RowSeeds::Public(_) => Some(format!("whitewater replay {argument} --seed {seed} --bug {}", bug.name)),
            RowSeeds::Private(_) | RowSeeds::Elsewhere => None,
        }
    }
}

fn is_unjudged(run: &RunRecord) -> bool {
    matches!(run.verdict, Verdict::Inconclusive { .. } | Verdict::Error { .. })
}
