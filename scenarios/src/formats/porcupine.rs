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

use std::sync::Arc;

use whitewater_kv::{Answer, Operation};

use super::recorder::{End, Recorder};
use super::{FormatError, quote};

/// Reads a history.
pub(super) fn read(text: &str) -> Result<Recorder, FormatError> {
    let mut recorder = Recorder::default();
    for (line, content) in (1..).zip(text.lines()).filter(|(_, content)| !content.trim().is_empty()) {
        let event = Event::read(content)
            .map_err(|why| FormatError::at(line, format!("{why}; fix or remove this line: {}", quote(content))))?;
        event.record(line, &mut recorder)?;
    }
    Ok(recorder)
}

enum Value {
    Keyword(String),
    Integer(u64),
    Text(Arc<str>),
    Nil,
}

enum Kind {
    Invoke,
    Ok,
    Fail,
    Info,
}

enum Function {
    Get,
    Put,
    Append,
}

struct Event {
    process: u64,
    kind: Kind,
    function: Function,
    key: Arc<str>,
    value: Option<Arc<str>>,
}

impl Event {
    fn read(line: &str) -> Result<Event, String> {
        let (mut process, mut kind, mut function, mut key, mut value) = (None, None, None, None, None);
        for (name, given) in read_map(line)? {
            let place = match name.as_str() {
                "process" => &mut process,
                "type" => &mut kind,
                "f" => &mut function,
                "key" => &mut key,
                "value" => &mut value,
                _ => continue,
            };
            if place.replace(given).is_some() {
                return Err(format!("`:{name}` is there twice"));
            }
        }
        let Some(Value::Integer(process)) = process else { return Err("`:process` must be a number".to_string()) };
        let Some(Value::Keyword(kind)) = kind else { return Err("`:type` must be a keyword".to_string()) };
        let Some(Value::Keyword(function)) = function else { return Err("`:f` must be a keyword".to_string()) };
        let Some(Value::Text(key)) = key else { return Err("`:key` must be a string".to_string()) };
        let kind = match kind.as_str() {
            "invoke" => Kind::Invoke,
            "ok" => Kind::Ok,
            "fail" => Kind::Fail,
            "info" => Kind::Info,
            other => return Err(format!("unknown type {}, expected invoke, ok, fail or info", quote(other))),
        };
        let function = match function.as_str() {
            "get" => Function::Get,
            "put" => Function::Put,
            "append" => Function::Append,
            other => return Err(format!("unknown operation {}, expected get, put or append", quote(other))),
        };
        let value = match value {
            Some(Value::Text(text)) => Some(text),
            Some(Value::Nil) | None => None,
            Some(Value::Keyword(_) | Value::Integer(_)) => return Err("`:value` must be a string or nil".to_string()),
        };
        Ok(Event { process, kind, function, key, value })
    }

    fn record(self, line: usize, recorder: &mut Recorder) -> Result<(), FormatError> {
        let Event { process, kind, function, key, value } = self;
        if matches!(kind, Kind::Invoke) {
            let op = match (function, value) {
                (Function::Get, _) => Operation::Get { key },
                (Function::Put, Some(value)) => Operation::Put { key, value },
                (Function::Append, Some(value)) => Operation::Append { key, value },
                (Function::Put | Function::Append, None) => {
                    return Err(FormatError::at(line, "a write needs a string as its `:value`; complete this line"));
                }
            };
            return recorder.invoke(line, process, op);
        }
        let (op, invoked) = recorder.in_flight(line, process)?;
        let is_same = match (op, &function) {
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
            let message = format!(
                "process {process} completes another operation than it invoked in line {invoked}; are lines missing?"
            );
            return Err(FormatError::at(line, message));
        }
        let end = match (kind, function) {
            (Kind::Ok, Function::Get) => End::Returned(Answer::Value(Some(value.unwrap_or_default()))),
            (Kind::Ok | Kind::Invoke, Function::Get | Function::Put | Function::Append) => End::Returned(Answer::Done),
            (Kind::Fail, Function::Get | Function::Put | Function::Append) => End::Failed,
            (Kind::Info, Function::Get | Function::Put | Function::Append) => End::Unknown,
        };
        recorder.complete(line, process, end);
        Ok(())
    }
}

/// The pairs of a flat EDN map.
fn read_map(line: &str) -> Result<Vec<(String, Value)>, String> {
    let mut rest = line.trim().strip_prefix('{').ok_or("a line begins with `{`")?;
    let mut pairs = Vec::new();
    loop {
        rest = skip_space(rest);
        if let Some(end) = rest.strip_prefix('}') {
            return if end.is_empty() { Ok(pairs) } else { Err("there is something after the `}`".to_string()) };
        }
        let (name, after) = read_value(rest)?;
        let Value::Keyword(name) = name else { return Err("expected a keyword such as `:process`".to_string()) };
        let (value, after) = read_value(skip_space(after))?;
        pairs.push((name, value));
        rest = after;
    }
}

/// In EDN a comma is white space.
fn skip_space(text: &str) -> &str {
    text.trim_start_matches(|character: char| character.is_whitespace() || character == ',')
}

fn read_value(text: &str) -> Result<(Value, &str), String> {
    if let Some(rest) = text.strip_prefix('"') {
        return read_string(rest);
    }
    let is_end = |character: char| character.is_whitespace() || [',', '}', '{', '"', '[', ']'].contains(&character);
    let (token, rest) = text.split_at(text.find(is_end).unwrap_or(text.len()));
    if token.is_empty() {
        let what =
            if rest.is_empty() { "the line ends early".to_string() } else { format!("unexpected {}", quote(rest)) };
        return Err(what);
    }
    if rest.is_empty() {
        return Err("the line ends early, without a `}`".to_string());
    }
    if let Some(name) = token.strip_prefix(':') {
        return Ok((Value::Keyword(name.to_string()), rest));
    }
    if token == "nil" {
        return Ok((Value::Nil, rest));
    }
    let number =
        token.parse().map_err(|_| format!("{} is neither a number, a string, a keyword nor nil", quote(token)))?;
    Ok((Value::Integer(number), rest))
}

/// A string up to its closing quote, with the escapes of EDN.
fn read_string(text: &str) -> Result<(Value, &str), String> {
    let mut value = String::new();
    let mut characters = text.char_indices();
    while let Some((place, character)) = characters.next() {
        match character {
            '"' => return Ok((Value::Text(value.into()), &text[place + 1..])),
            '\\' => value.push(match characters.next().map(|(_, escaped)| escaped) {
                Some('n') => '\n',
                Some('t') => '\t',
                Some('r') => '\r',
                Some(literal @ ('"' | '\\')) => literal,
                Some(other) => return Err(format!("unknown escape `\\{}` in a string", other.escape_debug())),
                None => break,
            }),
            other => value.push(other),
        }
    }
    Err("a string has no closing quote".to_string())
}
