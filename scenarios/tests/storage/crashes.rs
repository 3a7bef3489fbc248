//! A crash at every moment and in every way: what comes back is what was promised, and the server can go on from there.

use whitewater_kv::storage::Limits;

use crate::ledger::{Ledger, Survives};
use crate::media::{Files, Image, Medium, Simulated};
use crate::model::Model;
use crate::script::{Author, Leader, Server};

/// Opens what a crash left, holds it against the model, and goes on: one more write, and another start.
fn check<M: Medium>(image: &Image, model: &Model, limits: Limits, author: &mut Author, what: &str) {
    let mut disk = M::holding(image);
    let (_, recovered, report) =
        Server::boot(&mut disk, limits).unwrap_or_else(|error| panic!("{what}: a crash is taken for damage: {error}"));
    model.check(&recovered).unwrap_or_else(|why| panic!("{what}: {why}"));
    let cleaned = disk.image();
    let mut disk = Ledger::<M>::new(&cleaned);
    let (mut server, recovered_again, _) = Server::boot(&mut disk, limits).expect("what was recovered is whole");
    assert_eq!(recovered_again, recovered, "{what}: recovery changes nothing");
    author.restarts(&recovered);
    for _ in 0..2 {
        let step = author.next(&server.model);
        server.step(&step, &mut disk);
        settle(&mut server, &mut disk);
    }
    let after = disk.image(|_| Survives::NotAtAll);
    let (_, recovered, later) = Server::boot(&mut M::holding(&after), limits)
        .unwrap_or_else(|error| panic!("{what}: after {report:?} the log cannot be continued: {error}"));
    server.model.check(&recovered).unwrap_or_else(|why| panic!("{what}: later: {why}"));
    assert_eq!(later.torn_bytes * usize::from(report.torn.is_none()), 0, "{what}: what was torn stays dropped");
}

/// Lets every sync complete.
pub(crate) fn settle<M: Medium>(server: &mut Server, disk: &mut Ledger<M>) {
    while let Some(ticket) = disk.under_way().first().copied() {
        disk.complete(ticket);
        server.synced(ticket, disk);
    }
}

/// Runs a script of so many steps, and crashes after each step and each completed sync, in each possible way. Returns
/// the number of crashes.
fn crash_everywhere<M: Medium>(seed: u64, steps: usize, every: usize) -> usize {
    let mut author = Author::new(seed, 0, Leader::SendsSnapshots);
    let mut others = Author::new(seed, 1, Leader::SendsSnapshots);
    let limits = author.limits();
    let mut disk = Ledger::<M>::new(&Image::new());
    let (mut server, ..) = Server::boot(&mut disk, limits).expect("an empty disk is whole");
    let mut crashes = 0;
    let mut look = |server: &Server, disk: &Ledger<M>, what: &str| {
        for (number, image) in disk.crashes().iter().enumerate() {
            crashes += 1;
            if crashes % every == 0 {
                let what = format!("seed {seed}, {what}, crash {number}");
                check::<M>(image, &server.model, limits, &mut others, &what);
            }
        }
    };
    for number in 0..steps {
        let step = author.next(&server.model);
        server.step(&step, &mut disk);
        look(&server, &disk, &format!("after step {number}, {step:?}"));
        for completion in 0..author.below(4) {
            let under_way = disk.under_way();
            if under_way.is_empty() {
                break;
            }
            let ticket = under_way[author.below(under_way.len() as u64) as usize];
            disk.complete(ticket);
            look(&server, &disk, &format!("before completion {completion} after step {number} is heard of"));
            server.synced(ticket, &mut disk);
            look(&server, &disk, &format!("after completion {completion} after step {number}"));
        }
    }
    crashes
}

#[test]
fn a_crash_at_any_moment_leaves_what_was_promised_on_the_simulated_disk() {
    let crashes: usize = (0..30).map(|seed| crash_everywhere::<Simulated>(seed, 12, 7)).sum();
    assert!(crashes > 50_000, "{crashes}");
}

#[test]
fn a_crash_at_any_moment_leaves_what_was_promised_in_files() {
    let crashes: usize = (100..104).map(|seed| crash_everywhere::<Files>(seed, 8, 53)).sum();
    assert!(crashes > 1_000, "{crashes}");
}

/// The last record of a log, cut at each of its bytes and without each of its sectors; of these crashes every so many.
fn cut_at_every_byte<M: Medium>(every: usize) {
    let mut author = Author::new(7, 0, Leader::SendsNone);
    let limits = Limits::default();
    let mut disk = Ledger::<M>::new(&Image::new());
    let (mut server, ..) = Server::boot(&mut disk, limits).expect("an empty disk is whole");
    let mut cuts = 0;
    for _ in 0..8 {
        let step = author.next(&server.model);
        server.step(&step, &mut disk);
        for image in disk.crashes().iter().step_by(every) {
            check::<M>(image, &server.model, limits, &mut Author::new(8, 0, Leader::SendsNone), "a cut");
            cuts += 1;
        }
        settle(&mut server, &mut disk);
        let whole = disk.image(|_| Survives::NotAtAll);
        check::<M>(&whole, &server.model, limits, &mut Author::new(8, 0, Leader::SendsNone), "whole");
    }
    assert!(cuts > 1_000 / every, "{cuts}");
}

#[test]
fn the_last_write_is_cut_at_every_byte() {
    cut_at_every_byte::<Simulated>(1);
    cut_at_every_byte::<Files>(23);
}
