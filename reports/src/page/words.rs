//! What a page says at the top.

use whitewater_sim::Check;

use crate::check::Outcome;
use crate::model::{RunRecord, Verdict};
use crate::words::{count, counted};

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// All was well.
    Pass,
    /// A check failed.
    Violation,
    /// It could not be judged.
    Undecided,
}

/// What a page says at the top.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Headline {
    /// What came of it.
    pub status: Status,
    /// The same in a word.
    pub word: String,
    /// What the page is about, as in `pause, seed 1`.
    pub subject: String,
    /// What was violated.
    pub title: String,
    /// Why, in a sentence; more lines may explain.
    pub why: String,
    /// What the check demands.
    pub demand: Option<String>,
    /// What else there is to know, by name.
    pub facts: Vec<(String, String)>,
}

/// What to say of a run of a scenario that is for this. If its history is not linearizable the reason is told, and shown elsewhere.
#[must_use]
pub fn of_run(record: &RunRecord, summary: &str, bug: Option<&str>, reason: Option<&str>) -> Headline {
    let (status, word, title, why, demand) = match &record.verdict {
        Verdict::Pass => {
            (Status::Pass, "PASS", "Every check held".to_owned(), "Nothing went wrong in this run.".to_owned(), None)
        }
        Verdict::Violation { check, name, why, .. } => {
            let known = Check::ALL.into_iter().find(|known| known.id() == check);
            let why = reason.map_or_else(|| why.clone(), |reason| format!("{reason}."));
            let demand = known.map(|known| known.demand().to_owned());
            let title = if check == name { name.clone() } else { format!("{name} ({check})") };
            (Status::Violation, "VIOLATION", title, why, demand)
        }
        Verdict::Inconclusive { why } => {
            (Status::Undecided, "INCONCLUSIVE", "The run could not be judged".to_owned(), why.clone(), None)
        }
        Verdict::Error { why } => {
            (Status::Undecided, "ERROR", "The run could not be made".to_owned(), why.clone(), None)
        }
    };
    let mut facts = vec![("Scenario".to_owned(), format!("{}: {}", record.scenario, summary))];
    facts.extend(bug.map(|bug| ("Broken on purpose".to_owned(), format!("this run was made with the bug {bug}"))));
    facts.push((
        "Run".to_owned(),
        format!(
            "{}, {} answered, {} applied; digest {}",
            counted(u64::from(record.servers), "server"),
            counted(record.returned, "operation"),
            if record.applied == 1 { "1 entry".to_owned() } else { format!("{} entries", count(record.applied)) },
            record.digest
        ),
    ));
    Headline {
        status,
        word: word.to_owned(),
        subject: format!("{}, seed {}", record.scenario, record.lineage()),
        title,
        why,
        demand,
        facts,
    }
}

/// What to say of a history in a file.
#[must_use]
pub fn of_check(check: &crate::check::Check, file: &str) -> Headline {
    let (status, word, title, why) = match &check.outcome {
        Outcome::Linearizable => {
            let why = "One order of the operations explains every answer.";
            (Status::Pass, "PASS", "Linearizable", why.to_owned())
        }
        Outcome::Violation(account) => {
            (Status::Violation, "VIOLATION", "Not linearizable", format!("{}.", account.reason))
        }
        Outcome::Inconclusive { reason, .. } => (Status::Undecided, "INCONCLUSIVE", "Undecided", reason.clone()),
    };
    let history = format!(
        "{} on {}, in the format {}",
        counted(check.operations, "operation"),
        counted(check.keys, "key"),
        check.format
    );
    Headline {
        status,
        word: word.to_owned(),
        subject: file.to_owned(),
        title: title.to_owned(),
        why,
        demand: Some(Check::Linearizability.demand().to_owned()),
        facts: vec![("History".to_owned(), history)],
    }
}
