//! The seat of a node in the simulator: what it is told, and what becomes of what it does.
//!
//! A turn is an event and the actions after it. Messages that leave at once do so first, then the saves of the turn are written
//! together, and what waits for them is kept until they are durable: messages, and the report of a vote, which binds a node
//! only once it cannot forget it.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::fmt;
use std::rc::Rc;
use std::sync::Arc;

use serde_json::value::RawValue;
use whitewater_kv::Message;
use whitewater_sim::disk::SyncId;
use whitewater_sim::{Check, NodeId, TimerId};

use super::brain::{Brain, Trouble, limits};
use super::protocol::{self, Action, Event, EventBody, FromSimulator, Settings, ToSimulator, When};
use super::reports::{Ledger, Reports};
use super::requests::{Asked, Clients, Requests};
use super::saves::{Changes, Saves};
use super::words::{bounded, traced};
use super::{Context, Letter, Maker};
use crate::host::Stopwatch;
use crate::scenario::Scenario;
use crate::systems::hosted::{FIRST_TIMER, Server, Wire};

/// How long a run may take on the wall clock.
const RUN_NS_MAX: u64 = 120_000_000_000;

/// The longest span of a timer, in microseconds: a day.
const AFTER_US_MAX: u64 = 86_400_000_000;

/// How many timers a node may have.
const TIMERS_MAX: usize = (u8::MAX - FIRST_TIMER) as usize;

/// How many bytes a message counts beside its body.
const ENVELOPE_BYTES: usize = 64;

/// What the nodes of a run have in common.
pub(super) struct Table {
    maker: Maker,
    names: Arc<[Arc<str>]>,
    simulator: Arc<str>,
    clients: Clients,
    settings: Settings,
    /// How many bytes a file of saves may have beside those of what is saved.
    slack_bytes: usize,
    stopwatch: Stopwatch,
    spent: RefCell<Spent>,
    ledger: RefCell<Ledger>,
    /// Whether a node was in trouble: the run is about to end, and no other node is to be started and waited for.
    is_over: Cell<bool>,
}

/// What a run has taken so far.
#[derive(Debug, Default)]
struct Spent {
    turns: u64,
    bytes: usize,
}

impl Table {
    /// A table for so many nodes and the clients of a scenario.
    pub(super) fn new(maker: Maker, nodes: u32, scenario: &Scenario) -> Table {
        Table {
            maker,
            names: (0..nodes).map(|number| format!("n{number}").into()).collect(),
            simulator: protocol::SIMULATOR.into(),
            clients: Clients { count: scenario.clients, window: scenario.workload.in_flight },
            settings: Settings::of(scenario),
            slack_bytes: usize::try_from(scenario.segment_bytes).unwrap_or(usize::MAX),
            stopwatch: Stopwatch::start(),
            spent: RefCell::default(),
            ledger: RefCell::default(),
            is_over: Cell::new(false),
        }
    }

    fn node(&self, name: &str) -> Option<NodeId> {
        (0..).map(NodeId).zip(self.names.iter()).find(|(_, other)| &***other == name).map(|(node, _)| node)
    }
}

/// A node's seat, for one life.
pub struct Seat {
    table: Rc<Table>,
    /// What runs, from boot on, unless it is in trouble.
    life: Option<Life>,
    in_trouble: bool,
}

/// What belongs to one life.
struct Life {
    brain: Box<dyn Brain>,
    saves: Saves,
    reports: Reports,
    requests: Requests,
    /// The names of timers; the place of a name is the number of the timer.
    timers: Vec<Arc<str>>,
    waiting: VecDeque<(u64, Waiting)>,
    /// How many events there were.
    turns: u64,
}

/// What waits until a save is durable.
enum Waiting {
    Send { dest: String, body: Arc<RawValue> },
    Vote { term: u64, candidate: NodeId },
}

impl Seat {
    /// A seat at a table. Nobody sits there before it boots.
    pub(super) fn new(table: Rc<Table>) -> Seat {
        Seat { table, life: None, in_trouble: false }
    }

    /// Tells the node of an event, and does what it does.
    fn turn(&mut self, src: Arc<str>, body: EventBody, context: &mut Context<'_, '_>) {
        let Some(life) = self.life.as_mut().filter(|_| !self.in_trouble) else { return };
        let (table, node) = (&self.table, context.node());
        let dest = Arc::clone(&table.names[node.index()]);
        life.turns += 1;
        let event = Event { src, dest, body, now_us: context.local_time_ns() / 1_000, turn: life.turns };
        let mut actions = Vec::new();
        let done = table
            .begin_turn()
            .and_then(|()| life.brain.turn(&event, &mut actions))
            .and_then(|()| table.count(&actions))
            .and_then(|()| life.act(actions, table, context).map_err(Trouble::Misconduct));
        if let Err(trouble) = done {
            self.in_trouble = true;
            table.is_over.set(true);
            // The reason stands first: what a node was told can be long, and not everybody shows all of it.
            let told = event.shown();
            match trouble {
                Trouble::Misconduct(why) => context.fail(Check::Protocol, format!("{why}: {told}")),
                Trouble::Limit(why) => context.abandon(format!("{why}: {told}")),
            }
        }
    }

