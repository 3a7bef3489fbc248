//! Raft as a function: `step(input) -> effects`. No clock, no randomness, no disk, no threads.

pub mod effect;
pub mod input;
pub mod message;
pub mod types;

pub use effect::{After, Effect, Outbound, Role, RoleChange, Write};
pub use input::{Input, Random, Timer};
pub use message::Message;
pub use types::{Command, Entry, HardState, Index, NodeId, Payload, ProposalId, Term, WriteSequence};
