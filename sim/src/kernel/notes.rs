//! What a kernel writes into the trace, if one is recorded: without one, nothing is worked out.

use std::fmt::Display;

use super::Kernel;
use crate::node::{Message, NodeId, Process};
use crate::time::Instant;
use crate::trace::{Letter, Line, What, printable};

impl<P: Process> Kernel<P> {
    /// Adds a line to the trace, if there is one.
    #[inline]
    pub(crate) fn note<T: Display>(&mut self, node: Option<NodeId>, note: impl FnOnce() -> (What, T)) {
        if let Some(trace) = &mut self.trace {
            let (what, text) = note();
            let text = printable(&text.to_string());
            trace.push(Line { event: self.event, at: self.now, node, what, text });
        }
    }

    /// Adds a line about a message that is sent; each copy of it is to arrive with this fingerprint at this time.
    #[cold]
    #[inline(never)]
    pub(super) fn note_sent(
        &mut self,
        (from, to): (NodeId, NodeId),
        message: &P::Message,
        copies: &[(u64, Instant)],
        line: impl FnOnce(Letter) -> (What, String),
    ) {
        if let Some(trace) = &mut self.trace {
            let letter = trace.send((from, to), message, copies);
            self.note(Some(from), || line(letter));
        }
    }

    /// Adds a line about a message that is received, or lost at its receiver.
    #[cold]
    #[inline(never)]
    pub(crate) fn note_received(
        &mut self,
        (from, to): (NodeId, NodeId),
        message: &P::Message,
        line: impl FnOnce(Letter) -> (What, String),
    ) {
        if let Some(trace) = &mut self.trace {
            let letter = trace.receive(from, to, message, self.now);
            self.note(Some(to), || line(letter));
        }
    }

    /// Adds a line about a message that is sent as it is.
    #[cold]
    #[inline(never)]
    pub(super) fn trace_sent(
        &mut self,
        from: NodeId,
        to: NodeId,
        message: &P::Message,
        (at, copy): (Instant, Option<Instant>),
    ) {
        let arrivals: Vec<(u64, Instant)> =
            [Some(at), copy].into_iter().flatten().map(|at| (message.fingerprint(), at)).collect();
        self.note_sent((from, to), message, &arrivals, |letter| {
            let twice = copy.map(|copy| format!(" and again {copy}")).unwrap_or_default();
            (What::Sent { letter, arrives: at, copy }, format!("-> {to} {message} (arrives {at}{twice})"))
        });
    }
}
