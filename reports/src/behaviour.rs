//! What the runs of a campaign have shown, in words: the curve of new behaviour, and how likely the next seed is to go on.

use crate::interval;
use crate::model::{BehaviourRecord, CurvePoint};
use crate::table::labelled;
use crate::words::{count, counted};

/// How many earlier points of the curve are named.
const POINTS: usize = 3;

/// The lines about it. Nothing if no run has shown anything.
pub(crate) fn lines(behaviour: &BehaviourRecord, width: u16) -> String {
    words(behaviour).map_or(String::new(), |words| labelled("behaviour", &words, width))
}

/// The same as a sentence without an end.
pub(crate) fn words(behaviour: &BehaviourRecord) -> Option<String> {
    let end = behaviour.curve.last().filter(|end| end.features > 0)?;
    let mut words = format!("{} seen in {}", counted(end.features, "feature"), counted(end.runs, "run"));
    let earlier: Vec<String> = (1..=POINTS as u32)
        .rev()
        .filter_map(|power| point_at(&behaviour.curve, end.runs / 4_u64.pow(power)))
        .map(|CurvePoint { runs, features }| format!("{} in the first {}", count(features), count(runs)))
        .collect();
    if !earlier.is_empty() {
        words.push_str(&format!(" ({})", earlier.join(", ")));
    }
    if !behaviour.guided {
        let chance = interval::rate(behaviour.alone.min(end.runs), end.runs);
        words.push_str(&format!("; the next seed shows a new one with a chance of {chance}"));
    }
    Some(words)
}

/// The last point of the curve with no more runs than this.
fn point_at(curve: &[CurvePoint], runs: u64) -> Option<CurvePoint> {
    curve.iter().rev().find(|point| point.runs <= runs).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn behaviour(guided: bool) -> BehaviourRecord {
        let point = |(runs, features)| CurvePoint { runs, features };
        BehaviourRecord { guided, curve: [(1, 10), (16, 50), (64, 70), (256, 75)].map(point).into(), alone: 3 }
    }

    #[test]
    fn the_curve_flattens_and_the_rest_is_estimated() {
        let text = lines(&behaviour(false), 200);
        assert_eq!(
            text,
            "behaviour     75 features seen in 256 runs (10 in the first 1, 50 in the first 16, 70 in the first 64); the next seed \
             shows a new one with a chance of 1.2 % (0.40 to 3.4)\n"
        );
    }

    #[test]
    fn of_runs_that_depend_on_each_other_nothing_is_estimated() {
        assert!(!lines(&behaviour(true), 200).contains("chance"));
        assert_eq!(lines(&BehaviourRecord::default(), 200), "");
    }
}
