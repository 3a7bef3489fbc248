//! What nodes tell the observer: small typed events, in the words of any replicated log.
//!
//! Nothing here is read back by a node, and the observer never looks into one. A node that observes nothing still gets
//! the checks of its history; each observation that it adds buys it more.

use std::fmt;

use crate::digest::Digest;

/// One thing that happened inside a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Observation {
    /// The node starts with this durable term and an empty log; the entries that its disk kept follow as
    /// [`Observation::Appended`].
    Booted {
        /// The term that the disk kept.
        term: u64,
    },
    /// The node's term is now this one.
    Term {
        /// The term.
        term: u64,
    },
    /// The node sends a message of this term. It must not restart below it: what a message promises is durable.
    Sent {
        /// The term.
        term: u64,
    },
    /// The node has this role in its term.
    Role {
        /// The role.
        role: Role,
        /// The term.
        term: u64,
    },
    /// The log has this entry; whatever it had from this index on is gone.
    Appended {
        /// Position, from 1 without gaps.
        index: u64,
        /// The entry's term.
        term: u64,
        /// A fingerprint of what the entry carries.
        payload: u64,
    },
    /// The node knows that the entries up to this one are committed.
    Committed {
        /// The commit index.
        index: u64,
    },
    /// The node applied an entry to its state machine.
    Applied {
        /// The entry's index.
        index: u64,
        /// The entry's term.
        term: u64,
        /// A fingerprint of what the entry carries.
        payload: u64,
        /// A fingerprint of the state machine afterwards.
        state: u64,
    },
}

/// A role in a replicated log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Follows.
    Follower,
    /// Wants to lead.
    Candidate,
    /// Leads.
    Leader,
}

impl Observation {
    /// Mixes everything that is said into the digest of the run. Terms and indexes are small, fingerprints fill their word:
    /// a rotated sum keeps them apart at half the cost of a mix each.
    pub(crate) fn mix_into(&self, digest: &mut Digest) {
        let (kind, first, second) = match *self {
            Observation::Booted { term } => (1, term, 0),
            Observation::Term { term } => (2, term, 0),
            Observation::Role { role, term } => (3, term, role as u64),
            Observation::Appended { index, term, payload } => (4, term, index.rotate_left(40).wrapping_add(payload)),
            Observation::Committed { index } => (5, 0, index),
            Observation::Applied { index, term, payload, state } => {
                digest.mix(state);
                (6, term, index.rotate_left(40).wrapping_add(payload))
            }
            // The message that was sent is in the digest itself.
            Observation::Sent { .. } => return,
        };
        digest.mix(first << 8 | kind);
        digest.mix(second);
    }
}

impl Observation {
    /// The index that an appended or applied entry has.
    pub(crate) fn index(&self) -> Option<u64> {
        match self {
            Observation::Appended { index, .. } | Observation::Applied { index, .. } => Some(*index),
            Observation::Booted { .. }
            | Observation::Term { .. }
            | Observation::Sent { .. }
            | Observation::Role { .. }
            | Observation::Committed { .. } => None,
        }
    }

    /// Whether this is the same as `before`, one index further.
    pub(crate) fn goes_on_from(&self, before: &Observation) -> bool {
        let same = match (self, before) {
            (Observation::Appended { term, .. }, Observation::Appended { term: before, .. }) => term == before,
            (now, before) => std::mem::discriminant(now) == std::mem::discriminant(before),
        };
        same && self.index().is_some_and(|index| before.index().map(|before| before + 1) == Some(index))
    }

    /// In words, for all indexes from the first to this one.
    pub(crate) fn since(&self, first: u64) -> String {
        match self {
            Observation::Appended { index, term, .. } => format!("log[{first}..={index}] is of term {term}"),
            Observation::Applied { index, state, .. } => {
                format!("applies {first} to {index}, state {:08x}", state >> 32)
            }
            Observation::Booted { .. }
            | Observation::Term { .. }
            | Observation::Sent { .. }
            | Observation::Role { .. }
            | Observation::Committed { .. } => self.to_string(),
        }
    }
}

impl fmt::Display for Observation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Observation::Booted { term } => write!(f, "boots in term {term}"),
            Observation::Term { term } => write!(f, "enters term {term}"),
            Observation::Sent { term } => write!(f, "sends in term {term}"),
            Observation::Role { role, term } => {
                let role = match role {
                    Role::Follower => "follower",
                    Role::Candidate => "candidate",
                    Role::Leader => "LEADER",
                };
                write!(f, "is {role} of term {term}")
            }
            Observation::Appended { index, term, .. } => write!(f, "log[{index}] is of term {term}"),
            Observation::Committed { index } => write!(f, "commits up to {index}"),
            Observation::Applied { index, state, .. } => write!(f, "applies {index}, state {:08x}", state >> 32),
        }
    }
}
