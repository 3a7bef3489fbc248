//! Random interleavings: messages delivered, dropped, doubled and reordered, links that are cut, timers, clocks that
//! drift, slow disks, crashes with torn writes, restarts, snapshots, changes of the configuration, transfers, reads.
//! Safety is checked after every step; then the faults end, and the cluster has to elect a leader and commit.
//!
//! Time is simplified: a timer fires when the adversary says so, and true time jumps to its deadline if it is not there
//! yet. So no timer is early, any may be late, and a lease can be checked against what is true. Clocks are set forward,
//! never back: against that a lease is safe only if timers are prompt.

use std::cell::RefCell;
use std::collections::BTreeMap;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{Config as RunnerConfig, RngAlgorithm, TestRng, TestRunner};
use whitewater_raft::config::{PreVote, QuorumCheck};
use whitewater_raft::{
    Change, ChangeRequest, Effect, Index, Input, Leave, LocalTime, NodeId, Probe, ReadId, ReadMode, Role, Timer,
};

use crate::cluster::{Cluster, Envelope, Event, Founders, Server};
use crate::disk::DiskSpeed;
use crate::oracle::{Coverage, Oracle, members_of};

/// One thing that the adversary does. Numbers pick among what there is.
#[derive(Clone, Debug)]
enum Action {
    Deliver(usize),
    /// The oldest messages to one server, in one step.
    DeliverTogether(u32),
    /// The network and all disks work as they should, for so many messages.
    Work(usize),
    Drop(usize),
    Duplicate(usize),
    /// Everything from one server to another is lost, until the network heals.
    CutLink(u32, u32),
    /// Everything to and from a server is lost, until the network heals.
    Isolate(u32),
    Heal,
    Wait,
    /// The timer that is due first fires.
    NextTimer,
    /// So many timers fire when they are due, and between them everything arrives that the network lets through.
    PassTime(u32),
    SetClockForward(u32),
    ElectionTimeout(u32),
    Heartbeat(u32),
    Propose(u32),
    ProposeTogether(u32),
    Read(u32, ReadMode),
    Change(u32, ChangeRequest),
    Transfer(u32, u32),
    Snapshot(u32),
    CompleteWrite(u32),
    Crash {
        server: u32,
        landed: usize,
        torn: Option<usize>,
    },
    Restart(u32),
}

/// Voters at the start; one learner and one joiner come on top.
const EXTRA: u32 = 2;

fn change(servers: u32) -> impl Strategy<Value = Change> {
    (0..3_u8, 1..=servers).prop_map(|(kind, id)| match kind {
        0 => Change::AddVoter(NodeId(id)),
        1 => Change::AddLearner(NodeId(id)),
        _ => Change::Remove(NodeId(id)),
    })
}

fn request(servers: u32) -> impl Strategy<Value = ChangeRequest> {
    let leave = prop_oneof![2 => Just(Leave::Automatic), 1 => Just(Leave::OnRequest)];
    let joint =
        (vec(change(servers), 1..4), leave).prop_map(|(changes, leave)| ChangeRequest::Joint { changes, leave });
    prop_oneof![
        4 => change(servers).prop_map(ChangeRequest::Single),
        3 => joint,
        2 => Just(ChangeRequest::LeaveJoint),
    ]
}

