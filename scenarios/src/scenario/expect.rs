//! The expectations of a scenario file: what must be true between two moments, in figures or in a word.

use serde::Deserialize;
use toml::Spanned;
use whitewater_sim::plan::{Edge, Quantity};

use super::Expectation;
use super::quantity::{Duration, Moment, Number};
use super::steps::{Names, RawReference, probe_called};
use crate::mistake::{Mistake, wrong};

/// The most expectations.
const EXPECTATIONS_MAX: usize = 1_000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawExpectation {
    what: Option<Spanned<RawWhat>>,
    must: Option<RawMust>,
    at_least: Option<Number>,
    at_most: Option<Number>,
    exactly: Option<Number>,
    from: Option<Spanned<RawEdge>>,
    until: Option<Spanned<RawEdge>>,
    within: Option<Spanned<Duration>>,
}

#[derive(Deserialize)]
#[serde(
    untagged,
    expecting = "what is looked at is \"commits\", \"answers\", \"messages\", \"bytes\", \"leaders\", \"led\", \
                 \"disk-bytes\", or a probe like { probe = \"split-vote\" }"
)]
enum RawWhat {
    Named(RawQuantity),
    Probe(RawProbe),
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum RawQuantity {
    Commits,
    Answers,
    Messages,
    Bytes,
    Leaders,
    Led,
    DiskBytes,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawProbe {
    probe: String,
}

/// Expectations that are often needed, in a word.
#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum RawMust {
    Commit,
    NotCommit,
    Answer,
    NotAnswer,
    HaveALeader,
    HaveNoLeader,
    Recover,
}

#[derive(Deserialize)]
#[serde(
    untagged,
    expecting = "a moment is a time like \"2s\", a step like \"cut\", \"start\", \"healed\" or \"end\", or a while after \
                 one of them, like { after = \"cut\", plus = \"1s\" }"
)]
enum RawEdge {
    At(RawReference),
    After(RawAfter),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawAfter {
    after: RawReference,
    plus: Duration,
}

/// What expectations are checked against.
pub(super) struct Frame<'s> {
    pub(super) names: &'s Names,
    /// When the run is over at the latest, in nanoseconds.
    pub(super) end_ns: u64,
}

/// The expectations of a file.
pub(super) fn check(raw: &[Spanned<RawExpectation>], frame: &Frame<'_>) -> Result<Vec<Expectation>, Mistake> {
    if let Some(surplus) = raw.get(EXPECTATIONS_MAX) {
        return wrong(surplus, format!("there are more than {EXPECTATIONS_MAX} expectations: leave some of them out"));
    }
    raw.iter().map(|place| place.get_ref().check(place, frame)).collect()
}

impl RawExpectation {
    fn check(&self, place: &Spanned<RawExpectation>, frame: &Frame<'_>) -> Result<Expectation, Mistake> {
        let (quantity, at_least, at_most) = self.demand(place)?;
        let from = match &self.from {
            Some(from) => edge(from, frame)?,
            None => Edge::Start { after_ns: 0 },
        };
        if let (Edge::End, Some(place)) = (from, &self.from) {
            return wrong(place, "nothing comes after the end: choose an earlier moment");
        }
        let until = match (&self.until, &self.within) {
            (Some(_), Some(_)) => return wrong(place, "leave `until` or `within` out: both say where the window ends"),
            (Some(until), None) => edge(until, frame)?,
            (None, Some(within)) => later(from, within, frame)?,
            (None, None) => Edge::End,
        };
        if let (Edge::Start { after_ns: from_ns }, Edge::Start { after_ns: until_ns }) = (from, until)
            && from_ns > until_ns
        {
            return wrong(place, "this window ends before it begins: swap `from` and `until`");
        }
        Ok(Expectation { from, until, quantity, at_least, at_most })
    }

