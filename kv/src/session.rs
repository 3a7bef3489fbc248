//! Client sessions: each operation takes effect at most once (dissertation 6.3).
//!
//! A session is opened by an entry of the log, and the index of that entry is its number. It keeps the answer to every
//! operation until the client says that it has it: each request names the oldest operation that is unanswered, so a
//! client may have several under way. Sessions are part of the replicated state, changed by applied entries alone, so
//! every replica suppresses the same duplicates and lets the same sessions expire: those that were idle for too many
//! entries, and, where there are too many sessions or they keep too much, those that were used least recently. An
//! operation of a session that is not known is never executed: nobody knows whether it was before. What it simplifies:
//! time is counted in entries, so that a session lives longer in an idle cluster than in a busy one.

use std::collections::BTreeMap;

use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::command::Answer;

/// How much is kept of sessions. The same at every replica: it decides what they execute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// A session expires when the log has gone on by more entries than this since it was last used.
    pub idle_entries: u64,
    /// So many sessions there may be; then the one that was used least recently expires. At least 1.
    pub sessions: u64,
    /// So many bytes the answers that are kept may take, roughly, over all sessions; then the session that was used
    /// least recently expires, but never the one that is in use.
    pub kept_bytes: u64,
}

impl Default for Limits {
    /// A million entries, ten thousand sessions, 64 MiB.
    fn default() -> Limits {
        Limits { idle_entries: 1_000_000, sessions: 10_000, kept_bytes: 64 << 20 }
    }
}

/// What the sessions say of an operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seen {
    /// It is new: it should take effect.
    New,
    /// It took effect before, with this answer.
    Before(Answer),
    /// The client waits for this operation no more, and so it must not take effect any more.
    Overtaken,
    /// Its session is not known: it never was, or it expired.
    Expired,
}

/// The name of an operation among those of all sessions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Name {
    /// The session.
    pub session: u64,
    /// The operation's number in the session.
    pub sequence: u64,
    /// The lowest number that is unanswered.
    pub oldest_unanswered: u64,
}

/// All sessions.
#[derive(Clone, Debug)]
pub struct Sessions {
    limits: Limits,
    by_id: BTreeMap<u64, Session>,
    /// Which session was last used at an entry: the order in which they expire.
    by_use: BTreeMap<u64, u64>,
    kept_bytes: u64,
    /// The sum of the hashes of all sessions and of all answers.
    hash: u64,
}

/// A session.
#[derive(Clone, Debug)]
pub(crate) struct Session {
    /// The last entry that named it.
    pub(crate) used: u64,
    /// Operations before this one are answered, or nobody waits for them any more.
    pub(crate) oldest_unanswered: u64,
    /// The answers to the operations from there on that took effect.
    pub(crate) answers: BTreeMap<u64, Kept>,
}

/// An answer, with its share of the hash.
#[derive(Clone, Debug)]
pub(crate) struct Kept {
    pub(crate) answer: Answer,
    hash: u64,
}

impl Sessions {
    /// No sessions.
    #[must_use]
    pub fn new(limits: Limits) -> Sessions {
        let limits = Limits { sessions: limits.sessions.max(1), ..limits };
        Sessions { limits, by_id: BTreeMap::new(), by_use: BTreeMap::new(), kept_bytes: 0, hash: 0 }
    }

    /// How much is kept.
    #[must_use]
    pub fn limits(&self) -> Limits {
        self.limits
    }

    /// How many sessions are open.
    #[must_use]
    pub fn len(&self) -> usize {
        self.by_id.len()
    }

