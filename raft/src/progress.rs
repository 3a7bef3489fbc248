//! What a leader knows of one follower: how far its log matches, and what to send next (paper 5.3; pipelining:
//! dissertation 10.2.1).
//!
//! While a follower's log is unknown the leader *probes*: one append at a time. Once an append was accepted it
//! *replicates*: appends follow each other without waiting, up to a window. A rejection, by which a lost append shows,
//! leads back to probing. A follower that needs what the log no longer has is sent a *snapshot*. A heartbeat is outside
//! of all that: it may always be sent.
//!
//! Simplification: a follower that does not answer is sent a heartbeat as often as any other, and nothing more.

use std::sync::Arc;

use crate::bugs::{self, Bug};
use crate::log::Log;
use crate::sending::Sending;
use crate::snapshot::Snapshot;
use crate::types::Index;
use crate::window::{Window, WindowLimits};

/// The leader's view of one follower. Always `matched < next`.
#[derive(Clone, Debug)]
pub(crate) struct Progress {
    mode: Mode,
    matched: Index,
    next: Index,
    window: Window,
}

/// How a follower is served.
#[derive(Clone, Debug)]
enum Mode {
    /// The next append finds out where the logs match.
    Probe,
    /// Such an append is under way.
    ProbeUnderWay,
    /// The logs match before `next`: send ahead of the answers.
    Replicate,
    /// The log does not reach back to `next`.
    Snapshot(Sending),
}

/// The most that is sent at once and ahead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SendLimits {
    pub(crate) entries_max: u64,
    pub(crate) bytes_max: u64,
    pub(crate) window: WindowLimits,
}

/// Entries to be sent, by their first and last index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Batch {
    pub(crate) first: Index,
    pub(crate) through: Index,
}

/// What a rejection turned out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rejection {
    /// It answers nothing that is being asked.
    Stale,
    /// The next append starts further back.
    BackedUp,
    /// So it does, and of a full window nothing arrived.
    WindowLost,
}

/// How a leader serves a follower, to look at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProgressMode {
    /// One append at a time, until the leader knows where the logs match.
    Probe,
    /// Appends follow each other without waiting for answers.
    Replicate,
    /// A snapshot is being sent, in parts.
    Snapshot,
}

/// What a leader knows of a follower, to look at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProgressView {
    /// The last index known to match, durably.
    pub matched: Index,
    /// The next index to be sent. While a snapshot is being sent, the one behind it.
    pub next: Index,
    /// Appends under way without an answer.
    pub in_flight: usize,
    /// Bytes of the commands in them.
    pub in_flight_bytes: u64,
    /// How it is served.
    pub mode: ProgressMode,
}

impl Progress {
    /// A follower that nothing is known of: its log is taken to end where the leader's ends (paper 5.3).
    pub(crate) fn new(leader_last: Index) -> Progress {
        Progress { mode: Mode::Probe, matched: Index(0), next: leader_last.next(), window: Window::default() }
    }

    /// The last index known to match, durably.
    pub(crate) fn matched(&self) -> Index {
        self.matched
    }

    /// The index before the next entry to be sent: what a heartbeat refers to.
    pub(crate) fn previous(&self) -> Index {
        self.next.previous()
    }

    pub(crate) fn view(&self) -> ProgressView {
        let (mode, next) = match &self.mode {
            Mode::Probe | Mode::ProbeUnderWay => (ProgressMode::Probe, self.next),
            Mode::Replicate => (ProgressMode::Replicate, self.next),
            Mode::Snapshot(sending) => (ProgressMode::Snapshot, sending.snapshot().index.max(self.matched).next()),
        };
        let (in_flight, in_flight_bytes) = (self.window.appends(), self.window.bytes());
        ProgressView { matched: self.matched, next, in_flight, in_flight_bytes, mode }
    }

    /// The snapshot that is being sent, if one is.
    pub(crate) fn sending(&mut self) -> Option<&mut Sending> {
        match &mut self.mode {
            Mode::Snapshot(sending) => Some(sending),
            Mode::Probe | Mode::ProbeUnderWay | Mode::Replicate => None,
        }
    }

    /// Goes over to sending a snapshot, from its beginning.
    pub(crate) fn send_snapshot(&mut self, snapshot: Arc<Snapshot>) {
        self.mode = Mode::Snapshot(Sending::new(snapshot));
        self.window.clear();
    }

    /// The follower's log is known to match where this one begins, or later: entries will do.
    pub(crate) fn send_entries(&mut self) {
        self.mode = Mode::Replicate;
        self.next = self.matched.next();
        self.window.clear();
    }

