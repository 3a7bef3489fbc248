//! Gates of the stores that this one follows which a scenario alone cannot judge: how long writes take under load, and that
//! a run is the same as often as it is made. `src/catalog/README.md` lists all gates, and this file keeps that list true.

use std::path::Path;

use whitewater_reports::model::Verdict;
use whitewater_scenarios::catalog;
use whitewater_scenarios::run::{Options, run};
use whitewater_scenarios::scenario::format::parse;
use whitewater_sim::Instant;
use whitewater_sim::history::Outcome;
use whitewater_sim::time::{MILLISECOND_NS, SECOND_NS};

/// When the writes of `ten-thousand-writes` begin, and when the last one is asked for.
const LOAD: std::ops::Range<Instant> = Instant(SECOND_NS)..Instant(SECOND_NS + 200 * MILLISECOND_NS);

#[test]
fn half_of_ten_thousand_writes_a_second_take_less_than_five_milliseconds_and_99_percent_less_than_ten() {
    let scenario = catalog::find("ten-thousand-writes").expect("in the catalog");
    let mut took = Vec::new();
    for seed in 0..5 {
        for operation in run(&scenario, seed, &Options::default()).history.operations() {
            if LOAD.contains(&operation.invoked_at) {
                let Outcome::Returned { at, .. } = operation.outcome else {
                    panic!("seed {seed}: a write has no answer");
                };
                took.push(at.since_ns(operation.invoked_at));
            }
        }
    }
    assert_eq!(took.len(), 5 * 2_000, "that many in a fifth of a second");
    took.sort_unstable();
    let (p50, p99) = (took[took.len() / 2], took[took.len() * 99 / 100]);
    assert!(p50 < 5 * MILLISECOND_NS, "p50 {p50} ns");
    assert!(p99 < 10 * MILLISECOND_NS, "p99 {p99} ns");
}

#[test]
fn a_hundred_replays_are_one_run() {
    let scenario = catalog::find("quiet-end").expect("in the catalog");
    let record = || run(&scenario, 7, &Options::default()).record;
    let first = record();
    assert!((1..100).all(|_| record() == first));
}

/// The scenario itself asks for less, so that split votes fail no seed of it.
#[test]
fn of_twenty_successors_nineteen_come_within_a_second_and_a_third() {
    let written = include_str!("../src/catalog/gates/patient-timers.toml");
    let hurried = written.replace("within = \"4s\"", "within = \"1330ms\"");
    assert_eq!(hurried.matches("1330ms").count(), 2, "the successor, and what it commits");
    let scenario = parse("patient-timers", &hurried).expect("a scenario");
    let passed = (0..200).filter(|seed| run(&scenario, *seed, &Options::default()).record.verdict == Verdict::Pass);
    let passed = passed.count();
    assert!(passed >= 190, "{passed} of 200");
}

/// The scenario makes a twentieth of these writes. The bound is the same.
#[test]
fn a_hundred_thousand_writes_leave_a_disk_as_small_as_few_do() {
    let written = include_str!("../src/catalog/gates/many-writes.toml");
    let longer = written.replace("5000", "100000").replace("\"5s\"", "\"100s\"").replace("\"8s\"", "\"103s\"");
    let scenario = parse("many-writes", &longer).expect("a scenario");
    assert_eq!(longer.matches("100000").count(), 2, "asked for, and expected to be answered");
    assert_eq!(run(&scenario, 0, &Options::default()).record.verdict, Verdict::Pass);
}

/// Whether a scenario's result depends on which were run before it.
#[test]
fn scenarios_run_in_any_order() {
    let gates = catalog::all().into_iter().filter(|scenario| !scenario.aliases.is_empty()).collect::<Vec<_>>();
    let digests = |scenarios: &mut dyn Iterator<Item = usize>| {
        let digest = |place: usize| (place, run(&gates[place], 0, &Options::default()).record.digest);
        let mut digests: Vec<_> = scenarios.map(digest).collect();
        digests.sort_unstable();
        digests
    };
    let step = 4;
    let forwards = digests(&mut (0..gates.len()).step_by(step));
    let backwards = digests(&mut (0..gates.len()).step_by(step).rev());
    assert!(forwards.len() > 10);
    assert_eq!(forwards, backwards);
}

#[test]
fn what_the_list_of_gates_names_is_there() {
    let list = include_str!("../src/catalog/README.md");
    let rows = list.lines().filter_map(|line| line.strip_prefix("| ")?.strip_suffix(" |"));
    let rows: Vec<(&str, &str)> = rows.filter_map(|row| row.split_once(" | ")).skip(1).collect();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    for (gate, shown) in &rows {
        for name in shown.split('`').skip(1).step_by(2) {
            if let Some((file, test)) = name.split_once("::") {
                assert!(has_test(&root.join(file), test), "{gate}: {name} is no test");
            } else if !name.contains(' ') {
                assert!(catalog::find(name).is_some(), "{gate}: {name} is no scenario");
            }
        }
    }
    let gates: Vec<&str> = rows.iter().filter_map(|(gate, _)| gate.split_whitespace().next()).collect();
    let missing: Vec<String> = catalog::all()
        .into_iter()
        .flat_map(|scenario| scenario.aliases)
        .filter_map(|alias| alias.split_whitespace().next().map(str::to_owned))
        .filter(|alias| alias.starts_with(['A', 'B', 'D', 'E']) && !gates.contains(&alias.as_str()))
        .collect();
    assert_eq!(missing, Vec::<String>::new());
    assert_eq!(gates.len(), 26);
}

#[expect(clippy::disallowed_methods, reason = "a test of the sources reads them")]
fn has_test(file: &Path, test: &str) -> bool {
    std::fs::read_to_string(file).is_ok_and(|text| text.contains(&format!("#[test]\nfn {test}(")))
}
