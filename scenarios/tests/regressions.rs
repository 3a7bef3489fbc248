//! Seeds that once failed pass, and go on passing.

use whitewater_reports::model::Verdict;
use whitewater_scenarios::catalog;
use whitewater_scenarios::run::{Options, run_on};
use whitewater_scenarios::search::lineage::Lineage;
use whitewater_scenarios::systems::raft_kv::RaftKv;

#[test]
fn every_seed_that_once_failed_passes() {
    let mut seeds = 0;
    for line in include_str!("../seeds/regressions.txt").lines().filter(|line| !line.starts_with('#')) {
        let mut words = line.split_whitespace();
        let (Some(name), Some(seed), Some(_story)) = (words.next(), words.next(), words.next()) else {
            panic!("a line is SCENARIO SEED STORY, not {line:?}");
        };
        let scenario = catalog::find(name).unwrap_or_else(|| panic!("{name} is not in the catalog"));
        let lineage: Lineage = seed.parse().unwrap_or_else(|why| panic!("{seed} is not a seed: {why}"));
        assert_eq!(run_on(&RaftKv, &scenario, &lineage, &Options::default()).record.verdict, Verdict::Pass, "{line}");
        seeds += 1;
    }
    assert!(seeds > 0);
}
