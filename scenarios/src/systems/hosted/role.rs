//! The standing of a server: what the observer was told of its role and of what it knows to be committed. Only news is told.

use whitewater_sim::Context;
use whitewater_sim::observe::{Observation, Role};

use super::{Node, Server};

/// What was told last.
#[derive(Clone, Copy, Debug)]
pub struct Standing {
    term: u64,
    role: Role,
    committed: u64,
}

impl Standing {
    /// A server that has booted with this term, as a follower that knows of nothing committed but its snapshot.
    #[must_use]
    pub fn booted(term: u64, committed: u64) -> Standing {
        Standing { term, role: Role::Follower, committed }
    }

    /// Tells the role in a term. Returns whether that was news.
    pub fn tell_role<S: Server>(&mut self, term: u64, role: Role, context: &mut Context<'_, Node<S>>) -> bool {
        if (self.term, self.role) == (term, role) {
            return false;
        }
        context.observe(Observation::Term { term });
        context.observe(Observation::Role { role, term });
        (self.term, self.role) = (term, role);
        true
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
