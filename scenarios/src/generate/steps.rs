//! The steps and expectations of a run: those of the scenario, with what it leaves open decided.

use whitewater_sim::fault::Source;
use whitewater_sim::plan::{Action, Expectation, Step};
use whitewater_sim::rng::{Purpose, RunKey};

use super::draw;
use super::faults::{Cast, Choices, Strikes};
use crate::scenario::{self, Scenario, StepAction};

/// The steps, each with a stream of its own. Their sources follow those of the fault mixes.
pub(super) fn steps(scenario: &Scenario, cast: Cast, key: &RunKey) -> Vec<Step> {
    let of_step = |(step, place): (&scenario::Step, u32)| {
        let mut stream = key.stream(Purpose::Steps, place);
        let wait_ns = draw(step.wait, &mut stream);
        let action = match &step.action {
            StepAction::Strike { kind, lasting } => {
                let lasting_ns = lasting.map(|lasting| draw(lasting, &mut stream));
                Action::Begin { kind: Choices::new(cast, Strikes::Once, &mut stream).kind(kind), lasting_ns }
            }
            StepAction::End { step } => Action::End { step: *step },
            StepAction::EndAll => Action::EndAll,
            StepAction::Mark => Action::Mark,
        };
        Step {
            source: source(scenario.faults.len() as u32 + place),
            name: step.name.clone(),
            follows: step.follows,
            trigger: step.trigger,
            wait_ns,
            action,
        }
    };
    scenario.steps.iter().zip(0..).map(of_step).collect()
}

/// The expectations. Their sources follow those of the steps.
pub(super) fn expectations(scenario: &Scenario) -> Vec<Expectation> {
    let first = (scenario.faults.len() + scenario.steps.len()) as u32;
    let of_expectation = |(expectation, place): (&scenario::Expectation, u32)| {
        let scenario::Expectation { from, until, quantity, at_least, at_most } = *expectation;
        Expectation { source: source(first + place), from, until, quantity, at_least, at_most }
    };
    scenario.expectations.iter().zip(0..).map(of_expectation).collect()
}

fn source(number: u32) -> Source {
    Source(u16::try_from(number).expect("a scenario has fewer than 65,536 entries"))
}
