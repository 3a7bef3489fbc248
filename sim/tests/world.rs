//! The world's promises, tried with a node that only talks: order, crashes, pauses, cuts, timers, and determinism.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::fmt;
use std::rc::Rc;

use whitewater_sim::disk::{CrashKeeps, DiskProfile, Losses, SyncId};
use whitewater_sim::fault::{Direction, Fault, FaultKind, Reach, Source, Target};
use whitewater_sim::time::MILLISECOND_NS;
use whitewater_sim::trace::{Line, Outage, What};
use whitewater_sim::{
    Checks, ClockProfile, Context, Instant, Keep, Latency, LinkProfile, Message, NodeId, Process, Recording, Stopped,
    TimerId, World, WorldConfig,
};

#[derive(Clone, Debug)]
struct Word(u64);

impl fmt::Display for Word {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "word {}", self.0)
    }
}

impl Message for Word {
    fn fingerprint(&self) -> u64 {
        self.0
    }
}

/// Every 10 ms: says the next number to every other node, writes it to its disk, and syncs; the name of its file, once.
struct Talker {
    servers: u32,
    next: u64,
    synced: u64,
    directory: Option<SyncId>,
    heard: Heard,
}

type Heard = Rc<RefCell<Vec<String>>>;

const TICK: TimerId = TimerId(0);

impl Talker {
    fn note(&self, context: &Context<'_, Self>, what: String) {
        let milliseconds = context.now().0 / MILLISECOND_NS;
        self.heard.borrow_mut().push(format!("{milliseconds} {} {what}", context.node()));
    }
}

impl Process for Talker {
    type Message = Word;
    type Operation = Infallible;
    type Answer = Infallible;

    fn boot(&mut self, context: &mut Context<'_, Self>) {
        let on_disk = context.read("words").expect("nothing fails");
        self.note(context, format!("boots with {on_disk:?}"));
        context.arm(TICK, 10 * MILLISECOND_NS);
    }

    fn message(&mut self, from: NodeId, Word(word): Word, context: &mut Context<'_, Self>) {
        self.note(context, format!("hears {word} from {from}"));
    }

    fn timer(&mut self, _: TimerId, context: &mut Context<'_, Self>) {
        self.next += 1;
        let me = context.node();
        for to in (0..self.servers).map(NodeId).filter(|to| *to != me) {
            context.send(to, Word(self.next));
        }
        context.write("words", self.next as usize - 1, &[self.next as u8]);
        if self.directory.is_none() {
            self.directory = Some(context.sync_directory());
        }
        context.sync("words");
        context.arm(TICK, 10 * MILLISECOND_NS);
    }

    fn synced(&mut self, sync: SyncId, context: &mut Context<'_, Self>) {
        if self.directory == Some(sync) {
            return;
        }
        self.synced += 1;
        self.note(context, format!("has synced {}", self.synced));
    }
}

fn config(seed: u64) -> WorldConfig {
    WorldConfig {
        seed,
        servers: 2,
        clients: 0,
        links: LinkProfile::reliable(Latency::constant(MILLISECOND_NS)),
        disks: DiskProfile {
            sync: Latency::constant(2 * MILLISECOND_NS),
            crash_keeps: CrashKeeps::Nothing,
            losses: Losses::Survived,
        },
        checks: Checks::all(),
        recording: Recording::Off,
        clocks: ClockProfile::default(),
        keep: Keep::Everything,
    }
}

fn world(config: &WorldConfig, faults: Vec<Fault>) -> (World<Talker>, Heard) {
    let heard = Heard::default();
    let (log, servers) = (heard.clone(), config.servers);
    let mut world =
        World::new(config, move |_, _| Talker { servers, next: 0, synced: 0, directory: None, heard: log.clone() });
    world.plan(faults);
    world.start();
    (world, heard)
}

fn run(faults: Vec<Fault>, milliseconds: u64) -> Vec<String> {
    let (mut world, heard) = world(&config(1), faults);
    assert_eq!(world.run_until(Instant(milliseconds * MILLISECOND_NS), u64::MAX), Stopped::Reached);
    heard.take()
}

fn fault(begin: u64, end: u64, kind: FaultKind) -> Fault {
    Fault { source: Source(0), begin: Instant(begin * MILLISECOND_NS), end: Instant(end * MILLISECOND_NS), kind }
}

fn node(number: u32) -> Target {
    Target::Nodes(vec![NodeId(number)])
}

