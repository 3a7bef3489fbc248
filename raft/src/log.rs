//! The log: entries at consecutive indexes, in terms that never decrease (paper 5.3), behind a position up to which
//! everything is in a snapshot (paper 7).
//!
//! Terms are indexed by where they start, so that the last step of paper 5.3 (backing up a whole term at once) costs a
//! binary search, however long the divergent part. Bytes are summed up, so that what a range weighs is a subtraction.
//! Ranges leave as shared slices: the last one is kept, so that the leader's own write and the appends to all followers
//! that stand at the same place are one allocation.
//!
//! Simplification: compaction moves the entries that stay to the front of their allocation; it costs as much as those
//! are many.

use std::ops::{Bound, RangeBounds};
use std::sync::Arc;

use crate::bugs::{self, Bug};
use crate::configuration::Configuration;
use crate::history::{Governing, History};
use crate::types::{Entry, Index, Payload, Term};

/// A server's log, as it stands in memory.
#[derive(Clone, Debug)]
pub(crate) struct Log {
    /// The position right before the first entry.
    compacted: Position,
    entries: Vec<Entry>,
    /// The bytes of commands through each entry, counted from some earlier one; alongside the entries.
    bytes_through: Vec<u64>,
    /// The same for the position before the first entry.
    bytes_compacted: u64,
    /// The first entry of each term that has entries, in order.
    term_starts: Vec<Position>,
    history: History,
    /// The slice that was built, or taken over, last.
    shared: Arc<[Entry]>,
    /// An empty slice, so that heartbeats allocate nothing.
    empty: Arc<[Entry]>,
}

/// A place in a log: an index, and the term of the entry there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Position {
    pub(crate) index: Index,
    pub(crate) term: Term,
}

impl Log {
    /// A log behind `compacted`, where `configuration` is in force, with these entries, which must follow it.
    pub(crate) fn new(compacted: Position, configuration: Arc<Configuration>, entries: Vec<Entry>) -> Log {
        let empty: Arc<[Entry]> = Arc::from([]);
        let mut log = Log {
            compacted,
            entries: Vec::with_capacity(entries.len()),
            bytes_through: Vec::with_capacity(entries.len()),
            bytes_compacted: 0,
            term_starts: Vec::new(),
            history: History::new(compacted.index, configuration),
            shared: Arc::clone(&empty),
            empty,
        };
        entries.into_iter().for_each(|entry| log.push(entry));
        if bugs::is_on(Bug::JointNotRecovered) && log.governing().configuration.is_joint() {
            log.history.truncate_from(log.governing().from);
        }
        log
    }

    /// The position right before the first entry: all before it is committed, and in a snapshot.
    pub(crate) fn compacted(&self) -> Position {
        self.compacted
    }

    /// Whether the log holds no entry.
    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The configuration in force, with the index from which it is.
    pub(crate) fn governing(&self) -> &Governing {
        self.history.current()
    }

    /// All configurations that the log knows of.
    pub(crate) fn history(&self) -> &History {
        &self.history
    }

    /// The index of the last entry; 0 if there never was one.
    pub(crate) fn last_index(&self) -> Index {
        self.entries.last().map_or(self.compacted.index, |entry| entry.index)
    }

    /// The term of the last entry; 0 if there never was one.
    pub(crate) fn last_term(&self) -> Term {
        self.entries.last().map_or(self.compacted.term, |entry| entry.term)
    }

