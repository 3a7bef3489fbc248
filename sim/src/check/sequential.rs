//! Sequential consistency: is there one order that explains every answer and keeps the order of each client (Lamport, 1979)?
//!
//! Real time does not count, so every linearizable history is sequentially consistent, and that is asked first. The
//! property is not local (Herlihy and Wing, 1990, section 3.3): each partition may have an order while all together have
//! none. So each is searched alone first, which can only condemn, and then all together. The search is depth first with a
//! memory of configurations: how far each client has come, the states, and what of unknown outcome is spent (Wing and
//! Gong, 1993; Lowe, 2017). Observations are placed as soon as the state gives their answer: it is one of the order's
//! next operations of its client, it changes nothing, and every order that has it later can have it here.
//!
//! An operation of unknown outcome comes after what its client was told before, and otherwise at any time, or never. What
//! it simplifies: a client that has several operations in flight counts as several clients; the problem is NP-complete
//! (Gibbons and Korach, 1997), so there is a budget.

use std::collections::BTreeMap;

use stateright::semantics::SequentialSpec;

use super::configuration::{Configuration, Front};
use super::split::{Component, Partition, split};
use super::{Budget, Inconclusive, Model, Op, Ret, Verdict, check};
use crate::history::{History, OperationId, Outcome, Stamp};

/// Whether a history is sequentially consistent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sequential<P> {
    /// There is an order that explains every answer and keeps the order of each client.
    Consistent,
    /// There is none.
    Violation {
        /// The partition that has none alone; the parts of all of them, if each alone has one.
        partition: Partition<P>,
        /// Where the order that got farthest stands: the next operation of each client that is not through.
        stuck: Vec<OperationId>,
    },
    /// The budget ran out.
    Inconclusive(Inconclusive),
}

/// A verdict, and what it took.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SequentialReport<P> {
    /// What was found.
    pub verdict: Sequential<P>,
    /// Operations placed and questions to the model, also those of the check for linearizability.
    pub steps: u64,
}

/// Checks a history for sequential consistency. Half of the budget may go into the check for linearizability.
#[must_use]
pub fn check_sequential<M: Model>(
    model: &M,
    history: &History<Op<M>, Ret<M>>,
    budget: &Budget<'_>,
) -> SequentialReport<M::Part> {
    let half = Budget { steps: budget.steps / 2, ..*budget };
    let report = check(model, history, &half);
    let mut meter = Meter { budget, steps: report.steps, next_poll: 0 };
    let verdict = match report.verdict {
        Verdict::Linearizable => Sequential::Consistent,
        Verdict::Violation(_) | Verdict::Inconclusive { .. } => decide(model, history, &mut meter),
    };
    SequentialReport { verdict, steps: meter.steps }
}

fn decide<M: Model>(model: &M, history: &History<Op<M>, Ret<M>>, meter: &mut Meter<'_, '_>) -> Sequential<M::Part> {
    let components = split(model, history).components;
    let mut stopped = None;
    let is_one = components.len() == 1;
    let groups = components.iter().map(std::slice::from_ref).chain((!is_one).then_some(&components[..]));
    for group in groups {
        match search(model, &Lines::new(model, history, group), group, meter) {
            Ok(Searched::Found) => {}
            Ok(Searched::Impossible { stuck }) => {
                let parts = group.iter().flat_map(|component| component.partition.0.iter().cloned()).collect();
                return Sequential::Violation { partition: Partition(parts), stuck };
            }
            Err(reason) => stopped = Some(reason),
        }
    }
    stopped.map_or(Sequential::Consistent, Sequential::Inconclusive)
}

/// Counts steps.
struct Meter<'m, 'b> {
    budget: &'m Budget<'b>,
    steps: u64,
    next_poll: u64,
}

impl Meter<'_, '_> {
    const POLL_STEPS: u64 = 4096;

    fn take(&mut self, steps: u64) -> Result<(), Inconclusive> {
        self.steps = self.steps.saturating_add(steps);
        if self.steps > self.budget.steps {
            return Err(Inconclusive::OutOfSteps);
        }
        if self.steps >= self.next_poll {
            self.next_poll = self.steps + Self::POLL_STEPS;
            if self.budget.stop.is_some_and(|stop| stop()) {
                return Err(Inconclusive::Stopped);
            }
        }
        Ok(())
    }
}