fn action(servers: u32) -> impl Strategy<Value = Action> {
    let server = 0..60_u32;
    let message = 0..30_usize;
    let mode = prop_oneof![Just(ReadMode::Quorum), Just(ReadMode::Lease)];
    prop_oneof![
        16 => Just(Action::Deliver(0)),
        8 => message.clone().prop_map(Action::Deliver),
        4 => server.clone().prop_map(Action::DeliverTogether),
        5 => (1..24_usize).prop_map(Action::Work),
        4 => message.clone().prop_map(Action::Drop),
        2 => message.prop_map(Action::Duplicate),
        1 => (server.clone(), server.clone()).prop_map(|(from, to)| Action::CutLink(from, to)),
        1 => server.clone().prop_map(Action::Isolate),
        1 => Just(Action::Heal),
        2 => Just(Action::Wait),
        6 => Just(Action::NextTimer),
        2 => (1..12_u32).prop_map(Action::PassTime),
        1 => server.clone().prop_map(Action::SetClockForward),
        2 => server.clone().prop_map(Action::ElectionTimeout),
        3 => server.clone().prop_map(Action::Heartbeat),
        6 => server.clone().prop_map(Action::Propose),
        2 => server.clone().prop_map(Action::ProposeTogether),
        5 => (server.clone(), mode).prop_map(|(server, mode)| Action::Read(server, mode)),
        2 => (server.clone(), request(servers)).prop_map(|(server, request)| Action::Change(server, request)),
        1 => (server.clone(), server.clone()).prop_map(|(server, to)| Action::Transfer(server, to)),
        2 => server.clone().prop_map(Action::Snapshot),
        16 => server.clone().prop_map(Action::CompleteWrite),
        1 => (server.clone(), 0..3_usize, proptest::option::of(0..3_usize))
            .prop_map(|(server, landed, torn)| Action::Crash { server, landed, torn }),
        2 => server.prop_map(Action::Restart),
    ]
}

/// A cluster with what must be true of it, and true time.
struct Checked {
    cluster: Cluster,
    oracle: Oracle,
    now_ns: u64,
    deadlines: BTreeMap<(Timer, NodeId), u64>,
    /// By how much each clock was set forward.
    set_forward_ns: BTreeMap<NodeId, u64>,
    reads: u64,
}

impl Checked {
    fn new(voters: u32, pre_vote: PreVote, quorum_check: QuorumCheck) -> Checked {
        let mut cluster = Cluster::new(Founders { voters, learners: 1, joiners: 1 }, |config| {
            config.append_entries_max = 2;
            config.in_flight_max = 3;
            config.in_flight_bytes_max = 4;
            config.uncommitted_bytes_max = 12;
            config.snapshot_chunk_bytes = 3;
            config.entries_kept = u64::from(config.id.0 % 3);
            // Leases are as tight as they can be: all elections come as early as is allowed.
            config.clock_drift_ppm_max = 100_000;
            config.election_timeout_ns_max = config.election_timeout_ns_min + 16;
            config.pre_vote = pre_vote;
            config.quorum_check = quorum_check;
        });
        cluster.servers.values_mut().for_each(|server| server.speed = DiskSpeed::Slow);
        let mut checked = Checked {
            cluster,
            oracle: Oracle::default(),
            now_ns: 0,
            deadlines: BTreeMap::new(),
            set_forward_ns: BTreeMap::new(),
            reads: 0,
        };
        checked.check();
        checked
    }

    fn pick(&self, number: u32) -> NodeId {
        NodeId(number % u32::try_from(self.cluster.servers.len()).unwrap() + 1)
    }

    /// The leader of the highest term if there is one, so that proposals often find it; else any server.
    fn pick_leader(&self, number: u32) -> NodeId {
        let leaders = self.cluster.servers.iter().filter_map(|(&id, server)| {
            let replica = server.replica.as_ref()?;
            (replica.role() == Role::Leader).then_some((replica.term(), id))
        });
        if number.is_multiple_of(4) {
            self.pick(number / 4)
        } else {
            leaders.max().map_or(self.pick(number), |(_, id)| id)
        }
    }

    /// Any server that leads, perhaps without knowing that it no longer should; else any server.
    fn pick_any_leader(&self, number: u32) -> NodeId {
        let servers = self.cluster.servers.iter();
        let leads = |server: &Server| server.replica.as_ref().is_some_and(|replica| replica.role() == Role::Leader);
        let leaders: Vec<NodeId> = servers.filter(|(_, server)| leads(server)).map(|(id, _)| *id).collect();
        match leaders.get(number as usize % (leaders.len() + 1)) {
            Some(leader) => *leader,
            None => self.pick(number),
        }
    }

