//! Forms of EDN, one after the other, each with its places in the text (Hickey, "extensible data notation", 2012).
//!
//! A library reads them, all but the plain ones (`edn_plain`). It takes memory and time for depth, so each form is
//! measured first: one that is too deep, too long or has too many tags is refused before it is read. What it simplifies:
//! only forms in brackets are read, which is what operations are; the form around them all, a vector or a list, is looked
//! through.

use clojure_reader::error::{Code, Error};
use clojure_reader::parse::{Node, NodeKind, Position, SourceReader, parse};

use super::edn_plain;
use super::error::{FormatError, Place, quote};
use super::lines::{OPERATION_BYTES_MAX, too_long};

/// How deep a form may be.
const DEPTH_MAX: usize = 64;

/// How many tags and discards may be in a form.
const TAGS_MAX: usize = 256;

/// Forms of a text.
pub(super) struct Forms<'t> {
    rest: &'t str,
    line: usize,
    column: usize,
    /// What closes the form around the others, if there is one.
    closing: Option<char>,
    is_first: bool,
}

/// A form and where it is.
pub(super) struct Form<'t> {
    pub(super) node: Node<'t>,
    text: &'t str,
    line: usize,
    column: usize,
}

impl Form<'_> {
    /// Where a part of the form is.
    pub(super) fn place(&self, part: &Node<'_>) -> Place {
        self.at(part.span().0)
    }

    fn at(&self, position: Position) -> Place {
        let column = if position.line == 1 { self.column + position.column - 1 } else { position.column };
        Place { line: self.line + position.line - 1, column: Some(column) }
    }

    /// What stands in the file for a part of the form.
    pub(super) fn source(&self, part: &Node<'_>) -> &str {
        &self.text[part.span().0.ptr..part.span().1.ptr]
    }

    /// A part of the form is not what it should be.
    pub(super) fn wrong(&self, part: &Node<'_>, why: &str) -> FormatError {
        let message = format!("{why}; fix or remove this: {}", quote(self.source(part)));
        FormatError::at(self.place(part), message)
    }
}

impl<'t> Forms<'t> {
    /// The forms of a text that begins in this line.
    pub(super) fn new(text: &'t str, line: usize) -> Forms<'t> {
        Forms { rest: text, line, column: 1, closing: None, is_first: true }
    }

    /// The next form.
    pub(super) fn next(&mut self) -> Option<Result<Form<'t>, FormatError>> {
        loop {
            self.skip_space();
            let Some(first) = self.rest.chars().next() else {
                let message = "the file ends early, without the bracket that closes the list of operations";
                return self.closing.take().map(|_| Err(FormatError::at(self.place(), message)));
            };
            if self.is_first && (first == '[' || first == '(') {
                self.closing = Some(if first == '[' { ']' } else { ')' });
                self.skip(1);
                self.is_first = false;
                continue;
            }
            self.is_first = false;
            if self.closing == Some(first) {
                self.closing = None;
                self.skip(1);
                self.skip_space();
                let message = format!("there is something after the list of operations: {}", quote(self.rest));
                return (!self.rest.is_empty()).then(|| Err(FormatError::at(self.place(), message)));
            }
            match self.form() {
                // It was discarded, with all that is in it.
                Ok(Form { node: Node { kind: NodeKind::Nil, .. }, .. }) => {}
                form => return Some(form),
            }
        }
    }

    fn place(&self) -> Place {
        Place { line: self.line, column: Some(self.column) }
    }

