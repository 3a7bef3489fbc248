//! Damage to bytes that were durable: it is found, or it does not matter. Never is a shorter log taken for the whole one.

use whitewater_kv::storage::{Limits, RecoveryError, Storage};
use whitewater_raft::Recovered;

use crate::crashes::settle;
use crate::ledger::{Ledger, Survives};
use crate::media::{Files, Image, Medium, Simulated};
use crate::script::{Author, Leader, Server, Step};

/// A disk on which so many steps are durable.
fn written(seed: u64, steps: usize, limits: Limits) -> (Image, Recovered) {
    let mut author = Author::new(seed, 3, Leader::SendsSnapshots);
    let mut disk = Ledger::<Simulated>::new(&Image::new());
    let (mut server, ..) = Server::boot(&mut disk, limits).expect("an empty disk is whole");
    for _ in 0..steps {
        let step = author.next(&server.model);
        server.step(&step, &mut disk);
        settle(&mut server, &mut disk);
    }
    let image = disk.image(|_| Survives::Wholly);
    let recovered = open::<Simulated>(&image).expect("nothing is damaged");
    server.model.check(&recovered).expect("nothing is lost");
    (image, recovered)
}

fn open<M: Medium>(image: &Image) -> Result<Recovered, RecoveryError> {
    Storage::open(&mut M::holding(image), Limits::default()).map(|(_, recovered, _)| recovered)
}

const SHORT: Limits = Limits { segment_bytes: 600, batch_bytes: 600 };

/// Damages a disk in all ways that `damages` says, and returns how many were found and how many did not matter.
fn damage<M: Medium>(image: &Image, whole: &Recovered, damages: impl Iterator<Item = Image>) -> (usize, usize) {
    let (mut found, mut harmless) = (0, 0);
    for damaged in damages {
        match open::<M>(&damaged) {
            Err(_) => found += 1,
            Ok(recovered) => {
                let changed: Vec<String> =
                    image.keys().filter(|name| image.get(*name) != damaged.get(*name)).cloned().collect();
                assert_eq!(&recovered, whole, "damage to {changed:?} was not found");
                harmless += 1;
            }
        }
    }
    (found, harmless)
}

fn flips(image: &Image, every: usize) -> impl Iterator<Item = Image> {
    let places = image.iter().flat_map(|(name, bytes)| (0..bytes.len() * 8).map(move |bit| (name, bit)));
    places.step_by(every).map(|(name, bit)| {
        let mut damaged = image.clone();
        damaged.get_mut(name).expect("the file is there")[bit / 8] ^= 1 << (bit % 8);
        damaged
    })
}

#[test]
fn a_flipped_bit_is_found_or_does_not_matter() {
    for seed in 0..12 {
        let (image, whole) = written(seed, 14, SHORT);
        let (found, harmless) = damage::<Simulated>(&image, &whole, flips(&image, 3));
        assert!(found > 10 * harmless, "seed {seed}: {found} found, {harmless} harmless");
        damage::<Files>(&image, &whole, flips(&image, 1_001));
    }
}

#[test]
fn overwritten_bytes_are_found_or_do_not_matter() {
    let mut author = Author::new(1, 4, Leader::SendsSnapshots);
    for seed in 20..32 {
        let (image, whole) = written(seed, 14, SHORT);
        let names: Vec<&String> = image.keys().collect();
        let damages = (0..200).map(|_| {
            let mut damaged = image.clone();
            let bytes = damaged.get_mut(names[author.below(names.len() as u64) as usize]).expect("the file is there");
            let begin = author.below(bytes.len() as u64) as usize;
            let end = bytes.len().min(begin + 1 + author.below(700) as usize);
            // No zeros: bytes that are missing at the end of the log are what a crash leaves.
            bytes[begin..end].iter_mut().for_each(|byte| *byte = 1 + author.below(255) as u8);
            damaged
        });
        damage::<Simulated>(&image, &whole, damages);
    }
}

#[test]
fn a_file_that_is_missing_or_short_is_missed_unless_it_is_the_last() {
    let mut found = 0;
    for seed in 40..60 {
        let (image, whole) = written(seed, 20, SHORT);
        let number = |name: &String| name.strip_prefix("log-").map(|number| number.parse::<u64>().expect("a number"));
        let newest = image.keys().filter_map(number).max().expect("there is a log");
        let others: Vec<&String> = image.keys().filter(|name| number(name) != Some(newest)).collect();
        let damages = others.iter().flat_map(|name| {
            let missing = image.iter().filter(|(other, _)| other != name);
            let missing: Image = missing.map(|(name, bytes)| (name.clone(), bytes.clone())).collect();
            let short = (0..image[*name].len()).step_by(17).map(|len| {
                let mut short = image.clone();
                short.get_mut(*name).expect("the file is there").truncate(len);
                short
            });
            std::iter::once(missing).chain(short)
        });
        found += damage::<Simulated>(&image, &whole, damages).0;
    }
    assert!(found > 500, "{found}");
}