    /// What is looked at, the least and the most that it may be.
    fn demand(&self, place: &Spanned<RawExpectation>) -> Result<(Quantity, u64, u64), Mistake> {
        if let Some(must) = self.must {
            if self.what.is_some() || self.at_least.is_some() || self.at_most.is_some() || self.exactly.is_some() {
                return wrong(place, "`must` says everything: leave it out, or `what` and its figures");
            }
            return Ok(must.demand());
        }
        let Some(what) = &self.what else {
            return wrong(
                place,
                "this expects nothing: add lines like what = \"commits\" and at_least = 1, or must = \"commit\"",
            );
        };
        let quantity = match what.get_ref() {
            RawWhat::Named(RawQuantity::Commits) => Quantity::Commits,
            RawWhat::Named(RawQuantity::Answers) => Quantity::Answers,
            RawWhat::Named(RawQuantity::Messages) => Quantity::Messages,
            RawWhat::Named(RawQuantity::Bytes) => Quantity::Bytes,
            RawWhat::Named(RawQuantity::Leaders) => Quantity::Leaders,
            RawWhat::Named(RawQuantity::Led) => Quantity::Led,
            RawWhat::Named(RawQuantity::DiskBytes) => Quantity::DiskBytes,
            RawWhat::Probe(RawProbe { probe }) => Quantity::Probe(probe_called(probe, what)?),
        };
        match (self.exactly, self.at_least, self.at_most) {
            (Some(Number(exactly)), None, None) => Ok((quantity, exactly, exactly)),
            (Some(_), ..) => wrong(place, "`exactly` says everything: leave it out, or `at_least` and `at_most`"),
            (None, None, None) => wrong(place, "this has no figure: add at_least, at_most or exactly"),
            (None, at_least, at_most) => {
                let (least, most) = (at_least.map_or(0, |count| count.0), at_most.map_or(u64::MAX, |count| count.0));
                if least > most {
                    return wrong(place, "`at_least` is above `at_most`: swap them");
                }
                Ok((quantity, least, most))
            }
        }
    }
}

impl RawMust {
    fn demand(self) -> (Quantity, u64, u64) {
        match self {
            RawMust::Commit => (Quantity::Commits, 1, u64::MAX),
            RawMust::NotCommit => (Quantity::Commits, 0, 0),
            RawMust::Answer | RawMust::Recover => (Quantity::Answers, 1, u64::MAX),
            RawMust::NotAnswer => (Quantity::Answers, 0, 0),
            RawMust::HaveALeader => (Quantity::Led, 1, 1),
            RawMust::HaveNoLeader => (Quantity::Led, 0, 0),
        }
    }
}

fn edge(place: &Spanned<RawEdge>, frame: &Frame<'_>) -> Result<Edge, Mistake> {
    match place.get_ref() {
        RawEdge::At(RawReference::Name(text)) if text.starts_with(|c: char| c.is_ascii_digit()) => {
            match Moment::parse(text) {
                Ok(Duration(after_ns)) => in_time(Edge::Start { after_ns }, place, frame),
                Err(message) => wrong(place, message),
            }
        }
        RawEdge::At(reference) => named(reference, 0, place, frame),
        RawEdge::After(RawAfter { after, plus: Duration(plus_ns) }) => {
            in_time(named(after, *plus_ns, place, frame)?, place, frame)
        }
    }
}

fn named(
    reference: &RawReference,
    after_ns: u64,
    place: &Spanned<RawEdge>,
    frame: &Frame<'_>,
) -> Result<Edge, Mistake> {
    match reference {
        RawReference::Name(name) if name == "start" => Ok(Edge::Start { after_ns }),
        RawReference::Name(name) if name == "healed" => Ok(Edge::Healed { after_ns }),
        RawReference::Name(name) if name == "end" && after_ns == 0 => Ok(Edge::End),
        RawReference::Name(name) if name == "end" => {
            wrong(place, "nothing comes after the end: choose an earlier moment")
        }
        RawReference::Place(_) | RawReference::Name(_) => {
            Ok(Edge::Step { step: frame.names.find(reference, place)?, after_ns })
        }
    }
}

/// The same moment, and so much later.
fn later(edge: Edge, within: &Spanned<Duration>, frame: &Frame<'_>) -> Result<Edge, Mistake> {
    let plus_ns = within.get_ref().0;
    let edge = match edge {
        Edge::Start { after_ns } => Edge::Start { after_ns: after_ns + plus_ns },
        Edge::Step { step, after_ns } => Edge::Step { step, after_ns: after_ns + plus_ns },
        Edge::Healed { after_ns } => Edge::Healed { after_ns: after_ns + plus_ns },
        Edge::End => unreachable!("no window begins at the end"),
    };
    in_time(edge, within, frame)
}

/// Refuses moments that no run sees.
fn in_time<T>(edge: Edge, place: &Spanned<T>, frame: &Frame<'_>) -> Result<Edge, Mistake> {
    match edge {
        Edge::Start { after_ns } | Edge::Step { after_ns, .. } | Edge::Healed { after_ns }
            if after_ns > frame.end_ns =>
        {
            wrong(place, "by then, every run is over: choose an earlier moment, or raise `timing.duration`")
        }
        Edge::Start { .. } | Edge::Step { .. } | Edge::Healed { .. } | Edge::End => Ok(edge),
    }
}
