//! A disk: files of bytes, where a write is volatile until a sync that covers it has completed, and names of files, where
//! a creation, renaming or removal is volatile until a sync of the directory.
//!
//! A crash keeps everything that was synced. Of the rest it keeps what [`CrashKeeps`] says: nothing, a prefix, or an
//! arbitrary subset, and the last write to a file that is kept may be torn. Files and names survive each for itself: a file
//! whose bytes were synced is gone if its name was not. After the crash the disk shows one of the states that a real disk
//! could show; nothing of it is volatile any more.
//!
//! Operations may fail while a fault says so ([`DiskFailure`]): reads say so at once; writes that are lost, and syncs, say so
//! at the end of the sync, and what it covers is forgotten. Durable bytes may be damaged (see `damage`). What it simplifies:
//! syncs complete in any order; names of files cannot be read wrongly, and the directory is never full.

mod damage;
mod directory;
mod file;

use std::collections::BTreeMap;
use std::fmt;

use crate::fault::DiskFailure;
use crate::latency::Latency;
use crate::rng::{Purpose, RunKey, Stream};
use directory::{Directory, FileId};
use file::{File, Medium, Memory};

/// Names one sync of one incarnation of a node; consecutive from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SyncId(pub u64);

/// What a crash keeps of the writes, and of the changes of names, that were not synced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CrashKeeps {
    /// None of them.
    Nothing,
    /// Those before an arbitrary one, which may be torn.
    Prefix,
    /// An arbitrary subset of them, the last one possibly torn. A hole reads as zeros.
    Subset,
}

/// Which losses of all that a disk holds happen: erased and damaged disks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Losses {
    /// Those that the cluster survives. The others are left out.
    Survived,
    /// All of them. What was promised on lost disks is forgotten, so some checks cannot hold.
    Any,
}

/// How a disk behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DiskProfile {
    /// How long a sync takes.
    pub sync: Latency,
    /// What a crash keeps of what was not synced.
    pub crash_keeps: CrashKeeps,
    /// Which losses of all that it holds happen.
    pub losses: Losses,
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
    /// Unsynced writes, and changes of names, that a crash dropped.
    pub writes_lost: u64,
    /// Unsynced writes that a crash tore.
    pub writes_torn: u64,
    /// Reads that failed.
    pub reads_failed: u64,
    /// Syncs that failed.
    pub syncs_failed: u64,
    /// Damages that changed durable bytes.
    pub damages: u64,
}

/// How a sync ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SyncEnd {
    /// What it covers is durable.
    Durable,
    /// Some of what it covers is lost, and nobody can tell what.
    Failed,
}

/// A file could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unreadable;

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the disk cannot be read")
    }
}

impl std::error::Error for Unreadable {}

/// Names one write, or one change of a name: its file (0 for the directory), and its number there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Operation {
    file: FileId,
    number: u64,
}

/// What became of an [`Operation`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// A crash may undo it, or it failed: then it will never be durable.
    Pending,
    /// No crash undoes it.
    Durable,
    /// Its file is gone.
    Void,
}

/// The disk of one node.
#[derive(Debug)]
pub struct Disk {
    directory: Directory,
    files: BTreeMap<FileId, File>,
    files_made: FileId,
    latest: Operation,
    profile: DiskProfile,
    /// By how much each fault under way slows it down.
    slowdowns: Vec<u64>,
    /// How many faults make each kind of operation fail, by the number of the [`DiskFailure`].
    failures: [u32; 4],
    memory: Memory,
    sync_draws: Stream,
    crash_draws: Stream,
    damage_draws: Stream,
    next_sync: u64,
    pub(crate) counts: DiskCounts,
}

impl Disk {
    /// An empty disk. Its draws are those of the run's disk at this place.
    #[must_use]
    pub fn new(profile: DiskProfile, key: &RunKey, place: u32) -> Disk {
        Disk {
            directory: Directory::default(),
            files: BTreeMap::new(),
            files_made: 0,
            latest: Operation::default(),
            profile,
            slowdowns: Vec::new(),
            failures: [0; 4],
            memory: Memory::Forgets,
            sync_draws: key.stream(Purpose::Sync, place),
            crash_draws: key.stream(Purpose::Crash, place),
            damage_draws: key.stream(Purpose::Damage, place),
            next_sync: 1,
            counts: DiskCounts::default(),
        }
    }

