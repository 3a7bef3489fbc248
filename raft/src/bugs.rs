//! The bug bench: rules of the protocol that can be broken on purpose, one line at one place each.
//!
//! A bug is named where it lives, `if bugs::is_on(Bug::TwoVotes) { … }`, and declared once, with the section of the rule, what
//! the line protects and the checks that are expected to notice. Without the cargo feature `bugs` no bug can be switched on,
//! and the compiler removes every such line. One bug is on at a time, for the thread that runs the servers.

#[cfg(feature = "bugs")]
use std::cell::Cell;

/// Declares an enum of bugs: number in the bench, section, variant, name, what the line protects, and the checks
/// that are expected to notice.
#[macro_export]
macro_rules! bugs {
    ($(#[$attribute:meta])* $name:ident:
     $($number:literal $section:literal $variant:ident $words:literal $protects:literal $detectors:literal;)*) => {
        $(#[$attribute])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name {
            $(#[doc = $protects] $variant,)*
        }

        impl $name {
            /// All of them, in the order of their declaration.
            pub const ALL: &'static [$name] = &[$($name::$variant,)*];

            /// Its number in the bench: unique over all crates.
            #[must_use]
            pub const fn number(self) -> u16 {
                match self { $($name::$variant => $number,)* }
            }

            /// The section of the rule that it breaks.
            #[must_use]
            pub fn section(self) -> &'static str {
                match self { $($name::$variant => $section,)* }
            }

            /// The name: lower-case words joined by hyphens.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $($name::$variant => $words,)* }
            }

            /// What the broken line protects, in one sentence.
            #[must_use]
            pub fn protects(self) -> &'static str {
                match self { $($name::$variant => $protects,)* }
            }

            /// The checks that are expected to notice, separated by blanks; none for a control, which no check may flag.
            #[must_use]
            pub fn detectors(self) -> &'static str {
                match self { $($name::$variant => $detectors,)* }
            }
        }
    };
}

#[cfg(feature = "bugs")]
thread_local! {
    /// The number of the bug that is on; 0 if none is.
    static ON: Cell<u16> = const { Cell::new(0) };
}

/// Whether bugs can be switched on in this build.
pub const ARE_COMPILED: bool = cfg!(feature = "bugs");

/// Switches one bug on for this thread, by its number, in place of any other; `None` switches all off.
///
/// # Panics
/// If a bug is asked for in a build without the feature `bugs`: it would prove nothing.
pub fn switch(number: Option<u16>) {
    #[cfg(feature = "bugs")]
    ON.set(number.unwrap_or(0));
    #[cfg(not(feature = "bugs"))]
    assert!(number.is_none(), "this build has no bugs: build it with --features bugs");
}

/// Whether the bug with this number is on.
#[inline]
#[must_use]
pub fn is_number_on(number: u16) -> bool {
    #[cfg(feature = "bugs")]
    return ON.get() == number;
    #[cfg(not(feature = "bugs"))]
    {
        let _ = number;
        false
    }
}

