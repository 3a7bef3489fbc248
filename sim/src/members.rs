//! Who a server is, and sets of servers: an address says where it runs, a generation tells the lives of its disk apart.
//!
//! A server that lost its disk has forgotten what it promised, so it must not come back as the one that promised
//! (dissertation 3.8). What it simplifies: a set knows 64 addresses, and
//! generations modulo 4; no cluster has members whose disks are four lives apart.

use std::fmt;

/// A server with its disk: the address in the low 16 bits, the generation of the disk above.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ServerId(pub u64);

impl ServerId {
    /// Where it runs: the number of its node.
    #[inline]
    #[must_use]
    pub fn address(self) -> u32 {
        (self.0 & 0xffff) as u32
    }

    /// How often the disk at that address had been erased before.
    #[inline]
    #[must_use]
    pub fn generation(self) -> u64 {
        self.0 >> 16
    }

    /// The word of a set, and the bit in it, that stand for the server.
    #[inline]
    fn place(self) -> (usize, u64) {
        assert!(self.address() < Members::ADDRESSES, "a cluster has at most {} servers", Members::ADDRESSES);
        let bit = (self.address() % ADDRESSES_A_WORD) * 4 + (self.generation() % 4) as u32;
        ((self.address() / ADDRESSES_A_WORD) as usize, 1 << bit)
    }
}

/// `n2`, and `n2.1` after its disk was erased once.
impl fmt::Display for ServerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "n{}", self.address())?;
        if self.generation() > 0 {
            write!(f, ".{}", self.generation())?;
        }
        Ok(())
    }
}

/// A set of servers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Members([u64; WORDS]);

const WORDS: usize = 4;
/// Four bits each, one for every generation.
const ADDRESSES_A_WORD: u32 = u64::BITS / 4;

impl Members {
    /// How many addresses a set can tell apart.
    pub const ADDRESSES: u32 = ADDRESSES_A_WORD * WORDS as u32;

    /// These servers.
    ///
    /// # Panics
    /// If an address is not below [`Members::ADDRESSES`].
    #[must_use]
    pub fn of(ids: impl IntoIterator<Item = ServerId>) -> Members {
        let mut members = Members::default();
        for id in ids {
            members.insert(id);
        }
        members
    }

    /// Adds a server.
    ///
    /// # Panics
    /// If its address is not below [`Members::ADDRESSES`].
    #[inline]
    pub fn insert(&mut self, id: ServerId) {
        let (word, bit) = id.place();
        self.0[word] |= bit;
    }

    /// Whether nobody is in the set.
    #[inline]
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.0 == [0; WORDS]
    }

    /// How many servers are in the set.
    #[inline]
    #[must_use]
    pub fn len(self) -> u32 {
        self.0.iter().map(|word| word.count_ones()).sum()
    }

    /// Whether a server is in the set.
    #[inline]
    #[must_use]
    pub fn contains(self, id: ServerId) -> bool {
        let (word, bit) = id.place();
        self.0[word] & bit != 0
    }

    /// Who is in one set or the other.
    #[inline]
    #[must_use]
    pub fn union(self, other: Members) -> Members {
        self.with(other, |ours, theirs| ours | theirs)
    }

    /// Who is in both sets.
    #[inline]
    #[must_use]
    pub fn intersection(self, other: Members) -> Members {
        self.with(other, |ours, theirs| ours & theirs)
    }

    /// Who is in exactly one of the sets.
    #[inline]
    #[must_use]
    pub fn difference(self, other: Members) -> Members {
        self.with(other, |ours, theirs| ours ^ theirs)
    }

    /// The servers, in order, with their generations modulo 4.
    pub fn iter(self) -> impl Iterator<Item = ServerId> {
        let of_word = |(word, bits): (u64, u64)| {
            let first = word * u64::from(ADDRESSES_A_WORD);
            let is_in = move |bit: &u64| bits >> bit & 1 == 1;
            (0..64).filter(is_in).map(move |bit| ServerId((first + bit / 4) | ((bit % 4) << 16)))
        };
        (0..).zip(self.0).flat_map(of_word)
    }

    #[inline]
    fn with(self, other: Members, combine: impl Fn(u64, u64) -> u64) -> Members {
        Members(std::array::from_fn(|word| combine(self.0[word], other.0[word])))
    }

    /// Part of every recorded run: never change what it is for the lower half of the addresses.
    pub(crate) fn fingerprint(self) -> u64 {
        let [first, second, third, fourth] = self.0;
        second ^ first.rotate_left(17) ^ third.rotate_left(34) ^ fourth.rotate_left(51)
    }
}

impl fmt::Display for Members {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ids: Vec<String> = self.iter().map(|id| id.to_string()).collect();
        f.write_str(&ids.join(" "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REBORN: ServerId = ServerId(63 | 3 << 16);

    #[test]
    fn a_set_tells_the_lives_of_a_disk_apart() {
        let set = Members::of([ServerId(0), REBORN]);
        assert_eq!((set.len(), set.contains(REBORN), set.contains(ServerId(63))), (2, true, false));
        assert_eq!(set.to_string(), "n0 n63.3");
        assert_eq!(set.iter().collect::<Vec<_>>(), [ServerId(0), REBORN]);
    }

    /// The digests of runs from before there were so many addresses stand on this.
    #[test]
    fn the_fingerprint_of_few_servers_is_that_of_the_128_bits_it_once_had() {
        let once = |ids: &[u64]| {
            let bits: u128 = ids.iter().map(|id| 1 << ((id & 0xffff) * 4 + (id >> 16))).sum();
            (bits >> 64) as u64 ^ (bits as u64).rotate_left(17)
        };
        for ids in [&[0, 1, 2][..], &[15, 16, 31], &[3 | 2 << 16, 20 | 3 << 16]] {
            assert_eq!(Members::of(ids.iter().map(|id| ServerId(*id))).fingerprint(), once(ids));
        }
    }

    #[test]
    fn every_address_and_generation_is_told_apart() {
        let all: Vec<ServerId> = (0..64).flat_map(|address| (0..4).map(move |g| ServerId(address | g << 16))).collect();
        assert_eq!(Members::of(all.clone()).iter().collect::<Vec<_>>(), all);
        for id in &all {
            let alone = Members::of([*id]);
            assert_eq!((alone.len(), all.iter().filter(|other| alone.contains(**other)).count()), (1, 1));
        }
    }

    #[test]
    fn sets_are_combined() {
        let of = |ids: &[u64]| Members::of(ids.iter().map(|id| ServerId(*id)));
        let (left, right) = (of(&[0, 1]), of(&[1, 2]));
        assert_eq!(left.union(right), of(&[0, 1, 2]));
        assert_eq!(left.intersection(right), of(&[1]));
        assert_eq!(left.difference(right), of(&[0, 2]));
        assert!(left.intersection(of(&[5])).is_empty());
    }

    #[test]
    #[should_panic(expected = "a cluster has at most 64 servers")]
    fn an_address_beyond_the_set_is_refused() {
        let _ = Members::of([ServerId(64)]);
    }
}
