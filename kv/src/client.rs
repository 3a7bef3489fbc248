//! A client: finds the leader, tries again, and never claims to know what it cannot know (dissertation 6).
//!
//! Several operations may be under way. Those that go through the log are named by the client's session and a number,
//! and every attempt carries the same name, so that however many of them reach the log the operation takes effect once.
//! The session is opened when the first of them is asked for. If it expires, nobody can say any more what became of the
//! operations under way: they are *unknown*, and the next one opens another session. An operation that was ever sent
//! and was not answered in time is unknown too: a copy of it may still be on its way, even if every server that answered
//! refused it. Reads may also go past the log, and then need no session. What it simplifies: pauses grow after refusals
//! without a random part, so clients that were refused together come back together.

mod numbering;
mod patience;

use whitewater_raft::{Command, Index, NodeId, ReadMode};

use crate::bugs::{self, Bug};
use crate::codec::{self, LimitError, WINDOW_MAX};
use crate::command::{Answer, Operation, Request};
use crate::message::{Address, Message, ReadAt, ReadRequest, Rejection, Reply, ReplyResult, RequestId};

pub use numbering::Numbering;
use patience::{Attempts, Phase};
pub use patience::{Patience, Persistence};

/// What a client needs from the world.
pub trait ClientHost {
    /// Sends a message. It may get lost.
    fn send(&mut self, to: Address, message: Message);
    /// Arms a timer, replacing its earlier deadline; the host tells [`Client::timer`] when it runs out.
    fn arm(&mut self, timer: ClientTimer, after_ns: u64);
    /// Takes a timer's deadline away.
    fn disarm(&mut self, timer: ClientTimer);
}

/// The timers of a client. A place is a number below the client's window.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ClientTimer {
    /// The next attempt at the operation in this place is due.
    Attempt {
        /// The place.
        place: u32,
    },
    /// The operation in this place took too long.
    GiveUp {
        /// The place.
        place: u32,
    },
    /// The next attempt to open a session is due.
    Session,
}

/// Which way an operation goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Via {
    /// Through the log, in the client's session.
    Log,
    /// Past it (dissertation 6.4). For operations that only read.
    Read {
        /// How the leader makes sure that it still leads.
        mode: ReadMode,
        /// Which servers may serve it.
        at: ReadAt,
    },
}

/// The client's own number for an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ticket(pub u64);

/// The name of an operation in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Name {
    /// Its session.
    pub session: u64,
    /// Its number there.
    pub sequence: u64,
}

/// An operation is over for its client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Completed {
    /// Which one.
    pub ticket: Ticket,
    /// Its name in the log; `None` if it was never sent there.
    pub name: Option<Name>,
    /// What the client knows of it.
    pub outcome: Outcome,
}

/// What a client learnt of an operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It took effect.
    Returned {
        /// With this answer.
        answer: Answer,
        /// See [`ReplyResult::Answered`]: for a read past the log, what had been applied when it was served.
        index: Index,
    },
    /// It may have taken effect, may yet take effect, or never will.
    Unknown,
    /// Its session is not known any more: it may have taken effect before, and never will from now on.
    Expired,
    /// It did not take effect and never will.
    Failed,
}

/// Why an operation is not begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SubmitError {
    /// It is larger than the store takes.
    #[error(transparent)]
    Limit(#[from] LimitError),
    /// It should go past the log, but it may write.
    #[error("only an operation that reads can go past the log: send this one through the log")]
    NotARead,
}

/// A client of the store.
#[derive(Debug)]
pub struct Client {
    id: u64,
    servers: Vec<Address>,
    patience: Patience,
    /// The server that is believed to lead: where the next attempt goes.
    target: usize,
    session: Session,
    numbering: Numbering,
    next_sequence: u64,
    next_ticket: u64,
    next_nonce: u64,
    places: Vec<Option<Pending>>,
}

/// The client's session.
#[derive(Debug)]
enum Session {
    None,
    Opening { nonce: u64, attempts: Attempts },
    Open { session: u64 },
}

/// An operation under way.
#[derive(Debug)]
struct Pending {
    ticket: Ticket,
    what: What,
    attempts: Attempts,
}