#[test]
fn things_happen_in_the_order_of_time_and_then_of_their_causes() {
    let expected = [
        "0 n0 boots with []",
        "0 n1 boots with []",
        "11 n1 hears 1 from n0",
        "11 n0 hears 1 from n1",
        "12 n0 has synced 1",
        "12 n1 has synced 1",
    ];
    assert_eq!(run(vec![], 19), expected);
}

#[test]
fn a_crash_forgets_what_was_not_synced_and_everything_that_was_under_way() {
    // Down from 21 ms to 25 ms: n1's second word arrives at 21 ms, and the second sync would complete at 22 ms.
    let heard = run(vec![fault(21, 25, FaultKind::Crash { target: node(0) })], 40);
    let after: Vec<&String> = heard.iter().filter(|line| line.contains(" n0 ")).skip(3).collect();
    assert_eq!(after, ["25 n0 boots with [1]", "31 n0 hears 3 from n1", "37 n0 has synced 1"]);
}

#[test]
fn overlapping_crashes_keep_a_node_down_until_the_last_one_ends() {
    let crash = || FaultKind::Crash { target: node(0) };
    let heard = run(vec![fault(1, 5, crash()), fault(3, 8, crash())], 9);
    assert_eq!(heard[2..], ["8 n0 boots with []"]);
}

#[test]
fn a_paused_node_gets_everything_later_in_the_same_order() {
    let heard = run(vec![fault(5, 33, FaultKind::Pause { target: node(0) })], 39);
    let of_n0: Vec<&String> = heard.iter().filter(|line| line.contains(" n0 ")).skip(1).collect();
    let expected = ["33 n0 hears 1 from n1", "33 n0 hears 2 from n1", "33 n0 hears 3 from n1", "35 n0 has synced 1"];
    assert_eq!(of_n0, expected);
}

#[test]
fn a_cut_stops_what_is_sent_and_what_is_in_flight_in_its_direction_alone() {
    let cut = |direction| FaultKind::Cut { target: node(0), direction, reach: Reach::Servers };
    let words = |faults, node: &str| {
        let heard = run(faults, 39);
        heard.iter().filter(|line| line.contains(node) && line.contains("hears")).count()
    };
    // Begins with the first words in flight, ends after the second were sent.
    let during = |direction| vec![Fault { begin: Instant(10_500_000), ..fault(0, 25, cut(direction)) }];
    assert_eq!((words(during(Direction::Both), " n0 "), words(during(Direction::Both), " n1 ")), (1, 1));
    assert_eq!((words(during(Direction::Outgoing), " n0 "), words(during(Direction::Outgoing), " n1 ")), (3, 1));
    assert_eq!((words(during(Direction::Incoming), " n0 "), words(during(Direction::Incoming), " n1 ")), (1, 3));
    let link = FaultKind::CutLink { from: node(0), to: node(1) };
    assert_eq!(words(vec![fault(5, 25, link)], " n1 "), 1);
}

#[test]
fn overlapping_changes_of_the_links_end_in_any_order() {
    let links = |ms| FaultKind::Links { profile: LinkProfile::reliable(Latency::constant(ms * MILLISECOND_NS)) };
    let heard = run(vec![fault(5, 25, links(3)), fault(15, 35, links(5))], 49);
    let arrivals: Vec<&str> =
        heard.iter().filter(|line| line.contains("n1 hears")).filter_map(|line| line.split(' ').next()).collect();
    assert_eq!(arrivals, ["13", "25", "35", "41"]);
}

#[test]
fn the_slowest_of_several_slow_disks_counts_until_all_that_slowed_it_is_over() {
    let slow = |factor| FaultKind::SlowDisk { target: node(0), factor };
    let heard = run(vec![fault(5, 25, slow(2)), fault(15, 27, slow(3))], 35);
    let syncs: Vec<&String> = heard.iter().filter(|line| line.contains("n0 has synced")).collect();
    assert_eq!(syncs, ["14 n0 has synced 1", "26 n0 has synced 2", "32 n0 has synced 3"]);
}

#[test]
fn healing_ends_what_is_under_way_and_cancels_what_was_planned() {
    let crash = || FaultKind::Crash { target: node(0) };
    let (mut world, heard) = world(&config(1), vec![fault(5, 90, crash()), fault(20, 30, crash())]);
    world.run_until(Instant(10 * MILLISECOND_NS), u64::MAX);
    world.heal(LinkProfile::reliable(Latency::constant(4 * MILLISECOND_NS)));
    world.run_until(Instant(100 * MILLISECOND_NS), u64::MAX);
    let boots: Vec<String> = heard.take().into_iter().filter(|line| line.contains("boots")).collect();
    assert_eq!(boots, ["0 n0 boots with []", "0 n1 boots with []", "10 n0 boots with []"]);
    assert_eq!(world.faults_begun(), 1);
}

