//! Putting a snapshot together from its parts (paper 7, Figure 13, receiver's part).
//!
//! Parts count only in order and without gaps; whatever else arrives is answered with how far the assembly is, and the
//! leader goes on from there. It belongs to one leader and one snapshot: two leaders need not have cut the same state
//! into the same bytes.
//!
//! Simplification: an assembly is in memory only. A server that restarts begins anew.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};

use crate::configuration::Configuration;
use crate::message::InstallSnapshot;
use crate::snapshot::Snapshot;
use crate::types::{Index, NodeId, Term};

/// A snapshot of which some parts have arrived.
#[derive(Clone, Debug)]
pub(crate) struct Assembly {
    leader: NodeId,
    /// The leader's term.
    term: Term,
    last_index: Index,
    last_term: Term,
    configuration: Arc<Configuration>,
    length: u64,
    parts: Vec<Bytes>,
    received: u64,
}

impl Assembly {
    /// An assembly without a part yet, of the snapshot that this part is of.
    pub(crate) fn new(leader: NodeId, term: Term, part: &InstallSnapshot) -> Assembly {
        Assembly {
            leader,
            term,
            last_index: part.last_index,
            last_term: part.last_term,
            configuration: Arc::clone(&part.configuration),
            length: part.length,
            parts: Vec::new(),
            received: 0,
        }
    }

    /// The last index that the snapshot covers.
    pub(crate) fn last_index(&self) -> Index {
        self.last_index
    }

    /// How many bytes are there, from the start and without a gap.
    pub(crate) fn received(&self) -> u64 {
        self.received
    }

    /// Whether it was begun by this leader.
    pub(crate) fn is_from(&self, leader: NodeId, term: Term) -> bool {
        (self.leader, self.term) == (leader, term)
    }

    /// Whether a part is one of this snapshot.
    pub(crate) fn is_of(&self, part: &InstallSnapshot) -> bool {
        (self.last_index, self.last_term, self.length) == (part.last_index, part.last_term, part.length)
    }

    /// Takes a part if it is the next one.
    pub(crate) fn take(&mut self, part: &InstallSnapshot) {
        if part.offset == self.received {
            self.received += part.data.len() as u64;
            if !part.data.is_empty() {
                self.parts.push(part.data.clone());
            }
        }
    }

    /// The snapshot, if all of it is there.
    pub(crate) fn complete(&self) -> Option<Snapshot> {
        if self.received < self.length {
            return None;
        }
        let data = match &self.parts[..] {
            [whole] => whole.clone(),
            parts => {
                let mut data = BytesMut::new();
                parts.iter().for_each(|part| data.extend_from_slice(part));
                data.freeze()
            }
        };
        let configuration = Arc::clone(&self.configuration);
        Some(Snapshot { index: self.last_index, term: self.last_term, configuration, data })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::Round;

    const DATA: &[u8] = b"abcdefghij";

    fn part(offset: usize, until: usize) -> InstallSnapshot {
        InstallSnapshot {
            last_index: Index(9),
            last_term: Term(2),
            configuration: Arc::default(),
            length: DATA.len() as u64,
            offset: offset as u64,
            data: Bytes::from_static(&DATA[offset..until]),
            round: Round(1),
        }
    }

    #[test]
    fn parts_in_any_order_and_doubled_give_the_whole_once_all_came_in_order() {
        let mut assembly = Assembly::new(NodeId(1), Term(3), &part(0, 0));
        let arrivals = [(0, 0, 0), (4, 8, 0), (0, 4, 4), (0, 4, 4), (8, 10, 4), (4, 8, 8), (8, 8, 8), (4, 8, 8)];
        for (offset, until, received) in arrivals {
            assembly.take(&part(offset, until));
            assert_eq!((assembly.received(), assembly.complete()), (received, None));
        }
        assembly.take(&part(8, 10));
        assert_eq!(assembly.complete().map(|snapshot| snapshot.data), Some(Bytes::from_static(DATA)));
    }

    #[test]
    fn a_single_part_is_not_copied() {
        let whole = part(0, 10);
        let mut assembly = Assembly::new(NodeId(1), Term(3), &whole);
        assembly.take(&whole);
        assert_eq!(assembly.complete().expect("complete").data.as_ptr(), whole.data.as_ptr());
    }

    #[test]
    fn an_assembly_is_of_one_leader_and_one_snapshot() {
        let assembly = Assembly::new(NodeId(1), Term(3), &part(0, 4));
        assert!(assembly.is_of(&part(4, 8)) && assembly.is_from(NodeId(1), Term(3)));
        assert!(!assembly.is_from(NodeId(2), Term(3)) && !assembly.is_from(NodeId(1), Term(4)));
        assert!(!assembly.is_of(&InstallSnapshot { last_index: Index(10), ..part(4, 8) }));
        assert!(!assembly.is_of(&InstallSnapshot { last_term: Term(3), ..part(4, 8) }));
        assert!(!assembly.is_of(&InstallSnapshot { length: 11, ..part(4, 8) }));
    }
}
