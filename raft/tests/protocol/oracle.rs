//! What must be true of a cluster, whatever happens (paper, Figure 3; dissertation 3.6, 4, 6.4).
//!
//! The checks see what the cluster does (roles announced, commits, messages that leave, bytes on disk), not what the
//! protocol believes, and share no code with it: majorities are counted here once more.

use std::collections::{BTreeMap, BTreeSet};

use whitewater_raft::message::{AppendReply, AppendResult, Body, ReadIndexReply, VoteReply};
use whitewater_raft::{
    After, Configuration, Effect, Entry, HardState, Index, NodeId, Payload, Probe, ReadId, ReadProof, Replica, Role,
    Round, Snapshot, Term, Write,
};

use crate::cluster::{Cluster, Envelope, Event};

/// What the interleavings have met: a check of situations that never come up checks nothing.
#[derive(Debug, Default)]
pub(crate) struct Coverage {
    pub(crate) elections: usize,
    pub(crate) committed: usize,
    pub(crate) recovered_commits: usize,
    pub(crate) replaced: usize,
    pub(crate) rejections: usize,
    pub(crate) configurations: usize,
    pub(crate) restored: usize,
    pub(crate) reads: usize,
    pub(crate) lease_reads: usize,
    pub(crate) transfers: usize,
    pub(crate) probes: BTreeMap<Probe, usize>,
}

/// What has happened so far, as far as it binds the future.
#[derive(Default)]
pub(crate) struct Oracle {
    pub(crate) leaders: BTreeMap<Term, NodeId>,
    /// Every entry that anybody ever committed, with the term in which it was first seen committed.
    pub(crate) committed: Vec<(Term, Entry)>,
    /// How much was committed when each read was asked for.
    reads: BTreeMap<ReadId, u64>,
    /// The last index that each server acknowledged, with the term in which it did.
    acknowledged: BTreeMap<NodeId, (Term, Index)>,
    /// The latest round that each leader has begun, and that each server has heard of from it.
    rounds: BTreeMap<(NodeId, Term), Round>,
    heard: BTreeMap<(NodeId, Term, NodeId), Round>,
    /// Where the rounds of a leader stood when a read first came to it.
    rounds_before: BTreeMap<(NodeId, Term, ReadId), Round>,
    pub(crate) coverage: Coverage,
}

impl Oracle {
    /// A read begins: whatever is committed by now, it has to see.
    pub(crate) fn read_begins(&mut self, cluster: &Cluster, id: NodeId, read: ReadId) {
        self.reads.insert(read, self.committed.len() as u64);
        self.read_comes_to(cluster, id, read);
    }

    /// A leader is asked for a read: only a round that it begins later proves that it leads.
    fn read_comes_to(&mut self, cluster: &Cluster, id: NodeId, read: ReadId) {
        if let Some(replica) = cluster.replica(id).filter(|replica| replica.role() == Role::Leader) {
            let latest = self.rounds.get(&(id, replica.term())).copied().unwrap_or_default();
            self.rounds_before.entry((id, replica.term(), read)).or_insert(latest);
        }
    }

    /// Looks at what has happened since the last look, and at the whole cluster.
    pub(crate) fn check(&mut self, cluster: &mut Cluster) {
        for event in std::mem::take(&mut cluster.events) {
            match event {
                Event::Effect(id, effect) => self.check_effect(cluster, id, effect),
                Event::Applied(id, entry) => self.check_applied(cluster, id, entry),
                Event::Saved(id, snapshot) => self.check_snapshot(id, &snapshot),
                Event::Left(envelope) => self.check_promise(cluster, &envelope),
                Event::Arrived(envelope) => self.note_arrival(cluster, &envelope),
                Event::Completed(..) | Event::Lost(..) => {}
            }
        }
        check_logs(cluster);
        for id in cluster.servers.keys() {
            check_server(cluster, *id);
            self.check_acknowledged(cluster, *id);
            self.check_lease(cluster, *id);
        }
    }

    fn note_arrival(&mut self, cluster: &Cluster, envelope: &Envelope) {
        if let Body::RequestReadIndex(context) = envelope.message.body {
            self.read_comes_to(cluster, envelope.to, context.read);
        }
        let Some(round) = round_of(&envelope.message.body) else { return };
        let heard = self.heard.entry((envelope.from, envelope.message.term, envelope.to)).or_default();
        *heard = round.max(*heard);
    }

    /// What a server acknowledged stays on its disk, until it is in a later term.
    fn check_acknowledged(&self, cluster: &Cluster, id: NodeId) {
        let disk = &cluster.servers[&id].disk;
        if let Some((term, matched)) = self.acknowledged.get(&id)
            && disk.hard_state.term == *term
        {
            assert!(disk.last_index() >= *matched, "{id} has lost what it acknowledged, through {matched}");
        }
    }

