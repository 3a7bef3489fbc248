//! What a run promises: it is a function of scenario and seed, and every scenario of the catalog meets what it is for.

use std::collections::BTreeSet;

use whitewater_reports::model::{FaultCount, RunRecord, Verdict};
use whitewater_scenarios::run::{CheckSwitch, Options, run};
use whitewater_scenarios::scenario::{FaultMix, MixKind, Scenario, format};
use whitewater_scenarios::{catalog, faults, generate};
use whitewater_sim::check::Budget;
use whitewater_sim::time::SECOND_NS;
use whitewater_sim::{Latency, Recording};

/// Long enough for every fault of the scenario to strike in some seed. What happens at its time would be missing if there
/// was less of it.
fn short(mut scenario: Scenario) -> Scenario {
    let is_scripted =
        !scenario.steps.is_empty() || !scenario.expectations.is_empty() || !scenario.workload.loads.is_empty();
    if !is_scripted {
        scenario.timing.duration_ns = if scenario.name == "storm" { 10 } else { 3 } * SECOND_NS;
    }
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
    assert_eq!([digest("calm"), digest("storm"), digest("figure-8"), digest("deluge")], PINNED);
}
const PINNED: [&str; 4] = ["1550e493af5a4cc7", "cedc841cc8a715a3", "e013effbe48989f0", "5e4a2e1eb0812940"];

/// How many seeds of each scenario are run for what follows.
const SEEDS: u64 = 6;

#[test]
fn every_scenario_meets_the_faults_that_it_is_for() {
    for scenario in catalog::all().into_iter().map(short) {
        let names = faults::names(&scenario);
        let mut sums = vec![(0, 0); names.len()];
        let mut returned = 0;
        for record in (0..SEEDS).map(|seed| record(&scenario, seed, &Options::default())) {
            assert_eq!(record.verdict, Verdict::Pass, "{} seed {}", scenario.name, record.seed);
            returned += record.returned;
            for FaultCount { fault, fired, effects, .. } in record.faults {
                let (all_fired, all_effects) = &mut sums[usize::from(fault)];
                *all_fired += fired;
                *all_effects += effects;
            }
        }
        let fresh = SEEDS * 2 * u64::from(scenario.clients);
        assert!(returned > fresh, "{}: only {returned} answers, {fresh} of them after the healing", scenario.name);
        for (place, (name, (fired, effects))) in names.iter().zip(sums).enumerate() {
            let wanted = wanted(&scenario, place, name);
            assert!(fired > 0 || wanted == Wanted::Nothing, "{}: {name} never struck", scenario.name);
            assert!(effects > 0 || wanted != Wanted::Effect, "{}: {name} struck nobody", scenario.name);
        }
    }
}

/// What so few and so short runs are to meet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wanted {
    Nothing,
    Strike,
    Effect,
}

/// What a scenario is for, by what its file says of a fault.
fn wanted(scenario: &Scenario, place: usize, name: &str) -> Wanted {
    let is_slow = matches!(scenario.disks.sync, Latency::Exponential { .. });
    let crashes_often = |mix: &FaultMix| matches!(mix.kind, MixKind::Crash { .. }) && mix.every.max_ns <= SECOND_NS;
    match (scenario.faults.get(place), name) {
        // Each seed leaves out what it likes.
        _ if scenario.swarm.is_some() => Wanted::Nothing,
        (Some(mix), _) if mix.every.max_ns <= SECOND_NS => Wanted::Effect,
        (Some(mix), _) if mix.every.max_ns + mix.lasting.max_ns <= scenario.timing.duration_ns => Wanted::Strike,
        (Some(_), _) => Wanted::Nothing,
        (None, "disk.crash_keeps, torn") if scenario.name != "torn-tail" => Wanted::Nothing,
        (None, "disk.crash_keeps, lost") if !is_slow || !scenario.faults.iter().any(crashes_often) => Wanted::Nothing,
        (None, _) => Wanted::Effect,
    }
}

#[test]
fn every_size_of_a_scenario_is_drawn_and_the_catalog_has_clusters_of_one_to_nine() {
    let mut all = BTreeSet::new();
    for scenario in catalog::all() {
        let drawn: BTreeSet<u32> = (0..60).map(|seed| generate::plan(&scenario, seed).servers).collect();
        assert_eq!(drawn, scenario.servers.iter().copied().collect(), "the sizes of {}", scenario.name);
        all.extend(drawn);
    }
    assert_eq!(all, (1..=9).collect());
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
    let deluge = catalog::find("deluge").expect("in the catalog");
    let mut without_operator = deluge.clone();
    without_operator.operator.clear();
    let (whole, part) = (generate::plan(&deluge, 9), generate::plan(&without_operator, 9));
    assert!(part.operator.is_empty() && whole.operator.len() > 5);
    assert_eq!((part.servers, &part.faults, &part.scripts), (whole.servers, &whole.faults, &whole.scripts));
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

#[test]
fn a_learner_is_promoted_when_it_lacks_no_more_than_a_scenario_allows() {
    let promoted = |gap: u32| {
        let text = format!(
            "name = \"x\"\nsummary = \"y\"\n[cluster]\nservers = 1\nlearners = 1\n[replication]\n\
             promotion_gap = {gap}\n[[steps]]\nat = \"0s\"\ndo = \"cut\"\ntarget = [1]\nlasting = \"3s\"\n\
             [[goals]]\nat = \"1s\"\ndo = \"reconfigure\"\nvoters = [0, 1]\n"
        );
        let scenario = format::parse("x.toml", &text).expect("a scenario");
        let run = run(&scenario, 1, &Options { recording: Recording::On, ..Options::default() });
        assert_eq!(run.record.verdict, Verdict::Pass);
        let lines = run.trace.expect("it was recorded");
        let promoted = lines.lines().iter().find(|line| line.text.contains("voters n0 n1"));
        promoted.expect("the operator gets what it wants").at.0 / SECOND_NS
    };
    assert_eq!((promoted(100), promoted(0)), (1, 3), "in the second in which it may, and once it can be reached");
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
