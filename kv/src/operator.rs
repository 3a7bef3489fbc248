//! An operator: brings the cluster's membership to what is wanted, a step at a time (dissertation 4.2.1, 4.3, 3.10).
//!
//! It looks at the configuration that is in force, compares it with what it wants, and asks the leader for the next
//! step; so a lost message, a crashed leader or a step that was rolled back costs time and nothing else. New servers
//! are learners first and vote when they have caught up. A server that lost its disk reports under its new id, and takes
//! the place of its old one. What it simplifies: one operator at a time; a handover or snapshot is asked for until a
//! leader takes the request, and not pursued further.

use whitewater_raft::{Change, ChangeRequest, Configuration, Leave, NodeId};

use crate::admin::{AdminReply, AdminRequest, Stage, Status};
use crate::message::Address;

/// What an operator needs from the world.
pub trait OperatorHost {
    /// Sends a request. It may get lost.
    fn ask(&mut self, to: Address, request: AdminRequest);
    /// Arms the only timer, replacing its earlier deadline; the host tells [`Operator::timer`] when it runs out.
    fn arm_poll(&mut self, after_ns: u64);
}

/// What an operator is to bring about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Goal {
    /// These servers vote, those only learn, and nobody else is a member.
    Members {
        /// The voters.
        voters: Vec<Address>,
        /// The learners.
        learners: Vec<Address>,
        /// By which kind of steps.
        style: Style,
    },
    /// This server leads.
    Transfer {
        /// The server.
        to: Address,
    },
    /// This server takes a snapshot.
    Snapshot {
        /// The server.
        of: Address,
    },
}

/// By which kind of steps the membership changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// One server at a time (dissertation 4.1).
    Single,
    /// Through joint configurations (dissertation 4.3).
    Joint,
}

/// The membership that is wanted.
#[derive(Clone, Debug)]
struct Members {
    voters: Vec<Address>,
    learners: Vec<Address>,
    style: Style,
}

/// An operator of a cluster.
#[derive(Debug)]
pub struct Operator {
    /// The current id of the server at each address.
    ids: Vec<NodeId>,
    members: Members,
    /// Whether the membership is known to be as wanted.
    is_settled: bool,
    /// A handover or a snapshot that no leader has taken on yet.
    errand: Option<(Address, AdminRequest)>,
    /// Where the next question goes.
    target: usize,
    /// What came of the last one.
    heard: Heard,
    poll_ns: u64,
}

/// What came of an operator's last question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Heard {
    /// No answer yet.
    Nothing,
    /// Another server was named, and asked at once.
    Hint,
    /// An answer.
    Answer,
}

impl Operator {
    /// An operator of servers with these ids, in the order of their addresses from 0, of which the first `voters` vote
    /// and the next `learners` learn. It asks every `poll_ns` nanoseconds while there is something to do.
    ///
    /// # Panics
    /// If there are no servers.
    #[must_use]
    pub fn new(ids: Vec<NodeId>, voters: u32, learners: u32, poll_ns: u64) -> Operator {
        assert!(!ids.is_empty(), "an operator has servers to look after");
        let addresses = |range: std::ops::Range<u32>| range.map(Address).collect();
        Operator {
            ids,
            members: Members {
                voters: addresses(0..voters),
                learners: addresses(voters..voters + learners),
                style: Style::Single,
            },
            is_settled: true,
            errand: None,
            target: 0,
            heard: Heard::Answer,
            poll_ns,
        }
    }

