//! What nodes tell the observer: small typed events, in the words of any replicated log (terms as in the Raft paper).
//!
//! Nothing here is read back by a node, and the observer never looks into one. A node that observes nothing still gets
//! the checks of its history; each observation that it adds buys it more: a system that never says what it writes is
//! not asked what its disks hold, one that never says who its members are is not asked for majorities, and one that never
//! says what its log has is not asked whether what it applies is committed.

use std::fmt;

use crate::digest::Digest;
use crate::members::{Members, ServerId};

/// One thing that happened inside a node, told at the moment at which it happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Observation {
    /// The node starts with this hard state from its disk. What else the disk kept follows before the node's `boot`
    /// ends: [`Observation::Configured`] at index 0 if the node knows with whom the cluster began, then
    /// [`Observation::Restored`] with its configuration if there is a snapshot, then each entry as
    /// [`Observation::Appended`]. All of that is on the disk.
    Booted {
        /// Who it is. A server whose disk was erased must be somebody else.
        id: ServerId,
        /// The term that the disk kept.
        term: u64,
        /// The vote in that term that the disk kept.
        vote: Option<ServerId>,
    },
    /// The node's term is now this one. Told before the role in it, and before entries of it.
    Term {
        /// The term.
        term: u64,
    },
    /// The node has this role in its term. Saying the same again is harmless.
    Role {
        /// The role.
        role: Role,
        /// The term.
        term: u64,
    },
    /// The log in memory has this entry; whatever it had from this index on is gone.
    Appended {
        /// Position, from 1 without gaps.
        index: u64,
        /// The entry's term.
        term: u64,
        /// A fingerprint of what the entry carries.
        payload: u64,
    },
    /// The entry of this index (or the snapshot that ends there) says who the members are. Told right after the
    /// [`Observation::Appended`] or [`Observation::Restored`] of the index, by every node that has it; index 0 is the
    /// configuration with which a node begins. What a truncation means for the configuration the observer works out.
    Configured {
        /// The index.
        index: u64,
        /// Who votes; while the configuration is joint, the new voters.
        voters: Members,
        /// The old voters while the configuration is joint, else nobody.
        outgoing: Members,
        /// Who gets the log without voting.
        learners: Members,
    },
    /// The node just wrote its hard state to a file of its disk; a sync that covers that write makes it durable.
    WroteHardState {
        /// The term.
        term: u64,
        /// The vote in that term.
        vote: Option<ServerId>,
    },
    /// The node just wrote its log up to this entry to a file of its disk: the log on disk now ends there.
    WroteEntries {
        /// Index of the last entry written.
        index: u64,
        /// The term of that entry.
        term: u64,
    },
    /// The node just renamed a complete, synced snapshot into place: the log on disk now begins behind it, and goes on
    /// only if it has an entry of this index and term. Durable when a sync of the directory covers the rename.
    WroteSnapshot {
        /// The last index that the snapshot covers.
        index: u64,
        /// The term of the entry there.
        term: u64,
    },
    /// The node knows that the entries up to this one are committed.
    Committed {
        /// The commit index.
        index: u64,
    },
    /// The entry that is about to be applied, told right before its [`Observation::Applied`], executes a request for the
    /// first time: neither a repetition nor a request of an expired session.
    Executed {
        /// The entry's index.
        index: u64,
        /// The session of the request.
        session: u64,
        /// The number of the request in its session.
        sequence: u64,
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
    /// The node has a durable snapshot of its own state machine. Its log may forget what the snapshot covers.
    SnapshotTaken {
        /// The last index that the snapshot covers.
        index: u64,
        /// A fingerprint of the state machine in the snapshot.
        state: u64,
    },
    /// The log in memory forgot everything up to this index.
    Compacted {
        /// The last index that is gone.
        through: u64,
    },
    /// The node replaced its state machine by a snapshot, from its disk or from another node. The log in memory begins
    /// behind it, and goes on only if it had an entry of this index and term.
    Restored {
        /// The last index that the snapshot covers.
        index: u64,
        /// The term of the entry there.
        term: u64,
        /// A fingerprint of the state machine afterwards.
        state: u64,
    },
    /// The node sends a message to another server.
    Sent {
        /// The message's term.
        term: u64,
        /// What it promises.
        promise: Promise,
    },
    /// A leader's view of another server, after an answer from it.
    Progress {
        /// The other server.
        peer: ServerId,
        /// The last index up to which its log is known to equal the leader's.
        matched: u64,
        /// The next index to be sent to it.
        next: u64,
        /// Appends on their way to it without an answer.
        in_flight: u64,
        /// The most that may be.
        in_flight_max: u64,
    },
    /// A read arrived that is to be served without a log entry.
    ReadBegan {
        /// A number that names it among the reads of this incarnation.
        read: u64,
    },
    /// A read is answered from the state at this index.
    ReadServed {
        /// Which.
        read: u64,
        /// The last index that the state reflects.
        applied: u64,
    },
    /// A leader lets a read pass because of its lease.
    LeaseRead {
        /// The leader's term.
        term: u64,
    },
}

