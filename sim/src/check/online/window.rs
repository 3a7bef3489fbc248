//! What an online check still remembers of a partition: its latest events, and the operations that they are about.
//!
//! Events are counted from the beginning of time; those before [`Window::first`] are forgotten (Lowe, 2017, looks at a
//! history in the same way, from a configuration on). What becomes of an operation is learned late, so what may be done
//! with it is asked anew each time. What it simplifies: operations of unknown outcome are remembered for as long as some
//! order may still place them.

use std::collections::VecDeque;

use stateright::semantics::SequentialSpec;

use super::super::configuration::Configuration;
use super::super::{Call, Model, Op, Ret};

/// The place of an operation in [`Window`]. It is used again when the operation is forgotten.
pub(super) type Number = u32;

/// What has become of an operation so far.
pub(super) enum End<R> {
    /// Nothing yet: it may return, with any answer, or not.
    Open,
    /// It returned.
    Answered {
        answer: R,
        /// It changes no state in which it gives this answer.
        observes: bool,
    },
    /// It never returns, and may take effect or not.
    Unknown {
        /// An equal one, invoked before it: that one is to be spent first.
        twin: Option<Number>,
    },
    /// It had no effect.
    Failed,
}

/// An operation.
pub(super) struct Entry<M: Model> {
    pub(super) op: Op<M>,
    pub(super) end: End<Ret<M>>,
    /// The event of its invocation.
    pub(super) invoked: u64,
    /// Whatever its answer, it changes nothing.
    pub(super) only_observes: bool,
}

/// What happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Event {
    Invoke(Number),
    Return(Number),
}

/// What comes of placing an operation.
pub(super) struct Placing<M: Model> {
    pub(super) state: M::Spec,
    /// What it answers, if it has not been answered yet.
    pub(super) gives: Option<Ret<M>>,
}

/// The latest events of a partition.
pub(super) struct Window<M: Model> {
    entries: Vec<Option<Entry<M>>>,
    free: Vec<Number>,
    first: u64,
    events: VecDeque<Event>,
    /// In flight before the first event, in the order of invocation. It is known what became of each.
    pub(super) open_at_first: Vec<Number>,
    /// Of unknown outcome, in no particular order.
    unknown: Vec<Number>,
    /// Questions to the specification so far.
    pub(super) steps: u64,
}

impl<M: Model> Window<M> {
    pub(super) fn new() -> Self {
        Window {
            entries: Vec::new(),
            free: Vec::new(),
            first: 0,
            events: VecDeque::new(),
            open_at_first: Vec::new(),
            unknown: Vec::new(),
            steps: 0,
        }
    }

    /// The first event that is remembered.
    pub(super) fn first(&self) -> u64 {
        self.first
    }

    /// The event that comes next.
    pub(super) fn end(&self) -> u64 {
        self.first + self.events.len() as u64
    }

    pub(super) fn event(&self, event: u64) -> Event {
        self.events[usize::try_from(event - self.first).expect("an event that is remembered")]
    }

    pub(super) fn entry(&self, number: Number) -> &Entry<M> {
        self.entries[number as usize].as_ref().expect("an operation that an event is about is remembered")
    }

    fn entry_mut(&mut self, number: Number) -> &mut Entry<M> {
        self.entries[number as usize].as_mut().expect("an operation that may still end is remembered")
    }

    /// How many operations are remembered.
    pub(super) fn operations(&self) -> usize {
        self.entries.len() - self.free.len()
    }

    pub(super) fn invoke(&mut self, model: &M, op: Op<M>) -> Number {
        let only_observes = model.observes(&op, None);
        let entry = Entry { op, end: End::Open, invoked: self.end(), only_observes };
        let number = match self.free.pop() {
            Some(number) => number,
            None => {
                self.entries.push(None);
                Number::try_from(self.entries.len() - 1).expect("fewer than 2^32 operations are remembered at once")
            }
        };
        self.entries[number as usize] = Some(entry);
        self.events.push_back(Event::Invoke(number));
        number
    }

    /// Records the answer; whether the operation is an observation.
    pub(super) fn returned(&mut self, model: &M, number: Number, answer: Ret<M>) -> bool {
        let observes = model.observes(&self.entry(number).op, Some(&answer));
        self.entry_mut(number).end = End::Answered { answer, observes };
        self.events.push_back(Event::Return(number));
        observes
    }

    pub(super) fn failed(&mut self, number: Number) {
        self.entry_mut(number).end = End::Failed;
    }

    /// Records that the operation never returns, and finds the equal one that is to be spent before it.
    pub(super) fn unknown(&mut self, number: Number) {
        if self.entry(number).only_observes {
            self.failed(number);
            return;
        }
        let invoked = self.entry(number).invoked;
        let mut before: Option<Number> = None;
        let mut behind: Option<Number> = None;
        for &other in &self.unknown {
            if self.entry(other).op != self.entry(number).op {
                continue;
            }
            let at = self.entry(other).invoked;
            if at < invoked && before.is_none_or(|best| self.entry(best).invoked < at) {
                before = Some(other);
            }
            if at > invoked && behind.is_none_or(|best| self.entry(best).invoked > at) {
                behind = Some(other);
            }
        }
        self.unknown.push(number);
        self.entry_mut(number).end = End::Unknown { twin: before };
        if let Some(behind) = behind {
            self.entry_mut(behind).end = End::Unknown { twin: Some(number) };
        }
    }

