//! Jepsen's `history.edn`, which Maelstrom writes too: a map for each event, one a line or all in one vector (Kingsbury,
//! the documentation of `jepsen.history`).
//!
//! ```text
//! {:index 0, :time 3291485317, :type :invoke, :process 0, :f :cas, :value [7 [1 2]]}
//! #jepsen.history.Op{:index 1, :time 3767733708, :type :ok, :process 0, :f :cas, :value [7 [1 2]]}
//! {:index 2, :type :invoke, :process 1, :f :txn, :value [[:append 5 1] [:r 5 nil]]}
//! {:index 3, :type :ok, :process 1, :f :txn, :value [[:append 5 1] [:r 5 [1]]]}
//! {:index 4, :type :info, :process :nemesis, :f :start, :value nil}
//! ```
//!
//! `:read`, `:write` and `:cas` are on a register, or on the key of a tuple `[key value]`. A `:txn` does `:r`, `:w` and
//! `:append` in one step; what is appended to and read is a list. `:ok` took effect, `:fail` certainly did not, of `:info`
//! nobody knows. Processes that are no numbers, such as the nemesis, are passed over. What it simplifies: values are
//! words, kept apart by kind; other keys of the map, such as `:time`, `:index` and `:error`, are passed over.

use std::sync::Arc;

use clojure_reader::parse::{Node, NodeKind, Position, Span};
use whitewater_kv::{Answer, Operation};

use super::edn::{Form, Forms};
use super::error::{FormatError, Line, quote};
use super::event::{Event, Step};
use super::lines::Reading;
use super::list;
use super::recorder::Recorder;
use super::texts::Texts;

/// What the values of a history are, and the line that says so first; one history has one kind of them.
#[derive(Clone, Copy, Default)]
pub(super) struct Dialect(Option<(Values, usize)>);

#[derive(Clone, Copy, PartialEq, Eq)]
enum Values {
    Words,
    Lists,
}

/// Reads a line; `None` if it is not about an operation of a client.
pub(super) fn read(line: Line<'_>, dialect: &mut Dialect, reading: &mut Reading) -> Result<Option<Event>, FormatError> {
    let mut forms = Forms::new(line.content, line.number);
    let Some(form) = forms.next() else { return Ok(None) };
    let event = event(&form?, dialect, reading)?;
    match forms.next() {
        None => Ok(event),
        Some(Err(error)) => Err(error),
        Some(Ok(second)) => Err(second.wrong(&second.node, "a line has one operation, but this is a second one")),
    }
}

/// Reads a whole text, however its maps are laid out, and counts what was passed over.
pub(super) fn read_all(text: &str) -> Result<(Recorder, usize), FormatError> {
    let (mut recorder, mut reading, mut dialect) = (Recorder::default(), Reading::default(), Dialect::default());
    let mut forms = Forms::new(text, 1);
    while let Some(form) = forms.next() {
        if let Some(event) = event(&form?, &mut dialect, &mut reading)? {
            recorder.record(event);
        }
    }
    Ok((recorder, reading.passed_over))
}

#[derive(Clone, Copy)]
enum Kind {
    Invoke,
    Ok,
    Fail,
    Info,
}

