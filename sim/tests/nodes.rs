//! Faults of servers, their disks and clocks, and of clients, tried with a node that writes, syncs and talks.

use std::cell::RefCell;
use std::fmt;
use std::rc::Rc;

use whitewater_sim::disk::{CrashKeeps, DiskProfile, Losses, SyncId};
use whitewater_sim::fault::{CrashPoint, Damage, DiskFailure, Fault, FaultKind, Source, Target};
use whitewater_sim::history::Outcome;
use whitewater_sim::time::MILLISECOND_NS;
use whitewater_sim::{
    Checks, ClockProfile, Context, Instant, Keep, Latency, LinkProfile, Message, NodeId, Process, Recording, TimerId,
    World, WorldConfig,
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

/// Server 0 writes and syncs a byte every 10 ms, says two words to server 1, and a third when the byte is durable. Node 2 is
/// a client that asks once.
struct Scribe {
    generation: u32,
    written: u64,
    directory: Option<SyncId>,
    asked: Option<whitewater_sim::history::OperationId>,
    heard: Heard,
}

type Heard = Rc<RefCell<Vec<String>>>;

const TICK: TimerId = TimerId(0);
const WRITER: NodeId = NodeId(0);
const READER: NodeId = NodeId(1);

impl Scribe {
    fn note(&self, context: &Context<'_, Self>, what: &str) {
        let milliseconds = context.now().0 / MILLISECOND_NS;
        self.heard.borrow_mut().push(format!("{milliseconds} {} {what}", context.node()));
    }
}

impl Process for Scribe {
    type Message = Word;
    type Operation = &'static str;
    type Answer = &'static str;

    fn boot(&mut self, context: &mut Context<'_, Self>) {
        if context.node() == NodeId(2) {
            self.note(context, &format!("is client {}", self.generation));
            self.asked = Some(context.invoke("question"));
            return;
        }
        let Ok(bytes) = context.read("words") else {
            self.note(context, "cannot read");
            return context.halt();
        };
        if !bytes.iter().copied().eq(1..=bytes.len() as u8) {
            self.note(context, "is damaged");
            return context.halt();
        }
        self.note(context, &format!("boots as {} with {bytes:?}", self.generation));
        self.written = bytes.len() as u64;
        if context.node() == WRITER {
            context.arm(TICK, 10 * MILLISECOND_NS);
        }
    }

    fn message(&mut self, _: NodeId, Word(word): Word, context: &mut Context<'_, Self>) {
        let shown = context.local_time_ns() / MILLISECOND_NS % 1_000;
        self.note(context, &format!("hears {word} at {shown}"));
    }

    fn timer(&mut self, _: TimerId, context: &mut Context<'_, Self>) {
        self.written += 1;
        context.write("words", self.written as usize - 1, &[self.written as u8]);
        if self.directory.is_none() {
            self.directory = Some(context.sync_directory());
        }
        context.sync("words");
        context.send(READER, Word(self.written * 10 + 1));
        context.send(READER, Word(self.written * 10 + 2));
        context.arm(TICK, 10 * MILLISECOND_NS);
    }

    fn synced(&mut self, sync: SyncId, context: &mut Context<'_, Self>) {
        if self.directory != Some(sync) {
            context.send(READER, Word(self.written * 10 + 3));
        }
    }

    fn crashing(&mut self, context: &mut Context<'_, Self>) {
        if let Some(id) = self.asked {
            context.unknown(id);
        }
    }
}

fn config(clients: u32) -> WorldConfig {
    WorldConfig {
        seed: 1,
        servers: 2,
        clients,
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

fn world(clients: u32, faults: Vec<Fault>) -> (World<Scribe>, Heard) {
    let heard = Heard::default();
    let log = heard.clone();
    let mut world = World::new(&config(clients), move |_, generation| Scribe {
        generation,
        written: 0,
        directory: None,
        asked: None,
        heard: log.clone(),
    });
    world.plan(faults);
    world.start();
    (world, heard)
}

/// What was heard until then, without the first boots.
fn run(faults: Vec<Fault>, milliseconds: u64) -> Vec<String> {
    let (mut world, heard) = world(0, faults);
    world.run_until(Instant(milliseconds * MILLISECOND_NS), u64::MAX);
    heard.take().split_off(2)
}

fn fault(begin: u64, end: u64, kind: FaultKind) -> Fault {
    Fault { source: Source(0), begin: Instant(begin * MILLISECOND_NS), end: Instant(end * MILLISECOND_NS), kind }
}

fn writer() -> Target {
    Target::Nodes(vec![WRITER])
}

fn trap(point: CrashPoint, skip: u32) -> FaultKind {
    FaultKind::CrashAt { target: writer(), point, skip, down_ns: 7 * MILLISECOND_NS }
}

#[test]
fn a_trap_lets_nothing_happen_behind_its_point() {
    let met = |point, skip| run(vec![fault(5, 15, trap(point, skip))], 20);
    assert_eq!(met(CrashPoint::BeforeWrite, 0), ["17 n0 boots as 0 with []"]);
    assert_eq!(met(CrashPoint::AfterWrite, 0), ["17 n0 boots as 0 with []"]);
    assert_eq!(met(CrashPoint::AfterAskingForSync, 1), ["17 n0 boots as 0 with []"]);
    assert_eq!(met(CrashPoint::AfterSend, 0), ["11 n1 hears 11 at 11", "17 n0 boots as 0 with []"]);
    let said = ["11 n1 hears 11 at 11", "11 n1 hears 12 at 12"];
    let said = [said[0], &said[1].replace("at 12", "at 11")].map(str::to_owned);
    let mut after_send = said.to_vec();
    after_send.push("17 n0 boots as 0 with []".to_owned());
    assert_eq!(met(CrashPoint::AfterSend, 1), after_send);
    // The first sync that is done is that of the directory, the second that of the file.
    let mut after_sync = said.to_vec();
    after_sync.push("19 n0 boots as 0 with []".to_owned());
    assert_eq!(met(CrashPoint::AfterSync, 0), after_sync, "the name is durable, and the byte is not");
    after_sync[2] = "19 n0 boots as 0 with [1]".to_owned();
    assert_eq!(met(CrashPoint::AfterSync, 1), after_sync, "and nothing is said of it");
}

#[test]
fn a_trap_that_nobody_comes_to_does_nothing() {
    let quiet = run(vec![], 60);
    assert_eq!(run(vec![fault(1, 9, trap(CrashPoint::BeforeWrite, 0))], 60), quiet, "it is over too early");
    assert_eq!(run(vec![fault(1, 59, trap(CrashPoint::AfterSend, 99))], 60), quiet, "it lets too many pass");
    let reader = FaultKind::CrashAt {
        target: Target::Nodes(vec![READER]),
        point: CrashPoint::AfterSend,
        skip: 0,
        down_ns: MILLISECOND_NS,
    };
    assert_eq!(run(vec![fault(1, 59, reader)], 60), quiet, "it waits for somebody else");
}

#[test]
fn healing_disarms_traps_and_restarts_who_went_down() {
    let long = |point| FaultKind::CrashAt { target: writer(), point, skip: 0, down_ns: u64::MAX / 2 };
    let faults = vec![fault(5, 900, long(CrashPoint::AfterSend)), fault(5, 900, long(CrashPoint::BeforeWrite))];
    let (mut world, heard) = world(0, faults);
    world.run_until(Instant(15 * MILLISECOND_NS), u64::MAX);
    world.heal(LinkProfile::reliable(Latency::constant(MILLISECOND_NS)));
    world.run_until(Instant(27 * MILLISECOND_NS), u64::MAX);
    let expected = ["15 n0 boots as 0 with []", "26 n1 hears 11 at 26", "26 n1 hears 12 at 26"];
    assert_eq!(heard.take().split_off(2), expected, "the trap before the write sprang first, the other one never");
    assert_eq!(world.source_counts()[0].effective, 1);
}

#[test]
fn a_slow_server_deals_with_one_thing_after_the_other() {
    let slow = FaultKind::Slow { target: Target::Nodes(vec![READER]), service: Latency::constant(5 * MILLISECOND_NS) };
    let heard = run(vec![fault(5, 28, slow)], 29);
    let expected = [
        "16 n1 hears 11 at 16", // Arrived at 11.
        "21 n1 hears 12 at 21", // Arrived at 11.
        "26 n1 hears 13 at 26", // Arrived at 13.
        "28 n1 hears 21 at 28", // These came at 21 and 23, and wait no longer.
        "28 n1 hears 22 at 28",
        "28 n1 hears 23 at 28",
    ];
    assert_eq!(heard, expected);
}

#[test]
fn a_slow_server_that_is_paused_goes_on_slowly_and_one_that_crashes_forgets() {
    let slow = || {
        let service = Latency::constant(5 * MILLISECOND_NS);
        fault(5, 60, FaultKind::Slow { target: Target::Nodes(vec![READER]), service })
    };
    let pause = fault(14, 20, FaultKind::Pause { target: Target::Nodes(vec![READER]) });
    let heard = run(vec![slow(), pause], 31);
    assert_eq!(heard, ["25 n1 hears 11 at 25", "30 n1 hears 12 at 30"]);
    let crash = fault(14, 15, FaultKind::Crash { target: Target::Nodes(vec![READER]) });
    let heard = run(vec![slow(), crash], 27);
    assert_eq!(heard, ["15 n1 boots as 0 with []", "26 n1 hears 21 at 26"]);
}

#[test]
fn a_frozen_clock_shows_the_same_until_it_goes_on() {
    let frozen = FaultKind::FreezeClock { target: Target::Nodes(vec![READER]) };
    let heard = run(vec![fault(5, 20, frozen)], 22);
    let shown: Vec<&str> = heard.iter().filter_map(|line| line.rsplit(' ').next()).collect();
    assert_eq!(shown, ["5", "5", "5", "6", "6"], "{heard:?}");
}

#[test]
fn who_has_a_failing_disk_halts_and_is_started_again_and_again() {
    let sync = FaultKind::FailDisk { target: writer(), failure: DiskFailure::Sync };
    let boots = |faults| -> Vec<String> {
        run(faults, 330).into_iter().filter(|line| line.contains("n0") && !line.contains("hears")).collect()
    };
    // The syncs that were asked for at 10, 122 and 234 fail.
    let tried = boots(vec![fault(5, 300, sync.clone())]);
    assert_eq!(tried, ["112 n0 boots as 0 with []", "224 n0 boots as 0 with []", "300 n0 boots as 0 with []"]);
    let write = FaultKind::FailDisk { target: writer(), failure: DiskFailure::Write };
    assert_eq!(boots(vec![fault(15, 25, write)]), ["25 n0 boots as 0 with [1]"], "the end of the fault is waited for");
    let read = FaultKind::FailDisk { target: writer(), failure: DiskFailure::Read };
    let crash = FaultKind::Crash { target: writer() };
    let tried = boots(vec![fault(15, 150, read), fault(15, 16, crash)]);
    assert_eq!(tried, ["16 n0 cannot read", "116 n0 cannot read", "150 n0 boots as 0 with [1]"]);
}

#[test]
fn who_refuses_a_damaged_disk_gets_an_empty_one() {
    let damage = |damage, begin, end| {
        let kind = FaultKind::Damage { target: writer(), damage };
        let (mut world, heard) = world(0, vec![fault(begin, end, kind)]);
        world.run_until(Instant(end * MILLISECOND_NS), u64::MAX);
        (heard.take().into_iter().rfind(|line| line.contains("n0")), world.source_counts()[0].effective)
    };
    for kind in [Damage::Rot, Damage::Phantom, Damage::Misdirected] {
        assert_eq!(damage(kind, 45, 50), (Some("50 n0 boots as 1 with []".to_owned()), 1), "{kind:?}");
        let latest = damage(kind, 15, 20);
        assert_eq!(latest, (Some("20 n0 boots as 0 with [1]".to_owned()), 0), "the latest sync is spared: {kind:?}");
    }
}

#[test]
fn a_disk_that_is_damaged_and_cannot_be_read_is_replaced_when_it_can() {
    let rot = FaultKind::Damage { target: writer(), damage: Damage::Rot };
    let read = FaultKind::FailDisk { target: writer(), failure: DiskFailure::Read };
    let heard = run(vec![fault(45, 50, rot), fault(46, 70, read)], 70);
    let last: Vec<&String> = heard.iter().rev().take(3).rev().collect();
    assert_eq!(last, ["50 n0 cannot read", "70 n0 is damaged", "70 n0 boots as 1 with []"]);
}

#[test]
fn a_client_that_crashes_leaves_its_operation_open_and_has_a_successor() {
    let (mut world, heard) = world(1, vec![fault(5, 8, FaultKind::CrashClient { client: 0 })]);
    world.run_until(Instant(9 * MILLISECOND_NS), u64::MAX);
    assert_eq!(heard.take()[2..], ["0 n2 is client 0", "8 n2 is client 1"]);
    let outcomes: Vec<_> = world.history().operations().iter().map(|operation| operation.outcome.clone()).collect();
    assert!(matches!(outcomes[..], [Outcome::Unknown { .. }, Outcome::Open]), "{outcomes:?}");
    assert_eq!(world.operations_open(), 1);
}

#[test]
fn the_server_that_crashed_last_is_remembered() {
    let crash = |target| FaultKind::Crash { target };
    let last = || Target::LastCrashed { otherwise: WRITER };
    let reader = Target::Nodes(vec![READER]);
    assert_eq!(run(vec![fault(1, 2, crash(last()))], 3), ["2 n0 boots as 0 with []"]);
    let heard = run(vec![fault(1, 2, crash(reader)), fault(3, 4, crash(last()))], 5);
    assert_eq!(heard, ["2 n1 boots as 0 with []", "4 n1 boots as 0 with []"]);
}

#[test]
fn all_of_it_is_a_function_of_the_plan() {
    let digest = |recording| {
        let config = WorldConfig { recording, ..config(1) };
        let mut world = World::new(&config, move |_, generation| Scribe {
            generation,
            written: 0,
            directory: None,
            asked: None,
            heard: Heard::default(),
        });
        world.plan(vec![
            fault(
                5,
                100,
                FaultKind::Slow { target: writer(), service: Latency::Uniform { min_ns: 1, max_ns: 900_000 } },
            ),
            fault(25, 35, trap(CrashPoint::AfterWrite, 1)),
            fault(145, 150, FaultKind::Damage { target: writer(), damage: Damage::Misdirected }),
            fault(250, 300, FaultKind::FailDisk { target: writer(), failure: DiskFailure::Full }),
        ]);
        world.start();
        world.run_until(Instant(500 * MILLISECOND_NS), u64::MAX);
        assert!(world.source_counts()[0].effective >= 3, "{:?}", world.source_counts());
        world.digest()
    };
    assert_eq!(digest(Recording::Off), digest(Recording::On));
}
