//! The canary of a campaign: a known bug that its scenarios have to notice, or nothing that they say counts.
//!
//! It is what a planted error is to a proofreader (Mills, "On the Statistical Validation of Computer Programs", 1972). What
//! it simplifies: one bug that is noticed does not prove that another one would be.

use whitewater_reports::model::{CanaryRecord, Caught, Verdict};

use super::Bug;
use crate::campaign::{self, Request};
use crate::host;
use crate::run::Options;

/// The bug that is used if none is named: any scenario in which something is committed has to notice it.
pub const DEFAULT: &str = "acknowledged-before-durable";

/// How many runs the canary is looked for in.
pub const RUNS_MAX: u64 = 100;

/// Looks for a bug in the runs of a campaign, in their order, until one notices. If the campaign has few seeds, later
/// ones follow. Nothing if somebody interrupted it.
#[must_use]
pub fn search(request: &Request, bug: Bug) -> Option<CanaryRecord> {
    let options = Options { bug: Some(bug), ..Options::default() };
    let scenarios = request.scenarios.len() as u64;
    for number in 0..RUNS_MAX {
        if host::is_interrupted() {
            return None;
        }
        let scenario = &request.scenarios[(number % scenarios) as usize].scenario;
        let seed = request.seeds.first().wrapping_add(number / scenarios);
        let record = campaign::record(scenario, seed, &options);
        if let Verdict::Violation { check, .. } = record.verdict {
            let caught = Caught { scenario: record.scenario, seed, check };
            return Some(CanaryRecord { bug: bug.name.to_owned(), runs: number + 1, caught: Some(caught) });
        }
    }
    Some(CanaryRecord { bug: bug.name.to_owned(), runs: RUNS_MAX, caught: None })
}
