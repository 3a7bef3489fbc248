//! A node of one's own in Rust: what it does is one trait, and everything else, the whole command line included, is one call.
//!
//! The protocol is that of `scenarios/NODES.md`, with types in place of lines: an event is a call, an action is a call of
//! [`Hands`]. A crate of one file is enough; `examples/lab.rs` is one.
//!
//! ```no_run
//! use whitewater_scenarios::lab::{self, Hands, Init, Node, Request};
//!
//! struct Silent;
//!
//! impl Node for Silent {
//!     type Message = ();
//!     fn init(_: Init, _: &mut Hands) -> Silent { Silent }
//!     fn message(&mut self, _: &str, _: (), _: &mut Hands) {}
//!     fn request(&mut self, _: Request, _: &mut Hands) {}
//!     fn timer(&mut self, _: &str, _: &mut Hands) {}
//! }
//!
//! fn main() -> std::process::ExitCode {
//!     lab::main::<Silent>()
//! }
//! ```
//!
//! Runs are made in processes of their own ([`crate::contained`]): a panic, an endless loop, a flood of messages or a hunger for
//! memory ends one run with a verdict, and the campaign goes on. What it does not do: it keeps accidents in, not malice. Who
//! grades strangers' code has it speak the protocol as a program of its own.

mod hands;

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use crate::cli;
use crate::contained::Contained;
use crate::host::watch;
use crate::systems::guest::protocol::{Action, Event, EventBody, FromSimulator};
use crate::systems::guest::{Brain, Guests, Trouble};

pub use crate::systems::guest::protocol::{Answer, Operation, Role, Settings};
pub use hands::Hands;

/// A node. A crash drops it, and a restart makes a new one, which knows what was saved and nothing else.
pub trait Node: Sized + 'static {
    /// What nodes say to each other. It is written as JSON.
    type Message: Serialize + DeserializeOwned;

    /// It starts, for the first time or after a crash.
    fn init(init: Init, hands: &mut Hands) -> Self;

    /// Another node says something.
    fn message(&mut self, from: &str, message: Self::Message, hands: &mut Hands);

    /// A client asks for something. It may ask again, and any node may be asked.
    fn request(&mut self, request: Request, hands: &mut Hands);

    /// A timer that it armed ran out.
    fn timer(&mut self, name: &str, hands: &mut Hands);

    /// The save with this number, and all before it in this life, are durable.
    fn saved(&mut self, save: u64, hands: &mut Hands) {
        let _ = (save, hands);
    }
}

/// What a node is told when it starts.
#[derive(Clone, Debug)]
pub struct Init {
    /// Its name.
    pub me: String,
    /// The names of all nodes, its own among them.
    pub nodes: Vec<String>,
    /// A random number, another one in each life.
    pub seed: u64,
    /// What the scenario asks of nodes.
    pub settings: Settings,
    /// What the disk holds.
    pub saved: Saved,
}

/// What a disk holds.
#[derive(Clone, Debug, Default)]
pub struct Saved(BTreeMap<String, Arc<RawValue>>);

impl Saved {
    /// What was saved under a key; `None` if nothing was.
    ///
    /// # Panics
    /// If something of another type was: a node reads what it wrote.
    #[must_use]
    pub fn get<T: DeserializeOwned>(&self, key: &str) -> Option<T> {
        let text = self.0.get(key)?.get();
        Some(serde_json::from_str(text).unwrap_or_else(|error| panic!("`{key}` holds something else: {error}: {text}")))
    }

    /// The keys under which something was saved, in order.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }
}

/// What a client asks. The same client and number are the same request: it takes effect once.
#[derive(Clone, Debug)]
pub struct Request {
    /// Who asks.
    pub client: String,
    /// The number of the request among those of the client; it rises.
    pub msg_id: u64,
    /// What is asked.
    pub operation: Operation,
}

/// Clusters of these nodes, in the process that makes the run: for tests of one's own.
#[must_use]
pub fn cluster<N: Node>() -> Guests {
    let maker = |_: &str| -> Result<Box<dyn Brain>, Trouble> { Ok(Box::new(InProcess::<N> { node: None })) };
    Guests::new(Arc::new(maker), String::new())
}

/// Reads the command line of this process and does what it says, with clusters of these nodes.
#[must_use]
pub fn main<N: Node>() -> ExitCode {
    cli::main(Contained::new(cluster::<N>()))
}

/// A node, from its first event on.
struct InProcess<N> {
    node: Option<N>,
}

impl<N: Node> InProcess<N> {
    fn node(&mut self) -> &mut N {
        self.node.as_mut().expect("it is told to start before anything else")
    }

    fn tell(&mut self, event: &Event, hands: &mut Hands) {
        let from = &*event.src;
        match &event.body {
            EventBody::Simulator(FromSimulator::Init { node_id, node_ids, seed, settings, saved }) => {
                let nodes = node_ids.iter().map(|name| (**name).to_owned()).collect();
                let saved = Saved(saved.clone());
                let init = Init { me: (**node_id).to_owned(), nodes, seed: *seed, settings: *settings, saved };
                self.node = Some(N::init(init, hands));
            }
            EventBody::Simulator(FromSimulator::Timer { name }) => self.node().timer(name, hands),
            EventBody::Simulator(FromSimulator::Saved { save }) => self.node().saved(*save, hands),
            EventBody::Node(body) => {
                let message = serde_json::from_str(body.get());
                self.node().message(from, message.expect("a message that was written can be read"), hands);
            }
            EventBody::Client(request) => {
                let operation = request.operation.clone();
                self.node().request(Request { client: from.to_owned(), msg_id: request.msg_id, operation }, hands);
            }
        }
    }
}

impl<N: Node> Brain for InProcess<N> {
    fn turn(&mut self, event: &Event, actions: &mut Vec<Action>) -> Result<(), Trouble> {
        let mut hands = Hands::new(event.now_us);
        let told = event.clone();
        watch::turn(move || told.shown(), || self.tell(event, &mut hands));
        hands.into_actions(actions)
    }
}
