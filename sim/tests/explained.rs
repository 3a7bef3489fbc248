//! Explanations against brute force: that the operations shown contradict each other, that none can be left out, and that
//! the reasons given are true.
//!
//! Brute force tries every order, remembering which operations and which value it has been through with. It shares the
//! specification with the checker and no more. What it simplifies: histories are of one register, and have at most
//! fourteen operations.

use std::collections::{BTreeMap, BTreeSet};

use stateright::semantics::SequentialSpec;
use whitewater_sim::Instant;
use whitewater_sim::check::{
    Access, Budget, Explanation, Minimality, Model, Reason, Role, Scope, Sources, Verdict, check,
};
use whitewater_sim::history::{History, OperationId, Outcome, Stamp};
use whitewater_sim::rng::{Purpose, RunKey, Stream};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Op {
    Read,
    Write(u8),
    Swap(u8, u8),
    Shift(u8),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ret {
    Value(u8),
    Done,
    Swapped(bool),
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Register(u8);

impl SequentialSpec for Register {
    type Op = Op;
    type Ret = Ret;

    fn invoke(&mut self, op: &Op) -> Ret {
        match *op {
            Op::Read => Ret::Value(self.0),
            Op::Write(value) => {
                self.0 = value;
                Ret::Done
            }
            Op::Swap(expected, new) => {
                let is_expected = self.0 == expected;
                if is_expected {
                    self.0 = new;
                }
                Ret::Swapped(is_expected)
            }
            Op::Shift(value) => {
                self.0 = self.0.wrapping_mul(4).wrapping_add(value);
                Ret::Done
            }
        }
    }
}

struct One;

impl Model for One {
    type Spec = Register;
    type Part = ();
    type Value<'h> = u8;

    fn initial(&self, _: &[&Op]) -> Register {
        Register::default()
    }

    fn scope(&self, _: &Op) -> Scope<()> {
        Scope::One(())
    }

    fn access(&self, op: &Op, answer: Option<&Ret>) -> Option<Access<u8>> {
        match (*op, answer) {
            (Op::Read, Some(Ret::Value(value))) => Some(Access::Read(*value)),
            (Op::Write(value), _) => Some(Access::Write(value)),
            (Op::Swap(expected, new), answer) => {
                let swapped = if let Some(Ret::Swapped(swapped)) = answer { Some(*swapped) } else { None };
                Some(Access::Swap { expected, new, swapped })
            }
            (Op::Shift(value), _) => Some(Access::Append(value)),
            (Op::Read, _) => None,
        }
    }

    fn initial_value<'h>(&self) -> Option<u8>
    where
        Self: 'h,
    {
        Some(0)
    }

    fn observes(&self, op: &Op, answer: Option<&Ret>) -> bool {
        matches!((op, answer), (Op::Read, _) | (Op::Swap(..), Some(Ret::Swapped(false))))
    }
}

type Calls = History<Op, Ret>;

/// What operations a history has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// Every written value is another one.
    Distinct,
    /// There are few values.
    Repeated,
    /// Also shifts, which build on the value before.
    Shifted,
}

/// A history of a correct register.
fn generate(rng: &mut Stream, kind: Kind) -> Calls {
    let clients = 2 + rng.below(3);
    let mut left = 4 + rng.below(11);
    let mut history = History::new();
    let mut register = Register::default();
    let mut in_flight: BTreeMap<u64, (OperationId, Op, Option<Ret>)> = BTreeMap::new();
    let mut next = 1;
    while left > 0 || !in_flight.is_empty() {
        let client = rng.below(clients);
        match (in_flight.remove(&client), rng.below(12)) {
            (None, _) if left > 0 => {
                let op = random_op(rng, kind, register, &mut next);
                in_flight.insert(client, (history.invoke(client, op, Instant::START), op, None));
                left -= 1;
            }
            (None, _) => {}
            (Some((id, _, _)), 0) => history.unknown(id, Instant::START),
            (Some((id, _, Some(ret))), _) => history.returned(id, ret, Instant::START),
            (Some((id, op, None)), _) => {
                let ret = register.invoke(&op);
                in_flight.insert(client, (id, op, Some(ret)));
            }
        }
    }
    history
}

fn random_op(rng: &mut Stream, kind: Kind, register: Register, next: &mut u8) -> Op {
    let value = if kind == Kind::Distinct {
        *next += 1;
        *next
    } else {
        rng.below(4) as u8
    };
    match rng.below(10) {
        0..5 => Op::Read,
        5..8 => Op::Write(value),
        8 => Op::Swap(if rng.below(3) > 0 { register.0 } else { rng.below(4) as u8 }, value),
        _ if kind == Kind::Shifted => Op::Shift(value),
        _ => Op::Write(value),
    }
}

/// The history with one answer changed to another that some operation might have had.
fn broken(history: &Calls, rng: &mut Stream) -> Calls {
    let tells =
        |id: &usize| matches!(history.operations()[*id].outcome, Outcome::Returned { ret, .. } if ret != Ret::Done);
    let telling: Vec<usize> = (0..history.operations().len()).filter(tells).collect();
    if telling.is_empty() {
        return history.clone();
    }
    let chosen = telling[rng.below(telling.len() as u64) as usize];
    let values: Vec<u8> = history
        .operations()
        .iter()
        .filter_map(|operation| match operation.op {
            Op::Write(value) | Op::Swap(_, value) => Some(value),
            Op::Read | Op::Shift(_) => None,
        })
        .chain([0, 99])
        .collect();
    let other = values[rng.below(values.len() as u64) as usize];
    let mut events = Vec::new();
    for (place, operation) in history.operations().iter().enumerate() {
        events.push((operation.invoked, place, None));
        match operation.outcome {
            Outcome::Returned { ret, stamp, .. } => {
                let ret = match ret {
                    Ret::Value(_) if place == chosen => Ret::Value(other),
                    Ret::Swapped(swapped) if place == chosen => Ret::Swapped(!swapped),
                    Ret::Value(_) | Ret::Swapped(_) | Ret::Done => ret,
                };
                events.push((stamp, place, Some(Some(ret))));
            }
            Outcome::Unknown { stamp, .. } => events.push((stamp, place, Some(None))),
            Outcome::Failed { .. } | Outcome::Open => {}
        }
    }
    events.sort_unstable_by_key(|(stamp, _, _)| *stamp);
    let mut copy = History::new();
    for (_, place, end) in events {
        let id = OperationId(place as u32);
        match end {
            None => {
                copy.invoke(history.operations()[place].client, history.operations()[place].op, Instant::START);
            }
            Some(Some(ret)) => copy.returned(id, ret, Instant::START),
            Some(None) => copy.unknown(id, Instant::START),
        }
    }
    copy
}

/// An operation, its answer and when it was given, and when it was invoked.
#[derive(Clone, Copy, Debug)]
struct Item {
    op: Op,
    answer: Option<Ret>,
    invoked: Stamp,
    returned: Stamp,
}

/// Whether some order explains all answers, by trying all of them.
fn has_order(items: &[Item]) -> bool {
    fn goes_on(items: &[Item], placed: u32, register: Register, been: &mut BTreeSet<(u32, Register)>) -> bool {
        let is_left = |place: &usize| placed & (1 << place) == 0;
        let required: Vec<&Item> =
            (0..items.len()).filter(is_left).map(|place| &items[place]).filter(|item| item.answer.is_some()).collect();
        if required.is_empty() {
            return true;
        }
        if !been.insert((placed, register)) {
            return false;
        }
        (0..items.len()).filter(is_left).any(|place| {
            let item = &items[place];
            let mut next = register;
            let given = next.invoke(&item.op);
            required.iter().all(|other| other.returned > item.invoked)
                && item.answer.is_none_or(|answer| answer == given)
                && goes_on(items, placed | (1 << place), next, been)
        })
    }
    goes_on(items, 0, Register::default(), &mut BTreeSet::new())
}

struct Judge<'h> {
    history: &'h Calls,
    until: Stamp,
}

