//! Segments: the files of the log, each a header and batches, only ever appended to (Rosenblum and Ousterhout, "The Design
//! and Implementation of a Log-Structured File System", 1991, for the idea of segments; the format is our own).
//!
//! The file `log-<number>` begins with a header:
//!
//! | bytes | meaning |
//! |---|---|
//! | 8 | `wwtr-log` |
//! | 4 | version of the format, 1 |
//! | 8 | number of the segment |
//! | 8 | number of the segment that it continues, or 0: the log begins here, behind the position |
//! | 8 | where that one's last batch ended |
//! | 4 | its chain at that place |
//! | 8, 8 | position: index and term of the last entry before the segment |
//! | 8, 8 | hard state before the segment: term, and the vote plus one or 0 |
//! | 4 | CRC-32 of all that; the segment's chain starts with it |
//!
//! A batch is what one sync covers:
//!
//! | bytes | meaning |
//! |---|---|
//! | 4 | `wwba` |
//! | 4 | its number in the segment, from 1 |
//! | 4 | length of the body |
//! | 4 | blank sectors: how many of the sectors that it lies in are zeros as far as they are its own |
//! | 4, 4 | number of entries and of hard states in it |
//! | 4 | CRC-32 of the body, started from the chain |
//! | 4 | CRC-32 of segment number, offset of the batch (8 bytes each) and the header so far; the chain from here on |
//! | rest | the body: records (see `record`), and the byte 0xA5 |
//!
//! All numbers are little-endian. A header of a batch never straddles sectors of 512 bytes: the batch begins at the next
//! sector instead. **What damage means** is decided by three rules that the writer keeps:
//! 1. A batch is written in one piece, after all batches before it are durable.
//! 2. It is written where the file has nothing but zeros, or ends. Recovery never writes over what a crash left.
//! 3. The first byte and the last byte of a batch are not zero, and it says how many of its sectors are.
//!
//! So a crash leaves whole batches and then at most one torn one. A torn batch *lacks* bytes: they read as zeros, from some
//! byte on or sector by sector; and nothing comes after it. Any other damage is to bytes that were durable. What this
//! cannot tell from a crash: the last batch of the log reads as zeros from some byte on, or loses a whole sector, after it
//! was durable. No format can, on one disk, without syncing twice.

use whitewater_raft::{HardState, Index, NodeId, Term};

use super::record::{parse_vote, vote_number};

/// Length of a segment's header.
pub(super) const SEGMENT_HEADER: usize = 76;
/// Length of a batch's header.
pub(super) const BATCH_HEADER: usize = 32;
/// The last byte of a batch.
pub(super) const END: u8 = 0xA5;
/// The version of the format.
pub(super) const VERSION: u32 = 1;

const SEGMENT_MAGIC: [u8; 8] = *b"wwtr-log";
const BATCH_MAGIC: [u8; 4] = *b"wwba";
const SECTOR: usize = 512;

/// A place in the log: the entry there, or the start of the log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Position {
    pub(super) index: Index,
    pub(super) term: Term,
}

/// The end of a segment: what the next one continues.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Link {
    pub(super) number: u64,
    pub(super) end: u64,
    pub(super) chain: u32,
}

/// What a segment's header says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SegmentHeader {
    pub(super) number: u64,
    /// The segment that this one continues. None if the log begins anew behind the position.
    pub(super) previous: Option<Link>,
    pub(super) position: Position,
    pub(super) hard_state: HardState,
}

/// Why there is no header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoHeader {
    /// A crash came before the segment was durable.
    Torn,
    /// A later program wrote it.
    Version(u32),
    /// It was durable and is damaged.
    Damaged,
}

