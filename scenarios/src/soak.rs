//! One very long run: does anything grow that should not?
//!
//! A cluster under everything that a scenario can do to it, for as many events as asked for, without the history of its
//! clients, which would grow with the run. Memory is read in the second tenth of the events, when everything that is
//! bounded has reached its bound, and in the last. The log, the sessions and the snapshots of every server are compared with the
//! limits that they are to stay within. What it simplifies: memory is that of the whole process, as its host tells it.

use whitewater_raft::Index;
use whitewater_sim::time::SECOND_NS;
use whitewater_sim::{Checks, Instant, Keep, Recording, Stopped, World};

use crate::generate::{self, Plan};
use crate::scenario::{Scenario, format};
use crate::systems::raft_kv::Node;
use crate::systems::raft_kv::cluster::{self, Watch};
use crate::workload;

/// What is done to the cluster, and by whom, in an hour: then it is done again.
const SOAK: &str = r#"
name = "soak"
summary = "Much work for a long time, with crashes, cuts, snapshots and changing members."

[cluster]
servers = 3
spares = 2
clients = 20

[timing]
duration = "1h"

[snapshots]
every = 500
entries_kept = 50

[sessions]
idle_entries = 2000
max = 25

[workload]
rate = 500
keys = 200
reads = { log = 2, quorum = 1, lease = 1, any-server = 1 }
mix = { get = 4, put = 4, delete = 1, compare-and-swap = 2 }

[network]
loss = 0.005

[[faults]]
kind = "crash"
target = "random"
every = ["2s", "8s"]
lasting = ["10ms", "2s"]

[[faults]]
kind = "cut"
target = "leader"
every = ["3s", "10s"]
lasting = ["100ms", "1s"]

[[faults]]
kind = "pause"
target = "random"
every = ["3s", "10s"]
lasting = ["100ms", "1s"]

[[operator]]
kind = "replace"
every = ["5s", "15s"]

[[operator]]
kind = "transfer"
every = ["5s", "15s"]
"#;

/// After this time the clients' operations are the same again: what they are does not matter, and a list for an hour
/// would take more memory than everything else.
const PERIOD_NS: u64 = 20 * SECOND_NS;

/// In how many parts a run is made, with a look at the cluster after each.
pub const PARTS: u64 = 100;

/// How large things are, of the server with the most of each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sizes {
    /// Entries in the log in memory.
    pub log_entries: u64,
    /// Sessions of clients.
    pub sessions: u64,
    /// Bytes of the latest snapshot.
    pub snapshot_bytes: u64,
}

/// How things stand after a part of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Parts that are done, of [`PARTS`].
    pub parts: u64,
    /// Events that happened.
    pub events: u64,
    /// Virtual time, in nanoseconds.
    pub virtual_ns: u64,
    /// Entries that were applied.
    pub applied: u64,
    /// How large things are now.
    pub sizes: Sizes,
}

/// The scenario of the soak.
#[must_use]
pub fn scenario() -> Scenario {
    format::parse("the soak", SOAK).expect("the soak is well-formed")
}

/// What nothing may grow beyond.
#[must_use]
pub fn limits(scenario: &Scenario) -> Sizes {
    let every = u64::from(scenario.snapshot_every.unwrap_or(u32::MAX));
    Sizes {
        // From a snapshot to the next, another stretch while that is written down, and what is kept behind it.
        log_entries: 2 * every + scenario.replication.entries_kept,
        sessions: u64::from(scenario.sessions.max),
        snapshot_bytes: SNAPSHOT_BYTES_MAX,
    }
}

/// What two hundred short values and a few sessions with kept answers take at most.
const SNAPSHOT_BYTES_MAX: u64 = 64 << 10;

/// Makes the run. `watch` is told how it stands after every part, and may end it.
///
/// # Errors
/// If a check fails; says which, when and why.
pub fn soak(
    seed: u64,
    events: u64,
    mut watch: impl FnMut(&Progress) -> std::ops::ControlFlow<()>,
) -> Result<(), String> {
    let scenario = scenario();
    let plan = plan(&scenario, seed);
    let watched = Watch { checks: Checks::all(), recording: Recording::Off, keep: Keep::Nothing };
    let mut world = cluster::world(&scenario, seed, &plan, watched);
    drop(plan);
    world.start();
    for parts in 1..=PARTS {
        let until = u64::try_from(u128::from(events) * u128::from(parts) / u128::from(PARTS)).unwrap_or(u64::MAX);
        if world.run_until(Instant(u64::MAX), until) == Stopped::Violation {
            let violation = world.violation().expect("the run stopped because of a violation");
            return Err(format!(
                "{} at {}, event e{}: {}",
                violation.check, violation.at, violation.event, violation.why
            ));
        }
        let progress = Progress {
            parts,
            events: world.events(),
            virtual_ns: world.now().0,
            applied: world.observer().applied_max(),
            sizes: sizes(&world),
        };
        if watch(&progress).is_break() {
            break;
        }
    }
    Ok(())
}

/// The plan of an hour, with scripts that do not end.
fn plan(scenario: &Scenario, seed: u64) -> Plan {
    let mut quiet = scenario.clone();
    quiet.workload.rate = 1;
    Plan { scripts: workload::endless(scenario, seed, PERIOD_NS), ..generate::plan(&quiet, seed) }
}

fn sizes(world: &World<Node>) -> Sizes {
    let mut most = Sizes::default();
    for server in world.processes().filter_map(|(_, node)| node.as_server()) {
        let replica = server.replica();
        let Index(first) = replica.first_index();
        let snapshot_bytes = replica.snapshot().map_or(0, |snapshot| snapshot.data.len() as u64);
        most.log_entries = most.log_entries.max((replica.last_index().0 + 1).saturating_sub(first));
        most.sessions = most.sessions.max(server.machine().sessions().len() as u64);
        most.snapshot_bytes = most.snapshot_bytes.max(snapshot_bytes);
    }
    most
}

impl Sizes {
    /// The larger of each.
    #[must_use]
    pub fn max(self, other: Sizes) -> Sizes {
        Sizes {
            log_entries: self.log_entries.max(other.log_entries),
            sessions: self.sessions.max(other.sessions),
            snapshot_bytes: self.snapshot_bytes.max(other.snapshot_bytes),
        }
    }

    /// Whether nothing is larger than this.
    #[must_use]
    pub fn is_within(self, limits: Sizes) -> bool {
        self.max(limits) == limits
    }
}

#[cfg(test)]
mod tests {
    use std::ops::ControlFlow;

    use super::*;

    #[test]
    fn nothing_grows_beyond_its_limit() {
        let (mut most, mut last) = (Sizes::default(), None);
        let result = soak(1, 200_000, |progress| {
            most = most.max(progress.sizes);
            last = Some(*progress);
            ControlFlow::Continue(())
        });
        assert_eq!(result, Ok(()));
        let last = last.expect("it was watched");
        assert_eq!((last.parts, last.events), (PARTS, 200_000));
        let limits = limits(&scenario());
        assert!(most.is_within(limits), "{most:?}");
        assert!(most.sessions >= 20 && most.snapshot_bytes > 1_000 && most.log_entries > 100, "{most:?}");
        assert!(last.applied > 2 * limits.log_entries, "the log was compacted: {last:?}");
    }

    #[test]
    fn what_is_larger_in_one_thing_is_not_within() {
        let limits = Sizes { log_entries: 5, sessions: 5, snapshot_bytes: 5 };
        assert!(limits.is_within(limits));
        assert!(!Sizes { sessions: 6, ..Sizes::default() }.is_within(limits));
    }
}
