//! The model of a campaign as JSON, for programs.
//!
//! It is the model of [`crate::model`], with two differences: probes have their names instead of their numbers, and what
//! can be computed from the runs, the coverage and the account of the faults, is there to be read as well. Reading ignores what can be computed.

use std::collections::BTreeMap;
use std::fmt;

use serde::ser::SerializeMap;
use serde::{Deserialize, Serialize, Serializer};

use crate::coverage::{Coverage, Covered, First};
use crate::faults::{self, FaultTally};
use crate::grade::Grade;
use crate::model::{
    Build, Campaign, CanaryRecord, Ending, PROGRAM, ProbeCount, ProbeRecord, RunRecord, SCHEMA, ScenarioRecord,
};
use crate::part::{Part, SLICES};
use crate::words::printable;

/// The campaign as indented JSON, with a line break at the end.
#[must_use]
pub fn write(campaign: &Campaign) -> String {
    let coverage = Coverage::of(campaign);
    let mut text = serde_json::to_string_pretty(&WrittenCampaign::of(campaign, &coverage))
        .expect("the model has nothing that JSON cannot hold");
    text.push('\n');
    text
}

/// A list of probes as indented JSON, with a line break at the end.
#[must_use]
pub fn write_probes(probes: &[ProbeRecord]) -> String {
    let mut text = serde_json::to_string_pretty(probes).expect("the model has nothing that JSON cannot hold");
    text.push('\n');
    text
}

/// What is wrong with a file, and where: as in `3:14: expected value`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// The line, from 1.
    pub line: usize,
    /// The column, from 1.
    pub column: usize,
    /// What is wrong.
    pub why: String,
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.line, self.column, self.why)
    }
}

impl From<serde_json::Error> for Mistake {
    fn from(error: serde_json::Error) -> Mistake {
        let (line, column) = (error.line().max(1), error.column().max(1));
        let text = error.to_string();
        let place = format!(" at line {} column {}", error.line(), error.column());
        Mistake { line, column, why: printable(text.strip_suffix(&place).unwrap_or(&text)) }
    }
}

/// Something that is wrong with the whole.
impl From<String> for Mistake {
    fn from(why: String) -> Mistake {
        Mistake { line: 1, column: 1, why }
    }
}

/// Reads what [`write()`] wrote.
///
/// # Errors
/// If it is not a campaign of this version of the model.
pub fn read(text: &str) -> Result<Campaign, Mistake> {
    #[derive(Deserialize)]
    struct Named {
        schema: String,
    }
    let Named { schema } = serde_json::from_str(text)?;
    if schema != SCHEMA {
        return Err(format!("the schema is {schema:?}, but only {SCHEMA:?} can be read").into());
    }
    let campaign: ReadCampaign = serde_json::from_str(text)?;
    campaign.parts.iter().try_for_each(sound)?;
    let numbers: BTreeMap<&str, u16> =
        campaign.coverage.probes.iter().zip(0..).map(|(probe, number)| (probe.name.as_str(), number)).collect();
    let runs: Result<Vec<RunRecord>, String> = campaign.runs.into_iter().map(|run| run.record(&numbers)).collect();
    Ok(Campaign {
        runs: runs?,
        schema: campaign.schema,
        version: campaign.version,
        program: campaign.program,
        target: campaign.target,
        build: campaign.build,
        bug: campaign.bug,
        canary: campaign.canary,
        ending: campaign.ending,
        wall_ns: campaign.wall_ns,
        jobs: campaign.jobs,
        scenarios: campaign.scenarios,
        probes: campaign.coverage.probes,
        parts: campaign.parts,
        grade: campaign.grade,
    })
}

/// Whether a part says what a part can say.
fn sound(part: &Part) -> Result<(), String> {
    if part.seed_first > part.seed_last {
        return Err(format!("a part has seeds from {} to {}, which are none", part.seed_first, part.seed_last));
    }
    for pace in &part.paces {
        let sample = pace.sample.as_ref().map(|sample| sample.answered.len());
        let slices = [pace.answered.len(), pace.unanswered.len(), pace.p50_us.len(), pace.p99_us.len()];
        if slices.into_iter().chain(sample).any(|slices| slices != SLICES as usize) {
            return Err(format!("the pace of {:?} has not {SLICES} slices", pace.scenario));
        }
    }
    Ok(())
}