impl SegmentHeader {
    pub(super) fn encode(&self) -> [u8; SEGMENT_HEADER] {
        let Link { number, end, chain } = self.previous.unwrap_or(Link { number: 0, end: 0, chain: 0 });
        let HardState { term, voted_for } = self.hard_state;
        let mut bytes = [0; SEGMENT_HEADER];
        let parts: [&[u8]; 10] = [
            &SEGMENT_MAGIC,
            &VERSION.to_le_bytes(),
            &self.number.to_le_bytes(),
            &number.to_le_bytes(),
            &end.to_le_bytes(),
            &chain.to_le_bytes(),
            &self.position.index.0.to_le_bytes(),
            &self.position.term.0.to_le_bytes(),
            &term.0.to_le_bytes(),
            &vote_number(voted_for).to_le_bytes(),
        ];
        let mut at = 0;
        for part in parts {
            bytes[at..at + part.len()].copy_from_slice(part);
            at += part.len();
        }
        let checksum = crc32fast::hash(&bytes[..at]);
        bytes[at..].copy_from_slice(&checksum.to_le_bytes());
        bytes
    }

    /// The chain that starts with a header.
    pub(super) fn chain(header: &[u8; SEGMENT_HEADER]) -> u32 {
        number_at(header, SEGMENT_HEADER - 4)
    }

    /// The header of a whole file, and the chain that starts with it.
    pub(super) fn decode(file: &[u8], number: u64) -> Result<(SegmentHeader, u32), NoHeader> {
        let Some(bytes) = file.first_chunk::<SEGMENT_HEADER>().filter(|bytes| {
            bytes.starts_with(&SEGMENT_MAGIC)
                && crc32fast::hash(&bytes[..SEGMENT_HEADER - 4]) == number_at(*bytes, SEGMENT_HEADER - 4)
        }) else {
            return Err(if is_torn_header(file, number) { NoHeader::Torn } else { NoHeader::Damaged });
        };
        let version = number_at(bytes, 8);
        if version != VERSION {
            return Err(NoHeader::Version(version));
        }
        let link = Link { number: long_at(bytes, 20), end: long_at(bytes, 28), chain: number_at(bytes, 36) };
        let voted_for: Option<NodeId> = parse_vote(long_at(bytes, 64)).ok_or(NoHeader::Damaged)?;
        let header = SegmentHeader {
            number: long_at(bytes, 12),
            previous: (link.number != 0).then_some(link),
            position: Position { index: Index(long_at(bytes, 40)), term: Term(long_at(bytes, 48)) },
            hard_state: HardState { term: Term(long_at(bytes, 56)), voted_for },
        };
        if header.number != number {
            return Err(NoHeader::Damaged);
        }
        Ok((header, SegmentHeader::chain(bytes)))
    }
}

/// Whether a segment without a header can be one whose only write, header and first batch, was torn.
fn is_torn_header(file: &[u8], number: u64) -> bool {
    if used(file) <= SEGMENT_HEADER {
        return true;
    }
    let is_blank = used(&file[..SEGMENT_HEADER]) == 0;
    is_blank && later_batch(file, number, SEGMENT_HEADER, 2).is_none()
}

/// What is at the place of a batch.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found<'a> {
    /// A whole batch.
    Batch(Batch<'a>),
    /// Nothing: the log ends here.
    Nothing,
    /// A batch that a crash tore.
    Torn(TornBatch),
    /// Damage to bytes that were durable.
    Damaged {
        /// Where.
        offset: usize,
        /// What should be there.
        expected: &'static str,
    },
}

/// A whole batch.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Batch<'a> {
    pub(super) records: &'a [u8],
    pub(super) entries: u32,
    /// The first byte behind it.
    pub(super) end: usize,
    /// The chain from here on.
    pub(super) chain: u32,
}

/// What is left of a batch that a crash tore.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TornBatch {
    /// The bytes that are left, up to the last that is not zero.
    pub(super) bytes: usize,
    /// Numbers of entries and of hard states that it held, if its header is left.
    pub(super) held: Option<(u32, u32)>,
}

/// Where in a segment a batch lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// Number of the segment.
    pub(super) segment: u64,
    /// Where the batch before it, or the segment's header, ended.
    pub(super) end: usize,
    /// Number of the batch in the segment.
    pub(super) ordinal: u32,
    /// The chain before it.
    pub(super) chain: u32,
}