impl Kind {
    fn of(node: &Node<'_>) -> Option<Kind> {
        match keyword(node)? {
            "invoke" => Some(Kind::Invoke),
            "ok" => Some(Kind::Ok),
            "fail" => Some(Kind::Fail),
            "info" => Some(Kind::Info),
            _ => None,
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Function {
    Read,
    Write,
    CompareAndSwap,
    Transaction,
}

impl Function {
    fn of(node: &Node<'_>) -> Option<Function> {
        match keyword(node)? {
            "read" => Some(Function::Read),
            "write" => Some(Function::Write),
            "cas" => Some(Function::CompareAndSwap),
            "txn" => Some(Function::Transaction),
            _ => None,
        }
    }

    /// Whether an operation can have come from this function.
    fn made(self, op: &Operation) -> bool {
        match op {
            Operation::Get { .. } => matches!(self, Function::Read | Function::Transaction),
            Operation::Put { .. } => matches!(self, Function::Write | Function::Transaction),
            Operation::Append { .. } | Operation::Batch(_) => self == Function::Transaction,
            Operation::CompareAndSwap { .. } => self == Function::CompareAndSwap,
            Operation::Delete { .. }
            | Operation::GetRevision { .. }
            | Operation::Range { .. }
            | Operation::Transaction { .. } => false,
        }
    }
}

/// The values of the keys of a map that count.
#[derive(Default)]
struct Fields<'f, 't> {
    process: Option<&'f Node<'t>>,
    kind: Option<&'f Node<'t>>,
    function: Option<&'f Node<'t>>,
    value: Option<&'f Node<'t>>,
}

impl<'f, 't> Fields<'f, 't> {
    fn of(form: &'f Form<'t>) -> Result<Fields<'f, 't>, FormatError> {
        let NodeKind::Map(entries, _) = &untagged(&form.node).kind else {
            return Err(form.wrong(&form.node, "expected an operation, as a map in braces"));
        };
        let mut fields = Fields::default();
        for (name, value) in entries {
            let place = match keyword(name) {
                Some("process") => &mut fields.process,
                Some("type") => &mut fields.kind,
                Some("f") => &mut fields.function,
                Some("value") => &mut fields.value,
                Some(_) | None => continue,
            };
            if place.replace(untagged(value)).is_some() {
                return Err(form.wrong(name, "this is there twice"));
            }
        }
        Ok(fields)
    }
}

fn untagged<'f, 't>(mut node: &'f Node<'t>) -> &'f Node<'t> {
    while let NodeKind::Tagged(_, _, inside) = &node.kind {
        node = inside;
    }
    node
}

fn event(form: &Form<'_>, dialect: &mut Dialect, reading: &mut Reading) -> Result<Option<Event>, FormatError> {
    let fields = Fields::of(form)?;
    let missing = |name: &str| form.wrong(&form.node, &format!("an operation has a `:{name}`, but this has none"));
    let process_node = fields.process.ok_or_else(|| missing("process"))?;
    let NodeKind::Int(process) = process_node.kind else {
        reading.passed_over += 1;
        return Ok(None);
    };
    let process =
        u64::try_from(process).map_err(|_| form.wrong(process_node, "the number of a process cannot be negative"))?;
    let kind_node = fields.kind.ok_or_else(|| missing("type"))?;
    let kind = Kind::of(kind_node)
        .ok_or_else(|| form.wrong(kind_node, "unknown type, expected :invoke, :ok, :fail or :info"))?;
    let function_node = fields.function.ok_or_else(|| missing("f"))?;
    let function = Function::of(function_node)
        .ok_or_else(|| form.wrong(function_node, "unknown operation, expected :read, :write, :cas or :txn"))?;
    let mut words = Words { form, dialect, texts: &mut reading.texts };
    let (place, pairing) = (form.place(process_node), &mut reading.pairing);
    if matches!(kind, Kind::Invoke) {
        let op = words.operation(function, fields.value)?;
        return pairing.invoke(place, process, op).map(Some);
    }
    let open = pairing.open(place, process)?;
    let mismatch = |node: &Node<'_>| {
        let invoked = open.line;
        let why = format!("process {process} completes another operation than it invoked in line {invoked}");
        form.wrong(node, &why)
    };
    if !function.made(&open.op) {
        return Err(mismatch(function_node));
    }
    let step = match kind {
        Kind::Ok | Kind::Invoke => {
            if words.operation(function, fields.value)? != open.op {
                return Err(mismatch(fields.value.unwrap_or(function_node)));
            }
            Step::Returned(words.answer(function, fields.value)?)
        }
        Kind::Fail => Step::Failed,
        Kind::Info => Step::Unknown,
    };
    Ok(Some(pairing.end(place.line, process, step)))
}

/// What the values of a form say.
struct Words<'w, 't> {
    form: &'w Form<'t>,
    dialect: &'w mut Dialect,
    texts: &'w mut Texts,
}

const CAS: &str = "expected two values, such as [1 4], or a key with two values, such as [0 [1 4]]";
const TXN: &str = "expected a list of [:r key value], [:w key value] and [:append key element]";

impl<'w, 't> Words<'w, 't> {
    fn operation(&mut self, function: Function, value: Option<&Node<'t>>) -> Result<Operation, FormatError> {
        let form = self.form;
        let value = value.unwrap_or(&NIL);
        match function {
            Function::Read => {
                let (key, _) = self.tuple(value)?;
                Ok(Operation::Get { key })
            }
            Function::Write => {
                let (key, written) = self.tuple(value)?;
                self.are(Values::Words, value)?;
                Ok(Operation::Put { key, value: self.written(written)? })
            }
            Function::CompareAndSwap => {
                self.are(Values::Words, value)?;
                let [first, second] = items(value).unwrap_or_default() else { return Err(form.wrong(value, CAS)) };
                let (key, expected, new) = match items(untagged(second)) {
                    Some([expected, new]) => (self.word(first)?, expected, new),
                    Some(_) => return Err(form.wrong(value, CAS)),
                    None => (self.texts.share(""), first, second),
                };
                Ok(Operation::CompareAndSwap { key, expected: self.read(expected)?, new: self.written(new)? })
            }
            Function::Transaction => {
                let steps = items(value).ok_or_else(|| form.wrong(value, TXN))?;
                let mut steps: Vec<Operation> =
                    steps.iter().map(|step| self.step(untagged(step))).collect::<Result<_, _>>()?;
                // One step is a plain operation, on its own key.
                Ok(if steps.len() == 1 { steps.swap_remove(0) } else { Operation::Batch(steps) })
            }
        }
    }

    /// A step of a transaction.
    fn step(&mut self, step: &Node<'t>) -> Result<Operation, FormatError> {
        let Some([function, key, value]) = items(step) else { return Err(self.form.wrong(step, TXN)) };
        let key = self.word(key)?;
        match keyword(function) {
            Some("r") => Ok(Operation::Get { key }),
            Some("w") => {
                self.are(Values::Words, step)?;
                Ok(Operation::Put { key, value: self.written(value)? })
            }
            Some("append") => {
                self.are(Values::Lists, step)?;
                let element = self.element(value)?;
                Ok(Operation::Append { key, value: self.texts.share(&list::one(&element)) })
            }
            Some(_) | None => Err(self.form.wrong(function, "unknown step, expected :r, :w or :append")),
        }
    }

    /// The answer to an operation that took effect.
    fn answer(&mut self, function: Function, value: Option<&Node<'t>>) -> Result<Answer, FormatError> {
        let value = value.unwrap_or(&NIL);
        match function {
            Function::Read => {
                let (_, read) = self.tuple(value)?;
                Ok(Answer::Value(self.read(read)?))
            }
            Function::Write => Ok(Answer::Done),
            Function::CompareAndSwap => Ok(Answer::Swapped(true)),
            Function::Transaction => {
                let mut answers = Vec::new();
                for step in items(value).unwrap_or_default() {
                    let Some([function, _, value]) = items(untagged(step)) else {
                        unreachable!("the steps have just been read")
                    };
                    let is_read = keyword(function) == Some("r");
                    answers.push(if is_read { self.answer_of_step(untagged(value))? } else { Answer::Done });
                }
                Ok(if answers.len() == 1 { answers.swap_remove(0) } else { Answer::Batch(answers.into()) })
            }
        }
    }

    fn answer_of_step(&mut self, value: &Node<'t>) -> Result<Answer, FormatError> {
        match items(value) {
            Some(elements) => {
                self.are(Values::Lists, value)?;
                let elements: Vec<String> =
                    elements.iter().map(|element| self.element(element)).collect::<Result<_, _>>()?;
                Ok(list::answer(&elements, self.texts))
            }
            None if matches!(value.kind, NodeKind::Nil) => Ok(Answer::Value(None)),
            None => {
                self.are(Values::Words, value)?;
                Ok(Answer::Value(self.read(value)?))
            }
        }
    }

    /// A value, with the key that it is of; a register has none.
    fn tuple<'f>(&mut self, value: &'f Node<'t>) -> Result<(Arc<str>, &'f Node<'t>), FormatError> {
        match items(value) {
            Some([key, value]) => Ok((self.word(key)?, untagged(value))),
            Some(_) => Err(self.form.wrong(value, "expected a key and a value, such as [0 nil], or a value alone")),
            None => Ok((self.texts.share(""), value)),
        }
    }

    /// A value that was read: nothing, or a word.
    fn read(&mut self, value: &Node<'t>) -> Result<Option<Arc<str>>, FormatError> {
        if matches!(value.kind, NodeKind::Nil) { Ok(None) } else { self.word(value).map(Some) }
    }

    fn written(&mut self, value: &Node<'t>) -> Result<Arc<str>, FormatError> {
        self.read(value)?.ok_or_else(|| self.form.wrong(value, "nil cannot be written"))
    }

    fn word(&mut self, node: &Node<'t>) -> Result<Arc<str>, FormatError> {
        let word = word(self.form, node)?;
        Ok(self.texts.share(&word))
    }

    fn element(&self, node: &Node<'t>) -> Result<String, FormatError> {
        let element = word(self.form, node)?;
        if !list::is_element(&element) {
            return Err(self.form.wrong(node, "an element of a list cannot have the character U+001F in it"));
        }
        Ok(element)
    }

    /// Notes what the values of this history are.
    fn are(&mut self, values: Values, node: &Node<'t>) -> Result<(), FormatError> {
        let (known, line) = *self.dialect.0.get_or_insert((values, self.form.place(node).line));
        if known == values {
            return Ok(());
        }
        let found = match values {
            Values::Words => "a single value, but those of line",
            Values::Lists => "a list, but those of line",
        };
        let why = format!("this is {found} {line} are of the other kind, and a history has one kind; split the file");
        Err(self.form.wrong(node, &why))
    }
}

/// Stands for a value that is left out.
static NIL: Node<'static> = Node {
    kind: NodeKind::Nil,
    span: Span(Position { line: 1, column: 1, ptr: 0 }, Position { line: 1, column: 1, ptr: 0 }),
    leading_discards: Vec::new(),
};