#[derive(Serialize)]
struct WrittenCampaign<'a> {
    schema: &'a str,
    version: &'a str,
    #[serde(skip_serializing_if = "is_whitewater")]
    program: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    target: &'a str,
    build: Build,
    #[serde(skip_serializing_if = "Option::is_none")]
    bug: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    canary: Option<&'a CanaryRecord>,
    ending: Ending,
    wall_ns: u64,
    jobs: u32,
    scenarios: &'a [ScenarioRecord],
    coverage: WrittenCoverage<'a>,
    parts: &'a [Part],
    #[serde(skip_serializing_if = "Option::is_none")]
    grade: Option<&'a Grade>,
    faults: Vec<FaultTally<'a>>,
    runs: Vec<WrittenRun<'a>>,
}

/// How many of the rarest probes are named.
const RAREST: usize = 10;

#[derive(Serialize)]
struct WrittenCoverage<'a> {
    declared: u64,
    hit: u64,
    /// The rarest of those that were hit, the rarest first.
    rarest: Vec<&'a str>,
    never_hit: Vec<&'a str>,
    /// In the order of their numbers.
    probes: Vec<WrittenProbe<'a>>,
}

#[derive(Serialize)]
struct WrittenProbe<'a> {
    #[serde(flatten)]
    probe: &'a ProbeRecord,
    runs: u64,
    hits: u64,
    first: Option<&'a First>,
}

#[derive(Serialize)]
struct WrittenRun<'a> {
    #[serde(flatten)]
    run: &'a RunRecord,
    probes: Named<'a>,
}

/// What a run hit, as a map from names.
struct Named<'a> {
    counts: &'a [ProbeCount],
    probes: &'a [ProbeRecord],
}

impl Serialize for Named<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.counts.len()))?;
        for hit in self.counts {
            let probe = self.probes.get(usize::from(hit.probe));
            map.serialize_entry(probe.map_or("?", |probe| probe.name.as_str()), &hit.count)?;
        }
        map.end()
    }
}

impl<'a> WrittenCampaign<'a> {
    fn of(campaign: &'a Campaign, coverage: &'a Coverage) -> WrittenCampaign<'a> {
        let run =
            |run: &'a RunRecord| WrittenRun { run, probes: Named { counts: &run.probes, probes: &campaign.probes } };
        WrittenCampaign {
            schema: &campaign.schema,
            version: &campaign.version,
            program: &campaign.program,
            target: &campaign.target,
            build: campaign.build,
            bug: campaign.bug.as_deref(),
            canary: campaign.canary.as_ref(),
            ending: campaign.ending,
            wall_ns: campaign.wall_ns,
            jobs: campaign.jobs,
            scenarios: &campaign.scenarios,
            coverage: WrittenCoverage::of(campaign, coverage),
            parts: &campaign.parts,
            grade: campaign.grade.as_ref(),
            faults: faults::by_scenario(campaign),
            runs: campaign.runs.iter().map(run).collect(),
        }
    }
}

impl<'a> WrittenCoverage<'a> {
    fn of(campaign: &'a Campaign, coverage: &'a Coverage) -> WrittenCoverage<'a> {
        let names = |covered: Vec<&'a Covered>| covered.iter().map(|covered| covered.probe.name.as_str()).collect();
        let covered: BTreeMap<&str, &'a Covered> =
            coverage.by_frequency().into_iter().map(|covered| (covered.probe.name.as_str(), covered)).collect();
        let probes = campaign.probes.iter().filter_map(|probe| covered.get(probe.name.as_str()));
        WrittenCoverage {
            declared: coverage.declared(),
            hit: coverage.hit(),
            rarest: names(coverage.rarest(RAREST)),
            never_hit: names(coverage.never()),
            probes: probes
                .map(|Covered { probe, runs, hits, first }| WrittenProbe {
                    probe,
                    runs: *runs,
                    hits: *hits,
                    first: first.as_ref(),
                })
                .collect(),
        }
    }
}

fn whitewater() -> String {
    PROGRAM.to_owned()
}

fn is_whitewater(program: &str) -> bool {
    program == PROGRAM
}

#[derive(Deserialize)]
struct ReadCampaign {
    schema: String,
    version: String,
    #[serde(default = "whitewater")]
    program: String,
    #[serde(default)]
    target: String,
    #[serde(default)]
    build: Build,
    bug: Option<String>,
    canary: Option<CanaryRecord>,
    ending: Ending,
    wall_ns: u64,
    jobs: u32,
    scenarios: Vec<ScenarioRecord>,
    #[serde(default)]
    coverage: ReadCoverage,
    parts: Vec<Part>,
    grade: Option<Grade>,
    runs: Vec<ReadRun>,
}

