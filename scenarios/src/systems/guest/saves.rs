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

/// How many times as long as its map a file may become, beside some slack.
const GROWTH_MAX: usize = 2;

/// The saves of one life.
#[derive(Debug)]
pub(super) struct Saves {
    map: Saved,
    /// The number of the file, and its length; no length before the first save of this life.
    file: (u64, Option<usize>),
    map_bytes: usize,
    slack_bytes: usize,
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
    /// Reads what the disk holds. A file may have so many bytes beside a few times those of what is saved.
    ///
    /// # Errors
    /// While it cannot be read.
    pub(super) fn open<P: Process>(slack_bytes: usize, context: &mut Context<'_, P>) -> Result<Saves, Unreadable> {
        let mut saves = Saves {
            map: Saved::new(),
            file: (0, None),
            map_bytes: 0,
            slack_bytes,
            count: 0,
            durable: 0,
            pending: VecDeque::new(),
        };
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
        let is_full = |length: usize| length + record.len() > GROWTH_MAX * self.map_bytes + self.slack_bytes;
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
        let files = context.files();
        let mut old = files.iter().filter(|name| number(name).is_some_and(|number| number < file)).peekable();
        let is_any = old.peek().is_some();
        for name in old {
            context.remove(name);
        }
        if is_any {
            // Nobody waits for it, but without it a crash brings all of them back, and a life that ends soon adds one more.
            context.sync_directory();
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

#[cfg(test)]
mod tests {
    use super::*;

    fn changes(said: &[(&str, Option<&str>)]) -> Changes {
        let json = |text: &str| Arc::from(RawValue::from_string(text.to_owned()).expect("JSON"));
        said.iter().map(|(key, value)| ((*key).to_owned(), value.map(json))).collect()
    }

    fn shown(bytes: &[u8]) -> Option<String> {
        recovered(bytes).map(|map| serde_json::to_string(&map).expect("a map is JSON"))
    }

    #[test]
    fn a_file_is_read_up_to_its_first_record_that_is_not_whole() {
        let first = record(&changes(&[("a", Some("1")), ("b", Some("[\"x\", 1e400]"))]));
        let second = record(&changes(&[("a", None), ("c", Some("\"y\""))]));
        let third = record(&changes(&[("d", Some("2"))]));
        let whole = [&first[..], &second, &third].concat();
        assert_eq!(shown(&first).as_deref(), Some("{\"a\":1,\"b\":[\"x\", 1e400]}"));
        assert_eq!(shown(&whole).as_deref(), Some("{\"b\":[\"x\", 1e400],\"c\":\"y\",\"d\":2}"));
        for end in first.len()..first.len() + second.len() {
            assert_eq!(shown(&whole[..end]), shown(&first), "cut at {end}");
        }
        for end in 0..first.len() {
            assert_eq!(shown(&whole[..end]), None, "cut at {end}");
        }
        let mut hole = whole.clone();
        hole[first.len()..first.len() + second.len()].fill(0);
        assert_eq!(shown(&hole), shown(&first), "what lies behind a hole is not read");
        let mut wrong = whole;
        wrong[first.len() + HEAD_BYTES + 2] ^= 1;
        assert_eq!(shown(&wrong), shown(&first));
    }
}
