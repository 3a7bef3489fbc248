//! Rounds: how a leader finds out that it still leads (dissertation 6.4).
//!
//! Everything that a leader sends carries its latest round, and every answer brings the round back. A round that a
//! quorum answered, the leader's own voice included, is confirmed: when it began, nobody had been elected after this
//! leader. A round begins with every heartbeat, and whenever reads wait that no round under way can serve.
//!
//! Simplification: a round is asked of every follower, learners too, though only voters' answers count.

use crate::bugs::{self, Bug};
use crate::input::Environment;
use crate::leader::Leader;
use crate::lease::{Lease, Occasion};
use crate::quorum;
use crate::replica::{Replica, State};
use crate::types::Round;

/// The rounds of one leadership.
#[derive(Clone, Debug)]
pub(crate) struct Rounds {
    latest: Round,
    confirmed: Round,
    /// A round begins when the step ends, for this reason.
    due: Option<Occasion>,
    /// `None` without the quorum check, and once leadership may be on its way to another server.
    lease: Option<Lease>,
}

impl Rounds {
    /// The first round is due at once.
    pub(crate) fn new(lease: Option<Lease>) -> Rounds {
        Rounds { latest: Round(0), confirmed: Round(0), due: Some(Occasion::Heartbeat), lease }
    }

    pub(crate) fn latest(&self) -> Round {
        self.latest
    }

    pub(crate) fn confirmed(&self) -> Round {
        self.confirmed
    }

    /// The round that begins next.
    pub(crate) fn next(&self) -> Round {
        Round(self.latest.0 + 1)
    }

    /// A round begins when the step ends. A heartbeat is a round that serves reads as well.
    pub(crate) fn ask(&mut self, occasion: Occasion) {
        match occasion {
            Occasion::Reads => self.due = self.due.or(Some(occasion)),
            Occasion::Heartbeat => self.due = Some(occasion),
        }
    }

    pub(crate) fn lease(&self) -> Option<&Lease> {
        self.lease.as_ref()
    }

    pub(crate) fn lease_mut(&mut self) -> Option<&mut Lease> {
        self.lease.as_mut()
    }

    /// No lease any more, for the rest of this leadership. Returns the one that was.
    pub(crate) fn forfeit_lease(&mut self) -> Option<Lease> {
        self.lease.take()
    }

    /// Begins a round if one is due.
    fn begin_if_due(&mut self, environment: &mut dyn Environment) -> Begun {
        let Some(occasion) = self.due.take() else {
            return Begun::No;
        };
        if bugs::is_on(Bug::WaitingIsProof) {
            self.confirm(self.latest);
        }
        self.latest = self.next();
        if let Some(lease) = &mut self.lease {
            lease.begin(self.latest, occasion, environment.now());
        }
        Begun::Yes
    }

    fn confirm(&mut self, round: Round) {
        if round > self.confirmed {
            self.confirmed = round;
            if let Some(lease) = &mut self.lease {
                lease.confirm(round);
            }
        }
    }
}

/// Whether a round begins with this step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Begun {
    Yes,
    No,
}

impl Leader {
    /// A follower answered this round, and so all earlier ones. Returns whether that may confirm anything.
    pub(crate) fn follower_answered(&mut self, place: usize, round: Round) -> bool {
        let follower = &mut self.followers[place];
        let is_news = round > follower.answered && round <= self.rounds.latest();
        if is_news {
            follower.answered = round;
        }
        is_news && round > self.rounds.confirmed()
    }
}

impl Replica {
    /// Begins a round if it is time for one.
    pub(crate) fn begin_round(&mut self, environment: &mut dyn Environment) -> Begun {
        let State::Leader(leader) = &mut self.state else {
            return Begun::No;
        };
        let is_news = bugs::is_on(Bug::CommitAnnouncedAtOnce) && self.commit > self.announced.commit;
        if leader.reads_need_a_round() || is_news {
            leader.rounds.ask(Occasion::Reads);
        }
        let begun = leader.rounds.begin_if_due(environment);
        // A single voter's own voice is a quorum.
        if begun == Begun::Yes {
            self.count_answers();
        }
        begun
    }

    /// Looks which rounds a quorum has answered.
    pub(crate) fn count_answers(&mut self) {
        let State::Leader(leader) = &mut self.state else {
            return;
        };
        let (own, latest) = (self.config.id, leader.rounds.latest());
        let answered = quorum::reached(&self.log.governing().configuration, |id| {
            let is_given =
                bugs::is_on(Bug::ReadQuorumShort) && leader.followers.first().is_some_and(|one| one.id == id);
            if id == own || is_given {
                latest
            } else {
                leader.follower(id).map_or(Round(0), |follower| follower.answered)
            }
        });
        leader.rounds.confirm(answered);
    }
}
