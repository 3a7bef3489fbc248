//! The bytes of one file: what is durable, and the writes that a crash may lose or tear.
//!
//! A torn write keeps a prefix of its bytes; where the disk keeps an arbitrary subset of writes, it also keeps an arbitrary
//! subset of the torn write's sectors. A write that failed can be read until the sync that covers it says so, and is then
//! forgotten, as pages are that are marked clean (Rebello et al., "Can Applications Recover from fsync Failures?", ATC 2020).

use std::ops::Range;

use super::{CrashKeeps, DiskCounts, Standing, SyncEnd, SyncId, survivors};
use crate::rng::Stream;

/// What a disk writes at once, in bytes: a sector is there or it is not.
const SECTOR: usize = 512;

#[derive(Debug, Default)]
pub(super) struct File {
    pub(super) durable: Vec<u8>,
    /// The bytes of all pending writes, one after the other.
    journal: Vec<u8>,
    pending: Vec<PendingWrite>,
    /// Syncs under way: the number of pending writes that each covers, counted from the oldest.
    syncs: Vec<(SyncId, usize)>,
    /// How many writes there were, and how many of them are not pending any more.
    writes: u64,
    writes_settled: u64,
    /// Those of the latter that failed.
    failed: Vec<u64>,
    /// Where the writes were that the latest completed sync covered, and those that a crash met since.
    pub(super) latest: Range<usize>,
    /// Where all durable writes were, if that is remembered.
    pub(super) durable_writes: Vec<Range<usize>>,
    /// Whether it got its present name when everything in it was durable.
    pub(super) is_sealed: bool,
}

#[derive(Clone, Copy, Debug)]
struct PendingWrite {
    offset: usize,
    len: usize,
    medium: Medium,
}

/// What the medium does with a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Medium {
    /// It takes it.
    Takes,
    /// It never does.
    Fails,
}

/// Whether a disk remembers where its durable writes were.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Memory {
    Remembers,
    Forgets,
}

impl File {
    /// Returns the number of the write among those to this file.
    pub(super) fn write(&mut self, offset: usize, bytes: &[u8], medium: Medium) -> u64 {
        self.writes += 1;
        self.is_sealed = false;
        self.journal.extend_from_slice(bytes);
        self.pending.push(PendingWrite { offset, len: bytes.len(), medium });
        self.writes
    }

    /// The length as a reader sees it.
    pub(super) fn len(&self) -> usize {
        let written = self.pending.iter().filter(|write| write.len > 0).map(|write| write.offset + write.len);
        written.max().unwrap_or(0).max(self.durable.len())
    }

    /// Gives the file another name: who does that when everything in it is durable can tell later damage from a crash.
    pub(super) fn seal(&mut self) {
        self.is_sealed = self.pending.is_empty();
    }

    pub(super) fn read(&self) -> Vec<u8> {
        let mut bytes = self.durable.clone();
        let mut at = 0;
        for write in &self.pending {
            overwrite(&mut bytes, write.offset, &self.journal[at..at + write.len]);
            at += write.len;
        }
        bytes
    }

    pub(super) fn standing(&self, write: u64) -> Standing {
        let is_durable = write <= self.writes_settled && !self.failed.contains(&write);
        if is_durable { Standing::Durable } else { Standing::Pending }
    }

    pub(super) fn sync(&mut self, sync: SyncId) {
        self.syncs.push((sync, self.pending.len()));
    }

    /// Ends a sync: what it covers is durable, unless the medium failed it. None if it is not one of this file.
    pub(super) fn complete(&mut self, sync: SyncId, medium: Medium, memory: Memory) -> Option<SyncEnd> {
        let position = self.syncs.iter().position(|(id, _)| *id == sync)?;
        let (_, covered) = self.syncs.remove(position);
        let mut end = if medium == Medium::Fails { SyncEnd::Failed } else { SyncEnd::Durable };
        let (mut at, mut hull) = (0, None);
        for write in self.pending.drain(..covered) {
            self.writes_settled += 1;
            let bytes = &self.journal[at..at + write.len];
            at += write.len;
            if medium == Medium::Fails || write.medium == Medium::Fails {
                self.failed.push(self.writes_settled);
                end = SyncEnd::Failed;
                continue;
            }
            overwrite(&mut self.durable, write.offset, bytes);
            hull = Some(hull_of(hull, write.range()));
            if memory == Memory::Remembers {
                self.durable_writes.push(write.range());
            }
        }
        self.latest = hull.unwrap_or(self.latest.clone());
        self.journal.drain(..at);
        for (_, other) in &mut self.syncs {
            *other = other.saturating_sub(covered);
        }
        Some(end)
    }

    pub(super) fn has_pending(&self) -> bool {
        !self.pending.is_empty()
    }

    pub(super) fn crash(&mut self, keeps: CrashKeeps, draws: &mut Stream, counts: &mut DiskCounts) {
        self.syncs.clear();
        self.writes_settled = self.writes;
        self.failed.clear();
        let pending = std::mem::take(&mut self.pending);
        let journal = std::mem::take(&mut self.journal);
        if pending.is_empty() {
            return;
        }
        let kept = survivors(pending.len(), keeps, draws);
        let last_kept = kept.iter().rposition(|kept| *kept);
        let mut at = 0;
        for (number, write) in pending.iter().enumerate() {
            let bytes = &journal[at..at + write.len];
            at += write.len;
            self.latest = hull_of(Some(self.latest.clone()), write.range());
            if !kept[number] || write.medium == Medium::Fails {
                counts.writes_lost += 1;
            } else if Some(number) == last_kept && draws.below(2) == 0 {
                counts.writes_torn += u64::from(self.tear(write.offset, bytes, keeps, draws));
            } else {
                overwrite(&mut self.durable, write.offset, bytes);
            }
        }
    }

    /// Keeps a part of a write. Returns whether anything is missing.
    fn tear(&mut self, offset: usize, bytes: &[u8], keeps: CrashKeeps, draws: &mut Stream) -> bool {
        let survived = draws.below(bytes.len() as u64 + 1) as usize;
        let first_part = (SECTOR - offset % SECTOR).min(survived);
        if keeps != CrashKeeps::Subset || survived == first_part {
            overwrite(&mut self.durable, offset, &bytes[..survived]);
            return survived < bytes.len();
        }
        let mut missing = survived < bytes.len();
        let mut choices = 0;
        let mut at = 0;
        for number in 0.. {
            if number % 64 == 0 {
                choices = draws.draw();
            }
            let end = (first_part + number * SECTOR).min(survived);
            if choices >> (number % 64) & 1 == 0 {
                overwrite(&mut self.durable, offset + at, &bytes[at..end]);
            } else {
                missing = true;
            }
            at = end;
            if at == survived {
                break;
            }
        }
        missing
    }
}

impl PendingWrite {
    fn range(&self) -> Range<usize> {
        self.offset..self.offset + self.len
    }
}

/// The shortest range that has both in it.
fn hull_of(one: Option<Range<usize>>, other: Range<usize>) -> Range<usize> {
    match one.filter(|one| !one.is_empty()) {
        Some(one) => one.start.min(other.start)..one.end.max(other.end),
        None => other,
    }
}

pub(super) fn overwrite(file: &mut Vec<u8>, offset: usize, bytes: &[u8]) {
    let end = offset + bytes.len();
    if file.len() < end && !bytes.is_empty() {
        file.resize(end, 0);
    }
    if !bytes.is_empty() {
        file[offset..end].copy_from_slice(bytes);
    }
}
