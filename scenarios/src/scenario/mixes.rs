//! What strikes a cluster again and again, whom, and what its operator does: fault mixes, as a scenario has them.
//!
//! A mix is a renewal process: from the end of one fault to the beginning of the next it waits for a time that is drawn. What
//! each kind does is told at [`whitewater_sim::fault::FaultKind`]. What it simplifies: a mix never overlaps with itself.

use whitewater_sim::fault::{CrashPoint, Damage, Direction, DiskFailure, Filter, Reach, Shape};
use whitewater_sim::{Latency, LinkProfile, NodeId};

use super::Span;

/// A kind of fault that strikes again and again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FaultMix {
    /// What strikes.
    pub kind: MixKind,
    /// How long it is from the end of one to the beginning of the next; also from the start of the run to the first.
    pub every: Span,
    /// How long one lasts.
    pub lasting: Span,
}

/// What strikes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MixKind {
    /// Servers are cut off from the others.
    Cut {
        /// Who.
        target: Who,
        /// Which way.
        direction: Direction,
        /// From whom.
        reach: Reach,
    },
    /// One link is cut in one direction.
    Link {
        /// Whose messages are lost; they are lost on the way to one random other server.
        target: Who,
    },
    /// Servers crash and restart.
    Crash {
        /// Who.
        target: Who,
    },
    /// Servers stand still.
    Pause {
        /// Who.
        target: Who,
    },
    /// All links behave differently.
    Links {
        /// How.
        profile: LinkProfile,
    },
    /// Disks sync slowly.
    SlowDisk {
        /// Whose.
        target: Who,
        /// How many times slower.
        factor: u32,
    },
    /// A server crashes, loses its disk, and comes back as a new server.
    Wipe {
        /// Who: never more than one server.
        target: Who,
    },
    /// Clocks jump.
    ClockStep {
        /// Whose.
        target: Who,
        /// How far.
        by: Span,
        /// Which way.
        way: Way,
    },
    /// The network is split in a shape.
    Partition {
        /// Which.
        shape: Shape,
    },
    /// These links are cut.
    CutLinks {
        /// From whom to whom.
        links: Vec<(NodeId, NodeId)>,
    },
    /// Everything on the links of a server is held up, and then arrives at once.
    Clog {
        /// Whose links.
        target: Who,
        /// Which way.
        direction: Direction,
        /// To and from whom.
        reach: Reach,
    },
    /// Servers are clogged one after the other, and released one after the other in another order (FoundationDB's
    /// swizzle-clogging).
    Swizzle,
    /// Messages of some kinds fare worse than others.
    Messages {
        /// Whose; `None` for everybody's.
        from: Option<Who>,
        /// Which, and what becomes of them.
        filter: Filter,
    },
    /// A server crashes at a point of its program.
    CrashAt {
        /// Who may crash.
        target: Who,
        /// Where.
        point: CrashPoint,
        /// How often it passes that point before, at most: each time a number up to this is drawn.
        skip_max: u32,
        /// How long it is down then. The fault lasts for as long as it waits for the server to come to the point.
        down: Span,
    },
    /// A server crashes again soon after each restart.
    CrashLoop {
        /// Who.
        target: Who,
        /// How many times in all.
        times: u32,
        /// How long it is up in between.
        up: Span,
    },
    /// All servers are restarted, one after the other; each is down for as long as the fault lasts.
    RollingRestart {
        /// How long it is from the restart of one to the crash of the next.
        gap: Span,
    },
    /// Servers are slow.
    SlowServer {
        /// Who.
        target: Who,
        /// How long one event takes there.
        service: Latency,
    },
    /// Disks fail.
    DiskError {
        /// Whose.
        target: Who,
        /// Which operations.
        failure: DiskFailure,
    },
    /// A server crashes and finds its disk damaged.
    Damage {
        /// Who: never more than one server.
        target: Who,
        /// How.
        damage: Damage,
    },
    /// Clocks stand still.
    ClockFreeze {
        /// Whose.
        target: Who,
    },
    /// A client crashes, and another takes its place.
    ClientCrash {
        /// Which, from 0; a random one if nothing is said.
        client: Option<u32>,
    },
}

/// Which way a clock jumps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// Into the future.
    Forward,
    /// Into the past.
    Backward,
    /// Sometimes one, sometimes the other.
    Either,
}

/// Who is hurt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Who {
    /// Whoever leads at that moment.
    Leader,
    /// A server that does not lead at that moment.
    Follower,
    /// Any server.
    Random,
    /// Fewer than half of the servers, at least one.
    Minority,
    /// Fewer than half of the servers, the leader among them.
    LeaderAndMinority,
    /// Every server.
    All,
    /// More than half of the servers, the leader not among them.
    MajorityWithoutLeader,
    /// The servers of one rack.
    Rack,
    /// The server that crashed last.
    LastCrashed,
    /// These servers.
    Nodes(Vec<NodeId>),
}

/// Something that the operator does again and again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OperatorMix {
    /// What it does.
    pub kind: OperatorKind,
    /// How long it is from one step to the next; also from the start of the run to the first.
    pub every: Span,
}

/// What an operator does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OperatorKind {
    /// Hands leadership to a random voter.
    Transfer,
    /// Draws new voters from all servers, and brings them in through joint configurations.
    Reconfigure {
        /// How many voters there may be; each time one of these numbers is drawn.
        voters: Vec<u32>,
    },
    /// Adds a server as a learner, promotes it, and takes another voter out; a step each.
    AddLearnerAndPromote,
    /// Adds a server and takes another one out, one server at a time.
    Replace,
    /// Hands leadership to a voter, takes that one out, and brings it back; a step each.
    RemoveLeader,
    /// Makes a random server take a snapshot.
    ForceSnapshot,
}
