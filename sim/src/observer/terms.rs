//! A log as the terms of its entries, in stretches: by Log Matching (paper, Figure 3) index and term say which entry it is.
//!
//! A log of any length is a handful of numbers, so the observer can afford two of each node, in memory and on disk, and
//! one of every leader. What it simplifies: where Log Matching itself is broken two different logs look the same; that is
//! a violation of its own, found when the entry is appended ([`super::records`]).

use super::records::Records;

/// The terms of a log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct TermLog {
    /// The last index that is covered by a snapshot instead of entries.
    base: u64,
    base_term: u64,
    stretches: Vec<Stretch>,
    last: u64,
}

/// Entries of one term, up to the next stretch or the end of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stretch {
    first: u64,
    term: u64,
}

impl TermLog {
    pub(super) fn base(&self) -> u64 {
        self.base
    }

    pub(super) fn last(&self) -> u64 {
        self.last
    }

    pub(super) fn is_empty(&self) -> bool {
        self.last == 0
    }

    #[inline]
    pub(super) fn last_term(&self) -> u64 {
        self.stretches.last().map_or(self.base_term, |stretch| stretch.term)
    }

    /// The term of the entry at an index that is in the log or the last that is not any more.
    #[inline]
    pub(super) fn term_at(&self, index: u64) -> Option<u64> {
        if index == self.last {
            return Some(self.last_term());
        }
        if index < self.base || index > self.last {
            return None;
        }
        if index == self.base {
            return Some(self.base_term);
        }
        self.stretches.iter().rev().find(|stretch| stretch.first <= index).map(|stretch| stretch.term)
    }

    /// Whether the log has this entry, or a snapshot in its place.
    #[inline]
    pub(super) fn holds(&self, index: u64, term: u64) -> bool {
        index < self.base || self.term_at(index) == Some(term)
    }

    /// Makes this entry the last one.
    #[inline]
    pub(super) fn put(&mut self, index: u64, term: u64) {
        if index <= self.last {
            self.truncate(index - 1);
        }
        self.extend(index, term);
    }

    /// Forgets the entries up to this one; a snapshot covers them.
    pub(super) fn forget(&mut self, through: u64) {
        if through <= self.base {
            return;
        }
        self.base_term = self.term_at(through).unwrap_or_else(|| self.last_term());
        self.base = through;
        self.last = self.last.max(through);
        let gone = self.stretches.partition_point(|stretch| stretch.first <= through);
        if through == self.last {
            self.stretches.clear();
        } else if let Some(kept) = gone.checked_sub(1) {
            self.stretches[kept].first = through + 1;
            self.stretches.drain(..kept);
        }
        if self.stretches.get(1).is_some_and(|stretch| stretch.first == through + 1) {
            self.stretches.remove(0);
        }
    }

    /// Begins behind a snapshot, and goes on only if the snapshot's last entry was in the log.
    pub(super) fn restore(&mut self, index: u64, term: u64) {
        if self.term_at(index) == Some(term) {
            self.forget(index);
        } else if index >= self.base {
            *self = TermLog { base: index, base_term: term, stretches: Vec::new(), last: index };
        }
    }

    /// The term before an entry, if the log has that entry and knows.
    pub(super) fn term_before(&self, index: u64, term: u64) -> Option<u64> {
        self.term_at(index - 1).filter(|_| self.term_at(index) == Some(term))
    }

