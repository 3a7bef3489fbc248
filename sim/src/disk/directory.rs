//! The directory of a disk: names of files, volatile until a sync of the directory covers their changes.
//!
//! Each creation, renaming and removal is atomic: a crash keeps it wholly or not at all. That is what journaling file
//! systems give (Pillai et al., "All File Systems Are Not Created Equal", OSDI 2014), with one exception that is left out:
//! some of them make the creation of a file durable with its bytes.

use std::collections::{BTreeMap, BTreeSet};

use super::file::Medium;
use super::{CrashKeeps, SyncEnd, SyncId, survivors};
use crate::rng::Stream;

/// A file, whatever it is called. 0 is the directory itself.
pub(super) type FileId = u64;

#[derive(Debug, Default)]
pub(super) struct Directory {
    names: BTreeMap<String, FileId>,
    durable: BTreeMap<String, FileId>,
    /// The files of the latter: what is asked far more often than it changes.
    kept: Vec<FileId>,
    pending: Vec<Change>,
    /// Syncs under way: the number of pending changes that each covers, counted from the oldest.
    syncs: Vec<(SyncId, usize)>,
    /// How many changes there were, and how many of them are not pending any more.
    changes: u64,
    changes_settled: u64,
    /// Those of the latter that failed.
    failed: Vec<u64>,
    /// Files that were never made, because that failed. Until a crash they are known as what was not durable.
    never_made: Vec<FileId>,
}

#[derive(Debug)]
enum Change {
    Create { name: String, file: FileId },
    Rename { from: String, to: String, file: FileId },
    Remove { name: String, file: FileId },
}

impl Directory {
    pub(super) fn find(&self, name: &str) -> Option<FileId> {
        self.names.get(name).copied()
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.names.keys().map(String::as_str)
    }

    pub(super) fn changes(&self) -> u64 {
        self.changes
    }

    pub(super) fn is_durable(&self, change: u64) -> bool {
        change <= self.changes_settled && !self.failed.contains(&change)
    }

    /// Whether a crash would leave the file a name.
    pub(super) fn keeps(&self, file: FileId) -> bool {
        self.kept.contains(&file)
    }

    pub(super) fn create(&mut self, name: &str, file: FileId) {
        self.change(Change::Create { name: name.to_owned(), file });
    }

    pub(super) fn rename(&mut self, from: &str, to: &str) {
        if let Some(file) = self.find(from).filter(|_| from != to) {
            self.change(Change::Rename { from: from.to_owned(), to: to.to_owned(), file });
        }
    }

    pub(super) fn remove(&mut self, name: &str) {
        if let Some(file) = self.find(name) {
            self.change(Change::Remove { name: name.to_owned(), file });
        }
    }

    fn change(&mut self, change: Change) {
        change.apply(&mut self.names);
        self.changes += 1;
        self.pending.push(change);
    }

    pub(super) fn sync(&mut self, sync: SyncId) {
        self.syncs.push((sync, self.pending.len()));
    }

    /// Ends a sync: what it covers is durable, or undone if the medium failed it. None if it is not one of the directory.
    pub(super) fn complete(&mut self, sync: SyncId, medium: Medium) -> Option<SyncEnd> {
        let position = self.syncs.iter().position(|(id, _)| *id == sync)?;
        let (_, covered) = self.syncs.remove(position);
        for change in self.pending.drain(..covered) {
            self.changes_settled += 1;
            match medium {
                Medium::Takes => change.apply(&mut self.durable),
                Medium::Fails => {
                    self.failed.push(self.changes_settled);
                    if let Change::Create { file, .. } = change {
                        self.never_made.push(file);
                    }
                }
            }
        }
        self.kept = self.durable.values().copied().collect();
        for (_, other) in &mut self.syncs {
            *other = other.saturating_sub(covered);
        }
        if medium == Medium::Takes || covered == 0 {
            return Some(if medium == Medium::Takes { SyncEnd::Durable } else { SyncEnd::Failed });
        }
        self.names.clone_from(&self.durable);
        self.pending.iter().for_each(|change| change.apply(&mut self.names));
        Some(SyncEnd::Failed)
    }

    /// Decides which changes survive. Returns how many are lost.
    pub(super) fn crash(&mut self, keeps: CrashKeeps, draws: &mut Stream) -> u64 {
        self.syncs.clear();
        self.changes_settled = self.changes;
        self.failed.clear();
        self.never_made.clear();
        if self.pending.is_empty() {
            return 0;
        }
        let mut lost = 0;
        let kept = survivors(self.pending.len(), keeps, draws);
        for (change, kept) in self.pending.drain(..).zip(kept) {
            if kept {
                change.apply(&mut self.durable);
            } else {
                lost += 1;
            }
        }
        self.kept = self.durable.values().copied().collect();
        self.names.clone_from(&self.durable);
        lost
    }

    /// The files that have a name, or would have one after some crash.
    pub(super) fn reachable(&self) -> BTreeSet<FileId> {
        let pending = self.pending.iter().map(|change| match change {
            Change::Create { file, .. } | Change::Rename { file, .. } | Change::Remove { file, .. } => file,
        });
        let known = self.names.values().chain(self.durable.values()).chain(&self.never_made);
        known.chain(pending).copied().collect()
    }
}

impl Change {
    /// Does to the names what the change does, whichever of the changes before it were lost.
    fn apply(&self, names: &mut BTreeMap<String, FileId>) {
        match self {
            Change::Create { name, file } => {
                names.insert(name.clone(), *file);
            }
            Change::Rename { from, to, file } => {
                if names.get(from) == Some(file) {
                    names.remove(from);
                }
                names.insert(to.clone(), *file);
            }
            Change::Remove { name, file } => {
                if names.get(name) == Some(file) {
                    names.remove(name);
                }
            }
        }
    }
}