bugs! {
    /// A rule of the protocol that is broken on purpose. Sections are of the dissertation, unless marked as the paper's.
    /// From 201 on they are controls: variants that are as right as the original, which no check may flag.
    Bug:

    // Election and votes.
    1 "3.4" TwoVotes "two-votes"
        "A server votes once a term, so that two candidates cannot both win it." "I2 I1";
    2 "3.4" SelfVoteForgotten "self-vote-forgotten"
        "A candidate's vote for itself is a vote like any other: whoever gave it away has none left." "I2 I1";
    3 "3.6.1" LongerLogWins "longer-log-wins"
        "The term of the last entry decides whose log is more up to date, and its length only between equals." "I5 I6";
    4 "3.6.1" TermAndLengthWanted "term-and-length-wanted"
        "Of any two logs one is at least as up to date as the other, so that somebody can always win." "I24";
    5 "3.3" HandledBeforeTermAdopted "handled-before-term-adopted"
        "A server moves to a higher term before it handles what it came with, so that the sender gets its answer." "I24";
    6 "3.4" TimerRestartsForAnybody "timer-restarts-for-anybody"
        "Only a leader, or a vote that was granted, puts off a server's own election." "I24";
    7 "3.4" NeverRetries "never-retries"
        "Who has not won when the time is up tries again, since an election may end without a winner." "I24";
    8 "3.3" OldGrantCounts "old-grant-counts"
        "A vote counts in the term for which it was given, however late it arrives." "I1";
    9 "3.4" GrantsPerMessage "grants-per-message"
        "A voter counts once, however often its vote arrives." "I1";
    10 "3.3" HigherTermInReplyIgnored "higher-term-in-reply-ignored"
        "A leader that hears of a higher term gives way, so that a follower ahead of it can be led again." "I24 LIN";
    11 "3.3" TermGoesDown "term-goes-down"
        "Terms only grow, so that no server votes twice in one." "I11 I2";
    12 "3.4" HalfIsEnough "half-is-enough"
        "A quorum is more than half, so that any two of them share a server." "I7 I1";
    13 "3.4" LeaderGrantsVotes "leader-grants-votes"
        "A leader has given its vote of the term, to itself." "I2 I1";
    14 "3.4" EqualTimeouts "equal-timeouts"
        "Election timeouts are random, so that one server stands before the others." "I24";
    15 "9.6" HigherTermInPreVoteReplyIgnored "higher-term-in-pre-vote-reply-ignored"
        "A refused pre-vote brings the term that the next one has to be for." "I24";
    16 "9.6" UnprotectedLeader "unprotected-leader"
        "Pre-votes and loyalty keep a server that hears nothing from deposing a leader that works." "I24";

    // Replication and commitment.
    17 "3.5" HeartbeatUnchecked "heartbeat-unchecked"
        "A heartbeat is an append: it is accepted only where the logs match." "I10 I13 I6";
    18 "3.5" AlwaysTruncates "always-truncates"
        "A follower truncates only where an entry really conflicts, since an append may be late." "I10 I7 I8";
    19 "3.5" MissingPreviousAccepted "missing-previous-accepted"
        "An append is accepted only if the entry before it is there, so that equal positions mean equal logs." "I10 I13 I4";
    20 "3.6.2" OldTermsCounted "old-terms-counted"
        "A leader counts replicas only for entries of its own term: an older one can still be replaced (Figure 3.7)." "I7";
    21 "3.6.2" CommitStopsAtOldTerm "commit-stops-at-old-term"
        "Entries of earlier terms are committed along with the first one of the leader's own." "I24";
    22 "3.5" CommitUnbounded "commit-unbounded"
        "A follower commits no further than what the append vouches for: behind that its log may be another leader's."
        "I6 I7";
    23 "3.5" MatchGoesDown "match-goes-down"
        "What a follower has acknowledged stays acknowledged, whatever arrives late." "I11";
    24 "3.5" CommitGoesDown "commit-goes-down"
        "What a follower knows to be committed stays committed, whatever arrives late." "I11";
    25 "3.5" NextBelowMatch "next-below-match"
        "A leader never goes back behind what a follower has acknowledged." "I12";
    26 "3.5" OneStepBackup "one-step-backup"
        "A leader skips what a follower lacks, or a whole term, at once, and need not ask about every entry." "I24";
    27 "3.5" HintOffByOne "hint-off-by-one"
        "The next attempt begins right behind the follower's last entry, where it can succeed." "I24";
    28 "3.5" LostAppendForgotten "lost-append-forgotten"
        "What was lost on the way is sent again, with its entries." "I24";
    29 "3.5" AppliedTwice "applied-twice"
        "Every entry is applied once, in order." "I11 I6 I21";
    30 "3.5" CommitByEntriesOnly "commit-by-entries-only"
        "A heartbeat tells what is committed too, so that the last entry need not wait for the next." "I24";
    31 "5.1" CompactedAppendRestartsLog "compacted-append-restarts-log"
        "What a late append says of the compacted part of the log is known already." "I13 I9";
    32 "5.1" HeartbeatForSnapshot "heartbeat-for-snapshot"
        "Who lacks what the leader has compacted is sent a snapshot: no append can reach it." "I24";
    33 "3.5" EvenQuorumShort "even-quorum-short"
        "Of an even number of servers a majority is one more than half." "I7 I18";

    // Storage.
    42 "10.2.1" UnflushedOwnEntryCounts "unflushed-own-entry-counts"
        "A leader counts itself when its own disk has the entry, and not before." "I7 I8";
    44 "10.2.1" SupersededWriteCounts "superseded-write-counts"
        "A completed write proves nothing of entries that have replaced its own meanwhile." "I10 I2 I14";
    45 "3.5" StaleSlice "stale-slice"
        "What is kept for sending and writing is cut together with the log." "I4 I10 I15";

    // Snapshots.
    47 "5.1" SnapshotTermLost "snapshot-term-lost"
        "The term of a snapshot's last entry is what the append behind it is compared with." "I24";
    48 "5.1" OlderSnapshotInstalled "older-snapshot-installed"
        "A snapshot of what is committed already brings nothing new, and is not installed." "I11 LIN";
    49 "5.1" SuffixDropped "suffix-dropped"
        "What is behind a snapshot's last entry, and matches, stays: it may have been acknowledged." "I24 I8 I5";
    52 "5.1" SnapshotLowersTerm "snapshot-lowers-term"
        "The term of a snapshot is that of an entry, and says nothing about the server's own." "I11";
    53 "5.1" CompactedLeaderMute "compacted-leader-mute"
        "A leader whose whole log is compacted still has its snapshot to send." "I24";
    54 "5.1" SnapshotWithoutConfiguration "snapshot-without-configuration"
        "A snapshot tells who the servers were at its end: the entry that said so may be compacted." "I22 I17";

    // Membership.
    56 "4.1" ChangeBeforeOwnCommit "change-before-own-commit"
        "A leader changes the configuration only after an entry of its term is committed, so that it knows the last \
         one (Ongaro, 2015)." "I17 I5";
    57 "4.1" InForceWhenCommitted "in-force-when-committed"
        "A configuration is in force when it is in the log, so that it governs its own commitment, and the next change \
         waits for that." "I7 I18 I24";
    58 "4.1" ConfigurationNotRolledBack "configuration-not-rolled-back"
        "A configuration is in force as long as its entry is in the log, and goes with it." "I1 I17 I7";
    59 "4.3" JointLeftEarly "joint-left-early"
        "A joint configuration is left when it is committed: before that the old voters alone may still decide." "I17";
    60 "5.1" JointLostInSnapshot "joint-lost-in-snapshot"
        "A snapshot of a joint configuration is joint, too." "I22 I17";
    61 "4.2.2" UnawareVoterRefuses "unaware-voter-refuses"
        "A server answers requests for votes whoever it believes to vote: it may not know the newest configuration." "I24";
    62 "4.2.3" LoyaltyForgotten "loyalty-forgotten"
        "A server that hears its leader ignores candidates, so that one that was removed deposes nobody." "I20 I24";

    // Reads.
    68 "6.4" LocalReads "local-reads"
        "A leader serves a read when it has proved that it still leads." "I19 LIN";
    70 "6.4" ReadBeforeOwnCommit "read-before-own-commit"
        "A new leader knows what is committed only when an entry of its own term is." "I19 LIN";
    72 "6.4" ReadQuorumShort "read-quorum-short"
        "A round that proves leadership was answered by a majority, and not by one server less." "I19 I20 LIN";
    73 "6.4.1" LeaseWithoutMargin "lease-without-margin"
        "A lease counts from the beginning of its round, less what clocks may drift: a voter's promise may be as old."
        "I20";
    74 "6.4.1" LeaseKeptOnTransfer "lease-kept-on-transfer"
        "A leader that has asked another to stand has given its lease away." "I20";
    75 "6.4.1" PausedClockTrusted "paused-clock-trusted"
        "The clock is read anew for each read: a server that stood still does not know how late it is." "I20";
    76 "10.2.1" WindowLeaks "window-leaks"
        "A later acknowledgement speaks for the earlier ones, so that a lost answer takes no room for ever." "I24";

    // Found in other systems (A).
    101 "3.5" ProbeNeverBacksUp "probe-never-backs-up"
        "A leader whose first guess is rejected tries further back, until the logs meet." "I24";
    102 "3.5" RepeatedAppendDoubles "repeated-append-doubles"
        "An append that comes again adds nothing: its entries are known by their indexes." "I4 I10";
    103 "3.5" MatchFromOwnLog "match-from-own-log"
        "An acknowledgement is for what the append held, not for what the leader has added since." "I7";
    104 "4.3" JointNotRecovered "joint-not-recovered"
        "A joint configuration is in the log, and in force again after a restart." "I18 I1 I7";

    // Found in other systems (B).
    121 "3.3" DeposedLeaderFollowed "deposed-leader-followed"
        "An append of an older term comes from a leader that is deposed, and is rejected." "I10 I15 I4";
    122 "3.3" LeaderNeverYields "leader-never-yields"
        "A leader that hears from a later one follows it." "I24";
    123 "3.5" SilenceCounts "silence-counts"
        "Only an answer is an acknowledgement, however long none has come." "I7 I24";
    124 "3.6.1" EqualLogsWanted "equal-logs-wanted"
        "A voter accepts a log that is more up to date than its own: none may be equal." "I24";
    125 "3.5" ConflictKept "conflict-kept"
        "A follower's entry that conflicts with its leader's goes, with everything behind it." "I10";

    // Found in other systems (D).
    141 "6.4" HeartbeatTruncates "heartbeat-truncates"
        "A message that only asks who leads says nothing about the end of the log." "I3 I24 I5";
    142 "5.1" LengthForIndex "length-for-index"
        "An index counts what is compacted, too: the number of entries held is none." "I5 I24";

    // Found in other systems (E).
    161 "3.4" OwnVoteUncounted "own-vote-uncounted"
        "A candidate's own vote counts, so that a bare majority can elect." "I24";
    162 "6.4" WaitingIsProof "waiting-is-proof"
        "Time that passes proves nothing: leadership is confirmed by answers." "I20 I19 LIN";

    // Controls.
    201 "3.4" BeatsTwiceAsOften "beats-twice-as-often"
        "Nothing: more heartbeats cost messages." "";
    202 "9.3" LongerTimeouts "longer-timeouts"
        "Nothing: elections begin a third later." "";
    203 "10.2.2" SmallerBatches "smaller-batches"
        "Nothing: appends of at most 16 entries cost messages." "";
    204 "10.2.1" SmallerWindow "smaller-window"
        "Nothing: with at most 8 appends on the way a distant follower waits for its next entries." "";
    205 "9.6" LoyalFromTheStart "loyal-from-the-start"
        "Nothing: a server that refuses pre-votes until its first timeout delays the first election." "";
    206 "3.5" CommitAnnouncedAtOnce "commit-announced-at-once"
        "Nothing: followers may hear of a commit before the next heartbeat." "";
    207 "3.4" AsksVotersAgain "asks-voters-again"
        "Nothing: a voter that is asked again repeats its answer." "";
    208 "3.5" BacksUpFurther "backs-up-further"
        "Nothing: entries that a follower has already are ignored." "";
}

/// Whether a bug is on.
#[inline]
#[must_use]
pub fn is_on(bug: Bug) -> bool {
    is_number_on(bug.number())
}
