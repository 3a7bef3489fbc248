//! The bandwidth of a link: one message passes after the other, and what does not fit into the queue before it is lost.
//!
//! A token-less model of a link with a drop-tail queue (RFC 7567, 1). What it simplifies: a message takes up the link whether or
//! not it gets lost further on, its copies do not, and the queue has no length of its own: it is what the time until the
//! link is free amounts to in bytes.

use crate::time::{Instant, SECOND_NS};

/// One end of a link.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Pipe {
    busy_until: Instant,
}

/// How a message comes to pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Passage {
    /// It passes at once, and is through by then.
    AtOnce(Instant),
    /// It waits for others, and is through by then.
    Waits(Instant),
    /// There is no room for it.
    NoRoom,
}

impl Pipe {
    /// Lets a message pass. `bandwidth` is in bytes a second and not zero; of `queue_bytes_max`, zero means without end.
    /// One that finds the link free needs no room, however large it is.
    pub(super) fn pass(&mut self, now: Instant, bytes: u64, bandwidth: u64, queue_bytes_max: u64) -> Passage {
        assert!(bandwidth > 0, "a link without any bandwidth is not modelled as a pipe");
        let waiting_ns = self.busy_until.0.saturating_sub(now.0);
        let waiting_bytes = u128::from(waiting_ns) * u128::from(bandwidth) / u128::from(SECOND_NS);
        let is_full = waiting_bytes + u128::from(bytes) > u128::from(queue_bytes_max);
        if waiting_ns > 0 && queue_bytes_max > 0 && is_full {
            return Passage::NoRoom;
        }
        let passing_ns = u128::from(bytes) * u128::from(SECOND_NS) / u128::from(bandwidth);
        self.busy_until = now.max(self.busy_until).after(u64::try_from(passing_ns).unwrap_or(u64::MAX));
        if waiting_ns > 0 { Passage::Waits(self.busy_until) } else { Passage::AtOnce(self.busy_until) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_pass_one_after_the_other() {
        let mut pipe = Pipe::default();
        // A byte takes a microsecond.
        let mut pass = |now, bytes| pipe.pass(Instant(now), bytes, 1_000_000, 0);
        assert_eq!(pass(0, 10), Passage::AtOnce(Instant(10_000)));
        assert_eq!(pass(4_000, 1), Passage::Waits(Instant(11_000)));
        assert_eq!(pass(11_000, 2), Passage::AtOnce(Instant(13_000)));
        assert_eq!(pass(50_000, 2), Passage::AtOnce(Instant(52_000)));
    }

    #[test]
    fn what_finds_no_room_is_lost_and_what_finds_nobody_needs_none() {
        let mut pipe = Pipe::default();
        let mut pass = |now, bytes| pipe.pass(Instant(now), bytes, 1_000_000, 100);
        assert_eq!(pass(0, 1_000), Passage::AtOnce(Instant(1_000_000)));
        assert_eq!(pass(0, 1), Passage::NoRoom);
        assert_eq!(pass(920_000, 20), Passage::Waits(Instant(1_020_000)));
        assert_eq!(pass(920_000, 1), Passage::NoRoom);
        assert_eq!(pass(921_000, 1), Passage::Waits(Instant(1_021_000)));
    }

    #[test]
    fn the_slowest_link_does_not_overflow() {
        let mut pipe = Pipe::default();
        assert_eq!(pipe.pass(Instant(0), u64::MAX, 1, 0), Passage::AtOnce(Instant(u64::MAX)));
        assert_eq!(pipe.pass(Instant(1), u64::MAX, 1, 1), Passage::NoRoom);
    }
}
