//! From a scenario and a seed to the data of a run: cluster size, fault plan, and every client's script.
//!
//! Everything is drawn up front, from a stream of its own for each fault mix and each client, so that a plan can be
//! looked at, edited and run again, and leaving one part out changes no other.

use std::sync::Arc;

use whitewater_kv::Operation;
use whitewater_sim::fault::{Fault, FaultKind, Target};
use whitewater_sim::rng::{Purpose, RunKey, Stream};
use whitewater_sim::time::SECOND_NS;
use whitewater_sim::{Instant, NodeId};

use crate::scenario::{FaultMix, Mix, MixKind, Scenario, Span, Who, Workload};
use crate::systems::raft_kv::Planned;

/// The data of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Number of servers.
    pub servers: u32,
    /// What goes wrong, mix by mix.
    pub faults: Vec<Fault>,
    /// What each client asks.
    pub scripts: Vec<Arc<[Planned]>>,
}

/// Draws the plan of a run.
#[must_use]
pub fn plan(scenario: &Scenario, seed: u64) -> Plan {
    let key = RunKey::new(seed);
    let choice = key.stream(Purpose::Scenario, 0).below(scenario.servers.len() as u64);
    let servers = scenario.servers[choice as usize];
    let faults = scenario.faults.iter().zip(0..).flat_map(|(mix, place)| {
        let stream = key.stream(Purpose::Faults, place);
        faults(mix, servers, scenario.timing.duration_ns, stream)
    });
    Plan { servers, faults: faults.collect(), scripts: scripts(scenario, &key) }
}

fn faults(mix: &FaultMix, servers: u32, duration_ns: u64, mut stream: Stream) -> Vec<Fault> {
    let mut faults = Vec::new();
    let mut now = Instant::START;
    loop {
        let begin = now.after(draw(mix.every, &mut stream));
        let end = begin.after(draw(mix.lasting, &mut stream));
        if begin.0 >= duration_ns {
            return faults;
        }
        let mut order: Vec<NodeId> = (0..servers).map(NodeId).collect();
        stream.shuffle(&mut order);
        let kind = kind(&mix.kind, &order, &mut stream);
        faults.push(Fault { begin, end, kind });
        now = end;
    }
}

fn draw(span: Span, stream: &mut Stream) -> u64 {
    stream.between(span.min_ns, span.max_ns)
}

fn kind(kind: &MixKind, order: &[NodeId], stream: &mut Stream) -> FaultKind {
    match kind {
        MixKind::Cut { target: who, direction, reach } => {
            FaultKind::Cut { target: target(who, order, stream), direction: *direction, reach: *reach }
        }
        MixKind::Link { target: who } => FaultKind::CutLink {
            from: target(who, order, stream),
            to: Target::Follower { choices: [order[order.len() - 1], order[order.len() / 2]] },
        },
        MixKind::Crash { target: who } => FaultKind::Crash { target: target(who, order, stream) },
        MixKind::Pause { target: who } => FaultKind::Pause { target: target(who, order, stream) },
        MixKind::Links { profile } => FaultKind::Links { profile: *profile },
        MixKind::SlowDisk { target: who, factor } => {
            FaultKind::SlowDisk { target: target(who, order, stream), factor: u64::from(*factor) }
        }
    }
}

/// The target, with what is open about it decided by the order into which the servers were shuffled.
fn target(who: &Who, order: &[NodeId], stream: &mut Stream) -> Target {
    let minority = ((order.len() - 1) / 2).max(1);
    match who {
        Who::Leader => Target::Leader { otherwise: order[0] },
        Who::Follower => Target::Follower { choices: [order[0], order[1 % order.len()]] },
        Who::Random => Target::Nodes(vec![order[0]]),
        Who::Minority => {
            let size = stream.between(1, minority as u64) as usize;
            Target::Nodes(order[..size].to_vec())
        }
        Who::LeaderAndMinority => Target::LeaderAnd { others: order.to_vec(), size: minority },
        Who::All => Target::Nodes(order.to_vec()),
        Who::Nodes(nodes) => Target::Nodes(nodes.clone()),
    }
}

