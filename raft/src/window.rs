//! The window of appends that are under way to a follower (dissertation 10.2.1), limited in number and in bytes.
//!
//! Answers may be lost or overtake each other; a later one speaks for the earlier ones. So a window never leaks: when
//! the follower is asked anew, it is emptied.
//!
//! Simplification: an append is let through while there is any room, so the bytes may exceed their limit by one append.

use std::collections::VecDeque;

use crate::bugs::{self, Bug};
use crate::types::Index;

/// How much may be under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct WindowLimits {
    pub(crate) appends_max: usize,
    pub(crate) bytes_max: u64,
}

/// The appends under way to one follower.
#[derive(Clone, Debug, Default)]
pub(crate) struct Window {
    /// The last index that each covers, and its bytes.
    under_way: VecDeque<(Index, u64)>,
    bytes: u64,
}

impl Window {
    pub(crate) fn is_full(&self, limits: WindowLimits) -> bool {
        self.under_way.len() >= limits.appends_max || self.bytes >= limits.bytes_max
    }

    pub(crate) fn appends(&self) -> usize {
        self.under_way.len()
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    pub(crate) fn sent(&mut self, through: Index, bytes: u64) {
        self.under_way.push_back((through, bytes));
        self.bytes += bytes;
    }

    pub(crate) fn answered(&mut self, matched: Index) {
        while let Some(&(through, bytes)) = self.under_way.front()
            && (through == matched || through < matched && !bugs::is_on(Bug::WindowLeaks))
        {
            self.under_way.pop_front();
            self.bytes -= bytes;
        }
    }

    pub(crate) fn clear(&mut self) {
        self.under_way.clear();
        self.bytes = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: WindowLimits = WindowLimits { appends_max: 3, bytes_max: 100 };

    #[test]
    fn a_window_is_full_of_appends_or_of_bytes() {
        let mut window = Window::default();
        for through in 1..=3 {
            assert!(!window.is_full(LIMITS));
            window.sent(Index(through), 1);
        }
        assert!(window.is_full(LIMITS));
        window.answered(Index(2));
        assert_eq!((window.appends(), window.bytes()), (1, 1), "one answer spoke for two");
        window.sent(Index(9), 98);
        assert!(!window.is_full(LIMITS), "there is room for a byte, so for an append");
        window.sent(Index(10), 500);
        window.answered(Index(3));
        assert!(window.is_full(LIMITS) && window.appends() == 2, "two appends, but 598 bytes");
    }

    #[test]
    fn old_answers_change_nothing_and_nothing_leaks() {
        let mut window = Window::default();
        window.sent(Index(5), 7);
        window.answered(Index(4));
        assert_eq!((window.appends(), window.bytes()), (1, 7));
        window.clear();
        window.answered(Index(5));
        assert_eq!((window.appends(), window.bytes()), (0, 0));
    }
}
