//! Steps with several inputs, and inputs that no script can give: what one step leads to, effect by effect.

use std::sync::Arc;

use whitewater_raft::config::{PreVote, QuorumCheck};
use whitewater_raft::message::{Append, AppendReply, AppendResult, Body, InstallSnapshot};
use whitewater_raft::{
    Config, Configuration, Effect, Entry, Environment, Index, Input, LocalTime, Message, NodeId, Payload, ProposalId,
    Recovered, Replica, Role, Round, Term, Timer,
};

use crate::cluster::{Cluster, Event, Founders};

const N1: NodeId = NodeId(1);
const N2: NodeId = NodeId(2);
const N3: NodeId = NodeId(3);

/// Three servers; n1 leads term 1 and everything is settled.
fn led_by_n1() -> Cluster {
    let mut cluster = Cluster::new(Founders { voters: 3, ..Founders::default() }, |config| {
        config.pre_vote = PreVote::Off;
        config.quorum_check = QuorumCheck::Off;
    });
    cluster.fire(N1, Timer::Election);
    while let Some(envelope) = cluster.network.pop_front() {
        cluster.arrive(envelope);
    }
    assert_eq!(cluster.replica(N1).map(|replica| (replica.role(), replica.commit())), Some((Role::Leader, Index(1))));
    cluster.events.clear();
    cluster
}

fn message(from: NodeId, term: u64, body: Body) -> Input {
    Input::Message { from, message: Message { term: Term(term), body } }
}

fn propose(proposal: u64) -> Input {
    Input::Propose { proposal: ProposalId(proposal), command: whitewater_raft::Command::from_static(b"x") }
}

fn heartbeat(from: NodeId, term: u64) -> Input {
    let nothing = Append {
        previous_index: Index(0),
        previous_term: Term(0),
        entries: Arc::from([]),
        commit: Index(0),
        round: Round(1),
    };
    message(from, term, Body::Append(nothing))
}

/// The effects of one step.
fn effects(cluster: &mut Cluster, id: NodeId, inputs: Vec<Input>) -> Vec<Effect> {
    cluster.step(id, inputs);
    let events = cluster.events.drain(..);
    events.filter_map(|event| if let Event::Effect(_, effect) = event { Some(effect) } else { None }).collect()
}

fn count(effects: &[Effect], matches: impl Fn(&Effect) -> bool) -> usize {
    effects.iter().filter(|effect| matches(effect)).count()
}

#[test]
fn a_heartbeat_and_proposals_are_one_write_and_one_append_to_each_follower() {
    let mut cluster = led_by_n1();
    let effects = effects(&mut cluster, N1, vec![propose(1), Input::Timer(Timer::Heartbeat), propose(2)]);
    assert_eq!(count(&effects, |effect| matches!(effect, Effect::Persist(write) if write.entries.len() == 2)), 1);
    assert_eq!(count(&effects, |effect| matches!(effect, Effect::Persist(_))), 1);
    assert_eq!(count(&effects, |effect| matches!(effect, Effect::Send(outbound) if outbound.to == N2)), 1);
    assert_eq!(count(&effects, |effect| matches!(effect, Effect::Send(outbound) if outbound.to == N3)), 1);
}

#[test]
fn the_write_and_all_appends_share_one_slice() {
    let mut cluster = led_by_n1();
    let effects = effects(&mut cluster, N1, vec![propose(1), propose(2)]);
    let mut slices = Vec::new();
    for effect in &effects {
        if let Effect::Persist(write) = effect {
            slices.push(&write.entries);
        } else if let Effect::Send(outbound) = effect
            && let Body::Append(append) = &outbound.message.body
        {
            slices.push(&append.entries);
        }
    }
    assert_eq!(slices.len(), 3);
    assert!(slices.iter().all(|slice| Arc::ptr_eq(slice, slices[0])));
}

#[test]
fn who_is_deposed_in_the_step_sends_no_append() {
    let mut cluster = led_by_n1();
    let effects = effects(&mut cluster, N1, vec![propose(1), Input::Timer(Timer::Heartbeat), heartbeat(N2, 2)]);
    assert_eq!(count(&effects, |effect| matches!(effect, Effect::Accepted { .. })), 1);
    let is_append =
        |effect: &Effect| matches!(effect, Effect::Send(outbound) if matches!(outbound.message.body, Body::Append(_)));
    assert_eq!(count(&effects, is_append), 0, "{effects:?}");
}

#[test]
fn a_leader_ignores_its_old_election_timer() {
    let mut cluster = led_by_n1();
    assert_eq!(effects(&mut cluster, N1, vec![Input::Timer(Timer::Election)]), []);
}

#[test]
fn a_follower_ignores_its_old_heartbeat_timer() {
    let mut cluster = led_by_n1();
    assert_eq!(effects(&mut cluster, N2, vec![Input::Timer(Timer::Heartbeat)]), []);
}

