//! The system under test, as a run sees it: nodes for a scenario, and the little that the liveness phase and the check of
//! the history ask of them.
//!
//! Everything else about a run (the plan, the faults, the clock, the disks, the checks, campaigns) is the same for every
//! system, so an implementation that is driven through [`System`] gets all of it. The built-in one is
//! [`crate::systems::raft_kv::RaftKv`].
//!
//! # Your own consensus library
//!
//! A library that agrees on a log becomes a server by the nine functions of [`crate::systems::hosted::Consensus`]: a host boots
//! it, feeds it, and answers for it. Write anything else as a [`crate::systems::hosted::Server`]: five functions that are told what happens and act through a
//! [`whitewater_sim::Context`]. The clients are ours; they send [`whitewater_kv::Message`]s and want replies. A server that
//! applies what it commits to a [`whitewater_kv::Machine`] has most of that done. A store on one server:
//!
//! ```
//! use whitewater_kv::{Message, session};
//! use whitewater_scenarios::catalog;
//! use whitewater_scenarios::run::{Options, run_on};
//! use whitewater_scenarios::search::lineage::Lineage;
//! use whitewater_scenarios::system::{Leaders, Program, Stage, System};
//! use whitewater_scenarios::systems::hosted::{self, Node, Store, name_of};
//! use whitewater_scenarios::systems::raft_kv::Wire;
//! use whitewater_sim::disk::SyncId;
//! use whitewater_sim::{Context, NodeId, TimerId};
//!
//! /// It agrees with itself about everything, at once.
//! struct Alone {
//!     store: Store,
//! }
//!
//! impl hosted::Server for Alone {
//!     type Message = Wire; // Any message will do: it has nobody to talk to.
//!
//!     fn boot(&mut self, _: &mut Context<'_, Node<Self>>) {}
//!
//!     fn request(&mut self, from: NodeId, request: Message, context: &mut Context<'_, Node<Self>>) {
//!         let me = context.node();
//!         if let Message::Request(bytes) = request {
//!             let Some(name) = name_of(&bytes) else { return };
//!             let entry = (self.store.applied() + 1, 1);
//!             self.store.accept(entry, from, name);
//!             self.store.apply(entry, &bytes, context);
//!         } else if let Message::Read(read) = request
//!             && let Some(read) = self.store.read(from, *read, Some(me), context)
//!         {
//!             self.store.pass(read, self.store.applied());
//!             self.store.serve(context);
//!         }
//!     }
//!
//!     fn message(&mut self, _: NodeId, _: Wire, _: &mut Context<'_, Node<Self>>) {}
//!     fn timer(&mut self, _: TimerId, _: &mut Context<'_, Node<Self>>) {}
//!     fn synced(&mut self, _: SyncId, _: &mut Context<'_, Node<Self>>) {}
//! }
//!
//! struct InMemory;
//!
//! impl System for InMemory {
//!     type Node = Node<Alone>;
//!
//!     fn leaders(&self) -> Leaders {
//!         Leaders::Unobserved
//!     }
//!
//!     fn program(&self, stage: &Stage<'_>) -> Program<Node<Alone>> {
//!         hosted::program(stage, |_| Alone { store: Store::new(session::Limits::default()) })
//!     }
//! }
//!
//! let verdict = |name: &str| {
//!     let mut scenario = catalog::find(name).expect("it is in the catalog");
//!     scenario.servers = vec![1];
//!     run_on(&InMemory, &scenario, &Lineage::of(7), &Options::default()).record.verdict
//! };
//! assert_eq!(verdict("calm").title(), "pass");
//! // It has nothing on its disk, and this scenario crashes it.
//! assert_ne!(verdict("single").title(), "pass");
//! ```
//!
//! That system observes what its state machine does ([`crate::systems::hosted::Store`] sees to it), and nothing else; a
//! system that observes nothing at all is checked by what its clients saw: linearizability, and that everything is
//! answered once all faults are healed. Each [`whitewater_sim::Observation`] that a server makes buys it more: roles buy faults that
//! aim at the leader, terms and votes buy election safety, appends and writes buy the checks of logs and disks, applied
//! entries buy the agreement of replicas. `examples/tikv` does this for the `raft` crate of tikv.

use whitewater_kv::{Answer, Operation};
use whitewater_sim::history::OperationId;
use whitewater_sim::{Checks, Keep, NodeId, Process, Recording, World, WorldConfig};

use crate::generate::Plan;
use crate::probes::Declared;
use crate::scenario::{MixKind, Scenario, StepAction};
use crate::systems::raft_kv::ClientNode;

/// A system that scenarios can be run against. The value holds its settings, if it has any beside the scenario's.
pub trait System {
    /// Its nodes: servers, clients, and whoever else is needed.
    type Node: Participant + 'static;

