//! The store's side of a server: the state machine, and the clients that wait for it (dissertation 6.3, 6.4).
//!
//! For servers whose consensus library hands over committed entries: an entry is an encoded [`Request`], or empty if the
//! library made it for itself. What happens here is observed here: [`Observation::Executed`], [`Observation::Applied`],
//! and reads.

use std::collections::{BTreeMap, VecDeque};

use whitewater_kv::machine::Applied;
use whitewater_kv::message::{ReadAt, ReadRequest, Rejection, Reply, ReplyResult, RequestId};
use whitewater_kv::snapshot::SnapshotError;
use whitewater_kv::{Machine, Message, Operation, Request, codec, session};
use whitewater_raft::{Command, Index};
use whitewater_sim::observe::Observation;
use whitewater_sim::{Context, NodeId};
use xxhash_rust::xxh3::xxh3_64;

use super::{Node, Server, Wire};

/// The state machine of a server, and its clients.
#[derive(Debug)]
pub struct Store {
    machine: Machine,
    /// Index and term of the last entry that was applied.
    applied: (u64, u64),
    /// Requests in the log whose clients wait, in the order of their entries.
    waiting: VecDeque<Waiting>,
    next_read: u64,
    /// Reads that nobody has let pass yet.
    asked: BTreeMap<u64, Read>,
    /// Reads that may be served once an index is applied.
    passed: BTreeMap<(u64, u64), Read>,
}

/// A request in the log.
#[derive(Clone, Copy, Debug)]
struct Waiting {
    index: u64,
    term: u64,
    client: NodeId,
    request: RequestId,
}

/// A read past the log.
#[derive(Debug)]
struct Read {
    client: NodeId,
    number: u64,
    operation: Operation,
}

/// So many reads may wait for a word: libraries do not tell of those that they drop.
const READS_MAX: usize = 4_096;

impl Store {
    /// A state machine to which nothing was applied.
    #[must_use]
    pub fn new(limits: session::Limits) -> Store {
        Store {
            machine: Machine::new(limits),
            applied: (0, 0),
            waiting: VecDeque::new(),
            next_read: 0,
            asked: BTreeMap::new(),
            passed: BTreeMap::new(),
        }
    }

    /// The index of the last entry that was applied.
    #[must_use]
    pub fn applied(&self) -> u64 {
        self.applied.0
    }

    /// Index and term of the last entry that was applied.
    #[must_use]
    pub fn applied_entry(&self) -> (u64, u64) {
        self.applied
    }

    /// A fingerprint of the state, for [`Observation::SnapshotTaken`].
    #[must_use]
    pub fn state(&self) -> u64 {
        self.machine.fingerprint()
    }

    /// The whole state as bytes.
    #[must_use]
    pub fn snapshot(&self) -> Command {
        self.machine.snapshot()
    }

    /// Replaces the state by that of a snapshot that ends with this entry.
    ///
    /// # Errors
    /// If these are not the bytes of a [`Store::snapshot`]. Then nothing has changed.
    pub fn restore<S: Server>(
        &mut self,
        (index, term): (u64, u64),
        snapshot: &[u8],
        context: &mut Context<'_, Node<S>>,
    ) -> Result<(), SnapshotError> {
        self.machine = Machine::restore(snapshot)?;
        self.applied = (index, term);
        context.observe(Observation::Restored { index, term, state: self.state() });
        Ok(())
    }

    /// The request of a client has become this entry: the client waits until it is applied.
    pub fn accept(&mut self, (index, term): (u64, u64), client: NodeId, request: RequestId) {
        self.waiting.push_back(Waiting { index, term, client, request });
    }

    /// The server does not lead any more: nobody knows whether what waits will be applied.
    pub fn give_up<S: Server>(&mut self, leader: Option<NodeId>, context: &mut Context<'_, Node<S>>) {
        for Waiting { client, request, .. } in self.waiting.drain(..) {
            reply(client, request, ReplyResult::Uncertain { leader: leader.map(raft_id) }, context);
        }
    }

    /// Applies a committed entry, and answers the client that waits for it, if one does.
    ///
    /// # Panics
    /// If the entry is not the next one, is neither empty nor a request, or is not the one that a client waits for at its
    /// index.
    pub fn apply<S: Server>(&mut self, (index, term): (u64, u64), entry: &[u8], context: &mut Context<'_, Node<S>>) {
        assert!(index == self.applied() + 1, "entries are applied in their order: {index} after {}", self.applied());
        let result = if entry.is_empty() { None } else { self.execute(index, entry, context) };
        self.applied = (index, term);
        context.observe(Observation::Applied { index, term, payload: payload(entry), state: self.state() });
        let Some(waiting) = self.waiting.front().copied().filter(|waiting| waiting.index == index) else { return };
        self.waiting.pop_front();
        assert!(waiting.term == term, "a leader's own entries are not replaced while it leads");
        if let Some(result) = result {
            reply(waiting.client, waiting.request, result, context);
        }
    }

