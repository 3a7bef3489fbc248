//! A disk: files of bytes, where a write is volatile until a sync that covers it has completed.
//!
//! A crash keeps everything that was synced. Of the writes that were not, it keeps what [`CrashKeeps`] says: nothing, a
//! prefix, or an arbitrary subset, and the last write that is kept may be torn. After the crash the disk shows
//! one of the states that a real disk could show; nothing of it is volatile any more. What it simplifies: no read errors,
//! no bit rot, no full disk; file creation is durable with the first synced write.

use std::collections::BTreeMap;

use crate::latency::Latency;
use crate::rng::{Purpose, RunKey, Stream};

/// Names one sync of one incarnation of a node; consecutive from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SyncId(pub u64);

/// What a crash keeps of the writes that were not synced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CrashKeeps {
    /// None of them.
    Nothing,
    /// Those before an arbitrary one, which may be torn.
    Prefix,
    /// An arbitrary subset of them, the last one possibly torn. A hole reads as zeros.
    Subset,
}

/// How a disk behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DiskProfile {
    /// How long a sync takes.
    pub sync: Latency,
    /// What a crash keeps of the writes that were not synced.
    pub crash_keeps: CrashKeeps,
}

/// How often disk faults struck.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DiskCounts {
    /// Syncs that were asked for.
    pub syncs: u64,
    /// Bytes written.
    pub bytes_written: u64,
    /// Crashes that met writes that were not synced.
    pub crashes_with_unsynced: u64,
    /// Unsynced writes that a crash dropped.
    pub writes_lost: u64,
    /// Unsynced writes that a crash tore.
    pub writes_torn: u64,
}

/// The disk of one node.
#[derive(Debug)]
pub(crate) struct Disk {
    files: BTreeMap<String, File>,
    profile: DiskProfile,
    slowdown: u64,
    sync_draws: Stream,
    crash_draws: Stream,
    next_sync: u64,
    pub(crate) counts: DiskCounts,
}

#[derive(Debug, Default)]
struct File {
    durable: Vec<u8>,
    /// The bytes of all pending writes, one after the other.
    journal: Vec<u8>,
    pending: Vec<PendingWrite>,
    /// Syncs under way: the number of pending writes that each covers, counted from the oldest.
    syncs: Vec<(SyncId, usize)>,
}

#[derive(Clone, Copy, Debug)]
struct PendingWrite {
    offset: usize,
    len: usize,
}

impl Disk {
    pub(crate) fn new(profile: DiskProfile, key: &RunKey, place: u32) -> Disk {
        Disk {
            files: BTreeMap::new(),
            profile,
            slowdown: 1,
            sync_draws: key.stream(Purpose::Sync, place),
            crash_draws: key.stream(Purpose::Crash, place),
            next_sync: 1,
            counts: DiskCounts::default(),
        }
    }

    /// Makes every sync take this many times as long, on top of what slows the disk down already.
    pub(crate) fn slow_down(&mut self, factor: u64) {
        self.slowdown = self.slowdown.saturating_mul(factor);
    }

    /// Takes back one [`Disk::slow_down`].
    pub(crate) fn speed_up(&mut self, factor: u64) {
        self.slowdown /= factor;
    }

    /// Writes bytes at an offset; a gap before it reads as zeros.
    pub(crate) fn write(&mut self, name: &str, offset: usize, bytes: &[u8]) {
        if !self.files.contains_key(name) {
            self.files.insert(name.to_owned(), File::default());
        }
        let file = self.files.get_mut(name).expect("the file was just made");
        file.journal.extend_from_slice(bytes);
        file.pending.push(PendingWrite { offset, len: bytes.len() });
        self.counts.bytes_written += bytes.len() as u64;
    }

    /// What a reader sees: synced or not.
    pub(crate) fn read(&self, name: &str) -> Vec<u8> {
        let Some(file) = self.files.get(name) else { return Vec::new() };
        let mut bytes = file.durable.clone();
        let mut at = 0;
        for write in &file.pending {
            overwrite(&mut bytes, write.offset, &file.journal[at..at + write.len]);
            at += write.len;
        }
        bytes
    }