/// Every client's operations: a Poisson process each until the end of the safety phase, and two fresh operations, one
/// that writes and one that reads, once everything is healed.
fn scripts(scenario: &Scenario, key: &RunKey) -> Vec<Arc<[Planned]>> {
    let healed = Instant(scenario.timing.duration_ns);
    let interval_ns = u64::from(scenario.clients) * SECOND_NS / u64::from(scenario.workload.rate);
    let mut streams: Vec<Stream> = (0..scenario.clients).map(|place| key.stream(Purpose::Workload, place)).collect();
    let pause_ns = |stream: &mut Stream| stream.exponential_ns(interval_ns).max(1);
    let mut arrivals: Vec<Instant> = streams.iter_mut().map(|stream| Instant::START.after(pause_ns(stream))).collect();
    let mut scripts: Vec<Vec<Planned>> = vec![Vec::new(); streams.len()];
    let mut author = Author::new(&scenario.workload);
    // In the order of time over all clients, because the author keeps track of what each key would hold.
    while let Some((not_before, client)) = arrivals.iter().copied().zip(0..).min()
        && not_before < healed
    {
        let stream: &mut Stream = &mut streams[client];
        let operation = author.operation(stream);
        scripts[client].push(Planned { not_before, not_after: healed, operation });
        arrivals[client] = not_before.after(pause_ns(stream));
    }
    let (writes, reads) =
        (Mix { get: 0, ..ANYTHING }, Mix { put: 0, append: 0, delete: 0, compare_and_swap: 0, ..ANYTHING });
    for (script, stream) in scripts.iter_mut().zip(&mut streams) {
        for mix in [writes, reads] {
            author.mix = mix;
            let operation = author.operation(stream);
            script.push(Planned { not_before: healed.after(1), not_after: Instant(u64::MAX), operation });
        }
    }
    scripts.into_iter().map(Arc::from).collect()
}

const ANYTHING: Mix = Mix { get: 1, put: 1, append: 1, delete: 1, compare_and_swap: 1 };

/// Makes up operations. Every written value is different, so that a wrong answer shows; a compare-and-swap expects what
/// the key would hold if everything planned before had happened, so that it often succeeds.
struct Author {
    keys: Vec<Arc<str>>,
    mix: Mix,
    /// What each key would hold.
    likely: Vec<Option<String>>,
    written: u64,
}

impl Author {
    fn new(workload: &Workload) -> Author {
        let keys: Vec<Arc<str>> = (0..workload.keys).map(|number| format!("k{number}").into()).collect();
        Author { likely: vec![None; keys.len()], keys, mix: workload.mix, written: 0 }
    }

    fn operation(&mut self, stream: &mut Stream) -> Operation {
        let number = stream.below(self.keys.len() as u64) as usize;
        let key = Arc::clone(&self.keys[number]);
        let Mix { get, put, append, delete, compare_and_swap } = self.mix;
        let kinds = [
            (Kind::Get, get),
            (Kind::Put, put),
            (Kind::Append, append),
            (Kind::Delete, delete),
            (Kind::Swap, compare_and_swap),
        ];
        let mut left = stream.below(kinds.iter().map(|(_, weight)| u64::from(*weight)).sum());
        let mut chosen = Kind::Get;
        for (kind, weight) in kinds {
            if left < u64::from(weight) {
                chosen = kind;
                break;
            }
            left -= u64::from(weight);
        }
        self.written += 1;
        let fresh = format!("v{}", self.written);
        let likely = &mut self.likely[number];
        let mut expected = None;
        match chosen {
            Kind::Get => {}
            Kind::Put => *likely = Some(fresh.clone()),
            Kind::Swap => expected = likely.replace(fresh.clone()).map(Arc::from),
            Kind::Append => likely.get_or_insert_default().push_str(&fresh),
            Kind::Delete => *likely = None,
        }
        let value = fresh.into();
        match chosen {
            Kind::Get => Operation::Get { key },
            Kind::Put => Operation::Put { key, value },
            Kind::Append => Operation::Append { key, value },
            Kind::Delete => Operation::Delete { key },
            Kind::Swap => Operation::CompareAndSwap { key, expected, new: value },
        }
    }
}

#[derive(Clone, Copy)]
enum Kind {
    Get,
    Put,
    Append,
    Delete,
    Swap,
}
