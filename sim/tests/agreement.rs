//! All checkers against brute force and stateright, on random small histories of three kinds of object.
//!
//! Half of the histories have one answer changed; operations fail, and remain unknown. Lowe (2017) found that small ones
//! are where checkers differ. What it simplifies: three objects stand for all.

mod checker_support;

use checker_support::brute;
use checker_support::histories::{Endings, events, generate, rebuild};
use checker_support::registers::{Hinted, KEYS, Op, Registers, Ret, break_an_answer, random_op};
use checker_support::testers;
use whitewater_sim::check::{
    Budget, Kept, Sequential, Verdict, check, check_sequential, check_sessions, is_linearizable,
};
use whitewater_sim::history::{History, Outcome, Stamp};
use whitewater_sim::rng::{Purpose, RunKey, Stream};

/// An object, by the operations that it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Object {
    Register,
    SwapRegister,
    /// Several registers, with operations on two of them at once, and others that build on what is there.
    Registers,
}

impl Object {
    fn operation(self, rng: &mut Stream, keys: u64) -> Op {
        let (kind, a, b) = (rng.below(8), rng.below(3) as u8, rng.below(3) as u8);
        match (self, kind) {
            (Object::Registers, _) => random_op(rng, keys),
            (Object::Register | Object::SwapRegister, 0..4) => Op::Read(0),
            (Object::SwapRegister, 6..) => Op::Swap(0, a, b),
            (Object::Register | Object::SwapRegister, _) => Op::Write(0, a),
        }
    }

    /// A history, and whether it is known to be linearizable.
    fn history(self, rng: &mut Stream, round: u32, endings: Endings) -> History<Op, Ret> {
        let keys = 1 + rng.below(KEYS as u64);
        let correct = generate(rng, Registers::default(), 8, endings, |rng| self.operation(rng, keys));
        if round.is_multiple_of(2) { correct } else { break_an_answer(&correct, rng) }
    }
}

/// Linearizability: the checker, brute force and stateright say the same.
fn agree(object: Object, rounds: u32) {
    let mut rng = RunKey::new(2018).stream(Purpose::Workload, object as u32);
    let (mut violations, mut linearizable) = (0, 0);
    for round in 0..rounds {
        let history = object.history(&mut rng, round, Endings::All);
        let expected = brute::is_linearizable(&Registers::default(), &history, Stamp::MAX);
        assert!(expected || round % 2 == 1, "a correct object gives linearizable histories: {history:?}");
        assert_eq!(testers::stateright_says(&Registers::default(), &history), expected, "stateright: {history:?}");
        assert_eq!(is_linearizable(&Hinted, &history), Some(expected), "{history:?}");
        for (guarantee, kept) in check_sessions(&Hinted, &history).verdicts {
            let is_broken = matches!(kept, Kept::Broken(_));
            assert!(!expected || !is_broken, "{guarantee} of a linearizable history: {kept:?} {history:?}");
        }
        *(if expected { &mut linearizable } else { &mut violations }) += 1;
    }
    assert!(violations > rounds / 10, "{object:?}: {violations} violations, {linearizable} linearizable");
}

/// Sequential consistency: the checker and brute force say the same, and stateright where it can.
fn agree_on_sequential(object: Object, rounds: u32) {
    let mut rng = RunKey::new(1979).stream(Purpose::Workload, object as u32);
    let mut counts = [0; 3];
    for round in 0..rounds {
        let endings = if round % 4 < 2 { Endings::Answers } else { Endings::All };
        let history = object.history(&mut rng, round, endings);
        let expected = brute::is_sequential(&Registers::default(), &history);
        let is_linearizable = brute::is_linearizable(&Registers::default(), &history, Stamp::MAX);
        assert!(expected || !is_linearizable, "what is linearizable is sequentially consistent: {history:?}");
        if endings == Endings::Answers {
            let theirs = testers::stateright_says_of_clients(&Registers::default(), &history);
            assert_eq!(theirs, expected, "stateright: {history:?}");
        }
        match check_sequential(&Hinted, &history, &Budget::default()).verdict {
            Sequential::Consistent => assert!(expected, "a violation was missed: {history:?}"),
            Sequential::Violation { stuck, .. } => assert!(!expected && !stuck.is_empty(), "false alarm: {history:?}"),
            Sequential::Inconclusive(_) => panic!("eight operations fit in any budget: {history:?}"),
        }
        counts[usize::from(expected) + usize::from(is_linearizable)] += 1;
    }
    let least = rounds / 100;
    assert!(counts.iter().all(|count| *count > least), "{object:?}: neither, sequential alone, both: {counts:?}");
}

