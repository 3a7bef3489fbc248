//! A system under test as the command line sees it: something that runs can be made of, whatever its nodes are.
//!
//! [`System`] is generic in its nodes, so that nodes are dispatched statically; a [`Target`] is what is left of it when one
//! command line is to serve the built-in system, a stranger's process and a student's crate alike: one virtual call a run.

use std::sync::Arc;

use whitewater_reports::model::{Campaign, PROGRAM, ProbeRecord, RunRecord};

use crate::campaign::{self, Progress, Request};
use crate::probes;
use crate::run::{Options, Run};
use crate::scenario::Scenario;
use crate::search::lineage::Lineage;
use crate::system::{Participant, System};

/// A system under test, shared among threads.
pub type Shared = Arc<dyn Target>;

/// What can be run.
pub trait Target: Send + Sync {
    /// Why it cannot be run with a scenario: see [`System::refusal`].
    fn refusal(&self, scenario: &Scenario) -> Option<String>;

    /// What a command line begins with, for a shell, so that it may be about this system.
    fn program(&self) -> String {
        PROGRAM.to_owned()
    }

    /// What a command line has to say so that it is about this system: see [`System::argument`].
    fn argument(&self) -> String;

    /// The probes, and whether it can hit them: see [`Participant::can_hit`].
    fn probes(&self) -> Vec<ProbeRecord>;

    /// Makes a run: see [`campaign::make_on`].
    ///
    /// # Errors
    /// If the testbed panics, with the record that says so.
    fn make(&self, scenario: &Scenario, lineage: &Lineage, options: &Options<'_>) -> Result<Run, Box<RunRecord>>;

    /// The same in this process, whatever becomes of it, for systems whose runs are made elsewhere ([`crate::contained`]).
    ///
    /// # Errors
    /// If the testbed panics, with the record that says so.
    fn make_here(&self, scenario: &Scenario, lineage: &Lineage, options: &Options<'_>) -> Result<Run, Box<RunRecord>> {
        self.make(scenario, lineage, options)
    }

    /// Makes many runs: see [`campaign::conduct_on`].
    fn conduct(&self, request: &Request, watch: &mut dyn FnMut(&Progress)) -> Campaign;
}

impl<S: System + Clone + Send + Sync + 'static> Target for S {
    fn refusal(&self, scenario: &Scenario) -> Option<String> {
        System::refusal(self, scenario)
    }

    fn argument(&self) -> String {
        System::argument(self)
    }

    fn probes(&self) -> Vec<ProbeRecord> {
        probes::records(S::Node::can_hit)
    }

    fn make(&self, scenario: &Scenario, lineage: &Lineage, options: &Options<'_>) -> Result<Run, Box<RunRecord>> {
        campaign::make_on(self, scenario, lineage, options)
    }

    fn conduct(&self, request: &Request, watch: &mut dyn FnMut(&Progress)) -> Campaign {
        campaign::conduct_on(self.clone(), request, watch)
    }
}
