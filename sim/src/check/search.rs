//! The search for an order: depth first over returns, placing operations just in time (Wing and Gong, 1993; Lowe, 2017).
//!
//! The walk goes through the events. An invocation puts an operation in flight. A return passes if the operation has
//! been placed in the order; if not, some sequence of operations in flight that ends with it must be placed now, and
//! this is the only point where the search branches. It is enough to place operations when a return forces it: in any
//! order that explains the history, each can be moved back to just before the next return without passing another.
//! What shows an observation in the way what it saw is tried first: whatever else is placed may be missing later.
//! What it simplifies: nothing about the verdict; a failing search only knows how far it got, `explain` does the rest.
//!
//! Four rules cut branches; each leaves out only what some other branch can do as well.
//!
//! 1. *Observations at once.* An operation in flight that changes no state in which it gives its answer is placed as
//!    soon as the state gives that answer. It must be placed before its return; moving it here from a later place
//!    changes no state in between, because it changed none there.
//! 2. *Spend only what counts.* An operation of unknown outcome is not placed where it leaves the state as it was, or
//!    where the operation placed right after it leads to the same state without it: the shorter order can do the same.
//! 3. *Fewer spent is better*: see [`Visited`]. Of equal operations of unknown outcome the earlier is spent first.
//! 4. *Look ahead*, once the search has met some dead ends. If the model says that no sequence of the operations that
//!    may come before the return of another leads to a state in which that one gives its answer, then no order does, and
//!    the branch ends here. It is asked about observations, and about what else it has something to say of. If it says
//!    that the present state must be overwritten unseen by then, any other state as unseen will do: all orders of writes
//!    that nobody reads become one.
//!
//! That rules 2 and 3 compare with branches that may still be under way is sound: suppose the search fails although an
//! order exists. Of all configurations visited that lead to success, take the one with the fewest placements to go. Its
//! next configuration was either visited, or left out for one with no more to go that was: a contradiction either way.

mod rounds;

use rounds::Turn;
use stateright::semantics::SequentialSpec;

use super::mask::Mask;
use super::memory::{StateId, States, Visited};
use super::meter::{Halt, Meter};
use super::partition::{Event, Problem};
use super::places::{Place, Places};
use super::register;
use super::token::{Kind, Kinds};
use super::{Call, Effort, Model, Op, Outlook, Ret};
use crate::history::Stamp;

/// How many events ahead rule 4 looks, and for how many operations.
const LOOKAHEAD_EVENTS: usize = 256;
const LOOKAHEAD_OPERATIONS: usize = 8;

/// How many dead ends a search meets before it begins to look ahead. Almost every history has an order that shows itself
/// with a handful of them, and then looking ahead would cost more than all the rest.
const LOOKAHEAD_DEAD_ENDS: u64 = 64;

/// A new state costs a step for so many bytes.
const BYTES_PER_STEP: u64 = 64;

/// How many operations, or configurations, are compared with one for a step.
const OTHERS_PER_STEP: u64 = 64;

/// What a state takes beside itself, in tables.
const STATE_BYTES: usize = 32;

/// What a finished search found.
pub(super) enum Searched {
    /// An order: positions in [`Problem::entries`].
    Found(Vec<u32>),
    /// There is none.
    Impossible {
        /// When the last return happened that some branch of the search arrived at.
        reached: Stamp,
    },
}

/// Searches an order for `problem`, from this state on, in at most `allowance` steps of `meter`.
pub(super) fn search<M: Model>(
    model: &M,
    problem: &Problem<'_, Op<M>, Ret<M>>,
    initial: &M::Spec,
    allowance: u64,
    meter: &mut Meter<'_>,
) -> Result<Searched, Halt> {
    let limit = meter.limit(allowance);
    match register::search(model, problem, limit, meter) {
        Some(found) => found,
        None => Search::new(model, problem, initial.clone(), meter, limit).run(),
    }
}

/// The same, asking nothing but the specification.
#[cfg(test)]
pub(super) fn search_by_specification<M: Model>(
    model: &M,
    problem: &Problem<'_, Op<M>, Ret<M>>,
    initial: &M::Spec,
    meter: &mut Meter<'_>,
) -> Result<Searched, Halt> {
    let limit = meter.limit(u64::MAX);
    Search::new(model, problem, initial.clone(), meter, limit).run()
}

/// A configuration to go back to, and what has been tried from it.
struct Frame {
    event: u32,
    state: StateId,
    kind: Kind,
    /// How many operations had been placed.
    order: u32,
    turn: Turn,
    /// The state before the operation placed last, if that was of unknown outcome and nothing followed from it yet.
    idle_since: Option<StateId>,
}

