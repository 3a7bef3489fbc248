//! What clients ask: operations made up from a stream of random numbers, a script for each client.
//!
//! Clients work at a rate, a Poisson process each, or in a closed loop: each place of a client thinks, asks, and waits for
//! its answer (Schroeder, Wierman and Harchol-Balter, "Open Versus Closed", NSDI 2006). Loads come on top, with streams
//! and values of their own, so that leaving one out changes nothing else. What it simplifies: the script of a closed loop
//! is as long as the shortest possible answers need, and at most a million operations; a client that gets there is idle
//! from then on. Bursts make a rate higher, and no closed loop faster.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;

use whitewater_kv::Operation;
use whitewater_kv::command::{Compare, Condition};
use whitewater_sim::rng::{PPM, Purpose, RunKey, Stream};
use whitewater_sim::time::{MICROSECOND_NS, SECOND_NS};
use whitewater_sim::{Instant, Latency};

use crate::generate::{FOREVER, Path, Planned, Script, Thought, draw};
use crate::scenario::{Hot, Load, Mix, PlannedOperation, Reads, Scenario, Span, Workload};

/// Every client's operations until the end of the safety phase; and two fresh operations each, one that writes and one
/// that reads, once everything is healed. If the scenario writes the operations down they are those, and the fresh ones,
/// unless it has operations for that time too.
pub(crate) fn scripts(scenario: &Scenario, key: &RunKey) -> Vec<Script> {
    let healed = Instant(scenario.timing.duration_ns);
    let mut streams = streams(scenario, key);
    if let Some(operations) = &scenario.operations {
        let mut busy = written_down(scenario, operations);
        if operations.iter().all(|operation| operation.planned.not_before < healed) {
            Author::new(&scenario.workload, "fresh").refresh(&mut busy.planned, &mut streams, healed);
        }
        return busy.once();
    }
    let mut author = Author::new(&scenario.workload, "v");
    let mut busy = author.busy(scenario, key, &mut streams, healed);
    author.refresh(&mut busy.planned, &mut streams, healed);
    busy.once()
}

/// Every client's operations for a run without end: the same again after every period of so many nanoseconds.
#[must_use]
pub fn endless(scenario: &Scenario, seed: u64, period_ns: u64) -> Vec<Script> {
    let key = RunKey::new(seed);
    let mut streams = streams(scenario, &key);
    let mut author = Author::new(&scenario.workload, "v");
    let Busy { mut planned, mut thoughts } = author.busy(scenario, &key, &mut streams, Instant(period_ns));
    for planned in planned.iter_mut().flatten() {
        // What could not begin in its own second will not be missed.
        planned.not_after = planned.not_before.after(SECOND_NS);
    }
    for thought in thoughts.iter_mut().flatten() {
        thought.planned.not_after = FOREVER;
    }
    let script = |(planned, thoughts): (Vec<_>, Vec<_>)| Script::repeated(planned, period_ns).with_thoughts(thoughts);
    planned.into_iter().zip(thoughts).map(script).collect()
}

/// The operations of a scenario that says them all, client by client: those that have times in the order of time, and those
/// that follow answers as they stand there.
fn written_down(scenario: &Scenario, operations: &[PlannedOperation]) -> Busy {
    let clients = scenario.clients as usize;
    let mut busy = Busy { planned: vec![Vec::new(); clients], thoughts: vec![Vec::new(); clients] };
    for PlannedOperation { client, planned, think_ns } in operations {
        assert!(*client < scenario.clients, "an operation that is written down is one of a client that there is");
        let (client, planned) = (*client as usize, planned.clone());
        match *think_ns {
            Some(pause_ns) => busy.thoughts[client].push(Thought { planned, pause_ns }),
            None => busy.planned[client].push(planned),
        }
    }
    for script in &mut busy.planned {
        script.sort_by_key(|planned| planned.not_before);
    }
    busy
}

/// What clients do: operations that have times, and those that follow answers.
struct Busy {
    planned: Vec<Vec<Planned>>,
    thoughts: Vec<Vec<Thought>>,
}

impl Busy {
    /// Scripts that are done once.
    fn once(self) -> Vec<Script> {
        let script = |(planned, thoughts): (Vec<_>, Vec<_>)| Script::once(planned).with_thoughts(thoughts);
        self.planned.into_iter().zip(self.thoughts).map(script).collect()
    }
}

/// The place of the stream for the times of bursts, beyond those of the clients.
const BURSTS: u32 = 1 << 31;
/// The places of the streams of loads begin here.
const LOADS: u32 = BURSTS + 1;

/// The most operations of a run's closed loops.
const THOUGHTS_MAX: usize = 1_000_000;

