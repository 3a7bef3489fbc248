//! The format of assignments: TOML, nothing unknown allowed, every mistake with its line and what to write instead.
//!
//! Reading is a function of the text and of what lies beside the file, which [`Beside`] gives. What it simplifies: files
//! lie in the folder of the assignment or below, so that the whole of it can be packed.

use std::collections::BTreeSet;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Error, Visitor};
use toml::Spanned;
use whitewater_reports::grade::{Points, Visibility};
use whitewater_reports::marking::{LivenessRule, SafetyRule};
use whitewater_reports::words::printable;
use whitewater_sim::ProbeId;

use super::{Assignment, Coursework, Part, Row, RowSeeds, WallBudget};
use crate::bugs::{self, Bug};
use crate::campaign::{Seeds, Selected};
use crate::mistake::{self, FileError, Mistake, wrong, wrong_default};
use crate::scenario::quantity::{Count, Duration};
use crate::scenario::steps::probe_called;

/// What lies beside an assignment.
pub trait Beside {
    /// The scenario of this name, or in the file with this path; or why there is none.
    ///
    /// # Errors
    /// If there is none.
    fn scenario(&mut self, named: &str) -> Result<Selected, String>;

    /// The text of the file with private seeds; none if it is not there.
    ///
    /// # Errors
    /// If it is there and cannot be read.
    fn private_seeds(&mut self, file: &str) -> Result<Option<String>, String>;
}

/// How long a run may take on the wall clock if an assignment does not say.
const RUN_NS: u64 = 60_000_000_000;

/// The seeds of a row that names none, if the assignment does not say.
const PUBLIC: &str = "0..20";

/// How many scenarios may be handed in as coursework, if the assignment does not say.
const SCENARIOS_MAX: u32 = 20;

/// The most rows, over all parts.
const ROWS_MAX: usize = 500;

/// The most runs of a row: scenarios times seeds.
const RUNS_MAX: usize = 10_000;

/// The longest name, in characters, and the longest summary.
const NAME_LENGTH_MAX: usize = 100;
const SUMMARY_LENGTH_MAX: usize = 1_000;

/// The most points of a row, in hundredths.
const POINTS_MAX: u64 = 1_000_000;

