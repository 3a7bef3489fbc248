//! The log: entries at consecutive indexes, in terms that never decrease (paper 5.3).
//!
//! Terms are indexed by where they start, so that the last step of paper 5.3 (backing up a whole term at once) costs a
//! binary search, however long the divergent part. Ranges leave as shared slices: the last one is kept, so that the
//! leader's own write and the appends to all followers that stand at the same place are one allocation.
//!
//! Simplification: nothing is compacted yet. `compacted` is the entry before the first one held; it stays at zero until
//! snapshots (paper 7) come.

use std::ops::{Bound, RangeBounds};
use std::sync::Arc;

use crate::types::{Entry, Index, Term};

/// A server's log, as it stands in memory.
#[derive(Clone, Debug)]
pub(crate) struct Log {
    compacted: Position,
    entries: Vec<Entry>,
    /// The first entry of each term that has entries, in order.
    term_starts: Vec<Position>,
    /// The slice that was built, or taken over, last.
    shared: Arc<[Entry]>,
    /// An empty slice, so that heartbeats allocate nothing.
    empty: Arc<[Entry]>,
}

/// A place in a log: an index, and the term of the entry there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Position {
    index: Index,
    term: Term,
}

impl Log {
    /// A log with these entries, which must be consecutive from index 1.
    pub(crate) fn new(entries: Vec<Entry>) -> Log {
        let empty: Arc<[Entry]> = Arc::from([]);
        let positions = entries.iter().map(|entry| Position { index: entry.index, term: entry.term });
        let mut term_starts: Vec<Position> = positions.collect();
        term_starts.dedup_by_key(|position| position.term);
        Log { compacted: Position::default(), entries, term_starts, shared: Arc::clone(&empty), empty }
    }

    /// The index of the last entry; 0 if there never was one.
    pub(crate) fn last_index(&self) -> Index {
        self.entries.last().map_or(self.compacted.index, |entry| entry.index)
    }

    /// The term of the last entry; 0 if there never was one.
    pub(crate) fn last_term(&self) -> Term {
        self.entries.last().map_or(self.compacted.term, |entry| entry.term)
    }

    /// The term of the entry at `index`, if the log knows it. The position before the log has term 0.
    pub(crate) fn term_at(&self, index: Index) -> Option<Term> {
        if index == self.compacted.index {
            return Some(self.compacted.term);
        }
        self.entry(index).map(|entry| entry.term)
    }

    /// The entry at `index`, if the log holds it.
    pub(crate) fn entry(&self, index: Index) -> Option<&Entry> {
        let offset = index.0.checked_sub(self.compacted.index.next().0)?;
        self.entries.get(usize::try_from(offset).ok()?)
    }

    /// The entries that the log holds in a range of indexes, in order.
    pub(crate) fn range(&self, range: impl RangeBounds<Index>) -> &[Entry] {
        let from = match range.start_bound() {
            Bound::Included(index) => *index,
            Bound::Excluded(index) => Index(index.0.saturating_add(1)),
            Bound::Unbounded => Index(0),
        };
        let until = match range.end_bound() {
            Bound::Included(index) => Index(index.0.saturating_add(1)),
            Bound::Excluded(index) => *index,
            Bound::Unbounded => Index(u64::MAX),
        };
        let (from, until) = (self.held_before(from), self.held_before(until));
        &self.entries[from.min(until)..until]
    }

    /// The first index of `term`, if the log holds an entry of it.
    pub(crate) fn first_index_of(&self, term: Term) -> Option<Index> {
        let place = self.term_starts.binary_search_by_key(&term, |start| start.term).ok()?;
        Some(self.term_starts[place].index)
    }

    /// The last index of `term`, if the log holds an entry of it.
    pub(crate) fn last_index_of(&self, term: Term) -> Option<Index> {
        let place = self.term_starts.binary_search_by_key(&term, |start| start.term).ok()?;
        Some(self.term_starts.get(place + 1).map_or(self.last_index(), |later| later.index.previous()))
    }

    /// Appends an entry.
    pub(crate) fn push(&mut self, entry: Entry) {
        assert_eq!(entry.index, self.last_index().next(), "the indexes of a log are consecutive");
        assert!(entry.term >= self.last_term(), "the terms of a log never decrease");
        if self.term_starts.last().is_none_or(|start| start.term != entry.term) {
            self.term_starts.push(Position { index: entry.index, term: entry.term });
        }
        self.entries.push(entry);
    }

    /// Appends a whole slice and keeps it, so that the write of the same range is the same slice.
    pub(crate) fn take_over(&mut self, entries: Arc<[Entry]>) {
        self.entries.reserve(entries.len());
        entries.iter().for_each(|entry| self.push(entry.clone()));
        self.shared = entries;
    }

    /// Removes the entry at `first` and everything after it.
    pub(crate) fn truncate_from(&mut self, first: Index) {
        assert!(first > self.compacted.index, "what is compacted is committed, and what is committed stays");
        self.entries.truncate(self.held_before(first));
        while self.term_starts.pop_if(|start| start.index >= first).is_some() {}
        if self.shared.last().is_some_and(|entry| entry.index >= first) {
            self.shared = Arc::clone(&self.empty);
        }
    }

