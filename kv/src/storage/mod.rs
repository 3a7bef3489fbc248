//! Stable storage: the log and the snapshots of one server on a [`Disk`] (paper, Figure 2 "Persistent state"; dissertation
//! 3.8 and 5).
//!
//! # Files
//!
//! | file | what it is | format |
//! |---|---|---|
//! | `log-<number>` | a segment of the log: hard states and entries, only ever appended to | `segment`, `record` |
//! | `snapshot-<index>` | a snapshot, written whole | `snapshot_file` |
//! | `snapshot-<index>.*.tmp` | a snapshot that is not durable yet | the same |
//!
//! An entry replaces everything from its index on, so truncation needs no record of its own. A segment that is long enough is
//! followed by a new one, whose header repeats the hard state; segments that a durable snapshot covers are then removed.
//!
//! # Writes
//!
//! One write to the log is under way at a time: what is handed over meanwhile waits in memory and goes into the next batch
//! (group commit). That costs nothing, because a batch would have to wait for the sync before it anyway, and it buys the
//! rule on which recovery rests: *what is in the log before a batch was durable when the batch was written*.
//!
//! A snapshot that was received ([`Write::snapshot`]) takes its turn among the writes: first everything before it, with the
//! hard state that covers it, is durable; then the snapshot, under a temporary name; then its name; and then the log behind
//! it. If the log has the snapshot's last entry, it goes on; if not, a new segment begins the log anew. A crash in between
//! leaves the snapshot with a log that ends before it or disagrees with it; recovery then takes the snapshot alone.
//! Snapshots of the server's own state are saved in the background ([`Storage::save_snapshot`]).
//!
//! # Promises
//!
//! After a crash at any moment, [`Storage::open`] gives back the outcome of every write that [`Storage::synced`] reported
//! as durable, and of a prefix of the writes behind them, where a write's parts count in their order (hard state, snapshot,
//! entries). Or it says why it cannot. It never gives back less than it promised: what is torn at the end of the log is told
//! from what was damaged after it was durable (`segment` has the rules, and says what nobody can tell; `recovery` has the
//! cases).
//!
//! What it simplifies: a torn batch is dropped whole, even if its first records are left; a damaged disk is refused, and not
//! repaired from other servers; a snapshot is in memory while it is written.

mod disk;
mod log;
mod record;
mod recovery;
mod saver;
mod segment;
mod snapshot_file;

use std::collections::VecDeque;
use std::sync::Arc;

use whitewater_raft::{HardState, Index, Recovered, Snapshot, Write, WriteSequence};

use crate::bugs::{self, Bug};
use log::{Begins, Log, Pending, Terms, Writing};
use recovery::{Outcome, position_of};
use saver::Saver;
use snapshot_file::Origin;

pub use disk::{Disk, Ticket, Unreadable, Written};
pub use recovery::{RecoveryError, RecoveryReport, Torn};

/// Sizes of the files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// A segment that is at least this long, in bytes, is followed by a new one.
    pub segment_bytes: usize,
    /// A batch that is at least this long, in bytes, takes no more writes. A single write may be longer.
    pub batch_bytes: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits { segment_bytes: 1 << 20, batch_bytes: 1 << 20 }
    }
}

/// What a completed sync achieved.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// All writes up to this one are durable now.
    pub durable: Option<WriteSequence>,
    /// This snapshot of [`Storage::save_snapshot`] is durable now.
    pub saved: Option<Arc<Snapshot>>,
}

/// The stable storage of a server.
#[derive(Debug)]
pub struct Storage {
    limits: Limits,
    log: Log,
    /// The log as it was handed over.
    terms: Terms,
    /// The hard state as it was handed over.
    hard_state: HardState,
    /// Whether the next batch begins the log anew.
    begins: Begins,
    /// What was handed over and is not on its way yet.
    waiting: VecDeque<Job>,
    stage: Stage,
    saver: Saver,
    /// The indexes of the snapshots with names, the newest one last.
    snapshots: Vec<Index>,
    handed_over: WriteSequence,
    durable: WriteSequence,
    /// The buffer of an earlier batch.
    spare: Vec<u8>,
}

/// Something to be done in its turn.
#[derive(Debug)]
struct Job {
    work: Work,
    /// The last write that is durable once this is.
    through: Option<WriteSequence>,
}

#[derive(Debug)]
enum Work {
    Append(Pending),
    Install(Arc<Snapshot>),
}