    fn act(&mut self, action: &Action) {
        match action {
            Action::Deliver(place) => {
                if let Some(envelope) = self.take_message(*place) {
                    self.cluster.arrive(envelope);
                }
            }
            Action::DeliverTogether(server) => self.deliver_together(self.pick(*server)),
            Action::Work(messages) => self.work(*messages),
            Action::Drop(place) => drop(self.take_message(*place)),
            Action::Duplicate(place) => {
                let place = place % self.cluster.network.len().max(1);
                let copy = self.cluster.network.get(place).cloned();
                self.cluster.network.extend(copy);
            }
            Action::CutLink(from, to) => {
                let link = (self.pick(*from), self.pick(*to));
                self.cluster.cut.insert(link);
            }
            Action::Isolate(server) => {
                let id = self.pick_leader(*server);
                let others: Vec<NodeId> = self.cluster.servers.keys().copied().collect();
                self.cluster.cut.extend(others.into_iter().flat_map(|other| [(id, other), (other, id)]));
            }
            Action::Heal => self.cluster.cut.clear(),
            Action::Wait => self.advance_to(self.now_ns + 40_000_000),
            Action::NextTimer => self.fire_next(),
            Action::PassTime(timers) => (0..*timers).for_each(|_| {
                self.fire_next();
                self.work(30);
            }),
            Action::ElectionTimeout(server) => self.fire(self.pick(*server), Timer::Election),
            Action::SetClockForward(server) => {
                *self.set_forward_ns.entry(self.pick(*server)).or_default() += 30_000_000;
                self.advance_to(self.now_ns);
            }
            Action::Heartbeat(server) => self.fire(self.pick_leader(*server), Timer::Heartbeat),
            Action::Propose(server) => self.cluster.propose(self.pick_leader(*server), &["x"]),
            Action::ProposeTogether(server) => self.cluster.propose(self.pick_leader(*server), &["u", "vw", "z"]),
            Action::Read(server, mode) => self.read(self.pick_any_leader(*server), *mode),
            Action::Change(server, request) => self.cluster.change(self.pick_leader(*server), request.clone()),
            Action::Transfer(server, to) => self.cluster.transfer(self.pick_leader(*server), self.pick(*to)),
            Action::Snapshot(server) => self.cluster.take_snapshot(self.pick(*server)),
            Action::CompleteWrite(server) => self.cluster.complete(self.pick(*server)),
            Action::Crash { server, landed, torn } => {
                let id = self.pick(*server);
                self.cluster.crash(id, *landed, *torn);
                self.deadlines.retain(|(_, of), _| *of != id);
            }
            Action::Restart(server) => self.cluster.restart(self.pick(*server)),
        }
        self.check();
    }

    fn take_message(&mut self, place: usize) -> Option<Envelope> {
        let place = place % self.cluster.network.len().max(1);
        self.cluster.network.remove(place)
    }

    fn work(&mut self, messages: usize) {
        for _ in 0..messages {
            self.complete_everything();
            self.check();
            if let Some(envelope) = self.take_message(0) {
                self.cluster.arrive(envelope);
            }
        }
        self.complete_everything();
    }

    fn complete_everything(&mut self) {
        let ids: Vec<NodeId> = self.cluster.servers.keys().copied().collect();
        for id in ids {
            while !self.cluster.servers[&id].under_way.is_empty() {
                self.cluster.complete(id);
            }
        }
    }

    /// The timer that is due first fires, if any is armed.
    fn fire_next(&mut self) {
        let next = self.deadlines.iter().min_by_key(|(_, deadline_ns)| **deadline_ns);
        if let Some((timer, id)) = next.map(|(timer, _)| *timer) {
            self.fire(id, timer);
        }
    }

    fn deliver_together(&mut self, to: NodeId) {
        let (arriving, rest): (Vec<_>, Vec<_>) = self.cluster.network.drain(..).partition(|envelope| envelope.to == to);
        self.cluster.network.extend(rest);
        self.cluster.events.extend(arriving.iter().cloned().map(Event::Arrived));
        let inputs = arriving.into_iter().map(|Envelope { from, message, .. }| Input::Message { from, message });
        self.cluster.step(to, inputs.collect());
    }

