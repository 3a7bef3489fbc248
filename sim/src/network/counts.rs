//! How often each fault of the network struck, and how often that mattered.

/// How often something struck, and how often that made a difference.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Strikes {
    /// How often it struck.
    pub struck: u64,
    /// How often that made a difference to somebody.
    pub mattered: u64,
}

/// How often each network fault struck.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NetworkCounts {
    /// Messages sent.
    pub sent: u64,
    /// Messages stopped by a cut, or by a receiver that was down.
    pub cut: u64,
    /// Messages held by clogged links.
    pub held: u64,
    /// Messages lost by chance; it matters if the receiver was up.
    pub lost: Strikes,
    /// Messages of which a link made a copy; it matters if the copy reached a receiver that was up.
    pub duplicated: Strikes,
    /// Messages held up so that others may overtake them; it matters if one does.
    pub reordered: Strikes,
    /// Messages in which a bit was made wrong; it matters if the message reached a receiver that was up.
    pub garbled: Strikes,
    /// Messages with a wrong bit that the receiver's codec did not notice.
    pub misread: u64,
    /// Messages sent over a link with a limited bandwidth; it matters if they had to wait for others.
    pub queued: Strikes,
    /// Messages lost because the queue was full; it matters if the receiver was up.
    pub overflowed: Strikes,
}
