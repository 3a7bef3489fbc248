//! What a node said, made fit to be shown: whatever it is, it disturbs no terminal, and it is not long.

use whitewater_reports::words::printable;
use xxhash_rust::xxh3::xxh3_64;

use super::protocol::Event;

/// So much of a text is shown, in characters.
pub(super) const BOUNDED_MAX: usize = 200;

/// The beginning of a text, made fit to be shown.
pub(super) fn bounded(text: &str) -> String {
    let shown: String = text.chars().take(BOUNDED_MAX).collect();
    let more = if shown.len() < text.len() { "..." } else { "" };
    format!("{}{more}", printable(&shown))
}

/// The same for a trace, in which two texts that differ must look different: what is left out has a fingerprint.
pub(super) fn traced(text: &str) -> String {
    let shown = bounded(text);
    if text.len() <= BOUNDED_MAX { shown } else { format!("{shown} #{:08x}", xxh3_64(text.as_bytes()) >> 32) }
}

impl Event {
    /// Who was told this, and what it is, in words that disturb no terminal.
    #[must_use]
    pub fn shown(&self) -> String {
        let told = serde_json::to_string(self).unwrap_or_default();
        format!("{}, when it was told {}", self.dest, bounded(&told))
    }
}
