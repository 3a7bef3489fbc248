//! A guided search: the guide says which scenarios get the runs, and of fresh seeds those come first that promise most.

use super::behaviour::Seen;
use super::fresh::Fresh;
use super::guide::{self, Guide, Job, Sighting};
use crate::campaign::{Seeds, Selected};

/// Decides which runs are made: of these scenarios, with these seeds and what departs from them.
pub(crate) struct Guided {
    guide: Guide,
    fresh: Fresh,
}

impl Guided {
    /// A search that has seen nothing.
    pub(crate) fn new(scenarios: &[Selected], seeds: Seeds) -> Guided {
        Guided {
            guide: Guide::new(scenarios.iter().map(Selected::shape), seeds.first()),
            fresh: Fresh::new(scenarios, seeds),
        }
    }

    /// The runs of the next generation: see [`Guide::next`].
    pub(crate) fn next(&mut self) -> Vec<Job> {
        self.guide.next(|scenario| self.fresh.next(scenario))
    }

    /// Takes what a run has shown, in the order in which the runs were asked for.
    pub(crate) fn take(&mut self, job: &Job, sightings: &[Sighting]) {
        self.guide.take(job, sightings);
        self.fresh.take(job, guide::situations(sightings).count());
    }

    /// What the runs have shown.
    pub(crate) fn seen(&self) -> &Seen {
        self.guide.seen()
    }
}
