//! The exit codes, all of them.

use whitewater_reports::model::Outcome;

/// Every check held.
pub(crate) const PASS: u8 = 0;
/// A check failed, a target was missed, or a history is not linearizable.
pub(crate) const VIOLATION: u8 = 1;
/// The command line or a file that it names is wrong.
pub(crate) const USAGE: u8 = 2;
/// A budget ran out before there was a verdict.
pub(crate) const INCONCLUSIVE: u8 = 3;
/// Nothing was selected, so nothing was run.
pub(crate) const NOTHING: u8 = 4;
/// The same run was made twice and differed.
pub(crate) const NOT_DETERMINISTIC: u8 = 5;
/// Whitewater itself failed.
pub(crate) const INTERNAL: u8 = 70;
/// Somebody interrupted it.
pub(crate) const INTERRUPTED: u8 = whitewater_scenarios::host::INTERRUPTED_CODE;

/// All of them, for help texts.
pub(crate) const HELP: &str = "\
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
pub(crate) fn code(outcome: Outcome) -> u8 {
    match outcome {
        Outcome::Pass => PASS,
        Outcome::Nothing => NOTHING,
        Outcome::Inconclusive => INCONCLUSIVE,
        Outcome::Error => INTERNAL,
        Outcome::Violation => VIOLATION,
    }
}
