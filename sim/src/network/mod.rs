//! The network: one directed link for every pair of nodes, each with its own streams of random numbers.
//!
//! A link delivers in order, like a connection does, unless a message is drawn to be held up: then others overtake it. Loss
//! is silent. A cut stops what is sent while it lasts and what would arrive while it lasts. A clog stops nothing: what would
//! arrive is held, and arrives in order when the last clog of the link ends. With a bandwidth, messages pass one after the
//! other; what does not fit into the queue is lost. A message with a wrong bit is refused by the receiver's codec when it
//! arrives, or else arrives as another message.
//!
//! Not modelled: routes and switches that links share, so that one link's load slows another; connections, so nothing is sent
//! again below the protocol and nobody learns that a peer is gone; handshakes; bursts of loss, but for those that faults
//! make; more than one wrong bit a message. When a limit of bandwidth changes, what is in the queue arrives as it would
//! have, and what is sent afterwards may overtake it.

mod counts;
mod draws;
mod filter;
mod link;
mod pipe;

pub use counts::{NetworkCounts, Strikes};
pub(crate) use filter::FilterId;
pub use link::LinkProfile;

use crate::fault::{Filter, Source};
use crate::node::{Message, NodeId};
use crate::rng::RunKey;
use crate::time::Instant;
use draws::{Asker, Draws, Question};
use filter::{Filters, Handling};
use link::{Link, struck};
use pipe::Passage;

/// What happens to a message that is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// Nobody will ever see it.
    Lost(Loss),
    /// It arrives.
    Delivered {
        /// When.
        at: Instant,
        /// When a second copy of it arrives, if it was duplicated.
        copy: Option<Instant>,
    },
    /// It arrives with a wrong bit.
    Garbled {
        /// When.
        at: Instant,
        /// When a second copy of it arrives, as it was sent, if it was duplicated.
        copy: Option<Instant>,
        /// Which bit, by this draw.
        draw: u64,
    },
}

/// Why a message got lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Loss {
    /// The link was cut.
    Cut,
    /// The link lost it by chance.
    Chance,
    /// A fault that picks messages by their kind.
    Filter,
    /// The queue before the link was full.
    Queue,
}

/// How a message arrives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Condition {
    /// As it was sent.
    Sound,
    /// As it was sent, for a second time.
    Copy,
    /// With a wrong bit that the receiver's codec notices.
    Unreadable,
    /// As another message: nobody notices the wrong bit.
    Wrong,
}

/// All links.
#[derive(Debug)]
pub(crate) struct Network {
    nodes: usize,
    links: Vec<Link>,
    base: LinkProfile,
    profile: LinkProfile,
    filters: Filters,
    draws: Draws,
    /// Whether there is nothing to a message but the two draws of its link.
    is_plain: bool,
    pub(crate) counts: NetworkCounts,
}

impl Network {
    pub(crate) fn new(nodes: usize, profile: LinkProfile, key: &RunKey) -> Network {
        let links = (0..nodes * nodes).map(|place| Link::new(key, place as u32)).collect();
        let mut network = Network {
            nodes,
            links,
            base: profile,
            profile,
            filters: Filters::default(),
            draws: Draws::new(key),
            is_plain: true,
            counts: NetworkCounts::default(),
        };
        network.look();
        network
    }

    /// From now on all draws are those of another key.
    pub(crate) fn rekey(&mut self, key: &RunKey) {
        for (link, place) in self.links.iter_mut().zip(0..) {
            link.rekey(key, place);
        }
    }

    /// Changes how all links behave when no fault says otherwise.
    pub(crate) fn set_base(&mut self, base: LinkProfile) {
        self.base = base;
        self.set_profile(base);
    }

    /// Makes all links behave like this; or as they do without a fault.
    pub(crate) fn set_override(&mut self, profile: Option<LinkProfile>) {
        self.set_profile(profile.unwrap_or(self.base));
    }

    fn set_profile(&mut self, profile: LinkProfile) {
        if profile.bandwidth != self.profile.bandwidth {
            self.links.iter_mut().for_each(Link::forget_queue);
        }
        self.profile = profile;
        self.look();
    }

    fn look(&mut self) {
        self.is_plain = self.filters.is_empty() && self.profile.corrupt_ppm == 0 && self.profile.bandwidth == 0;
    }

    /// Draws what becomes of the next message on a link.
    #[inline]
    pub(crate) fn send(&mut self, from: NodeId, to: NodeId, now: Instant, message: &impl Message) -> Fate {
        let place = self.place(from, to);
        let link = &mut self.links[place];
        self.counts.sent += 1;
        let draws = link.draw();
        if link.is_cut() {
            link.stopped += 1;
            self.counts.cut += 1;
            return Fate::Lost(Loss::Cut);
        }
        if self.is_plain {
            return link.send(draws, now, &self.profile, &mut self.counts);
        }
        self.send_with_care(place, from, draws, now, message)
    }

