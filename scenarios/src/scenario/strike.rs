//! A fault in a scenario file: what strikes, with the keys that its kind takes. Mixes and steps have this in common.

use std::collections::BTreeSet;

use serde::Deserialize;
use toml::Spanned;
use whitewater_kv::wire::KINDS;
use whitewater_sim::disk::Losses;
use whitewater_sim::fault::{CrashPoint, Damage, Direction, DiskFailure, Filter, Reach, Shape};
use whitewater_sim::rng::PPM;
use whitewater_sim::{Latency, LinkProfile, NodeId};

use super::cluster::Cluster;
use super::latency::RawLatency;
use super::messages;
use super::quantity::{Count, Duration, Every, Limit, Probability, Range};
use super::servers::RawNetwork;
use super::steps::{RawReference, RawWhen};
use super::{MixKind, Span, Way, Who};
use crate::mistake::{Mistake, wrong};

/// Declares the keys of a fault, with one answer to which of them are there.
macro_rules! keys {
    ($($name:literal $key:ident: $type:ty,)*) => {
        /// A table of `[[faults]]` or `[[steps]]`.
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        pub(super) struct RawStrike {
            $(#[serde(rename = $name)] pub(super) $key: Option<$type>,)*
        }

        impl RawStrike {
            /// The keys that are there.
            fn present(&self) -> impl Iterator<Item = &'static str> {
                [$(self.$key.is_some().then_some($name)),*].into_iter().flatten()
            }
        }
    };
}

keys! {
    "kind" kind: Spanned<RawKind>,
    "do" action: Spanned<RawKind>,
    "every" every: Spanned<Every>,
    "name" name: Spanned<String>,
    "after" after: Spanned<RawReference>,
    "at" at: Spanned<Duration>,
    "when" when: Spanned<RawWhen>,
    "wait" wait: Spanned<Range>,
    "step" step: Spanned<RawReference>,
    "lasting" lasting: Spanned<Range>,
    "target" target: Spanned<RawWho>,
    "direction" direction: RawDirection,
    "reach" reach: RawReach,
    "links" links: Spanned<Vec<(u32, u32)>>,
    "shape" shape: RawShape,
    "of" of: Spanned<Vec<String>>,
    "factor" factor: Count<2, 1000>,
    "by" by: Spanned<Range>,
    "way" way: RawWay,
    "point" point: RawPoint,
    "skip" skip: Count<0, 1_000_000>,
    "client" client: Spanned<Count<0, 999>>,
    "down" down: Spanned<Range>,
    "times" times: Count<2, 100>,
    "up" up: Range,
    "gap" gap: Range,
    "service" service: Spanned<RawLatency>,
    "failure" failure: RawFailure,
    "damage" damage: RawDamage,
    "latency" latency: RawLatency,
    "loss" loss: Probability,
    "duplicate" duplicate: Probability,
    "reorder" reorder: Probability,
    "reorder_delay" reorder_delay: Duration,
    "corrupt" corrupt: Probability,
    "bandwidth" bandwidth: Limit,
    "queue" queue: Limit,
    "delay" delay: RawLatency,
    "delayed" delayed: Spanned<Probability>,
    "draws" draws: Count<0, 65_535>,
}

/// Declares the kinds: the name in the file, and the keys that it takes.
macro_rules! kinds {
    ($($variant:ident $name:literal [$($key:literal)*])*) => {
        /// What strikes, or what else a step does.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
        pub(super) enum RawKind {
            $(#[serde(rename = $name)] $variant,)*
        }

        impl RawKind {
            pub(super) fn name(self) -> &'static str {
                match self { $(RawKind::$variant => $name,)* }
            }

            fn keys(self) -> &'static [&'static str] {
                match self { $(RawKind::$variant => &[$($key),*],)* }
            }
        }
    };
}