/// Reads an assignment. `file` is named in errors.
///
/// # Errors
/// If the text is not TOML, has unknown keys, wrong types or impossible values, or names what is not there.
pub fn parse(file: &str, text: &str, beside: &mut dyn Beside) -> Result<Assignment, FileError> {
    mistake::read(file, text, "assignment", |raw: RawAssignment| raw.check(beside))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawAssignment {
    title: Spanned<String>,
    summary: Option<Spanned<String>>,
    #[serde(default)]
    seeds: RawSeeds,
    #[serde(default)]
    budget: RawBudget,
    #[serde(default)]
    parts: Vec<Spanned<RawPart>>,
    coursework: Option<RawCoursework>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct RawSeeds {
    public: Option<Spanned<String>>,
    private: Option<Spanned<String>>,
    private_file: Option<Spanned<String>>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawBudget {
    run: Option<Spanned<Duration<24>>>,
    total: Option<Spanned<Duration<24>>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawPart {
    name: Spanned<String>,
    #[serde(default)]
    rows: Vec<Spanned<RawRow>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawRow {
    name: Spanned<String>,
    summary: Option<Spanned<String>>,
    points: Spanned<RawPoints>,
    scenarios: Spanned<Vec<Spanned<String>>>,
    seeds: Option<Spanned<String>>,
    #[serde(default)]
    safety: RawSafety,
    #[serde(default)]
    liveness: RawLiveness,
    #[serde(default)]
    requires: Vec<Spanned<String>>,
    #[serde(default)]
    reaches: Vec<Spanned<String>>,
    #[serde(default)]
    visibility: Visibility,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum RawSafety {
    #[default]
    Gate,
    Scale,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum RawLiveness {
    #[default]
    Scale,
    All,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct RawCoursework {
    bugs: Spanned<Vec<Spanned<String>>>,
    seeds: Option<Spanned<String>>,
    points: Spanned<RawPoints>,
    sound: Option<Spanned<RawPoints>>,
    scenarios_max: Option<Count<1, 1000>>,
    #[serde(default)]
    visibility: Visibility,
}

/// Points as TOML has them: `5` or `2.5`.
struct RawPoints(String);

impl<'de> Deserialize<'de> for RawPoints {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Number;
        impl Visitor<'_> for Number {
            type Value = RawPoints;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "points like 5 or 2.5")
            }
            fn visit_i64<E: Error>(self, number: i64) -> Result<RawPoints, E> {
                Ok(RawPoints(number.to_string()))
            }
            fn visit_f64<E: Error>(self, number: f64) -> Result<RawPoints, E> {
                // The shortest decimals that mean this number are those that the file has.
                Ok(RawPoints(number.to_string()))
            }
        }
        deserializer.deserialize_any(Number)
    }
}

fn check_points(raw: &Spanned<RawPoints>) -> Result<Points, Mistake> {
    match raw.get_ref().0.parse() {
        Ok(points @ Points(0..=POINTS_MAX)) => Ok(points),
        Ok(_) | Err(_) => {
            let most = Points(POINTS_MAX);
            wrong(raw, format!("points are a number from 0 to {most} with two decimals at most, like 5 or 2.5"))
        }
    }
}

impl RawAssignment {
    fn check(self, beside: &mut dyn Beside) -> Result<Assignment, Mistake> {
        let title = name(&self.title)?;
        let summary = summary(self.summary.as_ref())?;
        let seeds = Sets::check(&self.seeds, beside)?;
        let budget = self.budget.check()?;
        let Some(surplus) = self.parts.get(ROWS_MAX) else {
            if self.parts.is_empty() && self.coursework.is_none() {
                return wrong_default(
                    "there is nothing to grade: write [[parts]] with a name, and [[parts.rows]] in it",
                );
            }
            let parts =
                self.parts.iter().map(|part| part.get_ref().check(part, &seeds, beside)).collect::<Result<_, _>>()?;
            let coursework = self.coursework.map(|raw| raw.check(&seeds)).transpose()?;
            let private_file = self.seeds.private_file.map(Spanned::into_inner);
            return Ok(Assignment { title, summary, private_file, budget, parts, coursework });
        };
        wrong(surplus, format!("there are more than {ROWS_MAX} parts: put several into one"))
    }
}

impl RawBudget {
    fn check(self) -> Result<WallBudget, Mistake> {
        for span in [&self.run, &self.total].into_iter().flatten() {
            if span.get_ref().0 == 0 {
                return wrong(span, "in no time nothing can be graded: write a span like \"20s\" or \"9m\"");
            }
        }
        let ns = |span: Option<Spanned<Duration<24>>>| span.map(|span| span.into_inner().0);
        Ok(WallBudget { run_ns: ns(self.run).unwrap_or(RUN_NS), total_ns: ns(self.total) })
    }
}

impl RawPart {
    fn check(&self, place: &Spanned<RawPart>, seeds: &Sets, beside: &mut dyn Beside) -> Result<Part, Mistake> {
        if self.rows.is_empty() {
            return wrong(
                place,
                "this part has no row: write [[parts.rows]] below it, with a name, points and scenarios",
            );
        }
        let name = name(&self.name)?;
        let rows = self.rows.iter().map(|row| row.get_ref().check(row, seeds, beside)).collect::<Result<_, _>>()?;
        Ok(Part { name, rows })
    }
}

impl RawRow {
    fn check(&self, place: &Spanned<RawRow>, sets: &Sets, beside: &mut dyn Beside) -> Result<Row, Mistake> {
        let scenarios = check_scenarios(&self.scenarios, beside)?;
        let seeds = sets.named(self.seeds.as_ref(), place)?;
        let runs = seeds.known().len().saturating_mul(scenarios.len());
        if runs > RUNS_MAX {
            return wrong(place, format!("this row has {runs} runs, and {RUNS_MAX} are the most: take fewer seeds"));
        }
        Ok(Row {
            name: name(&self.name)?,
            summary: summary(self.summary.as_ref())?,
            points: check_points(&self.points)?,
            scenarios,
            seeds,
            safety: match self.safety {
                RawSafety::Gate => SafetyRule::Gate,
                RawSafety::Scale => SafetyRule::Scale,
            },
            liveness: match self.liveness {
                RawLiveness::Scale => LivenessRule::Scale,
                RawLiveness::All => LivenessRule::All,
            },
            requires: check_probes(&self.requires)?,
            reaches: check_probes(&self.reaches)?,
            visibility: self.visibility,
        })
    }
}

impl RawCoursework {
    fn check(self, sets: &Sets) -> Result<Coursework, Mistake> {
        if self.bugs.get_ref().is_empty() {
            return wrong(&self.bugs, "there is no bug to catch: name some of those that `whitewater bugs` lists");
        }
        let mut bugs: Vec<Bug> = Vec::new();
        for named in self.bugs.get_ref() {
            let Some(bug) = bugs::find(named.get_ref()) else {
                return wrong(named, format!("no bug is called {:?}; `whitewater bugs` lists them", named.get_ref()));
            };
            if bug.kind() == bugs::Kind::Control {
                return wrong(named, "this is a control, which no check may notice: name a bug");
            }
            if bugs.contains(&bug) {
                return wrong(named, "this bug is named twice: leave it out once");
            }
            bugs.push(bug);
        }
        Ok(Coursework {
            seeds: sets.named(self.seeds.as_ref(), &self.bugs)?,
            bugs,
            points: check_points(&self.points)?,
            sound: self.sound.as_ref().map(check_points).transpose()?.unwrap_or_default(),
            scenarios_max: self.scenarios_max.map_or(SCENARIOS_MAX, |Count(most)| most),
            visibility: self.visibility,
        })
    }
}

fn name(raw: &Spanned<String>) -> Result<String, Mistake> {
    let text = raw.get_ref();
    let length = text.chars().count();
    if text.trim().is_empty() || length > NAME_LENGTH_MAX || printable(text) != *text {
        return wrong(raw, format!("a name has 1 to {NAME_LENGTH_MAX} characters, on one line"));
    }
    Ok(text.clone())
}

fn summary(raw: Option<&Spanned<String>>) -> Result<String, Mistake> {
    let Some(raw) = raw else { return Ok(String::new()) };
    let text = raw.get_ref().trim();
    if text.chars().count() > SUMMARY_LENGTH_MAX || printable(text) != text {
        return wrong(
            raw,
            format!("a summary is a sentence or two on one line, of {SUMMARY_LENGTH_MAX} characters at most"),
        );
    }
    Ok(text.to_owned())
}

fn check_scenarios(raw: &Spanned<Vec<Spanned<String>>>, beside: &mut dyn Beside) -> Result<Vec<Selected>, Mistake> {
    if raw.get_ref().is_empty() {
        return wrong(
            raw,
            "there is no scenario: name some of those that `whitewater list` shows, or files like \"mine.toml\"",
        );
    }
    let mut scenarios: Vec<Selected> = Vec::new();
    for named in raw.get_ref() {
        let new = beside.scenario(named.get_ref()).or_else(|why| wrong(named, why))?;
        if scenarios.iter().any(|other| other.scenario.name == new.scenario.name) {
            return wrong(named, format!("this row has {} already: leave it out once", new.scenario.name));
        }
        scenarios.push(new);
    }
    Ok(scenarios)
}

fn check_probes(raw: &[Spanned<String>]) -> Result<Vec<ProbeId>, Mistake> {
    raw.iter().map(|name| probe_called(name.get_ref(), name)).collect()
}

/// Whether a path leads to a file in the folder of the assignment or below it.
#[must_use]
pub fn is_beside(path: &str) -> bool {
    let is_step = |step: &str| !step.is_empty() && step != "..";
    !path.contains(['\\', '\0', ':']) && path.split('/').all(is_step)
}

/// The sets of seeds that rows can name.
struct Sets {
    public: Vec<u64>,
    private: Option<RowSeeds>,
}

impl Sets {
    fn check(raw: &RawSeeds, beside: &mut dyn Beside) -> Result<Sets, Mistake> {
        let public = match &raw.public {
            Some(text) => range(text)?,
            None => seeds_of(PUBLIC).expect("the default is a range"),
        };
        let private = match (&raw.private, &raw.private_file) {
            (Some(_), Some(file)) => {
                return wrong(file, "private seeds are here or in a file: leave out `private` or `private-file`");
            }
            (Some(text), None) => Some(RowSeeds::Private(range(text)?)),
            (None, Some(file)) => Some(private(file, beside)?),
            (None, None) => None,
        };
        Ok(Sets { public, private })
    }

    /// The seeds that a row names; `place` is the row.
    fn named<T>(&self, raw: Option<&Spanned<String>>, place: &Spanned<T>) -> Result<RowSeeds, Mistake> {
        let Some(raw) = raw else { return Ok(RowSeeds::Public(self.public.clone())) };
        match (raw.get_ref().as_str(), &self.private) {
            ("public", _) => Ok(RowSeeds::Public(self.public.clone())),
            ("private", Some(private)) => Ok(private.clone()),
            ("private", None) => {
                wrong(place, "there are no private seeds: write `private` or `private-file` below [seeds]")
            }
            _ => range(raw).map(RowSeeds::Public),
        }
    }
}

fn private(file: &Spanned<String>, beside: &mut dyn Beside) -> Result<RowSeeds, Mistake> {
    if !is_beside(file.get_ref()) {
        return wrong(file, "private seeds are in a file beside the assignment, like \"private.seeds\"");
    }
    let Some(text) = beside.private_seeds(file.get_ref()).or_else(|why| wrong(file, why))? else {
        return Ok(RowSeeds::Elsewhere);
    };
    let name = file.get_ref();
    let mut seeds = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        let line = line.split('#').next().unwrap_or_default().trim();
        if !line.is_empty() {
            // What stands there is not repeated: errors are seen by students.
            let more = seeds_of(line).or_else(|_| {
                wrong(
                    file,
                    format!("{name}:{number}: this is no seed and no range: write one a line, like 7 or 0..100"),
                )
            })?;
            seeds.extend(more);
            if seeds.len() > RUNS_MAX {
                return wrong(
                    file,
                    format!("{name}:{number}: up to here are {} seeds, and {RUNS_MAX} are the most", seeds.len()),
                );
            }
        }
    }
    if seeds.is_empty() {
        return wrong(file, format!("{name} has no seed: write one a line, like 7 or 0..100"));
    }
    Ok(RowSeeds::Private(once(seeds)))
}

fn range(raw: &Spanned<String>) -> Result<Vec<u64>, Mistake> {
    seeds_of(raw.get_ref()).or_else(|why| wrong(raw, why))
}

fn seeds_of(text: &str) -> Result<Vec<u64>, String> {
    let seeds: Seeds = text.parse()?;
    if seeds.count() > RUNS_MAX as u128 {
        return Err(format!("these are {} seeds, and {RUNS_MAX} are the most", seeds.count()));
    }
    Ok((0..).map_while(|place| seeds.at(place)).collect())
}

/// Seeds in their order, each once.
fn once(seeds: Vec<u64>) -> Vec<u64> {
    seeds.into_iter().collect::<BTreeSet<u64>>().into_iter().collect()
}
