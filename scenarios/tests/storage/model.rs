//! What storage promises, without files: the states that the writes so far may leave, and which of them are still allowed.

use std::sync::Arc;

use whitewater_raft::{Entry, HardState, Index, Recovered, Snapshot, Term, Write, WriteSequence};

/// The outcome of some writes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct State {
    pub(crate) hard_state: HardState,
    /// The snapshot behind which the log begins, if it does not begin at index 1.
    pub(crate) installed: Option<Arc<Snapshot>>,
    /// The log behind that.
    pub(crate) entries: Vec<Entry>,
}

impl State {
    pub(crate) fn base(&self) -> (Index, Term) {
        self.installed.as_ref().map_or((Index(0), Term(0)), |snapshot| (snapshot.index, snapshot.term))
    }

    pub(crate) fn last(&self) -> (Index, Term) {
        self.entries.last().map_or(self.base(), |entry| (entry.index, entry.term))
    }

    pub(crate) fn term_at(&self, index: Index) -> Option<Term> {
        match index.0.checked_sub(self.base().0.0)? {
            0 => Some(self.base().1),
            place => self.entries.get(place as usize - 1).map(|entry| entry.term),
        }
    }

    fn install(&mut self, snapshot: &Arc<Snapshot>) {
        if self.term_at(snapshot.index) == Some(snapshot.term) {
            self.entries.retain(|entry| entry.index > snapshot.index);
        } else {
            self.entries.clear();
        }
        self.installed = Some(snapshot.clone());
    }

    fn append(&mut self, entries: &[Entry]) {
        if let Some(first) = entries.first() {
            self.entries.retain(|entry| entry.index < first.index);
            self.entries.extend_from_slice(entries);
        }
    }

    pub(crate) fn apply(&mut self, write: &Write) {
        self.hard_state = write.hard_state.unwrap_or(self.hard_state);
        write.snapshot.iter().for_each(|snapshot| self.install(snapshot));
        self.append(&write.entries);
    }
}

/// What was handed over and what was promised.
#[derive(Clone, Debug, Default)]
pub(crate) struct Model {
    /// The outcome of all writes that are durable.
    promised: State,
    durable: WriteSequence,
    /// The writes behind it.
    open: Vec<Write>,
    /// Snapshots of the server itself that it began to save.
    begun: Vec<Arc<Snapshot>>,
    /// The last index that a snapshot covers which was reported as saved.
    saved: Index,
}

impl Model {
    /// What a server knows that has just recovered.
    pub(crate) fn recovered(recovered: &Recovered) -> Model {
        let Recovered { hard_state, snapshot, entries } = recovered.clone();
        let saved = snapshot.as_ref().map_or(Index(0), |snapshot| snapshot.index);
        let promised = State { hard_state, installed: snapshot, entries };
        Model { promised, saved, ..Model::default() }
    }

    /// The outcome of all writes.
    pub(crate) fn latest(&self) -> State {
        let mut state = self.promised.clone();
        self.open.iter().for_each(|write| state.apply(write));
        state
    }

    pub(crate) fn persists(&mut self, write: &Write) {
        self.open.push(write.clone());
    }

    pub(crate) fn saves(&mut self, snapshot: &Arc<Snapshot>) {
        self.begun.push(snapshot.clone());
    }

    pub(crate) fn is_durable(&mut self, sequence: WriteSequence) {
        assert!(sequence > self.durable, "only news is reported");
        for write in self.open.drain(..(sequence.0 - self.durable.0) as usize) {
            self.promised.apply(&write);
        }
        self.durable = sequence;
    }

    pub(crate) fn is_saved(&mut self, snapshot: &Arc<Snapshot>) {
        assert!(self.begun.contains(snapshot), "what is saved was begun");
        assert!(snapshot.index > self.saved, "later snapshots are saved later");
        self.saved = snapshot.index;
    }

    pub(crate) fn writes_open(&self) -> u64 {
        self.open.len() as u64
    }

    /// The states that may come back: what is promised, and each prefix of the parts of the writes behind it.
    fn allowed(&self) -> Vec<State> {
        let mut state = self.promised.clone();
        let mut states = vec![state.clone()];
        for write in &self.open {
            let Write { hard_state, snapshot, entries, .. } = write;
            state.hard_state = hard_state.unwrap_or(state.hard_state);
            states.push(state.clone());
            snapshot.iter().for_each(|snapshot| state.install(snapshot));
            states.push(state.clone());
            state.append(entries);
            states.push(state.clone());
        }
        states
    }

    /// What is wrong with what came back.
    pub(crate) fn check(&self, recovered: &Recovered) -> Result<(), String> {
        recovered.validate().map_err(|error| error.to_string())?;
        let covered = recovered.snapshot.as_ref().map_or(Index(0), |snapshot| snapshot.index);
        if covered < self.saved {
            return Err(format!("the snapshot at {covered} came back, and {} was promised", self.saved));
        }
        let fits = |state: &State| {
            let is_its_own = recovered.snapshot == state.installed;
            let is_begun = recovered.snapshot.as_ref().is_some_and(|snapshot| self.begun.contains(snapshot));
            let kept = state.entries.iter().filter(|entry| entry.index > covered);
            recovered.hard_state == state.hard_state
                && (is_its_own || is_begun && covered > state.base().0)
                && recovered.snapshot.as_ref().is_none_or(|snapshot| state.term_at(covered) == Some(snapshot.term))
                && kept.eq(&recovered.entries)
        };
        let allowed = self.allowed();
        if allowed.iter().any(fits) {
            return Ok(());
        }
        Err(format!("{recovered:?} came back, and allowed is one of {allowed:?}"))
    }
}
