//! State machines: what is applied, once; and snapshots of the result (paper 5.4.3, 7; dissertation 5, 6.3).

use std::collections::{BTreeMap, VecDeque};

use super::records::Applied;
use super::{Failure, Observer};
use crate::invariant::Check;
use crate::kernel::Keep;
use crate::node::NodeId;
use crate::observe::Role;

/// The execution of a client's request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Effect {
    /// The index of its entry.
    pub index: u64,
    /// The session of the request.
    pub session: u64,
    /// The number of the request in its session.
    pub sequence: u64,
}

/// How many snapshots are remembered beside the records of their indexes.
const SNAPSHOTS_KEPT: usize = 64;

/// Everything that was executed, in the order of the log.
#[derive(Debug, Default)]
pub(super) struct Effects {
    list: VecDeque<Effect>,
    /// How many effects are gone from the beginning of the list.
    gone: u64,
    /// How many effects are gone from `executed`.
    forgotten: u64,
    /// For each session its requests that were executed, in their order, with the index of each.
    executed: BTreeMap<u64, VecDeque<(u64, u64)>>,
}

impl Effects {
    pub(super) fn iter(&self) -> impl Iterator<Item = Effect> {
        self.list.iter().copied()
    }

    fn at(&self, number: u64) -> Option<Effect> {
        self.list.get(number.checked_sub(self.gone)? as usize).copied()
    }

    /// The number of the first effect at an index or behind it.
    fn first_from(&self, index: u64) -> u64 {
        let first = match self.list.back() {
            Some(last) if last.index < index => self.list.len(),
            Some(_) | None => self.list.partition_point(|effect| effect.index < index),
        };
        self.gone + first as u64
    }

    /// The index at which a request was executed before, if it was elsewhere. Remembers a new one.
    fn execute(&mut self, effect: Effect) -> Option<u64> {
        if self.list.back().is_none_or(|last| last.index < effect.index) {
            self.list.push_back(effect);
        }
        let requests = self.executed.entry(effect.session).or_default();
        let new = (effect.sequence, effect.index);
        if requests.back().is_none_or(|(latest, _)| *latest < effect.sequence) {
            requests.push_back(new);
            return None;
        }
        match requests.binary_search_by_key(&effect.sequence, |(sequence, _)| *sequence) {
            Ok(place) => Some(requests[place].1).filter(|index| *index != effect.index),
            Err(place) => {
                requests.insert(place, new);
                None
            }
        }
    }

    /// Forgets that a request was executed.
    fn forget_executed(&mut self, effect: Effect) {
        let Some(requests) = self.executed.get_mut(&effect.session) else { return };
        if let Ok(place) = requests.binary_search_by_key(&effect.sequence, |(sequence, _)| *sequence) {
            requests.remove(place);
        }
        if requests.is_empty() {
            self.executed.remove(&effect.session);
        }
    }

    pub(super) fn forget(&mut self, through: u64, keep: Keep) {
        while let Some(effect) = self.at(self.forgotten).filter(|effect| effect.index <= through) {
            self.forget_executed(effect);
            self.forgotten += 1;
        }
        match keep {
            Keep::Everything => {}
            Keep::Nothing => {
                let gone = self.forgotten - self.gone;
                self.list.drain(..gone as usize);
                self.gone = self.forgotten;
            }
        }
    }
}

/// The states of the latest snapshots.
#[derive(Debug, Default)]
pub(super) struct Snapshots(BTreeMap<u64, u64>);

impl Snapshots {
    fn remember(&mut self, index: u64, state: u64) {
        self.0.entry(index).or_insert(state);
        if self.0.len() > SNAPSHOTS_KEPT {
            self.0.pop_first();
        }
    }
}

