//! The network's promises, tried with one node that counts and others that listen: clogs, cuts, bandwidth, wrong bits,
//! messages that are treated by their kind, and the account of what each fault did.

use std::cell::RefCell;
use std::convert::Infallible;
use std::fmt;
use std::rc::Rc;

use whitewater_sim::disk::{CrashKeeps, DiskProfile, Losses, SyncId};
use whitewater_sim::fault::{Direction, Fault, FaultKind, Filter, Reach, Shape, Source, Target};
use whitewater_sim::time::MILLISECOND_NS;
use whitewater_sim::{
    Checks, ClockProfile, Context, Instant, Keep, Latency, LinkProfile, Message, NodeId, Process, Recording,
    SourceCounts, TimerId, World, WorldConfig,
};

/// A number; odd ones are of kind 1. A wrong bit in one that 5 divides is not noticed.
#[derive(Clone, Debug)]
struct Number(u64);

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "number {}", self.0)
    }
}

impl Message for Number {
    fn fingerprint(&self) -> u64 {
        self.0
    }

    fn kind(&self) -> u8 {
        (self.0 % 2) as u8
    }

    fn size_bytes(&self) -> u64 {
        1_000
    }

    fn corrupted(&self, _: u64) -> Option<Number> {
        self.0.is_multiple_of(5).then(|| Number(self.0 + 1_000))
    }
}

/// The first node says the next number to all others every millisecond.
struct Counter {
    next: u64,
    heard: Heard,
}

/// When (in microseconds), who, and what.
type Heard = Rc<RefCell<Vec<(u64, u32, u64)>>>;

const NODES: u32 = 3;

impl Process for Counter {
    type Message = Number;
    type Operation = Infallible;
    type Answer = Infallible;

    fn boot(&mut self, context: &mut Context<'_, Self>) {
        if context.node() == NodeId(0) {
            context.arm(TimerId(0), MILLISECOND_NS);
        }
    }

    fn message(&mut self, _: NodeId, Number(number): Number, context: &mut Context<'_, Self>) {
        self.heard.borrow_mut().push((context.now().0 / 1_000, context.node().0, number));
    }

    fn timer(&mut self, timer: TimerId, context: &mut Context<'_, Self>) {
        self.next += 1;
        (1..NODES).for_each(|to| context.send(NodeId(to), Number(self.next)));
        context.arm(timer, MILLISECOND_NS);
    }

