//! Operations of clients in words, as people write them: `put k1 v3`, `cas k1 v3 -> v4`, `batch [get k1, delete k2]`.
//!
//! Whatever traces print can be read too, so that it can be copied: `put("k1", "v3")`. Words with blanks or other odd
//! characters stand between double quotes, with the escapes of Rust.

use std::fmt::Write;
use std::sync::Arc;

use whitewater_kv::Operation;
use whitewater_kv::codec::{COMPARISONS_MAX, KEY_BYTES_MAX, OPERATIONS_MAX, RANGE_LIMIT_MAX, VALUE_BYTES_MAX};
use whitewater_kv::command::{Compare, Condition};

/// The word for a key that must not be there.
const MISSING: &str = "missing";

/// The word for a transaction that compares nothing.
const ANYTHING: &str = "anything";

/// The word after a range.
const AT: &str = "at";

/// The operation that a text describes.
///
/// # Errors
/// A sentence that says what cannot be understood, and what to write.
pub(super) fn parse(text: &str) -> Result<Operation, String> {
    let mut reader = Reader { tokens: tokens(text)?, next: 0 };
    let operation = reader.operation(Depth::Outer)?;
    match reader.peek() {
        None => Ok(operation),
        Some(token) => Err(format!("{} is too much after this operation: leave it out", token.shown())),
    }
}

/// The operation in words that [`parse`] understands.
#[must_use]
pub(crate) fn write(operation: &Operation) -> String {
    match operation {
        Operation::Get { key } => format!("get {}", word(key)),
        Operation::Put { key, value } => format!("put {} {}", word(key), word(value)),
        Operation::Append { key, value } => format!("append {} {}", word(key), word(value)),
        Operation::Delete { key } => format!("delete {}", word(key)),
        Operation::CompareAndSwap { key, expected, new } => {
            let expected = expected.as_deref().map_or_else(|| MISSING.to_owned(), word);
            format!("cas {} {expected} -> {}", word(key), word(new))
        }
        Operation::GetRevision { key } => format!("revision {}", word(key)),
        Operation::Range { from, to, limit } => {
            format!("range {}..{} at most {limit}", word(from), to.as_deref().map(word).unwrap_or_default())
        }
        Operation::Transaction { compare, then, otherwise } => {
            let conditions: Vec<String> = compare.iter().map(condition).collect();
            let conditions = if conditions.is_empty() { ANYTHING.to_owned() } else { conditions.join(" and ") };
            format!("if {conditions} then [{}] else [{}]", list(then), list(otherwise))
        }
        Operation::Batch(operations) => format!("batch [{}]", list(operations)),
    }
}

fn list(operations: &[Operation]) -> String {
    let operations: Vec<String> = operations.iter().map(write).collect();
    operations.join(", ")
}

fn condition(compare: &Compare) -> String {
    let mut text = word(&compare.key);
    let written = match &compare.condition {
        Condition::Value(value) => write!(text, " = {}", word(value)),
        Condition::Present => write!(text, " is there"),
        Condition::Missing => write!(text, " is missing"),
        Condition::Revision(revision) => write!(text, " is of r{revision}"),
    };
    written.expect("a string takes everything");
    text
}

/// A key or a value, quoted where that is needed.
fn word(text: &str) -> String {
    let is_taken = [MISSING, ANYTHING, AT].contains(&text);
    if !is_taken && !text.is_empty() && text.chars().all(is_plain) { text.to_owned() } else { format!("{text:?}") }
}

fn is_plain(c: char) -> bool {
    c.is_ascii_alphanumeric() || "_:/@+#".contains(c)
}

/// What a text is made up of.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    /// Letters and digits.
    Word(String),
    /// What stood between quotes.
    Quoted(String),
    /// `(`, `)`, `[`, `]`, `,`, `=`, `->`, `..`
    Mark(&'static str),
}

impl Token {
    fn shown(&self) -> String {
        match self {
            Token::Word(text) => format!("`{}`", shortened(text)),
            Token::Quoted(text) => format!("{:?}", shortened(text)),
            Token::Mark(mark) => format!("`{mark}`"),
        }
    }
}

fn shortened(text: &str) -> String {
    text.chars().take(40).collect()
}

const MARKS: [&str; 8] = ["->", "..", "(", ")", "[", "]", ",", "="];

