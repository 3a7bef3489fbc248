//! A node of one's own: whatever takes an event and gives back actions is a server here, in any language.
//!
//! The protocol is in `scenarios/NODES.md`. A [`Brain`] decides; the seat that it has in the simulator does the rest: it
//! translates what our clients ask, keeps what the node saves on the simulated disk, holds messages until that is durable,
//! tells the observer what the node reports, and turns misbehaviour into a verdict. What a node says decides whether it
//! breaks a check ([`whitewater_sim::Check::Protocol`]); what it only takes too long for is inconclusive.
//!
//! What it simplifies: reads take the same way as writes; nobody changes the members of a cluster.

mod brain;
mod external;
pub mod protocol;
mod reports;
mod requests;
mod saves;
mod seat;
mod words;

use std::borrow::Cow;
use std::fmt;
use std::rc::Rc;
use std::sync::Arc;

use serde_json::value::RawValue;
use whitewater_kv::client::Numbering;
use whitewater_reports::words::shell_word;
use xxhash_rust::xxh3::xxh3_64;

use super::hosted;
use crate::generate::{Path, Plan, Planned, Script};
use crate::scenario::{Mix, Scenario};
use crate::system::{Leaders, Program, Stage, System, looked_after};

pub use brain::{Brain, Trouble, limits};
pub use external::Allowance;
pub use seat::Seat;

/// What makes the brain of the node of this name, for a life.
pub type Maker = Arc<dyn Fn(&str) -> Result<Box<dyn Brain>, Trouble> + Send + Sync>;

/// What a node acts through.
type Context<'a, 'b> = whitewater_sim::Context<'b, hosted::Node<Seat>>;

/// A cluster of nodes that all think alike.
#[derive(Clone)]
pub struct Guests {
    maker: Maker,
    argument: String,
}

impl Guests {
    /// Nodes whose brains are made by this, as a command line names them.
    #[must_use]
    pub fn new(maker: Maker, argument: String) -> Guests {
        Guests { maker, argument }
    }

    /// Nodes that are processes: a program with its arguments, in the words of a shell.
    ///
    /// # Errors
    /// If these are no words, or the program cannot be started.
    pub fn external(command: &str, allowance: Allowance) -> Result<Guests, String> {
        let words = shell_words::split(command).map_err(|error| error.to_string())?;
        if words.is_empty() {
            return Err("it names no program".to_owned());
        }
        external::try_out(&words, allowance)?;
        let argument = format!("--node {}", shell_word(command));
        let maker = move |name: &str| -> Result<Box<dyn Brain>, Trouble> {
            Ok(Box::new(external::External::start(name, &words, allowance)?))
        };
        Ok(Guests::new(Arc::new(maker), argument))
    }
}

impl System for Guests {
    type Node = hosted::Node<Seat>;

    fn refusal(&self, scenario: &Scenario) -> Option<String> {
        if let Some(what) = looked_after(scenario) {
            return Some(format!("it {what}, and the protocol of nodes has no word for that"));
        }
        let has_words = |mix: Mix| {
            let Mix { get: _, put: _, append: _, delete: _, compare_and_swap: _, range, transaction, batch } = mix;
            range + transaction + batch == 0
        };
        let mut loads = scenario.workload.loads.iter().filter_map(|load| load.mix);
        let is_known = match &scenario.operations {
            None => has_words(scenario.workload.mix) && loads.all(has_words),
            Some(written) => written.iter().all(|written| requests::has_word(&written.planned.operation)),
        };
        (!is_known).then(|| "its clients ask for what the protocol of nodes has no word for".to_owned())
    }

    fn argument(&self) -> String {
        self.argument.clone()
    }

    fn leaders(&self) -> Leaders {
        Leaders::AsTold
    }

    fn program(&self, Stage { scenario, plan, keep }: &Stage<'_>) -> Program<hosted::Node<Seat>> {
        let table = Rc::new(seat::Table::new(Arc::clone(&self.maker), plan.machines(), scenario));
        let plan = Plan { scripts: plan.scripts.iter().map(through_the_log).collect(), ..(*plan).clone() };
        let stage = Stage { scenario, plan: &plan, keep: *keep };
        hosted::program_with(Numbering::ByPlace, &stage, move |_| Seat::new(Rc::clone(&table)))
    }
}

/// The same script, with nothing that goes past the log.
fn through_the_log(script: &Script) -> Script {
    script.map(|planned| Planned { path: Path::Log, ..planned.clone() })
}

/// What nodes say to each other: JSON, as it was written.
#[derive(Clone, Debug)]
pub struct Letter(pub(crate) Arc<RawValue>);

impl fmt::Display for Letter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&words::traced(self.0.get()))
    }
}

impl whitewater_sim::Message for Letter {
    fn fingerprint(&self) -> u64 {
        xxh3_64(self.0.get().as_bytes())
    }

    fn kind(&self) -> u8 {
        protocol::kind_of(&self.0)
    }

    fn name(&self) -> Cow<'static, str> {
        Cow::Owned(protocol::type_of(self.0.get()).map_or_else(|| "message".to_owned(), |name| words::bounded(&name)))
    }

    fn size_bytes(&self) -> u64 {
        self.0.get().len() as u64
    }
}
