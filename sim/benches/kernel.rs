//! What the bare kernel costs: messages between nodes that do nothing but pass them on, beside a hand-written
//! `BinaryHeap` loop that makes the same random draws and moves the same 64-byte messages.
//!
//! `cargo bench -p whitewater-sim --bench kernel` prints both for several numbers of messages in flight, and then their
//! ratio, measured in turns so that a noisy machine hits both alike.
#![expect(clippy::disallowed_types, reason = "a bench reads the wall clock")]

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::convert::Infallible;
use std::fmt;
use std::hint::black_box;
use std::time::Instant as WallClock;

use divan::Bencher;
use divan::counter::ItemsCount;
use whitewater_sim::disk::{CrashKeeps, DiskProfile, Losses, SyncId};
use whitewater_sim::rng::{Purpose, RunKey, Stream};
use whitewater_sim::{
    Checks, ClockProfile, Context, Instant, Keep, Latency, LinkProfile, Message, NodeId, Process, Recording, TimerId,
    World, WorldConfig,
};

const NODES: u32 = 5;
const MESSAGES: u64 = 200_000;
const LATENCY: Latency = Latency::Uniform { min_ns: 200_000, max_ns: 1_000_000 };

#[derive(Clone, Copy)]
struct Parcel([u64; 8]);

impl fmt::Display for Parcel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "parcel {}", self.0[0])
    }
}

impl Message for Parcel {
    fn fingerprint(&self) -> u64 {
        self.0[0]
    }
}

/// Passes every parcel on to its neighbour; the first node brings them into the world.
struct Relay {
    parcels: u64,
}

impl Process for Relay {
    type Message = Parcel;
    type Operation = Infallible;
    type Answer = Infallible;

    fn boot(&mut self, context: &mut Context<'_, Self>) {
        for number in 0..self.parcels {
            context.send(NodeId(1), Parcel([number; 8]));
        }
    }
    fn message(&mut self, _: NodeId, parcel: Parcel, context: &mut Context<'_, Self>) {
        let next = NodeId((context.node().0 + 1) % NODES);
        context.send(next, parcel);
    }
    fn timer(&mut self, _: TimerId, _: &mut Context<'_, Self>) {}
    fn synced(&mut self, _: SyncId, _: &mut Context<'_, Self>) {}
}

fn kernel(in_flight: u64) -> u64 {
    let config = WorldConfig {
        seed: 1,
        servers: NODES,
        clients: 0,
        links: LinkProfile::reliable(LATENCY),
        disks: DiskProfile { sync: Latency::constant(1), crash_keeps: CrashKeeps::Nothing, losses: Losses::Survived },
        checks: Checks::all(),
        recording: Recording::Off,
        clocks: ClockProfile::default(),
        keep: Keep::Everything,
    };
    let mut world = World::new(&config, move |node, _| Relay { parcels: if node.0 == 0 { in_flight } else { 0 } });
    world.start();
    world.run_until(Instant(u64::MAX), MESSAGES);
    world.digest().0
}

/// The same messages with the same draws: a latency and a fate for each, from a stream for each link.
fn hand_written(in_flight: u64) -> u64 {
    let key = RunKey::new(1);
    let mut links: Vec<Stream> = (0..NODES * NODES).map(|place| key.stream(Purpose::Link, place)).collect();
    let mut heap: BinaryHeap<Reverse<(u64, u64, usize)>> = BinaryHeap::new();
    let mut slab: Vec<(u32, Parcel)> = Vec::new();
    let mut sequence = 0;
    let mut send = |heap: &mut BinaryHeap<_>, now: u64, from: u32, to: u32, slot: usize| {
        let link = &mut links[(from * NODES + to) as usize];
        let at = now + LATENCY.sample_ns(link.draw());
        black_box(link.draw());
        sequence += 1;
        heap.push(Reverse((at, sequence, slot)));
    };
    for number in 0..in_flight {
        slab.push((1, Parcel([number; 8])));
        send(&mut heap, 0, 0, 1, number as usize);
    }
    let mut sum = 0;
    for _ in 0..MESSAGES {
        let Some(Reverse((now, _, slot))) = heap.pop() else { break };
        let (node, parcel) = slab[slot];
        sum ^= now ^ parcel.0[0];
        let next = (node + 1) % NODES;
        slab[slot] = (next, parcel);
        send(&mut heap, now, node, next, slot);
    }
    sum
}

const IN_FLIGHT: [u64; 3] = [5, 50, 500];

#[divan::bench(args = IN_FLIGHT)]
fn bare_kernel(bencher: Bencher, in_flight: u64) {
    bencher.counter(ItemsCount::new(MESSAGES)).bench(|| kernel(black_box(in_flight)));
}

#[divan::bench(args = IN_FLIGHT)]
fn hand_written_loop(bencher: Bencher, in_flight: u64) {
    bencher.counter(ItemsCount::new(MESSAGES)).bench(|| hand_written(black_box(in_flight)));
}

fn main() {
    divan::main();
    println!("\nns a message, medians of 31 runs each, taken in turns:");
    for in_flight in IN_FLIGHT {
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        for _ in 0..31 {
            ours.push(nanoseconds(|| kernel(black_box(in_flight))));
            theirs.push(nanoseconds(|| hand_written(black_box(in_flight))));
        }
        let (ours, theirs) = (median(ours), median(theirs));
        println!(
            "{in_flight:>4} in flight: kernel {ours:.1}, hand-written loop {theirs:.1}, ratio {:.2}",
            ours / theirs
        );
    }
}

fn nanoseconds(run: impl Fn() -> u64) -> f64 {
    let begin = WallClock::now();
    black_box(run());
    begin.elapsed().as_nanos() as f64 / MESSAGES as f64
}

fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}
