//! Reads outside the log (dissertation 6.4): what they must reflect, and that a lease is one.

use super::{Failure, Observer};
use crate::invariant::Check;
use crate::node::NodeId;

/// The most reads of one incarnation that are remembered: those that were refused are never heard of again.
const READS_KEPT: usize = 4_096;

impl Observer {
    /// A read must reflect what is committed now.
    pub(super) fn read_began(&mut self, node: NodeId, read: u64) {
        let floor = self.frontier.index;
        let reads = &mut self.nodes[node.index()].reads;
        reads.insert(read, floor);
        if reads.len() > READS_KEPT {
            reads.pop_first();
        }
    }

    /// I19.
    pub(super) fn read_served(&mut self, node: NodeId, read: u64, applied: u64) -> Result<(), Failure> {
        let floor = self.nodes[node.index()].reads.remove(&read).unwrap_or_default();
        self.require(Check::ReadFloor, floor <= applied, || {
            format!("{node} served read {read} from index {applied}, and {floor} was committed before it began")
        })
    }

    /// I20.
    pub(super) fn lease_read(&self, node: NodeId, term: u64) -> Result<(), Failure> {
        let latest = self.elections.latest().filter(|(latest, _)| *latest > term);
        self.require(Check::Lease, latest.is_none(), || {
            let (latest, leader) = latest.unwrap_or((term, node));
            format!("{node} let a read pass by its lease of term {term}, after {leader} came to lead term {latest}")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{A, B, C, Play};
    use super::*;
    use crate::observe::Observation;

    #[test]
    fn a_read_reflects_what_was_committed_before_it() {
        let began = Play::led().store(&[A, B], 1, 1).commits(A, 1).says(C, Observation::ReadBegan { read: 4 });
        let served = |applied| Observation::ReadServed { read: 4, applied };
        began.clone().says(C, served(1)).passes();
        began.clone().store(&[A, B], 2, 1).commits(A, 2).says(C, served(1)).passes();
        began.says(C, served(0)).fails(Check::ReadFloor);
    }

    #[test]
    fn reads_are_numbered_by_incarnations() {
        let before = Play::led().store(&[A, B], 1, 1).says(C, Observation::ReadBegan { read: 4 }).commits(A, 1);
        let again = before.crashes(C).boots(C, 0, None).says(C, Observation::ReadBegan { read: 4 });
        again.says(C, Observation::ReadServed { read: 4, applied: 0 }).fails(Check::ReadFloor);
    }

    #[test]
    fn reads_that_are_never_heard_of_again_do_not_pile_up() {
        let mut observer = Play::led().passes();
        (0..10_000).for_each(|read| observer.read_began(A, read));
        assert_eq!(observer.nodes[A.index()].reads.len(), READS_KEPT);
    }

    #[test]
    fn a_lease_ends_before_the_next_leader_is_elected() {
        let lease = Observation::LeaseRead { term: 1 };
        Play::led().says(A, lease).stands(C, 2).says(A, lease).passes();
        Play::led().elects(C, 2, &[B]).says(A, lease).fails(Check::Lease);
        Play::led().elects(C, 2, &[B]).crashes(C).says(A, lease).fails(Check::Lease);
    }
}
