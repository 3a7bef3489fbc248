//! The walk through the events of a register: depth first over returns, with the rules of [`super`].
//!
//! Recursion is a stack of frames: a configuration, and the operations that it makes sense to place there (Wing and Gong,
//! 1993; Lowe, 2017). What it simplifies: nothing is undone step by step; a frame has the whole configuration.

use super::cells::{Action, Cell, Cells, NEVER, Value};
use super::configurations::{Configuration, Slots, Visited};
use crate::check::Effort;
use crate::check::meter::{Halt, Meter};
use crate::check::partition::Event;

/// What a walk found.
pub(super) enum Found {
    /// An order of the operations.
    Order(Vec<u32>),
    /// There is none, and no branch passed the return of this operation.
    Nothing { stuck: u32 },
}

/// A configuration to go back to, and what is left to try from it.
struct Frame<const W: usize> {
    configuration: Configuration<W>,
    /// How many operations had been placed, and how many had hidden.
    order: u32,
    hidden: u32,
    /// What is left to try: the end of the list of candidates, down to here. [`UNLISTED`]: all there is.
    candidates: u32,
    /// Whether the last placement was of a write from which nothing followed yet.
    is_idle: Idle,
}

const UNLISTED: u32 = u32::MAX;

/// Where the last frame's list of candidates begins.
fn frame_list<const W: usize>(frames: &[Frame<W>]) -> Option<u32> {
    frames.last().map(|frame| frame.candidates).filter(|candidates| *candidates != UNLISTED)
}

/// Where a walk has come to.
enum Arrived {
    AtTheEnd,
    AtAReturn,
    /// Where others have been.
    InVain,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Idle {
    Yes,
    No,
}

/// A write that was not placed where anybody could see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Hidden {
    /// Before which place of the order.
    before: u32,
    how: How,
    number: u32,
}

/// How a write hides. Those that change nothing come first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum How {
    /// The value was the one that it writes.
    Same,
    /// Another write comes right behind.
    Overwritten,
}

struct Walk<'p, 'm, 'b, const W: usize> {
    cells: &'p [Cell],
    events: &'p [Event],
    meter: &'m mut Meter<'b>,
    limit: u64,
    now: Configuration<W>,
    order: Vec<u32>,
    hidden: Vec<Hidden>,
    /// Whose each slot is.
    owners: Vec<u32>,
    /// Where each write could hide, if it is not owed and did not have to be placed.
    hideouts: Vec<(u32, How)>,
    visited: Visited<W>,
    frames: Vec<Frame<W>>,
    candidates: Vec<u32>,
    /// For each value the last configuration at which it was waited for, demanded by a swap, or could be made.
    marks: Vec<Marks>,
    /// For each value the last event at which it may make a difference.
    wanted: &'p [u32],
    epoch: u32,
    furthest: u32,
    dead_ends: u64,
}

#[derive(Clone, Copy, Default)]
struct Marks {
    awaited: u32,
    demanded: u32,
    made: u32,
}

/// Walks through the events of a register.
pub(super) fn walk<const W: usize>(
    cells: &Cells,
    events: &[Event],
    limit: u64,
    meter: &mut Meter<'_>,
) -> Result<Found, Halt> {
    let now = Configuration { event: 0, value: cells.initial, owed: Slots::NONE, free: Slots::NONE };
    let mut walk: Walk<'_, '_, '_, W> = Walk {
        cells: &cells.cells,
        events,
        meter,
        limit,
        now,
        order: Vec::with_capacity(cells.cells.len()),
        hidden: Vec::new(),
        owners: vec![0; cells.slots],
        hideouts: vec![(0, How::Same); cells.cells.len()],
        visited: Visited::new(),
        frames: Vec::new(),
        candidates: Vec::new(),
        marks: vec![Marks::default(); cells.values as usize],
        wanted: &cells.wanted,
        epoch: 0,
        furthest: 0,
        dead_ends: 0,
    };
    let found = walk.run();
    if found.is_err() {
        let effort = Effort {
            operations: cells.cells.len(),
            unknown: cells.unknown,
            in_flight: cells.slots - cells.unknown,
            events: events.len(),
            passed: walk.furthest as usize,
            configurations: walk.visited.len(),
        };
        walk.meter.note(effort);
    }
    found
}