kinds! {
    Cut "cut" ["lasting" "target" "direction" "reach"]
    Link "link" ["lasting" "target"]
    CutLinks "cut-links" ["lasting" "links"]
    Partition "partition" ["lasting" "shape"]
    Clog "clog" ["lasting" "target" "direction" "reach"]
    Swizzle "swizzle" ["lasting"]
    Network "network" ["lasting" "latency" "loss" "duplicate" "reorder" "reorder_delay" "corrupt" "bandwidth" "queue"]
    Messages "messages" ["lasting" "target" "of" "loss" "duplicate" "corrupt" "delay" "delayed" "draws"]
    Crash "crash" ["lasting" "target"]
    CrashAt "crash-at" ["lasting" "target" "point" "skip" "down"]
    CrashLoop "crash-loop" ["lasting" "target" "times" "up"]
    RollingRestart "rolling-restart" ["lasting" "gap"]
    Pause "pause" ["lasting" "target"]
    SlowServer "slow-server" ["lasting" "target" "service"]
    Wipe "wipe" ["lasting" "target"]
    SlowDisk "slow-disk" ["lasting" "target" "factor"]
    DiskError "disk-error" ["lasting" "target" "failure"]
    Damage "damage" ["lasting" "target" "damage"]
    ClockStep "clock-step" ["target" "by" "way"]
    ClockFreeze "clock-freeze" ["lasting" "target"]
    ClientCrash "client-crash" ["lasting" "client"]
    End "end" ["step"]
    EndAll "end-all" []
    Mark "mark" []
}

/// Declares a list of words of the file, and what each stands for.
macro_rules! words {
    ($raw:ident => $type:ident, $word:ident { $($name:literal $variant:ident)* }) => {
        #[derive(Clone, Copy, Deserialize)]
        pub(super) enum $raw {
            $(#[serde(rename = $name)] $variant,)*
        }

        impl From<$raw> for $type {
            fn from(raw: $raw) -> $type {
                match raw { $($raw::$variant => $type::$variant,)* }
            }
        }

        /// The word for it in a scenario file.
        pub(super) fn $word(value: $type) -> &'static str {
            match value { $($type::$variant => $name,)* }
        }
    };
}

words! { RawWay => Way, way_word { "forward" Forward "backward" Backward "either" Either } }
words! { RawDirection => Direction, direction_word { "both" Both "outgoing" Outgoing "incoming" Incoming } }
words! { RawReach => Reach, reach_word { "servers" Servers "everyone" Everyone } }
words! { RawShape => Shape, shape_word { "halves" Halves "bridge" Bridge "ring" Ring "random" Random } }
words! { RawFailure => DiskFailure, failure_word { "read" Read "write" Write "sync" Sync "full" Full } }
words! { RawDamage => Damage, damage_word { "rot" Rot "misdirected" Misdirected "phantom" Phantom } }
words! { RawPoint => CrashPoint, point_word {
    "before-write" BeforeWrite
    "after-write" AfterWrite
    "after-asking-for-sync" AfterAskingForSync
    "after-sync" AfterSync
    "after-send" AfterSend
} }

#[derive(Deserialize)]
#[serde(
    untagged,
    expecting = "a target is \"leader\", \"follower\", \"random\", \"minority\", \"leader-and-minority\", \
                 \"majority-without-leader\", \"rack\", \"last-crashed\", \"all\", or a list of server numbers like [0, 2]"
)]
pub(super) enum RawWho {
    Named(RawName),
    Nodes(Vec<u32>),
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum RawName {
    Leader,
    Follower,
    Random,
    Minority,
    LeaderAndMinority,
    MajorityWithoutLeader,
    Rack,
    LastCrashed,
    All,
}

/// What a fault is checked against.
#[derive(Clone, Copy)]
pub(super) struct Setting<'s> {
    pub(super) links: LinkProfile,
    pub(super) cluster: &'s Cluster,
    pub(super) leases: Leases,
    pub(super) losses: Losses,
}

/// Whether clocks must keep to what reads by lease rely on.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Leases {
    /// There are such reads, and checks that they are right.
    Trusted,
    /// There are no such reads, or no check looks at them.
    Untrusted,
}

const LEASE_HELP: &str =
    "set `workload.reads` without lease, or say what still holds: `checks` without I19, I20 and LIN";

impl RawStrike {
    /// Refuses keys that mean nothing for this kind, instead of ignoring what somebody meant. `common` are those of all
    /// tables of its list.
    pub(super) fn refuse_foreign_keys(
        &self,
        place: &Spanned<RawStrike>,
        kind: RawKind,
        common: &[&str],
    ) -> Result<(), Mistake> {
        let allowed = kind.keys();
        match self.present().find(|key| !common.contains(key) && !allowed.contains(key)) {
            Some(key) => {
                let name = kind.name();
                let own = if allowed.is_empty() { "none of its own".to_owned() } else { allowed.join(", ") };
                wrong(place, format!("a fault of kind `{name}` has no key `{key}`; it takes {own}"))
            }
            None => Ok(()),
        }
    }

