//! The verdict on a recorded history as JSON, for programs: the schema `whitewater/check/v1`.
//!
//! - `schema`: `whitewater/check/v1`. Fields may be added without a new version.
//! - `verdict`: `linearizable`, `violation` or `inconclusive`; with the fields `violation` or `inconclusive`, else null.
//! - `tier`: what the verdict rests on, `witness`, `monitoring`, `search`, or `online` if it was followed while it came.
//! - `format`, `operations`, `keys`, `partitions`, `steps`: the history, and what the check took. `passed_over` is how many
//!   entries of the file were not about operations of clients; `stream_left_at` is the line at which a stream that goes on
//!   was left, because nothing explains the answer in it (null if all was read).
//! - `violation`: the `partition` without an order (empty for a register); the number of its `culprit`, the first operation whose answer no order
//!   explains, if `is_shortest`; the `reason` in one sentence; and the `operations` that show it, none of which can be left
//!   out, if `is_minimal`, in the order of their invocations; what else the answers come from is among them, if
//!   `has_all_sources`.
//! - Each of those has its `number` in the history, its `client`, the `operation`, its `answer` (null if it has none), what
//!   it `could` have been answered, `from` and `until` when it was in flight (in lines of the file or virtual time; null if
//!   it did not end), the same as positions in the order of all events (`invoked`, `returned`; the latter is null if it
//!   does not matter), and its `role`: `answer` (with it left out there is an order), `source` (an answer comes from
//!   it) or `loose-source` (the same, but its end does not matter).
//!   `lane` says on which line of the drawing it is.
//! - `inconclusive`: the `reason`, and the `undecided` partitions, each with how many of its `events` the search had
//!   `passed`, the `configurations` that it remembers, and what made it hard: its `operations`, how many of them were
//!   `in_flight` at once, and how many are of `unknown` outcome.
//! - `weaker`, if it was asked for: sequential consistency and the guarantees of sessions, each with its `name`, whether it
//!   `is_kept` (null if that cannot be told), and `why` not.
//!
//! What it simplifies: keys and values are in the words that people read.

use serde::Serialize;
use whitewater_sim::check::{Account, Role, Told};

/// The name of the schema.
pub const SCHEMA: &str = "whitewater/check/v1";

/// A verdict on a history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// What it rests on.
    pub tier: String,
    /// The format of the file.
    pub format: String,
    /// Operations in the history.
    pub operations: u64,
    /// Entries of the file that are not about operations of clients.
    pub passed_over: u64,
    /// The line at which a stream was left, because nothing explains the answer in it.
    pub stream_left_at: Option<u64>,
    /// Keys that they name.
    pub keys: u64,
    /// Independent partitions.
    pub partitions: u64,
    /// Steps taken.
    pub steps: u64,
    /// What was found.
    pub outcome: Outcome,
    /// Other verdicts, if they were asked for.
    pub weaker: Vec<Weaker>,
}

/// A verdict on something weaker than linearizability.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Weaker {
    /// Its name, as in `monotonic reads`.
    pub name: String,
    /// Whether the history keeps it; `None` if that cannot be told.
    pub is_kept: Option<bool>,
    /// An example, or why it cannot be told.
    pub why: Option<String>,
}

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// There is an order.
    Linearizable,
    /// There is none.
    Violation(Account),
    /// The budget ran out.
    Inconclusive {
        /// What ran out, and what to do.
        reason: String,
        /// The partitions that are undecided.
        undecided: Vec<Undecided>,
    },
}

/// A partition that was not decided: how far the search came in it, and what made it hard.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Undecided {
    /// Its name.
    pub partition: String,
    /// Operations that count: none that failed, and none of unknown outcome that only observes.
    pub operations: u64,
    /// How many of them have an unknown outcome.
    pub unknown: u64,
    /// The most in flight at once, without those of unknown outcome.
    pub in_flight: u64,
    /// Invocations and returns.
    pub events: u64,
    /// How many of them the search passed, in the order that came furthest.
    pub passed: u64,
    /// Configurations that it remembers.
    pub configurations: u64,
}

/// The verdict as indented JSON, with a line break at the end.
#[must_use]
pub fn write(check: &Check) -> String {
    let (verdict, violation, inconclusive) = match &check.outcome {
        Outcome::Linearizable => ("linearizable", None, None),
        Outcome::Violation(account) => ("violation", Some(WrittenViolation::of(account)), None),
        Outcome::Inconclusive { reason, undecided } => {
            ("inconclusive", None, Some(WrittenInconclusive { reason, undecided }))
        }
    };
    let written = WrittenCheck {
        schema: SCHEMA,
        verdict,
        tier: &check.tier,
        format: &check.format,
        operations: check.operations,
        passed_over: check.passed_over,
        stream_left_at: check.stream_left_at,
        keys: check.keys,
        partitions: check.partitions,
        steps: check.steps,
        violation,
        inconclusive,
        weaker: &check.weaker,
    };
    serde_json::to_string_pretty(&written).expect("the model has nothing that JSON cannot hold") + "\n"
}

#[derive(Serialize)]
struct WrittenCheck<'a> {
    schema: &'a str,
    verdict: &'a str,
    tier: &'a str,
    format: &'a str,
    operations: u64,
    passed_over: u64,
    stream_left_at: Option<u64>,
    keys: u64,
    partitions: u64,
    steps: u64,
    violation: Option<WrittenViolation<'a>>,
    inconclusive: Option<WrittenInconclusive<'a>>,
    #[serde(skip_serializing_if = "<[Weaker]>::is_empty")]
    weaker: &'a [Weaker],
}

#[derive(Serialize)]
struct WrittenViolation<'a> {
    partition: &'a str,
    culprit: u32,
    is_shortest: bool,
    reason: &'a str,
    is_minimal: bool,
    has_all_sources: bool,
    operations: Vec<WrittenOperation<'a>>,
}

#[derive(Serialize)]
struct WrittenOperation<'a> {
    number: u32,
    client: u64,
    lane: usize,
    operation: &'a str,
    answer: Option<&'a str>,
    could: &'a [String],
    from: &'a str,
    until: Option<&'a str>,
    invoked: u64,
    returned: Option<u64>,
    role: &'a str,
}

#[derive(Serialize)]
struct WrittenInconclusive<'a> {
    reason: &'a str,
    undecided: &'a [Undecided],
}

impl<'a> WrittenViolation<'a> {
    fn of(account: &'a Account) -> WrittenViolation<'a> {
        let mut lanes: Vec<u64> = Vec::new();
        let mut operation = |told: &'a Told| {
            let lane = lanes.iter().position(|client| *client == told.client).unwrap_or_else(|| {
                lanes.push(told.client);
                lanes.len() - 1
            });
            WrittenOperation {
                number: told.id.0,
                client: told.client,
                lane,
                operation: &told.operation,
                answer: told.answer.as_deref(),
                could: &told.legal,
                from: &told.from,
                until: told.until.as_deref(),
                invoked: told.invoked,
                returned: told.returned,
                role: match told.role {
                    Role::Answer => "answer",
                    Role::Source => "source",
                    Role::LooseSource => "loose-source",
                },
            }
        };
        WrittenViolation {
            partition: &account.partition,
            culprit: account.culprit.0,
            is_shortest: account.is_shortest,
            reason: &account.reason,
            is_minimal: account.is_minimal,
            has_all_sources: account.has_all_sources,
            operations: account.operations.iter().map(&mut operation).collect(),
        }
    }
}