    fn read(&mut self, id: NodeId, mode: ReadMode) {
        self.reads += 1;
        self.oracle.read_begins(&self.cluster, id, ReadId(self.reads));
        self.cluster.read(id, ReadId(self.reads), mode);
    }

    /// By how many millionths a server's clock is fast: as far apart as is allowed.
    fn drift_ppm(&self, id: NodeId) -> i64 {
        let max = i64::from(self.cluster.servers[&id].config.clock_drift_ppm_max);
        [max, -max, 0][id.0 as usize % 3]
    }

    /// True time goes on, and all clocks with it.
    fn advance_to(&mut self, now_ns: u64) {
        self.now_ns = self.now_ns.max(now_ns);
        let ids: Vec<NodeId> = self.cluster.servers.keys().copied().collect();
        for id in ids {
            let elapsed = i128::from(self.now_ns) * i128::from(1_000_000 + self.drift_ppm(id)) / 1_000_000;
            let set_forward_ns = self.set_forward_ns.get(&id).copied().unwrap_or(0);
            self.cluster.server(id).clock =
                LocalTime(u64::try_from(elapsed).expect("clocks run forward") + set_forward_ns);
        }
    }

    /// A timer fires, at its deadline or later.
    fn fire(&mut self, id: NodeId, timer: Timer) {
        if let Some(deadline_ns) = self.deadlines.remove(&(timer, id)) {
            self.advance_to(deadline_ns);
            self.cluster.fire(id, timer);
        }
    }

    fn check(&mut self) {
        for place in 0..self.cluster.events.len() {
            if let Event::Effect(id, Effect::Arm { timer, after_ns }) = self.cluster.events[place] {
                let truly_ns = i128::from(after_ns) * 1_000_000 / i128::from(1_000_000 + self.drift_ppm(id));
                let deadline_ns = self.now_ns + u64::try_from(truly_ns).expect("timers end later");
                self.deadlines.insert((timer, id), deadline_ns);
            }
        }
        self.oracle.check(&mut self.cluster);
    }

    /// The faults end: timers fire when they are due, everything arrives. Soon some server leads, and all members of its
    /// configuration commit what it proposes.
    fn check_liveness(&mut self) {
        let ids: Vec<NodeId> = self.cluster.servers.keys().copied().collect();
        self.cluster.cut.clear();
        ids.iter().for_each(|id| self.cluster.restart(*id));
        self.complete_everything();
        self.cluster.servers.values_mut().for_each(|server| server.speed = DiskSpeed::Prompt);
        let mut proposed = None;
        for _ in 0..400 {
            self.settle();
            if let Some((leader, term)) = self.newest_leader() {
                if proposed.is_none_or(|(in_term, _)| in_term != term) {
                    self.cluster.propose(leader, &["!"]);
                    proposed = Some((term, self.cluster.replica(leader).unwrap().last_index()));
                    self.settle();
                }
                let (_, index) = proposed.expect("a proposal was made in this term");
                if self.has_converged(leader, index) {
                    return;
                }
                if self.cluster.replica(leader).unwrap().commit() >= index {
                    self.switch_off_disruptors(leader);
                }
            }
            self.fire_next();
        }
        let servers = self.cluster.servers.iter();
        let states = servers.map(|(id, server)| crate::trace::server(*id, server.replica.as_ref(), &server.disk));
        panic!("liveness: the cluster does not recover:\n{}", states.collect::<Vec<_>>().join("\n"));
    }

    /// Dissertation 4.2.3: with neither pre-vote nor quorum check, a server that was removed and does not know may
    /// disrupt the others for ever. Somebody has to switch it off.
    fn switch_off_disruptors(&mut self, leader: NodeId) {
        let replica = self.cluster.replica(leader).unwrap();
        let is_protected =
            (replica.config().pre_vote, replica.config().quorum_check) != (PreVote::Off, QuorumCheck::Off);
        let members = members_of(replica);
        let is_settled = replica.configuration_index() <= replica.commit() && members.contains(&leader);
        if is_protected || !is_settled {
            return;
        }
        let disruptors: Vec<NodeId> = self.cluster.servers.keys().copied().filter(|id| !members.contains(id)).collect();
        for id in disruptors {
            self.cluster.crash(id, 0, None);
            self.deadlines.retain(|(_, of), _| *of != id);
        }
    }

