//! How long things take on a LAN, in virtual time: elections, failovers, writes, and reads by lease.
//!
//! Each seed is a cluster of its own under the LAN profile. It elects a leader, serves clients for a while, loses the
//! leader, and commits again. Figures are percentiles by nearest rank. A read by lease is measured where it is served,
//! from its arrival at the leader to the reply, and at the client as well, where the way there and back is most of it.
//! What it simplifies: what servers compute takes no time here, so these figures are about waiting: for messages, for
//! disks, and for each other.

use std::collections::BTreeMap;

use whitewater_sim::fault::{Fault, FaultKind, Source, Target};
use whitewater_sim::history::Outcome;
use whitewater_sim::time::{MICROSECOND_NS, MILLISECOND_NS, SECOND_NS};
use whitewater_sim::trace::{Line, Mark};
use whitewater_sim::{Checks, Instant, Keep, NodeId, Recording, Stopped, World};

use crate::generate;
use crate::scenario::{Scenario, format};
use crate::systems::raft_kv::Node;
use crate::systems::raft_kv::cluster::{self, Watch};

/// The LAN profile, with clients that read by lease.
const PROFILE: &str = r#"
name = "lan"
summary = "The LAN profile: everything works until the leader dies."

[cluster]
servers = [3, 5]

[timing]
election_timeout = ["150ms", "300ms"]
heartbeat = "50ms"
duration = "8s"

[network]
latency = { kind = "uniform", min = "200us", max = "1ms" }

[disk]
sync = { kind = "uniform", min = "500us", max = "500us" }

[workload]
rate = 200
reads = "lease"
mix = { get = 1, put = 1 }
"#;

/// When the leader is killed. By then there has been one for more than a second in all but freak seeds.
const KILL: Instant = Instant(2 * SECOND_NS);

/// Operations that were begun earlier do not count: clients still look for the leader and open their sessions.
const WARM: Instant = Instant(SECOND_NS);

/// How exactly elections and failovers are measured.
const STEP_NS: u64 = 100 * MICROSECOND_NS;

/// The events of a run are fewer by far.
const EVENTS_MAX: u64 = 10_000_000;

/// What one seed shows, in nanoseconds of virtual time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sample {
    /// From the start of the cluster to its first leader.
    pub elections: Vec<u64>,
    /// From the death of the leader to the first entry that is committed after it.
    pub failovers: Vec<u64>,
    /// From the invocation of a write to its answer, at the client.
    pub writes: Vec<u64>,
    /// From the arrival of a read at the leader to the reply.
    pub reads_served: Vec<u64>,
    /// From the invocation of a read to its answer, at the client.
    pub reads: Vec<u64>,
}

/// The scenario of the LAN profile.
#[must_use]
pub fn profile() -> Scenario {
    format::parse("the LAN profile", PROFILE).expect("the LAN profile is well-formed")
}

/// Measures one seed.
///
/// # Errors
/// If a check fails, there is no leader to kill, or nothing is committed after its death; says why in one line.
pub fn measure(seed: u64) -> Result<Sample, String> {
    let scenario = profile();
    let mut plan = generate::plan(&scenario, seed);
    plan.faults = vec![Fault {
        source: Source(0),
        begin: KILL,
        end: Instant(scenario.timing.duration_ns),
        kind: FaultKind::Crash { target: Target::Leader { otherwise: NodeId(0) } },
    }];
    let watch = Watch { checks: Checks::all(), recording: Recording::On, keep: Keep::Everything };
    let mut world = cluster::world(&scenario, seed, &plan, watch);
    world.start();
    let elected = until(&mut world, KILL, |world| world.observer().leader().is_some())?;
    let elected = elected.ok_or_else(|| format!("there is no leader after {KILL}"))?;
    // The last instant before the leader dies.
    go_on(&mut world, Instant(KILL.0 - 1))?;
    if world.observer().leader().is_none() {
        return Err(format!("there is no leader to kill at {KILL}"));
    }
    let mut sample = operations(&world);
    let committed = world.observer().committed_max();
    let end = Instant(scenario.timing.duration_ns - 1);
    let recovered = until(&mut world, end, |world| world.observer().committed_max() > committed && world.now() > KILL)?;
    let recovered = recovered.ok_or_else(|| format!("nothing was committed within {end}"))?;
    sample.elections.push(elected.0);
    sample.failovers.push(recovered.since_ns(KILL));
    sample.reads_served = world.take_trace().map(|trace| served(trace.lines())).unwrap_or_default();
    Ok(sample)
}

