//! The event queue: a total order by (time, sequence), with small keys in a binary heap and the events in a slab.
//!
//! A key is one 128-bit number: the time, and below it the sequence number with the slab slot packed below that. Sequence numbers are unique,
//! so the slot never decides an order. The packing allows 2^24 events in flight and 2^40 in a run.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::time::Instant;

const SLOT_BITS: u32 = 24;

/// Events to come, in the order of (time, sequence of insertion).
#[derive(Debug)]
pub struct Queue<E> {
    heap: BinaryHeap<Reverse<u128>>,
    slab: Vec<Option<E>>,
    free: Vec<u32>,
    sequence: u64,
}

impl<E> Default for Queue<E> {
    fn default() -> Self {
        Queue { heap: BinaryHeap::new(), slab: Vec::new(), free: Vec::new(), sequence: 0 }
    }
}

impl<E> Queue<E> {
    /// An empty queue.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Number of events to come.
    #[must_use]
    pub fn len(&self) -> usize {
        self.heap.len()
    }

    /// True if there are no events to come.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.heap.is_empty()
    }

    /// Adds an event at a time. Events of the same time come out in the order in which they were added.
    ///
    /// # Panics
    /// If 2^24 events are in the queue, or 2^40 went through it.
    #[inline]
    pub fn push(&mut self, at: Instant, event: E) {
        let slot = match self.free.pop() {
            Some(slot) => {
                self.slab[slot as usize] = Some(event);
                slot
            }
            None => {
                assert!(self.slab.len() < 1 << SLOT_BITS, "the queue holds fewer than 2^24 events");
                self.slab.push(Some(event));
                (self.slab.len() - 1) as u32
            }
        };
        assert!(self.sequence < 1 << (64 - SLOT_BITS), "a run has fewer than 2^40 events");
        let below = self.sequence << SLOT_BITS | u64::from(slot);
        self.heap.push(Reverse(u128::from(at.0) << 64 | u128::from(below)));
        self.sequence += 1;
    }

    /// The time of the next event.
    #[inline]
    #[must_use]
    pub fn next_at(&self) -> Option<Instant> {
        self.heap.peek().map(|Reverse(key)| Instant((key >> 64) as u64))
    }

    /// Takes the next event, if it is due at `limit` or earlier.
    #[inline]
    pub fn pop_until(&mut self, limit: Instant) -> Option<(Instant, E)> {
        if self.next_at()? > limit {
            return None;
        }
        let Reverse(key) = self.heap.pop()?;
        let at = (key >> 64) as u64;
        let slot = key as u32 & ((1 << SLOT_BITS) - 1);
        let event = self.slab[slot as usize].take().expect("a key in the heap has its event in the slab");
        self.free.push(slot);
        Some((Instant(at), event))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn nothing_comes_out_before_its_time() {
        let mut queue = Queue::new();
        queue.push(Instant(5), "later");
        assert_eq!(queue.pop_until(Instant(4)), None);
        assert_eq!(queue.pop_until(Instant(5)), Some((Instant(5), "later")));
        assert!(queue.is_empty());
    }

    proptest! {
        #[test]
        fn order_is_time_then_insertion(steps in prop::collection::vec(prop::option::of(0_u64..20), 1..200)) {
            let mut queue = Queue::new();
            let mut model: Vec<(u64, usize)> = Vec::new();
            for (number, step) in steps.into_iter().enumerate() {
                if let Some(at) = step {
                    queue.push(Instant(at), number);
                    model.push((at, number));
                } else {
                    model.sort_unstable();
                    let expected = (!model.is_empty()).then(|| model.remove(0));
                    let got = queue.pop_until(Instant(u64::MAX)).map(|(at, number)| (at.0, number));
                    prop_assert_eq!(got, expected);
                }
                prop_assert_eq!(queue.len(), model.len());
            }
        }
    }
}
