//! Histories that are written a line at a time, read a line at a time: files, and streams that have not ended yet.
//!
//! What can be said of a line is said when it comes, and nothing is kept of operations that have ended. What it
//! simplifies: our own JSON document has no lines, and cannot be read so; of Jepsen's EDN only a map a line can.

use whitewater_kv::spec::Missing;

use super::error::{FormatError, Line};
use super::event::Event;
use super::pairing::Pairing;
use super::texts::Texts;
use super::{Format, edn_lines, jepsen, json_lines, porcupine};

/// The longest that a line, or an operation in it, may be, in bytes: it bounds the memory for looking at it.
pub const OPERATION_BYTES_MAX: usize = 4 << 20;

/// What is known while a history is being read.
#[derive(Default)]
pub(super) struct Reading {
    pub(super) pairing: Pairing,
    pub(super) texts: Texts,
    /// How many entries were about other things than operations of clients.
    pub(super) passed_over: usize,
}

/// Reads a history line by line.
pub struct LineReader {
    syntax: Syntax,
    reading: Reading,
    line: usize,
}

enum Syntax {
    Porcupine,
    Jepsen,
    Edn(edn_lines::Dialect),
    JsonLines(json_lines::Header),
}

impl LineReader {
    /// A reader of this format; `None` if it is not [written in lines](Format::is_lines).
    #[must_use]
    pub fn new(format: Format) -> Option<LineReader> {
        let syntax = match format {
            Format::Porcupine => Syntax::Porcupine,
            Format::Jepsen => Syntax::Jepsen,
            Format::Edn => Syntax::Edn(edn_lines::Dialect::default()),
            Format::JsonLines => Syntax::JsonLines(json_lines::Header::default()),
            Format::Json => return None,
        };
        Some(LineReader { syntax, reading: Reading::default(), line: 0 })
    }

    /// Reads the next line, which may still have its end. `None`: it is not about an operation of a client.
    ///
    /// # Errors
    /// If it is not what a line of this format must be, or cannot have happened after the lines before it.
    pub fn read(&mut self, line: &str) -> Result<Option<Event>, FormatError> {
        self.line += 1;
        let line = line.strip_suffix('\n').unwrap_or(line);
        let line = Line { number: self.line, content: line.strip_suffix('\r').unwrap_or(line) };
        if line.content.len() > OPERATION_BYTES_MAX {
            return Err(too_long(self.line));
        }
        if line.content.trim().is_empty() {
            return Ok(None);
        }
        match &mut self.syntax {
            Syntax::Porcupine => porcupine::read(line, &mut self.reading),
            Syntax::Jepsen => jepsen::read(line, &mut self.reading),
            Syntax::Edn(dialect) => edn_lines::read(line, dialect, &mut self.reading),
            Syntax::JsonLines(header) => json_lines::read(line, header, &mut self.reading),
        }
    }

    /// What a key that was never written reads as. It is known as soon as the first event is there.
    #[must_use]
    pub fn missing(&self) -> Missing {
        match &self.syntax {
            Syntax::Porcupine => Missing::Empty,
            Syntax::Jepsen | Syntax::Edn(_) => Missing::Nil,
            Syntax::JsonLines(header) => header.missing(),
        }
    }

    /// How many entries so far were about other things than operations of clients, such as the nemesis.
    #[must_use]
    pub fn passed_over(&self) -> usize {
        self.reading.passed_over
    }
}

/// Nobody means a line that is this long.
pub(super) fn too_long(line: usize) -> FormatError {
    let mebibytes = OPERATION_BYTES_MAX >> 20;
    let message = format!(
        "this is longer than {mebibytes} MiB, the most that is read at once; \
         is this really a history with one operation a line?"
    );
    FormatError::at(line, message)
}
