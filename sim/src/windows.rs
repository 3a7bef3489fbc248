//! Judging expectations: windows between two moments of a run, and what is counted or looked at in them.
//!
//! See [`crate::plan`] for what an expectation is. An edge at a step lies right before its action, one at the healing right
//! before everything is healed. Nothing here changes what happens in a run: an edge is no event, and nothing is drawn.

use std::collections::BTreeMap;

use crate::disk::Disk;
use crate::invariant::Check;
use crate::kernel::{Event, Kernel};
use crate::node::{NodeId, ProbeId, Process};
use crate::plan::{Edge, Exercised, Expectation, Quantity};
use crate::script::Script;
use crate::time::{Instant, MICROSECOND_NS, MILLISECOND_NS, SECOND_NS};
use crate::watch::{Counter, Traffic, Waiter};
use crate::world::World;

/// What an edge counts from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Moment {
    Start,
    Step(usize),
    Healed,
    End,
}

/// The expectations of a run, and how far the window of each has come.
#[derive(Debug, Default)]
pub(crate) struct Windows {
    expectations: Vec<Expectation>,
    states: Vec<State>,
    /// What hangs on each moment: the expectations whose windows open there, and those whose windows close there.
    edges: BTreeMap<Moment, [Vec<usize>; 2]>,
    /// The latest time at which an edge is known to lie.
    latest: Instant,
}

#[derive(Clone, Copy, Debug, Default)]
enum State {
    /// Its window has not opened.
    #[default]
    Ahead,
    /// Its window opened, with its counter at this number.
    Open { base: u64 },
    /// It was judged.
    Judged(Instant),
    /// The end of its window came without its beginning.
    Missed,
}

impl Edge {
    fn moment(self) -> Moment {
        match self {
            Edge::Start { .. } => Moment::Start,
            Edge::Step { step, .. } => Moment::Step(step),
            Edge::Healed { .. } => Moment::Healed,
            Edge::End => Moment::End,
        }
    }

    fn after_ns(self) -> u64 {
        match self {
            Edge::Start { after_ns } | Edge::Step { after_ns, .. } | Edge::Healed { after_ns } => after_ns,
            Edge::End => 0,
        }
    }
}

/// How a quantity is found.
enum Measure {
    /// By how much this has grown since the window opened.
    Growth(Counter),
    /// As it is when the window closes.
    Led,
    DiskBytes,
}

impl Quantity {
    fn measure(self) -> Measure {
        match self {
            Quantity::Commits => Measure::Growth(Counter::Commits),
            Quantity::Answers => Measure::Growth(Counter::Answers),
            Quantity::Messages => Measure::Growth(Counter::Messages),
            Quantity::Bytes => Measure::Growth(Counter::Bytes),
            Quantity::Leaders => Measure::Growth(Counter::Leaders),
            Quantity::Probe(probe) => Measure::Growth(Counter::Probe(probe)),
            Quantity::Led => Measure::Led,
            Quantity::DiskBytes => Measure::DiskBytes,
        }
    }
}

impl Expectation {
    /// The counter that must not reach a number, with that number.
    fn limit(&self, base: u64) -> Option<(Counter, u64)> {
        match self.quantity.measure() {
            Measure::Growth(counter) => Some((counter, base.checked_add(self.at_most)?.checked_add(1)?)),
            Measure::Led | Measure::DiskBytes => None,
        }
    }
}

impl<P: Process> World<P> {
    /// Gives the run its expectations. Those about steps are about the steps that the run was given before.
    ///
    /// # Panics
    /// If an edge lies at a step that there is not, or the most that is expected is below the least.
    pub fn expect(&mut self, expectations: Vec<Expectation>) {
        let steps = self.script.taken().count();
        let mut edges: BTreeMap<Moment, [Vec<usize>; 2]> = BTreeMap::new();
        for (number, expectation) in expectations.iter().enumerate() {
            let Expectation { from, until, quantity, at_least, at_most, .. } = expectation;
            assert!(at_least <= at_most, "expectation {number} can be met");
            for (side, edge) in [from, until].into_iter().enumerate() {
                assert!(!matches!(edge, Edge::Step { step, .. } if *step >= steps), "{edge:?} lies at a step");
                edges.entry(edge.moment()).or_default()[side].push(number);
            }
            if matches!(quantity, Quantity::Messages | Quantity::Bytes) {
                self.kernel.traffic = Some(Traffic::default());
            }
        }
        let states = vec![State::default(); expectations.len()];
        self.windows = Windows { expectations, states, edges, latest: Instant::START };
    }

