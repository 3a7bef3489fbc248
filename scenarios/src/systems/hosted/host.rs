//! A server whose consensus is a library's: the host of a [`Consensus`], and what the library sees of it.
//!
//! What it simplifies: a read by lease is one by quorum, unless the library has leases and uses them for all reads.

use whitewater_kv::Message;
use whitewater_kv::message::{ReadRequest, Rejection, ReplyResult};
use whitewater_kv::snapshot::SnapshotError;
use whitewater_raft::Command;
use whitewater_sim::disk::SyncId;
use whitewater_sim::observe::Observation;
use whitewater_sim::{Context, NodeId, TimerId};

use super::{
    Consensus, Cut, FIRST_TIMER, Journal, Kept, Node, Record, Server, Settings, Store, Told, Wire, name_of, program,
    refuse, reply,
};
use crate::system::{Program, Stage};

const TICK: TimerId = TimerId(FIRST_TIMER);

/// A server around a library; it runs once it has booted.
pub struct Hosted<C: Consensus> {
    settings: Settings,
    library_settings: C::Settings,
    running: Option<(C, Holdings<C::Waiting>)>,
}

/// What a host holds for its library.
struct Holdings<W> {
    settings: Settings,
    store: Store,
    journal: Journal<W>,
    told: Told,
    life: u64,
}

/// The host of a library, for the duration of one event.
pub struct Host<'a, 'b, C: Consensus> {
    holdings: &'a mut Holdings<C::Waiting>,
    /// The simulator: who this server is, random numbers, what only the library can observe.
    pub context: &'a mut Context<'b, Node<Hosted<C>>>,
}

/// The name of a read: no two reads have the same, at whichever servers, and in whichever lives of theirs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ReadName {
    /// Drawn by a server when it boots.
    life: u64,
    number: u64,
}

impl ReadName {
    /// For libraries whose names are bytes.
    #[must_use]
    pub fn to_bytes(self) -> [u8; 16] {
        (u128::from(self.number) << 64 | u128::from(self.life)).to_le_bytes()
    }

    /// The name that became these bytes; none if no name does.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<ReadName> {
        let word = u128::from_le_bytes(bytes.try_into().ok()?);
        Some(ReadName { life: word as u64, number: (word >> 64) as u64 })
    }
}

impl<C: Consensus> Hosted<C> {
    /// The program of a run: servers around libraries with these settings, and the clients of the scenario.
    #[must_use]
    pub fn program(stage: &Stage<'_>, settings: Settings, library_settings: C::Settings) -> Program<Node<Hosted<C>>> {
        program(stage, move |_| Hosted { settings, library_settings: library_settings.clone(), running: None })
    }

    fn start(&mut self, context: &mut Context<'_, Node<Self>>) -> Result<(), String> {
        let (mut holdings, kept) = Holdings::open(self.settings, context)?;
        let library = C::boot(&self.library_settings, kept, &mut Host { holdings: &mut holdings, context })?;
        self.running = Some((library, holdings));
        Ok(())
    }

    /// Tells the library of an event, and lets it go on.
    fn tell(&mut self, context: &mut Context<'_, Node<Self>>, of: impl FnOnce(&mut C, &mut Host<'_, '_, C>)) {
        let Some((library, holdings)) = &mut self.running else { return };
        let mut host = Host { holdings, context };
        of(library, &mut host);
        host.go_on(library);
    }
}

impl<C: Consensus> Server for Hosted<C> {
    type Message = C::Message;

    fn boot(&mut self, context: &mut Context<'_, Node<Self>>) {
        if let Err(why) = self.start(context) {
            context.note(format_args!("refuses to start: {why}"));
            return context.halt();
        }
        self.tell(context, |_, _| {});
        // Servers that booted together do not tick together.
        let phase_ns = context.random().between(1, self.settings.tick_ns);
        context.arm(TICK, phase_ns);
    }

    fn request(&mut self, from: NodeId, request: Message, context: &mut Context<'_, Node<Self>>) {
        match request {
            Message::Request(command) => self.tell(context, |library, host| host.propose(library, from, command)),
            Message::Read(read) => self.tell(context, |library, host| host.read(library, from, *read)),
            Message::Raft { .. }
            | Message::Reply(_)
            | Message::Admin(_)
            | Message::AdminReply(_)
            | Message::CameBack(_) => {}
        }
    }

    fn message(&mut self, from: NodeId, message: C::Message, context: &mut Context<'_, Node<Self>>) {
        self.tell(context, |library, host| library.message(from, message, host));
    }

    fn timer(&mut self, _: TimerId, context: &mut Context<'_, Node<Self>>) {
        context.arm(TICK, self.settings.tick_ns);
        self.tell(context, C::tick);
    }

    fn synced(&mut self, sync: SyncId, context: &mut Context<'_, Node<Self>>) {
        self.tell(context, |library, host| {
            if let Some(dispensable) = host.holdings.journal.synced(sync, host.context) {
                let through = library.compact(dispensable, host);
                host.context.observe(Observation::Compacted { through });
            }
        });
    }