fn tokens(text: &str) -> Result<Vec<Token>, String> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        if let Some(mark) = MARKS.into_iter().find(|mark| rest.starts_with(mark)) {
            tokens.push(Token::Mark(mark));
            rest = &rest[mark.len()..];
        } else if first == '"' {
            let (quoted, after) = quoted(&rest[1..])?;
            tokens.push(Token::Quoted(quoted));
            rest = after;
        } else if is_inside_word(rest) {
            let mut end = 0;
            while is_inside_word(&rest[end..]) {
                end += 1;
            }
            tokens.push(Token::Word(rest[..end].to_owned()));
            rest = &rest[end..];
        } else {
            return Err(format!("{first:?} cannot stand here: write odd keys and values between double quotes"));
        }
        rest = rest.trim_start();
    }
    Ok(tokens)
}

/// Whether a text begins with a character of a word: hyphens and single dots too, though they are quoted when written.
fn is_inside_word(text: &str) -> bool {
    let first = text.chars().next();
    first.is_some_and(is_plain)
        || (first == Some('-') && !text.starts_with("->"))
        || (first == Some('.') && !text.starts_with(".."))
}

/// What stands before the closing quote, and what follows it.
fn quoted(text: &str) -> Result<(String, &str), String> {
    const OPEN: &str = "a double quote is not closed: add one at the end of the key or value";
    let mut inside = String::new();
    let mut characters = text.char_indices();
    while let Some((place, character)) = characters.next() {
        match character {
            '"' => return Ok((inside, &text[place + 1..])),
            '\\' => {
                let (_, escape) = characters.next().ok_or(OPEN)?;
                inside.push(match escape {
                    'n' => '\n',
                    'r' => '\r',
                    't' => '\t',
                    '0' => '\0',
                    '\\' | '"' | '\'' => escape,
                    'u' => {
                        let rest = &text[place + 2..];
                        let digits =
                            rest.strip_prefix('{').and_then(|rest| rest.split_once('}')).map(|(digits, _)| digits);
                        let code = digits.filter(|digits| digits.len() <= 6);
                        let code = code.and_then(|digits| u32::from_str_radix(digits, 16).ok());
                        let character =
                            code.and_then(char::from_u32).ok_or("an escape like \\u{e9} is not complete")?;
                        // The braces and the digits are dealt with.
                        let length = digits.map_or(0, str::len) + 2;
                        characters.by_ref().take(length).for_each(drop);
                        character
                    }
                    other => return Err(format!("there is no escape \\{other}: write \\\\ for a backslash")),
                });
            }
            other => inside.push(other),
        }
    }
    Err(OPEN.to_owned())
}

/// Where an operation stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Depth {
    /// By itself.
    Outer,
    /// In a batch or a transaction.
    Inner,
}

struct Reader {
    tokens: Vec<Token>,
    next: usize,
}