/// The shortest that an operation may take for as long a script as a closed loop needs.
const ANSWER_NS_MIN: u64 = 100 * MICROSECOND_NS;

const NOTHING: Mix =
    Mix { get: 0, put: 0, append: 0, delete: 0, compare_and_swap: 0, range: 0, transaction: 0, batch: 0 };

const WRITES: Mix = Mix { put: 1, append: 1, delete: 1, compare_and_swap: 1, ..NOTHING };

const READS: Mix = Mix { get: 1, ..NOTHING };

fn streams(scenario: &Scenario, key: &RunKey) -> Vec<Stream> {
    (0..scenario.clients).map(|place| key.stream(Purpose::Workload, place)).collect()
}

/// How fast the time of a workload passes: faster in bursts.
struct Pace {
    /// Beginnings and ends, in the order of time, none of them empty.
    bursts: Vec<(Instant, Instant)>,
    factor: u64,
}

impl Pace {
    fn new(workload: &Workload, key: &RunKey, end: Instant) -> Pace {
        let Some(bursts) = workload.bursts else { return Pace { bursts: Vec::new(), factor: 1 } };
        let mut stream = key.stream(Purpose::Workload, BURSTS);
        let mut list = Vec::new();
        let mut now = Instant::START;
        while now < end {
            let begin = now.after(draw(bursts.every, &mut stream));
            now = begin.after(draw(bursts.lasting, &mut stream).max(1));
            list.push((begin, now));
        }
        Pace { bursts: list, factor: u64::from(bursts.factor).max(1) }
    }

    /// The time at which so much of the workload's time has passed.
    fn after(&self, from: Instant, mut span_ns: u64) -> Instant {
        let mut now = from;
        let first = self.bursts.partition_point(|(_, end)| *end <= from);
        for (begin, end) in &self.bursts[first..] {
            let ahead_ns = begin.since_ns(now);
            if span_ns < ahead_ns {
                break;
            }
            span_ns -= ahead_ns;
            now = now.max(*begin);
            let within_ns = end.since_ns(now).saturating_mul(self.factor);
            if span_ns < within_ns {
                return now.after(span_ns / self.factor);
            }
            span_ns -= within_ns;
            now = *end;
        }
        now.after(span_ns)
    }
}

/// Makes up operations. Every written value is different, so that a wrong answer shows; what is compared is what the key
/// would hold if everything planned before had happened, so that it is often so.
struct Author<'w> {
    /// What its values begin with.
    prefix: &'w str,
    /// How many bytes its values have at least.
    value_bytes: usize,
    keys: Vec<Arc<str>>,
    hot: Option<Hot>,
    mix: Mix,
    reads: Reads,
    /// What each key would hold.
    likely: Vec<Option<String>>,
    written: u64,
}