    /// The entries to send now, counted as sent; `None` if it is not their time.
    pub(crate) fn take_batch(&mut self, log: &Log, limits: &SendLimits) -> Option<Batch> {
        if self.next > log.last_index() {
            return None;
        }
        match self.mode {
            Mode::ProbeUnderWay | Mode::Snapshot(_) => None,
            Mode::Probe => {
                self.mode = Mode::ProbeUnderWay;
                Some(self.batch(log, limits))
            }
            Mode::Replicate => {
                if self.window.is_full(limits.window) {
                    return None;
                }
                let batch = self.batch(log, limits);
                self.window.sent(batch.through, log.bytes_between(batch.first.previous(), batch.through));
                self.next = batch.through.next();
                Some(batch)
            }
        }
    }

    /// Whether entries wait for room in the window.
    pub(crate) fn is_held_back(&self, last_index: Index, limits: &SendLimits) -> bool {
        self.next <= last_index && self.window.is_full(limits.window)
    }

    /// The follower matches through `matched`.
    pub(crate) fn accepted(&mut self, matched: Index) {
        self.window.answered(matched);
        self.matched = if bugs::is_on(Bug::MatchGoesDown) { matched } else { self.matched.max(matched) };
        match self.mode {
            Mode::Probe | Mode::ProbeUnderWay | Mode::Replicate => {
                if matched.next() >= self.next {
                    self.mode = Mode::Replicate;
                    self.next = matched.next();
                }
            }
            Mode::Snapshot(_) => {}
        }
    }

    /// The follower does not match at `previous`; `hint` is the next index to try. Ignored if it does not answer what
    /// is being asked now: an old rejection must not undo what has been learnt since.
    pub(crate) fn rejected(&mut self, previous: Index, hint: Index, limits: &SendLimits) -> Rejection {
        let expected = match self.mode {
            Mode::Probe | Mode::ProbeUnderWay => previous == self.previous() && !bugs::is_on(Bug::ProbeNeverBacksUp),
            Mode::Replicate => previous < self.next && !bugs::is_on(Bug::LostAppendForgotten),
            Mode::Snapshot(_) => false,
        };
        let hint = if bugs::is_on(Bug::HintOffByOne) { hint.next() } else { hint };
        let leads_nowhere = bugs::is_on(Bug::HintOffByOne) && hint > previous;
        if !expected || previous <= self.matched || leads_nowhere {
            return Rejection::Stale;
        }
        let nothing_arrived = self.window.is_full(limits.window) && hint <= self.matched.next();
        let hint = if bugs::is_on(Bug::BacksUpFurther) { hint.previous() } else { hint };
        let lowest = if bugs::is_on(Bug::NextBelowMatch) { Index(1) } else { self.matched.next() };
        self.next = hint.clamp(lowest, previous);
        self.mode = Mode::Probe;
        self.window.clear();
        if nothing_arrived { Rejection::WindowLost } else { Rejection::BackedUp }
    }

