//! Distributions of latency, each a pure function of one 64-bit draw, in integers.

use crate::rng::{PPM, Ppm, scale, scale_exponential};

/// How long something takes: a message on a link, a sync of a disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Latency {
    /// Every value between two bounds is as likely.
    Uniform {
        /// The shortest, in nanoseconds.
        min_ns: u64,
        /// The longest, in nanoseconds.
        max_ns: u64,
    },
    /// A floor, and an exponential part on top of it.
    Exponential {
        /// The shortest, in nanoseconds.
        min_ns: u64,
        /// The mean, in nanoseconds; at least `min_ns`.
        mean_ns: u64,
    },
    /// Usually the one, now and then the other; both are uniform.
    Bimodal {
        /// The shortest and the longest of the usual ones, in nanoseconds.
        usual_ns: (u64, u64),
        /// The shortest and the longest of the others, in nanoseconds.
        other_ns: (u64, u64),
        /// The chance of the others.
        other_ppm: Ppm,
    },
    /// A bounded Pareto distribution of shape 1: one value in k is k times the shortest, up to the longest.
    LongTail {
        /// The shortest, in nanoseconds.
        min_ns: u64,
        /// The longest, in nanoseconds.
        max_ns: u64,
    },
}

impl Latency {
    /// Always the same.
    #[must_use]
    pub fn constant(ns: u64) -> Latency {
        Latency::Uniform { min_ns: ns, max_ns: ns }
    }

    /// The value for 64 random bits, in nanoseconds.
    #[inline]
    #[must_use]
    pub fn sample_ns(&self, draw: u64) -> u64 {
        match *self {
            Latency::Uniform { min_ns, max_ns } => min_ns + scale(draw, max_ns - min_ns + 1),
            Latency::Exponential { min_ns, mean_ns } => min_ns + scale_exponential(draw, mean_ns - min_ns),
            Latency::Bimodal { usual_ns, other_ns, other_ppm } => {
                // Twenty bits choose, the others are the draw.
                let is_other = (draw & ((1 << 20) - 1)) * u64::from(PPM) < u64::from(other_ppm) << 20;
                let (min_ns, max_ns) = if is_other { other_ns } else { usual_ns };
                min_ns + scale(draw, max_ns - min_ns + 1)
            }
            Latency::LongTail { min_ns, max_ns } => {
                // The share of longer values, in 32 bits: min / share is the value that this share exceeds.
                let share = (draw >> 32).max(1);
                (((u128::from(min_ns)) << 32) / u128::from(share)).min(u128::from(max_ns)) as u64
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::{Purpose, RunKey};

    fn samples(latency: Latency) -> Vec<u64> {
        let mut stream = RunKey::new(1).stream(Purpose::Link, 0);
        let mut all: Vec<u64> = (0..100_000).map(|_| latency.sample_ns(stream.draw())).collect();
        all.sort_unstable();
        all
    }

    #[test]
    fn uniform_fills_its_bounds() {
        let all = samples(Latency::Uniform { min_ns: 200, max_ns: 1_000 });
        assert_eq!((all[0], all[99_999]), (200, 1_000));
        assert!((590..610).contains(&all[50_000]));
    }

    #[test]
    fn exponential_has_a_floor_and_a_mean() {
        let all = samples(Latency::Exponential { min_ns: 1_000, mean_ns: 3_000 });
        assert_eq!(all[0], 1_000);
        let mean = all.iter().sum::<u64>() / 100_000;
        assert!((2_950..3_050).contains(&mean), "{mean}");
    }

    #[test]
    fn two_modes_have_their_shares_and_nothing_lies_between() {
        let all = samples(Latency::Bimodal { usual_ns: (100, 200), other_ns: (1_000, 2_000), other_ppm: 300_000 });
        let usual = all.iter().filter(|ns| (100..=200).contains(*ns)).count();
        let other = all.iter().filter(|ns| (1_000..=2_000).contains(*ns)).count();
        assert_eq!(usual + other, all.len());
        assert!((69_000..71_000).contains(&usual), "{usual}");
    }

    #[test]
    fn one_in_k_of_the_long_tail_takes_k_times_the_shortest() {
        let all = samples(Latency::LongTail { min_ns: 1_000, max_ns: 500_000 });
        assert!((9_000..11_000).contains(&all[90_000]), "{}", all[90_000]);
        assert!((90_000..110_000).contains(&all[99_000]), "{}", all[99_000]);
        assert_eq!(all[99_999], 500_000);
    }

    #[test]
    fn a_constant_is_constant() {
        assert!(samples(Latency::constant(7)).iter().all(|ns| *ns == 7));
    }
}