    /// What strikes; `None` for what is no fault.
    pub(super) fn strike(
        &self,
        place: &Spanned<RawStrike>,
        kind: RawKind,
        setting: &Setting<'_>,
    ) -> Result<Option<MixKind>, Mistake> {
        let target = || self.target(place, setting);
        let direction = self.direction.map_or(Direction::Both, Into::into);
        let reach = self.reach.map_or(Reach::Servers, Into::into);
        Ok(Some(match kind {
            RawKind::Cut => MixKind::Cut { target: target()?, direction, reach },
            RawKind::Link => MixKind::Link { target: target()? },
            RawKind::CutLinks => MixKind::CutLinks { links: self.links(place, setting.cluster)? },
            RawKind::Partition => {
                MixKind::Partition { shape: self.needed(place, self.shape, "shape = \"halves\"")?.into() }
            }
            RawKind::Clog => MixKind::Clog { target: target()?, direction, reach },
            RawKind::Swizzle => MixKind::Swizzle,
            RawKind::Network => MixKind::Links { profile: self.network().profile(setting.links) },
            RawKind::Messages => {
                let from = self.target.is_some().then(target).transpose()?;
                MixKind::Messages { from, filter: self.filter(place)? }
            }
            RawKind::Crash => MixKind::Crash { target: target()? },
            RawKind::CrashAt => self.crash_at(place, target()?)?,
            RawKind::CrashLoop => MixKind::CrashLoop {
                target: target()?,
                times: self.needed(place, self.times, "times = 3")?.0,
                up: self.needed(place, self.up, "up = \"50ms\"")?.into(),
            },
            RawKind::RollingRestart => {
                MixKind::RollingRestart { gap: self.needed(place, self.gap, "gap = \"500ms\"")?.into() }
            }
            RawKind::Pause => MixKind::Pause { target: target()? },
            RawKind::SlowServer => self.slow_server(place, target()?)?,
            RawKind::Wipe => MixKind::Wipe { target: self.expendable(place, target()?, setting)? },
            RawKind::SlowDisk => {
                MixKind::SlowDisk { target: target()?, factor: self.needed(place, self.factor, "factor = 20")?.0 }
            }
            RawKind::DiskError => MixKind::DiskError {
                target: target()?,
                failure: self.needed(place, self.failure, "failure = \"sync\"")?.into(),
            },
            RawKind::Damage => MixKind::Damage {
                target: self.expendable(place, target()?, setting)?,
                damage: self.needed(place, self.damage, "damage = \"rot\"")?.into(),
            },
            RawKind::ClockStep => self.clock_step(place, target()?, setting.leases)?,
            RawKind::ClockFreeze if setting.leases == Leases::Trusted => {
                let message = format!("a clock that stands still makes a lease last longer than it may: {LEASE_HELP}");
                return wrong(place, message);
            }
            RawKind::ClockFreeze => MixKind::ClockFreeze { target: target()? },
            RawKind::ClientCrash => self.client_crash(setting.cluster)?,
            RawKind::End | RawKind::EndAll | RawKind::Mark => return Ok(None),
        }))
    }

    /// How long it lasts; `None` if the file does not say.
    pub(super) fn lasting(&self) -> Result<Option<Span>, Mistake> {
        match &self.lasting {
            Some(lasting) if lasting.get_ref().min_ns == 0 => {
                wrong(lasting, "a fault lasts longer than zero: write a duration like \"200ms\"")
            }
            Some(lasting) => Ok(Some((*lasting.get_ref()).into())),
            None => Ok(None),
        }
    }

    fn needed<T>(&self, place: &Spanned<RawStrike>, value: Option<T>, example: &str) -> Result<T, Mistake> {
        match value {
            Some(value) => Ok(value),
            None => {
                let kind = self.kind.as_ref().or(self.action.as_ref()).map_or("", |kind| kind.get_ref().name());
                let key = example.split(' ').next().unwrap_or_default();
                wrong(place, format!("a fault of kind `{kind}` needs a `{key}`: add a line like {example}"))
            }
        }
    }