    /// The run is over: the windows that last until its end close.
    pub fn finish(&mut self) {
        self.pass(Moment::End);
    }

    /// The latest time at which an expectation is to be looked at, as far as that is known by now. A run that ends
    /// earlier leaves it unjudged.
    #[must_use]
    pub fn expects_until(&self) -> Instant {
        self.windows.latest
    }

    /// Which steps were taken, and which expectations were judged.
    #[must_use]
    pub fn exercised(&self) -> Exercised {
        let judged = |state: &State| match state {
            State::Judged(at) => Some(*at),
            State::Ahead | State::Open { .. } | State::Missed => None,
        };
        Exercised {
            steps: self.script.taken().collect(),
            expectations: self.windows.states.iter().map(judged).collect(),
        }
    }

    /// A moment that windows may hang on has come.
    pub(crate) fn pass(&mut self, moment: Moment) {
        let Some([opening, closing]) = self.windows.edges.remove(&moment) else { return };
        for number in opening {
            match self.windows.expectations[number].from.after_ns() {
                0 => self.open_window(number),
                after_ns => self.queue_edge(after_ns, Event::WindowOpens(number)),
            }
        }
        for number in closing {
            match self.windows.expectations[number].until.after_ns() {
                0 => self.close_window(number),
                after_ns => self.queue_edge(after_ns, Event::WindowCloses(number)),
            }
        }
    }

    fn queue_edge(&mut self, after_ns: u64, event: Event<P::Message>) {
        let at = self.kernel.now.after(after_ns);
        self.windows.latest = self.windows.latest.max(at);
        self.kernel.queue.push(at, event);
    }

    pub(crate) fn open_window(&mut self, number: usize) {
        let State::Ahead = self.windows.states[number] else { return };
        let expectation = &self.windows.expectations[number];
        let base = match expectation.quantity.measure() {
            Measure::Growth(counter) => self.kernel.count_of(counter),
            Measure::Led | Measure::DiskBytes => 0,
        };
        if let Some((counter, limit)) = expectation.limit(base) {
            self.watch.for_count(counter, limit, Waiter::Expectation(number));
        }
        self.windows.states[number] = State::Open { base };
    }

    pub(crate) fn close_window(&mut self, number: usize) {
        let State::Open { base } = self.windows.states[number] else {
            if let State::Ahead = self.windows.states[number] {
                self.windows.states[number] = State::Missed;
            }
            return;
        };
        let expectation = &self.windows.expectations[number];
        if let Some((counter, limit)) = expectation.limit(base) {
            self.watch.no_longer(counter, limit, Waiter::Expectation(number));
        }
        let value = self.kernel.value_of(expectation.quantity) - base;
        self.judge(number, value, "there were");
    }

    /// There is more of something than there may be, before the window has closed.
    pub(crate) fn exceeded(&mut self, number: usize) {
        let State::Open { base } = self.windows.states[number] else { return };
        let value = self.kernel.value_of(self.windows.expectations[number].quantity) - base;
        self.judge(number, value, "there are already");
    }

    fn judge(&mut self, number: usize, value: u64, there_were: &str) {
        self.windows.states[number] = State::Judged(self.kernel.now);
        let expectation = &self.windows.expectations[number];
        let is_met = (expectation.at_least..=expectation.at_most).contains(&value);
        if is_met || !self.kernel.observer.checks().contains(Check::Expectation) {
            return;
        }
        let mut why = expectation.in_words(&self.script, P::probe_name);
        why += &match expectation.quantity.measure() {
            Measure::Led if value == 0 => ", and there was none".to_owned(),
            Measure::Led => ", and there was one".to_owned(),
            Measure::Growth(_) | Measure::DiskBytes => format!(", and {there_were} {value}"),
        };
        self.kernel.fail(None, (Check::Expectation, why));
    }
}

