//! A replicated key/value store on Raft: the store that Whitewater's scenarios put under load.

pub mod command;

pub use command::{Answer, Operation};
