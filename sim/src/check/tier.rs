//! The ways in which a history is judged, from the cheapest to the one that always applies.
//!
//! All three prove the same claim: there is, or is not, an order of the operations that respects real time and explains
//! every answer (Herlihy and Wing, 1990). What it simplifies: of several partitions the hardest names the tier.

use std::fmt;

/// What a verdict rests on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tier {
    /// A proposed order was checked. It proves, and never condemns.
    Witness,
    /// The values that were written are distinct, so that each read names its write, and no search is needed.
    Monitoring,
    /// An order was searched for.
    Search,
}

impl fmt::Display for Tier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Tier::Witness => "witness",
            Tier::Monitoring => "monitoring",
            Tier::Search => "search",
        })
    }
}