impl<P: Process> Kernel<P> {
    fn value_of(&self, quantity: Quantity) -> u64 {
        match quantity.measure() {
            Measure::Growth(counter) => self.count_of(counter),
            Measure::Led => u64::from(self.is_led()),
            Measure::DiskBytes => self.disks.iter().map(Disk::bytes).max().unwrap_or(0),
        }
    }

    /// Whether somebody who leads the highest term led so far runs, and can reach a majority both ways.
    fn is_led(&self) -> bool {
        let runs = |node: NodeId| self.slots[node.index()].downs == 0 && self.slots[node.index()].pauses == 0;
        let reach = |one: NodeId, other: NodeId| {
            one == other || (!self.network.is_hindered(one, other) && !self.network.is_hindered(other, one))
        };
        let Some(leader) = self.observer.leader().filter(|leader| runs(*leader)) else { return false };
        let reached = (0..self.disks.len() as u32).map(NodeId).filter(|node| runs(*node) && reach(leader, *node));
        self.observer.is_majority(reached)
    }
}

impl Expectation {
    /// As in "at most 42 messages from server to server from 1 s to 2 s after step `idle`".
    fn in_words(&self, script: &Script, probe_name: impl Fn(ProbeId) -> String) -> String {
        let until = at(self.until, script);
        let counted = match self.quantity {
            Quantity::Led if self.at_least > 0 => return format!("expected a leader that reaches a majority {until}"),
            Quantity::Led => return format!("expected no leader that reaches a majority {until}"),
            Quantity::DiskBytes => {
                return format!("expected {} bytes in the files of any server {until}", self.bounds());
            }
            Quantity::Commits => "committed entries".to_owned(),
            Quantity::Answers => "answered operations".to_owned(),
            Quantity::Messages => "messages from server to server".to_owned(),
            Quantity::Bytes => "bytes from server to server".to_owned(),
            Quantity::Leaders => "terms that got a leader".to_owned(),
            Quantity::Probe(probe) => format!("hits of {}", probe_name(probe)),
        };
        format!("expected {} {counted} {}", self.bounds(), self.window(script))
    }

    fn bounds(&self) -> String {
        match (self.at_least, self.at_most) {
            (least, most) if least == most => format!("exactly {least}"),
            (0, most) => format!("at most {most}"),
            (least, u64::MAX) => format!("at least {least}"),
            (least, most) => format!("{least} to {most}"),
        }
    }

    fn window(&self, script: &Script) -> String {
        let (from, until) = (self.from, self.until);
        if from.moment() == until.moment() && from.after_ns() > 0 {
            let from = span(from.after_ns());
            return format!("from {from} to {}", edge(until, script));
        }
        format!("from {} to {}", edge(from, script), edge(until, script))
    }
}

fn moment(moment: Moment, script: &Script) -> String {
    match moment {
        Moment::Start => "the start".to_owned(),
        Moment::Step(step) => script.name_of(step),
        Moment::Healed => "the healing".to_owned(),
        Moment::End => "the end".to_owned(),
    }
}

fn edge(edge: Edge, script: &Script) -> String {
    let moment = moment(edge.moment(), script);
    if edge.after_ns() == 0 { moment } else { format!("{} after {moment}", span(edge.after_ns())) }
}

fn at(at: Edge, script: &Script) -> String {
    let edge = edge(at, script);
    if at.after_ns() == 0 { format!("at {edge}") } else { edge }
}

/// A span of time in the largest unit that needs no fraction.
fn span(span_ns: u64) -> String {
    let units = [(SECOND_NS, "s"), (MILLISECOND_NS, "ms"), (MICROSECOND_NS, "us")];
    match units.into_iter().find(|(unit_ns, _)| span_ns.is_multiple_of(*unit_ns)) {
        Some((unit_ns, unit)) => format!("{} {unit}", span_ns / unit_ns),
        None => format!("{span_ns} ns"),
    }
}
