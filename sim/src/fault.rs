//! Faults as data: what is hurt, from when to when. The plan of a run is a list of them, made from the seed up front.
//!
//! A target may be dynamic (whoever leads when the fault begins); it is resolved once, then, and the end of
//! the fault undoes exactly what its beginning did. Faults may overlap.

use std::fmt;

use crate::latency::Latency;
use crate::network::LinkProfile;
use crate::node::NodeId;
use crate::rng::Ppm;
use crate::time::Instant;

/// The entry of the plan that a fault belongs to, whichever way the driver of the run numbers them from 0 without gaps:
/// what faults did is counted for each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Source(pub u16);

/// One fault, with its beginning and its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The entry that it belongs to.
    pub source: Source,
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
    /// Cuts these directed links.
    CutLinks {
        /// From whom to whom nothing passes.
        links: Vec<(NodeId, NodeId)>,
        /// What the cuts look like together.
        shape: Shape,
    },
    /// Holds everything that would arrive over links between the target and others; at the end all of it arrives, in order.
    Clog {
        /// Whose links.
        target: Target,
        /// Which way.
        direction: Direction,
        /// To and from whom.
        reach: Reach,
    },
    /// Messages of some kinds fare worse than others.
    Filter {
        /// Whose messages: those that it sends. `None` for everybody's.
        from: Option<Target>,
        /// Which messages, and what becomes of them.
        filter: Filter,
    },
    /// The first server of the target to come to this point crashes there; it restarts a while later. Nobody crashes if
    /// nobody comes there before the fault ends.
    CrashAt {
        /// Who may crash.
        target: Target,
        /// Where.
        point: CrashPoint,
        /// How often the server passes the point before.
        skip: u32,
        /// How long it stays down, in nanoseconds.
        down_ns: u64,
    },
    /// Everything that the target is told takes this long to be dealt with, one thing after the other.
    Slow {
        /// Who is slow.
        target: Target,
        /// How long one event takes.
        service: Latency,
    },
    /// Operations of the target's disk fail.
    FailDisk {
        /// Whose disk.
        target: Target,
        /// Which operations.
        failure: DiskFailure,
    },
    /// Crashes the target, and damages what its disk holds durably, apart from what the latest sync covered. At the end it
    /// restarts; a server that refuses to start from such a disk is given an empty one, as with [`FaultKind::Wipe`].
    Damage {
        /// Whose disk.
        target: Target,
        /// How.
        damage: Damage,
    },
    /// The clock of the target shows the same time until the end, and goes on from there.
    FreezeClock {
        /// Whose clock.
        target: Target,
    },
    /// A client crashes; at the end another one, which knows nothing of it, goes on with the rest of its script.
    CrashClient {
        /// Its number among the clients, from 0.
        client: u32,
    },
}

/// What cuts look like together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// Two groups.
    Halves,
    /// Two groups that share one server.
    Bridge,
    /// Everybody hears two neighbours only.
    Ring,
    /// Any links.
    Random,
}

/// Which messages, and what becomes of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Filter {
    /// The kinds of messages: bit k stands for the kind with number k, see [`crate::node::Message::kind`].
    pub kinds: u64,
    /// Chance that such a message is lost.
    pub loss_ppm: Ppm,
    /// Chance that it arrives twice.
    pub duplicate_ppm: Ppm,
    /// Chance that it arrives with a wrong bit: what decodes it must notice.
    pub corrupt_ppm: Ppm,
    /// Chance that it is delayed.
    pub delay_ppm: Ppm,
    /// By how much, on top of the latency of its link.
    pub delay: Latency,
    /// The [`Source`] whose draws decide what becomes of each message; `None`: its own. So a fault that is moved to another
    /// place of a plan strikes the same messages.
    pub draws: Option<u16>,
}

/// A point of a server's program at which it can crash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CrashPoint {
    /// Before it writes to a file.
    BeforeWrite,
    /// After it has written to a file and before it does anything else.
    AfterWrite,
    /// After it has asked for a sync and before it does anything else.
    AfterAskingForSync,
    /// When a sync is done and before it does anything about it: nothing is sent that waited for it.
    AfterSync,
    /// After it has sent a message and before it sends the next.
    AfterSend,
}

/// Which operations of a disk fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DiskFailure {
    /// Files cannot be read: a server that restarts finds out.
    Read,
    /// Writes are lost, and the sync that covers them says so.
    Write,
    /// Syncs fail, and what they cover is lost.
    Sync,
    /// There is no room: writes beyond the end of a file are lost, and the sync that covers them says so.
    Full,
}

/// What became of durable bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Damage {
    /// A bit has flipped.
    Rot,
    /// A write went to another place of the file.
    Misdirected,
    /// A write never happened.
    Phantom,
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
    /// The first of these servers that make a group of this size, without the leader.
    WithoutLeader {
        /// All servers in the order of preference.
        others: Vec<NodeId>,
        /// Size of the group.
        size: usize,
    },
    /// The server that crashed last before the fault begins; this one, if none did.
    LastCrashed {
        /// The server to take if none crashed.
        otherwise: NodeId,
    },
}

