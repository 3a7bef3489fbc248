//! Which message arrives: pairs what arrives with what was sent, only when a trace is recorded.
//!
//! Messages on a link carry no number, so that a run without a recorder pays nothing. Two that have the same fingerprint are
//! told apart by when they are to arrive. What it simplifies: if the link held both, or their receiver was paused, the one
//! that was to come first counts as the first, and nobody could tell the difference.

use std::collections::BTreeMap;

use super::Letter;
use crate::node::{Message, NodeId};
use crate::time::Instant;

/// The messages under way.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Post {
    sent: u64,
    /// By ends and fingerprint: when each is to arrive, and its number.
    under_way: BTreeMap<(NodeId, NodeId, u64), Vec<(Instant, u64)>>,
}

impl Post {
    /// A message is sent. What is to arrive of it is posted.
    pub(super) fn send<M: Message>(&mut self, from: NodeId, to: NodeId, message: &M) -> Letter {
        self.sent += 1;
        Letter { number: self.sent - 1, from, to, name: message.name() }
    }

    /// A message with this fingerprint is to arrive for a letter.
    pub(super) fn post(&mut self, letter: &Letter, fingerprint: u64, at: Instant) {
        self.under_way.entry((letter.from, letter.to, fingerprint)).or_default().push((at, letter.number));
    }

    /// A message arrives, or is lost at its receiver.
    pub(super) fn take<M: Message>(&mut self, from: NodeId, to: NodeId, message: &M, now: Instant) -> Letter {
        let alike = self.under_way.get_mut(&(from, to, message.fingerprint())).expect("what arrives was sent");
        let punctual = alike.iter().position(|(at, _)| *at == now);
        let first = || (0..alike.len()).min_by_key(|place| alike[*place]);
        let place = punctual.or_else(first).expect("what arrives did not arrive before");
        let (_, number) = alike.remove(place);
        Letter { number, from, to, name: message.name() }
    }
}
