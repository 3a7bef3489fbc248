//! The parts of a host by themselves: a server that does what a test says at its boot and every 10 ms, on a disk whose syncs take
//! 2 ms and that keeps nothing else through a crash.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use whitewater_kv::{session, storage};
use whitewater_raft::Command;
use whitewater_sim::disk::{CrashKeeps, DiskProfile, Losses};
use whitewater_sim::fault::{Fault, FaultKind, Source, Target};
use whitewater_sim::observe::Role;
use whitewater_sim::time::MILLISECOND_NS;
use whitewater_sim::{Checks, ClockProfile, Instant, Keep, Latency, LinkProfile, Recording, World, WorldConfig};

use super::*;

type Hands<'a> = Context<'a, Node<Scribe>>;
type Heard = Rc<RefCell<Vec<String>>>;

/// What a server does in a life of its, at a step of that life: both are counted from 0, and step 0 is its boot.
type Script = dyn Fn((u32, u32), &mut Parts, &mut Hands<'_>);

struct Scribe {
    life: u32,
    step: u32,
    script: Rc<Script>,
    heard: Heard,
    parts: Option<Parts>,
}

struct Parts {
    store: Store,
    journal: Journal<&'static str>,
    told: Told,
}

const STEP: TimerId = TimerId(FIRST_TIMER);
const ME: NodeId = NodeId(0);

fn settings() -> Settings {
    Settings {
        voters: 1,
        tick_ns: MILLISECOND_NS,
        snapshot_every: Some(3),
        entries_kept: 1,
        storage: storage::Limits::default(),
        sessions: session::Limits::default(),
    }
}

impl Scribe {
    fn hear(&self, context: &Hands<'_>, what: &str) {
        self.heard.borrow_mut().push(format!("{} {what}", context.now().0 / MILLISECOND_NS));
    }

    fn take_step(&mut self, context: &mut Hands<'_>) {
        let parts = self.parts.as_mut().expect("it has booted");
        (self.script)((self.life, self.step), parts, context);
        self.step += 1;
        context.arm(STEP, 10 * MILLISECOND_NS);
    }
}

impl Server for Scribe {
    type Message = raft_kv::Wire;

    fn boot(&mut self, context: &mut Hands<'_>) {
        let mut store = Store::new(settings().sessions);
        match Journal::open(settings(), &mut store, context) {
            Ok((journal, Kept { term, vote, snapshot, entries })) => {
                let log: Vec<String> =
                    entries.iter().map(|Record { index, term, .. }| format!("{index}@{term}")).collect();
                let vote = vote.map_or("nobody".to_owned(), |vote| vote.to_string());
                let cut = snapshot.map_or("nothing".to_owned(), |cut| format!("{}@{}", cut.index, cut.term));
                self.hear(context, &format!("boots: t{term}, vote for {vote}, snapshot of {cut}, log {log:?}"));
                assert_eq!(journal.voted().0, term);
                let told = Told::booted(term, store.applied());
                self.parts = Some(Parts { store, journal, told });
                self.take_step(context);
            }
            Err(why) => {
                self.hear(context, &format!("refuses: {why}"));
                context.halt();
            }
        }
    }

    fn request(&mut self, _: NodeId, _: Message, _: &mut Hands<'_>) {}
    fn message(&mut self, _: NodeId, _: raft_kv::Wire, _: &mut Hands<'_>) {}

    fn timer(&mut self, _: TimerId, context: &mut Hands<'_>) {
        self.take_step(context);
    }

    fn timer_name(timer: TimerId) -> Option<&'static str> {
        (timer == STEP).then_some("step")
    }

    fn synced(&mut self, sync: SyncId, context: &mut Hands<'_>) {
        let journal = &mut self.parts.as_mut().expect("it has booted").journal;
        let mut news = Vec::new();
        if let Some(dispensable) = journal.synced(sync, context) {
            news.push(format!("snapshot of {}, entries to {dispensable} may go", journal.latest_snapshot().0));
        }
        while let Some(what) = journal.next_durable() {
            news.push(format!("durable: {what}"));
        }
        news.iter().for_each(|what| self.hear(context, what));
    }
}

/// One server and its script, for 100 ms; it crashes at these times, in milliseconds, and is back 5 ms later. Returns what it
/// heard, and its trace.
fn play(
    crashes: &[u64],
    script: impl Fn((u32, u32), &mut Parts, &mut Hands<'_>) + 'static,
) -> (Vec<String>, Vec<String>) {
    let config = WorldConfig {
        seed: 1,
        servers: 1,
        clients: 0,
        links: LinkProfile::reliable(Latency::constant(MILLISECOND_NS)),
        disks: DiskProfile {
            sync: Latency::constant(2 * MILLISECOND_NS),
            crash_keeps: CrashKeeps::Nothing,
            losses: Losses::Survived,
        },
        clocks: ClockProfile::default(),
        checks: Checks::none(),
        recording: Recording::On,
        keep: Keep::Nothing,
    };
    let heard = Heard::default();
    let (script, lives): (Rc<Script>, _) = (Rc::new(script), Cell::new(0));
    let shared = Rc::clone(&heard);
    let mut world = World::new(&config, move |_, _| {
        let life = lives.replace(lives.get() + 1);
        let (script, heard) = (Rc::clone(&script), Rc::clone(&shared));
        Node::Server(Scribe { life, step: 0, script, heard, parts: None })
    });
    let crash = |at: &u64| Fault {
        source: Source(0),
        begin: Instant(at * MILLISECOND_NS),
        end: Instant((at + 5) * MILLISECOND_NS),
        kind: FaultKind::Crash { target: Target::Nodes(vec![ME]) },
    };
    world.plan(crashes.iter().map(crash).collect());
    world.start();
    world.run_until(Instant(100 * MILLISECOND_NS), u64::MAX);
    let trace = world.take_trace().expect("it is recorded");
    let lines = trace.lines().iter().map(|line| line.text.clone()).collect();
    (heard.take(), lines)
}

/// Entries of the library's own, from an index on, with these terms.
fn entries(first: u64, terms: &[u64]) -> Vec<Record> {
    (first..).zip(terms).map(|(index, term)| Record { index, term: *term, data: Command::new() }).collect()
}

#[test]
fn what_waits_comes_back_in_order_once_its_writes_are_durable() {
    let (heard, _) = play(&[], |at, Parts { journal, .. }, context| match at {
        (0, 1) => {
            assert!(!journal.write((0, None), Vec::new(), context), "that is what the disk holds");
            journal.after_writes("nothing");
            assert_eq!(journal.next_durable(), Some("nothing"), "no write was before it");
            assert!(journal.write((1, Some(ME)), entries(1, &[1]), context));
            journal.after_writes("vote and entry");
            assert!(!journal.write((1, Some(ME)), Vec::new(), context), "it was just written");
            assert!(journal.write((1, Some(ME)), entries(2, &[1]), context));
            journal.after_writes("second entry");
            journal.after_writes("and something else");
            assert_eq!(journal.voted(), (1, Some(ME)));
            assert!(!journal.has_durable_vote(1));
            assert_eq!(journal.next_durable(), None);
        }
        (0, 2) => assert!(journal.has_durable_vote(1) && !journal.has_durable_vote(2)),
        _ => {}
    });
    let expected = [
        "0 boots: t0, vote for nobody, snapshot of nothing, log []",
        "12 durable: vote and entry",
        "14 durable: second entry",
        "14 durable: and something else",
    ];
    assert_eq!(heard, expected);
}

#[test]
fn a_crash_leaves_what_was_durable_and_nobody_hears_of_the_rest() {
    let (heard, _) = play(&[11, 40], |at, Parts { journal, .. }, context| {
        if at.1 == 1 {
            journal.write((1, Some(ME)), entries(1, &[1, 1]), context);
            journal.after_writes("the same");
        }
    });
    let expected = [
        "0 boots: t0, vote for nobody, snapshot of nothing, log []",
        "16 boots: t0, vote for nobody, snapshot of nothing, log []",
        "28 durable: the same",
        r#"45 boots: t1, vote for n0, snapshot of nothing, log ["1@1", "2@1"]"#,
    ];
    assert_eq!(heard[..4], expected);
}

#[test]
fn an_entry_replaces_the_log_from_its_index_on() {
    let (heard, _) = play(&[35], |at, Parts { journal, .. }, context| match at {
        (0, 1) => _ = journal.write((1, None), entries(1, &[1, 1, 1]), context),
        (0, 2) => _ = journal.write((2, None), entries(2, &[2]), context),
        _ => {}
    });
    assert_eq!(heard[1], r#"40 boots: t2, vote for nobody, snapshot of nothing, log ["1@1", "2@2"]"#);
}

#[test]
fn a_snapshot_is_taken_when_it_is_due_and_found_again() {
    let (heard, trace) = play(&[35], |at, Parts { store, journal, .. }, context| match at {
        (0, 1) => {
            journal.write((1, None), entries(1, &[1, 1, 1, 1]), context);
            for index in 1..=4 {
                store.apply((index, 1), &[], context);
                // The third entry is the first one that makes it due; and while it is saved, no other is taken.
                journal.snapshot_if_due(store, context);
            }
            assert_eq!(journal.latest_snapshot().0, 0, "it is not durable yet");
        }
        (1, 0) => assert_eq!(store.applied_entry(), (3, 1)),
        _ => {}
    });
    assert!(heard[1].ends_with("snapshot of 3, entries to 2 may go"), "{heard:?}");
    assert_eq!(heard[2], r#"40 boots: t1, vote for nobody, snapshot of 3@1, log ["4@1"]"#);
    assert_eq!(trace.iter().filter(|line| line.contains("snapshot of 1 to 3")).count(), 2, "taken, and restored");
}

#[test]
fn a_snapshot_from_elsewhere_replaces_log_and_state() {
    let (heard, _) = play(&[35], |at, Parts { store, journal, .. }, context| {
        if at == (0, 1) {
            journal.write((1, None), entries(1, &[1, 1]), context);
            let data = store.snapshot();
            let damaged = Cut { index: 7, term: 2, data: data.slice(1..) };
            assert!(journal.install((2, None), &damaged, store, context).is_err());
            assert_eq!((journal.voted(), store.applied()), ((1, None), 0), "nothing has changed");
            let cut = Cut { index: 7, term: 2, data };
            journal.install((2, None), &cut, store, context).expect("a store made it");
            journal.after_writes("snapshot");
            assert_eq!((journal.latest_snapshot().0, store.applied_entry()), (7, (7, 2)));
        }
    });
    assert!(heard[1].ends_with("durable: snapshot"), "{heard:?}");
    assert_eq!(heard[2], "40 boots: t2, vote for nobody, snapshot of 7@2, log []");
}

#[test]
fn a_disk_that_no_crash_leaves_is_refused() {
    let (heard, _) = play(&[35], |at, Parts { journal, .. }, context| match at {
        (0, 1) => _ = journal.write((1, None), entries(1, &[1, 1]), context),
        (0, 2) => {
            let file = context.files().pop().expect("something was written");
            context.write(&file, 0, &[0xff; 16]);
            context.sync(&file);
        }
        _ => {}
    });
    assert!(heard[1].starts_with("40 refuses: "), "{heard:?}");
}

#[test]
fn the_observer_is_told_news_only() {
    let (_, trace) = play(&[], |at, Parts { told, .. }, context| {
        let mut tell = |role, term| told.tell(Standing { term, role, leader: None }, context);
        if at == (0, 1) {
            tell(Role::Follower, 0);
            tell(Role::Candidate, 1);
            tell(Role::Candidate, 1);
            tell(Role::Leader, 1);
            for index in [2, 2, 1, 3] {
                told.tell_committed(index, context);
            }
            told.installed(7);
            told.installed(5);
            told.tell_committed(7, context);
            told.tell_committed(8, context);
        }
    });
    let roles = ["enters term 1", "is candidate of term 1", "enters term 1", "is LEADER of term 1"];
    let commits = ["commits up to 2", "commits up to 3", "commits up to 8"];
    let news = trace.iter().filter(|line| ["enters", "is ", "commits"].iter().any(|word| line.starts_with(word)));
    assert!(news.eq(roles.iter().chain(&commits)), "{trace:?}");
}

#[test]
fn ticks_are_whole() {
    let settings = Settings { tick_ns: 25, ..settings() };
    assert_eq!([0, 24, 25, 99, 100].map(|span_ns| settings.ticks(span_ns)), [0, 0, 1, 3, 4]);
}
