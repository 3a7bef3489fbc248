//! A client: finds the leader, tries again, and never claims to know what it cannot know.
//!
//! One operation at a time. Every attempt carries the same sequence number, so that however many of them reach the log
//! the operation takes effect once. An operation that was ever sent and was not answered in time is *unknown*: a copy
//! of it may still be on its way, even if every server that answered refused it.

use whitewater_raft::{Command, NodeId};

use crate::codec;
use crate::command::{Answer, Operation, Request};
use crate::message::{Address, Message, Reply, ReplyResult};

/// What a client needs from the world.
pub trait ClientHost {
    /// Sends a message. It may get lost.
    fn send(&mut self, to: Address, message: Message);
    /// Arms a timer, replacing its earlier deadline; the host tells [`Client::timer`] when it runs out.
    fn arm(&mut self, timer: ClientTimer, after_ns: u64);
    /// Takes a timer's deadline away.
    fn disarm(&mut self, timer: ClientTimer);
}

/// The timers of a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ClientTimer {
    /// The next attempt is due.
    Attempt,
    /// The operation took too long.
    GiveUp,
}

/// How patient a client is, in nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// How long it waits for a reply before it asks another server.
    pub attempt_ns: u64,
    /// How long it waits after a refusal by a server that knows no leader.
    pub backoff_ns: u64,
    /// How long it tries in all.
    pub give_up_ns: u64,
}

/// What a client learnt of its operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Completion {
    /// It took effect, with this answer.
    Returned(Answer),
    /// It may have taken effect, may yet take effect, or never will.
    Unknown,
}

/// A client of the store.
#[derive(Debug)]
pub struct Client {
    id: u64,
    servers: Vec<Address>,
    patience: Patience,
    /// Where the next attempt goes.
    target: usize,
    /// How many hints were followed since a server was last chosen without one. Two servers that name each other would
    /// otherwise keep a client busy for as long as they do not know better.
    hints: usize,
    sequence: u64,
    current: Option<Command>,
    phase: Phase,
}

/// What the client does about its operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// The target was asked.
    AwaitingReply,
    /// The target will be asked after a pause.
    BackingOff,
}

impl Client {
    /// A client of these servers. Clients with equal numbers share a session: give each its own.
    ///
    /// # Panics
    /// If there are no servers.
    #[must_use]
    pub fn new(id: u64, servers: Vec<Address>, patience: Patience) -> Client {
        assert!(!servers.is_empty(), "a client has servers to ask");
        let target = id as usize % servers.len();
        Client { id, servers, patience, target, hints: 0, sequence: 0, current: None, phase: Phase::AwaitingReply }
    }

    /// Begins an operation.
    ///
    /// # Panics
    /// If the last one is not complete.
    pub fn submit<S: AsRef<str>>(&mut self, operation: Operation<S>, host: &mut impl ClientHost) {
        assert!(self.current.is_none(), "a client has one operation at a time");
        self.sequence += 1;
        self.hints = 0;
        let request = Request { client: self.id, sequence: self.sequence, operation };
        self.current = Some(codec::encode(&request).into());
        host.arm(ClientTimer::GiveUp, self.patience.give_up_ns);
        self.attempt(host);
    }

