//! Faults that pick messages by their kind, and what becomes of those.
//!
//! Several may be under way; each draws for itself, a message is lost if one loses it, and delays add up.

use super::draws::{Asker, Numbered, Question};
use crate::fault::Filter;
use crate::node::NodeId;
use crate::rng::{PPM, Ppm, scale};

/// Names a filter that is under way.
pub(crate) type FilterId = usize;

/// A filter that is under way.
#[derive(Debug)]
struct Active {
    id: FilterId,
    source: u16,
    /// Whose messages it picks; `None` for everybody's.
    from: Option<Vec<NodeId>>,
    filter: Filter,
    struck: u64,
}

/// What filters make of a message that they do not lose.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Handling {
    /// How much later it arrives, in nanoseconds.
    pub(super) delay_ns: u64,
    /// It arrives a second time: a draw for the latency of the copy.
    pub(super) copy: Option<u64>,
    /// It arrives with a wrong bit: a draw for which one.
    pub(super) bit: Option<u64>,
}

/// The filters under way.
#[derive(Debug, Default)]
pub(super) struct Filters {
    active: Vec<Active>,
}

impl Filters {
    pub(super) fn is_empty(&self) -> bool {
        self.active.is_empty()
    }

    pub(super) fn add(&mut self, id: FilterId, source: u16, from: Option<Vec<NodeId>>, filter: Filter) {
        self.active.push(Active { id, source, from, filter, struck: 0 });
    }

    pub(super) fn remove(&mut self, id: FilterId) {
        self.active.retain(|active| active.id != id);
    }

    /// How many messages a filter has struck.
    pub(super) fn struck(&self, id: FilterId) -> u64 {
        self.active.iter().find(|active| active.id == id).map_or(0, |active| active.struck)
    }

    /// What becomes of a message; `None` if it is lost.
    pub(super) fn handle(&mut self, from: NodeId, kind: u8, message: Numbered) -> Option<Handling> {
        let mut sum = Handling::default();
        let mut is_lost = false;
        for active in &mut self.active {
            let is_sender = active.from.as_ref().is_none_or(|senders| senders.contains(&from));
            if !is_sender || active.filter.kinds >> (kind & 63) & 1 == 0 {
                continue;
            }
            let asker = Asker::Fault(active.source);
            match handling(&active.filter, |question| message.draw(asker, question)) {
                None => is_lost = true,
                Some(one) if one == Handling::default() => continue,
                Some(Handling { delay_ns, copy, bit }) => {
                    sum.delay_ns = sum.delay_ns.saturating_add(delay_ns);
                    sum.copy = sum.copy.or(copy);
                    sum.bit = sum.bit.or(bit);
                }
            }
            active.struck += 1;
        }
        (!is_lost).then_some(sum)
    }
}

fn handling(filter: &Filter, draw: impl Fn(Question) -> u64) -> Option<Handling> {
    let strikes = |ppm: Ppm, question| ppm > 0 && scale(draw(question), u64::from(PPM)) < u64::from(ppm);
    if strikes(filter.loss_ppm, Question::Loss) {
        return None;
    }
    let is_delayed = strikes(filter.delay_ppm, Question::Delay);
    Some(Handling {
        delay_ns: if is_delayed { filter.delay.sample_ns(draw(Question::DelayLength)) } else { 0 },
        copy: strikes(filter.duplicate_ppm, Question::Duplicate).then(|| draw(Question::CopyDelay)),
        bit: strikes(filter.corrupt_ppm, Question::Corrupt).then(|| draw(Question::Bit)),
    })
}

#[cfg(test)]
mod tests {
    use super::super::draws::Draws;
    use super::*;
    use crate::latency::Latency;
    use crate::rng::RunKey;

    const NOTHING: Filter = Filter {
        kinds: 1 << 3,
        loss_ppm: 0,
        duplicate_ppm: 0,
        corrupt_ppm: 0,
        delay_ppm: 0,
        delay: Latency::Uniform { min_ns: 10, max_ns: 10 },
        draws: None,
    };

    fn handled(filters: &mut Filters, from: u32, kind: u8) -> Vec<Option<Handling>> {
        let mut draws = Draws::new(&RunKey::new(1));
        (0..10_000).map(|number| filters.handle(NodeId(from), kind, draws.of(0, number))).collect()
    }

    #[test]
    fn only_the_kinds_and_senders_that_it_names_are_struck_and_as_often_as_it_says() {
        let mut filters = Filters::default();
        let filter = Filter { loss_ppm: 200_000, delay_ppm: 500_000, ..NOTHING };
        filters.add(7, 0, Some(vec![NodeId(1)]), filter);
        let untouched = vec![Some(Handling::default()); 10_000];
        assert_eq!(handled(&mut filters, 1, 2), untouched);
        assert_eq!(handled(&mut filters, 2, 3), untouched);
        assert_eq!(filters.struck(7), 0);
        let struck = handled(&mut filters, 1, 3);
        let lost = struck.iter().filter(|handling| handling.is_none()).count();
        let delayed = struck.iter().flatten().filter(|handling| handling.delay_ns == 10).count();
        assert!((1_900..2_100).contains(&lost) && (3_850..4_150).contains(&delayed), "{lost} {delayed}");
        assert_eq!(filters.struck(7), (lost + delayed) as u64);
    }

    #[test]
    fn filters_add_up_and_each_draws_for_itself() {
        let one = |source, filter| {
            let mut filters = Filters::default();
            filters.add(0, source, None, filter);
            handled(&mut filters, 0, 3)
        };
        let delaying = Filter { delay_ppm: 300_000, ..NOTHING };
        let losing = Filter { loss_ppm: 300_000, ..NOTHING };
        let mut both = Filters::default();
        both.add(0, 4, None, delaying);
        both.add(1, 5, None, losing);
        let expected = one(4, delaying).into_iter().zip(one(5, losing)).map(|(delayed, lost)| lost.and(delayed));
        assert_eq!(handled(&mut both, 0, 3), expected.collect::<Vec<_>>());
        both.remove(0);
        both.remove(1);
        assert!(both.is_empty());
    }

    #[test]
    fn certainty_is_exact() {
        let mut filters = Filters::default();
        let filter = Filter { corrupt_ppm: PPM, duplicate_ppm: PPM, delay_ppm: PPM, ..NOTHING };
        filters.add(0, 0, None, filter);
        filters.add(1, 1, None, filter);
        let all = handled(&mut filters, 0, 3);
        assert!(all.iter().flatten().all(|one| one.delay_ns == 20 && one.copy.is_some() && one.bit.is_some()));
        assert_eq!(all.iter().flatten().count(), 10_000);
    }
}
