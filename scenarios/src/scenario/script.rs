//! What happens once, each when its time has come, and what must be true between two moments, as a scenario has it.
//!
//! A seed makes the steps and expectations of a run from these: see [`whitewater_sim::plan`], which also tells what they
//! simplify.

use whitewater_sim::plan::{Edge, Quantity, Trigger};

use super::{MixKind, Span};

/// Something that happens once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// Its name, for other steps and for expectations.
    pub name: Option<String>,
    /// The step that it follows: its place in the list, before this one. `None`: the start of the run.
    pub follows: Option<usize>,
    /// What it waits for then.
    pub trigger: Trigger,
    /// How long it waits after that.
    pub wait: Span,
    /// What is done.
    pub action: StepAction,
}

/// What a step does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StepAction {
    /// A fault strikes.
    Strike {
        /// Which. Never one that strikes several times: a swizzle, a crash loop, a rolling restart.
        kind: MixKind,
        /// How long it lasts; until another step ends it, or all is healed, if nothing is said.
        lasting: Option<Span>,
    },
    /// The fault of an earlier step, at this place in the list, ends.
    End {
        /// That step.
        step: usize,
    },
    /// The faults of all steps end.
    EndAll,
    /// Nothing happens: a moment with a name.
    Mark,
}

/// What must be true between two moments: see [`whitewater_sim::plan::Expectation`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Expectation {
    /// Where the window begins.
    pub from: Edge,
    /// Where it ends.
    pub until: Edge,
    /// What is looked at.
    pub quantity: Quantity,
    /// The least that it may be.
    pub at_least: u64,
    /// The most that it may be.
    pub at_most: u64,
}
