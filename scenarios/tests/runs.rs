//! What a run promises: it is a function of scenario and seed, and every scenario of the catalog meets what it is for.

use std::collections::BTreeSet;

use whitewater_reports::model::{FaultCounts, RunRecord, Verdict};
use whitewater_scenarios::run::{CheckSwitch, Options, run};
use whitewater_scenarios::scenario::Scenario;
use whitewater_scenarios::{catalog, generate};
use whitewater_sim::Recording;
use whitewater_sim::check::Budget;
use whitewater_sim::time::SECOND_NS;

/// Long enough for every fault of the scenario to strike in some seed.
fn short(mut scenario: Scenario) -> Scenario {
    scenario.timing.duration_ns = if scenario.name == "storm" { 10 } else { 3 } * SECOND_NS;
    scenario
}

fn record(scenario: &Scenario, seed: u64, options: &Options<'_>) -> RunRecord {
    run(scenario, seed, options).record
}

#[test]
fn neither_the_recorder_nor_the_checks_change_a_run() {
    for scenario in catalog::all().into_iter().map(short) {
        let base = record(&scenario, 3, &Options::default());
        assert_eq!(base.verdict, Verdict::Pass, "{}", scenario.name);
        assert_eq!(base, record(&scenario, 3, &Options::default()), "a second time");
        let recorded = run(&scenario, 3, &Options { recording: Recording::On, ..Options::default() });
        assert!(recorded.trace.is_some_and(|trace| trace.lines().len() as u64 > recorded.record.events));
        assert_eq!(base, recorded.record, "with the recorder on");
        assert_eq!(
            base,
            record(&scenario, 3, &Options { checks: CheckSwitch::Off, ..Options::default() }),
            "unchecked"
        );
        assert_ne!(base.digest, record(&scenario, 4, &Options::default()).digest, "another seed");
    }
}

/// The same on every machine and in every build profile. A change of the protocol, of the store, or of what is drawn
/// changes them: then write the new ones here, and a line into the changelog.
#[test]
fn digests_are_pinned() {
    let digest = |name: &str| record(&catalog::find(name).expect("in the catalog"), 0, &Options::default()).digest;
    assert_eq!([digest("calm"), digest("storm"), digest("figure-8")], PINNED);
}
const PINNED: [&str; 3] = ["f6df7df107709dc6", "d3ddf30ea3b93b5e", "3dcb6edf1c34ec48"];

#[test]
fn every_scenario_meets_the_faults_that_it_is_for() {
    for scenario in catalog::all().into_iter().map(short) {
        let mut sum = FaultCounts::default();
        let mut servers = BTreeSet::new();
        let mut returned = 0;
        for record in (0..12).map(|seed| record(&scenario, seed, &Options::default())) {
            assert_eq!(record.verdict, Verdict::Pass, "{} seed {}", scenario.name, record.seed);
            returned += record.returned;
            servers.insert(record.servers);
            for (sum, count) in fields(&mut sum).into_iter().zip(fields(&mut record.faults.clone())) {
                *sum += *count;
            }
        }
        let fresh = 12 * 2 * u64::from(scenario.clients);
        assert!(returned > fresh, "{}: only {returned} answers, {fresh} of them after the healing", scenario.name);
        let met = |count: u64| count > 0;
        let expected = match scenario.name.as_str() {
            "calm" => !met(sum.begun + sum.lost + sum.cut + sum.duplicated + sum.reordered),
            "lossy" => met(sum.lost) && met(sum.duplicated) && met(sum.reordered),
            "slow-tail" => !met(sum.begun),
            "leader-cut-off" | "split" | "one-way" => met(sum.cut) && !met(sum.crashes_with_unsynced),
            "crash-restart" | "power-loss" | "election-storm" | "figure-8" => met(sum.crashes_with_unsynced),
            "pause" => met(sum.begun),
            "torn-tail" => met(sum.writes_lost) && met(sum.writes_torn),
            "storm" => fields(&mut sum).into_iter().all(|count| *count > 0),
            other => panic!("{other} has no expectation: add one"),
        };
        assert!(expected, "{}: {sum:?}", scenario.name);
        assert_eq!(servers, scenario.servers.iter().copied().collect(), "every size of {} is drawn", scenario.name);
    }
}

fn fields(counts: &mut FaultCounts) -> [&mut u64; 8] {
    let FaultCounts { begun, lost, cut, duplicated, reordered, crashes_with_unsynced, writes_lost, writes_torn } =
        counts;
    [begun, lost, cut, duplicated, reordered, crashes_with_unsynced, writes_lost, writes_torn]
}

#[test]
fn leaving_out_a_fault_mix_changes_no_other_draw() {
    let storm = catalog::find("storm").expect("in the catalog");
    let mut without_last = storm.clone();
    without_last.faults.pop();
    let (whole, part) = (generate::plan(&storm, 9), generate::plan(&without_last, 9));
    assert!(part.faults.len() < whole.faults.len());
    assert_eq!(part.faults, whole.faults[..part.faults.len()]);
    assert_eq!((part.servers, &part.scripts), (whole.servers, &whole.scripts));
}

#[test]
fn an_impossible_deadline_is_a_violation_that_says_what_is_missing() {
    let mut scenario = catalog::find("power-loss").expect("in the catalog");
    scenario.timing.settle_ns = 1;
    let Verdict::Violation { check, why, .. } = record(&scenario, 1, &Options::default()).verdict else {
        panic!("nobody settles in a nanosecond");
    };
    assert_eq!(check, "I24");
    assert!(why.contains("after every fault was healed"), "{why}");
}

/// With fifty clients on one key a search would not end; the order of the log is the proof.
#[test]
fn the_log_is_the_witness_of_a_run() {
    let mut scenario = catalog::find("storm").expect("in the catalog");
    (scenario.clients, scenario.workload.keys, scenario.workload.rate) = (50, 1, 500);
    let budget = Budget::steps(10);
    for seed in 0..4 {
        assert_eq!(record(&scenario, seed, &Options { budget, ..Options::default() }).verdict, Verdict::Pass);
    }
}

#[test]
fn a_run_that_is_too_long_is_inconclusive() {
    let scenario = catalog::find("calm").expect("in the catalog");
    let verdict = record(&scenario, 1, &Options { events_max: 1_000, ..Options::default() }).verdict;
    assert!(matches!(&verdict, Verdict::Inconclusive { why } if why.contains("1000 events")), "{verdict:?}");
}