    /// The term of the entry at `index`, if the log knows it. The position before the first entry ever has term 0.
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
        let bytes = self.bytes_through.last().copied().unwrap_or(self.bytes_compacted);
        match &entry.payload {
            Payload::Noop => self.bytes_through.push(bytes),
            Payload::Command(command) => self.bytes_through.push(bytes + command.len() as u64),
            Payload::Configuration(configuration) => {
                self.bytes_through.push(bytes);
                self.history.push(entry.index, Arc::clone(configuration));
            }
        }
        self.entries.push(entry);
    }

    /// Appends a whole slice and keeps it, so that the write of the same range is the same slice.
    pub(crate) fn take_over(&mut self, entries: Arc<[Entry]>) {
        entries.iter().for_each(|entry| self.push(entry.clone()));
        if !bugs::is_on(Bug::StaleSlice) {
            self.shared = entries;
        }
    }

    /// Removes the entry at `first` and everything after it.
    pub(crate) fn truncate_from(&mut self, first: Index) {
        assert!(first > self.compacted.index, "what is compacted is committed, and what is committed stays");
        let kept = self.held_before(first);
        self.entries.truncate(kept);
        self.bytes_through.truncate(kept);
        if !bugs::is_on(Bug::ConfigurationNotRolledBack) {
            self.history.truncate_from(first);
        }
        while self.term_starts.pop_if(|start| start.index >= first).is_some() {}
        if self.shared.last().is_some_and(|entry| entry.index >= first) && !bugs::is_on(Bug::StaleSlice) {
            self.shared = Arc::clone(&self.empty);
        }
    }

    /// Forgets the entries through this index, which are in a snapshot.
    pub(crate) fn compact(&mut self, through: Index) {
        let term = self.term_at(through).expect("compaction ends at an entry of the log");
        let gone = self.held_before(through.next());
        self.bytes_compacted = self.bytes_before(gone);
        self.entries.drain(..gone);
        self.bytes_through.drain(..gone);
        self.history.compact(through);
        let started = self.term_starts.partition_point(|start| start.index <= through.next());
        self.term_starts.drain(..started.saturating_sub(1));
        match (self.term_starts.first_mut(), self.entries.first()) {
            (Some(start), Some(first)) => start.index = first.index,
            (_, None) => self.term_starts.clear(),
            (None, Some(_)) => unreachable!("every entry is of a term that starts somewhere"),
        }
        self.compacted = Position { index: through, term };
        self.release_shared_before(through.next());
    }

    /// Forgets everything: the log begins, empty, behind a snapshot that it does not continue.
    pub(crate) fn restart(&mut self, compacted: Position, configuration: Arc<Configuration>) {
        *self = Log::new(compacted, configuration, Vec::new());
    }

    /// Takes the configuration at the position before the log from there.
    pub(crate) fn rebase(&mut self, configuration: Arc<Configuration>) {
        self.history.rebase(configuration);
    }

    /// How many bytes the commands have behind `after` and through `through`.
    pub(crate) fn bytes_between(&self, after: Index, through: Index) -> u64 {
        let (from, until) = (self.held_before(after.next()), self.held_before(through.next()));
        self.bytes_before(until).saturating_sub(self.bytes_before(from))
    }

    /// The last index of the longest range from `first` on with at most so many entries and bytes; one entry at least.
    /// The log must hold `first`.
    pub(crate) fn reach(&self, first: Index, entries_max: u64, bytes_max: u64) -> Index {
        let through = self.last_index().min(Index(first.previous().0.saturating_add(entries_max)));
        let (from, until) = (self.held_before(first), self.held_before(through.next()));
        let before = self.bytes_before(from);
        if self.bytes_before(until) - before <= bytes_max {
            return through;
        }
        let fitting = self.bytes_through[from..until].partition_point(|through| through - before <= bytes_max);
        Index(first.0 + (fitting.max(1) as u64 - 1))
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

    /// The bytes of commands before the entry at this place.
    fn bytes_before(&self, place: usize) -> u64 {
        place.checked_sub(1).map_or(self.bytes_compacted, |last| self.bytes_through[last])
    }

    fn release_shared_before(&mut self, first: Index) {
        if self.shared.first().is_some_and(|entry| entry.index < first) {
            self.shared = Arc::clone(&self.empty);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::Payload;

    fn entry(index: u64, term: u64) -> Entry {
        Entry { term: Term(term), index: Index(index), payload: Payload::Noop }
    }

    /// A log behind entry `index` of `term`, with entries of these terms.
    fn log_behind(index: u64, term: u64, terms: &[u64]) -> Log {
        let entries = (index + 1..).zip(terms).map(|(index, &term)| entry(index, term)).collect();
        Log::new(Position { index: Index(index), term: Term(term) }, Arc::default(), entries)
    }

    fn log(terms: &[u64]) -> Log {
        log_behind(0, 0, terms)
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
    fn a_compacted_log_knows_what_it_still_holds() {
        let terms = [1, 1, 1, 4, 4, 5, 7, 7, 7, 7];
        for through in 0..=terms.len() {
            let mut compacted = log(&terms);
            compacted.compact(Index(through as u64));
            let term = through.checked_sub(1).map_or(0, |place| terms[place]);
            let expected = log_behind(through as u64, term, &terms[through..]);
            assert_eq!(indexes(compacted.range(..)), indexes(expected.range(..)));
            for term in 0..9 {
                let ends = |log: &Log| (log.first_index_of(Term(term)), log.last_index_of(Term(term)));
                assert_eq!(ends(&compacted), ends(&expected), "term {term} behind {through}");
            }
            for index in 0..12 {
                assert_eq!(compacted.term_at(Index(index)), expected.term_at(Index(index)), "{index} behind {through}");
            }
            compacted.push(entry(11, 9));
            assert_eq!((compacted.last_index(), compacted.last_term()), (Index(11), Term(9)));
        }
    }

    #[test]
    fn a_log_that_restarts_has_nothing_left_of_before() {
        let mut log = log(&[1, 2, 2]);
        log.slice(Index(2), Index(3));
        log.restart(Position { index: Index(7), term: Term(3) }, Arc::default());
        assert!(log.is_empty() && log.range(..).is_empty() && log.slice(Index(8), Index(7)).is_empty());
        assert_eq!((log.last_index(), log.last_term(), log.term_at(Index(3))), (Index(7), Term(3), None));
        log.push(entry(8, 3));
        assert_eq!(indexes(&log.slice(Index(8), Index(8))), [8]);
    }

    #[test]
    fn bytes_are_those_of_commands() {
        let mut log = log(&[1]);
        for (index, bytes) in (2..).zip([10, 0, 30, 40]) {
            let payload = Payload::Command(vec![0; bytes].into());
            log.push(Entry { term: Term(1), index: Index(index), payload });
        }
        for _ in 0..2 {
            let between = |after, through| log.bytes_between(Index(after), Index(through));
            assert_eq!(
                [between(1, 5), between(2, 4), between(4, 5), between(5, 5), between(4, 9)],
                [80, 30, 40, 0, 40]
            );
            let reach = |entries_max, bytes_max| log.reach(Index(2), entries_max, bytes_max).0;
            assert_eq!([reach(9, 80), reach(9, 79), reach(9, 40), reach(9, 39), reach(9, 5)], [5, 4, 4, 3, 2]);
            assert_eq!([reach(1, 80), reach(3, 80), reach(u64::MAX, u64::MAX)], [2, 4, 5]);
            log.compact(Index(1));
        }
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