/// What a message promises, beside its term.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Promise {
    /// The sender's vote in the message's term.
    Vote {
        /// Who gets it.
        to: ServerId,
    },
    /// The sender stands for election in the message's term, and so has voted for itself.
    AskVote,
    /// The sender's durable log equals that of the leader of the message's term up to here.
    Ack {
        /// The last index that is promised.
        matched: u64,
    },
    /// Nothing else.
    Other,
}

/// A role in a replicated log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Follows.
    Follower,
    /// Asks whether it could lead.
    PreCandidate,
    /// Wants to lead.
    Candidate,
    /// Leads.
    Leader,
}

impl Observation {
    /// Mixes what is said into the digest of the run. Terms and indexes are small, fingerprints fill their word: a
    /// rotated sum keeps them apart at half the cost of a mix each. Left out is what follows from what the digest has:
    /// the messages that were sent, the bytes that were written.
    #[inline(always)]
    pub(crate) fn mix_into(&self, digest: &mut Digest) {
        let (kind, first, second) = match *self {
            Observation::Booted { id, term, vote } => (1, term, id.0 << 32 ^ vote.map_or(0, |vote| vote.0 + 1)),
            Observation::Term { term } => (2, term, 0),
            Observation::Role { role, term } => (3, term, role as u64),
            Observation::Appended { index, term, payload } => (4, term, index.rotate_left(40).wrapping_add(payload)),
            Observation::Committed { index } => (5, 0, index),
            Observation::Applied { index, term, payload, state } => {
                digest.mix(state);
                (6, term, index.rotate_left(40).wrapping_add(payload))
            }
            Observation::Configured { index, voters, outgoing, learners } => {
                digest.mix(Digest::of(&[voters, outgoing, learners].map(Members::fingerprint)));
                (7, 0, index)
            }
            Observation::SnapshotTaken { index, state } => (8, index, state),
            Observation::Compacted { through } => (9, 0, through),
            Observation::Restored { index, term, state } => (10, term, index.rotate_left(40).wrapping_add(state)),
            Observation::ReadServed { read, applied } => (11, read, applied),
            Observation::LeaseRead { term } => (12, term, 0),
            Observation::Sent { .. }
            | Observation::WroteHardState { .. }
            | Observation::WroteEntries { .. }
            | Observation::WroteSnapshot { .. }
            | Observation::Executed { .. }
            | Observation::Progress { .. }
            | Observation::ReadBegan { .. } => return,
        };
        digest.mix(first << 8 | kind);
        digest.mix(second);
    }

    /// Whether a trace tells of it. Messages have lines of their own, and what merely accompanies other lines has none.
    pub(crate) fn is_told(&self) -> bool {
        match self {
            Observation::Sent { .. }
            | Observation::Executed { .. }
            | Observation::Progress { .. }
            | Observation::ReadBegan { .. } => false,
            Observation::Booted { .. }
            | Observation::Term { .. }
            | Observation::Role { .. }
            | Observation::Appended { .. }
            | Observation::Configured { .. }
            | Observation::WroteHardState { .. }
            | Observation::WroteEntries { .. }
            | Observation::WroteSnapshot { .. }
            | Observation::Committed { .. }
            | Observation::Applied { .. }
            | Observation::SnapshotTaken { .. }
            | Observation::Compacted { .. }
            | Observation::Restored { .. }
            | Observation::ReadServed { .. }
            | Observation::LeaseRead { .. } => true,
        }
    }

    /// The index of an entry that is appended or applied, with what must stay the same for a run of them to be told in
    /// one line.
    fn stretch(&self) -> Option<(u64, (u8, u64))> {
        if let Observation::Appended { index, term, .. } = self {
            Some((*index, (0, *term)))
        } else if let Observation::Applied { index, .. } = self {
            Some((*index, (1, 0)))
        } else {
            None
        }
    }

    /// The index that an appended or applied entry has.
    pub(crate) fn index(&self) -> Option<u64> {
        self.stretch().map(|(index, _)| index)
    }