    fn target(&self, place: &Spanned<RawStrike>, setting: &Setting<'_>) -> Result<Who, Mistake> {
        let Some(target) = &self.target else {
            return wrong(place, "this fault has no target: add a line like target = \"leader\"");
        };
        Ok(match target.get_ref() {
            RawWho::Named(RawName::Leader) => Who::Leader,
            RawWho::Named(RawName::Follower) => Who::Follower,
            RawWho::Named(RawName::Random) => Who::Random,
            RawWho::Named(RawName::Minority) => Who::Minority,
            RawWho::Named(RawName::LeaderAndMinority) => Who::LeaderAndMinority,
            RawWho::Named(RawName::MajorityWithoutLeader) => Who::MajorityWithoutLeader,
            RawWho::Named(RawName::Rack) if setting.cluster.racks == 1 => {
                return wrong(target, "all servers stand in one rack: set `cluster.racks` to 2 or more");
            }
            RawWho::Named(RawName::Rack) => Who::Rack,
            RawWho::Named(RawName::LastCrashed) => Who::LastCrashed,
            RawWho::Named(RawName::All) => Who::All,
            RawWho::Nodes(nodes) => Who::Nodes(self.nodes(target, nodes, setting.cluster)?),
        })
    }

    fn nodes(&self, place: &Spanned<RawWho>, nodes: &[u32], cluster: &Cluster) -> Result<Vec<NodeId>, Mistake> {
        if nodes.is_empty() {
            return wrong(place, "the list is empty: name at least one server, like [0]");
        }
        let mut named = BTreeSet::new();
        for node in nodes {
            cluster.check_server(place, *node)?;
            if !named.insert(*node) {
                return wrong(place, format!("server {node} is named twice: leave it out once"));
            }
        }
        Ok(nodes.iter().copied().map(NodeId).collect())
    }

    fn links(&self, place: &Spanned<RawStrike>, cluster: &Cluster) -> Result<Vec<(NodeId, NodeId)>, Mistake> {
        let Some(links) = &self.links else {
            return wrong(place, "no link is cut: add a line like links = [[0, 1], [2, 0]], from whom to whom");
        };
        let mut named = BTreeSet::new();
        for (from, to) in links.get_ref() {
            cluster.check_server(links, *from)?;
            cluster.check_server(links, *to)?;
            if from == to {
                return wrong(links, format!("server {from} has no link to itself: leave [{from}, {to}] out"));
            }
            if !named.insert((*from, *to)) {
                return wrong(links, format!("the link [{from}, {to}] is named twice: leave it out once"));
            }
        }
        Ok(links.get_ref().iter().map(|(from, to)| (NodeId(*from), NodeId(*to))).collect())
    }

    fn filter(&self, place: &Spanned<RawStrike>) -> Result<Filter, Mistake> {
        let Some(of) = &self.of else {
            return wrong(
                place,
                "this fault does not say which messages: add a line like of = [\"append\", \"append-reply\"]",
            );
        };
        let mut kinds = 0;
        for name in of.get_ref() {
            match messages::bit(name) {
                Some(bit) => kinds |= bit,
                None => {
                    let all = KINDS.join(", ");
                    return wrong(of, format!("no messages are called {name:?}: there are {all}"));
                }
            }
        }
        let chance = |chance: Option<Probability>| chance.map_or(0, |Probability(ppm)| ppm);
        let delay_ppm = match (&self.delay, &self.delayed) {
            (None, Some(delayed)) => {
                return wrong(
                    delayed,
                    "messages are delayed, but not by how much: add a line like delay = [\"1ms\", \"50ms\"]",
                );
            }
            (None, None) => 0,
            (Some(_), None) => PPM,
            (Some(_), Some(delayed)) => delayed.get_ref().0,
        };
        let (loss_ppm, duplicate_ppm, corrupt_ppm) = (chance(self.loss), chance(self.duplicate), chance(self.corrupt));
        if kinds == 0 || loss_ppm + duplicate_ppm + corrupt_ppm + delay_ppm == 0 {
            return wrong(
                place,
                "nothing happens to any message: name kinds in `of`, and set loss, duplicate, corrupt or delay",
            );
        }
        let delay = self.delay.map_or(Latency::constant(0), |delay| delay.0);
        let draws = self.draws.map(|Count(source)| source as u16);
        Ok(Filter { kinds, loss_ppm, duplicate_ppm, corrupt_ppm, delay_ppm, delay, draws })
    }