    /// Whether there is something to do.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        !self.is_settled || self.errand.is_some()
    }

    /// Takes a goal on. A new membership replaces the one that was wanted before.
    pub fn pursue(&mut self, goal: Goal, host: &mut impl OperatorHost) {
        match goal {
            Goal::Members { voters, learners, style } => {
                self.members = Members { voters, learners, style };
                self.is_settled = false;
            }
            Goal::Transfer { to } => self.errand = Some((to, AdminRequest::Transfer { to: self.id(to) })),
            Goal::Snapshot { of } => self.errand = Some((of, AdminRequest::Snapshot)),
        }
        self.poll(host);
    }

    /// The server at `from` says that this is its id now: it lost what it had under the id before.
    pub fn came_back(&mut self, from: Address, id: NodeId, host: &mut impl OperatorHost) {
        let Some(known) = self.ids.get_mut(from.0 as usize) else { return };
        if *known != id {
            *known = id;
            self.is_settled = false;
            self.poll(host);
        }
    }

    /// It is time to look again. A server that did not answer may be down, and one that knows no leader is of no use.
    pub fn timer(&mut self, host: &mut impl OperatorHost) {
        match self.heard {
            Heard::Nothing | Heard::Hint => self.target = (self.target + 1) % self.ids.len(),
            Heard::Answer => {}
        }
        self.poll(host);
    }

    /// An answer arrived.
    pub fn reply(&mut self, from: Address, reply: AdminReply, host: &mut impl OperatorHost) {
        match reply {
            AdminReply::Status(status) => {
                self.heard = Heard::Answer;
                self.target = from.0 as usize % self.ids.len();
                self.go_on(&status, host);
            }
            AdminReply::Accepted => {
                if self.errand.as_ref().is_some_and(|(to, _)| *to == from || self.target == from.0 as usize) {
                    self.errand = None;
                }
            }
            AdminReply::Refused { leader: Some(leader), .. } if Address::from(leader) == from => {
                self.heard = Heard::Answer;
                // The leader will not hand over to that server; asking again would not change its mind.
                self.errand.take_if(|(_, request)| matches!(request, AdminRequest::Transfer { .. }));
            }
            AdminReply::Refused { leader: Some(leader), .. } => self.follow_hint(Address::from(leader), host),
            AdminReply::Refused { leader: None, .. } => {}
        }
    }

    /// Asks the server that is said to lead. One hint a look: two servers may name each other.
    fn follow_hint(&mut self, leader: Address, host: &mut impl OperatorHost) {
        let leader = leader.0 as usize;
        if self.heard == Heard::Nothing && leader < self.ids.len() && self.is_busy() {
            self.heard = Heard::Hint;
            self.target = leader;
            host.ask(Address(leader as u32), AdminRequest::Status);
        }
    }

    fn id(&self, address: Address) -> NodeId {
        self.ids.get(address.0 as usize).copied().unwrap_or(NodeId(address.0))
    }

    fn poll(&mut self, host: &mut impl OperatorHost) {
        if let Some((of, AdminRequest::Snapshot)) = &self.errand {
            host.ask(*of, AdminRequest::Snapshot);
        }
        if self.is_busy() {
            self.heard = Heard::Nothing;
            host.ask(Address(self.target as u32), AdminRequest::Status);
            host.arm_poll(self.poll_ns);
        }
    }

    /// A leader says how things stand: ask it for the next step.
    fn go_on(&mut self, status: &Status, host: &mut impl OperatorHost) {
        let leader = Address::from(status.leader);
        if let Some((to, request @ AdminRequest::Transfer { .. })) = &self.errand {
            if *to == leader {
                self.errand = None;
            } else {
                host.ask(leader, request.clone());
            }
            return;
        }
        let ids = |addresses: &[Address]| addresses.iter().map(|address| self.id(*address)).collect::<Vec<_>>();
        let (voters, learners) = (ids(&self.members.voters), ids(&self.members.learners));
        match next_step(status, &voters, &learners, self.members.style) {
            Step::Done => self.is_settled = true,
            Step::Wait => {}
            Step::Ask(request) => host.ask(leader, AdminRequest::Change(request)),
        }
    }
}

/// What to do next about the membership.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    /// Nothing: it is as wanted.
    Done,
    /// Nothing yet.
    Wait,
    /// Ask the leader for this.
    Ask(ChangeRequest),
}

