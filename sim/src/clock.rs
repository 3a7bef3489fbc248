//! What a server's own clock shows: virtual time, set wrongly (skew), going wrongly (drift), set anew (steps), and stopped
//! (freezes).
//!
//! Timers run by the server's clock too, but by how it goes, not by what it shows: a step or a freeze moves no timer, as with
//! the monotonic timers of real systems. Integers only. What it simplifies: drift is constant for a run, and clients have
//! perfect clocks.

use crate::rng::{PPM, Ppm, Purpose, RunKey};
use crate::time::{Instant, SECOND_NS};

/// How wrong clocks are. Each server draws its own skew and drift within these bounds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ClockProfile {
    /// The most by which the clocks of two servers differ at the start, in nanoseconds.
    pub skew_ns_max: u64,
    /// The most by which a clock goes fast or slow, in parts per million. Below a million.
    pub drift_ppm_max: Ppm,
}

/// What a clock without skew shows when a run starts: late enough that no step reaches back before zero.
const START_NS: u64 = 1_000_000 * SECOND_NS;

/// The clock of one server.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    start_ns: u64,
    drift_ppm: i64,
    stepped_ns: i64,
    /// What it shows while it is frozen.
    frozen_ns: Option<u64>,
    /// How many faults freeze it.
    freezes: u32,
}

impl Clock {
    /// Draws the clock of a server.
    pub(crate) fn draw(profile: ClockProfile, key: &RunKey, place: u32) -> Clock {
        assert!(profile.drift_ppm_max < PPM, "a clock that drifts by {} ppm could stand still", profile.drift_ppm_max);
        if profile == ClockProfile::default() {
            return Clock { start_ns: START_NS, drift_ppm: 0, stepped_ns: 0, frozen_ns: None, freezes: 0 };
        }
        let mut draws = key.stream(Purpose::Clock, place);
        let skew_ns = draws.between(0, profile.skew_ns_max);
        let drift = draws.between(0, 2 * u64::from(profile.drift_ppm_max));
        Clock {
            start_ns: START_NS.saturating_add(skew_ns),
            drift_ppm: drift as i64 - i64::from(profile.drift_ppm_max),
            stepped_ns: 0,
            frozen_ns: None,
            freezes: 0,
        }
    }

    /// Sets the clock forward, or back.
    pub(crate) fn step(&mut self, by_ns: i64) {
        self.stepped_ns = self.stepped_ns.saturating_add(by_ns);
        self.frozen_ns = self.frozen_ns.map(|shown| shown.saturating_add_signed(by_ns));
    }

    /// Stops the clock, until as many calls of [`Clock::thaw`].
    pub(crate) fn freeze(&mut self, now: Instant) {
        self.frozen_ns = Some(self.shows_ns(now));
        self.freezes += 1;
    }

    /// Takes back one [`Clock::freeze`]. The clock goes on from what it shows.
    pub(crate) fn thaw(&mut self, now: Instant) {
        self.freezes -= 1;
        if self.freezes == 0
            && let Some(shown) = self.frozen_ns.take()
        {
            let late = i128::from(shown) - i128::from(self.shows_ns(now));
            let late_ns = i64::try_from(late).unwrap_or(if late < 0 { i64::MIN } else { i64::MAX });
            self.stepped_ns = self.stepped_ns.saturating_add(late_ns);
        }
    }

    /// What the clock shows, in nanoseconds. It is never below zero.
    pub(crate) fn shows_ns(&self, now: Instant) -> u64 {
        if let Some(shown) = self.frozen_ns {
            return shown;
        }
        let gone = i128::from(now.0) * (i128::from(PPM) + i128::from(self.drift_ppm)) / i128::from(PPM);
        let shown = i128::from(self.start_ns) + gone + i128::from(self.stepped_ns);
        u64::try_from(shown.max(0)).unwrap_or(u64::MAX)
    }

    /// How long it truly takes until the clock has gone on by this span, in nanoseconds, rounded up.
    #[inline]
    pub(crate) fn true_span_ns(&self, span_ns: u64) -> u64 {
        if self.drift_ppm == 0 {
            return span_ns;
        }
        let pace = (i64::from(PPM) + self.drift_ppm) as u128;
        let span = (u128::from(span_ns) * u128::from(PPM)).div_ceil(pace);
        u64::try_from(span).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROFILE: ClockProfile = ClockProfile { skew_ns_max: 1_000, drift_ppm_max: 50_000 };

    fn clocks() -> Vec<Clock> {
        (0..200).map(|place| Clock::draw(PROFILE, &RunKey::new(7), place)).collect()
    }

    #[test]
    fn skew_and_drift_fill_their_bounds() {
        let starts: Vec<u64> = clocks().iter().map(|clock| clock.shows_ns(Instant::START) - START_NS).collect();
        assert!(starts.iter().all(|skew| *skew <= 1_000) && starts.iter().any(|skew| *skew > 900));
        let drifts: Vec<i64> = clocks().iter().map(|clock| clock.drift_ppm).collect();
        assert!(drifts.iter().all(|drift| drift.abs() <= 50_000));
        assert!(drifts.iter().any(|drift| *drift < -45_000) && drifts.iter().any(|drift| *drift > 45_000));
    }

    #[test]
    fn a_timer_ends_when_the_clock_has_gone_on_by_its_span() {
        for clock in clocks() {
            let begin = Instant(123_456_789);
            let span_ns = 300_000_007;
            let end = begin.after(clock.true_span_ns(span_ns));
            let gone = clock.shows_ns(end) - clock.shows_ns(begin);
            assert!((span_ns..=span_ns + 2).contains(&gone), "{clock:?}: {gone}");
        }
    }

    #[test]
    fn a_step_moves_what_is_shown_and_no_timer() {
        let mut clock = clocks()[0];
        let before = (clock.shows_ns(Instant(5)), clock.true_span_ns(1_000));
        clock.step(-400);
        assert_eq!((clock.shows_ns(Instant(5)) + 400, clock.true_span_ns(1_000)), before);
        clock.step(i64::MIN);
        assert_eq!(clock.shows_ns(Instant(5)), 0);
    }

    #[test]
    fn a_frozen_clock_goes_on_from_what_it_showed() {
        for mut clock in clocks() {
            let before = clock.shows_ns(Instant(1_000_000));
            clock.freeze(Instant(1_000_000));
            clock.freeze(Instant(1_500_000));
            clock.thaw(Instant(2_000_000));
            assert_eq!(clock.shows_ns(Instant(3_000_000)), before, "two froze it, one is left");
            clock.step(-500);
            assert_eq!(clock.shows_ns(Instant(3_500_000)), before - 500, "set back while it is frozen");
            let span_ns = clock.true_span_ns(10_000);
            clock.thaw(Instant(4_000_000));
            assert_eq!(clock.shows_ns(Instant(4_000_000)), before - 500);
            let gone = clock.shows_ns(Instant(4_000_000 + span_ns)) - (before - 500);
            assert!((9_999..=10_002).contains(&gone), "{clock:?}: {gone}");
        }
    }

    #[test]
    fn without_a_profile_all_clocks_agree() {
        let clock = |place| Clock::draw(ClockProfile::default(), &RunKey::new(1), place).shows_ns(Instant(9));
        assert_eq!(clock(0), clock(1));
    }
}
