//! Grading: the runs of an assignment, row by row, and what each row is worth after them.
//!
//! Whoever asked is told after every row, with a campaign in which all later rows are pending, so that there is a grade
//! whatever happens next. Runs that several rows share are made once. Points are a function of the submission: the number
//! of threads makes no difference, and the wall clock only where a guard struck. What it simplifies: runs are
//! kept as records only, without traces; the commands that show failures make them again.
//!
//! One run of each row that earns anything is made twice, so that nobody earns it by being lucky. Which one, the digests of
//! all runs of the row decide: nodes cannot know it, and it is the same for nodes that do the same. What that leaves
//! open: nodes that differ rarely may go unnoticed, and those that remember an earlier run could repeat it.

use std::collections::BTreeMap;

use whitewater_reports::grade::{Grade, Points, Row as Marked, Status, Visibility};
use whitewater_reports::marking::{self, Differing, RULE, Secrecy, Terms};
use whitewater_reports::model::{Campaign, Ending, RunRecord, Verdict};
use whitewater_sim::ProbeId;
use xxhash_rust::xxh3::Xxh3Default;

use super::crew::{self, Asked, Clock, Job};
use super::{Assignment, Row, RowSeeds, WallBudget};
use crate::bugs::Bug;
use crate::campaign::{self, Selected};
use crate::host::Stopwatch;
use crate::target;

/// How an assignment is graded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The numbers of the rows, as in `1.2`; all of them if empty.
    pub rows: Vec<String>,
    /// Which seeds are used.
    pub scope: Scope,
    /// How many runs are made at the same time.
    pub jobs: u32,
    /// The bug that is on in every run.
    pub bug: Option<Bug>,
    /// What commands that show failures say about the system, if not what [`crate::target::Target::argument`] does.
    pub shown: Option<String>,
}

/// Which seeds are used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// All that are known here.
    Known,
    /// Those that everybody may know; rows with others stay pending.
    Public,
}

/// Grades a submission. `after` is told before the first row and after every one; the last one ends with the result.
///
/// # Errors
/// If `after` fails.
pub fn grade<E>(
    target: &target::Shared,
    assignment: &Assignment,
    request: &Request,
    mut after: impl FnMut(&Campaign) -> Result<(), E>,
) -> Result<Campaign, E> {
    let clock = Clock { started: Stopwatch::start(), budget: assignment.budget };
    let mut grading = Grading::new(target, assignment, request);
    after(&grading.campaign)?;
    for (place, (_, number, row)) in assignment.rows().enumerate() {
        if !grading.is_asked(place, &number, row, request) {
            continue;
        }
        if clock.is_over() {
            grading.leave(place, &clock.words());
            continue;
        }
        grading.make(target, row, request, clock);
        grading.mark(place, row);
        if grading.row(place).points > Points(0) {
            grading.make_one_again(target, row, request, clock);
            grading.mark(place, row);
        }
        grading.campaign.wall_ns = clock.started.elapsed_ns();
        after(&grading.campaign)?;
    }
    grading.campaign.ending = if clock.is_over() { clock.ending() } else { Ending::Complete };
    grading.campaign.wall_ns = clock.started.elapsed_ns();
    after(&grading.campaign)?;
    Ok(grading.campaign)
}

/// The grade of a submission that could not be built: nothing, and in every row why, in the first line of `why`. The other
/// lines are in one row only, which students see if they see any.
#[must_use]
pub fn not_built(target: &target::Shared, assignment: &Assignment, request: &Request, why: &str) -> Campaign {
    let mut campaign = Grading::new(target, assignment, request).campaign;
    let rows = &mut campaign.grade.as_mut().expect("it is there from the beginning").rows;
    let told = rows.iter().position(|row| row.visibility == Visibility::Visible).unwrap_or_default();
    for (place, row) in rows.iter_mut().enumerate() {
        row.status = Status::Error;
        row.why = if place == told { why.to_owned() } else { why.lines().next().unwrap_or_default().to_owned() };
    }
    campaign
}

/// Where grading stands.
struct Grading {
    /// With the rows that were marked, and the runs that were made.
    campaign: Campaign,
    /// The scenarios of all rows, each once.
    scenarios: Vec<Selected>,
    /// The runs, by the place of their scenario and their seed.
    made: BTreeMap<Asked, RunRecord>,
    /// The digests that runs had when they were made again.
    again: BTreeMap<Asked, String>,
    /// Why the row that was made last is not complete, if it is not.
    cut_off: Option<String>,
}

impl Grading {
    fn new(target: &target::Shared, assignment: &Assignment, request: &Request) -> Grading {
        let mut scenarios: Vec<Selected> = Vec::new();
        for selected in assignment.rows().flat_map(|(_, _, row)| &row.scenarios) {
            if !scenarios.iter().any(|other| other.scenario.name == selected.scenario.name) {
                scenarios.push(selected.clone());
            }
        }
        let pending = |(part, number, row): (&super::Part, String, &Row)| Marked {
            summary: row.summary.clone(),
            ..Marked::pending(&part.name, &number, &row.name, row.points, row.visibility)
        };
        let grade = Grade {
            assignment: assignment.title.clone(),
            rule: RULE.to_owned(),
            rows: assignment.rows().map(pending).collect(),
        };
        let shown = request.shown.clone().unwrap_or_else(|| target.argument());
        let campaign = campaign::empty((shown, target.probes()), &scenarios, request.bug, request.jobs);
        let campaign = Campaign { program: target.program(), grade: Some(grade), ..campaign };
        Grading { campaign, scenarios, made: BTreeMap::new(), again: BTreeMap::new(), cut_off: None }
    }

