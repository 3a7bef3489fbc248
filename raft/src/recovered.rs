//! What survived on disk, as the host read it back before the replica starts (paper, Figure 2 "Persistent state").
//!
//! A replica refuses a log that no sequence of its own writes can have left behind: running on would turn one broken
//! disk into a broken cluster. It cannot see that writes at the end were lost; the disk has to keep that promise.

use std::sync::Arc;

use crate::snapshot::Snapshot;
use crate::types::{Entry, HardState, Index, Term};

/// The durable state of a server. The default is that of a server that never ran.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recovered {
    /// The last hard state that was written completely.
    pub hard_state: HardState,
    /// The newest snapshot, if there is one.
    pub snapshot: Option<Arc<Snapshot>>,
    /// The log, without gaps, from the index after the snapshot's; from 1 if there is none.
    pub entries: Vec<Entry>,
}

/// Why a recovered state is impossible.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecoveredError {
    /// An entry is missing, doubled or out of order.
    #[error(
        "the recovered log has entry {found} where entry {expected} should be: the disk lost or reordered writes; \
         rebuild this server's state instead of starting it on this disk"
    )]
    Gap {
        /// The index that should come here.
        expected: Index,
        /// The index that is here.
        found: Index,
    },
    /// A snapshot covers no entry, or says of no configuration in which somebody votes.
    #[error(
        "the recovered snapshot at index {index} cannot have been taken: {why}; rebuild this server's state instead of \
         starting it on this disk"
    )]
    Snapshot {
        /// The snapshot's index.
        index: Index,
        /// What is wrong with it.
        why: &'static str,
    },
    /// Terms go backwards, or an entry has term 0.
    #[error(
        "the recovered log has term {found} at index {index}, below term {previous} before it: the disk mixed two \
         logs; rebuild this server's state instead of starting it on this disk"
    )]
    TermDecreases {
        /// Where.
        index: Index,
        /// The term there.
        found: Term,
        /// The lowest term that is possible there.
        previous: Term,
    },
    /// An entry is from a term that the server has not seen.
    #[error(
        "the recovered log ends in term {last_term}, above the recovered current term {term}: the disk lost the hard \
         state, and with it perhaps a vote; rebuild this server's state instead of starting it on this disk"
    )]
    TermAhead {
        /// The term of the last entry.
        last_term: Term,
        /// The term in the hard state.
        term: Term,
    },
}

impl Recovered {
    /// Refuses a state that no sequence of writes can have left behind.
    ///
    /// # Errors
    /// The first [`RecoveredError`] found.
    pub fn validate(&self) -> Result<(), RecoveredError> {
        let mut expected = Index(1);
        let mut previous = Term(1);
        if let Some(snapshot) = &self.snapshot {
            let fail = |why| Err(RecoveredError::Snapshot { index: snapshot.index, why });
            if snapshot.index == Index(0) || snapshot.term == Term(0) {
                return fail("it covers no entry");
            }
            if snapshot.configuration.voters.is_empty() || snapshot.configuration.validate().is_err() {
                return fail("its configuration is impossible");
            }
            (expected, previous) = (snapshot.index.next(), snapshot.term);
        }
        for entry in &self.entries {
            if entry.index != expected {
                return Err(RecoveredError::Gap { expected, found: entry.index });
            }
            if entry.term < previous {
                return Err(RecoveredError::TermDecreases { index: entry.index, found: entry.term, previous });
            }
            expected = expected.next();
            previous = entry.term;
        }
        let last_term = match (self.entries.last(), &self.snapshot) {
            (Some(last), _) => last.term,
            (None, Some(snapshot)) => snapshot.term,
            (None, None) => Term(0),
        };
        if last_term > self.hard_state.term {
            return Err(RecoveredError::TermAhead { last_term, term: self.hard_state.term });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::configuration::Configuration;
    use crate::types::{NodeId, Payload};

    fn recovered(term: u64, entries: &[(u64, u64)]) -> Recovered {
        let entry =
            |&(index, term): &(u64, u64)| Entry { term: Term(term), index: Index(index), payload: Payload::Noop };
        Recovered {
            hard_state: HardState { term: Term(term), voted_for: None },
            snapshot: None,
            entries: entries.iter().map(entry).collect(),
        }
    }

    #[test]
    fn what_a_server_can_have_written_is_accepted() {
        assert_eq!(Recovered::default().validate(), Ok(()));
        assert_eq!(recovered(9, &[]).validate(), Ok(()));
        assert_eq!(recovered(3, &[(1, 1), (2, 1), (3, 3)]).validate(), Ok(()));
    }

    #[test]
    fn what_no_server_can_have_written_is_refused() {
        let gap = |expected, found| Err(RecoveredError::Gap { expected: Index(expected), found: Index(found) });
        assert_eq!(recovered(1, &[(2, 1)]).validate(), gap(1, 2));
        assert_eq!(recovered(1, &[(1, 1), (3, 1)]).validate(), gap(2, 3));
        assert_eq!(recovered(1, &[(1, 1), (1, 1)]).validate(), gap(2, 1));
        assert_eq!(
            recovered(2, &[(1, 2), (2, 1)]).validate(),
            Err(RecoveredError::TermDecreases { index: Index(2), found: Term(1), previous: Term(2) })
        );
        assert_eq!(
            recovered(2, &[(1, 0)]).validate(),
            Err(RecoveredError::TermDecreases { index: Index(1), found: Term(0), previous: Term(1) })
        );
        assert_eq!(
            recovered(2, &[(1, 3)]).validate(),
            Err(RecoveredError::TermAhead { last_term: Term(3), term: Term(2) })
        );
    }

    fn behind(index: u64, term: u64, recovered: Recovered) -> Recovered {
        let configuration = Arc::new(Configuration::of_voters([NodeId(1)]));
        let snapshot = Snapshot { index: Index(index), term: Term(term), configuration, data: "state".into() };
        Recovered { snapshot: Some(Arc::new(snapshot)), ..recovered }
    }

    #[test]
    fn a_log_continues_its_snapshot() {
        assert_eq!(behind(4, 2, recovered(2, &[])).validate(), Ok(()));
        assert_eq!(behind(4, 2, recovered(3, &[(5, 2), (6, 3)])).validate(), Ok(()));
        let gap = |found| Err(RecoveredError::Gap { expected: Index(5), found: Index(found) });
        assert_eq!(behind(4, 2, recovered(2, &[(6, 2)])).validate(), gap(6));
        assert_eq!(behind(4, 2, recovered(2, &[(4, 2)])).validate(), gap(4));
        assert_eq!(
            behind(4, 2, recovered(2, &[(5, 1)])).validate(),
            Err(RecoveredError::TermDecreases { index: Index(5), found: Term(1), previous: Term(2) })
        );
        assert_eq!(
            behind(4, 2, recovered(1, &[])).validate(),
            Err(RecoveredError::TermAhead { last_term: Term(2), term: Term(1) })
        );
    }

    #[test]
    fn a_snapshot_of_nothing_is_refused() {
        let nothing = behind(0, 2, recovered(2, &[])).validate();
        assert_eq!(nothing, Err(RecoveredError::Snapshot { index: Index(0), why: "it covers no entry" }));
        let snapshot = Snapshot { index: Index(4), term: Term(2), configuration: Arc::default(), data: "state".into() };
        let nobody = Recovered { snapshot: Some(Arc::new(snapshot)), ..recovered(2, &[]) }.validate();
        assert_eq!(nobody, Err(RecoveredError::Snapshot { index: Index(4), why: "its configuration is impossible" }));
    }
}
