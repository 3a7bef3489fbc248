//! Changing who the servers are, a step at a time or through a joint configuration (dissertation 4; paper 6).
//!
//! Here is the arithmetic: from a configuration and a request to the next configuration, or a reason why not. When a
//! request may be made at all is the leader's to know.
//!
//! A single change moves one voter at most, so that any majority before it and any after it share a server
//! (dissertation 4.1). Everything else goes through a joint configuration, in which both sets have to agree. An old
//! voter that is to be a learner goes on voting there, and becomes one when the joint configuration is left.

use crate::configuration::{Configuration, Leave};
use crate::types::{Index, NodeId};

/// A change of one server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Change {
    /// Makes it a voter: a new server, or a learner that is promoted.
    AddVoter(NodeId),
    /// Makes it a learner: a new server, or a voter that is demoted.
    AddLearner(NodeId),
    /// Takes it out.
    Remove(NodeId),
}

/// A request to change the configuration.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum ChangeRequest {
    /// One change at once (dissertation 4.1).
    Single(Change),
    /// Any changes, through a joint configuration (dissertation 4.3, paper 6).
    Joint {
        /// The changes. Each names another server, so their order does not matter.
        changes: Vec<Change>,
        /// How the joint configuration is left.
        leave: Leave,
    },
    /// Leaves a joint configuration.
    LeaveJoint,
}

/// Why a request is refused. Each message says what to do instead.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChangeError {
    /// Another change is not committed yet.
    #[error("the configuration at index {index} is not committed yet: wait until it is, and ask again")]
    Pending {
        /// Its index.
        index: Index,
    },
    /// The leader has not yet committed an entry of its own term (Ongaro, 2015).
    #[error("the leader has not committed an entry of its own term yet: ask again when it has")]
    BeforeOwnCommit,
    /// Nobody would vote.
    #[error("the change would remove the last voter: add another voter first")]
    NoVoters,
    /// Another change cannot be made while the configuration is joint.
    #[error("the configuration is joint: leave it before the next change")]
    Joint,
    /// There is nothing to leave.
    #[error("the configuration is not joint: there is nothing to leave")]
    NotJoint,
    /// The request would change nothing.
    #[error("the request changes nothing: the configuration is like this already")]
    NoChange,
    /// The same server is named twice.
    #[error("the request names {id} twice: name every server once")]
    Duplicate {
        /// The server.
        id: NodeId,
    },
}

impl Change {
    /// The server that is changed.
    #[must_use]
    pub fn id(self) -> NodeId {
        match self {
            Change::AddVoter(id) | Change::AddLearner(id) | Change::Remove(id) => id,
        }
    }
}

impl Configuration {
    /// The configuration that a request leads to.
    ///
    /// # Errors
    /// If the request is impossible in this configuration; never [`ChangeError::Pending`] or
    /// [`ChangeError::BeforeOwnCommit`].
    pub fn changed(&self, request: &ChangeRequest) -> Result<Configuration, ChangeError> {
        let next = match request {
            ChangeRequest::Single(change) => self.with_change(*change)?,
            ChangeRequest::Joint { changes, leave } => self.joint_with(changes, *leave)?,
            ChangeRequest::LeaveJoint => self.left()?,
        };
        if next.voters.is_empty() { Err(ChangeError::NoVoters) } else { Ok(next) }
    }

    /// One change at once. The sets of voters before and after differ by one server at most.
    fn with_change(&self, change: Change) -> Result<Configuration, ChangeError> {
        if self.is_joint() {
            return Err(ChangeError::Joint);
        }
        let mut next = self.clone();
        next.make(change);
        if next == *self { Err(ChangeError::NoChange) } else { Ok(next) }
    }

    /// The way into a joint configuration: the voters of now become the outgoing ones.
    fn joint_with(&self, changes: &[Change], leave: Leave) -> Result<Configuration, ChangeError> {
        if self.is_joint() {
            return Err(ChangeError::Joint);
        }
        let mut named: Vec<NodeId> = changes.iter().map(|change| change.id()).collect();
        named.sort_unstable();
        if let Some(twice) = named.windows(2).find(|pair| pair[0] == pair[1]) {
            return Err(ChangeError::Duplicate { id: twice[0] });
        }
        if self.voters.is_empty() {
            return Err(ChangeError::NoVoters);
        }
        let mut next = Configuration { outgoing: self.voters.clone(), leave, ..self.clone() };
        changes.iter().for_each(|change| next.make(*change));
        let changes_nothing =
            next.voters == self.voters && next.learners == self.learners && next.learners_next.is_empty();
        if changes_nothing { Err(ChangeError::NoChange) } else { Ok(next) }
    }

    /// The way out of a joint configuration.
    fn left(&self) -> Result<Configuration, ChangeError> {
        if !self.is_joint() {
            return Err(ChangeError::NotJoint);
        }
        let mut learners = [&self.learners[..], &self.learners_next].concat();
        learners.sort_unstable();
        Ok(Configuration { voters: self.voters.clone(), learners, ..Configuration::default() })
    }

    /// Makes one change among the new voters and the learners. Who votes among the outgoing stays until they leave.
    fn make(&mut self, change: Change) {
        let id = change.id();
        remove(&mut self.voters, id);
        remove(&mut self.learners, id);
        remove(&mut self.learners_next, id);
        match change {
            Change::AddVoter(_) => insert(&mut self.voters, id),
            Change::AddLearner(_) if self.outgoing.binary_search(&id).is_ok() => insert(&mut self.learners_next, id),
            Change::AddLearner(_) => insert(&mut self.learners, id),
            Change::Remove(_) => {}
        }
    }
}

fn insert(sorted: &mut Vec<NodeId>, id: NodeId) {
    if let Err(place) = sorted.binary_search(&id) {
        sorted.insert(place, id);
    }
}

fn remove(sorted: &mut Vec<NodeId>, id: NodeId) {
    if let Ok(place) = sorted.binary_search(&id) {
        sorted.remove(place);
    }
}
