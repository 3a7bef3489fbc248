//! The ways to make a scenario of one run shorter: it ends sooner, it begins later, nothing happens for a shorter while.

use whitewater_sim::Instant;
use whitewater_sim::plan::Trigger;
use whitewater_sim::time::{MILLISECOND_NS, SECOND_NS};

use super::passes::with_steps;
use super::repro::begin_of;
use crate::scenario::{PlannedOperation, Scenario, Step};

/// Heals everything at about this time, and leaves out what would come later. What clients ask once all is healed is asked
/// then.
pub(super) fn ended_at(scenario: &Scenario, end: Instant) -> Scenario {
    let round_ns = if end.0 > SECOND_NS { 100 * MILLISECOND_NS } else { 10 * MILLISECOND_NS };
    let duration_ns = (end.0 + 1).next_multiple_of(round_ns).min(scenario.timing.duration_ns);
    let mut shorter = scenario.clone();
    shorter.timing.duration_ns = duration_ns;
    let is_early = |step: &Step| begin_of(step).is_none_or(|begin| begin.0 < duration_ns);
    shorter = with_steps(&shorter, scenario.steps.iter().filter(|step| is_early(step)).cloned().collect());
    shorter.goals.retain(|goal| goal.not_before.0 < duration_ns);
    if let Some(operations) = &mut shorter.operations {
        operations.retain(|operation| operation.planned.not_before.0 < duration_ns || is_late(scenario, operation));
        for operation in operations {
            let planned = &mut operation.planned;
            match planned.not_before.0.checked_sub(scenario.timing.duration_ns) {
                Some(later_ns) => planned.not_before = Instant(duration_ns).after(later_ns),
                None => planned.not_after = planned.not_after.min(Instant(duration_ns)),
            }
        }
    }
    shorter
}

/// Whether an operation begins once all is healed.
pub(super) fn is_late(scenario: &Scenario, operation: &PlannedOperation) -> bool {
    operation.planned.not_before.0 >= scenario.timing.duration_ns
}

/// Heals everything sooner, and leaves out what would come later.
pub(super) fn healed_sooner(scenario: &Scenario) -> Vec<Scenario> {
    let now_ns = scenario.timing.duration_ns;
    let shares = [(1, 8), (1, 4), (1, 2), (3, 4), (7, 8)];
    let ends = shares.into_iter().map(|(part, whole)| Instant(now_ns / whole * part));
    let shorter = |candidate: &Scenario| candidate.timing.duration_ns < now_ns;
    ends.map(|end| ended_at(scenario, end)).filter(shorter).collect()
}

/// Everything earlier by the same time, so that nothing happens for a shorter while before it begins.
pub(super) fn earlier(scenario: &Scenario) -> Vec<Scenario> {
    let steps = scenario.steps.iter().filter_map(begin_of);
    let goals = scenario.goals.iter().map(|goal| goal.not_before);
    let operations = scenario.operations.iter().flatten().filter(|operation| operation.think_ns.is_none());
    let operations = operations.map(|operation| operation.planned.not_before);
    let Some(first) = steps.chain(goals).chain(operations).min() else { return Vec::new() };
    let beginnings = [0, 300 * MILLISECOND_NS, 500 * MILLISECOND_NS, SECOND_NS, 2 * SECOND_NS, first.0 / 2];
    let by_ns = beginnings.into_iter().filter_map(|begin_ns| first.0.checked_sub(begin_ns));
    by_ns.filter(|by_ns| *by_ns >= 100 * MILLISECOND_NS).map(|by_ns| earlier_by(scenario, by_ns)).collect()
}

/// Everything earlier by this.
fn earlier_by(scenario: &Scenario, by_ns: u64) -> Scenario {
    let moved = |instant: Instant| Instant(instant.0.saturating_sub(by_ns));
    let mut earlier = scenario.clone();
    earlier.timing.duration_ns = earlier.timing.duration_ns.saturating_sub(by_ns).max(1);
    for step in &mut earlier.steps {
        if let Trigger::At(at) = step.trigger {
            step.trigger = Trigger::At(moved(at));
        }
    }
    for goal in &mut earlier.goals {
        goal.not_before = moved(goal.not_before);
    }
    for operation in earlier.operations.iter_mut().flatten() {
        let planned = &mut operation.planned;
        planned.not_before = moved(planned.not_before);
        if !planned.is_fresh() {
            planned.not_after = moved(planned.not_after);
        }
    }
    earlier
}
