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
//!    writes: there it changes nothing. Swaps demand a value, and do not hide.
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

mod cells;
mod configurations;
mod walk;

use cells::Cells;

use super::partition::{Problem, Touches};
use super::search::{Halt, Meter, Searched};
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
    let words = cells.slots.div_ceil(64);
    let found = match words {
        0 | 1 => walk::walk::<1>(&cells, &problem.events, limit, meter),
        2 => walk::walk::<2>(&cells, &problem.events, limit, meter),
        3..=4 => walk::walk::<4>(&cells, &problem.events, limit, meter),
        5..=8 => walk::walk::<8>(&cells, &problem.events, limit, meter),
        9..=16 => walk::walk::<16>(&cells, &problem.events, limit, meter),
        17..=64 => walk::walk::<64>(&cells, &problem.events, limit, meter),
        _ => return None,
    };
    Some(found.map(|found| match found {
        walk::Found::Order(order) => Searched::Found(order.into_iter().map(|number| number as usize).collect()),
        walk::Found::Nothing { stuck } => Searched::Impossible { reached: problem.returned(stuck) },
    }))
}
