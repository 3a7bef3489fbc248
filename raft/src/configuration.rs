//! Who the servers are: voters, learners, and the old voters while a change is under way (dissertation 4; paper 6).
//!
//! A configuration is *joint* while `outgoing` has members: every decision then needs a majority of both sets.

use std::fmt;

use crate::types::NodeId;

/// The servers of a cluster. All lists are sorted and without duplicates. The default, without any server, is what a
/// server knows that waits to be told (dissertation 4.2.2).
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub struct Configuration {
    /// The voters; while joint, the new ones.
    pub voters: Vec<NodeId>,
    /// The old voters, while joint; else empty.
    pub outgoing: Vec<NodeId>,
    /// Servers that get the log and do not vote (dissertation 4.2.1).
    pub learners: Vec<NodeId>,
    /// Old voters that become learners when the joint configuration is left.
    pub learners_next: Vec<NodeId>,
    /// How the joint configuration is left; [`Leave::Automatic`] if it is not joint.
    pub leave: Leave,
}

/// How a joint configuration is left.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub enum Leave {
    /// By the leader, as soon as the joint configuration is committed.
    #[default]
    Automatic,
    /// On request.
    OnRequest,
}

/// Why a configuration is impossible. Each message says what to correct.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigurationError {
    /// There are servers, but none that votes.
    #[error("nobody votes: make at least one server a voter")]
    NoVoters,
    /// A list names a server twice.
    #[error("{id} is listed twice: list every server once")]
    Duplicate {
        /// The server.
        id: NodeId,
    },
    /// A list is not in order.
    #[error("{id} is listed after a higher one: sort the lists by number")]
    NotSorted {
        /// The server that stands too far back.
        id: NodeId,
    },
    /// A server is a learner and votes.
    #[error("{id} is listed as a voter and as a learner: choose one")]
    LearnerVotes {
        /// The server.
        id: NodeId,
    },
    /// A server is to become a learner later, without being an old voter that leaves.
    #[error("{id} is to become a learner when the joint configuration is left, but is no voter that leaves")]
    NotLeaving {
        /// The server.
        id: NodeId,
    },
}

impl Configuration {
    /// A configuration of voters alone.
    #[must_use]
    pub fn of_voters(voters: impl IntoIterator<Item = NodeId>) -> Configuration {
        let mut voters: Vec<NodeId> = voters.into_iter().collect();
        voters.sort_unstable();
        voters.dedup();
        Configuration { voters, ..Configuration::default() }
    }

    /// Whether a change is under way that needs majorities of two sets.
    #[must_use]
    pub fn is_joint(&self) -> bool {
        !self.outgoing.is_empty()
    }

    /// Whether a server votes, in either set.
    #[must_use]
    pub fn is_voter(&self, id: NodeId) -> bool {
        holds(&self.voters, id) || holds(&self.outgoing, id)
    }

    /// Whether a server gets the log without voting.
    #[must_use]
    pub fn is_learner(&self, id: NodeId) -> bool {
        holds(&self.learners, id)
    }

    /// Every server, in order.
    #[must_use]
    pub fn members(&self) -> Vec<NodeId> {
        let mut members = [&self.voters[..], &self.outgoing, &self.learners].concat();
        members.sort_unstable();
        members.dedup();
        members
    }

    /// Refuses a configuration in which a cluster could not decide, or would count somebody wrongly. One without any
    /// server is possible.
    ///
    /// # Errors
    /// The first [`ConfigurationError`] found.
    pub fn validate(&self) -> Result<(), ConfigurationError> {
        for list in [&self.voters, &self.outgoing, &self.learners, &self.learners_next] {
            validate_order(list)?;
        }
        if self.voters.is_empty() && !(self.outgoing.is_empty() && self.learners.is_empty()) {
            return Err(ConfigurationError::NoVoters);
        }
        if let Some(&id) = self.learners.iter().find(|id| self.is_voter(**id)) {
            return Err(ConfigurationError::LearnerVotes { id });
        }
        let is_leaving = |id: NodeId| holds(&self.outgoing, id) && !holds(&self.voters, id);
        match self.learners_next.iter().find(|id| !is_leaving(**id)) {
            Some(&id) => Err(ConfigurationError::NotLeaving { id }),
            None => Ok(()),
        }
    }
}

