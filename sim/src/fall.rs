//! Nodes that go down in the middle of dealing with an event: at a point of their program where a trap waits for them, or
//! because they halt.
//!
//! From there on nothing that the node does takes effect. When it has dealt with the event it is taken down as by any other
//! crash, and restarts a while later. What it simplifies: nobody comes to a trap while it boots.

use crate::fault::CrashPoint;
use crate::node::NodeId;
use crate::observe::Observation;
use crate::time::MILLISECOND_NS;

/// How long after a node has halted it is started again, in nanoseconds: what supervises it waits so long.
pub const RESTARTS_AFTER_NS: u64 = 100 * MILLISECOND_NS;

/// What the node that acts can do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Gate {
    /// Everything, and no trap is set.
    #[default]
    Open,
    /// Everything, until it comes to a trap.
    Watched,
    /// It has just gone down, behind a write. What it says of that write is true of its disk.
    Telling,
    /// Nothing: it has gone down.
    Shut,
}

/// Traps, and the nodes that went down by themselves.
#[derive(Debug, Default)]
pub(crate) struct Falls {
    gate: Gate,
    traps: Vec<Trap>,
    /// Why the node that acts has gone down, if it has.
    falling: Option<Cause>,
    /// Whether something that changes its log was not heard since: what it decides from then on rests on that.
    is_beyond: bool,
    /// Those that are down, each with the number of its fall.
    down: Vec<(NodeId, u64, Cause)>,
    count: u64,
}

/// Waits for some nodes at a point of their program.
#[derive(Debug)]
pub(crate) struct Trap {
    /// The number of its fault.
    pub(crate) fault: usize,
    pub(crate) point: CrashPoint,
    /// For each node, how often it passes the point before.
    pub(crate) left: Vec<(NodeId, u32)>,
    /// How long who goes down stays down, in nanoseconds.
    pub(crate) down_ns: u64,
}

/// Why a node went down by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cause {
    Trap { point: CrashPoint, down_ns: u64 },
    Halt,
}

impl Cause {
    /// How long it stays down, in nanoseconds.
    pub(crate) fn down_ns(self) -> u64 {
        match self {
            Cause::Trap { down_ns, .. } => down_ns,
            Cause::Halt => RESTARTS_AFTER_NS,
        }
    }
}

impl Falls {
    /// Whether whatever a node does takes effect, and nobody waits for it to do so.
    #[inline]
    pub(crate) fn is_open(&self) -> bool {
        self.gate == Gate::Open
    }

    /// Whether what the node does takes effect.
    pub(crate) fn lets_act(&mut self) -> bool {
        match self.gate {
            Gate::Open | Gate::Watched => true,
            Gate::Telling | Gate::Shut => {
                self.gate = Gate::Shut;
                false
            }
        }
    }

    /// Whether what the node says is heard. Its role and how far its log is committed are decided before anything is done about
    /// it, and messages that left before the node went down may say so: that is heard, too. Not so what it decides by a log
    /// that nobody has heard of: no message can have said that.
    pub(crate) fn lets_tell(&mut self, observation: &Observation) -> bool {
        let is_of_write = matches!(
            observation,
            Observation::WroteHardState { .. } | Observation::WroteEntries { .. } | Observation::WroteSnapshot { .. }
        );
        let is_decided =
            matches!(observation, Observation::Committed { .. } | Observation::Role { .. } | Observation::Term { .. });
        let is_trapped = matches!(self.falling, Some(Cause::Trap { .. }));
        let is_heard =
            self.gate == Gate::Telling && is_of_write || is_trapped && is_decided && !self.is_beyond || self.lets_act();
        self.is_beyond |=
            !is_heard && matches!(observation, Observation::Appended { .. } | Observation::Configured { .. });
        is_heard
    }

    pub(crate) fn set(&mut self, trap: Trap) {
        self.traps.push(trap);
        self.open();
    }

    /// Takes the trap of a fault away, if nobody came to it.
    pub(crate) fn disarm(&mut self, fault: usize) {
        self.traps.retain(|trap| trap.fault != fault);
        self.open();
    }

    /// Whether the trap of a fault still waits.
    pub(crate) fn is_set(&self, fault: usize) -> bool {
        self.traps.iter().any(|trap| trap.fault == fault)
    }

