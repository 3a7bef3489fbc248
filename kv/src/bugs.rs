//! The bugs of the bench that live in the store: storage, snapshots, sessions, answers and clients.
//!
//! Numbers are those of the bench; sections are of Ongaro's dissertation. A bug is switched on as those of Raft are, see
//! [`whitewater_raft::bugs`], at one line of one place. What it simplifies: where the store has no line that could be
//! broken as a bug is usually told, the bug breaks the same rule at the nearest line that there is.

use whitewater_raft::bugs::is_number_on;

whitewater_raft::bugs! {
    /// A rule of the store that is broken on purpose.
    Bug:
    37 "3.8" UnsyncedAck "acknowledged-before-durable"
        "A promise leaves a server when the write that backs it is durable, not when it has begun." "I10 I2 I14 I8";
    63 "6.3" NoDuplicateSuppression "no-duplicate-suppression"
        "A request that took effect before is answered from memory, so that a client may ask again." "I21 LIN";
    221 "5" SnapshotsTwiceAsOften "snapshots-twice-as-often"
        "Nothing: how often a server takes a snapshot is its own affair." "";
}

/// Whether a bug is on.
#[inline]
#[must_use]
pub fn is_on(bug: Bug) -> bool {
    is_number_on(bug.number())
}
