//! A history read while it is still being written: the events of a stream, as they arrive.
//!
//! Its beginning tells the format. Whatever is one document, such as our JSON, has no events before its end, and is given
//! back to be read as a whole. What it simplifies: a line that is longer than [`OPERATION_BYTES_MAX`] ends the stream.

use std::io::{BufRead, Cursor, Read};

use whitewater_kv::spec::Missing;

use super::detect::{HEAD_BYTES, detect};
use super::error::FormatError;
use super::event::Event;
use super::lines::{LineReader, OPERATION_BYTES_MAX, too_long};
use super::{BYTE_ORDER_MARK, Format, KeyValue, empty, unlike_any, utf8};

/// A stream whose format is known.
pub enum Opened<R> {
    /// It is written in lines.
    Events(Box<Events<R>>),
    /// It has to be read to its end first. All of it is still to be read.
    Document(Format, std::io::Chain<Cursor<Vec<u8>>, R>),
}

/// The events of a stream; after an error there are no more.
pub struct Events<R> {
    format: Format,
    source: std::io::Chain<Cursor<Vec<u8>>, R>,
    reader: LineReader,
    line: usize,
    /// The first event is read ahead: by then the model is known.
    first: Option<Event>,
    is_over: bool,
}

/// Opens a stream. Without a format it is [detected](detect()); this waits for the first event.
///
/// # Errors
/// If the stream cannot be read, is not in a format that is known, or begins with a mistake.
pub fn open<R: BufRead>(mut source: R, format: Option<Format>) -> Result<Opened<R>, FormatError> {
    let mut head = Vec::new();
    let format = loop {
        let (begun, line) = (head.len(), 1 + count_lines(&head));
        let is_end = read_line(&mut source, &mut head, line)? == 0;
        let text = utf8(&head[begun..], line)?;
        let is_blank = text.trim_start_matches(BYTE_ORDER_MARK).trim().is_empty();
        match format.or_else(|| detect(&head)).filter(|_| !is_blank || is_end) {
            Some(format) => break format,
            None if is_end && String::from_utf8_lossy(&head).trim().is_empty() => return Err(empty()),
            None if is_end || head.len() > HEAD_BYTES => return Err(unlike_any()),
            None => {}
        }
    };
    let is_whole = format == Format::Edn && !is_form_a_line(&head);
    let source_of = |head: Vec<u8>| Cursor::new(head).chain(source);
    match LineReader::new(format).filter(|_| !is_whole) {
        None => Ok(Opened::Document(format, source_of(head))),
        Some(reader) => {
            let mut events = Events { format, source: source_of(head), reader, line: 0, first: None, is_over: false };
            events.first = events.next_event()?;
            Ok(Opened::Events(Box::new(events)))
        }
    }
}

impl<R: BufRead> Events<R> {
    /// The format.
    #[must_use]
    pub fn format(&self) -> Format {
        self.format
    }

    /// What the history is to be checked against; `missing`, if it is stated, instead of what the stream says.
    #[must_use]
    pub fn model(&self, missing: Option<Missing>) -> KeyValue {
        KeyValue { missing: missing.unwrap_or_else(|| self.reader.missing()) }
    }

    /// How many lines were read, not counting the one that is read ahead.
    #[must_use]
    pub fn lines(&self) -> usize {
        self.line
    }

    /// How many entries so far were about other things than operations of clients, such as the nemesis.
    #[must_use]
    pub fn passed_over(&self) -> usize {
        self.reader.passed_over()
    }

    fn next_event(&mut self) -> Result<Option<Event>, FormatError> {
        let mut bytes = Vec::new();
        loop {
            bytes.clear();
            if read_line(&mut self.source, &mut bytes, self.line + 1)? == 0 {
                return Ok(None);
            }
            self.line += 1;
            let text = utf8(&bytes, self.line)?;
            let text = if self.line == 1 { text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text) } else { text };
            if let Some(event) = self.reader.read(text)? {
                return Ok(Some(event));
            }
        }
    }
}

impl<R: BufRead> Iterator for Events<R> {
    type Item = Result<Event, FormatError>;

    fn next(&mut self) -> Option<Result<Event, FormatError>> {
        if let Some(event) = self.first.take() {
            return Some(Ok(event));
        }
        if self.is_over {
            return None;
        }
        let next = self.next_event().transpose();
        self.is_over = !matches!(next, Some(Ok(_)));
        next
    }
}

/// Whether EDN is written with a map on each line, judged by the first.
fn is_form_a_line(head: &[u8]) -> bool {
    let text = String::from_utf8_lossy(head);
    let line = text.lines().map(str::trim).find(|line| !line.is_empty() && !line.starts_with(';'));
    line.is_none_or(|line| !line.starts_with(['[', '(']) && line.ends_with('}'))
}

fn count_lines(bytes: &[u8]) -> usize {
    bytes.iter().filter(|byte| **byte == b'\n').count()
}

/// Adds a line, and says how many bytes that were; 0 at the end.
fn read_line(source: &mut impl BufRead, bytes: &mut Vec<u8>, line: usize) -> Result<usize, FormatError> {
    let read = source.take(OPERATION_BYTES_MAX as u64 + 2).read_until(b'\n', bytes);
    let read = read.map_err(|error| FormatError::at(line, format!("the input cannot be read: {error}")))?;
    if read > OPERATION_BYTES_MAX + 1 {
        return Err(too_long(line));
    }
    Ok(read)
}
