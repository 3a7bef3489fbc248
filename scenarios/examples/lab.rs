//! A node of one's own in Rust, in one file: a store on one server, with the whole command line of the testbed.
//!
//! `cargo run --release --example lab -- run single --seeds 0..100` crashes it again and again; it saves what it answers, and so
//! passes.

use std::collections::BTreeMap;
use std::process::ExitCode;

use serde::{Deserialize, Serialize};
use whitewater_scenarios::lab::{self, Answer, Hands, Init, Node, Operation, Request};

/// What it has, and what it last said to each client.
#[derive(Default, Serialize, Deserialize)]
struct Store {
    values: BTreeMap<String, String>,
    latest: BTreeMap<String, (u64, Answer)>,
}

impl Node for Store {
    /// It has nobody to talk to.
    type Message = ();

    fn init(init: Init, _: &mut Hands) -> Store {
        init.saved.get("store").unwrap_or_default()
    }

    fn message(&mut self, _: &str, _: (), _: &mut Hands) {}

    fn request(&mut self, Request { client, msg_id, operation }: Request, hands: &mut Hands) {
        let latest = self.latest.get(&client).map_or(0, |(number, _)| *number);
        if msg_id > latest {
            let answer = self.apply(msg_id, &operation);
            self.latest.insert(client.clone(), (msg_id, answer));
            hands.save("store", self);
        }
        if msg_id >= latest {
            let (_, answer) = &self.latest[&client];
            hands.answer_after_save(&client, answer);
        }
    }

    fn timer(&mut self, _: &str, _: &mut Hands) {}
}

impl Store {
    fn apply(&mut self, in_reply_to: u64, operation: &Operation) -> Answer {
        match operation {
            Operation::Read { key } => Answer::ReadOk { in_reply_to, value: self.values.get(&**key).cloned() },
            Operation::Write { key, value } => {
                self.values.insert((**key).to_owned(), (**value).to_owned());
                Answer::WriteOk { in_reply_to }
            }
            Operation::Append { key, value } => {
                self.values.entry((**key).to_owned()).or_default().push_str(value);
                Answer::AppendOk { in_reply_to }
            }
            Operation::Delete { key } => {
                self.values.remove(&**key);
                Answer::DeleteOk { in_reply_to }
            }
            Operation::Cas { key, from, to, create_if_not_exists } => {
                let code = match self.values.get(&**key) {
                    None if !create_if_not_exists => Some(20),
                    Some(value) if Some(&**value) != from.as_deref() => Some(22),
                    None | Some(_) => None,
                };
                if let Some(code) = code {
                    return Answer::Error { in_reply_to, code, leader: None };
                }
                self.values.insert((**key).to_owned(), (**to).to_owned());
                Answer::CasOk { in_reply_to }
            }
        }
    }
}

fn main() -> ExitCode {
    lab::main::<Store>()
}
