//! A forecast: how many situations a run is going to meet, by the kinds of things that are planned to go wrong in it.
//!
//! Each kind has a weight: so many situations more a run meets if that kind takes part. Nothing is known of the weights at
//! first but that they are about one, and every run that was made says more of them: least squares, a run at a time (Plackett,
//! "Some Theorems in Least Squares", Biometrika 1950). What it simplifies: kinds add up, though some are in each other's way.

/// How far weights are from one, before anything is known: the variance, in situations squared.
const WEIGHT_VARIANCE: f64 = 2.0;

/// The variance of what all runs have in common, in situations squared: anything is possible.
const COMMON_VARIANCE: f64 = 10_000.0;

/// By how much runs of the same kinds differ: the variance, in situations squared.
const RUN_VARIANCE: f64 = 20.0;

/// What is known of the runs of a scenario.
#[derive(Clone, Debug)]
pub(super) struct Forecast {
    /// One for each kind, and the last for what all runs have in common.
    weights: Vec<f64>,
    /// How little is known of each, and of each two together: their covariances.
    covariances: Vec<Vec<f64>>,
}

impl Forecast {
    /// A forecast that knows nothing, for runs in which so many kinds of things may go wrong.
    pub(super) fn new(kinds: usize) -> Forecast {
        let variance = |place: usize| if place == kinds { COMMON_VARIANCE } else { WEIGHT_VARIANCE };
        let row = |row: usize| (0..=kinds).map(|place| if place == row { variance(place) } else { 0.0 }).collect();
        let weights = (0..=kinds).map(|place| if place == kinds { 0.0 } else { 1.0 }).collect();
        Forecast { weights, covariances: (0..=kinds).map(row).collect() }
    }

    /// How many situations a run with these kinds will meet, as far as anybody knows.
    pub(super) fn of(&self, kinds: &[bool]) -> f64 {
        terms(kinds).map(|place| self.weights[place]).sum()
    }

    /// Takes what a run with these kinds has met.
    pub(super) fn take(&mut self, kinds: &[bool], situations: usize) {
        let surprise = situations as f64 - self.of(kinds);
        let share: Vec<f64> =
            self.covariances.iter().map(|row| terms(kinds).map(|place| row[place]).sum::<f64>()).collect();
        let variance = RUN_VARIANCE + terms(kinds).map(|place| share[place]).sum::<f64>();
        for (place, row) in self.covariances.iter_mut().enumerate() {
            let gain = share[place] / variance;
            self.weights[place] += gain * surprise;
            for (covariance, share) in row.iter_mut().zip(&share) {
                *covariance -= gain * share;
            }
        }
    }
}

/// The places of the weights that add up to the forecast.
fn terms(kinds: &[bool]) -> impl Iterator<Item = usize> {
    let taking_part = kinds.iter().enumerate().filter(|(_, takes_part)| **takes_part);
    taking_part.map(|(place, _)| place).chain([kinds.len()])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Kinds by the bits of a number.
    fn kinds(bits: usize) -> [bool; 3] {
        [0, 1, 2].map(|place| bits >> place & 1 == 1)
    }

    #[test]
    fn at_first_every_kind_counts_one() {
        let forecast = Forecast::new(3);
        assert_eq!([0b000, 0b010, 0b101, 0b111].map(|bits| forecast.of(&kinds(bits))), [0.0, 1.0, 2.0, 3.0]);
    }

    #[test]
    fn what_runs_met_tells_which_kinds_matter() {
        let mut forecast = Forecast::new(3);
        // Thirty situations in any case, six more by the first kind, two less by the last.
        let met = |bits: usize| 30 + 6 * (bits & 1) - 2 * (bits >> 2);
        for bits in (0..8).cycle().take(400) {
            forecast.take(&kinds(bits), met(bits));
        }
        for bits in 0..8 {
            let (forecast, met) = (forecast.of(&kinds(bits)), met(bits) as f64);
            assert!((forecast - met).abs() < 0.5, "{forecast} is not {met}");
        }
    }

    #[test]
    fn one_run_changes_little() {
        let mut forecast = Forecast::new(3);
        (0..8).for_each(|bits| forecast.take(&kinds(bits), 40));
        let before = forecast.of(&kinds(0b111));
        forecast.take(&kinds(0b111), 60);
        let after = forecast.of(&kinds(0b111));
        assert!(before < after && after < before + 8.0, "{before}, then {after}");
    }

    #[test]
    fn nothing_that_may_go_wrong_is_forecast_too() {
        let mut forecast = Forecast::new(0);
        (0..20).for_each(|_| forecast.take(&[], 12));
        assert!((forecast.of(&[]) - 12.0).abs() < 0.1);
    }
}
