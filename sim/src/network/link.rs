//! One directed link: its latency, what makes messages of it late, lost or double, and its two streams of random numbers.

use super::pipe::Pipe;
use super::{Fate, Loss, NetworkCounts};
use crate::latency::Latency;
use crate::rng::{PPM, Ppm, Purpose, RunKey, Stream, scale};
use crate::time::Instant;

/// How links behave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LinkProfile {
    /// How long a message takes.
    pub latency: Latency,
    /// Chance that a message is lost.
    pub loss_ppm: Ppm,
    /// Chance that a message arrives twice.
    pub duplicate_ppm: Ppm,
    /// Chance that a message is held up, so that later ones overtake it.
    pub reorder_ppm: Ppm,
    /// The longest that a reordered message is held up, in nanoseconds.
    pub reorder_ns_max: u64,
    /// Chance that a message arrives with a wrong bit: what decodes it must notice.
    pub corrupt_ppm: Ppm,
    /// How many bytes pass in a second, one message after the other; 0 for any number at once.
    pub bandwidth: u64,
    /// The most bytes that may wait to pass: more is lost. 0 for any number.
    pub queue_bytes_max: u64,
}

impl LinkProfile {
    /// A link without faults.
    #[must_use]
    pub fn reliable(latency: Latency) -> LinkProfile {
        LinkProfile {
            latency,
            loss_ppm: 0,
            duplicate_ppm: 0,
            reorder_ppm: 0,
            reorder_ns_max: 0,
            corrupt_ppm: 0,
            bandwidth: 0,
            queue_bytes_max: 0,
        }
    }
}

/// The bits of a message's second draw that decide each of its fates.
const FATE_BITS: u32 = 20;
const HOLD_BITS: u32 = 64 - 3 * FATE_BITS;

#[derive(Debug)]
pub(super) struct Link {
    draws: Stream,
    copies: Stream,
    cuts: u32,
    clogs: u32,
    /// How many messages were sent.
    pub(super) sent: u64,
    /// How many messages a cut of this link stopped.
    pub(super) stopped: u64,
    /// How many messages a clog of this link held.
    pub(super) held: u64,
    pub(super) pipe: Pipe,
    last_arrival: Instant,
    /// When those messages arrive that were held up and that nothing has overtaken yet.
    late: Vec<Instant>,
}

/// The two draws of a message: for its latency, and for its fates.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pair {
    latency: u64,
    fates: u64,
}

impl Link {
    pub(super) fn new(key: &RunKey, place: u32) -> Link {
        Link {
            draws: key.stream(Purpose::Link, place),
            copies: key.stream(Purpose::Duplicate, place),
            cuts: 0,
            clogs: 0,
            sent: 0,
            stopped: 0,
            held: 0,
            pipe: Pipe::default(),
            last_arrival: Instant::START,
            late: Vec::new(),
        }
    }

    /// From now on all draws are those of another key.
    pub(super) fn rekey(&mut self, key: &RunKey, place: u32) {
        self.draws = key.stream(Purpose::Link, place);
        self.copies = key.stream(Purpose::Duplicate, place);
    }

    #[inline]
    pub(super) fn is_cut(&self) -> bool {
        self.cuts > 0
    }

    pub(super) fn is_clogged(&self) -> bool {
        self.clogs > 0
    }

    #[inline]
    pub(super) fn is_hindered(&self) -> bool {
        self.cuts | self.clogs > 0
    }

    pub(super) fn cut(&mut self) {
        self.cuts += 1;
    }

    pub(super) fn mend(&mut self) {
        assert!(self.cuts > 0, "a link is mended only as often as it was cut");
        self.cuts -= 1;
    }

    pub(super) fn clog(&mut self) {
        self.clogs += 1;
    }

    pub(super) fn unclog(&mut self) {
        assert!(self.clogs > 0, "a link is released only as often as it was clogged");
        self.clogs -= 1;
    }

    /// What is sent from now on waits for nothing that is in the queue.
    pub(super) fn forget_queue(&mut self) {
        self.pipe = Pipe::default();
        self.last_arrival = Instant::START;
    }

    /// Two draws a message whatever becomes of it, so that the k-th message has the k-th pair of draws.
    #[inline]
    pub(super) fn draw(&mut self) -> Pair {
        self.sent += 1;
        Pair { latency: self.draws.draw(), fates: self.draws.draw() }
    }

