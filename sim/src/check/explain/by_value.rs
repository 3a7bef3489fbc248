//! Orders of operations on one part, found by what its value may still become.
//!
//! In the questions of an explanation most operations may have taken effect at any time, or never. A search that tries
//! them one after the other is lost among values that nobody will see. Here the state is not a value: it is, for each
//! value that somebody has yet to see, what that has behind the present one. If `abc` is yet to be read and `a` is there,
//! that is `bc`; and all values that can become no such value any more are one state. Otherwise it is the search of Wing
//! and Gong (1993), with four rules that leave out only what some other branch can do as well:
//!
//! 1. Whoever sees what is there, and changes nothing, is placed at once.
//! 2. An operation of unknown outcome takes effect only where it makes a difference to somebody, and of equal ones the
//!    one that was invoked first does.
//! 3. A branch ends where somebody has yet to see a value that neither the present one nor one that may still be written
//!    can become, with the elements that are still to be appended.
//! 4. Where the present value is none that anybody will see, an update that leaves it so wherever it stands is placed at
//!    once: at a later place it would overwrite nothing that is seen. So of several such updates, the one that returns
//!    first is enough to begin with. Swaps that failed see any value; where there are any, this rule is not used.
//! 5. No configuration is visited twice.
//!
//! What it simplifies: values must say what was appended to what, as for monitoring; and where an operation is in flight
//! while more than 128 others are invoked, or that many are of unknown outcome, this says nothing.

use std::hash::Hash;

use crate::check::memory::{StateId, States, Table};
use crate::check::{Access, Remainder};
use crate::history::Stamp;

/// An operation to be placed.
pub(super) struct Item<V> {
    pub(super) invoked: Stamp,
    /// `None` if its outcome is unknown: it may be left out.
    pub(super) returned: Option<Stamp>,
    pub(super) access: Access<V>,
}

/// What was found.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Solved {
    /// This order, as positions of items.
    Order(Vec<usize>),
    /// There is none.
    Nothing,
    /// The steps did not suffice to tell.
    OutOfSteps,
}

/// How many operations a set holds.
const WINDOW: usize = u128::BITS as usize;

/// How many of those that have yet to see a value are looked at by rule 3.
const OBSERVERS: usize = 16;

/// What a value has behind another.
pub(super) type Behind<'s, V> = &'s dyn Fn(&V, &V) -> Remainder<V>;

/// Looks for an order of items, which are sorted by their invocations; takes from `steps`. `None`: this is not for here.
pub(super) fn solve<V: Clone + Ord + Hash>(
    initial: &V,
    items: &[Item<V>],
    behind: Behind<'_, V>,
    steps: &mut u64,
) -> Option<Solved> {
    let mut solver = Solver::new(initial, items, behind)?;
    let solved = solver.run(initial, steps);
    solved.or((*steps == 0).then_some(Solved::OutOfSteps))
}

/// For each value that somebody may still see, what it has behind the present one.
type State<V> = Vec<Remainder<V>>;

/// An operation that has an answer, or one that has none.
#[derive(Clone, Copy)]
enum Source {
    Told(usize),
    Silent(usize),
}

struct Told {
    place: usize,
    invoked: Stamp,
    returned: Stamp,
    /// The value that it looks at.
    target: Option<usize>,
}

struct Silent {
    place: usize,
    invoked: Stamp,
    target: Option<usize>,
    /// The last one before it that does the same.
    twin: Option<usize>,
}

