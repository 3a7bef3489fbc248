//! What a disk promises, and what a crash does to the rest.

use std::collections::BTreeSet;

use super::*;

fn disk(seed: u64, crash_keeps: CrashKeeps) -> Disk {
    Disk::new(DiskProfile { sync: Latency::constant(10), crash_keeps, losses: Losses::Survived }, &RunKey::new(seed), 0)
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

/// How a sync of everything ends.
fn ends(disk: &mut Disk, file: &str) -> SyncEnd {
    let (sync, _) = disk.sync(file);
    disk.complete(sync)
}

#[test]
fn a_failed_sync_loses_what_it_covers_and_nothing_else() {
    let mut disk = disk_with_file(1, CrashKeeps::Subset);
    disk.write("wal", 0, b"one");
    assert_eq!(ends(&mut disk, "wal"), SyncEnd::Durable);
    disk.write("wal", 3, b"two");
    let lost = disk.latest();
    let (sync, _) = disk.sync("wal");
    disk.write("wal", 6, b"three");
    let later = disk.latest();
    disk.fail(DiskFailure::Sync);
    assert_eq!(disk.complete(sync), SyncEnd::Failed);
    disk.repair(DiskFailure::Sync);
    assert_eq!(disk.read("wal"), b"one\0\0\0three");
    assert_eq!(ends(&mut disk, "wal"), SyncEnd::Durable, "the next sync does not tell");
    assert_eq!((disk.standing(lost), disk.standing(later)), (Standing::Pending, Standing::Durable));
    disk.crash();
    assert_eq!(disk.read("wal"), b"one\0\0\0three");
    assert_eq!(disk.counts().syncs_failed, 1);
}

#[test]
fn a_failed_write_is_told_by_the_sync_that_covers_it() {
    for (failure, kept) in [(DiskFailure::Write, &b"one"[..]), (DiskFailure::Full, b"oNE")] {
        let mut disk = disk_with_file(1, CrashKeeps::Subset);
        disk.write("wal", 0, b"one");
        assert_eq!(ends(&mut disk, "wal"), SyncEnd::Durable);
        disk.fail(failure);
        disk.write("wal", 1, b"NE");
        disk.write("wal", 3, b"two");
        disk.repair(failure);
        assert_eq!(disk.read("wal"), b"oNEtwo", "until then nobody can tell");
        disk.write("wal", 0, b"o");
        assert_eq!(ends(&mut disk, "wal"), SyncEnd::Failed);
        assert_eq!(disk.read("wal"), kept);
        assert_eq!(ends(&mut disk, "wal"), SyncEnd::Durable);
    }
}

#[test]
fn a_failed_write_does_not_survive_a_crash_either() {
    for seed in 0..50 {
        let mut disk = disk_with_file(seed, CrashKeeps::Subset);
        disk.fail(DiskFailure::Write);
        disk.write("wal", 0, b"lost");
        disk.crash();
        assert_eq!(disk.read("wal"), b"");
    }
}

#[test]
fn a_failed_sync_of_the_directory_undoes_the_changes() {
    let mut disk = disk_with_file(1, CrashKeeps::Subset);
    disk.write("new", 0, b"x");
    let written = disk.latest();
    assert_eq!(ends(&mut disk, "new"), SyncEnd::Durable);
    disk.rename("wal", "old");
    let (sync, _) = disk.sync_directory();
    disk.fail(DiskFailure::Sync);
    assert_eq!(disk.complete(sync), SyncEnd::Failed);
    disk.repair(DiskFailure::Sync);
    assert_eq!(disk.list(), ["wal"]);
    settle(&mut disk, "wal");
    assert_eq!(disk.standing(written), Standing::Pending, "a file without a name is never durable");
    disk.crash();
    assert_eq!(disk.list(), ["wal"]);
}

#[test]
fn reads_fail_while_a_fault_says_so() {
    let mut disk = disk_with_file(1, CrashKeeps::Nothing);
    disk.fail(DiskFailure::Read);
    disk.fail(DiskFailure::Read);
    disk.repair(DiskFailure::Read);
    assert_eq!(disk.try_read("wal"), Err(Unreadable));
    disk.repair(DiskFailure::Read);
    assert_eq!((disk.try_read("wal"), disk.counts().reads_failed), (Ok(Vec::new()), 1));
}

mod damaged {
    //! What damage strikes, and what it spares.

    use super::*;
    use crate::fault::Damage;

    const DAMAGES: [Damage; 3] = [Damage::Rot, Damage::Misdirected, Damage::Phantom];

    /// A file of twenty writes of fifty bytes, each synced for itself. Each byte tells which write it belongs to.
    fn written(seed: u64, knows_writes: bool) -> Disk {
        let mut disk = disk_with_file(seed, CrashKeeps::Subset);
        if knows_writes {
            disk.remember();
        }
        for number in 0..20 {
            disk.write("wal", number * 50, &[number as u8 + 1; 50]);
            assert_eq!(ends(&mut disk, "wal"), SyncEnd::Durable);
        }
        disk
    }

    /// The places that some damage of many struck.
    fn struck(damage: Damage, knows_writes: bool, change: impl Fn(&mut Disk)) -> BTreeSet<usize> {
        let mut struck = BTreeSet::new();
        for seed in 0..300 {
            let mut disk = written(seed, knows_writes);
            change(&mut disk);
            let name = disk.list()[0].clone();
            let before = disk.read(&name);
            assert!(disk.damage(damage), "{damage:?}");
            disk.crash();
            let after = disk.read(&name);
            assert_ne!(before, after);
            let byte = |bytes: &[u8], at: usize| bytes.get(at).copied();
            let changed = (0..before.len().max(after.len())).filter(|at| byte(&before, *at) != byte(&after, *at));
            struck.extend(changed.map(|at| at / 50));
        }
        struck
    }

    #[test]
    fn the_latest_sync_of_a_file_is_spared() {
        for damage in DAMAGES {
            assert_eq!(struck(damage, true, |_| {}), (0..19).collect(), "{damage:?}");
            // Sectors: the second and last has the latest write in it.
            let sectors = struck(damage, false, |_| {});
            assert!(sectors.contains(&10) && sectors.iter().all(|write| *write < 19), "{damage:?}: {sectors:?}");
        }
    }

    #[test]
    fn what_a_crash_met_is_spared() {
        let crashed = |disk: &mut Disk| {
            disk.write("wal", 1_000, &[77; 50]);
            disk.crash();
        };
        assert!(struck(Damage::Rot, true, crashed).iter().all(|write| *write < 19));
    }

    #[test]
    fn a_file_that_was_named_when_it_was_whole_is_not_spared() {
        let named = |disk: &mut Disk| {
            disk.rename("wal", "snapshot");
            let (sync, _) = disk.sync_directory();
            disk.complete(sync);
        };
        for damage in DAMAGES {
            assert_eq!(struck(damage, true, named), (0..20).collect(), "{damage:?}");
        }
        let written_again = |disk: &mut Disk| {
            named(disk);
            disk.write("snapshot", 1_000, &[77; 50]);
            ends(disk, "snapshot");
        };
        assert!(!struck(Damage::Rot, true, written_again).contains(&20));
    }

    #[test]
    fn rot_is_one_bit_and_a_phantom_one_write() {
        let difference = |damage| {
            let mut disk = written(1, true);
            let before = disk.read("wal");
            disk.damage(damage);
            let after = disk.read("wal");
            before.iter().zip(&after).map(|(one, other)| (one ^ other).count_ones()).filter(|bits| *bits > 0).collect()
        };
        let rotten: Vec<u32> = difference(Damage::Rot);
        assert_eq!(rotten, [1]);
        assert_eq!(difference(Damage::Phantom).len(), 50);
    }

    #[test]
    fn there_may_be_nothing_to_damage() {
        let mut disk = disk_with_file(1, CrashKeeps::Subset);
        assert!(DAMAGES.iter().all(|damage| !disk.damage(*damage)));
        disk.write("wal", 0, b"only");
        assert_eq!(ends(&mut disk, "wal"), SyncEnd::Durable);
        assert!(DAMAGES.iter().all(|damage| !disk.damage(*damage)));
        assert_eq!(disk.counts().damages, 0);
    }
}
