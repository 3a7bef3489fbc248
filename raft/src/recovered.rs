//! What survived on disk, as the host read it back before the replica starts (paper, Figure 2 "Persistent state").
//!
//! A replica refuses a log that no sequence of its own writes can have left behind: running on would turn one broken
//! disk into a broken cluster. It cannot see that writes at the end were lost; the disk has to keep that promise.

use crate::types::{Entry, HardState, Index, Term};

/// The durable state of a server. The default is that of a server that never ran.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recovered {
    /// The last hard state that was written completely.
    pub hard_state: HardState,
    /// The log, from index 1, without gaps.
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
        match self.entries.last() {
            Some(last) if last.term > self.hard_state.term => {
                Err(RecoveredError::TermAhead { last_term: last.term, term: self.hard_state.term })
            }
            Some(_) | None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::Payload;

    fn recovered(term: u64, entries: &[(u64, u64)]) -> Recovered {
        let entry =
            |&(index, term): &(u64, u64)| Entry { term: Term(term), index: Index(index), payload: Payload::Noop };
        Recovered {
            hard_state: HardState { term: Term(term), voted_for: None },
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
}
