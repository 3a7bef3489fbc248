//! The key/value histories of the Porcupine project's tests: one event a line, as a map in EDN (Athalye, 2017).
//!
//! ```text
//! {:process 3, :type :invoke, :f :append, :key "1", :value "x 3 0 y"}
//! {:process 3, :type :ok, :f :append, :key "1", :value "x 3 0 y"}
//! ```
//!
//! Operations are `put`, `append` and `get`; types are `invoke`, `ok`, and as in Jepsen `fail` (certainly no effect) and
//! `info` (unknown). A missing key reads as the empty string. What it simplifies: of EDN only flat maps of keywords to
//! keywords, numbers, strings and `nil` are read; other keys of the map are passed over.

use std::borrow::Cow;
use std::sync::Arc;

use whitewater_kv::{Answer, Operation};

use super::error::{FormatError, Line, Wrong, quote};
use super::event::{Event, Step};
use super::lines::Reading;
use super::texts::Texts;

/// Reads a line.
pub(super) fn read(line: Line<'_>, reading: &mut Reading) -> Result<Option<Event>, FormatError> {
    let entry = Entry::read(line, &mut reading.texts).map_err(|wrong| line.wrong(wrong))?;
    entry.record(line, reading).map(Some)
}

enum Value<'l> {
    Keyword(&'l str),
    Text(Cow<'l, str>),
    Nil,
    /// A number, for example.
    Other,
}

#[derive(Clone, Copy)]
enum Kind {
    Invoke,
    Ok,
    Fail,
    Info,
}

#[derive(Clone, Copy)]
enum Function {
    Get,
    Put,
    Append,
}

/// A line.
struct Entry<'l> {
    process: u64,
    /// Where the line says which process it is.
    process_part: &'l str,
    kind: Kind,
    function: Function,
    key: Arc<str>,
    value: Option<Arc<str>>,
}

/// A value, and where the line says it.
type Given<'l> = Option<(Value<'l>, &'l str)>;

impl<'l> Entry<'l> {
    fn read(line: Line<'l>, texts: &mut Texts) -> Result<Entry<'l>, Wrong<'l>> {
        let [process, kind, function, key, value] = read_map(line)?;
        let or_end = |given: &Given<'l>| given.as_ref().map_or(line.end(), |(_, part)| *part);
        let process_part = or_end(&process);
        let process = process_part
            .parse()
            .map_err(|_| Wrong::new(process_part, "`:process` must be a number from 0 to 2^64 - 1"))?;
        let kind = match &kind {
            Some((Value::Keyword("invoke"), _)) => Kind::Invoke,
            Some((Value::Keyword("ok"), _)) => Kind::Ok,
            Some((Value::Keyword("fail"), _)) => Kind::Fail,
            Some((Value::Keyword("info"), _)) => Kind::Info,
            Some((Value::Keyword(other), part)) => {
                let why = format!("unknown type {}, expected invoke, ok, fail or info", quote(other));
                return Err(Wrong::new(part, why));
            }
            other => return Err(Wrong::new(or_end(other), "`:type` must be a keyword such as :invoke")),
        };
        let function = match &function {
            Some((Value::Keyword("get"), _)) => Function::Get,
            Some((Value::Keyword("put"), _)) => Function::Put,
            Some((Value::Keyword("append"), _)) => Function::Append,
            Some((Value::Keyword(other), part)) => {
                let why = format!("unknown operation {}, expected get, put or append", quote(other));
                return Err(Wrong::new(part, why));
            }
            other => return Err(Wrong::new(or_end(other), "`:f` must be a keyword such as :get")),
        };
        let key = match &key {
            Some((Value::Text(key), _)) => texts.share(key),
            other => return Err(Wrong::new(or_end(other), "`:key` must be a string")),
        };
        let value = match &value {
            Some((Value::Text(text), _)) => Some(texts.share(text)),
            Some((Value::Nil, _)) | None => None,
            Some((Value::Keyword(_) | Value::Other, part)) => {
                return Err(Wrong::new(part, "`:value` must be a string or nil"));
            }
        };
        Ok(Entry { process, process_part, kind, function, key, value })
    }

