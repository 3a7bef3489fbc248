//! Recovery: from the files that a crash left to the state that was promised, or to the reason why that is impossible.
//!
//! The newest snapshot counts, and the chain of segments from the newest one back to the one in which the snapshot ends.
//! At the end of the chain a torn batch is dropped: nobody was promised it (see `segment` for how it is told from damage).
//! Everywhere else every byte that counts has to be as it was written; if not, the server must not start, because it may
//! have promised what is gone (Alagappan et al., "Protocol-Aware Recovery for Consensus-Based Storage", FAST 2018). What
//! does not count is removed: temporary files, older snapshots, segments that nothing continues.
//!
//! | found | taken for |
//! |---|---|
//! | a torn batch at the end of the newest segment | a crash |
//! | a newest segment without a header, its only write torn | a crash while it was begun |
//! | a snapshot that was received, and a log that ends before it or disagrees with it | a crash between the two |
//! | anything else that is missing, or not what a checksum, the chain or the order of entries demands | damage |

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;
use whitewater_raft::{Entry, HardState, Index, Recovered, Snapshot, Term};

use super::disk::{Disk, Unreadable};
use super::log::{self, Begins, Log, Terms};
use super::record::{self, RECORD_MIN, Record};
use super::segment::{
    BATCH_HEADER, Batch, Found, Link, NoHeader, Place, Position, SEGMENT_HEADER, SegmentHeader, TornBatch, used,
};
use super::snapshot_file::{self, NoSnapshot, Origin};
use crate::bugs::{self, Bug};

/// Why a server cannot start on its disk. Each message says what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecoveryError {
    /// Bytes that were durable are not what was written.
    #[error(
        "{file} is damaged at byte {offset}: there should be {expected}, and no crash explains that it is not; what this \
         server promised may be lost: do not start it on this disk, but restore the file from a copy that is as new, or \
         erase the disk and add the server again as a new one"
    )]
    Damaged {
        /// The file.
        file: String,
        /// The first byte of what is damaged.
        offset: usize,
        /// What should be there.
        expected: &'static str,
    },
    /// A file that was durable is not there.
    #[error(
        "{file} is missing, which {needed_by} continues; what this server promised may be lost: restore the file from a \
         copy, or erase the disk and add the server again as a new one"
    )]
    Missing {
        /// The file.
        file: String,
        /// The file that says so.
        needed_by: String,
    },
    /// The log begins later than any snapshot ends.
    #[error(
        "{file} begins behind index {index}, and no snapshot covers what came before; restore the snapshot from a copy, \
         or erase the disk and add the server again as a new one"
    )]
    Uncovered {
        /// The oldest segment of the log.
        file: String,
        /// The last index before it.
        index: Index,
    },
    /// The log ends before a snapshot that was taken of it.
    #[error(
        "{file} was taken when the log had the entry of index {index} and term {term}, and now the log ends at {last} \
         without it; what this server promised may be lost: restore the log from a copy, or erase the disk and add the \
         server again as a new one"
    )]
    LogLost {
        /// The snapshot.
        file: String,
        /// The last index that it covers.
        index: Index,
        /// The term of the entry there.
        term: Term,
        /// The last index of the log.
        last: Index,
    },
    /// The disk does not give a file back. It may do so later.
    #[error("{file} cannot be read: start the server again when its disk works")]
    Unreadable {
        /// The file.
        file: String,
    },
    /// A later program wrote the file.
    #[error("{file} has format version {found}, which this program does not know: start the program that wrote it")]
    Version {
        /// The file.
        file: String,
        /// The version.
        found: u32,
    },
}

/// What recovery found and did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RecoveryReport {
    /// Bytes of torn writes at the end of the log, dropped. Nobody was promised them.
    pub torn_bytes: usize,
    /// What the torn write held, if there was one.
    pub torn: Option<Torn>,
    /// Segments of the log.
    pub segments: usize,
    /// The last index of the newest snapshot, if there is one.
    pub snapshot: Option<Index>,
    /// Entries on disk that the snapshot replaced: it was received, and the crash came before the log began anew.
    pub entries_replaced: usize,
}

/// What a write held that a crash tore.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Torn {
    /// What would tell is gone.
    Unknown,
    /// A term and a vote, and this many entries.
    HardState {
        /// How many.
        entries: u32,
    },
    /// This many entries.
    Entries(u32),
}

