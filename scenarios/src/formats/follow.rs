//! A history checked while it is being written: event by event, until the first that no order explains.
//!
//! The online check (Lowe, 2017, breadth first) says *that* an answer cannot be explained as soon as it is there. What came
//! before is kept, so that it can be said *why*. What it simplifies: keeping it takes memory, so a stream may be as long as
//! a file may be.

use std::io::BufRead;

use whitewater_sim::check::online::{Limits, Online};

use super::error::FormatError;
use super::event::Step;
use super::recorder::Recorder;
use super::stream::Events;
use super::{KeyValue, Parsed};

/// What was heard while following a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heard {
    /// The stream ended, and every answer in it is explained.
    Explained,
    /// Nothing explains the last event that was read. More may follow; it was not waited for.
    Conflict,
    /// The stream ended, and some of it was beyond the online check.
    Undecided,
}

/// Follows a stream to its end, or to its first conflict. Returns what was read by then.
///
/// # Errors
/// If the stream is not a history.
pub fn follow<R: BufRead>(mut events: Events<R>) -> Result<(Parsed, Heard), FormatError> {
    let (format, model) = (events.format(), events.model(None));
    let mut online: Online<KeyValue> = Online::by_part(model, Limits::default());
    let mut tickets = Vec::new();
    let mut recorder = Recorder::default();
    let mut heard = Heard::Explained;
    for event in events.by_ref() {
        let event = event?;
        let place = usize::try_from(event.operation).expect("operations fit into memory");
        let conflict = match &event.step {
            Step::Invoked(op) => {
                tickets.push(online.invoke(op.clone()));
                None
            }
            Step::Returned(answer) => online.returned(tickets[place], answer.clone()),
            Step::Failed => online.failed(tickets[place]),
            Step::Unknown => {
                online.unknown(tickets[place]);
                None
            }
        };
        recorder.record(event);
        if conflict.is_some() {
            heard = Heard::Conflict;
            break;
        }
    }
    if heard == Heard::Explained && (!online.undecided().is_empty() || online.left_out() > 0) {
        heard = Heard::Undecided;
    }
    let Recorder { history, lines } = recorder;
    if history.operations().is_empty() {
        return Err(super::nothing_to_check(format));
    }
    Ok((Parsed { format, history, model, lines, passed_over: events.passed_over() }, heard))
}