/// The name of a keyword.
fn keyword<'t>(node: &Node<'t>) -> Option<&'t str> {
    if let NodeKind::Key(name) = node.kind { Some(name) } else { None }
}

/// What is in a vector or a list.
fn items<'f, 't>(node: &'f Node<'t>) -> Option<&'f [Node<'t>]> {
    if let NodeKind::Vector(items, _) | NodeKind::List(items, _) = &node.kind { Some(items) } else { None }
}

/// A key, a value or an element. Words of different kinds differ: 1, "1" and :1 are three.
#[expect(clippy::wildcard_enum_match_arm, reason = "the enum of a library, which may grow")]
fn word(form: &Form<'_>, node: &Node<'_>) -> Result<String, FormatError> {
    let node = untagged(node);
    match &node.kind {
        NodeKind::Int(number) => Ok(number.to_string()),
        NodeKind::Key(name) => Ok(format!(":{name}")),
        NodeKind::Bool(truth) => Ok(truth.to_string()),
        NodeKind::Str(raw) => {
            let text = decoded(raw);
            let is_plain = text.starts_with(char::is_alphabetic) && !["nil", "true", "false"].contains(&&*text);
            Ok(if is_plain { text } else { format!("{text:?}") })
        }
        NodeKind::Double(_) | NodeKind::Rational(_) | NodeKind::Char(_) => Ok(form.source(node).to_string()),
        _ => {
            let found = quote(form.source(node));
            Err(form
                .wrong(node, &format!("{found} is no value: expected a number, a string, a keyword, true or false")))
        }
    }
}

/// A string without its escapes, of which the reader has let pass those that there are.
fn decoded(raw: &str) -> String {
    let mut text = String::with_capacity(raw.len());
    let mut characters = raw.chars();
    while let Some(character) = characters.next() {
        text.push(match character {
            '\\' => match characters.next() {
                Some('n') => '\n',
                Some('t') => '\t',
                Some('r') => '\r',
                Some(literal) => literal,
                None => break,
            },
            other => other,
        });
    }
    text
}
