//! What a node in Rust can do while it is told something.

use std::sync::Arc;

use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};

use crate::systems::guest::protocol::{Action, Answer, Role, ToSimulator, When};
use crate::systems::guest::{Trouble, limits};

/// A node's hands, for the duration of one event.
#[derive(Debug)]
pub struct Hands {
    now_us: u64,
    actions: Vec<Action>,
    bytes: usize,
}

impl Hands {
    pub(super) fn new(now_us: u64) -> Hands {
        Hands { now_us, actions: Vec::new(), bytes: 0 }
    }

    /// What was done, unless it was too much.
    pub(super) fn into_actions(self, actions: &mut Vec<Action>) -> Result<(), Trouble> {
        if self.is_full() {
            return Err(Trouble::Misconduct(format!(
                "it does more than {} things, or says more than {} MiB",
                limits::ACTIONS_MAX,
                limits::TURN_BYTES_MAX >> 20
            )));
        }
        actions.extend(self.actions);
        Ok(())
    }

    fn is_full(&self) -> bool {
        self.actions.len() > limits::ACTIONS_MAX || self.bytes > limits::TURN_BYTES_MAX
    }

    /// Notes an action. Of a flood only so much is kept as shows that it is one.
    fn act(&mut self, action: Action) {
        if !self.is_full() {
            self.actions.push(action);
        }
    }

    fn json(&mut self, value: &impl Serialize) -> Arc<RawValue> {
        let json = to_raw_value(value).expect("what a node says or saves can be written as JSON");
        self.bytes += json.get().len();
        json.into()
    }

    /// What the node's own clock shows, in microseconds.
    #[must_use]
    pub fn now_us(&self) -> u64 {
        self.now_us
    }

    /// Says something to another node, at once.
    pub fn send(&mut self, to: &str, message: &impl Serialize) {
        self.say(to, message, When::Now);
    }

    /// Says something to another node as soon as everything that was saved so far, in this turn too, is durable.
    pub fn send_after_save(&mut self, to: &str, message: &impl Serialize) {
        self.say(to, message, When::AfterSave);
    }

    /// Answers a client, at once.
    pub fn answer(&mut self, client: &str, answer: &Answer) {
        self.say(client, answer, When::Now);
    }

    /// Answers a client as soon as everything that was saved so far, in this turn too, is durable.
    pub fn answer_after_save(&mut self, client: &str, answer: &Answer) {
        self.say(client, answer, When::AfterSave);
    }

    fn say(&mut self, to: &str, what: &impl Serialize, when: When) {
        let body = self.json(what);
        self.act(Action::Send { dest: to.to_owned(), body, when });
    }

    fn tell(&mut self, told: ToSimulator) {
        self.act(Action::Tell(told));
    }

    /// Arms a timer, or arms it again, for so many microseconds of the node's own clock.
    pub fn arm(&mut self, timer: &str, after_us: u64) {
        self.tell(ToSimulator::Timer { name: timer.to_owned(), after_us: Some(after_us) });
    }

    /// Stops a timer.
    pub fn stop(&mut self, timer: &str) {
        self.tell(ToSimulator::Timer { name: timer.to_owned(), after_us: None });
    }

    /// Replaces what the disk holds under a key. All saves of a turn are one write.
    pub fn save(&mut self, key: &str, value: &impl Serialize) {
        let value = Some(self.json(value));
        self.tell(ToSimulator::Save { key: key.to_owned(), value });
    }

    /// Removes a key from the disk.
    pub fn remove(&mut self, key: &str) {
        self.tell(ToSimulator::Save { key: key.to_owned(), value: None });
    }

    /// Reports the node's role in its term.
    pub fn role(&mut self, role: Role, term: u64) {
        self.tell(ToSimulator::Role { role, term });
    }

    /// Reports a vote. It counts once what was saved with it is durable.
    pub fn vote(&mut self, term: u64, candidate: &str) {
        self.tell(ToSimulator::Vote { term, candidate: candidate.to_owned() });
    }

    /// Reports that everything up to this index is committed.
    pub fn commit(&mut self, index: u64) {
        self.tell(ToSimulator::Commit { index });
    }

    /// Reports that an entry was applied, and what it carries: the same everywhere.
    pub fn apply(&mut self, index: u64, term: u64, value: &impl Serialize) {
        let value = self.json(value);
        self.tell(ToSimulator::Apply { index, term, value });
    }

    /// Reports that a snapshot was taken that covers everything up to this index.
    pub fn snapshot(&mut self, index: u64, term: u64) {
        self.tell(ToSimulator::Snapshot { index, term });
    }

    /// Reports that the state was replaced by a snapshot that covers everything up to this index.
    pub fn restored(&mut self, index: u64, term: u64) {
        self.tell(ToSimulator::Restored { index, term });
    }

    /// Writes a line into the trace.
    pub fn note(&mut self, text: &str) {
        self.tell(ToSimulator::Note { text: text.to_owned() });
    }
}