/// The next step from the configuration in force to these voters and learners: new servers learn, then they are
/// promoted, then the others go.
fn next_step(status: &Status, voters: &[NodeId], learners: &[NodeId], style: Style) -> Step {
    let now: &Configuration = &status.configuration;
    if now.is_joint() || status.stage == Stage::UnderWay {
        return Step::Wait;
    }
    let is_wanted = |id: &NodeId| voters.contains(id) || learners.contains(id);
    let is_member = |id: &NodeId| now.is_voter(*id) || now.is_learner(*id);
    let lost = |id: &NodeId| {
        let same_address = |other: &NodeId| Address::from(*other) == Address::from(*id);
        !is_wanted(id) && voters.iter().chain(learners).any(same_address)
    };
    // A server that lost its disk will never answer under its old id.
    if let Some(lost) = now.members().into_iter().find(lost) {
        return Step::Ask(ChangeRequest::Single(Change::Remove(lost)));
    }
    let joining: Vec<Change> =
        voters.iter().chain(learners).filter(|id| !is_member(id)).map(|id| Change::AddLearner(*id)).collect();
    if !joining.is_empty() {
        return ask(joining, style);
    }
    let promoted: Vec<NodeId> = voters.iter().copied().filter(|id| !now.is_voter(*id)).collect();
    let can_vote = |id: &NodeId| status.ready.contains(id);
    let mut changes: Vec<Change> = match style {
        Style::Single => promoted.iter().copied().filter(can_vote).map(Change::AddVoter).collect(),
        Style::Joint => promoted.iter().copied().map(Change::AddVoter).collect(),
    };
    let waits = match style {
        Style::Single => changes.is_empty() && !promoted.is_empty(),
        Style::Joint => !promoted.iter().all(can_vote),
    };
    if waits {
        return Step::Wait;
    }
    let demoted = now.voters.iter().filter(|id| learners.contains(id)).map(|id| Change::AddLearner(*id));
    changes.extend(demoted);
    changes.extend(now.members().into_iter().filter(|id| !is_wanted(id)).map(Change::Remove));
    if changes.is_empty() { Step::Done } else { ask(changes, style) }
}

