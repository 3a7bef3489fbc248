//! The state machine: values and sessions, changed by applied requests alone, the same way on every replica.

use crate::command::{Answer, Request};
use crate::session::{Seen, Sessions};
use crate::values::Values;

/// The replicated state.
#[derive(Clone, Debug, Default)]
pub struct Machine {
    values: Values,
    sessions: Sessions,
}

impl Machine {
    /// Applies a request, unless it was applied before. Returns the answer for its client, if it still waits for one.
    pub fn apply(&mut self, request: &Request<&str>) -> Option<Answer> {
        let mut session = self.sessions.of(request.client);
        match session.seen(request.sequence) {
            Seen::New => {
                let answer = self.values.execute(&request.operation);
                session.remember(request.sequence, answer.clone());
                Some(answer)
            }
            Seen::Before(answer) => Some(answer),
            Seen::Overtaken => None,
        }
    }

    /// The value of a key.
    #[must_use]
    pub fn value(&self, key: &str) -> Option<&str> {
        self.values.get(key)
    }

    /// A hash of the whole state: equal states have equal fingerprints.
    #[must_use]
    pub fn fingerprint(&self) -> u64 {
        self.values.hash().wrapping_add(self.sessions.hash())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::Operation;

    #[test]
    fn a_repeated_request_is_answered_from_the_session_and_an_overtaken_one_not_at_all() {
        let mut machine = Machine::default();
        let mut append = |sequence| {
            let operation = Operation::Append { key: "k", value: "a" };
            let answer = machine.apply(&Request { client: 1, sequence, operation });
            (answer, machine.fingerprint(), machine.value("k").map(str::to_owned))
        };
        let first = append(2);
        assert_eq!((&first.0, first.2.as_deref()), (&Some(Answer::Done), Some("a")));
        assert_eq!(append(2), first);
        assert_eq!(append(1), (None, first.1, first.2));
        let next = append(3);
        assert_eq!(next.2.as_deref(), Some("aa"));
        assert_ne!(next.1, first.1);
    }
}
