//! What a consensus library is to a host: it agrees on a log, and everything else is done for it.
//!
//! [`Hosted`] is the server around it, [`Host`] what it acts through. A host boots the library with what the disk kept, decodes
//! the requests of clients and refuses them where nobody leads, remembers who waits for which entry and answers when it is
//! applied, names reads, writes what it is given and says when that is durable, takes and installs snapshots, measures ticks, and
//! tells the observer of all that. A library that keeps time otherwise than in ticks, or that learns only later which entry a
//! request became, is better off with a [`super::Server`] of its own, from the same parts.

use whitewater_raft::Command;
use whitewater_sim::NodeId;

use super::{Host, Kept, ReadName, Standing};
#[cfg(doc)]
use super::{Hosted, Journal};

/// A consensus library, with as much around it as makes it fit.
///
/// All that it is told is followed by [`Consensus::go_on`], so that what is new is looked for in one place.
pub trait Consensus: Sized + 'static {
    /// What it is configured by.
    type Settings: Clone + 'static;
    /// What its servers say to each other.
    type Message: whitewater_sim::Message;
    /// What it does not do before its writes are durable ([`Host::after_writes`]).
    type Waiting: 'static;

    /// It starts, for the first time or after a crash, with what the disk kept. The state of the snapshot in it has been
    /// restored.
    ///
    /// # Errors
    /// In words: then the server refuses to start.
    fn boot(settings: &Self::Settings, kept: Kept, host: &mut Host<'_, '_, Self>) -> Result<Self, String>;

    /// What it takes itself for.
    fn standing(&self, host: &Host<'_, '_, Self>) -> Standing;

    /// A client's request is to become an entry of the log; it is asked only while it leads. Returns index and term of the
    /// entry, or nothing if it takes no more requests for now.
    fn propose(&mut self, request: Command, host: &mut Host<'_, '_, Self>) -> Option<(u64, u64)>;

    /// A client wants to read the state without an entry in the log; it is asked while it leads, or if any server may answer.
    /// [`Host::pass`] is to follow, or nothing if the library loses sight of it: the client asks again.
    fn read(&mut self, read: ReadName, host: &mut Host<'_, '_, Self>);

    /// Another server says something.
    fn message(&mut self, from: NodeId, message: Self::Message, host: &mut Host<'_, '_, Self>);

    /// Time passes: so much as [`super::Settings::tick_ns`] says, by this server's clock.
    fn tick(&mut self, host: &mut Host<'_, '_, Self>);

    /// Everything is durable that was written before this was handed to [`Host::after_writes`].
    fn durable(&mut self, what: Self::Waiting, host: &mut Host<'_, '_, Self>);

    /// A snapshot of the state is durable ([`Journal::latest_snapshot`]). Entries through this index are needed neither by
    /// this server nor by others that are not far behind. Returns the last index that is gone from the log in memory.
    fn compact(&mut self, dispensable: u64, host: &mut Host<'_, '_, Self>) -> u64;

    /// Carries out what there is to do: writes, sends, applies. Returns whether there was anything; if so, it is asked again.
    fn go_on(&mut self, host: &mut Host<'_, '_, Self>) -> bool;
}