    /// Which losses of all that it holds happen.
    pub(crate) fn losses(&self) -> Losses {
        self.profile.losses
    }

    /// From now on all draws are those of another key.
    pub(crate) fn rekey(&mut self, key: &RunKey, place: u32) {
        self.sync_draws = key.stream(Purpose::Sync, place);
        self.crash_draws = key.stream(Purpose::Crash, place);
        self.damage_draws = key.stream(Purpose::Damage, place);
    }

    /// Makes every sync take this many times as long. Of several faults that slow the disk down the worst counts: their
    /// product would be a disk that stands still, long after the last of them is over.
    pub(crate) fn slow_down(&mut self, factor: u64) {
        self.slowdowns.push(factor);
    }

    /// Takes back one [`Disk::slow_down`].
    pub(crate) fn speed_up(&mut self, factor: u64) {
        if let Some(place) = self.slowdowns.iter().position(|other| *other == factor) {
            self.slowdowns.swap_remove(place);
        }
    }

    /// Makes operations fail, until as many calls of [`Disk::repair`].
    pub fn fail(&mut self, failure: DiskFailure) {
        self.failures[failure as usize] += 1;
    }

    /// Takes back one [`Disk::fail`].
    pub fn repair(&mut self, failure: DiskFailure) {
        self.failures[failure as usize] -= 1;
    }

    #[inline]
    pub(crate) fn fails(&self, failure: DiskFailure) -> bool {
        self.failures[failure as usize] > 0
    }

    /// From now on the disk knows where its durable writes were, so that damage strikes whole ones.
    pub fn remember(&mut self) {
        self.memory = Memory::Remembers;
    }

    /// How often faults struck.
    #[must_use]
    pub fn counts(&self) -> DiskCounts {
        self.counts
    }

    /// Writes bytes at an offset; a gap before it reads as zeros. Makes the file if there is none.
    pub fn write(&mut self, name: &str, offset: usize, bytes: &[u8]) {
        let id = self.directory.find(name).unwrap_or_else(|| {
            self.files_made += 1;
            self.files.insert(self.files_made, File::default());
            self.directory.create(name, self.files_made);
            self.files_made
        });
        let file = self.files.get_mut(&id).expect("what has a name exists");
        let is_lost = self.failures != [0; 4]
            && (self.failures[DiskFailure::Write as usize] > 0
                || self.failures[DiskFailure::Full as usize] > 0 && offset + bytes.len() > file.len());
        let number = file.write(offset, bytes, if is_lost { Medium::Fails } else { Medium::Takes });
        self.latest = Operation { file: id, number };
        self.counts.bytes_written += bytes.len() as u64;
    }

    /// What a reader is told: see [`Disk::read`].
    ///
    /// # Errors
    /// While reads fail.
    pub fn try_read(&mut self, name: &str) -> Result<Vec<u8>, Unreadable> {
        if self.fails(DiskFailure::Read) {
            self.counts.reads_failed += 1;
            return Err(Unreadable);
        }
        Ok(self.read(name))
    }

    /// What there is to be read: synced or not. Empty if there is no such file.
    #[must_use]
    pub fn read(&self, name: &str) -> Vec<u8> {
        self.directory.find(name).map(|id| self.files[&id].read()).unwrap_or_default()
    }

    /// How long all files are together, in bytes, synced or not.
    pub(crate) fn bytes(&self) -> u64 {
        let files = self.directory.names().filter_map(|name| self.directory.find(name));
        files.map(|id| self.files[&id].read().len() as u64).sum()
    }

    /// The names of all files, sorted.
    #[must_use]
    pub fn list(&self) -> Vec<String> {
        self.directory.names().map(str::to_owned).collect()
    }

    /// Gives a file another name, in place of the file that has it. Nothing happens if there is no such file.
    pub fn rename(&mut self, from: &str, to: &str) {
        if let Some(file) = self.directory.find(from).and_then(|id| self.files.get_mut(&id)) {
            file.seal();
        }
        self.directory.rename(from, to);
        self.latest = Operation { file: 0, number: self.directory.changes() };
    }

