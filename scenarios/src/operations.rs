//! What the operator wants: goals made up from a stream of random numbers, for the whole run, and those that are written down.
//!
//! Every goal says how things should be, not what to do about it: whatever came of the goals before, it can be reached
//! from there. What it simplifies: goals follow each other by the clock, whether the one before was reached or not, and who
//! makes them up knows nothing of those that are written down.

use whitewater_kv::Address;
use whitewater_kv::operator::{Goal, Style};
use whitewater_sim::Instant;
use whitewater_sim::rng::{Purpose, RunKey, Stream};

use crate::generate::{PlannedGoal, draw};
use crate::scenario::{OperatorKind, OperatorMix, Scenario};

/// The goals of the operator in a cluster of so many voters, in the order of time.
pub(crate) fn goals(scenario: &Scenario, servers: u32, key: &RunKey) -> Vec<PlannedGoal> {
    let addresses = |range: std::ops::Range<u32>| range.map(Address).collect();
    let members = servers + scenario.learners;
    let mut staff = Staff {
        voters: addresses(0..servers),
        learners: addresses(servers..members),
        all: addresses(0..members + scenario.spares),
    };
    // Place 0 draws the size of the cluster.
    let mut tasks: Vec<Task<'_>> = scenario
        .operator
        .iter()
        .zip(1..)
        .map(|(mix, place)| Task::new(mix, key.stream(Purpose::Scenario, place)))
        .collect();
    let mut goals = scenario.goals.clone();
    while let Some(next) = tasks.iter_mut().min_by_key(|task| task.next)
        && next.next.0 < scenario.timing.duration_ns
    {
        let not_before = next.next;
        goals.push(PlannedGoal { not_before, goal: next.step(&mut staff) });
    }
    goals.sort_by_key(|planned| planned.not_before);
    goals
}

/// Who would be what, if every goal was reached.
struct Staff {
    voters: Vec<Address>,
    learners: Vec<Address>,
    all: Vec<Address>,
}

/// A kind of work that comes up again and again.
struct Task<'s> {
    mix: &'s OperatorMix,
    stream: Stream,
    next: Instant,
    /// How far it has come with what takes several steps.
    stage: Stage,
}

#[derive(Clone, Copy)]
enum Stage {
    First,
    Second(Address),
    Third(Address),
}

impl<'s> Task<'s> {
    fn new(mix: &'s OperatorMix, mut stream: Stream) -> Task<'s> {
        let next = Instant::START.after(draw(mix.every, &mut stream));
        Task { mix, stream, next, stage: Stage::First }
    }

    fn step(&mut self, staff: &mut Staff) -> Goal {
        let goal = match &self.mix.kind {
            OperatorKind::Transfer => Goal::Transfer { to: self.one_of(&staff.voters) },
            OperatorKind::ForceSnapshot => Goal::Snapshot { of: self.one_of(&staff.all) },
            OperatorKind::Reconfigure { voters } => self.reconfigure(voters, staff),
            OperatorKind::AddLearnerAndPromote => self.add_learner_and_promote(staff),
            OperatorKind::Replace => self.replace(staff),
            OperatorKind::RemoveLeader => self.remove_leader(staff),
        };
        self.next = self.next.after(draw(self.mix.every, &mut self.stream).max(1));
        goal
    }

    fn one_of(&mut self, servers: &[Address]) -> Address {
        servers[self.stream.below(servers.len() as u64) as usize]
    }

    /// New voters from all servers, and perhaps a learner.
    fn reconfigure(&mut self, sizes: &[u32], staff: &mut Staff) -> Goal {
        let size = sizes[self.stream.below(sizes.len() as u64) as usize] as usize;
        let mut order = staff.all.clone();
        self.stream.shuffle(&mut order);
        let learners = self.stream.below(2) as usize;
        staff.voters = order[..size].to_vec();
        staff.learners = order[size..].iter().copied().take(learners).collect();
        staff.goal(Style::Joint)
    }

    /// A new learner; then it votes; then another voter goes.
    fn add_learner_and_promote(&mut self, staff: &mut Staff) -> Goal {
        self.stage = match self.stage {
            Stage::First => {
                let outside = staff.outside();
                if outside.is_empty() {
                    staff.dismiss(self.one_of(&staff.voters));
                    Stage::First
                } else {
                    let new = self.one_of(&outside);
                    staff.learners.push(new);
                    Stage::Second(new)
                }
            }
            Stage::Second(new) => {
                staff.promote(new);
                Stage::Third(new)
            }
            Stage::Third(new) => {
                let others: Vec<Address> = staff.voters.iter().copied().filter(|voter| *voter != new).collect();
                if !others.is_empty() {
                    staff.dismiss(self.one_of(&others));
                }
                Stage::First
            }
        };
        staff.goal(Style::Single)
    }

    /// A server that does not vote comes in place of one that does.
    fn replace(&mut self, staff: &mut Staff) -> Goal {
        let others: Vec<Address> = staff.all.iter().copied().filter(|server| !staff.voters.contains(server)).collect();
        if !others.is_empty() {
            let (new, old) = (self.one_of(&others), self.one_of(&staff.voters));
            staff.promote(new);
            staff.dismiss(old);
        }
        staff.goal(Style::Single)
    }

    /// A voter is made to lead; then it goes; then it comes back.
    fn remove_leader(&mut self, staff: &mut Staff) -> Goal {
        match self.stage {
            Stage::First => {
                let leader = self.one_of(&staff.voters);
                self.stage = Stage::Second(leader);
                return Goal::Transfer { to: leader };
            }
            Stage::Second(leader) => {
                staff.dismiss(leader);
                self.stage = Stage::Third(leader);
            }
            Stage::Third(leader) => {
                staff.promote(leader);
                self.stage = Stage::First;
            }
        }
        staff.goal(Style::Single)
    }
}

impl Staff {
    fn goal(&self, style: Style) -> Goal {
        Goal::Members { voters: self.voters.clone(), learners: self.learners.clone(), style }
    }

    /// The servers that are neither voters nor learners.
    fn outside(&self) -> Vec<Address> {
        let is_member = |server: &Address| self.voters.contains(server) || self.learners.contains(server);
        self.all.iter().copied().filter(|server| !is_member(server)).collect()
    }

    fn promote(&mut self, server: Address) {
        self.learners.retain(|learner| *learner != server);
        if !self.voters.contains(&server) {
            self.voters.push(server);
        }
    }

    /// Takes a voter out, unless it is the last one.
    fn dismiss(&mut self, server: Address) {
        if self.voters.len() > 1 {
            self.voters.retain(|voter| *voter != server);
        }
    }
}
