//! The pace of a scenario: how long clients waited at which time of its runs, how soon they were served again after a fault, and
//! what the cluster was busy with when faults struck.
//!
//! A worker makes a short account of each run ([`Tempo`]); the campaign adds them up in whatever order they come ([`Pacing`]), so
//! the number of threads makes no difference. Times are counted in bins of microseconds, eight to each doubling. What it
//! simplifies: clients need not wait for the server that a fault struck, so a recovery says when *somebody* was served.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use whitewater_reports::part::{Band, Pace, Phase, PhaseCount, Recovery, SLICES, SLICES_HURT, Sample};
use whitewater_sim::Strike;
use whitewater_sim::fault::Source;
use whitewater_sim::history::{History, Outcome};
use whitewater_sim::time::MICROSECOND_NS;

use crate::faults;
use crate::run::Run;
use crate::scenario::Scenario;

/// What one run adds to the pace of its scenario. A worker may give back whatever it likes: nothing in here is relied upon.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tempo {
    /// For each operation that was answered, its slice and how long that took.
    answers: Vec<(u8, Bin)>,
    /// The slices of the operations that were not.
    unanswered: Vec<u8>,
    /// How long it took from the end of a fault to the next answer; none where there was no more.
    recoveries: Vec<Option<Bin>>,
    bands: Vec<Band>,
    strikes: Vec<(u16, Phase, bool)>,
}

/// How long a slice of the runs of a scenario is, in nanoseconds.
fn slice_ns(scenario: &Scenario) -> u64 {
    scenario.timing.duration_ns.div_ceil(u64::from(SLICES_HURT)).max(1)
}

impl Tempo {
    /// What this run of a scenario adds.
    pub(crate) fn of(scenario: &Scenario, run: &Run) -> Tempo {
        let Tempo { answers, unanswered, .. } = waits(&run.history, slice_ns(scenario));
        let places = faults::places(scenario);
        let place = |Source(source): Source| places.get(usize::from(source)).copied().flatten();
        let struck = || run.strikes.iter().filter_map(|strike| Some((place(strike.source)?, strike)));
        let band = |(fault, strike): (u16, &Strike)| Band {
            fault,
            begin_ns: strike.begun.0,
            end_ns: strike.ended.map_or(run.record.virtual_ns, |ended| ended.0),
        };
        Tempo {
            answers,
            unanswered,
            recoveries: recoveries(run),
            bands: struck().map(band).collect(),
            strikes: struck().map(|(fault, strike)| (fault, strike.phase.into(), strike.effective)).collect(),
        }
    }
}

/// How long each operation took, and in which slice it was invoked.
fn waits<Op, Ret>(history: &History<Op, Ret>, slice_ns: u64) -> Tempo {
    let mut tempo = Tempo { answers: Vec::with_capacity(history.operations().len()), ..Tempo::default() };
    for operation in history.operations() {
        let slice = (operation.invoked_at.0 / slice_ns).min(u64::from(SLICES) - 1) as u8;
        match operation.outcome {
            Outcome::Returned { at, .. } => tempo.answers.push((slice, Bin::of_ns(at.0 - operation.invoked_at.0))),
            Outcome::Unknown { .. } | Outcome::Open => tempo.unanswered.push(slice),
            Outcome::Failed { .. } => {}
        }
    }
    tempo
}

/// For each fault that had an effect and ended, how long it took until the next answer.
fn recoveries(run: &Run) -> Vec<Option<Bin>> {
    let ends: Vec<u64> =
        run.strikes.iter().filter(|strike| strike.effective).filter_map(|strike| Some(strike.ended?.0)).collect();
    if ends.is_empty() {
        return Vec::new();
    }
    let answered = run.history.operations().iter().filter_map(|operation| match operation.outcome {
        Outcome::Returned { at, .. } => Some(at.0),
        Outcome::Failed { .. } | Outcome::Unknown { .. } | Outcome::Open => None,
    });
    let mut answered: Vec<u64> = answered.collect();
    answered.sort_unstable();
    let next = |end: &u64| answered.get(answered.partition_point(|at| at < end)).map(|at| Bin::of_ns(at - end));
    ends.iter().map(next).collect()
}

/// A span of time, counted with all that are as long within an eighth.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Bin(u16);

/// How many bins there are to each doubling, as a power of two.
const FINENESS: u32 = 3;

