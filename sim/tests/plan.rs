//! Steps are taken when their time has come, and expectations are judged at the end of their windows; tried with three
//! servers that only pretend: server 0 leads 50 ms after each boot, and commits an entry every 10 ms.

use std::fmt;

use whitewater_sim::disk::{CrashKeeps, DiskProfile, Losses, SyncId};
use whitewater_sim::fault::{Direction, FaultKind, Reach, Source, Target};
use whitewater_sim::observe::Role;
use whitewater_sim::plan::{Action, Edge, Expectation, Quantity, Step, Trigger};
use whitewater_sim::time::MILLISECOND_NS;
use whitewater_sim::{
    Check, Checks, ClockProfile, Context, Instant, Keep, Latency, LinkProfile, Message, NodeId, Observation, ProbeId,
    Process, Recording, ServerId, Stopped, TimerId, World, WorldConfig,
};

const SERVERS: u32 = 3;
const TICK: TimerId = TimerId(0);
const TICKED: ProbeId = ProbeId(2);

/// What was applied: an entry with this number.
#[derive(Clone, Debug)]
struct Entry(u64);

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "entry {}", self.0)
    }
}

impl Message for Entry {
    fn fingerprint(&self) -> u64 {
        self.0
    }
    fn size_bytes(&self) -> u64 {
        100
    }
}

#[derive(Default)]
struct Pretender {
    ticks: u64,
    term: u64,
    applied: u64,
}

impl Pretender {
    fn apply(&mut self, index: u64, context: &mut Context<'_, Self>) {
        while self.applied < index {
            self.applied += 1;
            let index = self.applied;
            context.observe(Observation::Applied { index, term: 1, payload: index, state: index });
        }
    }
}

impl Process for Pretender {
    type Message = Entry;
    type Operation = &'static str;
    type Answer = &'static str;

    fn probe_name(ProbeId(probe): ProbeId) -> String {
        format!("situation-{probe}")
    }

    fn boot(&mut self, context: &mut Context<'_, Self>) {
        let me = context.node();
        if me.0 < SERVERS {
            self.term = context.read("terms").expect("this disk never fails").len() as u64;
            context.observe(Observation::Booted { id: ServerId(u64::from(me.0)), term: self.term, vote: None });
        }
        context.arm(TICK, 10 * MILLISECOND_NS);
    }

    fn message(&mut self, _: NodeId, Entry(index): Entry, context: &mut Context<'_, Self>) {
        self.apply(index, context);
    }

    fn timer(&mut self, _: TimerId, context: &mut Context<'_, Self>) {
        context.arm(TICK, 10 * MILLISECOND_NS);
        self.ticks += 1;
        match context.node() {
            NodeId(0) if self.ticks < 5 => {}
            NodeId(0) => {
                if self.ticks == 5 {
                    context.write("terms", self.term as usize, &[1]);
                    context.sync("terms");
                    context.sync_directory();
                    self.term += 1;
                    context.observe(Observation::Role { role: Role::Leader, term: self.term });
                }
                let index = context.committed_max() + 1;
                context.observe(Observation::Committed { index });
                self.apply(index, context);
                (1..SERVERS).for_each(|to| context.send(NodeId(to), Entry(index)));
            }
            NodeId(client) if client >= SERVERS => {
                let id = context.invoke("ask");
                context.returned(id, "answer");
                context.hit(TICKED);
                context.send(NodeId(1), Entry(0));
            }
            NodeId(_) => {}
        }
    }