struct Solver<'s, V> {
    items: &'s [Item<V>],
    behind: Behind<'s, V>,
    has_appends: bool,
    told: Vec<Told>,
    silent: Vec<Silent>,
    targets: Vec<V>,
    /// Who looks at each target.
    observers: Vec<Vec<Source>>,
    /// Whoever sets a value that is a target or the beginning of one.
    writers: Vec<Vec<Source>>,
    /// Each element, with whoever appends it.
    elements: Vec<(V, Vec<Source>)>,
    /// Whether no element begins with another, so that values can be taken apart in one way only.
    is_prefix_code: bool,
    /// The elements of what is behind a value, and how often each; `None` if it is not made of them.
    parts: Table<V, Option<Vec<(usize, usize)>>>,
    /// For each operation that has an answer, the targets to which it can contribute.
    concerns: Vec<Vec<usize>>,
    /// Swaps that failed.
    refused: Vec<Source>,
    states: States<State<V>>,
    /// The state right behind each item that sets a value.
    written: Vec<Option<StateId>>,
    visited: Table<(usize, u128, u128, StateId), ()>,
    /// What was placed, and the one before it.
    placements: Vec<(usize, Option<usize>)>,
}

#[derive(Clone, Copy)]
struct Configuration {
    /// All that were told before this one are placed.
    base: usize,
    /// Of those from there on.
    placed: u128,
    spent: u128,
    state: StateId,
    /// The last in [`Solver::placements`].
    last: Option<usize>,
}

