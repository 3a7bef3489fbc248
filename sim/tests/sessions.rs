//! Each guarantee of a session on a history that breaks it, and on one that nearly does.
//!
//! The anomalies are the classic ones (Terry et al., 1994), a few lines each. What it simplifies: registers of numbers.

mod checker_support;

use checker_support::registers::{Hinted, Op, Ret};
use whitewater_sim::Instant;
use whitewater_sim::check::{Breach, Guarantee, Kept, Partition, check_sessions};
use whitewater_sim::history::{History, OperationId};

type Calls = History<Op, Ret>;

fn write(history: &mut Calls, client: u64, key: usize, value: u8) {
    let id = history.invoke(client, Op::Write(key, value), Instant::START);
    history.returned(id, Ret::Done, Instant::START);
}

fn read(history: &mut Calls, client: u64, key: usize, value: u8) {
    let id = history.invoke(client, Op::Read(key), Instant::START);
    history.returned(id, Ret::Value(value), Instant::START);
}

/// The guarantees that are broken: the read, what it returned, what it should have, and why.
fn broken(history: &Calls) -> Vec<(Guarantee, [Option<u32>; 3], Vec<u32>)> {
    let number = |id: OperationId| id.0;
    let verdicts = check_sessions(&Hinted, history).verdicts.into_iter();
    verdicts
        .filter_map(|(guarantee, kept)| match kept {
            Kept::Broken(Breach { read, older, due, because }) => {
                let because = because.into_iter().map(number).collect();
                Some((guarantee, [Some(read.0), older.map(number), Some(due.0)], because))
            }
            Kept::Held | Kept::Untold => None,
        })
        .collect()
}

fn verdict_of(history: &Calls, wanted: Guarantee) -> Kept {
    let verdicts = check_sessions(&Hinted, history).verdicts;
    verdicts.into_iter().find(|(guarantee, _)| *guarantee == wanted).expect("there is one for each").1
}

#[test]
fn a_session_sees_what_it_wrote() {
    let mut history = Calls::new();
    write(&mut history, 1, 0, 1);
    write(&mut history, 2, 0, 2);
    read(&mut history, 2, 0, 1);
    assert_eq!(broken(&history), [(Guarantee::ReadYourWrites, [Some(2), Some(0), Some(1)], vec![])]);
    read(&mut history, 2, 1, 0);
    read(&mut history, 1, 0, 0);
    assert_eq!(broken(&history)[0], (Guarantee::ReadYourWrites, [Some(2), Some(0), Some(1)], vec![]), "the first");
}

#[test]
fn reads_do_not_go_back() {
    let mut history = Calls::new();
    write(&mut history, 1, 0, 1);
    write(&mut history, 2, 0, 2);
    read(&mut history, 3, 0, 2);
    read(&mut history, 4, 0, 1);
    assert_eq!(broken(&history), [], "it is stale, but its session never saw better");
    read(&mut history, 3, 0, 1);
    assert_eq!(broken(&history), [(Guarantee::MonotonicReads, [Some(4), Some(0), Some(1)], vec![2])]);
}

#[test]
fn writes_of_a_session_are_seen_in_order() {
    let mut history = Calls::new();
    write(&mut history, 1, 0, 1);
    write(&mut history, 1, 1, 2);
    read(&mut history, 2, 1, 2);
    read(&mut history, 2, 0, 0);
    assert_eq!(broken(&history), [(Guarantee::MonotonicWrites, [Some(3), None, Some(0)], vec![2, 1])]);
    let mut history = Calls::new();
    write(&mut history, 1, 0, 1);
    write(&mut history, 1, 0, 2);
    read(&mut history, 2, 0, 2);
    read(&mut history, 2, 0, 1);
    let same = ([Some(3), Some(0), Some(1)], vec![2]);
    let expected = [Guarantee::MonotonicReads, Guarantee::MonotonicWrites].map(|one| (one, same.0, same.1.clone()));
    assert_eq!(broken(&history), expected, "the reads go back, and over the order of the session that wrote");
}

#[test]
fn writes_come_after_what_their_session_had_read() {
    let mut history = Calls::new();
    write(&mut history, 1, 0, 1);
    read(&mut history, 2, 0, 1);
    write(&mut history, 2, 1, 2);
    read(&mut history, 3, 1, 2);
    read(&mut history, 3, 0, 0);
    assert_eq!(broken(&history), [(Guarantee::WritesFollowReads, [Some(4), None, Some(0)], vec![3, 2, 1])]);
}

#[test]
fn what_may_have_been_concurrent_condemns_nothing() {
    let mut history = Calls::new();
    let slow = history.invoke(1, Op::Write(0, 1), Instant::START);
    write(&mut history, 2, 0, 2);
    read(&mut history, 2, 0, 1);
    history.returned(slow, Ret::Done, Instant::START);
    assert_eq!(broken(&history), []);
    let lost = history.invoke(3, Op::Write(0, 3), Instant::START);
    history.unknown(lost, Instant::START);
    read(&mut history, 3, 0, 1);
    assert_eq!(broken(&history), [], "nobody was told that it is there");
}

#[test]
fn what_cannot_be_told_is_not_guessed() {
    let mut history = Calls::new();
    write(&mut history, 1, 0, 1);
    write(&mut history, 1, 0, 2);
    write(&mut history, 2, 0, 1);
    read(&mut history, 1, 0, 1);
    let sessions = check_sessions(&Hinted, &history);
    assert_eq!(sessions.untold, Partition(vec![0]));
    assert!(sessions.verdicts.iter().all(|(_, kept)| *kept == Kept::Untold), "the value was written twice");
    let mut history = Calls::new();
    write(&mut history, 1, 0, 1);
    let id = history.invoke(2, Op::Shift(0, 1), Instant::START);
    history.returned(id, Ret::Done, Instant::START);
    read(&mut history, 1, 0, 0);
    assert_eq!(verdict_of(&history, Guarantee::ReadYourWrites), Kept::Untold, "more than an access");
    assert_eq!(verdict_of(&Calls::new(), Guarantee::MonotonicReads), Kept::Held);
}