impl Bin {
    fn of_ns(ns: u64) -> Bin {
        let us = ns.div_ceil(MICROSECOND_NS);
        if us < 1 << FINENESS {
            return Bin(us as u16);
        }
        let shift = us.ilog2() - FINENESS;
        Bin((u64::from(shift) << FINENESS).wrapping_add(us >> shift) as u16)
    }

    /// The longest span in it, in microseconds.
    fn us_max(self) -> u64 {
        let bin = u64::from(self.0);
        if bin < 2 << FINENESS {
            return bin;
        }
        let shift = ((bin >> FINENESS) - 1).min(u64::from(u64::BITS - 1 - FINENESS - 1));
        let mantissa = bin - (shift << FINENESS);
        mantissa.saturating_mul(1 << shift).saturating_add((1 << shift) - 1)
    }
}

/// How often spans of time were so long.
#[derive(Clone, Debug, Default)]
struct Spans {
    counts: Vec<u64>,
    total: u64,
}

impl Spans {
    fn add(&mut self, bin: Bin) {
        let place = usize::from(bin.0);
        if self.counts.len() <= place {
            self.counts.resize(place + 1, 0);
        }
        self.counts[place] += 1;
        self.total += 1;
    }

    /// The span at this percentile by nearest rank, in microseconds; 0 if there is none.
    fn percentile_us(&self, percent: u64) -> u64 {
        let rank = (self.total * percent).div_ceil(100).max(1);
        let mut seen = 0;
        for (bin, count) in (0..).zip(&self.counts) {
            seen += count;
            if seen >= rank {
                return Bin(bin).us_max();
            }
        }
        0
    }
}

/// The pace of a scenario, from the runs so far.
#[derive(Clone, Debug, Default)]
pub(crate) struct Pacing {
    runs: u64,
    answers: Vec<Spans>,
    unanswered: Vec<u64>,
    recoveries: Spans,
    never: u64,
    strikes: BTreeMap<(u16, Phase), [u64; 2]>,
    /// The run with the lowest seed: its seed and departures, and what it says.
    sample: Option<((u64, String), Sample)>,
}

impl Pacing {
    /// Nothing has been run.
    pub(crate) fn new() -> Pacing {
        let slices = SLICES as usize;
        Pacing { answers: vec![Spans::default(); slices], unanswered: vec![0; slices], ..Pacing::default() }
    }

    /// Adds a run.
    pub(crate) fn take(&mut self, lineage: (u64, &str), tempo: Tempo) {
        self.runs += 1;
        let place = |slice: &u8| usize::from(*slice).min(SLICES as usize - 1);
        for (slice, bin) in &tempo.answers {
            self.answers[place(slice)].add(*bin);
        }
        for slice in &tempo.unanswered {
            self.unanswered[place(slice)] += 1;
        }
        for recovery in &tempo.recoveries {
            match recovery {
                Some(bin) => self.recoveries.add(*bin),
                None => self.never += 1,
            }
        }
        for (fault, phase, effective) in &tempo.strikes {
            let [fired, effects] = self.strikes.entry((*fault, *phase)).or_default();
            *fired += 1;
            *effects += u64::from(*effective);
        }
        let (seed, departures) = lineage;
        let is_lower = |((other, others), _): &((u64, String), Sample)| (seed, departures) < (*other, others.as_str());
        if self.sample.as_ref().is_none_or(is_lower) {
            let mut answered = vec![0; SLICES as usize];
            tempo.answers.iter().for_each(|(slice, _)| answered[place(slice)] += 1);
            let sample = Sample { lineage: format!("{seed}{departures}"), answered, bands: tempo.bands };
            self.sample = Some(((seed, departures.to_owned()), sample));
        }
    }

    /// What is kept of it; nothing if nothing was run.
    pub(crate) fn record(&self, scenario: &Scenario) -> Option<Pace> {
        let percentiles = |percent| self.answers.iter().map(|spans| spans.percentile_us(percent)).collect();
        let recovery = Recovery {
            count: self.recoveries.total,
            never: self.never,
            p50_us: self.recoveries.percentile_us(50),
            p99_us: self.recoveries.percentile_us(99),
            max_us: self.recoveries.percentile_us(100),
        };
        (self.runs > 0).then(|| Pace {
            scenario: scenario.name.clone(),
            runs: self.runs,
            slice_ns: slice_ns(scenario),
            answered: self.answers.iter().map(|spans| spans.total).collect(),
            unanswered: self.unanswered.clone(),
            p50_us: percentiles(50),
            p99_us: percentiles(99),
            recovery: (recovery.count + recovery.never > 0).then_some(recovery),
            sample: self.sample.as_ref().map(|(_, sample)| sample.clone()),
        })
    }

