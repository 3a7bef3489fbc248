//! Histories in files: recorded by Jepsen, Maelstrom, Porcupine's tests, or by whatever writes our own JSON.
//!
//! A strange file is read as strictly as possible: a line that cannot be what it claims to be is an error with its place,
//! because a history that was half understood would be judged wrongly. What is written in lines can also be read as it
//! arrives ([`LineReader`], [`open`]). What it simplifies: all formats end in the operations of our own store, so that an
//! object which is no key/value map, register or set of lists cannot be checked.

mod describe;
mod detect;
mod edn;
mod edn_lines;
mod edn_plain;
mod error;
mod event;
mod export;
mod facts;
mod follow;
mod jepsen;
mod json;
mod json_lines;
mod json_row;
mod lines;
mod list;
mod model;
mod pairing;
mod porcupine;
mod recorder;
mod relevance;
mod stream;
mod texts;
mod weaker;

use std::collections::BTreeSet;
use std::sync::Arc;

pub use detect::detect;
pub use error::FormatError;
use error::{Place, quote};
pub use event::{Event, Step};
pub use export::{Written, write_edn, write_porcupine};
pub use follow::{Heard, follow};
pub use json::write as write_json;
pub use json_lines::write as write_json_lines;
pub use lines::{LineReader, OPERATION_BYTES_MAX};
pub use model::KeyValue;
use recorder::Recorder;
pub use stream::{Events, Opened, open};
pub use weaker::weaker;
use whitewater_kv::spec::{KvSpec, Missing};
use whitewater_kv::{Answer, Operation};
use whitewater_sim::Instant;
use whitewater_sim::check::{self, Account, Budget, Explanation, Partition, Report};
use whitewater_sim::history::History;

/// How a history is written down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// The key/value histories of Porcupine's tests: a map in braces a line.
    Porcupine,
    /// Jepsen's log of operations on one register.
    Jepsen,
    /// The `history.edn` of Jepsen and Maelstrom.
    Edn,
    /// Our own: one JSON document.
    Json,
    /// Our own: a JSON object a line, for each event.
    JsonLines,
}

impl Format {
    /// Every format, for help texts.
    pub const ALL: [Format; 5] = [Format::Porcupine, Format::Jepsen, Format::Edn, Format::Json, Format::JsonLines];

    /// The name for use on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Format::Porcupine => "porcupine",
            Format::Jepsen => "jepsen",
            Format::Edn => "edn",
            Format::Json => "json",
            Format::JsonLines => "json-lines",
        }
    }

    /// The format of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Format> {
        Format::ALL.into_iter().find(|format| format.name() == name)
    }

    /// Whether a line of it can be read by itself, so that a history can be checked while it happens.
    #[must_use]
    pub fn is_lines(self) -> bool {
        match self {
            Format::Porcupine | Format::Jepsen | Format::Edn | Format::JsonLines => true,
            Format::Json => false,
        }
    }
}

/// A history from a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parsed {
    /// The format it was in.
    pub format: Format,
    /// The history.
    pub history: History<Operation, Answer>,
    /// What it is to be checked against.
    pub model: KeyValue,
    /// The line of each event, by its stamp; empty if the format has no lines.
    pub lines: Vec<usize>,
    /// How many entries were about other things than operations of clients, such as the nemesis.
    pub passed_over: usize,
}

impl Parsed {
    /// Every key that the history names.
    #[must_use]
    pub fn keys(&self) -> BTreeSet<&str> {
        let operations = self.history.operations().iter();
        operations.flat_map(|operation| operation.op.keys()).map(|key| &**key).collect()
    }

    /// What a partition is called. A register has none: it is a store with one key, which has no name.
    #[must_use]
    pub fn partition_name(&self, partition: &Partition<Arc<str>>) -> String {
        let is_register = matches!(&partition.0[..], [key] if key.is_empty()) && self.keys().len() == 1;
        if is_register { String::new() } else { partition.to_string() }
    }
}