    /// Whether an operation is under way.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        self.current.is_some()
    }

    /// A reply arrived.
    pub fn reply(&mut self, from: Address, reply: Reply, host: &mut impl ClientHost) -> Option<Completion> {
        if self.current.is_none() || reply.sequence != self.sequence {
            return None;
        }
        match reply.result {
            ReplyResult::Answered(answer) => {
                self.complete(host);
                Some(Completion::Returned(answer))
            }
            ReplyResult::Refused { leader } | ReplyResult::Uncertain { leader } => {
                // A late refusal of an attempt that was given up says nothing of the one under way.
                if self.phase == Phase::AwaitingReply && self.servers[self.target] == from {
                    self.look_elsewhere(from, leader, host);
                }
                None
            }
        }
    }

    /// A timer ran out.
    pub fn timer(&mut self, timer: ClientTimer, host: &mut impl ClientHost) -> Option<Completion> {
        self.current.as_ref()?;
        match timer {
            ClientTimer::Attempt => {
                if self.phase == Phase::AwaitingReply {
                    self.choose_next();
                }
                self.attempt(host);
                None
            }
            ClientTimer::GiveUp => {
                self.choose_next();
                self.complete(host);
                Some(Completion::Unknown)
            }
        }
    }

    /// Sends the operation, and plans to ask the next server if no reply comes.
    fn attempt(&mut self, host: &mut impl ClientHost) {
        let Some(command) = &self.current else { return };
        self.phase = Phase::AwaitingReply;
        host.send(self.servers[self.target], Message::Request(command.clone()));
        host.arm(ClientTimer::Attempt, self.patience.attempt_ns);
    }

    fn look_elsewhere(&mut self, from: Address, leader: Option<NodeId>, host: &mut impl ClientHost) {
        let hinted = leader.map(Address::from).filter(|address| *address != from);
        let position = hinted.and_then(|address| self.servers.iter().position(|server| *server == address));
        match position {
            Some(position) if self.hints < self.servers.len() => {
                self.hints += 1;
                self.target = position;
                self.attempt(host);
            }
            Some(_) | None => {
                self.choose_next();
                self.phase = Phase::BackingOff;
                host.arm(ClientTimer::Attempt, self.patience.backoff_ns);
            }
        }
    }

    fn choose_next(&mut self) {
        self.hints = 0;
        self.target = (self.target + 1) % self.servers.len();
    }

    fn complete(&mut self, host: &mut impl ClientHost) {
        self.current = None;
        host.disarm(ClientTimer::Attempt);
        host.disarm(ClientTimer::GiveUp);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Patience = Patience { attempt_ns: 300, backoff_ns: 20, give_up_ns: 3_000 };

    #[derive(Default)]
    struct Recorder {
        sent: Vec<u32>,
        armed: Vec<(ClientTimer, u64)>,
        disarmed: usize,
    }

    impl ClientHost for Recorder {
        fn send(&mut self, to: Address, message: Message) {
            assert!(matches!(message, Message::Request(_)));
            self.sent.push(to.0);
        }
        fn arm(&mut self, timer: ClientTimer, after_ns: u64) {
            self.armed.push((timer, after_ns));
        }
        fn disarm(&mut self, _: ClientTimer) {
            self.disarmed += 1;
        }
    }

    fn started() -> (Client, Recorder) {
        let mut client = Client::new(3, (0..3).map(Address).collect(), PATIENCE);
        let mut host = Recorder::default();
        client.submit(Operation::Get { key: "k" }, &mut host);
        (client, host)
    }

    fn refused(leader: Option<u32>) -> Reply {
        Reply { sequence: 1, result: ReplyResult::Refused { leader: leader.map(NodeId) } }
    }

    #[test]
    fn a_hint_is_followed_at_once_and_a_refusal_without_one_after_a_pause() {
        let (mut client, mut host) = started();
        assert_eq!(client.reply(Address(0), refused(Some(2)), &mut host), None);
        assert_eq!(host.sent, [0, 2]);
        assert_eq!(client.reply(Address(2), refused(None), &mut host), None);
        assert_eq!((host.sent.len(), host.armed.last()), (2, Some(&(ClientTimer::Attempt, 20))));
        assert_eq!(client.timer(ClientTimer::Attempt, &mut host), None);
        assert_eq!(host.sent, [0, 2, 0]);
    }

    #[test]
    fn a_silent_server_is_given_up_for_the_next() {
        let (mut client, mut host) = started();
        client.timer(ClientTimer::Attempt, &mut host);
        client.timer(ClientTimer::Attempt, &mut host);
        assert_eq!(host.sent, [0, 1, 2]);
    }

    #[test]
    fn servers_that_name_each_other_are_not_asked_in_circles() {
        let (mut client, mut host) = started();
        for _ in 0..10 {
            let asked = *host.sent.last().expect("one was asked");
            client.reply(Address(asked), refused(Some((asked + 1) % 2)), &mut host);
        }
        assert_eq!(host.sent.len(), 4);
    }

    #[test]
    fn an_unanswered_operation_is_unknown_even_if_everyone_refused_it() {
        let (mut client, mut host) = started();
        client.reply(Address(0), refused(None), &mut host);
        assert_eq!(client.timer(ClientTimer::GiveUp, &mut host), Some(Completion::Unknown));
        assert!(!client.is_busy());
        assert_eq!(client.timer(ClientTimer::Attempt, &mut host), None);
    }

    #[test]
    fn replies_to_earlier_operations_are_ignored() {
        let (mut client, mut host) = started();
        let answered = |sequence| Reply { sequence, result: ReplyResult::Answered(Answer::Done) };
        assert_eq!(client.reply(Address(0), answered(0), &mut host), None);
        assert_eq!(client.reply(Address(0), answered(1), &mut host), Some(Completion::Returned(Answer::Done)));
        assert_eq!(client.reply(Address(0), answered(1), &mut host), None);
        assert_eq!(host.disarmed, 2);
    }
}
