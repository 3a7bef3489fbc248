//! Randomness, split: one ChaCha8 key per run, and a stream of its own for every purpose and place.
//!
//! Think of a draw as a function: the latency of the k-th message on a link is f(seed, link, k), whatever else happened.
//! Streams make it so, and therefore removing a fault or an operation leaves every other draw as it was. Sampling is our
//! own (Lemire's multiply-shift without the rejection step): every sample takes exactly one 64-bit draw, and no update
//! of a dependency can change a run. What it simplifies: a bias of at most bound / 2^64, which no run can notice.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// Parts in a million, the unit of every probability: integers draw the same everywhere.
pub type Ppm = u32;

/// Certainty, in parts per million.
pub const PPM: Ppm = 1_000_000;

/// What a stream of random numbers is for. The discriminant is part of every recorded run: never renumber.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Purpose {
    /// Size of the cluster and what else a scenario leaves open.
    Scenario = 1,
    /// The fault plan; one place per fault mix.
    Faults = 2,
    /// The workload; one place per client.
    Workload = 3,
    /// Latency, loss, duplication and reordering; one place per directed link.
    Link = 4,
    /// Latency of the second copy of a duplicated message; one place per directed link.
    Duplicate = 5,
    /// Sync latency; one place per disk.
    Sync = 6,
    /// What of the unsynced writes survives a crash; one place per disk.
    Crash = 7,
    /// What a node draws itself (election timeouts); one place per node.
    Node = 8,
    /// Skew and drift of a clock; one place per server.
    Clock = 9,
    /// What steps leave open; one place per step.
    Steps = 10,
    /// Which parts of a scenario take part in a run, and how strongly.
    Swarm = 11,
    /// What becomes of messages that a fault picks by their kind, and of those with a wrong bit; one place per directed link.
    Filter = 12,
    /// How a disk is damaged; one place per disk.
    Damage = 13,
    /// How a plan is changed by a guided search; one place per change.
    Mutation = 14,
    /// How long a slow server takes for an event; one place per server.
    Service = 15,
    /// Histories that a checker is tested and measured with; one place for each thing that is drawn.
    Sample = 16,
}

/// The key of a run, from which all its streams are derived.
#[derive(Clone, Copy, Debug)]
pub struct RunKey([u8; 32]);

impl RunKey {
    /// The key of the run with this seed.
    #[must_use]
    pub fn new(seed: u64) -> RunKey {
        let mut key = *b"seed____whitewater run key, v1..";
        key[..8].copy_from_slice(&seed.to_le_bytes());
        RunKey(key)
    }

    /// Makes it the key of a run that has other luck: one of 2^64 for each seed.
    pub fn vary(&mut self, luck: u64) {
        for (byte, varied) in self.0[24..].iter_mut().zip(luck.wrapping_add(1).to_le_bytes()) {
            *byte ^= varied;
        }
    }

    /// The stream for a purpose at a place (a link, a node, a client, a fault mix).
    #[must_use]
    pub fn stream(&self, purpose: Purpose, place: u32) -> Stream {
        let mut rng = ChaCha8Rng::from_seed(self.0);
        rng.set_stream(u64::from(purpose as u32) << 32 | u64::from(place));
        Stream { rng }
    }
}

/// An endless stream of random numbers.
#[derive(Clone, Debug)]
pub struct Stream {
    rng: ChaCha8Rng,
}

impl Stream {
    /// The next 64 random bits.
    #[inline]
    pub fn draw(&mut self) -> u64 {
        self.rng.next_u64()
    }

    /// A number in `0..bound`, by one draw.
    ///
    /// # Panics
    /// If `bound` is 0: there is no such number.
    #[inline]
    pub fn below(&mut self, bound: u64) -> u64 {
        assert!(bound > 0, "a number below 0 was asked for");
        scale(self.draw(), bound)
    }

    /// A number in `low..=high`, by one draw.
    ///
    /// # Panics
    /// If `low` is above `high`.
    #[inline]
    pub fn between(&mut self, low: u64, high: u64) -> u64 {
        assert!(low <= high, "a number between {low} and {high} was asked for");
        let draw = self.draw();
        match (high - low).checked_add(1) {
            Some(width) => low + scale(draw, width),
            None => draw,
        }
    }

    /// True with this probability, by one draw.
    #[inline]
    pub fn chance(&mut self, ppm: Ppm) -> bool {
        self.below(u64::from(PPM)) < u64::from(ppm)
    }

    /// A span of time with this mean, exponentially distributed, by one draw.
    #[inline]
    pub fn exponential_ns(&mut self, mean_ns: u64) -> u64 {
        scale_exponential(self.draw(), mean_ns)
    }

    /// Puts the items into a random order (Fisher and Yates), by one draw an item.
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            let other = self.below(last as u64 + 1) as usize;
            items.swap(last, other);
        }
    }
}

/// Maps 64 random bits to `0..bound`.
#[inline]
pub(crate) fn scale(draw: u64, bound: u64) -> u64 {
    ((u128::from(draw) * u128::from(bound)) >> 64) as u64
}