/// What is under way.
#[derive(Debug)]
enum Stage {
    Idle,
    /// A batch was written: its file is being synced, and the directory, if the file is new.
    Appending {
        writing: Writing,
        left: usize,
        through: Option<WriteSequence>,
    },
    /// A received snapshot was written under a temporary name.
    Installing {
        ticket: Ticket,
        snapshot: Arc<Snapshot>,
        through: Option<WriteSequence>,
    },
    /// It got its name.
    Naming {
        ticket: Ticket,
        snapshot: Arc<Snapshot>,
        through: Option<WriteSequence>,
    },
}

impl Storage {
    /// Reads a disk back, and cleans up what a crash left. A disk that is refused is left as it is.
    ///
    /// # Errors
    /// If the disk may have lost something that was promised. The server must not start.
    pub fn open<D: Disk + ?Sized>(
        disk: &mut D,
        limits: Limits,
    ) -> Result<(Storage, Recovered, RecoveryReport), RecoveryError> {
        let Outcome { recovered, report, log, terms, begins } = recovery::recover(disk)?;
        let storage = Storage {
            limits,
            log,
            terms,
            hard_state: recovered.hard_state,
            begins,
            waiting: VecDeque::new(),
            stage: Stage::Idle,
            saver: Saver::default(),
            snapshots: report.snapshot.into_iter().collect(),
            handed_over: WriteSequence(0),
            durable: WriteSequence(0),
            spare: Vec::new(),
        };
        Ok((storage, recovered, report))
    }

    /// Takes a write over. [`Storage::synced`] tells when it is durable.
    ///
    /// # Panics
    /// If it does not follow the write before it, or its entries do not follow the log.
    pub fn persist<D: Disk + ?Sized>(&mut self, write: &Write, disk: &mut D) {
        let Write { sequence, hard_state, snapshot, entries } = write;
        assert!(sequence.0 == self.handed_over.0 + 1, "writes are handed over one after the other");
        self.handed_over = *sequence;
        let comes_late = !entries.is_empty() && bugs::is_on(Bug::EntriesWithoutTerm);
        if let Some(hard_state) = hard_state.filter(|_| !comes_late) {
            if bugs::is_on(Bug::VoteBeforeTerm) {
                self.put_hard_state(HardState { term: self.hard_state.term, ..hard_state });
                self.go_on(disk);
            }
            self.put_hard_state(hard_state);
        }
        if let Some(snapshot) = snapshot {
            self.install(snapshot);
        }
        if !entries.is_empty() || hard_state.is_none() && snapshot.is_none() {
            self.batch().put_entries(entries);
            self.terms.put(entries);
        }
        self.waiting.back_mut().expect("every write leaves something to do").through = Some(*sequence);
        self.go_on(disk);
    }

    /// Begins to save a snapshot of the server's own state. It must cover nothing whose write was not handed over.
    ///
    /// [`Progress::saved`] tells when it is durable. A snapshot that another one overtakes before that is dropped without a
    /// word: one that was received, or a later one of this function.
    pub fn save_snapshot<D: Disk + ?Sized>(&mut self, snapshot: Arc<Snapshot>, disk: &mut D) {
        if snapshot.index > self.newest() {
            self.saver.save(snapshot, self.handed_over, disk);
        }
    }

    /// Whether a snapshot is being saved.
    #[must_use]
    pub fn is_saving(&self) -> bool {
        self.saver.is_busy()
    }

    /// The writes that are not durable yet.
    #[must_use]
    pub fn writes_under_way(&self) -> u64 {
        self.handed_over.0 - self.durable.0
    }

    /// A sync is done.
    pub fn synced<D: Disk + ?Sized>(&mut self, ticket: Ticket, disk: &mut D) -> Progress {
        let before = self.durable;
        let mut saved = self.saver.synced(ticket, disk);
        if let Some(snapshot) = &saved {
            if snapshot.index > self.newest() {
                self.has_snapshot(snapshot.index, disk);
            } else {
                // One that was received overtook it while it got its name.
                disk.remove(&snapshot_file::name(snapshot.index));
                saved = None;
            }
        }
        self.advance(ticket, disk);
        self.saver.go_on(self.durable, self.newest(), disk);
        self.go_on(disk);
        self.log.remove_through(self.newest(), disk);
        Progress { durable: (self.durable > before).then_some(self.durable), saved }
    }

    /// The last index that a durable snapshot covers.
    fn newest(&self) -> Index {
        self.snapshots.last().copied().unwrap_or_default()
    }

