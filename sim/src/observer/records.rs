//! What is known of each index, whoever said it: the entries that logs had there, which one is committed, and what
//! applying it led to.
//!
//! A log is a chain of hashes, H(i) = h(H(i-1), term, payload): two equal hashes mean two equal prefixes, so that each
//! entry is compared once, when it is appended. What every member has compacted is forgotten, and asks no questions any more.

use std::collections::VecDeque;

use crate::digest::Digest;
use crate::node::NodeId;

/// The most indexes by which a record may lie beyond the last one. Only a system that invents indexes skips any.
const SKIPPED_MAX: u64 = 1 << 16;

/// What is known of each index from some first one.
#[derive(Debug, Default)]
pub(super) struct Records {
    /// How many indexes are forgotten; the first row is of the index after that.
    forgotten: u64,
    rows: VecDeque<Record>,
}

/// What is known of one index.
#[derive(Clone, Debug, Default)]
pub(super) struct Record {
    /// Almost every index only ever has an entry of one term.
    entry: Entry,
    others: Vec<Entry>,
    /// The term of the committed entry; 0 if none is.
    pub(super) committed: u64,
    pub(super) applied: Option<Applied>,
}

/// An entry that some log had. Term 0 stands for none.
#[derive(Clone, Copy, Debug, Default)]
struct Entry {
    term: u64,
    term_before: u64,
    /// None behind a forgotten entry, where a chain begins anew.
    chain_before: Option<u64>,
    chain: u64,
}

/// What was applied at an index first.
#[derive(Clone, Copy, Debug)]
pub(super) struct Applied {
    /// The entry's term, and the fingerprint of what it carries.
    pub(super) entry: (u64, u64),
    pub(super) state: u64,
    pub(super) by: NodeId,
}

impl Records {
    /// Records an entry behind one of `term_before`. False if this index and term are known with another prefix.
    #[inline]
    pub(super) fn append(&mut self, index: u64, term: u64, term_before: u64, payload: u64) -> bool {
        let before = self.chain(index - 1, term_before);
        let Some(record) = self.record_mut(index) else { return true };
        let chain = Digest::of(&[before.unwrap_or_default(), term, payload]);
        if let Some(known) = record.entry_of(term) {
            return known.chain == chain || known.chain_before.is_none() || before.is_none();
        }
        let entry = Entry { term, term_before, chain_before: before, chain };
        if record.entry.term == 0 {
            record.entry = entry;
        } else {
            record.others.push(entry);
        }
        true
    }

    /// The term of the entry before one that some log had.
    pub(super) fn term_before(&self, index: u64, term: u64) -> Option<u64> {
        self.get(index)?.entry_of(term).map(|entry| entry.term_before)
    }

    /// Whether some log had this entry, or might have had it.
    pub(super) fn knows(&self, index: u64, term: u64) -> bool {
        index <= self.forgotten || self.get(index).is_some_and(|record| record.entry_of(term).is_some())
    }

    /// The term of the committed entry, if it is known.
    #[inline]
    pub(super) fn committed(&self, index: u64) -> Option<u64> {
        self.get(index).map(|record| record.committed).filter(|term| *term > 0)
    }

    #[inline]
    pub(super) fn get(&self, index: u64) -> Option<&Record> {
        let position = index.checked_sub(self.forgotten + 1)?;
        self.rows.get(position as usize)
    }

    /// The record of an index, made if need be; none if it is forgotten, or absurdly far beyond the last.
    #[inline]
    pub(super) fn record_mut(&mut self, index: u64) -> Option<&mut Record> {
        let position = index.checked_sub(self.forgotten + 1)?;
        let known = self.rows.len() as u64;
        if position == known {
            self.rows.push_back(Record::default());
        } else if position > known {
            if position - known > SKIPPED_MAX {
                return None;
            }
            self.rows.resize(position as usize + 1, Record::default());
        }
        self.rows.get_mut(position as usize)
    }

    /// Forgets everything up to an index.
    pub(super) fn forget(&mut self, through: u64) {
        let count = through.saturating_sub(self.forgotten);
        self.rows.drain(..self.rows.len().min(count as usize));
        self.forgotten = self.forgotten.max(through);
    }

    /// How many indexes are forgotten.
    pub(super) fn forgotten(&self) -> u64 {
        self.forgotten
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    /// The hash of the log that ends with an entry; the empty log has 0.
    #[inline]
    fn chain(&self, index: u64, term: u64) -> Option<u64> {
        if index == 0 {
            return Some(0);
        }
        self.get(index)?.entry_of(term).map(|entry| entry.chain)
    }
}

impl Record {
    #[inline]
    fn entry_of(&self, term: u64) -> Option<&Entry> {
        if self.entry.term == term && term > 0 {
            return Some(&self.entry);
        }
        self.others.iter().find(|entry| entry.term == term)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_entry_after_another_log_is_noticed() {
        let mut records = Records::default();
        assert!(records.append(1, 1, 0, 10) && records.append(1, 2, 0, 20));
        assert!(records.append(2, 3, 1, 30) && records.append(2, 3, 1, 30));
        assert!(!records.append(2, 3, 2, 30), "after another entry");
        assert!(!records.append(2, 3, 1, 31), "with another payload");
        assert_eq!((records.term_before(2, 3), records.term_before(2, 2)), (Some(1), None));
    }

    #[test]
    fn what_is_forgotten_asks_no_questions() {
        let mut records = Records::default();
        (1..=9).for_each(|index| assert!(records.append(index, 1, u64::from(index > 1), index)));
        records.forget(5);
        records.forget(3);
        assert_eq!((records.len(), records.forgotten()), (4, 5));
        assert!(records.append(4, 2, 1, 0) && records.knows(4, 2) && !records.knows(6, 2));
        assert!(records.append(6, 1, 1, 99), "nothing is known of the log before it");
        assert!(!records.append(7, 1, 1, 99));
        records.forget(100);
        assert!(records.append(101, 4, 3, 7) && records.append(101, 4, 3, 8) && records.append(102, 4, 4, 9));
        assert!(!records.append(102, 4, 4, 8));
    }

    #[test]
    fn an_invented_index_costs_no_memory() {
        let mut records = Records::default();
        assert!(records.append(u64::MAX, 1, 0, 0) && records.len() == 0);
        assert!(records.append(3, 1, 0, 0) && records.len() == 3);
    }
}