impl Target {
    /// Every server that the target may turn out to be.
    pub(crate) fn resolve(&self, leader: Option<NodeId>, last_crashed: Option<NodeId>) -> Vec<NodeId> {
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
            Target::WithoutLeader { others, size } => {
                others.iter().copied().filter(|node| Some(*node) != leader).take(*size).collect()
            }
            Target::LastCrashed { otherwise } => vec![last_crashed.unwrap_or(*otherwise)],
        };
        nodes.sort_unstable();
        nodes.dedup();
        nodes
    }
}

impl fmt::Display for CrashPoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            CrashPoint::BeforeWrite => "before a write",
            CrashPoint::AfterWrite => "after a write",
            CrashPoint::AfterAskingForSync => "after asking for a sync",
            CrashPoint::AfterSync => "after a sync",
            CrashPoint::AfterSend => "after sending",
        })
    }
}

impl FaultKind {
    /// Whether it is under way until it is ended. A clock is set, and a trap is sprung, at one moment.
    #[must_use]
    pub fn lasts(&self) -> bool {
        match self {
            FaultKind::ClockStep { .. } | FaultKind::CrashAt { .. } => false,
            FaultKind::Cut { .. }
            | FaultKind::CutLink { .. }
            | FaultKind::CutLinks { .. }
            | FaultKind::Clog { .. }
            | FaultKind::Filter { .. }
            | FaultKind::Links { .. }
            | FaultKind::Crash { .. }
            | FaultKind::CrashClient { .. }
            | FaultKind::Pause { .. }
            | FaultKind::Slow { .. }
            | FaultKind::SlowDisk { .. }
            | FaultKind::FailDisk { .. }
            | FaultKind::Wipe { .. }
            | FaultKind::Damage { .. }
            | FaultKind::FreezeClock { .. } => true,
        }
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
            FaultKind::CutLinks { shape: Shape::Halves, .. } => write!(f, "cut into halves"),
            FaultKind::CutLinks { shape: Shape::Bridge, .. } => write!(f, "cut into halves with a bridge"),
            FaultKind::CutLinks { shape: Shape::Ring, .. } => write!(f, "cut into a ring"),
            FaultKind::CutLinks { shape: Shape::Random, .. } => write!(f, "some links cut"),
            FaultKind::Clog { .. } => write!(f, "links clogged"),
            FaultKind::Filter { .. } => write!(f, "messages of some kinds fare worse"),
            FaultKind::CrashAt { point, .. } => write!(f, "crash {point}"),
            FaultKind::Slow { .. } => write!(f, "slow server"),
            FaultKind::FailDisk { failure: DiskFailure::Read, .. } => write!(f, "reads of the disk fail"),
            FaultKind::FailDisk { failure: DiskFailure::Write, .. } => write!(f, "writes to the disk fail"),
            FaultKind::FailDisk { failure: DiskFailure::Sync, .. } => write!(f, "syncs of the disk fail"),
            FaultKind::FailDisk { failure: DiskFailure::Full, .. } => write!(f, "disk full"),
            FaultKind::Damage { damage: Damage::Rot, .. } => write!(f, "crash and a bit rots"),
            FaultKind::Damage { damage: Damage::Misdirected, .. } => write!(f, "crash and a write was misdirected"),
            FaultKind::Damage { damage: Damage::Phantom, .. } => write!(f, "crash and a write never happened"),
            FaultKind::FreezeClock { .. } => write!(f, "clock frozen"),
            FaultKind::CrashClient { .. } => write!(f, "client crash"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const N: [NodeId; 3] = [NodeId(0), NodeId(1), NodeId(2)];

    #[test]
    fn dynamic_targets_depend_on_the_leader() {
        assert_eq!(Target::Leader { otherwise: N[2] }.resolve(Some(N[1]), None), [N[1]]);
        assert_eq!(Target::Leader { otherwise: N[2] }.resolve(None, None), [N[2]]);
        assert_eq!(Target::Follower { choices: [N[1], N[0]] }.resolve(Some(N[1]), None), [N[0]]);
        assert_eq!(Target::Follower { choices: [N[1], N[0]] }.resolve(None, None), [N[1]]);
        let group = Target::LeaderAnd { others: vec![N[2], N[0], N[1]], size: 2 };
        assert_eq!(group.resolve(Some(N[0]), None), [N[0], N[2]]);
        assert_eq!(group.resolve(None, None), [N[0], N[2]]);
        let group = Target::WithoutLeader { others: vec![N[2], N[0], N[1]], size: 2 };
        assert_eq!(group.resolve(Some(N[0]), None), [N[1], N[2]]);
        let last = Target::LastCrashed { otherwise: N[1] };
        assert_eq!((last.resolve(None, Some(N[2])), last.resolve(None, None)), (vec![N[2]], vec![N[1]]));
    }
}
