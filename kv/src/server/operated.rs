//! A server under an operator: the membership, handovers of leadership, snapshots on request ([`crate::admin`]).

use std::fmt::Display;
use std::sync::Arc;

use whitewater_raft::{Change, ChangeRequest, Effect, Input, NodeId, Role};

use super::{Host, Origin, Server};
use crate::admin::{AdminReply, AdminRequest, Stage, Status};
use crate::message::{Address, Message};

impl Server {
    pub(super) fn admin<H: Host>(&mut self, from: Address, request: AdminRequest, host: &mut H) {
        match request {
            AdminRequest::Status => match self.status() {
                Some(status) => answer(from, AdminReply::Status(status), host),
                None => refused(from, self.replica.leader(), &"this server does not lead", host),
            },
            AdminRequest::Change(request) => match self.unready(&request) {
                Some(learner) => {
                    let gap = self.promotion_gap_max;
                    let why = format!("{learner} lacks more than {gap} entries: wait until it has them");
                    refused(from, self.replica.leader(), &why, host);
                }
                None => {
                    let proposal = self.next_proposal();
                    self.step(Input::ChangeMembership { proposal, request }, Origin::Operator(from), host);
                }
            },
            AdminRequest::Transfer { to } => {
                self.replica.step(Input::Transfer { to }, host, &mut self.effects);
                let is_refused = self
                    .effects
                    .iter()
                    .any(|effect| matches!(effect, Effect::TransferRefused { to: of, .. } if *of == to));
                self.carry_out(Origin::Operator(from), host);
                if !is_refused {
                    accepted(from, host);
                }
            }
            AdminRequest::Snapshot => {
                self.take_snapshot(host);
                accepted(from, host);
            }
        }
    }

    /// How things stand, if this server leads.
    fn status(&self) -> Option<Status> {
        if self.replica.role() != Role::Leader {
            return None;
        }
        let configuration = self.replica.configuration();
        let is_committed = self.replica.configuration_index() <= self.replica.commit();
        let ready = configuration.learners.iter().copied().filter(|learner| self.is_ready(*learner));
        Some(Status {
            leader: self.replica.id(),
            ready: ready.collect(),
            configuration: Arc::new(configuration.clone()),
            stage: if is_committed { Stage::Committed } else { Stage::UnderWay },
        })
    }

    /// Whether a learner lacks so little that it can be promoted.
    fn is_ready(&self, learner: NodeId) -> bool {
        let last = self.replica.last_index().0;
        self.replica
            .progress(learner)
            .is_some_and(|progress| progress.matched.0.saturating_add(self.promotion_gap_max) >= last)
    }

    /// A learner that a request would promote too early. A new server that becomes a voter at once is the operator's
    /// own decision.
    fn unready(&self, request: &ChangeRequest) -> Option<NodeId> {
        let changes = match request {
            ChangeRequest::Single(change) => std::slice::from_ref(change),
            ChangeRequest::Joint { changes, .. } => changes,
            ChangeRequest::LeaveJoint => return None,
        };
        let configuration = self.replica.configuration();
        let promoted = changes.iter().filter_map(|change| match change {
            Change::AddVoter(id) if configuration.is_learner(*id) => Some(*id),
            Change::AddVoter(_) | Change::AddLearner(_) | Change::Remove(_) => None,
        });
        promoted.into_iter().find(|learner| self.replica.role() == Role::Leader && !self.is_ready(*learner))
    }
}

pub(super) fn accepted<H: Host>(operator: Address, host: &mut H) {
    answer(operator, AdminReply::Accepted, host);
}

pub(super) fn refused<H: Host>(operator: Address, leader: Option<NodeId>, why: &dyn Display, host: &mut H) {
    answer(operator, AdminReply::Refused { leader, why: why.to_string() }, host);
}

fn answer<H: Host>(operator: Address, reply: AdminReply, host: &mut H) {
    host.send(operator, Message::AdminReply(reply));
}
