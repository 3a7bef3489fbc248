//! The parts of a scenario file that say what servers, links, clocks and disks are like.

use serde::Deserialize;
use toml::Spanned;
use whitewater_kv::client::Patience;
use whitewater_raft::config::{PreVote, QuorumCheck};
use whitewater_sim::ClockProfile;
use whitewater_sim::disk::{CrashKeeps, DiskProfile, Losses};
use whitewater_sim::time::{MICROSECOND_NS, MILLISECOND_NS, SECOND_NS};
use whitewater_sim::{Latency, LinkProfile};

use super::latency::RawLatency;
use super::quantity::{Count, CountOrNever, Duration, Limit, Probability, Range, Ratio, Size};
use super::{Protocol, Replication, Sessions, Timing};
use crate::mistake::{Mistake, wrong, wrong_default};

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawTiming {
    election_timeout: Option<Range>,
    heartbeat: Option<Spanned<Duration>>,
    attempt: Option<Spanned<Duration>>,
    backoff: Option<Spanned<Duration>>,
    backoff_max: Option<Spanned<Duration>>,
    give_up: Option<Spanned<Duration>>,
    duration: Option<Spanned<Duration>>,
    settle: Option<Spanned<Duration>>,
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawProtocol {
    pre_vote: Option<RawSwitch>,
    quorum_check: Option<RawSwitch>,
    clock_drift: Option<Ratio>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum RawSwitch {
    On,
    Off,
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawReplication {
    entries_per_append: Option<Count<1, 10_000>>,
    appends_in_flight: Option<Count<1, 10_000>>,
    append_bytes: Option<Size>,
    in_flight_bytes: Option<Size>,
    uncommitted_bytes: Option<Size>,
    snapshot_chunk: Option<Size>,
    promotion_gap: Option<Count<0, 1_000_000>>,
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawSnapshots {
    every: Option<CountOrNever<1, 1_000_000>>,
    entries_kept: Option<Count<0, 1_000_000>>,
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawSessions {
    idle_entries: Option<Count<1, 1_000_000_000>>,
    max: Option<Count<1, 1_000_000>>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawClocks {
    skew: Option<Duration>,
    drift: Option<Spanned<Ratio>>,
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawNetwork {
    pub(super) latency: Option<RawLatency>,
    pub(super) loss: Option<Probability>,
    pub(super) duplicate: Option<Probability>,
    pub(super) reorder: Option<Probability>,
    pub(super) reorder_delay: Option<Duration>,
    pub(super) corrupt: Option<Probability>,
    pub(super) bandwidth: Option<Limit>,
    pub(super) queue: Option<Limit>,
}

#[derive(Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawDisk {
    sync: Option<RawLatency>,
    crash_keeps: Option<RawCrashKeeps>,
    losses: Option<Spanned<RawLosses>>,
    segment_bytes: Option<Size>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum RawCrashKeeps {
    Nothing,
    Prefix,
    Subset,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum RawLosses {
    Survived,
    Any,
}

impl RawTiming {
    pub(super) fn check(self) -> Result<Timing, Mistake> {
        let positive = |value: Option<Spanned<Duration>>, default_ns: u64| match value {
            Some(value) if value.get_ref().0 == 0 => {
                wrong(&value, "zero is not possible here: write a duration like \"50ms\"")
            }
            Some(value) => Ok(value.into_inner().0),
            None => Ok(default_ns),
        };
        let election_timeout =
            self.election_timeout.unwrap_or(Range { min_ns: 150 * MILLISECOND_NS, max_ns: 300 * MILLISECOND_NS });
        if let Some(heartbeat) = &self.heartbeat
            && heartbeat.get_ref().0 >= election_timeout.min_ns
        {
            return wrong(
                heartbeat,
                "the heartbeat is not below the shortest election timeout: followers would depose every leader; lower it",
            );
        }
        let heartbeat_ns = positive(self.heartbeat, 50 * MILLISECOND_NS)?;
        if heartbeat_ns >= election_timeout.min_ns {
            return wrong_default(
                "`timing.election_timeout` is not above the heartbeat (50ms by default): raise it, or set `timing.heartbeat`",
            );
        }
        let backoff_ns = positive(self.backoff, 20 * MILLISECOND_NS)?;
        let backoff_ns_max = match self.backoff_max {
            Some(most) if most.get_ref().0 < backoff_ns => {
                return wrong(&most, "the longest wait is below the first one (`timing.backoff`): raise it");
            }
            Some(most) => most.get_ref().0,
            None => backoff_ns.max(200 * MILLISECOND_NS),
        };
        Ok(Timing {
            election_timeout_ns: election_timeout.into(),
            heartbeat_ns,
            patience: Patience {
                attempt_ns: positive(self.attempt, 300 * MILLISECOND_NS)?,
                backoff_ns,
                backoff_ns_max,
                give_up_ns: positive(self.give_up, 3 * SECOND_NS)?,
            },
            duration_ns: positive(self.duration, 10 * SECOND_NS)?,
            settle_ns: positive(self.settle, 10 * SECOND_NS)?,
        })
    }
}

impl RawProtocol {
    pub(super) fn check(self) -> Protocol {
        Protocol {
            pre_vote: match self.pre_vote {
                Some(RawSwitch::On) | None => PreVote::On,
                Some(RawSwitch::Off) => PreVote::Off,
            },
            quorum_check: match self.quorum_check {
                Some(RawSwitch::On) | None => QuorumCheck::On,
                Some(RawSwitch::Off) => QuorumCheck::Off,
            },
            clock_drift_ppm_max: self.clock_drift.map_or(500, |drift| drift.0),
        }
    }
}

impl RawReplication {
    pub(super) fn check(self, entries_kept: u64) -> Replication {
        let bytes = |size: Option<Size>, default: u64| size.map_or(default, |size| size.0);
        Replication {
            entries_per_append: self.entries_per_append.map_or(64, |count| count.0),
            appends_in_flight: self.appends_in_flight.map_or(16, |count| count.0),
            append_bytes: bytes(self.append_bytes, 1 << 20),
            in_flight_bytes: bytes(self.in_flight_bytes, 4 << 20),
            uncommitted_bytes: bytes(self.uncommitted_bytes, 16 << 20),
            snapshot_chunk: bytes(self.snapshot_chunk, 256 << 10),
            promotion_gap: self.promotion_gap.map_or(100, |count| count.0),
            entries_kept,
        }
    }
}

impl RawSnapshots {
    /// How many entries there are between two snapshots, and how many stay in the log behind one.
    pub(super) fn check(self) -> (Option<u32>, u64) {
        let every = self.every.map_or(Some(1_000), |every| every.0);
        (every, self.entries_kept.map_or(100, |count| u64::from(count.0)))
    }
}

impl RawSessions {
    pub(super) fn check(self) -> Sessions {
        Sessions {
            idle_entries: self.idle_entries.map_or(100_000, |count| u64::from(count.0)),
            max: self.max.map_or(10_000, |count| count.0),
        }
    }
}

impl RawClocks {
    /// Where the file says how much clocks drift.
    pub(super) fn drift_place(&self) -> Option<usize> {
        self.drift.as_ref().map(|drift| drift.span().start)
    }

    pub(super) fn profile(self) -> ClockProfile {
        ClockProfile {
            skew_ns_max: self.skew.map_or(0, |skew| skew.0),
            drift_ppm_max: self.drift.map_or(0, |drift| drift.into_inner().0),
        }
    }
}

impl RawNetwork {
    /// The links that this describes; what it leaves out is as in `base`.
    pub(super) fn profile(self, base: LinkProfile) -> LinkProfile {
        LinkProfile {
            latency: self.latency.map_or(base.latency, |latency| latency.0),
            loss_ppm: self.loss.map_or(base.loss_ppm, |loss| loss.0),
            duplicate_ppm: self.duplicate.map_or(base.duplicate_ppm, |duplicate| duplicate.0),
            reorder_ppm: self.reorder.map_or(base.reorder_ppm, |reorder| reorder.0),
            reorder_ns_max: self.reorder_delay.map_or(base.reorder_ns_max.max(10 * MILLISECOND_NS), |delay| delay.0),
            corrupt_ppm: self.corrupt.map_or(base.corrupt_ppm, |corrupt| corrupt.0),
            bandwidth: self.bandwidth.map_or(base.bandwidth, |bandwidth| bandwidth.0),
            queue_bytes_max: self.queue.map_or(base.queue_bytes_max, |queue| queue.0),
        }
    }
}

impl RawDisk {
    /// Where the file says which disks may be lost.
    pub(super) fn losses_place(&self) -> Option<usize> {
        self.losses.as_ref().map(|losses| losses.span().start)
    }

    pub(super) fn profile(&self) -> DiskProfile {
        DiskProfile {
            sync: self.sync.map_or(Latency::constant(500 * MICROSECOND_NS), |latency| latency.0),
            crash_keeps: match self.crash_keeps {
                Some(RawCrashKeeps::Nothing) => CrashKeeps::Nothing,
                Some(RawCrashKeeps::Prefix) => CrashKeeps::Prefix,
                Some(RawCrashKeeps::Subset) | None => CrashKeeps::Subset,
            },
            losses: match self.losses.as_ref().map(Spanned::get_ref) {
                Some(RawLosses::Any) => Losses::Any,
                Some(RawLosses::Survived) | None => Losses::Survived,
            },
        }
    }

    pub(super) fn segment_bytes(&self) -> u64 {
        self.segment_bytes.map_or(64 << 10, |size| size.0)
    }
}
