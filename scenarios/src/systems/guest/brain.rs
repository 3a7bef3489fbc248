//! What decides what a node does: it takes an event and gives back actions.

use super::protocol::{Action, Event};

/// A node of somebody else's, in one life.
pub trait Brain {
    /// Takes an event, and adds what the node does about it.
    ///
    /// # Errors
    /// If the node breaks the protocol, or cannot be waited for any longer. It is not told anything afterwards.
    fn turn(&mut self, event: &Event, actions: &mut Vec<Action>) -> Result<(), Trouble>;

    /// What it printed last, made fit to be shown, if it prints anything.
    fn last_words(&self) -> Option<String> {
        None
    }
}

/// Why a node cannot go on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// It has done what no node may do, in words: a check fails.
    Misconduct(String),
    /// It ran into a limit of this machine, in words: nobody can say whether it is at fault.
    Limit(String),
}

/// What a turn and a run may take. All of these are counted in what the node says, so that they are the same in every run.
pub mod limits {
    /// The most bytes of a line.
    pub const LINE_BYTES_MAX: usize = 1 << 20;
    /// The most actions of a turn.
    pub const ACTIONS_MAX: usize = 10_000;
    /// The most bytes of a turn.
    pub const TURN_BYTES_MAX: usize = 8 << 20;
    /// The most bytes that the nodes of a run say together.
    pub const RUN_BYTES_MAX: usize = 256 << 20;
    /// The most turns of a run.
    pub const TURNS_MAX: u64 = 1_000_000;
}