    fn start(&mut self, context: &mut Context<'_, '_>) -> Result<(), Trouble> {
        let Ok(saves) = Saves::open(self.table.slack_bytes, context) else {
            context.halt();
            return Ok(());
        };
        let name = &self.table.names[context.node().index()];
        let brain = (self.table.maker)(name)?;
        let reports = Reports::boot(&self.table.ledger.borrow(), context);
        let seed = context.random().below(1 << 53);
        let body = FromSimulator::Init {
            node_id: Arc::clone(name),
            node_ids: Arc::clone(&self.table.names),
            seed,
            settings: self.table.settings,
            saved: saves.map().clone(),
        };
        let (requests, timers, waiting) = (Requests::default(), Vec::new(), VecDeque::new());
        self.life = Some(Life { brain, saves, reports, requests, timers, waiting, turns: 0 });
        self.turn(Arc::clone(&self.table.simulator), EventBody::Simulator(body), context);
        Ok(())
    }
}

impl Table {
    /// Counts a turn that is about to begin.
    fn begin_turn(&self) -> Result<(), Trouble> {
        let mut spent = self.spent.borrow_mut();
        spent.turns += 1;
        if spent.turns > limits::TURNS_MAX {
            return Err(Trouble::Misconduct(format!("this run takes more than {} turns", limits::TURNS_MAX)));
        }
        if self.stopwatch.elapsed_ns() > RUN_NS_MAX {
            let seconds = RUN_NS_MAX / 1_000_000_000;
            return Err(Trouble::Limit(format!("the run takes longer than {seconds} seconds on the wall clock")));
        }
        Ok(())
    }

    /// Counts what a turn has brought.
    fn count(&self, actions: &[Action]) -> Result<(), Trouble> {
        let mut spent = self.spent.borrow_mut();
        let bytes = |action: &Action| match action {
            Action::Send { dest, body, .. } => ENVELOPE_BYTES + dest.len() + body.get().len(),
            Action::Tell(ToSimulator::Save { key, value }) => {
                key.len() + value.as_ref().map_or(0, |value| value.get().len())
            }
            Action::Tell(_) => 0,
        };
        spent.bytes += actions.iter().map(bytes).sum::<usize>();
        if spent.bytes > limits::RUN_BYTES_MAX {
            let why = format!("the nodes of this run say and save more than {} MiB", limits::RUN_BYTES_MAX >> 20);
            return Err(Trouble::Misconduct(why));
        }
        Ok(())
    }
}

impl Life {
    fn act(&mut self, actions: Vec<Action>, table: &Table, context: &mut Context<'_, '_>) -> Result<(), String> {
        let mut changes = Changes::new();
        let mut later = Vec::new();
        for action in actions {
            match action {
                Action::Send { dest, body, when: When::Now } => self.send(&dest, &body, table, context)?,
                Action::Send { dest, body, when: When::AfterSave } => later.push(Waiting::Send { dest, body }),
                Action::Tell(ToSimulator::Timer { name, after_us }) => self.timer(&name, after_us, context)?,
                Action::Tell(ToSimulator::Save { key, value }) => drop(changes.insert(key, value)),
                Action::Tell(ToSimulator::Vote { term, candidate }) => {
                    let candidate = table.node(&candidate);
                    let candidate = candidate.ok_or_else(|| "it votes for a node that there is not".to_owned())?;
                    later.push(Waiting::Vote { term, candidate });
                }
                Action::Tell(report) => self.reports.tell(&report, &mut table.ledger.borrow_mut(), context)?,
            }
        }
        if !changes.is_empty() {
            context.note(Noted(&changes));
            self.saves.write(changes, context);
        }
        self.waiting.extend(later.into_iter().map(|what| (self.saves.count(), what)));
        self.release(table, context)
    }

    /// Does what has waited for everything that is durable by now.
    fn release(&mut self, table: &Table, context: &mut Context<'_, '_>) -> Result<(), String> {
        let durable = self.saves.durable();
        while self.waiting.front().is_some_and(|(save, _)| *save <= durable)
            && let Some((_, what)) = self.waiting.pop_front()
        {
            match what {
                Waiting::Send { dest, body } => self.send(&dest, &body, table, context)?,
                Waiting::Vote { term, candidate } => {
                    Reports::vote(term, candidate, &mut table.ledger.borrow_mut(), context)?;
                }
            }
        }
        Ok(())
    }