    /// Begins to make all writes so far to a file durable. Returns how long it takes, in nanoseconds.
    pub(crate) fn sync(&mut self, name: &str) -> (SyncId, u64) {
        let sync = SyncId(self.next_sync);
        self.next_sync += 1;
        self.counts.syncs += 1;
        if let Some(file) = self.files.get_mut(name) {
            file.syncs.push((sync, file.pending.len()));
        }
        let latency_ns = self.profile.sync.sample_ns(self.sync_draws.draw());
        (sync, latency_ns.saturating_mul(self.slowdown))
    }

    /// Makes durable what a sync covers.
    pub(crate) fn complete(&mut self, sync: SyncId) {
        for file in self.files.values_mut() {
            let Some(position) = file.syncs.iter().position(|(id, _)| *id == sync) else { continue };
            let (_, covered) = file.syncs.remove(position);
            let mut at = 0;
            for write in file.pending.drain(..covered) {
                overwrite(&mut file.durable, write.offset, &file.journal[at..at + write.len]);
                at += write.len;
            }
            file.journal.drain(..at);
            for (_, other) in &mut file.syncs {
                *other = other.saturating_sub(covered);
            }
            return;
        }
    }

    /// Decides what of the unsynced writes survives.
    pub(crate) fn crash(&mut self) {
        self.next_sync = 1;
        let mut met_unsynced = false;
        for file in self.files.values_mut() {
            met_unsynced |= !file.pending.is_empty();
            file.crash(self.profile.crash_keeps, &mut self.crash_draws, &mut self.counts);
        }
        self.counts.crashes_with_unsynced += u64::from(met_unsynced);
    }
}

impl File {
    fn crash(&mut self, keeps: CrashKeeps, draws: &mut Stream, counts: &mut DiskCounts) {
        self.syncs.clear();
        let pending = std::mem::take(&mut self.pending);
        let journal = std::mem::take(&mut self.journal);
        let writes = pending.len() as u64;
        if writes == 0 {
            return;
        }
        let prefix = draws.below(writes + 1) as usize;
        let kept: Vec<bool> = (0..pending.len())
            .map(|number| match keeps {
                CrashKeeps::Nothing => false,
                CrashKeeps::Prefix => number < prefix,
                CrashKeeps::Subset => draws.below(2) == 0,
            })
            .collect();
        let last_kept = kept.iter().rposition(|kept| *kept);
        let mut at = 0;
        for (number, write) in pending.iter().enumerate() {
            let bytes = &journal[at..at + write.len];
            at += write.len;
            if !kept[number] {
                counts.writes_lost += 1;
                continue;
            }
            let mut survived = bytes.len();
            if Some(number) == last_kept && draws.below(2) == 0 {
                survived = draws.below(bytes.len() as u64 + 1) as usize;
                counts.writes_torn += u64::from(survived < bytes.len());
            }
            overwrite(&mut self.durable, write.offset, &bytes[..survived]);
        }
    }
}

fn overwrite(file: &mut Vec<u8>, offset: usize, bytes: &[u8]) {
    let end = offset + bytes.len();
    if file.len() < end && !bytes.is_empty() {
        file.resize(end, 0);
    }
    if !bytes.is_empty() {
        file[offset..end].copy_from_slice(bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn disk(seed: u64, crash_keeps: CrashKeeps) -> Disk {
        Disk::new(DiskProfile { sync: Latency::constant(10), crash_keeps }, &RunKey::new(seed), 0)
    }

    #[test]
    fn a_write_is_seen_at_once_and_survives_when_synced() {
        let mut disk = disk(1, CrashKeeps::Nothing);
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
        let mut disk = disk(1, CrashKeeps::Nothing);
        disk.write("wal", 0, b"one");
        disk.sync("wal");
        disk.crash();
        assert_eq!(disk.read("wal"), b"");
    }

    #[test]
    fn overlapping_syncs_cover_what_was_written_before_each() {
        let mut disk = disk(1, CrashKeeps::Nothing);
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
        let mut lengths = std::collections::BTreeSet::new();
        for seed in 0..200 {
            let mut disk = disk(seed, CrashKeeps::Prefix);
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
            let mut disk = disk(seed, CrashKeeps::Subset);
            disk.write("wal", 0, b"durable");
            let (sync, _) = disk.sync("wal");
            disk.complete(sync);
            disk.write("wal", 7, b"11");
            disk.write("wal", 9, b"22");
            disk.crash();
            let bytes = disk.read("wal");
            assert!(bytes.starts_with(b"durable"));
            holes += usize::from(bytes.get(7..9) == Some(b"\0\0"));
        }
        assert!((20..80).contains(&holes), "{holes}");
    }
}
