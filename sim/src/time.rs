//! Virtual time: integer nanoseconds since the start of the run.
//!
//! A span of time is a plain `u64` whose name ends in `_ns`; only points in time have a type, because only they can
//! be confused with something else.

use std::fmt;

/// A point in virtual time, in nanoseconds since the start of the run. Wraps nothing: 2^64 ns are 584 years.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct Instant(pub u64);

/// Nanoseconds in a microsecond.
pub const MICROSECOND_NS: u64 = 1_000;
/// Nanoseconds in a millisecond.
pub const MILLISECOND_NS: u64 = 1_000_000;
/// Nanoseconds in a second.
pub const SECOND_NS: u64 = 1_000_000_000;

impl Instant {
    /// The start of every run.
    pub const START: Instant = Instant(0);

    /// The instant `span_ns` nanoseconds later. Saturates at the end of time.
    #[must_use]
    pub fn after(self, span_ns: u64) -> Instant {
        Instant(self.0.saturating_add(span_ns))
    }

    /// Nanoseconds from `earlier` to this instant; zero if `earlier` is not earlier.
    #[must_use]
    pub fn since_ns(self, earlier: Instant) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

/// Seconds with microseconds, `12.345678s`: what traces print.
impl fmt::Display for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = format!("{}.{:06}s", self.0 / SECOND_NS, self.0 % SECOND_NS / MICROSECOND_NS);
        f.pad(&text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_microseconds_and_honours_width() {
        assert_eq!(Instant(12_345_678_901).to_string(), "12.345678s");
        assert_eq!(format!("{:>10}", Instant(1_500)), " 0.000001s");
    }

    #[test]
    fn spans_saturate_at_both_ends() {
        assert_eq!(Instant(5).since_ns(Instant(9)), 0);
        assert_eq!(Instant(u64::MAX).after(1), Instant(u64::MAX));
    }
}
