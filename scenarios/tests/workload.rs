//! What clients ask: closed loops, hot keys, bursts, long values, loads, operations that are written down; and that the
//! steps and expectations of a scenario take part in a run.

use std::collections::{BTreeMap, BTreeSet};

use whitewater_kv::Operation;
use whitewater_reports::model::Verdict;
use whitewater_scenarios::catalog;
use whitewater_scenarios::generate::{Path, Planned, Script, plan};
use whitewater_scenarios::run::{CheckSwitch, Options, Run, run};
use whitewater_scenarios::scenario::{
    Bursts, Expectation, Hot, Load, Mix, MixKind, PlannedOperation, Scenario, Span, Step, StepAction, Who,
};
use whitewater_sim::Instant;
use whitewater_sim::history::Outcome;
use whitewater_sim::plan::{Edge, Quantity, Trigger};
use whitewater_sim::time::{MILLISECOND_NS, SECOND_NS};

const PUTS: Mix = Mix { get: 0, put: 1, append: 0, delete: 0, compare_and_swap: 0, range: 0, transaction: 0, batch: 0 };

fn span(min_ms: u64, max_ms: u64) -> Span {
    Span { min_ns: min_ms * MILLISECOND_NS, max_ns: max_ms * MILLISECOND_NS }
}

/// Five clients and three servers without faults, for four seconds.
fn calm() -> Scenario {
    let mut calm = catalog::find("calm").expect("in the catalog");
    calm.servers = vec![3];
    calm.clients = 5;
    calm.timing.duration_ns = 4 * SECOND_NS;
    calm.workload.rate = 100;
    calm
}

fn scripts(scenario: &Scenario) -> Vec<Script> {
    plan(scenario, 7).scripts
}

fn operations(scenario: &Scenario) -> Vec<Planned> {
    scripts(scenario).iter().flat_map(|script| script.operations().cloned().collect::<Vec<_>>()).collect()
}

fn passes(scenario: &Scenario, seed: u64) -> Run {
    let run = run(scenario, seed, &Options::default());
    assert_eq!(run.record.verdict, Verdict::Pass, "seed {seed}");
    run
}

#[test]
fn a_client_in_a_closed_loop_thinks_after_each_answer() {
    let mut scenario = calm();
    (scenario.workload.think, scenario.workload.in_flight) = (Some(span(20, 30)), 1);
    let run = passes(&scenario, 7);
    let mut by_client: BTreeMap<u64, Vec<(u64, u64)>> = BTreeMap::new();
    for operation in run.history.operations() {
        let begin = operation.invoked_at.0;
        let Outcome::Returned { at: Instant(end), .. } = operation.outcome else { panic!("everything is answered") };
        by_client.entry(operation.client).or_default().push((begin, end));
    }
    assert_eq!(by_client.len(), 5);
    for times in by_client.values() {
        let busy: Vec<&(u64, u64)> = times.iter().filter(|(begin, _)| *begin < 4 * SECOND_NS).collect();
        // Each takes 20 to 30 ms of thinking and a few of waiting.
        assert!((80..200).contains(&busy.len()), "{} operations", busy.len());
        assert!(
            busy.windows(2)
                .all(|pair| { (20 * MILLISECOND_NS..=30 * MILLISECOND_NS).contains(&(pair[1].0 - pair[0].1)) })
        );
        assert_eq!(times.len(), busy.len() + 2, "and the fresh ones");
    }
    scenario.workload.in_flight = 4;
    let more = passes(&scenario, 7).history.operations().len();
    assert!((3 * run.history.operations().len()..).contains(&more), "each of four places is a loop: {more}");
}

#[test]
fn a_loop_without_thinking_is_as_fast_as_the_answers() {
    let mut scenario = calm();
    scenario.timing.duration_ns = SECOND_NS;
    (scenario.workload.think, scenario.workload.in_flight) = (Some(span(0, 0)), 2);
    let run = passes(&scenario, 3);
    assert!(run.record.returned > 1_000, "only {}", run.record.returned);
    assert!(run.history.operations().iter().rev().any(|operation| operation.invoked_at.0 > 990 * MILLISECOND_NS));
}