    fn timer_name(timer: TimerId) -> Option<&'static str> {
        (timer == TICK).then_some("tick")
    }
}

impl<W> Holdings<W> {
    fn open<S: Server>(settings: Settings, context: &mut Context<'_, Node<S>>) -> Result<(Holdings<W>, Kept), String> {
        let mut store = Store::new(settings.sessions);
        let (journal, kept) = Journal::open(settings, &mut store, context)?;
        let told = Told::booted(kept.term, store.applied());
        Ok((Holdings { settings, store, journal, told, life: context.random().draw() }, kept))
    }
}

/// What a library asks for.
impl<C: Consensus> Host<'_, '_, C> {
    /// What the scenario says.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.holdings.settings
    }

    /// The state machine.
    #[must_use]
    pub fn store(&self) -> &Store {
        &self.holdings.store
    }

    /// What was written, and how much of it is durable.
    #[must_use]
    pub fn journal(&self) -> &Journal<C::Waiting> {
        &self.holdings.journal
    }

    /// Sends to another server.
    pub fn send(&mut self, to: NodeId, message: C::Message) {
        self.context.send(to, Wire::Server(message));
    }

    /// Writes what is new: see [`Journal::write`].
    pub fn write(&mut self, voted: (u64, Option<NodeId>), entries: Vec<Record>) -> bool {
        self.holdings.journal.write(voted, entries, self.context)
    }

    /// Replaces log and state by a snapshot that came from another server: see [`Journal::install`].
    ///
    /// # Errors
    /// If these are not the bytes of a snapshot. Then nothing has changed.
    pub fn install(&mut self, voted: (u64, Option<NodeId>), cut: &Cut) -> Result<(), SnapshotError> {
        let Holdings { journal, store, told, .. } = &mut *self.holdings;
        journal.install(voted, cut, store, self.context)?;
        told.installed(cut.index);
        Ok(())
    }

    /// Keeps something until everything that was written so far is durable; [`Consensus::durable`] gets it then.
    pub fn after_writes(&mut self, what: C::Waiting) {
        self.holdings.journal.after_writes(what);
    }

    /// The library knows that everything through this index is committed.
    pub fn committed(&mut self, index: u64) {
        self.holdings.told.tell_committed(index, self.context);
    }

    /// The next committed entry is to be applied: see [`Store::apply`].
    ///
    /// # Panics
    /// If it is not the next one, or holds what no client asked for.
    pub fn apply(&mut self, entry: (u64, u64), data: &[u8]) {
        self.holdings.store.apply(entry, data, self.context);
    }

    /// A read may be served once this index is applied. Nothing happens if it is not from here, or from an earlier life.
    pub fn pass(&mut self, ReadName { life, number }: ReadName, index: u64) {
        if life == self.holdings.life {
            self.holdings.store.pass(number, index);
        }
    }
}

/// What is done for it.
impl<C: Consensus> Host<'_, '_, C> {
    fn go_on(&mut self, library: &mut C) {
        loop {
            while let Some(what) = self.holdings.journal.next_durable() {
                library.durable(what, self);
            }
            let standing = library.standing(self);
            self.holdings.told.tell(standing, self.context);
            if standing.leader != Some(self.context.node()) {
                self.holdings.store.give_up(standing.leader, self.context);
            }
            self.holdings.store.serve(self.context);
            if !library.go_on(self) {
                return;
            }
            let Holdings { journal, store, .. } = &mut *self.holdings;
            journal.snapshot_if_due(store, self.context);
        }
    }

    fn propose(&mut self, library: &mut C, client: NodeId, command: Command) {
        let Some(request) = name_of(&command) else { return };
        let leader = library.standing(self).leader;
        if leader != Some(self.context.node()) {
            return refuse(client, request, leader, self.context);
        }
        match library.propose(command, self) {
            Some(entry) => self.holdings.store.accept(entry, client, request),
            None => reply(client, request, ReplyResult::Rejected(Rejection::Overloaded), self.context),
        }
    }

    fn read(&mut self, library: &mut C, client: NodeId, request: ReadRequest) {
        let leader = library.standing(self).leader;
        if let Some(number) = self.holdings.store.read(client, request, leader, self.context) {
            library.read(ReadName { life: self.holdings.life, number }, self);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_reads_are_found_again_in_their_bytes() {
        let name = ReadName { life: 0x0123_4567_89ab_cdef, number: 7 };
        let bytes = name.to_bytes();
        assert_eq!(ReadName::from_bytes(&bytes), Some(name));
        for other in [ReadName { life: 7, ..name }, ReadName { number: 8, ..name }] {
            assert_ne!(other.to_bytes(), bytes);
        }
        assert_eq!(ReadName::from_bytes(&bytes[1..]), None);
        assert_eq!(ReadName::from_bytes(b""), None);
    }
}
