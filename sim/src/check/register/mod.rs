//! The search on a single register: states are numbers, and writes that nobody sees cost nothing (Lowe, 2017; Gibbons and
//! Korach, 1997).
//!
//! Where a model can say what each operation does to a register ([`super::Access`]), an order is searched without asking
//! its specification. The walk is that of [`super::search`]: through the events, placing operations when a return
//! demands it. A configuration is an event, a value, and two sets: operations that are *owed* (they must be placed before
//! they return) and those that are *free* (they may be placed). An update is both when it is invoked, an observation is
//! owed, an update of unknown outcome is free and never owed. What it simplifies: appends are left to the general search.
//!
//! 1. *Observations at once*: a read, or a swap that did not swap, is placed as soon as the value allows; it changes none.
//! 2. *A write may hide.* When a write is placed, each other write in flight could stand right before it, seen by nobody.
//!    It is owed no longer; it stays free, for it need not have hidden. The same holds where the value is the one that it
//!    writes: there it changes nothing. Swaps demand a value, and do not hide. The return of a write that is still free is
//!    a place to branch as well: it is the last moment to place it, perhaps behind others. First it is left to hide. If no
//!    observation or swap to come looks for its value, and none for anything else than some value, that is enough.
//! 3. *Owing less and having more is better.* If two configurations at the same event have the same value, and one owes no
//!    more and has no less free than another, then whatever the other places, the one can place as well, and still owes no
//!    more and has no less free. The other need not be visited.
//! 4. *Of equal operations the first to return.* Let an order place x now, while an equal y that returns earlier is free.
//!    Put y in that place. If y stood further on, x stands there now: before y's return, so before its own. If y hid, x
//!    hides: if before the present moment, then now, before y. If x or y is of unknown outcome it is the later one, and is
//!    just not used.
//! 5. *Only what leads somewhere.* An operation is placed if it lets the return in the way pass, lets a waiting observation
//!    be placed, makes a value that some free swap demands, or is a swap that is owed. Anything else would be followed by
//!    a write, which does as well without it. For the same reason no write is placed behind one from which nothing followed.
//! 6. *Values that nobody looks for* are one value.
//! 7. *What nobody can write*: a branch ends if some observation in flight, or a swap that is owed, waits for a value for
//!    which no operation is free and none will be invoked before its return.
//!
//! That rules 3 and 5 compare with branches that may still be under way is sound: suppose the search fails although an
//! order exists. Of all configurations visited that lead to success, take the one with the fewest placements to go. Its
//! next configuration was either visited, or left out for one with no more to go that was: a contradiction either way.

pub(super) mod cells;
mod configurations;
mod walk;

use cells::Cells;

use super::meter::{Halt, Meter};
use super::partition::{Problem, Touches};
use super::search::Searched;
use super::{Model, Op, Ret};

/// Searches an order if this is a register, and has not too much in flight at once; `None` if not.
pub(super) fn search<M: Model>(
    model: &M,
    problem: &Problem<'_, Op<M>, Ret<M>>,
    limit: u64,
    meter: &mut Meter<'_>,
) -> Option<Result<Searched, Halt>> {
    if problem.touches == Touches::Several {
        return None;
    }
    let cells = Cells::new(model, problem)?;
    // Each width is compiled for itself: most histories need one machine word.
    let walk = match cells.slots.div_ceil(64) {
        0 | 1 => walk::walk::<1>,
        2 => walk::walk::<2>,
        3..=4 => walk::walk::<4>,
        5..=8 => walk::walk::<8>,
        9..=16 => walk::walk::<16>,
        17..=64 => walk::walk::<64>,
        _ => return None,
    };
    let found = walk(&cells, &problem.events, limit, meter);
    Some(found.map(|found| match found {
        walk::Found::Order(order) => Searched::Found(order),
        walk::Found::Nothing { stuck } => Searched::Impossible { reached: problem.returned(stuck) },
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::partition::Part;
    use crate::check::sample::{Flaw, Mix, Numbers, Registers, Reply, Request, Shape};
    use crate::check::search::search_by_specification;
    use crate::check::split::split;
    use crate::check::sweep::sweep;
    use crate::check::{Budget, is_witness};
    use crate::history::History;
    use crate::rng::PPM;

    /// Whether this search finds an order, after it was compared with the other one, and the order checked.
    fn agreed(history: &History<Request, Reply>) -> bool {
        let component = &split(&Registers, history).components[0];
        let problem = Problem::new(&Registers, history, component, Part::Whole);
        let budget = Budget::default();
        let (mut mine, mut others) = (Meter::new(&budget), Meter::new(&budget));
        let found = search(&Registers, &problem, budget.steps, &mut mine).expect("a register");
        let other = search_by_specification(&Registers, &problem, &component.initial, &mut others);
        match (found.expect("small enough"), other.expect("small enough")) {
            (Searched::Found(order), Searched::Found(_)) => {
                assert_ne!(sweep(&Registers, history, u64::MAX), Some(false), "{history:?}");
                let order: Vec<_> = order.into_iter().map(|number| problem.entries[number as usize].id).collect();
                assert!(is_witness(&Registers, history, &order), "{order:?} of {history:?}");
                true
            }
            (Searched::Impossible { .. }, Searched::Impossible { .. }) => {
                assert_ne!(sweep(&Registers, history, u64::MAX), Some(true), "{history:?}");
                false
            }
            (Searched::Found(_), Searched::Impossible { .. }) => panic!("an order of what has none: {history:?}"),
            (Searched::Impossible { .. }, Searched::Found(_)) => panic!("no order of what has one: {history:?}"),
        }
    }

    #[test]
    fn it_finds_an_order_where_the_general_search_does() {
        let mut found = [0, 0];
        for seed in 0..12_000 {
            let mix = [Mix::REGISTER, Mix::SWAPS, Mix { reads: 3, writes: 2, appends: 0, swaps: 3, deletes: 1 }];
            let shape = Shape {
                operations: 4 + seed as usize % 21,
                clients: 2 + seed % 7,
                in_flight: 2 + seed % 7,
                keys: 1,
                numbers: Numbers::UpTo(1 + seed % 4),
                mix: mix[seed as usize % 3],
                unknown: [0, PPM / 10, PPM / 2][(seed / 3) as usize % 3],
                failed: PPM / 20,
            };
            let sample = shape.sample(seed);
            assert!(agreed(&sample.history));
            let mut broken = sample.clone();
            for again in 0..2 {
                if let Some(flawed) = broken.with_flaw(Flaw::Answer, seed + again) {
                    broken.history = flawed.history;
                    found[usize::from(agreed(&broken.history))] += 1;
                }
            }
        }
        assert!(found[0] > 2_000 && found[1] > 2_000, "{found:?} broken ones have no order, and one");
    }
}
