//! The checker on histories worth a name: the classics, the large, the hopeless, and what it says about them.
//!
//! Each test is a few lines of history and the verdict that anybody would give. What it simplifies: a register of
//! numbers stands for every object; the store's own model is tested where it is made.

use std::cell::Cell;

use stateright::semantics::SequentialSpec;
use whitewater_sim::Instant;
use whitewater_sim::check::{
    Budget, Effort, Inconclusive, Model, Partition, Scope, Undecided, Verdict, Whole, check, is_linearizable,
};
use whitewater_sim::history::{History, OperationId};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Op {
    Read,
    Write(u32),
    Swap(u32, u32),
    /// Makes a state of its own for every order of operations: the worst case for a memory of states.
    Mix(u32),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ret {
    Value(u32),
    Done,
    Swapped(bool),
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct Register(u32);

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
            Op::Swap(expected, new) if self.0 == expected => {
                self.0 = new;
                Ret::Swapped(true)
            }
            Op::Swap(..) => Ret::Swapped(false),
            Op::Mix(value) => {
                self.0 = (self.0 ^ value).wrapping_mul(0x9e37_79b1).rotate_left(7);
                Ret::Done
            }
        }
    }
}

type Calls = History<(u8, Op), Ret>;

/// Many registers: the partition is the first part of the operation.
struct Registers;

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct One(Register);

impl SequentialSpec for One {
    type Op = (u8, Op);
    type Ret = Ret;

    fn invoke(&mut self, (_, op): &(u8, Op)) -> Ret {
        self.0.invoke(op)
    }
}

impl Model for Registers {
    type Spec = One;
    type Part = u8;
    type Value<'h> = std::convert::Infallible;

    fn initial(&self, _: &[&(u8, Op)]) -> One {
        One::default()
    }

    fn scope(&self, (name, _): &(u8, Op)) -> Scope<u8> {
        Scope::One(*name)
    }

    fn observes(&self, (_, op): &(u8, Op), answer: Option<&Ret>) -> bool {
        matches!((op, answer), (Op::Read, _) | (Op::Swap(..), Some(Ret::Swapped(false))))
    }

    fn describe_state(&self, One(Register(value)): &One) -> String {
        value.to_string()
    }
}

fn register() -> Whole<Register> {
    Whole(Register::default())
}

/// One operation after the other.
fn call(history: &mut History<Op, Ret>, client: u64, op: Op, ret: Ret) {
    let id = history.invoke(client, op, Instant::START);
    history.returned(id, ret, Instant::START);
}

fn done(history: &mut History<Op, Ret>, id: OperationId, ret: Ret) {
    history.returned(id, ret, Instant::START);
}

#[test]
fn nothing_is_linearizable() {
    assert_eq!(is_linearizable(&register(), &History::new()), Some(true));
}

#[test]
fn a_stale_read_is_not_linearizable() {
    let mut history = History::new();
    call(&mut history, 1, Op::Write(1), Ret::Done);
    call(&mut history, 1, Op::Write(2), Ret::Done);
    call(&mut history, 2, Op::Read, Ret::Value(1));
    assert_eq!(is_linearizable(&register(), &history), Some(false));
}

#[test]
fn a_read_may_see_a_write_in_flight_and_then_others_must() {
    for (second, verdict) in [(1, true), (0, false)] {
        let mut history = History::new();
        let write = history.invoke(1, Op::Write(1), Instant::START);
        call(&mut history, 2, Op::Read, Ret::Value(1));
        call(&mut history, 3, Op::Read, Ret::Value(second));
        done(&mut history, write, Ret::Done);
        assert_eq!(is_linearizable(&register(), &history), Some(verdict), "second read {second}");
    }
}