#[test]
fn a_run_is_a_function_of_its_configuration_and_plan() {
    let digest_with = |clocks, seed, recording, checks| {
        let mut config = WorldConfig { recording, checks, clocks, ..config(seed) };
        config.links = LinkProfile {
            loss_ppm: 100_000,
            duplicate_ppm: 100_000,
            reorder_ppm: 100_000,
            reorder_ns_max: 5 * MILLISECOND_NS,
            ..LinkProfile::reliable(Latency::Exponential { min_ns: 1_000, mean_ns: MILLISECOND_NS })
        };
        let crash = FaultKind::Crash { target: Target::Leader { otherwise: NodeId(1) } };
        let (mut world, _) = world(&config, vec![fault(205, 225, crash)]);
        world.run_until(Instant(1_000 * MILLISECOND_NS), u64::MAX);
        assert!(world.network_counts().duplicated.struck > 0 && world.network_counts().reordered.struck > 0);
        world.digest()
    };
    let digest = |seed, recording, checks| digest_with(ClockProfile::default(), seed, recording, checks);
    let base = digest(1, Recording::Off, Checks::all());
    assert_eq!(base, digest(1, Recording::Off, Checks::all()));
    assert_eq!(base, digest(1, Recording::On, Checks::all()), "the recorder changes nothing");
    assert_eq!(base, digest(1, Recording::Off, Checks::none()), "checks change nothing");
    assert_ne!(base, digest(2, Recording::Off, Checks::all()));
    let clocks = |skew_ns_max, drift_ppm_max| {
        digest_with(ClockProfile { skew_ns_max, drift_ppm_max }, 1, Recording::Off, Checks::all())
    };
    assert_eq!(base, clocks(1_000_000, 0), "what nobody reads changes nothing");
    assert_ne!(base, clocks(0, 100_000), "timers run by the servers' clocks");
}

#[test]
fn an_event_budget_ends_a_run() {
    let (mut world, _) = world(&config(1), vec![]);
    assert_eq!(world.run_until(Instant(u64::MAX), 1_000), Stopped::Budget);
    assert_eq!(world.events(), 1_000);
}

#[test]
fn the_trace_tells_everything_in_order() {
    let config = WorldConfig { recording: Recording::On, ..config(1) };
    let (mut world, _) = world(&config, vec![fault(11, 12, FaultKind::Pause { target: node(1) })]);
    world.run_until(Instant(12 * MILLISECOND_NS), u64::MAX);
    let trace = world.take_trace().expect("recording is on");
    let rows: Vec<String> = trace.lines().iter().map(|line| trace.row(line).to_string()).collect();
    let expected = "
   0.010000s       e1  t  .  n0 timer 0 runs out
   0.010000s       e1  >  .  n0 -> n1 word 1 (arrives 0.011000s)
   0.010000s       e1  d  .  n0 syncs the directory (done 0.012000s)
   0.010000s       e1  d  .  n0 syncs words (done 0.012000s)
   0.010000s       e2  .  t  n1 timer 0 runs out
   0.010000s       e2  .  >  n1 -> n0 word 1 (arrives 0.011000s)
   0.010000s       e2  .  d  n1 syncs the directory (done 0.012000s)
   0.010000s       e2  .  d  n1 syncs words (done 0.012000s)
   0.011000s       e3  .  !  n1 pause begins
   0.011000s       e4  <  .  n0 <- n1 word 1
   0.012000s       e5  .  !  n1 pause ends
   0.012000s       e6  d  .  n0 sync is done
   0.012000s       e7  d  .  n0 sync is done
   0.012000s       e8  .  d  n1 sync is done
   0.012000s       e9  .  d  n1 sync is done
   0.012000s      e10  .  <  n1 <- n0 word 1";
    assert_eq!(rows, expected.trim_start_matches('\n').lines().collect::<Vec<_>>());
}

