//! Why a file is not a history: the place, what is wrong there, and what to do about it.
//!
//! A line is counted from 1, a column in characters from 1, as editors do. What it simplifies: the first mistake ends the
//! reading; those after it are found when that one is mended.

use std::fmt;

/// Why a file is not a history, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FormatError {
    /// The line, counted from 1; `None` if it is about the whole file.
    pub line: Option<usize>,
    /// The character in the line, counted from 1; `None` if it is about the whole line.
    pub column: Option<usize>,
    /// What is wrong, and what to do.
    pub message: String,
}

impl FormatError {
    pub(super) fn at(place: impl Into<Place>, message: impl Into<String>) -> FormatError {
        let Place { line, column } = place.into();
        FormatError { line: Some(line), column, message: message.into() }
    }

    pub(super) fn whole(message: impl Into<String>) -> FormatError {
        FormatError { line: None, column: None, message: message.into() }
    }
}

impl fmt::Display for FormatError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.line, self.column) {
            (Some(line), Some(column)) => write!(f, "line {line}, column {column}: {}", self.message),
            (Some(line), None) => write!(f, "line {line}: {}", self.message),
            (None, _) => f.write_str(&self.message),
        }
    }
}

impl std::error::Error for FormatError {}

/// A place in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) line: usize,
    pub(super) column: Option<usize>,
}

impl From<usize> for Place {
    fn from(line: usize) -> Place {
        Place { line, column: None }
    }
}

/// A line of a file.
#[derive(Clone, Copy)]
pub(super) struct Line<'t> {
    /// Counted from 1.
    pub(super) number: usize,
    /// Without its end.
    pub(super) content: &'t str,
}

impl<'t> Line<'t> {
    /// Where a part of this line is.
    pub(super) fn place(self, part: &str) -> Place {
        let offset = (part.as_ptr() as usize).checked_sub(self.content.as_ptr() as usize);
        let before = offset.and_then(|offset| self.content.get(..offset));
        Place { line: self.number, column: before.map(|before| before.chars().count() + 1) }
    }

    /// The end of the line, as a part of it.
    pub(super) fn end(self) -> &'t str {
        &self.content[self.content.len()..]
    }

    /// A part of this line is not what it should be.
    pub(super) fn wrong(self, Wrong { part, why }: Wrong<'_>) -> FormatError {
        FormatError::at(self.place(part), format!("{why}; fix or remove this line: {}", quote(self.content)))
    }
}

/// A part of a line, and what is wrong with it.
pub(super) struct Wrong<'t> {
    pub(super) part: &'t str,
    pub(super) why: String,
}

impl<'t> Wrong<'t> {
    pub(super) fn new(part: &'t str, why: impl Into<String>) -> Wrong<'t> {
        Wrong { part, why: why.into() }
    }
}

/// How many characters of a line an error repeats.
const QUOTED: usize = 60;

/// A part of a file, for an error: in quotes, shortened, with escapes for what would disturb a terminal.
pub(super) fn quote(text: &str) -> String {
    let dots = if text.chars().nth(QUOTED).is_some() { "..." } else { "" };
    let begin: String = text.chars().take(QUOTED).collect();
    format!("`{}{dots}`", begin.escape_debug())
}

/// The most characters of a message that somebody else made up.
const MESSAGE: usize = 500;

/// A message of a library, which may repeat parts of the file: shortened, with escapes for what would disturb a terminal.
pub(super) fn shortened(message: &str) -> String {
    let dots = if message.chars().nth(MESSAGE).is_some() { "..." } else { "" };
    let escaped = |character: char| {
        let plain = (!character.is_control()).then_some(character);
        plain.into_iter().chain(character.is_control().then(|| character.escape_debug()).into_iter().flatten())
    };
    message.chars().take(MESSAGE).flat_map(escaped).collect::<String>() + dots
}
