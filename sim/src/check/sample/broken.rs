//! Histories broken on purpose, in the ways in which stores break: stale reads, lost writes, readers that disagree.
//!
//! Where the numbers written are distinct, what each of these flaws does is certain to be no longer linearizable: two
//! of the zones of Gibbons and Korach (1997) clash. What it simplifies: one flaw at a time, and only answers are
//! changed, so that the events stay where they were.

use super::generate::Sample;
use super::registers::{Action, Content, Register, Reply, Request};
use crate::check::SequentialSpec;
use crate::history::{History, Operation, OperationId, Outcome, Stamp};
use crate::rng::{Purpose, RunKey, Stream};

/// A way in which a history is broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flaw {
    /// Some answer is another. This one may still be linearizable.
    Answer,
    /// A read was answered with a number that had been overwritten before the read began.
    StaleRead,
    /// A write returned, and whoever read it reads what was there before.
    LostWrite,
    /// Two reads, one after the other, saw two writes in one order, and two others saw them in the other order.
    Disagreement,
}

impl Flaw {
    /// Every flaw.
    pub const ALL: [Flaw; 4] = [Flaw::Answer, Flaw::StaleRead, Flaw::LostWrite, Flaw::Disagreement];
}

/// A history with a flaw.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flawed {
    /// The history.
    pub history: History<Request, Reply>,
    /// The operations whose answers were changed.
    pub changed: Vec<OperationId>,
}

/// How many places are tried before it is given up.
const TRIES: usize = 64;

impl Sample {
    /// The sample with a flaw, in a place drawn from the seed; `None` if none was found where it would be a flaw.
    #[must_use]
    pub fn with_flaw(&self, flaw: Flaw, seed: u64) -> Option<Flawed> {
        let mut random = RunKey::new(seed).stream(Purpose::Sample, 3);
        let effects = Effects::of(self);
        let operations = self.history.operations().len() as u64;
        if operations == 0 {
            return None;
        }
        (0..TRIES).find_map(|_| {
            let id = OperationId(random.below(operations) as u32);
            let changes = match flaw {
                Flaw::Answer => self.other_answer(id, &mut random),
                Flaw::StaleRead => self.stale(&effects, id),
                Flaw::LostWrite => self.lost(&effects, id),
                Flaw::Disagreement => self.disagreement(&effects, id),
            }?;
            let changed = changes.iter().map(|(id, _)| *id).collect();
            Some(Flawed { history: self.history.with_answers(changes), changed })
        })
    }

    fn operation(&self, id: OperationId) -> &Operation<Request, Reply> {
        &self.history.operations()[id.0 as usize]
    }

    fn other_answer(&self, id: OperationId, random: &mut Stream) -> Option<Vec<(OperationId, Reply)>> {
        let Outcome::Returned { ret, .. } = &self.operation(id).outcome else { return None };
        let other = match ret {
            Reply::Done => return None,
            Reply::Swapped(swapped) => Reply::Swapped(!swapped),
            Reply::Holds(content) => {
                let nearby = OperationId((id.0.saturating_sub(16)) + random.below(32) as u32);
                let other = match self.history.operations().get(nearby.0 as usize).map(|near| near.op.action) {
                    Some(Action::Write(number) | Action::Swap { new: number, .. }) => Content::One(number),
                    Some(Action::Append(number)) => Content::new(&[content.numbers(), &[number]].concat()),
                    Some(Action::Read | Action::Delete) | None => Content::Empty,
                };
                if other == *content {
                    return None;
                }
                Reply::Holds(other)
            }
        };
        Some(vec![(id, other)])
    }

    /// Answers a read with the number before the last, if the last was certainly there when the read began.
    fn stale(&self, effects: &Effects, id: OperationId) -> Option<Vec<(OperationId, Reply)>> {
        let (write, before) = effects.read_from(id)?;
        let (operation, last) = (self.operation(id), self.operation(write));
        let older = effects.content(self, before)?;
        (returned(last)? < operation.invoked && returned(self.operation(before))? < last.invoked)
            .then(|| vec![(id, Reply::Holds(older))])
    }

    /// Answers all reads of a number with the number before it, if one of them certainly came after it.
    fn lost(&self, effects: &Effects, id: OperationId) -> Option<Vec<(OperationId, Reply)>> {
        let (write, before) = effects.read_from(id)?;
        self.stale(effects, id)?;
        let older = effects.content(self, before)?;
        let readers = effects.readers(write);
        Some(readers.iter().map(|reader| (*reader, Reply::Holds(older.clone()))).collect())
    }

