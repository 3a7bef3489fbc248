//! Terms, votes, roles and leaders (paper 5.1, 5.2, 5.4.1; dissertation 9.6).
//!
//! Votes are counted as they are sent: a vote that was cast stays cast, whatever becomes of the server that cast it.

use super::by_term::ByTerm;
use super::terms::TermLog;
use super::{Failure, Observer};
use crate::invariant::Check;
use crate::members::{Members, ServerId};
use crate::node::NodeId;
use crate::observe::{Promise, Role};

/// What is known of the elections of all terms.
#[derive(Debug, Default)]
pub(super) struct Elections {
    /// For each term the votes that were sent: who voted, and for whom.
    votes: ByTerm<Vec<(ServerId, ServerId)>>,
    /// Who became leader of which term.
    leaders: ByTerm<Leadership>,
    terms_led: usize,
    /// For each term in which entries were committed: the highest index committed in it or an earlier one.
    frontiers: ByTerm<u64>,
}

/// A leader of a term.
#[derive(Debug)]
pub(super) struct Leadership {
    node: NodeId,
    id: ServerId,
    /// Its log when it was elected. Whatever it added is of its term.
    log: TermLog,
}

impl Elections {
    /// The highest term that had a leader, and the leader.
    pub(super) fn latest(&self) -> Option<(u64, NodeId)> {
        self.leaders.latest().map(|(term, leadership)| (term, leadership.node))
    }

    pub(super) fn terms_led(&self) -> usize {
        self.terms_led
    }

    /// The term that the leader of a term has at an index, if it is known that it has an entry there.
    #[inline]
    pub(super) fn term_led_at(&self, term: u64, index: u64) -> Option<u64> {
        let log = &self.leaders.get(term)?.log;
        if index > log.last() { Some(term) } else { log.term_at(index) }
    }

    /// Whether a term had no leader, as far as terms are remembered.
    #[inline]
    pub(super) fn had_no_leader(&self, term: u64) -> bool {
        self.leaders.get(term).is_none() && self.leaders.first_term().is_some_and(|first| first < term)
    }

    /// Notes that a leader of this term committed up to this index.
    pub(super) fn committed(&mut self, term: u64, index: u64) {
        if index > self.frontiers.up_to(term).copied().unwrap_or_default() {
            *self.frontiers.get_or_insert_with(term, || index) = index;
            self.frontiers.after_mut(term).for_each(|later| *later = index.max(*later));
            self.frontiers.forget_oldest();
        }
    }

    /// The highest index that was committed in a term before this one.
    fn frontier_before(&self, term: u64) -> u64 {
        term.checked_sub(1).and_then(|before| self.frontiers.up_to(before)).copied().unwrap_or_default()
    }

    fn votes_for(&self, candidate: ServerId, term: u64) -> Members {
        let votes = self.votes.get(term).into_iter().flatten();
        Members::of(votes.filter(|(_, to)| *to == candidate).map(|(voter, _)| *voter))
    }
}

impl Observer {
    /// I11, for terms.
    pub(super) fn term(&mut self, node: NodeId, term: u64) -> Result<(), Failure> {
        let ghost = &mut self.nodes[node.index()];
        let before = std::mem::replace(&mut ghost.term, term);
        self.require(Check::Monotonic, before <= term, || format!("{node} went from term {before} back to {term}"))
    }

    /// I16, and what an election must have been like.
    pub(super) fn role(&mut self, node: NodeId, role: Role, term: u64) -> Result<(), Failure> {
        let ghost = &mut self.nodes[node.index()];
        let (before, before_term) = (ghost.role.replace(role), ghost.role_term);
        ghost.role_term = term;
        let is_new = before != Some(role) || before_term != term;
        if self.online {
            self.may_become(node, (before.unwrap_or(Role::Follower), before_term), (role, term))?;
        }
        if is_new {
            self.look();
        }
        match role {
            Role::Leader if is_new => self.elected(node, term),
            Role::Follower | Role::PreCandidate | Role::Candidate | Role::Leader => Ok(()),
        }
    }

