//! What a replica must be told: who it is, who votes, and how long it waits (paper 5.2, 5.6, 9.3).
//!
//! Simplification: the voters are fixed for the life of the replica; membership changes (paper 6) are not here yet.

use crate::recovered::RecoveredError;
use crate::types::NodeId;

/// The settings of one replica. All servers of a cluster should have the same, but for `id`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// This server.
    pub id: NodeId,
    /// All servers that vote, this one among them. The order does not matter.
    pub voters: Vec<NodeId>,
    /// The shortest election timeout that may be drawn, in nanoseconds.
    pub election_timeout_ns_min: u64,
    /// The longest election timeout that may be drawn, in nanoseconds. The wider the range, the rarer split votes.
    pub election_timeout_ns_max: u64,
    /// How often a leader asserts itself, and a candidate repeats its requests, in nanoseconds.
    pub heartbeat_interval_ns: u64,
    /// The most entries in one append.
    pub append_entries_max: usize,
    /// The most appends with entries that may be on their way to one follower without an answer.
    pub in_flight_max: usize,
}

/// Why a replica refuses to start. Each message says what to change.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// Nobody votes.
    #[error("`voters` is empty: list all servers of the cluster, {id} among them")]
    NoVoters {
        /// This server.
        id: NodeId,
    },
    /// A server would vote twice.
    #[error("`voters` lists {voter} twice: list every server once")]
    DuplicateVoter {
        /// The server.
        voter: NodeId,
    },
    /// This server does not vote.
    #[error("`voters` does not list {id}, which is this server: add it, or correct `id`")]
    NotAVoter {
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
    /// What the disk gave back cannot be the state of a Raft server.
    #[error(transparent)]
    Recovered(#[from] RecoveredError),
}

impl Config {
    /// The paper's timing (9.3): elections after 150 to 300 ms, heartbeats every 50 ms; windows of moderate size.
    #[must_use]
    pub fn new(id: NodeId, voters: Vec<NodeId>) -> Config {
        Config {
            id,
            voters,
            election_timeout_ns_min: 150_000_000,
            election_timeout_ns_max: 300_000_000,
            heartbeat_interval_ns: 50_000_000,
            append_entries_max: 64,
            in_flight_max: 16,
        }
    }

    /// Refuses settings with which a cluster could not work.
    ///
    /// # Errors
    /// The first [`ConfigError`] found; never [`ConfigError::Recovered`].
    pub fn validate(&self) -> Result<(), ConfigError> {
        self.validate_voters()?;
        self.validate_timing()?;
        if self.append_entries_max == 0 {
            return Err(ConfigError::AppendEntriesZero);
        }
        if self.in_flight_max == 0 {
            return Err(ConfigError::InFlightZero);
        }
        Ok(())
    }

    fn validate_voters(&self) -> Result<(), ConfigError> {
        if self.voters.is_empty() {
            return Err(ConfigError::NoVoters { id: self.id });
        }
        let mut sorted = self.voters.clone();
        sorted.sort_unstable();
        if let Some(twice) = sorted.windows(2).find(|pair| pair[0] == pair[1]) {
            return Err(ConfigError::DuplicateVoter { voter: twice[0] });
        }
        if sorted.binary_search(&self.id).is_err() {
            return Err(ConfigError::NotAVoter { id: self.id });
        }
        Ok(())
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
        assert_eq!(refusal(|c| c.voters.clear()), ConfigError::NoVoters { id: NodeId(1) });
        assert_eq!(refusal(|c| c.voters.push(NodeId(3))), ConfigError::DuplicateVoter { voter: NodeId(3) });
        assert_eq!(refusal(|c| c.id = NodeId(4)), ConfigError::NotAVoter { id: NodeId(4) });
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
    }

    #[test]
    fn the_boundary_values_are_accepted() {
        let mut config = Config::new(NodeId(7), vec![NodeId(7)]);
        config.election_timeout_ns_min = 2;
        config.election_timeout_ns_max = 2;
        config.heartbeat_interval_ns = 1;
        config.append_entries_max = 1;
        config.in_flight_max = 1;
        assert_eq!(config.validate(), Ok(()));
    }

    #[test]
    fn a_message_says_what_to_change() {
        let message = refusal(|c| c.id = NodeId(4)).to_string();
        assert_eq!(message, "`voters` does not list n4, which is this server: add it, or correct `id`");
    }
}