    /// Lets two reads, one after the other, disagree with two others about the order of two writes.
    fn disagreement(&self, effects: &Effects, id: OperationId) -> Option<Vec<(OperationId, Reply)>> {
        let (write, before) = effects.read_from(id)?;
        let (older, newer) = (effects.content(self, before)?, effects.content(self, write)?);
        let is_before = |one: &OperationId, other: &OperationId| {
            returned(self.operation(*one)).is_some_and(|stamp| stamp < self.operation(*other).invoked)
        };
        let (first, second) = (effects.readers(before), effects.readers(write));
        let one = first.iter().find(|one| second.iter().any(|two| is_before(one, two)))?;
        let two = second.iter().rev().find(|two| is_before(one, two))?;
        let others: Vec<OperationId> =
            first.iter().chain(second).copied().filter(|other| other != one && other != two).collect();
        let three = others.iter().find(|three| others.iter().any(|four| is_before(three, four)))?;
        let four = others.iter().find(|four| is_before(three, four))?;
        Some(vec![(*three, Reply::Holds(newer)), (*four, Reply::Holds(older))])
    }
}

fn returned<O, R>(operation: &Operation<O, R>) -> Option<Stamp> {
    match operation.outcome {
        Outcome::Returned { stamp, .. } => Some(stamp),
        Outcome::Open | Outcome::Failed { .. } | Outcome::Unknown { .. } => None,
    }
}

/// Which write each read has seen, by the witness.
struct Effects {
    /// By operation: the write that a read saw.
    seen: Vec<Option<OperationId>>,
    /// By operation: the write on the same register before this one.
    before: Vec<Option<OperationId>>,
    /// By operation: the reads that saw it, in the order of the witness.
    readers: Vec<Vec<OperationId>>,
}

impl Effects {
    fn of(sample: &Sample) -> Effects {
        let operations = sample.history.operations();
        let mut effects = Effects {
            seen: vec![None; operations.len()],
            before: vec![None; operations.len()],
            readers: vec![Vec::new(); operations.len()],
        };
        let keys = operations.iter().map(|operation| operation.op.key as usize + 1).max().unwrap_or(0);
        let mut last: Vec<Option<OperationId>> = vec![None; keys];
        let mut registers = vec![Register::default(); keys];
        for id in &sample.order {
            let place = id.0 as usize;
            let operation = &operations[place];
            let last = &mut last[operation.op.key as usize];
            let reply = registers[operation.op.key as usize].invoke(&operation.op);
            match (operation.op.action, reply) {
                // Nobody heard its answer.
                (Action::Read, _) if returned(operation).is_none() => {}
                (Action::Read, _) => {
                    effects.seen[place] = *last;
                    if let Some(write) = last {
                        effects.readers[write.0 as usize].push(*id);
                    }
                }
                (Action::Swap { .. }, Reply::Swapped(false)) => {}
                (Action::Write(_) | Action::Append(_) | Action::Delete | Action::Swap { .. }, _) => {
                    effects.before[place] = last.replace(*id);
                }
            }
        }
        effects
    }

    /// The write that a read saw, and the one before it.
    fn read_from(&self, read: OperationId) -> Option<(OperationId, OperationId)> {
        let write = self.seen[read.0 as usize]?;
        Some((write, self.before[write.0 as usize]?))
    }

    fn readers(&self, write: OperationId) -> &[OperationId] {
        &self.readers[write.0 as usize]
    }

    /// What a register holds after a write. What it holds after an append only its readers tell.
    fn content(&self, sample: &Sample, write: OperationId) -> Option<Content> {
        match sample.operation(write).op.action {
            Action::Write(number) | Action::Swap { new: number, .. } => Some(Content::One(number)),
            Action::Append(_) => {
                self.readers(write).iter().find_map(|reader| match &sample.operation(*reader).outcome {
                    Outcome::Returned { ret: Reply::Holds(content), .. } => Some(content.clone()),
                    Outcome::Returned { .. } | Outcome::Open | Outcome::Failed { .. } | Outcome::Unknown { .. } => None,
                })
            }
            Action::Read | Action::Delete => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::is_linearizable;
    use crate::check::sample::{Mix, Registers, Shape};

    #[test]
    fn every_flaw_of_distinct_numbers_but_another_answer_is_a_violation() {
        let mixes = [Mix::REGISTER, Mix { reads: 4, ..Mix::REGISTER }, Mix::LISTS];
        for flaw in Flaw::ALL {
            let (mut found, mut violations) = (0, 0);
            for seed in 0..200 {
                let mix = mixes[seed as usize % 3];
                let sample = Shape { mix, unknown: 50_000, ..Shape::registers(80, 4, 2) }.sample(seed);
                let Some(flawed) = sample.with_flaw(flaw, seed) else { continue };
                assert!(flawed.history != sample.history);
                assert!(!flawed.changed.is_empty());
                found += 1;
                violations += usize::from(is_linearizable(&Registers, &flawed.history) == Some(false));
            }
            assert!(found > 100, "{flaw:?}: {found} of 200 were flawed");
            match flaw {
                Flaw::Answer => assert!(violations > found / 2, "{violations} of {found}"),
                Flaw::StaleRead | Flaw::LostWrite | Flaw::Disagreement => assert_eq!(violations, found, "{flaw:?}"),
            }
        }
    }
}
