//! The systems that scenarios put under test, each as a [`crate::system::System`].

pub mod guest;
pub mod hosted;
pub mod raft_kv;

use whitewater_kv::{session, storage};

use crate::scenario::Scenario;

/// What a scenario says of the files of a server.
pub(crate) fn storage_limits(scenario: &Scenario) -> storage::Limits {
    storage::Limits { segment_bytes: scenario.segment_bytes as usize, ..storage::Limits::default() }
}

/// What a scenario says of the sessions of clients.
pub(crate) fn session_limits(scenario: &Scenario) -> session::Limits {
    session::Limits {
        idle_entries: scenario.sessions.idle_entries,
        sessions: u64::from(scenario.sessions.max),
        ..session::Limits::default()
    }
}
