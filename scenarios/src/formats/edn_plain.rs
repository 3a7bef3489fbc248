//! Plain forms of EDN, read in one pass over their bytes: nearly all that is in a history.
//!
//! A form is plain if it is in one line of ASCII and made of maps, vectors, lists, whole numbers, keywords, strings
//! without escapes, `nil`, `true` and `false`, with at most a tag in front of it, as Jepsen writes one. It is read as the
//! library would read it. Of a form that is not plain, or wrong, nothing is said: the library reads it, and finds the
//! words for what is wrong (`edn`). What it simplifies: names have the characters that Jepsen's have, and no others.

use clojure_reader::parse::{Node, NodeKind, Position, Span};

/// Reads the form with which a text begins, if it is plain, has at most this many brackets in each other, and at most
/// this many bytes; with how many it has.
pub(super) fn read(text: &str, depth_max: usize, bytes_max: usize) -> Option<(Node<'_>, usize)> {
    let mut reader = Reader { text, at: 0 };
    let node = reader.tagged(depth_max)?;
    (reader.at <= bytes_max).then_some((node, reader.at))
}

struct Reader<'t> {
    text: &'t str,
    /// How many bytes have been read.
    at: usize,
}

impl<'t> Reader<'t> {
    fn tagged(&mut self, depth_left: usize) -> Option<Node<'t>> {
        if self.peek() != Some(b'#') {
            return self.form(depth_left);
        }
        let start = self.position();
        self.at += 1;
        let named = self.position();
        let name = self.name()?;
        let span = Span(named, self.position());
        if self.peek() != Some(b'{') {
            return None;
        }
        let inside = self.form(depth_left)?;
        let span_of_all = Span(start, self.position());
        Some(Node::no_discards(NodeKind::Tagged(name, span, Box::new(inside)), span_of_all))
    }

    fn form(&mut self, depth_left: usize) -> Option<Node<'t>> {
        let start = self.position();
        let kind = match self.peek()? {
            b'{' => NodeKind::Map(pairs(self.items(b'}', depth_left)?)?, Vec::new()),
            b'[' => NodeKind::Vector(self.items(b']', depth_left)?, Vec::new()),
            b'(' => NodeKind::List(self.items(b')', depth_left)?, Vec::new()),
            b'"' => NodeKind::Str(self.string()?),
            b':' => {
                self.at += 1;
                NodeKind::Key(self.name()?)
            }
            b'-' | b'0'..=b'9' => NodeKind::Int(self.number()?),
            b'a'..=b'z' => match self.name()? {
                "nil" => NodeKind::Nil,
                "true" => NodeKind::Bool(true),
                "false" => NodeKind::Bool(false),
                _ => return None,
            },
            _ => return None,
        };
        Some(Node::no_discards(kind, Span(start, self.position())))
    }

    /// All up to the bracket that closes.
    fn items(&mut self, closing: u8, depth_left: usize) -> Option<Vec<Node<'t>>> {
        let depth_left = depth_left.checked_sub(1)?;
        let mut items = Vec::new();
        self.at += 1;
        loop {
            while let Some(b' ' | b',' | b'\t') = self.peek() {
                self.at += 1;
            }
            if self.peek()? == closing {
                self.at += 1;
                return Some(items);
            }
            items.push(self.form(depth_left)?);
        }
    }

    fn string(&mut self) -> Option<&'t str> {
        let begin = self.at + 1;
        let is_more = |byte: &u8| matches!(byte, b' '..=b'~') && *byte != b'"' && *byte != b'\\';
        let length = self.text.as_bytes()[begin..].iter().take_while(|byte| is_more(byte)).count();
        self.at = begin + length + 1;
        (self.text.as_bytes().get(begin + length) == Some(&b'"')).then(|| &self.text[begin..begin + length])
    }

    fn name(&mut self) -> Option<&'t str> {
        let name =
            self.token(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'?' | b'!'))?;
        name.starts_with(|first: char| first.is_ascii_alphabetic()).then_some(name)
    }

    /// A number that any 64 bits hold, as it is usually written.
    fn number(&mut self) -> Option<i64> {
        const DIGITS_MAX: usize = 18;
        let written = self.token(|byte| byte.is_ascii_digit() || byte == b'-')?;
        let digits = written.strip_prefix('-').unwrap_or(written);
        let is_usual = digits.len() <= DIGITS_MAX && (!digits.starts_with('0') || written == "0");
        if is_usual { written.parse().ok() } else { None }
    }

    /// What goes on up to the end of the word; not if another character is before that.
    fn token(&mut self, is_more: impl Fn(u8) -> bool) -> Option<&'t str> {
        let begin = self.at;
        self.at += self.text.as_bytes()[begin..].iter().take_while(|byte| is_more(**byte)).count();
        let ends = matches!(self.peek()?, b' ' | b',' | b'\t' | b'{' | b'}' | b'[' | b']' | b'(' | b')' | b'"');
        ends.then(|| &self.text[begin..self.at])
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    /// All characters are one byte, and there is one line.
    fn position(&self) -> Position {
        Position { line: 1, column: self.at + 1, ptr: self.at }
    }
}