    fn synced(&mut self, _: SyncId, _: &mut Context<'_, Self>) {}
}

fn links() -> LinkProfile {
    LinkProfile::reliable(Latency::constant(MILLISECOND_NS))
}

fn world(links: LinkProfile, faults: Vec<Fault>, milliseconds: u64) -> (World<Counter>, Vec<(u64, u32, u64)>) {
    let config = WorldConfig {
        seed: 1,
        servers: NODES,
        clients: 0,
        links,
        disks: DiskProfile {
            sync: Latency::constant(MILLISECOND_NS),
            crash_keeps: CrashKeeps::Nothing,
            losses: Losses::Survived,
        },
        checks: Checks::all(),
        recording: Recording::On,
        clocks: ClockProfile::default(),
        keep: Keep::Everything,
    };
    let heard = Heard::default();
    let log = heard.clone();
    let mut world = World::new(&config, move |_, _| Counter { next: 0, heard: log.clone() });
    world.plan(faults);
    world.start();
    world.run_until(Instant(milliseconds * MILLISECOND_NS), u64::MAX);
    let heard = heard.borrow().clone();
    (world, heard)
}

/// What one node heard: when, in milliseconds, and what.
fn heard_by(node: u32, heard: &[(u64, u32, u64)]) -> Vec<(u64, u64)> {
    heard.iter().filter(|(_, who, _)| *who == node).map(|(at, _, number)| (at / 1_000, *number)).collect()
}

fn fault(source: u16, begin: u64, end: u64, kind: FaultKind) -> Fault {
    Fault { source: Source(source), begin: Instant(begin * MILLISECOND_NS), end: Instant(end * MILLISECOND_NS), kind }
}

fn node(number: u32) -> Target {
    Target::Nodes(vec![NodeId(number)])
}

fn clog(number: u32) -> FaultKind {
    FaultKind::Clog { target: node(number), direction: Direction::Both, reach: Reach::Servers }
}

const NO_FILTER: Filter = Filter {
    kinds: 0b10,
    loss_ppm: 0,
    duplicate_ppm: 0,
    corrupt_ppm: 0,
    delay_ppm: 0,
    delay: Latency::Uniform { min_ns: 0, max_ns: 0 },
    draws: None,
};

fn filter(filter: Filter) -> FaultKind {
    FaultKind::Filter { from: None, filter }
}

#[test]
fn what_a_clog_holds_arrives_in_order_when_the_last_clog_ends() {
    // The second clog begins within the first; the first one's end releases nothing.
    let (world, heard) = world(links(), vec![fault(0, 3, 5, clog(1)), fault(1, 4, 7, clog(1))], 9);
    // At the millisecond at which the clog begins or ends, the fault comes first: it was planned before.
    let expected = [(2, 1), (7, 2), (7, 3), (7, 4), (7, 5), (7, 6), (8, 7), (9, 8)];
    assert_eq!(heard_by(1, &heard), expected);
    assert_eq!(heard_by(2, &heard), (1..=8).map(|number| (number + 1, number)).collect::<Vec<_>>());
    assert_eq!(world.network_counts().held, 4);
    let effective: Vec<u64> = world.source_counts().iter().map(|counts| counts.effective).collect();
    assert_eq!(effective, [1, 1]);
}

#[test]
fn a_cut_link_passes_nothing_even_out_of_a_clog() {
    let links_cut = FaultKind::CutLinks { links: vec![(NodeId(0), NodeId(1))], shape: Shape::Random };
    let (_, heard) = world(links(), vec![fault(0, 3, 6, clog(1)), fault(1, 5, 8, links_cut)], 11);
    // Numbers 2 to 4 were held and come out into the cut; 5 and 6 are sent during it.
    assert_eq!(heard_by(1, &heard), [(2, 1), (9, 8), (10, 9), (11, 10)]);
    assert_eq!(heard_by(2, &heard).len(), 10);
}

#[test]
fn a_paused_server_gets_what_was_clogged_once_it_goes_on() {
    let pause = FaultKind::Pause { target: node(1) };
    let links = LinkProfile { latency: Latency::constant(MILLISECOND_NS * 3 / 2), ..links() };
    let (_, heard) = world(links, vec![fault(0, 3, 5, clog(1)), fault(1, 4, 7, pause)], 9);
    assert_eq!(heard_by(1, &heard), [(2, 1), (7, 2), (7, 3), (7, 4), (7, 5), (7, 6), (8, 7)]);
}

#[test]
fn messages_pass_one_after_the_other_and_a_full_queue_drops() {
    // A message takes 1.5 ms, and one is sent every millisecond; two may wait.
    let slow = LinkProfile { bandwidth: 1_000_000 * 2 / 3, queue_bytes_max: 2_500, ..links() };
    let (world, heard) = world(slow, vec![], 30);
    let one = heard_by(1, &heard);
    let gaps: Vec<u64> = heard
        .iter()
        .filter(|(_, who, _)| *who == 1)
        .map(|(at, ..)| *at)
        .collect::<Vec<_>>()
        .windows(2)
        .map(|pair| pair[1] - pair[0])
        .collect();
    assert!(gaps.iter().all(|gap| (1_499..=2_000).contains(gap)), "{gaps:?}");
    assert!(one.iter().map(|(_, number)| *number).is_sorted() && (15..=20).contains(&one.len()), "{one:?}");
    let counts = world.network_counts();
    assert_eq!((counts.queued.struck, counts.overflowed.struck), (counts.sent, counts.overflowed.mattered));
    assert!(counts.overflowed.struck > 10 && counts.queued.mattered > 30, "{counts:?}");
}

#[test]
fn when_a_limit_of_bandwidth_ends_nothing_waits_for_the_queue() {
    let profile = LinkProfile { bandwidth: 100_000, ..links() };
    let (world, heard) = world(links(), vec![fault(0, 3, 6, FaultKind::Links { profile })], 40);
    let one = heard_by(1, &heard);
    // Numbers 3 to 5 take 10 ms each; 6 and those after it do not wait for them.
    assert_eq!(one[..5], [(2, 1), (3, 2), (7, 6), (8, 7), (9, 8)]);
    let late: Vec<_> = one.iter().filter(|(_, number)| (3..6).contains(number)).collect();
    assert_eq!(late, [&(14, 3), &(24, 4), &(34, 5)]);
    assert_eq!(world.source_counts()[0], SourceCounts { planned: 1, begun: 1, effective: 1 });
}

#[test]
fn a_filter_strikes_the_kinds_that_it_names_and_leaves_the_others_alone() {
    let late = Filter { delay_ppm: 1_000_000, delay: Latency::constant(5 * MILLISECOND_NS), ..NO_FILTER };
    let (_, heard) = world(links(), vec![fault(0, 2, 6, filter(late))], 20);
    let one = heard_by(1, &heard);
    assert_eq!(one[..8], [(2, 1), (3, 2), (5, 4), (7, 6), (8, 7), (9, 3), (9, 8), (10, 9)]);
    let lost = Filter { loss_ppm: 1_000_000, ..NO_FILTER };
    let (_, heard) = world(links(), vec![fault(0, 2, 6, filter(lost))], 8);
    assert_eq!(heard_by(1, &heard), [(2, 1), (3, 2), (5, 4), (7, 6), (8, 7)]);
    let twice = Filter { duplicate_ppm: 1_000_000, ..NO_FILTER };
    let (_, heard) = world(links(), vec![fault(0, 2, 6, filter(twice))], 8);
    assert_eq!(heard_by(1, &heard), [(2, 1), (3, 2), (4, 3), (5, 3), (5, 4), (6, 5), (7, 5), (7, 6), (8, 7)]);
    let of_nobody = FaultKind::Filter { from: Some(node(1)), filter: lost };
    let (world, heard) = world(links(), vec![fault(0, 2, 6, of_nobody)], 8);
    assert_eq!((heard_by(1, &heard).len(), world.source_counts()[0].effective), (7, 0));
}

#[test]
fn wrong_bits_are_refused_or_make_another_message() {
    let (world, heard) = world(LinkProfile { corrupt_ppm: 1_000_000, ..links() }, vec![], 12);
    assert_eq!(heard_by(1, &heard), [(6, 1_005), (11, 1_010)]);
    let counts = world.network_counts();
    assert_eq!((counts.garbled.struck, counts.garbled.mattered, counts.misread), (24, 22, 4));
}

/// The draws of a fault are its own: whatever is switched on or off, what remains does what it did.
#[test]
fn leaving_a_fault_out_changes_no_other_draw() {
    let lossy = LinkProfile { loss_ppm: 200_000, latency: Latency::Uniform { min_ns: 1, max_ns: 900_000 }, ..links() };
    let losing = fault(0, 1, 500, filter(Filter { loss_ppm: 300_000, ..NO_FILTER }));
    let other = fault(1, 1, 300, filter(Filter { kinds: 0b11, loss_ppm: 300_000, ..NO_FILTER }));
    let heard = |links: LinkProfile, faults: Vec<Fault>| {
        let (_, heard) = world(links, faults, 600);
        heard.into_iter().collect::<std::collections::BTreeSet<_>>()
    };
    let plain = heard(lossy, vec![]);
    let (one, two) = (heard(lossy, vec![losing.clone()]), heard(lossy, vec![other.clone()]));
    let both = heard(lossy, vec![losing, other]);
    assert!(one.is_subset(&plain) && two.is_subset(&plain) && both.is_subset(&plain));
    assert_eq!(both, one.intersection(&two).copied().collect());
    assert!(both.len() < one.len() && both.len() < two.len() && one.len() < plain.len() && two.len() < plain.len());
    let garbled = heard(LinkProfile { corrupt_ppm: 300_000, ..lossy }, vec![]);
    let sound = |heard: std::collections::BTreeSet<(u64, u32, u64)>| -> Vec<_> {
        heard.into_iter().filter(|(_, _, number)| *number < 1_000).collect()
    };
    let sound = sound(garbled);
    assert!(sound.iter().all(|one| plain.contains(one)) && sound.len() < plain.len());
}

#[test]
fn reordering_matters_only_when_something_is_overtaken() {
    let held = |reorder_ns_max| {
        let profile = LinkProfile { reorder_ppm: 300_000, reorder_ns_max, ..links() };
        world(profile, vec![], 1_000).0.network_counts().reordered
    };
    let (short, long) = (held(900_000), held(5 * MILLISECOND_NS));
    assert!(short.struck > 500 && short.mattered == 0, "{short:?}");
    assert!(long.struck == short.struck && (301..long.struck).contains(&long.mattered), "{long:?}");
}

#[test]
fn what_happens_to_the_dead_does_not_matter() {
    let crash = fault(0, 1, 1_000, FaultKind::Crash { target: Target::Nodes(vec![NodeId(1), NodeId(2)]) });
    let bad = LinkProfile { loss_ppm: 300_000, duplicate_ppm: 300_000, corrupt_ppm: 300_000, ..links() };
    let counts = world(bad, vec![crash], 900).0.network_counts();
    for strikes in [counts.lost, counts.duplicated, counts.garbled] {
        assert!(strikes.struck > 100 && strikes.mattered == 0, "{strikes:?}");
    }
    let counts = world(bad, vec![], 900).0.network_counts();
    for strikes in [counts.lost, counts.duplicated, counts.garbled] {
        assert!(strikes.mattered * 10 > strikes.struck * 9, "{strikes:?}");
    }
}

#[test]
fn the_effect_of_a_fault_is_told_from_its_beginning() {
    let cut = |from: u32, to: u32| FaultKind::CutLink { from: node(from), to: node(to) };
    let crash = |number| FaultKind::Crash { target: node(number) };
    let pause = |number| FaultKind::Pause { target: node(number) };
    let plan = vec![
        // Nobody says anything to the first node, or from the second on.
        (fault(0, 2, 5, cut(0, 1)), 1),
        (fault(0, 2, 5, cut(1, 0)), 0),
        (fault(1, 2, 5, clog(0)), 1),
        (fault(2, 2, 9, crash(2)), 1),
        (fault(2, 3, 8, crash(2)), 0),
        (fault(3, 10, 12, pause(0)), 1),
        (fault(3, 6, 8, FaultKind::SlowDisk { target: node(0), factor: 3 }), 0),
        (fault(4, 5, 6, FaultKind::Wipe { target: node(1) }), 0),
        (fault(5, 2, 50, FaultKind::Links { profile: links() }), 1),
        (fault(6, 30, 50, crash(2)), 0),
    ];
    let expected: Vec<(u64, u64, u64)> = (0..7)
        .map(|source| {
            let of_source: Vec<_> = plan.iter().filter(|(fault, _)| fault.source == Source(source)).collect();
            let begun = of_source.iter().filter(|(fault, _)| fault.begin.0 < 20 * MILLISECOND_NS).count();
            (of_source.len() as u64, begun as u64, of_source.iter().map(|(_, effect)| effect).sum())
        })
        .collect();
    let (mut world, _) = world(links(), plan.into_iter().map(|(fault, _)| fault).collect(), 20);
    let counts = |world: &World<Counter>| -> Vec<_> {
        world.source_counts().iter().map(|counts| (counts.planned, counts.begun, counts.effective)).collect()
    };
    assert_eq!(counts(&world), expected, "one of them is still under way");
    world.heal(links());
    assert_eq!(counts(&world), expected);
    assert_eq!(world.faults_begun(), 9);
}