    fn execute<S: Server>(
        &mut self,
        index: u64,
        entry: &[u8],
        context: &mut Context<'_, Node<S>>,
    ) -> Option<ReplyResult> {
        let request = codec::decode(entry).expect("a request is checked before it enters the log");
        match self.machine.apply(Index(index), &request) {
            Applied::Opened { session } => Some(ReplyResult::Opened { session }),
            Applied::Executed { session, sequence, answer } => {
                context.observe(Observation::Executed { index, session, sequence });
                Some(ReplyResult::Answered { answer, index: Index(index) })
            }
            Applied::Duplicate { answer } => Some(ReplyResult::Answered { answer, index: Index(index) }),
            Applied::Overtaken => None,
            Applied::Expired => Some(ReplyResult::SessionExpired),
        }
    }

    /// Takes a read on, and gives it a number; none if it is refused. [`Store::pass`] is to follow. A read by lease is one
    /// by quorum to a library without leases.
    pub fn read<S: Server>(
        &mut self,
        client: NodeId,
        ReadRequest { number, at, operation, .. }: ReadRequest,
        leader: Option<NodeId>,
        context: &mut Context<'_, Node<S>>,
    ) -> Option<u64> {
        let request = RequestId::Read { number };
        let may_serve = leader == Some(context.node()) || at == ReadAt::AnyServer && leader.is_some();
        if !operation.only_reads() {
            reply(client, request, ReplyResult::Rejected(Rejection::NotARead), context);
            return None;
        }
        if !may_serve {
            refuse(client, request, leader, context);
            return None;
        }
        let read = self.next_read;
        self.next_read += 1;
        context.observe(Observation::ReadBegan { read });
        self.asked.insert(read, Read { client, number, operation });
        if self.asked.len() > READS_MAX {
            self.asked.pop_first();
        }
        Some(read)
    }

    /// A read may be served once this index is applied. Nothing happens if it does not wait.
    pub fn pass(&mut self, read: u64, index: u64) {
        if let Some(waits) = self.asked.remove(&read) {
            self.passed.insert((index, read), waits);
        }
    }

    /// Serves the reads that may be.
    pub fn serve<S: Server>(&mut self, context: &mut Context<'_, Node<S>>) {
        let applied = self.applied();
        while let Some(first) = self.passed.first_entry().filter(|first| first.key().0 <= applied) {
            let ((_, read), Read { client, number, operation }) = first.remove_entry();
            let answer = self.machine.read(&operation).expect("what writes is rejected when it arrives");
            context.observe(Observation::ReadServed { read, applied });
            let result = ReplyResult::Answered { answer, index: Index(applied) };
            reply(client, RequestId::Read { number }, result, context);
        }
    }
}

/// What an entry carries, as observations say it.
#[must_use]
pub fn payload(entry: &[u8]) -> u64 {
    xxh3_64(entry)
}

/// The name of an encoded request; none if the bytes are none: such bytes must not enter a log.
#[must_use]
pub fn name_of(request: &[u8]) -> Option<RequestId> {
    match codec::decode(request) {
        Ok(Request::OpenSession { nonce }) => Some(RequestId::OpenSession { nonce }),
        Ok(Request::Execute { session, sequence, .. }) => Some(RequestId::Execute { session, sequence }),
        Err(_) => None,
    }
}

/// Tells a client that its request did not enter the log here.
pub fn refuse<S: Server>(
    client: NodeId,
    request: RequestId,
    leader: Option<NodeId>,
    context: &mut Context<'_, Node<S>>,
) {
    reply(client, request, ReplyResult::Refused { leader: leader.map(raft_id) }, context);
}

/// Tells a client what became of its request.
pub fn reply<S: Server>(client: NodeId, request: RequestId, result: ReplyResult, context: &mut Context<'_, Node<S>>) {
    context.send(client, Wire::store(Message::Reply(Reply { to: request, result })));
}

fn raft_id(NodeId(number): NodeId) -> whitewater_raft::NodeId {
    whitewater_raft::NodeId(number)
}