fn ask(changes: Vec<Change>, style: Style) -> Step {
    Step::Ask(match style {
        Style::Single => ChangeRequest::Single(changes[0]),
        Style::Joint => ChangeRequest::Joint { changes, leave: Leave::Automatic },
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn ids(numbers: &[u32]) -> Vec<NodeId> {
        numbers.iter().copied().map(NodeId).collect()
    }

    fn status(voters: &[u32], learners: &[u32], ready: &[u32]) -> Status {
        let configuration = Configuration { learners: ids(learners), ..Configuration::of_voters(ids(voters)) };
        Status {
            leader: NodeId(voters[0]),
            configuration: Arc::new(configuration),
            stage: Stage::Committed,
            ready: ids(ready),
        }
    }

    fn single(change: Change) -> Step {
        Step::Ask(ChangeRequest::Single(change))
    }

    fn joint(changes: &[Change]) -> Step {
        Step::Ask(ChangeRequest::Joint { changes: changes.to_vec(), leave: Leave::Automatic })
    }

    #[test]
    fn one_at_a_time_a_new_server_learns_is_promoted_and_the_old_one_goes() {
        let step = |status: &Status| next_step(status, &ids(&[0, 1, 3]), &[], Style::Single);
        assert_eq!(step(&status(&[0, 1, 2], &[], &[])), single(Change::AddLearner(NodeId(3))));
        assert_eq!(step(&status(&[0, 1, 2], &[3], &[])), Step::Wait);
        assert_eq!(step(&status(&[0, 1, 2], &[3], &[3])), single(Change::AddVoter(NodeId(3))));
        assert_eq!(step(&status(&[0, 1, 2, 3], &[], &[])), single(Change::Remove(NodeId(2))));
        assert_eq!(step(&status(&[0, 1, 3], &[], &[])), Step::Done);
    }

    #[test]
    fn jointly_all_promotions_and_removals_are_one_step() {
        let step = |status: &Status| next_step(status, &ids(&[0, 3, 4]), &ids(&[1]), Style::Joint);
        assert_eq!(
            step(&status(&[0, 1, 2], &[], &[])),
            joint(&[Change::AddLearner(NodeId(3)), Change::AddLearner(NodeId(4))])
        );
        assert_eq!(step(&status(&[0, 1, 2], &[3, 4], &[3])), Step::Wait);
        let all = [
            Change::AddVoter(NodeId(3)),
            Change::AddVoter(NodeId(4)),
            Change::AddLearner(NodeId(1)),
            Change::Remove(NodeId(2)),
        ];
        assert_eq!(step(&status(&[0, 1, 2], &[3, 4], &[3, 4])), joint(&all));
        assert_eq!(step(&status(&[0, 3, 4], &[1], &[])), Step::Done);
    }

    #[test]
    fn the_old_id_of_a_server_that_lost_its_disk_goes_first() {
        let again = 1 << 16 | 2;
        let step = |status: &Status| next_step(status, &ids(&[0, 1, again]), &[], Style::Joint);
        assert_eq!(step(&status(&[0, 1, 2], &[], &[])), single(Change::Remove(NodeId(2))));
        assert_eq!(step(&status(&[0, 1], &[], &[])), joint(&[Change::AddLearner(NodeId(again))]));
    }

    #[derive(Default)]
    struct Asked(Vec<(u32, AdminRequest)>);

    impl OperatorHost for Asked {
        fn ask(&mut self, to: Address, request: AdminRequest) {
            self.0.push((to.0, request));
        }
        fn arm_poll(&mut self, _: u64) {}
    }

    fn refused(leader: Option<u32>) -> AdminReply {
        AdminReply::Refused { leader: leader.map(NodeId), why: String::new() }
    }

    #[test]
    fn the_leader_is_found_by_hints_and_silent_servers_are_passed_over() {
        let (mut operator, mut host) = (Operator::new(ids(&[0, 1, 2]), 3, 0, 50), Asked::default());
        operator.pursue(Goal::Transfer { to: Address(1) }, &mut host);
        operator.reply(Address(0), refused(Some(2)), &mut host);
        operator.reply(Address(2), refused(Some(0)), &mut host);
        operator.timer(&mut host);
        operator.reply(Address(0), AdminReply::Status(status(&[0, 1, 2], &[], &[])), &mut host);
        let transfer = AdminRequest::Transfer { to: NodeId(1) };
        let status = AdminRequest::Status;
        assert_eq!(host.0, [(0, status.clone()), (2, status.clone()), (0, status), (0, transfer)]);
        operator.reply(Address(0), AdminReply::Accepted, &mut host);
        assert!(!operator.is_busy());
    }

    #[test]
    fn a_handover_that_the_leader_refuses_is_given_up() {
        let (mut operator, mut host) = (Operator::new(ids(&[0, 1]), 1, 1, 50), Asked::default());
        operator.pursue(Goal::Transfer { to: Address(1) }, &mut host);
        operator.reply(Address(0), refused(Some(0)), &mut host);
        assert!(!operator.is_busy());
    }

    #[test]
    fn nothing_is_asked_while_a_change_is_under_way() {
        let mut under_way = status(&[0, 1, 2], &[], &[]);
        under_way.stage = Stage::UnderWay;
        assert_eq!(next_step(&under_way, &ids(&[0, 1]), &[], Style::Single), Step::Wait);
        let mut entering = status(&[0, 1], &[], &[]);
        Arc::make_mut(&mut entering.configuration).outgoing = ids(&[0, 1, 2]);
        assert_eq!(next_step(&entering, &ids(&[0, 1]), &[], Style::Single), Step::Wait);
    }
}
