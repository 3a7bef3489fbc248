//! Client sessions: each operation takes effect at most once (dissertation 6.3).
//!
//! A session remembers the number of its client's latest operation and the answer to it. Sessions are part of the
//! replicated state, changed by applied commands alone, so every replica suppresses the same duplicates. What it
//! simplifies: a session is opened by its first operation and never expires, and a client has one operation at a time.

use std::collections::BTreeMap;

use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::command::Answer;

/// What a session says of an operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seen {
    /// It is new: it should take effect.
    New,
    /// It took effect before, with this answer.
    Before(Answer),
    /// The client has gone on to a later operation: nobody waits for this one, and it must not take effect any more.
    Overtaken,
}

/// All sessions.
#[derive(Clone, Debug, Default)]
pub struct Sessions {
    /// None only for a client whose first operation is being applied.
    by_client: BTreeMap<u64, Option<Latest>>,
    hash: u64,
}

/// A client's latest operation, with its share of the hash.
#[derive(Clone, Debug)]
struct Latest {
    sequence: u64,
    answer: Answer,
    hash: u64,
}

/// The session of one client, open or not yet.
pub struct Session<'a> {
    client: u64,
    latest: &'a mut Option<Latest>,
    hash: &'a mut u64,
}

impl Sessions {
    /// The session of a client.
    pub fn of(&mut self, client: u64) -> Session<'_> {
        Session { client, latest: self.by_client.entry(client).or_default(), hash: &mut self.hash }
    }

    /// A hash of all sessions: equal sessions have equal hashes. A sum with one term for each session.
    #[must_use]
    pub fn hash(&self) -> u64 {
        self.hash
    }
}

impl Session<'_> {
    /// Whether an operation is new.
    #[must_use]
    pub fn seen(&self, sequence: u64) -> Seen {
        match &*self.latest {
            Some(latest) if latest.sequence == sequence => Seen::Before(latest.answer.clone()),
            Some(latest) if latest.sequence > sequence => Seen::Overtaken,
            Some(_) | None => Seen::New,
        }
    }

    /// Remembers the client's latest operation, in place of the one before.
    pub fn remember(&mut self, sequence: u64, answer: Answer) {
        let hash = hash(self.client, sequence, &answer);
        let before = self.latest.replace(Latest { sequence, answer, hash });
        *self.hash = self.hash.wrapping_add(hash).wrapping_sub(before.map_or(0, |latest| latest.hash));
    }
}

fn hash(client: u64, sequence: u64, answer: &Answer) -> u64 {
    let (tag, value) = match answer {
        Answer::Value(Some(value)) => (1, &**value),
        Answer::Value(None) => (2, ""),
        Answer::Done => (3, ""),
        Answer::Swapped(false) => (4, ""),
        Answer::Swapped(true) => (5, ""),
    };
    // Odd factors, so that different triples give different seeds unless they are built to collide.
    let seed = client.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ sequence.wrapping_mul(0xd1b5_4a32_d192_ed03) ^ tag << 56;
    xxh3_64_with_seed(value.as_bytes(), seed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_operation_is_new_once() {
        let mut sessions = Sessions::default();
        assert_eq!(sessions.of(1).seen(5), Seen::New);
        sessions.of(1).remember(5, Answer::Done);
        assert_eq!(sessions.of(1).seen(5), Seen::Before(Answer::Done));
        assert_eq!(sessions.of(1).seen(4), Seen::Overtaken);
        assert_eq!(sessions.of(1).seen(6), Seen::New);
        assert_eq!(sessions.of(2).seen(5), Seen::New);
    }

    #[test]
    fn the_hash_depends_on_the_latest_operations_alone() {
        let hash = |steps: &[(u64, u64, Answer)]| {
            let mut sessions = Sessions::default();
            for (client, sequence, answer) in steps {
                sessions.of(*client).remember(*sequence, answer.clone());
            }
            sessions.hash()
        };
        let end = [(1, 5, Answer::Done), (2, 3, Answer::Swapped(true))];
        assert_eq!(hash(&end), hash(&[(2, 1, Answer::Value(None)), end[1].clone(), end[0].clone()]));
        assert_ne!(hash(&end), hash(&[(2, 5, Answer::Done), (1, 3, Answer::Swapped(true))]));
        assert_ne!(hash(&end), hash(&[(1, 5, Answer::Done), (2, 3, Answer::Swapped(false))]));
    }
}
