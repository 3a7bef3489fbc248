//! The operator as a node: works through its goals, and looks after servers that lost their disks.

use whitewater_kv::admin::AdminRequest;
use whitewater_kv::operator::OperatorHost;
use whitewater_kv::{Address, Message, Operator};
use whitewater_sim::{Context, NodeId};

use super::{NEXT_OPERATION, Node, POLL, Wire};
use crate::generate::PlannedGoal;

/// An operator and its goals.
pub struct OperatorNode {
    operator: Operator,
    goals: std::sync::Arc<[PlannedGoal]>,
    next: usize,
}

impl OperatorNode {
    pub(super) fn new(operator: Operator, goals: std::sync::Arc<[PlannedGoal]>) -> OperatorNode {
        OperatorNode { operator, goals, next: 0 }
    }

    pub(super) fn has_work(&self) -> bool {
        self.operator.is_busy() || self.next < self.goals.len()
    }

    /// Takes on the goals that are due, and waits for the next.
    pub(super) fn go_on(&mut self, context: &mut Context<'_, Node>) {
        while let Some(planned) = self.goals.get(self.next) {
            if planned.not_before > context.now() {
                let wait_ns = planned.not_before.since_ns(context.now());
                context.arm(NEXT_OPERATION, wait_ns);
                return;
            }
            self.next += 1;
            let goal = planned.goal.clone();
            context.note(format_args!("wants {goal:?}"));
            self.operator.pursue(goal, &mut Hands(context));
        }
    }

    pub(super) fn message(&mut self, from: NodeId, message: Message, context: &mut Context<'_, Node>) {
        match message {
            Message::AdminReply(reply) => self.operator.reply(Address(from.0), reply, &mut Hands(context)),
            Message::CameBack(id) => self.operator.came_back(Address(from.0), id, &mut Hands(context)),
            Message::Raft { .. } | Message::Request(_) | Message::Read(_) | Message::Reply(_) | Message::Admin(_) => {}
        }
    }

    pub(super) fn poll(&mut self, context: &mut Context<'_, Node>) {
        self.operator.timer(&mut Hands(context));
    }
}

struct Hands<'a, 'b>(&'a mut Context<'b, Node>);

impl OperatorHost for Hands<'_, '_> {
    fn ask(&mut self, to: Address, request: AdminRequest) {
        self.0.send(NodeId(to.0), Wire(Message::Admin(request)));
    }

    fn arm_poll(&mut self, after_ns: u64) {
        self.0.arm(POLL, after_ns);
    }
}