    /// Figure 4 of the paper: who becomes a candidate begins a term, and only a candidate comes to lead, in its term.
    fn may_become(&self, node: NodeId, before: (Role, u64), after: (Role, u64)) -> Result<(), Failure> {
        let (role, term) = after;
        let (role_before, term_before) = before;
        let may = match (role_before, role) {
            (_, Role::Follower) => term >= term_before,
            (Role::Follower | Role::PreCandidate | Role::Candidate, Role::PreCandidate) => term >= term_before,
            (Role::Follower | Role::PreCandidate | Role::Candidate, Role::Candidate) => {
                term > term_before || after == before
            }
            (Role::Candidate | Role::Leader, Role::Leader) => term == term_before,
            (Role::Leader, Role::PreCandidate | Role::Candidate)
            | (Role::Follower | Role::PreCandidate, Role::Leader) => false,
        };
        self.require(Check::Roles, may, || {
            format!("{node} became {role} of term {term}, right after being {role_before} of term {term_before}")
        })?;
        let current = self.nodes[node.index()].term;
        self.require(Check::Roles, term == current, || {
            format!("{node} became {role} of term {term}, with its current term at {current}")
        })
    }

    /// I1 and I5: a node says that it leads a term.
    fn elected(&mut self, node: NodeId, term: u64) -> Result<(), Failure> {
        let ghost = &mut self.nodes[node.index()];
        ghost.matches.clear();
        let id = ghost.id;
        let log = if self.online { ghost.log.clone() } else { TermLog::default() };
        let elections = &mut self.elections;
        let leadership = elections.leaders.get_or_insert_with(term, || {
            elections.terms_led += 1;
            Leadership { node, id, log }
        });
        let (leader, leader_id) = (leadership.node, leadership.id);
        elections.leaders.forget_oldest();
        if !self.online {
            return Ok(());
        }
        self.require(Check::ElectionSafety, (leader, leader_id) == (node, id), || {
            format!("{node} became leader of term {term}, which {leader} already led")
        })?;
        self.elected_by_majority(node, term)?;
        let frontier = self.elections.frontier_before(term);
        self.is_complete(node, term, frontier)
    }

    fn elected_by_majority(&self, node: NodeId, term: u64) -> Result<(), Failure> {
        let ghost = &self.nodes[node.index()];
        let Some(configuration) = ghost.configuration() else { return Ok(()) };
        // Who votes alone sends its vote to nobody, but its disk has it.
        let is_alone = configuration.voters == Members::of([ghost.id]);
        let is_told = self.told.votes || (is_alone && self.told.disks);
        if !is_told {
            return Ok(());
        }
        let mut votes = self.elections.votes_for(ghost.id, term);
        if !self.told.disks || (ghost.disk.term, ghost.disk.vote) == (term, Some(ghost.id)) {
            votes = votes.union(Members::of([ghost.id]));
        }
        self.require_quorum(Check::ElectionSafety, configuration, votes, || {
            format!(
                "{node} became leader of term {term} with the votes of {} ({votes}), of the voters {}",
                votes.len(),
                configuration.voters
            )
        })
    }

    /// I5: a leader has what was committed before its term.
    pub(super) fn is_complete(&self, node: NodeId, term: u64, frontier: u64) -> Result<(), Failure> {
        let Some(committed) = self.records.committed(frontier) else { return Ok(()) };
        let holds = self.nodes[node.index()].log.holds(frontier, committed);
        self.require(Check::LeaderCompleteness, holds, || {
            format!("{node} leads term {term} without the entry of term {committed} committed at index {frontier}")
        })
    }

    /// A message leaves a node: I2, I10, I11 and I14.
    pub(super) fn sent(&mut self, node: NodeId, term: u64, promise: Promise) -> Result<(), Failure> {
        let ghost = &mut self.nodes[node.index()];
        ghost.term_sent = ghost.term_sent.max(term);
        let (id, durable) = (ghost.id, ghost.disk.term);
        self.require(Check::MessageTerm, durable >= term || !self.told.disks, || {
            format!("{node} sent a message of term {term}, with term {durable} on its disk")
        })?;
        match promise {
            Promise::Vote { to } => self.voted(node, term, to),
            Promise::AskVote => self.voted(node, term, id),
            Promise::Ack { matched } => self.acknowledged(node, term, matched),
            Promise::Other => Ok(()),
        }
    }

