//! The online check against the check of whole histories, and against brute force: the same verdict, at the first event.
//!
//! A violation is to be said at the first event that no order explains, never later, and never of what can still be
//! explained (Herlihy and Wing, 1990: linearizability is closed under prefixes). What it simplifies: the histories are
//! small and random; long ones only show that the past is forgotten.

mod checker_support;

use checker_support::brute;
use checker_support::histories::{Endings, Kind, events, generate, rebuild, rebuild_before};
use checker_support::registers::{Hinted, KEYS, Op, Plain, Registers, Ret, break_an_answer, keys_of, random_op};
use whitewater_sim::check::online::{Beyond, Limits, Online};
use whitewater_sim::check::{Budget, Model, SequentialSpec, Verdict, check};
use whitewater_sim::history::{History, Outcome, Stamp};
use whitewater_sim::rng::{Purpose, RunKey};

/// What an online check makes of a history.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Heard {
    Nothing,
    /// A conflict at this event.
    Conflict(Stamp),
    Undecided,
}

fn listen<M: Model<Spec = Registers, Part = usize>>(mut online: Online<M>, history: &History<Op, Ret>) -> Heard {
    let mut tickets = Vec::new();
    for (stamp, place, kind) in events(history) {
        let operation = &history.operations()[place];
        let conflict = match (kind, &operation.outcome) {
            (Kind::Invoke, _) => {
                tickets.push(online.invoke(operation.op));
                None
            }
            (Kind::Return, Outcome::Returned { ret, .. }) => online.returned(tickets[place], *ret),
            (Kind::Fail, _) => online.failed(tickets[place]),
            (Kind::GiveUp | Kind::Return, _) => {
                online.unknown(tickets[place]);
                None
            }
        };
        if let Some(conflict) = conflict {
            assert_eq!(conflict.culprit, tickets[place]);
            return Heard::Conflict(stamp);
        }
    }
    if online.undecided().is_empty() { Heard::Nothing } else { Heard::Undecided }
}

/// By the definition: the first event up to which there is no order.
fn first_conflict(history: &History<Op, Ret>) -> Heard {
    let all = events(history);
    let is_explained = |until| {
        let (before, _) = rebuild_before(history, until, |_| true, |_, ret| ret);
        brute::is_linearizable(&Registers::default(), &before, Stamp::MAX)
    };
    if is_explained(Stamp::MAX) && all.iter().all(|(.., kind)| *kind != Kind::Fail) {
        return Heard::Nothing;
    }
    all.iter().map(|(stamp, ..)| *stamp).find(|stamp| !is_explained(stamp + 1)).map_or(Heard::Nothing, Heard::Conflict)
}

#[test]
fn the_first_event_without_an_order_is_named() {
    let mut rng = RunKey::new(1990).stream(Purpose::Workload, 0);
    let (mut conflicts, mut explained) = (0, 0);
    for round in 0..20_000 {
        let keys = 1 + rng.below(KEYS as u64);
        let correct = generate(&mut rng, Registers::default(), 8, Endings::All, |rng| random_op(rng, keys));
        let history = if round % 2 == 0 { correct } else { break_an_answer(&correct, &mut rng) };
        let expected = first_conflict(&history);
        let together = || Registers::default();
        assert_eq!(listen(Online::together(Hinted, together(), Limits::default()), &history), expected, "{history:?}");
        assert_eq!(listen(Online::together(Plain, together(), Limits::default()), &history), expected, "{history:?}");
        let is_apart = history.operations().iter().all(|operation| keys_of(&operation.op).1 == 1);
        let apart = listen(Online::by_part(Hinted, Limits::default()), &history);
        match apart {
            Heard::Conflict(_) if is_apart => assert_eq!(apart, expected, "{history:?}"),
            Heard::Conflict(_) => assert_ne!(expected, Heard::Nothing, "a false alarm: {history:?}"),
            Heard::Nothing if is_apart => assert_eq!(expected, Heard::Nothing, "{history:?}"),
            Heard::Nothing => {}
            Heard::Undecided => assert!(!is_apart),
        }
        *(if expected == Heard::Nothing { &mut explained } else { &mut conflicts }) += 1;
    }
    assert!(conflicts > 4_000 && explained > 9_000, "{conflicts} conflicts, {explained} explained");
}

