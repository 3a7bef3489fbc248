//! Saving local snapshots in the background: the log goes on meanwhile (dissertation 5.1.1).
//!
//! A snapshot gets its name only when every write that was handed over before it is durable: its log then reaches as far
//! as it does, and recovery can hold that against a log that does not. A snapshot that another one overtakes is dropped.

use std::sync::Arc;

use whitewater_raft::{Index, Snapshot, WriteSequence};

use super::disk::{Disk, Ticket, Written};
use super::snapshot_file::{self, Origin};

#[derive(Debug, Default)]
pub(super) struct Saver {
    under_way: Option<Save>,
    /// What is saved next.
    next: Option<(Arc<Snapshot>, WriteSequence)>,
}

#[derive(Debug)]
struct Save {
    snapshot: Arc<Snapshot>,
    /// It gets its name when this write is durable.
    after: WriteSequence,
    step: Step,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Writing(Ticket),
    WaitingForLog,
    Renaming(Ticket),
}

impl Saver {
    pub(super) fn is_busy(&self) -> bool {
        self.under_way.is_some()
    }

    /// Begins to save a snapshot, or keeps it for later in place of what was kept.
    pub(super) fn save<D: Disk + ?Sized>(&mut self, snapshot: Arc<Snapshot>, after: WriteSequence, disk: &mut D) {
        if self.is_busy() {
            self.next = Some((snapshot, after));
            return;
        }
        let file = snapshot_file::temporary_name(snapshot.index, Origin::Local);
        snapshot_file::write(&file, &snapshot, Origin::Local, disk);
        let step = Step::Writing(disk.sync(&file));
        self.under_way = Some(Save { snapshot, after, step });
    }

    /// A sync is done. Returns the snapshot that is durable because of it.
    pub(super) fn synced<D: Disk + ?Sized>(&mut self, ticket: Ticket, disk: &mut D) -> Option<Arc<Snapshot>> {
        let save = self.under_way.as_mut()?;
        match save.step {
            Step::Writing(writing) if writing == ticket => save.step = Step::WaitingForLog,
            Step::Renaming(renaming) if renaming == ticket => {
                let Save { snapshot, .. } = self.under_way.take()?;
                self.save_next(disk);
                return Some(snapshot);
            }
            Step::Writing(_) | Step::WaitingForLog | Step::Renaming(_) => {}
        }
        None
    }

    /// The log is durable up to a write, and the newest durable snapshot covers up to an index: gives the snapshot its
    /// name, if it was waiting for that, or drops it, if it is overtaken.
    pub(super) fn go_on<D: Disk + ?Sized>(&mut self, durable: WriteSequence, newest: Index, disk: &mut D) {
        let Some(save) = &mut self.under_way else { return };
        let Snapshot { index, term, .. } = *save.snapshot;
        let temporary = snapshot_file::temporary_name(index, Origin::Local);
        match save.step {
            Step::Writing(_) | Step::WaitingForLog if index <= newest => {
                disk.remove(&temporary);
                self.under_way = None;
                self.save_next(disk);
            }
            Step::WaitingForLog if save.after <= durable => {
                disk.rename(&temporary, &snapshot_file::name(index));
                disk.written(Written::Snapshot { index, term });
                save.step = Step::Renaming(disk.sync_directory());
            }
            Step::Writing(_) | Step::WaitingForLog | Step::Renaming(_) => {}
        }
    }

    fn save_next<D: Disk + ?Sized>(&mut self, disk: &mut D) {
        if let Some((snapshot, after)) = self.next.take() {
            self.save(snapshot, after, disk);
        }
    }
}
