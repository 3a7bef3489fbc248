//! Which configuration governs which part of the log (dissertation 4.1; paper 6).
//!
//! A configuration is in force from the moment its entry is in the log, committed or not, and until a later one is. So
//! the truth is in the log: cutting the log brings an earlier configuration back, and compacting it keeps the one that
//! was in force at the last index that goes.
//!
//! Simplification: the configuration before the first entry ever, the founding one, comes from the settings, not from
//! the log. A server that joins later does not know it, and knows none until an entry or a snapshot tells.

use std::sync::Arc;

use crate::configuration::Configuration;
use crate::types::Index;

/// The configurations of a log. There is always one: that of the position before the log.
#[derive(Clone, Debug)]
pub(crate) struct History {
    base: Governing,
    /// Those of entries in the log, in order.
    in_log: Vec<Governing>,
}

/// A configuration with the index from which it is in force.
#[derive(Clone, Debug)]
pub(crate) struct Governing {
    pub(crate) from: Index,
    pub(crate) configuration: Arc<Configuration>,
}

impl History {
    /// A log that begins behind `base`, where this configuration is in force.
    pub(crate) fn new(base: Index, configuration: Arc<Configuration>) -> History {
        History { base: Governing { from: base, configuration }, in_log: Vec::new() }
    }

    /// The configuration in force.
    pub(crate) fn current(&self) -> &Governing {
        self.in_log.last().unwrap_or(&self.base)
    }

    /// The one that comes back into force if the current one's entry is cut off; `None` if there is no such entry.
    pub(crate) fn previous(&self) -> Option<&Governing> {
        let before = self.in_log.len().checked_sub(1)?;
        Some(before.checked_sub(1).map_or(&self.base, |place| &self.in_log[place]))
    }

    /// The configuration in force at an index, which must not be before the log.
    pub(crate) fn at(&self, index: Index) -> &Arc<Configuration> {
        let until = self.in_log.partition_point(|governing| governing.from <= index);
        &until.checked_sub(1).map_or(&self.base, |place| &self.in_log[place]).configuration
    }

    /// An entry with a configuration entered the log.
    pub(crate) fn push(&mut self, from: Index, configuration: Arc<Configuration>) {
        self.in_log.push(Governing { from, configuration });
    }

    /// The log was cut: `first` and everything after it went.
    pub(crate) fn truncate_from(&mut self, first: Index) {
        let kept = self.in_log.partition_point(|governing| governing.from < first);
        self.in_log.truncate(kept);
    }

    /// The log begins behind `through` now.
    pub(crate) fn compact(&mut self, through: Index) {
        let gone = self.in_log.partition_point(|governing| governing.from <= through);
        if let Some(last) = self.in_log.drain(..gone).next_back() {
            self.base = last;
        }
    }

    /// A snapshot tells which configuration is in force where the log begins.
    pub(crate) fn rebase(&mut self, configuration: Arc<Configuration>) {
        self.base.configuration = configuration;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::NodeId;

    fn voters(count: u32) -> Arc<Configuration> {
        Arc::new(Configuration::of_voters((1..=count).map(NodeId)))
    }

    /// One voter founded the log; entry 3 made it two, entry 7 three.
    fn history() -> History {
        let mut history = History::new(Index(0), voters(1));
        history.push(Index(3), voters(2));
        history.push(Index(7), voters(3));
        history
    }

    #[test]
    fn a_configuration_is_in_force_from_its_entry_on() {
        let history = history();
        let voters_at = |index| history.at(Index(index)).voters.len();
        assert_eq!([0, 2, 3, 6, 7, 99].map(voters_at), [1, 1, 2, 2, 3, 3]);
        assert_eq!((history.current().from, history.current().configuration.voters.len()), (Index(7), 3));
    }

    #[test]
    fn cutting_the_log_brings_the_one_before_back() {
        let mut history = history();
        assert_eq!(history.previous().map(|governing| governing.from), Some(Index(3)));
        history.truncate_from(Index(7));
        assert_eq!(history.current().from, Index(3));
        assert_eq!(history.previous().map(|governing| governing.from), Some(Index(0)));
        history.truncate_from(Index(1));
        assert_eq!(history.current().from, Index(0));
        assert!(history.previous().is_none(), "the founding configuration cannot be cut off");
    }

    #[test]
    fn compaction_keeps_what_is_in_force_where_the_log_begins() {
        for through in 0..10 {
            let (whole, mut compacted) = (history(), history());
            compacted.compact(Index(through));
            for index in through..12 {
                assert_eq!(compacted.at(Index(index)), whole.at(Index(index)), "at {index} behind {through}");
            }
        }
    }
}