/// Reads a history. Without a format it is [detected](fn@detect); without a convention for missing keys the file says, or
/// its format.
///
/// # Errors
/// If the file is not a history in that format.
pub fn parse(bytes: &[u8], format: Option<Format>, missing: Option<Missing>) -> Result<Parsed, FormatError> {
    let text = text(bytes)?;
    let Some(format) = format.or_else(|| detect(bytes)) else { return Err(unlike_any()) };
    let (recorder, stated, passed_over) = match format {
        Format::Json => {
            let (history, stated) = json::read(text)?;
            (Recorder { history, lines: Vec::new() }, stated, 0)
        }
        Format::Edn => {
            let (recorder, passed_over) = edn_lines::read_all(text)?;
            (recorder, Missing::Nil, passed_over)
        }
        Format::Porcupine | Format::Jepsen | Format::JsonLines => {
            let mut reader = LineReader::new(format).expect("these are written in lines");
            let mut recorder = Recorder::default();
            for line in text.split_terminator('\n') {
                if let Some(event) = reader.read(line)? {
                    recorder.record(event);
                }
            }
            (recorder, reader.missing(), reader.passed_over())
        }
    };
    let Recorder { history, lines } = recorder;
    if history.operations().is_empty() {
        return Err(nothing_to_check(format));
    }
    let model = KeyValue { missing: missing.unwrap_or(stated) };
    Ok(Parsed { format, history, model, lines, passed_over })
}

fn nothing_to_check(format: Format) -> FormatError {
    let name = format.name();
    FormatError::whole(format!(
        "no operations found, so there is nothing to check; is this file really in the format {name}, and complete?"
    ))
}

fn empty() -> FormatError {
    FormatError::whole("it is empty; give the name of a recorded history")
}

fn unlike_any() -> FormatError {
    let names = Format::ALL.map(Format::name).join(", ");
    let message = format!("this does not look like a history in any of the formats {names}; name its format");
    FormatError::whole(message)
}

/// Checks a history from a file.
#[must_use]
pub fn check_history(parsed: &Parsed, budget: &Budget<'_>) -> Report<Arc<str>, KvSpec> {
    check::check(&parsed.model, &parsed.history, budget)
}

/// Puts a violation found in a file into words, with the lines of the file, or else with virtual times, or else with
/// positions in the order of events.
#[must_use]
pub fn account(parsed: &Parsed, explanation: &Explanation<Arc<str>, KvSpec>) -> Account {
    let is_timed = parsed.history.operations().iter().any(|operation| operation.invoked_at != Instant::START);
    let account = explanation.account(&parsed.model, &parsed.history, &|stamp, at| {
        let place = usize::try_from(stamp).ok().and_then(|place| parsed.lines.get(place));
        match place {
            Some(line) => format!("line {line}"),
            None if is_timed => at.to_string(),
            None => format!("event {stamp}"),
        }
    });
    match parsed.partition_name(&explanation.partition) {
        name if name.is_empty() => Account { partition: name, ..account },
        _ => account,
    }
}

/// The file as text, without a byte order mark.
fn text(bytes: &[u8]) -> Result<&str, FormatError> {
    let text = utf8(bytes, 1)?;
    let text = text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text);
    if text.trim().is_empty() {
        return Err(empty());
    }
    Ok(text)
}

const BYTE_ORDER_MARK: char = '\u{feff}';

/// The bytes as text; they begin with this line.
fn utf8(bytes: &[u8], line: usize) -> Result<&str, FormatError> {
    let place_of = |offset: usize| {
        let begin = bytes[..offset].iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        let line = line + bytes[..begin].iter().filter(|byte| **byte == b'\n').count();
        Place { line, column: Some(1 + String::from_utf8_lossy(&bytes[begin..offset]).chars().count()) }
    };
    if let Some(offset) = bytes.iter().position(|byte| *byte == 0) {
        let message = "there is a NUL byte here: this is not a text file, or it was damaged; record the history again";
        return Err(FormatError::at(place_of(offset), message));
    }
    std::str::from_utf8(bytes).map_err(|error| {
        let message = "this is not UTF-8: convert the file, for example with iconv, or record the history again";
        FormatError::at(place_of(error.valid_up_to()), message)
    })
}
