//! Events in words: what a script prints.

use whitewater_raft::message::{
    Append, AppendReply, AppendResult, Body, Conflict, ElectionCause, InstallSnapshot, PreVoteReply, ReadIndexReply,
    RequestPreVote, RequestVote, SnapshotReply, VoteReply,
};
use whitewater_raft::{
    After, Effect, Entry, HardState, Message, NodeId, Outbound, Payload, ReadProof, Replica, Role, RoleChange, Round,
    Snapshot, Timer, Write,
};

use crate::cluster::{Envelope, Event};
use crate::disk::Disk;

/// What of the events is told, by the script's choice.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shown {
    /// Timers that are armed.
    pub(crate) timers: bool,
    /// The rounds in appends and their answers.
    pub(crate) rounds: bool,
    /// Probes.
    pub(crate) probes: bool,
}

impl Shown {
    /// One line for an event; `None` for what would only be noise.
    pub(crate) fn event(self, event: &Event) -> Option<String> {
        match event {
            Event::Effect(id, effect) => self.effect(*id, effect),
            Event::Completed(id, sequence) => Some(format!("{id} has write {sequence} on disk")),
            Event::Saved(id, snapshot) => Some(format!("{id} has saved {}", snapshot_words(snapshot))),
            Event::Applied(..) => None,
            Event::Left(envelope) => Some(format!("{} leaves", self.envelope(envelope))),
            Event::Arrived(envelope) => Some(format!("* {}", self.envelope(envelope))),
            Event::Lost(envelope, reason) => Some(format!("x {} is lost: {reason}", self.envelope(envelope))),
        }
    }

    fn envelope(self, envelope: &Envelope) -> String {
        format!("{} -> {}: {}", envelope.from, envelope.to, self.message(&envelope.message))
    }

    fn effect(self, id: NodeId, effect: &Effect) -> Option<String> {
        match effect {
            Effect::Persist(write) => Some(format!("{id} writes ({}) {}", write.sequence, write_words(write))),
            Effect::Send(Outbound { to, message, after }) => {
                let wait = match after {
                    After::Nothing => String::new(),
                    After::Write(sequence) => format!(", after write {sequence}"),
                };
                Some(format!("{id} -> {to}: {}{wait}", self.message(message)))
            }
            Effect::Arm { timer, .. } => self.timers.then(|| format!("{id} restarts its {} timer", timer_name(*timer))),
            Effect::Commit { through } => Some(format!("{id} commits through {through}")),
            Effect::Accepted { proposal, term, index } => {
                Some(format!("{id} accepts proposal {proposal} as {index}@{term}"))
            }
            Effect::Refused { proposal, refusal } => Some(format!("{id} refuses proposal {proposal}: {refusal}")),
            Effect::Restore(snapshot) => Some(format!("{id} restores {}", snapshot_words(snapshot))),
            Effect::ReadReady { read, index, by } => {
                let proof = match by {
                    ReadProof::Quorum => "a quorum confirmed it",
                    ReadProof::Lease => "by lease",
                };
                Some(format!("{id} may serve read {read} from {index} on: {proof}"))
            }
            Effect::ReadRefused { read, leader: Some(leader) } => {
                Some(format!("{id} refuses read {read}: ask {leader}"))
            }
            Effect::ReadRefused { read, leader: None } => Some(format!("{id} refuses read {read}: no leader is known")),
            Effect::TransferRefused { to, refusal } => Some(format!("{id} does not hand over to {to}: {refusal}")),
            Effect::Probe(probe) => self.probes.then(|| format!("{id} met {}", probe.name())),
            Effect::Role(RoleChange { role, term, leader }) => {
                Some(format!("{id} is now a {} in term {term}", role_words(*role, *leader)))
            }
        }
    }

    fn message(self, message: &Message) -> String {
        let words = match &message.body {
            Body::RequestPreVote(RequestPreVote { next_term, last_index, last_term }) => {
                format!("would you vote for me in term {next_term}, my log ends at {last_index}@{last_term}")
            }
            Body::PreVoteReply(PreVoteReply { next_term, vote }) => match vote {
                VoteReply::Granted => format!("I would vote for you in term {next_term}"),
                VoteReply::Refused => format!("I would not vote for you in term {next_term}"),
            },
            Body::RequestVote(RequestVote { last_index, last_term, cause }) => {
                let cause = match cause {
                    ElectionCause::Timeout => "",
                    ElectionCause::Transfer => ", the leader wants it",
                };
                format!("vote for me, my log ends at {last_index}@{last_term}{cause}")
            }
            Body::VoteReply(VoteReply::Granted) => "my vote is yours".to_owned(),
            Body::VoteReply(VoteReply::Refused) => "no vote".to_owned(),
            Body::Append(Append { previous_index, previous_term, entries, commit, round }) => format!(
                "after {previous_index}@{previous_term} append {}, committed {commit}{}",
                log(entries),
                self.round(*round)
            ),
            Body::AppendReply(AppendReply { round, result }) => {
                format!("{}{}", append_result(*result), self.round(*round))
            }
            Body::InstallSnapshot(part) => format!("{}{}", snapshot_part(part), self.round(part.round)),
            Body::SnapshotReply(SnapshotReply { last_index, received, round }) => {
                format!("I have {received} bytes of the snapshot through {last_index}{}", self.round(*round))
            }
            Body::TimeoutNow => "stand for election now".to_owned(),
            Body::RequestReadIndex(context) => format!("where may read {} be served", context.read),
            Body::ReadIndexReply(ReadIndexReply { context, index: Some(index) }) => {
                format!("read {} may be served from {index} on", context.read)
            }
            Body::ReadIndexReply(ReadIndexReply { context, index: None }) => {
                format!("read {} may not be served", context.read)
            }
        };
        format!("(term {}) {words}", message.term)
    }

