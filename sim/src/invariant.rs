//! The checks: what must hold in every run, with the identifiers that reports and scenarios use.

use std::fmt;

use crate::node::NodeId;
use crate::time::Instant;

/// Declares the checks, each with its identifier, its name and what it demands.
macro_rules! checks {
    ($($id:literal $variant:ident $name:literal $demand:literal;)*) => {
        /// A check. Sections are those of the Raft paper (Ongaro and Ousterhout, extended version) unless marked as the
        /// dissertation's (Ongaro, "Consensus: Bridging Theory and Practice", 2014).
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
        pub enum Check {
            $(#[doc = $demand] #[serde(rename = $id)] $variant,)*
        }

        impl Check {
            /// All of them, in the order of their identifiers.
            pub const ALL: [Check; [$($id),*].len()] = [$(Check::$variant,)*];

            /// The identifier, as in `I4`.
            #[must_use]
            pub fn id(self) -> &'static str {
                match self { $(Check::$variant => $id,)* }
            }

            /// The name, as in `Log Matching`.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $(Check::$variant => $name,)* }
            }

            /// What it demands, in a sentence or two.
            #[must_use]
            pub fn demand(self) -> &'static str {
                match self { $(Check::$variant => $demand,)* }
            }
        }
    };
}

checks! {
    "I1" ElectionSafety "Election Safety"
        "At most one leader per term, ever, and only with the votes of a majority (Figure 3, 5.2).";
    "I2" VoteOnce "Vote Once"
        "A server votes for one candidate per term, restarts included; the vote is durable before it is sent (5.2, 5.6).";
    "I3" LeaderAppendOnly "Leader Append-Only"
        "A leader never replaces entries of its log (Figure 3).";
    "I4" LogMatching "Log Matching"
        "Equal index and term imply equal logs up to there (Figure 3, 5.3).";
    "I5" LeaderCompleteness "Leader Completeness"
        "The leader of a term has every entry that was committed in an earlier one (Figure 3, 5.4).";
    "I6" StateMachineSafety "State Machine Safety"
        "One entry per committed and applied index, across all nodes and restarts (Figure 3, 5.4.3).";
    "I7" CommitLegality "Commit Legality"
        "A leader commits through an entry of its own term that is durable on a majority (5.4.2); others commit no more.";
    "I8" QuorumDurability "Quorum Durability"
        "What is committed stays on a majority of disks, and no disk loses what a sync promised (5.4, 5.6).";
    "I9" CommittedIsImmutable "Committed Is Immutable"
        "No truncation at or below the commit index (5.3).";
    "I10" AckHonesty "Ack Honesty"
        "Who acknowledges an entry has the leader's log up to it on its disk (5.3, 5.6).";
    "I11" Monotonic "Monotonic"
        "Within an incarnation term, commit and applied index never fall, nor a match index within a leadership; a restart is \
         never below a term that was durable or sent (Figure 2).";
    "I12" Progress "Progress"
        "A leader sends a follower what is behind its match index, and keeps to the window (Figure 2, dissertation 10.2).";
    "I13" Order "Order"
        "compacted <= snapshot <= applied <= commit <= last, and a log has no gaps (Figure 2, 7).";
    "I14" MessageTerm "Message Term"
        "A message's term is durable at its sender (5.1, 5.6).";
    "I15" LogTerms "Log Terms"
        "Terms in a log never decrease and never exceed the current term, on disk as in memory (5.3).";
    "I16" Roles "Roles"
        "Roles change only as Figure 4 allows, with pre-candidates as in dissertation 9.6.";
    "I17" Configuration "Configuration"
        "At most one uncommitted change, none before an entry of the leader's term is committed, one voter at a time or joint \
         (6, dissertation 4).";
    "I18" VotersOnly "Voters Only"
        "Learners and servers that are no members count in no majority (dissertation 4.2).";
    "I19" ReadFloor "Read Floor"
        "A read that began when an entry was committed reflects it (8, dissertation 6.4).";
    "I20" Lease "Lease"
        "No leader of a higher term exists while a lease lets a read pass (dissertation 6.4.1).";
    "I21" ExactlyOnce "Exactly Once"
        "A request of a session takes effect once at most (8, dissertation 6.3).";
    "I22" Snapshot "Snapshot"
        "A snapshot holds the committed state and configuration of its index (7, dissertation 5).";
    "I23" ReplicaAgreement "Replica Agreement"
        "Equal applied index implies equal state (2).";
    "I24" Liveness "Liveness"
        "Once every fault is healed: a leader, every operation answered, every replica equal, within deadlines.";
    "LIN" Linearizability "Linearizability"
        "The clients' history is linearizable (Herlihy and Wing, 1990).";
    "EXPECT" Expectation "Expectation"
        "What the scenario expects of this run.";
    "PANIC" NoPanic "Node Panic"
        "No node panics. Always on: a run cannot go on without the node.";
    "PROTOCOL" Protocol "Node Protocol"
        "A node that is a process of its own keeps to the protocol of such nodes, and stays alive. Always on, like PANIC.";
}

