//! A lineage: a run that is like another in what a swarm chose, or up to some moment, and otherwise goes its own way.
//!
//! A run that is drawn anew keeps what the scenario, if it is a swarm, chose for its seed (Groce et al., "Swarm Testing",
//! ISSTA 2012): which parts take part, and how strongly; all else is drawn from another seed. A change leaves everything
//! before its moment as it was, to the event, so a run that got into a rare state gets there again. From then on every draw
//! comes from other streams, and the faults still to come are drawn anew: some are left out, some move, some come again.
//! Changes follow each other in time. A run is a function of (system, scenario, lineage, build) as it is of a seed: `17` is
//! the run of a seed, `17+anew.4` draws all but the choices of the swarm from seed 4, and `17+2450ms.3` departs from the run
//! of seed 17 at 2.45 s for the third time. What it simplifies: what the clients and the operator want is never changed at
//! a moment.

use std::fmt;
use std::str::FromStr;

use whitewater_sim::Instant;
use whitewater_sim::fault::Fault;
use whitewater_sim::rng::{Purpose, RunKey, Stream};
use whitewater_sim::time::MILLISECOND_NS;

use crate::generate::Plan;

/// A run: a seed, and where it departs from what the seed alone would do.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Lineage {
    /// The seed.
    pub seed: u64,
    /// The seed from which all is drawn but what a swarm chooses, if that is another.
    pub anew: Option<u64>,
    /// The changes, in the order of time.
    pub changes: Vec<Change>,
}

/// A moment at which a run departs from another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Change {
    /// When, in milliseconds of virtual time.
    pub at_ms: u32,
    /// Which of the ways to go on from there.
    pub number: u32,
}

/// How a lineage says that all is drawn anew.
const ANEW: &str = "anew.";

/// The most changes of a lineage that is read.
const CHANGES_MAX: usize = 1_000;

impl Lineage {
    /// The run of a seed alone.
    #[must_use]
    pub fn of(seed: u64) -> Lineage {
        Lineage { seed, anew: None, changes: Vec::new() }
    }

    /// The run in which a swarm makes the same choices, and all else is drawn anew, from another seed.
    #[must_use]
    pub fn anew(&self, luck: u64) -> Lineage {
        Lineage { seed: self.seed, anew: Some(luck), changes: Vec::new() }
    }

    /// The seed from which all is drawn but what a swarm chooses.
    #[must_use]
    pub fn luck(&self) -> u64 {
        self.anew.unwrap_or(self.seed)
    }

    /// The changes in words, behind those of the seed: `+2450ms.3`. Empty if there are none.
    #[must_use]
    pub fn departures(&self) -> String {
        let anew = self.anew.iter().map(|luck| format!("+anew.{luck}"));
        let changes = self.changes.iter().map(|Change { at_ms, number }| format!("+{at_ms}ms.{number}"));
        anew.chain(changes).collect()
    }

    /// What departs from this run at a moment; later changes of this one are left out.
    #[must_use]
    pub fn departing(&self, change: Change) -> Lineage {
        let earlier = self.changes.iter().filter(|earlier| earlier.at_ms < change.at_ms);
        Lineage { changes: earlier.copied().chain([change]).collect(), ..*self }
    }
}

impl Change {
    /// When.
    #[must_use]
    pub fn at(self) -> Instant {
        Instant(u64::from(self.at_ms) * MILLISECOND_NS)
    }

    /// The key of everything that is drawn from then on.
    #[must_use]
    pub fn key(self, seed: u64) -> RunKey {
        let mut key = RunKey::new(seed);
        key.vary(u64::from(self.at_ms) << 32 | u64::from(self.number));
        key
    }
}

/// `17`, or `17+2450ms.3`.
impl fmt::Display for Lineage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.seed, self.departures())
    }
}

/// Reads what [`Lineage`] prints.
impl FromStr for Lineage {
    type Err = String;

    fn from_str(text: &str) -> Result<Lineage, String> {
        let mut parts = text.trim().split('+').peekable();
        let seed = crate::campaign::seed(parts.next().unwrap_or_default())?;
        let anew = parts.next_if(|part| part.starts_with(ANEW)).map(|part| crate::campaign::seed(&part[ANEW.len()..]));
        let anew = anew.transpose()?;
        let mut changes: Vec<Change> = Vec::new();
        for part in parts {
            let change = part
                .split_once("ms.")
                .and_then(|(at_ms, number)| Some(Change { at_ms: at_ms.parse().ok()?, number: number.parse().ok()? }));
            let part = whitewater_reports::words::printable(part);
            let change = change.ok_or_else(|| format!("`{part}` is not a change: it looks like 2450ms.3"))?;
            if changes.last().is_some_and(|last| last.at_ms >= change.at_ms) {
                return Err(format!("the change `{part}` does not come later than the one before it"));
            }
            if changes.len() == CHANGES_MAX {
                return Err(format!("there are more than {CHANGES_MAX} changes"));
            }
            changes.push(change);
        }
        Ok(Lineage { seed, anew, changes })
    }
}

/// Changes the faults that are still to come at each change of a lineage.
pub(crate) fn apply(lineage: &Lineage, plan: &mut Plan) {
    for (change, place) in lineage.changes.iter().zip(0..) {
        let mut stream = change.key(lineage.luck()).stream(Purpose::Mutation, place);
        plan.faults = changed(&plan.faults, *change, &mut stream);
    }
}