impl<'w> Author<'w> {
    fn new(workload: &Workload, prefix: &'w str) -> Author<'w> {
        let keys: Vec<Arc<str>> = (0..workload.keys).map(|number| format!("k{number}").into()).collect();
        Author {
            prefix,
            value_bytes: workload.value_bytes as usize,
            likely: vec![None; keys.len()],
            keys,
            hot: workload.hot,
            mix: workload.mix,
            reads: workload.reads,
            written: 0,
        }
    }

    /// Operations of all clients until `end`.
    fn busy(&mut self, scenario: &Scenario, key: &RunKey, streams: &mut [Stream], end: Instant) -> Busy {
        let nothing = || vec![Vec::new(); streams.len()];
        let (mut planned, thoughts) = match scenario.workload.think {
            Some(think) => (nothing(), self.thoughts(scenario, think, streams, end)),
            None => (self.at_a_rate(scenario, key, streams, end), vec![Vec::new(); scenario.clients as usize]),
        };
        for (load, number) in scenario.workload.loads.iter().zip(0..) {
            let prefix = format!("load{number}v");
            let workload = &scenario.workload;
            let author = Author {
                mix: load.mix.unwrap_or(workload.mix),
                value_bytes: if load.value_bytes == 0 { workload.value_bytes } else { load.value_bytes } as usize,
                ..Author::new(workload, &prefix)
            };
            author.load(load, &mut key.stream(Purpose::Workload, LOADS + number), &mut planned, end);
        }
        Busy { planned, thoughts }
    }

    /// Operations in the order of time over all clients, because the author keeps track of what each key would hold.
    fn at_a_rate(
        &mut self,
        scenario: &Scenario,
        key: &RunKey,
        streams: &mut [Stream],
        end: Instant,
    ) -> Vec<Vec<Planned>> {
        let mut scripts: Vec<Vec<Planned>> = vec![Vec::new(); streams.len()];
        let second_ns = u64::from(scenario.clients) * SECOND_NS;
        let Some(interval_ns) = second_ns.checked_div(u64::from(scenario.workload.rate)) else { return scripts };
        let pace = Pace::new(&scenario.workload, key, end);
        let next = |from: Instant, stream: &mut Stream| pace.after(from, stream.exponential_ns(interval_ns).max(1));
        let mut arrivals: BinaryHeap<Reverse<(Instant, usize)>> = streams
            .iter_mut()
            .zip(0..)
            .map(|(stream, client)| Reverse((next(Instant::START, stream), client)))
            .collect();
        while let Some(Reverse((not_before, client))) = arrivals.pop()
            && not_before < end
        {
            let stream: &mut Stream = &mut streams[client];
            let (operation, path) = self.operation(stream);
            scripts[client].push(Planned { not_before, not_after: end, operation, path });
            arrivals.push(Reverse((next(not_before, stream), client)));
        }
        scripts
    }

    /// Operations that follow each other, in each place of each client, as they would with the shortest possible answers.
    fn thoughts(
        &mut self,
        scenario: &Scenario,
        think: Span,
        streams: &mut [Stream],
        end: Instant,
    ) -> Vec<Vec<Thought>> {
        let mut scripts: Vec<Vec<Thought>> = vec![Vec::new(); streams.len()];
        // To the leader, to a follower, and back.
        let answer_ns = shortest_ns(scenario.links.latency).saturating_mul(4).max(ANSWER_NS_MIN);
        let places =
            (0..streams.len()).flat_map(|client| (0..scenario.workload.in_flight).map(move |place| (client, place)));
        let mut free: BinaryHeap<Reverse<(Instant, usize, u32)>> =
            places.map(|(client, place)| Reverse((Instant::START, client, place))).collect();
        for _ in 0..THOUGHTS_MAX {
            let Some(Reverse((since, client, place))) = free.pop() else { break };
            let stream = &mut streams[client];
            let pause_ns = draw(think, stream);
            let not_before = since.after(pause_ns);
            if not_before < end {
                let (operation, path) = self.operation(stream);
                let planned = Planned { not_before, not_after: end, operation, path };
                scripts[client].push(Thought { planned, pause_ns });
                free.push(Reverse((not_before.after(answer_ns), client, place)));
            }
        }
        scripts
    }

    /// Shares out the operations of a load.
    fn load(mut self, load: &Load, stream: &mut Stream, scripts: &mut [Vec<Planned>], end: Instant) {
        let clients = scripts.len();
        for number in 0..load.operations {
            let share_ns = u128::from(load.over_ns) * u128::from(number) / u128::from(load.operations);
            let not_before = Instant(load.at_ns).after(share_ns as u64);
            let (operation, path) = self.operation(stream);
            scripts[number as usize % clients].push(Planned { not_before, not_after: end, operation, path });
        }
        for script in scripts {
            script.sort_by_key(|planned| planned.not_before);
        }
    }

    /// Adds one operation that writes and one that reads to every script, for when everything is healed.
    fn refresh(&mut self, scripts: &mut [Vec<Planned>], streams: &mut [Stream], healed: Instant) {
        for (script, stream) in scripts.iter_mut().zip(streams) {
            for mix in [WRITES, READS] {
                self.mix = mix;
                let (operation, path) = self.operation(stream);
                script.push(Planned { not_before: healed.after(1), not_after: FOREVER, operation, path });
            }
        }
    }

    fn operation(&mut self, stream: &mut Stream) -> (Operation, Path) {
        let operation = match self.kind(stream) {
            Kind::Single(single) => {
                let place = self.place(stream);
                self.single(single, place)
            }
            Kind::Range => self.range(stream),
            Kind::Transaction => self.transaction(stream),
            Kind::Batch => Operation::Batch(self.some(stream)),
        };
        let path = if operation.only_reads() { self.path(stream) } else { Path::Log };
        (operation, path)
    }

    fn kind(&self, stream: &mut Stream) -> Kind {
        let Mix { get, put, append, delete, compare_and_swap, range, transaction, batch } = self.mix;
        let kinds = [
            (Kind::Single(Single::Get), get),
            (Kind::Single(Single::Put), put),
            (Kind::Single(Single::Append), append),
            (Kind::Single(Single::Delete), delete),
            (Kind::Single(Single::Swap), compare_and_swap),
            (Kind::Range, range),
            (Kind::Transaction, transaction),
            (Kind::Batch, batch),
        ];
        choose(&kinds, stream)
    }

    fn path(&self, stream: &mut Stream) -> Path {
        let Reads { log, quorum, lease, any_server } = self.reads;
        let paths = [(Path::Log, log), (Path::Quorum, quorum), (Path::Lease, lease), (Path::AnyServer, any_server)];
        choose(&paths, stream)
    }

    fn place(&self, stream: &mut Stream) -> usize {
        let keys = self.keys.len() as u64;
        let Some(hot) = self.hot.filter(|hot| u64::from(hot.keys) < keys) else { return stream.below(keys) as usize };
        let hot_keys = u64::from(hot.keys);
        if stream.chance(hot.share_ppm) {
            stream.below(hot_keys) as usize
        } else {
            (hot_keys + stream.below(keys - hot_keys)) as usize
        }
    }

    fn single(&mut self, kind: Single, place: usize) -> Operation {
        let key = Arc::clone(&self.keys[place]);
        self.written += 1;
        let mut fresh = format!("{}{}", self.prefix, self.written);
        fresh.extend(std::iter::repeat_n('.', self.value_bytes.saturating_sub(fresh.len())));
        let value: Arc<str> = fresh.as_str().into();
        let likely = &mut self.likely[place];
        match kind {
            Single::Get => Operation::Get { key },
            Single::Put => {
                *likely = Some(fresh);
                Operation::Put { key, value }
            }
            Single::Append => {
                likely.get_or_insert_default().push_str(&fresh);
                Operation::Append { key, value }
            }
            Single::Delete => {
                *likely = None;
                Operation::Delete { key }
            }
            Single::Swap => {
                let expected = likely.replace(fresh).map(Arc::from);
                Operation::CompareAndSwap { key, expected, new: value }
            }
        }
    }

    /// All keys from one to another, or to the end, of which some may be left out.
    fn range(&self, stream: &mut Stream) -> Operation {
        let (one, other) = (&self.keys[self.place(stream)], &self.keys[self.place(stream)]);
        let to = if one == other { None } else { Some(Arc::clone(one.max(other))) };
        let limit = stream.between(1, RANGE_LIMIT_MAX) as u32;
        Operation::Range { from: Arc::clone(one.min(other)), to, limit }
    }

    /// A comparison of one key decides what is done to that and to another.
    fn transaction(&mut self, stream: &mut Stream) -> Operation {
        let (place, other) = (self.place(stream), self.place(stream));
        let key = Arc::clone(&self.keys[place]);
        let condition = match &self.likely[place] {
            Some(_) if stream.chance(PPM / 4) => Condition::Present,
            Some(value) => Condition::Value(value.as_str().into()),
            None if stream.chance(PPM / 4) => Condition::Revision(0),
            None => Condition::Missing,
        };
        let then = vec![
            self.single(Single::Put, place),
            self.single(Single::Append, other),
            Operation::GetRevision { key: Arc::clone(&key) },
        ];
        let otherwise = vec![self.single(Single::Get, place), self.single(Single::Get, other)];
        Operation::Transaction { compare: vec![Compare { key, condition }], then, otherwise }
    }

    /// Two or three operations of any kind on one key each.
    fn some(&mut self, stream: &mut Stream) -> Vec<Operation> {
        const KINDS: [(Single, u32); 4] =
            [(Single::Get, 2), (Single::Put, 2), (Single::Append, 1), (Single::Delete, 1)];
        let count = stream.between(2, 3);
        let one = |_| {
            let kind = choose(&KINDS, stream);
            let place = self.place(stream);
            self.single(kind, place)
        };
        (0..count).map(one).collect()
    }
}

/// The most keys that a range lists.
const RANGE_LIMIT_MAX: u64 = 8;

#[derive(Clone, Copy)]
enum Kind {
    Single(Single),
    Range,
    Transaction,
    Batch,
}

/// An operation on one key.
#[derive(Clone, Copy)]
enum Single {
    Get,
    Put,
    Append,
    Delete,
    Swap,
}

/// One of these, by their weights, which are not all zero.
fn choose<T: Copy>(weighted: &[(T, u32)], stream: &mut Stream) -> T {
    let mut left = stream.below(weighted.iter().map(|(_, weight)| u64::from(*weight)).sum());
    for (item, weight) in weighted {
        match left.checked_sub(u64::from(*weight)) {
            Some(rest) => left = rest,
            None => return *item,
        }
    }
    unreachable!("what was drawn is below the sum of the weights")
}

/// The shortest that a distribution can give.
fn shortest_ns(latency: Latency) -> u64 {
    match latency {
        Latency::Uniform { min_ns, .. } | Latency::Exponential { min_ns, .. } | Latency::LongTail { min_ns, .. } => {
            min_ns
        }
        Latency::Bimodal { usual_ns: (usual_ns, _), other_ns: (other_ns, _), .. } => usual_ns.min(other_ns),
    }
}
