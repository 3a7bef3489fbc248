//! What a replica must be told: who it is, who votes, and how long it waits (paper 5.2, 5.6, 9.3).
//!
//! Simplification: all servers of a cluster are given the same settings by hand; nothing compares them.

use crate::bugs::{self, Bug};
use crate::configuration::{Configuration, ConfigurationError};
use crate::lease::LeaseTerms;
use crate::progress::SendLimits;
use crate::recovered::RecoveredError;
use crate::types::NodeId;
use crate::window::WindowLimits;

/// The settings of one replica. All servers of a cluster should have the same, but for `id`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// This server.
    pub id: NodeId,
    /// The configuration with which the cluster began, the same at all of its first servers. A server that is to join
    /// later begins with an empty one: it waits to be told.
    pub bootstrap: Configuration,
    /// The shortest election timeout that may be drawn, in nanoseconds.
    pub election_timeout_ns_min: u64,
    /// The longest election timeout that may be drawn, in nanoseconds. The wider the range, the rarer split votes.
    pub election_timeout_ns_max: u64,
    /// How often a leader asserts itself, and who asks for votes or pre-votes asks again, in nanoseconds.
    pub heartbeat_interval_ns: u64,
    /// The most entries in one append.
    pub append_entries_max: usize,
    /// The most bytes of commands in one append, but for a single command that is longer.
    pub append_bytes_max: u64,
    /// The most appends with entries that may be on their way to one follower without an answer.
    pub in_flight_max: usize,
    /// The most bytes of commands that may be on their way to one follower without an answer, but for one append.
    pub in_flight_bytes_max: u64,
    /// The longest command, in bytes.
    pub command_bytes_max: u64,
    /// The most bytes of commands that may wait to be committed, but for a single command.
    pub uncommitted_bytes_max: u64,
    /// The most bytes of a snapshot in one message.
    pub snapshot_chunk_bytes: u64,
    /// How many entries before a snapshot's end stay in the log, for followers that are only a little behind.
    pub entries_kept: u64,
    /// Whether a server asks before it stands for election (dissertation 9.6).
    pub pre_vote: PreVote,
    /// Whether servers are loyal to a leader that is alive, and a leader that hears from no quorum steps down
    /// (dissertation 6.2, 4.2.3).
    pub quorum_check: QuorumCheck,
    /// By how many millionths the clocks and timers of servers may be fast or slow, for leases to be trusted
    /// (dissertation 6.4.1). A lease lasts the shortest election timeout less twice that, and
    /// must outlast the heartbeat interval.
    pub clock_drift_ppm_max: u32,
}

/// Whether a server asks before it stands for election (dissertation 9.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PreVote {
    /// It does.
    On,
    /// It stands at once, as in the paper.
    Off,
}

/// Whether a leader must hear from a quorum, and is protected as long as it does (dissertation 6.2, 4.2.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QuorumCheck {
    /// A leader that hears from no quorum for an election timeout steps down; servers that hear from a leader ignore
    /// candidates. Leases need it.
    On,
    /// As in the paper: a leader leads until it hears of a later term. No leases: reads by lease wait for a round.
    Off,
}

/// Why a replica refuses to start. Each message says what to change.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// The founding configuration is impossible.
    #[error("`bootstrap` is impossible: {0}")]
    Bootstrap(#[from] ConfigurationError),
    /// The founding configuration is joint.
    #[error("`bootstrap` is joint: found the cluster with one set of voters, and change it later")]
    BootstrapJoint,
    /// This server is not among the founding ones.
    #[error(
        "`bootstrap` does not list {id}, which is this server: add it, correct `id`, or leave `bootstrap` empty if the \
         server is to join later"
    )]
    NotAMember {
        /// This server.
        id: NodeId,
    },
    /// The election timeout could be drawn as zero.
    #[error("`election_timeout_ns_min` is 0: set it to several heartbeat intervals (the paper uses 150 ms)")]
    ElectionTimeoutZero,
    /// The range of election timeouts is empty.
    #[error(
        "`election_timeout_ns_min` ({min_ns}) is above `election_timeout_ns_max` ({max_ns}): swap them, or raise the \
         maximum"
    )]
    ElectionTimeoutInverted {
        /// The minimum, in nanoseconds.
        min_ns: u64,
        /// The maximum, in nanoseconds.
        max_ns: u64,
    },
    /// A leader would send without pause.
    #[error("`heartbeat_interval_ns` is 0: set it to a fraction of the election timeout (a third is usual)")]
    HeartbeatZero,
    /// Followers would give up on a healthy leader.
    #[error(
        "`heartbeat_interval_ns` ({heartbeat_ns}) is not below `election_timeout_ns_min` ({election_ns}): followers \
         would depose a healthy leader; lower the interval, or raise the timeout"
    )]
    HeartbeatNotBelowElectionTimeout {
        /// The interval, in nanoseconds.
        heartbeat_ns: u64,
        /// The shortest election timeout, in nanoseconds.
        election_ns: u64,
    },
    /// No entry could ever be sent.
    #[error("`append_entries_max` is 0: an append must be able to carry an entry; set it to 1 or more")]
    AppendEntriesZero,
    /// No append could ever be sent.
    #[error("`in_flight_max` is 0: a leader must be able to send an append; set it to 1 or more")]
    InFlightZero,
    /// A limit in bytes lets nothing through.
    #[error("`{setting}` is 0: set it to 1 or more bytes (`Config::new` has values that work)")]
    BytesZero {
        /// The name of the setting.
        setting: &'static str,
    },
    /// Nothing would be left of a lease.
    #[error(
        "`clock_drift_ppm_max` is {ppm}: at half a million and above nothing is left of a lease; set it to what the \
         clocks keep (500 is ample), or turn `quorum_check` off to go without leases"
    )]
    ClockDrift {
        /// The setting.
        ppm: u32,
    },
    /// What the disk gave back cannot be the state of a Raft server.
    #[error(transparent)]
    Recovered(#[from] RecoveredError),
}

