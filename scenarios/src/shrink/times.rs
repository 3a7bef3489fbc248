//! The ways to make a scenario of one run shorter: it ends sooner, it begins later, nothing happens for a shorter while.

use whitewater_sim::Instant;
use whitewater_sim::plan::Trigger;
use whitewater_sim::time::{MILLISECOND_NS, SECOND_NS};

use super::passes::with_steps;
use super::repro::{begin_of, exactly};
use crate::scenario::{PlannedOperation, Scenario, Step, StepAction};

/// What would begin less than this sooner is not worth a run, in nanoseconds.
const LEAST_NS: u64 = 100 * MILLISECOND_NS;

/// How many of the longest election timeouts a cluster has for its first leader before the last part of a run begins.
const TIMEOUTS_FOR_A_LEADER: u64 = 3;

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

/// Only what is under way or begins in the last part of a run, so many nanoseconds before an instant. It begins as soon as the
/// servers can have a leader: all that was before is left out, and with it what had made the servers what they were. Nothing
/// if there is not that much before it.
pub(super) fn last_part(scenario: &Scenario, end: Instant, lasting_ns: u64) -> Option<Scenario> {
    let end_ns = end.0.min(scenario.timing.duration_ns);
    let begin = Instant(end_ns.checked_sub(lasting_ns)?);
    let lead_ns = TIMEOUTS_FOR_A_LEADER * scenario.timing.election_timeout_ns.max_ns;
    let by_ns = begin.0.checked_sub(lead_ns).filter(|by_ns| *by_ns >= LEAST_NS)?;
    let steps = scenario.steps.iter().filter(|step| end_of(step).is_none_or(|end| end > begin));
    let mut part = with_steps(scenario, steps.cloned().collect());
    part.steps.iter_mut().for_each(|step| begin_later(step, begin));
    part.goals.retain(|goal| goal.not_before >= begin);
    let operations = part.operations.get_or_insert_default();
    // Those that follow answers are in the order of time, but do not say when that is.
    let follows = |operation: &PlannedOperation| operation.think_ns.is_some();
    let following = operations.iter().filter(|operation| follows(operation)).count();
    let early = u128::from(begin.0) * following as u128 / u128::from(end_ns);
    let mut seen = 0;
    operations.retain(|operation| {
        seen += u128::from(follows(operation));
        if follows(operation) { seen > early } else { operation.planned.not_before >= begin }
    });
    Some(earlier_by(&part, by_ns))
}

/// When a step that says when it begins and how long it lasts has ended.
fn end_of(step: &Step) -> Option<Instant> {
    let StepAction::Strike { lasting: Some(lasting), .. } = &step.action else { return None };
    begin_of(step).map(|begin| begin.after(lasting.max_ns))
}

/// A step that began before this time begins then, and ends when it did.
fn begin_later(step: &mut Step, begin: Instant) {
    if begin_of(step).is_none_or(|before| before >= begin) {
        return;
    }
    if let (Some(end), StepAction::Strike { lasting, .. }) = (end_of(step), &mut step.action) {
        *lasting = Some(exactly(end.since_ns(begin)));
    }
    step.trigger = Trigger::At(begin);
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
    by_ns.filter(|by_ns| *by_ns >= LEAST_NS).map(|by_ns| earlier_by(scenario, by_ns)).collect()
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::{format, write};

    #[test]
    fn the_last_part_has_what_reaches_into_it_and_a_leader_before() {
        let text = r#"
name = "x"
summary = "y"
[cluster]
servers = 3
[timing]
duration = "10s"
election_timeout = ["100ms", "200ms"]
[[steps]]
at = "1s"
do = "crash"
target = [0]
lasting = "2s"
[[steps]]
at = "4s"
do = "pause"
target = [1]
lasting = "4500ms"
[[steps]]
at = "9s"
do = "cut"
target = [2]
lasting = "500ms"
[[steps]]
when = "leader"
do = "crash"
target = [1]
lasting = "10ms"
[[goals]]
at = "7s"
do = "transfer"
server = 1
[[goals]]
at = "8600ms"
do = "transfer"
server = 2
[[operations]]
client = 0
at = "7999ms"
do = "get k"
[[operations]]
client = 0
at = "8s"
do = "put k v"
[[operations]]
client = 1
think = "5ms"
do = "get k"
[[operations]]
client = 1
think = "5ms"
do = "get k"
[[operations]]
client = 1
think = "5ms"
do = "get k"
[[operations]]
client = 1
think = "5ms"
do = "put k w"
[[operations]]
client = 0
at = "11s"
do = "get k"
"#;
        let whole = format::parse("x.toml", text).expect("a scenario");
        // A failure that shows only once all is healed: the last part is one of the time before.
        let part = last_part(&whole, Instant(20 * SECOND_NS), 2 * SECOND_NS).expect("it is long enough");
        insta::assert_snapshot!(write(&part), @r#"
        name = "x"
        summary = "y"

        [cluster]
        servers = 3

        [timing]
        election_timeout = ["100ms", "200ms"]
        duration = "2600ms"

        [[steps]]
        at = "600ms"
        do = "pause"
        target = [1]
        lasting = "500ms"

        [[steps]]
        at = "1600ms"
        do = "cut"
        target = [2]
        lasting = "500ms"

        [[steps]]
        when = "leader"
        do = "crash"
        target = [1]
        lasting = "10ms"

        [[goals]]
        at = "1200ms"
        do = "transfer"
        server = 2

        [[operations]]
        client = 0
        at = "600ms"
        do = "put k v"

        [[operations]]
        client = 1
        think = "5ms"
        do = "put k w"

        [[operations]]
        client = 0
        at = "3600ms"
        do = "get k"
        "#);
        assert!(last_part(&whole, Instant(2 * SECOND_NS), 2 * SECOND_NS).is_none(), "nothing is before it");
        assert!(last_part(&whole, Instant(SECOND_NS), 2 * SECOND_NS).is_none(), "it did not last that long");
    }
}
