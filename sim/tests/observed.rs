//! What servers show and are shown: clocks, erased disks, probes, and true durability behind the observer's checks; tried
//! with a server that does whatever the test says.

use std::cell::RefCell;
use std::convert::Infallible;
use std::fmt;
use std::rc::Rc;

use whitewater_sim::disk::{CrashKeeps, DiskProfile, Losses, SyncId};
use whitewater_sim::fault::{Fault, FaultKind, Source, Target};
use whitewater_sim::observe::{Promise, Role};
use whitewater_sim::time::MILLISECOND_NS;
use whitewater_sim::{
    Check, Checks, ClockProfile, Context, Instant, Keep, Latency, LinkProfile, Members, Message, NodeId, Observation,
    ProbeId, Process, Recording, ServerId, Stopped, TimerId, World, WorldConfig,
};

#[derive(Clone, Debug)]
struct Silence;

impl fmt::Display for Silence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("silence")
    }
}

impl Message for Silence {
    fn fingerprint(&self) -> u64 {
        0
    }
}

/// What a server is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Told {
    Boot(u32),
    Timer(u8),
    Synced(u64),
    Crashing,
}

/// Does what its script does, and writes down what the script returns.
struct Actor {
    generation: u32,
    script: Script,
    said: Said,
}

type Script = fn(Told, &mut Context<'_, Actor>) -> Option<String>;
type Said = Rc<RefCell<Vec<String>>>;

impl Actor {
    fn act(&self, told: Told, context: &mut Context<'_, Self>) {
        if let Some(line) = (self.script)(told, context) {
            self.said.borrow_mut().push(format!("{} {line}", context.node()));
        }
    }
}

impl Process for Actor {
    type Message = Silence;
    type Operation = &'static str;
    type Answer = Infallible;

    fn probe_name(ProbeId(probe): ProbeId) -> String {
        format!("situation-{probe}")
    }
    fn boot(&mut self, context: &mut Context<'_, Self>) {
        self.act(Told::Boot(self.generation), context);
    }
    fn message(&mut self, _: NodeId, _: Silence, _: &mut Context<'_, Self>) {}
    fn timer(&mut self, timer: TimerId, context: &mut Context<'_, Self>) {
        self.act(Told::Timer(timer.0), context);
    }
    fn synced(&mut self, sync: SyncId, context: &mut Context<'_, Self>) {
        self.act(Told::Synced(sync.0), context);
    }
    fn crashing(&mut self, context: &mut Context<'_, Self>) {
        self.act(Told::Crashing, context);
    }
}

fn config() -> WorldConfig {
    WorldConfig {
        seed: 1,
        servers: 1,
        clients: 0,
        links: LinkProfile::reliable(Latency::constant(MILLISECOND_NS)),
        disks: DiskProfile {
            sync: Latency::constant(MILLISECOND_NS),
            crash_keeps: CrashKeeps::Nothing,
            losses: Losses::Survived,
        },
        clocks: ClockProfile::default(),
        checks: Checks::all(),
        recording: Recording::On,
        keep: Keep::Everything,
    }
}

fn world(config: &WorldConfig, script: Script, faults: Vec<Fault>) -> (World<Actor>, Said) {
    let said = Said::default();
    let saying = said.clone();
    let mut world = World::new(config, move |_, generation| Actor { generation, script, said: saying.clone() });
    world.plan(faults);
    world.start();
    (world, said)
}

fn play(config: &WorldConfig, script: Script, faults: Vec<Fault>) -> Vec<String> {
    let (mut world, said) = world(config, script, faults);
    assert_eq!(world.run_until(milliseconds(1_000), u64::MAX), Stopped::Reached, "{:?}", world.violation());
    said.take()
}

fn milliseconds(number: u64) -> Instant {
    Instant(number * MILLISECOND_NS)
}

fn fault(begin: u64, end: u64, kind: FaultKind) -> Fault {
    Fault { source: Source(0), begin: milliseconds(begin), end: milliseconds(end), kind }
}

fn n0() -> Target {
    Target::Nodes(vec![NodeId(0)])
}

#[test]
fn timers_and_clocks_of_a_server_agree_and_those_of_clients_are_true() {
    let clocks = ClockProfile { skew_ns_max: 50 * MILLISECOND_NS, drift_ppm_max: 200_000 };
    let config = WorldConfig { servers: 3, clients: 1, clocks, ..config() };
    let said = play(
        &config,
        |told, context| {
            if let Told::Boot(_) = told {
                context.arm(TimerId(0), 100 * MILLISECOND_NS);
            }
            Some(format!("{} {}", context.now().0, context.local_time_ns()))
        },
        vec![],
    );
    let figures = |line: &String| -> Vec<u64> {
        line.split(' ').skip(1).map(|figure| figure.parse().expect("the script prints numbers")).collect()
    };
    let mut ends = Vec::new();
    for node in ["n0", "n1", "n2", "n3"] {
        let lines: Vec<Vec<u64>> = said.iter().filter(|line| line.starts_with(node)).map(figures).collect();
        let [begin, end] = &lines[..] else { panic!("{node} boots and its timer runs out: {lines:?}") };
        assert!((end[1] - begin[1]).abs_diff(100 * MILLISECOND_NS) <= 1, "{node}: {lines:?}");
        assert!(end[0].abs_diff(100 * MILLISECOND_NS) <= 25 * MILLISECOND_NS, "{node}: {lines:?}");
        ends.push(end[0]);
    }
    assert_eq!(ends.pop(), Some(100 * MILLISECOND_NS), "the client's timer is exact");
    ends.sort_unstable();
    ends.dedup();
    assert_eq!(ends.len(), 3, "every server drifts in its own way");
}

#[test]
fn a_step_changes_what_a_clock_shows_for_good_and_no_timer() {
    let said = play(
        &config(),
        |told, context| {
            if told != Told::Timer(1) {
                context.arm(TimerId(1), 10 * MILLISECOND_NS);
                return None;
            }
            context.arm(TimerId(2), 10 * MILLISECOND_NS);
            let first = 1_000_000_010_000_000;
            Some(format!("{} {}", context.now(), context.local_time_ns() as i64 / 1_000_000 - first / 1_000_000))
        },
        vec![fault(15, 25, FaultKind::ClockStep { target: n0(), by_ns: -3_000_000_000 })],
    );
    // The second timer arms the first one again, so that it runs out every 20 ms.
    let expected = ["n0 0.010000s", "n0 0.030000s", "n0 0.050000s"];
    let times: Vec<&str> = said[..3].iter().map(|line| &line[..12]).collect();
    assert_eq!(times, expected);
    let shown: Vec<i64> = said[..3].iter().map(|line| line[13..].parse().expect("a number")).collect();
    assert_eq!((shown[1] - shown[0], shown[2] - shown[1]), (20 - 3_000, 20));
}

#[test]
fn an_erased_disk_comes_back_empty_in_the_next_generation() {
    let script: Script = |told, context| match told {
        Told::Boot(generation) => {
            let found = context.files();
            context.write("file", 0, b"bytes");
            context.sync("file");
            context.sync_directory();
            Some(format!("boots in generation {generation} with {found:?}"))
        }
        Told::Timer(_) | Told::Synced(_) | Told::Crashing => None,
    };
    let crash = FaultKind::Crash { target: n0() };
    let wipe = || FaultKind::Wipe { target: n0() };
    let faults = vec![fault(10, 20, crash), fault(30, 40, wipe()), fault(50, 70, wipe()), fault(60, 65, wipe())];
    let expected = [
        "n0 boots in generation 0 with []",
        "n0 boots in generation 0 with [\"file\"]",
        "n0 boots in generation 1 with []",
        "n0 boots in generation 3 with []",
    ];
    assert_eq!(play(&config(), script, faults), expected);
}

#[test]
fn probes_are_counted_and_named_and_crashes_can_hit_them() {
    let script: Script = |told, context| {
        let probe = match told {
            Told::Boot(_) => 2,
            Told::Crashing => 4,
            Told::Timer(_) | Told::Synced(_) => return None,
        };
        context.hit(ProbeId(probe));
        None
    };
    let crash = || fault(10, 20, FaultKind::Crash { target: n0() });
    let run = |faults| {
        let (mut world, _) = world(&config(), script, faults);
        world.run_until(milliseconds(100), u64::MAX);
        world
    };
    let mut world = run(vec![crash(), crash()]);
    assert_eq!(world.probes(), [0, 0, 2, 0, 1], "who is down cannot crash");
    let trace = world.take_trace().expect("recording is on");
    let lines: Vec<&str> = trace.lines().iter().map(|line| &*line.text).filter(|text| text.contains("probe")).collect();
    assert_eq!(lines, ["probe situation-2", "probe situation-4", "probe situation-2"]);
}

#[test]
fn a_world_that_keeps_nothing_still_knows_what_is_open() {
    let script: Script = |told, context| {
        if told == Told::Boot(0) && context.node() == NodeId(1) {
            let first = context.invoke("first");
            context.invoke("second");
            context.unknown(first);
        }
        None
    };
    let run = |keep| world(&WorldConfig { clients: 1, keep, ..config() }, script, vec![]).0;
    let (everything, nothing) = (run(Keep::Everything), run(Keep::Nothing));
    assert_eq!((everything.history().operations().len(), everything.operations_open()), (2, 1));
    assert_eq!((nothing.history().operations().len(), nothing.operations_open()), (0, 1));
    assert_eq!(everything.digest(), nothing.digest());
}

mod disks {
    //! The observer asks the simulated disk, not the server, what is durable.

    use super::*;

    const ME: ServerId = ServerId(0);
    const LOG: &str = "log";

    /// The only server of a cluster comes to lead term 1, with its hard state and the name of its log on disk.
    fn leads(told: Told, context: &mut Context<'_, Actor>) {
        match told {
            Told::Boot(_) => {
                context.observe(Observation::Booted { id: ME, term: 0, vote: None });
                let (voters, nobody) = (Members::of([ME]), Members::default());
                context.observe(Observation::Configured { index: 0, voters, outgoing: nobody, learners: nobody });
                context.observe(Observation::Term { term: 1 });
                context.observe(Observation::Role { role: Role::Candidate, term: 1 });
                context.write(LOG, 0, b"hard state");
                context.observe(Observation::WroteHardState { term: 1, vote: Some(ME) });
                context.sync(LOG);
                context.sync_directory();
            }
            Told::Synced(2) => {
                context.observe(Observation::Role { role: Role::Leader, term: 1 });
                context.observe(Observation::Appended { index: 1, term: 1, payload: 0 });
            }
            Told::Timer(_) | Told::Synced(_) | Told::Crashing => {}
        }
    }

    fn acknowledge(context: &mut Context<'_, Actor>) {
        context.observe(Observation::Sent { term: 1, promise: Promise::Ack { matched: 1 } });
    }

    fn violation(script: Script) -> Option<Check> {
        let (mut world, _) = world(&config(), script, vec![]);
        world.run_until(milliseconds(100), u64::MAX);
        world.violation().map(|violation| violation.check)
    }

    #[test]
    fn a_leader_without_its_hard_state_on_disk() {
        let script: Script = |told, context| {
            match told {
                Told::Boot(_) => leads(told, context),
                // The bytes are on disk, the name of their file is not.
                Told::Synced(1) => context.observe(Observation::Role { role: Role::Leader, term: 1 }),
                Told::Synced(_) | Told::Timer(_) | Told::Crashing => {}
            }
            None
        };
        assert_eq!(violation(script), Some(Check::ElectionSafety));
    }

    #[test]
    fn an_entry_counts_when_the_sync_that_covers_it_is_done() {
        let honest: Script = |told, context| {
            leads(told, context);
            match told {
                Told::Synced(2) => {
                    context.write(LOG, 10, b"entry");
                    context.observe(Observation::WroteEntries { index: 1, term: 1 });
                    context.sync(LOG);
                }
                Told::Synced(3) => acknowledge(context),
                Told::Boot(_) | Told::Synced(_) | Told::Timer(_) | Told::Crashing => {}
            }
            None
        };
        let early: Script = |told, context| {
            leads(told, context);
            if told == Told::Synced(2) {
                // The sync does not cover what is written after it began.
                context.sync(LOG);
                context.write(LOG, 10, b"entry");
                context.observe(Observation::WroteEntries { index: 1, term: 1 });
            }
            if told == Told::Synced(3) {
                acknowledge(context);
            }
            None
        };
        assert_eq!((violation(honest), violation(early)), (None, Some(Check::AckHonesty)));
    }

    #[test]
    fn a_snapshot_counts_when_its_name_is_durable() {
        fn snapshot(told: Told, context: &mut Context<'_, Actor>) {
            leads(told, context);
            match told {
                Told::Synced(2) => {
                    context.write("tmp", 0, b"snapshot");
                    context.sync("tmp");
                }
                Told::Synced(3) => {
                    context.rename("tmp", "snapshot");
                    context.observe(Observation::WroteSnapshot { index: 1, term: 1 });
                    context.sync_directory();
                }
                Told::Boot(_) | Told::Synced(_) | Told::Timer(_) | Told::Crashing => {}
            }
        }
        let after = |sync: Told| -> Script {
            match sync {
                Told::Synced(3) => |told, context| {
                    snapshot(told, context);
                    if told == Told::Synced(3) {
                        acknowledge(context);
                    }
                    None
                },
                Told::Boot(_) | Told::Synced(_) | Told::Timer(_) | Told::Crashing => |told, context| {
                    snapshot(told, context);
                    if told == Told::Synced(4) {
                        acknowledge(context);
                    }
                    None
                },
            }
        };
        assert_eq!(violation(after(Told::Synced(3))), Some(Check::AckHonesty));
        assert_eq!(violation(after(Told::Synced(4))), None);
    }
}