#[test]
fn an_unknown_write_takes_effect_later_or_never_but_once() {
    for (reads, verdict) in [(&[0, 0][..], true), (&[0, 1], true), (&[1, 1], true), (&[1, 0], false)] {
        let mut history = History::new();
        let write = history.invoke(1, Op::Write(1), Instant::START);
        history.unknown(write, Instant::START);
        for read in reads {
            call(&mut history, 2, Op::Read, Ret::Value(*read));
        }
        assert_eq!(is_linearizable(&register(), &history), Some(verdict), "{reads:?}");
    }
}

#[test]
fn a_failed_write_has_no_effect() {
    let mut history = History::new();
    let write = history.invoke(1, Op::Write(1), Instant::START);
    history.failed(write, Instant::START);
    call(&mut history, 2, Op::Read, Ret::Value(1));
    assert_eq!(is_linearizable(&register(), &history), Some(false));
}

#[test]
fn two_equal_unknown_writes_explain_two_appearances_and_no_third() {
    for (appearances, verdict) in [(1, true), (2, true), (3, false)] {
        let mut history = History::new();
        for client in [1, 2] {
            let write = history.invoke(client, Op::Write(7), Instant::START);
            history.unknown(write, Instant::START);
        }
        for _ in 0..appearances {
            call(&mut history, 3, Op::Write(0), Ret::Done);
            call(&mut history, 3, Op::Read, Ret::Value(7));
        }
        assert_eq!(is_linearizable(&register(), &history), Some(verdict), "{appearances} appearances");
    }
}

#[test]
fn only_one_of_two_equal_swaps_wins() {
    for (second, verdict) in [(false, true), (true, false)] {
        let mut history = History::new();
        let first = history.invoke(1, Op::Swap(0, 5), Instant::START);
        let other = history.invoke(2, Op::Swap(0, 5), Instant::START);
        done(&mut history, first, Ret::Swapped(true));
        done(&mut history, other, Ret::Swapped(second));
        assert_eq!(is_linearizable(&register(), &history), Some(verdict));
    }
}

#[test]
fn a_long_history_is_walked_without_recursion() {
    for last in [99_999, 99_998] {
        let mut history = History::new();
        for value in 0..100_000 {
            call(&mut history, 1, Op::Write(value), Ret::Done);
        }
        call(&mut history, 1, Op::Read, Ret::Value(last));
        assert_eq!(is_linearizable(&register(), &history), Some(last == 99_999));
    }
}

#[test]
fn two_hundred_unknown_writes_do_not_blow_up_the_search() {
    for (reads, verdict) in [(&[150, 3, 200][..], true), (&[150, 3, 200, 150], false)] {
        let mut history = Calls::new();
        for value in 1..=200 {
            let write = history.invoke(value.into(), (0, Op::Write(value)), Instant::START);
            if value % 2 == 0 {
                history.unknown(write, Instant::START);
            }
        }
        for value in reads {
            let read = history.invoke(1_000, (0, Op::Read), Instant::START);
            history.returned(read, Ret::Value(*value), Instant::START);
        }
        assert_eq!(is_linearizable(&Registers, &history), Some(verdict), "{reads:?}");
    }
}

#[test]
fn more_operations_in_flight_than_a_machine_word_has_bits() {
    for (last, verdict) in [(1, true), (0, false)] {
        let mut history = Calls::new();
        let read = |history: &mut Calls, client| history.invoke(client, (0, Op::Read), Instant::START);
        let early: Vec<_> = (0..300).map(|client| read(&mut history, client)).collect();
        let write = history.invoke(300, (0, Op::Write(1)), Instant::START);
        for (id, value) in early.into_iter().zip([0, 1].into_iter().cycle()) {
            history.returned(id, Ret::Value(value), Instant::START);
        }
        let late = read(&mut history, 301);
        history.returned(late, Ret::Value(last), Instant::START);
        history.returned(write, Ret::Done, Instant::START);
        assert_eq!(is_linearizable(&Registers, &history), Some(verdict), "{last}");
    }
}