/// What came of placing an operation.
enum Step {
    /// It cannot be placed here, or need not be.
    Refused,
    /// It was placed, and the walk ended in a configuration that leads nowhere or was visited.
    Dead,
    /// It was placed, and another return is in the way.
    Blocked(Frame),
    /// All events passed.
    Finished,
}

struct Search<'s, 'h, 'b, M: Model> {
    model: &'s M,
    problem: &'s Problem<'h, Op<M>, Ret<M>>,
    places: Places<'h, Op<M>, Ret<M>>,
    meter: &'s mut Meter<'b>,
    limit: u64,
    /// What a configuration costs: a wide mask takes more to copy and to keep.
    price: u64,
    states: States<M::Spec>,
    visited: Visited,
    event: usize,
    state: StateId,
    /// Of which kind the state is.
    kind: Kind,
    placed: Mask,
    spent: Mask,
    order: Vec<u32>,
    /// Slots of updates and observations in flight, and who has the slot.
    updates: Mask,
    observations: Mask,
    owners: Vec<usize>,
    /// For each slot what its operation tells of states.
    kinds: Vec<Kinds>,
    /// For each operation what it led to first.
    made: Vec<Option<StateId>>,
    /// How many operations of unknown outcome have been invoked.
    unknowns: usize,
    reached: usize,
    dead_ends: u64,
    /// Bytes that states take.
    held: usize,
    between: Vec<Call<'h, M>>,
}

