//! Merging: the results of several campaigns as those of one.
//!
//! The order of the campaigns makes no difference, and neither does naming one twice. A run is known by its scenario and its seed
//! (with what it departs from): where two campaigns made the same run, it must have had the same digest, or the system is not
//! deterministic. What cannot be added up is refused: results of different versions, builds, bugs or systems under test. What it
//! simplifies: what is kept of a part as a whole ([`crate::part`]) is not added up; reports show it part by part. And systems are told
//! apart by the words that start them: two programs that are started with the same words in two folders, or one before and after
//! a change, are taken for one; where they made the same run, it shows, and else nothing does.

use std::collections::BTreeMap;
use std::fmt;

use crate::model::{Build, Campaign, CanaryRecord, Ending, RunRecord, ScenarioRecord, Verdict};
use crate::words::printable;

/// A campaign, and what to call where it came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// The file, as an error names it.
    pub file: String,
    /// The campaign.
    pub campaign: Campaign,
}

/// Why campaigns cannot be merged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// There is none.
    Nothing,
    /// They are not about the same.
    Different {
        /// What differs, as in `the version`.
        what: String,
        /// What it is in two of them, and the files.
        sides: Box<[(String, String); 2]>,
    },
    /// The same run went differently.
    NotDeterministic {
        /// The run, as in `storm, seed 17`.
        run: String,
        /// The command that shows it.
        replay: String,
        /// Its digest in two of them, and the files.
        sides: Box<[(String, String); 2]>,
    },
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refusal::Nothing => write!(f, "there is no campaign to report"),
            Refusal::Different { what, sides } => write!(
                f,
                "these campaigns do not belong together: {what} differs\n  {} in {}\n  {} in {}\nreport them one by one, or run one \
                 of them again",
                sides[0].0, sides[0].1, sides[1].0, sides[1].1
            ),
            Refusal::NotDeterministic { run, replay, sides } => write!(
                f,
                "{run} went differently in two campaigns: it is not a function of scenario and seed, unless the program was another one\n  \
                 digest {} in {}\n  digest {} in {}\n  {replay} --verify",
                sides[0].0, sides[0].1, sides[1].0, sides[1].1
            ),
        }
    }
}

/// The campaigns as one.
///
/// # Errors
/// If there is none, or they do not add up.
pub fn merge(mut sources: Vec<Source>) -> Result<Campaign, Refusal> {
    // In an order of their own, so that what is said about them does not depend on how they were named.
    sources.sort_by(|one, other| one.file.cmp(&other.file));
    let Some((first, others)) = sources.split_first() else { return Err(Refusal::Nothing) };
    for other in others {
        compatible(first, other)?;
    }
    let scenarios = scenarios(&sources)?;
    let runs = runs(&sources, &scenarios)?;
    let mut parts: Vec<_> = sources.iter().flat_map(|source| source.campaign.parts.clone()).collect();
    parts.sort_unstable();
    parts.dedup();
    let parts_ns = parts.iter().map(|part| part.wall_ns).fold(0, u64::saturating_add);
    let of_all = || sources.iter().map(|source| &source.campaign);
    let graded = sources.iter().find(|source| source.campaign.grade.is_some());
    Ok(Campaign {
        schema: first.campaign.schema.clone(),
        version: first.campaign.version.clone(),
        program: first.campaign.program.clone(),
        target: first.campaign.target.clone(),
        build: first.campaign.build,
        bug: first.campaign.bug.clone(),
        canary: canary(&sources),
        ending: of_all().map(|campaign| campaign.ending).max().unwrap_or(Ending::Complete),
        // A campaign that was graded row by row has no parts.
        wall_ns: of_all().map(|campaign| campaign.wall_ns).fold(parts_ns, u64::max),
        jobs: of_all().map(|campaign| campaign.jobs).max().unwrap_or(0),
        scenarios,
        probes: first.campaign.probes.clone(),
        parts,
        grade: graded.and_then(|source| source.campaign.grade.clone()),
        runs,
    })
}

