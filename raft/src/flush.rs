//! The end of a step: what has changed becomes effects (dissertation 10.2.1, 10.2.2).
//!
//! One write for everything that is new, then the messages that wait for it, then a leader's appends, which wait for
//! nothing, then what is committed. Because a message never leaves before the write that holds all that came before it,
//! handling several inputs and then writing is the same as writing after each, only cheaper.
//!
//! Simplification: a follower gets its entries when a step ends; a host that wants them to leave sooner makes smaller
//! steps.

use std::sync::Arc;

use crate::bugs::{self, Bug};
use crate::effect::{After, Effect, Outbound};
use crate::input::{Environment, Timer};
use crate::leader::{Follower, Leader};
use crate::log::Log;
use crate::message::{Append, Body, Message};
use crate::probe::Probe;
use crate::progress::SendLimits;
use crate::replica::{Due, Replica, State};
use crate::round::Begun;
use crate::snapshot::Snapshot;
use crate::types::{Index, NodeId, Round, Term};

/// What all of a leader's messages of one step have in common.
struct Dispatch<'a> {
    log: &'a mut Log,
    snapshot: Option<&'a Arc<Snapshot>>,
    effects: &'a mut Vec<Effect>,
    term: Term,
    commit: Index,
    round: Round,
    begun: Begun,
    limits: SendLimits,
    snapshot_chunk_bytes: u64,
}

impl Replica {
    pub(crate) fn flush(&mut self, environment: &mut dyn Environment) {
        self.flush_write();
        self.flush_outbox();
        let begun = self.begin_round(environment);
        self.flush_appends(begun);
        self.announce_commit();
        self.serve_reads();
        self.flush_timers(environment);
    }

    /// Tells the host what is committed, if that is news.
    pub(crate) fn announce_commit(&mut self) {
        if self.commit > self.announced.commit
            || bugs::is_on(Bug::CommitGoesDown) && self.commit < self.announced.commit
        {
            self.announced.commit = self.commit;
            self.effects.push(Effect::Commit { through: self.commit });
        }
    }

    /// A message of a leader, whose term is durable since the requests for its votes waited for that.
    pub(crate) fn at_once(to: NodeId, term: Term, body: Body) -> Outbound {
        Outbound { to, message: Message { term, body }, after: After::Nothing }
    }

    /// A snapshot counts as applied when it is restored, so nothing of it is announced as committed.
    fn flush_write(&mut self) {
        let Some(write) = self.writes.issue(self.hard_state, &mut self.log) else {
            return;
        };
        let received = write.snapshot.clone();
        self.effects.push(Effect::Persist(write));
        if let Some(snapshot) = received {
            self.announced.commit = snapshot.index;
            self.effects.push(Effect::Restore(snapshot));
        }
    }

    fn flush_outbox(&mut self) {
        if self.outbox.is_empty() {
            return;
        }
        let after = self.writes.barrier();
        let waiting = self.outbox.drain(..);
        self.effects.extend(waiting.map(|(to, message)| Effect::Send(Outbound { to, message, after })));
    }

    /// A leader's appends are made here, so that several inputs cost one append, and wait for nothing: the leader's own
    /// disk works meanwhile (dissertation 10.2.1).
    fn flush_appends(&mut self, begun: Begun) {
        let State::Leader(leader) = &mut self.state else {
            return;
        };
        let mut dispatch = Dispatch {
            log: &mut self.log,
            snapshot: self.snapshot.as_ref(),
            effects: &mut self.effects,
            term: self.hard_state.term,
            commit: self.commit,
            round: leader.rounds.latest(),
            begun,
            limits: self.config.send_limits(),
            snapshot_chunk_bytes: self.config.snapshot_chunk_bytes,
        };
        let Leader { followers, .. } = &mut **leader;
        followers.iter_mut().for_each(|follower| dispatch.serve(follower));
    }

