//! The walk of an online check: one order that explains everything so far, and the way back to all others.
//!
//! The search of a whole history (`search`: depth first over returns, placing just in time; Lowe, 2017), spread over
//! time: it stands at the last event and goes on when the next one comes. What is new is that answers are learned late.
//!
//! * *An operation in flight may be placed before its answer is known.* If it then answers otherwise, everything behind
//!   that placing is in vain, and the walk goes back to before it.
//! * *Observations are placed late.* What only observed, when its answer comes, is looked for on the way since its
//!   invocation: if some state there gives the answer, it is placed there, as it would have been at once had the answer
//!   been known (rule 1 of the search). It changes nothing, so the rest of the way, and all ways back, stay as they are.
//! * *A shorter order is only preferred where nobody may have seen the difference.* While something in flight has no
//!   answer, an operation of unknown outcome may be placed although the next one leads to the same state without it
//!   (rule 2 of the search leaves that out): what is in flight may turn out to have seen the state in between.
//! * *What was in vain stays in vain.* More events, and answers that are learned, only forbid; a configuration that led
//!   nowhere need not be tried again. An operation that turns out to have failed, or never to return, permits nothing that
//!   was not permitted when it was open.
//!
//! So if no way is left, no order explains the events so far, and an order explained all before the last one. On the way
//! back, what has happened since is known, and the walk looks ahead to it (rule 4 of the search). What it simplifies: no
//! state is forgotten for another one that is as unseen, because what is in flight may turn out to have seen it.

use std::collections::BTreeMap;

use super::super::configuration::{Configuration, Front};
use super::super::{Call, Model, Outlook, Ret};
use super::window::{End, Event, Number, Placing, Window};

/// After so many configurations that led nowhere the walk looks ahead, over so many events, for so many operations.
const LOOKAHEAD_DEAD: usize = 16;
const LOOKAHEAD_EVENTS: usize = 256;
const LOOKAHEAD_OPERATIONS: u64 = 8;

/// A configuration in which a return was in the way, and what has been tried from there.
struct Frame<S> {
    event: u64,
    configuration: Configuration<S>,
    /// How many operations had been placed on the way.
    placings: usize,
    next: Cursor,
    /// The state before the operation placed last, if that was of unknown outcome and nothing followed from it yet.
    idle_since: Option<S>,
}

/// What to try next.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Cursor {
    /// The operation that returns.
    Returning,
    /// Those invoked at this event or later.
    Invoked(u64),
}

/// An operation placed on the way because it had to be, or because another one had to.
struct Placed<M: Model> {
    number: Number,
    /// The event before which it was placed.
    event: u64,
    before: M::Spec,
    /// What it was to answer, if that was not known.
    gives: Option<Ret<M>>,
}

/// Why a walk ended before it was done: too many steps for one event.
pub(super) struct TooManySteps;

/// Where the walk stands.
pub(super) struct Walk<M: Model> {
    event: u64,
    now: Configuration<M::Spec>,
    pub(super) open: Vec<Number>,
    frames: Vec<Frame<M::Spec>>,
    way: Vec<Placed<M>>,
    /// What led nowhere, by event.
    dead: BTreeMap<u64, Front<M::Spec>>,
    dead_configurations: usize,
    /// What the first event of the window may begin with, and which of them is tried next.
    roots: Vec<Configuration<M::Spec>>,
    next_root: usize,
    /// The configuration where it stands is in vain.
    is_stuck: bool,
    /// The state before the operation placed last, if that was of unknown outcome and nothing followed from it.
    idle: Option<M::Spec>,
}

impl<M: Model> Walk<M> {
    pub(super) fn new(initial: M::Spec) -> Self {
        let root = Configuration::at(initial);
        Walk {
            event: 0,
            now: root.clone(),
            open: Vec::new(),
            frames: Vec::new(),
            way: Vec::new(),
            dead: BTreeMap::new(),
            dead_configurations: 0,
            roots: vec![root],
            next_root: 1,
            is_stuck: false,
            idle: None,
        }
    }

    pub(super) fn roots(&self) -> &[Configuration<M::Spec>] {
        &self.roots
    }

    /// The state in the order that the walk has found.
    pub(super) fn state(&self) -> &M::Spec {
        &self.now.state
    }

    /// How many configurations and states are remembered.
    pub(super) fn remembered(&self) -> usize {
        self.frames.len() + self.way.len() + self.dead_configurations + self.roots.len()
    }

    /// Whether there is no other way than this one.
    pub(super) fn is_only(&self) -> bool {
        self.frames.is_empty() && self.next_root == self.roots.len()
    }

    /// Begins anew at the first event of the window.
    pub(super) fn begin(&mut self, window: &Window<M>, roots: Vec<Configuration<M::Spec>>) {
        self.roots = roots;
        self.next_root = 0;
        self.frames.clear();
        self.dead.clear();
        self.dead_configurations = 0;
        assert!(self.try_next_root(window), "there is an order for all events that were settled");
    }