    fn batch(&self, log: &Log, limits: &SendLimits) -> Batch {
        Batch { first: self.next, through: log.reach(self.next, limits.entries_max, limits.bytes_max) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::Position;
    use crate::types::{Entry, Payload, Term};

    fn batch(first: u64, through: u64) -> Option<Batch> {
        Some(Batch { first: Index(first), through: Index(through) })
    }

    fn limits(entries_max: u64, appends_max: usize) -> SendLimits {
        let window = WindowLimits { appends_max, bytes_max: u64::MAX };
        SendLimits { entries_max, bytes_max: u64::MAX, window }
    }

    /// Entries through `last`, of ten bytes each.
    fn log(last: u64) -> Log {
        let entry = |index| {
            let payload = Payload::Command(vec![0; 10].into());
            Entry { term: Term(1), index: Index(index), payload }
        };
        Log::new(Position::default(), Arc::default(), (1..=last).map(entry).collect())
    }

    /// Matches through 3 and replicates; the leader's log ended there.
    fn replicating() -> Progress {
        let mut progress = Progress::new(Index(3));
        progress.accepted(Index(3));
        progress
    }

    #[test]
    fn a_probe_is_sent_once() {
        let mut progress = Progress::new(Index(3));
        let limits = limits(10, 8);
        assert_eq!(progress.take_batch(&log(3), &limits), None, "nothing to send yet");
        assert_eq!(progress.take_batch(&log(5), &limits), batch(4, 5));
        assert_eq!(progress.take_batch(&log(6), &limits), None, "the probe is not answered");
        assert_eq!(progress.previous(), Index(3), "a heartbeat repeats the question");
    }

    #[test]
    fn an_accepted_probe_opens_the_pipeline() {
        let mut progress = Progress::new(Index(3));
        let log = log(9);
        progress.take_batch(&log, &limits(1, 2));
        progress.accepted(Index(4));
        assert_eq!(progress.take_batch(&log, &limits(1, 2)), batch(5, 5));
        assert_eq!(progress.take_batch(&log, &limits(1, 2)), batch(6, 6));
        assert!(progress.is_held_back(Index(9), &limits(1, 2)), "the window is full");
        assert_eq!(progress.take_batch(&log, &limits(1, 2)), None);
        progress.accepted(Index(6));
        assert_eq!(progress.take_batch(&log, &limits(10, 2)), batch(7, 9), "one answer spoke for both");
        assert_eq!((progress.matched(), progress.previous()), (Index(6), Index(9)));
    }

    #[test]
    fn batches_and_windows_are_limited_in_bytes() {
        let mut progress = replicating();
        let window = WindowLimits { appends_max: 9, bytes_max: 45 };
        let limits = SendLimits { entries_max: 9, bytes_max: 25, window };
        let log = log(12);
        assert_eq!(progress.take_batch(&log, &limits), batch(4, 5));
        assert_eq!(progress.take_batch(&log, &limits), batch(6, 7));
        assert_eq!(progress.take_batch(&log, &limits), batch(8, 9), "40 bytes are under way, 45 may be");
        assert_eq!(progress.take_batch(&log, &limits), None);
        let view = progress.view();
        assert_eq!((view.in_flight, view.in_flight_bytes, view.next), (3, 60, Index(10)));
    }

    #[test]
    fn an_old_acceptance_takes_nothing_back() {
        let mut progress = replicating();
        progress.take_batch(&log(6), &limits(10, 8));
        progress.accepted(Index(2));
        assert_eq!((progress.matched(), progress.previous()), (Index(3), Index(6)));
    }

    #[test]
    fn an_old_acceptance_does_not_end_a_probe() {
        let (mut progress, log, limits) = (replicating(), log(9), limits(10, 8));
        progress.take_batch(&log, &limits);
        assert_eq!(progress.rejected(Index(9), Index(7), &limits), Rejection::BackedUp);
        assert_eq!(progress.take_batch(&log, &limits), batch(7, 9));
        progress.accepted(Index(4));
        assert_eq!(progress.take_batch(&log, &limits), None, "the probe at 6 is still unanswered");
        assert_eq!(progress.matched(), Index(4));
    }

    #[test]
    fn a_rejection_leads_back_to_one_probe_at_the_hint() {
        let (mut progress, limits) = (replicating(), limits(10, 2));
        progress.take_batch(&log(5), &limits);
        progress.take_batch(&log(7), &limits);
        assert_eq!(progress.rejected(Index(7), Index(4), &limits), Rejection::WindowLost);
        assert_eq!(progress.take_batch(&log(7), &limits), batch(4, 7));
        assert_eq!(progress.take_batch(&log(7), &limits), None);
        assert_eq!((progress.view().in_flight, progress.view().in_flight_bytes), (0, 0), "nothing leaks");
    }

    #[test]
    fn whatever_the_hint_next_stays_between_matched_and_the_rejection() {
        for hint in 0..12 {
            let (mut progress, limits) = (replicating(), limits(10, 8));
            progress.take_batch(&log(9), &limits);
            progress.rejected(Index(7), Index(hint), &limits);
            let next = progress.previous().next();
            assert!(progress.matched() < next && next <= Index(7), "hint {hint} leads to {next}");
        }
    }

    #[test]
    fn rejections_of_what_is_not_being_asked_are_ignored() {
        let (mut progress, limits) = (replicating(), limits(10, 8));
        progress.take_batch(&log(9), &limits);
        assert_eq!(progress.rejected(Index(3), Index(1), &limits), Rejection::Stale);
        assert_eq!(progress.rejected(Index(10), Index(1), &limits), Rejection::Stale);
        assert_eq!(progress.previous(), Index(9), "3 is known to match, 10 was never asked");
        assert_eq!(progress.rejected(Index(9), Index(6), &limits), Rejection::BackedUp);
        assert_eq!(progress.rejected(Index(8), Index(1), &limits), Rejection::Stale);
        assert_eq!(progress.previous(), Index(5), "the second belongs to the lost pipeline");
    }

    #[test]
    fn while_a_snapshot_is_sent_no_entries_are() {
        let (mut progress, limits) = (replicating(), limits(10, 8));
        let snapshot = Snapshot { index: Index(8), term: Term(1), configuration: Arc::default(), data: "state".into() };
        progress.send_snapshot(Arc::new(snapshot));
        assert_eq!(progress.take_batch(&log(9), &limits), None);
        assert_eq!(progress.rejected(Index(3), Index(1), &limits), Rejection::Stale);
        assert_eq!((progress.view().mode, progress.view().next), (ProgressMode::Snapshot, Index(9)));
        progress.accepted(Index(8));
        progress.send_entries();
        assert_eq!(progress.take_batch(&log(9), &limits), batch(9, 9));
    }
}
