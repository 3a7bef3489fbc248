//! Events in words: what a script prints.

use whitewater_raft::message::{AppendReply, Body, Conflict, VoteReply};
use whitewater_raft::{
    After, Effect, Entry, HardState, Message, NodeId, Outbound, Payload, Replica, Role, Timer, Write,
};

use crate::cluster::{Disk, Envelope, Event};

/// One line for an event; `None` for what would only be noise.
pub(crate) fn event(event: &Event) -> Option<String> {
    match event {
        Event::Effect(id, effect) => effect_line(*id, effect),
        Event::Completed(id, sequence) => Some(format!("{id} has write {sequence} on disk")),
        Event::Left(envelope) => Some(format!("{} leaves", envelope_words(envelope))),
        Event::Arrived(envelope) => Some(format!("* {}", envelope_words(envelope))),
        Event::Lost(envelope, reason) => Some(format!("x {} is lost: {reason}", envelope_words(envelope))),
    }
}

/// A server in one line.
pub(crate) fn server(id: NodeId, replica: Option<&Replica>, disk: &Disk) -> String {
    let Some(replica) = replica else {
        return format!("{id} is down; on disk {} and {}", hard_state(disk.hard_state), log(&disk.entries));
    };
    let entries: Vec<Entry> = replica.entries(..).cloned().collect();
    let leader = match (replica.role(), replica.leader()) {
        (Role::Leader, _) | (_, None) => String::new(),
        (Role::Follower | Role::Candidate, Some(leader)) => format!(" of {leader}"),
    };
    let durable = if replica.durable_index() == replica.last_index() {
        String::new()
    } else {
        format!(", on disk through {}", replica.durable_index())
    };
    format!(
        "{id} is a {}{leader} in term {}, committed {} of {}{durable}",
        role(replica.role()),
        replica.term(),
        replica.commit(),
        log(&entries)
    )
}

pub(crate) fn envelope_words(envelope: &Envelope) -> String {
    format!("{} -> {}: {}", envelope.from, envelope.to, message(&envelope.message))
}

fn effect_line(id: NodeId, effect: &Effect) -> Option<String> {
    match effect {
        Effect::Persist(Write { sequence, hard_state: state, entries }) => {
            let state = state.iter().map(|state| hard_state(*state));
            let entries = (!entries.is_empty()).then(|| log(entries));
            let parts: Vec<String> = state.chain(entries).collect();
            Some(format!("{id} writes ({sequence}) {}", parts.join(" and ")))
        }
        Effect::Send(Outbound { to, message: body, after }) => {
            let wait = match after {
                After::Nothing => String::new(),
                After::Write(sequence) => format!(", after write {sequence}"),
            };
            Some(format!("{id} -> {to}: {}{wait}", message(body)))
        }
        Effect::Arm { timer: Timer::Election, .. } => Some(format!("{id} restarts its election timer")),
        Effect::Arm { timer: Timer::Heartbeat, .. } => Some(format!("{id} restarts its heartbeat timer")),
        Effect::Commit { through } => Some(format!("{id} commits through {through}")),
        Effect::Accepted { proposal, term, index } => {
            Some(format!("{id} accepts proposal {proposal} as {index}@{term}"))
        }
        Effect::Refused { proposal, leader: Some(leader) } => {
            Some(format!("{id} refuses proposal {proposal}: the leader is {leader}"))
        }
        Effect::Refused { proposal, leader: None } => {
            Some(format!("{id} refuses proposal {proposal}: no leader is known"))
        }
        Effect::Role(change) => {
            let leader = match (change.role, change.leader) {
                (Role::Leader, _) | (_, None) => String::new(),
                (Role::Follower | Role::Candidate, Some(leader)) => format!(" of {leader}"),
            };
            Some(format!("{id} is now a {}{leader} in term {}", role(change.role), change.term))
        }
    }
}

fn role(role: Role) -> &'static str {
    match role {
        Role::Follower => "follower",
        Role::Candidate => "candidate",
        Role::Leader => "leader",
    }
}

fn hard_state(state: HardState) -> String {
    match state.voted_for {
        Some(candidate) => format!("term {} with a vote for {candidate}", state.term),
        None => format!("term {}", state.term),
    }
}

/// Entries as `index@term`, commands with their text.
fn log(entries: &[Entry]) -> String {
    let words = entries.iter().map(|entry| match &entry.payload {
        Payload::Noop => format!("{}@{}", entry.index, entry.term),
        Payload::Command(command) => format!("{}@{}={}", entry.index, entry.term, String::from_utf8_lossy(command)),
    });
    format!("[{}]", words.collect::<Vec<_>>().join(" "))
}

fn message(message: &Message) -> String {
    let words = match &message.body {
        Body::RequestVote(request) => {
            format!("vote for me, my log ends at {}@{}", request.last_index, request.last_term)
        }
        Body::VoteReply(VoteReply::Granted) => "my vote is yours".to_owned(),
        Body::VoteReply(VoteReply::Refused) => "no vote".to_owned(),
        Body::Append(append) => format!(
            "after {}@{} append {}, committed {}",
            append.previous_index,
            append.previous_term,
            log(&append.entries),
            append.commit
        ),
        Body::AppendReply(AppendReply::Accepted { matched }) => format!("matched through {matched}"),
        Body::AppendReply(AppendReply::Rejected { previous_index, conflict }) => match conflict {
            Conflict::Missing { last_index } => format!("no match at {previous_index}, my log ends at {last_index}"),
            Conflict::Term { term, first_index } => {
                format!("no match at {previous_index}, I have term {term} from {first_index} on")
            }
        },
    };
    format!("(term {}) {words}", message.term)
}