#[test]
fn the_trace_says_as_data_what_arrives_and_who_is_down() {
    let config = WorldConfig {
        recording: Recording::On,
        links: LinkProfile {
            loss_ppm: 200_000,
            duplicate_ppm: 500_000,
            ..LinkProfile::reliable(Latency::constant(MILLISECOND_NS))
        },
        ..config(3)
    };
    let faults = vec![
        fault(31, 52, FaultKind::Crash { target: node(1) }),
        fault(33, 66, FaultKind::Crash { target: node(1) }),
        fault(81, 112, FaultKind::Pause { target: node(0) }),
    ];
    let (mut world, _) = world(&config, faults);
    world.run_until(Instant(400 * MILLISECOND_NS), u64::MAX);
    let trace = world.take_trace().expect("recording is on");
    let mut sent = BTreeMap::new();
    let (mut arrived, mut lost, mut punctual) = (0, 0, 0);
    for line in trace.lines() {
        match &line.what {
            What::Sent { letter, arrives, copy } => {
                assert!(line.text.starts_with(&format!("-> {} word", letter.to)) && line.node == Some(letter.from));
                let word = line.text.split(' ').nth(3).expect("a number").to_owned();
                assert_eq!(sent.insert(letter.number, (word, [Some(*arrives), *copy])), None);
            }
            What::Arrived { letter } => {
                let (word, arrivals) = sent.get_mut(&letter.number).expect("what arrives was sent");
                assert_eq!(line.text, format!("<- {} word {word}", letter.from));
                arrived += 1;
                // A pause makes it late, and nothing makes it early.
                let place = arrivals.iter().position(|at| at.is_some_and(|at| at <= line.at));
                let planned = arrivals[place.expect("it arrives as often as it was sent")].take();
                punctual += usize::from(planned == Some(line.at));
            }
            What::Lost { .. } => lost += 1,
            _ => {}
        }
    }
    assert!(
        arrived > 60 && lost > 5 && punctual * 10 > arrived * 9 && punctual < arrived,
        "{arrived} {lost} {punctual}"
    );
    let begun = |number| move |line: &&Line| matches!(line.what, What::FaultBegan { number: of, .. } if of == number);
    let crash = trace.lines().iter().position(|line| begun(0)(&line)).expect("it begins");
    let [Outage { node: NodeId(1), from, until: Some(until) }] = trace.outages() else {
        panic!("{:?}", trace.outages())
    };
    assert_eq!(*from, crash + 1, "it is down behind the line that says so");
    assert!(
        matches!(trace.lines()[until - 1].what, What::FaultEnded { number: 1 }),
        "one fault of two still held it down"
    );
}

mod timers {
    //! A timer's deadline can be moved both ways and taken away; it runs out once, at the last deadline.

    use super::*;

    struct Fidget {
        ran_out: Rc<RefCell<Vec<u64>>>,
    }

    const SCRIPT: TimerId = TimerId(0);
    const MOVED: TimerId = TimerId(1);

    impl Process for Fidget {
        type Message = Word;
        type Operation = Infallible;
        type Answer = Infallible;

        fn boot(&mut self, context: &mut Context<'_, Self>) {
            context.arm(MOVED, 10 * MILLISECOND_NS);
            context.arm(SCRIPT, 5 * MILLISECOND_NS);
        }
        fn message(&mut self, _: NodeId, _: Word, _: &mut Context<'_, Self>) {}
        fn timer(&mut self, timer: TimerId, context: &mut Context<'_, Self>) {
            let now = context.now().0 / MILLISECOND_NS;
            if timer == MOVED {
                self.ran_out.borrow_mut().push(now);
                return;
            }
            match now {
                5 => context.arm(MOVED, 20 * MILLISECOND_NS),
                // Later than planned at first, and now earlier again.
                15 => context.arm(MOVED, 2 * MILLISECOND_NS),
                20 => context.arm(MOVED, 10 * MILLISECOND_NS),
                25 => context.disarm(MOVED),
                40 => context.arm(MOVED, 10 * MILLISECOND_NS),
                _ => {}
            }
            context.arm(SCRIPT, 5 * MILLISECOND_NS);
        }
        fn synced(&mut self, _: SyncId, _: &mut Context<'_, Self>) {}
    }

    #[test]
    fn run_out_once_at_the_last_deadline() {
        let ran_out = Rc::<RefCell<Vec<u64>>>::default();
        let log = ran_out.clone();
        let mut world =
            World::new(&WorldConfig { servers: 1, ..config(1) }, move |_, _| Fidget { ran_out: log.clone() });
        world.start();
        world.run_until(Instant(100 * MILLISECOND_NS), u64::MAX);
        assert_eq!(ran_out.take(), [17, 50]);
    }
}
