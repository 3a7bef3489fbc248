//! The fault plan of a run: from mixes that strike again and again to faults, each with its beginning, end and target.
//!
//! A mix draws from a stream of its own. What is open about a target is decided by the order into which the servers are
//! shuffled for it; who leads is not known before the run, so such targets stay open until the fault begins.

use whitewater_sim::fault::{Fault, FaultKind, Shape, Source, Target};
use whitewater_sim::rng::{PPM, Purpose, RunKey, Stream};
use whitewater_sim::{Instant, NodeId};

use super::draw;
use crate::scenario::{FaultMix, MixKind, Scenario, Way, Who};

/// Who there is to be hurt.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cast {
    pub(super) machines: u32,
    pub(super) clients: u32,
    pub(super) racks: u32,
}

/// The faults of all mixes.
pub(super) fn faults(scenario: &Scenario, cast: Cast, key: &RunKey) -> Vec<Fault> {
    let of_mix = |(mix, place): (&FaultMix, u16)| {
        let stream = key.stream(Purpose::Faults, u32::from(place));
        strikes(mix, Source(place), cast, scenario.timing.duration_ns, stream)
    };
    scenario.faults.iter().zip(0..).flat_map(of_mix).collect()
}

fn strikes(mix: &FaultMix, source: Source, cast: Cast, duration_ns: u64, mut stream: Stream) -> Vec<Fault> {
    let mut faults = Vec::new();
    let mut now = Instant::START;
    loop {
        let begin = now.after(draw(mix.every, &mut stream));
        let lasting_ns = draw(mix.lasting, &mut stream);
        if begin.0 >= duration_ns {
            return faults;
        }
        let mut choices = Choices::new(cast, Strikes::AgainAndAgain, &mut stream);
        for Strike { begin, end, kind } in choices.strikes(&mix.kind, begin, lasting_ns) {
            now = now.max(end);
            if begin.0 < duration_ns {
                faults.push(Fault { source, begin, end, kind });
            }
        }
    }
}

/// One fault of those that a mix makes at a time.
struct Strike {
    begin: Instant,
    end: Instant,
    kind: FaultKind,
}

/// Decides what a mix leaves open.
pub(super) struct Choices<'s> {
    cast: Cast,
    /// All servers, shuffled.
    order: Vec<NodeId>,
    strikes: Strikes,
    stream: &'s mut Stream,
}

/// Whether a fault strikes again and again, each time somewhat differently, or once, exactly as it is written down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Strikes {
    AgainAndAgain,
    Once,
}

