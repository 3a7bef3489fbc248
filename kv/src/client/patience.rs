//! How long a client tries, and how often it has: attempts, pauses between them, and whether it ever gives up.

/// How patient a client is, in nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// How long it waits for a reply before it asks another server.
    pub attempt_ns: u64,
    /// How long it pauses after a first refusal by a server that knows no leader. The pause doubles each time.
    pub backoff_ns: u64,
    /// How long it pauses at most.
    pub backoff_ns_max: u64,
    /// How long it tries in all.
    pub give_up_ns: u64,
}

/// How long a client asks for an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Persistence {
    /// As long as it is patient: [`Patience::give_up_ns`].
    GivesUp,
    /// Until it has an answer.
    Persists,
}

/// What was tried.
#[derive(Clone, Copy, Debug)]
pub(super) struct Attempts {
    pub(super) phase: Phase,
    /// The position of the server that was asked last.
    pub(super) asked: usize,
    /// How many attempts there were.
    pub(super) count: u32,
    /// How many pauses there were.
    pub(super) pauses: u32,
    /// How many hints were followed since the last pause. Two servers that name each other would otherwise keep a client
    /// busy for as long as they do not know better.
    pub(super) hints: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// A server was asked.
    AwaitingReply,
    /// One will be asked after a pause.
    Pausing,
}

impl Attempts {
    pub(super) const NONE: Attempts = Attempts { phase: Phase::Pausing, asked: 0, count: 0, pauses: 0, hints: 0 };

    pub(super) fn asks(&mut self, server: usize) {
        *self = Attempts { phase: Phase::AwaitingReply, asked: server, count: self.count.saturating_add(1), ..*self };
    }

    /// Whether a refusal by this server is about the last attempt. A late one says nothing of the one under way.
    pub(super) fn is_refused_by(&self, server: Option<usize>) -> bool {
        self.phase == Phase::AwaitingReply && server == Some(self.asked)
    }

    /// Begins a pause, and says how long it is.
    pub(super) fn pauses(&mut self, patience: &Patience) -> u64 {
        let factor = 1_u64.checked_shl(self.pauses).unwrap_or(u64::MAX);
        *self = Attempts { phase: Phase::Pausing, pauses: self.pauses.saturating_add(1), hints: 0, ..*self };
        patience.backoff_ns.saturating_mul(factor).min(patience.backoff_ns_max).max(1)
    }
}