/// Sixteen clients at once, every order of which leads to another state, and then an answer that none explains.
fn hard(history: &mut Calls, name: u8) {
    let mixes: Vec<_> =
        (0..16).map(|client| history.invoke(client.into(), (name, Op::Mix(client)), Instant::START)).collect();
    for mix in mixes {
        history.returned(mix, Ret::Done, Instant::START);
    }
    let read = history.invoke(0, (name, Op::Read), Instant::START);
    history.returned(read, Ret::Value(1), Instant::START);
}

#[test]
fn a_budget_that_runs_out_is_no_verdict() {
    let mut history = Calls::new();
    hard(&mut history, 1);
    hard(&mut history, 2);
    let report = check(&Registers, &history, &Budget::steps(100_000));
    let Verdict::Inconclusive { reason: Inconclusive::OutOfSteps, partitions } = &report.verdict else {
        panic!("{:?}", report.verdict)
    };
    assert_eq!(named(partitions), [Partition(vec![1]), Partition(vec![2])]);
    for Undecided { effort, .. } in partitions {
        let Effort { operations, unknown, in_flight, events, passed, configurations } = *effort;
        assert_eq!((operations, unknown, in_flight, events, passed), (17, 0, 16, 34, 33));
        assert!(configurations > 1_000, "{configurations} configurations");
    }
    assert!(report.steps <= 100_000 && report.steps > 50_000, "{} steps", report.steps);
    assert_eq!((report.partitions, report.operations), (2, 34));
}

fn named(undecided: &[Undecided<u8>]) -> Vec<Partition<u8>> {
    undecided.iter().map(|undecided| undecided.partition.clone()).collect()
}

#[test]
fn memory_is_bounded_and_what_needs_more_does_not_hide_others() {
    let mut history = Calls::new();
    hard(&mut history, 1);
    hard(&mut history, 2);
    let budget = Budget { bytes: 1 << 20, ..Budget::steps(u64::MAX) };
    let report = check(&Registers, &history, &budget);
    let Verdict::Inconclusive { reason: Inconclusive::OutOfMemory, partitions } = &report.verdict else {
        panic!("{:?}", report.verdict)
    };
    assert_eq!(named(partitions), [Partition(vec![1]), Partition(vec![2])]);
    assert!(partitions.iter().all(|undecided| undecided.effort.configurations < 10_000), "{partitions:?}");
}

#[test]
fn a_budget_of_nothing_decides_nothing() {
    let mut history = Calls::new();
    hard(&mut history, 1);
    let report = check(&Registers, &history, &Budget::steps(0));
    assert!(matches!(report.verdict, Verdict::Inconclusive { .. }));
}

#[test]
fn whoever_asks_to_stop_is_heard() {
    let mut history = Calls::new();
    hard(&mut history, 1);
    hard(&mut history, 2);
    let asked = Cell::new(0);
    let stop = || {
        asked.set(asked.get() + 1);
        asked.get() > 3
    };
    let report = check(&Registers, &history, &Budget { steps: u64::MAX, stop: Some(&stop), ..Budget::default() });
    let Verdict::Inconclusive { reason: Inconclusive::Stopped, partitions } = &report.verdict else {
        panic!("{:?}", report.verdict)
    };
    assert_eq!(named(partitions), [Partition(vec![1]), Partition(vec![2])]);
    assert_eq!(asked.get(), 4);
}

#[test]
fn a_hard_partition_does_not_hide_an_easy_violation() {
    let mut history = Calls::new();
    hard(&mut history, 1);
    let read = history.invoke(7, (2, Op::Read), Instant::START);
    history.returned(read, Ret::Value(9), Instant::START);
    let report = check(&Registers, &history, &Budget::steps(1_000_000));
    let Verdict::Violation(explanation) = report.verdict else { panic!("{:?}", report.verdict) };
    assert_eq!((explanation.partition, explanation.culprit), (Partition(vec![2]), read));
    assert!(report.steps < 20_000, "{} steps", report.steps);
}

