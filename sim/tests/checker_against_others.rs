//! The checker against two others on random small histories: stateright's own tester, and brute force.
//!
//! Brute force (every order of every subset of the operations of unknown outcome) shares no code with the checker; all
//! three share the specification, which is not what is tested here. What it simplifies: histories have at most eight
//! operations; that is where checkers differ (Lowe, 2017, tested his in the same way).

use stateright::semantics::{ConsistencyTester, LinearizabilityTester, SequentialSpec};
use whitewater_sim::Instant;
use whitewater_sim::check::{Budget, Call, Explanation, Model, Outlook, Scope, Verdict, check};
use whitewater_sim::history::{History, OperationId, Outcome, Stamp};
use whitewater_sim::rng::{Purpose, RunKey, Stream};

const KEYS: usize = 3;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Op {
    Read(usize),
    Write(usize, u8),
    Shift(usize, u8),
    Swap(usize, u8, u8),
    /// Reads a key and the next one.
    ReadPair(usize),
    /// Writes a key and the next one.
    WritePair(usize, u8, u8),
    /// If a key has the first value, writes the second to the next key.
    WriteNextIf(usize, u8, u8),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ret {
    Value(u8),
    Pair(u8, u8),
    Done,
    Swapped(bool),
}

/// Registers of small numbers. A shift is to a number what an append is to a string.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct Registers([u8; KEYS]);

impl SequentialSpec for Registers {
    type Op = Op;
    type Ret = Ret;

    fn invoke(&mut self, op: &Op) -> Ret {
        match *op {
            Op::Read(key) => Ret::Value(self.0[key]),
            Op::Write(key, value) => {
                self.0[key] = value;
                Ret::Done
            }
            Op::Shift(key, value) => {
                self.0[key] = self.0[key].wrapping_mul(4).wrapping_add(value);
                Ret::Done
            }
            Op::Swap(key, expected, new) => {
                let is_expected = self.0[key] == expected;
                if is_expected {
                    self.0[key] = new;
                }
                Ret::Swapped(is_expected)
            }
            Op::ReadPair(key) => Ret::Pair(self.0[key], self.0[key + 1]),
            Op::WritePair(key, first, second) => {
                (self.0[key], self.0[key + 1]) = (first, second);
                Ret::Done
            }
            Op::WriteNextIf(key, expected, new) => {
                let is_expected = self.0[key] == expected;
                if is_expected {
                    self.0[key + 1] = new;
                }
                Ret::Swapped(is_expected)
            }
        }
    }
}

/// The first key of an operation, and how many it has.
fn keys_of(op: &Op) -> (usize, usize) {
    match *op {
        Op::Read(key) | Op::Write(key, _) | Op::Shift(key, _) | Op::Swap(key, _, _) => (key, 1),
        Op::ReadPair(key) | Op::WritePair(key, _, _) | Op::WriteNextIf(key, _, _) => (key, 2),
    }
}

/// Pairs are named in both ways that there are.
fn scope_of(op: &Op) -> Scope<usize> {
    match (keys_of(op), op) {
        ((key, 1), _) => Scope::One(key),
        ((key, count), Op::ReadPair(_)) => Scope::Several { parts: vec![], ranges: vec![(key, Some(key + count))] },
        ((key, count), _) => Scope::Several { parts: (key..key + count).collect(), ranges: vec![] },
    }
}

/// By key, with every hint that the checker takes.
struct Hinted;

impl Model for Hinted {
    type Spec = Registers;
    type Part = usize;
    type Value<'h> = std::convert::Infallible;

    fn initial(&self, _: &[&Op]) -> Registers {
        Registers::default()
    }

    fn scope(&self, op: &Op) -> Scope<usize> {
        scope_of(op)
    }

    fn observes(&self, op: &Op, answer: Option<&Ret>) -> bool {
        matches!(
            (op, answer),
            (Op::Read(_) | Op::ReadPair(_), _) | (Op::Swap(..) | Op::WriteNextIf(..), Some(Ret::Swapped(false)))
        )
    }

    fn outlook(
        &self,
        state: &Registers,
        (op, answer): Call<'_, Self>,
        between: &[Call<'_, Self>],
    ) -> Outlook<Registers> {
        let key = keys_of(op).0;
        let is_beyond = between.iter().any(|call| is_shift(call) || keys_of(call.0) != (key, 1));
        let (Some(Ret::Value(read)), false) = (answer, is_beyond) else { return Outlook::Open };
        let is_written = between.iter().any(|(other, _)| written(other) == Some(*read));
        let is_seen = |value| between.iter().any(|call| looks_for(call) == Some(value));
        let mut forgotten = state.clone();
        forgotten.0[key] = UNSEEN;
        match state.0[key] {
            value if value == *read => Outlook::Open,
            _ if !is_written => Outlook::Hopeless,
            value if is_seen(value) || is_seen(UNSEEN) => Outlook::Open,
            _ => Outlook::Forget(forgotten),
        }
    }

    fn alike(&self, calls: &[Call<'_, Self>]) -> Vec<Vec<usize>> {
        let is_seen = |value| calls.iter().any(|call| looks_for(call) == Some(value));
        let is_unseen_write = |call: &Call<'_, Self>| matches!(call.0, Op::Write(_, value) if !is_seen(*value));
        let unseen =
            calls.iter().enumerate().filter(|(_, call)| is_unseen_write(call)).map(|(place, _)| place).collect();
        let is_beyond = |call| is_shift(call) || keys_of(call.0) != keys_of(calls[0].0) || keys_of(call.0).1 > 1;
        if calls.iter().any(is_beyond) { Vec::new() } else { vec![unseen] }
    }
}

/// A value that the generator does not write.
const UNSEEN: u8 = 200;

fn is_shift((op, _): &Call<'_, Hinted>) -> bool {
    matches!(op, Op::Shift(..))
}

fn written(op: &Op) -> Option<u8> {
    match *op {
        Op::Write(_, value) | Op::Swap(_, _, value) => Some(value),
        Op::Read(_) | Op::Shift(..) | Op::ReadPair(_) | Op::WritePair(..) | Op::WriteNextIf(..) => None,
    }
}

/// The value that makes a difference to the answer.
fn looks_for((op, answer): &Call<'_, Hinted>) -> Option<u8> {
    match (op, answer) {
        (Op::Read(_), Some(Ret::Value(value))) | (Op::Swap(_, value, _), _) => Some(*value),
        (Op::Read(_), _) | (Op::Write(..) | Op::Shift(..), _) => None,
        (Op::ReadPair(_) | Op::WritePair(..) | Op::WriteNextIf(..), _) => None,
    }
}

/// By key, without hints.
struct Plain;

impl Model for Plain {
    type Spec = Registers;
    type Part = usize;
    type Value<'h> = std::convert::Infallible;

    fn initial(&self, _: &[&Op]) -> Registers {
        Registers::default()
    }

    fn scope(&self, op: &Op) -> Scope<usize> {
        scope_of(op)
    }
}

/// What a client has in flight.
struct InFlight {
    client: u64,
    id: OperationId,
    op: Op,
    answer: Option<Ret>,
}

/// A history of a correct object: every operation takes effect at one moment while it is in flight, and one of unknown
/// outcome later, or never.
fn generate(rng: &mut Stream) -> History<Op, Ret> {
    let clients = 2 + rng.below(3);
    let keys = 1 + rng.below(KEYS as u64);
    let mut left = 2 + rng.below(7);
    let mut history = History::new();
    let mut object = Registers::default();
    let mut in_flight: Vec<InFlight> = Vec::new();
    let mut abandoned: Vec<Op> = Vec::new();
    while left > 0 || rng.below(12) > 0 {
        let client = rng.below(clients);
        let found = in_flight.iter().position(|open| open.client == client);
        match (found, rng.below(10)) {
            (None, _) if left > 0 => {
                let op = random_op(rng, keys);
                let id = history.invoke(client, op, Instant::START);
                in_flight.push(InFlight { client, id, op, answer: None });
                left -= 1;
            }
            (Some(place), 0) => {
                let open = in_flight.remove(place);
                history.unknown(open.id, Instant::START);
                if open.answer.is_none() {
                    abandoned.push(open.op);
                }
            }
            (Some(place), 1) if in_flight[place].answer.is_none() => {
                history.failed(in_flight.remove(place).id, Instant::START);
            }
            (Some(place), 2..6) if in_flight[place].answer.is_none() => {
                let op = in_flight[place].op;
                in_flight[place].answer = Some(object.invoke(&op));
            }
            (Some(place), 6..) => {
                if let Some(answer) = in_flight[place].answer {
                    history.returned(in_flight.remove(place).id, answer, Instant::START);
                } else if let Some(op) = abandoned.pop() {
                    object.invoke(&op);
                }
            }
            (None | Some(_), _) => {}
        }
    }
    history
}

fn random_op(rng: &mut Stream, keys: u64) -> Op {
    let key = rng.below(keys) as usize;
    let (a, b) = (rng.below(3) as u8, rng.below(3) as u8);
    if key + 1 < keys as usize && rng.below(3) == 0 {
        return match rng.below(3) {
            0 => Op::ReadPair(key),
            1 => Op::WritePair(key, a, b),
            _ => Op::WriteNextIf(key, a, b),
        };
    }
    match rng.below(8) {
        0..3 => Op::Read(key),
        3..5 => Op::Write(key, a),
        5 => Op::Shift(key, a),
        _ => Op::Swap(key, a, b),
    }
}

/// The same history with one answer changed, if there is one to change.
fn break_an_answer(history: &History<Op, Ret>, rng: &mut Stream) -> History<Op, Ret> {
    let tells_something =
        |outcome: &Outcome<Ret>| matches!(outcome, Outcome::Returned { ret, .. } if *ret != Ret::Done);
    let operations = history.operations().iter().enumerate();
    let candidates: Vec<usize> =
        operations.filter(|(_, operation)| tells_something(&operation.outcome)).map(|(place, _)| place).collect();
    if candidates.is_empty() {
        return history.clone();
    }
    let chosen = candidates[rng.below(candidates.len() as u64) as usize];
    let other = rng.below(3) as u8;
    let change = |place, ret| match ret {
        Ret::Value(value) if place == chosen => Ret::Value(if value == other { value.wrapping_add(1) } else { other }),
        Ret::Swapped(swapped) if place == chosen => Ret::Swapped(!swapped),
        Ret::Pair(first, second) if place == chosen => {
            Ret::Pair(first, if second == other { second.wrapping_add(1) } else { other })
        }
        Ret::Value(_) | Ret::Pair(..) | Ret::Swapped(_) | Ret::Done => ret,
    };
    rebuild(history, |_| true, change).0
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Invoke,
    Return,
    Fail,
    GiveUp,
}

fn events(history: &History<Op, Ret>) -> Vec<(Stamp, usize, Kind)> {
    let mut events = Vec::new();
    for (place, operation) in history.operations().iter().enumerate() {
        events.push((operation.invoked, place, Kind::Invoke));
        match operation.outcome {
            Outcome::Open => {}
            Outcome::Returned { stamp, .. } => events.push((stamp, place, Kind::Return)),
            Outcome::Failed { stamp, .. } => events.push((stamp, place, Kind::Fail)),
            Outcome::Unknown { stamp, .. } => events.push((stamp, place, Kind::GiveUp)),
        }
    }
    events.sort_unstable();
    events
}

/// A copy of the operations that are kept, with other answers; and the old stamp of each event of the copy.
fn rebuild(
    history: &History<Op, Ret>,
    keep: impl Fn(&Op) -> bool,
    answer: impl Fn(usize, Ret) -> Ret,
) -> (History<Op, Ret>, Vec<Stamp>) {
    let mut copy = History::new();
    let mut ids = vec![OperationId(0); history.operations().len()];
    let mut stamps = Vec::new();
    for (stamp, place, kind) in events(history) {
        let operation = &history.operations()[place];
        if !keep(&operation.op) {
            continue;
        }
        stamps.push(stamp);
        match (kind, &operation.outcome) {
            (Kind::Invoke, _) => ids[place] = copy.invoke(operation.client, operation.op, Instant::START),
            (_, Outcome::Returned { ret, .. }) => copy.returned(ids[place], answer(place, *ret), Instant::START),
            (_, Outcome::Failed { .. }) => copy.failed(ids[place], Instant::START),
            (_, Outcome::Unknown { .. } | Outcome::Open) => copy.unknown(ids[place], Instant::START),
        }
    }
    (copy, stamps)
}

/// An operation with its answer, if that is known, and the stamps of its invocation and return.
type Required = (Op, Option<Ret>, Stamp, Stamp);

/// Every order of every subset of the operations without an answer; only events before `until` count.
fn brute_force(history: &History<Op, Ret>, until: Stamp) -> bool {
    let mut required: Vec<Required> = Vec::new();
    let mut optional: Vec<Required> = Vec::new();
    for operation in history.operations().iter().filter(|operation| operation.invoked < until) {
        match operation.outcome {
            Outcome::Failed { .. } => {}
            Outcome::Returned { ret, stamp, .. } if stamp < until => {
                required.push((operation.op, Some(ret), operation.invoked, stamp));
            }
            Outcome::Returned { .. } | Outcome::Open | Outcome::Unknown { .. } => {
                optional.push((operation.op, None, operation.invoked, Stamp::MAX));
            }
        }
    }
    (0..1_u32 << optional.len()).any(|subset| {
        let chosen = optional.iter().enumerate().filter(|(place, _)| subset >> place & 1 == 1).map(|(_, op)| *op);
        has_order(&Registers::default(), &required.iter().copied().chain(chosen).collect::<Vec<_>>())
    })
}

fn has_order(state: &Registers, left: &[Required]) -> bool {
    left.is_empty()
        || left.iter().enumerate().any(|(place, (op, answer, invoked, _))| {
            let mut rest = left.to_vec();
            rest.remove(place);
            let mut next = state.clone();
            let given = next.invoke(op);
            rest.iter().all(|(_, _, _, returned)| returned > invoked)
                && answer.is_none_or(|answer| answer == given)
                && has_order(&next, &rest)
        })
}

/// Stateright wants threads that have one operation at a time, so a client gets a new thread after it gave up.
fn stateright_says(history: &History<Op, Ret>) -> bool {
    let mut tester = LinearizabilityTester::new(Registers::default());
    let mut given_up = [0_u64; 4];
    for (_, place, kind) in events(history) {
        let operation = &history.operations()[place];
        let client = operation.client;
        let thread = client * 100 + given_up[client as usize];
        match (kind, &operation.outcome) {
            (Kind::Invoke, Outcome::Failed { .. }) | (Kind::Fail, _) => {}
            (Kind::Invoke, _) => {
                tester.on_invoke(thread, operation.op).expect("one operation at a time");
            }
            (Kind::Return, Outcome::Returned { ret, .. }) => {
                tester.on_return(thread, *ret).expect("an operation in flight");
            }
            (Kind::GiveUp | Kind::Return, _) => given_up[client as usize] += 1,
        }
    }
    tester.is_consistent()
}

/// What an explanation claims, checked by brute force.
fn verify(history: &History<Op, Ret>, explanation: &Explanation<usize, Registers>) {
    assert!(explanation.is_shortest());
    if explanation.partition.0.is_empty() {
        // A range that nobody writes to is a partition of its own.
        let culprit = &history.operations()[explanation.culprit.0 as usize];
        assert!(
            matches!(culprit.op, Op::ReadPair(_)) && explanation.order.is_empty() && explanation.in_flight.is_empty()
        );
        return;
    }
    let is_part = |op: &Op| {
        let (key, count) = keys_of(op);
        let mut inside = (key..key + count).filter(|key| explanation.partition.0.contains(key));
        inside.next().is_some()
    };
    let (part, stamps) = rebuild(history, is_part, |_, ret| ret);
    let end = stamps.iter().position(|stamp| *stamp == explanation.stamp).expect("an event of the partition") as Stamp;
    assert!(brute_force(&part, end), "all before the culprit's return can be explained: {history:?}");
    assert!(!brute_force(&part, end + 1), "its return cannot: {history:?}");
    let mut state = Registers::default();
    for placed in &explanation.order {
        let operation = &history.operations()[placed.id.0 as usize];
        let given = state.invoke(&operation.op);
        assert_eq!(state, placed.state);
        if let Outcome::Returned { ret, stamp, .. } = operation.outcome {
            assert!(stamp >= explanation.stamp || ret == given, "the order gives other answers: {history:?}");
        }
    }
    for (id, operation) in (0..).map(OperationId).zip(history.operations()).filter(|(_, other)| is_part(&other.op)) {
        let is_placed = explanation.order.iter().any(|placed| placed.id == id);
        let has_returned = matches!(operation.outcome, Outcome::Returned { stamp, .. } if stamp < explanation.stamp);
        assert!(is_placed || !has_returned, "the order leaves out what had returned: {history:?}");
        let is_open = operation.invoked < explanation.stamp
            && match operation.outcome {
                Outcome::Returned { stamp, .. } => stamp >= explanation.stamp,
                Outcome::Open | Outcome::Unknown { .. } => true,
                Outcome::Failed { .. } => false,
            };
        let is_listed = explanation.in_flight.contains(&id);
        assert_eq!(is_listed, is_open && !is_placed && id != explanation.culprit, "{history:?}");
    }
}

#[test]
fn agrees_with_stateright_and_with_brute_force_on_random_histories() {
    let mut rng = RunKey::new(2017).stream(Purpose::Workload, 0);
    let (mut violations, mut linearizable) = (0, 0);
    for round in 0..60_000 {
        let correct = generate(&mut rng);
        let history = if round % 2 == 0 { correct } else { break_an_answer(&correct, &mut rng) };
        let expected = brute_force(&history, Stamp::MAX);
        assert!(expected || round % 2 == 1, "a correct object gives linearizable histories: {history:?}");
        assert_eq!(stateright_says(&history), expected, "stateright and brute force differ: {history:?}");
        let verdicts = [check(&Hinted, &history, &Budget::default()), check(&Plain, &history, &Budget::default())];
        for verdict in verdicts.map(|report| report.verdict) {
            match verdict {
                Verdict::Linearizable => assert!(expected, "a violation was missed: {history:?}"),
                Verdict::Violation(explanation) => {
                    assert!(!expected, "a false alarm: {history:?}");
                    verify(&history, &explanation);
                }
                Verdict::Inconclusive { .. } => panic!("eight operations fit in any budget: {history:?}"),
            }
        }
        *(if expected { &mut linearizable } else { &mut violations }) += 1;
    }
    assert!(violations > 12_000 && linearizable > 30_000, "{violations} violations, {linearizable} linearizable");
}
