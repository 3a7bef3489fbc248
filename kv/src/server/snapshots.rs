//! Snapshots of a server: when one is taken, what happens when it is on the disk, and starting from one (dissertation 5.1).
//!
//! What it simplifies: one snapshot is on its way to the disk at a time, and writing its text down takes no time.

use std::sync::Arc;

use whitewater_raft::{Index, Input, Snapshot};

use super::{Event, Host, Origin, Server};
use crate::bugs::{self, Bug};
use crate::machine::Machine;
use crate::snapshot::SnapshotError;

impl Server {
    /// A snapshot from the leader: what it holds has been applied by others.
    pub(super) fn restore<H: Host>(&mut self, snapshot: &Snapshot, host: &mut H) {
        self.machine = restored(snapshot, host).expect("a snapshot is what a machine of this cluster wrote");
        self.applied = snapshot.index;
        self.compacted = snapshot.index;
        self.saving = None;
    }

    pub(super) fn take_snapshot_if_due<H: Host>(&mut self, host: &mut H) {
        let Some(every) = self.snapshot_every else { return };
        let every = if bugs::is_on(Bug::SnapshotsTwiceAsOften) { every.div_ceil(2) } else { every };
        let covered = self.replica.snapshot().map_or(Index(0), |snapshot| snapshot.index);
        if self.applied.0 - covered.0.min(self.applied.0) >= every {
            self.take_snapshot(host);
        }
    }

    /// Begins to save a snapshot of the present state, if there is something new and none is on its way.
    pub(super) fn take_snapshot<H: Host>(&mut self, host: &mut H) {
        let covered = self.replica.snapshot().map_or(Index(0), |snapshot| snapshot.index);
        if self.saving.is_some() || self.applied <= covered {
            return;
        }
        // A server that joins does not know the configuration of entries before it was told of one.
        let is_off = bugs::is_on(Bug::SnapshotIndexOff) && self.applied.previous() > covered;
        let index = if is_off { self.applied.previous() } else { self.applied };
        let Some(snapshot) = self.replica.snapshot_of(index, self.machine.snapshot()) else { return };
        self.saving = Some((index, self.machine.fingerprint()));
        self.storage.save_snapshot(Arc::new(snapshot), host);
    }

    pub(super) fn snapshot_saved<H: Host>(&mut self, snapshot: Arc<Snapshot>, host: &mut H) {
        // One from the leader may have replaced it meanwhile.
        let Some((index, state)) = self.saving.take_if(|(index, _)| *index == snapshot.index) else { return };
        host.observe(Event::SnapshotTaken { index, state });
        self.step(Input::SnapshotSaved(snapshot), Origin::Nobody, host);
        let compacted = self.replica.first_index().previous();
        if compacted > self.compacted {
            self.compacted = compacted;
            host.observe(Event::Compacted(compacted));
        }
    }
}

/// The state machine of a snapshot.
pub(super) fn restored<H: Host>(snapshot: &Snapshot, host: &mut H) -> Result<Machine, SnapshotError> {
    let machine = Machine::restore(&snapshot.data)?;
    let Snapshot { index, term, configuration, .. } = snapshot;
    host.observe(Event::Restored { index: *index, term: *term, state: machine.fingerprint() });
    host.observe(Event::Configured { index: *index, configuration });
    Ok(machine)
}