impl Reader {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.next)
    }

    fn take(&mut self, mark: &'static str) -> bool {
        let is_there = self.peek() == Some(&Token::Mark(mark));
        self.next += usize::from(is_there);
        is_there
    }

    fn take_word(&mut self, word: &str) -> bool {
        let is_there = matches!(self.peek(), Some(Token::Word(text)) if text == word);
        self.next += usize::from(is_there);
        is_there
    }

    fn unexpected<T>(&self, wanted: &str) -> Result<T, String> {
        match self.peek() {
            Some(token) => Err(format!("{} stands where {wanted} is expected", token.shown())),
            None => Err(format!("the operation ends where {wanted} is expected")),
        }
    }

    fn operation(&mut self, depth: Depth) -> Result<Operation, String> {
        const KINDS: &str = "get, put, append, delete, cas, revision, range, batch or if";
        let Some(Token::Word(name)) = self.peek().cloned() else { return self.unexpected(KINDS) };
        self.next += 1;
        match name.as_str() {
            "batch" | "if" if depth == Depth::Inner => {
                Err(format!("`{name}` cannot stand in a batch or a transaction: these hold single operations"))
            }
            "batch" => Ok(Operation::Batch(self.operations()?)),
            "if" => self.transaction(),
            _ => {
                let is_closed = self.take("(");
                let operation = match self.single(&name)? {
                    Some(operation) => operation,
                    None => {
                        let shown = Token::Word(name).shown();
                        return Err(format!("{shown} is no operation: there are {KINDS}"));
                    }
                };
                if is_closed && !self.take(")") {
                    return self.unexpected("`)`");
                }
                Ok(operation)
            }
        }
    }

    /// An operation by itself; `None` if there is none of this name.
    fn single(&mut self, name: &str) -> Result<Option<Operation>, String> {
        Ok(Some(match name {
            "get" => Operation::Get { key: self.key()? },
            "put" => Operation::Put { key: self.key()?, value: self.next_value()? },
            "append" => Operation::Append { key: self.key()?, value: self.next_value()? },
            "delete" => Operation::Delete { key: self.key()? },
            "revision" => Operation::GetRevision { key: self.key()? },
            "cas" | "compare-and-swap" => {
                let key = self.key()?;
                self.take(",");
                let expected = if self.take_word(MISSING) { None } else { Some(self.value()?) };
                self.take("->");
                Operation::CompareAndSwap { key, expected, new: self.value()? }
            }
            "range" => self.range()?,
            _ => return Ok(None),
        }))
    }

    fn text(&mut self, wanted: &str, bytes_max: usize) -> Result<Arc<str>, String> {
        let (Some(Token::Word(text)) | Some(Token::Quoted(text))) = self.peek().cloned() else {
            return self.unexpected(wanted);
        };
        if text.len() > bytes_max {
            return Err(format!("{wanted} has {} bytes, and at most {bytes_max} are allowed: shorten it", text.len()));
        }
        self.next += 1;
        Ok(text.into())
    }

    fn key(&mut self) -> Result<Arc<str>, String> {
        self.text("a key", KEY_BYTES_MAX)
    }

    fn value(&mut self) -> Result<Arc<str>, String> {
        self.text("a value", VALUE_BYTES_MAX)
    }

    fn next_value(&mut self) -> Result<Arc<str>, String> {
        self.take(",");
        self.value()
    }

    fn number<N: std::str::FromStr>(&mut self, prefix: &str, wanted: &str) -> Result<N, String> {
        let number = match self.peek() {
            Some(Token::Word(text)) => text.strip_prefix(prefix).and_then(|digits| digits.parse().ok()),
            Some(Token::Quoted(_) | Token::Mark(_)) | None => None,
        };
        match number {
            Some(number) => {
                self.next += 1;
                Ok(number)
            }
            None => self.unexpected(wanted),
        }
    }

    fn range(&mut self) -> Result<Operation, String> {
        let from = self.key()?;
        if !self.take("..") {
            return self.unexpected("`..`, as in `range a..b at most 5`,");
        }
        let is_end =
            self.peek() == Some(&Token::Mark(",")) || matches!(self.peek(), Some(Token::Word(text)) if text == AT);
        let to = if is_end { None } else { Some(self.key()?) };
        self.take(",");
        if !self.take_word(AT) || !self.take_word("most") {
            return self.unexpected("`at most` and a number");
        }
        let limit = self.number("", "a number of keys")?;
        if limit > RANGE_LIMIT_MAX {
            return Err(format!("a range has at most {RANGE_LIMIT_MAX} keys: lower the number"));
        }
        Ok(Operation::Range { from, to, limit })
    }

    /// Operations between brackets, with commas between them.
    fn operations(&mut self) -> Result<Vec<Operation>, String> {
        if !self.take("[") {
            return self.unexpected("`[`");
        }
        let mut operations = Vec::new();
        while !self.take("]") {
            if !operations.is_empty() && !self.take(",") {
                return self.unexpected("`,` or `]`");
            }
            if operations.len() == OPERATIONS_MAX {
                return Err(format!(
                    "there are more than {OPERATIONS_MAX} operations between these brackets: split them"
                ));
            }
            operations.push(self.operation(Depth::Inner)?);
        }
        Ok(operations)
    }

    fn transaction(&mut self) -> Result<Operation, String> {
        let mut compare = Vec::new();
        if !self.take_word(ANYTHING) {
            compare.push(self.comparison()?);
            while self.take_word("and") {
                if compare.len() == COMPARISONS_MAX {
                    return Err(format!("a transaction compares at most {COMPARISONS_MAX} keys: compare fewer"));
                }
                compare.push(self.comparison()?);
            }
        }
        if !self.take_word("then") {
            return self.unexpected("`and` or `then`");
        }
        let then = self.operations()?;
        if !self.take_word("else") {
            return self.unexpected("`else`");
        }
        Ok(Operation::Transaction { compare, then, otherwise: self.operations()? })
    }

    fn comparison(&mut self) -> Result<Compare, String> {
        let key = self.key()?;
        let condition = if self.take("=") {
            Condition::Value(self.value()?)
        } else if !self.take_word("is") {
            return self.unexpected("`=` or `is`");
        } else if self.take_word("there") {
            Condition::Present
        } else if self.take_word(MISSING) {
            Condition::Missing
        } else if self.take_word("of") {
            Condition::Revision(self.number("r", "a revision like r7")?)
        } else {
            return self.unexpected("`there`, `missing` or `of` and a revision");
        };
        Ok(Compare { key, condition })
    }
}
