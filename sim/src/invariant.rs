//! The checks: what must hold in every run, with the identifiers that reports and scenarios use.

use std::fmt;

use crate::node::NodeId;
use crate::time::Instant;

/// A check. Sections are those of the Raft paper (Ongaro and Ousterhout, extended version).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub enum Check {
    /// At most one leader per term, ever (Figure 3).
    #[serde(rename = "I1")]
    ElectionSafety,
    /// Equal index and term imply equal logs up to there (Figure 3, 5.3).
    #[serde(rename = "I4")]
    LogMatching,
    /// One entry per applied index, across all nodes and restarts (Figure 3, 5.4.3).
    #[serde(rename = "I6")]
    StateMachineSafety,
    /// No truncation at or below the commit index.
    #[serde(rename = "I9")]
    CommittedIsImmutable,
    /// Within an incarnation term, commit and applied index never fall; a restart is never below a term that was sent.
    #[serde(rename = "I11")]
    Monotonic,
    /// applied <= commit <= last.
    #[serde(rename = "I13")]
    Order,
    /// Equal applied index implies equal state.
    #[serde(rename = "I23")]
    ReplicaAgreement,
    /// Once every fault is healed: a leader, every operation answered, every replica equal, within deadlines.
    #[serde(rename = "I24")]
    Liveness,
    /// The clients' history is linearizable (Herlihy and Wing, 1990).
    #[serde(rename = "LIN")]
    Linearizability,
    /// No node panics. Always on: a run cannot go on without the node.
    #[serde(rename = "PANIC")]
    NoPanic,
}

impl Check {
    /// All of them, in the order of their identifiers.
    pub const ALL: [Check; 10] = [
        Check::ElectionSafety,
        Check::LogMatching,
        Check::StateMachineSafety,
        Check::CommittedIsImmutable,
        Check::Monotonic,
        Check::Order,
        Check::ReplicaAgreement,
        Check::Liveness,
        Check::Linearizability,
        Check::NoPanic,
    ];

    /// The identifier, as in `I4`.
    #[must_use]
    pub fn id(self) -> &'static str {
        match self {
            Check::ElectionSafety => "I1",
            Check::LogMatching => "I4",
            Check::StateMachineSafety => "I6",
            Check::CommittedIsImmutable => "I9",
            Check::Monotonic => "I11",
            Check::Order => "I13",
            Check::ReplicaAgreement => "I23",
            Check::Liveness => "I24",
            Check::Linearizability => "LIN",
            Check::NoPanic => "PANIC",
        }
    }

    /// The name, as in `Log Matching`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Check::ElectionSafety => "Election Safety",
            Check::LogMatching => "Log Matching",
            Check::StateMachineSafety => "State Machine Safety",
            Check::CommittedIsImmutable => "Committed Is Immutable",
            Check::Monotonic => "Monotonic",
            Check::Order => "Order",
            Check::ReplicaAgreement => "Replica Agreement",
            Check::Liveness => "Liveness",
            Check::Linearizability => "Linearizability",
            Check::NoPanic => "Node Panic",
        }
    }
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.id(), self.name())
    }
}

/// A set of checks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Checks(u16);

impl Checks {
    /// Every check.
    #[must_use]
    pub fn all() -> Checks {
        Check::ALL.into_iter().collect()
    }

    /// No check: to measure what the checks cost.
    #[must_use]
    pub fn none() -> Checks {
        Checks(0)
    }

    /// Whether a check is in the set.
    #[inline]
    #[must_use]
    pub fn contains(self, check: Check) -> bool {
        self.0 >> check as u16 & 1 == 1
    }
}

impl FromIterator<Check> for Checks {
    fn from_iter<I: IntoIterator<Item = Check>>(checks: I) -> Self {
        Checks(checks.into_iter().fold(0, |set, check| set | 1 << check as u16))
    }
}

/// A check that failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Which one.
    pub check: Check,
    /// The number of the event at which it failed.
    pub event: u64,
    /// When.
    pub at: Instant,
    /// On which node, if on one.
    pub node: Option<NodeId>,
    /// Why, in one line.
    pub why: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at e{} ({}): {}", self.check, self.event, self.at, self.why)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_holds_what_was_put_in() {
        let set: Checks = [Check::LogMatching, Check::Liveness].into_iter().collect();
        let inside: Vec<Check> = Check::ALL.into_iter().filter(|check| set.contains(*check)).collect();
        assert_eq!(inside, [Check::LogMatching, Check::Liveness]);
        assert!(Check::ALL.into_iter().all(|check| Checks::all().contains(check) && !Checks::none().contains(check)));
    }
}