    /// Why it cannot be run with a scenario, in one sentence; `None` if it can. A run that is refused is inconclusive.
    fn refusal(&self, scenario: &Scenario) -> Option<String> {
        let _ = scenario;
        None
    }

    /// What a command line has to say so that it is about this system, in words for a shell, as in `--node ./raft.py`;
    /// nothing for one that has a command line of its own.
    fn argument(&self) -> String {
        String::new()
    }

    /// Whether its servers say who leads.
    fn leaders(&self) -> Leaders;

    /// How many nodes come after the clients: operators and the like.
    fn attendants(&self, plan: &Plan) -> u32 {
        let _ = plan;
        0
    }

    /// What makes the nodes of a run, at its start and after every crash.
    fn program(&self, stage: &Stage<'_>) -> Program<Self::Node>;
}

/// Makes the program of a node. It is told which one, and how often that node's disk was erased before; of a client, how
/// often it crashed before.
pub type Program<N> = Box<dyn Fn(NodeId, u32) -> N>;

/// Whether the servers of a system observe [`whitewater_sim::Observation::Role`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leaders {
    /// They do: faults can aim at the leader, and once all faults are healed there must be one.
    Observed,
    /// They may: as [`Leaders::Observed`] once one of them has said that it leads, and as [`Leaders::Unobserved`] before.
    AsTold,
    /// They do not: a fault that aims at the leader hits the server that the plan names for the case that nobody leads.
    Unobserved,
}

/// What a run asks of a node, beside what the simulator does.
pub trait Participant: Process<Operation = Operation, Answer = Answer> {
    /// The client, if this is one of ours. With these the replicated log can be the witness of the history; without, the
    /// check of the history takes longer.
    fn as_client(&self) -> Option<&ClientNode>;

    /// Whether this is a client, or an attendant, with something left to do.
    fn has_work(&self) -> bool {
        self.as_client().is_some_and(ClientNode::has_work)
    }

    /// What it printed last, if it is a process of its own, for whoever looks into a failure.
    fn last_words(&self) -> Option<String> {
        None
    }

    /// Whether nodes like this can hit a probe ([`whitewater_sim::Context::hit`]). What they cannot hit is missed in no report.
    fn can_hit(probe: Declared) -> bool {
        let _ = probe;
        true
    }

    /// Whether this is a client that was told that the session of this operation had expired: that is an answer, too.
    fn has_expired(&self, id: OperationId) -> bool {
        self.as_client().is_some_and(|client| client.has_expired(id))
    }
}

/// What the nodes of a run are made from.
#[derive(Clone, Copy, Debug)]
pub struct Stage<'a> {
    /// The scenario.
    pub scenario: &'a Scenario,
    /// What was drawn for the seed: [`Plan::machines`] servers have the numbers from 0 on, the clients follow.
    pub plan: &'a Plan,
    /// Whether clients remember what the check of the history needs.
    pub keep: Keep,
}

/// What may be varied about a world without changing what happens in it.
#[derive(Clone, Copy, Debug)]
pub struct Watch {
    /// What is checked.
    pub checks: Checks,
    /// Whether a trace is recorded.
    pub recording: Recording,
    /// Whether the history is kept.
    pub keep: Keep,
}

/// The world of a run, with its faults, steps and expectations. Nothing has happened yet.
#[must_use]
pub fn world<S: System>(system: &S, scenario: &Scenario, seed: u64, plan: &Plan, watch: Watch) -> World<S::Node> {
    let config = WorldConfig {
        seed,
        servers: plan.machines(),
        clients: scenario.clients + system.attendants(plan),
        links: scenario.links,
        disks: scenario.disks,
        clocks: scenario.clocks,
        checks: watch.checks,
        recording: watch.recording,
        keep: watch.keep,
    };
    let mut world = World::new(&config, system.program(&Stage { scenario, plan, keep: watch.keep }));
    world.plan(plan.faults.clone());
    world.script(plan.steps.clone());
    world.expect(plan.expectations.clone());
    world
}

/// What somebody has to look after in a run of this scenario, in words, if there is something: members that come and go,
/// or servers that lose their disks. A system without an operator refuses such a scenario.
#[must_use]
pub fn looked_after(scenario: &Scenario) -> Option<&'static str> {
    let erases = |kind: &MixKind| matches!(kind, MixKind::Wipe { .. } | MixKind::Damage { .. });
    let strikes = |action: &StepAction| matches!(action, StepAction::Strike { kind, .. } if erases(kind));
    if scenario.learners + scenario.spares > 0 || !scenario.operator.is_empty() || !scenario.goals.is_empty() {
        Some("changes its members")
    } else if scenario.faults.iter().any(|mix| erases(&mix.kind))
        || scenario.steps.iter().any(|step| strikes(&step.action))
    {
        Some("erases or damages disks")
    } else {
        None
    }
}
