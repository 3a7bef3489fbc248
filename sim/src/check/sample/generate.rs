//! Valid histories of a wanted shape: the object runs, and the clients are told what it said (Lowe, 2017).
//!
//! Who acts next, what is asked, and what becomes of it are drawn from streams of their own: more operations of unknown
//! outcome do not change what is asked. What it simplifies: every client in flight is equally quick.

use super::registers::{Action, Content, Register, Reply, Request};
use crate::check::SequentialSpec;
use crate::history::{History, OperationId};
use crate::rng::{PPM, Ppm, Purpose, RunKey, Stream};
use crate::time::Instant;

/// Which numbers are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Numbers {
    /// Each once, counted from 1.
    Distinct,
    /// Any of 1 to this one, again and again.
    UpTo(u64),
}

/// How often an operation is of each kind, as shares of their sum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mix {
    /// Share of reads.
    pub reads: u32,
    /// Share of writes.
    pub writes: u32,
    /// Share of appends.
    pub appends: u32,
    /// Share of swaps. Half of them expect what the register holds when they are invoked, the others a recent number.
    pub swaps: u32,
    /// Share of deletes.
    pub deletes: u32,
}

impl Mix {
    /// Reads and writes, as many of one as of the other.
    pub const REGISTER: Mix = Mix { reads: 1, writes: 1, appends: 0, swaps: 0, deletes: 0 };
    /// Reads, writes and swaps.
    pub const SWAPS: Mix = Mix { reads: 2, writes: 1, appends: 0, swaps: 1, deletes: 0 };
    /// Appends and reads of whole lists.
    pub const LISTS: Mix = Mix { reads: 1, writes: 0, appends: 1, swaps: 0, deletes: 0 };
}

/// What a history is to look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// How many operations there are.
    pub operations: usize,
    /// How many clients there are. One that gave up goes on under another number, as in Jepsen.
    pub clients: u64,
    /// How many of them may have an operation in flight at once.
    pub in_flight: u64,
    /// How many registers there are.
    pub keys: u64,
    /// Which numbers are written.
    pub numbers: Numbers,
    /// What is asked.
    pub mix: Mix,
    /// How many operations have an unknown outcome. Half of these take effect, some of them long after.
    pub unknown: Ppm,
    /// How many operations fail.
    pub failed: Ppm,
}

impl Shape {
    /// Reads and writes of distinct numbers, with all clients busy, and every outcome known.
    #[must_use]
    pub fn registers(operations: usize, clients: u64, keys: u64) -> Shape {
        Shape {
            operations,
            clients,
            in_flight: clients,
            keys,
            numbers: Numbers::Distinct,
            mix: Mix::REGISTER,
            unknown: 0,
            failed: 0,
        }
    }

    /// The hardest kind that is known: one register, few numbers, reads, writes and swaps, many of unknown outcome.
    #[must_use]
    pub fn adversarial(operations: usize, in_flight: u64) -> Shape {
        Shape {
            numbers: Numbers::UpTo(5),
            mix: Mix::SWAPS,
            unknown: PPM / 10,
            failed: PPM / 20,
            ..Shape::registers(operations, in_flight, 1)
        }
    }

    /// A history of this shape: another for each seed, and always the same for the same one.
    ///
    /// # Panics If there is no client, none may have an operation in flight, or there is no register, number or kind of
    /// operation.
    #[must_use]
    pub fn sample(&self, seed: u64) -> Sample {
        Generator::new(*self, seed).run()
    }
}

/// A history, and why it is linearizable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sample {
    /// The history.
    pub history: History<Request, Reply>,
    /// The operations that took effect, in that order: a witness.
    pub order: Vec<OperationId>,
}

/// What becomes of an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Returns,
    Fails,
    /// Its client gives up after it took effect.
    Unheard,
    /// Its client gives up before it takes effect, and it does so later or never.
    Late,
}

/// An operation in flight.
struct Busy {
    client: u64,
    id: OperationId,
    request: Request,
    fate: Fate,
    reply: Option<Reply>,
}

struct Generator {
    shape: Shape,
    /// Who acts next.
    turns: Stream,
    /// What is asked.
    asked: Stream,
    /// What becomes of it.
    fates: Stream,
    registers: Vec<Register>,
    written: u64,
    idle: Vec<u64>,
    busy: Vec<Busy>,
    abandoned: Vec<(OperationId, Request)>,
    sample: Sample,
}

