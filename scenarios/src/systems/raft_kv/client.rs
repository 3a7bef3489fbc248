//! A client as a node: works through its script, and remembers what its operations are called in the log.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use whitewater_kv::client::{ClientHost, ClientTimer, Completed, Name, Outcome, Ticket, Via};
use whitewater_kv::message::ReadAt;
use whitewater_kv::{Address, Answer, Client, Message, Operation};
use whitewater_raft::ReadMode;
use whitewater_sim::history::OperationId;
use whitewater_sim::{Context, Keep, NodeId, Process, TimerId};

use super::{FIRST_PLACE, NEXT_OPERATION, SESSION};
use crate::generate::{Path, Script};
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
    next: usize,
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
    named: BTreeMap<Name, OperationId>,
    served: Vec<(u64, OperationId)>,
    expired: BTreeSet<OperationId>,
}

impl ClientNode {
    /// Makes the clients of a run, by their numbers from 0, and how often they crashed before; nothing for numbers beyond
    /// theirs.
    pub fn of(stage: &Stage<'_>) -> impl Fn(u32, u32) -> Option<ClientNode> + 'static {
        let (scripts, keep) = (stage.plan.scripts.clone(), stage.keep);
        let servers: Vec<Address> = (0..stage.plan.machines()).map(Address).collect();
        let (window, patience) = (stage.scenario.workload.in_flight as usize, stage.scenario.timing.patience);
        let legacies: Vec<Rc<RefCell<Legacy>>> = scripts.iter().map(|_| Rc::default()).collect();
        move |number, crashes| {
            let script = scripts.get(number as usize)?.clone();
            let (number, crashes) = (u64::from(number), u64::from(crashes));
            let id = number + crashes * scripts.len() as u64;
            let client = Client::new(id, servers.clone(), window, patience).numbering_from(Ticket(crashes << 32));
            let legacy = Rc::clone(&legacies[number as usize]);
            let Legacy { next, named, served, expired } = legacy.take();
            Some(ClientNode { next, named, served, expired, legacy, ..ClientNode::new(client, script, keep) })
        }
    }

    /// A client with its script; `keep` says whether it remembers what its operations are called in the log.
    #[must_use]
    pub fn new(client: Client, script: Script, keep: Keep) -> ClientNode {
        ClientNode {
            client,
            script,
            keep,
            next: 0,
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
        self.client.is_busy() || self.script.begin_of(self.next).is_some()
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
            self.client.reply(Address(from.0), reply, &mut Hands(context), &mut self.completed);
            self.complete(context);
        }
    }

    /// A timer ran out.
    pub fn timer<P: Speaks>(&mut self, timer: TimerId, context: &mut Context<'_, P>) {
        match client_timer(timer) {
            Some(timer) => {
                self.client.timer(timer, &mut Hands(context), &mut self.completed);
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
            && let Some(begin) = self.script.begin_of(self.next)
        {
            if begin > context.now() {
                context.arm(NEXT_OPERATION, begin.since_ns(context.now()));
                return;
            }
            let planned = self.script.at(self.next).expect("the script is not over");
            self.next += 1;
            if planned.not_after < context.now() {
                continue;
            }
            let id = context.invoke(planned.operation.clone());
            match self.client.submit(planned.operation, via(planned.path), &mut Hands(context)) {
                Ok(ticket) => drop(self.open.insert(ticket, id)),
                Err(error) => {
                    context.note(format_args!("is not sent: {error}"));
                    context.failed(id);
                }
            }
        }
    }
}

fn via(path: Path) -> Via {
    match path {
        Path::Log => Via::Log,
        Path::Quorum => Via::Read { mode: ReadMode::Quorum, at: ReadAt::Leader },
        Path::Lease => Via::Read { mode: ReadMode::Lease, at: ReadAt::Leader },
        Path::AnyServer => Via::Read { mode: ReadMode::Quorum, at: ReadAt::AnyServer },
    }
}

struct Hands<'a, 'b, P: Process>(&'a mut Context<'b, P>);

impl<P: Speaks> ClientHost for Hands<'_, '_, P> {
    fn send(&mut self, to: Address, message: Message) {
        self.0.send(NodeId(to.0), message.into());
    }

    fn arm(&mut self, timer: ClientTimer, after_ns: u64) {
        self.0.arm(timer_id(timer), after_ns);
    }

    fn disarm(&mut self, timer: ClientTimer) {
        self.0.disarm(timer_id(timer));
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
