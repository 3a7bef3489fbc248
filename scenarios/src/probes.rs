//! The probes: every situation that a run is to meet, in one list (protocol coverage).
//!
//! A probe is declared once, by the crate whose code can tell that the situation occurs: [`whitewater_raft::Probe`] for
//! the protocol, [`whitewater_kv::Probe`] for the store, and [`Probe`] here for what only shows from outside of a server.
//! This file puts the three lists together; the place in the joint list is the number under which runs count. Sections
//! are those of the dissertation. What it simplifies: a probe says that a situation occurred, not that it was handled
//! well; that is what checks are for.

use whitewater_reports::model::{ProbeCount, ProbeRecord, Reach};
use whitewater_sim::ProbeId;

whitewater_raft::probes! {
    /// A situation that shows only from outside of the servers.
    Probe:
    "3.6" CommitUnknownToNewLeader "commit-unknown-to-new-leader"
        "A server became leader that did not know yet how far the log was committed.";
    "3.8" DiskStallOnLeader "disk-stall-on-leader"
        "A leader's disk took longer than an election timeout to make a write durable.";
    "4.3" LeaderDiesInJoint "leader-dies-in-joint"
        "A leader crashed while its configuration was joint.";
    "3.8" ReaddedAfterWipe "readded-after-wipe"
        "A server that had lost its disk became a member again.";
    "9.6" OneWayPartitionRejoin "one-way-partition-rejoin"
        "A server that had not been heard while it heard others became a follower again without deposing their leader.";
}

/// A probe of the joint list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Declared {
    /// Of the protocol.
    Raft(whitewater_raft::Probe),
    /// Of the store.
    Store(whitewater_kv::Probe),
    /// Of this crate.
    Outside(Probe),
}

const RAFT: usize = whitewater_raft::Probe::ALL.len();
const STORE: usize = whitewater_kv::Probe::ALL.len();

/// How many probes there are.
pub const COUNT: usize = RAFT + STORE + Probe::ALL.len();

/// All probes, in the order of their numbers.
pub fn all() -> impl Iterator<Item = Declared> {
    let raft = whitewater_raft::Probe::ALL.iter().map(|probe| Declared::Raft(*probe));
    let store = whitewater_kv::Probe::ALL.iter().map(|probe| Declared::Store(*probe));
    let outside = Probe::ALL.iter().map(|probe| Declared::Outside(*probe));
    raft.chain(store).chain(outside)
}

impl Declared {
    /// The number under which runs count it.
    #[must_use]
    pub fn id(self) -> ProbeId {
        let place = match self {
            Declared::Raft(probe) => probe as usize,
            Declared::Store(probe) => RAFT + probe as usize,
            Declared::Outside(probe) => RAFT + STORE + probe as usize,
        };
        ProbeId(place as u16)
    }

    /// The probe that runs count under this number.
    #[must_use]
    pub fn of(id: ProbeId) -> Option<Declared> {
        all().nth(usize::from(id.0))
    }

    /// Whether clients notice the situation, so that any system can hit it. All others are noticed by servers, if by anybody.
    #[must_use]
    pub fn shows_to_clients(self) -> bool {
        self == Declared::Store(whitewater_kv::Probe::OutcomeUnknown)
    }

    /// The section that describes the situation.
    #[must_use]
    pub fn section(self) -> &'static str {
        match self {
            Declared::Raft(probe) => probe.section(),
            Declared::Store(probe) => probe.section(),
            Declared::Outside(probe) => probe.section(),
        }
    }

    /// The name: lower-case words joined by hyphens.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Declared::Raft(probe) => probe.name(),
            Declared::Store(probe) => probe.name(),
            Declared::Outside(probe) => probe.name(),
        }
    }

    /// What happened, in one sentence.
    #[must_use]
    pub fn summary(self) -> &'static str {
        match self {
            Declared::Raft(probe) => probe.summary(),
            Declared::Store(probe) => probe.summary(),
            Declared::Outside(probe) => probe.summary(),
        }
    }
}