#[test]
fn an_acknowledgement_beyond_the_log_is_ignored() {
    let mut cluster = led_by_n1();
    let beyond = AppendReply { round: Round(1), result: AppendResult::Accepted { matched: Index(u64::MAX) } };
    assert_eq!(effects(&mut cluster, N1, vec![message(N2, 1, Body::AppendReply(beyond))]), []);
    let append = effects(&mut cluster, N1, vec![propose(1)]);
    assert_eq!(count(&append, |effect| matches!(effect, Effect::Send(outbound) if outbound.to == N2)), 1);
}

/// A leader's append of no-ops of its own term.
fn append(from: NodeId, term: u64, after: (u64, u64), count: u64) -> Input {
    let (previous_index, previous_term) = (Index(after.0), Term(after.1));
    let noop = |index| Entry { term: Term(term), index: Index(index), payload: Payload::Noop };
    let entries = (after.0 + 1..=after.0 + count).map(noop).collect();
    let append = Append { previous_index, previous_term, entries, commit: Index(0), round: Round(1) };
    message(from, term, Body::Append(append))
}

/// A snapshot in one part, of a cluster of n1 to n3.
fn snapshot(from: NodeId, term: u64, last_index: u64, last_term: u64) -> Input {
    let part = InstallSnapshot {
        last_index: Index(last_index),
        last_term: Term(last_term),
        configuration: Arc::new(Configuration::of_voters([N1, N2, N3])),
        length: 1,
        offset: 0,
        data: whitewater_raft::Command::from_static(b"s"),
        round: Round(1),
    };
    message(from, term, Body::InstallSnapshot(Box::new(part)))
}

#[test]
fn entries_that_come_together_with_a_snapshot_are_written_although_the_log_that_it_replaces_was_longer() {
    let mut cluster = led_by_n1();
    effects(&mut cluster, N3, vec![append(N1, 1, (1, 1), 5)]);
    let effects = effects(&mut cluster, N3, vec![snapshot(N2, 2, 3, 2), append(N2, 2, (3, 2), 3)]);
    let indexes = |entries: &[Entry]| entries.iter().map(|entry| entry.index.0).collect();
    let written = effects.iter().find_map(|effect| {
        if let Effect::Persist(write) = effect {
            Some((write.snapshot.is_some(), indexes(&write.entries)))
        } else {
            None
        }
    });
    assert_eq!(written, Some((true, vec![4_u64, 5, 6])));
}

#[test]
fn a_server_that_joined_learns_who_the_members_are_from_a_snapshot_that_its_log_continues() {
    let mut config = Config::new(NodeId(4), Vec::new());
    config.bootstrap = Configuration::default();
    let mut replica = Replica::new(config, Recovered::default()).expect("a server may wait to be told");
    let mut effects = Vec::new();
    replica.step_all([append(N1, 1, (0, 0), 3)], &mut Noting::default(), &mut effects);
    assert_eq!(replica.configuration(), &Configuration::default(), "no entry says who they are");
    replica.step_all([snapshot(N1, 1, 2, 1)], &mut Noting::default(), &mut effects);
    assert_eq!(replica.configuration(), &Configuration::of_voters([N1, N2, N3]));
    assert_eq!(replica.last_index(), Index(3), "the log goes on behind it");
}

#[test]
fn nothing_in_is_nothing_out() {
    let mut cluster = led_by_n1();
    assert_eq!(effects(&mut cluster, N1, Vec::new()), []);
}

/// Notes the ranges that numbers are drawn from.
#[derive(Default)]
struct Noting(Vec<(u64, u64)>);

impl Environment for Noting {
    fn random_between(&mut self, low: u64, high: u64) -> u64 {
        self.0.push((low, high));
        low + self.0.len() as u64
    }

    fn now(&mut self) -> LocalTime {
        LocalTime(0)
    }
}

/// Paper 5.2: election timeouts are chosen randomly from a fixed interval, anew at the start of each election.
#[test]
fn an_election_timeout_is_drawn_anew_each_time() {
    let config = Config::new(N1, vec![N1, N2, N3]);
    let range = (config.election_timeout_ns_min, config.election_timeout_ns_max);
    let mut replica = Replica::new(config, Recovered::default()).expect("the settings are fine");
    let (mut noting, mut effects) = (Noting::default(), Vec::new());
    replica.start(&mut noting, &mut effects);
    for _ in 0..3 {
        replica.step(Input::Timer(Timer::Election), &mut noting, &mut effects);
    }
    let mut timeouts = Vec::new();
    for effect in effects {
        if let Effect::Arm { timer: Timer::Election, after_ns } = effect {
            timeouts.push(after_ns);
        }
    }
    assert_eq!(timeouts.len(), 4, "the server starts once, and stands three times");
    assert!(timeouts.windows(2).all(|pair| pair[0] != pair[1]), "{timeouts:?}");
    assert_eq!(noting.0.iter().filter(|drawn| **drawn == range).count(), 4);
}
