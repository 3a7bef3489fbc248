//! The key/value store on Raft, hosted in the simulator: its servers, clients that work through a script, and an
//! operator who looks after the membership.

mod client;
pub mod cluster;
mod operator;
mod server;
mod wire;
mod witness;

use std::sync::Arc;

use whitewater_kv::client::ClientTimer;
use whitewater_kv::server::Settings;
use whitewater_kv::{Address, Answer, Operation, Operator, Server};
use whitewater_raft::Timer;
use whitewater_sim::disk::SyncId;
use whitewater_sim::{Context, NodeId, ProbeId, Process, TimerId};

use crate::generate::{Plan, PlannedGoal};
use crate::probes::Declared;
use crate::system::{Leaders, Participant, Program, Stage, System};

pub use client::{ClientNode, Speaks};
pub use operator::OperatorNode;
pub use server::{Lives, ServerNode};
pub use wire::Wire;
pub use witness::witness;

/// A process of the store.
#[expect(
    clippy::large_enum_variant,
    reason = "a run has a handful of them, and a box would cost every event a step more"
)]
pub enum Node {
    /// A server.
    Server(ServerNode),
    /// A client.
    Client(ClientNode),
    /// The operator.
    Operator(OperatorNode),
}

impl Node {
    /// A server.
    #[must_use]
    pub fn server(settings: Settings, lives: &Lives, operator: Option<Address>) -> Node {
        Node::Server(ServerNode::new(settings, lives, operator))
    }

    /// An operator with these goals.
    #[must_use]
    pub fn operator(operator: Operator, goals: Arc<[PlannedGoal]>) -> Node {
        Node::Operator(OperatorNode::new(operator, goals))
    }

    /// The server, if this is one and it runs.
    #[must_use]
    pub fn as_server(&self) -> Option<&Server> {
        match self {
            Node::Server(node) => node.server(),
            Node::Client(_) | Node::Operator(_) => None,
        }
    }
}

impl Participant for Node {
    fn as_client(&self) -> Option<&ClientNode> {
        match self {
            Node::Client(node) => Some(node),
            Node::Server(_) | Node::Operator(_) => None,
        }
    }

    fn has_work(&self) -> bool {
        match self {
            Node::Server(_) => false,
            Node::Client(node) => node.has_work(),
            Node::Operator(node) => node.has_work(),
        }
    }
}

/// The built-in system: our store on our Raft.
#[derive(Clone, Copy, Debug, Default)]
pub struct RaftKv;

impl System for RaftKv {
    type Node = Node;

    fn leaders(&self) -> Leaders {
        Leaders::Observed
    }

    fn attendants(&self, plan: &Plan) -> u32 {
        u32::from(plan.needs_operator())
    }

    fn program(&self, stage: &Stage<'_>) -> Program<Node> {
        cluster::program(stage)
    }
}

impl Process for Node {
    type Message = Wire;
    type Operation = Operation;
    type Answer = Answer;

    fn timer_name(timer: TimerId) -> String {
        let name = match timer {
            ELECTION => "election timeout",
            HEARTBEAT => "heartbeat interval",
            HELLO => "pause between reports",
            POLL => "pause between looks",
            _ => return client_timer_name(timer),
        };
        name.to_owned()
    }

    fn probe_name(probe: ProbeId) -> String {
        Declared::of(probe).map_or_else(|| format!("probe {}", probe.0), |probe| probe.name().to_owned())
    }

    fn boot(&mut self, context: &mut Context<'_, Self>) {
        match self {
            Node::Server(node) => node.boot(context),
            Node::Client(node) => node.go_on(context),
            Node::Operator(node) => node.go_on(context),
        }
    }

    fn message(&mut self, from: NodeId, Wire(message): Wire, context: &mut Context<'_, Self>) {
        match self {
            Node::Server(node) => node.message(from, message, context),
            Node::Client(node) => node.message(from, message, context),
            Node::Operator(node) => node.message(from, message, context),
        }
    }

    fn timer(&mut self, timer: TimerId, context: &mut Context<'_, Self>) {
        match self {
            Node::Server(node) => node.timer(timer, context),
            Node::Client(node) => node.timer(timer, context),
            Node::Operator(node) if timer == POLL => node.poll(context),
            Node::Operator(node) => node.go_on(context),
        }
    }

    fn synced(&mut self, sync: SyncId, context: &mut Context<'_, Self>) {
        if let Node::Server(node) = self {
            node.synced(sync, context);
        }
    }

    fn sync_failed(&mut self, sync: SyncId, context: &mut Context<'_, Self>) {
        if let Node::Server(node) = self {
            node.sync_failed(sync, context);
        }
    }

    fn crashing(&mut self, context: &mut Context<'_, Self>) {
        match self {
            Node::Server(node) => node.crashing(context),
            Node::Client(node) => node.crashing(context),
            Node::Operator(_) => {}
        }
    }
}

const ELECTION: TimerId = TimerId(0);
const HEARTBEAT: TimerId = TimerId(1);
const HELLO: TimerId = TimerId(2);
const NEXT_OPERATION: TimerId = TimerId(3);
const POLL: TimerId = TimerId(4);
const SESSION: TimerId = TimerId(5);
/// The timers of a client's places begin here.
const FIRST_PLACE: u8 = 6;

/// What a trace calls a timer of a client.
pub(super) fn client_timer_name(timer: TimerId) -> String {
    let name = match client::client_timer(timer) {
        _ if timer == NEXT_OPERATION => "pause between operations",
        Some(ClientTimer::Session) => "wait for a session",
        Some(ClientTimer::Attempt { .. }) => "wait for an answer",
        Some(ClientTimer::GiveUp { .. }) => "patience",
        None => return format!("timer {}", timer.0),
    };
    name.to_owned()
}

fn raft_timer(timer: TimerId) -> Option<Timer> {
    match timer {
        ELECTION => Some(Timer::Election),
        HEARTBEAT => Some(Timer::Heartbeat),
        _ => None,
    }
}