/// Long histories settle their past in the middle of things.
#[test]
fn long_histories_are_judged_as_they_are_as_a_whole() {
    let mut rng = RunKey::new(1991).stream(Purpose::Workload, 0);
    let (mut conflicts, mut explained) = (0, 0);
    for round in 0..200 {
        let correct = generate(&mut rng, Registers::default(), 100, Endings::All, |rng| random_op(rng, 1));
        let history = if round % 2 == 0 { correct } else { break_an_answer(&correct, &mut rng) };
        // What failed is known not to count from the beginning, only when all is over.
        let (history, _) = rebuild(&history, |one| !matches!(one.outcome, Outcome::Failed { .. }), |_, ret| ret);
        let heard = listen(Online::by_part(Hinted, Limits::default()), &history);
        match check(&Hinted, &history, &Budget::default()).verdict {
            Verdict::Linearizable => {
                explained += 1;
                assert_eq!(heard, Heard::Nothing);
            }
            Verdict::Violation(explanation) => {
                conflicts += 1;
                assert!(explanation.is_shortest());
                let Heard::Conflict(stamp) = heard else { panic!("missed: {heard:?}") };
                assert_eq!(stamp, explanation.stamp);
            }
            Verdict::Inconclusive { .. } => panic!("four clients fit in any budget"),
        }
    }
    assert!(conflicts > 25 && explained > 90, "{conflicts} conflicts, {explained} explained");
}

#[test]
fn the_past_is_forgotten() {
    let mut online = Online::by_part(Hinted, Limits::default());
    let mut most = 0;
    let mut in_flight: Vec<_> = Vec::new();
    let mut registers = Registers::default();
    for number in 0..20_000_usize {
        let key = number % KEYS;
        let op = if number % 5 < 2 { Op::Write(key, (number % 7) as u8) } else { Op::Read(key) };
        let ticket = online.invoke(op);
        if number % 100 == 0 {
            let abandoned = online.invoke(Op::Read(0));
            online.unknown(abandoned);
        }
        in_flight.push((ticket, registers.invoke(&op)));
        if in_flight.len() > 3 {
            let (ticket, answer) = in_flight.remove(number % 3);
            assert_eq!(online.returned(ticket, answer), None);
        }
        most = most.max(online.remembered());
    }
    assert!(most < 1_000, "{most} operations were remembered at once");
    assert!(online.undecided().is_empty());
}

#[test]
fn bounds_end_in_undecided_once() {
    for (limits, reason) in [
        (Limits { steps: 3, ..Limits::default() }, Beyond::Steps),
        (Limits { configurations: 3, ..Limits::default() }, Beyond::Configurations),
        (Limits { bytes: 1_000, ..Limits::default() }, Beyond::Bytes),
    ] {
        let mut online = Online::by_part(Hinted, limits);
        for round in 0..5 {
            let open: Vec<_> = (0..8).map(|value| online.invoke(Op::Write(0, round * 8 + value))).collect();
            for ticket in open {
                assert_eq!(online.returned(ticket, Ret::Done), None);
            }
        }
        let hopeless = online.invoke(Op::Read(0));
        assert_eq!(online.returned(hopeless, Ret::Value(99)), None);
        let other = online.invoke(Op::Read(1));
        assert!(online.returned(other, Ret::Value(7)).is_some(), "the rest goes on");
        let undecided: Vec<_> =
            online.undecided().iter().map(|undecided| (&undecided.partition.0[..], undecided.reason)).collect();
        assert_eq!(undecided, [(&[0][..], reason)]);
    }
}

#[test]
fn operations_on_several_parts_are_left_out_or_tie_them() {
    let mut online = Online::by_part(Hinted, Limits::default());
    let reads = online.invoke(Op::ReadPair(0));
    assert_eq!(online.returned(reads, Ret::Pair(7, 7)), None, "it only reads, so it is left out");
    assert_eq!((online.left_out(), online.undecided().len()), (1, 0));
    let before = online.invoke(Op::Read(2));
    let writes = online.invoke(Op::WritePair(0, 1, 1));
    assert_eq!(online.returned(writes, Ret::Done), None);
    let read = online.invoke(Op::Read(0));
    assert_eq!(online.returned(read, Ret::Value(5)), None, "its part is given up");
    let undecided: Vec<_> =
        online.undecided().iter().map(|undecided| (undecided.partition.0[0], undecided.reason)).collect();
    assert_eq!(undecided, [(0, Beyond::Tied), (1, Beyond::Tied)]);
    assert!(online.returned(before, Ret::Value(5)).is_some(), "the rest goes on");
}

/// Fifty clients write at once, and what is read then was written by one of the last that returned.
#[test]
fn many_in_flight_are_no_matter_where_the_order_shows_itself() {
    let mut online = Online::by_part(Hinted, Limits::default());
    for round in 0..40_u8 {
        let open: Vec<_> = (0..50).map(|value| online.invoke(Op::Write(0, value))).collect();
        for ticket in open {
            assert_eq!(online.returned(ticket, Ret::Done), None);
        }
        let read = online.invoke(Op::Read(0));
        assert_eq!(online.returned(read, Ret::Value(49 - round % 4)), None, "round {round}");
    }
    assert!(online.undecided().is_empty(), "{:?}", online.undecided());
}