    fn round(self, round: Round) -> String {
        if self.rounds { format!(", round {round}") } else { String::new() }
    }
}

/// A server in one line.
pub(crate) fn server(id: NodeId, replica: Option<&Replica>, disk: &Disk) -> String {
    let Some(replica) = replica else {
        let snapshot = disk.snapshot.as_ref().map_or(String::new(), |s| format!(", {}", snapshot_words(s)));
        return format!("{id} is down; on disk {}{snapshot} and {}", hard_state(disk.hard_state), log(&disk.entries));
    };
    let entries: Vec<Entry> = replica.entries(..).cloned().collect();
    let compacted = match replica.first_index().previous().0 {
        0 => String::new(),
        index => format!("what follows {index}: "),
    };
    let durable = if replica.durable_index() == replica.last_index() {
        String::new()
    } else {
        format!(", on disk through {}", replica.durable_index())
    };
    format!(
        "{id} is a {} in term {}, committed {} of {compacted}{}{durable}",
        role_words(replica.role(), replica.leader()),
        replica.term(),
        replica.commit(),
        log(&entries)
    )
}

fn role_words(role: Role, leader: Option<NodeId>) -> String {
    let name = match role {
        Role::Follower => "follower",
        Role::PreCandidate => "pre-candidate",
        Role::Candidate => "candidate",
        Role::Leader => return "leader".to_owned(),
    };
    leader.map_or(name.to_owned(), |leader| format!("{name} of {leader}"))
}

fn timer_name(timer: Timer) -> &'static str {
    match timer {
        Timer::Election => "election",
        Timer::Heartbeat => "heartbeat",
    }
}

fn write_words(write: &Write) -> String {
    let state = write.hard_state.map(hard_state);
    let snapshot = write.snapshot.as_ref().map(|snapshot| snapshot_words(snapshot));
    let entries = (!write.entries.is_empty()).then(|| log(&write.entries));
    state.into_iter().chain(snapshot).chain(entries).collect::<Vec<String>>().join(" and ")
}

fn hard_state(state: HardState) -> String {
    match state.voted_for {
        Some(candidate) => format!("term {} with a vote for {candidate}", state.term),
        None => format!("term {}", state.term),
    }
}

/// `the snapshot 4@2 "ab" of voters n1 n2 n3`.
fn snapshot_words(snapshot: &Snapshot) -> String {
    let Snapshot { index, term, configuration, data } = snapshot;
    format!("the snapshot {index}@{term} \"{}\" of {configuration}", String::from_utf8_lossy(data))
}

fn snapshot_part(part: &InstallSnapshot) -> String {
    let InstallSnapshot { last_index, last_term, configuration, length, offset, data, round: _ } = part;
    let data = String::from_utf8_lossy(data);
    format!("snapshot {last_index}@{last_term} of {configuration}, from byte {offset} of {length}: \"{data}\"")
}

/// Entries as `index@term`, commands with their text, configurations in words.
fn log(entries: &[Entry]) -> String {
    let words = entries.iter().map(|entry| {
        let place = format!("{}@{}", entry.index, entry.term);
        match &entry.payload {
            Payload::Noop => place,
            Payload::Command(command) => format!("{place}={}", String::from_utf8_lossy(command)),
            Payload::Configuration(configuration) => format!("{place}=({configuration})"),
        }
    });
    format!("[{}]", words.collect::<Vec<_>>().join(" "))
}

fn append_result(result: AppendResult) -> String {
    match result {
        AppendResult::Accepted { matched } => format!("matched through {matched}"),
        AppendResult::Rejected { previous_index, conflict } => match conflict {
            Conflict::Missing { last_index } => format!("no match at {previous_index}, my log ends at {last_index}"),
            Conflict::Term { term, first_index } => {
                format!("no match at {previous_index}, I have term {term} from {first_index} on")
            }
        },
    }
}