    /// Becomes the log that ends with this entry, unless a snapshot covers that: as the records tell, and where those are
    /// forgotten the logs that the same server has or had in memory, the latest last. Returns the last index at which nothing
    /// changed.
    #[inline]
    pub(super) fn become_log_of<'m>(
        &mut self,
        index: u64,
        term: u64,
        records: &Records,
        memory: impl DoubleEndedIterator<Item = &'m TermLog> + Clone,
    ) -> u64 {
        // Nearly every write goes on in the term in which the log ends.
        if self.last < index && self.last_term() == term {
            let kept = self.last;
            self.extend(index, term);
            return kept;
        }
        if index <= self.base {
            return self.last;
        }
        if self.term_at(index) == Some(term) {
            self.truncate(index);
            return index;
        }
        self.become_other_log(index, term, records, memory)
    }

    /// The same for a log that does not simply go on.
    fn become_other_log<'m>(
        &mut self,
        index: u64,
        term: u64,
        records: &Records,
        memory: impl DoubleEndedIterator<Item = &'m TermLog> + Clone,
    ) -> u64 {
        let mut added: Vec<Stretch> = Vec::new();
        let (mut at, mut its_term) = (index, term);
        let kept = loop {
            if self.last < at && self.last_term() == its_term {
                added.push(Stretch { first: self.last + 1, term: its_term });
                break self.last;
            }
            match added.last_mut() {
                Some(stretch) if stretch.term == its_term => stretch.first = at,
                Some(_) | None => added.push(Stretch { first: at, term: its_term }),
            }
            let previous = records
                .term_before(at, its_term)
                .or_else(|| memory.clone().rev().find_map(|log| log.term_before(at, its_term)));
            // What nobody remembers is not known to differ.
            let Some(previous) = previous else { break self.last.min(at - 1) };
            (at, its_term) = (at - 1, previous);
            if at <= self.base || self.term_at(at) == Some(its_term) {
                break at;
            }
        };
        self.truncate(kept);
        for (position, stretch) in added.iter().enumerate().rev() {
            let end = position.checked_sub(1).map_or(index, |next| added[next].first - 1);
            self.extend(end, stretch.term);
        }
        kept
    }

    fn truncate(&mut self, last: u64) {
        self.last = last.max(self.base);
        while self.stretches.last().is_some_and(|stretch| stretch.first > self.last) {
            self.stretches.pop();
        }
    }

    #[inline]
    fn extend(&mut self, last: u64, term: u64) {
        if self.stretches.last().is_none_or(|stretch| stretch.term != term) {
            self.stretches.push(Stretch { first: self.last + 1, term });
        }
        self.last = last;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A log with these terms at indexes from 1.
    fn log(terms: &[u64]) -> TermLog {
        let mut log = TermLog::default();
        (1..).zip(terms).for_each(|(index, term)| log.put(index, *term));
        log
    }

    fn terms(log: &TermLog) -> Vec<u64> {
        (log.base() + 1..=log.last()).filter_map(|index| log.term_at(index)).collect()
    }

    #[test]
    fn a_snapshot_keeps_a_matching_suffix_and_nothing_else() {
        let mut kept = log(&[1, 1, 2, 2]);
        kept.restore(2, 1);
        assert_eq!((kept.base(), terms(&kept)), (2, vec![2, 2]));
        let mut replaced = log(&[1, 1, 2, 2]);
        replaced.restore(2, 2);
        assert_eq!((replaced.base(), replaced.last(), replaced.last_term()), (2, 2, 2));
        let mut beyond = log(&[1]);
        beyond.restore(5, 3);
        assert_eq!((beyond.last(), beyond.holds(3, 9), beyond.holds(5, 3), beyond.holds(6, 3)), (5, true, true, false));
    }

    #[test]
    fn a_write_of_another_history_replaces_from_where_it_differs() {
        let mut records = Records::default();
        for (index, term, before) in [(1, 1, 0), (2, 1, 1), (3, 2, 1), (4, 4, 2), (5, 4, 4)] {
            records.append(index, term, before, 0);
        }
        let unknown = std::iter::empty::<&TermLog>;
        let mut disk = log(&[1, 1, 1, 3, 3, 3]);
        assert_eq!(disk.become_log_of(5, 4, &records, unknown()), 2);
        assert_eq!(terms(&disk), [1, 1, 2, 4, 4]);
        assert_eq!(disk.become_log_of(5, 4, &records, unknown()), 5);
        assert_eq!(disk.become_log_of(3, 2, &records, unknown()), 3);
        assert_eq!(terms(&disk), [1, 1, 2]);
    }

    #[test]
    fn what_the_records_have_forgotten_the_log_in_memory_tells() {
        let mut records = Records::default();
        for (index, term, before) in [(1, 1, 0), (2, 2, 1), (3, 2, 2), (4, 2, 2)] {
            records.append(index, term, before, 0);
        }
        records.forget(3);
        let mut disk = log(&[]);
        assert_eq!(disk.become_log_of(2, 2, &records, [log(&[1, 2]), log(&[])].iter()), 0);
        assert_eq!(terms(&disk), [1, 2]);
    }

    proptest! {
        #[test]
        fn stretches_say_what_a_plain_list_says(
            steps in prop::collection::vec((0_u64..4, 0_u64..3, 0_u64..8), 1..60)
        ) {
            let mut log = TermLog::default();
            let (mut model, mut base, mut term) = (vec![0], 0, 1);
            for (kind, raise, place) in steps {
                let last = model.len() as u64 - 1;
                if kind == 0 {
                    let through = (base + place).min(last);
                    log.forget(through);
                    base = base.max(through);
                    continue;
                }
                let index = if kind == 1 { (base + 1 + place).min(last + 1) } else { last + 1 };
                model.truncate(index as usize);
                term = model[index as usize - 1].max(term) + raise;
                model.push(term);
                log.put(index, term);
                for (index, term) in (0..).zip(&model) {
                    let expected = (index >= base).then_some(*term);
                    prop_assert_eq!(log.term_at(index), expected, "at {}", index);
                }
                prop_assert_eq!((log.last() + 1, log.last_term()), (model.len() as u64, *model.last().unwrap()));
            }
        }
    }
}
