//! From a scenario and a plan to a world: servers, spares, clients, and an operator if there is something to look after.

use whitewater_kv::client::Numbering;
use whitewater_kv::message::ADDRESS_BITS;
use whitewater_kv::server::Settings;
use whitewater_kv::{Address, Operator};
use whitewater_raft::{Config, Configuration};
use whitewater_sim::{NodeId, World};

use super::{ClientNode, Lives, Node, RaftKv};
use crate::generate::Plan;
use crate::scenario::Scenario;
use crate::system::{self, Program, Stage};
use crate::systems::{session_limits, storage_limits};

pub use crate::system::Watch;

/// The world of a run of the built-in system, with its faults, steps and expectations. Nothing has happened yet.
#[must_use]
pub fn world(scenario: &Scenario, seed: u64, plan: &Plan, watch: Watch) -> World<Node> {
    system::world(&RaftKv, scenario, seed, plan, watch)
}

/// What makes its nodes.
pub(super) fn program(stage: &Stage<'_>) -> Program<Node> {
    let Stage { scenario, plan, .. } = *stage;
    let machines = plan.machines();
    let operator = plan.needs_operator().then_some(Address(machines + scenario.clients));
    let lives = Lives::default();
    let clients = ClientNode::of(stage, Numbering::Consecutive);
    let (scenario, goals) = (scenario.clone(), plan.operator.clone().into());
    let (voters, learners) = (plan.servers, plan.learners);
    let bootstrap = Configuration {
        learners: (voters..voters + learners).map(whitewater_raft::NodeId).collect(),
        ..Configuration::of_voters((0..voters).map(whitewater_raft::NodeId))
    };
    Box::new(move |node: NodeId, generation: u32| {
        let Some(client) = node.0.checked_sub(machines) else {
            let is_founder = generation == 0 && node.0 < voters + learners;
            let bootstrap = if is_founder { bootstrap.clone() } else { Configuration::default() };
            let id = whitewater_raft::NodeId(generation << ADDRESS_BITS | node.0);
            return Node::server(settings(&scenario, id, bootstrap), &lives, operator);
        };
        match clients(client, generation) {
            Some(client) => Node::Client(client),
            None => {
                let ids = (0..machines).map(whitewater_raft::NodeId).collect();
                let poll_ns = scenario.timing.heartbeat_ns;
                Node::operator(Operator::new(ids, voters, learners, poll_ns), std::sync::Arc::clone(&goals))
            }
        }
    })
}

fn settings(scenario: &Scenario, id: whitewater_raft::NodeId, bootstrap: Configuration) -> Settings {
    let (timing, replication, protocol) = (scenario.timing, scenario.replication, scenario.protocol);
    let defaults = Config::new(id, Vec::new());
    Settings {
        raft: Config {
            bootstrap,
            election_timeout_ns_min: timing.election_timeout_ns.min_ns,
            election_timeout_ns_max: timing.election_timeout_ns.max_ns,
            heartbeat_interval_ns: timing.heartbeat_ns,
            append_entries_max: replication.entries_per_append as usize,
            append_bytes_max: replication.append_bytes,
            in_flight_max: replication.appends_in_flight as usize,
            in_flight_bytes_max: replication.in_flight_bytes,
            uncommitted_bytes_max: replication.uncommitted_bytes,
            snapshot_chunk_bytes: replication.snapshot_chunk,
            entries_kept: replication.entries_kept,
            pre_vote: protocol.pre_vote,
            quorum_check: protocol.quorum_check,
            clock_drift_ppm_max: protocol.clock_drift_ppm_max,
            ..defaults
        },
        storage: storage_limits(scenario),
        sessions: session_limits(scenario),
        snapshot_every: scenario.snapshot_every.map(u64::from),
        promotion_gap_max: u64::from(replication.promotion_gap),
    }
}
