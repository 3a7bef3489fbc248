//! Faults as data: what is hurt, from when to when. The plan of a run is a list of them, made from the seed up front.
//!
//! A target may be dynamic (whoever leads when the fault begins); it is resolved once, then, and the end of
//! the fault undoes exactly what its beginning did. Faults may overlap.

use std::fmt;

use crate::network::LinkProfile;
use crate::node::NodeId;
use crate::time::Instant;

/// One fault, with its beginning and its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// When it begins.
    pub begin: Instant,
    /// When it ends. Later than `begin`.
    pub end: Instant,
    /// What it does.
    pub kind: FaultKind,
}

/// What a fault does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FaultKind {
    /// Cuts all links between the target and the other servers.
    Cut {
        /// Who is cut off.
        target: Target,
        /// Which way.
        direction: Direction,
        /// From whom.
        reach: Reach,
    },
    /// Cuts the link from one server to another, and not the way back.
    CutLink {
        /// Whose messages are lost.
        from: Target,
        /// Who does not get them.
        to: Target,
    },
    /// Crashes the target at the beginning and restarts it at the end.
    Crash {
        /// Who crashes.
        target: Target,
    },
    /// The target does nothing until the end; what comes for it waits.
    Pause {
        /// Who is paused.
        target: Target,
    },
    /// All links behave like this.
    Links {
        /// How.
        profile: LinkProfile,
    },
    /// Every sync of the target takes this many times as long.
    SlowDisk {
        /// Whose disk is slow.
        target: Target,
        /// How many times.
        factor: u64,
    },
    /// Sets the clock of the target forward or back. It stays so: the end of the fault, and healing, change nothing.
    ClockStep {
        /// Whose clock.
        target: Target,
        /// By how much, in nanoseconds.
        by_ns: i64,
    },
    /// Crashes the target and erases its disk; at the end it starts as a new server, of the next generation.
    Wipe {
        /// Who loses everything.
        target: Target,
    },
}

/// Which way a cut goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Nothing passes.
    Both,
    /// What the target sends is lost.
    Outgoing,
    /// What is sent to the target is lost.
    Incoming,
}

/// Whom a cut keeps the target from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// The other servers; clients still reach everyone.
    Servers,
    /// The other servers and all clients.
    Everyone,
}

/// Who is hurt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// These servers.
    Nodes(Vec<NodeId>),
    /// Whoever leads when the fault begins; this server, if nobody does.
    Leader {
        /// The server to take if there is no leader.
        otherwise: NodeId,
    },
    /// The first of these servers that does not lead when the fault begins.
    Follower {
        /// Two different servers.
        choices: [NodeId; 2],
    },
    /// The leader, together with the first of these servers that make it a group of this size.
    LeaderAnd {
        /// All servers in the order of preference.
        others: Vec<NodeId>,
        /// Size of the group, the leader included.
        size: usize,
    },
}

impl Target {
    /// Every server that the target may turn out to be.
    pub(crate) fn resolve(&self, leader: Option<NodeId>) -> Vec<NodeId> {
        let mut nodes = match self {
            Target::Nodes(nodes) => nodes.clone(),
            Target::Leader { otherwise } => vec![leader.unwrap_or(*otherwise)],
            Target::Follower { choices: [first, second] } => {
                vec![if leader == Some(*first) { *second } else { *first }]
            }
            Target::LeaderAnd { others, size } => {
                let followers = others.iter().copied().filter(|node| Some(*node) != leader);
                leader.into_iter().chain(followers).take(*size).collect()
            }
        };
        nodes.sort_unstable();
        nodes.dedup();
        nodes
    }
}

impl fmt::Display for FaultKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FaultKind::Cut { direction: Direction::Both, .. } => write!(f, "cut off"),
            FaultKind::Cut { direction: Direction::Outgoing, .. } => write!(f, "cut off outwards"),
            FaultKind::Cut { direction: Direction::Incoming, .. } => write!(f, "cut off inwards"),
            FaultKind::CutLink { .. } => write!(f, "one link cut"),
            FaultKind::Crash { .. } => write!(f, "crash"),
            FaultKind::Pause { .. } => write!(f, "pause"),
            FaultKind::Links { .. } => write!(f, "links change"),
            FaultKind::SlowDisk { factor, .. } => write!(f, "disk {factor} times slower"),
            FaultKind::ClockStep { by_ns, .. } => write!(f, "clock set by {}us", by_ns / 1_000),
            FaultKind::Wipe { .. } => write!(f, "disk erased"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const N: [NodeId; 3] = [NodeId(0), NodeId(1), NodeId(2)];

    #[test]
    fn dynamic_targets_depend_on_the_leader() {
        assert_eq!(Target::Leader { otherwise: N[2] }.resolve(Some(N[1])), [N[1]]);
        assert_eq!(Target::Leader { otherwise: N[2] }.resolve(None), [N[2]]);
        assert_eq!(Target::Follower { choices: [N[1], N[0]] }.resolve(Some(N[1])), [N[0]]);
        assert_eq!(Target::Follower { choices: [N[1], N[0]] }.resolve(None), [N[1]]);
        let group = Target::LeaderAnd { others: vec![N[2], N[0], N[1]], size: 2 };
        assert_eq!(group.resolve(Some(N[0])), [N[0], N[2]]);
        assert_eq!(group.resolve(None), [N[0], N[2]]);
    }
}
