//! Builds a history from its events as they come.
//!
//! What it simplifies: most formats have no time; their events are all at the start of virtual time, and people are
//! shown lines instead.

use whitewater_kv::{Answer, Operation};
use whitewater_sim::history::{History, OperationId};

use super::event::{Event, Step};

/// A history under construction.
#[derive(Default)]
pub(super) struct Recorder {
    pub(super) history: History<Operation, Answer>,
    /// The line of each event.
    pub(super) lines: Vec<usize>,
}

impl Recorder {
    /// Adds an event.
    pub(super) fn record(&mut self, event: Event) {
        let Event { operation, process, line, at, step } = event;
        let id = OperationId(u32::try_from(operation).expect("no file has room for 2^32 operations"));
        match step {
            Step::Invoked(op) => {
                let invoked = self.history.invoke(process, op, at);
                assert_eq!(invoked, id, "operations are numbered in the order of invocation");
            }
            Step::Returned(answer) => self.history.returned(id, answer, at),
            Step::Failed => self.history.failed(id, at),
            Step::Unknown => self.history.unknown(id, at),
        }
        self.lines.push(line);
    }
}
