//! What is wrong with a file in TOML, once, with its place and what to write instead.
//!
//! Scenarios and assignments are read in the same way: the reader of TOML checks keys and types, and then a function of the
//! format checks what the values mean. What it simplifies: the first mistake ends the reading.

use std::fmt;

use serde::de::DeserializeOwned;
use toml::Spanned;
use whitewater_reports::words::printable;

use crate::host::SCENARIO_BYTES_MAX;

/// A file that cannot be used, and where it is wrong.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct FileError {
    /// Where the text came from.
    pub file: String,
    /// The line, from 1, and what stands there.
    pub line: Option<(usize, String)>,
    /// What is wrong and what to write instead.
    pub message: String,
}

impl fmt::Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.line {
            Some((number, text)) => {
                write!(f, "{}:{number}: {}\n  {number} | {text}", self.file, self.message)
            }
            None => write!(f, "{}: {}", self.file, self.message),
        }
    }
}

/// Reads a file: `kind` is what it is, in a word, and `check` what makes something of its raw values.
pub(crate) fn read<R: DeserializeOwned, T>(
    file: &str,
    text: &str,
    kind: &str,
    check: impl FnOnce(R) -> Result<T, Mistake>,
) -> Result<T, FileError> {
    let fail = |mistake: Mistake| FileError {
        file: file.to_owned(),
        line: mistake.at.map(|at| line_at(text, at)),
        message: mistake.message,
    };
    if text.len() as u64 > SCENARIO_BYTES_MAX {
        let article = if kind.starts_with('a') { "an" } else { "a" };
        let most = SCENARIO_BYTES_MAX >> 20;
        return Err(fail(Mistake {
            at: None,
            message: format!("{article} {kind} has {most} MiB at most: leave something out"),
        }));
    }
    let raw: R = toml::from_str(text).map_err(|error| {
        fail(Mistake { at: error.span().map(|span| span.start), message: in_our_words(error.message()) })
    })?;
    check(raw).map_err(fail)
}

fn line_at(text: &str, at: usize) -> (usize, String) {
    let before = text.get(..at).unwrap_or(text);
    let number = before.matches('\n').count() + 1;
    let line: String = text.lines().nth(number - 1).unwrap_or("").chars().take(120).collect();
    (number, line.escape_debug().to_string().replace("\\\"", "\"").replace("\\'", "'"))
}

/// The longest message about what a file says, in characters.
const MESSAGE_LENGTH_MAX: usize = 1_000;

/// What the TOML reader complains about, with a suggestion in place of a long list.
fn in_our_words(message: &str) -> String {
    let unknown = |what: &str| message.strip_prefix(&format!("unknown {what} `"))?.split_once("`, ");
    let (what, name, choices) = match (unknown("field"), unknown("variant")) {
        (Some((name, choices)), _) => ("key", name, choices),
        (None, Some((name, choices))) => ("word", name, choices),
        (None, None) => return shortened(message),
    };
    let known: Vec<&str> = choices.split('`').skip(1).step_by(2).collect();
    let alike = known
        .iter()
        .map(|known| (strsim::jaro_winkler(name, known), *known))
        .max_by(|(one, _), (other, _)| one.total_cmp(other));
    let name: String = name.chars().take(60).collect();
    let help = match alike {
        Some((likeness, known)) if likeness >= 0.8 => format!("did you mean `{known}`?"),
        Some(_) | None => format!("there are {}", known.join(", ")),
    };
    shortened(&format!("the {what} `{name}` is not known here: {help}"))
}

fn shortened(message: &str) -> String {
    printable(&message.chars().take(MESSAGE_LENGTH_MAX).collect::<String>())
}

/// How alike a name must be to be suggested (Jaro and Winkler, 1990).
const LIKENESS_MIN: f64 = 0.75;

/// How many names are suggested.
const SUGGESTED: usize = 3;

/// The names that are most like this one, as a question.
pub(crate) fn alike<'a>(named: &str, names: impl Iterator<Item = &'a str>) -> String {
    let named = named.to_lowercase();
    let mut alike: Vec<(f64, &str)> = names
        .map(|name| (strsim::jaro_winkler(&named, &name.to_lowercase()), name))
        .filter(|(likeness, _)| *likeness >= LIKENESS_MIN)
        .collect();
    alike.sort_by(|(one, _), (other, _)| other.total_cmp(one));
    let names: Vec<&str> = alike.into_iter().take(SUGGESTED).map(|(_, name)| name).collect();
    if names.is_empty() { String::new() } else { format!("; did you mean {}?", names.join(" or ")) }
}

/// Something wrong, at a byte of the text.
pub(crate) struct Mistake {
    /// Where, if it is at any place.
    pub(crate) at: Option<usize>,
    /// What is wrong and what to write instead.
    pub(crate) message: String,
}

/// Refuses a value, at its place.
pub(crate) fn wrong<T, R>(value: &Spanned<T>, message: impl Into<String>) -> Result<R, Mistake> {
    Err(Mistake { at: Some(value.span().start), message: shortened(&message.into()) })
}

/// Refuses something that the file does not say.
pub(crate) fn wrong_default<R>(message: &str) -> Result<R, Mistake> {
    Err(Mistake { at: None, message: message.to_owned() })
}