/// Everything that recovery learns.
#[derive(Debug)]
pub(super) struct Outcome {
    pub(super) recovered: Recovered,
    pub(super) report: RecoveryReport,
    pub(super) log: Log,
    pub(super) terms: Terms,
    /// Whether the log on disk is void, because the snapshot replaced it.
    pub(super) begins: Begins,
}

fn read<D: Disk + ?Sized>(file: &str, disk: &mut D) -> Result<Bytes, RecoveryError> {
    match disk.read(file) {
        Ok(bytes) => Ok(Bytes::from(bytes)),
        Err(Unreadable) => Err(RecoveryError::Unreadable { file: file.to_owned() }),
    }
}

/// Reads a disk, and cleans it up. A disk that is refused is left as it is.
pub(super) fn recover<D: Disk + ?Sized>(disk: &mut D) -> Result<Outcome, RecoveryError> {
    let files = Files::of(disk);
    let snapshot = match files.snapshots.last() {
        Some(index) => Some(read_snapshot(*index, disk)?),
        None => None,
    };
    let covered = snapshot.as_ref().map_or(Index(0), |(snapshot, _)| snapshot.index);
    let mut report = RecoveryReport { snapshot: snapshot.as_ref().map(|_| covered), ..RecoveryReport::default() };
    let chain = read_chain(&files.segments, covered, disk, &mut report)?;
    report.segments = chain.len();

    let mut replay = Replay::default();
    let (mut segments, mut end) = (VecDeque::new(), (None, None));
    for (number, segment) in chain.iter().enumerate() {
        let next = chain.get(number + 1).and_then(|next| next.header.previous);
        let (place, torn) = replay.segment(segment, next, number == 0)?;
        segments.push_back((segment.header.number, segment.header.position));
        end = (Some(place), torn);
    }
    let (place, torn) = end;
    if let Some(torn) = torn {
        report.torn_bytes += torn.bytes;
        report.torn = Some(Torn::from(torn));
    }
    let log = Log::ending(segments, place, torn, files.segments.last().copied().unwrap_or(0));

    let mut begins = Begins::Nothing;
    if let Some((snapshot, origin)) = &snapshot
        && replay.term_at(covered) != Some(snapshot.term)
    {
        if *origin == Origin::Local {
            let (file, last) = (snapshot_file::name(covered), replay.last().index);
            return Err(RecoveryError::LogLost { file, index: covered, term: snapshot.term, last });
        }
        report.entries_replaced = replay.entries.len();
        replay.entries.clear();
        begins = Begins::Anew;
    }
    let behind = replay.entries.partition_point(|entry| entry.index <= covered);
    replay.entries.drain(..behind);
    let gap = usize::from(bugs::is_on(Bug::GapBehindSnapshot) && snapshot.is_some()).min(replay.entries.len());

    files.clean_up(&log, disk);
    let snapshot = snapshot.map(|(snapshot, _)| snapshot);
    let base = snapshot.as_ref().map_or(Position::default(), |snapshot| position_of(snapshot));
    let mut terms = Terms::starting(base);
    terms.put(&replay.entries);
    let entries = replay.entries.split_off(gap);
    let recovered = Recovered { hard_state: replay.hard_state, snapshot, entries };
    Ok(Outcome { recovered, report, log, terms, begins })
}

/// The files of a directory that are ours. Others are left alone.
struct Files {
    segments: Vec<u64>,
    snapshots: Vec<Index>,
    temporary: Vec<String>,
}

impl Files {
    fn of<D: Disk + ?Sized>(disk: &mut D) -> Files {
        let mut files = Files { segments: Vec::new(), snapshots: Vec::new(), temporary: Vec::new() };
        for name in disk.list() {
            let number = |prefix| {
                let number = name.strip_prefix(prefix)?.parse::<u64>().ok()?;
                (1..u64::MAX / 2).contains(&number).then_some(number)
            };
            if let Some(segment) = number("log-").filter(|number| log::name(*number) == name) {
                files.segments.push(segment);
            } else if let Some(index) =
                number("snapshot-").map(Index).filter(|index| snapshot_file::name(*index) == name)
            {
                files.snapshots.push(index);
            } else if name.starts_with("snapshot-") && name.ends_with(".tmp") {
                files.temporary.push(name);
            }
        }
        files.segments.sort_unstable();
        files.snapshots.sort_unstable();
        files
    }