    /// While a leader trusts its lease, nobody has been elected after it.
    fn check_lease(&self, cluster: &Cluster, id: NodeId) {
        let server = &cluster.servers[&id];
        if let Some(replica) = server.replica.as_ref().filter(|replica| replica.is_leased(server.clock)) {
            let newest = self.leaders.keys().next_back().expect("somebody led");
            assert!(*newest <= replica.term(), "{id} trusts its lease, while there is a leader of {newest}");
        }
    }

    /// A majority of each set of voters has heard of a round that began after the read came.
    fn check_round(&self, cluster: &Cluster, id: NodeId, read: ReadId) {
        let replica = cluster.replica(id).expect("who serves is up");
        let term = replica.term();
        let Some(before) = self.rounds_before.get(&(id, term, read)) else { return };
        let proves =
            |voter: &NodeId| *voter == id || self.heard.get(&(id, term, *voter)).is_some_and(|heard| heard > before);
        let Configuration { voters, outgoing, .. } = replica.configuration();
        for set in [voters, outgoing].into_iter().filter(|set| !set.is_empty()) {
            let proofs = set.iter().filter(|voter| proves(voter)).count();
            assert!(2 * proofs > set.len(), "{id} serves read {read}, and {proofs} of {set:?} confirmed that it leads");
        }
    }

    fn check_effect(&mut self, cluster: &Cluster, id: NodeId, effect: Effect) {
        match effect {
            Effect::Role(change) if change.role == Role::Leader => self.check_election(cluster, id, change.term),
            Effect::Role(_) | Effect::Arm { .. } | Effect::Accepted { .. } | Effect::Refused { .. } => {}
            Effect::Commit { through } => self.check_commit(cluster, id, through),
            Effect::Persist(write) => self.check_write(cluster, id, &write),
            Effect::Send(outbound) => {
                if let Body::AppendReply(AppendReply { result: AppendResult::Rejected { .. }, .. }) =
                    outbound.message.body
                {
                    self.coverage.rejections += 1;
                }
                self.coverage.transfers += usize::from(outbound.message.body == Body::TimeoutNow);
                if let Some(round) = round_of(&outbound.message.body) {
                    self.rounds.insert((id, outbound.message.term), round);
                }
                if let Body::ReadIndexReply(ReadIndexReply { context, index: Some(_) }) = outbound.message.body {
                    self.check_round(cluster, id, context.read);
                }
                if outbound.after == After::Nothing {
                    self.check_promise(cluster, &Envelope { from: id, to: outbound.to, message: outbound.message });
                }
            }
            Effect::Restore(snapshot) => {
                self.coverage.restored += 1;
                self.check_snapshot(id, &snapshot);
            }
            Effect::ReadReady { read, index, by } => self.check_read(cluster, id, read, index, by),
            Effect::ReadRefused { .. } | Effect::TransferRefused { .. } => {}
            Effect::Probe(probe) => *self.coverage.probes.entry(probe).or_default() += 1,
        }
    }

    /// Election safety and leader completeness.
    fn check_election(&mut self, cluster: &Cluster, id: NodeId, term: Term) {
        let earlier = self.leaders.insert(term, id);
        assert!(earlier.is_none_or(|leader| leader == id), "election safety: {earlier:?} and {id} lead term {term}");
        self.coverage.elections += 1;
        let replica = cluster.replica(id).expect("who was just elected is up");
        check_votes(cluster, id, term, replica.configuration());
        for (committed_in, entry) in self.committed.iter().filter(|(committed_in, _)| *committed_in < term) {
            if entry.index >= replica.first_index() {
                let own = replica.entry(entry.index);
                assert_eq!(own, Some(entry), "leader completeness: {id} leads {term}, committed in {committed_in}");
            }
        }
    }

    /// What a leader commits is of its own term, and on the disks of a quorum of its configuration.
    fn check_commit(&mut self, cluster: &Cluster, id: NodeId, through: Index) {
        let replica = cluster.replica(id).expect("only a running server commits");
        if replica.role() != Role::Leader || through < replica.first_index() {
            return;
        }
        let term = replica.entry(through).expect("what is committed is in the log").term;
        assert_eq!(term, replica.term(), "commit legality: {id} commits {through} of an earlier term");
        let has = |voter: &NodeId| {
            let disk = &cluster.servers[voter].disk;
            disk.base() >= through || disk.entry(through).is_some_and(|entry| entry.term == term)
        };
        let Configuration { voters, outgoing, .. } = replica.configuration();
        for set in [voters, outgoing].into_iter().filter(|set| !set.is_empty()) {
            let durable = set.iter().filter(|voter| has(voter)).count();
            assert!(2 * durable > set.len(), "commit legality: {id} commits {through}, on {durable} disks of {set:?}");
        }
    }

