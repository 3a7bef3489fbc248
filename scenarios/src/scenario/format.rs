//! The scenario format: TOML, every key optional but `name`, `summary` and what a fault needs; nothing unknown allowed.
//!
//! Whatever is wrong is reported once, with file, line and what to write instead. A duration is a string like `"150ms"`,
//! a range two of them, `["500ms", "2s"]`, a probability a number from 0 to 1, a size a string like `"64KiB"`. A latency is
//! one of `{ kind = "uniform", min, max }`, `{ kind = "exponential", min, mean }`, `{ kind = "long-tail", min, max }`.
//!
//! | key | meaning | default |
//! |---|---|---|
//! | `name`, `summary` | lower-case words joined by hyphens; one sentence | needed |
//! | `cluster.servers` | how many servers vote at first: a number, or several of which each seed draws one | 3, 5, 7 |
//! | `cluster.learners`, `.spares` | servers that only learn at first; servers that wait to be added | 0 |
//! | `cluster.clients` | a number | 5 |
//! | `timing.election_timeout`, `.heartbeat` | a range; a duration below it | 150 to 300 ms; 50 ms |
//! | `timing.attempt`, `.give_up` | how patient clients are with a server, and in all | 300 ms, 3 s |
//! | `timing.backoff`, `.backoff_max` | how long a client waits after a refusal: at first, and after many of them | 20 ms, 200 ms |
//! | `timing.duration`, `.settle` | of the safety phase; of the liveness phase at most | 10 s, 10 s |
//! | `protocol.pre_vote`, `.quorum_check` | `"on"` or `"off"`: does a server ask before it stands; must a leader hear from a quorum | on, on |
//! | `protocol.clock_drift` | how fast or slow a clock may be for leases to be trusted, as a ratio | 0.0005 |
//! | `replication.entries_per_append`, `.append_bytes` | the most in one append | 64, 1 MiB |
//! | `replication.appends_in_flight`, `.in_flight_bytes` | the most on the way to one follower | 16, 4 MiB |
//! | `replication.uncommitted_bytes` | the most that may wait to be committed | 16 MiB |
//! | `replication.snapshot_chunk` | the most of a snapshot in one message | 256 KiB |
//! | `snapshots.every`, `.entries_kept` | entries between snapshots, or `"never"`; entries that stay in the log behind one | 1000, 100 |
//! | `sessions.idle_entries`, `.max` | after how many entries without a request a client is forgotten; the most clients that are known | 100000, 10000 |
//! | `network.latency` | of a message | uniform, 0.2 to 1 ms |
//! | `network.loss`, `.duplicate`, `.reorder` | probabilities, of each message | 0 |
//! | `network.reorder_delay` | how long a reordered message is held up at most | 10 ms |
//! | `clocks.skew`, `.drift` | how much the clocks of servers differ at most at the start; how fast or slow they are at most, as a ratio | 0, 0 |
//! | `disk.sync`, `.crash_keeps` | a latency; `"nothing"`, `"prefix"` or `"subset"` of what was not synced | 0.5 ms, subset |
//! | `disk.segment_bytes` | the most in one file of the log | 64 KiB |
//! | `workload.rate`, `.keys` | operations a second, of all clients; number of keys | 100, 10 |
//! | `workload.in_flight` | operations that one client may have under way at the same time | 4 |
//! | `workload.reads` | the way of `get` and `range`: `"log"`, `"quorum"`, `"lease"`, `"any-server"`, or weights of these | 1, 1, 1, 1 |
//! | `workload.mix` | weights of `get`, `put`, `append`, `delete`, `compare-and-swap`, `range`, `transaction`, `batch` | 4, 3, 2, 1, 2, 0, 0, 0 |
//! | `[[faults]]` | any number; each strikes again and again | none |
//! | `faults.kind` | `"cut"`, `"link"`, `"crash"`, `"pause"`, `"network"`, `"slow-disk"`, `"wipe"`, `"clock-step"` | needed |
//! | `faults.every`, `.lasting` | ranges: from the end of one to the next; of one (a clock step has no end) | needed |
//! | `faults.target` | all kinds but `network`: `"leader"`, `"follower"`, `"random"`, `"minority"`, `"leader-and-minority"`, `"all"`, or numbers like `[0, 2]` | needed |
//! | `faults.direction`, `.reach` | of a cut: `"both"`, `"outgoing"`, `"incoming"`; from `"servers"` or `"everyone"` | both, servers |
//! | `faults.factor` | of a slow disk: how many times slower | needed |
//! | `faults.by`, `.way` | of a clock step: a range; `"forward"`, `"backward"`, `"either"` | needed; either |
//! | `faults.latency`, `.loss`, ... | of `network`: as there, while it lasts | as in `network` |
//! | `[[operator]]` | any number; what the operator does again and again | none |
//! | `operator.kind` | `"transfer"`, `"reconfigure"`, `"add-learner-and-promote"`, `"replace"`, `"remove-leader"`, `"force-snapshot"` | needed |
//! | `operator.every` | a range: from one step to the next | needed |
//! | `operator.voters` | of `reconfigure`: how many voters there may be, like `[3, 5]` | needed |
//! | `checks` | identifiers, like `["I1", "LIN"]` | all |

