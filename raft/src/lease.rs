//! A leader's lease: for how long no other leader can have been elected (dissertation 6.4.1).
//!
//! A quorum that answered a round listens to no other candidate for an election timeout after the round reached it, so
//! not before that much after the round *began*. Clocks drift: the lease ends earlier by twice the drift that one clock
//! may have, once for the leader's and once for the followers'.
//!
//! Clocks are also set, by people and by programs, and timers do not notice. So the leader compares the two: if its
//! clock has gone on by less than a heartbeat interval from one heartbeat to the next, it was set back, and all that
//! was concluded from it is void. Until the next heartbeat the clock is not believed either, so a lease has to hold for
//! a whole interval after the last one.
//!
//! Simplification: the bound on drift is the host's promise. If a clock drifts more, or is set back while its server is
//! paused and no timer can fire, a read by lease can be stale. A host whose clock is never set has nothing to fear.

use std::collections::VecDeque;

use crate::bugs::{self, Bug};
use crate::types::{LocalTime, Round};

const MILLION: u64 = 1_000_000;

/// The spans that a lease depends on, in nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LeaseTerms {
    /// The shortest election timeout: what a quorum promises.
    promised_ns: u64,
    /// What is left of it when both clocks have drifted.
    trusted_ns: u64,
    heartbeat_ns: u64,
    /// The least by which the clock goes on from one heartbeat to the next.
    heartbeat_ns_min: u64,
}

/// What a leader may conclude from the clock.
#[derive(Clone, Debug)]
pub(crate) struct Lease {
    terms: LeaseTerms,
    /// When the rounds began that are not confirmed yet.
    open: VecDeque<(Round, LocalTime)>,
    /// When the latest confirmed round began.
    began: Option<LocalTime>,
    last_heartbeat: Option<LocalTime>,
    latest_reading: LocalTime,
}

/// Why a round begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Occasion {
    /// Reads wait for it.
    Reads,
    /// A heartbeat interval is over, or the first one begins.
    Heartbeat,
}

/// Whether a lease holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Validity {
    /// No other server leads.
    Holds,
    /// It would hold if no clock drifted or was set.
    Doubtful,
    /// It does not.
    Over,
}

impl LeaseTerms {
    pub(crate) fn new(
        election_timeout_ns_min: u64,
        heartbeat_interval_ns: u64,
        clock_drift_ppm_max: u32,
    ) -> LeaseTerms {
        LeaseTerms {
            promised_ns: election_timeout_ns_min,
            trusted_ns: without_drift(election_timeout_ns_min, clock_drift_ppm_max),
            heartbeat_ns: heartbeat_interval_ns,
            heartbeat_ns_min: without_drift(heartbeat_interval_ns, clock_drift_ppm_max),
        }
    }
}

impl Lease {
    /// No lease yet.
    pub(crate) fn new(terms: LeaseTerms) -> Lease {
        let latest_reading = LocalTime(0);
        Lease { terms, open: VecDeque::new(), began: None, last_heartbeat: None, latest_reading }
    }

    /// A round begins.
    pub(crate) fn begin(&mut self, round: Round, occasion: Occasion, now: LocalTime) {
        self.read_clock(now);
        match occasion {
            Occasion::Reads => {}
            Occasion::Heartbeat => self.compare_with_timer(now),
        }
        self.open.push_back((round, now));
    }

    /// A quorum answered a round, and so all earlier ones.
    pub(crate) fn confirm(&mut self, confirmed: Round) {
        while let Some(&(round, began)) = self.open.front()
            && round <= confirmed
        {
            self.open.pop_front();
            self.began = Some(if bugs::is_on(Bug::LeaseWithoutMargin) { self.latest_reading } else { began });
        }
    }

    /// Whether it holds now.
    pub(crate) fn check(&mut self, now: LocalTime) -> Validity {
        if bugs::is_on(Bug::PausedClockTrusted) {
            return self.validity(self.latest_reading);
        }
        self.read_clock(now);
        self.validity(now)
    }

    /// The same, without remembering what the clock shows.
    pub(crate) fn validity(&self, now: LocalTime) -> Validity {
        let (Some(began), Some(last_heartbeat)) = (self.began, self.last_heartbeat) else {
            return Validity::Over;
        };
        let Some(age_ns) = now.0.checked_sub(began.0).filter(|_| now >= self.latest_reading) else {
            return Validity::Over;
        };
        let age_ns_max = last_heartbeat.0.saturating_sub(began.0).saturating_add(self.terms.heartbeat_ns);
        if age_ns >= self.terms.promised_ns {
            Validity::Over
        } else if age_ns.max(age_ns_max) >= self.terms.trusted_ns && !bugs::is_on(Bug::LeaseWithoutMargin) {
            Validity::Doubtful
        } else {
            Validity::Holds
        }
    }

