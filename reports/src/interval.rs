//! How sure one can be of a failure rate: the 95 % interval of a proportion (Wilson, 1927).
//!
//! Without any failure the rule of three bounds the rate: it is below 3/N with 95 % confidence (Hanley and
//! Lippman-Hand, 1983). What it simplifies: Wilson's score interval is an approximation; for few runs its coverage is
//! near 95 %, not exactly that. Nothing is decided by these floats; they are shown.

use std::fmt;

/// A failure rate and its 95 % interval, each from 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Rate {
    /// Nothing was tried, so nothing is known.
    Unknown,
    /// Nothing failed.
    None {
        /// The rate is below this.
        below: f64,
    },
    /// Something failed.
    Some {
        /// The share that failed.
        share: f64,
        /// The lower end of the interval.
        low: f64,
        /// The upper end of the interval.
        high: f64,
    },
}

/// The quantile of the normal distribution for 95 %, both sides.
const Z: f64 = 1.959_963_984_540_054;

/// The rate of `failed` out of `tried`.
///
/// # Panics
/// If more failed than were tried.
#[must_use]
pub fn rate(failed: u64, tried: u64) -> Rate {
    assert!(failed <= tried, "no more runs fail than are made");
    if tried == 0 {
        return Rate::Unknown;
    }
    let count = tried as f64;
    if failed == 0 {
        return Rate::None { below: (3.0 / count).min(1.0) };
    }
    let share = failed as f64 / count;
    let scale = 1.0 + Z * Z / count;
    let centre = (share + Z * Z / (2.0 * count)) / scale;
    let half = Z / scale * (share * (1.0 - share) / count + Z * Z / (4.0 * count * count)).sqrt();
    Rate::Some { share, low: (centre - half).max(0.0), high: if failed == tried { 1.0 } else { centre + half } }
}

/// `< 2.5 %`, or `1.7 % (0.5 to 6.0)`.
impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self {
            Rate::Unknown => "-".to_owned(),
            Rate::None { below } => format!("< {} %", percent(*below)),
            Rate::Some { share, low, high } => {
                format!("{} % ({} to {})", percent(*share), percent(*low), percent(*high))
            }
        };
        f.pad(&text)
    }
}

/// A part of a whole in percent, as in `2.5 %`; a whole of nothing has no parts.
#[must_use]
pub fn share(part: u64, whole: u64) -> String {
    match (part, whole) {
        (_, 0) => "-".to_owned(),
        (0, _) => "0 %".to_owned(),
        (part, whole) => format!("{} %", percent(part as f64 / whole as f64)),
    }
}

/// A share in percent, with two significant digits where they matter.
fn percent(share: f64) -> String {
    let percent = share * 100.0;
    match percent {
        _ if percent >= 10.0 => format!("{percent:.0}"),
        _ if percent >= 1.0 => format!("{percent:.1}"),
        _ if percent >= 0.1 => format!("{percent:.2}"),
        _ if percent >= 0.01 => format!("{percent:.3}"),
        _ if percent >= 0.001 => format!("{percent:.4}"),
        _ => format!("{percent:.1e}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn assert_interval(failed: u64, tried: u64, expected_low: f64, expected_high: f64) {
        let Rate::Some { low, high, .. } = rate(failed, tried) else { panic!("something failed") };
        assert!((low - expected_low).abs() < 5e-4 && (high - expected_high).abs() < 5e-4, "{low} to {high}");
    }

    /// Values from Newcombe (1998), Table I, method 3.
    #[test]
    fn agrees_with_published_score_intervals() {
        assert_interval(81, 263, 0.2553, 0.3662);
        assert_interval(15, 148, 0.0624, 0.1605);
        assert_interval(1, 29, 0.0061, 0.1718);
    }

    #[test]
    fn nothing_failed_is_bounded_by_the_rule_of_three() {
        assert_eq!(rate(0, 120).to_string(), "< 2.5 %");
        assert_eq!(rate(0, 2).to_string(), "< 100 %");
        assert_eq!(rate(0, 1_000_000_000).to_string(), "< 3.0e-7 %");
        assert_eq!(rate(0, 0).to_string(), "-");
    }

    #[test]
    fn everything_failed_ends_at_one() {
        let Rate::Some { share, low, high } = rate(20, 20) else { panic!("something failed") };
        assert!(share == 1.0 && high == 1.0 && low > 0.8 && low < 0.9, "{low}");
        assert_eq!(rate(20, 20).to_string(), "100 % (84 to 100)");
        assert_eq!(rate(2, 118).to_string(), "1.7 % (0.47 to 6.0)");
    }

    #[test]
    fn shares_are_percentages() {
        assert_eq!([share(0, 3), share(1, 40), share(3, 3), share(0, 0)], ["0 %", "2.5 %", "100 %", "-"]);
    }
}