    /// State machine safety.
    fn check_applied(&mut self, cluster: &Cluster, id: NodeId, entry: Entry) {
        let place = usize::try_from(entry.index.0 - 1).expect("short");
        let Some((_, committed)) = self.committed.get(place) else {
            assert_eq!(place, self.committed.len(), "{id} applies {} out of order", entry.index);
            let term = cluster.replica(id).expect("only a running server commits").term();
            self.coverage.committed += 1;
            self.coverage.recovered_commits += usize::from(entry.term < term);
            self.committed.push((term, entry));
            return;
        };
        assert_eq!(&entry, committed, "state machine safety: {id} at {}", entry.index);
    }

    /// A snapshot is the state that the committed entries lead to, and names the configuration in force there.
    fn check_snapshot(&self, id: NodeId, snapshot: &Snapshot) {
        let through = usize::try_from(snapshot.index.0).expect("short");
        assert!(through <= self.committed.len(), "{id} has a snapshot of what is not committed");
        let mut state = Vec::new();
        let mut configuration = None;
        for (_, entry) in &self.committed[..through] {
            match &entry.payload {
                Payload::Noop => {}
                Payload::Command(command) => state.extend_from_slice(command),
                Payload::Configuration(changed) => configuration = Some(changed),
            }
        }
        assert_eq!(snapshot.data, state, "{id}: the snapshot through {through} holds another state");
        assert_eq!(snapshot.term, self.committed[through - 1].1.term, "{id}: the snapshot through {through}");
        if let Some(configuration) = configuration {
            assert_eq!(&snapshot.configuration, configuration, "{id}: the snapshot through {through}");
        }
    }

    /// A leader changes the configuration only when the last change, and an entry of its term, are committed.
    fn check_write(&mut self, cluster: &Cluster, id: NodeId, write: &Write) {
        let server = &cluster.servers[&id];
        let replaces = write.entries.first().is_some_and(|new| new.index <= server.disk.last_index());
        self.coverage.replaced += usize::from(replaces);
        let Some(replica) = server.replica.as_ref().filter(|replica| replica.role() == Role::Leader) else {
            return;
        };
        let is_change = |entry: &&Entry| matches!(entry.payload, Payload::Configuration(_));
        for entry in write.entries.iter().filter(is_change).filter(|entry| entry.term == replica.term()) {
            self.coverage.configurations += 1;
            // The step may have committed more after it appended this, which is not told yet.
            let commit = self.committed.len().min(usize::try_from(replica.commit().0).expect("short"));
            let last_committed = self.committed[..commit].last().map(|(_, entry)| entry.term);
            assert_eq!(last_committed, Some(replica.term()), "{id} changes the configuration before its own commit");
            let pending = replica.entries(Index(commit as u64 + 1)..entry.index).find(is_change);
            assert_eq!(pending, None, "{id} changes the configuration while a change is pending");
        }
    }

    /// A read sees what was committed when it began; and no later leader exists while a lease is trusted.
    fn check_read(&mut self, cluster: &Cluster, id: NodeId, read: ReadId, index: Index, by: ReadProof) {
        let floor = self.reads.get(&read).expect("what is answered was asked");
        assert!(index.0 >= *floor, "read {read} at {id} is served from {index} on, but {floor} was committed before");
        self.coverage.reads += 1;
        match by {
            ReadProof::Quorum => self.check_round(cluster, id, read),
            ReadProof::Lease => {
                self.coverage.lease_reads += 1;
                let term = cluster.replica(id).expect("who serves is up").term();
                let newest = self.leaders.keys().next_back().expect("somebody led");
                assert!(*newest <= term, "{id} reads by lease in {term}, while there is a leader of {newest}");
            }
        }
    }

    /// What a message says is on its sender's disk when it leaves.
    fn check_promise(&mut self, cluster: &Cluster, envelope: &Envelope) {
        let disk = &cluster.servers[&envelope.from].disk;
        let term = envelope.message.term;
        assert!(disk.hard_state.term >= term, "a message of {term} left before that term was on disk: {envelope:?}");
        if disk.hard_state.term != term {
            return;
        }
        match envelope.message.body {
            Body::VoteReply(VoteReply::Granted) => {
                assert_eq!(disk.hard_state.voted_for, Some(envelope.to), "a vote left before it was on disk");
            }
            Body::RequestVote(_) => {
                assert_eq!(disk.hard_state.voted_for, Some(envelope.from), "a candidate asked before its own vote");
            }
            Body::AppendReply(AppendReply { result: AppendResult::Accepted { matched }, .. }) => {
                assert!(disk.last_index() >= matched, "an acknowledgement left before its entries were on disk");
                let promised = self.acknowledged.entry(envelope.from).or_default();
                *promised = (term, matched).max(*promised);
            }
            Body::AppendReply(AppendReply { result: AppendResult::Rejected { .. }, .. })
            | Body::VoteReply(VoteReply::Refused)
            | Body::RequestPreVote(_)
            | Body::PreVoteReply(_)
            | Body::Append(_)
            | Body::InstallSnapshot(_)
            | Body::SnapshotReply(_)
            | Body::TimeoutNow
            | Body::RequestReadIndex(_)
            | Body::ReadIndexReply(_) => {}
        }
    }
}

