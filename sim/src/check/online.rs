//! The online check: linearizability while the events arrive, with the first violation at the event that completes it.
//!
//! Linearizability is closed under prefixes (Herlihy and Wing, 1990), so there is a first event that no order explains,
//! and it can be named the moment it happens. Each partition is walked along by the search's just-in-time rule (Lowe,
//! 2017; see `walk`); what is settled is forgotten, so memory is for what is in flight, not for how long it goes on.
//!
//! Partitions are the parts that operations name alone. An operation that ties several parts comes too late for the
//! states of each: if it surely changes nothing it is left out, which can hide a violation and never make one up; if it
//! may change something, its parts are given up, and said to be undecided. Who expects such operations takes everything
//! together from the start: [`Online::together`]. What it simplifies: answers are not known ahead, so some
//! histories that are easy as a whole are hard here; bounds end in *undecided* for that partition alone.

mod settle;
mod walk;
mod window;

use std::collections::BTreeMap;
use std::fmt;

use settle::Settled;
use walk::{TooManySteps, Walk};
use window::{Number, Window};

use super::{Model, Op, Partition, Ret, Scope};

/// What an online check may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Configurations and states that are remembered for a partition.
    pub configurations: usize,
    /// Bytes that a partition may take, by estimate; without what its operations hold beside their size.
    pub bytes: usize,
    /// Questions to the specification for one event. A step takes about a microsecond at most.
    pub steps: u64,
}

impl Default for Limits {
    /// A million configurations, 256 MB, and some seconds for one event.
    fn default() -> Self {
        Limits { configurations: 1_000_000, bytes: 256 << 20, steps: 5_000_000 }
    }
}

/// Why a partition is undecided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Beyond {
    /// [`Limits::configurations`].
    Configurations,
    /// [`Limits::bytes`].
    Bytes,
    /// [`Limits::steps`].
    Steps,
    /// An operation that may change several parts tied this one to others.
    Tied,
}

impl fmt::Display for Beyond {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Beyond::Configurations => "too many ways to explain what happened",
            Beyond::Bytes => "too much to remember",
            Beyond::Steps => "one event was too hard to explain",
            Beyond::Tied => "an operation tied it to other parts",
        })
    }
}

/// The name of an operation that was invoked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ticket {
    /// How many operations were invoked before it.
    pub position: u64,
    lane: Option<usize>,
    number: Number,
}

/// The first event of a partition that no order explains.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conflict<P> {
    /// The partition.
    pub partition: Partition<P>,
    /// The operation whose answer, or failure, it is.
    pub culprit: Ticket,
}

/// A partition that is not looked at any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Undecided<P> {
    /// The partition; everything, if it has no parts.
    pub partition: Partition<P>,
    /// Why.
    pub reason: Beyond,
}

/// A history under check while it happens.
pub struct Online<M: Model> {
    model: M,
    limits: Limits,
    split: Split<M::Part>,
    lanes: Vec<Lane<M>>,
    undecided: Vec<Undecided<M::Part>>,
    invoked: u64,
    left_out: u64,
}

/// How operations find their partition.
enum Split<P> {
    /// By the one part that they touch.
    ByPart(BTreeMap<P, usize>),
    /// There is one, the first lane.
    Together,
    /// They need not any more.
    GivenUp,
}

/// A partition.
struct Lane<M: Model> {
    partition: Partition<M::Part>,
    /// `None` if no more is to be said of it.
    watch: Option<Watch<M>>,
}

/// What is known of a partition.
struct Watch<M: Model> {
    window: Window<M>,
    walk: Walk<M>,
    /// How many events are remembered before it is worthwhile to forget some.
    settle_at: u64,
}

/// What came of an event.
enum Came {
    Explained,
    Conflict,
    Beyond(Beyond),
}

/// So many events are always remembered: settling fewer is not worthwhile.
const SETTLE_EVENTS: u64 = 128;
/// Settling gives up where there are more configurations at one event. To walk is much cheaper than to settle where many
/// updates are in flight, so it is more patient only with very many events.
const SETTLE_CONFIGURATIONS: usize = 64;
const PATIENT_EVENTS: u64 = 1 << 16;
const PATIENT_CONFIGURATIONS: usize = 4096;

impl<M: Model> Online<M> {
    /// Takes each part by itself. [`Model::initial`] is asked with the first operation of a part only.
    #[must_use]
    pub fn by_part(model: M, limits: Limits) -> Self {
        Online::new(model, limits, Split::ByPart(BTreeMap::new()), Vec::new())
    }