impl<const W: usize> Walk<'_, '_, '_, W> {
    fn run(&mut self) -> Result<Found, Halt> {
        match self.advance()? {
            Arrived::AtTheEnd => return Ok(Found::Order(self.finish())),
            Arrived::AtAReturn => self.block(Idle::No)?,
            Arrived::InVain => unreachable!("nothing was visited before"),
        }
        while let Some(frame) = self.frames.last() {
            let (from, is_idle) = (frame.configuration.event, frame.is_idle);
            self.go_back();
            let candidates = match frame_list(&self.frames) {
                Some(begin) => begin,
                None => self.list_candidates(is_idle)?,
            };
            if self.candidates.len() as u32 == candidates {
                self.dead_ends += 1;
                self.frames.pop();
                continue;
            }
            let candidate = self.candidates.pop().expect("there is one left");
            if self.candidates.len() as u32 == candidates {
                // There is no choice left, so there is nothing to come back for.
                self.frames.pop();
            }
            let followed = self.place(candidate);
            // Whoever goes on before a return that may pass without it does so for the sake of what returns.
            if !self.is_at_a_return_of_something_free() {
                match self.advance()? {
                    Arrived::AtTheEnd => return Ok(Found::Order(self.finish())),
                    Arrived::AtAReturn => {}
                    Arrived::InVain => continue,
                }
            }
            self.block(if self.now.event == from { followed } else { Idle::No })?;
        }
        let Event::Return(stuck) = self.events[self.furthest as usize] else {
            unreachable!("the walk stops at returns only")
        };
        Ok(Found::Nothing { stuck })
    }

    fn is_at_a_return_of_something_free(&self) -> bool {
        match self.events[self.now.event as usize] {
            Event::Return(number) => self.now.free.contains(self.cells[number as usize].slot),
            Event::Invoke(_) => unreachable!("the walk stops at returns only"),
        }
    }

    /// Walks to the next return in the way.
    fn advance(&mut self) -> Result<Arrived, Halt> {
        while let Some(event) = self.events.get(self.now.event as usize) {
            match *event {
                Event::Invoke(number) => self.open(number),
                Event::Return(number) => {
                    let slot = self.cells[number as usize].slot;
                    if self.now.owed.contains(slot) {
                        return Ok(Arrived::AtAReturn);
                    }
                    if self.now.free.contains(slot) {
                        if self.may_be_missed(number) {
                            let frames = self.frames.len();
                            self.block(Idle::No)?;
                            if self.frames.len() == frames {
                                return Ok(Arrived::InVain);
                            }
                        }
                        let (before, how) = self.hideouts[number as usize];
                        self.hidden.push(Hidden { before, how, number });
                        self.now.free.remove(slot);
                    }
                }
            }
            self.now.event += 1;
        }
        Ok(Arrived::AtTheEnd)
    }

    /// Whether it could be a mistake to let this write hide, because nobody can use it any more.
    fn may_be_missed(&self, number: u32) -> bool {
        match self.cells[number as usize].action {
            Action::Writes(value) => self.wanted[value as usize] > self.now.event,
            Action::Sees(_) | Action::SeesOther(_) | Action::Swaps { .. } => {
                unreachable!("only writes return while they are free")
            }
        }
    }

    fn open(&mut self, number: u32) {
        let Cell { action, slot, returns, .. } = self.cells[number as usize];
        self.owners[slot as usize] = number;
        let here = self.order.len() as u32;
        match action {
            Action::Sees(value) if self.now.value == value => return self.order.push(number),
            Action::SeesOther(value) if self.now.value != value => return self.order.push(number),
            Action::Sees(_) | Action::SeesOther(_) => {}
            Action::Writes(_) | Action::Swaps { .. } => self.now.free.insert(slot),
        }
        if returns == NEVER {
            return;
        }
        if matches!(action, Action::Writes(value) if self.now.value == value) {
            self.hideouts[number as usize] = (here, How::Same);
        } else {
            self.now.owed.insert(slot);
        }
    }

    /// Places an operation, with all that follows from it.
    fn place(&mut self, number: u32) -> Idle {
        let Cell { action, slot, returns, .. } = self.cells[number as usize];
        let place = self.order.len() as u32;
        self.order.push(number);
        self.now.free.remove(slot);
        self.now.owed.remove(slot);
        let is_write = match action {
            Action::Writes(value) => {
                self.now.value = value;
                true
            }
            Action::Swaps { new, .. } => {
                self.now.value = new;
                false
            }
            Action::Sees(_) | Action::SeesOther(_) => unreachable!("observations are placed where they are satisfied"),
        };
        let mut idle = if is_write || returns == NEVER { Idle::Yes } else { Idle::No };
        for slot in self.now.owed.each() {
            let owner = self.owners[slot as usize];
            let is_seen = match self.cells[owner as usize].action {
                Action::Sees(value) => self.now.value == value,
                Action::SeesOther(value) => self.now.value != value,
                Action::Writes(value) => {
                    if is_write {
                        self.hideouts[owner as usize] = (place, How::Overwritten);
                        self.now.owed.remove(slot);
                    } else if self.now.value == value {
                        self.hideouts[owner as usize] = (self.order.len() as u32, How::Same);
                        self.now.owed.remove(slot);
                    }
                    false
                }
                Action::Swaps { .. } => false,
            };
            if is_seen {
                self.order.push(owner);
                self.now.owed.remove(slot);
                idle = Idle::No;
            }
        }
        idle
    }

    /// Makes a frame of a configuration before a return, unless others have been there.
    fn block(&mut self, is_idle: Idle) -> Result<(), Halt> {
        self.meter.take(1, self.limit)?;
        self.furthest = self.furthest.max(self.now.event);
        // Until the first dead end nobody comes here twice.
        if self.dead_ends > 0 {
            let Some(compared) = self.visited.insert(&self.now) else { return Ok(()) };
            self.meter.take(u64::from(compared / 16), self.limit)?;
            self.meter.hold(self.visited.bytes() + self.frames.len() * size_of::<Frame<W>>())?;
        }
        self.frames.push(Frame {
            configuration: self.now,
            order: self.order.len() as u32,
            hidden: self.hidden.len() as u32,
            candidates: UNLISTED,
            is_idle,
        });
        Ok(())
    }

    /// Returns to the configuration of the last frame, which is on the path to this one.
    fn go_back(&mut self) {
        let frame = self.frames.last().expect("there is a frame to go back to");
        for event in self.events[frame.configuration.event as usize..self.now.event as usize].iter().rev() {
            match *event {
                Event::Return(number) => self.owners[self.cells[number as usize].slot as usize] = number,
                Event::Invoke(_) => {}
            }
        }
        self.now = frame.configuration;
        self.order.truncate(frame.order as usize);
        self.hidden.truncate(frame.hidden as usize);
    }

    /// Rules 4, 5 and 7: lists what it makes sense to place, best last, and says where the list begins.
    fn list_candidates(&mut self, is_idle: Idle) -> Result<u32, Halt> {
        let first = self.candidates.len();
        self.frames.last_mut().expect("candidates are of a frame").candidates = first as u32;
        self.epoch += 1;
        let epoch = self.epoch;
        let value = self.now.value;
        let mut other_awaited = false;
        for slot in self.now.owed.each() {
            match self.cells[self.owners[slot as usize] as usize].action {
                Action::Sees(value) => self.marks[value as usize].awaited = epoch,
                Action::SeesOther(_) => other_awaited = true,
                Action::Writes(_) | Action::Swaps { .. } => {}
            }
        }
        for slot in self.now.free.each() {
            match self.cells[self.owners[slot as usize] as usize].action {
                Action::Writes(value) => self.marks[value as usize].made = epoch,
                Action::Swaps { expected, new } => {
                    self.marks[new as usize].made = epoch;
                    self.marks[expected as usize].demanded = epoch;
                }
                Action::Sees(_) | Action::SeesOther(_) => {}
            }
        }
        if self.is_hopeless() {
            return Ok(first as u32);
        }
        let Event::Return(returning) = self.events[self.now.event as usize] else {
            unreachable!("the walk stops at returns only")
        };
        let is_owed = self.now.owed.contains(self.cells[returning as usize].slot);
        for slot in self.now.free.each() {
            let number = self.owners[slot as usize];
            let Cell { action, returns, .. } = self.cells[number as usize];
            let (to, is_swap) = match action {
                Action::Writes(to) if is_idle == Idle::No => (to, false),
                Action::Swaps { expected, new } if expected == value => (new, true),
                Action::Writes(_) | Action::Swaps { .. } | Action::Sees(_) | Action::SeesOther(_) => continue,
            };
            let marks = self.marks[to as usize];
            let is_useful = marks.awaited == epoch
                || marks.demanded == epoch
                || (other_awaited && to != value)
                || (is_swap && returns != NEVER)
                || passes(self.cells, returning, is_owed, number, to);
            if is_useful {
                self.offer(first, number);
            }
        }
        self.meter.take((self.candidates.len() - first) as u64, self.limit)?;
        let (cells, offered) = (self.cells, &mut self.candidates[first..]);
        let lets_pass = |number: u32| passes(cells, returning, is_owed, number, made(cells, number));
        offered.sort_by_key(|number| (lets_pass(*number), std::cmp::Reverse(cells[*number as usize].returns)));
        Ok(first as u32)
    }

    /// Rule 7, once it is marked which values can be made.
    fn is_hopeless(&self) -> bool {
        self.now.owed.each().any(|slot| {
            let cell = &self.cells[self.owners[slot as usize] as usize];
            match cell.action {
                Action::Sees(value) | Action::Swaps { expected: value, .. } => {
                    self.now.value != value
                        && self.marks[value as usize].made != self.epoch
                        && cell.supplied <= self.now.event
                }
                Action::SeesOther(_) | Action::Writes(_) => false,
            }
        })
    }

    /// Adds a candidate, unless an equal one returns earlier.
    fn offer(&mut self, first: usize, number: u32) {
        let cell = &self.cells[number as usize];
        let equal =
            self.candidates[first..].iter_mut().find(|other| self.cells[**other as usize].action == cell.action);
        match equal {
            Some(other) if cell.returns < self.cells[*other as usize].returns => *other = number,
            Some(_) => {}
            None => self.candidates.push(number),
        }
    }

    /// The order, with those that hid in their places.
    fn finish(&mut self) -> Vec<u32> {
        self.hidden.sort_unstable();
        let mut all = Vec::with_capacity(self.order.len() + self.hidden.len());
        let mut hidden = self.hidden.iter().peekable();
        for (place, number) in (0..).zip(&self.order) {
            while let Some(hides) = hidden.next_if(|hides| hides.before <= place) {
                all.push(hides.number);
            }
            all.push(*number);
        }
        all.extend(hidden.map(|hides| hides.number));
        all
    }
}

/// What an update makes.
fn made(cells: &[Cell], number: u32) -> Value {
    match cells[number as usize].action {
        Action::Writes(value) | Action::Swaps { new: value, .. } => value,
        Action::Sees(_) | Action::SeesOther(_) => unreachable!("only updates are candidates"),
    }
}

/// Whether placing an update that makes `to` lets a return pass: if it is not owed, the point is to place that.
fn passes(cells: &[Cell], returning: u32, is_owed: bool, number: u32, to: Value) -> bool {
    match cells[returning as usize].action {
        Action::Writes(_) if !is_owed => number == returning,
        Action::Sees(value) => to == value,
        Action::SeesOther(value) => to != value,
        Action::Writes(value) => matches!(cells[number as usize].action, Action::Writes(_)) || to == value,
        Action::Swaps { .. } => number == returning,
    }
}
