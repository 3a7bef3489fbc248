//! How long clients waited over the virtual time of each scenario, with the faults of one of its runs.
//!
//! A drawing has a strip with a bar for each fault of the sample run, how many operations were answered in it, and how long answers took
//! in all runs. Where several parts made runs of a scenario, that with the most runs is drawn.

use std::collections::BTreeMap;

use super::plot::{self, Mark, Scale, place};
use crate::model::{Campaign, ScenarioRecord};
use crate::part::{Band, Pace, SLICES, SLICES_HURT};
use crate::words::{count, counted, printable, span};

/// How many drawings are shown at once.
const OPEN: usize = 8;

/// The drawings.
pub(super) struct Paces {
    pub(super) shown: Vec<Drawing>,
    pub(super) more: Vec<Drawing>,
}

/// A drawing of a scenario.
pub(super) struct Drawing {
    pub(super) scenario: String,
    pub(super) lineage: String,
    pub(super) runs: String,
    pub(super) height: u32,
    /// The lower end of both panels, and of the strip.
    pub(super) answers_base: u32,
    pub(super) waits_base: u32,
    pub(super) bars: Vec<Bar>,
    pub(super) answers: String,
    pub(super) answers_most: String,
    pub(super) healed: String,
    pub(super) p50: Vec<String>,
    pub(super) p99: Vec<String>,
    pub(super) times: Vec<Mark>,
    pub(super) waits: Vec<Mark>,
    /// For each fault, the numbers of its bars.
    pub(super) legend: Vec<(String, String)>,
    pub(super) hidden: String,
    pub(super) recovery: String,
    pub(super) unanswered: String,
}

/// A fault in the strip.
pub(super) struct Bar {
    pub(super) x: String,
    pub(super) y: u32,
    pub(super) width: String,
    pub(super) label: String,
    pub(super) label_x: String,
    pub(super) label_y: u32,
}

const LEFT: u32 = 56;
const RIGHT: u32 = 600;
const LANE: u32 = 13;
const LANES: usize = 7;
const PANEL: u32 = 62;
const GAP: u32 = 16;

impl Paces {
    pub(super) fn of(campaign: &Campaign) -> Paces {
        let mut most: BTreeMap<&str, &Pace> = BTreeMap::new();
        for pace in campaign.parts.iter().flat_map(|part| &part.paces) {
            let known = most.entry(&pace.scenario).or_insert(pace);
            if pace.runs > known.runs {
                *known = pace;
            }
        }
        let of_scenario = |scenario: &ScenarioRecord| Some(Drawing::of(scenario, most.get(scenario.name.as_str())?));
        let mut shown: Vec<Drawing> = campaign.scenarios.iter().filter_map(of_scenario).collect();
        let more = shown.split_off(shown.len().min(OPEN));
        Paces { shown, more }
    }
}

/// Faults that are drawn, each in a lane in which it is alone.
fn lanes(bands: &[Band]) -> (Vec<(usize, &Band)>, usize) {
    let mut ends: Vec<u64> = Vec::new();
    let mut placed = Vec::new();
    let mut hidden = 0;
    for band in bands {
        let free = ends.iter().position(|end| *end <= band.begin_ns);
        let lane = match free {
            Some(lane) => lane,
            None if ends.len() < LANES => {
                ends.push(0);
                ends.len() - 1
            }
            None => {
                hidden += 1;
                continue;
            }
        };
        ends[lane] = band.end_ns;
        placed.push((lane, band));
    }
    (placed, hidden)
}

impl Drawing {
    fn of(scenario: &ScenarioRecord, pace: &Pace) -> Drawing {
        let total_ns = pace.slice_ns.saturating_mul(u64::from(SLICES));
        let time = Scale::linear((0, total_ns), (LEFT, RIGHT));
        let sample = pace.sample.clone().unwrap_or_default();
        let (placed, hidden) = lanes(&sample.bands);
        let strip = placed.iter().map(|(lane, _)| *lane as u32 + 1).max().unwrap_or(0) * LANE;
        let answers_base = strip + GAP + PANEL;
        let waits_base = answers_base + GAP + PANEL;
        let most = sample.answered.iter().copied().max().unwrap_or(0);
        let answers = Scale::linear((0, most), (answers_base, answers_base - PANEL));
        let used = || pace.p50_us.iter().chain(&pace.p99_us).copied().filter(|us| *us > 0);
        let (least, longest) = (used().min().unwrap_or(1), used().max().unwrap_or(1));
        let waits = Scale::logarithmic((least, longest), (waits_base, waits_base - PANEL));
        let healed_ns = pace.slice_ns.saturating_mul(u64::from(SLICES_HURT));
        let seconds = |ns: u64| (ns, if ns == 0 { "0".to_owned() } else { span(ns) });
        let middle =
            |slice: usize| time.at(pace.slice_ns.saturating_mul(slice as u64).saturating_add(pace.slice_ns / 2));
        Drawing {
            scenario: printable(&scenario.name),
            lineage: printable(&sample.lineage),
            runs: counted(pace.runs, "run"),
            height: waits_base + 22,
            answers_base,
            waits_base,
            bars: (1..).zip(&placed).map(|(number, (lane, band))| Bar::of(number, *lane, band, time)).collect(),
            answers: steps(&sample.answered, time, answers, pace.slice_ns),
            answers_most: count(most),
            healed: place(time.at(healed_ns)),
            p50: lines(&pace.p50_us, middle, waits),
            p99: lines(&pace.p99_us, middle, waits),
            times: time.marks([seconds(0), seconds(healed_ns / 2), seconds(healed_ns)]),
            waits: waits.marks([least, longest].map(|us| (us, span(us.saturating_mul(1_000))))),
            legend: legend(scenario, &placed),
            hidden: if hidden == 0 { String::new() } else { counted(hidden as u64, "more fault") },
            recovery: recovery(pace),
            unanswered: unanswered(pace),
        }
    }
}