use serde::Deserialize;
use toml::Spanned;
use whitewater_sim::time::{MICROSECOND_NS, MILLISECOND_NS};
use whitewater_sim::{Check, Checks, Latency, LinkProfile};

use super::faults::RawFault;
use super::operator::RawOperator;
use super::quantity::{Count, OneOrMore};
use super::servers::{
    RawClocks, RawDisk, RawNetwork, RawProtocol, RawReplication, RawSessions, RawSnapshots, RawTiming,
};
use super::workload::RawWorkload;
use super::{FaultMix, MixKind, OperatorKind, OperatorMix, Scenario, Workload};

/// A scenario file that cannot be used, and where it is wrong.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct ScenarioError {
    /// Where the text came from.
    pub file: String,
    /// The line, from 1, and what stands there.
    pub line: Option<(usize, String)>,
    /// What is wrong and what to write instead.
    pub message: String,
}

impl std::fmt::Display for ScenarioError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.line {
            Some((number, text)) => {
                write!(f, "{}:{number}: {}\n  {number} | {text}", self.file, self.message)
            }
            None => write!(f, "{}: {}", self.file, self.message),
        }
    }
}

/// Reads a scenario. `file` is named in errors.
///
/// # Errors
/// If the text is not TOML, has unknown keys, wrong types or impossible values.
pub fn parse(file: &str, text: &str) -> Result<Scenario, ScenarioError> {
    let fail = |mistake: Mistake| ScenarioError {
        file: file.to_owned(),
        line: mistake.at.map(|at| line_at(text, at)),
        message: mistake.message,
    };
    let raw: RawScenario = toml::from_str(text).map_err(|error| {
        fail(Mistake { at: error.span().map(|span| span.start), message: error.message().to_owned() })
    })?;
    raw.check().map_err(fail)
}

fn line_at(text: &str, at: usize) -> (usize, String) {
    let before = text.get(..at).unwrap_or(text);
    let number = before.matches('\n').count() + 1;
    let line: String = text.lines().nth(number - 1).unwrap_or("").chars().take(120).collect();
    (number, line.escape_debug().to_string().replace("\\\"", "\"").replace("\\'", "'"))
}

/// Something wrong, at a byte of the text.
pub(super) struct Mistake {
    at: Option<usize>,
    message: String,
}

/// Refuses a value, at its place.
pub(super) fn wrong<T, R>(value: &Spanned<T>, message: impl Into<String>) -> Result<R, Mistake> {
    Err(Mistake { at: Some(value.span().start), message: message.into() })
}