    /// As [`Network::send`], where bandwidth, wrong bits or kinds of messages matter.
    #[cold]
    #[inline(never)]
    fn send_with_care(
        &mut self,
        place: usize,
        from: NodeId,
        draws: link::Pair,
        now: Instant,
        message: &impl Message,
    ) -> Fate {
        let profile = self.profile;
        let link = &mut self.links[place];
        let mut departure = now;
        if profile.bandwidth > 0 {
            self.counts.queued.struck += 1;
            match link.pipe.pass(now, message.size_bytes(), profile.bandwidth, profile.queue_bytes_max) {
                Passage::AtOnce(through) => departure = through,
                Passage::Waits(through) => {
                    self.counts.queued.mattered += 1;
                    departure = through;
                }
                Passage::NoRoom => {
                    self.counts.overflowed.struck += 1;
                    return Fate::Lost(Loss::Queue);
                }
            }
        }
        let numbered = self.draws.of(place, link.sent);
        let fate = link.send(draws, departure, &profile, &mut self.counts);
        let Fate::Delivered { at, copy } = fate else { return fate };
        let Some(Handling { delay_ns, copy: again, bit }) = self.filters.handle(from, message.kind(), numbered) else {
            return Fate::Lost(Loss::Filter);
        };
        let at = at.after(delay_ns);
        let copy = copy.or(again.map(|draw| at.after(profile.latency.sample_ns(draw))));
        let is_garbled = struck(numbered.draw(Asker::Profile, Question::Corrupt), 0, profile.corrupt_ppm);
        let bit = bit.or(is_garbled.then(|| numbered.draw(Asker::Profile, Question::Bit)));
        match bit {
            Some(draw) => {
                self.counts.garbled.struck += 1;
                Fate::Garbled { at, copy, draw }
            }
            None => Fate::Delivered { at, copy },
        }
    }

    /// Counts a message that was lost on its way to a server that is up.
    pub(crate) fn missed(&mut self, loss: Loss) {
        match loss {
            Loss::Cut | Loss::Filter => {}
            Loss::Chance => self.counts.lost.mattered += 1,
            Loss::Queue => self.counts.overflowed.mattered += 1,
        }
    }

    /// Counts a message that does not get in: its link is cut, or its receiver is down.
    pub(crate) fn stop(&mut self, from: NodeId, to: NodeId) {
        let place = self.place(from, to);
        self.counts.cut += 1;
        self.links[place].stopped += u64::from(self.links[place].is_cut());
    }

    /// Counts a message that a clogged link holds.
    pub(crate) fn hold(&mut self, from: NodeId, to: NodeId) {
        let place = self.place(from, to);
        self.counts.held += 1;
        self.links[place].held += 1;
    }

    /// Counts a message that reached a server that is up, and not as the sound message that was sent.
    pub(crate) fn arrived(&mut self, condition: Condition) {
        match condition {
            Condition::Sound => {}
            Condition::Copy => self.counts.duplicated.mattered += 1,
            Condition::Unreadable => self.counts.garbled.mattered += 1,
            Condition::Wrong => {
                self.counts.garbled.mattered += 1;
                self.counts.misread += 1;
            }
        }
    }

    /// True while a fault keeps what would arrive over the link from arriving.
    #[inline]
    pub(crate) fn is_hindered(&self, from: NodeId, to: NodeId) -> bool {
        self.links[self.place(from, to)].is_hindered()
    }

    /// True while at least one fault clogs the link.
    pub(crate) fn is_clogged(&self, from: NodeId, to: NodeId) -> bool {
        self.links[self.place(from, to)].is_clogged()
    }

    /// Cuts a link once more; it takes as many mends to heal it.
    pub(crate) fn cut(&mut self, from: NodeId, to: NodeId) {
        let place = self.place(from, to);
        self.links[place].cut();
    }

    /// Takes back one cut.
    pub(crate) fn mend(&mut self, from: NodeId, to: NodeId) {
        let place = self.place(from, to);
        self.links[place].mend();
    }

    /// Clogs a link once more; it takes as many releases until it is free.
    pub(crate) fn clog(&mut self, from: NodeId, to: NodeId) {
        let place = self.place(from, to);
        self.links[place].clog();
    }

    /// Takes back one clog.
    pub(crate) fn unclog(&mut self, from: NodeId, to: NodeId) {
        let place = self.place(from, to);
        self.links[place].unclog();
    }

    /// Begins to treat messages by their kind.
    pub(crate) fn filter(&mut self, id: FilterId, source: Source, from: Option<Vec<NodeId>>, filter: Filter) {
        self.filters.add(id, filter.draws.unwrap_or(source.0), from, filter);
        self.look();
    }

    /// Ends what [`Network::filter`] began.
    pub(crate) fn unfilter(&mut self, id: FilterId) {
        self.filters.remove(id);
        self.look();
    }

    /// How many messages were stopped on a link because it was cut.
    pub(crate) fn stopped_on(&self, from: NodeId, to: NodeId) -> u64 {
        self.links[self.place(from, to)].stopped
    }

    /// How many messages were held on a link because it was clogged.
    pub(crate) fn held_on(&self, from: NodeId, to: NodeId) -> u64 {
        self.links[self.place(from, to)].held
    }

    /// How many messages a filter under way has struck.
    pub(crate) fn struck_by(&self, id: FilterId) -> u64 {
        self.filters.struck(id)
    }

    #[inline]
    fn place(&self, from: NodeId, to: NodeId) -> usize {
        from.index() * self.nodes + to.index()
    }
}