/// Which bars are of which fault, in the order of the scenario.
fn legend(scenario: &ScenarioRecord, placed: &[(usize, &Band)]) -> Vec<(String, String)> {
    let mut numbers: BTreeMap<u16, Vec<String>> = BTreeMap::new();
    for (number, (_, band)) in (1_u32..).zip(placed) {
        numbers.entry(band.fault).or_default().push(number.to_string());
    }
    let name = |fault: u16| scenario.faults.get(usize::from(fault)).map_or("?", String::as_str);
    numbers.into_iter().map(|(fault, numbers)| (printable(name(fault)), numbers.join(", "))).collect()
}

impl Bar {
    fn of(number: usize, lane: usize, band: &Band, time: Scale) -> Bar {
        let (begin, end) = (time.at(band.begin_ns), time.at(band.end_ns.max(band.begin_ns)));
        let y = lane as u32 * LANE + 1;
        Bar {
            x: place(begin),
            y,
            width: place((end - begin).max(1.5)),
            label: number.to_string(),
            label_x: place(begin + 2.0),
            label_y: y + 9,
        }
    }
}

/// The outline of columns, closed at the base.
fn steps(counts: &[u64], time: Scale, height: Scale, slice_ns: u64) -> String {
    let corners = counts.iter().enumerate().flat_map(|(slice, count)| {
        let begin = slice_ns.saturating_mul(slice as u64);
        let y = height.at(*count);
        [(time.at(begin), y), (time.at(begin.saturating_add(slice_ns)), y)]
    });
    let base = height.at(0);
    let ends = [(f64::from(LEFT), base)].into_iter();
    plot::points(ends.chain(corners).chain([(f64::from(RIGHT), base)]))
}

/// A line for each row of slices in which there were answers.
fn lines(us: &[u64], middle: impl Fn(usize) -> f64, height: Scale) -> Vec<String> {
    let slices: Vec<(usize, u64)> = us.iter().copied().enumerate().collect();
    let runs = slices.split(|(_, us)| *us == 0).filter(|run| !run.is_empty());
    runs.map(|run| {
        // A single slice is a short line, or nothing would be seen of it.
        let ends = run.iter().flat_map(|(slice, us)| {
            let (x, y) = (middle(*slice), height.at(*us));
            if run.len() == 1 { vec![(x - 3.0, y), (x + 3.0, y)] } else { vec![(x, y)] }
        });
        plot::points(ends)
    })
    .collect()
}

fn recovery(pace: &Pace) -> String {
    let Some(recovery) = pace.recovery else { return String::new() };
    let us = |us: u64| span(us.saturating_mul(1_000));
    let served = format!(
        "After the end of a fault that had an effect, somebody was answered within {} (half of {}), {} (all but one in a hundred), {} at most",
        us(recovery.p50_us),
        counted(recovery.count, "end"),
        us(recovery.p99_us),
        us(recovery.max_us)
    );
    match recovery.never {
        0 => format!("{served}."),
        never => format!("{served}; after {} nobody was any more.", count(never)),
    }
}

fn unanswered(pace: &Pace) -> String {
    let unanswered = pace.unanswered.iter().copied().fold(0, u64::saturating_add);
    let answered = pace.answered.iter().copied().fold(0, u64::saturating_add);
    format!("{} answered, {} without an answer.", counted(answered, "operation"), count(unanswered))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_that_overlap_have_lanes_of_their_own() {
        let band = |begin_ns, end_ns| Band { fault: 0, begin_ns, end_ns };
        let bands = [band(0, 10), band(5, 20), band(10, 12), band(30, 31)];
        let (placed, hidden) = lanes(&bands);
        assert_eq!(placed.iter().map(|(lane, _)| *lane).collect::<Vec<_>>(), [0, 1, 0, 0]);
        assert_eq!(hidden, 0);
        let crowd = [band(0, 9); LANES + 2];
        let (placed, hidden) = lanes(&crowd);
        assert_eq!((placed.len(), hidden), (LANES, 2));
    }

    #[test]
    fn a_slice_without_answers_interrupts_the_line() {
        let waits = Scale::logarithmic((1, 10), (10, 0));
        let lines = lines(&[1, 10, 0, 0, 10], |slice| slice as f64 * 10.0, waits);
        assert_eq!(lines, ["0.0,10.0 10.0,0.0", "37.0,0.0 43.0,0.0"]);
    }
}
