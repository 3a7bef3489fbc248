//! The landscape: which abstract states of the cluster a run has seen, for searches that go where few runs have been.
//!
//! An abstract state is what is left of roles, terms and logs when names and numbers are taken away: who is down, follows,
//! stands or leads; whether the term is the newest; whether the log ends before what is committed, or in an entry of the
//! newest term, or in one of an older term. Servers are not told apart, and more than two alike count as two. It is looked at
//! when a role changes, a server goes down or comes up, or entries are replaced: moments that are rare beside all events. Two
//! states share a number with a chance of about one in four billion.

use std::collections::BTreeMap;

use super::Observer;
use super::ghost::{Ghost, Life};
use crate::digest::Digest;
use crate::observe::Role;
use crate::time::Instant;

/// The most states that are kept of a run: a run without end stops counting.
const STATES_MAX: usize = 4_096;

/// The abstract states that a run has seen.
#[derive(Debug, Default)]
pub(super) struct Landscape {
    states: BTreeMap<u32, Instant>,
    codes: Vec<u64>,
    /// About when it is: the time of the latest observation.
    pub(super) now: Instant,
}

impl Observer {
    /// The abstract states that the run has seen, a number each, and when each was seen first: at that observation or the one
    /// before it.
    pub fn states(&self) -> impl Iterator<Item = (u32, Instant)> {
        self.landscape.states.iter().map(|(state, at)| (*state, *at))
    }

    /// Tells what time it is.
    #[inline]
    pub(crate) fn tell_time(&mut self, now: Instant) {
        self.landscape.now = now;
    }

    /// Looks at the state of the cluster.
    pub(super) fn look(&mut self) {
        if self.landscape.states.len() >= STATES_MAX {
            return;
        }
        let newest = self.nodes.iter().map(|ghost| ghost.term).max().unwrap_or_default();
        let newest_entry = self.nodes.iter().map(|ghost| log_of(ghost).last_term()).max().unwrap_or_default();
        let committed = self.frontier.index;
        let mut codes = std::mem::take(&mut self.landscape.codes);
        codes.clear();
        codes.extend(self.nodes.iter().map(|ghost| {
            let what = match (ghost.life, ghost.role) {
                (Life::New | Life::Down, _) => 0,
                (Life::Booting | Life::Running, None | Some(Role::Follower)) => 1,
                (Life::Booting | Life::Running, Some(Role::PreCandidate | Role::Candidate)) => 2,
                (Life::Booting | Life::Running, Some(Role::Leader)) => 3,
            };
            let log = log_of(ghost);
            let reach = match (log.last() < committed, log.last_term() == newest_entry) {
                (true, _) => 0,
                (false, true) => 1,
                (false, false) => 2,
            };
            (what * 2 + u64::from(ghost.term == newest)) * 3 + reach
        }));
        codes.sort_unstable();
        // One, or several: how many does not matter, so that clusters of all sizes can be compared.
        let mut before = [u64::MAX; 2];
        codes.retain(|code| {
            let is_third = before == [*code; 2];
            before = [before[1], *code];
            !is_third
        });
        let state = Digest::of(&codes);
        self.landscape.codes = codes;
        let now = self.landscape.now;
        self.landscape.states.entry((state >> 32) as u32).or_insert(now);
    }
}

/// The log of a server that runs; what its disk is certain to hold, of one that does not.
fn log_of(ghost: &Ghost) -> &super::terms::TermLog {
    match ghost.life {
        Life::New | Life::Down => &ghost.disk.log,
        Life::Booting | Life::Running => &ghost.log,
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{A, B, C, Play};

    fn states(play: &Play) -> Vec<u32> {
        play.clone().passes().states().map(|(state, _)| state).collect()
    }

    #[test]
    fn servers_are_not_told_apart() {
        let one = Play::cluster().elects(A, 1, &[B]);
        let other = Play::cluster().elects(C, 1, &[A]);
        assert_eq!(states(&one), states(&other));
        assert!(states(&one).len() > 1);
    }

    #[test]
    fn a_log_that_ends_before_what_is_committed_is_another_state() {
        let begun = Play::led().follows(C, 1);
        let lagging = begun.clone().store(&[A, B], 1, 1).commits(A, 1).elects(B, 2, &[A]);
        let whole = begun.store(&[A, B, C], 1, 1).commits(A, 1).elects(B, 2, &[A]);
        assert_ne!(states(&lagging), states(&whole));
    }

    #[test]
    fn the_numbers_of_terms_do_not_matter() {
        let early = Play::cluster().elects(A, 1, &[B]).elects(B, 2, &[C]).elects(C, 3, &[A]);
        let late = early.clone().elects(A, 4, &[B]).elects(B, 5, &[C]).elects(C, 6, &[A]);
        assert_eq!(states(&early), states(&late));
    }
}
