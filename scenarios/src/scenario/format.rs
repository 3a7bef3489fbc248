//! The scenario format: TOML, every key optional but `name`, `summary` and what a fault needs; nothing unknown allowed.
//!
//! Whatever is wrong is reported once, with file, line and what to write instead. A duration is a string like `"150ms"`,
//! a range two of them, `["500ms", "2s"]`, a probability a number from 0 to 1. A latency is one of
//! `{ kind = "uniform", min, max }`, `{ kind = "exponential", min, mean }`, `{ kind = "long-tail", min, max }`.
//!
//! | key | meaning | default |
//! |---|---|---|
//! | `name`, `summary` | lower-case words joined by hyphens; one sentence | needed |
//! | `cluster.servers`, `.clients` | a number, or several of which each seed draws one; a number | 3, 5, 7; 5 |
//! | `timing.election_timeout`, `.heartbeat` | a range; a duration below it | 150 to 300 ms; 50 ms |
//! | `timing.attempt`, `.backoff`, `.give_up` | how patient clients are with a server, after a refusal, in all | 300 ms, 20 ms, 3 s |
//! | `timing.duration`, `.settle` | of the safety phase; of the liveness phase at most | 10 s, 10 s |
//! | `replication.entries_per_append`, `.appends_in_flight` | the most of each | 64, 16 |
//! | `network.latency` | of a message | uniform, 0.2 to 1 ms |
//! | `network.loss`, `.duplicate`, `.reorder` | probabilities, of each message | 0 |
//! | `network.reorder_delay` | how long a reordered message is held up at most | 10 ms |
//! | `disk.sync`, `.crash_keeps` | a latency; `"nothing"`, `"prefix"` or `"subset"` of what was not synced | 0.5 ms, subset |
//! | `workload.rate`, `.keys` | operations a second, of all clients; number of keys | 100, 10 |
//! | `workload.mix` | weights of `get`, `put`, `append`, `delete`, `compare-and-swap` | 4, 3, 2, 1, 2 |
//! | `[[faults]]` | any number; each strikes again and again | none |
//! | `faults.kind` | `"cut"`, `"link"`, `"crash"`, `"pause"`, `"network"`, `"slow-disk"` | needed |
//! | `faults.every`, `.lasting` | ranges: from the end of one to the next; of one | needed |
//! | `faults.target` | all kinds but `network`: `"leader"`, `"follower"`, `"random"`, `"minority"`, `"leader-and-minority"`, `"all"`, or numbers like `[0, 2]` | needed |
//! | `faults.direction`, `.reach` | of a cut: `"both"`, `"outgoing"`, `"incoming"`; from `"servers"` or `"everyone"` | both, servers |
//! | `faults.factor` | of a slow disk: how many times slower | needed |
//! | `faults.latency`, `.loss`, ... | of `network`: as there, while it lasts | as in `network` |
//! | `checks` | identifiers, like `["I1", "LIN"]` | all |

use serde::Deserialize;
use toml::Spanned;
use whitewater_kv::client::Patience;
use whitewater_sim::disk::{CrashKeeps, DiskProfile};
use whitewater_sim::fault::{Direction, Reach};
use whitewater_sim::time::{MICROSECOND_NS, MILLISECOND_NS, SECOND_NS};
use whitewater_sim::{Check, Checks, Latency, LinkProfile, NodeId};

