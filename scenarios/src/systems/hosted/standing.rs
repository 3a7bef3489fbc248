//! The standing of a server: its role in its term, and whom it takes for the leader. The observer is told of it, and of what the
//! server knows to be committed; only news is told.

use whitewater_sim::observe::{Observation, Role};
use whitewater_sim::{Context, NodeId};

use super::{Node, Server};

/// What a server is to the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Its term.
    pub term: u64,
    /// Its role in that term.
    pub role: Role,
    /// Who leads, as far as it knows. If that is itself, it takes requests.
    pub leader: Option<NodeId>,
}

/// What the observer was told last.
#[derive(Clone, Copy, Debug)]
pub struct Told {
    term: u64,
    role: Role,
    committed: u64,
}

impl Told {
    /// A server that has booted with this term, as a follower that knows of nothing committed but its snapshot.
    #[must_use]
    pub fn booted(term: u64, committed: u64) -> Told {
        Told { term, role: Role::Follower, committed }
    }

    /// Tells role and term.
    pub fn tell<S: Server>(&mut self, Standing { term, role, .. }: Standing, context: &mut Context<'_, Node<S>>) {
        if (self.term, self.role) != (term, role) {
            context.observe(Observation::Term { term });
            context.observe(Observation::Role { role, term });
            (self.term, self.role) = (term, role);
        }
    }

    /// Tells that everything through an index is committed.
    pub fn tell_committed<S: Server>(&mut self, index: u64, context: &mut Context<'_, Node<S>>) {
        if index > self.committed {
            self.committed = index;
            context.observe(Observation::Committed { index });
        }
    }

    /// A snapshot was installed: everything through its end is committed, which need not be told.
    pub fn installed(&mut self, index: u64) {
        self.committed = self.committed.max(index);
    }
}