impl<'s> Choices<'s> {
    pub(super) fn new(cast: Cast, strikes: Strikes, stream: &'s mut Stream) -> Choices<'s> {
        let mut order: Vec<NodeId> = (0..cast.machines).map(NodeId).collect();
        stream.shuffle(&mut order);
        Choices { cast, order, strikes, stream }
    }

    fn strikes(&mut self, kind: &MixKind, begin: Instant, lasting_ns: u64) -> Vec<Strike> {
        match kind {
            MixKind::Swizzle => self.swizzle(begin, lasting_ns),
            MixKind::CrashLoop { target, times, up } => {
                let first = FaultKind::Crash { target: self.target(target) };
                let again = FaultKind::Crash { target: Target::LastCrashed { otherwise: self.order[0] } };
                let mut begin = begin;
                let mut crashes = Vec::new();
                for number in 0..*times {
                    let kind = if number == 0 { first.clone() } else { again.clone() };
                    let end = begin.after(lasting_ns);
                    crashes.push(Strike { begin, end, kind });
                    begin = end.after(draw(*up, self.stream).max(1));
                }
                crashes
            }
            MixKind::RollingRestart { gap } => {
                let mut begin = begin;
                let mut crashes = Vec::new();
                for node in self.order.clone() {
                    let end = begin.after(lasting_ns);
                    crashes.push(Strike { begin, end, kind: FaultKind::Crash { target: Target::Nodes(vec![node]) } });
                    begin = end.after(draw(*gap, self.stream).max(1));
                }
                crashes
            }
            MixKind::Cut { .. }
            | MixKind::Link { .. }
            | MixKind::Crash { .. }
            | MixKind::Pause { .. }
            | MixKind::Links { .. }
            | MixKind::SlowDisk { .. }
            | MixKind::Wipe { .. }
            | MixKind::ClockStep { .. }
            | MixKind::Partition { .. }
            | MixKind::CutLinks { .. }
            | MixKind::Clog { .. }
            | MixKind::Messages { .. }
            | MixKind::CrashAt { .. }
            | MixKind::SlowServer { .. }
            | MixKind::DiskError { .. }
            | MixKind::Damage { .. }
            | MixKind::ClockFreeze { .. }
            | MixKind::ClientCrash { .. } => {
                vec![Strike { begin, end: begin.after(lasting_ns), kind: self.kind(kind) }]
            }
        }
    }

    /// A random group is clogged one by one, and released one by one, within the time that there is.
    fn swizzle(&mut self, begin: Instant, lasting_ns: u64) -> Vec<Strike> {
        let size = self.stream.between(1, self.order.len() as u64) as usize;
        let half_ns = (lasting_ns / 2).max(1);
        let mut strikes: Vec<Strike> = Vec::new();
        for node in self.order[..size].iter().copied() {
            let begin = begin.after(self.stream.below(half_ns));
            let end = begin.after(half_ns).after(self.stream.below(half_ns)).after(1);
            let target = Target::Nodes(vec![node]);
            let kind = FaultKind::Clog {
                target,
                direction: whitewater_sim::fault::Direction::Both,
                reach: whitewater_sim::fault::Reach::Everyone,
            };
            strikes.push(Strike { begin, end, kind });
        }
        strikes
    }

    /// A fault of a kind that strikes once.
    ///
    /// # Panics
    /// If it strikes several times.
    pub(super) fn kind(&mut self, kind: &MixKind) -> FaultKind {
        match kind {
            MixKind::Cut { target, direction, reach } => {
                FaultKind::Cut { target: self.target(target), direction: *direction, reach: *reach }
            }
            MixKind::Link { target } => FaultKind::CutLink {
                from: self.target(target),
                to: Target::Follower { choices: [self.order[self.order.len() - 1], self.order[self.order.len() / 2]] },
            },
            MixKind::Crash { target } => FaultKind::Crash { target: self.target(target) },
            MixKind::Pause { target } => FaultKind::Pause { target: self.target(target) },
            MixKind::Links { profile } => FaultKind::Links { profile: *profile },
            MixKind::SlowDisk { target, factor } => {
                FaultKind::SlowDisk { target: self.target(target), factor: u64::from(*factor) }
            }
            MixKind::Wipe { target } => FaultKind::Wipe { target: self.target(target) },
            MixKind::ClockStep { target, by, way } => {
                let target = self.target(target);
                let distance = draw(*by, self.stream);
                let distance = i64::try_from(distance).expect("no span of a scenario is longer than an hour");
                let is_forward = match way {
                    Way::Forward => true,
                    Way::Backward => false,
                    Way::Either => self.stream.chance(PPM / 2),
                };
                FaultKind::ClockStep { target, by_ns: if is_forward { distance } else { -distance } }
            }
            MixKind::Partition { shape } => FaultKind::CutLinks { links: self.links(*shape), shape: *shape },
            MixKind::CutLinks { links } => FaultKind::CutLinks { links: links.clone(), shape: Shape::Random },
            MixKind::Clog { target, direction, reach } => {
                FaultKind::Clog { target: self.target(target), direction: *direction, reach: *reach }
            }
            MixKind::Messages { from, filter } => {
                FaultKind::Filter { from: from.as_ref().map(|who| self.target(who)), filter: *filter }
            }
            MixKind::CrashAt { target, point, skip_max, down } => {
                let skip = match self.strikes {
                    Strikes::AgainAndAgain => self.stream.between(0, u64::from(*skip_max)) as u32,
                    Strikes::Once => *skip_max,
                };
                let down_ns = draw(*down, self.stream);
                FaultKind::CrashAt { target: self.target(target), point: *point, skip, down_ns }
            }
            MixKind::SlowServer { target, service } => {
                FaultKind::Slow { target: self.target(target), service: *service }
            }
            MixKind::DiskError { target, failure } => {
                FaultKind::FailDisk { target: self.target(target), failure: *failure }
            }
            MixKind::Damage { target, damage } => FaultKind::Damage { target: self.target(target), damage: *damage },
            MixKind::ClockFreeze { target } => FaultKind::FreezeClock { target: self.target(target) },
            MixKind::ClientCrash { client } => {
                let any = self.stream.below(u64::from(self.cast.clients)) as u32;
                FaultKind::CrashClient { client: client.unwrap_or(any) }
            }
            MixKind::Swizzle | MixKind::CrashLoop { .. } | MixKind::RollingRestart { .. } => {
                unreachable!("this strikes several times: {kind:?}")
            }
        }
    }

    /// The directed links that are cut so that the servers, in their shuffled order, form a shape.
    fn links(&mut self, shape: Shape) -> Vec<(NodeId, NodeId)> {
        let count = self.order.len();
        let half = count / 2;
        let is_cut = |one: usize, other: usize, stream: &mut Stream| match shape {
            Shape::Halves => (one < half) != (other < half),
            Shape::Bridge => one != half && other != half && (one < half) != (other < half),
            Shape::Ring => (one + 1) % count != other && (other + 1) % count != one,
            Shape::Random => stream.chance(PPM / 3),
        };
        let mut links = Vec::new();
        for one in 0..count {
            for other in 0..count {
                if one != other && is_cut(one, other, self.stream) {
                    links.push((self.order[one], self.order[other]));
                }
            }
        }
        links
    }

    /// The target, with what is open about it decided by the order into which the servers were shuffled.
    fn target(&mut self, who: &Who) -> Target {
        let order = &self.order;
        let minority = ((order.len() - 1) / 2).max(1);
        match who {
            Who::Leader => Target::Leader { otherwise: order[0] },
            Who::Follower => Target::Follower { choices: [order[0], order[1 % order.len()]] },
            Who::Random => Target::Nodes(vec![order[0]]),
            Who::Minority => {
                let size = self.stream.between(1, minority as u64) as usize;
                Target::Nodes(order[..size].to_vec())
            }
            Who::LeaderAndMinority => Target::LeaderAnd { others: order.to_vec(), size: minority },
            Who::All => Target::Nodes(order.to_vec()),
            Who::MajorityWithoutLeader => Target::WithoutLeader {
                others: order.to_vec(),
                size: (order.len() / 2 + 1).min(order.len() - 1).max(1),
            },
            Who::Rack => {
                let rack = order[0].0 % self.cast.racks;
                Target::Nodes(
                    (0..self.cast.machines).filter(|node| node % self.cast.racks == rack).map(NodeId).collect(),
                )
            }
            Who::LastCrashed => Target::LastCrashed { otherwise: order[0] },
            Who::Nodes(nodes) => Target::Nodes(nodes.clone()),
        }
    }
}