use super::quantity::{Count, Duration, OneOrMore, Probability, Range};
use super::{FaultMix, Mix, MixKind, Replication, Scenario, Span, Timing, Who, Workload};

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
    let fail = |fault: Fault| ScenarioError {
        file: file.to_owned(),
        line: fault.at.map(|at| line_at(text, at)),
        message: fault.message,
    };
    let raw: RawScenario = toml::from_str(text).map_err(|error| {
        fail(Fault { at: error.span().map(|span| span.start), message: error.message().to_owned() })
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
struct Fault {
    at: Option<usize>,
    message: String,
}

fn wrong<T, R>(value: &Spanned<T>, message: impl Into<String>) -> Result<R, Fault> {
    Err(Fault { at: Some(value.span().start), message: message.into() })
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
    replication: RawReplication,
    #[serde(default)]
    network: RawNetwork,
    #[serde(default)]
    disk: RawDisk,
    #[serde(default)]
    workload: RawWorkload,
    #[serde(default)]
    faults: Vec<Spanned<RawFault>>,
    checks: Option<Spanned<Vec<Check>>>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawCluster {
    servers: Option<OneOrMore<Count<1, 99>>>,
    clients: Option<Count<1, 1000>>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawTiming {
    election_timeout: Option<Range>,
    heartbeat: Option<Spanned<Duration>>,
    attempt: Option<Spanned<Duration>>,
    backoff: Option<Spanned<Duration>>,
    give_up: Option<Spanned<Duration>>,
    duration: Option<Spanned<Duration>>,
    settle: Option<Spanned<Duration>>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawReplication {
    entries_per_append: Option<Count<1, 10_000>>,
    appends_in_flight: Option<Count<1, 10_000>>,
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawNetwork {
    latency: Option<RawLatency>,
    loss: Option<Probability>,
    duplicate: Option<Probability>,
    reorder: Option<Probability>,
    reorder_delay: Option<Duration>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawDisk {
    sync: Option<RawLatency>,
    crash_keeps: Option<RawCrashKeeps>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum RawCrashKeeps {
    Nothing,
    Prefix,
    Subset,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawWorkload {
    rate: Option<Spanned<Count<1, 100_000>>>,
    keys: Option<Count<1, 100_000>>,
    mix: Option<Spanned<RawMix>>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct RawMix {
    #[serde(default = "none")]
    get: Count<0, 1000>,
    #[serde(default = "none")]
    put: Count<0, 1000>,
    #[serde(default = "none")]
    append: Count<0, 1000>,
    #[serde(default = "none")]
    delete: Count<0, 1000>,
    #[serde(default = "none")]
    compare_and_swap: Count<0, 1000>,
}

fn none() -> Count<0, 1000> {
    Count(0)
}

/// A latency: `kind` decides which of the durations belong to it.
#[derive(Clone, Copy, Deserialize)]
#[serde(try_from = "LatencyKeys")]
struct RawLatency(Latency);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LatencyKeys {
    kind: LatencyKind,
    min: Option<Duration>,
    mean: Option<Duration>,
    max: Option<Duration>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum LatencyKind {
    Uniform,
    Exponential,
    LongTail,
}

impl TryFrom<LatencyKeys> for RawLatency {
    type Error = &'static str;

    fn try_from(keys: LatencyKeys) -> Result<Self, Self::Error> {
        let ns = |duration: Option<Duration>| duration.map(|duration| duration.0);
        let latency = match (keys.kind, ns(keys.min), ns(keys.mean), ns(keys.max)) {
            (LatencyKind::Uniform, Some(min_ns), None, Some(max_ns)) => Latency::Uniform { min_ns, max_ns },
            (LatencyKind::Exponential, Some(min_ns), Some(mean_ns), None) => Latency::Exponential { min_ns, mean_ns },
            (LatencyKind::LongTail, Some(0), None, Some(_)) => {
                return Err("a long-tail latency multiplies `min`, so `min` is more than zero");
            }
            (LatencyKind::LongTail, Some(min_ns), None, Some(max_ns)) => Latency::LongTail { min_ns, max_ns },
            (LatencyKind::Uniform | LatencyKind::LongTail, ..) => {
                return Err("a uniform or long-tail latency needs `min` and `max`, and nothing else");
            }
            (LatencyKind::Exponential, ..) => {
                return Err("an exponential latency needs `min` and `mean`, and nothing else");
            }
        };
        match latency {
            Latency::Uniform { min_ns, max_ns } | Latency::LongTail { min_ns, max_ns } if min_ns > max_ns => {
                Err("`min` is above `max`: swap them")
            }
            Latency::Exponential { min_ns, mean_ns } if min_ns > mean_ns => {
                Err("`min` is above `mean`: raise the mean")
            }
            Latency::Uniform { .. } | Latency::LongTail { .. } | Latency::Exponential { .. } => Ok(RawLatency(latency)),
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawFault {
    kind: RawKind,
    every: Spanned<Range>,
    lasting: Spanned<Range>,
    target: Option<Spanned<RawWho>>,
    direction: Option<RawDirection>,
    reach: Option<RawReach>,
    factor: Option<Count<2, 1000>>,
    latency: Option<RawLatency>,
    loss: Option<Probability>,
    duplicate: Option<Probability>,
    reorder: Option<Probability>,
    reorder_delay: Option<Duration>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum RawKind {
    Cut,
    Link,
    Crash,
    Pause,
    Network,
    SlowDisk,
}

#[derive(Deserialize)]
#[serde(
    untagged,
    expecting = "a target is \"leader\", \"follower\", \"random\", \"minority\", \
                               \"leader-and-minority\", \"all\", or a list of server numbers like [0, 2]"
)]
enum RawWho {
    Named(RawName),
    Nodes(Vec<u32>),
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum RawName {
    Leader,
    Follower,
    Random,
    Minority,
    LeaderAndMinority,
    All,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum RawDirection {
    Both,
    Outgoing,
    Incoming,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum RawReach {
    Servers,
    Everyone,
}

/// Virtual time times rate: what one run may ask of memory.
const OPERATIONS_MAX: u64 = 2_000_000;

impl RawScenario {
    fn check(self) -> Result<Scenario, Fault> {
        check_name(&self.name)?;
        let servers: Vec<u32> = match self.cluster.servers {
            Some(OneOrMore(counts)) => counts.into_iter().map(|Count(count)| count).collect(),
            None => vec![3, 5, 7],
        };
        let timing = self.timing.check()?;
        let workload = self.workload.check(timing.duration_ns)?;
        let links = self.network.profile(LinkProfile::reliable(LAN));
        let servers_min = servers.iter().copied().min().unwrap_or(1);
        let faults = self
            .faults
            .iter()
            .map(|fault| fault.get_ref().check(fault, links, servers_min))
            .collect::<Result<_, _>>()?;
        let checks = match self.checks {
            Some(checks) if checks.get_ref().is_empty() => {
                return wrong(&checks, "the list is empty: leave `checks` out to have all of them");
            }
            Some(checks) => checks.into_inner().into_iter().collect(),
            None => Checks::all(),
        };
        Ok(Scenario {
            name: self.name.into_inner(),
            summary: self.summary,
            servers,
            clients: self.cluster.clients.map_or(5, |Count(count)| count),
            timing,
            replication: Replication {
                entries_per_append: self.replication.entries_per_append.map_or(64, |count| count.0),
                appends_in_flight: self.replication.appends_in_flight.map_or(16, |count| count.0),
            },
            links,
            disks: self.disk.profile(),
            workload,
            faults,
            checks,
        })
    }
}

const LAN: Latency = Latency::Uniform { min_ns: 200 * MICROSECOND_NS, max_ns: MILLISECOND_NS };

fn check_name(name: &Spanned<String>) -> Result<(), Fault> {
    let text = name.get_ref();
    let legal = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if text.is_empty() || text.len() > 60 || !text.chars().all(legal) {
        return wrong(name, "a name has 1 to 60 lower-case letters, digits and hyphens, like \"leader-cut-off\"");
    }
    Ok(())
}

impl RawTiming {
    fn check(self) -> Result<Timing, Fault> {
        let positive = |value: Option<Spanned<Duration>>, default_ns: u64| match value {
            Some(value) if value.get_ref().0 == 0 => {
                wrong(&value, "zero is not possible here: write a duration like \"50ms\"")
            }
            Some(value) => Ok(value.into_inner().0),
            None => Ok(default_ns),
        };
        let election_timeout =
            self.election_timeout.unwrap_or(Range { min_ns: 150 * MILLISECOND_NS, max_ns: 300 * MILLISECOND_NS });
        if let Some(heartbeat) = &self.heartbeat
            && heartbeat.get_ref().0 >= election_timeout.min_ns
        {
            return wrong(
                heartbeat,
                "the heartbeat is not below the shortest election timeout: followers would depose every leader; lower it",
            );
        }
        let heartbeat_ns = positive(self.heartbeat, 50 * MILLISECOND_NS)?;
        if heartbeat_ns >= election_timeout.min_ns {
            return Err(Fault { at: None, message: "`timing.election_timeout` is not above the heartbeat (50ms by default): raise it, or set `timing.heartbeat`".to_owned() });
        }
        Ok(Timing {
            election_timeout_ns: election_timeout.into(),
            heartbeat_ns,
            patience: Patience {
                attempt_ns: positive(self.attempt, 300 * MILLISECOND_NS)?,
                backoff_ns: positive(self.backoff, 20 * MILLISECOND_NS)?,
                give_up_ns: positive(self.give_up, 3 * SECOND_NS)?,
            },
            duration_ns: positive(self.duration, 10 * SECOND_NS)?,
            settle_ns: positive(self.settle, 10 * SECOND_NS)?,
        })
    }
}

impl RawNetwork {
    /// The links that this describes; what it leaves out is as in `base`.
    fn profile(self, base: LinkProfile) -> LinkProfile {
        LinkProfile {
            latency: self.latency.map_or(base.latency, |latency| latency.0),
            loss_ppm: self.loss.map_or(base.loss_ppm, |loss| loss.0),
            duplicate_ppm: self.duplicate.map_or(base.duplicate_ppm, |duplicate| duplicate.0),
            reorder_ppm: self.reorder.map_or(base.reorder_ppm, |reorder| reorder.0),
            reorder_ns_max: self.reorder_delay.map_or(base.reorder_ns_max.max(10 * MILLISECOND_NS), |delay| delay.0),
        }
    }
}

impl RawDisk {
    fn profile(self) -> DiskProfile {
        DiskProfile {
            sync: self.sync.map_or(Latency::constant(500 * MICROSECOND_NS), |latency| latency.0),
            crash_keeps: match self.crash_keeps {
                Some(RawCrashKeeps::Nothing) => CrashKeeps::Nothing,
                Some(RawCrashKeeps::Prefix) => CrashKeeps::Prefix,
                Some(RawCrashKeeps::Subset) | None => CrashKeeps::Subset,
            },
        }
    }
}

impl RawWorkload {
    fn check(self, duration_ns: u64) -> Result<Workload, Fault> {
        if let Some(rate) = &self.rate
            && u64::from(rate.get_ref().0).saturating_mul(duration_ns) / SECOND_NS > OPERATIONS_MAX
        {
            return wrong(
                rate,
                format!("this makes more than {OPERATIONS_MAX} operations a run: lower the rate or the duration"),
            );
        }
        let mix = match self.mix {
            Some(mix) => {
                let RawMix { get, put, append, delete, compare_and_swap } = *mix.get_ref();
                if [get, put, append, delete, compare_and_swap].iter().all(|weight| weight.0 == 0) {
                    return wrong(&mix, "every weight is zero: give at least one kind of operation a weight");
                }
                Mix { get: get.0, put: put.0, append: append.0, delete: delete.0, compare_and_swap: compare_and_swap.0 }
            }
            None => Mix { get: 4, put: 3, append: 2, delete: 1, compare_and_swap: 2 },
        };
        Ok(Workload {
            rate: self.rate.map_or(100, |rate| rate.into_inner().0),
            keys: self.keys.map_or(10, |keys| keys.0),
            mix,
        })
    }
}

impl RawFault {
    fn check(&self, whole: &Spanned<RawFault>, links: LinkProfile, servers_min: u32) -> Result<FaultMix, Fault> {
        if self.lasting.get_ref().min_ns == 0 {
            return wrong(&self.lasting, "a fault lasts longer than zero: write a duration like \"200ms\"");
        }
        if self.every.get_ref().max_ns < MILLISECOND_NS {
            return wrong(&self.every, "a fault strikes every millisecond at most: write a duration like \"1s\"");
        }
        self.refuse_foreign_keys(whole)?;
        Ok(FaultMix {
            kind: self.kind(whole, links, servers_min)?,
            every: (*self.every.get_ref()).into(),
            lasting: (*self.lasting.get_ref()).into(),
        })
    }

    /// Refuses keys that mean nothing for this kind, instead of ignoring what somebody meant.
    fn refuse_foreign_keys(&self, whole: &Spanned<RawFault>) -> Result<(), Fault> {
        let (name, allowed): (&str, &[&str]) = match self.kind {
            RawKind::Cut => ("cut", &["target", "direction", "reach"]),
            RawKind::Link => ("link", &["target"]),
            RawKind::Crash => ("crash", &["target"]),
            RawKind::Pause => ("pause", &["target"]),
            RawKind::Network => ("network", &["latency", "loss", "duplicate", "reorder", "reorder_delay"]),
            RawKind::SlowDisk => ("slow-disk", &["target", "factor"]),
        };
        let present = [
            ("target", self.target.is_some()),
            ("direction", self.direction.is_some()),
            ("reach", self.reach.is_some()),
            ("factor", self.factor.is_some()),
            ("latency", self.latency.is_some()),
            ("loss", self.loss.is_some()),
            ("duplicate", self.duplicate.is_some()),
            ("reorder", self.reorder.is_some()),
            ("reorder_delay", self.reorder_delay.is_some()),
        ];
        match present.iter().find(|(key, present)| *present && !allowed.contains(key)) {
            Some((key, _)) => {
                wrong(whole, format!("a fault of kind `{name}` has no key `{key}`; it takes {}", allowed.join(", ")))
            }
            None => Ok(()),
        }
    }

    fn kind(&self, whole: &Spanned<RawFault>, links: LinkProfile, servers_min: u32) -> Result<MixKind, Fault> {
        let target = || match &self.target {
            Some(target) => who(target, servers_min),
            None => wrong(whole, "this fault has no target: add a line like target = \"leader\""),
        };
        Ok(match self.kind {
            RawKind::Cut => MixKind::Cut {
                target: target()?,
                direction: match self.direction {
                    Some(RawDirection::Both) | None => Direction::Both,
                    Some(RawDirection::Outgoing) => Direction::Outgoing,
                    Some(RawDirection::Incoming) => Direction::Incoming,
                },
                reach: match self.reach {
                    Some(RawReach::Servers) | None => Reach::Servers,
                    Some(RawReach::Everyone) => Reach::Everyone,
                },
            },
            RawKind::Link => MixKind::Link { target: target()? },
            RawKind::Crash => MixKind::Crash { target: target()? },
            RawKind::Pause => MixKind::Pause { target: target()? },
            RawKind::Network => MixKind::Links { profile: self.network().profile(links) },
            RawKind::SlowDisk => match &self.factor {
                Some(factor) => MixKind::SlowDisk { target: target()?, factor: factor.0 },
                None => return wrong(whole, "a slow disk has no factor: add a line like factor = 20"),
            },
        })
    }

    fn network(&self) -> RawNetwork {
        RawNetwork {
            latency: self.latency,
            loss: self.loss,
            duplicate: self.duplicate,
            reorder: self.reorder,
            reorder_delay: self.reorder_delay,
        }
    }
}

fn who(target: &Spanned<RawWho>, servers_min: u32) -> Result<Who, Fault> {
    Ok(match target.get_ref() {
        RawWho::Named(RawName::Leader) => Who::Leader,
        RawWho::Named(RawName::Follower) => Who::Follower,
        RawWho::Named(RawName::Random) => Who::Random,
        RawWho::Named(RawName::Minority) => Who::Minority,
        RawWho::Named(RawName::LeaderAndMinority) => Who::LeaderAndMinority,
        RawWho::Named(RawName::All) => Who::All,
        RawWho::Nodes(nodes) => {
            if nodes.is_empty() {
                return wrong(target, "the list is empty: name at least one server, like [0]");
            }
            if let Some(node) = nodes.iter().find(|node| **node >= servers_min) {
                let last = servers_min - 1;
                return wrong(
                    target,
                    format!(
                        "server {node} does not exist: the smallest cluster of this scenario has servers 0 to {last}"
                    ),
                );
            }
            Who::Nodes(nodes.iter().copied().map(NodeId).collect())
        }
    })
}

impl From<Range> for Span {
    fn from(range: Range) -> Span {
        Span { min_ns: range.min_ns, max_ns: range.max_ns }
    }
}
