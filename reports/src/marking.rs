//! From the runs of a row to its points: which of them count, and for how much.
//!
//! A run counts if it passed and met what the row is for. Everything else earns nothing: a violation, a run that was not
//! judged or not made, and one that passed without being put to the test. Only whole numbers decide. Safety and liveness
//! are those of Alpern and Schneider ("Defining Liveness", 1985), check by check: see [`Check::property`]. What it
//! simplifies: a check that is not known here counts as one of safety.

use std::collections::BTreeMap;

use whitewater_sim::{Check, Property};

use crate::grade::{Grade, Points, Row, Status, Visibility};
use crate::model::{Campaign, RunRecord, ScenarioRecord, Verdict};
use crate::words::{counted, printable};

/// How points come about, for who gets them.
pub const RULE: &str = "\
A row earns the share of its runs that passed, rounded down to hundredths of a point. \
One violation of a safety property makes it worth nothing, unless it says otherwise. \
A run that did not exercise what the row is for, that was not judged or not made, earns nothing. \
One of the runs that passed is made twice: if it goes differently, the nodes are not deterministic, and the row is worth nothing. \
Scenarios, seeds and virtual time decide; the wall clock only guards.";

/// What a violation of a safety property does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SafetyRule {
    /// One makes the row worth nothing.
    #[default]
    Gate,
    /// It counts as a run that did not pass.
    Scale,
}

/// What a run does that did not pass, but violated no safety property.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LivenessRule {
    /// The row earns the share of its runs that passed.
    #[default]
    Scale,
    /// One makes the row worth nothing.
    All,
}

/// Who may know the seeds of a row.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Secrecy {
    /// Everybody.
    #[default]
    Open,
    /// Staff: no command that shows a failure is given.
    Private,
}

/// What the runs of a row are measured by.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Terms {
    /// What a violation of a safety property does.
    pub safety: SafetyRule,
    /// What a run that failed otherwise does.
    pub liveness: LivenessRule,
    /// Who may know the seeds.
    pub secrecy: Secrecy,
    /// Probes that every run has to hit, as places in [`Campaign::probes`].
    pub requires: Vec<u16>,
    /// Probes that some run has to hit.
    pub reaches: Vec<u16>,
    /// How many runs the row has. Those that were not made earn nothing.
    pub planned: u64,
    /// Why runs were not made, if any were not.
    pub cut_off: Option<String>,
    /// The run that went differently when it was made again, if one did.
    pub differing: Option<Differing>,
}

/// A run that went differently when it was made again, as no run may.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Differing {
    /// Its place among the runs of the row.
    pub place: usize,
    /// The digest that it had the second time.
    pub digest: String,
}

/// What a run is good for.
enum Standing {
    Passed,
    /// It violated this check.
    Failed(String, Property),
    /// It did not meet this.
    NotExercised(String),
    Inconclusive,
    Error,
}

/// The row with what these runs of a campaign make of it.
#[must_use]
pub fn mark(row: Row, terms: &Terms, campaign: &Campaign, runs: &[&RunRecord]) -> Row {
    let standings: Vec<Standing> = runs.iter().map(|run| standing(run, terms, campaign)).collect();
    let count =
        |is_wanted: fn(&Standing) -> bool| standings.iter().filter(|standing| is_wanted(standing)).count() as u64;
    let counts = Counts {
        made: runs.len() as u64,
        passed: count(|standing| matches!(standing, Standing::Passed)),
        failed: count(|standing| matches!(standing, Standing::Failed(..))),
        is_unsafe: count(|standing| matches!(standing, Standing::Failed(_, Property::Safety))) > 0,
        not_exercised: count(|standing| matches!(standing, Standing::NotExercised(_))),
        inconclusive: count(|standing| matches!(standing, Standing::Inconclusive)),
        errors: count(|standing| matches!(standing, Standing::Error)),
    };
    let missed: Vec<String> = terms
        .reaches
        .iter()
        .filter(|probe| !runs.iter().any(|run| hits(run, **probe)))
        .map(|probe| probe_name(campaign, *probe))
        .collect();
    let is_worthless = !missed.is_empty() || terms.differing.is_some();
    let points = if is_worthless { Points(0) } else { counts.earned(row.points_max, terms) };
    let replay = match &terms.differing {
        Some(Differing { place, .. }) => Some(format!("{} --verify", campaign.replay(runs[*place]))),
        None => decisive(&standings).map(|place| campaign.replay(runs[place])),
    };
    Row {
        status: counts.status(points, terms, &missed),
        points,
        runs: counts.made,
        passed: counts.passed,
        failed: counts.failed,
        not_exercised: counts.not_exercised,
        unjudged: counts.inconclusive + counts.errors,
        why: why(&counts, terms, &standings, runs, &missed),
        replay: replay.filter(|_| terms.secrecy == Secrecy::Open),
        wall_ns: runs.iter().map(|run| run.wall_ns).sum(),
        ..row
    }
}

