//! What a leader knows of one follower: how far its log matches, and what to send next (paper 5.3; pipelining:
//! dissertation 10.2.1).
//!
//! While a follower's log is unknown the leader *probes*: one append at a time. Once an append was accepted it
//! *replicates*: appends follow each other without waiting, up to a window. A rejection, by which a lost append shows,
//! leads back to probing. A heartbeat is outside of both: it may always be sent.
//!
//! Simplification: the window counts appends, not bytes.

use std::collections::VecDeque;

use crate::types::Index;

/// The leader's view of one follower. Always `matched < next`.
#[derive(Clone, Debug)]
pub(crate) struct Progress {
    mode: Mode,
    matched: Index,
    next: Index,
    window: Window,
}

/// How entries are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    /// The next append finds out where the logs match.
    Probe,
    /// Such an append is under way.
    ProbeUnderWay,
    /// The logs match before `next`: send ahead of the answers.
    Replicate,
}

/// The appends under way to a follower that replicates, by the last index that each covers.
#[derive(Clone, Debug)]
struct Window {
    under_way: VecDeque<Index>,
    max: usize,
}

/// Entries to be sent, by their first and last index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Batch {
    pub(crate) first: Index,
    pub(crate) through: Index,
}

impl Progress {
    /// A follower that nothing is known of: its log is taken to end where the leader's ends (paper 5.3).
    pub(crate) fn new(leader_last: Index, in_flight_max: usize) -> Progress {
        Progress {
            mode: Mode::Probe,
            matched: Index(0),
            next: leader_last.next(),
            window: Window { under_way: VecDeque::new(), max: in_flight_max },
        }
    }

    /// The last index known to match, durably.
    pub(crate) fn matched(&self) -> Index {
        self.matched
    }

    /// The index before the next entry to be sent: what a heartbeat refers to.
    pub(crate) fn previous(&self) -> Index {
        self.next.previous()
    }

    /// The entries to send now, at most `entries_max`, counted as sent; `None` if it is not their time.
    pub(crate) fn take_batch(&mut self, last_index: Index, entries_max: usize) -> Option<Batch> {
        if self.next > last_index {
            return None;
        }
        let entries_max = u64::try_from(entries_max).unwrap_or(u64::MAX);
        let batch =
            Batch { first: self.next, through: last_index.min(Index(self.previous().0.saturating_add(entries_max))) };
        match self.mode {
            Mode::ProbeUnderWay => return None,
            Mode::Probe => self.mode = Mode::ProbeUnderWay,
            Mode::Replicate => {
                if self.window.is_full() {
                    return None;
                }
                self.window.sent(batch.through);
                self.next = batch.through.next();
            }
        }
        Some(batch)
    }

    /// The follower matches through `matched`.
    pub(crate) fn accepted(&mut self, matched: Index) {
        self.window.answered(matched);
        if matched.next() >= self.next {
            self.mode = Mode::Replicate;
            self.next = matched.next();
        }
        self.matched = self.matched.max(matched);
    }

    /// The follower does not match at `previous`; `hint` is the next index to try. Ignored if it does not answer what
    /// is being asked now: an old rejection must not undo what has been learnt since.
    pub(crate) fn rejected(&mut self, previous: Index, hint: Index) {
        let expected = match self.mode {
            Mode::Probe | Mode::ProbeUnderWay => previous == self.previous(),
            Mode::Replicate => previous < self.next,
        };
        if !expected || previous <= self.matched {
            return;
        }
        self.next = hint.clamp(self.matched.next(), previous);
        self.mode = Mode::Probe;
        self.window.under_way.clear();
    }
}

impl Window {
    fn is_full(&self) -> bool {
        self.under_way.len() >= self.max
    }

    fn sent(&mut self, through: Index) {
        self.under_way.push_back(through);
    }

    /// Answers may be lost or overtake each other; a later one speaks for the earlier ones.
    fn answered(&mut self, matched: Index) {
        while self.under_way.front().is_some_and(|through| *through <= matched) {
            self.under_way.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(first: u64, through: u64) -> Option<Batch> {
        Some(Batch { first: Index(first), through: Index(through) })
    }

    /// Matches through 3 and replicates; the leader's log ended there.
    fn replicating(in_flight_max: usize) -> Progress {
        let mut progress = Progress::new(Index(3), in_flight_max);
        progress.accepted(Index(3));
        progress
    }

    #[test]
    fn a_probe_is_sent_once() {
        let mut progress = Progress::new(Index(3), 8);
        assert_eq!(progress.take_batch(Index(3), 10), None, "nothing to send yet");
        assert_eq!(progress.take_batch(Index(5), 10), batch(4, 5));
        assert_eq!(progress.take_batch(Index(6), 10), None, "the probe is not answered");
        assert_eq!(progress.previous(), Index(3), "a heartbeat repeats the question");
    }

    #[test]
    fn an_accepted_probe_opens_the_pipeline() {
        let mut progress = Progress::new(Index(3), 2);
        progress.take_batch(Index(9), 1);
        progress.accepted(Index(4));
        assert_eq!(progress.take_batch(Index(9), 1), batch(5, 5));
        assert_eq!(progress.take_batch(Index(9), 1), batch(6, 6));
        assert_eq!(progress.take_batch(Index(9), 1), None, "the window is full");
        progress.accepted(Index(6));
        assert_eq!(progress.take_batch(Index(9), 10), batch(7, 9), "one answer spoke for both");
        assert_eq!((progress.matched(), progress.previous()), (Index(6), Index(9)));
    }

    #[test]
    fn an_old_acceptance_takes_nothing_back() {
        let mut progress = replicating(8);
        progress.take_batch(Index(6), 10);
        progress.accepted(Index(2));
        assert_eq!((progress.matched(), progress.previous()), (Index(3), Index(6)));
    }

    #[test]
    fn an_old_acceptance_does_not_end_a_probe() {
        let mut progress = replicating(8);
        progress.take_batch(Index(9), 10);
        progress.rejected(Index(9), Index(7));
        assert_eq!(progress.take_batch(Index(9), 10), batch(7, 9));
        progress.accepted(Index(4));
        assert_eq!(progress.take_batch(Index(9), 10), None, "the probe at 6 is still unanswered");
        assert_eq!(progress.matched(), Index(4));
    }

    #[test]
    fn a_rejection_leads_back_to_one_probe_at_the_hint() {
        let mut progress = replicating(8);
        progress.take_batch(Index(5), 10);
        progress.take_batch(Index(7), 10);
        progress.rejected(Index(7), Index(4));
        assert_eq!(progress.take_batch(Index(7), 10), batch(4, 7));
        assert_eq!(progress.take_batch(Index(7), 10), None);
    }

    #[test]
    fn whatever_the_hint_next_stays_between_matched_and_the_rejection() {
        for hint in 0..12 {
            let mut progress = replicating(8);
            progress.take_batch(Index(9), 10);
            progress.rejected(Index(7), Index(hint));
            let next = progress.previous().next();
            assert!(progress.matched() < next && next <= Index(7), "hint {hint} leads to {next}");
        }
    }

    #[test]
    fn rejections_of_what_is_not_being_asked_are_ignored() {
        let mut progress = replicating(8);
        progress.take_batch(Index(9), 10);
        progress.rejected(Index(3), Index(1));
        progress.rejected(Index(10), Index(1));
        assert_eq!(progress.previous(), Index(9), "3 is known to match, 10 was never asked");
        progress.rejected(Index(9), Index(6));
        progress.rejected(Index(8), Index(1));
        assert_eq!(progress.previous(), Index(5), "the second belongs to the lost pipeline");
    }
}
