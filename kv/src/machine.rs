//! The state machine: values and sessions, changed by applied requests alone, the same way on every replica.
//!
//! A request is applied with the index of its entry, which numbers sessions and counts how long they are idle. The
//! whole state, limits included, is in a snapshot ([`crate::snapshot`]); what a machine does after it depends on
//! nothing else.

use whitewater_raft::Index;

use crate::bugs::{self, Bug};
use crate::command::{Answer, Operation, Request};
use crate::session::{Limits, Name, Seen, Sessions};
use crate::values::Values;

/// The replicated state.
#[derive(Clone, Debug)]
pub struct Machine {
    pub(crate) values: Values,
    pub(crate) sessions: Sessions,
}

/// What came of applying a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Applied {
    /// A session was opened, with this number.
    Opened {
        /// The session.
        session: u64,
    },
    /// An operation took effect.
    Executed {
        /// Its session.
        session: u64,
        /// Its number there.
        sequence: u64,
        /// The answer for its client.
        answer: Answer,
    },
    /// An operation was repeated that took effect before, with this answer. Nothing changed, but for the session's last
    /// use.
    Duplicate {
        /// The answer for its client.
        answer: Answer,
    },
    /// Nobody waits for the operation any more. It did not take effect.
    Overtaken,
    /// The session of the operation is not known. It did not take effect.
    Expired,
}

impl Machine {
    /// A machine to which nothing was applied.
    #[must_use]
    pub fn new(limits: Limits) -> Machine {
        Machine { values: Values::default(), sessions: Sessions::new(limits) }
    }

    /// Applies the request of an entry.
    ///
    /// # Panics
    /// If indexes do not rise from one request to the next.
    pub fn apply<S: AsRef<str>>(&mut self, index: Index, request: &Request<S>) -> Applied {
        match request {
            Request::OpenSession { .. } => {
                self.sessions.open(index.0);
                Applied::Opened { session: index.0 }
            }
            Request::Execute { session, sequence, oldest_unanswered, operation } => {
                let (session, sequence, oldest_unanswered) = (*session, *sequence, *oldest_unanswered);
                let name = Name { session, sequence, oldest_unanswered };
                match self.sessions.seen(index.0, name) {
                    Seen::New => {
                        let answer = self.values.execute(operation);
                        self.sessions.keep(name, answer.clone());
                        Applied::Executed { session, sequence, answer }
                    }
                    Seen::Before(_)
                        if bugs::is_on(Bug::NoDuplicateSuppression) || bugs::is_on(Bug::SuppressionAtLeader) =>
                    {
                        Applied::Executed { session, sequence, answer: self.values.execute(operation) }
                    }
                    Seen::Before(answer) => Applied::Duplicate { answer },
                    Seen::Overtaken => Applied::Overtaken,
                    Seen::Expired => Applied::Expired,
                }
            }
        }
    }

    /// The answer to an operation that does not write, in the present state; `None` if it might write.
    #[must_use]
    pub fn read<S: AsRef<str>>(&self, operation: &Operation<S>) -> Option<Answer> {
        self.values.read(operation)
    }

    /// The keys and their values.
    #[must_use]
    pub fn values(&self) -> &Values {
        &self.values
    }

    /// The sessions.
    #[must_use]
    pub fn sessions(&self) -> &Sessions {
        &self.sessions
    }