/// Whether two campaigns are about the same.
fn compatible(one: &Source, other: &Source) -> Result<(), Refusal> {
    let build = |campaign: &Campaign| match campaign.build {
        Build::Plain => "plain".to_owned(),
        Build::Bugged => "with bugs that can be switched on".to_owned(),
    };
    let or_none = |text: Option<&str>| text.map_or("none".to_owned(), printable);
    let target = |campaign: &Campaign| match campaign.target.as_str() {
        "" => "the one of the command itself".to_owned(),
        target => printable(target),
    };
    let graded = |campaign: &Campaign| {
        let grade = campaign.grade.as_ref();
        grade.map_or("no grade".to_owned(), |grade| {
            format!("{} of {} in {}", grade.points(), grade.points_max(), printable(&grade.assignment))
        })
    };
    let probes = |campaign: &Campaign| format!("{} probes", campaign.probes.len());
    let is_equal = |what: &str, is_equal: bool, of: &dyn Fn(&Campaign) -> String| match is_equal {
        true => Ok(()),
        false => Err(Refusal::Different {
            what: what.to_owned(),
            sides: Box::new([(of(&one.campaign), one.file.clone()), (of(&other.campaign), other.file.clone())]),
        }),
    };
    let (a, b) = (&one.campaign, &other.campaign);
    is_equal("the version of whitewater", a.version == b.version, &|campaign| printable(&campaign.version))?;
    is_equal("the build", a.build == b.build, &build)?;
    is_equal("the system under test", a.target == b.target, &target)?;
    is_equal("the bug that was switched on", a.bug == b.bug, &|campaign| or_none(campaign.bug.as_deref()))?;
    is_equal("what probes there are", a.probes == b.probes, &probes)?;
    is_equal("the grade, which does not add up,", a.grade == b.grade, &graded)
}

/// The scenarios of all; in their order if all have the same, else by name.
fn scenarios(sources: &[Source]) -> Result<Vec<ScenarioRecord>, Refusal> {
    let mut merged: BTreeMap<&str, (ScenarioRecord, &str)> = BTreeMap::new();
    for Source { file, campaign } in sources {
        for scenario in &campaign.scenarios {
            let Some((known, known_file)) = merged.get_mut(scenario.name.as_str()) else {
                merged.insert(&scenario.name, (scenario.clone(), file));
                continue;
            };
            let argument = scenario.argument.clone().min(known.argument.clone());
            if *scenario != (ScenarioRecord { argument: scenario.argument.clone(), ..known.clone() }) {
                return Err(Refusal::Different {
                    what: format!("the scenario {}", printable(&scenario.name)),
                    sides: Box::new([
                        (printable(&known.summary), (*known_file).to_owned()),
                        (printable(&scenario.summary), file.clone()),
                    ]),
                });
            }
            known.argument = argument;
        }
    }
    let names = |campaign: &Campaign| -> Vec<String> {
        campaign.scenarios.iter().map(|scenario| scenario.name.clone()).collect()
    };
    let order = names(&sources[0].campaign);
    if sources.iter().any(|source| names(&source.campaign) != order) {
        return Ok(merged.into_values().map(|(scenario, _)| scenario).collect());
    }
    Ok(order.iter().filter_map(|name| merged.remove(name.as_str())).map(|(scenario, _)| scenario).collect())
}