    /// Takes everything together, beginning with this state.
    #[must_use]
    pub fn together(model: M, initial: M::Spec, limits: Limits) -> Self {
        let lane = Lane { partition: Partition(Vec::new()), watch: Some(Watch::new(initial)) };
        Online::new(model, limits, Split::Together, vec![lane])
    }

    fn new(model: M, limits: Limits, split: Split<M::Part>, lanes: Vec<Lane<M>>) -> Self {
        Online { model, limits, split, lanes, undecided: Vec::new(), invoked: 0, left_out: 0 }
    }

    /// An operation was invoked.
    pub fn invoke(&mut self, op: Op<M>) -> Ticket {
        let position = self.invoked;
        self.invoked += 1;
        let lane = self.lane_for(&op);
        let watch = lane.and_then(|lane| self.lanes[lane].watch.as_mut());
        let Some(watch) = watch else { return Ticket { position, lane: None, number: 0 } };
        let number = watch.invoke(&self.model, op);
        Ticket { position, lane, number }
    }

    /// An operation returned with this answer. A conflict is said once for a partition, which is not looked at any more.
    pub fn returned(&mut self, ticket: Ticket, answer: Ret<M>) -> Option<Conflict<M::Part>> {
        let limits = self.limits;
        self.on(ticket, |model, watch| watch.returned(model, ticket.number, answer, &limits))
    }

    /// An operation certainly had no effect. This is a conflict if somebody has seen it.
    pub fn failed(&mut self, ticket: Ticket) -> Option<Conflict<M::Part>> {
        let limits = self.limits;
        self.on(ticket, |model, watch| watch.failed(model, ticket.number, &limits))
    }

    /// An operation will never return, and takes effect at any later time, or never. Who says so soon saves memory: the
    /// past of an operation that may still return is not forgotten.
    pub fn unknown(&mut self, ticket: Ticket) {
        let none = self.on(ticket, |_, watch| {
            watch.unknown(ticket.number);
            Came::Explained
        });
        assert!(none.is_none(), "that an operation does not return contradicts nothing");
    }

    /// The partitions that were given up so far, in that order.
    #[must_use]
    pub fn undecided(&self) -> &[Undecided<M::Part>] {
        &self.undecided
    }

    /// How many operations were left out, because they read several parts, each of which is taken by itself.
    #[must_use]
    pub fn left_out(&self) -> u64 {
        self.left_out
    }

    /// How many operations are remembered, over all partitions.
    #[must_use]
    pub fn remembered(&self) -> usize {
        self.lanes.iter().filter_map(|lane| lane.watch.as_ref()).map(|watch| watch.window.operations()).sum()
    }

    fn on(&mut self, ticket: Ticket, act: impl FnOnce(&M, &mut Watch<M>) -> Came) -> Option<Conflict<M::Part>> {
        let lane = ticket.lane?;
        // No lane: everything was given up since.
        let watch = self.lanes.get_mut(lane)?.watch.as_mut()?;
        match act(&self.model, watch) {
            Came::Explained => None,
            Came::Conflict => {
                self.lanes[lane].watch = None;
                Some(Conflict { partition: self.lanes[lane].partition.clone(), culprit: ticket })
            }
            Came::Beyond(reason) => {
                self.give_up(lane, reason);
                None
            }
        }
    }

    fn give_up(&mut self, lane: usize, reason: Beyond) {
        let lane = &mut self.lanes[lane];
        if lane.watch.take().is_some() {
            self.undecided.push(Undecided { partition: lane.partition.clone(), reason });
        }
    }

    /// The lane of an operation, if it has one.
    fn lane_for(&mut self, op: &Op<M>) -> Option<usize> {
        match self.split {
            Split::Together => return Some(0),
            Split::GivenUp => return None,
            Split::ByPart(_) => {}
        }
        match self.model.scope(op) {
            Scope::One(part) => Some(self.lane_of(part, op)),
            Scope::Several { .. } | Scope::All(_) if self.model.observes(op, None) => {
                self.left_out += 1;
                None
            }
            // What it only reads stays as it is.
            Scope::Several { parts, ranges: _ } => {
                for part in parts {
                    let lane = self.lane_of(part, op);
                    self.give_up(lane, Beyond::Tied);
                }
                None
            }
            Scope::All(_) => {
                self.lanes.clear();
                self.split = Split::GivenUp;
                self.undecided.push(Undecided { partition: Partition(Vec::new()), reason: Beyond::Tied });
                None
            }
        }
    }

