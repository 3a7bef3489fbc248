//! A disk in memory, and what a crash can leave on it (promises 2 and 3 of a host, in the crate's documentation).

use std::sync::Arc;

use whitewater_raft::{Entry, HardState, Index, Recovered, Snapshot, Write};

/// When work completes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DiskSpeed {
    Prompt,
    Slow,
}

/// What a disk has to do, in order.
#[derive(Clone, Debug)]
pub(crate) enum Work {
    /// What a replica asked for.
    Write(Write),
    /// A snapshot that the application took.
    Save(Arc<Snapshot>),
}

/// What is durable: a log that begins behind the snapshot.
#[derive(Clone, Debug, Default)]
pub(crate) struct Disk {
    pub(crate) hard_state: HardState,
    pub(crate) snapshot: Option<Arc<Snapshot>>,
    pub(crate) entries: Vec<Entry>,
}

impl Disk {
    /// The index of the snapshot: the log begins behind it.
    pub(crate) fn base(&self) -> Index {
        self.snapshot.as_ref().map_or(Index(0), |snapshot| snapshot.index)
    }

    pub(crate) fn last_index(&self) -> Index {
        Index(self.base().0 + self.entries.len() as u64)
    }

    /// The entry at `index`, if it is not in the snapshot.
    pub(crate) fn entry(&self, index: Index) -> Option<&Entry> {
        let place = index.0.checked_sub(self.base().0 + 1)?;
        self.entries.get(usize::try_from(place).expect("short"))
    }

    /// What a server that starts from this disk is told.
    pub(crate) fn recovered(&self) -> Recovered {
        let Disk { hard_state, snapshot, entries } = self.clone();
        Recovered { hard_state, snapshot, entries }
    }

    /// Stores the hard state and at most `parts_max` further parts of a write: its snapshot, then entry by entry.
    pub(crate) fn store(&mut self, write: &Write, parts_max: usize) {
        if let Some(hard_state) = write.hard_state {
            self.hard_state = hard_state;
        }
        let mut parts_left = parts_max;
        if let Some(snapshot) = &write.snapshot {
            if parts_left == 0 {
                return;
            }
            parts_left -= 1;
            assert!(self.save(snapshot), "a received snapshot replaces a newer one");
        }
        for entry in write.entries.iter().take(parts_left) {
            assert!(entry.index > self.base(), "a write reaches into the snapshot");
            assert!(entry.index <= self.last_index().next(), "a write leaves a gap in the log on disk");
            self.entries.truncate(usize::try_from(entry.index.0 - self.base().0 - 1).expect("short"));
            self.entries.push(entry.clone());
        }
    }

    /// Puts a snapshot in the place of the log through its index, unless there is a newer one already. What follows
    /// stays only if the log is the snapshot's. Returns whether the snapshot was put there.
    pub(crate) fn save(&mut self, snapshot: &Arc<Snapshot>) -> bool {
        if snapshot.index <= self.base() {
            return false;
        }
        let matches = self.entry(snapshot.index).is_some_and(|entry| entry.term == snapshot.term);
        if matches {
            self.entries.retain(|entry| entry.index > snapshot.index);
        } else {
            self.entries.clear();
        }
        self.snapshot = Some(Arc::clone(snapshot));
        true
    }
}