impl Judge<'_> {
    fn told(&self, id: OperationId) -> Item {
        let operation = &self.history.operations()[id.0 as usize];
        let (answer, returned) = match operation.outcome {
            Outcome::Returned { ret, stamp, .. } if stamp < self.until => (Some(ret), stamp),
            Outcome::Returned { .. } | Outcome::Unknown { .. } | Outcome::Open | Outcome::Failed { .. } => {
                (None, Stamp::MAX)
            }
        };
        Item { op: operation.op, answer, invoked: operation.invoked, returned }
    }

    fn forgotten(&self, id: OperationId) -> Item {
        Item { answer: None, returned: Stamp::MAX, ..self.told(id) }
    }

    fn observes(&self, id: OperationId) -> bool {
        let item = self.told(id);
        One.observes(&item.op, item.answer.as_ref())
    }

    fn ids(&self, until: Stamp) -> Vec<OperationId> {
        let operations = (0..).map(OperationId).zip(self.history.operations());
        operations.filter(|(_, operation)| operation.invoked < until).map(|(id, _)| id).collect()
    }

    /// Whether these answers can be had, whatever all other operations do.
    fn explains(&self, answers: &[OperationId]) -> bool {
        let others = self.ids(self.until).into_iter().filter(|id| !answers.contains(id) && !self.observes(*id));
        let items: Vec<Item> =
            answers.iter().map(|id| self.told(*id)).chain(others.map(|id| self.forgotten(id))).collect();
        has_order(&items)
    }

    fn is_before(&self, one: OperationId, other: OperationId) -> bool {
        self.told(one).returned < self.told(other).invoked
    }

    fn check_members(&self, explanation: &Explanation<(), Register>) {
        let of = |role| explanation.minimal.iter().filter(move |member| member.role == role).map(|member| member.id);
        let answers: Vec<_> = of(Role::Answer).collect();
        let sources: Vec<(OperationId, Item)> = of(Role::Source)
            .map(|id| (id, self.told(id)))
            .chain(of(Role::LooseSource).map(|id| (id, self.forgotten(id))))
            .collect();
        assert!(answers.contains(&explanation.culprit));
        assert!(explanation.minimal.is_sorted_by_key(|member| member.id));
        assert_eq!(explanation.minimality, Minimality::Certain);
        assert_eq!(explanation.sources, Sources::All);
        assert!(!self.explains(&answers), "the answers contradict each other");
        let has_order_without = |forgotten: OperationId, left_out: Option<OperationId>| {
            let rest = answers.iter().filter(|id| **id != forgotten).map(|id| self.told(*id));
            let sources = sources.iter().filter(|(id, _)| Some(*id) != left_out).map(|(_, item)| *item);
            has_order(&rest.chain(sources).chain([self.forgotten(forgotten)]).collect::<Vec<_>>())
        };
        for id in &answers {
            assert!(has_order_without(*id, None), "{id:?} can be left out");
        }
        for (source, _) in &sources {
            assert!(answers.iter().any(|id| !has_order_without(*id, Some(*source))), "{source:?} is not needed");
        }
    }

    fn check_reason(&self, explanation: &Explanation<(), Register>) -> &'static str {
        match &explanation.reason {
            Reason::FromNowhere { told } => {
                assert!(!self.whenever(*told));
                "from nowhere"
            }
            Reason::FromTheFuture { told, later } => {
                assert!(!later.is_empty() && later.iter().all(|id| self.is_before(*told, *id)));
                assert!(self.whenever(*told) && !self.explains(&[*told]));
                "from the future"
            }
            Reason::Overwritten { told, by, seen } => {
                assert!(matches!(self.told(*by).op, Op::Write(_) | Op::Swap(..)) && !self.observes(*by));
                self.check_stale(*told, *by, *seen);
                "overwritten"
            }
            Reason::Gone { told, by, seen } => {
                self.check_stale(*told, *by, *seen);
                "gone"
            }
            Reason::OppositeOrders { one: [a, b], other: [c, d] } => {
                assert!(self.is_before(*a, *b) && self.is_before(*c, *d) && !self.explains(&[*a, *b, *c, *d]));
                "opposite orders"
            }
            Reason::ReplacedTooOften { swaps, setters, times } => {
                assert!(swaps.len() > *times && setters.len() <= *times && !self.explains(swaps));
                "replaced too often"
            }
            Reason::CannotFollow { first, then } => {
                assert!(self.is_before(*first, *then) && !self.explains(&[*first, *then]));
                "cannot follow"
            }
            Reason::Contradiction { told, others } => {
                let mut among = others.clone();
                among.push(*told);
                assert!(*told == explanation.culprit && !self.explains(&among));
                "contradiction"
            }
        }
    }

    /// Whether an answer can be had if it may come from anything in the history.
    fn whenever(&self, told: OperationId) -> bool {
        let others = self.ids(Stamp::MAX).into_iter().filter(|id| *id != told && !self.observes(*id));
        let told = Item { returned: Stamp::MAX, ..self.told(told) };
        has_order(&others.map(|id| self.forgotten(id)).chain([told]).collect::<Vec<_>>())
    }

    /// Nothing but the two or three operations, and that the setters had returned, takes part in the contradiction.
    fn check_stale(&self, told: OperationId, by: OperationId, seen: Option<OperationId>) {
        assert!(self.is_before(by, told));
        let mut answers = vec![told, by];
        match seen {
            Some(seen) => {
                assert!(self.is_before(seen, by));
                answers.push(seen);
            }
            None => {
                let is_over = |id: &OperationId| self.told(*id).returned < self.told(by).invoked;
                answers.extend(self.ids(self.until).into_iter().filter(|id| is_over(id) && !self.observes(*id)));
            }
        }
        assert!(!self.explains(&answers));
    }

    fn check_legal(&self, explanation: &Explanation<(), Register>) -> usize {
        for legal in &explanation.legal {
            for state in &legal.states {
                let answer = state.clone().invoke(&self.told(legal.id).op);
                let item = |id: OperationId| {
                    let told = self.told(id);
                    if id == legal.id { Item { answer: Some(answer), ..told } } else { told }
                };
                let items: Vec<Item> = self.ids(self.until).into_iter().map(item).collect();
                assert!(has_order(&items), "{answer:?} is no legal answer of {:?}", legal.id);
            }
        }
        explanation.legal.iter().map(|legal| legal.states.len()).sum()
    }
}