#[test]
fn hot_keys_get_their_share_and_every_key_is_used() {
    let mut scenario = calm();
    (scenario.workload.keys, scenario.workload.mix, scenario.workload.rate) = (10, PUTS, 2_000);
    scenario.workload.hot = Some(Hot { keys: 2, share_ppm: 900_000 });
    let keys: Vec<String> = operations(&scenario)
        .into_iter()
        .filter(|planned| !planned.is_fresh())
        .map(|planned| {
            let Operation::Put { key, .. } = planned.operation else { panic!("{planned:?} is no put") };
            key.to_string()
        })
        .collect();
    let hot = keys.iter().filter(|key| ["k0", "k1"].contains(&key.as_str())).count();
    assert!((850..950).contains(&(hot * 1_000 / keys.len())), "{hot} of {}", keys.len());
    assert_eq!(keys.iter().collect::<BTreeSet<_>>().len(), 10);
}

#[test]
fn bursts_raise_the_rate_while_they_last_and_change_no_other_time() {
    let mut scenario = calm();
    let plain = operations(&scenario);
    scenario.workload.bursts = Some(Bursts { every: span(1_000, 1_000), lasting: span(500, 500), factor: 10 });
    let busy = operations(&scenario);
    let within = |operations: &[Planned], milliseconds: std::ops::Range<u64>| {
        operations.iter().filter(|planned| milliseconds.contains(&(planned.not_before.0 / MILLISECOND_NS))).count()
    };
    assert_eq!(within(&busy, 0..1_000), within(&plain, 0..1_000), "before the first burst nothing is different");
    let (burst, calm) = (within(&busy, 1_000..1_500), within(&busy, 1_500..2_000));
    assert!((350..650).contains(&burst) && (25..90).contains(&calm), "{burst} and {calm}");
}

#[test]
fn values_are_filled_up_and_stay_different() {
    let mut scenario = calm();
    (scenario.workload.mix, scenario.workload.value_bytes) = (PUTS, 500);
    let values: Vec<String> = operations(&scenario)
        .into_iter()
        .filter(|planned| !planned.is_fresh())
        .map(|planned| {
            let Operation::Put { value, .. } = planned.operation else { panic!("{planned:?} is no put") };
            value.to_string()
        })
        .collect();
    assert!(values.len() > 300 && values.iter().all(|value| value.len() == 500));
    assert_eq!(values.iter().collect::<BTreeSet<_>>().len(), values.len());
    passes(&scenario, 1);
}

#[test]
fn a_load_is_shared_out_and_changes_nothing_else() {
    let mut scenario = calm();
    let plain = scripts(&scenario);
    let load = Load { at_ns: SECOND_NS, over_ns: SECOND_NS, operations: 1_000, mix: Some(PUTS), value_bytes: 50 };
    scenario.workload.loads = vec![load];
    let loaded = scripts(&scenario);
    let is_of_load =
        |planned: &&Planned| matches!(&planned.operation, Operation::Put { value, .. } if value.starts_with("load0v"));
    for (plain, loaded) in plain.iter().zip(&loaded) {
        let load: Vec<&Planned> = loaded.operations().filter(is_of_load).collect();
        assert_eq!(load.len(), 200);
        assert!(load.iter().all(|planned| (SECOND_NS..2 * SECOND_NS).contains(&planned.not_before.0)));
        assert!(loaded.operations().filter(|planned| !is_of_load(planned)).eq(plain.operations()));
        assert!(loaded.operations().is_sorted_by_key(|planned| planned.not_before));
    }
    scenario.workload.rate = 0;
    assert_eq!(operations(&scenario).len(), 1_010, "the load and the fresh operations");
    passes(&scenario, 2);
}

#[test]
fn a_request_that_is_sent_twice_takes_effect_once() {
    let mut scenario = catalog::find("storm").expect("in the catalog");
    scenario.timing.duration_ns = 3 * SECOND_NS;
    let plain = passes(&scenario, 5);
    scenario.workload.duplicate_ppm = 500_000;
    for seed in 0..20 {
        let twice = passes(&scenario, seed);
        assert!(seed != 5 || twice.record.digest != plain.record.digest);
    }
}