/// Where values name their writes, sessions are judged in earnest.
fn sessions_condemn_nothing_linearizable(rounds: u32) {
    let mut rng = RunKey::new(1994).stream(Purpose::Workload, 0);
    let mut broken = [0; 4];
    for round in 0..rounds {
        let mut value = 0;
        let distinct = |rng: &mut Stream| {
            let key = rng.below(2) as usize;
            value += 1;
            match rng.below(8) {
                0..4 => Op::Read(key),
                4 => Op::Swap(key, rng.below(u64::from(value)) as u8, value),
                _ => Op::Write(key, value),
            }
        };
        let correct = generate(&mut rng, Registers::default(), 30, Endings::All, distinct);
        let history = if round % 2 == 0 { correct } else { swap_two_reads(&correct, &mut rng) };
        let verdicts = check_sessions(&Hinted, &history).verdicts;
        for (count, (guarantee, kept)) in broken.iter_mut().zip(verdicts) {
            if let Kept::Broken(breach) = kept {
                *count += 1;
                assert_eq!(is_linearizable(&Hinted, &history), Some(false), "{guarantee}: {breach:?} {history:?}");
                let parts = [Some(breach.read), Some(breach.due), breach.older];
                let all = parts.into_iter().flatten().chain(breach.because);
                let part: History<Op, Ret> = {
                    let kept: Vec<_> = all.map(|id| &history.operations()[id.0 as usize]).collect();
                    rebuild(&history, |one| kept.contains(&one), |_, ret| ret).0
                };
                let again = check_sessions(&Hinted, &part).verdicts;
                let is_shown = again.iter().any(|(other, kept)| *other == guarantee && matches!(kept, Kept::Broken(_)));
                assert!(is_shown, "{guarantee}: the operations that are named break it alone: {part:?}");
            }
        }
    }
    assert!(broken.iter().all(|count| *count > rounds / 2_000), "{broken:?} of {rounds}");
}

/// Two reads of a register with their answers exchanged, where there are two.
fn swap_two_reads(history: &History<Op, Ret>, rng: &mut Stream) -> History<Op, Ret> {
    let reads: Vec<(usize, usize, Ret)> = history
        .operations()
        .iter()
        .enumerate()
        .filter_map(|(place, one)| match (&one.op, &one.outcome) {
            (Op::Read(key), Outcome::Returned { ret, .. }) => Some((place, *key, *ret)),
            (_, _) => None,
        })
        .collect();
    if reads.is_empty() {
        return history.clone();
    }
    let mut any = || reads[rng.below(reads.len() as u64) as usize];
    let (one, other) = (any(), any());
    if one.1 != other.1 {
        return history.clone();
    }
    let answer = |place, ret| match place {
        place if place == one.0 => other.2,
        place if place == other.0 => one.2,
        _ => ret,
    };
    rebuild(history, |_| true, answer).0
}

/// Changes one answer of a long history. If brute force finds no order for the operations between the quiet moments
/// before and after it, whatever the state at first, then there is none for the whole history, and the checker must see it.
fn mutations_are_detected(rounds: u32) {
    let mut rng = RunKey::new(1993).stream(Purpose::Workload, 0);
    let (mut condemned, mut detected) = (0, 0);
    for round in 0..rounds {
        let object = if round % 2 == 0 { Object::Register } else { Object::SwapRegister };
        let correct = generate(&mut rng, Registers::default(), 400, Endings::Answers, |rng| object.operation(rng, 1));
        assert_eq!(is_linearizable(&Hinted, &correct), Some(true));
        let changed = break_an_answer(&correct, &mut rng);
        let mut pairs = correct.operations().iter().zip(changed.operations());
        let Some(place) = pairs.position(|(one, other)| one != other) else { continue };
        let (begin, end) = window_around(&changed, place);
        if end - begin > 9 {
            continue;
        }
        let ids = &changed.operations()[begin..end];
        let (window, _) = rebuild(&changed, |one| ids.contains(&one.clone()), |_, ret| ret);
        let is_explained = (0..4).any(|value| {
            let mut state = Registers::default();
            state.0[0] = value;
            brute::is_linearizable(&state, &window, Stamp::MAX)
        });
        let verdict = check(&Hinted, &changed, &Budget::default()).verdict;
        let is_violation = matches!(verdict, Verdict::Violation(_));
        assert!(is_explained || is_violation, "the window {window:?} has no order from any state");
        condemned += u32::from(!is_explained);
        detected += u32::from(is_violation);
    }
    assert!(condemned > rounds / 50, "brute force condemned {condemned} windows, the checker {detected} histories");
}

/// The operations between the last quiet moment before one and the first behind it, and a neighbour on each side.
fn window_around(history: &History<Op, Ret>, place: usize) -> (usize, usize) {
    let mut in_flight = 0;
    let mut invoked = 0;
    let mut quiet = vec![0];
    for (_, _, kind) in events(history) {
        match kind {
            checker_support::histories::Kind::Invoke => {
                invoked += 1;
                in_flight += 1;
            }
            checker_support::histories::Kind::Return
            | checker_support::histories::Kind::Fail
            | checker_support::histories::Kind::GiveUp => {
                in_flight -= 1;
                if in_flight == 0 {
                    quiet.push(invoked);
                }
            }
        }
    }
    let next = quiet.partition_point(|count| *count <= place);
    (quiet[next.saturating_sub(2)], quiet[(next + 1).min(quiet.len() - 1)])
}

#[test]
fn registers_agree() {
    agree(Object::Register, 100_000);
}

#[test]
fn swap_registers_agree() {
    agree(Object::SwapRegister, 100_000);
}

#[test]
fn several_registers_agree() {
    agree(Object::Registers, 100_000);
}

#[test]
fn sequential_consistency_agrees() {
    agree_on_sequential(Object::Register, 50_000);
    agree_on_sequential(Object::SwapRegister, 50_000);
    agree_on_sequential(Object::Registers, 50_000);
}

#[test]
fn sessions_agree() {
    sessions_condemn_nothing_linearizable(40_000);
}

#[test]
fn changed_answers_are_found() {
    mutations_are_detected(4_000);
}