#[test]
fn arbitrary_files_never_panic() {
    let mut author = Author::new(5, 4, Leader::SendsSnapshots);
    for seed in 0..400 {
        let (mut image, _) = written(60 + seed % 4, 8, SHORT);
        for name in ["log-1", "log-2", "log-9", "snapshot-1", "snapshot-7", "snapshot-7.taken.tmp", "log-x", "notes"] {
            if author.below(2) == 0 {
                image.insert(name.to_owned(), (0..author.below(300)).map(|_| author.below(256) as u8).collect());
            }
        }
        let _ = open::<Simulated>(&image);
    }
}

#[test]
fn what_is_not_ours_stays() {
    let mut disk = Simulated::holding(&Image::from([
        ("log-01".to_owned(), b"not canonical".to_vec()),
        ("log-0".to_owned(), b"no segment".to_vec()),
        ("notes.tmp".to_owned(), b"somebody's".to_vec()),
        ("snapshot-3.taken.tmp".to_owned(), b"left over".to_vec()),
    ]));
    Storage::open(&mut disk, Limits::default()).expect("an empty log");
    assert_eq!(disk.image().into_keys().collect::<Vec<_>>(), ["log-0", "log-01", "notes.tmp"]);
}

/// A refused disk, and the start of what its user reads.
fn refused(image: &Image, expected: &str) {
    let error = open::<Simulated>(image).expect_err("the damage is found");
    assert!(error.to_string().starts_with(expected), "{error}");
    let mut disk = Simulated::holding(image);
    Storage::open(&mut disk, Limits::default()).expect_err("the damage is found");
    assert_eq!(disk.image(), *image, "a refused disk stays as it is");
}

#[test]
fn a_refusal_says_where_and_what_to_do() {
    let (mut author, mut disk) = (Author::new(2, 5, Leader::SendsNone), Ledger::<Simulated>::new(&Image::new()));
    let limits = Limits { segment_bytes: 300, batch_bytes: 300 };
    let (mut server, ..) = Server::boot(&mut disk, limits).expect("an empty disk is whole");
    let mut snapshots = 0;
    while snapshots < 1 || disk.image(|_| Survives::Wholly).keys().filter(|name| name.starts_with("log-")).count() < 3 {
        let step = match author.next(&server.model) {
            Step::Save(_) if snapshots > 0 => continue,
            step @ (Step::Persist(_) | Step::Save(_)) => step,
        };
        snapshots += usize::from(matches!(step, Step::Save(_)));
        server.step(&step, &mut disk);
        settle(&mut server, &mut disk);
    }
    let image = disk.image(|_| Survives::Wholly);
    let logs: Vec<String> = image.keys().filter(|name| name.starts_with("log-")).cloned().collect();
    let snapshot = image.keys().find(|name| name.starts_with("snapshot-")).expect("one was saved").clone();
    let change = |name: &str, change: &dyn Fn(&mut Vec<u8>)| {
        let mut image = image.clone();
        change(image.get_mut(name).expect("the file is there"));
        image
    };
    let without = |name: &str| {
        let mut image = image.clone();
        image.remove(name);
        image
    };
    let newest = logs.last().expect("there are three").clone();
    refused(
        &change(&newest, &|bytes| bytes[80] ^= 1),
        &format!("{newest} is damaged at byte 76: there should be the header of a batch"),
    );
    refused(
        &change(&snapshot, &|bytes| bytes[20] ^= 1),
        &format!("{snapshot} is damaged at byte 16: there should be bytes that match their checksum"),
    );
    refused(
        &change(&snapshot, &|bytes| bytes[8] = 9),
        &format!("{snapshot} has format version 9, which this program does not know"),
    );
    refused(&without(&logs[1]), &format!("{} is missing, which {newest} continues", logs[1]));
    let mut no_log = image.clone();
    no_log.retain(|name, _| !name.starts_with("log-"));
    refused(&no_log, &format!("{snapshot} was taken when the log had the entry of index"));
}
