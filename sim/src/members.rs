//! Who a server is, and sets of servers: an address says where it runs, a generation tells the lives of its disk apart.
//!
//! A server that lost its disk has forgotten what it promised, so it must not come back as the one that promised
//! (dissertation 3.8). What it simplifies: a set knows 32 addresses, and
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

    fn bit(self) -> u128 {
        assert!(self.address() < Members::ADDRESSES, "a cluster has at most {} servers", Members::ADDRESSES);
        1 << (self.address() * 4 + (self.generation() % 4) as u32)
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
pub struct Members(u128);

impl Members {
    /// How many addresses a set can tell apart.
    pub const ADDRESSES: u32 = 32;

    /// These servers.
    ///
    /// # Panics
    /// If an address is not below [`Members::ADDRESSES`].
    #[must_use]
    pub fn of(ids: impl IntoIterator<Item = ServerId>) -> Members {
        Members(ids.into_iter().fold(0, |set, id| set | id.bit()))
    }

    /// Whether nobody is in the set.
    #[inline]
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// How many servers are in the set.
    #[inline]
    #[must_use]
    pub fn len(self) -> u32 {
        self.0.count_ones()
    }

    /// Whether a server is in the set.
    #[inline]
    #[must_use]
    pub fn contains(self, id: ServerId) -> bool {
        self.0 & id.bit() != 0
    }

    /// Who is in one set or the other.
    #[inline]
    #[must_use]
    pub fn union(self, other: Members) -> Members {
        Members(self.0 | other.0)
    }

    /// Who is in both sets.
    #[inline]
    #[must_use]
    pub fn intersection(self, other: Members) -> Members {
        Members(self.0 & other.0)
    }

    /// Who is in exactly one of the sets.
    #[inline]
    #[must_use]
    pub fn difference(self, other: Members) -> Members {
        Members(self.0 ^ other.0)
    }

    /// The servers, in order, with their generations modulo 4.
    pub fn iter(self) -> impl Iterator<Item = ServerId> {
        (0..u128::BITS)
            .filter(move |bit| self.0 >> bit & 1 == 1)
            .map(|bit| ServerId(u64::from(bit / 4) | u64::from(bit % 4) << 16))
    }

    pub(crate) fn fingerprint(self) -> u64 {
        (self.0 >> 64) as u64 ^ (self.0 as u64).rotate_left(17)
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

    const REBORN: ServerId = ServerId(31 | 3 << 16);

    #[test]
    fn a_set_tells_the_lives_of_a_disk_apart() {
        let set = Members::of([ServerId(0), REBORN]);
        assert_eq!((set.len(), set.contains(REBORN), set.contains(ServerId(31))), (2, true, false));
        assert_eq!(set.to_string(), "n0 n31.3");
        assert_eq!(set.iter().collect::<Vec<_>>(), [ServerId(0), REBORN]);
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
    #[should_panic(expected = "a cluster has at most 32 servers")]
    fn an_address_beyond_the_set_is_refused() {
        let _ = Members::of([ServerId(32)]);
    }
}
