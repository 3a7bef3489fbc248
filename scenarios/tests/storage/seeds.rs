//! Many lives of one disk, which draws for itself what a crash keeps: any subset of what was not synced, torn and with holes.

use whitewater_kv::storage::{Disk, Limits, RecoveryReport, Ticket, Torn, Unreadable};
use whitewater_raft::Recovered;
use whitewater_sim::disk::CrashKeeps;
use whitewater_sim::fault::{Damage, DiskFailure};

use crate::media::{Medium, Simulated};
use crate::model::Model;
use crate::script::{Author, Leader, Server};

/// The simulated disk, with the syncs that are under way.
struct Busy {
    disk: Simulated,
    under_way: Vec<Ticket>,
}

impl Disk for Busy {
    fn read(&mut self, file: &str) -> Result<Vec<u8>, Unreadable> {
        self.disk.read(file)
    }

    fn list(&mut self) -> Vec<String> {
        self.disk.list()
    }

    fn write(&mut self, file: &str, offset: usize, bytes: &[u8]) {
        self.disk.write(file, offset, bytes);
    }

    fn rename(&mut self, from: &str, to: &str) {
        self.disk.rename(from, to);
    }

    fn remove(&mut self, file: &str) {
        self.disk.remove(file);
    }

    fn sync(&mut self, file: &str) -> Ticket {
        let ticket = self.disk.sync(file);
        self.under_way.push(ticket);
        ticket
    }

    fn sync_directory(&mut self) -> Ticket {
        let ticket = self.disk.sync_directory();
        self.under_way.push(ticket);
        ticket
    }
}

/// What the lives of one disk met.
type Seen = Vec<(RecoveryReport, Recovered)>;

fn live(seed: u64, crash_keeps: CrashKeeps, lives: usize, steps: u64) -> Seen {
    let mut disk = Busy { disk: Simulated::empty(seed, crash_keeps), under_way: Vec::new() };
    live_on(&mut disk, seed, lives, steps).0
}

/// Lives on a disk, and what the last of them leaves.
fn live_on(disk: &mut Busy, seed: u64, lives: usize, steps: u64) -> (Seen, Limits, Model) {
    let mut author = Author::new(seed, 2, Leader::SendsSnapshots);
    let limits = author.limits();
    let mut seen = Vec::new();
    let mut model: Option<Model> = None;
    for life in 0..lives {
        let (mut server, recovered, report) = Server::boot(disk, limits)
            .unwrap_or_else(|error| panic!("seed {seed}, life {life}: a crash is taken for damage: {error}"));
        if let Some(model) = model {
            model.check(&recovered).unwrap_or_else(|why| panic!("seed {seed}, life {life}: {why}"));
        }
        author.restarts(&recovered);
        seen.push((report, recovered));
        for _ in 0..author.below(steps) {
            let step = author.next(&server.model);
            server.step(&step, disk);
            while !disk.under_way.is_empty() && author.below(3) > 0 {
                let ticket = disk.under_way.swap_remove(author.below(disk.under_way.len() as u64) as usize);
                disk.disk.complete(ticket);
                server.synced(ticket, disk);
            }
        }
        disk.disk.0.crash();
        disk.under_way.clear();
        model = Some(server.model);
    }
    (seen, limits, model.expect("there was a life"))
}

/// A server whose durable bytes are damaged refuses to start, or has everything that it promised.
#[test]
fn damage_to_what_was_durable_is_refused_or_harmless() {
    for damage in [Damage::Rot, Damage::Misdirected, Damage::Phantom] {
        let (mut refused, mut harmless) = (0, 0);
        for seed in 0..700 {
            let mut disk = Busy { disk: Simulated::empty(seed, CrashKeeps::Subset), under_way: Vec::new() };
            disk.disk.0.remember();
            let (_, limits, model) = live_on(&mut disk, seed, 1 + seed as usize % 4, 30);
            if !disk.disk.0.damage(damage) {
                continue;
            }
            match Server::boot(&mut disk, limits) {
                Ok((_, recovered, _)) => {
                    harmless += 1;
                    model.check(&recovered).unwrap_or_else(|why| panic!("seed {seed}, {damage:?} is not found: {why}"));
                }
                Err(_) => refused += 1,
            }
        }
        assert!(refused > 300 && harmless > 10, "{damage:?}: {refused} refused, {harmless} harmless");
    }
}

#[test]
fn a_disk_that_cannot_be_read_is_refused_and_left_as_it_is() {
    let mut disk = Busy { disk: Simulated::empty(1, CrashKeeps::Subset), under_way: Vec::new() };
    let (_, limits, model) = live_on(&mut disk, 1, 2, 30);
    let names = disk.list();
    disk.disk.0.fail(DiskFailure::Read);
    let Err(error) = Server::boot(&mut disk, limits) else { panic!("nothing can be read") };
    assert!(error.to_string().ends_with("cannot be read: start the server again when its disk works"), "{error}");
    disk.disk.0.repair(DiskFailure::Read);
    assert_eq!(disk.list(), names);
    let (_, recovered, _) = Server::boot(&mut disk, limits).expect("the disk works again");
    model.check(&recovered).expect("nothing is lost");
}

#[test]
fn whatever_a_crash_keeps_nothing_that_was_promised_is_lost() {
    let mut seen = Seen::new();
    for seed in 0..600 {
        let keeps =
            [CrashKeeps::Subset, CrashKeeps::Subset, CrashKeeps::Prefix, CrashKeeps::Nothing][seed as usize % 4];
        seen.extend(live(seed, keeps, 12, 14));
    }
    let count = |holds: fn(&RecoveryReport) -> bool| seen.iter().filter(|(report, _)| holds(report)).count();
    let met = [
        ("a torn batch of entries", count(|report| matches!(report.torn, Some(Torn::Entries(1..))))),
        ("a torn hard state", count(|report| matches!(report.torn, Some(Torn::HardState { .. })))),
        ("a torn header", count(|report| report.torn == Some(Torn::Unknown))),
        ("a chain of segments", count(|report| report.segments > 2)),
        ("a snapshot", count(|report| report.snapshot.is_some())),
        ("a log that a snapshot replaced", count(|report| report.entries_replaced > 0)),
        ("nothing lost", count(|report| report.torn.is_none())),
    ];
    for (what, times) in met {
        assert!(times >= 10, "{what} was met {times} times only: {met:?}");
    }
}

#[test]
fn a_log_that_goes_on_for_long_stays_within_its_files() {
    let mut author = Author::new(3, 2, Leader::SendsSnapshots);
    let limits = author.limits();
    let mut disk = Busy { disk: Simulated::empty(3, CrashKeeps::Subset), under_way: Vec::new() };
    let (mut server, ..) = Server::boot(&mut disk, limits).expect("an empty disk is whole");
    let mut most = 0;
    for _ in 0..5_000 {
        let step = author.next(&server.model);
        server.step(&step, &mut disk);
        while let Some(ticket) = disk.under_way.pop() {
            disk.disk.complete(ticket);
            server.synced(ticket, &mut disk);
        }
        most = most.max(disk.list().len());
    }
    assert!((3..40).contains(&most), "{most}");
}