    fn record(self, line: Line<'_>, reading: &mut Reading) -> Result<Event, FormatError> {
        let Entry { process, process_part, kind, function, key, value } = self;
        let place = line.place(process_part);
        if matches!(kind, Kind::Invoke) {
            let op = match (function, value) {
                (Function::Get, _) => Operation::Get { key },
                (Function::Put, Some(value)) => Operation::Put { key, value },
                (Function::Append, Some(value)) => Operation::Append { key, value },
                (Function::Put | Function::Append, None) => {
                    let why = "a write needs a string as its `:value`";
                    return Err(line.wrong(Wrong::new(line.end(), why)));
                }
            };
            return reading.pairing.invoke(place, process, op);
        }
        let open = reading.pairing.open(place, process)?;
        let is_same = match (&open.op, function) {
            (Operation::Get { key: asked }, Function::Get) => *asked == key,
            (Operation::Put { key: asked, value: written }, Function::Put)
            | (Operation::Append { key: asked, value: written }, Function::Append) => {
                *asked == key && value.as_ref().is_none_or(|value| value == written)
            }
            (
                Operation::Get { .. }
                | Operation::Put { .. }
                | Operation::Append { .. }
                | Operation::Delete { .. }
                | Operation::CompareAndSwap { .. }
                | Operation::GetRevision { .. }
                | Operation::Range { .. }
                | Operation::Transaction { .. }
                | Operation::Batch(_),
                Function::Get | Function::Put | Function::Append,
            ) => false,
        };
        if !is_same {
            let invoked = open.line;
            let message = format!(
                "process {process} completes another operation than it invoked in line {invoked}; are lines missing?"
            );
            return Err(FormatError::at(place, message));
        }
        let step = match (kind, function) {
            (Kind::Ok, Function::Get) => Step::Returned(Answer::Value(Some(value.unwrap_or_default()))),
            (Kind::Ok | Kind::Invoke, Function::Get | Function::Put | Function::Append) => Step::Returned(Answer::Done),
            (Kind::Fail, Function::Get | Function::Put | Function::Append) => Step::Failed,
            (Kind::Info, Function::Get | Function::Put | Function::Append) => Step::Unknown,
        };
        Ok(reading.pairing.end(line.number, process, step))
    }
}

/// The values of the five keys of a flat EDN map that count.
fn read_map(line: Line<'_>) -> Result<[Given<'_>; 5], Wrong<'_>> {
    let text = line.content.trim_start();
    let mut rest = text.strip_prefix('{').ok_or_else(|| Wrong::new(text, "a line begins with `{`"))?;
    let mut found: [Given<'_>; 5] = [const { None }; 5];
    loop {
        rest = skip_space(rest);
        if let Some(end) = rest.strip_prefix('}') {
            let end = end.trim_start();
            return if end.is_empty() { Ok(found) } else { Err(Wrong::new(end, "there is something after the `}`")) };
        }
        let (name, name_part, after) = read_value(rest)?;
        let Value::Keyword(name) = name else {
            return Err(Wrong::new(name_part, "expected a keyword such as `:process`"));
        };
        let (value, part, after) = read_value(skip_space(after))?;
        rest = after;
        let place = match name {
            "process" => 0,
            "type" => 1,
            "f" => 2,
            "key" => 3,
            "value" => 4,
            _ => continue,
        };
        if found[place].replace((value, part)).is_some() {
            return Err(Wrong::new(name_part, format!("`:{name}` is there twice")));
        }
    }
}

/// In EDN a comma is white space.
fn skip_space(text: &str) -> &str {
    text.trim_start_matches(|character: char| character.is_whitespace() || character == ',')
}

/// A value, where it is, and what comes after it.
fn read_value(text: &str) -> Result<(Value<'_>, &str, &str), Wrong<'_>> {
    if let Some(inside) = text.strip_prefix('"') {
        let (value, rest) = read_string(inside)?;
        return Ok((Value::Text(value), &text[..text.len() - rest.len()], rest));
    }
    let is_end = |character: char| character.is_whitespace() || [',', '}', '{', '"', '[', ']'].contains(&character);
    let (token, rest) = text.split_at(text.find(is_end).unwrap_or(text.len()));
    if token.is_empty() {
        let why =
            if rest.is_empty() { "the line ends early".to_string() } else { format!("unexpected {}", quote(rest)) };
        return Err(Wrong::new(rest, why));
    }
    if rest.is_empty() {
        return Err(Wrong::new(rest, "the line ends early, without a `}`"));
    }
    let value = match token.strip_prefix(':') {
        Some(name) => Value::Keyword(name),
        None if token == "nil" => Value::Nil,
        None if token.starts_with(|first: char| first.is_ascii_alphanumeric() || "+-".contains(first)) => Value::Other,
        None => {
            let why = format!("{} is neither a number, a string, a keyword nor nil", quote(token));
            return Err(Wrong::new(token, why));
        }
    };
    Ok((value, token, rest))
}

/// A string up to its closing quote, with the escapes of EDN, and what comes after it.
fn read_string(text: &str) -> Result<(Cow<'_, str>, &str), Wrong<'_>> {
    let Some(first) = text.find(['"', '\\']) else { return Err(Wrong::new(text, "a string has no closing quote")) };
    if text[first..].starts_with('"') {
        return Ok((Cow::Borrowed(&text[..first]), &text[first + 1..]));
    }
    let mut value = text[..first].to_string();
    let mut characters = text.char_indices().skip_while(|(place, _)| *place < first);
    while let Some((place, character)) = characters.next() {
        match character {
            '"' => return Ok((Cow::Owned(value), &text[place + 1..])),
            '\\' => value.push(match characters.next().map(|(_, escaped)| escaped) {
                Some('n') => '\n',
                Some('t') => '\t',
                Some('r') => '\r',
                Some(literal @ ('"' | '\\')) => literal,
                Some(other) => {
                    let why = format!("unknown escape `\\{}` in a string", other.escape_debug());
                    return Err(Wrong::new(&text[place..], why));
                }
                None => break,
            }),
            other => value.push(other),
        }
    }
    Err(Wrong::new(text, "a string has no closing quote"))
}
