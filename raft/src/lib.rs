//! Raft as a function: `step(input) -> effects`. No clock, no randomness, no disk, no threads.
//!
//! Sources: Ongaro and Ousterhout, *In Search of an Understandable Consensus Algorithm (Extended Version)*, 2014 ("the
//! paper"); Ongaro, *Consensus: Bridging Theory and Practice*, 2014 ("the dissertation").
//!
//! # The contract
//!
//! A [`Replica`] is one server. It is told what happened ([`Input`]) and answers with what it wants done ([`Effect`]).
//! Everything else is the host's: sockets, files, timers, the state machine, clients. So the same code runs in a
//! simulator and on real machines, and a run is determined by its inputs.
//!
//! ```
//! use whitewater_raft::{Config, Effect, Environment, Input, LocalTime, NodeId, Recovered, Replica, Timer};
//!
//! struct Lowest;
//! impl Environment for Lowest {
//!     fn random_between(&mut self, low: u64, _: u64) -> u64 {
//!         low
//!     }
//!     fn now(&mut self) -> LocalTime {
//!         LocalTime(0)
//!     }
//! }
//!
//! let config = Config::new(NodeId(1), vec![NodeId(1)]);
//! let mut replica = Replica::new(config, Recovered::default())?;
//! let mut effects = Vec::new();
//! replica.start(&mut Lowest, &mut effects);
//! replica.step(Input::Timer(Timer::Election), &mut Lowest, &mut effects);
//!
//! // The host carries out the effects in order. Here it only looks for the write, and reports it as durable.
//! for effect in std::mem::take(&mut effects) {
//!     if let Effect::Persist(write) = effect {
//!         replica.step(Input::WriteCompleted(write.sequence), &mut Lowest, &mut effects);
//!     }
//! }
//! assert_eq!(replica.leader(), Some(NodeId(1)));
//! # Ok::<(), whitewater_raft::ConfigError>(())
//! ```
//!
//! What a host promises:
//!
//! 1. It carries effects out in the order in which they come. It need not wait for one before the next, but for what
//!    the effect itself says: a message with [`After::Write`] leaves when that write has completed, and is dropped if
//!    the server crashes first.
//! 2. Writes complete in order. A completed number promises all earlier ones. [`Input::WriteCompleted`] may be given
//!    for each write or for the last of several. Numbers start again at 1 after a restart: completions of an earlier
//!    life must not be delivered.
//! 3. A [`Write`] replaces everything in the log on disk from its first entry on, and its snapshot everything before
//!    that. A crash may keep any prefix of the writes under way, and of the next one its hard state, then its snapshot,
//!    then a prefix of its entries.
//! 4. A write that fails does not complete: the host crashes the server.
//! 5. A crash is dropping the replica. [`Recovered`] holds what the disk says survived, and everything that a completed
//!    write contained is among it. The commit index is not: entries behind the snapshot are committed, and so applied,
//!    again.
//! 6. Messages may be lost, doubled, delayed and reordered, but not forged or altered.
//! 7. A timer does not run out early, by more than [`Config::clock_drift_ppm_max`]; it may be late. The clock of
//!    [`Environment::now`] goes as fast as the timers do, and is best one that is never set. Only reads by lease depend
//!    on that.
//! 8. A server that has lost its disk, or any part of what was completed, comes back under another [`NodeId`].
//!
//! What a replica promises, besides the safety of the protocol:
//!
//! - The same inputs, random numbers and clock readings give the same effects.
//! - One step issues one write at most, however many inputs it has, and one [`Effect::Commit`] at most; but before a
//!   leader changes the configuration, it tells what is committed by then.
//! - Votes, requests for votes and all replies wait for every write issued before them; a leader's own messages wait
//!   for nothing (dissertation 10.2.1). A server counts itself, as a voter and as a replica, only when its write
//!   completed.
//! - Every [`Input::Propose`] and [`Input::ChangeMembership`] is answered in the same step, by [`Effect::Accepted`] or
//!   [`Effect::Refused`]. Accepted is not committed: an accepted proposal is lost if another entry commits at its
//!   index.
//! - Every [`Input::Read`] at a leader is answered at the latest when it leads no longer. At a follower the answer may
//!   be lost with a message, or come twice.
//! - It panics only if an invariant is broken, by a bug or by a host that broke a promise above (a disk that lost what
//!   it had completed, say). The message is a sentence that names the invariant.
//!
//! # Where things are
//!
//! | Source | What | Where |
//! |---|---|---|
//! | paper, Figure 2 "State" | terms, indexes, entries, hard state | [`types`], [`recovered`] |
//! | paper, Figure 2 "Rules for Servers" | what an input leads to, the rule of terms | [`replica`] |
//! | paper, Figures 2 and 13, the RPCs | what is said | [`message`] |
//! | paper 5.2, dissertation 9.6 | elections: pre-votes, votes, retries | `candidate` |
//! | paper 5.2, 5.4.1; dissertation 4.2.3, 9.6 | one vote a term, up-to-date logs, loyalty to a live leader | `voter` |
//! | paper 5.3 | following: entries, conflicts | `follower` |
//! | paper 5.3; dissertation 6.2 | leading: proposals, heartbeats, the quorum check | `leader` |
//! | paper 5.3, 5.4.2 | acknowledgements, and the own-term rule of commitment | `commit` |
//! | paper 5.3, end | backing up a term at a time | `follower`, `log`, `commit` |
//! | paper 5.6, 9.3 | timing | [`config`] |
//! | paper 6; dissertation 4 | who the servers are, and how that may change | [`configuration`], [`membership`] |
//! | dissertation 4.1, 4.2, 4.3 | when it may change, leaving joint ones, removing the leader | `reconfigure` |
//! | dissertation 4.1 | which configuration governs which part of the log, rolled back when cut | `history` |
//! | paper 5.2, 6 | majorities, joint majorities | [`quorum`] |
//! | paper 7; dissertation 5 | snapshots: taken here | [`snapshot`], `compaction` |
//! | paper 7, Figure 13 | snapshots: sent in parts; put together; installed | `sending`; `assembly`; `install` |
//! | dissertation 3.10 | leadership transfer | `transfer` |
//! | dissertation 6.4 | reads without a log entry, at the leader and at followers | `read` |
//! | dissertation 6.4 | rounds, by which a leader finds out that it leads | `round` |
//! | dissertation 6.4.1 | leases | `lease` |
//! | dissertation 10.2.1 | writing in parallel, pipelining, windows | `writes`, `progress`, `window` |
//! | dissertation 10.2.2 | batching | `flush` |
//! | | situations worth knowing of | [`probe`] |
//!
//! # What holds
//!
//! - A leader only appends to its log. A follower truncates only where an entry really conflicts, and never at or below
//!   its commit index.
//! - Terms in a log never decrease and are never above the current term.
//! - What is compacted is in a snapshot that is durable or in a write under way, and so committed.
//! - For each follower `matched < next`; `matched` grows only by acknowledgements in the leader's own term. What is on
//!   its way to it stays within the window, but for one append.
//! - A write that truncation has overtaken marks nothing durable that it does not hold.
//! - At most one configuration is uncommitted, and none enters the log before an entry of its leader's term is
//!   committed. Who is no voter in the configuration in force never counts.
//! - Requests are answered whoever asks; only the answers of members count (dissertation 4.2.2).
//! - A server that was cut off, or removed, does not raise anybody's term (with pre-votes on) and deposes no leader
//!   that a quorum hears (with the quorum check on).
//! - An append is sent only where the leader knows the entry before it; elsewhere a part of a snapshot is.
//! - What no correct server would send (entries out of order, an acknowledgement beyond the log) is treated as lost.
//! - The election timer restarts for a vote granted, an append or a part of a snapshot of the current leader, an own
//!   campaign, a leadership that begins or ends, and a transfer; for nothing else.
//!
//! # What is not here
//!
//! No hash maps, no floats, no clock but the one that is lent for leases, no threads, no input or output, no logging.
//! Not here either, and why:
//!
//! - Client sessions (dissertation 6.3) belong to the state machine: duplicates are told apart where they are applied.
//! - When to take a snapshot, whom to hand leadership to, when a learner has caught up (dissertation 4.2.1): the host
//!   sees what it needs ([`Replica::progress`]) and decides.
//! - A leader that removes itself does not choose its successor: there is an election.
//! - A server that is removed is not told. It may ask for votes until it is switched off; loyal servers do not hear it.
//! - Batches are not split over several writes, and a snapshot is one piece of memory.