    fn newest_leader(&self) -> Option<(NodeId, whitewater_raft::Term)> {
        let replicas = self.cluster.servers.iter().filter_map(|(id, server)| Some((*id, server.replica.as_ref()?)));
        let leaders = replicas.filter(|(_, replica)| replica.role() == Role::Leader);
        leaders.map(|(id, replica)| (id, replica.term())).max_by_key(|(_, term)| *term)
    }

    fn has_converged(&self, leader: NodeId, proposed: Index) -> bool {
        let replica = self.cluster.replica(leader).unwrap();
        let leaves_by_itself = replica.configuration().is_joint() && replica.configuration().leave == Leave::Automatic;
        let commit = |id: NodeId| self.cluster.replica(id).unwrap().commit();
        replica.commit() >= proposed
            && !leaves_by_itself
            && members_of(replica).into_iter().all(|id| commit(id) == replica.last_index())
    }

    fn settle(&mut self) {
        for _ in 0..10_000 {
            self.check();
            match self.cluster.network.pop_front() {
                Some(envelope) => self.cluster.arrive(envelope),
                None => return,
            }
        }
        panic!("liveness: the servers never stop talking");
    }
}

/// Runs `cases` interleavings; always the same ones, so that a failure repeats. Returns what they met.
fn explore(voters: u32, cases: u32, length: usize) -> Coverage {
    let config = RunnerConfig { cases, failure_persistence: None, ..RunnerConfig::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    let total = RefCell::new(Coverage::default());
    let pre_vote = prop_oneof![Just(PreVote::On), Just(PreVote::Off)];
    let quorum_check = prop_oneof![Just(QuorumCheck::On), Just(QuorumCheck::Off)];
    let actions = vec(action(voters + EXTRA), length / 2..length);
    let outcome = runner.run(&(pre_vote, quorum_check, actions), |(pre_vote, quorum_check, actions)| {
        let mut checked = Checked::new(voters, pre_vote, quorum_check);
        actions.iter().for_each(|action| checked.act(action));
        checked.check_liveness();
        total.borrow_mut().add(&checked.oracle.coverage);
        Ok(())
    });
    if let Err(failure) = outcome {
        panic!("{failure:?}");
    }
    total.into_inner()
}

impl Coverage {
    fn assert_met(&self, cases: usize) {
        assert!(self.elections > 2 * cases, "{self:?}");
        assert!(self.committed > 10 * cases, "{self:?}");
        assert!(self.recovered_commits > cases, "{self:?}");
        assert!(self.replaced > cases, "{self:?}");
        assert!(self.rejections > cases, "{self:?}");
        assert!(self.configurations > cases / 2, "{self:?}");
        assert!(self.restored > cases / 4, "{self:?}");
        assert!(self.reads > 2 * cases, "{self:?}");
        assert!(self.lease_reads > cases / 4, "{self:?}");
        assert!(self.transfers > cases / 4, "{self:?}");
    }
}

/// Every situation is met, but for those that need so rare a chance that only the scripts tell of them.
#[test]
fn servers_stay_safe_and_recover() {
    let mut met = explore(3, 800, 500);
    met.assert_met(800);
    let five = explore(5, 300, 800);
    five.assert_met(300);
    met.add(&five);
    met.add(&explore(1, 100, 400));
    met.add(&explore(2, 200, 400));
    let rare = [Probe::SnapshotKeepsMatchingSuffix, Probe::SupersededWriteCompletionIgnored];
    let never = Probe::ALL.iter().filter(|probe| !met.probes.contains_key(probe) && !rare.contains(probe));
    assert_eq!(never.map(|probe| probe.name()).collect::<Vec<_>>(), [""; 0], "{met:?}");
}
