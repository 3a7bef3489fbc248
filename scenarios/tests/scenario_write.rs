//! A scenario that is written and read again is the same scenario: those of the catalog, and made-up ones.

mod made_up;

use proptest::prelude::*;
use whitewater_scenarios::scenario::format::parse;
use whitewater_scenarios::scenario::{Scenario, write};
use whitewater_scenarios::{catalog, describe, generate};

/// What is read from what was written.
#[track_caller]
fn again(scenario: &Scenario) -> Scenario {
    let text = write(scenario);
    parse("written.toml", &text).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

#[test]
fn the_catalog_is_written_as_it_was_read() {
    for scenario in catalog::all() {
        assert_eq!(again(&scenario), scenario, "{}", write(&scenario));
    }
}

#[test]
fn only_what_differs_from_the_defaults_is_written() {
    let text = "name = \"x\"\nsummary = \"y\"\n";
    assert_eq!(write(&parse("x.toml", text).expect("a scenario")), text);
    let text = "name = \"x\"\nsummary = \"y\"\nseed = 17\n\n[cluster]\nservers = 3\n\n[network]\nlatency = [\"1ms\", \"1500us\"]\nloss = 0.01\n";
    assert_eq!(write(&parse("x.toml", text).expect("a scenario")), text);
}

#[test]
fn goals_of_the_operator_and_operations_that_follow_answers_are_written_one_by_one() {
    let text = "name = \"x\"\nsummary = \"y\"\n\n[cluster]\nservers = 3\nspares = 1\nclients = 2\n\n\
                [replication]\npromotion_gap = 0\n\n\
                [[goals]]\nat = \"1s\"\ndo = \"transfer\"\nserver = 2\n\n\
                [[goals]]\nat = \"1500ms\"\ndo = \"reconfigure\"\nvoters = [3, 0]\nlearners = [1]\nstyle = \"joint\"\n\n\
                [[goals]]\nat = \"2s\"\ndo = \"reconfigure\"\nvoters = [0]\n\n\
                [[goals]]\nat = \"0s\"\ndo = \"force-snapshot\"\nserver = 0\n\n\
                [[operations]]\nclient = 1\nthink = \"20ms\"\ndo = \"get k\"\nvia = \"quorum\"\n\n\
                [[operations]]\nclient = 0\nthink = \"0s\"\ndo = \"put k v\"\nuntil = \"answered\"\n";
    assert_eq!(write(&parse("x.toml", text).expect("a scenario")), text);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn made_up_scenarios_are_written_as_they_are(scenario in made_up::scenario()) {
        prop_assert_eq!(&again(&scenario), &scenario, "{}", write(&scenario));
    }

    #[test]
    fn made_up_scenarios_can_be_described_and_planned(scenario in made_up::scenario(), seed in 0..3_u64) {
        prop_assert!(describe::describe(&scenario).len() > 100);
        let plan = generate::plan(&scenario, seed);
        prop_assert_eq!(plan.steps.len(), scenario.steps.len());
    }
}
