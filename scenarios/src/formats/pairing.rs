//! Which completion belongs to which invocation, and a refusal of what cannot have happened.
//!
//! A process (Jepsen's word for a client) has one operation in flight at a time: that is what makes a completion find its
//! invocation. What it simplifies: of operations that ended, the last one of a process is remembered, for an error to
//! name; after very many processes these are forgotten.

use std::collections::BTreeMap;

use whitewater_kv::Operation;
use whitewater_sim::Instant;

use super::error::{FormatError, Place};
use super::event::{Event, Step};

/// How many operations may be open at once.
const OPEN_MAX: usize = 1_000_000;

/// Of how many processes the last operation that ended is remembered.
const ENDED_MAX: usize = 1 << 16;

/// The operations in flight.
#[derive(Default)]
pub(super) struct Pairing {
    invoked: u64,
    open: BTreeMap<u64, Open>,
    /// The lines in which the last operation of a process was invoked and ended.
    ended: BTreeMap<u64, (usize, usize)>,
}

/// An operation in flight.
pub(super) struct Open {
    number: u64,
    pub(super) op: Operation,
    /// The line of its invocation.
    pub(super) line: usize,
}

impl Pairing {
    /// A process invokes an operation.
    pub(super) fn invoke(&mut self, place: Place, process: u64, op: Operation) -> Result<Event, FormatError> {
        if let Some(Open { line, .. }) = self.open.get(&process) {
            let message = format!(
                "process {process} invokes, but its operation of line {line} has not completed; \
                 a process has one operation at a time, so a line is missing or two logs were mixed"
            );
            return Err(FormatError::at(place, message));
        }
        if self.open.len() == OPEN_MAX {
            let message = format!(
                "this is one operation more than the {OPEN_MAX} that may be open at once; end them, or split the file"
            );
            return Err(FormatError::at(place, message));
        }
        let number = self.invoked;
        self.invoked += 1;
        self.open.insert(process, Open { number, op: op.clone(), line: place.line });
        let step = Step::Invoked(op);
        Ok(Event { operation: number, process, line: place.line, at: Instant::START, step })
    }

    /// The operation that a process has in flight, which completes here.
    pub(super) fn open(&self, place: Place, process: u64) -> Result<&Open, FormatError> {
        self.open.get(&process).ok_or_else(|| {
            let message = match self.ended.get(&process) {
                Some((invoked, ended)) => format!(
                    "process {process} completes an operation, but has none: that of line {invoked} had completed in \
                     line {ended}; remove the line that is one too many, or add the invocation that is missing"
                ),
                None => format!(
                    "process {process} completes an operation that it did not invoke; \
                     is the beginning of the file missing?"
                ),
            };
            FormatError::at(place, message)
        })
    }

    /// The operation of a process ends.
    ///
    /// # Panics
    /// If there is none: ask [`Pairing::open`] first.
    pub(super) fn end(&mut self, line: usize, process: u64, step: Step) -> Event {
        let open = self.open.remove(&process).expect("a completion has an invocation");
        if self.ended.len() == ENDED_MAX {
            self.ended.clear();
        }
        self.ended.insert(process, (open.line, line));
        Event { operation: open.number, process, line, at: Instant::START, step }
    }
}
