//! Servers in one thread that hand messages to each other in memory: the driver that both sides share, so that they are
//! driven the same way by construction.
//!
//! Messages arrive in the order in which they were sent. A server that has its turn takes all that has arrived, as hosts
//! of both crates do. No time passes: timers never fire, but for the heartbeat that the driver asks for.

/// The length of a command, in bytes.
pub(crate) const COMMAND_BYTES: usize = 64;

/// A command; the first eight bytes are its number.
pub(crate) type Command = [u8; COMMAND_BYTES];

/// A server of either side, with its storage and its state machine. Whatever it has to send goes into the outbox.
pub(crate) trait Server {
    /// What servers send to each other.
    type Message;

    /// Stands for election.
    fn campaign(&mut self, outbox: &mut Outbox<Self::Message>);

    /// Handles messages that have arrived, in order, and leaves none.
    fn receive(&mut self, inbox: &mut Vec<Self::Message>, outbox: &mut Outbox<Self::Message>);

    /// Puts commands into the log, as the leader.
    fn propose(&mut self, commands: &[Command], outbox: &mut Outbox<Self::Message>);

    /// Sends a heartbeat, as the leader.
    fn heartbeat(&mut self, outbox: &mut Outbox<Self::Message>);

    /// Forgets all applied entries but the last [`ENTRIES_KEPT`].
    fn compact(&mut self);

    /// What was applied.
    fn applied(&self) -> Applied;
}

/// How many entries outlive a compaction.
pub(crate) const ENTRIES_KEPT: u64 = 64;

/// What a server has to send: to which server of the cluster, and what.
pub(crate) type Outbox<M> = Vec<(usize, M)>;

/// The state machine: it counts commands, and makes of their numbers a digest that depends on their order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Applied {
    /// How many commands were applied.
    pub(crate) commands: u64,
    /// The digest.
    pub(crate) digest: u64,
}

impl Applied {
    /// Applies one command.
    pub(crate) fn apply(&mut self, command: &[u8]) {
        let number = command.first_chunk().expect("a command begins with its number");
        self.commands += 1;
        self.digest = self.digest.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(u64::from_le_bytes(*number));
    }
}

/// A cluster whose first server leads.
pub(crate) struct Cluster<S: Server> {
    servers: Vec<S>,
    inboxes: Vec<Vec<S::Message>>,
    /// The inbox of the server whose turn it is.
    taken: Vec<S::Message>,
    outbox: Outbox<S::Message>,
    batch: Vec<Command>,
    proposed: u64,
    messages: u64,
}

impl<S: Server> Cluster<S> {
    /// Elects the first server.
    pub(crate) fn new(servers: Vec<S>) -> Cluster<S> {
        let inboxes = servers.iter().map(|_| Vec::new()).collect();
        let (taken, outbox, batch) = (Vec::new(), Vec::new(), Vec::new());
        let mut cluster = Cluster { servers, inboxes, taken, outbox, batch, proposed: 0, messages: 0 };
        cluster.servers[0].campaign(&mut cluster.outbox);
        cluster.post();
        while cluster.pass_turns() {}
        cluster.settle();
        cluster
    }

    /// Has the leader commit and apply this many commands, a batch at a time: the next batch is proposed when the leader
    /// has applied this one. Then all servers catch up, and compact their logs.
    pub(crate) fn commit(&mut self, commands: u64, batch: usize) {
        let end = self.proposed + commands;
        while self.proposed < end {
            self.batch.clear();
            for number in (self.proposed..end).take(batch) {
                let mut command = [0x5a; COMMAND_BYTES];
                command[..8].copy_from_slice(&number.to_le_bytes());
                self.batch.push(command);
            }
            self.proposed += self.batch.len() as u64;
            self.servers[0].propose(&self.batch, &mut self.outbox);
            self.post();
            while self.servers[0].applied().commands < self.proposed {
                assert!(self.pass_turns(), "the leader commits what it accepted without being asked again");
            }
        }
        self.settle();
        self.servers.iter_mut().for_each(S::compact);
    }

    /// What every server has applied.
    pub(crate) fn applied(&self) -> Applied {
        let applied = self.servers[0].applied();
        assert_eq!(applied.commands, self.proposed, "what was proposed is applied");
        assert!(self.servers.iter().all(|server| server.applied() == applied), "all servers apply the same commands");
        applied
    }

    /// How many messages were sent.
    pub(crate) fn messages(&self) -> u64 {
        self.messages
    }

    /// Delivers everything, and tells the followers by a heartbeat what is committed.
    fn settle(&mut self) {
        while self.pass_turns() {}
        self.servers[0].heartbeat(&mut self.outbox);
        self.post();
        while self.pass_turns() {}
        assert!(self.servers.iter().all(|server| server.applied().commands == self.proposed), "all servers catch up");
    }

    /// Gives every server that has messages one turn. False if none has.
    fn pass_turns(&mut self) -> bool {
        let mut any = false;
        for at in 0..self.servers.len() {
            if self.inboxes[at].is_empty() {
                continue;
            }
            any = true;
            std::mem::swap(&mut self.inboxes[at], &mut self.taken);
            self.servers[at].receive(&mut self.taken, &mut self.outbox);
            self.post();
        }
        any
    }

    fn post(&mut self) {
        self.messages += self.outbox.len() as u64;
        for (to, message) in self.outbox.drain(..) {
            self.inboxes[to].push(message);
        }
    }
}
