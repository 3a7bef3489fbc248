//! Builds a history from invocations and completions as they come line by line, and refuses what cannot have happened.
//!
//! A process (Jepsen's word for a client) has one operation in flight at a time: that is what makes a completion find
//! its invocation. What it simplifies: these formats have no time, so every event is at the start of virtual time, and
//! people are shown lines instead.

use std::collections::BTreeMap;

use whitewater_kv::{Answer, Operation};
use whitewater_sim::Instant;
use whitewater_sim::history::{History, OperationId};

use super::FormatError;

/// A history under construction.
#[derive(Default)]
pub(super) struct Recorder {
    pub(super) history: History<Operation, Answer>,
    lines: Vec<usize>,
    in_flight: BTreeMap<u64, (OperationId, usize)>,
}

/// How an operation ended.
pub(super) enum End {
    Returned(Answer),
    Failed,
    Unknown,
}

impl Recorder {
    /// A process invokes an operation.
    pub(super) fn invoke(&mut self, line: usize, process: u64, op: Operation) -> Result<(), FormatError> {
        if let Some((_, earlier)) = self.in_flight.get(&process) {
            let message = format!(
                "process {process} invokes, but its operation of line {earlier} has not completed; \
                 a process has one operation at a time, so a line is missing or two logs were mixed"
            );
            return Err(FormatError::at(line, message));
        }
        let id = self.history.invoke(process, op, Instant::START);
        self.in_flight.insert(process, (id, line));
        self.lines.push(line);
        Ok(())
    }

    /// The operation that a process has in flight, and the line of its invocation.
    pub(super) fn in_flight(&self, line: usize, process: u64) -> Result<(&Operation, usize), FormatError> {
        let Some((id, invoked)) = self.in_flight.get(&process) else {
            let message = format!(
                "process {process} completes an operation that it did not invoke; is the beginning of the file missing?"
            );
            return Err(FormatError::at(line, message));
        };
        Ok((&self.history.operations()[id.0 as usize].op, *invoked))
    }

    /// The operation of a process completes.
    ///
    /// # Panics
    /// If there is none: ask [`Recorder::in_flight`] first.
    pub(super) fn complete(&mut self, line: usize, process: u64, end: End) {
        let (id, _) = self.in_flight.remove(&process).expect("a completion has an invocation");
        match end {
            End::Returned(answer) => self.history.returned(id, answer, Instant::START),
            End::Failed => self.history.failed(id, Instant::START),
            End::Unknown => self.history.unknown(id, Instant::START),
        }
        self.lines.push(line);
    }

    /// The history, and the line of each event.
    pub(super) fn finish(self) -> (History<Operation, Answer>, Vec<usize>) {
        (self.history, self.lines)
    }
}