impl Place {
    /// Where the batch begins.
    pub(super) fn offset(&self) -> usize {
        let rest = SECTOR - self.end % SECTOR;
        if rest < BATCH_HEADER { self.end + rest } else { self.end }
    }

    /// Fills in the header of a batch, whose body is there, with its last byte. Returns the chain from here on.
    pub(super) fn seal(&self, batch: &mut [u8], entries: u32, hard_states: u32) -> u32 {
        let body_len = u32::try_from(batch.len() - BATCH_HEADER).expect("a batch is shorter than 4 GiB");
        batch[..4].copy_from_slice(&BATCH_MAGIC);
        let blank = blank_sectors(self.offset(), batch);
        let body_checksum = checksum(self.chain, &batch[BATCH_HEADER..]);
        let fields = [self.ordinal, body_len, blank, entries, hard_states, body_checksum];
        for (field, at) in fields.iter().zip((4..).step_by(4)) {
            batch[at..at + 4].copy_from_slice(&field.to_le_bytes());
        }
        let chain = header_checksum(self.segment, self.offset(), &batch[..BATCH_HEADER - 4]);
        batch[BATCH_HEADER - 4..BATCH_HEADER].copy_from_slice(&chain.to_le_bytes());
        chain
    }

    /// What is at this place of a whole file.
    pub(super) fn find<'a>(&self, file: &'a [u8]) -> Found<'a> {
        let offset = self.offset();
        let rest = file.get(offset..).unwrap_or_default();
        let Some(header) = batch_header(file, self.segment, offset) else {
            return self.without_header(file, offset, used(rest));
        };
        let len = BATCH_HEADER + number_at(header, 8) as usize;
        let held = (number_at(header, 16), number_at(header, 20));
        let chain = number_at(header, BATCH_HEADER - 4);
        if number_at(header, 4) != self.ordinal {
            return Found::Damaged { offset, expected: "the next batch of the segment" };
        }
        let whole = rest.get(..len).filter(|batch| {
            checksum(self.chain, &batch[BATCH_HEADER..]) == number_at(header, 24) && batch.last() == Some(&END)
        });
        if let Some(batch) = whole {
            let records = &batch[BATCH_HEADER..len - 1];
            return Found::Batch(Batch { records, entries: held.0, end: offset + len, chain });
        }
        let bytes = used(rest);
        if bytes > len {
            return Found::Damaged { offset, expected: "a whole batch, because another one follows it" };
        }
        let lacks_end = rest.get(len - 1).is_none_or(|last| *last == 0);
        if lacks_end || blank_sectors(offset, &rest[..len]) > number_at(header, 12) {
            return Found::Torn(TornBatch { bytes, held: Some(held) });
        }
        Found::Damaged { offset, expected: "a whole batch: its end is there, and no sector is missing" }
    }

    /// There is no header of a batch at the offset, and so many bytes up to the last that is not zero.
    fn without_header(&self, file: &[u8], offset: usize, bytes: usize) -> Found<'static> {
        if bytes == 0 {
            return Found::Nothing;
        }
        let torn = Found::Torn(TornBatch { bytes, held: None });
        if bytes <= BATCH_HEADER {
            return torn;
        }
        let is_blank = used(&file[offset..offset + BATCH_HEADER]) == 0;
        match later_batch(file, self.segment, offset, self.ordinal + 1) {
            None if is_blank => torn,
            None => Found::Damaged { offset, expected: "the header of a batch" },
            Some(_) => Found::Damaged { offset, expected: "the header of a batch, because a later one follows" },
        }
    }
}

/// The header of a batch at an offset, if there is one.
fn batch_header(file: &[u8], segment: u64, offset: usize) -> Option<&[u8; BATCH_HEADER]> {
    let header = file.get(offset..)?.first_chunk::<BATCH_HEADER>()?;
    let (covered, written) = header.split_last_chunk::<4>()?;
    let is_valid = header.starts_with(&BATCH_MAGIC)
        && number_at(header, 8) > 0
        && header_checksum(segment, offset, covered) == u32::from_le_bytes(*written);
    is_valid.then_some(header)
}

