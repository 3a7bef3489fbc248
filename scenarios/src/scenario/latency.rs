//! Latencies of a scenario file: a duration, a range, or a distribution with its parameters.

use std::fmt;

use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer, StrDeserializer};
use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use whitewater_sim::Latency;

use super::quantity::{Duration, Probability, Range};

/// How long something takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RawLatency(pub(super) Latency);

/// The keys of a distribution: `kind` decides which of them belong to it.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Keys {
    kind: Kind,
    min: Option<Duration>,
    mean: Option<Duration>,
    max: Option<Duration>,
    usual: Option<Range>,
    other: Option<Range>,
    chance: Option<Probability>,
}

#[derive(Clone, Copy, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Kind {
    Uniform,
    Exponential,
    Bimodal,
    LongTail,
}

impl From<Range> for RawLatency {
    fn from(Range { min_ns, max_ns }: Range) -> RawLatency {
        RawLatency(Latency::Uniform { min_ns, max_ns })
    }
}

impl<'de> Deserialize<'de> for RawLatency {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Shape;
        impl<'de> Visitor<'de> for Shape {
            type Value = RawLatency;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(
                    f,
                    "a duration like \"2ms\", two like [\"1ms\", \"5ms\"], or a distribution like \
                     {{ kind = \"exponential\", min = \"1ms\", mean = \"5ms\" }}"
                )
            }
            fn visit_str<E: Error>(self, text: &str) -> Result<RawLatency, E> {
                Range::deserialize(StrDeserializer::new(text)).map(RawLatency::from)
            }
            fn visit_seq<A: SeqAccess<'de>>(self, ends: A) -> Result<RawLatency, A::Error> {
                Range::deserialize(SeqAccessDeserializer::new(ends)).map(RawLatency::from)
            }
            fn visit_map<A: MapAccess<'de>>(self, keys: A) -> Result<RawLatency, A::Error> {
                Keys::deserialize(MapAccessDeserializer::new(keys))?.latency().map(RawLatency).map_err(A::Error::custom)
            }
        }
        deserializer.deserialize_any(Shape)
    }
}

impl Keys {
    fn latency(self) -> Result<Latency, &'static str> {
        let Keys { kind, min, mean, max, usual, other, chance } = self;
        let is_bimodal = usual.is_some() || other.is_some() || chance.is_some();
        let ns = |duration: Option<Duration>| duration.map(|Duration(ns)| ns);
        match (kind, ns(min), ns(mean), ns(max)) {
            (Kind::Uniform, Some(min_ns), None, Some(max_ns)) if !is_bimodal => {
                if min_ns > max_ns {
                    Err(SWAPPED)
                } else {
                    Ok(Latency::Uniform { min_ns, max_ns })
                }
            }
            (Kind::Exponential, Some(min_ns), Some(mean_ns), None) if !is_bimodal => {
                if min_ns > mean_ns {
                    Err("`min` is above `mean`: raise the mean")
                } else {
                    Ok(Latency::Exponential { min_ns, mean_ns })
                }
            }
            (Kind::LongTail, Some(min_ns), None, Some(max_ns)) if !is_bimodal => match min_ns {
                0 => Err("a long-tail latency multiplies `min`, so `min` is more than zero"),
                _ if min_ns > max_ns => Err(SWAPPED),
                _ => Ok(Latency::LongTail { min_ns, max_ns }),
            },
            (Kind::Bimodal, None, None, None) => match (usual, other, chance) {
                (Some(usual), Some(other), Some(Probability(other_ppm))) => Ok(Latency::Bimodal {
                    usual_ns: (usual.min_ns, usual.max_ns),
                    other_ns: (other.min_ns, other.max_ns),
                    other_ppm,
                }),
                _ => Err(BIMODAL),
            },
            (Kind::Uniform | Kind::LongTail, ..) => {
                Err("a uniform or long-tail latency needs `min` and `max`, and nothing else")
            }
            (Kind::Exponential, ..) => Err("an exponential latency needs `min` and `mean`, and nothing else"),
            (Kind::Bimodal, ..) => Err(BIMODAL),
        }
    }
}

const SWAPPED: &str = "`min` is above `max`: swap them";

const BIMODAL: &str =
    "a bimodal latency needs `usual` and `other`, a range each, and the `chance` of the other, and nothing else";