    fn flush_timers(&mut self, environment: &mut dyn Environment) {
        let Due { election, heartbeat } = std::mem::take(&mut self.due);
        if election {
            let (min_ns, max_ns) = (self.config.election_timeout_ns_min, self.config.election_timeout_ns_max);
            let max_ns = if bugs::is_on(Bug::EqualTimeouts) { min_ns } else { max_ns };
            let longer_ns = if bugs::is_on(Bug::LongerTimeouts) { max_ns / 3 } else { 0 };
            let after_ns = environment.random_between(min_ns, max_ns).saturating_add(longer_ns);
            self.effects.push(Effect::Arm { timer: Timer::Election, after_ns });
        }
        if heartbeat {
            let after_ns = self.config.heartbeat_interval_ns;
            self.effects.push(Effect::Arm { timer: Timer::Heartbeat, after_ns });
        }
    }
}

impl Dispatch<'_> {
    fn serve(&mut self, follower: &mut Follower) {
        self.choose_source(follower);
        if follower.progress.sending().is_some() {
            self.send_part(follower);
        } else {
            self.send_entries(follower);
        }
    }

    /// Entries if the log has them; else a snapshot. One that is being sent is given up only if the log no longer
    /// continues it.
    fn choose_source(&mut self, follower: &mut Follower) {
        let progress = &mut follower.progress;
        let begins_behind = self.log.compacted().index;
        let (previous, matched) = (progress.previous(), progress.matched());
        match progress.sending() {
            None if previous >= begins_behind => return,
            Some(_) if matched >= begins_behind => return progress.send_entries(),
            Some(sending) if sending.snapshot().index >= begins_behind => return,
            None | Some(_) => {}
        }
        let snapshot = self.snapshot.expect("what is compacted is in a snapshot");
        progress.send_snapshot(Arc::clone(snapshot));
        self.effects.push(Effect::Probe(Probe::SnapshotSentToLaggard));
        if self.log.is_empty() {
            self.effects.push(Effect::Probe(Probe::FullyCompactedLeader));
        }
    }

    fn send_part(&mut self, follower: &mut Follower) {
        let Some(sending) = follower.progress.sending() else {
            return;
        };
        if bugs::is_on(Bug::HeartbeatForSnapshot) {
            let first = self.log.compacted().index;
            return match self.begun {
                Begun::Yes => self.append(follower.id, first, first),
                Begun::No => {}
            };
        }
        if bugs::is_on(Bug::CompactedLeaderMute) && self.log.is_empty() {
            return;
        }
        let part = match (sending.take_part(self.snapshot_chunk_bytes, self.round), self.begun) {
            (Some(part), _) => part,
            (None, Begun::Yes) => sending.heartbeat(self.round),
            (None, Begun::No) => return,
        };
        self.send(follower.id, Body::InstallSnapshot(Box::new(part)));
    }

    fn send_entries(&mut self, follower: &mut Follower) {
        let mut is_silent = true;
        while let Some(batch) = follower.progress.take_batch(self.log, &self.limits) {
            self.append(follower.id, batch.first.previous(), batch.through);
            is_silent = false;
            if follower.progress.is_held_back(self.log.last_index(), &self.limits) {
                self.effects.push(Effect::Probe(Probe::WindowFull));
            }
        }
        if is_silent && self.begun == Begun::Yes {
            let previous = follower.progress.previous();
            self.append(follower.id, previous, previous);
        }
    }

    /// The entries behind `previous` through `through`; a heartbeat if there are none.
    fn append(&mut self, to: NodeId, previous_index: Index, through: Index) {
        let previous_term =
            self.log.term_at(previous_index).expect("a follower without a snapshot is served by the log");
        let entries = self.log.slice(previous_index.next(), through);
        let (commit, round) = (self.commit, self.round);
        self.send(to, Body::Append(Append { previous_index, previous_term, entries, commit, round }));
    }

    fn send(&mut self, to: NodeId, body: Body) {
        self.effects.push(Effect::Send(Replica::at_once(to, self.term, body)));
    }
}
