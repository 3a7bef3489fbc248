//! The numbers that the operations of a session have.

/// How the operations of a session are numbered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Numbering {
    /// One after the other, as [`crate::Machine`] wants it.
    Consecutive,
    /// So that [`Numbering::place`] tells an operation's place, and numbers rise in each place: for servers that know only clients
    /// with one operation under way, every place is such a client.
    ByPlace,
}

impl Numbering {
    /// The place of an operation among so many, and its number there, if it was numbered by places.
    #[must_use]
    pub fn place(sequence: u64, window: u64) -> (u64, u64) {
        (sequence % window, sequence / window)
    }

    /// The number of the next operation, of so many so far with this one, in this place of so many; and the smallest number that is
    /// not answered, of which `oldest` is one.
    pub(super) fn number(self, next: u64, oldest: Option<u64>, place: usize, window: usize) -> (u64, u64) {
        match self {
            Numbering::Consecutive => (next, oldest.unwrap_or(next)),
            // Nobody who wants numbers like this asks what else is not answered.
            Numbering::ByPlace => {
                let sequence = next * window as u64 + place as u64;
                (sequence, sequence)
            }
        }
    }
}
