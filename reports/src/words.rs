//! Numbers, spans of time and foreign text in the words that people read.
//!
//! What it simplifies: spans are rounded to what a reader can use; the exact figures are in the JSON.

/// A count with a comma every three digits.
#[must_use]
pub fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A count and its noun, which takes an "s" unless there is one.
#[must_use]
pub fn counted(number: u64, noun: &str) -> String {
    let ending = if number == 1 { "" } else { "s" };
    format!("{} {noun}{ending}", count(number))
}

const SECOND_NS: u64 = 1_000_000_000;

/// A span of time in nanoseconds, rounded to its two largest units.
#[must_use]
pub fn span(ns: u64) -> String {
    let tenths = |unit_ns: u64| {
        let tenths = ns / (unit_ns / 10);
        format!("{}.{}", tenths / 10, tenths % 10)
    };
    let seconds = ns / SECOND_NS;
    match ns {
        0..1_000 => format!("{ns} ns"),
        1_000..1_000_000 => format!("{} us", tenths(1_000)),
        1_000_000..SECOND_NS => format!("{} ms", tenths(1_000_000)),
        _ if seconds < 60 => format!("{} s", tenths(SECOND_NS)),
        _ if seconds < 3_600 => format!("{} min {} s", seconds / 60, seconds % 60),
        _ if seconds < 86_400 => format!("{} h {} min", seconds / 3_600, seconds / 60 % 60),
        _ => format!("{} d {} h", count(seconds / 86_400), seconds / 3_600 % 24),
    }
}

/// How many times `larger_ns` is as long as `smaller_ns`; at least one nanosecond is assumed for it.
#[must_use]
pub fn times(larger_ns: u64, smaller_ns: u64) -> String {
    let tenths = u128::from(larger_ns) * 10 / u128::from(smaller_ns.max(1));
    let tenths = u64::try_from(tenths).unwrap_or(u64::MAX);
    if tenths < 100 { format!("{}.{}", tenths / 10, tenths % 10) } else { count(tenths / 10) }
}

/// How many there were in a second.
#[must_use]
pub fn per_second(number: u64, ns: u64) -> u64 {
    u64::try_from(u128::from(number) * u128::from(SECOND_NS) / u128::from(ns.max(1))).unwrap_or(u64::MAX)
}

/// Text from outside, with escapes for what would disturb a terminal; line breaks too.
#[must_use]
pub fn printable(text: &str) -> String {
    text.chars().map(|c| if is_disturbing(c) { c.escape_default().to_string() } else { c.to_string() }).collect()
}

/// Control characters, and those that turn the direction of writing around.
fn is_disturbing(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// A word as a POSIX shell must see it to understand it as it is.
#[must_use]
pub fn shell_word(text: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./+,:@%=".contains(c);
    if !text.is_empty() && text.chars().all(is_plain) {
        return text.to_owned();
    }
    if !text.chars().any(is_disturbing) {
        return format!("'{}'", text.replace('\'', r"'\''"));
    }
    let mut word = String::from("$'");
    for character in text.chars() {
        match character {
            '\'' | '\\' => word.extend(['\\', character]),
            _ if is_disturbing(character) => {
                let mut buffer = [0; 4];
                for byte in character.encode_utf8(&mut buffer).bytes() {
                    word.push_str(&format!("\\x{byte:02x}"));
                }
            }
            _ => word.push(character),
        }
    }
    word + "'"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_have_commas() {
        let texts = [0, 999, 1_000, 12_345, 1_234_567].map(count);
        assert_eq!(texts, ["0", "999", "1,000", "12,345", "1,234,567"]);
        assert_eq!((counted(1, "run"), counted(2_000, "run")), ("1 run".to_owned(), "2,000 runs".to_owned()));
    }

    #[test]
    fn spans_have_the_units_that_matter() {
        let texts = [5, 1_500, 2_340_000, 10_200_000_000, 200_000_000_000, 12_000_000_000_000, 180_000_000_000_000];
        let texts = texts.map(span);
        assert_eq!(texts, ["5 ns", "1.5 us", "2.3 ms", "10.2 s", "3 min 20 s", "3 h 20 min", "2 d 2 h"]);
        assert_eq!((times(12_000, 10), times(15, 10), times(5, 0)), ("1,200".into(), "1.5".into(), "5.0".into()));
        assert_eq!(per_second(100, SECOND_NS / 2), 200);
    }

    #[test]
    fn foreign_text_cannot_disturb_a_terminal() {
        assert_eq!(printable("a\u{1b}[2Jb\n\u{202e}"), "a\\u{1b}[2Jb\\n\\u{202e}");
    }

    #[test]
    fn words_survive_a_shell() {
        let words = ["storm", "./my file.toml", "it's", "", "a\nb"].map(shell_word);
        assert_eq!(words, ["storm", "'./my file.toml'", r"'it'\''s'", "''", r"$'a\x0ab'"]);
    }
}
