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
//! use whitewater_raft::{Config, Effect, Input, NodeId, Random, Recovered, Replica, Timer};
//!
//! struct Lowest;
//! impl Random for Lowest {
//!     fn between(&mut self, low: u64, _: u64) -> u64 {
//!         low
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
//! 3. A [`Write`] replaces everything in the log on disk from its first entry on. A crash may keep any prefix of the
//!    writes under way, and of the next one its hard state, and then a prefix of its entries.
//! 4. A write that fails does not complete: the host crashes the server.
//! 5. A crash is dropping the replica. [`Recovered`] holds what the disk says survived, and everything that a completed
//!    write contained is among it. The commit index is not: entries are committed, and so applied, again from the
//!    start.
//! 6. Messages may be lost, doubled, delayed and reordered, but not forged or altered.
//!
//! What a replica promises, besides the safety of the protocol:
//!
//! - The same inputs and the same random numbers give the same effects.
//! - One step issues one write at most, however many inputs it has, and one [`Effect::Commit`] at most.
//! - Votes, requests for votes and all replies wait for every write issued before them; a leader's appends wait for
//!   nothing (dissertation 10.2.1). A server counts itself, as a voter and as a replica, only when its write completed.
//! - Every [`Input::Propose`] is answered in the same step, by [`Effect::Accepted`] or [`Effect::Refused`]. Accepted is
//!   not committed: an accepted proposal is lost if another entry commits at its index.
//! - It panics only if an invariant is broken, by a bug or by a host that broke a promise above (a disk that lost what
//!   it had completed, say). The message is a sentence that names the invariant.
//!
//! # Where things are
//!
//! | Source | What | Where |
//! |---|---|---|
//! | paper, Figure 2 "State" | terms, indexes, entries, hard state | [`types`], [`recovered`] |
//! | paper, Figure 2 "Rules for Servers" | the rule of terms, the order within a step | [`replica`] |
//! | paper, Figure 2, the two RPCs | what is said | [`message`] |
//! | paper 5.1, 5.2 | elections: the candidate's side; retries | `candidate` |
//! | paper 5.2, 5.3, 5.4.1 | the answering side: one vote per term, up-to-date logs, conflicts | `follower` |
//! | paper 5.3, 5.4.2 | leading: replication, the own-term rule of commitment | `leader` |
//! | paper 5.3, end | backing up a term at a time | `follower`, `log`, `leader` |
//! | paper 5.6, 9.3 | timing | [`config`] |
//! | dissertation 10.2.1 | writing in parallel, pipelining | `writes`, `progress` |
//! | dissertation 10.2.2 | batching | [`replica`] (`step_all`, flush) |
//! | | majorities | [`quorum`] |
//!
//! # What holds
//!
//! - A leader only appends to its log. A follower truncates only where an entry really conflicts, and never at or below
//!   its commit index.
//! - Terms in a log never decrease and are never above the current term.
//! - For each follower `matched < next`; `matched` grows only by acknowledgements in the leader's own term.
//! - A write that truncation has overtaken marks nothing durable that it does not hold.
//! - What no correct server would send (a stranger's message, entries out of order, an acknowledgement beyond the log)
//!   is treated as lost.
//! - The election timer restarts for a vote granted, an append of the current leader, an own campaign, and a leader
//!   that steps down; for nothing else.
//!
//! # What is not here
//!
//! No hash maps, no floats, no clock, no threads, no input or output, no logging. Not yet:
//!
//! - Pre-vote (dissertation 9.6) will be in `candidate`; the quorum check of a leader (6.2) and leadership transfer
//!   (3.10) in `leader`. Until then a server that was cut off disturbs the cluster when it returns, and a leader that
//!   is cut off does not notice.
//! - Reads without a log entry, by a round of heartbeats or by lease (dissertation 6.4), will be in `read`. Until then
//!   a linearizable read is a command.
//! - Snapshots (paper 7) will be in `snapshot`; `log` already counts from the entry before its first. Until then the
//!   log grows for ever.
//! - Membership changes (paper 6, dissertation 4) will be in `membership`, and joint majorities in [`quorum`]. Until
//!   then the voters are those of [`Config`].

pub mod config;
pub mod effect;
pub mod input;
pub mod message;
pub mod quorum;
pub mod recovered;
pub mod replica;
pub mod types;

mod candidate;
mod follower;
mod leader;
mod log;
mod progress;
mod writes;

pub use config::{Config, ConfigError};
pub use effect::{After, Effect, Outbound, Role, RoleChange, Write};
pub use input::{Input, Random, Timer};
pub use message::Message;
pub use recovered::{Recovered, RecoveredError};
pub use replica::Replica;
pub use types::{Command, Entry, HardState, Index, NodeId, Payload, ProposalId, Term, WriteSequence};
