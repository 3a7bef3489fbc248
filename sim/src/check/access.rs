//! Operations on one part of the state, seen as accesses to a register: all that some questions need to know of them.
//!
//! Monitoring (Gibbons and Korach, 1997) and the guarantees of a session (Terry et al., 1994) are about which write a
//! read has read from. They ask a model for this view instead of its specification. What it simplifies: values are
//! compared, not looked into; an operation that reads and writes in any other way than these has no such view.

/// What an operation does to the one part of the state that it touches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Access<V> {
    /// Was answered with this value, and changes nothing.
    Read(V),
    /// Sets this value, whatever was there before, and says nothing of that. Deleting sets the value of a missing part.
    Write(V),
    /// Puts an element behind the elements that are there, and says nothing of them.
    Append(V),
    /// Sets `new` if the value is `expected`.
    Swap {
        /// The value that it must be.
        expected: V,
        /// The value that it becomes.
        new: V,
        /// Whether it was; `None` if no answer is known.
        swapped: Option<bool>,
    },
}

/// What is left of a value behind its beginning.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Remainder<V> {
    /// It does not begin so.
    Unlike,
    /// Nothing: this is all of it.
    Nothing,
    /// These elements.
    More(V),
}
