//! What a node saves: a map from keys to JSON, kept as a log on the disk of the simulator.
//!
//! A file begins with a whole map and goes on with changes to it, one record for each turn; a record has its length and a
//! checksum, so that a crash leaves whole records from the beginning on, and the rest is not read. Every life begins a file
//! of its own with its first save: nothing that an earlier life wrote can come back behind it. A file that has grown
//! to several times its map is followed by another one. The newest file whose beginning is whole counts.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use serde_json::value::RawValue;
use whitewater_sim::disk::{SyncId, Unreadable};
use whitewater_sim::{Context, Process};
use xxhash_rust::xxh3::xxh3_64;

/// What a disk holds, by key.
pub(super) type Saved = BTreeMap<String, Arc<RawValue>>;

/// The changes of a turn: `None` removes a key.
pub(super) type Changes = BTreeMap<String, Option<Arc<RawValue>>>;

/// A file may have this many bytes beside several times those of its map.
const SLACK_BYTES: usize = 64 << 10;

/// How many times as long as its map a file may become.
const GROWTH_MAX: usize = 4;

/// The saves of one life.
#[derive(Debug)]
pub(super) struct Saves {
    map: Saved,
    /// The number of the file, and its length; no length before the first save of this life.
    file: (u64, Option<usize>),
    map_bytes: usize,
    /// How many saves there were, and how many of them are durable.
    count: u64,
    durable: u64,
    pending: VecDeque<Pending>,
}

/// A save that is not known to be durable.
#[derive(Clone, Copy, Debug)]
struct Pending {
    save: u64,
    file: u64,
    /// Whether it is the first in its file.
    begins_file: bool,
    /// The sync that makes its bytes durable, until that is done.
    bytes: Option<SyncId>,
    /// The sync that makes the name of its file durable, until that is done.
    name: Option<SyncId>,
}

fn file_name(number: u64) -> String {
    format!("saved-{number:08}")
}

impl Saves {
    /// Reads what the disk holds.
    ///
    /// # Errors
    /// While it cannot be read.
    pub(super) fn open<P: Process>(context: &mut Context<'_, P>) -> Result<Saves, Unreadable> {
        let mut saves =
            Saves { map: Saved::new(), file: (0, None), map_bytes: 0, count: 0, durable: 0, pending: VecDeque::new() };
        let mut files: Vec<u64> =
            context.files().iter().filter_map(|name| name.strip_prefix("saved-")?.parse().ok()).collect();
        files.sort_unstable();
        saves.file.0 = files.last().copied().unwrap_or_default();
        for number in files.into_iter().rev() {
            if let Some(map) = recovered(&context.read(&file_name(number))?) {
                saves.map_bytes = map.iter().map(|(key, value)| key.len() + value.get().len()).sum();
                saves.map = map;
                break;
            }
        }
        Ok(saves)
    }

    /// What was saved, durable or not.
    pub(super) fn map(&self) -> &Saved {
        &self.map
    }

    /// How many saves there were.
    pub(super) fn count(&self) -> u64 {
        self.count
    }

    /// How many of them are durable.
    pub(super) fn durable(&self) -> u64 {
        self.durable
    }

    /// Writes the changes of a turn, and asks for them to become durable.
    pub(super) fn write<P: Process>(&mut self, changes: Changes, context: &mut Context<'_, P>) {
        let record = record(&changes);
        for (key, value) in changes {
            self.map_bytes += key.len() + value.as_ref().map_or(0, |value| value.get().len());
            let length = key.len();
            let old = match value {
                Some(value) => self.map.insert(key, value),
                None => {
                    self.map_bytes -= length;
                    self.map.remove(&key)
                }
            };
            self.map_bytes -= old.map_or(0, |old| length + old.get().len());
        }
        self.count += 1;
        let is_full = |length: usize| length + record.len() > GROWTH_MAX * self.map_bytes + SLACK_BYTES;
        let pending = match self.file {
            (file, Some(length)) if !is_full(length) => {
                let name = file_name(file);
                context.write(&name, length, &record);
                self.file.1 = Some(length + record.len());
                let bytes = Some(context.sync(&name));
                Pending { save: self.count, file, begins_file: false, bytes, name: None }
            }
            (file, _) => self.begin_file(file + 1, context),
        };
        self.pending.push_back(pending);
    }

