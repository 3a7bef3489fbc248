//! The part of a timeline that a page has room for: the last events up to the one to look at, and a few behind it.

use std::ops::Range;

use super::state::{Field, Values};
use super::{Timeline, events};

/// How many events a page shows, and how many bytes of text.
const EVENTS_MAX: u64 = 10_000;
const BYTES_MAX: usize = 2_500_000;

/// How many steps behind the one to look at are shown.
const BEHIND: usize = 400;

/// A part of a timeline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Window {
    /// The steps in it.
    pub steps: Range<usize>,
    /// How many events come before it.
    pub events_before: u64,
    /// How many come behind it.
    pub events_behind: u64,
    /// The properties of all nodes before its first step.
    pub states: Vec<Values>,
}

impl Window {
    /// The part that a page shows.
    #[must_use]
    pub fn of(timeline: &Timeline) -> Window {
        let all = timeline.steps.len();
        let until = timeline.pointed.map_or(all, |pointed| (pointed + 1 + BEHIND).min(all));
        let (mut from, mut events_left, mut bytes) = (until, EVENTS_MAX, 0);
        while let Some(before) = from.checked_sub(1) {
            let step = &timeline.steps[before];
            let is_new = timeline.steps.get(from).filter(|_| from < until).is_none_or(|next| next.event != step.event);
            bytes += step.text.len();
            if bytes > BYTES_MAX || is_new && events_left == 0 {
                break;
            }
            events_left -= u64::from(is_new);
            from = before;
        }
        let mut states = vec![Values::default(); timeline.lanes.len()];
        for change in timeline.steps[..from].iter().flat_map(|step| &step.changes) {
            states[change.lane][change.field as usize].clone_from(&change.after);
        }
        let (before, behind) = timeline.missing;
        Window {
            steps: from..until,
            events_before: before + events(&timeline.steps[..from]),
            events_behind: behind + events(&timeline.steps[until..]),
            states,
        }
    }

    /// The properties of all nodes right behind a step.
    #[must_use]
    pub fn states_after(&self, timeline: &Timeline, place: usize) -> Vec<Values> {
        let mut states = self.states.clone();
        for change in timeline.steps[self.steps.start..=place].iter().flat_map(|step| &step.changes) {
            states[change.lane][change.field as usize].clone_from(&change.after);
        }
        states
    }

    /// The properties that any node has ever said anything about.
    #[must_use]
    pub fn fields(&self, timeline: &Timeline) -> Vec<Field> {
        let shown = |field: &Field| {
            self.states.iter().any(|values| !values[*field as usize].is_empty())
                || timeline.steps[self.steps.clone()].iter().flat_map(|step| &step.changes).any(|c| c.field == *field)
        };
        Field::ALL.into_iter().filter(shown).collect()
    }
}
