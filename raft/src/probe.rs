//! Probes: situations of the protocol that are worth knowing to have happened (protocol coverage).
//!
//! Each is declared once, here, and raised by the code at the place where the situation occurs. Sections are those of
//! the dissertation.

/// Declares an enum of situations, each with its section, its name and one line that explains it.
#[macro_export]
macro_rules! probes {
    ($(#[$attribute:meta])* $name:ident: $($section:literal $variant:ident $words:literal $summary:literal;)*) => {
        $(#[$attribute])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name {
            $(#[doc = $summary] $variant,)*
        }

        impl $name {
            /// All of them, in the order of their declaration.
            pub const ALL: &'static [$name] = &[$($name::$variant,)*];

            /// The section that describes the situation.
            #[must_use]
            pub fn section(self) -> &'static str {
                match self { $($name::$variant => $section,)* }
            }

            /// The name: lower-case words joined by hyphens.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $($name::$variant => $words,)* }
            }

            /// What happened, in one sentence.
            #[must_use]
            pub fn summary(self) -> &'static str {
                match self { $($name::$variant => $summary,)* }
            }
        }
    };
}

probes! {
    /// A situation that the protocol met.
    Probe:
    "3.4" SplitVote "split-vote"
        "A candidate's time ran out: it had some votes, and others were refused.";
    "3.4" VoteRefusedStaleTerm "vote-refused-stale-term"
        "A request for a vote was refused because its term was over.";
    "3.6" VoteRefusedStaleLogTerm "vote-refused-stale-log-term"
        "A vote was refused because the candidate's last entry was of an older term.";
    "3.6" VoteRefusedShortLog "vote-refused-short-log"
        "A vote was refused because the candidate's log was shorter, with the same last term.";
    "3.4" VoteRefusedAlreadyCast "vote-refused-already-cast"
        "A vote was refused because it had gone to another candidate of the term.";
    "3.4" DuplicateVoteRegranted "duplicate-vote-regranted"
        "A candidate asked again and got the same vote again.";
    "3.3" LeaderStepsDownHigherTerm "leader-steps-down-higher-term"
        "A leader heard of a higher term and stepped down.";
    "3.4" CandidateYieldsToLeader "candidate-yields-to-leader"
        "A candidate heard from the leader of its term and yielded.";
    "3.4" CandidateRetries "candidate-retries"
        "A candidate's election timed out and it stood again.";
    "3.3" LateGrantOfOldTermIgnored "late-grant-of-old-term-ignored"
        "A vote for an election of an earlier term arrived and did not count.";
    "3.3" AppendOfOldTermRejected "append-of-old-term-rejected"
        "An append of a deposed leader was rejected.";
    "3.4" SingleVoterElection "single-voter-election"
        "A server elected itself, alone.";
    "3.4" EvenClusterTie "even-cluster-tie"
        "In a cluster of even size exactly half voted for a candidate, and half did not.";
    "3.5" MissingPreviousEntry "missing-previous-entry"
        "A follower rejected an append because its log ended before it.";
    "3.5" ConflictingSuffixTruncated "conflicting-suffix-truncated"
        "A follower replaced entries that conflicted with the leader's.";
    "3.5" SuffixOfSeveralTermsTruncated "suffix-of-several-terms-truncated"
        "The entries that a follower replaced were of several terms.";
    "3.5" LongerUncommittedTailDropped "longer-uncommitted-tail-dropped"
        "A follower's log became shorter when the leader's entries replaced its tail.";
    "3.5" DuplicateAppendIgnored "duplicate-append-ignored"
        "An append arrived whose entries were all there already.";
    "3.5" ReorderedAppend "reordered-append"
        "An append arrived after a later one of the same leader.";
    "3.5" ReorderedAck "reordered-ack"
        "An acknowledgement arrived after a later one of the same follower.";
    "3.5" HeartbeatAdvancesCommit "heartbeat-advances-commit"
        "A follower learnt a commit index from an append without entries.";
    "3.5" BackedUpByTerm "backed-up-by-term"
        "A leader skipped a whole conflicting term at once.";
    "3.5" StaleRejectIgnored "stale-reject-ignored"
        "A rejection arrived that answered nothing that was still being asked.";
    "3.5" Figure7Log "figure-7-log"
        "A follower missed entries of earlier leaders and had others in their place (paper, Figure 7, e and f).";
    "3.6" Figure8RestrictionHeld "figure-8-restriction-held"
        "A quorum held an entry of an earlier term, and the leader did not commit it by counting (Figure 3.7).";
    "3.6" OldTermCommittedViaOwnTerm "old-term-committed-via-own-term"
        "Entries of an earlier term were committed along with one of the leader's own.";
    "10.2" CommitWithoutLeadersOwnDisk "commit-without-leaders-own-disk"
        "A leader committed an entry that its own disk did not hold yet.";
    "3.6" DeposedLeaderLosesTail "deposed-leader-loses-tail"
        "A former leader's own entries were replaced by its successor.";
    "3.10" TransferCompleted "transfer-completed"
        "A server that was asked to take over was elected.";
    "3.10" TransferTimedOut "transfer-timed-out"
        "A leader gave a transfer up and went on.";
    "3.10" TransferTargetLagging "transfer-target-lagging"
        "A transfer had to wait until its target had the whole log.";
    "3.10" ProposalRefusedDuringTransfer "proposal-refused-during-transfer"
        "A proposal was refused because leadership was being handed over.";
    "6.4" LeaseDroppedOnTransfer "lease-dropped-on-transfer"
        "A leader that asked another to take over stopped trusting its lease.";
    "4.1" ConfigurationRolledBack "configuration-rolled-back"
        "An uncommitted configuration was replaced, and the one before came back into force.";
    "4.1" ChangeRefusedPending "change-refused-pending"
        "A change was refused because the one before was not committed.";
    "4.1" ChangeRefusedBeforeOwnCommit "change-refused-before-own-commit"
        "A change was refused because the leader had not committed an entry of its own term.";
    "4.3" JointEntered "joint-entered"
        "A joint configuration came into force at its leader.";
    "4.3" JointLeft "joint-left"
        "A joint configuration was left.";
    "4.3" NewLeaderLeavesJoint "new-leader-leaves-joint"
        "A leader left a joint configuration that an earlier leader had entered.";
    "4.2" LeaderRemovesItself "leader-removes-itself"
        "A leader committed a configuration without itself and stepped down.";
    "4.2" RemovedServerDisrupts "removed-server-disrupts"
        "A server that is no member asked for votes, and was refused.";
    "4.2" LearnerPromoted "learner-promoted"
        "A learner became a voter.";
    "4.2" LearnerNotCounted "learner-not-counted"
        "A learner's acknowledgement would have made a quorum, and did not count.";
    "4.2" UnawareLearnerVotes "unaware-learner-votes"
        "A server voted that did not know itself to be a voter.";
    "4.1" QuorumShrinkCommits "quorum-shrink-commits"
        "A smaller configuration made entries committed that were not before.";
    "5" SnapshotSentToLaggard "snapshot-sent-to-laggard"
        "A follower was so far behind that it was sent a snapshot.";
    "5" StaleSnapshotIgnored "stale-snapshot-ignored"
        "A snapshot arrived that covered nothing new.";
    "5" SnapshotKeepsMatchingSuffix "snapshot-keeps-matching-suffix"
        "A follower kept the entries behind an installed snapshot.";
    "5" SnapshotDiscardsLog "snapshot-discards-log"
        "An installed snapshot replaced a whole log.";
    "5" SnapshotSuperseded "snapshot-superseded"
        "A newer snapshot began to arrive before an older one was complete.";
    "5" ChunkLost "chunk-lost"
        "A part of a snapshot was lost, or its receiver was restarted, and it had to be sent again.";
    "5" LeaderFailsMidSnapshot "leader-fails-mid-snapshot"
        "Another leader began to send a snapshot, or appends, before the last one's was complete.";
    "5" ConfigurationFromSnapshot "configuration-from-snapshot"
        "A server took its configuration from an installed snapshot.";
    "5" FullyCompactedLeader "fully-compacted-leader"
        "A leader without a single entry in its log sent a snapshot.";
    "6.4" ReadWaitsForOwnTermCommit "read-waits-for-own-term-commit"
        "A read waited until a new leader had committed an entry of its term.";
    "6.4" ReadQuorumLost "read-quorum-lost"
        "A leader stepped down before a quorum confirmed a read.";
    "6.4" LeaseReadServed "lease-read-served"
        "A read was served by lease.";
    "6.4" LeaseReadRefused "lease-read-refused"
        "A read found no valid lease and waited for a round instead.";
    "6.4" LeaseRefusedUnderSkew "lease-refused-under-skew"
        "A lease that had not run out was not trusted, because clocks drift and may be set.";
    "9.6" PrevoteRefusedLiveLeader "prevote-refused-live-leader"
        "A pre-vote was refused because a leader was alive.";
    "9.6" PrevoteRefusedStaleLog "prevote-refused-stale-log"
        "A pre-vote was refused because the asking server's log was not up to date.";
    "9.6" PrevoteWonElectionLost "prevote-won-election-lost"
        "A server won its pre-vote and did not win the election.";
    "6.2" QuorumLostStepsDown "quorum-lost-steps-down"
        "A leader that heard from no quorum stepped down.";
    "10.2" WindowFull "window-full"
        "A leader held entries back because a follower's window was full.";
    "10.2" WholeWindowLost "whole-window-lost"
        "Every append of a full window was lost.";
    "10.2" SupersededWriteCompletionIgnored "superseded-write-completion-ignored"
        "A write completed whose entries had been replaced meanwhile, and proved nothing.";
}
