//! The network: one directed link for every pair of nodes, each with its own streams of random numbers.
//!
//! A link delivers in order, like a connection does, unless a message is drawn to be reordered: then it is held up and
//! others overtake it. Loss is silent. A cut stops what is sent while it lasts and what is in flight when it begins.
//! Not modelled: bandwidth, queue limits, corruption.

mod link;

use link::Link;
pub use link::LinkProfile;

use crate::node::NodeId;
use crate::rng::RunKey;
use crate::time::Instant;

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
}

/// Why a message got lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Loss {
    /// The link was cut.
    Cut,
    /// The link lost it by chance.
    Chance,
}

/// How often each network fault struck.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NetworkCounts {
    /// Messages sent.
    pub sent: u64,
    /// Messages lost by chance.
    pub lost: u64,
    /// Messages stopped by a cut, or by a receiver that was down.
    pub cut: u64,
    /// Messages delivered twice.
    pub duplicated: u64,
    /// Messages held up so that others overtake them.
    pub reordered: u64,
}

/// All links.
#[derive(Debug)]
pub(crate) struct Network {
    nodes: usize,
    links: Vec<Link>,
    base: LinkProfile,
    profile: LinkProfile,
    pub(crate) counts: NetworkCounts,
}

impl Network {
    pub(crate) fn new(nodes: usize, profile: LinkProfile, key: &RunKey) -> Network {
        let links = (0..nodes * nodes).map(|place| Link::new(key, place as u32)).collect();
        Network { nodes, links, base: profile, profile, counts: NetworkCounts::default() }
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
        self.profile = base;
    }

    /// Makes all links behave like this; or as they do without a fault.
    pub(crate) fn set_override(&mut self, profile: Option<LinkProfile>) {
        self.profile = profile.unwrap_or(self.base);
    }

    /// Draws what becomes of the next message on a link.
    #[inline]
    pub(crate) fn send(&mut self, from: NodeId, to: NodeId, now: Instant) -> Fate {
        let place = from.index() * self.nodes + to.index();
        let link = &mut self.links[place];
        self.counts.sent += 1;
        let fate = link.send(now, &self.profile, &mut self.counts);
        if link.is_cut() {
            self.counts.cut += 1;
            return Fate::Lost(Loss::Cut);
        }
        fate
    }

    /// True while at least one fault cuts the link.
    #[inline]
    pub(crate) fn is_cut(&self, from: NodeId, to: NodeId) -> bool {
        self.links[from.index() * self.nodes + to.index()].is_cut()
    }

    /// Cuts a link once more; it takes as many mends to heal it.
    pub(crate) fn cut(&mut self, from: NodeId, to: NodeId) {
        self.links[from.index() * self.nodes + to.index()].cut();
    }

    /// Takes back one cut.
    pub(crate) fn mend(&mut self, from: NodeId, to: NodeId) {
        self.links[from.index() * self.nodes + to.index()].mend();
    }
}