impl<'s, 'h, 'b, M: Model> Search<'s, 'h, 'b, M> {
    fn new(
        model: &'s M,
        problem: &'s Problem<'h, Op<M>, Ret<M>>,
        initial: M::Spec,
        meter: &'s mut Meter<'b>,
        limit: u64,
    ) -> Search<'s, 'h, 'b, M> {
        let places = Places::new(model, problem);
        let placed = Mask::empty(places.slots);
        let spent = Mask::empty(places.unknowns.len());
        let mut states = States::new();
        let state = states.intern(initial);
        Search {
            model,
            problem,
            meter,
            limit,
            price: placed.words().max(spent.words()) as u64,
            states,
            visited: Visited::new(),
            event: 0,
            state,
            kind: Kind::UNKNOWN,
            updates: placed.clone(),
            observations: placed.clone(),
            placed,
            spent,
            order: Vec::with_capacity(places.entries.len()),
            owners: vec![0; places.slots],
            kinds: vec![Kinds::default(); places.slots],
            made: vec![None; places.entries.len()],
            places,
            unknowns: 0,
            reached: 0,
            dead_ends: 0,
            held: 0,
            between: Vec::new(),
        }
    }

    fn run(mut self) -> Result<Searched, Halt> {
        let found = self.walk();
        if found.is_err() {
            self.meter.note(Effort {
                operations: self.places.entries.len(),
                unknown: self.places.unknowns.len(),
                in_flight: self.places.slots,
                events: self.problem.events.len(),
                passed: self.reached,
                configurations: self.visited.len(),
            });
        }
        found
    }

    fn walk(&mut self) -> Result<Searched, Halt> {
        if self.advance()? {
            return Ok(Searched::Found(std::mem::take(&mut self.order)));
        }
        self.reached = self.event;
        let mut frames = vec![self.frame(None)];
        while let Some(frame) = frames.last_mut() {
            let Some(candidate) = self.next_candidate(&mut frame.turn)? else {
                self.dead_ends += 1;
                frames.pop();
                if let Some(frame) = frames.last() {
                    self.go_back(frame);
                }
                continue;
            };
            match self.place(candidate, frame.idle_since)? {
                Step::Refused => {}
                Step::Dead => {
                    self.dead_ends += 1;
                    self.go_back(frame);
                }
                Step::Blocked(frame) => frames.push(frame),
                Step::Finished => return Ok(Searched::Found(std::mem::take(&mut self.order))),
            }
        }
        let Event::Return(stuck) = self.problem.events[self.reached] else {
            unreachable!("the walk stops at returns only")
        };
        Ok(Searched::Impossible { reached: self.problem.returned(stuck) })
    }

    /// The operation whose return is in the way.
    fn returning(&self) -> usize {
        match self.problem.events[self.event] {
            Event::Return(entry) => entry as usize,
            Event::Invoke(_) => unreachable!("the walk stops at returns only"),
        }
    }

    /// Places an operation, with all that follows from it.
    fn place(&mut self, number: usize, idle_since: Option<StateId>) -> Result<Step, Halt> {
        let (from, kinds) = (self.state, self.places.entries[number].kinds);
        if !self.kind.may_be(kinds.before) {
            return Ok(Step::Refused);
        }
        let Some(to) = self.apply(from, number)? else { return Ok(Step::Refused) };
        if let Some(idle) = idle_since
            && self.apply(idle, number)? == Some(to)
        {
            return Ok(Step::Refused);
        }
        let is_unknown = match self.places.entries[number].place {
            Place::Update(slot) | Place::Observation(slot) => {
                self.placed.insert(slot as usize);
                false
            }
            Place::Unknown(_) if to == from => return Ok(Step::Refused),
            Place::Unknown(unknown) => {
                self.spent.insert(unknown as usize);
                true
            }
        };
        self.meter.take(self.price, self.limit)?;
        self.order.push(number as u32);
        (self.state, self.kind) = (to, kinds.after);
        let placed = self.order.len();
        if to != from {
            self.observe()?;
        }
        if self.advance()? {
            return Ok(Step::Finished);
        }
        self.reached = self.reached.max(self.event);
        let event = u32::try_from(self.event).expect("a history holds fewer than 2^32 events");
        if self.dead_ends >= LOOKAHEAD_DEAD_ENDS && !self.look_ahead()? {
            return Ok(Step::Dead);
        }
        // Until the first dead end nobody comes here twice.
        if self.dead_ends > 0 {
            let Some(compared) = self.visited.insert(event, self.state, &self.placed, &self.spent) else {
                return Ok(Step::Dead);
            };
            self.meter.take(compared / OTHERS_PER_STEP, self.limit)?;
        }
        self.meter.hold(self.held + self.visited.bytes())?;
        let idle = is_unknown && self.order.len() == placed;
        Ok(Step::Blocked(self.frame(idle.then_some(from))))
    }

    /// The state after an operation; `None` if it does not give its answer.
    fn apply(&mut self, state: StateId, number: usize) -> Result<Option<StateId>, Halt> {
        self.meter.take(1, self.limit)?;
        let entry = &self.places.entries[number];
        let mut after = self.states.get(state).clone();
        match entry.answer {
            Some(answer) => {
                if !after.is_valid_step(entry.op, answer) {
                    return Ok(None);
                }
            }
            None => {
                after.invoke(entry.op);
            }
        }
        let known = self.states.len();
        let id = self.states.intern(after);
        if self.states.len() > known {
            let bytes = self.model.heap_bytes(self.states.get(id)) as u64;
            self.meter.take(bytes / BYTES_PER_STEP, self.limit)?;
            self.held += bytes as usize + STATE_BYTES + 2 * size_of::<M::Spec>();
            self.meter.hold(self.held + self.visited.bytes())?;
        }
        Ok(Some(id))
    }

    /// Whether an observation gives its answer in a state.
    fn gives_its_answer(&mut self, state: StateId, number: usize) -> Result<bool, Halt> {
        self.meter.take(1, self.limit)?;
        let entry = &self.places.entries[number];
        let mut after = self.states.get(state).clone();
        let is_answer = entry.answer.is_some_and(|answer| after.is_valid_step(entry.op, answer));
        assert!(
            !is_answer || after == *self.states.get(state),
            "an operation that the model calls an observation changed the state"
        );
        Ok(is_answer)
    }

    /// Rule 1 after a change of state.
    fn observe(&mut self) -> Result<(), Halt> {
        let mut start = 0;
        loop {
            let may_be_seen = |slot: usize| self.kind.may_be(self.kinds[slot].before);
            let Some(slot) = self.observations.find_without(&self.placed, start, may_be_seen) else { break };
            self.observe_slot(slot)?;
            start = slot + 1;
        }
        Ok(())
    }

    /// Places the observation in this slot if the state gives its answer.
    fn observe_slot(&mut self, slot: usize) -> Result<(), Halt> {
        let number = self.owners[slot];
        if self.gives_its_answer(self.state, number)? {
            self.placed.insert(slot);
            self.order.push(number as u32);
        }
        Ok(())
    }

    /// Walks to the next return in the way; `true` if there is none.
    fn advance(&mut self) -> Result<bool, Halt> {
        while let Some(event) = self.problem.events.get(self.event) {
            match *event {
                Event::Invoke(number) => {
                    let number = number as usize;
                    self.open(number);
                    let entry = &self.places.entries[number];
                    if let Place::Observation(slot) = entry.place
                        && self.kind.may_be(entry.kinds.before)
                    {
                        self.observe_slot(slot as usize)?;
                    }
                }
                Event::Return(number) => {
                    let number = number as usize;
                    let slot = self.slot(number);
                    if !self.placed.contains(slot) {
                        return Ok(false);
                    }
                    self.placed.remove(slot);
                    self.close(number);
                }
            }
            self.event += 1;
        }
        Ok(true)
    }

    /// Returns to a configuration on the path to this one. What happened since is undone, so that a configuration to go
    /// back to need not hold its masks.
    fn go_back(&mut self, frame: &Frame) {
        while self.event > frame.event as usize {
            self.event -= 1;
            match self.problem.events[self.event] {
                Event::Invoke(number) => {
                    self.close(number as usize);
                    if let Place::Update(slot) | Place::Observation(slot) = self.places.entries[number as usize].place {
                        self.placed.remove(slot as usize);
                    }
                }
                Event::Return(number) => {
                    self.open(number as usize);
                    self.placed.insert(self.slot(number as usize));
                }
            }
        }
        for number in self.order.drain(frame.order as usize..) {
            let entry = &self.places.entries[number as usize];
            match entry.place {
                Place::Update(slot) | Place::Observation(slot) if entry.invoked < frame.event => {
                    self.placed.remove(slot as usize);
                }
                // It is not in flight any more, and the slot may be that of another.
                Place::Update(_) | Place::Observation(_) => {}
                Place::Unknown(unknown) => self.spent.remove(unknown as usize),
            }
        }
        (self.state, self.kind) = (frame.state, frame.kind);
    }

    fn open(&mut self, number: usize) {
        match self.places.entries[number].place {
            Place::Update(slot) => {
                self.updates.insert(slot as usize);
                self.owners[slot as usize] = number;
                self.kinds[slot as usize] = self.places.entries[number].kinds;
            }
            Place::Observation(slot) => {
                self.observations.insert(slot as usize);
                self.owners[slot as usize] = number;
                self.kinds[slot as usize] = self.places.entries[number].kinds;
            }
            Place::Unknown(_) => self.unknowns += 1,
        }
    }

    fn close(&mut self, number: usize) {
        match self.places.entries[number].place {
            Place::Update(slot) => self.updates.remove(slot as usize),
            Place::Observation(slot) => self.observations.remove(slot as usize),
            Place::Unknown(_) => self.unknowns -= 1,
        }
    }

    fn slot(&self, number: usize) -> usize {
        match self.places.entries[number].place {
            Place::Update(slot) | Place::Observation(slot) => slot as usize,
            Place::Unknown(_) => unreachable!("an operation of unknown outcome does not return"),
        }
    }

    fn frame(&self, idle_since: Option<StateId>) -> Frame {
        Frame {
            event: self.event as u32,
            state: self.state,
            kind: self.kind,
            order: self.order.len() as u32,
            turn: self.first_turn(),
            idle_since,
        }
    }

    /// Rule 4; `false` if there is no hope.
    fn look_ahead(&mut self) -> Result<bool, Halt> {
        self.collect_open();
        // Many operations in flight are many to go through.
        let price = self.between.len() as u64 / OTHERS_PER_STEP;
        self.meter.take(price, self.limit)?;
        let (problem, places) = (self.problem, &self.places);
        let mut operations = 0;
        for event in problem.events[self.event..].iter().take(LOOKAHEAD_EVENTS) {
            let number = match *event {
                Event::Invoke(number) => {
                    self.between.push(places.entries[number as usize].call());
                    continue;
                }
                Event::Return(number) => number as usize,
            };
            let entry = &places.entries[number];
            let (Place::Update(slot) | Place::Observation(slot)) = entry.place else { continue };
            if !entry.has_outlook {
                continue;
            }
            if (entry.invoked as usize) < self.event && self.placed.contains(slot as usize) {
                continue;
            }
            self.meter.take(1 + price, self.limit)?;
            match self.model.outlook(self.states.get(self.state), entry.call(), &self.between) {
                Outlook::Open => {}
                Outlook::Hopeless => return Ok(false),
                Outlook::Forget(other) => {
                    (self.state, self.kind) = (self.states.intern(other), Kind::UNKNOWN);
                }
            }
            operations += 1;
            if operations == LOOKAHEAD_OPERATIONS {
                break;
            }
        }
        Ok(true)
    }

    /// Everything in flight that is not placed.
    fn collect_open(&mut self) {
        let places = &self.places;
        self.between.clear();
        for slots in [&self.updates, &self.observations] {
            let mut start = 0;
            while start < places.slots
                && let Some(slot) = slots.next_without(&self.placed, start)
            {
                self.between.push(places.entries[self.owners[slot]].call());
                start = slot + 1;
            }
        }
        let unspent = (0..self.unknowns).filter(|number| !self.spent.contains(*number));
        self.between.extend(unspent.map(|number| places.entries[places.unknowns[number].entry].call()));
    }
}
