//! Linearizable reads without a log entry (dissertation 6.4), at the leader and at followers.
//!
//! A read gets an index: the leader's commit index when it arrived, and never one before the leader's own first entry,
//! since only that one tells what earlier leaders committed. It may be served once the leader has proved that it still
//! led after the read arrived, by a round that began later or by its lease, and everything through the index is
//! applied. A follower asks the leader for the index and waits for its own log.
//!
//! Reads wait for a round that begins after they arrived; those that arrive while one is under way share the next.
//!
//! Simplification: a read at a follower is always proved by a round, and nobody repeats it if a message is lost.

use crate::bugs::{self, Bug};
use crate::effect::{Effect, ReadProof};
use crate::input::{Environment, ReadMode};
use crate::leader::Leader;
use crate::lease::Validity;
use crate::message::{Body, ReadContext, ReadIndexReply};
use crate::probe::Probe;
use crate::replica::{Replica, State};
use crate::types::{Index, LocalTime, NodeId, ReadId, Round};

/// A read that a leader has not proved yet.
#[derive(Clone, Copy, Debug)]
pub(crate) struct WaitingRead {
    reader: Reader,
    /// The round that proves it, or a later one.
    round: Round,
    index: Index,
}

/// Who reads.
#[derive(Clone, Copy, Debug)]
enum Reader {
    /// A client of this server.
    Here(ReadId),
    /// A client of a follower.
    At(NodeId, ReadContext),
}

impl Leader {
    /// Whether reads wait, and none of them for a round that is under way. They are in the order of their rounds.
    pub(crate) fn reads_need_a_round(&self) -> bool {
        let proved = self.reads.partition_point(|read| read.round <= self.rounds.confirmed());
        self.reads.get(proved).is_some_and(|read| read.round > self.rounds.latest())
    }
}

impl Replica {
    /// A client wants to read here.
    pub(crate) fn read(&mut self, read: ReadId, mode: ReadMode, environment: &mut dyn Environment) {
        let commit = self.commit;
        match (&self.state, self.leader, mode) {
            (State::Leader(_), _, ReadMode::Quorum) => self.wait_for_round(Reader::Here(read)),
            (State::Leader(leader), _, ReadMode::Lease) => {
                let index = commit.max(leader.first_own);
                if self.lease_holds(environment) && index == commit {
                    self.probe(Probe::LeaseReadServed);
                    self.effects.push(Effect::ReadReady { read, index, by: ReadProof::Lease });
                } else {
                    self.wait_for_round(Reader::Here(read));
                }
            }
            (State::Follower, Some(leader), _) => {
                let context = ReadContext { life: self.life, read };
                self.send_when_durable(leader, Body::RequestReadIndex(context));
            }
            (State::Follower | State::PreCandidate(_) | State::Candidate(_), leader, _) => {
                self.effects.push(Effect::ReadRefused { read, leader });
            }
        }
    }

    /// A follower asks for the index of a read.
    pub(crate) fn receive_request_read_index(&mut self, from: NodeId, context: ReadContext) {
        match self.state {
            State::Leader(_) => self.wait_for_round(Reader::At(from, context)),
            State::Follower | State::PreCandidate(_) | State::Candidate(_) => {
                self.send_when_durable(from, Body::ReadIndexReply(ReadIndexReply { context, index: None }));
            }
        }
    }

    /// The leader answered a read of this server. Whether it still leads no longer matters: it did when the read was
    /// under way.
    pub(crate) fn receive_read_index_reply(&mut self, ReadIndexReply { context, index }: ReadIndexReply) {
        if context.life != self.life {
            return;
        }
        let read = context.read;
        self.effects.push(match index {
            Some(index) => Effect::ReadReady { read, index, by: ReadProof::Quorum },
            None => Effect::ReadRefused { read, leader: self.leader },
        });
    }

    /// Lets the reads pass that are proved.
    pub(crate) fn serve_reads(&mut self) {
        let State::Leader(leader) = &mut self.state else {
            return;
        };
        let (confirmed, commit) = (leader.rounds.confirmed(), self.commit);
        while let Some(read) = leader.reads.front().copied()
            && (read.round <= confirmed || bugs::is_on(Bug::LocalReads))
            && read.index <= commit
        {
            leader.reads.pop_front();
            let index = read.index;
            let effect = match read.reader {
                Reader::Here(read) => Effect::ReadReady { read, index, by: ReadProof::Quorum },
                Reader::At(to, context) => {
                    let body = Body::ReadIndexReply(ReadIndexReply { context, index: Some(index) });
                    Effect::Send(Replica::at_once(to, self.hard_state.term, body))
                }
            };
            self.effects.push(effect);
        }
    }

    /// Turns away the reads of a leader that leads no longer.
    pub(crate) fn refuse_reads(&mut self, reads: impl IntoIterator<Item = WaitingRead>) {
        let mut lost_any = false;
        for WaitingRead { reader, .. } in reads {
            lost_any = true;
            match reader {
                Reader::Here(read) => self.effects.push(Effect::ReadRefused { read, leader: self.leader }),
                Reader::At(to, context) => {
                    self.send_when_durable(to, Body::ReadIndexReply(ReadIndexReply { context, index: None }));
                }
            }
        }
        if lost_any {
            self.probe(Probe::ReadQuorumLost);
        }
    }

    /// Whether this server could serve a read by its lease when its clock shows this.
    #[must_use]
    pub fn is_leased(&self, now: LocalTime) -> bool {
        match &self.state {
            State::Leader(leader) => {
                self.commit >= leader.first_own
                    && leader.rounds.lease().is_some_and(|lease| lease.validity(now) == Validity::Holds)
            }
            State::Follower | State::PreCandidate(_) | State::Candidate(_) => false,
        }
    }

    fn lease_holds(&mut self, environment: &mut dyn Environment) -> bool {
        let State::Leader(leader) = &mut self.state else {
            return false;
        };
        let validity = leader.rounds.lease_mut().map_or(Validity::Over, |lease| lease.check(environment.now()));
        match validity {
            Validity::Holds => return true,
            Validity::Doubtful => self.probe(Probe::LeaseRefusedUnderSkew),
            Validity::Over => {}
        }
        self.probe(Probe::LeaseReadRefused);
        false
    }

    fn wait_for_round(&mut self, reader: Reader) {
        let State::Leader(leader) = &mut self.state else {
            return;
        };
        let known = if bugs::is_on(Bug::ReadBeforeOwnCommit) { self.commit } else { leader.first_own };
        let index = self.commit.max(known);
        leader.reads.push_back(WaitingRead { reader, round: leader.rounds.next(), index });
        if index > self.commit {
            self.probe(Probe::ReadWaitsForOwnTermCommit);
        }
    }
}
