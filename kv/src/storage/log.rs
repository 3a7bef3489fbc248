//! The end of the log on disk: where the next batch goes, and which segments are no longer needed.

use std::collections::VecDeque;

use whitewater_raft::{Entry, HardState, Index, Term};

use super::disk::{Disk, Ticket, Written};
use super::record;
use super::segment::{BATCH_HEADER, END, Link, Place, Position, SEGMENT_HEADER, SegmentHeader, TornBatch};
use crate::bugs::{self, Bug};

/// Room at the front of a batch for the headers.
const ROOM: usize = SEGMENT_HEADER + BATCH_HEADER;

/// The name of a segment.
pub(super) fn name(number: u64) -> String {
    format!("log-{number}")
}

/// The log's files.
#[derive(Debug)]
pub(super) struct Log {
    /// The segments that are durable and in use, oldest first: the number, and the position before each.
    pub(super) segments: VecDeque<(u64, Position)>,
    /// Where the next batch goes, unless a new segment is due. None if there is no segment.
    place: Option<Place>,
    /// The name of that segment.
    file: String,
    /// The next batch goes into a new segment, whatever the length of this one.
    is_closed: bool,
    /// The highest number that a segment ever had, as far as is known.
    number_max: u64,
}

/// Records on their way to the disk, together.
#[derive(Debug)]
pub(super) struct Pending {
    /// Room for the headers, and the records.
    bytes: Vec<u8>,
    /// The log before them.
    before: Position,
    hard_state_before: HardState,
    /// Whether the log begins anew behind `before`.
    begins: Begins,
    entries: u32,
    hard_states: u32,
    hard_state: Option<HardState>,
    last: Option<Position>,
}

/// What the log before a batch is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Begins {
    /// The batch continues it.
    Nothing,
    /// It is void: a snapshot replaced it.
    Anew,
}

/// A batch that was written and is not durable yet.
#[derive(Debug)]
pub(super) struct Writing {
    pub(super) file: Ticket,
    /// If the batch is the first of a segment: the sync of its name.
    pub(super) directory: Option<Ticket>,
    segment: Option<(u64, Position)>,
}

impl Pending {
    pub(super) fn new(mut bytes: Vec<u8>, before: Position, hard_state_before: HardState, begins: Begins) -> Pending {
        bytes.clear();
        bytes.resize(ROOM, 0);
        let (entries, hard_states) = (0, 0);
        Pending { bytes, before, hard_state_before, begins, entries, hard_states, hard_state: None, last: None }
    }

    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    pub(super) fn put_hard_state(&mut self, hard_state: HardState) {
        record::put_hard_state(&mut self.bytes, hard_state);
        self.hard_states += 1;
        self.hard_state = Some(hard_state);
    }

    pub(super) fn put_entries(&mut self, entries: &[Entry]) {
        for entry in entries {
            record::put_entry(&mut self.bytes, entry);
            self.entries += 1;
            self.last = Some(Position { index: entry.index, term: entry.term });
        }
    }
}

impl Log {
    /// A log of some segments that ends at this place. If a crash left anything there, the next batch goes elsewhere.
    pub(super) fn ending(
        segments: VecDeque<(u64, Position)>,
        place: Option<Place>,
        torn: Option<TornBatch>,
        number_max: u64,
    ) -> Log {
        let file = place.map(|place| name(place.segment)).unwrap_or_default();
        Log { segments, place, file, is_closed: torn.is_some(), number_max }
    }

    /// Writes a batch and begins to make it durable. Gives its buffer back.
    pub(super) fn write<D: Disk + ?Sized>(
        &mut self,
        mut batch: Pending,
        segment_bytes: usize,
        disk: &mut D,
    ) -> (Writing, Vec<u8>) {
        batch.bytes.push(END);
        let segment_bytes = if bugs::is_on(Bug::SmallerSegments) { segment_bytes / 4 } else { segment_bytes };
        let place = self
            .place
            .filter(|place| !self.is_closed && batch.begins == Begins::Nothing && place.offset() < segment_bytes);
        let (place, from, segment) = match place {
            Some(place) => (place, SEGMENT_HEADER, None),
            None => (self.begin_segment(&mut batch), 0, Some((self.number_max, batch.before))),
        };
        let chain = place.seal(&mut batch.bytes[SEGMENT_HEADER..], batch.entries, batch.hard_states);
        let end = place.offset() + batch.bytes.len() - SEGMENT_HEADER;
        self.place = Some(Place { end, ordinal: place.ordinal + 1, chain, ..place });
        disk.write(&self.file, place.offset() + from - SEGMENT_HEADER, &batch.bytes[from..]);
        if let Some(hard_state) = batch.hard_state {
            disk.written(Written::HardState(hard_state));
        }
        if let Some(Position { index, term }) = batch.last {
            disk.written(Written::Entries { index, term });
        }
        let directory = segment.map(|_| disk.sync_directory());
        let file = disk.sync(if bugs::is_on(Bug::NoSync) { "" } else { &self.file });
        (Writing { file, directory, segment }, batch.bytes)
    }