/// An operation to be placed.
struct Entry<'h, O, R> {
    id: OperationId,
    op: &'h O,
    answer: Option<&'h R>,
    /// Its component.
    home: usize,
    observes: bool,
    returned: Stamp,
}

/// An operation of unknown outcome.
struct Unknown<'h, O, R> {
    entry: Entry<'h, O, R>,
    /// How many operations of each of these lines come before it.
    after: Vec<(usize, u32)>,
}

/// The operations of each client, in order.
struct Lines<'h, O, R> {
    lines: Vec<Vec<Entry<'h, O, R>>>,
    unknowns: Vec<Unknown<'h, O, R>>,
}

impl<'h, O: Eq, R> Lines<'h, O, R> {
    fn new<M>(model: &M, history: &'h History<O, R>, components: &[Component<M>]) -> Self
    where
        M: Model<Spec: SequentialSpec<Op = O, Ret = R>>,
    {
        let mut homes: Vec<(OperationId, usize)> = Vec::new();
        for (home, component) in components.iter().enumerate() {
            homes.extend(component.ids.iter().map(|id| (*id, home)));
        }
        homes.sort_unstable();
        let mut lines: Vec<Vec<Entry<'h, O, R>>> = Vec::new();
        let mut of_client: BTreeMap<u64, Vec<usize>> = BTreeMap::new();
        let mut unknowns = Vec::new();
        for (id, home) in homes {
            let operation = &history.operations()[id.0 as usize];
            let (answer, returned) = match &operation.outcome {
                Outcome::Failed { .. } => continue,
                Outcome::Returned { ret, stamp, .. } => (Some(ret), *stamp),
                Outcome::Open | Outcome::Unknown { .. } => (None, Stamp::MAX),
            };
            let observes = model.observes(&operation.op, answer);
            let entry = Entry { id, op: &operation.op, answer, home, observes, returned };
            let mine = of_client.entry(operation.client).or_default();
            let before = |line: &[Entry<'h, O, R>]| line.partition_point(|other| other.returned < operation.invoked);
            if answer.is_none() {
                if !observes {
                    let count = |line: usize| u32::try_from(before(&lines[line])).expect("fewer than 2^32 operations");
                    let after = mine.iter().map(|line| (*line, count(*line))).collect();
                    unknowns.push(Unknown { entry, after });
                }
                continue;
            }
            match mine.iter().find(|line| before(&lines[**line]) == lines[**line].len()) {
                Some(line) => lines[*line].push(entry),
                None => {
                    mine.push(lines.len());
                    lines.push(vec![entry]);
                }
            }
        }
        Lines { lines, unknowns }
    }
}

/// How far each line has come, and the state of each component.
type Standing<S> = (Vec<u32>, Vec<S>);

enum Searched {
    Found,
    Impossible { stuck: Vec<OperationId> },
}

/// A configuration, and the candidates that have not been tried from it; the last is tried next.
struct Frame<S> {
    configuration: Configuration<Standing<S>>,
    left: Vec<Candidate>,
}

#[derive(Clone, Copy)]
enum Candidate {
    Next(usize),
    Unknown(usize),
}

fn search<M: Model>(
    model: &M,
    lines: &Lines<'_, Op<M>, Ret<M>>,
    components: &[Component<M>],
    meter: &mut Meter<'_, '_>,
) -> Result<Searched, Inconclusive> {
    let states: Vec<M::Spec> = components.iter().map(|component| component.initial.clone()).collect();
    let price = 1 + (lines.lines.len() + states.len()) as u64 / 16;
    let heap = |state: &M::Spec| model.heap_bytes(state) as u64 / BYTES_PER_STEP;
    let mut start = Configuration::at((vec![0; lines.lines.len()], states));
    lines.observe::<M>(&mut start, meter)?;
    let mut visited = Front::new();
    let mut farthest = (0, start.state.0.clone());
    let mut frames = vec![Frame { left: lines.candidates(&start), configuration: start }];
    while let Some(frame) = frames.last_mut() {
        if lines.is_through(&frame.configuration.state.0) {
            return Ok(Searched::Found);
        }
        let Some(candidate) = frame.left.pop() else {
            frames.pop();
            continue;
        };
        meter.take(price)?;
        let Some(mut next) = lines.place::<M>(&frame.configuration, candidate) else { continue };
        meter.take(next.state.1.iter().map(heap).sum())?;
        lines.observe::<M>(&mut next, meter)?;
        if visited.insert(&next) {
            let placed: u64 = next.state.0.iter().map(|position| u64::from(*position)).sum();
            if placed > farthest.0 {
                farthest = (placed, next.state.0.clone());
            }
            frames.push(Frame { left: lines.candidates(&next), configuration: next });
        }
    }
    Ok(Searched::Impossible { stuck: lines.next(&farthest.1).map(|(_, entry)| entry.id).collect() })
}

/// A new configuration costs a step for so many bytes of its states.
const BYTES_PER_STEP: u64 = 64;

impl<'h, O: Eq, R> Lines<'h, O, R> {
    /// The next operation of each line that is not through.
    fn next<'l>(&'l self, positions: &'l [u32]) -> impl Iterator<Item = (usize, &'l Entry<'h, O, R>)> {
        let all = self.lines.iter().zip(positions).enumerate();
        all.filter_map(|(line, (entries, position))| Some((line, entries.get(*position as usize)?)))
    }

    fn is_through(&self, positions: &[u32]) -> bool {
        self.next(positions).next().is_none()
    }

    /// What may be placed next, the most promising last: what returned first is likely to have taken effect first.
    fn candidates<S>(&self, configuration: &Configuration<Standing<S>>) -> Vec<Candidate> {
        let positions = &configuration.state.0;
        let ready = |unknown: &Unknown<'h, O, R>| unknown.after.iter().all(|(line, count)| positions[*line] >= *count);
        let mut candidates = Vec::new();
        for (number, unknown) in self.unknowns.iter().enumerate().rev() {
            // Of equal ones that are ready the first will do.
            let is_new = |number: usize| !configuration.spent.contains(number as u32) && ready(&self.unknowns[number]);
            let is_same = |other: &usize| self.unknowns[*other].entry.op == unknown.entry.op && is_new(*other);
            if is_new(number) && !(0..number).any(|other| is_same(&other)) {
                candidates.push(Candidate::Unknown(number));
            }
        }
        let mut updates: Vec<_> = self
            .next(positions)
            .filter(|(_, entry)| !entry.observes)
            .map(|(line, entry)| (entry.returned, line))
            .collect();
        updates.sort_unstable_by(|one, other| other.cmp(one));
        candidates.extend(updates.into_iter().map(|(_, line)| Candidate::Next(line)));
        candidates
    }

    /// Places an operation; `None` if it does not give its answer, or changes nothing and need not be placed.
    fn place<M>(
        &self,
        from: &Configuration<Standing<M::Spec>>,
        candidate: Candidate,
    ) -> Option<Configuration<Standing<M::Spec>>>
    where
        M: Model<Spec: SequentialSpec<Op = O, Ret = R>>,
    {
        let entry = match candidate {
            Candidate::Next(line) => &self.lines[line][from.state.0[line] as usize],
            Candidate::Unknown(number) => &self.unknowns[number].entry,
        };
        let mut state = from.state.1[entry.home].clone();
        let fits = match entry.answer {
            Some(answer) => state.is_valid_step(entry.op, answer),
            None => {
                state.invoke(entry.op);
                state != from.state.1[entry.home]
            }
        };
        if !fits {
            return None;
        }
        let mut next = from.clone();
        next.state.1[entry.home] = state;
        match candidate {
            Candidate::Next(line) => next.state.0[line] += 1,
            Candidate::Unknown(number) => next.spent.insert(number as u32),
        }
        Some(next)
    }

    /// Places all observations that the states explain.
    fn observe<M>(
        &self,
        configuration: &mut Configuration<Standing<M::Spec>>,
        meter: &mut Meter<'_, '_>,
    ) -> Result<(), Inconclusive>
    where
        M: Model<Spec: SequentialSpec<Op = O, Ret = R>>,
    {
        let (positions, states) = &mut configuration.state;
        for (entries, position) in self.lines.iter().zip(positions) {
            // The next of one line does not wait for another line.
            while let Some(entry) = entries.get(*position as usize)
                && entry.observes
                && let Some(answer) = entry.answer
            {
                meter.take(1)?;
                let mut after = states[entry.home].clone();
                if !after.is_valid_step(entry.op, answer) {
                    break;
                }
                assert!(
                    after == states[entry.home],
                    "an operation that the model calls an observation changed the state"
                );
                *position += 1;
            }
        }
        Ok(())
    }
}
