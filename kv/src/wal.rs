//! The log file: Raft's hard state and entries as a chain of checksummed records, only ever appended to.
//!
//! | bytes | meaning |
//! |---|---|
//! | 4 | CRC-32 of the rest of the record, started from the previous record's checksum; u32 little-endian |
//! | 4 | length of the body, u32 little-endian |
//! | 1 | what the body is: 1 hard state, 2 no-op entry, 3 command entry |
//! | 8 | term |
//! | 8 | hard state: the vote plus one, or 0 for none; entry: the index |
//! | rest | the command |
//!
//! An entry replaces everything from its index on, so truncation needs no record of its own. Each checksum covers all
//! records before it: bytes of an earlier incarnation that lie behind a torn tail never continue a newer chain, and so
//! the tail need not be wiped. Recovery takes the longest chain that holds. Everything behind it was never synced:
//! a sync covers all earlier bytes. What it simplifies: one file that grows without bound, and no defence against bytes
//! that rot after they were synced.

use bytes::Bytes;
use whitewater_raft::{Entry, HardState, Index, NodeId, Payload, Term, Write};

const HARD_STATE: u8 = 1;
const NOOP: u8 = 2;
const COMMAND: u8 = 3;

const CHECKSUM: usize = 4;
const HEADER: usize = 8;
const FIXED: usize = 17;
/// The checksum that the first record's starts from.
const GENESIS: u32 = u32::from_le_bytes(*b"wwv1");

/// The end of a log file: what the next record follows.
#[derive(Debug)]
pub struct Wal {
    offset: usize,
    checksum: u32,
    buffer: Vec<u8>,
}

/// What a log file holds.
#[derive(Debug, PartialEq, Eq)]
pub struct Recovered {
    /// The latest term and vote.
    pub hard_state: HardState,
    /// The log, from index 1.
    pub entries: Vec<Entry>,
    /// Bytes behind the last record: a torn write, or what older torn writes left.
    pub discarded: usize,
}

impl Wal {
    /// Reads a log file back, as far as its records are whole.
    #[must_use]
    pub fn recover(bytes: impl Into<Bytes>) -> (Wal, Recovered) {
        let bytes = bytes.into();
        let mut wal = Wal { offset: 0, checksum: GENESIS, buffer: Vec::new() };
        let mut hard_state = HardState::default();
        // Most records are entries with commands of some tens of bytes.
        let mut entries: Vec<Entry> = Vec::with_capacity(bytes.len() / 64);
        while let Some((body, checksum)) = next_record(&bytes[wal.offset..], wal.checksum) {
            let Some(record) = parse(body, entries.len() as u64, &bytes) else { break };
            match record {
                Record::HardState(state) => hard_state = state,
                Record::Entry(entry) => {
                    entries.truncate(entry.index.previous().0 as usize);
                    entries.push(entry);
                }
            }
            wal.offset += HEADER + body.len();
            wal.checksum = checksum;
        }
        let discarded = bytes.len() - wal.offset;
        (wal, Recovered { hard_state, entries, discarded })
    }

    /// The bytes of a write, and the offset at which they belong.
    pub fn append(&mut self, write: &Write) -> (usize, &[u8]) {
        self.buffer.clear();
        if let Some(HardState { term, voted_for }) = write.hard_state {
            let vote = voted_for.map_or(0, |node| u64::from(node.0) + 1);
            self.record(HARD_STATE, term.0, vote, &[]);
        }
        for Entry { term, index, payload } in write.entries.iter() {
            match payload {
                Payload::Noop => self.record(NOOP, term.0, index.0, &[]),
                Payload::Command(command) => self.record(COMMAND, term.0, index.0, command),
            }
        }
        let offset = self.offset;
        self.offset += self.buffer.len();
        (offset, &self.buffer)
    }

    fn record(&mut self, kind: u8, term: u64, number: u64, rest: &[u8]) {
        let len = u32::try_from(FIXED + rest.len()).expect("a command is shorter than 4 GiB");
        let begin = self.buffer.len();
        self.buffer.extend_from_slice(&[0; CHECKSUM]);
        self.buffer.extend_from_slice(&len.to_le_bytes());
        self.buffer.push(kind);
        self.buffer.extend_from_slice(&term.to_le_bytes());
        self.buffer.extend_from_slice(&number.to_le_bytes());
        self.buffer.extend_from_slice(rest);
        self.checksum = checksum(self.checksum, &self.buffer[begin + CHECKSUM..]);
        self.buffer[begin..begin + CHECKSUM].copy_from_slice(&self.checksum.to_le_bytes());
    }
}

enum Record {
    HardState(HardState),
    Entry(Entry),
}

/// The body and the checksum of the record at the start of some bytes, if it is whole and continues the chain.
fn next_record(bytes: &[u8], previous: u32) -> Option<(&[u8], u32)> {
    let (written, rest) = bytes.split_first_chunk::<CHECKSUM>()?;
    let len = u32::from_le_bytes(*rest.first_chunk()?) as usize;
    let covered = rest.get(..len.checked_add(HEADER - CHECKSUM)?)?;
    let written = u32::from_le_bytes(*written);
    (checksum(previous, covered) == written).then_some((&covered[HEADER - CHECKSUM..], written))
}

