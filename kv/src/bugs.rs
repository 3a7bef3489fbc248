//! The bugs of the bench that live in the store: storage, snapshots, sessions, answers and clients.
//!
//! Numbers are those of the bench; sections are of Ongaro's dissertation. A bug is switched on as those of Raft are, see
//! [`mod@whitewater_raft::bugs`], at one line of one place. What it simplifies: where the store has no line that could be
//! broken as a bug is usually told, the bug breaks the same rule at the nearest line that there is.

use whitewater_raft::NodeId;
use whitewater_raft::bugs::is_number_on;

use crate::command::{Operation, Request};

whitewater_raft::bugs! {
    /// A rule of the store that is broken on purpose.
    Bug:
    34 "3.8" TermNotPersisted "term-not-persisted"
        "A server's term survives a crash, so that it never takes part in an older term again." "I14 I15 I2 I11";
    35 "3.8" VoteNotPersisted "vote-not-persisted"
        "A server's vote survives a crash, so that it never votes twice in one term." "I2";
    36 "3.8" VoteBeforeTerm "vote-before-term"
        "A vote becomes durable together with its term: alone, it would count for the term before." "I2 I1";
    37 "3.8" UnsyncedPromise "acknowledged-before-durable"
        "A promise leaves a server when the write that backs it is durable, not when it has begun." "I10 I2 I14 I8";
    38 "3.8" NoSync "no-sync"
        "The log is synced to the disk: what is only written, a power loss takes." "I14 I2 I10 I8";
    39 "3.8" EntriesWithoutTerm "entries-without-term"
        "A term becomes durable no later than the entries of it." "I15 I14";
    40 "3.8" TornTailBelieved "torn-tail-believed"
        "A checksum tells a batch that a crash tore from a whole one, so that no half of an entry is taken for it."
        "I4 I6 LIN";
    43 "3.8" LoneServerHurries "lone-server-hurries"
        "A server that is alone commits an entry when its own disk has it, as a majority of one." "I7 I8";
    46 "5.1" GapBehindSnapshot "gap-behind-snapshot"
        "After a restart the log goes on right behind the snapshot." "I13";
    50 "6.3" SessionsNotInSnapshot "sessions-not-in-snapshot"
        "Sessions are part of a snapshot, so that a server that starts from it knows what was executed before it."
        "I22 I21 LIN";
    51 "5.1" SnapshotIndexOff "snapshot-index-off"
        "A snapshot says at which index its state was taken: the log is applied from there on." "I22 I23";
    55 "5.1" LogNeverTrimmed "log-never-trimmed"
        "What a durable snapshot covers is removed from the log, so that the disk does not fill up." "EXPECT";
    41 "3.8" WriteErrorIgnored "write-error-ignored"
        "A write is durable when its sync is done, not when it failed." "I10 I8 I2";
    63 "6.3" NoDuplicateSuppression "no-duplicate-suppression"
        "A request that took effect before is answered from memory, so that a client may ask again." "I21 LIN";
    64 "6.3" SuppressionAtLeader "suppression-at-leader"
        "Whether a request is a repetition is decided where it is applied: at its door a leader cannot know." "I21 LIN";
    65 "6.3" TimeoutIsFailure "timeout-is-failure"
        "A client that waited in vain says that it does not know: a copy of its request may be applied later." "LIN";
    66 "6.3" SessionsExpireByClock "sessions-expire-by-clock"
        "Sessions expire by the position in the log, which is the same at every replica; clocks are not." "I23 I22";
    67 "2.1" MapOrderInState "map-order-in-state"
        "What replicas compute depends on no order that differs from process to process." "I23 I22 LIN";
    69 "6.4" FollowerReadsLocally "follower-reads-locally"
        "A follower asks its leader how far it must have applied before it serves a read." "I19 LIN";
    71 "6.4" ReadBeforeApply "read-before-apply"
        "A read waits until what it must reflect is applied." "I19 LIN";
    111 "6.3" AnsweredBeforeCommit "answered-before-commit"
        "A request is answered when its entry is committed and applied, not when it has entered the log." "LIN";
    151 "3.5" SuffixReplayed "suffix-replayed"
        "An entry on disk replaces everything from its index on, so that a restart finds no entries that were undone."
        "I15 I4 I8";
    152 "6.4" NoopNotApplied "noop-not-applied"
        "An entry without a command is applied like others: reads wait for its index." "EXPECT I24";
    171 "6.3" WaitersByIndex "waiters-by-index"
        "A client that waits for an index is told when another leader puts its own entry there." "LIN";
    172 "3.8" NothingPersisted "nothing-persisted"
        "A server that starts again goes on from what is on its disk." "I11 I2 I8";
    221 "5.1" SnapshotsTwiceAsOften "snapshots-twice-as-often"
        "How often a server takes a snapshot is its own affair." "";
    222 "5.1" SmallerSegments "smaller-segments"
        "How long the files of a log are is nobody's affair." "";
    223 "6.2" PatientClient "patient-client"
        "How long a client waits before it asks another server is its own affair." "";
    224 "10.2" SmallerSyncs "smaller-syncs"
        "How many writes one sync covers is the storage's own affair." "";
    225 "5.1" OlderSnapshotsKept "older-snapshots-kept"
        "An older snapshot may stay until the next start: the newest one counts." "";
}

/// Whether a bug is on.
#[inline]
#[must_use]
pub fn is_on(bug: Bug) -> bool {
    is_number_on(bug.number())
}

/// For [`Bug::MapOrderInState`]: a batch in the order of a map that is seeded in each process, here by the server.
#[must_use]
pub(crate) fn in_map_order<S>(request: Request<S>, server: NodeId) -> Request<S> {
    match request {
        Request::Execute { session, sequence, oldest_unanswered, operation: Operation::Batch(mut steps) } => {
            let by = server.0 as usize % steps.len().max(1);
            steps.rotate_left(by);
            Request::Execute { session, sequence, oldest_unanswered, operation: Operation::Batch(steps) }
        }
        Request::OpenSession { .. } | Request::Execute { .. } => request,
    }
}