    /// A node comes to a point of its program. Returns whether it goes down there.
    pub(crate) fn comes_to(&mut self, node: NodeId, point: CrashPoint) -> bool {
        if self.gate != Gate::Watched {
            return false;
        }
        let mut sprung = None;
        for (place, trap) in self.traps.iter_mut().enumerate().filter(|(_, trap)| trap.point == point) {
            if let Some((_, left)) = trap.left.iter_mut().find(|(other, _)| *other == node) {
                match left.checked_sub(1) {
                    Some(fewer) => *left = fewer,
                    None => sprung = sprung.or(Some(place)),
                }
            }
        }
        let Some(place) = sprung else { return false };
        let Trap { point, down_ns, .. } = self.traps.remove(place);
        self.falling = Some(Cause::Trap { point, down_ns });
        self.gate = if point == CrashPoint::AfterWrite { Gate::Telling } else { Gate::Shut };
        true
    }

    /// The node that acts goes down of its own will.
    pub(crate) fn halt(&mut self) {
        self.falling = self.falling.or(Some(Cause::Halt));
        self.gate = Gate::Shut;
    }

    /// Nobody comes to a trap until [`Falls::take`].
    pub(crate) fn suspend(&mut self) {
        self.gate = Gate::Open;
    }

    #[inline]
    pub(crate) fn is_falling(&self) -> bool {
        self.falling.is_some()
    }

    /// The event is dealt with. Returns why the node has gone down, if it has.
    pub(crate) fn take(&mut self) -> Option<Cause> {
        self.open();
        self.is_beyond = false;
        self.falling.take()
    }

    fn open(&mut self) {
        self.gate = if self.traps.is_empty() { Gate::Open } else { Gate::Watched };
    }

    /// A node is down. Returns the number of its fall.
    pub(crate) fn add(&mut self, node: NodeId, cause: Cause) -> u64 {
        self.count += 1;
        self.down.push((node, self.count, cause));
        self.count
    }

    /// Whether a node is still down from this fall. If so, it is no longer.
    pub(crate) fn ends(&mut self, node: NodeId, fall: u64) -> bool {
        let before = self.down.len();
        self.down.retain(|(other, number, _)| (*other, *number) != (node, fall));
        self.down.len() < before
    }

    /// The nodes that are down, in the order in which they went down: all of them, or the one if it halted.
    pub(crate) fn take_down(&mut self, halted: Option<NodeId>) -> Vec<NodeId> {
        let is_meant = |(node, _, cause): &mut (NodeId, u64, Cause)| {
            halted.is_none_or(|halted| *node == halted && *cause == Cause::Halt)
        };
        self.down.extract_if(.., is_meant).map(|(node, ..)| node).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NODE: NodeId = NodeId(1);
    const WROTE: Observation = Observation::WroteEntries { index: 1, term: 1 };
    const COMMITTED: Observation = Observation::Committed { index: 1 };
    const ENTERED: Observation = Observation::Term { term: 1 };
    const APPENDED: Observation = Observation::Appended { index: 1, term: 1, payload: 1 };

    /// Traps, with one that the node has just come to.
    fn sprung(point: CrashPoint) -> Falls {
        let mut falls = Falls::default();
        falls.set(Trap { fault: 0, point, left: vec![(NODE, 1)], down_ns: 1 });
        assert!(!falls.comes_to(NodeId(0), point) && !falls.comes_to(NODE, point), "it passes once");
        assert!(falls.comes_to(NODE, point) && !falls.is_set(0));
        falls
    }

    #[test]
    fn a_write_is_told_of_unless_something_else_comes_first() {
        let mut falls = sprung(CrashPoint::AfterWrite);
        assert!(falls.lets_tell(&WROTE) && falls.lets_tell(&WROTE), "a write may mean several things");
        assert!(!falls.lets_act() && !falls.lets_tell(&WROTE), "that is another write");
        assert!(!sprung(CrashPoint::BeforeWrite).lets_tell(&WROTE), "there was none");
    }

    #[test]
    fn what_was_decided_is_told_of_behind_a_trap_and_nothing_else() {
        let mut falls = sprung(CrashPoint::AfterSend);
        assert!(falls.lets_tell(&COMMITTED) && falls.lets_tell(&ENTERED) && !falls.lets_tell(&APPENDED));
        assert!(!falls.lets_tell(&COMMITTED), "it rests on a log that nobody has heard of");
        assert_eq!(falls.take(), Some(Cause::Trap { point: CrashPoint::AfterSend, down_ns: 1 }));
        assert!(falls.is_open() && falls.lets_tell(&ENTERED));
        falls.halt();
        assert!(!falls.lets_tell(&COMMITTED) && !falls.lets_act());
        assert_eq!(falls.take(), Some(Cause::Halt));
    }
}