    /// A hash of the whole state, but for the limits: equal states have equal fingerprints, however they were reached.
    #[must_use]
    pub fn fingerprint(&self) -> u64 {
        self.values.hash().wrapping_add(self.sessions.hash())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::*;
    use proptest::prelude::*;

    /// A session as somebody would write it down who has all the time in the world: nothing is ever forgotten.
    #[derive(Default)]
    struct Plain {
        used: u64,
        oldest: u64,
        answered: BTreeMap<u64, Answer>,
    }

    /// What should come of a request, looking through everything.
    fn plain_apply(
        open: &mut BTreeMap<u64, Plain>,
        values: &mut Values,
        limits: Limits,
        index: u64,
        request: &Request<String>,
    ) -> Applied {
        open.retain(|_, session| session.used + limits.idle_entries >= index);
        match request {
            Request::OpenSession { .. } => {
                open.insert(index, Plain { used: index, ..Plain::default() });
                if open.len() as u64 > limits.sessions {
                    let least = open.iter().min_by_key(|(_, session)| session.used).map(|(id, _)| *id);
                    open.remove(&least.expect("there are sessions"));
                }
                Applied::Opened { session: index }
            }
            Request::Execute { session, sequence, oldest_unanswered, operation } => {
                let Some(plain) = open.get_mut(session) else { return Applied::Expired };
                plain.used = index;
                plain.oldest = plain.oldest.max(*oldest_unanswered);
                if *sequence < plain.oldest {
                    return Applied::Overtaken;
                }
                if let Some(answer) = plain.answered.get(sequence) {
                    return Applied::Duplicate { answer: answer.clone() };
                }
                let answer = values.execute(operation);
                plain.answered.insert(*sequence, answer.clone());
                Applied::Executed { session: *session, sequence: *sequence, answer }
            }
        }
    }

    proptest! {
        #[test]
        fn sessions_say_what_somebody_would_say_who_forgets_nothing(
            steps in prop::collection::vec((0_u64..8, 1_u64..9, 0_u64..4, 1_u64..4), 0..200),
            idle_entries in 1_u64..40,
            sessions in 1_u64..5,
        ) {
            let limits = Limits { idle_entries, sessions, kept_bytes: u64::MAX };
            let (mut machine, mut open, mut values) = (Machine::new(limits), BTreeMap::new(), Values::default());
            let (mut executed, mut opened, mut index) = (BTreeSet::new(), vec![0], 0);
            for (choice, sequence, back, gap) in steps {
                index += gap;
                let request = match choice {
                    0 => Request::OpenSession { nonce: sequence },
                    _ => Request::Execute {
                        session: opened[(choice as usize).min(opened.len()) - 1],
                        sequence,
                        oldest_unanswered: sequence.saturating_sub(back).max(1),
                        operation: Operation::Append { key: "k".to_owned(), value: format!("{index}.") },
                    },
                };
                let applied = machine.apply(Index(index), &request);
                prop_assert_eq!(&applied, &plain_apply(&mut open, &mut values, limits, index, &request));
                prop_assert_eq!(machine.values().get("k"), values.get("k"));
                match applied {
                    Applied::Opened { session } => opened.insert(0, session),
                    Applied::Executed { session, sequence, .. } => {
                        prop_assert!(executed.insert((session, sequence)), "executed twice");
                    }
                    Applied::Duplicate { .. } | Applied::Overtaken | Applied::Expired => {}
                }
            }
        }
    }

    #[test]
    fn an_operation_takes_effect_once_and_only_in_an_open_session() {
        let mut machine = Machine::new(Limits::default());
        let append = |session, sequence, oldest_unanswered| Request::Execute {
            session,
            sequence,
            oldest_unanswered,
            operation: Operation::Append { key: "k", value: "a" },
        };
        let executed = |session, sequence| Applied::Executed { session, sequence, answer: Answer::Done };
        assert_eq!(machine.apply(Index(3), &append(4, 1, 1)), Applied::Expired, "sessions are opened first");
        assert_eq!(machine.apply(Index(4), &Request::<&str>::OpenSession { nonce: 9 }), Applied::Opened { session: 4 });
        assert_eq!(machine.apply(Index(5), &append(4, 2, 1)), executed(4, 2));
        assert_eq!(machine.apply(Index(6), &append(4, 2, 1)), Applied::Duplicate { answer: Answer::Done });
        assert_eq!(machine.values().get("k"), Some("a"));
        assert_eq!(machine.apply(Index(7), &append(4, 3, 3)), executed(4, 3));
        let before = machine.fingerprint();
        assert_eq!(machine.apply(Index(8), &append(4, 1, 1)), Applied::Overtaken);
        assert_eq!(machine.values().get("k"), Some("aa"));
        assert_ne!(machine.fingerprint(), before, "the session was used");
        assert_eq!(machine.read(&Operation::Get { key: "k" }), Some(Answer::Value(Some("aa".into()))));
        assert_eq!(machine.read(&Operation::Delete { key: "k" }), None);
    }
}
