//! The steps of a scenario file: what happens once, when its time has come.
//!
//! A step follows the one before it, or another that stands before it, so that no step waits for itself.

use std::collections::BTreeMap;

use serde::Deserialize;
use toml::Spanned;
use whitewater_sim::plan::Trigger;
use whitewater_sim::{Instant, ProbeId};

use super::faults::costs_a_disk;
use super::quantity::Number;
use super::strike::{RawKind, RawStrike, Setting};
use super::{MixKind, Span, Step, StepAction};
use crate::mistake::{Mistake, wrong};
use crate::probes;

/// The most steps.
const STEPS_MAX: usize = 10_000;

/// The keys of every step.
const KEYS: [&str; 6] = ["do", "name", "after", "at", "when", "wait"];

/// A step, by its name or its place in the file.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged, expecting = "a step is called by its name, like \"cut\", or by its place in the file, from 0")]
pub(super) enum RawReference {
    Place(u32),
    Name(String),
}

/// What a step waits for.
#[derive(Deserialize)]
#[serde(
    untagged,
    expecting = "a step waits for \"leader\", \"new-leader\" or \"converged\", or for a count like { commits = 50 }, \
                 { answers = 10 }, { crashes = 1 } or { probe = \"split-vote\", hits = 2 }"
)]
pub(super) enum RawWhen {
    Named(RawMoment),
    Counted(RawCounts),
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum RawMoment {
    Leader,
    NewLeader,
    Converged,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawCounts {
    commits: Option<Number>,
    answers: Option<Number>,
    crashes: Option<Number>,
    probe: Option<String>,
    hits: Option<Number>,
}

/// The names of steps, and where they stand.
pub(super) struct Names {
    places: BTreeMap<String, usize>,
    count: usize,
}

/// What other parts of the file call something else.
const RESERVED: [&str; 3] = ["start", "healed", "end"];

impl Names {
    fn new() -> Names {
        Names { places: BTreeMap::new(), count: 0 }
    }

    fn add(&mut self, name: Option<&Spanned<String>>) -> Result<(), Mistake> {
        let place = self.count;
        self.count += 1;
        let Some(name) = name else { return Ok(()) };
        let text = name.get_ref();
        let legal = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        let begins = text.starts_with(|c: char| c.is_ascii_lowercase());
        if !begins || text.len() > 60 || !text.chars().all(legal) {
            return wrong(
                name,
                "a step's name begins with a letter and has up to 60 lower-case letters, digits and hyphens, like \"cut-2\"",
            );
        }
        if RESERVED.contains(&text.as_str()) {
            return wrong(name, format!("`{text}` is a moment of every run: choose another name"));
        }
        if self.places.insert(text.clone(), place).is_some() {
            return wrong(name, format!("two steps are called `{text}`: change one of the names"));
        }
        Ok(())
    }

    /// The place of the step that is meant.
    pub(super) fn find<T>(&self, reference: &RawReference, place: &Spanned<T>) -> Result<usize, Mistake> {
        match reference {
            RawReference::Place(number) if (*number as usize) < self.count => Ok(*number as usize),
            RawReference::Place(number) => wrong(
                place,
                format!(
                    "there is no step {number} before this: steps are counted from 0, and one is named after it was taken"
                ),
            ),
            RawReference::Name(name) => match self.places.get(name) {
                Some(place) => Ok(*place),
                None => {
                    let names: Vec<&str> = self.places.keys().map(String::as_str).take(20).collect();
                    let there = if names.is_empty() { "none has a name".to_owned() } else { names.join(", ") };
                    wrong(place, format!("no step before this is called {name:?}: {there}"))
                }
            },
        }
    }
}

/// The steps of a file, and their names.
pub(super) fn check(
    raw: &[Spanned<RawStrike>],
    setting: &Setting<'_>,
    duration_ns: u64,
) -> Result<(Vec<Step>, Names), Mistake> {
    if let Some(surplus) = raw.get(STEPS_MAX) {
        return wrong(surplus, format!("there are more than {STEPS_MAX} steps: leave some of them out"));
    }
    let mut names = Names::new();
    let mut steps: Vec<Step> = Vec::new();
    for place in raw {
        let step = step(place, &steps, &names, setting, duration_ns)?;
        names.add(place.get_ref().name.as_ref())?;
        steps.push(step);
    }
    Ok((steps, names))
}

fn step(
    place: &Spanned<RawStrike>,
    before: &[Step],
    names: &Names,
    setting: &Setting<'_>,
    duration_ns: u64,
) -> Result<Step, Mistake> {
    let raw = place.get_ref();
    let Some(kind) = raw.action.as_ref().map(|kind| *kind.get_ref()) else {
        return wrong(place, "this step does not say what happens: add a line like do = \"crash\"");
    };
    raw.refuse_foreign_keys(place, kind, &KEYS)?;
    let follows = match &raw.after {
        Some(after) if matches!(after.get_ref(), RawReference::Name(name) if name == "start") => None,
        Some(after) => Some(names.find(after.get_ref(), after)?),
        None if raw.at.is_some() => None,
        None => before.len().checked_sub(1),
    };
    if let RawKind::Swizzle | RawKind::CrashLoop | RawKind::RollingRestart = kind {
        let name = kind.name();
        return wrong(
            place,
            format!("`{name}` strikes several times, and a step once: write it under [[faults]], or as several steps"),
        );
    }
    let action = match raw.strike(place, kind, setting)? {
        Some(kind) => StepAction::Strike { kind, lasting: raw.lasting()? },
        None if kind == RawKind::End => end(raw, place, before, names)?,
        None if kind == RawKind::EndAll => StepAction::EndAll,
        None => StepAction::Mark,
    };
    Ok(Step {
        name: raw.name.as_ref().map(|name| name.get_ref().clone()),
        follows,
        trigger: trigger(raw, place, duration_ns)?,
        wait: raw.wait.as_ref().map_or(Span { min_ns: 0, max_ns: 0 }, |wait| (*wait.get_ref()).into()),
        action,
    })
}

fn end(raw: &RawStrike, place: &Spanned<RawStrike>, before: &[Step], names: &Names) -> Result<StepAction, Mistake> {
    let Some(reference) = &raw.step else {
        return wrong(place, "this does not say which fault ends: add a line like step = \"cut\"");
    };
    let step = names.find(reference.get_ref(), reference)?;
    match &before[step].action {
        StepAction::Strike { .. } => Ok(StepAction::End { step }),
        StepAction::End { .. } | StepAction::EndAll | StepAction::Mark => {
            wrong(reference, "that step begins no fault that could end: name one that does")
        }
    }
}

fn trigger(raw: &RawStrike, place: &Spanned<RawStrike>, duration_ns: u64) -> Result<Trigger, Mistake> {
    match (&raw.at, &raw.when) {
        (Some(_), Some(_)) => wrong(place, "a step waits for a time or for something else: leave `at` or `when` out"),
        (None, None) => Ok(Trigger::Now),
        (Some(at), None) if at.get_ref().0 >= duration_ns => {
            wrong(at, "by then, everything is healed: choose an earlier time, or raise `timing.duration`")
        }
        (Some(at), None) => Ok(Trigger::At(Instant(at.get_ref().0))),
        (None, Some(when)) => match when.get_ref() {
            RawWhen::Named(RawMoment::Leader) => Ok(Trigger::Leader),
            RawWhen::Named(RawMoment::NewLeader) => Ok(Trigger::NewLeader),
            RawWhen::Named(RawMoment::Converged) => Ok(Trigger::Converged),
            RawWhen::Counted(counts) => counted(counts, when),
        },
    }
}

fn counted(counts: &RawCounts, place: &Spanned<RawWhen>) -> Result<Trigger, Mistake> {
    let RawCounts { commits, answers, crashes, probe, hits } = counts;
    let (trigger, count) = match (commits, answers, crashes, probe, hits) {
        (Some(Number(count)), None, None, None, None) => (Trigger::Commits(*count), *count),
        (None, Some(Number(count)), None, None, None) => (Trigger::Answers(*count), *count),
        (None, None, Some(Number(count)), None, None) => (Trigger::Crashes(*count), *count),
        (None, None, None, Some(name), hits) => {
            let hits = hits.map_or(1, |Number(hits)| hits);
            (Trigger::Probe(probe_called(name, place)?, hits), hits)
        }
        _ => {
            return wrong(
                place,
                "a step waits for one thing: commits, answers, crashes, or a probe and its hits; use several steps for several",
            );
        }
    };
    if count == 0 {
        return wrong(place, "nothing has to happen for a count of zero: write 1 or more");
    }
    Ok(trigger)
}

/// The number of the probe with this name.
pub(crate) fn probe_called<T>(name: &str, place: &Spanned<T>) -> Result<ProbeId, Mistake> {
    if let Some(probe) = probes::all().find(|probe| probe.name() == name) {
        return Ok(probe.id());
    }
    let alike = probes::all()
        .map(|probe| (strsim::jaro_winkler(name, probe.name()), probe.name()))
        .max_by(|(one, _), (other, _)| one.total_cmp(other));
    let meant = alike.filter(|(likeness, _)| *likeness >= 0.75).map(|(_, name)| format!(", did you mean {name:?}?"));
    wrong(place, format!("no probe is called {name:?}{}; `whitewater probes` lists them", meant.unwrap_or_default()))
}

/// Whether a step takes a disk away.
pub(super) fn takes_a_disk(step: &Step) -> bool {
    let is_loss = |kind: &MixKind| costs_a_disk(kind);
    matches!(&step.action, StepAction::Strike { kind, .. } if is_loss(kind))
}