// Said here since the lint does not listen anywhere deeper: it is for the switch of bugs alone, one a thread.
#![cfg_attr(
    feature = "bugs",
    expect(clippy::disallowed_macros, reason = "threads try different bugs at the same time")
)]

pub mod bugs;
pub mod config;
pub mod configuration;
pub mod effect;
pub mod input;
pub mod membership;
pub mod message;
pub mod probe;
pub mod quorum;
pub mod recovered;
pub mod replica;
pub mod snapshot;
pub mod types;

mod assembly;
mod candidate;
mod commit;
mod compaction;
mod flush;
mod follower;
mod history;
mod install;
mod leader;
mod lease;
mod log;
mod progress;
mod read;
mod reconfigure;
mod round;
mod sending;
mod transfer;
mod voter;
mod window;
mod writes;

pub use config::{Config, ConfigError};
pub use configuration::{Configuration, ConfigurationError, Leave};
pub use effect::{After, Effect, Outbound, ReadProof, Refusal, Role, RoleChange, TransferRefusal, Write};
pub use input::{Environment, Input, ReadMode, Timer};
pub use membership::{Change, ChangeError, ChangeRequest};
pub use message::Message;
pub use probe::Probe;
pub use progress::{ProgressMode, ProgressView};
pub use recovered::{Recovered, RecoveredError};
pub use replica::Replica;
pub use snapshot::Snapshot;
pub use types::{
    Command, Entry, HardState, Index, LocalTime, NodeId, Payload, ProposalId, ReadId, Round, Term, WriteSequence,
};
