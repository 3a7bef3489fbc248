//! The disk as the storage sees it: one flat directory of files, whose bytes and names are volatile until a sync covers
//! them (Pillai et al., "All File Systems Are Not Created Equal", OSDI 2014).
//!
//! The simulator implements it, and files of an operating system can: the storage is the same. A read may fail, and then the
//! server does not start. What fails of the rest, the host says when the sync ends: then the server has to end, because
//! nobody knows what is durable (Rebello et al., "Can Applications Recover from fsync Failures?", ATC 2020).

use whitewater_raft::{HardState, Index, Term};

/// Names a sync. The disk hands it out; the host gives it to [`crate::storage::Storage::synced`] when the sync is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket(pub u64);

/// A file could not be read, although it may be there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unreadable;

/// A flat directory of files.
///
/// What has to hold, for a log on it to keep its promises:
/// - When a life begins, everything that can be read is durable. A disk on real files syncs them all when it is opened.
/// - Bytes between the end of a file and a later write read as zeros, and so do bytes of a write that a crash lost, unless
///   there were other bytes before.
/// - A crash may undo every creation, renaming and removal that no completed [`Disk::sync_directory`] covers, each
///   wholly or not at all.
pub trait Disk {
    /// What a file holds, synced or not. Empty if there is no such file.
    ///
    /// # Errors
    /// If it cannot be read. Whoever takes that for an empty file forgets what was promised.
    fn read(&mut self, file: &str) -> Result<Vec<u8>, Unreadable>;

    /// The names of all files, sorted.
    fn list(&mut self) -> Vec<String>;

    /// Writes bytes at an offset. Makes the file if there is none.
    fn write(&mut self, file: &str, offset: usize, bytes: &[u8]);

    /// Gives a file another name, in place of the file that has it.
    fn rename(&mut self, from: &str, to: &str);

    /// Removes a file, if it is there.
    fn remove(&mut self, file: &str);

    /// Begins to make all bytes durable that were written to a file.
    fn sync(&mut self, file: &str) -> Ticket;

    /// Begins to make all creations, renamings and removals durable.
    fn sync_directory(&mut self) -> Ticket;

    /// Hears what the bytes mean that were just written, or the name that was just given.
    fn written(&mut self, what: Written) {
        let _ = what;
    }
}

/// What a write means for the server whose disk it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Written {
    /// The log has this term and vote.
    HardState(HardState),
    /// The log ends with this entry.
    Entries {
        /// Its index.
        index: Index,
        /// Its term.
        term: Term,
    },
    /// A snapshot has its final name.
    Snapshot {
        /// The last index that it covers.
        index: Index,
        /// The term of the entry there.
        term: Term,
    },
}
