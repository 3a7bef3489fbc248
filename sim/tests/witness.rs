//! A witness is never believed wrongly: whatever order is proposed, what it proves the search finds as well.

use whitewater_sim::Instant;
use whitewater_sim::check::{SequentialSpec, Whole, is_linearizable, is_witness};
use whitewater_sim::history::{History, OperationId};
use whitewater_sim::rng::{Purpose, RunKey, Stream};

/// A register: `Some` writes and is told the old value, `None` reads.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct Swap(u64);

impl SequentialSpec for Swap {
    type Op = Option<u64>;
    type Ret = u64;
    fn invoke(&mut self, op: &Option<u64>) -> u64 {
        let before = self.0;
        self.0 = op.unwrap_or(before);
        before
    }
}

/// Up to six operations of three clients; answers are those of the order in which they take effect somewhere between
/// their events, but now and then one is made up. Returns that order too.
fn history(random: &mut Stream) -> (History<Option<u64>, u64>, Vec<OperationId>) {
    let mut history = History::new();
    let mut state = Swap::default();
    let mut order = Vec::new();
    let mut open: Vec<(OperationId, Option<u64>, Option<u64>)> = Vec::new();
    for _ in 0..18 {
        match random.below(4) {
            0 if open.len() < 3 && history.operations().len() < 6 => {
                let op = random.chance(600_000).then(|| random.below(3));
                open.push((history.invoke(open.len() as u64, op, Instant(0)), op, None));
            }
            1 if !open.is_empty() => {
                let (id, op, answer) = &mut open[0];
                if answer.is_none() {
                    *answer = Some(state.invoke(op));
                    order.push(*id);
                }
            }
            2 => {
                if let Some(place) = open.iter().position(|(.., answer)| answer.is_some()) {
                    let (id, _, answer) = open.remove(place);
                    let told = if random.chance(100_000) { Some(random.below(3)) } else { answer };
                    history.returned(id, told.expect("it took effect"), Instant(0));
                }
            }
            _ if open.len() > 1 => open.rotate_left(1),
            _ => {}
        }
    }
    (history, order)
}

#[test]
fn what_a_witness_proves_is_linearizable() {
    let mut random = RunKey::new(5).stream(Purpose::Workload, 0);
    let (mut proved, mut silent, mut wrong) = (0, 0, 0);
    for _ in 0..20_000 {
        let (history, mut order) = history(&mut random);
        if random.chance(300_000) {
            random.shuffle(&mut order);
        }
        let linearizable = is_linearizable(&Whole(Swap::default()), &history).expect("small histories are decided");
        match (is_witness(&Whole(Swap::default()), &history, &order), linearizable) {
            (true, true) => proved += 1,
            (true, false) => panic!("{order:?} proves what is not so: {history:?}"),
            (false, true) => silent += 1,
            (false, false) => wrong += 1,
        }
    }
    assert!(proved > 5_000 && silent > 500 && wrong > 500, "{proved} proved, {silent} silent, {wrong} wrong");
}
