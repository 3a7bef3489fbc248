//! The trace of a run: one line for everything that happened, made only when somebody asked for it.
//!
//! A campaign records nothing; a failing seed is run again with the recorder on. Re-execution is the storage format.

use std::fmt;

use crate::node::NodeId;
use crate::observe::Observation;
use crate::time::Instant;

/// What kind of thing a line tells of; printed as one character in the column of its node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// A message leaves the node.
    Sent,
    /// A message reaches the node.
    Arrived,
    /// A message from the node is lost.
    Lost,
    /// A timer of the node runs out.
    Timer,
    /// A sync of the node's disk begins or completes.
    Disk,
    /// The node tells the observer something.
    Observed,
    /// A fault begins or ends, or a check fails.
    Fault,
    /// A client invokes an operation or learns its outcome.
    Client,
}

impl Mark {
    /// The character in the node's column.
    #[must_use]
    pub fn character(self) -> char {
        match self {
            Mark::Sent => '>',
            Mark::Arrived => '<',
            Mark::Lost => 'x',
            Mark::Timer => 't',
            Mark::Disk => 'd',
            Mark::Observed => '*',
            Mark::Fault => '!',
            Mark::Client => 'c',
        }
    }
}

/// One line of a trace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// The number of the event during which it happened.
    pub event: u64,
    /// When.
    pub at: Instant,
    /// On which node; none for what concerns the whole world.
    pub node: Option<NodeId>,
    /// What kind of thing.
    pub mark: Mark,
    /// What happened.
    pub text: String,
}

/// Everything that happened in a run, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trace {
    nodes: usize,
    lines: Vec<Line>,
    /// What the last line tells of, if that is an observation, and the index that it began with.
    stretch: Option<(u64, Observation)>,
}

impl Trace {
    pub(crate) fn new(nodes: usize) -> Trace {
        Trace { nodes, lines: Vec::new(), stretch: None }
    }

    pub(crate) fn push(&mut self, line: Line) {
        self.stretch = None;
        self.lines.push(line);
    }

    /// Adds a line for an observation. A node that does the same to one index after the other, as a restarted one does
    /// to its whole log, gets one line for all of them.
    pub(crate) fn observe(&mut self, event: u64, at: Instant, node: NodeId, observation: Observation) {
        if let (Some((first, before)), Some(line)) = (self.stretch, self.lines.last_mut())
            && (line.event, line.node) == (event, Some(node))
            && observation.goes_on_from(&before)
        {
            self.stretch = Some((first, observation));
            line.text = observation.since(first);
            return;
        }
        self.push(Line { event, at, node: Some(node), mark: Mark::Observed, text: observation.to_string() });
        self.stretch = observation.index().map(|index| (index, observation));
    }

    /// The lines.
    #[must_use]
    pub fn lines(&self) -> &[Line] {
        &self.lines
    }

    /// The heading of the columns that [`Trace::row`] prints.
    #[must_use]
    pub fn heading(&self) -> String {
        let columns: Vec<String> = (0..self.nodes).map(|node| format!("{node:<2}")).collect();
        format!("{:>12} {:>8}  {} what", "time", "event", columns.join(" "))
    }

    /// One line for people, aligned in node columns.
    #[must_use]
    pub fn row<'a>(&'a self, line: &'a Line) -> impl fmt::Display + 'a {
        Row { nodes: self.nodes, line }
    }

    /// What the characters in the columns mean.
    #[must_use]
    pub fn legend() -> &'static str {
        "> sent  < arrived  x lost  t timer  d disk  * state  ! fault  c client"
    }
}

struct Row<'a> {
    nodes: usize,
    line: &'a Line,
}

impl fmt::Display for Row<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Line { event, at, node, mark, text } = self.line;
        write!(f, "{at:>12} {:>8}  ", format!("e{event}"))?;
        for column in 0..self.nodes {
            let here = node.is_none_or(|node| node.index() == column);
            write!(f, "{}  ", if here { mark.character() } else { '.' })?;
        }
        match node {
            Some(node) => write!(f, "{node} {text}"),
            None => write!(f, "{text}"),
        }
    }
}

/// Whatever a process is called, its name in a trace cannot break a line or a terminal.
pub(crate) fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { c.escape_default().to_string() } else { c.to_string() }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_aligned_in_node_columns() {
        let mut trace = Trace::new(3);
        let line =
            |node, mark, text: &str| Line { event: 7, at: Instant(1_500_000), node, mark, text: text.to_owned() };
        trace.push(line(Some(NodeId(1)), Mark::Timer, "timer 0"));
        trace.push(line(None, Mark::Fault, "power loss"));
        let rows: Vec<String> = trace.lines().iter().map(|line| trace.row(line).to_string()).collect();
        assert_eq!(trace.heading(), "        time    event  0  1  2  what");
        assert_eq!(rows[0], "   0.001500s       e7  .  t  .  n1 timer 0");
        assert_eq!(rows[1], "   0.001500s       e7  !  !  !  power loss");
    }

    #[test]
    fn one_index_after_the_other_is_one_line() {
        let mut trace = Trace::new(2);
        let applied = |index| Observation::Applied { index, term: 1, payload: 0, state: index << 32 };
        let appended = |index, term| Observation::Appended { index, term, payload: 0 };
        let steps = [
            (1, 0, appended(1, 1)),
            (1, 0, appended(2, 1)),
            (1, 0, appended(3, 2)),
            (1, 0, applied(1)),
            (1, 0, applied(2)),
            (1, 0, applied(3)),
            (1, 1, applied(4)),
            (2, 1, applied(5)),
        ];
        for (event, node, observation) in steps {
            trace.observe(event, Instant(0), NodeId(node), observation);
        }
        let lines: Vec<(u64, &str)> = trace.lines().iter().map(|line| (line.event, line.text.as_str())).collect();
        let expected = [
            (1, "log[1..=2] is of term 1"),
            (1, "log[3] is of term 2"),
            (1, "applies 1 to 3, state 00000003"),
            (1, "applies 4, state 00000004"),
            (2, "applies 5, state 00000005"),
        ];
        assert_eq!(lines, expected);
    }

    #[test]
    fn control_characters_are_escaped() {
        assert_eq!(printable("a\u{1b}[2Jb\nc"), "a\\u{1b}[2Jb\\nc");
    }
}