impl<'s, V: Clone + Ord + Hash> Solver<'s, V> {
    fn new(initial: &V, items: &'s [Item<V>], behind: Behind<'s, V>) -> Option<Solver<'s, V>> {
        let looks_at = |access: &Access<V>| match access {
            Access::Read(value) | Access::Swap { expected: value, .. } => Some(value.clone()),
            Access::Write(_) | Access::Append(_) => None,
        };
        let mut targets: Vec<V> = items.iter().filter_map(|item| looks_at(&item.access)).collect();
        targets.sort_unstable();
        targets.dedup();
        let mut solver = Solver {
            items,
            behind,
            has_appends: items.iter().any(|item| matches!(item.access, Access::Append(_))),
            told: Vec::new(),
            silent: Vec::new(),
            observers: targets.iter().map(|_| Vec::new()).collect(),
            writers: targets.iter().map(|_| Vec::new()).collect(),
            targets,
            elements: Vec::new(),
            is_prefix_code: true,
            parts: Table::default(),
            concerns: Vec::new(),
            refused: Vec::new(),
            states: States::new(),
            written: Vec::new(),
            visited: Table::default(),
            placements: Vec::new(),
        };
        for (place, item) in items.iter().enumerate() {
            let target = looks_at(&item.access).and_then(|value| solver.targets.binary_search(&value).ok());
            solver.add(place, item, target)?;
        }
        if solver.silent.len() > WINDOW || !solver.is_decodable(initial) {
            return None;
        }
        let is_apart = |pair: &[(V, Vec<Source>)]| (solver.behind)(&pair[1].0, &pair[0].0) == Remainder::Unlike;
        solver.is_prefix_code = solver.elements.windows(2).all(is_apart);
        solver.take_apart(initial);
        for item in items {
            let state = match &item.access {
                Access::Write(value) | Access::Swap { new: value, .. } => Some(solver.written(value)),
                Access::Read(_) | Access::Append(_) => None,
            };
            let state = state.map(|state| solver.states.intern(state));
            solver.written.push(state);
        }
        Some(solver)
    }

    /// Finds out what contributes to which target.
    fn take_apart(&mut self, initial: &V) {
        let mut used: Vec<Vec<usize>> = self.elements.iter().map(|_| Vec::new()).collect();
        let mut written: Vec<Vec<usize>> = self.told.iter().map(|_| Vec::new()).collect();
        for target in 0..self.targets.len() {
            let mut rests = vec![(self.behind)(&self.targets[target], initial)];
            for source in &self.writers[target] {
                if let Source::Told(number) = source {
                    written[*number].push(target);
                }
                if let Access::Write(value) | Access::Swap { new: value, .. } = self.access(*source) {
                    rests.push((self.behind)(&self.targets[target], value));
                }
            }
            for rest in rests {
                let Remainder::More(rest) = rest else { continue };
                self.learn(&rest);
                for (element, _) in self.parts[&rest].iter().flatten() {
                    used[*element].push(target);
                }
            }
        }
        self.concerns = written;
        for (element, (_, sources)) in self.elements.iter().enumerate() {
            for source in sources {
                if let Source::Told(number) = source {
                    self.concerns[*number].clone_from(&used[element]);
                }
            }
        }
    }

    /// Takes apart what is left of a value, and all that will be left of that.
    fn learn(&mut self, rest: &V) {
        let mut firsts: Vec<(V, usize)> = Vec::new();
        let mut rest = Remainder::More(rest.clone());
        let mut parts = Some(Vec::new());
        while let Remainder::More(value) = rest {
            if let Some(known) = self.parts.get(&value) {
                parts.clone_from(known);
                break;
            }
            let Some((element, after)) = self.first_of(&value) else {
                self.parts.insert(value, None);
                parts = None;
                break;
            };
            firsts.push((value, element));
            rest = after;
        }
        for (value, element) in firsts.into_iter().rev() {
            if let Some(parts) = &mut parts {
                match parts.binary_search_by_key(&element, |(other, _)| *other) {
                    Ok(place) => parts[place].1 += 1,
                    Err(place) => parts.insert(place, (element, 1)),
                }
            }
            self.parts.insert(value, parts.clone());
        }
    }

    /// The element that is first in a value, and what is behind it.
    fn first_of(&self, value: &V) -> Option<(usize, Remainder<V>)> {
        let place = self.elements.partition_point(|(element, _)| element <= value).checked_sub(1)?;
        match (self.behind)(value, &self.elements[place].0) {
            Remainder::Unlike => None,
            after @ (Remainder::Nothing | Remainder::More(_)) => Some((place, after)),
        }
    }

    /// `None` if it cannot be dealt with.
    fn add(&mut self, place: usize, item: &Item<V>, target: Option<usize>) -> Option<()> {
        let source = match (item.returned, &item.access) {
            (None, Access::Read(_) | Access::Swap { swapped: Some(_), .. }) => return None,
            (Some(_), Access::Swap { swapped: None, .. }) => return None,
            (Some(returned), _) => {
                self.told.push(Told { place, invoked: item.invoked, returned, target });
                Source::Told(self.told.len() - 1)
            }
            (None, access) => {
                let twin = self.silent.iter().rposition(|other| self.items[other.place].access == *access);
                self.silent.push(Silent { place, invoked: item.invoked, target, twin });
                Source::Silent(self.silent.len() - 1)
            }
        };
        if let Some(target) = target {
            self.observers[target].push(source);
        }
        match &item.access {
            Access::Append(element) => match self.elements.binary_search_by(|(other, _)| other.cmp(element)) {
                Ok(place) => self.elements[place].1.push(source),
                Err(place) => self.elements.insert(place, (element.clone(), vec![source])),
            },
            Access::Swap { swapped: Some(false), .. } => self.refused.push(source),
            Access::Write(value) | Access::Swap { new: value, .. } => {
                for (target, writers) in self.targets.iter().zip(&mut self.writers) {
                    match (self.behind)(target, value) {
                        Remainder::Nothing => writers.push(source),
                        Remainder::More(_) if self.has_appends => writers.push(source),
                        Remainder::More(_) | Remainder::Unlike => {}
                    }
                }
            }
            Access::Read(_) => {}
        }
        Some(())
    }

    /// Whether values show what was appended: the first value has nothing in it, and no element is nothing.
    fn is_decodable(&self, initial: &V) -> bool {
        let values = || {
            self.items.iter().map(|item| match &item.access {
                Access::Read(value)
                | Access::Write(value)
                | Access::Append(value)
                | Access::Swap { new: value, .. } => value,
            })
        };
        let more = |value: &V| Remainder::More(value.clone());
        self.elements.iter().all(|(element, _)| {
            let is_news =
                |value: &V| value != element && value != initial && (self.behind)(value, element) != more(value);
            (self.behind)(element, initial) == more(element) && values().any(is_news)
        })
    }

    fn access(&self, source: Source) -> &'s Access<V> {
        &self.items[self.place_of(source)].access
    }

    fn place_of(&self, source: Source) -> usize {
        match source {
            Source::Told(number) => self.told[number].place,
            Source::Silent(number) => self.silent[number].place,
        }
    }

    /// `None` if the steps do not suffice, or a set does not.
    fn run(&mut self, initial: &V, steps: &mut u64) -> Option<Solved> {
        let state = self.written(initial);
        let state = self.states.intern(state);
        let mut stack = vec![Configuration { base: 0, placed: 0, spent: 0, state, last: None }];
        while let Some(configuration) = stack.pop() {
            *steps = steps.checked_sub(1).unwrap_or_default();
            if *steps == 0 {
                return None;
            }
            let configuration = self.settle(configuration)?;
            if configuration.base == self.told.len() {
                return Some(Solved::Order(self.order(configuration.last)));
            }
            let Configuration { base, placed, spent, state, .. } = configuration;
            if self.visited.insert((base, placed, spent, state), ()).is_none() && self.has_hope(&configuration) {
                let first = stack.len();
                self.push_next(&configuration, &mut stack)?;
                *steps = steps.saturating_sub((stack.len() - first) as u64);
            }
        }
        Some(Solved::Nothing)
    }

    fn order(&self, mut last: Option<usize>) -> Vec<usize> {
        let mut order = Vec::new();
        while let Some(placement) = last {
            let (place, before) = self.placements[placement];
            order.push(place);
            last = before;
        }
        order.reverse();
        order
    }

    /// What is left of each target behind a value.
    fn written(&self, value: &V) -> State<V> {
        let rest = |target: &V| match (self.behind)(target, value) {
            Remainder::More(rest) if self.is_made_of_elements(&rest) => Remainder::More(rest),
            Remainder::Nothing => Remainder::Nothing,
            Remainder::More(_) | Remainder::Unlike => Remainder::Unlike,
        };
        self.targets.iter().map(rest).collect()
    }

    fn is_made_of_elements(&self, rest: &V) -> bool {
        self.has_appends && (!self.is_prefix_code || self.parts.get(rest).is_some_and(Option::is_some))
    }

    fn appended(&self, state: StateId, element: &V) -> State<V> {
        let rest = |rest: &Remainder<V>| match rest {
            Remainder::More(rest) => (self.behind)(rest, element),
            Remainder::Nothing | Remainder::Unlike => Remainder::Unlike,
        };
        self.states.get(state).iter().map(rest).collect()
    }

    /// The state after an operation; `None` if it cannot be placed here.
    fn after(&mut self, state: StateId, source: Source, target: Option<usize>) -> Option<StateId> {
        let is_there = target.is_none_or(|target| self.states.get(state)[target] == Remainder::Nothing);
        match self.access(source) {
            // These are placed at once, or not here.
            Access::Read(_) | Access::Swap { swapped: Some(false), .. } => None,
            Access::Append(element) => {
                let appended = self.appended(state, element);
                Some(self.states.intern(appended))
            }
            Access::Write(_) => self.written[self.place_of(source)],
            Access::Swap { swapped: Some(true) | None, .. } if is_there => self.written[self.place_of(source)],
            Access::Swap { swapped: Some(true) | None, .. } => None,
        }
    }

    /// Whether an operation is still to be placed, or may be.
    fn is_left(&self, source: Source, configuration: &Configuration) -> bool {
        match source {
            Source::Told(number) => {
                let shift = number.checked_sub(configuration.base);
                shift.is_some_and(|shift| shift >= WINDOW || configuration.placed & 1 << shift == 0)
            }
            Source::Silent(number) => configuration.spent & 1 << number == 0,
        }
    }

    fn invoked(&self, source: Source) -> Stamp {
        match source {
            Source::Told(number) => self.told[number].invoked,
            Source::Silent(number) => self.silent[number].invoked,
        }
    }

    /// The first return of those that are left: what is placed now was invoked before it.
    fn deadline(&self, configuration: &Configuration) -> Stamp {
        let mut deadline = Stamp::MAX;
        for (number, told) in self.told.iter().enumerate().skip(configuration.base) {
            if told.invoked >= deadline {
                break;
            }
            if self.is_left(Source::Told(number), configuration) {
                deadline = deadline.min(told.returned);
            }
        }
        deadline
    }

    /// Those that can be placed now, and have an answer, counted from the base; `None` if they do not all fit into a set.
    fn ready(&self, configuration: &Configuration) -> Option<u128> {
        let deadline = self.deadline(configuration);
        let invoked = self.told[configuration.base..].iter().take_while(|told| told.invoked < deadline).count();
        let all = if invoked < WINDOW { (1 << invoked) - 1 } else { u128::MAX };
        (invoked <= WINDOW).then_some(all & !configuration.placed)
    }

    /// Rules 1 and 4; and what nobody looks at any more is forgotten.
    fn settle(&mut self, mut configuration: Configuration) -> Option<Configuration> {
        loop {
            self.forget(&mut configuration);
            let is_unseen = self.states.get(configuration.state).iter().all(|rest| *rest == Remainder::Unlike)
                && !self.has_refused(&configuration);
            let mut is_done = true;
            let mut ready = self.ready(&configuration)?;
            while ready != 0 {
                let number = configuration.base + ready.trailing_zeros() as usize;
                ready &= ready - 1;
                let Told { place, target, .. } = self.told[number];
                let is_there =
                    target.is_some_and(|target| self.states.get(configuration.state)[target] == Remainder::Nothing);
                let is_free = match self.items[place].access {
                    Access::Read(_) => is_there,
                    Access::Swap { swapped: Some(false), .. } => !is_there,
                    Access::Write(_) | Access::Append(_) => is_unseen && self.is_idle(number, &configuration),
                    Access::Swap { .. } => false,
                };
                if is_free {
                    self.place(Source::Told(number), &mut configuration);
                    is_done = false;
                }
            }
            while configuration.placed & 1 == 1 {
                configuration.placed >>= 1;
                configuration.base += 1;
            }
            if is_done {
                return Some(configuration);
            }
        }
    }

    fn forget(&mut self, configuration: &mut Configuration) {
        let state = self.states.get(configuration.state);
        let is_over = |(target, rest): &(usize, &Remainder<V>)| {
            **rest != Remainder::Unlike && !self.is_observed(*target, configuration)
        };
        let over: Vec<usize> = state.iter().enumerate().filter(is_over).map(|(target, _)| target).collect();
        if !over.is_empty() {
            let mut state = state.clone();
            for target in over {
                state[target] = Remainder::Unlike;
            }
            configuration.state = self.states.intern(state);
        }
    }

    fn place(&mut self, source: Source, configuration: &mut Configuration) {
        match source {
            Source::Told(number) => configuration.placed |= 1 << (number - configuration.base),
            Source::Silent(number) => configuration.spent |= 1 << number,
        }
        self.placements.push((self.place_of(source), configuration.last));
        configuration.last = Some(self.placements.len() - 1);
    }

    /// Rule 3.
    fn has_hope(&self, configuration: &Configuration) -> bool {
        let state = self.states.get(configuration.state);
        let looks = |told: &Told| match self.items[told.place].access {
            Access::Read(_) | Access::Swap { swapped: Some(true), .. } => told.target,
            Access::Write(_) | Access::Append(_) | Access::Swap { .. } => None,
        };
        let left =
            (configuration.base..self.told.len()).filter(|number| self.is_left(Source::Told(*number), configuration));
        let observers =
            left.filter_map(|number| looks(&self.told[number]).map(|target| (self.told[number].returned, target)));
        observers.take(OBSERVERS).all(|(until, target)| {
            self.is_within_reach(&state[target], until, configuration)
                || self.writers[target].iter().any(|source| {
                    let (Access::Write(value) | Access::Swap { new: value, .. }) = self.access(*source) else {
                        return false;
                    };
                    self.comes(*source, until, configuration)
                        && self.is_within_reach(&(self.behind)(&self.targets[target], value), until, configuration)
                })
        })
    }

    /// Whether an operation may still be placed before this return.
    fn comes(&self, source: Source, until: Stamp, configuration: &Configuration) -> bool {
        self.invoked(source) < until && self.is_left(source, configuration)
    }

    /// Whether what is left of a value may still be appended.
    fn is_within_reach(&self, rest: &Remainder<V>, until: Stamp, configuration: &Configuration) -> bool {
        let coming = |element: usize| {
            self.elements[element].1.iter().filter(|source| self.comes(**source, until, configuration)).count()
        };
        match rest {
            Remainder::Unlike => false,
            Remainder::Nothing => true,
            Remainder::More(rest) if self.is_prefix_code => {
                let parts = self.parts.get(rest).and_then(Option::as_ref);
                parts.is_some_and(|parts| parts.iter().all(|(part, count)| coming(*part) >= *count))
            }
            Remainder::More(rest) => (0..self.elements.len()).any(|element| {
                (self.behind)(rest, &self.elements[element].0) != Remainder::Unlike && coming(element) > 0
            }),
        }
    }

    /// Rule 4: whether an update can contribute to no value that somebody has yet to see.
    fn is_idle(&self, number: usize, configuration: &Configuration) -> bool {
        let is_update = match self.items[self.told[number].place].access {
            Access::Append(_) => self.is_prefix_code,
            Access::Write(_) => true,
            Access::Read(_) | Access::Swap { .. } => false,
        };
        is_update && self.concerns[number].iter().all(|target| !self.is_observed(*target, configuration))
    }

    fn is_observed(&self, target: usize, configuration: &Configuration) -> bool {
        self.observers[target].iter().rev().any(|observer| self.is_left(*observer, configuration))
    }

    fn has_refused(&self, configuration: &Configuration) -> bool {
        self.refused.iter().any(|source| self.is_left(*source, configuration))
    }

    /// All that can be placed next, the best at the end.
    fn push_next(&mut self, configuration: &Configuration, stack: &mut Vec<Configuration>) -> Option<()> {
        let deadline = self.deadline(configuration);
        let has_refused = self.has_refused(configuration);
        for number in (0..self.silent.len()).rev() {
            let Silent { invoked, target, twin, .. } = self.silent[number];
            let is_first = twin.is_none_or(|twin| !self.is_left(Source::Silent(twin), configuration));
            if invoked >= deadline || !is_first || !self.is_left(Source::Silent(number), configuration) {
                continue;
            }
            let Some(state) = self.after(configuration.state, Source::Silent(number), target) else { continue };
            let is_of_use = has_refused || self.states.get(state).iter().any(|rest| *rest != Remainder::Unlike);
            if is_of_use && state != configuration.state {
                self.push(Source::Silent(number), state, configuration, stack);
            }
        }
        let is_ready = self.ready(configuration)?;
        let mut ready: Vec<usize> =
            (0..WINDOW).filter(|bit| is_ready & 1 << bit != 0).map(|bit| configuration.base + bit).collect();
        ready.sort_unstable_by_key(|number| std::cmp::Reverse(self.told[*number].returned));
        // The first of these is enough, by rule 4.
        let mut idle = ready.iter().copied().filter(|number| !has_refused && self.is_idle(*number, configuration));
        let first_idle = idle.next_back();
        let skipped: Vec<usize> = idle.collect();
        ready.retain(|number| Some(*number) == first_idle || !skipped.contains(number));
        for number in ready {
            if let Some(state) = self.after(configuration.state, Source::Told(number), self.told[number].target) {
                self.push(Source::Told(number), state, configuration, stack);
            }
        }
        Some(())
    }

    fn push(&mut self, source: Source, state: StateId, from: &Configuration, stack: &mut Vec<Configuration>) {
        let mut next = Configuration { state, ..*from };
        self.place(source, &mut next);
        stack.push(next);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::{Purpose, RunKey, Stream};

    fn behind(value: &&'static str, beginning: &&'static str) -> Remainder<&'static str> {
        match value.strip_prefix(beginning) {
            None => Remainder::Unlike,
            Some("") => Remainder::Nothing,
            Some(rest) => Remainder::More(rest),
        }
    }

    /// What an operation makes of a value; `None` if that is not what it said.
    fn next(value: &str, access: &Access<&'static str>) -> Option<String> {
        match *access {
            Access::Read(read) => (read == value).then(|| value.to_owned()),
            Access::Write(written) => Some(written.to_owned()),
            Access::Append(element) => Some(value.to_owned() + element),
            Access::Swap { expected, new, swapped } => {
                let is_there = value == expected;
                let after = if is_there { new } else { value };
                swapped.is_none_or(|swapped| swapped == is_there).then(|| after.to_owned())
            }
        }
    }

    /// Whether there is an order, by trying all.
    fn has_order(items: &[Item<&'static str>], placed: u32, value: &str) -> bool {
        let left = || (0..items.len()).filter(|place| placed & 1 << place == 0);
        let deadline = left().filter_map(|place| items[place].returned).min();
        let Some(deadline) = deadline else { return true };
        left().filter(|place| items[*place].invoked < deadline).any(|place| {
            next(value, &items[place].access).is_some_and(|after| has_order(items, placed | 1 << place, &after))
        })
    }

    fn random(
        rng: &mut Stream,
        values: &[&'static str],
        elements: &[&'static str],
        has_swaps: bool,
    ) -> Vec<Item<&'static str>> {
        let count = 1 + rng.below(8);
        let mut invoked = 0;
        let mut items = Vec::new();
        for _ in 0..count {
            invoked += 1 + rng.below(4);
            let returned = (rng.below(3) > 0).then(|| 100 * (invoked + rng.below(9)) + rng.below(100));
            let mut value = || values[rng.below(values.len() as u64) as usize];
            let (one, other) = (value(), value());
            let element = (!elements.is_empty()).then(|| elements[rng.below(elements.len() as u64) as usize]);
            let swapped = returned.map(|_| rng.below(2) == 0);
            let access = match (rng.below(6), element) {
                (0..2, _) if returned.is_some() => Access::Read(one),
                (0..4, Some(element)) => Access::Append(element),
                (4, _) if has_swaps => Access::Swap { expected: one, new: other, swapped },
                _ => Access::Write(one),
            };
            items.push(Item { invoked: 100 * invoked + 50, returned, access });
        }
        items
    }

    #[test]
    fn what_is_found_is_what_trying_all_orders_finds() {
        let mut rng = RunKey::new(1993).stream(Purpose::Workload, 0);
        let values = ["", "a", "b", "ab", "ba", "aba", "abc", "cab"];
        let (mut orders, mut none, mut silent) = (0, 0, 0);
        for (elements, has_swaps) in [
            (&[][..], true),
            (&["a", "b", "c"][..], false),
            (&["a", "b", "c"][..], true),
            (&["a", "ab", "b"][..], true),
        ] {
            for _ in 0..10_000 {
                let items = random(&mut rng, &values, elements, has_swaps);
                let Some(solved) = solve(&"", &items, &behind, &mut 100_000) else {
                    silent += 1;
                    continue;
                };
                match solved {
                    Solved::Order(order) => {
                        orders += 1;
                        let mut value = String::new();
                        let mut is_left: Vec<bool> = vec![true; items.len()];
                        for place in order {
                            let later = items.iter().zip(&is_left).filter(|(_, is_left)| **is_left);
                            let deadline = later.filter_map(|(item, _)| item.returned).min();
                            assert!(deadline.is_none_or(|deadline| items[place].invoked < deadline));
                            assert!(std::mem::take(&mut is_left[place]));
                            value = next(&value, &items[place].access).expect("its answer is explained");
                        }
                        assert!(items.iter().zip(&is_left).all(|(item, is_left)| !is_left || item.returned.is_none()));
                    }
                    Solved::Nothing => {
                        none += 1;
                        assert!(!has_order(&items, 0, ""), "an order is missed");
                    }
                    Solved::OutOfSteps => panic!("so few operations take few steps"),
                }
            }
        }
        assert!(orders > 5_000 && none > 5_000 && silent < 15_000, "{orders} {none} {silent}");
    }
}