    fn lane_of(&mut self, part: M::Part, op: &Op<M>) -> usize {
        let Split::ByPart(lanes) = &mut self.split else { unreachable!("the parts are told apart") };
        if let Some(lane) = lanes.get(&part) {
            return *lane;
        }
        let watch = Some(Watch::new(self.model.initial(&[op])));
        self.lanes.push(Lane { partition: Partition(vec![part.clone()]), watch });
        lanes.insert(part, self.lanes.len() - 1);
        self.lanes.len() - 1
    }
}

impl<M: Model> Watch<M> {
    fn new(initial: M::Spec) -> Self {
        Watch { window: Window::new(), walk: Walk::new(initial), settle_at: SETTLE_EVENTS }
    }

    fn invoke(&mut self, model: &M, op: Op<M>) -> Number {
        let number = self.window.invoke(model, op);
        self.walk.invoked(number);
        number
    }

    fn returned(&mut self, model: &M, number: Number, answer: Ret<M>, limits: &Limits) -> Came {
        let observes = self.window.returned(model, number, answer);
        self.walk.learn(&mut self.window, number, observes);
        self.go_on(model, limits)
    }

    fn failed(&mut self, model: &M, number: Number, limits: &Limits) -> Came {
        self.window.failed(number);
        self.walk.learn_failure(number);
        self.go_on(model, limits)
    }

    fn unknown(&mut self, number: Number) {
        self.window.unknown(number);
        if !self.window.matters(number) {
            self.walk.learn_failure(number);
        }
        self.settle_idle();
    }

    fn go_on(&mut self, model: &M, limits: &Limits) -> Came {
        match self.walk.go_on(model, &mut self.window, limits.steps) {
            Ok(true) => {}
            Ok(false) => return Came::Conflict,
            Err(TooManySteps) => return Came::Beyond(Beyond::Steps),
        }
        if !self.settle_idle() && self.window.end() - self.window.first() >= self.settle_at {
            let settled = self.settle(model);
            self.settle_at = SETTLE_EVENTS.max(2 * (self.window.end() - self.window.first()));
            if settled {
                match self.walk.go_on(model, &mut self.window, limits.steps) {
                    Ok(is_explained) => assert!(is_explained, "what was explained stays explained"),
                    Err(TooManySteps) => return Came::Beyond(Beyond::Steps),
                }
            }
        }
        let remembered = self.walk.remembered();
        let state = size_of::<M::Spec>() + model.heap_bytes(self.walk.state()) + CONFIGURATION_BYTES;
        let operations = self.window.operations() * (size_of::<window::Entry<M>>() + EVENTS_BYTES);
        if remembered > limits.configurations {
            Came::Beyond(Beyond::Configurations)
        } else if remembered * state + operations > limits.bytes {
            Came::Beyond(Beyond::Bytes)
        } else {
            Came::Explained
        }
    }

    /// Forgets everything, if there is but one order and nothing is in flight that may return.
    fn settle_idle(&mut self) -> bool {
        let end = self.window.end();
        let is_idle = self.walk.is_only() && self.window.settled(&self.walk.open) == end;
        if is_idle && self.window.first() < end {
            let spent = self.walk.forget();
            let open = self.walk.open.clone();
            self.window.forget(end, open, &spent);
        }
        is_idle
    }

    /// Forgets what is settled, if that is at least half of what is remembered.
    fn settle(&mut self, model: &M) -> bool {
        let (first, end) = (self.window.first(), self.window.end());
        let until = self.window.settled(&self.walk.open);
        if 2 * (until - first) < end - first {
            return false;
        }
        let roots = self.walk.roots().to_vec();
        let is_patient = end - first >= PATIENT_EVENTS;
        let most = if is_patient { PATIENT_CONFIGURATIONS } else { SETTLE_CONFIGURATIONS };
        let Some(settled) = settle::settle(model, &mut self.window, &roots, until, most) else {
            return false;
        };
        let Settled { mut configurations, open } = settled;
        let spent: Vec<Number> = open
            .iter()
            .copied()
            .filter(|number| configurations.iter().all(|one| one.spent.contains(*number)))
            .collect();
        for configuration in &mut configurations {
            for number in &spent {
                configuration.spent.remove(*number);
            }
        }
        self.window.forget(until, open, &spent);
        self.walk.begin(&self.window, configurations);
        true
    }
}

/// What a configuration takes beside its state, about; and an operation beside itself, for its events.
const CONFIGURATION_BYTES: usize = 128;
const EVENTS_BYTES: usize = 16;