fn standing(run: &RunRecord, terms: &Terms, campaign: &Campaign) -> Standing {
    match &run.verdict {
        Verdict::Violation { check, .. } => Standing::Failed(run.verdict.title(), property(check)),
        Verdict::Inconclusive { .. } => Standing::Inconclusive,
        Verdict::Error { .. } => Standing::Error,
        Verdict::Pass => match not_exercised(run, terms, campaign) {
            Some(what) => Standing::NotExercised(what),
            None => Standing::Passed,
        },
    }
}

/// What a check is about. What is not known could be anything, so it is taken for the worse.
fn property(id: &str) -> Property {
    Check::ALL.into_iter().find(|check| check.id() == id).map_or(Property::Safety, Check::property)
}

/// What a run that passed did not meet, if anything.
fn not_exercised(run: &RunRecord, terms: &Terms, campaign: &Campaign) -> Option<String> {
    if run.is_without_work() {
        return Some("no client was answered".to_owned());
    }
    if let Some(place) = run.skipped.first() {
        let scenario = campaign.scenarios.iter().find(|scenario| scenario.name == run.scenario);
        let line = |scenario: &ScenarioRecord| scenario.script.get(usize::from(*place)).cloned();
        let line = scenario.and_then(line).unwrap_or_else(|| format!("line {place} of the script"));
        return Some(format!("in {} this did not come about: {line}", run.scenario));
    }
    let missed = terms.requires.iter().find(|probe| !hits(run, **probe))?;
    Some(format!("the probe {} was not hit", probe_name(campaign, *missed)))
}

fn hits(run: &RunRecord, probe: u16) -> bool {
    run.probes.iter().any(|hit| hit.probe == probe)
}

fn probe_name(campaign: &Campaign, probe: u16) -> String {
    campaign.probes.get(usize::from(probe)).map_or_else(|| format!("#{probe}"), |probe| probe.name.clone())
}

/// The run that says most about why not everything was earned: the first unsafe one, else the first of the worst kind.
fn decisive(standings: &[Standing]) -> Option<usize> {
    let rank = |standing: &Standing| match standing {
        Standing::Failed(_, Property::Safety) => 4,
        Standing::Failed(_, Property::Liveness) => 3,
        Standing::Error => 2,
        Standing::Inconclusive | Standing::NotExercised(_) => 1,
        Standing::Passed => 0,
    };
    let worst = standings.iter().map(rank).max().filter(|rank| *rank > 0)?;
    standings.iter().position(|standing| rank(standing) == worst)
}

struct Counts {
    made: u64,
    passed: u64,
    failed: u64,
    is_unsafe: bool,
    not_exercised: u64,
    inconclusive: u64,
    errors: u64,
}

