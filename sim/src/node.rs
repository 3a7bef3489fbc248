//! What runs in the simulator: state machines that are told what happened and act through a [`Context`].

use std::borrow::Cow;
use std::fmt::Display;

use crate::context::Context;
use crate::disk::SyncId;

/// A process of the simulation. Numbers are dense: servers first (they have disks and can be hurt), then clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(pub u32);

impl NodeId {
    /// As an index into a vector with one element a node.
    #[inline]
    #[must_use]
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

impl Display for NodeId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(&format!("n{}", self.0))
    }
}

/// One of a node's timers. Arming one again replaces its deadline.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TimerId(pub u8);

/// One of the situations that a system knows and counts: protocol coverage. Small numbers without gaps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProbeId(pub u16);

/// What nodes send to each other. [`Display`] is what a trace prints.
pub trait Message: Clone + Display {
    /// A word that differs, as good as always, for messages that differ: it enters the digest of the run.
    fn fingerprint(&self) -> u64;

    /// What kind of message this is, below 64: faults may strike some kinds only.
    fn kind(&self) -> u8 {
        0
    }

    /// What messages of its kind are called: lower-case words joined by hyphens. Drawings tell messages apart by it; it enters
    /// nothing else.
    fn name(&self) -> Cow<'static, str> {
        Cow::Borrowed("message")
    }

    /// About how long it would be on a wire, in bytes.
    fn size_bytes(&self) -> u64 {
        64
    }

    /// What a receiver makes of the message when one bit of it, chosen by the draw, is wrong: `None` if it notices.
    fn corrupted(&self, draw: u64) -> Option<Self> {
        let _ = draw;
        None
    }
}

/// The program of a node: server or client.
///
/// A crash drops it. A restart makes a new one, which knows what its disk still holds and nothing else.
pub trait Process: Sized {
    /// What nodes send to each other.
    type Message: Message;
    /// What clients ask; recorded in the history.
    type Operation: Clone + Display;
    /// What clients are told; recorded in the history.
    type Answer: Clone + Display;

    /// What a trace calls a timer.
    #[must_use]
    fn timer_name(timer: TimerId) -> String {
        format!("timer {}", timer.0)
    }

    /// What a trace calls a probe.
    #[must_use]
    fn probe_name(probe: ProbeId) -> String {
        format!("probe {}", probe.0)
    }

    /// The node starts, for the first time or after a crash.
    fn boot(&mut self, context: &mut Context<'_, Self>);

    /// A message arrived.
    fn message(&mut self, from: NodeId, message: Self::Message, context: &mut Context<'_, Self>);

    /// A timer that the node armed ran out.
    fn timer(&mut self, timer: TimerId, context: &mut Context<'_, Self>);

    /// A sync that the node asked for is done: what it covers is durable.
    fn synced(&mut self, sync: SyncId, context: &mut Context<'_, Self>);

    /// A sync that the node asked for failed: some of what it covers is lost, and nobody can tell what. By default the node
    /// halts, because what it knows of its disk is not true any more (Rebello et al., "Can Applications Recover from fsync
    /// Failures?", ATC 2020).
    fn sync_failed(&mut self, sync: SyncId, context: &mut Context<'_, Self>) {
        let _ = sync;
        context.halt();
    }

    /// The node is about to crash, and its program to be dropped. It cannot know that: this is the place to hit the probes
    /// of what the crash meets, and, for a client, to record that nobody will hear of its open operations; for nothing
    /// else.
    fn crashing(&mut self, context: &mut Context<'_, Self>) {
        let _ = context;
    }
}
