//! The systems that scenarios put under test, each as a [`crate::system::System`].

pub mod hosted;
pub mod raft_kv;