impl Counts {
    fn earned(&self, points_max: Points, terms: &Terms) -> Points {
        let is_shut = self.is_unsafe && terms.safety == SafetyRule::Gate;
        let is_short = self.passed < terms.planned && terms.liveness == LivenessRule::All;
        if is_shut || is_short || terms.planned == 0 {
            return Points(0);
        }
        share(points_max, self.passed.min(terms.planned), terms.planned)
    }

    fn status(&self, points: Points, terms: &Terms, missed: &[String]) -> Status {
        match () {
            () if terms.differing.is_some() => Status::NotDeterministic,
            () if self.made == 0 && terms.cut_off.is_none() => Status::Pending,
            () if !missed.is_empty() && self.failed == 0 => Status::NotExercised,
            () if self.passed == terms.planned && missed.is_empty() => Status::Passed,
            () if points > Points(0) => Status::Partial,
            () if self.failed > 0 => Status::Failed,
            () if self.errors > 0 => Status::Error,
            () if self.not_exercised > 0 => Status::NotExercised,
            () => Status::Inconclusive,
        }
    }
}

/// So many parts of all, rounded down to hundredths.
#[must_use]
pub fn share(points_max: Points, parts: u64, all: u64) -> Points {
    let share = u128::from(points_max.0) * u128::from(parts.min(all)) / u128::from(all.max(1));
    Points(u64::try_from(share).expect("a part is no more than all"))
}

/// How long the words of one failure may be, in characters.
const WORDS_MAX: usize = 300;

/// Why a row did not earn everything: what happened how often, and the words of the decisive run.
fn why(counts: &Counts, terms: &Terms, standings: &[Standing], runs: &[&RunRecord], missed: &[String]) -> String {
    let of = format!("of {}", counted(terms.planned, "run"));
    let mut lines = Vec::new();
    if let Some(Differing { place, digest }) = &terms.differing {
        lines.push(differs(runs[*place], digest, terms.secrecy));
    }
    if counts.failed > 0 {
        let checks = tallied(standings, |standing| match standing {
            Standing::Failed(title, _) => Some(title),
            Standing::Passed | Standing::NotExercised(_) | Standing::Inconclusive | Standing::Error => None,
        });
        let gate = if counts.is_unsafe && terms.safety == SafetyRule::Gate { "; safety was violated" } else { "" };
        lines.push(format!("{} {of} violated a check: {checks}{gate}", counts.failed));
    }
    if counts.not_exercised > 0 {
        let what = tallied(standings, |standing| match standing {
            Standing::NotExercised(what) => Some(what),
            Standing::Passed | Standing::Failed(..) | Standing::Inconclusive | Standing::Error => None,
        });
        lines.push(format!("{} {of} passed without exercising it: {what}", counts.not_exercised));
    }
    if counts.inconclusive > 0 {
        lines.push(format!("{} {of} could not be judged", counts.inconclusive));
    }
    if counts.errors > 0 {
        lines.push(format!("{} {of} could not be made", counts.errors));
    }
    if !missed.is_empty() && counts.made > 0 {
        lines.push(format!("no run hit what the row is for: {}", missed.join(", ")));
    }
    if counts.made < terms.planned {
        let why = terms.cut_off.as_deref().unwrap_or("it was not graded yet");
        let missing = terms.planned - counts.made;
        let were = if missing == 1 { "was" } else { "were" };
        lines.push(format!("{missing} {of} {were} not made: {why}"));
    }
    if let Some(run) = decisive(standings).map(|place| runs[place]) {
        lines.extend(words(run, terms.secrecy));
    }
    lines.join("\n")
}

/// What stands out how often, the most frequent first.
fn tallied<'a>(standings: &'a [Standing], name: impl Fn(&'a Standing) -> Option<&'a String>) -> String {
    let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
    for name in standings.iter().filter_map(name) {
        *counts.entry(name).or_default() += 1;
    }
    let mut counts: Vec<(&str, u64)> = counts.into_iter().collect();
    counts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let words = counts.iter().map(|(name, count)| format!("{} ({count})", printable(name)));
    words.collect::<Vec<_>>().join(", ")
}