impl Config {
    /// One of the first servers of a cluster of these voters. The paper's timing (9.3): elections after 150 to 300 ms,
    /// heartbeats every 50 ms; windows of moderate size.
    #[must_use]
    pub fn new(id: NodeId, mut voters: Vec<NodeId>) -> Config {
        voters.sort_unstable();
        Config {
            id,
            bootstrap: Configuration { voters, ..Configuration::default() },
            election_timeout_ns_min: 150_000_000,
            election_timeout_ns_max: 300_000_000,
            heartbeat_interval_ns: 50_000_000,
            append_entries_max: 64,
            append_bytes_max: 1 << 20,
            in_flight_max: 16,
            in_flight_bytes_max: 4 << 20,
            command_bytes_max: 1 << 20,
            uncommitted_bytes_max: 16 << 20,
            snapshot_chunk_bytes: 256 << 10,
            entries_kept: 1_000,
            pre_vote: PreVote::On,
            quorum_check: QuorumCheck::On,
            clock_drift_ppm_max: 500,
        }
    }

    /// Refuses settings with which a cluster could not work.
    ///
    /// # Errors
    /// The first [`ConfigError`] found; never [`ConfigError::Recovered`].
    pub fn validate(&self) -> Result<(), ConfigError> {
        self.validate_bootstrap()?;
        self.validate_timing()?;
        self.validate_limits()
    }

    fn validate_bootstrap(&self) -> Result<(), ConfigError> {
        self.bootstrap.validate()?;
        if self.bootstrap.is_joint() {
            return Err(ConfigError::BootstrapJoint);
        }
        let joins_later = self.bootstrap.voters.is_empty();
        if joins_later || self.bootstrap.is_voter(self.id) || self.bootstrap.is_learner(self.id) {
            Ok(())
        } else {
            Err(ConfigError::NotAMember { id: self.id })
        }
    }

    fn validate_limits(&self) -> Result<(), ConfigError> {
        if self.append_entries_max == 0 {
            return Err(ConfigError::AppendEntriesZero);
        }
        if self.in_flight_max == 0 {
            return Err(ConfigError::InFlightZero);
        }
        let limits = [
            ("append_bytes_max", self.append_bytes_max),
            ("in_flight_bytes_max", self.in_flight_bytes_max),
            ("command_bytes_max", self.command_bytes_max),
            ("uncommitted_bytes_max", self.uncommitted_bytes_max),
            ("snapshot_chunk_bytes", self.snapshot_chunk_bytes),
        ];
        if let Some((setting, _)) = limits.into_iter().find(|(_, bytes)| *bytes == 0) {
            return Err(ConfigError::BytesZero { setting });
        }
        match (self.quorum_check, self.clock_drift_ppm_max) {
            (QuorumCheck::On, ppm) if ppm >= 500_000 => Err(ConfigError::ClockDrift { ppm }),
            (QuorumCheck::On | QuorumCheck::Off, _) => Ok(()),
        }
    }

    /// What a leader's lease depends on.
    pub(crate) fn lease_terms(&self) -> LeaseTerms {
        LeaseTerms::new(self.election_timeout_ns_min, self.heartbeat_interval_ns, self.clock_drift_ppm_max)
    }

    /// How much a leader sends at once and ahead.
    pub(crate) fn send_limits(&self) -> SendLimits {
        let entries_max = u64::try_from(self.append_entries_max).unwrap_or(u64::MAX);
        SendLimits {
            entries_max: if bugs::is_on(Bug::SmallerBatches) { entries_max.min(16) } else { entries_max },
            bytes_max: self.append_bytes_max,
            window: WindowLimits {
                appends_max: self.in_flight_max.min(if bugs::is_on(Bug::SmallerWindow) { 8 } else { usize::MAX }),
                bytes_max: self.in_flight_bytes_max,
            },
        }
    }