/// The runs of all, each once, ordered by scenario and seed.
fn runs(sources: &[Source], scenarios: &[ScenarioRecord]) -> Result<Vec<RunRecord>, Refusal> {
    let places: BTreeMap<&str, usize> =
        (0..).zip(scenarios).map(|(place, scenario)| (scenario.name.as_str(), place)).collect();
    let mut merged: BTreeMap<(usize, u64, &str), (RunRecord, &str)> = BTreeMap::new();
    for Source { file, campaign } in sources {
        for run in &campaign.runs {
            // A run of a scenario that its campaign does not declare comes after all others.
            let place = places.get(run.scenario.as_str()).copied().unwrap_or(scenarios.len());
            let key = (place, run.seed, run.departures.as_str());
            let Some((known, known_file)) = merged.get_mut(&key) else {
                merged.insert(key, (run.clone(), file));
                continue;
            };
            let wall_ns = known.wall_ns.min(run.wall_ns);
            if lasting(run) != lasting(known) {
                return Err(Refusal::NotDeterministic {
                    run: format!("{}, seed {}", printable(&run.scenario), printable(&run.lineage())),
                    replay: printable(&campaign.replay(run)),
                    sides: Box::new([
                        (printable(&known.digest), (*known_file).to_owned()),
                        (printable(&run.digest), file.clone()),
                    ]),
                });
            }
            known.wall_ns = wall_ns;
            if why(run) < why(known) {
                known.verdict = run.verdict.clone();
            }
        }
    }
    Ok(merged.into_values().map(|(run, _)| run).collect())
}

/// What of a run is the same whenever it is made again: not how long it took, nor what a node printed last, which a reason may quote.
fn lasting(run: &RunRecord) -> (RunRecord, String) {
    (RunRecord { wall_ns: 0, verdict: Verdict::Pass, ..run.clone() }, run.verdict.title())
}

fn why(run: &RunRecord) -> &str {
    match &run.verdict {
        Verdict::Pass => "",
        Verdict::Violation { why, .. } | Verdict::Inconclusive { why } | Verdict::Error { why } => why,
    }
}