#[test]
fn what_is_shown_contradicts_itself_and_nothing_of_it_can_be_left_out() {
    let mut rng = RunKey::new(2004).stream(Purpose::Workload, 0);
    for (kind, reasons_min) in [(Kind::Distinct, 5), (Kind::Repeated, 5), (Kind::Shifted, 3)] {
        let (mut sizes, mut legal) = (Vec::new(), 0);
        let mut reasons: BTreeMap<&str, usize> = BTreeMap::new();
        while sizes.len() < 600 {
            let history = broken(&generate(&mut rng, kind), &mut rng);
            let Verdict::Violation(explanation) = check(&One, &history, &Budget::default()).verdict else { continue };
            let judge = Judge { history: &history, until: explanation.stamp + 1 };
            judge.check_members(&explanation);
            *reasons.entry(judge.check_reason(&explanation)).or_default() += 1;
            legal += judge.check_legal(&explanation);
            sizes.push(explanation.minimal.len());
            let account = explanation.account(&One, &history, &|stamp, _| format!("event {stamp}"));
            assert_eq!(account.operations.len(), explanation.minimal.len());
        }
        sizes.sort_unstable();
        assert!(sizes[sizes.len() / 2] <= 4, "{kind:?}: {sizes:?}");
        assert!(legal > 300, "{kind:?}: {legal} legal answers");
        assert!(reasons.len() >= reasons_min, "{kind:?}: {reasons:?}");
        println!(
            "{kind:?}: median {}, most {}; {legal} legal; {reasons:?}",
            sizes[sizes.len() / 2],
            sizes[sizes.len() - 1]
        );
    }
}