/// What is sent, and to whom.
#[derive(Debug)]
enum What {
    /// An encoded operation, until there is a session for it.
    Queued { operation: Vec<u8> },
    /// A request for the log.
    Logged { name: Name, request: Command },
    /// A read past the log, for the leader or for the server in this position.
    Read { request: ReadRequest, server: usize },
}

impl Client {
    /// A client of these servers, with at most `window` operations under way. Its number decides whom it asks first, and
    /// tells its requests from others' in a trace.
    ///
    /// # Panics
    /// If there are no servers, or the window is not within 1 and [`WINDOW_MAX`].
    #[must_use]
    pub fn new(id: u64, servers: Vec<Address>, window: usize, patience: Patience) -> Client {
        assert!(!servers.is_empty(), "a client has servers to ask");
        assert!((1..=WINDOW_MAX as usize).contains(&window), "a client has 1 to {WINDOW_MAX} operations under way");
        Client {
            id,
            target: (id % servers.len() as u64) as usize,
            servers,
            patience,
            session: Session::None,
            numbering: Numbering::Consecutive,
            next_sequence: 1,
            next_ticket: 0,
            next_nonce: 0,
            places: (0..window).map(|_| None).collect(),
        }
    }

    /// The same client, whose own numbers begin with this one. Who takes the place of another client needs numbers that
    /// the other one did not use: replies to it may still arrive.
    #[must_use]
    pub fn numbering_from(self, first: Ticket) -> Client {
        Client { next_ticket: first.0, ..self }
    }

    /// The same client, which numbers its operations like this.
    #[must_use]
    pub fn numbered(self, numbering: Numbering) -> Client {
        Client { numbering, ..self }
    }

    /// Begins an operation.
    ///
    /// # Errors
    /// If the operation is too large, or would go past the log although it may write. Then nothing has begun.
    ///
    /// # Panics
    /// If the window is full: ask [`Client::has_room`] first.
    pub fn submit(
        &mut self,
        operation: Operation,
        via: Via,
        persistence: Persistence,
        host: &mut impl ClientHost,
    ) -> Result<Ticket, SubmitError> {
        let free = self.places.iter().position(Option::is_none);
        let place = free.expect("a client has no more operations under way than its window");
        let ticket = Ticket(self.next_ticket);
        let encoded = codec::encode_operation(&operation)?;
        let what = match via {
            Via::Log => What::Queued { operation: encoded },
            Via::Read { .. } if !operation.only_reads() => return Err(SubmitError::NotARead),
            Via::Read { mode, at } => {
                let server = (self.id.wrapping_add(ticket.0) % self.servers.len() as u64) as usize;
                What::Read { request: ReadRequest { number: ticket.0, mode, at, operation }, server }
            }
        };
        self.next_ticket += 1;
        self.places[place] = Some(Pending { ticket, what, attempts: Attempts::NONE });
        if persistence == Persistence::GivesUp {
            host.arm(ClientTimer::GiveUp { place: place as u32 }, self.patience.give_up_ns);
        }
        match via {
            Via::Log => self.send_queued(host),
            Via::Read { .. } => self.attempt(place, host),
        }
        Ok(ticket)
    }

    /// Whether another operation may begin.
    #[must_use]
    pub fn has_room(&self) -> bool {
        self.places.iter().any(Option::is_none)
    }

