//! The order in which a run's operations took effect, as the replicated log says: the witness of its history.

use whitewater_kv::client::Name;
use whitewater_sim::World;
use whitewater_sim::history::OperationId;
use whitewater_sim::observer::Effect;

use super::ClientNode;
use crate::system::Participant;

/// The operations that took effect, in the order of the log: each at the entry that executed it first, each read past
/// the log right behind the last entry that its answer reflects.
#[must_use]
pub fn witness<P: Participant>(world: &World<P>) -> Vec<OperationId> {
    let clients = || world.processes().filter_map(|(_, node)| node.as_client());
    let mut names: Vec<(Name, OperationId)> = clients().flat_map(ClientNode::names).collect();
    names.sort_unstable();
    let mut reads: Vec<(u64, OperationId)> = clients().flat_map(|client| client.served().iter().copied()).collect();
    // Reads of the same state may be in any order that respects time, as that of their beginnings does.
    reads.sort_unstable();
    let mut reads = reads.into_iter().peekable();
    let mut order = Vec::with_capacity(names.len() + reads.len());
    for Effect { index, session, sequence } in world.observer().effects() {
        while let Some((_, read)) = reads.next_if(|(reflected, _)| *reflected < index) {
            order.push(read);
        }
        let name = Name { session, sequence };
        order.extend(names.binary_search_by_key(&name, |(name, _)| *name).ok().map(|place| names[place].1));
    }
    order.extend(reads.map(|(_, read)| read));
    order
}
