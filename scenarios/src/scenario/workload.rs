//! The workload of a scenario file.

use serde::Deserialize;
use toml::Spanned;
use whitewater_kv::codec::VALUE_BYTES_MAX;
use whitewater_sim::time::{MILLISECOND_NS, SECOND_NS};

use super::quantity::{Count, Duration, Probability, Range, Size};
use super::{Bursts, Hot, Load, Mix, Reads, Workload};
use crate::mistake::{Mistake, wrong, wrong_default};

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawWorkload {
    rate: Option<Spanned<Count<0, 100_000>>>,
    keys: Option<Count<1, 100_000>>,
    in_flight: Option<Count<1, 100>>,
    reads: Option<Spanned<RawReads>>,
    mix: Option<Spanned<RawMix>>,
    think: Option<Spanned<Range>>,
    hot: Option<Spanned<RawHot>>,
    bursts: Option<Spanned<RawBursts>>,
    value_bytes: Option<Spanned<Size>>,
    duplicate: Option<Probability>,
    #[serde(default)]
    load: Vec<Spanned<RawLoad>>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawHot {
    keys: Count<1, 100_000>,
    share: Probability,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawBursts {
    every: Range,
    lasting: Range,
    factor: Count<2, 1000>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawLoad {
    at: Spanned<Duration>,
    over: Option<Duration>,
    operations: Count<1, 1_000_000>,
    mix: Option<Spanned<RawMix>>,
    value_bytes: Option<Spanned<Size>>,
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

/// The bytes of all values that a run may write, about.
const VALUES_BYTES_MAX: u64 = 1 << 30;

/// The most loads.
const LOADS_MAX: usize = 1_000;

/// What is done if the file does not say.
const MIX: Mix = Mix { get: 4, put: 3, append: 2, delete: 1, compare_and_swap: 2, range: 0, transaction: 0, batch: 0 };

/// Whether operations are written down in the file.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Operations {
    /// They are: nothing is made up.
    WrittenDown,
    /// They are not.
    MadeUp,
}

impl RawWorkload {
    pub(super) fn check(self, duration_ns: u64, clients: u32, operations: Operations) -> Result<Workload, Mistake> {
        let mix = match &self.mix {
            Some(mix) => mix.get_ref().check(mix)?,
            None => MIX,
        };
        let reads = match &self.reads {
            Some(reads) => reads.get_ref().check(reads)?,
            None => Reads { log: 1, quorum: 1, lease: 1, any_server: 1 },
        };
        if let Some(surplus) = self.load.get(LOADS_MAX) {
            return wrong(surplus, format!("there are more than {LOADS_MAX} loads: leave some of them out"));
        }
        let mut loads = Vec::new();
        for load in &self.load {
            loads.push(load.get_ref().check(duration_ns)?);
        }
        if let (Some(think), true) = (&self.think, self.rate.is_some() || self.bursts.is_some()) {
            return wrong(
                think,
                "clients that think between operations have no rate, and so no bursts: leave these or `think` out",
            );
        }
        let workload = Workload {
            rate: self.rate.as_ref().map_or(100, |rate| rate.get_ref().0),
            keys: self.keys.map_or(10, |keys| keys.0),
            in_flight: self.in_flight.map_or(4, |count| count.0),
            reads,
            mix,
            think: self.think.as_ref().map(|think| (*think.get_ref()).into()),
            hot: self.hot()?,
            bursts: self.bursts()?,
            value_bytes: self.value_bytes.as_ref().map_or(Ok(0), value_bytes)?,
            duplicate_ppm: self.duplicate.map_or(0, |duplicate| duplicate.0),
            loads,
        };
        if operations == Operations::MadeUp {
            self.check_amount(&workload, duration_ns, clients)?;
        }
        Ok(workload)
    }

    fn hot(&self) -> Result<Option<Hot>, Mistake> {
        let Some(hot) = &self.hot else { return Ok(None) };
        let RawHot { keys: Count(keys), share: Probability(share_ppm) } = *hot.get_ref();
        if keys > self.keys.map_or(10, |keys| keys.0) {
            return wrong(hot, "there are fewer keys than popular ones: lower `keys` here, or raise `workload.keys`");
        }
        Ok(Some(Hot { keys, share_ppm }))
    }

    fn bursts(&self) -> Result<Option<Bursts>, Mistake> {
        let Some(bursts) = &self.bursts else { return Ok(None) };
        let RawBursts { every, lasting, factor: Count(factor) } = *bursts.get_ref();
        if self.think.is_some() {
            return wrong(bursts, "clients that think have no rate that bursts could raise: leave out one of the two");
        }
        if every.max_ns < MILLISECOND_NS || lasting.max_ns < MILLISECOND_NS {
            return wrong(
                bursts,
                "bursts come every millisecond at most, and last as long at least: raise `every` or `lasting`",
            );
        }
        Ok(Some(Bursts { every: every.into(), lasting: lasting.into(), factor }))
    }

    /// Refuses a workload that asks for nothing, and one that would not fit into memory.
    fn check_amount(&self, workload: &Workload, duration_ns: u64, clients: u32) -> Result<(), Mistake> {
        if let Some(rate) = &self.rate
            && workload.rate == 0
            && workload.think.is_none()
            && workload.loads.is_empty()
        {
            return wrong(
                rate,
                "nobody asks for anything: raise the rate, or add a [[workload.load]] or [[operations]]",
            );
        }
        let factor = workload.bursts.map_or(1, |bursts| u64::from(bursts.factor));
        let steady = match workload.think {
            Some(think) => {
                let pause_ns = (think.min_ns / 2 + think.max_ns / 2).max(MILLISECOND_NS);
                u64::from(clients) * u64::from(workload.in_flight) * (duration_ns / pause_ns)
            }
            None => u64::from(workload.rate).saturating_mul(duration_ns) / SECOND_NS,
        };
        let operations = steady.saturating_mul(factor);
        if operations > OPERATIONS_MAX {
            let message = |what: &str| {
                format!("this makes more than {OPERATIONS_MAX} operations a run: lower {what} or the duration")
            };
            return match (&self.think, &self.rate, &self.bursts) {
                (Some(think), ..) => wrong(think, message("the number of clients, think for longer,")),
                (None, Some(rate), _) => wrong(rate, message("the rate")),
                (None, None, Some(bursts)) => wrong(bursts, message("the factor")),
                (None, None, None) => wrong_default(&message("`workload.rate`")),
            };
        }
        let mut bytes = operations.saturating_mul(u64::from(workload.value_bytes));
        let mut all = operations;
        for (load, place) in workload.loads.iter().zip(&self.load) {
            all += u64::from(load.operations);
            let each = if load.value_bytes == 0 { workload.value_bytes } else { load.value_bytes };
            bytes = bytes.saturating_add(u64::from(load.operations) * u64::from(each));
            if all > OPERATIONS_MAX {
                return wrong(place, format!("this makes more than {OPERATIONS_MAX} operations a run: ask for fewer"));
            }
        }
        if bytes > VALUES_BYTES_MAX {
            let place = self
                .value_bytes
                .as_ref()
                .or_else(|| self.load.iter().find_map(|load| load.get_ref().value_bytes.as_ref()));
            let place = place.expect("values are short unless the file says otherwise");
            return wrong(
                place,
                "all written values together would be more than 1GiB: make them shorter, or write fewer",
            );
        }
        Ok(())
    }
}

/// The most bytes of one value that is made up.
fn value_bytes(size: &Spanned<Size>) -> Result<u32, Mistake> {
    match u32::try_from(size.get_ref().0) {
        Ok(bytes) if bytes as usize <= VALUE_BYTES_MAX => Ok(bytes),
        Ok(_) | Err(_) => wrong(size, "a value has 1MiB at most: write a smaller size"),
    }
}

impl RawLoad {
    fn check(&self, duration_ns: u64) -> Result<Load, Mistake> {
        let Duration(at_ns) = *self.at.get_ref();
        let over_ns = self.over.map_or(0, |Duration(ns)| ns);
        if at_ns + over_ns >= duration_ns {
            return wrong(
                &self.at,
                "this is not over when everything is healed: begin earlier, or raise `timing.duration`",
            );
        }
        Ok(Load {
            at_ns,
            over_ns,
            operations: self.operations.0,
            mix: self.mix.as_ref().map(|mix| mix.get_ref().check(mix)).transpose()?,
            value_bytes: self.value_bytes.as_ref().map_or(Ok(0), value_bytes)?,
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
