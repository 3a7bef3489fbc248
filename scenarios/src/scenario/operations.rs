//! The operations of a scenario file that are written down, and the failure that it was written for.

use serde::Deserialize;
use toml::Spanned;
use whitewater_sim::{Check, Instant};

use super::quantity::{Duration, Moment};
use super::words;
use super::{Fingerprint, PlannedOperation};
use crate::generate::{FOREVER, Path, Planned};
use crate::mistake::{Mistake, wrong};

/// The most operations that are written down.
const OPERATIONS_MAX: usize = 100_000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawOperation {
    client: Spanned<u32>,
    at: Option<Spanned<Moment>>,
    think: Option<Spanned<Duration>>,
    until: Option<Spanned<RawUntil>>,
    #[serde(rename = "do")]
    operation: Spanned<String>,
    via: Option<Spanned<RawPath>>,
}

#[derive(Deserialize)]
#[serde(untagged, expecting = "an operation is begun until a time like \"2s\", or, whatever happens, \"answered\"")]
enum RawUntil {
    Word(RawAnswered),
    Time(Moment),
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum RawAnswered {
    Answered,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum RawPath {
    Log,
    Quorum,
    Lease,
    AnyServer,
}

impl Path {
    /// The word for it in a scenario file.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Path::Log => "log",
            Path::Quorum => "quorum",
            Path::Lease => "lease",
            Path::AnyServer => "any-server",
        }
    }
}

/// Until when an operation of this time is begun, if nothing is said: to the end of the safety phase, or else for ever.
pub(super) fn not_after(not_before: Instant, duration_ns: u64) -> Instant {
    if not_before.0 < duration_ns { Instant(duration_ns) } else { FOREVER }
}

/// The operations of a file.
pub(super) fn check(
    raw: Vec<Spanned<RawOperation>>,
    clients: u32,
    duration_ns: u64,
    settle_ns: u64,
) -> Result<Vec<PlannedOperation>, Mistake> {
    if let Some(surplus) = raw.get(OPERATIONS_MAX) {
        return wrong(surplus, format!("there are more than {OPERATIONS_MAX} operations: leave some of them out"));
    }
    let frame = Frame { clients, duration_ns, end_ns: duration_ns + settle_ns };
    raw.iter().map(|raw| raw.get_ref().check(raw, &frame)).collect()
}

/// The run that operations are a part of.
struct Frame {
    clients: u32,
    duration_ns: u64,
    end_ns: u64,
}

impl RawOperation {
    fn check(&self, whole: &Spanned<RawOperation>, frame: &Frame) -> Result<PlannedOperation, Mistake> {
        let Frame { clients, duration_ns, .. } = *frame;
        let client = *self.client.get_ref();
        if client >= clients {
            let last = clients - 1;
            return wrong(
                &self.client,
                format!("client {client} does not exist: this scenario has clients 0 to {last}"),
            );
        }
        let (not_before, think_ns) = self.begin(whole, frame)?;
        let not_after = match &self.until {
            None => not_after(not_before, duration_ns),
            Some(until) => match until.get_ref() {
                RawUntil::Word(RawAnswered::Answered) => FOREVER,
                RawUntil::Time(Duration(ns)) if *ns < not_before.0 => {
                    return wrong(until, "this is before the operation may begin: raise it");
                }
                RawUntil::Time(Duration(ns)) => Instant(*ns),
            },
        };
        let operation = match words::parse(self.operation.get_ref()) {
            Ok(operation) => operation,
            Err(message) => return wrong(&self.operation, message),
        };
        let path = match self.via.as_ref().map(|via| *via.get_ref()) {
            Some(RawPath::Log) | None => Path::Log,
            Some(RawPath::Quorum) => Path::Quorum,
            Some(RawPath::Lease) => Path::Lease,
            Some(RawPath::AnyServer) => Path::AnyServer,
        };
        if let Some(via) = &self.via
            && path != Path::Log
            && !operation.only_reads()
        {
            return wrong(via, "what writes goes through the log: leave `via` out");
        }
        Ok(PlannedOperation { client, planned: Planned { not_before, not_after, operation, path }, think_ns })
    }

    /// Its earliest time; and how long the client thinks before, if it follows an answer.
    fn begin(&self, whole: &Spanned<RawOperation>, frame: &Frame) -> Result<(Instant, Option<u64>), Mistake> {
        match (&self.at, &self.think) {
            (Some(at), None) if at.get_ref().0 > frame.end_ns => {
                wrong(at, "by then, every run is over: choose an earlier time, or raise `timing.duration`")
            }
            (Some(at), None) => Ok((Instant(at.get_ref().0), None)),
            (None, Some(think)) => Ok((Instant::START, Some(think.get_ref().0))),
            (Some(_), Some(think)) => {
                wrong(think, "an operation has a time, or follows an answer: leave `at` or `think` out")
            }
            (None, None) => wrong(
                whole,
                "this operation does not say when it begins: add a line like at = \"1s\"; or one like think = \"20ms\", if it \
                 begins so long after an answer",
            ),
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawFailure {
    check: Check,
    #[serde(default)]
    operations: Vec<String>,
    #[serde(default)]
    position: String,
}

impl From<RawFailure> for Fingerprint {
    fn from(RawFailure { check, operations, position }: RawFailure) -> Fingerprint {
        Fingerprint { check, operations, position }
    }
}
