//! A scenario: everything about a run but its seed. Read from TOML by [`format`](mod@format), checked, and then immutable.

mod cluster;
mod expect;
mod faults;
pub mod format;
mod latency;
mod messages;
mod operations;
mod operator;
mod quantity;
mod servers;
mod steps;
mod strike;
mod words;
mod workload;
mod write;

use whitewater_kv::client::Patience;
use whitewater_raft::config::{PreVote, QuorumCheck};
use whitewater_sim::ClockProfile;
use whitewater_sim::disk::DiskProfile;
use whitewater_sim::fault::{CrashPoint, Damage, Direction, DiskFailure, Filter, Reach, Shape};
use whitewater_sim::plan::{Edge, Quantity, Trigger};
use whitewater_sim::{Check, Checks, Latency, LinkProfile, NodeId, ProbeId};

use crate::generate::Planned;
use crate::search::lineage::Lineage;

pub use format::ScenarioError;
pub use write::write;

pub(crate) use messages::names as message_names;
pub(crate) use words::write as operation_words;

/// A scenario that passed all checks of its file.
#[derive(Clone, Debug, PartialEq)]
pub struct Scenario {
    /// Its name: lower-case words joined by hyphens.
    pub name: String,
    /// Other names by which it is known, such as those of course labs.
    pub aliases: Vec<String>,
    /// What it is for, in one sentence.
    pub summary: String,
    /// The probes that it exists to reach: a campaign in which no run hits one of them has not exercised it.
    pub reaches: Vec<ProbeId>,
    /// The numbers of voters in the first configuration to choose from; each seed draws one.
    pub servers: Vec<u32>,
    /// The number of learners in the first configuration.
    pub learners: u32,
    /// The number of servers that wait outside of the first configuration.
    pub spares: u32,
    /// The number of clients.
    pub clients: u32,
    /// The number of racks: server k stands in rack k modulo this. 1 if nothing is said of racks.
    pub racks: u32,
    /// How long things take and how long they may take.
    pub timing: Timing,
    /// What servers do about leaders that are alive, and how far they trust clocks.
    pub protocol: Protocol,
    /// How much servers send at a time.
    pub replication: Replication,
    /// How many entries are applied from one snapshot to the next; `None` if none is ever taken.
    pub snapshot_every: Option<u32>,
    /// When the store forgets clients.
    pub sessions: Sessions,
    /// How links behave when no fault says otherwise.
    pub links: LinkProfile,
    /// How wrong the clocks of servers are.
    pub clocks: ClockProfile,
    /// How disks behave.
    pub disks: DiskProfile,
    /// The most bytes in one file of the log.
    pub segment_bytes: u64,
    /// What clients ask.
    pub workload: Workload,
    /// What goes wrong.
    pub faults: Vec<FaultMix>,
    /// What happens once, each when its time has come.
    pub steps: Vec<Step>,
    /// What must be true between two moments.
    pub expectations: Vec<Expectation>,
    /// What the operator does.
    pub operator: Vec<OperatorMix>,
    /// Which parts of all this a seed may draw for itself; `None` if it is the same for all seeds.
    pub swarm: Option<Swarm>,
    /// What clients ask, operation by operation, in place of what the workload would make up; `None` if it does.
    pub operations: Option<Vec<PlannedOperation>>,
    /// The run that the file was written for, if it was written for one.
    pub seed: Option<Lineage>,
    /// The failure that the file was written for, if it was written for one.
    pub failure: Option<Fingerprint>,
    /// What is checked.
    pub checks: Checks,
}

/// Spans of virtual time, in nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    /// The shortest and the longest election timeout.
    pub election_timeout_ns: Span,
    /// How often a leader shows that it is alive.
    pub heartbeat_ns: u64,
    /// How patient clients are.
    pub patience: Patience,
    /// How long the safety phase lasts: faults strike, clients work.
    pub duration_ns: u64,
    /// How long the liveness phase may last at most: everything is healed, answered and equal before it ends.
    pub settle_ns: u64,
}

/// How much servers send at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Replication {
    /// The most entries in one append.
    pub entries_per_append: u32,
    /// The most appends with entries that may be on their way to one follower without an answer.
    pub appends_in_flight: u32,
    /// The most bytes of commands in one append.
    pub append_bytes: u64,
    /// The most bytes of commands that may be on their way to one follower without an answer.
    pub in_flight_bytes: u64,
    /// The most bytes of commands that may wait to be committed.
    pub uncommitted_bytes: u64,
    /// The most bytes of a snapshot in one message.
    pub snapshot_chunk: u64,
    /// How many entries before a snapshot's end stay in the log.
    pub entries_kept: u64,
}

/// What servers do about leaders that are alive, and how far they trust clocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Protocol {
    /// Whether a server asks before it stands for election.
    pub pre_vote: PreVote,
    /// Whether a leader must hear from a quorum, and is protected as long as it does.
    pub quorum_check: QuorumCheck,
    /// By how many millionths clocks may be fast or slow for leases to be trusted.
    pub clock_drift_ppm_max: u32,
}

/// When the store forgets clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sessions {
    /// A session expires when it was idle for more than this number of applied entries.
    pub idle_entries: u64,
    /// The most sessions; one more, and the one that was idle for longest expires.
    pub max: u32,
}

/// A range of spans of time, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// The shortest.
    pub min_ns: u64,
    /// The longest.
    pub max_ns: u64,
}

impl Span {
    /// Longer than any run: how often something strikes that is off. It stays in its place, because draws and counts go by
    /// places.
    pub(crate) const NEVER: Span = Span { min_ns: u64::MAX / 2, max_ns: u64::MAX / 2 };
}