    /// What faults struck, by what the cluster was busy with.
    pub(crate) fn phases<'a>(&'a self, scenario: &'a Scenario) -> impl Iterator<Item = PhaseCount> + 'a {
        self.strikes.iter().map(|((fault, phase), [fired, effects])| PhaseCount {
            scenario: scenario.name.clone(),
            fault: *fault,
            phase: *phase,
            fired: *fired,
            effects: *effects,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog;
    use crate::run::{self, Options};

    #[test]
    fn spans_are_rounded_up_by_at_most_an_eighth() {
        for us in (0..20_000).chain((0..40).map(|power| (1 << power) - 1)).chain([1_000_000, 3_600_000_000]) {
            let found = Bin::of_ns(us * MICROSECOND_NS).us_max();
            assert!(us <= found && found - us <= us / 8, "{us} became {found}");
        }
        assert!(Bin(u16::MAX).us_max() > Bin(300).us_max(), "whatever somebody says is a span");
        assert_eq!(Bin::of_ns(1), Bin::of_ns(MICROSECOND_NS), "what takes any time takes a microsecond");
    }

    #[test]
    fn percentiles_are_those_of_the_nearest_rank() {
        let mut spans = Spans::default();
        assert_eq!(spans.percentile_us(50), 0);
        (1..=7).for_each(|us| spans.add(Bin::of_ns(us * MICROSECOND_NS)));
        assert_eq!([50, 99, 100].map(|percent| spans.percentile_us(percent)), [4, 7, 7]);
    }

    #[test]
    fn the_order_of_runs_makes_no_difference_and_the_lowest_seed_is_the_sample() {
        let storm = catalog::find("storm").expect("it is in the catalog");
        let tempos: Vec<(u64, Tempo)> =
            (3..6).map(|seed| (seed, Tempo::of(&storm, &run::run(&storm, seed, &Options::default())))).collect();
        let pacing = |order: [usize; 3]| {
            let mut pacing = Pacing::new();
            for place in order {
                let (seed, tempo) = &tempos[place];
                pacing.take((*seed, ""), tempo.clone());
            }
            (pacing.record(&storm).expect("there were runs"), pacing.phases(&storm).collect::<Vec<_>>())
        };
        let (pace, phases) = pacing([0, 1, 2]);
        assert_eq!(pacing([2, 0, 1]), (pace.clone(), phases.clone()));
        let sample = pace.sample.expect("there is one");
        assert_eq!(sample.lineage, "3");
        assert!(!sample.bands.is_empty() && sample.bands.iter().all(|band| band.begin_ns < band.end_ns));
        assert!(pace.recovery.is_some_and(|recovery| recovery.count > 0 && recovery.p50_us <= recovery.max_us));
        assert!(phases.iter().any(|count| count.phase == Phase::Steady));
    }

    /// The account by phases adds up to the account of the faults, which is made another way.
    #[test]
    fn what_struck_in_a_phase_struck() {
        for name in ["storm", "story", "joint-crash"] {
            let scenario = catalog::find(name).expect("it is in the catalog");
            let run = run::run(&scenario, 1, &Options::default());
            let mut pacing = Pacing::new();
            pacing.take((1, ""), Tempo::of(&scenario, &run));
            let entries = scenario.faults.len() + scenario.steps.len();
            for count in run.record.faults.iter().filter(|count| usize::from(count.fault) < entries) {
                let of_fault = || pacing.strikes.iter().filter(|((fault, _), _)| *fault == count.fault);
                let (fired, effects) =
                    of_fault().fold((0, 0), |sum, (_, [fired, effects])| (sum.0 + fired, sum.1 + effects));
                if faults::names(&scenario)[usize::from(count.fault)].contains('[') {
                    assert_eq!(
                        (fired, effects),
                        (u64::from(count.fired), u64::from(count.effects)),
                        "{name} {count:?}"
                    );
                }
            }
        }
    }
}