/// One of the faults of a plan is kept, left out, or moved; and a few of them come once more, soon after the change.
fn changed(faults: &[Fault], change: Change, stream: &mut Stream) -> Vec<Fault> {
    let at = change.at();
    let mut changed: Vec<Fault> = Vec::with_capacity(faults.len());
    for fault in faults {
        if fault.begin < at {
            changed.push(fault.clone());
            continue;
        }
        match stream.below(4) {
            0 => {}
            1 => changed.push(moved(fault, at.after(stream.below(fault.begin.since_ns(at).saturating_mul(2) + 1)))),
            _ => changed.push(fault.clone()),
        }
    }
    if !faults.is_empty() {
        for _ in 0..stream.below(4) {
            let again = &faults[stream.below(faults.len() as u64) as usize];
            let begin = at.after(stream.exponential_ns(SOON_NS));
            changed.push(moved(again, begin));
        }
    }
    // Ties are broken by their mixes, as they are in a plan.
    changed.sort_by_key(|fault| (fault.source, fault.begin));
    changed
}

/// How soon a fault comes once more, in the mean, in nanoseconds.
const SOON_NS: u64 = 300 * MILLISECOND_NS;

fn moved(fault: &Fault, begin: Instant) -> Fault {
    let lasting_ns = fault.end.since_ns(fault.begin);
    Fault { source: fault.source, begin, end: begin.after(lasting_ns), kind: fault.kind.clone() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::{self, CheckSwitch, Options};
    use crate::scenario::Scenario;
    use crate::systems::raft_kv::RaftKv;
    use crate::{catalog, generate};

    #[test]
    fn a_lineage_is_read_as_it_is_printed() {
        for text in ["17", "17+2450ms.3", "0+1ms.0+2ms.7", "17+anew.4", "0+anew.18446744073709551615+1ms.0"] {
            assert_eq!(text.parse::<Lineage>().map(|lineage| lineage.to_string()), Ok(text.to_owned()));
        }
        for text in [
            "",
            "x",
            "1+",
            "1+2ms",
            "1+2ms.3+2ms.4",
            "1+-2ms.3",
            "1+5ms.3.4",
            "1+anew",
            "1+anew.",
            "1+anew.x",
            "1+2ms.3+anew.4",
            "1+anew.2+anew.3",
        ] {
            assert!(text.parse::<Lineage>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_later_departure_keeps_the_changes_before_it() {
        let one = Lineage::of(5).departing(Change { at_ms: 100, number: 1 });
        let two = one.departing(Change { at_ms: 700, number: 4 });
        assert_eq!(two.to_string(), "5+100ms.1+700ms.4");
        assert_eq!(two.departing(Change { at_ms: 300, number: 2 }).to_string(), "5+100ms.1+300ms.2");
    }

    #[test]
    fn what_is_drawn_anew_keeps_no_change_and_later_departures_keep_it() {
        let changed = Lineage::of(5).departing(Change { at_ms: 100, number: 1 });
        let anew = changed.anew(9);
        assert_eq!(anew.to_string(), "5+anew.9");
        assert_eq!(anew.departing(Change { at_ms: 0, number: 2 }).to_string(), "5+anew.9+0ms.2");
        assert_eq!((changed.luck(), anew.luck()), (5, 9));
        assert_eq!(anew.anew(3).to_string(), "5+anew.3");
    }

    #[test]
    fn what_is_drawn_anew_has_the_choices_of_one_seed_and_the_plan_of_another() {
        let swarm = catalog::find("swarm-disks").expect("it is in the catalog");
        let drawn = generate::drawn(&swarm, 3);
        let plan = |text: &str| generate::plan_of(&drawn, &text.parse().expect("a lineage"));
        assert_eq!(plan("3+anew.8"), generate::plan(&drawn, 8));
        assert_ne!(plan("3+anew.8"), plan("3"));
        let digest = |seed: &str, scenario: &Scenario| {
            let options = Options { checks: CheckSwitch::Off, ..Options::default() };
            run::run_on(&RaftKv, scenario, &seed.parse().expect("a lineage"), &options).record.digest
        };
        assert_eq!(digest("3+anew.8", &swarm), digest("8", &drawn));
        assert_ne!(digest("3+anew.8", &swarm), digest("8", &swarm));
    }

    #[test]
    fn what_came_before_a_change_stays() {
        let storm = catalog::find("storm").expect("it is in the catalog");
        let plan = generate::plan(&storm, 3);
        let at = Instant(5_000 * MILLISECOND_NS);
        let early =
            |faults: &[Fault]| -> Vec<Fault> { faults.iter().filter(|fault| fault.begin < at).cloned().collect() };
        let mut different = 0;
        for number in 0..20 {
            let mut changed = plan.clone();
            apply(&Lineage::of(3).departing(Change { at_ms: 5_000, number }), &mut changed);
            assert_eq!(early(&changed.faults), early(&plan.faults));
            assert!(changed.faults.iter().all(|fault| fault.begin < fault.end));
            different += u32::from(changed.faults != plan.faults);
        }
        assert!(different > 15, "{different} of 20");
    }
}
