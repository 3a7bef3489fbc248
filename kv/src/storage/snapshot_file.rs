//! Snapshot files: one file for each snapshot, written whole, synced, and only then given its name (paper 7; dissertation 5).
//!
//! The file `snapshot-<index>`:
//!
//! | bytes | meaning |
//! |---|---|
//! | 8 | `wwtrsnap` |
//! | 4 | version of the format, 1 |
//! | 4 | CRC-32 of everything behind it |
//! | 1 | where it comes from: 1 taken here, 2 received from a leader |
//! | 8, 8 | index and term of the last entry that it covers |
//! | 4 | length of the configuration |
//! | 8 | length of the data |
//! | rest | the configuration (see `record`), the data |
//!
//! All numbers are little-endian. A file of this name is durable, so any damage to it is to durable bytes.

use std::sync::Arc;

use bytes::Bytes;
use whitewater_raft::{Index, Snapshot, Term};

use super::disk::Disk;
use super::record::{parse_configuration, put_configuration};

const MAGIC: [u8; 8] = *b"wwtrsnap";
const VERSION: u32 = 1;
const HEADER: usize = 45;
/// The first byte that the checksum covers.
const COVERED: usize = 16;

/// Where a snapshot comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// The server took it of its own state: its log reached as far.
    Local,
    /// A leader sent it: the log may end before it, or be another one.
    Received,
}

/// Why a file is not a snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoSnapshot {
    /// A later program wrote it.
    Version(u32),
    /// It is damaged.
    Damaged {
        /// Where.
        offset: usize,
        /// What should be there.
        expected: &'static str,
    },
}

/// The name of a snapshot.
pub(super) fn name(index: Index) -> String {
    format!("snapshot-{index}")
}

/// The name of a snapshot that is still being written.
pub(super) fn temporary_name(index: Index, origin: Origin) -> String {
    match origin {
        Origin::Local => format!("snapshot-{index}.taken.tmp"),
        Origin::Received => format!("snapshot-{index}.received.tmp"),
    }
}

pub(super) fn write<D: Disk + ?Sized>(file: &str, snapshot: &Snapshot, origin: Origin, disk: &mut D) {
    let Snapshot { index, term, configuration, data } = snapshot;
    let mut head = vec![0; COVERED];
    head.push(match origin {
        Origin::Local => 1,
        Origin::Received => 2,
    });
    head.extend_from_slice(&index.0.to_le_bytes());
    head.extend_from_slice(&term.0.to_le_bytes());
    head.extend_from_slice(&[0; 4]);
    head.extend_from_slice(&(data.len() as u64).to_le_bytes());
    put_configuration(&mut head, configuration);
    let configuration_len = (head.len() - HEADER) as u32;
    head[33..37].copy_from_slice(&configuration_len.to_le_bytes());
    head[..8].copy_from_slice(&MAGIC);
    head[8..12].copy_from_slice(&VERSION.to_le_bytes());
    let checksum = checksum(&head[COVERED..], data);
    head[12..16].copy_from_slice(&checksum.to_le_bytes());
    disk.write(file, 0, &head);
    if !data.is_empty() {
        disk.write(file, head.len(), data);
    }
}

/// Reads a snapshot back. The data shares the bytes of the file.
pub(super) fn parse(file: &Bytes, index: Index) -> Result<(Arc<Snapshot>, Origin), NoSnapshot> {
    let damaged = |offset, expected| Err(NoSnapshot::Damaged { offset, expected });
    let Some(head) = file.first_chunk::<HEADER>().filter(|head| head.starts_with(&MAGIC)) else {
        return damaged(0, "the header of a snapshot");
    };
    let number = |at: usize| u32::from_le_bytes(*head[at..].first_chunk().expect("the header has a fixed length"));
    let long = |at: usize| u64::from_le_bytes(*head[at..].first_chunk().expect("the header has a fixed length"));
    if number(8) != VERSION {
        return Err(NoSnapshot::Version(number(8)));
    }
    if checksum(&file[COVERED..], &[]) != number(12) {
        return damaged(COVERED, "bytes that match their checksum");
    }
    let origin = match head[16] {
        1 => Origin::Local,
        2 => Origin::Received,
        _ => return damaged(16, "where the snapshot comes from"),
    };
    if long(17) != index.0 {
        return damaged(17, "the index that the file is named after");
    }
    let configuration = file.get(HEADER..).and_then(|rest| rest.get(..number(33) as usize));
    let Some((configuration, len)) = configuration.and_then(|bytes| Some((parse_configuration(bytes)?, bytes.len())))
    else {
        return damaged(HEADER, "a configuration");
    };
    let data = file.slice(HEADER + len..);
    if data.len() as u64 != long(37) {
        return damaged(37, "the length of the data");
    }
    let snapshot = Snapshot { index, term: Term(long(25)), configuration: Arc::new(configuration), data };
    Ok((Arc::new(snapshot), origin))
}

fn checksum(first: &[u8], second: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(first);
    hasher.update(second);
    hasher.finalize()
}
