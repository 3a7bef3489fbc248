//! A run that is written down is the run: what a shrinker starts from plans the same, hears the same and ends the same.

use whitewater_kv::{Answer, Operation};
use whitewater_scenarios::run::{CheckSwitch, Options, Run, run_on};
use whitewater_scenarios::scenario::format::parse;
use whitewater_scenarios::scenario::{Scenario, Span, write};
use whitewater_scenarios::search::lineage::Lineage;
use whitewater_scenarios::shrink::repro;
use whitewater_scenarios::systems::raft_kv::RaftKv;
use whitewater_scenarios::{catalog, generate};
use whitewater_sim::history::Operation as Heard;
use whitewater_sim::time::MILLISECOND_NS;

fn scenario(name: &str) -> Scenario {
    catalog::find(name).unwrap_or_else(|| panic!("{name} is in the catalog"))
}

fn made(scenario: &Scenario, lineage: &Lineage) -> Run {
    run_on(&RaftKv, scenario, lineage, &Options { checks: CheckSwitch::Off, ..Options::default() })
}

/// The run of a scenario, and that of the file that writes it down.
fn both(scenario: &Scenario, lineage: &str) -> [Run; 2] {
    let lineage: Lineage = lineage.parse().expect("a lineage");
    let run = made(scenario, &lineage);
    let text = write(&repro::of(scenario, &lineage, &run, None));
    let read = parse("written.toml", &text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    let again = made(&read, &lineage);
    [run, again]
}

/// The first operation of which clients asked or heard something else, or at another time, in both runs.
fn difference(runs: &[Run; 2]) -> Option<[Option<&Heard<Operation, Answer>>; 2]> {
    let [one, other] = runs.each_ref().map(|run| run.history.operations());
    let place = (0..one.len().max(other.len())).find(|place| one.get(*place) != other.get(*place))?;
    Some([one.get(place), other.get(place)])
}

/// Runs of the whole catalog, each as a file that says everything about it, plan the same when they are read again.
#[test]
fn runs_written_down_can_be_read() {
    for scenario in catalog::all() {
        let lineage = Lineage::of(0);
        let run = repro::of(&scenario, &lineage, &made(&scenario, &lineage), None);
        let text = write(&run);
        let read = parse("written.toml", &text).unwrap_or_else(|error| panic!("{error}\n{text}"));
        let (one, other) = (generate::plan(&run, 0), generate::plan(&read, 0));
        assert_eq!((one.scripts, one.operator), (other.scripts, other.operator), "{}", scenario.name);
        assert_eq!(one.steps.len(), other.steps.len(), "{}", scenario.name);
    }
}

#[test]
fn without_faults_a_run_written_down_is_the_same_to_the_event() {
    for (name, goals) in [("calm", false), ("membership", true), ("unaware-voter", true), ("handover", true)] {
        for seed in ["0", "1", "2", "1+500ms.3"] {
            let [run, again] = both(&scenario(name), seed);
            assert_eq!(run.record.digest, again.record.digest, "{name} {seed}");
            let wanted = generate::plan(&scenario(name), 0).operator;
            assert_eq!(!wanted.is_empty(), goals, "{name}");
        }
    }
}

#[test]
fn closed_loops_are_written_down_as_such() {
    for (name, think_ms) in [("calm", (0, 5)), ("membership", (10, 50))] {
        let mut scenario = scenario(name);
        scenario.workload.think =
            Some(Span { min_ns: think_ms.0 * MILLISECOND_NS, max_ns: think_ms.1 * MILLISECOND_NS });
        for seed in ["0", "1", "2"] {
            let [run, again] = both(&scenario, seed);
            assert!(run.history.operations().len() > 100, "{name} {seed}");
            assert_eq!(run.record.digest, again.record.digest, "{name} {seed}");
        }
    }
    let mut storm = scenario("storm");
    storm.workload.think = Some(Span { min_ns: 0, max_ns: 30 * MILLISECOND_NS });
    for seed in ["0", "1"] {
        assert_eq!(difference(&both(&storm, seed)), None, "storm {seed}");
    }
}

/// Faults become steps, which are other events; but every client hears the same at the same time, and every entry is there.
#[test]
fn with_faults_everybody_hears_the_same() {
    let names = [
        "storm",
        "swarm-members",
        "membership-chaos",
        "remove-leader",
        "power-loss",
        "transfer",
        "joint-crash",
        "late-appends",
        "figure-8-unreliable",
        "abandoned-changes",
    ];
    for name in names {
        for seed in ["0", "1", "2", "1+anew.5", "3+1500ms.2"] {
            let runs = both(&scenario(name), seed);
            assert_eq!(difference(&runs), None, "{name} {seed}");
            let (one, other) = (&runs[0].record, &runs[1].record);
            assert_eq!((one.applied, one.terms_led), (other.applied, other.terms_led), "{name} {seed}");
            assert_eq!(one.virtual_ns, other.virtual_ns, "{name} {seed}");
        }
    }
}

/// So does a swarm that picks messages by their kind, and every one that is picked.
#[test]
fn messages_are_picked_as_before() {
    for seed in ["697+anew.579015914", "6267+anew.465855170"] {
        assert_eq!(difference(&both(&scenario("swarm"), seed)), None, "{seed}");
    }
}