/// Runs until this is so, but not longer than `limit`; says when it was so.
fn until(
    world: &mut World<Node>,
    limit: Instant,
    is_so: impl Fn(&World<Node>) -> bool,
) -> Result<Option<Instant>, String> {
    while world.now() < limit {
        go_on(world, world.now().after(STEP_NS).min(limit))?;
        if is_so(world) {
            return Ok(Some(world.now()));
        }
    }
    Ok(None)
}

fn go_on(world: &mut World<Node>, limit: Instant) -> Result<(), String> {
    match world.run_until(limit, EVENTS_MAX) {
        Stopped::Reached => Ok(()),
        Stopped::Budget => Err(format!("the run was stopped after {EVENTS_MAX} events")),
        Stopped::Abandoned => Err(world.abandoned().map(|(_, why)| why.to_owned()).unwrap_or_default()),
        Stopped::Violation => {
            let violation = world.violation().expect("the run stopped because of a violation");
            Err(format!("{} at {}: {}", violation.check, violation.at, violation.why))
        }
    }
}

/// What clients saw so far, once they were warm.
fn operations(world: &World<Node>) -> Sample {
    let mut sample = Sample::default();
    for operation in world.history().operations() {
        if let Outcome::Returned { at, .. } = operation.outcome
            && operation.invoked_at >= WARM
        {
            let took_ns = at.since_ns(operation.invoked_at);
            if operation.op.only_reads() { sample.reads.push(took_ns) } else { sample.writes.push(took_ns) }
        }
    }
    sample
}

/// How long servers had the reads that they answered before the leader died, once clients were warm.
fn served(lines: &[Line]) -> Vec<u64> {
    let mut arrived: BTreeMap<(NodeId, &str, &str), Instant> = BTreeMap::new();
    let mut served = Vec::new();
    for line in lines.iter().filter(|line| (WARM..KILL).contains(&line.at)) {
        let mut words = line.text.split_whitespace().skip(1);
        let (Some(node), Some(client), Some(message), Some(read)) =
            (line.node, words.next(), words.next(), words.next())
        else {
            continue;
        };
        if (line.mark(), message) == (Mark::Arrived, "Read") {
            arrived.insert((node, client, read), line.at);
        } else if (line.mark(), message) == (Mark::Sent, "Reply") {
            let is_answer = !words.next().is_some_and(|word| word.starts_with("refused"));
            if let Some(since) = arrived.remove(&(node, client, read)).filter(|_| is_answer) {
                served.push(line.at.since_ns(since));
            }
        }
    }
    served
}

/// What many seeds show.
#[derive(Clone, Debug, Default)]
pub struct Figures {
    sample: Sample,
    /// Seeds that could not be measured, and why.
    failed: Vec<(u64, String)>,
}

/// One line of the result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// What was measured.
    pub what: &'static str,
    /// How often.
    pub count: u64,
    /// Half took no longer, in nanoseconds; `None` if nothing was measured.
    pub p50_ns: Option<u64>,
    /// All but one in a hundred took no longer, in nanoseconds.
    pub p99_ns: Option<u64>,
    /// What is promised.
    pub bounds: Bounds,
}

/// What is promised: figures below these, in nanoseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bounds {
    /// For half of all.
    pub p50_ns: Option<u64>,
    /// For all but one in a hundred.
    pub p99_ns: Option<u64>,
}

impl Figures {
    /// Adds what a seed showed.
    pub fn add(&mut self, seed: u64, measured: Result<Sample, String>) {
        let Sample { elections, failovers, writes, reads_served, reads } = match measured {
            Ok(sample) => sample,
            Err(why) => return self.failed.push((seed, why)),
        };
        self.sample.elections.extend(elections);
        self.sample.failovers.extend(failovers);
        self.sample.writes.extend(writes);
        self.sample.reads_served.extend(reads_served);
        self.sample.reads.extend(reads);
    }

    /// Seeds that could not be measured, and why, in the order of the seeds.
    #[must_use]
    pub fn failed(&self) -> Vec<&(u64, String)> {
        let mut failed: Vec<&(u64, String)> = self.failed.iter().collect();
        failed.sort_unstable();
        failed
    }

    /// The result.
    #[must_use]
    pub fn rows(&self) -> Vec<Row> {
        const BELOW_2_S: Bounds = Bounds { p50_ns: None, p99_ns: Some(2 * SECOND_NS) };
        let Sample { elections, failovers, writes, reads_served, reads } = &self.sample;
        vec![
            row("election, from the start to a leader", elections, BELOW_2_S),
            row("failover, from the leader's death to a commit", failovers, BELOW_2_S),
            row(
                "write, at the client",
                writes,
                Bounds { p50_ns: Some(5 * MILLISECOND_NS), p99_ns: Some(10 * MILLISECOND_NS) },
            ),
            row("read by lease, at the leader", reads_served, Bounds { p50_ns: None, p99_ns: Some(MILLISECOND_NS) }),
            row("read by lease, at the client", reads, Bounds::default()),
        ]
    }