    fn clean_up<D: Disk + ?Sized>(&self, log: &Log, disk: &mut D) {
        for file in &self.temporary {
            disk.remove(file);
        }
        for index in self.snapshots.iter().rev().skip(1) {
            disk.remove(&snapshot_file::name(*index));
        }
        for segment in &self.segments {
            if !log.segments.iter().any(|(used, _)| used == segment) {
                disk.remove(&log::name(*segment));
            }
        }
    }
}

fn read_snapshot<D: Disk + ?Sized>(index: Index, disk: &mut D) -> Result<(Arc<Snapshot>, Origin), RecoveryError> {
    let file = snapshot_file::name(index);
    let bytes = read(&file, disk)?;
    snapshot_file::parse(&bytes, index).map_err(|no_snapshot| match no_snapshot {
        NoSnapshot::Version(found) => RecoveryError::Version { file, found },
        NoSnapshot::Damaged { offset, expected } => RecoveryError::Damaged { file, offset, expected },
    })
}

/// A segment with its bytes.
struct Segment {
    header: SegmentHeader,
    chain: u32,
    bytes: Bytes,
}

impl Segment {
    fn file(&self) -> String {
        log::name(self.header.number)
    }

    fn parse(number: u64, bytes: Bytes) -> Result<Segment, (NoHeader, Bytes)> {
        match SegmentHeader::decode(&bytes, number) {
            Ok((header, chain)) => Ok(Segment { header, chain, bytes }),
            Err(no_header) => Err((no_header, bytes)),
        }
    }
}

/// The segments that count, oldest first: from the newest one back to that in which the snapshot ends.
fn read_chain<D: Disk + ?Sized>(
    numbers: &[u64],
    covered: Index,
    disk: &mut D,
    report: &mut RecoveryReport,
) -> Result<Vec<Segment>, RecoveryError> {
    let mut chain: Vec<Segment> = Vec::new();
    for number in numbers.iter().rev() {
        match Segment::parse(*number, read(&log::name(*number), disk)?) {
            Ok(newest) => {
                chain.push(newest);
                break;
            }
            Err((NoHeader::Torn, bytes)) => {
                let bytes = used(&bytes);
                report.torn_bytes += bytes;
                report.torn = report.torn.or((bytes > 0).then_some(Torn::Unknown));
            }
            Err((no_header, _)) => return Err(refusal(log::name(*number), no_header, "the header of a segment")),
        }
    }
    while let Some(oldest) = chain.last() {
        let (file, position) = (oldest.file(), oldest.header.position);
        if position.index <= covered {
            break;
        }
        let Some(Link { number, .. }) = oldest.header.previous else {
            return Err(RecoveryError::Uncovered { file, index: position.index });
        };
        if numbers.binary_search(&number).is_err() || number >= oldest.header.number {
            return Err(RecoveryError::Missing { file: log::name(number), needed_by: file });
        }
        let expected = "the header of a segment, because another one continues it";
        let segment = Segment::parse(number, read(&log::name(number), disk)?);
        chain.push(segment.map_err(|(no_header, _)| refusal(log::name(number), no_header, expected))?);
    }
    chain.reverse();
    Ok(chain)
}

fn refusal(file: String, no_header: NoHeader, expected: &'static str) -> RecoveryError {
    match no_header {
        NoHeader::Version(found) => RecoveryError::Version { file, found },
        NoHeader::Torn | NoHeader::Damaged => RecoveryError::Damaged { file, offset: 0, expected },
    }
}

/// The state that the log tells, batch by batch.
#[derive(Debug, Default)]
struct Replay {
    hard_state: HardState,
    base: Position,
    entries: Vec<Entry>,
}

impl Replay {
    fn last(&self) -> Position {
        self.entries.last().map_or(self.base, |Entry { index, term, .. }| Position { index: *index, term: *term })
    }

    fn term_at(&self, index: Index) -> Option<Term> {
        match index.0.checked_sub(self.base.index.0)? {
            0 => Some(self.base.term),
            behind => self.entries.get(behind as usize - 1).map(|entry| entry.term),
        }
    }