    /// Forgets the way, where there is no other and nothing is in flight that may still return. Returns what has been
    /// spent on it.
    pub(super) fn forget(&mut self) -> Vec<Number> {
        let spent: Vec<Number> = self.now.placed.iter().chain(self.now.spent.iter()).collect();
        self.now = Configuration::at(self.now.state.clone());
        self.open.retain(|number| !spent.contains(number));
        self.roots = vec![self.now.clone()];
        self.next_root = 1;
        self.way.clear();
        self.dead.clear();
        self.dead_configurations = 0;
        spent
    }

    fn try_next_root(&mut self, window: &Window<M>) -> bool {
        let Some(root) = self.roots.get(self.next_root) else { return false };
        self.next_root += 1;
        self.event = window.first();
        self.now = root.clone();
        self.open.clone_from(&window.open_at_first);
        self.way.clear();
        self.is_stuck = false;
        true
    }

    /// Takes note of an invocation, which is always explained.
    pub(super) fn invoked(&mut self, number: Number) {
        self.open.push(number);
        self.event += 1;
    }

    /// Takes note that an operation has this answer; if it was placed before with another one, goes back.
    pub(super) fn learn(&mut self, window: &mut Window<M>, number: Number, observes: bool) {
        if self.now.placed.contains(number) {
            let place = self.way.iter().rposition(|placed| placed.number == number);
            let place = place.expect("what was placed while it was open was placed on the way");
            let End::Answered { answer, .. } = &window.entry(number).end else { unreachable!("it was just answered") };
            if self.way[place].gives.as_ref() != Some(answer) {
                self.go_back_before(place);
            }
        } else if observes {
            self.place_late(window, number);
        }
    }

    /// Takes note that an operation had no effect.
    pub(super) fn learn_failure(&mut self, number: Number) {
        self.open.retain(|other| *other != number);
        if self.now.placed.contains(number) {
            let place = self.way.iter().rposition(|placed| placed.number == number);
            self.go_back_before(place.expect("what was placed while it was open was placed on the way"));
        }
    }

    /// All ways that go on behind this placing are in vain.
    fn go_back_before(&mut self, place: usize) {
        while self.frames.last().is_some_and(|frame| frame.placings > place) {
            self.frames.pop();
        }
        self.is_stuck = true;
    }

    /// Places an observation in the first state on the way that gives its answer.
    fn place_late(&mut self, window: &mut Window<M>, number: Number) {
        let invoked = window.entry(number).invoked;
        let first = self.way.partition_point(|placed| placed.event <= invoked);
        let mut place = first;
        loop {
            let state = self.way.get(place).map_or(&self.now.state, |placed| &placed.before);
            if window.is_seen(number, state) {
                break;
            }
            if place == self.way.len() {
                return;
            }
            place += 1;
        }
        self.now.placed.insert(number);
        for frame in self.frames.iter_mut().rev().take_while(|frame| frame.event > invoked && frame.placings >= place) {
            frame.configuration.placed.insert(number);
        }
    }

    /// Goes on to the last event; `false` if no order explains them all.
    pub(super) fn go_on(&mut self, model: &M, window: &mut Window<M>, steps: u64) -> Result<bool, TooManySteps> {
        let limit = window.steps.saturating_add(steps);
        let mut idle_since = None;
        loop {
            if !self.is_stuck {
                if self.advance(window) {
                    return Ok(true);
                }
                self.stop_at_return(model, window, idle_since.take());
            }
            loop {
                if window.steps > limit {
                    return Err(TooManySteps);
                }
                let Some((number, idle)) = self.choose(window) else {
                    if self.try_next_root(window) {
                        break;
                    }
                    return Ok(false);
                };
                if self.place(model, window, number, idle) {
                    idle_since = self.idle.take();
                    break;
                }
            }
        }
    }

    /// Walks to the next return in the way; `true` if there is none.
    fn advance(&mut self, window: &mut Window<M>) -> bool {
        while self.event < window.end() {
            match window.event(self.event) {
                Event::Invoke(number) if window.matters(number) => {
                    self.open.push(number);
                    if window.is_seen(number, &self.now.state) {
                        self.now.placed.insert(number);
                    }
                }
                Event::Invoke(_) => {}
                Event::Return(number) => {
                    if !self.now.placed.remove(number) {
                        return false;
                    }
                    self.open.retain(|other| *other != number);
                }
            }
            self.event += 1;
        }
        true
    }

    /// Remembers where a return is in the way, unless it is known to be in vain.
    fn stop_at_return(&mut self, model: &M, window: &mut Window<M>, idle_since: Option<M::Spec>) {
        let is_dead = self.dead.get(&self.event).is_some_and(|dead| dead.dominates(&self.now));
        self.is_stuck = is_dead || (self.dead_configurations >= LOOKAHEAD_DEAD && self.is_hopeless(model, window));
        if !self.is_stuck {
            let configuration = self.now.clone();
            let (event, placings) = (self.event, self.way.len());
            self.frames.push(Frame { event, configuration, placings, next: Cursor::Returning, idle_since });
        }
    }