#[test]
fn the_same_history_takes_the_same_steps() {
    let mut history = Calls::new();
    hard(&mut history, 1);
    let steps = || check(&Registers, &history, &Budget::steps(60_000)).steps;
    assert_eq!(steps(), steps());
}

/// In the whole history the swap has no effect, so that the search cannot even explain the first read; up to there,
/// however, the swap may have had one. Only the answer of the swap is one too many.
#[test]
fn the_culprit_is_the_first_return_too_many_and_not_where_the_search_got_stuck() {
    let mut history = Calls::new();
    let swap = history.invoke(1, (0, Op::Swap(0, 1)), Instant::START);
    let read = history.invoke(2, (0, Op::Read), Instant::START);
    history.returned(read, Ret::Value(1), Instant::START);
    history.returned(swap, Ret::Swapped(false), Instant::START);
    let Verdict::Violation(explanation) = check(&Registers, &history, &Budget::default()).verdict else {
        panic!("a violation")
    };
    assert!(explanation.is_shortest());
    assert_eq!(explanation.culprit, swap);
    assert_eq!(explanation.order.iter().map(|placed| placed.id).collect::<Vec<_>>(), [swap, read]);
}

#[test]
fn the_order_shown_does_without_the_culprit_if_one_can() {
    let mut history = Calls::new();
    let swap = history.invoke(1, (0, Op::Swap(0, 1)), Instant::START);
    let write = history.invoke(2, (0, Op::Write(1)), Instant::START);
    let read = history.invoke(3, (0, Op::Read), Instant::START);
    history.returned(read, Ret::Value(1), Instant::START);
    history.returned(swap, Ret::Value(9), Instant::START);
    let Verdict::Violation(explanation) = check(&Registers, &history, &Budget::default()).verdict else {
        panic!("a violation")
    };
    assert_eq!(explanation.culprit, swap);
    assert_eq!(explanation.order.iter().map(|placed| placed.id).collect::<Vec<_>>(), [write, read]);
    assert!(explanation.in_flight.is_empty());
}

#[test]
fn an_explanation_reads_as_prose() {
    let mut history = Calls::new();
    let mut at = 0;
    let mut tick = || {
        at += 1_000_000;
        Instant(at)
    };
    for value in 0..20 {
        let write = history.invoke(1, (0, Op::Write(value)), tick());
        history.returned(write, Ret::Done, tick());
    }
    let lost = history.invoke(2, (0, Op::Write(99)), tick());
    let open = history.invoke(3, (0, Op::Swap(5, 6)), tick());
    history.unknown(lost, tick());
    let read = history.invoke(4, (0, Op::Read), tick());
    history.returned(read, Ret::Value(99), tick());
    let stale = history.invoke(5, (0, Op::Read), tick());
    history.returned(stale, Ret::Value(18), tick());
    history.returned(open, Ret::Swapped(false), tick());
    let Verdict::Violation(explanation) = check(&Registers, &history, &Budget::default()).verdict else {
        panic!("a violation")
    };
    let account = explanation.account(&Registers, &history, &|_, at| at.to_string());
    let expected = "(0, Read) (#23, 0.047000s) returned Value(18), which no order of the operations explains beside these \
        answers: (0, Write(18)) (#18, 0.038000s) returned Done and (0, Write(19)) (#19, 0.040000s) returned Done";
    assert_eq!(account.reason, expected);
    let lines: Vec<String> = account
        .operations
        .iter()
        .map(|told| {
            format!(
                "#{} client {}: {} [{} to {:?}] {:?}",
                told.id.0, told.client, told.brief, told.from, told.until, told.role
            )
        })
        .collect();
    let expected = [
        r#"#18 client 1: (0, Write(18)) -> Done [0.037000s to Some("0.038000s")] Answer"#,
        r#"#19 client 1: (0, Write(19)) -> Done [0.039000s to Some("0.040000s")] Answer"#,
        r#"#23 client 5: (0, Read) -> Value(18) [0.046000s to Some("0.047000s")] Answer"#,
    ];
    assert_eq!(lines, expected);
}