    /// Replays a segment, up to where the next one continues it. Returns where the next batch would go, and what a crash
    /// left there.
    fn segment(
        &mut self,
        segment: &Segment,
        next: Option<Link>,
        is_first: bool,
    ) -> Result<(Place, Option<TornBatch>), RecoveryError> {
        let damaged = |offset, expected| Err(RecoveryError::Damaged { file: segment.file(), offset, expected });
        let SegmentHeader { number, position, hard_state, .. } = segment.header;
        if is_first {
            (self.hard_state, self.base) = (hard_state, position);
        } else if (self.hard_state, self.last()) != (hard_state, position) {
            return damaged(0, "the header of a segment that continues the log as it is");
        }
        let mut place = Place { segment: number, end: SEGMENT_HEADER, ordinal: 1, chain: segment.chain };
        loop {
            if let Some(next) = next.filter(|next| place.end as u64 >= next.end) {
                if (place.end as u64, place.chain) != (next.end, next.chain) {
                    return damaged(place.end, "the batch at whose end the next segment begins");
                }
                return Ok((place, None));
            }
            match place.find(&segment.bytes) {
                Found::Batch(batch) => {
                    if self.batch(&batch, &segment.bytes).is_none() {
                        return damaged(place.offset(), "records that continue the log");
                    }
                    place =
                        Place { end: batch.end, ordinal: place.ordinal.wrapping_add(1), chain: batch.chain, ..place };
                }
                Found::Nothing | Found::Torn(_) if next.is_some() => {
                    return damaged(place.offset(), "a whole batch, because a later segment continues it");
                }
                Found::Nothing => return Ok((place, None)),
                Found::Torn(torn) => {
                    if bugs::is_on(Bug::TornTailBelieved) {
                        self.believe(place, &segment.bytes);
                    }
                    return Ok((place, Some(torn)));
                }
                Found::Damaged { offset, expected } => return damaged(offset, expected),
            }
        }
    }

    /// For [`Bug::TornTailBelieved`]: replays what is left of a batch, with zeros for what is not.
    fn believe(&mut self, place: Place, file: &[u8]) {
        const ZEROS: [u8; 1 << 10] = [0; 1 << 10];
        let file = Bytes::from([file, &ZEROS].concat());
        let mut records = file.get(place.offset() + BATCH_HEADER..).unwrap_or_default();
        while let Some(record) = record::take(&mut records, &file) {
            match record {
                Record::HardState(state) => self.hard_state = state,
                Record::Entry(entry) => drop(self.entry(entry)),
            }
        }
    }

    /// Replays a batch. None if no log writes such a batch.
    fn batch(&mut self, batch: &Batch<'_>, file: &Bytes) -> Option<()> {
        let mut records = batch.records;
        self.entries.reserve((batch.entries as usize).min(records.len() / RECORD_MIN));
        while !records.is_empty() {
            match record::take(&mut records, file)? {
                Record::HardState(state) => self.hard_state = state,
                Record::Entry(entry) => self.entry(entry)?,
            }
        }
        Some(())
    }

    /// An entry replaces everything from its index on.
    fn entry(&mut self, entry: Entry) -> Option<()> {
        let before = entry.index.0.checked_sub(1)?;
        match before.checked_sub(self.base.index.0) {
            Some(kept) if (kept as usize) < self.entries.len() && bugs::is_on(Bug::SuffixReplayed) => {
                self.entries[kept as usize] = entry;
                return Some(());
            }
            Some(kept) if kept as usize <= self.entries.len() => self.entries.truncate(kept as usize),
            Some(_) => return None,
            // Below the base: what was before it, only a snapshot knows, which then disagrees with this log.
            None => {
                self.entries.clear();
                self.base = Position { index: Index(before), term: Term(0) };
            }
        }
        self.entries.push(entry);
        Some(())
    }
}

pub(super) fn position_of(snapshot: &Snapshot) -> Position {
    Position { index: snapshot.index, term: snapshot.term }
}

impl From<TornBatch> for Torn {
    fn from(torn: TornBatch) -> Torn {
        match torn.held {
            None => Torn::Unknown,
            Some((entries, 0)) => Torn::Entries(entries),
            Some((entries, _)) => Torn::HardState { entries },
        }
    }
}
