//! A replicated key/value store on Raft: the store that Whitewater's scenarios put under load.
//!
//! A [`Client`] encodes a [`Request`] once; the leader's [`Server`] puts those bytes into Raft's log; every server applies
//! them to its [`Machine`] and the leader answers. All of it is sans-io: servers and clients act through [`server::Host`]
//! and [`client::ClientHost`], so that the same code can run in the simulator and, later, on sockets and files.
//!
//! | concept | file |
//! |---|---|
//! | operations, answers, requests | [`command`], [`codec`], `words` |
//! | the state machine: values and sessions | [`machine`], [`values`], [`session`] |
//! | its state as bytes | [`snapshot`] |
//! | stable storage: log, snapshots, recovery | [`storage`] |
//! | the server: persist before send, answer after apply | [`server`], [`message`] |
//! | the client: find the leader, try again, admit not to know | [`client`] |
//! | membership, handovers, snapshots on request | [`admin`], [`operator`] |
//! | messages as bytes | [`wire`] |
//! | situations worth counting | [`probe`] |
//! | rules that can be broken on purpose | [`bugs`] |
//! | what the store promises, for the checker; shares no code with the rest | [`spec`], [`store_spec`] |

pub mod admin;
pub mod bugs;
pub mod client;
pub mod codec;
pub mod command;
pub mod machine;
pub mod message;
pub mod operator;
pub mod probe;
pub mod server;
pub mod session;
pub mod snapshot;
pub mod spec;
pub mod storage;
pub mod store_spec;
pub mod values;
pub mod wire;

mod reader;
mod words;

pub use client::Client;
pub use command::{Answer, Operation, Request};
pub use machine::Machine;
pub use message::{Address, Message};
pub use operator::Operator;
pub use probe::Probe;
pub use server::Server;