/// `voters n1 n2 n3, were n1 n2, learners n4, learners later n5, left on request`: what there is of it.
impl fmt::Display for Configuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.members().is_empty() {
            return f.write_str("nobody");
        }
        let lists = [
            ("voters", &self.voters),
            ("were", &self.outgoing),
            ("learners", &self.learners),
            ("learners later", &self.learners_next),
        ];
        let mut separator = "";
        for (name, list) in lists.into_iter().filter(|(_, list)| !list.is_empty()) {
            write!(f, "{separator}{name}")?;
            list.iter().try_for_each(|id| write!(f, " {id}"))?;
            separator = ", ";
        }
        match self.leave {
            Leave::Automatic => Ok(()),
            Leave::OnRequest => write!(f, "{separator}left on request"),
        }
    }
}

fn holds(sorted: &[NodeId], id: NodeId) -> bool {
    sorted.binary_search(&id).is_ok()
}

fn validate_order(list: &[NodeId]) -> Result<(), ConfigurationError> {
    match list.windows(2).find(|pair| pair[0] >= pair[1]) {
        Some(pair) if pair[0] == pair[1] => Err(ConfigurationError::Duplicate { id: pair[1] }),
        Some(pair) => Err(ConfigurationError::NotSorted { id: pair[1] }),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(numbers: &[u32]) -> Vec<NodeId> {
        numbers.iter().copied().map(NodeId).collect()
    }

    /// n1, n2 and n3 vote; n3 and n4 did before, n4 becomes a learner; n5 is one.
    fn joint() -> Configuration {
        Configuration {
            voters: ids(&[1, 2, 3]),
            outgoing: ids(&[3, 4]),
            learners: ids(&[5]),
            learners_next: ids(&[4]),
            leave: Leave::OnRequest,
        }
    }

    fn refusal(change: impl FnOnce(&mut Configuration)) -> ConfigurationError {
        let mut configuration = joint();
        assert_eq!(configuration.validate(), Ok(()), "the configuration is fine before the change");
        change(&mut configuration);
        configuration.validate().expect_err("the change makes the configuration impossible")
    }

    #[test]
    fn each_impossible_configuration_is_refused() {
        use ConfigurationError::{Duplicate, LearnerVotes, NoVoters, NotLeaving, NotSorted};
        assert_eq!(refusal(|c| c.voters.clear()), NoVoters);
        assert_eq!(refusal(|c| c.outgoing = ids(&[3, 3, 4])), Duplicate { id: NodeId(3) });
        assert_eq!(refusal(|c| c.voters = ids(&[1, 3, 2])), NotSorted { id: NodeId(2) });
        assert_eq!(refusal(|c| c.learners = ids(&[2])), LearnerVotes { id: NodeId(2) });
        assert_eq!(refusal(|c| c.learners = ids(&[4])), LearnerVotes { id: NodeId(4) });
        assert_eq!(refusal(|c| c.learners_next = ids(&[3])), NotLeaving { id: NodeId(3) });
        assert_eq!(refusal(|c| c.outgoing.clear()), NotLeaving { id: NodeId(4) });
    }

    #[test]
    fn a_server_may_wait_to_be_told_who_the_servers_are() {
        assert_eq!(Configuration::default().validate(), Ok(()));
        assert_eq!(Configuration::default().to_string(), "nobody");
    }

    #[test]
    fn everybody_has_a_part() {
        let joint = joint();
        assert_eq!(joint.members(), ids(&[1, 2, 3, 4, 5]));
        assert!(joint.is_voter(NodeId(1)) && joint.is_voter(NodeId(4)) && !joint.is_voter(NodeId(5)));
        assert!(joint.is_learner(NodeId(5)) && !joint.is_learner(NodeId(4)));
        let words = "voters n1 n2 n3, were n3 n4, learners n5, learners later n4, left on request";
        assert_eq!(joint.to_string(), words);
    }
}