    /// Fills in the header of the segment that a batch begins.
    fn begin_segment(&mut self, batch: &mut Pending) -> Place {
        self.number_max += 1;
        self.is_closed = false;
        self.file = name(self.number_max);
        let link = |place: Place| Link { number: place.segment, end: place.end as u64, chain: place.chain };
        let header = SegmentHeader {
            number: self.number_max,
            previous: self.place.filter(|_| batch.begins == Begins::Nothing).map(link),
            position: batch.before,
            hard_state: batch.hard_state_before,
        };
        let bytes = header.encode();
        batch.bytes[..SEGMENT_HEADER].copy_from_slice(&bytes);
        let chain = SegmentHeader::chain(&bytes);
        Place { segment: self.number_max, end: SEGMENT_HEADER, ordinal: 1, chain }
    }

    /// A batch is durable.
    pub(super) fn written(&mut self, writing: Writing) {
        self.segments.extend(writing.segment);
    }

    /// Removes the segments that hold nothing behind an index. A crash may undo that.
    pub(super) fn remove_through<D: Disk + ?Sized>(&mut self, index: Index, disk: &mut D) {
        while self
            .segments
            .get(1)
            .is_some_and(|(_, before)| before.index <= index && !bugs::is_on(Bug::LogNeverTrimmed))
        {
            let (number, _) = self.segments.pop_front().expect("there are two");
            disk.remove(&name(number));
        }
    }
}

/// The terms of the log that was handed over: where it begins and ends, and where its terms change.
#[derive(Debug, Default)]
pub(super) struct Terms {
    base: Position,
    /// Where the term changes, behind the base.
    firsts: Vec<Position>,
    last: Index,
}

impl Terms {
    /// A log without entries.
    pub(super) fn starting(base: Position) -> Terms {
        Terms { base, firsts: Vec::new(), last: base.index }
    }

    pub(super) fn last(&self) -> Position {
        let term = self.firsts.last().map_or(self.base.term, |first| first.term);
        Position { index: self.last, term }
    }

    /// The term of the entry at an index, or of the base.
    pub(super) fn term_at(&self, index: Index) -> Option<Term> {
        if index < self.base.index || index > self.last {
            return None;
        }
        let run = self.firsts.partition_point(|first| first.index <= index);
        Some(run.checked_sub(1).map_or(self.base.term, |run| self.firsts[run].term))
    }

    /// Entries replace everything from the first one's index on.
    ///
    /// # Panics
    /// If they leave a gap.
    pub(super) fn put(&mut self, entries: &[Entry]) {
        let Some(first) = entries.first() else { return };
        assert!(
            first.index > self.base.index && first.index <= self.last.next(),
            "entries follow the log without a gap: {} after {}, which begins behind {}",
            first.index,
            self.last,
            self.base.index
        );
        self.last = first.index.previous();
        self.firsts.truncate(self.firsts.partition_point(|run| run.index < first.index));
        for Entry { term, index, .. } in entries {
            assert!(*index == self.last.next(), "the entries of a write are consecutive");
            if self.last().term != *term {
                self.firsts.push(Position { index: *index, term: *term });
            }
            self.last = *index;
        }
    }

    /// Forgets everything through an index, if the log reaches so far.
    pub(super) fn forget_through(&mut self, index: Index) {
        if let Some(term) = self.term_at(index) {
            self.base = Position { index, term };
            self.firsts.drain(..self.firsts.partition_point(|first| first.index <= index));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use whitewater_raft::Payload;

    fn entries(first: u64, term: u64, count: u64) -> Vec<Entry> {
        let entry = |index| Entry { term: Term(term), index: Index(index), payload: Payload::Noop };
        (first..first + count).map(entry).collect()
    }

    proptest! {
        /// Against a plain list of terms, with its place before the list in front.
        #[test]
        fn terms_are_those_of_the_log(steps in prop::collection::vec((0_u64..12, 0_u64..3, 1_u64..5, 0_u64..12), 1..20)) {
            let mut terms = Terms::starting(Position::default());
            let (mut base, mut term, mut list) = (0_usize, 1, vec![0]);
            for (first, later, count, forget) in steps {
                term += later;
                let first = (first as usize).clamp(base + 1, list.len());
                list.truncate(first);
                list.extend((0..count).map(|_| term));
                terms.put(&entries(first as u64, term, count));
                if (forget as usize) < list.len() {
                    terms.forget_through(Index(forget));
                    base = base.max(forget as usize);
                }
                for (index, expected) in list.iter().enumerate() {
                    let expected = (index >= base).then_some(Term(*expected));
                    prop_assert_eq!(terms.term_at(Index(index as u64)), expected, "at {}", index);
                }
                prop_assert_eq!(terms.term_at(Index(list.len() as u64)), None);
                let last = Position { index: Index(list.len() as u64 - 1), term: Term(list[list.len() - 1]) };
                prop_assert_eq!(terms.last(), last);
            }
        }
    }

    #[test]
    #[should_panic(expected = "entries follow the log without a gap: 5 after 2")]
    fn a_gap_is_a_bug() {
        let mut terms = Terms::starting(Position::default());
        terms.put(&entries(1, 1, 2));
        terms.put(&entries(5, 1, 1));
    }
}
