//! The bytes of one file: what is durable, and the writes that a crash may lose or tear.
//!
//! A torn write keeps a prefix of its bytes; where the disk keeps an arbitrary subset of writes, it also keeps an arbitrary
//! subset of the torn write's sectors.

use super::{CrashKeeps, DiskCounts, Standing, SyncId, survivors};
use crate::rng::Stream;

/// What a disk writes at once, in bytes: a sector is there or it is not.
const SECTOR: usize = 512;

#[derive(Debug, Default)]
pub(super) struct File {
    durable: Vec<u8>,
    /// The bytes of all pending writes, one after the other.
    journal: Vec<u8>,
    pending: Vec<PendingWrite>,
    /// Syncs under way: the number of pending writes that each covers, counted from the oldest.
    syncs: Vec<(SyncId, usize)>,
    /// How many writes there were, and how many of them are durable.
    writes: u64,
    writes_durable: u64,
}

#[derive(Clone, Copy, Debug)]
struct PendingWrite {
    offset: usize,
    len: usize,
}

impl File {
    /// Returns the number of the write among those to this file.
    pub(super) fn write(&mut self, offset: usize, bytes: &[u8]) -> u64 {
        self.writes += 1;
        self.journal.extend_from_slice(bytes);
        self.pending.push(PendingWrite { offset, len: bytes.len() });
        self.writes
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
        if write <= self.writes_durable { Standing::Durable } else { Standing::Pending }
    }

    pub(super) fn sync(&mut self, sync: SyncId) {
        self.syncs.push((sync, self.pending.len()));
    }

    /// Makes durable what a sync covers. Returns whether it was one of this file.
    pub(super) fn complete(&mut self, sync: SyncId) -> bool {
        let Some(position) = self.syncs.iter().position(|(id, _)| *id == sync) else { return false };
        let (_, covered) = self.syncs.remove(position);
        let mut at = 0;
        for write in self.pending.drain(..covered) {
            overwrite(&mut self.durable, write.offset, &self.journal[at..at + write.len]);
            at += write.len;
        }
        self.journal.drain(..at);
        self.writes_durable += covered as u64;
        for (_, other) in &mut self.syncs {
            *other = other.saturating_sub(covered);
        }
        true
    }

    pub(super) fn has_pending(&self) -> bool {
        !self.pending.is_empty()
    }

    pub(super) fn crash(&mut self, keeps: CrashKeeps, draws: &mut Stream, counts: &mut DiskCounts) {
        self.syncs.clear();
        self.writes_durable = self.writes;
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
            if !kept[number] {
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

fn overwrite(file: &mut Vec<u8>, offset: usize, bytes: &[u8]) {
    let end = offset + bytes.len();
    if file.len() < end && !bytes.is_empty() {
        file.resize(end, 0);
    }
    if !bytes.is_empty() {
        file[offset..end].copy_from_slice(bytes);
    }
}
