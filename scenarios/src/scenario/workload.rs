//! The workload of a scenario file.

use serde::Deserialize;
use toml::Spanned;
use whitewater_sim::time::SECOND_NS;

use super::format::{Mistake, wrong};
use super::quantity::Count;
use super::{Mix, Reads, Workload};

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawWorkload {
    rate: Option<Spanned<Count<1, 100_000>>>,
    keys: Option<Count<1, 100_000>>,
    in_flight: Option<Count<1, 100>>,
    reads: Option<Spanned<RawReads>>,
    mix: Option<Spanned<RawMix>>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(
    untagged,
    expecting = "reads are \"log\", \"quorum\", \"lease\", \"any-server\", \
                 or weights of them like { quorum = 1, lease = 2 }"
)]
enum RawReads {
    One(RawWay),
    Weights(RawWeights),
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum RawWay {
    Log,
    Quorum,
    Lease,
    AnyServer,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct RawWeights {
    #[serde(default = "none")]
    log: Count<0, 1000>,
    #[serde(default = "none")]
    quorum: Count<0, 1000>,
    #[serde(default = "none")]
    lease: Count<0, 1000>,
    #[serde(default = "none")]
    any_server: Count<0, 1000>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct RawMix {
    #[serde(default = "none")]
    get: Count<0, 1000>,
    #[serde(default = "none")]
    put: Count<0, 1000>,
    #[serde(default = "none")]
    append: Count<0, 1000>,
    #[serde(default = "none")]
    delete: Count<0, 1000>,
    #[serde(default = "none")]
    compare_and_swap: Count<0, 1000>,
    #[serde(default = "none")]
    range: Count<0, 1000>,
    #[serde(default = "none")]
    transaction: Count<0, 1000>,
    #[serde(default = "none")]
    batch: Count<0, 1000>,
}

fn none() -> Count<0, 1000> {
    Count(0)
}

/// Virtual time times rate: what one run may ask of memory.
const OPERATIONS_MAX: u64 = 2_000_000;

impl RawWorkload {
    pub(super) fn check(self, duration_ns: u64) -> Result<Workload, Mistake> {
        if let Some(rate) = &self.rate
            && u64::from(rate.get_ref().0).saturating_mul(duration_ns) / SECOND_NS > OPERATIONS_MAX
        {
            return wrong(
                rate,
                format!("this makes more than {OPERATIONS_MAX} operations a run: lower the rate or the duration"),
            );
        }
        let mix = match self.mix {
            Some(mix) => mix.get_ref().check(&mix)?,
            None => {
                Mix { get: 4, put: 3, append: 2, delete: 1, compare_and_swap: 2, range: 0, transaction: 0, batch: 0 }
            }
        };
        let reads = match self.reads {
            Some(reads) => reads.get_ref().check(&reads)?,
            None => Reads { log: 1, quorum: 1, lease: 1, any_server: 1 },
        };
        Ok(Workload {
            rate: self.rate.map_or(100, |rate| rate.into_inner().0),
            keys: self.keys.map_or(10, |keys| keys.0),
            in_flight: self.in_flight.map_or(4, |count| count.0),
            reads,
            mix,
            think: None,
            hot: None,
            bursts: None,
            value_bytes: 0,
            duplicate_ppm: 0,
            loads: Vec::new(),
        })
    }
}

impl RawMix {
    fn check(self, place: &Spanned<RawMix>) -> Result<Mix, Mistake> {
        let RawMix { get, put, append, delete, compare_and_swap, range, transaction, batch } = self;
        let weights = [get, put, append, delete, compare_and_swap, range, transaction, batch];
        if weights.iter().all(|weight| weight.0 == 0) {
            return wrong(place, "every weight is zero: give at least one kind of operation a weight");
        }
        Ok(Mix {
            get: get.0,
            put: put.0,
            append: append.0,
            delete: delete.0,
            compare_and_swap: compare_and_swap.0,
            range: range.0,
            transaction: transaction.0,
            batch: batch.0,
        })
    }
}

impl RawReads {
    fn check(self, place: &Spanned<RawReads>) -> Result<Reads, Mistake> {
        const NONE: Reads = Reads { log: 0, quorum: 0, lease: 0, any_server: 0 };
        let reads = match self {
            RawReads::One(RawWay::Log) => Reads { log: 1, ..NONE },
            RawReads::One(RawWay::Quorum) => Reads { quorum: 1, ..NONE },
            RawReads::One(RawWay::Lease) => Reads { lease: 1, ..NONE },
            RawReads::One(RawWay::AnyServer) => Reads { any_server: 1, ..NONE },
            RawReads::Weights(RawWeights { log, quorum, lease, any_server }) => {
                Reads { log: log.0, quorum: quorum.0, lease: lease.0, any_server: any_server.0 }
            }
        };
        if reads == NONE {
            return wrong(place, "every weight is zero: give at least one way to read a weight");
        }
        Ok(reads)
    }
}
