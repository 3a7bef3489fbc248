//! Forgetting what is settled: all configurations that some order may have at an event, breadth first (Lowe, 2017).
//!
//! The walk keeps one order and the choices on its way. To forget those events, all that any choice may lead to must be
//! known: the configurations behind each return, from those behind the one before. It is done for events behind which
//! nothing is in flight that may still return, so every answer is known and observations are placed at once. What it
//! simplifies: if there are too many configurations, the events are not forgotten yet.

use super::super::Model;
use super::super::configuration::{Configuration, Front};
use super::window::{Event, Number, Placing, Window};

/// What the events from some event on may begin with.
pub(super) struct Settled<S> {
    pub(super) configurations: Vec<Configuration<S>>,
    /// What is in flight, in the order of invocation.
    pub(super) open: Vec<Number>,
}

/// All configurations before the event `until`, from `roots` at the beginning of the window; `None` if there are ever
/// more than `most` at once.
pub(super) fn settle<M: Model>(
    model: &M,
    window: &mut Window<M>,
    roots: &[Configuration<M::Spec>],
    until: u64,
    most: usize,
) -> Option<Settled<M::Spec>> {
    let mut configurations = roots.to_vec();
    let mut open = window.open_at_first.clone();
    for event in window.first()..until {
        match window.event(event) {
            Event::Invoke(number) if window.matters(number) => {
                open.push(number);
                for configuration in &mut configurations {
                    if window.is_seen(number, &configuration.state) {
                        configuration.placed.insert(number);
                    }
                }
            }
            Event::Invoke(_) => {}
            Event::Return(number) => {
                let mut behind = Behind { model, returning: number, open: &open, front: Front::new(), most };
                let mut next = Vec::new();
                for configuration in configurations {
                    behind.reach(window, configuration, &mut next)?;
                }
                next.retain(|configuration| behind.front.keeps(configuration));
                configurations = next;
                open.retain(|other| *other != number);
            }
        }
    }
    Some(Settled { configurations, open })
}

/// A configuration, and the state before the last operation if that was of unknown outcome and nothing followed from it.
type Reached<S> = (Configuration<S>, Option<S>);

/// The configurations behind a return.
struct Behind<'s, M: Model> {
    model: &'s M,
    returning: Number,
    open: &'s [Number],
    front: Front<M::Spec>,
    most: usize,
}

impl<M: Model> Behind<'_, M> {
    /// Adds all that are reached from one before the return by placing operations until the returning one is placed.
    fn reach(
        &mut self,
        window: &mut Window<M>,
        from: Configuration<M::Spec>,
        found: &mut Vec<Configuration<M::Spec>>,
    ) -> Option<()> {
        let mut seen = Front::new();
        let mut left: Vec<Reached<M::Spec>> = vec![(from, None)];
        while let Some((mut configuration, idle_since)) = left.pop() {
            if configuration.placed.remove(self.returning) {
                if self.front.insert(&configuration) {
                    found.push(configuration);
                }
            } else {
                for &number in self.open {
                    if !window.is_candidate(number, &configuration) {
                        continue;
                    }
                    let Some(next) = self.place(window, number, &configuration, idle_since.as_ref()) else { continue };
                    if seen.insert(&next.0) {
                        left.push(next);
                    }
                }
            }
            if seen.len() + self.front.len() > self.most {
                return None;
            }
        }
        Some(())
    }

    /// Places one operation; `None` if it cannot be placed, or need not be.
    fn place(
        &self,
        window: &mut Window<M>,
        number: Number,
        from: &Configuration<M::Spec>,
        idle_since: Option<&M::Spec>,
    ) -> Option<Reached<M::Spec>> {
        let Placing { state, gives } = window.place(self.model, number, &from.state)?;
        assert!(gives.is_none(), "what is settled has an answer, or never will have one");
        if let Some(idle) = idle_since
            && window.place(self.model, number, idle).is_some_and(|other| other.state == state)
        {
            return None;
        }
        let mut next = Configuration { state, ..from.clone() };
        let is_unknown = window.is_unknown(number);
        (if is_unknown { &mut next.spent } else { &mut next.placed }).insert(number);
        let placed = next.placed.len();
        if next.state != from.state {
            window.observe(self.open, &mut next);
        }
        let idle = (is_unknown && next.placed.len() == placed).then(|| from.state.clone());
        Some((next, idle))
    }
}