/// What clients ask, and how often.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Workload {
    /// Operations a second, of all clients together.
    pub rate: u32,
    /// Number of keys, all equally popular.
    pub keys: u32,
    /// How many operations a client may have under way at the same time.
    pub in_flight: u32,
    /// Which way reads take.
    pub reads: Reads,
    /// How often each kind of operation is chosen, relative to the others.
    pub mix: Mix,
    /// How long a client waits from an answer to its next operation, in nanoseconds, in place of a rate; `None` for a rate.
    pub think: Option<Span>,
    /// Some keys are more popular than others; `None` if all are equally popular.
    pub hot: Option<Hot>,
    /// Now and then there is more to do; `None` if it is always the same.
    pub bursts: Option<Bursts>,
    /// Bytes to which written values are filled up; 0 if they are as short as they come.
    pub value_bytes: u32,
    /// Chance that a client sends a request twice by itself, to two servers.
    pub duplicate_ppm: u32,
    /// Operations on top of the rate, at given times.
    pub loads: Vec<Load>,
}

/// Popular keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hot {
    /// How many keys are popular: the first ones.
    pub keys: u32,
    /// The share of the operations that go to them.
    pub share_ppm: u32,
}

/// Times at which there is more to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bursts {
    /// How long it is from the end of one to the beginning of the next; also from the start of the run to the first.
    pub every: Span,
    /// How long one lasts.
    pub lasting: Span,
    /// How many times the rate is as high.
    pub factor: u32,
}

/// A number of operations at a given time, shared out among the clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Load {
    /// When the first begins, in nanoseconds.
    pub at_ns: u64,
    /// Over how long a time they are spread evenly, in nanoseconds; 0 for all at once.
    pub over_ns: u64,
    /// How many there are.
    pub operations: u32,
    /// What they are; `None` for the mix of the workload.
    pub mix: Option<Mix>,
    /// Bytes to which written values are filled up; 0 as the workload says.
    pub value_bytes: u32,
}

/// An operation of a client, written down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlannedOperation {
    /// The number of the client, from 0.
    pub client: u32,
    /// What it asks, when, and which way.
    pub planned: Planned,
}

/// What a seed may draw for itself: swarm testing (Groce et al., "Swarm Testing", ISSTA 2012). Whatever a part of a
/// scenario does, leaving it out of some runs lets others go where it would get in the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Swarm {
    /// Chance that a fault mix, a step, an action of the operator or a fault of the network takes part in a run.
    pub on_ppm: u32,
    /// Faults that take part strike up to this many times as often, or as seldom, and last as much longer or shorter.
    pub strength_max: u32,
    /// Whether sizes and rates of the protocol and the workload are drawn as well: entries per append, window, snapshots,
    /// what a crash keeps, number of keys, rate, mix of operations.
    pub settings: SwarmSettings,
}

/// Whether a swarm draws settings too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SwarmSettings {
    /// They are drawn.
    Drawn,
    /// They are as the scenario says.
    Fixed,
}

/// What makes a failure this failure and no other: what a shrunk run must have in common with the one that it came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fingerprint {
    /// The check that fails.
    pub check: Check,
    /// The kinds of the operations involved, sorted, for failures that the history shows; empty for others.
    pub operations: Vec<String>,
    /// Where in the protocol it fails: the role of the node and what it was doing, in the words of the trace, without numbers.
    pub position: String,
}

/// Something that happens once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// Its name, for other steps and for expectations.
    pub name: Option<String>,
    /// The step that it follows: its place in the list, before this one. `None`: the start of the run.
    pub follows: Option<usize>,
    /// What it waits for then.
    pub trigger: Trigger,
    /// How long it waits after that.
    pub wait: Span,
    /// What is done.
    pub action: StepAction,
}

/// What a step does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StepAction {
    /// A fault strikes.
    Strike {
        /// Which. Never one that strikes several times: a swizzle, a crash loop, a rolling restart.
        kind: MixKind,
        /// How long it lasts; until another step ends it, or all is healed, if nothing is said.
        lasting: Option<Span>,
    },
    /// The fault of an earlier step, at this place in the list, ends.
    End {
        /// That step.
        step: usize,
    },
    /// The faults of all steps end.
    EndAll,
    /// Nothing happens: a moment with a name.
    Mark,
}

/// What must be true between two moments: see [`whitewater_sim::plan::Expectation`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Expectation {
    /// Where the window begins.
    pub from: Edge,
    /// Where it ends.
    pub until: Edge,
    /// What is looked at.
    pub quantity: Quantity,
    /// The least that it may be.
    pub at_least: u64,
    /// The most that it may be.
    pub at_most: u64,
}

/// Weights of the ways that a read (`get` or `range`) can take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reads {
    /// Through the log, like a write.
    pub log: u32,
    /// At the leader, which asks a quorum first.
    pub quorum: u32,
    /// At the leader, by its lease while that holds.
    pub lease: u32,
    /// At any server, which asks the leader first.
    pub any_server: u32,
}

/// Weights of the kinds of operations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mix {
    /// Of `get`.
    pub get: u32,
    /// Of `put`.
    pub put: u32,
    /// Of `append`.
    pub append: u32,
    /// Of `delete`.
    pub delete: u32,
    /// Of `compare-and-swap`.
    pub compare_and_swap: u32,
    /// Of `range`: a read of several keys.
    pub range: u32,
    /// Of `transaction`: comparisons that decide which of two lists of operations is done.
    pub transaction: u32,
    /// Of `batch`: several operations at once.
    pub batch: u32,
}

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
