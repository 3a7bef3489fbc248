//! Measuring contestants in turn: whatever else the machine does meanwhile falls on all of them.
//!
//! The figure of a contestant is its median; the figure of a comparison is the median of the ratios of neighbouring
//! measurements. Medians, because what disturbs a measurement only ever makes it slower; many short measurements (of
//! about a millisecond), because then most are not disturbed at all.

#![expect(clippy::disallowed_types, reason = "a bench reads the clock")]

use std::time::Instant;

use crate::cluster::{Applied, Cluster, Server};

/// How often each contestant is measured.
pub(crate) const ROUNDS: usize = 801;

/// How many rounds come before that and do not count.
const WARM_UP_ROUNDS: usize = 20;

/// How many commands are committed between two compactions.
const COMPACTION_INTERVAL: u64 = 512;

/// What is asked of all contestants alike.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Task {
    /// How many commands are proposed together.
    pub(crate) batch: usize,
    /// How many compaction intervals make one measurement.
    pub(crate) intervals: u64,
}

/// A cluster of any kind.
pub(crate) trait Contestant {
    /// See [`Cluster::commit`].
    fn commit(&mut self, commands: u64, batch: usize);

    /// See [`Cluster::applied`].
    fn applied(&self) -> Applied;

    /// See [`Cluster::messages`].
    fn messages(&self) -> u64;
}

impl<S: Server> Contestant for Cluster<S> {
    fn commit(&mut self, commands: u64, batch: usize) {
        Cluster::commit(self, commands, batch);
    }

    fn applied(&self) -> Applied {
        Cluster::applied(self)
    }

    fn messages(&self) -> u64 {
        Cluster::messages(self)
    }
}

/// What a contestant did.
#[derive(Debug)]
pub(crate) struct Record {
    /// Commands per second, round by round.
    pub(crate) speeds: Vec<f64>,
    /// Messages sent per command.
    pub(crate) messages: f64,
}

/// The middle of some figures, and how far they spread.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Spread {
    /// The smallest.
    pub(crate) min: f64,
    /// A quarter of the figures is below.
    pub(crate) lower: f64,
    /// Half of the figures is below.
    pub(crate) median: f64,
    /// Three quarters of the figures are below.
    pub(crate) upper: f64,
    /// The largest.
    pub(crate) max: f64,
}

/// Measures contestants in turn: all of them once, then all of them again.
pub(crate) fn measure(contestants: &mut [Box<dyn Contestant>], task: Task) -> Vec<Record> {
    let mut speeds = vec![Vec::with_capacity(ROUNDS); contestants.len()];
    for round in 0..WARM_UP_ROUNDS + ROUNDS {
        for (contestant, speeds) in contestants.iter_mut().zip(&mut speeds) {
            let began = Instant::now();
            for _ in 0..task.intervals {
                contestant.commit(COMPACTION_INTERVAL, task.batch);
            }
            let speed = (task.intervals * COMPACTION_INTERVAL) as f64 / began.elapsed().as_secs_f64();
            if round >= WARM_UP_ROUNDS {
                speeds.push(speed);
            }
        }
    }
    let applied = contestants[0].applied();
    assert!(contestants.iter().all(|contestant| contestant.applied() == applied), "all did the same work");
    let messages = contestants.iter().map(|contestant| contestant.messages() as f64 / applied.commands as f64);
    speeds.into_iter().zip(messages).map(|(speeds, messages)| Record { speeds, messages }).collect()
}

/// How many times as fast one contestant was as another, round by round.
pub(crate) fn ratios(fast: &Record, slow: &Record) -> Vec<f64> {
    fast.speeds.iter().zip(&slow.speeds).map(|(fast, slow)| fast / slow).collect()
}

impl Spread {
    /// The spread of these figures, of which there is at least one.
    pub(crate) fn of(figures: &[f64]) -> Spread {
        let mut sorted = figures.to_vec();
        sorted.sort_by(f64::total_cmp);
        let at = |quarters: usize| sorted[(sorted.len() - 1) * quarters / 4];
        Spread { min: at(0), lower: at(1), median: at(2), upper: at(3), max: at(4) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spread_is_taken_from_the_sorted_figures() {
        let spread = Spread::of(&[50.0, 10.0, 30.0, 20.0, 40.0]);
        assert_eq!(spread, Spread { min: 10.0, lower: 20.0, median: 30.0, upper: 40.0, max: 50.0 });
    }

    #[test]
    fn a_ratio_is_that_of_neighbours() {
        let record = |speeds: &[f64]| Record { speeds: speeds.to_vec(), messages: 0.0 };
        assert_eq!(ratios(&record(&[6.0, 8.0]), &record(&[3.0, 2.0])), [2.0, 4.0]);
    }
}