    /// Whether it is of any interest that the operation is in flight.
    pub(super) fn matters(&self, number: Number) -> bool {
        !matches!(self.entry(number).end, End::Failed)
    }

    /// Whether the operation may be placed because another one must be, or is to return.
    pub(super) fn is_candidate(&self, number: Number, configuration: &Configuration<M::Spec>) -> bool {
        if configuration.has(number) {
            return false;
        }
        let entry = self.entry(number);
        match &entry.end {
            End::Open => !entry.only_observes,
            End::Answered { observes, .. } => !observes,
            End::Unknown { twin } => twin.is_none_or(|twin| configuration.has(twin)),
            End::Failed => false,
        }
    }

    pub(super) fn is_unknown(&self, number: Number) -> bool {
        matches!(self.entry(number).end, End::Unknown { .. })
    }

    /// What comes of placing a candidate; `None` if it does not give its answer, or need not be placed.
    pub(super) fn place(&mut self, model: &M, number: Number, from: &M::Spec) -> Option<Placing<M>> {
        self.steps += 1;
        let entry = self.entry(number);
        let mut state = from.clone();
        let mut gives = None;
        match &entry.end {
            End::Answered { answer, .. } => {
                if !state.is_valid_step(&entry.op, answer) {
                    return None;
                }
            }
            End::Open => {
                let answer = state.invoke(&entry.op);
                // If it turns out to have been an observation, it is placed wherever it fits on the way.
                if model.observes(&entry.op, Some(&answer)) {
                    return None;
                }
                gives = Some(answer);
            }
            End::Unknown { .. } => {
                state.invoke(&entry.op);
                if state == *from {
                    return None;
                }
            }
            End::Failed => return None,
        }
        Some(Placing { state, gives })
    }

    /// Whether the operation is an observation that this state explains.
    pub(super) fn is_seen(&mut self, number: Number, state: &M::Spec) -> bool {
        let End::Answered { answer, observes: true } = &self.entry(number).end else { return false };
        let mut after = state.clone();
        let is_seen = after.is_valid_step(&self.entry(number).op, answer);
        assert!(!is_seen || after == *state, "an operation that the model calls an observation changed the state");
        self.steps += 1;
        is_seen
    }

    /// Places all observations in flight that the state explains.
    pub(super) fn observe(&mut self, open: &[Number], configuration: &mut Configuration<M::Spec>) {
        for &number in open {
            if !configuration.placed.contains(number) && self.is_seen(number, &configuration.state) {
                configuration.placed.insert(number);
            }
        }
    }

    /// Puts an operation in flight where its turn is.
    pub(super) fn open(&self, open: &mut Vec<Number>, number: Number) {
        let invoked = self.entry(number).invoked;
        let place = open.partition_point(|other| self.entry(*other).invoked < invoked);
        open.insert(place, number);
    }

    /// The first event behind which nothing is in flight that may still return; all before may be settled.
    pub(super) fn settled(&self, open: &[Number]) -> u64 {
        let undecided = open.iter().map(|number| self.entry(*number)).find(|entry| matches!(entry.end, End::Open));
        undecided.map_or(self.end(), |entry| entry.invoked.max(self.first))
    }

    /// The operation and its answer, if that is known.
    pub(super) fn call(&self, number: Number) -> Call<'_, M> {
        let entry = self.entry(number);
        let End::Answered { answer, .. } = &entry.end else { return (&entry.op, None) };
        (&entry.op, Some(answer))
    }

    /// Whether it is worthwhile to look ahead to the operation, which has returned.
    pub(super) fn has_outlook(&self, model: &M, number: Number) -> bool {
        let entry = self.entry(number);
        matches!(entry.end, End::Answered { observes: true, .. }) || model.has_outlook(&entry.op)
    }

    /// Whether one of these may still return.
    pub(super) fn has_undecided(&self, open: &[Number]) -> bool {
        open.iter().any(|number| matches!(self.entry(*number).end, End::Open))
    }

    /// Forgets the events before this one, where these are in flight and these of them are spent for good.
    pub(super) fn forget(&mut self, until: u64, mut open: Vec<Number>, spent: &[Number]) {
        while self.first < until {
            let event = self.events.pop_front().expect("only what is remembered is forgotten");
            self.first += 1;
            match event {
                Event::Return(number) => self.release(number),
                Event::Invoke(number) if !self.matters(number) => self.release(number),
                Event::Invoke(_) => {}
            }
        }
        open.retain(|number| !spent.contains(number));
        for &number in spent {
            self.unknown.retain(|other| *other != number);
            self.release(number);
        }
        for place in 0..self.unknown.len() {
            let entry = self.entry_mut(self.unknown[place]);
            if let End::Unknown { twin } = &mut entry.end {
                *twin = twin.filter(|twin| !spent.contains(twin));
            }
        }
        self.open_at_first = open;
    }

    fn release(&mut self, number: Number) {
        self.entries[number as usize] = None;
        self.free.push(number);
    }
}