    /// Whether a row is to be graded; if not, it says why.
    fn is_asked(&mut self, place: usize, number: &String, row: &Row, request: &Request) -> bool {
        let why = match (&row.seeds, request.scope) {
            _ if !request.rows.is_empty() && !request.rows.contains(number) => "it was left out",
            (RowSeeds::Elsewhere, _) => "it is graded with seeds that are not known here",
            (RowSeeds::Private(_), Scope::Public) => "it is graded with private seeds, which were left out",
            (RowSeeds::Private(_), Scope::Known) | (RowSeeds::Public(_), _) => return true,
        };
        self.leave(place, why);
        false
    }

    /// Says why a row stays pending.
    fn leave(&mut self, place: usize, why: &str) {
        self.row(place).why = why.to_owned();
    }

    fn row(&mut self, place: usize) -> &mut Marked {
        &mut self.campaign.grade.as_mut().expect("it is there from the beginning").rows[place]
    }

    fn place_of(&self, selected: &Selected) -> usize {
        let is_it = |other: &Selected| other.scenario.name == selected.scenario.name;
        self.scenarios.iter().position(is_it).expect("the scenarios are those of all rows")
    }

    /// The runs of a row, seed by seed, so that time that runs out cuts its scenarios evenly.
    fn runs(&self, row: &Row) -> Vec<Asked> {
        let places: Vec<usize> = row.scenarios.iter().map(|selected| self.place_of(selected)).collect();
        row.seeds.known().iter().flat_map(|seed| places.iter().map(|place| (*place, *seed))).collect()
    }

    /// The runs of a row that are made, with what came of them.
    fn made_of(&self, row: &Row) -> Vec<(Asked, &RunRecord)> {
        self.runs(row).into_iter().filter_map(|run| Some((run, self.made.get(&run)?))).collect()
    }

    /// Makes the runs of a row that were not made for an earlier one.
    fn make(&mut self, target: &target::Shared, row: &Row, request: &Request, clock: Clock) {
        let runs: Vec<Asked> = self.runs(row).into_iter().filter(|run| !self.made.contains_key(run)).collect();
        let job = Job { target, scenarios: &self.scenarios, runs, bug: request.bug, jobs: request.jobs };
        let made = crew::make(job, clock);
        self.made.extend(made.records);
        self.cut_off = made.cut_off;
        self.campaign.runs = self.made.values().cloned().collect();
    }

    /// Makes a run of a row again that passed. If that cannot be judged, the run was not. It may take as long as any run, even if
    /// the time for grading is over: whoever uses that up gets nothing unseen.
    fn make_one_again(&mut self, target: &target::Shared, row: &Row, request: &Request, clock: Clock) {
        let Some(run) = self.chosen(row).filter(|run| !self.again.contains_key(run)) else { return };
        let job = Job { target, scenarios: &self.scenarios, runs: vec![run], bug: request.bug, jobs: 1 };
        let clock = Clock { budget: WallBudget { total_ns: None, ..clock.budget }, ..clock };
        let mut made = crew::make(job, clock);
        let why = match made.records.remove(&run) {
            Some(RunRecord { verdict: Verdict::Inconclusive { why } | Verdict::Error { why }, .. }) => why,
            Some(again) => {
                self.again.insert(run, again.digest);
                return;
            }
            None => made.cut_off.expect("a run is missing for a reason"),
        };
        let record = self.made.get_mut(&run).expect("it was made once");
        record.verdict = Verdict::Inconclusive { why: format!("it passed, and when it was made again: {why}") };
        self.campaign.runs = self.made.values().cloned().collect();
    }

    /// The run of a row, among those that passed, that is made again.
    fn chosen(&self, row: &Row) -> Option<Asked> {
        let made = self.made_of(row);
        let mut digests = Xxh3Default::new();
        made.iter().for_each(|(_, record)| digests.update(record.digest.as_bytes()));
        let passed: Vec<Asked> =
            made.iter().filter(|(_, record)| record.verdict == Verdict::Pass).map(|(run, _)| *run).collect();
        let place = digests.digest().checked_rem(passed.len() as u64)?;
        passed.get(usize::try_from(place).ok()?).copied()
    }

    /// The first of these runs that went differently when it was made again.
    fn differing(&self, made: &[(Asked, &RunRecord)]) -> Option<Differing> {
        let differs = |(place, (run, record)): (usize, &(Asked, &RunRecord))| {
            let digest = self.again.get(run).filter(|digest| **digest != record.digest)?.clone();
            Some(Differing { place, digest })
        };
        made.iter().enumerate().find_map(differs)
    }

    fn mark(&mut self, place: usize, row: &Row) {
        let pending = self.row(place).clone();
        let made = self.made_of(row);
        let records: Vec<&RunRecord> = made.iter().map(|(_, record)| *record).collect();
        let probes = |probes: &[ProbeId]| probes.iter().map(|probe| probe.0).collect();
        let terms = Terms {
            safety: row.safety,
            liveness: row.liveness,
            secrecy: match row.seeds {
                RowSeeds::Public(_) => Secrecy::Open,
                RowSeeds::Private(_) | RowSeeds::Elsewhere => Secrecy::Private,
            },
            requires: probes(&row.requires),
            reaches: probes(&row.reaches),
            planned: self.runs(row).len() as u64,
            cut_off: self.cut_off.clone(),
            differing: self.differing(&made),
        };
        let marked = marking::mark(pending, &terms, &self.campaign, &records);
        *self.row(place) = marked;
    }
}
