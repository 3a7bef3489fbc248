//! What happens once in a scenario, and what must be true between two moments.

use whitewater_sim::ProbeId;
use whitewater_sim::plan::{Edge, Quantity, Trigger};

use super::faults::strike;
use super::words::{exact, range};
use crate::probes::Declared;
use crate::scenario::{Expectation, Scenario, Step, StepAction};

/// The most steps that are shown one by one.
const SHOWN: usize = 200;

/// The steps, in the order of the file; none if there are none.
pub(super) fn steps(scenario: &Scenario) -> Vec<String> {
    let steps = &scenario.steps;
    let mut lines: Vec<String> = (0..steps.len().min(SHOWN)).map(|place| step(place, steps)).collect();
    if steps.len() > SHOWN {
        lines.push(format!("and {} more", steps.len() - SHOWN));
    }
    lines
}

fn step(place: usize, steps: &[Step]) -> String {
    let Step { name: _, follows, trigger, wait, action } = &steps[place];
    let after = match follows {
        Some(step) if Some(*step) == place.checked_sub(1) => "then, ".to_owned(),
        Some(step) => format!("after {}, ", called(*step, steps)),
        None => String::new(),
    };
    let waits = match (trigger, *follows) {
        (Trigger::Now, None) if wait.max_ns == 0 => "at the start".to_owned(),
        (Trigger::Now, _) if wait.max_ns == 0 => "at once".to_owned(),
        (Trigger::Now, None) => format!("{} after the start", range(*wait)),
        (Trigger::Now, Some(_)) => format!("{} later", range(*wait)),
        (trigger, _) if wait.max_ns == 0 => until(*trigger),
        (trigger, _) => format!("{} and {} later", until(*trigger), range(*wait)),
    };
    let what = match action {
        StepAction::Strike { kind, lasting: Some(lasting) } => format!("for {}: {}", range(*lasting), strike(kind)),
        StepAction::Strike { kind, lasting: None } => strike(kind),
        StepAction::End { step } => format!("the fault of {} ends", called(*step, steps)),
        StepAction::EndAll => "the faults of all steps end".to_owned(),
        StepAction::Mark => "a moment to remember".to_owned(),
    };
    format!("{}: {after}{waits}: {what}", called(place, steps))
}

/// What a script has in store: that each step is taken, and that each expectation is judged.
pub(crate) fn script(scenario: &Scenario) -> Vec<String> {
    let taken = (0..scenario.steps.len()).map(|place| match &scenario.steps[place].name {
        Some(name) => format!("step `{name}`"),
        None => format!("step {place}"),
    });
    taken.chain(expectations(scenario).into_iter().map(|words| format!("judge \"{words}\""))).collect()
}

/// What people call a step.
fn called(step: usize, steps: &[Step]) -> String {
    steps[step].name.as_ref().map_or_else(|| format!("step {step}"), |name| format!("`{name}`"))
}

fn until(trigger: Trigger) -> String {
    let times = |count: u64, one: &str, many: &str| match count {
        1 => format!("one more {one}"),
        _ => format!("{count} more {many}"),
    };
    match trigger {
        Trigger::Now => "at once".to_owned(),
        Trigger::At(instant) => format!("at {}", exact(instant.0)),
        Trigger::Leader => "once somebody leads".to_owned(),
        Trigger::NewLeader => "once another leader is elected".to_owned(),
        Trigger::Converged => "once all servers that are up have applied the same".to_owned(),
        Trigger::Commits(count) => {
            format!("once {} is committed", times(count, "entry", "entries")).replace("entries is", "entries are")
        }
        Trigger::Answers(count) => {
            format!("once {} was given", times(count, "answer", "answers")).replace("answers was", "answers were")
        }
        Trigger::Crashes(count) => format!("after {}", times(count, "crash", "crashes")),
        Trigger::Probe(id, hits) => format!("after {} of {}", times(hits, "hit", "hits"), probe(id)),
    }
}

/// The name of a probe, as `whitewater probes` lists it.
pub(super) fn probe(id: ProbeId) -> String {
    Declared::of(id).map_or_else(|| format!("probe {}", id.0), |probe| probe.name().to_owned())
}

/// The expectations; none if there are none.
pub(super) fn expectations(scenario: &Scenario) -> Vec<String> {
    scenario.expectations.iter().map(|expectation| expected(expectation, &scenario.steps)).collect()
}

fn expected(expectation: &Expectation, steps: &[Step]) -> String {
    let Expectation { from, until, quantity, at_least, at_most } = *expectation;
    let amount = match (at_least, at_most) {
        (least, most) if least == most => format!("exactly {least}"),
        (least, u64::MAX) => format!("at least {least}"),
        (0, most) => format!("at most {most}"),
        (least, most) => format!("{least} to {most}"),
    };
    let until = edge(until, steps);
    let window = format!("from {} to {until}", edge(from, steps));
    let figure = |one: &str, many: &str| {
        let is_one = (at_least, at_most) == (1, 1) || (at_least == 1 && at_most == u64::MAX);
        format!("{window}: {amount} {}", if is_one { one } else { many })
    };
    match quantity {
        Quantity::Commits => figure("entry committed", "entries committed"),
        Quantity::Answers => figure("operation answered", "operations answered"),
        Quantity::Messages => figure("message from server to server", "messages from server to server"),
        Quantity::Bytes => figure("byte from server to server", "bytes from server to server"),
        Quantity::Leaders => figure("term with a leader", "terms with a leader"),
        Quantity::Probe(id) => figure("hit", "hits") + " of " + &probe(id),
        Quantity::Led => match (at_least, at_most) {
            (1, _) => format!("at {until}: somebody leads who can reach a majority"),
            (0, 0) => format!("at {until}: nobody leads who can reach a majority"),
            _ => format!("at {until}: {amount} leader who can reach a majority"),
        },
        Quantity::DiskBytes => format!("at {until}: {amount} bytes in the files of any server"),
    }
}

fn edge(edge: Edge, steps: &[Step]) -> String {
    let later = |after_ns: u64, moment: String| match after_ns {
        0 => moment,
        _ => format!("{} after {moment}", exact(after_ns)),
    };
    match edge {
        Edge::Start { after_ns: 0 } => "the start".to_owned(),
        Edge::Start { after_ns } => exact(after_ns),
        Edge::Step { step, after_ns } => later(after_ns, called(step, steps)),
        Edge::Healed { after_ns } => later(after_ns, "the healing of all faults".to_owned()),
        Edge::End => "the end".to_owned(),
    }
}