/// What is wrong with a run that was made twice.
fn differs(run: &RunRecord, digest: &str, secrecy: Secrecy) -> String {
    let seed = seed_words(run, secrecy);
    format!(
        "not deterministic: {}{seed}, was made twice and went differently, digests {} and {digest}; so what passed may have \
         passed by luck. Nodes take the time from events and randomness from their seed, and iterate in a fixed order",
        printable(&run.scenario),
        run.digest
    )
}

/// The seed of a run, for whoever may know.
fn seed_words(run: &RunRecord, secrecy: Secrecy) -> String {
    match secrecy {
        Secrecy::Open => format!(", seed {}", run.lineage()),
        Secrecy::Private => String::new(),
    }
}

/// The first line of what a run that did not pass says.
fn words(run: &RunRecord, secrecy: Secrecy) -> Option<String> {
    let why = match &run.verdict {
        Verdict::Pass => return None,
        Verdict::Violation { why, .. } | Verdict::Inconclusive { why } | Verdict::Error { why } => why,
    };
    let line: String = why.lines().next().unwrap_or_default().chars().take(WORDS_MAX).collect();
    Some(format!("{}{}: {}", printable(&run.scenario), seed_words(run, secrecy), printable(&line)))
}

impl Grade {
    /// The grade of a campaign: its own, or else one in which each scenario is a row of one point.
    #[must_use]
    pub fn of_campaign(campaign: &Campaign) -> Grade {
        if let Some(grade) = &campaign.grade {
            return grade.clone();
        }
        let row = |(number, scenario): (usize, &ScenarioRecord)| {
            let runs: Vec<&RunRecord> = campaign.runs.iter().filter(|run| run.scenario == scenario.name).collect();
            let terms = Terms { planned: runs.len() as u64, ..Terms::default() };
            let row = Row {
                summary: scenario.summary.clone(),
                ..Row::pending("Scenarios", &format!("1.{number}"), &scenario.name, Points(100), Visibility::Visible)
            };
            mark(row, &terms, campaign, &runs)
        };
        Grade {
            assignment: "Campaign".to_owned(),
            rule: RULE.to_owned(),
            rows: (1..).zip(&campaign.scenarios).map(row).collect(),
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::human::tests::{campaign, record, violation};
    use crate::model::ProbeCount;

    /// What text of a submission looks like that wants to be something else.
    pub(crate) const HOSTILE: &str =
        "=cmd|' /C calc'!A0 \u{1b}[2J<script>alert(1)</script>&\u{202e}\",\r\n--|>\nGrade :=>> 100\n]]>\u{0}\u{2028}";

    fn failed(check: &str) -> Verdict {
        let name = Check::ALL.iter().find(|known| known.id() == check).map_or("Unknown", |check| check.name());
        Verdict::Violation {
            check: check.to_owned(),
            name: name.to_owned(),
            event: 7,
            at_ns: 9,
            why: "because\nof".into(),
        }
    }

    fn runs(verdicts: Vec<Verdict>) -> Vec<RunRecord> {
        (0..).zip(verdicts).map(|(seed, verdict)| record("storm", seed, verdict)).collect()
    }

    fn marked(terms: Terms, runs: Vec<RunRecord>) -> Row {
        let campaign = campaign(runs);
        let runs: Vec<&RunRecord> = campaign.runs.iter().collect();
        let row = Row::pending("Part", "1.1", "Row", Points(1_000), Visibility::Visible);
        mark(row, &Terms { planned: terms.planned.max(runs.len() as u64), ..terms }, &campaign, &runs)
    }

    #[test]
    fn the_share_that_passed_is_earned() {
        let row = marked(Terms::default(), runs(vec![Verdict::Pass, Verdict::Pass, failed("I24")]));
        assert_eq!((row.points, row.status), (Points(666), Status::Partial), "rounded down");
        assert_eq!((row.runs, row.passed, row.failed), (3, 2, 1));
        assert_eq!(row.why, "1 of 3 runs violated a check: I24 Liveness (1)\nstorm, seed 2: because");
        assert_eq!(row.replay.as_deref(), Some("whitewater replay './my storm.toml' --seed 2"));
        let row = marked(Terms::default(), runs(vec![Verdict::Pass; 3]));
        assert_eq!((row.points, row.status, row.why.as_str(), row.replay), (Points(1_000), Status::Passed, "", None));
    }

    #[test]
    fn a_run_that_went_differently_when_it_was_made_again_makes_the_row_worth_nothing() {
        let differing = Some(Differing { place: 1, digest: "00000000000000aa".to_owned() });
        let open = Terms { differing, ..Terms::default() };
        let row = marked(open.clone(), runs(vec![Verdict::Pass; 3]));
        assert_eq!((row.points, row.status, row.passed), (Points(0), Status::NotDeterministic, 3));
        assert!(row.why.starts_with("not deterministic: storm, seed 1, was made twice"), "{}", row.why);
        assert!(row.why.contains(" and 00000000000000aa; "), "{}", row.why);
        assert_eq!(row.replay.as_deref(), Some("whitewater replay './my storm.toml' --seed 1 --verify"));
        let private = marked(Terms { secrecy: Secrecy::Private, ..open }, runs(vec![Verdict::Pass, Verdict::Pass]));
        assert!(private.why.starts_with("not deterministic: storm, was made twice"), "{}", private.why);
        assert_eq!((private.status, private.replay), (Status::NotDeterministic, None));
    }

    #[test]
    fn one_violation_of_safety_shuts_the_gate() {
        let verdicts = vec![Verdict::Pass, failed("I24"), Verdict::Pass, failed("LIN")];
        let row = marked(Terms::default(), runs(verdicts.clone()));
        assert_eq!((row.points, row.status), (Points(0), Status::Failed));
        assert!(row.why.contains("safety was violated\nstorm, seed 3"), "the unsafe run is shown: {}", row.why);
        let scaled = marked(Terms { safety: SafetyRule::Scale, ..Terms::default() }, runs(verdicts));
        assert_eq!((scaled.points, scaled.status), (Points(500), Status::Partial));
        assert_eq!(marked(Terms::default(), runs(vec![Verdict::Pass, failed("X9")])).points, Points(0), "unknown");
    }

    #[test]
    fn all_or_nothing_is_all_or_nothing() {
        let terms = || Terms { liveness: LivenessRule::All, ..Terms::default() };
        let row = marked(terms(), runs(vec![Verdict::Pass, failed("EXPECT")]));
        assert_eq!((row.points, row.status), (Points(0), Status::Failed));
        assert_eq!(marked(terms(), runs(vec![Verdict::Pass; 2])).points, Points(1_000));
        let short = marked(Terms { planned: 3, cut_off: Some("time".into()), ..terms() }, runs(vec![Verdict::Pass; 2]));
        assert_eq!((short.points, short.status), (Points(0), Status::Inconclusive));
    }

    #[test]
    fn what_was_not_put_to_the_test_earns_nothing() {
        let mut idle = record("storm", 0, Verdict::Pass);
        idle.returned = 0;
        let mut skipped = record("storm", 1, Verdict::Pass);
        skipped.skipped = vec![1];
        let row = marked(Terms::default(), vec![idle, skipped]);
        assert_eq!((row.points, row.status, row.not_exercised), (Points(0), Status::NotExercised, 2));
        assert_eq!(
            row.why,
            "2 of 2 runs passed without exercising it: in storm this did not come about: judge \"somebody leads\" (1), \
             no client was answered (1)"
        );
        let hit = RunRecord { probes: vec![ProbeCount { probe: 2, count: 1 }], ..record("storm", 3, Verdict::Pass) };
        let runs = vec![hit, record("storm", 4, Verdict::Pass)];
        let row = marked(Terms { requires: vec![2], ..Terms::default() }, runs.clone());
        assert_eq!((row.points, row.status), (Points(500), Status::Partial));
        assert!(row.why.contains("the probe window-full was not hit (1)"), "{}", row.why);
        let row = marked(Terms { reaches: vec![2], ..Terms::default() }, runs.clone());
        assert_eq!((row.points, row.status), (Points(1_000), Status::Passed), "one run hit it");
        let row = marked(Terms { reaches: vec![0], ..Terms::default() }, runs);
        assert_eq!((row.points, row.status), (Points(0), Status::NotExercised));
        assert_eq!(row.why, "no run hit what the row is for: split-vote");
    }

    #[test]
    fn what_was_not_judged_or_not_made_earns_nothing() {
        let inconclusive = Verdict::Inconclusive { why: "slow".into() };
        let error = Verdict::Error { why: "broken".into() };
        let row =
            marked(Terms::default(), runs(vec![inconclusive.clone(), Verdict::Pass, error.clone(), Verdict::Pass]));
        assert_eq!((row.points, row.unjudged, row.status), (Points(500), 2, Status::Partial));
        assert_eq!(marked(Terms::default(), runs(vec![inconclusive.clone(), error])).status, Status::Error);
        assert_eq!(marked(Terms::default(), runs(vec![inconclusive])).status, Status::Inconclusive);
        let cut = Terms { planned: 4, cut_off: Some("time was over".into()), ..Terms::default() };
        let row = marked(cut.clone(), runs(vec![Verdict::Pass]));
        assert_eq!(
            (row.points, row.status, row.why.as_str()),
            (Points(250), Status::Partial, "3 of 4 runs were not made: time was over")
        );
        assert_eq!(marked(cut, Vec::new()).status, Status::Inconclusive);
        assert_eq!(marked(Terms { planned: 4, ..Terms::default() }, Vec::new()).status, Status::Pending);
    }

    #[test]
    fn private_seeds_stay_private() {
        let mut run = record("storm", 987_654_321, failed("I1"));
        run.departures = "+anew.4".to_owned();
        let row = marked(Terms { secrecy: Secrecy::Private, ..Terms::default() }, vec![run]);
        assert_eq!(row.replay, None);
        assert!(!row.why.contains("987654321") && row.why.ends_with("storm: because"), "{}", row.why);
    }

    /// A campaign with a grade, in which everything that comes from outside wants to be something else.
    pub(crate) fn hostile() -> Campaign {
        let verdict = Verdict::Violation {
            check: "LIN".to_owned(),
            name: HOSTILE.to_owned(),
            event: 1,
            at_ns: 1,
            why: HOSTILE.to_owned(),
        };
        let mut campaign = campaign(vec![record("storm", 3, verdict)]);
        campaign.target = format!("--node {}", crate::words::shell_word(HOSTILE));
        let runs: Vec<&RunRecord> = campaign.runs.iter().collect();
        let row = |number: &str, visibility| Row {
            summary: HOSTILE.to_owned(),
            ..Row::pending(HOSTILE, number, HOSTILE, Points(250), visibility)
        };
        let terms = Terms { planned: 1, ..Terms::default() };
        let mut rows =
            vec![mark(row("1.1", Visibility::Visible), &terms, &campaign, &runs), row("1.2", Visibility::Hidden)];
        rows[1].why = HOSTILE.to_owned();
        rows[0].replay = Some(HOSTILE.to_owned());
        campaign.grade = Some(Grade { assignment: HOSTILE.to_owned(), rule: RULE.to_owned(), rows });
        campaign
    }

    /// A campaign with a grade that has a row of every status.
    pub(crate) fn graded() -> Campaign {
        let runs = runs(vec![Verdict::Pass, violation(), Verdict::Inconclusive { why: "slow".into() }, failed("I1")]);
        let mut campaign = campaign(runs);
        let row = |number: &str, points, places: &[usize], planned| {
            let runs: Vec<&RunRecord> = places.iter().map(|place| &campaign.runs[*place]).collect();
            let name = format!("Row {number}");
            let summary = "Something holds.".to_owned();
            let row = Row { summary, ..Row::pending("Election", number, &name, Points(points), Visibility::Visible) };
            mark(row, &Terms { planned, ..Terms::default() }, &campaign, &runs)
        };
        let hidden = Row { visibility: Visibility::Hidden, ..row("2.1", 300, &[0, 1], 2) };
        let rows = vec![
            row("1.1", 500, &[0], 1),
            row("1.2", 475, &[0, 1], 2),
            row("1.3", 250, &[0, 3], 2),
            row("1.4", 100, &[2], 1),
            hidden,
            row("2.2", 100, &[], 20),
        ];
        campaign.grade = Some(Grade { assignment: "Lab 3: Raft".to_owned(), rule: RULE.to_owned(), rows });
        campaign
    }

    #[test]
    fn a_campaign_without_a_grade_has_a_row_for_each_scenario() {
        let grade = Grade::of_campaign(&campaign(runs(vec![Verdict::Pass, violation()])));
        let rows: Vec<_> = grade.rows.iter().map(|row| (row.name.as_str(), row.status, row.points)).collect();
        assert_eq!(rows, [("calm", Status::Pending, Points(0)), ("storm", Status::Partial, Points(50))]);
        assert_eq!(Grade::of_campaign(&graded()).points(), Points(500 + 237 + 150));
    }

    /// Whether a text is JSON that a schema allows; if not, why.
    pub(crate) fn validate(schema: &str, text: &str) -> Result<(), String> {
        let schema: serde_json::Value = serde_json::from_str(schema).expect("the schema is JSON");
        let validator = jsonschema::validator_for(&schema).expect("it is a schema");
        let instance = serde_json::from_str(text).map_err(|error| error.to_string())?;
        validator.validate(&instance).map_err(|error| format!("{error} at {}", error.instance_path()))
    }

    fn any_run() -> impl Strategy<Value = (u8, u64)> {
        (0_u8..6, 0_u64..3)
    }

    proptest! {
        /// Points are never more than a row is worth; they are those of the runs, in whatever order; one more pass never
        /// costs any; and a full row is one in which every run passed.
        #[test]
        fn points_follow_from_the_runs(kinds in prop::collection::vec(any_run(), 1..30), safety: bool, all: bool, extra in 0_u64..3) {
            let verdict = |kind: u8| match kind {
                0 => failed("I24"),
                1 => failed("LIN"),
                2 => Verdict::Inconclusive { why: String::new() },
                _ => Verdict::Pass,
            };
            let run = |(seed, (kind, returned)): (u64, &(u8, u64))| RunRecord { returned: *returned, ..record("storm", seed, verdict(*kind)) };
            let made: Vec<RunRecord> = (0..).zip(&kinds).map(run).collect();
            let planned = made.len() as u64 + extra;
            let terms = Terms {
                safety: if safety { SafetyRule::Gate } else { SafetyRule::Scale },
                liveness: if all { LivenessRule::All } else { LivenessRule::Scale },
                planned,
                cut_off: Some("time".to_owned()),
                ..Terms::default()
            };
            let row = marked(terms.clone(), made.clone());
            prop_assert!(row.points <= row.points_max);
            prop_assert_eq!(row.passed + row.failed + row.not_exercised + row.unjudged, row.runs);
            prop_assert_eq!(row.points == row.points_max, row.passed == planned);
            prop_assert_eq!(row.status == Status::Passed, row.passed == planned);
            prop_assert_eq!(row.why.is_empty(), row.passed == planned);
            let turned = marked(terms.clone(), made.iter().rev().cloned().collect());
            prop_assert_eq!((turned.points, turned.status), (row.points, row.status));
            let mut better = made;
            better[0] = record("storm", 0, Verdict::Pass);
            prop_assert!(marked(terms, better).points >= row.points);
        }
    }
}