    /// Whether some answer ahead cannot be given any more (rule 4 of the search).
    fn is_hopeless(&self, model: &M, window: &mut Window<M>) -> bool {
        let mut steps = 0;
        let is_left = |number: &&Number| window.matters(**number) && !self.now.has(**number);
        let mut between: Vec<Call<'_, M>> =
            self.open.iter().filter(is_left).map(|number| window.call(*number)).collect();
        let mut is_hopeless = false;
        for event in (self.event..window.end()).take(LOOKAHEAD_EVENTS) {
            let number = match window.event(event) {
                Event::Invoke(number) if window.matters(number) => {
                    between.push(window.call(number));
                    continue;
                }
                Event::Invoke(_) => continue,
                Event::Return(number) => number,
            };
            if self.now.placed.contains(number) || !window.has_outlook(model, number) {
                continue;
            }
            steps += 1;
            is_hopeless = model.outlook(&self.now.state, window.call(number), &between) == Outlook::Hopeless;
            if is_hopeless || steps == LOOKAHEAD_OPERATIONS {
                break;
            }
        }
        drop(between);
        window.steps += steps;
        is_hopeless
    }

    /// Goes back to the last frame with an operation to place, and names it; `None` if there is none. With it comes the
    /// state in which nothing less had been placed.
    fn choose(&mut self, window: &Window<M>) -> Option<(Number, Option<M::Spec>)> {
        while let Some(frame) = self.frames.last() {
            if self.event != frame.event || self.way.len() != frame.placings {
                self.go_back(window);
            }
            let frame = self.frames.last_mut().expect("it was there");
            let is_first = frame.next == Cursor::Returning;
            let Some((number, next)) = candidate(window, &self.open, frame) else {
                let frame = self.frames.pop().expect("it was there");
                self.dead_configurations += 1;
                self.dead.entry(frame.event).or_insert_with(Front::new).insert(&frame.configuration);
                continue;
            };
            frame.next = next;
            if is_first && candidate(window, &self.open, frame).is_none() {
                // There is no choice, so there is nothing to come back for.
                return self.frames.pop().map(|frame| (number, frame.idle_since));
            }
            return Some((number, frame.idle_since.clone()));
        }
        None
    }

    /// Returns to the last frame.
    fn go_back(&mut self, window: &Window<M>) {
        let frame = self.frames.last().expect("there is a frame to go back to");
        while self.event > frame.event {
            self.event -= 1;
            match window.event(self.event) {
                Event::Invoke(number) => self.open.retain(|other| *other != number),
                Event::Return(number) => window.open(&mut self.open, number),
            }
        }
        self.now = frame.configuration.clone();
        self.way.truncate(frame.placings);
    }

    /// Places an operation, with the observations that follow from it; `false` if it cannot be placed, or need not be.
    fn place(&mut self, model: &M, window: &mut Window<M>, number: Number, idle_since: Option<M::Spec>) -> bool {
        self.is_stuck = true;
        let Some(Placing { state, gives }) = window.place(model, number, &self.now.state) else { return false };
        // What is in flight without an answer may turn out to have seen the state in between.
        if let Some(idle) = idle_since
            && !window.has_undecided(&self.open)
            && let Some(other) = window.place(model, number, &idle)
            && other.state == state
            && other.gives == gives
        {
            return false;
        }
        self.is_stuck = false;
        let before = std::mem::replace(&mut self.now.state, state);
        let is_unknown = window.is_unknown(number);
        let set = if is_unknown { &mut self.now.spent } else { &mut self.now.placed };
        set.insert(number);
        let placed = self.now.placed.len();
        if before != self.now.state {
            window.observe(&self.open, &mut self.now);
        }
        self.idle = (is_unknown && self.now.placed.len() == placed).then(|| before.clone());
        self.way.push(Placed { number, event: self.event, before, gives });
        true
    }
}

/// The operation to try next at a frame, and where to go on after it.
fn candidate<M: Model>(window: &Window<M>, open: &[Number], frame: &Frame<M::Spec>) -> Option<(Number, Cursor)> {
    let Event::Return(returning) = window.event(frame.event) else { unreachable!("the walk stops at returns only") };
    let start = match frame.next {
        Cursor::Returning if window.is_candidate(returning, &frame.configuration) => {
            return Some((returning, Cursor::Invoked(0)));
        }
        Cursor::Returning => 0,
        Cursor::Invoked(start) => start,
    };
    let first = open.partition_point(|number| window.entry(*number).invoked < start);
    let is_next = |number: &Number| *number != returning && window.is_candidate(*number, &frame.configuration);
    let number = open[first..].iter().copied().find(is_next)?;
    Some((number, Cursor::Invoked(window.entry(number).invoked + 1)))
}