/// The entries of a map, unless a value is missing.
fn pairs(items: Vec<Node<'_>>) -> Option<Vec<(Node<'_>, Node<'_>)>> {
    let mut pairs = Vec::with_capacity(items.len() / 2);
    let mut items = items.into_iter();
    while let Some(key) = items.next() {
        pairs.push((key, items.next()?));
    }
    Some(pairs)
}

#[cfg(test)]
mod tests {
    use clojure_reader::parse::{SourceReader, parse};
    use proptest::prelude::*;

    use super::*;

    /// Whether a text is plain; and if so, that the library reads it in the same way.
    fn agrees(text: &str) -> bool {
        let Some((node, length)) = read(text, 8, 1_000) else { return false };
        let mut reader = SourceReader::new(text);
        assert_eq!(parse(&mut reader).expect("what is plain is EDN"), node, "{text}");
        assert_eq!(reader.remaining(), &text[length..], "{text}");
        true
    }

    #[test]
    fn what_jepsen_writes_is_plain() {
        for text in [
            "{:index 0, :time 3291485317, :type :invoke, :process 0, :f :cas, :value [7 [1 2]]}",
            "#jepsen.history.Op{:index 1, :type :ok, :process 0, :f :txn, :value ([:append 5 -1] [:r 5 nil])}\n{:type :ok}",
            "{:type :info, :process :nemesis, :f :start, :value \"a b\", :is-good? true, :x false, :y {}, :z [[]]}]",
        ] {
            assert!(agrees(text), "{text}");
        }
        let long = format!("{{:value {:>1000}}}", 1);
        assert!(read(&long, 8, 2_000).is_some() && read(&long, 8, 1_000).is_none());
        assert!(read("[[[]]]", 3, 100).is_some() && read("[[[]]]", 2, 100).is_none());
    }

    #[test]
    fn nothing_is_said_of_other_forms() {
        for text in [
            "{:a}",
            "{:a 1",
            "{:a \"b}",
            "{:a \"\\n\"}",
            "{:a 007}",
            "{:a 1N}",
            "{:a 1.5}",
            "{:a é}",
            "{:a \"é\"}",
            "{:a\n1}",
            "#{1}",
            "#_{1 2}",
            "{:a #inst \"2026\"}",
            "{: 1}",
            "{:1 2}",
            "{:a symbol}",
            "{:a 99999999999999999999}",
            "{:a 1]",
            "",
            "#",
            "{:a \\x}",
            "{:a 1;\n}",
            "{:a - }",
            "{:a 1-2}",
            "{:a -0}",
            "{:a :b/c}",
            "#:a{:b 1}",
        ] {
            assert_eq!(read(text, 8, 1_000), None, "{text}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(20_000))]

        #[test]
        fn what_is_plain_is_read_as_the_library_reads_it(
            text in "#?[a-z.]{0,2}\\{(:[a-z/?!._-]{1,3}|-?[0-9N.]{1,20}|nil|true|false|x|\"[a-z \\\\;{é]{0,3}\"|[\\[\\](){},; \t\n#_^'\\\\]| ){0,24}\\}?.{0,3}"
        ) {
            agrees(&text);
        }

        #[test]
        fn plain_forms_are_found(
            inside in "((:[a-z]{1,3}|-?[1-9][0-9]{0,17}|nil|true|\"[a-z ]{0,3}\"|\\[\\]|\\{:a \\(1 2\\)\\}) ){0,12}"
        ) {
            let text = format!("[{inside}]");
            prop_assert!(agrees(&text), "{}", text);
        }
    }
}