/// A history given as events: client, and what is asked or answered.
fn history(events: &[(u64, Result<Op, Ret>)]) -> Calls {
    let mut history = History::new();
    let mut open = BTreeMap::new();
    for (client, event) in events {
        match event {
            Ok(op) => drop(open.insert(*client, history.invoke(*client, *op, Instant::START))),
            Err(ret) => history.returned(open.remove(client).expect("it is open"), *ret, Instant::START),
        }
    }
    history
}

fn reason(events: &[(u64, Result<Op, Ret>)]) -> String {
    let history = history(events);
    let Verdict::Violation(explanation) = check(&One, &history, &Budget::default()).verdict else {
        panic!("a violation")
    };
    explanation.account(&One, &history, &|stamp, _| format!("line {}", stamp + 1)).reason
}

const READ: Result<Op, Ret> = Ok(Op::Read);
const DONE: Result<Op, Ret> = Err(Ret::Done);
const SWAPPED: Result<Op, Ret> = Err(Ret::Swapped(true));

const fn write(value: u8) -> Result<Op, Ret> {
    Ok(Op::Write(value))
}

const fn value(value: u8) -> Result<Op, Ret> {
    Err(Ret::Value(value))
}

#[test]
fn a_reason_is_one_sentence() {
    let nowhere = [(1, write(1)), (1, DONE), (2, READ), (2, value(9))];
    assert_eq!(reason(&nowhere), "Read (#1, line 4) returned Value(9), which nothing in the history ever wrote");
    let future = [(1, READ), (1, value(1)), (2, write(1)), (2, DONE)];
    assert_eq!(
        reason(&future),
        "Read (#0, line 2) returned Value(1), which was written only after that: Write(1) (#1, line 3)"
    );
    let stale = [(1, write(1)), (1, DONE), (2, write(2)), (2, DONE), (3, READ), (3, value(1))];
    assert_eq!(
        reason(&stale),
        "Read (#2, line 6) returned Value(1), which was overwritten before the read began, by Write(2) (#1, line 4)"
    );
    let inverted = [(1, write(1)), (2, READ), (2, value(1)), (3, READ), (3, value(0))];
    assert_eq!(
        reason(&inverted),
        "Read (#2, line 5) returned Value(0), which was gone before the read began: Read (#1, line 3) had returned Value(1)"
    );
    let twice = [(1, Ok(Op::Swap(0, 1))), (2, Ok(Op::Swap(0, 2))), (1, SWAPPED), (2, SWAPPED)];
    assert_eq!(
        reason(&twice),
        "one value was replaced too often, as it was there at most once, at the start: Swap(0, 1) (#0, line 3) returned \
         Swapped(true) and Swap(0, 2) (#1, line 4) returned Swapped(true)"
    );
    let crossed = [
        (1, write(1)),
        (2, write(2)),
        (3, READ),
        (4, READ),
        (3, value(1)),
        (4, value(2)),
        (3, READ),
        (4, READ),
        (3, value(2)),
        (4, value(1)),
    ];
    assert_eq!(
        reason(&crossed),
        "two values, each set only once, had to come in both orders: Read (#2, line 5) had returned Value(1) before \
         Read (#4, line 9) began, but Read (#3, line 6) had returned Value(2) before Read (#5, line 10) began"
    );
    let written = [(1, write(1)), (2, write(2)), (1, DONE), (3, READ), (3, value(2)), (4, READ), (4, value(1))];
    assert!(reason(&written).contains("Value(1), which was gone"), "{}", reason(&written));
    let matched =
        [(1, write(1)), (1, DONE), (2, write(2)), (2, DONE), (3, Ok(Op::Swap(2, 3))), (3, Err(Ret::Swapped(false)))];
    assert_eq!(
        reason(&matched),
        "Swap(2, 3) (#2, line 6) returned Swapped(false), which no order of the operations explains beside these answers: \
         Write(1) (#0, line 2) returned Done and Write(2) (#1, line 4) returned Done"
    );
    let shifted = [(1, Ok(Op::Shift(1))), (1, DONE), (2, READ), (2, value(0))];
    assert_eq!(
        reason(&shifted),
        "Read (#1, line 4) returned Value(0), which cannot be: Shift(1) (#0, line 2) had returned Done before it began"
    );
}
