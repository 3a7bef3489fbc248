//! The exit codes, all of them.

use whitewater_reports::model::Outcome;

/// Every check held.
pub const PASS: u8 = 0;
/// A check failed, a target was missed, or a history is not linearizable.
pub const VIOLATION: u8 = 1;
/// The command line or a file that it names is wrong.
pub const USAGE: u8 = 2;
/// A budget ran out before there was a verdict.
pub const INCONCLUSIVE: u8 = 3;
/// Nothing was selected, so nothing was run.
pub const NOTHING: u8 = 4;
/// The same run was made twice and differed.
pub const NOT_DETERMINISTIC: u8 = 5;
/// Whitewater itself failed.
pub const INTERNAL: u8 = 70;
/// Somebody interrupted it.
pub const INTERRUPTED: u8 = crate::host::INTERRUPTED_CODE;

/// All of them, for help texts.
pub const HELP: &str = "\
Exit codes:
    0  every check held
    1  a check failed, a target was missed, or a history is not linearizable
    2  wrong usage or bad input
    3  inconclusive: a budget ran out before there was a verdict
    4  nothing was selected, so nothing was run
    5  not deterministic: the same run was made twice and differed
   70  internal error
  130  interrupted";

/// The code for the worst that came of some runs.
#[must_use]
pub fn code(outcome: Outcome) -> u8 {
    match outcome {
        Outcome::Pass => PASS,
        Outcome::Nothing => NOTHING,
        Outcome::Inconclusive => INCONCLUSIVE,
        Outcome::Error => INTERNAL,
        Outcome::Violation => VIOLATION,
    }
}
