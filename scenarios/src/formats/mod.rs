//! Histories in files: recorded by Porcupine's tests, by Jepsen, or by whatever writes our own JSON.
//!
//! A strange file is read as strictly as possible: a line that cannot be what it claims to be is an error with its
//! number, because a history that was half understood would be judged wrongly. What it simplifies: all formats end in
//! the operations of our own store, so that an object which is no key/value map or register cannot be checked.

mod describe;
mod facts;
mod jepsen;
mod json;
mod json_row;
mod model;
mod porcupine;
mod recorder;
mod relevance;

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

pub use json::write as write_json;
pub use model::KeyValue;
use whitewater_kv::spec::{KvSpec, Missing};
use whitewater_kv::{Answer, Operation};
use whitewater_sim::Instant;
use whitewater_sim::check::{self, Account, Budget, Explanation, Report};
use whitewater_sim::history::History;

/// How a history is written down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// The key/value histories of Porcupine's tests: a map in braces a line.
    Porcupine,
    /// Jepsen's log of operations on one register.
    Jepsen,
    /// Our own: one JSON document.
    Json,
}

impl Format {
    /// Every format, for help texts.
    pub const ALL: [Format; 3] = [Format::Porcupine, Format::Jepsen, Format::Json];

    /// The name for use on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Format::Porcupine => "porcupine",
            Format::Jepsen => "jepsen",
            Format::Json => "json",
        }
    }

    /// The format of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Format> {
        Format::ALL.into_iter().find(|format| format.name() == name)
    }

    /// What a key that was never written reads as, where the file does not say.
    fn missing(self) -> Missing {
        match self {
            Format::Porcupine => Missing::Empty,
            Format::Jepsen | Format::Json => Missing::Nil,
        }
    }
}

/// Why a file is not a history, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FormatError {
    /// The line, counted from 1; `None` if it is about the whole file.
    pub line: Option<usize>,
    /// What is wrong, and what to do.
    pub message: String,
}

impl FormatError {
    fn at(line: usize, message: impl Into<String>) -> FormatError {
        FormatError { line: Some(line), message: message.into() }
    }

    fn whole(message: impl Into<String>) -> FormatError {
        FormatError { line: None, message: message.into() }
    }
}

impl fmt::Display for FormatError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "line {line}: {}", self.message),
            None => f.write_str(&self.message),
        }
    }
}

impl std::error::Error for FormatError {}

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
}

impl Parsed {
    /// Every key that the history names.
    #[must_use]
    pub fn keys(&self) -> BTreeSet<&str> {
        let operations = self.history.operations().iter();
        operations.flat_map(|operation| operation.op.keys()).map(|key| &**key).collect()
    }
}

/// The format that the file is most likely in, judged by its first 64 KiB.
#[must_use]
pub fn detect(bytes: &[u8]) -> Option<Format> {
    let head = String::from_utf8_lossy(&bytes[..bytes.len().min(1 << 16)]);
    let text = head.trim_start_matches('\u{feff}').trim_start();
    match text.strip_prefix('{') {
        Some(rest) if rest.trim_start().starts_with(':') => Some(Format::Porcupine),
        Some(_) => Some(Format::Json),
        None => text.contains(jepsen::MARK).then_some(Format::Jepsen),
    }
}

/// Reads a history. Without a format it is [detected](detect); without a convention for missing keys the file says, or
/// its format.
///
/// # Errors
/// If the file is not a history in that format.
pub fn parse(bytes: &[u8], format: Option<Format>, missing: Option<Missing>) -> Result<Parsed, FormatError> {
    let text = text(bytes)?;
    let Some(format) = format.or_else(|| detect(bytes)) else {
        return Err(FormatError::whole(
            "this does not look like a history in any of the formats porcupine, jepsen and json; name its format",
        ));
    };
    let default = missing.unwrap_or_else(|| format.missing());
    let (recorder, missing) = match format {
        Format::Porcupine => (porcupine::read(text)?, default),
        Format::Jepsen => (jepsen::read(text)?, default),
        Format::Json => {
            let (recorder, stated) = json::read(text)?;
            (recorder, missing.unwrap_or(stated))
        }
    };
    let (history, lines) = recorder.finish();
    if history.operations().is_empty() {
        let name = format.name();
        return Err(FormatError::whole(format!(
            "no operations found, so there is nothing to check; is this file really in the format {name}, and complete?"
        )));
    }
    Ok(Parsed { format, history, model: KeyValue { missing }, lines })
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
    explanation.account(&parsed.model, &parsed.history, &|stamp, at| {
        let place = usize::try_from(stamp).ok().and_then(|place| parsed.lines.get(place));
        match place {
            Some(line) => format!("line {line}"),
            None if is_timed => at.to_string(),
            None => format!("event {stamp}"),
        }
    })
}

/// The file as text, without a byte order mark.
fn text(bytes: &[u8]) -> Result<&str, FormatError> {
    let line_of = |offset: usize| 1 + bytes[..offset].iter().filter(|byte| **byte == b'\n').count();
    if let Some(offset) = bytes.iter().position(|byte| *byte == 0) {
        let message = "there is a NUL byte here: this is not a text file, or it was damaged; record the history again";
        return Err(FormatError::at(line_of(offset), message));
    }
    match std::str::from_utf8(bytes).map(|text| text.trim_start_matches('\u{feff}')) {
        Ok(text) if text.trim().is_empty() => {
            Err(FormatError::whole("the file is empty; give the name of a recorded history"))
        }
        Ok(text) => Ok(text),
        Err(error) => {
            let message = "this is not UTF-8: convert the file, for example with iconv, or record the history again";
            Err(FormatError::at(line_of(error.valid_up_to()), message))
        }
    }
}

/// How many characters of a line an error repeats.
const QUOTED: usize = 60;

/// A part of a file, for an error: in quotes, shortened, with escapes for what would disturb a terminal.
fn quote(text: &str) -> String {
    let dots = if text.chars().nth(QUOTED).is_some() { "..." } else { "" };
    let begin: String = text.chars().take(QUOTED).collect();
    format!("`{}{dots}`", begin.escape_debug())
}