/// What kind of thing a check demands (Alpern and Schneider, "Defining Liveness", 1985).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Property {
    /// That nothing bad happens: no data is lost or made up, nobody is told what is not so.
    Safety,
    /// That something good happens, in time.
    Liveness,
}

impl Check {
    /// What kind of thing it demands. What a scenario expects is mostly a deadline or a bound; a node that stops is one
    /// fault more, which harms nobody's data.
    #[must_use]
    pub fn property(self) -> Property {
        match self {
            Check::ElectionSafety
            | Check::VoteOnce
            | Check::LeaderAppendOnly
            | Check::LogMatching
            | Check::LeaderCompleteness
            | Check::StateMachineSafety
            | Check::CommitLegality
            | Check::QuorumDurability
            | Check::CommittedIsImmutable
            | Check::AckHonesty
            | Check::Monotonic
            | Check::Order
            | Check::MessageTerm
            | Check::LogTerms
            | Check::Roles
            | Check::Configuration
            | Check::VotersOnly
            | Check::ReadFloor
            | Check::Lease
            | Check::ExactlyOnce
            | Check::Snapshot
            | Check::ReplicaAgreement
            | Check::Linearizability => Property::Safety,
            Check::Progress | Check::Liveness | Check::Expectation | Check::NoPanic | Check::Protocol => {
                Property::Liveness
            }
        }
    }
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.id(), self.name())
    }
}

/// The checks that others than the observer make.
const ELSEWHERE: [Check; 5] =
    [Check::Liveness, Check::Linearizability, Check::Expectation, Check::NoPanic, Check::Protocol];

/// A set of checks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Checks(u32);

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
        self.0 >> check as u32 & 1 == 1
    }

    /// Whether a check in the set is made by the observer, during the run.
    #[must_use]
    pub(crate) fn are_online(self) -> bool {
        Check::ALL.into_iter().any(|check| self.contains(check) && !ELSEWHERE.contains(&check))
    }
}

impl FromIterator<Check> for Checks {
    fn from_iter<I: IntoIterator<Item = Check>>(checks: I) -> Self {
        Checks(checks.into_iter().fold(0, |set, check| set | 1 << check as u32))
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

    #[test]
    fn identifiers_are_numbered_without_gaps() {
        let numbered = Check::ALL.into_iter().take(24).map(Check::id);
        assert!(numbered.eq((1..=24).map(|number| format!("I{number}"))));
    }

    #[test]
    fn what_is_judged_elsewhere_keeps_no_ghost_busy() {
        let judged: Checks = ELSEWHERE.into_iter().collect();
        assert!(!judged.are_online() && !Checks::none().are_online());
        assert!([Check::ReplicaAgreement].into_iter().collect::<Checks>().are_online());
    }
}
