//! The digest of a run: one cheap mix per thing that happened, in order.
//!
//! A folded 64 x 64 -> 128-bit multiplication per word. It is a fingerprint for comparing runs, not a defence against
//! somebody who wants two runs to collide.

use std::fmt;

/// A running digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest(pub u64);

impl Default for Digest {
    fn default() -> Self {
        Digest(0x5851_f42d_4c95_7f2d)
    }
}

impl Digest {
    /// Mixes one word in.
    #[inline]
    pub fn mix(&mut self, word: u64) {
        self.0 = fold(self.0 ^ word, 0x9e37_79b9_7f4a_7c15).rotate_left(29) ^ word;
    }

    /// Mixes bytes in.
    pub fn mix_bytes(&mut self, bytes: &[u8]) {
        self.mix(xxhash_rust::xxh3::xxh3_64(bytes));
    }

    /// The digest of some words.
    #[inline]
    #[must_use]
    pub fn of(words: &[u64]) -> u64 {
        let mut digest = Digest::default();
        for word in words {
            digest.mix(*word);
        }
        digest.0
    }
}

#[inline]
fn fold(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    (product >> 64) as u64 ^ product as u64
}

/// Sixteen hexadecimal digits.
impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_and_every_word_matter() {
        assert_ne!(Digest::of(&[1, 2]), Digest::of(&[2, 1]));
        assert_ne!(Digest::of(&[1]), Digest::of(&[1, 0]));
        assert_ne!(Digest::of(&[0]), Digest::of(&[0, 0]));
    }

    #[test]
    fn a_small_difference_changes_about_half_of_the_bits() {
        for n in 0..1_000 {
            let changed = (Digest::of(&[n, 5]) ^ Digest::of(&[n + 1, 5])).count_ones();
            assert!((8..=56).contains(&changed), "{n}: {changed}");
        }
    }
}