/// Refuses something that the file does not say.
pub(super) fn wrong_default<R>(message: &str) -> Result<R, Mistake> {
    Err(Mistake { at: None, message: message.to_owned() })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawScenario {
    name: Spanned<String>,
    summary: String,
    #[serde(default)]
    cluster: RawCluster,
    #[serde(default)]
    timing: RawTiming,
    #[serde(default)]
    protocol: RawProtocol,
    #[serde(default)]
    replication: RawReplication,
    #[serde(default)]
    snapshots: RawSnapshots,
    #[serde(default)]
    sessions: RawSessions,
    #[serde(default)]
    network: RawNetwork,
    #[serde(default)]
    clocks: RawClocks,
    #[serde(default)]
    disk: RawDisk,
    #[serde(default)]
    workload: RawWorkload,
    #[serde(default)]
    faults: Vec<Spanned<RawFault>>,
    #[serde(default)]
    operator: Vec<Spanned<RawOperator>>,
    checks: Option<Spanned<Vec<Check>>>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawCluster {
    servers: Option<OneOrMore<Count<1, 32>>>,
    learners: Option<Spanned<Count<0, 32>>>,
    spares: Option<Spanned<Count<0, 32>>>,
    clients: Option<Count<1, 1000>>,
}

/// The most servers, voters or not: what the observer's sets of members hold.
const SERVERS_MAX: u32 = 32;

/// How many servers there are, and what they are at first.
#[derive(Clone, Debug)]
pub(super) struct Cluster {
    /// The numbers of voters to choose from.
    pub(super) servers: Vec<u32>,
    pub(super) learners: u32,
    pub(super) spares: u32,
    clients: u32,
}

impl Cluster {
    /// The fewest voters that a seed may draw.
    pub(super) fn voters_min(&self) -> u32 {
        self.servers.iter().copied().min().unwrap_or(1)
    }

    /// The fewest servers of any kind that a seed may draw.
    pub(super) fn servers_min(&self) -> u32 {
        self.voters_min() + self.learners + self.spares
    }
}

impl RawCluster {
    fn check(self) -> Result<Cluster, Mistake> {
        let servers: Vec<u32> = match self.servers {
            Some(OneOrMore(counts)) => counts.into_iter().map(|Count(count)| count).collect(),
            None => vec![3, 5, 7],
        };
        let most = servers.iter().copied().max().unwrap_or(1);
        let count = |count: &Option<Spanned<Count<0, 32>>>| count.as_ref().map_or(0, |count| count.get_ref().0);
        let (learners, spares) = (count(&self.learners), count(&self.spares));
        if let Some(surplus) = self.spares.as_ref().or(self.learners.as_ref())
            && most + learners + spares > SERVERS_MAX
        {
            let message = format!("this makes more than {SERVERS_MAX} servers in all: lower one of the numbers");
            return wrong(surplus, message);
        }
        Ok(Cluster { servers, learners, spares, clients: self.clients.map_or(5, |Count(count)| count) })
    }
}

impl RawScenario {
    fn check(self) -> Result<Scenario, Mistake> {
        check_name(&self.name)?;
        let cluster = self.cluster.check()?;
        let timing = self.timing.check()?;
        let protocol = self.protocol.check();
        let drift = self.clocks.drift_place();
        let clocks = self.clocks.profile();
        let workload = self.workload.check(timing.duration_ns)?;
        if let Some(place) = drift
            && workload.reads.lease > 0
            && clocks.drift_ppm_max > protocol.clock_drift_ppm_max
        {
            return Err(Mistake {
                at: Some(place),
                message: "clocks drift more than `protocol.clock_drift` allows, so reads by lease would not be safe: raise that, \
                          lower this, or set `workload.reads` without lease"
                    .to_owned(),
            });
        }
        let links = self.network.profile(LinkProfile::reliable(LAN));
        let faults = check_faults(&self.faults, links, &cluster, &workload)?;
        let operator = check_operator(&self.operator, &cluster, &self.faults, &faults)?;
        let (snapshot_every, entries_kept) = self.snapshots.check();
        let checks = match self.checks {
            Some(checks) if checks.get_ref().is_empty() => {
                return wrong(&checks, "the list is empty: leave `checks` out to have all of them");
            }
            Some(checks) => checks.into_inner().into_iter().collect(),
            None => Checks::all(),
        };
        Ok(Scenario {
            name: self.name.into_inner(),
            aliases: Vec::new(),
            summary: self.summary,
            reaches: Vec::new(),
            servers: cluster.servers,
            learners: cluster.learners,
            spares: cluster.spares,
            clients: cluster.clients,
            racks: 1,
            timing,
            protocol,
            replication: self.replication.check(entries_kept),
            snapshot_every,
            sessions: self.sessions.check(),
            links,
            clocks,
            segment_bytes: self.disk.segment_bytes(),
            disks: self.disk.profile(),
            workload,
            faults,
            steps: Vec::new(),
            expectations: Vec::new(),
            operator,
            swarm: None,
            operations: None,
            seed: None,
            failure: None,
            checks,
        })
    }
}

const LAN: Latency = Latency::Uniform { min_ns: 200 * MICROSECOND_NS, max_ns: MILLISECOND_NS };

fn check_name(name: &Spanned<String>) -> Result<(), Mistake> {
    let text = name.get_ref();
    let legal = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if text.is_empty() || text.len() > 60 || !text.chars().all(legal) {
        return wrong(name, "a name has 1 to 60 lower-case letters, digits and hyphens, like \"leader-cut-off\"");
    }
    Ok(())
}

fn check_faults(
    raw: &[Spanned<RawFault>],
    links: LinkProfile,
    cluster: &Cluster,
    workload: &Workload,
) -> Result<Vec<FaultMix>, Mistake> {
    let mut faults: Vec<FaultMix> = Vec::new();
    for fault in raw {
        let mix = fault.get_ref().check(fault, links, cluster, workload)?;
        let is_wipe = |mix: &FaultMix| matches!(mix.kind, MixKind::Wipe { .. });
        if is_wipe(&mix) && faults.iter().any(is_wipe) {
            return wrong(
                fault,
                "a second wipe could strike before the operator has made up for the first: leave one of them out",
            );
        }
        faults.push(mix);
    }
    Ok(faults)
}

fn check_operator(
    raw: &[Spanned<RawOperator>],
    cluster: &Cluster,
    raw_faults: &[Spanned<RawFault>],
    faults: &[FaultMix],
) -> Result<Vec<OperatorMix>, Mistake> {
    let wipe = raw_faults.iter().zip(faults).find(|(_, mix)| matches!(mix.kind, MixKind::Wipe { .. }));
    let mut operator = Vec::new();
    for action in raw {
        let mix = action.get_ref().check(action, cluster)?;
        let changes_members = match mix.kind {
            OperatorKind::Transfer | OperatorKind::ForceSnapshot => false,
            OperatorKind::Reconfigure { .. }
            | OperatorKind::AddLearnerAndPromote
            | OperatorKind::Replace
            | OperatorKind::RemoveLeader => true,
        };
        if let Some((wipe, _)) = wipe
            && changes_members
        {
            return wrong(
                wipe,
                "a wiped disk costs a vote until the operator has replaced the server: only transfers and forced snapshots \
                 go with it; leave the wipe or the other actions of the operator out",
            );
        }
        operator.push(mix);
    }
    Ok(operator)
}
