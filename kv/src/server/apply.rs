//! Applying what is committed: every entry once, in order, and an answer to whoever waits for it (dissertation 3.5, 6.3).
//!
//! What it simplifies: entries are applied at once when they are known to be committed, in no time.

use whitewater_raft::{Index, Payload};

use super::{Event, Host, Server, reply};
use crate::bugs::{self, Bug};
use crate::codec;
use crate::machine::Applied;
use crate::message::ReplyResult;
use crate::probe::Probe;

impl Server {
    pub(super) fn apply<H: Host>(&mut self, through: Index, host: &mut H) {
        host.observe(Event::Committed(through));
        if whitewater_raft::bugs::is_on(whitewater_raft::bugs::Bug::AppliedTwice) {
            self.applied = self.applied.previous().max(self.compacted);
        }
        let is_noop = |index| self.replica.entry(index).is_some_and(|entry| entry.payload == Payload::Noop);
        let is_left_out = bugs::is_on(Bug::NoopNotApplied) && is_noop(through);
        let through = if is_left_out { through.previous() } else { through };
        while self.applied < through {
            let index = self.applied.next();
            let entry = self.replica.entry(index).expect("a committed entry is in the log until it is applied");
            let result = match &entry.payload {
                Payload::Noop | Payload::Configuration(_) => None,
                Payload::Command(command) => {
                    let request = codec::decode(command).expect("a command is checked before it enters the log");
                    let is_map = bugs::is_on(Bug::MapOrderInState);
                    let request = if is_map { bugs::in_map_order(request, self.replica.id()) } else { request };
                    if bugs::is_on(Bug::SessionsExpireByClock) && host.now().0 % 1_000_000_000 < 10_000_000 {
                        self.machine.sessions.expire_one();
                    }
                    answer(index, self.machine.apply(index, &request), host)
                }
            };
            self.applied = index;
            host.observe(Event::Applied { entry, state: self.machine.fingerprint() });
            let Some(waiting) = self.waiting.front().copied().filter(|waiting| waiting.index == index) else {
                continue;
            };
            self.waiting.pop_front();
            let is_own = waiting.term == entry.term || bugs::is_on(Bug::WaitersByIndex);
            assert!(is_own, "a leader's own entries are not replaced while it leads");
            if let Some(result) = result {
                reply(waiting.client, waiting.request, result, host);
            }
        }
    }
}

/// What a client is told of its applied request, if it still waits for an answer.
fn answer<H: Host>(index: Index, applied: Applied, host: &mut H) -> Option<ReplyResult> {
    match applied {
        Applied::Opened { session } => Some(ReplyResult::Opened { session }),
        Applied::Executed { session, sequence, answer } => {
            host.observe(Event::Executed { index, session, sequence });
            Some(ReplyResult::Answered { answer, index })
        }
        Applied::Duplicate { answer } => {
            host.observe(Event::Probe(Probe::DuplicateRequestSuppressed));
            Some(ReplyResult::Answered { answer, index })
        }
        Applied::Overtaken => None,
        Applied::Expired => {
            host.observe(Event::Probe(Probe::SessionExpired));
            Some(ReplyResult::SessionExpired)
        }
    }
}
