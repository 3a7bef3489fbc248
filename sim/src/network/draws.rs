//! What faults draw about single messages: each draw is a function of (seed, link, number of the message on the link, who
//! asks, what for), so that no fault that is left out or added changes what another one draws.
//!
//! A stream that is read one draw after the other cannot do that: which messages a fault picks depends on everything. So
//! each link has one word from its stream, and draws are digests of it. What it simplifies: a digest is not ChaCha8; that no
//! pattern shows is all that is asked of it.

use crate::digest::Digest;
use crate::rng::{Purpose, RunKey};

/// Who asks for a draw.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asker {
    /// The link, by its profile.
    Profile,
    /// A fault of this source.
    Fault(u16),
}

/// What a draw is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Question {
    Loss,
    Duplicate,
    CopyDelay,
    Corrupt,
    Bit,
    Delay,
    DelayLength,
}

/// The draws about messages on all links.
#[derive(Debug)]
pub(super) struct Draws {
    key: RunKey,
    /// A word for each link, drawn when it is needed first: most runs need none.
    of_links: Vec<Option<u64>>,
}

/// A message, for those who draw about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Numbered {
    of_link: u64,
    number: u64,
}

impl Draws {
    pub(super) fn new(key: &RunKey) -> Draws {
        Draws { key: *key, of_links: Vec::new() }
    }

    /// The message with this number on a link.
    pub(super) fn of(&mut self, link: usize, number: u64) -> Numbered {
        if self.of_links.len() <= link {
            self.of_links.resize(link + 1, None);
        }
        let key = self.key;
        let of_link = *self.of_links[link].get_or_insert_with(|| key.stream(Purpose::Filter, link as u32).draw());
        Numbered { of_link, number }
    }
}

impl Numbered {
    pub(super) fn draw(self, asker: Asker, question: Question) -> u64 {
        let asker = match asker {
            Asker::Profile => 0,
            Asker::Fault(source) => u64::from(source) + 1,
        };
        // The last word is there to be mixed in: what a digest ends with shows in it too plainly.
        Digest::of(&[self.of_link, self.number, asker << 8 | question as u64, 0])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_of_the_name_of_a_draw_matters_and_nothing_else_does() {
        let mut draws = Draws::new(&RunKey::new(1));
        let base = draws.of(3, 9).draw(Asker::Profile, Question::Loss);
        assert_ne!(base, draws.of(4, 9).draw(Asker::Profile, Question::Loss));
        assert_ne!(base, draws.of(3, 8).draw(Asker::Profile, Question::Loss));
        assert_ne!(base, draws.of(3, 9).draw(Asker::Fault(0), Question::Loss));
        assert_ne!(base, draws.of(3, 9).draw(Asker::Profile, Question::Corrupt));
        assert_eq!(base, draws.of(3, 9).draw(Asker::Profile, Question::Loss));
        assert_ne!(base, Draws::new(&RunKey::new(2)).of(3, 9).draw(Asker::Profile, Question::Loss));
    }

    #[test]
    fn the_draws_of_neighbours_have_nothing_to_do_with_each_other() {
        let mut draws = Draws::new(&RunKey::new(1));
        let all: Vec<u64> = (0..100_000).map(|k| draws.of(0, k).draw(Asker::Fault(2), Question::Loss)).collect();
        for bit in 0..64 {
            let ones = all.iter().filter(|draw| *draw >> bit & 1 == 1).count();
            assert!((49_000..51_000).contains(&ones), "bit {bit}: {ones}");
            let alike = all.windows(2).filter(|pair| (pair[0] ^ pair[1]) >> bit & 1 == 0).count();
            assert!((49_000..51_000).contains(&alike), "bit {bit}: {alike}");
        }
    }
}
