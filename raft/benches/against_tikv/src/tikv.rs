//! A server of the `raft` crate (tikv's), hosted as its documentation says: take a `Ready`, send, apply, persist, advance.
//!
//! What costs it time and could be left out is left out: logging is compiled out, the storage is the crate's own
//! `MemStorage`, and a batch of commands enters as one proposal. A write is reported as persisted together with the
//! next messages (`advance_append_async`): that is the faster one of the two ways that the crate offers.

use raft::eraftpb::{Entry, EntryType, Message, MessageType};
use raft::storage::MemStorage;
use raft::{Config, RawNode};

use crate::cluster::{Applied, Command, ENTRIES_KEPT, Outbox, Server};

/// When followers learn that an entry is committed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CommitNews {
    /// By the next append or heartbeat (`skip_bcast_commit`), as the paper has it.
    WithNextAppend,
    /// By a message of its own: what the crate does unless it is told otherwise.
    AtOnce,
}

/// One server.
pub(crate) struct Tikv {
    node: RawNode<MemStorage>,
    storage: MemStorage,
    applied: Applied,
    applied_index: u64,
    /// The number of the last `Ready` that was written.
    written: u64,
}

impl Tikv {
    /// The servers of a cluster.
    pub(crate) fn cluster(servers: u32, news: CommitNews) -> Vec<Tikv> {
        let voters: Vec<u64> = (1..=u64::from(servers)).collect();
        voters.iter().map(|id| Tikv::new(*id, &voters, news)).collect()
    }

    fn new(id: u64, voters: &[u64], news: CommitNews) -> Tikv {
        let storage = MemStorage::new_with_conf_state((voters.to_vec(), Vec::new()));
        let config = Config {
            id,
            election_tick: 10,
            heartbeat_tick: 1,
            max_size_per_msg: 1 << 20,
            max_inflight_msgs: 16,
            check_quorum: true,
            pre_vote: true,
            skip_bcast_commit: news == CommitNews::WithNextAppend,
            ..Config::default()
        };
        let logger = slog::Logger::root(slog::Discard, slog::o!());
        let node = RawNode::new(&config, storage.clone(), &logger).expect("the settings are valid");
        Tikv { node, storage, applied: Applied::default(), applied_index: 0, written: 0 }
    }

    fn handle_ready(&mut self, outbox: &mut Outbox<Message>) {
        if !self.node.has_ready() {
            return;
        }
        let mut ready = self.node.ready();
        send(ready.take_messages(), outbox);
        self.apply(ready.take_committed_entries());
        {
            let mut storage = self.storage.wl();
            storage.append(ready.entries()).expect("the storage has the entries before these");
            if let Some(hard_state) = ready.hs() {
                storage.set_hardstate(hard_state.clone());
            }
        }
        send(ready.take_persisted_messages(), outbox);
        self.written = ready.number();
        self.node.advance_append_async(ready);
        self.node.advance_apply();
    }

    fn apply(&mut self, entries: Vec<Entry>) {
        for entry in entries {
            self.applied_index = entry.index;
            match entry.entry_type {
                EntryType::EntryNormal if entry.data.is_empty() => {}
                EntryType::EntryNormal => self.applied.apply(&entry.data),
                EntryType::EntryConfChange | EntryType::EntryConfChangeV2 => {
                    unreachable!("nobody changes the configuration")
                }
            }
        }
    }
}

impl Server for Tikv {
    type Message = Message;

    fn campaign(&mut self, outbox: &mut Outbox<Message>) {
        self.node.campaign().expect("a follower may stand for election");
        self.handle_ready(outbox);
    }

    fn receive(&mut self, inbox: &mut Vec<Message>, outbox: &mut Outbox<Message>) {
        self.node.on_persist_ready(self.written);
        for message in inbox.drain(..) {
            self.node.step(message).expect("messages of the cluster are accepted");
        }
        self.handle_ready(outbox);
    }

    fn propose(&mut self, commands: &[Command], outbox: &mut Outbox<Message>) {
        let entry = |command: &Command| Entry { data: command.to_vec().into(), ..Entry::default() };
        let mut message = Message { from: self.node.raft.id, ..Message::default() };
        message.set_msg_type(MessageType::MsgPropose);
        message.set_entries(commands.iter().map(entry).collect());
        self.node.step(message).expect("the leader accepts proposals");
        self.handle_ready(outbox);
    }

    fn heartbeat(&mut self, outbox: &mut Outbox<Message>) {
        self.node.ping();
        self.handle_ready(outbox);
    }

    fn compact(&mut self) {
        let first_kept = (self.applied_index + 1).saturating_sub(ENTRIES_KEPT);
        self.storage.wl().compact(first_kept).expect("applied entries may go");
    }

    fn applied(&self) -> Applied {
        self.applied
    }
}

fn send(messages: Vec<Message>, outbox: &mut Outbox<Message>) {
    outbox.extend(messages.into_iter().map(|message| (message.to as usize - 1, message)));
}