    fn validate_timing(&self) -> Result<(), ConfigError> {
        let (min_ns, max_ns) = (self.election_timeout_ns_min, self.election_timeout_ns_max);
        if min_ns == 0 {
            return Err(ConfigError::ElectionTimeoutZero);
        }
        if min_ns > max_ns {
            return Err(ConfigError::ElectionTimeoutInverted { min_ns, max_ns });
        }
        if self.heartbeat_interval_ns == 0 {
            return Err(ConfigError::HeartbeatZero);
        }
        if self.heartbeat_interval_ns >= min_ns {
            return Err(ConfigError::HeartbeatNotBelowElectionTimeout {
                heartbeat_ns: self.heartbeat_interval_ns,
                election_ns: min_ns,
            });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(change: impl FnOnce(&mut Config)) -> ConfigError {
        let mut config = Config::new(NodeId(1), vec![NodeId(3), NodeId(1), NodeId(2)]);
        assert_eq!(config.validate(), Ok(()), "the settings are fine before the change");
        change(&mut config);
        config.validate().expect_err("the change makes the settings useless")
    }

    #[test]
    fn each_useless_setting_is_refused_by_its_name() {
        let bootstrap = |c: &mut Config, voters: &[u32], learners: &[u32]| {
            c.bootstrap.voters = voters.iter().copied().map(NodeId).collect();
            c.bootstrap.learners = learners.iter().copied().map(NodeId).collect();
        };
        assert_eq!(refusal(|c| bootstrap(c, &[], &[1])), ConfigurationError::NoVoters.into());
        let twice = ConfigurationError::Duplicate { id: NodeId(3) };
        assert_eq!(refusal(|c| bootstrap(c, &[1, 3, 3], &[])), twice.into());
        let votes = ConfigurationError::LearnerVotes { id: NodeId(2) };
        assert_eq!(refusal(|c| bootstrap(c, &[1, 2], &[2])), votes.into());
        assert_eq!(refusal(|c| c.bootstrap.outgoing = vec![NodeId(1)]), ConfigError::BootstrapJoint);
        assert_eq!(refusal(|c| c.id = NodeId(4)), ConfigError::NotAMember { id: NodeId(4) });
        assert_eq!(refusal(|c| c.election_timeout_ns_min = 0), ConfigError::ElectionTimeoutZero);
        assert_eq!(
            refusal(|c| c.election_timeout_ns_max = c.election_timeout_ns_min - 1),
            ConfigError::ElectionTimeoutInverted { min_ns: 150_000_000, max_ns: 149_999_999 }
        );
        assert_eq!(refusal(|c| c.heartbeat_interval_ns = 0), ConfigError::HeartbeatZero);
        assert_eq!(
            refusal(|c| c.heartbeat_interval_ns = c.election_timeout_ns_min),
            ConfigError::HeartbeatNotBelowElectionTimeout { heartbeat_ns: 150_000_000, election_ns: 150_000_000 }
        );
        assert_eq!(refusal(|c| c.append_entries_max = 0), ConfigError::AppendEntriesZero);
        assert_eq!(refusal(|c| c.in_flight_max = 0), ConfigError::InFlightZero);
        let zero = |setting| ConfigError::BytesZero { setting };
        assert_eq!(refusal(|c| c.append_bytes_max = 0), zero("append_bytes_max"));
        assert_eq!(refusal(|c| c.in_flight_bytes_max = 0), zero("in_flight_bytes_max"));
        assert_eq!(refusal(|c| c.command_bytes_max = 0), zero("command_bytes_max"));
        assert_eq!(refusal(|c| c.uncommitted_bytes_max = 0), zero("uncommitted_bytes_max"));
        assert_eq!(refusal(|c| c.snapshot_chunk_bytes = 0), zero("snapshot_chunk_bytes"));
        assert_eq!(refusal(|c| c.clock_drift_ppm_max = 500_000), ConfigError::ClockDrift { ppm: 500_000 });
    }

    #[test]
    fn the_boundary_values_are_accepted() {
        let mut config = Config::new(NodeId(7), vec![NodeId(7)]);
        config.election_timeout_ns_min = 2;
        config.election_timeout_ns_max = 2;
        config.heartbeat_interval_ns = 1;
        config.append_entries_max = 1;
        config.in_flight_max = 1;
        config.append_bytes_max = 1;
        config.in_flight_bytes_max = 1;
        config.command_bytes_max = 1;
        config.uncommitted_bytes_max = 1;
        config.snapshot_chunk_bytes = 1;
        config.entries_kept = 0;
        config.clock_drift_ppm_max = 499_999;
        assert_eq!(config.validate(), Ok(()));
        (config.quorum_check, config.clock_drift_ppm_max) = (QuorumCheck::Off, u32::MAX);
        assert_eq!(config.validate(), Ok(()), "without leases the drift does not matter");
    }

    #[test]
    fn learners_and_servers_that_join_later_may_start() {
        let mut config = Config::new(NodeId(4), vec![NodeId(1), NodeId(2)]);
        config.bootstrap.learners = vec![NodeId(4)];
        assert_eq!(config.validate(), Ok(()));
        config.bootstrap = Configuration::default();
        assert_eq!(config.validate(), Ok(()));
    }

    #[test]
    fn a_message_says_what_to_change() {
        let message = refusal(|c| c.id = NodeId(4)).to_string();
        let expected = "`bootstrap` does not list n4, which is this server: add it, correct `id`, or leave `bootstrap` \
                        empty if the server is to join later";
        assert_eq!(message, expected);
    }
}