/// The round that a leader's message belongs to.
fn round_of(body: &Body) -> Option<Round> {
    match body {
        Body::Append(append) => Some(append.round),
        Body::InstallSnapshot(part) => Some(part.round),
        Body::RequestPreVote(_)
        | Body::PreVoteReply(_)
        | Body::RequestVote(_)
        | Body::VoteReply(_)
        | Body::AppendReply(_)
        | Body::SnapshotReply(_)
        | Body::TimeoutNow
        | Body::RequestReadIndex(_)
        | Body::ReadIndexReply(_) => None,
    }
}

/// A majority of each set of voters has voted for the winner, by their disks. Who is in a later term by now may have.
fn check_votes(cluster: &Cluster, id: NodeId, term: Term, configuration: &Configuration) {
    let has_voted = |voter: &NodeId| {
        let HardState { term: current, voted_for } = cluster.servers[voter].disk.hard_state;
        current > term || (current == term && voted_for == Some(id))
    };
    for set in [&configuration.voters, &configuration.outgoing].into_iter().filter(|set| !set.is_empty()) {
        let votes = set.iter().filter(|voter| has_voted(voter)).count();
        assert!(2 * votes > set.len(), "election safety: {id} leads term {term} with {votes} votes of {set:?}");
    }
}

/// Log matching: where two logs have an entry of the same index and term, they are equal up to there.
fn check_logs(cluster: &Cluster) {
    let replicas: Vec<&Replica> = cluster.servers.values().flat_map(|server| &server.replica).collect();
    for (place, one) in replicas.iter().enumerate() {
        for other in &replicas[place + 1..] {
            let both_hold = one.first_index().max(other.first_index())..=one.last_index().min(other.last_index());
            let mut pairs = one.entries(both_hold.clone()).zip(other.entries(both_hold)).rev();
            if pairs.any(|(a, b)| a.term == b.term) {
                assert!(pairs.all(|(a, b)| a == b), "log matching: {} and {}", one.id(), other.id());
            }
        }
    }
}

/// What a replica believes to be durable is on its disk, what it has committed is in its log, and the configuration is
/// the last one that it has been told of.
fn check_server(cluster: &Cluster, id: NodeId) {
    let server = &cluster.servers[&id];
    let Some(replica) = &server.replica else { return };
    assert!(replica.commit() <= replica.last_index(), "{id} committed what it does not have");
    assert!(replica.first_index() <= replica.commit().next(), "{id} has compacted what is not committed");
    let durable = replica.durable_index();
    assert!(server.disk.last_index() >= durable, "{id} takes {durable} for durable");
    for entry in replica.entries(server.disk.base().next()..=durable) {
        assert_eq!(server.disk.entry(entry.index), Some(entry), "{id} takes {durable} for durable");
    }
    let base = replica.snapshot().map_or(Index(0), |snapshot| snapshot.index);
    let mut told = replica.entries(base.next()..).filter_map(|entry| match &entry.payload {
        Payload::Configuration(configuration) => Some(&**configuration),
        Payload::Noop | Payload::Command(_) => None,
    });
    let before = replica.snapshot().map_or(&server.config.bootstrap, |snapshot| &snapshot.configuration);
    assert_eq!(told.next_back().unwrap_or(before), replica.configuration(), "{id}: the configuration in force");
}

/// Servers that have to keep up: the members of the newest leader's configuration.
pub(crate) fn members_of(replica: &Replica) -> BTreeSet<NodeId> {
    let Configuration { voters, outgoing, learners, .. } = replica.configuration();
    [voters, outgoing, learners].into_iter().flatten().copied().collect()
}

impl Coverage {
    pub(crate) fn add(&mut self, other: &Coverage) {
        self.elections += other.elections;
        self.committed += other.committed;
        self.recovered_commits += other.recovered_commits;
        self.replaced += other.replaced;
        self.rejections += other.rejections;
        self.configurations += other.configurations;
        self.restored += other.restored;
        self.reads += other.reads;
        self.lease_reads += other.lease_reads;
        self.transfers += other.transfers;
        for (probe, count) in &other.probes {
            *self.probes.entry(*probe).or_default() += count;
        }
    }
}