/// The offset of a header of a batch behind some offset, with this number or a higher one.
fn later_batch(file: &[u8], segment: u64, from: usize, ordinal_min: u32) -> Option<usize> {
    let magics = file[from..].windows(BATCH_MAGIC.len()).enumerate().filter(|(_, window)| *window == BATCH_MAGIC);
    magics
        .map(|(at, _)| from + at)
        .find(|at| batch_header(file, segment, *at).is_some_and(|header| number_at(header, 4) >= ordinal_min))
}

/// How many of the sectors that some bytes at an offset lie in are zeros, as far as they belong to the bytes.
fn blank_sectors(offset: usize, bytes: &[u8]) -> u32 {
    let first = (SECTOR - offset % SECTOR).min(bytes.len());
    let (first, rest) = bytes.split_at(first);
    let blank = std::iter::once(first).chain(rest.chunks(SECTOR)).filter(|part| part.iter().all(|byte| *byte == 0));
    blank.count() as u32
}

/// The length of some bytes up to the last that is not zero.
pub(super) fn used(bytes: &[u8]) -> usize {
    bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1)
}

fn header_checksum(segment: u64, offset: usize, covered: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&segment.to_le_bytes());
    hasher.update(&(offset as u64).to_le_bytes());
    hasher.update(covered);
    hasher.finalize()
}

fn checksum(chain: u32, bytes: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new_with_initial(chain);
    hasher.update(bytes);
    hasher.finalize()
}

fn number_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(*bytes[at..].first_chunk().expect("headers have fixed lengths"))
}