impl Observer {
    /// I21.
    pub(super) fn executed(&mut self, node: NodeId, effect: Effect) -> Result<(), Failure> {
        let ghost = &mut self.nodes[node.index()];
        let number = ghost.next_effect;
        ghost.next_effect += 1;
        if self.effects.at(number) == Some(effect) || effect.index <= self.records.forgotten() {
            return Ok(());
        }
        // The first to execute it, or back after a snapshot: its place has to be looked for.
        let elsewhere = self.effects.execute(effect);
        ghost.next_effect = self.effects.first_from(effect.index.saturating_add(1));
        let Effect { index, session, sequence } = effect;
        self.require(Check::ExactlyOnce, elsewhere.is_none(), || {
            let before = elsewhere.unwrap_or_default();
            format!(
                "{node} executed request {sequence} of session {session} at index {index}, which was executed at {before}"
            )
        })
    }

    /// I6, I11, I13, I23.
    pub(super) fn applied(
        &mut self,
        node: NodeId,
        index: u64,
        term: u64,
        payload: u64,
        state: u64,
    ) -> Result<(), Failure> {
        let ghost = &mut self.nodes[node.index()];
        let before = std::mem::replace(&mut ghost.applied, index);
        let commit = ghost.commit;
        ghost.state = state;
        self.applied_max = self.applied_max.max(index);
        if !self.online {
            return Ok(());
        }
        self.require(Check::Monotonic, index == before + 1, || {
            format!("{node} applied index {index} right after {before}")
        })?;
        self.require(Check::Order, index <= commit || !self.told.logs, || {
            format!("{node} applied index {index}, with entries committed up to {commit}")
        })?;
        let mine = Applied { entry: (term, payload), state, by: node };
        let Some(record) = self.records.record_mut(index) else { return Ok(()) };
        let first = *record.applied.get_or_insert(mine);
        let committed = record.committed;
        self.require(Check::StateMachineSafety, committed == 0 || committed == term, || {
            format!(
                "{node} applied an entry of term {term} at index {index}, where one of term {committed} is committed"
            )
        })?;
        self.require(Check::StateMachineSafety, first.entry == mine.entry, || {
            format!(
                "{node} applied an entry at index {index} that differs from the one that {} applied there",
                first.by
            )
        })?;
        self.require(Check::ReplicaAgreement, first.state == state, || {
            format!("{node} has another state than {} after applying index {index}", first.by)
        })
    }

    /// I13 and I22: a node has a snapshot of its own.
    pub(super) fn snapshot_taken(&mut self, node: NodeId, index: u64, state: u64) -> Result<(), Failure> {
        let ghost = &mut self.nodes[node.index()];
        let before = std::mem::replace(&mut ghost.snapshot, index);
        let applied = ghost.applied;
        if !self.online {
            return Ok(());
        }
        self.require(Check::Monotonic, before <= index, || {
            format!("{node} took a snapshot at {index}, after one at {before}")
        })?;
        self.require(Check::Order, index <= applied, || {
            format!("{node} took a snapshot at {index}, with entries applied up to {applied}")
        })?;
        self.snapshot_is_true(node, index, state)?;
        self.snapshots.remember(index, state);
        Ok(())
    }

    /// I3, I11, I22: a node replaces its state by a snapshot.
    pub(super) fn restored(&mut self, node: NodeId, index: u64, term: u64, state: u64) -> Result<(), Failure> {
        let ghost = &mut self.nodes[node.index()];
        let (applied, commit, role) = (ghost.applied, ghost.commit, ghost.role);
        if ghost.log.term_at(index) != Some(term) {
            ghost.configurations.clear();
            let committed = self.configurations.iter().rev().find(|committed| committed.index <= index);
            ghost.configurations.extend(committed);
        }
        ghost.logs_replaced.push_back((index, ghost.log.clone()));
        ghost.log.restore(index, term);
        ghost.forget_configurations(index);
        (ghost.snapshot, ghost.applied, ghost.commit, ghost.state) = (index, index, index, state);
        self.applied_max = self.applied_max.max(index);
        if !self.online {
            return Ok(());
        }
        self.tell_disk_at_boot(node, |disk| disk.log.restore(index, term));
        self.require(Check::LeaderAppendOnly, role != Some(Role::Leader), || {
            format!("{node} replaced its log by a snapshot at {index} while it led")
        })?;
        self.require(Check::Monotonic, applied <= index && commit <= index, || {
            format!(
                "{node} restored a snapshot at {index}, with entries committed up to {commit}, applied up to {applied}"
            )
        })?;
        self.snapshot_is_committed(node, index, term)?;
        self.snapshot_is_true(node, index, state)?;
        self.forget();
        Ok(())
    }

