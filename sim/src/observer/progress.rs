//! A leader's view of its followers (paper, Figure 2 "Volatile state on leaders"; dissertation 10.2.1).

use super::{Failure, Observer};
use crate::invariant::Check;
use crate::members::ServerId;
use crate::node::NodeId;

/// What a leader knows of a follower, and has on its way to it.
#[derive(Clone, Copy, Debug)]
pub(super) struct View {
    pub(super) peer: ServerId,
    pub(super) matched: u64,
    pub(super) next: u64,
    pub(super) in_flight: u64,
    pub(super) in_flight_max: u64,
}

impl Observer {
    /// I11, for match indexes, and I12.
    pub(super) fn progress(&mut self, node: NodeId, view: View) -> Result<(), Failure> {
        let View { peer, matched, next, in_flight, in_flight_max } = view;
        let before = self.nodes[node.index()].replace_match(peer, matched).unwrap_or_default();
        self.require(Check::Monotonic, before <= matched, || {
            format!("{node} lowered its match index for {peer} from {before} to {matched}")
        })?;
        self.require(Check::Progress, next > matched, || {
            format!("{node} would send {next} next to {peer}, whose log matches up to {matched}")
        })?;
        self.require(Check::Progress, in_flight <= in_flight_max, || {
            format!("{node} has {in_flight} appends on their way to {peer}, and {in_flight_max} are allowed")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{A, B, C, Play, id, voters};
    use super::*;
    use crate::observe::{Observation, Role};

    fn view(matched: u64, next: u64, in_flight: u64) -> Observation {
        Observation::Progress { peer: id(B), matched, next, in_flight, in_flight_max: 2 }
    }

    #[test]
    fn a_match_index_that_falls() {
        let known = Play::led().says(A, view(5, 6, 0));
        known.clone().says(A, view(5, 7, 1)).says(A, view(7, 8, 0)).passes();
        known.says(A, view(4, 6, 0)).fails(Check::Monotonic);
    }

    #[test]
    fn a_match_index_begins_anew_with_a_leadership_or_a_membership() {
        let known = Play::led().says(A, view(5, 6, 0));
        let again = known.clone().becomes(A, Role::Follower, 1).elects(A, 2, &[C]);
        again.says(A, view(0, 1, 0)).passes();
        let committed = known.store(&[A, B], 1, 1).commits(A, 1);
        let removed = committed.stores(A, 2, 1).says(A, voters(2, &[A, C]));
        removed.says(A, view(0, 1, 0)).passes();
    }

    #[test]
    fn a_next_index_that_is_known_to_match() {
        Play::led().says(A, view(5, 5, 0)).fails(Check::Progress);
    }

    #[test]
    fn more_in_flight_than_allowed() {
        Play::led().says(A, view(0, 1, 2)).passes();
        Play::led().says(A, view(0, 1, 3)).fails(Check::Progress);
    }
}
