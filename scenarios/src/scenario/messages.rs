//! The names of the kinds of messages, for faults that strike some kinds only: a bit of [`Filter::kinds`] for each.
//!
//! [`Filter::kinds`]: whitewater_sim::fault::Filter::kinds

/// Every kind, at the place that [`whitewater_sim::Message::kind`] gives as its number.
pub(crate) const KINDS: [&str; 17] = [
    "append",
    "append-reply",
    "request-vote",
    "vote-reply",
    "pre-vote",
    "pre-vote-reply",
    "install-snapshot",
    "snapshot-reply",
    "timeout-now",
    "read-index",
    "read-index-reply",
    "request",
    "read",
    "reply",
    "admin",
    "admin-reply",
    "came-back",
];

/// The bit of the kind with this name.
pub(super) fn bit(name: &str) -> Option<u64> {
    KINDS.iter().position(|kind| *kind == name).map(|place| 1 << place)
}

/// The names of these kinds.
pub(crate) fn names(kinds: u64) -> Vec<&'static str> {
    KINDS.iter().enumerate().filter(|(place, _)| kinds >> place & 1 == 1).map(|(_, name)| *name).collect()
}