    /// What becomes of a message that leaves the sender now. Always inlined: nearly all of the calls come from one of the two
    /// places.
    #[inline(always)]
    pub(super) fn send(
        &mut self,
        Pair { latency, fates }: Pair,
        now: Instant,
        profile: &LinkProfile,
        counts: &mut NetworkCounts,
    ) -> Fate {
        let latency_ns = profile.latency.sample_ns(latency);
        if struck(fates, 0, profile.loss_ppm) {
            counts.lost.struck += 1;
            return Fate::Lost(Loss::Chance);
        }
        let at = if struck(fates, 1, profile.reorder_ppm) {
            counts.reordered.struck += 1;
            let held_ns = scale(fates << (64 - HOLD_BITS), profile.reorder_ns_max + 1);
            let at = now.after(latency_ns).after(held_ns);
            self.overtake(at, now, counts);
            self.late.push(at);
            at
        } else {
            self.last_arrival = now.after(latency_ns).max(self.last_arrival);
            if !self.late.is_empty() {
                self.overtake(self.last_arrival, now, counts);
            }
            self.last_arrival
        };
        let copy = struck(fates, 2, profile.duplicate_ppm).then(|| {
            counts.duplicated.struck += 1;
            at.after(profile.latency.sample_ns(self.copies.draw()))
        });
        Fate::Delivered { at, copy }
    }

    /// A message that arrives then overtakes those that were sent before it and arrive later.
    #[cold]
    #[inline(never)]
    fn overtake(&mut self, at: Instant, now: Instant, counts: &mut NetworkCounts) {
        self.late.retain(|late| *late > now);
        let before = self.late.len();
        self.late.retain(|late| *late <= at);
        counts.reordered.mattered += (before - self.late.len()) as u64;
    }
}

/// Whether one of the fates that share a draw comes true. Twenty bits each: finer than a millionth.
#[inline]
pub(super) fn struck(fates: u64, which: u32, ppm: Ppm) -> bool {
    let bits = fates >> (64 - FATE_BITS * (which + 1)) & ((1 << FATE_BITS) - 1);
    bits * u64::from(PPM) < u64::from(ppm) << FATE_BITS
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::MILLISECOND_NS;

    const LATENCY: Latency = Latency::Uniform { min_ns: MILLISECOND_NS, max_ns: 5 * MILLISECOND_NS };

    fn fates(profile: LinkProfile) -> (Vec<Fate>, NetworkCounts) {
        let mut link = Link::new(&RunKey::new(3), 0);
        let mut counts = NetworkCounts::default();
        let all = (0..10_000).map(|k| {
            let draws = link.draw();
            link.send(draws, Instant(k * 1_000), &profile, &mut counts)
        });
        let all = all.collect();
        (all, counts)
    }

    fn arrivals(fates: &[Fate]) -> Vec<Instant> {
        fates.iter().filter_map(|fate| if let Fate::Delivered { at, .. } = fate { Some(*at) } else { None }).collect()
    }

    #[test]
    fn a_reliable_link_delivers_everything_in_order() {
        let (fates, counts) = fates(LinkProfile::reliable(LATENCY));
        let arrivals = arrivals(&fates);
        assert_eq!(arrivals.len(), 10_000);
        assert!(arrivals.is_sorted());
        assert_eq!(counts, NetworkCounts::default());
    }

    #[test]
    fn faults_strike_as_often_as_they_should() {
        let (_, counts) = fates(LinkProfile {
            loss_ppm: 100_000,
            duplicate_ppm: 50_000,
            reorder_ppm: 200_000,
            reorder_ns_max: 10 * MILLISECOND_NS,
            ..LinkProfile::reliable(LATENCY)
        });
        assert!((900..1_100).contains(&counts.lost.struck), "{counts:?}");
        assert!((1_700..1_900).contains(&counts.reordered.struck), "{counts:?}");
        assert!((400..500).contains(&counts.duplicated.struck), "{counts:?}");
    }

    #[test]
    fn one_fault_leaves_the_draws_of_others_alone() {
        let plain = fates(LinkProfile::reliable(LATENCY)).0;
        let (copied, counts) = fates(LinkProfile { duplicate_ppm: 500_000, ..LinkProfile::reliable(LATENCY) });
        assert!(counts.duplicated.struck > 4_000);
        assert_eq!(arrivals(&plain), arrivals(&copied));
    }

    #[test]
    fn certainty_and_impossibility_are_exact() {
        let (_, counts) = fates(LinkProfile { loss_ppm: PPM, ..LinkProfile::reliable(LATENCY) });
        assert_eq!(counts.lost.struck, 10_000);
    }
}