    /// Removes a file, if it is there.
    pub fn remove(&mut self, name: &str) {
        self.directory.remove(name);
        self.latest = Operation { file: 0, number: self.directory.changes() };
    }

    /// The latest operation.
    pub(crate) fn latest(&self) -> Operation {
        self.latest
    }

    /// What became of an operation. A write to a file that a crash may leave without a name is pending.
    pub(crate) fn standing(&self, operation: Operation) -> Standing {
        let Operation { file: id, number } = operation;
        match self.files.get(&id) {
            Some(file) if self.directory.keeps(id) => file.standing(number),
            Some(_) => Standing::Pending,
            None if id == 0 && self.directory.is_durable(number) => Standing::Durable,
            None if id == 0 => Standing::Pending,
            None => Standing::Void,
        }
    }

    /// Begins to make all writes so far to a file durable. Returns how long it takes, in nanoseconds.
    pub fn sync(&mut self, name: &str) -> (SyncId, u64) {
        let (sync, latency_ns) = self.begin_sync();
        if let Some(id) = self.directory.find(name) {
            self.files.get_mut(&id).expect("what has a name exists").sync(sync);
        }
        (sync, latency_ns)
    }

    /// Begins to make all changes of names so far durable. Returns how long it takes, in nanoseconds.
    pub fn sync_directory(&mut self) -> (SyncId, u64) {
        let (sync, latency_ns) = self.begin_sync();
        self.directory.sync(sync);
        (sync, latency_ns)
    }

    /// The name of a sync that nobody waits for: what asks for it has crashed.
    pub(crate) fn void_sync(&mut self) -> SyncId {
        self.next_sync += 1;
        SyncId(self.next_sync - 1)
    }

    fn begin_sync(&mut self) -> (SyncId, u64) {
        let sync = self.void_sync();
        self.counts.syncs += 1;
        let latency_ns = self.profile.sync.sample_ns(self.sync_draws.draw());
        (sync, latency_ns.saturating_mul(self.slowdowns.iter().copied().max().unwrap_or(1)))
    }

    /// Ends a sync: what it covers is durable, or else forgotten.
    pub fn complete(&mut self, sync: SyncId) -> SyncEnd {
        let medium = if self.fails(DiskFailure::Sync) { Medium::Fails } else { Medium::Takes };
        let memory = self.memory;
        // The newest files are those that are written to.
        let of_file = self.files.values_mut().rev().find_map(|file| file.complete(sync, medium, memory));
        let end = of_file.or_else(|| {
            let end = self.directory.complete(sync, medium)?;
            self.forget_nameless();
            Some(end)
        });
        // A sync of a file that is not there fails with the disk, too.
        let end = end.unwrap_or(if medium == Medium::Fails { SyncEnd::Failed } else { SyncEnd::Durable });
        self.counts.syncs_failed += u64::from(end == SyncEnd::Failed);
        end
    }

    /// Erases everything. Counts and random draws go on.
    pub fn wipe(&mut self) {
        self.directory = Directory::default();
        self.files.clear();
    }

    /// Decides what survives of that which was not synced. Syncs under way never complete.
    pub fn crash(&mut self) {
        self.next_sync = 1;
        let met_unsynced = self.files.values().any(File::has_pending);
        for file in self.files.values_mut() {
            file.crash(self.profile.crash_keeps, &mut self.crash_draws, &mut self.counts);
        }
        self.counts.writes_lost += self.directory.crash(self.profile.crash_keeps, &mut self.crash_draws);
        self.counts.crashes_with_unsynced += u64::from(met_unsynced);
        self.forget_nameless();
    }

    fn forget_nameless(&mut self) {
        let reachable = self.directory.reachable();
        self.files.retain(|id, _| reachable.contains(id));
    }
}

/// For each of several unsynced operations, oldest first, whether a crash keeps it.
fn survivors(operations: usize, keeps: CrashKeeps, draws: &mut Stream) -> Vec<bool> {
    let prefix = draws.below(operations as u64 + 1) as usize;
    (0..operations)
        .map(|number| match keeps {
            CrashKeeps::Nothing => false,
            CrashKeeps::Prefix => number < prefix,
            CrashKeeps::Subset => draws.below(2) == 0,
        })
        .collect()
}

#[cfg(test)]
mod tests;