    /// Whether no session is open.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.by_id.is_empty()
    }

    /// How many bytes the answers take that are kept, roughly.
    #[must_use]
    pub fn kept_bytes(&self) -> u64 {
        self.kept_bytes
    }

    /// Opens a session. Its number is the index of the entry that is applied.
    ///
    /// # Panics
    /// If indexes do not rise.
    pub fn open(&mut self, index: u64) {
        self.expire_idle(index);
        let session = Session { used: index, oldest_unanswered: 1, answers: BTreeMap::new() };
        self.hash = self.hash.wrapping_add(session.hash(index));
        assert!(self.by_id.insert(index, session).is_none(), "an entry is applied once");
        assert!(self.by_use.insert(index, index).is_none(), "an entry is applied once");
        while self.by_id.len() as u64 > self.limits.sessions {
            self.expire_first();
        }
    }

    /// Looks for an operation, as the entry at `index` is applied. Its session counts as used then, and forgets what the
    /// client has no need for.
    ///
    /// # Panics
    /// If indexes do not rise.
    pub fn seen(&mut self, index: u64, name: Name) -> Seen {
        self.expire_idle(index);
        let Some(session) = self.by_id.get_mut(&name.session) else { return Seen::Expired };
        self.hash = self.hash.wrapping_sub(session.hash(name.session));
        self.by_use.remove(&session.used);
        assert!(self.by_use.insert(index, name.session).is_none(), "an entry is applied once");
        session.used = index;
        session.oldest_unanswered = session.oldest_unanswered.max(name.oldest_unanswered);
        self.hash = self.hash.wrapping_add(session.hash(name.session));
        while let Some(answer) = session.answers.first_entry()
            && *answer.key() < session.oldest_unanswered
        {
            let kept = answer.remove();
            self.hash = self.hash.wrapping_sub(kept.hash);
            self.kept_bytes -= bytes(&kept.answer);
        }
        match session.answers.get(&name.sequence) {
            Some(kept) => Seen::Before(kept.answer.clone()),
            None if name.sequence < session.oldest_unanswered => Seen::Overtaken,
            None => Seen::New,
        }
    }

    /// Keeps the answer to an operation that [`Seen::New`] was said of.
    ///
    /// # Panics
    /// If its session is not open, or has an answer to it.
    pub fn keep(&mut self, name: Name, answer: Answer) {
        let session = self.by_id.get_mut(&name.session).expect("an operation is executed in an open session");
        let kept = Kept::new(name.session, name.sequence, answer);
        self.hash = self.hash.wrapping_add(kept.hash);
        self.kept_bytes += bytes(&kept.answer);
        assert!(session.answers.insert(name.sequence, kept).is_none(), "an operation is executed once");
        while self.kept_bytes > self.limits.kept_bytes && self.by_id.len() > 1 {
            self.expire_first();
        }
    }

    /// The answer that is kept to an operation, if there is one.
    pub(crate) fn kept(&self, session: u64, sequence: u64) -> Option<&Answer> {
        self.by_id.get(&session)?.answers.get(&sequence).map(|kept| &kept.answer)
    }

    /// For [`crate::bugs::Bug::SessionsExpireByClock`]: forgets the session that was used least recently, if there is
    /// one.
    pub(crate) fn expire_one(&mut self) {
        if !self.is_empty() {
            self.expire_first();
        }
    }

    /// A hash of all sessions: equal sessions have equal hashes.
    #[must_use]
    pub fn hash(&self) -> u64 {
        self.hash
    }

    /// Every session, in the order of their numbers.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u64, &Session)> {
        self.by_id.iter().map(|(id, session)| (*id, session))
    }

    /// The sessions that [`Sessions::iter`] gave; `None` if two of them were last used at the same entry.
    pub(crate) fn restored(limits: Limits, by_id: BTreeMap<u64, Session>) -> Option<Sessions> {
        let mut sessions = Sessions::new(limits);
        for (id, session) in &by_id {
            if sessions.by_use.insert(session.used, *id).is_some() {
                return None;
            }
            sessions.hash = sessions.hash.wrapping_add(session.hash(*id));
            for kept in session.answers.values() {
                sessions.hash = sessions.hash.wrapping_add(kept.hash);
                sessions.kept_bytes += bytes(&kept.answer);
            }
        }
        sessions.by_id = by_id;
        Some(sessions)
    }

    fn expire_idle(&mut self, index: u64) {
        while let Some((used, _)) = self.by_use.first_key_value()
            && index.saturating_sub(*used) > self.limits.idle_entries
        {
            self.expire_first();
        }
    }

    /// Forgets the session that was used least recently.
    fn expire_first(&mut self) {
        let (_, id) = self.by_use.pop_first().expect("there is a session to expire");
        let session = self.by_id.remove(&id).expect("every session has a last use");
        self.hash = self.hash.wrapping_sub(session.hash(id));
        for kept in session.answers.into_values() {
            self.hash = self.hash.wrapping_sub(kept.hash);
            self.kept_bytes -= bytes(&kept.answer);
        }
    }
}

