//! The trace of a run: one line for everything that happened, made only when somebody asked for it.
//!
//! A campaign records nothing; a failing seed is run again with the recorder on. Re-execution is the storage format.

mod post;
mod what;

use std::fmt;

use crate::node::{Message, NodeId};
use crate::observe::Observation;
use crate::time::Instant;
use post::Post;
pub use what::{Letter, What};

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
    /// What happened, as data.
    pub what: What,
    /// What happened, in words.
    pub text: String,
}

impl Line {
    /// What kind of thing it tells of.
    #[must_use]
    pub fn mark(&self) -> Mark {
        self.what.mark()
    }
}

/// A time during which a node is down. No line says so as such: it may be several faults, or none, that keep a node down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outage {
    /// The node.
    pub node: NodeId,
    /// The place of the first line behind its going down.
    pub from: usize,
    /// The place of the first line behind its coming up; `None`: it stayed down.
    pub until: Option<usize>,
}

/// Everything that happened in a run, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trace {
    nodes: usize,
    servers: usize,
    lines: Vec<Line>,
    outages: Vec<Outage>,
    post: Post,
}

impl Trace {
    pub(crate) fn new(servers: usize, clients: usize) -> Trace {
        Trace { nodes: servers + clients, servers, ..Trace::default() }
    }

    pub(crate) fn push(&mut self, line: Line) {
        self.lines.push(line);
    }

    /// A message is sent, and its copies, if there are any; each is to arrive with this fingerprint at this time.
    pub(crate) fn send<M: Message>(
        &mut self,
        (from, to): (NodeId, NodeId),
        message: &M,
        copies: &[(u64, Instant)],
    ) -> Letter {
        let letter = self.post.send(from, to, message);
        copies.iter().for_each(|(fingerprint, at)| self.post.post(&letter, *fingerprint, *at));
        letter
    }

    /// A message arrives, or is lost at its receiver.
    pub(crate) fn receive<M: Message>(&mut self, from: NodeId, to: NodeId, message: &M, now: Instant) -> Letter {
        self.post.take(from, to, message, now)
    }

    /// A node goes down.
    pub(crate) fn down(&mut self, node: NodeId) {
        self.outages.push(Outage { node, from: self.lines.len(), until: None });
    }

    /// A node comes up, if it was down.
    pub(crate) fn up(&mut self, node: NodeId) {
        let until = self.lines.len();
        let is_open = |outage: &&mut Outage| outage.node == node && outage.until.is_none();
        if let Some(outage) = self.outages.iter_mut().rfind(is_open) {
            outage.until = Some(until);
        }
    }

    /// Adds a line for an observation. A node that does the same to one index after the other, as a restarted one does
    /// to its whole log, gets one line for all of them.
    pub(crate) fn observe(&mut self, event: u64, at: Instant, node: NodeId, observation: Observation) {
        if let Some(Line { event: before, node: of, what: What::Observed { observation: latest, first }, text, .. }) =
            self.lines.last_mut()
            && (*before, *of) == (event, Some(node))
            && let Some(first) = *first
            && observation.goes_on_from(latest)
        {
            *latest = observation;
            *text = observation.since(first);
            return;
        }
        let what = What::Observed { observation, first: observation.index() };
        self.push(Line { event, at, node: Some(node), what, text: observation.to_string() });
    }

    /// The lines.
    #[must_use]
    pub fn lines(&self) -> &[Line] {
        &self.lines
    }

    /// How many nodes there are, servers and clients.
    #[must_use]
    pub fn nodes(&self) -> usize {
        self.nodes
    }

    /// How many of them are servers: the first ones.
    #[must_use]
    pub fn servers(&self) -> usize {
        self.servers
    }

    /// When nodes were down, in the order in which they went down.
    #[must_use]
    pub fn outages(&self) -> &[Outage] {
        &self.outages
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
        let Line { event, at, node, what, text } = self.line;
        write!(f, "{at:>12} {:>8}  ", format!("e{event}"))?;
        for column in 0..self.nodes {
            let here = node.is_none_or(|node| node.index() == column);
            write!(f, "{}  ", if here { what.mark().character() } else { '.' })?;
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
    use crate::node::TimerId;

    #[test]
    fn rows_are_aligned_in_node_columns() {
        let mut trace = Trace::new(3, 0);
        let line =
            |node, what, text: &str| Line { event: 7, at: Instant(1_500_000), node, what, text: text.to_owned() };
        trace.push(line(Some(NodeId(1)), What::TimerRanOut(TimerId(0)), "timer 0"));
        trace.push(line(None, What::Note(Mark::Fault), "power loss"));
        let rows: Vec<String> = trace.lines().iter().map(|line| trace.row(line).to_string()).collect();
        assert_eq!(trace.heading(), "        time    event  0  1  2  what");
        assert_eq!(rows[0], "   0.001500s       e7  .  t  .  n1 timer 0");
        assert_eq!(rows[1], "   0.001500s       e7  !  !  !  power loss");
    }

    #[test]
    fn one_index_after_the_other_is_one_line() {
        let mut trace = Trace::new(2, 0);
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
