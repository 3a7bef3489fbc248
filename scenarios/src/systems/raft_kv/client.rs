//! A client as a node: works through its script, and remembers what its operations are called in the log.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::rc::Rc;

use whitewater_kv::client::{ClientHost, ClientTimer, Completed, Name, Numbering, Outcome, Persistence, Ticket, Via};
use whitewater_kv::message::ReadAt;
use whitewater_kv::{Address, Answer, Client, Message, Operation};
use whitewater_raft::ReadMode;
use whitewater_raft::config::PreVote;
use whitewater_sim::history::OperationId;
use whitewater_sim::rng::Ppm;
use whitewater_sim::{Context, Instant, Keep, NodeId, Process, TimerId};

use super::{FIRST_PLACE, NEXT_OPERATION, SESSION};
use crate::generate::{Path, Planned, Script};
use crate::probes::Declared;
use crate::system::Stage;

/// A process among whose messages are those of the store.
pub trait Speaks: Process<Operation = Operation, Answer = Answer, Message: From<Message>> {}

impl<P: Process<Operation = Operation, Answer = Answer, Message: From<Message>>> Speaks for P {}

/// A client and its script.
pub struct ClientNode {
    client: Client,
    script: Script,
    /// Whether what its operations were called is kept.
    keep: Keep,
    /// The number of the next operation that has a time.
    next: usize,
    /// The number of the next operation that follows an answer.
    next_thought: usize,
    /// Since when each of its free places has been free, longest first. Kept if operations follow answers.
    rested: VecDeque<Instant>,
    /// How long it asks for what must be answered.
    fresh: Persistence,
    repeats: Repeats,
    /// The operations under way.
    open: BTreeMap<Ticket, OperationId>,
    /// What operations that are over were called in the log.
    named: BTreeMap<Name, OperationId>,
    /// Reads past the log, with the last index that their answer reflects.
    served: Vec<(u64, OperationId)>,
    /// Operations that the store did not know any more: that is an answer, too.
    expired: BTreeSet<OperationId>,
    completed: Vec<Completed>,
    legacy: Rc<RefCell<Legacy>>,
}

/// What a client leaves behind when it crashes. Who takes its place goes on with its script from there, and knows nothing else
/// of it; the rest is for the check of the history.
#[derive(Debug, Default)]
struct Legacy {
    next: usize,
    next_thought: usize,
    named: BTreeMap<Name, OperationId>,
    served: Vec<(u64, OperationId)>,
    expired: BTreeSet<OperationId>,
}

/// How often a client sends by itself what it sends to a server to another one, too.
#[derive(Clone, Copy, Debug, Default)]
struct Repeats {
    chance: Ppm,
    servers: u32,
}