/// The canary to be told of: one that was not caught, if there is one.
fn canary(sources: &[Source]) -> Option<CanaryRecord> {
    let canaries = sources.iter().filter_map(|source| source.campaign.canary.as_ref());
    let rank = |canary: &&CanaryRecord| {
        let caught = canary.caught.as_ref().map(|caught| (caught.scenario.clone(), caught.seed, caught.check.clone()));
        (caught.is_none(), canary.runs, canary.bug.clone(), caught)
    };
    canaries.max_by_key(rank).cloned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::human::tests::{campaign, part, record, violation};
    use crate::json;
    use crate::model::ProbeCount;
    use crate::part::Part;

    /// The run of a seed: the same wherever it is made, but for the wall clock.
    fn run(scenario: &str, seed: u64, wall_ns: u64) -> RunRecord {
        let verdict = if seed.is_multiple_of(5) { violation() } else { Verdict::Pass };
        let probes = vec![ProbeCount { probe: (seed % 3) as u16, count: 1 }];
        RunRecord { wall_ns, probes, ..record(scenario, seed, verdict) }
    }

    fn shard(scenarios: &[&str], seeds: std::ops::Range<u64>, wall_ns: u64) -> Campaign {
        let all = || scenarios.iter().flat_map(|name| seeds.clone().map(|seed| (*name, seed)));
        let mut campaign = campaign(all().map(|(name, seed)| run(name, seed, wall_ns)).collect());
        campaign.scenarios.retain(|scenario| scenarios.contains(&scenario.name.as_str()));
        campaign.scenarios.sort_by_key(|scenario| scenarios.iter().position(|name| *name == scenario.name));
        campaign.parts = vec![Part {
            scenarios: scenarios.iter().map(|name| (*name).to_owned()).collect(),
            seed_first: seeds.start,
            seed_last: seeds.end.saturating_sub(1).max(seeds.start),
            wall_ns,
            ..part()
        }];
        campaign.wall_ns = wall_ns;
        campaign
    }

    fn source(number: usize, campaign: &Campaign) -> Source {
        Source { file: format!("{number}/campaign.json"), campaign: campaign.clone() }
    }

    fn merged(campaigns: &[&Campaign]) -> Campaign {
        merge(campaigns.iter().enumerate().map(|(number, campaign)| source(number, campaign)).collect())
            .expect("they add up")
    }

    prop_compose! {
        fn shards()(
            scenarios in prop::sample::select(vec![vec!["calm"], vec!["storm"], vec!["calm", "storm"], vec!["storm", "calm"]]),
            first in 0..20_u64,
            count in 0..12_u64,
            wall_ns in 1..1_000_u64,
        ) -> Campaign {
            shard(&scenarios, first..first + count, wall_ns)
        }
    }

    proptest! {
        #[test]
        fn the_order_makes_no_difference_and_naming_one_twice_neither(
            one in shards(), two in shards(), three in shards()
        ) {
            let all = merged(&[&one, &two, &three]);
            prop_assert_eq!(&merged(&[&three, &one, &two]), &all);
            prop_assert_eq!(&merged(&[&one, &two, &three, &two, &two]), &all);
            prop_assert_eq!(&merged(&[&all, &all]), &all);
            prop_assert_eq!(&merged(&[&merged(&[&one, &two]), &three]), &all);
            prop_assert_eq!(&merged(&[&one, &merged(&[&two, &three])]), &all);
            prop_assert_eq!(json::read(&json::write(&all)), Ok(all.clone()));
        }
    }

    #[test]
    fn shards_are_as_good_as_the_whole() {
        let whole = shard(&["storm", "calm"], 0..20, 7);
        let halves = merged(&[&shard(&["storm", "calm"], 10..20, 7), &shard(&["storm", "calm"], 0..10, 7)]);
        assert_eq!((&halves.runs, &halves.scenarios), (&whole.runs, &whole.scenarios));
        assert_eq!((halves.parts.len(), halves.wall_ns), (2, 14));
    }

    #[test]
    fn a_run_that_went_differently_is_named_with_both_files() {
        let one = shard(&["storm"], 0..10, 1);
        let mut other = one.clone();
        other.runs[7].digest = "0123456789abcdef".to_owned();
        let refused = merge(vec![source(2, &other), source(1, &one)]).expect_err("it is not deterministic");
        insta::assert_snapshot!(refused);
        let swapped = merge(vec![source(1, &one), source(2, &other)]);
        assert_eq!(swapped, Err(refused), "whichever comes first");
    }

    #[test]
    fn what_does_not_add_up_is_refused() {
        let one = shard(&["storm"], 0..2, 1);
        let other = |change: &dyn Fn(&mut Campaign)| {
            let mut other = one.clone();
            change(&mut other);
            merge(vec![source(1, &one), source(2, &other)]).expect_err("it differs").to_string()
        };
        let refusals = [
            other(&|campaign| campaign.version = "9.9.9".to_owned()),
            other(&|campaign| campaign.build = Build::Bugged),
            other(&|campaign| campaign.bug = Some("two-votes".to_owned())),
            other(&|campaign| campaign.target = "--node './raft.py'".to_owned()),
            other(&|campaign| drop(campaign.probes.pop())),
            other(&|campaign| campaign.scenarios[0].summary = "Another \u{1b}one.".to_owned()),
        ];
        insta::assert_snapshot!(refusals.join("\n\n"));
        assert_eq!(merge(Vec::new()), Err(Refusal::Nothing));
    }

    #[test]
    fn a_canary_that_was_not_caught_is_not_hidden_by_one_that_was() {
        let canary = |caught| CanaryRecord { bug: "two-votes".to_owned(), runs: 100, caught };
        let caught = crate::model::Caught { scenario: "storm".to_owned(), seed: 1, check: "I1".to_owned() };
        let mut one = shard(&["storm"], 0..2, 1);
        let mut two = one.clone();
        (one.canary, two.canary) = (Some(canary(Some(caught))), Some(canary(None)));
        assert_eq!(merged(&[&one, &two]).canary, two.canary);
        assert_eq!(merged(&[&two, &one]).canary, two.canary);
    }
}