    /// Whether every seed was measured, and everything promised holds.
    #[must_use]
    pub fn is_met(&self) -> bool {
        self.failed.is_empty() && self.rows().iter().all(Row::is_met)
    }
}

fn row(what: &'static str, spans_ns: &[u64], bounds: Bounds) -> Row {
    let mut sorted = spans_ns.to_vec();
    sorted.sort_unstable();
    let (p50_ns, p99_ns) = (percentile(&sorted, 50), percentile(&sorted, 99));
    Row { what, count: sorted.len() as u64, p50_ns, p99_ns, bounds }
}

/// The smallest figure that this share of all does not exceed (nearest rank).
fn percentile(sorted: &[u64], percent: usize) -> Option<u64> {
    let rank = (sorted.len() * percent).div_ceil(100);
    sorted.get(rank.checked_sub(1)?).copied()
}

impl Row {
    /// Whether what is promised holds.
    #[must_use]
    pub fn is_met(&self) -> bool {
        let is_below = |figure: Option<u64>, bound: Option<u64>| match (figure, bound) {
            (_, None) => true,
            (Some(figure), Some(bound)) => figure < bound,
            (None, Some(_)) => false,
        };
        is_below(self.p50_ns, self.bounds.p50_ns) && is_below(self.p99_ns, self.bounds.p99_ns)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use whitewater_sim::trace::What;

    #[test]
    fn percentiles_are_by_nearest_rank() {
        let hundred: Vec<u64> = (1..=100).collect();
        assert_eq!([1, 50, 99, 100].map(|percent| percentile(&hundred, percent)), [1, 50, 99, 100].map(Some));
        assert_eq!((percentile(&[7], 99), percentile(&[], 50)), (Some(7), None));
        assert_eq!([50, 51].map(|percent| percentile(&[1, 2], percent)), [Some(1), Some(2)]);
    }

    #[test]
    fn nothing_measured_keeps_no_promise() {
        let mut figures = Figures::default();
        assert!(!figures.is_met());
        let sample = |write_ns: u64| Sample {
            elections: vec![1],
            failovers: vec![2 * SECOND_NS - 1],
            writes: vec![write_ns],
            reads_served: vec![0],
            reads: vec![1],
        };
        figures.add(0, Ok(sample(5 * MILLISECOND_NS - 1)));
        assert!(figures.is_met());
        figures.add(1, Err("broken".to_owned()));
        assert!(!figures.is_met() && figures.failed() == [&(1, "broken".to_owned())]);
        let mut slow = Figures::default();
        slow.add(0, Ok(sample(5 * MILLISECOND_NS)));
        assert!(!slow.is_met(), "a bound is to be stayed below");
    }

    #[test]
    fn a_read_is_served_from_its_arrival_to_its_reply() {
        let line = |ms: u64, node: u32, mark: Mark, text: &str| Line {
            event: ms,
            at: Instant(ms * MILLISECOND_NS),
            node: Some(NodeId(node)),
            what: What::Note(mark),
            text: text.to_owned(),
        };
        let lines = [
            line(1_100, 0, Mark::Arrived, "<- n5 Read r7 get(\"k1\") by lease, at the leader"),
            line(1_101, 0, Mark::Arrived, "<- n6 Read r7 get(\"k1\") by lease, at the leader"),
            line(1_102, 1, Mark::Arrived, "<- n5 Read r7 get(\"k1\") by lease, at the leader"),
            line(1_103, 0, Mark::Sent, "-> n6 Reply r7 missing at 3 (arrives 1.2s)"),
            line(1_104, 1, Mark::Sent, "-> n5 Reply r7 refused, n0 leads (arrives 1.2s)"),
            line(1_107, 0, Mark::Sent, "-> n5 Reply r7 \"v1\" at 3 (arrives 1.2s)"),
        ];
        assert_eq!(served(&lines), [2 * MILLISECOND_NS, 7 * MILLISECOND_NS]);
    }

    #[test]
    fn a_lan_keeps_what_is_promised() {
        let mut figures = Figures::default();
        for seed in 0..10 {
            figures.add(seed, measure(seed));
        }
        assert!(figures.is_met(), "{figures:?}");
        let counts: Vec<u64> = figures.rows().iter().map(|row| row.count).collect();
        assert!(counts[..2] == [10, 10] && counts[2..].iter().all(|count| *count > 500), "{counts:?}");
        assert_eq!(measure(3), measure(3));
    }
}