    fn form(&mut self) -> Result<Form<'t>, FormatError> {
        if self.rest.starts_with(['{', '#'])
            && let Some((node, length)) = edn_plain::read(self.rest, DEPTH_MAX, OPERATION_BYTES_MAX)
        {
            let form = Form { node, text: &self.rest[..length], line: self.line, column: self.column };
            self.rest = &self.rest[length..];
            self.column += length;
            return Ok(form);
        }
        let length = self.measure()?;
        let (line, column, text) = (self.line, self.column, &self.rest[..length]);
        let mut reader = SourceReader::new(text);
        let node = parse(&mut reader).map_err(|error| self.refused(&error))?;
        self.skip(length);
        Ok(Form { node, text, line, column })
    }

    /// How long the form is that begins here, in bytes.
    fn measure(&self) -> Result<usize, FormatError> {
        let refused = |message: String| Err(FormatError::at(self.place(), message));
        let mut left = self.rest;
        let (mut depth, mut tags) = (0, 0);
        while let Some(first) = left.chars().next() {
            let after = &left[first.len_utf8()..];
            left = match first {
                '{' | '[' | '(' => {
                    depth += 1;
                    after
                }
                '}' | ']' | ')' => {
                    depth = usize::saturating_sub(depth, 1);
                    after
                }
                ';' => &after[after.find(['\n', '\r']).unwrap_or(after.len())..],
                '#' => {
                    tags += 1;
                    // A set, or something discarded; else the name of a tag.
                    if after.starts_with(['{', '_']) { after.trim_start_matches('_') } else { after_token(after) }
                }
                space if space == ',' || space.is_whitespace() => after,
                _ if depth == 0 => {
                    let found = quote(&self.rest[..self.rest.len() - after_token(left).len()]);
                    return refused(format!("expected an operation, as a map in braces, but there is {found}"));
                }
                '"' => after_string(after),
                '\\' => after_character(after),
                _ => after_token(after),
            };
            let length = self.rest.len() - left.len();
            if length > OPERATION_BYTES_MAX {
                return Err(too_long(self.line));
            }
            if depth > DEPTH_MAX || tags > TAGS_MAX {
                let message = "here begins something too deep for an operation: more than";
                return refused(format!("{message} {DEPTH_MAX} brackets in each other, or {TAGS_MAX} tags"));
            }
            if depth == 0 && matches!(first, '}' | ']' | ')') {
                return Ok(length);
            }
        }
        Ok(self.rest.len())
    }

    fn refused(&self, error: &Error) -> FormatError {
        let why = match &error.code {
            Code::HashMapDuplicateKey | Code::SetDuplicateKey => "this is there twice".to_string(),
            Code::InvalidChar => "this is no character".to_string(),
            Code::InvalidEscape => {
                "this escape in a string is unknown; expected one of \\t \\r \\n \\\\ \\\"".to_string()
            }
            Code::InvalidKeyword => "a keyword has no name".to_string(),
            Code::InvalidNumber | Code::InvalidRadix(_) | Code::NoFloatFeature => {
                "this is no number, or does not fit into 64 bits".to_string()
            }
            Code::InvalidTag => "a tag has no name, or nothing that it belongs to".to_string(),
            Code::UnexpectedEOF => {
                format!("what begins in line {} is never closed; is the end of the file missing?", self.line)
            }
            Code::UnmatchedDelimiter(bracket) => format!("the bracket `{bracket}` closes nothing that was opened"),
            other => format!("this is not EDN ({other:?})"),
        };
        let column = error.column.unwrap_or(1);
        let line = error.line.unwrap_or(1);
        let column = if line == 1 { self.column + column - 1 } else { column };
        FormatError::at(Place { line: self.line + line - 1, column: Some(column) }, why)
    }

    /// In EDN a comma is white space.
    fn skip_space(&mut self) {
        loop {
            let is_space = |character: char| character.is_whitespace() || character == ',';
            self.skip(self.rest.find(|character| !is_space(character)).unwrap_or(self.rest.len()));
            if !self.rest.starts_with(';') {
                return;
            }
            self.skip(self.rest.find(['\n', '\r']).unwrap_or(self.rest.len()));
        }
    }

    fn skip(&mut self, bytes: usize) {
        let (passed, rest) = self.rest.split_at(bytes);
        match passed.rfind('\n') {
            Some(last) => {
                self.line += passed.matches('\n').count();
                self.column = 1 + passed[last + 1..].chars().count();
            }
            None => self.column += passed.chars().count(),
        }
        self.rest = rest;
    }
}

fn ends_token(character: char) -> bool {
    character.is_whitespace() || [',', ']', '}', ')', ';', '(', '[', '{', '"'].contains(&character)
}

fn after_token(text: &str) -> &str {
    &text[text.find(ends_token).unwrap_or(text.len())..]
}

/// A character literal begins with any character, and goes on to the end of its name.
fn after_character(text: &str) -> &str {
    let mut characters = text.chars();
    characters.next();
    let rest = characters.as_str();
    &rest[rest.find(|character| ends_token(character) && character != '"').unwrap_or(rest.len())..]
}

fn after_string(text: &str) -> &str {
    let mut rest = text;
    while let Some(place) = rest.find(['"', '\\']) {
        let after = &rest[place + 1..];
        if rest[place..].starts_with('"') {
            return after;
        }
        let mut characters = after.chars();
        characters.next();
        rest = characters.as_str();
    }
    &rest[rest.len()..]
}