    /// Whether an operation is under way.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        self.places.iter().any(Option::is_some)
    }

    /// The operations under way, with the names that they have in the log.
    pub fn under_way(&self) -> impl Iterator<Item = (Ticket, Option<Name>)> {
        self.places.iter().flatten().map(|pending| (pending.ticket, pending.what.name()))
    }

    /// A reply arrived. What is over because of it is added to `completed`.
    pub fn reply(&mut self, from: Address, reply: Reply, host: &mut impl ClientHost, completed: &mut Vec<Completed>) {
        let from = self.servers.iter().position(|server| *server == from);
        let place = match reply.to {
            RequestId::OpenSession { nonce } => return self.session_reply(from, nonce, &reply.result, host),
            RequestId::Execute { session, sequence } => {
                self.place_of(|what| what.name() == Some(Name { session, sequence }))
            }
            RequestId::Read { number } => {
                self.place_of(|what| matches!(what, What::Read { request, .. } if request.number == number))
            }
        };
        let Some(place) = place else { return };
        match reply.result {
            ReplyResult::Answered { answer, index } => {
                self.complete(place, Outcome::Returned { answer, index }, host, completed);
                self.send_queued(host);
            }
            ReplyResult::SessionExpired => self.session_expired(host, completed),
            ReplyResult::Refused { leader } | ReplyResult::Uncertain { leader } => {
                self.refused(place, from, leader, host)
            }
            ReplyResult::Rejected(Rejection::Overloaded) => {
                let (patience, attempts) = (self.patience, self.attempts(place));
                if attempts.is_refused_by(from) {
                    let wait_ns = attempts.pauses(&patience);
                    host.arm(ClientTimer::Attempt { place: place as u32 }, wait_ns);
                }
            }
            ReplyResult::Rejected(Rejection::TooLarge | Rejection::NotARead) => {
                // An earlier attempt may have been lost on its way back.
                let is_only = self.attempts(place).count == 1;
                self.complete(place, if is_only { Outcome::Failed } else { Outcome::Unknown }, host, completed);
                self.send_queued(host);
            }
            // No operation is answered like that.
            ReplyResult::Opened { .. } => {}
        }
    }

    /// A timer ran out. What is over because of it is added to `completed`.
    pub fn timer(&mut self, timer: ClientTimer, host: &mut impl ClientHost, completed: &mut Vec<Completed>) {
        match timer {
            ClientTimer::Attempt { place } => {
                let place = place as usize;
                if self.is_taken(place) {
                    self.pass_over(place);
                    self.attempt(place, host);
                }
            }
            ClientTimer::GiveUp { place } => {
                let place = place as usize;
                if self.is_taken(place) {
                    self.pass_over(place);
                    let is_unsent = self.attempts(place).count == 0 || bugs::is_on(Bug::TimeoutIsFailure);
                    let outcome = if is_unsent { Outcome::Failed } else { Outcome::Unknown };
                    self.complete(place, outcome, host, completed);
                    self.send_queued(host);
                }
            }
            ClientTimer::Session => self.session_timer(host),
        }
    }

    fn is_taken(&self, place: usize) -> bool {
        self.places.get(place).is_some_and(Option::is_some)
    }

    fn attempts(&mut self, place: usize) -> &mut Attempts {
        &mut self.pending(place).attempts
    }

    fn pending(&mut self, place: usize) -> &mut Pending {
        self.places[place].as_mut().expect("the place is taken")
    }

    fn place_of(&self, is_wanted: impl Fn(&What) -> bool) -> Option<usize> {
        self.places.iter().position(|pending| pending.as_ref().is_some_and(|pending| is_wanted(&pending.what)))
    }

    /// Sends an operation, and plans to ask the next server if no reply comes.
    fn attempt(&mut self, place: usize, host: &mut impl ClientHost) {
        let target = self.target;
        let pending = self.pending(place);
        let (server, message) = match &pending.what {
            What::Queued { .. } => return,
            What::Logged { request, .. } => (target, Message::Request(request.clone())),
            What::Read { request, server } => match request.at {
                ReadAt::Leader => (target, Message::Read(Box::new(request.clone()))),
                ReadAt::AnyServer => (*server, Message::Read(Box::new(request.clone()))),
            },
        };
        pending.attempts.asks(server);
        host.send(self.servers[server], message);
        let patience_ns = self.patience.attempt_ns;
        let patience_ns = if bugs::is_on(Bug::PatientClient) { patience_ns * 5 / 4 } else { patience_ns };
        host.arm(ClientTimer::Attempt { place: place as u32 }, patience_ns);
    }

    /// A server that was asked did not take the operation.
    fn refused(&mut self, place: usize, from: Option<usize>, leader: Option<NodeId>, host: &mut impl ClientHost) {
        if !self.attempts(place).is_refused_by(from) {
            return;
        }
        let mut attempts = *self.attempts(place);
        let is_own = self.pending(place).what.server().is_some();
        let next = if is_own { None } else { self.follow(&mut attempts, leader) };
        *self.attempts(place) = attempts;
        match next {
            Some(()) => self.attempt(place, host),
            None => {
                self.pass_over(place);
                let patience = self.patience;
                let wait_ns = self.attempts(place).pauses(&patience);
                host.arm(ClientTimer::Attempt { place: place as u32 }, wait_ns);
            }
        }
    }

    /// Moves the target after a refusal; `None` if nobody is known that should be asked at once.
    fn follow(&mut self, attempts: &mut Attempts, leader: Option<NodeId>) -> Option<()> {
        if attempts.hints >= self.servers.len() {
            return None;
        }
        if self.target == attempts.asked {
            let hinted = leader.map(Address::from)?;
            let position = self.servers.iter().position(|server| *server == hinted)?;
            if position == attempts.asked {
                return None;
            }
            self.target = position;
        }
        attempts.hints += 1;
        Some(())
    }

    /// Turns away from the server that was asked, if an answer of it is awaited.
    fn pass_over(&mut self, place: usize) {
        let (count, target) = (self.servers.len(), self.target);
        let pending = self.pending(place);
        if pending.attempts.phase == Phase::Pausing {
            return;
        }
        match pending.what.server_mut() {
            Some(server) => *server = (*server + 1) % count,
            None if pending.attempts.asked == target => self.target = (target + 1) % count,
            None => {}
        }
    }

    fn complete(&mut self, place: usize, outcome: Outcome, host: &mut impl ClientHost, completed: &mut Vec<Completed>) {
        let Pending { ticket, what, .. } = self.places[place].take().expect("the place is taken");
        host.disarm(ClientTimer::Attempt { place: place as u32 });
        host.disarm(ClientTimer::GiveUp { place: place as u32 });
        completed.push(Completed { ticket, name: what.name(), outcome });
    }

    /// Names and sends what waits for a session, in the order in which it was asked for.
    fn send_queued(&mut self, host: &mut impl ClientHost) {
        while let Some(place) = self.first_queued() {
            let session = match &self.session {
                Session::Open { session } => *session,
                Session::Opening { .. } => return,
                Session::None => return self.open_session(host),
            };
            let named = self.places.iter().flatten().filter_map(|pending| pending.what.name());
            let oldest = named.map(|name| name.sequence).min();
            let (sequence, oldest_unanswered) =
                self.numbering.number(self.next_sequence, oldest, place, self.places.len());
            let pending = self.pending(place);
            let What::Queued { operation } = &pending.what else { unreachable!("the place is of a queued operation") };
            // Too far ahead of one that takes long: its answer lets this one go.
            let Ok(request) = codec::encode_execute(session, sequence, oldest_unanswered, operation) else { return };
            pending.what = What::Logged { name: Name { session, sequence }, request };
            self.next_sequence += 1;
            self.attempt(place, host);
        }
    }

    fn first_queued(&self) -> Option<usize> {
        let queued = self.places.iter().enumerate().filter_map(|(place, pending)| match pending {
            Some(Pending { ticket, what: What::Queued { .. }, .. }) => Some((*ticket, place)),
            Some(_) | None => None,
        });
        queued.min().map(|(_, place)| place)
    }

    fn open_session(&mut self, host: &mut impl ClientHost) {
        let nonce = (self.id << 32).wrapping_add(self.next_nonce);
        self.next_nonce += 1;
        self.session = Session::Opening { nonce, attempts: Attempts::NONE };
        self.ask_for_session(host);
    }

    fn ask_for_session(&mut self, host: &mut impl ClientHost) {
        let Session::Opening { nonce, attempts } = &mut self.session else { return };
        let request = codec::encode(&Request::<&str>::OpenSession { nonce: *nonce });
        attempts.asks(self.target);
        host.send(
            self.servers[self.target],
            Message::Request(request.expect("it has no strings that could be too long")),
        );
        host.arm(ClientTimer::Session, self.patience.attempt_ns);
    }

    fn session_reply(&mut self, from: Option<usize>, to: u64, result: &ReplyResult, host: &mut impl ClientHost) {
        let Session::Opening { nonce, mut attempts } = self.session else { return };
        if to != nonce {
            return;
        }
        let leader = match result {
            ReplyResult::Opened { session } => {
                self.session = Session::Open { session: *session };
                self.next_sequence = 1;
                host.disarm(ClientTimer::Session);
                return self.send_queued(host);
            }
            ReplyResult::Answered { .. } | ReplyResult::SessionExpired => return,
            ReplyResult::Refused { leader } | ReplyResult::Uncertain { leader } => *leader,
            ReplyResult::Rejected(_) => None,
        };
        if !attempts.is_refused_by(from) {
            return;
        }
        let wait_ns = match self.follow(&mut attempts, leader) {
            Some(()) => None,
            None => {
                if attempts.asked == self.target {
                    self.target = (self.target + 1) % self.servers.len();
                }
                Some(attempts.pauses(&self.patience))
            }
        };
        self.session = Session::Opening { nonce, attempts };
        match wait_ns {
            Some(wait_ns) => host.arm(ClientTimer::Session, wait_ns),
            None => self.ask_for_session(host),
        }
    }

    fn session_timer(&mut self, host: &mut impl ClientHost) {
        let Session::Opening { attempts, .. } = &self.session else { return };
        if attempts.phase == Phase::AwaitingReply && attempts.asked == self.target {
            self.target = (self.target + 1) % self.servers.len();
        }
        match self.first_queued() {
            Some(_) => self.ask_for_session(host),
            // Everybody who waited for it gave up. Whoever comes next opens another one.
            None => self.session = Session::None,
        }
    }

    /// Nobody can say any more what became of the operations of the session.
    fn session_expired(&mut self, host: &mut impl ClientHost, completed: &mut Vec<Completed>) {
        self.session = Session::None;
        while let Some(place) = self.place_of(|what| what.name().is_some()) {
            self.complete(place, Outcome::Expired, host, completed);
        }
        self.send_queued(host);
    }
}

