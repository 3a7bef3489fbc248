//! The systems that scenarios put under test, each as a [`whitewater_sim::Process`].

pub mod raft_kv;
