//! The survey of a campaign: which runs are made, and what all of them together have shown.
//!
//! Without a guide every seed of every scenario is run, scenarios taking turns, and what runs have shown is taken in that
//! order, whichever thread was faster. With a guide runs are made a generation at a time.

use std::collections::BTreeMap;

use super::behaviour::{Feature, Seen};
use super::guide::{Job, Sighting};
use super::guided::Guided;
use super::lineage::Lineage;
use crate::campaign::{Request, Search};

/// Which runs are made, and what they have shown.
pub(crate) struct Survey {
    request: Request,
    way: Way,
    /// What is known of runs of this batch that earlier ones of it have still to come before.
    waiting: BTreeMap<u64, Vec<Sighting>>,
    /// The number, in its batch, of the next run to be taken.
    next: u64,
    asked: u128,
}

enum Way {
    Seeds { seen: Seen, is_begun: bool },
    Guided { guided: Box<Guided>, jobs: Vec<Job> },
}

/// Runs that can be made at the same time.
#[derive(Clone)]
pub(crate) enum Batch {
    /// All there are.
    Seeds(Request),
    /// These.
    Jobs(Vec<Job>),
}

impl Batch {
    /// The run with this number.
    pub(crate) fn job(&self, number: u64) -> Option<Job> {
        match self {
            Batch::Seeds(request) => {
                let (scenario, seed) = request.job(number)?;
                Some(Job { scenario, lineage: Lineage::of(seed) })
            }
            Batch::Jobs(jobs) => jobs.get(usize::try_from(number).ok()?).cloned(),
        }
    }
}

impl Survey {
    pub(crate) fn new(request: &Request) -> Survey {
        let way = match request.search {
            Search::Seeds => Way::Seeds { seen: Seen::default(), is_begun: false },
            Search::Guided => {
                let guided = Guided::new(&request.scenarios, request.seeds);
                Way::Guided { guided: Box::new(guided), jobs: Vec::new() }
            }
        };
        Survey { request: request.clone(), way, waiting: BTreeMap::new(), next: 0, asked: 0 }
    }

    /// The next runs. All results of the batch before must have been taken.
    pub(crate) fn batch(&mut self) -> Option<Batch> {
        self.flush();
        self.next = 0;
        match &mut self.way {
            Way::Seeds { is_begun, .. } => {
                (!std::mem::replace(is_begun, true)).then(|| Batch::Seeds(self.request.clone()))
            }
            Way::Guided { guided, jobs } => {
                let left = self.request.runs().saturating_sub(self.asked);
                let mut generation = guided.next();
                generation.truncate(usize::try_from(left).unwrap_or(usize::MAX));
                self.asked += generation.len() as u128;
                jobs.clone_from(&generation);
                (!generation.is_empty()).then_some(Batch::Jobs(generation))
            }
        }
    }

    /// Takes what the run with this number in its batch has shown.
    pub(crate) fn take(&mut self, number: u64, sightings: Vec<Sighting>) {
        self.waiting.insert(number, sightings);
        while let Some(sightings) = self.waiting.remove(&self.next) {
            self.take_in_order(self.next, &sightings);
            self.next += 1;
        }
    }

    /// Takes what is still waiting for runs that never came.
    fn flush(&mut self) {
        for (number, sightings) in std::mem::take(&mut self.waiting) {
            self.take_in_order(number, &sightings);
        }
    }

    fn take_in_order(&mut self, number: u64, sightings: &[Sighting]) {
        match &mut self.way {
            Way::Seeds { seen, .. } => {
                let features = sightings.iter().map(|Sighting { feature, .. }| *feature);
                seen.take(features.collect::<Vec<Feature>>());
            }
            Way::Guided { guided, jobs } => guided.take(&jobs[number as usize], sightings),
        }
    }

    /// What all runs have shown.
    pub(crate) fn seen(&mut self) -> &Seen {
        self.flush();
        match &self.way {
            Way::Seeds { seen, .. } => seen,
            Way::Guided { guided, .. } => guided.seen(),
        }
    }
}