#[derive(Default, Deserialize)]
struct ReadCoverage {
    probes: Vec<ProbeRecord>,
}

#[derive(Deserialize)]
struct ReadRun {
    #[serde(flatten)]
    run: RunRecord,
    #[serde(default)]
    probes: BTreeMap<String, u32>,
}

impl ReadRun {
    fn record(self, numbers: &BTreeMap<&str, u16>) -> Result<RunRecord, String> {
        let number = |(name, count): (String, u32)| match numbers.get(name.as_str()) {
            Some(probe) => Ok(ProbeCount { probe: *probe, count }),
            None => Err(format!("a run has hit {name:?}, but the coverage declares no such probe")),
        };
        let mut probes: Vec<ProbeCount> = self.probes.into_iter().map(number).collect::<Result<_, String>>()?;
        probes.sort_unstable_by_key(|hit| hit.probe);
        Ok(RunRecord { probes, ..self.run })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::human::tests::{campaign, record, violation};
    use crate::model::Verdict;

    fn sample() -> Campaign {
        let probes = vec![ProbeCount { probe: 1, count: u32::MAX }, ProbeCount { probe: 2, count: 1 }];
        let run = RunRecord { probes, ..record("calm", u64::MAX, Verdict::Pass) };
        campaign(vec![run, record("storm", 1, violation())])
    }

    #[test]
    fn the_model_reads_back() {
        assert_eq!(read(&write(&sample())), Ok(sample()));
    }

    #[test]
    fn the_program_is_said_where_it_is_another_one() {
        assert!(!write(&sample()).contains("\"program\""));
        let own = Campaign { program: "target/release/raft".to_owned(), ..sample() };
        let read = read(&write(&own)).expect("it reads back");
        assert_eq!(read, own);
        assert!(read.replay(&read.runs[0]).starts_with("target/release/raft replay "));
    }

    #[test]
    fn probes_have_their_names() {
        let text: serde_json::Value = serde_json::from_str(&write(&sample())).expect("it is JSON");
        assert_eq!(text["runs"][0]["probes"], serde_json::json!({ "joint-left": u32::MAX, "window-full": 1 }));
        assert_eq!(text["coverage"]["never_hit"], serde_json::json!(["split-vote"]));
        let first = &text["coverage"]["probes"][1]["first"];
        assert_eq!(*first, serde_json::json!({ "seed": u64::MAX, "scenario": "calm" }));
    }

    #[test]
    fn the_account_of_the_faults_is_there_to_be_read() {
        let campaign = faults::tests::stormy();
        let text = write(&campaign);
        assert_eq!(read(&text), Ok(campaign));
        let text: serde_json::Value = serde_json::from_str(&text).expect("it is JSON");
        assert_eq!(text["scenarios"][1]["faults"], serde_json::json!(["crash", "cut", "pause"]));
        assert_eq!(text["faults"][0]["runs_fired"], 2);
        assert_eq!(
            text["runs"][0]["faults"][1],
            serde_json::json!({ "fault": 1, "planned": 9, "fired": 2, "effects": 0 })
        );
    }

    #[test]
    fn what_is_no_campaign_is_refused() {
        assert!(read("{}").is_err_and(|mistake| mistake.why.contains("missing field `schema`")));
        let broken = write(&sample()).replacen("\"jobs\": 2", "\"jobs\": two", 1);
        let line = 1 + broken.lines().position(|line| line.contains("two")).expect("it is there");
        assert!(read(&broken).is_err_and(|mistake| (mistake.line, mistake.column) == (line, 12)));
        let backwards = write(&sample()).replacen("\"seed_first\": 0", "\"seed_first\": 99", 1);
        assert!(read(&backwards).is_err_and(|mistake| mistake.why.contains("from 99 to 39")));
        let other = write(&sample()).replace("campaign/v3", "campaign/v0");
        assert!(read(&other).is_err_and(|mistake| mistake.why.contains("campaign/v0")));
        let unknown = write(&sample()).replacen("\"name\": \"joint-left\"", "\"name\": \"joint-right\"", 1);
        assert!(read(&unknown).is_err_and(|mistake| mistake.why.contains("\"joint-left\"")));
    }
}