/// What a body says; none if no log could have written it after `last` entries. Commands share the bytes of the file.
fn parse(body: &[u8], last: u64, file: &Bytes) -> Option<Record> {
    let (fixed, rest) = body.split_first_chunk::<FIXED>()?;
    let [kind, numbers @ ..] = fixed;
    let term = Term(u64::from_le_bytes(*numbers.first_chunk()?));
    let number = u64::from_le_bytes(*numbers.last_chunk()?);
    let entry = |payload| {
        let follows = (1..=last + 1).contains(&number);
        follows.then_some(Record::Entry(Entry { term, index: Index(number), payload }))
    };
    match *kind {
        HARD_STATE => {
            let voted_for = match number.checked_sub(1) {
                Some(node) => Some(NodeId(u32::try_from(node).ok()?)),
                None => None,
            };
            Some(Record::HardState(HardState { term, voted_for }))
        }
        NOOP => entry(Payload::Noop),
        COMMAND => entry(Payload::Command(file.slice_ref(rest))),
        _ => None,
    }
}

fn checksum(previous: u32, bytes: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new_with_initial(previous);
    hasher.update(bytes);
    hasher.finalize()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use whitewater_raft::WriteSequence;

    fn entry(index: u64, term: u64, text: &str) -> Entry {
        let payload =
            if text.is_empty() { Payload::Noop } else { Payload::Command(Bytes::copy_from_slice(text.as_bytes())) };
        Entry { term: Term(term), index: Index(index), payload }
    }

    fn write(hard_state: Option<HardState>, entries: &[Entry]) -> Write {
        Write { sequence: WriteSequence(1), hard_state, entries: entries.into() }
    }

    fn put(wal: &mut Wal, file: &mut Vec<u8>, write: &Write) {
        let (offset, bytes) = wal.append(write);
        file.resize(file.len().max(offset + bytes.len()), 0);
        file[offset..offset + bytes.len()].copy_from_slice(bytes);
    }

    const VOTED: HardState = HardState { term: Term(3), voted_for: Some(NodeId(0)) };

    #[test]
    fn an_empty_file_is_an_empty_log() {
        let (_, recovered) = Wal::recover(Bytes::new());
        assert_eq!(recovered, Recovered { hard_state: HardState::default(), entries: vec![], discarded: 0 });
    }

    #[test]
    fn a_later_entry_replaces_everything_from_its_index_on() {
        let (mut wal, _) = Wal::recover(Bytes::new());
        let mut file = Vec::new();
        put(&mut wal, &mut file, &write(Some(VOTED), &[entry(1, 1, ""), entry(2, 1, "b"), entry(3, 1, "c")]));
        put(&mut wal, &mut file, &write(None, &[entry(2, 3, "new")]));
        let (_, recovered) = Wal::recover(file.clone());
        assert_eq!(recovered.hard_state, VOTED);
        assert_eq!(recovered.entries, [entry(1, 1, ""), entry(2, 3, "new")]);
    }

    #[test]
    fn bytes_of_a_lost_incarnation_never_continue_a_newer_chain() {
        let (mut wal, _) = Wal::recover(Bytes::new());
        let mut file = Vec::new();
        put(&mut wal, &mut file, &write(None, &[entry(1, 1, "lost")]));
        let first_end = file.len();
        put(&mut wal, &mut file, &write(None, &[entry(2, 1, "kept by chance")]));
        file[..first_end].fill(0);
        let (mut wal, recovered) = Wal::recover(file.clone());
        assert_eq!((recovered.entries.len(), recovered.discarded), (0, file.len()));
        put(&mut wal, &mut file, &write(None, &[entry(1, 2, "anew")]));
        let (_, recovered) = Wal::recover(file.clone());
        assert_eq!(recovered.entries, [entry(1, 2, "anew")]);
        assert!(recovered.discarded > 0);
    }

    proptest! {
        /// Cut anywhere, the file gives back exactly the records that are whole, and can be written on.
        #[test]
        fn a_torn_tail_loses_only_the_torn_record(texts in prop::collection::vec("[a-z]{0,6}", 1..6), flip: u8) {
            let (mut wal, _) = Wal::recover(Bytes::new());
            let (mut file, mut ends) = (Vec::new(), vec![0]);
            let entries: Vec<Entry> = texts.iter().zip(1..).map(|(text, index)| entry(index, 1, text)).collect();
            for entry in &entries {
                put(&mut wal, &mut file, &write(None, std::slice::from_ref(entry)));
                ends.push(file.len());
            }
            for cut in 0..file.len() {
                let whole = ends.iter().rposition(|end| *end <= cut).expect("0 is an end");
                let mut torn = file[..cut].to_vec();
                let (mut wal, recovered) = Wal::recover(torn.clone());
                prop_assert_eq!(&recovered.entries, &entries[..whole]);
                prop_assert_eq!(recovered.discarded, cut - ends[whole]);
                let next = entry(whole as u64 + 1, 2, "next");
                put(&mut wal, &mut torn, &write(Some(VOTED), std::slice::from_ref(&next)));
                let (_, recovered) = Wal::recover(torn.clone());
                prop_assert_eq!(recovered.entries.last(), Some(&next));
                prop_assert_eq!(recovered.hard_state, VOTED);
            }
            let at = usize::from(flip) % file.len();
            file[at] ^= 0x10;
            let intact = ends.iter().rposition(|end| *end <= at).expect("0 is an end");
            prop_assert_eq!(Wal::recover(file.clone()).1.entries, &entries[..intact]);
        }

        #[test]
        fn arbitrary_bytes_never_panic(bytes: Vec<u8>) {
            let len = bytes.len();
            prop_assert!(Wal::recover(bytes).1.discarded <= len);
        }
    }
}