/// How many abandoned operations may still take effect; of more the first is forgotten.
const ABANDONED: usize = 64;

impl Generator {
    fn new(shape: Shape, seed: u64) -> Generator {
        assert!(shape.clients > 0 && shape.in_flight > 0, "a history is of clients with operations in flight");
        let stream = |place| RunKey::new(seed).stream(Purpose::Sample, place);
        let keys = usize::try_from(shape.keys).expect("registers fit into memory");
        Generator {
            shape,
            turns: stream(0),
            asked: stream(1),
            fates: stream(2),
            registers: vec![Register::default(); keys],
            written: 0,
            idle: (0..shape.clients).collect(),
            busy: Vec::new(),
            abandoned: Vec::new(),
            sample: Sample { history: History::new(), order: Vec::new() },
        }
    }

    fn run(mut self) -> Sample {
        loop {
            let is_left = self.sample.history.operations().len() < self.shape.operations;
            let may_invoke = is_left && !self.idle.is_empty() && (self.busy.len() as u64) < self.shape.in_flight;
            // Clients are busy most of the time.
            if may_invoke && (self.busy.is_empty() || self.turns.below(3) > 0) {
                self.invoke();
            } else if self.busy.is_empty() {
                return self.sample;
            } else {
                self.advance();
            }
        }
    }

    fn invoke(&mut self) {
        let place = self.turns.below(self.idle.len() as u64) as usize;
        let client = self.idle.swap_remove(place);
        let request = self.request();
        let id = self.sample.history.invoke(client, request, Instant::START);
        let draw = self.fates.below(u64::from(PPM));
        let (unknown, failed) = (u64::from(self.shape.unknown), u64::from(self.shape.failed));
        let fate = match draw {
            _ if draw < unknown / 2 => Fate::Unheard,
            _ if draw < unknown => Fate::Late,
            _ if draw < unknown + failed => Fate::Fails,
            _ => Fate::Returns,
        };
        self.busy.push(Busy { client, id, request, fate, reply: None });
    }

    /// Lets an operation in flight take effect, or end.
    fn advance(&mut self) {
        let place = self.turns.below(self.busy.len() as u64) as usize;
        let busy = &mut self.busy[place];
        let takes_effect = matches!(busy.fate, Fate::Returns | Fate::Unheard);
        if takes_effect && busy.reply.is_none() {
            self.sample.order.push(busy.id);
            busy.reply = Some(self.registers[busy.request.key as usize].invoke(&busy.request));
            return;
        }
        let Busy { client, id, request, fate, reply } = self.busy.swap_remove(place);
        match (fate, reply) {
            (Fate::Returns, Some(reply)) => self.sample.history.returned(id, reply, Instant::START),
            (Fate::Fails, _) => self.sample.history.failed(id, Instant::START),
            (Fate::Unheard, _) => self.sample.history.unknown(id, Instant::START),
            (Fate::Late, _) => {
                self.sample.history.unknown(id, Instant::START);
                if self.abandoned.len() == ABANDONED {
                    self.abandoned.remove(0);
                }
                self.abandoned.push((id, request));
            }
            (Fate::Returns, None) => unreachable!("an operation takes effect before it returns"),
        }
        self.idle.push(match fate {
            Fate::Returns | Fate::Fails => client,
            Fate::Unheard | Fate::Late => client + self.shape.clients,
        });
        if !self.abandoned.is_empty() && self.turns.below(16) == 0 {
            let (id, request) = self.abandoned.swap_remove(0);
            self.sample.order.push(id);
            self.registers[request.key as usize].invoke(&request);
        }
    }

    fn request(&mut self) -> Request {
        let key = self.asked.below(self.shape.keys);
        let Mix { reads, writes, appends, swaps, deletes } = self.shape.mix;
        let shares = [reads, writes, appends, swaps, deletes].map(u64::from);
        let mut draw = self.asked.below(shares.iter().sum());
        let kind = shares.iter().position(|share| {
            let is_this = draw < *share;
            draw = draw.saturating_sub(*share);
            is_this
        });
        let action = match kind.expect("a draw below the sum falls into one of the shares") {
            0 => Action::Read,
            1 => Action::Write(self.number()),
            2 => Action::Append(self.number()),
            3 => Action::Swap { expected: self.expected(key), new: self.number() },
            _ => Action::Delete,
        };
        Request { key, action }
    }

