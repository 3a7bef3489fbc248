//! Whitewater's simulator: one thread, one queue, one total order of events, and everything drawn from one seed.
//!
//! Nodes are state machines ([`Process`]) that are told what happens and act through a [`Context`]. The [`World`] owns
//! virtual time, the network, the disks and the plan of faults; the [`Observer`] watches what nodes say of themselves;
//! the [`history`] keeps what clients asked and heard, and [`check`] decides whether that is linearizable.
//!
//! A run is a function of its [`WorldConfig`] and its plan. Nothing in this crate knows the wall clock, threads, files or
//! the protocol that it runs.
//!
//! | concept | file |
//! |---|---|
//! | time in integer nanoseconds | [`time`] |
//! | the total order of events | [`queue`] |
//! | randomness, split by purpose and place | [`rng`], [`latency`] |
//! | what runs, and what it can do | [`node`], [`context`] |
//! | links and their faults | [`network`] |
//! | disks, crashes and torn writes | [`disk`] |
//! | skew, drift and steps of clocks | [`clock`] |
//! | faults as data; steps and expectations | [`fault`], [`plan`], `script`, `windows`, `watch` |
//! | crash points, and nodes that halt | [`fall`] |
//! | nodes that are slow | `load` |
//! | the loop | [`world`] |
//! | the digest and the trace of a run | [`digest`], [`trace`] |
//! | ghost state and invariants | [`observe`], [`members`], [`observer`], [`invariant`] |
//! | histories and their check | [`history`], [`check`] |

pub mod check;
pub mod clock;
pub mod context;
pub mod digest;
pub mod disk;
pub mod fall;
pub mod fault;
pub mod history;
mod inject;
pub mod invariant;
mod kernel;
pub mod latency;
mod load;
pub mod members;
pub mod network;
pub mod node;
pub mod observe;
pub mod observer;
pub mod plan;
pub mod queue;
pub mod rng;
mod script;
pub mod time;
pub mod trace;
mod watch;
mod windows;
pub mod world;

pub use clock::ClockProfile;
pub use context::Context;
pub use digest::Digest;
pub use inject::{SourceCounts, Strike};
pub use invariant::{Check, Checks, Property, Violation};
pub use kernel::{Keep, Recording, WorldConfig};
pub use latency::Latency;
pub use members::{Members, ServerId};
pub use network::LinkProfile;
pub use node::{Message, NodeId, ProbeId, Process, TimerId};
pub use observe::Observation;
pub use observer::Observer;
pub use time::Instant;
pub use world::{Stopped, World};
