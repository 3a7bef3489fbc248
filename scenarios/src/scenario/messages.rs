//! The kinds of messages, for faults that strike some kinds only: a bit of [`Filter::kinds`] for each name.
//!
//! [`Filter::kinds`]: whitewater_sim::fault::Filter::kinds

use whitewater_kv::wire::KINDS;

/// The bit of the kind with this name.
pub(super) fn bit(name: &str) -> Option<u64> {
    KINDS.iter().position(|kind| *kind == name).map(|place| 1 << place)
}

/// The names of these kinds.
pub(crate) fn names(kinds: u64) -> Vec<&'static str> {
    KINDS.iter().enumerate().filter(|(place, _)| kinds >> place & 1 == 1).map(|(_, name)| *name).collect()
}
