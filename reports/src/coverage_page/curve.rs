//! The curve of new behaviour: how many features had been seen after how many runs, and what that says about further seeds.

use super::plot::{self, Mark, Scale};
use crate::behaviour;
use crate::interval::{self, Rate};
use crate::model::BehaviourRecord;
use crate::part::Part;
use crate::words::{count, printable};

/// The drawing and its words.
pub(super) struct Curve {
    pub(super) command: String,
    pub(super) points: String,
    pub(super) runs: Vec<Mark>,
    pub(super) features: Vec<Mark>,
    pub(super) words: String,
    pub(super) outlook: String,
}

impl Curve {
    /// Nothing if the runs have shown nothing.
    pub(super) fn of(part: &Part) -> Option<Curve> {
        let behaviour = &part.behaviour;
        let end = behaviour.curve.last().filter(|end| end.features > 0)?;
        let (x, y) = (Scale::logarithmic((1, end.runs), (56, 600)), Scale::linear((0, end.features), (180, 12)));
        let points = behaviour.curve.iter().map(|point| (x.at(point.runs), y.at(point.features)));
        Some(Curve {
            command: printable(&part.command),
            points: plot::points(points),
            runs: x.marks(plot::tens(end.runs).map(|ten| (ten, count(ten)))),
            features: y.marks([0, end.features / 2, end.features].map(|features| (features, count(features)))),
            words: behaviour::words(behaviour).unwrap_or_default(),
            outlook: outlook(behaviour, end.runs),
        })
    }
}

/// What the curve says about further seeds.
fn outlook(behaviour: &BehaviourRecord, runs: u64) -> String {
    if behaviour.guided {
        return "The search was guided: most runs departed from others, so nothing is estimated about further ones."
            .to_owned();
    }
    let most = match interval::rate(behaviour.alone.min(runs), runs) {
        Rate::Unknown => return String::new(),
        Rate::None { below } => below,
        Rate::Some { high, .. } => high,
    };
    // New behaviour only gets rarer, so the chance of the next seed bounds that of each later one.
    let at_most = (most * 1_000.0).ceil() as u64;
    let advice = if at_most < 10 {
        "More seeds of these scenarios will hardly show more."
    } else {
        "More seeds are worth their time."
    };
    format!(
        "Of 1,000 further seeds at most about {} are to be expected to show something new. {advice}",
        count(at_most)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flat_curve_says_that_more_seeds_will_not_help() {
        let behaviour = |alone| BehaviourRecord { guided: false, curve: Vec::new(), alone };
        assert!(outlook(&behaviour(0), 10_000).contains("at most about 1 are"));
        assert!(outlook(&behaviour(0), 10_000).contains("hardly"));
        assert!(outlook(&behaviour(17), 100).contains("worth their time"));
        let guided = BehaviourRecord { guided: true, ..behaviour(1) };
        assert!(outlook(&guided, 100).contains("nothing is estimated"));
    }
}
