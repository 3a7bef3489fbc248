//! Probes of the store: situations of its disk, its sessions and its reads that are worth knowing to have happened.
//!
//! Sections are those of the dissertation, as for [`whitewater_raft::Probe`]. Each is declared once, here, and raised by
//! the code at the place where the situation occurs.

whitewater_raft::probes! {
    /// A situation that the store met.
    Probe:
    "3.8" CrashAfterVoteBeforeSend "crash-after-vote-before-send"
        "A server crashed with a vote on its disk, durable or not, that it had not sent.";
    "3.8" CrashMidAppend "crash-mid-append"
        "A server crashed while entries were on their way to its disk.";
    "3.8" TornTailTruncated "torn-tail-truncated"
        "A log file ended in the middle of a record, and recovery cut it off.";
    "3.8" TornHardState "torn-hard-state"
        "The record that a log file ended in the middle of was a term or a vote.";
    "3.8" UnsyncedSuffixLost "unsynced-suffix-lost"
        "Entries that had not been synced were gone after a restart.";
    "3.8" RestartReapplies "restart-reapplies"
        "A restarted server applied entries again that an earlier life had applied.";
    "6.3" DuplicateRequestSuppressed "duplicate-request-suppressed"
        "An operation came through the log a second time and was answered from its session.";
    "6.3" SessionExpired "session-expired"
        "An operation came through the log after its session had expired, and was not executed.";
    "6.3" OutcomeUnknown "outcome-unknown"
        "A client gave up an operation that it had sent, without knowing what became of it.";
    "6.4" ReadWaitsForApply "read-waits-for-apply"
        "A read was allowed before its index was applied, and waited for that.";
}