/// Maps 64 random bits to an exponentially distributed number with this mean, in integers alone: the logarithm of a
/// floating-point library may differ between machines. At most 45 times the mean.
#[inline]
pub(crate) fn scale_exponential(draw: u64, mean: u64) -> u64 {
    ((u128::from(mean) * u128::from(negative_ln_q32(draw))) >> 32) as u64
}

/// -ln(draw / 2^64) as a fixed-point number with 32 fractional bits; 0 is taken for 1.
#[inline]
fn negative_ln_q32(draw: u64) -> u64 {
    const LN_2_Q32: u128 = 2_977_044_472;
    let draw = draw.max(1);
    let zeros = draw.leading_zeros();
    let fraction = draw << zeros << 1;
    let cell = (fraction >> 58) as usize;
    let within = fraction << 6 >> 32;
    let (low, high) = (LOG2_Q32[cell], LOG2_Q32[cell + 1]);
    let log2 = low + (((high - low) * within) >> 32);
    let negative_log2 = (u64::from(zeros + 1) << 32) - log2;
    ((u128::from(negative_log2) * LN_2_Q32) >> 32) as u64
}

/// log2(1 + i / 64) with 32 fractional bits, for i in 0..=64.
static LOG2_Q32: [u64; 65] = log2_table();

const fn log2_table() -> [u64; 65] {
    let mut table = [0; 65];
    let mut i = 0;
    while i < 64 {
        // Squaring doubles the logarithm: each bit of it shows as an overflow of the square beyond 2.
        let mut x: u128 = (64 + i as u128) << 56;
        let mut bit = 1_u64 << 31;
        while bit > 0 {
            x = (x * x) >> 62;
            if x >= 1 << 63 {
                table[i] |= bit;
                x >>= 1;
            }
            bit >>= 1;
        }
        i += 1;
    }
    table[64] = 1 << 32;
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Recorded runs stand on these numbers. If this test fails, a dependency changed its output, and every digest in
    /// the world has changed with it: pin the old version, do not edit the numbers.
    #[test]
    fn first_outputs_are_pinned() {
        let mut link = RunKey::new(7).stream(Purpose::Link, 3);
        let draws: Vec<u64> = (0..4).map(|_| link.draw()).collect();
        assert_eq!(draws, GOLDEN_DRAWS);
        let mut node = RunKey::new(7).stream(Purpose::Node, 3);
        let samples: Vec<u64> = (0..8).map(|_| node.between(150, 300)).collect();
        assert_eq!(samples, GOLDEN_SAMPLES);
        let spans: Vec<u64> = (0..4).map(|_| node.exponential_ns(1_000_000)).collect();
        assert_eq!(spans, GOLDEN_SPANS);
    }
    const GOLDEN_DRAWS: [u64; 4] = [616107200925905085, 1102813971359568749, 3466662872441687595, 5641337385935198624];
    const GOLDEN_SAMPLES: [u64; 8] = [237, 186, 172, 291, 206, 176, 229, 159];
    const GOLDEN_SPANS: [u64; 4] = [819109, 3557342, 1186482, 400970];

    #[test]
    fn streams_differ_by_seed_purpose_and_place() {
        let first = |seed, purpose, place| RunKey::new(seed).stream(purpose, place).draw();
        let base = first(1, Purpose::Link, 0);
        assert_eq!(base, first(1, Purpose::Link, 0));
        assert_ne!(base, first(2, Purpose::Link, 0));
        assert_ne!(base, first(1, Purpose::Node, 0));
        assert_ne!(base, first(1, Purpose::Link, 1));
    }

    #[test]
    fn bounded_samples_stay_in_range_and_reach_both_ends() {
        let mut stream = RunKey::new(1).stream(Purpose::Workload, 0);
        let samples: Vec<u64> = (0..1_000).map(|_| stream.between(10, 13)).collect();
        assert!(samples.iter().all(|n| (10..=13).contains(n)));
        assert!((10..=13).all(|n| samples.iter().filter(|s| **s == n).count() > 150));
        stream.between(0, u64::MAX);
        assert_eq!(stream.between(5, 5), 5);
    }

    #[test]
    fn the_logarithm_is_right_to_four_digits() {
        for draw in [1, 2, 3, 1 << 20, u64::MAX / 3, 1 << 63, (1 << 63) + (1 << 62), u64::MAX - 5] {
            let exact = -(draw as f64 / 2_f64.powi(64)).ln();
            let ours = negative_ln_q32(draw) as f64 / 2_f64.powi(32);
            assert!((exact - ours).abs() < 1e-4, "{draw}: {exact} against {ours}");
        }
    }

    #[test]
    fn exponential_spans_have_their_mean() {
        let mut stream = RunKey::new(1).stream(Purpose::Sync, 0);
        let sum: u64 = (0..100_000).map(|_| stream.exponential_ns(1_000)).sum();
        assert!((98_000_000..102_000_000).contains(&sum), "{sum}");
    }
}