/// What is kept of every probe in a campaign, in the order of their numbers, where the system can hit these.
#[must_use]
pub fn records(can_hit: impl Fn(Declared) -> bool) -> Vec<ProbeRecord> {
    let record = |probe: Declared| ProbeRecord {
        name: probe.name().to_owned(),
        section: probe.section().to_owned(),
        summary: probe.summary().to_owned(),
        reach: if can_hit(probe) { Reach::Within } else { Reach::Beyond },
    };
    all().map(record).collect()
}

/// What a run hit, from how often it hit each probe, in the order of their numbers.
#[must_use]
pub fn counts(hits: &[u32]) -> Vec<ProbeCount> {
    (0..).zip(hits).filter(|(_, count)| **count > 0).map(|(probe, count)| ProbeCount { probe, count: *count }).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// Every situation that is worth knowing of, written out once more: nothing may get lost.
    const WANTED: &str = "
        split-vote vote-refused-stale-term vote-refused-stale-log-term vote-refused-short-log vote-refused-already-cast
        duplicate-vote-regranted leader-steps-down-higher-term candidate-yields-to-leader candidate-retries
        late-grant-of-old-term-ignored append-of-old-term-rejected single-voter-election even-cluster-tie
        missing-previous-entry conflicting-suffix-truncated suffix-of-several-terms-truncated
        longer-uncommitted-tail-dropped duplicate-append-ignored reordered-append reordered-ack heartbeat-advances-commit
        backed-up-by-term stale-reject-ignored figure-7-log
        figure-8-restriction-held old-term-committed-via-own-term commit-without-leaders-own-disk
        deposed-leader-loses-tail commit-unknown-to-new-leader
        crash-after-vote-before-send crash-mid-append torn-tail-truncated torn-hard-state unsynced-suffix-lost
        restart-reapplies disk-stall-on-leader
        transfer-completed transfer-timed-out transfer-target-lagging proposal-refused-during-transfer
        lease-dropped-on-transfer
        configuration-rolled-back change-refused-pending change-refused-before-own-commit joint-entered joint-left
        leader-dies-in-joint new-leader-leaves-joint leader-removes-itself removed-server-disrupts learner-promoted
        learner-not-counted unaware-learner-votes readded-after-wipe quorum-shrink-commits
        snapshot-sent-to-laggard stale-snapshot-ignored snapshot-keeps-matching-suffix snapshot-discards-log
        snapshot-superseded chunk-lost leader-fails-mid-snapshot configuration-from-snapshot fully-compacted-leader
        duplicate-request-suppressed session-expired outcome-unknown read-waits-for-own-term-commit read-quorum-lost
        read-waits-for-apply lease-read-served lease-read-refused lease-refused-under-skew
        prevote-refused-live-leader prevote-refused-stale-log prevote-won-election-lost quorum-lost-steps-down
        one-way-partition-rejoin
        window-full whole-window-lost superseded-write-completion-ignored";

    #[test]
    fn every_situation_is_declared_once() {
        let mut names: Vec<&str> = all().map(Declared::name).collect();
        names.sort_unstable();
        let wanted: BTreeSet<&str> = WANTED.split_whitespace().collect();
        assert_eq!(names, wanted.into_iter().collect::<Vec<_>>());
    }

    #[test]
    fn numbers_are_places_in_the_joint_list() {
        for (place, probe) in (0..).zip(all()) {
            assert_eq!((probe.id(), Declared::of(ProbeId(place))), (ProbeId(place), Some(probe)));
        }
        assert_eq!((all().count(), Declared::of(ProbeId(COUNT as u16))), (COUNT, None));
    }

    #[test]
    fn probes_say_what_happened_and_where_it_is_described() {
        for probe in all() {
            assert!(probe.summary().ends_with('.') && probe.summary().len() <= 110, "{}", probe.summary());
            assert!(probe.section().split('.').all(|part| part.parse::<u32>().is_ok()), "{}", probe.section());
        }
    }

    #[test]
    fn only_what_was_hit_is_kept() {
        assert_eq!(counts(&[0, 3, 0, 1]), [ProbeCount { probe: 1, count: 3 }, ProbeCount { probe: 3, count: 1 }]);
        assert_eq!(counts(&[]), []);
    }
}
