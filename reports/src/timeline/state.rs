//! What nodes say of themselves, as fields with values, and how steps change them.

use whitewater_sim::observe::{Observation, Role};

/// A property of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Field {
    /// Up or down.
    Process,
    /// Its role.
    Role,
    /// Its term.
    Term,
    /// Whom it voted for in its term, as it has written down.
    Vote,
    /// The last index of its log, and the term there.
    Log,
    /// The last index that it has written to its disk.
    Written,
    /// Its commit index.
    Commit,
    /// The last index that it has applied.
    Applied,
    /// The last index that its snapshot covers.
    Snapshot,
    /// Who votes, by the latest configuration in its log.
    Voters,
}

impl Field {
    /// All of them.
    pub const ALL: [Field; 10] = [
        Field::Process,
        Field::Role,
        Field::Term,
        Field::Vote,
        Field::Log,
        Field::Written,
        Field::Commit,
        Field::Applied,
        Field::Snapshot,
        Field::Voters,
    ];

    /// What it is called.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Field::Process => "process",
            Field::Role => "role",
            Field::Term => "term",
            Field::Vote => "vote",
            Field::Log => "log ends",
            Field::Written => "on disk",
            Field::Commit => "commit",
            Field::Applied => "applied",
            Field::Snapshot => "snapshot",
            Field::Voters => "voters",
        }
    }
}

/// The properties of a node, in the order of [`Field::ALL`]; empty for what it never said.
pub type Values = [String; Field::ALL.len()];

/// A property of a node has another value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Which lane.
    pub lane: usize,
    /// Which property.
    pub field: Field,
    /// Its value before.
    pub before: String,
    /// Its value from now on.
    pub after: String,
}

/// The properties of all nodes.
#[derive(Clone, Debug)]
pub(super) struct States(Vec<Values>);

impl States {
    /// Nobody has said anything.
    pub(super) fn new(lanes: usize) -> States {
        States(vec![Values::default(); lanes])
    }

    fn set(&mut self, changes: &mut Vec<Change>, lane: usize, field: Field, after: String) {
        let value = &mut self.0[lane][field as usize];
        if *value != after {
            let before = std::mem::replace(value, after.clone());
            changes.push(Change { lane, field, before, after });
        }
    }

    fn index(&self, lane: usize, field: Field) -> u64 {
        self.0[lane][field as usize].split('@').next().and_then(|index| index.parse().ok()).unwrap_or(0)
    }

    /// A node goes down: what it had in memory is gone.
    pub(super) fn down(&mut self, changes: &mut Vec<Change>, lane: usize) {
        self.set(changes, lane, Field::Process, "down".to_owned());
        for field in [Field::Role, Field::Commit, Field::Applied] {
            self.set(changes, lane, field, String::new());
        }
    }

    /// A node comes up.
    pub(super) fn up(&mut self, changes: &mut Vec<Change>, lane: usize) {
        self.set(changes, lane, Field::Process, "up".to_owned());
    }

    /// A node says something of itself.
    pub(super) fn observe(&mut self, changes: &mut Vec<Change>, lane: usize, observation: &Observation) {
        let vote = |vote: &Option<whitewater_sim::ServerId>| vote.map_or(String::new(), |vote| vote.to_string());
        match observation {
            Observation::Booted { term, vote: to, .. } => {
                self.up(changes, lane);
                self.set(changes, lane, Field::Term, term.to_string());
                self.set(changes, lane, Field::Vote, vote(to));
                self.set(changes, lane, Field::Log, "0".to_owned());
                self.set(changes, lane, Field::Snapshot, String::new());
            }
            Observation::Term { term } => {
                self.set(changes, lane, Field::Term, term.to_string());
                self.set(changes, lane, Field::Vote, String::new());
            }
            Observation::Role { role, .. } => self.set(changes, lane, Field::Role, role_name(*role).to_owned()),
            Observation::Appended { index, term, .. } => {
                self.set(changes, lane, Field::Log, format!("{index}@t{term}"));
            }
            Observation::Configured { voters, outgoing, .. } => {
                let outgoing = if outgoing.is_empty() { String::new() } else { format!(" and {outgoing}") };
                self.set(changes, lane, Field::Voters, format!("{voters}{outgoing}"));
            }
            Observation::WroteHardState { vote: to, .. } => self.set(changes, lane, Field::Vote, vote(to)),
            Observation::WroteEntries { index, .. } => self.set(changes, lane, Field::Written, index.to_string()),
            Observation::Committed { index } => self.set(changes, lane, Field::Commit, index.to_string()),
            Observation::Applied { index, .. } => self.set(changes, lane, Field::Applied, index.to_string()),
            Observation::SnapshotTaken { index, .. } => self.set(changes, lane, Field::Snapshot, index.to_string()),
            Observation::Restored { index, term, .. } => {
                self.set(changes, lane, Field::Snapshot, index.to_string());
                self.set(changes, lane, Field::Applied, index.to_string());
                if self.index(lane, Field::Log) < *index {
                    self.set(changes, lane, Field::Log, format!("{index}@t{term}"));
                }
            }
            Observation::WroteSnapshot { .. }
            | Observation::Compacted { .. }
            | Observation::Executed { .. }
            | Observation::Sent { .. }
            | Observation::Progress { .. }
            | Observation::ReadBegan { .. }
            | Observation::ReadServed { .. }
            | Observation::LeaseRead { .. } => {}
        }
    }
}

/// What a role is called.
pub(super) fn role_name(role: Role) -> &'static str {
    match role {
        Role::Follower => "follower",
        Role::PreCandidate => "pre-candidate",
        Role::Candidate => "candidate",
        Role::Leader => "leader",
    }
}
