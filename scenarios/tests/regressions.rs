//! Seeds that once failed pass, and go on passing.

use whitewater_reports::model::Verdict;
use whitewater_scenarios::catalog;
use whitewater_scenarios::run::{Options, run};

#[test]
fn every_seed_that_once_failed_passes() {
    let mut seeds = 0;
    for line in include_str!("../seeds/regressions.txt").lines().filter(|line| !line.starts_with('#')) {
        let mut words = line.split_whitespace();
        let (Some(name), Some(seed), Some(_story)) = (words.next(), words.next(), words.next()) else {
            panic!("a line is SCENARIO SEED STORY, not {line:?}");
        };
        let scenario = catalog::find(name).unwrap_or_else(|| panic!("{name} is not in the catalog"));
        let seed = seed.parse().unwrap_or_else(|_| panic!("{seed} is not a seed"));
        assert_eq!(run(&scenario, seed, &Options::default()).record.verdict, Verdict::Pass, "{line}");
        seeds += 1;
    }
    assert!(seeds > 0);
}