    /// Whether this is the same as `before`, one index further.
    pub(crate) fn goes_on_from(&self, before: &Observation) -> bool {
        match (self.stretch(), before.stretch()) {
            (Some((index, what)), Some((last, same))) => index == last + 1 && what == same,
            (None, _) | (_, None) => false,
        }
    }

    /// In words, for all indexes from the first to this one.
    pub(crate) fn since(&self, first: u64) -> String {
        if let Observation::Appended { index, term, .. } = self {
            format!("log[{first}..={index}] is of term {term}")
        } else if let Observation::Applied { index, state, .. } = self {
            format!("applies {first} to {index}, state {:08x}", state >> 32)
        } else {
            self.to_string()
        }
    }
}

impl fmt::Display for Observation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Observation::Booted { id, term, vote } => write!(f, "boots as {id} in term {term}{}", Voted(*vote)),
            Observation::Term { term } => write!(f, "enters term {term}"),
            Observation::Role { role, term } => write!(f, "is {role} of term {term}"),
            Observation::Appended { index, term, .. } => write!(f, "log[{index}] is of term {term}"),
            Observation::Configured { index, voters, outgoing, learners } => {
                write!(f, "configuration at {index}: voters {voters}")?;
                if !outgoing.is_empty() {
                    write!(f, ", outgoing {outgoing}")?;
                }
                if !learners.is_empty() {
                    write!(f, ", learners {learners}")?;
                }
                Ok(())
            }
            Observation::WroteHardState { term, vote } => write!(f, "writes term {term}{}", Voted(*vote)),
            Observation::WroteEntries { index, term } => write!(f, "writes its log up to {index} (term {term})"),
            Observation::WroteSnapshot { index, term } => write!(f, "writes a snapshot of 1 to {index} (term {term})"),
            Observation::Committed { index } => write!(f, "commits up to {index}"),
            Observation::Executed { index, session, sequence } => {
                write!(f, "executes request {sequence} of session {session} at {index}")
            }
            Observation::Applied { index, state, .. } => write!(f, "applies {index}, state {:08x}", state >> 32),
            Observation::SnapshotTaken { index, state } => {
                write!(f, "has a snapshot of 1 to {index}, state {:08x}", state >> 32)
            }
            Observation::Compacted { through } => write!(f, "forgets its log up to {through}"),
            Observation::Restored { index, state, .. } => {
                write!(f, "restores a snapshot of 1 to {index}, state {:08x}", state >> 32)
            }
            Observation::Sent { term, promise } => write!(f, "sends {promise} in term {term}"),
            Observation::Progress { peer, matched, next, in_flight, .. } => {
                write!(f, "knows that {peer} has {matched}, sends {next} next ({in_flight} in flight)")
            }
            Observation::ReadBegan { read } => write!(f, "read {read} begins"),
            Observation::ReadServed { read, applied } => write!(f, "serves read {read} at {applied}"),
            Observation::LeaseRead { term } => write!(f, "lets a read pass by its lease of term {term}"),
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Role::Follower => "follower",
            Role::PreCandidate => "pre-candidate",
            Role::Candidate => "candidate",
            Role::Leader => "LEADER",
        })
    }
}

impl fmt::Display for Promise {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Promise::Vote { to } => write!(f, "its vote for {to}"),
            Promise::AskVote => write!(f, "a request for a vote"),
            Promise::Ack { matched } => write!(f, "that its log matches up to {matched}"),
            Promise::Other => write!(f, "a message"),
        }
    }
}

/// A vote, behind the term that it was given in.
struct Voted(Option<ServerId>);

impl fmt::Display for Voted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(id) => write!(f, ", vote for {id}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_short_sentences() {
        let members = |ids: &[u64]| Members::of(ids.iter().map(|id| ServerId(*id)));
        let configured = Observation::Configured {
            index: 9,
            voters: members(&[0, 1, 2 | 1 << 16]),
            outgoing: members(&[0, 1, 2]),
            learners: Members::default(),
        };
        assert_eq!(configured.to_string(), "configuration at 9: voters n0 n1 n2.1, outgoing n0 n1 n2");
        let wrote = Observation::WroteHardState { term: 3, vote: Some(ServerId(1)) };
        assert_eq!(wrote.to_string(), "writes term 3, vote for n1");
        let booted = Observation::Booted { id: ServerId(2 | 1 << 16), term: 0, vote: None };
        assert_eq!(booted.to_string(), "boots as n2.1 in term 0");
    }
}