impl ClientNode {
    /// Makes the clients of a run, by their numbers from 0, and how often they crashed before; nothing for numbers beyond
    /// theirs.
    pub fn of(stage: &Stage<'_>, numbering: Numbering) -> impl Fn(u32, u32) -> Option<ClientNode> + 'static {
        let (scripts, keep) = (stage.plan.scripts.clone(), stage.keep);
        let servers: Vec<Address> = (0..stage.plan.machines()).map(Address).collect();
        let (window, patience) = (stage.scenario.workload.in_flight as usize, stage.scenario.timing.patience);
        let fresh = persistence(stage.scenario.protocol.pre_vote);
        let repeats = Repeats { chance: stage.scenario.workload.duplicate_ppm, servers: stage.plan.machines() };
        let legacies: Vec<Rc<RefCell<Legacy>>> = scripts.iter().map(|_| Rc::default()).collect();
        move |number, crashes| {
            let script = scripts.get(number as usize)?.clone();
            let legacy = Rc::clone(&legacies[number as usize]);
            let (number, crashes) = (u64::from(number), u64::from(crashes));
            let id = number + crashes * scripts.len() as u64;
            let client = Client::new(id, servers.clone(), window, patience).numbered(numbering);
            let client = client.numbering_from(Ticket(crashes << 32));
            let rested =
                if script.thought(0).is_some() { vec![Instant::START; window].into() } else { VecDeque::new() };
            let Legacy { next, next_thought, named, served, expired } = legacy.take();
            let node = ClientNode::new(client, script, keep);
            Some(ClientNode { fresh, repeats, rested, next, next_thought, named, served, expired, legacy, ..node })
        }
    }

    /// A client with its script, of operations that have their times; `keep` says whether it remembers what its operations are called in the log.
    #[must_use]
    pub fn new(client: Client, script: Script, keep: Keep) -> ClientNode {
        ClientNode {
            client,
            script,
            keep,
            next: 0,
            next_thought: 0,
            rested: VecDeque::new(),
            fresh: Persistence::GivesUp,
            repeats: Repeats::default(),
            open: BTreeMap::new(),
            named: BTreeMap::new(),
            served: Vec::new(),
            expired: BTreeSet::new(),
            completed: Vec::new(),
            legacy: Rc::default(),
        }
    }

    /// Whether it has something left to do.
    #[must_use]
    pub fn has_work(&self) -> bool {
        self.client.is_busy()
            || self.script.begin_of(self.next).is_some()
            || self.script.thought(self.next_thought).is_some()
    }

    /// What its operations are called in the log, as far as they were sent there.
    pub(super) fn names(&self) -> impl Iterator<Item = (Name, OperationId)> {
        let under_way = self.client.under_way().filter_map(|(ticket, name)| Some((name?, *self.open.get(&ticket)?)));
        self.named.iter().map(|(name, id)| (*name, *id)).chain(under_way)
    }

    /// Its reads past the log that returned, with the last index that each answer reflects.
    pub(super) fn served(&self) -> &[(u64, OperationId)] {
        &self.served
    }

    /// Whether the client of an operation was told that its session had expired.
    #[must_use]
    pub fn has_expired(&self, id: OperationId) -> bool {
        self.expired.contains(&id)
    }

    /// A message arrived.
    pub fn message<P: Speaks>(&mut self, from: NodeId, message: Message, context: &mut Context<'_, P>) {
        if let Message::Reply(reply) = message {
            let mut hands = Hands { context, repeats: self.repeats };
            self.client.reply(Address(from.0), reply, &mut hands, &mut self.completed);
            self.complete(context);
        }
    }

    /// A timer ran out.
    pub fn timer<P: Speaks>(&mut self, timer: TimerId, context: &mut Context<'_, P>) {
        match client_timer(timer) {
            Some(timer) => {
                let mut hands = Hands { context, repeats: self.repeats };
                self.client.timer(timer, &mut hands, &mut self.completed);
                self.complete(context);
            }
            None => self.go_on(context),
        }
    }

    /// It crashes: nobody will hear of what it has under way. That may take effect all the same.
    pub fn crashing<P: Speaks>(&mut self, context: &mut Context<'_, P>) {
        if self.keep == Keep::Everything {
            let names: Vec<_> = self.names().collect();
            self.named.extend(names);
        }
        for id in std::mem::take(&mut self.open).into_values() {
            context.unknown(id);
        }
        *self.legacy.borrow_mut() = Legacy {
            next: self.next,
            next_thought: self.next_thought,
            named: std::mem::take(&mut self.named),
            served: std::mem::take(&mut self.served),
            expired: std::mem::take(&mut self.expired),
        };
    }

    fn complete<P: Speaks>(&mut self, context: &mut Context<'_, P>) {
        if self.completed.is_empty() {
            return;
        }
        for Completed { ticket, name, outcome } in std::mem::take(&mut self.completed) {
            let id = self.open.remove(&ticket).expect("only an operation that was begun completes");
            self.remember(id, name, &outcome);
            self.rests(context.now());
            match outcome {
                Outcome::Returned { answer, .. } => context.returned(id, answer),
                Outcome::Expired => context.unknown(id),
                Outcome::Unknown => {
                    context.hit(Declared::Store(whitewater_kv::Probe::OutcomeUnknown).id());
                    context.unknown(id);
                }
                Outcome::Failed => context.failed(id),
            }
        }
        self.go_on(context);
    }

    fn remember(&mut self, id: OperationId, name: Option<Name>, outcome: &Outcome) {
        if self.keep == Keep::Nothing {
            return;
        }
        match (name, outcome) {
            (None, Outcome::Returned { index, .. }) => self.served.push((index.0, id)),
            (_, Outcome::Expired) => drop(self.expired.insert(id)),
            (_, Outcome::Returned { .. } | Outcome::Unknown | Outcome::Failed) => {}
        }
        self.named.extend(name.map(|name| (name, id)));
    }

    /// Begins the next operations of the script, now or when they are due.
    pub fn go_on<P: Speaks>(&mut self, context: &mut Context<'_, P>) {
        while self.client.has_room()
            && let Some((begin, due)) = self.next()
        {
            if begin > context.now() {
                context.arm(NEXT_OPERATION, begin.since_ns(context.now()));
                return;
            }
            let planned = self.take(due);
            if planned.not_after < context.now() {
                continue;
            }
            self.rested.pop_front();
            let id = context.invoke(planned.operation.clone());
            let mut hands = Hands { context, repeats: self.repeats };
            let persistence = if planned.is_fresh() { self.fresh } else { Persistence::GivesUp };
            match self.client.submit(planned.operation, via(planned.path), persistence, &mut hands) {
                Ok(ticket) => drop(self.open.insert(ticket, id)),
                Err(error) => {
                    self.rests(context.now());
                    context.note(format_args!("is not sent: {error}"));
                    context.failed(id);
                }
            }
        }
    }

    /// The next operation, and when it begins at the earliest.
    fn next(&mut self) -> Option<(Instant, Due)> {
        let planned = self.script.begin_of(self.next).map(|begin| (begin, Due::ByTime));
        match self.begin_of_thought().map(|begin| (begin, Due::ByAnswer)) {
            Some(thought) => Some(planned.filter(|(begin, _)| *begin <= thought.0).unwrap_or(thought)),
            None => planned,
        }
    }

    /// When the next operation that follows an answer begins, at the earliest. If one comes too late, none comes after it.
    fn begin_of_thought(&mut self) -> Option<Instant> {
        let rested = *self.rested.front()?;
        let thought = self.script.thought(self.next_thought)?;
        let begin = rested.after(thought.pause_ns);
        if begin > thought.planned.not_after {
            self.next_thought = usize::MAX;
            return None;
        }
        Some(begin)
    }

    fn take(&mut self, due: Due) -> Planned {
        match due {
            Due::ByTime => {
                self.next += 1;
                self.script.at(self.next - 1).expect("the script is not over")
            }
            Due::ByAnswer => {
                self.next_thought += 1;
                self.script.thought(self.next_thought - 1).expect("the script is not over").planned.clone()
            }
        }
    }

    /// A place is free from now on.
    fn rests(&mut self, now: Instant) {
        if self.script.thought(0).is_some() {
            self.rested.push_back(now);
        }
    }
}

/// How long clients ask for what must be answered, once every fault is healed. Where servers ask before they stand for election,
/// one of them leads within a few timeouts, and a client that gives up has waited for too long. Without pre-votes a
/// candidate that cannot win can outrun the one that can for seconds, by standing in the next term each time before that one
/// has stood again (dissertation 9.6); then it is too late only when the time to settle is over.
fn persistence(pre_vote: PreVote) -> Persistence {
    match pre_vote {
        PreVote::On => Persistence::GivesUp,
        PreVote::Off => Persistence::Persists,
    }
}

/// Why an operation is begun.
#[derive(Clone, Copy)]
enum Due {
    /// Its time has come.
    ByTime,
    /// Another one was answered.
    ByAnswer,
}

fn via(path: Path) -> Via {
    match path {
        Path::Log => Via::Log,
        Path::Quorum => Via::Read { mode: ReadMode::Quorum, at: ReadAt::Leader },
        Path::Lease => Via::Read { mode: ReadMode::Lease, at: ReadAt::Leader },
        Path::AnyServer => Via::Read { mode: ReadMode::Quorum, at: ReadAt::AnyServer },
    }
}

struct Hands<'a, 'b, P: Process> {
    context: &'a mut Context<'b, P>,
    repeats: Repeats,
}

impl<P: Speaks> ClientHost for Hands<'_, '_, P> {
    fn send(&mut self, to: Address, message: Message) {
        let Repeats { chance, servers } = self.repeats;
        if chance > 0 && self.context.random().chance(chance) {
            let others = u64::from(servers.saturating_sub(1).max(1));
            let further = 1 + self.context.random().below(others) as u32;
            self.context.send(NodeId((to.0 + further) % servers), message.clone().into());
        }
        self.context.send(NodeId(to.0), message.into());
    }

    fn arm(&mut self, timer: ClientTimer, after_ns: u64) {
        self.context.arm(timer_id(timer), after_ns);
    }

    fn disarm(&mut self, timer: ClientTimer) {
        self.context.disarm(timer_id(timer));
    }
}

/// Two timers for each place.
fn timer_id(timer: ClientTimer) -> TimerId {
    let place = |place: u32| u8::try_from(place * 2).expect("a scenario's clients have few operations under way");
    match timer {
        ClientTimer::Session => SESSION,
        ClientTimer::Attempt { place: at } => TimerId(FIRST_PLACE + place(at)),
        ClientTimer::GiveUp { place: at } => TimerId(FIRST_PLACE + place(at) + 1),
    }
}

pub(super) fn client_timer(TimerId(timer): TimerId) -> Option<ClientTimer> {
    if TimerId(timer) == SESSION {
        return Some(ClientTimer::Session);
    }
    let offset = timer.checked_sub(FIRST_PLACE)?;
    let place = u32::from(offset / 2);
    Some(if offset % 2 == 0 { ClientTimer::Attempt { place } } else { ClientTimer::GiveUp { place } })
}