    /// I2: a vote leaves a node.
    fn voted(&mut self, node: NodeId, term: u64, to: ServerId) -> Result<(), Failure> {
        self.told.votes = true;
        let ghost = &self.nodes[node.index()];
        let voter = ghost.id;
        let votes = self.elections.votes.get_or_insert_with(term, Vec::new);
        let earlier = votes.iter().find(|(by, _)| *by == voter).map(|(_, earlier)| *earlier);
        if earlier.is_none() {
            votes.push((voter, to));
        }
        self.elections.votes.forget_oldest();
        self.require(Check::VoteOnce, earlier.is_none_or(|earlier| earlier == to), || {
            let earlier = earlier.unwrap_or_default();
            format!("{node} voted for {to} in term {term}, in which it voted for {earlier}")
        })?;
        let disk = &self.nodes[node.index()].disk;
        // In a term that is over on the disk too, nobody votes again.
        let durable = disk.term > term || (disk.term, disk.vote) == (term, Some(to));
        self.require(Check::VoteOnce, durable || !self.told.disks, || {
            format!("{node} sent its vote for {to} in term {term}, which is not on its disk")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::by_term::TERMS_KEPT;
    use super::super::testing::{A, B, C, Play, id};
    use super::*;
    use crate::observe::Observation;

    fn vote(to: NodeId) -> Promise {
        Promise::Vote { to: id(to) }
    }

    #[test]
    fn an_election_is_legal() {
        let observer = Play::led().becomes(A, Role::Leader, 1).follows(C, 1).elects(C, 2, &[B]).passes();
        assert_eq!((observer.leader(), observer.terms_led()), (Some(C), 2));
    }

    #[test]
    fn the_leader_is_the_one_of_the_highest_term_while_it_leads() {
        assert_eq!(Play::cluster().passes().leader(), None);
        assert_eq!(Play::led().passes().leader(), Some(A));
        assert_eq!(Play::led().crashes(A).passes().leader(), None);
        assert_eq!(Play::led().becomes(A, Role::Follower, 1).passes().leader(), None);
    }

    #[test]
    fn two_leaders_of_a_term() {
        let one = Play::empty().enters(A, 3).becomes(A, Role::Candidate, 3).becomes(A, Role::Leader, 3);
        one.enters(B, 3).becomes(B, Role::Candidate, 3).becomes(B, Role::Leader, 3).fails(Check::ElectionSafety);
    }

    #[test]
    fn a_leader_without_a_majority() {
        Play::cluster().elects(A, 1, &[]).fails(Check::ElectionSafety);
    }

    #[test]
    fn a_leader_by_a_vote_of_another_term() {
        let late = Play::cluster().stands(A, 1).votes(B, 1, A);
        late.stands(A, 2).becomes(A, Role::Leader, 2).fails(Check::ElectionSafety);
    }

    #[test]
    fn a_leader_whose_own_vote_is_not_durable() {
        let asks = Play::cluster().persists(A, 1, None).enters(A, 1).becomes(A, Role::Candidate, 1);
        asks.votes(B, 1, A).becomes(A, Role::Leader, 1).fails(Check::ElectionSafety);
    }

    #[test]
    fn a_leader_by_the_vote_of_no_member() {
        let stranger = NodeId(3);
        let joins = Play::cluster().says(stranger, Observation::Booted { id: id(stranger), term: 0, vote: None });
        joins.boot_ends(stranger).elects(A, 1, &[stranger]).fails(Check::VotersOnly);
    }

    #[test]
    fn a_vote_for_two_candidates() {
        let votes = Play::cluster().votes(A, 1, B).sends(A, 1, vote(B));
        votes.persists(A, 1, Some(C)).sends(A, 1, vote(C)).fails(Check::VoteOnce);
    }

    #[test]
    fn a_vote_for_another_after_standing_oneself() {
        Play::cluster().stands(A, 1).persists(A, 1, Some(B)).sends(A, 1, vote(B)).fails(Check::VoteOnce);
    }

    #[test]
    fn a_vote_that_is_not_durable() {
        Play::cluster().persists(A, 1, None).enters(A, 1).sends(A, 1, vote(B)).fails(Check::VoteOnce);
        Play::cluster().persists(A, 1, None).enters(A, 1).sends(A, 1, Promise::AskVote).fails(Check::VoteOnce);
    }

    #[test]
    fn a_vote_may_leave_when_its_term_is_over() {
        let votes = Play::cluster().persists(A, 1, Some(B)).persists(A, 2, None);
        votes.sends(A, 1, vote(B)).passes();
    }

    #[test]
    fn a_leader_without_what_was_committed() {
        let committed = Play::led().store(&[A, B], 1, 1).commits(A, 1);
        committed.clone().elects(B, 2, &[C]).passes();
        committed.elects(C, 2, &[B]).fails(Check::LeaderCompleteness);
    }

    #[test]
    fn what_a_stale_leader_commits_the_next_one_has() {
        // A learns late that its entry is on a majority; by then C leads without it.
        let late = Play::led().store(&[A, B], 1, 1).elects(C, 2, &[B]);
        late.commits(A, 1).fails(Check::LeaderCompleteness);
    }

    #[test]
    fn a_leader_of_a_stale_term_need_not_have_what_a_later_one_committed() {
        let later = Play::cluster().stands(C, 1).votes(B, 1, C).elects(A, 2, &[B]).store(&[A, B], 1, 2).commits(A, 1);
        later.becomes(C, Role::Leader, 1).passes();
    }

    #[test]
    fn a_term_that_falls() {
        Play::cluster().enters(A, 4).enters(A, 3).fails(Check::Monotonic);
    }

    #[test]
    fn a_message_of_a_term_that_is_not_durable() {
        let enters = Play::cluster().persists(A, 3, None).enters(A, 4);
        enters.clone().sends(A, 3, Promise::Other).passes();
        enters.sends(A, 4, Promise::Other).fails(Check::MessageTerm);
    }

    #[test]
    fn roles_that_figure_4_does_not_know() {
        let at = |role: Role| match role {
            Role::Follower => Play::cluster().enters(A, 1).becomes(A, Role::Follower, 1),
            Role::PreCandidate => Play::cluster().enters(A, 1).becomes(A, Role::PreCandidate, 1),
            Role::Candidate => Play::cluster().stands(A, 1),
            Role::Leader => Play::led(),
        };
        for (from, to, term) in [
            (Role::Follower, Role::Leader, 1),
            (Role::PreCandidate, Role::Leader, 1),
            (Role::Leader, Role::Candidate, 2),
            (Role::Leader, Role::PreCandidate, 1),
            (Role::Candidate, Role::Leader, 2),
            (Role::Leader, Role::Leader, 2),
            (Role::Follower, Role::Candidate, 1),
        ] {
            at(from).enters(A, term).becomes(A, to, term).fails(Check::Roles);
        }
        Play::cluster().enters(A, 2).becomes(A, Role::Follower, 1).fails(Check::Roles);
        for (from, to, term) in [
            (Role::Follower, Role::PreCandidate, 1),
            (Role::Follower, Role::Candidate, 2),
            (Role::PreCandidate, Role::Candidate, 2),
            (Role::Candidate, Role::Candidate, 1),
            (Role::Candidate, Role::Candidate, 2),
            (Role::Candidate, Role::PreCandidate, 1),
            (Role::Leader, Role::Follower, 1),
        ] {
            at(from).enters(A, term).becomes(A, to, term).passes();
        }
    }

    #[test]
    fn terms_long_over_are_forgotten() {
        let mut elections = Elections::default();
        for term in 1..5_000 {
            elections.committed(term, term);
        }
        assert_eq!((elections.frontiers.len(), elections.frontier_before(5_000)), (TERMS_KEPT, 4_999));
        elections.committed(4_998, 7_000);
        assert_eq!((elections.frontier_before(4_998), elections.frontier_before(4_999)), (4_997, 7_000));
        assert_eq!(elections.frontier_before(5_000), 7_000);
    }
}