fn long_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(*bytes[at..].first_chunk().expect("headers have fixed lengths"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: Place = Place { segment: 3, end: SEGMENT_HEADER, ordinal: 1, chain: 77 };

    /// A file with room for a header and batches of such bodies, and the place behind them.
    fn file(bodies: &[&[u8]]) -> (Vec<u8>, Place) {
        let (mut file, mut place) = (vec![1; SEGMENT_HEADER], FIRST);
        for body in bodies {
            let mut batch = vec![0; BATCH_HEADER];
            batch.extend_from_slice(body);
            batch.push(END);
            let chain = place.seal(&mut batch, 2, 1);
            file.resize(place.offset(), 0);
            file.extend_from_slice(&batch);
            place = Place { end: file.len(), ordinal: place.ordinal + 1, chain, ..place };
        }
        (file, place)
    }

    fn is_damaged(found: &Found<'_>) -> bool {
        matches!(found, Found::Damaged { .. })
    }

    #[test]
    fn headers_come_back_as_they_were() {
        let header = SegmentHeader {
            number: 9,
            previous: Some(Link { number: 8, end: 700, chain: 5 }),
            position: Position { index: Index(12), term: Term(4) },
            hard_state: HardState { term: Term(6), voted_for: Some(NodeId(2)) },
        };
        let anew = SegmentHeader { previous: None, hard_state: HardState::default(), ..header };
        for header in [header, anew] {
            let bytes = header.encode();
            assert_eq!(SegmentHeader::decode(&bytes, 9), Ok((header, SegmentHeader::chain(&bytes))));
            assert_eq!(SegmentHeader::decode(&bytes, 8), Err(NoHeader::Damaged), "it says its number");
            assert_eq!(SegmentHeader::decode(&bytes[..40], 9), Err(NoHeader::Torn));
        }
        assert_eq!(SegmentHeader::decode(&[], 9), Err(NoHeader::Torn));
    }

    #[test]
    fn another_version_is_told_from_damage() {
        let mut bytes =
            SegmentHeader { number: 1, ..SegmentHeader::decode(&first_header(), 1).expect("whole").0 }.encode();
        bytes[8] = 2;
        let checksum = crc32fast::hash(&bytes[..SEGMENT_HEADER - 4]);
        bytes[SEGMENT_HEADER - 4..].copy_from_slice(&checksum.to_le_bytes());
        assert_eq!(SegmentHeader::decode(&bytes, 1), Err(NoHeader::Version(2)));
    }

    fn first_header() -> [u8; SEGMENT_HEADER] {
        let (position, hard_state) = (Position::default(), HardState::default());
        SegmentHeader { number: 1, previous: None, position, hard_state }.encode()
    }

    #[test]
    fn batches_come_back_one_after_the_other() {
        let (file, end) = file(&[b"one", b"two"]);
        let Found::Batch(first) = FIRST.find(&file) else { panic!("there is a batch") };
        assert_eq!((first.records, first.entries), (&b"one"[..], 2));
        let next = Place { end: first.end, ordinal: 2, chain: first.chain, ..FIRST };
        let Found::Batch(second) = next.find(&file) else { panic!("there is a batch") };
        assert_eq!((second.records, second.end, second.chain), (&b"two"[..], end.end, end.chain));
        assert_eq!(end.find(&file), Found::Nothing);
        let elsewhere = [Place { segment: 4, ..FIRST }, Place { chain: 78, ..FIRST }, Place { ordinal: 2, ..FIRST }];
        assert!(elsewhere.iter().all(|place| is_damaged(&place.find(&file))), "a batch belongs to its place");
    }

    #[test]
    fn a_header_never_straddles_sectors() {
        for end in 0..2_000 {
            let offset = Place { end, ..FIRST }.offset();
            assert!(offset >= end && offset - end < BATCH_HEADER);
            assert_eq!(offset / SECTOR, (offset + BATCH_HEADER - 1) / SECTOR);
        }
    }

    #[test]
    fn a_prefix_is_torn_and_anything_else_is_damage() {
        let (file, _) = file(&[b"some records that matter"]);
        for cut in SEGMENT_HEADER + 1..file.len() {
            assert!(matches!(FIRST.find(&file[..cut]), Found::Torn(_)), "cut at {cut}");
            let mut zeroed = file.clone();
            zeroed[cut..].fill(0);
            assert!(matches!(FIRST.find(&zeroed), Found::Torn(_)), "zeros from {cut} on");
            zeroed.push(1);
            assert!(is_damaged(&FIRST.find(&zeroed)), "zeros from {cut} on, and something behind");
        }
        for bit in SEGMENT_HEADER * 8..file.len() * 8 {
            let mut flipped = file.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(is_damaged(&FIRST.find(&flipped)), "bit {bit}");
        }
    }

    #[test]
    fn a_lost_sector_is_torn_and_a_sector_of_zeros_is_not() {
        let body: Vec<u8> = [vec![7; 1_000], vec![0; 1_200], vec![7; 900]].concat();
        let (file, _) = file(&[&body]);
        assert!(matches!(FIRST.find(&file), Found::Batch(_)));
        let mut damaged = file.clone();
        damaged[600] ^= 1;
        assert!(is_damaged(&FIRST.find(&damaged)), "the zeros were written");
        for sector in 1..file.len() / SECTOR {
            let mut lost = file.clone();
            lost[sector * SECTOR..(sector + 1) * SECTOR].fill(0);
            assert_eq!(matches!(FIRST.find(&lost), Found::Torn(_)), lost != file, "sector {sector}");
        }
        let mut lost = file.clone();
        lost[SEGMENT_HEADER..SECTOR].fill(0);
        assert!(matches!(FIRST.find(&lost), Found::Torn(TornBatch { held: None, .. })), "the first sector");
    }

    #[test]
    fn a_batch_that_another_one_follows_was_durable() {
        let (whole, end) = file(&[&[7; 600], &[8; 600]]);
        let mut lost = whole.clone();
        lost[SEGMENT_HEADER..SECTOR].fill(0);
        assert!(is_damaged(&FIRST.find(&lost)), "the first sector, with another batch behind");
        let mut lost = whole;
        lost[SECTOR..SEGMENT_HEADER + 600].fill(0);
        assert!(is_damaged(&FIRST.find(&lost)), "the second sector, with another batch behind");
        assert_eq!(end.ordinal, 3);
    }
}