impl What {
    fn name(&self) -> Option<Name> {
        match self {
            What::Logged { name, .. } => Some(*name),
            What::Queued { .. } | What::Read { .. } => None,
        }
    }

    /// The position of the server that serves it, if that need not be the leader.
    fn server(&self) -> Option<usize> {
        match self {
            What::Read { request: ReadRequest { at: ReadAt::AnyServer, .. }, server } => Some(*server),
            What::Read { .. } | What::Logged { .. } | What::Queued { .. } => None,
        }
    }

    fn server_mut(&mut self) -> Option<&mut usize> {
        match self {
            What::Read { request: ReadRequest { at: ReadAt::AnyServer, .. }, server } => Some(server),
            What::Read { .. } | What::Logged { .. } | What::Queued { .. } => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Patience = Patience { attempt_ns: 300, backoff_ns: 20, backoff_ns_max: 70, give_up_ns: 3_000 };
    const BY_LEASE: Via = Via::Read { mode: ReadMode::Lease, at: ReadAt::Leader };
    const ANYWHERE: Via = Via::Read { mode: ReadMode::Quorum, at: ReadAt::AnyServer };

    #[derive(Default)]
    struct Recorder {
        sent: Vec<(u32, Message)>,
        armed: Vec<(ClientTimer, u64)>,
        disarmed: Vec<ClientTimer>,
    }

    impl ClientHost for Recorder {
        fn send(&mut self, to: Address, message: Message) {
            self.sent.push((to.0, message));
        }
        fn arm(&mut self, timer: ClientTimer, after_ns: u64) {
            self.armed.push((timer, after_ns));
        }
        fn disarm(&mut self, timer: ClientTimer) {
            self.disarmed.push(timer);
        }
    }

    /// A client of three servers, with what it sent and what is over.
    struct Stage {
        client: Client,
        host: Recorder,
        over: Vec<Completed>,
    }

    impl Stage {
        fn new(window: usize) -> Stage {
            let client = Client::new(3, (0..3).map(Address).collect(), window, PATIENCE);
            Stage { client, host: Recorder::default(), over: Vec::new() }
        }

        /// With a session of this number, opened at server 0.
        fn open(window: usize, session: u64) -> Stage {
            let mut stage = Stage::new(window);
            stage.client.session = Session::Open { session };
            stage
        }

        fn submit(&mut self, via: Via) -> Ticket {
            let operation = Operation::Get { key: "k".into() };
            self.client.submit(operation, via, Persistence::GivesUp, &mut self.host).expect("it is small")
        }

        fn reply(&mut self, from: u32, to: RequestId, result: ReplyResult) {
            self.client.reply(Address(from), Reply { to, result }, &mut self.host, &mut self.over);
        }

        fn timer(&mut self, timer: ClientTimer) {
            self.client.timer(timer, &mut self.host, &mut self.over);
        }

        /// What was sent since the last call: to whom, and what.
        fn sent(&mut self) -> Vec<String> {
            self.host.sent.drain(..).map(|(to, message)| format!("{to}: {message}")).collect()
        }

        fn receivers(&mut self) -> Vec<u32> {
            self.host.sent.drain(..).map(|(to, _)| to).collect()
        }

        fn over(&mut self) -> Vec<Completed> {
            std::mem::take(&mut self.over)
        }
    }

    fn logged(session: u64, sequence: u64) -> RequestId {
        RequestId::Execute { session, sequence }
    }

    fn answered(index: u64) -> ReplyResult {
        ReplyResult::Answered { answer: Answer::Done, index: Index(index) }
    }

    fn returned(ticket: Ticket, name: Option<(u64, u64)>, index: u64) -> Completed {
        let name = name.map(|(session, sequence)| Name { session, sequence });
        Completed { ticket, name, outcome: Outcome::Returned { answer: Answer::Done, index: Index(index) } }
    }

    fn refused(leader: Option<u32>) -> ReplyResult {
        ReplyResult::Refused { leader: leader.map(NodeId) }
    }

    const FIRST: ClientTimer = ClientTimer::Attempt { place: 0 };

    #[test]
    fn a_session_is_opened_first_and_then_everything_that_waits_is_sent_in_order() {
        let mut stage = Stage::new(2);
        let (one, two) = (stage.submit(Via::Log), stage.submit(Via::Log));
        assert!(!stage.client.has_room());
        let nonce = 3 << 32;
        assert_eq!(stage.sent(), [format!("0: Request open session (nonce {nonce})")]);
        stage.reply(0, RequestId::OpenSession { nonce }, refused(Some(2)));
        assert_eq!(stage.sent(), [format!("2: Request open session (nonce {nonce})")]);
        stage.reply(2, RequestId::OpenSession { nonce: nonce + 1 }, ReplyResult::Opened { session: 8 });
        stage.reply(2, RequestId::OpenSession { nonce }, refused(None));
        assert_eq!(stage.host.armed.last(), Some(&(ClientTimer::Session, 20)));
        stage.timer(ClientTimer::Session);
        assert_eq!(stage.receivers(), [0]);
        stage.timer(ClientTimer::Session);
        assert_eq!(stage.receivers(), [1], "no answer: the next one is asked");
        stage.reply(1, RequestId::OpenSession { nonce }, ReplyResult::Opened { session: 9 });
        stage.reply(1, RequestId::OpenSession { nonce }, ReplyResult::Opened { session: 10 });
        assert_eq!(stage.sent(), [r#"1: Request s9#1 get("k")"#, r#"1: Request s9#2 get("k")"#]);
        stage.reply(1, logged(9, 2), answered(12));
        stage.reply(1, logged(9, 2), answered(12));
        stage.reply(1, logged(9, 1), answered(11));
        assert_eq!(stage.over(), [returned(two, Some((9, 2)), 12), returned(one, Some((9, 1)), 11)]);
        assert!(!stage.client.is_busy());
    }

    #[test]
    fn a_request_says_what_is_still_unanswered_and_none_runs_too_far_ahead() {
        let mut stage = Stage::open(2, 5);
        let oldest = |stage: &mut Stage| match stage.host.sent.pop() {
            Some((_, Message::Request(bytes))) => match codec::decode(&bytes) {
                Ok(Request::Execute { sequence, oldest_unanswered, .. }) => (sequence, oldest_unanswered),
                other => panic!("{other:?} is no operation"),
            },
            other => panic!("{other:?} is no request"),
        };
        stage.submit(Via::Log);
        assert_eq!(oldest(&mut stage), (1, 1));
        for sequence in 2..=WINDOW_MAX {
            stage.submit(Via::Log);
            assert_eq!(oldest(&mut stage), (sequence, 1));
            stage.reply(0, logged(5, sequence), answered(1));
        }
        stage.submit(Via::Log);
        assert!(stage.host.sent.is_empty(), "the first one is too old");
        stage.reply(0, logged(5, 1), answered(1));
        assert_eq!(oldest(&mut stage), (WINDOW_MAX + 1, WINDOW_MAX + 1));
    }

    #[test]
    fn numbers_by_place_rise_in_each_and_none_waits_for_another() {
        let mut stage = Stage::open(2, 5);
        stage.client = stage.client.numbered(Numbering::ByPlace);
        let number = |stage: &mut Stage| {
            let names = stage.client.under_way().filter_map(|(_, name)| name);
            names.map(|name| name.sequence).max().expect("something is under way")
        };
        stage.submit(Via::Log);
        assert_eq!(Numbering::place(number(&mut stage), 2), (0, 1));
        for turn in 2..WINDOW_MAX * 2 {
            stage.submit(Via::Log);
            let sequence = number(&mut stage);
            assert_eq!(Numbering::place(sequence, 2), (1, turn), "the first place is taken all the while");
            stage.reply(0, logged(5, sequence), answered(1));
        }
        stage.reply(0, logged(5, 2), answered(1));
        stage.submit(Via::Log);
        assert_eq!(Numbering::place(number(&mut stage), 2), (0, WINDOW_MAX * 2));
    }

    #[test]
    fn a_hint_is_followed_at_once_and_a_refusal_without_one_after_a_pause_that_grows() {
        let mut stage = Stage::open(1, 5);
        stage.submit(Via::Log);
        stage.reply(0, logged(5, 1), refused(Some(2)));
        assert_eq!(stage.receivers(), [0, 2]);
        let mut asked = 2;
        for pause_ns in [20, 40, 70, 70] {
            stage.reply((asked + 1) % 3, logged(5, 1), refused(None));
            assert_ne!(stage.host.armed.last(), Some(&(FIRST, pause_ns)), "that one was not asked");
            stage.reply(asked, logged(5, 1), refused(None));
            assert_eq!((stage.receivers().len(), stage.host.armed.last()), (0, Some(&(FIRST, pause_ns))));
            stage.timer(FIRST);
            asked = (asked + 1) % 3;
            assert_eq!(stage.receivers(), [asked]);
        }
    }

    #[test]
    fn an_overloaded_leader_is_asked_again_after_a_pause() {
        let mut stage = Stage::open(1, 5);
        stage.submit(Via::Log);
        stage.reply(0, logged(5, 1), ReplyResult::Rejected(Rejection::Overloaded));
        assert_eq!(stage.host.armed.last(), Some(&(FIRST, 20)));
        stage.timer(FIRST);
        assert_eq!(stage.receivers(), [0, 0]);
    }

    #[test]
    fn a_silent_server_is_given_up_for_the_next_by_all_operations_at_once() {
        let mut stage = Stage::open(2, 5);
        stage.submit(Via::Log);
        stage.submit(Via::Log);
        stage.timer(FIRST);
        stage.timer(ClientTimer::Attempt { place: 1 });
        assert_eq!(stage.receivers(), [0, 0, 1, 1]);
    }

    #[test]
    fn servers_that_name_each_other_are_not_asked_in_circles() {
        let mut stage = Stage::open(1, 5);
        stage.submit(Via::Log);
        for _ in 0..10 {
            let asked = stage.host.sent.last().expect("one was asked").0;
            stage.reply(asked, logged(5, 1), refused(Some((asked + 1) % 2)));
        }
        assert_eq!(stage.receivers().len(), 4);
    }

    #[test]
    fn an_unanswered_operation_is_unknown_even_if_everyone_refused_it() {
        let mut stage = Stage::open(1, 5);
        let ticket = stage.submit(Via::Log);
        assert_eq!(stage.client.under_way().collect::<Vec<_>>(), [(ticket, Some(Name { session: 5, sequence: 1 }))]);
        stage.reply(0, logged(5, 1), refused(None));
        stage.timer(ClientTimer::GiveUp { place: 0 });
        let name = Some(Name { session: 5, sequence: 1 });
        assert_eq!(stage.over(), [Completed { ticket, name, outcome: Outcome::Unknown }]);
        assert!(!stage.client.is_busy());
        assert_eq!(stage.host.disarmed, [FIRST, ClientTimer::GiveUp { place: 0 }]);
        stage.timer(FIRST);
        stage.timer(ClientTimer::GiveUp { place: 7 });
        assert!(stage.over().is_empty());
    }

    #[test]
    fn a_client_that_persists_never_gives_up() {
        let give_up = ClientTimer::GiveUp { place: 0 };
        let armed = |persistence| {
            let mut stage = Stage::open(1, 5);
            let operation = Operation::Get { key: "k".into() };
            stage.client.submit(operation, Via::Log, persistence, &mut stage.host).expect("it is small");
            stage.host.armed.iter().any(|(timer, _)| *timer == give_up)
        };
        assert!(armed(Persistence::GivesUp) && !armed(Persistence::Persists));
    }

    #[test]
    fn an_operation_that_was_never_sent_certainly_failed() {
        let mut stage = Stage::new(1);
        let ticket = stage.submit(Via::Log);
        stage.timer(ClientTimer::GiveUp { place: 0 });
        assert_eq!(stage.over(), [Completed { ticket, name: None, outcome: Outcome::Failed }]);
        stage.timer(ClientTimer::Session);
        assert_eq!(stage.receivers(), [0], "nobody waits for the session any more");
        stage.submit(Via::Log);
        assert_eq!(stage.sent().len(), 1, "it opens another one");
    }

    #[test]
    fn what_the_log_cannot_take_failed_unless_an_earlier_attempt_may_have_been_taken() {
        let mut stage = Stage::open(2, 5);
        stage.submit(Via::Log);
        stage.submit(Via::Log);
        stage.timer(ClientTimer::Attempt { place: 1 });
        for sequence in [1, 2] {
            stage.reply(0, logged(5, sequence), ReplyResult::Rejected(Rejection::TooLarge));
        }
        let outcomes: Vec<_> = stage.over().into_iter().map(|completed| completed.outcome).collect();
        assert_eq!(outcomes, [Outcome::Failed, Outcome::Unknown]);
    }

    #[test]
    fn when_the_session_expires_so_does_what_is_under_way_and_another_one_is_opened() {
        let mut stage = Stage::open(3, 5);
        let tickets = [stage.submit(Via::Log), stage.submit(BY_LEASE), stage.submit(Via::Log)];
        stage.sent();
        stage.reply(0, logged(5, 2), ReplyResult::SessionExpired);
        let unknown = |place: usize, sequence| Completed {
            ticket: tickets[place],
            name: Some(Name { session: 5, sequence }),
            outcome: Outcome::Expired,
        };
        assert_eq!(stage.over(), [unknown(0, 1), unknown(2, 2)]);
        assert!(stage.client.is_busy(), "the read needs no session");
        stage.submit(Via::Log);
        let nonce = 3 << 32;
        assert_eq!(stage.sent(), [format!("0: Request open session (nonce {nonce})")]);
        stage.reply(0, RequestId::OpenSession { nonce }, ReplyResult::Opened { session: 77 });
        assert_eq!(stage.sent(), [r#"0: Request s77#1 get("k")"#]);
    }

    #[test]
    fn a_read_past_the_log_needs_no_session_and_may_go_to_any_server() {
        let mut stage = Stage::new(3);
        let tickets = [stage.submit(BY_LEASE), stage.submit(ANYWHERE), stage.submit(ANYWHERE)];
        let sent = [
            r#"0: Read r0 get("k") by lease, at the leader"#,
            r#"1: Read r1 get("k") by quorum, at any server"#,
            r#"2: Read r2 get("k") by quorum, at any server"#,
        ];
        assert_eq!(stage.sent(), sent);
        let read = |number| RequestId::Read { number };
        stage.reply(0, read(0), refused(Some(1)));
        stage.reply(2, read(2), refused(Some(1)));
        stage.timer(ClientTimer::Attempt { place: 1 });
        stage.timer(ClientTimer::Attempt { place: 2 });
        assert_eq!(stage.receivers(), [1, 2, 0], "the leader is of no interest to the others");
        for number in [1, 0] {
            stage.reply(2, read(number), answered(40 + number));
        }
        assert_eq!(stage.over(), [returned(tickets[1], None, 41), returned(tickets[0], None, 40)]);
    }

    #[test]
    fn what_cannot_be_done_is_not_begun() {
        let mut stage = Stage::new(1);
        let put = Operation::Put { key: "k".into(), value: "v".into() };
        assert_eq!(
            stage.client.submit(put, BY_LEASE, Persistence::GivesUp, &mut stage.host),
            Err(SubmitError::NotARead)
        );
        let long = Operation::Get { key: "k".repeat(5_000).into() };
        let error = stage.client.submit(long, Via::Log, Persistence::GivesUp, &mut stage.host);
        assert_eq!(error, Err(SubmitError::Limit(LimitError::Key { len: 5_000 })));
        assert!(!stage.client.is_busy() && stage.host.sent.is_empty() && stage.host.armed.is_empty());
    }
}
