//! What a server needs from the world, and what it tells of itself.

use whitewater_raft::{Configuration, Entry, Environment, HardState, Index, NodeId, RoleChange, Term, Timer};

use crate::message::{Address, Message};
use crate::probe::Probe;
use crate::storage::Disk;

/// What a server needs from the world: a disk, a clock, random numbers, timers and a network.
pub trait Host: Environment + Disk {
    /// Sends a message. It may get lost.
    fn send(&mut self, to: Address, message: Message);
    /// Arms a timer, replacing its earlier deadline; the host tells [`crate::Server::timer`] when it runs out.
    fn arm(&mut self, timer: Timer, after_ns: u64);
    /// Ends the server: nothing that it does from here on takes effect. Whoever hosts it may start it again.
    fn halt(&mut self);
    /// Hears what happens inside, as it happens.
    fn observe(&mut self, event: Event<'_>);
}

/// What a server tells of itself.
#[derive(Clone, Copy, Debug)]
pub enum Event<'a> {
    /// It starts, with this on its disk. What else is there follows: [`Event::Configured`] at index 0, if it knows with
    /// whom the cluster began; [`Event::Restored`], if there is a snapshot; an [`Event::Appended`] for each entry.
    Booted {
        /// Who it is.
        id: NodeId,
        /// Its term and vote.
        hard_state: HardState,
    },
    /// Its role, its term or the leader that it knows changed.
    Role(RoleChange),
    /// Its log has this entry, and nothing behind it.
    Appended(&'a Entry),
    /// The entry of this index says who the servers are.
    Configured {
        /// The index; 0 for the configuration with which the cluster began.
        index: Index,
        /// Who they are.
        configuration: &'a Configuration,
    },
    /// Entries up to this one are committed.
    Committed(Index),
    /// The entry that is applied next makes an operation take effect.
    Executed {
        /// The entry's index.
        index: Index,
        /// The operation's session.
        session: u64,
        /// Its number there.
        sequence: u64,
    },
    /// An entry was applied.
    Applied {
        /// The entry.
        entry: &'a Entry,
        /// The state machine's fingerprint afterwards.
        state: u64,
    },
    /// A snapshot of its own state is durable.
    SnapshotTaken {
        /// The last index that it covers.
        index: Index,
        /// The fingerprint of the state machine then.
        state: u64,
    },
    /// Its log forgot everything up to this index.
    Compacted(Index),
    /// Its state was replaced by a snapshot.
    Restored {
        /// The last index that it covers.
        index: Index,
        /// The term of the entry there.
        term: Term,
        /// The fingerprint of the state machine afterwards.
        state: u64,
    },
    /// As a leader it knows this of a follower that has just answered.
    Progress {
        /// The follower.
        peer: NodeId,
        /// The last index known to match.
        matched: Index,
        /// The next index to be sent.
        next: Index,
        /// Appends on their way.
        in_flight: usize,
        /// The most that may be.
        in_flight_max: usize,
    },
    /// A read arrived that needs no entry in the log.
    ReadBegan {
        /// Its number in this life of the server.
        read: u64,
    },
    /// It was let pass by the lease of this term's leader, which is this server.
    LeaseRead(Term),
    /// It was served.
    ReadServed {
        /// Its number in this life of the server.
        read: u64,
        /// The last index that the state reflects.
        applied: Index,
    },
    /// The protocol met a situation.
    RaftProbe(whitewater_raft::Probe),
    /// The store met a situation.
    Probe(Probe),
}
