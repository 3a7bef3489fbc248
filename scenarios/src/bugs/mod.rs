//! The bug bench: rules of Raft and of the store that can be broken on purpose, what notices, and how soon.
//!
//! A broken rule that no check notices is a hole in the checks; one that they notice late is a hole in the scenarios. The
//! method is mutation testing (DeMillo, Lipton and Sayward, "Hints on Test Data Selection", 1978) with mutants chosen by
//! hand. Controls are changes that break no rule: whoever flags one raises a false alarm. A run is a function of
//! (system and bug, scenario, seed, build). What it simplifies: one bug is on at a time.

pub mod canary;
pub mod measure;

use std::marker::PhantomData;

use whitewater_raft::bugs;

/// Whether bugs can be switched on in this build: it has the cargo feature `bugs`.
pub const ARE_COMPILED: bool = bugs::ARE_COMPILED;

/// The version of this build, and whether it can be made to fail on purpose.
pub const VERSION: &str = version();

const fn version() -> &'static str {
    if ARE_COMPILED {
        concat!(env!("CARGO_PKG_VERSION"), " (BUGGED BUILD: rules can be broken on purpose)")
    } else {
        env!("CARGO_PKG_VERSION")
    }
}

/// A rule that can be broken on purpose, or a control.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bug {
    /// Its number in the bench.
    pub number: u16,
    /// Its name: lower-case words joined by hyphens.
    pub name: &'static str,
    /// The section of Ongaro's dissertation that has the rule, or else its source.
    pub section: &'static str,
    /// What the line protects that the bug breaks.
    pub protects: &'static str,
    /// The identifiers of the checks that are expected to notice; none for a control.
    detectors: &'static str,
    /// Where its line is.
    pub place: Place,
}

/// Where the line of a bug is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// In the protocol.
    Raft,
    /// In the store.
    Store,
}

/// What an entry of the bench is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It breaks a rule: a check has to notice.
    Bug,
    /// It breaks none: no check may notice.
    Control,
}

impl Bug {
    /// What it is for.
    #[must_use]
    pub fn kind(&self) -> Kind {
        if self.detectors.is_empty() { Kind::Control } else { Kind::Bug }
    }

    /// The identifiers of the checks that are expected to notice.
    pub fn detectors(&self) -> impl Iterator<Item = &'static str> + use<> {
        self.detectors.split_whitespace()
    }

    /// Whether this check is one of those that are expected to notice.
    #[must_use]
    pub fn expects(&self, check: &str) -> bool {
        self.detectors().any(|expected| expected == check)
    }
}

/// Every entry of the bench, ordered by number.
#[must_use]
pub fn all() -> Vec<Bug> {
    let of_raft = bugs::Bug::ALL.iter().map(|bug| Bug {
        number: bug.number(),
        name: bug.name(),
        section: bug.section(),
        protects: bug.protects(),
        detectors: bug.detectors(),
        place: Place::Raft,
    });
    let of_store = whitewater_kv::bugs::Bug::ALL.iter().map(|bug| Bug {
        number: bug.number(),
        name: bug.name(),
        section: bug.section(),
        protects: bug.protects(),
        detectors: bug.detectors(),
        place: Place::Store,
    });
    let mut all: Vec<Bug> = of_raft.chain(of_store).collect();
    all.sort_unstable_by_key(|bug| bug.number);
    all
}

/// The entry with this name or number.
#[must_use]
pub fn find(named: &str) -> Option<Bug> {
    all().into_iter().find(|bug| bug.name == named || Ok(bug.number) == named.parse())
}

/// A bug is on in this thread for as long as this lives; afterwards none is, panics included.
#[derive(Debug)]
pub struct Switched {
    /// The switch belongs to the thread.
    _not_send: PhantomData<*const ()>,
}

impl Switched {
    /// Switches a bug on, or all off.
    ///
    /// # Panics
    /// If a bug is asked for in a build that has none.
    #[must_use]
    pub fn to(bug: Option<Bug>) -> Switched {
        bugs::switch(bug.map(|bug| bug.number));
        Switched { _not_send: PhantomData }
    }
}

impl Drop for Switched {
    fn drop(&mut self) {
        bugs::switch(None);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use whitewater_sim::Check;

    #[test]
    fn numbers_and_names_are_unique_and_names_are_words() {
        let all = all();
        let numbers: BTreeSet<u16> = all.iter().map(|bug| bug.number).collect();
        let names: BTreeSet<&str> = all.iter().map(|bug| bug.name).collect();
        assert_eq!((numbers.len(), names.len()), (all.len(), all.len()));
        assert!(!numbers.contains(&0), "0 means that none is on");
        for bug in &all {
            let is_word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
            assert!(bug.name.chars().all(is_word) && bug.name.parse::<u64>().is_err(), "{}", bug.name);
            assert!(bug.protects.ends_with('.') && !bug.section.is_empty(), "{}", bug.name);
            assert_eq!(find(bug.name), Some(*bug));
            assert_eq!(find(&bug.number.to_string()), Some(*bug));
        }
        assert_eq!(find("0"), None);
    }

    #[test]
    fn the_checks_that_are_expected_exist_and_controls_expect_none() {
        for bug in all() {
            let unknown = bug.detectors().find(|id| !Check::ALL.iter().any(|check| check.id() == *id));
            assert_eq!(unknown, None, "{}", bug.name);
            assert_eq!(bug.kind() == Kind::Control, bug.number > 200, "{}: numbers above 200 are controls", bug.name);
        }
    }

    #[cfg(feature = "bugs")]
    #[test]
    fn a_bug_is_off_again_after_a_panic() {
        let first = all()[0];
        let panicked = std::panic::catch_unwind(|| {
            let _on = Switched::to(Some(first));
            assert!(!bugs::is_number_on(first.number), "it is on");
        });
        assert!(panicked.is_err() && !bugs::is_number_on(first.number));
    }
}