impl Session {
    fn hash(&self, id: u64) -> u64 {
        mix(mix(mix(1, id), self.used), self.oldest_unanswered)
    }
}

impl Kept {
    pub(crate) fn new(session: u64, sequence: u64, answer: Answer) -> Kept {
        let hash = hash(&answer, mix(mix(2, session), sequence));
        Kept { answer, hash }
    }
}

/// Mixes a number into a hash: two rounds of multiplication and folding (after Steele, Lea and Flood, 2014).
fn mix(hash: u64, number: u64) -> u64 {
    let mut mixed = (hash.rotate_left(23) ^ number).wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

impl Answer {
    /// A hash of the answer: equal answers have equal fingerprints.
    #[must_use]
    pub fn fingerprint(&self) -> u64 {
        hash(self, 0)
    }
}

/// A hash of an answer.
fn hash(answer: &Answer, seed: u64) -> u64 {
    let text = |text: &str, seed| xxh3_64_with_seed(text.as_bytes(), seed);
    let all = |answers: &[Answer], seed| {
        answers.iter().fold(mix(seed, answers.len() as u64), |seed, answer| hash(answer, seed))
    };
    match answer {
        Answer::Value(Some(value)) => text(value, mix(seed, 1)),
        Answer::Value(None) => mix(seed, 2),
        Answer::Done => mix(seed, 3),
        Answer::Swapped(swapped) => mix(seed, 4 + u64::from(*swapped)),
        Answer::Revision(None) => mix(seed, 6),
        Answer::Revision(Some(revision)) => {
            mix(mix(mix(mix(seed, 7), revision.created), revision.modified), revision.version)
        }
        Answer::Entries(entries) => {
            let seed = mix(mix(seed, 8), entries.len() as u64);
            entries.iter().fold(seed, |seed, entry| text(&entry.value, text(&entry.key, seed)))
        }
        Answer::Transaction { succeeded, answers } => all(answers, mix(seed, 9 + u64::from(*succeeded))),
        Answer::Batch(answers) => all(answers, mix(seed, 11)),
    }
}

/// What an answer takes of memory, roughly.
fn bytes(answer: &Answer) -> u64 {
    /// What is there beside the strings.
    const FIXED: u64 = 64;
    let content: u64 = match answer {
        Answer::Value(Some(value)) => value.len() as u64,
        Answer::Value(None) | Answer::Done | Answer::Swapped(_) | Answer::Revision(_) => 0,
        Answer::Entries(entries) => {
            entries.iter().map(|entry| FIXED + (entry.key.len() + entry.value.len()) as u64).sum()
        }
        Answer::Transaction { answers, .. } | Answer::Batch(answers) => answers.iter().map(bytes).sum(),
    };
    FIXED + content
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(session: u64, sequence: u64, oldest_unanswered: u64) -> Name {
        Name { session, sequence, oldest_unanswered }
    }

    fn sessions(limits: Limits, opened: &[u64]) -> Sessions {
        let mut sessions = Sessions::new(limits);
        opened.iter().for_each(|index| sessions.open(*index));
        sessions
    }

    /// Executes an operation if it is new; what was said of it before.
    fn execute(sessions: &mut Sessions, index: u64, name: Name) -> Seen {
        let seen = sessions.seen(index, name);
        if seen == Seen::New {
            sessions.keep(name, Answer::Value(Some(format!("{index}").into())));
        }
        seen
    }

    fn before(text: &str) -> Seen {
        Seen::Before(Answer::Value(Some(text.into())))
    }

    #[test]
    fn an_operation_is_new_once_in_any_order_until_it_is_overtaken() {
        let mut sessions = sessions(Limits::default(), &[1, 2]);
        let mut execute =
            |index, session, sequence, oldest| execute(&mut sessions, index, name(session, sequence, oldest));
        assert_eq!(execute(3, 1, 2, 1), Seen::New);
        assert_eq!(execute(4, 1, 1, 1), Seen::New, "an earlier one may come later");
        assert_eq!(execute(5, 1, 2, 1), before("3"));
        assert_eq!(execute(6, 1, 1, 1), before("4"));
        assert_eq!(execute(7, 2, 1, 1), Seen::New, "another session");
        assert_eq!(execute(8, 1, 4, 3), Seen::New);
        assert_eq!(execute(9, 1, 2, 1), Seen::Overtaken, "an old copy does not move the mark back");
        assert_eq!(execute(10, 1, 3, 1), Seen::New);
        assert_eq!(execute(11, 3, 1, 1), Seen::Expired, "never opened");
    }

    #[test]
    fn answers_are_forgotten_when_the_client_has_them() {
        let mut sessions = sessions(Limits::default(), &[1]);
        let empty = sessions.kept_bytes();
        for sequence in 1..=5 {
            execute(&mut sessions, 1 + sequence, name(1, sequence, 1));
        }
        assert_eq!(sessions.by_id[&1].answers.len(), 5);
        assert!(sessions.kept_bytes() > empty);
        execute(&mut sessions, 7, name(1, 6, 6));
        assert_eq!(sessions.by_id[&1].answers.len(), 1);
    }

    #[test]
    fn an_idle_session_expires_by_the_position_in_the_log() {
        let limits = Limits { idle_entries: 10, ..Limits::default() };
        let mut sessions = sessions(limits, &[1, 2]);
        assert_eq!(execute(&mut sessions, 11, name(1, 1, 1)), Seen::New, "just in time");
        assert_eq!(execute(&mut sessions, 13, name(2, 1, 1)), Seen::Expired);
        assert_eq!(execute(&mut sessions, 21, name(1, 1, 1)), before("11"), "a repetition is a use");
        assert_eq!(execute(&mut sessions, 32, name(1, 2, 1)), Seen::Expired);
        assert!(sessions.is_empty() && sessions.kept_bytes() == 0 && sessions.hash() == 0);
    }

    #[test]
    fn the_least_recently_used_session_makes_room() {
        let mut few = sessions(Limits { sessions: 2, ..Limits::default() }, &[1, 2]);
        execute(&mut few, 3, name(1, 1, 1));
        few.open(4);
        assert_eq!(few.by_id.keys().copied().collect::<Vec<_>>(), [1, 4]);
        let mut small = sessions(Limits { kept_bytes: 200, ..Limits::default() }, &[1, 2, 3]);
        for index in 4..9 {
            assert_eq!(execute(&mut small, index, name(2, index, 1)), Seen::New);
        }
        assert_eq!(small.by_id.keys().copied().collect::<Vec<_>>(), [2], "the one in use stays, whatever it keeps");
        assert_eq!(sessions(Limits { sessions: 0, ..Limits::default() }, &[1]).len(), 1);
    }

    #[test]
    fn the_hash_depends_on_the_sessions_alone() {
        let hash = |steps: &[(u64, u64, u64)]| {
            let mut sessions = sessions(Limits::default(), &[1, 2]);
            for (number, (session, sequence, oldest)) in steps.iter().enumerate() {
                let name = name(*session, *sequence, *oldest);
                if sessions.seen(number as u64 + 3, name) == Seen::New {
                    sessions.keep(name, Answer::Done);
                }
            }
            sessions.hash()
        };
        assert_eq!(hash(&[(1, 1, 1), (1, 2, 1), (2, 1, 1)]), hash(&[(1, 2, 1), (1, 1, 1), (2, 1, 1)]));
        assert_eq!(hash(&[(1, 1, 1), (1, 2, 1), (1, 3, 3)]), hash(&[(1, 2, 2), (1, 2, 2), (1, 3, 3)]));
        assert_ne!(hash(&[(1, 1, 1)]), hash(&[(2, 1, 1)]));
        assert_ne!(hash(&[(1, 1, 1), (1, 2, 1)]), hash(&[(1, 1, 1), (1, 2, 2)]));
        assert_ne!(hash(&[(1, 1, 1), (2, 1, 1)]), hash(&[(2, 1, 1), (1, 1, 1)]), "used in another order");
    }
}