    fn put_hard_state(&mut self, HardState { term, voted_for }: HardState) {
        let term = if bugs::is_on(Bug::TermNotPersisted) { self.hard_state.term } else { term };
        let voted_for = voted_for.filter(|_| !bugs::is_on(Bug::VoteNotPersisted));
        let hard_state = HardState { term, voted_for };
        self.batch().put_hard_state(hard_state);
        self.hard_state = hard_state;
    }

    /// The batch that takes the next record.
    fn batch(&mut self) -> &mut Pending {
        let batch_bytes = if bugs::is_on(Bug::SmallerSyncs) { 1 << 10 } else { self.limits.batch_bytes };
        let takes_more = |job: &Job| match &job.work {
            Work::Append(batch) => batch.len() < batch_bytes,
            Work::Install(_) => false,
        };
        if !self.waiting.back().is_some_and(takes_more) {
            let begins = std::mem::replace(&mut self.begins, Begins::Nothing);
            let buffer = std::mem::take(&mut self.spare);
            let batch = Pending::new(buffer, self.terms.last(), self.hard_state, begins);
            self.waiting.push_back(Job { work: Work::Append(batch), through: None });
        }
        match self.waiting.back_mut().map(|job| &mut job.work) {
            Some(Work::Append(batch)) => batch,
            Some(Work::Install(_)) | None => unreachable!("a batch was put there if none was"),
        }
    }

    fn install(&mut self, snapshot: &Arc<Snapshot>) {
        assert!(snapshot.index > self.newest(), "a received snapshot is newer than what the disk has");
        self.waiting.push_back(Job { work: Work::Install(snapshot.clone()), through: None });
        if self.terms.term_at(snapshot.index) != Some(snapshot.term) {
            self.terms = Terms::starting(position_of(snapshot));
            self.begins = Begins::Anew;
            self.batch();
        }
    }

    /// Begins what comes next, if nothing is under way.
    fn go_on<D: Disk + ?Sized>(&mut self, disk: &mut D) {
        if !matches!(self.stage, Stage::Idle) {
            return;
        }
        let Some(Job { work, through }) = self.waiting.pop_front() else { return };
        self.stage = match work {
            Work::Append(batch) => {
                let (writing, buffer) = self.log.write(batch, self.limits.segment_bytes, disk);
                if buffer.capacity() <= self.limits.batch_bytes.saturating_mul(2) {
                    self.spare = buffer;
                }
                let left = 1 + usize::from(writing.directory.is_some());
                Stage::Appending { writing, left, through }
            }
            Work::Install(snapshot) => {
                let file = snapshot_file::temporary_name(snapshot.index, Origin::Received);
                snapshot_file::write(&file, &snapshot, Origin::Received, disk);
                Stage::Installing { ticket: disk.sync(&file), snapshot, through }
            }
        };
    }

    /// Ends the stage that a sync belongs to, if it does.
    fn advance<D: Disk + ?Sized>(&mut self, done: Ticket, disk: &mut D) {
        let (stage, completed) = match std::mem::replace(&mut self.stage, Stage::Idle) {
            Stage::Appending { writing, left, through } if writing.file == done || writing.directory == Some(done) => {
                if left > 1 {
                    (Stage::Appending { writing, left: left - 1, through }, None)
                } else {
                    self.log.written(writing);
                    (Stage::Idle, through)
                }
            }
            Stage::Installing { ticket, snapshot, through } if ticket == done => {
                let Snapshot { index, term, .. } = *snapshot;
                disk.rename(&snapshot_file::temporary_name(index, Origin::Received), &snapshot_file::name(index));
                disk.written(Written::Snapshot { index, term });
                (Stage::Naming { ticket: disk.sync_directory(), snapshot, through }, None)
            }
            Stage::Naming { ticket, snapshot, through } if ticket == done => {
                self.has_snapshot(snapshot.index, disk);
                (Stage::Idle, through)
            }
            stage @ (Stage::Idle | Stage::Appending { .. } | Stage::Installing { .. } | Stage::Naming { .. }) => {
                (stage, None)
            }
        };
        self.stage = stage;
        self.durable = completed.unwrap_or(self.durable);
    }

    /// A snapshot is durable: older ones are not needed.
    fn has_snapshot<D: Disk + ?Sized>(&mut self, index: Index, disk: &mut D) {
        for older in self.snapshots.drain(..) {
            if !bugs::is_on(Bug::OlderSnapshotsKept) {
                disk.remove(&snapshot_file::name(older));
            }
        }
        self.snapshots.push(index);
        self.terms.forget_through(index);
    }
}