    fn begin_file<P: Process>(&mut self, file: u64, context: &mut Context<'_, P>) -> Pending {
        let map: BTreeMap<&String, Option<&RawValue>> =
            self.map.iter().map(|(key, value)| (key, Some(&**value))).collect();
        let (name, record) = (file_name(file), record(&map));
        context.write(&name, 0, &record);
        self.file = (file, Some(record.len()));
        let bytes = Some(context.sync(&name));
        Pending { save: self.count, file, begins_file: true, bytes, name: Some(context.sync_directory()) }
    }

    /// A sync is done. If more saves are durable by it, all are through the one that is returned.
    pub(super) fn synced<P: Process>(&mut self, sync: SyncId, context: &mut Context<'_, P>) -> Option<u64> {
        let of_bytes = self.pending.iter().rposition(|pending| pending.bytes == Some(sync));
        if let Some(place) = of_bytes {
            // It covers what was written to the file before, too.
            let file = self.pending[place].file;
            let covered = self.pending.iter_mut().take(place + 1).filter(|pending| pending.file == file);
            covered.for_each(|pending| pending.bytes = None);
        }
        let of_name = self.pending.iter_mut().filter(|pending| pending.name == Some(sync));
        of_name.for_each(|pending| pending.name = None);
        let before = self.durable;
        let is_durable = |first: &Pending| (first.bytes, first.name) == (None, None);
        while let Some(first) = self.pending.front().copied().filter(is_durable) {
            self.pending.pop_front();
            self.durable = first.save;
            if first.begins_file {
                self.forget_files_before(first.file, context);
            }
        }
        (self.durable > before).then_some(self.durable)
    }

    /// The files before this one are not needed any more: a whole map in it is durable.
    fn forget_files_before<P: Process>(&self, file: u64, context: &mut Context<'_, P>) {
        let number = |name: &String| name.strip_prefix("saved-")?.parse::<u64>().ok();
        for name in context.files().iter().filter(|name| number(name).is_some_and(|number| number < file)) {
            context.remove(name);
        }
    }
}

/// Changes as bytes: length, checksum, JSON.
fn record(changes: &impl serde::Serialize) -> Vec<u8> {
    let text = serde_json::to_vec(changes).expect("a map of texts to JSON is JSON");
    let length = u32::try_from(text.len()).expect("a turn has a limit of bytes");
    [&length.to_le_bytes()[..], &xxh3_64(&text).to_le_bytes(), &text].concat()
}

/// How many bytes stand before the JSON of a record.
const HEAD_BYTES: usize = 12;

/// The map that the whole records of a file lead to; none if not even the first is whole.
fn recovered(mut bytes: &[u8]) -> Option<Saved> {
    let mut map: Option<Saved> = None;
    while let Some((head, rest)) = bytes.split_at_checked(HEAD_BYTES) {
        let length = u32::from_le_bytes(head[..4].try_into().expect("four bytes")) as usize;
        let checksum = u64::from_le_bytes(head[4..].try_into().expect("eight bytes"));
        let Some((text, rest)) = rest.split_at_checked(length) else { break };
        if checksum != xxh3_64(text) {
            break;
        }
        let Ok(changes) = serde_json::from_slice::<Changes>(text) else { break };
        let map = map.get_or_insert_default();
        for (key, value) in changes {
            match value {
                Some(value) => drop(map.insert(key, value)),
                None => drop(map.remove(&key)),
            }
        }
        bytes = rest;
    }
    map
}
