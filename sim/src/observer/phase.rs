//! The phase of the protocol: what a cluster was busy with when a fault struck it.
//!
//! It is worked out from what the observer knows anyway, only when somebody asks: when a fault begins. Of several things that
//! go on at once the first of this list counts: nobody leads; a change of members, a snapshot that somebody needs, a log that
//! lags behind. What it simplifies: a server that was cut off looks like one that catches up, and a leader that does not know
//! yet that it was deposed leads.

use super::Observer;
use super::ghost::{Ghost, Life};
use crate::observe::Role;

/// What a cluster is busy with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// Nothing is known: no node ever told its role.
    Unknown,
    /// Nobody leads, and nobody stands for election.
    NoLeader,
    /// Nobody leads, and somebody stands for election.
    Electing,
    /// There is a leader, and its configuration is joint.
    Joint,
    /// There is a leader, and a server needs entries that the leader has compacted: it waits for a snapshot.
    Snapshot,
    /// There is a leader, and a server that runs lags behind what is committed by more than [`LAG`] entries.
    CatchingUp,
    /// There is a leader, and everybody who runs follows closely.
    Steady,
}

impl Phase {
    /// All phases, in the order of [`Phase`].
    pub const ALL: [Phase; 7] = [
        Phase::Unknown,
        Phase::NoLeader,
        Phase::Electing,
        Phase::Joint,
        Phase::Snapshot,
        Phase::CatchingUp,
        Phase::Steady,
    ];
}

/// How many committed entries a server may lack before it counts as one that catches up: more than are on their way to it
/// when nothing is wrong.
pub const LAG: u64 = 16;

impl Observer {
    /// What the cluster is busy with now.
    #[must_use]
    pub fn phase(&self) -> Phase {
        let running = || self.nodes.iter().filter(|ghost| ghost.life == Life::Running);
        let Some(leader) = self.leader() else {
            let told = |ghost: &Ghost| ghost.role.is_some();
            if self.elections.terms_led() == 0 && !self.nodes.iter().any(told) {
                return Phase::Unknown;
            }
            let stands = |ghost: &Ghost| matches!(ghost.role, Some(Role::PreCandidate | Role::Candidate));
            return if running().any(stands) { Phase::Electing } else { Phase::NoLeader };
        };
        let leader = &self.nodes[leader.index()];
        let configuration = leader.configuration();
        if configuration.is_some_and(super::membership::Configuration::is_joint) {
            return Phase::Joint;
        }
        let is_member = |ghost: &&Ghost| configuration.is_none_or(|known| known.members().contains(ghost.id));
        let mut phase = Phase::Steady;
        for follower in running().filter(is_member) {
            // The entry before the first that is sent must be there to compare.
            if follower.log.last() < leader.log.base() {
                return Phase::Snapshot;
            }
            if follower.log.last() + LAG < self.frontier.index {
                phase = Phase::CatchingUp;
            }
        }
        phase
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{A, B, C, Play, members};
    use super::*;
    use crate::members::Members;
    use crate::observe::Observation;

    fn phase(play: &Play) -> Phase {
        play.clone().passes().phase()
    }

    #[test]
    fn without_a_leader_there_is_an_election_or_not() {
        assert_eq!(phase(&Play::empty()), Phase::Unknown);
        let begun = Play::cluster().follows(A, 0);
        assert_eq!(phase(&begun), Phase::NoLeader);
        assert_eq!(phase(&begun.stands(A, 1)), Phase::Electing);
        assert_eq!(phase(&Play::led()), Phase::Steady);
        assert_eq!(phase(&Play::led().crashes(A)), Phase::NoLeader);
    }

    #[test]
    fn a_server_that_lacks_committed_entries_catches_up() {
        let stored = |last: u64| {
            let play = (1..=last).fold(Play::led(), |play, index| play.store(&[A, B], index, 1));
            play.commits(A, last)
        };
        assert_eq!(phase(&stored(LAG)), Phase::Steady);
        let lagging = stored(LAG + 1);
        assert_eq!(phase(&lagging), Phase::CatchingUp);
        assert_eq!(phase(&lagging.clone().crashes(C)), Phase::Steady, "it does not run");
        let compacted = (1..=LAG + 1).fold(lagging, |play, index| play.applies(A, index, 1));
        let compacted = compacted
            .says(A, Observation::SnapshotTaken { index: 1, state: 1 })
            .says(A, Observation::Compacted { through: 1 });
        assert_eq!(phase(&compacted), Phase::Snapshot);
    }

    #[test]
    fn a_joint_configuration_comes_before_what_follows_from_it() {
        let joint = Observation::Configured {
            index: 2,
            voters: members(&[A, B]),
            outgoing: members(&[A, B, C]),
            learners: Members::default(),
        };
        let committed = Play::led().store(&[A, B], 1, 1).commits(A, 1);
        assert_eq!(phase(&committed.stores(A, 2, 1).says(A, joint)), Phase::Joint);
    }
}