fn put(client: u32, at_ms: u64, value: &str) -> PlannedOperation {
    let planned = Planned {
        not_before: Instant(at_ms * MILLISECOND_NS),
        not_after: Instant(u64::MAX),
        operation: Operation::Put { key: "k0".into(), value: value.into() },
        path: Path::Log,
    };
    PlannedOperation { client, planned, think_ns: None }
}

#[test]
fn operations_that_are_written_down_are_all_there_are() {
    let mut scenario = calm();
    (scenario.clients, scenario.workload.rate) = (2, 0);
    scenario.operations = Some(vec![put(1, 900, "b"), put(0, 700, "a"), put(1, 800, "c")]);
    let of = |scenario: &Scenario, client: usize| scripts(scenario)[client].operations().count();
    assert_eq!((of(&scenario, 0), of(&scenario, 1)), (3, 4), "each client has two fresh ones");
    let run = passes(&scenario, 1);
    let begun: Vec<u64> =
        run.history.operations().iter().map(|operation| operation.invoked_at.0 / MILLISECOND_NS).collect();
    assert_eq!(begun, [700, 800, 900, 4_000, 4_000, begun[5], begun[6]]);
    scenario.operations = Some(vec![put(0, 700, "a"), put(0, 4_500, "b")]);
    assert_eq!((of(&scenario, 0), of(&scenario, 1)), (2, 0), "what is written down is fresh enough");
    passes(&scenario, 1);
}

fn crash_of_the_leader() -> Vec<Step> {
    let crash = StepAction::Strike { kind: MixKind::Crash { target: Who::Leader }, lasting: Some(span(500, 500)) };
    let step = |name: &str, follows, trigger, action| Step {
        name: Some(name.to_owned()),
        follows,
        trigger,
        wait: span(10, 10),
        action,
    };
    vec![
        step("cut", None, Trigger::Commits(20), crash),
        step("elected", Some(0), Trigger::NewLeader, StepAction::Mark),
        step("never", Some(1), Trigger::Crashes(100), StepAction::Mark),
    ]
}

fn expect(from: Edge, until: Edge, quantity: Quantity, at_least: u64, at_most: u64) -> Expectation {
    Expectation { from, until, quantity, at_least, at_most }
}

#[test]
fn the_steps_and_expectations_of_a_scenario_take_part_in_its_runs() {
    let mut scenario = calm();
    scenario.steps = crash_of_the_leader();
    let elected = Edge::Step { step: 1, after_ns: 0 };
    let settled = Edge::Healed { after_ns: 2 * SECOND_NS };
    scenario.expectations = vec![
        expect(Edge::Step { step: 0, after_ns: 0 }, elected, Quantity::Leaders, 1, 1),
        expect(elected, Edge::Healed { after_ns: 0 }, Quantity::Commits, 10, u64::MAX),
        expect(Edge::Healed { after_ns: 0 }, settled, Quantity::Led, 1, 1),
        expect(Edge::Step { step: 2, after_ns: 0 }, Edge::End, Quantity::Messages, 0, 0),
    ];
    for seed in 0..10 {
        let run = passes(&scenario, seed);
        let [cut, elected, never] = run.exercised.steps[..] else { panic!("there are three steps") };
        assert!(cut.expect("there are commits") < elected.expect("there is another leader") && never.is_none());
        let judged: Vec<bool> = run.exercised.expectations.iter().map(Option::is_some).collect();
        assert_eq!(judged, [true, true, true, false]);
        assert!(run.record.virtual_ns >= 6 * SECOND_NS, "the run lasts until everything is judged");
        let unchecked = self::run(&scenario, seed, &Options { checks: CheckSwitch::Off, ..Options::default() });
        assert_eq!(unchecked.record.digest, run.record.digest);
    }
    scenario.expectations.push(expect(elected, Edge::End, Quantity::Answers, 0, 3));
    let Verdict::Violation { check, why, .. } = run(&scenario, 1, &Options::default()).record.verdict else {
        panic!("there are more than three answers");
    };
    assert_eq!(check, "EXPECT");
    assert_eq!(why, "expected at most 3 answered operations from step `elected` to the end, and there are already 4");
}
