//! The work of a check, counted in steps and bytes, so that it ends where it should (see [`Budget`]).
//!
//! Counts are deterministic: the same check ends at the same step in every process. What it simplifies: whoever may
//! interrupt is asked every few thousand steps only.

use super::{Budget, Effort};

/// Why a search ended before it was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Halt {
    OutOfSteps,
    OutOfMemory,
    Stopped,
}

/// Counts steps over all searches of a check.
pub(super) struct Meter<'b> {
    stop: Option<&'b dyn Fn() -> bool>,
    budget: u64,
    taken: u64,
    next_poll: u64,
    bytes: u64,
    effort: Effort,
}

impl<'b> Meter<'b> {
    const POLL_STEPS: u64 = 4096;

    pub(super) fn new(budget: &Budget<'b>) -> Self {
        Meter {
            stop: budget.stop,
            budget: budget.steps,
            taken: 0,
            next_poll: 0,
            bytes: budget.bytes,
            effort: Effort::default(),
        }
    }

    /// How many steps have been taken when this many more have been, or all that there are.
    pub(super) fn limit(&self, allowance: u64) -> u64 {
        self.taken.saturating_add(allowance).min(self.budget)
    }

    pub(super) fn taken(&self) -> u64 {
        self.taken
    }

    pub(super) fn left(&self) -> u64 {
        self.budget.saturating_sub(self.taken)
    }

    /// How far the last search came.
    pub(super) fn effort(&self) -> Effort {
        self.effort
    }

    pub(super) fn note(&mut self, effort: Effort) {
        self.effort = effort;
    }

    /// Looks at how much a search remembers.
    pub(super) fn hold(&self, bytes: usize) -> Result<(), Halt> {
        if bytes as u64 > self.bytes { Err(Halt::OutOfMemory) } else { Ok(()) }
    }

    pub(super) fn take(&mut self, steps: u64, limit: u64) -> Result<(), Halt> {
        if limit - self.taken < steps {
            return Err(Halt::OutOfSteps);
        }
        self.taken += steps;
        if self.taken >= self.next_poll {
            self.next_poll = self.taken + Self::POLL_STEPS;
            if self.stop.is_some_and(|stop| stop()) {
                return Err(Halt::Stopped);
            }
        }
        Ok(())
    }
}