    fn snapshot_is_committed(&self, node: NodeId, index: u64, term: u64) -> Result<(), Failure> {
        let frontier = self.frontier.index;
        // Who tells neither of its log nor of commitment is not asked for it.
        let is_untold = self.elections.latest().is_none() || (frontier == 0 && !self.told.logs);
        self.require(Check::Snapshot, index <= frontier || is_untold, || {
            format!("{node} restored a snapshot at {index}, with entries committed up to {frontier}")
        })?;
        let committed = self.records.committed(index);
        self.require(Check::Snapshot, committed.is_none_or(|committed| committed == term), || {
            let committed = committed.unwrap_or_default();
            format!("{node} has a snapshot that ends in term {term} at {index}, where term {committed} is committed")
        })
    }

    fn snapshot_is_true(&self, node: NodeId, index: u64, state: u64) -> Result<(), Failure> {
        let applied = self.records.get(index).and_then(|record| record.applied).map(|applied| applied.state);
        let known = applied.or_else(|| self.snapshots.0.get(&index).copied());
        self.require(Check::Snapshot, known.is_none_or(|known| known == state), || {
            format!("{node} has another state in its snapshot at {index} than the log leads to there")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{A, B, C, Play};
    use super::*;
    use crate::invariant::Checks;
    use crate::observe::Observation;

    /// Two entries, committed everywhere.
    fn committed() -> Play {
        let stored = Play::led().follows(C, 1).store(&[A, B, C], 1, 1).store(&[A, B, C], 2, 1);
        stored.commits(A, 2).commits(B, 2).commits(C, 2)
    }

    fn execute(index: u64, session: u64, sequence: u64) -> Observation {
        Observation::Executed { index, session, sequence }
    }

    #[test]
    fn an_entry_applied_twice_or_left_out() {
        committed().applies(A, 1, 1).applies(A, 1, 1).fails(Check::Monotonic);
        committed().applies(A, 2, 1).fails(Check::Monotonic);
    }

    #[test]
    fn an_entry_applied_before_it_is_committed() {
        committed().store(&[A], 3, 1).applies(A, 1, 1).applies(A, 2, 1).applies(A, 3, 1).fails(Check::Order);
    }

    #[test]
    fn who_says_nothing_of_logs_is_not_asked_what_is_committed() {
        Play::empty().says(A, applied(1)).says(B, applied(1)).passes();
    }

    fn applied(index: u64) -> Observation {
        Observation::Applied { index, term: 1, payload: index, state: index }
    }

    #[test]
    fn different_entries_or_states_at_an_applied_index() {
        let second = |payload, term, state| {
            committed().applies(A, 1, 1).says(B, Observation::Applied { index: 1, term, payload, state })
        };
        second(1, 1, 1).passes();
        second(2, 1, 1).fails(Check::StateMachineSafety);
        second(1, 2, 1).fails(Check::StateMachineSafety);
        second(1, 1, 2).fails(Check::ReplicaAgreement);
    }

    #[test]
    fn an_applied_entry_that_is_not_the_committed_one() {
        committed().applies(A, 1, 2).fails(Check::StateMachineSafety);
    }

    #[test]
    fn a_request_executed_twice() {
        let once = committed().says(A, execute(1, 7, 1)).applies(A, 1, 1).says(B, execute(1, 7, 1)).applies(B, 1, 1);
        once.clone().says(A, execute(2, 7, 2)).says(B, execute(2, 7, 2)).says(C, execute(1, 7, 1)).passes();
        once.clone().says(A, execute(2, 8, 1)).passes();
        once.clone().says(A, execute(2, 7, 1)).fails(Check::ExactlyOnce);
        once.says(C, execute(2, 7, 1)).fails(Check::ExactlyOnce);
    }

    #[test]
    fn effects_are_in_the_order_of_the_log_whoever_executes_first() {
        let play = committed().says(A, execute(1, 7, 1)).says(B, execute(1, 7, 1)).says(B, execute(2, 8, 1));
        let back = play.says(A, execute(2, 8, 1)).crashes(C).begins_to_boot(C, 1, None);
        let observer = back.appends(C, 1, 1).appends(C, 2, 1).boot_ends(C).says(C, execute(2, 8, 1)).passes();
        let effects: Vec<(u64, u64)> = observer.effects().map(|effect| (effect.index, effect.session)).collect();
        assert_eq!(effects, [(1, 7), (2, 8)]);
    }

    #[test]
    fn effects_are_forgotten_or_kept() {
        let forget = |keep| {
            let mut effects = Effects::default();
            (1..=9).for_each(|index| assert_eq!(effects.execute(Effect { index, session: index, sequence: 1 }), None));
            effects.forget(4, keep);
            effects.forget(6, keep);
            assert_eq!(effects.at(7).map(|effect| effect.index), Some(8));
            assert_eq!(effects.first_from(8), 7);
            (effects.list.len(), effects.executed.len())
        };
        assert_eq!((forget(Keep::Everything), forget(Keep::Nothing)), ((9, 3), (3, 3)));
    }

    #[test]
    fn a_snapshot_of_another_state() {
        let applied = committed().applies(A, 1, 1).applies(A, 2, 1);
        let taken = |index, state| applied.clone().says(A, Observation::SnapshotTaken { index, state });
        taken(1, 1).passes();
        taken(2, 2).passes();
        taken(1, 2).fails(Check::Snapshot);
        let restored = |state| applied.clone().says(B, Observation::Restored { index: 2, term: 1, state });
        restored(2).passes();
        restored(1).fails(Check::Snapshot);
    }

    #[test]
    fn a_snapshot_of_what_is_not_applied_or_older_than_the_last() {
        let applied = committed().applies(A, 1, 1).applies(A, 2, 1);
        let taken = applied.says(A, Observation::SnapshotTaken { index: 2, state: 2 });
        taken.clone().says(A, Observation::SnapshotTaken { index: 1, state: 1 }).fails(Check::Monotonic);
        taken.says(A, Observation::SnapshotTaken { index: 3, state: 3 }).fails(Check::Order);
    }

    #[test]
    fn a_snapshot_of_what_is_not_committed() {
        let restored = |index, term| Observation::Restored { index, term, state: 0 };
        committed().says(C, restored(3, 1)).fails(Check::Snapshot);
        committed().follows(B, 2).says(B, restored(2, 2)).fails(Check::Snapshot);
    }

    #[test]
    fn a_snapshot_that_takes_a_server_back() {
        let applied = committed().applies(B, 1, 1).applies(B, 2, 1);
        applied.says(B, Observation::Restored { index: 1, term: 1, state: 1 }).fails(Check::Monotonic);
    }

    #[test]
    fn a_leader_that_takes_a_snapshot_for_its_log() {
        let restored = Observation::Restored { index: 2, term: 1, state: 0 };
        committed().says(A, restored).fails(Check::LeaderAppendOnly);
    }

    #[test]
    fn a_snapshot_keeps_the_entries_behind_it() {
        let behind = committed().store(&[A, B], 3, 1).applies(A, 1, 1).applies(A, 2, 1);
        let restored = behind.says(B, Observation::Restored { index: 2, term: 1, state: 2 });
        restored.clone().commits(A, 3).commits(B, 3).passes();
        restored.commits(A, 3).appends(B, 3, 1).passes();
    }

    #[test]
    fn without_checks_the_state_is_still_known() {
        let observer = committed().applies(A, 1, 1).passes_with(Checks::none(), Keep::Everything);
        assert_eq!((observer.applied_max(), observer.committed_max()), (1, 2));
        let differs = observer.divergence().expect("only A applied something");
        assert!(differs.starts_with("n0 applied 1 entries"), "{differs}");
    }
}
