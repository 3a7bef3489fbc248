//! A run as data for drawings and exports: lanes, steps, messages, operations, and what lasts for a while.
//!
//! A step is a line of the trace, or the beginning or end of an operation in a history that came without a trace. Everything
//! else refers to steps by their places, so that a drawing can put them at their virtual times or at equal distances.
//! Texts are cut and escaped for terminals here, and for their medium by whoever prints them. What it simplifies: the
//! states are what nodes said of themselves; a node that says nothing has none.

mod foreign;
mod past;
mod recorded;
mod state;
mod window;

pub use foreign::{Foreign, of_history};
pub use recorded::of_run;
pub use state::{Change, Field, Values};
use whitewater_sim::fault::FaultKind;
use whitewater_sim::observe::Role;
pub use window::Window;

use crate::words::printable;

/// A run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Timeline {
    /// Servers, and then clients.
    pub lanes: Vec<Lane>,
    /// What kinds of messages are called, in the order in which they were first seen.
    pub names: Vec<String>,
    /// What happened, in order.
    pub steps: Vec<Step>,
    /// The messages, in the order in which they were sent.
    pub letters: Vec<Letter>,
    /// The operations of clients, in the order of their invocations.
    pub operations: Vec<Operation>,
    /// What lasted for a while, in the order in which it began.
    pub spans: Vec<Span>,
    /// The place of the step to look at: where a check failed, or where the answer came that nothing explains.
    pub pointed: Option<usize>,
    /// Steps before the first that are not here at all, and behind the last.
    pub missing: (u64, u64),
}

/// Who a lane is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lane {
    /// Its name.
    pub name: String,
    /// What it is.
    pub kind: LaneKind,
}

/// What a lane shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LaneKind {
    /// A server.
    Server,
    /// A client.
    Client,
}

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// The number of the event during which it happened.
    pub event: u64,
    /// When, in virtual nanoseconds.
    pub at_ns: u64,
    /// On which lane; none for what concerns all.
    pub lane: Option<usize>,
    /// What kind of thing.
    pub kind: Kind,
    /// What happened, in words.
    pub text: String,
    /// The message that it is about.
    pub letter: Option<usize>,
    /// The operation that it is about.
    pub operation: Option<usize>,
    /// What it changed.
    pub changes: Vec<Change>,
}

/// What kind of thing a step is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A message is sent.
    Sent,
    /// A message arrives.
    Arrived,
    /// A message is lost.
    Lost,
    /// A timer runs out.
    Timer,
    /// The disk does something.
    Disk,
    /// A node says something of itself.
    State,
    /// A counted situation is met, or a node says something that is not understood.
    Note,
    /// A fault begins or ends.
    Fault,
    /// A client invokes an operation or learns its outcome.
    Client,
    /// A check fails.
    Violation,
}

/// A message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Letter {
    /// The lane of its sender.
    pub from: usize,
    /// The lane of its receiver.
    pub to: usize,
    /// What it is called: a place in [`Timeline::names`].
    pub name: usize,
    /// The step at which it was sent.
    pub sent: usize,
    /// The steps at which it arrived; several if the network copied it, none if it never did.
    pub arrivals: Vec<usize>,
    /// The step at which it was lost, that of its sending or one at its receiver.
    pub lost: Option<usize>,
}

/// An operation of a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operation {
    /// Its number in the history.
    pub number: u64,
    /// The lane of its client.
    pub lane: usize,
    /// What was asked.
    pub text: String,
    /// What was answered.
    pub answer: Option<String>,
    /// The step at which it was invoked.
    pub invoked: usize,
    /// The step at which it ended.
    pub ended: Option<usize>,
    /// How it ended.
    pub end: End,
}

/// How an operation ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// It was answered.
    Returned,
    /// It certainly had no effect.
    Failed,
    /// Nobody knows.
    Unknown,
    /// It never ended.
    Open,
}

/// What lasts for a while.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Span {
    /// On which lane; none for what concerns all.
    pub lane: Option<usize>,
    /// What kind of thing.
    pub kind: SpanKind,
    /// What it is.
    pub label: String,
    /// The step with which it begins.
    pub from: usize,
    /// The step with which it ends; none: it lasts to the end.
    pub until: Option<usize>,
}

/// What kind of thing lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SpanKind {
    /// A node has a role.
    Role(Role),
    /// A node is down.
    Down,
    /// A sync of the disk is under way.
    Sync,
    /// A fault is under way.
    Fault(FaultClass),
}

/// What a fault hurts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultClass {
    /// Links.
    Network,
    /// The process.
    Process,
    /// The disk.
    Disk,
    /// The clock.
    Clock,
}

impl FaultClass {
    pub(crate) fn of(kind: &FaultKind) -> FaultClass {
        match kind {
            FaultKind::Cut { .. }
            | FaultKind::CutLink { .. }
            | FaultKind::CutLinks { .. }
            | FaultKind::Clog { .. }
            | FaultKind::Filter { .. }
            | FaultKind::Links { .. } => FaultClass::Network,
            FaultKind::Crash { .. }
            | FaultKind::CrashAt { .. }
            | FaultKind::CrashClient { .. }
            | FaultKind::Pause { .. }
            | FaultKind::Slow { .. } => FaultClass::Process,
            FaultKind::SlowDisk { .. }
            | FaultKind::FailDisk { .. }
            | FaultKind::Wipe { .. }
            | FaultKind::Damage { .. } => FaultClass::Disk,
            FaultKind::ClockStep { .. } | FaultKind::FreezeClock { .. } => FaultClass::Clock,
        }
    }
}

/// How many characters of a text are kept.
const TEXT: usize = 240;

/// A text as it can be shown in one line: with escapes, and cut in the middle if it is long.
#[must_use]
pub fn fit(text: &str) -> String {
    let Some((end, _)) = text.char_indices().nth(TEXT) else { return printable(text) };
    let half = |text: &mut dyn Iterator<Item = char>| text.take(TEXT / 2).collect::<String>();
    let tail: String = half(&mut text.chars().rev()).chars().rev().collect();
    let head = half(&mut text[..end].chars());
    printable(&format!("{head} ... {tail}"))
}

impl Timeline {
    /// How many events there are.
    #[must_use]
    pub fn events(&self) -> u64 {
        events(&self.steps)
    }
}

/// How many events some steps are.
pub(crate) fn events(steps: &[Step]) -> u64 {
    steps.chunk_by(|one, other| one.event == other.event).count() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_text_keeps_both_ends_and_no_text_turns_around() {
        let long = format!("<{}\u{202e}>", "x".repeat(1 << 20));
        let short = fit(&long);
        assert!(short.starts_with("<xxx") && short.ends_with("x\\u{202e}>") && short.len() < 300, "{short}");
        assert_eq!(fit("short"), "short");
    }
}
