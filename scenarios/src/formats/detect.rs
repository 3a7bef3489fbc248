//! Which format a file is in, told by how it begins.
//!
//! Every format gives itself away: by the bracket that it begins with and what comes first in it, or by the name of
//! Jepsen's logger. What it simplifies: what is in a format but begins like another must be named by whoever knows.

use super::{BYTE_ORDER_MARK, Format, jepsen, json_lines};

/// How many bytes are looked at.
pub(super) const HEAD_BYTES: usize = 1 << 16;

/// The format that the file is most likely in, judged by its first 64 KiB.
#[must_use]
pub fn detect(bytes: &[u8]) -> Option<Format> {
    let head = String::from_utf8_lossy(&bytes[..bytes.len().min(HEAD_BYTES)]);
    let text = begin(head.trim_start_matches(BYTE_ORDER_MARK));
    if let Some(inside) = text.strip_prefix(['[', '(']) {
        let inside = begin(inside);
        let is_form = inside.strip_prefix('{').is_some_and(|map| begin(map).starts_with([':', '}']));
        return (is_form || inside.starts_with(['#', ']', ')'])).then_some(Format::Edn);
    }
    if text.starts_with('#') {
        return Some(Format::Edn);
    }
    let Some(map) = text.strip_prefix('{') else { return text.contains(jepsen::MARK).then_some(Format::Jepsen) };
    let line = text.lines().next().unwrap_or_default();
    if begin(map).starts_with(':') {
        return Some(if line.contains(":key ") { Format::Porcupine } else { Format::Edn });
    }
    // A document names its schema, and a line that begins without a header says of which type it is.
    let is_document = line.contains("\"whitewater/history/");
    let is_event = line.contains(json_lines::SCHEMA) || (line.contains("\"type\"") && !is_document);
    Some(if is_event { Format::JsonLines } else { Format::Json })
}

/// The text without the space and the comments of EDN before it.
fn begin(text: &str) -> &str {
    let mut text = text;
    loop {
        text = text.trim_start_matches(|character: char| character.is_whitespace() || character == ',');
        match text.strip_prefix(';') {
            Some(comment) => text = comment.split_once(['\n', '\r']).map_or("", |(_, rest)| rest),
            None => return text,
        }
    }
}
