//! What a disk promises, and what a crash does to the rest.

use std::collections::BTreeSet;

use super::*;

fn disk(seed: u64, crash_keeps: CrashKeeps) -> Disk {
    Disk::new(DiskProfile { sync: Latency::constant(10), crash_keeps }, &RunKey::new(seed), 0)
}

/// A disk with a file `wal`, empty and with a durable name.
fn disk_with_file(seed: u64, crash_keeps: CrashKeeps) -> Disk {
    let mut disk = disk(seed, crash_keeps);
    disk.write("wal", 0, b"");
    settle(&mut disk, "wal");
    disk
}

fn settle(disk: &mut Disk, file: &str) {
    let syncs = [disk.sync(file), disk.sync_directory()];
    for (sync, _) in syncs {
        disk.complete(sync);
    }
}

#[test]
fn a_write_is_seen_at_once_and_survives_when_synced() {
    let mut disk = disk_with_file(1, CrashKeeps::Nothing);
    disk.write("wal", 0, b"one");
    let (sync, latency_ns) = disk.sync("wal");
    disk.write("wal", 3, b"two");
    assert_eq!((disk.read("wal"), latency_ns), (b"onetwo".to_vec(), 10));
    disk.complete(sync);
    disk.crash();
    assert_eq!(disk.read("wal"), b"one");
}

#[test]
fn a_sync_that_did_not_complete_promises_nothing() {
    let mut disk = disk_with_file(1, CrashKeeps::Nothing);
    disk.write("wal", 0, b"one");
    disk.sync("wal");
    disk.crash();
    assert_eq!(disk.read("wal"), b"");
}

#[test]
fn overlapping_syncs_cover_what_was_written_before_each() {
    let mut disk = disk_with_file(1, CrashKeeps::Nothing);
    disk.write("wal", 0, b"a");
    let (first, _) = disk.sync("wal");
    disk.write("wal", 1, b"b");
    let (second, _) = disk.sync("wal");
    disk.write("wal", 2, b"c");
    disk.complete(first);
    disk.complete(second);
    disk.crash();
    assert_eq!(disk.read("wal"), b"ab");
}

#[test]
fn a_prefix_may_end_in_a_torn_write_but_has_no_hole() {
    let mut lengths = BTreeSet::new();
    for seed in 0..200 {
        let mut disk = disk_with_file(seed, CrashKeeps::Prefix);
        for number in 0..4_u8 {
            disk.write("wal", usize::from(number) * 3, &[number + 1; 3]);
        }
        disk.crash();
        let bytes = disk.read("wal");
        assert!(bytes.iter().enumerate().all(|(at, byte)| usize::from(*byte) == at / 3 + 1), "{bytes:?}");
        lengths.insert(bytes.len());
    }
    assert_eq!(lengths, (0..=12).collect());
}

#[test]
fn a_subset_may_leave_holes_and_never_touches_what_was_synced() {
    let mut holes = 0;
    for seed in 0..200 {
        let mut disk = disk_with_file(seed, CrashKeeps::Subset);
        disk.write("wal", 0, b"durable");
        settle(&mut disk, "wal");
        disk.write("wal", 7, b"11");
        disk.write("wal", 9, b"22");
        disk.crash();
        let bytes = disk.read("wal");
        assert!(bytes.starts_with(b"durable"));
        holes += usize::from(bytes.get(7..9) == Some(b"\0\0"));
    }
    assert!((20..80).contains(&holes), "{holes}");
}

#[test]
fn a_long_write_is_torn_into_sectors() {
    let mut lost_in_the_middle = 0;
    for seed in 0..200 {
        let mut disk = disk_with_file(seed, CrashKeeps::Subset);
        disk.write("wal", 100, &[1; 1_500]);
        disk.crash();
        let bytes = disk.read("wal");
        let mut sectors: Vec<&[u8]> = bytes.chunks(512).collect();
        let last = sectors.pop().unwrap_or_default();
        let whole = |sector: &&[u8]| sector.iter().rev().take(412).all(|byte| *byte == sector[511]);
        assert!(sectors.iter().all(whole), "seed {seed}: a sector is there or it is not");
        lost_in_the_middle += usize::from(last.contains(&1) && sectors.iter().any(|sector| sector[511] == 0));
    }
    assert!((5..40).contains(&lost_in_the_middle), "{lost_in_the_middle}");
}

#[test]
fn a_file_is_gone_if_its_name_was_not_synced() {
    let mut disk = disk(1, CrashKeeps::Nothing);
    disk.write("wal", 0, b"one");
    let written = disk.latest();
    let (sync, _) = disk.sync("wal");
    disk.complete(sync);
    assert_eq!((disk.list(), disk.standing(written)), (vec!["wal".to_owned()], Standing::Pending));
    disk.crash();
    assert_eq!((disk.list(), disk.read("wal"), disk.standing(written)), (vec![], vec![], Standing::Void));
}

#[test]
fn a_write_stands_when_its_bytes_and_its_name_do() {
    let mut disk = disk(1, CrashKeeps::Nothing);
    disk.write("wal", 0, b"one");
    let written = disk.latest();
    let (name, bytes) = (disk.sync_directory().0, disk.sync("wal").0);
    disk.complete(name);
    assert_eq!(disk.standing(written), Standing::Pending);
    disk.complete(bytes);
    assert_eq!(disk.standing(written), Standing::Durable);
}

#[test]
fn a_renaming_replaces_at_once_and_survives_when_the_directory_is_synced() {
    let mut disk = disk_with_file(1, CrashKeeps::Nothing);
    disk.write("new", 0, b"new");
    settle(&mut disk, "new");
    disk.rename("new", "wal");
    let renamed = disk.latest();
    assert_eq!((disk.read("wal"), disk.standing(renamed)), (b"new".to_vec(), Standing::Pending));
    disk.crash();
    assert_eq!((disk.read("wal"), disk.read("new")), (vec![], b"new".to_vec()));
    disk.rename("new", "wal");
    let renamed = disk.latest();
    let (sync, _) = disk.sync_directory();
    disk.complete(sync);
    assert_eq!(disk.standing(renamed), Standing::Durable);
    disk.crash();
    assert_eq!((disk.list(), disk.read("wal")), (vec!["wal".to_owned()], b"new".to_vec()));
}

#[test]
fn a_removal_may_be_undone_until_the_directory_is_synced() {
    let mut disk = disk_with_file(1, CrashKeeps::Nothing);
    disk.write("wal", 0, b"one");
    settle(&mut disk, "wal");
    disk.remove("wal");
    disk.write("wal", 0, b"another file");
    assert_eq!(disk.read("wal"), b"another file");
    disk.crash();
    assert_eq!(disk.read("wal"), b"one");
    disk.remove("wal");
    let (sync, _) = disk.sync_directory();
    disk.complete(sync);
    disk.crash();
    assert_eq!(disk.list(), Vec::<String>::new());
}

#[test]
fn changes_of_names_survive_as_a_subset() {
    let mut seen = BTreeSet::new();
    for seed in 0..200 {
        let mut disk = disk_with_file(seed, CrashKeeps::Subset);
        disk.write("a", 0, b"a");
        disk.rename("a", "b");
        disk.remove("wal");
        disk.crash();
        seen.insert(disk.list());
    }
    let all: [&[&str]; 6] = [&[], &["a"], &["a", "wal"], &["b"], &["b", "wal"], &["wal"]];
    assert_eq!(seen, all.iter().map(|names| names.iter().map(|name| (*name).to_owned()).collect()).collect());
}