    fn compare_with_timer(&mut self, now: LocalTime) {
        let gone_ns = self.last_heartbeat.map(|last| now.0.saturating_sub(last.0));
        if gone_ns.is_some_and(|gone_ns| gone_ns < self.terms.heartbeat_ns_min) {
            self.distrust();
        }
        self.last_heartbeat = Some(now);
    }

    fn read_clock(&mut self, now: LocalTime) {
        if now < self.latest_reading {
            self.distrust();
        }
        self.latest_reading = now;
    }

    /// The clock was set back: what was read from it before cannot be compared with what is read now.
    fn distrust(&mut self) {
        self.began = None;
        self.open.clear();
        self.last_heartbeat = None;
    }
}

/// A span less what two clocks can drift apart in it, rounded down.
fn without_drift(span_ns: u64, drift_ppm_max: u32) -> u64 {
    let kept_ppm = u128::from(MILLION.saturating_sub(2 * u64::from(drift_ppm_max)));
    u64::try_from(u128::from(span_ns) * kept_ppm / u128::from(MILLION)).expect("a part of a span is no longer than it")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A promise of 1,000,000 ns, less 2 times 500 ppm; heartbeats every 300,000 ns.
    fn lease() -> Lease {
        Lease::new(LeaseTerms::new(MILLION, 300_000, 500))
    }

    fn at(time: u64) -> LocalTime {
        LocalTime(time)
    }

    /// A lease whose first heartbeat, at this time, was confirmed.
    fn confirmed_at(time: u64) -> Lease {
        let mut lease = lease();
        lease.begin(Round(1), Occasion::Heartbeat, at(time));
        lease.confirm(Round(1));
        lease
    }

    #[test]
    fn it_counts_from_the_beginning_of_the_confirmed_round() {
        let mut lease = lease();
        assert_eq!(lease.check(at(5)), Validity::Over);
        lease.begin(Round(1), Occasion::Heartbeat, at(10));
        lease.begin(Round(2), Occasion::Reads, at(500));
        assert_eq!(lease.check(at(600)), Validity::Over, "no round is confirmed");
        lease.confirm(Round(1));
        assert_eq!(lease.check(at(10 + 998_999)), Validity::Holds);
        assert_eq!(lease.check(at(10 + 999_000)), Validity::Doubtful);
        assert_eq!(lease.check(at(10 + 999_999)), Validity::Doubtful);
        assert_eq!(lease.check(at(10 + MILLION)), Validity::Over);
        lease.confirm(Round(2));
        assert_eq!(lease.check(at(10 + MILLION)), Validity::Doubtful, "500 + 999,510");
    }

    #[test]
    fn a_clock_that_goes_back_ends_it() {
        let mut lease = confirmed_at(1_000);
        lease.begin(Round(2), Occasion::Reads, at(2_000));
        assert_eq!(lease.validity(at(1_999)), Validity::Over);
        assert_eq!(lease.check(at(1_999)), Validity::Over);
        assert_eq!(lease.check(at(2_001)), Validity::Over, "what began by the old time is not trusted again");
        lease.confirm(Round(2));
        assert_eq!(lease.check(at(2_002)), Validity::Over);
        lease.begin(Round(3), Occasion::Heartbeat, at(2_003));
        lease.confirm(Round(3));
        assert_eq!(lease.check(at(2_003)), Validity::Holds);
    }

    #[test]
    fn a_clock_that_was_set_back_between_two_heartbeats_ends_it() {
        let mut lease = confirmed_at(1_000);
        lease.begin(Round(2), Occasion::Heartbeat, at(1_000 + 299_700));
        assert_eq!(lease.check(at(301_000)), Validity::Holds, "299,700 is an interval, less drift");
        lease.begin(Round(3), Occasion::Heartbeat, at(1_000 + 299_700 + 299_699));
        assert_eq!(lease.check(at(601_000)), Validity::Over);
    }

    #[test]
    fn until_the_next_heartbeat_the_clock_is_not_believed() {
        let mut lease = confirmed_at(0);
        lease.begin(Round(2), Occasion::Heartbeat, at(300_000));
        lease.begin(Round(3), Occasion::Heartbeat, at(600_000));
        assert_eq!(lease.check(at(600_001)), Validity::Holds, "900,000 at the next heartbeat");
        lease.begin(Round(4), Occasion::Heartbeat, at(900_000));
        assert_eq!(lease.check(at(900_001)), Validity::Doubtful, "1,200,000 at the next heartbeat");
    }

    #[test]
    fn the_margin_is_twice_the_drift_and_never_too_small() {
        assert_eq!(without_drift(150_000_000, 0), 150_000_000);
        assert_eq!(without_drift(150_000_000, 500), 149_850_000);
        assert_eq!(without_drift(1, 1), 0, "rounded down");
        assert_eq!(without_drift(u64::MAX, 0), u64::MAX);
        assert_eq!(without_drift(u64::MAX, 500_000), 0);
    }
}