    fn number(&mut self) -> u64 {
        self.written += 1;
        match self.shape.numbers {
            Numbers::Distinct => self.written,
            Numbers::UpTo(most) => 1 + self.asked.below(most),
        }
    }

    /// What a swap expects.
    fn expected(&mut self, key: u64) -> Option<u64> {
        let draw = self.asked.draw();
        if draw & 1 == 0 {
            return match &self.registers[key as usize].0 {
                Content::Empty => None,
                Content::One(number) => Some(*number),
                Content::Many(numbers) => numbers.last().copied(),
            };
        }
        let (back, most) = match self.shape.numbers {
            Numbers::Distinct => (draw >> 1 & 7, self.written),
            Numbers::UpTo(most) => ((draw >> 1) % most, most),
        };
        (back < most).then(|| most - back)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::sample::Registers;
    use crate::check::{is_linearizable, is_witness};
    use crate::history::Outcome;

    const ALL: Mix = Mix { reads: 4, writes: 2, appends: 1, swaps: 2, deletes: 1 };

    #[test]
    fn a_sample_has_the_shape_that_was_asked_for() {
        let shape =
            Shape { mix: ALL, in_flight: 7, unknown: 100_000, failed: 50_000, ..Shape::registers(4_000, 10, 3) };
        let Sample { history, .. } = shape.sample(1);
        let operations = history.operations();
        assert_eq!(operations.len(), 4_000);
        let count =
            |of: fn(&Outcome<Reply>) -> bool| operations.iter().filter(|operation| of(&operation.outcome)).count();
        assert!((320..480).contains(&count(|outcome| matches!(outcome, Outcome::Unknown { .. }))));
        assert!((150..250).contains(&count(|outcome| matches!(outcome, Outcome::Failed { .. }))));
        assert_eq!(count(|outcome| matches!(outcome, Outcome::Open)), 0);
        let swapped = Reply::Swapped(true);
        let swaps = operations
            .iter()
            .filter(|operation| matches!(&operation.outcome, Outcome::Returned { ret, .. } if *ret == swapped))
            .count();
        assert!(swaps > 50, "{swaps} swaps found what they expected");
        for key in 0..3 {
            assert!(operations.iter().filter(|operation| operation.op.key == key).count() > 1_200);
        }
        let (mut in_flight, mut most) = (0, 0);
        let mut events: Vec<(u64, i64)> = Vec::new();
        for operation in operations {
            events.push((operation.invoked, 1));
            match operation.outcome {
                Outcome::Returned { stamp, .. } | Outcome::Failed { stamp, .. } | Outcome::Unknown { stamp, .. } => {
                    events.push((stamp, -1));
                }
                Outcome::Open => {}
            }
        }
        events.sort_unstable();
        for (_, change) in events {
            in_flight += change;
            most = most.max(in_flight);
        }
        assert_eq!(most, 7);
    }

    #[test]
    fn a_sample_is_linearizable_and_its_order_is_a_witness() {
        for seed in 0..300 {
            let numbers = if seed % 2 == 0 { Numbers::Distinct } else { Numbers::UpTo(3) };
            let shape =
                Shape { mix: ALL, numbers, unknown: 150_000, failed: 50_000, ..Shape::registers(60, 1 + seed % 5, 2) };
            let Sample { history, order } = shape.sample(seed);
            assert!(is_witness(&Registers, &history, &order), "seed {seed}");
            assert_eq!(is_linearizable(&Registers, &history), Some(true), "seed {seed}");
        }
    }

    #[test]
    fn the_same_seed_gives_the_same_sample_and_outcomes_do_not_change_what_is_asked() {
        let shape = Shape { keys: 4, ..Shape::adversarial(500, 8) };
        assert_eq!(shape.sample(3), shape.sample(3));
        assert_ne!(shape.sample(3), shape.sample(4));
        let without_swaps = Shape { mix: Mix { swaps: 0, ..ALL }, ..shape };
        let requests = |shape: Shape| -> Vec<Request> {
            shape.sample(3).history.operations().iter().map(|operation| operation.op).collect()
        };
        assert_eq!(requests(without_swaps), requests(Shape { unknown: 0, failed: 0, ..without_swaps }));
    }
}