    fn send(
        &mut self,
        dest: &str,
        body: &Arc<RawValue>,
        table: &Table,
        context: &mut Context<'_, '_>,
    ) -> Result<(), String> {
        if let Some(to) = table.node(dest) {
            if to == context.node() {
                return Err("it sends a message to itself: do at once what it should do".to_owned());
            }
            context.send(to, Wire::Server(Letter(Arc::clone(body))));
            return Ok(());
        }
        if !dest.starts_with('c') {
            return Err(format!("it sends to `{}`, which there is not", bounded(dest)));
        }
        let shown = || bounded(body.get());
        let answer: protocol::Answer = serde_json::from_str(body.get())
            .map_err(|error| format!("it sends to a client what is no answer: {error}: {}", shown()))?;
        let (client, reply) = self
            .requests
            .answer(dest, &answer, |name| table.node(name))
            .map_err(|why| format!("it answers {}: {why}: {}", bounded(dest), shown()))?;
        context.send(client, Wire::store(Message::Reply(reply)));
        Ok(())
    }

    fn timer(&mut self, name: &str, after_us: Option<u64>, context: &mut Context<'_, '_>) -> Result<(), String> {
        let place = self.timers.iter().position(|other| &**other == name);
        let place = match (place, after_us) {
            (Some(place), _) => place,
            // It is stopped already.
            (None, None) => return Ok(()),
            (None, Some(_)) => {
                self.timers.push(name.into());
                self.timers.len() - 1
            }
        };
        if place >= TIMERS_MAX {
            return Err(format!("it has more than {TIMERS_MAX} timers"));
        }
        let timer = TimerId(FIRST_TIMER + u8::try_from(place).expect("timers are few"));
        match after_us {
            None => context.disarm(timer),
            Some(0) => return Err("it arms a timer that runs out at once: time has to pass".to_owned()),
            Some(after_us) if after_us > AFTER_US_MAX => {
                return Err(format!("it arms a timer for {after_us} microseconds: a day is the most"));
            }
            Some(after_us) => {
                context.note(format_args!("arms the timer `{name}` for {after_us} us"));
                context.arm(timer, after_us * 1_000);
            }
        }
        Ok(())
    }
}

/// The changes of a turn, for a trace.
struct Noted<'a>(&'a Changes);

impl fmt::Display for Noted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("saves")?;
        for (place, (key, value)) in self.0.iter().enumerate() {
            let value = value.as_ref().map_or("null", |value| value.get());
            write!(f, "{} {key}: {}", if place == 0 { "" } else { "," }, traced(value))?;
        }
        Ok(())
    }
}

impl Server for Seat {
    type Message = Letter;

    fn boot(&mut self, context: &mut Context<'_, '_>) {
        let node = context.node();
        if self.table.is_over.get() {
            return;
        }
        let started = self.start(context);
        self.table.is_over.set(self.table.is_over.get() || started.is_err());
        match started {
            Ok(()) => {}
            Err(Trouble::Misconduct(why)) => context.fail(Check::Protocol, format!("{node}: {why}")),
            Err(Trouble::Limit(why)) => context.abandon(format!("{node}: {why}")),
        }
    }

    fn request(&mut self, from: NodeId, request: Message, context: &mut Context<'_, '_>) {
        // Clients of scenarios with nodes like this ask for everything by requests.
        let Message::Request(bytes) = request else { return };
        let Some(life) = &mut self.life else { return };
        match life.requests.take(from, &bytes, self.table.clients) {
            Asked::Session(reply) => context.send(from, Wire::store(Message::Reply(reply))),
            Asked::Operation { src, request } => self.turn(src, EventBody::Client(request), context),
            Asked::Nothing => {}
        }
    }

    fn message(&mut self, from: NodeId, Letter(body): Letter, context: &mut Context<'_, '_>) {
        self.turn(Arc::clone(&self.table.names[from.index()]), EventBody::Node(body), context);
    }

    fn timer(&mut self, TimerId(timer): TimerId, context: &mut Context<'_, '_>) {
        let Some(life) = &self.life else { return };
        let name = Arc::clone(&life.timers[usize::from(timer - FIRST_TIMER)]);
        context.note(format_args!("it is the timer `{name}`"));
        let body = EventBody::Simulator(FromSimulator::Timer { name });
        self.turn(Arc::clone(&self.table.simulator), body, context);
    }

    fn synced(&mut self, sync: SyncId, context: &mut Context<'_, '_>) {
        let Some(life) = self.life.as_mut().filter(|_| !self.in_trouble) else { return };
        let Some(save) = life.saves.synced(sync, context) else { return };
        if let Err(why) = life.release(&self.table, context) {
            self.in_trouble = true;
            return context.fail(Check::Protocol, format!("{}: {why}", context.node()));
        }
        let body = EventBody::Simulator(FromSimulator::Saved { save });
        self.turn(Arc::clone(&self.table.simulator), body, context);
    }

    fn timer_name(TimerId(timer): TimerId) -> Option<&'static str> {
        (timer >= FIRST_TIMER).then_some("a timer of the node")
    }

    fn last_words(&self) -> Option<String> {
        self.life.as_ref()?.brain.last_words()
    }
}
