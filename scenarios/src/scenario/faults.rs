//! The faults of a scenario file.

use serde::Deserialize;
use toml::Spanned;
use whitewater_sim::fault::{Direction, Reach};
use whitewater_sim::time::{MILLISECOND_NS, SECOND_NS};
use whitewater_sim::{LinkProfile, NodeId};

use super::format::{Cluster, Mistake, wrong};
use super::quantity::{Count, Duration, Probability, Range};
use super::servers::{RawLatency, RawNetwork};
use super::{FaultMix, MixKind, Span, Way, Who, Workload};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawFault {
    kind: RawKind,
    every: Spanned<Range>,
    lasting: Option<Spanned<Range>>,
    target: Option<Spanned<RawWho>>,
    direction: Option<RawDirection>,
    reach: Option<RawReach>,
    factor: Option<Count<2, 1000>>,
    by: Option<Spanned<Range>>,
    way: Option<RawWay>,
    latency: Option<RawLatency>,
    loss: Option<Probability>,
    duplicate: Option<Probability>,
    reorder: Option<Probability>,
    reorder_delay: Option<Duration>,
}

/// The shortest time from one wiped disk to the next: a server is replaced in less.
const WIPE_EVERY_NS_MIN: u64 = 5 * SECOND_NS;

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum RawKind {
    Cut,
    Link,
    Crash,
    Pause,
    Network,
    SlowDisk,
    Wipe,
    ClockStep,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum RawWay {
    Forward,
    Backward,
    Either,
}

#[derive(Deserialize)]
#[serde(
    untagged,
    expecting = "a target is \"leader\", \"follower\", \"random\", \"minority\", \
                               \"leader-and-minority\", \"all\", or a list of server numbers like [0, 2]"
)]
enum RawWho {
    Named(RawName),
    Nodes(Vec<u32>),
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum RawName {
    Leader,
    Follower,
    Random,
    Minority,
    LeaderAndMinority,
    All,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum RawDirection {
    Both,
    Outgoing,
    Incoming,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum RawReach {
    Servers,
    Everyone,
}

impl RawFault {
    pub(super) fn check(
        &self,
        whole: &Spanned<RawFault>,
        links: LinkProfile,
        cluster: &Cluster,
        workload: &Workload,
    ) -> Result<FaultMix, Mistake> {
        self.refuse_foreign_keys(whole)?;
        if self.every.get_ref().max_ns < MILLISECOND_NS {
            return wrong(&self.every, "a fault strikes every millisecond at most: write a duration like \"1s\"");
        }
        Ok(FaultMix {
            kind: self.kind(whole, links, cluster, workload)?,
            every: (*self.every.get_ref()).into(),
            lasting: self.lasting(whole)?,
        })
    }

    fn lasting(&self, whole: &Spanned<RawFault>) -> Result<Span, Mistake> {
        match &self.lasting {
            Some(lasting) if lasting.get_ref().min_ns == 0 => {
                wrong(lasting, "a fault lasts longer than zero: write a duration like \"200ms\"")
            }
            Some(lasting) => Ok((*lasting.get_ref()).into()),
            None => match self.kind {
                RawKind::ClockStep => Ok(Span { min_ns: 1, max_ns: 1 }),
                RawKind::Cut
                | RawKind::Link
                | RawKind::Crash
                | RawKind::Pause
                | RawKind::Network
                | RawKind::SlowDisk
                | RawKind::Wipe => {
                    wrong(whole, "this fault does not say how long it lasts: add a line like lasting = \"1s\"")
                }
            },
        }
    }

    /// Refuses keys that mean nothing for this kind, instead of ignoring what somebody meant.
    fn refuse_foreign_keys(&self, whole: &Spanned<RawFault>) -> Result<(), Mistake> {
        let (name, allowed): (&str, &[&str]) = match self.kind {
            RawKind::Cut => ("cut", &["lasting", "target", "direction", "reach"]),
            RawKind::Link => ("link", &["lasting", "target"]),
            RawKind::Crash => ("crash", &["lasting", "target"]),
            RawKind::Pause => ("pause", &["lasting", "target"]),
            RawKind::Network => ("network", &["lasting", "latency", "loss", "duplicate", "reorder", "reorder_delay"]),
            RawKind::SlowDisk => ("slow-disk", &["lasting", "target", "factor"]),
            RawKind::Wipe => ("wipe", &["lasting", "target"]),
            RawKind::ClockStep => ("clock-step", &["target", "by", "way"]),
        };
        let present = [
            ("lasting", self.lasting.is_some()),
            ("target", self.target.is_some()),
            ("direction", self.direction.is_some()),
            ("reach", self.reach.is_some()),
            ("factor", self.factor.is_some()),
            ("by", self.by.is_some()),
            ("way", self.way.is_some()),
            ("latency", self.latency.is_some()),
            ("loss", self.loss.is_some()),
            ("duplicate", self.duplicate.is_some()),
            ("reorder", self.reorder.is_some()),
            ("reorder_delay", self.reorder_delay.is_some()),
        ];
        match present.iter().find(|(key, present)| *present && !allowed.contains(key)) {
            Some((key, _)) => {
                wrong(whole, format!("a fault of kind `{name}` has no key `{key}`; it takes {}", allowed.join(", ")))
            }
            None => Ok(()),
        }
    }

    fn kind(
        &self,
        whole: &Spanned<RawFault>,
        links: LinkProfile,
        cluster: &Cluster,
        workload: &Workload,
    ) -> Result<MixKind, Mistake> {
        let target = || match &self.target {
            Some(target) => who(target, cluster.servers_min()),
            None => wrong(whole, "this fault has no target: add a line like target = \"leader\""),
        };
        Ok(match self.kind {
            RawKind::Cut => MixKind::Cut {
                target: target()?,
                direction: match self.direction {
                    Some(RawDirection::Both) | None => Direction::Both,
                    Some(RawDirection::Outgoing) => Direction::Outgoing,
                    Some(RawDirection::Incoming) => Direction::Incoming,
                },
                reach: match self.reach {
                    Some(RawReach::Servers) | None => Reach::Servers,
                    Some(RawReach::Everyone) => Reach::Everyone,
                },
            },
            RawKind::Link => MixKind::Link { target: target()? },
            RawKind::Crash => MixKind::Crash { target: target()? },
            RawKind::Pause => MixKind::Pause { target: target()? },
            RawKind::Network => MixKind::Links { profile: self.network().profile(links) },
            RawKind::SlowDisk => match &self.factor {
                Some(factor) => MixKind::SlowDisk { target: target()?, factor: factor.0 },
                None => return wrong(whole, "a slow disk has no factor: add a line like factor = 20"),
            },
            RawKind::Wipe => {
                let target = target()?;
                self.check_wipe(whole, &target, cluster)?;
                MixKind::Wipe { target }
            }
            RawKind::ClockStep => self.clock_step(whole, target()?, workload)?,
        })
    }

    /// A wiped disk costs a vote and a copy for as long as the operator needs to replace the server: one at a time, and
    /// only where the others can do without.
    fn check_wipe(&self, whole: &Spanned<RawFault>, target: &Who, cluster: &Cluster) -> Result<(), Mistake> {
        if cluster.voters_min() < 3 {
            return wrong(
                whole,
                "without its disk, a cluster of fewer than three voters is lost: set `cluster.servers` to 3",
            );
        }
        let is_one = match target {
            Who::Leader | Who::Follower | Who::Random | Who::LastCrashed => true,
            Who::Nodes(nodes) => nodes.len() == 1,
            Who::Minority | Who::LeaderAndMinority | Who::MajorityWithoutLeader | Who::Rack | Who::All => false,
        };
        if !is_one {
            return wrong(whole, "one disk is wiped at a time: set target = \"random\", \"leader\" or \"follower\"");
        }
        if self.every.get_ref().min_ns < WIPE_EVERY_NS_MIN {
            return wrong(
                &self.every,
                "the operator needs time to replace a server that lost its disk: write \"5s\" or more",
            );
        }
        Ok(())
    }

    fn clock_step(&self, whole: &Spanned<RawFault>, target: Who, workload: &Workload) -> Result<MixKind, Mistake> {
        let Some(by) = &self.by else {
            return wrong(whole, "a clock step has no distance: add a line like by = [\"10ms\", \"5s\"]");
        };
        if by.get_ref().max_ns == 0 {
            return wrong(by, "a clock steps by more than zero: write a duration like \"5s\"");
        }
        let way = match self.way {
            Some(RawWay::Forward) => Way::Forward,
            Some(RawWay::Backward) => Way::Backward,
            Some(RawWay::Either) | None => Way::Either,
        };
        if way != Way::Forward && workload.reads.lease > 0 {
            return wrong(
                whole,
                "a clock that steps back makes a lease last longer than it may: add way = \"forward\", or set \
                 `workload.reads` without lease",
            );
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
        }
    }
}

fn who(target: &Spanned<RawWho>, servers_min: u32) -> Result<Who, Mistake> {
    Ok(match target.get_ref() {
        RawWho::Named(RawName::Leader) => Who::Leader,
        RawWho::Named(RawName::Follower) => Who::Follower,
        RawWho::Named(RawName::Random) => Who::Random,
        RawWho::Named(RawName::Minority) => Who::Minority,
        RawWho::Named(RawName::LeaderAndMinority) => Who::LeaderAndMinority,
        RawWho::Named(RawName::All) => Who::All,
        RawWho::Nodes(nodes) => {
            if nodes.is_empty() {
                return wrong(target, "the list is empty: name at least one server, like [0]");
            }
            if let Some(node) = nodes.iter().find(|node| **node >= servers_min) {
                let last = servers_min - 1;
                return wrong(
                    target,
                    format!(
                        "server {node} does not exist: the smallest cluster of this scenario has servers 0 to {last}"
                    ),
                );
            }
            Who::Nodes(nodes.iter().copied().map(NodeId).collect())
        }
    })
}

impl From<Range> for Span {
    fn from(range: Range) -> Span {
        Span { min_ns: range.min_ns, max_ns: range.max_ns }
    }
}