    /// The entries from `first` through `through` as a slice to be shared; empty if `through` is before `first`.
    pub(crate) fn slice(&mut self, first: Index, through: Index) -> Arc<[Entry]> {
        if through < first {
            return Arc::clone(&self.empty);
        }
        let ends = (self.shared.first().map(|entry| entry.index), self.shared.last().map(|entry| entry.index));
        if ends != (Some(first), Some(through)) {
            self.shared = Arc::from(self.range(first..=through));
        }
        Arc::clone(&self.shared)
    }

    /// How many of the entries held come before `index`.
    fn held_before(&self, index: Index) -> usize {
        let before = index.0.saturating_sub(self.compacted.index.next().0);
        usize::try_from(before).unwrap_or(usize::MAX).min(self.entries.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::Payload;

    fn entry(index: u64, term: u64) -> Entry {
        Entry { term: Term(term), index: Index(index), payload: Payload::Noop }
    }

    fn log(terms: &[u64]) -> Log {
        Log::new((1..).zip(terms).map(|(index, &term)| entry(index, term)).collect())
    }

    fn indexes(entries: &[Entry]) -> Vec<u64> {
        entries.iter().map(|entry| entry.index.0).collect()
    }

    #[test]
    fn the_empty_log_ends_at_zero() {
        let log = log(&[]);
        assert_eq!((log.last_index(), log.last_term()), (Index(0), Term(0)));
        assert_eq!(log.term_at(Index(0)), Some(Term(0)));
        assert_eq!(log.term_at(Index(1)), None);
        assert_eq!(log.entry(Index(0)), None);
        assert!(log.range(..).is_empty());
    }

    #[test]
    fn terms_are_found_as_by_walking_the_log() {
        let terms = [1, 1, 1, 4, 4, 5, 7, 7, 7, 7];
        let mut log = log(&terms);
        for kept in (0..=terms.len()).rev() {
            log.truncate_from(Index(kept as u64 + 1));
            for term in 0..9 {
                let walked = |found: Option<usize>| found.map(|place| Index(place as u64 + 1));
                let first = walked(terms[..kept].iter().position(|&t| t == term));
                let last = walked(terms[..kept].iter().rposition(|&t| t == term));
                assert_eq!(log.first_index_of(Term(term)), first, "first of term {term} in {kept} entries");
                assert_eq!(log.last_index_of(Term(term)), last, "last of term {term} in {kept} entries");
            }
        }
    }

    #[test]
    fn ranges_are_clamped_to_what_is_held() {
        let log = log(&[1, 1, 2, 2]);
        assert_eq!(indexes(log.range(..)), [1, 2, 3, 4]);
        assert_eq!(indexes(log.range(Index(2)..Index(4))), [2, 3]);
        assert_eq!(indexes(log.range(Index(3)..=Index(u64::MAX))), [3, 4]);
        assert_eq!(indexes(log.range((Bound::Excluded(Index(3)), Bound::Unbounded))), [4]);
        let inverted = (Bound::Included(Index(4)), Bound::Excluded(Index(2)));
        assert!(log.range(inverted).is_empty());
        assert!(log.range(Index(9)..).is_empty());
        assert_eq!(log.entry(Index(u64::MAX)), None);
    }

    #[test]
    fn the_same_range_is_the_same_slice_until_it_is_truncated() {
        let mut log = log(&[1, 1, 2]);
        let write = log.slice(Index(2), Index(3));
        assert!(Arc::ptr_eq(&write, &log.slice(Index(2), Index(3))));
        assert_eq!(indexes(&log.slice(Index(2), Index(2))), [2], "a part of it is another slice");
        assert_eq!(indexes(&log.slice(Index(1), Index(2))), [1, 2]);
        assert_eq!(indexes(&log.slice(Index(2), Index(3))), [2, 3]);
        log.truncate_from(Index(3));
        log.push(entry(3, 5));
        let after = log.slice(Index(2), Index(3));
        assert_eq!(after.iter().map(|entry| entry.term.0).collect::<Vec<_>>(), [1, 5]);
        assert!(log.slice(Index(4), Index(3)).is_empty());
    }

    #[test]
    fn a_slice_that_was_taken_over_serves_the_write() {
        let mut log = log(&[1]);
        let received: Arc<[Entry]> = Arc::from([entry(2, 1), entry(3, 2)]);
        log.take_over(Arc::clone(&received));
        assert!(Arc::ptr_eq(&received, &log.slice(Index(2), Index(3))));
        assert_eq!(indexes(log.range(..)), [1, 2, 3]);
    }

    #[test]
    #[should_panic(expected = "the indexes of a log are consecutive")]
    fn a_gap_is_a_bug() {
        log(&[1]).push(entry(3, 1));
    }

    #[test]
    #[should_panic(expected = "the terms of a log never decrease")]
    fn a_term_that_decreases_is_a_bug() {
        log(&[2]).push(entry(2, 1));
    }
}
