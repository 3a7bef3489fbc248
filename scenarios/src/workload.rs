//! What clients ask: operations made up from a stream of random numbers, a script for each client.

use std::sync::Arc;

use whitewater_kv::Operation;
use whitewater_kv::command::{Compare, Condition};
use whitewater_sim::Instant;
use whitewater_sim::rng::{PPM, Purpose, RunKey, Stream};
use whitewater_sim::time::SECOND_NS;

use crate::generate::{FOREVER, Path, Planned, Script};
use crate::scenario::{Mix, Reads, Scenario, Workload};

/// Every client's operations: a Poisson process each until the end of the safety phase, and two fresh operations, one
/// that writes and one that reads, once everything is healed.
pub(crate) fn scripts(scenario: &Scenario, key: &RunKey) -> Vec<Script> {
    let healed = Instant(scenario.timing.duration_ns);
    let mut streams = streams(scenario, key);
    let mut author = Author::new(&scenario.workload);
    let mut scripts = author.busy(scenario, &mut streams, healed);
    for (script, stream) in scripts.iter_mut().zip(&mut streams) {
        for mix in [WRITES, READS] {
            author.mix = mix;
            let (operation, path) = author.operation(stream);
            script.push(Planned { not_before: healed.after(1), not_after: FOREVER, operation, path });
        }
    }
    scripts.into_iter().map(Script::once).collect()
}

/// Every client's operations for a run without end: the same again after every period of so many nanoseconds.
#[must_use]
pub fn endless(scenario: &Scenario, seed: u64, period_ns: u64) -> Vec<Script> {
    let mut streams = streams(scenario, &RunKey::new(seed));
    let mut scripts = Author::new(&scenario.workload).busy(scenario, &mut streams, Instant(period_ns));
    for planned in scripts.iter_mut().flatten() {
        // What could not begin in its own second will not be missed.
        planned.not_after = planned.not_before.after(SECOND_NS);
    }
    scripts.into_iter().map(|planned| Script::repeated(planned, period_ns)).collect()
}

const NOTHING: Mix =
    Mix { get: 0, put: 0, append: 0, delete: 0, compare_and_swap: 0, range: 0, transaction: 0, batch: 0 };

const WRITES: Mix = Mix { put: 1, append: 1, delete: 1, compare_and_swap: 1, ..NOTHING };

const READS: Mix = Mix { get: 1, ..NOTHING };

fn streams(scenario: &Scenario, key: &RunKey) -> Vec<Stream> {
    (0..scenario.clients).map(|place| key.stream(Purpose::Workload, place)).collect()
}

/// Makes up operations. Every written value is different, so that a wrong answer shows; what is compared is what the key
/// would hold if everything planned before had happened, so that it is often so.
struct Author {
    keys: Vec<Arc<str>>,
    mix: Mix,
    reads: Reads,
    /// What each key would hold.
    likely: Vec<Option<String>>,
    written: u64,
}

impl Author {
    fn new(workload: &Workload) -> Author {
        let keys: Vec<Arc<str>> = (0..workload.keys).map(|number| format!("k{number}").into()).collect();
        Author { likely: vec![None; keys.len()], keys, mix: workload.mix, reads: workload.reads, written: 0 }
    }

    /// Operations of all clients until `end`, in the order of time over all of them, because the author keeps track of
    /// what each key would hold.
    fn busy(&mut self, scenario: &Scenario, streams: &mut [Stream], end: Instant) -> Vec<Vec<Planned>> {
        let interval_ns = u64::from(scenario.clients) * SECOND_NS / u64::from(scenario.workload.rate);
        let pause_ns = |stream: &mut Stream| stream.exponential_ns(interval_ns).max(1);
        let mut arrivals: Vec<Instant> =
            streams.iter_mut().map(|stream| Instant::START.after(pause_ns(stream))).collect();
        let mut scripts: Vec<Vec<Planned>> = vec![Vec::new(); streams.len()];
        while let Some((not_before, client)) = arrivals.iter().copied().zip(0..).min()
            && not_before < end
        {
            let stream: &mut Stream = &mut streams[client];
            let (operation, path) = self.operation(stream);
            scripts[client].push(Planned { not_before, not_after: end, operation, path });
            arrivals[client] = not_before.after(pause_ns(stream));
        }
        scripts
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
        stream.below(self.keys.len() as u64) as usize
    }

    fn single(&mut self, kind: Single, place: usize) -> Operation {
        let key = Arc::clone(&self.keys[place]);
        self.written += 1;
        let fresh = format!("v{}", self.written);
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