    fn client_crash(&self, cluster: &Cluster) -> Result<MixKind, Mistake> {
        match &self.client {
            Some(client) if client.get_ref().0 >= cluster.clients => {
                wrong(client, format!("there are {} clients, counted from 0: name one of them", cluster.clients))
            }
            client => Ok(MixKind::ClientCrash { client: client.as_ref().map(|client| client.get_ref().0) }),
        }
    }

    fn crash_at(&self, place: &Spanned<RawStrike>, target: Who) -> Result<MixKind, Mistake> {
        let point = self.needed(place, self.point, "point = \"after-write\"")?.into();
        let skip_max = self.skip.map_or(0, |skip| skip.0);
        match &self.down {
            Some(down) if down.get_ref().min_ns == 0 => {
                wrong(down, "a server is down for longer than zero: write a duration like \"200ms\"")
            }
            Some(down) => Ok(MixKind::CrashAt { target, point, skip_max, down: (*down.get_ref()).into() }),
            None => wrong(
                place,
                "this fault does not say how long the server is down: add a line like down = [\"10ms\", \"300ms\"]; \
                 `lasting` is how long it waits for a server to come to the point",
            ),
        }
    }

    fn slow_server(&self, place: &Spanned<RawStrike>, target: Who) -> Result<MixKind, Mistake> {
        match &self.service {
            Some(service) if service.get_ref().0 == Latency::constant(0) => {
                wrong(service, "a slow server takes longer than zero: write a duration like \"2ms\"")
            }
            Some(service) => Ok(MixKind::SlowServer { target, service: service.get_ref().0 }),
            None => wrong(place, "a fault of kind `slow-server` needs a `service`: add a line like service = \"2ms\""),
        }
    }

    /// Without its disk, a server costs a vote and a copy for as long as the operator needs to replace it: one at a time,
    /// and only where the others can do without.
    fn expendable(&self, place: &Spanned<RawStrike>, target: Who, setting: &Setting<'_>) -> Result<Who, Mistake> {
        if setting.losses == Losses::Any {
            return Ok(target);
        }
        if setting.cluster.voters_min() < 3 {
            return wrong(
                place,
                "without its disk, a cluster of fewer than three voters is lost: set `cluster.servers` to 3",
            );
        }
        let is_one = match &target {
            Who::Leader | Who::Follower | Who::Random | Who::LastCrashed => true,
            Who::Nodes(nodes) => nodes.len() == 1,
            Who::Minority | Who::LeaderAndMinority | Who::MajorityWithoutLeader | Who::Rack | Who::All => false,
        };
        if !is_one {
            return wrong(
                place,
                "one disk is lost at a time: set target = \"random\", \"leader\" or \"follower\", or go beyond what a \
                 cluster survives with `disk.losses` = \"any\"",
            );
        }
        Ok(target)
    }

    fn clock_step(&self, place: &Spanned<RawStrike>, target: Who, leases: Leases) -> Result<MixKind, Mistake> {
        let Some(by) = &self.by else {
            return wrong(place, "a clock step has no distance: add a line like by = [\"10ms\", \"5s\"]");
        };
        if by.get_ref().max_ns == 0 {
            return wrong(by, "a clock steps by more than zero: write a duration like \"5s\"");
        }
        let way = self.way.map_or(Way::Either, Into::into);
        if way != Way::Forward && leases == Leases::Trusted {
            let message = format!(
                "a clock that steps back makes a lease last longer than it may: add way = \"forward\", {LEASE_HELP}"
            );
            return wrong(place, message);
        }
        Ok(MixKind::ClockStep { target, by: (*by.get_ref()).into(), way })
    }

    fn network(&self) -> RawNetwork {
        RawNetwork {
            latency: self.latency,
            loss: self.loss,
            duplicate: self.duplicate,
            reorder: self.reorder,
            reorder_delay: self.reorder_delay,
            corrupt: self.corrupt,
            bandwidth: self.bandwidth,
            queue: self.queue,
        }
    }
}