    fn synced(&mut self, _: SyncId, _: &mut Context<'_, Self>) {}
}

fn world_with(checks: Checks, recording: Recording, steps: Vec<Step>, expected: Vec<Expectation>) -> World<Pretender> {
    let config = WorldConfig {
        seed: 1,
        servers: SERVERS,
        clients: 1,
        links: LinkProfile::reliable(Latency::constant(MILLISECOND_NS)),
        disks: DiskProfile {
            sync: Latency::constant(MILLISECOND_NS),
            crash_keeps: CrashKeeps::Nothing,
            losses: Losses::Survived,
        },
        checks,
        recording,
        clocks: ClockProfile::default(),
        keep: Keep::Everything,
    };
    let mut world = World::new(&config, |_, _| Pretender::default());
    world.script(steps);
    world.expect(expected);
    world.start();
    world
}

/// A world in which nothing is checked but what is expected.
fn world(steps: Vec<Step>, expected: Vec<Expectation>) -> World<Pretender> {
    world_with([Check::Expectation].into_iter().collect(), Recording::Off, steps, expected)
}

fn until(world: &mut World<Pretender>, milliseconds: u64) -> Stopped {
    world.run_until(Instant(milliseconds * MILLISECOND_NS), u64::MAX)
}

fn step(follows: Option<usize>, trigger: Trigger, wait_ms: u64, action: Action) -> Step {
    Step { source: Source(0), name: None, follows, trigger, wait_ns: wait_ms * MILLISECOND_NS, action }
}

fn mark(follows: Option<usize>, trigger: Trigger) -> Step {
    step(follows, trigger, 0, Action::Mark)
}

fn at(milliseconds: u64) -> Trigger {
    Trigger::At(Instant(milliseconds * MILLISECOND_NS))
}

fn crash(node: u32, lasting_ms: Option<u64>) -> Action {
    let kind = FaultKind::Crash { target: Target::Nodes(vec![NodeId(node)]) };
    Action::Begin { kind, lasting_ns: lasting_ms.map(|lasting_ms| lasting_ms * MILLISECOND_NS) }
}

fn cut(node: u32) -> Action {
    let target = Target::Nodes(vec![NodeId(node)]);
    let kind = FaultKind::Cut { target, direction: Direction::Both, reach: Reach::Servers };
    Action::Begin { kind, lasting_ns: None }
}

/// When each step was taken, in milliseconds.
fn taken(world: &World<Pretender>) -> Vec<Option<u64>> {
    world.exercised().steps.iter().map(|at| at.map(|at| at.0 / MILLISECOND_NS)).collect()
}

#[test]
fn a_step_waits_for_the_step_before_and_then_for_its_trigger() {
    let steps = vec![
        step(None, Trigger::Leader, 5, Action::Mark),
        mark(Some(0), Trigger::Commits(3)),
        mark(Some(0), at(20)),
        mark(Some(0), at(72)),
        mark(None, Trigger::Answers(7)),
        mark(Some(4), Trigger::Probe(TICKED, 2)),
        mark(None, Trigger::Commits(1_000_000)),
        mark(Some(6), Trigger::Now),
        step(None, Trigger::Now, 3, Action::Mark),
        mark(Some(0), Trigger::Leader),
    ];
    let mut world = world(steps, vec![]);
    assert_eq!(until(&mut world, 200), Stopped::Reached);
    // The first entry is committed together with the election at 50 ms, and one more every 10 ms.
    let expected = [Some(55), Some(80), Some(55), Some(72), Some(70), Some(90), None, None, Some(3), Some(55)];
    assert_eq!(taken(&world), expected);
}

#[test]
fn crashes_elections_and_agreement_are_triggers() {
    let steps = vec![
        step(None, at(100), 0, crash(0, Some(20))),
        mark(None, Trigger::Crashes(2)),
        mark(Some(0), Trigger::NewLeader),
        mark(Some(0), Trigger::Leader),
        step(None, at(205), 0, crash(1, None)),
        // Server 1 is down and does not count; server 2 gets the entry of 210 ms one millisecond later.
        step(Some(4), at(210), 0, Action::Mark),
        mark(Some(5), Trigger::Converged),
        step(Some(6), at(215), 0, Action::End { step: 4 }),
        mark(Some(7), Trigger::Converged),
    ];
    let mut world = world(steps, vec![]);
    assert_eq!(until(&mut world, 300), Stopped::Reached);
    let expected = [Some(100), Some(205), Some(170), Some(170), Some(205), Some(210), Some(211), Some(215), Some(221)];
    assert_eq!(taken(&world), expected);
}

/// When server 1 is up, seen every millisecond.
fn up(world: &mut World<Pretender>, milliseconds: std::ops::Range<u64>) -> Vec<u64> {
    let mut up = Vec::new();
    for now in milliseconds {
        until(world, now);
        if world.processes().any(|(node, _)| node == NodeId(1)) {
            up.push(now);
        }
    }
    up
}

#[test]
fn a_fault_of_a_step_ends_by_itself_or_by_another_step_or_when_all_is_healed() {
    let steps = || vec![step(None, at(1), 0, crash(1, Some(2))), step(None, at(5), 0, crash(1, None))];
    let with = |more: Vec<Step>| {
        let mut world = world([steps(), more].concat(), vec![]);
        up(&mut world, 0..10)
    };
    assert_eq!(with(vec![]), [0, 3, 4]);
    assert_eq!(with(vec![step(Some(1), Trigger::Now, 2, Action::End { step: 1 })]), [0, 3, 4, 7, 8, 9]);
    assert_eq!(with(vec![step(None, at(2), 0, Action::EndAll), mark(None, at(3))]), [0, 2, 3, 4]);
    assert_eq!(with(vec![step(None, at(2), 0, Action::End { step: 1 })]), [0, 3, 4], "it had not begun");
    let mut world = world(steps(), vec![]);
    until(&mut world, 2);
    world.heal(LinkProfile::reliable(Latency::constant(MILLISECOND_NS)));
    assert_eq!(up(&mut world, 2..10), (2..10).collect::<Vec<_>>());
    assert_eq!(taken(&world), [Some(1), None]);
    assert_eq!(world.faults_begun(), 1);
}

fn start(milliseconds: u64) -> Edge {
    Edge::Start { after_ns: milliseconds * MILLISECOND_NS }
}

fn after(step: usize, milliseconds: u64) -> Edge {
    Edge::Step { step, after_ns: milliseconds * MILLISECOND_NS }
}

fn healed(milliseconds: u64) -> Edge {
    Edge::Healed { after_ns: milliseconds * MILLISECOND_NS }
}

fn expect(from: Edge, until: Edge, quantity: Quantity, bounds: std::ops::RangeInclusive<u64>) -> Expectation {
    let (at_least, at_most) = bounds.into_inner();
    Expectation { source: Source(0), from, until, quantity, at_least, at_most }
}

/// Runs for 200 ms, heals, runs for 100 ms more; returns when the expectation failed, in milliseconds, and why.
fn failure(steps: Vec<Step>, expectation: Expectation) -> Option<(u64, String)> {
    let mut world = world(steps, vec![expectation]);
    if until(&mut world, 200) == Stopped::Reached {
        world.heal(LinkProfile::reliable(Latency::constant(MILLISECOND_NS)));
        until(&mut world, 300);
        world.finish();
    }
    let judged = world.exercised().expectations[0];
    let violation = world.violation().map(|violation| (violation.at.0 / MILLISECOND_NS, violation.why.clone()));
    assert!(judged.is_some(), "it was judged");
    assert!(world.violation().is_none_or(|violation| violation.check == Check::Expectation));
    violation
}

#[test]
fn what_is_counted_is_counted_in_the_window_alone() {
    // There are four ticks, from 110 to 140 ms.
    let exactly = |quantity, count| failure(vec![], expect(start(101), start(149), quantity, count..=count));
    assert_eq!(exactly(Quantity::Commits, 4), None);
    assert_eq!(exactly(Quantity::Answers, 4), None);
    assert_eq!(exactly(Quantity::Messages, 8), None, "what the client sends does not count");
    assert_eq!(exactly(Quantity::Bytes, 800), None);
    assert_eq!(exactly(Quantity::Leaders, 0), None);
    assert_eq!(exactly(Quantity::Probe(TICKED), 4), None);
    let (at_ms, why) = exactly(Quantity::Commits, 5).expect("there are 4");
    assert_eq!(
        (at_ms, &*why),
        (149, "expected exactly 5 committed entries from 101 ms to 149 ms after the start, and there were 4")
    );
    let leaders = expect(start(0), Edge::End, Quantity::Leaders, 1..=1);
    assert_eq!(failure(vec![], leaders), None);
}

#[test]
fn more_than_may_be_is_told_at_once() {
    let (at_ms, why) = failure(vec![], expect(start(0), Edge::End, Quantity::Bytes, 0..=650)).expect("there are more");
    assert_eq!(
        (at_ms, &*why),
        (80, "expected at most 650 bytes from server to server from the start to the end, and there are already 800")
    );
    let steps = vec![Step { name: Some("idle".to_owned()), ..mark(None, at(100)) }];
    let limited = expect(after(0, 30), after(0, 60), Quantity::Messages, 1..=3);
    let (at_ms, why) = failure(steps, limited).expect("there are more");
    let expected =
        "expected 1 to 3 messages from server to server from 30 ms to 60 ms after step `idle`, and there are already 4";
    assert_eq!((at_ms, &*why), (140, expected));
    let probe = expect(start(0), healed(0), Quantity::Probe(TICKED), 0..=2);
    let (at_ms, why) = failure(vec![], probe).expect("there are more");
    assert_eq!(
        (at_ms, &*why),
        (30, "expected at most 2 hits of situation-2 from the start to the healing, and there are already 3")
    );
}

#[test]
fn who_leads_must_reach_a_majority() {
    let led = |steps: Vec<Step>, at: Edge, wanted: u64| {
        failure(steps, expect(start(0), at, Quantity::Led, wanted..=wanted)).map(|(_, why)| why)
    };
    assert_eq!(led(vec![], start(49), 0), None);
    assert_eq!(led(vec![], start(51), 1), None);
    let expected = "expected no leader that reaches a majority 51 ms after the start, and there was one";
    assert_eq!(led(vec![], start(51), 0).as_deref(), Some(expected));
    let cut_off = || vec![step(None, at(100), 0, cut(0))];
    assert_eq!(led(cut_off(), after(0, 0), 1), None, "a moment before");
    let expected = "expected a leader that reaches a majority 1 ms after step 0, and there was none";
    assert_eq!(led(cut_off(), after(0, 1), 1).as_deref(), Some(expected));
    assert_eq!(led(cut_off(), healed(1), 1), None);
    assert_eq!(led(vec![step(None, at(100), 0, cut(1))], start(101), 1), None, "one of two others is enough");
    assert_eq!(led(vec![step(None, at(100), 0, crash(0, None))], start(101), 0), None);
    let clog = |node| {
        let target = Target::Nodes(vec![NodeId(node)]);
        let kind = FaultKind::Clog { target, direction: Direction::Incoming, reach: Reach::Servers };
        step(None, at(100), 0, Action::Begin { kind, lasting_ns: None })
    };
    assert_eq!(led(vec![clog(1)], start(101), 1), None);
    assert_eq!(led(vec![clog(1), clog(2)], start(101), 0), None);
    let others = vec![step(None, at(100), 0, crash(1, None)), step(None, at(100), 0, crash(2, None))];
    assert_eq!(led(others, start(101), 0), None);
    let pause = FaultKind::Pause { target: Target::Nodes(vec![NodeId(0)]) };
    let paused = vec![step(None, at(100), 0, Action::Begin { kind: pause, lasting_ns: None })];
    assert_eq!(led(paused, start(101), 0), None);
}

#[test]
fn the_largest_disk_is_looked_at() {
    let with = |most| failure(vec![], expect(start(0), start(60), Quantity::DiskBytes, 0..=most));
    assert_eq!(with(1), None);
    let (at_ms, why) = with(0).expect("server 0 has written its term");
    assert_eq!(
        (at_ms, &*why),
        (60, "expected exactly 0 bytes in the files of any server 60 ms after the start, and there were 1")
    );
}

#[test]
fn what_never_comes_about_is_no_failure_and_is_told() {
    let never = || mark(None, Trigger::Commits(1_000_000));
    let expected = vec![
        expect(after(0, 0), Edge::End, Quantity::Commits, 1_000..=1_000),
        expect(start(0), after(0, 5), Quantity::Commits, 1_000..=1_000),
        expect(start(90), start(20), Quantity::Commits, 1_000..=1_000),
        expect(start(0), start(10_000), Quantity::Commits, 1_000..=1_000),
        expect(start(0), start(10), Quantity::Commits, 0..=0),
        expect(start(0), Edge::Start { after_ns: u64::MAX }, Quantity::Commits, 1_000..=1_000),
    ];
    let mut world = world(vec![never()], expected);
    assert_eq!(until(&mut world, 200), Stopped::Reached);
    world.heal(LinkProfile::reliable(Latency::constant(MILLISECOND_NS)));
    world.finish();
    let judged: Vec<Option<Instant>> = world.exercised().expectations;
    assert_eq!(judged, [None, None, None, None, Some(Instant(10 * MILLISECOND_NS)), None]);
    assert_eq!(world.violation(), None);
    assert_eq!(world.expects_until(), Instant(u64::MAX));
}

#[test]
fn expectations_change_nothing_and_steps_are_events() {
    let run = |checks: Checks, recording, steps: Vec<Step>, expected: Vec<Expectation>| {
        let mut world = world_with(checks, recording, steps, expected);
        until(&mut world, 200);
        world.heal(LinkProfile::reliable(Latency::constant(MILLISECOND_NS)));
        until(&mut world, 250);
        world.finish();
        (world.digest(), world.events())
    };
    let checks: Checks = [Check::Expectation].into_iter().collect();
    let steps = || vec![step(None, Trigger::Commits(2), 1, crash(2, Some(10)))];
    let expected = || {
        vec![
            expect(after(0, 0), healed(5), Quantity::Bytes, 0..=1_000_000),
            expect(start(7), Edge::End, Quantity::Commits, 1..=u64::MAX),
            expect(start(7), start(77), Quantity::Led, 1..=1),
        ]
    };
    let base = run(checks, Recording::Off, steps(), vec![]);
    assert_eq!(base, run(checks, Recording::Off, steps(), expected()));
    assert_eq!(base, run(checks, Recording::On, steps(), expected()));
    let failing = vec![expect(start(0), start(90), Quantity::Commits, 1_000..=1_000)];
    assert_eq!(base, run(Checks::none(), Recording::Off, steps(), failing), "nobody asked");
    assert_ne!(base, run(checks, Recording::Off, vec![], vec![]));
}

#[test]
fn thousands_of_steps_that_wait_for_the_same_are_all_taken_in_their_order() {
    let mut steps: Vec<Step> = (0..20_000).map(|number| mark(None, Trigger::Commits(1 + number % 3))).collect();
    steps.extend((0..20_000).map(|number| mark(Some(number), Trigger::Now)));
    let mut world = world(steps, vec![]);
    until(&mut world, 200);
    let taken = taken(&world);
    assert_eq!((taken[0], taken[1], taken[2], taken[3]), (Some(50), Some(60), Some(70), Some(50)));
    assert!(taken.iter().all(Option::is_some));
}

#[test]
#[should_panic(expected = "step 1 follows one before it")]
fn a_step_does_not_follow_itself() {
    let _ = world(vec![mark(None, Trigger::Now), mark(Some(1), Trigger::Now)], vec![]);
}

#[test]
#[should_panic(expected = "step 0 ends what one before it began")]
fn a_step_ends_nothing_that_comes_later() {
    let _ = world(vec![step(None, Trigger::Now, 0, Action::End { step: 0 })], vec![]);
}

#[test]
#[should_panic(expected = "lies at a step")]
fn an_edge_lies_at_a_step_that_there_is() {
    let _ = world(vec![], vec![expect(after(0, 0), Edge::End, Quantity::Commits, 0..=1)]);
}
