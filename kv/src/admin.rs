//! What an operator can ask of a server, and what it is told (dissertation 4, 3.10, 5).
//!
//! Nothing here is numbered: an operator looks at what is, compares it with what it wants, and asks for the next step.
//! A request that arrives twice, or late, is refused or changes nothing.

use std::fmt;
use std::sync::Arc;

use whitewater_raft::{ChangeRequest, Configuration, NodeId};

/// An operator's request.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum AdminRequest {
    /// How do things stand? Answered by [`AdminReply::Status`].
    Status,
    /// Change the configuration.
    Change(ChangeRequest),
    /// Hand leadership over.
    Transfer {
        /// To this server.
        to: NodeId,
    },
    /// Take a snapshot now.
    Snapshot,
}

/// A server's answer.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum AdminReply {
    /// How things stand at a leader.
    Status(Status),
    /// The request was accepted; that it has come to pass shows in the status.
    Accepted,
    /// It was not, for this reason.
    Refused {
        /// Who leads, as far as the server knows.
        leader: Option<NodeId>,
        /// Why, in one line.
        why: String,
    },
}

/// How things stand at a leader.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Status {
    /// The leader.
    pub leader: NodeId,
    /// The configuration in force.
    pub configuration: Arc<Configuration>,
    /// How far it has come.
    pub stage: Stage,
    /// The learners that could be promoted.
    pub ready: Vec<NodeId>,
}

/// How far a configuration has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Stage {
    /// It is in force but not committed.
    UnderWay,
    /// It is committed.
    Committed,
}

/// For traces: one short line.
impl fmt::Display for AdminRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            AdminRequest::Status => write!(f, "Status?"),
            AdminRequest::Change(request) => write!(f, "Change {request:?}"),
            AdminRequest::Transfer { to } => write!(f, "Transfer to {to}"),
            AdminRequest::Snapshot => write!(f, "Take a snapshot"),
        }
    }
}

/// For traces: one short line.
impl fmt::Display for AdminReply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            AdminReply::Status(status) => {
                let Status { leader, configuration, stage, ready } = status;
                let stage = match stage {
                    Stage::UnderWay => "not committed",
                    Stage::Committed => "committed",
                };
                write!(f, "{leader} leads {}, {stage}, ready to vote: {ready:?}", Servers(configuration))
            }
            AdminReply::Accepted => write!(f, "accepted"),
            AdminReply::Refused { leader: Some(leader), why } => write!(f, "refused, {leader} leads: {why}"),
            AdminReply::Refused { leader: None, why } => write!(f, "refused, no leader known: {why}"),
        }
    }
}

/// A configuration in one short line, as in `{n0 n1 n2}` or `{n0 n1 <- n1 n2, learning n3}`.
pub struct Servers<'a>(pub &'a Configuration);

impl fmt::Display for Servers<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |servers: &[NodeId]| servers.iter().map(NodeId::to_string).collect::<Vec<_>>().join(" ");
        let Configuration { voters, outgoing, learners, .. } = self.0;
        write!(f, "{{{}", list(voters))?;
        if !outgoing.is_empty() {
            write!(f, " <- {}", list(outgoing))?;
        }
        if !learners.is_empty() {
            write!(f, ", learning {}", list(learners))?;
        }
        write!(f, "}}")
    }
}
