//! Reads without an entry in the log (dissertation 6.4): they wait until Raft lets them pass, and then until what they
//! must reflect is applied.
//!
//! What it simplifies: a follower's question to its leader may get lost, and nobody tells; so it keeps a bounded number
//! of reads and forgets the oldest. The client asks again.

use std::collections::BTreeMap;

use whitewater_raft::{Index, ReadId};

use crate::command::Operation;
use crate::message::Address;

/// So many reads may wait at a server.
const WAITING_MAX: usize = 4096;

/// A client's read.
#[derive(Clone, Debug)]
pub(super) struct Read {
    pub(super) client: Address,
    pub(super) number: u64,
    pub(super) operation: Operation,
}

/// The reads at a server.
#[derive(Debug, Default)]
pub(super) struct Reads {
    next: u64,
    /// Raft has not said yet whether they may pass.
    asked: BTreeMap<ReadId, Read>,
    /// They may pass as soon as this index is applied.
    waiting: BTreeMap<(Index, ReadId), Read>,
}

impl Reads {
    /// Takes a read on, and gives it a number.
    pub(super) fn begin(&mut self, read: Read) -> ReadId {
        let id = ReadId(self.next);
        self.next += 1;
        self.asked.insert(id, read);
        if self.asked.len() > WAITING_MAX {
            self.asked.pop_first();
        }
        id
    }

    /// Raft refused the read.
    pub(super) fn refused(&mut self, id: ReadId) -> Option<Read> {
        self.asked.remove(&id)
    }

    /// Raft lets the read pass once `index` is applied. Whether it was still waited for.
    pub(super) fn ready(&mut self, id: ReadId, index: Index) -> bool {
        match self.asked.remove(&id) {
            Some(read) => {
                self.waiting.insert((index, id), read);
                true
            }
            None => false,
        }
    }

    /// A read that may be served with everything through `applied` applied.
    pub(super) fn take_served_by(&mut self, applied: Index) -> Option<(ReadId, Read)> {
        let first = self.waiting.first_entry()?;
        if first.key().0 > applied {
            return None;
        }
        let ((_, id), read) = first.remove_entry();
        Some((id, read))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(number: u64) -> Read {
        Read { client: Address(9), number, operation: Operation::Get { key: "k".into() } }
    }

    fn served(reads: &mut Reads, applied: u64) -> Vec<u64> {
        std::iter::from_fn(|| reads.take_served_by(Index(applied))).map(|(_, read)| read.number).collect()
    }

    #[test]
    fn a_read_is_served_when_its_index_is_applied() {
        let mut reads = Reads::default();
        let ids: Vec<ReadId> = (0..3).map(|number| reads.begin(read(number))).collect();
        assert!(reads.ready(ids[2], Index(4)) && reads.ready(ids[0], Index(6)));
        assert!(served(&mut reads, 3).is_empty());
        assert_eq!(served(&mut reads, 4), [2]);
        assert_eq!(served(&mut reads, 9), [0]);
        assert_eq!(reads.refused(ids[1]).map(|read| read.number), Some(1));
        assert!(!reads.ready(ids[1], Index(1)), "it was refused");
    }

    #[test]
    fn the_oldest_of_too_many_is_forgotten() {
        let mut reads = Reads::default();
        let ids: Vec<ReadId> = (0..=WAITING_MAX as u64).map(|number| reads.begin(read(number))).collect();
        assert!(!reads.ready(ids[0], Index(1)) && reads.ready(ids[1], Index(1)));
    }
}
